//! What the controller counts and measures, in Prometheus' text format.
//!
//! | `sealed_secrets_controller_`... | Type | Labels |
//! |---|---|---|
//! | `build_info` | gauge | `revision` |
//! | `unseal_requests_total` | counter | |
//! | `unseal_errors_total` | counter | `reason`, `namespace` |
//! | `condition_info` | gauge | `namespace`, `name`, `condition`, `ss_app_kubernetes_io_instance` |
//! | `http_requests_total` | counter | `path`, `code`, `method` |
//! | `http_request_duration_seconds` | histogram | `path`, `method` |
//! | `reconcile_duration_seconds` | histogram | |
//! | `queue_depth` | gauge | `state` |
//! | `key_not_before_timestamp_seconds`, `key_expiry_timestamp_seconds` | gauge | `key`, `fingerprint` |
//! | `key_load_errors` | gauge | |
//! | `private_key_operations_total` | counter | |
//! | `drift_corrected_total` | counter | `namespace` |
//! | `objects` | gauge | `condition`, `status` |
//! | `leader` | gauge | |
//!
//! The first six are the reference's. Besides, `process_*` on Linux. No label takes a value that a
//! client of the HTTP API chose, and what names an object goes with the object. `condition_info` and
//! `objects` are told by the replica that writes, so that sums over several are right.

mod http;
mod keys;
mod leader;
mod namespaces;
mod objects;
mod operations;
mod queue;
mod sample;
mod server;

use std::sync::Arc;
use std::time::Instant;

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};
use sealed_secrets_core::keyring::{Keyring, Operations};
use sealed_secrets_crds::sealed_secret::Condition;

use crate::report::Step;
use crate::status::{Outcome, UNMANAGED};
use crate::unsealer::ObjectKey;

pub(crate) use http::observe;
use keys::Keys;
use leader::Leader;
use namespaces::Namespaces;
use objects::Objects;
use operations::PrivateKeyOperations;
pub use queue::Queue;
pub use server::router;

/// What the names of all metrics begin with, but for those of the process.
const PREFIX: &str = "sealed_secrets_controller";
/// Label of a SealedSecret whose value `condition_info` repeats.
pub(crate) const INSTANCE: &str = "app.kubernetes.io/instance";
/// Upper bounds in seconds for answers to HTTP requests: the reference's.
const HTTP_BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Upper bounds in seconds for reconciles: from a look at what is there to an API server that hangs.
const RECONCILE_BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0,
];

/// Where a reconcile failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsealError {
    /// SealedSecrets can't be read from the API server, or manifests from their folder.
    Fetch,
    /// There is no desired Secret.
    Unseal,
    /// The Secret belongs to somebody else.
    Unmanaged,
    /// The Secret can't be written.
    Update,
    /// The status can't be written.
    Status,
}

impl UnsealError {
    /// Those that name a namespace.
    const OF_OBJECTS: [Self; 4] = [Self::Unseal, Self::Unmanaged, Self::Update, Self::Status];

    /// The error that an outcome is; `None` if the Secret is as it should be.
    pub fn of(outcome: &Outcome, step: Step) -> Option<Self> {
        match outcome {
            Outcome::Synced => None,
            Outcome::Stalled {
                reason: UNMANAGED, ..
            } => Some(Self::Unmanaged),
            Outcome::Stalled { .. } | Outcome::Retrying { .. } => Some(match step {
                Step::Unseal => Self::Unseal,
                Step::Update => Self::Update,
            }),
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Unseal => "unseal",
            Self::Unmanaged => "unmanaged",
            Self::Update => "update",
            Self::Status => "status",
        }
    }
}

/// All metrics of one controller. A clone is another handle to the same ones.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    unseal_requests: IntCounter,
    unseal_errors: IntCounterVec,
    http_requests: IntCounterVec,
    http_request_duration: HistogramVec,
    reconcile_duration: Histogram,
    drift_corrected: IntCounterVec,
    keys: Keys,
    operations: PrivateKeyOperations,
    leader: Leader,
    objects: Objects,
    namespaces: Namespaces,
    queue: Queue,
}

impl Metrics {
    /// Everything at zero. With `omit_secret_labels` nothing names a single SealedSecret.
    pub fn new(omit_secret_labels: bool) -> Self {
        let leader = Leader::default();
        let inner = Inner {
            registry: Registry::new(),
            unseal_requests: valid(IntCounter::with_opts(opts(
                "unseal_requests_total",
                "Reconciles of SealedSecrets, tries again and deletions included.",
            ))),
            unseal_errors: valid(IntCounterVec::new(
                opts(
                    "unseal_errors_total",
                    "Reconciles that failed, by the step that did.",
                ),
                &["reason", "namespace"],
            )),
            http_requests: valid(IntCounterVec::new(
                opts(
                    "http_requests_total",
                    "Answers of the HTTP API, by path, status code and method.",
                ),
                &["path", "code", "method"],
            )),
            http_request_duration: valid(HistogramVec::new(
                histogram(
                    "http_request_duration_seconds",
                    "Time that the HTTP API took to answer.",
                    &HTTP_BUCKETS,
                ),
                &["path", "method"],
            )),
            reconcile_duration: valid(Histogram::with_opts(histogram(
                "reconcile_duration_seconds",
                "Time that reconciles took, successful or not.",
                &RECONCILE_BUCKETS,
            ))),
            drift_corrected: valid(IntCounterVec::new(
                opts(
                    "drift_corrected_total",
                    "Secrets put right after somebody else had changed or deleted them.",
                ),
                &["namespace"],
            )),
            keys: Keys::default(),
            operations: PrivateKeyOperations::default(),
            objects: Objects::new(omit_secret_labels, leader.clone()),
            leader,
            namespaces: Namespaces::default(),
            queue: Queue::default(),
        };
        inner.register();
        let fetch = [UnsealError::Fetch.reason(), ""];
        let _ = inner.unseal_errors.with_label_values(&fetch);
        Self(Arc::new(inner))
    }

    /// Counts a reconcile, and measures it until the guard is dropped.
    #[must_use]
    pub fn reconcile(&self) -> Reconcile {
        self.0.unseal_requests.inc();
        Reconcile {
            duration: self.0.reconcile_duration.clone(),
            began: Instant::now(),
        }
    }

    /// Counts and measures a reconcile that is done.
    pub fn reconciled(&self, began: Instant) {
        let duration = self.0.reconcile_duration.clone();
        self.0.unseal_requests.inc();
        drop(Reconcile { duration, began });
    }

    /// Counts a failed reconcile; `namespace` is empty for [`UnsealError::Fetch`], which is about all
    /// objects.
    pub fn unseal_error(&self, error: UnsealError, namespace: &str) {
        let labels = [error.reason(), namespace];
        self.0.unseal_errors.with_label_values(&labels).inc();
    }

    /// Counts a Secret that somebody else had changed or deleted, and that is as it should be again.
    pub fn drift_corrected(&self, namespace: &str) {
        self.0.drift_corrected.with_label_values(&[namespace]).inc();
    }

    /// Whether this replica writes; until this is said, it does.
    pub fn leads(&self, leads: bool) {
        self.0.leader.set(leads);
    }

    /// Remembers which keys there are, and how many more could not be loaded.
    pub fn keys(&self, keyring: &Keyring, bad: usize) {
        self.0.keys.set(keyring, bad);
    }

    /// The counter of private-key operations, for keyrings to count on.
    pub fn operations(&self) -> &Operations {
        &self.0.operations.operations
    }

    /// Remembers an object's conditions; `instance` is the value of its label
    /// `app.kubernetes.io/instance`.
    pub fn object(&self, key: &ObjectKey, instance: Option<&str>, conditions: &[Condition]) {
        if self.0.objects.set(key, instance, conditions) && self.0.namespaces.enter(&key.0) {
            self.meet_namespace(&key.0);
        }
    }

    /// Forgets an object that is gone, and counts that as a reconcile if it was known.
    pub fn forget(&self, key: &ObjectKey) {
        if !self.0.objects.remove(key) {
            return;
        }
        if self.0.leader.leads() {
            self.0.unseal_requests.inc();
        }
        for namespace in self.0.namespaces.leave(&key.0) {
            self.forget_namespace(&namespace);
        }
    }

    /// The objects that are known.
    pub fn known_objects(&self) -> Vec<ObjectKey> {
        self.0.objects.keys()
    }

    /// What waits to be reconciled, and what is under way.
    pub fn queue(&self) -> &Queue {
        &self.0.queue
    }

    /// All metrics as text, format 0.0.4.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Into memory nothing fails; a family that is malformed is left out with what follows it.
        if let Err(error) =
            prometheus::TextEncoder::new().encode_utf8(&self.0.registry.gather(), &mut text)
        {
            tracing::error!(%error, "cannot write all metrics");
        }
        text
    }

    /// Counts an answer of the HTTP API.
    fn http_request(&self, path: &'static str, method: &'static str, code: u16, began: Instant) {
        let inner = &self.0;
        let code = code.to_string();
        let labels = [path, code.as_str(), method];
        inner.http_requests.with_label_values(&labels).inc();
        let duration = inner
            .http_request_duration
            .with_label_values(&[path, method]);
        duration.observe(began.elapsed().as_secs_f64());
    }

    /// Starts the counters of a namespace at zero: the first error would be none to `rate()` if the
    /// series began with it.
    fn meet_namespace(&self, namespace: &str) {
        for error in UnsealError::OF_OBJECTS {
            let labels = [error.reason(), namespace];
            let _ = self.0.unseal_errors.with_label_values(&labels);
        }
        let _ = self.0.drift_corrected.with_label_values(&[namespace]);
    }

    /// The series of a namespace without SealedSecrets.
    fn forget_namespace(&self, namespace: &str) {
        for error in UnsealError::OF_OBJECTS {
            // An error means that there is no such series.
            let labels = [error.reason(), namespace];
            let _ = self.0.unseal_errors.remove_label_values(&labels);
        }
        let _ = self.0.drift_corrected.remove_label_values(&[namespace]);
    }
}

impl Inner {
    fn register(&self) {
        let build_info = valid(Gauge::with_opts(
            opts("build_info", "What is running.")
                .const_label("revision", env!("CARGO_PKG_VERSION")),
        ));
        build_info.set(1.0);
        let collectors: Vec<Box<dyn Collector>> = vec![
            Box::new(build_info),
            Box::new(self.unseal_requests.clone()),
            Box::new(self.unseal_errors.clone()),
            Box::new(self.http_requests.clone()),
            Box::new(self.http_request_duration.clone()),
            Box::new(self.reconcile_duration.clone()),
            Box::new(self.drift_corrected.clone()),
            Box::new(self.keys.clone()),
            Box::new(self.leader.clone()),
            Box::new(self.operations.clone()),
            Box::new(self.objects.clone()),
            Box::new(self.queue.clone()),
            #[cfg(target_os = "linux")]
            Box::new(prometheus::process_collector::ProcessCollector::for_self()),
        ];
        for collector in collectors {
            valid(self.registry.register(collector));
        }
    }
}

/// Measures a reconcile for as long as it lives.
#[derive(Debug)]
pub struct Reconcile {
    duration: Histogram,
    began: Instant,
}

impl Drop for Reconcile {
    fn drop(&mut self) {
        self.duration.observe(self.began.elapsed().as_secs_f64());
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(PREFIX)
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help)
        .namespace(PREFIX)
        .buckets(buckets.to_vec())
}

/// The only ways to fail are names that are malformed or taken, and all of them stand in this module.
fn valid<T>(made: prometheus::Result<T>) -> T {
    made.expect("names and labels of metrics are valid and no two are the same")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, name: &str) -> ObjectKey {
        (namespace.to_owned(), name.to_owned())
    }

    fn synced(status: &str) -> Condition {
        Condition {
            type_: "Synced".to_owned(),
            status: status.to_owned(),
            ..Condition::default()
        }
    }

    #[test]
    fn build_info_is_one() {
        let text = Metrics::new(false).to_text();
        let version = env!("CARGO_PKG_VERSION");
        let line = format!("sealed_secrets_controller_build_info{{revision=\"{version}\"}} 1\n");
        assert!(text.contains(&line), "{text}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_usual_metrics_of_a_process_are_there() {
        let text = Metrics::new(false).to_text();
        for name in [
            "cpu_seconds_total",
            "resident_memory_bytes",
            "virtual_memory_bytes",
            "open_fds",
            "max_fds",
            "start_time_seconds",
        ] {
            assert!(text.contains(&format!("\nprocess_{name} ")), "{name}");
        }
    }

    #[test]
    fn a_reconcile_is_counted_at_its_start_and_measured_at_its_end() {
        let metrics = Metrics::new(false);
        let reconcile = metrics.reconcile();
        let counted = "sealed_secrets_controller_unseal_requests_total 1\n";
        assert!(metrics.to_text().contains(counted));
        let measured = "sealed_secrets_controller_reconcile_duration_seconds_count 1\n";
        assert!(!metrics.to_text().contains(measured));
        drop(reconcile);
        assert!(metrics.to_text().contains(measured));
    }

    #[test]
    fn namespaces_that_come_and_go_leave_a_bounded_number_of_series() {
        let metrics = Metrics::new(false);
        metrics.object(&key("stays", "db"), None, &[synced("False")]);
        metrics.unseal_error(UnsealError::Unseal, "stays");
        for number in 0..1000 {
            let key = key(&format!("preview-{number}"), "db");
            metrics.object(&key, None, &[synced("False")]);
            metrics.unseal_error(UnsealError::Unseal, &key.0);
            metrics.drift_corrected(&key.0);
            metrics.forget(&key);
        }
        let text = metrics.to_text();
        let series = text
            .lines()
            .filter(|line| line.contains("namespace=\"preview-"))
            .count();
        assert!((1..=5 * namespaces::MAX_LEFT).contains(&series), "{series}");
        assert!(text.contains("namespace=\"preview-999\""));
        assert!(text.contains("namespace=\"stays\""));
    }
}
