//! Running a process with the identity, and exactly the rights, of a service account.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, api::PostParams};

use crate::{
    control_plane::{self, ControlPlane, ControlPlaneError},
    kubeconfig::{self, Cluster, KubeconfigError, User},
    process::Program,
};

/// Where every in-cluster client looks; client-go has it compiled in.
const MOUNT_POINT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Run in a mount namespace: `$1` appears at [`MOUNT_POINT`], then the rest is executed. An empty
/// file system over `/var/run` makes the folder possible for a user who can't write there.
const MOUNT_AND_EXECUTE: &str = r#"
set -e
mount -t tmpfs -o mode=755 tmpfs /var/run
mkdir -p /var/run/secrets/kubernetes.io/serviceaccount
mount --bind "$1" /var/run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"
"#;

/// A service account, with files to act as it.
#[derive(Clone, Debug)]
pub struct Identity {
    namespace: String,
    name: String,
    /// `token`, `ca.crt` and `namespace`, as in a Pod.
    folder: PathBuf,
    kubeconfig: PathBuf,
    host: String,
    port: u16,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The API server gives no token.
    #[error("no token for service account {account}")]
    Token {
        /// `namespace/name`.
        account: String,
        /// Why.
        source: Box<kube::Error>,
    },
    /// The API server answers without a token.
    #[error("the API server made an empty token for service account {account}")]
    NoToken {
        /// `namespace/name`.
        account: String,
    },
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The kubeconfig cannot be written.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// There's no client.
    #[error(transparent)]
    Client(#[from] ControlPlaneError),
}

impl Identity {
    /// Asks for a token of an existing service account, valid for an hour.
    ///
    /// # Errors
    /// Fails when there's no such account.
    pub async fn of(
        control_plane: &ControlPlane,
        namespace: &str,
        name: &str,
    ) -> Result<Self, IdentityError> {
        let account = format!("{namespace}/{name}");
        let token = token(control_plane, namespace, name, &account).await?;

        let folder = control_plane
            .folder()
            .join("identities")
            .join(namespace)
            .join(name);
        let file = |name: &str| folder.join(name);
        fs::create_dir_all(&folder).map_err(|source| IdentityError::Write {
            path: folder.clone(),
            source,
        })?;
        write(&file("token"), &token)?;
        write(&file("namespace"), namespace)?;
        let ca = file("ca.crt");
        fs::copy(control_plane.ca(), &ca).map_err(|source| IdentityError::Write {
            path: ca.clone(),
            source,
        })?;

        let kubeconfig = file("kubeconfig");
        let cluster = Cluster {
            server: &control_plane.url(),
            ca: &ca,
        };
        kubeconfig::write(
            &kubeconfig,
            &cluster,
            &User::TokenFile(&file("token")),
            namespace,
        )?;
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            kubeconfig,
            host: control_plane.address().to_string(),
            port: control_plane.port(),
            folder,
        })
    }

    /// A kubeconfig for it.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client with its rights.
    ///
    /// # Errors
    /// Fails when the kubeconfig makes no client.
    pub async fn client(&self) -> Result<Client, IdentityError> {
        Ok(control_plane::client(&self.kubeconfig).await?)
    }

    /// The same program, as if in a Pod of this service account: it finds the API server in the
    /// environment, and token, `ca.crt` and namespace where Kubernetes mounts them.
    ///
    /// It sees an empty `/var/run` (and `/run`, usually the same) besides.
    #[must_use]
    pub fn in_pod(&self, program: Program) -> Program {
        program
            .through(
                "sh",
                [
                    "-c".as_ref(),
                    MOUNT_AND_EXECUTE.as_ref(),
                    "sh".as_ref(),
                    self.folder.as_os_str(),
                ],
            )
            .through("unshare", ["--mount", "--propagation", "private", "--"])
            .env("KUBERNETES_SERVICE_HOST", &self.host)
            .env("KUBERNETES_SERVICE_PORT", self.port.to_string())
            .env("POD_NAMESPACE", &self.namespace)
            .env_remove("KUBECONFIG")
    }

    /// The same identity, with the API server behind another port of its address: see
    /// [`crate::proxy`].
    #[must_use]
    pub fn through_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Gets a new token for it, as the kubelet does before one expires, and puts it where programs
    /// in its Pod find it.
    ///
    /// # Errors
    /// Fails when there's no such account any more.
    pub async fn renew_token(&self, control_plane: &ControlPlane) -> Result<(), IdentityError> {
        let account = format!("{}/{}", self.namespace, self.name);
        let token = token(control_plane, &self.namespace, &self.name, &account).await?;
        write(&self.token_file(), &token)
    }

    /// The file that holds its token: in Pods, at `/var/run/secrets/kubernetes.io/serviceaccount`.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.folder.join("token")
    }

    /// Where [`Self::in_pod`] shows its files.
    #[must_use]
    pub fn mount_point() -> &'static Path {
        Path::new(MOUNT_POINT)
    }
}

async fn token(
    control_plane: &ControlPlane,
    namespace: &str,
    name: &str,
    account: &str,
) -> Result<String, IdentityError> {
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            expiration_seconds: Some(3600),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let accounts = Api::<ServiceAccount>::namespaced(control_plane.client(), namespace);
    let answer = accounts
        .create_token_request(name, &PostParams::default(), &request)
        .await;
    let answer = answer.map_err(|source| IdentityError::Token {
        account: account.to_owned(),
        source: Box::new(source),
    })?;
    let token = answer
        .status
        .and_then(|status| status.token)
        .filter(|token| !token.is_empty());
    token.ok_or_else(|| IdentityError::NoToken {
        account: account.to_owned(),
    })
}

fn write(path: &Path, content: &str) -> Result<(), IdentityError> {
    fs::write(path, content).map_err(|source| IdentityError::Write {
        path: path.to_owned(),
        source,
    })
}
