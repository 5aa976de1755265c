//! Writing the result: all of it or nothing.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sealed_secrets_crds::manifest::{self, Node, WriteError};
use zeroize::Zeroizing;

use crate::error::Explain;
use crate::message;

/// How objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Two-space indented JSON, a newline after each object.
    Json,
    /// YAML, a `---` line before each object.
    Yaml,
}

/// Where the result goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, to be replaced.
    File(PathBuf),
}

/// Why the result couldn't be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// `-o` with something else.
    #[error("unsupported output format: {0}")]
    Format(String),
    /// The result has no text form.
    #[error(transparent)]
    Encode(#[from] WriteError),
    /// Standard output takes no more.
    #[error("cannot write to standard output")]
    Stdout(#[source] io::Error),
    /// The file can't be replaced.
    #[error("cannot write {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is a directory.
    #[error("cannot write {path}: it is a directory")]
    Directory {
        /// The directory.
        path: PathBuf,
    },
}

impl Format {
    /// The format that `-o` names, in any case; for a `file` whose name ends in `.yaml` or `.yml`,
    /// YAML whatever it names.
    ///
    /// # Errors
    /// Another name.
    pub fn of(name: &str, file: &OsStr) -> Result<Self, OutputError> {
        if is_yaml_file(file) {
            return Ok(Self::Yaml);
        }
        match name.to_ascii_lowercase().as_str() {
            "" | "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            _ => Err(OutputError::Format(name.to_owned())),
        }
    }

    /// One object as text, to be followed by the next.
    ///
    /// # Errors
    /// The object has no such form.
    pub fn encode(self, object: &impl serde::Serialize) -> Result<Zeroizing<String>, OutputError> {
        Ok(Zeroizing::new(match self {
            Self::Json => manifest::to_json(object)?,
            Self::Yaml => manifest::to_yaml_document(object)?,
        }))
    }
}

/// Whether a file is YAML by its name.
pub fn is_yaml_file(file: &OsStr) -> bool {
    let name = file.as_encoded_bytes();
    name.ends_with(b".yaml") || name.ends_with(b".yml")
}

impl Destination {
    /// The file that `name` names; standard output where it is empty.
    pub fn of(name: &OsStr) -> Self {
        if name.is_empty() {
            Self::Stdout
        } else {
            Self::File(name.into())
        }
    }

    /// Writes the whole result. A file changes whole or not at all, and gets mode 0600.
    ///
    /// # Errors
    /// The operating system's; a file is as it was then, and nothing is left beside it.
    pub fn write(&self, content: &[u8]) -> Result<(), OutputError> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout
                    .write_all(content)
                    .and_then(|()| stdout.flush())
                    .map_err(OutputError::Stdout)
            }
            Self::File(path) => {
                let result = match kind(path) {
                    Kind::Directory => {
                        return Err(OutputError::Directory { path: path.clone() });
                    }
                    Kind::Stream => write_stream(path, content),
                    Kind::Replaceable => replace(path, content, None),
                };
                result.map_err(|source| OutputError::File {
                    path: path.clone(),
                    source,
                })
            }
        }
    }
}

/// Says so where a file that is about to be replaced by a sealed one holds a plain Secret. It is what
/// the user asks for, and still the Secret may be known: Git keeps what was committed once.
pub fn warn_of_plain(path: &Path) {
    if !matches!(kind(path), Kind::Replaceable) {
        return;
    }
    let content = Zeroizing::new(fs::read(path).unwrap_or_default());
    if holds_plain(&content) {
        let path = path.display();
        message::warn(&format!(
            "{path} holds a plain Secret, which is replaced by the sealed one; if it was committed, Git's history \
             still has it"
        ));
    }
}

/// Whether there is a Secret with items in a text; what can't be read holds none.
fn holds_plain(content: &[u8]) -> bool {
    let documents = manifest::read(content).unwrap_or_default();
    manifest::objects(&documents).iter().any(|object| {
        let has_items = |field| {
            object
                .node
                .field(field)
                .is_some_and(|items| !items.is_null())
        };
        object.node.field("kind").and_then(Node::text) == Some("Secret")
            && (has_items("data") || has_items("stringData"))
    })
}

/// Replaces a file by way of a temporary one beside it. The new file has mode 0600, or the mode and,
/// where that is allowed, the owner of the `old` one.
///
/// # Errors
/// The operating system's; the file is as it was then.
pub fn replace(path: &Path, content: &[u8], old: Option<&fs::Metadata>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Fails for what isn't a folder, too.
    fs::metadata(folder.join("."))?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".kubeseal-")
        .tempfile_in(folder)
        // The error names the temporary file, which means nothing to anybody.
        .map_err(|error| io::Error::from(error.kind()))?;
    temporary.write_all(content)?;
    if let Some(old) = old {
        // The owner first: changing it may reset bits of the mode. Only root may give files away.
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt as _, fchown};
            let _ = fchown(temporary.as_file(), Some(old.uid()), Some(old.gid()));
        }
        temporary.as_file().set_permissions(old.permissions())?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    // Without this the new name could be lost in a crash, though neither content would be. Not all
    // file systems can do it.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

enum Kind {
    Replaceable,
    Directory,
    /// A terminal, pipe or other device, which must not be replaced by a file.
    Stream,
}

fn kind(path: &Path) -> Kind {
    // /dev/stdout may lead to a regular file, but it is not the name to replace.
    let is_device = path.starts_with("/dev") || path.starts_with("/proc");
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Kind::Directory,
        Ok(metadata) if is_device || !metadata.is_file() => Kind::Stream,
        _ => Kind::Replaceable,
    }
}

fn write_stream(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.write_all(content)?;
    file.flush()
}

impl Explain for OutputError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Format(_) => Some("-o takes json or yaml".to_owned()),
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("the folder must exist".to_owned())
            }
            Self::Directory { .. } => Some("give the name of a file".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_force_yaml_and_nothing_else() {
        for (name, file, wanted) in [
            ("json", "", Format::Json),
            ("", "", Format::Json),
            ("JSON", "", Format::Json),
            ("Yaml", "", Format::Yaml),
            ("json", "x.yaml", Format::Yaml),
            ("bogus", "x.yml", Format::Yaml),
            ("json", "x.YAML", Format::Json),
            ("yaml", "x.json", Format::Yaml),
            ("json", "yaml", Format::Json),
        ] {
            assert_eq!(
                Format::of(name, file.as_ref()).unwrap(),
                wanted,
                "{name} {file}"
            );
        }
        assert!(Format::of("toml", "x.json".as_ref()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn files_are_replaced_with_mode_0600_and_nothing_is_left_beside_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.yaml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        Destination::File(path.clone()).write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let error = Destination::File(inner.clone()).write(b"x").unwrap_err();
        assert!(matches!(error, OutputError::Directory { .. }), "{error}");
        assert!(inner.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
