//! Claims about restarts over settled objects: what is right costs nothing, what isn't is found.

use std::process::ExitCode;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::installation::NAMESPACE;
use sealed_secrets_tests::keys::{Keys, metric};
use sealed_secrets_tests::proxy::{Matching, Proxy, Request, Verb};
use sealed_secrets_tests::sealed::{api, edit, item, secret_becomes, synced};
use sealed_secrets_tests::{TestResult, cluster_claim, runner};
use serde_json::json;

/// Objects of three values each.
const OBJECTS: usize = 12;
/// Private-key operations that they take when nothing is known of any.
const ALL: f64 = 3.0 * OBJECTS as f64;
/// Label of the Secrets with records.
const RECORDS: &str = "sealedsecrets.bitnami.com/settled";

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(a_restart_unseals_and_writes_nothing),
        cluster_claim!(what_changed_meanwhile_is_put_right_and_nothing_else),
        cluster_claim!(records_that_were_tampered_with_count_for_nothing),
        cluster_claim!(a_key_that_went_is_missed),
    ])
}

fn name(number: usize) -> String {
    format!("object-{number}")
}

fn password(number: usize) -> String {
    format!("plaintext-of-object-{number}")
}

/// A cluster with settled objects, and its records.
struct Settled {
    cluster: Cluster,
    proxy: Proxy,
    records: Api<Secret>,
    started: usize,
}

impl Settled {
    async fn new(context: &Context) -> Result<Self, sealed_secrets_tests::TestError> {
        let (cluster, proxy) = Cluster::behind_proxy(context, &[]).await?;
        for number in 0..OBJECTS {
            let items = [
                ("password", password(number)),
                ("user", "plaintext-user".to_owned()),
                ("empty", String::new()),
            ];
            let items = items
                .each_ref()
                .map(|(item, value)| (*item, value.as_str()));
            let sealed = cluster.seal(context, &name(number), &items).await?;
            cluster.apply(&sealed).await?;
        }
        for number in 0..OBJECTS {
            synced(
                &cluster.control_plane,
                &cluster.namespace,
                &name(number),
                "True",
            )
            .await?;
        }
        let records = Api::namespaced(cluster.control_plane.client(), NAMESPACE);
        let settled = Self {
            cluster,
            proxy,
            records,
            started: 0,
        };
        Ok(settled)
    }

    async fn stop(&mut self) -> TestResult {
        self.cluster.controller.terminate(DEADLINE).await?;
        Ok(())
    }

    /// Starts the controller again and waits until it has looked at every object; returns how many
    /// private-key operations that took.
    async fn restart(&mut self, context: &Context) -> Result<f64, sealed_secrets_tests::TestError> {
        self.proxy.forget();
        self.started += 1;
        let installation = &self.cluster.installation;
        let name = format!("again-{}", self.started);
        self.cluster.controller = installation.start(context, &name, &[]).await?;
        let metrics = installation.metrics();
        let looked_at = async || metric(&metrics, "reconcile_duration_seconds_count").await;
        eventually(
            "every object being looked at",
            DEADLINE,
            async || Ok((looked_at().await? >= OBJECTS as f64).then_some(())),
            async || format!("{:?}", looked_at().await),
        )
        .await?;
        metric(&metrics, "private_key_operations_total").await
    }

    /// What was written since the last start. Only once the controller has stopped is that all.
    fn written(&self) -> Vec<Request> {
        let mut written = self.proxy.requests(&Matching::everything());
        written
            .retain(|request| Verb::WRITES.contains(&request.verb) && request.resource != "leases");
        written
    }

    /// Waits until there is a record of every object.
    async fn recorded(&self) -> Result<Secret, sealed_secrets_tests::TestError> {
        let select = ListParams::default().labels(RECORDS);
        let there = async || {
            let listed = self.records.list(&select).await?;
            let whole = |secret: &Secret| {
                item(Some(secret), "records").is_some_and(|it| it.len() == OBJECTS * 32)
            };
            Ok::<_, kube::Error>(listed.items.into_iter().find(whole))
        };
        let found = eventually(
            "a record of every object",
            DEADLINE,
            async || Ok(there().await?),
            async || "there is none".to_owned(),
        );
        Ok(found.await?)
    }

    async fn is_right(&self, number: usize) -> TestResult {
        let password = password(number);
        secret_becomes(
            &self.cluster.secrets(),
            &name(number),
            "being right",
            |secret| item(secret, "password") == Some(password.as_bytes()),
        )
        .await
    }
}

async fn a_restart_unseals_and_writes_nothing(context: Context) -> TestResult {
    let mut settled = Settled::new(&context).await?;
    settled.stop().await?;
    assert_eq!(settled.restart(&context).await?, 0.0);
    // Without time to store anything on the way out.
    settled.cluster.controller.kill().await?;
    assert_eq!(settled.written(), []);
    assert_eq!(settled.restart(&context).await?, 0.0);
    settled.stop().await?;
    assert_eq!(settled.written(), []);

    // Nor is there anything to be learnt from what is stored.
    let stored = settled.recorded().await?;
    let data = stored.data.unwrap_or_default();
    assert_eq!(
        data.keys().collect::<Vec<_>>(),
        ["keys", "records"],
        "fingerprints and hashes"
    );
    Ok(())
}

async fn what_changed_meanwhile_is_put_right_and_nothing_else(context: Context) -> TestResult {
    let mut settled = Settled::new(&context).await?;
    let (changed, items) = (name(4), [("password", password(4))]);
    let items = items
        .each_ref()
        .map(|(item, value)| (*item, value.as_str()));
    let more = settled.cluster.seal(&context, &changed, &items).await?;
    settled.stop().await?;
    let (plane, namespace) = (&settled.cluster.control_plane, &settled.cluster.namespace);
    let secrets = settled.cluster.secrets();
    edit(
        &secrets,
        &name(0),
        json!({ "data": { "password": "eA==" } }),
    )
    .await?;
    // The same content again is another version all the same.
    edit(&secrets, &name(1), json!({ "data": { "more": "eA==" } })).await?;
    edit(&secrets, &name(1), json!({ "data": { "more": null } })).await?;
    secrets.delete(&name(2), &DeleteParams::default()).await?;
    let status = json!({ "status": { "conditions": [{ "type": "Synced", "status": "False" }] } });
    let sealed = api(plane, namespace);
    let patch = kube::api::Patch::Merge(status);
    let parameters = kube::api::PatchParams::default();
    sealed.patch_status(&name(3), &parameters, &patch).await?;
    settled.cluster.apply(&more).await?;

    // Three items each of three objects, and one of a fourth; a status needs none.
    let operations = settled.restart(&context).await?;
    assert!(operations <= 10.0, "{operations}");
    for number in 0..OBJECTS {
        settled.is_right(number).await?;
        let (plane, namespace) = (&settled.cluster.control_plane, &settled.cluster.namespace);
        synced(plane, namespace, &name(number), "True").await?;
    }
    let metrics = settled.cluster.installation.metrics();
    let operations = metric(&metrics, "private_key_operations_total").await?;
    assert!((operations - 10.0).abs() < 0.5, "{operations}");
    Ok(())
}

async fn records_that_were_tampered_with_count_for_nothing(context: Context) -> TestResult {
    let mut settled = Settled::new(&context).await?;
    let before = settled.recorded().await?;
    settled.stop().await?;
    let stored = before.metadata.name.clone().unwrap_or_default();

    // Who may write Secrets changes one and puts any record in its place.
    let secrets = settled.cluster.secrets();
    edit(
        &secrets,
        &name(0),
        json!({ "data": { "password": "eA==" } }),
    )
    .await?;
    let mut forged = before.clone();
    let data = forged.data.get_or_insert_default();
    let records = data.get("records").map(|it| it.0.clone());
    let mut records = records.unwrap_or_default();
    for record in records.chunks_mut(32) {
        record[16..].fill(0);
    }
    data.insert("records".to_owned(), ByteString(records));
    forged.metadata.resource_version = None;
    let parameters = kube::api::PostParams::default();
    settled
        .records
        .replace(&stored, &parameters, &forged)
        .await?;
    let operations = settled.restart(&context).await?;
    assert!(operations >= ALL, "{operations}");
    settled.is_right(0).await?;

    // Old records, keys that nobody has, and what isn't a record at all.
    for (item, bytes) in [
        ("records", vec![1; 33]),
        ("keys", vec![2; 32]),
        ("keys", vec![3; 5]),
    ] {
        settled.recorded().await?;
        settled.stop().await?;
        edit(
            &secrets,
            &name(0),
            json!({ "data": { "password": "eA==" } }),
        )
        .await?;
        let mut spoiled = before.clone();
        let data = spoiled.data.get_or_insert_default();
        data.insert(item.to_owned(), ByteString(bytes));
        spoiled.metadata.resource_version = None;
        settled
            .records
            .replace(&stored, &parameters, &spoiled)
            .await?;
        let operations = settled.restart(&context).await?;
        assert!(operations >= ALL, "{item}: {operations}");
        settled.is_right(0).await?;
    }
    Ok(())
}

async fn a_key_that_went_is_missed(context: Context) -> TestResult {
    let mut settled = Settled::new(&context).await?;
    let keys = Keys::of(&settled.cluster.control_plane);
    let key = keys
        .active()
        .await?
        .remove(0)
        .metadata
        .name
        .unwrap_or_default();
    settled.stop().await?;
    keys.label(&key, "compromised").await?;
    // With the key made in its place: none opens, which the first item tells.
    let operations = settled.restart(&context).await?;
    assert!(operations >= OBJECTS as f64, "{operations}");
    let (plane, namespace) = (&settled.cluster.control_plane, &settled.cluster.namespace);
    for number in 0..OBJECTS {
        synced(plane, namespace, &name(number), "False").await?;
    }
    keys.label(&key, "active").await?;
    for number in 0..OBJECTS {
        synced(plane, namespace, &name(number), "True").await?;
    }
    Ok(())
}
