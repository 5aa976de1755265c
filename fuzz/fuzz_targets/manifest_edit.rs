//! The editor of manifests: whatever the text, an edit does what it says and nothing else, or is refused.
//!
//! The first line says what to do: `set a.b` or `remove a.b`. The rest is the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealed_secrets_crds::manifest::{Document, Edit, Node, edit, read};

fuzz_target!(|data: &[u8]| {
    let Ok(data) = std::str::from_utf8(data) else {
        return;
    };
    let Some((line, text)) = data.split_once('\n') else {
        return;
    };
    let Some((verb, path)) = line.split_once(' ') else {
        return;
    };
    let path: Vec<&str> = path.split('.').collect();
    let one = match verb {
        "set" => Edit::set(1, path.iter().copied(), "VALUE"),
        "remove" => Edit::remove(1, path.iter().copied()),
        _ => return,
    };
    let Ok(edited) = edit(text, &[one]) else {
        return;
    };
    let (before, after) = (documents(text), documents(&edited.text));
    assert_eq!(before.len(), after.len(), "{text:?} => {edited:?}");
    let found = path
        .iter()
        .try_fold(&after[0].node, |node, key| node.field(key));
    match verb {
        "set" => assert_eq!(
            found.and_then(Node::text),
            Some("VALUE"),
            "{text:?} => {edited:?}"
        ),
        _ => assert!(found.is_none(), "{text:?} => {edited:?}"),
    }
    // What has no place in the first document is there byte for byte.
    let rest = |document: &Document, text: &str| text[document.source.end..].to_owned();
    if before[0].source.end < text.len() && before.len() > 1 {
        assert_eq!(rest(&before[0], text), rest(&after[0], &edited.text));
    }
});

fn documents(text: &str) -> Vec<Document> {
    read(text.as_bytes()).expect("it was read before")
}
