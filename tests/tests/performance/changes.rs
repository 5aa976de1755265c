//! Changes at a constant rate: how long until each of them has reached its Secret.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::sealed::secret_manifest;
use sealed_secrets_tests::{TestError, TestResult};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::comparison::Comparison;
use crate::contender::{Contender, Running};
use crate::objects::Sealer;
use crate::stand::Stand;

/// The one item.
const ITEM: &str = "password";
const PREFIX: &str = "plaintext-";

/// Changes by object that have not been seen in a Secret, oldest first, and the delays of the others.
#[derive(Debug, Default)]
struct Delays {
    pending: HashMap<String, VecDeque<(usize, Instant)>>,
    done: Vec<Duration>,
}

type Shared = Arc<Mutex<Delays>>;

pub(crate) async fn changes_are_followed(context: Context) -> TestResult {
    let stand = Stand::new(context, 1).await?;
    let plan = &stand.plan;
    let changes = plan.rate * plan.seconds;
    let of_each = changes.div_ceil(plan.changing);
    let runs = plan.rounds * Contender::of_round(plan, 0).len();
    // Each state of an object is another than all before.
    let variants = stand.variants(1 + runs * of_each).await?;
    let first = variants.first().ok_or("no variant")?;
    let objects: Vec<DynamicObject> = (0..plan.changing)
        .map(|object| {
            let mut sealed = first.clone();
            sealed.metadata.name = Some(name(object));
            sealed
        })
        .collect();
    stand.create(&objects).await?;

    let mut comparison = Comparison::default();
    let mut variant = 1;
    for round in 0..plan.rounds {
        for contender in Contender::of_round(plan, round) {
            let mut running = stand.start(contender).await?;
            running.settled(plan.changing).await?;
            let next = variants.get(variant..).unwrap_or_default();
            let (delays, cpu) = stand.change(&mut running, changes, (variant, next)).await?;
            variant += of_each;
            assert_eq!(delays.len(), changes, "changes seen");
            let what = format!("{} changes a second for {} s", plan.rate, plan.seconds);
            for (share, label) in [(0.5, "p50"), (0.99, "p99")] {
                let delay = percentile(&delays, share).as_secs_f64() * 1000.0;
                let what = format!("{what}: {label} from apply to Secret");
                comparison.add(&what, "ms", contender, delay);
            }
            let cpu = cpu.as_secs_f64();
            comparison.add(&format!("{what}: processor time"), "s", contender, cpu);
            let peak = running.process.memory()?.peak as f64 / f64::from(1 << 20);
            comparison.add(&format!("{what}: peak memory"), "MiB", contender, peak);
            running.end().await?;
        }
    }
    comparison.finish(plan.go);
    Ok(())
}

impl Stand {
    /// The same object with one value after the other, for use under any name.
    async fn variants(&self, count: usize) -> Result<Vec<DynamicObject>, TestError> {
        let manifests: Vec<String> = (0..count)
            .map(|variant| {
                let value = format!("{PREFIX}{variant:06}");
                secret_manifest(&self.namespace, "any", &[(ITEM, &value)])
            })
            .collect();
        let certificate = self.certificates.first().ok_or("no key")?;
        let anywhere = ["--scope", "cluster-wide"];
        self.kubeseal(Sealer::Ours, certificate, &manifests, &anywhere)
            .await
    }

    /// Changes one object after the other, at the planned rate however long each change takes. `next`
    /// is the number of the first new state, and the states. Returns the delays, and the processor time
    /// used until all changes were seen.
    async fn change(
        &self,
        running: &mut Running,
        changes: usize,
        (first, next): (usize, &[DynamicObject]),
    ) -> Result<(Vec<Duration>, Duration), TestError> {
        let delays = Shared::default();
        let watching = tokio::spawn(watch(self.secrets(), Arc::clone(&delays)));
        let cpu = running.process.cpu_time()?;
        let mut ticks = tokio::time::interval(self.plan.changes_for() / u32::try_from(changes)?);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut patches = JoinSet::new();
        for change in 0..changes {
            ticks.tick().await;
            let name = name(change % self.plan.changing);
            let round = change / self.plan.changing;
            let state = next.get(round).ok_or("too few states")?;
            let patch = json!({ "spec": { "encryptedData": state.data["spec"]["encryptedData"] } });
            let (sealed, delays) = (self.sealed(), Arc::clone(&delays));
            patches.spawn(apply(sealed, name, (first + round, patch), delays));
        }
        while let Some(patched) = patches.join_next().await {
            patched??;
        }
        eventually(
            "every change being seen",
            DEADLINE * 5,
            async || {
                running.process.still_running("followed all changes")?;
                Ok((lock(&delays).done.len() == changes).then_some(()))
            },
            async || format!("{} changes were", lock(&delays).done.len()),
        )
        .await?;
        watching.abort();
        let cpu = running.process.cpu_time()? - cpu;
        let done = std::mem::take(&mut lock(&delays).done);
        Ok((done, cpu))
    }
}

/// The clock starts when the change is sent.
async fn apply(
    sealed: Api<DynamicObject>,
    name: String,
    (state, patch): (usize, Value),
    delays: Shared,
) -> Result<(), kube::Error> {
    let sent = (state, Instant::now());
    lock(&delays)
        .pending
        .entry(name.clone())
        .or_default()
        .push_back(sent);
    let params = PatchParams::default();
    sealed.patch(&name, &params, &Patch::Merge(patch)).await?;
    Ok(())
}

/// A change that a later one has overtaken is seen with it.
async fn watch(secrets: Api<Secret>, delays: Shared) {
    let mut events = std::pin::pin!(watcher(secrets, watcher::Config::default()));
    while let Some(event) = events.next().await {
        let Ok(Event::Apply(secret) | Event::InitApply(secret)) = event else {
            continue;
        };
        let now = Instant::now();
        let Some((name, state)) = state(secret) else {
            continue;
        };
        let mut delays = lock(&delays);
        let Some(pending) = delays.pending.get_mut(&name) else {
            continue;
        };
        let seen = pending.partition_point(|(waiting, _)| *waiting <= state);
        let seen: Vec<Duration> = pending
            .drain(..seen)
            .map(|(_, sent)| now.duration_since(sent))
            .collect();
        delays.done.extend(seen);
    }
}

fn state(secret: Secret) -> Option<(String, usize)> {
    let ByteString(value) = secret.data?.remove(ITEM)?;
    let state = std::str::from_utf8(&value).ok()?.strip_prefix(PREFIX)?;
    Some((secret.metadata.name?, state.parse().ok()?))
}

fn percentile(delays: &[Duration], share: f64) -> Duration {
    let mut sorted = delays.to_vec();
    sorted.sort();
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

fn name(object: usize) -> String {
    format!("changing-{object:05}")
}

fn lock(delays: &Mutex<Delays>) -> MutexGuard<'_, Delays> {
    // Whole after any panic.
    delays.lock().unwrap_or_else(PoisonError::into_inner)
}
