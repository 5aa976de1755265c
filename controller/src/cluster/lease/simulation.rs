//! Candidates and an API server in virtual time, with everything that may happen between them:
//! requests that are late, lost, refused, or answered to nobody, processes that are stopped, killed, or leave.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::REQUEST_TIMEOUT;
use super::candidate::{Answer, Candidate, DURATION, RETRY, Request};

const REPLICAS: usize = 3;
const CHAOS: u64 = 300_000;
/// Longer than it takes to notice that a holder has gone, and to take its place.
const CALM: u64 = 30_000;

/// What happens next to a replica; times are milliseconds.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    Send,
    Arrive(Box<Request>),
    Hear(Answer),
    Despair,
}

/// In order of time.
struct Queued {
    at: u64,
    replica: usize,
    /// Events of a life or a request that is over are for nobody.
    life: u32,
    request: u32,
    event: Event,
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.replica, self.request).cmp(&(other.at, other.replica, other.request))
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Queued {}

struct Replica {
    candidate: Candidate,
    life: u32,
    request: u32,
    began: u64,
    /// Whether it has seen the Lease. Before, one refusal is enough for it to work alone.
    met: bool,
}

struct World {
    rng: StdRng,
    start: Instant,
    lease: Option<Lease>,
    version: u64,
    replicas: Vec<Replica>,
    queue: BinaryHeap<Reverse<Queued>>,
    /// How often somebody began to lead.
    takeovers: u32,
    leader: Option<usize>,
}

impl World {
    fn new(seed: u64) -> Self {
        let replica = |number: usize| Replica {
            candidate: Candidate::new(format!("replica-{number}")),
            life: 0,
            request: 0,
            began: 0,
            met: false,
        };
        let mut world = Self {
            rng: StdRng::seed_from_u64(seed),
            start: Instant::now(),
            lease: None,
            version: 0,
            replicas: (0..REPLICAS).map(replica).collect(),
            queue: BinaryHeap::new(),
            takeovers: 0,
            leader: None,
        };
        for replica in 0..REPLICAS {
            world.push(0, replica, Event::Send);
        }
        world
    }

    fn push(&mut self, at: u64, replica: usize, event: Event) {
        let Replica { life, request, .. } = self.replicas[replica];
        self.queue.push(Reverse(Queued {
            at,
            replica,
            life,
            request,
            event,
        }));
    }

    fn instant(&self, at: u64) -> Instant {
        self.start + Duration::from_millis(at)
    }

    fn milliseconds(&self, at: Instant) -> u64 {
        u64::try_from((at - self.start).as_millis()).unwrap()
    }

    /// Mostly short; sometimes long enough to matter.
    fn delay(&mut self, calm: bool) -> u64 {
        if !calm && self.rng.random_bool(0.1) {
            self.rng.random_range(0..20_000)
        } else {
            self.rng.random_range(1..50)
        }
    }

    fn run(&mut self, until: u64, calm: bool) {
        while let Some(Reverse(next)) = self.queue.pop() {
            if next.at > until {
                self.queue.push(Reverse(next));
                return;
            }
            self.happen(next, calm);
        }
    }

    fn happen(
        &mut self,
        Queued {
            at,
            replica,
            life,
            request,
            event,
        }: Queued,
        calm: bool,
    ) {
        // What was sent arrives, whatever has become of who sent it.
        if let Event::Arrive(asked) = event {
            let refused = !calm && self.replicas[replica].met && self.rng.random_bool(0.02);
            let answer = if refused {
                Answer::Refused
            } else {
                self.serve(*asked)
            };
            let heard = at + self.delay(calm);
            let lost = !calm && self.rng.random_bool(0.05);
            let current = &self.replicas[replica];
            if !lost && (current.life, current.request) == (life, request) {
                self.push(heard, replica, Event::Hear(answer));
            }
            return;
        }
        let current = &self.replicas[replica];
        if (current.life, current.request) != (life, request) {
            return;
        }
        if !calm && self.rng.random_bool(0.02) {
            // Stopped: whatever it was about to do it does later.
            let woken = at + self.rng.random_range(0..60_000);
            self.push(woken, replica, event);
            return;
        }
        match event {
            Event::Send if !calm && self.rng.random_bool(0.01) => self.die(at, replica),
            Event::Send => self.send(at, replica, calm),
            Event::Hear(answer) => self.hear(at, replica, answer),
            Event::Despair => self.hear(at, replica, Answer::Failed),
            Event::Arrive(_) => {}
        }
    }

    fn send(&mut self, at: u64, replica: usize, calm: bool) {
        self.replicas[replica].began = at;
        let request = self.replicas[replica]
            .candidate
            .request(Timestamp::UNIX_EPOCH);
        let arrives = at + self.delay(calm);
        if calm || self.rng.random_bool(0.95) {
            self.push(arrives, replica, Event::Arrive(Box::new(request)));
        }
        let timeout = u64::try_from(REQUEST_TIMEOUT.as_millis()).unwrap();
        self.push(at + timeout, replica, Event::Despair);
    }

    fn hear(&mut self, at: u64, replica: usize, answer: Answer) {
        let (began, now) = (self.instant(self.replicas[replica].began), self.instant(at));
        let chance = self.rng.random_range(0.0..1.0);
        let current = &mut self.replicas[replica];
        current.request += 1;
        current.met |= matches!(answer, Answer::Found(_));
        let due = current.candidate.answered(answer, began, now, chance);
        let next = self.milliseconds(due.max(now));
        self.push(next, replica, Event::Send);
        let leaders = self.leaders(at);
        assert!(leaders.len() <= 1, "at {at} ms: {leaders:?} lead");
        if let [leader] = leaders[..]
            && self.leader.replace(leader) != Some(leader)
        {
            self.takeovers += 1;
        }
    }

    fn leaders(&self, at: u64) -> Vec<usize> {
        let now = self.instant(at);
        (0..REPLICAS)
            .filter(|replica| self.replicas[*replica].candidate.tenure().holds(now))
            .collect()
    }

    /// It ends, half of the time after it has given the Lease back, and another comes in its place.
    fn die(&mut self, at: u64, replica: usize) {
        let release = self.replicas[replica]
            .candidate
            .release(Timestamp::UNIX_EPOCH);
        if let Some(lease) = release.filter(|_| self.rng.random_bool(0.5)) {
            let arrives = at + self.delay(false);
            self.push(
                arrives,
                replica,
                Event::Arrive(Box::new(Request::Replace(lease))),
            );
        }
        let current = &mut self.replicas[replica];
        current.life += 1;
        current.met = false;
        current.candidate = Candidate::new(format!("replica-{replica}-{}", current.life));
        let starts = at + self.rng.random_range(0..10_000);
        self.push(starts, replica, Event::Send);
    }

    fn serve(&mut self, request: Request) -> Answer {
        let version = |lease: &Lease| lease.metadata.resource_version.clone();
        let (there, asked) = match request {
            Request::Look => {
                let found = self.lease.clone().map(Box::new);
                return found.map_or(Answer::Absent, Answer::Found);
            }
            Request::Create(lease) => (self.lease.is_none(), lease),
            Request::Replace(lease) => {
                let there = self.lease.as_ref().map(version);
                (there == Some(version(&lease)), lease)
            }
        };
        if !there {
            return Answer::Conflict;
        }
        self.version += 1;
        let mut stored = asked;
        stored.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(stored.clone());
        Answer::Found(Box::new(stored))
    }
}

#[test]
fn the_lease_changes_hands_in_the_simulation() {
    let takeovers = |seed| {
        let mut world = World::new(seed);
        world.run(CHAOS, false);
        world.takeovers
    };
    assert!((0..30).map(takeovers).sum::<u32>() > 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn never_two_lead_and_in_the_end_one_does(seed in any::<u64>()) {
        let mut world = World::new(seed);
        world.run(CHAOS, false);
        // What is under way may take until its timeout, who is stopped wakes up a minute later.
        world.run(CHAOS + 60_000, true);
        world.run(CHAOS + 60_000 + CALM, true);
        prop_assert_eq!(world.leaders(CHAOS + 60_000 + CALM).len(), 1);
    }

    #[test]
    fn one_that_is_killed_is_succeeded_in_time(seed in any::<u64>()) {
        let mut world = World::new(seed);
        world.run(20_000, true);
        let [leader] = world.leaders(20_000)[..] else {
            return Err(TestCaseError::fail("nobody leads"));
        };
        world.replicas[leader].life += 1;
        world.replicas[leader].candidate = Candidate::new("nobody".to_owned());
        // At most a renewal's age, the duration, and a few requests.
        let bound = DURATION + RETRY + Duration::from_secs(1);
        let bound = 20_000 + u64::try_from(bound.as_millis()).unwrap();
        world.run(bound, true);
        prop_assert_eq!(world.leaders(bound).len(), 1);
    }
}
