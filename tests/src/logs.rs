//! The log files of a test, gathered when it fails.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// How many of the last lines of a log are worth printing.
const LINES: usize = 40;

/// The last lines of every non-empty `*.log` file in `folder` and below it, each under its path.
#[must_use]
pub fn tails(folder: &Path) -> String {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let mut text = String::new();
    for file in files {
        let content = fs::read(&file).unwrap_or_default();
        let content = String::from_utf8_lossy(&content);
        if content.trim().is_empty() {
            continue;
        }
        let name = file.strip_prefix(folder).unwrap_or(&file).display();
        text += &format!("--- {name}\n{}\n", last_lines(&content));
    }
    text
}

/// The last lines of a text, with a note of how many came before.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let left_out = lines.len().saturating_sub(LINES);
    let tail = lines
        .iter()
        .skip(left_out)
        .copied()
        .collect::<Vec<_>>()
        .join("\n");
    if left_out == 0 {
        tail
    } else {
        format!("({left_out} lines before)\n{tail}")
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    // A folder that goes away meanwhile has no logs to show.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "log") {
            files.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_name_each_log_and_keep_its_end() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("plane")).unwrap();
        let long: String = (1..=100).map(|n| format!("line {n}\n")).collect();
        fs::write(dir.path().join("plane/etcd.log"), long).unwrap();
        fs::write(dir.path().join("empty.log"), "\n").unwrap();
        fs::write(dir.path().join("token"), "secret").unwrap();

        let text = tails(dir.path());
        assert!(
            text.starts_with("--- plane/etcd.log\n(60 lines before)\nline 61\n"),
            "{text}"
        );
        assert!(text.ends_with("line 100\n"), "{text}");
        assert!(
            !text.contains("empty.log") && !text.contains("secret"),
            "{text}"
        );
    }
}
