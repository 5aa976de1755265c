//! A limit on requests: the generic cell rate algorithm (GCRA), for each client and for all.
//!
//! A client is known by its `X-Forwarded-For`, as in the reference: behind the API server's proxy
//! that is all there is. It is what the client says, so it is no identity: a limit over all clients
//! stands behind it, and the table of clients is bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::gcra::Gcra;

/// Most clients that are remembered at once.
const MAX_CLIENTS: usize = 4096;

/// How many requests may pass.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests a second; zero means that nothing is limited.
    pub per_second: u32,
    /// Requests beyond the first that may come at once.
    pub burst: u32,
}

/// What the limit says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may pass.
    pub allowed: bool,
    /// Requests that may come at once, at best.
    pub limit: u32,
    /// How many of them are left.
    pub remaining: u32,
    /// Time until all of them are.
    pub reset: Duration,
    /// Time until the next may pass, if this one may not.
    pub retry_after: Duration,
}

/// Counts requests by client.
#[derive(Debug)]
pub struct RateLimit {
    rate: Rate,
    clients: Mutex<HashMap<String, Instant>>,
}

impl RateLimit {
    /// A limit that nobody has used.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            clients: Mutex::default(),
        }
    }

    /// Counts a request of `client` at `now`.
    pub fn check(&self, client: &str, now: Instant) -> Verdict {
        let limit = self.rate.burst.saturating_add(1);
        if self.rate.per_second == 0 {
            let reset = Duration::ZERO;
            return Verdict {
                allowed: true,
                limit,
                remaining: limit,
                reset,
                retry_after: reset,
            };
        }
        let rate = Gcra::new(
            Duration::from_secs(1) / self.rate.per_second,
            self.rate.burst,
        );
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(client) {
            // Who has its whole allowance back needs no entry; if everybody still counts, somebody
            // is making up names, and all of those share what is left by starting over together.
            clients.retain(|_, due| *due > now);
            if clients.len() >= MAX_CLIENTS {
                clients.clear();
            }
        }
        let before = clients.get(client).copied();
        let turn = rate.turn(before, now);
        let allowed = turn.wait.is_zero();
        let due = if allowed { Some(turn.due) } else { before };
        if let Some(due) = due {
            clients.insert(client.to_owned(), due);
        }
        Verdict {
            allowed,
            limit,
            remaining: rate.room(due, now),
            reset: due.unwrap_or(now).saturating_duration_since(now),
            retry_after: turn.wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32, burst: u32) -> RateLimit {
        RateLimit::new(Rate { per_second, burst })
    }

    #[test]
    fn two_a_second_and_two_extra_let_three_pass_at_once() {
        let (limit, now) = (rate(2, 2), Instant::now());
        let verdicts: Vec<Verdict> = (0..4).map(|_| limit.check("a", now)).collect();
        assert_eq!(
            verdicts.iter().map(|it| it.allowed).collect::<Vec<_>>(),
            [true, true, true, false]
        );
        assert_eq!(
            verdicts.iter().map(|it| it.remaining).collect::<Vec<_>>(),
            [2, 1, 0, 0]
        );
        assert_eq!(verdicts[0].limit, 3);
        assert_eq!(verdicts[3].retry_after, Duration::from_millis(500));
        assert!(limit.check("a", now + Duration::from_millis(500)).allowed);
        assert!(!limit.check("a", now + Duration::from_millis(501)).allowed);
        assert!(limit.check("b", now).allowed);
    }

    #[test]
    fn made_up_clients_take_no_more_memory_than_the_table() {
        let (limit, now) = (rate(1, 0), Instant::now());
        for client in 0..3 * MAX_CLIENTS {
            limit.check(&client.to_string(), now);
        }
        assert!(limit.clients.lock().unwrap().len() <= MAX_CLIENTS);
    }

    #[test]
    fn zero_limits_nothing() {
        let (limit, now) = (rate(0, 0), Instant::now());
        assert!((0..1000).all(|_| limit.check("a", now).allowed));
    }
}
