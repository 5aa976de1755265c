//! Claims about what is watched, and the flags that say so: namespaces and labels. They hold under the
//! rights that the Go implementation's manifests give.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::eventually::DEADLINE;
use sealed_secrets_tests::install;
use sealed_secrets_tests::installation::{Installation, NAME, NAMESPACE};
use sealed_secrets_tests::sealed::{self, api, secret_manifest, synced};
use sealed_secrets_tests::{TestError, TestResult, cluster_claim, runner};
use serde_json::{Value, json};

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(additional_namespaces_narrow_what_is_watched),
        cluster_claim!(namespace_that_may_not_be_read_holds_up_no_other),
        cluster_claim!(controllers_that_watch_different_labels_do_not_compete),
        cluster_claim!(label_that_comes_counts_and_one_that_goes_leaves_the_secret),
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

/// In one namespace, with the rights of `deploy/`, and the keys of both.
async fn controllers_that_watch_different_labels_do_not_compete(context: Context) -> TestResult {
    let cluster = Cluster::with(&context, &["--label-selector=team=red"]).await?;
    let blue = cluster.installation.replica()?;
    let selector = ["--label-selector=team=blue"];
    let mut other = blue.start(&context, "blue", &selector).await?;
    for team in ["red", "blue"] {
        let sealed = cluster
            .seal(&context, team, &[("password", "plaintext-of-a-team")])
            .await?;
        let mut sealed: Value = serde_json::from_str(&sealed)?;
        sealed["metadata"]["labels"]["team"] = json!(team);
        cluster.apply(&sealed.to_string()).await?;
    }
    for team in ["red", "blue"] {
        synced(&cluster.control_plane, &cluster.namespace, team, "True").await?;
    }
    other.still_running("wrote its part")?;
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
    cluster.settle(&context, "db").await?;
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
    sealed::edit(&secrets, "db", json!({ "stringData": { "own": "x" } })).await?;
    secrets.delete("marker", &DeleteParams::default()).await?;
    sealed::secret_becomes(&secrets, "marker", "is made again", |it| it.is_some()).await?;
    let kept = secrets.get("db").await?;
    assert!(sealed::item(Some(&kept), "own").is_some());
    label("db", json!({ "old": null })).await?;
    sealed::secret_becomes(&secrets, "db", "is put right", |it| {
        sealed::item(it, "own").is_none()
    })
    .await?;
    assert!(secrets.get_opt("unlabelled").await?.is_none());
    Ok(())
}
