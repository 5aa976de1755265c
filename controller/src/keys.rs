//! The keyring that everything in the process shares, and the keys that are made for it.
//!
//! - `renewal`: when the next key is due, pure;
//! - `renewer`: makes it, once for each occasion;
//! - `name`: what it is called;
//! - `generation`: the key pair itself.

#[cfg(test)]
pub(crate) mod fixtures;
mod generation;
mod name;
mod renewal;
mod renewer;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use sealed_secrets_core::fingerprint::Fingerprint;
use sealed_secrets_core::keyring::{KeyEntry, KeyOrder, Keyring};
use tokio::sync::watch;

use crate::metrics::Metrics;

pub use generation::GenerateError;
pub use renewer::{KeyStore, Occasion, RenewError, Renewer, requests};

/// The keyring of the moment; receivers hear of every change.
pub type SharedKeyring = watch::Receiver<Arc<Keyring>>;

/// What a Secret or file that should hold a key turned out to hold.
pub type Candidate = Result<Arc<KeyEntry>, Complaint>;

/// Something that should be a key and isn't.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// Its Secret, or file.
    pub name: String,
    /// Changes whenever the Secret or file does.
    pub version: String,
    /// What is wrong with it.
    pub message: String,
}

/// Makes keyrings the current one, and tells about it.
#[derive(Debug)]
pub struct Publisher {
    order: KeyOrder,
    keyring: watch::Sender<Arc<Keyring>>,
    metrics: Metrics,
    /// What was complained about, to say it once for each change.
    told: BTreeSet<Complaint>,
}

impl Publisher {
    /// Starts with an empty keyring.
    pub fn new(order: KeyOrder, metrics: Metrics) -> (Self, SharedKeyring) {
        let empty = Keyring::new(order).counted_by(metrics.operations());
        let (keyring, receiver) = watch::channel(Arc::new(empty));
        (
            Self {
                order,
                keyring,
                metrics,
                told: BTreeSet::new(),
            },
            receiver,
        )
    }

    /// Makes a keyring of `candidates` the current one if it differs, and logs what isn't a key.
    /// Returns what is wrong that wasn't before.
    pub fn publish(&mut self, candidates: impl Iterator<Item = Candidate>) -> Vec<Complaint> {
        let (keyring, complaints) = keyring_of(self.order, candidates);
        let keyring = keyring.counted_by(self.metrics.operations());
        let new: Vec<_> = complaints.difference(&self.told).cloned().collect();
        for complaint in &new {
            tracing::warn!(
                key = complaint.name,
                error = complaint.message,
                "key skipped"
            );
        }
        self.metrics.keys(&keyring, complaints.len());
        self.told = complaints;
        let current = Arc::clone(&self.keyring.borrow());
        let (before, after) = (identity(&current), identity(&keyring));
        if before != after {
            for (name, fingerprint, _) in after.difference(&before) {
                tracing::info!(key = name, %fingerprint, "key in use");
            }
            for (name, fingerprint, _) in before.difference(&after) {
                tracing::info!(key = name, %fingerprint, "key no longer in use");
            }
            if keyring.is_empty() {
                tracing::error!("no key is left; restore one, or a new one will be made soon");
            }
            self.keyring.send_replace(Arc::new(keyring));
        }
        new
    }

    /// What makes a key the newest.
    pub fn order(&self) -> KeyOrder {
        self.order
    }
}

/// A keyring of all candidates that are keys, and what is wrong with the others.
pub fn keyring_of(
    order: KeyOrder,
    candidates: impl Iterator<Item = Candidate>,
) -> (Keyring, BTreeSet<Complaint>) {
    let mut keyring = Keyring::new(order);
    let mut complaints = BTreeSet::new();
    for candidate in candidates {
        match candidate {
            Ok(entry) => drop(keyring.insert(entry)),
            Err(complaint) => drop(complaints.insert(complaint)),
        }
    }
    (keyring, complaints)
}

/// What tells one keyring from another: names, keys and their certificates.
pub fn identity(keyring: &Keyring) -> BTreeSet<(String, Fingerprint, Timestamp)> {
    keyring
        .entries()
        .map(|entry| {
            let certificate = entry.pair.certificate();
            (
                entry.name.clone(),
                entry.pair.fingerprint(),
                certificate.not_before(),
            )
        })
        .collect()
}
