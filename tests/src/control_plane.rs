//! A Kubernetes control plane of real processes: etcd, the API server, and the controllers that
//! collect garbage, finish namespaces and make service accounts.

mod servers;

use std::{
    fmt, fs, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use kube::{Client, Config, config::KubeConfigOptions};
use serde_json::{Value, json};

use crate::{
    assets::Assets,
    certificates::{Certificates, CertificatesError, KeyFiles},
    eventually::{DEADLINE, NotInTime, eventually},
    kubeconfig::{self, Cluster, KubeconfigError, User},
    netns::{self, NetnsError},
    process::{Process, ProcessError, Program},
};
use servers::{API_SERVER_PORT, Audit};

/// What a control plane can do beyond the ordinary.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Record every request, for [`ControlPlane::audit_events`] and the search for plaintext.
    pub audit: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { audit: true }
    }
}

impl Options {
    /// Without [`Self::audit`], for measurements.
    #[must_use]
    pub fn unaudited(mut self) -> Self {
        self.audit = false;
        self
    }
}

/// A running control plane; its processes end when it is dropped.
pub struct ControlPlane {
    address: Ipv4Addr,
    folder: PathBuf,
    assets: Assets,
    certificates: Certificates,
    client: Client,
    kubeconfig: PathBuf,
    audit_log: Option<PathBuf>,
    // In this order they are dropped: those that ask before those that answer.
    controller_manager: Option<Process>,
    api_server: ApiServer,
    etcd_program: Program,
    etcd: Process,
}

struct ApiServer {
    program: Program,
    running: Option<Process>,
}

/// Why there is no control plane.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlPlaneError {
    /// There is no address for it.
    #[error("no address for the control plane")]
    Address(#[from] NetnsError),
    /// Its certificates cannot be made.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// A kubeconfig cannot be written.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// A file of it cannot be used.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A server cannot be started or stopped.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A kubeconfig doesn't make a client.
    #[error("no client for {kubeconfig}")]
    ClientConfig {
        /// The file.
        kubeconfig: PathBuf,
        /// Why.
        source: Box<kube::config::KubeconfigError>,
    },
    /// A client cannot be made.
    #[error("no client for {kubeconfig}")]
    Client {
        /// The file.
        kubeconfig: PathBuf,
        /// Why.
        source: Box<kube::Error>,
    },
    /// The servers don't get ready.
    #[error(transparent)]
    NotReady(#[from] Box<NotInTime>),
    /// The audit log is no sequence of JSON objects.
    #[error("the audit log has a line that is no event: {line}")]
    Audit {
        /// The line.
        line: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Requests were not recorded.
    #[error("this control plane was started without an audit log")]
    NoAudit,
}

impl ControlPlane {
    /// Starts a control plane that keeps everything in `folder`, and waits until it is ready.
    ///
    /// # Errors
    /// Fails when a server doesn't start, or doesn't get ready in time.
    pub async fn start(
        assets: &Assets,
        folder: &Path,
        options: &Options,
    ) -> Result<Self, ControlPlaneError> {
        let address = netns::claim_address()?;
        fs::create_dir_all(folder).map_err(file(folder))?;
        let certificates = Certificates::make(address, folder)?;
        let kubeconfig = folder.join("admin.kubeconfig");
        let server = format!("https://{address}:{API_SERVER_PORT}");
        let cluster = Cluster {
            server: &server,
            ca: &certificates.ca,
        };
        kubeconfig::write(
            &kubeconfig,
            &cluster,
            &User::Certificate(&certificates.admin),
            "default",
        )?;

        let audit_log = options.audit.then(|| folder.join("audit.jsonl"));
        let policy = folder.join("audit-policy.json");
        if audit_log.is_some() {
            fs::write(&policy, audit_policy().to_string()).map_err(file(&policy))?;
        }
        let audit = audit_log.as_ref().map(|log| Audit {
            policy: &policy,
            log,
        });
        let program = servers::api_server(assets, address, &certificates, audit.as_ref());
        let etcd_program = servers::etcd(assets, address, &folder.join("etcd"));
        let etcd = etcd_program.start("etcd", folder)?;
        let mut plane = Self {
            address,
            folder: folder.to_owned(),
            assets: assets.clone(),
            client: client(&kubeconfig).await?,
            certificates,
            kubeconfig,
            audit_log,
            controller_manager: None,
            api_server: ApiServer {
                program,
                running: None,
            },
            etcd_program,
            etcd,
        };
        plane.start_api_server().await?;
        plane.start_controller_manager()?;
        plane.default_service_account().await?;
        Ok(plane)
    }

    /// The one address of this control plane and of everything that belongs to it. Any port but
    /// those of the servers (2379, 2380, 6443) is free.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The URL of the API server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}:{API_SERVER_PORT}", self.address)
    }

    /// The port of the API server.
    #[must_use]
    pub fn port(&self) -> u16 {
        API_SERVER_PORT
    }

    /// The certificate of the authority that signed the API server's.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.certificates.ca
    }

    /// The API server's certificate and key, for whoever answers in its place.
    #[must_use]
    pub fn server_certificate(&self) -> &KeyFiles {
        &self.certificates.server
    }

    /// The folder with its data and logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The kubeconfig of the administrator, who may do everything.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client of the administrator.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// `kubectl`, as the administrator.
    #[must_use]
    pub fn kubectl(&self) -> Program {
        self.kubectl_with(&self.kubeconfig)
    }

    /// `kubectl`, as whoever a kubeconfig describes.
    #[must_use]
    pub fn kubectl_with(&self, kubeconfig: &Path) -> Program {
        // By default it caches what a server offers by address, and another test has had this one.
        self.kubectl_without_config().env("KUBECONFIG", kubeconfig)
    }

    /// `kubectl` that has to find out by itself whom it talks to, as in a Pod.
    #[must_use]
    pub fn kubectl_without_config(&self) -> Program {
        Program::new(&self.assets.kubectl)
            .env("KUBECACHEDIR", self.folder.join("kubectl-cache"))
            .env("HOME", &self.folder)
            .env_remove("KUBECONFIG")
    }

    /// Whether dependents of a deleted object get deleted.
    #[must_use]
    pub fn collects_garbage(&self) -> bool {
        self.controller_manager.is_some()
    }

    /// Kills the API server: from now on every connection is refused, as in an outage.
    ///
    /// # Errors
    /// Fails when it can't be killed.
    pub async fn kill_api_server(&mut self) -> Result<(), ControlPlaneError> {
        if let Some(mut running) = self.api_server.running.take() {
            running.kill().await?;
        }
        Ok(())
    }

    /// Starts the API server, again after [`Self::kill_api_server`], and waits until it is ready.
    ///
    /// # Errors
    /// Fails when it doesn't start or doesn't get ready in time.
    pub async fn start_api_server(&mut self) -> Result<(), ControlPlaneError> {
        if self.api_server.running.is_none() {
            let process = self
                .api_server
                .program
                .start("kube-apiserver", &self.folder)?;
            self.api_server.running = Some(process);
        }
        let client = self.client.clone();
        let folder = &self.folder;
        let (etcd, running) = (&mut self.etcd, &mut self.api_server.running);
        let mut died = None;
        let ready = eventually(
            "readiness of the API server",
            DEADLINE * 2,
            async || {
                let alive = etcd
                    .still_running("let the API server get ready")
                    .and_then(|()| {
                        running
                            .as_mut()
                            .map_or(Ok(()), |process| process.still_running("got ready"))
                    });
                if let Err(error) = alive {
                    died = Some(error);
                    return Ok(Some(()));
                }
                let request = http::Request::get("/readyz").body(Vec::new())?;
                Ok((client.request_text(request).await? == "ok").then_some(()))
            },
            async || logs_in(folder),
        );
        ready.await.map_err(Box::new)?;
        match died {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Kills etcd, starts it again over the same data, and waits until the API server is ready.
    ///
    /// # Errors
    /// Fails when it doesn't start or the API server doesn't get ready in time.
    pub async fn restart_etcd(&mut self) -> Result<(), ControlPlaneError> {
        self.etcd.kill().await?;
        self.etcd = self.etcd_program.start("etcd", &self.folder)?;
        self.start_api_server().await
    }

    /// Every request the API server has answered, oldest first; what was written with its body, except
    /// for Secrets and tokens.
    /// An event is there soon after the client has its answer, not always before.
    ///
    /// # Errors
    /// Fails when requests are not recorded, or the record can't be read.
    pub fn audit_events(&self) -> Result<Vec<Value>, ControlPlaneError> {
        let path = self.audit_log.as_ref().ok_or(ControlPlaneError::NoAudit)?;
        let text = fs::read_to_string(path).map_err(file(path))?;
        // The server may be in the middle of the last line.
        let whole = text
            .rfind('\n')
            .map_or("", |end| text.get(..end).unwrap_or_default());
        let parse = |line: &str| {
            serde_json::from_str(line).map_err(|source| ControlPlaneError::Audit {
                line: line.to_owned(),
                source,
            })
        };
        whole.lines().map(parse).collect()
    }

    fn start_controller_manager(&mut self) -> Result<(), ControlPlaneError> {
        let program =
            servers::controller_manager(&self.assets, &self.kubeconfig, &self.certificates);
        if let Some(program) = program {
            let process = program.start("kube-controller-manager", &self.folder)?;
            self.controller_manager = Some(process);
        }
        Ok(())
    }

    /// Waits for the controllers' first visible work, so that tests find an ordinary cluster.
    async fn default_service_account(&mut self) -> Result<(), ControlPlaneError> {
        use k8s_openapi::api::core::v1::ServiceAccount;

        if self.controller_manager.is_none() {
            return Ok(());
        }
        let accounts = kube::Api::<ServiceAccount>::namespaced(self.client(), "default");
        let folder = &self.folder;
        let made = eventually(
            "the default service account",
            DEADLINE,
            async || Ok(accounts.get_opt("default").await?),
            async || logs_in(folder),
        );
        made.await.map_err(Box::new)?;
        Ok(())
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlPlane")
            .field("address", &self.address)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// A client for whoever a kubeconfig describes.
///
/// # Errors
/// Fails when the file makes no client.
pub async fn client(kubeconfig: &Path) -> Result<Client, ControlPlaneError> {
    let unreadable = |source| ControlPlaneError::ClientConfig {
        kubeconfig: kubeconfig.to_owned(),
        source: Box::new(source),
    };
    let parsed = kube::config::Kubeconfig::read_from(kubeconfig).map_err(unreadable)?;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(parsed, &options)
        .await
        .map_err(unreadable)?;
    Client::try_from(config).map_err(|source| ControlPlaneError::Client {
        kubeconfig: kubeconfig.to_owned(),
        source: Box::new(source),
    })
}

/// The state of servers that don't get ready. The runner prints the logs of a failed test.
fn logs_in(folder: &Path) -> String {
    format!("see the logs in {}", folder.display())
}

fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [
            { "level": "Metadata", "resources": [
                { "group": "", "resources": ["secrets", "serviceaccounts/token"] },
                { "group": "authentication.k8s.io" },
            ] },
            { "level": "Request", "verbs": ["create", "update", "patch"] },
            { "level": "Metadata" },
        ],
    })
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> ControlPlaneError {
    let path = path.to_owned();
    move |source| ControlPlaneError::File { path, source }
}
