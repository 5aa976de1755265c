//! Gauges that are computed when they are asked for, so that none outlives what it tells of.

use std::collections::HashMap;

use prometheus::core::Desc;
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::PREFIX;

/// A gauge without values of its own: name, help and names of labels.
#[derive(Debug)]
pub(super) struct GaugeFamily {
    desc: Desc,
}

impl GaugeFamily {
    pub(super) fn new(name: &str, help: &str, labels: &[&str]) -> Self {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let name = format!("{PREFIX}_{name}");
        let desc = Desc::new(name, help.to_owned(), labels, HashMap::new());
        Self {
            desc: super::valid(desc),
        }
    }

    pub(super) fn desc(&self) -> &Desc {
        &self.desc
    }

    /// All values at once, each behind the values of the labels.
    pub(super) fn collect<'a, const LABELS: usize>(
        &self,
        samples: impl Iterator<Item = ([&'a str; LABELS], f64)>,
    ) -> MetricFamily {
        let metrics = samples.map(|(values, value)| self.metric(&values, value));
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::GAUGE);
        family.set_metric(metrics.collect());
        family
    }

    fn metric(&self, values: &[&str], value: f64) -> Metric {
        let labels = self.desc.variable_labels.iter().zip(values);
        let labels = labels.map(|(name, value)| {
            let mut label = LabelPair::default();
            label.set_name(name.clone());
            label.set_value((*value).to_owned());
            label
        });
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(labels.collect());
        metric.set_gauge(gauge);
        metric
    }
}
