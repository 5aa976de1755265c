//! Words: wrapping, initials, and the ways of writing several words as one.

use crate::exec::{Cx, Function};
use crate::fault::Fault;
use crate::go::runes::{
    self, REPLACEMENT, decode, is_letter, is_lower, is_number, is_punct, is_space, is_title,
    is_upper, push, to_lower, to_title, to_upper,
};
use crate::go::search::rfind;
use crate::value::{Type, Value};

const ONE: &[Type] = &[Type::Str];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("title", ONE, |cx, a| over(cx, &a[0], title)),
    Function::new("untitle", ONE, |cx, a| over(cx, &a[0], untitle)),
    Function::new("swapcase", ONE, |cx, a| over(cx, &a[0], swap_case)),
    Function::new("initials", ONE, |cx, a| over(cx, &a[0], initials)),
    Function::new("nospace", ONE, |cx, a| over(cx, &a[0], no_space)),
    Function::new("snakecase", ONE, |cx, a| {
        over(cx, &a[0], |t| joined(t, '_'))
    }),
    Function::new("kebabcase", ONE, |cx, a| {
        over(cx, &a[0], |t| joined(t, '-'))
    }),
    Function::new("camelcase", ONE, |cx, a| over(cx, &a[0], pascal_case)),
    Function::new("wrap", &[Type::Int, Type::Str], |cx, a| {
        wrap(cx, a[1].bytes(), &a[0], b"\n", false)
    }),
    Function::new("wrapWith", &[Type::Int, Type::Str, Type::Str], |cx, a| {
        let separator = a[1].bytes();
        let separator = if separator.is_empty() {
            b"\n"
        } else {
            separator
        };
        wrap(cx, a[2].bytes(), &a[0], separator, true)
    }),
];

fn over(cx: &mut Cx<'_>, text: &Value, f: impl Fn(&[u8]) -> Vec<u8>) -> Result<Value, Fault> {
    let text = text.bytes();
    cx.meter.reserve(text.len() * 4)?;
    cx.meter.handle(text.len() * 8)?;
    Ok(Value::str(f(text)))
}

/// `strings.Title`.
fn title(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut previous = ' ';
    for (_, c, _) in runes::runes(text) {
        push(&mut out, if separates(previous) { to_title(c) } else { c });
        previous = c;
    }
    out
}

/// What ends a word for `strings.Title`.
fn separates(c: char) -> bool {
    if c.is_ascii() {
        return !(c.is_ascii_alphanumeric() || c == '_');
    }
    !is_letter(c) && !runes::is_digit(c) && is_space(c)
}

/// goutils' `Uncapitalize`.
fn untitle(text: &[u8]) -> Vec<u8> {
    let mut start = true;
    let mut out = Vec::with_capacity(text.len());
    for (_, c, _) in runes::runes(text) {
        if is_space(c) {
            start = true;
            push(&mut out, c);
        } else {
            push(
                &mut out,
                if std::mem::take(&mut start) {
                    to_lower(c)
                } else {
                    c
                },
            );
        }
    }
    out
}

/// goutils' `SwapCase`.
fn swap_case(text: &[u8]) -> Vec<u8> {
    let mut space = true;
    let mut out = Vec::with_capacity(text.len());
    for (_, c, _) in runes::runes(text) {
        let swapped = if is_upper(c) || is_title(c) {
            space = false;
            to_lower(c)
        } else if is_lower(c) {
            if std::mem::take(&mut space) {
                to_title(c)
            } else {
                to_upper(c)
            }
        } else {
            space = is_space(c);
            c
        };
        push(&mut out, swapped);
    }
    out
}

/// goutils' `Initials`, which takes each byte for a character.
fn initials(text: &[u8]) -> Vec<u8> {
    let mut gap = true;
    let mut out = Vec::new();
    for &byte in text {
        let c = char::from(byte);
        if is_space(c) {
            gap = true;
        } else if std::mem::take(&mut gap) {
            push(&mut out, c);
        }
    }
    out
}

/// goutils' `DeleteWhiteSpace`, which takes each byte for a character once one is deleted.
fn no_space(text: &[u8]) -> Vec<u8> {
    if !text.iter().any(|&b| is_space(char::from(b))) {
        return text.to_vec();
    }
    let mut out = Vec::with_capacity(text.len());
    for c in text
        .iter()
        .map(|&b| char::from(b))
        .filter(|&c| !is_space(c))
    {
        push(&mut out, c);
    }
    out
}

fn wrap(
    cx: &mut Cx<'_>,
    text: &[u8],
    width: &Value,
    separator: &[u8],
    long: bool,
) -> Result<Value, Fault> {
    let width = usize::try_from(width.as_signed().unwrap_or(0))
        .unwrap_or(0)
        .max(1);
    cx.meter.handle(text.len() * 2)?;
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while text.len() - at > width {
        if text[at] == b' ' {
            at += 1;
            continue;
        }
        cx.meter.reserve(out.len() + width + separator.len())?;
        cx.meter.spend(1)?;
        let line = &text[at..=at + width];
        if let Some(space) = rfind(line, b" ") {
            out.extend_from_slice(&line[..space]);
            out.extend_from_slice(separator);
            at += space + 1;
        } else if long {
            out.extend_from_slice(&line[..width]);
            out.extend_from_slice(separator);
            at += width;
        } else {
            let tail = &text[at + width..];
            match tail.iter().position(|&b| b == b' ') {
                None => {
                    out.extend_from_slice(&text[at..]);
                    at = text.len();
                }
                Some(space) => {
                    out.extend_from_slice(&text[at..at + width + space]);
                    out.extend_from_slice(separator);
                    at += width + space + 1;
                }
            }
        }
    }
    out.extend_from_slice(&text[at..]);
    cx.meter.handle(out.len())?;
    Ok(Value::str(out))
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || is_space(c)
}

/// xstrings' `ToPascalCase`.
fn pascal_case(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut current = '\0';
    let mut width = 0;
    let mut upper_run = false;
    while !rest.is_empty() {
        (current, width) = decode(rest);
        rest = &rest[width..];
        if !is_connector(current) {
            upper_run = is_upper(current);
            current = to_upper(current);
            break;
        }
        push(&mut out, current);
    }
    if rest.is_empty() {
        // A text of connectors alone repeats the last one, as xstrings does.
        if width != 0 {
            push(&mut out, current);
        }
        return out;
    }
    while !rest.is_empty() {
        let previous = current;
        (current, width) = decode(rest);
        rest = &rest[width..];
        if is_connector(current) && is_connector(previous) {
            push(&mut out, previous);
            continue;
        }
        if is_connector(previous) {
            upper_run = is_upper(current);
            current = to_upper(current);
        } else {
            if upper_run {
                if is_upper(current) {
                    current = to_lower(current);
                } else {
                    upper_run = false;
                }
            }
            push(&mut out, previous);
        }
    }
    push(&mut out, current);
    out
}

/// What xstrings takes a run of characters for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// xstrings' `ToSnakeCase` and `ToKebabCase`.
fn joined(text: &[u8], connector: char) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    if text.is_empty() {
        return out;
    }
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            write(&mut out, kind, word, connector);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    write(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::Invalid | Word::Punctuation | Word::Connector) {
                    push(&mut out, connector);
                }
            }
            Word::Connector => write(&mut out, before, last, connector),
            Word::Punctuation => {}
            _ => {
                if kind != Word::Number {
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        push(&mut out, connector);
                    }
                    continue;
                }
                if rest.is_empty() {
                    continue;
                }
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    // The number belongs to the word before it.
                    write(&mut out, Word::Number, number, connector);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        push(&mut out, connector);
                    }
                    continue;
                }
                push(&mut out, connector);
                write(&mut out, Word::Number, number, connector);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    write(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::Invalid | Word::Connector | Word::Punctuation) {
                    push(&mut out, connector);
                }
            }
        }
    }
    write(&mut out, kind, word, connector);
    out
}

fn write(out: &mut Vec<u8>, kind: Word, word: &[u8], connector: char) {
    if !matches!(kind, Word::Upper | Word::Connector) {
        out.extend_from_slice(word);
        return;
    }
    for (_, c, _) in runes::runes(word) {
        push(
            out,
            if is_connector(c) {
                connector
            } else if is_upper(c) {
                to_lower(c)
            } else {
                c
            },
        );
    }
}

/// The next character that is valid, skipping those that aren't, and the width of all; the
/// previous character where none is left.
fn next_valid(text: &[u8], previous: char) -> (char, usize) {
    let mut at = 0;
    while at < text.len() {
        let (c, width) = decode(&text[at..]);
        at += width;
        if c != REPLACEMENT {
            return (c, at);
        }
    }
    (previous, at)
}

/// xstrings' idea of a letter: any but the Han characters it knows.
fn is_alphabet(c: char) -> bool {
    let han =
        matches!(c, '\u{3400}'..='\u{4D85}' | '\u{4E00}'..='\u{9FCC}' | '\u{20000}'..='\u{2B81D}');
    is_letter(c) && !han
}

/// The first run of characters of one kind, and what follows.
fn next_word(text: &[u8]) -> (Word, &[u8], &[u8]) {
    if text.is_empty() {
        return (Word::Invalid, text, text);
    }
    let (first, size) = next_valid(text, REPLACEMENT);
    let mut offset = size;
    if first == REPLACEMENT {
        return (Word::Invalid, &text[..offset], &text[offset..]);
    }
    // Extends the run while `more` holds; a tail of invalid bytes counts as the character before.
    let run = |offset: &mut usize, mut c: char, more: &dyn Fn(char) -> bool| {
        while *offset < text.len() {
            let (next, size) = next_valid(&text[*offset..], c);
            c = next;
            if !more(c) {
                break;
            }
            *offset += size;
        }
        c
    };
    let small = |c: char| is_alphabet(c) && !is_upper(c);
    let kind = if is_connector(first) {
        run(&mut offset, first, &is_connector);
        Word::Connector
    } else if is_punct(first) {
        run(&mut offset, first, &is_punct);
        Word::Punctuation
    } else if is_upper(first) {
        if offset < text.len() {
            let (second, size) = next_valid(&text[offset..], first);
            if is_upper(second) {
                offset += size;
                let mut last = size;
                let mut c = second;
                while offset < text.len() {
                    let (next, size) = next_valid(&text[offset..], c);
                    c = next;
                    if !is_upper(c) {
                        break;
                    }
                    last = size;
                    offset += size;
                }
                // The last capital of a run begins the next word: HTTPServer is HTTP and Server.
                if offset < text.len() && is_alphabet(c) {
                    offset -= last;
                }
            } else if is_alphabet(second) {
                offset += size;
                run(&mut offset, second, &small);
            }
        }
        Word::Upper
    } else if is_alphabet(first) {
        run(&mut offset, first, &small);
        Word::Alphabet
    } else if is_number(first) {
        run(&mut offset, first, &is_number);
        Word::Number
    } else {
        run(&mut offset, first, &|c| {
            !(is_connector(c) || is_alphabet(c) || is_number(c) || is_punct(c))
        });
        Word::Other
    };
    (kind, &text[..offset], &text[offset..])
}
