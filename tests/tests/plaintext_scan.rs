//! Claims about the search for plaintext that follows every test, and the cases that are likeliest
//! to leave some: templates that fail over a value.

use std::fs;
use std::process::ExitCode;

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::PostParams;
use sealed_secrets_tests::cluster::Cluster;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::plaintexts;
use sealed_secrets_tests::process::Program;
use sealed_secrets_tests::sealed::synced;
use sealed_secrets_tests::{TestError, TestResult, claim, cluster_claim, install, runner};
use serde_json::{Value, json};

fn main() -> ExitCode {
    runner::run([
        claim!(planted_plaintext_is_found, ControlPlane),
        cluster_claim!(template_errors_never_hold_plaintext),
    ])
}

async fn planted_plaintext_is_found(context: Context) -> TestResult {
    let control_plane = context.control_plane().await?;
    let value = "planted-by-this-test";
    plaintexts::remember(value.as_bytes());
    assert_eq!(plaintexts::leaks(context.folder())?, Vec::<String>::new());

    // In an event, whatever became of it.
    let event: Event = serde_json::from_value(json!({
        "metadata": { "name": "leak", "namespace": "default" },
        "involvedObject": { "namespace": "default" },
        "message": format!("error near \"{value}\""),
    }))?;
    let events: Api<Event> = Api::namespaced(control_plane.client(), "default");
    events.create(&PostParams::default(), &event).await?;
    // In an object.
    let manifest = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "leak", "namespace": "default" }, "data": { "x": value } });
    install::apply_text(&control_plane, &manifest.to_string()).await?;
    // In a log; in base64, behind something else.
    let mut echo = Program::new("sh")
        .args(["-c", "printf %s \"$1\" | base64", "sh"])
        .arg(format!("x{value}"))
        .start("echo", context.folder())?;
    echo.wait(DEADLINE).await?;

    let found = eventually(
        "three places",
        DEADLINE,
        async || {
            let found = plaintexts::leaks(context.folder())?;
            Ok((found.len() >= 3).then_some(found))
        },
        async || format!("{:?}", plaintexts::leaks(context.folder())),
    )
    .await?;
    let in_file = |file: &str| found.iter().filter(|leak| leak.contains(file)).count();
    assert_eq!(
        (in_file("audit.jsonl"), in_file("echo.stdout.log")),
        (2, 1),
        "{found:?}"
    );

    // This test's own leaks must not fail it.
    let folder = control_plane.folder().to_owned();
    drop(control_plane);
    fs::remove_dir_all(folder)?;
    fs::remove_file(context.folder().join("echo.stdout.log"))?;
    Ok(())
}

/// Where each looks at the value and can't go on.
const FAILING: [(&str, &str); 14] = [
    ("fail", "{{ fail .pw }}"),
    ("fail-wrapped", "{{ fail (printf \"no %s\" .pw) }}"),
    ("fail-base64", "{{ fail (b64enc .pw) }}"),
    ("must-to-date", "{{ mustToDate \"2006-01-02\" .pw }}"),
    ("url-parse", "{{ urlParse .pw }}"),
    ("must-regex-match", "{{ mustRegexMatch .pw \"x\" }}"),
    ("must-from-json", "{{ mustFromJson .pw }}"),
    ("semver", "{{ semver .pw }}"),
    ("index", "{{ index .pw 1000 }}"),
    ("field", "{{ .pw.field }}"),
    ("call", "{{ call .pw }}"),
    ("compare", "{{ lt .pw 5 }}"),
    ("range", "{{ range .pw }}{{ end }}"),
    ("dict", "{{ get .pw \"x\" }}"),
];

async fn template_errors_never_hold_plaintext(context: Context) -> TestResult {
    let cluster = Cluster::new(&context).await?;
    // No date, no URL, no regular expression.
    let value = "plaintext-in-error (%zz://[\u{7f}";
    for (name, template) in FAILING {
        let sealed = cluster.seal(&context, name, &[("pw", value)]).await?;
        let mut sealed: Value = serde_json::from_str(&sealed)?;
        sealed["spec"]["template"]["data"] = json!({ "rendered": template });
        cluster.apply(&sealed.to_string()).await?;
    }
    for (name, template) in FAILING {
        let message = synced(&cluster.control_plane, &cluster.namespace, name, "False")
            .await
            .map_err(|error| -> TestError { format!("{template}: {error}").into() })?;
        assert!(message.contains("rendered"), "{template}: {message}");
    }
    // `atoi` takes anything for a number; what it makes of it belongs into the Secret.
    let sealed = cluster.seal(&context, "atoi", &[("pw", value)]).await?;
    let mut sealed: Value = serde_json::from_str(&sealed)?;
    sealed["spec"]["template"]["data"] = json!({ "rendered": "{{ atoi .pw }}" });
    cluster.apply(&sealed.to_string()).await?;
    synced(&cluster.control_plane, &cluster.namespace, "atoi", "True").await?;
    // What is searched after this test has the errors in it, and the statuses.
    let log = cluster.controller.stderr()? + &cluster.controller.stdout()?;
    assert!(log.contains("must-to-date"), "{log}");
    let requests = cluster.control_plane.audit_events()?;
    let statuses = requests.iter().filter(|request| {
        request["objectRef"]["subresource"] == "status"
            && request["requestObject"]["status"]["conditions"].is_array()
    });
    assert!(statuses.count() >= FAILING.len());
    Ok(())
}
