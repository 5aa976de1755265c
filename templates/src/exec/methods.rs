//! The methods of Go's types that a template can call.

use std::rc::Rc;

use super::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::fmt::printer::stringer;
use crate::json;
use crate::sprig::semver::Version;
use crate::time::{Time, Zone, duration};
use crate::value::{Elem, List, Type, Value};

/// The method `name` of a value's type.
pub(super) fn find(receiver: &Value, name: &[u8]) -> Option<&'static Function> {
    let tables: &[&'static [Function]] = match receiver {
        Value::Time(_) => &[TIME],
        Value::Duration(_) => &[DURATION],
        Value::Month(_) | Value::Weekday(_) | Value::Location(_) => &[NAMED],
        Value::Version { pointer: true, .. } => &[VERSION, VERSION_POINTER],
        Value::Version { .. } => &[VERSION],
        _ => return None,
    };
    tables
        .iter()
        .flat_map(|table| table.iter())
        .find(|method| method.name.as_bytes() == name)
}

const NAMED: &[Function] = &[Function::new("String", &[], string)];

const DURATION: &[Function] = &[
    Function::new("Abs", &[], |_, a| {
        Ok(Value::Duration(match nanos(&a[0]) {
            i64::MIN => i64::MAX,
            n => n.abs(),
        }))
    }),
    Function::new("Hours", &[], |_, a| {
        Ok(Value::Float(fractional(nanos(&a[0]), 3_600_000_000_000)))
    }),
    Function::new("Microseconds", &[], |_, a| {
        Ok(Value::Int64(nanos(&a[0]) / 1_000))
    }),
    Function::new("Milliseconds", &[], |_, a| {
        Ok(Value::Int64(nanos(&a[0]) / 1_000_000))
    }),
    Function::new("Minutes", &[], |_, a| {
        Ok(Value::Float(fractional(nanos(&a[0]), 60_000_000_000)))
    }),
    Function::new("Nanoseconds", &[], |_, a| Ok(Value::Int64(nanos(&a[0])))),
    Function::new("Round", &[Type::Duration], |_, a| {
        Ok(Value::Duration(duration::round(nanos(&a[0]), nanos(&a[1]))))
    }),
    Function::new("Seconds", &[], |_, a| {
        Ok(Value::Float(fractional(nanos(&a[0]), 1_000_000_000)))
    }),
    Function::new("String", &[], string),
    Function::new("Truncate", &[Type::Duration], |_, a| {
        let (d, unit) = (nanos(&a[0]), nanos(&a[1]));
        Ok(Value::Duration(if unit <= 0 { d } else { d - d % unit }))
    }),
];

const TIME: &[Function] = &[
    Function::new("Add", &[Type::Duration], |_, a| {
        timed(time(&a[0])?.add(nanos(&a[1])))
    }),
    Function::new("AddDate", &[Type::Int, Type::Int, Type::Int], |_, a| {
        timed(time(&a[0])?.add_date(nanos(&a[1]), nanos(&a[2]), nanos(&a[3])))
    }),
    Function::new("After", &[Type::Time], |_, a| {
        Ok(Value::Bool(time(&a[0])?.cmp(time(&a[1])?).is_gt()))
    }),
    Function::new("AppendBinary", &[Type::List(Elem::Byte)], encoding),
    Function::new(
        "AppendFormat",
        &[Type::List(Elem::Byte), Type::Str],
        |_, a| {
            let mut items = match &a[1] {
                Value::List(list) => list.items().to_vec(),
                _ => Vec::new(),
            };
            items.extend(
                time(&a[0])?
                    .format(a[2].bytes())
                    .into_iter()
                    .map(Value::Uint8),
            );
            Ok(Value::List(List::new(Elem::Byte, items)))
        },
    ),
    Function::new("AppendText", &[Type::List(Elem::Byte)], |_, a| {
        let mut items = match &a[1] {
            Value::List(list) => list.items().to_vec(),
            _ => Vec::new(),
        };
        items.extend(rfc3339(&a[0])?.into_iter().map(Value::Uint8));
        Ok(Value::List(List::new(Elem::Byte, items)))
    }),
    Function::new("Before", &[Type::Time], |_, a| {
        Ok(Value::Bool(time(&a[0])?.cmp(time(&a[1])?).is_lt()))
    }),
    Function::new("Clock", &[], results),
    Function::new("Compare", &[Type::Time], |_, a| {
        Ok(Value::Int(time(&a[0])?.cmp(time(&a[1])?) as i64))
    }),
    Function::new("Date", &[], results),
    Function::new("Day", &[], |_, a| Ok(Value::Int(time(&a[0])?.clock().day))),
    Function::new("Equal", &[Type::Time], |_, a| {
        Ok(Value::Bool(time(&a[0])?.same_instant(time(&a[1])?)))
    }),
    Function::new("Format", &[Type::Str], |_, a| {
        Ok(Value::str(time(&a[0])?.format(a[1].bytes())))
    }),
    Function::new("GoString", &[], |_, a| {
        Ok(Value::str(time(&a[0])?.go_string()))
    }),
    Function::new("GobEncode", &[], encoding),
    Function::new("Hour", &[], |_, a| {
        Ok(Value::Int(time(&a[0])?.clock().hour))
    }),
    Function::new("ISOWeek", &[], results),
    Function::new("In", &[Type::Location], |_, a| match &a[1] {
        Value::Location(zone) => timed(time(&a[0])?.with_zone(zone.clone())),
        _ => fail("missing location"),
    }),
    Function::new("IsDST", &[], |_, a| {
        Ok(Value::Bool(time(&a[0])?.clock().daylight))
    }),
    Function::new("IsZero", &[], |_, a| {
        Ok(Value::Bool(time(&a[0])?.is_zero()))
    }),
    Function::new("Local", &[], |_, a| {
        timed(time(&a[0])?.with_zone(Zone::Local))
    }),
    Function::new("Location", &[], |_, a| {
        Ok(Value::Location(time(&a[0])?.zone.clone()))
    }),
    Function::new("MarshalBinary", &[], encoding),
    Function::new("MarshalJSON", &[], |_, a| {
        let mut text = vec![b'"'];
        text.extend(rfc3339(&a[0])?);
        text.push(b'"');
        Ok(byte_list(text))
    }),
    Function::new("MarshalText", &[], |_, a| Ok(byte_list(rfc3339(&a[0])?))),
    Function::new("Minute", &[], |_, a| {
        Ok(Value::Int(time(&a[0])?.clock().minute))
    }),
    Function::new("Month", &[], |_, a| {
        Ok(Value::Month(time(&a[0])?.clock().month))
    }),
    Function::new("Nanosecond", &[], |_, a| Ok(Value::Int(time(&a[0])?.nanos))),
    Function::new("Round", &[Type::Duration], |_, a| {
        timed(time(&a[0])?.round(nanos(&a[1])))
    }),
    Function::new("Second", &[], |_, a| {
        Ok(Value::Int(time(&a[0])?.clock().second))
    }),
    Function::new("String", &[], string),
    Function::new("Sub", &[Type::Time], |_, a| {
        Ok(Value::Duration(time(&a[0])?.since(time(&a[1])?)))
    }),
    Function::new("Truncate", &[Type::Duration], |_, a| {
        timed(time(&a[0])?.truncate(nanos(&a[1])))
    }),
    Function::new("UTC", &[], |_, a| timed(time(&a[0])?.with_zone(Zone::Utc))),
    Function::new("Unix", &[], |_, a| Ok(Value::Int64(time(&a[0])?.seconds))),
    Function::new("UnixMicro", &[], |_, a| scaled(&a[0], 1_000_000)),
    Function::new("UnixMilli", &[], |_, a| scaled(&a[0], 1_000)),
    Function::new("UnixNano", &[], |_, a| scaled(&a[0], 1_000_000_000)),
    Function::new("Weekday", &[], |_, a| {
        Ok(Value::Weekday(time(&a[0])?.clock().weekday))
    }),
    Function::new("Year", &[], |_, a| {
        Ok(Value::Int(time(&a[0])?.clock().year))
    }),
    Function::new("YearDay", &[], |_, a| {
        Ok(Value::Int(time(&a[0])?.clock().year_day))
    }),
    Function::new("Zone", &[], results),
    Function::new("ZoneBounds", &[], results),
];

const VERSION: &[Function] = &[
    Function::new("IncMajor", &[], |_, a| {
        versioned(version(&a[0])?.inc_major())
    }),
    Function::new("IncMinor", &[], |_, a| {
        versioned(version(&a[0])?.inc_minor())
    }),
    Function::new("IncPatch", &[], |_, a| {
        versioned(version(&a[0])?.inc_patch())
    }),
    Function::new("Major", &[], |_, a| {
        Ok(Value::Uint64(version(&a[0])?.major))
    }),
    Function::new("MarshalJSON", &[], |cx, a| {
        let text = Value::str(version(&a[0])?.to_text());
        Ok(byte_list(json::encode(&mut cx.meter, &text, true)?))
    }),
    Function::new("MarshalText", &[], |_, a| {
        Ok(byte_list(version(&a[0])?.to_text()))
    }),
    Function::new("Metadata", &[], |_, a| {
        Ok(Value::str(version(&a[0])?.metadata.clone()))
    }),
    Function::new("Minor", &[], |_, a| {
        Ok(Value::Uint64(version(&a[0])?.minor))
    }),
    Function::new("Patch", &[], |_, a| {
        Ok(Value::Uint64(version(&a[0])?.patch))
    }),
    Function::new("Prerelease", &[], |_, a| {
        Ok(Value::str(version(&a[0])?.pre.clone()))
    }),
    Function::new("SetMetadata", &[Type::Str], |_, a| {
        versioned(version(&a[0])?.with_metadata(a[1].bytes())?)
    }),
    Function::new("SetPrerelease", &[Type::Str], |_, a| {
        versioned(version(&a[0])?.with_prerelease(a[1].bytes())?)
    }),
    Function::new("String", &[], string),
    Function::new("Value", &[], string),
];

const VERSION_POINTER: &[Function] = &[
    Function::new("Compare", &[Type::VersionPointer], |_, a| {
        Ok(Value::Int(version(&a[0])?.compare(version(&a[1])?) as i64))
    }),
    Function::new("Equal", &[Type::VersionPointer], |_, a| match &a[1] {
        Value::Nil => Ok(Value::Bool(false)),
        other => Ok(Value::Bool(
            version(&a[0])?.compare(version(other)?).is_eq(),
        )),
    }),
    Function::new("GreaterThan", &[Type::VersionPointer], |_, a| {
        Ok(Value::Bool(
            version(&a[0])?.compare(version(&a[1])?).is_gt(),
        ))
    }),
    Function::new("GreaterThanEqual", &[Type::VersionPointer], |_, a| {
        Ok(Value::Bool(
            version(&a[0])?.compare(version(&a[1])?).is_ge(),
        ))
    }),
    Function::new("LessThan", &[Type::VersionPointer], |_, a| {
        Ok(Value::Bool(
            version(&a[0])?.compare(version(&a[1])?).is_lt(),
        ))
    }),
    Function::new("LessThanEqual", &[Type::VersionPointer], |_, a| {
        Ok(Value::Bool(
            version(&a[0])?.compare(version(&a[1])?).is_le(),
        ))
    }),
    Function::new("Original", &[], |_, a| {
        Ok(Value::str(version(&a[0])?.original.clone()))
    }),
];

fn time(value: &Value) -> Result<&Time, Fault> {
    match value {
        Value::Time(time) => Ok(time),
        _ => fail("not a time"),
    }
}

fn version(value: &Value) -> Result<&Version, Fault> {
    match value {
        Value::Version { version, .. } => Ok(version),
        _ => fail("nil pointer to a version"),
    }
}

fn timed(time: Time) -> Result<Value, Fault> {
    Ok(Value::Time(Rc::new(time)))
}

fn versioned(version: Version) -> Result<Value, Fault> {
    Ok(Value::Version {
        version: Rc::new(version),
        pointer: false,
    })
}

fn nanos(value: &Value) -> i64 {
    value.as_signed().unwrap_or(0)
}

/// Whole units and a fraction, added as Go adds them.
fn fractional(nanos: i64, unit: i64) -> f64 {
    (nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64
}

fn scaled(value: &Value, unit: i64) -> Result<Value, Fault> {
    let time = time(value)?;
    let rest = time.nanos / (1_000_000_000 / unit);
    Ok(Value::Int64(
        time.seconds.wrapping_mul(unit).wrapping_add(rest),
    ))
}

fn rfc3339(value: &Value) -> Result<Vec<u8>, Fault> {
    time(value)?
        .rfc3339()
        .ok_or_else(|| Fault::new("year outside of range [0,9999]"))
}

fn byte_list(text: Vec<u8>) -> Value {
    Value::List(List::new(
        Elem::Byte,
        text.into_iter().map(Value::Uint8).collect(),
    ))
}

fn string(_: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    Ok(Value::str(stringer(&a[0]).unwrap_or_default()))
}

/// Methods with several results can't be called from a template.
fn results(_: &mut Cx<'_>, _: &[Value]) -> Result<Value, Fault> {
    fail("the method has more than one return value")
}

fn encoding(_: &mut Cx<'_>, _: &[Value]) -> Result<Value, Fault> {
    fail("Go's binary encoding is not supported")
}
