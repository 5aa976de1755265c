//! A proxy between a client and the API server that misbehaves on command.
//!
//! It speaks TLS with the API server's own certificate, so a client only has to be given another
//! port; tokens, and with them all rights, pass through. Every request is recorded with what became
//! of it. Faults are switched while requests and watches are under way:
//!
//! ```no_run
//! # use sealed_secrets_tests::{TestResult, control_plane::ControlPlane, proxy::*};
//! # async fn example(control_plane: &ControlPlane) -> TestResult {
//! let proxy = Proxy::start(control_plane).await?;
//! proxy.inject(Matching::to("secrets").verbs(&[Verb::Create]), Fault::status(500));
//! // ... something fails to create a Secret ...
//! proxy.heal();
//! # Ok(()) }
//! ```

mod fault;
mod request;
mod stream;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use http::{Response, header};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Request as HttpRequest,
    body::{Bytes, Incoming},
    client::conn::http1 as client,
    server::conn::http1 as server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, watch},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::aws_lc_rs},
};

pub use fault::{Fault, Matching};
pub use request::{Answered, Request, Verb};

use crate::{
    TestError,
    control_plane::ControlPlane,
    proxy::fault::{Faults, Rule},
};

/// Where a proxy listens, on the control plane's address, unless told otherwise.
const PORT: u16 = 7443;

type Body = UnsyncBoxBody<Bytes, Interruption>;

/// Why a connection ends before its request is answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum Interruption {
    #[error("cut on command")]
    OnCommand,
    #[error("the API server can't be reached")]
    Unreachable(#[from] io::Error),
    #[error("the API server doesn't answer")]
    Http(#[from] hyper::Error),
    #[error("no such answer on command")]
    Answer(#[from] http::Error),
}

/// A running proxy; it and its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    faults: Arc<Faults>,
    cuts: watch::Sender<()>,
    listening: JoinHandle<()>,
}

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// A certificate or key of the control plane can't be used.
    #[error("cannot use {file} of the control plane for the proxy")]
    Tls {
        /// The file.
        file: String,
        /// Why.
        source: TestError,
    },
    /// The port can't be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// What every connection knows.
struct Upstream {
    address: SocketAddr,
    name: ServerName<'static>,
    connector: TlsConnector,
    faults: Arc<Faults>,
}

impl Proxy {
    /// Starts a proxy in front of a control plane's API server.
    ///
    /// # Errors
    /// Fails when its port or certificates can't be used.
    pub async fn start(control_plane: &ControlPlane) -> Result<Self, ProxyError> {
        Self::start_at(control_plane, PORT).await
    }

    /// Like [`Self::start`], at any port of the control plane's address: for several of them.
    ///
    /// # Errors
    /// Fails when the port or the certificates can't be used.
    pub async fn start_at(control_plane: &ControlPlane, port: u16) -> Result<Self, ProxyError> {
        let ip = control_plane.address();
        let (acceptor, connector) = tls(control_plane)?;
        let address = SocketAddr::from((ip, port));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ProxyError::Listen { address, source })?;
        let faults = Arc::new(Faults::default());
        let upstream = Arc::new(Upstream {
            address: SocketAddr::from((ip, control_plane.port())),
            name: server_name(ip),
            connector,
            faults: Arc::clone(&faults),
        });
        let (cuts, cut) = watch::channel(());
        let listening = tokio::spawn(listen(listener, acceptor, upstream, cut));
        Ok(Self {
            port,
            faults,
            cuts,
            listening,
        })
    }

    /// The port to give to clients, on the control plane's address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on, requests that match meet the fault. Where several rules match, the newest counts.
    pub fn inject(&self, matching: Matching, fault: Fault) {
        self.faults.add(Rule::new(matching, fault, None));
    }

    /// Like [`Self::inject`], for the first `times` requests that match.
    pub fn inject_times(&self, times: usize, matching: Matching, fault: Fault) {
        self.faults.add(Rule::new(matching, fault, Some(times)));
    }

    /// Like [`Self::inject`], for the answers that are under way now, and for nothing asked later:
    /// connections of which one end has gone without a word.
    pub fn inject_open(&self, matching: Matching, fault: Fault) {
        self.faults.add_for_open(Rule::new(matching, fault, None));
    }

    /// Ends all faults. What hangs is cut; what is slow goes on at once.
    pub fn heal(&self) {
        self.faults.clear();
    }

    /// Cuts every connection, watches included, in the middle of whatever it does. New ones are
    /// accepted as usual.
    pub fn cut(&self) {
        self.cuts.send_replace(());
    }

    /// Requests since the start, or since [`Self::forget`], that match.
    #[must_use]
    pub fn requests(&self, matching: &Matching) -> Vec<Request> {
        let mut requests = self.faults.requests();
        requests.retain(|request| matching.matches(request));
        requests
    }

    /// How many of the recorded requests met a fault.
    #[must_use]
    pub fn injected(&self) -> usize {
        let requests = self.faults.requests();
        requests.iter().filter(|request| request.faulted).count()
    }

    /// Forgets the recorded requests.
    pub fn forget(&self) {
        self.faults.forget();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

async fn listen(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    upstream: Arc<Upstream>,
    cut: watch::Receiver<()>,
) {
    loop {
        // It fails when files run out, which ends the test soon enough.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let (acceptor, upstream) = (acceptor.clone(), Arc::clone(&upstream));
        let mut cut = cut.clone();
        cut.mark_unchanged();
        tokio::spawn(async move {
            tokio::select! {
                _ = cut.changed() => {}
                () = connection(stream, acceptor, upstream) => {}
            }
        });
    }
}

/// Serves one connection of a client over one connection to the API server.
async fn connection(stream: TcpStream, acceptor: TlsAcceptor, upstream: Arc<Upstream>) {
    // A client that goes away is its own business, and so is one that we have cut off.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let forward = Arc::new(Mutex::new(None));
    let service = service_fn(move |request| {
        let (upstream, forward) = (Arc::clone(&upstream), Arc::clone(&forward));
        async move { answer(&upstream, &forward, request).await }
    });
    let _ = server::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An error cuts the connection.
async fn answer(
    upstream: &Upstream,
    forward: &Mutex<Option<client::SendRequest<Incoming>>>,
    http: HttpRequest<Incoming>,
) -> Result<Response<Body>, Interruption> {
    let mut request = Request::of(&http);
    let fault = upstream.faults.meet(&mut request);
    match fault {
        None | Some(Fault::Slow(_) | Fault::Silent) => {
            let answer = upstream.ask(forward, http).await?;
            upstream.faults.answered(&request, answer.status().as_u16());
            let faults = Arc::clone(&upstream.faults);
            Ok(answer.map(|body| stream::troubled(body, request, faults)))
        }
        Some(Fault::Status { code, retry_after }) => Ok(refusal(code, retry_after)?),
        Some(Fault::GoneEvent) => Ok(gone_event()?),
        Some(Fault::Cut) => Err(Interruption::OnCommand),
        Some(Fault::LoseAnswer) => {
            let answer = upstream.ask(forward, http).await?;
            upstream.faults.answered(&request, answer.status().as_u16());
            answer.collect().await?;
            Err(Interruption::OnCommand)
        }
        Some(Fault::Hang) => {
            upstream.faults.cleared().await;
            Err(Interruption::OnCommand)
        }
    }
}

impl Upstream {
    async fn ask(
        &self,
        forward: &Mutex<Option<client::SendRequest<Incoming>>>,
        http: HttpRequest<Incoming>,
    ) -> Result<Response<Incoming>, Interruption> {
        let mut forward = forward.lock().await;
        let mut kept = forward.take();
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let answer = sender.send_request(http).await?;
        *forward = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<client::SendRequest<Incoming>, Interruption> {
        let stream = TcpStream::connect(self.address).await?;
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        // It ends with the sender or with the server, and tells the sender.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// An answer as the API server's own refusals look.
fn refusal(code: u16, retry_after: Option<u32>) -> Result<Response<Body>, Interruption> {
    let reason = match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("{code} on command"), "reason": reason, "code": code,
    });
    let mut response = Response::builder()
        .status(code)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(seconds) = retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    Ok(response.body(full(body.to_string()))?)
}

/// How a watch ends whose resource version is too old.
fn gone_event() -> Result<Response<Body>, Interruption> {
    let event = serde_json::json!({ "type": "ERROR", "object": {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version on command", "reason": "Expired", "code": 410,
    }});
    Ok(Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .body(full(format!("{event}\n")))?)
}

fn full(text: String) -> Body {
    Full::from(text)
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn server_name(ip: Ipv4Addr) -> ServerName<'static> {
    ServerName::IpAddress(std::net::IpAddr::V4(ip).into())
}

/// TLS towards clients, with the API server's certificate, and towards the API server.
fn tls(control_plane: &ControlPlane) -> Result<(TlsAcceptor, TlsConnector), ProxyError> {
    let files = control_plane.server_certificate();
    let unusable = |path: &Path| {
        let file = path.display().to_string();
        move |source: TestError| ProxyError::Tls { file, source }
    };
    let read = |path: &Path| {
        CertificateDer::from_pem_file(path).map_err(|error| unusable(path)(error.into()))
    };
    let certificate = read(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unusable(&files.key)(error.into()))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
        })
        .map_err(|error| unusable(&files.certificate)(error.into()))?;
    let mut roots = RootCertStore::empty();
    let ca = control_plane.ca();
    let client = roots
        .add(read(ca)?)
        .and_then(|()| {
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
        })
        .map_err(|error| unusable(ca)(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((Arc::new(server).into(), Arc::new(client).into()))
}
