//! `leader`: whether this replica writes. What only one of several should tell depends on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::sample::GaugeFamily;

/// Whether this replica writes; it does until somebody says otherwise. A clone says the same.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    leads: Arc<AtomicBool>,
    family: Arc<GaugeFamily>,
}

impl Default for Leader {
    fn default() -> Self {
        let help = "1 if this replica writes Secrets, statuses and keys, 0 if it only serves.";
        Self {
            leads: Arc::new(AtomicBool::new(true)),
            family: Arc::new(GaugeFamily::new("leader", help, &[])),
        }
    }
}

impl Leader {
    pub(super) fn set(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }

    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }
}

impl Collector for Leader {
    fn desc(&self) -> Vec<&Desc> {
        vec![self.family.desc()]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let value = f64::from(u8::from(self.leads()));
        vec![self.family.collect(std::iter::once(([], value)))]
    }
}
