//! Compares random templates with Go: `differential [CASES [SEED]]`, 100,000 cases by default.
//! Prints each difference and the counts; exits with 1 where there is any.

use std::process::ExitCode;

#[path = "../tests/differential/generator.rs"]
mod generator;
#[path = "../tests/differential/go.rs"]
mod go;

use generator::Generator;
use go::{Go, Outcome};

fn main() -> ExitCode {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|a| a.parse::<u64>().expect("a number"));
    let total = arguments.next().unwrap_or(100_000);
    let seed = arguments.next().unwrap_or(1);
    let Some(mut go) = Go::start() else {
        return ExitCode::SUCCESS;
    };
    let mut generator = Generator::new(seed);
    let (mut done, mut rendered, mut limited, mut different) = (0, 0, 0, 0);
    while done < total {
        let cases: Vec<_> = (0..(total - done).min(1_000))
            .map(|_| generator.case())
            .collect();
        done += cases.len() as u64;
        for outcome in go.compare(&cases) {
            match outcome {
                Outcome::Same { rendered: ok } => rendered += u64::from(ok),
                Outcome::Limited(what) => {
                    limited += 1;
                    println!("LIMITED {what}");
                }
                Outcome::Different(what) => {
                    different += 1;
                    println!("DIFFERENT {what}");
                }
            }
        }
    }
    println!("{done} cases, {rendered} rendered, {limited} limited, {different} different");
    if different == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
