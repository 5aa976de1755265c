//! Talking to the controller, through the API server's service proxy.
//!
//! The controller listens inside the cluster only. Whoever may `get` its Service and the Service's
//! `proxy` can reach it with the kubeconfig alone.

use std::io;
use std::time::Duration;

use http::{Method, StatusCode};
use kube::Client;
use sealed_secrets_crds::SealedSecret;
use tokio::runtime::{Builder, Runtime};

use crate::api_server::{Answer, ApiServer, escaped};
use crate::args::Options;
use crate::connection::{self, ConnectionError};
use crate::env::Environment;
use crate::error::Explain;

/// A controller whose Service was found. All methods block.
pub struct Controller {
    runtime: Runtime,
    api_server: ApiServer,
    address: Address,
    /// Name of the Service's first port; may be empty.
    port: String,
}

/// Name and namespace of the controller's Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// Why the controller didn't give what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControllerError {
    /// The API server's address is unknown.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The Service has no name, or no namespace.
    #[error("{0} is empty")]
    NoAddress(&'static str),
    /// The client of the API server can't be set up: files, credentials or a proxy are wrong.
    #[error("cannot use the settings of the kubeconfig")]
    Settings(#[source] Box<kube::Error>),
    /// No thread or socket could be had.
    #[error("cannot start the network client")]
    Runtime(#[source] io::Error),
    /// The API server doesn't answer.
    #[error("cannot reach the API server {server}: {reason}")]
    Unreachable {
        /// Its URL.
        server: String,
        /// Why.
        reason: String,
    },
    /// The API server takes too long.
    #[error("the API server {server} did not answer within {}s", after.as_secs_f64())]
    Timeout {
        /// Its URL.
        server: String,
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke while the answer came in, or the answer has no end.
    #[error("cannot read the answer of the API server {server}: {reason}")]
    Answer {
        /// Its URL.
        server: String,
        /// Why.
        reason: String,
    },
    /// The controller's Service can't be had.
    #[error("cannot get Service {}/{} of the controller: {message}", address.namespace, address.name)]
    Service {
        /// The Service.
        address: Address,
        /// HTTP status of the answer.
        status: u16,
        /// What the API server says.
        message: String,
        /// Services that look like a controller's.
        known: Vec<Address>,
    },
    /// The Service of the controller leads nowhere.
    #[error("Service {}/{} has no ports", address.namespace, address.name)]
    NoPort {
        /// The Service.
        address: Address,
    },
    /// The controller, or the API server on the way, refuses.
    #[error("cannot {action}: {message}")]
    Refused {
        /// What was wanted.
        action: &'static str,
        /// The controller's Service.
        address: Address,
        /// HTTP status of the answer.
        status: u16,
        /// What it says.
        message: String,
    },
    /// The controller answers something else.
    #[error("cannot {action}: the controller's answer is not a SealedSecret")]
    Nonsense {
        /// What was wanted.
        action: &'static str,
    },
}

impl ControllerError {
    /// Whether the cluster, or the controller in it, just doesn't answer.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Answer { .. } => true,
            Self::Refused { status, .. } => (502..=504).contains(status),
            _ => false,
        }
    }
}

impl Controller {
    /// Finds the controller's Service.
    ///
    /// # Errors
    /// There is no cluster, it can't be reached, or the Service isn't there.
    pub fn find(options: &Options, environment: &Environment) -> Result<Self, ControllerError> {
        let address = Address {
            name: options.controller_name.clone(),
            namespace: options.controller_namespace.clone(),
        };
        if address.name.is_empty() {
            return Err(ControllerError::NoAddress("--controller-name"));
        }
        if address.namespace.is_empty() {
            return Err(ControllerError::NoAddress("--controller-namespace"));
        }
        let config = connection::config(&options.connection, environment)?;
        let timeout = connection::timeout(&options.connection.request_timeout)?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ControllerError::Runtime)?;
        let api_server = {
            // The client starts tasks as it is made.
            let _guard = runtime.enter();
            let url = config.cluster_url.to_string();
            let client = Client::try_from(config)
                .map_err(|error| ControllerError::Settings(Box::new(error)))?;
            ApiServer {
                client,
                url,
                timeout,
            }
        };
        let found = runtime.block_on(api_server.find(address, options.controller_is_named))?;
        let (service, address) = found;
        let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
        let Some(port) = ports.into_iter().next() else {
            return Err(ControllerError::NoPort { address });
        };
        Ok(Self {
            runtime,
            api_server,
            address,
            port: port.name.unwrap_or_default(),
        })
    }

    /// The certificate to seal with, as the controller sends it.
    ///
    /// # Errors
    /// The controller doesn't answer, or refuses.
    pub fn certificate(&self) -> Result<Vec<u8>, ControllerError> {
        const ACTION: &str = "fetch the certificate from the controller";
        let answer = self.ask(
            Method::GET,
            "/v1/cert.pem",
            "application/x-pem-file, */*",
            None,
        )?;
        self.expect_success(ACTION, answer)
            .map(|answer| answer.body)
    }

    /// Whether the controller can unseal `sealed`.
    ///
    /// # Errors
    /// The controller doesn't answer, or has no opinion.
    pub fn can_unseal(&self, sealed: &SealedSecret) -> Result<bool, ControllerError> {
        let answer = self.ask(
            Method::POST,
            "/v1/verify",
            "application/json, */*",
            Some(sealed),
        )?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(false);
        }
        self.expect_success("validate", answer).map(|_| true)
    }

    /// `sealed`, sealed again with the controller's newest key; `None` if it can't unseal it.
    ///
    /// # Errors
    /// The controller doesn't answer, refuses, or answers something else.
    pub fn re_encrypt(
        &self,
        sealed: &SealedSecret,
    ) -> Result<Option<SealedSecret>, ControllerError> {
        const ACTION: &str = "re-encrypt";
        let answer = self.ask(
            Method::POST,
            "/v1/rotate",
            "application/json, */*",
            Some(sealed),
        )?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(None);
        }
        let answer = self.expect_success(ACTION, answer)?;
        serde_json::from_slice(&answer.body)
            .map(Some)
            .map_err(|_| ControllerError::Nonsense { action: ACTION })
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        accept: &'static str,
        body: Option<&SealedSecret>,
    ) -> Result<Answer, ControllerError> {
        let path = format!(
            "/api/v1/namespaces/{}/services/http:{}:{}/proxy{path}",
            escaped(&self.address.namespace),
            escaped(&self.address.name),
            escaped(&self.port),
        );
        let body = body.map(|sealed| {
            serde_json::to_vec(sealed).expect("a SealedSecret was read from JSON or YAML")
        });
        self.runtime
            .block_on(self.api_server.ask(method, &path, accept, body))
    }

    fn expect_success(
        &self,
        action: &'static str,
        answer: Answer,
    ) -> Result<Answer, ControllerError> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(ControllerError::Refused {
            action,
            address: self.address.clone(),
            status: answer.status.as_u16(),
            message: answer.message(),
        })
    }
}

impl Explain for ControllerError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Connection(error) => error.hint(),
            Self::Unreachable { .. } | Self::Timeout { .. } => Some(
                "with a certificate at hand, --cert FILE seals without any cluster; kubeseal --fetch-cert gets one"
                    .to_owned(),
            ),
            Self::Service { status: 404, known, .. } if !known.is_empty() => {
                let known: Vec<String> = known
                    .iter()
                    .map(|one| format!("--controller-namespace {} --controller-name {}", one.namespace, one.name))
                    .collect();
                Some(format!("there is: {}", known.join(", or ")))
            }
            Self::Service { status: 404, .. } | Self::NoPort { .. } => Some(
                "name the controller's Service with --controller-name and --controller-namespace".to_owned(),
            ),
            Self::Service { status: 401, .. } | Self::Refused { status: 401, .. } => {
                Some("check the credentials of the kubeconfig's user".to_owned())
            }
            Self::Service { status: 403, address, .. } | Self::Refused { status: 403, address, .. } => Some(format!(
                "the user needs get on services and on services/proxy in namespace {}, create on the latter for \
                 --validate and --re-encrypt",
                address.namespace
            )),
            Self::Refused { status: 502..=504, address, .. } => Some(format!(
                "see whether the controller runs: kubectl get pods -n {}",
                address.namespace
            )),
            _ => None,
        }
    }
}
