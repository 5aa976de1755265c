//! The `kubeseal` program.

use std::process::ExitCode;

use kubeseal::env::Environment;

fn main() -> ExitCode {
    kubeseal::run(std::env::args_os().skip(1), &Environment::of_process())
}
