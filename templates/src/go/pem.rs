//! PEM blocks, read and written as Go's `encoding/pem` does.

use super::base::{decode64, encode64};
use crate::go::search::find;

/// One block: its type and its bytes.
pub(crate) fn encode(label: &str, data: &[u8]) -> Vec<u8> {
    let mut out = format!("-----BEGIN {label}-----\n").into_bytes();
    for line in encode64(data).chunks(64) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    out
}

/// The first block of a text: its type and its bytes.
pub(crate) fn decode(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut rest = text;
    loop {
        // A block begins at the start of a line.
        let start = if rest.starts_with(b"-----BEGIN ") {
            0
        } else {
            find(rest, b"\n-----BEGIN ")? + 1
        };
        let after = &rest[start + b"-----BEGIN ".len()..];
        rest = after;
        let line_end = after
            .iter()
            .position(|&b| b == b'\n')
            .unwrap_or(after.len());
        let line = trim_end(&after[..line_end]);
        let Some(label) = line.strip_suffix(b"-----") else {
            continue;
        };
        let mut body = after.get(line_end + 1..).unwrap_or_default();
        // Headers are lines with a colon, up to the first without.
        while let Some(end) = body.iter().position(|&b| b == b'\n') {
            if !body[..end].contains(&b':') {
                break;
            }
            body = &body[end + 1..];
        }
        let footer = [b"-----END ", label, b"-----"].concat();
        let end = if body.starts_with(&footer) {
            Some(0)
        } else {
            find(body, &[b"\n", footer.as_slice()].concat())
        };
        let Some(end) = end else { continue };
        let digits: Vec<u8> = body[..end]
            .iter()
            .copied()
            .filter(|b| !b" \t\r\n".contains(b))
            .collect();
        if let Ok(data) = decode64(&digits) {
            return Some((label.to_vec(), data));
        }
    }
}

fn trim_end(line: &[u8]) -> &[u8] {
    let spaces = line
        .iter()
        .rev()
        .take_while(|b| b" \t\r".contains(b))
        .count();
    &line[..line.len() - spaces]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_survives() {
        let text = encode("X Y", &[7; 100]);
        assert_eq!(decode(&text), Some((b"X Y".to_vec(), vec![7; 100])));
        assert_eq!(decode(b"nothing here"), None);
        assert_eq!(
            decode(b"x\n-----BEGIN A-----\n-----END A-----\n"),
            Some((b"A".to_vec(), vec![]))
        );
    }
}
