//! `queue_depth`: which objects are due for a reconcile and wait, and which are under way.
//!
//! What a retry waits for isn't due before its time, so an idle controller with failed objects shows
//! zero, and one that can't keep up shows how far it is behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::sample::GaugeFamily;
use crate::unsealer::ObjectKey;

/// Objects that are to be reconciled.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    objects: Mutex<HashMap<ObjectKey, Place>>,
    depth: GaugeFamily,
}

/// An object's place. While it is under way it may be asked for again.
#[derive(Debug, Default)]
struct Place {
    due: Option<Instant>,
    running: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self(Arc::new(Inner {
            objects: Mutex::default(),
            depth: GaugeFamily::new(
                "queue_depth",
                "SealedSecrets that wait to be reconciled, and those under way.",
                &["state"],
            ),
        }))
    }
}

impl Queue {
    /// There is a reason to reconcile this object at `at`, or already before.
    pub fn requested(&self, key: &ObjectKey, at: Instant) {
        let mut objects = self.objects();
        let place = objects.entry(key.clone()).or_default();
        place.due = Some(place.due.map_or(at, |due| due.min(at)));
    }

    /// There is a reason to reconcile this object in a while.
    pub fn requested_after(&self, key: &ObjectKey, pause: Duration) {
        // A pause beyond the end of time never ends.
        if let Some(at) = Instant::now().checked_add(pause) {
            self.requested(key, at);
        }
    }

    /// A reconcile begins; it is under way until the guard is dropped.
    #[must_use]
    pub fn started(&self, key: &ObjectKey) -> Running {
        let mut objects = self.objects();
        *objects.entry(key.clone()).or_default() = Place {
            due: None,
            running: true,
        };
        Running {
            queue: self.clone(),
            key: key.clone(),
        }
    }

    /// An object that was asked for is gone.
    pub fn gone(&self, key: &ObjectKey) {
        self.objects().remove(key);
    }

    fn finished(&self, key: &ObjectKey) {
        let mut objects = self.objects();
        if let Some(place) = objects.get_mut(key) {
            place.running = false;
            if place.due.is_none() {
                objects.remove(key);
            }
        }
    }

    /// How many wait at `now`, and how many are under way.
    fn depth(&self, now: Instant) -> (usize, usize) {
        let objects = self.objects();
        let waiting = objects
            .values()
            .filter(|place| place.due.is_some_and(|due| due <= now));
        let running = objects.values().filter(|place| place.running);
        (waiting.count(), running.count())
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<ObjectKey, Place>> {
        // Whole after any panic: it only counts.
        self.0
            .objects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Queue {
    fn desc(&self) -> Vec<&Desc> {
        vec![self.0.depth.desc()]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (waiting, running) = self.depth(Instant::now());
        let samples = [(["running"], running as f64), (["waiting"], waiting as f64)];
        vec![self.0.depth.collect(samples.into_iter())]
    }
}

/// A reconcile under way.
#[derive(Debug)]
pub struct Running {
    queue: Queue,
    key: ObjectKey,
}

impl Running {
    /// It will be tried again after `pause`.
    pub fn again_after(&self, pause: Duration) {
        self.queue.requested_after(&self.key, pause);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.queue.finished(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_wait_until_they_are_started_and_run_until_they_are_done() {
        let (queue, now) = (Queue::default(), Instant::now());
        let key = ("shop".to_owned(), "db".to_owned());
        queue.requested(&key, now);
        queue.requested(&key, now);
        assert_eq!(queue.depth(now), (1, 0));
        let running = queue.started(&key);
        assert_eq!(queue.depth(now), (0, 1));
        queue.requested(&key, now);
        assert_eq!(queue.depth(now), (1, 1));
        drop(running);
        assert_eq!(queue.depth(now), (1, 0));
        drop(queue.started(&key));
        assert_eq!(queue.depth(now), (0, 0));
        assert!(queue.objects().is_empty());
    }

    #[test]
    fn a_retry_waits_only_once_it_is_due() {
        let (queue, now) = (Queue::default(), Instant::now());
        let key = ("shop".to_owned(), "db".to_owned());
        let running = queue.started(&key);
        running.again_after(Duration::from_secs(3600));
        drop(running);
        assert_eq!(queue.depth(now), (0, 0));
        assert_eq!(queue.depth(now + Duration::from_secs(7200)), (1, 0));
        queue.gone(&key);
        assert!(queue.objects().is_empty());
    }
}
