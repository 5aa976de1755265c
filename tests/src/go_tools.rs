//! The Go `kubeseal` and controller that ours are compared with, at the version pinned here.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    cache::{Cache, CacheError},
    go::{Go, GoError},
};

/// The release that ours is a drop-in for.
pub const SEALED_SECRETS_VERSION: &str = "v0.36.0";

/// Set to 1 to go without the Go tools, and without the tests that compare with them.
pub const SKIP: &str = "SEALED_SECRETS_TESTS_SKIP_GO";

const WITHOUT_GO: &str =
    "set SEALED_SECRETS_TESTS_SKIP_GO=1 to skip the tests that compare with the Go tools";

/// Paths of the Go programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoTools {
    /// The command-line tool.
    pub kubeseal: PathBuf,
    /// The controller.
    pub controller: PathBuf,
}

/// Why there are no Go tools.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoToolsError {
    /// They can't be built.
    #[error("cannot build the Go sealed-secrets tools {SEALED_SECRETS_VERSION}")]
    Build(#[from] GoError),
    /// There's no place for them.
    #[error("cannot look for the Go sealed-secrets tools {SEALED_SECRETS_VERSION}")]
    Cache(#[from] CacheError),
}

impl GoTools {
    /// Finds the tools in the per-user cache, else builds them into it, which takes minutes and
    /// the network. `None` when the user has chosen to do without, by [`SKIP`].
    ///
    /// # Errors
    /// Fails when they can't be built, a missing Go included: only [`SKIP`] makes that acceptable.
    pub fn find_or_build() -> Result<Option<Self>, GoToolsError> {
        if skipped() {
            return Ok(None);
        }
        let key = format!("sealed-secrets-{SEALED_SECRETS_VERSION}");
        let folder = Cache::per_user()?.find_or_build(&key, build)?;
        Ok(Some(Self {
            kubeseal: folder.join("kubeseal"),
            controller: folder.join("controller"),
        }))
    }
}

/// Whether the user has chosen to do without programs that Go builds.
#[must_use]
pub fn skipped() -> bool {
    std::env::var_os(SKIP).is_some_and(|value| value == "1")
}

fn build(folder: &Path) -> Result<(), GoError> {
    let go = Go::find(WITHOUT_GO, folder)?;
    eprintln!(
        "building the Go sealed-secrets tools {SEALED_SECRETS_VERSION}: once for this user, \
         about 3 minutes on two cores"
    );
    for program in ["kubeseal", "controller"] {
        eprintln!("  {program} ...");
        let package = format!(
            "github.com/bitnami-labs/sealed-secrets/cmd/{program}@{SEALED_SECRETS_VERSION}"
        );
        go.install(&package, folder)?;
    }
    Ok(())
}
