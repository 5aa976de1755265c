//! Everything brought to what it should be, once.
//!
//! A pass reads all manifests, writes what differs, removes what has no manifest any more, and
//! writes the status file. Objects that are as they were found or made last time cost a look at
//! their files and no decryption.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::input::{input_digest, made_from};
use super::manifests::{self, Found, Manifests};
use super::removal::{Removal, Sorted};
use super::status_file::{self, Drift, Item, Problem, StatusFile};
use super::volume::{self, ContentDigest, Marker, Volume, VolumeError, content_digest};
use crate::keys::{self, SharedKeyring};
use crate::metrics::{self, Metrics, UnsealError};
use crate::report::{Change, Step, report};
use crate::status::{Outcome, UNMANAGED, next_status};
use crate::unsealer::{ObjectKey, Unsealer, UnsealerError};

/// First pause before another try of what failed; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Objects under way at once; RSA has its own bound in [`Unsealer`].
const CONCURRENCY: usize = 16;

/// Where everything is.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) manifests: PathBuf,
    pub(super) out: PathBuf,
    pub(super) status: PathBuf,
    pub(super) default_namespace: String,
}

/// Runs passes and remembers between them what saves work.
pub(super) struct Pass {
    folders: Folders,
    unsealer: Unsealer,
    keyring: SharedKeyring,
    metrics: Metrics,
    status: StatusFile,
    settled: HashMap<ObjectKey, Settled>,
    failures: u32,
    cleared: bool,
    looked: bool,
    removal: Removal,
}

/// What an object was made of, and what was made of it: files, or a failure that stays the same
/// until the object or the keys change.
#[derive(Clone, PartialEq, Eq)]
struct Settled {
    input: [u8; 32],
    output: Result<ContentDigest, (&'static str, String)>,
}

/// What became of one object.
struct Done {
    key: ObjectKey,
    file: PathBuf,
    outcome: Outcome,
    step: Step,
    change: Change,
    /// Whether this is news, and not what is remembered from an earlier pass.
    attempted: bool,
    settled: Option<Settled>,
}

impl Pass {
    pub(super) fn new(
        folders: Folders,
        unsealer: Unsealer,
        keyring: SharedKeyring,
        metrics: Metrics,
    ) -> Self {
        let status = status_file::read(&folders.status);
        let settled = HashMap::new();
        let problems = status.problems.iter().map(|problem| problem.file.clone());
        let removal = Removal::after(problems);
        Self {
            folders,
            unsealer,
            keyring,
            metrics,
            status,
            settled,
            failures: 0,
            cleared: false,
            looked: false,
            removal,
        }
    }

    /// Runs once; returns the pause after which something that failed should be tried again.
    pub(super) async fn run(&mut self) -> Option<Duration> {
        if !std::mem::replace(&mut self.cleared, true)
            && let Err(error) = volume::clear_stages(&self.folders.out)
        {
            tracing::warn!(%error, "cannot clear what an earlier run left behind");
        }
        let folder = self.folders.manifests.clone();
        let namespace = self.folders.default_namespace.clone();
        let read = tokio::task::spawn_blocking(move || manifests::read(&folder, &namespace)).await;
        let mut manifests = match read {
            Ok(Ok(manifests)) => manifests,
            // A folder that is away for a moment must not take every Secret with it.
            Ok(Err(error)) => return self.give_up(&error),
            Err(error) => return self.give_up(&error),
        };
        let keyring_id = self.keyring_id();
        let queue = self.metrics.queue();
        for key in manifests.objects.keys() {
            queue.requested(key, Instant::now());
        }
        let jobs: Vec<_> = manifests
            .objects
            .iter()
            .map(|(key, places)| self.object(key.clone(), places, keyring_id))
            .collect();
        let done: Vec<Done> = futures::stream::iter(jobs)
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let retry_objects = done
            .iter()
            .any(|it| matches!(it.outcome, Outcome::Retrying { .. }));
        let sorted = self.remove_gone(&mut manifests);
        let waiting = !sorted.waiting.is_empty();
        let retry_status = !self.publish(done, sorted, &manifests);
        self.looked = true;
        self.failures = if retry_objects || retry_status {
            self.failures + 1
        } else {
            0
        };
        let retry = FIRST_PAUSE.saturating_mul(1 << self.failures.min(9));
        (self.failures > 0 || waiting).then_some(if waiting { FIRST_PAUSE } else { retry })
    }

    fn give_up(&mut self, error: &dyn std::fmt::Display) -> Option<Duration> {
        let folder = self.folders.manifests.display();
        tracing::error!(%folder, %error, "cannot read manifests, leaving everything as it is");
        self.metrics.unseal_error(UnsealError::Fetch, "");
        let file = self.folders.manifests.clone();
        let mut status = self.status.clone();
        status.problems = vec![Problem {
            file,
            message: error.to_string(),
        }];
        self.write_status(status);
        Some(FIRST_PAUSE)
    }

    /// Changes when any key does, so that what no key could open is tried with the new one.
    fn keyring_id(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for (name, fingerprint, _) in keys::identity(&self.keyring.borrow()) {
            digest.update(name);
            digest.update([0]);
            digest.update(fingerprint.as_bytes());
        }
        digest.finalize().into()
    }

    /// Whether the manifests have been read, at least once.
    pub(super) fn has_looked(&self) -> bool {
        self.looked
    }

    /// Brings one object's directory to what it should be, and counts that.
    async fn object(&self, key: ObjectKey, places: &[Found], keyring_id: [u8; 32]) -> Done {
        let _running = self.metrics.queue().started(&key);
        let began = Instant::now();
        let done = self.bring(key, places, keyring_id).await;
        if done.attempted {
            self.metrics.reconciled(began);
            if let Some(error) = UnsealError::of(&done.outcome, done.step) {
                self.metrics.unseal_error(error, &done.key.0);
            }
        }
        done
    }

    async fn bring(&self, key: ObjectKey, places: &[Found], keyring_id: [u8; 32]) -> Done {
        let file = places
            .first()
            .map(|found| found.file.clone())
            .unwrap_or_default();
        let done = |outcome, step| Done {
            key: key.clone(),
            file: file.clone(),
            outcome,
            step,
            change: Change::None,
            attempted: true,
            settled: None,
        };
        let found = match places {
            [found] => found,
            places => return done(duplicate(places), Step::Unseal),
        };
        let sealed = match &found.sealed {
            Ok(sealed) => sealed,
            Err(message) => {
                let message = format!("{}: {message}", found.file.display());
                return done(
                    Outcome::Stalled {
                        reason: "Malformed",
                        message,
                    },
                    Step::Unseal,
                );
            }
        };
        let volume = Volume::new(&self.folders.out, &key.0, &key.1);
        let input = input_digest(sealed, &found.file, keyring_id);
        let before = self.settled.get(&key).filter(|it| it.input == input);
        // It was right, and nothing has changed but the files.
        let was_right = before.is_some_and(|it| it.output.is_ok());
        if let Some(settled) = before {
            let remembered = Some(settled.clone());
            match &settled.output {
                Ok(output) if digest_of(&volume).await == Some(*output) => {
                    return Done {
                        attempted: false,
                        settled: remembered,
                        ..done(Outcome::Synced, Step::Update)
                    };
                }
                Err((reason, message)) => {
                    let outcome = Outcome::Stalled {
                        reason,
                        message: message.clone(),
                    };
                    return Done {
                        attempted: false,
                        settled: remembered,
                        ..done(outcome, Step::Unseal)
                    };
                }
                Ok(_) => {}
            }
        }
        let mut desired = match self.unsealer.desired(Arc::new(sealed.clone())).await {
            Ok(desired) => desired,
            Err(UnsealerError::Desired(error)) => {
                let (reason, message) = (error.reason(), error.to_string());
                let settled = Some(Settled {
                    input,
                    output: Err((reason, message.clone())),
                });
                return Done {
                    settled,
                    ..done(Outcome::Stalled { reason, message }, Step::Unseal)
                };
            }
            Err(error) => return done(retrying(&error), Step::Unseal),
        };
        let marker = Marker {
            file: found.file.clone(),
            made_from: Some(made_from(sealed)),
        };
        let write = tokio::task::spawn_blocking(move || {
            volume.keep_by_chance(&mut desired, &marker)?;
            let output = content_digest(&desired.data);
            // A directory that somebody removed is made anew.
            let edited = was_right && volume.marker().is_ok_and(|marker| marker.is_some());
            let differences = edited.then(|| volume.differences(&desired.data));
            let written = volume.write(&desired.data, &marker)?;
            let change = match differences {
                _ if !written => Change::None,
                Some(differences) => Change::Corrected(differences),
                None if was_right => Change::Recreated,
                None => Change::Written,
            };
            Ok((change, output))
        })
        .await;
        match write {
            Ok(Ok((change, output))) => {
                if change.is_drift() {
                    self.metrics.drift_corrected(&key.0);
                }
                let settled = Some(Settled {
                    input,
                    output: Ok(output),
                });
                Done {
                    change,
                    settled,
                    ..done(Outcome::Synced, Step::Update)
                }
            }
            Ok(Err(error @ VolumeError::Unmanaged(_))) => {
                let message = format!("failed update: Resource {error}");
                done(
                    Outcome::Stalled {
                        reason: UNMANAGED,
                        message,
                    },
                    Step::Update,
                )
            }
            Ok(Err(error)) => done(retrying(&error), Step::Update),
            Err(error) => done(retrying(&error), Step::Update),
        }
    }

    /// Removes the Secrets whose SealedSecret is gone; returns what became of the others without one.
    fn remove_gone(&mut self, manifests: &mut Manifests) -> Sorted {
        let volumes = match volume::all(&self.folders.out) {
            Ok(volumes) => volumes,
            Err(error) => {
                tracing::error!(%error, "cannot list what was written");
                return Sorted::default();
            }
        };
        let folder = &self.folders.manifests;
        let sorted = self
            .removal
            .sort(folder, volumes, manifests, Instant::now());
        for key in &sorted.gone {
            let log_key = format!("{}/{}", key.0, key.1);
            match Volume::new(&self.folders.out, &key.0, &key.1).remove() {
                Ok(()) => tracing::info!(key = log_key, "removed: its SealedSecret is gone"),
                Err(error) => {
                    tracing::error!(key = log_key, error = %crate::describe(&error), "cannot remove");
                }
            }
            self.unsealer.forget(key);
        }
        sorted
    }

    /// Tells what became of everything: events as log lines, status as a file. Returns whether
    /// the status is written.
    fn publish(&mut self, done: Vec<Done>, sorted: Sorted, manifests: &Manifests) -> bool {
        let now = Timestamp::now();
        let before: HashMap<ObjectKey, Item> = self
            .status
            .items
            .iter()
            .map(|item| ((item.namespace.clone(), item.name.clone()), item.clone()))
            .collect();
        self.settled = done
            .iter()
            .filter_map(|done| Some((done.key.clone(), done.settled.clone()?)))
            .collect();
        let kept = sorted.kept.into_iter().map(|(key, file)| {
            let problem = manifests.problem_of(&file).unwrap_or_default();
            let message = format!("{}: {problem}", file.display());
            let outcome = Outcome::Stalled {
                reason: "Unreadable",
                message,
            };
            Done {
                key,
                file,
                outcome,
                step: Step::Unseal,
                change: Change::None,
                attempted: false,
                settled: None,
            }
        });
        let mut items = BTreeMap::new();
        for item in &self.status.items {
            let key = (item.namespace.clone(), item.name.clone());
            if sorted.waiting.contains(&key) {
                items.insert(key, item.clone());
            }
        }
        for done in done.into_iter().chain(kept) {
            let item = before.get(&done.key);
            let previous = item.map(|item| &item.status);
            let (namespace, name) = done.key.clone();
            if let Some(report) = report(previous, &done.outcome, done.step, &done.change) {
                report.log(&format!("{namespace}/{name}"));
            }
            let status = next_status(previous, None, &done.outcome, now)
                .or_else(|| previous.cloned())
                .unwrap_or_default();
            let drift = item.and_then(|item| item.drift.clone());
            let drift = match done.change {
                Change::Corrected(differed) => Some(Drift::next(drift, differed, now)),
                Change::None | Change::Written | Change::Recreated => drift,
            };
            items.insert(
                done.key,
                Item {
                    namespace,
                    name,
                    file: done.file,
                    status,
                    drift,
                },
            );
        }
        self.observe(&items, manifests);
        let problems: Vec<Problem> = manifests
            .problems
            .iter()
            .map(|(file, message)| Problem {
                file: file.clone(),
                message: message.clone(),
            })
            .collect();
        for problem in problems
            .iter()
            .filter(|problem| !self.status.problems.contains(problem))
        {
            tracing::error!(
                file = problem.file.to_string_lossy().as_ref(),
                error = problem.message,
                "cannot read manifest"
            );
        }
        self.write_status(StatusFile {
            items: items.into_values().collect(),
            problems,
        })
    }

    /// Tells the metrics what the status says.
    fn observe(&self, items: &BTreeMap<ObjectKey, Item>, manifests: &Manifests) {
        for (key, item) in items {
            let sealed = manifests.objects.get(key).and_then(|places| places.first());
            let sealed = sealed.and_then(|found| found.sealed.as_ref().ok());
            let labels = sealed.and_then(|sealed| sealed.metadata.labels.as_ref());
            let instance = labels.and_then(|labels| labels.get(metrics::INSTANCE));
            self.metrics
                .object(key, instance.map(String::as_str), &item.status.conditions);
        }
        for key in self.metrics.known_objects() {
            if !items.contains_key(&key) {
                self.metrics.forget(&key);
            }
        }
    }

    fn write_status(&mut self, status: StatusFile) -> bool {
        if status == self.status && self.folders.status.exists() {
            return true;
        }
        let written = status_file::write(&self.folders.status, &status);
        self.status = status;
        if let Err(error) = &written {
            let file = self.folders.status.display();
            tracing::error!(%file, %error, "cannot write status file");
        }
        written.is_ok()
    }
}

async fn digest_of(volume: &Volume) -> Option<ContentDigest> {
    let volume = volume.clone();
    tokio::task::spawn_blocking(move || volume.digest())
        .await
        .ok()
        .flatten()
}

fn duplicate(places: &[Found]) -> Outcome {
    let places: Vec<String> = places
        .iter()
        .map(|found| format!("{}:{}", found.file.display(), found.line))
        .collect();
    Outcome::Stalled {
        reason: "Duplicate",
        message: format!(
            "defined more than once: {}; keep one of them",
            places.join(", ")
        ),
    }
}

fn retrying(error: &(dyn std::error::Error + 'static)) -> Outcome {
    Outcome::Retrying {
        reason: "UpdateFailed",
        message: crate::describe(error),
    }
}
