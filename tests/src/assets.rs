//! The programs of a Kubernetes control plane: given by the user, cached, or built here.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    cache::{Cache, CacheError},
    go::{Go, GoError},
};

/// The Kubernetes version that controlplane/go.mod pins.
pub const KUBERNETES_VERSION: &str = "v1.36.3";

/// Goes up when the programs change and the version doesn't.
const REVISION: u32 = 2;

/// The folder of the Go module that pins the servers and every module they consist of.
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/controlplane");

/// The variable with which envtest users tell where their binaries are.
const GIVEN_FOLDER: &str = "KUBEBUILDER_ASSETS";

const WITHOUT_GO: &str = "set KUBEBUILDER_ASSETS to a folder that holds etcd, kube-apiserver and \
                          kubectl (such as setup-envtest downloads)";

/// The Go packages, and the names of the programs they make.
const PROGRAMS: [(&str, &str); 4] = [
    (ETCD, "./etcd"),
    (KUBE_APISERVER, "k8s.io/kubernetes/cmd/kube-apiserver"),
    (
        KUBE_CONTROLLER_MANAGER,
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    (KUBECTL, "k8s.io/kubernetes/cmd/kubectl"),
];
const ETCD: &str = "etcd";
const KUBE_APISERVER: &str = "kube-apiserver";
const KUBE_CONTROLLER_MANAGER: &str = "kube-controller-manager";
const KUBECTL: &str = "kubectl";

/// Paths of the programs a control plane consists of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assets {
    /// The store.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// The client.
    pub kubectl: PathBuf,
    /// The controllers. envtest's bundle has none; without it there's no garbage collection.
    pub kube_controller_manager: Option<PathBuf>,
    /// Whether the servers are those pinned here, rather than the user's own.
    pub pinned: bool,
}

/// Why there are no control plane programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssetsError {
    /// The user's folder lacks a program.
    #[error("{GIVEN_FOLDER} is {folder}, which has no {program}")]
    Incomplete {
        /// What the variable says.
        folder: PathBuf,
        /// What is missing there.
        program: &'static str,
    },
    /// They can't be built.
    #[error("cannot build the control plane {KUBERNETES_VERSION}")]
    Build(#[from] GoError),
    /// There's no place for them.
    #[error("cannot look for the control plane {KUBERNETES_VERSION}")]
    Cache(#[from] CacheError),
}

impl Assets {
    /// Finds the programs in `KUBEBUILDER_ASSETS`, else in the per-user cache, else builds them
    /// into that cache, which takes minutes and the network.
    ///
    /// # Errors
    /// Fails when `KUBEBUILDER_ASSETS` names a folder without servers, or nothing can be built.
    pub fn find_or_build() -> Result<Self, AssetsError> {
        let cache = Cache::per_user()?;
        match std::env::var_os(GIVEN_FOLDER).filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::given(
                &std::path::absolute(&folder).unwrap_or(folder.into()),
                &cache,
            ),
            None => Self::pinned(&cache),
        }
    }

    fn given(folder: &Path, cache: &Cache) -> Result<Self, AssetsError> {
        let required = |program| {
            in_folder(folder, program).ok_or(AssetsError::Incomplete {
                folder: folder.to_owned(),
                program,
            })
        };
        Ok(Self {
            etcd: required(ETCD)?,
            kube_apiserver: required(KUBE_APISERVER)?,
            kubectl: required(KUBECTL)?,
            kube_controller_manager: in_folder(folder, KUBE_CONTROLLER_MANAGER)
                .or_else(|| in_folder(&cache.find(&cache_key())?, KUBE_CONTROLLER_MANAGER)),
            pinned: false,
        })
    }

    fn pinned(cache: &Cache) -> Result<Self, AssetsError> {
        let folder = cache.find_or_build(&cache_key(), build)?;
        Ok(Self {
            etcd: folder.join(ETCD),
            kube_apiserver: folder.join(KUBE_APISERVER),
            kubectl: folder.join(KUBECTL),
            kube_controller_manager: Some(folder.join(KUBE_CONTROLLER_MANAGER)),
            pinned: true,
        })
    }
}

fn cache_key() -> String {
    format!("k8s-{KUBERNETES_VERSION}-{REVISION}")
}

fn in_folder(folder: &Path, program: &str) -> Option<PathBuf> {
    Some(folder.join(program)).filter(|path| path.is_file())
}

fn build(folder: &Path) -> Result<(), GoError> {
    let go = Go::find(WITHOUT_GO, folder)?;
    eprintln!(
        "building the control plane {KUBERNETES_VERSION} for tests: once for this user, \
         about 6 minutes on two cores"
    );
    for (program, package) in PROGRAMS {
        let started = std::time::Instant::now();
        eprintln!("  {program} ...");
        go.build(
            Path::new(MODULE),
            package,
            &linker_flags(),
            &folder.join(program),
        )?;
        eprintln!("  {program} built in {} s", started.elapsed().as_secs());
    }
    Ok(())
}

/// Without these the servers call themselves v0.0.0, which clients take for an ancient release.
fn linker_flags() -> String {
    let mut numbers = KUBERNETES_VERSION.trim_start_matches('v').split('.');
    let major = numbers.next().unwrap_or_default();
    let minor = numbers.next().unwrap_or_default();
    let mut flags = "-s -w".to_owned();
    for package in [
        "k8s.io/component-base/version",
        "k8s.io/client-go/pkg/version",
    ] {
        flags += &format!(
            " -X {package}.gitVersion={KUBERNETES_VERSION} -X {package}.gitMajor={major} \
             -X {package}.gitMinor={minor} -X {package}.gitTreeState=clean"
        );
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_MOD: &str = include_str!("../controlplane/go.mod");
    const TOOLS: &str = include_str!("../controlplane/tools.go");

    fn folder_with(programs: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for program in programs {
            std::fs::write(folder.path().join(program), "").unwrap();
        }
        folder
    }

    #[test]
    fn version_is_the_one_go_mod_pins() {
        assert!(GO_MOD.contains(&format!("k8s.io/kubernetes {KUBERNETES_VERSION}\n")));
    }

    #[test]
    fn every_package_is_pinned_by_the_tools_file() {
        for (_, package) in PROGRAMS.iter().filter(|(name, _)| *name != ETCD) {
            assert!(TOOLS.contains(&format!("_ \"{package}\"\n")), "{package}");
        }
    }

    #[test]
    fn envtest_folder_needs_no_controller_manager() {
        let folder = folder_with(&["etcd", "kube-apiserver", "kubectl"]);
        let cache = Cache::at(folder.path().join("no-cache"));
        let assets = Assets::given(folder.path(), &cache).unwrap();
        assert_eq!(assets.etcd, folder.path().join("etcd"));
        assert_eq!(assets.kube_controller_manager, None);
        assert!(!assets.pinned);
    }

    #[test]
    fn controller_manager_missing_from_envtest_comes_from_the_cache() {
        let folder = folder_with(&["etcd", "kube-apiserver", "kubectl"]);
        let cached = folder.path().join("cache").join(cache_key());
        std::fs::create_dir_all(&cached).unwrap();
        std::fs::write(cached.join("kube-controller-manager"), "").unwrap();
        let cache = Cache::at(folder.path().join("cache"));
        let assets = Assets::given(folder.path(), &cache).unwrap();
        assert_eq!(
            assets.kube_controller_manager,
            Some(cached.join("kube-controller-manager"))
        );
    }

    #[test]
    fn folder_without_an_api_server_is_an_error_that_names_it() {
        let folder = folder_with(&["etcd", "kubectl"]);
        let cache = Cache::at(folder.path().join("no-cache"));
        let error = Assets::given(folder.path(), &cache).unwrap_err();
        assert!(
            error.to_string().ends_with("which has no kube-apiserver"),
            "{error}"
        );
    }
}
