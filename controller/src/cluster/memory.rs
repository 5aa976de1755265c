//! What is remembered about objects between reconciles, so that nothing is done twice, or for
//! ever.
//!
//! | Last time | Same again | Something changed |
//! |---|---|---|
//! | as it should be | nothing to do | at once; if somebody keeps changing the Secret, with growing pauses; what [`Policy`] leaves alone, not at all |
//! | failed for good | nothing to do; if a key may help, until the keys change | at once |
//! | failed for now | after the rest of the pause | at once |
//!
//! Our own status write comes back as an event; without this it would start the next try.

mod made;
mod policy;
mod seen;
mod status_digest;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sealed_secrets_core::keyring::Keyring;
use sealed_secrets_crds::sealed_secret::SealedSecretStatus;

use crate::unsealer::ObjectKey;

pub(super) use policy::Policy;
pub(super) use seen::Seen;
pub(super) use status_digest::StatusDigest;

/// First pause before another try; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause before another try.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long the watch of Secrets may take to show a write of ours.
const WATCH_DELAY: Duration = Duration::from_secs(2);
/// Corrections further apart than this are not a quarrel.
const PEACE: Duration = Duration::from_secs(600);

/// What a reconcile came to.
pub(super) enum Conclusion {
    /// The Secret is as it should be at this version; `written` if that took a write.
    Synced {
        version: Option<String>,
        written: bool,
    },
    /// Only a change of the object or the Secret can help, or of these keys, if they are given.
    Stalled(Option<Arc<Keyring>>),
    /// It will be tried again.
    Retrying,
}

/// What to do about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Reconcile,
    Nothing,
    Later(Duration),
}

/// Remembers objects by namespace and name.
#[derive(Default)]
pub(super) struct Memory {
    policy: Policy,
    objects: Mutex<HashMap<ObjectKey, Remembered>>,
}

#[derive(Default)]
struct Remembered {
    last: Option<Last>,
    /// The object that the Secret was last right for, as it was then.
    made: Option<Seen>,
    /// Failures in a row.
    failures: u32,
    /// Corrections of a Secret that somebody keeps changing, and when the last one was.
    corrections: u32,
    corrected: Option<Instant>,
    /// What the status would say, where it isn't written.
    status: Option<SealedSecretStatus>,
    /// The term in which the API server confirmed what the watch shows.
    confirmed: Option<u64>,
}

struct Last {
    seen: Seen,
    what: What,
    /// When a status was stored, and what it replaced: the watch may show that for a while.
    replaced: Option<(Instant, Option<StatusDigest>)>,
}

enum What {
    Synced {
        written: Option<(Instant, Option<String>)>,
    },
    Stalled(Option<Arc<Keyring>>),
    Retrying {
        until: Instant,
    },
}

impl Memory {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            objects: Mutex::default(),
        }
    }

    /// What to do about an object that looks like `seen`.
    pub(super) fn verdict(
        &self,
        key: &ObjectKey,
        seen: &Seen,
        keyring: &Arc<Keyring>,
        now: Instant,
    ) -> Verdict {
        let objects = self.objects();
        let Some(remembered) = objects.get(key) else {
            return Verdict::Reconcile;
        };
        let Some(last) = &remembered.last else {
            return Verdict::Reconcile;
        };
        if let Some(rest) = last.stale(seen, now) {
            let current = Seen {
                status: last.seen.status,
                ..seen.clone()
            };
            return match self.judge(remembered, last, &current, keyring, now) {
                Verdict::Nothing => Verdict::Later(rest),
                verdict => verdict,
            };
        }
        self.judge(remembered, last, seen, keyring, now)
    }

    fn judge(
        &self,
        remembered: &Remembered,
        last: &Last,
        seen: &Seen,
        keyring: &Arc<Keyring>,
        now: Instant,
    ) -> Verdict {
        match &last.what {
            What::Synced { .. } if last.seen == *seen => Verdict::Nothing,
            What::Synced { .. } if self.policy.leaves(&last.seen, seen) => Verdict::Nothing,
            What::Synced { written } if last.seen.same_object(seen) => {
                // The watch has yet to show what we wrote.
                if let Some((at, superseded)) = written
                    && *superseded == seen.secret_version
                    && now < *at + WATCH_DELAY
                {
                    return Verdict::Later(*at + WATCH_DELAY - now);
                }
                later(remembered.correct_at(), now)
            }
            What::Stalled(with) if last.seen == *seen => match with {
                Some(with) if !Arc::ptr_eq(with, keyring) => Verdict::Reconcile,
                _ => Verdict::Nothing,
            },
            What::Retrying { until } if last.seen == *seen => later(Some(*until), now),
            _ => Verdict::Reconcile,
        }
    }

    /// Remembers what a reconcile came to, and the status that it stored; returns the pause before
    /// the next try, if there is one.
    pub(super) fn conclude(
        &self,
        key: &ObjectKey,
        mut seen: Seen,
        stored: Option<&SealedSecretStatus>,
        conclusion: Conclusion,
        now: Instant,
    ) -> Option<Duration> {
        let mut objects = self.objects();
        let remembered = objects.entry(key.clone()).or_default();
        let drifted = matches!(&remembered.last,
            Some(last @ Last { what: What::Synced { .. }, .. }) if last.seen.same_object(&seen));
        let replaced = stored.map(|status| (now, seen.status.replace(StatusDigest::of(status))));
        let what = match conclusion {
            Conclusion::Synced { version, written } => {
                if written && drifted {
                    let quarrel = remembered.corrected.is_some_and(|at| now < at + PEACE);
                    remembered.corrections = if quarrel {
                        remembered.corrections + 1
                    } else {
                        1
                    };
                    remembered.corrected = Some(now);
                }
                remembered.failures = 0;
                let superseded = std::mem::replace(&mut seen.secret_version, version);
                What::Synced {
                    written: written.then_some((now, superseded)),
                }
            }
            Conclusion::Stalled(keyring) => {
                remembered.failures = 0;
                What::Stalled(keyring)
            }
            Conclusion::Retrying => {
                let another = |last: &Last| !last.seen.same_spec(&seen);
                if remembered.last.as_ref().is_some_and(another) {
                    remembered.failures = 0;
                }
                let pause = remembered.next_pause();
                remembered.last = Some(Last {
                    seen,
                    what: What::Retrying { until: now + pause },
                    replaced,
                });
                return Some(pause);
            }
        };
        remembered.last = Some(Last {
            seen,
            what,
            replaced,
        });
        None
    }

    /// The pause after a failure that leaves nothing else to remember, if there is another try.
    pub(super) fn pause(&self, key: &ObjectKey) -> Option<Duration> {
        let mut objects = self.objects();
        let remembered = objects.entry(key.clone()).or_default();
        if self.policy.is_enough(remembered.failures) {
            remembered.failures = 0;
            return None;
        }
        Some(remembered.next_pause())
    }

    /// Whether an object that looks like `seen` has failed so often that it isn't tried again.
    pub(super) fn gives_up(&self, key: &ObjectKey, seen: &Seen) -> bool {
        let objects = self.objects();
        let before = objects.get(key);
        let failures = before
            .filter(|it| {
                let last = it.last.as_ref();
                last.is_none_or(|last| last.seen.same_spec(seen))
            })
            .map_or(0, |it| it.failures);
        self.policy.is_enough(failures)
    }

    /// Whether the last reconcile found or made the Secret right.
    pub(super) fn is_synced(&self, key: &ObjectKey) -> bool {
        let objects = self.objects();
        let last = objects.get(key).and_then(|it| it.last.as_ref());
        last.is_some_and(|last| matches!(last.what, What::Synced { .. }))
    }

    /// Whether the API server confirmed in this term what the watch shows of the object.
    pub(super) fn is_confirmed(&self, key: &ObjectKey, term: u64) -> bool {
        let objects = self.objects();
        let remembered = objects.get(key);
        remembered.is_some_and(|it| it.confirmed == Some(term))
    }

    /// Remembers that it did.
    pub(super) fn confirm(&self, key: &ObjectKey, term: u64) {
        self.objects().entry(key.clone()).or_default().confirmed = Some(term);
    }

    /// The status that isn't written.
    pub(super) fn status(&self, key: &ObjectKey) -> Option<SealedSecretStatus> {
        self.objects().get(key)?.status.clone()
    }

    /// Remembers a status that isn't written.
    pub(super) fn keep_status(&self, key: &ObjectKey, status: SealedSecretStatus) {
        self.objects().entry(key.clone()).or_default().status = Some(status);
    }

    /// The uid of an object that had the name of this one before it, if that is remembered.
    pub(super) fn predecessor(&self, key: &ObjectKey, seen: &Seen) -> Option<String> {
        let uid = self.objects().get(key)?.uid()?.to_owned();
        Some(uid).filter(|uid| seen.uid.as_ref() != Some(uid))
    }

    /// Forgets an object that is gone; returns its uid.
    pub(super) fn forget(&self, key: &ObjectKey) -> Option<String> {
        self.objects().remove(key)?.uid().map(str::to_owned)
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<ObjectKey, Remembered>> {
        // Whole after any panic: it only saves work.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    /// How long the watch may go on showing the status that ours replaced, if that is what is seen.
    fn stale(&self, seen: &Seen, now: Instant) -> Option<Duration> {
        let (at, before) = self.replaced.as_ref()?;
        let rest = (*at + WATCH_DELAY).checked_duration_since(now)?;
        (*before == seen.status && seen.status != self.seen.status && !rest.is_zero())
            .then_some(rest)
    }
}

impl Remembered {
    /// Of the object that was last dealt with, if only in part.
    fn uid(&self) -> Option<&str> {
        let last = self.last.as_ref().map(|last| &last.seen);
        // What has been made hasn't been concluded when the status couldn't be written.
        self.made.as_ref().or(last)?.uid.as_deref()
    }

    /// A growing pause with some chance in it, so that many failures don't come back as one.
    fn next_pause(&mut self) -> Duration {
        let pause = doubled(self.failures);
        self.failures = self.failures.saturating_add(1);
        pause.mul_f64(rand::random_range(0.8..1.2))
    }

    /// When a change by somebody else may be corrected: the first one at once.
    fn correct_at(&self) -> Option<Instant> {
        Some(self.corrected? + doubled(self.corrections.checked_sub(1)?))
    }
}

fn doubled(times: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << times.min(16))
        .min(LONGEST_PAUSE)
}

fn later(at: Option<Instant>, now: Instant) -> Verdict {
    match at
        .and_then(|at| at.checked_duration_since(now))
        .filter(|rest| !rest.is_zero())
    {
        Some(rest) => Verdict::Later(rest),
        None => Verdict::Reconcile,
    }
}

#[cfg(test)]
mod tests;
