//! Dicts: building, reading, changing and copying maps.

use std::rc::Rc;

use super::merge::merge;
use super::semver::Version;
use super::strings::text_of;
use crate::exec::{Cx, Function};
use crate::fault::{Fault, Meter, fail};
use crate::stack;
use crate::time::Zone;
use crate::value::{Certificate, Elem, List, Map, MapKind, Type, Value};

const MAP: Type = Type::Map(MapKind::Any);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("dict", &[Type::Any], dict),
    Function::new("get", &[MAP, Type::Str], |_, a| {
        Ok(map(&a[0])?
            .get(a[1].bytes())
            .unwrap_or_else(|| Value::str("")))
    }),
    Function::new("set", &[MAP, Type::Str, Type::Any], set),
    Function::new("unset", &[MAP, Type::Str], |_, a| {
        map(&a[0])?.remove(a[1].bytes());
        Ok(a[0].clone())
    }),
    Function::new("hasKey", &[MAP, Type::Str], |_, a| {
        Ok(Value::Bool(map(&a[0])?.contains(a[1].bytes())))
    }),
    Function::variadic("pluck", &[Type::Str, MAP], pluck),
    Function::variadic("keys", &[MAP], keys),
    Function::new("values", &[MAP], values),
    Function::variadic("pick", &[MAP, Type::Str], pick),
    Function::variadic("omit", &[MAP, Type::Str], omit),
    Function::variadic("merge", &[MAP, MAP], |cx, a| merged(cx, a, false, false)),
    Function::variadic("mustMerge", &[MAP, MAP], |cx, a| merged(cx, a, false, true)),
    Function::variadic("mergeOverwrite", &[MAP, MAP], |cx, a| {
        merged(cx, a, true, false)
    }),
    Function::variadic("mustMergeOverwrite", &[MAP, MAP], |cx, a| {
        merged(cx, a, true, true)
    }),
    Function::variadic("dig", &[Type::Any], dig),
    Function::new("deepCopy", &[Type::Any], |cx, a| {
        deep_copy(&mut cx.meter, &a[0])
    }),
    Function::new("mustDeepCopy", &[Type::Any], |cx, a| {
        deep_copy(&mut cx.meter, &a[0])
    }),
];

fn map(value: &Value) -> Result<&Map, Fault> {
    match value {
        Value::Map(map) => Ok(map),
        other => fail(format!("a dict is needed, not a {}", other.type_name())),
    }
}

fn dict(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let dict = Map::new(MapKind::Any);
    for pair in a.chunks(2) {
        cx.meter.spend(1)?;
        let key = text_of(cx, &pair[0])?;
        let value = pair.get(1).cloned().unwrap_or_else(|| Value::str(""));
        dict.insert(key, value);
    }
    Ok(Value::Map(dict))
}

fn set(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let Value::Str(key) = &a[1] else {
        return fail("the key is not a string");
    };
    if !map(&a[0])?.insert(key.clone(), a[2].clone()) {
        return fail("assignment to entry in nil map");
    }
    Ok(a[0].clone())
}

fn pluck(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for dict in &a[1..] {
        cx.meter.spend(1)?;
        out.extend(map(dict)?.get(a[0].bytes()));
    }
    Ok(Value::List(List::appended(Elem::Any, out)))
}

fn keys(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for dict in a {
        let entries = map(dict)?.entries();
        cx.meter.spend(entries.len() as u64 / 4)?;
        out.extend(entries.into_iter().map(|(key, _)| Value::Str(key)));
    }
    Ok(Value::List(List::appended(Elem::Str, out)))
}

fn values(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let entries = map(&a[0])?.entries();
    cx.meter.spend(entries.len() as u64 / 4)?;
    Ok(Value::List(List::appended(
        Elem::Any,
        entries.into_iter().map(|(_, value)| value).collect(),
    )))
}

fn pick(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let from = map(&a[0])?;
    let out = Map::new(MapKind::Any);
    for key in &a[1..] {
        cx.meter.spend(1)?;
        if let (Value::Str(key), Some(value)) = (key, from.get(key.bytes())) {
            out.insert(key.clone(), value);
        }
    }
    Ok(Value::Map(out))
}

fn omit(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let omitted: std::collections::BTreeSet<&[u8]> = a[1..].iter().map(Value::bytes).collect();
    let entries = map(&a[0])?.entries();
    cx.meter.spend(entries.len() as u64 / 4)?;
    let kept = entries
        .into_iter()
        .filter(|(key, _)| !omitted.contains(&**key));
    Ok(Value::Map(Map::from_entries(MapKind::Any, kept)))
}

fn merged(cx: &mut Cx<'_>, a: &[Value], overwrite: bool, must: bool) -> Result<Value, Fault> {
    let mut into = map(&a[0])?.clone();
    for from in &a[1..] {
        let from = map(from)?;
        if into.is_nil() && !from.is_nil() {
            into = Map::new(MapKind::Any);
        }
        if !merge(&mut cx.meter, &into, from, overwrite)? {
            return if must {
                fail("src and dst must be of same type")
            } else {
                Ok(Value::str(""))
            };
        }
    }
    Ok(Value::Map(into))
}

fn dig(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let [keys @ .., default, dict] = a else {
        return fail("dig needs at least three arguments");
    };
    if keys.is_empty() {
        return fail("dig needs at least three arguments");
    }
    if let Some(key) = keys.iter().find(|key| !matches!(key, Value::Str(_))) {
        return fail(format!("a key of type {} is not a string", key.type_name()));
    }
    let mut here = dict.clone();
    for key in keys {
        cx.meter.spend(1)?;
        let next = match &here {
            Value::Map(map) if map.kind() == MapKind::Any => map.get(key.bytes()),
            other => {
                return fail(format!(
                    "{} is not map[string]interface {{}}",
                    other.type_name()
                ));
            }
        };
        match next {
            Some(value) => here = value,
            None => return Ok(default.clone()),
        }
    }
    Ok(here)
}

/// copystructure's copy: maps and lists all the way down, structs by their exported fields.
fn deep_copy(meter: &mut Meter, value: &Value) -> Result<Value, Fault> {
    if value.is_nothing() {
        return fail("nil can't be copied");
    }
    copy(meter, value, 0)
}

fn copy(meter: &mut Meter, value: &Value, depth: usize) -> Result<Value, Fault> {
    meter.spend(1)?;
    let mut depth = depth;
    meter.enter(&mut depth)?;
    match value {
        Value::List(list) if !list.is_nil() => {
            let mut out = Vec::with_capacity(list.len());
            for item in list.items() {
                out.push(stack::grow(|| copy(meter, item, depth))?);
            }
            Ok(Value::List(List::with_capacity(
                list.elem(),
                out,
                list.capacity(),
            )))
        }
        Value::Map(map) if !map.is_nil() => {
            let out = Map::new(map.kind());
            for (key, item) in map.entries() {
                out.insert(key, stack::grow(|| copy(meter, &item, depth))?);
            }
            Ok(Value::Map(out))
        }
        Value::Version { pointer, .. } => {
            // Its fields are not exported: the copy is the zero version.
            Ok(Value::Version {
                version: Rc::new(Version::zero()),
                pointer: *pointer,
            })
        }
        Value::Certificate(c) => Ok(Value::Certificate(Rc::new(Certificate {
            cert: c.cert.clone(),
            key: c.key.clone(),
        }))),
        Value::Location(_) => Ok(Value::Location(Zone::Fixed {
            name: "".into(),
            offset: 0,
        })),
        other => Ok(other.clone()),
    }
}
