//! Metrics in Prometheus' text format, and the expressions that ask for them.

pub mod expression;

use std::collections::{BTreeMap, BTreeSet};

use crate::TestError;
use crate::eventually::{DEADLINE, eventually};
use crate::http;

/// What a metrics server told at one moment.
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    /// Types by the name of the metric.
    pub types: BTreeMap<String, String>,
    /// Samples in the order of the text.
    pub samples: Vec<Sample>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name, with `_bucket`, `_sum` or `_count` if it is part of a histogram.
    pub name: String,
    /// Values by name.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

impl Exposition {
    /// Asks `address` (`host:port`).
    ///
    /// # Errors
    /// Fails when the answer is none, or not in the format.
    pub async fn scrape(address: &str) -> Result<Self, TestError> {
        let answer = http::get(address, "/metrics").await?;
        if answer.code != 200 {
            return Err(format!("{address} answers {}", answer.code).into());
        }
        Self::parse(&answer.body)
    }

    fn parse(text: &str) -> Result<Self, TestError> {
        let mut exposition = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(type_) = line.strip_prefix("# TYPE ") {
                let (name, type_) = type_.split_once(' ').ok_or("a type without a name")?;
                exposition.types.insert(name.to_owned(), type_.to_owned());
            } else if !line.starts_with('#') {
                let sample = sample(line).ok_or_else(|| format!("not a sample: {line}"))?;
                exposition.samples.push(sample);
            }
        }
        Ok(exposition)
    }

    /// The value of the one series of this name that has these labels, and maybe others.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.samples.iter().filter(|sample| {
            let has = |(name, value): &(&str, &str)| {
                sample.labels.get(*name).map(String::as_str) == Some(*value)
            };
            sample.name == name && labels.iter().all(has)
        });
        let first = found.next()?;
        found.next().is_none().then_some(first.value)
    }

    /// The names of the labels of each series of a metric; of a histogram without `le`.
    #[must_use]
    pub fn label_names(&self, name: &str) -> BTreeSet<Vec<&str>> {
        let of_metric = |sample: &&Sample| metric_of(&sample.name, &self.types) == name;
        self.samples
            .iter()
            .filter(of_metric)
            .map(|sample| {
                let names = sample.labels.keys().map(String::as_str);
                names.filter(|label| *label != "le").collect()
            })
            .collect()
    }

    /// All labels that samples of this very name have; `None` if there are no samples.
    #[must_use]
    pub fn labels_of_sample(&self, name: &str) -> Option<BTreeSet<&str>> {
        let mut samples = self.samples.iter().filter(|sample| sample.name == name);
        let first = samples.next()?;
        let all = std::iter::once(first).chain(samples);
        Some(
            all.flat_map(|sample| sample.labels.keys().map(String::as_str))
                .collect(),
        )
    }
}

/// Waits until a series has this value, or is gone; returns everything at that moment.
///
/// # Errors
/// Fails when time runs out.
pub async fn becomes(
    address: &str,
    name: &str,
    labels: &[(&str, &str)],
    wanted: Option<f64>,
) -> Result<Exposition, TestError> {
    let exposition = eventually(
        &format!("{name}{labels:?} being {wanted:?}"),
        DEADLINE,
        async || {
            let exposition = Exposition::scrape(address).await?;
            Ok((exposition.value(name, labels) == wanted).then_some(exposition))
        },
        async || match Exposition::scrape(address).await {
            Ok(exposition) => format!("{:?}", exposition.value(name, labels)),
            Err(error) => error.to_string(),
        },
    )
    .await?;
    Ok(exposition)
}

/// The metric that a sample belongs to.
fn metric_of<'a>(sample: &'a str, types: &BTreeMap<String, String>) -> &'a str {
    let parts = ["_bucket", "_sum", "_count"].into_iter();
    parts
        .filter_map(|part| sample.strip_suffix(part))
        .find(|metric| types.get(*metric).map(String::as_str) == Some("histogram"))
        .unwrap_or(sample)
}

/// `name{label="value",...} 1`, the labels being optional.
fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        value => value.parse().ok()?,
    };
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    let mut labels_by_name = BTreeMap::new();
    let mut rest = labels;
    while !rest.is_empty() {
        let (label, behind) = rest.split_once("=\"")?;
        let (value, behind) = quoted(behind)?;
        labels_by_name.insert(label.to_owned(), value);
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    Some(Sample {
        name: name.to_owned(),
        labels: labels_by_name,
        value,
    })
}

/// The text up to the closing quote, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = "# HELP a A.\n# TYPE a gauge\na{x=\"1, 2\",y=\"q\\\"{}\"} -1\n# TYPE h histogram\n\
                    h_bucket{le=\"+Inf\",p=\"/\"} 3\nh_sum{p=\"/\"} 0.5\nh_count{p=\"/\"} 3\nb 2\n";
        let exposition = Exposition::parse(text).unwrap();
        assert_eq!(exposition.value("a", &[("y", "q\"{}")]), Some(-1.0));
        assert_eq!(exposition.value("b", &[]), Some(2.0));
        assert_eq!(exposition.value("b", &[("x", "1")]), None);
        assert_eq!(exposition.types["h"], "histogram");
        assert_eq!(exposition.label_names("h"), BTreeSet::from([vec!["p"]]));
        assert_eq!(
            exposition.labels_of_sample("h_bucket"),
            Some(BTreeSet::from(["le", "p"]))
        );
        assert!(Exposition::parse("a{x=\"1} 2").is_err());
    }
}
