//! Finding the controller's Service by its labels, where it isn't called what it is by default.
//!
//! Whoever may create a Service anywhere can give it these labels, and would then choose the key that
//! is sealed for. So a Service is used only if it is the single one in the controller's namespace;
//! those elsewhere are named to the user, who decides.

use k8s_openapi::List;
use k8s_openapi::api::core::v1::Service;

use crate::controller_client::Address;

/// Selectors for the Service: what our manifests and the Helm chart of the Go implementation put on it,
/// and what its plain manifest does.
pub(crate) const SELECTORS: [&str; 2] = [
    "app.kubernetes.io%2Fname%3Dsealed-secrets",
    "name%3Dsealed-secrets-controller",
];

/// The Services in the answer to a listing that may be a controller's: all but those for metrics.
pub(crate) fn candidates(answer: &[u8]) -> Vec<Address> {
    let Ok(list) = serde_json::from_slice::<List<Service>>(answer) else {
        return Vec::new();
    };
    list.items
        .into_iter()
        .filter_map(|service| {
            let metadata = service.metadata;
            let component = metadata
                .labels
                .as_ref()
                .and_then(|labels| labels.get("app.kubernetes.io/component"));
            let name = metadata.name?;
            let is_metrics = name.ends_with("-metrics")
                || component.is_some_and(|component| component == "metrics");
            (!is_metrics).then(|| Address {
                name,
                namespace: metadata.namespace.unwrap_or_default(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn services_for_metrics_are_no_controllers() {
        let service = |name: &str, component: &str| {
            let labels = json!({ "app.kubernetes.io/component": component });
            json!({ "metadata": { "name": name, "namespace": "n", "labels": labels } })
        };
        let answer = json!({ "apiVersion": "v1", "kind": "ServiceList", "items": [
            service("a", ""), service("a-metrics", ""), service("b", "metrics"),
        ] });
        let found = candidates(answer.to_string().as_bytes());
        let wanted = Address {
            name: "a".to_owned(),
            namespace: "n".to_owned(),
        };
        assert_eq!(found, [wanted]);
        assert_eq!(candidates(b"no"), []);
    }
}
