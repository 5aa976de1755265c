//! Transcripts: what people type, what they see, and which files change; each a file below here.
//!
//! A transcript tells first what it shows. Then come what is there (`== file`, `== folder`,
//! `== link`, `== answer`), commands behind `$`, and under each command all that it brought about:
//! exit code, standard output, standard error, and files that were made, changed or removed. What
//! is not mentioned must not happen, in the files neither. Random or changing text is abbreviated:
//! see [`redaction`]. The files of `fixtures`, with key pairs made for this, are there at the start of
//! each. `SNAPSHOTS=overwrite` writes what happens into the files, for a review.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what panics here is a test that failed"
)]

#[allow(dead_code, reason = "the other program of tests uses the rest")]
#[path = "../program/api_server.rs"]
mod api_server;
#[allow(dead_code, reason = "the other program of tests uses the rest")]
#[path = "../program/bench.rs"]
mod bench;
mod coverage;
mod folder;
mod redaction;
mod run;
mod script;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use snapbox::assert::DEFAULT_ACTION_ENV;
use snapbox::{Assert, Data, IntoData as _};

use script::Script;

/// A transcript with the name of its file, `TOPIC/NAME`.
struct Transcript {
    name: String,
    path: PathBuf,
}

fn main() -> ExitCode {
    let transcripts = all();
    let mut trials = coverage::claims(&transcripts);
    for transcript in transcripts {
        trials.push(Trial::test(transcript.name.clone(), move || {
            check(&transcript.path)
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn all() -> Vec<Transcript> {
    let mut all = Vec::new();
    for topic in std::fs::read_dir(folder()).unwrap() {
        let topic = topic.unwrap().path();
        if !topic.is_dir() || topic.ends_with("fixtures") {
            continue;
        }
        for entry in std::fs::read_dir(&topic).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder()).unwrap().with_extension("");
            assert_eq!(path.extension().unwrap(), "txt", "{path:?}");
            all.push(Transcript {
                name: name.to_str().unwrap().to_owned(),
                path,
            });
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

fn check(path: &Path) -> Result<(), Failed> {
    let script = Script::parse(&std::fs::read_to_string(path)?);
    let happened = run::run(&script).render();
    Assert::new()
        .action_env(DEFAULT_ACTION_ENV)
        .normalize_paths(false)
        .try_eq(None, happened.into_data(), Data::try_read_from(path, None)?)
        .map_err(|difference| difference.to_string().into())
}
