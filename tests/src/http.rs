//! Plain HTTP requests, for what a test asks of a process directly.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

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
    send(address, "GET", path, &[], b"").await
}

/// Sends any request to `address` (`host:port`), with further headers and a body.
///
/// # Errors
/// Fails when there is no connection or no HTTP answer.
pub async fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Result<Answer, TestError> {
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for header in headers {
        request += &format!("{header}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    // A server that refuses a body may answer, and close, before it has read it.
    let sent = stream.write_all(body).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    if answer.is_empty() {
        sent?;
        read?;
    }
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("no end of the headers")?;
    let code = head.split(' ').nth(1).ok_or("no status code")?.parse()?;
    let head = head.to_lowercase();
    let body = if head.contains("\r\ntransfer-encoding: chunked") {
        unchunked(body).ok_or("the last chunk is missing")?
    } else {
        body.to_owned()
    };
    Ok(Answer { code, head, body })
}

/// What comes in chunks, each after its length in hexadecimal (RFC 9112, section 7.1), in one piece.
fn unchunked(mut text: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, rest) = text.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body += rest.get(..length)?;
        text = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}

/// Like [`get`], from where nothing can be awaited; returns the whole answer.
///
/// # Errors
/// Fails when connecting, or any part of the answer, takes longer than `patience`.
pub fn get_blocking(address: SocketAddr, path: &str, patience: Duration) -> io::Result<Vec<u8>> {
    use io::{Read as _, Write as _};

    let mut stream = std::net::TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        let chunks = "6\r\nchunks\r\nb\r\n are joined\r\n0\r\n\r\n";
        assert_eq!(unchunked(chunks).as_deref(), Some("chunks are joined"));
        assert_eq!(unchunked("6\r\nchunks\r\n"), None);
    }
}
