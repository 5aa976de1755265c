//! Claims about key Secrets that others make, change and delete while the controller runs.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::control_plane::ControlPlane;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;
use sealed_secrets_tests::install;
use sealed_secrets_tests::installation::{Installation, NAMESPACE};
use sealed_secrets_tests::keys::{KeyPair, Keys, Kind, metric, other_certificate};
use sealed_secrets_tests::process::Process;
use sealed_secrets_tests::sealed::{secret_manifest, synced};
use sealed_secrets_tests::{TestError, TestResult, claim, cluster_claim, runner};
use serde_json::{Map, Value, json};

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(every_kind_of_bad_key_is_reported_and_stops_nobody),
        cluster_claim!(every_kind_of_good_key_unseals),
        cluster_claim!(keys_added_relabelled_replaced_and_deleted_count_at_once),
        claim!(
            newest_key_is_by_certificate_or_by_creation,
            ControlPlane,
            Controller
        ),
        claim!(
            keys_that_are_all_bad_are_followed_by_a_new_one_and_a_loud_log,
            ControlPlane,
            Controller
        ),
    ])
}

/// A cluster with a controller that makes no keys but the first.
struct Cluster {
    control_plane: ControlPlane,
    installation: Installation,
    controller: Process,
    keys: Keys,
    namespace: String,
}

impl Cluster {
    async fn new(context: &Context) -> Result<Self, TestError> {
        let control_plane = context.control_plane().await?;
        let installation = Installation::new(&control_plane).await?;
        let controller = installation
            .start(context, "controller", &["--key-renew-period=0"])
            .await?;
        Ok(Self {
            keys: Keys::of(&control_plane),
            namespace: new_namespace(&control_plane.client()).await?,
            control_plane,
            installation,
            controller,
        })
    }

    /// Seals a Secret for this key and applies it.
    async fn seal(&self, context: &Context, name: &str, pair: &KeyPair) -> TestResult {
        let file = pair.certificate_file(context.folder(), name)?;
        let value = format!("value of {name}");
        let manifest = secret_manifest(&self.namespace, name, &[("password", &value)]);
        let kubeseal = context.kubeseal()?.arg("--cert").arg(file);
        let sealed = kubeseal.input(manifest).output().await?;
        Ok(install::apply_text(&self.control_plane, &sealed).await?)
    }

    async fn synced(&self, name: &str, wanted: &str) -> TestResult {
        synced(&self.control_plane, &self.namespace, name, wanted).await?;
        Ok(())
    }

    /// Waits until there are that many key Secrets without a usable key.
    async fn bad_keys(&self, wanted: usize) -> TestResult {
        let metrics = self.installation.metrics();
        let bad = async || metric(&metrics, "key_load_errors").await;
        eventually(
            &format!("{wanted} bad keys"),
            DEADLINE,
            async || Ok((bad().await? == wanted as f64).then_some(())),
            async || format!("{:?}", bad().await),
        )
        .await?;
        Ok(())
    }
}

/// Every event about a key Secret.
async fn events(control_plane: &ControlPlane, name: &str) -> Result<Vec<Event>, TestError> {
    let events: Api<Event> = Api::namespaced(control_plane.client(), NAMESPACE);
    let about = format!("involvedObject.kind=Secret,involvedObject.name={name}");
    Ok(events
        .list(&ListParams::default().fields(&about))
        .await?
        .items)
}

async fn every_kind_of_bad_key_is_reported_and_stops_nobody(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let good = KeyPair::make(Kind::Rsa2048, 2020..=2060)?;
    let other = KeyPair::make(Kind::Rsa2048, 2020..=2060)?;
    let half = |text: &str| text.get(..text.len() / 2).unwrap_or_default().to_owned();
    let bad: [(&str, Value, &str); 9] = [
        ("empty", json!({}), "has no tls.key"),
        (
            "no-certificate",
            json!({ "tls.key": good.key }),
            "has no tls.crt",
        ),
        (
            "garbage",
            json!({ "tls.key": "x", "tls.crt": "y" }),
            "no usable key",
        ),
        (
            "cut",
            json!({ "tls.key": half(&good.key), "tls.crt": good.certificate }),
            "no usable key",
        ),
        (
            "swapped",
            json!({ "tls.key": good.certificate, "tls.crt": good.key }),
            "no usable key",
        ),
        (
            "mismatched",
            json!({ "tls.key": good.key, "tls.crt": other.certificate }),
            "another key than the private key",
        ),
        (
            "p256",
            KeyPair::make(Kind::P256, 2020..=2060)?.data(),
            "RSA",
        ),
        (
            "ed25519",
            KeyPair::make(Kind::Ed25519, 2020..=2060)?.data(),
            "RSA",
        ),
        (
            "binary",
            json!({ "tls.key": "\u{0}\u{1}\u{ffff}", "tls.crt": "\u{0}" }),
            "no usable key",
        ),
    ];
    for (name, data, _) in &bad {
        cluster.keys.put(name, data.clone()).await?;
    }
    cluster.bad_keys(bad.len()).await?;
    for (name, _, message) in &bad {
        let plane = &cluster.control_plane;
        let event = eventually(
            &format!("an event about {name}"),
            DEADLINE,
            async || Ok(events(plane, name).await?.into_iter().next()),
            async || format!("{:?}", events(plane, name).await),
        )
        .await?;
        assert_eq!(event.reason.as_deref(), Some("InvalidKey"), "{name}");
        assert_eq!(event.type_.as_deref(), Some("Warning"), "{name}");
        let text = event.message.unwrap_or_default();
        assert!(text.contains(message), "{name}: {text}");
        cluster
            .controller
            .wait_for_output(&format!("key={name} error="), DEADLINE)
            .await?;
    }
    // The good ones go on, and one that is mended counts.
    cluster.seal(&context, "db", &good).await?;
    cluster.synced("db", "False").await?;
    cluster.keys.put("garbage", good.data()).await?;
    cluster.synced("db", "True").await?;
    cluster.bad_keys(bad.len() - 1).await?;

    // Said once, by however many processes.
    let again = cluster
        .installation
        .replica()?
        .start(&context, "replica", &["--key-renew-period=0"])
        .await?;
    cluster
        .keys
        .put("garbage", json!({ "tls.key": "z" }))
        .await?;
    cluster.bad_keys(bad.len()).await?;
    drop(again);
    for (name, _, _) in &bad {
        let wanted = if *name == "garbage" { 2 } else { 1 };
        let events = events(&cluster.control_plane, name).await?;
        assert_eq!(events.len(), wanted, "{name}: {events:?}");
    }
    let log = cluster.controller.stderr()?;
    let told = log.matches("key=mismatched error=").count();
    assert_eq!(told, 1, "{log}");
    assert!(!log.contains("PRIVATE KEY"), "{log}");
    cluster.controller.still_running("skipped the bad keys")?;
    Ok(())
}

async fn every_kind_of_good_key_unseals(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let make = |kind| KeyPair::make(kind, 2020..=2060);
    let (pkcs8, large) = (make(Kind::Rsa2048)?, make(Kind::Rsa3072)?);
    let (chain, legacy, expired) = (
        make(Kind::Rsa2048)?,
        make(Kind::Rsa2048)?,
        make(Kind::Rsa2048)?,
    );
    let issuer = make(Kind::P256)?;
    let with_issuer = KeyPair {
        key: chain.key.clone(),
        certificate: format!("{}{}", chain.certificate, issuer.certificate),
    };
    for (name, pair, stored) in [
        ("pkcs8", &pkcs8, &pkcs8),
        ("large", &large, &large),
        ("chain", &chain, &with_issuer),
        ("expired", &expired, &expired.valid(2020..=2021)?),
    ] {
        // Secrets made like this are of type Opaque.
        cluster.seal(&context, name, pair).await?;
        cluster.synced(name, "False").await?;
        cluster
            .keys
            .put(&format!("{name}-key"), stored.data())
            .await?;
        cluster.synced(name, "True").await?;
    }
    // The oldest form: by its name alone.
    cluster.seal(&context, "legacy", &legacy).await?;
    cluster.synced("legacy", "False").await?;
    cluster
        .keys
        .put_with("sealed-secrets-key", Map::new(), legacy.data())
        .await?;
    cluster.synced("legacy", "True").await?;
    cluster.bad_keys(0).await?;
    Ok(())
}

async fn keys_added_relabelled_replaced_and_deleted_count_at_once(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    let address = cluster.installation.http();
    let first = http::get(&address, "/v1/cert.pem").await?.body;
    // From the future, so that it is the newest.
    let (one, two) = (
        KeyPair::make(Kind::Rsa2048, 2050..=2060)?,
        KeyPair::make(Kind::Rsa2048, 2051..=2060)?,
    );
    cluster.seal(&context, "one", &one).await?;
    cluster.seal(&context, "two", &two).await?;
    cluster.synced("one", "False").await?;
    cluster.synced("two", "False").await?;
    // Added: what waits for it is unsealed at once, and it is the one to seal for.
    cluster.keys.put("extra", one.data()).await?;
    cluster.synced("one", "True").await?;
    let served = other_certificate(&address, &first).await?;
    // Relabelled, as when it has leaked: no longer used, for anything.
    cluster.keys.label("extra", "compromised").await?;
    assert_eq!(other_certificate(&address, &served).await?, first);
    cluster.seal(&context, "one-more", &one).await?;
    cluster.synced("one-more", "False").await?;
    cluster.keys.label("extra", "active").await?;
    cluster.synced("one-more", "True").await?;
    // Replaced: the other key counts, this one doesn't.
    cluster.keys.put("extra", two.data()).await?;
    cluster.synced("two", "True").await?;
    cluster.seal(&context, "one-too-late", &one).await?;
    cluster.synced("one-too-late", "False").await?;
    // Deleted.
    let served = http::get(&address, "/v1/cert.pem").await?.body;
    cluster.keys.delete("extra").await?;
    assert_eq!(other_certificate(&address, &served).await?, first);
    cluster.seal(&context, "two-too-late", &two).await?;
    cluster.synced("two-too-late", "False").await?;
    // What was unsealed stays.
    cluster.synced("two", "True").await?;
    Ok(())
}

async fn newest_key_is_by_certificate_or_by_creation(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let address = cluster.installation.http();
    let first = http::get(&address, "/v1/cert.pem").await?.body;
    let created = cluster.keys.active().await?[0]
        .metadata
        .creation_timestamp
        .clone();
    // Created later, in whole seconds, with an earlier certificate.
    let old = KeyPair::make(Kind::Rsa2048, 2020..=2060)?;
    let later = async || {
        cluster.keys.put("restored", old.data()).await?;
        let secret = cluster.keys.get("restored").await?;
        if secret.metadata.creation_timestamp == created {
            cluster.keys.delete("restored").await?;
            return Ok(None);
        }
        Ok(Some(()))
    };
    eventually("a later second", DEADLINE, later, async || String::new()).await?;
    cluster
        .controller
        .wait_for_output("key in use\" key=restored", DEADLINE)
        .await?;
    assert_eq!(http::get(&address, "/v1/cert.pem").await?.body, first);
    cluster.controller.terminate(DEADLINE).await?;
    let arguments = [
        "--key-renew-period=0",
        "--key-order-priority=SecretCreationTimestamp",
    ];
    let _again = cluster
        .installation
        .start(&context, "again", &arguments)
        .await?;
    let served = http::get(&address, "/v1/cert.pem").await?.body;
    assert_eq!(served, old.certificate.replace("\r\n", "\n"));
    Ok(())
}

async fn keys_that_are_all_bad_are_followed_by_a_new_one_and_a_loud_log(
    context: Context,
) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let keys = Keys::of(&control_plane);
    keys.put("bad", json!({ "tls.key": "x", "tls.crt": "y" }))
        .await?;
    let mut controller = installation.start(&context, "controller", &[]).await?;
    controller
        .wait_for_output("level=ERROR msg=\"no key Secret is usable", DEADLINE)
        .await?;
    assert_eq!(keys.active().await?.len(), 2);
    Ok(())
}
