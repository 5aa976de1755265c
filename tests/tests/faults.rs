//! Claims about what the controller outlives: an API server that is gone, slow or refuses, and a
//! proxy in between that does worse. Afterwards everything is as it should be, the process is the
//! same, and it rests.

use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;
use sealed_secrets_tests::install;
use sealed_secrets_tests::installation::{NAME, NAMESPACE, deploy};
use sealed_secrets_tests::process::Signal;
use sealed_secrets_tests::proxy::{Fault, Matching, Verb};
use sealed_secrets_tests::scene::Scene;
use sealed_secrets_tests::{TestResult, claim, runner};

/// Makes a claim of a test that needs a cluster, our controller and `kubeseal`.
macro_rules! survives {
    ($function:ident) => {
        claim!($function, ControlPlane, Controller, Kubeseal).within(Duration::from_secs(600))
    };
}

fn main() -> ExitCode {
    runner::run([
        survives!(api_server_gone_for_a_while),
        survives!(conflicts_on_every_write_409),
        survives!(too_many_requests_429),
        survives!(server_errors_on_writes_of_secrets_500),
        survives!(server_errors_on_writes_of_status_500),
        survives!(unavailable_for_everything_503),
        survives!(answers_to_writes_are_lost),
        survives!(connections_are_cut_again_and_again),
        survives!(watches_are_gone_410),
        survives!(watch_ends_with_an_error_event_410),
        survives!(slow_watches_bring_everything_in_the_end),
        survives!(watches_that_fell_silent_are_begun_anew),
        survives!(changes_while_the_watches_are_away_are_caught_up),
        survives!(everything_hangs_for_a_while),
        survives!(requests_that_are_never_answered_are_given_up),
        survives!(token_that_became_invalid_is_read_again),
        survives!(revoked_rights_come_back),
        survives!(etcd_is_killed_and_started_again),
        survives!(process_is_stopped_for_a_while),
    ])
}

async fn api_server_gone_for_a_while(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.proxy.forget();
    scene.cluster.control_plane.kill_api_server().await?;
    eventually(
        "several tries to reach the API server",
        DEADLINE,
        async || {
            let tries = scene.proxy.requests(&Matching::everything());
            Ok((tries.len() >= 12).then_some(()))
        },
        async || String::new(),
    )
    .await?;
    let address = scene.cluster.installation.http();
    assert_eq!(http::get(&address, "/healthz").await?.code, 200);
    assert_eq!(http::get(&address, "/v1/cert.pem").await?.code, 200);
    scene.cluster.control_plane.start_api_server().await?;
    scene.change_everything().await?;
    scene.unharmed().await
}

/// Injects a fault, changes everything, and heals once several requests have suffered.
async fn outlives(context: &Context, matching: Matching, fault: Fault) -> TestResult {
    let mut scene = Scene::new(context).await?;
    scene.proxy.forget();
    scene.proxy.inject(matching, fault);
    scene.change_everything().await?;
    scene.suffers(8).await?;
    scene.proxy.heal();
    scene.unharmed().await
}

async fn conflicts_on_every_write_409(context: Context) -> TestResult {
    outlives(
        &context,
        Matching::everything().verbs(&Verb::WRITES),
        Fault::status(409),
    )
    .await
}

async fn too_many_requests_429(context: Context) -> TestResult {
    let fault = Fault::Status {
        code: 429,
        retry_after: Some(1),
    };
    outlives(&context, Matching::everything().verbs(&Verb::WRITES), fault).await
}

async fn server_errors_on_writes_of_secrets_500(context: Context) -> TestResult {
    outlives(
        &context,
        Matching::to("secrets").verbs(&Verb::WRITES),
        Fault::status(500),
    )
    .await
}

async fn server_errors_on_writes_of_status_500(context: Context) -> TestResult {
    outlives(
        &context,
        Matching::to("sealedsecrets/status"),
        Fault::status(500),
    )
    .await
}

async fn unavailable_for_everything_503(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.proxy.forget();
    scene
        .proxy
        .inject(Matching::everything(), Fault::status(503));
    scene.proxy.cut();
    scene.change_everything().await?;
    scene.suffers(8).await?;
    scene.proxy.heal();
    scene.unharmed().await
}

async fn answers_to_writes_are_lost(context: Context) -> TestResult {
    outlives(
        &context,
        Matching::everything().verbs(&Verb::WRITES),
        Fault::LoseAnswer,
    )
    .await
}

async fn connections_are_cut_again_and_again(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.proxy.forget();
    scene.proxy.inject(Matching::everything(), Fault::Cut);
    scene.proxy.cut();
    scene.change_everything().await?;
    scene.suffers(8).await?;
    scene.proxy.heal();
    scene.unharmed().await
}

async fn watches_are_gone_410(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.proxy.forget();
    let watches = Matching::everything().verbs(&[Verb::Watch]);
    scene.proxy.inject(watches, Fault::status(410));
    scene.proxy.cut();
    scene.change_everything().await?;
    scene.suffers(8).await?;
    // Asking for the same version again would never help; listing does, each time.
    scene.all_right().await?;
    scene.proxy.heal();
    scene.unharmed().await
}

async fn watch_ends_with_an_error_event_410(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.proxy.forget();
    let watches = Matching::everything().verbs(&[Verb::Watch]);
    scene.proxy.inject(watches, Fault::GoneEvent);
    scene.proxy.cut();
    scene.change_everything().await?;
    scene.suffers(8).await?;
    scene.proxy.heal();
    scene.unharmed().await
}

async fn slow_watches_bring_everything_in_the_end(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    let watches = Matching::everything().verbs(&[Verb::Watch]);
    let slow = Fault::Slow(Duration::from_millis(700));
    scene.proxy.inject(watches, slow);
    scene.change_everything().await?;
    // It isn't healed: slow is not wrong.
    scene.unharmed().await
}

async fn watches_that_fell_silent_are_begun_anew(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    let watches = Matching::everything().verbs(&[Verb::Watch]);
    scene.proxy.inject_open(watches, Fault::Silent);
    scene.change_everything().await?;
    // They aren't healed, and no error tells the controller.
    scene.unharmed().await
}

async fn changes_while_the_watches_are_away_are_caught_up(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.proxy.forget();
    let watches = Matching::everything().verbs(&[Verb::Watch, Verb::List]);
    scene.proxy.inject(watches, Fault::Hang);
    scene.proxy.cut();
    scene.suffers(2).await?;
    scene.change_everything().await?;
    scene.proxy.heal();
    scene.unharmed().await
}

async fn everything_hangs_for_a_while(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.proxy.forget();
    scene.proxy.inject(Matching::everything(), Fault::Hang);
    scene.change_everything().await?;
    scene.suffers(4).await?;
    let address = scene.cluster.installation.http();
    assert_eq!(http::get(&address, "/healthz").await?.code, 200);
    scene.proxy.heal();
    scene.unharmed().await
}

async fn requests_that_are_never_answered_are_given_up(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.proxy.forget();
    let writes = Matching::to("secrets").verbs(&Verb::WRITES);
    scene.proxy.inject_times(3, writes, Fault::Hang);
    // And they go on hanging: nobody heals.
    scene.change_everything().await?;
    scene.suffers(3).await?;
    scene.unharmed().await
}

async fn token_that_became_invalid_is_read_again(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    let accounts: Api<ServiceAccount> =
        Api::namespaced(scene.cluster.control_plane.client(), NAMESPACE);
    let identity = scene.cluster.installation.identity().clone();
    let old = std::fs::read_to_string(identity.token_file())?;
    // Tokens are for one account, and one of the same name is another.
    accounts.delete(NAME, &DeleteParams::default()).await?;
    let mut account = ServiceAccount::default();
    account.metadata.name = Some(NAME.to_owned());
    eventually(
        "the service account being made again",
        DEADLINE,
        async || {
            accounts.create(&PostParams::default(), &account).await?;
            Ok(Some(()))
        },
        async || String::new(),
    )
    .await?;
    let with_the_old = identity.client().await?;
    let mut refused = async || match with_the_old.apiserver_version().await {
        Err(kube::Error::Api(status)) if status.code == 401 => Ok(Some(())),
        other => Err(format!("{other:?}").into()),
    };
    eventually(
        "the old token being refused",
        DEADLINE,
        &mut refused,
        async || String::new(),
    )
    .await?;
    scene.proxy.cut();
    scene.change_everything().await?;
    let controller = &mut scene.cluster.controller;
    controller.wait_for_output("Unauthorized", DEADLINE).await?;
    identity.renew_token(&scene.cluster.control_plane).await?;
    scene.unharmed().await?;
    scene.proxy.forget();
    scene.proxy.cut();
    scene.rests().await?;
    assert_eq!(
        scene.proxy.requests(&Matching::everything().token(&old)),
        []
    );
    Ok(())
}

async fn revoked_rights_come_back(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    let bindings: Api<ClusterRoleBinding> = Api::all(scene.cluster.control_plane.client());
    bindings.delete(NAME, &DeleteParams::default()).await?;
    scene.proxy.cut();
    scene.change_everything().await?;
    scene
        .cluster
        .controller
        .wait_for_output("is forbidden", DEADLINE)
        .await?;
    install::apply(&scene.cluster.control_plane, &deploy("rbac.yaml")).await?;
    scene.unharmed().await
}

async fn etcd_is_killed_and_started_again(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.change_everything().await?;
    scene.cluster.control_plane.restart_etcd().await?;
    scene.unharmed().await
}

async fn process_is_stopped_for_a_while(context: Context) -> TestResult {
    let mut scene = Scene::new(&context).await?;
    scene.cluster.controller.signal(Signal::STOP)?;
    // As after a laptop's sleep: connections are dead, and everything has changed.
    scene.proxy.cut();
    scene.change_everything().await?;
    scene.cluster.controller.signal(Signal::CONT)?;
    scene.unharmed().await
}
