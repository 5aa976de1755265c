//! Annotations and labels that mean something to the controller or the CLI.
//!
//! Switches count only when they are exactly `true`; anything else is as if absent.

use std::collections::BTreeMap;

use sealed_secrets_core::scope::Scope;

/// On a SealedSecret (its own metadata, never the template's): any name and namespace may unseal it.
pub const CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";
/// On a SealedSecret (its own metadata): any name within its namespace may unseal it.
pub const NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
/// On a SealedSecret: the fingerprint of the key that all its items were sealed for, so that this key
/// is tried first. A hint: nothing is decided by it.
pub const KEY_FINGERPRINT: &str = "sealedsecrets.bitnami.com/key-fingerprint";
/// On an existing Secret: the controller may take it over, replacing everything in it.
pub const MANAGED: &str = "sealedsecrets.bitnami.com/managed";
/// On an existing Secret: the controller may merge into it, removing nothing.
pub const PATCH: &str = "sealedsecrets.bitnami.com/patch";
/// In a template: the Secret gets no owner reference and outlives its SealedSecret.
pub const SKIP_SET_OWNER_REFERENCES: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";
/// kubectl's and kubecfg's record of what was applied. On a Secret it repeats the plaintext.
pub const LAST_APPLIED: [&str; 2] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubecfg.ksonnet.io/last-applied-configuration",
];

/// Whether `annotations` has `key` with the exact value `true`.
pub fn is_true(annotations: Option<&BTreeMap<String, String>>, key: &str) -> bool {
    annotations
        .and_then(|map| map.get(key))
        .is_some_and(|value| value == "true")
}

/// The scope that a SealedSecret's (or, when sealing, a Secret's) own annotations spell;
/// cluster-wide wins over namespace-wide.
pub fn scope_of(annotations: Option<&BTreeMap<String, String>>) -> Scope {
    if is_true(annotations, CLUSTER_WIDE) {
        Scope::ClusterWide
    } else if is_true(annotations, NAMESPACE_WIDE) {
        Scope::NamespaceWide
    } else {
        Scope::Strict
    }
}

/// The one annotation that spells `scope`, if it needs one.
pub fn annotation_for(scope: Scope) -> Option<&'static str> {
    match scope {
        Scope::Strict => None,
        Scope::NamespaceWide => Some(NAMESPACE_WIDE),
        Scope::ClusterWide => Some(CLUSTER_WIDE),
    }
}

/// Removes both scope annotations and sets the one that spells `scope`.
pub fn set_scope(annotations: &mut BTreeMap<String, String>, scope: Scope) {
    annotations.remove(CLUSTER_WIDE);
    annotations.remove(NAMESPACE_WIDE);
    if let Some(annotation) = annotation_for(scope) {
        annotations.insert(annotation.to_owned(), "true".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn cluster_wide_wins_over_namespace_wide() {
        let both = map(&[(CLUSTER_WIDE, "true"), (NAMESPACE_WIDE, "true")]);
        assert_eq!(scope_of(Some(&both)), Scope::ClusterWide);
        assert_eq!(
            scope_of(Some(&map(&[(NAMESPACE_WIDE, "true")]))),
            Scope::NamespaceWide
        );
        assert_eq!(scope_of(None), Scope::Strict);
    }

    #[test]
    fn only_the_literal_true_counts() {
        for value in ["True", "TRUE", "1", "yes", " true", "", "false"] {
            assert_eq!(
                scope_of(Some(&map(&[(CLUSTER_WIDE, value)]))),
                Scope::Strict,
                "{value:?}"
            );
        }
    }

    #[test]
    fn setting_a_scope_leaves_exactly_one_annotation() {
        let mut annotations = map(&[(CLUSTER_WIDE, "true"), ("keep", "me")]);
        set_scope(&mut annotations, Scope::NamespaceWide);
        assert_eq!(
            annotations,
            map(&[("keep", "me"), (NAMESPACE_WIDE, "true")])
        );
        set_scope(&mut annotations, Scope::Strict);
        assert_eq!(annotations, map(&[("keep", "me")]));
    }
}
