//! Compares random templates with Go: `differential [CASES [SEED]]`, 100,000 cases by default;
//! a fifth of them are the vectors' own templates, damaged.
//! Prints each difference and the counts; exits with 1 where there is any.

use std::process::ExitCode;

#[path = "../tests/vectors/case.rs"]
#[allow(
    dead_code,
    reason = "only the templates and values of the vectors are used"
)]
mod case;
#[path = "../tests/differential/generator.rs"]
mod generator;
#[path = "../tests/differential/go.rs"]
mod go;

use generator::{Case, Generator};
use go::{Go, Outcome};

/// Words of templates whose output is never the same twice, or takes too long to compare.
const UNEVEN: &[&str] = &[
    "rand",
    "uuid",
    "now",
    "shuffle",
    "gen",
    "bcrypt",
    "htpasswd",
    "encryptAES",
    "derive",
    "ago",
    "keys",
    "values",
    "date",
    "Date",
    "range 1",
    "loop",
];

/// The vectors whose output is the same each time.
fn vectors() -> Vec<case::Case> {
    include_str!("../tests/vectors/templates.jsonl")
        .lines()
        .filter_map(|line| case::Case::parse(line).ok())
        .filter(|case| case.category() != "stress")
        .filter(|case| !UNEVEN.iter().any(|word| case.template.contains(word)))
        .collect()
}

fn main() -> ExitCode {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|a| a.parse::<u64>().expect("a number"));
    let total = arguments.next().unwrap_or(100_000);
    let seed = arguments.next().unwrap_or(1);
    let Some(mut go) = Go::start() else {
        return ExitCode::SUCCESS;
    };
    let vectors = vectors();
    let mut generator = Generator::new(seed);
    let (mut done, mut rendered, mut limited, mut different) = (0, 0, 0, 0);
    while done < total {
        let cases: Vec<_> = (done..total.min(done + 1_000))
            .map(|number| {
                if number % 5 != 0 {
                    return generator.case();
                }
                let vector = &vectors[number as usize / 5 % vectors.len()];
                let template = generator.damaged(&vector.template);
                Case {
                    template,
                    values: vector.values.clone(),
                }
            })
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
