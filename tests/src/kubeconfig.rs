//! Kubeconfig files, as `kubectl`, `kubeseal` and the controllers read them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::certificates::KeyFiles;

/// What a client needs to know of an API server.
#[derive(Clone, Debug)]
pub struct Cluster<'a> {
    /// Its URL.
    pub server: &'a str,
    /// The authority that signed its certificate.
    pub ca: &'a Path,
}

/// Who the client is.
#[derive(Clone, Debug)]
pub enum User<'a> {
    /// Somebody with a client certificate.
    Certificate(&'a KeyFiles),
    /// Somebody with a bearer token, in a file.
    TokenFile(&'a Path),
}

/// A kubeconfig that can't be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
#[non_exhaustive]
pub struct KubeconfigError {
    /// The file.
    pub path: PathBuf,
    source: io::Error,
}

/// Writes a kubeconfig with one context.
///
/// # Errors
/// Fails when the file can't be written.
pub fn write(
    path: &Path,
    cluster: &Cluster<'_>,
    user: &User<'_>,
    namespace: &str,
) -> Result<(), KubeconfigError> {
    let user = match user {
        User::Certificate(files) => json!({
            "client-certificate": files.certificate,
            "client-key": files.key,
        }),
        User::TokenFile(file) => json!({ "tokenFile": file }),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "test",
            "cluster": { "server": cluster.server, "certificate-authority": cluster.ca },
        }],
        "users": [{ "name": "test", "user": user }],
        "contexts": [{
            "name": "test",
            "context": { "cluster": "test", "user": "test", "namespace": namespace },
        }],
        "current-context": "test",
    });
    // JSON is YAML, and every reader of kubeconfigs takes it.
    fs::write(path, config.to_string()).map_err(|source| KubeconfigError {
        path: path.to_owned(),
        source,
    })
}
