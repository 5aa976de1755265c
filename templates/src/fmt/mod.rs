//! Go's `fmt`: `Sprint`, `Sprintf`, `Sprintln` and their verbs.

pub(crate) mod printer;
mod verbs;

use crate::fault::{Fault, Meter};
use crate::go::runes;
use crate::value::Value;
use printer::Printer;

/// `fmt.Sprint`: a space between two operands when neither is a string.
pub(crate) fn sprint(meter: &mut Meter, values: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut printer = Printer::new(meter);
    let mut after_string = false;
    for (i, value) in values.iter().enumerate() {
        let string = matches!(value, Value::Str(_));
        if i > 0 && !string && !after_string {
            printer.out.push(b' ');
        }
        printer.argument(value, 'v')?;
        after_string = string;
    }
    Ok(printer.finish())
}

/// `fmt.Sprintln`.
pub(crate) fn sprintln(meter: &mut Meter, values: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut printer = Printer::new(meter);
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            printer.out.push(b' ');
        }
        printer.argument(value, 'v')?;
    }
    printer.out.push(b'\n');
    Ok(printer.finish())
}

/// One value as `%v` prints it.
pub(crate) fn print(meter: &mut Meter, value: &Value) -> Result<Vec<u8>, Fault> {
    sprint(meter, std::slice::from_ref(value))
}

/// `fmt.Sprintf`.
pub(crate) fn sprintf(
    meter: &mut Meter,
    format: &[u8],
    values: &[Value],
) -> Result<Vec<u8>, Fault> {
    let mut run = Format {
        printer: Printer::new(meter),
        format,
        values,
        next: 0,
        at: 0,
        good: true,
        indexed: false,
        reordered: false,
    };
    run.all()?;
    Ok(run.printer.finish())
}

/// The state of one `Sprintf`.
struct Format<'a, 'm> {
    printer: Printer<'m>,
    format: &'a [u8],
    values: &'a [Value],
    /// The argument to print next.
    next: usize,
    at: usize,
    /// Whether the argument indexes of this verb made sense.
    good: bool,
    /// Whether an index like `[3]` came just before.
    indexed: bool,
    reordered: bool,
}

impl Format<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn all(&mut self) -> Result<(), Fault> {
        while self.at < self.format.len() {
            self.good = true;
            let rest = &self.format[self.at..];
            let text = rest.iter().position(|&b| b == b'%').unwrap_or(rest.len());
            self.printer.out.extend_from_slice(&rest[..text]);
            self.at += text;
            if self.at >= self.format.len() {
                break;
            }
            self.at += 1;
            self.printer.meter.spend(1)?;
            if !self.verb()? {
                break;
            }
        }
        self.extra()
    }

    /// One verb, after its `%`. False where the format ended instead.
    fn verb(&mut self) -> Result<bool, Fault> {
        self.printer.clear_flags();
        while let Some(byte) = self.peek() {
            let flags = &mut self.printer.flags;
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        if let Some(byte @ b'a'..=b'z') = self.peek()
            && self.next < self.values.len()
        {
            self.at += 1;
            self.print_next(char::from(byte))?;
            return Ok(true);
        }
        self.argument_number();
        self.width();
        self.precision();
        if !self.indexed {
            self.argument_number();
        }
        if self.at >= self.format.len() {
            self.printer.out.extend_from_slice(b"%!(NOVERB)");
            return Ok(false);
        }
        let (verb, width) = runes::decode(&self.format[self.at..]);
        self.at += width;
        if verb == '%' {
            self.printer.out.push(b'%');
        } else if !self.good {
            self.complain(verb, "(BADINDEX)");
        } else if self.next >= self.values.len() {
            self.complain(verb, "(MISSING)");
        } else {
            self.print_next(verb)?;
        }
        Ok(true)
    }

    fn complain(&mut self, verb: char, what: &str) {
        self.printer.out.extend_from_slice(b"%!");
        runes::push(&mut self.printer.out, verb);
        self.printer.out.extend_from_slice(what.as_bytes());
    }

    fn print_next(&mut self, verb: char) -> Result<(), Fault> {
        if matches!(verb, 'v' | 'w') {
            let flags = &mut self.printer.flags;
            flags.sharp_v = std::mem::take(&mut flags.sharp);
            flags.plus_v = std::mem::take(&mut flags.plus);
        }
        let value = &self.values[self.next];
        self.next += 1;
        self.printer.argument(value, verb)
    }

    fn width(&mut self) {
        if self.peek() == Some(b'*') {
            self.at += 1;
            let width = self.integer_argument();
            if width.is_none() {
                self.printer.out.extend_from_slice(b"%!(BADWIDTH)");
            }
            let flags = &mut self.printer.flags;
            flags.width = width.map(i64::unsigned_abs).map(|w| w as usize);
            if width.is_some_and(|w| w < 0) {
                flags.minus = true;
                flags.zero = false;
            }
            self.indexed = false;
        } else {
            self.printer.flags.width = self.number();
            if self.indexed && self.printer.flags.width.is_some() {
                self.good = false;
            }
        }
    }

    fn precision(&mut self) {
        if self.at + 1 >= self.format.len() || self.peek() != Some(b'.') {
            return;
        }
        self.at += 1;
        if self.indexed {
            self.good = false;
        }
        self.argument_number();
        if self.peek() == Some(b'*') {
            self.at += 1;
            let precision = self.integer_argument();
            self.printer.flags.precision = match precision {
                Some(p) if p >= 0 => Some(p as usize),
                _ => {
                    self.printer.out.extend_from_slice(b"%!(BADPREC)");
                    None
                }
            };
            self.indexed = false;
        } else {
            self.printer.flags.precision = Some(self.number().unwrap_or(0));
        }
    }

    /// A decimal number in the format. One too large ends the format.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let value = number.unwrap_or(0usize);
            if value > 1_000_000 {
                self.at = self.format.len();
                return None;
            }
            number = Some(value * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    fn integer_argument(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let number = match value.as_unsigned() {
            Some(n) => i64::try_from(n).ok()?,
            None => value.as_signed()?,
        };
        (-1_000_000..=1_000_000).contains(&number).then_some(number)
    }

    /// An explicit index `[n]`.
    fn argument_number(&mut self) {
        self.indexed = false;
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = rest
            .iter()
            .position(|&b| b == b']')
            .filter(|_| rest.len() >= 3);
        let Some(close) = close else {
            self.good = false;
            self.at += 1;
            return;
        };
        let (digits, after) = (&rest[1..close], self.at + close + 1);
        let number = (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
            .then(|| {
                digits.iter().try_fold(0usize, |n, d| {
                    (n <= 1_000_000).then(|| n * 10 + usize::from(d - b'0'))
                })
            })
            .flatten();
        self.at = after;
        match number {
            Some(n) if (1..=self.values.len()).contains(&n) => {
                self.next = n - 1;
                self.indexed = true;
            }
            Some(n) if n > 0 => {
                self.good = false;
                self.indexed = true;
            }
            _ => self.good = false,
        }
    }

    fn extra(&mut self) -> Result<(), Fault> {
        if self.reordered || self.next >= self.values.len() {
            return Ok(());
        }
        self.printer.clear_flags();
        self.printer.out.extend_from_slice(b"%!(EXTRA ");
        for (i, value) in self.values[self.next..].iter().enumerate() {
            if i > 0 {
                self.printer.out.extend_from_slice(b", ");
            }
            self.printer
                .out
                .extend_from_slice(value.type_name().as_bytes());
            if !value.is_nothing() {
                self.printer.out.push(b'=');
                self.printer.argument(value, 'v')?;
            }
        }
        self.printer.out.push(b')');
        Ok(())
    }
}
