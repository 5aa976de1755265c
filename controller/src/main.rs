//! `sealed-secrets-controller`: parse, run, exit code.

use std::process::ExitCode;

use sealed_secrets_controller::args::Args;

/// Gives memory back that a burst of work has needed; its settings are in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = Args::from_process();
    match sealed_secrets_controller::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", sealed_secrets_controller::describe(&*error));
            ExitCode::FAILURE
        }
    }
}
