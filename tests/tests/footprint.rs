//! What an object costs in memory, and what a controller with nothing to do costs in processor time.
//!
//! The short form runs with the other tests. The long one is for a quiet machine, and prints a line for
//! each number of objects:
//!
//!     SEALED_SECRETS_TESTS_FOOTPRINT=1000,10000 cargo test --release -p sealed-secrets-tests --test footprint

use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{DynamicObject, PostParams};
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::metrics::Exposition;
use sealed_secrets_tests::process::Memory;
use sealed_secrets_tests::sealed::{api, secret_manifest};
use sealed_secrets_tests::{TestError, TestResult, claim, runner};
use serde_json::Value;

/// Numbers of objects of the long form.
const SIZES: &str = "SEALED_SECRETS_TESTS_FOOTPRINT";
/// Requests of the test at once.
const CONCURRENCY: usize = 16;
/// How long all objects together may take.
const PATIENCE: Duration = Duration::from_secs(900);
/// How long the long form looks at a controller that has nothing to do.
const REST: Duration = Duration::from_secs(60);
/// Longest time that memory may go on falling, in seconds.
const GIVEN_BACK: usize = 30;
/// Seconds without a fall after which it has fallen as far as it does.
const STEADY: usize = 4;
/// Bytes that an object may cost besides its own text: what is remembered of it, and of its Secret.
const BESIDES: u64 = 4 << 10;

fn main() -> ExitCode {
    runner::run([claim!(
        an_object_costs_little_memory,
        ControlPlane,
        Controller,
        Kubeseal
    )
    .within(Duration::from_secs(3600))])
}

/// What was measured with a number of objects.
#[derive(Clone, Copy)]
struct Figures {
    objects: usize,
    /// From a first start, when every object is new to the controller.
    cold: Memory,
    /// Processor time of that.
    cpu: Duration,
    /// How long it took.
    time: Duration,
    /// From a start when everything is as it should be.
    settled: Memory,
    /// Processor time of a minute in which nothing happened.
    rest: Option<Duration>,
}

async fn an_object_costs_little_memory(context: Context) -> TestResult {
    let long = std::env::var(SIZES).ok();
    let sizes = long.as_deref().unwrap_or("100,1000");
    let sizes: Vec<usize> = sizes.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let mut cluster = Cluster::with(&context, &["--key-size=4096"]).await?;
    let sealed = seal(&cluster, &context).await?;
    let text = serde_json::to_vec(&sealed["spec"])?.len() as u64;
    restart(&mut cluster, &context).await?;
    let empty = cluster.controller.memory()?;
    println!("no object: {}; the spec of one: {text} bytes", shown(empty));

    let mut all: Vec<Figures> = Vec::new();
    for objects in sizes {
        let before = all.last().map_or(0, |last| last.objects);
        let figures = measure(
            &mut cluster,
            &context,
            &sealed,
            before..objects,
            long.is_some(),
        );
        let figures = figures.await?;
        println!("{}", figures.line());
        all.push(figures);
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return Err("nothing measured".into());
    };
    let more = (last.objects - first.objects) as u64;
    for (what, figure) in [
        (
            "after a first start",
            (|it| it.cold) as fn(&Figures) -> Memory,
        ),
        ("when settled", |it| it.settled),
    ] {
        let grown = figure(last)
            .anonymous
            .saturating_sub(figure(first).anonymous);
        let each = grown / more.max(1);
        println!("{what} {each} bytes for each further object");
        assert!(each < text + BESIDES, "{what} {each} bytes for each object");
    }
    Ok(())
}

/// Makes the objects of `range` while no controller runs, and starts one: over new objects, and over
/// settled ones.
async fn measure(
    cluster: &mut Cluster,
    context: &Context,
    sealed: &Value,
    range: std::ops::Range<usize>,
    long: bool,
) -> Result<Figures, TestError> {
    cluster.controller.terminate(DEADLINE).await?;
    let objects = range.end;
    // Those of the last time are new again, too.
    let (delete, list) = (Default::default(), Default::default());
    let _ = cluster.secrets().delete_collection(&delete, &list).await?;
    let old = api(&cluster.control_plane, &cluster.namespace);
    let _ = old.delete_collection(&delete, &list).await?;
    create(cluster, sealed, objects).await?;
    let started = Instant::now();
    restart(cluster, context).await?;
    all_synced(cluster, objects).await?;
    let (time, cpu) = (started.elapsed(), cluster.controller.cpu_time()?);
    let cold = at_rest(cluster).await?;
    restart(cluster, context).await?;
    all_synced(cluster, objects).await?;
    let settled = at_rest(cluster).await?;
    let mut rest = None;
    if long {
        let before = cluster.controller.cpu_time()?;
        tokio::time::sleep(REST).await;
        rest = Some(cluster.controller.cpu_time()? - before);
    }
    Ok(Figures {
        objects,
        cold,
        cpu,
        time,
        settled,
        rest,
    })
}

/// Memory once what the burst needed has been given back, which takes the allocator a moment.
async fn at_rest(cluster: &Cluster) -> Result<Memory, TestError> {
    let mut least = cluster.controller.memory()?;
    let mut unchanged = 0;
    for _ in 0..GIVEN_BACK {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = cluster.controller.memory()?;
        unchanged += 1;
        if now.anonymous < least.anonymous {
            (least, unchanged) = (now, 0);
        } else if unchanged == STEADY {
            break;
        }
    }
    Ok(least)
}

/// An object as `kubectl apply` leaves it: with the text that was applied in an annotation.
async fn seal(cluster: &Cluster, context: &Context) -> Result<Value, TestError> {
    let value = "plaintext-of-thirty-two-bytes-xx";
    let items = [("username", value), ("password", value), ("token", value)];
    let manifest = secret_manifest(&cluster.namespace, "any", &items);
    let kubeseal = cluster.kubeseal(context)?.args(["--scope", "cluster-wide"]);
    let sealed = kubeseal.input(manifest).output().await?;
    let mut object: Value = serde_json::from_str(&sealed)?;
    object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
        sealed.into();
    Ok(object)
}

async fn create(cluster: &Cluster, sealed: &Value, objects: usize) -> TestResult {
    let api = &api(&cluster.control_plane, &cluster.namespace);
    let params = &PostParams::default();
    let create = |object| async move {
        let mut manifest = sealed.clone();
        manifest["metadata"]["name"] = format!("object-{object:05}").into();
        let manifest: DynamicObject = serde_json::from_value(manifest)?;
        api.create(params, &manifest).await?;
        Ok::<_, TestError>(())
    };
    let all = stream::iter(0..objects).map(create);
    all.buffer_unordered(CONCURRENCY).try_collect().await
}

async fn restart(cluster: &mut Cluster, context: &Context) -> TestResult {
    cluster.controller.terminate(DEADLINE).await?;
    cluster.controller = cluster.installation.start(context, "measured", &[]).await?;
    Ok(())
}

/// Waits until the controller has found every object right, and rests.
async fn all_synced(cluster: &mut Cluster, objects: usize) -> TestResult {
    let address = cluster.installation.metrics();
    let name = |name: &str| format!("sealed_secrets_controller_{name}");
    let (synced, depth) = (name("objects"), name("queue_depth"));
    let labels = [("condition", "Synced"), ("status", "True")];
    eventually(
        "every object being synced",
        PATIENCE,
        async || {
            // Telling about every object mustn't be most of what it does.
            tokio::time::sleep(Duration::from_millis(objects as u64 / 4)).await;
            let told = Exposition::scrape(&address).await?;
            let waiting = told.value(&depth, &[("state", "waiting")]);
            let running = told.value(&depth, &[("state", "running")]);
            let rests = waiting == Some(0.0) && running == Some(0.0);
            let all = told.value(&synced, &labels) == Some(objects as f64);
            Ok((all && rests).then_some(()))
        },
        async || match Exposition::scrape(&address).await {
            Ok(told) => format!("{:?} are", told.value(&synced, &labels)),
            Err(error) => error.to_string(),
        },
    )
    .await?;
    cluster.controller.still_running("settled everything")?;
    Ok(())
}

fn shown(memory: Memory) -> String {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    format!(
        "{:.1} MiB resident, {:.1} of it its own, {:.1} at peak",
        mib(memory.resident),
        mib(memory.anonymous),
        mib(memory.peak)
    )
}

impl Figures {
    fn line(&self) -> String {
        let rest = self.rest.map_or_else(String::new, |rest| {
            format!(" | at rest {rest:?} of CPU in {} s", REST.as_secs())
        });
        format!(
            "{} objects | cold: {}, {:.1} s, {:.1} s of CPU | settled: {}{rest}",
            self.objects,
            shown(self.cold),
            self.time.as_secs_f32(),
            self.cpu.as_secs_f32(),
            shown(self.settled),
        )
    }
}
