//! What a SealedSecret's status should say, computed whole from the last reconcile.
//!
//! | Outcome | Synced | Ready | besides |
//! |---|---|---|---|
//! | the Secret is as it should be | True | True | |
//! | only a change of the object or the keys can help | False | False | Stalled True |
//! | will be tried again | False | False | Reconciling True |
//!
//! That is what kstatus (Flux, Helm) and Argo CD's health rules read. `Synced` is always first:
//! printer columns and dashboards go by position. `Stalled` and `Reconciling` are absent when they
//! don't apply, as kstatus asks.

use jiff::Timestamp;
use sealed_secrets_crds::sealed_secret::{Condition, SealedSecretStatus};

/// Reason of a Secret that belongs to somebody else.
pub const UNMANAGED: &str = "Unmanaged";

/// What a reconcile came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The Secret is as it should be.
    Synced,
    /// It is not, and trying again changes nothing until the object or the keys change.
    Stalled {
        /// One CamelCase word.
        reason: &'static str,
        /// The error, as the reference words it first.
        message: String,
    },
    /// It is not, and it will be tried again.
    Retrying {
        /// One CamelCase word.
        reason: &'static str,
        /// The error, as the reference words it first.
        message: String,
    },
}

impl Outcome {
    /// Whether the Secret is as it should be.
    pub fn is_synced(&self) -> bool {
        matches!(self, Self::Synced)
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Synced => "Unsealed",
            Self::Stalled { reason, .. } | Self::Retrying { reason, .. } => reason,
        }
    }

    fn message(&self) -> &str {
        match self {
            Self::Synced => "",
            Self::Stalled { message, .. } | Self::Retrying { message, .. } => message,
        }
    }
}

/// The status after `outcome`, or `None` when `previous` already says so and nothing needs to be
/// written.
pub fn next_status(
    previous: Option<&SealedSecretStatus>,
    generation: Option<i64>,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<SealedSecretStatus> {
    let synced = if outcome.is_synced() { "True" } else { "False" };
    let mut wanted = vec![("Synced", synced), ("Ready", synced)];
    match outcome {
        Outcome::Synced => {}
        Outcome::Stalled { .. } => wanted.push(("Stalled", "True")),
        Outcome::Retrying { .. } => wanted.push(("Reconciling", "True")),
    }
    let conditions = wanted
        .into_iter()
        .map(|(type_, status)| {
            let before =
                previous.and_then(|status| status.conditions.iter().find(|it| it.type_ == type_));
            next_condition(before, type_, status, outcome, now)
        })
        .collect();
    let next = SealedSecretStatus {
        observed_generation: generation,
        conditions,
    };
    (previous != Some(&next)).then_some(next)
}

fn next_condition(
    before: Option<&Condition>,
    type_: &str,
    status: &str,
    outcome: &Outcome,
    now: Timestamp,
) -> Condition {
    let now = whole_seconds(now);
    let same_status = before.filter(|it| it.status == status);
    let unchanged = same_status.filter(|it| {
        it.reason.as_deref() == Some(outcome.reason())
            && it.message.as_deref().unwrap_or_default() == bounded(outcome.message())
    });
    let kept = |time: Option<&String>| Some(time.cloned().unwrap_or_else(|| now.clone()));
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        last_transition_time: kept(same_status.and_then(|it| it.last_transition_time.as_ref())),
        last_update_time: kept(unchanged.and_then(|it| it.last_update_time.as_ref())),
        reason: Some(outcome.reason().to_owned()),
        message: Some(bounded(outcome.message())),
    }
}

/// Three conditions carry the message, and an object has to fit into 1.5 MiB.
pub(crate) fn bounded(message: &str) -> String {
    const MAX: usize = 8 << 10;
    if message.len() <= MAX {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(MAX);
    format!("{}…", message.get(..end).unwrap_or_default())
}

/// RFC 3339 in UTC without a fraction, as the API machinery writes times.
pub fn whole_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn stalled(message: &str) -> Outcome {
        Outcome::Stalled {
            reason: "UnsealFailed",
            message: message.to_owned(),
        }
    }

    fn types(status: &SealedSecretStatus) -> Vec<(&str, &str)> {
        status
            .conditions
            .iter()
            .map(|it| (it.type_.as_str(), it.status.as_str()))
            .collect()
    }

    #[test]
    fn synced_comes_first_and_conditions_that_do_not_apply_are_absent() {
        let synced = next_status(None, Some(3), &Outcome::Synced, at(0)).unwrap();
        assert_eq!(types(&synced), [("Synced", "True"), ("Ready", "True")]);
        assert_eq!(synced.observed_generation, Some(3));
        let failed = next_status(Some(&synced), Some(4), &stalled("x"), at(1)).unwrap();
        assert_eq!(
            types(&failed),
            [("Synced", "False"), ("Ready", "False"), ("Stalled", "True")]
        );
        let retrying = Outcome::Retrying {
            reason: "UpdateFailed",
            message: "y".to_owned(),
        };
        let retrying = next_status(Some(&failed), Some(4), &retrying, at(2)).unwrap();
        assert_eq!(
            types(&retrying),
            [
                ("Synced", "False"),
                ("Ready", "False"),
                ("Reconciling", "True")
            ]
        );
        assert_eq!(retrying.conditions[0].message.as_deref(), Some("y"));
    }

    #[test]
    fn an_unchanged_status_is_not_written_again() {
        let first = next_status(None, Some(1), &stalled("x"), at(0)).unwrap();
        assert_eq!(
            next_status(Some(&first), Some(1), &stalled("x"), at(100)),
            None
        );
    }

    #[test]
    fn the_message_changes_with_the_error_while_the_transition_time_stays() {
        let first = next_status(None, Some(1), &stalled("x"), at(0)).unwrap();
        let second = next_status(Some(&first), Some(1), &stalled("y"), at(9)).unwrap();
        let (before, after) = (&first.conditions[0], &second.conditions[0]);
        assert_eq!(after.message.as_deref(), Some("y"));
        assert_eq!(after.last_transition_time, before.last_transition_time);
        assert_ne!(after.last_update_time, before.last_update_time);
    }

    #[test]
    fn a_new_generation_alone_is_written() {
        let first = next_status(None, Some(1), &Outcome::Synced, at(0)).unwrap();
        let second = next_status(Some(&first), Some(2), &Outcome::Synced, at(9)).unwrap();
        assert_eq!(second.observed_generation, Some(2));
        assert_eq!(second.conditions, first.conditions);
    }

    #[test]
    fn a_status_left_by_the_reference_is_completed_and_its_times_kept() {
        let reference: SealedSecretStatus = serde_json::from_value(serde_json::json!({
            "observedGeneration": 1,
            "conditions": [{ "type": "Synced", "status": "True",
                "lastTransitionTime": "2020-01-01T00:00:00Z", "lastUpdateTime": "2020-01-01T00:00:00Z" }],
        }))
        .unwrap();
        let next = next_status(Some(&reference), Some(1), &Outcome::Synced, at(0)).unwrap();
        assert_eq!(
            next.conditions[0].last_transition_time.as_deref(),
            Some("2020-01-01T00:00:00Z")
        );
        assert_eq!(next.conditions[1].type_, "Ready");
    }

    #[test]
    fn times_have_whole_seconds() {
        let time: Timestamp = "2026-01-02T03:04:05.999Z".parse().unwrap();
        assert_eq!(whole_seconds(time), "2026-01-02T03:04:05Z");
    }
}
