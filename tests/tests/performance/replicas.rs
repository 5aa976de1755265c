//! What a further replica costs, and what all of them cost while nothing changes.

use std::time::Duration;

use sealed_secrets_tests::TestResult;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http;

use crate::comparison::Comparison;
use crate::contender::Contender;
use crate::objects::Sealer;
use crate::stand::Stand;

/// Records of settled objects are stored once it has been quiet for a few seconds.
const QUIET: Duration = Duration::from_secs(10);

pub(crate) async fn replicas_rest(context: Context) -> TestResult {
    let stand = Stand::audited(context, 1).await?;
    let (plan, count) = (&stand.plan, stand.plan.counted);
    let objects = stand.seal(Sealer::Ours, (count, 3), 1).await?;
    stand.create(&objects.sealed).await?;
    let mut leader = stand.start(Contender::Ours).await?;
    leader.settled(count).await?;
    let place = stand.installation.replica()?;
    let mut standby = place
        .start(&stand.context, "standby", Contender::Ours.arguments())
        .await?;
    let address = place.http();
    eventually(
        "the other replica being ready",
        DEADLINE,
        async || {
            standby.still_running("got ready")?;
            let answer = http::get(&address, "/readyz").await?;
            Ok((answer.code == 200).then_some(()))
        },
        async || String::new(),
    )
    .await?;

    // What is measured is a stretch of time, not an event that could be waited for.
    tokio::time::sleep(QUIET).await;
    let before = stand.control_plane.audit_events()?.len();
    let processes = [
        ("the replica that writes", &leader.process),
        ("another", &standby),
    ];
    let mut used = Vec::new();
    for (_, process) in &processes {
        used.push(process.cpu_time()?);
    }
    tokio::time::sleep(plan.rest_for()).await;
    let seconds = plan.rest_for().as_secs_f64();
    let what = format!("At rest, {count} objects of three values");
    let mut comparison = Comparison::default();
    for ((name, process), before) in processes.into_iter().zip(used) {
        let cpu = (process.cpu_time()? - before).as_secs_f64();
        let millis = cpu / seconds * 1000.0;
        comparison.add_alone(
            &format!("{what}: processor time a second, {name}"),
            "ms",
            millis,
        );
        let memory = process.memory()?;
        for (kind, bytes) in [("memory", memory.resident), ("peak memory", memory.peak)] {
            let mib = bytes as f64 / f64::from(1 << 20);
            comparison.add_alone(&format!("{what}: {kind}, {name}"), "MiB", mib);
        }
    }
    let mut all = 0;
    for ((verb, resource), number) in stand.requests(before, &[])? {
        eprintln!("at rest: {verb} {resource}: {number}");
        all += number;
    }
    let per_second = all as f64 / seconds;
    comparison.add_alone(
        &format!("{what}: requests a second, two replicas"),
        "",
        per_second,
    );
    standby.terminate(DEADLINE).await?;
    leader.end().await?;
    stand.check(&objects).await?;
    comparison.finish(false);
    Ok(())
}
