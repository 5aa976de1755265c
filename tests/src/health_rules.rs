//! The rules by which GitOps tools judge an object's health, as they are published: kstatus, which
//! Flux and Helm use, and Argo CD's script for SealedSecrets.
//!
//! A Go program in health/ applies them; its go.mod pins the releases they come from.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{
    TestError,
    cache::{Cache, CacheError},
    go::{Go, GoError},
    process::Program,
};

/// The folder of the Go program.
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/health");
/// What the program is called in the cache. Its version changes with the program or its modules.
const CACHE_KEY: &str = "health-rules-1";
const PROGRAM: &str = "health";

const WITHOUT_GO: &str =
    "set SEALED_SECRETS_TESTS_SKIP_GO=1 to skip the tests that need Go programs";

/// What the rules say about an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// kstatus: Current, InProgress, Failed, Terminating, NotFound or Unknown.
    pub kstatus: String,
    /// Argo CD: Healthy, Degraded, Progressing.
    pub argo: String,
    /// What Argo CD shows beside it.
    pub message: String,
}

/// Why the rules can't be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HealthRulesError {
    /// The program can't be built.
    #[error("cannot build the health rules")]
    Build(#[from] GoError),
    /// There's no place for it.
    #[error("cannot look for the health rules")]
    Cache(#[from] CacheError),
}

/// Finds the program in the per-user cache, else builds it, which takes the network.
///
/// # Errors
/// Fails when it can't be built, a missing Go included.
pub fn find_or_build() -> Result<PathBuf, HealthRulesError> {
    let folder = Cache::per_user()?.find_or_build(CACHE_KEY, build)?;
    Ok(folder.join(PROGRAM))
}

fn build(folder: &Path) -> Result<(), GoError> {
    eprintln!("building the health rules: once for this user, under a minute");
    let go = Go::find(WITHOUT_GO, folder)?;
    go.build(Path::new(MODULE), ".", "-s -w", &folder.join(PROGRAM))
}

/// Judges an object.
///
/// # Errors
/// Fails when the program does.
pub async fn judge(program: Program, object: &impl serde::Serialize) -> Result<Health, TestError> {
    let mut line = serde_json::to_string(object)?;
    line.push('\n');
    let answer = program.input(line).output().await?;
    Ok(serde_json::from_str(&answer)?)
}
