//! `kubeseal set`: items into a SealedSecret in a file, which is made if it isn't there.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use sealed_secrets_crds::plain_secret::PlainSecret;
use sealed_secrets_crds::seal::{SealSecretError, seal_secret};
use zeroize::Zeroizing;

use crate::error::{Error, Explain};
use crate::input::{InputError, Source};
use crate::namespace::NamespaceError;
use crate::output::{Destination, Format, OutputError};
use crate::run::Run;
use crate::settings::Sealing;
use crate::target::Target;

/// Arguments of `kubeseal set`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("value").required(true))]
pub struct Set {
    /// The file with the SealedSecret; made if it isn't there, YAML if its name ends in .yaml or .yml
    file: PathBuf,
    /// The item to create or change
    key: String,
    /// Take the value from PATH, byte for byte
    #[arg(long = "from-file", value_name = "PATH", group = "value")]
    from_file: Option<PathBuf>,
    /// Take the value from standard input, byte for byte
    #[arg(long = "value-stdin", group = "value")]
    value_stdin: bool,
}

/// Why nothing was set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// A key that no Secret can have. It may be a value that went astray, so it isn't repeated.
    #[error(
        "KEY must consist of letters, digits, '-', '_' and '.', and must not be longer than 253"
    )]
    Key,
    /// A new SealedSecret must be called something.
    #[error("{path} is not there, and a new SealedSecret needs --name")]
    NoName {
        /// The file.
        path: PathBuf,
    },
    /// Whether the file is there can't be told.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The value can't be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A new SealedSecret has no namespace.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// Encryption fails.
    #[error(transparent)]
    Seal(#[from] SealSecretError),
    /// The file can't be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl Set {
    /// What it seals into.
    pub(super) fn target(&self) -> Sealing<'_> {
        if self.file.exists() {
            Sealing::Existing(&self.file)
        } else {
            Sealing::Created(&self.file)
        }
    }

    pub(super) fn execute(&self, run: &Run<'_>) -> Result<ExitCode, Error> {
        let exists = self.file.try_exists().map_err(|source| SetError::File {
            path: self.file.clone(),
            source,
        })?;
        if !is_key(&self.key) {
            return Err(SetError::Key.into());
        }
        if exists {
            self.change(run)?;
        } else {
            self.create(run)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Items into the SealedSecret that the file holds.
    fn change(&self, run: &Run<'_>) -> Result<(), Error> {
        let mut target = Target::open(&self.file)?;
        target.must_agree(run.options, &run.namespaces)?;
        let items = self.items()?;
        let key = run.public_key()?;
        let label = target.sealed().label();
        target.set(&items, &label, &key, &mut rand::rng())?;
        Ok(target.save()?)
    }

    /// A new SealedSecret.
    fn create(&self, run: &Run<'_>) -> Result<(), Error> {
        let options = run.options;
        let format = Format::of(&options.format, self.file.as_os_str())?;
        if options.name.is_empty() {
            return Err(SetError::NoName {
                path: self.file.clone(),
            }
            .into());
        }
        let scope = options.scope.unwrap_or_default();
        let secret = PlainSecret {
            name: Some(options.name.clone()),
            namespace: run
                .namespaces
                .of_document(run.namespaces.flag(), scope)
                .map_err(SetError::Namespace)?,
            items: self.items()?,
            ..PlainSecret::default()
        };
        let key = run.public_key()?;
        let sealed = seal_secret(&mut rand::rng(), &key, &secret, scope).map_err(SetError::Seal)?;
        let text = format.encode(&sealed)?;
        Ok(Destination::File(self.file.clone()).write(text.as_bytes())?)
    }

    fn items(&self) -> Result<BTreeMap<String, Zeroizing<Vec<u8>>>, SetError> {
        let source = match &self.from_file {
            Some(path) => Source::File(path.clone()),
            None => Source::Stdin,
        };
        let value = source.read("the value to seal")?;
        Ok([(self.key.clone(), value)].into())
    }
}

/// Whether a Secret can have an item of this name, as API servers have it.
fn is_key(key: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=253).contains(&key.len())
        && key.bytes().all(allowed)
        && key != "."
        && !key.starts_with("..")
}

impl Explain for SetError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Key => Some("values come from --from-file or --value-stdin".to_owned()),
            Self::NoName { .. } => {
                Some("the name is part of the encryption, and can't be changed later".to_owned())
            }
            Self::Input(error) => error.hint(),
            Self::Namespace(error) => error.hint(),
            Self::Output(error) => error.hint(),
            Self::File { .. } | Self::Seal(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_secrets_can_have() {
        for good in [
            "a",
            "tls.crt",
            ".dockerconfigjson",
            "A_b-9",
            &"k".repeat(253),
        ] {
            assert!(is_key(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "..data",
            "a/b",
            "a b",
            "a=b",
            "ä",
            &"k".repeat(254),
        ] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
