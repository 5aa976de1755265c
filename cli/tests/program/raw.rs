//! Single values.

use crate::bench::{Bench, value};

#[test]
fn a_value_is_sealed_byte_for_byte_and_printed_without_a_newline() {
    let bench = Bench::new();
    for input in [&b"hunter2\n"[..], b"", b"\xff\0\r\n"] {
        let text = bench
            .seal(&["--raw", "--name=db", "-n=shop", "-o", "nonsense"], input)
            .ok();
        assert!(!text.ends_with('\n'));
        assert_eq!(value("shop/db", &text), input);
    }
}

#[test]
fn the_scope_decides_what_is_needed() {
    let bench = Bench::new();
    for (args, label) in [
        (&["--scope=strict", "--name=db", "-nshop"][..], "shop/db"),
        (&["--scope=namespace-wide", "-nshop"], "shop"),
        (&["--scope=namespace-wide", "-nshop", "--name=db"], "shop"),
        (&["--scope=cluster-wide"], ""),
        (&["--scope=cluster-wide", "-nshop", "--name=db"], ""),
    ] {
        let text = bench.seal(&[&["--raw"], args].concat(), "v").ok();
        assert_eq!(value(label, &text), b"v", "{args:?}");
    }
    bench
        .seal(&["--raw", "-nshop"], "v")
        .fails("--raw in strict scope needs --name");
    bench
        .seal(&["--raw", "--name=db"], "v")
        .fails("--raw in strict scope needs --namespace");
    bench
        .seal(&["--raw", "--scope=namespace-wide"], "v")
        .fails("--raw in namespace-wide scope needs --namespace");
}

#[test]
fn the_namespace_may_come_from_the_kubeconfig_and_an_explicit_one_must_be_good() {
    let bench = Bench::new();
    bench.write(
        "config",
        "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u, namespace: ctx}}]\n\
         clusters: [{name: c, cluster: {server: 'https://x'}}]\n",
    );
    let text = bench
        .seal(&["--raw", "--name=db", "--kubeconfig=config"], "v")
        .ok();
    assert_eq!(value("ctx/db", &text), b"v");
    bench
        .seal(
            &["--raw", "--name=db", "-nshop", "--kubeconfig=missing"],
            "v",
        )
        .fails("kubeconfig missing does not exist");
    bench
        .seal(
            &["--raw", "--scope=cluster-wide", "--kubeconfig=missing"],
            "v",
        )
        .ok();
}

#[test]
fn the_value_may_come_from_a_file() {
    let bench = Bench::new();
    bench.write("value", "from file");
    bench.write("a=b", "equals");
    bench.write("-", "dash");
    let seal = |args: &[&str]| {
        bench.seal(
            &[&["--raw", "--scope=cluster-wide"], args].concat(),
            "from stdin",
        )
    };
    for (args, wanted) in [
        (&["--from-file=value"][..], "from file"),
        (&["--from-file=key=value"], "from file"),
        (&["--from-file", "k=a=b"], "equals"),
        (&["--from-file", "-"], "dash"),
        (&["--from-file=/dev/stdin"], "from stdin"),
        (&["-f", "value"], "from file"),
        (&["--from-file="], "from stdin"),
        (&[], "from stdin"),
    ] {
        assert_eq!(value("", &seal(args).ok()), wanted.as_bytes(), "{args:?}");
    }
    seal(&["--from-file=missing"]).fails("cannot read missing: No such file");
    seal(&["--from-file=."]).fails("cannot read .: Is a directory");
}

#[test]
fn the_result_may_go_to_a_file() {
    let bench = Bench::new();
    let out = bench
        .seal(&["--raw", "--scope=cluster-wide", "-w", "out.yaml"], "v")
        .ok();
    assert_eq!(out, "");
    assert_eq!(value("", &bench.read("out.yaml")), b"v");
}
