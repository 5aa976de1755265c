//! Reading: objects become maps, numbers floats; a syntax error spoils everything.

use crate::fault::{Fault, Meter, fail};
use crate::go::number::parse_float;
use crate::go::runes;
use crate::stack;
use crate::value::{Elem, List, Map, MapKind, Str, Value};

/// Arrays and objects within each other, as Go allows.
const MAX_DEPTH: usize = 10_000;

/// `json.Unmarshal` into an `interface{}`: the value, and whether Go reports an error although
/// it has one (a number too large is nil).
pub(crate) fn decode(meter: &mut Meter, text: &[u8]) -> Result<(Value, bool), Fault> {
    meter.handle(text.len())?;
    let mut decoder = Decoder {
        meter,
        text,
        at: 0,
        depth: 0,
        overflow: false,
    };
    let value = decoder.value()?;
    decoder.space();
    if decoder.at < text.len() {
        return fail("invalid character after top-level value");
    }
    Ok((value, decoder.overflow))
}

struct Decoder<'a, 'm> {
    meter: &'m mut Meter,
    text: &'a [u8],
    at: usize,
    depth: usize,
    overflow: bool,
}

impl Decoder<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Value, Fault> {
        self.meter.spend(1)?;
        self.space();
        match self.peek() {
            Some(b'{') => stack::grow(|| self.object()),
            Some(b'[') => stack::grow(|| self.array()),
            Some(b'"') => Ok(Value::Str(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Nil),
            Some(_) => fail("invalid character looking for beginning of value"),
            None => fail("unexpected end of JSON input"),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, Fault> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        fail("invalid character in literal")
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return fail("exceeded max depth");
        }
        Ok(())
    }

    fn array(&mut self) -> Result<Value, Fault> {
        self.enter()?;
        let mut items = Vec::new();
        self.space();
        if !self.accept(b']') {
            loop {
                items.push(self.value()?);
                self.space();
                if self.accept(b',') {
                    continue;
                }
                if self.accept(b']') {
                    break;
                }
                return fail("invalid character after array element");
            }
        }
        self.depth -= 1;
        Ok(Value::List(List::appended(Elem::Any, items)))
    }

    fn object(&mut self) -> Result<Value, Fault> {
        self.enter()?;
        let map = Map::new(MapKind::Any);
        self.space();
        if !self.accept(b'}') {
            loop {
                self.space();
                if self.peek() != Some(b'"') {
                    return fail("invalid character looking for beginning of object key string");
                }
                let key = self.string()?;
                self.space();
                if !self.accept(b':') {
                    return fail("invalid character after object key");
                }
                let value = self.value()?;
                map.insert(key, value);
                self.space();
                if self.accept(b',') {
                    continue;
                }
                if self.accept(b'}') {
                    break;
                }
                return fail("invalid character after object key:value pair");
            }
        }
        self.depth -= 1;
        Ok(Value::Map(map))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            fail("invalid character in numeric literal")
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        self.accept(b'-');
        if !self.accept(b'0') {
            self.digits()?;
        }
        if self.accept(b'.') {
            self.digits()?;
        }
        if self.accept(b'e') || self.accept(b'E') {
            if !self.accept(b'+') {
                self.accept(b'-');
            }
            self.digits()?;
        }
        match parse_float(&self.text[start..self.at]) {
            Some(number) => Ok(Value::Float(number)),
            None => {
                self.overflow = true;
                Ok(Value::Nil)
            }
        }
    }

    fn string(&mut self) -> Result<Str, Fault> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(&byte) = rest.first() else {
                return fail("unexpected end of JSON input");
            };
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(Str::from_vec(out));
                }
                b'\\' => self.escape(&mut out)?,
                0..b' ' => return fail("invalid character in string literal"),
                _ => {
                    let (c, width) = runes::decode(rest);
                    runes::push(&mut out, c);
                    self.at += width;
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Some(&kind) = self.text.get(self.at + 1) else {
            return fail("unexpected end of JSON input");
        };
        self.at += 2;
        match kind {
            b'"' | b'\\' | b'/' => out.push(kind),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let Some(first) = self.hex4(self.at) else {
                    return fail("invalid character in \\u hexadecimal character escape");
                };
                self.at += 4;
                let mut c = char::from_u32(first);
                if c.is_none()
                    && first < 0xDC00
                    && self.text[self.at..].starts_with(b"\\u")
                    && let Some(second @ 0xDC00..0xE000) = self.hex4(self.at + 2)
                {
                    c = char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00));
                    self.at += 6;
                }
                runes::push(out, c.unwrap_or(runes::REPLACEMENT));
            }
            _ => return fail("invalid character in string escape code"),
        }
        Ok(())
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        self.text
            .get(at..at + 4)?
            .iter()
            .try_fold(0, |value, &digit| {
                char::from(digit).to_digit(16).map(|d| value << 4 | d)
            })
    }
}
