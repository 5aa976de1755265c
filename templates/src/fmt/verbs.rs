//! How the basic types are written: integers, floats, strings, with width and precision.

use super::printer::Printer;
use crate::fault::Fault;
use crate::go::{float, quote, runes};

const LOWER: &[u8; 17] = b"0123456789abcdefx";
const UPPER: &[u8; 17] = b"0123456789ABCDEFX";

impl Printer<'_> {
    /// Writes `text` padded to the width.
    pub(super) fn pad(&mut self, text: &[u8]) -> Result<(), Fault> {
        let padding = match self.flags.width {
            Some(width) if width > 0 => width.saturating_sub(runes::count(text)),
            _ => 0,
        };
        self.reserve(padding + text.len())?;
        if !self.flags.minus {
            self.padding(padding);
        }
        self.out.extend_from_slice(text);
        if self.flags.minus {
            self.padding(padding);
        }
        Ok(())
    }

    fn padding(&mut self, count: usize) {
        let byte = if self.flags.zero && !self.flags.minus {
            b'0'
        } else {
            b' '
        };
        self.out.resize(self.out.len() + count, byte);
    }

    /// Writes `text` padded with spaces, whatever the zero flag says.
    fn pad_spaces(&mut self, text: &[u8]) -> Result<(), Fault> {
        let zero = std::mem::take(&mut self.flags.zero);
        let result = self.pad(text);
        self.flags.zero = zero;
        result
    }

    pub(super) fn boolean(&mut self, value: bool, verb: char) -> Result<bool, Fault> {
        if !matches!(verb, 't' | 'v') {
            return Ok(false);
        }
        self.pad(if value { b"true" } else { b"false" })?;
        Ok(true)
    }

    /// An integer, as its magnitude and sign. False for a verb that is not for integers.
    pub(super) fn integer(
        &mut self,
        magnitude: u64,
        negative: bool,
        signed: bool,
        verb: char,
    ) -> Result<bool, Fault> {
        let rune = || {
            if negative {
                -1
            } else {
                i64::try_from(magnitude).unwrap_or(-1)
            }
        };
        match verb {
            'v' if self.flags.sharp_v && !signed => self.hex0x(magnitude)?,
            'v' | 'd' => self.digits(magnitude, negative, 10, verb, LOWER)?,
            'b' => self.digits(magnitude, negative, 2, verb, LOWER)?,
            'o' | 'O' => self.digits(magnitude, negative, 8, verb, LOWER)?,
            'x' => self.digits(magnitude, negative, 16, verb, LOWER)?,
            'X' => self.digits(magnitude, negative, 16, verb, UPPER)?,
            'c' => {
                let mut text = Vec::new();
                runes::push_value(&mut text, rune());
                self.pad(&text)?;
            }
            'q' => {
                let c = u32::try_from(rune()).ok().and_then(char::from_u32);
                let mut text = Vec::new();
                quote::quote_char(&mut text, c.unwrap_or(runes::REPLACEMENT), self.flags.plus);
                self.pad(&text)?;
            }
            'U' => {
                let value = if negative {
                    magnitude.wrapping_neg()
                } else {
                    magnitude
                };
                self.unicode(value)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Hexadecimal with `0x`, as Go syntax writes unsigned numbers.
    pub(super) fn hex0x(&mut self, value: u64) -> Result<(), Fault> {
        let sharp = std::mem::replace(&mut self.flags.sharp, true);
        let result = self.digits(value, false, 16, 'v', LOWER);
        self.flags.sharp = sharp;
        result
    }

    fn digits(
        &mut self,
        magnitude: u64,
        negative: bool,
        base: u64,
        verb: char,
        digits: &[u8; 17],
    ) -> Result<(), Fault> {
        let flags = self.flags;
        let signed = negative || flags.plus || flags.space;
        let mut least = 0;
        if let Some(precision) = flags.precision {
            least = precision;
            if precision == 0 && magnitude == 0 {
                let width = flags.width.unwrap_or(0);
                self.reserve(width)?;
                self.out.resize(self.out.len() + width, b' ');
                return Ok(());
            }
        } else if flags.zero
            && !flags.minus
            && let Some(width) = flags.width
        {
            least = if signed {
                width.saturating_sub(1)
            } else {
                width
            };
        }
        self.reserve(least)?;
        let mut text = Vec::with_capacity(least.max(64) + 4);
        let mut rest = magnitude;
        loop {
            text.push(digits[(rest % base) as usize]);
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        while text.len() < least {
            text.push(b'0');
        }
        if flags.sharp {
            match base {
                2 => text.extend_from_slice(b"b0"),
                8 if text.last() != Some(&b'0') => text.push(b'0'),
                16 => text.extend_from_slice(&[digits[16], b'0']),
                _ => {}
            }
        }
        if verb == 'O' {
            text.extend_from_slice(b"o0");
        }
        if negative {
            text.push(b'-');
        } else if flags.plus {
            text.push(b'+');
        } else if flags.space {
            text.push(b' ');
        }
        text.reverse();
        self.pad_spaces(&text)
    }

    fn unicode(&mut self, value: u64) -> Result<(), Fault> {
        let least = self.flags.precision.unwrap_or(4).max(4);
        self.reserve(least)?;
        let mut text = format!("U+{value:0least$X}").into_bytes();
        if self.flags.sharp
            && let Some(c) = u32::try_from(value).ok().and_then(char::from_u32)
            && runes::is_print(c)
        {
            text.extend_from_slice(b" '");
            runes::push(&mut text, c);
            text.push(b'\'');
        }
        self.pad_spaces(&text)
    }

    /// A float. False for a verb that is not for floats.
    pub(super) fn float(&mut self, value: f64, verb: char) -> Result<bool, Fault> {
        let (verb, default) = match verb {
            'v' => (b'g', -1),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb as u8, -1),
            'f' | 'e' | 'E' => (verb as u8, 6),
            'F' => (b'f', 6),
            _ => return Ok(false),
        };
        let flags = self.flags;
        let precision = flags.precision.map_or(default, |p| p as i64);
        self.reserve(precision.max(0) as usize)?;
        let mut text = float::format(value, verb, precision).into_bytes();
        if !matches!(text.first(), Some(b'+' | b'-')) {
            text.insert(0, b'+');
        }
        if flags.space && text[0] == b'+' && !flags.plus {
            text[0] = b' ';
        }
        if matches!(text.get(1), Some(b'I' | b'N')) {
            if text[1] == b'N' && !flags.space && !flags.plus {
                text.remove(0);
            }
            self.pad_spaces(&text)?;
            return Ok(true);
        }
        if flags.sharp && verb != b'b' {
            sharpen(&mut text, verb, precision);
        }
        if flags.plus || text[0] != b'+' {
            if flags.zero
                && !flags.minus
                && let Some(width) = flags.width
                && width > text.len()
            {
                self.reserve(width)?;
                self.out.push(text[0]);
                self.padding(width - text.len());
                self.out.extend_from_slice(&text[1..]);
                return Ok(true);
            }
            self.pad(&text)?;
        } else {
            self.pad(&text[1..])?;
        }
        Ok(true)
    }

    /// A complex number. False for a verb that is not for floats.
    pub(super) fn complex(&mut self, re: f64, im: f64, verb: char) -> Result<bool, Fault> {
        if !matches!(
            verb,
            'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E'
        ) {
            return Ok(false);
        }
        self.out.push(b'(');
        self.float(re, verb)?;
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(im, verb)?;
        self.flags.plus = plus;
        self.out.extend_from_slice(b"i)");
        Ok(true)
    }

    /// A string, or bytes printed as one. False for a verb that is not for strings.
    pub(super) fn string(&mut self, text: &[u8], verb: char) -> Result<bool, Fault> {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text)?,
            'v' | 's' => {
                let text = self.truncate(text);
                self.pad(text)?;
            }
            'x' => self.hex(text, LOWER)?,
            'X' => self.hex(text, UPPER)?,
            'q' => self.quoted(text)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn truncate<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        match self.flags.precision {
            Some(count) => match runes::runes(text).nth(count) {
                Some((at, ..)) => &text[..at],
                None => text,
            },
            None => text,
        }
    }

    fn quoted(&mut self, text: &[u8]) -> Result<(), Fault> {
        let text = self.truncate(text);
        self.reserve(text.len() * 4)?;
        self.meter.handle(text.len() * 2)?;
        let mut out = Vec::with_capacity(text.len() + 2);
        if self.flags.sharp && quote::can_backquote(text) {
            out.push(b'`');
            out.extend_from_slice(text);
            out.push(b'`');
        } else {
            quote::quote(&mut out, text, self.flags.plus);
        }
        self.pad(&out)
    }

    fn hex(&mut self, text: &[u8], digits: &[u8; 17]) -> Result<(), Fault> {
        let flags = self.flags;
        let text = &text[..text.len().min(flags.precision.unwrap_or(usize::MAX))];
        self.reserve(text.len() * 5)?;
        let mut out = Vec::with_capacity(text.len() * 2 + 2);
        for (i, byte) in text.iter().enumerate() {
            if flags.space && i > 0 {
                out.push(b' ');
            }
            if flags.sharp && (i == 0 || flags.space) {
                out.extend_from_slice(&[b'0', digits[16]]);
            }
            out.extend_from_slice(&[
                digits[usize::from(byte >> 4)],
                digits[usize::from(byte & 15)],
            ]);
        }
        // An empty string is padded as the zero flag says; the rest is too.
        let padding = flags.width.unwrap_or(0).saturating_sub(out.len());
        self.reserve(padding)?;
        if !flags.minus || out.is_empty() {
            self.padding(padding);
        }
        self.out.extend_from_slice(&out);
        if flags.minus && !out.is_empty() {
            self.padding(padding);
        }
        Ok(())
    }
}

/// The `#` flag: a decimal point always, and trailing zeros for `%g`.
fn sharpen(text: &mut Vec<u8>, verb: u8, precision: i64) {
    let mut digits = match verb {
        b'g' | b'G' | b'x' => {
            if precision < 0 {
                6
            } else {
                precision
            }
        }
        _ => 0,
    };
    let (mut point, mut nonzero, mut end) = (false, false, text.len());
    let hexadecimal = matches!(verb, b'x' | b'X');
    for (i, &byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'.' => point = true,
            b'p' | b'P' => {
                end = i;
                break;
            }
            b'e' | b'E' if !hexadecimal => {
                end = i;
                break;
            }
            _ => {
                nonzero |= byte != b'0';
                digits -= i64::from(nonzero);
            }
        }
    }
    let tail = text.split_off(end);
    if !point {
        if text.len() == 2 && text[1] == b'0' {
            digits -= 1;
        }
        text.push(b'.');
    }
    text.resize(text.len() + digits.max(0) as usize, b'0');
    text.extend_from_slice(&tail);
}
