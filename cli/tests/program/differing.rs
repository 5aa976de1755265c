//! `kubeseal diff`, alone and within Git.

use std::process::Command;

use serde_json::{Value, json};

use crate::bench::{Bench, Outcome, SECRET};

impl Outcome {
    /// Exit code 1 with differences on stdout and nothing on stderr.
    #[track_caller]
    fn differs(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(1), ""), "{self:?}");
        self.stdout
    }
}

const NEW: &str = "\
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: shop, labels: {app: web}}
type: x/y
stringData: {password: hunter22, token: a}
";

#[test]
fn equal_files_do_not_differ_however_they_are_written() {
    let bench = Bench::new();
    bench.seal(&["-w", "a.yaml"], SECRET).ok();
    assert_eq!(bench.kubeseal(["diff", "a.yaml", "a.yaml"]).run().ok(), "");
    let json = bench
        .kubeseal([
            "--recovery-unseal",
            "--recovery-private-key=key.pem",
            "-f",
            "a.yaml",
        ])
        .run()
        .ok();
    assert!(json.contains("\"Secret\""));
    let spaced = bench.read("a.yaml").replace(": ", ":   ");
    bench.write("b.yaml", format!("# a comment\n{spaced}"));
    assert_eq!(bench.kubeseal(["diff", "a.yaml", "b.yaml"]).run().ok(), "");
}

#[test]
fn items_scope_and_template_are_compared() {
    let bench = Bench::new();
    bench.seal(&["-w", "a.yaml"], SECRET).ok();
    bench
        .seal(&["-w", "b.yaml", "--scope=cluster-wide", "--name=db2"], NEW)
        .ok();
    let text = bench.kubeseal(["diff", "a.yaml", "b.yaml"]).run().differs();
    for wanted in [
        "SealedSecret shop/db2\n",
        "  ~ name: \"db\" -> \"db2\"\n",
        "  ~ scope: \"strict\" -> \"cluster-wide\"\n",
        "  + template.metadata.labels.app: \"web\"\n",
        "  + template.type: \"x/y\"\n",
        "  ~ item password (7 -> 8 bytes)\n",
        "  + item token (1 bytes)\n",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let back = bench.kubeseal(["diff", "b.yaml", "a.yaml"]).run().differs();
    assert!(back.contains("  - item token (1 bytes)\n"), "{back}");
}

#[test]
fn objects_of_several_documents_are_paired_by_name() {
    let bench = Bench::new();
    let two = format!("{SECRET}---\n{}", SECRET.replace("name: db", "name: other"));
    bench.seal(&["-w", "a.yaml"], &two).ok();
    let a = bench.read("a.yaml");
    let (_, second) = a.rsplit_once("---\n").unwrap();
    bench.write(
        "b.yaml",
        format!("{second}---\nkind: ConfigMap\ndata: {{a: b}}\n"),
    );
    let out = bench
        .kubeseal(["diff", "-ojson", "a.yaml", "b.yaml"])
        .run()
        .differs();
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap(),
        json!({ "differences": [{ "object": "shop/db", "changes": [{ "change": "removed" }] }] })
    );
}

#[test]
fn what_cannot_be_compared_has_exit_code_2() {
    let bench = Bench::new();
    bench.seal(&["-w", "a.yaml"], SECRET).ok();
    bench.write("plain.yaml", SECRET);
    for (args, wanted) in [
        (&["a.yaml"][..], "expected two files, 1 given"),
        (&["a.yaml", "a.yaml", "a.yaml"], "FILE"),
        (&["a.yaml", "gone"], "cannot read gone"),
        (
            &["a.yaml", "plain.yaml"],
            "expected a SealedSecret, found Secret",
        ),
        (
            &["--textconv", "a.yaml", "a.yaml"],
            "expected one file, 2 given",
        ),
    ] {
        bench
            .kubeseal(["diff"].iter().chain(args))
            .run()
            .fails_with(2, wanted);
    }
}

/// The set-up of docs/inspecting.md, with Git itself.
#[test]
fn git_shows_which_items_changed() {
    let bench = Bench::new();
    let git = |args: &[&str]| {
        let program = env!("CARGO_BIN_EXE_kubeseal");
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c"])
            .arg(format!("diff.kubeseal.textconv={program} diff --textconv"))
            .args(args)
            .current_dir(bench.path(""))
            .env("HOME", bench.path(""))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    bench.write(".gitattributes", "*.sealed.yaml diff=kubeseal\n");
    let two = SECRET.replace("stringData:", "stringData:\n  user: me");
    bench.seal(&["-w", "db.sealed.yaml"], two).ok();
    let commented = bench
        .read("db.sealed.yaml")
        .replace("spec:\n", "# ours\nspec:\n");
    bench.write("db.sealed.yaml", commented);
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    assert_eq!(git(&["diff"]), "");
    bench
        .seal(
            &["--merge-into", "db.sealed.yaml"],
            "stringData: {password: longer than before}",
        )
        .ok();
    let shown = git(&["diff", "-U0"]);
    let changed: Vec<&str> = shown
        .lines()
        .filter(|line| line.contains("<sealed "))
        .collect();
    let [old, new] = changed.as_slice() else {
        panic!("{shown}");
    };
    assert!(
        old.starts_with("-    password: <sealed 7 bytes, sha256 "),
        "{shown}"
    );
    assert!(
        new.starts_with("+    password: <sealed 18 bytes, sha256 "),
        "{shown}"
    );
    assert!(shown.lines().all(|line| line.len() < 100), "{shown}");
}
