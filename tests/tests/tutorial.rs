//! The tutorial works when it is copied and pasted: its blocks run as one script, and print what it says.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use sealed_secrets_tests::{TestResult, claim, context::Context, runner};

const TUTORIAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tutorial.md");
/// What differs from run to run.
const WILDCARD: &str = "...";

fn main() -> ExitCode {
    runner::run([claim!(
        the_tutorial_can_be_followed_by_copy_and_paste,
        Kubeseal,
        Controller
    )])
}

async fn the_tutorial_can_be_followed_by_copy_and_paste(context: Context) -> TestResult {
    let steps = steps(&std::fs::read_to_string(TUTORIAL)?)?;
    assert!(steps.len() > 5, "{steps:?}");
    let work = context.folder().join("tutorial");
    let printed = context.folder().join("printed");
    std::fs::create_dir(&work)?;
    std::fs::create_dir(&printed)?;

    let mut script =
        String::from("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    for (number, step) in steps.iter().enumerate() {
        let file = printed.join(number.to_string());
        write!(script, "exec > '{}'\n{}", file.display(), step.commands)?;
    }
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    for program in [context.kubeseal()?, context.controller()?] {
        let folder = program.path().parent().unwrap_or(Path::new("."));
        let mut wider = folder.as_os_str().to_owned();
        wider.push(":");
        wider.push(&path);
        path = wider;
    }
    context
        .program(Path::new("/bin/bash"))
        .args(["-c", &script])
        .env("PATH", path)
        .current_dir(&work)
        .run_within(Duration::from_secs(120))
        .await?
        .success(Path::new("docs/tutorial.md"))?;

    for (number, step) in steps.iter().enumerate() {
        let printed = std::fs::read_to_string(printed.join(number.to_string()))?;
        let Some(wanted) = &step.output else {
            assert_eq!(printed, "", "after {}", step.commands);
            continue;
        };
        let same = printed.lines().count() == wanted.lines().count()
            && printed
                .lines()
                .zip(wanted.lines())
                .all(|(line, wanted)| is_like(line, wanted));
        assert!(
            same,
            "{}printed:\n{printed}wanted:\n{wanted}",
            step.commands
        );
    }
    Ok(())
}

/// Commands, and what they print if the tutorial says so.
#[derive(Debug)]
struct Step {
    commands: String,
    output: Option<String>,
}

/// The blocks of `sh`, each with the block of `text` that follows it.
fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            continue;
        };
        let block: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .flat_map(|line| [line, "\n"])
            .collect();
        match (kind, steps.last_mut()) {
            ("sh", _) => steps.push(Step {
                commands: block,
                output: None,
            }),
            ("text", Some(step)) if step.output.is_none() => step.output = Some(block),
            _ => return Err(format!("neither commands nor what they print: {line}")),
        }
    }
    Ok(steps)
}

/// Whether a line is the wanted one, in which the wildcard stands for anything.
fn is_like(line: &str, wanted: &str) -> bool {
    match wanted.split_once(WILDCARD) {
        Some((start, end)) => {
            line.len() >= start.len() + end.len() && line.starts_with(start) && line.ends_with(end)
        }
        None => line == wanted,
    }
}
