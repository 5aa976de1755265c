//! The vectors: what Go's text/template with sprig made of each template.

use std::collections::BTreeMap;
use std::io::Write as _;

#[path = "vectors/case.rs"]
mod case;

use case::Case;

#[test]
fn every_case_renders_as_go_rendered_it() {
    let lines = include_str!("vectors/templates.jsonl");
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut failures = Vec::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let case = Case::parse(line).expect("the vectors are well formed");
        let count = counts.entry(case.category().to_owned()).or_default();
        match case.run() {
            Ok(()) => count.0 += 1,
            Err(difference) => {
                count.1 += 1;
                failures.push(format!("{}: {difference}", case.id));
            }
        }
    }
    for (category, (passed, failed)) in &counts {
        // Past the harness, which keeps what a passing test prints.
        let _ = writeln!(
            std::io::stderr(),
            "{category}: {passed} passed, {failed} failed"
        );
    }
    let passed: usize = counts.values().map(|count| count.0).sum();
    let _ = writeln!(
        std::io::stderr(),
        "{passed} passed, {} failed",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(passed, 778);
}
