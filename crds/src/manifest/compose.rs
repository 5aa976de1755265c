//! One YAML document to a [`Node`] tree.
//!
//! Manifests are hostile input: depth and the number of nodes are bounded, aliases included, so
//! that a few lines of nested aliases can't become gigabytes.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StructureStyle, Tag};
use zeroize::Zeroizing;

use super::node::{Key, Node, Position, Value};
use super::scalar;

/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 128;
/// Most nodes in a document, those that aliases repeat included.
const MAX_NODES: usize = 1_000_000;
/// Most bytes of text in a document, those that aliases repeat included.
const MAX_TEXT: usize = 64 << 20;

/// Why a document couldn't be composed.
#[derive(Debug)]
pub(super) struct ComposeError {
    pub(super) position: Position,
    pub(super) message: String,
}

/// Reads all YAML documents in `text`, whose first line is line `first_line` of the input.
pub(super) fn compose(text: &str, first_line: usize) -> Result<Vec<Node>, ComposeError> {
    Ok(compose_with_anchors(text, first_line)?.0)
}

/// As [`compose`], with the nodes that have an anchor by the parser's number for it.
pub(super) fn compose_with_anchors(
    text: &str,
    first_line: usize,
) -> Result<(Vec<Node>, HashMap<usize, Node>), ComposeError> {
    let mut options = Options::default();
    options.emit_comments = false;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut composer = Composer {
        input: text,
        flow: 0,
        parser: Parser::new_from_str_with_options(text, options),
        offset: first_line.saturating_sub(1),
        anchors: HashMap::new(),
        nodes: 0,
        text: 0,
    };
    let mut documents = Vec::new();
    while let Some((event, span)) = composer.next()? {
        match event {
            // The parser gives no number twice, and refuses aliases across documents.
            Event::DocumentStart(..) => {
                let (event, span) = composer.expect_next(span)?;
                documents.push(composer.node(event, span, 0)?);
            }
            Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            _ => return Err(composer.error(&span, "unexpected content")),
        }
    }
    let anchors = composer.anchors.into_iter();
    Ok((
        documents,
        anchors.map(|(id, (node, _))| (id, node)).collect(),
    ))
}

struct Composer<'input> {
    input: &'input str,
    /// How many flow collections (`[]`, `{}`) enclose the current node.
    flow: usize,
    parser: Parser<'input, granit_parser::StrInput<'input>>,
    offset: usize,
    anchors: HashMap<usize, (Node, Size)>,
    nodes: usize,
    text: usize,
}

/// What a subtree costs; charged again when it is kept for aliases and at each alias to it.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    text: usize,
    height: usize,
}

/// How many lists and maps deep a tree is.
fn height(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Value::Mapping(fields) => {
            1 + fields
                .iter()
                .map(|(_, node)| height(node))
                .max()
                .unwrap_or(0)
        }
        _ => 0,
    }
}

impl<'input> Composer<'input> {
    fn next(&mut self) -> Result<Option<(Event<'input>, Span)>, ComposeError> {
        match self.parser.next() {
            None => Ok(None),
            Some(Ok(pair)) => Ok(Some(pair)),
            Some(Err(error)) => Err(ComposeError {
                position: Position {
                    line: error.marker().line() + self.offset,
                    column: error.marker().col() + 1,
                },
                message: error.info(),
            }),
        }
    }

    fn expect_next(&mut self, last: Span) -> Result<(Event<'input>, Span), ComposeError> {
        match self.next()? {
            Some(pair) => Ok(pair),
            None => Err(self.error(&last, "unexpected end of input")),
        }
    }

    fn node(
        &mut self,
        event: Event<'input>,
        span: Span,
        depth: usize,
    ) -> Result<Node, ComposeError> {
        if depth > MAX_DEPTH {
            return Err(self.error(&span, "nested too deeply"));
        }
        self.refuse_tab(&span)?;
        let position = self.position(&span);
        let (nodes_before, text_before) = (self.nodes, self.text);
        let (value, anchor) = match event {
            Event::Alias(id) => return self.alias(id, &span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                self.charge(
                    Size {
                        nodes: 1,
                        text: text.len(),
                        height: 0,
                    },
                    &span,
                )?;
                (self.scalar(text, style, tag.as_deref(), &span)?, anchor)
            }
            Event::SequenceStart(style, anchor, _) => {
                self.charge(
                    Size {
                        nodes: 1,
                        text: 0,
                        height: 0,
                    },
                    &span,
                )?;
                let mut items = Vec::new();
                let flow = usize::from(style == StructureStyle::Flow);
                self.flow += flow;
                loop {
                    match self.expect_next(span)? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                self.flow -= flow;
                (Value::Sequence(items), anchor)
            }
            Event::MappingStart(style, anchor, _) => {
                self.charge(
                    Size {
                        nodes: 1,
                        text: 0,
                        height: 0,
                    },
                    &span,
                )?;
                let flow = usize::from(style == StructureStyle::Flow);
                self.flow += flow;
                let fields = self.mapping(span, depth)?;
                self.flow -= flow;
                (Value::Mapping(fields), anchor)
            }
            _ => return Err(self.error(&span, "unexpected content")),
        };
        let node = Node { value, position };
        if anchor != 0 {
            let size = Size {
                nodes: self.nodes - nodes_before,
                text: self.text - text_before,
                height: height(&node),
            };
            self.charge(size, &span)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    /// The parser takes tabs as indentation in places; Kubernetes tools never do.
    fn refuse_tab(&self, span: &Span) -> Result<(), ComposeError> {
        // Inside brackets indentation means nothing; and a line may hold a million nodes.
        if self.flow > 0 {
            return Ok(());
        }
        let before = span
            .start
            .byte_offset()
            .and_then(|at| self.input.get(..at))
            .unwrap_or("");
        let indentation = before.rsplit('\n').next().unwrap_or("");
        let blank = indentation.bytes().all(|byte| matches!(byte, b' ' | b'\t'));
        if blank && indentation.contains('\t') {
            return Err(self.error(span, "indented with a tab; use spaces"));
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: &Span, depth: usize) -> Result<Node, ComposeError> {
        let Some(size) = self.anchors.get(&id).map(|(_, size)| *size) else {
            return Err(self.error(span, "alias to an anchor that contains it or is missing"));
        };
        if depth + size.height > MAX_DEPTH {
            return Err(self.error(span, "nested too deeply"));
        }
        self.charge(size, span)?;
        match self.anchors.get(&id) {
            Some((node, _)) => Ok(node.clone()),
            None => Err(self.error(span, "alias to a missing anchor")),
        }
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Result<Vec<(Key, Node)>, ComposeError> {
        let mut fields: Vec<(Key, Node)> = Vec::new();
        let mut index: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<(Key, Node)> = Vec::new();
        loop {
            let (key, key_span) = match self.expect_next(start)? {
                (Event::MappingEnd, _) => break,
                pair => pair,
            };
            let is_merge =
                matches!(&key, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(key, key_span, depth + 1)?;
            let (event, span) = self.expect_next(key_span)?;
            let value = self.node(event, span, depth + 1)?;
            if is_merge {
                self.merge(value, &key_span, &mut merged)?;
                continue;
            }
            let Some(name) = key.as_wanted_string() else {
                return Err(self.error(&key_span, "a map key must be a string"));
            };
            let spelled = match &key.value {
                Value::Bool { text, .. } => Some(text.clone()),
                Value::Number { text, canonical } if text != canonical => Some(text.clone()),
                Value::Null { .. } => Some("null".to_owned()),
                _ => None,
            };
            let key = Key {
                name: name.to_owned(),
                spelled,
                position: key.position,
            };
            match index.get(&key.name).and_then(|at| fields.get_mut(*at)) {
                Some(earlier) => *earlier = (key, value),
                None => {
                    index.insert(key.name.clone(), fields.len());
                    fields.push((key, value));
                }
            }
        }
        for (key, value) in merged {
            if !index.contains_key(&key.name) {
                index.insert(key.name.clone(), fields.len());
                fields.push((key, value));
            }
        }
        Ok(fields)
    }

    /// What `<<` brings in: a map, or a list of maps of which the first to have a key wins.
    fn merge(
        &self,
        value: Node,
        span: &Span,
        merged: &mut Vec<(Key, Node)>,
    ) -> Result<(), ComposeError> {
        match value.value {
            Value::Mapping(fields) => merged.extend(fields),
            Value::Sequence(items) => {
                for item in items {
                    match item.value {
                        Value::Mapping(fields) => merged.extend(fields),
                        _ => return Err(self.error(span, "a merge key takes maps")),
                    }
                }
            }
            _ => return Err(self.error(span, "a merge key takes a map or a list of maps")),
        }
        Ok(())
    }

    fn scalar(
        &self,
        text: Cow<'input, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Value, ComposeError> {
        let string = |text: Cow<'_, str>| Value::String(Zeroizing::new(text.into_owned()));
        let core = tag.and_then(|tag| match tag.handle() {
            "tag:yaml.org,2002:" | "!!" => Some(tag.suffix()),
            "" => tag.suffix().strip_prefix("tag:yaml.org,2002:"),
            _ => None,
        });
        match core {
            Some("str") => Ok(string(text)),
            Some("binary") => {
                let compact: Zeroizing<String> =
                    Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
                base64::engine::general_purpose::STANDARD
                    .decode(compact.as_bytes())
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .map(|text| Value::String(Zeroizing::new(text)))
                    .ok_or_else(|| self.error(span, "!!binary value is not base64 of UTF-8 text"))
            }
            Some("null" | "int" | "float" | "bool") => {
                let resolved = scalar::resolve(&text);
                match (core, &resolved) {
                    (Some("null"), Value::Null { .. }) => Ok(Value::Null { written: true }),
                    (Some("int" | "float"), Value::Number { .. })
                    | (Some("bool"), Value::Bool { .. }) => Ok(resolved),
                    _ => Err(self.error(span, "value does not fit its tag")),
                }
            }
            // The parser spells a value that isn't there as `~`.
            _ if style == ScalarStyle::Plain && tag.is_none() => {
                let nothing = span.start.index() == span.end.index();
                Ok(scalar::resolve(if nothing { "" } else { &text }))
            }
            _ => Ok(string(text)),
        }
    }

    fn charge(&mut self, size: Size, span: &Span) -> Result<(), ComposeError> {
        self.nodes = self.nodes.saturating_add(size.nodes);
        self.text = self.text.saturating_add(size.text);
        if self.nodes > MAX_NODES || self.text > MAX_TEXT {
            return Err(self.error(span, "document is too large once its aliases are expanded"));
        }
        Ok(())
    }

    fn position(&self, span: &Span) -> Position {
        Position {
            line: span.start.line() + self.offset,
            column: span.start.col() + 1,
        }
    }

    fn error(&self, span: &Span, message: &str) -> ComposeError {
        ComposeError {
            position: self.position(span),
            message: message.to_owned(),
        }
    }
}
