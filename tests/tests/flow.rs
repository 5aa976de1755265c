//! Claims about what is put right, what is left alone and when to try again, and about the flags that
//! say so. They hold under the rights that the Go implementation's manifests give.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::{Event, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;
use sealed_secrets_tests::proxy::{Fault, Matching, Verb};
use sealed_secrets_tests::sealed::{self, api, condition, secret_manifest, synced};
use sealed_secrets_tests::{TestError, TestResult, cluster_claim, runner};
use serde_json::{Value, json};

const PREFIX: &str = "sealedsecrets.bitnami.com";

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(skip_recreate_leaves_a_deleted_secret_until_its_object_changes),
        cluster_claim!(edits_stay_without_correct_drift_until_the_object_changes_or_a_restart),
        cluster_claim!(drift_is_told_by_event_metric_and_log_and_never_shown),
        cluster_claim!(what_is_merged_into_keeps_what_is_its_own),
        cluster_claim!(secret_of_helms_type_is_put_right_too),
        cluster_claim!(secret_of_another_type_says_what_to_do),
        cluster_claim!(old_gc_behavior_deletes_what_was_made_and_nothing_else),
        cluster_claim!(retries_end_where_their_number_is_given),
        cluster_claim!(no_status_is_written_without_update_status),
        cluster_claim!(unsealing_takes_one_write_of_the_secret_and_one_of_the_status),
        cluster_claim!(lost_status_writes_are_caught_up_after_a_conflict),
        cluster_claim!(object_with_many_templates_is_refused_in_time),
    ])
}

/// A SealedSecret with one item and another template.
async fn with_template(
    context: &Context,
    cluster: &Cluster,
    name: &str,
    template: Value,
) -> Result<String, TestError> {
    let items = [("password", "plaintext-templated")];
    let sealed = cluster.seal(context, name, &items).await?;
    let mut sealed: Value = serde_json::from_str(&sealed)?;
    sealed["spec"]["template"] = template;
    Ok(sealed.to_string())
}

/// Changes an object's spec in a way that changes nothing but its generation and a label.
async fn touch(cluster: &Cluster, name: &str, round: &str) -> TestResult {
    let change =
        json!({ "spec": { "template": { "metadata": { "labels": { "round": round } } } } });
    api(&cluster.control_plane, &cluster.namespace)
        .patch(name, &PatchParams::default(), &Patch::Merge(change))
        .await?;
    Ok(())
}

async fn skip_recreate_leaves_a_deleted_secret_until_its_object_changes(
    context: Context,
) -> TestResult {
    let flags = ["--skip-recreate"];
    let mut cluster = Cluster::under_reference_rights(&context, &flags).await?;
    let secrets = cluster.secrets();
    cluster.settle(&context, "db").await?;
    let delete = async || secrets.delete("db", &DeleteParams::default()).await;
    delete().await?;
    cluster.settle(&context, "after").await?;
    // Status alone is no change.
    let status = Patch::Merge(json!({ "status": { "observedGeneration": 0 } }));
    api(&cluster.control_plane, &cluster.namespace)
        .patch_status("db", &PatchParams::default(), &status)
        .await?;
    cluster.settle(&context, "later").await?;
    assert!(secrets.get_opt("db").await?.is_none());
    touch(&cluster, "db", "1").await?;
    sealed::secret_becomes(&secrets, "db", "comes with a change", |it| it.is_some()).await?;

    delete().await?;
    cluster.controller.terminate(DEADLINE).await?;
    cluster.controller = cluster
        .installation
        .start(&context, "again", &flags)
        .await?;
    sealed::secret_becomes(&secrets, "db", "comes with a restart", |it| it.is_some()).await
}

async fn edits_stay_without_correct_drift_until_the_object_changes_or_a_restart(
    context: Context,
) -> TestResult {
    let flags = ["--correct-drift=false"];
    let mut cluster = Cluster::under_reference_rights(&context, &flags).await?;
    let secrets = cluster.secrets();
    cluster.settle(&context, "db").await?;
    let tamper =
        async || sealed::edit(&secrets, "db", json!({ "stringData": { "own": "x" } })).await;
    let right = |secret: Option<&Secret>| secret.is_some() && sealed::item(secret, "own").is_none();
    tamper().await?;
    cluster.settle(&context, "after").await?;
    assert!(sealed::item(Some(&secrets.get("db").await?), "own").is_some());
    touch(&cluster, "db", "1").await?;
    sealed::secret_becomes(&secrets, "db", "is put right by a change", right).await?;

    tamper().await?;
    cluster.controller.terminate(DEADLINE).await?;
    cluster.controller = cluster
        .installation
        .start(&context, "again", &flags)
        .await?;
    sealed::secret_becomes(&secrets, "db", "is put right by a restart", right).await?;

    secrets.delete("db", &DeleteParams::default()).await?;
    sealed::secret_becomes(&secrets, "db", "is made again", right).await
}

async fn drift_is_told_by_event_metric_and_log_and_never_shown(context: Context) -> TestResult {
    let mut cluster = Cluster::under_reference_rights(&context, &[]).await?;
    let secrets = cluster.secrets();
    cluster.settle(&context, "db").await?;
    let values = ["plaintext-tampered-1", "plaintext-tampered-2"];
    for value in values {
        sealed::edit(
            &secrets,
            "db",
            json!({ "stringData": { "password": value, "own": value } }),
        )
        .await?;
        sealed::secret_becomes(&secrets, "db", "is put right", |it| {
            sealed::item(it, "own").is_none()
                && sealed::item(it, "password") == Some(b"plaintext-marker")
        })
        .await?;
    }
    let events: Api<Event> = Api::namespaced(cluster.control_plane.client(), &cluster.namespace);
    let about = ListParams::default().fields("involvedObject.name=db,reason=DriftCorrected");
    let event = eventually(
        "an event that counts twice",
        DEADLINE,
        async || {
            let list = events.list(&about).await?.items;
            assert!(list.len() <= 1, "{list:?}");
            Ok(list.into_iter().find(|event| event.count == Some(2)))
        },
        async || format!("{:?}", events.list(&about).await),
    )
    .await?;
    let message = event.message.unwrap_or_default();
    assert!(message.ends_with(": item own, item password"), "{message}");
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    let address = cluster.installation.metrics();
    let metrics = http::get(&address, "/metrics").await?.body;
    let line = format!(
        "sealed_secrets_controller_drift_corrected_total{{namespace=\"{}\"}} 2\n",
        cluster.namespace
    );
    assert!(metrics.contains(&line), "{metrics}");
    cluster
        .controller
        .wait_for_output("differed=\"item own, item password\"", DEADLINE)
        .await?;
    let logs = cluster.controller.stdout()? + &cluster.controller.stderr()?;
    for told in [&message, &metrics, &logs] {
        assert!(!values.iter().any(|value| told.contains(value)), "{told}");
    }
    Ok(())
}

async fn what_is_merged_into_keeps_what_is_its_own(context: Context) -> TestResult {
    let cluster = Cluster::under_reference_rights(&context, &[]).await?;
    let secrets = cluster.secrets();
    let mut theirs: Value =
        serde_json::from_str(&secret_manifest(&cluster.namespace, "db", &[("own", "1")]))?;
    theirs["metadata"]["annotations"] = json!({ format!("{PREFIX}/patch"): "true" });
    cluster.apply(&theirs.to_string()).await?;
    cluster.settle(&context, "db").await?;
    // What is its own may change; what was merged in is put right.
    let change = json!({ "stringData": { "own": "2", "more": "3", "password": "edited" } });
    sealed::edit(&secrets, "db", change).await?;
    sealed::secret_becomes(&secrets, "db", "is put right", |it| {
        sealed::item(it, "password") == Some(b"plaintext-marker")
    })
    .await?;
    let secret = secrets.get("db").await?;
    assert_eq!(sealed::item(Some(&secret), "own"), Some(b"2".as_slice()));
    assert_eq!(sealed::item(Some(&secret), "more"), Some(b"3".as_slice()));
    assert_eq!(secret.metadata.owner_references, None);
    let message = sealed::event(
        &cluster.control_plane,
        &cluster.namespace,
        "db",
        "DriftCorrected",
    )
    .await?;
    assert!(message.ends_with(": item password"), "{message}");
    Ok(())
}

async fn secret_of_helms_type_is_put_right_too(context: Context) -> TestResult {
    let cluster = Cluster::under_reference_rights(&context, &[]).await?;
    let secrets = cluster.secrets();
    let template = json!({ "type": "helm.sh/release.v1" });
    cluster
        .apply(&with_template(&context, &cluster, "db", template).await?)
        .await?;
    synced(&cluster.control_plane, &cluster.namespace, "db", "True").await?;
    sealed::edit(&secrets, "db", json!({ "stringData": { "own": "x" } })).await?;
    sealed::secret_becomes(&secrets, "db", "is put right", |it| {
        sealed::item(it, "own").is_none()
    })
    .await?;
    secrets.delete("db", &DeleteParams::default()).await?;
    sealed::secret_becomes(&secrets, "db", "is made again", |it| it.is_some()).await
}

async fn secret_of_another_type_says_what_to_do(context: Context) -> TestResult {
    let cluster = Cluster::under_reference_rights(&context, &[]).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    cluster.settle(&context, "db").await?;
    let template = json!({ "type": "example.com/other" });
    cluster
        .apply(&with_template(&context, &cluster, "db", template).await?)
        .await?;
    let message = synced(plane, namespace, "db", "False").await?;
    assert!(message.contains("deleted and re-created"), "{message}");
    assert!(message.contains("example.com/other"), "{message}");
    let object = api(plane, namespace).get("db").await?;
    let stalled = condition(&object, "Stalled").ok_or("no Stalled")?;
    assert_eq!(stalled["reason"], "TypeChanged");
    sealed::event(plane, namespace, "db", "ErrUpdateFailed").await?;
    let secrets = cluster.secrets();
    secrets.delete("db", &DeleteParams::default()).await?;
    sealed::secret_becomes(&secrets, "db", "is made again", |it| {
        it.is_some_and(|it| it.type_.as_deref() == Some("example.com/other"))
    })
    .await
}

async fn old_gc_behavior_deletes_what_was_made_and_nothing_else(context: Context) -> TestResult {
    // Nobody collects garbage here.
    let cluster = Cluster::under_reference_rights(&context, &["--old-gc-behavior"]).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let secrets = cluster.secrets();
    cluster.settle(&context, "owned").await?;
    let skip = json!({ "metadata": { "annotations": {
        format!("{PREFIX}/skip-set-owner-references"): "true" } } });
    let unowned = with_template(&context, &cluster, "unowned", skip).await?;
    cluster.apply(&unowned).await?;
    synced(plane, namespace, "unowned", "True").await?;
    for (name, annotations, wanted) in [
        ("foreign", json!({}), "False"),
        (
            "merged",
            json!({ format!("{PREFIX}/patch"): "true" }),
            "True",
        ),
    ] {
        let theirs = secret_manifest(namespace, name, &[("own", "1")]);
        let mut theirs: Value = serde_json::from_str(&theirs)?;
        theirs["metadata"]["annotations"] = annotations;
        cluster.apply(&theirs.to_string()).await?;
        let items = [("password", "plaintext-theirs")];
        cluster
            .apply(&cluster.seal(&context, name, &items).await?)
            .await?;
        synced(plane, namespace, name, wanted).await?;
    }
    for name in ["foreign", "merged", "unowned", "owned"] {
        api(plane, namespace)
            .delete(name, &DeleteParams::default())
            .await?;
    }
    for name in ["unowned", "owned"] {
        sealed::secret_becomes(&secrets, name, "is deleted", |it| it.is_none()).await?;
    }
    for name in ["foreign", "merged"] {
        assert!(secrets.get_opt(name).await?.is_some(), "{name}");
    }
    Ok(())
}

async fn retries_end_where_their_number_is_given(context: Context) -> TestResult {
    let flags = ["--max-unseal-retries=2"];
    let (cluster, proxy) = Cluster::behind_proxy(&context, &flags).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let sealed = cluster
        .seal(&context, "db", &[("a", "plaintext-retried")])
        .await?;
    proxy.inject(
        Matching::to("secrets").verbs(&Verb::WRITES),
        Fault::status(403),
    );
    cluster.apply(&sealed).await?;
    eventually(
        "giving up",
        DEADLINE,
        async || {
            let object = api(plane, namespace).get("db").await?;
            Ok(condition(&object, "Stalled"))
        },
        async || format!("{:?}", api(plane, namespace).get("db").await),
    )
    .await?;
    assert_eq!(proxy.injected(), 3);
    proxy.heal();
    cluster.settle(&context, "other").await?;
    assert!(cluster.secrets().get_opt("db").await?.is_none());
    touch(&cluster, "db", "1").await?;
    synced(plane, namespace, "db", "True").await?;
    Ok(())
}

async fn no_status_is_written_without_update_status(context: Context) -> TestResult {
    let flags = ["--update-status=false"];
    let cluster = Cluster::under_reference_rights(&context, &flags).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let good = cluster
        .seal(&context, "db", &[("a", "plaintext-silent")])
        .await?;
    cluster.apply(&good).await?;
    let bad = good.replace("\"db\"", "\"other\"");
    cluster.apply(&bad).await?;
    sealed::secret_item(plane, namespace, "db", "a").await?;
    sealed::event(plane, namespace, "db", "Unsealed").await?;
    sealed::event(plane, namespace, "other", "ErrUnsealFailed").await?;
    for name in ["db", "other"] {
        let object = api(plane, namespace).get(name).await?;
        assert_eq!(object.data.get("status"), None);
    }
    Ok(())
}

async fn unsealing_takes_one_write_of_the_secret_and_one_of_the_status(
    context: Context,
) -> TestResult {
    let (cluster, proxy) = Cluster::behind_proxy(&context, &[]).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let names: Vec<String> = (0..20).map(|number| format!("db-{number}")).collect();
    let mut all = String::new();
    for name in &names {
        let items = [("password", "plaintext-counted")];
        all += &cluster.seal(&context, name, &items).await?;
        all += "\n---\n";
    }
    proxy.forget();
    cluster.apply(&all).await?;
    for name in &names {
        synced(plane, namespace, name, "True").await?;
        sealed::event(plane, namespace, name, "Unsealed").await?;
    }
    for (resource, verbs, wanted) in [
        ("secrets", &Verb::WRITES[..], 20),
        ("sealedsecrets/status", &Verb::WRITES[..], 20),
        // Nobody looks for what the watch says isn't there.
        ("secrets", &[Verb::Get][..], 0),
    ] {
        let requests = proxy.requests(&Matching::to(resource).verbs(verbs));
        assert_eq!(requests.len(), wanted, "{requests:?}");
    }
    Ok(())
}

async fn lost_status_writes_are_caught_up_after_a_conflict(context: Context) -> TestResult {
    let (cluster, proxy) = Cluster::behind_proxy(&context, &[]).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let status = Matching::to("sealedsecrets/status").verbs(&Verb::WRITES);
    proxy.inject_times(1, status.clone(), Fault::status(409));
    cluster.settle(&context, "db").await?;
    assert_eq!(proxy.injected(), 1);
    // It took a fresh look and another write, and no second reconcile.
    assert_eq!(proxy.requests(&status).len(), 2);
    let object = api(plane, namespace).get("db").await?;
    assert_eq!(
        condition(&object, "Ready").ok_or("no Ready")?["status"],
        "True"
    );
    Ok(())
}

async fn object_with_many_templates_is_refused_in_time(context: Context) -> TestResult {
    let cluster = Cluster::under_reference_rights(&context, &[]).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let heavy = "{{ range until 100000 }}{{ end }}";
    let templates: serde_json::Map<String, Value> = (0..2000)
        .map(|number| (format!("t{number}"), Value::from(heavy)))
        .collect();
    let sealed = with_template(&context, &cluster, "db", json!({ "data": templates })).await?;
    cluster.apply(&sealed).await?;
    let message = synced(plane, namespace, "db", "False").await?;
    assert!(message.contains("too much work"), "{message}");
    cluster.settle(&context, "other").await
}
