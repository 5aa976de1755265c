//! Bytes to documents.

use std::fmt;
use std::ops::Range;

use super::compose::{ComposeError, compose};
use super::json::read_json;
use super::node::{Node, Position};

/// One document of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its number in the stream, from one; empty documents are not counted.
    pub number: usize,
    /// Its content: anything but null or an empty map.
    pub node: Node,
    /// The bytes of the input that it was read from: those of a JSON object, or all between two
    /// `---` lines.
    pub source: Range<usize>,
    /// Whether it is JSON.
    pub is_json: bool,
}

/// Why a stream couldn't be read; nothing of it should be used then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Number of the document in the stream, from one.
    pub document: usize,
    /// Where reading failed.
    pub position: Position,
    /// What was wrong there, without any of the input's values.
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "document {}: {}: {}",
            self.document, self.position, self.message
        )
    }
}

impl std::error::Error for ReadError {}

/// Reads every document of `input`.
///
/// Input is UTF-8, with an optional byte order mark; CRLF ends a line as LF does. Documents that
/// hold nothing but comments, `null` or `{}` are left out, so the result may be empty.
///
/// # Errors
/// The first document that can't be read, by number, line and column.
pub fn read(input: &[u8]) -> Result<Vec<Document>, ReadError> {
    let text = std::str::from_utf8(input).map_err(|error| {
        let good = input.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = good
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let position = Position {
            line,
            column: good.len() - start + 1,
        };
        ReadError {
            document: 1,
            position,
            message: "not UTF-8 text".to_owned(),
        }
    })?;
    let whole = text.len();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mark = whole - text.len();
    let mut documents = Vec::new();
    for chunk in chunks(text) {
        let number = documents.len() + 1;
        let chunk = chunk.map_err(|position| ReadError {
            document: number,
            position,
            message: "text behind `---` on the same line; put it on a line of its own".to_owned(),
        })?;
        let start = mark + chunk.start;
        let nodes = read_chunk(&chunk).map_err(|error| ReadError {
            document: number,
            position: error.position,
            message: error.message,
        })?;
        for (node, json) in nodes {
            let within = json.clone().unwrap_or(0..chunk.text.len());
            let empty = node.is_null() || node.fields().is_some_and(<[_]>::is_empty);
            if !empty {
                documents.push(Document {
                    number: documents.len() + 1,
                    node,
                    source: start + within.start..start + within.end,
                    is_json: json.is_some(),
                });
            }
        }
    }
    Ok(documents)
}

/// The text between two `---` lines.
struct Chunk<'input> {
    text: &'input str,
    /// Where it starts in the input behind the byte order mark.
    start: usize,
    first_line: usize,
}

/// Splits at lines that are `---`, alone or with a comment. Such a line ends a document wherever
/// it stands: within one, content is indented or JSON, which has no such line.
fn chunks(text: &str) -> Vec<Result<Chunk<'_>, Position>> {
    let mut chunks = Vec::new();
    let (mut start, mut first_line) = (0, 1);
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let next = at + line.len();
        let marker = line
            .strip_prefix("---")
            .filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        // Directives count for the document behind the marker.
        let before = text.get(start..at).unwrap_or_default();
        if let Some(rest) = marker.filter(|_| start > 0 || !is_directives(before)) {
            chunks.push(Ok(Chunk {
                text: before,
                start,
                first_line,
            }));
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                chunks.push(Err(Position {
                    line: number + 1,
                    column: 5,
                }));
            }
            (start, first_line) = (next, number + 2);
        }
        at = next;
    }
    chunks.push(Ok(Chunk {
        text: text.get(start..).unwrap_or_default(),
        start,
        first_line,
    }));
    chunks
}

/// Whether a text holds directives, such as `%YAML 1.1`, and nothing else but comments.
fn is_directives(text: &str) -> bool {
    let mut lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .peekable();
    lines.peek().is_some() && lines.all(|line| line.starts_with('%'))
}

/// A document, and its place in the chunk if it is JSON.
type Read = (Node, Option<Range<usize>>);

/// The documents of a chunk.
fn read_chunk(chunk: &Chunk<'_>) -> Result<Vec<Read>, ComposeError> {
    let yaml = || -> Result<Vec<Read>, ComposeError> {
        let nodes = compose(chunk.text, chunk.first_line)?;
        Ok(nodes.into_iter().map(|node| (node, None)).collect())
    };
    let body = chunk.text.trim_start();
    if !body.starts_with('{') {
        return yaml();
    }
    let skipped = chunk.text.len() - body.len();
    let blank = chunk.text.get(..skipped).unwrap_or_default();
    let first_line = chunk.first_line + blank.matches('\n').count();
    match read_json(body, first_line) {
        Ok(nodes) => Ok(nodes
            .into_iter()
            .map(|(node, at)| (node, Some(skipped + at.start..skipped + at.end)))
            .collect()),
        // Text that starts like JSON may be a YAML flow map; if it is neither, the JSON reader
        // knows better where it went wrong.
        Err(json_error) => match yaml() {
            Ok(nodes) if nodes.len() == 1 => Ok(nodes),
            _ => Err(json_error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(input: &str) -> Vec<String> {
        read(input.as_bytes())
            .unwrap()
            .iter()
            .map(|document| {
                document
                    .node
                    .field("a")
                    .unwrap()
                    .as_wanted_string()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    fn failure(input: &str) -> ReadError {
        read(input.as_bytes()).unwrap_err()
    }

    #[test]
    fn streams_of_json_and_yaml_mix() {
        assert_eq!(
            names("{\"a\":\"1\"}{\"a\":\"2\"}\n{\"a\":\"3\"}"),
            ["1", "2", "3"]
        );
        assert_eq!(
            names("a: 1\n---\na: 2\n--- # note\n{\"a\": \"3\"}\n---\na: 4\n"),
            ["1", "2", "3", "4"]
        );
        assert_eq!(names("\u{feff}---\r\na: 1\r\n---\r\na: 2\r\n"), ["1", "2"]);
        assert_eq!(names("{a: 1}"), ["1"]);
        assert_eq!(names("a: 1\n...\n---\na: 2"), ["1", "2"]);
    }

    #[test]
    fn directives_belong_to_the_document_behind_them() {
        assert_eq!(names("%YAML 1.1\n---\na: 1\n---\na: 2\n"), ["1", "2"]);
        assert_eq!(names("# note\n%YAML 1.2\n# more\n\n--- # x\na: 1\n"), ["1"]);
        assert_eq!(
            names("%TAG !y! tag:yaml.org,2002:\n---\na: !y!str 1\n"),
            ["1"]
        );
        assert_eq!(failure("%YAML 1.1\n---\na: [\n").position.line, 3);
        failure("%YAML 1.1\na: 1\n");
        failure("a: 1\n---\n%YAML 1.1\n---\na: 2\n");
    }

    #[test]
    fn json_numbers_keep_their_text() {
        for number in [
            "3.14159265358979312345",
            "123456789012345678901234567890",
            "18446744073709551617",
            "1.0",
            "-0",
            "1E+2",
            "7",
        ] {
            let input = format!(
                "{{\"s\":\"\\\"1,\",\"a\":[2,{{\"x\":3}}],\"a\":{number}, \"b\":[-4,true]}}\n{{\"a\":5}}"
            );
            assert_eq!(names(&input), [number, "5"]);
        }
    }

    #[test]
    fn empty_documents_are_left_out() {
        for input in [
            "",
            "---\n---\n",
            "# only a comment\n",
            "null\n",
            "{}",
            "---\n{}\n---\nnull\n",
            "~",
        ] {
            assert_eq!(read(input.as_bytes()).unwrap(), [], "{input:?}");
        }
    }

    #[test]
    fn unreadable_documents_are_errors_that_name_the_document() {
        for (input, document, line) in [
            ("a: 1\n---\na: [\n---\na: 3\n", 2, 3),
            ("a: 1\n---\n\ta: 2\n", 2, 3),
            ("{\"a\":\"1\"} x", 1, 1),
            ("{\"a\":\"1\"}\n{\"a\":\n", 2, 3),
            ("a: 1\n--- a: 2\n", 2, 2),
            ("a: *nowhere\n", 1, 1),
        ] {
            let error = failure(input);
            assert_eq!(error.position.line, line, "{input:?}: {error}");
            assert!(error.document <= document, "{input:?}: {error}");
        }
        assert_eq!(read(b"a: 1\nb: \xff\n").unwrap_err().position.line, 2);
    }

    #[test]
    fn the_last_of_duplicate_keys_wins_and_merge_keys_work() {
        assert_eq!(names("a: 1\na: 2\n"), ["2"]);
        assert_eq!(names("{\"a\":\"1\",\"a\":\"2\"}"), ["2"]);
        assert_eq!(names("x: &x {a: 1, b: 2}\n<<: *x\n"), ["1"]);
        assert_eq!(names("x: &x {a: 1}\n<<: *x\na: own\n"), ["own"]);
        assert_eq!(names("<<: [{a: 1}, {a: 2}]\n"), ["1"]);
    }

    #[test]
    fn tags_are_honoured() {
        assert_eq!(names("a: !!str 0777\n"), ["0777"]);
        assert_eq!(names("a: !!binary aGk=\n"), ["hi"]);
        assert_eq!(names("a: ! on\n"), ["on"]);
    }

    #[test]
    fn aliases_cannot_multiply_without_bound() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let item = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [item.as_str(); 10].join(", "));
        }
        assert!(failure(&bomb).message.contains("too large"));
        let mut tower = "a0: &a0 [x]\n".to_owned();
        for level in 1..400 {
            tower += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
        }
        assert!(failure(&tower).message.contains("too deeply"));
        let deep = "[".repeat(100_000);
        failure(&format!("a: {deep}"));
        failure(&format!("{{\"a\": {deep}"));
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(input in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = read(&input);
        }

        #[test]
        fn reading_yamlish_text_never_panics(input in "[-:{}\\[\\]&*!|>'\"# \n\ta-c0-9~<]{0,120}") {
            let _ = read(input.as_bytes());
        }
    }
}
