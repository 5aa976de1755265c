//! Durations as Go writes them: `87600h0m0s`, `1h30m`, `1.5s`, `250ms`.
//!
//! The grammar is that of Go's `time.ParseDuration`; negative values have no use here and are
//! refused.

use std::time::Duration;

/// Why text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration {0:?}: write it like 720h, 1h30m or 500ms")]
pub struct DurationError(String);

/// Parses a duration.
///
/// # Errors
/// Anything but a sequence of decimal numbers with units, or `0`.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.to_owned());
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(error());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(error)?;
        let (number, after) = rest.split_at(end);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let nanoseconds: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(error()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(error());
        }
        let whole: u64 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| error())?
        };
        let mut part = u128::from(whole) * u128::from(nanoseconds);
        let mut scale = u128::from(nanoseconds);
        for digit in fraction.chars() {
            scale /= 10;
            part += u128::from(digit.to_digit(10).ok_or_else(error)?) * scale;
        }
        let part = u64::try_from(part).map_err(|_| error())?;
        total = total
            .checked_add(Duration::from_nanos(part))
            .ok_or_else(error)?;
        rest = after;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_go() {
        for (text, seconds) in [
            ("0", 0.0),
            ("87600h0m0s", 315_360_000.0),
            ("1h30m", 5400.0),
            ("1.5s", 1.5),
            ("250ms", 0.25),
            ("+2m", 120.0),
            (".5h", 1800.0),
            ("1µs", 0.000_001),
        ] {
            assert_eq!(parse(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "h",
            "1d",
            "-1h",
            "1h-5m",
            "1 h",
            ".s",
            "1..5s",
            "99999999999999h",
            "1h5",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
