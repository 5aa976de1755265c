//! Random documents in odd formatting, and random edits of them.

use proptest::prelude::*;

use super::super::super::{Node, read};
use super::super::{Edit, edit};

/// A line of a document.
#[derive(Clone, Debug)]
struct Line {
    text: String,
    /// The keys that lead to what it belongs to; none for comments.
    owner: Vec<String>,
    /// The keys that lead to the map it stands in.
    within: Vec<String>,
}

#[derive(Clone, Debug)]
enum Tree {
    /// A value in some notation: what stands behind the colon, and further lines.
    Leaf(&'static str, &'static [&'static str]),
    Map(Vec<(Odd, Tree)>),
}

/// What surrounds an entry.
#[derive(Clone, Debug)]
struct Odd {
    comment_above: bool,
    blank_above: bool,
    comment_behind: bool,
    quoted: bool,
    space: usize,
}

const LEAVES: [Tree; 12] = [
    Tree::Leaf("plain", &[]),
    Tree::Leaf("'single # no comment'", &[]),
    Tree::Leaf("\"double \\\" {\"", &[]),
    Tree::Leaf("", &[]),
    Tree::Leaf("~", &[]),
    Tree::Leaf("0777", &[]),
    Tree::Leaf("[1, {a: b}]", &[]),
    Tree::Leaf("|", &["text", "  more: x", "- y"]),
    Tree::Leaf(">-", &["# no comment", "", "text"]),
    Tree::Leaf("|2-", &["text"]),
    Tree::Leaf("!!str 5", &[]),
    Tree::Leaf("{x: 1,  y: [2]}", &[]),
];

fn odd() -> impl Strategy<Value = Odd> {
    (any::<[bool; 4]>(), 0..3_usize).prop_map(
        |([comment_above, blank_above, comment_behind, quoted], space)| Odd {
            comment_above,
            blank_above,
            comment_behind,
            quoted,
            space,
        },
    )
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = (0..LEAVES.len()).prop_map(|index| LEAVES[index].clone());
    let inner = leaf.prop_recursive(3, 20, 4, |inner| {
        prop::collection::vec((odd(), inner), 1..4).prop_map(Tree::Map)
    });
    prop::collection::vec((odd(), inner), 1..5).prop_map(Tree::Map)
}

/// Block style, with keys that are unique in the document.
fn lines(
    entries: &[(Odd, Tree)],
    column: usize,
    step: usize,
    owner: &[String],
    out: &mut Vec<Line>,
) {
    let indent = " ".repeat(column);
    for (index, (odd, tree)) in entries.iter().enumerate() {
        let name = format!("k{}", owner.join("").replace('k', "-") + &index.to_string());
        let mut path = owner.to_vec();
        path.push(name.clone());
        let line = |text: String, owner: &[String]| Line {
            text,
            owner: owner.to_vec(),
            within: path[..path.len() - 1].to_vec(),
        };
        if odd.blank_above {
            out.push(line(String::new(), &[]));
        }
        if odd.comment_above {
            out.push(line(format!("{indent}# above {name}"), &[]));
        }
        let key = if odd.quoted {
            format!("\"{name}\"")
        } else {
            name.clone()
        };
        let behind = if odd.comment_behind {
            format!(" # behind {name}")
        } else {
            String::new()
        };
        let space = " ".repeat(1 + odd.space);
        match tree {
            Tree::Leaf(text, more) => {
                let header = format!("{indent}{key}:{space}{text}{behind}");
                out.push(line(header, &path));
                // The indicator in a header counts from the indentation of the map.
                let content = if text.contains('2') && !more.is_empty() {
                    2
                } else {
                    step
                };
                for content_line in *more {
                    let text = match *content_line {
                        "" => String::new(),
                        text => format!("{}{text}", " ".repeat(column + content)),
                    };
                    out.push(line(text, &path));
                }
            }
            Tree::Map(inner) => {
                out.push(line(format!("{indent}{key}:{behind}"), &path));
                lines(inner, column + step, step, &path, out);
            }
        }
    }
}

fn field<'node>(node: &'node Node, path: &[String]) -> Option<&'node Node> {
    path.iter().try_fold(node, |node, key| node.field(key))
}

fn path_of(line: &Line) -> Vec<&str> {
    line.owner.iter().map(String::as_str).collect()
}

proptest! {
    #[test]
    fn edits_of_blocks_touch_their_own_lines_only(
        tree in tree(),
        step in 1..5_usize,
        crlf in any::<bool>(),
        mark in any::<bool>(),
        last_break in any::<bool>(),
        pick in any::<prop::sample::Index>(),
        kind in 0..3_u8,
    ) {
        let Tree::Map(entries) = &tree else { return Ok(()) };
        let mut all = Vec::new();
        lines(entries, 0, step, &[], &mut all);
        // A text without any line break doesn't say which it wants.
        let crlf = crlf && (all.len() > 1 || last_break);
        let newline = if crlf { "\r\n" } else { "\n" };
        let join = |lines: &[String]| lines.join(newline);
        let texts: Vec<String> = all.iter().map(|line| line.text.clone()).collect();
        let (mark, end) = (if mark { "\u{feff}" } else { "" }, if last_break { newline } else { "" });
        let text = format!("{mark}{}{end}", join(&texts));
        let owned: Vec<&Line> = (0..all.len())
            .filter(|at| !all[*at].owner.is_empty() && (*at == 0 || all[at - 1].owner != all[*at].owner))
            .map(|at| &all[at])
            .collect();
        let target = pick.get(&owned);
        let before = read(text.as_bytes()).unwrap();
        prop_assert_eq!(before.len(), 1);
        let belongs = |line: &Line| line.owner.starts_with(&target.owner);

        match kind {
            // Replaced: one line is left of those that belonged to it, the others stay.
            0 => {
                let edited = edit(&text, &[Edit::set(1, path_of(target), "AgNew+/=")]).unwrap();
                prop_assert_eq!(&edited.rewritten, &[0_usize; 0], "{}\n=>\n{}", text, edited.text);
                let after = read(edited.text.as_bytes()).unwrap();
                prop_assert_eq!(field(&after[0].node, &target.owner).unwrap().text(), Some("AgNew+/="));
                let first = all.iter().position(belongs).unwrap();
                let old_is_map = field(&before[0].node, &target.owner).unwrap().fields().is_some();
                if !old_is_map {
                    let mut wanted: Vec<String> = all
                        .iter()
                        .filter(|line| !belongs(line))
                        .map(|line| line.text.clone())
                        .collect();
                    let lines: Vec<&str> = edited.text.trim_start_matches('\u{feff}').split(newline).collect();
                    wanted.insert(first, lines[first].to_owned());
                    prop_assert_eq!(&edited.text, &format!("{mark}{}{end}", join(&wanted)));
                    let key = target.text.split(':').next().unwrap();
                    prop_assert!(lines[first].starts_with(key), "{}", lines[first]);
                    let behind = target.text.split(" # behind ").nth(1);
                    prop_assert_eq!(lines[first].split(" # behind ").nth(1), behind);
                }
            }
            // Added beside: one line more.
            1 => {
                let mut path = target.owner.clone();
                path.pop();
                path.push("new".to_owned());
                let edited = edit(&text, &[Edit::set(1, path.iter().map(String::as_str), "AgNew")]).unwrap();
                prop_assert_eq!(&edited.rewritten, &[0_usize; 0], "{}\n=>\n{}", text, edited.text);
                let after = read(edited.text.as_bytes()).unwrap();
                prop_assert_eq!(field(&after[0].node, &path).unwrap().text(), Some("AgNew"));
                let rest: Vec<&str> = edited.text.split(newline).filter(|line| !line.trim_start().starts_with("new:")).collect();
                let expected = text.split(newline).collect::<Vec<_>>();
                prop_assert_eq!(rest, expected, "{}\n=>\n{}", text, edited.text);
            }
            // Removed: its lines go, comments above it stay.
            _ => {
                let parent = target.owner[..target.owner.len() - 1].to_vec();
                let siblings = field(&before[0].node, &parent).unwrap().fields().unwrap().len();
                if siblings == 1 && parent.is_empty() {
                    return Ok(());
                }
                let edited = edit(&text, &[Edit::remove(1, path_of(target))]).unwrap();
                prop_assert_eq!(&edited.rewritten, &[0_usize; 0], "{}\n=>\n{}", text, edited.text);
                let after = read(edited.text.as_bytes()).unwrap();
                prop_assert!(field(&after[0].node, &target.owner).is_none());
                let stays = |line: &&Line| !belongs(line) && !line.within.starts_with(&target.owner);
                let mut wanted: Vec<String> = all.iter().filter(stays).map(|line| line.text.clone()).collect();
                if siblings == 1 {
                    // What is left of the map stands on the line of its key.
                    let header = all.iter().filter(stays).position(|line| line.owner == parent).unwrap();
                    wanted[header] = wanted[header].replacen(':', ": {}", 1);
                }
                prop_assert_eq!(&edited.text, &format!("{mark}{}{end}", join(&wanted)), "{}", text);
            }
        }
    }

    #[test]
    fn edits_of_json_change_what_they_name(
        items in prop::collection::btree_map("[a-z]{1,4}", "\\PC{0,8}", 0..5),
        layout in 0..3_u8,
        key in "[a-z]{1,4}",
        value in "\\PC{0,12}",
        remove in any::<bool>(),
    ) {
        let document = serde_json::json!({ "head": [1, 2.5, null], "spec": { "items": items }, "tail": "x" });
        let text = match layout {
            0 => document.to_string(),
            1 => serde_json::to_string_pretty(&document).unwrap() + "\n",
            _ => document.to_string().replace("\":", "\" : ").replace(",\"", ",  \""),
        };
        let mut wanted = items.clone();
        let path = ["spec", "items", key.as_str()];
        let one = if remove {
            if wanted.remove(&key).is_none() {
                return Ok(());
            }
            Edit::remove(1, path)
        } else {
            wanted.insert(key.clone(), value.clone());
            Edit::set(1, path, value.clone())
        };
        // Spacing that falls into a value changes it: such a text isn't the document meant.
        if read(text.as_bytes()).is_err() || serde_json::from_str::<serde_json::Value>(&text).ok() != Some(document) {
            return Ok(());
        }
        let edited = edit(&text, &[one]).unwrap();
        prop_assert_eq!(&edited.rewritten, &[0_usize; 0], "{}\n=>\n{}", text, edited.text);
        let after: serde_json::Value = serde_json::from_str(&edited.text).unwrap();
        let expected = serde_json::json!({ "head": [1, 2.5, null], "spec": { "items": wanted }, "tail": "x" });
        prop_assert_eq!(after, expected);
        let (head, tail) = (text.split("items").next().unwrap(), text.rsplit("tail").next().unwrap());
        prop_assert!(edited.text.starts_with(head) && edited.text.ends_with(tail));
    }

    #[test]
    fn hostile_text_is_edited_right_or_refused(
        text in "[-:{}\\[\\]&*!|>'\"# \n\r\ta-c0-9~<,?%]{0,60}",
        keys in prop::collection::vec("[a-c]", 1..3),
        remove in any::<bool>(),
    ) {
        let path: Vec<&str> = keys.iter().map(String::as_str).collect();
        let one = if remove { Edit::remove(1, path) } else { Edit::set(1, path, "v") };
        let Ok(edited) = edit(&text, &[one]) else { return Ok(()) };
        let after = read(edited.text.as_bytes()).unwrap();
        let found = after.first().and_then(|document| field(&document.node, &keys));
        if remove {
            prop_assert!(found.is_none(), "{:?} => {:?}", text, edited.text);
        } else {
            prop_assert_eq!(found.and_then(Node::text), Some("v"), "{:?} => {:?}", text, edited.text);
        }
    }
}
