//! Base64 and base32. What doesn't decode becomes the text of Go's error.

use crate::exec::{Cx, Function};
use crate::fault::Fault;
use crate::go::base;
use crate::value::{Type, Value};

const ONE: &[Type] = &[Type::Str];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("b64enc", ONE, |cx, a| over(cx, &a[0], base::encode64)),
    Function::new("b64dec", ONE, |cx, a| {
        decode(cx, &a[0], "64", base::decode64)
    }),
    Function::new("b32enc", ONE, |cx, a| over(cx, &a[0], base::encode32)),
    Function::new("b32dec", ONE, |cx, a| {
        decode(cx, &a[0], "32", base::decode32)
    }),
];

fn over(cx: &mut Cx<'_>, text: &Value, f: fn(&[u8]) -> Vec<u8>) -> Result<Value, Fault> {
    let text = text.bytes();
    cx.meter.reserve(text.len() * 2)?;
    cx.meter.handle(text.len())?;
    Ok(Value::str(f(text)))
}

fn decode(
    cx: &mut Cx<'_>,
    text: &Value,
    name: &str,
    f: fn(&[u8]) -> Result<Vec<u8>, usize>,
) -> Result<Value, Fault> {
    let text = text.bytes();
    cx.meter.reserve(text.len())?;
    cx.meter.handle(text.len())?;
    Ok(match f(text) {
        Ok(data) => Value::str(data),
        Err(at) => Value::str(format!("illegal base{name} data at input byte {at}")),
    })
}
