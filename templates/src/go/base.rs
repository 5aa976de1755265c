//! Go's base64 and base32, standard alphabets with padding, and the offsets of their errors.

const STD64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const STD32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Standard base64 with padding.
pub(crate) fn encode64(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len().div_ceil(3) * 4);
    for chunk in data.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |w, &b| w << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            out.push(if place <= chunk.len() {
                STD64[(word >> (18 - 6 * place) & 63) as usize]
            } else {
                b'='
            });
        }
    }
    out
}

/// Standard base32 with padding.
pub(crate) fn encode32(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len().div_ceil(5) * 8);
    for chunk in data.chunks(5) {
        let word =
            chunk.iter().fold(0u64, |w, &b| w << 8 | u64::from(b)) << (8 * (5 - chunk.len()));
        let digits = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            out.push(if place < digits {
                STD32[(word >> (35 - 5 * place) & 31) as usize]
            } else {
                b'='
            });
        }
    }
    out
}

/// Decodes standard base64, skipping CR and LF; the error is the offset Go reports.
pub(crate) fn decode64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut at = 0;
    loop {
        let (mut word, mut have) = (0u32, 0usize);
        let mut done = false;
        while have < 4 {
            let Some(&byte) = text.get(at) else {
                // The end is only right between groups.
                return if have == 0 { Ok(out) } else { Err(at - have) };
            };
            at += 1;
            if let Some(digit) = digit64(byte) {
                word = word << 6 | digit;
                have += 1;
                continue;
            }
            if byte == b'\n' || byte == b'\r' {
                continue;
            }
            if byte != b'=' {
                return Err(at - 1);
            }
            match have {
                0 | 1 => return Err(at - 1),
                2 => {
                    while matches!(text.get(at), Some(b'\n' | b'\r')) {
                        at += 1;
                    }
                    match text.get(at) {
                        None => return Err(text.len()),
                        Some(b'=') => at += 1,
                        Some(_) => return Err(at - 1),
                    }
                }
                _ => {}
            }
            while matches!(text.get(at), Some(b'\n' | b'\r')) {
                at += 1;
            }
            if at < text.len() {
                return Err(at);
            }
            done = true;
            break;
        }
        let bytes = (word << (6 * (4 - have))).to_be_bytes();
        out.extend_from_slice(&bytes[1..have.max(1)]);
        if done {
            return Ok(out);
        }
    }
}

fn digit64(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Decodes standard base32; the error is the offset Go reports (line breaks not counted).
pub(crate) fn decode32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|&b| b != b'\r' && b != b'\n')
        .collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    let mut rest = text.as_slice();
    let mut end = false;
    while !rest.is_empty() && !end {
        let mut digits = [0u8; 8];
        let mut len = 8;
        let mut j = 0;
        while j < 8 {
            let Some((&byte, tail)) = rest.split_first() else {
                return Err(text.len() - rest.len() - j);
            };
            rest = tail;
            if byte == b'=' && j >= 2 && rest.len() < 8 {
                if rest.len() + j < 7 {
                    return Err(text.len());
                }
                for (k, &pad) in rest.iter().enumerate().take(7 - j) {
                    if pad != b'=' {
                        return Err(text.len() - rest.len() + k - 1);
                    }
                }
                len = j;
                end = true;
                if matches!(len, 1 | 3 | 6) {
                    return Err(text.len() - rest.len() - 1);
                }
                break;
            }
            digits[j] = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'2'..=b'7' => byte - b'2' + 26,
                _ => return Err(text.len() - rest.len() - 1),
            };
            j += 1;
        }
        let word = digits.iter().fold(0u64, |w, &d| w << 5 | u64::from(d));
        let bytes = word.to_be_bytes();
        out.extend_from_slice(&bytes[3..3 + len * 5 / 8]);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_point_where_go_points() {
        assert_eq!(decode64(b"!!!"), Err(0));
        assert_eq!(decode64(b"aGVsbG8=aGVsbG8="), Err(8));
        assert_eq!(decode64(b"aGVsbG8"), Err(4));
        assert_eq!(decode64(b"aGVs bG8="), Err(4));
        assert_eq!(decode64(b"YQ=="), Ok(b"a".to_vec()));
        assert_eq!(decode64(b"YWI="), Ok(b"ab".to_vec()));
        assert_eq!(decode64(b"YWJj\n"), Ok(b"abc".to_vec()));
        assert_eq!(decode32(b"nbswy3dp"), Err(0));
        assert_eq!(decode32(b"NBSWY3DP"), Ok(b"hello".to_vec()));
        assert_eq!(decode32(b"ME======"), Ok(b"a".to_vec()));
        assert_eq!(encode32(b"a"), b"ME======");
        assert_eq!(encode64(b"ab"), b"YWI=");
    }
}
