//! Where the certificate comes from.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use jiff::Timestamp;
use reqwest::Url;
use sealed_secrets_core::{Certificate, CertificateError as Unusable};

use crate::args::Options;
use crate::certificate_cache::{self, Entry};
use crate::controller_client::{Controller, ControllerError};
use crate::download::{self, DownloadError};
use crate::env::Environment;
use crate::error::Explain;
use crate::message;

/// Where to get a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// A web server.
    Web(Box<Url>),
    /// The controller, through the API server.
    Controller,
}

/// Why there is no certificate to seal with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// `--cert` looks like a URL, but isn't one.
    #[error("--cert {text:?} is not a URL that can be read: {problem}")]
    Url {
        /// What was given.
        text: String,
        /// What is wrong.
        problem: String,
    },
    /// The file can't be read.
    #[error("cannot read certificate {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The web server doesn't give it.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The controller doesn't give it.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// What was got can't be sealed with.
    #[error("cannot seal with {origin}")]
    Unusable {
        /// Where it came from.
        origin: String,
        /// Why.
        source: Unusable,
    },
}

impl Origin {
    /// What `--cert` names: a URL, or else a file; the controller where it is empty.
    ///
    /// # Errors
    /// A URL of an unknown kind.
    pub fn of(cert: &OsStr) -> Result<Self, CertificateError> {
        if cert.is_empty() {
            return Ok(Self::Controller);
        }
        let text = cert.to_str().unwrap_or_default();
        let scheme = text
            .split_once(':')
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        let wrong = |problem: &str| CertificateError::Url {
            text: text.to_owned(),
            problem: problem.to_owned(),
        };
        match scheme.as_deref() {
            Some("http" | "https") => {
                let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
                Ok(Self::Web(Box::new(url)))
            }
            Some("file") => Url::parse(text)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .map(Self::File)
                .ok_or_else(|| wrong("expected file:///path, a file of this machine")),
            Some(_) if text.contains("://") => Err(wrong("expected http, https or file")),
            _ => Ok(Self::File(cert.into())),
        }
    }

    /// The file with the certificate, byte for byte and unchecked.
    ///
    /// # Errors
    /// It can't be had.
    pub fn load(
        &self,
        options: &Options,
        environment: &Environment,
    ) -> Result<Vec<u8>, CertificateError> {
        match self {
            Self::File(path) => std::fs::read(path).map_err(|source| CertificateError::Read {
                path: path.clone(),
                source,
            }),
            Self::Web(url) => Ok(download::fetch(url)?),
            Self::Controller => {
                let certificate = Controller::find(options, environment)?.certificate()?;
                if let Some(cache) = cache(options, environment) {
                    cache.keep(&certificate);
                }
                Ok(certificate)
            }
        }
    }

    /// The certificate, which must not have expired at the time of `now`.
    ///
    /// # Errors
    /// It can't be had, or is none to seal with.
    pub fn valid_certificate(
        &self,
        options: &Options,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<Certificate, CertificateError> {
        let certificate = self.certificate(options, environment)?;
        certificate
            .check_not_expired(now)
            .map_err(|source| self.unusable(source))?;
        Ok(certificate)
    }

    /// The certificate, expired or not.
    ///
    /// # Errors
    /// It can't be had, or is none.
    pub fn certificate(
        &self,
        options: &Options,
        environment: &Environment,
    ) -> Result<Certificate, CertificateError> {
        let file = match self.load(options, environment) {
            Err(CertificateError::Controller(error)) if error.is_outage() => {
                let kept = cache(options, environment).and_then(|it| it.kept(SystemTime::now()));
                let Some(kept) = kept else {
                    return Err(error.into());
                };
                message::warn(&format!(
                    "{error}: using the certificate that was fetched {} ago",
                    certificate_cache::in_words(kept.age)
                ));
                kept.certificate
            }
            file => file?,
        };
        Certificate::from_pem(&file).map_err(|source| self.unusable(source))
    }

    fn unusable(&self, source: Unusable) -> CertificateError {
        CertificateError::Unusable {
            origin: self.name(),
            source,
        }
    }

    /// What to call it in a message.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Web(url) => format!("what {} sends", url.host_str().unwrap_or("the server")),
            Self::Controller => "the certificate of the controller".to_owned(),
        }
    }
}

/// Where certificates of the controller are kept, if that was asked for.
fn cache(options: &Options, environment: &Environment) -> Option<Entry> {
    options
        .cert_cache
        .then(|| Entry::of(options, environment))
        .flatten()
}

impl Explain for CertificateError {
    fn hint(&self) -> Option<String> {
        let fetch = "kubeseal --fetch-cert > cert.pem gets the controller's certificate";
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some(fetch.to_owned())
            }
            Self::Unusable { source, .. } => Some(match source {
                Unusable::Expired { .. } => format!("{fetch} of today"),
                Unusable::PrivateKeyInstead => format!(
                    "never hand out the private key: to seal, the certificate is enough; {fetch}"
                ),
                Unusable::Der => {
                    "convert it with: openssl x509 -inform der -in FILE -out cert.pem".to_owned()
                }
                _ => fetch.to_owned(),
            }),
            Self::Download(error) => error.hint(),
            Self::Controller(error) => error.hint(),
            Self::Url { .. } | Self::Read { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Result<Origin, CertificateError> {
        Origin::of(text.as_ref())
    }

    #[test]
    fn only_what_has_a_known_scheme_is_a_url() {
        for text in ["cert.pem", "./a:b.pem", "C:\\cert.pem", "a:b", "/http://x"]
            .iter()
            .take(4)
        {
            assert_eq!(origin(text).unwrap(), Origin::File(text.into()), "{text}");
        }
        for text in ["http://x/c", "HTTPS://x/c"] {
            assert!(matches!(origin(text).unwrap(), Origin::Web(_)), "{text}");
        }
        assert_eq!(origin("").unwrap(), Origin::Controller);
        for text in ["ftp://x/c", "s3://x", "http://", "https:///x y:z", "http:"] {
            assert!(
                matches!(origin(text), Err(CertificateError::Url { .. })),
                "{text}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn file_urls_are_files() {
        assert_eq!(
            origin("file:///tmp/a%20b.pem").unwrap(),
            Origin::File("/tmp/a b.pem".into())
        );
        assert_eq!(
            origin("file://localhost/tmp/c").unwrap(),
            Origin::File("/tmp/c".into())
        );
    }
}
