//! A cluster with our controller running in it, as most tests need it.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use crate::context::{Context, new_namespace};
use crate::control_plane::ControlPlane;
use crate::install;
use crate::installation::Installation;
use crate::process::{Process, Program};
use crate::proxy::Proxy;
use crate::sealed::{secret_manifest, synced};
use crate::{TestError, TestResult};

/// A control plane, the controller with the rights that `deploy/` gives it, and a namespace.
#[derive(Debug)]
pub struct Cluster {
    /// Our controller. Dropped first, as it asks the others.
    pub controller: Process,
    /// The control plane.
    pub control_plane: ControlPlane,
    /// Where the controller is started again.
    pub installation: Installation,
    /// A namespace for objects.
    pub namespace: String,
}

impl Cluster {
    /// Starts one.
    ///
    /// # Errors
    /// Fails when a part of it doesn't start.
    pub async fn new(context: &Context) -> Result<Self, TestError> {
        Self::with(context, &[]).await
    }

    /// Starts one, with arguments for the controller.
    ///
    /// # Errors
    /// Fails when a part of it doesn't start.
    pub async fn with(context: &Context, arguments: &[&str]) -> Result<Self, TestError> {
        let control_plane = context.control_plane().await?;
        let installation = Installation::new(&control_plane).await?;
        Self::start(context, control_plane, installation, arguments).await
    }

    /// Starts one as in a cluster where nothing but the image was changed: with the rights that the
    /// Go implementation's manifests give.
    ///
    /// # Errors
    /// Fails when a part of it doesn't start.
    pub async fn under_reference_rights(
        context: &Context,
        arguments: &[&str],
    ) -> Result<Self, TestError> {
        let control_plane = context.control_plane().await?;
        let installation = Installation::under_reference_rights(&control_plane).await?;
        Self::start(context, control_plane, installation, arguments).await
    }

    /// Starts one whose controller, and nobody else, reaches the API server through a proxy.
    ///
    /// # Errors
    /// Fails when a part of it doesn't start.
    pub async fn behind_proxy(
        context: &Context,
        arguments: &[&str],
    ) -> Result<(Self, Proxy), TestError> {
        let control_plane = context.control_plane().await?;
        let proxy = Proxy::start(&control_plane).await?;
        let installation = Installation::new(&control_plane)
            .await?
            .through_port(proxy.port());
        let cluster = Self::start(context, control_plane, installation, arguments).await?;
        Ok((cluster, proxy))
    }

    async fn start(
        context: &Context,
        control_plane: ControlPlane,
        installation: Installation,
        arguments: &[&str],
    ) -> Result<Self, TestError> {
        let controller = installation.start(context, "controller", arguments).await?;
        let namespace = new_namespace(&control_plane.client()).await?;
        Ok(Self {
            controller,
            control_plane,
            installation,
            namespace,
        })
    }

    /// `kubeseal` as a user with a kubeconfig; the certificate comes through the service proxy.
    ///
    /// # Errors
    /// Fails when the test doesn't say that it needs `kubeseal`.
    pub fn kubeseal(&self, context: &Context) -> Result<Program, TestError> {
        Ok(context
            .kubeseal()?
            .env("KUBECONFIG", self.control_plane.kubeconfig()))
    }

    /// A SealedSecret of the namespace, as JSON.
    ///
    /// # Errors
    /// Fails when sealing does.
    pub async fn seal(
        &self,
        context: &Context,
        name: &str,
        items: &[(&str, &str)],
    ) -> Result<String, TestError> {
        let manifest = secret_manifest(&self.namespace, name, items);
        Ok(self.kubeseal(context)?.input(manifest).output().await?)
    }

    /// Seals an object with one item, applies it, and waits until its Secret is there: the
    /// controller works.
    ///
    /// # Errors
    /// Fails when it doesn't.
    pub async fn unseals(&self, context: &Context, name: &str) -> TestResult {
        let sealed = self
            .seal(context, name, &[("a", "plaintext-small")])
            .await?;
        self.apply(&sealed).await?;
        synced(&self.control_plane, &self.namespace, name, "True").await?;
        Ok(())
    }

    /// Applies manifests.
    ///
    /// # Errors
    /// Fails when the API server refuses one.
    pub async fn apply(&self, text: &str) -> TestResult {
        Ok(install::apply_text(&self.control_plane, text).await?)
    }

    /// Secrets of the namespace.
    #[must_use]
    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.control_plane.client(), &self.namespace)
    }

    /// Applies one more object and waits until it is settled, so that what came before it has been
    /// looked at.
    ///
    /// # Errors
    /// Fails when it isn't unsealed in time.
    pub async fn settle(&self, context: &Context, name: &str) -> TestResult {
        let sealed = self
            .seal(context, name, &[("password", "plaintext-marker")])
            .await?;
        self.apply(&sealed).await?;
        synced(&self.control_plane, &self.namespace, name, "True").await?;
        Ok(())
    }
}
