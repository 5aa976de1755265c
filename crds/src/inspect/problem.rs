//! What can be wrong with a file that holds sealed or plain Secrets.

use sealed_secrets_core::item::Base64Error;
use sealed_secrets_core::scope::Scope;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::manifest::Position;

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Where.
    pub position: Position,
    /// What.
    pub kind: ProblemKind,
}

/// What is wrong. Messages hold no value of a Secret.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Neither JSON nor YAML.
    #[error("{message}")]
    Unreadable {
        /// What is wrong.
        message: String,
    },
    /// Values in the clear.
    #[error("Secret {name} is not sealed")]
    PlainSecret {
        /// Its name.
        name: String,
    },
    /// Values in the clear within a SealedSecret.
    #[error("{field} holds values in the clear, and no controller reads it")]
    PlainValues {
        /// The field.
        field: String,
    },
    /// Another version, or none.
    #[error("apiVersion is {found:?}, expected \"bitnami.com/v1alpha1\"")]
    ApiVersion {
        /// What is there.
        found: String,
    },
    /// A field is missing, or of the wrong type.
    #[error("{message}")]
    Malformed {
        /// Which, and how.
        message: String,
    },
    /// No name.
    #[error("metadata.name is missing")]
    NoName,
    /// Both scope annotations.
    #[error("both scope annotations are true; cluster-wide counts, so remove the other one")]
    TwoScopes,
    /// A scope annotation with a value that has no meaning.
    #[error(
        "{annotation} is {value:?}, which counts as if it were not there: only \"true\" counts"
    )]
    ScopeValue {
        /// The annotation.
        annotation: &'static str,
        /// Its value.
        value: String,
    },
    /// The template has an annotation that the object itself lacks.
    #[error(
        "the template's annotations say scope {claimed}, but only metadata.annotations count, and they say {scope}"
    )]
    ScopeInTemplate {
        /// What the template says.
        claimed: Scope,
        /// What counts.
        scope: Scope,
    },
    /// The mark of the key is not readable.
    #[error("the key-fingerprint annotation is not a fingerprint")]
    Fingerprint,
    /// The deprecated form.
    #[error("spec.data is deprecated; seal again as spec.encryptedData")]
    DeprecatedData,
    /// Both forms.
    #[error("both spec.data and spec.encryptedData are set; remove spec.data")]
    BothDataAndEncryptedData,
    /// A name that no Secret's data can have.
    #[error("item {item:?} can't be a key of a Secret: letters, digits, '-', '_' and '.' only")]
    ItemName {
        /// The item.
        item: String,
    },
    /// A number, list, map …
    #[error("item {item:?} is {found}, expected a string")]
    NotAString {
        /// The item.
        item: String,
        /// What it is.
        found: &'static str,
    },
    /// Not base64.
    #[error("item {item:?} is not sealed: {source}")]
    Base64 {
        /// The item.
        item: String,
        /// Where it goes wrong.
        source: Base64Error,
    },
    /// Too short for an envelope.
    #[error("item {item:?} is not sealed, or is cut off: {bytes} bytes")]
    Truncated {
        /// The item.
        item: String,
        /// How long it is.
        bytes: usize,
    },
    /// No key that any controller takes.
    #[error("item {item:?} is not sealed, or for a key of {bits} bits, expected 2048 to 8192")]
    KeySize {
        /// The item.
        item: String,
        /// The size of the key.
        bits: usize,
    },
    /// A template that doesn't parse.
    #[error("spec.template.data can't be rendered: {0}")]
    Template(sealed_secrets_templates::Error),
    /// Not for the key that was asked for.
    #[error("sealed for another key than the one given")]
    OtherKey,
    /// More than the API server takes.
    #[error("the values have {bytes} bytes, the API server takes Secrets up to 1048576")]
    SecretTooLarge {
        /// All values together.
        bytes: usize,
    },
    /// More than etcd takes.
    #[error("the SealedSecret has {bytes} bytes, etcd takes requests up to 1572864")]
    SealedSecretTooLarge {
        /// The object as JSON.
        bytes: usize,
    },
}

impl ProblemKind {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::PlainSecret { .. } => "plain-secret",
            Self::PlainValues { .. } => "plain-values",
            Self::ApiVersion { .. } => "api-version",
            Self::Malformed { .. } => "malformed",
            Self::NoName => "no-name",
            Self::TwoScopes => "two-scopes",
            Self::ScopeValue { .. } => "scope-value",
            Self::ScopeInTemplate { .. } => "scope-in-template",
            Self::Fingerprint => "fingerprint",
            Self::DeprecatedData => "deprecated-data",
            Self::BothDataAndEncryptedData => "both-data",
            Self::ItemName { .. } => "item-name",
            Self::NotAString { .. } => "item-type",
            Self::Base64 { .. } => "base64",
            Self::Truncated { .. } => "truncated",
            Self::KeySize { .. } => "key-size",
            Self::Template(_) => "template",
            Self::OtherKey => "other-key",
            Self::SecretTooLarge { .. } => "secret-too-large",
            Self::SealedSecretTooLarge { .. } => "sealed-secret-too-large",
        }
    }
}

/// `{"line", "column", "code", "message"}`.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Problem", 4)?;
        fields.serialize_field("line", &self.position.line)?;
        fields.serialize_field("column", &self.position.column)?;
        fields.serialize_field("code", self.kind.code())?;
        fields.serialize_field("message", &self.kind.to_string())?;
        fields.end()
    }
}
