//! Writing a time by a layout.

use super::layout::{Element, next};
use super::{DAYS, MONTHS, Time};

pub(super) fn format(time: &Time, mut layout: &[u8]) -> Vec<u8> {
    let clock = time.clock();
    let month = MONTHS[(clock.month - 1).clamp(0, 11) as usize];
    let weekday = DAYS[clock.weekday.clamp(0, 6) as usize];
    let hour12 = if clock.hour % 12 == 0 {
        12
    } else {
        clock.hour % 12
    };
    let mut out = Vec::with_capacity(layout.len() + 16);
    loop {
        let (prefix, element, rest) = next(layout);
        out.extend_from_slice(prefix);
        let Some((element, _)) = element else {
            return out;
        };
        layout = rest;
        match element {
            Element::LongMonth => out.extend_from_slice(month.as_bytes()),
            Element::Month => out.extend_from_slice(&month.as_bytes()[..3]),
            Element::NumMonth => number(&mut out, clock.month, 0),
            Element::ZeroMonth => number(&mut out, clock.month, 2),
            Element::LongWeekday => out.extend_from_slice(weekday.as_bytes()),
            Element::Weekday => out.extend_from_slice(&weekday.as_bytes()[..3]),
            Element::Day => number(&mut out, clock.day, 0),
            Element::UnderDay => out.extend_from_slice(std::format!("{:2}", clock.day).as_bytes()),
            Element::ZeroDay => number(&mut out, clock.day, 2),
            Element::UnderYearDay => {
                out.extend_from_slice(std::format!("{:3}", clock.year_day).as_bytes())
            }
            Element::ZeroYearDay => number(&mut out, clock.year_day, 3),
            Element::Hour => number(&mut out, clock.hour, 2),
            Element::Hour12 => number(&mut out, hour12, 0),
            Element::ZeroHour12 => number(&mut out, hour12, 2),
            Element::Minute => number(&mut out, clock.minute, 0),
            Element::ZeroMinute => number(&mut out, clock.minute, 2),
            Element::Second => number(&mut out, clock.second, 0),
            Element::ZeroSecond => number(&mut out, clock.second, 2),
            Element::LongYear => number(&mut out, clock.year, 4),
            Element::Year => number(&mut out, clock.year.abs() % 100, 2),
            Element::UpperPm => out.extend_from_slice(if clock.hour >= 12 { b"PM" } else { b"AM" }),
            Element::LowerPm => out.extend_from_slice(if clock.hour >= 12 { b"pm" } else { b"am" }),
            Element::ZoneName if !clock.zone.is_empty() => {
                out.extend_from_slice(clock.zone.as_bytes())
            }
            Element::ZoneName => offset(&mut out, clock.offset, false, 2),
            Element::Offset(form) if form.zulu && clock.offset == 0 => out.push(b'Z'),
            Element::Offset(form) => offset(&mut out, clock.offset, form.colons, form.parts),
            Element::Fraction {
                digits,
                separator,
                trim,
            } => fraction(&mut out, time.nanos, digits, separator, trim),
        }
    }
}

/// A number with zeros up to `width`, the sign before them.
fn number(out: &mut Vec<u8>, value: i64, width: usize) {
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(std::format!("{:0width$}", value.unsigned_abs()).as_bytes());
}

fn offset(out: &mut Vec<u8>, seconds: i64, colons: bool, parts: u8) {
    let minutes = seconds / 60;
    out.push(if minutes < 0 { b'-' } else { b'+' });
    number(out, minutes.abs() / 60, 2);
    if parts > 1 {
        if colons {
            out.push(b':');
        }
        number(out, minutes.abs() % 60, 2);
    }
    if parts > 2 {
        if colons {
            out.push(b':');
        }
        // Where only seconds are negative the sign stays, as in Go.
        let rest = if minutes < 0 { -seconds } else { seconds };
        number(out, rest % 60, 2);
    }
}

fn fraction(out: &mut Vec<u8>, nanos: i64, digits: usize, separator: u8, trim: bool) {
    if trim && nanos == 0 {
        return;
    }
    let text = std::format!("{nanos:09}");
    let mut shown = text.as_bytes()[..digits.min(9)].to_vec();
    if trim {
        while shown.last() == Some(&b'0') {
            shown.pop();
        }
        if shown.is_empty() {
            return;
        }
    }
    out.push(separator);
    out.extend_from_slice(&shown);
}
