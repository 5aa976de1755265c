//! Lines around a place.

use std::ops::Range;

/// How many characters stand before `at` on its line.
pub(super) fn column(source: &str, at: usize) -> usize {
    let before = source.get(..at).unwrap_or_default();
    before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
}

/// The end of the line that `at` stands on, its line break left out.
pub(super) fn line_end(source: &str, at: usize) -> usize {
    let rest = source.get(at..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    let line = match rest.len() == line.len() {
        true => line,
        false => line.strip_suffix('\r').unwrap_or(line),
    };
    at + line.len()
}

/// As [`line_end`], if nothing but a comment lies between.
pub(super) fn line_end_behind(source: &str, at: usize) -> Option<usize> {
    let end = line_end(source, at);
    let rest = source.get(at..end)?.trim();
    (rest.is_empty() || rest.starts_with('#')).then_some(end)
}

/// The lines that hold this and nothing else but a comment, with one line break.
pub(super) fn whole_lines(source: &str, at: Range<usize>) -> Option<Range<usize>> {
    let before = source.get(..at.start)?;
    let indent = before.rsplit('\n').next()?;
    if !indent.trim().is_empty() {
        return None;
    }
    let start = at.start - indent.len();
    let end = line_end_behind(source, at.end)?;
    let rest = source.get(end..)?;
    let line_break = ["\r\n", "\n"].iter().find(|one| rest.starts_with(**one));
    Some(match line_break {
        Some(line_break) => start..end + line_break.len(),
        // The last line has none: the one before it goes.
        None => {
            let above = source.get(..start)?;
            let kept = above.strip_suffix('\n').unwrap_or(above);
            kept.strip_suffix('\r').unwrap_or(kept).len()..end
        }
    })
}
