//! Claims about several replicas: one of them writes, all of them serve, and whatever becomes of the
//! one that writes, every change is carried out once and every period has one key.
//!
//! The short form runs with the other tests. The long one takes half an hour and prints its figures; two claims at
//! a time share a hundred changes a second:
//!
//!     SEALED_SECRETS_TESTS_TAKEOVERS=20 cargo test --release --workspace --test replicas -- --nocapture --test-threads=2

mod behind;
mod load;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;
use sealed_secrets_tests::keys::{self, Keys};
use sealed_secrets_tests::metrics::becomes;
use sealed_secrets_tests::proxy::{Fault, Matching, Request, Verb};
use sealed_secrets_tests::replicas::{Replica, Replicas, Times};
use sealed_secrets_tests::{TestError, TestResult, claim, runner};

use behind::successor_that_is_behind_undoes_nothing;
use load::{Load, Size};

/// How often each thing happens to a leader in the long form.
const TAKEOVERS: &str = "SEALED_SECRETS_TESTS_TAKEOVERS";
/// How long a leader is paused in the long form.
const PAUSE: Duration = Duration::from_secs(60);
/// What changes meanwhile in the short form, and in the long one.
const LITTLE: Size = Size {
    objects: 20,
    rate: 10,
};
const MUCH: Size = Size {
    objects: 200,
    rate: 50,
};
/// Seconds from one key to the next.
const PERIOD: u64 = 5;
/// What the long form holds takeovers to.
const AT_MOST: Duration = Duration::from_secs(20);
/// The same after a clean stop.
const AT_MOST_AFTER_STOP: Duration = Duration::from_secs(3);
const LEADER: &str = "sealed_secrets_controller_leader";

fn main() -> ExitCode {
    let long = Duration::from_secs(2 * 3600);
    runner::run([
        claim!(
            killed_leader_is_succeeded,
            ControlPlane,
            Controller,
            Kubeseal
        )
        .within(long),
        claim!(
            paused_leader_is_succeeded_and_writes_nothing_when_it_wakes_up,
            ControlPlane,
            Controller,
            Kubeseal
        )
        .within(long),
        claim!(
            leader_that_is_cut_off_is_succeeded_and_goes_on_serving,
            ControlPlane,
            Controller,
            Kubeseal
        )
        .within(long),
        claim!(
            leader_that_stops_hands_over_at_once,
            ControlPlane,
            Controller,
            Kubeseal
        )
        .within(long),
        claim!(
            successor_that_is_behind_undoes_nothing,
            ControlPlane,
            Controller,
            Kubeseal
        ),
        claim!(
            followers_serve_and_write_nothing,
            ControlPlane,
            Controller,
            Kubeseal
        ),
        claim!(
            without_leader_election_no_lease_is_asked_for,
            ControlPlane,
            Controller,
            Kubeseal
        ),
    ])
}

/// What happens to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// kill -9.
    Kill,
    /// Stopped by a signal, and continued later.
    Pause,
    /// No way to the API server for a while.
    Cut,
    /// SIGTERM.
    Stop,
}

async fn killed_leader_is_succeeded(context: Context) -> TestResult {
    takeovers(&context, Blow::Kill).await
}

async fn paused_leader_is_succeeded_and_writes_nothing_when_it_wakes_up(
    context: Context,
) -> TestResult {
    takeovers(&context, Blow::Pause).await
}

async fn leader_that_is_cut_off_is_succeeded_and_goes_on_serving(context: Context) -> TestResult {
    takeovers(&context, Blow::Cut).await
}

async fn leader_that_stops_hands_over_at_once(context: Context) -> TestResult {
    takeovers(&context, Blow::Stop).await
}

/// What was measured.
#[derive(Default)]
struct Figures {
    /// From the blow until another replica has the Lease, and until it has written a Secret.
    leases: Times,
    writes: Times,
    versions: usize,
    written: usize,
    /// Writes of former leaders that the API server refused.
    refused: usize,
}

async fn takeovers(context: &Context, blow: Blow) -> TestResult {
    let asked = std::env::var(TAKEOVERS).ok();
    let rounds: usize = asked.as_deref().unwrap_or("1").parse()?;
    let period = format!("--key-renew-period={PERIOD}s");
    let mut replicas = Replicas::start(context, 3, &[&period]).await?;
    let size = if asked.is_some() { MUCH } else { LITTLE };
    let load = Load::start(context, &replicas, size).await?;
    let (began, mut figures) = (Instant::now(), Figures::default());
    load.rest(&replicas).await?;
    for round in 1..=rounds {
        load.seal(context, &replicas, round).await?;
        replicas.forget();
        load.go_on();
        takeover(context, blow, round, &mut replicas, &load, &mut figures).await?;
        let versions = load.rest(&replicas).await?;
        once_in_effect(&replicas, versions, &mut figures)?;
        load.is_unharmed()?;
    }
    // Renewal goes on under whoever leads.
    let stored = Keys::of(&replicas.control_plane)
        .wait_for(rounds + 1)
        .await?
        .len();
    let starts = keys::starts(&replicas.all[0].installation.metrics()).await?;
    one_for_each_period(&starts)?;
    let (changes, polls) = load.figures();
    println!(
        "{blow:?}, {rounds} times: Lease taken after {}; a Secret written after {} | {changes} changes, {} versions of \
         Secrets, {} writes, {} of former leaders refused | {stored} keys in {} s, one every {PERIOD} s at most | {polls} answers with the certificate, none failed",
        figures.leases,
        figures.writes,
        figures.versions,
        figures.written,
        figures.refused,
        began.elapsed().as_secs(),
    );
    if asked.is_some() {
        let bound = if blow == Blow::Stop {
            AT_MOST_AFTER_STOP
        } else {
            AT_MOST
        };
        let p99 = figures.writes.percentile(99);
        assert!(p99 < bound, "p99 is {p99:?}");
    }
    Ok(())
}

/// Lets the leader have it, and waits until another one leads, and it is a follower.
async fn takeover(
    context: &Context,
    blow: Blow,
    round: usize,
    replicas: &mut Replicas,
    load: &Load,
    figures: &mut Figures,
) -> TestResult {
    let leader = replicas.leader().await?.ok_or("nobody leads")?;
    // It is at work.
    let since = Instant::now();
    let writes = |replicas: &Replicas| {
        let written = replicas.all[leader].writes(&Matching::to("secrets"));
        written.filter_map(|it| it.done()).any(|at| at > since)
    };
    let at_work = async || Ok(writes(replicas).then_some(()));
    eventually("the leader writing", DEADLINE, at_work, async || {
        String::new()
    })
    .await?;

    if blow != Blow::Cut {
        load.excuse(leader);
    }
    let struck = Instant::now();
    strike(&mut replicas.all[leader], blow, round).await?;
    let successor = replicas.other_leader(Some(leader)).await?;
    // The Lease shows it before the answer has come through the proxy.
    let taking = Matching::to("leases").verbs(&[Verb::Update, Verb::Create]);
    let requests = || replicas.all[successor].proxy.requests(&taking);
    let taken = eventually(
        "the Lease being taken",
        DEADLINE,
        async || Ok(requests().iter().filter_map(Request::done).min()),
        async || format!("{:?}", requests()),
    )
    .await?;
    let written = eventually(
        "a Secret written by the successor",
        DEADLINE,
        async || Ok(replicas.first_write(leader, taken)),
        async || format!("{successor} leads since {:?}", taken.elapsed()),
    )
    .await?;
    figures.leases.push(taken - struck);
    figures.writes.push(written - struck);

    let back = Instant::now();
    match blow {
        Blow::Kill | Blow::Stop => replicas.restart(context, leader).await?,
        Blow::Pause => {
            if std::env::var_os(TAKEOVERS).is_some() {
                tokio::time::sleep(PAUSE.saturating_sub(struck.elapsed())).await;
            }
            replicas.all[leader].process.signal(Signal::CONT)?;
        }
        Blow::Cut => replicas.all[leader].proxy.heal(),
    }
    replicas.all[leader].has_looked(back).await?;
    load.expect_all();
    // One that was stopped between looking at the clock and sending sends when it wakes up: that is
    // refused. An Event can't be.
    let late = replicas.all[leader].writes(&Matching::everything());
    let late = late.filter(|it| it.at > taken && it.resource != "events");
    let (written, refused): (Vec<_>, Vec<_>) = late.partition(|it| it.done().is_some());
    assert!(written.is_empty(), "written by who led before: {written:?}");
    figures.refused += refused.len();
    assert_ne!(replicas.leader().await?, Some(leader));
    Ok(())
}

async fn strike(replica: &mut Replica, blow: Blow, round: usize) -> TestResult {
    match blow {
        Blow::Kill => drop(replica.process.kill().await?),
        Blow::Pause => replica.process.signal(Signal::STOP)?,
        // By turns a network that swallows everything, and one that refuses.
        Blow::Cut if round % 2 == 1 => {
            replica.proxy.inject(Matching::everything(), Fault::Silent);
            replica.proxy.inject(Matching::everything(), Fault::Hang);
        }
        Blow::Cut => {
            replica.proxy.inject(Matching::everything(), Fault::Cut);
            replica.proxy.cut();
        }
        Blow::Stop => {
            let status = replica.process.terminate(DEADLINE).await?;
            assert!(status.success(), "{status}");
        }
    }
    Ok(())
}

/// Every write that was carried out is a version that was seen, so none was for nothing.
fn once_in_effect(replicas: &Replicas, versions: usize, figures: &mut Figures) -> TestResult {
    let writes = replicas.all.iter().flat_map(|replica| {
        let all = replica.writes(&Matching::to("secrets"));
        all.filter(|it| it.namespace.as_ref() == Some(&replicas.namespace))
    });
    let writes: Vec<Request> = writes.collect();
    let done = writes.iter().filter(|it| it.done().is_some()).count();
    // Who asked was gone before the answer came.
    let unanswered = |it: &&Request| it.answered.is_none() && !it.faulted;
    let unknown = writes.iter().filter(unanswered).count();
    figures.versions += versions;
    figures.written += done;
    if !(done..=done + unknown).contains(&versions) {
        let what =
            format!("{versions} versions of Secrets by {done} writes, and {unknown} unknown");
        return Err(what.into());
    }
    Ok(())
}

/// Certificates count whole seconds.
fn one_for_each_period(starts: &[u64]) -> TestResult {
    assert!(starts.len() > 1, "{starts:?}");
    match starts
        .windows(2)
        .find(|pair| pair[1] - pair[0] + 1 < PERIOD)
    {
        Some(pair) => Err(format!("keys {pair:?} of {starts:?} are too close").into()),
        None => Ok(()),
    }
}

async fn followers_serve_and_write_nothing(context: Context) -> TestResult {
    let mut replicas = Replicas::start(&context, 3, &["--key-renew-period=0"]).await?;
    let load = Load::start(&context, &replicas, LITTLE).await?;
    let leader = replicas.leader().await?.ok_or("nobody leads")?;
    load.rest(&replicas).await?;
    load.is_unharmed()?;
    let keys = Keys::of(&replicas.control_plane);
    assert_eq!(keys.active().await?.len(), 1);
    for (number, replica) in replicas.all.iter().enumerate() {
        let leads = f64::from(u8::from(number == leader));
        becomes(&replica.installation.metrics(), LEADER, &[], Some(leads)).await?;
        let wrote = replica.writes(&Matching::everything()).count();
        assert_eq!(wrote > 0, number == leader, "replica {number}: {wrote}");
    }
    // A key that a follower is asked for is made, once, and served by all.
    let before = certificate(&replicas.all[leader]).await?;
    let follower = (leader + 1) % 3;
    replicas.all[follower].process.signal(Signal::USR1)?;
    for replica in &replicas.all {
        keys::other_certificate(&replica.installation.http(), &before).await?;
    }
    assert_eq!(keys.active().await?.len(), 2);
    Ok(())
}

async fn certificate(replica: &Replica) -> Result<String, TestError> {
    let answer = http::get(&replica.installation.http(), "/v1/cert.pem").await?;
    Ok(answer.body)
}

async fn without_leader_election_no_lease_is_asked_for(context: Context) -> TestResult {
    let (cluster, proxy) =
        sealed_secrets_tests::cluster::Cluster::behind_proxy(&context, &["--leader-elect=false"])
            .await?;
    cluster.unseals(&context, "db").await?;
    becomes(&cluster.installation.metrics(), LEADER, &[], Some(1.0)).await?;
    assert_eq!(proxy.requests(&Matching::to("leases")), []);
    Ok(())
}
