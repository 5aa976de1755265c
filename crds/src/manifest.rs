//! Manifests read and written the way Kubernetes tools do it.
//!
//! A stream holds any number of documents: JSON objects one after another, YAML documents between
//! `---` lines, or a mix. Unlike in the Go tools, a document that can't be read is an error that
//! names it, never skipped. YAML is 1.1 with the typing of `sigs.k8s.io/yaml`: see [`scalar`].
//!
//! - [`stream`]: bytes to documents;
//! - `compose`: one YAML document to a [`Node`] tree, with bounded aliases and depth;
//! - [`scalar`]: what a plain scalar means;
//! - [`node`]: the tree, with positions;
//! - [`mod@objects`]: Lists taken apart;
//! - [`typed`]: serde over the tree, converting scalars where a string is wanted;
//! - `write`: JSON and YAML out;
//! - [`mod@edit`]: changes within the text of a file, which stays as it is around them.

mod compose;
pub mod edit;
mod json;
pub mod node;
pub mod objects;
pub mod scalar;
pub mod stream;
pub mod typed;
mod write;

pub use edit::{Change, Edit, EditError, Edited, Step, edit};
pub use node::{Key, Node, Position, Value};
pub use objects::{Object, objects};
pub use stream::{Document, ReadError, read};
pub use typed::{TypeError, from_node};
pub use write::{WriteError, to_json, to_yaml, to_yaml_document};
