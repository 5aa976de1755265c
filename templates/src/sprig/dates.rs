//! Dates, times of day and durations.

use std::rc::Rc;

use crate::exec::{Cx, Function};
use crate::fault::{Fault, fail};
use crate::time::{self, Time, Zone, duration};
use crate::value::{Type, Value};

const FORMATTED: &[Type] = &[Type::Str, Type::Any, Type::Str];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("now", &[], |cx, _| Ok(Value::Time(Rc::new(cx.now())))),
    Function::new("date", &[Type::Str, Type::Any], |cx, a| {
        shown(cx, &a[0], &a[1], b"Local")
    }),
    Function::new("dateInZone", FORMATTED, |cx, a| {
        shown(cx, &a[0], &a[1], a[2].bytes())
    }),
    Function::new("date_in_zone", FORMATTED, |cx, a| {
        shown(cx, &a[0], &a[1], a[2].bytes())
    }),
    Function::new("htmlDate", &[Type::Any], |cx, a| {
        shown(cx, &Value::str("2006-01-02"), &a[0], b"Local")
    }),
    Function::new("htmlDateInZone", &[Type::Any, Type::Str], |cx, a| {
        shown(cx, &Value::str("2006-01-02"), &a[0], a[1].bytes())
    }),
    Function::new("dateModify", &[Type::Str, Type::Time], |_, a| {
        modified(a, false)
    }),
    Function::new("date_modify", &[Type::Str, Type::Time], |_, a| {
        modified(a, false)
    }),
    Function::new("mustDateModify", &[Type::Str, Type::Time], |_, a| {
        modified(a, true)
    }),
    Function::new("must_date_modify", &[Type::Str, Type::Time], |_, a| {
        modified(a, true)
    }),
    Function::new("ago", &[Type::Any], |cx, a| {
        let since = cx.now().since(&when(cx, &a[0]));
        Ok(Value::str(duration::format(duration::round(
            since,
            1_000_000_000,
        ))))
    }),
    Function::new("duration", &[Type::Any], |_, a| {
        let seconds = match &a[0] {
            Value::Str(text) => match crate::go::number::parse_int(text, 10) {
                Ok(n) | Err(crate::go::number::Wrong::Range(n)) => n,
                Err(_) => 0,
            },
            Value::Int64(n) => *n,
            _ => 0,
        };
        Ok(Value::str(duration::format(
            seconds.wrapping_mul(1_000_000_000),
        )))
    }),
    Function::new("durationRound", &[Type::Any], duration_round),
    Function::new("toDate", &[Type::Str, Type::Str], |cx, a| {
        to_date(cx, a, false)
    }),
    Function::new("mustToDate", &[Type::Str, Type::Str], |cx, a| {
        to_date(cx, a, true)
    }),
    Function::new("unixEpoch", &[Type::Time], |_, a| match &a[0] {
        Value::Time(time) => Ok(Value::str(time.seconds.to_string())),
        _ => fail("not a time"),
    }),
];

/// The time an argument stands for: a time, seconds since 1970, or now.
fn when(cx: &mut Cx<'_>, value: &Value) -> Rc<Time> {
    match value {
        Value::Time(time) => time.clone(),
        Value::Int64(seconds) | Value::Int(seconds) => Rc::new(Time::unix(*seconds)),
        _ => Rc::new(cx.now()),
    }
}

fn shown(cx: &mut Cx<'_>, layout: &Value, date: &Value, zone: &[u8]) -> Result<Value, Fault> {
    let zone = cx.zone(zone)?.unwrap_or(Zone::Utc);
    let layout = layout.bytes();
    cx.meter.reserve(layout.len() * 10)?;
    cx.meter.handle(layout.len() * 8)?;
    Ok(Value::str(when(cx, date).with_zone(zone).format(layout)))
}

fn modified(a: &[Value], must: bool) -> Result<Value, Fault> {
    let Value::Time(time) = &a[1] else {
        return fail("not a time");
    };
    match duration::parse(a[0].bytes()) {
        Some(nanos) => Ok(Value::Time(Rc::new(time.add(nanos)))),
        None if must => fail("invalid duration"),
        None => Ok(a[1].clone()),
    }
}

fn to_date(cx: &mut Cx<'_>, a: &[Value], must: bool) -> Result<Value, Fault> {
    cx.meter
        .handle((a[0].bytes().len() + a[1].bytes().len()) * 8)?;
    match time::parse(a[0].bytes(), a[1].bytes()) {
        Some(time) => Ok(Value::Time(Rc::new(time))),
        None if must => fail("the text does not have the form of the layout"),
        None => Ok(Value::Time(Rc::new(Time::zero()))),
    }
}

fn duration_round(cx: &mut Cx<'_>, a: &[Value]) -> Result<Value, Fault> {
    let nanos = match &a[0] {
        Value::Str(text) => duration::parse(text).unwrap_or(0),
        Value::Int64(nanos) => *nanos,
        Value::Time(time) => cx.now().since(time),
        _ => 0,
    };
    const UNITS: [(u64, &str); 6] = [
        (365 * 86_400, "y"),
        (30 * 86_400, "mo"),
        (86_400, "d"),
        (3_600, "h"),
        (60, "m"),
        (1, "s"),
    ];
    let nanos = nanos.unsigned_abs();
    for (seconds, name) in UNITS {
        let unit = seconds * 1_000_000_000;
        if nanos > unit {
            return Ok(Value::str(format!("{}{name}", nanos / unit)));
        }
    }
    Ok(Value::str("0s"))
}
