//! What is worth telling about a SealedSecret: Kubernetes Events in a cluster, log lines without.
//!
//! Reasons and messages are the reference's; alerts match on them.

use sealed_secrets_crds::sealed_secret::SealedSecretStatus;

use crate::status::{Outcome, bounded};

/// Reason of the event after a Secret was written.
pub const UNSEALED: &str = "Unsealed";
/// Reason of the event when items can't be unsealed.
pub const ERR_UNSEAL_FAILED: &str = "ErrUnsealFailed";
/// Reason of the event when the Secret can't be written.
pub const ERR_UPDATE_FAILED: &str = "ErrUpdateFailed";
/// Reason of the event about a key Secret that holds no usable key.
pub const INVALID_KEY: &str = "InvalidKey";

/// Reason of the event after a Secret that others had changed was put right.
pub const DRIFT_CORRECTED: &str = "DriftCorrected";
/// Most names in a message.
const MAX_NAMED: usize = 20;

/// An event about a SealedSecret or a key Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `Unsealed`, `DriftCorrected`, `ErrUnsealFailed`, `ErrUpdateFailed` or `InvalidKey`.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// Whether something is wrong.
    pub warning: bool,
}

impl Report {
    /// Tells it by a log line, where there are no events; `key` is `namespace/name`.
    pub fn log(&self, key: &str) {
        let (reason, message) = (self.reason, self.message.as_str());
        match reason {
            DRIFT_CORRECTED => tracing::warn!(key, reason, "{message}"),
            _ if self.warning => tracing::error!(key, reason, error = message, "not unsealed"),
            _ => tracing::info!(key, reason, "{message}"),
        }
    }
}

/// The step of a reconcile that an outcome speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Computing the desired Secret.
    Unseal,
    /// Writing it.
    Update,
}

/// The event about a key Secret that is skipped, and why.
pub fn invalid_key(message: &str) -> Report {
    Report {
        reason: INVALID_KEY,
        message: format!("Key skipped: {message}"),
        warning: true,
    }
}

/// What a reconcile did to the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// Made it, or brought it to what the SealedSecret has become.
    Written,
    /// Made it again after somebody else had deleted it.
    Recreated,
    /// Put right what others had changed: what differed, by name.
    Corrected(Vec<String>),
}

impl Change {
    /// Whether it undid what others had done.
    pub fn is_drift(&self) -> bool {
        matches!(self, Self::Recreated | Self::Corrected(_))
    }
}

/// What differed, in words.
pub fn named(differences: &[String]) -> String {
    let shown = differences.get(..MAX_NAMED).unwrap_or(differences);
    let more = differences.len() - shown.len();
    let names = shown.join(", ");
    if more == 0 {
        names
    } else {
        format!("{names} and {more} more")
    }
}

/// The event that `outcome` deserves: none when nothing changed since `previous`.
pub fn report(
    previous: Option<&SealedSecretStatus>,
    outcome: &Outcome,
    step: Step,
    change: &Change,
) -> Option<Report> {
    let synced_before = previous.and_then(|status| {
        status
            .conditions
            .iter()
            .find(|condition| condition.type_ == "Synced")
    });
    match outcome {
        Outcome::Synced => {
            let was_synced = synced_before.is_some_and(|condition| condition.status == "True");
            match change {
                Change::None if was_synced => None,
                Change::None | Change::Written | Change::Recreated => Some(Report {
                    reason: UNSEALED,
                    message: "SealedSecret unsealed successfully".to_owned(),
                    warning: false,
                }),
                Change::Corrected(differences) => Some(Report {
                    reason: DRIFT_CORRECTED,
                    message: format!(
                        "Secret was changed by somebody else and has been put right: {}",
                        named(differences)
                    ),
                    warning: true,
                }),
            }
        }
        Outcome::Stalled { message, .. } | Outcome::Retrying { message, .. } => {
            let told = synced_before.is_some_and(|condition| {
                condition.status == "False"
                    && condition.message.as_deref() == Some(bounded(message).as_str())
            });
            (!told).then(|| match step {
                Step::Unseal => Report {
                    reason: ERR_UNSEAL_FAILED,
                    message: format!("Failed to unseal: {message}"),
                    warning: true,
                },
                Step::Update => Report {
                    reason: ERR_UPDATE_FAILED,
                    message: message.clone(),
                    warning: true,
                },
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::next_status;
    use jiff::Timestamp;

    fn failed(message: &str) -> Outcome {
        Outcome::Stalled {
            reason: "UnsealFailed",
            message: message.to_owned(),
        }
    }

    #[test]
    fn nothing_new_is_not_reported() {
        let synced = next_status(None, Some(1), &Outcome::Synced, Timestamp::UNIX_EPOCH);
        assert_eq!(
            report(
                synced.as_ref(),
                &Outcome::Synced,
                Step::Update,
                &Change::None
            ),
            None
        );
        let broken = next_status(None, Some(1), &failed("x"), Timestamp::UNIX_EPOCH);
        assert_eq!(
            report(broken.as_ref(), &failed("x"), Step::Unseal, &Change::None),
            None
        );
    }

    #[test]
    fn writes_and_changed_errors_are_reported() {
        let synced = next_status(None, Some(1), &Outcome::Synced, Timestamp::UNIX_EPOCH);
        let written = report(
            synced.as_ref(),
            &Outcome::Synced,
            Step::Update,
            &Change::Written,
        )
        .unwrap();
        assert_eq!(written.reason, UNSEALED);
        let broken = next_status(None, Some(1), &failed("x"), Timestamp::UNIX_EPOCH);
        let report = report(broken.as_ref(), &failed("y"), Step::Unseal, &Change::None).unwrap();
        assert_eq!(
            (report.reason, report.message.as_str()),
            (ERR_UNSEAL_FAILED, "Failed to unseal: y")
        );
    }

    #[test]
    fn a_correction_names_what_differed() {
        let synced = next_status(None, Some(1), &Outcome::Synced, Timestamp::UNIX_EPOCH);
        let items: Vec<String> = (10..32).map(|number| format!("item {number}")).collect();
        let change = Change::Corrected(items);
        let report = report(synced.as_ref(), &Outcome::Synced, Step::Update, &change).unwrap();
        assert_eq!((report.reason, report.warning), (DRIFT_CORRECTED, true));
        assert!(report.message.contains(": item 10, item 11"));
        assert!(report.message.ends_with("item 29 and 2 more"));
    }
}
