//! Adding items to a SealedSecret in a file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use jiff::{SignedDuration, Timestamp};
use sealed_secrets_crds::annotations::KEY_FINGERPRINT;
use serde_json::{Value, json};

use crate::bench::{Bench, Outcome, SECRET, items, new_pair, pair, sealed_secret, unsealed};

const MORE: &str =
    "kind: Secret\nmetadata: {name: ignored, namespace: ignored}\nstringData: {user: admin}\n";

fn merge(bench: &Bench, file: &str, args: &[&str], input: &str) -> Outcome {
    bench.seal(&[&["--merge-into", file], args].concat(), input)
}

#[test]
fn items_are_added_and_replaced_and_the_others_keep_their_text() {
    let bench = Bench::new();
    bench
        .seal(&["-w", "t.json"], format!("{SECRET}  keep: me\n"))
        .ok();
    let before = sealed_secret(&bench.read("t.json"));
    let input = "metadata: {labels: {l: '1'}, annotations: {a: '2'}}\nstringData: {password: new, user: admin}\n";
    assert_eq!(merge(&bench, "t.json", &[], input).ok(), "");
    let after = sealed_secret(&bench.read("t.json"));
    assert_eq!(
        items(&after),
        [("keep", "me"), ("password", "new"), ("user", "admin")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into()
    );
    assert_eq!(
        before.spec.encrypted_data["keep"],
        after.spec.encrypted_data["keep"]
    );
    assert_ne!(
        before.spec.encrypted_data["password"],
        after.spec.encrypted_data["password"]
    );
    assert_eq!(after.metadata, before.metadata);
    let desired = unsealed(&after);
    assert_eq!(
        (
            desired.labels["l"].as_str(),
            desired.annotations["a"].as_str()
        ),
        ("1", "2")
    );
    assert_eq!(bench.files(), ["cert.pem", "key.pem", "t.json"]);
}

#[test]
fn everything_else_of_the_target_stays() {
    let bench = Bench::new();
    let mut target: Value = serde_json::from_str(&bench.seal(&[], SECRET).ok()).unwrap();
    target["metadata"]["labels"] = json!({"own": "1"});
    target["metadata"]["annotations"] = json!({"own": "2"});
    target["spec"]["template"]["type"] = "x/y".into();
    target["spec"]["template"]["immutable"] = true.into();
    target["spec"]["template"]["data"] = json!({"t": "{{ .password }}"});
    target["spec"]["template"]["metadata"]["labels"] = json!({"old": "3", "both": "old"});
    target["status"] =
        json!({"observedGeneration": 1, "conditions": [{"type": "Synced", "status": "True"}]});
    bench.write("t", target.to_string());
    let input = "type: other\nimmutable: false\nmetadata: {labels: {both: new}}\nstringData: {user: admin}\n";
    merge(&bench, "t", &[], input).ok();
    let mut after: Value = serde_json::from_str(&bench.read("t")).unwrap();
    target["spec"]["template"]["metadata"]["labels"]["both"] = "new".into();
    let user = after["spec"]["encryptedData"]
        .as_object_mut()
        .unwrap()
        .remove("user")
        .unwrap();
    assert!(user.is_string());
    assert_eq!(after, target);
}

#[test]
fn a_target_may_lack_everything_that_is_extended() {
    let bench = Bench::new();
    for target in [
        "kind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {}\n",
        "kind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: null, template: null}\n",
        "kind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {template: {metadata: null}}\n",
    ] {
        bench.write("t", target);
        merge(
            &bench,
            "t",
            &[],
            "metadata: {labels: {l: '1'}}\nstringData: {k: v}\n",
        )
        .ok();
        let after = sealed_secret(&bench.read("t"));
        assert_eq!(items(&after)["k"], "v");
        assert_eq!(unsealed(&after).labels["l"], "1");
    }
}

#[test]
fn every_document_of_the_input_is_merged() {
    let bench = Bench::new();
    bench.seal(&["-w", "t.yaml"], SECRET).ok();
    merge(
        &bench,
        "t.yaml",
        &[],
        &format!("{MORE}---\nstringData: {{third: x, user: last}}\n"),
    )
    .ok();
    let after = items(&sealed_secret(&bench.read("t.yaml")));
    assert_eq!(
        (after.len(), after["user"].as_str(), after["third"].as_str()),
        (3, "last", "x")
    );
}

#[test]
fn the_name_of_the_target_decides_its_format() {
    let bench = Bench::new();
    for (name, format, yaml) in [
        ("a.yaml", "json", true),
        ("a.yml", "json", true),
        ("a", "yaml", true),
        ("a.json", "json", false),
    ] {
        bench.seal(&["-w", name], SECRET).ok();
        merge(&bench, name, &["-o", format], MORE).ok();
        assert_eq!(bench.read(name).starts_with("---\n"), yaml, "{name}");
        sealed_secret(&bench.read(name));
    }
}

#[test]
fn the_scope_is_that_of_the_target() {
    const WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";
    let bench = Bench::new();
    let annotated =
        format!("metadata: {{annotations: {{{WIDE}: 'true'}}}}\nstringData: {{k: v}}\n");
    bench
        .seal(&["--scope=cluster-wide", "-w", "wide"], SECRET)
        .ok();
    bench.seal(&["-w", "strict"], SECRET).ok();
    for (args, input) in [
        (&[][..], MORE),
        (&["--scope=cluster-wide"], MORE),
        (&["-n", "any"], MORE),
        (&[], &annotated),
    ] {
        merge(&bench, "wide", args, input).ok();
        items(&sealed_secret(&bench.read("wide")));
    }
    let before = bench.read("strict");
    merge(&bench, "strict", &["--scope=strict"], MORE).ok();
    bench.write("strict", &before);
    merge(&bench, "strict", &["--scope=cluster-wide"], MORE)
        .fails("shop/db has scope strict, but --scope cluster-wide was given");
    merge(&bench, "wide", &["--scope=strict"], MORE)
        .fails("shop/db has scope cluster-wide, but --scope strict");
    merge(&bench, "strict", &[], &annotated)
        .fails("document 1: the annotations of the Secret ask for scope cluster-wide, but shop/db has scope strict");
    assert_eq!(bench.read("strict"), before);
}

#[test]
fn the_namespace_is_that_of_the_target() {
    let bench = Bench::new();
    bench.seal(&["-w", "t"], SECRET).ok();
    merge(&bench, "t", &["-n", "shop"], MORE).ok();
    merge(&bench, "t", &["-n", "other"], MORE)
        .fails("cannot merge into shop/db: namespace is \"shop\", but \"other\" was given")
        .hints("the target's counts");
    merge(&bench, "t", &["--name", "other"], MORE).ok();
    assert_eq!(items(&sealed_secret(&bench.read("t")))["user"], "admin");
}

#[test]
fn mode_and_symbolic_links_stay() {
    let bench = Bench::new();
    fs::create_dir(bench.path("real")).unwrap();
    bench.seal(&["-w", "real/t.yaml"], SECRET).ok();
    fs::set_permissions(bench.path("real/t.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real/t.yaml", bench.path("link.yaml")).unwrap();
    merge(&bench, "link.yaml", &[], MORE).ok();
    assert!(
        fs::symlink_metadata(bench.path("link.yaml"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(
        fs::metadata(bench.path("real/t.yaml"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o640
    );
    assert_eq!(
        items(&sealed_secret(&bench.read("real/t.yaml")))["user"],
        "admin"
    );
    assert_eq!(fs::read_dir(bench.path("real")).unwrap().count(), 1);
}

#[test]
fn targets_that_cannot_be_extended_are_refused_and_kept() {
    let bench = Bench::new();
    let sealed = bench.seal(&["-oyaml"], SECRET).ok();
    for (content, wanted) in [
        (String::new(), "cannot merge: t: no SealedSecret found"),
        ("---\n".to_owned(), "no SealedSecret found"),
        (
            SECRET.to_owned(),
            "cannot merge: t: document 1: line 1, column 1: expected a SealedSecret, found Secret",
        ),
        (
            format!("{sealed}{sealed}"),
            "cannot merge into t: it holds 2 documents",
        ),
        ("a: [".to_owned(), "cannot merge: t: document 1: line"),
        (
            "kind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {data: AAAA}\n"
                .to_owned(),
            "deprecated spec.data",
        ),
    ] {
        bench.write("t", &content);
        merge(&bench, "t", &[], MORE).fails(wanted);
        assert_eq!(bench.read("t"), content);
    }
    bench.write("t", &sealed);
    for (input, wanted) in [
        ("", "standard input: no Secret found"),
        (
            "kind: ConfigMap\n",
            "standard input: document 1: line 1, column 1: expected a Secret",
        ),
        ("kind: Secret\n", "document 1: the Secret has no items"),
        (
            "stringData: {a: b}\n---\ndata: {k: '!'}\n",
            "document 2: line 3",
        ),
    ] {
        merge(&bench, "t", &[], input).fails(wanted);
        assert_eq!(bench.read("t"), sealed);
    }
    merge(&bench, "missing", &[], MORE)
        .fails("cannot merge into missing: No such file")
        .hints("must exist");
    merge(&bench, ".", &[], MORE).fails("not a regular file");
    assert_eq!(bench.files(), ["cert.pem", "key.pem", "t"]);
}

#[test]
fn the_mark_of_the_key_stays_true() {
    let bench = Bench::new();
    let other = new_pair(Timestamp::now(), SignedDuration::from_hours(24 * 365));
    bench.write("other.pem", other.certificate().to_pem());
    let mark = |file: &str| {
        let annotations = sealed_secret(&bench.read(file)).metadata.annotations;
        annotations.and_then(|map| map.get(KEY_FINGERPRINT).cloned())
    };
    let merged = |input: &str| {
        bench
            .kubeseal(["--cert=other.pem", "--merge-into=t"])
            .input(input)
            .run()
            .ok();
        mark("t")
    };
    let two = SECRET.replace("stringData:", "stringData:\n  user: me");
    bench.seal(&["-w", "t"], &two).ok();
    assert_eq!(
        mark("t"),
        Some(pair().public_key().fingerprint().to_string())
    );
    // All items, then some: the others would be for another key than the mark says.
    let own = other.public_key().fingerprint().to_string();
    assert_eq!(
        merged("stringData: {user: a, password: b, more: c}"),
        Some(own.clone())
    );
    assert_eq!(merged("stringData: {user: d}"), Some(own));
    bench
        .seal(&["--merge-into=t"], "stringData: {user: e}")
        .ok();
    assert_eq!(mark("t"), None);
    assert_eq!(
        merged("stringData: {user: f, password: g, more: h}"),
        None,
        "never added"
    );
}
