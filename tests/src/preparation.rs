//! What tests need, found or built before they start: inside the network namespace there is no
//! internet to build it from.

use std::{collections::BTreeSet, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    assets::{Assets, AssetsError},
    binaries::{BinariesError, OwnProgram},
    go_tools::{self, GoTools, GoToolsError},
    health_rules::{self, HealthRulesError},
};

/// Something a test cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// etcd, an API server and `kubectl`.
    ControlPlane,
    /// A control plane that deletes the dependents of deleted objects.
    GarbageCollection,
    /// Our command-line tool.
    Kubeseal,
    /// Our controller.
    Controller,
    /// The Go tools.
    GoTools,
    /// The rules by which GitOps tools judge health.
    HealthRules,
}

/// Where everything is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Prepared {
    /// The control plane's programs.
    pub assets: Option<Assets>,
    /// Our `kubeseal`.
    pub kubeseal: Option<PathBuf>,
    /// Our controller.
    pub controller: Option<PathBuf>,
    /// The Go tools, unless the user skips them.
    pub go_tools: Option<GoTools>,
    /// The health rules, unless the user skips what Go builds.
    pub health_rules: Option<PathBuf>,
}

/// Why the tests cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreparationError {
    /// No control plane.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// None of our programs.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// No Go tools.
    #[error(transparent)]
    GoTools(#[from] GoToolsError),
    /// No health rules.
    #[error(transparent)]
    HealthRules(#[from] HealthRulesError),
}

impl Prepared {
    /// Finds or builds what is needed, and nothing else.
    ///
    /// # Errors
    /// Fails when a need can't be met and the user hasn't agreed to go without.
    pub fn meet(needs: &BTreeSet<Need>) -> Result<Self, PreparationError> {
        let mut prepared = Self::default();
        // Our own programs first: they are quick, and the likeliest to fail.
        for need in needs {
            match need {
                Need::Kubeseal => prepared.kubeseal = Some(OwnProgram::Kubeseal.find_or_build()?),
                Need::Controller => {
                    prepared.controller = Some(OwnProgram::Controller.find_or_build()?);
                }
                Need::ControlPlane
                | Need::GarbageCollection
                | Need::GoTools
                | Need::HealthRules => {}
            }
        }
        if needs.contains(&Need::ControlPlane) || needs.contains(&Need::GarbageCollection) {
            prepared.assets = Some(Assets::find_or_build()?);
        }
        if needs.contains(&Need::GoTools) {
            prepared.go_tools = GoTools::find_or_build()?;
        }
        if needs.contains(&Need::HealthRules) && !go_tools::skipped() {
            prepared.health_rules = Some(health_rules::find_or_build()?);
        }
        Ok(prepared)
    }

    /// Why a test with this need has to be skipped; `None` when it can run.
    #[must_use]
    pub fn lacks(&self, need: Need) -> Option<String> {
        match need {
            Need::GarbageCollection => {
                let manager = self.assets.as_ref()?.kube_controller_manager.as_ref();
                manager.is_none().then(|| {
                    "no garbage collection: kube-controller-manager is neither in \
                     KUBEBUILDER_ASSETS nor in the cache"
                        .to_owned()
                })
            }
            Need::GoTools => self
                .go_tools
                .is_none()
                .then(|| format!("no comparison with the Go tools: {} is 1", go_tools::SKIP)),
            Need::HealthRules => self
                .health_rules
                .is_none()
                .then(|| format!("no health rules: {} is 1", go_tools::SKIP)),
            // Preparation fails without these.
            Need::ControlPlane | Need::Kubeseal | Need::Controller => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envtest(manager: Option<&str>) -> Prepared {
        let assets = Assets {
            etcd: "/e/etcd".into(),
            kube_apiserver: "/e/kube-apiserver".into(),
            kubectl: "/e/kubectl".into(),
            kube_controller_manager: manager.map(Into::into),
            pinned: false,
        };
        Prepared {
            assets: Some(assets),
            ..Prepared::default()
        }
    }

    #[test]
    fn without_a_controller_manager_only_garbage_collection_is_skipped() {
        assert!(envtest(None).lacks(Need::GarbageCollection).is_some());
        assert_eq!(envtest(None).lacks(Need::ControlPlane), None);
        assert_eq!(envtest(Some("/e/kcm")).lacks(Need::GarbageCollection), None);
    }

    #[test]
    fn skip_names_the_variable_that_asked_for_it() {
        let reason = Prepared::default().lacks(Need::GoTools).unwrap();
        assert!(reason.contains("SEALED_SECRETS_TESTS_SKIP_GO"), "{reason}");
    }
}
