//! What a plain YAML scalar means to Kubernetes tools: YAML 1.1 as `sigs.k8s.io/yaml` reads it.
//!
//! | Written | Meaning | Where a string is wanted |
//! |---|---|---|
//! | nothing, `~`, `null` | null | empty |
//! | `y yes on true` (also `Yes`, `YES` …) | true | `true` |
//! | `n no off false` | false | `false` |
//! | `0777`, `0o17`, `0x1F`, `0b11`, `1_000` | integer | `511`, `15`, `31`, `3`, `1000` |
//! | `1.50`, `1e3`, 30 digits, `.inf` | number | the text as it stands |
//! | dates, `1:30`, anything else | text | the text |
//!
//! The Go tools print floats with the precision of 32 bits; keeping the text loses nothing.

use super::node::Value;

/// The value of a plain (unquoted, untagged) scalar.
pub fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => {
            return Value::Null {
                written: !text.is_empty(),
            };
        }
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool {
                value: true,
                text: text.to_owned(),
            };
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool {
                value: false,
                text: text.to_owned(),
            };
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF"
        | ".nan" | ".NaN" | ".NAN" => {
            return Value::Number {
                canonical: text.to_owned(),
                text: text.to_owned(),
            };
        }
        _ => {}
    }
    let number = |canonical: String| Value::Number {
        canonical,
        text: text.to_owned(),
    };
    match text.as_bytes().first() {
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => {
            if let Some(integer) = integer(text) {
                number(integer)
            } else if is_float(&text.replace('_', "")) {
                number(text.to_owned())
            } else {
                Value::String(text.to_owned().into())
            }
        }
        _ => Value::String(text.to_owned().into()),
    }
}

/// The decimal form of an integer in any of YAML 1.1's and Go's notations that fits 64 bits.
fn integer(text: &str) -> Option<String> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.as_bytes() {
        [b'-', ..] => (true, plain.get(1..)?),
        [b'+', ..] => (false, plain.get(1..)?),
        _ => (false, plain.as_str()),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // from_str_radix would take another sign.
    if !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        let limit = u64::from(i64::MIN.unsigned_abs() == magnitude) + i64::MAX.unsigned_abs();
        (magnitude <= limit).then(|| match magnitude {
            0 => "0".to_owned(),
            magnitude => format!("-{magnitude}"),
        })
    } else {
        Some(magnitude.to_string())
    }
}

/// Whether `text` is `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_ok
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_string(text: &str) -> String {
        let node = super::super::Node {
            value: resolve(text),
            position: Default::default(),
        };
        node.as_wanted_string().unwrap().to_owned()
    }

    #[test]
    fn scalars_become_the_strings_that_kubernetes_tools_make_of_them() {
        for (written, wanted) in [
            ("yes", "true"),
            ("on", "true"),
            ("y", "true"),
            ("Off", "false"),
            ("n", "false"),
            ("0777", "511"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("0b11", "3"),
            ("1_000", "1000"),
            ("+5", "5"),
            ("-0x10", "-16"),
            ("-0", "0"),
            ("007", "7"),
            ("", ""),
            ("~", ""),
            ("NULL", ""),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("3.14159265358979", "3.14159265358979"),
            ("1.10", "1.10"),
            ("1e3", "1e3"),
            ("08", "08"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("2001-01-01", "2001-01-01"),
            ("1:30", "1:30"),
            ("tRue", "tRue"),
            ("0x", "0x"),
            ("-", "-"),
            ("1.2.3", "1.2.3"),
            ("0xZZ", "0xZZ"),
            ("--1", "--1"),
            ("1e", "1e"),
            (".", "."),
        ] {
            assert_eq!(as_string(written), wanted, "{written:?}");
        }
    }

    #[test]
    fn text_that_only_looks_like_a_number_stays_a_string() {
        for text in [
            "1:30",
            "2001-01-01",
            "1.2.3",
            "0xZZ",
            "--1",
            "-",
            "+",
            ".",
            "1e",
            "e1",
            "_1",
        ] {
            assert!(matches!(resolve(text), Value::String(_)), "{text:?}");
        }
        for text in ["08", "1.", ".5", "1e3", "-1.5E-3", ".inf"] {
            assert!(matches!(resolve(text), Value::Number { .. }), "{text:?}");
        }
    }
}
