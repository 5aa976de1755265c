//! What a running test has at hand.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, api::PostParams};
use tokio::sync::OnceCell;

use crate::{
    assets::Assets,
    control_plane::{ControlPlane, ControlPlaneError, Options},
    go_tools::GoTools,
    preparation::{Need, Prepared},
    process::Program,
};

/// The surroundings of one test: a folder of its own, and the programs it has said it needs.
#[derive(Debug)]
pub struct Context {
    name: &'static str,
    folder: PathBuf,
    prepared: Arc<Prepared>,
    shared: Arc<Shared>,
    planes: AtomicUsize,
}

/// What all tests of a process have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    folder: PathBuf,
    attempts: AtomicUsize,
    control_plane: OnceCell<Arc<ControlPlane>>,
}

/// A test uses what it hasn't said it needs.
#[derive(Debug, thiserror::Error)]
#[error("test {test} does not say that it needs {need:?}")]
#[non_exhaustive]
pub struct Undeclared {
    /// The test.
    pub test: &'static str,
    /// What it uses.
    pub need: Need,
}

/// Why a test has no control plane.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// It doesn't say that it needs one.
    #[error(transparent)]
    Undeclared(#[from] Undeclared),
    /// It can't be started.
    #[error("cannot start a control plane")]
    ControlPlane(#[from] ControlPlaneError),
}

impl Shared {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            attempts: AtomicUsize::new(0),
            control_plane: OnceCell::new(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Context {
    pub(crate) fn new(
        name: &'static str,
        folder: PathBuf,
        prepared: Arc<Prepared>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            name,
            folder,
            prepared,
            shared,
            planes: AtomicUsize::new(0),
        }
    }

    /// The name of the test.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A folder of this test, removed after it. The `*.log` files in and below it are printed when
    /// the test fails.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new control plane for this test alone.
    ///
    /// # Errors
    /// Fails when it doesn't start.
    pub async fn control_plane(&self) -> Result<ControlPlane, ContextError> {
        self.control_plane_with(&Options::default()).await
    }

    /// A new control plane for this test alone, other than the ordinary.
    ///
    /// # Errors
    /// Fails when it doesn't start.
    pub async fn control_plane_with(
        &self,
        options: &Options,
    ) -> Result<ControlPlane, ContextError> {
        let number = self.planes.fetch_add(1, Ordering::Relaxed) + 1;
        let folder = self.folder.join(format!("control-plane-{number}"));
        Ok(ControlPlane::start(self.assets()?, &folder, options).await?)
    }

    /// A control plane that the tests of this process share: cheaper than one's own. A test that
    /// uses it keeps to namespaces of its own ([`new_namespace`]), gives its processes addresses of
    /// their own ([`crate::netns::claim_address`]), and leaves alone what belongs to the cluster.
    ///
    /// # Errors
    /// Fails when it doesn't start.
    pub async fn shared_control_plane(&self) -> Result<Arc<ControlPlane>, ContextError> {
        let assets = self.assets()?;
        let start = async || {
            // A failed attempt has left files behind.
            let attempt = self.shared.attempts.fetch_add(1, Ordering::Relaxed) + 1;
            let folder = self.shared.folder.join(format!("control-plane-{attempt}"));
            let plane = ControlPlane::start(assets, &folder, &Options::default()).await?;
            Ok::<_, ContextError>(Arc::new(plane))
        };
        self.shared
            .control_plane
            .get_or_try_init(start)
            .await
            .cloned()
    }

    /// The programs of the control plane.
    ///
    /// # Errors
    /// Fails when the test doesn't declare [`Need::ControlPlane`].
    pub fn assets(&self) -> Result<&Assets, Undeclared> {
        self.prepared
            .assets
            .as_ref()
            .ok_or(self.undeclared(Need::ControlPlane))
    }

    /// Our `kubeseal`, with this test's folder as home and working folder.
    ///
    /// # Errors
    /// Fails when the test doesn't declare [`Need::Kubeseal`].
    pub fn kubeseal(&self) -> Result<Program, Undeclared> {
        let path = self.prepared.kubeseal.as_ref();
        Ok(self.program(path.ok_or(self.undeclared(Need::Kubeseal))?))
    }

    /// Our controller, with this test's folder as home and working folder.
    ///
    /// # Errors
    /// Fails when the test doesn't declare [`Need::Controller`].
    pub fn controller(&self) -> Result<Program, Undeclared> {
        let path = self.prepared.controller.as_ref();
        Ok(self.program(path.ok_or(self.undeclared(Need::Controller))?))
    }

    /// The Go `kubeseal`, with this test's folder as home and working folder.
    ///
    /// # Errors
    /// Fails when the test doesn't declare [`Need::GoTools`].
    pub fn go_kubeseal(&self) -> Result<Program, Undeclared> {
        Ok(self.program(&self.go_tools()?.kubeseal))
    }

    /// The Go controller, with this test's folder as home and working folder. It only takes an
    /// in-cluster configuration: see [`crate::install::Identity::in_pod`].
    ///
    /// # Errors
    /// Fails when the test doesn't declare [`Need::GoTools`].
    pub fn go_controller(&self) -> Result<Program, Undeclared> {
        Ok(self.program(&self.go_tools()?.controller))
    }

    /// Applies the health rules of GitOps tools: see [`crate::health_rules::judge`].
    ///
    /// # Errors
    /// Fails when the test doesn't declare [`Need::HealthRules`].
    pub fn health_rules(&self) -> Result<Program, Undeclared> {
        let path = self.prepared.health_rules.as_ref();
        Ok(self.program(path.ok_or(self.undeclared(Need::HealthRules))?))
    }

    /// Any program, with this test's folder as home and working folder, so that it finds no
    /// settings of the user's.
    #[must_use]
    pub fn program(&self, path: &Path) -> Program {
        Program::new(path)
            .env("HOME", &self.folder)
            .current_dir(&self.folder)
    }

    fn go_tools(&self) -> Result<&GoTools, Undeclared> {
        self.prepared
            .go_tools
            .as_ref()
            .ok_or(self.undeclared(Need::GoTools))
    }

    fn undeclared(&self, need: Need) -> Undeclared {
        Undeclared {
            test: self.name,
            need,
        }
    }
}

/// Makes a namespace with a name that nothing else has, and returns the name.
///
/// # Errors
/// Fails when the API server refuses.
pub async fn new_namespace(client: &Client) -> Result<String, kube::Error> {
    let mut namespace = Namespace::default();
    namespace.metadata.generate_name = Some("test-".to_owned());
    let made = Api::<Namespace>::all(client.clone())
        .create(&PostParams::default(), &namespace)
        .await?;
    Ok(made.metadata.name.unwrap_or_default())
}
