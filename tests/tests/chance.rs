//! Claims about items whose templates ask for the time or for chance: they are made once for what a
//! SealedSecret asks, and again when it asks something else.

use std::fs;
use std::process::ExitCode;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::sealed::{self, api, synced};
use sealed_secrets_tests::standalone::Standalone;
use sealed_secrets_tests::{TestError, TestResult, claim, cluster_claim, runner};
use serde_json::{Value, json};

/// What the tests look at, beside an item that was sealed.
const BY_CHANCE: [(&str, &str); 2] = [
    ("pin", "{{ .password }}-{{ randAlphaNum 16 }}"),
    ("key", "{{ genPrivateKey \"ed25519\" }}"),
];

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(what_chance_gave_stays_until_the_object_changes),
        cluster_claim!(replicas_agree_on_what_chance_gave),
        claim!(what_chance_gave_stays_in_files_too, Controller, Kubeseal),
    ])
}

/// A SealedSecret with items made by chance, applied and unsealed.
async fn unsealed(context: &Context, cluster: &Cluster) -> TestResult {
    let items = [("password", "plaintext-certain")];
    let sealed = cluster.seal(context, "db", &items).await?;
    let mut sealed: Value = serde_json::from_str(&sealed)?;
    sealed["spec"]["template"]["data"] = json!(std::collections::BTreeMap::from(BY_CHANCE));
    cluster.apply(&sealed.to_string()).await?;
    synced(&cluster.control_plane, &cluster.namespace, "db", "True").await?;
    Ok(())
}

/// What chance gave.
async fn by_chance(secrets: &Api<Secret>) -> Result<Vec<Vec<u8>>, TestError> {
    let secret = secrets.get("db").await?;
    let item = |(name, _)| sealed::item(Some(&secret), name).map(<[u8]>::to_vec);
    let found: Option<Vec<_>> = BY_CHANCE.into_iter().map(item).collect();
    Ok(found.ok_or("an item is missing")?)
}

/// Changes a label, an item and another one, and waits until that is undone.
async fn put_right(secrets: &Api<Secret>) -> TestResult {
    tamper(secrets).await?;
    sealed::secret_becomes(secrets, "db", "is put right", is_right).await
}

async fn tamper(secrets: &Api<Secret>) -> TestResult {
    let change = json!({
        "metadata": { "labels": { "own": "x" } },
        "stringData": { "password": "edited", "own": "x" },
    });
    sealed::edit(secrets, "db", change).await
}

fn is_right(secret: Option<&Secret>) -> bool {
    sealed::item(secret, "password") == Some(b"plaintext-certain")
        && sealed::item(secret, "own").is_none()
        && secret.is_some_and(|it| it.metadata.labels.is_none())
}

async fn what_chance_gave_stays_until_the_object_changes(context: Context) -> TestResult {
    let mut cluster = Cluster::under_reference_rights(&context, &[]).await?;
    let secrets = cluster.secrets();
    unsealed(&context, &cluster).await?;
    let made = by_chance(&secrets).await?;
    put_right(&secrets).await?;
    assert!(by_chance(&secrets).await? == made, "drift made it anew");

    cluster.controller.terminate(DEADLINE).await?;
    tamper(&secrets).await?;
    cluster.controller = cluster.installation.start(&context, "again", &[]).await?;
    sealed::secret_becomes(&secrets, "db", "is put right by a restart", is_right).await?;
    assert!(by_chance(&secrets).await? == made, "a restart made it anew");

    // One that is missing is made anew, and the other one stays.
    sealed::edit(&secrets, "db", json!({ "data": { "pin": null } })).await?;
    sealed::secret_becomes(&secrets, "db", "is whole again", |it| {
        sealed::item(it, "pin").is_some()
    })
    .await?;
    let again = by_chance(&secrets).await?;
    assert!(again[0] != made[0] && again[1] == made[1]);

    let change = json!({ "spec": { "template": { "metadata": { "labels": { "app": "x" } } } } });
    api(&cluster.control_plane, &cluster.namespace)
        .patch("db", &PatchParams::default(), &Patch::Merge(change))
        .await?;
    sealed::secret_becomes(&secrets, "db", "is made for the change", |it| {
        it.is_some_and(|it| it.metadata.labels.is_some())
    })
    .await?;
    let changed = by_chance(&secrets).await?;
    assert!(changed[0] != again[0] && changed[1] != again[1]);
    assert!(changed[0].starts_with(b"plaintext-certain-"));
    Ok(())
}

async fn replicas_agree_on_what_chance_gave(context: Context) -> TestResult {
    let cluster = Cluster::under_reference_rights(&context, &[]).await?;
    let secrets = cluster.secrets();
    unsealed(&context, &cluster).await?;
    let made = by_chance(&secrets).await?;
    let replica = cluster.installation.replica()?;
    let _second = replica.start(&context, "second", &[]).await?;
    for _ in 0..3 {
        put_right(&secrets).await?;
        assert!(by_chance(&secrets).await? == made);
    }
    Ok(())
}

async fn what_chance_gave_stays_in_files_too(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut controller = standalone.start("controller", context.folder()).await?;
    let sealed = standalone.seal("db", &[("password", "opensesame")]).await?;
    let templated = |text: &str| {
        let data =
            format!("  template:\n    data:\n      pin: '{text}{{{{ randAlphaNum 16 }}}}'\n");
        sealed.replacen("  template:\n", &data, 1)
    };
    standalone.put("db.yaml", &templated("a-"))?;
    standalone
        .wait_for_item("db", "password", Some("opensesame"))
        .await?;
    let password = standalone.out.join("default/db/password");
    let pin = || standalone.item("db", "pin").ok_or("no item");
    let made = pin()?;
    assert!(made.starts_with("a-"), "{made}");

    fs::write(&password, "edited")?;
    // A change of the folder is a reason to look.
    standalone.put(
        "other.yaml",
        &standalone.seal("other", &[("a", "b")]).await?,
    )?;
    standalone
        .wait_for_item("db", "password", Some("opensesame"))
        .await?;
    assert_eq!(pin()?, made);

    controller.terminate(DEADLINE).await?;
    fs::write(&password, "edited")?;
    let _controller = standalone.start("again", context.folder()).await?;
    standalone
        .wait_for_item("db", "password", Some("opensesame"))
        .await?;
    assert_eq!(pin()?, made);

    standalone.put("db.yaml", &templated("b-"))?;
    eventually(
        "the item of the changed manifest",
        DEADLINE,
        async || Ok(pin()?.starts_with("b-").then_some(())),
        async || format!("{:?}", standalone.status()),
    )
    .await?;
    Ok(())
}
