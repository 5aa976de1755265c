//! `time.Duration`: nanoseconds, read and written as `1h2m3.5s`.

use super::SECOND;

/// `Duration.String`.
pub(crate) fn format(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    if magnitude == 0 {
        return "0s".into();
    }
    if magnitude < 1_000_000_000 {
        let (unit, digits) = match magnitude {
            0..1_000 => ("ns", 0),
            1_000..1_000_000 => ("µs", 3),
            _ => ("ms", 6),
        };
        return format!("{sign}{}{unit}", decimal(magnitude, digits));
    }
    let seconds = magnitude / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(magnitude % 60_000_000_000, 9);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

/// `value / 10^digits` without trailing zeros.
fn decimal(value: u64, digits: u32) -> String {
    let unit = 10u64.pow(digits);
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let fraction = format!("{fraction:0width$}", width = digits as usize);
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// `time.ParseDuration`.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let (negative, mut rest) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == b"0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let len = digits(rest);
        let whole = leading(&rest[..len])?;
        rest = &rest[len..];
        let mut fraction = (0u64, 1f64);
        let mut after = 0;
        if let Some(tail) = rest.strip_prefix(b".") {
            after = digits(tail);
            fraction = leading_fraction(&tail[..after]);
            rest = &tail[after..];
        }
        if len == 0 && after == 0 {
            return None;
        }
        let end = rest
            .iter()
            .position(|b| *b == b'.' || b.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit: u64 = match &rest[..end] {
            b"ns" => 1,
            b"us" | [0xC2, 0xB5, b's'] | [0xCE, 0xBC, b's'] => 1_000,
            b"ms" => 1_000_000,
            b"s" => SECOND as u64,
            b"m" => 60 * SECOND as u64,
            b"h" => 3600 * SECOND as u64,
            _ => return None,
        };
        rest = &rest[end..];
        if whole > (1 << 63) / unit {
            return None;
        }
        let mut value = whole * unit;
        if fraction.0 > 0 {
            value += (fraction.0 as f64 * (unit as f64 / fraction.1)) as u64;
        }
        total = total.wrapping_add(value);
        if value > 1 << 63 || total > 1 << 63 {
            return None;
        }
    }
    if negative {
        return Some((total as i64).wrapping_neg());
    }
    i64::try_from(total).ok()
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn leading(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0u64, |n, b| {
        (n <= (1 << 63) / 10)
            .then(|| n * 10 + u64::from(b - b'0'))
            .filter(|n| *n <= 1 << 63)
    })
}

/// The digits after the point as an integer, and ten to their number; what overflows is dropped.
fn leading_fraction(text: &[u8]) -> (u64, f64) {
    let (mut value, mut scale) = (0u64, 1f64);
    for byte in text {
        if value > ((1 << 63) - 1) / 10 {
            break;
        }
        let next = value * 10 + u64::from(byte - b'0');
        if next > 1 << 63 {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    (value, scale)
}

/// `Duration.Round`.
pub(crate) fn round(nanos: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanos;
    }
    let rest = i128::from(nanos % unit).abs();
    let (value, unit) = (i128::from(nanos), i128::from(unit));
    let down = rest * 2 < unit;
    let rounded = match (nanos < 0, down) {
        (true, true) => value + rest,
        (true, false) => value - unit + rest,
        (false, true) => value - rest,
        (false, false) => value + unit - rest,
    };
    rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        assert_eq!(parse(b"1h2m3.5s").map(format).as_deref(), Some("1h2m3.5s"));
        assert_eq!(parse(b"-1.5h").map(format).as_deref(), Some("-1h30m0s"));
        assert_eq!(parse(b"1"), None);
        assert_eq!(parse(b".5s"), Some(500_000_000));
        assert_eq!(format(1_500), "1.5µs");
        assert_eq!(format(60_000_000_000), "1m0s");
    }
}
