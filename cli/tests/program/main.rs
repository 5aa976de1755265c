//! The program as a user meets it: the real binary, files, variables and exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what panics here is a test that failed"
)]

mod api_server;
mod bench;
mod certificates;
mod checks;
mod cluster;
mod completing;
mod differing;
mod documents;
mod editing;
mod editor;
mod finding;
mod flags;
mod inspecting;
mod merging;
mod namespaces;
mod offline;
mod projects;
mod raw;
mod recovery;
mod sealing;
mod writing;
