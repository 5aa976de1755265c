//! Splits template text into tokens: text outside `{{ }}`, and the words inside.

use crate::go::runes::{decode, is_digit, is_letter, is_print};
use crate::go::search::find;

const LEFT: &[u8] = b"{{";
const RIGHT: &[u8] = b"}}";
/// A trim marker is `-` and one space.
const MARKER: usize = 2;

/// What a token is. Keywords come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// One token: its kind and where its text begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The state of the scan. After an error it gives only that error.
pub(crate) struct Lexer<'a> {
    input: &'a [u8],
    pos: usize,
    start: usize,
    inside: bool,
    parens: i64,
    problem: String,
    /// The token produced by the current call.
    token: Token,
}

enum State {
    Text,
    LeftDelim,
    Comment,
    RightDelim,
    Inside,
    Done,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            pos: 0,
            start: 0,
            inside: false,
            parens: 0,
            problem: String::new(),
            token: Token {
                kind: Kind::Eof,
                start: 0,
                end: 0,
            },
        }
    }

    /// What is wrong, after a token of [`Kind::Error`].
    pub(crate) fn problem(&self) -> &str {
        &self.problem
    }

    /// The text of a token.
    pub(crate) fn text(&self, token: Token) -> &'a [u8] {
        self.input.get(token.start..token.end).unwrap_or_default()
    }

    /// The next token; [`Kind::Eof`] for ever at the end.
    pub(crate) fn token(&mut self) -> Token {
        self.token = Token {
            kind: Kind::Eof,
            start: self.pos,
            end: self.pos,
        };
        if !self.problem.is_empty() {
            return Token {
                kind: Kind::Error,
                ..self.token
            };
        }
        let mut state = if self.inside {
            State::Inside
        } else {
            State::Text
        };
        loop {
            state = match state {
                State::Text => self.lex_text(),
                State::LeftDelim => self.lex_left_delim(),
                State::Comment => self.lex_comment(),
                State::RightDelim => self.lex_right_delim(),
                State::Inside => self.lex_inside(),
                State::Done => return self.token,
            };
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        let (c, width) = decode(self.rest());
        (width > 0).then_some(c)
    }

    fn next(&mut self) -> Option<char> {
        let (c, width) = decode(self.rest());
        self.pos += width;
        (width > 0).then_some(c)
    }

    fn emit(&mut self, kind: Kind) -> State {
        self.token = Token {
            kind,
            start: self.start,
            end: self.pos,
        };
        self.start = self.pos;
        State::Done
    }

    fn fail(&mut self, problem: impl Into<String>) -> State {
        self.problem = problem.into();
        self.token = Token {
            kind: Kind::Error,
            start: self.start,
            end: self.pos,
        };
        State::Done
    }

    fn lex_text(&mut self) -> State {
        let Some(found) = find(self.rest(), LEFT) else {
            self.pos = self.input.len();
            return self.emit(if self.pos > self.start {
                Kind::Text
            } else {
                Kind::Eof
            });
        };
        if found == 0 {
            return State::LeftDelim;
        }
        self.pos += found;
        let after = self.input.get(self.pos + LEFT.len()..).unwrap_or_default();
        let mut trimmed = 0;
        if left_marker(after) {
            let text = self.input.get(self.start..self.pos).unwrap_or_default();
            trimmed = text.iter().rev().take_while(|&&b| is_space(b)).count();
        }
        self.pos -= trimmed;
        self.emit(Kind::Text);
        self.pos += trimmed;
        self.start = self.pos;
        if self.token.end > self.token.start {
            State::Done
        } else {
            State::LeftDelim
        }
    }

    fn lex_left_delim(&mut self) -> State {
        self.pos += LEFT.len();
        let marker = if left_marker(self.rest()) { MARKER } else { 0 };
        if self
            .rest()
            .get(marker..)
            .is_some_and(|r| r.starts_with(b"/*"))
        {
            self.pos += marker;
            self.start = self.pos;
            return State::Comment;
        }
        self.emit(Kind::LeftDelim);
        self.inside = true;
        self.pos += marker;
        self.start = self.pos;
        self.parens = 0;
        State::Done
    }

    fn lex_comment(&mut self) -> State {
        self.pos += 2;
        let Some(end) = find(self.rest(), b"*/") else {
            return self.fail("unclosed comment");
        };
        self.pos += end + 2;
        let Some(trim) = self.at_right_delim() else {
            return self.fail("comment ends before closing delimiter");
        };
        self.pos += RIGHT.len();
        if trim {
            self.pos += MARKER;
            self.skip_space();
        }
        self.start = self.pos;
        State::Text
    }

    fn lex_right_delim(&mut self) -> State {
        let trim = self.at_right_delim() == Some(true);
        if trim {
            self.pos += MARKER;
            self.start = self.pos;
        }
        self.pos += RIGHT.len();
        self.emit(Kind::RightDelim);
        if trim {
            self.skip_space();
            self.start = self.pos;
        }
        self.inside = false;
        State::Done
    }

    /// At `}}`, and whether a trim marker stands before it.
    fn at_right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if right_marker(rest) && rest.get(MARKER..).is_some_and(|r| r.starts_with(RIGHT)) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn skip_space(&mut self) {
        self.pos += self.rest().iter().take_while(|&&b| is_space(b)).count();
    }

    fn lex_inside(&mut self) -> State {
        if self.at_right_delim().is_some() {
            if self.parens == 0 {
                return State::RightDelim;
            }
            return self.fail("unclosed left paren");
        }
        let Some(c) = self.next() else {
            return self.fail("unclosed action");
        };
        match c {
            ' ' | '\t' | '\r' | '\n' => {
                self.pos -= 1;
                self.lex_space()
            }
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.next() == Some('=') {
                    self.emit(Kind::Declare)
                } else {
                    self.fail("expected :=")
                }
            }
            '|' => self.emit(Kind::Pipe),
            '"' => self.lex_quoted(b'"', Kind::String, "unterminated quoted string"),
            '\'' => self.lex_quoted(b'\'', Kind::CharConstant, "unterminated character constant"),
            '`' => match find(self.rest(), b"`") {
                Some(end) => {
                    self.pos += end + 1;
                    self.emit(Kind::RawString)
                }
                None => self.fail("unterminated raw quoted string"),
            },
            '$' => self.lex_field_or_variable(Kind::Variable),
            '.' if self.rest().first().is_some_and(|b| !b.is_ascii_digit()) => {
                self.lex_field_or_variable(Kind::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.pos -= 1;
                self.lex_number()
            }
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' => {
                self.parens -= 1;
                if self.parens < 0 {
                    return self.fail("unexpected right paren");
                }
                self.emit(Kind::RightParen)
            }
            c if is_alphanumeric(c) => {
                self.pos -= c.len_utf8();
                self.lex_identifier()
            }
            c if c.is_ascii() && is_print(c) => self.emit(Kind::Char),
            c => self.fail(format!(
                "unrecognized character in action: U+{:04X}",
                u32::from(c)
            )),
        }
    }

    fn lex_space(&mut self) -> State {
        let spaces = self.rest().iter().take_while(|&&b| is_space(b)).count();
        self.pos += spaces;
        // The last space may belong to a trim marker.
        let last = self.input.get(self.pos - 1..).unwrap_or_default();
        if right_marker(last) && last.get(MARKER..).is_some_and(|r| r.starts_with(RIGHT)) {
            self.pos -= 1;
            if spaces == 1 {
                return State::RightDelim;
            }
        }
        self.emit(Kind::Space)
    }

    fn lex_identifier(&mut self) -> State {
        self.skip_word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let word = self.input.get(self.start..self.pos).unwrap_or_default();
        let kind = match word {
            b"block" => Kind::Block,
            b"break" => Kind::Break,
            b"continue" => Kind::Continue,
            b"define" => Kind::Define,
            b"else" => Kind::Else,
            b"end" => Kind::End,
            b"if" => Kind::If,
            b"nil" => Kind::Nil,
            b"range" => Kind::Range,
            b"template" => Kind::Template,
            b"with" => Kind::With,
            b"true" | b"false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.emit(kind)
    }

    fn lex_field_or_variable(&mut self, kind: Kind) -> State {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Variable {
                kind
            } else {
                Kind::Dot
            });
        }
        self.skip_word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(kind)
    }

    fn skip_word(&mut self) {
        while let Some(c) = self.peek().filter(|&c| is_alphanumeric(c)) {
            self.pos += c.len_utf8();
        }
    }

    fn bad_character(&mut self) -> State {
        let c = self.peek().map_or(0, u32::from);
        self.fail(format!("bad character U+{c:04X}"))
    }

    /// Whether what follows may follow a word. Keeps `$x+2` unlexed.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(RIGHT),
        }
    }

    fn lex_quoted(&mut self, quote: u8, kind: Kind, unterminated: &str) -> State {
        loop {
            match self.next() {
                Some('\\') => {
                    if matches!(self.next(), None | Some('\n')) {
                        return self.fail(unterminated);
                    }
                }
                None | Some('\n') => return self.fail(unterminated),
                Some(c) if c == char::from(quote) => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn lex_number(&mut self) -> State {
        if !self.scan_number() {
            return self.fail("bad number syntax");
        }
        if matches!(self.peek(), Some('+' | '-')) {
            // Complex: 1+2i, no spaces.
            if !self.scan_number() || self.input.get(self.pos - 1) != Some(&b'i') {
                return self.fail("bad number syntax");
            }
            return self.emit(Kind::Complex);
        }
        self.emit(Kind::Number)
    }

    fn scan_number(&mut self) -> bool {
        self.accept(b"+-");
        let mut digits: &[u8] = b"0123456789_";
        let mut exponent: &[u8] = b"eE";
        if self.accept(b"0") {
            if self.accept(b"xX") {
                (digits, exponent) = (b"0123456789abcdefABCDEF_", b"pP");
            } else if self.accept(b"oO") {
                (digits, exponent) = (b"01234567_", b"");
            } else if self.accept(b"bB") {
                (digits, exponent) = (b"01_", b"");
            }
        }
        self.accept_run(digits);
        if self.accept(b".") {
            self.accept_run(digits);
        }
        if self.accept(exponent) {
            self.accept(b"+-");
            self.accept_run(b"0123456789_");
        }
        self.accept(b"i");
        !self.peek().is_some_and(is_alphanumeric)
    }

    fn accept(&mut self, valid: &[u8]) -> bool {
        let found = self.rest().first().is_some_and(|b| valid.contains(b));
        self.pos += usize::from(found);
        found
    }

    fn accept_run(&mut self, valid: &[u8]) {
        while self.accept(valid) {}
    }
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || is_letter(c) || is_digit(c)
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn left_marker(text: &[u8]) -> bool {
    matches!(text, [b'-', space, ..] if is_space(*space))
}

fn right_marker(text: &[u8]) -> bool {
    matches!(text, [space, b'-', ..] if is_space(*space))
}
