//! Claims about `/v1/verify` and `/v1/rotate`, asked directly as anybody in a cluster can.

use std::process::ExitCode;
use std::time::Instant;

use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::http::{Answer, send, serves};
use sealed_secrets_tests::process::Process;
use sealed_secrets_tests::standalone::Standalone;
use sealed_secrets_tests::{TestError, TestResult, claim, runner};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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
        claim!(simple_paths_answer_get_and_head, Controller),
        claim!(
            bodies_in_every_usual_shape_are_accepted,
            Controller,
            Kubeseal
        ),
        claim!(
            missing_names_count_as_empty_and_widen_nothing,
            Controller,
            Kubeseal
        ),
        claim!(items_that_are_no_strings_never_pass, Controller, Kubeseal),
        claim!(every_answer_tells_the_limit, Controller, Kubeseal),
        claim!(idle_and_half_sent_connections_disturb_nobody, Controller),
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
    let since = Instant::now();
    let mut passed = 0;
    let refused = loop {
        let answer = ask("10.0.0.1").await?;
        if answer.code != 200 {
            break answer;
        }
        passed += 1;
    };
    assert_eq!(refused.code, 429, "{refused:?}");
    // One more for each second that it took.
    let most = 3 + since.elapsed().as_secs();
    assert!((3..=most).contains(&passed), "{passed}");
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

async fn simple_paths_answer_get_and_head(context: Context) -> TestResult {
    let (standalone, mut process) = started(&context, &NO_LIMIT).await?;
    let address = standalone.address();
    serves(&address, "/readyz", &mut process).await?;
    let plain = "content-type: text/plain; charset=utf-8";
    for (path, code, content_type, body) in [
        ("/healthz", 200, plain, Some("ok\n")),
        ("/readyz", 200, plain, Some("ok\n")),
        (
            "/v1/cert.pem",
            200,
            "content-type: application/x-pem-file",
            None,
        ),
        ("/", 404, plain, Some("404 page not found\n")),
        ("/v1/", 404, plain, Some("404 page not found\n")),
    ] {
        let got = send(&address, "GET", path, &[], b"").await?;
        let head = send(&address, "HEAD", path, &[], b"").await?;
        for answer in [&got, &head] {
            assert_eq!(answer.code, code, "{path}");
            assert!(answer.head.contains(content_type), "{}", answer.head);
        }
        if let Some(body) = body {
            assert_eq!(got.body, body, "{path}");
        }
        assert_eq!(head.body, "", "{path}");
        let length = format!("content-length: {}", got.body.len());
        assert!(head.head.contains(&length), "{path}: {}", head.head);
    }
    let certificate = send(&address, "GET", "/v1/cert.pem", &[], b"").await?.body;
    assert_eq!(
        certificate.matches("-----BEGIN CERTIFICATE-----").count(),
        1
    );
    assert!(certificate.starts_with("-----BEGIN"), "{certificate}");
    Ok(())
}

async fn bodies_in_every_usual_shape_are_accepted(context: Context) -> TestResult {
    let (standalone, _process) = started(&context, &NO_LIMIT).await?;
    let good = sealed(&standalone).await?;
    let changes: [fn(&mut Value); 6] = [
        |it| it["spec"]["template"] = Value::Null,
        |it| it["spec"]["template"] = json!({ "metadata": null }),
        |it| it["spec"]["template"] = json!({ "metadata": { "creationTimestamp": null } }),
        |it| it["status"] = json!({ "conditions": [{ "type": "Synced", "status": "False" }] }),
        |it| it["spec"]["of-tomorrow"] = json!({ "a": [1] }),
        |it| it["metadata"]["of-tomorrow"] = json!(1),
    ];
    for change in changes {
        let mut body = good.clone();
        change(&mut body);
        for path in ["/v1/verify", "/v1/rotate"] {
            let answer = post(&standalone, path, &body.to_string()).await?;
            assert_eq!(answer.code, 200, "{path} {body}");
        }
    }
    for content_type in ["application/json", "text/plain", "application/x-garbage"] {
        let header = format!("Content-Type: {content_type}");
        let body = good.to_string();
        let address = standalone.address();
        let headers = [header.as_str()];
        let answer = send(&address, "POST", "/v1/verify", &headers, body.as_bytes()).await?;
        assert_eq!(answer.code, 200, "{content_type}");
    }
    // Without a length.
    let body = good.to_string();
    let (first, second) = body.split_at(body.len() / 2);
    let request = format!(
        "POST /v1/verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let mut stream = TcpStream::connect(standalone.address()).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    Ok(())
}

async fn missing_names_count_as_empty_and_widen_nothing(context: Context) -> TestResult {
    let (standalone, _process) = started(&context, &NO_LIMIT).await?;
    let good = sealed(&standalone).await?;
    for missing in [&["namespace"][..], &["name"], &["namespace", "name"]] {
        let mut body = good.clone();
        let metadata = body["metadata"].as_object_mut().ok_or("no metadata")?;
        metadata.retain(|field, _| !missing.contains(&field.as_str()));
        let answer = post(&standalone, "/v1/verify", &body.to_string()).await?;
        assert_eq!(answer.code, 409, "{body}");
        let answer = post(&standalone, "/v1/rotate", &body.to_string()).await?;
        assert!(answer.code >= 400, "{body}");
    }
    Ok(())
}

async fn items_that_are_no_strings_never_pass(context: Context) -> TestResult {
    let (standalone, mut process) = started(&context, &NO_LIMIT).await?;
    let good = sealed(&standalone).await?;
    for item in [json!(1), json!({}), json!([]), Value::Null, json!(true)] {
        let mut body = good.clone();
        body["spec"]["encryptedData"]["password"] = item;
        for path in ["/v1/verify", "/v1/rotate"] {
            let answer = post(&standalone, path, &body.to_string()).await?;
            assert!(answer.code >= 400, "{path} {body}: {}", answer.code);
        }
    }
    process.still_running("answered all that")?;
    Ok(())
}

async fn every_answer_tells_the_limit(context: Context) -> TestResult {
    let (standalone, _process) =
        started(&context, &["--rate-limit=1", "--rate-limit-burst=9"]).await?;
    let good = sealed(&standalone).await?.to_string();
    let wrong = good.replace("\"name\":\"db\"", "\"name\":\"other\"");
    for path in ["/v1/verify", "/v1/rotate"] {
        for body in [good.as_str(), &wrong, "garbage"] {
            let answer = post(&standalone, path, body).await?;
            let of = |name: &str| -> Result<u32, TestError> {
                let line = answer.head.lines().find_map(|line| line.strip_prefix(name));
                let value = line.ok_or_else(|| format!("no {name}: {}", answer.head))?;
                Ok(value.trim().parse()?)
            };
            assert_eq!(of("x-ratelimit-limit:")?, 10);
            assert!(of("x-ratelimit-remaining:")? < 10, "{}", answer.head);
            assert!(of("x-ratelimit-reset:")? >= 1, "{}", answer.head);
            assert!(!answer.head.contains("retry-after"), "{}", answer.head);
        }
    }
    Ok(())
}

async fn idle_and_half_sent_connections_disturb_nobody(context: Context) -> TestResult {
    let (standalone, mut process) = started(&context, &NO_LIMIT).await?;
    let address = standalone.address();
    let mut connections = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(&address).await?;
        let sent: &[u8] = match number % 4 {
            0 => b"",
            1 => b"POST /v1/verify HT",
            2 => b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
            _ => b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        };
        stream.write_all(sent).await?;
        connections.push(stream);
    }
    for path in ["/healthz", "/v1/cert.pem"] {
        assert_eq!(send(&address, "GET", path, &[], b"").await?.code, 200);
    }
    process.still_running("was left waiting by 200 clients")?;
    drop(connections);
    Ok(())
}
