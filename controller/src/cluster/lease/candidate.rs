//! What a replica does about the Lease, from what it has seen of it: pure, with time and chance as
//! arguments.
//!
//! | Seen | Done |
//! |---|---|
//! | nobody holds it, or we do | taken at once |
//! | somebody holds it | looked at every [`LOOK`]; taken once it has not changed for its duration |
//! | it is ours | renewed every [`RETRY`] by the version that it had last |
//! | it may not be looked at, made or taken, and never could, or not for its duration, in which nobody renewed it | written as if we were the only one; looked at every [`LOOK_AGAIN`] |
//! | it has gone | made again: by its holder at once, by others after its duration |
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
/// Between two looks whether Leases have become allowed.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
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
    /// Since when every request to make or take it was refused.
    refused: Option<Instant>,
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
            (_, Answer::Refused) => {
                self.refused.get_or_insert(now);
            }
            // That it may be looked at says nothing.
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
                self.tenure = Tenure::Alone;
                began + pause(LOOK_AGAIN, chance)
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
        let scattered = expires + SCATTER.mul_f64(chance);
        scattered.min(began + pause(LOOK, chance))
    }

    /// Whether there is no electing: at first contact, or after nobody can have renewed it for long. An
    /// API server that has just come back may refuse everybody for a moment.
    fn is_shut_out(&self, now: Instant) -> bool {
        let lasts = |since: Instant| now.duration_since(since) >= DURATION;
        let for_long = self.tenure == Tenure::Alone || self.refused.is_some_and(lasts);
        self.seen.is_none() || for_long && !self.is_held(now)
    }

    /// Whether somebody holds it, as far as anybody can tell: we, or another who has renewed it.
    fn is_held(&self, now: Instant) -> bool {
        let by_us = self.tenure != Tenure::Alone && self.tenure.holds(now);
        let by_another = |seen: &Seen| {
            let another = seen.holder.as_ref().is_some_and(|it| *it != self.identity);
            another && now < seen.since + seen.lasts
        };
        by_us || self.seen.as_ref().is_some_and(by_another)
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
mod tests {
    use super::*;

    /// A candidate, and the moments that it lives through, in milliseconds.
    struct Stage {
        candidate: Candidate,
        start: Instant,
    }

    fn stage() -> Stage {
        Stage {
            candidate: Candidate::new("ours".to_owned()),
            start: Instant::now(),
        }
    }

    impl Stage {
        fn at(&self, milliseconds: u64) -> Instant {
            self.start + Duration::from_millis(milliseconds)
        }

        /// An answer 10 ms after its request; returns when the next one is sent.
        fn hear(&mut self, answer: Answer, at: u64) -> u64 {
            let (began, now) = (self.at(at), self.at(at + 10));
            let due = self.candidate.answered(answer, began, now, 0.0);
            u64::try_from((due - self.start).as_millis()).unwrap()
        }

        fn leads(&self, at: u64) -> bool {
            self.candidate.tenure().holds(self.at(at))
        }

        fn request(&self) -> Request {
            self.candidate.request(Timestamp::UNIX_EPOCH)
        }

        /// As if this request was carried out.
        fn done(&mut self, version: &str, at: u64) -> u64 {
            let (Request::Create(mut lease) | Request::Replace(mut lease)) = self.request() else {
                panic!("not a write");
            };
            lease.metadata.resource_version = Some(version.to_owned());
            self.hear(Answer::Found(Box::new(lease)), at)
        }
    }

    fn held_by(holder: Option<&str>, version: &str) -> Answer {
        let mut lease = Lease::default();
        lease.metadata.resource_version = Some(version.to_owned());
        lease.spec = Some(LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: Some(12),
            lease_transitions: Some(4),
            ..LeaseSpec::default()
        });
        Answer::Found(Box::new(lease))
    }

    #[test]
    fn a_lease_that_is_not_there_is_made_and_renewed() {
        let mut stage = stage();
        assert_eq!(stage.request(), Request::Look);
        assert_eq!(stage.hear(Answer::Absent, 0), 10);
        assert!(!stage.candidate.is_decided() && !stage.leads(10));
        assert!(matches!(stage.request(), Request::Create(_)));
        assert_eq!(stage.done("1", 20), 2020);
        // From before the request was sent.
        assert!(stage.leads(8019) && !stage.leads(8020));
        let Request::Replace(lease) = stage.request() else {
            panic!("not renewed");
        };
        assert_eq!(lease.metadata.resource_version.as_deref(), Some("1"));
        stage.done("2", 2020);
        assert!(stage.leads(10_019));
        assert_eq!(stage.candidate.holder(), Some("ours"));
    }

    #[test]
    fn a_free_lease_and_our_own_are_taken_at_once() {
        for (holder, transitions) in [(None, 5), (Some(""), 5), (Some("ours"), 4)] {
            let mut stage = stage();
            assert_eq!(stage.hear(held_by(holder, "7"), 0), 10);
            let Request::Replace(lease) = stage.request() else {
                panic!("not taken");
            };
            assert_eq!(lease.metadata.resource_version.as_deref(), Some("7"));
            let spec = lease.spec.unwrap();
            assert_eq!(spec.holder_identity.as_deref(), Some("ours"));
            assert_eq!(spec.lease_transitions, Some(transitions));
        }
    }

    #[test]
    fn anothers_lease_is_taken_once_it_has_stood_still() {
        let mut stage = stage();
        assert_eq!(stage.hear(held_by(Some("theirs"), "1"), 0), 1000);
        assert!(stage.candidate.is_decided());
        assert_eq!(stage.hear(held_by(Some("theirs"), "2"), 2000), 3000);
        // Its duration counts from when version 2 was first seen.
        assert_eq!(stage.hear(held_by(Some("theirs"), "2"), 13_500), 14_010);
        assert_eq!(stage.request(), Request::Look);
        assert_eq!(stage.hear(held_by(Some("theirs"), "2"), 14_010), 14_020);
        assert!(matches!(stage.request(), Request::Replace(_)));
        assert!(!stage.leads(14_020));
        // Somebody else was quicker.
        assert_eq!(stage.hear(Answer::Conflict, 14_020), 14_030);
        assert_eq!(stage.hear(held_by(Some("third"), "3"), 14_030), 15_030);
        assert!(!stage.leads(14_040));
        assert_eq!(stage.candidate.holder(), Some("third"));
    }

    #[test]
    fn a_holder_that_cannot_renew_stops_and_goes_on_when_it_can() {
        let mut stage = stage();
        stage.hear(held_by(None, "1"), 0);
        stage.done("2", 10);
        for at in [2000, 4000, 6000] {
            // What is refused meanwhile is a failure like any other.
            stage.hear(
                if at == 4000 {
                    Answer::Refused
                } else {
                    Answer::Failed
                },
                at,
            );
            assert!(stage.leads(at) && matches!(stage.request(), Request::Replace(_)));
        }
        assert!(!stage.leads(8010));
        stage.hear(Answer::Failed, 8010);
        assert_eq!(stage.request(), Request::Look);
        stage.hear(held_by(Some("ours"), "2"), 10_000);
        assert!(!stage.leads(10_010));
        stage.done("3", 10_010);
        assert!(stage.leads(10_020));
    }

    #[test]
    fn an_answer_that_comes_too_late_is_worth_nothing() {
        let mut stage = stage();
        stage.hear(held_by(None, "1"), 0);
        let (began, woken) = (stage.at(10), stage.at(60_000));
        let Request::Replace(lease) = stage.request() else {
            panic!("not taken");
        };
        let answer = Answer::Found(Box::new(lease));
        stage.candidate.answered(answer, began, woken, 0.0);
        assert!(!stage.leads(60_000));
    }

    #[test]
    fn who_sees_another_holder_stops_at_once() {
        let mut stage = stage();
        stage.hear(held_by(None, "1"), 0);
        stage.done("2", 10);
        stage.hear(Answer::Conflict, 2000);
        // It may have been our own renewal, whose answer was lost.
        assert!(stage.leads(2010));
        stage.hear(held_by(Some("theirs"), "3"), 2010);
        assert!(!stage.leads(2020));
    }

    #[test]
    fn without_leases_it_works_alone_until_they_are_allowed() {
        for first in [&[Answer::Refused][..], &[Answer::Absent, Answer::Refused]] {
            let mut stage = stage();
            for (at, answer) in (0..).step_by(10).zip(first) {
                stage.hear(answer.clone(), at);
            }
            assert_eq!(stage.candidate.tenure(), Tenure::Alone);
            assert!(stage.candidate.is_decided());
            assert_eq!(stage.hear(Answer::Failed, 60_000), 60_500);
            assert_eq!(stage.candidate.tenure(), Tenure::Alone);
            stage.hear(held_by(Some("theirs"), "1"), 120_000);
            assert!(!stage.leads(120_010));
            // It isn't alone any more, whatever becomes of its rights, while the other may be there.
            stage.hear(Answer::Refused, 122_000);
            assert!(!stage.leads(122_010));
            stage.hear(Answer::Refused, 134_010);
            assert_eq!(stage.candidate.tenure(), Tenure::Alone);
        }
    }

    #[test]
    fn who_may_look_but_not_take_works_alone() {
        for holder in [None, Some("ours")] {
            let mut stage = stage();
            for at in [0, 2000, 10_000] {
                stage.hear(held_by(holder, "1"), at);
                stage.hear(Answer::Refused, at + 10);
                assert_eq!(stage.candidate.tenure(), Tenure::None);
            }
            stage.hear(held_by(holder, "1"), 12_010);
            assert_eq!(stage.hear(Answer::Refused, 12_020), 72_020);
            assert!(stage.candidate.is_decided() && stage.leads(50_000));
            // Looking whether it may by now doesn't interrupt it.
            stage.hear(held_by(holder, "1"), 72_020);
            assert!(stage.leads(72_030));
            stage.hear(Answer::Refused, 72_030);
            assert!(stage.leads(72_040));
            stage.hear(held_by(holder, "1"), 132_040);
            stage.done("2", 132_050);
            assert!(matches!(stage.candidate.tenure(), Tenure::Until(_)));
        }
    }

    #[test]
    fn who_loses_its_rights_works_alone_in_the_end() {
        let mut stage = stage();
        stage.hear(held_by(None, "1"), 0);
        stage.done("2", 10);
        for at in [2000, 4000, 8010, 10_000, 13_000] {
            stage.hear(Answer::Refused, at);
            assert_ne!(stage.candidate.tenure(), Tenure::Alone);
        }
        stage.hear(Answer::Refused, 14_010);
        assert_eq!(stage.candidate.tenure(), Tenure::Alone);
    }

    #[test]
    fn one_refusal_after_an_outage_is_not_believed() {
        for holder in ["ours", "theirs"] {
            let mut stage = stage();
            stage.hear(held_by(Some(holder), "1"), 0);
            for at in (2000..60_000).step_by(2000) {
                stage.hear(Answer::Failed, at);
            }
            stage.hear(Answer::Refused, 60_000);
            stage.hear(Answer::Failed, 62_000);
            stage.hear(Answer::Refused, 74_000);
            assert!(!stage.leads(74_010));
        }
    }

    #[test]
    fn who_held_a_lease_that_has_gone_may_still_write() {
        let mut stage = stage();
        stage.hear(held_by(Some("theirs"), "1"), 0);
        stage.hear(Answer::Absent, 1000);
        stage.hear(Answer::Refused, 2000);
        assert!(!stage.leads(2010));
    }

    #[test]
    fn no_duration_keeps_everybody_from_writing() {
        let mut stage = stage();
        let Answer::Found(mut lease) = held_by(Some("theirs"), "1") else {
            panic!("no Lease");
        };
        let spec = lease.spec.as_mut().unwrap();
        spec.lease_duration_seconds = Some(i32::MAX);
        stage.hear(Answer::Found(lease.clone()), 0);
        stage.hear(Answer::Found(lease.clone()), 59_000);
        assert_eq!(stage.request(), Request::Look);
        stage.hear(Answer::Found(lease), 60_010);
        assert!(matches!(stage.request(), Request::Replace(_)));
    }

    #[test]
    fn a_deleted_lease_is_made_again_by_its_holder_at_once_and_by_others_later() {
        let mut holder = stage();
        holder.hear(held_by(None, "1"), 0);
        holder.done("2", 10);
        holder.hear(Answer::Absent, 2000);
        holder.hear(Answer::Absent, 2010);
        assert!(matches!(holder.request(), Request::Create(_)) && holder.leads(2020));

        let mut follower = stage();
        follower.hear(held_by(Some("theirs"), "2"), 0);
        for at in [2000, 4000, 13_000] {
            follower.hear(Answer::Absent, at);
            assert_eq!(follower.request(), Request::Look);
        }
        follower.hear(Answer::Absent, 14_010);
        assert!(matches!(follower.request(), Request::Create(_)));
    }

    #[test]
    fn only_its_holder_gives_it_back() {
        let mut stage = stage();
        assert_eq!(stage.candidate.release(Timestamp::UNIX_EPOCH), None);
        stage.hear(held_by(None, "1"), 0);
        assert_eq!(stage.candidate.release(Timestamp::UNIX_EPOCH), None);
        stage.done("2", 10);
        let released = stage.candidate.release(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(released.metadata.resource_version.as_deref(), Some("2"));
        assert_eq!(released.spec.unwrap().holder_identity, None);
    }
}
