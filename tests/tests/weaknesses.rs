//! Claims that what is weak in the Go controller is not so in ours, one test for each weakness that
//! needs a cluster to show. Those that other programs of tests show are named in
//! docs/compatibility.md.

use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::installation::{Installation, NAMESPACE};
use sealed_secrets_tests::keys::{KeyPair, Keys, Kind};
use sealed_secrets_tests::proxy::{Fault, Matching, Verb};
use sealed_secrets_tests::scene::Scene;
use sealed_secrets_tests::sealed::{KEY_LABEL, api, condition, synced};
use sealed_secrets_tests::{TestError, TestResult, cluster_claim, http, runner};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const PREFIX: &str = "sealedsecrets.bitnami.com";

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(bad_key_secrets_at_start_are_skipped_and_named),
        cluster_claim!(bad_key_secrets_that_appear_are_skipped_and_named),
        cluster_claim!(key_from_the_future_works_and_makes_no_other),
        cluster_claim!(retries_go_on_after_the_fifth),
        cluster_claim!(scope_annotation_mended_alone_counts),
        cluster_claim!(skip_set_owner_references_alone_is_fine),
        cluster_claim!(immutable_added_later_is_set_and_then_says_why_not),
        cluster_claim!(message_is_sorted_and_follows_the_error),
        cluster_claim!(label_selector_still_brings_deleted_secrets_back),
        cluster_claim!(port_taken_is_the_end),
        cluster_claim!(stalled_clients_do_not_delay_the_end),
        cluster_claim!(wrong_flags_are_one_line_and_make_no_key),
    ])
}

fn keys(cluster: &Cluster) -> Api<Secret> {
    Api::namespaced(cluster.control_plane.client(), NAMESPACE)
}

/// Secrets with the label of keys that hold none.
fn bad_keys() -> Result<Vec<(&'static str, Value)>, TestError> {
    let KeyPair { certificate, key } = KeyPair::make(Kind::Rsa2048, 2024..=2034)?;
    let other = KeyPair::make(Kind::Rsa2048, 2025..=2035)?.certificate;
    let ec = KeyPair::make(Kind::P256, 2024..=2034)?;
    let cut = key.get(..key.len() / 2).unwrap_or_default();
    let data = |certificate: &str, key: &str| json!({ "tls.crt": certificate, "tls.key": key });
    Ok(vec![
        ("bad-empty", json!({})),
        ("bad-no-items", data("", "")),
        ("bad-no-key", json!({ "tls.crt": certificate })),
        ("bad-no-certificate", json!({ "tls.key": key })),
        ("bad-garbage", data("y", "x")),
        ("bad-binary", data("\u{0}\u{1}\u{7f}", "\u{0}")),
        ("bad-cut", data(&certificate, cut)),
        ("bad-swapped", data(&key, &certificate)),
        ("bad-ec", ec.data()),
        ("bad-mismatch", data(&other, &key)),
    ])
}

async fn bad_key_secrets_at_start_are_skipped_and_named(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let address = cluster.installation.http();
    let certificate = http::get(&address, "/v1/cert.pem").await?.body;
    cluster.controller.terminate(DEADLINE).await?;
    for (name, data) in bad_keys()? {
        Keys::of(&cluster.control_plane).put(name, data).await?;
    }
    cluster.controller = cluster.installation.start(&context, "again", &[]).await?;
    for (name, _) in bad_keys()? {
        cluster
            .controller
            .wait_for_output(&format!("Secret {name} "), DEADLINE)
            .await?;
    }
    assert_eq!(http::get(&address, "/v1/cert.pem").await?.body, certificate);
    cluster.unseals(&context, "works").await
}

async fn bad_key_secrets_that_appear_are_skipped_and_named(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let address = cluster.installation.http();
    let certificate = http::get(&address, "/v1/cert.pem").await?.body;
    for (name, data) in bad_keys()? {
        Keys::of(&cluster.control_plane).put(name, data).await?;
        cluster
            .controller
            .wait_for_output(&format!("Secret {name} "), DEADLINE)
            .await?;
    }
    assert_eq!(http::get(&address, "/v1/cert.pem").await?.body, certificate);
    cluster.unseals(&context, "works").await
}

/// What a clock that was wrong, or is now, leaves behind.
async fn key_from_the_future_works_and_makes_no_other(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    let cluster = &mut scene.cluster;
    let future = KeyPair::make(Kind::Rsa2048, 2090..=2100)?;
    Keys::of(&cluster.control_plane)
        .put("future", future.data())
        .await?;
    let certificate = &future.certificate;
    let address = cluster.installation.http();
    eventually(
        "the newest key being served",
        DEADLINE,
        async || {
            let served = http::get(&address, "/v1/cert.pem").await?.body;
            Ok((served.trim() == certificate.trim()).then_some(()))
        },
        async || format!("{:?}", http::get(&address, "/v1/cert.pem").await),
    )
    .await?;
    cluster.controller.terminate(DEADLINE).await?;
    cluster.controller = cluster.installation.start(&context, "again", &[]).await?;
    let file = context.folder().join("future.pem");
    std::fs::write(&file, certificate)?;
    let manifest = sealed_secrets_tests::sealed::secret_manifest(
        &cluster.namespace,
        "of-the-future",
        &[("a", "plaintext-of-the-future")],
    );
    let sealed = context
        .kubeseal()?
        .arg("--cert")
        .arg(&file)
        .input(manifest)
        .output()
        .await?;
    cluster.apply(&sealed).await?;
    synced(
        &cluster.control_plane,
        &cluster.namespace,
        "of-the-future",
        "True",
    )
    .await?;
    let there = keys(cluster)
        .list(&ListParams::default().labels(KEY_LABEL))
        .await?;
    assert_eq!(there.items.len(), 2);
    scene.rests().await
}

async fn retries_go_on_after_the_fifth(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.proxy.forget();
    // As a quota or an admission webhook refuses.
    let writes = Matching::to("secrets").verbs(&Verb::WRITES);
    scene.proxy.inject_times(6, writes, Fault::status(403));
    scene.add_late().await?;
    scene.all_right().await?;
    assert_eq!(scene.proxy.injected(), 6);
    Ok(())
}

async fn scope_annotation_mended_alone_counts(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let manifest = sealed_secrets_tests::sealed::secret_manifest(
        namespace,
        "db",
        &[("a", "plaintext-namespace-wide")],
    );
    let kubeseal = cluster
        .kubeseal(&context)?
        .args(["--scope", "namespace-wide"]);
    let mut sealed: Value = serde_json::from_str(&kubeseal.input(manifest).output().await?)?;
    let annotations = sealed["metadata"]["annotations"].take();
    sealed["metadata"]["annotations"] = json!({});
    cluster.apply(&sealed.to_string()).await?;
    synced(plane, namespace, "db", "False").await?;
    let mend = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
    api(plane, namespace)
        .patch("db", &PatchParams::default(), &mend)
        .await?;
    synced(plane, namespace, "db", "True").await?;
    Ok(())
}

/// A sealed object with one item and changes to its template.
async fn with_template(
    context: &Context,
    cluster: &Cluster,
    value: &str,
    template: Value,
) -> Result<String, TestError> {
    let sealed = cluster.seal(context, "db", &[("password", value)]).await?;
    let mut sealed: Value = serde_json::from_str(&sealed)?;
    sealed["spec"]["template"] = template;
    Ok(sealed.to_string())
}

async fn skip_set_owner_references_alone_is_fine(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let template = json!({ "metadata": { "annotations": {
        format!("{PREFIX}/skip-set-owner-references"): "true" } } });
    let sealed = with_template(&context, &cluster, "plaintext-1", template.clone()).await?;
    cluster.apply(&sealed).await?;
    assert_eq!(synced(plane, namespace, "db", "True").await?, "");
    let secret = cluster.secrets().get("db").await?;
    assert_eq!(secret.metadata.owner_references, None);
    Ok(())
}

async fn immutable_added_later_is_set_and_then_says_why_not(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let sealed = with_template(&context, &cluster, "plaintext-1", json!({})).await?;
    cluster.apply(&sealed).await?;
    synced(plane, namespace, "db", "True").await?;
    let mut object: Value = serde_json::from_str(&sealed)?;
    object["spec"]["template"]["immutable"] = json!(true);
    cluster.apply(&object.to_string()).await?;
    synced(plane, namespace, "db", "True").await?;
    assert_eq!(cluster.secrets().get("db").await?.immutable, Some(true));

    let changed = with_template(
        &context,
        &cluster,
        "plaintext-2",
        json!({ "immutable": true }),
    );
    cluster.apply(&changed.await?).await?;
    let message = synced(plane, namespace, "db", "False").await?;
    assert!(message.contains("deleted and re-created"), "{message}");
    cluster
        .secrets()
        .delete("db", &DeleteParams::default())
        .await?;
    synced(plane, namespace, "db", "True").await?;
    Ok(())
}

async fn message_is_sorted_and_follows_the_error(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let namespace = cluster.namespace.clone();
    let items: Vec<String> = ["z", "m", "a", "q"].map(str::to_owned).into();
    let pairs: Vec<(&str, &str)> = items
        .iter()
        .map(|item| (item.as_str(), "plaintext-sorted"))
        .collect();
    cluster
        .apply(&cluster.seal(&context, "db", &pairs).await?)
        .await?;
    synced(&cluster.control_plane, &namespace, "db", "True").await?;
    // The keys are lost: another error, but no new generation.
    cluster.controller.terminate(DEADLINE).await?;
    let generation = api(&cluster.control_plane, &namespace)
        .get("db")
        .await?
        .metadata
        .generation;
    for key in keys(&cluster)
        .list(&ListParams::default().labels(KEY_LABEL))
        .await?
    {
        let name = key.metadata.name.ok_or("no name")?;
        keys(&cluster)
            .delete(&name, &DeleteParams::default())
            .await?;
    }
    cluster.controller = cluster.installation.start(&context, "again", &[]).await?;
    let message = synced(&cluster.control_plane, &namespace, "db", "False").await?;
    assert!(
        message.starts_with("no key could decrypt secret (a, m, q, z)"),
        "{message}"
    );
    let object = api(&cluster.control_plane, &namespace).get("db").await?;
    assert_eq!(object.metadata.generation, generation);
    let condition = condition(&object, "Synced").ok_or("no Synced")?;
    assert_ne!(condition["reason"], Value::Null);
    Ok(())
}

async fn label_selector_still_brings_deleted_secrets_back(context: Context) -> TestResult {
    let cluster = Cluster::with(&context, &["--label-selector=team=shop"]).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let sealed = cluster
        .seal(&context, "db", &[("a", "plaintext-selected")])
        .await?;
    let mut sealed: Value = serde_json::from_str(&sealed)?;
    sealed["metadata"]["labels"] = json!({ "team": "shop" });
    cluster.apply(&sealed.to_string()).await?;
    synced(plane, namespace, "db", "True").await?;
    let secrets = cluster.secrets();
    secrets.delete("db", &DeleteParams::default()).await?;
    eventually(
        "the Secret coming back",
        DEADLINE,
        async || Ok(secrets.get_opt("db").await?.map(drop)),
        async || String::new(),
    )
    .await?;
    Ok(())
}

async fn port_taken_is_the_end(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let (http, metrics) = (installation.http(), installation.metrics());
    for address in [&http, &metrics] {
        let _taken = tokio::net::TcpListener::bind(address).await?;
        let program = context.controller()?;
        let program = program
            .args(["--listen-addr", &http])
            .args(["--listen-metrics-addr", &metrics]);
        let outcome = installation.identity().in_pod(program).run().await?;
        assert_eq!(outcome.code, Some(1), "{outcome}");
        let text = outcome.stderr();
        assert!(
            text.contains(&format!("cannot listen on {address}")),
            "{text}"
        );
    }
    Ok(())
}

async fn stalled_clients_do_not_delay_the_end(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let mut clients = Vec::new();
    for request in [
        "POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf",
        "POST /v1/rotate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
        "GET /healthz HTTP/1.1\r\nHo",
        "",
    ] {
        let mut client = TcpStream::connect(cluster.installation.http()).await?;
        client.write_all(request.as_bytes()).await?;
        clients.push(client);
    }
    // Answered, so the others before it are being served.
    assert_eq!(
        http::get(&cluster.installation.http(), "/healthz")
            .await?
            .code,
        200
    );
    // It goes on serving for 3 s first.
    let status = cluster
        .controller
        .terminate(Duration::from_secs(13))
        .await?;
    assert_eq!(status.code(), Some(0));
    Ok(())
}

async fn wrong_flags_are_one_line_and_make_no_key(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let secrets: Api<Secret> = Api::namespaced(control_plane.client(), NAMESPACE);
    for flag in [
        "--privatekey-labels=x",
        "--key-cutoff-time=yesterday",
        "--key-prefix=Bad_Prefix",
        "--no-such-flag",
    ] {
        let program = installation
            .identity()
            .in_pod(context.controller()?.arg(flag));
        let outcome = program.run().await?;
        assert!(!matches!(outcome.code, Some(0) | None), "{flag}: {outcome}");
        let text = outcome.stderr();
        assert!(
            text.lines()
                .next()
                .is_some_and(|line| line.starts_with("error: ")),
            "{text}"
        );
        assert!(!text.contains("panicked"), "{text}");
    }
    assert_eq!(secrets.list(&ListParams::default()).await?.items, []);
    Ok(())
}
