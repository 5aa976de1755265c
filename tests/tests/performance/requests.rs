//! Requests to the API server, from its own record of who asked what, and operations with private keys.
//!
//! The record costs time, so nothing is timed here.

use std::collections::BTreeMap;

use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::{TestError, TestResult};
use serde_json::Value;

use crate::comparison::Comparison;
use crate::contender::Contender;
use crate::objects::Sealer;
use crate::stand::Stand;

/// Values of each object.
const VALUES: usize = 3;
const USER: &str = "system:serviceaccount:kube-system:sealed-secrets-controller";

/// Requests of the controller by verb and resource.
pub(crate) type Requests = BTreeMap<(String, String), usize>;

pub(crate) async fn requests_are_counted(context: Context) -> TestResult {
    let stand = Stand::audited(context, 1).await?;
    let (plan, count) = (&stand.plan, stand.plan.counted);
    let objects = stand.seal(Sealer::Ours, (count, VALUES), 1).await?;
    let mut comparison = Comparison::default();
    for contender in Contender::of_round(plan, 0) {
        stand.create(&objects.sealed).await?;
        for start in ["Cold start", "Restart"] {
            let before = stand.control_plane.audit_events()?.len();
            let mut running = stand.start(contender).await?;
            running.settled(count).await?;
            let operations = running.own_metric("private_key_operations_total").await?;
            running.end().await?;
            // The Lease costs requests by time, not by objects.
            let requests = stand.requests(before, &["leases"])?;
            for ((verb, resource), number) in &requests {
                eprintln!("{contender:?}: {start}: {verb} {resource}: {number}");
            }
            let writes = sum(&requests, |verb| {
                ["create", "update", "patch", "delete"].contains(&verb)
            });
            let all = sum(&requests, |_| true);
            let what = format!("{start}, {count} objects of three values");
            let per_object = all as f64 / count as f64;
            let rows = [
                (": requests for each object", per_object),
                (": requests", all as f64),
                (": writes", writes as f64),
            ];
            for (row, value) in rows {
                comparison.add(&format!("{what}{row}"), "", contender, value);
            }
            // The Go controller doesn't count them.
            if let Some(operations) = operations {
                let what = format!("{what}: operations with a private key");
                comparison.add_alone(&what, "", operations);
            }
        }
        stand.check(&objects).await?;
        stand.delete_all().await?;
    }
    comparison.finish(plan.go);
    Ok(())
}

fn sum(requests: &Requests, verbs: impl Fn(&str) -> bool) -> usize {
    let chosen = requests.iter().filter(|((verb, _), _)| verbs(verb));
    chosen.map(|(_, number)| number).sum()
}

impl Stand {
    /// What the controller asked after the first so many entries of the record, but for some resources.
    pub(crate) fn requests(&self, after: usize, but: &[&str]) -> Result<Requests, TestError> {
        let mut requests = Requests::new();
        for event in self.control_plane.audit_events()?.iter().skip(after) {
            let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
            // A watch is recorded when it begins, and once more when it ends.
            if text("/user/username") != Some(USER) || text("/stage") != Some("ResponseComplete") {
                continue;
            }
            let resource = [text("/objectRef/resource"), text("/objectRef/subresource")];
            let resource: Vec<_> = resource.into_iter().flatten().collect();
            if resource.first().is_some_and(|it| but.contains(it)) {
                continue;
            }
            let verb = text("/verb").unwrap_or_default().to_owned();
            *requests.entry((verb, resource.join("/"))).or_default() += 1;
        }
        Ok(requests)
    }
}
