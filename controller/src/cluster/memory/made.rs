//! What a Secret was made for.
//!
//! Kept through failures: what differs in a Secret that was right is somebody else's doing, and
//! what chance gave it stays, however often the API server was away in between.

use super::{Memory, Seen};
use crate::unsealer::ObjectKey;

impl Memory {
    /// Remembers that the Secret is right for an object that looks like `seen`.
    pub(in crate::cluster) fn made(&self, key: &ObjectKey, seen: &Seen) {
        self.objects().entry(key.clone()).or_default().made = Some(seen.clone());
    }

    /// Whether the Secret was right once for what the object asks now: as remembered, or as its
    /// status says, which an earlier run or another replica may have written.
    pub(in crate::cluster) fn was_right(
        &self,
        key: &ObjectKey,
        seen: &Seen,
        says_synced: bool,
    ) -> bool {
        let mut objects = self.objects();
        let remembered = objects.entry(key.clone()).or_default();
        let right = match &remembered.made {
            // A status knows nothing of the label.
            Some(made) if (&made.uid, made.generation) == (&seen.uid, seen.generation) => {
                made.same_spec(seen)
            }
            _ => says_synced,
        };
        if right {
            // The status changes with the first failure.
            remembered.made = Some(seen.clone());
        }
        right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::memory::Conclusion;
    use crate::cluster::memory::seen::tests::seen;
    use sealed_secrets_core::label::Label;
    use sealed_secrets_core::scope::Scope;
    use std::time::Instant;

    #[test]
    fn what_was_right_stays_so_through_failures_until_the_object_changes() {
        let key = ("shop".to_owned(), "db".to_owned());
        let memory = Memory::default();
        assert!(!memory.was_right(&key, &seen(None), false));
        memory.made(&key, &seen(None));
        memory.conclude(&key, seen(None), None, Conclusion::Retrying, Instant::now());
        assert!(memory.was_right(&key, &seen(Some("6")), false));
        let mut changed = seen(None);
        changed.label = Label::new(Scope::ClusterWide, "shop", "db");
        assert!(!memory.was_right(&key, &changed, true));
        changed.generation = Some(2);
        assert!(!memory.was_right(&key, &changed, false));
    }

    #[test]
    fn an_object_is_known_by_its_uid_before_its_status_is_written() {
        let key = ("shop".to_owned(), "db".to_owned());
        let memory = Memory::default();
        memory.made(&key, &seen(None));
        assert_eq!(memory.predecessor(&key, &seen(None)), None);
        let mut successor = seen(None);
        successor.uid = Some("another".to_owned());
        assert_eq!(memory.predecessor(&key, &successor), seen(None).uid);
        memory.made(&key, &successor);
        assert_eq!(memory.predecessor(&key, &successor), None);
        assert_eq!(memory.forget(&key), successor.uid);
        assert_eq!(memory.forget(&key), None);
    }

    #[test]
    fn after_a_restart_the_status_counts_and_is_remembered() {
        let key = ("shop".to_owned(), "db".to_owned());
        let memory = Memory::default();
        assert!(memory.was_right(&key, &seen(None), true));
        // A failure has changed it.
        assert!(memory.was_right(&key, &seen(None), false));
        // Another replica was faster.
        let mut changed = seen(None);
        changed.generation = Some(2);
        assert!(memory.was_right(&key, &changed, true));
    }
}
