//! mergo's merging of maps, as `merge` and `mergeOverwrite` use it.

use crate::fault::{Fault, Meter, fail};
use crate::stack;
use crate::value::{Map, MapKind, Value};

/// Merges `from` into `into`, which is changed. False where mergo reports an error.
pub(super) fn merge(
    meter: &mut Meter,
    into: &Map,
    from: &Map,
    overwrite: bool,
) -> Result<bool, Fault> {
    level(meter, into, from, overwrite, 0)
}

fn level(
    meter: &mut Meter,
    into: &Map,
    from: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<bool, Fault> {
    let mut depth = depth;
    meter.enter(&mut depth)?;
    if into.is_nil() {
        return Ok(true);
    }
    for (key, source) in from.entries() {
        meter.spend(1)?;
        let target = into.get(&key);
        if source.is_nothing() {
            if overwrite {
                put(into, &key, source)?;
            }
            continue;
        }
        if let (Value::Map(from), Some(Value::Map(into))) = (&source, &target)
            && !stack::grow(|| level(meter, into, from, overwrite, depth))?
        {
            return Ok(false);
        }
        match (&source, &target) {
            (Value::Map(_), Some(Value::Version { pointer: true, .. })) if !overwrite => {
                return Ok(false);
            }
            (Value::Map(_) | Value::Version { pointer: true, .. }, Some(Value::Certificate(_))) => {
                return fail("a certificate can't be merged with this");
            }
            (Value::List(_), _) if overwrite => put(into, &key, source.clone())?,
            _ => {}
        }
        if let Some(target) = target.as_ref().filter(|t| !is_empty(t)) {
            match (&source, target) {
                (Value::List(_), _) | (Value::Map(_), Value::Map(_)) => continue,
                _ => {}
            }
        }
        if overwrite || target.as_ref().is_none_or(is_empty) {
            put(into, &key, source)?;
        }
    }
    Ok(true)
}

/// mergo's idea of emptiness: structs and complex numbers never are.
fn is_empty(value: &Value) -> bool {
    !matches!(value, Value::Complex(..)) && value.is_empty()
}

fn put(into: &Map, key: &crate::value::Str, value: Value) -> Result<(), Fault> {
    if into.kind() == MapKind::Str && !matches!(value, Value::Str(_)) {
        return fail("a map of strings can't hold this value");
    }
    into.insert(key.clone(), value);
    Ok(())
}
