//! Objects in a cluster, changed in every way while something is wrong, and what has to be true of
//! them afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

use crate::cluster::Cluster;
use crate::context::Context;
use crate::eventually::{DEADLINE, eventually};
use crate::installation::NAMESPACE;
use crate::proxy::{Matching, Proxy, Verb};
use crate::sealed;
use crate::{TestError, TestResult};

/// The one item of every Secret here.
const ITEM: &str = "password";
/// How long a controller is watched that should be doing nothing.
const IDLE_WINDOW: Duration = Duration::from_secs(2);
/// Processor time that doing nothing may take in that window; a busy loop takes all of it.
const IDLE_CPU: Duration = Duration::from_millis(200);
/// What is wrong may have led to pauses of this order before the next try.
const RECOVERY: Duration = Duration::from_secs(120);

/// A cluster with settled objects, whose controller sees the API server through a proxy.
#[derive(Debug)]
pub struct Scene {
    /// The cluster.
    pub cluster: Cluster,
    /// Between the controller and the API server.
    pub proxy: Proxy,
    sealed: BTreeMap<(&'static str, &'static str), String>,
    wanted: BTreeMap<&'static str, &'static str>,
}

/// Objects of a scene with the values they take one after the other.
const VALUES: [(&str, &str); 7] = [
    ("kept", "plaintext-kept"),
    ("changed", "plaintext-changed-1"),
    ("changed", "plaintext-changed-2"),
    ("deleted", "plaintext-deleted"),
    ("edited", "plaintext-edited"),
    ("added", "plaintext-added"),
    ("late", "plaintext-late"),
];

impl Scene {
    /// Starts everything, and waits until four objects are settled.
    ///
    /// # Errors
    /// Fails when something doesn't start or settle.
    pub async fn new(context: &Context) -> Result<Self, TestError> {
        Self::with(context, &[]).await
    }

    /// Like [`Self::new`], with arguments for the controller.
    ///
    /// # Errors
    /// Fails when something doesn't start or settle.
    pub async fn with(context: &Context, arguments: &[&str]) -> Result<Self, TestError> {
        let (cluster, proxy) = Cluster::behind_proxy(context, arguments).await?;
        let mut sealed = BTreeMap::new();
        for (name, value) in VALUES {
            let text = cluster.seal(context, name, &[(ITEM, value)]).await?;
            sealed.insert((name, value), text);
        }
        let mut scene = Self {
            cluster,
            proxy,
            sealed,
            wanted: BTreeMap::new(),
        };
        for (name, value) in &VALUES[..2] {
            scene.put(name, value).await?;
        }
        scene.put("deleted", "plaintext-deleted").await?;
        scene.put("edited", "plaintext-edited").await?;
        scene.all_right().await?;
        Ok(scene)
    }

    /// As an administrator who reaches the API server: a new object, a changed one, a Secret
    /// deleted and a Secret edited.
    ///
    /// # Errors
    /// Fails when the API server refuses.
    pub async fn change_everything(&mut self) -> TestResult {
        self.put("added", "plaintext-added").await?;
        self.put("changed", "plaintext-changed-2").await?;
        let secrets = self.cluster.secrets();
        secrets.delete("deleted", &DeleteParams::default()).await?;
        let edit = json!({ "data": { ITEM: null, "other": "eA==" } });
        secrets
            .patch("edited", &PatchParams::default(), &Patch::Merge(edit))
            .await?;
        Ok(())
    }

    /// One more object, to see that work goes on.
    ///
    /// # Errors
    /// Fails when the API server refuses.
    pub async fn add_late(&mut self) -> TestResult {
        self.put("late", "plaintext-late").await
    }

    async fn put(&mut self, name: &'static str, value: &'static str) -> TestResult {
        let sealed = self.sealed.get(&(name, value));
        self.cluster
            .apply(sealed.ok_or("no such value is sealed")?)
            .await?;
        self.wanted.insert(name, value);
        Ok(())
    }

    /// Waits until `times` requests have met a fault: it is there, and more than one try has seen it.
    ///
    /// # Errors
    /// Fails when time runs out.
    pub async fn suffers(&self, times: usize) -> TestResult {
        let injected = || self.proxy.injected();
        eventually(
            &format!("{times} requests meeting the fault"),
            DEADLINE,
            async || Ok((injected() >= times).then_some(())),
            async || format!("{} did", injected()),
        )
        .await?;
        Ok(())
    }

    /// Waits until every object's Secret and status are what they should be.
    ///
    /// # Errors
    /// Fails when time runs out.
    pub async fn all_right(&self) -> TestResult {
        let (plane, namespace) = (&self.cluster.control_plane, &self.cluster.namespace);
        let secrets = self.cluster.secrets();
        for (name, value) in &self.wanted {
            let right = |secret: &Secret| {
                let data = secret.data.clone().unwrap_or_default();
                data.len() == 1 && data.get(ITEM) == Some(&ByteString(value.as_bytes().to_vec()))
            };
            eventually(
                &format!("Secret {name} being right"),
                RECOVERY,
                async || Ok(secrets.get_opt(name).await?.filter(right).map(drop)),
                async || {
                    let object = sealed::api(plane, namespace).get(name).await;
                    format!("{:?}, {object:?}", secrets.get_opt(name).await)
                },
            )
            .await?;
            sealed::synced(plane, namespace, name, "True").await?;
        }
        let there = secrets.list(&ListParams::default()).await?;
        let there: Vec<_> = there
            .iter()
            .filter_map(|it| it.metadata.name.as_deref())
            .collect();
        assert_eq!(there, self.wanted.keys().copied().collect::<Vec<_>>());
        Ok(())
    }

    /// Waits until the controller rests: no requests but watches and renewals of its Lease, and hardly any processor time.
    ///
    /// # Errors
    /// Fails when it has ended, or never rests.
    pub async fn rests(&mut self) -> TestResult {
        let (controller, proxy) = (&mut self.cluster.controller, &self.proxy);
        eventually(
            "the controller being at rest",
            DEADLINE,
            async || {
                controller.still_running("came to rest")?;
                let before = controller.cpu_time()?;
                proxy.forget();
                // What is measured is a stretch of time, not an event that could be waited for.
                tokio::time::sleep(IDLE_WINDOW).await;
                let used = controller.cpu_time()? - before;
                let mut asked = proxy.requests(&Matching::everything());
                asked.retain(|request| request.verb != Verb::Watch && !request.is_of_election());
                if asked.is_empty() && used < IDLE_CPU {
                    return Ok(Some(()));
                }
                Err(format!("{used:?} of processor time, and asked {asked:?}").into())
            },
            async || String::new(),
        )
        .await?;
        Ok(())
    }

    /// What has to be true after every fault: all Secrets right, one more object handled, still the
    /// same process, one key, and rest.
    ///
    /// # Errors
    /// Fails when one of it isn't so.
    pub async fn unharmed(&mut self) -> TestResult {
        self.cluster
            .controller
            .still_running("outlived the fault")?;
        self.all_right().await?;
        self.add_late().await?;
        self.all_right().await?;
        self.rests().await?;
        let keys: Api<Secret> = Api::namespaced(self.cluster.control_plane.client(), NAMESPACE);
        let keys = keys
            .list(&ListParams::default().labels(sealed::KEY_LABEL))
            .await?;
        assert_eq!(keys.items.len(), 1, "keys");
        Ok(())
    }
}
