//! Plain HTTP requests, for what a test asks of a process directly.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::TestError;
use crate::eventually::{DEADLINE, eventually};
use crate::process::Process;

/// An answer, or as much of it as a test looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub code: u16,
    /// Status line and headers as they came.
    pub head: String,
    /// Body.
    pub body: String,
}

/// Sends a GET request to `address` (`host:port`).
///
/// # Errors
/// Fails when there is no connection or no HTTP answer.
pub async fn get(address: &str, path: &str) -> Result<Answer, TestError> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("no end of the headers")?;
    let code = head.split(' ').nth(1).ok_or("no status code")?.parse()?;
    Ok(Answer {
        code,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// Waits until `process` answers 200 at `path`, and returns the body.
///
/// # Errors
/// Fails when the process ends or time runs out first.
pub async fn serves(address: &str, path: &str, process: &mut Process) -> Result<String, TestError> {
    let body = eventually(
        &format!("200 from {address}{path}"),
        DEADLINE,
        async || {
            if let Err(error) = process.still_running("answered") {
                return Ok(Some(Err(error)));
            }
            let answer = get(address, path).await?;
            Ok((answer.code == 200).then_some(Ok(answer.body)))
        },
        async || "the process runs".to_owned(),
    )
    .await?;
    Ok(body?)
}
