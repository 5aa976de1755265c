//! Which namespace a Secret is sealed for.

use crate::bench::{Bench, SECRET, items, sealed_secret};

const NAMELESS: &str = "kind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2}\n";
const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: here, context: {cluster: c, user: u, namespace: context}}
- {name: there, context: {cluster: c, user: u}}
clusters:
- {name: c, cluster: {server: 'https://127.0.0.1:1'}}
users:
- {name: u, user: {token: t}}
";

fn namespace(bench: &Bench, args: &[&str], input: &str) -> String {
    let sealed = sealed_secret(&bench.seal(args, input).ok());
    items(&sealed);
    sealed.namespace().to_owned()
}

#[test]
fn the_document_then_the_flag_then_the_context_decide() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path(".kube")).unwrap();
    bench.write(".kube/config", KUBECONFIG);
    assert_eq!(namespace(&bench, &[], SECRET), "shop");
    assert_eq!(namespace(&bench, &["-nflag"], NAMELESS), "flag");
    assert_eq!(
        namespace(&bench, &["-n", "namespaces/flag"], NAMELESS),
        "flag"
    );
    assert_eq!(namespace(&bench, &[], NAMELESS), "context");
    assert_eq!(namespace(&bench, &["--context=there"], NAMELESS), "default");
    bench.write("other", KUBECONFIG.replace("context}", "other}"));
    assert_eq!(
        namespace(&bench, &["--kubeconfig", "other"], NAMELESS),
        "other"
    );
    bench
        .seal(&["--context=gone"], NAMELESS)
        .fails("context \"gone\" does not exist");
}

#[test]
fn a_flag_that_contradicts_the_document_is_an_error() {
    let bench = Bench::new();
    bench
        .seal(&["-n", "other"], SECRET)
        .fails("Secret db: namespace is \"shop\", but \"other\" was given with --namespace");
    assert_eq!(namespace(&bench, &["-n", "shop"], SECRET), "shop");
    assert_eq!(
        namespace(&bench, &["-n", "other", "--scope=cluster-wide"], SECRET),
        "shop"
    );
    assert_eq!(
        namespace(&bench, &["-n", "other", "--scope=cluster-wide"], NAMELESS),
        ""
    );
}

#[test]
fn a_broken_kubeconfig_matters_only_where_a_namespace_is_missing() {
    let bench = Bench::new();
    bench.write("broken", "contexts: [");
    for args in [
        &["--kubeconfig", "broken"][..],
        &["--kubeconfig", "missing"],
    ] {
        assert_eq!(namespace(&bench, args, SECRET), "shop");
        assert_eq!(namespace(&bench, &[args, &["-nx"]].concat(), NAMELESS), "x");
        assert_eq!(
            namespace(
                &bench,
                &[args, &["--scope=cluster-wide"]].concat(),
                NAMELESS
            ),
            ""
        );
        bench
            .seal(args, NAMELESS)
            .fails("no namespace given")
            .hints("--namespace");
    }
    bench
        .seal(&[], NAMELESS)
        .fails("no namespace given, and no kubeconfig")
        .hints("metadata.namespace");
}

#[test]
fn several_kubeconfigs_are_merged_and_missing_ones_skipped() {
    let bench = Bench::new();
    bench.write(
        "first",
        "contexts:\n- {name: here, context: {cluster: c, user: u, namespace: first}}\n",
    );
    bench.write("second", KUBECONFIG);
    let list = std::env::join_paths(["missing", "first", "second"]).unwrap();
    let text = bench
        .kubeseal(["--cert=cert.pem"])
        .variable("KUBECONFIG", list)
        .input(NAMELESS)
        .run()
        .ok();
    assert_eq!(sealed_secret(&text).namespace(), "first");
}
