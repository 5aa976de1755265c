//! Secrets in, SealedSecrets out.

use sealed_secrets_crds::annotations::KEY_FINGERPRINT;
use serde_json::{Value, json};

use crate::bench::{Bench, SECRET, items, pair, sealed_secret, sealed_secrets, unsealed};

#[test]
fn a_secret_becomes_a_sealed_secret_that_its_key_opens() {
    let bench = Bench::new();
    let text = bench.seal(&[], SECRET).ok();
    assert!(
        text.starts_with("{\n  \"") && text.ends_with("\n}\n"),
        "{text}"
    );
    let sealed = sealed_secret(&text);
    assert_eq!((sealed.namespace(), sealed.name()), ("shop", "db"));
    let mark = pair().public_key().fingerprint().to_string();
    assert_eq!(
        sealed.metadata.annotations,
        Some([(KEY_FINGERPRINT.to_owned(), mark)].into()),
        "the mark of the key and nothing else"
    );
    assert!(unsealed(&sealed).annotations.is_empty());
    assert_eq!(
        items(&sealed),
        [("password".to_owned(), "hunter2".to_owned())].into()
    );
    assert!(!text.contains("hunter2"));
}

#[test]
fn json_and_yaml_may_come_mixed_and_in_any_number() {
    let bench = Bench::new();
    let input = "\u{feff}# first\r\n---\r\nkind: Secret\r\nmetadata: {name: a, namespace: n}\r\nstringData: {k: '1'}\r\n\
                 --- # JSON follows\n\
                 {\"kind\":\"Secret\",\"metadata\":{\"name\":\"b\",\"namespace\":\"n\"},\"data\":{\"k\":\"Mg==\"}}\n\
                 {\"metadata\":{\"name\":\"c\",\"namespace\":\"n\"},\"data\":{\"k\":\"Mw==\"}}\n\
                 ---\nnull\n---\n{}\n---\n# nothing\n---\n{metadata: {name: d, namespace: n}, stringData: {k: '4'}}\n";
    for format in ["json", "yaml"] {
        let text = bench.seal(&["-o", format], input).ok();
        let sealed = sealed_secrets(&text);
        let names: Vec<&str> = sealed.iter().map(|one| one.name()).collect();
        assert_eq!(names, ["a", "b", "c", "d"], "{text}");
        for (one, wanted) in sealed.iter().zip(["1", "2", "3", "4"]) {
            assert_eq!(items(one)["k"], wanted);
        }
        if format == "yaml" {
            assert_eq!(
                text.lines().filter(|line| *line == "---").count(),
                4,
                "{text}"
            );
            assert!(text.starts_with("---\n"));
        } else {
            assert_eq!(
                text.lines().filter(|line| *line == "}").count(),
                4,
                "{text}"
            );
        }
    }
}

#[test]
fn even_a_single_yaml_document_starts_with_three_dashes() {
    let bench = Bench::new();
    for format in ["yaml", "YAML", "Yaml"] {
        let text = bench.seal(&["-o", format], SECRET).ok();
        assert!(
            text.starts_with("---\napiVersion: bitnami.com/v1alpha1\n"),
            "{text}"
        );
        sealed_secret(&text);
    }
    for format in ["json", "JSON", ""] {
        assert!(bench.seal(&["-o", format], SECRET).ok().starts_with('{'));
    }
    bench
        .seal(&["-o", "toml"], SECRET)
        .fails("unsupported output format: toml");
}

#[test]
fn strings_that_yaml_would_read_as_something_else_are_quoted() {
    let bench = Bench::new();
    let text = bench
        .seal(
            &["-oyaml"],
            "metadata: {name: a, namespace: b, labels: {a: 'on', b: '0777', c: 'null', d: '1e3'}}\nstringData: {k: v}\n",
        )
        .ok();
    let labels = unsealed(&sealed_secret(&text)).labels;
    for (label, value) in [("a", "on"), ("b", "0777"), ("c", "null"), ("d", "1e3")] {
        assert_eq!(labels[label], value, "{text}");
    }
}

#[test]
fn values_are_taken_as_kubernetes_tools_take_them() {
    let bench = Bench::new();
    let outcome = bench
        .seal(
            &[],
            "metadata: {name: a, namespace: b}\ndata: {old: b2xk, both: b2xk, empty: null, wrapped: \"aGVs\\nbG8=\", stray: YWF=}\n\
             stringData: {both: new, yes: on, mode: 0777, none: null, date: 2001-01-01, pi: 3.14159265358979}\n",
        );
    // The key and the value of `yes: on`, and the values of mode and none.
    assert_eq!(
        outcome.stderr.matches("warning: ").count(),
        4,
        "{outcome:?}"
    );
    let items = items(&sealed_secret(&outcome.stdout));
    for (item, wanted) in [
        ("old", "old"),
        ("both", "new"),
        ("empty", ""),
        ("wrapped", "hello"),
        ("stray", "aa"),
        ("true", "true"),
        ("mode", "511"),
        ("none", ""),
        ("date", "2001-01-01"),
        ("pi", "3.14159265358979"),
    ] {
        assert_eq!(items[item], wanted, "{item}");
    }
}

#[test]
fn values_that_yaml_changes_are_named_with_their_line_and_not_shown() {
    let bench = Bench::new();
    bench.write(
        "s.yaml",
        "metadata:\n  name: a\n  namespace: b\n  labels:\n    l: yes\nstringData:\n  pin: 0742   # unquoted\n  fine: '0742'\n  \
         also: 742\n  on: x\n",
    );
    bench.seal(&["-w", "t.yaml"], SECRET).ok();
    for mode in [&[][..], &["--merge-into=t.yaml"]] {
        let outcome = bench.seal(&[&["-fs.yaml"], mode].concat(), "");
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        let [pin, key, label] = lines.as_slice() else {
            panic!("{outcome:?}");
        };
        assert!(
            pin.starts_with("warning: s.yaml:7:8: the value of stringData.pin stands without quotes, so YAML takes it for a number")
                && pin.contains("put it in quotes"),
            "{pin}"
        );
        assert!(
            key.starts_with("warning: s.yaml:10:3: the key of stringData.true"),
            "{key}"
        );
        assert!(
            label.starts_with("warning: s.yaml:5:8: the value of metadata.labels.l"),
            "{label}"
        );
        assert!(
            !outcome.stderr.contains("742") && !outcome.stderr.contains("482"),
            "{outcome:?}"
        );
    }
}

#[test]
fn the_template_gets_everything_but_what_the_server_adds() {
    let bench = Bench::new();
    let text = bench
        .seal(
            &[],
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/basic-auth", "immutable": true,
                "metadata": {
                    "name": "a", "namespace": "b", "labels": {"l": "1"}, "finalizers": ["f/x"], "generateName": "g-",
                    "annotations": {
                        "keep": "me", "kubectl.kubernetes.io/last-applied-configuration": "hunter2",
                        "kubecfg.ksonnet.io/last-applied-configuration": "hunter2",
                    },
                    "uid": "u", "resourceVersion": "5", "generation": 3, "selfLink": "/x", "creationTimestamp": "2020-01-01T00:00:00Z",
                    "deletionTimestamp": "2020-01-01T00:00:00Z", "deletionGracePeriodSeconds": 5,
                    "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "y"}],
                    "managedFields": [{"manager": "m", "fieldsV1": {"f:data": {"f:hunter2": {}}}}],
                },
                "data": {"k": "dg=="}, "unknown": {"hunter2": 1},
            })
            .to_string(),
        )
        .ok();
    assert!(!text.contains("hunter2"), "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        value["spec"]["template"],
        json!({
            "metadata": {
                "name": "a", "namespace": "b", "labels": {"l": "1"}, "annotations": {"keep": "me"}, "finalizers": ["f/x"],
                "generateName": "g-",
            },
            "type": "kubernetes.io/basic-auth", "immutable": true,
        })
    );
    let mark = pair().public_key().fingerprint().to_string();
    assert_eq!(
        value["metadata"],
        json!({"name": "a", "namespace": "b", "annotations": {KEY_FINGERPRINT: mark}})
    );
}

#[test]
fn flags_decide_the_scope_before_annotations_do() {
    const WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";
    const NAMESPACE: &str = "sealedsecrets.bitnami.com/namespace-wide";
    let bench = Bench::new();
    for (flag, annotations, wanted, label) in [
        (None, json!({}), None, "b/a"),
        (None, json!({NAMESPACE: "true"}), Some(NAMESPACE), "b"),
        (
            None,
            json!({WIDE: "true", NAMESPACE: "true"}),
            Some(WIDE),
            "",
        ),
        (None, json!({WIDE: "True"}), None, "b/a"),
        (
            Some("namespace-wide"),
            json!({WIDE: "true"}),
            Some(NAMESPACE),
            "b",
        ),
        (
            Some("cluster-wide"),
            json!({NAMESPACE: "true"}),
            Some(WIDE),
            "",
        ),
        (
            Some("strict"),
            json!({WIDE: "true", NAMESPACE: "true"}),
            None,
            "b/a",
        ),
        (Some(""), json!({WIDE: "true"}), Some(WIDE), ""),
    ] {
        let input = json!({
            "kind": "Secret", "metadata": {"name": "a", "namespace": "b", "annotations": annotations},
            "stringData": {"k": "v"},
        });
        let args: Vec<&str> = flag.iter().flat_map(|scope| ["--scope", scope]).collect();
        let outcome = bench.seal(&args, input.to_string());
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let sealed = sealed_secret(&outcome.stdout);
        let found: Vec<String> = sealed
            .metadata
            .annotations
            .clone()
            .unwrap_or_default()
            .into_keys()
            .filter(|annotation| annotation != KEY_FINGERPRINT)
            .collect();
        assert_eq!(
            found,
            wanted
                .iter()
                .map(|one| (*one).to_owned())
                .collect::<Vec<_>>(),
            "{flag:?} {input}"
        );
        assert_eq!(sealed.label().as_str(), label);
        let desired = unsealed(&sealed);
        assert_eq!(desired.data["k"].as_slice(), b"v");
        if flag == Some("strict") {
            assert!(desired.annotations.is_empty(), "{:?}", desired.annotations);
        }
    }
}

#[test]
fn a_given_name_replaces_that_of_every_document() {
    let bench = Bench::new();
    let input = format!("{SECRET}---\nmetadata: {{namespace: shop}}\nstringData: {{k: v}}\n");
    for sealed in sealed_secrets(&bench.seal(&["--name", "other"], &input).ok()) {
        assert_eq!(sealed.name(), "other");
        unsealed(&sealed);
    }
    bench
        .seal(&[], &input)
        .fails("standard input: document 2: the Secret has no metadata.name")
        .hints("--name");
    bench.seal(&["--name="], &input).fails("no metadata.name");
    let odd = sealed_secret(&bench.seal(&["--name", "Not A Valid/Name"], SECRET).ok());
    assert_eq!(odd.name(), "Not A Valid/Name");
}

#[test]
fn a_secret_without_items_needs_a_flag() {
    let bench = Bench::new();
    for data in ["", "data: {}\n", "data: null\nstringData: {}\n"] {
        let input = format!("kind: Secret\nmetadata: {{name: a, namespace: b}}\n{data}");
        bench
            .seal(&[], &input)
            .fails("the Secret a has no items")
            .hints("--allow-empty-data");
        let text = bench.seal(&["--allow-empty-data"], &input).ok();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["spec"]["encryptedData"], json!({}), "{text}");
    }
}
