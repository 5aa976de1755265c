//! Go's `time`: instants with a zone, calendar arithmetic, layouts and durations.

pub(crate) mod duration;
mod format;
mod layout;
mod parse;
mod zone;

use std::time::SystemTime;

pub(crate) use parse::parse;
pub(crate) use zone::Zone;

pub(crate) const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";
const SECOND: i64 = 1_000_000_000;
/// Seconds from the zero time, year 1, to 1970.
const ZERO: i64 = -62_135_596_800;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// `time.Time`: seconds since 1970, nanoseconds, and the zone it is shown in.
#[derive(Clone)]
pub(crate) struct Time {
    pub(crate) seconds: i64,
    pub(crate) nanos: i64,
    pub(crate) zone: Zone,
}

/// A date and time of day in some zone.
pub(crate) struct Clock {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    pub(crate) day: i64,
    /// From 1.
    pub(crate) year_day: i64,
    /// Sunday is 0.
    pub(crate) weekday: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) zone: String,
    pub(crate) offset: i64,
    pub(crate) daylight: bool,
}

impl Time {
    /// The zero time.
    pub(crate) fn zero() -> Self {
        Self {
            seconds: ZERO,
            nanos: 0,
            zone: Zone::Utc,
        }
    }

    pub(crate) fn unix(seconds: i64) -> Self {
        Self {
            seconds,
            nanos: 0,
            zone: Zone::Local,
        }
    }

    pub(crate) fn system(now: SystemTime) -> Self {
        let (seconds, nanos) = match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => (after.as_secs() as i64, i64::from(after.subsec_nanos())),
            Err(before) => {
                let total = -(before.duration().as_nanos() as i128);
                (
                    total.div_euclid(SECOND as i128) as i64,
                    total.rem_euclid(SECOND as i128) as i64,
                )
            }
        };
        Self {
            seconds,
            nanos,
            zone: Zone::Local,
        }
    }

    /// `time.Date`, with values out of range carried over, in a zone that is always UTC or local.
    pub(crate) fn date(year: i64, month: i64, day: i64, clock: [i64; 4], zone: Zone) -> Self {
        let months = year.wrapping_mul(12).wrapping_add(month - 1);
        let days = days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1)
            + i128::from(day)
            - 1;
        let [hour, minute, second, nanos] = clock;
        let carried = nanos.div_euclid(SECOND);
        let seconds = days * 86400
            + i128::from(hour) * 3600
            + i128::from(minute) * 60
            + i128::from(second)
            + i128::from(carried);
        Self {
            seconds: seconds as i64,
            nanos: nanos.rem_euclid(SECOND),
            zone,
        }
    }

    pub(crate) fn with_zone(&self, zone: Zone) -> Self {
        Self {
            zone,
            ..self.clone()
        }
    }

    /// Equal in every field, the same zone by value.
    pub(crate) fn identical(&self, other: &Self) -> bool {
        self.same_instant(other) && self.zone == other.zone
    }

    pub(crate) fn same_instant(&self, other: &Self) -> bool {
        (self.seconds, self.nanos) == (other.seconds, other.nanos)
    }

    pub(crate) fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.seconds, self.nanos).cmp(&(other.seconds, other.nanos))
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.seconds == ZERO && self.nanos == 0
    }

    /// The time `nanos` later.
    pub(crate) fn add(&self, nanos: i64) -> Self {
        let total = self.nanos + nanos % SECOND;
        Self {
            seconds: self
                .seconds
                .wrapping_add(nanos / SECOND)
                .wrapping_add(total.div_euclid(SECOND)),
            nanos: total.rem_euclid(SECOND),
            zone: self.zone.clone(),
        }
    }

    /// The duration since `other`, as far as one can be.
    pub(crate) fn since(&self, other: &Self) -> i64 {
        let nanos = (i128::from(self.seconds) - i128::from(other.seconds)) * i128::from(SECOND)
            + i128::from(self.nanos - other.nanos);
        nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// What `unit` leaves over, counted from the zero time.
    fn remainder(&self, unit: i64) -> i64 {
        let nanos = (i128::from(self.seconds) - i128::from(ZERO)) * i128::from(SECOND)
            + i128::from(self.nanos);
        nanos.rem_euclid(i128::from(unit)) as i64
    }

    pub(crate) fn truncate(&self, unit: i64) -> Self {
        if unit <= 0 {
            self.clone()
        } else {
            self.add(-self.remainder(unit))
        }
    }

    pub(crate) fn round(&self, unit: i64) -> Self {
        if unit <= 0 {
            return self.clone();
        }
        let rest = self.remainder(unit);
        let down = i128::from(rest) * 2 < i128::from(unit);
        self.add(if down { -rest } else { unit - rest })
    }

    /// `AddDate`.
    pub(crate) fn add_date(&self, years: i64, months: i64, days: i64) -> Self {
        let now = self.clock();
        let local = Self::date(
            now.year.wrapping_add(years),
            now.month.wrapping_add(months),
            now.day.wrapping_add(days),
            [now.hour, now.minute, now.second, self.nanos],
            self.zone.clone(),
        );
        // The offset that holds at the new time, as `time.Date` finds it.
        let utc = local.seconds;
        let mut offset = self.zone.at(utc.wrapping_sub(now.offset)).offset;
        let other = self.zone.at(utc.wrapping_sub(offset)).offset;
        if other != offset {
            offset = other;
        }
        Self {
            seconds: utc.wrapping_sub(offset),
            ..local
        }
    }

    /// The date and time of day where this is shown.
    pub(crate) fn clock(&self) -> Clock {
        let here = self.zone.at(self.seconds);
        let local = i128::from(self.seconds) + i128::from(here.offset);
        let days = local.div_euclid(86400);
        let rest = local.rem_euclid(86400) as i64;
        let (year, month, day) = civil_from_days(days);
        let first = days_from_civil(year, 1, 1);
        Clock {
            year,
            month,
            day,
            year_day: (days - first) as i64 + 1,
            weekday: (days + 4).rem_euclid(7) as i64,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            zone: here.name,
            offset: here.offset,
            daylight: here.daylight,
        }
    }

    pub(crate) fn format(&self, layout: &[u8]) -> Vec<u8> {
        format::format(self, layout)
    }

    /// `String`.
    pub(crate) fn to_text(&self) -> Vec<u8> {
        self.format(b"2006-01-02 15:04:05.999999999 -0700 MST")
    }

    /// `GoString`.
    pub(crate) fn go_string(&self) -> String {
        let c = self.clock();
        let month = MONTHS[(c.month - 1) as usize];
        let zone = match &self.zone {
            Zone::Utc => "time.UTC".to_owned(),
            Zone::Local => "time.Local".to_owned(),
            other => format!("time.Location({:?})", other.name()),
        };
        format!(
            "time.Date({}, time.{month}, {}, {}, {}, {}, {}, {zone})",
            c.year, c.day, c.hour, c.minute, c.second, self.nanos
        )
    }

    /// The text of the JSON encoding, without quotes; `None` where RFC 3339 cannot hold it.
    pub(crate) fn rfc3339(&self) -> Option<Vec<u8>> {
        let clock = self.clock();
        let hours = clock.offset.abs() / 3600;
        ((0..=9999).contains(&clock.year) && hours < 24)
            .then(|| self.format(RFC3339_NANO.as_bytes()))
    }
}

/// Days since 1970 of a date.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i128 {
    let year = i128::from(year) - i128::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year =
        (153 * (i128::from(month) + if month > 2 { -3 } else { 9 }) + 2) / 5 + i128::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i128) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * index + 2) / 5 + 1;
    let month = if index < 10 { index + 3 } else { index - 9 };
    let year = year + era * 400 + i128::from(month <= 2);
    (year as i64, month as i64, day as i64)
}

pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(crate) fn month_name(month: i64) -> Vec<u8> {
    match usize::try_from(month - 1).ok().and_then(|m| MONTHS.get(m)) {
        Some(name) => name.as_bytes().to_vec(),
        None => format!("%!Month({month})").into_bytes(),
    }
}

pub(crate) fn weekday_name(day: i64) -> Vec<u8> {
    match usize::try_from(day).ok().and_then(|d| DAYS.get(d)) {
        Some(name) => name.as_bytes().to_vec(),
        None => format!("%!Weekday({day})").into_bytes(),
    }
}
