//! Differences for people.

use super::{Change, Difference};
use crate::error::visible;

/// Most characters of a value that a line shows.
const MAX_SHOWN: usize = 60;

/// A block for each SealedSecret, with a line for each change: `+` new, `-` gone, `~` changed.
pub fn to_text(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences {
        text.push_str(&format!("SealedSecret {}\n", visible(&difference.object)));
        for change in &difference.changes {
            text.push_str(&format!("  {}\n", describe(change)));
        }
    }
    text
}

fn describe(change: &Change) -> String {
    match change {
        Change::Added => "+ the SealedSecret".to_owned(),
        Change::Removed => "- the SealedSecret".to_owned(),
        Change::Field { field, from, to } => {
            let field = visible(field);
            match (from, to) {
                (None, Some(to)) => format!("+ {field}: {}", value(to)),
                (Some(from), None) => format!("- {field}: {}", value(from)),
                (from, to) => {
                    let side =
                        |side: &Option<String>| side.as_deref().map(value).unwrap_or_default();
                    format!("~ {field}: {} -> {}", side(from), side(to))
                }
            }
        }
        Change::ItemAdded { item, bytes } => {
            format!("+ item {}{}", visible(item), length(*bytes))
        }
        Change::ItemRemoved { item, bytes } => {
            format!("- item {}{}", visible(item), length(*bytes))
        }
        Change::ItemChanged {
            item,
            from_bytes,
            to_bytes,
        } => {
            let lengths = match (from_bytes, to_bytes) {
                (Some(from), Some(to)) => format!(" ({from} -> {to} bytes)"),
                _ => String::new(),
            };
            format!("~ item {}{lengths}", visible(item))
        }
    }
}

fn length(bytes: Option<usize>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(" ({bytes} bytes)"))
}

/// In quotes and on one line, cut where it is long.
fn value(text: &str) -> String {
    if text.chars().count() <= MAX_SHOWN {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(MAX_SHOWN).collect();
    format!("{start:?}...")
}
