//! `key_*`: which keys there are, from when to when their certificates say, and what can't be loaded.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use sealed_secrets_core::keyring::Keyring;

use super::sample::GaugeFamily;

/// The keys of the moment.
#[derive(Clone, Debug)]
pub(super) struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    known: Mutex<Known>,
    not_before: GaugeFamily,
    expiry: GaugeFamily,
    load_errors: GaugeFamily,
}

#[derive(Debug, Default)]
struct Known {
    keys: Vec<Key>,
    bad: usize,
}

#[derive(Debug)]
struct Key {
    name: String,
    fingerprint: String,
    /// Seconds since 1970.
    not_before: i64,
    expiry: i64,
}

impl Default for Keys {
    fn default() -> Self {
        let labels = ["fingerprint", "key"];
        Self(Arc::new(Inner {
            known: Mutex::default(),
            not_before: GaugeFamily::new(
                "key_not_before_timestamp_seconds",
                "Start of the validity of a key's certificate, seconds since 1970; the highest is the newest key.",
                &labels,
            ),
            expiry: GaugeFamily::new(
                "key_expiry_timestamp_seconds",
                "End of the validity of a key's certificate, seconds since 1970. An expired key still unseals.",
                &labels,
            ),
            load_errors: GaugeFamily::new(
                "key_load_errors",
                "What is kept as a key at the moment and holds none that is usable.",
                &[],
            ),
        }))
    }
}

impl Keys {
    pub(super) fn set(&self, keyring: &Keyring, bad: usize) {
        let keys = keyring.entries().map(|entry| {
            let certificate = entry.pair.certificate();
            Key {
                name: entry.name.clone(),
                fingerprint: entry.pair.fingerprint().to_string(),
                not_before: certificate.not_before().as_second(),
                expiry: certificate.not_after().as_second(),
            }
        });
        let known = Known {
            keys: keys.collect(),
            bad,
        };
        *self.0.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

impl Collector for Keys {
    fn desc(&self) -> Vec<&Desc> {
        let Inner {
            not_before,
            expiry,
            load_errors,
            ..
        } = &*self.0;
        vec![not_before.desc(), expiry.desc(), load_errors.desc()]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let times = |family: &GaugeFamily, time: fn(&Key) -> i64| {
            let samples = known.keys.iter();
            family.collect(
                samples.map(|key| ([key.fingerprint.as_str(), &key.name], time(key) as f64)),
            )
        };
        vec![
            times(&self.0.not_before, |key| key.not_before),
            times(&self.0.expiry, |key| key.expiry),
            self.0
                .load_errors
                .collect(std::iter::once(([], known.bad as f64))),
        ]
    }
}
