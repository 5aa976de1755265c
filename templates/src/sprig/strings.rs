//! Strings: case, trimming, substrings, splitting and joining, quoting.

use crate::exec::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::fmt;
use crate::fmt::printer::stringer;
use crate::go::quote::quote as go_quote;
use crate::go::runes::{self, runes as chars};
use crate::go::search::find;
use crate::value::{Elem, List, Map, MapKind, Str, Type, Value};

const ONE: &[Type] = &[Type::Str];
const TWO: &[Type] = &[Type::Str, Type::Str];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("hello", &[], |_, _| Ok(Value::str("Hello!"))),
    Function::new("trim", ONE, |_, a| {
        Ok(Value::str(runes::trim_space(a[0].bytes())))
    }),
    Function::new("upper", ONE, |cx, a| mapped(cx, &a[0], runes::to_upper)),
    Function::new("lower", ONE, |cx, a| mapped(cx, &a[0], runes::to_lower)),
    Function::new("substr", &[Type::Int, Type::Int, Type::Str], substr),
    Function::new("repeat", &[Type::Int, Type::Str], |cx, a| {
        Ok(Value::str(repeat(cx, a[1].bytes(), int(&a[0]))?))
    }),
    Function::new("trimall", TWO, trim_all),
    Function::new("trimAll", TWO, trim_all),
    Function::new("trimSuffix", TWO, |_, a| {
        let text = a[1].bytes();
        Ok(Value::str(text.strip_suffix(a[0].bytes()).unwrap_or(text)))
    }),
    Function::new("trimPrefix", TWO, |_, a| {
        let text = a[1].bytes();
        Ok(Value::str(text.strip_prefix(a[0].bytes()).unwrap_or(text)))
    }),
    Function::new("contains", TWO, |cx, a| {
        cx.meter.handle(a[1].bytes().len())?;
        Ok(Value::Bool(find(a[1].bytes(), a[0].bytes()).is_some()))
    }),
    Function::new("hasPrefix", TWO, |_, a| {
        Ok(Value::Bool(a[1].bytes().starts_with(a[0].bytes())))
    }),
    Function::new("hasSuffix", TWO, |_, a| {
        Ok(Value::Bool(a[1].bytes().ends_with(a[0].bytes())))
    }),
    Function::variadic("quote", &[Type::Any], quote),
    Function::variadic("squote", &[Type::Any], squote),
    Function::variadic("cat", &[Type::Any], cat),
    Function::new("indent", &[Type::Int, Type::Str], |cx, a| {
        indent(cx, a, b"")
    }),
    Function::new("nindent", &[Type::Int, Type::Str], |cx, a| {
        indent(cx, a, b"\n")
    }),
    Function::new("replace", &[Type::Str, Type::Str, Type::Str], |cx, a| {
        Ok(Value::str(replace(
            cx,
            a[2].bytes(),
            a[0].bytes(),
            a[1].bytes(),
        )?))
    }),
    Function::new("plural", &[Type::Str, Type::Str, Type::Int], |_, a| {
        Ok(a[if int(&a[2]) == 1 { 0 } else { 1 }].clone())
    }),
    Function::new("toString", &[Type::Any], |cx, a| {
        Ok(Value::Str(text_of(cx, &a[0])?))
    }),
    Function::new("toStrings", &[Type::Any], |cx, a| strings_value(cx, &a[0])),
    Function::new("trunc", &[Type::Int, Type::Str], trunc),
    Function::new("join", &[Type::Str, Type::Any], join),
    Function::new("sortAlpha", &[Type::Any], sort_alpha),
    Function::new("split", TWO, |cx, a| numbered(cx, &a[0], &a[1], -1)),
    Function::new("splitList", TWO, |cx, a| {
        let parts = split(cx, a[1].bytes(), a[0].bytes(), -1)?;
        Ok(Value::strings(parts))
    }),
    Function::new("splitn", &[Type::Str, Type::Int, Type::Str], |cx, a| {
        numbered(cx, &a[0], &a[2], int(&a[1]))
    }),
    Function::new("abbrev", &[Type::Int, Type::Str], |_, a| {
        let (width, text) = (int(&a[0]), a[1].bytes());
        Ok(Value::str(if width < 4 {
            text.to_vec()
        } else {
            abbreviate(text, 0, width)
        }))
    }),
    Function::new("abbrevboth", &[Type::Int, Type::Int, Type::Str], |_, a| {
        let (left, right, text) = (int(&a[0]), int(&a[1]), a[2].bytes());
        let keep = right < 4 || left > 0 && right < 7;
        Ok(Value::str(if keep {
            text.to_vec()
        } else {
            abbreviate(text, left, right)
        }))
    }),
];

fn int(value: &Value) -> i64 {
    value.as_signed().unwrap_or(0)
}

fn mapped(cx: &mut Cx<'_>, text: &Value, f: fn(char) -> char) -> Result<Value, Fault> {
    let text = text.bytes();
    cx.meter.reserve(text.len() * 2)?;
    cx.meter.handle(text.len() * 4)?;
    // Where nothing changes Go keeps invalid bytes as they are.
    let changes =
        chars(text).any(|(_, c, width)| f(c) != c || c == runes::REPLACEMENT && width == 1);
    Ok(Value::str(if changes {
        runes::map(text, f)
    } else {
        text.to_vec()
    }))
}

/// `strings.Repeat`.
pub(super) fn repeat(cx: &mut Cx<'_>, text: &[u8], count: i64) -> Result<Vec<u8>, Fault> {
    let Ok(count) = usize::try_from(count) else {
        return fail("strings: negative Repeat count");
    };
    let total = text.len().saturating_mul(count);
    cx.meter.reserve(total)?;
    cx.meter.handle(total)?;
    Ok(text.repeat(if text.is_empty() { 0 } else { count }))
}

/// `strval`: a string as it is, anything else as it prints.
pub(super) fn text_of(cx: &mut Cx<'_>, value: &Value) -> Result<Str, Fault> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        Value::List(list) if list.elem() == Elem::Byte => Ok(Str::from_vec(
            list.items()
                .iter()
                .filter_map(|b| b.as_unsigned())
                .map(|b| b as u8)
                .collect(),
        )),
        other => match stringer(other) {
            Some(text) => Ok(Str::from_vec(text)),
            None => Ok(Str::from_vec(fmt::print(&mut cx.meter, other)?)),
        },
    }
}

/// `strslice`: the strings of a list without nils, or one string.
pub(super) fn strings_of(cx: &mut Cx<'_>, value: &Value) -> Result<Vec<Str>, Fault> {
    match value {
        Value::List(list) => {
            let mut out = Vec::with_capacity(list.len());
            for item in list.items() {
                cx.meter.spend(1)?;
                if !item.is_nothing() {
                    out.push(text_of(cx, item)?);
                }
            }
            Ok(out)
        }
        Value::Nil | Value::Invalid => Ok(Vec::new()),
        other => Ok(vec![text_of(cx, other)?]),
    }
}

fn strings_value(cx: &mut Cx<'_>, value: &Value) -> Result<Value, Fault> {
    if let Value::List(list) = value
        && list.elem() == Elem::Str
    {
        return Ok(value.clone());
    }
    let capacity = match value {
        Value::List(list) => list.len(),
        other => usize::from(!other.is_nothing()),
    };
    let items = strings_of(cx, value)?.into_iter().map(Value::Str).collect();
    Ok(Value::List(List::with_capacity(Elem::Str, items, capacity)))
}

fn join(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let parts = strings_of(cx, &a[1])?;
    let separator = a[0].bytes();
    let total = parts.iter().map(|p| p.len() + separator.len()).sum();
    cx.meter.reserve(total)?;
    cx.meter.handle(total)?;
    let mut out = Vec::with_capacity(total);
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(part);
    }
    Ok(Value::str(out))
}

fn sort_alpha(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    if !matches!(a[0], Value::List(_)) {
        let text = text_of(cx, &a[0])?;
        return Ok(Value::List(List::new(Elem::Str, vec![Value::Str(text)])));
    }
    let mut strings = strings_of(cx, &a[0])?;
    cx.meter.spend(strings.len() as u64 * 4)?;
    strings.sort();
    Ok(Value::List(List::new(
        Elem::Str,
        strings.into_iter().map(Value::Str).collect(),
    )))
}

/// `strings.SplitN`; `None` from Go's nil for a limit of zero.
pub(super) fn split(
    cx: &mut Cx<'_>,
    text: &[u8],
    separator: &[u8],
    limit: i64,
) -> Result<Vec<Vec<u8>>, Fault> {
    cx.meter.handle(text.len() * 4)?;
    let limit = match limit {
        0 => return Ok(Vec::new()),
        n if n < 0 => usize::MAX,
        n => n as usize,
    };
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut rest = text;
    // Each part costs a value besides its bytes; checked as they come.
    let mut room = |parts: &Vec<Vec<u8>>| cx.meter.reserve(parts.len() * 112 + text.len());
    if separator.is_empty() {
        while !rest.is_empty() && parts.len() + 1 < limit {
            let (_, width) = runes::decode(rest);
            parts.push(rest[..width].to_vec());
            rest = &rest[width..];
            if parts.len().is_multiple_of(1024) {
                room(&parts)?;
            }
        }
        if !rest.is_empty() {
            parts.push(rest.to_vec());
        }
        return Ok(parts);
    }
    while parts.len() + 1 < limit {
        let Some(at) = find(rest, separator) else {
            break;
        };
        parts.push(rest[..at].to_vec());
        rest = &rest[at + separator.len()..];
        if parts.len().is_multiple_of(1024) {
            room(&parts)?;
        }
    }
    parts.push(rest.to_vec());
    room(&parts)?;
    Ok(parts)
}

/// The parts as a map with the keys `_0`, `_1` and so on.
fn numbered(cx: &mut Cx<'_>, separator: &Value, text: &Value, limit: i64) -> Result<Value, Fault> {
    let parts = split(cx, text.bytes(), separator.bytes(), limit)?;
    cx.meter.reserve(parts.len() * 300)?;
    let entries = parts
        .into_iter()
        .enumerate()
        .map(|(i, p)| (format!("_{i}").into(), Value::str(p)));
    Ok(Value::Map(Map::from_entries(MapKind::Str, entries)))
}

fn quote(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut out = Vec::new();
    let mut first = true;
    for value in a.iter().filter(|v| !v.is_nothing()) {
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        let text = text_of(cx, value)?;
        cx.meter.reserve(out.len() + text.len() * 4)?;
        cx.meter.handle(text.len() * 6)?;
        go_quote(&mut out, &text, false);
    }
    Ok(Value::str(out))
}

fn squote(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut out = Vec::new();
    let mut first = true;
    for value in a.iter().filter(|v| !v.is_nothing()) {
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        out.push(b'\'');
        let text = fmt::print(&mut cx.meter, value)?;
        cx.meter.reserve(out.len() + text.len())?;
        out.extend_from_slice(&text);
        out.push(b'\'');
    }
    Ok(Value::str(out))
}

fn cat(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    // The format is trimmed before it is filled in, so the values' own spaces stay.
    let mut out = Vec::new();
    let mut first = true;
    for value in a.iter().filter(|v| !v.is_nothing()) {
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        let text = fmt::print(&mut cx.meter, value)?;
        cx.meter.reserve(out.len() + text.len())?;
        out.extend_from_slice(&text);
    }
    Ok(Value::str(out))
}

fn indent(cx: &mut Cx<'_>, a: &[Value], before: &[u8]) -> Result<Value, Fault> {
    let mut pad = b"\n".to_vec();
    pad.extend(repeat(cx, b" ", int(&a[0]))?);
    let mut out = before.to_vec();
    out.extend_from_slice(&pad[1..]);
    out.extend(replace(cx, a[1].bytes(), b"\n", &pad)?);
    Ok(Value::str(out))
}

/// `strings.ReplaceAll`; an empty `old` matches between all characters.
pub(super) fn replace(
    cx: &mut Cx<'_>,
    text: &[u8],
    old: &[u8],
    new: &[u8],
) -> Result<Vec<u8>, Fault> {
    cx.meter.handle(text.len() * 2)?;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    if old.is_empty() {
        loop {
            cx.meter.reserve(out.len() + new.len())?;
            out.extend_from_slice(new);
            let (_, width) = runes::decode(rest);
            if width == 0 {
                break;
            }
            out.extend_from_slice(&rest[..width]);
            rest = &rest[width..];
        }
    } else {
        while let Some(at) = find(rest, old) {
            cx.meter.reserve(out.len() + at + new.len())?;
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(new);
            rest = &rest[at + old.len()..];
        }
        out.extend_from_slice(rest);
    }
    cx.meter.handle(out.len())?;
    Ok(out)
}

fn trim_all(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let (set, text) = (a[0].bytes(), a[1].bytes());
    cx.meter
        .handle(text.len().saturating_mul(1 + set.len() / 16))?;
    let cut: Vec<char> = chars(set).map(|(_, c, _)| c).collect();
    Ok(Value::str(runes::trim(text, |c| cut.contains(&c))))
}

fn substr(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let (start, end, text) = (int(&a[0]), int(&a[1]), a[2].bytes());
    let len = text.len() as i64;
    let (from, to) = match (start, end) {
        (..0, end) => (0, end),
        (start, end) if end < 0 || end > len => (start, len),
        range => range,
    };
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    match range.and_then(|(from, to)| text.get(from..to)) {
        Some(part) => Ok(Value::str(part)),
        None => fail("slice bounds out of range"),
    }
}

fn trunc(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let (count, text) = (int(&a[0]), a[1].bytes());
    let len = text.len() as i64;
    let part = if count < 0 && len.wrapping_add(count) > 0 {
        &text[(len + count) as usize..]
    } else if count >= 0 && len > count {
        &text[..count as usize]
    } else {
        text
    };
    Ok(Value::str(part))
}

/// goutils' `AbbreviateFull`, in bytes.
fn abbreviate(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let len = text.len() as i64;
    if text.is_empty() || width < 4 {
        return Vec::new();
    }
    if len <= width {
        return text.to_vec();
    }
    let mut offset = offset.min(len);
    if len - offset < width - 3 {
        offset = len - (width - 3);
    }
    let mut out = Vec::new();
    if offset <= 4 {
        out.extend_from_slice(&text[..(width - 3) as usize]);
        out.extend_from_slice(b"...");
    } else if width >= 7 {
        out.extend_from_slice(b"...");
        if offset + width - 3 < len {
            out.extend(abbreviate(&text[offset as usize..], 0, width - 3));
        } else {
            out.extend_from_slice(&text[(len - (width - 3)) as usize..]);
        }
    }
    out
}
