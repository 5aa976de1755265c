//! `--label-selector`: checked here, so that a mistake is told at start and not by a watch that
//! never works.

use super::value::{is_label_value, is_qualified_name};

/// A label selector as the API server takes it; empty selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(String);

impl LabelSelector {
    /// The selector, unless it selects everything.
    pub fn as_text(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

/// Reads a selector: requirements with commas between them, such as `a=b`, `a!=b`, `a in (b, c)`,
/// `a notin (b)`, `a`, `!a`, `a>1`.
pub(super) fn label_selector(text: &str) -> Result<LabelSelector, String> {
    let text = text.trim();
    let wrong = |what: String| format!("invalid label selector {text:?}: {what}");
    if !text.is_empty() {
        let mut reader = Reader(tokens(text));
        loop {
            reader.requirement().map_err(wrong)?;
            match reader.next() {
                None => break,
                Some(",") => {}
                Some(token) => return Err(wrong(format!("unexpected {token:?}"))),
            }
        }
    }
    Ok(LabelSelector(text.to_owned()))
}

/// What is left to read, in reverse.
struct Reader<'a>(Vec<&'a str>);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.0.pop()
    }

    fn peek(&self) -> Option<&'a str> {
        self.0.last().copied()
    }

    fn requirement(&mut self) -> Result<(), String> {
        let absent = self.peek() == Some("!");
        if absent {
            self.next();
        }
        let key = self.next().unwrap_or_default();
        if !is_qualified_name(key) {
            return Err(format!(
                "{key:?} is not a key: write name or domain/name, as in name=value"
            ));
        }
        if absent {
            return Ok(());
        }
        match self.peek() {
            Some("=" | "==" | "!=") => {
                self.next();
                self.value()
            }
            Some(operator @ (">" | "<")) => {
                self.next();
                let value = self.next().unwrap_or_default();
                let number = value.parse::<i64>();
                number.map(drop).map_err(|_| {
                    format!("{value:?} is not a whole number, which {operator} compares with")
                })
            }
            Some("in" | "notin") => {
                self.next();
                self.values()
            }
            _ => Ok(()),
        }
    }

    /// A value; none is the empty one.
    fn value(&mut self) -> Result<(), String> {
        if matches!(self.peek(), None | Some("," | ")")) {
            return Ok(());
        }
        let value = self.next().unwrap_or_default();
        if is_label_value(value) {
            return Ok(());
        }
        Err(format!("{value:?} is not a value of a label"))
    }

    fn values(&mut self) -> Result<(), String> {
        if self.next() != Some("(") {
            return Err("in and notin need values in parentheses".to_owned());
        }
        loop {
            self.value()?;
            match self.next() {
                Some(",") => {}
                Some(")") => return Ok(()),
                _ => return Err("the list of values has no end".to_owned()),
            }
        }
    }
}

/// Words and symbols, the last one first.
fn tokens(text: &str) -> Vec<&str> {
    const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];
    let is_symbol = |c: char| "=!(),<>".contains(c);
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
        let end = match symbol {
            Some(symbol) => symbol.len(),
            None => rest
                .find(|c: char| c.is_whitespace() || is_symbol(c))
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens.reverse();
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_server_takes_is_taken() {
        for good in [
            "a=b",
            "a==b",
            "a!=b",
            "a=",
            "a",
            "!a",
            "a in (b, c),d notin (e)",
            "a in()",
            "example.com/tier = gold , !old",
            "size>3,size<10",
        ] {
            let selector = label_selector(good).unwrap();
            assert_eq!(selector.as_text(), Some(good));
        }
        assert_eq!(label_selector(" ").unwrap().as_text(), None);
    }

    #[test]
    fn mistakes_are_told() {
        for bad in [
            "=b",
            "a=b,",
            ",a",
            "a b",
            "a in b",
            "a in (b",
            "a in (b c)",
            "a=b c",
            "a~b",
            "!a=b",
            "a>b",
            "a=-b-",
            "a!b",
            "a=(b)",
            "/a=b",
        ] {
            let error = label_selector(bad).unwrap_err();
            assert!(
                error.starts_with("invalid label selector"),
                "{bad}: {error}"
            );
        }
    }
}
