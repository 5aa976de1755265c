//! `strconv.FormatFloat` for 64 bits: `e`, `E`, `f`, `g`, `G`, `b`, `x` and `X`, with a
//! precision or with the fewest digits that read back the same.

/// Places after the point, or digits, that hold any float exactly.
const MAX_PLACES: usize = 1_100;

/// Formats `value` by `verb`; a negative `precision` asks for the shortest form.
pub(crate) fn format(value: f64, verb: u8, precision: i64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 {
            "+Inf".into()
        } else {
            "-Inf".into()
        };
    }
    let negative = value.is_sign_negative();
    let magnitude = value.abs();
    let mut out = String::new();
    if negative {
        out.push('-');
    }
    match verb {
        b'b' => {
            let (mantissa, exponent) = parts(magnitude);
            out.push_str(&format!("{mantissa}p{:+}", exponent - 52));
        }
        b'x' | b'X' => hexadecimal(&mut out, magnitude, verb, precision),
        b'e' | b'E' => {
            let digits = if precision < 0 {
                Digits::shortest(magnitude)
            } else {
                Digits::rounded(magnitude, precision as usize + 1)
            };
            let precision = if precision < 0 {
                digits.len().saturating_sub(1)
            } else {
                precision as usize
            };
            exponential(&mut out, &digits, precision, verb);
        }
        b'f' => {
            if precision < 0 {
                let digits = Digits::shortest(magnitude);
                fixed(
                    &mut out,
                    &digits,
                    (digits.len() as i64 - digits.point).max(0) as usize,
                );
            } else {
                // No float has more places; what is asked beyond them is zeros.
                let places = (precision as usize).min(MAX_PLACES);
                out.push_str(&format!("{magnitude:.places$}"));
                out.extend(std::iter::repeat_n('0', precision as usize - places));
            }
        }
        _ => general(&mut out, magnitude, verb, precision),
    }
    out
}

/// Decimal digits without leading or trailing zeros; the value is `0.DIGITS * 10^point`.
struct Digits {
    digits: Vec<u8>,
    point: i64,
}

impl Digits {
    fn shortest(value: f64) -> Self {
        Self::read(&format!("{value:e}"))
    }

    /// Exactly rounded to `count` digits.
    fn rounded(value: f64, count: usize) -> Self {
        Self::read(&format!("{value:.*e}", count.clamp(1, MAX_PLACES) - 1))
    }

    fn read(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let point = if digits.is_empty() {
            0
        } else {
            exponent.parse::<i64>().unwrap_or(0) + 1
        };
        Self { digits, point }
    }

    fn len(&self) -> usize {
        self.digits.len()
    }

    fn at(&self, index: usize) -> char {
        char::from(self.digits.get(index).copied().unwrap_or(b'0'))
    }
}

fn general(out: &mut String, value: f64, verb: u8, precision: i64) {
    let shortest = precision < 0;
    let digits = if shortest {
        Digits::shortest(value)
    } else {
        Digits::rounded(value, precision.max(1) as usize)
    };
    let count = digits.len() as i64;
    let mut precision = if shortest { 6 } else { precision.max(1) };
    let mut limit = precision;
    if limit > count && count >= digits.point {
        limit = count;
    }
    if shortest {
        limit = 6;
    }
    let exponent = digits.point - 1;
    if exponent < -4 || exponent >= limit {
        if shortest || precision > count {
            precision = count;
        }
        exponential(
            out,
            &digits,
            (precision - 1).max(0) as usize,
            verb + b'e' - b'g',
        );
    } else {
        fixed(out, &digits, (count - digits.point).max(0) as usize);
    }
}

fn exponential(out: &mut String, digits: &Digits, precision: usize, verb: u8) {
    out.push(digits.at(0));
    if precision > 0 {
        out.push('.');
        out.extend((1..=precision).map(|i| digits.at(i)));
    }
    let exponent = if digits.len() == 0 {
        0
    } else {
        digits.point - 1
    };
    out.push(char::from(verb));
    out.push(if exponent < 0 { '-' } else { '+' });
    out.push_str(&format!("{:02}", exponent.abs()));
}

fn fixed(out: &mut String, digits: &Digits, precision: usize) {
    if digits.point > 0 {
        out.extend((0..digits.point as usize).map(|i| digits.at(i)));
    } else {
        out.push('0');
    }
    if precision > 0 {
        out.push('.');
        for place in 0..precision as i64 {
            let index = digits.point + place;
            out.push(if index < 0 {
                '0'
            } else {
                digits.at(index as usize)
            });
        }
    }
}

/// The mantissa with its implicit bit, and the unbiased exponent.
fn parts(value: f64) -> (u64, i64) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52 & 0x7FF) as i64 {
        0 => (fraction, -1022),
        exponent => (fraction | 1 << 52, exponent - 1023),
    }
}

fn hexadecimal(out: &mut String, value: f64, verb: u8, precision: i64) {
    let (mut mantissa, mut exponent) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    }
    mantissa <<= 8;
    while mantissa != 0 && mantissa & (1 << 60) == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if (0..15).contains(&precision) {
        let shift = precision as u32 * 4;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        mantissa >>= 60 - shift;
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let upper = verb == b'X';
    let digit = |nibble: u64| {
        let c = char::from_digit((nibble & 15) as u32, 16).unwrap_or('0');
        if upper { c.to_ascii_uppercase() } else { c }
    };
    out.push_str(if upper { "0X" } else { "0x" });
    out.push(digit(mantissa >> 60 & 1));
    mantissa <<= 4;
    if precision < 0 && mantissa != 0 {
        out.push('.');
        while mantissa != 0 {
            out.push(digit(mantissa >> 60));
            mantissa <<= 4;
        }
    } else if precision > 0 {
        out.push('.');
        for _ in 0..precision {
            out.push(digit(mantissa >> 60));
            mantissa <<= 4;
        }
    }
    out.push(if upper { 'P' } else { 'p' });
    out.push(if exponent < 0 { '-' } else { '+' });
    out.push_str(&format!("{:02}", exponent.abs()));
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn formats_as_go_does() {
        assert_eq!(format(1e6, b'g', -1), "1e+06");
        assert_eq!(format(123456.0, b'g', -1), "123456");
        assert_eq!(format(1.5, b'g', -1), "1.5");
        assert_eq!(format(0.0, b'g', -1), "0");
        assert_eq!(format(-0.0, b'g', -1), "-0");
        assert_eq!(format(0.00001, b'g', -1), "1e-05");
        assert_eq!(format(100.0, b'g', 3), "100");
        assert_eq!(format(123456.789, b'e', 6), "1.234568e+05");
        assert_eq!(format(2.5, b'f', 0), "2");
        assert_eq!(format(1.0, b'x', -1), "0x1p+00");
        assert_eq!(format(3.5, b'x', 2), "0x1.c0p+01");
        assert_eq!(format(1.0, b'b', -1), "4503599627370496p-52");
        assert_eq!(format(1e21, b'f', -1), "1000000000000000000000");
    }
}
