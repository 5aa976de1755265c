//! Parses and renders a docker-config template of 2 KiB, here and in Go, and prints both times
//! and their ratio. Build it with `--release`; exits with 1 where this crate is the slower.

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealed_secrets_templates::{Values, render};

#[path = "../tests/differential/generator.rs"]
#[allow(dead_code, reason = "the benchmark makes no cases")]
mod generator;
#[path = "../tests/differential/go.rs"]
#[allow(dead_code, reason = "the benchmark compares no output")]
mod go;

const REGISTRIES: [&str; 6] = ["hub", "ghcr", "quay", "gcr", "harbor", "gitlab"];
const ROUNDS: usize = 20;
const TIMES: u32 = 500;

/// An entry for each of several registries, as such files are written by hand.
fn template() -> String {
    let mut text = String::from("{\n  \"auths\": {\n");
    for (i, name) in REGISTRIES.iter().enumerate() {
        let comma = if i + 1 == REGISTRIES.len() { "" } else { "," };
        text.push_str(&format!(
            "    {{{{- /* {name} */}}}}\n    {{{{ .{name}_host | default \"registry.example.com\" | quote }}}}: {{\n      \
             \"username\": {{{{ .{name}_user | toJson }}}},\n      \"password\": {{{{ .{name}_password | toJson }}}},\n      \
             {{{{- if .{name}_email }}}}\n      \"email\": {{{{ .{name}_email | toJson }}}},\n      {{{{- end }}}}\n      \
             \"auth\": \"{{{{ printf \"%s:%s\" .{name}_user .{name}_password | b64enc }}}}\"\n    }}{comma}\n"
        ));
    }
    text.push_str("  }\n}\n");
    text
}

fn values() -> Values {
    let mut values = Values::new();
    for name in REGISTRIES {
        values.insert(
            format!("{name}_host"),
            format!("{name}.example.com").into_bytes(),
        );
        values.insert(format!("{name}_user"), b"robot$deploy".to_vec());
        values.insert(
            format!("{name}_password"),
            b"correct horse \"battery\" staple".to_vec(),
        );
        values.insert(format!("{name}_email"), b"ops@example.com".to_vec());
    }
    values
}

fn ours(template: &str, values: &Values) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..TIMES {
            let output = render("config.json", template, values).expect("the template renders");
            std::hint::black_box(output);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(TIMES));
    }
    best
}

fn theirs(template: &str, values: &Values) -> Option<f64> {
    let binary = go::build()?;
    let data: serde_json::Map<String, serde_json::Value> = values
        .iter()
        .map(|(k, v)| (k.clone(), STANDARD.encode(v).into()))
        .collect();
    let line = serde_json::json!({"name": "config.json", "template": template, "data": data});
    let mut child = Command::new(binary)
        .arg("-benchmark")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Go program can be run");
    let mut input = child.stdin.take().expect("its input is piped");
    writeln!(input, "{line}").expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    Some(
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .expect("it prints a number"),
    )
}

fn main() -> ExitCode {
    let (template, values) = (template(), values());
    let ours = ours(&template, &values);
    println!(
        "{} bytes of template; here {:.1} µs",
        template.len(),
        ours / 1e3
    );
    let Some(theirs) = theirs(&template, &values) else {
        return ExitCode::SUCCESS;
    };
    println!(
        "Go {:.1} µs; ratio {:.2} (below 1: this crate is faster)",
        theirs / 1e3,
        ours / theirs
    );
    if ours <= theirs {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
