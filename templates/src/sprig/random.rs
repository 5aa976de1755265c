//! Chance: random strings and numbers, shuffling, UUIDs.

use rand::Rng;

use crate::environment::Environment;
use crate::exec::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::go::{base, runes};
use crate::value::{Type, Value};

const COUNT: &[Type] = &[Type::Int];
const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BOTH: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("randAlphaNum", COUNT, |cx, a| {
        random(cx, &a[0], |rng| pick(rng, BOTH))
    }),
    Function::new("randAlpha", COUNT, |cx, a| {
        random(cx, &a[0], |rng| pick(rng, LETTERS))
    }),
    Function::new("randNumeric", COUNT, |cx, a| {
        random(cx, &a[0], |rng| pick(rng, DIGITS))
    }),
    Function::new("randAscii", COUNT, |cx, a| {
        random(cx, &a[0], |rng| b' ' + below(rng, 95) as u8)
    }),
    Function::new("randBytes", COUNT, |cx, a| {
        let Ok(count) = usize::try_from(a[0].as_signed().unwrap_or(0)) else {
            return fail("makeslice: len out of range");
        };
        cx.meter.reserve(count.saturating_mul(3))?;
        cx.meter.handle(count)?;
        let mut bytes = zeroize::Zeroizing::new(vec![0; count]);
        cx.environment.fill_bytes(&mut bytes);
        Ok(Value::str(base::encode64(&bytes)))
    }),
    Function::new("randInt", &[Type::Int, Type::Int], |cx, a| {
        let (low, high) = (a[0].as_signed().unwrap_or(0), a[1].as_signed().unwrap_or(0));
        match high.wrapping_sub(low) {
            span if span > 0 => Ok(Value::Int(
                low.wrapping_add(below(cx.environment, span as u64) as i64),
            )),
            _ => fail("invalid argument to Intn"),
        }
    }),
    Function::new("shuffle", &[Type::Str], |cx, a| {
        let text = a[0].bytes();
        cx.meter.reserve(text.len() * 8)?;
        cx.meter.handle(text.len() * 8)?;
        let mut chars: Vec<char> = runes::runes(text).map(|(_, c, _)| c).collect();
        for i in (1..chars.len()).rev() {
            let j = below(cx.environment, i as u64 + 1) as usize;
            chars.swap(i, j);
        }
        Ok(Value::str(chars.into_iter().collect::<String>()))
    }),
    Function::new("uuidv4", &[], |cx, _| {
        let mut bytes = [0u8; 16];
        cx.environment.fill_bytes(&mut bytes);
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        Ok(Value::str(parts.join("-")))
    }),
];

/// A number below `bound`, each as likely.
fn below(rng: &mut Environment, bound: u64) -> u64 {
    let zone = u64::MAX - u64::MAX % bound;
    loop {
        let n = rng.next_u64();
        if n < zone {
            return n % bound;
        }
    }
}

fn pick(rng: &mut Environment, from: &[u8]) -> u8 {
    from[below(rng, from.len() as u64) as usize]
}

fn random(cx: &mut Cx<'_>, count: &Value, one: fn(&mut Environment) -> u8) -> Result<Value, Fault> {
    // A negative count is an error that sprig ignores.
    let count = usize::try_from(count.as_signed().unwrap_or(0)).unwrap_or(0);
    cx.meter.reserve(count)?;
    cx.meter.spend(count as u64 / 8)?;
    let mut text = Vec::with_capacity(count);
    for _ in 0..count {
        text.push(one(cx.environment));
    }
    Ok(Value::str(text))
}
