//! Input that is wrong: one line that names it, nothing written.

use crate::bench::{Bench, SECRET, items, sealed_secret, sealed_secrets};

#[test]
fn unreadable_documents_are_named_and_nothing_is_written() {
    let bench = Bench::new();
    for (input, wanted) in [
        (
            format!("{SECRET}---\na: [\n"),
            "standard input: document 2: line",
        ),
        (format!("{SECRET}---\n\ta: 1\n"), "document 2: line 9"),
        (
            format!("{SECRET}---\njust text\n"),
            "document 2: line 9, column 1: expected a Secret, found a string",
        ),
        (
            format!("{SECRET}---\n- a\n"),
            "document 2: line 9, column 1: expected a Secret, found a list",
        ),
        (format!("{SECRET}--- {SECRET}"), "document 2: line 8"),
        (
            "{\"kind\":\"Secret\"} trailing".to_owned(),
            "document 1: line 1",
        ),
        (
            "{\"kind\": \"Secret\", \"data\": {\"k\": }".to_owned(),
            "document 1: line 1",
        ),
        ("{\"data\": {\"k\": \"\u{1}\"}}".to_owned(), "document 1"),
        (
            "data:\n  password: hunter2\n bad: x\n".to_owned(),
            "document 1: line",
        ),
        (
            format!("{SECRET}---\nkind: ConfigMap\ndata: {{a: b}}\n"),
            "document 2: line 9, column 1: expected a Secret, found ConfigMap",
        ),
        ("kind: List\nitems: []\n".to_owned(), "no Secret found"),
        (
            "kind: Secret\nmetadata: {name: a, namespace: b}\ndata:\n  k: hunter2!\n".to_owned(),
            "line 4, column 6: data[k] is not base64",
        ),
        (
            "kind: Secret\nmetadata: {name: a, namespace: b}\ndata: {k: 5}\n".to_owned(),
            "data[k] is a number, expected a string of base64",
        ),
        (
            "kind: Secret\nmetadata: {name: a, namespace: b}\nstringData: {k: {x: hunter2}}\n"
                .to_owned(),
            "stringData[k] is a map, expected a string",
        ),
        (
            "kind: Secret\ndata: [hunter2]\n".to_owned(),
            "data is a list, expected a map",
        ),
        (
            "kind: Secret\nmetadata: {name: [hunter2]}\nstringData: {a: b}\n".to_owned(),
            "a list instead of a string",
        ),
        (
            "kind: Secret\nimmutable: hunter2\nstringData: {a: b}\n".to_owned(),
            "a string instead of a boolean",
        ),
    ] {
        for flags in [&[][..], &["--allow-empty-data"]] {
            bench.seal(flags, &input).fails(wanted);
        }
    }
}

#[test]
fn input_without_any_secret_is_an_error() {
    let bench = Bench::new();
    for input in [
        "",
        "\n",
        "---\n---\n",
        "# nothing\n",
        "null",
        "{}",
        "---\n{}\n---\nnull\n",
        "\u{feff}",
    ] {
        bench
            .seal(&[], input)
            .fails("standard input: no Secret found")
            .hints("on standard input");
        bench
            .seal(&["--allow-empty-data"], input)
            .fails("no Secret found");
    }
}

#[test]
fn the_items_of_lists_are_documents_of_their_own() {
    let bench = Bench::new();
    let secret = |name: &str| {
        format!(
            r#"{{"kind":"Secret","metadata":{{"name":"{name}","namespace":"n"}},"stringData":{{"k":"{name}"}}}}"#
        )
    };
    let list = format!(
        r#"{{"apiVersion":"v1","kind":"List","items":[{},{}]}} {}"#,
        secret("a"),
        secret("b"),
        secret("c")
    );
    let sealed = sealed_secrets(&bench.seal(&[], &list).ok());
    let names: Vec<&str> = sealed.iter().map(|sealed| sealed.name()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let bad = "kind: SecretList\nitems:\n- kind: Secret\n- kind: ConfigMap\n";
    bench
        .seal(&["--allow-empty-data", "--name=a", "-nb"], bad)
        .fails("standard input: document 1, item 2: line 4, column 3: expected a Secret, found ConfigMap");
    let items: Vec<String> = sealed
        .iter()
        .map(|sealed| serde_json::to_string(sealed).unwrap())
        .collect();
    let list = format!(r#"{{"kind":"List","items":[{}]}}"#, items.join(","));
    let plain = bench
        .kubeseal(["--recovery-unseal", "--recovery-private-key=key.pem"])
        .input(list)
        .run()
        .ok();
    assert_eq!(plain.matches("\"kind\": \"Secret\"").count(), 3, "{plain}");
    // One of several that are merged.
    bench.seal(&["-w", "t.yaml"], SECRET).ok();
    let list = "kind: List\nitems: [{stringData: {x: '1'}}, {stringData: {z: '2'}}]\n";
    bench.seal(&["--merge-into", "t.yaml"], list).ok();
    assert_eq!(
        sealed_secret(&bench.read("t.yaml"))
            .spec
            .encrypted_data
            .len(),
        3
    );
}

#[test]
fn a_sealed_secret_is_not_sealed_twice() {
    let bench = Bench::new();
    let sealed = bench.seal(&[], SECRET).ok();
    bench
        .seal(&["--allow-empty-data"], sealed)
        .fails("found SealedSecret")
        .hints("--re-encrypt");
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let bench = Bench::new();
    bench
        .seal(
            &[],
            b"{\"kind\":\"Secret\",\"stringData\":{\"k\":\"\xff\"}}",
        )
        .fails("line 1, column 37: not UTF-8 text");
    bench
        .seal(&[], b"a: 1\nb: \xc3\x28\n")
        .fails("line 2, column 4: not UTF-8 text");
}

#[test]
fn one_bad_document_among_good_ones_stops_them_all() {
    let bench = Bench::new();
    let input =
        format!("{SECRET}---\n{SECRET}---\nkind: Secret\nmetadata: {{name: a}}\n---\n{SECRET}");
    bench.write("old.yaml", "old");
    bench.seal(&["-w", "old.yaml"], &input).fails("document 3");
    assert_eq!(bench.read("old.yaml"), "old");
    assert_eq!(bench.files(), ["cert.pem", "key.pem", "old.yaml"]);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let bench = Bench::new();
    bench
        .seal(&["-f", "missing.yaml"], "")
        .fails("cannot read missing.yaml: No such file or directory");
    bench
        .seal(&["-f", "."], "")
        .fails("cannot read .: Is a directory")
        .hints("a single file");
    bench.write("bad.yaml", "a: [\n");
    bench
        .seal(&["-f", "bad.yaml"], SECRET)
        .fails("bad.yaml: document 1: line");
    bench.write("-", SECRET);
    bench.seal(&["-f", "-"], "not read").ok();
    bench.write("good.yaml", SECRET);
    bench.seal(&["-f", "good.yaml"], "not read").ok();
    bench.seal(&["-f", "/dev/stdin"], SECRET).ok();
}

#[test]
fn control_characters_of_the_input_do_not_reach_the_terminal() {
    let bench = Bench::new();
    let outcome = bench.seal(&[], "kind: \"\\e[31mRed\"\nmetadata: {name: a}\n");
    assert!(!outcome.stderr.contains('\u{1b}'), "{outcome:?}");
    outcome.fails("found \\u{1b}[31mRed");
}

#[test]
fn nested_aliases_do_not_fill_the_memory() {
    let bench = Bench::new();
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let item = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", [item.as_str(); 10].join(", "));
    }
    bench.seal(&[], bomb).fails("too large");
    bench.seal(&[], "[".repeat(100_000)).fails("document 1");
}

#[test]
fn hundreds_of_documents_keep_their_order_and_values() {
    let bench = Bench::new();
    let input: String = (0..300)
        .map(|number| {
            format!("---\nmetadata: {{name: s{number}, namespace: shop}}\nstringData: {{a: x{number}, b: y{number}}}\n")
        })
        .collect();
    let sealed = sealed_secrets(&bench.seal(&["-oyaml"], input).ok());
    assert_eq!(sealed.len(), 300);
    for (number, sealed) in sealed.iter().enumerate() {
        assert_eq!(sealed.name(), format!("s{number}"));
        let wanted = [("a", "x"), ("b", "y")]
            .map(|(item, letter)| (item.to_owned(), format!("{letter}{number}")));
        assert_eq!(items(sealed), wanted.into());
    }
}
