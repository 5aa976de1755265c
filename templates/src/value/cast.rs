//! How sprig reads numbers from anything: what cannot be read is zero.

use super::Value;
use crate::go::number::{parse_float, parse_int};

/// `cast.ToInt64`.
pub(crate) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(n) | Value::Int64(n) | Value::Month(n) | Value::Weekday(n) => *n,
        Value::Uint8(n) => i64::from(*n),
        Value::Uint32(n) => i64::from(*n),
        Value::Uint64(n) => *n as i64,
        Value::Float(n) => float_to_int(*n),
        Value::Bool(b) => i64::from(*b),
        Value::Str(text) => parse_int(trim_zero_decimal(text), 0).unwrap_or(0),
        _ => 0,
    }
}

/// `cast.ToFloat64`.
pub(crate) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(n) | Value::Int64(n) | Value::Month(n) | Value::Weekday(n) => *n as f64,
        Value::Uint8(n) => f64::from(*n),
        Value::Uint32(n) => f64::from(*n),
        Value::Uint64(n) => *n as f64,
        Value::Float(n) => *n,
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::Str(text) => parse_float(text).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// Go's conversion on amd64: what doesn't fit, and NaN, is the smallest integer.
pub(crate) fn float_to_int(value: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

/// `12.00` is `12`; without zeros after the point the text is left alone.
fn trim_zero_decimal(text: &[u8]) -> &[u8] {
    let zeros = text.iter().rev().take_while(|&&b| b == b'0').count();
    let head = &text[..text.len() - zeros];
    match head.split_last() {
        Some((b'.', whole)) if zeros > 0 => whole,
        _ => text,
    }
}
