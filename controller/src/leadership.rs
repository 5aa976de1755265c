//! Whether this process may write what several of them share, by its own clock.
//!
//! [`Seat`] is for whoever finds out; [`Leadership`] is for everybody who wants to write. The answer
//! changes with time alone, so it is asked again before each write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

/// For how long a process may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// Not at all.
    None,
    /// Before this moment.
    ///
    /// [`Instant`] goes on while a process is stopped, which therefore finds its time over. On Linux it
    /// stands still while the machine is suspended, and may do so while a virtual one is paused: a
    /// process that goes on with it takes its time for not over yet, until its next renewal is answered
    /// or the rest of its time has passed. What was under way is refused, because of the
    /// resourceVersion that it carries, if anybody has written since. What begins in between may be
    /// carried out, with what was seen last; whoever leads by then sees the Secret change, and corrects
    /// it as any drift.
    Until(Instant),
    /// For as long as it likes: nobody else can know of it, nor it of others.
    Alone,
}

impl Tenure {
    /// Whether a write may begin at `now`.
    pub fn holds(self, now: Instant) -> bool {
        match self {
            Self::None => false,
            Self::Until(end) => now < end,
            Self::Alone => true,
        }
    }
}

/// What a process is, as far as it has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody could tell yet.
    Undecided,
    /// Others write, or nobody does.
    Following,
    /// It writes, in the term of this number. Between two terms others may have written.
    Leading(u64),
}

#[derive(Debug)]
struct Held {
    tenure: Tenure,
    term: u64,
}

/// Finds out whether this process may write; the only one to change it.
#[derive(Debug)]
pub struct Seat {
    held: Arc<Mutex<Held>>,
    standing: watch::Sender<Standing>,
}

/// Whether this process may write. A clone sees the same.
#[derive(Clone, Debug)]
pub struct Leadership {
    held: Arc<Mutex<Held>>,
    standing: watch::Receiver<Standing>,
}

impl Seat {
    /// A process of which nobody knows yet.
    #[must_use]
    pub fn new() -> (Self, Leadership) {
        let held = Arc::new(Mutex::new(Held {
            tenure: Tenure::None,
            term: 0,
        }));
        let (sender, standing) = watch::channel(Standing::Undecided);
        let seat = Self {
            held: Arc::clone(&held),
            standing: sender,
        };
        (seat, Leadership { held, standing })
    }

    /// What has been found out. A tenure that follows one that was over begins a new term, however
    /// short the time between them was.
    pub fn settle(&self, tenure: Tenure) {
        let held = lock(&self.held);
        // Not earlier: whoever found the tenure over has to find a new term, too.
        let now = Instant::now();
        self.settle_at(held, tenure, now);
    }

    fn settle_at(&self, mut held: MutexGuard<'_, Held>, tenure: Tenure, now: Instant) {
        // Who was alone wasn't alone for sure: others may have written meanwhile.
        let elected = held.tenure == Tenure::Alone && matches!(tenure, Tenure::Until(_));
        if tenure.holds(now) && (elected || !held.tenure.holds(now)) {
            held.term += 1;
        }
        held.tenure = tenure;
        self.tell(&held, now);
    }

    /// Tells those who wait for it when the tenure has come to its end.
    pub fn look(&self, now: Instant) {
        let held = lock(&self.held);
        self.tell(&held, now);
    }

    fn tell(&self, held: &Held, now: Instant) {
        let standing = if held.tenure.holds(now) {
            Standing::Leading(held.term)
        } else {
            Standing::Following
        };
        self.standing.send_if_modified(|told| {
            let changed = *told != standing;
            *told = standing;
            changed
        });
    }
}

impl Leadership {
    /// Of a process that shares nothing with others.
    #[must_use]
    pub fn alone() -> Self {
        let (seat, leadership) = Seat::new();
        seat.settle(Tenure::Alone);
        leadership
    }

    /// The term in which a write may begin at `now`.
    #[must_use]
    pub fn term(&self, now: Instant) -> Option<u64> {
        let held = lock(&self.held);
        held.tenure.holds(now).then_some(held.term)
    }

    /// Whether a write may begin now.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.term(Instant::now()).is_some()
    }

    /// Waits until somebody could tell what this process is.
    pub async fn decided(&mut self) {
        self.wait_for(|standing| standing != Standing::Undecided)
            .await;
    }

    /// Waits until this process writes; returns the number of the term.
    pub async fn begun(&mut self) -> u64 {
        self.wait_for(|standing| matches!(standing, Standing::Leading(_)))
            .await;
        lock(&self.held).term
    }

    /// Waits until this term is over.
    pub async fn ended(&mut self, term: u64) {
        self.wait_for(|standing| standing != Standing::Leading(term))
            .await;
    }

    /// Waits until it has changed what this process is.
    pub async fn changed(&mut self) {
        if self.standing.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until no write that is under way should go on.
    pub(crate) async fn lapsed(&mut self) {
        loop {
            let tenure = lock(&self.held).tenure;
            match tenure {
                Tenure::None => return,
                Tenure::Alone => self.changed().await,
                Tenure::Until(end) if Instant::now() >= end => return,
                // It is renewed without a word to anybody, so it is looked at again.
                Tenure::Until(end) => tokio::select! {
                    () = tokio::time::sleep_until(end.into()) => {}
                    () = self.changed() => {}
                },
            }
        }
    }

    async fn wait_for(&mut self, wanted: impl Fn(Standing) -> bool) {
        if self.standing.wait_for(|told| wanted(*told)).await.is_err() {
            // Nobody is left to change it.
            std::future::pending().await
        }
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    // Whole after any panic: each change is one assignment.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn settle(seat: &Seat, tenure: Tenure, now: Instant) {
        seat.settle_at(lock(&seat.held), tenure, now);
    }

    #[test]
    fn a_term_ends_by_the_clock_alone() {
        let (now, (seat, leadership)) = (Instant::now(), Seat::new());
        assert_eq!(leadership.term(now), None);
        settle(&seat, Tenure::Until(now + SECOND), now);
        assert_eq!(leadership.term(now), Some(1));
        assert_eq!(leadership.term(now + SECOND), None);
        assert_eq!(*leadership.standing.borrow(), Standing::Leading(1));
        seat.look(now + SECOND);
        assert_eq!(*leadership.standing.borrow(), Standing::Following);
    }

    #[test]
    fn renewal_in_time_goes_on_and_a_late_one_begins_anew() {
        let (now, (seat, leadership)) = (Instant::now(), Seat::new());
        settle(&seat, Tenure::Until(now + SECOND * 2), now);
        settle(&seat, Tenure::Until(now + SECOND * 3), now + SECOND);
        assert_eq!(leadership.term(now + SECOND * 2), Some(1));
        settle(&seat, Tenure::Until(now + SECOND * 9), now + SECOND * 4);
        assert_eq!(leadership.term(now + SECOND * 4), Some(2));
        settle(&seat, Tenure::None, now + SECOND * 5);
        assert_eq!(leadership.term(now + SECOND * 5), None);
        settle(&seat, Tenure::Alone, now + SECOND * 6);
        assert_eq!(leadership.term(now + SECOND * 99), Some(3));
        settle(&seat, Tenure::Until(now + SECOND * 9), now + SECOND * 7);
        assert_eq!(leadership.term(now + SECOND * 8), Some(4));
    }

    #[tokio::test]
    async fn who_is_alone_stays_so() {
        let mut leadership = Leadership::alone();
        leadership.decided().await;
        assert_eq!(leadership.begun().await, 1);
        let ended = tokio::time::timeout(Duration::from_millis(1), leadership.lapsed());
        assert!(ended.await.is_err());
    }
}
