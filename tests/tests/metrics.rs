//! Claims about the metrics port, and about what alerts and the dashboard ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http::{get, send, serves};
use sealed_secrets_tests::installation::NAMESPACE;
use sealed_secrets_tests::metrics::expression::{self, Expression};
use sealed_secrets_tests::metrics::{Exposition, becomes};
use sealed_secrets_tests::proxy::{Fault, Matching, Verb};
use sealed_secrets_tests::sealed::{self, synced};
use sealed_secrets_tests::standalone::Standalone;
use sealed_secrets_tests::{TestResult, claim, cluster_claim, runner};
use serde_json::{Value, json};

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(every_metric_has_its_name_type_and_labels),
        cluster_claim!(condition_of_an_object_is_told_while_it_exists),
        cluster_claim!(objects_deleted_while_the_controller_is_away_are_not_told_of),
        cluster_claim!(nothing_names_a_sealed_secret_when_that_is_omitted),
        claim!(keys_and_what_is_no_key_are_told, ControlPlane, Controller),
        claim!(
            http_answers_are_counted_by_path_code_and_method,
            Controller,
            Kubeseal
        ),
        claim!(metrics_port_serves_metrics_and_nothing_else, Controller),
        claim!(taken_metrics_port_is_an_error_in_one_line, Controller),
        claim!(standalone_tells_the_same, Controller, Kubeseal),
    ])
}

const CONDITION: &str = "sealed_secrets_controller_condition_info";
const OBJECTS: &str = "sealed_secrets_controller_objects";
const REQUESTS: &str = "sealed_secrets_controller_unseal_requests_total";
const ERRORS: &str = "sealed_secrets_controller_unseal_errors_total";

/// Every metric of ours with its type and labels. The first six are the reference's.
const METRICS: [(&str, &str, &[&str]); 15] = [
    ("build_info", "gauge", &["revision"]),
    ("unseal_requests_total", "counter", &[]),
    ("unseal_errors_total", "counter", &["namespace", "reason"]),
    (
        "condition_info",
        "gauge",
        &[
            "condition",
            "name",
            "namespace",
            "ss_app_kubernetes_io_instance",
        ],
    ),
    (
        "http_requests_total",
        "counter",
        &["code", "method", "path"],
    ),
    (
        "http_request_duration_seconds",
        "histogram",
        &["method", "path"],
    ),
    ("reconcile_duration_seconds", "histogram", &[]),
    ("queue_depth", "gauge", &["state"]),
    (
        "key_not_before_timestamp_seconds",
        "gauge",
        &["fingerprint", "key"],
    ),
    (
        "key_expiry_timestamp_seconds",
        "gauge",
        &["fingerprint", "key"],
    ),
    ("private_key_operations_total", "counter", &[]),
    ("key_load_errors", "gauge", &[]),
    ("drift_corrected_total", "counter", &["namespace"]),
    ("objects", "gauge", &["condition", "status"]),
    ("leader", "gauge", &[]),
];

/// Those of the process, under the names that every client library gives them.
const PROCESS: [(&str, &str); 6] = [
    ("process_cpu_seconds_total", "counter"),
    ("process_max_fds", "gauge"),
    ("process_open_fds", "gauge"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_start_time_seconds", "gauge"),
    ("process_virtual_memory_bytes", "gauge"),
];

fn has_every_metric(exposition: &Exposition) {
    for (name, type_, labels) in METRICS {
        let name = format!("sealed_secrets_controller_{name}");
        assert_eq!(
            exposition.types.get(&name).map(String::as_str),
            Some(type_),
            "{name}"
        );
        let labels = BTreeSet::from([labels.to_vec()]);
        assert_eq!(exposition.label_names(&name), labels, "{name}");
    }
    for (name, type_) in PROCESS {
        assert_eq!(
            exposition.types.get(name).map(String::as_str),
            Some(type_),
            "{name}"
        );
        let value = exposition.value(name, &[]);
        assert!(value.is_some_and(|value| value >= 0.0), "{name} {value:?}");
    }
}

async fn every_metric_has_its_name_type_and_labels(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let metrics = cluster.installation.metrics();
    // A verification, an unsealed object, one that can't be, and one whose Secret is in the way.
    let sealed = cluster.seal(&context, "db", &[("password", "x")]).await?;
    send(
        &cluster.installation.http(),
        "POST",
        "/v1/verify",
        &[],
        sealed.as_bytes(),
    )
    .await?;
    cluster.apply(&sealed).await?;
    let plane = &cluster.control_plane;
    synced(plane, &cluster.namespace, "db", "True").await?;
    let broken = sealed.replace("\"name\":\"db\"", "\"name\":\"broken\"");
    let broken = broken.replace("\"name\": \"db\"", "\"name\": \"broken\"");
    assert_ne!(sealed, broken);
    cluster.apply(&broken).await?;
    synced(plane, &cluster.namespace, "broken", "False").await?;
    let own = json!({ "metadata": { "name": "own" }, "stringData": { "a": "b" } });
    cluster
        .secrets()
        .create(&PostParams::default(), &serde_json::from_value(own)?)
        .await?;
    let sealed = cluster.seal(&context, "own", &[("password", "x")]).await?;
    cluster.apply(&sealed).await?;
    synced(plane, &cluster.namespace, "own", "False").await?;

    let namespace = ("namespace", cluster.namespace.as_str());
    becomes(
        &metrics,
        ERRORS,
        &[("reason", "unseal"), namespace],
        Some(1.0),
    )
    .await?;
    let labels = [("reason", "unmanaged"), namespace];
    becomes(&metrics, ERRORS, &labels, Some(1.0)).await?;
    let waiting = [("state", "waiting")];
    let depth = "sealed_secrets_controller_queue_depth";
    becomes(&metrics, depth, &waiting, Some(0.0)).await?;
    let exposition = becomes(&metrics, depth, &[("state", "running")], Some(0.0)).await?;
    has_every_metric(&exposition);
    let build = exposition.value("sealed_secrets_controller_build_info", &[]);
    assert_eq!(build, Some(1.0));
    let reconciles = exposition.value(REQUESTS, &[]);
    let measured = exposition.value(
        "sealed_secrets_controller_reconcile_duration_seconds_count",
        &[],
    );
    assert!(
        reconciles.is_some_and(|count| count >= 3.0),
        "{reconciles:?}"
    );
    assert_eq!(reconciles, measured);
    for (status, count) in [("True", 1.0), ("False", 2.0)] {
        let labels = [("condition", "Synced"), ("status", status)];
        assert_eq!(exposition.value(OBJECTS, &labels), Some(count), "{status}");
    }

    // Somebody edits a Secret, and it is put right.
    let edit = json!({ "stringData": { "password": "edited" } });
    let secrets = cluster.secrets();
    secrets
        .patch("db", &PatchParams::default(), &Patch::Merge(edit))
        .await?;
    let drift = "sealed_secrets_controller_drift_corrected_total";
    let exposition = becomes(&metrics, drift, &[namespace], Some(1.0)).await?;

    // What alerts and panels ask for is there.
    let mut wrong = BTreeMap::new();
    let expressions = expression::shipped()?;
    assert!(expressions.len() > 20, "{expressions:?}");
    for (place, text) in expressions {
        let expression = Expression::read(&text);
        assert!(!expression.selectors.is_empty(), "{place}: {text}");
        let missing = expression.missing_in(&exposition);
        if !missing.is_empty() {
            wrong.insert(place, missing);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    Ok(())
}

async fn condition_of_an_object_is_told_while_it_exists(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let metrics = cluster.installation.metrics();
    let sealed = cluster.seal(&context, "db", &[("password", "x")]).await?;
    let mut object: Value = serde_json::from_str(&sealed)?;
    let good = object["spec"]["encryptedData"]["password"].clone();
    object["spec"]["encryptedData"]["password"] = json!("AgA=");
    cluster.apply(&object.to_string()).await?;
    let named = [
        ("condition", "Synced"),
        ("name", "db"),
        ("namespace", cluster.namespace.as_str()),
    ];
    let exposition = becomes(&metrics, CONDITION, &named, Some(-1.0)).await?;
    let without = [("ss_app_kubernetes_io_instance", "")];
    assert_eq!(exposition.value(CONDITION, &without), Some(-1.0));

    object["spec"]["encryptedData"]["password"] = good;
    cluster.apply(&object.to_string()).await?;
    becomes(&metrics, CONDITION, &named, Some(1.0)).await?;

    // A label alone changes neither the generation nor the Secret, and is told all the same.
    let api = sealed::api(&cluster.control_plane, &cluster.namespace);
    let label = json!({ "metadata": { "labels": { "app.kubernetes.io/instance": "shop" } } });
    api.patch("db", &PatchParams::default(), &Patch::Merge(label))
        .await?;
    let instance = [("ss_app_kubernetes_io_instance", "shop")];
    let exposition = becomes(&metrics, CONDITION, &instance, Some(1.0)).await?;
    assert_eq!(exposition.value(CONDITION, &named), Some(1.0));

    // Its Secret may outlive it: the SealedSecret is what counts.
    let before = exposition.value(REQUESTS, &[]).ok_or("no count")?;
    api.delete("db", &DeleteParams::default()).await?;
    let exposition = becomes(&metrics, CONDITION, &named, None).await?;
    assert_eq!(exposition.value(CONDITION, &[]), None);
    becomes(&metrics, REQUESTS, &[], Some(before + 1.0)).await?;
    Ok(())
}

async fn objects_deleted_while_the_controller_is_away_are_not_told_of(
    context: Context,
) -> TestResult {
    let (cluster, proxy) = Cluster::behind_proxy(&context, &[]).await?;
    let metrics = cluster.installation.metrics();
    for name in ["goes", "stays"] {
        let sealed = cluster.seal(&context, name, &[("password", "x")]).await?;
        cluster.apply(&sealed).await?;
        becomes(&metrics, CONDITION, &[("name", name)], Some(1.0)).await?;
    }
    // The watch can't go on from where it was, and listing fails until after the deletion.
    let of = |verb| Matching::to("sealedsecrets").verbs(&[verb]);
    proxy.inject(of(Verb::Watch), Fault::GoneEvent);
    proxy.inject(of(Verb::List), Fault::status(500));
    proxy.cut();
    let fetch = [("reason", "fetch"), ("namespace", "")];
    eventually(
        "a listing that fails",
        DEADLINE,
        async || {
            let exposition = Exposition::scrape(&metrics).await?;
            let failed = proxy.requests(&of(Verb::List)).iter().any(|it| it.faulted);
            let counted = exposition.value(ERRORS, &fetch).is_some_and(|it| it > 0.0);
            Ok((failed && counted).then_some(()))
        },
        async || format!("{:?}", Exposition::scrape(&metrics).await),
    )
    .await?;
    let api = sealed::api(&cluster.control_plane, &cluster.namespace);
    api.delete("goes", &DeleteParams::default()).await?;
    proxy.heal();
    becomes(&metrics, CONDITION, &[("name", "goes")], None).await?;
    becomes(&metrics, CONDITION, &[("name", "stays")], Some(1.0)).await?;
    Ok(())
}

async fn nothing_names_a_sealed_secret_when_that_is_omitted(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    cluster.controller.terminate(DEADLINE).await?;
    let omit = ["--metrics-omit-secret-labels"];
    let installation = &cluster.installation;
    let _controller = installation.start(&context, "omitting", &omit).await?;
    let sealed = cluster
        .seal(&context, "telling-name", &[("password", "x")])
        .await?;
    cluster.apply(&sealed).await?;
    let labels = [("condition", "Synced"), ("status", "True")];
    let metrics = installation.metrics();
    let exposition = becomes(&metrics, OBJECTS, &labels, Some(1.0)).await?;
    assert!(!exposition.types.contains_key(CONDITION));
    let text = get(&metrics, "/metrics").await?.body;
    assert!(!text.contains("telling-name"), "{text}");
    Ok(())
}

async fn keys_and_what_is_no_key_are_told(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let metrics = cluster.installation.metrics();
    let errors = "sealed_secrets_controller_key_load_errors";
    let exposition = becomes(&metrics, errors, &[], Some(0.0)).await?;
    let time = |what: &str| {
        let name = format!("sealed_secrets_controller_key_{what}_timestamp_seconds");
        exposition.value(&name, &[])
    };
    let (from, to) = (time("not_before"), time("expiry"));
    let days = (to.ok_or("no end")? - from.ok_or("no start")?) / 86_400.0;
    assert_eq!(days.round(), 3650.0);

    let bad = json!({
        "metadata": { "name": "bad", "labels": { sealed::KEY_LABEL: "active" } },
        "stringData": { "tls.key": "garbage", "tls.crt": "garbage" },
    });
    let client = cluster.control_plane.client();
    let keys: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(client, NAMESPACE);
    keys.create(&PostParams::default(), &serde_json::from_value(bad)?)
        .await?;
    becomes(&metrics, errors, &[], Some(1.0)).await?;
    keys.delete("bad", &DeleteParams::default()).await?;
    becomes(&metrics, errors, &[], Some(0.0)).await?;
    Ok(())
}

async fn http_answers_are_counted_by_path_code_and_method(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let _controller = standalone.start("controller", context.folder()).await?;
    let (api, metrics) = (standalone.address(), standalone.metrics());
    let sealed = standalone.seal("db", &[("password", "x")]).await?;
    let requests = "sealed_secrets_controller_http_requests_total";
    let asked = [("path", "/v1/cert.pem"), ("method", "get"), ("code", "200")];
    let before = Exposition::scrape(&metrics).await?.value(requests, &asked);
    let before = before.ok_or("no count")?;
    for (method, path) in [
        ("GET", "/v1/cert.pem"),
        ("HEAD", "/v1/cert.pem"),
        ("BREW", "/v1/cert.pem"),
        ("POST", "/v1/verify"),
        ("POST", "/v1/rotate"),
        ("DELETE", "/v1/rotate"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/no-such-path"),
        ("POST", "/v1/verify/more"),
    ] {
        send(&api, method, path, &[], sealed.as_bytes()).await?;
    }
    let exposition = Exposition::scrape(&metrics).await?;
    for (path, method, code, count) in [
        ("/v1/cert.pem", "get", "200", before + 1.0),
        ("/v1/cert.pem", "head", "200", 1.0),
        ("/v1/cert.pem", "unknown", "405", 1.0),
        ("/v1/verify", "post", "200", 1.0),
        ("/v1/rotate", "post", "200", 1.0),
        ("/v1/rotate", "delete", "405", 1.0),
    ] {
        let labels = [("path", path), ("method", method), ("code", code)];
        assert_eq!(
            exposition.value(requests, &labels),
            Some(count),
            "{labels:?}"
        );
        // No code: what it took before there was a key counts as well.
        let duration = "sealed_secrets_controller_http_request_duration_seconds_count";
        let measured = exposition.value(duration, &labels[..2]);
        assert!(measured.is_some_and(|it| it >= count), "{labels:?}");
    }
    let paths = exposition
        .samples
        .iter()
        .filter_map(|it| it.labels.get("path"));
    let paths: BTreeSet<&str> = paths.map(String::as_str).collect();
    assert_eq!(
        paths,
        BTreeSet::from(["/v1/cert.pem", "/v1/rotate", "/v1/verify"])
    );
    let buckets = exposition.samples.iter().filter(|sample| {
        sample.name == "sealed_secrets_controller_http_request_duration_seconds_bucket"
            && sample.labels["path"] == "/v1/verify"
    });
    let bounds: Vec<&str> = buckets.map(|sample| sample.labels["le"].as_str()).collect();
    let wanted = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 +Inf";
    assert_eq!(bounds, wanted.split(' ').collect::<Vec<_>>());
    Ok(())
}

async fn metrics_port_serves_metrics_and_nothing_else(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    let metrics = standalone.metrics();
    serves(&metrics, "/metrics", &mut controller).await?;
    let answer = get(&metrics, "/metrics").await?;
    let format = "content-type: text/plain; version=0.0.4";
    assert!(answer.head.contains(format), "{}", answer.head);
    for path in ["/", "/healthz", "/readyz", "/v1/cert.pem", "/metrics/x"] {
        assert_eq!(get(&metrics, path).await?.code, 404, "{path}");
    }
    let posted = send(&metrics, "POST", "/metrics", &[], b"").await?;
    assert_eq!(posted.code, 405);
    assert_eq!(get(&standalone.address(), "/metrics").await?.code, 404);
    Ok(())
}

async fn taken_metrics_port_is_an_error_in_one_line(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let _controller = standalone.start("controller", context.folder()).await?;
    let other = Standalone::new(&context)?;
    let taken = ["--listen-metrics-addr", &standalone.metrics()];
    let outcome = other.program().args(taken).run().await?;
    assert_eq!(outcome.code, Some(1));
    let stderr = outcome.stderr();
    let wanted = format!(
        "error: cannot listen on {} for metrics",
        standalone.metrics()
    );
    assert!(stderr.starts_with(&wanted), "{stderr}");
    assert_eq!(stderr.trim().lines().count(), 1, "{stderr}");
    Ok(())
}

async fn standalone_tells_the_same(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    let metrics = standalone.metrics();
    let sealed = standalone.seal("db", &[("password", "x")]).await?;
    let sealed = sealed.replacen(
        "  name: db\n",
        "  name: db\n  labels: {app.kubernetes.io/instance: shop}\n",
        1,
    );
    standalone.put("db.yaml", &sealed)?;
    let named = [
        ("condition", "Synced"),
        ("name", "db"),
        ("namespace", "default"),
        ("ss_app_kubernetes_io_instance", "shop"),
    ];
    becomes(&metrics, CONDITION, &named, Some(1.0)).await?;
    let broken = sealed.replacen("name: db", "name: broken", 1);
    standalone.put("broken.yaml", &broken)?;
    becomes(&metrics, CONDITION, &[("name", "broken")], Some(-1.0)).await?;
    let labels = [("reason", "unseal"), ("namespace", "default")];
    let exposition = becomes(&metrics, ERRORS, &labels, Some(1.0)).await?;
    has_every_metric(&exposition);

    // The output edited by hand is found at the next look, at the latest.
    let file = standalone.out.join("default/db/password");
    let real = std::fs::canonicalize(&file)?;
    std::fs::remove_file(&real)?;
    std::fs::write(&real, "edited")?;
    standalone.put("touch.yaml", "# a look\n")?;
    let drift = "sealed_secrets_controller_drift_corrected_total";
    becomes(&metrics, drift, &[("namespace", "default")], Some(1.0)).await?;
    assert_eq!(standalone.item("db", "password").as_deref(), Some("x"));

    std::fs::remove_file(standalone.manifests.join("broken.yaml"))?;
    becomes(&metrics, CONDITION, &[("name", "broken")], None).await?;
    controller.terminate(DEADLINE).await?;
    Ok(())
}
