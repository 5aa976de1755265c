//! Finding blocks in a PEM file (RFC 7468), as leniently as users' files need it.
//!
//! Anything may stand around and between blocks. Lines may end in CRLF, be of any length, and the last
//! may lack its end. Old-style headers (`Proc-Type: 4,ENCRYPTED`) are recognised. A block that is
//! broken is skipped, and reading goes on behind its first line.

use zeroize::Zeroizing;

use crate::item;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// UTF-8's, which some editors put in front of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The longest line that is written: RFC 7468 asks for exactly this.
const LINE: usize = 64;

/// One block. The content is zeroized, because it may be a private key.
pub(crate) struct Block<'a> {
    /// The text between `-----BEGIN ` and the dashes.
    pub(crate) kind: &'a str,
    /// Whether a header says that the content is encrypted (RFC 1421, section 4.6.1.1).
    pub(crate) encrypted: bool,
    /// The decoded content.
    pub(crate) content: Zeroizing<Vec<u8>>,
}

/// The well-formed blocks of a file, in their order.
pub(crate) fn blocks(file: &[u8]) -> Blocks<'_> {
    Blocks {
        rest: file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file),
    }
}

/// Writes one block, with lines of 64 characters ending in LF.
pub(crate) fn write(kind: &str, content: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(item::encode(content));
    let lines = body.len().div_ceil(LINE);
    // The capacity must suffice: a string that grows leaves copies of a key behind.
    let capacity = body.len() + lines + 2 * (END.len() + kind.len() + DASHES.len() + 3);
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    let mut push = |parts: &[&str]| {
        parts.iter().for_each(|part| text.push_str(part));
        text.push('\n');
    };
    push(&[BEGIN, kind, DASHES]);
    let mut rest = body.as_str();
    while let Some((line, after)) = rest.split_at_checked(LINE.min(rest.len()))
        && !line.is_empty()
    {
        push(&[line]);
        rest = after;
    }
    push(&[END, kind, DASHES]);
    text
}

pub(crate) struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        while let Some(line) = next_line(&mut self.rest) {
            let Some(kind) = marker(line, BEGIN) else {
                continue;
            };
            let mut inside = self.rest;
            if let Some(block) = read_block(kind, &mut inside) {
                self.rest = inside;
                return Some(block);
            }
        }
        None
    }
}

/// Reads headers, body and last line of a block whose first line has been read.
fn read_block<'a>(kind: &'a str, rest: &mut &'a [u8]) -> Option<Block<'a>> {
    let start = *rest;
    let mut length = 0;
    let last = loop {
        let line = next_line(rest)?;
        if line.starts_with(DASHES.as_bytes()) {
            break line;
        }
        length = start.len() - rest.len();
    };
    if marker(last, END) != Some(kind) {
        return None;
    }
    let inside = std::str::from_utf8(start.get(..length)?).ok()?;
    let (headers, body) = split_headers(inside);
    let mut symbols = Zeroizing::new(String::with_capacity(body.len()));
    symbols.extend(body.chars().filter(|c| !c.is_ascii_whitespace()));
    let mut content = Zeroizing::new(Vec::new());
    item::decode_into(&mut content, symbols.as_bytes()).ok()?;
    Some(Block {
        kind,
        encrypted: headers.contains("DEK-Info:"),
        content,
    })
}

/// Cuts off the headers: where the first line has a colon, everything up to the first empty line.
fn split_headers(inside: &str) -> (&str, &str) {
    if !inside.lines().next().is_some_and(|line| line.contains(':')) {
        return ("", inside);
    }
    let mut length = 0;
    for line in inside.split_inclusive('\n') {
        length += line.len();
        if line.trim().is_empty() {
            break;
        }
    }
    inside.split_at(length)
}

/// The kind named in a first or last line.
fn marker<'a>(line: &'a [u8], start: &str) -> Option<&'a str> {
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix(start)?.trim_end().strip_suffix(DASHES)
}

/// Takes the next line off `rest`, without its end.
fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let mut parts = rest.splitn(2, |&byte| byte == b'\n');
    let line = parts.next().unwrap_or_default();
    *rest = parts.next().unwrap_or_default();
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Vec<(&str, bool, Vec<u8>)> {
        blocks(file.as_bytes())
            .map(|b| (b.kind, b.encrypted, b.content.to_vec()))
            .collect()
    }

    #[test]
    fn written_blocks_are_read_back() {
        for length in [0, 1, 47, 48, 49, 96, 1000] {
            let content: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let text = write("A B", &content);
            assert!(text.lines().all(|line| line.len() <= 64), "{}", *text);
            assert!(text.capacity() < 2 * text.len() + 64);
            assert_eq!(read(&text), [("A B", false, content)]);
        }
    }

    #[test]
    fn text_around_blocks_is_skipped() {
        let file = "subject=x\n-----BEGIN A-----\nAAAA\n-----END A-----\nmore: text\n\
                    -----BEGIN B-----\nBBBB\n-----END B-----";
        assert_eq!(
            read(file),
            [("A", false, vec![0, 0, 0]), ("B", false, vec![4, 16, 65])]
        );
    }

    #[test]
    fn line_ends_and_widths_do_not_matter() {
        let file = "-----BEGIN A-----  \r\nA\r\n AA\t\r\n\r\nA\r\n-----END A-----\r\n";
        assert_eq!(read(file), [("A", false, vec![0, 0, 0])]);
    }

    #[test]
    fn broken_blocks_are_skipped() {
        let good = "-----BEGIN C-----\nAAAA\n-----END C-----\n";
        for broken in [
            "-----BEGIN A-----\n",
            "-----BEGIN A-----\nAAAA\n",
            "-----BEGIN A-----\nAAA\n-----END A-----\n",
            "-----BEGIN A-----\n?AAA\n-----END A-----\n",
            "-----BEGIN A-----\nAAAA\n-----END B-----\n",
            "-----BEGIN A--\nAAAA\n-----END A-----\n",
            " -----BEGIN A-----\nAAAA\n-----END A-----\n",
        ] {
            assert_eq!(read(broken), []);
            assert_eq!(
                read(&format!("{broken}{good}")),
                [("C", false, vec![0, 0, 0])],
                "{broken}"
            );
        }
    }

    #[test]
    fn headers_are_recognised() {
        let file = "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END A-----\n";
        assert_eq!(read(file), [("A", true, vec![0, 0, 0])]);
        let file = "-----BEGIN A-----\nComment: hello\n\nAAAA\n-----END A-----\n";
        assert_eq!(read(file), [("A", false, vec![0, 0, 0])]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let file = "\u{feff}-----BEGIN A-----\nAAAA\n-----END A-----\n";
        assert_eq!(read(file), [("A", false, vec![0, 0, 0])]);
    }

    #[test]
    fn bytes_that_are_not_text_are_skipped() {
        let file =
            b"\xff\xfe\n-----BEGIN \xff-----\n-----BEGIN A-----\nAAAA\n-----END A-----\n\xff";
        let kinds: Vec<_> = blocks(file).map(|block| block.kind).collect();
        assert_eq!(kinds, ["A"]);
    }
}
