//! What a replica does about the Lease, from what it has seen of it: pure, with time and chance as
//! arguments.
//!
//! | Seen | Done |
//! |---|---|
//! | nobody holds it, or we do | taken at once |
//! | somebody holds it | looked at every [`LOOK`]; taken once it has not changed for its duration, or for [`LONGEST`] where that is shorter |
//! | it is ours | renewed every [`RETRY`] by the version that it had last |
//! | we may not look at it, or not make it, and have never seen it | everything is written as if we were the only one; it is looked at again after [`LOOK_AGAIN_SOON`], then after twice as long each time, up to [`LOOK_AGAIN`] |
//! | we may not look at it, make it or take it, for [`DURATION`], and it is nobody's who renews it | the same; it is looked at every [`LOOK_AGAIN`] |
//! | it has gone | made again: by its holder at once, by others after the duration that it had |
//!
//! Nothing compares the clocks of two machines: how old the Lease is counts from when its version was
//! first seen here, and a tenure from before the request for it was sent. So a follower takes it
//! [`DURATION`] after the last renewal at the earliest, and its holder has stopped
//! `DURATION - RENEW_DEADLINE` before that, provided that both clocks run about equally fast.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::leadership::Tenure;

/// Without a renewal for this long, anybody may take the Lease.
pub(super) const DURATION: Duration = Duration::from_secs(12);
/// Without a renewal for this long, its holder doesn't write any more.
pub(super) const RENEW_DEADLINE: Duration = Duration::from_secs(8);
/// Longest time from one renewal to the next.
pub(super) const RETRY: Duration = Duration::from_secs(2);
/// Longest time from one look at the Lease of another to the next: who gives it back is succeeded
/// within it.
const LOOK: Duration = Duration::from_secs(1);
/// The same until the first answer: nobody should wait for a start.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Longest time between two looks whether Leases have become allowed.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The first of these times for who has never seen a Lease: its rights may only be late.
const LOOK_AGAIN_SOON: Duration = Duration::from_secs(2);
/// Longest duration that is believed of the Lease of another: no text in it may keep everybody from
/// writing.
const LONGEST: Duration = Duration::from_secs(60);
/// Part of a pause that is up to chance, so that replicas don't ask all at once.
const JITTER: f64 = 0.25;
/// Followers take an expired Lease within this time of each other, so that mostly one tries.
const SCATTER: Duration = Duration::from_millis(200);

/// What to ask the API server for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    Look,
    Create(Lease),
    /// By the version that it carries.
    Replace(Lease),
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// The Lease as it is now.
    Found(Box<Lease>),
    /// There is none.
    Absent,
    /// It has changed, or somebody else has made it.
    Conflict,
    /// We may not, or the API server knows no Leases.
    Refused,
    /// Nobody knows.
    Failed,
}

/// A replica that would like to write.
#[derive(Debug)]
pub(super) struct Candidate {
    identity: String,
    next: Next,
    tenure: Tenure,
    /// What was there last, once there was a Lease.
    seen: Option<Seen>,
    /// `None` after anything but a refusal, looks that were answered apart.
    refused: Option<Refusals>,
    /// While we work alone: the last pause before a look whether we still are.
    look_again: Duration,
}

/// Refusals in a row.
#[derive(Clone, Copy, Debug)]
struct Refusals {
    first: Instant,
    last: Instant,
}

#[derive(Debug)]
enum Next {
    Look,
    Make,
    /// The Lease as it was last.
    Take(Box<Lease>),
}

#[derive(Debug)]
struct Seen {
    /// `None` after it has gone.
    version: Option<String>,
    /// When that was first seen.
    since: Instant,
    /// For how long it may stay so before anybody may take it.
    lasts: Duration,
    /// Who holds it.
    holder: Option<String>,
}

impl Candidate {
    /// `identity` is nobody else's who is alive.
    pub(super) fn new(identity: String) -> Self {
        Self {
            identity,
            next: Next::Look,
            tenure: Tenure::None,
            seen: None,
            refused: None,
            look_again: LOOK_AGAIN,
        }
    }

    /// For how long we may write.
    pub(super) fn tenure(&self) -> Tenure {
        self.tenure
    }

    /// Whether it is known who writes: we, as far as we know, or somebody else.
    pub(super) fn is_decided(&self) -> bool {
        match self.next {
            Next::Look => self.seen.is_some() || self.tenure != Tenure::None,
            Next::Make | Next::Take(_) => self.tenure != Tenure::None,
        }
    }

    /// Who held the Lease when it was last seen, if somebody did.
    pub(super) fn holder(&self) -> Option<&str> {
        self.seen.as_ref()?.holder.as_deref()
    }

    /// Whether another holds the Lease, and has renewed it, as far as anybody can tell.
    pub(super) fn follows(&self, now: Instant) -> bool {
        self.seen.as_ref().is_some_and(|seen| {
            let another = seen.holder.as_ref().is_some_and(|it| *it != self.identity);
            another && now < seen.since + seen.lasts
        })
    }

    /// What to ask next.
    pub(super) fn request(&self, wall: Timestamp) -> Request {
        match &self.next {
            Next::Look => Request::Look,
            Next::Make => Request::Create(self.ours(Lease::default(), wall)),
            Next::Take(lease) => Request::Replace(self.ours(lease.as_ref().clone(), wall)),
        }
    }

    /// Takes in what became of the last request, which was sent after `began` and answered before
    /// `now`; returns when to send the next one. `chance` is from 0 to 1.
    pub(super) fn answered(
        &mut self,
        answer: Answer,
        began: Instant,
        now: Instant,
        chance: f64,
    ) -> Instant {
        let asked = std::mem::replace(&mut self.next, Next::Look);
        match (&asked, &answer) {
            (_, Answer::Refused) => self.count_refusal(now),
            // That it may be looked at doesn't say that it may be taken.
            (Next::Look, Answer::Found(_) | Answer::Absent) => {}
            _ => self.refused = None,
        }
        match (asked, answer) {
            (Next::Look, Answer::Found(lease)) => self.look_at(lease, began, now, chance),
            (Next::Look, Answer::Absent) => self.miss(began, now, chance),
            (Next::Make | Next::Take(_), Answer::Found(lease)) => {
                self.see(Some(&lease), DURATION, now);
                self.tenure = Tenure::Until(began + RENEW_DEADLINE);
                self.next = Next::Take(lease);
                began + pause(RETRY, chance)
            }
            (Next::Make | Next::Take(_), Answer::Conflict | Answer::Absent) => now,
            (_, Answer::Refused) if self.is_shut_out(now) => {
                began + pause(self.work_alone(), chance)
            }
            (Next::Take(lease), _) if self.tenure.holds(now) => {
                self.next = Next::Take(lease);
                began + pause(RETRY, chance)
            }
            (_, _) if self.seen.is_none() => began + pause(FIRST_RETRY, chance),
            (_, _) => began + pause(RETRY, chance),
        }
    }

    /// The Lease as nobody's, if it is ours to give back.
    pub(super) fn release(&self, wall: Timestamp) -> Option<Lease> {
        let Next::Take(lease) = &self.next else {
            return None;
        };
        let mut lease = lease.as_ref().clone();
        let spec = lease.spec.as_mut().filter(|spec| self.is_ours(spec))?;
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime(wall));
        Some(lease)
    }

    fn look_at(&mut self, lease: Box<Lease>, began: Instant, now: Instant, chance: f64) -> Instant {
        let spec = lease.spec.clone().unwrap_or_default();
        let expires = self.see(Some(&lease), lasts(&spec).unwrap_or(DURATION), now);
        let is_free = spec.holder_identity.as_deref().is_none_or(str::is_empty);
        if is_free || self.is_ours(&spec) || now >= expires {
            self.next = Next::Take(lease);
            return now;
        }
        self.tenure = Tenure::None;
        // What was refused before is no reason to write beside somebody who holds it.
        self.refused = None;
        let scattered = expires + SCATTER.mul_f64(chance);
        scattered.min(began + pause(LOOK, chance))
    }

    /// Counts a refusal. It makes no row with one so long ago that anything may have been between.
    fn count_refusal(&mut self, now: Instant) {
        let in_a_row = |row: &Refusals| now.duration_since(row.last) < DURATION;
        let first = self.refused.filter(in_a_row).map_or(now, |row| row.first);
        self.refused = Some(Refusals { first, last: now });
    }

    /// Whether there is no electing: at first contact, or after nobody can have renewed it for long. An
    /// API server that has just come back may refuse everybody for a moment.
    fn is_shut_out(&self, now: Instant) -> bool {
        let lasts = |row: Refusals| row.last.duration_since(row.first) >= DURATION;
        let for_long = self.tenure == Tenure::Alone || self.refused.is_some_and(lasts);
        self.seen.is_none() || for_long && !self.is_held(now)
    }

    /// Works alone from now on; returns the pause before the next look. At first contact a single refusal
    /// is enough, and rights that come a moment later must not leave two alone for long.
    fn work_alone(&mut self) -> Duration {
        self.look_again = match self.tenure {
            Tenure::Alone => (self.look_again * 2).min(LOOK_AGAIN),
            _ if self.seen.is_none() => LOOK_AGAIN_SOON,
            _ => LOOK_AGAIN,
        };
        self.tenure = Tenure::Alone;
        self.look_again
    }

    /// Whether somebody holds it, as far as anybody can tell.
    fn is_held(&self, now: Instant) -> bool {
        let by_us = self.tenure != Tenure::Alone && self.tenure.holds(now);
        by_us || self.follows(now)
    }

    /// A Lease that was there may have been renewed just before it was deleted. Of one that never was
    /// we can't tell.
    fn miss(&mut self, began: Instant, now: Instant, chance: f64) -> Instant {
        let Some(lasts) = self.seen.as_ref().map(|seen| seen.lasts) else {
            self.next = Next::Make;
            return now;
        };
        let expires = self.see(None, lasts, now);
        if self.tenure.holds(now) || now >= expires {
            self.next = Next::Make;
            return now;
        }
        expires.min(began + pause(RETRY, chance))
    }

    /// Remembers what is there; returns when it may be taken unless it changes.
    fn see(&mut self, lease: Option<&Lease>, lasts: Duration, now: Instant) -> Instant {
        let version = lease.and_then(|lease| lease.metadata.resource_version.clone());
        let spec = lease.and_then(|lease| lease.spec.as_ref());
        let holder = match &self.seen {
            // Who held what has gone may still write.
            Some(seen) if lease.is_none() => seen.holder.clone(),
            _ => spec.and_then(|spec| spec.holder_identity.clone()),
        };
        let since = match &self.seen {
            Some(seen) if seen.version == version => seen.since,
            _ => now,
        };
        self.seen = Some(Seen {
            version,
            since,
            lasts,
            holder: holder.filter(|holder| !holder.is_empty()),
        });
        since + lasts
    }

    fn is_ours(&self, spec: &LeaseSpec) -> bool {
        spec.holder_identity.as_ref() == Some(&self.identity)
    }

    /// The Lease as ours, renewed.
    fn ours(&self, mut lease: Lease, wall: Timestamp) -> Lease {
        let before = lease.spec.take().unwrap_or_default();
        let (ours, wall) = (self.is_ours(&before), MicroTime(wall));
        let more = i32::from(!ours);
        let transitions = before
            .lease_transitions
            .map_or(0, |n| n.saturating_add(more));
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: before.acquire_time.filter(|_| ours).or(Some(wall.clone())),
            renew_time: Some(wall),
            lease_transitions: Some(transitions),
            ..before
        });
        lease
    }
}

fn lasts(spec: &LeaseSpec) -> Option<Duration> {
    let seconds = u64::try_from(spec.lease_duration_seconds?).ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds).min(LONGEST))
}

fn pause(longest: Duration, chance: f64) -> Duration {
    longest.mul_f64(1.0 - JITTER * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;
