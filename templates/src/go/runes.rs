//! Go's `unicode/utf8` and the parts of `unicode` templates can see.
//!
//! Strings are bytes. Decoding an invalid byte gives U+FFFD and a width of one, as in Go.

use std::sync::OnceLock;

/// What decoding an invalid byte gives.
pub(crate) const REPLACEMENT: char = '\u{FFFD}';

/// The first character of `bytes` and its width; `(U+FFFD, 1)` for an invalid byte, width 0 at
/// the end.
pub(crate) fn decode(bytes: &[u8]) -> (char, usize) {
    let Some(&first) = bytes.first() else {
        return (REPLACEMENT, 0);
    };
    if first < 0x80 {
        return (char::from(first), 1);
    }
    let (len, min) = match first {
        0xC2..=0xDF => (2, 0x80),
        0xE0..=0xEF => (3, 0x800),
        0xF0..=0xF4 => (4, 0x1_0000),
        _ => return (REPLACEMENT, 1),
    };
    let Some(rest) = bytes.get(1..len) else {
        return (REPLACEMENT, 1);
    };
    let mut value = u32::from(first) & (0x7F >> len);
    for &byte in rest {
        if byte & 0xC0 != 0x80 {
            return (REPLACEMENT, 1);
        }
        value = value << 6 | u32::from(byte & 0x3F);
    }
    match char::from_u32(value) {
        Some(c) if value >= min => (c, len),
        _ => (REPLACEMENT, 1),
    }
}

/// The last character of `bytes` and its width.
pub(crate) fn decode_last(bytes: &[u8]) -> (char, usize) {
    let end = bytes.len();
    if end == 0 {
        return (REPLACEMENT, 0);
    }
    for width in 2..=4.min(end) {
        let tail = &bytes[end - width..];
        if tail[0] & 0xC0 != 0x80 {
            let (c, w) = decode(tail);
            if w == width {
                return (c, w);
            }
            break;
        }
    }
    let (c, _) = decode(&bytes[end - 1..]);
    (c, 1)
}

/// The characters of `bytes` with their offsets and widths.
pub(crate) fn runes(bytes: &[u8]) -> impl Iterator<Item = (usize, char, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (c, width) = decode(bytes.get(at..)?);
        if width == 0 {
            return None;
        }
        let here = at;
        at += width;
        Some((here, c, width))
    })
}

/// How many characters `bytes` holds.
pub(crate) fn count(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        bytes.len()
    } else {
        runes(bytes).count()
    }
}

/// Appends the UTF-8 of `c`.
pub(crate) fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Appends the UTF-8 of the rune `value`, U+FFFD where it isn't one.
pub(crate) fn push_value(out: &mut Vec<u8>, value: i64) {
    push(
        out,
        u32::try_from(value)
            .ok()
            .and_then(char::from_u32)
            .unwrap_or(REPLACEMENT),
    );
}

/// `bytes` with each character replaced; invalid bytes are U+FFFD to `f`, as in `strings.Map`.
pub(crate) fn map(bytes: &[u8], f: impl Fn(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for (_, c, _) in runes(bytes) {
        push(&mut out, f(c));
    }
    out
}

macro_rules! class {
    ($name:ident, $doc:literal, $pattern:literal) => {
        #[doc = $doc]
        pub(crate) fn $name(c: char) -> bool {
            static RANGES: OnceLock<Vec<(char, char)>> = OnceLock::new();
            contains(RANGES.get_or_init(|| ranges($pattern)), c)
        }
    };
}

class!(letter_table, "Category L, beyond ASCII.", r"\p{L}");
class!(digit_table, "Category Nd, beyond ASCII.", r"\p{Nd}");
class!(is_number, "`unicode.IsNumber`: category N.", r"\p{N}");
class!(is_punct, "`unicode.IsPunct`: category P.", r"\p{P}");
class!(upper_table, "Category Lu, beyond ASCII.", r"\p{Lu}");
class!(lower_table, "Category Ll, beyond ASCII.", r"\p{Ll}");
class!(is_title, "`unicode.IsTitle`: category Lt.", r"\p{Lt}");
class!(
    graphic_table,
    "Letters, marks, numbers, punctuation and symbols.",
    r"[\p{L}\p{M}\p{N}\p{P}\p{S}]"
);

fn ranges(pattern: &str) -> Vec<(char, char)> {
    use regex_syntax::hir::{Class, HirKind};
    let hir = regex_syntax::parse(pattern).expect("the pattern is a constant");
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => class
            .ranges()
            .iter()
            .map(|r| (r.start(), r.end()))
            .collect(),
        _ => Vec::new(),
    }
}

fn contains(ranges: &[(char, char)], c: char) -> bool {
    ranges
        .binary_search_by(|&(low, high)| {
            if high < c {
                std::cmp::Ordering::Less
            } else if low > c {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

/// `unicode.IsLetter`.
pub(crate) fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphabetic()
    } else {
        letter_table(c)
    }
}

/// `unicode.IsDigit`.
pub(crate) fn is_digit(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_digit()
    } else {
        digit_table(c)
    }
}

/// `unicode.IsUpper`.
pub(crate) fn is_upper(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_uppercase()
    } else {
        upper_table(c)
    }
}

/// `unicode.IsLower`.
pub(crate) fn is_lower(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_lowercase()
    } else {
        lower_table(c)
    }
}

/// `unicode.IsSpace`.
pub(crate) fn is_space(c: char) -> bool {
    matches!(
        c,
        '\t' | '\n' | '\x0B' | '\x0C' | '\r' | ' ' | '\u{85}' | '\u{A0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200A}' | '\u{2028}' | '\u{2029}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
    )
}

/// `unicode.IsPrint`, and `strconv.IsPrint`: graphic, and no space but U+0020.
pub(crate) fn is_print(c: char) -> bool {
    if c.is_ascii() {
        (' '..='~').contains(&c)
    } else {
        graphic_table(c)
    }
}

/// `unicode.ToUpper`: the simple mapping, one character to one.
pub(crate) fn to_upper(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        // Greek with iota subscript: the simple mapping keeps one character.
        _ => match u32::from(c) {
            n @ (0x1F80..=0x1F87 | 0x1F90..=0x1F97 | 0x1FA0..=0x1FA7) => shift(n + 8, c),
            n @ (0x1FB3 | 0x1FC3 | 0x1FF3) => shift(n + 9, c),
            _ => c,
        },
    }
}

/// `unicode.ToLower`: the simple mapping.
pub(crate) fn to_lower(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ if c == 'İ' => 'i',
        _ => c,
    }
}

/// `unicode.ToTitle`: as upper case, but for the digraphs and Georgian.
pub(crate) fn to_title(c: char) -> char {
    match u32::from(c) {
        0x1C4..=0x1C6 => '\u{1C5}',
        0x1C7..=0x1C9 => '\u{1C8}',
        0x1CA..=0x1CC => '\u{1CB}',
        0x1F1..=0x1F3 => '\u{1F2}',
        0x10D0..=0x10FA | 0x10FD..=0x10FF => c,
        _ => to_upper(c),
    }
}

fn shift(n: u32, otherwise: char) -> char {
    char::from_u32(n).unwrap_or(otherwise)
}

/// `strings.TrimSpace`.
pub(crate) fn trim_space(bytes: &[u8]) -> &[u8] {
    trim(bytes, is_space)
}

/// `strings.TrimFunc`.
pub(crate) fn trim(mut bytes: &[u8], drop: impl Fn(char) -> bool) -> &[u8] {
    while !bytes.is_empty() {
        let (c, width) = decode(bytes);
        if !drop(c) {
            break;
        }
        bytes = &bytes[width..];
    }
    while !bytes.is_empty() {
        let (c, width) = decode_last(bytes);
        if !drop(c) {
            break;
        }
        bytes = &bytes[..bytes.len() - width];
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_bytes_are_one_wide() {
        assert_eq!(decode(b"\xff\xfe"), (REPLACEMENT, 1));
        assert_eq!(decode(b"\xe2\x98"), (REPLACEMENT, 1));
        assert_eq!(decode("☃".as_bytes()), ('☃', 3));
        assert_eq!(decode(b"\xed\xa0\x80"), (REPLACEMENT, 1));
        assert_eq!(decode(b"\xc0\x80"), (REPLACEMENT, 1));
        assert_eq!(decode_last("a☃".as_bytes()), ('☃', 3));
        assert_eq!(decode_last(b"a\x98"), (REPLACEMENT, 1));
    }

    #[test]
    fn case_maps_one_to_one() {
        assert_eq!(to_upper('ß'), 'ß');
        assert_eq!(to_upper('ᾳ'), 'ᾼ');
        assert_eq!(to_lower('İ'), 'i');
        assert_eq!(to_title('ǆ'), 'ǅ');
    }
}
