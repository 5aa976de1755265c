//! Why there is no desired Secret.
//!
//! The first lines of a message are worded as the reference words them, since scripts match on
//! them; what we can tell beyond that follows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use sealed_secrets_core::envelope::UnsealError;

use super::diagnosis::Diagnosis;
use super::is_item_name;

/// Most items that a message names.
const MAX_NAMED: usize = 50;
/// Most characters of a name that can't be one.
const MAX_SHOWN: usize = 64;

/// Why a SealedSecret gives no Secret. Never contains plaintext.
#[derive(Debug)]
#[non_exhaustive]
pub enum DesiredError {
    /// Items that can't be used, in order of their names.
    Items {
        /// Each with its problem.
        failures: Vec<ItemFailure>,
        /// Why no key opens the first of those that none opens.
        diagnosis: Option<Box<ItemDiagnosis>>,
    },
    /// Both the deprecated `spec.data` and `spec.encryptedData` hold something.
    BothDataAndEncryptedData,
    /// The deprecated `spec.data` is switched off.
    DeprecatedData,
    /// The deprecated `spec.data` can't be unsealed.
    Legacy(UnsealError),
    /// The deprecated `spec.data` was unsealed, but isn't a Secret.
    LegacyContent,
}

/// An item that can't be used.
#[derive(Debug)]
pub struct ItemFailure {
    /// Its name.
    pub item: String,
    /// What is wrong with it.
    pub problem: ItemProblem,
}

/// Why no key opens an item, and which keys there are.
#[derive(Debug)]
pub struct ItemDiagnosis {
    /// The item.
    pub item: String,
    /// The likely cause.
    pub diagnosis: Diagnosis,
    /// The keys that were tried, by the names of their Secrets and their ids.
    pub known_keys: String,
}

/// What is wrong with an item.
#[derive(Debug)]
#[non_exhaustive]
pub enum ItemProblem {
    /// The value in `encryptedData` isn't a string.
    NotAString,
    /// Its name can't be a key of a Secret.
    InvalidName,
    /// It can't be unsealed.
    Unseal(UnsealError),
    /// Its template can't be rendered.
    Template(sealed_secrets_templates::Error),
}

impl DesiredError {
    /// One CamelCase word for the `reason` of a condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Items { failures, .. } => {
                match failures.first().map(|failure| &failure.problem) {
                    Some(ItemProblem::Template(_)) => "TemplateFailed",
                    Some(ItemProblem::Unseal(UnsealError::Base64(_)) | ItemProblem::NotAString) => {
                        "InvalidItem"
                    }
                    Some(ItemProblem::InvalidName) => "InvalidItemName",
                    _ => "UnsealFailed",
                }
            }
            Self::BothDataAndEncryptedData | Self::DeprecatedData => "DeprecatedData",
            Self::Legacy(_) | Self::LegacyContent => "UnsealFailed",
        }
    }

    /// Whether a key that isn't in the keyring yet might help.
    pub fn may_need_another_key(&self) -> bool {
        match self {
            Self::Items { failures, .. } => failures
                .iter()
                .any(|failure| matches!(&failure.problem, ItemProblem::Unseal(UnsealError::NoKey))),
            Self::Legacy(error) => *error == UnsealError::NoKey,
            _ => false,
        }
    }
}

/// A name as it is, or, where it can't be one, escaped and cut: it could be anything.
fn shown(item: &str) -> Cow<'_, str> {
    if is_item_name(item) {
        return Cow::Borrowed(item);
    }
    let start: String = item.chars().take(MAX_SHOWN).collect();
    let more = if start.len() < item.len() { "…" } else { "" };
    Cow::Owned(format!("{start:?}{more}"))
}

impl ItemProblem {
    /// What we can tell beyond the reference's words.
    fn detail(&self) -> Option<&'static str> {
        match self {
            Self::Unseal(UnsealError::Truncated) => Some("the sealed value is truncated"),
            Self::Unseal(UnsealError::Damaged) => {
                Some("the sealed value was changed after it was sealed")
            }
            Self::Unseal(UnsealError::SessionKeyLength { .. }) => {
                Some("the sealed value has a session key of the wrong length")
            }
            _ => None,
        }
    }
}

impl fmt::Display for ItemProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAString => f.write_str("value is not a string"),
            Self::InvalidName => f.write_str(
                "name is not a valid key of a Secret: letters, digits, '-', '_' and '.' only",
            ),
            Self::Unseal(UnsealError::Base64(error)) => write!(f, "{error}"),
            // However the item fails behind the base64, the reference says this.
            Self::Unseal(_) => f.write_str("no key could decrypt secret"),
            Self::Template(error) => write!(f, "{error}"),
        }
    }
}

/// One line per distinct error, each with its items, all sorted; then what is known beyond that.
impl fmt::Display for DesiredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failures, diagnosis) = match self {
            Self::Items {
                failures,
                diagnosis,
            } => (failures, diagnosis),
            Self::BothDataAndEncryptedData => {
                return f
                    .write_str("both spec.data and spec.encryptedData are set; remove spec.data");
            }
            Self::DeprecatedData => {
                return f.write_str(
                    "spec.data is deprecated and switched off; seal again as spec.encryptedData",
                );
            }
            Self::Legacy(UnsealError::Base64(error)) => return write!(f, "{error} (data)"),
            Self::Legacy(_) => return f.write_str("no key could decrypt secret (data)"),
            Self::LegacyContent => return f.write_str("spec.data does not hold a Secret"),
        };
        let mut lines: BTreeMap<String, Vec<Cow<'_, str>>> = BTreeMap::new();
        for failure in failures {
            lines
                .entry(failure.problem.to_string())
                .or_default()
                .push(shown(&failure.item));
        }
        for (number, (message, items)) in lines.iter().enumerate() {
            let line_break = if number == 0 { "" } else { "\n" };
            let more = items.len().saturating_sub(MAX_NAMED);
            let named = items
                .iter()
                .take(MAX_NAMED)
                .map(Cow::as_ref)
                .collect::<Vec<_>>();
            write!(f, "{line_break}{message} ({}", named.join(", "))?;
            if more > 0 {
                write!(f, " and {more} more")?;
            }
            f.write_str(")")?;
        }
        for failure in failures.iter().take(MAX_NAMED) {
            if let Some(detail) = failure.problem.detail() {
                write!(f, "\n{}: {detail}", shown(&failure.item))?;
            }
        }
        if let Some(ItemDiagnosis {
            item,
            diagnosis,
            known_keys,
        }) = diagnosis.as_deref()
        {
            write!(f, "\n{}: {diagnosis}", shown(item))?;
            if diagnosis.blames_keys() {
                write!(f, "\nknown keys: {known_keys}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for DesiredError {}
