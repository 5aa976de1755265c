//! `kubeseal edit`: the items of a SealedSecret in an editor.

use std::path::PathBuf;
use std::process::ExitCode;

use sealed_secrets_core::{Hint, UnsealError};
use sealed_secrets_crds::SealedSecret;
use zeroize::Zeroizing;

use crate::editor::{Editor, EditorError};
use crate::error::{Error, Explain};
use crate::item_sheet::{self, Changes, Items, SheetError, ShowError};
use crate::message;
use crate::recover;
use crate::run::Run;
use crate::settings::Sealing;
use crate::target::Target;

/// Arguments of `kubeseal edit`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Edit {
    /// The file with the SealedSecret
    file: PathBuf,
}

const AFTER_HELP: &str = "\
The editor is that of KUBE_EDITOR, VISUAL or EDITOR, else vi. Without --recovery-private-key the
values are not shown, but may be replaced. What is edited is in a private folder, in memory where
there is such a place, and is removed when the editor ends and when kubeseal is stopped.";

/// Why nothing was edited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// A value can't be shown.
    #[error("cannot unseal item {item}")]
    Unseal {
        /// The item.
        item: String,
        /// Why.
        source: UnsealError,
    },
    /// A value isn't one.
    #[error("item {0} is not a string")]
    NotAString(String),
    /// There is no text to edit.
    #[error(transparent)]
    Show(#[from] ShowError),
    /// The editor.
    #[error(transparent)]
    Editor(#[from] EditorError),
    /// The user gave up on a text that is wrong.
    #[error("nothing was changed: the text was left with an error in it")]
    GivenUp(#[source] SheetError),
}

impl Edit {
    /// What it seals into.
    pub(super) fn target(&self) -> Sealing<'_> {
        Sealing::Existing(&self.file)
    }

    pub(super) fn execute(&self, run: &Run<'_>) -> Result<ExitCode, Error> {
        let mut target = Target::open(&self.file)?;
        target.must_agree(run.options, &run.namespaces)?;
        let items = items(target.sealed(), run)?;
        // Before the editor, so that nobody's work is lost for lack of a certificate.
        let key = run.public_key()?;
        let changes = edited(&target.title(), &items, run)?;
        let Some(changes) = changes.filter(|changes| *changes != Changes::default()) else {
            message::note("nothing was changed");
            return Ok(ExitCode::SUCCESS);
        };
        let label = target.sealed().label();
        target.remove(&changes.remove)?;
        target.set(&changes.set, &label, &key, &mut rand::rng())?;
        target.save()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The items, with their values where there is a key.
fn items(sealed: &SealedSecret, run: &Run<'_>) -> Result<Items, Error> {
    let files = &run.options.recovery_private_keys;
    if files.is_empty() {
        let names = sealed.spec.encrypted_data.keys();
        return Ok(names.map(|name| (name.clone(), None)).collect());
    }
    let keyring = recover::keyring(files, &mut rand::rng())?;
    let label = sealed.label();
    let mut items = Items::new();
    for (item, value) in &sealed.spec.encrypted_data {
        let text = value
            .as_str()
            .ok_or_else(|| EditError::NotAString(item.clone()))?;
        let value = keyring
            .unseal_item(&label, text, &Hint::default())
            .map_err(|source| EditError::Unseal {
                item: item.clone(),
                source,
            })?;
        items.insert(item.clone(), Some(value.plaintext));
    }
    Ok(items)
}

/// What the user makes of the items; `None` if nothing. A text that is wrong is shown again, until
/// it comes back as it was.
fn edited(title: &str, items: &Items, run: &Run<'_>) -> Result<Option<Changes>, EditError> {
    let mut shown = item_sheet::show(title, items)?;
    let editor = Editor::new("items.yaml", run.environment)?;
    let mut last: Option<(Zeroizing<Vec<u8>>, SheetError)> = None;
    loop {
        let text: Zeroizing<Vec<u8>> = editor.edit(&shown)?;
        let same = *text == shown.as_bytes();
        match last.take() {
            Some((before, problem)) if same || has_same_items(&text, &before) => {
                return Err(EditError::GivenUp(problem));
            }
            None if same => return Ok(None),
            _ => {}
        }
        match item_sheet::changes(&text, items) {
            Ok(changes) => return Ok(changes),
            Err(error) => {
                shown = item_sheet::with_error(&text, &error.to_string());
                last = Some((text, error));
            }
        }
    }
}

fn has_same_items(text: &[u8], before: &[u8]) -> bool {
    item_sheet::without_error(text) == item_sheet::without_error(before)
}

impl Explain for EditError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unseal { .. } => Some(
                "give the key that was active when it was sealed, or no --recovery-private-key: values can be \
                 replaced without"
                    .to_owned(),
            ),
            Self::Editor(error) => error.hint(),
            _ => None,
        }
    }
}
