//! SealedSecrets in a test cluster: applied, looked at, waited for.

use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
};
use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::eventually::{DEADLINE, eventually};
use crate::plaintexts;
use crate::{TestError, TestResult};

/// Label of key Secrets.
pub const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// A CRD as lenient as any that clusters have had.
pub const LENIENT_CRD: &str = include_str!("../manifests/lenient-crd.yaml");

/// SealedSecrets of a namespace.
#[must_use]
pub fn api(control_plane: &ControlPlane, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("bitnami.com", "v1alpha1", "SealedSecret");
    let resource = ApiResource::from_gvk_with_plural(&kind, "sealedsecrets");
    Api::namespaced_with(control_plane.client(), namespace, &resource)
}

/// A condition of a SealedSecret's status.
#[must_use]
pub fn condition(object: &DynamicObject, type_: &str) -> Option<Value> {
    let conditions = object.data.pointer("/status/conditions")?.as_array()?;
    conditions
        .iter()
        .find(|condition| condition["type"] == type_)
        .cloned()
}

/// Waits until the status speaks of the current generation and `Synced` is `wanted`; returns the
/// condition's message.
///
/// # Errors
/// Fails when time runs out, with the object as it is then.
pub async fn synced(
    control_plane: &ControlPlane,
    namespace: &str,
    name: &str,
    wanted: &str,
) -> Result<String, TestError> {
    let sealed = api(control_plane, namespace);
    let message = eventually(
        &format!("Synced={wanted} of {namespace}/{name}"),
        DEADLINE,
        async || {
            let object = sealed.get(name).await?;
            let current = object
                .data
                .pointer("/status/observedGeneration")
                .and_then(Value::as_i64)
                == object.metadata.generation;
            let condition = condition(&object, "Synced").filter(|it| it["status"] == wanted);
            Ok(condition
                .filter(|_| current)
                .map(|it| it["message"].as_str().unwrap_or_default().to_owned()))
        },
        async || format!("{:?}", sealed.get(name).await),
    )
    .await?;
    Ok(message)
}

/// Waits for the Secret and returns an item of it.
///
/// # Errors
/// Fails when time runs out.
pub async fn secret_item(
    control_plane: &ControlPlane,
    namespace: &str,
    name: &str,
    item: &str,
) -> Result<String, TestError> {
    let secrets: Api<Secret> = Api::namespaced(control_plane.client(), namespace);
    let value = eventually(
        &format!("item {item} of Secret {namespace}/{name}"),
        DEADLINE,
        async || {
            let secret = secrets.get_opt(name).await?;
            Ok(secret.and_then(|secret| secret.data?.remove(item)))
        },
        async || format!("{:?}", api(control_plane, namespace).get(name).await),
    )
    .await?;
    Ok(String::from_utf8(value.0)?)
}

/// Waits for an event with this reason about a SealedSecret; returns its message.
///
/// # Errors
/// Fails when time runs out.
pub async fn event(
    control_plane: &ControlPlane,
    namespace: &str,
    name: &str,
    reason: &str,
) -> Result<String, TestError> {
    let events: Api<Event> = Api::namespaced(control_plane.client(), namespace);
    let about =
        ListParams::default().fields(&format!("involvedObject.name={name},reason={reason}"));
    let event = eventually(
        &format!("event {reason} about {namespace}/{name}"),
        DEADLINE,
        async || Ok(events.list(&about).await?.items.into_iter().next()),
        async || format!("{:?}", events.list(&ListParams::default()).await),
    )
    .await?;
    Ok(event.message.unwrap_or_default())
}

/// A Secret manifest with string items. Their values must not appear anywhere else: see
/// [`plaintexts`].
#[must_use]
pub fn secret_manifest(namespace: &str, name: &str, items: &[(&str, &str)]) -> String {
    for (_, value) in items {
        plaintexts::remember(value.as_bytes());
    }
    let data: serde_json::Map<String, Value> = items
        .iter()
        .map(|(item, value)| ((*item).to_owned(), Value::from(*value)))
        .collect();
    serde_json::json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": name, "namespace": namespace },
        "stringData": data,
    })
    .to_string()
}

/// Merges a change into a Secret, as somebody with `kubectl edit`.
///
/// # Errors
/// Fails when the API server refuses.
pub async fn edit(secrets: &Api<Secret>, name: &str, change: Value) -> TestResult {
    let patch = Patch::Merge(change);
    secrets.patch(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// An item of a Secret, if there is such a Secret with such an item.
#[must_use]
pub fn item<'a>(secret: Option<&'a Secret>, name: &str) -> Option<&'a [u8]> {
    let data = secret?.data.as_ref()?;
    Some(data.get(name)?.0.as_slice())
}

/// Waits until a Secret is as wanted; `what` says how that is.
///
/// # Errors
/// Fails when time runs out, with the metadata as it is then.
pub async fn secret_becomes(
    secrets: &Api<Secret>,
    name: &str,
    what: &str,
    wanted: impl Fn(Option<&Secret>) -> bool,
) -> TestResult {
    eventually(
        &format!("Secret {name} {what}"),
        DEADLINE,
        async || {
            let secret = secrets.get_opt(name).await?;
            Ok(wanted(secret.as_ref()).then_some(()))
        },
        async || {
            let secret = secrets.get_opt(name).await;
            format!("{:?}", secret.map(|it| it.map(|it| it.metadata)))
        },
    )
    .await?;
    Ok(())
}
