//! A term of this replica as the one that writes: what has to be done before its first reconcile.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::settled::Settled;
use crate::keys::SharedKeyring;
use crate::leadership::Leadership;

/// Whether objects may be reconciled. A clone sees the same.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    leadership: Leadership,
    prepared: watch::Receiver<Option<u64>>,
}

impl Terms {
    /// Prepares each term for as long as the process lives.
    pub(super) fn start(
        leadership: Leadership,
        keyring: SharedKeyring,
        settled: Arc<Settled>,
    ) -> Self {
        let (sender, prepared) = watch::channel(None);
        tokio::spawn(prepare_each(leadership.clone(), keyring, settled, sender));
        Self {
            leadership,
            prepared,
        }
    }

    /// The same, with a receiver that has seen what was before.
    pub(super) fn next_after_now(&self) -> Self {
        let mut terms = self.clone();
        terms.prepared.mark_unchanged();
        terms
    }

    /// The term under way, if it is prepared.
    pub(super) fn current(&self) -> Option<u64> {
        let prepared = *self.prepared.borrow();
        let current = self.leadership.term(Instant::now());
        current.filter(|_| current == prepared)
    }

    /// Waits for the next term that begins after the one of this receiver's last look; `false` if
    /// there will be none. What others have done since is unknown, so every object has to be looked
    /// at.
    pub(super) async fn begun(&mut self) -> bool {
        loop {
            if self.prepared.changed().await.is_err() {
                return false;
            }
            if self.prepared.borrow_and_update().is_some() {
                return true;
            }
        }
    }
}

async fn prepare_each(
    mut leadership: Leadership,
    mut keyring: SharedKeyring,
    settled: Arc<Settled>,
    prepared: watch::Sender<Option<u64>>,
) {
    loop {
        let term = leadership.begun().await;
        tokio::select! {
            () = leadership.ended(term) => continue,
            ready = prepare(&mut keyring, &settled) => if !ready { return },
        }
        prepared.send_replace(Some(term));
        leadership.ended(term).await;
        prepared.send_replace(None);
    }
}

/// What comes before the first reconcile of a term; `false` if the process is about to end. Given up
/// when the term ends meanwhile.
async fn prepare(keyring: &mut SharedKeyring, settled: &Settled) -> bool {
    // The first key may be ours to make: without it, objects would be told that no key opens them.
    let first_key = keyring.wait_for(|keyring| !keyring.is_empty());
    if first_key.await.is_err() {
        return false;
    }
    // What others found right in their terms is right for us.
    settled.load(keyring).await;
    true
}
