//! Claims about swapping the Go controller's image for ours and back, under the rights that the Go
//! implementation's manifests give.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::control_plane::ControlPlane;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::installation::{Installation, NAMESPACE};
use sealed_secrets_tests::process::Program;
use sealed_secrets_tests::sealed::{KEY_LABEL, api, condition, secret_manifest, synced};
use sealed_secrets_tests::{TestError, TestResult, claim, cluster_claim, http, install, runner};
use serde_json::{Value, json};

const OBJECTS: usize = 50;
const PREFIX: &str = "sealedsecrets.bitnami.com";

fn main() -> ExitCode {
    runner::run([
        claim!(
            upgrade_and_rollback_change_no_secret,
            GoTools,
            ControlPlane,
            Controller,
            Kubeseal
        )
        .within(Duration::from_secs(600)),
        cluster_claim!(rights_of_the_reference_suffice),
    ])
}

/// What must survive of Secrets: by name, the uid and everything that somebody put there.
type Snapshot = BTreeMap<String, Value>;

async fn snapshot(control_plane: &ControlPlane, namespace: &str) -> Result<Snapshot, TestError> {
    let secrets: Api<Secret> = Api::namespaced(control_plane.client(), namespace);
    let list = secrets.list(&ListParams::default()).await?;
    let mut snapshot = Snapshot::new();
    for mut secret in list {
        secret.metadata.managed_fields = None;
        let name = secret.metadata.name.clone().ok_or("no name")?;
        snapshot.insert(name, serde_json::to_value(secret)?);
    }
    Ok(snapshot)
}

/// The same without versions, which any write changes.
fn contents(snapshot: &Snapshot) -> Snapshot {
    let mut contents = snapshot.clone();
    for secret in contents.values_mut() {
        secret["metadata"]["resourceVersion"] = Value::Null;
    }
    contents
}

/// A SealedSecret of every sort that there is.
async fn sealed(
    kubeseal: &Program,
    namespace: &str,
    number: usize,
    version: usize,
) -> Result<Value, TestError> {
    let name = format!("object-{number}");
    let value = format!("plaintext-{number}-{version}");
    let scope = ["strict", "namespace-wide", "cluster-wide"][number % 3];
    let manifest = secret_manifest(
        namespace,
        &name,
        &[("username", "u"), ("password", &value), ("empty", "")],
    );
    let sealed = kubeseal.clone().args(["--scope", scope]).input(manifest);
    let mut sealed: Value = serde_json::from_str(&sealed.output().await?)?;
    let template = &mut sealed["spec"]["template"];
    match number % 10 {
        5 => {
            template["type"] = json!("kubernetes.io/basic-auth");
            template["metadata"]["labels"] = json!({ "app": "shop" });
            template["metadata"]["annotations"] = json!({ "note": "from the template" });
        }
        6 => template["data"] = json!({ "url": "db://{{ .username }}:{{ .password }}@db" }),
        7 => template["immutable"] = json!(true),
        _ => {}
    }
    Ok(sealed)
}

/// Secrets that were there before, and may be taken over or merged into.
async fn existing(control_plane: &ControlPlane, namespace: &str) -> TestResult {
    let secrets: Api<Secret> = Api::namespaced(control_plane.client(), namespace);
    for number in 0..OBJECTS {
        let annotation = match number % 10 {
            8 => "managed",
            9 => "patch",
            _ => continue,
        };
        let secret: Secret = serde_json::from_value(json!({
            "metadata": { "name": format!("object-{number}"), "annotations": {
                format!("{PREFIX}/{annotation}"): "true" } },
            "stringData": { "own": "kept" },
        }))?;
        secrets.create(&PostParams::default(), &secret).await?;
    }
    Ok(())
}

async fn apply(control_plane: &ControlPlane, object: &Value) -> TestResult {
    Ok(install::apply_text(control_plane, &object.to_string()).await?)
}

/// Waits until our controller has looked at every object: only it writes `Ready`.
async fn seen_by_us(control_plane: &ControlPlane, namespace: &str, objects: usize) -> TestResult {
    let all = api(control_plane, namespace);
    let ready = async || -> Result<usize, TestError> {
        let objects = all.list(&ListParams::default()).await?;
        let ready = objects.iter().filter(|object| {
            condition(object, "Ready").is_some_and(|ready| ready["status"] == "True")
        });
        Ok(ready.count())
    };
    eventually(
        "every object being ready",
        DEADLINE,
        async || Ok((ready().await? == objects).then_some(())),
        async || format!("{:?} of {objects}", ready().await),
    )
    .await?;
    Ok(())
}

/// Waits until the Go controller has reconciled at least so often since it started.
async fn seen_by_go(installation: &Installation, objects: usize) -> TestResult {
    let requests = async || -> Result<usize, TestError> {
        let metrics = http::get(&installation.metrics(), "/metrics").await?.body;
        let count = metrics
            .lines()
            .find_map(|line| line.strip_prefix("sealed_secrets_controller_unseal_requests_total "));
        Ok(count.ok_or("no count of requests")?.parse()?)
    };
    eventually(
        "the Go controller having looked at everything",
        DEADLINE,
        async || Ok((requests().await? >= objects).then_some(())),
        async || format!("{:?} requests of {objects}", requests().await),
    )
    .await?;
    Ok(())
}

async fn upgrade_and_rollback_change_no_secret(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::under_reference_rights(&control_plane).await?;
    let unthrottled = ["--kubeclient-qps=-1"];
    let mut go = installation
        .start_go_with(&context, "go", &unthrottled)
        .await?;
    let keys = keys(&control_plane).await?;
    assert_eq!(keys.len(), 1);
    let namespace = new_namespace(&control_plane.client()).await?;
    existing(&control_plane, &namespace).await?;
    let kubeconfig = control_plane.kubeconfig();
    let (go_kubeseal, kubeseal) = (
        context.go_kubeseal()?.env("KUBECONFIG", kubeconfig),
        context.kubeseal()?.env("KUBECONFIG", kubeconfig),
    );
    for number in 0..OBJECTS {
        apply(
            &control_plane,
            &sealed(&go_kubeseal, &namespace, number, 1).await?,
        )
        .await?;
    }
    for number in 0..OBJECTS {
        synced(
            &control_plane,
            &namespace,
            &format!("object-{number}"),
            "True",
        )
        .await?;
    }
    let of_go = snapshot(&control_plane, &namespace).await?;
    assert_eq!(of_go.len(), OBJECTS);
    go.terminate(DEADLINE).await?;

    // The upgrade: what Go has made is right, and nothing of it is written again.
    let mut ours = installation.start(&context, "ours", &[]).await?;
    seen_by_us(&control_plane, &namespace, OBJECTS).await?;
    assert_eq!(snapshot(&control_plane, &namespace).await?, of_go);

    // Life goes on: changed objects, new ones, a deleted Secret.
    let changed = [0, 6, 8, 9, 15];
    for number in changed.into_iter().chain(OBJECTS..OBJECTS + 3) {
        apply(
            &control_plane,
            &sealed(&kubeseal, &namespace, number, 2).await?,
        )
        .await?;
    }
    let secrets: Api<Secret> = Api::namespaced(control_plane.client(), &namespace);
    secrets
        .delete("object-10", &DeleteParams::default())
        .await?;
    let back = async || Ok(secrets.get_opt("object-10").await?.map(drop));
    let state = async || String::new();
    eventually("the deleted Secret coming back", DEADLINE, back, state).await?;
    seen_by_us(&control_plane, &namespace, OBJECTS + 3).await?;
    for number in changed {
        synced(
            &control_plane,
            &namespace,
            &format!("object-{number}"),
            "True",
        )
        .await?;
    }
    let of_us = snapshot(&control_plane, &namespace).await?;
    for (name, before) in &of_go {
        let after = &of_us[name];
        let number: usize = name.trim_start_matches("object-").parse()?;
        if name == "object-10" {
            assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
            assert_eq!(after["data"], before["data"]);
        } else if changed.contains(&number) {
            assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
            assert_ne!(after["data"]["password"], before["data"]["password"]);
            assert_eq!(after["data"].get("own"), before["data"].get("own"));
        } else {
            assert_eq!(after, before);
        }
    }
    ours.terminate(DEADLINE).await?;

    // The rollback.
    let _go = installation
        .start_go_with(&context, "go-again", &unthrottled)
        .await?;
    seen_by_go(&installation, OBJECTS + 3).await?;
    let after_rollback = snapshot(&control_plane, &namespace).await?;
    assert_eq!(contents(&after_rollback), contents(&of_us));
    apply(&control_plane, &sealed(&kubeseal, &namespace, 1, 3).await?).await?;
    synced(&control_plane, &namespace, "object-1", "True").await?;
    assert_eq!(self::keys(&control_plane).await?, keys);
    Ok(())
}

async fn keys(control_plane: &ControlPlane) -> Result<Snapshot, TestError> {
    let mut keys = snapshot(control_plane, NAMESPACE).await?;
    keys.retain(|_, secret| secret["metadata"]["labels"][KEY_LABEL] == "active");
    Ok(keys)
}

async fn rights_of_the_reference_suffice(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::under_reference_rights(&control_plane).await?;
    let mut ours = installation.start(&context, "ours", &[]).await?;
    let namespace = new_namespace(&control_plane.client()).await?;
    let kubeseal = context
        .kubeseal()?
        .env("KUBECONFIG", control_plane.kubeconfig());
    let object = sealed(&kubeseal, &namespace, 5, 1).await?;
    apply(&control_plane, &object).await?;
    synced(&control_plane, &namespace, "object-5", "True").await?;
    apply(&control_plane, &sealed(&kubeseal, &namespace, 5, 2).await?).await?;
    synced(&control_plane, &namespace, "object-5", "True").await?;
    sealed_secrets_tests::sealed::event(&control_plane, &namespace, "object-5", "Unsealed").await?;
    ours.still_running("worked under these rights")?;
    let log = ours.stdout()? + &ours.stderr()?;
    assert!(!log.contains("forbidden"), "{log}");
    // There is no right to use Leases: it works as the only one, and says so once.
    assert_eq!(log.matches("no Lease can be used").count(), 1, "{log}");
    Ok(())
}
