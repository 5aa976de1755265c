//! Claims about clients of the HTTP API that stall, flood or ask for too much: others don't notice.

use std::process::ExitCode;
use std::time::Duration;

use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::eventually::{DEADLINE, eventually};
use sealed_secrets_tests::http::{get, send};
use sealed_secrets_tests::keys::metric;
use sealed_secrets_tests::standalone::Standalone;
use sealed_secrets_tests::{TestError, TestResult, claim, runner};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

fn main() -> ExitCode {
    runner::run([
        claim!(stalled_bodies_take_no_memory, Controller, Kubeseal),
        claim!(refused_bodies_are_not_read, Controller, Kubeseal),
        claim!(clients_that_do_not_read_are_dropped, Controller, Kubeseal),
        claim!(
            one_address_does_not_take_all_connections,
            Controller,
            Kubeseal
        ),
        claim!(timeouts_of_zero_are_none, Controller, Kubeseal),
        claim!(null_metadata_counts_as_empty, Controller, Kubeseal),
        claim!(many_items_do_not_hold_up_others, Controller, Kubeseal),
    ])
}

const MIB: u64 = 1 << 20;
const BODY: usize = 4 << 20;

async fn stalled_bodies_take_no_memory(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut process = standalone
        .program()
        .args(["--rate-limit=0", "--read-timeout=5s"])
        .start("controller", context.folder())?;
    let address = standalone.address();
    sealed_secrets_tests::http::serves(&address, "/v1/cert.pem", &mut process).await?;
    let good = standalone.seal("db", &[("password", "opensesame")]).await?;
    let before = process.memory()?.peak;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let address = address.clone();
        clients.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            let head =
                format!("POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            // Blocks where the body isn't read, and fails where it is refused. Then the answer may be
            // lost with the connection: only so much is read of what nobody wants.
            let _ = stream.write_all(&vec![b' '; BODY - 100]).await;
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            Ok::<_, TestError>(answer)
        }));
    }
    // Small bodies have room all the time.
    eventually(
        "memory for bodies that stall",
        DEADLINE,
        async || {
            let answer = send(&address, "POST", "/v1/verify", &[], good.as_bytes()).await?;
            assert_eq!(answer.code, 200, "{answer:?}");
            let grown = process.memory()?.peak.saturating_sub(before);
            Ok((grown > 32 * MIB).then_some(()))
        },
        async || "little memory is used".to_owned(),
    )
    .await?;
    let mut refused = 0;
    for client in clients {
        let answer = client.await??;
        let codes = ["HTTP/1.1 429 ", "HTTP/1.1 408 "];
        assert!(
            answer.is_empty() || codes.iter().any(|code| answer.starts_with(code)),
            "{answer}"
        );
        refused += usize::from(answer.to_lowercase().contains("retry-after: "));
    }
    assert!(refused > 0, "all 100 were read at once");
    let grown = process.memory()?.peak.saturating_sub(before);
    assert!(grown < 160 * MIB, "{} MiB more", grown / MIB);
    Ok(())
}

async fn refused_bodies_are_not_read(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut process = standalone
        .program()
        .args(["--rate-limit=1", "--rate-limit-burst=0"])
        .start("controller", context.folder())?;
    let address = standalone.address();
    sealed_secrets_tests::http::serves(&address, "/v1/cert.pem", &mut process).await?;
    // The answer comes although the body never does.
    eventually(
        "429 for a head alone",
        DEADLINE,
        async || {
            send(&address, "POST", "/v1/verify", &[], b"x").await?;
            let mut stream = TcpStream::connect(&address).await?;
            let head =
                format!("POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok(answer.starts_with("HTTP/1.1 429 ").then_some(()))
        },
        async || "another answer".to_owned(),
    )
    .await?;
    Ok(())
}

fn many_requests() -> String {
    "GET /v1/cert.pem HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000)
}

/// A client that asks for more than buffers hold, and reads nothing.
async fn flood(address: &str) -> Result<TcpStream, TestError> {
    let socket = TcpSocket::new_v4()?;
    // Little is held for it by the kernel, so it is soon that nothing can be written to it.
    socket.set_recv_buffer_size(4096)?;
    let stream = socket.connect(address.parse()?).await?;
    let requests = many_requests();
    let mut sent = 0;
    // Until the server takes no more.
    while let Ok(written) = tokio::time::timeout(Duration::from_millis(200), async {
        stream.writable().await?;
        match stream.try_write(requests.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    })
    .await
    {
        let Ok(written) = written else { break };
        sent += written;
        if sent > 64 << 20 {
            return Err("the server answers a client that doesn't read for ever".into());
        }
    }
    Ok(stream)
}

async fn clients_that_do_not_read_are_dropped(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut process = standalone
        .program()
        .args(["--rate-limit=0", "--write-timeout=2s"])
        .start("controller", context.folder())?;
    let address = standalone.address();
    sealed_secrets_tests::http::serves(&address, "/v1/cert.pem", &mut process).await?;
    let flooding = (0..300).map(|_| flood(&address));
    let clients = futures::future::try_join_all(flooding).await?;
    assert_eq!(get(&address, "/healthz").await?.code, 200);
    for client in &clients {
        eventually(
            "the end of a connection that isn't read",
            DEADLINE,
            async || {
                // What is written to a connection that has ended fails, sooner or later; and where the
                // server was only slow so far, more requests bring it to where nothing can be written.
                let ended = match client.try_write(many_requests().as_bytes()) {
                    Ok(_) => false,
                    Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
                };
                Ok(ended.then_some(()))
            },
            async || "open".to_owned(),
        )
        .await?;
    }
    assert_eq!(get(&address, "/healthz").await?.code, 200);
    process.still_running("dropped 300 clients")?;
    Ok(())
}

async fn one_address_does_not_take_all_connections(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut process = standalone.program().start("controller", context.folder())?;
    let address = standalone.address();
    sealed_secrets_tests::http::serves(&address, "/v1/cert.pem", &mut process).await?;
    let mut open = Vec::new();
    for _ in 0..500 {
        open.push(TcpStream::connect(&address).await?);
    }
    // The last of them is one too many: closed without an answer, and at once rather than when it
    // has been idle for too long, like the first.
    let mut last = open.pop().ok_or("no connection")?;
    let mut nothing = Vec::new();
    let ended = last.read_to_end(&mut nothing);
    tokio::time::timeout(DEADLINE, ended).await?.ok();
    assert!(nothing.is_empty());
    let first = open.first().ok_or("no connection")?;
    let waiting = first.try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(waiting, Err(std::io::ErrorKind::WouldBlock));
    drop(open);
    sealed_secrets_tests::http::serves(&address, "/healthz", &mut process).await?;
    Ok(())
}

async fn timeouts_of_zero_are_none(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut process = standalone
        .program()
        .args(["--read-timeout=0", "--write-timeout=0"])
        .start("controller", context.folder())?;
    let address = standalone.address();
    sealed_secrets_tests::http::serves(&address, "/v1/cert.pem", &mut process).await?;
    let good = standalone.seal("db", &[("password", "opensesame")]).await?;
    let answer = send(&address, "POST", "/v1/verify", &[], good.as_bytes()).await?;
    assert_eq!(answer.code, 200, "{answer:?}");
    Ok(())
}

async fn null_metadata_counts_as_empty(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let process = standalone.start("controller", context.folder()).await?;
    let address = standalone.address();
    let base =
        json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": null });
    for (items, code) in [(json!({}), 200), (json!({ "password": "AgA=" }), 409)] {
        let mut body = base.clone();
        body["spec"] = json!({ "encryptedData": items });
        let body = body.to_string();
        let answer = send(&address, "POST", "/v1/verify", &[], body.as_bytes()).await?;
        assert_eq!(answer.code, code, "{body}");
    }
    drop(process);
    Ok(())
}

async fn many_items_do_not_hold_up_others(context: Context) -> TestResult {
    let standalone = Standalone::new(&context)?;
    let mut process = standalone
        .program()
        .arg("--rate-limit=0")
        .start("controller", context.folder())?;
    let address = standalone.address();
    sealed_secrets_tests::http::serves(&address, "/v1/cert.pem", &mut process).await?;
    let names: Vec<String> = (0..1500).map(|number| format!("item-{number}")).collect();
    let items: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let many = standalone.seal("many", &items).await?;
    let few = standalone.seal("few", &[("password", "x")]).await?;
    let heavy: Vec<_> = (0..4)
        .map(|_| {
            let (address, many) = (address.clone(), many.clone());
            tokio::spawn(
                async move { send(&address, "POST", "/v1/rotate", &[], many.as_bytes()).await },
            )
        })
        .collect();
    let metrics = standalone.metrics();
    let at_work = async || metric(&metrics, "private_key_operations_total").await;
    eventually(
        "the first of many items being opened",
        DEADLINE,
        async || Ok((at_work().await? > 0.0).then_some(())),
        async || format!("{:?}", at_work().await),
    )
    .await?;
    // All that take long wait for one another; one that doesn't overtakes them.
    let answer = send(&address, "POST", "/v1/verify", &[], few.as_bytes()).await?;
    assert_eq!(answer.code, 200, "{answer:?}");
    assert!(
        heavy.iter().any(|request| !request.is_finished()),
        "it came last"
    );
    let mut answered = 0;
    for request in heavy {
        let answer = request.await??;
        assert!([200, 429].contains(&answer.code), "{}", answer.head);
        answered += usize::from(answer.code == 200);
    }
    assert!(answered > 0);
    Ok(())
}
