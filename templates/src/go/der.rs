//! DER, written piece by piece.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Content with its tag and length.
pub(crate) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        len @ 0..0x80 => out.push(len as u8),
        len => {
            let bytes = len.to_be_bytes();
            let used = &bytes[bytes.iter().take_while(|&&b| b == 0).count()..];
            out.push(0x80 | used.len() as u8);
            out.extend_from_slice(used);
        }
    }
    out.extend_from_slice(content);
    out
}

/// Pieces in sequence.
pub(crate) fn sequence(pieces: &[&[u8]]) -> Vec<u8> {
    tagged(SEQUENCE, &pieces.concat())
}

/// A number that is not negative, from its big-endian bytes.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = bytes.iter().copied().skip_while(|&b| b == 0).collect();
    if digits.first().is_none_or(|&b| b >= 0x80) {
        digits.insert(0, 0);
    }
    tagged(INTEGER, &digits)
}

/// Whole bytes as a bit string.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    tagged(BIT_STRING, &[&[0], bytes].concat())
}

/// The pieces of a sequence of integers; `None` where it is anything else.
pub(crate) fn integers(text: &[u8]) -> Option<Vec<&[u8]>> {
    let (tag, mut rest, after) = read(text)?;
    if tag != SEQUENCE || !after.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    while !rest.is_empty() {
        let (tag, content, tail) = read(rest)?;
        if tag != INTEGER || content.is_empty() {
            return None;
        }
        out.push(content);
        rest = tail;
    }
    Some(out)
}

/// The tag and content of the first piece, and what follows it.
fn read(text: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = text.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7F);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        (digits.iter().fold(0, |n, &b| n << 8 | usize::from(b)), rest)
    };
    let (content, after) = rest.split_at_checked(len)?;
    Some((tag, content, after))
}
