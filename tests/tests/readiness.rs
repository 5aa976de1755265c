//! Claims about `/healthz` and `/readyz` before there is anything to serve, and without an API server.

use std::process::ExitCode;

use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http::{get, send, serves};
use sealed_secrets_tests::proxy::{Fault, Matching, Verb};
use sealed_secrets_tests::sealed::synced;
use sealed_secrets_tests::{TestResult, claim, cluster_claim, runner};

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(without_a_key_it_is_alive_and_not_ready),
        claim!(
            ready_once_every_sealed_secret_is_listed,
            ControlPlane,
            Controller
        ),
        cluster_claim!(controller_waits_for_an_api_server_that_is_away),
    ])
}

async fn without_a_key_it_is_alive_and_not_ready(context: Context) -> TestResult {
    let (mut cluster, proxy) = Cluster::behind_proxy(&context, &[]).await?;
    let sealed = cluster.seal(&context, "db", &[("password", "x")]).await?;
    cluster.controller.terminate(DEADLINE).await?;
    proxy.inject(Matching::to("secrets"), Fault::Hang);
    let http = cluster.installation.http();
    let mut controller = cluster.installation.launch(&context, "keyless", &[])?;
    serves(&http, "/healthz", &mut controller).await?;
    let answer = get(&http, "/readyz").await?;
    assert_eq!(
        (answer.code, answer.body.as_str()),
        (503, "not ready: there is no key\n")
    );
    assert_eq!(send(&http, "HEAD", "/readyz", &[], b"").await?.code, 503);
    assert_eq!(get(&http, "/v1/cert.pem").await?.code, 500);
    let answer = send(&http, "POST", "/v1/verify", &[], sealed.as_bytes()).await?;
    assert_eq!(answer.code, 409);
    let answer = send(&http, "POST", "/v1/rotate", &[], sealed.as_bytes()).await?;
    assert_eq!(answer.code, 500);
    proxy.heal();
    serves(&http, "/readyz", &mut controller).await?;
    assert_eq!(get(&http, "/v1/cert.pem").await?.code, 200);
    Ok(())
}

async fn ready_once_every_sealed_secret_is_listed(context: Context) -> TestResult {
    let (mut cluster, proxy) = Cluster::behind_proxy(&context, &[]).await?;
    cluster.controller.terminate(DEADLINE).await?;
    let listing = Matching::to("sealedsecrets").verbs(&[Verb::List]);
    proxy.inject(listing.clone(), Fault::status(500));
    proxy.forget();
    let mut controller = cluster.installation.start(&context, "again", &[]).await?;
    eventually(
        "a listing that fails",
        DEADLINE,
        async || Ok((!proxy.requests(&listing).is_empty()).then_some(())),
        async || "there is none".to_owned(),
    )
    .await?;
    let http = cluster.installation.http();
    let answer = get(&http, "/readyz").await?;
    let wanted = "not ready: the SealedSecrets have not been listed yet\n";
    assert_eq!((answer.code, answer.body.as_str()), (503, wanted));
    assert_eq!(get(&http, "/healthz").await?.code, 200);
    proxy.heal();
    serves(&http, "/readyz", &mut controller).await?;
    Ok(())
}

async fn controller_waits_for_an_api_server_that_is_away(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let sealed = cluster.seal(&context, "db", &[("password", "x")]).await?;
    let address = cluster.installation.http();
    serves(&address, "/readyz", &mut cluster.controller).await?;
    cluster.control_plane.kill_api_server().await?;
    for path in ["/healthz", "/readyz", "/v1/cert.pem"] {
        assert_eq!(get(&address, path).await?.code, 200, "{path}");
    }
    for path in ["/v1/verify", "/v1/rotate"] {
        let answer = send(&address, "POST", path, &[], sealed.as_bytes()).await?;
        assert_eq!(answer.code, 200, "{path}");
    }
    cluster.control_plane.start_api_server().await?;
    cluster.apply(&sealed).await?;
    synced(&cluster.control_plane, &cluster.namespace, "db", "True").await?;
    cluster.controller.still_running("outlived the outage")?;
    Ok(())
}
