//! What there is to see of an object without asking anybody.

use sealed_secrets_core::label::Label;

use super::StatusDigest;

/// What there is to see of an object; while none of it changes, neither does the answer.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cluster) struct Seen {
    pub(in crate::cluster) uid: Option<String>,
    pub(in crate::cluster) generation: Option<i64>,
    pub(in crate::cluster) label: Label,
    pub(in crate::cluster) status: Option<StatusDigest>,
    /// Version of the Secret, as far as the watch has come.
    pub(in crate::cluster) secret_version: Option<String>,
}

impl Seen {
    /// Whether it asks for the same Secret.
    pub(super) fn same_spec(&self, other: &Self) -> bool {
        (&self.uid, self.generation, &self.label) == (&other.uid, other.generation, &other.label)
    }

    /// Whether nothing but the Secret can differ.
    pub(super) fn same_object(&self, other: &Self) -> bool {
        self.same_spec(other) && self.status == other.status
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use sealed_secrets_core::scope::Scope;

    /// `shop/db` at its first generation, without a status.
    pub(in crate::cluster::memory) fn seen(version: Option<&str>) -> Seen {
        Seen {
            uid: Some("uid".to_owned()),
            generation: Some(1),
            label: Label::new(Scope::Strict, "shop", "db"),
            status: None,
            secret_version: version.map(str::to_owned),
        }
    }
}
