//! `kubeseal inspect`: what is told without a key, and what counts as a problem.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use sealed_secrets_crds::manifest;
use serde_json::{Value, json};

use crate::bench::{Bench, Outcome, SECRET, new_pair, pair};

impl Outcome {
    /// Exit code 1 with problems on stdout and nothing on stderr.
    #[track_caller]
    fn problems(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(1), ""), "{self:?}");
        assert!(!self.stdout.contains("hunter2"), "{self:?}");
        self.stdout
    }
}

fn bench() -> Bench {
    let bench = Bench::new();
    bench.seal(&["-w", "db.yaml"], SECRET).ok();
    bench
}

#[test]
fn names_and_sizes_are_told_without_a_key() {
    let bench = bench();
    let text = bench.kubeseal(["inspect", "db.yaml"]).run().ok();
    for wanted in [
        "SealedSecret shop/db (db.yaml, line 2)\n",
        "  scope: strict, label \"shop/db\"\n",
        "  password  7 bytes, sealed 281, RSA 2048\n",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let piped = bench
        .kubeseal(["inspect", "-"])
        .input(bench.read("db.yaml"))
        .run()
        .ok();
    assert!(
        piped.contains("shop/db (standard input, line 2)"),
        "{piped}"
    );
    assert_eq!(bench.kubeseal(["inspect", "-q", "db.yaml"]).run().ok(), "");
}

#[test]
fn the_json_report_has_a_stable_shape() {
    let bench = bench();
    bench.write("bad.yaml", "a: [");
    let text = bench
        .kubeseal([
            "inspect",
            "-ojson",
            "--cert=cert.pem",
            "db.yaml",
            "bad.yaml",
        ])
        .run()
        .problems();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    let fingerprint = pair().public_key().fingerprint().to_string();
    let item = &mut report["files"][0]["objects"][0]["items"][0];
    assert_eq!(item["sha256"].take().as_str().map(str::len), Some(64));
    assert!(item["line"].take().is_u64());
    report["certificate"]["notAfter"].take();
    let object = report["files"][0]["objects"][0].as_object_mut().unwrap();
    object.remove("keyFingerprint").unwrap();
    object.remove("keyMatch").unwrap();
    assert_eq!(
        report,
        json!({
            "certificate": {
                "name": "cert.pem", "keyFingerprint": fingerprint, "keyBits": 2048, "notAfter": null, "expired": false,
            },
            "files": [
                { "path": "db.yaml", "problems": [], "objects": [{
                    "kind": "SealedSecret", "document": 1, "line": 2, "name": "db", "namespace": "shop",
                    "scope": "strict", "label": "shop/db", "type": null,
                    "items": [{
                        "name": "password", "line": null, "sealedBytes": 281, "plaintextBytes": 7, "keyBits": 2048,
                        "sha256": null, "fits": true,
                    }],
                    "templated": [], "problems": [],
                }] },
                { "path": "bad.yaml", "objects": [], "problems": [{
                    "line": 1, "column": 4, "code": "unreadable",
                    "message": report["files"][1]["problems"][0]["message"],
                }] },
            ],
            "problems": 1,
        })
    );
}

#[test]
fn a_certificate_is_compared_as_far_as_that_can_be_told() {
    let bench = bench();
    let told = bench
        .kubeseal(["inspect", "--cert=cert.pem", "db.yaml"])
        .run()
        .ok();
    assert!(told.contains("  key of cert.pem: "), "{told}");

    let now = Timestamp::now();
    let day = SignedDuration::from_hours(24);
    bench.write(
        "old.pem",
        new_pair(now - day - day, day).certificate().to_pem(),
    );
    let text = bench
        .kubeseal(["inspect", "-q", "--cert=old.pem", "cert.pem"])
        .run();
    assert!(text.problems().contains("old.pem: certificate expired at "));
    bench
        .kubeseal(["inspect", "--cert=gone.pem", "db.yaml"])
        .run()
        .fails("cannot read certificate gone.pem");

    // A number above every modulus of its length can be for no key at all.
    let mut envelope = vec![0xff; 2 + 256 + 16];
    envelope[..2].copy_from_slice(&256_u16.to_be_bytes());
    let other = sealed_secrets_core::item::encode(&envelope);
    bench.write(
        "other.yaml",
        format!("apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {{name: a}}\nspec: {{encryptedData: {{a: {other}}}}}\n"),
    );
    let text = bench
        .kubeseal(["inspect", "--cert=cert.pem", "other.yaml"])
        .run()
        .problems();
    assert!(
        text.contains("is not the one")
            && text
                .contains("other.yaml:1:1: sealed for another key than the one given [other-key]"),
        "{text}"
    );
}

#[test]
fn problems_name_file_line_and_column() {
    let bench = Bench::new();
    bench.write(
        "x.yaml",
        "# two documents\n---\nkind: ConfigMap\ndata: {a: b}\n---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n\
         metadata: {name: a}\nspec:\n  encryptedData:\n    a: hunter2\n    b: aGVsbG8=\n",
    );
    let text = bench.kubeseal(["inspect", "-q", "x.yaml"]).run().problems();
    assert_eq!(
        text,
        "x.yaml:11:8: item \"a\" is not sealed: illegal base64 data at input byte 4 [base64]\n\
         x.yaml:12:8: item \"b\" is not sealed, or is cut off: 5 bytes [truncated]\n"
    );
}

#[test]
fn folders_are_searched_for_plain_secrets_too() {
    let bench = bench();
    fs::create_dir_all(bench.path("tree/deep")).unwrap();
    fs::create_dir_all(bench.path("tree/.git")).unwrap();
    bench.write("tree/deep/plain.yml", SECRET);
    bench.write("tree/.git/hidden.yaml", SECRET);
    bench.write("tree/notes.txt", SECRET);
    bench.write("tree/chart.yaml", "{{ if .x }}\na: b\n{{ end }}\n");
    bench.write("tree/sealed.yaml", bench.read("db.yaml"));
    let text = bench.kubeseal(["inspect", "-q", "tree"]).run().problems();
    assert_eq!(
        text,
        "tree/deep/plain.yml:1:1: Secret shop/db is not sealed [plain-secret]\n"
    );
    assert_eq!(
        bench
            .kubeseal(["inspect", "-q", "--only=sealed", "tree"])
            .run()
            .ok(),
        ""
    );
    bench
        .kubeseal(["inspect", "-q", "tree/chart.yaml"])
        .run()
        .problems();
    bench
        .kubeseal(["inspect", "gone"])
        .run()
        .fails("cannot read gone");
    bench.kubeseal(["inspect"]).run().fails_with(2, "<FILE>");
}

/// The hooks as pre-commit runs them: `entry` with file names behind it.
#[test]
fn the_hooks_refuse_what_they_say() {
    let bench = bench();
    bench.write("plain.yaml", SECRET);
    bench.write("broken.yaml", "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a}\nspec: {encryptedData: {a: b}}\n");
    bench.write("helm.yaml", "{{ x }}: [\n");
    let hooks = fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../.pre-commit-hooks.yaml"
    ))
    .unwrap();
    let hooks = manifest::read(&hooks).unwrap();
    let manifest::Value::Sequence(hooks) = &hooks[0].node.value else {
        panic!("no list of hooks");
    };
    let run = |id: &str, file: &str| {
        let hook = hooks
            .iter()
            .find(|hook| hook.field("id").unwrap().text() == Some(id))
            .unwrap();
        let entry = hook.field("entry").unwrap().text().unwrap();
        let args = entry
            .strip_prefix("kubeseal ")
            .unwrap()
            .split(' ')
            .chain([file]);
        bench.kubeseal(args).run()
    };
    assert_eq!(hooks.len(), 2);
    for (id, good, bad) in [
        (
            "sealed-secrets",
            ["db.yaml", "plain.yaml", "helm.yaml"],
            "broken.yaml",
        ),
        (
            "no-plain-secrets",
            ["db.yaml", "broken.yaml", "helm.yaml"],
            "plain.yaml",
        ),
    ] {
        for good in good {
            assert_eq!(run(id, good).ok(), "", "{id} {good}");
        }
        assert_eq!(run(id, bad).problems().lines().count(), 1, "{id} {bad}");
    }
}
