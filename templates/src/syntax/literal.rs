//! Numbers and characters as they stand in a template: every type they could be.

use crate::go::number::{parse_float, parse_int, parse_uint};
use crate::go::quote::unquote_char;
use crate::value::float_to_int;

/// A constant, before it is known which type it is used as.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Number {
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
    /// Written as a float: it has a point or an exponent, and is neither hexadecimal nor a
    /// character.
    pub(crate) looks_float: bool,
}

impl Number {
    /// Reads the text of a number, or says what is wrong with it.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let mut number = Self {
            looks_float: looks_float(text),
            ..Self::default()
        };
        if let Some(imaginary) = text.strip_suffix(b"i")
            && let Some(value) = parse_float(imaginary)
        {
            return Ok(number.simplify(0.0, value));
        }
        number.uint = parse_uint(text, 0).ok();
        number.int = parse_int(text, 0).ok();
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        if let Some(int) = number.int {
            number.float = Some(int as f64);
        } else if let Some(uint) = number.uint {
            number.float = Some(uint as f64);
        } else if let Some(float) = parse_float(text) {
            if !text.iter().any(|b| b".eEpP".contains(b)) {
                return Err("integer overflow");
            }
            number.float = Some(float);
            number.int = Some(float_to_int(float)).filter(|&i| i as f64 == float);
            number.uint = float_to_uint(float).filter(|&u| u as f64 == float);
        }
        if number.int.is_none() && number.uint.is_none() && number.float.is_none() {
            return Err("illegal number syntax");
        }
        Ok(number)
    }

    /// Reads `1+2i`.
    pub(crate) fn parse_complex(text: &[u8]) -> Result<Self, &'static str> {
        let number = Self {
            looks_float: looks_float(text),
            ..Self::default()
        };
        let wrong = "illegal number syntax";
        let body = text.strip_suffix(b"i").ok_or(wrong)?;
        // The sign that splits it is the last one not after an exponent letter.
        let split = (1..body.len())
            .rev()
            .find(|&at| b"+-".contains(&body[at]) && !b"eEpP".contains(&body[at - 1]))
            .ok_or(wrong)?;
        let real = parse_float(&body[..split]).ok_or(wrong)?;
        let imaginary = parse_float(&body[split..]).ok_or(wrong)?;
        Ok(number.simplify(real, imaginary))
    }

    /// Reads a character constant with its quotes.
    pub(crate) fn parse_char(text: &[u8]) -> Result<Self, &'static str> {
        let (value, _, tail) =
            unquote_char(text.get(1..).unwrap_or_default(), b'\'').ok_or("invalid syntax")?;
        if tail != b"'" {
            return Err("malformed character constant");
        }
        Ok(Self {
            int: Some(i64::from(value)),
            uint: Some(u64::from(value)),
            float: Some(f64::from(value)),
            complex: None,
            looks_float: false,
        })
    }

    /// A complex constant is every simpler type it fits.
    fn simplify(mut self, real: f64, imaginary: f64) -> Self {
        self.complex = Some((real, imaginary));
        if imaginary == 0.0 {
            self.float = Some(real);
            self.int = Some(float_to_int(real)).filter(|&i| i as f64 == real);
            self.uint = float_to_uint(real).filter(|&u| u as f64 == real);
        }
        self
    }
}

fn looks_float(text: &[u8]) -> bool {
    let hex = text.len() > 2
        && text[0] == b'0'
        && text[1].eq_ignore_ascii_case(&b'x')
        && !text.iter().any(|b| b"pP".contains(b));
    !hex && text.iter().any(|b| b".eEpP".contains(b))
}

fn float_to_uint(value: f64) -> Option<u64> {
    (value > -1.0 && value < 18_446_744_073_709_551_616.0).then_some(value as u64)
}
