//! Escapes and classes in brackets.

use regex_syntax::hir::{ClassUnicode, Hir, Look};

use super::{Parsed, Parser};
use crate::regexp::class;

impl Parser<'_> {
    pub(super) fn backslash(&mut self) -> Parsed<()> {
        let mut ahead = self.rest.chars();
        ahead.next();
        match ahead.next() {
            Some('A') => self.look(Look::Start),
            Some('z') => self.look(Look::End),
            Some('b') => self.look(Look::WordAscii),
            Some('B') => self.look(Look::WordAsciiNegate),
            Some('Q') => {
                let tail = &self.rest[2..];
                let (text, rest) = tail.split_once("\\E").unwrap_or((tail, ""));
                self.rest = rest;
                for c in text.chars() {
                    self.literal(u32::from(c));
                }
            }
            Some('p' | 'P') => {
                let class = self.unicode_class()?;
                self.class(class);
            }
            Some(letter) if class::perl(letter).is_some() => {
                self.rest = &self.rest[2..];
                if let Some(class) = class::perl(letter) {
                    let class = self.fold(class);
                    self.class(class);
                }
            }
            _ => {
                let point = self.escape()?;
                self.literal(point);
            }
        }
        Ok(())
    }

    fn look(&mut self, look: Look) {
        self.rest = &self.rest[2..];
        self.push(Hir::look(look));
    }

    fn fold(&self, mut class: ClassUnicode) -> ClassUnicode {
        if self.flags.fold {
            let _ = class.try_case_fold_simple();
        }
        class
    }

    /// `\pL`, `\p{Greek}`, `\P...` and `\p{^...}`.
    fn unicode_class(&mut self) -> Parsed<ClassUnicode> {
        let mut negated = self.rest.starts_with("\\P");
        self.rest = &self.rest[2..];
        let wrong = "invalid character class range";
        let first = self.rest.chars().next().ok_or(wrong)?;
        let mut name = &self.rest[..first.len_utf8()];
        let mut len = name.len();
        if first == '{' {
            let end = self.rest.find('}').ok_or(wrong)?;
            name = &self.rest[1..end];
            len = end + 1;
        }
        self.rest = &self.rest[len..];
        if let Some(tail) = name.strip_prefix('^') {
            negated = !negated;
            name = tail;
        }
        let mut class = self.fold(class::unicode(name).ok_or(wrong)?);
        if negated {
            class.negate();
        }
        Ok(class)
    }

    /// An escaped character.
    fn escape(&mut self) -> Parsed<u32> {
        self.next();
        let wrong = Err("invalid escape sequence");
        let Some(c) = self.next() else {
            return Err("trailing backslash at end of expression");
        };
        let octal = |rest: &str| rest.chars().next().and_then(|c| c.to_digit(8));
        match c {
            '1'..='7' if octal(self.rest).is_none() => wrong,
            '0'..='7' => {
                let mut point = c.to_digit(8).unwrap_or(0);
                for _ in 1..3 {
                    let Some(digit) = octal(self.rest) else { break };
                    point = point * 8 + digit;
                    self.next();
                }
                Ok(point)
            }
            'x' => match self.next() {
                Some('{') => {
                    let mut point = 0;
                    let mut digits = 0;
                    loop {
                        match self.next() {
                            Some('}') if digits > 0 => return Ok(point),
                            Some(c) if c.is_ascii_hexdigit() => {
                                point = point * 16 + c.to_digit(16).unwrap_or(0);
                                digits += 1;
                                if point > 0x10_FFFF {
                                    return wrong;
                                }
                            }
                            _ => return wrong,
                        }
                    }
                }
                Some(high) => match (high.to_digit(16), self.next().and_then(|c| c.to_digit(16))) {
                    (Some(high), Some(low)) => Ok(high * 16 + low),
                    _ => wrong,
                },
                None => wrong,
            },
            'a' => Ok(7),
            'f' => Ok(12),
            'n' => Ok(10),
            'r' => Ok(13),
            't' => Ok(9),
            'v' => Ok(11),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(u32::from(c)),
            _ => wrong,
        }
    }

    /// A class in brackets.
    pub(super) fn bracket(&mut self) -> Parsed<()> {
        self.next();
        let mut negated = false;
        if let Some(rest) = self.rest.strip_prefix('^') {
            negated = true;
            self.rest = rest;
        }
        let mut class = ClassUnicode::empty();
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if let Some(tail) = self.rest.strip_prefix("[:")
                && let Some((name, rest)) = tail.split_once(":]")
            {
                let named = class::posix(name).ok_or("invalid character class range")?;
                class.union(&self.fold(named));
                self.rest = rest;
                continue;
            }
            if self.rest.starts_with("\\p") || self.rest.starts_with("\\P") {
                let named = self.unicode_class()?;
                class.union(&named);
                continue;
            }
            if let Some(letter) = self.rest.strip_prefix('\\').and_then(|r| r.chars().next())
                && let Some(named) = class::perl(letter)
            {
                class.union(&self.fold(named));
                self.rest = &self.rest[2..];
                continue;
            }
            let low = self.class_char()?;
            let mut high = low;
            if self.rest.len() >= 2 && self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                high = self.class_char()?;
                if high < low {
                    return Err("invalid character class range");
                }
            }
            if let Some(range) = class::points(low, high) {
                class.union(&self.fold(ClassUnicode::new([range])));
            }
        }
        self.next();
        if negated {
            class.negate();
        }
        self.class(class);
        Ok(())
    }

    fn class_char(&mut self) -> Parsed<u32> {
        if self.rest.starts_with('\\') {
            return self.escape();
        }
        self.next().map(u32::from).ok_or("missing closing ]")
    }
}
