//! Go's `strconv` number parsing: base prefixes, underscores, hexadecimal floats.

/// Why a number did not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Syntax,
    /// Too large; what Go gives in its place (the nearest bound).
    Range(i64),
}

/// `strconv.ParseUint(s, base, 64)`; base 0 reads the prefix and allows underscores.
pub(crate) fn parse_uint(text: &[u8], base: u32) -> Result<u64, Wrong> {
    let mut digits = text;
    let mut radix = base;
    let mut underscores = false;
    if text.is_empty() {
        return Err(Wrong::Syntax);
    }
    if base == 0 {
        radix = 10;
        if text[0] == b'0' {
            match text.get(1).map(u8::to_ascii_lowercase) {
                Some(b'b') if text.len() >= 3 => (radix, digits) = (2, &text[2..]),
                Some(b'o') if text.len() >= 3 => (radix, digits) = (8, &text[2..]),
                Some(b'x') if text.len() >= 3 => (radix, digits) = (16, &text[2..]),
                _ => (radix, digits) = (8, &text[1..]),
            }
        }
    }
    let mut value: u64 = 0;
    let mut overflow = false;
    for &byte in digits {
        if byte == b'_' && base == 0 {
            underscores = true;
            continue;
        }
        let digit = char::from(byte).to_digit(radix).ok_or(Wrong::Syntax)?;
        match value
            .checked_mul(u64::from(radix))
            .and_then(|v| v.checked_add(u64::from(digit)))
        {
            Some(next) => value = next,
            None => overflow = true,
        }
        if overflow {
            // Go stops at the first digit that overflows, before a later bad one.
            return Err(Wrong::Range(-1));
        }
    }
    if underscores && !underscores_ok(text) {
        return Err(Wrong::Syntax);
    }
    Ok(value)
}

/// `strconv.ParseInt(s, base, 64)`.
pub(crate) fn parse_int(text: &[u8], base: u32) -> Result<i64, Wrong> {
    let (negative, digits) = match text.first() {
        None => return Err(Wrong::Syntax),
        Some(b'+') => (false, &text[1..]),
        Some(b'-') => (true, &text[1..]),
        Some(_) => (false, text),
    };
    let bound = if negative { i64::MIN } else { i64::MAX };
    match parse_uint(digits, base) {
        Ok(value) if negative && value <= 1 << 63 => Ok((value as i64).wrapping_neg()),
        Ok(value) if !negative && value < 1 << 63 => Ok(value as i64),
        Ok(_) | Err(Wrong::Range(_)) => Err(Wrong::Range(bound)),
        Err(Wrong::Syntax) => Err(Wrong::Syntax),
    }
}

/// `strconv.ParseFloat(s, 64)`, `None` for bad syntax and for overflow.
pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    let value = parse_float_unbounded(text)?;
    let special = text.iter().any(|b| b"nNyY".contains(b));
    (special || value.is_finite()).then_some(value)
}

fn parse_float_unbounded(text: &[u8]) -> Option<f64> {
    let (sign, body) = match text.first()? {
        b'+' => (1.0, &text[1..]),
        b'-' => (-1.0, &text[1..]),
        _ => (1.0, text),
    };
    let lower = body.to_ascii_lowercase();
    match lower.as_slice() {
        b"inf" | b"infinity" => return Some(sign * f64::INFINITY),
        // NaN takes no sign.
        b"nan" if body.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let has_underscore = body.contains(&b'_');
    if has_underscore && !underscores_ok(text) {
        return None;
    }
    let clean: Vec<u8> = lower.into_iter().filter(|&b| b != b'_').collect();
    if let Some(hex) = clean.strip_prefix(b"0x") {
        return parse_hex(hex).map(|v| sign * v);
    }
    if !decimal_shape(&clean) {
        return None;
    }
    std::str::from_utf8(&clean)
        .ok()?
        .parse::<f64>()
        .ok()
        .map(|v| sign * v)
}

/// digits [. digits] [e [sign] digits], at least one digit before the exponent.
fn decimal_shape(text: &[u8]) -> bool {
    let (mantissa, exponent) = match text.iter().position(|&b| b == b'e') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let dots = mantissa.iter().filter(|&&b| b == b'.').count();
    let digits = mantissa.iter().filter(|b| b.is_ascii_digit()).count();
    if dots > 1 || digits == 0 || dots + digits != mantissa.len() {
        return false;
    }
    exponent.is_none_or(|e| {
        let e = e
            .strip_prefix(b"+")
            .or_else(|| e.strip_prefix(b"-"))
            .unwrap_or(e);
        !e.is_empty() && e.iter().all(u8::is_ascii_digit)
    })
}

/// The part of a hexadecimal float after `0x`: digits with an optional point, then `p` exponent.
fn parse_hex(text: &[u8]) -> Option<f64> {
    let at = text.iter().position(|&b| b == b'p')?;
    let (mantissa, exponent) = (&text[..at], &text[at + 1..]);
    let (negative, digits) = match exponent.first()? {
        b'+' => (false, &exponent[1..]),
        b'-' => (true, &exponent[1..]),
        _ => (false, exponent),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut power = digits
        .iter()
        .fold(0i64, |e, d| (e * 10 + i64::from(d - b'0')).min(100_000));
    if negative {
        power = -power;
    }
    let (mut value, mut seen, mut dot, mut sticky) = (0u128, false, false, false);
    for &byte in mantissa {
        if byte == b'.' {
            if dot {
                return None;
            }
            dot = true;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        seen = true;
        if value >> 120 == 0 {
            value = value << 4 | u128::from(digit);
            if dot {
                power -= 4;
            }
        } else {
            sticky |= digit != 0;
            if !dot {
                power += 4;
            }
        }
    }
    if !seen {
        return None;
    }
    Some(scale(value, power, sticky))
}

/// `value * 2^power`, rounded to even.
fn scale(value: u128, power: i64, sticky: bool) -> f64 {
    if value == 0 {
        return 0.0;
    }
    // Bring the mantissa to 64 bits with a sticky lowest bit, then round once.
    let bits = 128 - i64::from(value.leading_zeros());
    let shift = bits - 62;
    let (mut mantissa, power) = if shift > 0 {
        let lost = value & ((1 << shift) - 1) != 0 || sticky;
        ((value >> shift) as u64 | u64::from(lost), power + shift)
    } else {
        ((value << -shift) as u64 | u64::from(sticky), power + shift)
    };
    // mantissa has 62 bits; the result keeps 53, or fewer where it is subnormal.
    let exponent = power + 61;
    let keep = if exponent < -1022 {
        53 - (-1022 - exponent)
    } else {
        53
    };
    if keep < 0 {
        return 0.0;
    }
    let drop = (62 - keep).min(63) as u32;
    let half = 1u64 << (drop - 1);
    let rest = mantissa & ((1u64 << drop) - 1);
    mantissa >>= drop;
    if rest > half || (rest == half && mantissa & 1 == 1) {
        mantissa += 1;
    }
    let power = power + i64::from(drop);
    let mut result = mantissa as f64;
    let mut left = power;
    while left != 0 {
        let step = left.clamp(-1000, 1000);
        // Each factor is an exact power of two; the mantissa is already rounded.
        result *= f64::powi(2.0, step as i32);
        left -= step;
        if result == 0.0 || result.is_infinite() {
            break;
        }
    }
    result
}

/// Underscores separate digits, and may follow the base prefix.
fn underscores_ok(text: &[u8]) -> bool {
    let mut rest = text;
    if let Some((b'+' | b'-', tail)) = rest.split_first() {
        rest = tail;
    }
    let mut saw = b'^';
    let mut hex = false;
    if rest.len() >= 2 && rest[0] == b'0' && b"box".contains(&rest[1].to_ascii_lowercase()) {
        saw = b'0';
        hex = rest[1].eq_ignore_ascii_case(&b'x');
        rest = &rest[2..];
    }
    for &byte in rest {
        if byte.is_ascii_digit() || hex && byte.is_ascii_hexdigit() {
            saw = b'0';
        } else if byte == b'_' {
            if saw != b'0' {
                return false;
            }
            saw = b'_';
        } else {
            if saw == b'_' {
                return false;
            }
            saw = b'!';
        }
    }
    saw != b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        assert_eq!(parse_int(b"0x_1F", 0), Ok(31));
        assert_eq!(parse_int(b"08", 0), Err(Wrong::Syntax));
        assert_eq!(parse_int(b"-9223372036854775808", 0), Ok(i64::MIN));
        assert_eq!(
            parse_int(b"99999999999999999999", 10),
            Err(Wrong::Range(i64::MAX))
        );
        assert_eq!(parse_int(b"0x", 0), Err(Wrong::Syntax));
        assert_eq!(parse_int(b"0", 0), Ok(0));
        assert_eq!(parse_float(b"0x1p-2"), Some(0.25));
        assert_eq!(parse_float(b"0x1.8p1"), Some(3.0));
        assert_eq!(parse_float(b"1e999"), None);
        assert_eq!(parse_float(b"inf"), Some(f64::INFINITY));
        assert_eq!(parse_float(b".5"), Some(0.5));
        assert_eq!(parse_float(b"5."), Some(5.0));
        assert_eq!(parse_float(b"."), None);
        assert_eq!(parse_float(b"0x1p-1074"), Some(5e-324));
    }
}
