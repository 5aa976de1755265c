//! `kubeseal completion` and `kubeseal man`

use std::process::ExitCode;

use clap_complete::Shell;

use crate::error::Error;
use crate::output::{Destination, OutputError};
use crate::reference;

/// What `--help` says.
pub(super) const COMPLETION_LONG_ABOUT: &str = "Prints the completion script for a shell. For this session only: `source <(kubeseal completion bash)`, \
                  `kubeseal completion fish | source`. For good, put it where the shell looks for it, as in \
                  ~/.local/share/bash-completion/completions/kubeseal or a folder of zsh's $fpath, as _kubeseal.";

/// Arguments of `kubeseal completion`.
#[derive(Debug, clap::Args)]
pub struct Completion {
    /// The shell
    #[arg(value_parser = shells())]
    shell: Shell,
}

/// What `--help` says.
pub(super) const MAN_LONG_ABOUT: &str = "Prints a manual page, of kubeseal or of one of its subcommands: `kubeseal man inspect | man -l -`.";

/// Arguments of `kubeseal man`.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// A subcommand
    command: Option<String>,
}

/// There is no such page.
#[derive(Debug, thiserror::Error)]
#[error("no manual page for {0:?}")]
pub struct NoPage(String);

fn shells() -> impl clap::builder::TypedValueParser<Value = Shell> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(["bash", "zsh", "fish", "powershell"]).map(|name| {
        match name.as_str() {
            "zsh" => Shell::Zsh,
            "fish" => Shell::Fish,
            "powershell" => Shell::PowerShell,
            _ => Shell::Bash,
        }
    })
}

impl Completion {
    pub(super) fn execute(&self) -> Result<ExitCode, Error> {
        Destination::Stdout.write(&reference::completion(self.shell))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Man {
    pub(super) fn execute(&self) -> Result<ExitCode, Error> {
        let wanted = match &self.command {
            Some(command) => format!("kubeseal-{command}.1"),
            None => "kubeseal.1".to_owned(),
        };
        let pages = reference::manual().map_err(OutputError::Stdout)?;
        let page = pages.into_iter().find(|(name, _)| *name == wanted);
        let (_, page) = page.ok_or_else(|| NoPage(self.command.clone().unwrap_or_default()))?;
        Destination::Stdout.write(&page)?;
        Ok(ExitCode::SUCCESS)
    }
}
