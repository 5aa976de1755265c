//! `kubeseal set`: items into a SealedSecret in a file, which is made if it isn't there.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use sealed_secrets_crds::plain_secret::PlainSecret;
use sealed_secrets_crds::seal::{SealSecretError, seal_secret};
use zeroize::Zeroizing;

use crate::env_file::{self, EnvFileError};
use crate::error::{Error, Explain};
use crate::generate::{GenerateError, Generated};
use crate::input::{InputError, Source};
use crate::namespace::NamespaceError;
use crate::output::{Destination, Format, OutputError};
use crate::run::Run;
use crate::settings::Sealing;
use crate::target::{Target, is_item_name};

/// Arguments of `kubeseal set`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("value").required(true))]
pub struct Set {
    /// The file with the SealedSecret; made if it isn't there, YAML if its name ends in .yaml or .yml
    file: PathBuf,
    /// The item to create or change
    #[arg(
        required_unless_present = "from_env_file",
        conflicts_with = "from_env_file"
    )]
    key: Option<String>,
    /// Take the value from PATH, byte for byte
    #[arg(long = "from-file", value_name = "PATH", group = "value")]
    from_file: Option<PathBuf>,
    /// Create or change an item for every NAME=value line of PATH
    #[arg(long = "from-env-file", value_name = "PATH", group = "value")]
    from_env_file: Option<PathBuf>,
    /// Take the value from standard input, byte for byte
    #[arg(long = "value-stdin", group = "value")]
    value_stdin: bool,
    /// Make a value: password[:LENGTH], uuid, ssh-ed25519 or ssh-rsa[:BITS]. Of SSH keys the
    /// public half is printed
    #[arg(long, value_name = "KIND", group = "value")]
    generate: Option<Generated>,
}

/// What is to be set, and what to print when it is.
struct New {
    items: BTreeMap<String, Zeroizing<Vec<u8>>>,
    public: Option<String>,
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
    /// A file of items can't be read.
    #[error("{path}")]
    EnvFile {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong with it.
        source: EnvFileError,
    },
    /// The value can't be made.
    #[error(transparent)]
    Generate(#[from] GenerateError),
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
        if self.key.as_deref().is_some_and(|key| !is_item_name(key)) {
            return Err(SetError::Key.into());
        }
        let public = if exists {
            self.change(run)?
        } else {
            self.create(run)?
        };
        if let Some(line) = public {
            Destination::Stdout.write(format!("{line}\n").as_bytes())?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Items into the SealedSecret that the file holds.
    fn change(&self, run: &Run<'_>) -> Result<Option<String>, Error> {
        let mut target = Target::open(&self.file)?;
        target.must_agree(run.options, &run.namespaces)?;
        let new = self.items(run, &target.title())?;
        let key = run.public_key()?;
        let label = target.sealed().label();
        target.set(&new.items, &label, &key, &mut rand::rng())?;
        target.save()?;
        Ok(new.public)
    }

    /// A new SealedSecret.
    fn create(&self, run: &Run<'_>) -> Result<Option<String>, Error> {
        let options = run.options;
        let format = Format::of(&options.format, self.file.as_os_str())?;
        if options.name.is_empty() {
            return Err(SetError::NoName {
                path: self.file.clone(),
            }
            .into());
        }
        let scope = options.scope.unwrap_or_default();
        let namespace = run
            .namespaces
            .of_document(run.namespaces.flag(), scope)
            .map_err(SetError::Namespace)?;
        let title = match &namespace {
            Some(namespace) => format!("{namespace}/{}", options.name),
            None => options.name.clone(),
        };
        let new = self.items(run, &title)?;
        let secret = PlainSecret {
            name: Some(options.name.clone()),
            namespace,
            items: new.items,
            ..PlainSecret::default()
        };
        let key = run.public_key()?;
        let sealed = seal_secret(&mut rand::rng(), &key, &secret, scope).map_err(SetError::Seal)?;
        let text = format.encode(&sealed)?;
        Destination::File(self.file.clone()).write(text.as_bytes())?;
        Ok(new.public)
    }

    fn items(&self, run: &Run<'_>, title: &str) -> Result<New, SetError> {
        if let Some(path) = &self.from_env_file {
            let content = Source::File(path.clone()).read("NAME=value lines")?;
            let items =
                env_file::items(&content, run.environment).map_err(|source| SetError::EnvFile {
                    path: path.clone(),
                    source,
                })?;
            return Ok(New {
                items,
                public: None,
            });
        }
        let key = self.key.clone().unwrap_or_default();
        let (value, public) = match (&self.generate, &self.from_file) {
            (Some(kind), _) => {
                let fresh = kind.make(title, &mut rand::rng())?;
                (fresh.value, fresh.public)
            }
            (None, Some(path)) => (Source::File(path.clone()).read("the value to seal")?, None),
            (None, None) => (Source::Stdin.read("the value to seal")?, None),
        };
        Ok(New {
            items: [(key, value)].into(),
            public,
        })
    }
}

impl Explain for SetError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Key => Some(
                "values come from --from-file, --from-env-file, --value-stdin or --generate"
                    .to_owned(),
            ),
            Self::NoName { .. } => {
                Some("the name is part of the encryption, and can't be changed later".to_owned())
            }
            Self::Input(error) => error.hint(),
            Self::Namespace(error) => error.hint(),
            Self::Output(error) => error.hint(),
            Self::File { .. } | Self::EnvFile { .. } | Self::Generate(_) | Self::Seal(_) => None,
        }
    }
}
