//! Walks a value and writes it by a verb.

use crate::fault::{Fault, Meter, fail};
use crate::stack;
use crate::time::{Time, Zone, duration, month_name, weekday_name};
use crate::value::{Elem, Str, Type, Value};
use zeroize::Zeroize;

/// Go prints an address here, which would differ from run to run.
const NO_ADDRESS: &str = "an address can't be printed";

/// The flags, width and precision of one verb.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`
    pub(super) plus_v: bool,
    /// `%#v`
    pub(super) sharp_v: bool,
}

pub(super) struct Printer<'m> {
    pub(super) meter: &'m mut Meter,
    pub(super) out: Vec<u8>,
    pub(super) flags: Flags,
    /// Writing what a bad verb was given: no methods.
    erroring: bool,
    depth: usize,
}

impl<'m> Printer<'m> {
    pub(super) fn new(meter: &'m mut Meter) -> Self {
        Self {
            meter,
            out: Vec::new(),
            flags: Flags::default(),
            erroring: false,
            depth: 0,
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    pub(super) fn clear_flags(&mut self) {
        self.flags = Flags::default();
    }

    /// Asks for room for `more` bytes of output.
    pub(super) fn reserve(&mut self, more: usize) -> Result<(), Fault> {
        self.meter.reserve(self.out.len() + more)?;
        self.meter.handle(more)
    }

    /// One operand of a print function.
    pub(super) fn argument(&mut self, value: &Value, verb: char) -> Result<(), Fault> {
        self.meter.spend(1)?;
        if value.is_nothing() {
            if matches!(verb, 'T' | 'v') {
                return self.pad(b"<nil>");
            }
            return self.bad_verb(value, verb);
        }
        match verb {
            'T' => {
                self.string(value.type_name().as_bytes(), 's')?;
                Ok(())
            }
            'p' => match value.ty() {
                Some(Type::List(_) | Type::Map(_) | Type::Location | Type::VersionPointer) => {
                    fail(NO_ADDRESS)
                }
                _ => self.bad_verb(value, verb),
            },
            _ => self.value(value, verb, 0),
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) -> Result<(), Fault> {
        self.meter.spend(1)?;
        if let Value::List(list) = value
            && list.elem() == Elem::Byte
            && (depth == 0 || matches!(verb, 's' | 'q' | 'x' | 'X'))
            && matches!(verb, 'v' | 'd' | 's' | 'q' | 'x' | 'X')
        {
            return self.bytes(value, verb, depth == 0);
        }
        if self.method(value, verb)? {
            return Ok(());
        }
        if verb == 'w' && !self.erroring {
            // Only for errors, of which a template has none.
            return self.bad_verb(value, verb);
        }
        let handled = match value {
            Value::Invalid | Value::Nil => {
                let text: &[u8] = if self.flags.sharp_v {
                    b"interface {}(nil)"
                } else {
                    b"<nil>"
                };
                self.out.extend_from_slice(text);
                true
            }
            Value::Bool(b) => self.boolean(*b, verb)?,
            Value::Int(n)
            | Value::Int64(n)
            | Value::Duration(n)
            | Value::Month(n)
            | Value::Weekday(n) => self.integer(n.unsigned_abs(), *n < 0, true, verb)?,
            Value::Uint8(n) => self.integer(u64::from(*n), false, false, verb)?,
            Value::Uint32(n) => self.integer(u64::from(*n), false, false, verb)?,
            Value::Uint64(n) => self.integer(*n, false, false, verb)?,
            Value::Float(n) => self.float(*n, verb)?,
            Value::Complex(re, im) => self.complex(*re, *im, verb)?,
            Value::Str(text) => self.string(text, verb)?,
            Value::List(list) => {
                let open: &[u8] = if self.flags.sharp_v { b"{" } else { b"[" };
                if self.flags.sharp_v {
                    self.out.extend_from_slice(value.type_name().as_bytes());
                    if list.is_nil() {
                        self.out.extend_from_slice(b"(nil)");
                        return Ok(());
                    }
                }
                self.out.extend_from_slice(open);
                self.elements(list.items().iter().map(|item| (None, item)), verb, depth)?;
                self.out.push(if self.flags.sharp_v { b'}' } else { b']' });
                true
            }
            Value::Map(map) => {
                if self.flags.sharp_v {
                    self.out.extend_from_slice(value.type_name().as_bytes());
                    if map.is_nil() {
                        self.out.extend_from_slice(b"(nil)");
                        return Ok(());
                    }
                    self.out.push(b'{');
                } else {
                    self.out.extend_from_slice(b"map[");
                }
                let entries = map.entries();
                self.elements(entries.iter().map(|(k, v)| (Some(k), v)), verb, depth)?;
                self.out.push(if self.flags.sharp_v { b'}' } else { b']' });
                true
            }
            Value::Certificate(c) => {
                let fields = [
                    ("Cert", Value::Str(c.cert.clone())),
                    ("Key", Value::Str(c.key.clone())),
                ];
                self.fields(value, &fields, verb, depth)?;
                true
            }
            Value::Version { version, pointer } => {
                if *pointer {
                    if depth > 0 {
                        return fail(NO_ADDRESS);
                    }
                    self.out.push(b'&');
                }
                let fields = version.fields();
                let inner = Value::Version {
                    version: version.clone(),
                    pointer: false,
                };
                self.fields(&inner, &fields, verb, depth)?;
                true
            }
            Value::Time(time) if matches!(time.zone, Zone::Utc) => {
                let (nanos, seconds) = (
                    time.nanos as u64,
                    time.seconds.wrapping_sub(Time::zero().seconds),
                );
                let fields = [
                    ("wall", Value::Uint64(nanos)),
                    ("ext", Value::Int64(seconds)),
                ];
                self.time_fields(&fields, verb, depth)?;
                true
            }
            Value::Time(_) | Value::Location(_) => return fail(NO_ADDRESS),
        };
        if handled {
            Ok(())
        } else {
            self.bad_verb(value, verb)
        }
    }

    /// Values with a `String` or `GoString` method. False where it doesn't apply.
    fn method(&mut self, value: &Value, verb: char) -> Result<bool, Fault> {
        if self.erroring {
            return Ok(false);
        }
        if self.flags.sharp_v {
            return match value {
                Value::Time(time) => {
                    let text = time.go_string();
                    self.string_plain(text.as_bytes())?;
                    Ok(true)
                }
                _ => Ok(false),
            };
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return Ok(false);
        }
        match value {
            Value::Time(_)
            | Value::Duration(_)
            | Value::Month(_)
            | Value::Weekday(_)
            | Value::Location(_)
            | Value::Version { .. } => {
                if let Some(text) = stringer(value) {
                    self.string(&text, verb)?;
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn string_plain(&mut self, text: &[u8]) -> Result<(), Fault> {
        let sharp = std::mem::take(&mut self.flags.sharp_v);
        let result = self.string(text, 's');
        self.flags.sharp_v = sharp;
        result.map(|_| ())
    }

    fn elements<'v>(
        &mut self,
        items: impl Iterator<Item = (Option<&'v Str>, &'v Value)>,
        verb: char,
        depth: usize,
    ) -> Result<(), Fault> {
        self.meter.enter(&mut self.depth)?;
        for (i, (key, item)) in items.enumerate() {
            if i > 0 {
                self.out
                    .extend_from_slice(if self.flags.sharp_v { b", " } else { b" " });
            }
            if let Some(key) = key {
                self.value(&Value::Str(key.clone()), verb, depth + 1)?;
                self.out.push(b':');
            }
            stack::grow(|| self.value(item, verb, depth + 1))?;
            if self.out.len() > self.meter.limits.memory {
                return Err(Fault::Limit("the template uses too much memory"));
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn fields(
        &mut self,
        of: &Value,
        fields: &[(&str, Value)],
        verb: char,
        depth: usize,
    ) -> Result<(), Fault> {
        if self.flags.sharp_v {
            self.out.extend_from_slice(of.type_name().as_bytes());
        }
        self.out.push(b'{');
        for (i, (name, value)) in fields.iter().enumerate() {
            if i > 0 {
                self.out
                    .extend_from_slice(if self.flags.sharp_v { b", " } else { b" " });
            }
            if self.flags.sharp_v || self.flags.plus_v {
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b':');
            }
            self.value(value, verb, depth + 1)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    /// A time as a struct: its fields, and the nil pointer that stands for UTC.
    fn time_fields(
        &mut self,
        fields: &[(&str, Value)],
        verb: char,
        depth: usize,
    ) -> Result<(), Fault> {
        self.out.push(b'{');
        for (name, value) in fields {
            if self.flags.plus_v {
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b':');
            }
            self.value(value, verb, depth + 1)?;
            self.out.push(b' ');
        }
        if self.flags.plus_v {
            self.out.extend_from_slice(b"loc:");
        }
        match verb {
            'v' => self.pad(b"<nil>")?,
            'b' | 'o' | 'd' | 'x' | 'X' => {
                self.integer(0, false, false, verb)?;
            }
            _ => {
                self.out.extend_from_slice(b"%!");
                crate::go::runes::push(&mut self.out, verb);
                self.out.extend_from_slice(b"(*time.Location=<nil>)");
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn bytes(&mut self, value: &Value, verb: char, top: bool) -> Result<(), Fault> {
        let Value::List(list) = value else {
            return Ok(());
        };
        let bytes: Vec<u8> = list
            .items()
            .iter()
            .filter_map(|b| match b {
                Value::Uint8(b) => Some(*b),
                _ => None,
            })
            .collect();
        if !matches!(verb, 'v' | 'd') {
            self.string(&bytes, verb)?;
            return Ok(());
        }
        if self.flags.sharp_v {
            self.out
                .extend_from_slice(if top { b"[]byte{" } else { b"[]uint8{" });
        } else {
            self.out.push(b'[');
        }
        for (i, &byte) in bytes.iter().enumerate() {
            if i > 0 {
                self.out
                    .extend_from_slice(if self.flags.sharp_v { b", " } else { b" " });
            }
            if self.flags.sharp_v {
                self.hex0x(u64::from(byte))?;
            } else {
                self.integer(u64::from(byte), false, false, 'd')?;
            }
        }
        self.out.push(if self.flags.sharp_v { b'}' } else { b']' });
        Ok(())
    }

    fn bad_verb(&mut self, value: &Value, verb: char) -> Result<(), Fault> {
        let erroring = std::mem::replace(&mut self.erroring, true);
        self.out.extend_from_slice(b"%!");
        crate::go::runes::push(&mut self.out, verb);
        self.out.push(b'(');
        self.out.extend_from_slice(value.type_name().as_bytes());
        if !value.is_nothing() {
            self.out.push(b'=');
            self.value(value, 'v', 0)?;
        }
        self.out.push(b')');
        self.erroring = erroring;
        Ok(())
    }
}

impl Drop for Printer<'_> {
    fn drop(&mut self) {
        self.out.zeroize();
    }
}

/// The text of the `String` method, for the types that have one.
pub(crate) fn stringer(value: &Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::Time(time) => time.to_text(),
        Value::Duration(n) => duration::format(*n).into_bytes(),
        Value::Month(n) => month_name(*n),
        Value::Weekday(n) => weekday_name(*n),
        Value::Location(zone) => zone.name().as_bytes().to_vec(),
        Value::Version { version, .. } => version.to_text(),
        _ => return None,
    })
}
