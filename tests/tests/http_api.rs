//! Claims about `/v1/verify` and `/v1/rotate`, asked directly as anybody in a cluster can.

use std::process::ExitCode;

use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::http::{Answer, send};
use sealed_secrets_tests::process::Process;
use sealed_secrets_tests::standalone::Standalone;
use sealed_secrets_tests::{TestError, TestResult, claim, runner};
use serde_json::{Value, json};

fn main() -> ExitCode {
    runner::run([
        claim!(verify_tells_whether_and_not_why, Controller, Kubeseal),
        claim!(
            verify_and_rotate_do_not_render_templates,
            Controller,
            Kubeseal
        ),
        claim!(
            rotate_keeps_everything_but_the_ciphertext,
            Controller,
            Kubeseal
        ),
        claim!(rotate_does_not_widen_the_scope, Controller, Kubeseal),
        claim!(wrong_requests_are_client_errors, Controller, Kubeseal),
        claim!(
            clients_are_limited_one_by_one_and_together,
            Controller,
            Kubeseal
        ),
        claim!(
            large_values_pass_and_huge_bodies_do_not,
            Controller,
            Kubeseal
        ),
    ])
}

const NO_LIMIT: [&str; 2] = ["--rate-limit", "0"];

async fn started(
    context: &Context,
    arguments: &[&str],
) -> Result<(Standalone, Process), TestError> {
    let standalone = Standalone::new(context)?;
    let mut process = standalone
        .program()
        .args(arguments)
        .start("controller", context.folder())?;
    sealed_secrets_tests::http::serves(&standalone.address(), "/v1/cert.pem", &mut process).await?;
    Ok((standalone, process))
}

async fn post(standalone: &Standalone, path: &str, body: &str) -> Result<Answer, TestError> {
    send(&standalone.address(), "POST", path, &[], body.as_bytes()).await
}

/// A SealedSecret of two items as JSON.
async fn sealed(standalone: &Standalone) -> Result<Value, TestError> {
    let yaml = standalone
        .seal("db", &[("password", "opensesame"), ("user", "ali")])
        .await?;
    let mut spec = serde_json::Map::new();
    for line in yaml.lines() {
        if let Some((item, text)) = line
            .trim()
            .split_once(": ")
            .filter(|(_, text)| text.len() > 300)
        {
            spec.insert(item.to_owned(), json!(text));
        }
    }
    assert_eq!(spec.len(), 2, "{yaml}");
    Ok(json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": { "name": "db", "namespace": "default", "creationTimestamp": null },
        "spec": { "encryptedData": spec },
    }))
}

async fn verify_tells_whether_and_not_why(context: Context) -> TestResult {
    let (standalone, _process) = started(&context, &NO_LIMIT).await?;
    let good = sealed(&standalone).await?;
    let answer = post(&standalone, "/v1/verify", &good.to_string()).await?;
    assert_eq!((answer.code, answer.body.as_str()), (200, ""));
    let changes: [fn(&mut Value); 6] = [
        |it| it["metadata"]["name"] = json!("other"),
        |it| it["metadata"]["namespace"] = json!("other"),
        |it| {
            it["metadata"]["annotations"] =
                json!({ "sealedsecrets.bitnami.com/cluster-wide": "true" })
        },
        |it| it["spec"]["encryptedData"]["password"] = json!("AgB!"),
        |it| it["spec"]["encryptedData"]["password"] = json!({ "a": 1 }),
        |it| it["spec"]["encryptedData"]["password"] = json!("AgA="),
    ];
    let mut answers = Vec::new();
    for change in changes {
        let mut body = good.clone();
        change(&mut body);
        let answer = post(&standalone, "/v1/verify", &body.to_string()).await?;
        assert_eq!(answer.code, 409, "{body}");
        answers.push((answer.code, answer.body));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    Ok(())
}

async fn verify_and_rotate_do_not_render_templates(context: Context) -> TestResult {
    let (standalone, _process) = started(&context, &NO_LIMIT).await?;
    let mut body = sealed(&standalone).await?;
    for question in [
        "{{ if hasPrefix \"o\" .password }}{{ fail \"yes\" }}{{ end }}",
        "{{ fail .password }}",
        "{{ not a template",
    ] {
        body["spec"]["template"] = json!({ "data": { "question": question } });
        assert_eq!(
            post(&standalone, "/v1/verify", &body.to_string())
                .await?
                .code,
            200
        );
        let rotated = post(&standalone, "/v1/rotate", &body.to_string()).await?;
        assert_eq!(rotated.code, 200);
        let rotated: Value = serde_json::from_str(&rotated.body)?;
        assert_eq!(rotated["spec"]["template"], body["spec"]["template"]);
    }
    Ok(())
}

async fn rotate_keeps_everything_but_the_ciphertext(context: Context) -> TestResult {
    let (standalone, _process) = started(&context, &NO_LIMIT).await?;
    let mut body = sealed(&standalone).await?;
    body["metadata"]["labels"] = json!({ "app": "web" });
    body["spec"]["template"] = json!({ "type": "kubernetes.io/basic-auth", "immutable": true,
        "metadata": { "labels": { "l": "1" }, "annotations": { "a": "2" } }, "data": { "c": "{{ .user }}" } });
    body["status"] = json!({ "conditions": [] });
    let answer = post(&standalone, "/v1/rotate", &body.to_string()).await?;
    assert_eq!(answer.code, 200, "{answer:?}");
    assert!(
        answer.head.contains("content-type: application/json"),
        "{}",
        answer.head
    );
    let rotated: Value = serde_json::from_str(&answer.body)?;
    for path in [
        "/apiVersion",
        "/kind",
        "/metadata/name",
        "/metadata/namespace",
        "/metadata/labels",
        "/spec/template",
    ] {
        assert_eq!(rotated.pointer(path), body.pointer(path), "{path}");
    }
    assert_eq!(rotated.get("status"), None);
    assert_ne!(
        rotated["spec"]["encryptedData"]["password"],
        body["spec"]["encryptedData"]["password"]
    );
    assert_eq!(
        post(&standalone, "/v1/verify", &rotated.to_string())
            .await?
            .code,
        200
    );
    Ok(())
}

async fn rotate_does_not_widen_the_scope(context: Context) -> TestResult {
    let (standalone, _process) = started(&context, &NO_LIMIT).await?;
    let mut body = sealed(&standalone).await?;
    let wide = json!({ "sealedsecrets.bitnami.com/cluster-wide": "true" });
    body["spec"]["template"] = json!({ "metadata": { "annotations": wide } });
    let answer = post(&standalone, "/v1/rotate", &body.to_string()).await?;
    let mut rotated: Value = serde_json::from_str(&answer.body)?;
    let annotations = rotated["metadata"]["annotations"].as_object();
    assert!(
        annotations.is_none_or(|own| !own.contains_key("sealedsecrets.bitnami.com/cluster-wide"))
    );
    // The ciphertext is bound as before: claimed to be cluster-wide, it doesn't open.
    rotated["metadata"]["annotations"] = wide;
    assert_eq!(
        post(&standalone, "/v1/verify", &rotated.to_string())
            .await?
            .code,
        409
    );
    Ok(())
}

async fn wrong_requests_are_client_errors(context: Context) -> TestResult {
    let (standalone, mut process) = started(&context, &NO_LIMIT).await?;
    let good = sealed(&standalone).await?.to_string();
    for path in ["/v1/verify", "/v1/rotate"] {
        for body in [
            "",
            "null",
            "{",
            "\t",
            "[]",
            "5",
            "text",
            "\u{0}",
            "a: *b",
            "{}{}",
            "{\"kind\":\"Secret\",\"apiVersion\":\"v1\"}",
            &good.replace("SealedSecret", "Sealed"),
            &format!("{good}\n---\n{good}"),
            &good
                .replace("\"encryptedData\":{", "\"encryptedData\":[{")
                .replace("}}}", "}]}}"),
        ] {
            assert_eq!(
                post(&standalone, path, body).await?.code,
                400,
                "{path} {body:.60}"
            );
        }
        for method in ["GET", "PUT", "DELETE", "PATCH"] {
            let answer = send(&standalone.address(), method, path, &[], good.as_bytes()).await?;
            assert_eq!(answer.code, 405, "{method} {path}");
        }
        // YAML, with a comment and a document marker, is as good as JSON.
        assert_eq!(
            post(&standalone, path, &format!("---\n# sealed\n{good}\n"))
                .await?
                .code,
            200
        );
    }
    process.still_running("answered all that")?;
    Ok(())
}

async fn clients_are_limited_one_by_one_and_together(context: Context) -> TestResult {
    let (standalone, _process) =
        started(&context, &["--rate-limit=1", "--rate-limit-burst=2"]).await?;
    let good = sealed(&standalone).await?.to_string();
    let ask = async |client: &str| {
        let header = format!("X-Forwarded-For: {client}");
        send(
            &standalone.address(),
            "POST",
            "/v1/verify",
            &[&header],
            good.as_bytes(),
        )
        .await
    };
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(ask("10.0.0.1").await?);
    }
    assert_eq!(
        codes.iter().filter(|it| it.code == 200).count(),
        3,
        "{codes:?}"
    );
    let refused = codes
        .iter()
        .find(|it| it.code == 429)
        .ok_or("nobody was refused")?;
    for header in [
        "retry-after: 1",
        "x-ratelimit-limit: 3",
        "x-ratelimit-remaining: 0",
        "x-ratelimit-reset: ",
    ] {
        assert!(refused.head.contains(header), "{header}: {}", refused.head);
    }
    assert_eq!(refused.body.trim(), "limit exceeded");
    assert_eq!(ask("10.0.0.2").await?.code, 200);
    // Made-up names don't help for long.
    let mut refused = 0;
    for client in 0..200 {
        refused += usize::from(ask(&format!("172.16.0.{client}")).await?.code == 429);
    }
    assert!(
        refused > 0,
        "200 requests under as many names, and none refused"
    );
    Ok(())
}

async fn large_values_pass_and_huge_bodies_do_not(context: Context) -> TestResult {
    let (standalone, mut process) = started(&context, &NO_LIMIT).await?;
    let value = "x".repeat(1 << 20);
    let yaml = standalone.seal("db", &[("large", &value)]).await?;
    assert_eq!(post(&standalone, "/v1/verify", &yaml).await?.code, 200);
    assert_eq!(post(&standalone, "/v1/rotate", &yaml).await?.code, 200);
    let huge = send(
        &standalone.address(),
        "POST",
        "/v1/verify",
        &[],
        &vec![b' '; 20 << 20],
    )
    .await?;
    assert_eq!(huge.code, 413);
    process.still_running("refused the huge body")?;
    Ok(())
}
