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

/// An event about a SealedSecret or a key Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `Unsealed`, `ErrUnsealFailed`, `ErrUpdateFailed` or `InvalidKey`.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// Whether something is wrong.
    pub warning: bool,
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

/// The event that `outcome` deserves: none when nothing changed since `previous`.
pub fn report(
    previous: Option<&SealedSecretStatus>,
    outcome: &Outcome,
    step: Step,
    secret_written: bool,
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
            (secret_written || !was_synced).then(|| Report {
                reason: UNSEALED,
                message: "SealedSecret unsealed successfully".to_owned(),
                warning: false,
            })
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
            report(synced.as_ref(), &Outcome::Synced, Step::Update, false),
            None
        );
        let broken = next_status(None, Some(1), &failed("x"), Timestamp::UNIX_EPOCH);
        assert_eq!(
            report(broken.as_ref(), &failed("x"), Step::Unseal, false),
            None
        );
    }

    #[test]
    fn writes_and_changed_errors_are_reported() {
        let synced = next_status(None, Some(1), &Outcome::Synced, Timestamp::UNIX_EPOCH);
        let written = report(synced.as_ref(), &Outcome::Synced, Step::Update, true).unwrap();
        assert_eq!(written.reason, UNSEALED);
        let broken = next_status(None, Some(1), &failed("x"), Timestamp::UNIX_EPOCH);
        let report = report(broken.as_ref(), &failed("y"), Step::Unseal, false).unwrap();
        assert_eq!(
            (report.reason, report.message.as_str()),
            (ERR_UNSEAL_FAILED, "Failed to unseal: y")
        );
    }
}
