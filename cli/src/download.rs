//! Getting a certificate from a web server.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use crate::connection::is_loopback;
use crate::error::{Explain, root_cause};

/// A certificate has a few kilobytes; a chain has several.
const MAX_LENGTH: usize = 1 << 20;
const MAX_REDIRECTS: usize = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(120);

/// Why nothing could be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// No thread or socket could be had.
    #[error("cannot start the network client")]
    Runtime(#[source] std::io::Error),
    /// The server can't be reached, or breaks off.
    #[error("cannot fetch {url}: {reason}")]
    Request {
        /// What was wanted.
        url: String,
        /// Why it didn't come.
        reason: String,
    },
    /// The server answers something else.
    #[error("cannot fetch {url}: the server answers {status}")]
    Status {
        /// What was wanted.
        url: String,
        /// The answer.
        status: StatusCode,
    },
    /// The answer has no end.
    #[error("cannot fetch {url}: it is longer than any certificate")]
    TooLong {
        /// What was wanted.
        url: String,
    },
}

/// Fetches `url`, an `http` or `https` one: redirects are followed, proxies of the environment
/// used, and nothing but status 200 counts.
///
/// # Errors
/// See [`DownloadError`]. Messages leave out a password in the URL.
pub fn fetch(url: &Url) -> Result<Vec<u8>, DownloadError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DownloadError::Runtime)?;
    runtime.block_on(fetch_async(url))
}

async fn fetch_async(url: &Url) -> Result<Vec<u8>, DownloadError> {
    let name = without_credentials(url);
    let failed = |error: reqwest::Error| DownloadError::Request {
        url: name.clone(),
        reason: root_cause(&error.without_url()),
    };
    let mut client = Client::builder()
        .user_agent(concat!("kubeseal/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::limited(MAX_REDIRECTS))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT);
    if url.host_str().is_some_and(is_loopback) {
        client = client.no_proxy();
    }
    let client = client.build().map_err(failed)?;
    let mut response = client.get(url.clone()).send().await.map_err(failed)?;
    if response.status() != StatusCode::OK {
        return Err(DownloadError::Status {
            url: name,
            status: response.status(),
        });
    }
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if content.len() + chunk.len() > MAX_LENGTH {
            return Err(DownloadError::TooLong { url: name });
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    // Fails for URLs that can have no credentials, which then have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

impl Explain for DownloadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let url = Url::parse("https://me:secret@host/cert.pem").unwrap();
        assert_eq!(without_credentials(&url), "https://host/cert.pem");
    }
}
