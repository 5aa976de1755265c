//! Applying manifests.

use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, api::ListParams};

use crate::{
    control_plane::ControlPlane,
    eventually::{DEADLINE, NotInTime, eventually},
    process::{ProcessError, Program},
};

/// Why manifests are not in effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// `kubectl apply` failed.
    #[error("cannot apply {manifest}")]
    Apply {
        /// Which one.
        manifest: String,
        /// What `kubectl` says.
        source: ProcessError,
    },
    /// A custom resource is defined, but not served.
    #[error(transparent)]
    NotServed(#[from] Box<NotInTime>),
}

/// Applies every document of a manifest file, or of all in a folder, on the server side, and waits
/// until every custom resource is served.
///
/// # Errors
/// Fails when the API server refuses a document.
pub async fn apply(control_plane: &ControlPlane, manifest: &Path) -> Result<(), ManifestError> {
    let command = kubectl_apply(control_plane).arg(manifest);
    finish(control_plane, command, &manifest.display().to_string()).await
}

/// Like [`apply`], for a manifest that is not in a file.
///
/// # Errors
/// Fails when the API server refuses a document.
pub async fn apply_text(control_plane: &ControlPlane, text: &str) -> Result<(), ManifestError> {
    let command = kubectl_apply(control_plane).arg("-").input(text);
    finish(control_plane, command, "the manifest").await
}

fn kubectl_apply(control_plane: &ControlPlane) -> Program {
    control_plane
        .kubectl()
        .args(["apply", "--server-side", "--force-conflicts", "-f"])
}

async fn finish(
    control_plane: &ControlPlane,
    command: Program,
    manifest: &str,
) -> Result<(), ManifestError> {
    command
        .output()
        .await
        .map_err(|source| ManifestError::Apply {
            manifest: manifest.to_owned(),
            source,
        })?;
    let definitions = Api::<CustomResourceDefinition>::all(control_plane.client());
    let unserved = async || -> Result<Vec<String>, kube::Error> {
        let all = definitions.list(&ListParams::default()).await?;
        let unserved = all
            .items
            .iter()
            .filter(|definition| !is_established(definition));
        Ok(unserved
            .filter_map(|definition| definition.metadata.name.clone())
            .collect())
    };
    let served = eventually(
        "every custom resource to be served",
        DEADLINE,
        async || Ok(unserved().await?.is_empty().then_some(())),
        async || format!("{:?} are not", unserved().await),
    );
    served.await.map_err(Box::new)?;
    Ok(())
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
}
