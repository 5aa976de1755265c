//! `reflect.DeepEqual`.

use std::collections::HashSet;

use super::{List, Map, Value};
use crate::fault::{Fault, Meter};
use crate::stack;

/// Whether two values are equal in type and all they contain.
pub(crate) fn deep_equal(meter: &mut Meter, a: &Value, b: &Value) -> Result<bool, Fault> {
    Walk {
        seen: HashSet::new(),
        depth: 0,
    }
    .equal(meter, a, b)
}

struct Walk {
    /// Pairs of maps under comparison, equal until shown otherwise.
    seen: HashSet<(usize, usize)>,
    depth: usize,
}

impl Walk {
    fn equal(&mut self, meter: &mut Meter, a: &Value, b: &Value) -> Result<bool, Fault> {
        meter.spend(1)?;
        if a.ty() != b.ty() {
            return Ok(false);
        }
        Ok(match (a, b) {
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Complex(a, x), Value::Complex(b, y)) => a == b && x == y,
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::List(a), Value::List(b)) => return self.lists(meter, a, b),
            (Value::Map(a), Value::Map(b)) => return self.maps(meter, a, b),
            (Value::Time(a), Value::Time(b)) => a.identical(b),
            (Value::Location(a), Value::Location(b)) => a == b,
            (Value::Version { version: a, .. }, Value::Version { version: b, .. }) => a == b,
            (Value::Certificate(a), Value::Certificate(b)) => a.cert == b.cert && a.key == b.key,
            _ => a.as_signed() == b.as_signed() && a.as_unsigned() == b.as_unsigned(),
        })
    }

    fn lists(&mut self, meter: &mut Meter, a: &List, b: &List) -> Result<bool, Fault> {
        if a.is_nil() != b.is_nil() || a.len() != b.len() {
            return Ok(false);
        }
        if a.address() == b.address() {
            return Ok(true);
        }
        meter.enter(&mut self.depth)?;
        for (x, y) in a.items().iter().zip(b.items()) {
            if !stack::grow(|| self.equal(meter, x, y))? {
                return Ok(false);
            }
        }
        self.depth -= 1;
        Ok(true)
    }

    fn maps(&mut self, meter: &mut Meter, a: &Map, b: &Map) -> Result<bool, Fault> {
        if a.is_nil() != b.is_nil() || a.len() != b.len() {
            return Ok(false);
        }
        if a.same(b) || !self.seen.insert((a.address(), b.address())) {
            return Ok(true);
        }
        meter.enter(&mut self.depth)?;
        for (key, x) in a.entries() {
            let Some(y) = b.get(&key) else {
                return Ok(false);
            };
            if !stack::grow(|| self.equal(meter, &x, &y))? {
                return Ok(false);
            }
        }
        self.depth -= 1;
        Ok(true)
    }
}
