//! The items of a SealedSecret as a text to edit, and what an edited text comes to.

use std::collections::BTreeMap;

use sealed_secrets_crds::manifest::{self, ReadError, WriteError};
use sealed_secrets_crds::plain_secret::{PlainSecret, PlainSecretError};
use sealed_secrets_crds::unquoted::{Unquoted, unquoted};
use serde_json::json;
use zeroize::Zeroizing;

use crate::sealed_input::is_one_line;

/// Stands for a value that can't be shown, and is kept.
pub const KEEP: &str = "<keep>";

/// How a line begins that says what was wrong with the text.
const ERROR: &str = "#! ";

/// Items by name; `None` for a value that is sealed.
pub type Items = BTreeMap<String, Option<Zeroizing<Vec<u8>>>>;

/// What is to be done with a SealedSecret.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New and changed items.
    pub set: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// Items that are gone.
    pub remove: Vec<String>,
}

/// Why there is no text to edit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShowError {
    /// Its first line would become several.
    #[error("the name of the SealedSecret has control characters: {0:?}")]
    Title(String),
    /// The items have no text form, which does not happen.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What is wrong with an edited text, without any value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// It can't be read.
    #[error(transparent)]
    Syntax(#[from] ReadError),
    /// It isn't what is expected.
    #[error(transparent)]
    Secret(#[from] PlainSecretError),
    /// There is more than one document in it.
    #[error("expected one document, found {0}")]
    Several(usize),
    /// A value that would be sealed as another text.
    #[error("{}: {found}", found.position)]
    Unquoted {
        /// Where, and what it is taken for.
        found: Unquoted,
    },
    /// A new item without a value.
    #[error("item {0} is new: give it a value instead of {KEEP}")]
    NothingToKeep(String),
}

/// The text for these items. `title` says whose they are.
///
/// # Errors
/// The title isn't one line, or the items have no text form.
pub fn show(title: &str, items: &Items) -> Result<Zeroizing<String>, ShowError> {
    if !is_one_line(title) {
        return Err(ShowError::Title(title.to_owned()));
    }
    let sealed = items.values().any(Option::is_none);
    let mut text = Zeroizing::new(format!(
        "# Items of SealedSecret {title}. Change a value, add an item, or remove one with its line.\n\
         # stringData takes text; data takes base64, for values that aren't text.\n"
    ));
    if sealed {
        text.push_str(&format!(
            "# {KEEP} stands for a sealed value: where you leave it, the value stays as it is.\n"
        ));
    }
    text.push_str("# A file that isn't changed, or is left empty, changes nothing.\n");
    let mut plain = BTreeMap::new();
    let mut binary = BTreeMap::new();
    for (name, value) in items {
        match value.as_ref().map(|value| std::str::from_utf8(value)) {
            None => plain.insert(name, KEEP.to_owned()),
            // As kubectl shows it, so that nothing is lost in an editor.
            Some(Ok(value)) if !value.chars().any(is_control) => {
                plain.insert(name, value.to_owned())
            }
            Some(_) => binary.insert(
                name,
                base64(
                    value
                        .as_ref()
                        .map(|value| value.as_slice())
                        .unwrap_or_default(),
                ),
            ),
        };
    }
    let mut body = json!({ "stringData": plain });
    if !binary.is_empty() {
        body["data"] = json!(binary);
    }
    text.push_str(&Zeroizing::new(manifest::to_yaml(&body)?));
    Ok(text)
}

/// What `edited` asks for, where the items were `items`; nothing if it is empty.
///
/// # Errors
/// What is wrong with it, with the place as [`with_error`] will show it.
pub fn changes(edited: &[u8], items: &Items) -> Result<Option<Changes>, SheetError> {
    // One line goes in front when the text is shown again.
    let shifted = Zeroizing::new([ERROR.as_bytes(), b"\n", without_error(edited)].concat());
    let documents = manifest::read(&shifted)?;
    let document = match documents.as_slice() {
        [] => return Ok(None),
        [document] => document,
        several => return Err(SheetError::Several(several.len())),
    };
    let secret = PlainSecret::from_node(&document.node)?;
    if let Some(found) = unquoted(&document.node).into_iter().next() {
        return Err(SheetError::Unquoted { found });
    }
    let mut changes = Changes::default();
    for (name, value) in secret.items {
        match items.get(&name) {
            Some(None) if *value == KEEP.as_bytes() => {}
            Some(Some(old)) if **old == *value => {}
            None if *value == KEEP.as_bytes() => return Err(SheetError::NothingToKeep(name)),
            _ => {
                changes.set.insert(name, value);
            }
        }
    }
    let node = &document.node;
    let is_there = |name: &str| {
        ["data", "stringData"].iter().any(|field| {
            node.field(field)
                .is_some_and(|map| map.field(name).is_some())
        })
    };
    changes.remove = items
        .keys()
        .filter(|name| !is_there(name))
        .cloned()
        .collect();
    Ok(Some(changes))
}

/// The text to show again, with what is wrong with it on its first line.
pub fn with_error(edited: &[u8], error: &str) -> Zeroizing<String> {
    let text = Zeroizing::new(String::from_utf8_lossy(without_error(edited)).into_owned());
    let line: String = error
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .collect();
    Zeroizing::new(format!("{ERROR}{line}\n{}", *text))
}

/// The text without the line that [`with_error`] puts in front.
pub fn without_error(text: &[u8]) -> &[u8] {
    if !text.starts_with(ERROR.as_bytes()) {
        return text;
    }
    match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => text.get(end + 1..).unwrap_or_default(),
        None => b"",
    }
}

fn is_control(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t')
}

fn base64(value: &[u8]) -> String {
    sealed_secrets_core::item::encode(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(of: &[(&str, Option<&[u8]>)]) -> Items {
        of.iter()
            .map(|(name, value)| {
                (
                    (*name).to_owned(),
                    value.map(|value| Zeroizing::new(value.to_vec())),
                )
            })
            .collect()
    }

    #[test]
    fn a_sheet_that_is_left_as_it_is_changes_nothing() {
        let known = items(&[
            ("a", Some(b"text")),
            ("b", Some(b"two\nlines\n")),
            ("c", Some(&[0, 159, 255])),
            ("d", Some(b"")),
            ("e", Some(b"yes")),
            ("f", Some(b"bell\x07")),
            ("g", Some(b"crlf\r\n")),
            ("h", Some(b"<keep>")),
            ("i", None),
        ]);
        let text = show("shop/db", &known).unwrap();
        assert_eq!(
            changes(text.as_bytes(), &known).unwrap(),
            Some(Changes::default()),
            "{}",
            *text
        );
        assert!(text.contains("c: AJ//"), "{}", *text);
    }

    #[test]
    fn lines_are_changed_added_and_removed() {
        let known = items(&[("a", Some(b"1")), ("b", None), ("c", None), ("d", None)]);
        let edited = b"stringData: {a: '2', b: <keep>, new: x}\ndata: {c: AA==}\n";
        let found = changes(edited, &known).unwrap().unwrap();
        let set: Vec<(&str, &[u8])> = found
            .set
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        assert_eq!(set, [("a", &b"2"[..]), ("c", &[0]), ("new", b"x")]);
        assert_eq!(found.remove, ["d"]);
        assert_eq!(changes(b"# nothing\n", &known).unwrap(), None);
    }

    #[test]
    fn errors_name_the_line_of_the_text_that_is_shown_again() {
        let known = items(&[("a", None)]);
        let edited = b"stringData:\n  a: [hunter2\n";
        let error = changes(edited, &known).unwrap_err().to_string();
        let again = with_error(edited, &error);
        assert_eq!(again.lines().count(), 3);
        let twice = changes(again.as_bytes(), &known).unwrap_err().to_string();
        assert_eq!(error, twice);
        assert!(
            error.contains("line 3") || error.contains("line 4"),
            "{error}"
        );
        assert_eq!(with_error(again.as_bytes(), &twice), again);
        for (edited, wanted) in [
            (&b"stringData: {x: <keep>}"[..], "item x is new"),
            (
                b"stringData: {'a b': x}",
                "line 2, column 14: stringData has an item \"a b\"",
            ),
            (b"a: 1\n---\nb: 2\n", "found 2"),
            (b"data: {a: '!'}", "line 2"),
            (
                b"stringData: {a: yes}",
                "line 2, column 17: the value of stringData.a stands without quotes",
            ),
        ] {
            let error = changes(edited, &known).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
