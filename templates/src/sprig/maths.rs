//! Arithmetic: 64-bit integers that wrap, floats, and floats by way of decimals.

use super::decimal::Decimal;
use crate::exec::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::fmt;
use crate::go::number::{Wrong, parse_int};
use crate::value::{Elem, List, Type, Value, grown, to_float, to_int};

const ANY: &[Type] = &[Type::Any];
const TWO: &[Type] = &[Type::Any, Type::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("atoi", &[Type::Str], |_, a| {
        Ok(Value::Int(match parse_int(a[0].bytes(), 10) {
            Ok(n) | Err(Wrong::Range(n)) => n,
            Err(Wrong::Syntax) => 0,
        }))
    }),
    Function::new("int64", ANY, |_, a| Ok(Value::Int64(to_int(&a[0])))),
    Function::new("int", ANY, |_, a| Ok(Value::Int(to_int(&a[0])))),
    Function::new("float64", ANY, |_, a| Ok(Value::Float(to_float(&a[0])))),
    Function::new("toDecimal", ANY, |cx, a| {
        let text = fmt::print(&mut cx.meter, &a[0])?;
        Ok(Value::Int64(parse_int(&text, 8).unwrap_or(0)))
    }),
    Function::variadic("seq", &[Type::Int], seq),
    Function::new("until", &[Type::Int], |cx, a| {
        let count = int(&a[0]);
        until(cx, 0, count, if count < 0 { -1 } else { 1 })
    }),
    Function::new("untilStep", &[Type::Int, Type::Int, Type::Int], |cx, a| {
        until(cx, int(&a[0]), int(&a[1]), int(&a[2]))
    }),
    Function::new("add1", ANY, |_, a| {
        Ok(Value::Int64(to_int(&a[0]).wrapping_add(1)))
    }),
    Function::variadic("add", ANY, |_, a| {
        Ok(Value::Int64(
            a.iter().fold(0, |sum: i64, n| sum.wrapping_add(to_int(n))),
        ))
    }),
    Function::new("sub", TWO, |_, a| {
        Ok(Value::Int64(to_int(&a[0]).wrapping_sub(to_int(&a[1]))))
    }),
    Function::new("div", TWO, |_, a| divide(&a[0], &a[1], i64::wrapping_div)),
    Function::new("mod", TWO, |_, a| divide(&a[0], &a[1], i64::wrapping_rem)),
    Function::variadic("mul", TWO, |_, a| {
        Ok(Value::Int64(a.iter().fold(1, |product: i64, n| {
            product.wrapping_mul(to_int(n))
        })))
    }),
    Function::new("add1f", ANY, |cx, a| {
        decimal(cx, &[a[0].clone(), Value::Int(1)], |x, y| Ok(x.add(y)))
    }),
    Function::variadic("addf", ANY, |cx, a| {
        let mut terms = vec![Value::Float(0.0)];
        terms.extend_from_slice(a);
        decimal(cx, &terms, |x, y| Ok(x.add(y)))
    }),
    Function::variadic("subf", TWO, |cx, a| decimal(cx, a, |x, y| Ok(x.sub(y)))),
    Function::variadic("divf", TWO, |cx, a| decimal(cx, a, |x, y| x.div(y))),
    Function::variadic("mulf", TWO, |cx, a| decimal(cx, a, |x, y| Ok(x.mul(y)))),
    Function::variadic("biggest", TWO, |_, a| {
        Ok(Value::Int64(a.iter().map(to_int).max().unwrap_or(0)))
    }),
    Function::variadic("max", TWO, |_, a| {
        Ok(Value::Int64(a.iter().map(to_int).max().unwrap_or(0)))
    }),
    Function::variadic("min", TWO, |_, a| {
        Ok(Value::Int64(a.iter().map(to_int).min().unwrap_or(0)))
    }),
    Function::variadic("maxf", TWO, |_, a| Ok(Value::Float(fold(a, max)))),
    Function::variadic("minf", TWO, |_, a| {
        Ok(Value::Float(fold(a, |x, y| -max(-x, -y))))
    }),
    Function::new("ceil", ANY, |_, a| Ok(Value::Float(to_float(&a[0]).ceil()))),
    Function::new("floor", ANY, |_, a| {
        Ok(Value::Float(to_float(&a[0]).floor()))
    }),
    Function::variadic("round", &[Type::Any, Type::Int, Type::Float], round),
];

fn int(value: &Value) -> i64 {
    value.as_signed().unwrap_or(0)
}

fn divide(a: &Value, b: &Value, f: fn(i64, i64) -> i64) -> Result<Value, Fault> {
    match to_int(b) {
        0 => fail("integer divide by zero"),
        divisor => Ok(Value::Int64(f(to_int(a), divisor))),
    }
}

fn decimal(
    cx: &mut Cx<'_>,
    terms: &[Value],
    f: fn(&Decimal, &Decimal) -> Result<Decimal, Fault>,
) -> Result<Value, Fault> {
    let mut terms = terms.iter();
    let first = terms.next().map_or(0.0, to_float);
    let mut result = Decimal::from_float(first)?;
    for term in terms {
        cx.meter.spend(20 + result.size() / 8)?;
        result = f(&result, &Decimal::from_float(to_float(term))?)?;
    }
    Ok(Value::Float(result.to_float()))
}

fn fold(a: &[Value], f: fn(f64, f64) -> f64) -> f64 {
    let mut numbers = a.iter().map(to_float);
    let first = numbers.next().unwrap_or(0.0);
    numbers.fold(first, f)
}

/// `math.Max`: infinity wins over NaN, NaN over the rest, and 0 over -0.
fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && a == b {
        if a.is_sign_negative() { b } else { a }
    } else if a > b {
        a
    } else {
        b
    }
}

fn round(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let value = to_float(&a[0]);
    let on = match a.get(2) {
        Some(Value::Float(on)) => *on,
        _ => 0.5,
    };
    let power = pow10(int(&a[1]));
    let digit = power * value;
    let fraction = if digit.is_infinite() {
        f64::NAN
    } else {
        digit.fract()
    };
    let rounded = if fraction >= on {
        digit.ceil()
    } else {
        digit.floor()
    };
    Ok(Value::Float(rounded / power))
}

/// `math.Pow(10, n)`, as Go computes it: by squaring.
fn pow10(places: i64) -> f64 {
    if places == 0 {
        return 1.0;
    }
    let mut exponent = places.unsigned_abs();
    if exponent >= 1 << 12 {
        return if places > 0 { f64::INFINITY } else { 0.0 };
    }
    // Mantissa and binary exponent apart, so that nothing overflows on the way.
    let (mut result, mut result_exponent) = (1.0f64, 0i64);
    let (mut x, mut x_exponent) = (10.0f64 / 16.0, 4i64);
    while exponent != 0 {
        if exponent & 1 == 1 {
            result *= x;
            result_exponent += x_exponent;
        }
        x *= x;
        x_exponent <<= 1;
        if x < 0.5 {
            x += x;
            x_exponent -= 1;
        }
        exponent >>= 1;
    }
    if places < 0 {
        result = 1.0 / result;
        result_exponent = -result_exponent;
    }
    let mut left = result_exponent;
    while left != 0 && result != 0.0 && result.is_finite() {
        let step = left.clamp(-1000, 1000);
        result *= f64::powi(2.0, step as i32);
        left -= step;
    }
    result
}

/// The integers from `start` up to, not including, `stop`.
fn numbers(cx: &mut Cx<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Fault> {
    let up = stop >= start;
    if up && step <= 0 || !up && step >= 0 {
        return Ok(Vec::new());
    }
    let distance = (i128::from(stop) - i128::from(start)).unsigned_abs();
    let count = distance.div_ceil(u128::from(step.unsigned_abs()));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    cx.meter.reserve(count.saturating_mul(40))?;
    cx.meter.spend(count as u64 / 16)?;
    Ok((0..count as i64)
        .map(|i| start.wrapping_add(i.wrapping_mul(step)))
        .collect())
}

fn until(cx: &mut Cx<'_>, start: i64, stop: i64, step: i64) -> Result<Value, Fault> {
    let items: Vec<Value> = numbers(cx, start, stop, step)?
        .into_iter()
        .map(Value::Int)
        .collect();
    let capacity = grown(Elem::Int, 0, items.len());
    Ok(Value::List(List::with_capacity(Elem::Int, items, capacity)))
}

fn seq(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let (start, step, end) = match a {
        [end] => (1, if int(end) < 1 { -1 } else { 1 }, int(end)),
        [start, end] => (
            int(start),
            if int(end) < int(start) { -1 } else { 1 },
            int(end),
        ),
        [start, step, end] => {
            if int(end) < int(start) && int(step) > 0 {
                return Ok(Value::str(""));
            }
            (int(start), int(step), int(end))
        }
        _ => return Ok(Value::str("")),
    };
    let beyond = if end < start { -1 } else { 1 };
    let numbers = numbers(cx, start, end.wrapping_add(beyond), step)?;
    cx.meter.reserve(numbers.len() * 21)?;
    let mut out = Vec::new();
    for (i, number) in numbers.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(number.to_string().as_bytes());
    }
    Ok(Value::str(out))
}
