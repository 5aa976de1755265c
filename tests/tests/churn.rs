//! What constant change costs: memory, processor time and delay, ours beside the Go controller's.
//!
//! The short form runs with the other tests. The long one is for a quiet machine:
//!
//!     SEALED_SECRETS_TESTS_CHURN=2000x600 cargo test --release -p sealed-secrets-tests --test churn

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event, watcher};
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::control_plane::{ControlPlane, Options};
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::installation::Installation;
use sealed_secrets_tests::process::{Memory, Process};
use sealed_secrets_tests::sealed::{api, secret_manifest};
use sealed_secrets_tests::{TestError, TestResult, claim, runner};
use serde_json::Value;

/// `OBJECTSxSECONDS` of the long form.
const SIZE: &str = "SEALED_SECRETS_TESTS_CHURN";
/// Different contents that objects take in turn.
const VARIANTS: usize = 16;
/// Changes a second; a busy cluster of this size has a few.
const RATE: u32 = 20;
/// Requests of the test at once.
const CONCURRENCY: usize = 16;
/// How long a contender may take to begin with, or to catch up in the end.
const PATIENCE: Duration = Duration::from_secs(180);

fn main() -> ExitCode {
    runner::run([claim!(
        constant_change_costs_no_growing_memory,
        GoTools,
        ControlPlane,
        Controller,
        Kubeseal
    )
    .within(Duration::from_secs(3 * 3600))])
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contender {
    Ours,
    /// Without the limit on its requests that it has by default.
    GoUnthrottled,
    Go,
}

/// What was measured of one.
struct Figures {
    contender: Contender,
    /// Until every object had its Secret for the first time; `None` if that took too long.
    first: Option<Duration>,
    /// Memory: when the changes began, when they ended, and the most ever.
    start: Memory,
    end: Memory,
    cpu: Duration,
    /// Changes made, and writes of Secrets seen meanwhile.
    changes: usize,
    writes: usize,
    /// From the last change until every Secret was right; `None` if that took too long.
    caught_up: Option<Duration>,
}

struct Churn {
    control_plane: ControlPlane,
    namespace: String,
    /// The `spec` of each variant, and the value of its item.
    variants: Vec<(Value, String)>,
    objects: usize,
    time: Duration,
}

async fn constant_change_costs_no_growing_memory(context: Context) -> TestResult {
    let long = std::env::var(SIZE).ok();
    let size = long.as_deref().unwrap_or("60x10");
    let (objects, seconds) = size.split_once('x').ok_or("not OBJECTSxSECONDS")?;
    let control_plane = context
        .control_plane_with(&Options::default().unaudited())
        .await?;
    let installation = Installation::new(&control_plane).await?;
    let namespace = new_namespace(&control_plane.client()).await?;
    let mut key_maker = installation.start(&context, "key-maker", &[]).await?;
    let mut churn = Churn {
        variants: Vec::new(),
        objects: objects.parse()?,
        time: Duration::from_secs(seconds.parse()?),
        control_plane,
        namespace,
    };
    for variant in 0..VARIANTS {
        let sealed = churn.seal(&context, variant).await?;
        churn.variants.push(sealed);
    }
    key_maker.terminate(DEADLINE).await?;

    let mut all = Vec::new();
    for contender in [Contender::Ours, Contender::GoUnthrottled, Contender::Go] {
        // What is said of the slow one is known after a minute.
        let long = churn.time.min(Duration::from_secs(60));
        let time = if contender == Contender::Go {
            long
        } else {
            churn.time
        };
        let figures = churn
            .measure(&context, &installation, contender, time)
            .await?;
        println!("{}", figures.line(time));
        all.push(figures);
    }
    let ours = all.first().ok_or("nothing measured")?;
    assert!(ours.first.is_some(), "not every object got its Secret");
    assert!(ours.caught_up.is_some(), "not every Secret is right");
    let grown = ours.end.resident.saturating_sub(ours.start.resident);
    assert!(
        grown < ours.start.resident / 2 + (16 << 20),
        "grown by {grown} bytes"
    );
    Ok(())
}

impl Churn {
    async fn seal(&self, context: &Context, variant: usize) -> Result<(Value, String), TestError> {
        let value = format!("plaintext-variant-{variant:02}");
        let manifest = secret_manifest(
            &self.namespace,
            "any",
            &[("password", &value), ("user", "u"), ("empty", "")],
        );
        let kubeseal = context
            .kubeseal()?
            .env("KUBECONFIG", self.control_plane.kubeconfig())
            .args(["--scope", "cluster-wide"]);
        let sealed: Value = serde_json::from_str(&kubeseal.input(manifest).output().await?)?;
        Ok((sealed, value))
    }

    fn sealed(&self) -> Api<DynamicObject> {
        api(&self.control_plane, &self.namespace)
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.control_plane.client(), &self.namespace)
    }

    async fn measure(
        &self,
        context: &Context,
        installation: &Installation,
        contender: Contender,
        time: Duration,
    ) -> Result<Figures, TestError> {
        self.create_all().await?;
        let name = format!("{contender:?}");
        let started = Instant::now();
        let controller = match contender {
            Contender::Ours => installation.start(context, &name, &[]).await,
            Contender::Go => installation.start_go(context, &name).await,
            Contender::GoUnthrottled => {
                let unthrottled = ["--kubeclient-qps=-1"];
                installation
                    .start_go_with(context, &name, &unthrottled)
                    .await
            }
        };
        let mut controller = controller?;
        let first = self.right(|_| 0, started).await;

        let writes = Arc::new(AtomicUsize::new(0));
        let counting = tokio::spawn(count_writes(
            Api::namespaced(self.control_plane.client(), &self.namespace),
            Arc::clone(&writes),
        ));
        let (start, cpu) = (controller.memory()?, controller.cpu_time()?);
        let changes = self.change(&mut controller, time).await?;
        let ended = Instant::now();
        let (end, cpu) = (controller.memory()?, controller.cpu_time()? - cpu);
        let writes = writes.load(Ordering::Relaxed);
        counting.abort();
        let objects = self.objects;
        let variant = move |object: usize| last_variant(object, changes, objects);
        let caught_up = match first {
            Some(_) => self.right(variant, ended).await,
            None => None,
        };
        controller.terminate(DEADLINE).await?;
        self.delete_all().await?;
        Ok(Figures {
            contender,
            first,
            start,
            end,
            cpu,
            changes,
            writes,
            caught_up,
        })
    }

    /// Changes one object after the other for `time`, all of them again and again.
    async fn change(&self, controller: &mut Process, time: Duration) -> Result<usize, TestError> {
        let (started, mut changes) = (Instant::now(), 0);
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
        let sealed = self.sealed();
        while started.elapsed() < time {
            ticks.tick().await;
            let object = changes % self.objects;
            changes += 1;
            let (manifest, _) = &self.variants[last_variant(object, changes, self.objects)];
            let patch = Patch::Merge(serde_json::json!({ "spec": manifest["spec"] }));
            sealed
                .patch(&name(object), &PatchParams::default(), &patch)
                .await?;
            controller.still_running("bore all changes")?;
        }
        Ok(changes)
    }

    async fn create_all(&self) -> TestResult {
        let (sealed, params) = (&self.sealed(), &PostParams::default());
        let (manifest, _) = &self.variants[0];
        let create = |object| async move {
            let mut manifest = manifest.clone();
            manifest["metadata"]["name"] = name(object).into();
            sealed
                .create(params, &serde_json::from_value(manifest)?)
                .await?;
            Ok::<_, TestError>(())
        };
        let all = stream::iter(0..self.objects).map(create);
        all.buffer_unordered(CONCURRENCY).try_collect().await
    }

    async fn delete_all(&self) -> TestResult {
        let (delete, list) = (DeleteParams::default(), ListParams::default());
        let _ = self.sealed().delete_collection(&delete, &list).await?;
        // The garbage collector may be at it as well.
        eventually(
            "nothing being left",
            PATIENCE,
            async || {
                let _ = self.secrets().delete_collection(&delete, &list).await?;
                Ok(self
                    .secrets()
                    .list(&list)
                    .await?
                    .items
                    .is_empty()
                    .then_some(()))
            },
            async || String::new(),
        )
        .await?;
        Ok(())
    }

    /// How long after `since` every object's Secret held the variant it should.
    async fn right(&self, variant: impl Fn(usize) -> usize, since: Instant) -> Option<Duration> {
        let wrong = async || -> Result<usize, TestError> {
            let secrets = self.secrets().list(&ListParams::default()).await?;
            let values: BTreeMap<String, ByteString> = secrets
                .into_iter()
                .filter_map(|secret| {
                    Some((secret.metadata.name?, secret.data?.remove("password")?))
                })
                .collect();
            let right = (0..self.objects).filter(|object| {
                let (_, value) = &self.variants[variant(*object)];
                values
                    .get(&name(*object))
                    .is_some_and(|it| it.0 == value.as_bytes())
            });
            Ok(self.objects - right.count())
        };
        eventually(
            "every Secret being right",
            PATIENCE,
            async || {
                // Looking at everything must not be most of what the API server does.
                tokio::time::sleep(Duration::from_millis(self.objects as u64 / 2)).await;
                Ok((wrong().await? == 0).then(|| since.elapsed()))
            },
            async || format!("{:?} are not", wrong().await),
        )
        .await
        .ok()
    }
}

fn name(object: usize) -> String {
    format!("object-{object:04}")
}

/// The variant that an object has after so many changes of one object after the other.
fn last_variant(object: usize, changes: usize, objects: usize) -> usize {
    let rounds = changes / objects + usize::from(object < changes % objects);
    rounds % VARIANTS
}

async fn count_writes(secrets: Api<PartialObjectMeta<Secret>>, writes: Arc<AtomicUsize>) {
    let mut events = std::pin::pin!(watcher(secrets, watcher::Config::default()));
    while let Some(event) = events.next().await {
        if let Ok(Event::Apply(_)) = event {
            writes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Figures {
    fn line(&self, time: Duration) -> String {
        let mib = |bytes: u64| bytes >> 20;
        let seconds = |time: Option<Duration>| match time {
            Some(time) => format!("{:.1} s", time.as_secs_f32()),
            None => "too long".to_owned(),
        };
        format!(
            "{:14} first Secrets {:>9} | resident {:4} -> {:4} MiB, peak {:4} MiB | CPU {:6.1} s in {} s | \
             {} changes, {} writes, {:.1} a second | caught up {}",
            format!("{:?}", self.contender),
            seconds(self.first),
            mib(self.start.resident),
            mib(self.end.resident),
            mib(self.end.peak),
            self.cpu.as_secs_f32(),
            time.as_secs(),
            self.changes,
            self.writes,
            self.writes as f64 / time.as_secs_f64(),
            seconds(self.caught_up),
        )
    }
}
