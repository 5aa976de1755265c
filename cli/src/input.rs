//! Reading what is to be worked on.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::PathBuf;

use sealed_secrets_crds::manifest::{self, Document, Object, ReadError};
use zeroize::Zeroizing;

use crate::error::Explain;
use crate::message;

/// Where input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Why there is no input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The operating system refuses.
    #[error("cannot read {name}")]
    Read {
        /// The source.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A document can't be read.
    #[error("{name}: {error}")]
    Syntax {
        /// The source.
        name: String,
        /// Where and why.
        error: ReadError,
    },
    /// There is nothing in it.
    #[error("{name}: no {wanted} found")]
    Empty {
        /// The source.
        name: String,
        /// What should have been there.
        wanted: &'static str,
    },
}

impl Source {
    /// The file that `name` names; standard input where it is empty.
    pub fn of(name: &std::ffi::OsStr) -> Self {
        if name.is_empty() {
            Self::Stdin
        } else {
            Self::File(name.into())
        }
    }

    /// Whether a person sits at the other end, who may not know that something is waited for.
    pub fn is_terminal(&self) -> bool {
        *self == Self::Stdin && io::stdin().is_terminal()
    }

    /// Everything there is. `expected` says what to type where a person sits at the other end.
    ///
    /// # Errors
    /// The operating system's.
    pub fn read(&self, expected: &str) -> Result<Zeroizing<Vec<u8>>, InputError> {
        let mut content = Zeroizing::default();
        let result = match self {
            Self::Stdin => {
                let mut stdin = io::stdin().lock();
                if stdin.is_terminal() {
                    message::note(&format!(
                        "(reading {expected} from the terminal; Ctrl-D ends it)"
                    ));
                }
                read_to_end(&mut stdin, 0, &mut content)
            }
            Self::File(path) => File::open(path).and_then(|mut file| {
                let length = file.metadata()?.len();
                read_to_end(
                    &mut file,
                    usize::try_from(length).unwrap_or(0),
                    &mut content,
                )
            }),
        };
        result.map_err(|source| InputError::Read {
            name: self.to_string(),
            source,
        })?;
        Ok(content)
    }

    /// The documents in `content`, which came from here: at least one.
    ///
    /// # Errors
    /// The first document that can't be read, or that there is none; `wanted` says of what.
    pub fn documents(
        &self,
        content: &[u8],
        wanted: &'static str,
    ) -> Result<Vec<Document>, InputError> {
        let documents = manifest::read(content).map_err(|error| InputError::Syntax {
            name: self.to_string(),
            error,
        })?;
        if documents.is_empty() {
            return Err(InputError::Empty {
                name: self.to_string(),
                wanted,
            });
        }
        Ok(documents)
    }
}

impl Source {
    /// The objects in `documents`, which came from here: at least one.
    ///
    /// # Errors
    /// There is none, because all that is there are empty Lists.
    pub fn objects<'node>(
        &self,
        documents: &'node [Document],
        wanted: &'static str,
    ) -> Result<Vec<Object<'node>>, InputError> {
        let objects = manifest::objects(documents);
        if objects.is_empty() {
            return Err(InputError::Empty {
                name: self.to_string(),
                wanted,
            });
        }
        Ok(objects)
    }
}

/// Reads into a buffer that is wiped before it grows: it may hold a Secret.
fn read_to_end(
    reader: &mut impl io::Read,
    expected: usize,
    content: &mut Zeroizing<Vec<u8>>,
) -> io::Result<()> {
    const STEP: usize = 64 << 10;
    content.reserve_exact(expected.saturating_add(1).clamp(STEP, 64 << 20));
    loop {
        if content.len() == content.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(content.capacity() * 2));
            larger.extend_from_slice(content);
            std::mem::swap(content, &mut larger);
        }
        let free = content.capacity() - content.len();
        // Stays within the capacity, so nothing is left behind by a reallocation.
        match reader.by_ref().take(free as u64).read_to_end(content)? {
            read if read < free => return Ok(()),
            _ => {}
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Explain for InputError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::IsADirectory => {
                Some("-f takes a single file".to_owned())
            }
            Self::Empty { wanted, .. } => Some(format!(
                "give a {wanted} in JSON or YAML, with -f FILE or on standard input"
            )),
            Self::Read { .. } | Self::Syntax { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_of_any_length_is_read_whole() {
        for length in [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 300_000] {
            let bytes: Vec<u8> = (0..length).map(|i: usize| i as u8).collect();
            for expected in [0, length, 10] {
                let mut content = Zeroizing::default();
                read_to_end(&mut bytes.as_slice(), expected, &mut content).unwrap();
                assert_eq!(*content, bytes, "{length} {expected}");
            }
        }
    }

    #[test]
    fn what_holds_no_document_is_an_error() {
        let error = Source::Stdin
            .documents(b"---\n# nothing\n", "Secret")
            .unwrap_err();
        assert_eq!(error.to_string(), "standard input: no Secret found");
        let error = Source::File("x.yaml".into())
            .documents(b"a: [", "Secret")
            .unwrap_err();
        assert!(
            error.to_string().starts_with("x.yaml: document 1: line 1"),
            "{error}"
        );
    }
}
