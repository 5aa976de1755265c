//! SealedSecrets by the thousand: sealed, created, watched, checked, deleted.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::{GroupVersionKind, Object, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher};
use sealed_secrets_tests::eventually::eventually;
use sealed_secrets_tests::process::Program;
use sealed_secrets_tests::sealed::{api, secret_manifest};
use sealed_secrets_tests::{TestError, TestResult};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::contender::PATIENCE;
use crate::stand::Stand;

/// Requests of the measuring side at once.
const CONCURRENCY: usize = 16;
/// Sealing thousands of values in an unoptimised build takes its time.
const SEALING: Duration = Duration::from_secs(300);

/// SealedSecrets with the same items in each.
#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) sealed: Vec<DynamicObject>,
    values: usize,
}

/// Which program seals.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sealer {
    /// Marks what it seals with the fingerprint of the key.
    Ours,
    Go,
}

/// Enough of a SealedSecret to see its state, without keeping what is sealed.
type Watched = Object<Nothing, Status>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Nothing {}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

impl Stand {
    /// Seals objects of so many values, each for the next of the first so many certificates.
    pub(crate) async fn seal(
        &self,
        sealer: Sealer,
        (objects, values): (usize, usize),
        keys: usize,
    ) -> Result<Objects, TestError> {
        let certificates = self.certificates.iter().take(keys);
        let mut sealed = Vec::with_capacity(objects);
        for (first, certificate) in certificates.enumerate() {
            let names = (first..objects).step_by(keys);
            let manifests = names.map(|object| {
                let items: Vec<(String, String)> = (0..values).map(item).collect();
                let items: Vec<_> = items
                    .iter()
                    .map(|(a, b)| (a.as_str(), b.as_str()))
                    .collect();
                secret_manifest(&self.namespace, &name(object), &items)
            });
            let manifests: Vec<String> = manifests.collect();
            if !manifests.is_empty() {
                sealed.extend(self.kubeseal(sealer, certificate, &manifests, &[]).await?);
            }
        }
        assert_eq!(sealed.len(), objects, "sealed");
        Ok(Objects { sealed, values })
    }

    /// Seals Secrets in one call.
    pub(crate) async fn kubeseal(
        &self,
        sealer: Sealer,
        certificate: &Path,
        manifests: &[String],
        arguments: &[&str],
    ) -> Result<Vec<DynamicObject>, TestError> {
        let program: Program = match sealer {
            Sealer::Ours => self.context.kubeseal()?,
            Sealer::Go => self.context.go_kubeseal()?,
        };
        let program = program
            .arg("--cert")
            .arg(certificate)
            .args(["--format", "json"])
            .args(arguments)
            .input(manifests.join("\n---\n"));
        let path = program.path().to_owned();
        let output = program.run_within(SEALING).await?.success(&path)?.stdout();
        let documents = serde_json::Deserializer::from_str(&output).into_iter();
        Ok(documents.collect::<Result<_, _>>()?)
    }

    /// SealedSecrets of the namespace.
    pub(crate) fn sealed(&self) -> Api<DynamicObject> {
        api(&self.control_plane, &self.namespace)
    }

    /// Secrets of the namespace.
    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.control_plane.client(), &self.namespace)
    }

    pub(crate) async fn create(&self, objects: &[DynamicObject]) -> TestResult {
        let (sealed, params) = (&self.sealed(), &PostParams::default());
        let create = |object| async move {
            sealed.create(params, object).await?;
            Ok::<_, TestError>(())
        };
        let all = stream::iter(objects).map(create);
        all.buffer_unordered(CONCURRENCY).try_collect().await
    }

    /// Watches from now on; the answer is when the last of so many objects was synced.
    pub(crate) async fn watch_synced(
        &self,
        objects: usize,
    ) -> Result<JoinHandle<Result<Instant, TestError>>, TestError> {
        let kind = GroupVersionKind::gvk("bitnami.com", "v1alpha1", "SealedSecret");
        let resource = ApiResource::from_gvk_with_plural(&kind, "sealedsecrets");
        let sealed: Api<Watched> =
            Api::namespaced_with(self.control_plane.client(), &self.namespace, &resource);
        let mut events = Box::pin(watcher(sealed, watcher::Config::default()));
        while let Some(event) = events.next().await {
            if matches!(event?, Event::InitDone) {
                break;
            }
        }
        Ok(tokio::spawn(async move {
            let mut synced = BTreeSet::new();
            let all = async {
                while let Some(event) = events.next().await {
                    if let Ok(Event::Apply(object)) = event
                        && is_synced(&object)
                    {
                        synced.extend(object.metadata.name);
                        if synced.len() == objects {
                            return Some(Instant::now());
                        }
                    }
                }
                None
            };
            let all = tokio::time::timeout(PATIENCE, all).await.ok().flatten();
            Ok(all.ok_or("not every object became synced")?)
        }))
    }

    /// Claims that every object has its Secret, and that there are no others.
    pub(crate) async fn check(&self, objects: &Objects) -> TestResult {
        let wanted: Vec<_> = (0..objects.values).map(item).collect();
        let secrets = self.secrets().list(&ListParams::default()).await?;
        let right = |secret: &&Secret| {
            let data = secret.data.iter().flatten();
            data.map(|(item, ByteString(value))| (item.as_str(), value.as_slice()))
                .eq(wanted.iter().map(|(a, b)| (a.as_str(), b.as_bytes())))
        };
        let right: BTreeSet<_> = secrets
            .iter()
            .filter(right)
            .map(|secret| secret.metadata.name.clone())
            .collect();
        let names: BTreeSet<_> = objects
            .sealed
            .iter()
            .map(|object| object.metadata.name.clone())
            .collect();
        assert_eq!(secrets.items.len(), names.len(), "Secrets");
        assert!(right == names, "{} Secrets are right", right.len());
        Ok(())
    }

    /// Deletes all objects and their Secrets.
    pub(crate) async fn delete_all(&self) -> TestResult {
        let sealed = self.sealed();
        let (client, list) = (self.control_plane.client(), ListParams::default());
        let secrets: Api<PartialObjectMeta<Secret>> = Api::namespaced(client, &self.namespace);
        eventually(
            "nothing being left",
            PATIENCE,
            async || {
                let objects = sealed.list_metadata(&list).await?.items;
                let mut left = objects.len();
                self.delete(&sealed, objects.into_iter().map(|it| it.metadata.name))
                    .await?;
                let objects = secrets.list_metadata(&list).await?.items;
                left += objects.len();
                self.delete(&secrets, objects.into_iter().map(|it| it.metadata.name))
                    .await?;
                Ok((left == 0).then_some(()))
            },
            async || String::new(),
        )
        .await?;
        Ok(())
    }

    async fn delete<K: Clone + serde::de::DeserializeOwned + std::fmt::Debug>(
        &self,
        api: &Api<K>,
        names: impl Iterator<Item = Option<String>>,
    ) -> TestResult {
        let params = &DeleteParams::default();
        let delete = |name: String| async move {
            match api.delete(&name, params).await {
                // The garbage collector is at it as well.
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                other => other.map(drop),
            }
        };
        let all = stream::iter(names.flatten()).map(delete);
        Ok(all.buffer_unordered(CONCURRENCY).try_collect().await?)
    }
}

fn name(object: usize) -> String {
    format!("object-{object:05}")
}

fn item(number: usize) -> (String, String) {
    (
        format!("item-{number}"),
        format!("plaintext-of-item-{number}"),
    )
}

fn is_synced(object: &Watched) -> bool {
    let Some(status) = &object.status else {
        return false;
    };
    status.observed_generation == object.metadata.generation
        && status
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Synced" && condition.status == "True")
}
