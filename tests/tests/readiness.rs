//! Claims about `/healthz` and `/readyz` before there is anything to serve, without an API server, and
//! on the way out.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use rustix::process::Signal;
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http::{get, send, serves};
use sealed_secrets_tests::installation::{NAME, NAMESPACE};
use sealed_secrets_tests::process::Process;
use sealed_secrets_tests::proxy::{Fault, Matching, Request, Verb};
use sealed_secrets_tests::sealed::synced;
use sealed_secrets_tests::{TestError, TestResult, claim, cluster_claim, runner};

/// What a Pod has for its end: `terminationGracePeriodSeconds` of `deploy/`.
const GRACE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    runner::run([
        cluster_claim!(without_a_key_it_is_alive_and_not_ready),
        claim!(
            ready_once_every_sealed_secret_is_listed,
            ControlPlane,
            Controller
        ),
        cluster_claim!(controller_waits_for_an_api_server_that_is_away),
        cluster_claim!(about_to_end_it_is_not_ready_and_serves),
        cluster_claim!(writes_that_hang_do_not_keep_the_lease),
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

async fn about_to_end_it_is_not_ready_and_serves(context: Context) -> TestResult {
    let mut cluster = Cluster::new(&context).await?;
    let sealed = cluster.seal(&context, "db", &[("password", "x")]).await?;
    let address = cluster.installation.http();
    serves(&address, "/readyz", &mut cluster.controller).await?;
    cluster.controller.signal(Signal::TERM)?;
    not_ready(&address, &mut cluster.controller).await?;
    for path in ["/healthz", "/v1/cert.pem"] {
        assert_eq!(get(&address, path).await?.code, 200, "{path}");
    }
    for path in ["/v1/verify", "/v1/rotate"] {
        let answer = send(&address, "POST", path, &[], sealed.as_bytes()).await?;
        assert_eq!(answer.code, 200, "{path}");
    }
    let metrics = get(&cluster.installation.metrics(), "/metrics").await?;
    assert_eq!(metrics.code, 200);
    assert_eq!(cluster.controller.wait(DEADLINE).await?.code(), Some(0));
    Ok(())
}

/// Waits until `/readyz` says that the end is near.
async fn not_ready(address: &str, process: &mut Process) -> TestResult {
    let answer = eventually(
        "503 from /readyz",
        DEADLINE,
        async || {
            if let Err(error) = process.still_running("was not ready") {
                return Ok(Some(Err(error)));
            }
            let answer = get(address, "/readyz").await?;
            Ok((answer.code == 503).then_some(Ok(answer)))
        },
        async || "it is ready".to_owned(),
    )
    .await??;
    assert_eq!(answer.body, "not ready: the controller is about to end\n");
    Ok(())
}

async fn writes_that_hang_do_not_keep_the_lease(context: Context) -> TestResult {
    let (mut cluster, proxy) = Cluster::behind_proxy(&context, &[]).await?;
    let sealed = cluster.seal(&context, "db", &[("password", "x")]).await?;
    // There is an object to record as settled, and another one whose Secret is being written.
    cluster.unseals(&context, "first").await?;
    let writes = Matching::to("secrets").verbs(&Verb::WRITES);
    proxy.inject(writes.clone(), Fault::Hang);
    cluster.apply(&sealed).await?;
    eventually(
        "a write that hangs",
        DEADLINE,
        async || {
            let ours = |it: &Request| it.namespace.as_ref() == Some(&cluster.namespace);
            let writes = proxy.requests(&writes);
            let hangs = writes.iter().any(|it| it.faulted && ours(it));
            Ok(hangs.then_some(()))
        },
        async || format!("{:?}", proxy.requests(&writes)),
    )
    .await?;
    let address = cluster.installation.http();
    cluster.controller.signal(Signal::TERM)?;
    not_ready(&address, &mut cluster.controller).await?;
    assert_eq!(get(&address, "/v1/cert.pem").await?.code, 200);
    assert_eq!(cluster.controller.wait(GRACE).await?.code(), Some(0));

    let leases: Api<Lease> = Api::namespaced(cluster.control_plane.client(), NAMESPACE);
    let spec = leases.get(NAME).await?.spec.unwrap_or_default();
    assert_eq!(spec.holder_identity, None, "it was not given back");
    let all = proxy.requests(&Matching::everything().verbs(&Verb::WRITES));
    let (released, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|it| it.resource == "leases");
    let at = |requests: Vec<Request>| -> Result<Instant, TestError> {
        Ok(requests
            .iter()
            .map(|it| it.at)
            .max()
            .ok_or("none was sent")?)
    };
    assert!(at(others)? < at(released)?, "something was written later");
    Ok(())
}
