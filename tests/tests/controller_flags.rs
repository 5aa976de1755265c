//! Claims about the controller's command line and environment, which need no cluster.

use std::process::ExitCode;

use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::{TestResult, claim, runner};
use serde_json::Value;

fn main() -> ExitCode {
    runner::run([
        claim!(every_flag_can_come_from_its_variable, Controller),
        claim!(variables_that_are_empty_count_as_unset, Controller),
        claim!(logs_have_the_forms_and_places_of_the_flags, Controller),
    ])
}

/// The long names of the flags that `--help` lists.
fn flags(help: &str) -> Vec<&str> {
    help.lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"))
        .filter_map(|line| line.split([' ', '=', '[']).next())
        .filter(|flag| *flag != "version" && *flag != "help")
        .collect()
}

fn variable(flag: &str) -> String {
    format!(
        "SEALED_SECRETS_{}",
        flag.to_ascii_uppercase().replace('-', "_")
    )
}

async fn every_flag_can_come_from_its_variable(context: Context) -> TestResult {
    let help = context.controller()?.arg("--help").output().await?;
    let flags = flags(&help);
    assert!(flags.len() > 30, "{flags:?}");
    // The help shows what each variable holds.
    let told = flags
        .iter()
        .fold(context.controller()?, |program, flag| {
            program.env(variable(flag), format!("from-{flag}"))
        })
        .arg("--help")
        .output()
        .await?;
    for flag in &flags {
        let line = format!("[env: {}=from-{flag}]", variable(flag));
        assert!(told.contains(&line), "no {line} in\n{told}");
    }
    // What they hold counts, and the command line wins.
    let program = context
        .controller()?
        .env("SEALED_SECRETS_KEY_SIZE", "17")
        .env("KUBECONFIG", "/nonexistent");
    let wrong = program.clone().run().await?;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr().contains("17"), "{}", wrong.stderr());
    let overruled = program.arg("--key-size=2048").run().await?;
    assert_eq!(overruled.code, Some(1), "{}", overruled.stderr());
    Ok(())
}

async fn variables_that_are_empty_count_as_unset(context: Context) -> TestResult {
    let help = context.controller()?.arg("--help").output().await?;
    let program = flags(&help)
        .iter()
        .fold(context.controller()?, |program, flag| {
            program.env(variable(flag), "")
        });
    // As far as the cluster that isn't there.
    let outcome = program
        .env("KUBECONFIG", "/nonexistent")
        .arg("--key-cutoff-time=")
        .run()
        .await?;
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr());
    Ok(())
}

async fn logs_have_the_forms_and_places_of_the_flags(context: Context) -> TestResult {
    // There is no cluster to connect to: it says that it starts, and why it ends.
    let program = context.controller()?.env("KUBECONFIG", "/nonexistent");
    let text = program.clone().run().await?;
    assert_eq!(text.code, Some(1));
    let first = text.stdout();
    assert!(
        first.starts_with("time=") && first.contains(" level=INFO msg=\"starting"),
        "{first}"
    );
    assert!(text.stderr().contains("error: "), "{}", text.stderr());

    let json = program.clone().arg("--log-format=json").run().await?;
    let line: Value = serde_json::from_str(json.stdout().lines().next().ok_or("no log")?)?;
    assert_eq!(line["level"], "INFO");
    assert!(
        line["time"].is_string() && line["msg"].is_string(),
        "{line}"
    );

    let moved = program.clone().arg("--log-info-stdout=false").run().await?;
    assert_eq!(moved.stdout(), "");
    assert!(moved.stderr().contains("level=INFO"), "{}", moved.stderr());

    let quiet = program.arg("--log-level=ERROR").run().await?;
    assert_eq!(quiet.stdout(), "");
    Ok(())
}
