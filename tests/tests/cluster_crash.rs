//! kill -9 at random moments while everything changes in a cluster: nothing is lost, nothing is
//! half-written, and no second key is made.

use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::installation::NAMESPACE;
use sealed_secrets_tests::sealed::{KEY_LABEL, synced};
use sealed_secrets_tests::{TestError, TestResult, cluster_claim, runner};

/// How often it is killed, if not 10 times.
const KILLS: &str = "SEALED_SECRETS_TESTS_KILLS";
const OBJECTS: usize = 5;
const VERSIONS: usize = 4;

fn main() -> ExitCode {
    runner::run(
        [cluster_claim!(kills_at_any_moment_lose_nothing).within(Duration::from_secs(7200))],
    )
}

/// Items of one version: every value names the version, so that a mix of two shows.
fn items(version: usize) -> [(String, String); 3] {
    let value = format!("plaintext-version-{version}");
    [
        ("a".to_owned(), value.clone()),
        ("b".to_owned(), value.repeat(500)),
        // Items come and go between versions.
        (format!("only-{}", version % 3), value),
    ]
}

/// The version that a Secret holds all items of, and no others.
fn version_of(secret: Secret) -> Result<usize, TestError> {
    let data = secret.data.unwrap_or_default();
    let whole = |version: &usize| {
        let items = items(*version);
        data.len() == items.len()
            && items
                .iter()
                .all(|(item, value)| data.get(item).is_some_and(|it| it.0 == value.as_bytes()))
    };
    let names = || data.keys().cloned().collect::<Vec<_>>();
    (0..VERSIONS)
        .find(whole)
        .ok_or_else(|| format!("{:?} is torn: {:?}", secret.metadata.name, names()).into())
}

async fn kills_at_any_moment_lose_nothing(context: Context) -> TestResult {
    let kills: usize = match std::env::var(KILLS) {
        Ok(text) => text.parse()?,
        Err(_) => 10,
    };
    let mut cluster = Cluster::new(&context).await?;
    let mut sealed = Vec::new();
    for object in 0..OBJECTS {
        let mut versions = Vec::new();
        for version in 0..VERSIONS {
            let items = items(version);
            let items = items
                .each_ref()
                .map(|(item, value)| (item.as_str(), value.as_str()));
            versions.push(
                cluster
                    .seal(&context, &format!("object-{object}"), &items)
                    .await?,
            );
        }
        sealed.push(versions);
    }
    let secrets = cluster.secrets();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for kill in 0..kills {
        let mut wanted = [0; OBJECTS];
        for (object, versions) in sealed.iter().enumerate() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let version = usize::try_from(random >> 33)? % VERSIONS;
            wanted[object] = version;
            cluster.apply(&versions[version]).await?;
            if random >> 30 & 7 == 0 {
                let name = format!("object-{object}");
                // It may not be there yet.
                let _ = secrets.delete(&name, &DeleteParams::default()).await;
            }
            // The moment of the kill is the random variable of this test.
            let moment = usize::try_from(random >> 40)? % OBJECTS;
            if moment == object {
                tokio::time::sleep(Duration::from_micros((random >> 20) % 40_000)).await;
                cluster.controller.kill().await?;
            }
        }
        cluster.controller.kill().await?;
        for secret in secrets.list(&ListParams::default()).await? {
            version_of(secret)?;
        }
        let name = format!("controller-{kill}");
        cluster.controller = cluster.installation.start(&context, &name, &[]).await?;
        for (object, version) in wanted.iter().enumerate() {
            let name = format!("object-{object}");
            eventually(
                &format!("{name} having version {version} after kill {kill}"),
                DEADLINE,
                async || {
                    let secret = secrets.get_opt(&name).await?.ok_or("no Secret")?;
                    Ok((version_of(secret)? == *version).then_some(()))
                },
                async || format!("{:?}", secrets.get_opt(&name).await),
            )
            .await?;
            synced(&cluster.control_plane, &cluster.namespace, &name, "True").await?;
        }
    }
    let keys: Api<Secret> = Api::namespaced(cluster.control_plane.client(), NAMESPACE);
    let keys = keys.list(&ListParams::default().labels(KEY_LABEL)).await?;
    assert_eq!(keys.items.len(), 1, "keys");
    Ok(())
}
