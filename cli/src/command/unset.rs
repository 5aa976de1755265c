//! `kubeseal unset`: items out of a SealedSecret in a file.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::Error;
use crate::merge::Target;
use crate::output::Format;
use crate::run::Run;

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
    pub(super) fn execute(&self, run: &Run<'_>) -> Result<ExitCode, Error> {
        let mut target = Target::open(&self.file)?;
        target.remove(&self.keys)?;
        target.save(Format::of(&run.options.format, self.file.as_os_str())?)?;
        Ok(ExitCode::SUCCESS)
    }
}
