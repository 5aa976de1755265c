//! What was found right, in a form that outlives the process: a restart does no RSA and no writes for
//! objects that nobody has changed.
//!
//! A record counts while object and Secret are at the versions it was made for. The API server gives
//! each change of a Secret a version of its own, so nobody can change one and keep its record; the
//! records are under a secret that only who has all private keys can derive, so nobody else can
//! make one. They are kept in Secrets beside the keys, in the same storage as what they are about, so that a
//! restored backup brings back both. A record that is lost or spoiled costs one unsealing.
//!
//! - `records`: the records, pure;
//! - `shard`: a part of them as a Secret.

mod records;
mod shard;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use sealed_secrets_core::keyring::Keyring;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::gate::is_not_leading;
use crate::keys::SharedKeyring;
use records::{Records, SHARD, Stored};
use shard::{Names, PARTS};

pub(super) use records::Evidence;

/// Secrets in one answer to a list: nobody knows how large they are.
const PAGE: u32 = 8;
/// Records are stored once nothing has changed for so long, ...
const QUIET: Duration = Duration::from_secs(5);
/// ... or after this long.
const LONGEST: Duration = Duration::from_secs(60);
/// Records of an earlier process that nobody asked for are of objects that are gone.
const ASKED_FOR: Duration = Duration::from_secs(600);
/// Longest time for reading or writing all of them.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The settled objects.
#[derive(Debug)]
pub(super) struct Settled {
    api: Api<Secret>,
    names: Names,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    records: Records,
    /// What was read, and when.
    stored: Option<(Stored, Instant)>,
    /// What is there, by number.
    shards: BTreeMap<usize, Shard>,
    /// Whether something has changed since the last write.
    dirty: bool,
    /// Whether it has been said that they can't be written.
    told: bool,
}

/// A Secret that was read or written.
#[derive(Debug, Default)]
struct Shard {
    version: Option<String>,
    /// Hash of its content.
    content: Option<[u8; 32]>,
}

impl Settled {
    /// Nothing yet; kept in this namespace, under names with this suffix.
    pub(super) fn new(client: Client, namespace: &str, suffix: &str) -> Self {
        Self {
            names: Names::new(suffix),
            api: Api::namespaced(client, namespace),
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Reads what an earlier process, or another replica, has stored, in place of what was read before.
    /// Without it everything is unsealed once more.
    pub(super) async fn load(&self, keyring: &SharedKeyring) {
        let listed = match tokio::time::timeout(TIMEOUT, self.list()).await {
            Ok(Ok(listed)) => listed,
            Ok(Err(error)) => {
                tracing::warn!(error = %crate::describe(&error), "cannot read which objects are settled; all are unsealed once more");
                return;
            }
            Err(_elapsed) => {
                tracing::warn!(
                    "no answer in time about settled objects; all are unsealed once more"
                );
                return;
            }
        };
        let mut state = self.state();
        // Not the keys from before the list: what was recorded meanwhile may be under others.
        let keyring = Arc::clone(&keyring.borrow());
        let (mut stored, mut shards) = (Stored::default(), BTreeMap::new());
        for (number, secret) in &listed {
            let content = hash(secret);
            let version = secret.metadata.resource_version.clone();
            shards.insert(*number, Shard { version, content });
            let Some((fingerprints, part)) = shard::content(secret) else {
                continue;
            };
            if let Err(error) = stored.add(&keyring, &fingerprints, part) {
                let name = self.names.name(*number);
                tracing::info!(secret = name, %error, "settled objects are unsealed once more");
            }
        }
        tracing::info!(objects = stored.len(), "settled objects known");
        state.records.under(&keyring);
        state.stored = Some((stored, Instant::now()));
        state.shards = shards;
    }

    /// The parts that there are, by number.
    async fn list(&self) -> Result<BTreeMap<usize, Secret>, kube::Error> {
        let mut select = ListParams::default().labels(&shard::selector()).limit(PAGE);
        let mut parts = BTreeMap::new();
        loop {
            let page = self.api.list(&select).await?;
            for secret in page.items {
                let name = secret.metadata.name.as_deref().unwrap_or_default();
                if let Some(number) = self.names.number(name) {
                    parts.insert(number, shard::bounded(secret));
                }
            }
            match page.metadata.continue_.filter(|it| !it.is_empty()) {
                Some(token) => select = select.continue_token(&token),
                None => return Ok(parts),
            }
        }
    }

    /// Whether exactly this was found right before.
    pub(super) fn holds(&self, evidence: &Evidence<'_>) -> bool {
        let state = self.state();
        let stored = || {
            state
                .stored
                .iter()
                .any(|(stored, _)| stored.holds(evidence))
        };
        state.records.holds(evidence) || stored()
    }

    /// Records that it is right.
    pub(super) fn insert(&self, evidence: &Evidence<'_>) {
        let mut state = self.state();
        if !state.records.insert(evidence) {
            return;
        }
        // What is stored already says so.
        let known = state
            .stored
            .iter()
            .any(|(stored, _)| stored.holds(evidence));
        if !known {
            state.dirty = true;
            self.changed.notify_one();
        }
    }

    /// Drops the record of an object.
    pub(super) fn remove(&self, uid: &str) {
        let mut state = self.state();
        if let Some((stored, _)) = &mut state.stored {
            stored.remove(uid);
        }
        if state.records.remove(uid) {
            state.dirty = true;
            self.changed.notify_one();
        }
    }

    /// Stores the records from time to time.
    pub(super) async fn keep(&self, mut keyring: SharedKeyring, stop: CancellationToken) {
        let mut stored = true;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = keyring.changed() => if changed.is_err() { return },
                () = self.changed.notified() => {}
                () = tokio::time::sleep(LONGEST), if !stored => {}
            }
            let current = keyring.borrow_and_update().clone();
            self.under(&current);
            let begin = Instant::now();
            let quiet = async {
                let more = async || tokio::time::timeout(QUIET, self.changed.notified()).await;
                while more().await.is_ok() && begin.elapsed() < LONGEST {}
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = quiet => stored = self.store().await,
            }
        }
    }

    /// Makes the records those of this keyring.
    fn under(&self, keyring: &Keyring) {
        let mut state = self.state();
        state.records.under(keyring);
        if let Some((stored, _)) = &mut state.stored {
            stored.under(keyring);
        }
        state.dirty = true;
    }

    /// Stores what has changed; `false` if it has to be tried again.
    pub(super) async fn store(&self) -> bool {
        let parts = self.parts();
        if parts.is_empty() {
            return true;
        }
        let mut failure = None;
        let all = async {
            for (number, secret) in parts {
                // One that somebody has spoiled mustn't keep the others from being stored.
                if let Err(error) = self.write(number, secret).await {
                    let secret = self.names.name(number);
                    failure = Some((secret, error));
                }
            }
        };
        if tokio::time::timeout(TIMEOUT, all).await.is_err() {
            let late = kube::Error::Service("no answer in time".into());
            failure.get_or_insert((self.names.name(0), late));
        }
        let mut state = self.state();
        let Some((secret, error)) = failure else {
            state.told = false;
            return true;
        };
        state.dirty = true;
        // Then the records are another replica's to store.
        if is_not_leading(&error) {
            return true;
        }
        if !std::mem::replace(&mut state.told, true) {
            tracing::warn!(secret, error = %crate::describe(&error), "cannot store which objects are settled, will retry; a restart would unseal them once more");
        }
        false
    }

    /// The Secrets that have to be written.
    fn parts(&self) -> Vec<(usize, Secret)> {
        let mut guard = self.state();
        let state = &mut *guard;
        if !std::mem::take(&mut state.dirty) {
            return Vec::new();
        }
        state.stored.take_if(|(_, at)| at.elapsed() >= ASKED_FOR);
        let Some(fingerprints) = state.records.fingerprints().cloned() else {
            return Vec::new();
        };
        let needed = state.records.len().div_ceil(SHARD).next_power_of_two();
        let needed = needed.min(PARTS);
        let there = state.shards.keys().last().map_or(0, |last| last + 1);
        let stored = state.stored.as_ref().map(|(stored, _)| stored);
        let count = needed.max(there);
        let parts = state.records.parts(count, stored);
        let secrets = parts.into_iter().enumerate().map(|(number, records)| {
            let version = state.shards.get(&number).and_then(|it| it.version.clone());
            let name = self.names.name(number);
            let secret = shard::secret(name, version, &fingerprints, records);
            (number, secret)
        });
        let changed = secrets.filter(|(number, secret)| match state.shards.get(number) {
            Some(there) => there.content.is_none() || there.content != hash(secret),
            None => !shard::is_empty(secret),
        });
        changed.collect()
    }

    /// Writes one of them, over whatever another replica has made of it meanwhile.
    async fn write(&self, number: usize, mut secret: Secret) -> Result<(), kube::Error> {
        let (parameters, content) = (PostParams::default(), hash(&secret));
        let name = self.names.name(number);
        for last in [false, true] {
            let written = match secret.metadata.resource_version {
                Some(_) => self.api.replace(&name, &parameters, &secret).await,
                None => self.api.create(&parameters, &secret).await,
            };
            match written {
                Ok(written) => {
                    let version = written.metadata.resource_version;
                    self.state()
                        .shards
                        .insert(number, Shard { version, content });
                    return Ok(());
                }
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) && !last => {
                    let there = self.api.get_opt(&name).await?;
                    secret.metadata.resource_version =
                        there.and_then(|there| there.metadata.resource_version);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole after any panic: it only saves work.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hash of what such a Secret holds.
fn hash(secret: &Secret) -> Option<[u8; 32]> {
    let (fingerprints, records) = shard::content(secret)?;
    let mut hash = Sha256::new();
    hash.update((fingerprints.len() as u64).to_be_bytes());
    for fingerprint in &fingerprints {
        hash.update(fingerprint.as_bytes());
    }
    hash.update(records);
    Some(hash.finalize().into())
}
