//! Claims about memory: what is large or hostile costs no more than it has to.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::DEADLINE;
use sealed_secrets_tests::sealed::synced;
use sealed_secrets_tests::{TestResult, cluster_claim, http, runner};
use serde_json::{Value, json};

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(memory_is_flat_under_huge_bodies),
        cluster_claim!(memory_is_flat_under_template_bombs),
        cluster_claim!(memory_does_not_hold_the_secrets_of_the_cluster),
    ])
}

const MIB: u64 = 1 << 20;

async fn memory_is_flat_under_huge_bodies(context: Context) -> TestResult {
    let mut cluster = Cluster::with(
        &context,
        &["--rate-limit=100000", "--rate-limit-burst=100000"],
    )
    .await?;
    cluster.unseals(&context, "works").await?;
    let address = cluster.installation.http();
    let before = cluster.controller.memory()?.peak;
    let huge = vec![b' '; 20 << 20];
    for path in ["/v1/verify", "/v1/rotate"] {
        for _ in 0..8 {
            let answer = http::send(&address, "POST", path, &[], &huge).await?;
            assert!((400..500).contains(&answer.code), "{answer:?}");
        }
    }
    let grown = cluster.controller.memory()?.peak.saturating_sub(before);
    assert!(grown < 30 * MIB, "{} MiB more", grown / MIB);
    cluster.controller.still_running("refused all that")?;
    Ok(())
}

async fn memory_is_flat_under_template_bombs(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    cluster.unseals(&context, "works").await?;
    let before = cluster.controller.memory()?.peak;
    for template in [
        "{{ repeat 300000000 .password }}",
        "{{ range until 100000000 }}{{ $.password }}{{ end }}",
        "{{ $x := .password }}{{ range until 60 }}{{ $x = printf \"%s%s\" $x $x }}{{ end }}{{ $x }}",
        "{{ define \"t\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" . }}",
        "{{ untilStep 0 1000000000 1 }}",
    ] {
        let sealed = cluster
            .seal(&context, "db", &[("password", "plaintext-bomb")])
            .await?;
        let mut sealed: Value = serde_json::from_str(&sealed)?;
        sealed["spec"]["template"]["data"] = json!({ "bomb": template });
        cluster.apply(&sealed.to_string()).await?;
        let message = synced(&cluster.control_plane, &cluster.namespace, "db", "False").await?;
        assert!(message.contains("bomb"), "{template}: {message}");
    }
    let grown = cluster.controller.memory()?.peak.saturating_sub(before);
    assert!(grown < 64 * MIB, "{} MiB more", grown / MIB);
    cluster.controller.still_running("bore all that")?;
    cluster.unseals(&context, "works").await
}

async fn memory_does_not_hold_the_secrets_of_the_cluster(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    cluster.unseals(&context, "works").await?;
    let before = cluster.controller.memory()?.peak;
    for number in 0..80 {
        let secret: Secret = serde_json::from_value(json!({
            "metadata": { "name": format!("large-{number}") },
            "stringData": { "x": "y".repeat(1_000_000) },
        }))?;
        cluster
            .secrets()
            .create(&PostParams::default(), &secret)
            .await?;
    }
    // Once more over everything, from the beginning.
    cluster.controller.terminate(DEADLINE).await?;
    cluster.controller = cluster.installation.start(&context, "again", &[]).await?;
    cluster.unseals(&context, "late").await?;
    let grown = cluster.controller.memory()?.peak.saturating_sub(before);
    assert!(grown < 30 * MIB, "{} MiB more", grown / MIB);
    Ok(())
}
