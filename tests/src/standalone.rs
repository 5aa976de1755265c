//! The controller without a cluster, with folders of a test's own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::TestError;
use crate::context::Context;
use crate::eventually::{DEADLINE, eventually};
use crate::netns::claim_address;
use crate::process::{Process, Program};
use crate::sealed::secret_manifest;

/// Folders and an address for one standalone controller.
#[derive(Clone, Debug)]
pub struct Standalone {
    /// Manifests.
    pub manifests: PathBuf,
    /// Keys.
    pub keys: PathBuf,
    /// Secrets.
    pub out: PathBuf,
    address: Ipv4Addr,
    program: Program,
    kubeseal: Program,
}

impl Standalone {
    /// Makes the folder of manifests in the test's folder; the others are the controller's to make.
    ///
    /// # Errors
    /// Fails when a folder or an address can't be had.
    pub fn new(context: &Context) -> Result<Self, TestError> {
        let address = claim_address()?;
        let folder = context.folder().join(format!("standalone-{address}"));
        let manifests = folder.join("manifests");
        std::fs::create_dir_all(&manifests)?;
        let (keys, out) = (folder.join("keys"), folder.join("out"));
        let program = context
            .controller()?
            .args([
                "standalone",
                "--key-size=2048",
                "--listen-addr",
                &format!("{address}:8080"),
                "--listen-metrics-addr",
                &format!("{address}:8081"),
            ])
            .arg("--manifests")
            .arg(&manifests)
            .arg("--keys")
            .arg(&keys)
            .arg("--out")
            .arg(&out);
        Ok(Self {
            manifests,
            keys,
            out,
            address,
            program,
            kubeseal: context.kubeseal()?,
        })
    }

    /// The controller's command line, to be changed or started.
    #[must_use]
    pub fn program(&self) -> Program {
        self.program.clone()
    }

    /// `host:port` of the HTTP server.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:8080", self.address)
    }

    /// `host:port` of the metrics.
    #[must_use]
    pub fn metrics(&self) -> String {
        format!("{}:8081", self.address)
    }

    /// Starts the controller; returns when it serves its certificate.
    ///
    /// # Errors
    /// Fails when it doesn't start.
    pub async fn start(&self, name: &str, folder: &Path) -> Result<Process, TestError> {
        let mut process = self.program.start(name, folder)?;
        crate::http::serves(&self.address(), "/v1/cert.pem", &mut process).await?;
        Ok(process)
    }

    /// Seals a Secret in namespace `default` with the certificate that the controller serves.
    ///
    /// # Errors
    /// Fails when sealing does.
    pub async fn seal(&self, name: &str, items: &[(&str, &str)]) -> Result<String, TestError> {
        let url = format!("http://{}/v1/cert.pem", self.address());
        let manifest = secret_manifest("default", name, items);
        let kubeseal = self.kubeseal.clone().args(["-o", "yaml", "--cert", &url]);
        Ok(kubeseal.input(manifest).output().await?)
    }

    /// Writes a manifest the way Git does: beside it, then renamed.
    ///
    /// # Errors
    /// Fails when the file can't be written.
    pub fn put(&self, file: &str, text: &str) -> Result<(), TestError> {
        let next = self.manifests.join(format!(".{file}.next"));
        std::fs::write(&next, text)?;
        std::fs::rename(next, self.manifests.join(file))?;
        Ok(())
    }

    /// What an item's file holds; `None` when there is none.
    #[must_use]
    pub fn item(&self, name: &str, item: &str) -> Option<String> {
        std::fs::read_to_string(self.out.join("default").join(name).join(item)).ok()
    }

    /// Waits until an item's file holds `wanted`, or is gone.
    ///
    /// # Errors
    /// Fails when time runs out.
    pub async fn wait_for_item(
        &self,
        name: &str,
        item: &str,
        wanted: Option<&str>,
    ) -> Result<(), TestError> {
        eventually(
            &format!("{name}/{item} being as wanted"),
            DEADLINE,
            async || Ok((self.item(name, item).as_deref() == wanted).then_some(())),
            async || {
                format!(
                    "{:?}",
                    std::fs::read_to_string(self.out.join("status.json"))
                )
            },
        )
        .await?;
        Ok(())
    }

    /// The status file.
    ///
    /// # Errors
    /// Fails when it is missing or not whole.
    pub fn status(&self) -> Result<Value, TestError> {
        Ok(serde_json::from_slice(&std::fs::read(
            self.out.join("status.json"),
        )?)?)
    }

    /// Waits until the status of an object has `Synced` as `wanted`; returns the condition.
    ///
    /// # Errors
    /// Fails when time runs out.
    pub async fn synced(&self, name: &str, wanted: &str) -> Result<Value, TestError> {
        let condition = eventually(
            &format!("Synced={wanted} of {name}"),
            DEADLINE,
            async || {
                let status = self.status()?;
                let items = status["items"].as_array().cloned().unwrap_or_default();
                let item = items.into_iter().find(|item| item["name"] == name);
                let condition = item.map(|item| item["status"]["conditions"][0].clone());
                Ok(condition.filter(|it| it["type"] == "Synced" && it["status"] == wanted))
            },
            async || format!("{:?}", self.status()),
        )
        .await?;
        Ok(condition)
    }
}
