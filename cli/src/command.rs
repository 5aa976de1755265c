//! The subcommands.
//!
//! The flag form takes positional arguments anywhere and ignores them, so only the first argument
//! can tell: where it is exactly the name of a subcommand, the rest is that command's. Each has a
//! module with its arguments and what it does; the flags that say where certificate, cluster and
//! keys are come from the rows of the flag form.

mod completion;
mod diff;
pub(crate) mod edit;
mod inspect;
pub(crate) mod set;
mod unset;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{FromArgMatches as _, Subcommand as _};

use crate::args::{FlagError, Group, Options, shared_flags};
use crate::env::Environment;
use crate::error::{Error, Explain};
use crate::run::Run;
use crate::settings::Sealing;

pub use completion::NoPage;

/// A subcommand with its arguments.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the completion script for a shell
    #[command(long_about = completion::COMPLETION_LONG_ABOUT)]
    Completion(completion::Completion),
    /// Tell what differs between two sealed files
    #[command(long_about = diff::LONG_ABOUT)]
    Diff(diff::Diff),
    /// Edit the items of a SealedSecret in a file
    Edit(edit::Edit),
    /// Tell what is in sealed files, and what is wrong with them
    #[command(long_about = inspect::LONG_ABOUT)]
    Inspect(inspect::Inspect),
    /// Print a manual page
    #[command(long_about = completion::MAN_LONG_ABOUT)]
    Man(completion::Man),
    /// Create or change an item of a SealedSecret in a file
    Set(set::Set),
    /// Remove items from a SealedSecret in a file
    Unset(unset::Unset),
}

/// A subcommand, and the flags that it shares with the flag form.
#[derive(Debug)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// Flags and variables.
    pub options: Options,
}

/// What a command line of a subcommand comes to.
#[derive(Debug)]
pub enum Parsed {
    /// Something to do.
    Run(Box<Invocation>),
    /// A text to print.
    Help(String),
}

/// Why the command line of a subcommand was refused. Exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandLineError {
    /// A flag or argument that the subcommand doesn't know, or lacks.
    #[error("{message}")]
    Syntax {
        /// The subcommand.
        command: String,
        /// What is wrong.
        message: String,
        /// What was probably meant.
        tip: Option<String>,
    },
    /// More positional arguments than there are; they may be values, so they are not repeated.
    #[error("too many arguments for kubeseal {command}")]
    TooMany {
        /// The subcommand.
        command: String,
    },
    /// A shared flag, or its variable, has a wrong value.
    #[error(transparent)]
    Flag(#[from] FlagError),
}

impl Command {
    /// What this command seals into, if it seals.
    pub(crate) fn target(&self) -> Option<Sealing<'_>> {
        match self {
            Self::Edit(edit) => Some(edit.target()),
            Self::Set(set) => Some(set.target()),
            _ => None,
        }
    }

    /// Does it.
    pub(crate) fn execute(&self, run: &Run<'_>) -> Result<ExitCode, Error> {
        match self {
            Self::Completion(completion) => completion.execute(),
            Self::Man(man) => man.execute(),
            Self::Diff(diff) => diff.execute(),
            Self::Inspect(inspect) => inspect.execute(run),
            Self::Edit(edit) => edit.execute(run),
            Self::Set(set) => set.execute(run),
            Self::Unset(unset) => unset.execute(run),
        }
    }
}

/// Whether a first argument calls a subcommand.
pub fn is_name(first: &OsStr) -> bool {
    first.to_str().is_some_and(Command::has_subcommand)
}

/// All subcommands as clap knows them: for parsing, completions and manual pages.
pub fn grammar() -> clap::Command {
    let root = clap::Command::new("kubeseal")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .max_term_width(100);
    Command::augment_subcommands(root).mut_subcommands(|command| {
        let groups = shared_groups(command.get_name());
        command.args(shared_flags(groups))
    })
}

/// The groups of the flag form's flags that a subcommand takes.
fn shared_groups(command: &str) -> &'static [Group] {
    match command {
        "set" => &[Group::Sealing, Group::Certificate, Group::Connection],
        "edit" => &[
            Group::Sealing,
            Group::Certificate,
            Group::Recovery,
            Group::Connection,
        ],
        _ => &[],
    }
}

impl Invocation {
    /// Reads a command line whose first argument is the name of a subcommand.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(
        args: impl IntoIterator<Item = OsString>,
        environment: &Environment,
    ) -> Result<Parsed, CommandLineError> {
        let args: Vec<OsString> = args.into_iter().collect();
        let command = args
            .first()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let argv = [OsString::from("kubeseal")].into_iter().chain(args);
        let parsed = grammar()
            .try_get_matches_from(argv)
            .and_then(|matches| Ok((Command::from_arg_matches(&matches)?, matches)));
        let (parsed, matches) = match parsed {
            Ok(parsed) => parsed,
            Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp) => {
                return Ok(Parsed::Help(error.render().to_string()));
            }
            Err(error) => return Err(explain(command, &error)),
        };
        let options = match matches.subcommand() {
            Some((_, matches)) => Options::of_matches(matches, environment)?,
            None => Options::default(),
        };
        Ok(Parsed::Run(Box::new(Self {
            command: parsed,
            options,
        })))
    }
}

/// One line of what clap says in several.
fn explain(command: String, error: &clap::Error) -> CommandLineError {
    let invalid = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) => arg.as_str(),
        _ => "",
    };
    if error.kind() == ErrorKind::UnknownArgument && !invalid.starts_with('-') {
        return CommandLineError::TooMany { command };
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let words: Vec<&str> = paragraphs
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let message = words.join(" ");
    let tip = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("tip: "));
    CommandLineError::Syntax {
        command,
        message: message.trim_start_matches("error: ").to_owned(),
        tip: tip.map(str::to_owned),
    }
}

impl Explain for CommandLineError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax {
                tip: tip @ Some(_), ..
            } => tip.clone(),
            Self::Syntax { command, .. } | Self::TooMany { command } => {
                Some(format!("kubeseal {command} --help says what it takes"))
            }
            Self::Flag(error) => error.hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Parsed, CommandLineError> {
        Invocation::parse(args.iter().map(OsString::from), &Environment::default())
    }

    #[test]
    fn the_grammar_is_sound() {
        grammar().debug_assert();
    }

    #[test]
    fn only_an_exact_name_is_a_subcommand() {
        assert!(is_name("unset".as_ref()));
        for other in ["", "Unset", "uns", "kubeseal", "--unset", "help"] {
            assert!(!is_name(other.as_ref()), "{other}");
        }
    }

    #[test]
    fn errors_are_one_line_and_repeat_no_stray_argument() {
        let missing = parse(&["unset"]).unwrap_err().to_string();
        assert!(
            missing.contains("<FILE>") && !missing.contains('\n'),
            "{missing}"
        );
        let unknown = parse(&["unset", "f", "k", "--hunter"]).unwrap_err();
        assert!(unknown.to_string().contains("--hunter"), "{unknown}");
    }

    #[test]
    fn help_is_a_text_to_print() {
        let Ok(Parsed::Help(text)) = parse(&["unset", "--help"]) else {
            panic!("no help");
        };
        assert!(text.contains("Usage: kubeseal unset"), "{text}");
    }
}
