//! Claims about the processes that tests start.

use std::{process::ExitCode, time::Duration};

use sealed_secrets_tests::{
    TestResult, claim,
    context::Context,
    eventually::{DEADLINE, eventually},
    netns,
    process::{ProcessError, Program, Signal},
    runner,
};

/// Set in a copy of this program that starts a process and then waits to be killed.
const STARTER: &str = "SEALED_SECRETS_TESTS_STARTER";

fn main() -> ExitCode {
    if let Some(folder) = std::env::var_os(STARTER) {
        return start_and_wait(folder.as_ref());
    }
    runner::run([
        claim!(output_and_exit_code_are_those_of_the_program),
        claim!(program_reads_its_input_to_the_end),
        claim!(signal_that_ended_a_program_is_told_apart_from_a_code),
        claim!(program_that_does_not_end_is_killed_and_reported),
        claim!(terminated_process_can_finish_its_work),
        claim!(killed_process_cannot_finish_its_work),
        claim!(process_that_ends_early_is_reported_with_its_output),
        claim!(output_of_a_restarted_process_begins_anew),
        claim!(dropped_process_is_gone),
        claim!(processes_die_with_the_program_that_started_them),
        claim!(missing_program_is_an_error_that_names_it),
        claim!(network_has_no_way_out),
    ])
}

async fn output_and_exit_code_are_those_of_the_program(_: Context) -> TestResult {
    let outcome = shell("echo out; echo err >&2; exit 7").run().await?;
    assert_eq!((outcome.code, outcome.signal), (Some(7), None));
    assert_eq!(
        (outcome.stdout().as_str(), outcome.stderr().as_str()),
        ("out\n", "err\n")
    );

    let error = shell("echo why >&2; exit 7")
        .output()
        .await
        .expect_err("exit code 7 is success");
    assert!(error.to_string().contains("exit code 7") && error.to_string().contains("why"));
    Ok(())
}

async fn program_reads_its_input_to_the_end(_: Context) -> TestResult {
    let more_than_a_pipe_holds = "0123456789abcdef".repeat(1 << 14);
    let program = Program::new("cat").input(more_than_a_pipe_holds.as_str());
    assert!(program.output().await? == more_than_a_pipe_holds);
    assert_eq!(Program::new("cat").output().await?, "");
    Ok(())
}

async fn signal_that_ended_a_program_is_told_apart_from_a_code(_: Context) -> TestResult {
    let outcome = shell("kill -KILL $$").run().await?;
    assert_eq!((outcome.code, outcome.signal), (None, Some(9)));
    Ok(())
}

async fn program_that_does_not_end_is_killed_and_reported(_: Context) -> TestResult {
    let program = shell("echo $$; exec sleep 600");
    let error = program.run_within(Duration::from_secs(5)).await;
    let Err(ProcessError::StillRunning { output, .. }) = error else {
        return Err(format!("{error:?}").into());
    };
    gone(output.trim().parse()?).await
}

async fn terminated_process_can_finish_its_work(context: Context) -> TestResult {
    let program = shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    let mut process = program.start("polite", context.folder())?;
    process.wait_for_output("ready", DEADLINE).await?;
    assert_eq!(process.terminate(DEADLINE).await?.code(), Some(3));
    assert_eq!(process.stdout()?, "ready\nbye\n");
    // Harmless once it has ended.
    process.signal(Signal::KILL)?;
    Ok(())
}

async fn killed_process_cannot_finish_its_work(context: Context) -> TestResult {
    let program = shell("trap 'echo bye' TERM EXIT; echo ready; while :; do sleep 0.05; done");
    let mut process = program.start("killed", context.folder())?;
    process.wait_for_output("ready", DEADLINE).await?;
    assert_eq!(process.kill().await?.code(), None);
    assert_eq!(process.stdout()?, "ready\n");
    Ok(())
}

async fn process_that_ends_early_is_reported_with_its_output(context: Context) -> TestResult {
    let mut process = shell("echo no luck >&2; exit 1").start("unlucky", context.folder())?;
    let error = process
        .wait_for_output("ready", DEADLINE)
        .await
        .expect_err("it never is ready");
    let text = error.to_string();
    assert!(
        text.contains("before it wrote \"ready\"") && text.contains("no luck"),
        "{text}"
    );
    Ok(())
}

async fn output_of_a_restarted_process_begins_anew(context: Context) -> TestResult {
    for run in ["first", "second"] {
        let mut process = shell(&format!("echo {run}")).start("again", context.folder())?;
        process.wait(DEADLINE).await?;
        assert_eq!(process.stdout()?, format!("{run}\n"));
    }
    let whole = std::fs::read_to_string(context.folder().join("again.stdout.log"))?;
    assert_eq!(whole, "first\nsecond\n");
    Ok(())
}

async fn dropped_process_is_gone(context: Context) -> TestResult {
    let process = Program::new("sleep")
        .arg("600")
        .start("sleeper", context.folder())?;
    let id = process.id();
    assert!(is_alive(id));
    drop(process);
    assert!(!is_alive(id));
    Ok(())
}

async fn processes_die_with_the_program_that_started_them(context: Context) -> TestResult {
    let starter = Program::new(std::env::current_exe()?).env(STARTER, context.folder());
    let mut starter = starter.start("starter", context.folder())?;
    starter.wait_for_output("\n", DEADLINE).await?;
    let started: u32 = starter.stdout()?.trim().parse()?;
    assert!(is_alive(started), "the process is not there to begin with");

    starter.kill().await?;
    gone(started).await
}

async fn missing_program_is_an_error_that_names_it(context: Context) -> TestResult {
    let error = Program::new("/nowhere/kubeseal").start("missing", context.folder());
    let error = error.expect_err("a missing program starts");
    assert_eq!(error.to_string(), "cannot start /nowhere/kubeseal");
    Ok(())
}

async fn network_has_no_way_out(_: Context) -> TestResult {
    let routes = Program::new("ip")
        .args(["route", "show", "default"])
        .output()
        .await?;
    assert_eq!(routes, "");
    let (first, second) = (netns::claim_address()?, netns::claim_address()?);
    // Each may have the same port.
    let _first = tokio::net::TcpListener::bind((first, 8080)).await?;
    let _second = tokio::net::TcpListener::bind((second, 8080)).await?;
    tokio::net::TcpStream::connect((first, 8080)).await?;
    Ok(())
}

fn shell(script: &str) -> Program {
    Program::new("sh").args(["-c", script])
}

/// The copy of this program: starts a process from a thread that ends at once, prints its id, and
/// is killed while waiting. The process must outlive that thread, but not this program.
fn start_and_wait(folder: &std::path::Path) -> ExitCode {
    let folder = folder.to_owned();
    let starting =
        std::thread::spawn(move || Program::new("sleep").arg("600").start("orphan", &folder));
    match starting.join() {
        Ok(Ok(process)) => {
            println!("{}", process.id());
            loop {
                std::thread::park();
            }
        }
        other => {
            eprintln!("cannot start: {other:?}");
            ExitCode::FAILURE
        }
    }
}

async fn gone(id: u32) -> TestResult {
    let what = format!("the end of process {id}");
    let ended = async || Ok((!is_alive(id)).then_some(()));
    eventually(&what, DEADLINE, ended, async || "it is alive".to_owned()).await?;
    Ok(())
}

/// A zombie has ended: its parent just hasn't asked.
fn is_alive(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    matches!(state, Some(Some(state)) if state != 'Z')
}
