//! The text of a transcript, read and written.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Stands at the end of a text whose last line doesn't end.
const UNENDED: &str = "[no newline]";

/// A transcript.
pub(crate) struct Script {
    /// What it shows, and what is there, as in the file.
    preamble: String,
    /// What is there before the first command.
    pub(crate) given: Vec<Given>,
    /// Commands, one after the other.
    pub(crate) steps: Vec<Step>,
}

/// Something that is there.
pub(crate) enum Given {
    Entry(String, Entry),
    /// The API server answers so.
    Answer(Answer),
}

/// An answer of the API server: to `POST /path`, a status and a body.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Folder,
    Link(String),
    File { mode: u32, content: Vec<u8> },
}

/// A command, and what it brought about.
#[derive(Default)]
pub(crate) struct Step {
    /// As typed, without the `$`.
    pub(crate) command: String,
    /// What is typed or piped into it.
    pub(crate) stdin: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What the API server was asked: a line for each request, with headers that matter.
    pub(crate) requests: String,
    /// What was made or changed; `None` if it was removed.
    pub(crate) changes: BTreeMap<String, Option<Entry>>,
}

/// A line that begins with `==`, and the text up to the next.
struct Section {
    words: Vec<String>,
    text: String,
}

impl Script {
    /// Reads a transcript. What its commands brought about is left out: running them will tell.
    pub(crate) fn parse(text: &str) -> Self {
        let commands = text.find("\n$ ").expect("a transcript has a command") + 1;
        let (preamble, commands) = text.split_at(commands);
        assert!(!preamble.starts_with("=="), "say what it shows");
        let mut steps: Vec<Step> = Vec::new();
        for block in format!("\n{commands}").split("\n$ ").skip(1) {
            let (command, rest) = block.split_once('\n').unwrap_or((block, ""));
            let stdin = sections(&format!("{rest}\n"))
                .into_iter()
                .find(|section| section.words == ["stdin"]);
            steps.push(Step {
                command: command.to_owned(),
                stdin: stdin.map(|section| section.text).unwrap_or_default(),
                ..Step::default()
            });
        }
        Self {
            given: sections(preamble).iter().map(Given::parse).collect(),
            preamble: preamble.to_owned(),
            steps,
        }
    }

    /// The same transcript with other steps.
    pub(crate) fn with(&self, steps: Vec<Step>) -> Self {
        Self {
            preamble: self.preamble.clone(),
            given: Vec::new(),
            steps,
        }
    }

    pub(crate) fn render(&self) -> String {
        let steps: String = self.steps.iter().map(Step::render).collect();
        // No empty line at the end of a file.
        let steps = steps.strip_suffix('\n').unwrap_or(&steps);
        format!("{}{steps}", self.preamble)
    }
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some(head) = line.strip_prefix("== ") {
            sections.push(Section {
                words: head.split_whitespace().map(str::to_owned).collect(),
                text: String::new(),
            });
        } else if let Some(section) = sections.last_mut() {
            section.text.push_str(line);
        }
    }
    // The empty line that sets off the commands is no part of a file.
    for section in &mut sections {
        if section.text.ends_with("\n\n") || section.text == "\n" {
            section.text.pop();
        }
    }
    sections
}

impl Given {
    fn parse(section: &Section) -> Self {
        let words: Vec<&str> = section.words.iter().map(String::as_str).collect();
        match *words {
            ["file", name, ref how @ ..] => {
                let entry = Entry::file(&section.text, how);
                Self::Entry(name.to_owned(), entry)
            }
            ["folder", name] => Self::Entry(name.to_owned(), Entry::Folder),
            ["link", name, target] => Self::Entry(name.to_owned(), Entry::Link(target.to_owned())),
            ["answer", method, path, status] => Self::Answer(Answer {
                request: format!("{method} {path}"),
                status: status.parse().unwrap(),
                body: section.text.clone(),
            }),
            _ => panic!("what is {words:?}?"),
        }
    }
}

impl Entry {
    fn file(text: &str, how: &[&str]) -> Self {
        let (mut mode, mut content) = (0o644, text.as_bytes().to_vec());
        for word in how {
            content = match *word {
                "crlf" => text.replace('\n', "\r\n").into_bytes(),
                "bom" => format!("\u{feff}{text}").into_bytes(),
                "unended" => text.trim_end_matches('\n').into(),
                "base64" => BASE64_STANDARD.decode(text.trim()).unwrap(),
                octal => {
                    mode = u32::from_str_radix(octal, 8).unwrap();
                    content
                }
            };
        }
        Self::File { mode, content }
    }
}

impl Step {
    fn render(&self) -> String {
        let mut text = format!("$ {}\n", self.command);
        if !self.stdin.is_empty() {
            text += &format!("== stdin\n{}", self.stdin);
        }
        if self.code != 0 {
            text += &format!("== exit {}\n", self.code);
        }
        for (name, output) in [
            ("stdout", &self.stdout),
            ("stderr", &self.stderr),
            ("requests", &self.requests),
        ] {
            if !output.is_empty() {
                text += &format!("== {name}\n{}", ended(output));
            }
        }
        for (name, change) in &self.changes {
            text += &match change {
                None => format!("== gone {name}\n"),
                Some(Entry::Folder) => format!("== folder {name}\n"),
                Some(Entry::Link(target)) => format!("== link {name} {target}\n"),
                Some(Entry::File { mode, content }) => {
                    let mode = match mode {
                        0o644 => String::new(),
                        mode => format!(" {mode:o}"),
                    };
                    let content = String::from_utf8(content.clone()).unwrap();
                    format!("== file {name}{mode}\n{}", ended(&content))
                }
            };
        }
        text + "\n"
    }
}

fn ended(text: &str) -> String {
    match text {
        "" => String::new(),
        text if text.ends_with('\n') => text.to_owned(),
        text => format!("{text}{UNENDED}\n"),
    }
}
