//! The project file, and several clusters.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use sealed_secrets_crds::annotations::KEY_FINGERPRINT;

use crate::bench::{Bench, SECRET, items, new_pair, pair, sealed_secret};

const BARE: &str = "metadata: {name: db}\nstringData: {password: hunter2}\n";

/// A bench with a second certificate, and a folder `apps`.
fn bench() -> Bench {
    let bench = Bench::new();
    let other = new_pair(Timestamp::now(), SignedDuration::from_hours(24 * 365));
    bench.write("other.pem", other.certificate().to_pem());
    fs::create_dir(bench.path("apps")).unwrap();
    bench
}

fn mark(bench: &Bench, file: &str) -> String {
    sealed_secret(&bench.read(file))
        .metadata
        .annotations
        .unwrap()[KEY_FINGERPRINT]
        .clone()
}

#[test]
fn the_first_rule_for_the_target_counts() {
    let bench = bench();
    bench.write(
        ".kubeseal.yaml",
        "rules:\n- paths: [apps/*.yaml]\n  certificate: cert.pem\n  scope: namespace-wide\n  namespace: shop\n  format: yaml\n\
         - certificate: other.pem\n  namespace: rest\n",
    );
    let own = pair().public_key().fingerprint().to_string();
    bench
        .kubeseal(["-w", "apps/db.yaml"])
        .input(BARE)
        .run()
        .ok();
    let sealed = sealed_secret(&bench.read("apps/db.yaml"));
    assert_eq!(
        (sealed.label().as_str(), mark(&bench, "apps/db.yaml")),
        ("shop", own.clone())
    );
    assert_eq!(items(&sealed)["password"], "hunter2");

    // Without -w the input is the target, and without that the working directory.
    bench.write("apps/in.yaml", BARE);
    let text = bench.kubeseal(["-f", "apps/in.yaml"]).run().ok();
    assert!(text.starts_with("---\n"), "{text}");
    assert_eq!(sealed_secret(&text).label().as_str(), "shop");
    let sealed = sealed_secret(&bench.kubeseal::<&str>([]).input(BARE).run().ok());
    assert_eq!(sealed.label().as_str(), "rest/db");
    assert_ne!(sealed.metadata.annotations.unwrap()[KEY_FINGERPRINT], own);

    // What is there already has its scope and namespace.
    bench
        .kubeseal(["--merge-into", "apps/db.yaml"])
        .input("stringData: {k: v}")
        .run()
        .ok();
    assert_eq!(items(&sealed_secret(&bench.read("apps/db.yaml")))["k"], "v");
    bench
        .kubeseal(["set", "apps/new.yaml", "k", "--name=new", "--value-stdin"])
        .input("v")
        .run()
        .ok();
    assert_eq!(
        sealed_secret(&bench.read("apps/new.yaml")).label().as_str(),
        "shop"
    );
}

#[test]
fn flags_come_first_then_variables_then_the_project_file() {
    let bench = bench();
    bench.write(
        ".kubeseal.yaml",
        "rules: [{certificate: other.pem, scope: cluster-wide, namespace: p, format: yaml}]\n",
    );
    let by_variable = bench
        .kubeseal::<&str>([])
        .input(BARE)
        .variable("SEALED_SECRETS_CERT", "cert.pem")
        .variable("SEALED_SECRETS_SCOPE", "namespace-wide")
        .variable("SEALED_SECRETS_NAMESPACE", "v")
        .run()
        .ok();
    let sealed = sealed_secret(&by_variable);
    assert_eq!((sealed.label().as_str(), items(&sealed).len()), ("v", 1));
    let by_flag = bench
        .kubeseal(["--cert=cert.pem", "--scope=strict", "-nf", "-ojson"])
        .input(BARE)
        .variable("SEALED_SECRETS_SCOPE", "namespace-wide")
        .run()
        .ok();
    assert!(by_flag.starts_with('{'));
    assert_eq!(sealed_secret(&by_flag).label().as_str(), "f/db");
    // Another file, or none.
    bench.write(
        "mine.yaml",
        "rules: [{certificate: cert.pem, namespace: m}]\n",
    );
    let other = bench
        .kubeseal(["--project-file=mine.yaml"])
        .input(BARE)
        .run()
        .ok();
    assert_eq!(sealed_secret(&other).label().as_str(), "m/db");
    bench
        .kubeseal(["--project-file=/dev/null", "--cert=cert.pem"])
        .input(BARE)
        .run()
        .fails("no namespace given");
}

#[test]
fn the_search_ends_at_the_work_tree() {
    let bench = bench();
    bench.write(
        ".kubeseal.yaml",
        "rules: [{certificate: cert.pem, namespace: p}]\n",
    );
    bench.write("apps/x.yaml", BARE);
    bench.kubeseal(["-f", "apps/x.yaml"]).run().ok();
    fs::create_dir(bench.path("apps/.git")).unwrap();
    bench
        .kubeseal(["-f", "apps/x.yaml"])
        .run()
        .fails("no namespace given");
}

#[test]
fn a_wrong_project_file_is_refused_with_its_line() {
    let bench = bench();
    bench.write(
        ".kubeseal.yaml",
        "rules:\n- certificate: cert.pem\n  scpoe: strict\n",
    );
    bench
        .kubeseal::<&str>([])
        .input(SECRET)
        .run()
        .fails(".kubeseal.yaml: line 3, column 3: unknown field \"scpoe\"")
        .hints("docs/project-file.md");
    bench.kubeseal(["--version"]).run().ok();
}

#[test]
fn each_cluster_gets_a_file_of_its_own() {
    let bench = bench();
    let args = [
        "--clusters",
        "a=cert.pem,b=other.pem",
        "-w",
        "{name}.{cluster}.yaml",
    ];
    bench.kubeseal(args).input(SECRET).run().ok();
    assert_eq!(
        items(&sealed_secret(&bench.read("db.a.yaml")))["password"],
        "hunter2"
    );
    assert_ne!(mark(&bench, "db.a.yaml"), mark(&bench, "db.b.yaml"));

    bench.write(
        ".kubeseal.yaml",
        "rules: [{clusters: {a: cert.pem, b: other.pem}, output: '{namespace}-{name}-{cluster}.json'}]\n",
    );
    bench.write("apps/db.yaml", SECRET);
    assert_eq!(bench.kubeseal(["-f", "apps/db.yaml"]).run().ok(), "");
    for cluster in ["a", "b"] {
        sealed_secret(&bench.read(&format!("apps/shop-db-{cluster}.json")));
    }
    // One of them, by name.
    bench
        .kubeseal(["-f", "apps/db.yaml", "--clusters=a", "-w", "one.yaml"])
        .run()
        .ok();
    assert_eq!(
        mark(&bench, "one.yaml"),
        pair().public_key().fingerprint().to_string()
    );
}

#[test]
fn clusters_write_all_files_or_none() {
    let bench = bench();
    let before = bench.files();
    let run = |clusters: &str, file: &str| {
        bench
            .kubeseal(["--clusters", clusters, "-w", file])
            .input(SECRET)
            .run()
    };
    run("a=cert.pem,b=gone.pem", "{cluster}.yaml").fails("cannot read certificate gone.pem");
    run("apps=cert.pem,b=other.pem", "{cluster}").fails("cannot write apps: it is a directory");
    run("a=cert.pem,b=other.pem", "x.yaml")
        .fails("2 clusters need a file each, and -w x.yaml names none");
    run("a=cert.pem,b=other.pem", "").fails("2 clusters need a file each, and standard output");
    run("a=cert.pem,b=other.pem", "{cluster}{x}").fails("unknown placeholder");
    run("a", "{cluster}").fails("cluster \"a\" has no certificate");
    bench
        .kubeseal([
            "--clusters=c=cert.pem,b.c=other.pem",
            "-w",
            "{name}.{cluster}.txt",
        ])
        .input(
            "metadata: {name: a.b, namespace: n}\nstringData: {a: b}\n---\n\
             metadata: {name: a, namespace: n}\nstringData: {a: b}\n",
        )
        .run()
        .fails("clusters \"c\" and \"b.c\" would both write a.b.c.txt");
    let two = ["--clusters=a=cert.pem,b=other.pem"];
    bench
        .kubeseal(two.iter().chain(&["--cert=cert.pem"]))
        .input(SECRET)
        .run()
        .fails("--cert and --clusters");
    bench
        .kubeseal(two.iter().chain(&["--raw", "--scope=cluster-wide"]))
        .input("x")
        .run()
        .fails("--raw takes one certificate, 2 clusters are given");
    let away = SECRET.replace("name: db", "name: ../db");
    bench
        .kubeseal(two.iter().chain(&["-w", "{name}.{cluster}.yaml"]))
        .input(away)
        .run()
        .fails("\"../db\" cannot be part of a file name");
    assert_eq!(bench.files(), before);
}
