//! What is said on standard error: `error:`, `warning:` and `hint:` lines.
//!
//! These words are coloured on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};

use crate::error::on_one_line;

const PREFIXES: [(&str, AnsiColor); 3] = [
    ("error:", AnsiColor::Red),
    ("warning:", AnsiColor::Yellow),
    ("hint:", AnsiColor::Cyan),
];

/// Says the lines of a report. Where nobody can be told, the run goes on all the same.
pub(crate) fn say(report: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = stderr.write_all(painted(report).as_bytes());
}

/// Says one line as it is.
pub(crate) fn note(text: &str) {
    say(&format!("{text}\n"));
}

/// Says something that doesn't keep the run from going on.
pub(crate) fn warn(text: &str) {
    say(&format!("warning: {}\n", on_one_line(text)));
}

/// Says what helps.
pub(crate) fn hint(text: &str) {
    say(&format!("hint: {}\n", on_one_line(text)));
}

fn painted(report: &str) -> String {
    let mut painted = String::new();
    for line in report.split_inclusive('\n') {
        let prefix = PREFIXES.iter().find_map(|(prefix, color)| {
            let rest = line.strip_prefix(prefix)?;
            Some((
                prefix,
                Style::new().fg_color(Some((*color).into())).bold(),
                rest,
            ))
        });
        match prefix {
            Some((prefix, style, rest)) => {
                painted.push_str(&format!("{style}{prefix}{style:#}{rest}"));
            }
            None => painted.push_str(line),
        }
    }
    painted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_word_of_a_line_is_painted() {
        let painted = painted("error: a error: b\nhint: c\nplain\n");
        assert_eq!(
            painted,
            "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m a error: b\n\u{1b}[1m\u{1b}[36mhint:\u{1b}[0m c\nplain\n"
        );
    }
}
