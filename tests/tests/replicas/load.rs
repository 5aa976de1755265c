//! What goes on while replicas come and go: objects that change all the time, a record of every
//! version of their Secrets, and clients that fetch the certificate.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::eventually;
use sealed_secrets_tests::http;
use sealed_secrets_tests::replicas::Replicas;
use sealed_secrets_tests::sealed::{self, secret_manifest, synced};
use sealed_secrets_tests::{TestError, TestResult};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Who makes changes at once, each of objects of its own.
const CHANGERS: usize = 4;
/// Between two requests for the certificate, to each replica.
const POLL: Duration = Duration::from_millis(100);
/// Longest time for one of them.
const ANSWER: Duration = Duration::from_secs(5);
/// How long it may take until everything is right after a round.
const PATIENCE: Duration = Duration::from_secs(120);
/// The item that tells which change a Secret is from.
const CHANGE: &str = "change";

/// How much there is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) objects: usize,
    /// Changes a second, of all objects together.
    pub(crate) rate: u32,
}

/// The load, until it is dropped.
pub(crate) struct Load {
    size: Size,
    sealed: Api<DynamicObject>,
    state: Arc<State>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    resting: AtomicBool,
    /// Read for each change, written for rest.
    changing: tokio::sync::RwLock<()>,
    /// Changes so far; each has its own number.
    changes: AtomicU64,
    /// The sealed items that changes bring with them.
    items: Mutex<Value>,
    /// The last change of each object.
    asked: Mutex<Vec<u64>>,
    /// The last change that each Secret showed.
    shown: Mutex<BTreeMap<String, u64>>,
    versions: AtomicUsize,
    polls: AtomicUsize,
    /// Replicas that nobody expects an answer of.
    excused: Mutex<Vec<usize>>,
    /// What went wrong.
    wrong: Mutex<Vec<String>>,
}

impl Load {
    /// Makes the objects, and starts to change and to watch them.
    pub(crate) async fn start(
        context: &Context,
        replicas: &Replicas,
        size: Size,
    ) -> Result<Self, TestError> {
        let plane = &replicas.control_plane;
        let sealed = sealed::api(plane, &replicas.namespace);
        let state = Arc::new(State::default());
        *lock(&state.asked) = vec![0; size.objects];
        let mut load = Self {
            size,
            sealed,
            state,
            tasks: Vec::new(),
        };
        let manifest = load.seal(context, replicas, 0).await?;
        let secrets = Api::namespaced(plane.client(), &replicas.namespace);
        load.spawn(watch(Arc::clone(&load.state), secrets));
        for object in 0..size.objects {
            let mut manifest = manifest.clone();
            manifest["metadata"]["name"] = name(object).into();
            manifest["spec"]["template"]["data"] = json!({ CHANGE: "0" });
            let object: DynamicObject = serde_json::from_value(manifest)?;
            load.sealed.create(&PostParams::default(), &object).await?;
        }
        for object in 0..size.objects {
            synced(plane, &replicas.namespace, &name(object), "True").await?;
        }
        for changer in 0..CHANGERS {
            let (state, sealed) = (Arc::clone(&load.state), load.sealed.clone());
            load.spawn(change(state, sealed, size, changer));
        }
        for (number, replica) in replicas.all.iter().enumerate() {
            let address = replica.installation.http();
            load.spawn(poll(Arc::clone(&load.state), number, address));
        }
        Ok(load)
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(tokio::spawn(task));
    }

    /// Changes from now on bring items that were sealed for the newest key.
    pub(crate) async fn seal(
        &self,
        context: &Context,
        replicas: &Replicas,
        round: usize,
    ) -> Result<Value, TestError> {
        let value = format!("plaintext-of-round-{round}");
        let items = [("password", value.as_str())];
        let first = &replicas.all[0].installation;
        let kubeseal = context
            .kubeseal()?
            .args(["--scope", "cluster-wide", "--cert"])
            .arg(format!("http://{}/v1/cert.pem", first.http()))
            .input(secret_manifest(&replicas.namespace, "any", &items));
        let sealed: Value = serde_json::from_str(&kubeseal.output().await?)?;
        *lock(&self.state.items) = sealed["spec"]["encryptedData"].clone();
        Ok(sealed)
    }

    /// Nobody expects an answer of this replica for now.
    pub(crate) fn excuse(&self, replica: usize) {
        lock(&self.state.excused).push(replica);
    }

    /// Everybody is expected to answer again.
    pub(crate) fn expect_all(&self) {
        lock(&self.state.excused).clear();
    }

    /// Stops changing, waits until everything is right, and returns how many versions of Secrets
    /// there have been since the last time.
    pub(crate) async fn rest(&self, replicas: &Replicas) -> Result<usize, TestError> {
        self.state.resting.store(true, Ordering::SeqCst);
        drop(self.state.changing.write().await);
        let behind = || {
            let (asked, shown) = (lock(&self.state.asked), lock(&self.state.shown));
            let objects = asked.iter().enumerate();
            let behind = objects.filter(|(object, asked)| shown.get(&name(*object)) != Some(asked));
            behind.count()
        };
        let settled = async || Ok((behind() == 0).then_some(()));
        eventually("every Secret being right", PATIENCE, settled, async || {
            format!("{} are not", behind())
        })
        .await?;
        for object in 0..self.size.objects {
            let (plane, namespace) = (&replicas.control_plane, &replicas.namespace);
            synced(plane, namespace, &name(object), "True").await?;
        }
        Ok(self.state.versions.swap(0, Ordering::SeqCst))
    }

    /// Goes on changing.
    pub(crate) fn go_on(&self) {
        self.state.resting.store(false, Ordering::SeqCst);
    }

    /// How many changes there were, and how many requests for the certificate.
    pub(crate) fn figures(&self) -> (u64, usize) {
        let changes = self.state.changes.load(Ordering::SeqCst);
        (changes, self.state.polls.load(Ordering::SeqCst))
    }

    /// Fails if anything went wrong so far.
    pub(crate) fn is_unharmed(&self) -> TestResult {
        let wrong = lock(&self.state.wrong);
        if wrong.is_empty() {
            return Ok(());
        }
        Err(wrong.join("\n").into())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl State {
    fn complain(&self, what: String) {
        lock(&self.wrong).push(what);
    }
}

/// Changes its objects one after the other.
async fn change(state: Arc<State>, sealed: Api<DynamicObject>, size: Size, changer: usize) {
    let mut ticks = tokio::time::interval(Duration::from_secs(CHANGERS as u64) / size.rate);
    for object in (changer..size.objects).step_by(CHANGERS).cycle() {
        ticks.tick().await;
        let _changing = state.changing.read().await;
        if state.resting.load(Ordering::SeqCst) {
            continue;
        }
        let change = state.changes.fetch_add(1, Ordering::SeqCst) + 1;
        // Noted first, so that whoever waits for it waits for this one.
        lock(&state.asked)[object] = change;
        let items = lock(&state.items).clone();
        let patch = json!({ "spec": {
            "encryptedData": items,
            "template": { "data": { CHANGE: change.to_string() } },
        }});
        let patch = Patch::Merge(patch);
        let (name, params) = (name(object), PatchParams::default());
        if let Err(error) = sealed.patch(&name, &params, &patch).await {
            state.complain(format!("change {change}: {error}"));
        }
    }
}

/// Records the versions of the Secrets. Each has to show a later change than the one before: the
/// same again is a write too many, an earlier one a write by somebody who should have stopped.
async fn watch(state: Arc<State>, secrets: Api<Secret>) {
    let mut events = std::pin::pin!(watcher(secrets, watcher::Config::default()));
    let mut began_anew = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(secret) | Event::InitApply(secret)) => record(&state, &secret),
            Ok(Event::Init) if !began_anew => began_anew = true,
            Ok(Event::Init) => state.complain("the watch of Secrets had to begin anew".to_owned()),
            Ok(Event::InitDone) => {}
            Ok(Event::Delete(secret)) => {
                state.complain(format!("Secret {} is deleted", secret.name_any()));
            }
            // It goes on where it was, so that nothing is missed.
            Err(_) => {}
        }
    }
}

fn record(state: &State, secret: &Secret) {
    let item = sealed::item(Some(secret), CHANGE);
    let change = item.and_then(|item| std::str::from_utf8(item).ok()?.parse().ok());
    let (name, Some(change)) = (secret.name_any(), change) else {
        state.complain(format!("Secret {} has no change", secret.name_any()));
        return;
    };
    state.versions.fetch_add(1, Ordering::SeqCst);
    let before = lock(&state.shown).insert(name.clone(), change);
    if let Some(before) = before.filter(|before| *before >= change) {
        state.complain(format!(
            "Secret {name} shows change {change} after {before}"
        ));
    }
}

/// Fetches the certificate again and again.
async fn poll(state: Arc<State>, replica: usize, address: String) {
    let mut ticks = tokio::time::interval(POLL);
    loop {
        ticks.tick().await;
        let excused = || lock(&state.excused).contains(&replica);
        if excused() {
            continue;
        }
        let asked = tokio::time::timeout(ANSWER, http::get(&address, "/v1/cert.pem")).await;
        let failure = match asked {
            Ok(Ok(answer)) if answer.code == 200 => None,
            Ok(Ok(answer)) => Some(format!("status {}", answer.code)),
            Ok(Err(error)) => Some(error.to_string()),
            Err(elapsed) => Some(elapsed.to_string()),
        };
        state.polls.fetch_add(1, Ordering::SeqCst);
        if let Some(failure) = failure.filter(|_| !excused()) {
            state.complain(format!("certificate of replica {replica}: {failure}"));
        }
    }
}

fn name(object: usize) -> String {
    format!("object-{object:02}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
