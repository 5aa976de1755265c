//! The controller without a cluster: a folder of manifests in, files laid out as mounted Secret
//! volumes out.
//!
//! - [`key_folder`]: the keyring from PEM files;
//! - [`manifests`]: the SealedSecrets in a folder;
//! - [`pass`]: everything brought to what it should be, once;
//! - [`removal`]: which Secrets go because their SealedSecret is gone;
//! - [`volume`]: a Secret as a directory, replaced all at once;
//! - [`status_file`]: what a cluster would say in each object's status;
//! - [`wake`]: when to look again.

mod atomic_file;
mod key_folder;
mod manifests;
mod notify_ready;
mod pass;
mod removal;
mod status_file;
mod volume;
mod wake;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sealed_secrets_crds::desired::Options;

use crate::args::StandaloneArgs;
use crate::http;
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
    /// The HTTP port is taken.
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
    let manifests = existing(&args.manifests)?;
    let out = made(&args.out)?;
    let _lock = lock(&out)?;
    let (mut keys, keyring) = key_folder::KeyFolder::open(&args.keys, args.new_keys.clone())?;
    let apart = |inner: &Path, outer: &Path, reason| {
        if inner.starts_with(outer) {
            return Err(StandaloneError::Nested {
                inner: inner.to_owned(),
                outer: outer.to_owned(),
                reason,
            });
        }
        Ok(())
    };
    apart(
        &out,
        &manifests,
        "its files would be taken for manifests, or committed",
    )?;
    apart(keys.path(), &manifests, "keys would be committed")?;
    let status_path = args.status_file.unwrap_or_else(|| out.join("status.json"));
    let status_folder = existing(
        status_path
            .parent()
            .filter(|it| !it.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
    )?;
    apart(
        &status_folder,
        &manifests,
        "it would be taken for a manifest, or committed",
    )?;
    apart(keys.path(), &out, "whoever reads Secrets would read keys")?;

    let listener = http::bind(args.listen_addr).await?;
    let server = tokio::spawn(http::serve(
        listener,
        http::router(keyring.clone(), args.http.rate()),
        args.http.limits(),
        stop.clone(),
    ));
    // The folder is watched before it is first read, so that no change falls between.
    let mut wake = wake::Wake::new(&args.manifests, keys.path());
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        ready = keys.ensure_key() => ready?,
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
    );
    let mut first = true;
    loop {
        // A pass is never cut short by a signal: it is quick, and its writes are wanted whole.
        let again = pass.run().await;
        if pass.has_looked() && std::mem::take(&mut first) {
            notify_ready::notify_ready();
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = wake.next(again) => keys.reload(),
        }
    }
    let _ = server.await;
    tracing::info!("stopped");
    Ok(())
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
