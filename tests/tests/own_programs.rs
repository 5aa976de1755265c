//! Claims about our programs as the harness builds them.

use std::process::ExitCode;

use sealed_secrets_tests::{TestResult, claim, context::Context, runner};

fn main() -> ExitCode {
    runner::run([claim!(
        controller_is_built_and_tells_its_version,
        Controller
    )])
}

async fn controller_is_built_and_tells_its_version(context: Context) -> TestResult {
    let version = context.controller()?.arg("--version").output().await?;
    assert!(
        version.trim().ends_with(env!("CARGO_PKG_VERSION")),
        "{version}"
    );
    Ok(())
}
