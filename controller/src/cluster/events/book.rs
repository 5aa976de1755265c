//! What has been told about whom: pure, so that storms can be tested without one.
//!
//! As in `client-go`: the same about the same object within the hour is one event that counts, and
//! an object gets 25 events at once and one more every five minutes.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::gcra::Gcra;
use crate::report::Report;

/// How long the API server keeps an event, unless it is told otherwise.
const LIFE: Duration = Duration::from_secs(3600);
/// Most events that are remembered.
const MAX_EVENTS: usize = 4096;
/// The pace of events about one object, and how many more there may be at once.
const INTERVAL: Duration = Duration::from_secs(300);
const BURST: u32 = 24;

/// What to do about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Create it.
    First,
    /// The one of that time says the same; it has happened so often.
    Again { first: Timestamp, count: i32 },
    /// The object has had too many.
    TooMany,
}

/// Remembers events by the uid of their object.
#[derive(Default)]
pub(super) struct Book {
    told: HashMap<(String, &'static str, String), Told>,
    /// When an object may have another one, as [`Gcra`] has it.
    due: HashMap<String, Instant>,
}

struct Told {
    first: Timestamp,
    last: Timestamp,
    count: i32,
}

impl Book {
    /// Enters an event about the object of that uid.
    pub(super) fn enter(
        &mut self,
        uid: &str,
        report: &Report,
        at: Timestamp,
        now: Instant,
    ) -> Entry {
        if !self.allow(uid, now) {
            return Entry::TooMany;
        }
        bound(&mut self.told, |told| elapsed(told.last, at) < LIFE);
        let key = (uid.to_owned(), report.reason, report.message.clone());
        let told = self.told.entry(key).or_insert(Told::new(at));
        if elapsed(told.first, at) >= LIFE {
            *told = Told::new(at);
        }
        told.last = at;
        told.count = told.count.saturating_add(1);
        match told.count {
            1 => Entry::First,
            count => Entry::Again {
                first: told.first,
                count,
            },
        }
    }

    fn allow(&mut self, uid: &str, now: Instant) -> bool {
        // Who has its whole allowance back needs no entry.
        bound(&mut self.due, |due| *due > now);
        let turn = Gcra::new(INTERVAL, BURST).turn(self.due.get(uid).copied(), now);
        let allowed = turn.wait.is_zero();
        if allowed {
            self.due.insert(uid.to_owned(), turn.due);
        }
        allowed
    }
}

impl Told {
    fn new(at: Timestamp) -> Self {
        Self {
            first: at,
            last: at,
            count: 0,
        }
    }
}

/// Makes room in a full map: first what isn't needed, and if all of it is, everything.
fn bound<K: Eq + Hash, V>(map: &mut HashMap<K, V>, needed: impl Fn(&V) -> bool) {
    if map.len() < MAX_EVENTS {
        return;
    }
    map.retain(|_, value| needed(value));
    if map.len() >= MAX_EVENTS {
        map.clear();
    }
}

/// Zero when the clock went back.
fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(message: &str) -> Report {
        Report {
            reason: "ErrUnsealFailed",
            message: message.to_owned(),
            warning: true,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn the_same_again_is_counted_for_an_hour() {
        let (mut book, now) = (Book::default(), Instant::now());
        let mut enter = |uid, message, second| book.enter(uid, &report(message), at(second), now);
        assert_eq!(enter("1", "x", 0), Entry::First);
        let first = at(0);
        assert_eq!(enter("1", "x", 9), Entry::Again { first, count: 2 });
        assert_eq!(enter("1", "y", 9), Entry::First);
        assert_eq!(enter("2", "x", 9), Entry::First);
        assert_eq!(enter("1", "x", 3599), Entry::Again { first, count: 3 });
        assert_eq!(enter("1", "x", 3600), Entry::First);
    }

    #[test]
    fn a_storm_about_one_object_ends_and_leaves_the_others_theirs() {
        let (mut book, now) = (Book::default(), Instant::now());
        let mut told = 0;
        for number in 0..100 {
            let entry = book.enter("1", &report(&number.to_string()), at(number), now);
            told += u32::from(entry == Entry::First);
        }
        assert_eq!(told, 25);
        assert_eq!(book.enter("2", &report("x"), at(100), now), Entry::First);
        let later = now + INTERVAL;
        assert_eq!(book.enter("1", &report("z"), at(400), later), Entry::First);
    }

    #[test]
    fn the_book_does_not_grow_without_bound() {
        let (mut book, now) = (Book::default(), Instant::now());
        for number in 0..3 * MAX_EVENTS {
            book.enter(&number.to_string(), &report("x"), at(0), now);
        }
        assert!(book.told.len() <= MAX_EVENTS && book.due.len() <= MAX_EVENTS);
    }
}
