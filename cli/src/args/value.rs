//! What the text behind a flag means.

use std::ffi::{OsStr, OsString};
use std::fmt;

/// A value that a flag doesn't take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InvalidValue(pub(super) String);

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Any text.
pub(super) fn text(value: &OsStr) -> Result<String, InvalidValue> {
    value
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| InvalidValue("not UTF-8 text".to_owned()))
}

/// On or off, in the spellings of Go's `strconv.ParseBool`.
pub(super) fn switch(value: &OsStr) -> Result<bool, InvalidValue> {
    match value.to_str() {
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        _ => Err(InvalidValue("expected true or false".to_owned())),
    }
}

/// A namespace; `ns/`, `namespace/` and `namespaces/` in front are taken off, as in kubectl.
pub(super) fn namespace(value: &OsStr) -> Result<String, InvalidValue> {
    let value = text(value)?;
    let stripped = ["namespaces/", "namespace/", "ns/"]
        .into_iter()
        .find_map(|prefix| {
            let (head, rest) = value.split_at_checked(prefix.len())?;
            (head.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then(|| rest.to_owned())
        });
    Ok(stripped.unwrap_or(value))
}

/// File names separated by commas; one that holds a comma or a quote stands in quotes, as in CSV.
pub(super) fn list(value: &OsStr) -> Result<Vec<OsString>, InvalidValue> {
    let Some(value) = value.to_str() else {
        // Not text, so it is a single file name.
        return Ok(vec![value.to_owned()]);
    };
    let line = value.lines().next().unwrap_or_default();
    let mut fields = Vec::new();
    let mut rest = Some(line).filter(|line| !line.is_empty());
    while let Some(text) = rest {
        let (field, after) = match text.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => match text.split_once(',') {
                Some((field, after)) => (field.to_owned(), Some(after)),
                None => (text.to_owned(), None),
            },
        };
        if !text.starts_with('"') && field.contains('"') {
            return Err(InvalidValue(
                "quote within a file name that does not start with one".to_owned(),
            ));
        }
        fields.push(field.into());
        rest = after;
    }
    Ok(fields)
}

/// The field behind an opening quote, and what follows the comma after it.
fn quoted_field(text: &str) -> Result<(String, Option<&str>), InvalidValue> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let Some((part, after)) = rest.split_once('"') else {
            return Err(InvalidValue("quote is not closed".to_owned()));
        };
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None if after.is_empty() => return Ok((field, None)),
            None => {
                let after = after
                    .strip_prefix(',')
                    .ok_or_else(|| InvalidValue("text behind a closing quote".to_owned()))?;
                return Ok((field, Some(after)));
            }
        }
    }
}

/// A whole number that fits `T`.
pub(super) fn number<T: std::str::FromStr>(value: &OsStr) -> Result<(), InvalidValue> {
    value
        .to_str()
        .and_then(|text| text.parse::<T>().ok())
        .map(drop)
        .ok_or_else(|| InvalidValue("expected a number".to_owned()))
}

/// A severity of klog: its name or number.
pub(super) fn severity(value: &OsStr) -> Result<(), InvalidValue> {
    const NAMES: [&str; 4] = ["INFO", "WARNING", "ERROR", "FATAL"];
    match value.to_str() {
        Some(text) if NAMES.contains(&text.to_ascii_uppercase().as_str()) => Ok(()),
        _ => number::<i32>(value)
            .map_err(|_| InvalidValue("expected INFO, WARNING, ERROR or FATAL".to_owned())),
    }
}

/// klog's verbosity by file: `pattern=N`, separated by commas.
pub(super) fn verbosity_by_file(value: &OsStr) -> Result<(), InvalidValue> {
    let fits = |part: &str| {
        part.split_once('=')
            .is_some_and(|(pattern, level)| !pattern.is_empty() && level.parse::<i32>().is_ok())
    };
    match value.to_str() {
        Some(text) if text.split(',').all(|part| part.is_empty() || fits(part)) => Ok(()),
        _ => Err(InvalidValue(
            "expected a comma-separated list of pattern=N".to_owned(),
        )),
    }
}

/// klog's place to log a stack trace at: `file.go:N`.
pub(super) fn line_of_code(value: &OsStr) -> Result<(), InvalidValue> {
    let fits = |text: &str| {
        text.split_once(':').is_some_and(|(file, line)| {
            file.contains('.') && line.parse::<i32>().is_ok_and(|line| line > 0)
        })
    };
    match value.to_str() {
        Some(text) if text.is_empty() || fits(text) => Ok(()),
        _ => Err(InvalidValue("expected file.go:N".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_have_the_spellings_of_go() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(switch(text.as_ref()), Ok(true), "{text}");
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(switch(text.as_ref()), Ok(false), "{text}");
        }
        for text in ["", "yes", "tRUE", "on", "2", " true", "v0.27.1"] {
            assert!(switch(text.as_ref()).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_are_lines_of_csv() {
        for (text, fields) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            ("a,", &["a", ""]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"a\"\"b\"", &["a\"b"]),
            (" a, b", &[" a", " b"]),
            ("key=path", &["key=path"]),
        ] {
            assert_eq!(list(text.as_ref()).unwrap(), fields, "{text}");
        }
        for text in ["\"a", "a\"b", "\"a\"b"] {
            assert!(list(text.as_ref()).is_err(), "{text}");
        }
    }

    #[test]
    fn prefixes_of_namespaces_are_taken_off() {
        for (text, wanted) in [
            ("x", "x"),
            ("ns/x", "x"),
            ("NS/x", "x"),
            ("namespace/x", "x"),
            ("Namespaces/x", "x"),
            ("ns/", "ns/"),
            ("", ""),
            ("é", "é"),
            ("ns/ns/x", "ns/x"),
        ] {
            assert_eq!(namespace(text.as_ref()).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn the_values_of_klog_flags_are_checked() {
        for text in ["INFO", "warning", "2"] {
            assert_eq!(severity(text.as_ref()), Ok(()), "{text}");
        }
        assert!(severity("LOUD".as_ref()).is_err());
        for text in ["", "a=1", "a=1,b=2,", "x/*=5"] {
            assert_eq!(verbosity_by_file(text.as_ref()), Ok(()), "{text}");
        }
        for text in ["a", "a=b", "=1", "a="] {
            assert!(verbosity_by_file(text.as_ref()).is_err(), "{text}");
        }
        assert_eq!(line_of_code("a.go:5".as_ref()), Ok(()));
        for text in ["x", "x:5", "a.go:0", "a.go:x"] {
            assert!(line_of_code(text.as_ref()).is_err(), "{text}");
        }
    }
}
