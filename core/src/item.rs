//! The text of one item in `spec.encryptedData`: an envelope in base64.
//!
//! Manifests are wrapped, indented and edited by people and tools, and what one implementation reads
//! the other must read, so decoding follows the exact rules of Go's `base64.StdEncoding`:
//!
//! - carriage returns and line feeds are ignored wherever they stand, also inside the padding; every
//!   other white space is refused;
//! - padding is required;
//! - bits of the last symbol that carry no data may have any value;
//! - an error names the same offset, because scripts match on it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Marks a byte that is not in the alphabet.
const INVALID: u8 = 0xff;

/// The value of each byte in the standard alphabet (RFC 4648, section 4).
const SYMBOLS: [u8; 256] = symbols();

/// Writes an envelope as text: standard base64, padded, in one line.
pub fn encode(envelope: &[u8]) -> String {
    STANDARD.encode(envelope)
}

/// Reads an item's text back into bytes.
///
/// # Errors
/// The text is not standard padded base64 in the sense of this module.
pub fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    let mut bytes = Vec::new();
    decode_into(&mut bytes, text.as_bytes())?;
    Ok(bytes)
}

/// Reads a text into `bytes`, which grows at most once: whoever owns it can wipe all of it, also
/// after an error.
pub(crate) fn decode_into(bytes: &mut Vec<u8>, text: &[u8]) -> Result<(), Base64Error> {
    bytes.reserve_exact(text.len() / 4 * 3 + 3);
    let mut cursor = Cursor { text, position: 0 };
    while let Some(group) = cursor.group()? {
        let [a, b, c, d] = group.symbols;
        let group_bytes = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
        bytes.extend_from_slice(group_bytes.get(..3 - group.padding).unwrap_or_default());
    }
    Ok(())
}

/// An item's text is not base64.
///
/// The message is the one Go's `base64.CorruptInputError` gives, offset included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {offset}")]
pub struct Base64Error {
    offset: usize,
}

impl Base64Error {
    /// Where the text went wrong, in bytes from its start, counted as Go does: the offending byte, or
    /// for a text that breaks off, the end less the symbols of the broken group.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// Four symbols, of which the last `padding` (at most two) stand for padding.
struct Group {
    symbols: [u8; 4],
    padding: usize,
}

struct Cursor<'a> {
    text: &'a [u8],
    position: usize,
}

impl Cursor<'_> {
    /// The next group, or `None` at the end of the text. A padded group is the last: after it only
    /// line ends may follow.
    fn group(&mut self) -> Result<Option<Group>, Base64Error> {
        if let Some(group) = self.plain_group() {
            return Ok(Some(group));
        }
        let mut symbols = [0; 4];
        for found in 0..4 {
            self.skip_line_ends();
            let Some(byte) = self.next() else {
                return match found {
                    0 => Ok(None),
                    _ => Err(Base64Error {
                        offset: self.text.len() - found,
                    }),
                };
            };
            match SYMBOLS.get(usize::from(byte)) {
                Some(&value) if value != INVALID => {
                    if let Some(symbol) = symbols.get_mut(found) {
                        *symbol = value;
                    }
                }
                _ if byte == b'=' && found >= 2 => {
                    self.rest_of_padding(found)?;
                    return Ok(Some(Group {
                        symbols,
                        padding: 4 - found,
                    }));
                }
                _ => {
                    return Err(Base64Error {
                        offset: self.position - 1,
                    });
                }
            }
        }
        Ok(Some(Group {
            symbols,
            padding: 0,
        }))
    }

    /// The common case, kept short for speed: four symbols in a row.
    fn plain_group(&mut self) -> Option<Group> {
        let (chunk, _) = self.text.get(self.position..)?.split_first_chunk::<4>()?;
        let symbols = chunk.map(|byte| SYMBOLS.get(usize::from(byte)).copied().unwrap_or(INVALID));
        if symbols.contains(&INVALID) {
            return None;
        }
        self.position += 4;
        Some(Group {
            symbols,
            padding: 0,
        })
    }

    /// What follows the first `=`, which came after `found` symbols: a second one if it takes two,
    /// then nothing but line ends.
    fn rest_of_padding(&mut self, found: usize) -> Result<(), Base64Error> {
        self.skip_line_ends();
        if found == 2 {
            match self.peek() {
                None => {
                    return Err(Base64Error {
                        offset: self.text.len(),
                    });
                }
                // Go blames the byte before the one that is not an equals sign.
                Some(byte) if byte != b'=' => {
                    return Err(Base64Error {
                        offset: self.position - 1,
                    });
                }
                Some(_) => self.position += 1,
            }
            self.skip_line_ends();
        }
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Base64Error {
                offset: self.position,
            }),
        }
    }

    fn skip_line_ends(&mut self) {
        while let Some(b'\r' | b'\n') = self.peek() {
            self.position += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.position += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }
}

const fn symbols() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [INVALID; 256];
    let mut value = 0;
    while value < alphabet.len() {
        values[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    values
}
