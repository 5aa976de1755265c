use super::super::{Value, read};
use super::*;

mod generated;

fn set(text: &str, path: &[&str], value: &str) -> String {
    changed(text, &[Edit::set(1, path.iter().copied(), value)])
}

fn removed(text: &str, path: &[&str]) -> String {
    changed(text, &[Edit::remove(1, path.iter().copied())])
}

#[track_caller]
fn changed(text: &str, edits: &[Edit]) -> String {
    let edited = edit(text, edits).unwrap();
    assert_eq!(edited.rewritten, [0; 0], "{text}\n=>\n{}", edited.text);
    edited.text
}

#[test]
fn values_are_replaced_and_nothing_else() {
    for (before, after) in [
        ("a: x\n", "a: NEW\n"),
        ("a: x", "a: NEW"),
        ("a:   x   # why\nb: y\n", "a:   NEW   # why\nb: y\n"),
        ("a: 'x'\n", "a: 'NEW'\n"),
        ("a: \"x\"\n", "a: \"NEW\"\n"),
        ("\"a\" : x\n", "\"a\" : NEW\n"),
        ("a:\n  x\n", "a:\n  NEW\n"),
        ("a: x\n  y # c\nb: 1\n", "a: NEW # c\nb: 1\n"),
        ("a:\nb: 1\n", "a: NEW\nb: 1\n"),
        ("a: # c\nb: 1\n", "a: NEW # c\nb: 1\n"),
        ("a: ~\n", "a: NEW\n"),
        ("a: {b: c} # d\n", "a: NEW # d\n"),
        ("a:\n  b: c\nd: 1\n", "a: NEW\nd: 1\n"),
        ("a: !!str 5\n", "a: NEW\n"),
        (
            "a: |\n  x\n\n  y\n\n# end\nb: 1\n",
            "a: NEW\n\n# end\nb: 1\n",
        ),
        ("a: >-  # why\n  x\n  y\nb: 1\n", "a: NEW  # why\nb: 1\n"),
        ("a: |+\n  x\n\nb: 1\n", "a: NEW\nb: 1\n"),
        ("a: |2\n    x\n   y", "a: NEW"),
        ("a: |\r\n  x\r\nb: 1\r\n", "a: NEW\r\nb: 1\r\n"),
        ("a: |\nb: 1\n", "a: NEW\nb: 1\n"),
        ("{a: x, b: y}\n", "{a: NEW, b: y}\n"),
        ("{a: , b: y}\n", "{a: NEW , b: y}\n"),
        ("{\"a\":\"x\",\"b\":1}", "{\"a\":\"NEW\",\"b\":1}"),
        ("{\n\t\"a\": null\n}\n", "{\n\t\"a\": \"NEW\"\n}\n"),
        ("a: x\na: y\n", "a: x\na: NEW\n"),
        ("? a\n: x\n", "? a\n: NEW\n"),
        ("\u{feff}a: x\n", "\u{feff}a: NEW\n"),
    ] {
        assert_eq!(set(before, &["a"], "NEW"), after, "{before:?}");
    }
}

#[test]
fn keys_are_added_behind_the_last_one_in_its_style() {
    for (before, after) in [
        ("a:\n  x: 1\n", "a:\n  x: 1\n  k: NEW\n"),
        ("a:\n  x: 1", "a:\n  x: 1\n  k: NEW"),
        (
            "a:\n    x: 'o' # c\n\n# d\nb: 1\n",
            "a:\n    x: 'o' # c\n    k: 'NEW'\n\n# d\nb: 1\n",
        ),
        ("a:\r\n  x: 1\r\n", "a:\r\n  x: 1\r\n  k: NEW\r\n"),
        (
            "a:\n  x: |\n    t\n\nb: 1\n",
            "a:\n  x: |\n    t\n  k: NEW\n\nb: 1\n",
        ),
        (
            "a:\n  x: |+\n    t\n\nb: 1\n",
            "a:\n  x: |+\n    t\n\n  k: NEW\nb: 1\n",
        ),
        ("a:\n  x:\nb: 1\n", "a:\n  x:\n  k: NEW\nb: 1\n"),
        (
            "a:\n  x:\n    - 1\n    - 2 # c\n",
            "a:\n  x:\n    - 1\n    - 2 # c\n  k: NEW\n",
        ),
        ("a: {x: 1}\n", "a: {x: 1, k: NEW}\n"),
        ("a: {x: 1, y: 2,}\n", "a: {x: 1, y: 2, k: NEW,}\n"),
        (
            "a: {\n  x: 1, # one\n  y: 2 # two\n}\n",
            "a: {\n  x: 1, # one\n  y: 2, # two\n  k: NEW\n}\n",
        ),
        ("a: {}  # c\nb: 1\n", "a:  # c\n  k: NEW\nb: 1\n"),
        ("b:\n    c: 1\na: {}\n", "b:\n    c: 1\na:\n    k: NEW\n"),
        ("a: null\n", "a:\n  k: NEW\n"),
        ("a:\nb: 1\n", "a:\n  k: NEW\nb: 1\n"),
        ("b: 1 # c\n", "b: 1 # c\na:\n  k: NEW\n"),
        (
            "{\"a\":{\"x\":\"1\"}}",
            "{\"a\":{\"x\":\"1\",\"k\":\"NEW\"}}",
        ),
        ("{\"a\": {}}", "{\"a\": {\"k\": \"NEW\"}}"),
        ("{\"b\":1}", "{\"b\":1,\"a\":{\"k\":\"NEW\"}}"),
        (
            "{\n  \"a\": {\n    \"x\": \"1\"\n  }\n}\n",
            "{\n  \"a\": {\n    \"x\": \"1\",\n    \"k\": \"NEW\"\n  }\n}\n",
        ),
        (
            "{\n\t\"a\": {},\n\t\"b\": 1\n}",
            "{\n\t\"a\": {\n\t\t\"k\": \"NEW\"\n\t},\n\t\"b\": 1\n}",
        ),
        (
            "{\n  \"b\": 1\n}\n",
            "{\n  \"b\": 1,\n  \"a\": {\n    \"k\": \"NEW\"\n  }\n}\n",
        ),
    ] {
        assert_eq!(set(before, &["a", "k"], "NEW"), after, "{before:?}");
    }
}

#[test]
fn keys_are_removed_with_their_lines() {
    for (before, after) in [
        ("a:\n  k: 1\n  x: 2\n", "a:\n  x: 2\n"),
        ("a:\n  x: 2\n  k: 1 # c\nb: 1\n", "a:\n  x: 2\nb: 1\n"),
        ("a:\n  x: 2\n  k: 1", "a:\n  x: 2"),
        (
            "a:\n  # about k\n  k: |\n    t\n    u\n  x: 2\n",
            "a:\n  # about k\n  x: 2\n",
        ),
        ("a: # c\n  k: 1\nb: 2\n", "a: {} # c\nb: 2\n"),
        ("a: {k: 1, x: 2}\n", "a: {x: 2}\n"),
        ("a: {x: 2, k: 1}\n", "a: {x: 2}\n"),
        ("a: {x: 2, k: 1,}\n", "a: {x: 2,}\n"),
        ("a: { k: 1 }\n", "a: {}\n"),
        ("a: {k: 1, k: 2, x: 3}\n", "a: {x: 3}\n"),
        (
            "{\n  \"a\": {\n    \"x\": 1,\n    \"k\": 2\n  }\n}\n",
            "{\n  \"a\": {\n    \"x\": 1\n  }\n}\n",
        ),
        (
            "{\n  \"a\": {\n    \"k\": 2\n  }\n}\n",
            "{\n  \"a\": {}\n}\n",
        ),
    ] {
        assert_eq!(removed(before, &["a", "k"]), after, "{before:?}");
    }
}

#[test]
fn what_an_alias_stands_for_elsewhere_stays() {
    for (before, path, after) in [
        ("a: &x one\nb: *x\n", "a", "a: NEW\nb: \"one\"\n"),
        ("a: &x one\nb: *x\n", "b", "a: &x one\nb: NEW\n"),
        ("a: &x {k: v}\nb: *x\n", "a", "a: NEW\nb: {\"k\": \"v\"}\n"),
    ] {
        assert_eq!(set(before, &[path], "NEW"), after, "{before:?}");
    }
    assert_eq!(
        set("a: &x\n  k: 0777\nb: *x\n", &["b", "n"], "NEW"),
        "a: &x\n  k: 0777\nb: {\"k\": 0777, \"n\": NEW}\n"
    );
    assert_eq!(
        set("a: &x\n  k: 1\nb:\n  <<: *x\n", &["a", "k"], "NEW"),
        "a: &x\n  k: NEW\nb:\n  <<: {\"k\": 1}\n"
    );
    assert_eq!(
        set("a: &x\n  k: 1\nb:\n  <<: *x\n", &["b", "k"], "NEW"),
        "a: &x\n  k: 1\nb:\n  <<: *x\n  k: NEW\n"
    );
}

#[test]
fn only_the_document_that_is_meant_changes() {
    let text =
        "---\n# one\na: x\n--- # two\na: y\n---\n{\"a\": 1} {\"a\": 2}\n---\na: p\n...\n---\n";
    let edits = [2, 4, 5].map(|number| Edit::set(number, ["a"], "NEW"));
    assert_eq!(
        changed(text, &edits),
        "---\n# one\na: x\n--- # two\na: NEW\n---\n{\"a\": 1} {\"a\": \"NEW\"}\n---\na: NEW\n...\n---\n"
    );
}

#[test]
fn items_of_lists_are_reached() {
    let text = "kind: List\nitems:\n- spec:\n    a: x\n- spec: {a: y}\n";
    let path = |item| {
        [
            Step::Field("items".into()),
            Step::Item(item),
            Step::Field("spec".into()),
            Step::Field("a".into()),
        ]
        .to_vec()
    };
    let edits = [0, 1].map(|item| Edit {
        document: 1,
        path: path(item),
        change: Change::Set("NEW".into()),
    });
    assert_eq!(
        changed(text, &edits),
        "kind: List\nitems:\n- spec:\n    a: NEW\n- spec: {a: NEW}\n"
    );
}

#[test]
fn values_that_need_quotes_get_them() {
    for value in [
        "yes",
        "0777",
        "a: b",
        "# c",
        "",
        " x",
        "ä",
        "\u{85}\u{1}\n\"'\\",
        "*x",
        "{",
    ] {
        for before in [
            "a: x\n",
            "a: 'x'\n",
            "a: \"x\"\n",
            "{a: x}\n",
            "{\"a\": 1}",
            "b: 1\n",
        ] {
            let after = set(before, &["a"], value);
            let documents = read(after.as_bytes()).unwrap();
            assert_eq!(
                documents[0].node.field("a").unwrap().text(),
                Some(value),
                "{after}"
            );
        }
    }
}

#[test]
fn many_edits_of_one_document_are_made_in_a_few_rounds() {
    let mut text = "spec:\n  e:\n".to_owned();
    let mut edits = Vec::new();
    for number in 0..400 {
        text.push_str(&format!("    k{number}: old\n"));
        let key = format!("k{number}");
        edits.push(Edit::set(1, ["spec", "e", key.as_str()], "NEW"));
        let key = format!("n{number}");
        edits.push(Edit::set(1, ["spec", "e", key.as_str()], "NEW"));
    }
    let after = changed(&text, &edits);
    assert_eq!(after.matches(": NEW\n").count(), 800);
    assert!(!after.contains("old"));
}

#[test]
fn what_cannot_be_edited_in_place_is_written_anew_and_said_so() {
    // The last key of a map behind a dash: there is no line of its own to cut.
    let text = "# c\nl:\n  - k: 1\n";
    let edit_ = Edit {
        document: 1,
        path: vec![
            Step::Field("l".into()),
            Step::Item(0),
            Step::Field("k".into()),
        ],
        change: Change::Remove,
    };
    let edited = edit(text, &[edit_]).unwrap();
    assert_eq!(edited.rewritten, [1]);
    let documents = read(edited.text.as_bytes()).unwrap();
    let Value::Sequence(items) = &documents[0].node.field("l").unwrap().value else {
        panic!("{}", edited.text);
    };
    assert_eq!(items[0].fields(), Some(&[][..]));
}

#[test]
fn edits_that_do_not_fit_are_errors() {
    for (text, path, wanted) in [
        (
            "a: x\n",
            &["a", "b"][..],
            "document 1: cannot change a.b: line 1, column 4: expected a map",
        ),
        ("a: [x]\n", &["a", "b"], "expected a map"),
    ] {
        let error = edit(text, &[Edit::set(1, path.iter().copied(), "x")]).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
    for (text, edits) in [
        ("a: x\n", Edit::remove(1, ["b"])),
        ("a: x\n", Edit::set(2, ["a"], "x")),
        ("a: x\n", Edit::set(0, ["a"], "x")),
        ("a: [\n", Edit::set(1, ["a"], "x")),
    ] {
        assert!(edit(text, &[edits]).is_err());
    }
}
