//! What an edit means, apart from any text.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::super::node::{Key, Node, Position, Value};
use super::{Change, EditProblem, Step};

/// Makes the change in the tree.
pub(super) fn apply(node: &mut Node, path: &[Step], change: &Change) -> Result<(), EditProblem> {
    let Some((step, rest)) = path.split_first() else {
        let Change::Set(text) = change else {
            return Err(EditProblem::NoSuchPlace);
        };
        node.value = Value::String(Zeroizing::new(text.clone()));
        return Ok(());
    };
    match step {
        Step::Item(index) => match &mut node.value {
            Value::Sequence(items) => {
                let item = items.get_mut(*index).ok_or(EditProblem::NoSuchPlace)?;
                apply(item, rest, change)
            }
            _ => Err(EditProblem::NotAList {
                position: node.position,
            }),
        },
        Step::Field(name) => {
            if node.is_null() && matches!(change, Change::Set(_)) {
                node.value = Value::Mapping(Vec::new());
            }
            let position = node.position;
            let Value::Mapping(fields) = &mut node.value else {
                return Err(EditProblem::NotAMap { position });
            };
            let at = fields.iter().position(|(key, _)| key.name == *name);
            match (at, change) {
                (Some(at), Change::Remove) if rest.is_empty() => {
                    fields.remove(at);
                    Ok(())
                }
                (None, Change::Remove) => Err(EditProblem::NoSuchPlace),
                (at, _) => {
                    let at = at.unwrap_or_else(|| {
                        fields.push(new_field(name));
                        fields.len() - 1
                    });
                    match fields.get_mut(at) {
                        Some((_, value)) => apply(value, rest, change),
                        None => Err(EditProblem::NoSuchPlace),
                    }
                }
            }
        }
    }
}

fn new_field(name: &str) -> (Key, Node) {
    let position = Position::default();
    let key = Key {
        name: name.to_owned(),
        spelled: None,
        position,
    };
    let value = Value::Null { written: false };
    (key, Node { value, position })
}

/// Whether two trees mean the same: places, spelling and the order of keys don't count.
pub(super) fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Null { .. }, Value::Null { .. }) => true,
        (Value::Bool { value: one, .. }, Value::Bool { value: other, .. }) => one == other,
        (
            Value::Number { canonical: one, .. },
            Value::Number {
                canonical: other, ..
            },
        ) => one == other,
        (Value::String(one), Value::String(other)) => one == other,
        (Value::Sequence(one), Value::Sequence(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Mapping(one), Value::Mapping(other)) => {
            let other: HashMap<&str, &Node> = other
                .iter()
                .map(|(key, node)| (key.name.as_str(), node))
                .collect();
            one.len() == other.len()
                && one.iter().all(|(key, node)| {
                    other
                        .get(key.name.as_str())
                        .is_some_and(|other| same(node, other))
                })
        }
        _ => false,
    }
}
