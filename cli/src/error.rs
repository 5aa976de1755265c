//! What went wrong, as the user sees it: one `error:` line, then a `hint:` where one helps.

use std::error::Error as StdError;

use crate::args::{self, FlagError};
use crate::certificate::CertificateError;
use crate::command::edit::EditError;
use crate::command::set::SetError;
use crate::command::{CommandLineError, NoPage};
use crate::controller_client::ControllerError;
use crate::diff::DiffError;
use crate::input::InputError;
use crate::inspect::ListError;
use crate::merge::MergeError;
use crate::mode::ModeError;
use crate::namespace::NamespaceError;
use crate::output::OutputError;
use crate::raw::RawError;
use crate::recover::RecoverError;
use crate::remote::RemoteError;
use crate::seal::SealError;
use crate::sealed_input::SealedInputError;
use crate::settings::SettingsError;
use crate::target::TargetError;

/// An error that may know what to do about it.
pub trait Explain: StdError {
    /// What to do next, if there is something that helps.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line, or a variable, is wrong.
    #[error(transparent)]
    Flag(#[from] FlagError),
    /// The command line of a subcommand is wrong.
    #[error(transparent)]
    CommandLine(#[from] CommandLineError),
    /// The flags don't go together.
    #[error(transparent)]
    Mode(#[from] ModeError),
    /// The project file, or the clusters, are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nobody gave anything to seal.
    #[error("nothing to seal: give a Secret on standard input, or with -f FILE")]
    NoInput,
    /// The input can't be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// There is no usable certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// There is no namespace.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The controller can't be asked, or refuses.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// A Secret can't be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A value can't be sealed.
    #[error(transparent)]
    Raw(#[from] RawError),
    /// A document isn't a SealedSecret.
    #[error(transparent)]
    SealedInput(#[from] SealedInputError),
    /// Nothing was merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// A file with a SealedSecret can't be changed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Nothing was edited.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Nothing was set.
    #[error(transparent)]
    Set(#[from] SetError),
    /// The controller can't unseal.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Nothing was recovered.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// A folder can't be looked into.
    #[error(transparent)]
    List(#[from] ListError),
    /// There is no such manual page.
    #[error(transparent)]
    NoPage(#[from] NoPage),
    /// Two files can't be compared.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// The result can't be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl Error {
    /// 2 for wrong flags, and where 1 has a meaning of its own; 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Flag(_) | Self::CommandLine(_) | Self::Diff(_) => 2,
            _ => 1,
        }
    }

    /// What stderr gets: the message on one line, and the hint on another.
    pub fn report(&self) -> String {
        let mut report = format!("error: {}\n", on_one_line(&with_sources(self)));
        if matches!(self, Self::NoInput) {
            report.push_str(&args::short_help());
        }
        if let Some(hint) = self.hint() {
            report.push_str(&format!("hint: {}\n", on_one_line(&hint)));
        }
        report
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Flag(error) => error.hint(),
            Self::CommandLine(error) => error.hint(),
            Self::Mode(error) => error.hint(),
            Self::NoInput => Some("kubeseal --help tells everything".to_owned()),
            Self::Settings(error) => error.hint(),
            Self::Input(error) => error.hint(),
            Self::Certificate(error) => error.hint(),
            Self::Namespace(error) => error.hint(),
            Self::Controller(error) => error.hint(),
            Self::Seal(error) => error.hint(),
            Self::Raw(error) => error.hint(),
            Self::SealedInput(error) => error.hint(),
            Self::Merge(error) => error.hint(),
            Self::Target(error) => error.hint(),
            Self::Edit(error) => error.hint(),
            Self::Set(error) => error.hint(),
            Self::Remote(error) => error.hint(),
            Self::Recover(error) => error.hint(),
            Self::List(error) => error.hint(),
            Self::NoPage(_) => Some("kubeseal --help names the subcommands".to_owned()),
            Self::Diff(error) => error.hint(),
            Self::Output(error) => error.hint(),
        }
    }
}

/// The message of an error and of everything behind it. Our own errors leave their sources out of
/// their messages; some libraries repeat them, so what was said isn't said again.
fn with_sources(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = error.source();
    }
    text
}

/// The innermost cause of a library's error: what lies between names the library's parts.
pub(crate) fn root_cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Lines joined, and control characters, which may come from the input, made visible.
pub(crate) fn on_one_line(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    visible(&lines.join("; "))
}

/// Text with its control characters made visible: a terminal would obey them.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            visible.extend(character.escape_default());
        } else {
            visible.push(character);
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn reports_are_one_line_each_and_hide_no_control_characters() {
        let error = Error::Input(InputError::Read {
            name: "a\u{1b}[31m\nb".to_owned(),
            source: io::Error::other("disk\ton fire"),
        });
        let report = error.report();
        assert_eq!(
            report.lines().next(),
            Some("error: cannot read a\\u{1b}[31m; b: disk\\ton fire")
        );
        assert!(!report.contains('\u{1b}'));
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn wrong_flags_have_an_exit_code_of_their_own() {
        let error = Error::from(FlagError::UnknownLong {
            name: "x".to_owned(),
        });
        assert_eq!(error.exit_code(), 2);
        assert_eq!(
            error.report(),
            "error: unknown flag: --x\nhint: kubeseal --help lists all flags\n"
        );
    }
}
