//! The project file, `.kubeseal.yaml`: what to seal with, for files of a project.
//!
//! ```yaml
//! rules:
//!   - paths: [apps/**]
//!     clusters: {staging: certs/staging.pem, production: https://example.org/cert.pem}
//!     output: "{name}.{cluster}.yaml"
//!     scope: strict
//!     namespace: shop
//!     format: yaml
//!   - certificate: certs/staging.pem
//! ```
//!
//! It is found by walking up from the target, up to the root of the Git work tree. Of its rules the
//! first that matches counts, alone. What flags and variables say comes before it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sealed_secrets_core::Scope;
use sealed_secrets_crds::manifest::{self, Node, Position, ReadError, TypeError, Value};

use crate::clusters::Cluster;
use crate::error::Explain;
use crate::output::Format;

/// The name of a project file.
pub const NAME: &str = ".kubeseal.yaml";
/// What stands for standard input where paths are matched.
const STDIN: &str = "-";

/// A project file.
#[derive(Clone, Debug)]
pub struct Project {
    folder: PathBuf,
    rules: Vec<Rule>,
}

/// What counts for some files.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Files it is for, relative to the project's folder; all, if there are none.
    paths: Option<GlobSet>,
    /// The certificate, as `--cert` takes it.
    pub certificate: Option<OsString>,
    /// Clusters by name, each with its certificate.
    pub clusters: Vec<Cluster>,
    /// Name of the file for each cluster, relative to the input's folder.
    pub output: Option<String>,
    /// The scope.
    pub scope: Option<Scope>,
    /// The namespace where the input has none.
    pub namespace: Option<String>,
    /// The output format.
    pub format: Option<String>,
}

/// Why a project file doesn't count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The operating system refuses.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could choose the key that we seal with.
    #[error("{path} belongs to another user than you and the folder you work in")]
    Owner {
        /// The file.
        path: PathBuf,
    },
    /// It isn't YAML.
    #[error("{path}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: ReadError,
    },
    /// A field has the wrong type.
    #[error("{path}")]
    Type {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: TypeError,
    },
    /// A field is unknown, or its value is wrong.
    #[error("{path}: {position}: {problem}")]
    Field {
        /// The file.
        path: PathBuf,
        /// Where.
        position: Position,
        /// What is wrong.
        problem: String,
    },
}

impl Project {
    /// The project file for `target`, if there is one: the nearest above it. `None` is standard input.
    ///
    /// # Errors
    /// It can't be read, or belongs to a stranger.
    pub fn find(target: Option<&Path>) -> Result<Option<Self>, ProjectError> {
        let Some(start) = folder_of(target) else {
            return Ok(None);
        };
        for folder in start.ancestors() {
            let path = folder.join(NAME);
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => {
                    // Of a link, whoever made it chose the file.
                    let link =
                        fs::symlink_metadata(&path).map_err(|source| ProjectError::Read {
                            path: path.clone(),
                            source,
                        })?;
                    if !is_trusted(&metadata, &start) || !is_trusted(&link, &start) {
                        return Err(ProjectError::Owner { path });
                    }
                    return Self::open(&path).map(Some);
                }
                _ if folder.join(".git").exists() => return Ok(None),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads a project file.
    ///
    /// # Errors
    /// It can't be read, or is no project file.
    pub fn open(path: &Path) -> Result<Self, ProjectError> {
        let content = fs::read(path).map_err(|source| ProjectError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &content)
    }

    /// Reads the content of a project file, which stands at `path`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(path: &Path, content: &[u8]) -> Result<Self, ProjectError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let documents = manifest::read(content).map_err(|source| ProjectError::Syntax {
            path: path.to_owned(),
            source,
        })?;
        let certificates = folder_of_certificates(path);
        let reader = Reader {
            path,
            folder: certificates.as_deref().unwrap_or(folder),
        };
        let mut rules = Vec::new();
        if let [document, rest @ ..] = documents.as_slice() {
            if let Some(second) = rest.first() {
                return Err(reader.wrong(second.node.position, "expected one document"));
            }
            for (name, value) in reader.fields(&document.node, &["rules"])? {
                debug_assert_eq!(name, "rules");
                let Value::Sequence(list) = &value.value else {
                    return Err(reader.wrong(value.position, "rules is not a list"));
                };
                for rule in list {
                    rules.push(reader.rule(rule)?);
                }
            }
        }
        Ok(Self {
            folder: folder.canonicalize().unwrap_or_else(|_| folder.to_owned()),
            rules,
        })
    }

    /// The first rule for `target`; `None` is standard input, which counts as a file named `-` in the
    /// working directory.
    pub fn rule(&self, target: Option<&Path>) -> Option<&Rule> {
        let path = folder_of(target)?.join(match target {
            Some(target) => target.file_name()?,
            None => STDIN.as_ref(),
        });
        let path = path.strip_prefix(&self.folder).unwrap_or(&path);
        self.rules
            .iter()
            .find(|rule| rule.paths.as_ref().is_none_or(|paths| paths.is_match(path)))
    }
}

struct Reader<'file> {
    path: &'file Path,
    /// Where certificates are relative to.
    folder: &'file Path,
}

impl Reader<'_> {
    fn rule(&self, node: &Node) -> Result<Rule, ProjectError> {
        const FIELDS: [&str; 7] = [
            "paths",
            "certificate",
            "clusters",
            "output",
            "scope",
            "namespace",
            "format",
        ];
        let mut rule = Rule::default();
        for (name, value) in self.fields(node, &FIELDS)? {
            match name {
                "paths" => rule.paths = Some(self.globs(value)?),
                "certificate" => rule.certificate = Some(self.certificate(value)?),
                "clusters" => {
                    for (key, value) in value
                        .fields()
                        .ok_or_else(|| self.wrong(value.position, "clusters is not a map"))?
                    {
                        let cert = self.certificate(value)?;
                        let cluster = Cluster::new(&key.name, cert)
                            .map_err(|error| self.wrong(key.position, &error.to_string()))?;
                        rule.clusters.push(cluster);
                    }
                }
                "output" => rule.output = Some(self.text(value)?),
                "scope" => {
                    let scope = self.text(value)?.parse::<Scope>();
                    rule.scope = Some(
                        scope.map_err(|error| self.wrong(value.position, &error.to_string()))?,
                    );
                }
                "namespace" => rule.namespace = Some(self.text(value)?),
                _ => {
                    let format = self.text(value)?;
                    Format::of(&format, "".as_ref())
                        .map_err(|error| self.wrong(value.position, &error.to_string()))?;
                    rule.format = Some(format);
                }
            }
        }
        if rule.certificate.is_some() && !rule.clusters.is_empty() {
            return Err(self.wrong(node.position, "a rule has either certificate or clusters"));
        }
        Ok(rule)
    }

    /// The fields of a map, all of them among `known`.
    fn fields<'node>(
        &self,
        node: &'node Node,
        known: &[&'static str],
    ) -> Result<Vec<(&'static str, &'node Node)>, ProjectError> {
        let fields = node
            .fields()
            .ok_or_else(|| self.wrong(node.position, "expected a map"))?;
        fields
            .iter()
            .map(
                |(key, value)| match known.iter().find(|known| **known == key.name) {
                    Some(known) => Ok((*known, value)),
                    None => Err(self.wrong(key.position, &format!("unknown field {:?}", key.name))),
                },
            )
            .collect()
    }

    fn globs(&self, node: &Node) -> Result<GlobSet, ProjectError> {
        let Value::Sequence(list) = &node.value else {
            return Err(self.wrong(node.position, "paths is not a list"));
        };
        let mut globs = GlobSetBuilder::new();
        for node in list {
            let text = self.text(node)?;
            let glob = GlobBuilder::new(&text)
                .literal_separator(true)
                .build()
                .map_err(|error| self.wrong(node.position, &error.to_string()))?;
            globs.add(glob);
        }
        globs
            .build()
            .map_err(|error| self.wrong(node.position, &error.to_string()))
    }

    /// A certificate as `--cert` takes it; files are relative to the project's folder.
    fn certificate(&self, node: &Node) -> Result<OsString, ProjectError> {
        let text = self.text(node)?;
        if text.is_empty() {
            return Err(self.wrong(node.position, "expected a certificate: a file or a URL"));
        }
        Ok(if text.contains("://") {
            text.into()
        } else {
            self.folder.join(text).into()
        })
    }

    fn text(&self, node: &Node) -> Result<String, ProjectError> {
        manifest::from_node(node).map_err(|source| ProjectError::Type {
            path: self.path.to_owned(),
            source,
        })
    }

    fn wrong(&self, position: Position, problem: &str) -> ProjectError {
        ProjectError::Field {
            path: self.path.to_owned(),
            position,
            problem: problem.to_owned(),
        }
    }
}

/// The folder of a target, which may not exist yet, without symbolic links.
fn folder_of(target: Option<&Path>) -> Option<PathBuf> {
    let folder = match target.and_then(Path::parent) {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    folder.canonicalize().ok()
}

/// The folder of the project file itself, if `path` is a link to it: whoever owns the file says which
/// certificates it means, and not whoever owns the folder with the link.
fn folder_of_certificates(path: &Path) -> Option<PathBuf> {
    let link = fs::symlink_metadata(path).ok()?;
    let file = link.is_symlink().then(|| path.canonicalize().ok())??;
    file.parent().map(Path::to_owned)
}

/// Whoever may write the project file chooses the key, so it counts only if it is ours, root's, or
/// belongs to whoever owns the folder we work in and could change our files anyway.
#[cfg(unix)]
fn is_trusted(file: &fs::Metadata, start: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let of_folder = fs::metadata(start).map(|folder| folder.uid()).ok();
    let own = rustix::process::geteuid().as_raw();
    file.uid() == 0 || file.uid() == own || Some(file.uid()) == of_folder
}

#[cfg(not(unix))]
fn is_trusted(_: &fs::Metadata, _: &Path) -> bool {
    true
}

impl Explain for ProjectError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Owner { path } => Some(format!(
                "to use it all the same, give --project-file {}",
                path.display()
            )),
            Self::Field { .. } => Some("docs/project-file.md tells what it may hold".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Project, String> {
        Project::parse("/p/.kubeseal.yaml".as_ref(), text.as_bytes()).map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error} {}", source.unwrap_or_default())
        })
    }

    #[test]
    fn rules_are_read() {
        let project = parse(
            "# ours\nrules:\n- paths: [a/*.yaml]\n  clusters: {s: c/s.pem, p: 'https://x/c'}\n  output: '{name}.{cluster}.yaml'\n\
             - certificate: x.pem\n  scope: namespace-wide\n  namespace: shop\n  format: yaml\n",
        )
        .unwrap();
        let [first, second] = project.rules.as_slice() else {
            panic!("{project:?}");
        };
        let certs: Vec<_> = first
            .clusters
            .iter()
            .map(|one| one.cert.to_str().unwrap())
            .collect();
        assert_eq!(certs, ["/p/c/s.pem", "https://x/c"]);
        assert!(first.paths.as_ref().unwrap().is_match("a/b.yaml"));
        assert!(!first.paths.as_ref().unwrap().is_match("a/b/c.yaml"));
        assert_eq!(second.certificate.as_deref(), Some("/p/x.pem".as_ref()));
        assert_eq!(second.scope, Some(Scope::NamespaceWide));
        assert!(parse("").unwrap().rules.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn certificates_stand_beside_the_file_and_not_beside_a_link_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir(folder.join("real")).unwrap();
        fs::create_dir(folder.join("work")).unwrap();
        let rules = "rules:\n- paths: [a.yaml]\n  certificate: c.pem\n";
        fs::write(folder.join("real/rules.yaml"), rules).unwrap();
        std::os::unix::fs::symlink("../real/rules.yaml", folder.join("work").join(NAME)).unwrap();
        let target = folder.join("work/a.yaml");
        let project = Project::find(Some(&target)).unwrap().unwrap();
        // Paths are those beside the link all the same.
        let rule = project.rule(Some(&target)).unwrap();
        let wanted = folder.join("real/c.pem");
        assert_eq!(rule.certificate.as_deref(), Some(wanted.as_os_str()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, wanted) in [
            ("rule: []\n", "line 1, column 1: unknown field \"rule\""),
            (
                "rules:\n- path: [x]\n",
                "line 2, column 3: unknown field \"path\"",
            ),
            ("rules: {}\n", "line 1, column 8: rules is not a list"),
            (
                "rules:\n- scope: wide\n",
                "line 2, column 10: unknown scope",
            ),
            (
                "rules:\n- format: xml\n",
                "line 2, column 11: unsupported output format: xml",
            ),
            (
                "rules:\n- paths: ['a[']\n",
                "line 2, column 11: error parsing glob",
            ),
            ("rules:\n- certificate: [x]\n", "line 2, column 16"),
            (
                "rules:\n- certificate: ''\n",
                "line 2, column 16: expected a certificate",
            ),
            (
                "rules:\n- certificate: a\n  clusters: {b: c}\n",
                "either certificate or clusters",
            ),
            ("rules:\n- clusters: {a/b: c}\n", "line 2, column 14"),
            (
                "rules: []\n---\nrules: []\n",
                "line 3, column 1: expected one document",
            ),
            ("a: [\n", "line 1"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.starts_with("/p/.kubeseal.yaml") && error.contains(wanted),
                "{text}: {error}"
            );
        }
    }
}
