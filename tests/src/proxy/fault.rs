//! What goes wrong, and for which requests.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, futures::Notified};

use super::request::{Answered, Request, Token, Verb};

/// What happens to a request instead of, or besides, being answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An error of the API server; nothing is done.
    Status {
        /// The HTTP status code.
        code: u16,
        /// Seconds of a `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// A watch that ends with the event for a resource version that is too old.
    GoneEvent,
    /// The connection is closed without an answer; nothing is done.
    Cut,
    /// It is done, but the connection is closed instead of an answer.
    LoseAnswer,
    /// No answer until the proxy is healed, then a closed connection; nothing is done.
    Hang,
    /// Each piece of the answer is this late. Holds for watches that are already open.
    Slow(Duration),
    /// The answer begins, and nothing more of it comes until the proxy is healed. Holds for watches
    /// that are already open.
    Silent,
}

impl Fault {
    /// An error without `Retry-After`.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status {
            code,
            retry_after: None,
        }
    }
}

/// Which requests are meant.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    verbs: Vec<Verb>,
    resource: Option<String>,
    token: Option<Token>,
}

impl Matching {
    /// All.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// Those about a resource: `secrets`, `sealedsecrets/status`.
    #[must_use]
    pub fn to(resource: &str) -> Self {
        Self {
            resource: Some(resource.to_owned()),
            ..Self::default()
        }
    }

    /// Of these, only those with one of the verbs.
    #[must_use]
    pub fn verbs(mut self, verbs: &[Verb]) -> Self {
        self.verbs = verbs.to_vec();
        self
    }

    /// Of these, only those of who has this bearer token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(Token(token.to_owned()));
        self
    }

    pub(super) fn matches(&self, request: &Request) -> bool {
        (self.verbs.is_empty() || self.verbs.contains(&request.verb))
            && self
                .resource
                .as_ref()
                .is_none_or(|resource| *resource == request.resource)
            && (self.token.is_none() || self.token == request.token)
    }
}

pub(super) struct Rule {
    matching: Matching,
    fault: Fault,
    /// How often it still counts; without end if `None`.
    left: Option<usize>,
    /// Whether it counts only for requests with lower numbers.
    before: Option<u64>,
}

impl Rule {
    pub(super) fn new(matching: Matching, fault: Fault, left: Option<usize>) -> Self {
        Self {
            matching,
            fault,
            left,
            before: None,
        }
    }
}

/// The rules in force, and what was asked so far.
#[derive(Default)]
pub(super) struct Faults {
    rules: Mutex<Vec<Rule>>,
    requests: Mutex<Vec<Request>>,
    number: AtomicU64,
    changed: Notify,
}

impl Faults {
    pub(super) fn add(&self, rule: Rule) {
        lock(&self.rules).push(rule);
        self.changed.notify_waiters();
    }

    /// Adds a rule for requests that are under way, and none that is yet to come.
    pub(super) fn add_for_open(&self, mut rule: Rule) {
        rule.before = Some(self.number.load(Ordering::Relaxed));
        self.add(rule);
    }

    pub(super) fn clear(&self) {
        lock(&self.rules).clear();
        self.changed.notify_waiters();
    }

    /// Records a request; the fault that it meets.
    pub(super) fn meet(&self, request: &mut Request) -> Option<Fault> {
        let mut rules = lock(&self.rules);
        let rule = rules.iter_mut().rev().find(|rule| {
            rule.left != Some(0) && rule.before.is_none() && rule.matching.matches(request)
        });
        let fault = rule.map(|rule| {
            rule.left = rule.left.map(|left| left - 1);
            rule.fault.clone()
        });
        drop(rules);
        request.faulted = fault.is_some();
        request.number = self.number.fetch_add(1, Ordering::Relaxed);
        lock(&self.requests).push(request.clone());
        fault
    }

    /// Records what the API server made of a request.
    pub(super) fn answered(&self, request: &Request, code: u16) {
        let mut requests = lock(&self.requests);
        let mut latest = requests.iter_mut().rev();
        // It may have been forgotten.
        if let Some(recorded) = latest.find(|recorded| recorded.number == request.number) {
            let at = Instant::now();
            recorded.answered = Some(Answered { code, at });
        }
    }

    /// The fault that an answer under way meets now.
    pub(super) fn of_stream(&self, request: &Request) -> Option<Fault> {
        let rules = lock(&self.rules);
        let mut matching = rules.iter().rev().filter(|rule| {
            matches!(rule.fault, Fault::Slow(_) | Fault::Silent)
                && rule.before.is_none_or(|number| request.number < number)
                && rule.matching.matches(request)
        });
        matching.next().map(|rule| rule.fault.clone())
    }

    /// Waits for the next change of the rules after this call.
    pub(super) fn change(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Waits until there are no rules.
    pub(super) async fn cleared(&self) {
        loop {
            let changed = self.changed.notified();
            if lock(&self.rules).is_empty() {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    pub(super) fn forget(&self) {
        lock(&self.requests).clear();
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults")
            .field("rules", &lock(&self.rules).len())
            .field("requests", &lock(&self.requests).len())
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panics has failed already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str) -> Request {
        let http = http::Request::builder()
            .method(method)
            .uri("/api/v1/namespaces/shop/secrets/db")
            .body(())
            .unwrap();
        Request::of(&http)
    }

    #[test]
    fn newest_rule_counts_and_only_as_often_as_it_may() {
        let faults = Faults::default();
        let gets = || Matching::to("secrets").verbs(&[Verb::Get]);
        faults.add(Rule::new(gets(), Fault::Cut, None));
        faults.add(Rule::new(gets(), Fault::status(500), Some(1)));
        let meet = |method| faults.meet(&mut request(method));
        assert_eq!(meet("PUT"), None);
        assert_eq!(meet("GET"), Some(Fault::status(500)));
        assert_eq!(meet("GET"), Some(Fault::Cut));
        let recorded: Vec<bool> = faults.requests().iter().map(|it| it.faulted).collect();
        assert_eq!(recorded, [false, true, true]);
        faults.clear();
        assert_eq!(faults.meet(&mut request("GET")), None);
    }
}
