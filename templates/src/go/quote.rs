//! Go's `strconv` quoting: string literals in, `%q` out.

use super::runes::{self, REPLACEMENT, decode, is_print};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The value of a Go string literal, double quoted or in backquotes; `None` for bad syntax.
pub(crate) fn unquote(literal: &[u8]) -> Option<Vec<u8>> {
    let (&quote, body) = literal.split_first()?;
    let (&last, body) = body.split_last()?;
    if last != quote {
        return None;
    }
    match quote {
        b'`' => {
            (!body.contains(&b'`')).then(|| body.iter().copied().filter(|&b| b != b'\r').collect())
        }
        b'"' => {
            let mut out = Vec::with_capacity(body.len());
            let mut rest = body;
            while !rest.is_empty() {
                if rest[0] == b'\n' {
                    return None;
                }
                let (value, multibyte, tail) = unquote_char(rest, b'"')?;
                if value < 0x80 || !multibyte {
                    out.push(value as u8);
                } else {
                    runes::push_value(&mut out, i64::from(value));
                }
                rest = tail;
            }
            Some(out)
        }
        _ => None,
    }
}

/// The first character of an escaped string: its value, whether it is to be encoded as UTF-8,
/// and what follows.
pub(crate) fn unquote_char(text: &[u8], quote: u8) -> Option<(u32, bool, &[u8])> {
    let first = *text.first()?;
    if first == quote {
        return None;
    }
    if first >= 0x80 {
        let (c, width) = decode(text);
        return Some((u32::from(c), true, &text[width..]));
    }
    if first != b'\\' {
        return Some((u32::from(first), false, &text[1..]));
    }
    let kind = *text.get(1)?;
    let rest = &text[2..];
    let simple = |value: u8| Some((u32::from(value), false, rest));
    match kind {
        b'a' => simple(7),
        b'b' => simple(8),
        b'f' => simple(12),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'v' => simple(11),
        b'\\' => simple(b'\\'),
        b'\'' | b'"' if kind == quote => simple(kind),
        b'x' | b'u' | b'U' => {
            let len = match kind {
                b'x' => 2,
                b'u' => 4,
                _ => 8,
            };
            let digits = rest.get(..len)?;
            let mut value: u32 = 0;
            for &digit in digits {
                value = value.checked_mul(16)? + char::from(digit).to_digit(16)?;
            }
            if kind == b'x' {
                return Some((value, false, &rest[len..]));
            }
            char::from_u32(value)?;
            Some((value, true, &rest[len..]))
        }
        b'0'..=b'7' => {
            let mut value = u32::from(kind - b'0');
            for &digit in rest.get(..2)? {
                value = value << 3 | char::from(digit).to_digit(8)?;
            }
            (value <= 255).then_some((value, false, &rest[2..]))
        }
        _ => None,
    }
}

/// Appends `text` quoted as `%q` does, or as `%+q` where `ascii`.
pub(crate) fn quote(out: &mut Vec<u8>, text: &[u8], ascii: bool) {
    out.push(b'"');
    for (at, c, width) in runes::runes(text) {
        if c == REPLACEMENT && width == 1 {
            let byte = text[at];
            out.extend_from_slice(&[
                b'\\',
                b'x',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        } else {
            escape(out, c, b'"', ascii);
        }
    }
    out.push(b'"');
}

/// Appends `c` as a quoted character literal.
pub(crate) fn quote_char(out: &mut Vec<u8>, c: char, ascii: bool) {
    out.push(b'\'');
    escape(out, c, b'\'', ascii);
    out.push(b'\'');
}

fn escape(out: &mut Vec<u8>, c: char, quote: u8, ascii: bool) {
    if c == char::from(quote) || c == '\\' {
        out.push(b'\\');
        out.push(c as u8);
        return;
    }
    if is_print(c) && (!ascii || c.is_ascii()) {
        runes::push(out, c);
        return;
    }
    let short: &[u8] = match c {
        '\x07' => b"\\a",
        '\x08' => b"\\b",
        '\x0C' => b"\\f",
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        '\x0B' => b"\\v",
        _ => b"",
    };
    if !short.is_empty() {
        out.extend_from_slice(short);
        return;
    }
    let value = u32::from(c);
    let (letter, digits) = match value {
        0..0x20 | 0x7F => (b'x', 2),
        0..0x1_0000 => (b'u', 4),
        _ => (b'U', 8),
    };
    out.push(b'\\');
    out.push(letter);
    for place in (0..digits).rev() {
        out.push(HEX[(value >> (4 * place) & 15) as usize]);
    }
}

/// Whether `%#q` may use backquotes.
pub(crate) fn can_backquote(text: &[u8]) -> bool {
    runes::runes(text).all(|(_, c, width)| match (c, width) {
        ('\u{FEFF}', _) | (REPLACEMENT, 1) => false,
        (_, 2..) => true,
        ('\t', _) => true,
        ('`' | '\x7F', _) => false,
        (c, _) => c >= ' ',
    })
}
