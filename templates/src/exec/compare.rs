//! Go's comparison functions: types must agree in kind, integers of either sign mix.

use std::cmp::Ordering;

use super::Cx;
use crate::fault::{Fault, fail};
use crate::value::{Kind, Value};

/// The kinds `lt` and `eq` know by themselves.
fn basic(value: &Value) -> Option<Kind> {
    Some(value.kind()).filter(|kind| {
        matches!(
            kind,
            Kind::Bool | Kind::Signed | Kind::Unsigned | Kind::Float | Kind::Complex | Kind::Str
        )
    })
}

/// `eq`: whether the first argument equals any other.
pub(crate) fn equal(arguments: &[Value]) -> Result<bool, Fault> {
    let Some((first, others)) = arguments.split_first() else {
        return Ok(false);
    };
    if others.is_empty() {
        return fail("missing argument for comparison");
    }
    for other in others {
        if equal_pair(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal_pair(a: &Value, b: &Value) -> Result<bool, Fault> {
    let (ka, kb) = (basic(a), basic(b));
    if ka != kb {
        return match (ka, kb) {
            (Some(Kind::Signed), Some(Kind::Unsigned))
            | (Some(Kind::Unsigned), Some(Kind::Signed)) => Ok(wide(a) == wide(b)),
            _ if a.is_nothing() || b.is_nothing() => Ok(false),
            _ => fail(format!(
                "incompatible types for comparison: {} and {}",
                a.type_name(),
                b.type_name()
            )),
        };
    }
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Complex(a, x), Value::Complex(b, y)) => a == b && x == y,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        _ if ka.is_some() => wide(a) == wide(b),
        _ => return equal_other(a, b),
    })
}

/// Values that are not of a basic kind: nil, pointers and structs compare, lists and maps don't.
fn equal_other(a: &Value, b: &Value) -> Result<bool, Fault> {
    if a.kind() != b.kind() && !a.is_nothing() && !b.is_nothing() {
        return fail("non-comparable types");
    }
    let (a_nil, b_nil) = (is_nil(a), is_nil(b));
    if a_nil || b_nil {
        return Ok(a_nil == b_nil);
    }
    match (a, b) {
        (Value::List(_) | Value::Map(_), _) | (_, Value::List(_) | Value::Map(_)) => {
            fail(format!("non-comparable type {}", b.type_name()))
        }
        (Value::Time(a), Value::Time(b)) => Ok(a.same_instant(b) && a.zone.same(&b.zone)),
        (Value::Location(a), Value::Location(b)) => Ok(a.same(b)),
        (
            Value::Version {
                version: a,
                pointer: true,
            },
            Value::Version {
                version: b,
                pointer: true,
            },
        ) => Ok(std::rc::Rc::ptr_eq(a, b)),
        (
            Value::Version {
                version: a,
                pointer: false,
            },
            Value::Version {
                version: b,
                pointer: false,
            },
        ) => Ok(a == b),
        (Value::Certificate(a), Value::Certificate(b)) => Ok(a.cert == b.cert && a.key == b.key),
        _ => Ok(false),
    }
}

fn is_nil(value: &Value) -> bool {
    match value {
        Value::Invalid | Value::Nil => true,
        Value::List(list) => list.is_nil(),
        Value::Map(map) => map.is_nil(),
        _ => false,
    }
}

/// Any integer.
fn wide(value: &Value) -> i128 {
    match value.as_unsigned() {
        Some(n) => i128::from(n),
        None => i128::from(value.as_signed().unwrap_or(0)),
    }
}

/// `lt` in all its forms: how two values are ordered; `None` for NaN.
fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, Fault> {
    let (Some(ka), Some(kb)) = (basic(a), basic(b)) else {
        return fail("invalid type for comparison");
    };
    let integer = |kind| matches!(kind, Kind::Signed | Kind::Unsigned);
    match (a, b) {
        _ if integer(ka) && integer(kb) => Ok(Some(wide(a).cmp(&wide(b)))),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b)),
        (Value::Str(a), Value::Str(b)) => Ok(Some(a.cmp(b))),
        _ if ka == kb => fail("invalid type for comparison"),
        _ => fail(format!(
            "incompatible types for comparison: {} and {}",
            a.type_name(),
            b.type_name()
        )),
    }
}

pub(super) fn eq(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    equal(a).map(Value::Bool)
}

pub(super) fn ne(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    equal(a).map(|equal| Value::Bool(!equal))
}

pub(super) fn lt(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(Value::Bool(order(&a[0], &a[1])? == Some(Ordering::Less)))
}

pub(super) fn le(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(Value::Bool(matches!(
        order(&a[0], &a[1])?,
        Some(Ordering::Less | Ordering::Equal)
    )))
}

pub(super) fn gt(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    // Not less or equal: true of NaN, as in Go.
    Ok(Value::Bool(!matches!(
        order(&a[0], &a[1])?,
        Some(Ordering::Less | Ordering::Equal)
    )))
}

pub(super) fn ge(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(Value::Bool(order(&a[0], &a[1])? != Some(Ordering::Less)))
}
