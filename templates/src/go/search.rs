//! Searching in bytes.

/// Where `needle` begins in `text`.
pub(crate) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    let (&first, tail) = needle.split_first()?;
    let mut from = 0;
    while let Some(at) = text.get(from..)?.iter().position(|&b| b == first) {
        let at = from + at;
        if text[at + 1..].starts_with(tail) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Where `needle` last begins in `text`.
pub(crate) fn rfind(text: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=text.len().checked_sub(needle.len())?)
        .rev()
        .find(|&at| text[at..].starts_with(needle))
}
