//! An edit to replacements of text.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::layout::{Entry, Kind, Part};
use super::lines::{column, line_end, line_end_behind, whole_lines};
use super::quote;
use super::{Change, Edit, Step};

/// Text that takes the place of other text.
#[derive(Debug)]
pub(super) struct Splice {
    pub(super) at: Range<usize>,
    pub(super) text: String,
}

/// What is to be done for an edit.
#[derive(Debug)]
pub(super) enum Plan {
    /// Splices that go well with those of other edits of the same round.
    Together(Vec<Splice>),
    /// Splices after which the text has to be looked at anew.
    Alone(Vec<Splice>),
    /// As [`Plan::Alone`], and the edit isn't done yet.
    Again(Vec<Splice>),
    /// First, these aliases have to be written out: place, and number of the anchor.
    Expand(Vec<(Range<usize>, usize)>),
}

/// Finds places in one document.
pub(super) struct Planner<'text> {
    pub(super) source: &'text str,
    root: &'text Part,
    pub(super) is_json: bool,
    newline: &'static str,
    /// By how much a map within a map is indented.
    step: usize,
}

/// Makes all splices, which must not overlap.
pub(super) fn apply(source: &str, mut splices: Vec<Splice>) -> Option<String> {
    // Stable, so that what is inserted at one place keeps its order.
    splices.sort_by_key(|splice| (splice.at.start, splice.at.end));
    let mut text = String::with_capacity(source.len());
    let mut at = 0;
    for splice in &splices {
        text.push_str(source.get(at..splice.at.start)?);
        text.push_str(&splice.text);
        at = splice.at.end;
    }
    text.push_str(source.get(at..)?);
    Some(text)
}

/// The way to a place: every map on it with the entry that was taken.
struct Way<'text> {
    /// Map and index of the entry; lists are left out.
    entries: Vec<(&'text Part, &'text Entry)>,
    /// Where the way ends.
    end: &'text Part,
    /// Keys that aren't there.
    missing: Vec<&'text str>,
}

impl<'text> Planner<'text> {
    pub(super) fn new(source: &'text str, root: &'text Part, is_json: bool) -> Self {
        Self {
            source,
            root,
            is_json,
            newline: match source.contains("\r\n") {
                true => "\r\n",
                false => "\n",
            },
            step: step(source, root).unwrap_or(2),
        }
    }

    /// `None` where the text is too odd to be edited in place.
    pub(super) fn plan(&self, edit: &'text Edit) -> Option<Plan> {
        let mut anchors = Vec::new();
        let mut way = Way {
            entries: Vec::new(),
            end: self.root,
            missing: Vec::new(),
        };
        for (index, step) in edit.path.iter().enumerate() {
            anchors.push(way.end.anchor);
            let next = match (&way.end.kind, step) {
                (Kind::Alias(id), _) => {
                    return Some(Plan::Expand(vec![(way.end.span.clone(), *id)]));
                }
                (Kind::Sequence { items, .. }, Step::Item(item)) => items.get(*item),
                (Kind::Mapping { entries, .. }, Step::Field(name)) => {
                    let found = entries
                        .iter()
                        .rev()
                        .find(|entry| entry.name.as_ref() == Some(name));
                    found.map(|entry| {
                        way.entries.push((way.end, entry));
                        &entry.value
                    })
                }
                _ => None,
            };
            let Some(next) = next else {
                for step in edit.path.get(index..)? {
                    let Step::Field(name) = step else { return None };
                    way.missing.push(name);
                }
                break;
            };
            way.end = next;
        }
        if way.missing.is_empty() {
            way.end.walk(&mut |part| anchors.push(part.anchor));
        }
        let aliases = self.aliases_to(&anchors, &way);
        if !aliases.is_empty() {
            return Some(Plan::Expand(aliases));
        }
        match &edit.change {
            Change::Set(text) if way.missing.is_empty() => self.replace(&way, text),
            Change::Set(text) => self.insert(&way, text),
            Change::Remove => self.remove(&way),
        }
    }

    /// Aliases that would change with what the edit changes.
    fn aliases_to(&self, anchors: &[usize], way: &Way<'_>) -> Vec<(Range<usize>, usize)> {
        let mut aliases = Vec::new();
        if anchors.iter().all(|anchor| *anchor == 0) {
            return aliases;
        }
        let changed = &way.end.span;
        self.root.walk(&mut |part| {
            let inside = way.missing.is_empty()
                && changed.start <= part.span.start
                && part.span.end <= changed.end;
            if let Kind::Alias(id) = part.kind
                && anchors.contains(&id)
                && !inside
            {
                aliases.push((part.span.clone(), id));
            }
        });
        aliases
    }

    fn replace(&self, way: &Way<'_>, text: &str) -> Option<Plan> {
        let part = way.end;
        let splices = match &part.kind {
            Kind::Scalar {
                style,
                header: Some(header),
                ..
            } => {
                // A comment behind the header stays.
                let lines = line_end(self.source, header.end)..part.span.end;
                let before = self.source.get(part.span.start..header.end)?;
                let first = if before.contains('\n') {
                    return Some(Plan::Alone(vec![Splice {
                        at: part.span.clone(),
                        text: quote::scalar(text, *style),
                    }]));
                } else {
                    part.span.start..header.end
                };
                vec![
                    Splice {
                        at: first,
                        text: quote::scalar(text, *style),
                    },
                    Splice {
                        at: lines.start..lines.end.max(lines.start),
                        text: String::new(),
                    },
                ]
            }
            Kind::Mapping { open: None, .. } => {
                let (_, entry) = way.entries.last()?;
                let start = entry.behind_colon(self.source)?;
                vec![Splice {
                    at: start..part.span.end,
                    text: format!(" {}", quote::scalar(text, ScalarStyle::Plain)),
                }]
            }
            _ if part.span.is_empty() => {
                let (_, entry) = way.entries.last()?;
                let at = entry.behind_colon(self.source)?;
                vec![Splice {
                    at: at..at,
                    text: format!(" {}", self.scalar(text, ScalarStyle::Plain)),
                }]
            }
            kind => {
                let style = match kind {
                    Kind::Scalar { style, .. } => *style,
                    _ => ScalarStyle::Plain,
                };
                vec![Splice {
                    at: part.span.clone(),
                    text: self.scalar(text, style),
                }]
            }
        };
        Some(Plan::Together(splices))
    }

    fn insert(&self, way: &Way<'_>, text: &str) -> Option<Plan> {
        let keys = way.missing.as_slice();
        match &way.end.kind {
            Kind::Mapping { open, entries } if !entries.is_empty() => {
                let splices = match open {
                    Some(open) => self.append_to_flow(way.end, *open, entries, keys, text)?,
                    None => {
                        let column = column(self.source, entries.first()?.key.span.start);
                        let at = line_end_behind(self.source, entries.last()?.end(self.source))?;
                        let style = style_of_last(entries);
                        vec![Splice {
                            at: at..at,
                            text: self.block(column, keys, text, style),
                        }]
                    }
                };
                Some(match keys {
                    [_] => Plan::Together(splices),
                    _ => Plan::Alone(splices),
                })
            }
            Kind::Mapping { .. } | Kind::Scalar { null: true, .. } => {
                let (parent, entry) = way.entries.last()?;
                let colon = entry.behind_colon(self.source)?;
                let end = way.end.span.end.max(colon);
                let Kind::Mapping { open, .. } = &parent.kind else {
                    return None;
                };
                Some(Plan::Alone(match open {
                    Some(_) => {
                        let new = self.new_flow(parent, keys, text)?;
                        let space = match self.source.get(colon..end)? {
                            "" => " ",
                            between if between.starts_with([' ', '\n', '\r']) => " ",
                            _ => "",
                        };
                        vec![Splice {
                            at: colon..end,
                            text: format!("{space}{new}"),
                        }]
                    }
                    None => {
                        let column = column(self.source, entry.key.span.start) + self.step;
                        let at = line_end_behind(self.source, end)?;
                        vec![
                            Splice {
                                at: colon..end,
                                text: String::new(),
                            },
                            Splice {
                                at: at..at,
                                text: self.block(column, keys, text, ScalarStyle::Plain),
                            },
                        ]
                    }
                }))
            }
            _ => None,
        }
    }

    fn remove(&self, way: &Way<'_>) -> Option<Plan> {
        let ((map, entry), above) = way.entries.split_last()?;
        let Kind::Mapping { open, entries } = &map.kind else {
            return None;
        };
        let again = entries
            .iter()
            .filter(|other| other.name == entry.name)
            .count()
            > 1;
        let at = entries
            .iter()
            .position(|other| std::ptr::eq(other, *entry))?;
        let previous = at.checked_sub(1).and_then(|at| entries.get(at));
        let next = entries.get(at + 1);
        let (start, end) = (entry.key.span.start, entry.end(self.source));
        let splices = match (open, previous, next) {
            (Some(_), _, Some(next)) => vec![cut(start..next.key.span.start)],
            (Some(_), Some(previous), None) => vec![cut(previous.end(self.source)..end)],
            (Some(open), None, None) => vec![cut(open + 1..map.span.end.checked_sub(1)?)],
            (None, None, None) => {
                let (_, parent) = above.last()?;
                let colon = parent.behind_colon(self.source)?;
                let lines = whole_lines(self.source, start..end)?;
                let braces = Splice {
                    at: colon..colon,
                    text: " {}".to_owned(),
                };
                vec![braces, cut(lines)]
            }
            (None, ..) => match (whole_lines(self.source, start..end), next) {
                (Some(lines), _) => vec![cut(lines)],
                // Behind the dash of a list: the next one takes its place.
                (None, Some(next)) => vec![cut(start..next.key.span.start)],
                (None, None) => return None,
            },
        };
        Some(match again {
            true => Plan::Again(splices),
            false => Plan::Alone(splices),
        })
    }

    /// Lines of a block, each with a line break before it.
    fn block(&self, column: usize, keys: &[&str], text: &str, style: ScalarStyle) -> String {
        let mut lines = String::new();
        for (depth, key) in keys.iter().enumerate() {
            lines.push_str(self.newline);
            lines.push_str(&" ".repeat(column + depth * self.step));
            lines.push_str(&quote::scalar(key, ScalarStyle::Plain));
            lines.push(':');
        }
        lines.push(' ');
        lines.push_str(&quote::scalar(text, style));
        lines
    }

    pub(super) fn scalar(&self, text: &str, style: ScalarStyle) -> String {
        match self.is_json {
            true => quote::double_quoted(text),
            false => quote::scalar(text, style),
        }
    }
}

fn cut(at: Range<usize>) -> Splice {
    Splice {
        at,
        text: String::new(),
    }
}

/// How the last of the values is quoted, which new ones follow.
fn style_of_last(entries: &[Entry]) -> ScalarStyle {
    match entries.last().map(|entry| &entry.value.kind) {
        Some(Kind::Scalar {
            style: style @ (ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted),
            ..
        }) => *style,
        _ => ScalarStyle::Plain,
    }
}

/// The difference in indentation of the first map that stands within another.
fn step(source: &str, root: &Part) -> Option<usize> {
    let mut found = None;
    root.walk(&mut |part| {
        if let Kind::Mapping {
            open: None,
            entries,
        } = &part.kind
        {
            for entry in entries {
                if let Kind::Mapping {
                    open: None,
                    entries: inner,
                } = &entry.value.kind
                    && let Some(first) = inner.first()
                {
                    let outer = column(source, entry.key.span.start);
                    let inner = column(source, first.key.span.start);
                    found = found.or(inner.checked_sub(outer).filter(|step| *step > 0));
                }
            }
        }
    });
    found
}
