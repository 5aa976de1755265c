//! How widely a sealed item may be used.

use std::fmt;
use std::str::FromStr;

/// Where the owner of a sealed item lets it be opened.
///
/// The scope is not stored in the ciphertext; it decides what the [`Label`](crate::Label) binds.
/// Ordered from narrow to wide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Only under the same namespace and name.
    #[default]
    Strict,
    /// Under any name in the same namespace.
    NamespaceWide,
    /// Under any name in any namespace.
    ClusterWide,
}

impl Scope {
    /// All scopes, from narrow to wide.
    pub const ALL: [Scope; 3] = [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide];

    /// The spelling used on command lines: `strict`, `namespace-wide` or `cluster-wide`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Strict => "strict",
            Scope::NamespaceWide => "namespace-wide",
            Scope::ClusterWide => "cluster-wide",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    /// Accepts exactly the spellings of [`Scope::as_str`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Scope::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| ParseScopeError {
                text: text.to_owned(),
            })
    }
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope {text:?}, expected strict, namespace-wide or cluster-wide")]
pub struct ParseScopeError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_round_trips() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "Strict",
            "strict ",
            "namespace",
            "clusterwide",
            "cluster_wide",
        ] {
            let error = text.parse::<Scope>().unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn strict_is_the_default_and_the_narrowest() {
        assert_eq!(Scope::default(), Scope::Strict);
        assert!(Scope::Strict < Scope::NamespaceWide && Scope::NamespaceWide < Scope::ClusterWide);
    }
}
