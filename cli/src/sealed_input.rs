//! SealedSecrets as input.

use sealed_secrets_crds::SealedSecret;
use sealed_secrets_crds::manifest::{self, Node, Object, Position, TypeError};
use sealed_secrets_crds::sealed_secret::{API_VERSION, KIND};

use crate::error::Explain;

/// A document that is not a SealedSecret.
#[derive(Debug, thiserror::Error)]
#[error("{input}: {place}")]
pub struct SealedInputError {
    /// Where it stands.
    pub input: String,
    /// Which of the objects there it is.
    pub place: String,
    /// What is wrong with it.
    #[source]
    pub problem: SealedInputProblem,
}

/// What is wrong with a document that should be a SealedSecret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedInputProblem {
    /// It is something else.
    #[error("{position}: expected a SealedSecret, found {found}")]
    WrongKind {
        /// Where.
        position: Position,
        /// What it is.
        found: String,
    },
    /// A field is of the wrong type, or missing.
    #[error(transparent)]
    Field(#[from] TypeError),
}

/// The SealedSecret that every object is, in order. `apiVersion` and `kind` may be missing.
///
/// # Errors
/// The first object that is something else.
pub fn read(objects: &[Object<'_>], input: &str) -> Result<Vec<SealedSecret>, SealedInputError> {
    objects
        .iter()
        .map(|object| {
            of_node(object.node).map_err(|problem| SealedInputError {
                input: input.to_owned(),
                place: object.to_string(),
                problem,
            })
        })
        .collect()
}

/// What to call a SealedSecret in a message.
pub fn title(sealed: &SealedSecret) -> String {
    match (sealed.namespace(), sealed.name()) {
        ("", "") => "a SealedSecret without a name".to_owned(),
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}

/// Whether a title can stand in a line of a text: names in a file may be anything.
pub fn is_one_line(title: &str) -> bool {
    !title.contains(|one: char| one.is_control() || matches!(one, '\u{2028}' | '\u{2029}'))
}

fn of_node(node: &Node) -> Result<SealedSecret, SealedInputProblem> {
    let wrong = |found: String| SealedInputProblem::WrongKind {
        position: node.position,
        found,
    };
    if node.fields().is_none() {
        return Err(wrong(node.describe().to_owned()));
    }
    let word = |field: &str| {
        node.field(field)
            .and_then(Node::as_wanted_string)
            .unwrap_or("")
    };
    let (api_version, kind) = (word("apiVersion"), word("kind"));
    if !matches!(kind, "" | KIND) || !matches!(api_version, "" | API_VERSION) {
        return Err(wrong(match (api_version, kind) {
            ("" | "v1", kind) => kind.to_owned(),
            (api_version, "") => format!("an object of {api_version}"),
            (api_version, kind) => format!("{kind} of {api_version}"),
        }));
    }
    Ok(manifest::from_node(node)?)
}

impl Explain for SealedInputError {
    fn hint(&self) -> Option<String> {
        match &self.problem {
            SealedInputProblem::WrongKind { found, .. } if found == "Secret" => {
                Some("it is not sealed yet; without a mode, kubeseal seals it".to_owned())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<SealedSecret>, String> {
        let documents = manifest::read(text.as_bytes()).unwrap();
        read(&manifest::objects(&documents), "in")
            .map_err(|error| format!("{error}: {}", error.problem))
    }

    #[test]
    fn kind_and_version_must_be_right_when_present() {
        for good in [
            "metadata: {}\nspec: {encryptedData: {a: x}}",
            "kind: SealedSecret\nmetadata: {creationTimestamp: null}\nspec: {encryptedData: null}",
            "apiVersion: bitnami.com/v1alpha1\nmetadata: {name: 1}\nspec: {}\nstatus: null",
        ] {
            assert_eq!(read_text(good).unwrap().len(), 1, "{good}");
        }
        for (bad, wanted) in [
            ("kind: Secret\ndata: {}", "found Secret"),
            (
                "kind: SealedSecret\napiVersion: v1\nspec: {}",
                "found SealedSecret",
            ),
            (
                "apiVersion: bitnami.com/v2\nspec: {}",
                "found an object of bitnami.com/v2",
            ),
            (
                "kind: SealedSecret\nmetadata: {}\nspec: {encryptedData: text}",
                "line 3",
            ),
            ("kind: SealedSecret\nmetadata: {name: x}\n", "spec"),
            ("[1]", "found a list"),
            (
                "metadata: {}\nspec: {}\n---\ntext",
                "in: document 2: line 4",
            ),
        ] {
            let error = read_text(bad).unwrap_err();
            assert!(error.contains(wanted), "{bad}: {error}");
        }
    }
}
