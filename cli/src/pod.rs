//! The pod that kubeseal may run in.

use std::path::Path;

use crate::env::Environment;

const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A pod with a service account.
#[derive(Clone, Copy, Debug)]
pub struct Pod;

impl Pod {
    /// The pod around this process: Kubernetes sets the variables and mounts the token.
    pub fn around(environment: &Environment) -> Option<Self> {
        ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"]
            .iter()
            .all(|name| environment.nonempty(name).is_some())
            .then(|| Path::new(ACCOUNT).join("token"))
            .filter(|token| token.is_file())
            .map(|_| Self)
    }

    /// Its namespace: `POD_NAMESPACE`, else that of the service account, else `default`.
    pub fn namespace(self, environment: &Environment) -> String {
        let of_account = || {
            let text = std::fs::read_to_string(Path::new(ACCOUNT).join("namespace")).ok()?;
            Some(text.trim().to_owned()).filter(|namespace| !namespace.is_empty())
        };
        environment
            .first_text(&["POD_NAMESPACE"])
            .map(str::to_owned)
            .or_else(of_account)
            .unwrap_or_else(|| "default".to_owned())
    }
}
