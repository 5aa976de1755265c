//! From kubeconfig, flags and environment to a client of the API server.

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::Config;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::args::Connection;
use crate::env::Environment;
use crate::error::Explain;
use crate::kubeconfig::{self, KubeconfigError, Selection};
use crate::pod::Pod;

/// Why no API server can be addressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The kubeconfig is of no use.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// Nothing says where the API server is.
    #[error("no cluster to ask: there is no kubeconfig")]
    NoCluster,
    /// The address of the server or of a proxy isn't one.
    #[error("{what} {url:?} is not a URL")]
    Url {
        /// `server` or `proxy`.
        what: &'static str,
        /// The address.
        url: String,
    },
    /// The certificate authority can't be used.
    #[error("cannot use the certificate authority of the cluster")]
    CertificateAuthority(#[source] Box<kube::config::KubeconfigError>),
    /// The file of the certificate authority can't be read.
    #[error("cannot read the certificate authority {path}")]
    CertificateAuthorityFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate authority isn't PEM.
    #[error("the certificate authority of the cluster holds no PEM certificate")]
    NoCertificateAuthority,
    /// The pod's service account can't be used.
    #[error("cannot use the service account of the pod")]
    Pod(#[source] kube::config::InClusterError),
    /// `--request-timeout` isn't a duration.
    #[error("invalid --request-timeout {0:?}")]
    Timeout(String),
}

/// The configuration of a client, for the kubeconfig's cluster or else the one that runs this pod.
///
/// # Errors
/// See [`ConnectionError`].
pub fn config(
    connection: &Connection,
    environment: &Environment,
) -> Result<Config, ConnectionError> {
    let kubeconfig = kubeconfig::load(connection, environment)?;
    let mut config = match kubeconfig::select(&kubeconfig, connection)? {
        Some(selection) => {
            let user = kubeconfig::user(&kubeconfig, &selection.context, connection)?;
            of_selection(&selection, user, environment)?
        }
        None if Pod::around(environment).is_some() => of_pod(connection)?,
        None => return Err(ConnectionError::NoCluster),
    };
    // A controller that isn't there stays so for longer than anybody wants to wait.
    config.default_retry = false;
    config.headers.push((
        http::header::USER_AGENT,
        http::HeaderValue::from_static(concat!("kubeseal/", env!("CARGO_PKG_VERSION"))),
    ));
    Ok(config)
}

/// The time to wait for one response: a number of seconds, or a duration as in Go. `None` for zero.
///
/// # Errors
/// Anything else.
pub fn timeout(text: &str) -> Result<Option<Duration>, ConnectionError> {
    let duration = match text {
        "" => Some(Duration::ZERO),
        text => match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => go_duration(text),
        },
    };
    match duration {
        Some(duration) => Ok(Some(duration).filter(|duration| !duration.is_zero())),
        None => Err(ConnectionError::Timeout(text.to_owned())),
    }
}

fn of_selection(
    selection: &Selection,
    user: AuthInfo,
    environment: &Environment,
) -> Result<Config, ConnectionError> {
    let cluster = &selection.cluster;
    let url = server_url(cluster.server.as_deref().unwrap_or_default())?;
    let secure = url.scheme_str() == Some("https");
    let mut config = Config::new(url);
    config.proxy_url = match cluster.proxy_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => Some(parse_proxy(url)?),
        None => proxy_of_environment(&config.cluster_url, environment)?,
    };
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    if secure {
        config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
        config.tls_server_name = cluster
            .tls_server_name
            .clone()
            .filter(|name| !name.is_empty());
        config.root_cert = certificate_authority(cluster)?;
        config.auth_info = user;
        if let Some(exec) = &mut config.auth_info.exec
            && exec.provide_cluster_info
        {
            exec.cluster = Some(
                ExecAuthCluster::try_from(cluster)
                    .map_err(|error| ConnectionError::CertificateAuthority(Box::new(error)))?,
            );
        }
    } else {
        // Credentials would be readable on the way.
        config.auth_info = AuthInfo {
            impersonate: user.impersonate,
            impersonate_uid: user.impersonate_uid,
            impersonate_groups: user.impersonate_groups,
            impersonate_user_extra: user.impersonate_user_extra,
            ..AuthInfo::default()
        };
    }
    Ok(config)
}

/// The pod's own cluster; server, token and authority may be overridden.
fn of_pod(connection: &Connection) -> Result<Config, ConnectionError> {
    let mut config = Config::incluster().map_err(ConnectionError::Pod)?;
    if !connection.server.is_empty() {
        config.cluster_url = server_url(&connection.server)?;
    }
    if !connection.token.is_empty() {
        config.auth_info.token = Some(connection.token.as_str().into());
        config.auth_info.token_file = None;
    }
    if !connection.certificate_authority.is_empty() {
        config.root_cert = certificate_authority(&Cluster {
            certificate_authority: Some(connection.certificate_authority.clone()),
            ..Cluster::default()
        })?;
        config.root_cert_file = None;
    }
    Ok(config)
}

/// The server's URL: `http` unless it says otherwise, without a query.
fn server_url(server: &str) -> Result<Uri, ConnectionError> {
    let full = match server.contains("://") {
        true => server.to_owned(),
        false => format!("http://{server}"),
    };
    let wrong = || ConnectionError::Url {
        what: "server",
        url: server.to_owned(),
    };
    let url: Uri = full
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .parse()
        .map_err(|_| wrong())?;
    match url.scheme_str() {
        Some("http" | "https") if url.host().is_some_and(|host| !host.is_empty()) => Ok(url),
        _ => Err(wrong()),
    }
}

fn certificate_authority(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, ConnectionError> {
    let file = cluster
        .certificate_authority
        .as_deref()
        .filter(|path| !path.is_empty());
    let data = cluster
        .certificate_authority_data
        .as_deref()
        .filter(|data| !data.is_empty());
    let pem = match (data, file) {
        (Some(_), _) => ExecAuthCluster::try_from(cluster)
            .map_err(|error| ConnectionError::CertificateAuthority(Box::new(error)))?
            .certificate_authority_data
            .unwrap_or_default(),
        (None, Some(path)) => {
            std::fs::read(path).map_err(|source| ConnectionError::CertificateAuthorityFile {
                path: path.into(),
                source,
            })?
        }
        (None, None) => return Ok(None),
    };
    let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&pem)
        .filter_map(Result::ok)
        .map(|certificate| certificate.to_vec())
        .collect();
    if certificates.is_empty() {
        return Err(ConnectionError::NoCertificateAuthority);
    }
    Ok(Some(certificates))
}

/// The proxy that the environment gives for `url`: by scheme, unless `NO_PROXY` or the loopback
/// interface forbids it.
fn proxy_of_environment(
    url: &Uri,
    environment: &Environment,
) -> Result<Option<Uri>, ConnectionError> {
    let names = match url.scheme_str() {
        Some("https") => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let Some(proxy) = environment.first_text(&names) else {
        return Ok(None);
    };
    let exempt = environment
        .first_text(&["NO_PROXY", "no_proxy"])
        .unwrap_or_default();
    let matcher = Matcher::builder().all("http://proxy").no(exempt).build();
    if is_loopback(url.host().unwrap_or_default()) || matcher.intercept(url).is_none() {
        return Ok(None);
    }
    parse_proxy(proxy).map(Some)
}

/// Whether a host is this machine, which no proxy can reach for us.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn parse_proxy(url: &str) -> Result<Uri, ConnectionError> {
    let full = match url.contains("://") {
        true => url.to_owned(),
        false => format!("http://{url}"),
    };
    full.parse().map_err(|_| ConnectionError::Url {
        what: "proxy",
        url: url.to_owned(),
    })
}

/// A duration of Go's `time.ParseDuration`, in whole units or with a fraction, not negative.
fn go_duration(text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = after;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

impl Explain for ConnectionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Kubeconfig(error) => error.hint(),
            Self::NoCluster => Some(
                "name the cluster with --kubeconfig or $KUBECONFIG; to seal, a certificate given with \
                 --cert FILE is enough"
                    .to_owned(),
            ),
            Self::Timeout(_) => Some("write it like 30s, 1m30s, or 0 for no limit".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(connection: Connection, pairs: &[(&str, &str)]) -> Result<Config, ConnectionError> {
        config(&connection, &pairs.iter().copied().collect())
    }

    fn to(server: &str) -> Connection {
        Connection {
            server: server.to_owned(),
            token: "secret".into(),
            ..Connection::default()
        }
    }

    #[test]
    fn credentials_go_over_tls_only() {
        let secure = of(to("https://x"), &[]).unwrap();
        assert!(secure.auth_info.token.is_some());
        for server in ["http://x", "x:8080", "127.0.0.1"] {
            let mut connection = to(server);
            connection.impersonate = "jane".into();
            let plain = of(connection, &[]).unwrap();
            assert_eq!(plain.cluster_url.scheme_str(), Some("http"), "{server}");
            assert!(plain.auth_info.token.is_none(), "{server}");
            assert_eq!(plain.auth_info.impersonate.as_deref(), Some("jane"));
        }
    }

    #[test]
    fn the_path_of_the_server_is_kept_and_its_query_is_not() {
        let config = of(to("https://x:1/k8s/clusters/c-1?a=b"), &[]).unwrap();
        assert_eq!(
            config.cluster_url.to_string(),
            "https://x:1/k8s/clusters/c-1"
        );
        for server in ["https://", "ftp://x", "http://a b"] {
            assert!(
                matches!(of(to(server), &[]), Err(ConnectionError::Url { .. })),
                "{server}"
            );
        }
    }

    #[test]
    fn the_environment_gives_the_proxy_unless_the_host_is_exempt() {
        let proxy = |server: &str, pairs: &[(&str, &str)]| {
            of(to(server), pairs)
                .unwrap()
                .proxy_url
                .map(|url| url.to_string())
        };
        let both = [("HTTPS_PROXY", "http://user:pw@p:1"), ("HTTP_PROXY", "q:2")];
        assert_eq!(
            proxy("https://x", &both).as_deref(),
            Some("http://user:pw@p:1/")
        );
        assert_eq!(proxy("http://x", &both).as_deref(), Some("http://q:2/"));
        assert_eq!(proxy("https://localhost:1", &both), None);
        assert_eq!(proxy("https://[::1]:1", &both), None);
        for exempt in ["x.y,", ",,x.y", "*", ".y", "other, x.y"] {
            let pairs = [both[0], both[1], ("no_proxy", exempt)];
            assert_eq!(proxy("https://x.y", &pairs), None, "{exempt}");
        }
        assert_eq!(proxy("https://x", &[("HTTPS_PROXY", "")]), None);
        let own = Connection {
            proxy_url: "http://own".into(),
            ..to("https://x")
        };
        let pairs = [both[0], ("NO_PROXY", "*")];
        assert_eq!(
            of(own, &pairs).unwrap().proxy_url.unwrap().to_string(),
            "http://own/"
        );
    }

    #[test]
    fn without_kubeconfig_and_server_there_is_no_cluster() {
        assert!(matches!(
            of(Connection::default(), &[]),
            Err(ConnectionError::NoCluster)
        ));
    }

    #[test]
    fn timeouts_are_seconds_or_durations() {
        for (text, wanted) in [
            ("0", None),
            ("", None),
            ("0s", None),
            ("30", Some(30_000)),
            ("1m30s", Some(90_000)),
            ("1.5s", Some(1500)),
            ("250ms", Some(250)),
            ("1h", Some(3_600_000)),
        ] {
            assert_eq!(
                timeout(text).unwrap(),
                wanted.map(Duration::from_millis),
                "{text}"
            );
        }
        for text in ["soon", "-1s", "5 s", "1x", "."] {
            assert!(timeout(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_certificate_authority_that_is_none_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.crt");
        let connection = || Connection {
            certificate_authority: path.to_str().unwrap().to_owned(),
            ..to("https://x")
        };
        assert!(matches!(
            of(connection(), &[]),
            Err(ConnectionError::CertificateAuthorityFile { .. })
        ));
        std::fs::write(&path, "nothing").unwrap();
        assert!(matches!(
            of(connection(), &[]),
            Err(ConnectionError::NoCertificateAuthority)
        ));
    }
}
