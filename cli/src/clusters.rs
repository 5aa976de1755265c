//! One sealed output for each of several clusters.
//!
//! A sealed value is for one key, so a Secret that goes to several clusters is sealed several times,
//! into a file for each. All files are written, or none.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Explain;
use crate::output::{self, OutputError};

/// A cluster, by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// What it is called.
    pub name: String,
    /// Its certificate, as `--cert` takes it.
    pub cert: OsString,
}

/// Why there is no output for every cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The name would not do in the name of a file.
    #[error("cluster {0:?} has a name of other characters than letters, digits, '-', '_' and '.'")]
    Name(String),
    /// The name stands for two certificates.
    #[error("cluster {0:?} is given twice")]
    Twice(String),
    /// Nobody says which certificate it has.
    #[error(
        "cluster {0:?} has no certificate: neither does --clusters name one nor the project file"
    )]
    Unknown(String),
    /// One certificate for all, and one for each.
    #[error("--cert and --clusters are given both")]
    CertToo,
    /// The clusters would write the same file.
    #[error("{} clusters need a file each, and {what} names none with {{cluster}}", .clusters)]
    Pattern {
        /// How many clusters there are.
        clusters: usize,
        /// What should have.
        what: String,
    },
    /// Names that make the same file of two clusters.
    #[error("clusters {first:?} and {second:?} would both write {path}")]
    SameFile {
        /// One cluster.
        first: String,
        /// The other.
        second: String,
        /// The file.
        path: PathBuf,
    },
    /// A placeholder that stands for nothing.
    #[error("unknown placeholder in {0:?}, expected {{name}}, {{namespace}} or {{cluster}}")]
    Placeholder(String),
    /// A name that would lead elsewhere.
    #[error("{0:?} cannot be part of a file name")]
    Part(String),
    /// A mode with one output.
    #[error("{mode} takes one certificate, {clusters} clusters are given")]
    OneOnly {
        /// The mode.
        mode: &'static str,
        /// How many clusters there are.
        clusters: usize,
    },
}

impl Cluster {
    /// A cluster with a name that can be part of a file's.
    ///
    /// # Errors
    /// Another name.
    pub fn new(name: &str, cert: OsString) -> Result<Self, ClusterError> {
        if is_part(name)
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            Ok(Self {
                name: name.to_owned(),
                cert,
            })
        } else {
            Err(ClusterError::Name(name.to_owned()))
        }
    }
}

/// The clusters that `--clusters` chooses: `NAME=CERT`, or `NAME` for one of those in `known`, which
/// come from the project file; all of them where nothing is given.
///
/// # Errors
/// An unknown name, or one given twice.
pub fn choose(given: &[OsString], known: &[Cluster]) -> Result<Vec<Cluster>, ClusterError> {
    if given.is_empty() {
        return Ok(known.to_vec());
    }
    let mut chosen: Vec<Cluster> = Vec::new();
    for text in given {
        let text = text
            .to_str()
            .ok_or_else(|| ClusterError::Name(text.to_string_lossy().into_owned()))?;
        let cluster = match text.split_once('=') {
            Some((name, cert)) if !cert.is_empty() => Cluster::new(name, cert.into())?,
            Some((name, _)) => return Err(ClusterError::Unknown(name.to_owned())),
            None => known
                .iter()
                .find(|cluster| cluster.name == text)
                .cloned()
                .ok_or_else(|| ClusterError::Unknown(text.to_owned()))?,
        };
        if chosen.iter().any(|other| other.name == cluster.name) {
            return Err(ClusterError::Twice(cluster.name));
        }
        chosen.push(cluster);
    }
    Ok(chosen)
}

/// The file for one SealedSecret of one cluster: `pattern` with `{name}`, `{namespace}` and
/// `{cluster}` filled in.
///
/// # Errors
/// Another placeholder, or a name that can't be part of a file's.
pub fn file_name(
    pattern: &str,
    name: &str,
    namespace: &str,
    cluster: &str,
) -> Result<PathBuf, ClusterError> {
    let mut path = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let unknown = || ClusterError::Placeholder(pattern.to_owned());
        let (placeholder, after) = after.split_once('}').ok_or_else(unknown)?;
        let value = match placeholder {
            "name" => name,
            "namespace" => namespace,
            "cluster" => cluster,
            _ => return Err(unknown()),
        };
        if !is_part(value) {
            return Err(ClusterError::Part(value.to_owned()));
        }
        path.push_str(before);
        path.push_str(value);
        rest = after;
    }
    path.push_str(rest);
    Ok(path.into())
}

/// Whether `text` tells clusters apart.
pub fn is_pattern(text: &OsStr) -> bool {
    text.to_str().is_some_and(|text| text.contains("{cluster}"))
}

fn is_part(text: &str) -> bool {
    !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '\\', '\0'])
}

/// Writes all files, or none: where one can't be replaced, those before it get their old content back.
///
/// # Errors
/// The first file that can't be written.
pub fn write_all(files: &BTreeMap<PathBuf, String>) -> Result<(), OutputError> {
    let mut old = Vec::new();
    for path in files.keys() {
        let content = match fs::read(path) {
            Ok(content) => Some((content, fs::metadata(path).ok())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                return Err(OutputError::Directory { path: path.clone() });
            }
            Err(error) => return Err(failed(path, error)),
        };
        old.push((path, content));
    }
    for (number, (path, content)) in files.iter().enumerate() {
        let Err(error) = output::replace(path, content.as_bytes(), None) else {
            continue;
        };
        // Nothing better can be done about a second failure than to report the first.
        for (path, old) in old.iter().take(number) {
            let _ = match old {
                Some((content, metadata)) => output::replace(path, content, metadata.as_ref()),
                None => fs::remove_file(path),
            };
        }
        return Err(failed(path, error));
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> OutputError {
    OutputError::File {
        path: path.to_owned(),
        source,
    }
}

impl Explain for ClusterError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown(name) => Some(format!("--clusters {name}=FILE names its certificate")),
            Self::CertToo => Some("leave one of them out".to_owned()),
            Self::Pattern { .. } => Some("as in: -w '{name}.{cluster}.yaml'".to_owned()),
            Self::OneOnly { .. } => {
                Some("choose one with --clusters NAME, or give --cert".to_owned())
            }
            Self::SameFile { .. } => {
                Some("a folder for each tells them apart: -w '{cluster}/{name}.yaml'".to_owned())
            }
            Self::Name(_) | Self::Twice(_) | Self::Placeholder(_) | Self::Part(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str, cert: &str) -> Cluster {
        Cluster::new(name, cert.into()).unwrap()
    }

    #[test]
    fn clusters_are_chosen_by_name_or_given_with_certificates() {
        let known = [cluster("a", "a.pem"), cluster("b", "b.pem")];
        let choose = |given: &[&str]| {
            let given: Vec<OsString> = given.iter().map(OsString::from).collect();
            choose(&given, &known)
        };
        assert_eq!(choose(&[]).unwrap(), known);
        assert_eq!(choose(&["b"]).unwrap(), known[1..]);
        assert_eq!(
            choose(&["c=x=y", "a"]).unwrap(),
            [cluster("c", "x=y"), cluster("a", "a.pem")]
        );
        assert_eq!(choose(&["c"]), Err(ClusterError::Unknown("c".to_owned())));
        assert_eq!(choose(&["a="]), Err(ClusterError::Unknown("a".to_owned())));
        assert_eq!(
            choose(&["a", "a=x"]),
            Err(ClusterError::Twice("a".to_owned()))
        );
        assert_eq!(
            choose(&["../a=x"]),
            Err(ClusterError::Name("../a".to_owned()))
        );
    }

    #[test]
    fn patterns_are_filled_in_and_lead_nowhere_else() {
        let fill = |pattern: &str, name: &str| file_name(pattern, name, "shop", "prod");
        assert_eq!(
            fill("x/{cluster}/{namespace}-{name}.yaml", "db").unwrap(),
            PathBuf::from("x/prod/shop-db.yaml")
        );
        assert!(matches!(
            fill("{nam}", "db"),
            Err(ClusterError::Placeholder(_))
        ));
        assert!(matches!(
            fill("{name", "db"),
            Err(ClusterError::Placeholder(_))
        ));
        for name in ["../x", "..", "", "a/b"] {
            assert!(
                matches!(fill("{name}", name), Err(ClusterError::Part(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn all_files_are_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "old").unwrap();
        let files = |names: &[&str]| -> BTreeMap<PathBuf, String> {
            names
                .iter()
                .map(|name| (path(name), "new".to_owned()))
                .collect()
        };
        write_all(&files(&["a", "b", "gone/c"])).unwrap_err();
        assert_eq!(fs::read_to_string(path("a")).unwrap(), "old");
        assert!(!path("b").exists());
        write_all(&files(&["a", "b"])).unwrap();
        assert_eq!(fs::read_to_string(path("a")).unwrap(), "new");
        assert_eq!(fs::read_to_string(path("b")).unwrap(), "new");
    }
}
