//! The Go program beside this file, built once and fed with cases.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealed_secrets_templates::{Environment, ErrorKind, Limits, render_with};
use serde_json::{Value, json};

use super::generator::Case;

/// The running program.
pub(crate) struct Go {
    binary: PathBuf,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// How a case went.
pub(crate) enum Outcome {
    Same {
        rendered: bool,
    },
    /// Go rendered it and a limit of ours refused it.
    Limited(String),
    Different(String),
}

/// Past the test harness, which keeps what a passing test prints.
fn say_skipped(why: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED: nothing is compared with Go: {why}");
}

/// Builds the program; `None`, loudly, without Go.
pub(crate) fn build() -> Option<PathBuf> {
    if std::env::var_os("SEALED_SECRETS_TESTS_SKIP_GO").is_some_and(|v| v == "1") {
        say_skipped("SEALED_SECRETS_TESTS_SKIP_GO=1 says so");
        return None;
    }
    if Command::new("go").arg("version").output().is_err() {
        say_skipped("there is no Go here");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let binary = binary();
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&binary)
        .arg(".")
        .current_dir(source)
        .status()
        .expect("go can be run");
    assert!(built.success(), "the Go program does not build");
    Some(binary)
}

impl Go {
    /// Builds and starts the program; `None` without Go.
    pub(crate) fn start() -> Option<Self> {
        let binary = build()?;
        let mut child = Command::new(&binary)
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Go program can be run");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        Some(Self {
            binary,
            child,
            input,
            output,
        })
    }

    /// Renders all the cases with both and compares.
    pub(crate) fn compare(&mut self, cases: &[Case]) -> Vec<Outcome> {
        let mut lines = String::new();
        for case in cases {
            let data: serde_json::Map<String, Value> = case
                .values
                .iter()
                .map(|(k, v)| (k.clone(), STANDARD.encode(v).into()))
                .collect();
            let line = json!({"name": "t", "template": case.template, "data": data});
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        let mut input = self.input.take().expect("the Go program still reads");
        let writer = std::thread::spawn(move || {
            input
                .write_all(lines.as_bytes())
                .expect("the Go program reads");
            input.flush().expect("the Go program reads");
            input
        });
        let outcomes = cases.iter().map(|case| self.compare_one(case)).collect();
        self.input = Some(writer.join().expect("the writer ends"));
        outcomes
    }

    fn compare_one(&mut self, case: &Case) -> Outcome {
        let mut line = String::new();
        let read = self
            .output
            .read_line(&mut line)
            .expect("the Go program answers");
        assert!(read > 0, "the Go program ended at {}", case.template);
        let theirs: Value = serde_json::from_str(&line).expect("it answers in JSON");
        let theirs = match theirs.get("ok") {
            Some(Value::Bool(true)) => {
                let output = theirs
                    .get("output")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                Ok(STANDARD.decode(output).expect("it answers in base64"))
            }
            _ => Err(theirs
                .get("error")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()),
        };
        let ours = render_with(
            "t",
            &case.template,
            &case.values,
            &mut Environment::system(),
            &Limits::default(),
        );
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) if ours == theirs => Outcome::Same { rendered: true },
            (Err(error), Ok(_)) if error.kind() == ErrorKind::Limit => {
                Outcome::Limited(format!("{}\n  {error}", case.template))
            }
            // Go prints the address of a zone here.
            (Err(error), Ok(_)) if error.to_string().ends_with("an address can't be printed") => {
                Outcome::Same { rendered: false }
            }
            (Err(_), Err(_)) => Outcome::Same { rendered: false },
            _ => Outcome::Different(format!(
                "{}\n  ours:   {}\n  theirs: {}",
                case.template,
                ours.map_or_else(
                    |e| format!("error {e}"),
                    |o| format!("{:?}", String::from_utf8_lossy(&o))
                ),
                theirs.map_or_else(
                    |e| format!("error {e}"),
                    |o| format!("{:?}", String::from_utf8_lossy(&o))
                ),
            )),
        }
    }
}

impl Drop for Go {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.binary);
    }
}

fn binary() -> PathBuf {
    std::env::temp_dir().join(format!("templates-differential-{}", std::process::id()))
}
