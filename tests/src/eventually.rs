//! Waiting for a condition, with a deadline, and with the state in the message when it passes.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::TestError;

/// Enough for anything a control plane does on a busy machine. Waits end as soon as the condition
/// holds, so a generous deadline costs nothing but in a test that fails.
pub const DEADLINE: Duration = Duration::from_secs(60);

const INTERVAL: Duration = Duration::from_millis(50);

/// A condition that did not come to hold.
#[derive(Debug)]
#[non_exhaustive]
pub struct NotInTime {
    /// What was waited for.
    pub what: String,
    /// For how long.
    pub waited: Duration,
    /// What the state was then.
    pub state: String,
    /// The error of the last attempt, when it had one.
    pub last_error: Option<TestError>,
}

impl fmt::Display for NotInTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.waited.as_secs_f32();
        write!(
            f,
            "{} did not happen in {seconds:.1} s; state: {}",
            self.what, self.state
        )
    }
}

impl std::error::Error for NotInTime {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.last_error.as_deref().map(|error| error as _)
    }
}

/// Asks `condition` again and again until it returns a value. An error counts as "not yet", and is
/// reported if it was the last word. `state` is asked only after the deadline.
///
/// # Errors
/// Fails when `deadline` passes without a value.
pub async fn eventually<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> Result<Option<T>, TestError>,
    state: impl AsyncFnOnce() -> String,
) -> Result<T, NotInTime> {
    let started = Instant::now();
    let mut last_error = None;
    while let Some(left) = deadline.checked_sub(started.elapsed()) {
        match tokio::time::timeout(left, condition()).await {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) => last_error = None,
            Ok(Err(error)) => last_error = Some(error),
            // An attempt that hangs is as late as any other.
            Err(_elapsed) => break,
        }
        tokio::time::sleep(INTERVAL).await;
    }
    let waited = started.elapsed();
    // The state usually comes from the thing that doesn't answer.
    let state = tokio::time::timeout(Duration::from_secs(10), state()).await;
    let state = state.unwrap_or_else(|_elapsed| "unknown: asking for it hangs".to_owned());
    Err(NotInTime {
        what: what.to_owned(),
        waited,
        state,
        last_error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn value_ends_the_wait() {
        let mut attempts = 0;
        let value = eventually(
            "third attempt",
            DEADLINE,
            async || {
                attempts += 1;
                Ok((attempts == 3).then_some(attempts))
            },
            async || unreachable!("the state is asked after a failure only"),
        )
        .await
        .unwrap();
        assert_eq!(value, 3);
    }

    #[tokio::test]
    async fn failure_tells_the_state_and_the_last_error() {
        let error = eventually::<()>(
            "the impossible",
            Duration::from_millis(120),
            async || Err("no such thing".into()),
            async || "still impossible".to_owned(),
        )
        .await
        .unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("the impossible did not happen in "),
            "{text}"
        );
        assert!(text.ends_with("state: still impossible"), "{text}");
        assert_eq!(error.last_error.unwrap().to_string(), "no such thing");
    }

    #[tokio::test]
    async fn hanging_attempt_does_not_outlive_the_deadline() {
        let error = eventually::<()>(
            "an answer",
            Duration::from_millis(50),
            async || std::future::pending().await,
            async || String::new(),
        )
        .await
        .unwrap_err();
        assert!(error.waited < DEADLINE);
    }
}
