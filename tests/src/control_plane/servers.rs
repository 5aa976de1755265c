//! How the servers are started: their programs and arguments.

use std::{fmt, net::Ipv4Addr, path::Path};

use crate::{assets::Assets, certificates::Certificates, process::Program};

pub(super) const API_SERVER_PORT: u16 = 6443;

/// Controllers that a control plane without nodes has a use for.
const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,\
                           serviceaccount-controller,serviceaccount-token-controller";

/// What is to be recorded, and where.
pub(super) struct Audit<'a> {
    pub(super) policy: &'a Path,
    pub(super) log: &'a Path,
}

pub(super) fn etcd(assets: &Assets, address: Ipv4Addr, data: &Path) -> Program {
    let clients = format!("http://{address}:2379");
    let peers = format!("http://{address}:2380");
    Program::new(&assets.etcd)
        .arg(flag("data-dir", data.display()))
        .arg(flag("listen-client-urls", &clients))
        .arg(flag("advertise-client-urls", &clients))
        .arg(flag("listen-peer-urls", &peers))
        .arg(flag("initial-advertise-peer-urls", &peers))
        .arg(flag("initial-cluster", format_args!("default={peers}")))
        // The data is thrown away with the test; waiting for the disk would be most of the time.
        .args(["--unsafe-no-fsync", "--log-level=warn"])
}

pub(super) fn api_server(
    assets: &Assets,
    address: Ipv4Addr,
    files: &Certificates,
    audit: Option<&Audit<'_>>,
) -> Program {
    let token_key = &files.service_account_key;
    let token_public_key = &files.service_account_public_key;
    let program = Program::new(&assets.kube_apiserver)
        .arg(flag("etcd-servers", format_args!("http://{address}:2379")))
        .arg(flag("bind-address", address))
        .arg(flag("advertise-address", address))
        .arg(flag("secure-port", API_SERVER_PORT))
        .arg(flag("tls-cert-file", files.server.certificate.display()))
        .arg(flag("tls-private-key-file", files.server.key.display()))
        .arg(flag("client-ca-file", files.ca.display()))
        .arg(flag(
            "service-account-signing-key-file",
            token_key.display(),
        ))
        .arg(flag("service-account-key-file", token_public_key.display()))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg("--service-cluster-ip-range=10.96.0.0/16")
        .arg("--authorization-mode=RBAC")
        // It would refuse Pods until their namespace has a service account; ours only exist to
        // have an address.
        .arg("--disable-admission-plugins=ServiceAccount");
    match audit {
        Some(audit) => program
            .arg(flag("audit-policy-file", audit.policy.display()))
            .arg(flag("audit-log-path", audit.log.display())),
        None => program,
    }
}

/// `None` where the user's programs have no controllers.
pub(super) fn controller_manager(
    assets: &Assets,
    kubeconfig: &Path,
    files: &Certificates,
) -> Option<Program> {
    let token_key = &files.service_account_key;
    let program = Program::new(assets.kube_controller_manager.as_ref()?)
        .arg(flag("controllers", CONTROLLERS))
        .arg(flag("kubeconfig", kubeconfig.display()))
        .arg(flag("root-ca-file", files.ca.display()))
        .arg(flag(
            "service-account-private-key-file",
            token_key.display(),
        ))
        // Nobody asks it anything, and there is only one.
        .args(["--secure-port=0", "--leader-elect=false"])
        // The usual 20 requests a second make cleaning up the slowest part of a test.
        .args(["--kube-api-qps=200", "--kube-api-burst=400"]);
    Some(program)
}

fn flag(name: &str, value: impl fmt::Display) -> String {
    format!("--{name}={value}")
}
