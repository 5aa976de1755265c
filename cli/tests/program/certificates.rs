//! Where certificates come from, and which are refused.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::api_server::{Answer, Server};
use crate::bench::{Bench, SECRET, items, new_pair, pair, sealed_secret};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

#[test]
fn the_first_certificate_in_a_file_counts() {
    let bench = Bench::new();
    let good = pair().certificate().to_pem();
    let other = new_pair(Timestamp::now(), HOUR).certificate().to_pem();
    for file in [
        format!("subject=/CN=x\n{good}{other}"),
        good.replace('\n', "\r\n"),
        good.trim_end().to_owned(),
        format!("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n{good}"),
    ] {
        bench.write("cert.pem", file);
        let sealed = sealed_secret(&bench.seal(&[], SECRET).ok());
        assert_eq!(items(&sealed)["password"], "hunter2");
    }
}

#[test]
fn files_that_are_no_certificate_are_refused_by_what_they_are() {
    let bench = Bench::new();
    let der = pair().certificate().as_der().to_vec();
    let now = Timestamp::now();
    let expired = new_pair(now - HOUR * 48, HOUR * 24).certificate().to_pem();
    for (name, content, wanted, hint) in [
        (
            "key",
            pair().private_key().to_pkcs1_pem().as_bytes().to_vec(),
            "file holds a private key",
            "never hand out",
        ),
        (
            "public",
            b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_vec(),
            "public key",
            "--fetch-cert",
        ),
        ("der", der, "DER", "openssl x509"),
        (
            "empty",
            Vec::new(),
            "no PEM block with a certificate",
            "--fetch-cert",
        ),
        (
            "garbage",
            b"hello".to_vec(),
            "no PEM block with a certificate",
            "--fetch-cert",
        ),
        (
            "broken",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
            "malformed",
            "--fetch-cert",
        ),
        (
            "ec",
            include_bytes!("ec-cert.pem").to_vec(),
            "does not hold an RSA key",
            "--fetch-cert",
        ),
        (
            "old",
            expired.into_bytes(),
            "certificate expired at",
            "--fetch-cert",
        ),
    ] {
        bench.write(name, content);
        let outcome = bench.kubeseal(["--cert", name]).input(SECRET).run();
        outcome
            .fails(&format!("cannot seal with {name}: "))
            .fails(wanted)
            .hints(hint);
        let raw = bench
            .kubeseal(["--raw", "--scope=cluster-wide", "--cert", name])
            .input("x")
            .run();
        raw.fails(wanted);
        bench
            .kubeseal(["--fetch-cert", "--cert", name, "-w", "copy"])
            .run()
            .ok();
        assert_eq!(
            std::fs::read(bench.path("copy")).unwrap(),
            std::fs::read(bench.path(name)).unwrap()
        );
    }
}

#[test]
fn a_certificate_of_the_future_is_accepted() {
    let bench = Bench::new();
    bench.write(
        "cert.pem",
        new_pair(Timestamp::now() + HOUR, YEAR)
            .certificate()
            .to_pem(),
    );
    bench.seal(&[], SECRET).ok();
}

#[test]
fn certificate_files_that_cannot_be_read_are_named() {
    let bench = Bench::new();
    bench
        .kubeseal(["--cert", "missing.pem"])
        .input(SECRET)
        .run()
        .fails("cannot read certificate missing.pem: No such file")
        .hints("--fetch-cert");
    bench
        .kubeseal(["--cert", "."])
        .input(SECRET)
        .run()
        .fails("cannot read certificate .: Is a directory");
    bench
        .kubeseal(["--cert", "ftp://x/y"])
        .input(SECRET)
        .run()
        .fails("expected http, https or file");
}

#[test]
fn a_file_url_is_a_file() {
    let bench = Bench::new();
    bench.write("a b.pem", bench.read("cert.pem"));
    let url = format!("file://{}/a%20b.pem", bench.path("").display());
    bench.kubeseal(["--cert", &url]).input(SECRET).run().ok();
    bench
        .kubeseal(["--cert", "file:///no/such"])
        .input(SECRET)
        .run()
        .fails("cannot read certificate /no/such");
}

#[test]
fn a_web_server_may_redirect_ten_times_and_must_answer_200() {
    let bench = Bench::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/cert.pem" => Answer::new(200, pair().certificate().to_pem()),
        "/gone" => Answer::new(404, "nothing here"),
        "/created" => Answer::new(201, pair().certificate().to_pem()),
        "/long" => Answer::new(200, vec![b'x'; 2 << 20]),
        path => match path.trim_start_matches('/').parse::<u32>() {
            Ok(0) => Answer::new(302, "").header("Location", "/cert.pem"),
            Ok(left) => Answer::new(302, "").header("Location", (left - 1).to_string()),
            Err(_) => Answer::new(500, ""),
        },
    });
    let seal = |path: &str| {
        bench
            .kubeseal(["--cert".to_owned(), format!("{}{path}", server.url())])
            .input(SECRET)
            .run()
    };
    items(&sealed_secret(&seal("/cert.pem").ok()));
    items(&sealed_secret(&seal("/9").ok()));
    seal("/10").fails("redirect");
    seal("/gone").fails("/gone: the server answers 404 Not Found");
    seal("/created").fails("the server answers 201 Created");
    seal("/long").fails("longer than any certificate");
    bench
        .kubeseal(["--cert", "http://127.0.0.1:1/cert.pem"])
        .input(SECRET)
        .run()
        .fails("cannot fetch http://127.0.0.1:1/cert.pem");
    let fetched = bench
        .kubeseal([
            "--fetch-cert".to_owned(),
            format!("--cert={}/cert.pem", server.url()),
        ])
        .run()
        .ok();
    assert_eq!(fetched, bench.read("cert.pem"));
}

#[test]
fn the_environment_names_the_proxy_for_certificates() {
    let bench = Bench::new();
    let proxy = Server::start(|_| Answer::new(200, pair().certificate().to_pem()));
    let fetch = |variables: &[(&str, &str)]| {
        let mut run = bench
            .kubeseal(["--cert", "http://certificates.invalid/cert.pem"])
            .input(SECRET);
        for (name, value) in variables {
            run = run.variable(name, *value);
        }
        run.run()
    };
    fetch(&[("HTTP_PROXY", &proxy.url())]).ok();
    assert_eq!(proxy.paths(), ["GET http://certificates.invalid/cert.pem"]);
    fetch(&[("HTTP_PROXY", &proxy.url()), ("NO_PROXY", "other,.invalid")]).fails("cannot fetch");
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn bad_input_is_found_before_anything_is_fetched() {
    let bench = Bench::new();
    let server = Server::start(|_| Answer::new(500, ""));
    let started = Instant::now();
    bench
        .kubeseal(["--cert", &server.url()])
        .input("kind: ConfigMap\n")
        .run()
        .fails("found ConfigMap");
    assert!(
        server.requests().is_empty(),
        "after {:?}",
        started.elapsed()
    );
}
