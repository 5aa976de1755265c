//! The `kubeseal` program.

use std::process::ExitCode;

use kubeseal::env::Environment;
use rustix::process::{Resource, Rlimit, setrlimit};

fn main() -> ExitCode {
    no_core_dumps();
    kubeseal::run(std::env::args_os().skip(1), &Environment::of_process())
}

/// A core dump would hold plaintext.
fn no_core_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Lowering a limit is always allowed; if it fails all the same, there is nothing better to do.
    let _ = setrlimit(Resource::Core, none);
}
