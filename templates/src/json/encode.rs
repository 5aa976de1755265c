//! Writing: map keys in order, floats as JavaScript writes them, `<`, `>` and `&` escaped.

use crate::fault::{Fault, Meter, fail};
use crate::go::{base, float, runes};
use crate::stack;
use crate::value::{Elem, Str, Value};

/// `json.Marshal`, with or without the escaping of HTML.
pub(crate) fn encode(meter: &mut Meter, value: &Value, escape: bool) -> Result<Vec<u8>, Fault> {
    run(meter, value, escape, false)
}

/// `json.MarshalIndent` with two spaces.
pub(crate) fn encode_indented(meter: &mut Meter, value: &Value) -> Result<Vec<u8>, Fault> {
    run(meter, value, true, true)
}

fn run(meter: &mut Meter, value: &Value, escape: bool, indent: bool) -> Result<Vec<u8>, Fault> {
    let mut encoder = Encoder {
        meter,
        out: Vec::new(),
        escape,
        indent,
        depth: 0,
        path: Vec::new(),
    };
    encoder.value(value)?;
    Ok(encoder.out)
}

struct Encoder<'m> {
    meter: &'m mut Meter,
    out: Vec<u8>,
    escape: bool,
    indent: bool,
    depth: usize,
    /// The maps around the current value.
    path: Vec<usize>,
}

impl Encoder<'_> {
    fn value(&mut self, value: &Value) -> Result<(), Fault> {
        self.meter.spend(1)?;
        match value {
            Value::Invalid | Value::Nil => self.out.extend_from_slice(b"null"),
            Value::Bool(b) => self
                .out
                .extend_from_slice(if *b { b"true" } else { b"false" }),
            Value::Float(n) => self.float(*n)?,
            Value::Complex(..) => return fail("json: unsupported type: complex128"),
            Value::Str(text) => self.string(text)?,
            Value::Time(time) => match time.rfc3339() {
                Some(text) => {
                    self.out.push(b'"');
                    self.out.extend_from_slice(&text);
                    self.out.push(b'"');
                }
                None => return fail("json: year outside of range [0,9999]"),
            },
            Value::Version { version, .. } => self.string(&version.to_text())?,
            Value::Location(_) => self.out.extend_from_slice(b"{}"),
            Value::Certificate(c) => {
                let fields = [
                    ("Cert".into(), Value::Str(c.cert.clone())),
                    ("Key".into(), Value::Str(c.key.clone())),
                ];
                self.object(&fields)?;
            }
            Value::List(list) if list.is_nil() => self.out.extend_from_slice(b"null"),
            Value::List(list) if list.elem() == Elem::Byte => {
                let bytes: Vec<u8> = list
                    .items()
                    .iter()
                    .map(|b| match b {
                        Value::Uint8(b) => *b,
                        _ => 0,
                    })
                    .collect();
                self.string(&base::encode64(&bytes))?;
            }
            Value::List(list) => self.array(list.items())?,
            Value::Map(map) if map.is_nil() => self.out.extend_from_slice(b"null"),
            Value::Map(map) => {
                let address = map.address();
                if self.path.contains(&address) {
                    return fail("json: unsupported value: encountered a cycle");
                }
                self.path.push(address);
                self.object(&map.entries())?;
                self.path.pop();
            }
            _ => {
                let text = match value.as_unsigned() {
                    Some(n) => n.to_string(),
                    None => value.as_signed().unwrap_or(0).to_string(),
                };
                self.out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(())
    }

    fn array(&mut self, items: &[Value]) -> Result<(), Fault> {
        self.out.push(b'[');
        self.meter.enter(&mut self.depth)?;
        for (i, item) in items.iter().enumerate() {
            self.separate(i)?;
            stack::grow(|| self.value(item))?;
        }
        self.close(b']', items.is_empty())
    }

    fn object(&mut self, entries: &[(Str, Value)]) -> Result<(), Fault> {
        self.out.push(b'{');
        self.meter.enter(&mut self.depth)?;
        for (i, (key, item)) in entries.iter().enumerate() {
            self.separate(i)?;
            self.string(key)?;
            self.out
                .extend_from_slice(if self.indent { b": " } else { b":" });
            stack::grow(|| self.value(item))?;
        }
        self.close(b'}', entries.is_empty())
    }

    fn separate(&mut self, i: usize) -> Result<(), Fault> {
        if i > 0 {
            self.out.push(b',');
        }
        self.line()
    }

    fn close(&mut self, bracket: u8, empty: bool) -> Result<(), Fault> {
        self.depth -= 1;
        if !empty {
            self.line()?;
        }
        self.out.push(bracket);
        Ok(())
    }

    fn line(&mut self) -> Result<(), Fault> {
        if self.indent {
            self.meter.reserve(self.out.len() + 2 * self.depth)?;
            self.meter.handle(2 * self.depth)?;
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.depth, b' ');
        }
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<(), Fault> {
        if !value.is_finite() {
            return fail("json: unsupported value: a float that is not finite");
        }
        let magnitude = value.abs();
        if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            let text = float::format(value, b'e', -1);
            // e-09 is written e-9.
            let text = match text.split_once("e-0") {
                Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
                None => text,
            };
            self.out.extend_from_slice(text.as_bytes());
        } else {
            self.out
                .extend_from_slice(float::format(value, b'f', -1).as_bytes());
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) -> Result<(), Fault> {
        self.meter.reserve(self.out.len() + text.len() * 2)?;
        self.meter.handle(text.len())?;
        self.out.push(b'"');
        for (at, c, width) in runes::runes(text) {
            match c {
                '"' => self.out.extend_from_slice(b"\\\""),
                '\\' => self.out.extend_from_slice(b"\\\\"),
                '\x08' => self.out.extend_from_slice(b"\\b"),
                '\x0C' => self.out.extend_from_slice(b"\\f"),
                '\n' => self.out.extend_from_slice(b"\\n"),
                '\r' => self.out.extend_from_slice(b"\\r"),
                '\t' => self.out.extend_from_slice(b"\\t"),
                '<' | '>' | '&' if !self.escape => self.out.push(c as u8),
                '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    self.out
                        .extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
                }
                runes::REPLACEMENT if width == 1 => self.out.extend_from_slice(b"\\ufffd"),
                _ => self.out.extend_from_slice(&text[at..at + width]),
            }
        }
        self.out.push(b'"');
        Ok(())
    }
}
