//! Namespaces that name series, so that those of deleted ones don't pile up.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Namespaces without SealedSecrets whose counters are kept: the last that became so. At once would
/// be too soon, since what was counted last may not have been scraped.
pub(super) const MAX_LEFT: usize = 100;

/// How many objects there are in each namespace, and which namespaces have none any more.
#[derive(Debug, Default)]
pub(super) struct Namespaces(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    objects: HashMap<String, usize>,
    left: VecDeque<String>,
}

impl Namespaces {
    /// An object appeared; returns whether it is the first of its namespace.
    pub(super) fn enter(&self, namespace: &str) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counted.objects.get_mut(namespace) else {
            counted.objects.insert(namespace.to_owned(), 1);
            counted.left.retain(|left| left != namespace);
            return true;
        };
        *count += 1;
        false
    }

    /// An object went; returns the namespaces to forget.
    pub(super) fn leave(&self, namespace: &str) -> Vec<String> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counted.objects.get_mut(namespace) else {
            return Vec::new();
        };
        *count -= 1;
        if *count > 0 {
            return Vec::new();
        }
        counted.objects.remove(namespace);
        counted.left.push_back(namespace.to_owned());
        let surplus = counted.left.len().saturating_sub(MAX_LEFT);
        counted.left.drain(..surplus).collect()
    }
}
