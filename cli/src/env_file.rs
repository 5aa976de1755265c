//! Items from a file of `NAME=value` lines, by the rules of `kubectl create secret --from-env-file`.
//!
//! Blanks in front of a line, empty lines and lines that begin with `#` are skipped. A name is
//! letters, digits, `-`, `_` and `.`, not a digit first. The value is everything behind the first
//! `=`, as it stands: quotes and blanks belong to it. A name without `=` takes its value from the
//! environment; unlike in kubectl it must be set there.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::env::Environment;
use crate::target::is_item_name;

/// What is wrong with a line, without any value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvFileError {
    /// Not UTF-8.
    #[error("line {line}: not UTF-8 text")]
    Text {
        /// The line, from one.
        line: usize,
    },
    /// What stands before `=` is no name.
    #[error(
        "line {line}: expected NAME=value, with a name of letters, digits, '-', '_' and '.' that begins with no digit"
    )]
    Name {
        /// The line, from one.
        line: usize,
    },
    /// A name that was there before.
    #[error("line {line}: {name} is there twice")]
    Twice {
        /// The line, from one.
        line: usize,
        /// The name.
        name: String,
    },
    /// A name without a value, and no such variable.
    // The name is not repeated: it may be the rest of a value that was broken in two.
    #[error("line {line} has no value, and there is no variable of its name")]
    Unset {
        /// The line, from one.
        line: usize,
    },
    /// There is nothing in it.
    #[error("there are no items in it")]
    Empty,
}

/// Reads the items of such a file.
///
/// # Errors
/// The first line that is wrong.
pub fn items(
    content: &[u8],
    environment: &Environment,
) -> Result<BTreeMap<String, Zeroizing<Vec<u8>>>, EnvFileError> {
    let mut items = BTreeMap::new();
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| EnvFileError::Text { line: number })?;
        let text = match index {
            0 => text.strip_prefix('\u{feff}').unwrap_or(text),
            _ => text,
        };
        let text = text.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if !is_name(name) {
            return Err(EnvFileError::Name { line: number });
        }
        let name = name.to_owned();
        let value = match value {
            Some(value) => value.as_bytes().to_vec(),
            None => match environment.value(&name) {
                Some(value) => value.as_encoded_bytes().to_vec(),
                None => return Err(EnvFileError::Unset { line: number }),
            },
        };
        if items.insert(name.clone(), Zeroizing::new(value)).is_some() {
            return Err(EnvFileError::Twice { line: number, name });
        }
    }
    if items.is_empty() {
        return Err(EnvFileError::Empty);
    }
    Ok(items)
}

fn is_name(name: &str) -> bool {
    is_item_name(name) && !name.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_kubectl_reads_them() {
        let environment: Environment = [("FROM_ENV", "outside")].into_iter().collect();
        let text = "\u{feff}A=1\r\n\n  # no\n  b.c-d= two = \"2\" # all \nEMPTY=\nFROM_ENV\n";
        let found = items(text.as_bytes(), &environment).unwrap();
        let found: Vec<(&str, &[u8])> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        assert_eq!(
            found,
            [
                ("A", &b"1"[..]),
                ("EMPTY", b""),
                ("FROM_ENV", b"outside"),
                ("b.c-d", b" two = \"2\" # all "),
            ]
        );
    }

    #[test]
    fn wrong_lines_are_named_and_not_repeated() {
        for (text, wanted) in [
            (&b"A=1\nhunter2 x\n"[..], "line 2: expected NAME=value"),
            (b"1A=x", "line 1: expected"),
            (b"=x", "line 1: expected"),
            (b"A=1\n\nA=2", "line 3: A is there twice"),
            (b"A=\xff", "line 1: not UTF-8"),
            (b"NONE\n", "line 1 has no value"),
            (b"# nothing\n", "no items"),
        ] {
            let error = items(text, &Environment::default())
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(wanted) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
