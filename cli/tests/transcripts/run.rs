//! Runs a transcript.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::api_server::{Answer as Reply, Request, Server};
use crate::bench::{Bench, Outcome};
use crate::folder::{changes, content, put};
use crate::redaction::Names;
use crate::script::{Answer, Entry, Given, Script, Step};

/// A command of a pipeline.
#[derive(Default)]
struct Command {
    variables: Vec<(String, String)>,
    args: Vec<String>,
    input: Option<String>,
    output: Option<String>,
}

/// Runs the commands of `script` and returns it with what they brought about.
pub(crate) fn run(script: &Script) -> Script {
    let bench = Bench::empty();
    let folder = bench.path("");
    let folder = folder.as_path();
    for fixture in fs::read_dir(crate::folder().join("fixtures")).unwrap() {
        let fixture = fixture.unwrap();
        if fixture.file_name() != "ciphertexts.json" {
            fs::copy(fixture.path(), folder.join(fixture.file_name())).unwrap();
        }
    }
    let server = serve(script);
    let names = Names::new(
        folder.to_str().unwrap().trim_end_matches('/').as_ref(),
        server.as_ref().map(Server::url).as_deref(),
    );
    for given in &script.given {
        if let Given::Entry(name, entry) = given {
            put(folder, name, &expanded(entry, &names));
        }
    }
    let mut seen = 0;
    let mut steps = Vec::new();
    for step in &script.steps {
        let mut step = take(step, &bench, &names);
        let requests = server.as_ref().map(Server::requests).unwrap_or_default();
        step.requests = requests[seen..].iter().map(line).collect();
        seen = requests.len();
        steps.push(step);
    }
    script.with(steps)
}

fn serve(script: &Script) -> Option<Server> {
    let answers: HashMap<String, Answer> = script
        .given
        .iter()
        .filter_map(|given| match given {
            Given::Answer(answer) => Some((answer.request.clone(), answer.clone())),
            Given::Entry(..) => None,
        })
        .collect();
    // Bodies may name ciphertexts too; folder and server never occur in them.
    let names = Names::new(Path::new("/nowhere"), None);
    (!answers.is_empty()).then(|| {
        Server::start(move |request| {
            let asked = format!("{} {}", request.method, request.path);
            match answers.get(&asked) {
                Some(Answer { status, body, .. }) => {
                    let kind = match body.trim_start().starts_with('{') {
                        true => "application/json",
                        false => "text/plain",
                    };
                    Reply::new(*status, names.expand(body)).header("Content-Type", kind)
                }
                None => Reply::new(
                    404,
                    format!(r#"{{"kind":"Status","message":"no answer to {asked}","code":404}}"#),
                )
                .header("Content-Type", "application/json"),
            }
        })
    })
}

/// A request, with who sends it.
fn line(request: &Request) -> String {
    let mut line = format!("{} {}", request.method, request.path);
    let mut headers: Vec<_> = request.headers.iter().collect();
    headers.sort();
    for (name, value) in headers {
        if name == "authorization" || name.starts_with("impersonate") {
            line += &format!(", {name}: {value}");
        }
    }
    line + "\n"
}

fn expanded(entry: &Entry, names: &Names) -> Entry {
    on_text(entry, |text| names.expand(text))
}

/// The entry with another text, if there is text in it.
fn on_text(entry: &Entry, change: impl Fn(&str) -> String) -> Entry {
    match entry {
        Entry::File { mode, content } => Entry::File {
            mode: *mode,
            content: match std::str::from_utf8(content) {
                Ok(text) => change(text).into_bytes(),
                Err(_) => content.clone(),
            },
        },
        other => other.clone(),
    }
}

fn take(step: &Step, bench: &Bench, names: &Names) -> Step {
    let before = content(&bench.path(""));
    let mut input = names.expand(&step.stdin).into_bytes();
    let mut stderr = String::new();
    let mut last = None;
    for command in pipeline(&names.expand(&step.command)) {
        let Outcome {
            code,
            stdout,
            stderr: said,
        } = start(command, bench, input);
        stderr += &said;
        input = stdout.clone().into_bytes();
        last = Some((code.unwrap_or(-1), stdout));
    }
    let (code, stdout) = last.expect("a pipeline has a command");
    let changes = changes(&before, &content(&bench.path("")));
    Step {
        command: step.command.clone(),
        stdin: step.stdin.clone(),
        code,
        stdout: names.redact(&stdout),
        stderr: names.redact(&stderr),
        requests: String::new(),
        changes: changes
            .into_iter()
            .map(|(name, entry)| {
                let entry = entry.map(|entry| on_text(&entry, |text| names.redact(text)));
                (name, entry)
            })
            .collect(),
    }
}

fn start(command: Command, bench: &Bench, input: Vec<u8>) -> Outcome {
    let input = match &command.input {
        Some(name) => fs::read(bench.path(name)).unwrap(),
        None => input,
    };
    let mut run = bench.kubeseal(command.args).input(input);
    // Editors are looked for there.
    run = run.variable("PATH", std::env::var_os("PATH").unwrap());
    for (name, value) in command.variables {
        run = run.variable(&name, value);
    }
    match command.output {
        Some(path) => run.output(path).run(),
        None => run.run(),
    }
}

/// Reads `NAME=value kubeseal ARGUMENTS < FILE > FILE | kubeseal ...`.
fn pipeline(line: &str) -> Vec<Command> {
    let words = shlex::split(line).unwrap_or_else(|| panic!("can't read {line}"));
    words
        .split(|word| word == "|")
        .map(Command::parse)
        .collect()
}

impl Command {
    fn parse(words: &[String]) -> Self {
        let mut command = Self::default();
        let program = words.iter().position(|word| word == "kubeseal").unwrap();
        for assignment in &words[..program] {
            let (name, value) = assignment.split_once('=').unwrap();
            command.variables.push((name.to_owned(), value.to_owned()));
        }
        let mut words = words[program + 1..].iter().cloned();
        while let Some(word) = words.next() {
            match word.as_str() {
                "<" => command.input = words.next(),
                ">" => command.output = words.next(),
                _ => command.args.push(word),
            }
        }
        command
    }
}
