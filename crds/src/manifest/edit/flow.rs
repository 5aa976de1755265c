//! Maps in braces, JSON's among them: new entries look like those that are there.

use granit_parser::ScalarStyle;

use super::layout::{Entry, Kind, Part};
use super::lines::line_end;
use super::splice::{Planner, Splice};

impl<'text> Planner<'text> {
    /// An entry behind the last one of a map in braces.
    pub(super) fn append_to_flow(
        &self,
        map: &Part,
        open: usize,
        entries: &[Entry],
        keys: &[&str],
        text: &str,
    ) -> Option<Vec<Splice>> {
        let last = entries.last()?;
        let lead = self.lead(map, entries)?;
        let entry = self.flow_entry(
            keys,
            text,
            &lead,
            &self.unit(map, &lead),
            self.colon(entries),
        );
        let end = last.end(self.source);
        let rest = self.source.get(end..map.span.end)?;
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let has_comma = rest.get(blank..)?.starts_with(',');
        let behind = if has_comma { end + blank + 1 } else { end };
        // A comment at the end of the line belongs to what stands there.
        let line_end = line_end(self.source, behind);
        let comment = self
            .source
            .get(behind..line_end)?
            .trim_start()
            .starts_with('#');
        let at = if comment { line_end } else { behind };
        debug_assert!(open < end);
        let new = Splice {
            at: at..at,
            text: format!("{lead}{entry}{}", if has_comma { "," } else { "" }),
        };
        if has_comma {
            return Some(vec![new]);
        }
        let comma = Splice {
            at: end..end,
            text: ",".to_owned(),
        };
        Some(vec![comma, new])
    }

    /// A new map in braces, as a value within the map `parent`.
    pub(super) fn new_flow(&self, parent: &Part, keys: &[&str], text: &str) -> Option<String> {
        let Kind::Mapping { entries, .. } = &parent.kind else {
            return None;
        };
        let outer = self.lead(parent, entries)?;
        let unit = self.unit(parent, &outer);
        Some(self.braces(keys, text, &outer, &unit, self.colon(entries)))
    }

    fn braces(&self, keys: &[&str], text: &str, outer: &str, unit: &str, colon: &str) -> String {
        match outer.contains('\n') {
            true => {
                let inner = format!("{outer}{unit}");
                let entry = self.flow_entry(keys, text, &inner, unit, colon);
                format!("{{{inner}{entry}{outer}}}")
            }
            false => format!("{{{}}}", self.flow_entry(keys, text, outer, unit, colon)),
        }
    }

    fn flow_entry(&self, keys: &[&str], text: &str, lead: &str, unit: &str, colon: &str) -> String {
        let Some((key, rest)) = keys.split_first() else {
            return String::new();
        };
        let value = match rest {
            [] => self.scalar(text, ScalarStyle::Plain),
            rest => self.braces(rest, text, lead, unit, colon),
        };
        format!("{}{colon}{value}", self.scalar(key, ScalarStyle::Plain))
    }

    /// The blanks in front of an entry of a map in braces.
    fn lead(&self, map: &Part, entries: &[Entry]) -> Option<String> {
        let last = entries.last()?.key.span.start;
        let before = self.source.get(map.span.start..last)?;
        let blanks = before.trim_end_matches([' ', '\t', '\r', '\n']);
        let lead = before.get(blanks.len()..)?;
        Some(match entries {
            [_] if !lead.contains('\n') && self.colon(entries).ends_with(' ') => " ".to_owned(),
            [_] if !lead.contains('\n') => String::new(),
            _ => lead.to_owned(),
        })
    }

    /// By what an entry of a map in braces is indented more than its brace.
    fn unit(&self, map: &Part, lead: &str) -> String {
        let indent = |text: &str| text.rsplit('\n').next().unwrap_or_default().to_owned();
        let inner = indent(lead);
        let before = self
            .source
            .get(..map.span.end.saturating_sub(1))
            .unwrap_or_default();
        let outer = indent(before);
        match inner.strip_prefix(&outer) {
            Some(unit) if !unit.is_empty() => unit.to_owned(),
            _ => "  ".to_owned(),
        }
    }

    /// What stands between key and value in a map in braces.
    fn colon(&self, entries: &[Entry]) -> &'text str {
        let between = entries.last().and_then(|last| {
            self.source
                .get(last.key.span.end..last.value.span.start)
                .filter(|between| between.trim() == ":" && !between.contains(['\n', '\t']))
        });
        match between {
            // Without quotes around the key, YAML wants the blank.
            Some(":") if !self.is_json => ": ",
            Some(between) => between,
            None => ": ",
        }
    }
}
