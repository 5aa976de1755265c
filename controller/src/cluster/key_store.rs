//! Key Secrets as the API server has them at this moment.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use sealed_secrets_core::key_pair::KeyPair;
use sealed_secrets_core::keyring::Keyring;

use super::connect::Connection;
use super::key_secret::{KeySecret, is_legacy, key_secret, selector};
use crate::args::KeyArgs;
use crate::keys::{KeyStore, Occasion, keyring_of};

/// Those who make the first key within one such time give it the same name. Short, so that a key
/// that was lost, and is restored under its name, doesn't meet the one that was made after it.
const MOMENT: Duration = Duration::from_secs(1);
/// No first key is made this close to the border between two of them: longer than storing it takes,
/// and than clocks of one cluster differ.
const BORDER: Duration = Duration::from_millis(200);

/// Why the key Secrets can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The API server doesn't let us, or the namespace is missing.
    #[error(
        "cannot {action} Secrets in namespace {namespace}; check the controller's namespace and RBAC"
    )]
    Refused {
        /// What was tried.
        action: &'static str,
        /// Where.
        namespace: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// Anything that may pass.
    #[error("cannot {action} key Secrets")]
    Request {
        /// What was tried.
        action: &'static str,
        /// What happened.
        #[source]
        source: Box<kube::Error>,
    },
}

/// The key Secrets of the controller's namespace.
#[derive(Clone, Debug)]
pub(super) struct ClusterKeys {
    /// Writes only while this replica leads.
    api: Api<Secret>,
    /// Writes always.
    direct: Api<Secret>,
    namespace: String,
    place: Vec<u8>,
    args: KeyArgs,
}

impl ClusterKeys {
    pub(super) fn new(connection: &Connection, args: KeyArgs) -> Self {
        let namespace = &connection.namespace;
        Self {
            api: Api::namespaced(connection.client.clone(), namespace),
            direct: Api::namespaced(connection.direct.clone(), namespace),
            namespace: namespace.clone(),
            place: [&connection.cluster, b"/".as_slice(), namespace.as_bytes()].concat(),
            args,
        }
    }

    /// Every Secret that counts, by name.
    pub(super) async fn list(&self) -> Result<BTreeMap<String, KeySecret>, KeyStoreError> {
        let active = ListParams::default().labels(&selector());
        let listed = self.api.list(&active).await;
        let listed = listed.map_err(|error| self.failed("list", error))?;
        let legacy = self.api.get_opt(&self.args.key_prefix).await;
        let legacy = legacy.map_err(|error| self.failed("get", error))?;
        let all = listed
            .items
            .iter()
            .chain(legacy.iter().filter(|it| is_legacy(it)));
        Ok(all
            .map(|secret| (secret.name_any(), KeySecret::read(secret)))
            .collect())
    }

    fn failed(&self, action: &'static str, error: kube::Error) -> KeyStoreError {
        let source = Box::new(error);
        match &*source {
            kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404) => {
                KeyStoreError::Refused {
                    action,
                    namespace: self.namespace.clone(),
                    source,
                }
            }
            _ => KeyStoreError::Request { action, source },
        }
    }
}

impl KeyStore for ClusterKeys {
    type Error = KeyStoreError;
    type Turn = ();

    fn place(&self) -> &[u8] {
        &self.place
    }

    /// Nobody has to wait: the name decides.
    async fn turn(&self) -> Result<(), KeyStoreError> {
        Ok(())
    }

    async fn moment(&self) -> u64 {
        loop {
            let (moment, wait) = moment(Timestamp::now());
            if wait.is_zero() {
                return moment;
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn keys(&self) -> Result<Keyring, KeyStoreError> {
        let secrets = self.list().await?;
        let candidates = secrets.into_values().map(|secret| secret.candidate);
        Ok(keyring_of(self.args.key_order_priority, candidates).0)
    }

    async fn create(
        &self,
        name: &str,
        pair: &KeyPair,
        occasion: Occasion,
    ) -> Result<bool, KeyStoreError> {
        let secret = key_secret(name, pair, &self.args);
        let api = match occasion {
            Occasion::Due => &self.api,
            Occasion::Asked => &self.direct,
        };
        match api.create(&PostParams::default(), &secret).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(false),
            Err(error) => Err(self.failed("create", error)),
        }
    }
}

/// The number of a moment, and how long to wait if it is too close to another.
fn moment(now: Timestamp) -> (u64, Duration) {
    let now = Duration::try_from(now.as_duration()).unwrap_or_default();
    let number = now.as_secs() / MOMENT.as_secs();
    let inside = now - Duration::from_secs(number * MOMENT.as_secs());
    let wait = if inside < BORDER {
        BORDER - inside
    } else if inside > MOMENT - BORDER {
        MOMENT + BORDER - inside
    } else {
        Duration::ZERO
    };
    (number, wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_away_from_their_borders() {
        let at = |millisecond| {
            let (number, wait) = moment(Timestamp::from_millisecond(millisecond).unwrap());
            (number, wait.as_millis())
        };
        assert_eq!(at(8_000), (8, 200));
        assert_eq!(at(8_199), (8, 1));
        assert_eq!(at(8_200), (8, 0));
        assert_eq!(at(8_800), (8, 0));
        assert_eq!(at(8_900), (8, 300));
        assert_eq!(at(1_795_000_002_500), (1_795_000_002, 0));
        assert_eq!(at(-5), (0, 200));
    }
}
