//! Go's own functions: printing, indexing, lengths, logic and escaping.

use super::{Cx, Function, compare};
use crate::fault::{Fault, fail};
use crate::fmt;
use crate::go::runes::{self, decode, is_print};
use crate::value::{MapKind, Type, Value};

/// The functions of `text/template` itself, but for `slice`, which sprig's replaces.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function::variadic("and", &[Type::Reflect, Type::Reflect], |_, _| {
        Ok(Value::Invalid)
    }),
    Function::variadic("or", &[Type::Reflect, Type::Reflect], |_, _| {
        Ok(Value::Invalid)
    }),
    Function::variadic("call", &[Type::Reflect, Type::Reflect], call),
    Function::variadic("html", &[Type::Any], html),
    Function::variadic("index", &[Type::Reflect, Type::Reflect], index),
    Function::variadic("js", &[Type::Any], js),
    Function::new("len", &[Type::Reflect], len),
    Function::new("not", &[Type::Reflect], |_, a| {
        Ok(Value::Bool(!a[0].truth()))
    }),
    Function::variadic("print", &[Type::Any], |cx, a| {
        Ok(Value::str(fmt::sprint(&mut cx.meter, a)?))
    }),
    Function::variadic("printf", &[Type::Str, Type::Any], |cx, a| {
        Ok(Value::str(fmt::sprintf(
            &mut cx.meter,
            a[0].bytes(),
            &a[1..],
        )?))
    }),
    Function::variadic("println", &[Type::Any], |cx, a| {
        Ok(Value::str(fmt::sprintln(&mut cx.meter, a)?))
    }),
    Function::variadic("urlquery", &[Type::Any], urlquery),
    Function::variadic("eq", &[Type::Reflect, Type::Reflect], compare::eq),
    Function::new("ge", &[Type::Reflect, Type::Reflect], compare::ge),
    Function::new("gt", &[Type::Reflect, Type::Reflect], compare::gt),
    Function::new("le", &[Type::Reflect, Type::Reflect], compare::le),
    Function::new("lt", &[Type::Reflect, Type::Reflect], compare::lt),
    Function::new("ne", &[Type::Reflect, Type::Reflect], compare::ne),
];

fn call(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    match a[0].ty() {
        None => fail("call of nil"),
        Some(ty) => fail(format!("non-function of type {}", ty.name())),
    }
}

fn len(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let len = match &a[0] {
        Value::Str(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Invalid | Value::Nil => return fail("len of nil pointer"),
        other => return fail(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Int(len as i64))
}

fn index(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut item = a[0].clone();
    if item.is_nothing() {
        return fail("index of untyped nil");
    }
    for key in &a[1..] {
        item = match &item {
            Value::Nil | Value::Invalid => return fail("index of nil pointer"),
            Value::Str(text) => {
                let at = position(key, text.len())?;
                match text.get(at) {
                    Some(&byte) => Value::Uint8(byte),
                    None => return fail("string index out of range"),
                }
            }
            Value::List(list) => {
                let at = position(key, list.len())?;
                match list.items().get(at) {
                    Some(item) => item.clone(),
                    None => return fail("slice index out of range"),
                }
            }
            Value::Map(map) => match key {
                Value::Str(key) => map.get(key).unwrap_or_else(|| match map.kind() {
                    MapKind::Any => Value::Nil,
                    MapKind::Str => Value::str(""),
                }),
                other => {
                    return fail(format!(
                        "value has type {}; should be string",
                        other.type_name()
                    ));
                }
            },
            other => return fail(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

/// A list index of any integer type.
fn position(key: &Value, len: usize) -> Result<usize, Fault> {
    let at = match (key.as_signed(), key.as_unsigned()) {
        (Some(at), _) => usize::try_from(at).ok(),
        (_, Some(at)) => usize::try_from(at).ok(),
        _ if key.is_nothing() => return fail("cannot index slice/array with nil"),
        _ => {
            return fail(format!(
                "cannot index slice/array with type {}",
                key.type_name()
            ));
        }
    };
    at.filter(|&at| at <= len)
        .ok_or_else(|| Fault::new("index out of range"))
}

/// The text of the arguments of an escaping function.
fn text(cx: &mut Cx<'_>, arguments: &[Value]) -> Result<Vec<u8>, Fault> {
    if let [Value::Str(text)] = arguments {
        return Ok(text.to_vec());
    }
    let shown: Vec<Value> = arguments
        .iter()
        .map(|a| {
            if a.is_nothing() {
                Value::str("<no value>")
            } else {
                a.clone()
            }
        })
        .collect();
    fmt::sprint(&mut cx.meter, &shown)
}

fn html(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let text = text(cx, a)?;
    cx.meter.reserve(text.len() * 2)?;
    cx.meter.handle(text.len() * 4)?;
    let mut out = Vec::with_capacity(text.len());
    for &byte in &text {
        match byte {
            0 => runes::push(&mut out, runes::REPLACEMENT),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(byte),
        }
    }
    Ok(Value::str(out))
}

fn js(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let text = text(cx, a)?;
    cx.meter.reserve(text.len() * 2)?;
    cx.meter.handle(text.len() * 4)?;
    let special = |b: u8| !(b' '..0x80).contains(&b) || b"\\'\"<>&=".contains(&b);
    if !text.iter().any(|&b| special(b)) {
        return Ok(Value::str(text));
    }
    let mut out = Vec::with_capacity(text.len() * 2);
    let mut rest = text.as_slice();
    while let Some(&byte) = rest.first() {
        let mut width = 1;
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\'' => out.extend_from_slice(b"\\'"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'<' | b'>' | b'&' | b'=' | 0..b' ' => {
                out.extend_from_slice(format!("\\u{byte:04X}").as_bytes());
            }
            0x80.. => {
                let (c, size) = decode(rest);
                width = size;
                if is_print(c) {
                    out.extend_from_slice(&rest[..size]);
                } else {
                    out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes());
                }
            }
            _ => out.push(byte),
        }
        rest = &rest[width..];
    }
    Ok(Value::str(out))
}

fn urlquery(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let text = text(cx, a)?;
    cx.meter.reserve(text.len() * 3)?;
    cx.meter.handle(text.len() * 4)?;
    let mut out = Vec::with_capacity(text.len());
    for &byte in &text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    Ok(Value::str(out))
}
