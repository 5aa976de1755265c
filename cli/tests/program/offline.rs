//! With a certificate at hand nothing else is touched.

use std::process::Command;

use crate::api_server::{Answer, Server};
use crate::bench::{Bench, SECRET, sealed_secret};

/// Reading the kubeconfig would block, as nobody writes into the pipe; any contact with a cluster,
/// proxy or web server would reach the server.
#[test]
fn sealing_with_a_file_contacts_nothing_and_reads_no_kubeconfig() {
    let bench = Bench::new();
    let pipe = bench.path("kubeconfig");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let server = Server::start(|_| Answer::new(500, ""));
    let run = |args: &[&str], input: &str| {
        let mut run = bench
            .kubeseal(["--cert", "cert.pem"].iter().chain(args))
            .input(input);
        for name in [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "http_proxy",
            "https_proxy",
            "ALL_PROXY",
        ] {
            run = run.variable(name, server.url());
        }
        run.variable("KUBECONFIG", &pipe)
            .variable("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .variable(
                "KUBERNETES_SERVICE_PORT",
                server.url().rsplit(':').next().unwrap_or_default(),
            )
            .run()
    };
    sealed_secret(&run(&[], SECRET).ok());
    sealed_secret(&run(&["--server", &server.url()], SECRET).ok());
    sealed_secret(
        &run(
            &["-n", "x", "--scope=namespace-wide", "--name=y"],
            "stringData: {a: b}",
        )
        .ok(),
    );
    sealed_secret(&run(&["--scope=cluster-wide", "--name=y"], "stringData: {a: b}").ok());
    run(&["--raw", "--name=a", "-n", "b"], "value").ok();
    run(&["--raw", "--scope=cluster-wide"], "value").ok();
    run(&["--fetch-cert"], "").ok();
    run(&["--version"], "").ok();
    run(&["--help"], "").ok();
    run(&["-w", "target.yaml"], SECRET).ok();
    run(&["--merge-into", "target.yaml"], "stringData: {more: x}").ok();
    run(
        &[
            "--recovery-unseal",
            "--recovery-private-key=key.pem",
            "-f",
            "target.yaml",
        ],
        "",
    )
    .ok();
    assert!(server.requests().is_empty(), "{:?}", server.paths());
}
