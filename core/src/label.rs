//! The label that ties an item to its place.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::scope::Scope;

/// The label of RSA-OAEP (RFC 8017, section 7.1): text the ciphertext is bound to without carrying it.
///
/// | Scope | Label |
/// |---|---|
/// | strict | `namespace/name` |
/// | namespace-wide | `namespace` |
/// | cluster-wide | empty |
///
/// A missing namespace or name counts as empty, so a strict label always has its slash. Kubernetes
/// allows no slash in either, so no two places share a label within one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

impl Label {
    /// The label of the object `namespace/name` under `scope`.
    pub fn new(scope: Scope, namespace: &str, name: &str) -> Label {
        Label(match scope {
            Scope::Strict => format!("{namespace}/{name}"),
            Scope::NamespaceWide => namespace.to_owned(),
            Scope::ClusterWide => String::new(),
        })
    }

    /// The label as RSA-OAEP takes it: UTF-8, without length or terminator.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Label {
    type Err = Infallible;

    /// Takes a label as it is printed. Every text is some label.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Label(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_decides_what_is_bound() {
        assert_eq!(
            Label::new(Scope::Strict, "default", "db").as_str(),
            "default/db"
        );
        assert_eq!(
            Label::new(Scope::NamespaceWide, "default", "db").as_bytes(),
            b"default"
        );
        assert_eq!(
            Label::new(Scope::ClusterWide, "default", "db").as_bytes(),
            b""
        );
    }

    #[test]
    fn missing_parts_are_empty() {
        assert_eq!(Label::new(Scope::Strict, "", "db").as_str(), "/db");
        assert_eq!(Label::new(Scope::Strict, "", "").as_str(), "/");
        assert_eq!(Label::new(Scope::NamespaceWide, "", "db").as_str(), "");
    }

    #[test]
    fn text_round_trips() {
        let label = Label::new(Scope::Strict, "ns", "näme");
        assert_eq!(label.to_string().parse::<Label>(), Ok(label));
    }
}
