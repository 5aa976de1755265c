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
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec: {encryptedData: null, template: null}\n",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: b}\nspec:\n  template: {metadata: null}\n",
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
fn the_target_keeps_its_format() {
    let bench = Bench::new();
    for (name, args, yaml) in [
        ("a.yaml", &[][..], true),
        ("a.yml", &["-o", "json"], true),
        ("a", &["-o", "yaml"], false),
        ("a.json", &[], false),
    ] {
        bench.seal(&["-w", name], SECRET).ok();
        merge(&bench, name, args, MORE).ok();
        assert_eq!(bench.read(name).starts_with("---\n"), yaml, "{name}");
        sealed_secret(&bench.read(name));
    }
    merge(&bench, "a", &["-o", "toml"], MORE).fails("unsupported output format");
}

/// Comments, order, quotes, indentation, line endings: all of it odd, none of it changed.
#[test]
fn only_the_lines_of_the_items_change() {
    let bench = Bench::new();
    let odd = "\u{feff}# Kept by: the shop team\r\n---   # the database\r\nkind:   SealedSecret\r\n\
               spec:\r\n    template: {type: 'Opaque', metadata: {labels: {\"app\": shop}}}   # odd\r\n\r\n\
               \u{20}   encryptedData:\r\n\u{20}       # from the vault\r\n\u{20}       password:   'AgOld'   # changed in May\r\n\
               \u{20}       keep: >-\r\n\u{20}           AgKeep\r\n\r\n\u{20}   # the end\r\n\
               metadata:  {namespace: shop,  name: \"db\"}\r\napiVersion: bitnami.com/v1alpha1";
    bench.write("t.yaml", odd);
    let input = "metadata: {labels: {tier: back}}\nstringData: {password: hunter2, user: admin}\n";
    assert_eq!(merge(&bench, "t.yaml", &[], input).ok(), "");
    let after = bench.read("t.yaml");
    let (old, new): (Vec<&str>, Vec<&str>) = (
        odd.split_inclusive('\n').collect(),
        after.split_inclusive('\n').collect(),
    );
    let gone: Vec<&&str> = old.iter().filter(|line| !new.contains(line)).collect();
    let came: Vec<&&str> = new.iter().filter(|line| !old.contains(line)).collect();
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert_eq!(came.len(), 3, "{came:?}");
    assert_eq!(
        *came[0],
        "    template: {type: 'Opaque', metadata: {labels: {\"app\": shop, tier: back}}}   # odd\r\n"
    );
    assert!(
        came[1].starts_with("        password:   'A")
            && came[1].ends_with("'   # changed in May\r\n"),
        "{came:?}"
    );
    assert!(
        came[2].starts_with("        user: A") && came[2].ends_with("\r\n"),
        "{came:?}"
    );
    let kept: Vec<&str> = new
        .iter()
        .filter(|line| old.contains(line))
        .copied()
        .collect();
    let all: Vec<&str> = old
        .iter()
        .filter(|line| new.contains(line))
        .copied()
        .collect();
    assert_eq!(kept, all, "and in the same order");
    let mut sealed = sealed_secret(&after);
    assert_eq!(sealed.spec.encrypted_data.remove("keep").unwrap(), "AgKeep");
    assert_eq!(items(&sealed)["password"], "hunter2");
}

/// As Git shows it.
#[test]
fn git_shows_the_changed_items_alone() {
    let bench = Bench::new();
    let sealed = bench
        .seal(&["-oyaml"], format!("{SECRET}  other: x\n"))
        .ok();
    let odd = sealed
        .replace("spec:\n", "spec:   # sealed\n")
        .replace("  template:\n", "\n  # the rest\n  template:\n");
    bench.write("before.yaml", &odd);
    bench.write("t.yaml", &odd);
    merge(&bench, "t.yaml", &[], "stringData: {password: new}\n").ok();
    let output = std::process::Command::new("git")
        .args(["diff", "--no-index", "--numstat", "before.yaml", "t.yaml"])
        .current_dir(bench.path("."))
        .output()
        .unwrap();
    let numbers = String::from_utf8(output.stdout).unwrap();
    assert!(numbers.starts_with("1\t1\t"), "{numbers}");
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
        .fails("cannot merge: shop/db: namespace is \"shop\", but \"other\" was given")
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
            "cannot merge: t holds 2 documents, expected one",
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
        .fails("cannot merge: cannot change missing: No such file")
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
