//! Which of its jobs kubeseal does in this run.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::args::Options;
use crate::error::Explain;
use crate::settings::Sealing;

/// One job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Print the version.
    Version,
    /// Print the usage.
    Help,
    /// Decrypt SealedSecrets with private keys at hand.
    RecoveryUnseal,
    /// Ask the controller whether it can unseal.
    Validate,
    /// Have the controller seal again.
    ReEncrypt,
    /// Print the certificate.
    FetchCertificate,
    /// Add items to a SealedSecret in a file.
    MergeInto(PathBuf),
    /// Seal one value.
    Raw,
    /// Seal Secrets.
    Seal,
}

/// Flags that don't go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModeError {
    /// `--from-file` is for `--raw` alone.
    #[error("--from-file requires --raw")]
    FromFileWithoutRaw,
    /// `--raw` seals one value.
    #[error("--raw takes one --from-file, {0} are given")]
    SeveralFiles(usize),
    /// Two sources for one value.
    #[error("--raw takes its value either from -f or from --from-file, both are given")]
    TwoSources,
    /// A mode without output.
    #[error("{mode} writes nothing to -w {file:?}")]
    NothingToWrite {
        /// The flag of the mode.
        mode: &'static str,
        /// The file that was to be written.
        file: OsString,
    },
}

impl Mode {
    /// The mode that `options` ask for: of several, the first in the order of [`Mode`]'s variants.
    ///
    /// # Errors
    /// Flags that can't be honoured in that mode.
    pub fn of(options: &Options) -> Result<Self, ModeError> {
        if options.version {
            return Ok(Self::Version);
        }
        if options.help {
            return Ok(Self::Help);
        }
        if !options.from_file.is_empty() && !options.raw {
            return Err(ModeError::FromFileWithoutRaw);
        }
        if options.recovery_unseal {
            return Ok(Self::RecoveryUnseal);
        }
        if options.validate {
            refuse_output("--validate", options)?;
            return Ok(Self::Validate);
        }
        if options.re_encrypt {
            return Ok(Self::ReEncrypt);
        }
        if options.fetch_cert {
            return Ok(Self::FetchCertificate);
        }
        if !options.merge_into.is_empty() {
            refuse_output("--merge-into", options)?;
            return Ok(Self::MergeInto(options.merge_into.clone().into()));
        }
        if options.raw {
            if options.from_file.len() > 1 {
                return Err(ModeError::SeveralFiles(options.from_file.len()));
            }
            if !options.from_file.is_empty() && !options.secret_file.is_empty() {
                return Err(ModeError::TwoSources);
            }
            return Ok(Self::Raw);
        }
        Ok(Self::Seal)
    }
}

impl Mode {
    /// What this mode seals into, if it seals.
    pub fn target(&self) -> Option<Sealing<'_>> {
        match self {
            Self::Seal => Some(Sealing::New),
            Self::Raw => Some(Sealing::Value),
            Self::MergeInto(path) => Some(Sealing::Existing(path)),
            _ => None,
        }
    }
}

fn refuse_output(mode: &'static str, options: &Options) -> Result<(), ModeError> {
    match &options.sealed_secret_file {
        file if file.is_empty() => Ok(()),
        file => Err(ModeError::NothingToWrite {
            mode,
            file: file.clone(),
        }),
    }
}

impl Explain for ModeError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::FromFileWithoutRaw => {
                "-f reads a whole Secret; --raw --from-file seals one value".to_owned()
            }
            Self::SeveralFiles(_) => "run kubeseal --raw once for each value".to_owned(),
            Self::TwoSources => "leave one of them out".to_owned(),
            Self::NothingToWrite {
                mode: "--merge-into",
                ..
            } => "leave -w out: the file of --merge-into is changed in place".to_owned(),
            Self::NothingToWrite { .. } => "leave -w out: the exit code is the answer".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Environment;

    fn mode(args: &[&str]) -> Result<Mode, ModeError> {
        let options =
            Options::parse(args.iter().map(OsString::from), &Environment::default()).unwrap();
        Mode::of(&options)
    }

    #[test]
    fn the_first_of_several_modes_wins() {
        let all = [
            "--raw",
            "--merge-into=x",
            "--fetch-cert",
            "--re-encrypt",
            "--validate",
            "--recovery-unseal",
            "--help",
            "--version",
        ];
        let wanted = [
            Mode::Raw,
            Mode::MergeInto("x".into()),
            Mode::FetchCertificate,
            Mode::ReEncrypt,
            Mode::Validate,
            Mode::RecoveryUnseal,
            Mode::Help,
            Mode::Version,
        ];
        for (count, wanted) in (1..).zip(wanted) {
            assert_eq!(mode(&all[..count]).unwrap(), wanted);
        }
        assert_eq!(mode(&[]).unwrap(), Mode::Seal);
        assert_eq!(mode(&["--merge-into="]).unwrap(), Mode::Seal);
    }

    #[test]
    fn flags_that_would_be_ignored_are_refused() {
        assert_eq!(mode(&["--from-file=x"]), Err(ModeError::FromFileWithoutRaw));
        assert_eq!(
            mode(&["--from-file=x", "--recovery-unseal"]),
            Err(ModeError::FromFileWithoutRaw)
        );
        assert_eq!(mode(&["--from-file=x", "--help"]), Ok(Mode::Help));
        assert_eq!(
            mode(&["--raw", "--from-file=x,y"]),
            Err(ModeError::SeveralFiles(2))
        );
        assert_eq!(
            mode(&["--raw", "--from-file=x", "-fy"]),
            Err(ModeError::TwoSources)
        );
        assert!(matches!(
            mode(&["--validate", "-wx"]),
            Err(ModeError::NothingToWrite { .. })
        ));
        assert!(matches!(
            mode(&["--merge-into=x", "-wx"]),
            Err(ModeError::NothingToWrite { .. })
        ));
    }
}
