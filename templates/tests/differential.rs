//! Random templates, rendered by this crate and by Go. The long form is the `differential`
//! example.

#[path = "differential/generator.rs"]
mod generator;
#[path = "differential/go.rs"]
mod go;

use generator::Generator;
use go::{Go, Outcome};

#[test]
fn random_templates_render_as_go_renders_them() {
    let Some(mut go) = Go::start() else { return };
    let mut generator = Generator::new(1);
    let cases: Vec<_> = (0..3_000).map(|_| generator.case()).collect();
    let mut rendered = 0;
    let mut differences = Vec::new();
    for outcome in go.compare(&cases) {
        match outcome {
            Outcome::Same { rendered: ok } => rendered += usize::from(ok),
            Outcome::Limited(what) => println!("limited: {what}"),
            Outcome::Different(difference) => differences.push(difference),
        }
    }
    println!(
        "{} cases, {rendered} rendered, {} differ",
        cases.len(),
        differences.len()
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(
        rendered > cases.len() / 4,
        "too few cases render to mean anything"
    );
}
