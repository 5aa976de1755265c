//! Claims about docs/compatibility.md: it speaks of everything, and what it says is tested.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::{TestError, TestResult, claim, runner};

/// Flags of ours that the Go controller doesn't have.
const OURS: [&str; 2] = ["correct-drift", "leader-elect"];

fn main() -> ExitCode {
    runner::run([
        claim!(every_row_about_the_controller_names_a_test_that_exists),
        claim!(every_flag_of_the_controller_has_a_row, Controller),
    ])
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The cells of each row of the tables below the heading `## Controller`.
fn rows() -> Result<Vec<Vec<String>>, TestError> {
    let text = fs::read_to_string(root().join("docs/compatibility.md"))?;
    let (_, section) = text
        .split_once("\n## Controller\n")
        .ok_or("no section about the controller")?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<Vec<String>> = section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .map(|line| {
            let line = line.trim_matches(['|', ' ']);
            line.split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .filter(|row: &Vec<String>| row.last().is_some_and(|cell| cell != "Test"))
        .collect();
    Ok(rows)
}

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The functions of every Rust file of the workspace, by the name of the file; of a module's `tests.rs`, by
/// that of the module.
fn functions() -> Result<BTreeMap<String, BTreeSet<String>>, TestError> {
    let mut functions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut folders: Vec<PathBuf> = ["controller", "core", "crds", "templates", "cli", "tests"]
        .map(|member| root().join(member))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let named = if path.ends_with("tests.rs") {
                    path.parent()
                } else {
                    Some(path.as_path())
                };
                let stem = named.and_then(Path::file_stem).unwrap_or_default();
                let stem = stem.to_string_lossy();
                let text = fs::read_to_string(&path)?;
                let names = text.split("fn ").skip(1).filter_map(|rest| {
                    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
                    rest.get(..end).map(str::to_owned)
                });
                functions
                    .entry(stem.into_owned())
                    .or_default()
                    .extend(names);
            }
        }
    }
    Ok(functions)
}

async fn every_row_about_the_controller_names_a_test_that_exists(_: Context) -> TestResult {
    let functions = functions()?;
    let rows = rows()?;
    assert!(rows.len() > 60, "only {} rows were found", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let tests: Vec<&str> = row
            .last()
            .map(|cell| quoted(cell).collect())
            .unwrap_or_default();
        if tests.is_empty() {
            wrong.push(format!("no test: {row:?}"));
        }
        for test in tests {
            let exists = test.split_once("::").is_some_and(|(file, name)| {
                functions
                    .get(file)
                    .is_some_and(|names| names.contains(name))
            });
            if !exists {
                wrong.push(format!("no such test: {test}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

async fn every_flag_of_the_controller_has_a_row(context: Context) -> TestResult {
    let help = context.controller()?.arg("--help").output().await?;
    let flags: BTreeSet<&str> = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"))
        .filter_map(|line| line.split([' ', '=', '[']).next())
        .collect();
    assert!(flags.len() > 30, "{flags:?}");
    let rows = rows()?;
    let told: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.first())
        .flat_map(|cell| quoted(cell))
        .filter_map(|code| code.strip_prefix("--"))
        .filter_map(|code| code.split(['=', ' ']).next())
        .collect();
    let missing: Vec<_> = flags
        .iter()
        .filter(|flag| !told.contains(**flag) && !OURS.contains(flag))
        .collect();
    assert!(missing.is_empty(), "flags without a row: {missing:?}");
    Ok(())
}
