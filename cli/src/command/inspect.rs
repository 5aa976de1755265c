//! `kubeseal inspect`

use std::ffi::OsString;
use std::process::ExitCode;

use clap::ValueEnum;
use sealed_secrets_crds::manifest;

use crate::certificate::Origin;
use crate::error::Error;
use crate::inspect::{self, CertificateReport, FileReport, Only, Report};
use crate::output::{Destination, OutputError};
use crate::run::Run;

/// What `--help` says.
pub(super) const LONG_ABOUT: &str = "Tells what is in sealed files without any key: names, scope, the sizes of items and of the key. \
                  Names what is wrong with them, and plain Secrets, and exits with 1 then.\n\nOf a folder, all files \
                  named *.yaml, *.yml and *.json are looked at, but for hidden ones. Documents of other kinds are \
                  passed over.";

/// Arguments of `kubeseal inspect`.
#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// Files or folders to look at; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<OsString>,
    /// Compare with the key of this certificate, as far as that can be told
    #[arg(long, value_name = "FILE|URL")]
    cert: Option<OsString>,
    /// How to report
    #[arg(
        short = 'o',
        long = "format",
        value_name = "FORMAT",
        default_value = "text"
    )]
    format: ReportFormat,
    /// Look at nothing but SealedSecrets, or nothing but plain Secrets; pass over unreadable files
    /// that speak of no Secret
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,
    /// Print nothing but problems
    #[arg(short, long)]
    quiet: bool,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

impl Inspect {
    pub(super) fn execute(&self, run: &Run<'_>) -> Result<ExitCode, Error> {
        let certificate = match &self.cert {
            Some(cert) => {
                let origin = Origin::of(cert)?;
                let certificate = origin.certificate(run.options, run.environment)?;
                Some((origin.name(), certificate))
            }
            None => None,
        };
        let key = certificate
            .as_ref()
            .map(|(_, certificate)| certificate.public_key());
        let mut files: Vec<FileReport> = Vec::new();
        for target in inspect::files(&self.files)? {
            let content = target.source.read("SealedSecrets in JSON or YAML")?;
            let lenient = !target.named || self.only.is_some();
            let path = target.source.to_string();
            files.push(inspect::look(path, &content, key, self.only, lenient));
        }
        let certificate = certificate
            .as_ref()
            .map(|(name, certificate)| CertificateReport::new(name.clone(), certificate, run.now));
        let report = Report::new(certificate, files);
        let text = match self.format {
            ReportFormat::Text => report.text(self.quiet),
            ReportFormat::Json => manifest::to_json(&report).map_err(OutputError::from)?,
        };
        Destination::Stdout.write(text.as_bytes())?;
        Ok(ExitCode::from(u8::from(report.problems > 0)))
    }
}
