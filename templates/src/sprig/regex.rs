//! Regular expressions.

use std::rc::Rc;

use crate::exec::{Cx, Function};
use crate::fault::Fault;
use crate::regexp::{Haystack, Regex, quote_meta};
use crate::value::{Elem, List, Type, Value, grown};

const TWO: &[Type] = &[Type::Str, Type::Str];
const THREE: &[Type] = &[Type::Str, Type::Str, Type::Str];
const LIMITED: &[Type] = &[Type::Str, Type::Str, Type::Int];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("regexMatch", TWO, |cx, a| match matches(cx, a) {
        // Only this one takes a bad expression for one that doesn't match.
        Err(Fault::Failed(_)) => Ok(Value::Bool(false)),
        result => result,
    }),
    Function::new("mustRegexMatch", TWO, matches),
    Function::new("regexFind", TWO, find),
    Function::new("mustRegexFind", TWO, find),
    Function::new("regexFindAll", LIMITED, find_all),
    Function::new("mustRegexFindAll", LIMITED, find_all),
    Function::new("regexReplaceAll", THREE, |cx, a| replace_all(cx, a, false)),
    Function::new("mustRegexReplaceAll", THREE, |cx, a| {
        replace_all(cx, a, false)
    }),
    Function::new("regexReplaceAllLiteral", THREE, |cx, a| {
        replace_all(cx, a, true)
    }),
    Function::new("mustRegexReplaceAllLiteral", THREE, |cx, a| {
        replace_all(cx, a, true)
    }),
    Function::new("regexSplit", LIMITED, split),
    Function::new("mustRegexSplit", LIMITED, split),
    Function::new("regexQuoteMeta", &[Type::Str], |cx, a| {
        let text = a[0].bytes();
        cx.meter.reserve(text.len() * 2)?;
        cx.meter.handle(text.len())?;
        Ok(Value::str(quote_meta(text)))
    }),
];

/// The compiled expression, remembered for the rest of the rendering.
fn compiled(cx: &mut Cx<'_>, pattern: &[u8]) -> Result<Rc<Regex>, Fault> {
    if let Some(regex) = cx.regexes.get(pattern) {
        return Ok(regex.clone());
    }
    let regex = Rc::new(Regex::new(&mut cx.meter, pattern)?);
    if cx.regexes.len() >= 8 {
        cx.regexes.clear();
    }
    cx.regexes.insert(pattern.to_vec(), regex.clone());
    Ok(regex)
}

fn matches(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let regex = compiled(cx, a[0].bytes())?;
    let haystack = Haystack::new(&mut cx.meter, a[1].bytes())?;
    Ok(Value::Bool(regex.is_match(&mut cx.meter, &haystack)?))
}

fn find(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let regex = compiled(cx, a[0].bytes())?;
    let haystack = Haystack::new(&mut cx.meter, a[1].bytes())?;
    Ok(Value::str(
        regex.find(&mut cx.meter, &haystack)?.unwrap_or_default(),
    ))
}

fn find_all(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let regex = compiled(cx, a[0].bytes())?;
    let haystack = Haystack::new(&mut cx.meter, a[1].bytes())?;
    let limit = a[2].as_signed().unwrap_or(-1);
    let found = regex.find_all(&mut cx.meter, &haystack, limit)?;
    // Go starts this list with room for ten.
    Ok(parts(cx, found, 10))
}

fn split(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let regex = compiled(cx, a[0].bytes())?;
    let haystack = Haystack::new(&mut cx.meter, a[1].bytes())?;
    let limit = a[2].as_signed().unwrap_or(-1);
    let found = regex.split(&mut cx.meter, &haystack, limit)?;
    Ok(parts(cx, found, 1))
}

fn parts(_: &mut Cx<'_>, found: Option<Vec<&[u8]>>, capacity: usize) -> Value {
    let Some(found) = found else {
        return Value::List(List::nil(Elem::Str));
    };
    let items: Vec<Value> = found.into_iter().map(Value::str).collect();
    let capacity = grown(Elem::Str, capacity, items.len());
    Value::List(List::with_capacity(Elem::Str, items, capacity))
}

fn replace_all(cx: &mut Cx<'_>, a: &[Value], literal: bool) -> Result<Value, Fault> {
    let regex = compiled(cx, a[0].bytes())?;
    let haystack = Haystack::new(&mut cx.meter, a[1].bytes())?;
    Ok(Value::str(regex.replace_all(
        &mut cx.meter,
        &haystack,
        a[2].bytes(),
        literal,
    )?))
}
