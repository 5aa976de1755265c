//! A sealed file as Git should show it: every sealed value by its digest, the rest as it is.

use std::collections::BTreeMap;

use sealed_secrets_crds::inspect::{Inspection, Kind, inspect};
use sealed_secrets_crds::manifest::{self, Node};

/// Anything shorter is no envelope, and might stand elsewhere in the file too.
const SHORTEST: usize = 64;

/// `content` with the sealed values of all SealedSecrets replaced by their length and digest.
///
/// Sealing a value again changes all of its text, so a diff of the file itself is a wall of base64
/// that says nothing. What can't be read, Git shows as it is.
pub fn textconv(content: &[u8]) -> Vec<u8> {
    let (Ok(text), Ok(documents)) = (std::str::from_utf8(content), manifest::read(content)) else {
        return content.to_vec();
    };
    let mut marks = BTreeMap::new();
    for document in &documents {
        marks_of(document.number, &document.node, &mut marks);
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_base64) {
        let (before, run) = rest.split_at(start);
        result.push_str(before);
        // The letter of an escape is no part of the value: "...\n..." in JSON.
        let escape = usize::from(before.ends_with('\\'));
        let (escaped, run) = run.split_at(escape);
        result.push_str(escaped);
        let end = run.find(|one| !is_base64(one)).unwrap_or(run.len());
        let (run, behind) = run.split_at(end);
        result.push_str(marks.get(run).map_or(run, String::as_str));
        rest = behind;
    }
    result.push_str(rest);
    result.into_bytes()
}

fn is_base64(one: char) -> bool {
    one.is_ascii_alphanumeric() || matches!(one, '+' | '/' | '=')
}

/// Lines of sealed text, and what to show instead.
fn marks_of<'node>(number: usize, node: &'node Node, marks: &mut BTreeMap<&'node str, String>) {
    let list = match node.field("items").map(|items| &items.value) {
        Some(manifest::Value::Sequence(items)) => items.as_slice(),
        _ => &[],
    };
    for item in list {
        marks_of(number, item, marks);
    }
    let Some(spec) = node.field("spec") else {
        return;
    };
    let values = spec
        .field("encryptedData")
        .and_then(Node::fields)
        .unwrap_or_default();
    for found in inspect(number, node, None) {
        if found.kind != Kind::SealedSecret {
            continue;
        }
        for (key, value) in values {
            if let (Some(text), Some(mark)) = (value.text(), mark(&found, &key.name)) {
                // A value in several lines stands in the file line by line, with indentation.
                let mut lines = text.lines().filter(|line| line.len() >= SHORTEST);
                if let Some(first) = lines.next() {
                    marks.insert(first, mark);
                }
                for line in lines {
                    marks.entry(line).or_insert_with(|| "...".to_owned());
                }
            }
        }
    }
}

fn mark(found: &Inspection, item: &str) -> Option<String> {
    let item = found.items.iter().find(|known| known.name == item)?;
    let digest = item.sha256.as_ref()?.get(..16)?;
    Some(match item.plaintext_bytes {
        Some(length) => format!("<sealed {length} bytes, sha256 {digest}>"),
        None => format!("<sealed, sha256 {digest}>"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(fill: u8, length: usize) -> String {
        let mut bytes = vec![fill; 2 + 256 + length + 16];
        bytes[..2].copy_from_slice(&256_u16.to_be_bytes());
        sealed_secrets_core::item::encode(&bytes)
    }

    #[test]
    fn values_are_shown_by_digest_and_all_else_stays() {
        let file = |sealed: &str| {
            format!(
                "# mine\nkind:   SealedSecret\napiVersion: bitnami.com/v1alpha1\nmetadata: {{name: a}}\nspec:\n  \
                 encryptedData:\n    k: {sealed}  # why\n    short: aGVsbG8=\n"
            )
        };
        let shown = |sealed: &str| String::from_utf8(textconv(file(sealed).as_bytes())).unwrap();
        let one = shown(&envelope(7, 5));
        assert!(one.lines().map(str::len).max().unwrap() < 80, "{one}");
        assert!(one.contains("    k: <sealed 5 bytes, sha256 "), "{one}");
        assert!(
            one.starts_with("# mine\nkind:   SealedSecret\n") && one.contains("  # why\n"),
            "{one}"
        );
        assert!(one.contains("short: aGVsbG8="), "{one}");
        assert_eq!(one, shown(&envelope(7, 5)));
        assert_ne!(one, shown(&envelope(8, 5)));
    }

    #[test]
    fn wrapped_values_are_shown_once() {
        let sealed = envelope(7, 5);
        let (a, b) = sealed.split_at(100);
        let file = format!(
            "kind: SealedSecret\nmetadata: {{name: a}}\nspec:\n  encryptedData:\n    k: |\n      {a}\n      {b}\n"
        );
        let shown = String::from_utf8(textconv(file.as_bytes())).unwrap();
        assert!(
            shown.contains("    k: |\n      <sealed 5 bytes, sha256 ")
                && shown.ends_with(">\n      ...\n"),
            "{shown}"
        );
    }

    #[test]
    fn values_in_json_are_shown_by_digest_too() {
        let (one, other) = (envelope(7, 5), envelope(8, 6));
        let (a, b) = one.split_at(100);
        let file = format!(
            "{{\"kind\":\"SealedSecret\",\"metadata\":{{\"name\":\"a\"}},\"spec\":{{\"encryptedData\":\
             {{\"k\":\"{a}\\n{b}\",\"l\":\"{other}\"}}}}}}"
        );
        let shown = String::from_utf8(textconv(file.as_bytes())).unwrap();
        assert!(
            shown.contains("\"k\":\"<sealed 5 bytes, sha256 ")
                && shown.contains(">\\n...\",\"l\":\"<sealed 6 bytes, ")
                && shown.ends_with(">\"}}}"),
            "{shown}"
        );
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        for content in [
            &b"a: ["[..],
            b"\xff\x00",
            b"",
            b"kind: Secret\ndata: {a: eA==}\n",
        ] {
            assert_eq!(textconv(content), content);
        }
    }
}
