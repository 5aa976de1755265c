//! Key Secrets of a test cluster, and key pairs of all kinds to put into them.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use rcgen::{CertificateParams, DistinguishedName, RsaKeySize, date_time_ymd};
use serde_json::{Map, Value, json};

use crate::TestError;
use crate::control_plane::ControlPlane;
use crate::eventually::{DEADLINE, eventually};
use crate::http;
use crate::installation::NAMESPACE;

/// Label of key Secrets; `active` is a key in use.
pub const LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// A private key with a certificate, both PEM.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// PKCS#8.
    pub key: String,
    /// Self-signed.
    pub certificate: String,
}

/// Kinds of keys.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
    /// ECDSA over P-256.
    P256,
    /// Ed25519.
    Ed25519,
}

impl KeyPair {
    /// A key whose certificate is valid for all of these years.
    ///
    /// # Errors
    /// Fails when it can't be made.
    pub fn make(kind: Kind, years: std::ops::RangeInclusive<i32>) -> Result<Self, rcgen::Error> {
        let rsa = |size| rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
        let key = match kind {
            Kind::Rsa2048 => rsa(RsaKeySize::_2048)?,
            Kind::Rsa3072 => rsa(RsaKeySize::_3072)?,
            Kind::Rsa4096 => rsa(RsaKeySize::_4096)?,
            Kind::P256 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?,
            Kind::Ed25519 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?,
        };
        let certificate = certificate(&key, years)?;
        Ok(Self {
            key: key.serialize_pem(),
            certificate,
        })
    }

    /// The same key with a certificate for other years.
    ///
    /// # Errors
    /// Fails when it can't be made.
    pub fn valid(&self, years: std::ops::RangeInclusive<i32>) -> Result<Self, rcgen::Error> {
        let key = rcgen::KeyPair::from_pem(&self.key)?;
        Ok(Self {
            key: self.key.clone(),
            certificate: certificate(&key, years)?,
        })
    }

    /// Writes the certificate to a file in `folder`, for `kubeseal --cert`.
    ///
    /// # Errors
    /// Fails when the file can't be written.
    pub fn certificate_file(&self, folder: &Path, name: &str) -> std::io::Result<PathBuf> {
        let path = folder.join(format!("{name}.crt"));
        std::fs::write(&path, &self.certificate)?;
        Ok(path)
    }

    /// Data of a key Secret.
    #[must_use]
    pub fn data(&self) -> Value {
        json!({ "tls.key": self.key, "tls.crt": self.certificate })
    }
}

fn certificate(
    key: &rcgen::KeyPair,
    years: std::ops::RangeInclusive<i32>,
) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = date_time_ymd(*years.start(), 1, 1);
    params.not_after = date_time_ymd(*years.end(), 12, 31);
    Ok(params.self_signed(key)?.pem())
}

/// The key Secrets of a cluster.
#[derive(Clone, Debug)]
pub struct Keys(Api<Secret>);

impl Keys {
    /// Those of the controller's namespace.
    #[must_use]
    pub fn of(control_plane: &ControlPlane) -> Self {
        Self(Api::namespaced(control_plane.client(), NAMESPACE))
    }

    /// Makes an active key Secret, or replaces the data of one.
    ///
    /// # Errors
    /// Fails when the API server refuses.
    pub async fn put(&self, name: &str, data: Value) -> Result<(), TestError> {
        let labels = Map::from_iter([(LABEL.to_owned(), json!("active"))]);
        self.put_with(name, labels, data).await
    }

    /// Like [`Self::put`], with any labels.
    ///
    /// # Errors
    /// Fails when the API server refuses.
    pub async fn put_with(
        &self,
        name: &str,
        labels: Map<String, Value>,
        data: Value,
    ) -> Result<(), TestError> {
        let secret: Secret = serde_json::from_value(json!({
            "metadata": { "name": name, "labels": labels },
            "stringData": data,
        }))?;
        match self.0.get_opt(name).await? {
            None => self.0.create(&PostParams::default(), &secret).await?,
            Some(there) => {
                let mut secret = secret;
                secret.metadata.resource_version = there.metadata.resource_version;
                self.0
                    .replace(name, &PostParams::default(), &secret)
                    .await?
            }
        };
        Ok(())
    }

    /// Sets the label of a key Secret.
    ///
    /// # Errors
    /// Fails when the API server refuses.
    pub async fn label(&self, name: &str, value: &str) -> Result<(), TestError> {
        let label = json!({ "metadata": { "labels": { LABEL: value } } });
        self.0
            .patch(name, &PatchParams::default(), &Patch::Merge(label))
            .await?;
        Ok(())
    }

    /// Deletes a key Secret.
    ///
    /// # Errors
    /// Fails when the API server refuses.
    pub async fn delete(&self, name: &str) -> Result<(), TestError> {
        self.0.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// A key Secret.
    ///
    /// # Errors
    /// Fails when there is none.
    pub async fn get(&self, name: &str) -> Result<Secret, TestError> {
        Ok(self.0.get(name).await?)
    }

    /// The active ones.
    ///
    /// # Errors
    /// Fails when the API server doesn't answer.
    pub async fn active(&self) -> Result<Vec<Secret>, TestError> {
        let active = ListParams::default().labels(&format!("{LABEL}=active"));
        Ok(self.0.list(&active).await?.items)
    }

    /// Waits until there are `wanted` active ones or more.
    ///
    /// # Errors
    /// Fails when time runs out.
    pub async fn wait_for(&self, wanted: usize) -> Result<Vec<Secret>, TestError> {
        let what = format!("{wanted} keys");
        let keys = eventually(
            &what,
            DEADLINE,
            async || Ok(Some(self.active().await?).filter(|keys| keys.len() >= wanted)),
            async || format!("{:?}", self.active().await.map(|keys| keys.len())),
        );
        Ok(keys.await?)
    }
}

/// Start of validity of every key in use, in seconds since 1970 and in order, as the controller
/// with its metrics at this address tells.
///
/// # Errors
/// Fails when there are no metrics.
pub async fn starts(metrics: &str) -> Result<Vec<u64>, TestError> {
    let text = http::get(metrics, "/metrics").await?.body;
    let times = text
        .lines()
        .filter(|line| {
            line.starts_with("sealed_secrets_controller_key_not_before_timestamp_seconds{")
        })
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok());
    let mut times: Vec<u64> = times.collect();
    times.sort_unstable();
    Ok(times)
}

/// A metric without labels.
///
/// # Errors
/// Fails when it is missing.
pub async fn metric(metrics: &str, name: &str) -> Result<f64, TestError> {
    let text = http::get(metrics, "/metrics").await?.body;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("sealed_secrets_controller_{name} ")));
    Ok(line.ok_or_else(|| format!("no metric {name}"))?.parse()?)
}

/// Waits until the controller serves another certificate than `before`; returns it.
///
/// # Errors
/// Fails when time runs out.
pub async fn other_certificate(address: &str, before: &str) -> Result<String, TestError> {
    let certificate = eventually(
        "another certificate",
        DEADLINE,
        async || {
            let answer = http::get(address, "/v1/cert.pem").await?;
            Ok((answer.code == 200 && answer.body != before).then_some(answer.body))
        },
        async || format!("{:?}", http::get(address, "/v1/cert.pem").await),
    );
    Ok(certificate.await?)
}
