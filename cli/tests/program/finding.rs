//! Finding the controller under another name, and doing without it.

use std::fs;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::api_server::{Answer, Server};
use crate::bench::{Bench, SECRET, items, new_pair, pair, sealed_secret};

const NEAR: &str = "/api/v1/namespaces/kube-system/services?labelSelector=app.kubernetes.io%2Fname%3Dsealed-secrets";
const ALL: &str = "/api/v1/services?labelSelector=app.kubernetes.io%2Fname%3Dsealed-secrets";

/// A server with Services of the controller's labels in `kube-system` and in all namespaces; those
/// called `helm` have a controller behind them.
fn server(near: &[&str], all: &[(&str, &str)]) -> Server {
    let list = |services: Vec<(String, String)>| {
        let items: Vec<_> = services
            .iter()
            .map(
                |(namespace, name)| json!({ "metadata": { "name": name, "namespace": namespace } }),
            )
            .collect();
        json!({ "apiVersion": "v1", "kind": "ServiceList", "items": items }).to_string()
    };
    let near = list(
        near.iter()
            .map(|name| ("kube-system".to_owned(), (*name).to_owned()))
            .collect(),
    );
    let all = list(
        all.iter()
            .map(|(space, name)| ((*space).to_owned(), (*name).to_owned()))
            .collect(),
    );
    Server::start(move |request| match request.path.as_str() {
        NEAR => Answer::new(200, &near),
        ALL => Answer::new(200, &all),
        "/api/v1/namespaces/kube-system/services/helm" => {
            Answer::new(200, r#"{"spec":{"ports":[{"name":"http","port":8080}]}}"#)
        }
        path if path.ends_with("services/http:helm:http/proxy/v1/cert.pem") => {
            Answer::new(200, pair().certificate().to_pem())
        }
        _ => Answer::new(404, r#"{"kind":"Status","message":"not found"}"#),
    })
}

#[test]
fn the_single_service_with_the_labels_is_used() {
    let bench = Bench::new();
    let server = server(&["helm", "helm-metrics"], &[]);
    let outcome = bench
        .kubeseal(["--server", &server.url()])
        .input(SECRET)
        .run();
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (
            Some(0),
            "hint: using Service kube-system/helm; --controller-name helm says so without a search\n"
        )
    );
    assert_eq!(
        items(&sealed_secret(&outcome.stdout))["password"],
        "hunter2"
    );
}

#[test]
fn services_that_nobody_chose_are_named_and_not_used() {
    let bench = Bench::new();
    let run = |server: &Server, args: &[&str]| bench.fetch_cert(&server.url(), args);
    // Anybody might have made a Service in a namespace of theirs.
    let elsewhere = server(&[], &[("vault", "helm")]);
    run(&elsewhere, &[])
        .fails("cannot get Service kube-system/sealed-secrets-controller")
        .hints("there is: --controller-namespace vault --controller-name helm");
    let two = server(&["helm", "other"], &[]);
    run(&two, &[]).fails("not found").hints(
        "--controller-name helm, or --controller-namespace kube-system --controller-name other",
    );
    // A name that was given is the one that is meant.
    let given = server(&["helm"], &[("kube-system", "helm")]);
    run(&given, &["--controller-name=mine"])
        .fails("cannot get Service kube-system/mine")
        .hints("--controller-name helm");
    assert!(
        !given.paths().iter().any(|path| path.contains("proxy")),
        "{:?}",
        given.paths()
    );
}

/// The only file in the cache.
fn kept(bench: &Bench) -> std::path::PathBuf {
    let mut entries = fs::read_dir(bench.path(".cache/kubeseal")).unwrap();
    let path = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    path
}

#[test]
fn a_certificate_that_was_fetched_before_serves_while_no_cluster_answers() {
    let bench = Bench::new();
    let down = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = std::sync::Arc::clone(&down);
    let server = Server::start(move |request| {
        if switch.load(std::sync::atomic::Ordering::SeqCst) && request.path.contains("proxy") {
            return Answer::new(503, "no endpoints");
        }
        match request.path.as_str() {
            path if path.ends_with("/v1/cert.pem") => {
                Answer::new(200, pair().certificate().to_pem())
            }
            _ => Answer::new(200, crate::api_server::SERVICE),
        }
    });
    let url = server.url();
    let seal = |args: &[&str]| {
        bench
            .kubeseal(["--server", &url].iter().chain(args))
            .input(SECRET)
            .run()
    };
    // Nothing is kept unless that is asked for.
    seal(&[]).ok();
    assert!(!bench.path(".cache").exists());
    seal(&["--cert-cache"]).ok();
    let file = kept(&bench);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        pair().certificate().to_pem()
    );

    down.store(true, std::sync::atomic::Ordering::SeqCst);
    seal(&[]).fails("no endpoints");
    let days = SystemTime::now() - Duration::from_secs(3 * 86_400 + 60);
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(days)
        .unwrap();
    let outcome = seal(&["--cert-cache"]);
    assert_eq!(
        items(&sealed_secret(&outcome.stdout))["password"],
        "hunter2"
    );
    assert!(
        outcome
            .stderr
            .starts_with("warning: cannot fetch the certificate"),
        "{outcome:?}"
    );
    assert!(
        outcome
            .stderr
            .ends_with("using the certificate that was fetched 3 days ago\n"),
        "{outcome:?}"
    );
    // Of another controller, and out of date.
    seal(&["--cert-cache", "--controller-name=other"]).fails("no endpoints");
    let now = Timestamp::now();
    let day = SignedDuration::from_hours(24);
    fs::write(&file, new_pair(now - day - day, day).certificate().to_pem()).unwrap();
    let outcome = seal(&["--cert-cache"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (Some(1), ""),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("error: cannot seal with") && outcome.stderr.contains("expired"),
        "{outcome:?}"
    );
}

#[test]
fn a_server_that_refuses_is_no_reason_to_use_an_old_certificate() {
    let bench = Bench::new();
    let refusing =
        Server::start(|_| Answer::new(403, r#"{"kind":"Status","message":"jane may not"}"#));
    bench
        .kubeseal(["--cert-cache", "--server", &refusing.url()])
        .input(SECRET)
        .run()
        .fails("jane may not");
}
