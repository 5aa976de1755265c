//! Lists: building, taking apart, searching.

use crate::exec::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::value::{Elem, List, Type, Value, deep_equal, to_int};

const ANY: &[Type] = &[Type::Any];
const TWO: &[Type] = &[Type::Any, Type::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("list", ANY, list),
    Function::variadic("tuple", ANY, list),
    Function::new("append", TWO, push),
    Function::new("push", TWO, push),
    Function::new("mustAppend", TWO, push),
    Function::new("mustPush", TWO, push),
    Function::new("prepend", TWO, prepend),
    Function::new("mustPrepend", TWO, prepend),
    Function::new("first", ANY, first),
    Function::new("mustFirst", ANY, first),
    Function::new("rest", ANY, rest),
    Function::new("mustRest", ANY, rest),
    Function::new("last", ANY, last),
    Function::new("mustLast", ANY, last),
    Function::new("initial", ANY, initial),
    Function::new("mustInitial", ANY, initial),
    Function::new("reverse", ANY, reverse),
    Function::new("mustReverse", ANY, reverse),
    Function::new("uniq", ANY, uniq),
    Function::new("mustUniq", ANY, uniq),
    Function::variadic("without", TWO, without),
    Function::variadic("mustWithout", TWO, without),
    Function::new("has", TWO, has),
    Function::new("mustHas", TWO, has),
    Function::variadic("slice", TWO, slice),
    Function::variadic("mustSlice", TWO, slice),
    Function::variadic("concat", ANY, concat),
    Function::new("chunk", &[Type::Int, Type::Any], chunk),
    Function::new("mustChunk", &[Type::Int, Type::Any], chunk),
    Function::new("compact", ANY, compact),
    Function::new("mustCompact", ANY, compact),
];

/// The list an argument is, charged for going through it.
fn items<'v>(cx: &mut Cx<'_>, value: &'v Value) -> Result<&'v List, Fault> {
    match value {
        Value::List(list) => {
            cx.meter.reserve(list.len() * 32)?;
            cx.meter.spend(list.len() as u64 / 8)?;
            Ok(list)
        }
        other => fail(format!("a list is needed, not a {}", other.kind_name())),
    }
}

fn list(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    cx.meter.spend(a.len() as u64 / 8)?;
    // With no arguments Go passes a nil slice; reflection makes it an empty one.
    Ok(Value::list(a.to_vec()))
}

fn push(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let from = items(cx, &a[0])?;
    let mut out = from.items().to_vec();
    out.push(a[1].clone());
    let capacity = crate::value::grown(Elem::Any, from.len(), out.len());
    Ok(Value::List(List::with_capacity(Elem::Any, out, capacity)))
}

fn prepend(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let from = items(cx, &a[0])?;
    let mut out = vec![a[1].clone()];
    out.extend_from_slice(from.items());
    let capacity = crate::value::appended_many(Elem::Any, 1, out.len());
    Ok(Value::List(List::with_capacity(Elem::Any, out, capacity)))
}

fn first(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(items(cx, &a[0])?
        .items()
        .first()
        .cloned()
        .unwrap_or(Value::Nil))
}

fn last(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(items(cx, &a[0])?
        .items()
        .last()
        .cloned()
        .unwrap_or(Value::Nil))
}

fn rest(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(match items(cx, &a[0])?.items() {
        [] => Value::List(List::nil(Elem::Any)),
        [_, rest @ ..] => Value::list(rest.to_vec()),
    })
}

fn initial(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(match items(cx, &a[0])?.items() {
        [] => Value::List(List::nil(Elem::Any)),
        [initial @ .., _] => Value::list(initial.to_vec()),
    })
}

fn reverse(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(Value::list(
        items(cx, &a[0])?.items().iter().rev().cloned().collect(),
    ))
}

fn contains(cx: &mut Cx<'_>, items: &[Value], wanted: &Value) -> Result<bool, Fault> {
    for item in items {
        if deep_equal(&mut cx.meter, wanted, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut out: Vec<Value> = Vec::new();
    for item in items(cx, &a[0])?.items() {
        if !contains(cx, &out, item)? {
            out.push(item.clone());
        }
    }
    Ok(Value::List(List::appended(Elem::Any, out)))
}

fn without(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut out: Vec<Value> = Vec::new();
    for item in items(cx, &a[0])?.items() {
        if !contains(cx, &a[1..], item)? {
            out.push(item.clone());
        }
    }
    Ok(Value::List(List::appended(Elem::Any, out)))
}

fn has(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    if a[1].is_nothing() {
        return Ok(Value::Bool(false));
    }
    let list = items(cx, &a[1])?;
    Ok(Value::Bool(contains(cx, list.items(), &a[0])?))
}

fn slice(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let list = items(cx, &a[0])?;
    if list.len() == 0 {
        return Ok(Value::Nil);
    }
    let from = a.get(1).map_or(0, to_int);
    let to = a.get(2).map_or(list.len() as i64, to_int);
    match list.slice(from, to) {
        Some(part) => Ok(Value::List(part)),
        None => fail("slice index out of bounds"),
    }
}

fn concat(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for value in a {
        out.extend_from_slice(items(cx, value)?.items());
        cx.meter.reserve(out.len() * 32)?;
    }
    if out.is_empty() {
        return Ok(Value::List(List::nil(Elem::Any)));
    }
    Ok(Value::List(List::appended(Elem::Any, out)))
}

fn chunk(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let size = a[0].as_signed().unwrap_or(0);
    let items = items(cx, &a[1])?.items();
    let len = items.len() as i64;
    let wrong = || Fault::new("makeslice: len out of range");
    let chunks = ((len - 1) as f64 / size as f64).floor() + 1.0;
    if !chunks.is_finite() || chunks < 0.0 {
        return Err(wrong());
    }
    let chunks = chunks as i64;
    cx.meter.reserve(chunks as usize * 64)?;
    let mut out = Vec::new();
    for i in 0..chunks {
        let mut count = size;
        if i == chunks - 1 {
            count = ((len as f64) % (size as f64)).floor() as i64;
            if count == 0 {
                count = size;
            }
        }
        let start = usize::try_from(i * size).map_err(|_| wrong())?;
        let end = start + usize::try_from(count).map_err(|_| wrong())?;
        out.push(Value::list(
            items.get(start..end).ok_or_else(wrong)?.to_vec(),
        ));
    }
    Ok(Value::List(List::new(Elem::List, out)))
}

fn compact(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let kept = items(cx, &a[0])?
        .items()
        .iter()
        .filter(|v| !v.is_empty())
        .cloned()
        .collect();
    Ok(Value::List(List::appended(Elem::Any, kept)))
}
