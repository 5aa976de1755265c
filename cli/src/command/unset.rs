//! `kubeseal unset`: items out of a SealedSecret in a file.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::Error;
use crate::run::Run;
use crate::target::Target;

/// Arguments of `kubeseal unset`.
#[derive(Debug, clap::Args)]
pub struct Unset {
    /// The file with the SealedSecret
    file: PathBuf,
    /// The items to remove
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
}

impl Unset {
    pub(super) fn execute(&self, _: &Run<'_>) -> Result<ExitCode, Error> {
        let mut target = Target::open(&self.file)?;
        target.remove(&self.keys)?;
        target.save()?;
        Ok(ExitCode::SUCCESS)
    }
}
