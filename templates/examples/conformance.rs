//! Reads a file of cases (one JSON object a line, as in `tests/vectors`) and prints a line for
//! each that differs from Go, then the counts. Exits with 1 where any differs.

use std::process::ExitCode;

#[path = "../tests/vectors/case.rs"]
mod case;

use case::Case;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: conformance FILE.jsonl");
        return ExitCode::from(2);
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::from(2);
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let result = match Case::parse(line) {
            Ok(case) => case
                .run()
                .map_err(|difference| format!("{}: {difference}", case.id)),
            Err(problem) => Err(format!("line {}: {problem}", number + 1)),
        };
        match result {
            Ok(()) => passed += 1,
            Err(difference) => {
                failed += 1;
                println!("{difference}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
