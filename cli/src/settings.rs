//! What counts where flags and variables say nothing: the project file.

use std::ffi::OsString;
use std::path::Path;

use crate::args::Options;
use crate::clusters::{self, Cluster, ClusterError, is_pattern};
use crate::error::{Error, Explain};
use crate::project::{Project, ProjectError, Rule};

/// What is to be sealed into.
#[derive(Clone, Copy, Debug)]
pub enum Sealing<'run> {
    /// New SealedSecrets: standard output, or what `-w` names.
    New,
    /// A file with a SealedSecret, which has a scope and namespace already.
    Existing(&'run Path),
    /// A file that will hold a new SealedSecret.
    Created(&'run Path),
    /// One sealed value.
    Value,
}

/// Why the settings can't be completed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The project file doesn't count.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The clusters can't be told.
    #[error(transparent)]
    Clusters(#[from] ClusterError),
}

/// Completes `options` with the rule of the project file for the run's target, and returns the
/// clusters to seal for, each into a file of its own that `-w` then is a pattern for. Where there are
/// none, `--cert` says what to seal with.
///
/// # Errors
/// The project file is wrong, or clusters are given that can't be honoured.
pub fn complete(options: &mut Options, target: Sealing<'_>) -> Result<Vec<Cluster>, SettingsError> {
    let file = file_of(options, target);
    let file = file.as_ref().map(Path::new);
    let project = if options.project_file.is_empty() {
        Project::find(file)?
    } else {
        Some(Project::open(Path::new(&options.project_file))?)
    };
    let none = Rule::default();
    let rule = project
        .as_ref()
        .and_then(|project| project.rule(file))
        .unwrap_or(&none);
    if options.format.is_empty() {
        options.format = rule.format.clone().unwrap_or_default();
    }
    if !matches!(target, Sealing::Existing(_)) {
        options.scope = options.scope.or(rule.scope);
        if options.namespace.is_empty() {
            options.namespace = rule.namespace.clone().unwrap_or_default();
        }
    }
    if !options.cert.is_empty() {
        return if options.clusters.is_empty() {
            Ok(Vec::new())
        } else {
            Err(ClusterError::CertToo.into())
        };
    }
    let mut clusters = clusters::choose(&options.clusters, &rule.clusters)?;
    if clusters.is_empty() {
        options.cert = rule.certificate.clone().unwrap_or_default();
        return Ok(clusters);
    }
    let count = clusters.len();
    let mode = match target {
        Sealing::New => {
            if options.sealed_secret_file.is_empty()
                && let Some(output) = &rule.output
            {
                let folder = Path::new(&options.secret_file).parent();
                options.sealed_secret_file = folder.unwrap_or(Path::new("")).join(output).into();
            }
            if is_pattern(&options.sealed_secret_file) {
                return Ok(clusters);
            }
            None
        }
        Sealing::Existing(_) | Sealing::Created(_) => Some("a single file"),
        Sealing::Value => Some("--raw"),
    };
    match (clusters.pop(), mode) {
        (Some(only), _) if clusters.is_empty() => options.cert = only.cert,
        (_, Some(mode)) => {
            return Err(ClusterError::OneOnly {
                mode,
                clusters: count,
            }
            .into());
        }
        (_, None) => {
            let file = options.sealed_secret_file.to_string_lossy();
            return Err(ClusterError::Pattern {
                clusters: count,
                what: if file.is_empty() {
                    "standard output".to_owned()
                } else {
                    format!("-w {file}")
                },
            }
            .into());
        }
    }
    Ok(Vec::new())
}

/// The file that rules are matched with: what is written, else what is read.
fn file_of(options: &Options, target: Sealing<'_>) -> Option<OsString> {
    let file = match target {
        Sealing::Existing(file) | Sealing::Created(file) => file.as_os_str(),
        Sealing::New | Sealing::Value if !options.sealed_secret_file.is_empty() => {
            &options.sealed_secret_file
        }
        Sealing::Value if !options.from_file.is_empty() => return None,
        Sealing::New | Sealing::Value => &options.secret_file,
    };
    let device = file.is_empty() || Path::new(file).starts_with("/dev");
    (!device).then(|| file.to_owned())
}

impl Explain for SettingsError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Project(error) => error.hint(),
            Self::Clusters(error) => error.hint(),
        }
    }
}

impl From<ClusterError> for Error {
    fn from(error: ClusterError) -> Self {
        SettingsError::from(error).into()
    }
}
