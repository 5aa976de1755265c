//! `private_key_operations_total`: what unsealing has cost.

use std::collections::HashMap;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Metric, MetricFamily, MetricType};
use sealed_secrets_core::keyring::Operations;

use super::PREFIX;

/// Shows the counter that the keyrings count on.
#[derive(Clone, Debug)]
pub(super) struct PrivateKeyOperations {
    desc: Desc,
    pub(super) operations: Operations,
}

impl Default for PrivateKeyOperations {
    fn default() -> Self {
        Self {
            desc: super::valid(Desc::new(
                format!("{PREFIX}_private_key_operations_total"),
                "RSA decryptions, for the HTTP API too, tries with keys that don't fit included."
                    .to_owned(),
                Vec::new(),
                HashMap::new(),
            )),
            operations: Operations::default(),
        }
    }
}

impl Collector for PrivateKeyOperations {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut counter = Counter::default();
        counter.set_value(self.operations.count() as f64);
        let mut metric = Metric::default();
        metric.set_counter(counter);
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::COUNTER);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
