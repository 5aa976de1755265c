//! The SealedSecret resource of `bitnami.com/v1alpha1` and its CRD.
//!
//! The Rust types are as lenient as clusters have been: an object that an API server accepted once
//! must still be listed and given a truthful status. So items of `encryptedData` are any JSON
//! value here, and whether they are usable is [`crate::desired`]'s question.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kube::{CustomResource, CustomResourceExt};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::label::Label;
use sealed_secrets_core::scope::Scope;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::annotations;

/// API group and version of the SealedSecret resource.
pub const API_VERSION: &str = "bitnami.com/v1alpha1";
/// Kind of the SealedSecret resource.
pub const KIND: &str = "SealedSecret";

/// A Secret whose values are encrypted for the controller of one cluster.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "bitnami.com",
    version = "v1alpha1",
    kind = "SealedSecret",
    plural = "sealedsecrets",
    singular = "sealedsecret",
    namespaced,
    status = "SealedSecretStatus",
    derive = "PartialEq",
    doc = "A Secret whose values are encrypted for the controller of one cluster. Safe to commit to Git.",
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.conditions[0].message"}"#,
    printcolumn = r#"{"name":"Synced","type":"string","jsonPath":".status.conditions[0].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct SealedSecretSpec {
    /// The encrypted items: base64 of an envelope for each key of the Secret's data.
    #[serde(default, deserialize_with = "null_as_default")]
    #[schemars(schema_with = "open_map")]
    pub encrypted_data: BTreeMap<String, Value>,

    /// Everything of the Secret that is not encrypted: metadata, type, templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<SecretTemplate>,

    /// Deprecated: a whole Secret as JSON in one envelope. Use encryptedData.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "legacy_data")]
    pub data: Option<String>,
}

/// The part of the Secret that is stored in the clear.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct SecretTemplate {
    /// Labels, annotations and finalizers of the Secret. Its name and namespace are the SealedSecret's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,

    /// Type of the Secret; Opaque when absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,

    /// Whether the Secret's data can't be changed once written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,

    /// Items made by rendering a template over the decrypted items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, String>>,
}

/// Metadata for the Secret.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct TemplateMetadata {
    /// Ignored: the Secret has the SealedSecret's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Ignored: the Secret has the SealedSecret's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Finalizers of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalizers: Option<Vec<String>>,
    /// Fields that have no meaning here, kept as they are.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: BTreeMap<String, Value>,
}

/// What the controller last found out about a SealedSecret.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct SealedSecretStatus {
    /// The metadata.generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Synced first, as printer columns and dashboards read it by position.
    #[serde(default, deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
}

// No field beyond those of the reference's CRD: others would be pruned where that CRD stays.
/// One aspect of a SealedSecret's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Condition {
    /// Synced, Ready, Stalled or Reconciling.
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False or Unknown.
    pub status: String,
    /// When status last changed: RFC 3339, whole seconds, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: Option<String>,
    /// When any part of the condition last changed: RFC 3339, whole seconds, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_update_time: Option<String>,
    /// One CamelCase word for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A sentence for people; empty when all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl SealedSecret {
    /// Name from the object's own metadata; empty when missing, as in the label.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Namespace from the object's own metadata; empty when missing, as in the label.
    pub fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Scope from the object's own annotations.
    pub fn scope(&self) -> Scope {
        annotations::scope_of(self.metadata.annotations.as_ref())
    }

    /// The label that its items are bound to. Only the object's own metadata counts: nothing in
    /// `spec.template` can widen it (CVE-2026-22728).
    pub fn label(&self) -> Label {
        Label::new(self.scope(), self.namespace(), self.name())
    }

    /// The key that the object says it was sealed for. Anyone can write anything there, so it may
    /// only say which key to try first.
    pub fn key_fingerprint(&self) -> Option<Fingerprint> {
        let annotations = self.metadata.annotations.as_ref()?;
        annotations.get(annotations::KEY_FINGERPRINT)?.parse().ok()
    }
}

/// The CRD as a YAML document, the text of `deploy/crd.yaml`.
///
/// # Errors
/// Fails only if the schema can't be written as YAML, which a test rules out.
pub fn crd_yaml() -> Result<String, crate::manifest::WriteError> {
    let mut crd = serde_json::to_value(SealedSecret::crd())?;
    // The derive has no place for these: nobody lists a root description by hand, and an empty
    // list means the same as none.
    if let Some(schema) = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        remove_defaults(schema);
    }
    if let Some(names) = crd
        .pointer_mut("/spec/names")
        .and_then(Value::as_object_mut)
    {
        names.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    }
    crate::manifest::to_yaml(&crd)
}

/// What serde fills in for a missing field is our business: an API server that stored it would
/// change the object that Git holds.
fn remove_defaults(schema: &mut Value) {
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("default");
        for value in fields.values_mut() {
            remove_defaults(value);
        }
    }
}

/// Null counts as the empty value, as Go's decoder has it.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An object with any values: the strings that are wanted are checked when unsealing, so that an
/// object with something else is listed and told what is wrong rather than refused or dropped.
fn open_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// Base64 in a string, as the Go type `[]byte` has it.
fn legacy_data(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "byte", "nullable": true })
}

/// What a reader may call a SealedSecret before its name is known.
pub(crate) fn title(namespace: &str, name: &str) -> Cow<'static, str> {
    match (namespace, name) {
        ("", "") => Cow::Borrowed("SealedSecret without a name"),
        ("", name) => Cow::Owned(format!("SealedSecret {name}")),
        (namespace, name) => Cow::Owned(format!("SealedSecret {namespace}/{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nulls_and_unknown_fields_are_accepted() {
        let sealed: SealedSecret = serde_json::from_value(json!({
            "apiVersion": API_VERSION, "kind": KIND,
            "metadata": { "name": "a", "namespace": "b", "creationTimestamp": null },
            "spec": {
                "encryptedData": null, "unknown": 1,
                "template": { "metadata": { "creationTimestamp": null, "labels": null }, "data": null, "type": null },
            },
            "status": { "conditions": null },
        }))
        .unwrap();
        assert!(sealed.spec.encrypted_data.is_empty());
        assert_eq!(sealed.label().as_str(), "b/a");
    }

    #[test]
    fn items_that_are_not_strings_survive() {
        let sealed: SealedSecret = serde_json::from_value(json!({
            "apiVersion": API_VERSION, "kind": KIND, "metadata": { "name": "a" },
            "spec": { "encryptedData": { "n": 5, "l": ["x"], "o": {}, "s": "t" } },
        }))
        .unwrap();
        assert_eq!(sealed.spec.encrypted_data["n"], json!(5));
        assert_eq!(sealed.spec.encrypted_data.len(), 4);
    }

    #[test]
    fn template_annotations_never_change_the_label() {
        let sealed: SealedSecret = serde_json::from_value(json!({
            "apiVersion": API_VERSION, "kind": KIND, "metadata": { "name": "a", "namespace": "b" },
            "spec": { "encryptedData": {}, "template": { "metadata": { "name": "x", "namespace": "y",
                "annotations": { annotations::CLUSTER_WIDE: "true" } } } },
        }))
        .unwrap();
        assert_eq!(sealed.label().as_str(), "b/a");
    }
}
