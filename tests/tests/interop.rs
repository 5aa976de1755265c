//! Claims about living with the Go tools: whoever seals, whoever made the key, the other unseals.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ListParams;
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::control_plane::ControlPlane;
use sealed_secrets_tests::eventually::DEADLINE;
use sealed_secrets_tests::http;
use sealed_secrets_tests::install;
use sealed_secrets_tests::installation::{Installation, NAMESPACE};
use sealed_secrets_tests::process::Program;
use sealed_secrets_tests::sealed::{secret_item, secret_manifest};
use sealed_secrets_tests::{TestError, TestResult, claim, runner};

fn main() -> ExitCode {
    runner::run([
        claim!(
            go_seals_and_we_unseal,
            GoTools,
            ControlPlane,
            Controller,
            Kubeseal
        ),
        claim!(
            we_seal_and_go_unseals,
            GoTools,
            ControlPlane,
            Controller,
            Kubeseal
        ),
        claim!(
            key_made_by_go_is_adopted_by_us,
            GoTools,
            ControlPlane,
            Controller,
            Kubeseal
        ),
        claim!(
            both_tools_validate_and_re_encrypt_with_our_controller,
            GoTools,
            ControlPlane,
            Controller,
            Kubeseal
        ),
        claim!(
            key_made_by_us_is_adopted_by_go,
            GoTools,
            ControlPlane,
            Controller,
            Kubeseal
        ),
    ])
}

const SCOPES: [&str; 3] = ["strict", "namespace-wide", "cluster-wide"];

/// A value that can be told from the name of its object.
fn value(name: &str) -> String {
    format!("value of {name}")
}

/// Seals one Secret in each scope and format with `kubeseal`, applies them all, and waits for them.
async fn seal_and_wait(
    control_plane: &ControlPlane,
    kubeseal: &Program,
    prefix: &str,
) -> Result<String, TestError> {
    let namespace = new_namespace(&control_plane.client()).await?;
    let kubeseal = kubeseal
        .clone()
        .env("KUBECONFIG", control_plane.kubeconfig());
    let mut names = Vec::new();
    for scope in SCOPES {
        for format in ["json", "yaml"] {
            let name = format!("{prefix}-{scope}-{format}");
            let manifest = secret_manifest(
                &namespace,
                &name,
                &[("password", &value(&name)), ("empty", "")],
            );
            let sealed = kubeseal
                .clone()
                .args(["--scope", scope, "-o", format])
                .input(manifest);
            install::apply_text(control_plane, &sealed.output().await?).await?;
            names.push(name);
        }
    }
    // A raw value, put into a manifest by hand.
    let raw = kubeseal
        .args([
            "--raw",
            "--scope=namespace-wide",
            "-n",
            &namespace,
            "--from-file=/dev/stdin",
        ])
        .input("raw value")
        .output()
        .await?;
    let by_hand = serde_json::json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": { "name": format!("{prefix}-raw"), "namespace": namespace,
            "annotations": { "sealedsecrets.bitnami.com/namespace-wide": "true" } },
        "spec": { "encryptedData": { "value": raw.trim() } },
    });
    install::apply_text(control_plane, &by_hand.to_string()).await?;
    assert_eq!(
        secret_item(control_plane, &namespace, &format!("{prefix}-raw"), "value").await?,
        "raw value"
    );
    for name in names {
        assert_eq!(
            secret_item(control_plane, &namespace, &name, "password").await?,
            value(&name)
        );
        assert_eq!(
            secret_item(control_plane, &namespace, &name, "empty").await?,
            ""
        );
    }
    Ok(namespace)
}

async fn go_seals_and_we_unseal(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let _ours = installation.start(&context, "ours", &[]).await?;
    seal_and_wait(&control_plane, &context.go_kubeseal()?, "go").await?;
    Ok(())
}

async fn we_seal_and_go_unseals(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let _go = installation.start_go(&context, "go").await?;
    seal_and_wait(&control_plane, &context.kubeseal()?, "ours").await?;
    Ok(())
}

async fn key_made_by_go_is_adopted_by_us(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let address = format!("{}:8080", control_plane.address());
    let mut go = installation.start_go(&context, "go").await?;
    let certificate = http::get(&address, "/v1/cert.pem").await?.body;
    let namespace = seal_and_wait(&control_plane, &context.go_kubeseal()?, "before").await?;
    let before = snapshot(&control_plane, &namespace).await?;
    go.terminate(DEADLINE).await?;

    let _ours = installation.start(&context, "ours", &[]).await?;
    assert_eq!(http::get(&address, "/v1/cert.pem").await?.body, certificate);
    seal_and_wait(&control_plane, &context.kubeseal()?, "after").await?;
    assert_eq!(key_count(&control_plane).await?, 1);
    assert_eq!(snapshot(&control_plane, &namespace).await?, before);
    Ok(())
}

async fn key_made_by_us_is_adopted_by_go(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let address = format!("{}:8080", control_plane.address());
    let mut ours = installation.start(&context, "ours", &[]).await?;
    let certificate = http::get(&address, "/v1/cert.pem").await?.body;
    let namespace = seal_and_wait(&control_plane, &context.kubeseal()?, "before").await?;
    let before = snapshot(&control_plane, &namespace).await?;
    ours.terminate(DEADLINE).await?;

    let mut go = installation.start_go(&context, "go").await?;
    assert_eq!(http::get(&address, "/v1/cert.pem").await?.body, certificate);
    seal_and_wait(&control_plane, &context.go_kubeseal()?, "between").await?;
    go.terminate(DEADLINE).await?;
    let _again = installation.start(&context, "again", &[]).await?;
    seal_and_wait(&control_plane, &context.kubeseal()?, "after").await?;
    assert_eq!(key_count(&control_plane).await?, 1);
    assert_eq!(snapshot(&control_plane, &namespace).await?, before);
    Ok(())
}

/// Names, uids and data of the Secrets of a namespace.
async fn snapshot(control_plane: &ControlPlane, namespace: &str) -> Result<Vec<String>, TestError> {
    let secrets: Api<Secret> = Api::namespaced(control_plane.client(), namespace);
    let list = secrets.list(&ListParams::default()).await?;
    Ok(list
        .items
        .into_iter()
        .map(|secret| {
            format!(
                "{:?} {:?} {:?}",
                secret.metadata.name, secret.metadata.uid, secret.data
            )
        })
        .collect())
}

async fn key_count(control_plane: &ControlPlane) -> Result<usize, TestError> {
    let keys: Api<Secret> = Api::namespaced(control_plane.client(), NAMESPACE);
    let active =
        ListParams::default().labels("sealedsecrets.bitnami.com/sealed-secrets-key=active");
    Ok(keys.list(&active).await?.items.len())
}

async fn both_tools_validate_and_re_encrypt_with_our_controller(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let installation = Installation::new(&control_plane).await?;
    let _ours = installation
        .start(&context, "ours", &["--rate-limit=0"])
        .await?;
    let namespace = new_namespace(&control_plane.client()).await?;
    for (name, kubeseal) in [
        ("go", context.go_kubeseal()?),
        ("ours", context.kubeseal()?),
    ] {
        let kubeseal = kubeseal.env("KUBECONFIG", control_plane.kubeconfig());
        let manifest = secret_manifest(&namespace, name, &[("password", "opensesame")]);
        let sealed = kubeseal.clone().input(manifest).output().await?;
        let valid = kubeseal.clone().arg("--validate").input(sealed.clone());
        assert_eq!(valid.run().await?.code, Some(0), "{name}");
        let moved = sealed.replace(&format!("\"{name}\""), "\"moved\"");
        let invalid = kubeseal
            .clone()
            .arg("--validate")
            .input(moved)
            .run()
            .await?;
        assert_eq!(invalid.code, Some(1), "{name}");
        let again = kubeseal
            .clone()
            .arg("--re-encrypt")
            .input(sealed.clone())
            .output()
            .await?;
        assert_ne!(again, sealed);
        install::apply_text(&control_plane, &again).await?;
        let value = secret_item(&control_plane, &namespace, name, "password").await?;
        assert_eq!(value, "opensesame");
    }
    Ok(())
}
