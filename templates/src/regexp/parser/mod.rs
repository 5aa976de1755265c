//! Reads Go's syntax, with the refusals Go has, into the tree the engine compiles.

mod atoms;

use regex_syntax::hir::{Capture, Class, ClassUnicode, Dot, Hir, Look, Repetition};

use crate::regexp::class;

/// How high a tree may grow.
const MAX_HEIGHT: u32 = 1000;
/// The largest count, and the largest product of nested counts.
const MAX_REPEAT: i64 = 1000;

type Parsed<T> = Result<T, &'static str>;

/// The flags in force.
#[derive(Clone, Copy)]
struct Flags {
    fold: bool,
    multi_line: bool,
    dot_all: bool,
    swap_greed: bool,
}

/// A piece of the expression.
struct Piece {
    hir: Hir,
    height: u32,
    /// The largest product of counts inside.
    repeats: i64,
}

/// An open parenthesis, or the whole expression.
struct Group {
    capture: Option<(u32, Option<Box<str>>)>,
    /// The flags outside.
    flags: Flags,
    alternatives: Vec<Piece>,
    sequence: Vec<Piece>,
}

struct Parser<'a> {
    rest: &'a str,
    flags: Flags,
    groups: Vec<Group>,
    captures: u32,
}

/// Parses an expression, or says what is wrong with it.
pub(super) fn parse(text: &str) -> Parsed<Hir> {
    let flags = Flags {
        fold: false,
        multi_line: false,
        dot_all: false,
        swap_greed: false,
    };
    let whole = Group {
        capture: None,
        flags,
        alternatives: Vec::new(),
        sequence: Vec::new(),
    };
    let mut parser = Parser {
        rest: text,
        flags,
        groups: vec![whole],
        captures: 0,
    };
    parser.run()?;
    match parser.groups.pop() {
        Some(whole) if parser.groups.is_empty() => Ok(whole.finish()?.hir),
        _ => Err("missing closing )"),
    }
}

impl Group {
    fn end_sequence(&mut self) -> Parsed<()> {
        let mut pieces = std::mem::take(&mut self.sequence);
        let piece = match pieces.pop() {
            Some(only) if pieces.is_empty() => only,
            last => {
                pieces.extend(last);
                join(pieces, Hir::concat)?
            }
        };
        self.alternatives.push(piece);
        Ok(())
    }

    fn finish(mut self) -> Parsed<Piece> {
        self.end_sequence()?;
        let mut alternatives = self.alternatives;
        let inner = match alternatives.pop() {
            Some(only) if alternatives.is_empty() => only,
            last => {
                alternatives.extend(last);
                join(alternatives, Hir::alternation)?
            }
        };
        match self.capture {
            None => Ok(inner),
            Some((index, name)) => Ok(Piece {
                height: checked(inner.height + 1)?,
                repeats: inner.repeats,
                hir: Hir::capture(Capture {
                    index,
                    name,
                    sub: Box::new(inner.hir),
                }),
            }),
        }
    }
}

fn join(pieces: Vec<Piece>, f: fn(Vec<Hir>) -> Hir) -> Parsed<Piece> {
    let height = checked(1 + pieces.iter().map(|p| p.height).max().unwrap_or(0))?;
    let repeats = pieces.iter().map(|p| p.repeats).max().unwrap_or(1);
    Ok(Piece {
        hir: f(pieces.into_iter().map(|p| p.hir).collect()),
        height,
        repeats,
    })
}

fn checked(height: u32) -> Parsed<u32> {
    if height > MAX_HEIGHT {
        Err("expression nests too deeply")
    } else {
        Ok(height)
    }
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn push(&mut self, hir: Hir) {
        if let Some(group) = self.groups.last_mut() {
            group.sequence.push(Piece {
                hir,
                height: 1,
                repeats: 1,
            });
        }
    }

    fn class(&mut self, class: ClassUnicode) {
        self.push(Hir::class(Class::Unicode(class)));
    }

    fn literal(&mut self, point: u32) {
        let Some(c) = char::from_u32(point) else {
            // A surrogate, which no text holds.
            self.push(Hir::fail());
            return;
        };
        if self.flags.fold {
            self.class(class::folded(c));
        } else {
            self.push(Hir::literal(c.to_string().into_bytes()));
        }
    }

    fn run(&mut self) -> Parsed<()> {
        // Whether the piece before is a repetition: Go refuses to repeat it again.
        let mut repeated = false;
        while let Some(c) = self.rest.chars().next() {
            let mut repetition = false;
            match c {
                '(' => self.open()?,
                '|' => {
                    self.next();
                    if let Some(group) = self.groups.last_mut() {
                        group.end_sequence()?;
                    }
                }
                ')' => {
                    self.next();
                    let group = self.groups.pop().filter(|_| !self.groups.is_empty());
                    let group = group.ok_or("unexpected )")?;
                    self.flags = group.flags;
                    let piece = group.finish()?;
                    if let Some(outer) = self.groups.last_mut() {
                        outer.sequence.push(piece);
                    }
                }
                '^' | '$' => {
                    self.next();
                    let look = match (c, self.flags.multi_line) {
                        ('^', false) => Look::Start,
                        ('^', true) => Look::StartLF,
                        (_, false) => Look::End,
                        (_, true) => Look::EndLF,
                    };
                    self.push(Hir::look(look));
                }
                '.' => {
                    self.next();
                    let dot = if self.flags.dot_all {
                        Dot::AnyChar
                    } else {
                        Dot::AnyCharExceptLF
                    };
                    self.push(Hir::dot(dot));
                }
                '[' => self.bracket()?,
                '*' | '+' | '?' => {
                    self.next();
                    let (min, max) = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    self.repeat(min, max, false, repeated)?;
                    repetition = true;
                }
                '{' => match count(self.rest) {
                    None => {
                        self.next();
                        self.literal(u32::from('{'));
                    }
                    Some((min, max, rest)) => {
                        let too_many = |n: i64| !(0..=MAX_REPEAT).contains(&n);
                        if too_many(min) || max.is_some_and(|max| too_many(max) || min > max) {
                            return Err("invalid repeat count");
                        }
                        self.rest = rest;
                        self.repeat(min, max, true, repeated)?;
                        repetition = true;
                    }
                },
                '\\' => self.backslash()?,
                _ => {
                    self.next();
                    self.literal(u32::from(c));
                }
            }
            repeated = repetition;
        }
        Ok(())
    }

    fn open(&mut self) -> Parsed<()> {
        let outside = self.flags;
        let mut capture = None;
        if let Some(tail) = self.rest.strip_prefix("(?") {
            let named = tail.strip_prefix("P<").or_else(|| tail.strip_prefix('<'));
            if let Some(named) = named.filter(|n| !n.is_empty()) {
                let (name, rest) = named.split_once('>').ok_or("invalid named capture")?;
                let valid = |c: char| c == '_' || c.is_ascii_alphanumeric();
                if name.is_empty() || !name.chars().all(valid) {
                    return Err("invalid named capture");
                }
                self.rest = rest;
                capture = Some(Some(name.into()));
            } else {
                self.rest = tail;
                if !self.set_flags()? {
                    return Ok(());
                }
            }
        } else {
            self.next();
            capture = Some(None);
        }
        let capture = capture.map(|name| {
            self.captures += 1;
            (self.captures, name)
        });
        // An open group is a level of the tree to be.
        if self.groups.len() as u32 > MAX_HEIGHT * 4 {
            return Err("expression nests too deeply");
        }
        self.groups.push(Group {
            capture,
            flags: outside,
            alternatives: Vec::new(),
            sequence: Vec::new(),
        });
        Ok(())
    }

    /// Flags after `(?`. Whether they open a group, rather than change the current one.
    fn set_flags(&mut self) -> Parsed<bool> {
        let mut flags = self.flags;
        let (mut on, mut seen) = (true, false);
        while let Some(c) = self.next() {
            match c {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_all = on,
                'U' => flags.swap_greed = on,
                '-' if on => {
                    (on, seen) = (false, false);
                    continue;
                }
                ':' | ')' if on || seen => {
                    self.flags = flags;
                    return Ok(c == ':');
                }
                _ => break,
            }
            seen = true;
        }
        Err("invalid or unsupported Perl syntax")
    }

    fn repeat(&mut self, min: i64, max: Option<i64>, counted: bool, repeated: bool) -> Parsed<()> {
        let mut greedy = !self.flags.swap_greed;
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            greedy = !greedy;
        }
        if repeated {
            return Err("invalid nested repetition operator");
        }
        let piece = self
            .groups
            .last_mut()
            .and_then(|group| group.sequence.pop());
        let piece = piece.ok_or("missing argument to repetition operator")?;
        let mut repeats = piece.repeats;
        if counted {
            repeats = match max.unwrap_or(min) {
                0 if max == Some(0) => 1,
                0 => repeats,
                count => repeats.saturating_mul(count),
            };
            if (min >= 2 || max.is_some_and(|max| max >= 2)) && repeats > MAX_REPEAT {
                return Err("invalid repeat count");
            }
        }
        let hir = Hir::repetition(Repetition {
            min: min as u32,
            max: max.map(|max| max as u32),
            greedy,
            sub: Box::new(piece.hir),
        });
        let height = checked(piece.height + 1)?;
        if let Some(group) = self.groups.last_mut() {
            group.sequence.push(Piece {
                hir,
                height,
                repeats,
            });
        }
        Ok(())
    }
}

/// `{n}`, `{n,}` or `{n,m}` and what follows; `None` where the brace is a literal one. Numbers
/// too large are negative.
fn count(text: &str) -> Option<(i64, Option<i64>, &str)> {
    let (min, rest) = integer(text.strip_prefix('{')?)?;
    let Some(tail) = rest.strip_prefix(',') else {
        return Some((min, Some(min), rest.strip_prefix('}')?));
    };
    if let Some(rest) = tail.strip_prefix('}') {
        return Some((min, None, rest));
    }
    let (max, rest) = integer(tail)?;
    Some((
        if max < 0 { -1 } else { min },
        Some(max),
        rest.strip_prefix('}')?,
    ))
}

fn integer(text: &str) -> Option<(i64, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    let digits = &text[..len];
    if len == 0 || len > 1 && digits.starts_with('0') {
        return None;
    }
    let value = if len > 8 { -1 } else { digits.parse().ok()? };
    Some((value, &text[len..]))
}
