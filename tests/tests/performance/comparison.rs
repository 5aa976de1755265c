//! The table: medians of ours and of the Go controller's, and their ratio.

use std::fmt::Write as _;

use crate::contender::Contender;

/// What was measured, in the order of the first measurements.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    unit: &'static str,
    ours: Vec<f64>,
    go: Vec<f64>,
    /// Whether only ours can be measured.
    alone: bool,
}

impl Comparison {
    /// Adds a measurement.
    pub(crate) fn add(&mut self, what: &str, unit: &'static str, contender: Contender, value: f64) {
        eprintln!("{contender:?}: {what}: {} {unit}", shown(value));
        let known = self
            .rows
            .iter()
            .position(|row| row.what == what && row.unit == unit);
        let at = known.unwrap_or_else(|| {
            self.rows.push(Row {
                what: what.to_owned(),
                unit,
                ours: Vec::new(),
                go: Vec::new(),
                alone: false,
            });
            self.rows.len() - 1
        });
        if let Some(row) = self.rows.get_mut(at) {
            match contender {
                Contender::Ours => row.ours.push(value),
                Contender::Go | Contender::GoLimited => row.go.push(value),
            }
        }
    }

    /// Adds a measurement of ours that the Go controller has no counterpart of.
    pub(crate) fn add_alone(&mut self, what: &str, unit: &'static str, value: f64) {
        self.add(what, unit, Contender::Ours, value);
        let row = self.rows.iter_mut().find(|row| row.what == what);
        if let Some(row) = row {
            row.alone = true;
        }
    }

    /// Adds time, processor time in seconds, and peak memory in bytes.
    pub(crate) fn add_run(&mut self, what: &str, contender: Contender, run: &Run) {
        self.add(what, "s", contender, run.seconds);
        self.add(&format!("{what}: processor time"), "s", contender, run.cpu);
        let mib = run.peak as f64 / f64::from(1 << 20);
        self.add(&format!("{what}: peak memory"), "MiB", contender, mib);
    }

    /// Prints the table, and claims that it is complete.
    pub(crate) fn finish(&self, go: bool) {
        println!("\n{}", self.table());
        assert!(!self.rows.is_empty(), "nothing was measured");
        for row in &self.rows {
            assert!(!row.ours.is_empty(), "not measured of ours: {}", row.what);
            let wanted = go && !row.alone;
            assert_eq!(!row.go.is_empty(), wanted, "of Go's: {}", row.what);
            let all = row.ours.iter().chain(&row.go);
            assert!(
                all.clone().all(|value| value.is_finite() && *value >= 0.0),
                "{row:?}"
            );
        }
    }

    fn table(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let (ours, go) = (median(&row.ours), median(&row.go));
            let cell = |value: Option<f64>| match value {
                Some(value) => format!("{} {}", shown(value), row.unit),
                None => "–".to_owned(),
            };
            let ratio = match (ours, go) {
                (Some(ours), Some(go)) if go > 0.0 => format!("{:.2}", ours / go),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {ratio} |",
                row.what,
                cell(ours).trim_end(),
                cell(go).trim_end()
            );
        }
        text
    }
}

/// One run of a controller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// From the start of the process until its work was done.
    pub(crate) seconds: f64,
    /// Processor time, user and kernel, until it rested.
    pub(crate) cpu: f64,
    /// Most that was ever resident, in bytes.
    pub(crate) peak: u64,
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// Three digits are as much as such figures are worth.
fn shown(value: f64) -> String {
    match value {
        value if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
