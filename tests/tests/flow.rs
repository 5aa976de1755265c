//! Claims about what is watched, what is put right, what is left alone and when to try again, and
//! about the flags that say so. They hold under the rights that the Go implementation's manifests
//! give.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::{Event, Namespace, Secret};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;
use sealed_secrets_tests::install;
use sealed_secrets_tests::installation::{Installation, NAME, NAMESPACE};
use sealed_secrets_tests::proxy::{Fault, Matching, Verb};
use sealed_secrets_tests::sealed::{self, api, condition, secret_manifest, synced};
use sealed_secrets_tests::{TestError, TestResult, claim, runner};
use serde_json::{Value, json};

const PREFIX: &str = "sealedsecrets.bitnami.com";

/// Makes a claim of a test that needs a cluster, our controller and `kubeseal`.
macro_rules! holds {
    ($function:ident) => {
        claim!($function, ControlPlane, Controller, Kubeseal)
    };
}

fn main() -> ExitCode {
    runner::run([
        holds!(additional_namespaces_narrow_what_is_watched),
        holds!(namespace_that_may_not_be_read_holds_up_no_other),
        holds!(label_that_comes_counts_and_one_that_goes_leaves_the_secret),
        holds!(skip_recreate_leaves_a_deleted_secret_until_its_object_changes),
        holds!(edits_stay_without_correct_drift_until_the_object_changes_or_a_restart),
        holds!(drift_is_told_by_event_metric_and_log_and_never_shown),
        holds!(what_is_merged_into_keeps_what_is_its_own),
        holds!(secret_of_helms_type_is_put_right_too),
        holds!(secret_of_another_type_says_what_to_do),
        holds!(old_gc_behavior_deletes_what_was_made_and_nothing_else),
        holds!(retries_end_where_their_number_is_given),
        holds!(no_status_is_written_without_update_status),
        holds!(unsealing_takes_one_write_of_the_secret_and_one_of_the_status),
        holds!(lost_status_writes_are_caught_up_after_a_conflict),
        holds!(object_with_many_templates_is_refused_in_time),
    ])
}

/// A SealedSecret in another namespace, as JSON.
async fn seal_in(
    context: &Context,
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<String, TestError> {
    let manifest = secret_manifest(namespace, name, &[("password", "plaintext-elsewhere")]);
    let sealed = cluster.kubeseal(context)?.input(manifest).output().await?;
    Ok(sealed)
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

/// Merges a change into a Secret, as somebody with `kubectl edit`.
async fn edit(secrets: &Api<Secret>, name: &str, change: Value) -> TestResult {
    let patch = Patch::Merge(change);
    secrets.patch(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// Waits until a Secret is as wanted.
async fn becomes(
    secrets: &Api<Secret>,
    name: &str,
    what: &str,
    wanted: impl Fn(Option<&Secret>) -> bool,
) -> TestResult {
    eventually(
        &format!("Secret {name} {what}"),
        DEADLINE,
        async || {
            let secret = secrets.get_opt(name).await?;
            Ok(wanted(secret.as_ref()).then_some(()))
        },
        async || {
            let secret = secrets.get_opt(name).await;
            format!("{:?}", secret.map(|it| it.map(|it| it.metadata)))
        },
    )
    .await?;
    Ok(())
}

fn item<'a>(secret: Option<&'a Secret>, name: &str) -> Option<&'a [u8]> {
    let data = secret?.data.as_ref()?;
    Some(data.get(name)?.0.as_slice())
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

/// One more object, so that what came before it has been looked at when it is done.
async fn marker(context: &Context, cluster: &Cluster, name: &str) -> TestResult {
    let sealed = cluster
        .seal(context, name, &[("password", "plaintext-marker")])
        .await?;
    cluster.apply(&sealed).await?;
    synced(&cluster.control_plane, &cluster.namespace, name, "True").await?;
    Ok(())
}

async fn additional_namespaces_narrow_what_is_watched(context: Context) -> TestResult {
    let flags = ["--additional-namespaces=later,extra,later,kube-system"];
    let control_plane = context.control_plane().await?;
    let namespaces: Api<Namespace> = Api::all(control_plane.client());
    let create = async |name: &str| -> TestResult {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        namespaces
            .create(&PostParams::default(), &namespace)
            .await?;
        Ok(())
    };
    create("extra").await?;
    let installation = Installation::under_reference_rights(&control_plane).await?;
    let controller = installation.start(&context, "controller", &flags).await?;
    let other = new_namespace(&control_plane.client()).await?;
    let mut cluster = Cluster {
        controller,
        control_plane,
        installation,
        namespace: other,
    };
    cluster
        .controller
        .wait_for_output("namespace doesn't exist", DEADLINE)
        .await?;
    let unwatched = cluster
        .seal(&context, "db", &[("a", "plaintext-other")])
        .await?;
    cluster.apply(&unwatched).await?;
    for namespace in ["extra", NAMESPACE] {
        let sealed = seal_in(&context, &cluster, namespace, "db").await?;
        cluster.apply(&sealed).await?;
        synced(&cluster.control_plane, namespace, "db", "True").await?;
    }
    // It is noticed when it appears.
    create("later").await?;
    let sealed = seal_in(&context, &cluster, "later", "db").await?;
    cluster.apply(&sealed).await?;
    synced(&cluster.control_plane, "later", "db", "True").await?;
    assert!(cluster.secrets().get_opt("db").await?.is_none());
    let object = api(&cluster.control_plane, &cluster.namespace)
        .get("db")
        .await?;
    assert_eq!(object.data.get("status"), None);
    Ok(())
}

async fn namespace_that_may_not_be_read_holds_up_no_other(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let client = control_plane.client();
    let (allowed, forbidden) = (new_namespace(&client).await?, new_namespace(&client).await?);
    let installation = Installation::under_reference_rights(&control_plane).await?;
    let everywhere: Api<ClusterRoleBinding> = Api::all(client.clone());
    everywhere.delete(NAME, &DeleteParams::default()).await?;
    for namespace in [NAMESPACE, &allowed] {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": "unsealer", "namespace": namespace },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "secrets-unsealer" },
            "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE }],
        });
        install::apply_text(&control_plane, &binding.to_string()).await?;
    }
    let additional = format!("--additional-namespaces={forbidden},{allowed}");
    let controller = installation
        .start(
            &context,
            "controller",
            &["--all-namespaces=false", &additional],
        )
        .await?;
    let mut cluster = Cluster {
        controller,
        control_plane,
        installation,
        namespace: allowed,
    };
    marker(&context, &cluster, "db").await?;
    cluster
        .controller
        .wait_for_output(&format!("namespace={forbidden}"), DEADLINE)
        .await?;
    cluster.controller.still_running("went on without it")?;
    Ok(())
}

async fn label_that_comes_counts_and_one_that_goes_leaves_the_secret(
    context: Context,
) -> TestResult {
    let flags = [
        "--label-selector=team in (shop, bank),!old",
        "--old-gc-behavior",
    ];
    let cluster = Cluster::under_reference_rights(&context, &flags).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let objects = api(plane, namespace);
    let label = async |name: &str, labels: Value| -> TestResult {
        let change = Patch::Merge(json!({ "metadata": { "labels": labels } }));
        objects
            .patch(name, &PatchParams::default(), &change)
            .await?;
        Ok(())
    };
    for name in ["db", "marker", "unlabelled"] {
        let items = [("a", "plaintext-selected")];
        cluster
            .apply(&cluster.seal(&context, name, &items).await?)
            .await?;
    }
    label("db", json!({ "team": "shop" })).await?;
    synced(plane, namespace, "db", "True").await?;
    label("db", json!({ "old": "yes" })).await?;
    label("marker", json!({ "team": "bank" })).await?;
    synced(plane, namespace, "marker", "True").await?;
    let secrets = cluster.secrets();
    // Nobody puts right, or deletes, what belongs to an object that isn't selected any more.
    edit(&secrets, "db", json!({ "stringData": { "own": "x" } })).await?;
    secrets.delete("marker", &DeleteParams::default()).await?;
    becomes(&secrets, "marker", "is made again", |it| it.is_some()).await?;
    let kept = secrets.get("db").await?;
    assert!(item(Some(&kept), "own").is_some());
    label("db", json!({ "old": null })).await?;
    becomes(&secrets, "db", "is put right", |it| {
        item(it, "own").is_none()
    })
    .await?;
    assert!(secrets.get_opt("unlabelled").await?.is_none());
    Ok(())
}

async fn skip_recreate_leaves_a_deleted_secret_until_its_object_changes(
    context: Context,
) -> TestResult {
    let flags = ["--skip-recreate"];
    let mut cluster = Cluster::under_reference_rights(&context, &flags).await?;
    let secrets = cluster.secrets();
    marker(&context, &cluster, "db").await?;
    let delete = async || secrets.delete("db", &DeleteParams::default()).await;
    delete().await?;
    marker(&context, &cluster, "after").await?;
    // Status alone is no change.
    let status = Patch::Merge(json!({ "status": { "observedGeneration": 0 } }));
    api(&cluster.control_plane, &cluster.namespace)
        .patch_status("db", &PatchParams::default(), &status)
        .await?;
    marker(&context, &cluster, "later").await?;
    assert!(secrets.get_opt("db").await?.is_none());
    touch(&cluster, "db", "1").await?;
    becomes(&secrets, "db", "comes with a change", |it| it.is_some()).await?;

    delete().await?;
    cluster.controller.terminate(DEADLINE).await?;
    cluster.controller = cluster
        .installation
        .start(&context, "again", &flags)
        .await?;
    becomes(&secrets, "db", "comes with a restart", |it| it.is_some()).await
}

async fn edits_stay_without_correct_drift_until_the_object_changes_or_a_restart(
    context: Context,
) -> TestResult {
    let flags = ["--correct-drift=false"];
    let mut cluster = Cluster::under_reference_rights(&context, &flags).await?;
    let secrets = cluster.secrets();
    marker(&context, &cluster, "db").await?;
    let tamper = async || edit(&secrets, "db", json!({ "stringData": { "own": "x" } })).await;
    let right = |secret: Option<&Secret>| secret.is_some() && item(secret, "own").is_none();
    tamper().await?;
    marker(&context, &cluster, "after").await?;
    assert!(item(Some(&secrets.get("db").await?), "own").is_some());
    touch(&cluster, "db", "1").await?;
    becomes(&secrets, "db", "is put right by a change", right).await?;

    tamper().await?;
    cluster.controller.terminate(DEADLINE).await?;
    cluster.controller = cluster
        .installation
        .start(&context, "again", &flags)
        .await?;
    becomes(&secrets, "db", "is put right by a restart", right).await?;

    secrets.delete("db", &DeleteParams::default()).await?;
    becomes(&secrets, "db", "is made again", right).await
}

async fn drift_is_told_by_event_metric_and_log_and_never_shown(context: Context) -> TestResult {
    let mut cluster = Cluster::under_reference_rights(&context, &[]).await?;
    let secrets = cluster.secrets();
    marker(&context, &cluster, "db").await?;
    let values = ["plaintext-tampered-1", "plaintext-tampered-2"];
    for value in values {
        edit(
            &secrets,
            "db",
            json!({ "stringData": { "password": value, "own": value } }),
        )
        .await?;
        becomes(&secrets, "db", "is put right", |it| {
            item(it, "own").is_none() && item(it, "password") == Some(b"plaintext-marker")
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
    marker(&context, &cluster, "db").await?;
    // What is its own may change; what was merged in is put right.
    let change = json!({ "stringData": { "own": "2", "more": "3", "password": "edited" } });
    edit(&secrets, "db", change).await?;
    becomes(&secrets, "db", "is put right", |it| {
        item(it, "password") == Some(b"plaintext-marker")
    })
    .await?;
    let secret = secrets.get("db").await?;
    assert_eq!(item(Some(&secret), "own"), Some(b"2".as_slice()));
    assert_eq!(item(Some(&secret), "more"), Some(b"3".as_slice()));
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
    edit(&secrets, "db", json!({ "stringData": { "own": "x" } })).await?;
    becomes(&secrets, "db", "is put right", |it| {
        item(it, "own").is_none()
    })
    .await?;
    secrets.delete("db", &DeleteParams::default()).await?;
    becomes(&secrets, "db", "is made again", |it| it.is_some()).await
}

async fn secret_of_another_type_says_what_to_do(context: Context) -> TestResult {
    let cluster = Cluster::under_reference_rights(&context, &[]).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    marker(&context, &cluster, "db").await?;
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
    becomes(&secrets, "db", "is made again", |it| {
        it.is_some_and(|it| it.type_.as_deref() == Some("example.com/other"))
    })
    .await
}

async fn old_gc_behavior_deletes_what_was_made_and_nothing_else(context: Context) -> TestResult {
    // Nobody collects garbage here.
    let cluster = Cluster::under_reference_rights(&context, &["--old-gc-behavior"]).await?;
    let (plane, namespace) = (&cluster.control_plane, cluster.namespace.as_str());
    let secrets = cluster.secrets();
    marker(&context, &cluster, "owned").await?;
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
        becomes(&secrets, name, "is deleted", |it| it.is_none()).await?;
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
    marker(&context, &cluster, "other").await?;
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
    marker(&context, &cluster, "db").await?;
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
    marker(&context, &cluster, "other").await
}
