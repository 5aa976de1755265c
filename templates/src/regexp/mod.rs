//! Go's regular expressions: RE2 syntax read as Go reads it, run by `regex-automata` in linear
//! time.

mod class;
mod parser;

use regex_automata::meta;
use regex_automata::util::captures::Captures;
use regex_automata::{Input, MatchKind};
use zeroize::Zeroizing;

use crate::fault::{Fault, Meter};
use crate::go::runes::{self, REPLACEMENT};

/// The memory a compiled expression may take.
const MAX_COMPILED: usize = 6 << 20;
/// The stack compilation may need: expressions nest up to a thousand levels.
const COMPILE_STACK: usize = 6 << 20;

/// A compiled expression.
pub(crate) struct Regex {
    engine: meta::Regex,
    empty: bool,
}

impl Regex {
    /// Compiles `pattern`.
    pub(crate) fn new(meter: &mut Meter, pattern: &[u8]) -> Result<Self, Fault> {
        meter.spend(10 + pattern.len() as u64)?;
        let Ok(text) = std::str::from_utf8(pattern) else {
            return Err(Fault::new("error parsing regexp: invalid UTF-8"));
        };
        let engine = stacker::maybe_grow(COMPILE_STACK, COMPILE_STACK + (1 << 20), || {
            let hir = parser::parse(text)
                .map_err(|what| Fault::new(format!("error parsing regexp: {what}")))?;
            let config = meta::Config::new()
                .match_kind(MatchKind::LeftmostFirst)
                .nfa_size_limit(Some(MAX_COMPILED))
                .onepass(false)
                .dfa(false)
                .hybrid_cache_capacity(1 << 20);
            meta::Builder::new()
                .configure(config)
                .build_from_hir(&hir)
                .map_err(|_| Fault::Limit("a regular expression is too large"))
        })?;
        meter.spend(engine.memory_usage() as u64 / 100)?;
        Ok(Self {
            engine,
            empty: pattern.is_empty(),
        })
    }

    /// The first match, with its groups.
    pub(crate) fn captures(&self, text: &[u8]) -> Option<Vec<Option<(usize, usize)>>> {
        let mut captures = self.engine.create_captures();
        self.engine
            .search_captures(&Input::new(text), &mut captures);
        captures.is_match().then(|| spans(&captures))
    }

    fn names(&self) -> Vec<Option<String>> {
        let info = self.engine.group_info();
        info.pattern_names(regex_automata::PatternID::ZERO)
            .map(|n| n.map(str::to_owned))
            .collect()
    }
}

fn spans(captures: &Captures) -> Vec<Option<(usize, usize)>> {
    captures
        .iter()
        .map(|span| span.map(|s| (s.start, s.end)))
        .collect()
}

/// A text to search in. Go takes an invalid byte for U+FFFD; where there are any, the search runs
/// over a copy that says so and offsets are brought back.
pub(crate) struct Haystack<'a> {
    text: &'a [u8],
    copy: Option<(Zeroizing<Vec<u8>>, Vec<u32>)>,
}

impl<'a> Haystack<'a> {
    pub(crate) fn new(meter: &mut Meter, text: &'a [u8]) -> Result<Self, Fault> {
        meter.handle(text.len())?;
        if std::str::from_utf8(text).is_ok() {
            return Ok(Self { text, copy: None });
        }
        meter.reserve(text.len() * 16)?;
        let mut valid = Zeroizing::new(Vec::with_capacity(text.len() * 3));
        let mut offsets = Vec::with_capacity(text.len() * 3);
        for (at, c, _) in runes::runes(text) {
            let before = valid.len();
            runes::push(&mut valid, c);
            offsets.resize(offsets.len() + valid.len() - before, at as u32);
        }
        offsets.push(text.len() as u32);
        Ok(Self {
            text,
            copy: Some((valid, offsets)),
        })
    }

    fn searched(&self) -> &[u8] {
        self.copy.as_ref().map_or(self.text, |(valid, _)| valid)
    }

    /// The part of the original text between two offsets of the searched one.
    fn part(&self, start: usize, end: usize) -> &'a [u8] {
        match &self.copy {
            None => &self.text[start..end],
            Some((_, offsets)) => &self.text[offsets[start] as usize..offsets[end] as usize],
        }
    }
}

/// What one search costs beyond the first: the rest of the text may be read again.
fn charge(meter: &mut Meter, rest: usize) -> Result<(), Fault> {
    meter.spend(1 + rest as u64 / 256)
}

impl Regex {
    fn begin(&self, meter: &mut Meter, haystack: &Haystack<'_>) -> Result<(), Fault> {
        let work = haystack.searched().len() as u64 * self.engine.memory_usage() as u64;
        meter.spend(work / 10_000)
    }

    fn find_at(&self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        self.engine
            .search(&Input::new(text).span(at..text.len()))
            .map(|m| (m.start(), m.end()))
    }

    /// Whether there is a match.
    pub(crate) fn is_match(
        &self,
        meter: &mut Meter,
        haystack: &Haystack<'_>,
    ) -> Result<bool, Fault> {
        self.begin(meter, haystack)?;
        Ok(self.engine.is_match(haystack.searched()))
    }

    /// The text of the first match.
    pub(crate) fn find<'a>(
        &self,
        meter: &mut Meter,
        haystack: &Haystack<'a>,
    ) -> Result<Option<&'a [u8]>, Fault> {
        self.begin(meter, haystack)?;
        Ok(self
            .find_at(haystack.searched(), 0)
            .map(|(start, end)| haystack.part(start, end)))
    }

    /// All matches up to `limit` (all, where negative), as offsets in the searched text.
    fn all(
        &self,
        meter: &mut Meter,
        haystack: &Haystack<'_>,
        limit: i64,
    ) -> Result<Vec<(usize, usize)>, Fault> {
        self.begin(meter, haystack)?;
        let text = haystack.searched();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let (mut at, mut last) = (0, None);
        while found.len() < limit && at <= text.len() {
            charge(meter, text.len() - at)?;
            let Some((start, end)) = self.find_at(text, at) else {
                break;
            };
            let mut accept = true;
            if end == at {
                // An empty match right after another one does not count.
                accept = last != Some(start);
                let (_, width) = runes::decode(&text[at..]);
                at = if width > 0 {
                    at + width
                } else {
                    text.len() + 1
                };
            } else {
                at = end;
            }
            last = Some(end);
            if accept {
                found.push((start, end));
                if found.len().is_multiple_of(1024) {
                    meter.reserve(found.len() * 128)?;
                }
            }
        }
        meter.reserve(found.len() * 128)?;
        Ok(found)
    }

    /// `FindAllString`; `None` is Go's nil.
    pub(crate) fn find_all<'a>(
        &self,
        meter: &mut Meter,
        haystack: &Haystack<'a>,
        limit: i64,
    ) -> Result<Option<Vec<&'a [u8]>>, Fault> {
        let found = self.all(meter, haystack, limit)?;
        if found.is_empty() {
            return Ok(None);
        }
        Ok(Some(
            found
                .into_iter()
                .map(|(start, end)| haystack.part(start, end))
                .collect(),
        ))
    }

    /// `Split`; `None` is Go's nil.
    pub(crate) fn split<'a>(
        &self,
        meter: &mut Meter,
        haystack: &Haystack<'a>,
        limit: i64,
    ) -> Result<Option<Vec<&'a [u8]>>, Fault> {
        if limit == 0 {
            return Ok(None);
        }
        let text = haystack.searched();
        if !self.empty && text.is_empty() {
            return Ok(Some(vec![&[]]));
        }
        let mut parts = Vec::new();
        let (mut from, mut end) = (0, 0);
        for (start, stop) in self.all(meter, haystack, limit)? {
            if limit > 0 && parts.len() as i64 >= limit - 1 {
                break;
            }
            end = start;
            if stop != 0 {
                parts.push(haystack.part(from, end));
            }
            from = stop;
        }
        if end != text.len() {
            parts.push(haystack.part(from, text.len()));
        }
        Ok(Some(parts))
    }

    /// `ReplaceAllString`, or `ReplaceAllLiteralString` where `literal`.
    pub(crate) fn replace_all(
        &self,
        meter: &mut Meter,
        haystack: &Haystack<'_>,
        with: &[u8],
        literal: bool,
    ) -> Result<Vec<u8>, Fault> {
        self.begin(meter, haystack)?;
        let text = haystack.searched();
        let template = if literal || !with.contains(&b'$') {
            None
        } else {
            Some(Template::parse(with, &self.names()))
        };
        let mut captures = self.engine.create_captures();
        let mut out = Vec::new();
        let (mut last, mut at) = (0, 0);
        while at <= text.len() {
            charge(meter, text.len() - at)?;
            let input = Input::new(text).span(at..text.len());
            let (start, end) = if template.is_some() {
                self.engine.search_captures(&input, &mut captures);
                let Some(found) = captures.get_match() else {
                    break;
                };
                (found.start(), found.end())
            } else {
                let Some(found) = self.find_at(text, at) else {
                    break;
                };
                found
            };
            out.extend_from_slice(haystack.part(last, start));
            if end > last || start == 0 {
                meter.reserve(out.len() + with.len())?;
                match &template {
                    None => out.extend_from_slice(with),
                    Some(template) => template.expand(meter, &mut out, haystack, &captures)?,
                }
            }
            last = end;
            let (_, width) = runes::decode(&text[at..]);
            at = if at + width > end {
                at + width
            } else if at + 1 > end {
                at + 1
            } else {
                end
            };
        }
        out.extend_from_slice(haystack.part(last, text.len()));
        meter.handle(out.len())?;
        Ok(out)
    }
}

/// A replacement with references like `$1` and `${name}`.
struct Template {
    parts: Vec<Part>,
}

enum Part {
    Text(Vec<u8>),
    Group(usize),
}

impl Template {
    fn parse(mut text: &[u8], names: &[Option<String>]) -> Self {
        let mut parts = Vec::new();
        while let Some(dollar) = text.iter().position(|&b| b == b'$') {
            parts.push(Part::Text(text[..dollar].to_vec()));
            text = &text[dollar + 1..];
            if let Some(rest) = text.strip_prefix(b"$") {
                parts.push(Part::Text(b"$".to_vec()));
                text = rest;
                continue;
            }
            let Some((name, len)) = reference(text) else {
                parts.push(Part::Text(b"$".to_vec()));
                continue;
            };
            match number(name) {
                Some(group) => parts.push(Part::Group(group)),
                None => {
                    let groups = names
                        .iter()
                        .enumerate()
                        .filter(|(_, n)| n.as_deref().is_some_and(|n| n.as_bytes() == name));
                    parts.extend(groups.map(|(group, _)| Part::Group(group)).take(1));
                }
            }
            text = &text[len..];
        }
        parts.push(Part::Text(text.to_vec()));
        Self { parts }
    }

    fn expand(
        &self,
        meter: &mut Meter,
        out: &mut Vec<u8>,
        haystack: &Haystack<'_>,
        captures: &Captures,
    ) -> Result<(), Fault> {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Group(group) => {
                    if let Some(span) = captures.get_group(*group) {
                        meter.reserve(out.len() + span.len())?;
                        meter.handle(span.len())?;
                        out.extend_from_slice(haystack.part(span.start, span.end));
                    }
                }
            }
        }
        Ok(())
    }
}

/// The name after a dollar sign, and the length of the reference.
fn reference(text: &[u8]) -> Option<(&[u8], usize)> {
    let body = text.strip_prefix(b"{").unwrap_or(text);
    let len: usize = runes::runes(body)
        .take_while(|&(_, c, width)| {
            (c == '_' || runes::is_letter(c) || runes::is_digit(c))
                && !(c == REPLACEMENT && width == 1)
        })
        .map(|(_, _, width)| width)
        .sum();
    if len == 0 {
        return None;
    }
    if body.len() < text.len() {
        (body.get(len) == Some(&b'}')).then_some((&body[..len], len + 2))
    } else {
        Some((&body[..len], len))
    }
}

/// A name that is a group's number: digits without a leading zero.
fn number(name: &[u8]) -> Option<usize> {
    if name.len() > 1 && name[0] == b'0' {
        return None;
    }
    name.iter().try_fold(0usize, |n, b| {
        (b.is_ascii_digit() && n < 100_000_000).then(|| n * 10 + usize::from(b - b'0'))
    })
}

/// `regexp.QuoteMeta`.
pub(crate) fn quote_meta(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if b"\\.+*?()|[]{}^$".contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out
}
