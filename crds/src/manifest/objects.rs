//! The objects in documents: each document, or what a List holds.

use std::fmt;

use super::edit::Step;
use super::node::{Node, Value};
use super::stream::Document;

/// Kinds that hold other objects under `items`.
const LISTS: [&str; 3] = ["List", "SecretList", "SealedSecretList"];

/// An object, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Object<'node> {
    /// The document's number in the stream, from one.
    pub document: usize,
    /// The way from the document's root; empty unless the document is a List.
    pub path: Vec<Step>,
    /// The object.
    pub node: &'node Node,
}

impl<'node> Object<'node> {
    /// The whole document, be it a List.
    pub fn whole(document: &'node Document) -> Self {
        Self {
            document: document.number,
            path: Vec::new(),
            node: &document.node,
        }
    }
}

/// All objects in `documents`, in order. A List stands for its items, Lists among them.
///
/// A List whose items are no list counts as an object itself: what wants another kind says so.
pub fn objects(documents: &[Document]) -> Vec<Object<'_>> {
    let mut objects = Vec::new();
    for document in documents {
        expand(Object::whole(document), &mut objects);
    }
    objects
}

fn expand<'node>(object: Object<'node>, objects: &mut Vec<Object<'node>>) {
    let kind = object.node.field("kind").and_then(Node::text);
    if !kind.is_some_and(|kind| LISTS.contains(&kind)) {
        objects.push(object);
        return;
    }
    match object.node.field("items").map(|items| &items.value) {
        None | Some(Value::Null { .. }) => {}
        Some(Value::Sequence(items)) => {
            for (index, node) in items.iter().enumerate() {
                let steps = [Step::Field("items".to_owned()), Step::Item(index)];
                let path = object.path.iter().cloned().chain(steps).collect();
                expand(
                    Object {
                        document: object.document,
                        path,
                        node,
                    },
                    objects,
                );
            }
        }
        Some(_) => objects.push(object),
    }
}

/// As messages name it: `document 2`, or `document 2, item 5` (both from one).
impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}", self.document)?;
        for step in &self.path {
            if let Step::Item(index) = step {
                write!(f, ", item {}", index + 1)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn lists_stand_for_their_items() {
        let text = "kind: Secret\n---\nkind: List\nitems:\n- kind: Secret\n- kind: SecretList\n  items: [{a: b}]\n\
                    ---\nkind: List\n---\nkind: List\nitems: null\n---\nkind: List\nitems: text\n";
        let documents = read(text.as_bytes()).unwrap();
        let names: Vec<String> = objects(&documents)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            names,
            [
                "document 1",
                "document 2, item 1",
                "document 2, item 2, item 1",
                "document 5"
            ]
        );
    }
}
