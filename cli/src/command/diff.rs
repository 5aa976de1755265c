//! `kubeseal diff`

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use super::inspect::ReportFormat;
use crate::diff::{self, DiffError, Side};
use crate::error::Error;
use crate::input::Source;
use crate::output::{Destination, OutputError};
use crate::textconv::textconv;

/// What `--help` says.
pub(super) const LONG_ABOUT: &str = "Tells what differs between two sealed files: items that were added, removed or sealed again, name, \
                  namespace, scope, and the template. No key is needed, and so equal values that were sealed again \
                  count as changed.\n\nExit code: 0 nothing differs, 1 something does, 2 it can't be told.\n\nWith \
                  --textconv one file is printed with its sealed values replaced by their lengths and digests: for \
                  Git, to show readable diffs.";

/// Arguments of `kubeseal diff`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "kubeseal diff [-o text|json] A B\n       kubeseal diff --textconv FILE"
)]
pub struct Diff {
    /// Old and new file; - is standard input. With --textconv, the one file
    #[arg(value_name = "FILE", required = true, num_args = 1..=2)]
    files: Vec<OsString>,
    /// How to report
    #[arg(
        short = 'o',
        long = "format",
        value_name = "FORMAT",
        default_value = "text",
        conflicts_with = "textconv"
    )]
    format: ReportFormat,
    /// Print FILE with digests instead of sealed values
    #[arg(long)]
    textconv: bool,
}

impl Diff {
    pub(super) fn execute(&self) -> Result<ExitCode, Error> {
        match self.files.as_slice() {
            [file] if self.textconv => {
                let content = source(file)
                    .read("a SealedSecret")
                    .map_err(DiffError::from)?;
                write(&textconv(&content))?;
                Ok(ExitCode::SUCCESS)
            }
            [old, new] if !self.textconv => {
                let differences = diff::compare(&read(old)?, &read(new)?);
                let text = match self.format {
                    ReportFormat::Text => diff::to_text(&differences),
                    ReportFormat::Json => {
                        let json = diff::to_json(&differences).map_err(OutputError::from);
                        json.map_err(DiffError::from)?
                    }
                };
                write(text.as_bytes())?;
                Ok(ExitCode::from(u8::from(!differences.is_empty())))
            }
            files => Err(DiffError::Files {
                wanted: if self.textconv {
                    "one file"
                } else {
                    "two files"
                },
                given: files.len(),
            }
            .into()),
        }
    }
}

fn write(text: &[u8]) -> Result<(), DiffError> {
    Ok(Destination::Stdout.write(text)?)
}

fn source(file: &OsStr) -> Source {
    if file == "-" {
        Source::Stdin
    } else {
        Source::File(file.into())
    }
}

fn read(file: &OsStr) -> Result<Vec<Side>, DiffError> {
    let source = source(file);
    let documents = source.documents(&source.read("a SealedSecret")?, "SealedSecret")?;
    Ok(diff::sides(&documents, &source.to_string())?)
}
