//! Verify requests as fast as a few connections can send them, with the limits off.

use std::time::Instant;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sealed_secrets_tests::context::Context;
use sealed_secrets_tests::{TestError, TestResult};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::comparison::Comparison;
use crate::contender::Contender;
use crate::objects::Sealer;
use crate::stand::Stand;

const CONNECTIONS: usize = 8;
/// More than anybody can send.
const NO_LIMIT: [&str; 2] = ["--rate-limit=10000000", "--rate-limit-burst=10000000"];

pub(crate) async fn verify_requests_are_answered(context: Context) -> TestResult {
    let stand = Stand::new(context, 1).await?;
    let plan = &stand.plan;
    let objects = stand.seal(Sealer::Ours, (1, 1), 1).await?;
    let body = Bytes::from(serde_json::to_vec(&objects.sealed.first())?);
    let mut comparison = Comparison::default();
    for round in 0..plan.rounds {
        for contender in Contender::of_round(plan, round) {
            let mut running = stand.start_with(contender, &NO_LIMIT).await?;
            running.settled(0).await?;
            let cpu = running.process.cpu_time()?;
            let began = Instant::now();
            let end = began + plan.verify_for();
            let mut connections = JoinSet::new();
            for _ in 0..CONNECTIONS {
                connections.spawn(verify(running.http.clone(), body.clone(), end));
            }
            let mut answers = 0;
            while let Some(count) = connections.join_next().await {
                answers += count??;
            }
            let seconds = began.elapsed().as_secs_f64();
            let cpu = (running.process.cpu_time()? - cpu).as_secs_f64();
            let answers = answers as f64;
            comparison.add(
                "Verify requests a second, one value",
                "",
                contender,
                answers / seconds,
            );
            comparison.add(
                "Verify request, one value: processor time",
                "ms",
                contender,
                cpu / answers * 1000.0,
            );
            running.end().await?;
        }
    }
    comparison.finish(plan.go);
    Ok(())
}

/// One request after the other over one connection; returns how many were answered.
async fn verify(address: String, body: Bytes, end: Instant) -> Result<usize, TestError> {
    let stream = TcpStream::connect(&address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let mut answers = 0;
    while answers == 0 || Instant::now() < end {
        sender.ready().await?;
        let request = Request::post("/v1/verify")
            .header("host", &address)
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))?;
        let answer = sender.send_request(request).await?;
        let code = answer.status();
        answer.into_body().collect().await?;
        if code != 200 {
            return Err(format!("answered {code}").into());
        }
        answers += 1;
    }
    driver.abort();
    Ok(answers)
}
