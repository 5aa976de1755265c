//! Claims about the controller in a cluster, under the rights that `deploy/` gives it.

use std::process::ExitCode;
use std::time::Instant;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;
use sealed_secrets_tests::install;
use sealed_secrets_tests::installation::{Installation, NAME, NAMESPACE};
use sealed_secrets_tests::sealed::{self, secret_manifest, synced};
use sealed_secrets_tests::{TestError, TestResult, claim, cluster_claim, runner};
use serde_json::json;

fn main() -> ExitCode {
    runner::run([
        claim!(
            sealed_file_becomes_a_secret_and_goes_with_it,
            GarbageCollection,
            Controller,
            Kubeseal
        ),
        claim!(one_key_is_made_and_found_again, ControlPlane, Controller),
        cluster_claim!(bad_objects_say_why_and_stop_nobody),
        cluster_claim!(secret_of_somebody_else_is_left_alone_until_it_goes),
        cluster_claim!(annotations_on_a_secret_let_it_be_taken_over_or_merged_into),
        claim!(
            objects_from_another_crd_are_accepted_and_given_a_status,
            ControlPlane,
            Controller
        ),
        cluster_claim!(deleted_and_edited_secrets_are_put_right),
        cluster_claim!(restart_over_settled_objects_writes_nothing),
        cluster_claim!(key_that_appears_opens_what_none_could),
        claim!(
            controller_runs_outside_the_cluster_from_a_kubeconfig,
            ControlPlane,
            Controller
        ),
    ])
}

async fn sealed_file_becomes_a_secret_and_goes_with_it(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let secrets = cluster.secrets();
    let mut times = Vec::new();
    for attempt in ["first", "second", "third"] {
        let sealed = cluster
            .seal(&context, attempt, &[("password", "opensesame")])
            .await?;
        assert!(!sealed.contains("opensesame"));
        let file = context.folder().join(format!("{attempt}.json"));
        std::fs::write(&file, sealed)?;
        cluster
            .control_plane
            .kubectl()
            .args(["apply", "-f"])
            .arg(&file)
            .output()
            .await?;
        let applied = Instant::now();
        let value = sealed::secret_item(
            &cluster.control_plane,
            &cluster.namespace,
            attempt,
            "password",
        )
        .await?;
        times.push(applied.elapsed().as_millis());
        assert_eq!(value, "opensesame");
    }
    println!("from the end of kubectl apply to the Secret, in ms: {times:?}");

    synced(&cluster.control_plane, &cluster.namespace, "first", "True").await?;
    let table = cluster
        .control_plane
        .kubectl()
        .args(["get", "sealedsecret", "-n", &cluster.namespace])
        .output()
        .await?;
    let words: Vec<&str> = table.split_whitespace().take(4).collect();
    assert_eq!(words, ["NAME", "STATUS", "SYNCED", "AGE"], "{table}");
    assert!(table.contains("True"), "{table}");
    sealed::event(
        &cluster.control_plane,
        &cluster.namespace,
        "first",
        "Unsealed",
    )
    .await?;

    let secret = secrets.get("first").await?;
    let owner = &secret.metadata.owner_references.ok_or("no owner")?[0];
    assert_eq!(
        (owner.kind.as_str(), owner.controller),
        ("SealedSecret", Some(true))
    );
    cluster
        .control_plane
        .kubectl()
        .args(["delete", "sealedsecret", "first", "-n", &cluster.namespace])
        .output()
        .await?;
    eventually(
        "deletion of the Secret",
        DEADLINE * 2,
        async || Ok(secrets.get_opt("first").await?.is_none().then_some(())),
        async || format!("{:?}", secrets.get_opt("first").await),
    )
    .await?;
    Ok(())
}

async fn one_key_is_made_and_found_again(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let address = format!("{}:8080", cluster.control_plane.address());
    let before = http::get(&address, "/v1/cert.pem").await?;
    assert_eq!(before.body.matches("BEGIN CERTIFICATE").count(), 1);
    assert!(
        before.head.contains("content-type: application/x-pem-file"),
        "{}",
        before.head
    );
    assert_eq!(http::get(&address, "/healthz").await?.body, "ok\n");
    assert_eq!(http::get(&address, "/nowhere").await?.code, 404);

    let status = cluster.controller.terminate(DEADLINE).await?;
    assert_eq!(status.code(), Some(0));
    let _again = cluster.installation.start(&context, "again", &[]).await?;
    assert_eq!(http::get(&address, "/v1/cert.pem").await?.body, before.body);
    let keys: Api<Secret> = Api::namespaced(cluster.control_plane.client(), NAMESPACE);
    let active =
        ListParams::default().labels("sealedsecrets.bitnami.com/sealed-secrets-key=active");
    let keys = keys.list(&active).await?.items;
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].type_.as_deref(), Some("kubernetes.io/tls"));
    let pem = keys[0]
        .data
        .as_ref()
        .and_then(|data| data.get("tls.key"))
        .ok_or("no tls.key")?;
    assert!(pem.0.starts_with(b"-----BEGIN RSA PRIVATE KEY-----"));
    Ok(())
}

async fn bad_objects_say_why_and_stop_nobody(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let good = cluster
        .seal(&context, "good", &[("a", "1"), ("b", "2")])
        .await?;
    let renamed = good.replace("\"good\"", "\"renamed\"");
    let mut one_bad: serde_json::Value =
        serde_json::from_str(&good.replace("\"good\"", "\"one-bad\""))?;
    one_bad["spec"]["encryptedData"] = json!({ "a": "AgB!", "n": 5 });
    cluster.apply(&renamed).await?;
    cluster.apply(&one_bad.to_string()).await?;
    cluster.apply(&good).await?;

    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    synced(plane, namespace, "good", "True").await?;
    let message = synced(plane, namespace, "renamed", "False").await?;
    assert!(
        message.starts_with("no key could decrypt secret (a, b)"),
        "{message}"
    );
    let message = synced(plane, namespace, "one-bad", "False").await?;
    assert_eq!(
        message,
        "illegal base64 data at input byte 3 (a)\nvalue is not a string (n)"
    );
    let object = sealed::api(plane, namespace).get("renamed").await?;
    let synced_condition = sealed::condition(&object, "Synced").ok_or("no Synced")?;
    assert_eq!(object.data["status"]["conditions"][0], synced_condition);
    assert_eq!(synced_condition["reason"], "UnsealFailed");
    assert_eq!(
        sealed::condition(&object, "Ready").ok_or("no Ready")?["status"],
        "False"
    );
    assert_eq!(
        sealed::condition(&object, "Stalled").ok_or("no Stalled")?["status"],
        "True"
    );
    let event = sealed::event(plane, namespace, "renamed", "ErrUnsealFailed").await?;
    assert!(
        event.starts_with("Failed to unseal: no key could decrypt secret"),
        "{event}"
    );
    let secrets = cluster.secrets();
    for name in ["renamed", "one-bad"] {
        assert!(secrets.get_opt(name).await?.is_none(), "{name}");
    }
    // Mended, it recovers.
    cluster
        .apply(&cluster.seal(&context, "renamed", &[("a", "1")]).await?)
        .await?;
    assert_eq!(synced(plane, namespace, "renamed", "True").await?, "");
    let object = sealed::api(plane, namespace).get("renamed").await?;
    assert_eq!(sealed::condition(&object, "Stalled"), None);
    Ok(())
}

async fn secret_of_somebody_else_is_left_alone_until_it_goes(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    cluster
        .apply(&secret_manifest(
            &cluster.namespace,
            "db",
            &[("own", "kept")],
        ))
        .await?;
    cluster
        .apply(&cluster.seal(&context, "db", &[("password", "x")]).await?)
        .await?;
    let message = synced(&cluster.control_plane, &cluster.namespace, "db", "False").await?;
    assert!(
        message.contains(
            "failed update: Resource \"db\" already exists and is not managed by SealedSecret"
        ),
        "{message}"
    );
    let secrets = cluster.secrets();
    let data = secrets.get("db").await?.data.ok_or("no data")?;
    assert_eq!(data.keys().collect::<Vec<_>>(), ["own"]);
    secrets.delete("db", &DeleteParams::default()).await?;
    synced(&cluster.control_plane, &cluster.namespace, "db", "True").await?;
    sealed::secret_item(&cluster.control_plane, &cluster.namespace, "db", "password").await?;
    Ok(())
}

async fn deleted_and_edited_secrets_are_put_right(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    cluster
        .apply(
            &cluster
                .seal(&context, "db", &[("password", "right")])
                .await?,
        )
        .await?;
    synced(&cluster.control_plane, &cluster.namespace, "db", "True").await?;
    let secrets = cluster.secrets();
    let first = secrets.get("db").await?.metadata.uid;
    let edit = json!({ "stringData": { "password": "wrong", "extra": "x" } });
    secrets
        .patch("db", &PatchParams::default(), &Patch::Merge(edit))
        .await?;
    let right = async || {
        let secret = secrets.get_opt("db").await?;
        Ok(secret.filter(|secret| {
            let data = secret.data.clone().unwrap_or_default();
            data.len() == 1 && data.get("password") == Some(&ByteString(b"right".to_vec()))
        }))
    };
    let state = async || format!("{:?}", secrets.get_opt("db").await);
    let put_back = eventually("the edit being undone", DEADLINE, right, state).await?;
    assert_eq!(put_back.metadata.uid, first);
    secrets.delete("db", &DeleteParams::default()).await?;
    let again = eventually("the Secret coming back", DEADLINE, right, state).await?;
    assert_ne!(again.metadata.uid, first);
    Ok(())
}

async fn restart_over_settled_objects_writes_nothing(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    for name in ["one", "two", "three"] {
        cluster
            .apply(&cluster.seal(&context, name, &[("a", name)]).await?)
            .await?;
    }
    cluster
        .apply(
            &cluster
                .seal(&context, "four", &[("a", "x")])
                .await?
                .replace("\"four\"", "\"bad\""),
        )
        .await?;
    for name in ["one", "two", "three"] {
        synced(&cluster.control_plane, &cluster.namespace, name, "True").await?;
    }
    synced(&cluster.control_plane, &cluster.namespace, "bad", "False").await?;
    cluster.controller.terminate(DEADLINE).await?;
    let writes = || -> Result<usize, TestError> {
        let writing = ["create", "update", "patch", "delete"];
        let events = cluster.control_plane.audit_events()?;
        Ok(events
            .iter()
            .filter(|event| {
                let user = event["user"]["username"].as_str().unwrap_or_default();
                user.ends_with(&format!(":{NAME}"))
                    && event["objectRef"]["resource"] != "leases"
                    && writing.iter().any(|verb| event["verb"] == *verb)
            })
            .count())
    };
    let before = writes()?;
    assert!(before >= 8, "{before} writes before the restart");
    let mut again = cluster
        .installation
        .start(&context, "again", &["--log-level=DEBUG"])
        .await?;
    for name in ["one", "two", "three"] {
        again
            .wait_for_output(
                &format!("msg=\"up to date\" key={}/{name}", cluster.namespace),
                DEADLINE,
            )
            .await?;
    }
    again.wait_for_output("not unsealed", DEADLINE).await?;
    // With what is written a while after, or on the way out.
    again.terminate(DEADLINE).await?;
    assert_eq!(writes()?, before);
    Ok(())
}

async fn key_that_appears_opens_what_none_could(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    cluster
        .apply(&cluster.seal(&context, "db", &[("password", "x")]).await?)
        .await?;
    synced(&cluster.control_plane, &cluster.namespace, "db", "True").await?;
    // The key goes away, as before a restore from a backup; the controller makes another.
    cluster.controller.terminate(DEADLINE).await?;
    let keys: Api<Secret> = Api::namespaced(cluster.control_plane.client(), NAMESPACE);
    let active =
        ListParams::default().labels("sealedsecrets.bitnami.com/sealed-secrets-key=active");
    let mut backup = keys.list(&active).await?.items.remove(0);
    let name = backup.metadata.name.clone().ok_or("no name")?;
    keys.delete(&name, &DeleteParams::default()).await?;
    cluster
        .secrets()
        .delete("db", &DeleteParams::default())
        .await?;
    let _again = cluster.installation.start(&context, "again", &[]).await?;
    synced(&cluster.control_plane, &cluster.namespace, "db", "False").await?;
    backup.metadata.resource_version = None;
    backup.metadata.uid = None;
    keys.create(&PostParams::default(), &backup).await?;
    synced(&cluster.control_plane, &cluster.namespace, "db", "True").await?;
    Ok(())
}

async fn controller_runs_outside_the_cluster_from_a_kubeconfig(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let address = format!("{}:8080", control_plane.address());
    let program = context
        .controller()?
        .args([
            "--key-size=2048",
            "--listen-addr",
            &address,
            "--listen-metrics-addr",
            &installation.metrics(),
            "--log-format=json",
        ])
        .env("KUBECONFIG", installation.identity().kubeconfig());
    let mut controller = program.start("outside", context.folder())?;
    http::serves(&address, "/v1/cert.pem", &mut controller).await?;
    let first: serde_json::Value =
        serde_json::from_str(controller.stdout()?.lines().next().ok_or("no log")?)?;
    assert_eq!(first["level"], "INFO");
    let nowhere = context
        .controller()?
        .env("KUBECONFIG", "/nonexistent")
        .run()
        .await?;
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stderr().contains("no cluster"), "{nowhere}");
    Ok(())
}

async fn annotations_on_a_secret_let_it_be_taken_over_or_merged_into(
    context: Context,
) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let secrets = cluster.secrets();
    for annotation in ["managed", "patch"] {
        let secret: Secret = serde_json::from_value(json!({
            "metadata": { "name": annotation, "annotations": {
                format!("sealedsecrets.bitnami.com/{annotation}"): "true" } },
            "stringData": { "own": "kept", "password": "old" },
        }))?;
        secrets.create(&PostParams::default(), &secret).await?;
        let sealed = cluster
            .seal(&context, annotation, &[("password", "new")])
            .await?;
        cluster.apply(&sealed).await?;
        synced(
            &cluster.control_plane,
            &cluster.namespace,
            annotation,
            "True",
        )
        .await?;
    }
    let managed = secrets.get("managed").await?;
    assert_eq!(managed.data.unwrap_or_default().len(), 1);
    assert!(managed.metadata.owner_references.is_some());
    let patched = secrets.get("patch").await?;
    let data = patched.data.unwrap_or_default();
    assert_eq!(data.get("own"), Some(&ByteString(b"kept".to_vec())));
    assert_eq!(data.get("password"), Some(&ByteString(b"new".to_vec())));
    assert_eq!(patched.metadata.owner_references, None);
    Ok(())
}

async fn objects_from_another_crd_are_accepted_and_given_a_status(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    install::apply_text(&control_plane, sealed::LENIENT_CRD).await?;
    let namespace = new_namespace(&control_plane.client()).await?;
    let object = |name: &str, spec: serde_json::Value| {
        json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
                "metadata": { "name": name, "namespace": namespace }, "spec": spec })
        .to_string()
    };
    let odd =
        json!({ "encryptedData": { "n": 5, "o": {}, "l": [1] }, "unknown": { "kept": true } });
    install::apply_text(&control_plane, &object("odd", odd)).await?;
    install::apply_text(
        &control_plane,
        &object("shapeless", json!({ "encryptedData": [1] })),
    )
    .await?;

    let installation = Installation::new(&control_plane).await?;
    let _controller = installation.start(&context, "controller", &[]).await?;
    let message = synced(&control_plane, &namespace, "odd", "False").await?;
    assert_eq!(message, "value is not a string (l, n, o)");
    let message = synced(&control_plane, &namespace, "shapeless", "False").await?;
    assert!(message.starts_with("spec is malformed"), "{message}");
    let odd = sealed::api(&control_plane, &namespace).get("odd").await?;
    assert_eq!(odd.data["spec"]["unknown"]["kept"], true);
    assert_eq!(odd.data["spec"]["encryptedData"]["n"], 5);
    Ok(())
}
