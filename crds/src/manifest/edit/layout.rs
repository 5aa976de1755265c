//! Where everything stands in the text of a YAML document.

use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput, StructureStyle, Tag};

use super::super::node::Value;
use super::super::scalar;

/// A node and the text that it takes: properties (anchor, tag), and the content.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) span: Range<usize>,
    /// Number of the anchor on it; 0 for none.
    pub(super) anchor: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar {
        null: bool,
        style: ScalarStyle,
        /// The `|` or `>` of a block scalar with what belongs to it.
        header: Option<Range<usize>>,
    },
    /// An alias to the anchor of this number.
    Alias(usize),
    Sequence {
        items: Vec<Part>,
    },
    Mapping {
        /// Where the brace opens, if it has one.
        open: Option<usize>,
        entries: Vec<Entry>,
    },
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct Entry {
    /// The key as a string; `None` for a merge key.
    pub(super) name: Option<String>,
    pub(super) key: Part,
    pub(super) value: Part,
}

impl Part {
    /// Every part in here, this one first.
    pub(super) fn walk<'part>(&'part self, visit: &mut impl FnMut(&'part Part)) {
        visit(self);
        match &self.kind {
            Kind::Scalar { .. } | Kind::Alias(_) => {}
            Kind::Sequence { items } => items.iter().for_each(|item| item.walk(visit)),
            Kind::Mapping { entries, .. } => entries.iter().for_each(|entry| {
                entry.key.walk(visit);
                entry.value.walk(visit);
            }),
        }
    }

    /// Whether a stream counts a document of this content.
    pub(super) fn is_document(&self) -> bool {
        match &self.kind {
            Kind::Scalar { null, .. } => !null,
            Kind::Mapping { entries, .. } => !entries.is_empty(),
            Kind::Alias(_) | Kind::Sequence { .. } => true,
        }
    }
}

impl Entry {
    /// The place right behind the colon; `None` where there is none.
    pub(super) fn behind_colon(&self, source: &str) -> Option<usize> {
        let mut at = self.key.span.end;
        loop {
            let rest = source.get(at..)?;
            at += match rest.bytes().next()? {
                b':' => return Some(at + 1),
                b'#' => rest.find('\n')?,
                b' ' | b'\t' | b'\r' | b'\n' => 1,
                _ => return None,
            };
        }
    }

    /// Where the entry ends.
    pub(super) fn end(&self, source: &str) -> usize {
        let empty = self.value.span.is_empty();
        match self.behind_colon(source) {
            Some(at) if empty => at,
            _ => self.value.span.end.max(self.key.span.end),
        }
    }
}

/// The documents of a text that the manifest reader could read.
///
/// `None` if the parser says otherwise or gives no places.
pub(super) fn documents(source: &str) -> Option<Vec<Part>> {
    let mut options = Options::default();
    options.emit_comments = false;
    options.emit_anchor_events = true;
    let mut reader = Reader {
        source,
        parser: Parser::new_from_str_with_options(source, options),
        ahead: None,
        behind: 0,
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()?.0 {
            Event::DocumentStart(..) => {
                let (event, span) = reader.next()?;
                documents.push(reader.part(event, span)?);
            }
            Event::StreamEnd => return Some(documents),
            _ => {}
        }
    }
}

struct Reader<'input> {
    source: &'input str,
    parser: Parser<'input, StrInput<'input>>,
    ahead: Option<(Event<'input>, Span)>,
    /// The end of what was read last.
    behind: usize,
}

impl<'input> Reader<'input> {
    fn next(&mut self) -> Option<(Event<'input>, Span)> {
        match self.ahead.take() {
            Some(pair) => Some(pair),
            None => self.parser.next()?.ok(),
        }
    }

    fn part(&mut self, event: Event<'input>, span: Span) -> Option<Part> {
        let content = span.start.byte_offset()?..span.end.byte_offset()?;
        let mut start = content.start;
        if let Some(tag) = span.tag_start().and_then(|tag| tag.byte_offset()) {
            start = start.min(tag);
        }
        match self.next()? {
            (Event::Anchor(..), anchor) => start = start.min(anchor.start.byte_offset()?),
            other => self.ahead = Some(other),
        }
        let anchor = event.anchor_id().unwrap_or(0);
        let mut end = content.end;
        let kind = match event {
            Event::Alias(id) => Kind::Alias(id),
            Event::Scalar(text, style, _, tag) => {
                let header = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        Some(block_header(self.source, self.behind)?)
                    }
                    _ => None,
                };
                if let Some(header) = &header {
                    end = block_end(self.source, header, &content)?;
                    start = start.min(header.start);
                }
                let null = style == ScalarStyle::Plain && is_null(&text, tag.as_deref());
                Kind::Scalar {
                    null,
                    style,
                    header,
                }
            }
            Event::SequenceStart(style, ..) => {
                self.behind = content.end;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, span) => {
                            end = match style {
                                StructureStyle::Flow => span.end.byte_offset()?,
                                _ => items.last().map_or(end, |item: &Part| item.span.end),
                            };
                            break;
                        }
                        (event, span) => items.push(self.part(event, span)?),
                    }
                }
                Kind::Sequence { items }
            }
            Event::MappingStart(style, ..) => {
                self.behind = content.end;
                let mut entries = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, span) => {
                            end = match style {
                                StructureStyle::Flow => span.end.byte_offset()?,
                                _ => entries
                                    .last()
                                    .map_or(end, |entry: &Entry| entry.end(self.source)),
                            };
                            break;
                        }
                        (event, span) => entries.push(self.entry(event, span)?),
                    }
                }
                let open = (style == StructureStyle::Flow).then_some(content.start);
                Kind::Mapping { open, entries }
            }
            _ => return None,
        };
        self.behind = end;
        Some(Part {
            span: start..end.max(start),
            anchor,
            kind,
        })
    }

    fn entry(&mut self, event: Event<'input>, span: Span) -> Option<Entry> {
        let name = match &event {
            Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<" => None,
            Event::Scalar(text, ScalarStyle::Plain, _, None) => Some(as_string(text)),
            Event::Scalar(text, ..) => Some(text.clone().into_owned()),
            // An alias as a key: no path leads there.
            _ => None,
        };
        let key = self.part(event, span)?;
        let (event, span) = self.next()?;
        let value = self.part(event, span)?;
        Some(Entry { name, key, value })
    }
}

fn is_null(text: &str, tag: Option<&Tag>) -> bool {
    match tag {
        None => matches!(scalar::resolve(text), Value::Null { .. }),
        Some(tag) => tag.suffix() == "null",
    }
}

fn as_string(text: &str) -> String {
    let node = super::super::Node {
        value: scalar::resolve(text),
        position: Default::default(),
    };
    node.as_wanted_string().unwrap_or_default().to_owned()
}

/// The first `|` or `>` that stands as one behind `at`, with indentation and chomping indicators.
fn block_header(source: &str, mut at: usize) -> Option<Range<usize>> {
    loop {
        let rest = source.get(at..)?;
        at += match rest.bytes().next()? {
            b'|' | b'>' => {
                let length = 1 + rest
                    .bytes()
                    .skip(1)
                    .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-'))
                    .count();
                return Some(at..at + length);
            }
            b'#' => rest.find('\n')?,
            b'&' | b'!' => rest.find([' ', '\t', '\r', '\n'])?,
            b' ' | b'\t' | b'\r' | b'\n' | b':' | b'-' | b'?' => 1,
            _ => return None,
        };
    }
}

/// The end of the last line of a block scalar, its line break left out.
fn block_end(source: &str, header: &Range<usize>, content: &Range<usize>) -> Option<usize> {
    let line_end = |at: usize| {
        let end = source
            .get(at..)
            .and_then(|rest| rest.find('\n'))
            .map_or(source.len(), |length| at + length);
        match source.get(..end) {
            Some(before) if before.ends_with('\r') => end - 1,
            _ => end,
        }
    };
    let text = source.get(content.clone())?;
    if source.get(header.clone())?.contains('+') {
        // All line breaks count.
        let whole = source.get(..content.end)?;
        let whole = whole.trim_end_matches([' ', '\t']);
        let trimmed = whole.strip_suffix('\n').unwrap_or(whole);
        return Some(
            trimmed
                .strip_suffix('\r')
                .unwrap_or(trimmed)
                .len()
                .max(header.end),
        );
    }
    match text.trim_end() {
        "" => Some(line_end(header.end)),
        text => Some(content.start + text.len()),
    }
}
