//! The controller: SealedSecrets in, Secrets out.
//!
//! Two drivers share everything that decides: [`sealed_secrets_crds::desired`] says what the Secret
//! should be, [`status`] what to tell about it, [`report`] which events to emit. [`cluster`] watches
//! an API server; [`standalone`] watches a folder and needs no cluster.

pub mod args;
pub mod cluster;
pub mod gcra;
pub mod go_duration;
pub mod http;
pub mod keys;
pub mod leadership;
pub mod logging;
pub mod metrics;
pub mod report;
mod shutdown;
pub mod standalone;
pub mod status;
pub mod unsealer;

use std::error::Error;

use args::{Args, Command};

/// Runs the controller until it is asked to stop.
///
/// # Errors
/// What kept it from starting, or from going on.
pub fn run(args: Args) -> Result<(), Box<dyn Error + Send + Sync>> {
    no_core_dumps();
    all_files_allowed();
    logging::init(&args.logging);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        match args.command {
            None => cluster::run(args.cluster).await.map_err(Into::into),
            Some(Command::Standalone(standalone)) => {
                standalone::run(standalone).await.map_err(Into::into)
            }
        }
    });
    // A blocking task that hangs (a file system that is gone) must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    result
}

/// A core dump would hold keys and plaintext.
fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Lowering a limit is always allowed; if it fails all the same, there is nothing better to do.
    let _ = setrlimit(Resource::Core, none);
}

/// Connections must not take the files that reconciling needs: the usual soft limit is for `select`.
fn all_files_allowed() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}

/// An error and its causes on one line.
pub fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}
