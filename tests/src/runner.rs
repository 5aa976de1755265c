//! The main function of a test program: prepares, enters a network namespace, runs.
//!
//! ```no_run
//! use sealed_secrets_tests::{TestResult, claim, context::Context, runner};
//!
//! fn main() -> std::process::ExitCode {
//!     runner::run([claim!(api_server_is_ready, ControlPlane)])
//! }
//!
//! async fn api_server_is_ready(context: Context) -> TestResult {
//!     let control_plane = context.control_plane().await?;
//!     control_plane.client().apiserver_version().await?;
//!     Ok(())
//! }
//! ```

use std::{
    any::Any,
    collections::BTreeSet,
    error::Error,
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    pin::Pin,
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    TestError, TestResult,
    context::{Context, Shared},
    logs, netns, plaintexts,
    preparation::{Need, Prepared},
};

/// Set to 1 to keep the folders of tests, with data and logs of their processes.
pub const KEEP: &str = "SEALED_SECRETS_TESTS_KEEP";

/// Tests mostly wait for servers; more of them than this at once wait for each other's.
const DEFAULT_THREADS: usize = 4;

/// Longer than any test takes on a busy machine.
const DEFAULT_LIMIT: Duration = Duration::from_secs(300);

/// What `cargo test` takes for "tests failed".
const FAILURE: u8 = 101;

type Body = Box<dyn Fn(Context) -> Pin<Box<dyn Future<Output = TestResult>>> + Send>;

/// A test: a name that claims something, and an async function that fails when it isn't so.
pub struct Claim {
    name: &'static str,
    needs: BTreeSet<Need>,
    limit: Duration,
    body: Body,
}

/// Makes a [`Claim`] of an async function; further arguments are the [`Need`]s of the test.
#[macro_export]
macro_rules! claim {
    ($function:ident $(, $need:ident)* $(,)?) => {
        $crate::runner::Claim::new(stringify!($function), $function)
            $(.needing($crate::preparation::Need::$need))*
    };
}

/// Makes a [`Claim`] of a test that needs a cluster, our controller and `kubeseal`, as most do.
#[macro_export]
macro_rules! cluster_claim {
    ($function:ident) => {
        $crate::claim!($function, ControlPlane, Controller, Kubeseal)
    };
}

impl Claim {
    /// A test without needs. [`claim!`](crate::claim) gives it the name of its function.
    pub fn new<F, R>(name: &'static str, function: F) -> Self
    where
        F: Fn(Context) -> R + Send + 'static,
        R: Future<Output = TestResult> + 'static,
    {
        let body: Body = Box::new(move |context| Box::pin(function(context)));
        Self {
            name,
            needs: BTreeSet::new(),
            limit: DEFAULT_LIMIT,
            body,
        }
    }

    /// Adds a need.
    #[must_use]
    pub fn needing(mut self, need: Need) -> Self {
        self.needs.insert(need);
        self
    }

    /// Gives it more, or less, than the usual five minutes.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

/// Runs the tests that the command line selects, with the arguments and the output of libtest.
///
/// To be called first in `main`: the process is started anew in a network namespace of its own.
pub fn run(claims: impl IntoIterator<Item = Claim>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let threads = std::env::var("RUST_TEST_THREADS")
        .ok()
        .and_then(|text| text.parse().ok());
    arguments.test_threads = arguments.test_threads.or(threads).or(Some(DEFAULT_THREADS));

    let session = Arc::new(OnceLock::new());
    let mut needs = BTreeSet::new();
    let mut selected = 0;
    let mut trials = Vec::new();
    for claim in claims {
        let own_needs = claim.needs.clone();
        let trial = trial(claim, Arc::clone(&session));
        if !arguments.is_filtered_out(&trial) {
            needs.extend(own_needs);
            selected += 1;
        }
        trials.push(trial);
    }

    // Nothing is built for a list, nor when `cargo test NAME` is about another test program.
    if selected > 0 && !arguments.list {
        match begin(&needs) {
            Ok(begun) => {
                let _ = session.set(begun);
            }
            Err(error) => {
                eprintln!("error: cannot run the tests: {}", chain(&*error));
                return ExitCode::from(FAILURE);
            }
        }
    }
    let code = libtest_mimic::run(&arguments, trials).exit_code();
    // The session is dropped here, and ends what the tests shared.
    match session
        .get()
        .map(|begun: &Session| leaks(begun.shared.folder()))
    {
        None => code,
        Some(Ok(leaks)) if leaks.is_empty() => code,
        Some(leaks) => {
            eprintln!("error: plaintext outside of Secrets, in the logs of all tests: {leaks:?}");
            ExitCode::from(FAILURE)
        }
    }
}

/// Where in the logs of a folder plaintext is, one place in a line.
fn leaks(folder: &Path) -> std::io::Result<String> {
    let leaks = plaintexts::leaks(folder)?;
    Ok(leaks.iter().map(|leak| format!("\n  {leak}")).collect())
}

/// What there is between entering the namespace and the end of the last test.
struct Session {
    // In this order they are dropped.
    shared: Arc<Shared>,
    runtime: Runtime,
    prepared: Arc<Prepared>,
    folder: TempDir,
}

/// Prepares and starts the process anew when it is outside the namespace; the session, inside.
fn begin(needs: &BTreeSet<Need>) -> Result<Session, TestError> {
    let Some(message) = netns::inside() else {
        let prepared = Prepared::meet(needs)?;
        return Err(netns::enter(&serde_json::to_string(&prepared)?).into());
    };
    netns::bring_loopback_up()?;
    let prepared: Prepared = serde_json::from_str(&message)?;
    let mut folder = tempfile::Builder::new()
        .prefix("sealed-secrets-tests-")
        .tempdir()?;
    if std::env::var_os(KEEP).is_some_and(|value| value == "1") {
        folder.disable_cleanup(true);
        eprintln!(
            "the folders of the tests stay in {}",
            folder.path().display()
        );
    }
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared)?;
    Ok(Session {
        shared: Arc::new(Shared::new(shared)),
        runtime: tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?,
        prepared: Arc::new(prepared),
        folder,
    })
}

fn trial(claim: Claim, session: Arc<OnceLock<Session>>) -> Trial {
    Trial::ignorable_test(claim.name, move || {
        let session = session.get().expect("tests only run in a session");
        for need in &claim.needs {
            if let Some(reason) = session.prepared.lacks(*need) {
                eprintln!("SKIPPED {}: {reason}", claim.name);
                return Ok(Completion::ignored_with(reason));
            }
        }
        session.attempt(&claim).map(|()| Completion::Completed)
    })
}

impl Session {
    /// Runs one test to its end, whatever that is.
    fn attempt(&self, claim: &Claim) -> Result<(), Failed> {
        let folder = self.folder.path().join(claim.name);
        std::fs::create_dir(&folder)?;
        let context = Context::new(
            claim.name,
            folder.clone(),
            Arc::clone(&self.prepared),
            Arc::clone(&self.shared),
        );
        // A test that panics leaves nothing behind that another one looks at.
        let limited = async || tokio::time::timeout(claim.limit, (claim.body)(context)).await;
        let end = catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(limited())));
        let leaks = leaks(&folder)?;
        let message = match end {
            Ok(Ok(Ok(()))) if leaks.is_empty() => return Ok(()),
            Ok(Ok(Ok(()))) => format!("plaintext outside of Secrets:{leaks}"),
            Ok(Ok(Err(error))) => chain(&*error),
            Ok(Err(_elapsed)) => format!("not finished after {} s", claim.limit.as_secs()),
            Err(panic) => panic_message(&*panic),
        };
        Err(Failed::from(message + &self.logs(&folder)))
    }

    /// The logs of the test's own processes, and of the shared ones where there are any.
    fn logs(&self, folder: &Path) -> String {
        let (own, shared) = (logs::tails(folder), logs::tails(self.shared.folder()));
        let mut text = String::new();
        for (title, logs) in [
            ("logs of this test", own),
            ("logs shared with other tests", shared),
        ] {
            if !logs.is_empty() {
                let _ = write!(text, "\n===== {title}\n{logs}");
            }
        }
        text
    }
}

/// An error with all its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some libraries repeat the cause in the message.
        if !text.ends_with(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "panicked: {}",
        text.unwrap_or_else(|| "with a value that is no text".to_owned())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn chain_has_each_cause_once() {
        let error = Layer(
            "cannot seal",
            Some(Box::new(Layer(
                "bad key: no PEM",
                Some(Box::new(Layer("no PEM", None))),
            ))),
        );
        assert_eq!(chain(&error), "cannot seal: bad key: no PEM");
    }
}
