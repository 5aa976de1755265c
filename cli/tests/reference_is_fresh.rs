//! The committed reference, completions and manual pages are the generated ones.

#![allow(clippy::unwrap_used, reason = "what panics here is a test that failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap_complete::Shell;
use kubeseal::reference;

#[test]
fn committed_files_are_what_the_code_generates() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wanted = vec![(
        "../docs/cli.md".to_owned(),
        reference::markdown().into_bytes(),
    )];
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
        let file = format!("completions/{}", reference::completion_file(shell));
        wanted.push((file, reference::completion(shell)));
    }
    for (name, page) in reference::manual().unwrap() {
        wanted.push((format!("man/{name}"), page));
    }
    for (file, content) in &wanted {
        let committed = fs::read(root.join(file)).unwrap_or_default();
        assert!(
            committed == *content,
            "cli/{file} is stale; run: cargo run -p kubeseal --example reference"
        );
    }
    for folder in ["completions", "man"] {
        let there: BTreeSet<String> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display()))
            .collect();
        let known: BTreeSet<String> = wanted
            .iter()
            .map(|(file, _)| file.clone())
            .filter(|file| file.starts_with(folder))
            .collect();
        assert_eq!(there, known, "files that nothing generates");
    }
}
