//! The generic cell rate algorithm (GCRA): one every interval, and some more at once.
//!
//! All that is remembered of somebody is an instant: when the next would be due of one who kept to
//! the rate.

use std::time::{Duration, Instant};

/// A rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcra {
    interval: Duration,
    tolerance: Duration,
}

/// What the rate says to an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// How long it has to wait; zero if it may pass.
    pub wait: Duration,
    /// What to remember if it passes, now or after the wait.
    pub due: Instant,
}

impl Gcra {
    /// One every `interval`, and `burst` more at once.
    pub fn new(interval: Duration, burst: u32) -> Self {
        let tolerance = interval.saturating_mul(burst);
        Self {
            interval,
            tolerance,
        }
    }

    /// The turn of one that arrives at `now`; `due` is what is remembered of the last.
    pub fn turn(&self, due: Option<Instant>, now: Instant) -> Turn {
        let due = due.unwrap_or(now).max(now);
        Turn {
            wait: due.duration_since(now).saturating_sub(self.tolerance),
            due: due + self.interval,
        }
    }

    /// How many could pass at once at `now`.
    pub fn room(&self, due: Option<Instant>, now: Instant) -> u32 {
        let ahead = due.unwrap_or(now).saturating_duration_since(now);
        let room = (self.tolerance + self.interval).saturating_sub(ahead);
        let turns = room.as_nanos() / self.interval.as_nanos().max(1);
        u32::try_from(turns).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_burst_waits_for_its_turn() {
        let (rate, now) = (Gcra::new(Duration::from_millis(100), 1), Instant::now());
        let mut due = None;
        let waits: Vec<u128> = (0..4)
            .map(|_| {
                let turn = rate.turn(due, now);
                due = Some(turn.due);
                turn.wait.as_millis()
            })
            .collect();
        assert_eq!(waits, [0, 0, 100, 200]);
    }

    #[test]
    fn room_comes_back_with_time() {
        let (rate, now) = (Gcra::new(Duration::from_secs(1), 2), Instant::now());
        assert_eq!(rate.room(None, now), 3);
        let due = Some(rate.turn(None, now).due);
        assert_eq!(rate.room(due, now), 2);
        assert_eq!(rate.room(due, now + Duration::from_secs(1)), 3);
    }
}
