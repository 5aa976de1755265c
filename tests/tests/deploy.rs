//! Claims about the manifests in `deploy/`.

use std::path::Path;
use std::process::ExitCode;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Container, Namespace, Pod, PodTemplateSpec, Secret};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams};
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::control_plane::ControlPlane;
use sealed_secrets_tests::http::{get, serves};
use sealed_secrets_tests::install::{self, Identity};
use sealed_secrets_tests::installation::{Installation, NAME, NAMESPACE, deploy};
use sealed_secrets_tests::sealed::{self, secret_manifest};
use sealed_secrets_tests::{TestError, TestResult, claim, cluster_claim, runner};
use serde_json::{Value, json};

fn main() -> ExitCode {
    runner::run([
        claim!(every_manifest_is_accepted, ControlPlane),
        claim!(pods_keep_to_the_restricted_standard, ControlPlane),
        claim!(probes_ask_for_what_is_served, ControlPlane, Controller),
        claim!(both_installs_run_the_same_pod, ControlPlane),
        claim!(replicas_keep_apart_and_leave_one_at_a_time, ControlPlane),
        cluster_claim!(namespaced_install_unseals_in_its_namespace_only),
        cluster_claim!(ordinary_users_reach_the_http_api_and_nothing_else),
    ])
}

/// Namespace of `deploy/namespaced/`.
const NAMESPACED: &str = "sealed-secrets";

/// The Prometheus operator's types, as far as the API server has to know them.
fn operator_type(kind: &str, plural: &str) -> String {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.monitoring.coreos.com") },
        "spec": {
            "group": "monitoring.coreos.com", "scope": "Namespaced",
            "names": { "kind": kind, "plural": plural },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
            }}],
        },
    })
    .to_string()
}

async fn make_namespace(control_plane: &ControlPlane, name: &str, level: &str) -> TestResult {
    let namespace = json!({ "metadata": { "name": name, "labels": {
        "pod-security.kubernetes.io/enforce": level,
    }}});
    let namespaces: Api<Namespace> = Api::all(control_plane.client());
    namespaces
        .create(&PostParams::default(), &serde_json::from_value(namespace)?)
        .await?;
    Ok(())
}

/// Installs `deploy/` or `deploy/namespaced/`; returns the Deployment.
async fn installed(
    control_plane: &ControlPlane,
    folder: &str,
    namespace: &str,
) -> Result<Deployment, TestError> {
    install::apply(control_plane, &deploy("crd.yaml")).await?;
    for file in ["rbac.yaml", "controller.yaml"] {
        install::apply(control_plane, &deploy(&format!("{folder}{file}"))).await?;
    }
    let deployments: Api<Deployment> = Api::namespaced(control_plane.client(), namespace);
    Ok(deployments.get(NAME).await?)
}

fn template(deployment: Deployment) -> Result<PodTemplateSpec, TestError> {
    Ok(deployment.spec.ok_or("no spec")?.template)
}

fn container(deployment: Deployment) -> Result<Container, TestError> {
    let pod = template(deployment)?.spec.ok_or("no Pod")?;
    Ok(pod.containers.into_iter().next().ok_or("no container")?)
}

async fn every_manifest_is_accepted(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    make_namespace(&control_plane, NAMESPACED, "restricted").await?;
    for (kind, plural) in [
        ("ServiceMonitor", "servicemonitors"),
        ("PrometheusRule", "prometheusrules"),
    ] {
        install::apply_text(&control_plane, &operator_type(kind, plural)).await?;
    }
    let mut applied = 0;
    for folder in [deploy(""), deploy("namespaced")] {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "yaml") {
                apply_strictly(&control_plane, &path).await?;
                applied += 1;
            }
        }
    }
    assert!(applied >= 8, "{applied}");
    Ok(())
}

/// Unknown fields are misspelt ones.
async fn apply_strictly(control_plane: &ControlPlane, manifest: &Path) -> TestResult {
    let kubectl =
        control_plane
            .kubectl()
            .args(["apply", "--server-side", "--validate=strict", "-f"]);
    kubectl.arg(manifest).output().await?;
    Ok(())
}

async fn pods_keep_to_the_restricted_standard(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    make_namespace(&control_plane, NAMESPACED, "restricted").await?;
    let pods: Api<Pod> = Api::namespaced(control_plane.client(), NAMESPACED);
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    for (folder, namespace) in [("", NAMESPACE), ("namespaced/", NAMESPACED)] {
        let template = template(installed(&control_plane, folder, namespace).await?)?;
        let mut pod = Pod {
            metadata: ObjectMeta {
                name: Some("controller".to_owned()),
                ..template.metadata.unwrap_or_default()
            },
            spec: template.spec,
            status: None,
        };
        pods.create(&dry_run, &pod).await?;
        let container = pod
            .spec
            .as_mut()
            .and_then(|spec| spec.containers.first_mut());
        let container = container.ok_or("no container")?;
        let security = container.security_context.as_mut().ok_or("no context")?;
        assert_eq!(security.read_only_root_filesystem, Some(true));
        // The API server does look.
        security.allow_privilege_escalation = Some(true);
        let refused = pods.create(&dry_run, &pod).await;
        let message = refused.err().map(|error| error.to_string());
        let message = message.ok_or("a Pod that may gain privileges was accepted")?;
        assert!(message.contains("restricted"), "{message}");
    }
    Ok(())
}

async fn probes_ask_for_what_is_served(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let mut controller = installation.start(&context, "controller", &[]).await?;
    let deployments: Api<Deployment> = Api::namespaced(control_plane.client(), NAMESPACE);
    let container = container(deployments.get(NAME).await?)?;
    let ports = container.ports.unwrap_or_default();
    let number = |name: &str| {
        let port = ports.iter().find(|port| port.name.as_deref() == Some(name));
        port.map(|port| port.container_port)
    };
    assert_eq!(
        (number("http"), number("metrics")),
        (Some(8080), Some(8081))
    );
    for (probe, path) in [
        (container.liveness_probe, "/healthz"),
        (container.readiness_probe, "/readyz"),
    ] {
        let asked = probe.and_then(|probe| probe.http_get).ok_or("no probe")?;
        assert_eq!(asked.path.as_deref(), Some(path));
        assert_eq!(serde_json::to_value(&asked.port)?, json!("http"));
        let body = serves(&installation.http(), path, &mut controller).await?;
        assert_eq!(body, "ok\n");
    }
    Ok(())
}

async fn both_installs_run_the_same_pod(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    make_namespace(&control_plane, NAMESPACED, "restricted").await?;
    let of_cluster = template(installed(&control_plane, "", NAMESPACE).await?)?;
    let namespaced = template(installed(&control_plane, "namespaced/", NAMESPACED).await?)?;
    let of_cluster = serde_json::to_value(of_cluster)?;
    let mut namespaced = serde_json::to_value(namespaced)?;
    let container = namespaced.pointer_mut("/spec/containers/0");
    let container = container.and_then(Value::as_object_mut);
    let arguments = container.ok_or("no container")?.remove("args");
    assert_eq!(arguments, Some(json!(["--all-namespaces=false"])));
    assert_eq!(of_cluster, namespaced);
    Ok(())
}

async fn replicas_keep_apart_and_leave_one_at_a_time(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    make_namespace(&control_plane, NAMESPACED, "restricted").await?;
    for (folder, namespace) in [("", NAMESPACE), ("namespaced/", NAMESPACED)] {
        let deployment = installed(&control_plane, folder, namespace).await?;
        let deployment = serde_json::to_value(deployment)?;
        let at = |pointer: &str| deployment.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/spec/replicas"), 2);
        assert_eq!(at("/spec/strategy/rollingUpdate/maxUnavailable"), 0);
        let labels = at("/spec/template/metadata/labels");
        let apart = at("/spec/template/spec/affinity/podAntiAffinity");
        assert!(apart["requiredDuringSchedulingIgnoredDuringExecution"].is_null());
        for term in apart["preferredDuringSchedulingIgnoredDuringExecution"]
            .as_array()
            .ok_or("nothing is preferred")?
        {
            let selected = &term["podAffinityTerm"]["labelSelector"]["matchLabels"];
            assert_eq!(*selected, labels);
        }
        // The name of each Pod, by which it leads.
        let variables = at("/spec/template/spec/containers/0/env");
        let variables = variables.as_array().ok_or("no variables")?;
        let name = variables.iter().find(|it| it["name"] == "POD_NAME");
        let source = name.ok_or("no POD_NAME")?["valueFrom"]["fieldRef"]["fieldPath"].clone();
        assert_eq!(source, "metadata.name");

        let budgets: Api<PodDisruptionBudget> = Api::namespaced(control_plane.client(), namespace);
        let budget = serde_json::to_value(budgets.get(NAME).await?)?;
        assert_eq!(budget["spec"]["maxUnavailable"], 1);
        assert_eq!(budget["spec"]["selector"]["matchLabels"], labels);
    }
    Ok(())
}

async fn namespaced_install_unseals_in_its_namespace_only(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    // The stand-in for the controller's Pod has no place in a restricted namespace.
    make_namespace(&control_plane, NAMESPACED, "privileged").await?;
    let deployment = installed(&control_plane, "namespaced/", NAMESPACED).await?;
    let arguments = container(deployment)?.args.unwrap_or_default();
    let identity = Identity::of(&control_plane, NAMESPACED, NAME).await?;
    let address = control_plane.address();
    install::route(&control_plane, NAMESPACED, NAME, address).await?;
    let http = format!("{address}:8080");
    let program = context
        .controller()?
        .args(["--key-size=2048", "--listen-addr", &http])
        .args(["--listen-metrics-addr", &format!("{address}:8081")])
        .args(arguments);
    let mut controller = identity
        .in_pod(program)
        .start("controller", context.folder())?;
    serves(&http, "/readyz", &mut controller).await?;

    let elsewhere = new_namespace(&control_plane.client()).await?;
    let kubeseal = context
        .kubeseal()?
        .env("KUBECONFIG", control_plane.kubeconfig())
        .args(["--controller-namespace", NAMESPACED]);
    for namespace in [elsewhere.as_str(), NAMESPACED] {
        let manifest = secret_manifest(namespace, "db", &[("password", "opensesame")]);
        let text = kubeseal.clone().input(manifest).output().await?;
        install::apply_text(&control_plane, &text).await?;
    }
    let value = sealed::secret_item(&control_plane, NAMESPACED, "db", "password").await?;
    assert_eq!(value, "opensesame");
    sealed::event(&control_plane, NAMESPACED, "db", "Unsealed").await?;
    let others: Api<Secret> = Api::namespaced(control_plane.client(), &elsewhere);
    assert!(others.get_opt("db").await?.is_none());
    // It leads, and has no right to the Leases of others.
    let leases: Api<Lease> = Api::namespaced(identity.client().await?, NAMESPACED);
    let lease = leases.get(NAME).await?;
    assert!(lease.spec.and_then(|spec| spec.holder_identity).is_some());
    let refused = leases.get("of-somebody-else").await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 403));
    // Its rights end at the namespace, too.
    let own: Api<Secret> = Api::namespaced(identity.client().await?, &elsewhere);
    let refused = own.list(&ListParams::default()).await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 403));
    Ok(())
}

async fn ordinary_users_reach_the_http_api_and_nothing_else(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let _controller = installation.start(&context, "controller", &[]).await?;
    let namespace = new_namespace(&control_plane.client()).await?;
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "somebody", "namespace": namespace } });
    install::apply_text(&control_plane, &account.to_string()).await?;
    let user = Identity::of(&control_plane, &namespace, "somebody").await?;
    let manifest = secret_manifest(&namespace, "db", &[("password", "x")]);
    let kubeseal = context.kubeseal()?.env("KUBECONFIG", user.kubeconfig());
    let sealed = kubeseal.clone().input(manifest).output().await?;
    for flag in ["--validate", "--re-encrypt"] {
        let program = kubeseal.clone().arg(flag).input(sealed.clone());
        program.output().await?;
    }
    let secrets: Api<Secret> = Api::namespaced(user.client().await?, NAMESPACE);
    let refused = secrets.list(&ListParams::default()).await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 403));
    // The metrics name SealedSecrets of all namespaces: they are not for everybody.
    let path =
        format!("/api/v1/namespaces/{NAMESPACE}/services/{NAME}-metrics:metrics/proxy/metrics");
    let asked = user
        .client()
        .await?
        .request_text(http::Request::get(path).body(Vec::new())?)
        .await;
    assert!(matches!(asked, Err(kube::Error::Api(status)) if status.code == 403));
    assert_eq!(get(&installation.metrics(), "/metrics").await?.code, 200);
    Ok(())
}
