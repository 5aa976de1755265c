//! What the flags say about trying again.

use super::Seen;

/// What the flags say about trying again.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cluster) struct Policy {
    /// Leave what others change in a Secret until its SealedSecret changes.
    pub(in crate::cluster) leave_drift: bool,
    /// Leave a deleted Secret deleted until its SealedSecret changes.
    pub(in crate::cluster) leave_deleted: bool,
    /// Tries after the first before a transient failure counts as permanent.
    pub(in crate::cluster) max_retries: Option<u32>,
}

impl Policy {
    /// Whether what happened to a Secret that was right is left as it is.
    pub(super) fn leaves(self, last: &Seen, seen: &Seen) -> bool {
        let left = match seen.secret_version {
            None => self.leave_deleted,
            Some(_) => self.leave_drift,
        };
        left && last.secret_version != seen.secret_version && last.same_spec(seen)
    }

    pub(super) fn is_enough(self, failures: u32) -> bool {
        self.max_retries.is_some_and(|max| failures >= max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::memory::seen::tests::seen;
    use crate::cluster::memory::{Conclusion, FIRST_PAUSE, Memory, StatusDigest, Verdict};
    use crate::unsealer::ObjectKey;
    use sealed_secrets_core::keyring::{KeyOrder, Keyring};
    use sealed_secrets_crds::SealedSecretStatus;
    use std::sync::Arc;
    use std::time::Instant;

    fn key() -> ObjectKey {
        ("shop".to_owned(), "db".to_owned())
    }

    fn policy(leave_drift: bool, leave_deleted: bool, max_retries: Option<u32>) -> Memory {
        Memory::new(Policy {
            leave_drift,
            leave_deleted,
            max_retries,
        })
    }

    #[test]
    fn what_the_policy_leaves_alone_stays_until_the_object_changes() {
        let keyring = Arc::new(Keyring::new(KeyOrder::CertNotBefore));
        let now = Instant::now();
        for (memory, edited, deleted) in [
            (
                policy(true, false, None),
                Verdict::Nothing,
                Verdict::Reconcile,
            ),
            (
                policy(false, true, None),
                Verdict::Reconcile,
                Verdict::Nothing,
            ),
        ] {
            let synced = Conclusion::Synced {
                version: Some("5".to_owned()),
                written: false,
            };
            memory.conclude(&key(), seen(Some("5")), None, synced, now);
            let mut object = seen(Some("6"));
            assert_eq!(memory.verdict(&key(), &object, &keyring, now), edited);
            object.secret_version = None;
            assert_eq!(memory.verdict(&key(), &object, &keyring, now), deleted);
            // A status that somebody changed is no change of the object.
            object.status = Some(StatusDigest::of(&SealedSecretStatus::default()));
            assert_eq!(memory.verdict(&key(), &object, &keyring, now), deleted);
            object.generation = Some(2);
            assert_eq!(
                memory.verdict(&key(), &object, &keyring, now),
                Verdict::Reconcile
            );
        }
    }

    #[test]
    fn a_number_of_retries_ends_and_begins_anew_with_another_object() {
        let (memory, now) = (policy(false, false, Some(2)), Instant::now());
        for _ in 0..2 {
            assert!(!memory.gives_up(&key(), &seen(None)));
            let pause = memory.conclude(&key(), seen(None), None, Conclusion::Retrying, now);
            assert!(pause.is_some());
        }
        assert!(memory.gives_up(&key(), &seen(None)));
        let mut changed = seen(None);
        changed.generation = Some(2);
        assert!(!memory.gives_up(&key(), &changed));
        let first = memory.conclude(&key(), changed.clone(), None, Conclusion::Retrying, now);
        assert!(first.unwrap() < 2 * FIRST_PAUSE);
        assert!(!memory.gives_up(&key(), &changed));
        // Failures that no status could tell count, too.
        assert!(memory.pause(&key()).is_some());
        assert_eq!(memory.pause(&key()), None);
    }
}
