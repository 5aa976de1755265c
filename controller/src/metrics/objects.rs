//! `condition_info` and `objects`: the conditions of every SealedSecret there is.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use sealed_secrets_crds::sealed_secret::Condition;

use super::leader::Leader;
use super::sample::GaugeFamily;
use crate::unsealer::ObjectKey;

/// The one condition that the reference knows, and dashboards add up.
const SYNCED: &str = "Synced";

/// The objects by namespace and name.
#[derive(Clone, Debug)]
pub(super) struct Objects(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    known: Mutex<HashMap<ObjectKey, Object>>,
    /// `None` where nothing may name a single object.
    condition_info: Option<GaugeFamily>,
    objects: GaugeFamily,
    leader: Leader,
}

#[derive(Debug)]
struct Object {
    instance: String,
    /// Type and status.
    conditions: Vec<(String, String)>,
}

impl Objects {
    pub(super) fn new(omit_secret_labels: bool, leader: Leader) -> Self {
        let condition_info = (!omit_secret_labels).then(|| {
            GaugeFamily::new(
                "condition_info",
                "Condition of a SealedSecret: 1 True, -1 False, 0 Unknown.",
                &[
                    "condition",
                    "name",
                    "namespace",
                    "ss_app_kubernetes_io_instance",
                ],
            )
        });
        let objects = GaugeFamily::new(
            "objects",
            "How many SealedSecrets have a condition with this status.",
            &["condition", "status"],
        );
        Self(Arc::new(Inner {
            known: Mutex::default(),
            condition_info,
            objects,
            leader,
        }))
    }

    /// Returns whether the object is new.
    pub(super) fn set(
        &self,
        key: &ObjectKey,
        instance: Option<&str>,
        conditions: &[Condition],
    ) -> bool {
        let conditions = conditions
            .iter()
            .map(|condition| (condition.type_.clone(), condition.status.clone()));
        let object = Object {
            instance: instance.unwrap_or_default().to_owned(),
            conditions: conditions.collect(),
        };
        self.known().insert(key.clone(), object).is_none()
    }

    /// Returns whether the object was known.
    pub(super) fn remove(&self, key: &ObjectKey) -> bool {
        self.known().remove(key).is_some()
    }

    pub(super) fn keys(&self) -> Vec<ObjectKey> {
        self.known().keys().cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ObjectKey, Object>> {
        // An insertion or a removal is the last step of each change, so the map is always whole.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Objects {
    fn desc(&self) -> Vec<&Desc> {
        let condition_info = self.0.condition_info.iter();
        condition_info
            .chain([&self.0.objects])
            .map(GaugeFamily::desc)
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if !self.0.leader.leads() {
            return Vec::new();
        }
        let known = self.known();
        // None is a number too: dashboards and alerts tell it from a controller that is gone.
        let mut counts = BTreeMap::from([((SYNCED, "True"), 0_u32), ((SYNCED, "False"), 0)]);
        for (type_, status) in known.values().flat_map(|object| &object.conditions) {
            *counts.entry((type_.as_str(), status.as_str())).or_default() += 1;
        }
        let counts = counts
            .into_iter()
            .map(|((type_, status), count)| ([type_, status], f64::from(count)));
        let mut families = vec![self.0.objects.collect(counts)];
        if let Some(condition_info) = &self.0.condition_info {
            let samples = known.iter().flat_map(|((namespace, name), object)| {
                let synced = object
                    .conditions
                    .iter()
                    .filter(|(type_, _)| type_ == SYNCED);
                synced.map(move |(type_, status)| {
                    (
                        [type_.as_str(), name, namespace, &object.instance],
                        value(status),
                    )
                })
            });
            families.push(condition_info.collect(samples));
        }
        families
    }
}

fn value(status: &str) -> f64 {
    match status {
        "True" => 1.0,
        "False" => -1.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::Metrics;
    use crate::unsealer::ObjectKey;
    use sealed_secrets_crds::sealed_secret::Condition;

    fn conditions(all: &[(&str, &str)]) -> Vec<Condition> {
        let condition = |(type_, status): &(&str, &str)| Condition {
            type_: (*type_).to_owned(),
            status: (*status).to_owned(),
            ..Condition::default()
        };
        all.iter().map(condition).collect()
    }

    fn lines(metrics: &Metrics) -> Vec<String> {
        let text = metrics.to_text();
        let ours = text.lines().filter(|line| {
            line.starts_with("sealed_secrets_controller_condition_info{")
                || line.starts_with("sealed_secrets_controller_objects{")
        });
        ours.map(|line| line["sealed_secrets_controller_".len()..].to_owned())
            .collect()
    }

    #[test]
    fn conditions_are_told_while_the_object_is_there() {
        let metrics = Metrics::new(false);
        let key: ObjectKey = ("shop".to_owned(), "db".to_owned());
        let failed = conditions(&[("Synced", "False"), ("Ready", "False"), ("Stalled", "True")]);
        metrics.object(&key, None, &failed);
        assert_eq!(
            lines(&metrics),
            [
                r#"condition_info{condition="Synced",name="db",namespace="shop",ss_app_kubernetes_io_instance=""} -1"#,
                r#"objects{condition="Ready",status="False"} 1"#,
                r#"objects{condition="Stalled",status="True"} 1"#,
                r#"objects{condition="Synced",status="False"} 1"#,
                r#"objects{condition="Synced",status="True"} 0"#,
            ]
        );
        metrics.object(&key, Some("web"), &conditions(&[("Synced", "True")]));
        assert_eq!(
            lines(&metrics),
            [
                r#"condition_info{condition="Synced",name="db",namespace="shop",ss_app_kubernetes_io_instance="web"} 1"#,
                r#"objects{condition="Synced",status="False"} 0"#,
                r#"objects{condition="Synced",status="True"} 1"#,
            ]
        );
        metrics.object(&key, None, &conditions(&[("Synced", "Unknown")]));
        assert!(lines(&metrics)[0].ends_with(" 0"));
        metrics.forget(&key);
        assert_eq!(
            lines(&metrics),
            [
                r#"objects{condition="Synced",status="False"} 0"#,
                r#"objects{condition="Synced",status="True"} 0"#,
            ]
        );
    }

    #[test]
    fn only_the_replica_that_writes_tells_of_objects() {
        let metrics = Metrics::new(false);
        let key: ObjectKey = ("shop".to_owned(), "db".to_owned());
        metrics.leads(false);
        metrics.object(&key, None, &conditions(&[("Synced", "True")]));
        assert!(lines(&metrics).is_empty());
        let leader = "\nsealed_secrets_controller_leader";
        assert!(metrics.to_text().contains(&format!("{leader} 0\n")));
        metrics.leads(true);
        assert_eq!(lines(&metrics).len(), 3);
        assert!(metrics.to_text().contains(&format!("{leader} 1\n")));
    }

    #[test]
    fn nothing_names_a_secret_where_that_is_not_wanted() {
        let metrics = Metrics::new(true);
        let key = ("shop".to_owned(), "db".to_owned());
        metrics.object(&key, None, &conditions(&[("Synced", "True")]));
        assert_eq!(
            lines(&metrics),
            [
                r#"objects{condition="Synced",status="False"} 0"#,
                r#"objects{condition="Synced",status="True"} 1"#,
            ]
        );
    }
}
