//! Defaults, emptiness, choice, and JSON.

use crate::exec::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::json;
use crate::value::{Type, Value};

const ANY: &[Type] = &[Type::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("default", &[Type::Any, Type::Any], |_, a| {
        Ok(a.get(1)
            .filter(|given| !given.is_empty())
            .unwrap_or(&a[0])
            .clone())
    }),
    Function::new("empty", ANY, |_, a| Ok(Value::Bool(a[0].is_empty()))),
    Function::variadic("coalesce", ANY, |_, a| {
        Ok(a.iter()
            .find(|v| !v.is_empty())
            .cloned()
            .unwrap_or(Value::Nil))
    }),
    Function::variadic("all", ANY, |_, a| {
        Ok(Value::Bool(!a.iter().any(Value::is_empty)))
    }),
    Function::variadic("any", ANY, |_, a| {
        Ok(Value::Bool(a.iter().any(|v| !v.is_empty())))
    }),
    Function::new("ternary", &[Type::Any, Type::Any, Type::Bool], |_, a| {
        Ok(a[if a[2].truth() { 0 } else { 1 }].clone())
    }),
    Function::new("fail", &[Type::Str], |_, _| {
        fail("the template called fail; its message is not shown")
    }),
    Function::new("fromJson", &[Type::Str], |cx, a| {
        match json::decode(&mut cx.meter, a[0].bytes()) {
            Ok((value, _)) => Ok(value),
            Err(Fault::Failed(_)) => Ok(Value::Nil),
            Err(limit) => Err(limit),
        }
    }),
    Function::new("mustFromJson", &[Type::Str], |cx, a| {
        match json::decode(&mut cx.meter, a[0].bytes())? {
            (value, false) => Ok(value),
            _ => fail("json: cannot unmarshal a number too large"),
        }
    }),
    Function::new("toJson", ANY, |cx, a| {
        let text = json::encode(&mut cx.meter, &a[0], true);
        or_empty(text)
    }),
    Function::new("mustToJson", ANY, |cx, a| {
        Ok(Value::str(json::encode(&mut cx.meter, &a[0], true)?))
    }),
    Function::new("toPrettyJson", ANY, |cx, a| {
        let text = json::encode_indented(&mut cx.meter, &a[0]);
        or_empty(text)
    }),
    Function::new("mustToPrettyJson", ANY, |cx, a| {
        Ok(Value::str(json::encode_indented(&mut cx.meter, &a[0])?))
    }),
    Function::new("toRawJson", ANY, raw_json),
    Function::new("mustToRawJson", ANY, raw_json),
];

fn raw_json(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(Value::str(json::encode(&mut cx.meter, &a[0], false)?))
}

/// What can't be encoded is an empty string, unless it is too much.
fn or_empty(text: Result<Vec<u8>, Fault>) -> Result<Value, Fault> {
    match text {
        Ok(text) => Ok(Value::str(text)),
        Err(Fault::Failed(_)) => Ok(Value::str("")),
        Err(limit) => Err(limit),
    }
}
