//! Reading a time by a layout, in the local zone.

use std::rc::Rc;

use super::layout::{Element, Offset, next};
use super::{DAYS, MONTHS, Time, Zone, days_from_civil, is_leap};

/// What has been read so far.
#[derive(Default)]
struct Read {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone: Vec<u8>,
}

/// `time.ParseInLocation(layout, value, time.Local)`; `None` where it fails.
pub(crate) fn parse(mut layout: &[u8], mut value: &[u8]) -> Option<Time> {
    let mut read = Read::default();
    loop {
        let (prefix, element, rest) = next(layout);
        value = skip(value, prefix)?;
        let Some((element, _)) = element else {
            return if value.is_empty() {
                read.finish()
            } else {
                None
            };
        };
        layout = rest;
        value = read.element(element, value, layout)?;
    }
}

impl Read {
    /// Reads one element and gives what follows it.
    fn element<'v>(
        &mut self,
        element: Element,
        value: &'v [u8],
        layout: &[u8],
    ) -> Option<&'v [u8]> {
        let mut rest = value;
        match element {
            Element::Year => {
                let year = digits(value.get(..2)?)?;
                self.year = year + if year >= 69 { 1900 } else { 2000 };
                rest = &value[2..];
            }
            Element::LongYear => {
                let text = value.get(..4)?;
                self.year = digits(text)?;
                rest = &value[4..];
            }
            Element::Month => self.month = Some(name(&MONTHS, 3, &mut rest)? + 1),
            Element::LongMonth => self.month = Some(name(&MONTHS, usize::MAX, &mut rest)? + 1),
            Element::NumMonth | Element::ZeroMonth => {
                let month = number(&mut rest, element == Element::ZeroMonth)?;
                self.month = Some(Some(month).filter(|m| (1..=12).contains(m))?);
            }
            Element::Weekday => {
                name(&DAYS, 3, &mut rest)?;
            }
            Element::LongWeekday => {
                name(&DAYS, usize::MAX, &mut rest)?;
            }
            Element::Day | Element::UnderDay | Element::ZeroDay => {
                if element == Element::UnderDay {
                    rest = rest.strip_prefix(b" ").unwrap_or(rest);
                }
                self.day = Some(number(&mut rest, element == Element::ZeroDay)?);
            }
            Element::UnderYearDay | Element::ZeroYearDay => {
                let fixed = element == Element::ZeroYearDay;
                if !fixed {
                    for _ in 0..2 {
                        rest = rest.strip_prefix(b" ").unwrap_or(rest);
                    }
                }
                let len = rest
                    .iter()
                    .take(3)
                    .take_while(|b| b.is_ascii_digit())
                    .count();
                if len == 0 || fixed && len != 3 {
                    return None;
                }
                self.year_day = Some(digits(&rest[..len])?);
                rest = &rest[len..];
            }
            Element::Hour => self.hour = Some(number(&mut rest, false)?).filter(|h| *h < 24)?,
            Element::Hour12 | Element::ZeroHour12 => {
                self.hour = Some(number(&mut rest, element == Element::ZeroHour12)?)
                    .filter(|h| *h <= 12)?;
            }
            Element::Minute | Element::ZeroMinute => {
                self.minute =
                    Some(number(&mut rest, element == Element::ZeroMinute)?).filter(|m| *m < 60)?;
            }
            Element::Second | Element::ZeroSecond => {
                self.second =
                    Some(number(&mut rest, element == Element::ZeroSecond)?).filter(|s| *s < 60)?;
                // A fraction may follow though the layout has none.
                if matches!(rest, [b'.' | b',', digit, ..] if digit.is_ascii_digit())
                    && !matches!(next(layout).1, Some((Element::Fraction { .. }, _)))
                {
                    let len = 1 + rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
                    self.nanos = nanoseconds(&rest[..len])?;
                    rest = &rest[len..];
                }
            }
            Element::UpperPm | Element::LowerPm => {
                let (am, pm): (&[u8], &[u8]) = if element == Element::UpperPm {
                    (b"AM", b"PM")
                } else {
                    (b"am", b"pm")
                };
                let text = value.get(..2)?;
                if text == pm {
                    self.afternoon = Some(true);
                } else if text == am {
                    self.afternoon = self.afternoon.or(Some(false));
                } else {
                    return None;
                }
                rest = &value[2..];
            }
            Element::Offset(form) => rest = self.zone_offset(form, value)?,
            Element::ZoneName => {
                if let Some(tail) = value.strip_prefix(b"UTC") {
                    self.utc = true;
                    return Some(tail);
                }
                let len = zone_name(value)?;
                self.zone = value[..len].to_vec();
                rest = &value[len..];
            }
            Element::Fraction {
                digits,
                trim: false,
                ..
            } => {
                let text = value.get(..=digits)?;
                self.nanos = nanoseconds(text)?;
                rest = &value[digits + 1..];
            }
            Element::Fraction { .. } => {
                if matches!(value, [b'.' | b',', digit, ..] if digit.is_ascii_digit()) {
                    let len = 1 + value[1..].iter().take_while(|b| b.is_ascii_digit()).count();
                    self.nanos = nanoseconds(&value[..len])?;
                    rest = &value[len..];
                }
            }
        }
        Some(rest)
    }

    fn zone_offset<'v>(&mut self, form: Offset, value: &'v [u8]) -> Option<&'v [u8]> {
        if form.zulu
            && let Some(rest) = value.strip_prefix(b"Z")
        {
            self.utc = true;
            return Some(rest);
        }
        let step = if form.colons { 3 } else { 2 };
        let parts = usize::from(form.parts);
        let len = 1 + parts * step - usize::from(form.colons);
        let text = value.get(..len)?;
        let mut seconds = 0;
        for part in 0..parts {
            let at = 1 + part * step;
            if form.colons && part > 0 && text[at - 1] != b':' {
                return None;
            }
            let n = digits(&text[at..at + 2])?;
            if n > if part == 0 { 24 } else { 60 } {
                return None;
            }
            seconds += n * [3600, 60, 1][part];
        }
        self.offset = Some(match text[0] {
            b'+' => seconds,
            b'-' => -seconds,
            _ => return None,
        });
        Some(&value[len..])
    }

    fn finish(mut self) -> Option<Time> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let (month, day) = self.month_and_day()?;
        let length = days_from_civil(self.year + month / 12, month % 12 + 1, 1)
            - days_from_civil(self.year, month, 1);
        if day < 1 || i128::from(day) > length {
            return None;
        }
        let clock = [self.hour, self.minute, self.second, self.nanos];
        let date = |zone| Time::date(self.year, month, day, clock, zone);
        if self.utc {
            return Some(date(Zone::Utc));
        }
        // Go takes an offset of -1 second for none at all.
        if let Some(offset) = self.offset.filter(|&o| o != -1) {
            let mut time = date(Zone::Local);
            time.seconds -= offset;
            let local = offset == 0 && (self.zone.is_empty() || self.zone == b"UTC");
            if !local {
                let name = String::from_utf8_lossy(&self.zone);
                time.zone = Zone::Fixed {
                    name: Rc::from(&*name),
                    offset,
                };
            }
            return Some(time);
        }
        if !self.zone.is_empty() {
            let mut offset = 0;
            if let Some(digits) = self.zone.strip_prefix(b"GMT") {
                offset = crate::go::number::parse_int(digits, 10).unwrap_or(0) * 3600;
            }
            let name = String::from_utf8_lossy(&self.zone);
            return Some(date(Zone::Fixed {
                name: Rc::from(&*name),
                offset,
            }));
        }
        Some(date(Zone::Local))
    }

    fn month_and_day(&self) -> Option<(i64, i64)> {
        let Some(given) = self.year_day else {
            return Some((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        let last = if is_leap(self.year) { 366 } else { 365 };
        if given < 1 || given > last {
            return None;
        }
        let first = days_from_civil(self.year, 1, 1);
        let month = (1..=12)
            .rev()
            .find(|&m| days_from_civil(self.year, m, 1) - first < i128::from(given))?;
        let day = given - (days_from_civil(self.year, month, 1) - first) as i64;
        let agrees = self.month.is_none_or(|m| m == month) && self.day.is_none_or(|d| d == day);
        agrees.then_some((month, day))
    }
}

/// The text between elements; a run of spaces stands for any number of them.
fn skip<'v>(mut value: &'v [u8], mut prefix: &[u8]) -> Option<&'v [u8]> {
    while let Some((&first, tail)) = prefix.split_first() {
        if first == b' ' {
            if value.first().is_some_and(|&b| b != b' ') {
                return None;
            }
            prefix = &prefix[prefix.iter().take_while(|&&b| b == b' ').count()..];
            value = &value[value.iter().take_while(|&&b| b == b' ').count()..];
            continue;
        }
        value = value.strip_prefix(&[first])?;
        prefix = tail;
    }
    Some(value)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |n, b| {
        b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0'))
    })
}

/// One or two digits, or exactly two.
fn number(rest: &mut &[u8], fixed: bool) -> Option<i64> {
    let len = rest
        .iter()
        .take(2)
        .take_while(|b| b.is_ascii_digit())
        .count();
    if len == 0 || fixed && len != 2 {
        return None;
    }
    let n = digits(&rest[..len]);
    *rest = &rest[len..];
    n
}

/// The index of the name, or of its first `letters` letters, that `rest` begins with.
fn name(names: &[&str], letters: usize, rest: &mut &[u8]) -> Option<i64> {
    let index = names.iter().position(|name| {
        let name = &name.as_bytes()[..name.len().min(letters)];
        rest.get(..name.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(name))
    })?;
    *rest = &rest[names[index].len().min(letters)..];
    Some(index as i64)
}

/// A separator and digits; beyond nine digits the rest is dropped.
fn nanoseconds(text: &[u8]) -> Option<i64> {
    if !matches!(text.first()?, b'.' | b',') {
        return None;
    }
    let shown = &text[1..text.len().min(10)];
    let value = digits(shown)?;
    Some((shown.len()..9).fold(value, |n, _| n * 10))
}

/// The length of a zone abbreviation.
fn zone_name(value: &[u8]) -> Option<usize> {
    if value.len() < 3 {
        return None;
    }
    if value.starts_with(b"ChST") || value.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = value.strip_prefix(b"GMT") {
        return Some(3 + signed_offset(rest));
    }
    if matches!(value[0], b'+' | b'-') {
        return Some(signed_offset(value)).filter(|&len| len > 0);
    }
    match value
        .iter()
        .take(6)
        .take_while(|b| b.is_ascii_uppercase())
        .count()
    {
        5 if value[4] == b'T' => Some(5),
        4 if value[3] == b'T' || value.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

/// The length of a sign and an hour up to 23; 0 where there is none.
fn signed_offset(value: &[u8]) -> usize {
    let Some(b'+' | b'-') = value.first() else {
        return 0;
    };
    let len = value[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    let hours = crate::go::number::parse_uint(&value[1..=len], 10);
    if hours.is_ok_and(|h| h <= 23) {
        len + 1
    } else {
        0
    }
}
