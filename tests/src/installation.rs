//! The controller in a cluster, installed from `deploy/` and run as a process with exactly the
//! rights that `deploy/` gives it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::TestError;
use crate::context::Context;
use crate::control_plane::ControlPlane;
use crate::install::{self, Identity};
use crate::netns;
use crate::process::{Process, Program};

/// Namespace of the controller in `deploy/`.
pub const NAMESPACE: &str = "kube-system";
/// Name of its Service and its service account.
pub const NAME: &str = "sealed-secrets-controller";

const METRICS_PORT: u16 = 8081;

/// A file of `deploy/`.
#[must_use]
pub fn deploy(file: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy")).join(file)
}

/// The controller's place in a cluster; programs are started in it.
#[derive(Clone, Debug)]
pub struct Installation {
    identity: Identity,
    address: Ipv4Addr,
}

impl Installation {
    /// Applies everything in `deploy/` and leads the Service to the control plane's address.
    ///
    /// # Errors
    /// Fails when the API server refuses a part of it.
    pub async fn new(control_plane: &ControlPlane) -> Result<Self, TestError> {
        Self::with_rights(control_plane, &deploy("rbac.yaml")).await
    }

    /// Like [`Self::new`], with the rights that the Go implementation's manifests give, as in a
    /// cluster where nothing but the image was changed.
    ///
    /// # Errors
    /// Fails when the API server refuses a part of it.
    pub async fn under_reference_rights(control_plane: &ControlPlane) -> Result<Self, TestError> {
        let rights = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/reference-rbac.yaml");
        Self::with_rights(control_plane, Path::new(rights)).await
    }

    async fn with_rights(control_plane: &ControlPlane, rights: &Path) -> Result<Self, TestError> {
        for file in [&deploy("crd.yaml"), rights, &deploy("controller.yaml")] {
            install::apply(control_plane, file).await?;
        }
        let identity = Identity::of(control_plane, NAMESPACE, NAME).await?;
        let address = control_plane.address();
        install::route(control_plane, NAMESPACE, NAME, address).await?;
        Ok(Self { identity, address })
    }

    /// The same installation, with the API server behind another port: see [`crate::proxy`].
    #[must_use]
    pub fn through_port(mut self, port: u16) -> Self {
        self.identity = self.identity.through_port(port);
        self
    }

    /// The same installation at an address of its own, for a further replica.
    ///
    /// # Errors
    /// Fails when no address is left.
    pub fn replica(&self) -> Result<Self, TestError> {
        let mut replica = self.clone();
        replica.address = netns::claim_address()?;
        Ok(replica)
    }

    /// `host:port` of the controller's HTTP server.
    #[must_use]
    pub fn http(&self) -> String {
        format!("{}:8080", self.address)
    }

    /// `host:port` of its metrics.
    #[must_use]
    pub fn metrics(&self) -> String {
        format!("{}:{METRICS_PORT}", self.address)
    }

    /// The name of the Pod that a program started here believes to be: one for each address, as a
    /// container that is started again finds itself in the same Pod.
    #[must_use]
    pub fn pod_name(&self) -> String {
        format!("{NAME}-{}", self.address.to_string().replace('.', "-"))
    }

    /// The service account of the controller.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Starts our controller as in its Pod, with further arguments; returns when it serves its
    /// certificate.
    ///
    /// # Errors
    /// Fails when it doesn't start.
    pub async fn start(
        &self,
        context: &Context,
        name: &str,
        arguments: &[&str],
    ) -> Result<Process, TestError> {
        let program = context.controller()?;
        self.start_program(context, name, program, arguments).await
    }

    /// Like [`Self::start`], without waiting for anything.
    ///
    /// # Errors
    /// Fails when it can't be executed.
    pub fn launch(
        &self,
        context: &Context,
        name: &str,
        arguments: &[&str],
    ) -> Result<Process, TestError> {
        self.launch_program(context, name, context.controller()?, arguments)
    }

    /// Starts the Go controller as in its Pod; returns when it serves its certificate.
    ///
    /// # Errors
    /// Fails when it doesn't start.
    pub async fn start_go(&self, context: &Context, name: &str) -> Result<Process, TestError> {
        self.start_go_with(context, name, &[]).await
    }

    /// Like [`Self::start_go`], with further arguments.
    ///
    /// # Errors
    /// Fails when it doesn't start.
    pub async fn start_go_with(
        &self,
        context: &Context,
        name: &str,
        arguments: &[&str],
    ) -> Result<Process, TestError> {
        let program = context.go_controller()?;
        self.start_program(context, name, program, arguments).await
    }

    async fn start_program(
        &self,
        context: &Context,
        name: &str,
        program: Program,
        arguments: &[&str],
    ) -> Result<Process, TestError> {
        let mut process = self.launch_program(context, name, program, arguments)?;
        crate::http::serves(&self.http(), "/v1/cert.pem", &mut process).await?;
        Ok(process)
    }

    fn launch_program(
        &self,
        context: &Context,
        name: &str,
        program: Program,
        arguments: &[&str],
    ) -> Result<Process, TestError> {
        let program = program
            .env("POD_NAME", self.pod_name())
            .args(["--key-size=2048", "--listen-addr", &self.http()])
            .args(["--listen-metrics-addr", &self.metrics()])
            .args(arguments);
        let mut process = self
            .identity
            .in_pod(program)
            .start(name, context.folder())?;
        process.keep_metrics(
            SocketAddr::from((self.address, METRICS_PORT)),
            context.folder().join(format!("{name}.metrics.log")),
        );
        Ok(process)
    }
}
