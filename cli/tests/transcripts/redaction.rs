//! Names for text that is long, or different in each run.
//!
//! - `<NAME>` is a ciphertext of `fixtures/ciphertexts.json`, exactly.
//! - `<file NAME>` is the text of a PEM file in `fixtures`.
//! - `<N bytes sealed>` is any other ciphertext, with the length of what is in it.
//! - `$SERVER` is the URL of the API server, `$FOLDER` the folder, `$VERSION` the version.
//!
//! What is left is for `[..]`, which stands for anything within a line.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// What has a name in a transcript.
pub(crate) struct Names {
    names: Vec<(String, String)>,
}

impl Names {
    pub(crate) fn new(folder: &Path, server: Option<&str>) -> Self {
        let known: BTreeMap<String, String> =
            serde_json::from_str(include_str!("fixtures/ciphertexts.json")).unwrap();
        let mut names: Vec<_> = known
            .into_iter()
            .map(|(name, ciphertext)| (format!("<{name}>"), ciphertext))
            .collect();
        for fixture in fs::read_dir(crate::folder().join("fixtures")).unwrap() {
            let path = fixture.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "pem") {
                let name = path.file_name().unwrap().to_str().unwrap();
                let text = fs::read_to_string(&path).unwrap();
                names.push((format!("<file {name}>"), text.trim_end().to_owned()));
            }
        }
        names.push(("$FOLDER".to_owned(), folder.to_str().unwrap().to_owned()));
        if let Some(url) = server {
            names.push(("$SERVER".to_owned(), url.to_owned()));
        }
        Self { names }
    }

    /// What the names in `text` stand for.
    pub(crate) fn expand(&self, text: &str) -> String {
        self.names
            .iter()
            .fold(text.to_owned(), |text, (name, meaning)| {
                text.replace(name, meaning)
            })
    }

    /// `text` with names in it.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = self
            .names
            .iter()
            .fold(text.to_owned(), |text, (name, meaning)| {
                text.replace(meaning, name)
            });
        let text = sealed(&text);
        text.replace(
            concat!("kubeseal version: ", env!("CARGO_PKG_VERSION")),
            "kubeseal version: $VERSION",
        )
        .replace(
            concat!("\"kubeseal ", env!("CARGO_PKG_VERSION")),
            "\"kubeseal $VERSION",
        )
    }
}

/// Replaces what is a ciphertext.
fn sealed(text: &str) -> String {
    let is_base64 = |letter: char| letter.is_ascii_alphanumeric() || "+/=".contains(letter);
    let mut rest = text;
    let mut result = String::new();
    while let Some(start) = rest.find(is_base64) {
        let (before, run) = rest.split_at(start);
        let (run, after) = run.split_at(run.find(|letter| !is_base64(letter)).unwrap_or(run.len()));
        result.push_str(before);
        match plaintext_length(run) {
            Some(length) => result.push_str(&format!("<{length} bytes sealed>")),
            None => result.push_str(run),
        }
        rest = after;
    }
    result + rest
}

/// The length of what is in an envelope: two bytes tell the length of the wrapped session key, and
/// the last sixteen are the tag.
fn plaintext_length(text: &str) -> Option<usize> {
    const TAG: usize = 16;
    let envelope = BASE64_STANDARD.decode(text).ok()?;
    let (length, rest) = envelope.split_first_chunk::<2>()?;
    let wrapped = usize::from(u16::from_be_bytes(*length));
    [256, 512]
        .contains(&wrapped)
        .then(|| rest.len().checked_sub(wrapped + TAG))
        .flatten()
}
