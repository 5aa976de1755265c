//! What is in sealed files, and what is wrong with them, without any key.
//!
//! [`look`] is pure: the content of a file in, a [`FileReport`] out. [`files`] finds the files of a
//! folder; [`Report`] is all of a run, as text for people or JSON for programs.

mod text;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use sealed_secrets_core::{Certificate, PublicKey};
use sealed_secrets_crds::inspect::{self, Inspection, Kind, Problem, ProblemKind};
use sealed_secrets_crds::manifest;
use serde::Serialize;
use walkdir::WalkDir;

use crate::error::Explain;
use crate::input::Source;

/// What to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// SealedSecrets; plain Secrets are none of our business.
    Sealed,
    /// Plain Secrets; what is wrong with SealedSecrets is none of our business.
    Plain,
}

/// All of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The certificate to compare with, if one was given.
    pub certificate: Option<CertificateReport>,
    /// The files, in the order of the command line; those of a folder sorted by name.
    pub files: Vec<FileReport>,
    /// How many problems there are in all.
    pub problems: usize,
}

/// A certificate.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateReport {
    /// Where it came from.
    pub name: String,
    /// Fingerprint of its key.
    pub key_fingerprint: String,
    /// Size of its key.
    pub key_bits: usize,
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// Whether that is over: nothing should be sealed with it. Counts as a problem.
    pub expired: bool,
}

/// One file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileReport {
    /// Its name, as it was given.
    pub path: String,
    /// The SealedSecrets and plain Secrets in it, in order.
    pub objects: Vec<Inspection>,
    /// What is wrong with the file as such.
    pub problems: Vec<Problem>,
}

/// A file to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The file.
    pub source: Source,
    /// Whether it was named; else it was found in a folder, and may have nothing to do with us.
    pub named: bool,
}

/// A folder that can't be listed.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {path}")]
pub struct ListError {
    /// The folder, or what is within.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The files that `names` name: `-` is standard input; of a folder all files named `*.yaml`, `*.yml`
/// and `*.json` at any depth, but for hidden ones.
///
/// # Errors
/// A folder can't be listed.
pub fn files(names: &[OsString]) -> Result<Vec<Target>, ListError> {
    let mut targets = Vec::new();
    for name in names {
        if name == "-" {
            targets.push(Target {
                source: Source::Stdin,
                named: true,
            });
            continue;
        }
        let path = PathBuf::from(name);
        if !path.is_dir() {
            targets.push(Target {
                source: Source::File(path),
                named: true,
            });
            continue;
        }
        let tree = WalkDir::new(&path)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| {
                entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
            });
        for entry in tree {
            let entry = entry.map_err(|error| ListError {
                path: error.path().unwrap_or(&path).to_owned(),
                source: error.into(),
            })?;
            let extension = entry.path().extension().and_then(|name| name.to_str());
            if entry.file_type().is_file() && matches!(extension, Some("yaml" | "yml" | "json")) {
                targets.push(Target {
                    source: Source::File(entry.into_path()),
                    named: false,
                });
            }
        }
    }
    Ok(targets)
}

/// Looks at the content of a file. With `lenient`, one that can't be read and speaks of no Secret is
/// passed over: trees hold templates and data of other kinds.
pub fn look(
    path: String,
    content: &[u8],
    key: Option<&PublicKey>,
    only: Option<Only>,
    lenient: bool,
) -> FileReport {
    let mut report = FileReport {
        path,
        objects: Vec::new(),
        problems: Vec::new(),
    };
    match manifest::read(content) {
        Ok(documents) => {
            report.objects = documents
                .iter()
                .flat_map(|document| inspect::inspect(document.number, &document.node, key))
                .filter(|found| match only {
                    None => true,
                    Some(Only::Sealed) => found.kind == Kind::SealedSecret,
                    Some(Only::Plain) => found.kind == Kind::Secret,
                })
                .collect();
        }
        Err(_) if lenient && !content.windows(6).any(|word| word == b"Secret") => {}
        Err(error) => report.problems.push(Problem {
            position: error.position,
            kind: ProblemKind::Unreadable {
                message: format!("document {}: {}", error.document, error.message),
            },
        }),
    }
    report
}

impl Report {
    /// Puts a run together.
    pub fn new(certificate: Option<CertificateReport>, files: Vec<FileReport>) -> Self {
        let mut report = Self {
            problems: 0,
            certificate,
            files,
        };
        let expired = report.certificate.as_ref().is_some_and(|cert| cert.expired);
        report.problems = report.all_problems().count() + usize::from(expired);
        report
    }

    /// Every problem of a file, with the file's name.
    pub fn all_problems(&self) -> impl Iterator<Item = (&str, &Problem)> {
        self.files.iter().flat_map(|file| {
            file.all_problems()
                .map(|problem| (file.path.as_str(), problem))
        })
    }
}

impl FileReport {
    fn all_problems(&self) -> impl Iterator<Item = &Problem> {
        let of_objects = self.objects.iter().flat_map(|found| &found.problems);
        self.problems.iter().chain(of_objects)
    }
}

impl CertificateReport {
    /// Describes `certificate`, which came from `name`, at the time of `now`.
    pub fn new(name: String, certificate: &Certificate, now: Timestamp) -> Self {
        Self {
            name,
            key_fingerprint: certificate.public_key().fingerprint().to_string(),
            key_bits: certificate.public_key().bits(),
            not_after: certificate.not_after(),
            expired: certificate.check_not_expired(now).is_err(),
        }
    }
}

impl Explain for ListError {}
