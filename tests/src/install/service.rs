//! Leading a Service to a process of the test.
//!
//! The API server proxies only to addresses that an Endpoints object lists for a running Pod. The
//! scheduler, the node and the endpoints controller that would bring this about don't run here, so
//! their part is done by hand.

use std::net::Ipv4Addr;

use k8s_openapi::{
    api::core::v1::{EndpointPort, Endpoints, Pod, Service, ServicePort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;

const MANAGER: &str = "sealed-secrets-tests";

/// The port of the controller's Service.
const USUAL_PORT: i32 = 8080;

/// A Service that leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("cannot lead service {service} to {address}: its {step} fails")]
#[non_exhaustive]
pub struct ServiceError {
    /// `namespace/name`.
    pub service: String,
    /// Where to.
    pub address: Ipv4Addr,
    step: &'static str,
    source: Box<kube::Error>,
}

/// Makes a Service reach whatever listens on `address`, which has to be one of this control plane's
/// namespace (see [`crate::netns`]), never a loopback one.
///
/// An existing Service keeps its ports: each leads to its numeric target port, or to its own number
/// where the target is a name. A missing one is made with the port `http`, 8080. Calling this again
/// moves the Service to another address.
///
/// # Errors
/// Fails when the API server refuses a part of it.
pub async fn route(
    control_plane: &ControlPlane,
    namespace: &str,
    name: &str,
    address: Ipv4Addr,
) -> Result<(), ServiceError> {
    let failed = |step: &'static str| {
        move |source| ServiceError {
            service: format!("{namespace}/{name}"),
            address,
            step,
            source: Box::new(source),
        }
    };
    let client = control_plane.client();
    let services = Api::<Service>::namespaced(client.clone(), namespace);
    let service = match services.get_opt(name).await.map_err(failed("Service"))? {
        Some(service) => service,
        None => apply(&services, name, &usual_service(name))
            .await
            .map_err(failed("Service"))?,
    };

    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let pod_name = format!("{name}-at-{}", address.to_string().replace('.', "-"));
    let pod = apply(&pods, &pod_name, &unscheduled_pod(&pod_name))
        .await
        .map_err(failed("Pod"))?;
    pods.patch_status(
        &pod_name,
        &PatchParams::default(),
        &Patch::Merge(running_at(address)),
    )
    .await
    .map_err(failed("Pod status"))?;

    let endpoints = Api::<Endpoints>::namespaced(client, namespace);
    apply(
        &endpoints,
        name,
        &endpoints_of(name, &service, &pod, address),
    )
    .await
    .map_err(failed("Endpoints"))?;
    Ok(())
}

async fn apply<K>(api: &Api<K>, name: &str, object: &Value) -> Result<K, kube::Error>
where
    K: Resource + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    api.patch(
        name,
        &PatchParams::apply(MANAGER).force(),
        &Patch::Apply(object),
    )
    .await
}

fn usual_service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name },
        "spec": { "ports": [{ "name": "http", "port": USUAL_PORT, "targetPort": USUAL_PORT }] },
    })
}

fn unscheduled_pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name },
        "spec": { "containers": [{ "name": "process", "image": "none.invalid/process-of-the-test" }] },
    })
}

fn running_at(address: Ipv4Addr) -> Value {
    json!({ "status": {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{ "ip": address }],
        "conditions": [{ "type": "Ready", "status": "True" }],
    }})
}

fn endpoints_of(name: &str, service: &Service, pod: &Pod, address: Ipv4Addr) -> Value {
    let ports = service
        .spec
        .iter()
        .flat_map(|spec| spec.ports.iter().flatten());
    let ports: Vec<EndpointPort> = ports.map(endpoint_port).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": { "name": name },
        "subsets": [{
            "addresses": [{
                "ip": address,
                "targetRef": {
                    "kind": "Pod",
                    "namespace": pod.metadata.namespace,
                    "name": pod.metadata.name,
                    "uid": pod.metadata.uid,
                },
            }],
            "ports": ports,
        }],
    })
}

fn endpoint_port(port: &ServicePort) -> EndpointPort {
    let number = match port.target_port {
        Some(IntOrString::Int(number)) => number,
        Some(IntOrString::String(_)) | None => port.port,
    };
    EndpointPort {
        name: port.name.clone(),
        port: number,
        ..EndpointPort::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_leads_to_its_numeric_target_or_else_to_its_own_number() {
        let port = |target| ServicePort {
            name: Some("http".into()),
            port: 80,
            target_port: target,
            ..ServicePort::default()
        };
        let number = |target| endpoint_port(&port(target)).port;
        assert_eq!(number(Some(IntOrString::Int(8080))), 8080);
        assert_eq!(number(Some(IntOrString::String("http".into()))), 80);
        assert_eq!(number(None), 80);
    }
}
