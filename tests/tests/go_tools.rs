//! Claims about the Go tools as the harness runs them: what ours are compared with has to work.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use sealed_secrets_tests::{
    TestResult, claim,
    context::{Context, new_namespace},
    eventually::{DEADLINE, eventually},
    go_tools::SEALED_SECRETS_VERSION,
    install::{self, Identity},
    runner,
};

fn main() -> ExitCode {
    runner::run([
        claim!(tools_call_themselves_by_the_pinned_version, GoTools),
        claim!(
            tools_seal_and_unseal_through_the_service_proxy,
            GoTools,
            ControlPlane
        ),
    ])
}

async fn tools_call_themselves_by_the_pinned_version(context: Context) -> TestResult {
    let kubeseal = context.go_kubeseal()?.arg("--version").output().await?;
    assert_eq!(
        kubeseal.trim(),
        format!("kubeseal version: {SEALED_SECRETS_VERSION}")
    );
    let controller = context.go_controller()?.arg("--version").output().await?;
    assert_eq!(
        controller.trim(),
        format!("controller version: {SEALED_SECRETS_VERSION}")
    );
    Ok(())
}

async fn tools_seal_and_unseal_through_the_service_proxy(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let client = control_plane.client();
    install::apply_text(&control_plane, MANIFEST).await?;
    let identity = Identity::of(&control_plane, "keepers", "sealed-secrets-controller").await?;

    let address = control_plane.address();
    let controller = context
        .go_controller()?
        .args([
            "--key-size=2048",
            "--listen-addr",
            &format!("{address}:8080"),
        ])
        .args(["--listen-metrics-addr", &format!("{address}:8081")]);
    let mut controller = identity
        .in_pod(controller)
        .start("go-controller", context.folder())?;
    install::route(
        &control_plane,
        "keepers",
        "sealed-secrets-controller",
        address,
    )
    .await?;

    let namespace = new_namespace(&client).await?;
    let secret = format!(
        r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"login","namespace":"{namespace}"}},
            "stringData":{{"password":"opensesame"}}}}"#
    );
    let kubeseal = context
        .go_kubeseal()?
        .arg("--controller-namespace=keepers")
        .env("KUBECONFIG", control_plane.kubeconfig())
        .input(secret);
    let sealed = eventually(
        "sealing with the certificate of the controller",
        DEADLINE,
        async || {
            controller.still_running("gave out its certificate")?;
            Ok(Some(kubeseal.clone().output().await?))
        },
        async || "the controller runs".to_owned(),
    )
    .await?;
    assert!(!sealed.contains("opensesame"), "{sealed}");
    install::apply_text(&control_plane, &sealed).await?;

    let secrets = Api::<Secret>::namespaced(client, &namespace);
    let unsealed = eventually(
        "the unsealed secret",
        DEADLINE,
        async || {
            controller.still_running("unsealed")?;
            Ok(secrets.get_opt("login").await?)
        },
        async || {
            let get = control_plane
                .kubectl()
                .args(["get", "sealedsecrets", "-Ao", "json"]);
            format!("{:?}", get.output().await)
        },
    )
    .await?;
    let password = unsealed.data.and_then(|mut data| data.remove("password"));
    assert_eq!(password.ok_or("no password")?.0, b"opensesame");
    Ok(())
}

const MANIFEST: &str = "
apiVersion: v1
kind: Namespace
metadata: { name: keepers }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: sealed-secrets-controller, namespace: keepers }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: unsealer }
rules:
- { apiGroups: [bitnami.com], resources: [sealedsecrets], verbs: [get, list, watch] }
- { apiGroups: [bitnami.com], resources: [sealedsecrets/status], verbs: [update] }
- { apiGroups: [''], resources: [secrets], verbs: [get, list, create, update, delete, watch] }
- { apiGroups: [''], resources: [events], verbs: [create, patch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: unsealer }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: unsealer }
subjects:
- { kind: ServiceAccount, name: sealed-secrets-controller, namespace: keepers }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: sealedsecrets.bitnami.com }
spec:
  group: bitnami.com
  scope: Namespaced
  names: { plural: sealedsecrets, singular: sealedsecret, kind: SealedSecret }
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: { status: {} }
    schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
";
