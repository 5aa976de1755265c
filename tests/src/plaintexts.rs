//! Looking for plaintext where none may be: in logs, and in the record of requests, which has every
//! status and event that was ever written.
//!
//! Every value that a test seals is remembered. After each test its folder is searched for all of
//! them, as they are, in base64 (whatever stands before them) and in hexadecimal.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use aho_corasick::AhoCorasick;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD as BASE64};

/// Shorter values would be found by chance.
const SHORTEST: usize = 10;
/// So much of a value is looked for: whoever leaks it may cut it short.
const LONGEST: usize = 18;

static SEALED: Mutex<BTreeSet<Vec<u8>>> = Mutex::new(BTreeSet::new());

/// Remembers a value that has to stay secret. One shorter than ten bytes can't be looked for.
pub fn remember(value: &[u8]) {
    if value.len() >= SHORTEST {
        let beginning = value.get(..LONGEST).unwrap_or(value);
        sealed().insert(beginning.to_owned());
    }
}

/// Every place in the logs of `folder` and below it that holds a remembered value: file, line, and
/// which form of which value.
///
/// # Errors
/// Fails when a file can't be read.
pub fn leaks(folder: &Path) -> io::Result<Vec<String>> {
    let mut forms = Vec::new();
    for value in sealed().iter() {
        let text = String::from_utf8_lossy(value).into_owned();
        forms.push((value.clone(), format!("{text:?}")));
        forms.push((hex(value), format!("{text:?} in hexadecimal")));
        for before in 0..3 {
            forms.push((base64(value, before), format!("{text:?} in base64")));
        }
    }
    let searcher =
        AhoCorasick::new(forms.iter().map(|(form, _)| form)).map_err(io::Error::other)?;
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let content = fs::read(&file)?;
        for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
            if let Some(hit) = searcher.find(line)
                && let Some((_, form)) = forms.get(hit.pattern().as_usize())
            {
                let name = file.strip_prefix(folder).unwrap_or(&file).display();
                found.push(format!("{name}, line {}: {form}", number + 1));
            }
        }
    }
    Ok(found)
}

/// What of the base64 of a longer text depends on `value` alone, when it begins `before` bytes
/// behind a multiple of three.
fn base64(value: &[u8], before: usize) -> Vec<u8> {
    let mut text = vec![0; before];
    text.extend_from_slice(value);
    let encoded = BASE64.encode(&text).into_bytes();
    let (start, end) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
    encoded.get(start..end).unwrap_or_default().to_owned()
}

fn hex(value: &[u8]) -> Vec<u8> {
    let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.into_bytes()
}

/// Logs, the record of requests, and the status file of the standalone controller. Where its
/// Secrets are, plaintext belongs.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_symlink() {
            continue;
        }
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            collect(&path, files)?;
        } else if name == "status.json"
            || path
                .extension()
                .is_some_and(|extension| extension == "log" || extension == "jsonl")
        {
            files.push(path);
        }
    }
    Ok(())
}

fn sealed() -> MutexGuard<'static, BTreeSet<Vec<u8>>> {
    // A set is whole after any panic.
    SEALED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_value_is_found_wherever_it_stands() {
        let value = "planted-plaintext";
        remember(value.as_bytes());
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        let mut lines = vec![
            "nothing here".to_owned(),
            format!("error: {value:?} is bad"),
        ];
        for before in ["", "u", "us", "use"] {
            lines.push(BASE64.encode(format!("{before}{value} and more")));
        }
        lines.push(format!(
            "ff{}00",
            String::from_utf8(hex(value.as_bytes())).unwrap()
        ));
        fs::write(folder.path().join("below/x.log"), lines.join("\n")).unwrap();
        fs::write(folder.path().join("secret.txt"), value).unwrap();

        let found = leaks(folder.path()).unwrap();
        assert_eq!(found.len(), lines.len() - 1, "{found:?}");
        assert_eq!(found[0], "below/x.log, line 2: \"planted-plaintext\"");
    }
}
