//! Claims about the transcripts as a whole.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use libtest_mimic::{Failed, Trial};

use crate::Transcript;
use crate::script::Script;

/// Flags that `--help` does not show.
const HIDDEN: [&str; 1] = ["--rotate"];

/// How many bugs of the reference are not kept.
const BUGS: usize = 21;

/// What is written in a transcript.
struct Written {
    name: String,
    text: String,
    /// The words of all command lines.
    words: BTreeSet<String>,
}

/// Tells for what a claim isn't so.
type Missing = fn(&[Written]) -> Vec<String>;

pub(crate) fn claims(transcripts: &[Transcript]) -> Vec<Trial> {
    let claims: [(&str, Missing); 5] = [
        ("every_flag_has_a_transcript", flags),
        ("every_variable_has_a_transcript", variables),
        (
            "every_subcommand_and_its_flags_have_a_transcript",
            subcommands,
        ),
        ("every_bug_of_the_reference_has_a_transcript", bugs),
        ("no_transcript_passes_over_whole_lines", elisions),
    ];
    claims
        .into_iter()
        .map(|(name, missing)| {
            let paths: Vec<_> = transcripts
                .iter()
                .map(|transcript| (transcript.name.clone(), transcript.path.clone()))
                .collect();
            Trial::test(name, move || {
                let written: Vec<Written> = paths
                    .iter()
                    .map(|(name, path)| Written::new(name, fs::read_to_string(path).unwrap()))
                    .collect();
                match missing(&written) {
                    missing if missing.is_empty() => Ok(()),
                    missing => Err(Failed::from(format!("{name}: not so for {missing:?}"))),
                }
            })
        })
        .collect()
}

impl Written {
    fn new(name: &str, text: String) -> Self {
        let words = Script::parse(&text)
            .steps
            .iter()
            .flat_map(|step| shlex::split(&step.command).unwrap())
            .collect();
        Self {
            name: name.to_owned(),
            text,
            words,
        }
    }

    /// Whether a flag is given, its value behind it, after `=`, or in the same word.
    fn gives(&self, flag: &str) -> bool {
        let short = !flag.starts_with("--");
        self.words.iter().any(|word| {
            word.strip_prefix(flag)
                .is_some_and(|rest| short || rest.is_empty() || rest.starts_with('='))
        })
    }
}

fn flags(written: &[Written]) -> Vec<String> {
    let (long, short) = flags_in(&help());
    let hidden = HIDDEN.map(str::to_owned);
    long.into_iter()
        .chain(short)
        .chain(hidden)
        .filter(|flag| !written.iter().any(|one| one.gives(flag)))
        .collect()
}

fn variables(written: &[Written]) -> Vec<String> {
    let help = help();
    let (with_variables, _) = help
        .split_once("Logging (")
        .expect("those of logging come last");
    let (long, _) = flags_in(with_variables);
    long.into_iter()
        .map(|flag| {
            flag.trim_start_matches('-')
                .to_uppercase()
                .replace('-', "_")
        })
        .map(|flag| format!("SEALED_SECRETS_{flag}="))
        .filter(|variable| {
            let sets = |word: &String| word.starts_with(variable);
            !written.iter().any(|one| one.words.iter().any(sets))
        })
        .collect()
}

fn subcommands(written: &[Written]) -> Vec<String> {
    let mut missing = Vec::new();
    for subcommand in kubeseal::command::grammar().get_subcommands() {
        let name = subcommand.get_name();
        let calls = format!("kubeseal {name}");
        let calling: Vec<&Written> = written
            .iter()
            .filter(|one| one.text.contains(&calls))
            .collect();
        if calling.is_empty() {
            missing.push(name.to_owned());
        }
        // Flags that are shared with the flag form have their transcripts there.
        let shared = flags_in(&help()).0;
        missing.extend(
            subcommand
                .get_arguments()
                .filter_map(|argument| argument.get_long())
                .map(|flag| format!("--{flag}"))
                .filter(|flag| !shared.contains(flag))
                .filter(|flag| !calling.iter().any(|one| one.gives(flag)))
                .map(|flag| format!("{name} {flag}")),
        );
    }
    missing
}

fn bugs(written: &[Written]) -> Vec<String> {
    (1..=BUGS)
        .map(|bug| format!("bugs/{bug:02}-"))
        .filter(|bug| !written.iter().any(|one| one.name.starts_with(bug)))
        .collect()
}

fn elisions(written: &[Written]) -> Vec<String> {
    let passes_over = |line: &str| {
        line == "..." || line.contains("[..]") && line.replace("[..]", "").trim().len() < 10
    };
    written
        .iter()
        .filter(|one| one.text.lines().any(passes_over))
        .map(|one| one.name.clone())
        .collect()
}

fn help() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubeseal"))
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The flags that a help text lists, long and short.
fn flags_in(help: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut found = (BTreeSet::new(), BTreeSet::new());
    for line in help.lines() {
        let Some(listed) = line.strip_prefix("  ").map(str::trim_start) else {
            continue;
        };
        if !listed.starts_with('-') {
            continue;
        }
        for word in listed.split([' ', ',']).filter(|word| !word.is_empty()) {
            match word {
                word if word.starts_with("--") => found.0.insert(word.to_owned()),
                word if word.starts_with('-') && word.len() == 2 => found.1.insert(word.to_owned()),
                // What follows is a value, or another line of logging flags.
                _ => break,
            };
        }
    }
    found
}
