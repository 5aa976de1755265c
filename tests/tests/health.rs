//! Claims about how GitOps tools see a SealedSecret: kstatus (Flux, Helm) and Argo CD's script.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::core::DynamicObject;
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::health_rules::{Health, judge};
use sealed_secrets_tests::process::Signal;
use sealed_secrets_tests::sealed::{self, synced};
use sealed_secrets_tests::{TestError, TestResult, claim, runner};
use serde_json::json;

fn main() -> ExitCode {
    runner::run([
        claim!(
            health_follows_an_object_through_its_life,
            ControlPlane,
            Controller,
            Kubeseal,
            HealthRules
        ),
        claim!(
            object_that_is_tried_again_is_in_progress,
            ControlPlane,
            Controller,
            Kubeseal,
            HealthRules
        ),
    ])
}

async fn health(
    context: &Context,
    cluster: &Cluster,
    name: &str,
) -> Result<(DynamicObject, Health), TestError> {
    let object = sealed::api(&cluster.control_plane, &cluster.namespace)
        .get(name)
        .await?;
    let health = judge(context.health_rules()?, &object).await?;
    Ok((object, health))
}

async fn is(
    context: &Context,
    cluster: &Cluster,
    name: &str,
    kstatus: &str,
    argo: &str,
) -> TestResult {
    let (object, health) = health(context, cluster, name).await?;
    assert_eq!(
        (health.kstatus.as_str(), health.argo.as_str()),
        (kstatus, argo),
        "{name}: {object:?}"
    );
    Ok(())
}

async fn health_follows_an_object_through_its_life(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let good = cluster.seal(&context, "good", &[("a", "1")]).await?;
    cluster.apply(&good).await?;
    synced(&cluster.control_plane, &cluster.namespace, "good", "True").await?;
    is(&context, &cluster, "good", "Current", "Healthy").await?;

    // What no key opens has failed: nothing but a change will help.
    let renamed = good.replace("\"good\"", "\"renamed\"");
    cluster.apply(&renamed).await?;
    synced(
        &cluster.control_plane,
        &cluster.namespace,
        "renamed",
        "False",
    )
    .await?;
    is(&context, &cluster, "renamed", "Failed", "Degraded").await?;
    let (_, shown) = health(&context, &cluster, "renamed").await?;
    assert!(
        shown.message.starts_with("no key could decrypt secret (a)"),
        "{shown:?}"
    );

    // Mended, it is well again, with nothing left of the failure.
    let mended = cluster.seal(&context, "renamed", &[("a", "1")]).await?;
    cluster.apply(&mended).await?;
    synced(
        &cluster.control_plane,
        &cluster.namespace,
        "renamed",
        "True",
    )
    .await?;
    is(&context, &cluster, "renamed", "Current", "Healthy").await?;

    // Nobody has looked at what comes while the controller is away.
    cluster.controller.signal(Signal::TERM)?;
    cluster.controller.wait(DEADLINE).await?;
    cluster
        .apply(&good.replace("\"good\"", "\"unseen\""))
        .await?;
    let mut changed: serde_json::Value = serde_json::from_str(&good)?;
    changed["spec"]["encryptedData"] = json!({ "a": "AgB!" });
    cluster.apply(&changed.to_string()).await?;
    let (_, unseen) = health(&context, &cluster, "unseen").await?;
    assert_eq!(unseen.argo, "Progressing");
    let (_, stale) = health(&context, &cluster, "good").await?;
    assert_eq!(stale.kstatus, "InProgress");
    Ok(())
}

async fn object_that_is_tried_again_is_in_progress(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    // A webhook that nobody serves, as while a policy engine restarts.
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "away" },
        "webhooks": [{
            "name": "away.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": { "url": "https://127.0.0.1:1/" }, "failurePolicy": "Fail", "timeoutSeconds": 1,
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"] }],
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": cluster.namespace } },
        }],
    });
    cluster.apply(&webhook.to_string()).await?;
    let secrets = cluster.secrets();
    let probe: Secret = serde_json::from_value(json!({ "metadata": { "name": "probe" } }))?;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let refused = async || {
        let answer = secrets.create(&dry_run, &probe).await;
        Ok(answer.is_err().then_some(()))
    };
    eventually("the webhook counts", DEADLINE, refused, async || {
        String::new()
    })
    .await?;
    let sealed = cluster.seal(&context, "waiting", &[("a", "1")]).await?;
    cluster.apply(&sealed).await?;
    let waits = async || {
        let (_, health) = health(&context, &cluster, "waiting").await?;
        Ok((health.kstatus == "InProgress" && health.argo == "Degraded").then_some(()))
    };
    eventually(
        "the object is in progress and says why",
        DEADLINE,
        waits,
        async || format!("{:?}", health(&context, &cluster, "waiting").await),
    )
    .await?;
    Ok(())
}
