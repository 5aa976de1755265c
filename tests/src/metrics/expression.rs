//! Which series an expression in PromQL asks for: enough of the language to find names and labels,
//! and to notice where one is misspelt.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Exposition;
use crate::TestError;
use crate::installation::deploy;

/// Words of the language that are neither functions nor metrics.
const WORDS: [&str; 14] = [
    "and",
    "atan2",
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "inf",
    "nan",
    "offset",
    "on",
    "or",
    "unless",
    "without",
];
/// Those of them that a list of labels follows.
const GROUPINGS: [&str; 6] = [
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "on",
    "without",
];
/// Labels that the scraping server adds.
const TARGET_LABELS: [&str; 4] = ["instance", "job", "namespace", "pod"];

/// What an expression asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expression {
    /// Each metric with the labels that select its series.
    pub selectors: Vec<(String, BTreeSet<String>)>,
    /// Labels that results are grouped or matched by.
    pub groupings: BTreeSet<String>,
}

impl Expression {
    /// Reads an expression; variables of dashboards (`$name`) may stand within strings and ranges.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut tokens = tokens(text).into_iter().peekable();
        let mut expression = Self::default();
        while let Some(token) = tokens.next() {
            let Token::Word(word) = token else { continue };
            let next = tokens.peek().cloned();
            if GROUPINGS.contains(&word.as_str()) && next == Some(Token::Sign('(')) {
                expression.groupings.extend(words_until(&mut tokens, ')'));
            } else if WORDS.contains(&word.as_str()) || is_call(next.as_ref()) {
                // A word of the language, or a function.
            } else {
                let labels = if next == Some(Token::Sign('{')) {
                    words_until(&mut tokens, '}')
                } else {
                    BTreeSet::new()
                };
                expression.selectors.push((word, labels));
            }
        }
        expression
    }

    /// What is asked for and not told: metrics, labels of them, and groupings by labels that none of
    /// the metrics has.
    #[must_use]
    pub fn missing_in(&self, exposition: &Exposition) -> Vec<String> {
        let mut missing = Vec::new();
        let mut known = BTreeSet::from(TARGET_LABELS);
        for (metric, labels) in &self.selectors {
            let Some(there) = exposition.labels_of_sample(metric) else {
                missing.push(metric.clone());
                continue;
            };
            let lacks = |label: &&String| {
                !there.contains(label.as_str()) && !TARGET_LABELS.contains(&label.as_str())
            };
            missing.extend(
                labels
                    .iter()
                    .filter(lacks)
                    .map(|label| format!("{metric}{{{label}}}")),
            );
            known.extend(there);
        }
        let unknown = |label: &&String| !known.contains(label.as_str());
        missing.extend(
            self.groupings
                .iter()
                .filter(unknown)
                .map(|label| format!("by ({label})")),
        );
        missing
    }
}

/// Every expression of the dashboard and of the alerts in `deploy/`, behind the name of its place.
///
/// # Errors
/// Fails when a file can't be read, or isn't as expected.
pub fn shipped() -> Result<Vec<(String, String)>, TestError> {
    let mut expressions = Vec::new();
    let text = std::fs::read_to_string(deploy("grafana-dashboard.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    for panel in dashboard["panels"].as_array().ok_or("no panels")? {
        for target in panel["targets"].as_array().ok_or("no targets")? {
            let expression = target["expr"].as_str().ok_or("no expression")?;
            expressions.push((panel["title"].to_string(), expression.to_owned()));
        }
    }
    let alerts = std::fs::read_to_string(deploy("prometheus-alerts.yaml"))?;
    let mut alert = String::new();
    for line in alerts.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- alert: ") {
            name.clone_into(&mut alert);
        } else if let Some(expression) = line.strip_prefix("expr: ") {
            expressions.push((alert.clone(), expression.to_owned()));
        }
    }
    // One that is folded over several lines would be overlooked.
    if alerts.matches("- alert:").count() != alerts.matches("expr: ").count() {
        return Err("not every alert has its expression on one line".into());
    }
    Ok(expressions)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
}

/// Words and signs, without strings, numbers, ranges and space.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word =
            |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
        let end = match first {
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            _ if is_word(first) => rest.find(|it| !is_word(it)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(end);
        match first {
            '"' | '[' | '0'..='9' => {}
            _ if is_word(first) => tokens.push(Token::Word(token.to_owned())),
            sign => tokens.push(Token::Sign(sign)),
        }
        rest = behind.trim_start();
    }
    tokens
}

/// The words up to a closing sign.
fn words_until(tokens: &mut impl Iterator<Item = Token>, end: char) -> BTreeSet<String> {
    let inside = tokens.take_while(|token| *token != Token::Sign(end));
    inside
        .filter_map(|token| match token {
            Token::Word(word) => Some(word),
            Token::Sign(_) => None,
        })
        .collect()
}

/// Whether the word before is a function, or an aggregation whose grouping comes first.
fn is_call(next: Option<&Token>) -> bool {
    match next {
        Some(Token::Sign('(')) => true,
        Some(Token::Word(word)) => word == "by" || word == "without",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn metrics_and_labels_are_found() {
        let text = r#"histogram_quantile(0.99, sum by (le, path) (rate(a_bucket{code=~"5..", path!="x by y"}[$__rate_interval])))
            > 2 and on (job) (b - time()) < 14 * 86400 or absent(c)"#;
        let expression = Expression::read(text);
        assert_eq!(
            expression.selectors,
            [
                ("a_bucket".to_owned(), labels(&["code", "path"])),
                ("b".to_owned(), labels(&[])),
                ("c".to_owned(), labels(&[])),
            ]
        );
        assert_eq!(expression.groupings, labels(&["job", "le", "path"]));
    }

    #[test]
    fn what_is_misspelt_is_missing() {
        let text = "a{x=\"1\"} 1\nb 2\n";
        let exposition = Exposition::parse(text).unwrap();
        let missing = |text| Expression::read(text).missing_in(&exposition);
        assert!(missing("sum by (x, instance) (a{x=\"1\", job=\"j\"}) > b").is_empty());
        assert_eq!(missing("rate(aa[5m])"), ["aa"]);
        assert_eq!(missing("a{y=\"1\"}"), ["a{y}"]);
        assert_eq!(missing("sum by (z) (a)"), ["by (z)"]);
    }
}
