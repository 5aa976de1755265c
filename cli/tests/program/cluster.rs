//! What needs a cluster, against a server that answers as an API server does. The tests over a real
//! control plane are in the workspace's `tests`.

use serde_json::{Value, json};

use crate::api_server::{Answer, Request, SERVICE, Server};
use crate::bench::{Bench, SECRET, items, pair, sealed_secret};

const PROXY: &str =
    "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:web/proxy";

fn server() -> Server {
    Server::with_controller(pair().certificate().to_pem())
}

/// A server whose controller gives `answer` to what is posted to it.
fn posting(answer: impl Fn(&Request, Value) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.method.as_str() {
        "GET" => Answer::new(200, SERVICE),
        _ => answer(request, serde_json::from_slice(&request.body).unwrap()),
    })
}

#[test]
fn the_certificate_comes_through_the_service_proxy() {
    let (bench, server) = (Bench::new(), server());
    let text = bench
        .kubeseal(["--server", &server.url()])
        .input(SECRET)
        .run()
        .ok();
    assert_eq!(items(&sealed_secret(&text))["password"], "hunter2");
    assert_eq!(
        server.paths(),
        [
            "GET /api/v1/namespaces/kube-system/services/sealed-secrets-controller".to_owned(),
            format!("GET {PROXY}/v1/cert.pem"),
        ]
    );
    let certificate = bench
        .kubeseal(["--fetch-cert", "--server", &server.url()])
        .run()
        .ok();
    assert_eq!(certificate, bench.read("cert.pem"));
}

#[test]
fn the_server_may_be_behind_a_path_and_named_by_the_kubeconfig() {
    let bench = Bench::new();
    let server = Server::start(|request| {
        match request
            .path
            .strip_prefix("/k8s/clusters/c-1/api/v1/namespaces/vault/services/")
        {
            Some("keeper") => Answer::new(200, r#"{"spec":{"ports":[{"port":80}]}}"#),
            Some("http:keeper:/proxy/v1/cert.pem") => {
                Answer::new(200, pair().certificate().to_pem())
            }
            _ => Answer::new(404, ""),
        }
    });
    bench.write(
        "config",
        format!(
            "current-context: a\ncontexts: [{{name: a, context: {{cluster: c, user: u, namespace: ctx}}}}]\n\
             clusters: [{{name: c, cluster: {{server: '{}/k8s/clusters/c-1'}}}}]\nusers: [{{name: u, user: {{token: secret}}}}]\n",
            server.url()
        ),
    );
    let text = bench
        .kubeseal([
            "--controller-name=keeper",
            "--controller-namespace=vault",
            "--as=jane",
            "--as-group=a",
            "--as-group=b,c",
        ])
        .variable("KUBECONFIG", "config")
        .input("metadata: {name: x}\nstringData: {k: v}\n")
        .run()
        .ok();
    assert_eq!(sealed_secret(&text).namespace(), "ctx");
    for request in server.requests() {
        assert!(
            !request.headers.contains_key("authorization"),
            "not without TLS: {request:?}"
        );
        assert_eq!(request.headers["impersonate-user"], "jane");
        assert_eq!(
            request.headers["impersonate-group"], "b,c",
            "the last header of the two"
        );
        assert!(request.headers["user-agent"].starts_with("kubeseal/"));
    }
}

#[test]
fn a_controller_that_is_not_there_is_explained() {
    let bench = Bench::new();
    let fetch = |server: &Server, args: &[&str]| bench.fetch_cert(&server.url(), args);
    fetch(&server(), &["--controller-name=other"])
        .fails("cannot get Service kube-system/other of the controller: services \"x\" not found")
        .hints("--controller-name");
    fetch(&server(), &["--controller-name="]).fails("--controller-name is empty");
    fetch(&server(), &["--controller-namespace="]).fails("--controller-namespace is empty");
    let forbidden =
        Server::start(|_| Answer::new(403, r#"{"kind":"Status","message":"jane may not"}"#));
    fetch(&forbidden, &[])
        .fails("jane may not")
        .hints("services/proxy");
    let no_ports = Server::start(|_| Answer::new(200, r#"{"kind":"Service","spec":{}}"#));
    fetch(&no_ports, &[]).fails("Service kube-system/sealed-secrets-controller has no ports");
    let nonsense = Server::start(|_| Answer::new(200, "<html>"));
    fetch(&nonsense, &[]).fails("the answer is not a Service");
    let no_endpoints = Server::start(|request| match request.path.contains("proxy") {
        true => Answer::new(
            503,
            r#"{"kind":"Status","message":"no endpoints available"}"#,
        ),
        false => Answer::new(200, SERVICE),
    });
    fetch(&no_endpoints, &[])
        .fails("cannot fetch the certificate from the controller: no endpoints available")
        .hints("kubectl get pods -n kube-system");
}

#[test]
fn without_a_cluster_the_message_says_how_to_seal_offline() {
    let bench = Bench::new();
    bench
        .kubeseal::<&str>([])
        .input(SECRET)
        .run()
        .fails("there is no kubeconfig")
        .hints("--cert FILE");
    bench
        .kubeseal(["--server=http://127.0.0.1:1"])
        .input(SECRET)
        .run()
        .fails("cannot reach the API server http://127.0.0.1:1/")
        .hints("--cert FILE");
    bench
        .kubeseal(["--server=http://127.0.0.1:1", "--user=gone"])
        .input(SECRET)
        .run()
        .fails("user \"gone\" does not exist in the kubeconfig");
    bench.write("broken", "contexts: [");
    bench
        .kubeseal(["--kubeconfig=broken"])
        .input(SECRET)
        .run()
        .fails("cannot read kubeconfig broken");
    bench
        .kubeseal(["--kubeconfig=missing"])
        .input(SECRET)
        .run()
        .fails("kubeconfig missing does not exist");
    bench
        .kubeseal([
            "--server=https://127.0.0.1:1",
            "--certificate-authority=missing",
        ])
        .input(SECRET)
        .run()
        .fails("cannot read the certificate authority missing: No such file");
    bench
        .kubeseal([
            "--server=https://127.0.0.1:1",
            "--client-certificate=missing",
            "--client-key=missing",
        ])
        .input(SECRET)
        .run()
        .fails("missing");
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_as_long_as_was_said() {
    let bench = Bench::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    bench
        .kubeseal(["--server", &url, "--request-timeout=100ms"])
        .input(SECRET)
        .run()
        .fails("did not answer within 0.1s");
    bench
        .kubeseal(["--server", &url, "--request-timeout=soon"])
        .input(SECRET)
        .run()
        .fails("invalid --request-timeout \"soon\"");
}

#[test]
fn validation_posts_every_document_and_prints_nothing() {
    let bench = Bench::new();
    let server = posting(|_, sealed| match sealed["metadata"]["name"].as_str() {
        Some("bad" | "worse") => Answer::new(409, ""),
        Some("odd") => Answer::new(500, "out of order"),
        _ => Answer::new(200, ""),
    });
    let validate = |names: &[&str]| {
        let input: String = names
            .iter()
            .map(|name| bench.seal(&["--name", name, "-oyaml"], SECRET).ok())
            .collect();
        bench
            .kubeseal(["--validate", "--server", &server.url()])
            .input(input)
            .run()
    };
    assert_eq!(validate(&["a", "b"]).ok(), "");
    let posts: Vec<Request> = server
        .requests()
        .into_iter()
        .filter(|one| one.method == "POST")
        .collect();
    assert_eq!(posts.len(), 2);
    for (post, name) in posts.iter().zip(["a", "b"]) {
        assert_eq!(post.path, format!("{PROXY}/v1/verify"));
        assert_eq!(post.headers["content-type"], "application/json");
        let body: Value = serde_json::from_slice(&post.body).unwrap();
        assert_eq!(
            (body["kind"].as_str(), body["metadata"]["name"].as_str()),
            (Some("SealedSecret"), Some(name))
        );
        assert!(body["spec"]["encryptedData"]["password"].is_string());
    }
    validate(&["bad", "a", "worse"]).fails("unable to decrypt sealed secret: shop/bad, shop/worse");
    validate(&["odd"]).fails("cannot validate: out of order (500 Internal Server Error)");
    let nothing = |input: &str| {
        bench
            .kubeseal(["--validate", "--server", &server.url()])
            .input(input)
            .run()
    };
    nothing("").fails("no SealedSecret found");
    nothing("{\"a\":").fails("document 1: line 1");
    nothing(SECRET).fails("expected a SealedSecret, found Secret");
}

fn rotated(sealed: &Value) -> Value {
    let mut sealed = sealed.clone();
    sealed["spec"]["encryptedData"]["password"] = "AgBy".into();
    sealed["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z".into();
    sealed["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z".into();
    sealed["metadata"]["generation"] = 5.into();
    sealed
}

#[test]
fn re_encrypted_files_are_replaced_in_place() {
    let bench = Bench::new();
    let server = posting(|_, sealed| Answer::new(200, rotated(&sealed).to_string()));
    bench
        .seal(&["-w", "t.yaml"], format!("{SECRET}---\n{SECRET}"))
        .ok();
    let run = |args: &[&str]| {
        bench
            .kubeseal(
                ["--re-encrypt", "--server", &server.url()]
                    .iter()
                    .chain(args),
            )
            .input(bench.read("t.yaml"))
            .run()
    };
    assert_eq!(run(&["-f", "t.yaml"]).ok(), "");
    let text = bench.read("t.yaml");
    assert_eq!(text.matches("password: AgBy\n").count(), 2, "{text}");
    assert!(
        text.starts_with("---\n") && !text.contains("Timestamp") && !text.contains("generation"),
        "{text}"
    );
    assert!(server.paths().contains(&format!("POST {PROXY}/v1/rotate")));

    assert_eq!(run(&["-f", "t.yaml", "-w", "other.json"]).ok(), "");
    assert!(bench.read("other.json").starts_with('{') && bench.read("t.yaml") == text);
    assert!(run(&[]).ok().starts_with('{'));
    assert!(run(&["-f", "/dev/stdin"]).ok().starts_with('{'));

    let old = run(&["--re-encrypt=false", "--rotate"]);
    assert_eq!(old.code, Some(0));
    assert_eq!(
        old.stderr,
        "Flag --rotate has been deprecated, please use --re-encrypt instead\n"
    );
    assert!(old.stdout.starts_with('{'));
    assert_eq!(
        bench.files(),
        ["cert.pem", "key.pem", "other.json", "t.yaml"]
    );
}

#[test]
fn re_encrypting_changes_ciphertexts_and_nothing_else() {
    let bench = Bench::new();
    let server = posting(|_, sealed| Answer::new(200, rotated(&sealed).to_string()));
    let text = "# ours\nkind: List\napiVersion: v1\nitems:\n- kind: SealedSecret   # one\n  metadata: {name: a, namespace: b}\n  \
                status: {}\n  spec:\n    encryptedData:\n      password: 'AgOld' # old\n- metadata: {name: c, namespace: b}\n  \
                spec: {encryptedData: {password: AgOld}}\n";
    bench.write("t.yaml", text);
    let args = ["--re-encrypt", "-f", "t.yaml", "--server", &server.url()];
    assert_eq!(bench.kubeseal(args).run().ok(), "");
    assert_eq!(bench.read("t.yaml"), text.replace("AgOld", "AgBy"));
    bench.write("t.yaml", text);
    let other = args.iter().chain(&["-w", "other.yaml"]);
    assert_eq!(bench.kubeseal(other.copied()).run().ok(), "");
    assert_eq!(bench.read("t.yaml"), text);
    assert_eq!(bench.read("other.yaml"), text.replace("AgOld", "AgBy"));
}

#[test]
fn a_file_that_cannot_be_re_encrypted_is_kept() {
    let bench = Bench::new();
    bench.seal(&["-w", "t.yaml"], SECRET).ok();
    let before = bench.read("t.yaml");
    let conflict = posting(|_, _| Answer::new(409, ""));
    let nonsense = posting(|_, _| Answer::new(200, "{}"));
    let other = posting(|_, sealed| {
        let mut sealed = rotated(&sealed);
        sealed["metadata"]["annotations"] =
            json!({"sealedsecrets.bitnami.com/cluster-wide": "true"});
        Answer::new(200, sealed.to_string())
    });
    let fewer = posting(|_, mut sealed| {
        sealed["spec"]["encryptedData"] = json!({});
        Answer::new(200, sealed.to_string())
    });
    for (server, wanted) in [
        (conflict, "unable to decrypt sealed secret: shop/db"),
        (nonsense, "the controller's answer is not a SealedSecret"),
        (
            other,
            "the controller gave back another SealedSecret for shop/db",
        ),
        (
            fewer,
            "the controller gave back another SealedSecret for shop/db",
        ),
    ] {
        bench
            .kubeseal(["--re-encrypt", "-ft.yaml", "--server", &server.url()])
            .run()
            .fails(wanted);
        assert_eq!(bench.read("t.yaml"), before);
    }
    let server = server();
    for content in ["", "a: [\n", SECRET] {
        bench.write("bad.yaml", content);
        bench
            .kubeseal(["--re-encrypt", "-fbad.yaml", "--server", &server.url()])
            .run()
            .fails("bad.yaml");
        assert_eq!(bench.read("bad.yaml"), content);
    }
}
