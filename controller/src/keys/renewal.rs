//! When to make the next key. Pure: time is an argument.
//!
//! Everything counts by the wall clock, so that a process that slept for a month knows it. A wall
//! clock can be wrong, and set right later:
//!
//! | What happens | What follows |
//! |---|---|
//! | the clock jumps ahead, or the process slept | a key that is due by that clock is made at once, one only |
//! | the clock jumps back | the next key is made one period after the jump at the latest |
//! | the newest key is from the future | it counts as made when its Secret was, or else when first seen |

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::keyring::{KeyEntry, Keyring};

/// First pause after a failure; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long there may be no key where there was one: keys that are replaced by hand, or restored,
/// may be gone for a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// There is none.
    First,
    /// The newest is older than `--key-cutoff-time`.
    Cutoff,
    /// No key is younger than `--key-renew-period`.
    Period,
    /// Somebody asked for one.
    Request,
}

impl Reason {
    /// For the log.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Reason::First => "there is none",
            Reason::Cutoff => "the newest is older than the cutoff time",
            Reason::Period => "the renewal period is over",
            Reason::Request => "SIGUSR1",
        }
    }
}

/// What to do about keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Make one.
    Make(Reason),
    /// Ask again after this time, or when the keys have changed.
    Wait(Duration),
}

/// Knows when the next key is due.
#[derive(Debug)]
pub(super) struct Schedule {
    /// `None` is never.
    period: Option<Duration>,
    cutoff: Option<Timestamp>,
    requested: bool,
    failures: u32,
    /// When the last try failed, and the pause after it.
    failed: Option<(Timestamp, Duration)>,
    /// When keys from the future were first seen.
    ahead: HashMap<Fingerprint, Timestamp>,
    /// Whether there has ever been a key, and since when there is none.
    had_key: bool,
    empty_since: Option<Timestamp>,
}

impl Schedule {
    /// A new key every `period` (zero is never), and one if the newest is older than `cutoff`.
    ///
    /// A cutoff in the future counts from then on.
    pub(super) fn new(period: Duration, cutoff: Option<Timestamp>) -> Self {
        Self {
            period: (!period.is_zero()).then_some(period),
            cutoff,
            requested: false,
            failures: 0,
            failed: None,
            ahead: HashMap::new(),
            had_key: false,
            empty_since: None,
        }
    }

    /// Somebody asks for a key now, whatever failed before.
    pub(super) fn request(&mut self) {
        self.requested = true;
        self.failed = None;
    }

    /// A key was made, or found made by another, for this reason.
    pub(super) fn made(&mut self, reason: Reason) {
        match reason {
            Reason::Request => self.requested = false,
            // However the new key compares with it: once is enough.
            Reason::Cutoff => self.cutoff = None,
            Reason::First | Reason::Period => {}
        }
        self.failures = 0;
        self.failed = None;
    }

    /// No key could be made; returns the pause before the next try.
    pub(super) fn failed(&mut self, now: Timestamp) -> Duration {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.failed = Some((now, pause));
        pause
    }

    /// What to do with these keys at this moment.
    pub(super) fn next(&mut self, now: Timestamp, keyring: &Keyring) -> Next {
        let next = self.due(now, keyring);
        let Some((at, pause)) = &mut self.failed else {
            return next;
        };
        match remaining(at, *pause, now) {
            Some(rest) if matches!(next, Next::Make(_)) => Next::Wait(rest),
            _ => next,
        }
    }

    fn due(&mut self, now: Timestamp, keyring: &Keyring) -> Next {
        let births: Vec<_> = keyring
            .entries()
            .map(|entry| self.birth(now, entry, keyring))
            .collect();
        self.ahead
            .retain(|fingerprint, _| keyring.find(fingerprint).is_some());
        if self.requested {
            return Next::Make(Reason::Request);
        }
        // The youngest, not the newest: one from the future stays the newest for long, and must
        // not keep those made since from counting.
        let (Some(newest), Some(youngest)) = (keyring.newest(), births.into_iter().max()) else {
            return self.without_key(now);
        };
        (self.had_key, self.empty_since) = (true, None);

        let mut wait = Duration::MAX;
        if let Some(cutoff) = self.cutoff
            && newest.instant(keyring.order()) < cutoff
        {
            match until(cutoff, now) {
                None => return Next::Make(Reason::Cutoff),
                Some(rest) => wait = rest,
            }
        }
        match self.period.map(|period| rest_of(youngest, period, now)) {
            Some(None) => Next::Make(Reason::Period),
            Some(Some(rest)) => Next::Wait(wait.min(rest)),
            None => Next::Wait(wait),
        }
    }

    /// None at start: make one. None any more: maybe in a moment.
    fn without_key(&mut self, now: Timestamp) -> Next {
        if !self.had_key {
            return Next::Make(Reason::First);
        }
        match remaining(self.empty_since.get_or_insert(now), PATIENCE, now) {
            None => Next::Make(Reason::First),
            Some(rest) => Next::Wait(rest),
        }
    }

    /// The moment from which a key's age counts; never after `now`.
    fn birth(&mut self, now: Timestamp, entry: &KeyEntry, keyring: &Keyring) -> Timestamp {
        let instant = entry.instant(keyring.order());
        let fingerprint = entry.pair.fingerprint();
        if instant <= now {
            // The clock is past it: what was thought of the key before came from a wrong clock.
            self.ahead.remove(&fingerprint);
            return instant;
        }
        let seen = self.ahead.entry(fingerprint).or_insert(now);
        *seen = (*seen).min(now).min(entry.created_at);
        *seen
    }
}

/// What is left of a pause that began at `start`; a start from the future is moved to now.
fn remaining(start: &mut Timestamp, pause: Duration, now: Timestamp) -> Option<Duration> {
    *start = (*start).min(now);
    rest_of(*start, pause, now)
}

/// What is left at `now` of a time that began at `start`.
fn rest_of(start: Timestamp, time: Duration, now: Timestamp) -> Option<Duration> {
    let passed = Duration::try_from(now.duration_since(start)).unwrap_or(Duration::ZERO);
    time.checked_sub(passed).filter(|rest| !rest.is_zero())
}

fn until(then: Timestamp, now: Timestamp) -> Option<Duration> {
    let rest = then.duration_since(now);
    Duration::try_from(rest)
        .ok()
        .filter(|_| rest > SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use sealed_secrets_core::keyring::KeyOrder;

    use super::*;
    use crate::keys::fixtures::{certs, day, keyring};

    const MONTH: Duration = Duration::from_secs(30 * 86_400);

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * 86_400)
    }

    #[test]
    fn a_key_is_made_when_there_is_none_and_when_the_newest_is_old() {
        let mut schedule = Schedule::new(MONTH, None);
        assert_eq!(
            schedule.next(day(0), &certs(&[])),
            Next::Make(Reason::First)
        );
        assert_eq!(schedule.next(day(0), &certs(&[0])), Next::Wait(days(30)));
        assert_eq!(schedule.next(day(29), &certs(&[0])), Next::Wait(days(1)));
        assert_eq!(
            schedule.next(day(30), &certs(&[0])),
            Next::Make(Reason::Period)
        );
        // After a year asleep: once, not twelve times.
        assert_eq!(
            schedule.next(day(365), &certs(&[0])),
            Next::Make(Reason::Period)
        );
        schedule.made(Reason::Period);
        assert_eq!(
            schedule.next(day(365), &certs(&[0, 365])),
            Next::Wait(days(30))
        );
    }

    #[test]
    fn a_period_of_zero_is_never_and_a_request_is_always() {
        let mut schedule = Schedule::new(Duration::ZERO, None);
        assert_eq!(
            schedule.next(day(9999), &certs(&[0])),
            Next::Wait(Duration::MAX)
        );
        schedule.request();
        assert_eq!(
            schedule.next(day(0), &certs(&[0])),
            Next::Make(Reason::Request)
        );
        schedule.made(Reason::Request);
        assert_eq!(
            schedule.next(day(0), &certs(&[0])),
            Next::Wait(Duration::MAX)
        );
    }

    #[test]
    fn a_cutoff_counts_once_it_has_come() {
        let mut schedule = Schedule::new(MONTH, Some(day(10)));
        assert_eq!(schedule.next(day(5), &certs(&[0])), Next::Wait(days(5)));
        assert_eq!(schedule.next(day(12), &certs(&[10])), Next::Wait(days(28)));
        assert_eq!(
            schedule.next(day(12), &certs(&[9])),
            Next::Make(Reason::Cutoff)
        );
        schedule.made(Reason::Cutoff);
        assert_eq!(schedule.next(day(12), &certs(&[9])), Next::Wait(days(27)));
    }

    #[test]
    fn the_order_says_which_time_counts() {
        // Made long ago, restored yesterday.
        let keys = [(0, 99)];
        let mut schedule = Schedule::new(MONTH, None);
        let by_certificate = keyring(KeyOrder::CertNotBefore, &keys);
        assert_eq!(
            schedule.next(day(100), &by_certificate),
            Next::Make(Reason::Period)
        );
        let by_creation = keyring(KeyOrder::SecretCreationTimestamp, &keys);
        assert_eq!(schedule.next(day(100), &by_creation), Next::Wait(days(29)));
    }

    #[test]
    fn failures_are_retried_with_growing_pauses() {
        let mut schedule = Schedule::new(MONTH, None);
        let mut now = day(30);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert_eq!(schedule.next(now, &certs(&[0])), Next::Make(Reason::Period));
            let pause = schedule.failed(now);
            assert_eq!(schedule.next(now, &certs(&[0])), Next::Wait(pause));
            pauses.push(pause.as_secs());
            now = now.checked_add(pause).unwrap();
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        // Somebody asks: now. Somebody else made the key: no more to do.
        schedule.failed(now);
        schedule.request();
        assert_eq!(
            schedule.next(now, &certs(&[0])),
            Next::Make(Reason::Request)
        );
        schedule.made(Reason::Request);
        assert!(
            matches!(schedule.next(now, &certs(&[0, 30])), Next::Wait(rest) if rest > days(29))
        );
    }

    #[test]
    fn a_clock_that_jumps_back_delays_by_no_more_than_a_period() {
        let mut schedule = Schedule::new(MONTH, None);
        assert_eq!(
            schedule.next(day(1010), &certs(&[1000])),
            Next::Wait(days(20))
        );
        // Ten years back, after a failure before the jump.
        schedule.failed(day(1010));
        assert_eq!(
            schedule.next(day(-2600), &certs(&[1000])),
            Next::Wait(days(30))
        );
        assert_eq!(
            schedule.next(day(-2570), &certs(&[1000])),
            Next::Make(Reason::Period)
        );
        // Set right again: as if nothing had been.
        assert_eq!(
            schedule.next(day(1010), &certs(&[1000])),
            Next::Wait(days(20))
        );
    }

    #[test]
    fn a_key_from_the_future_neither_blocks_nor_multiplies() {
        // Its Secret's creation is known.
        let mut schedule = Schedule::new(MONTH, None);
        let ahead = keyring(KeyOrder::CertNotBefore, &[(4000, 0)]);
        assert_eq!(schedule.next(day(1), &ahead), Next::Wait(days(29)));
        assert_eq!(schedule.next(day(30), &ahead), Next::Make(Reason::Period));
        // Whatever the order makes of the new key: it counts.
        let both = keyring(KeyOrder::SecretCreationTimestamp, &[(0, 4000), (30, 30)]);
        assert_eq!(schedule.next(day(30), &both), Next::Wait(days(30)));
        // Nothing is known but when it was seen.
        let mut schedule = Schedule::new(MONTH, None);
        let unknown = certs(&[4000]);
        assert_eq!(schedule.next(day(10), &unknown), Next::Wait(days(30)));
        assert_eq!(schedule.next(day(20), &unknown), Next::Wait(days(20)));
        assert_eq!(schedule.next(day(40), &unknown), Next::Make(Reason::Period));
    }

    #[test]
    fn keys_that_are_gone_may_come_back_before_another_is_made() {
        let mut schedule = Schedule::new(MONTH, None);
        schedule.next(day(0), &certs(&[0]));
        assert_eq!(schedule.next(day(1), &certs(&[])), Next::Wait(PATIENCE));
        assert_eq!(
            schedule.next(day(2), &certs(&[])),
            Next::Make(Reason::First)
        );
        assert_eq!(schedule.next(day(2), &certs(&[0])), Next::Wait(days(28)));
        assert_eq!(schedule.next(day(3), &certs(&[])), Next::Wait(PATIENCE));
    }
}
