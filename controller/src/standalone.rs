//! The controller without a cluster: a folder of manifests in, files laid out as mounted Secret
//! volumes out.
//!
//! - `key_folder`: the keyring from PEM files;
//! - `key_store`: new keys in that folder, one process at a time;
//! - `manifests`: the SealedSecrets in a folder;
//! - `input`: whether a SealedSecret asks what it asked before;
//! - `pass`: everything brought to what it should be, once;
//! - `removal`: which Secrets go because their SealedSecret is gone;
//! - `volume`: a Secret as a directory, replaced all at once;
//! - `status_file`: what a cluster would say in each object's status;
//! - `wake`: when to look again.

mod atomic_file;
mod input;
mod key_folder;
mod key_store;
mod manifests;
mod notify_ready;
mod pass;
mod regular_file;
mod removal;
mod status_file;
mod volume;
mod wake;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sealed_secrets_crds::desired::Options;

use key_store::FolderKeys;

use crate::args::{KeyArgs, StandaloneArgs};
use crate::http::{self, Listen, Servers};
use crate::keys::{self, RenewError, Renewer};
use crate::leadership::Leadership;
use crate::metrics::Metrics;
use crate::shutdown;
use crate::unsealer::Unsealer;

/// Why the standalone controller can't run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StandaloneError {
    /// A folder can't be used.
    #[error("cannot use folder {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// One folder holds another.
    #[error("{inner} must not be inside {outer}: {reason}")]
    Nested {
        /// The inner folder.
        inner: PathBuf,
        /// The outer folder.
        outer: PathBuf,
        /// What would go wrong.
        reason: &'static str,
    },
    /// Another controller writes there.
    #[error("another controller already writes to {0}")]
    Locked(PathBuf),
    /// The keys can't be used.
    #[error(transparent)]
    Keys(#[from] key_folder::KeyFolderError),
    /// There is no key and none can be made.
    #[error(transparent)]
    NoKey(#[from] RenewError<key_folder::KeyFolderError>),
    /// A port is taken.
    #[error(transparent)]
    Bind(#[from] http::BindError),
    /// Signals can't be received.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// What kept it from starting.
pub async fn run(args: StandaloneArgs) -> Result<(), StandaloneError> {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        "starting sealed-secrets-controller standalone"
    );
    let stop = shutdown::on_signal().map_err(StandaloneError::Signals)?;
    let key_requests = keys::requests().map_err(StandaloneError::Signals)?;
    let manifests = existing(&args.manifests)?;
    let status_path = args
        .status_file
        .clone()
        .unwrap_or_else(|| args.out.join("status.json"));
    let (out, keys, status) = (
        planned(&args.out)?,
        planned(&args.keys)?,
        planned(&status_path)?,
    );
    apart(
        &out,
        &manifests,
        "its files would be taken for manifests, or committed",
    )?;
    apart(&keys, &manifests, "keys would be committed")?;
    apart(
        &status,
        &manifests,
        "it would be taken for a manifest, or committed",
    )?;
    apart(&status, &keys, "it could replace a key")?;
    apart(&keys, &out, "whoever reads Secrets would read keys")?;
    apart(&manifests, &out, "they would be taken for Secrets")?;
    let out = made(&args.out)?;
    let _lock = lock(&out)?;
    let metrics = Metrics::new(args.metrics.metrics_omit_secret_labels);
    let (key_folder, keyring) =
        key_folder::KeyFolder::open(&args.keys, args.new_keys.clone(), metrics.clone())?;

    let listen = Listen {
        api: args.listen_addr,
        metrics: args.metrics.listen_metrics_addr,
        rate: args.http.rate(),
        limits: args.http.limits(),
        linger: None,
    };
    let servers = Servers::start(listen, keyring.clone(), &metrics, &stop).await?;
    // The folder is watched before it is first read, so that no change falls between.
    let mut wake = wake::Wake::new(&args.manifests, key_folder.path());
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        renewer = first_keys(&key_folder, args.new_keys) => {
            tokio::spawn(renewer?.run(keyring.clone(), key_requests));
        }
    }
    let options = Options {
        accept_deprecated_v1_data: args.accept_deprecated_v1_data,
    };
    let mut pass = pass::Pass::new(
        pass::Folders {
            manifests: args.manifests,
            out,
            status: status_path,
            default_namespace: args.default_namespace,
        },
        Unsealer::new(keyring.clone(), options),
        keyring,
        metrics,
    );
    let mut first = true;
    loop {
        // A pass that is cut short leaves every Secret at its old version or its new one.
        let again = tokio::select! {
            () = stop.cancelled() => break,
            again = pass.run() => again,
        };
        if pass.has_looked() && std::mem::take(&mut first) {
            servers.readiness.set_listed();
            notify_ready::notify_ready();
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = wake.next(again) => key_folder.reload(),
        }
    }
    servers.stopped().await;
    tracing::info!("stopped");
    Ok(())
}

/// Reads the keys, and makes one if there is none or the cutoff time wants it.
async fn first_keys(
    folder: &key_folder::KeyFolder,
    args: KeyArgs,
) -> Result<Renewer<FolderKeys>, StandaloneError> {
    let mut renewer = Renewer::new(FolderKeys::new(folder.clone()), args, Leadership::alone());
    loop {
        let (keyring, unusable) = folder.read()?;
        if keyring.is_empty() && unusable {
            tracing::error!(
                "no key file is usable; a new key opens nothing that was sealed before"
            );
        }
        if !renewer.make_ready(&keyring).await? {
            folder.load()?;
            return Ok(renewer);
        }
    }
}

fn apart(inner: &Path, outer: &Path, reason: &'static str) -> Result<(), StandaloneError> {
    if inner.starts_with(outer) {
        let (inner, outer) = (inner.to_owned(), outer.to_owned());
        return Err(StandaloneError::Nested {
            inner,
            outer,
            reason,
        });
    }
    Ok(())
}

/// Where a path that may not exist yet would lead: nothing is made before it is known to be fine.
fn planned(path: &Path) -> Result<PathBuf, StandaloneError> {
    let failed = |source| StandaloneError::Folder {
        path: path.to_owned(),
        source,
    };
    let absolute = std::path::absolute(path).map_err(failed)?;
    for ancestor in absolute.ancestors() {
        match ancestor.canonicalize() {
            Ok(there) => {
                let rest = absolute.strip_prefix(ancestor).unwrap_or(Path::new(""));
                return Ok(if rest.as_os_str().is_empty() {
                    there
                } else {
                    there.join(rest)
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(absolute)
}

fn existing(path: &Path) -> Result<PathBuf, StandaloneError> {
    let folder = |source| StandaloneError::Folder {
        path: path.to_owned(),
        source,
    };
    let full = path.canonicalize().map_err(folder)?;
    std::fs::read_dir(&full).map_err(folder)?;
    Ok(full)
}

fn made(path: &Path) -> Result<PathBuf, StandaloneError> {
    volume::make_private_folder(path).map_err(|source| StandaloneError::Folder {
        path: path.to_owned(),
        source,
    })?;
    existing(path)
}

/// Held for as long as the process lives; the system lets go of it even after a crash.
fn lock(out: &Path) -> Result<File, StandaloneError> {
    let path = out.join(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| StandaloneError::Folder {
            path: path.clone(),
            source,
        })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StandaloneError::Locked(out.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(StandaloneError::Folder { path, source }),
    }
}
