//! The kubeconfig: which files, and what of them counts in this run.
//!
//! `kube` reads and merges the files; the choice of files, and what the flags override, are
//! client-go's, as kubectl users know them.

use std::path::PathBuf;

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig};

use crate::args::Connection;
use crate::env::Environment;
use crate::error::Explain;

/// The parts of the kubeconfig that the context and the flags select, flags applied.
#[derive(Debug)]
pub struct Selection {
    /// The context; an empty one if none is named.
    pub context: Context,
    /// The cluster, which has a server.
    pub cluster: Cluster,
}

/// Why the kubeconfig is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeconfigError {
    /// `--kubeconfig` names no file.
    #[error("kubeconfig {path} does not exist")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file can't be read or isn't a kubeconfig.
    #[error("cannot read kubeconfig {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<kube::config::KubeconfigError>,
    },
    /// An entry is named, but isn't there.
    #[error("{kind} {name:?} does not exist in the kubeconfig")]
    NoEntry {
        /// `context`, `cluster` or `user`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The names that are there.
        known: Vec<String>,
    },
    /// The cluster has no server.
    #[error("cluster {name:?} of the kubeconfig has no server")]
    NoServer {
        /// The cluster.
        name: String,
    },
}

/// Reads and merges the files: `--kubeconfig`, else those that `$KUBECONFIG` lists, else
/// `~/.kube/config`. But for the first, missing files are skipped.
///
/// # Errors
/// The first file that can't be read.
pub fn load(
    connection: &Connection,
    environment: &Environment,
) -> Result<Kubeconfig, KubeconfigError> {
    let mut merged = Kubeconfig::default();
    for path in files(connection, environment) {
        if !path.exists() {
            if connection.kubeconfig.is_empty() {
                continue;
            }
            return Err(KubeconfigError::Missing { path });
        }
        let unreadable = |source| KubeconfigError::Unreadable {
            path: path.clone(),
            source: Box::new(source),
        };
        let mut file = Kubeconfig::read_from(&path).map_err(unreadable)?;
        // Empty is as good as absent, and must not hide another file's.
        file.current_context = file.current_context.filter(|name| !name.is_empty());
        merged = merged.merge(file).map_err(unreadable)?;
    }
    Ok(merged)
}

/// The entries of `kubeconfig` that count, with what the flags override. `None` if neither names a
/// server nor anything else: there is no configuration then, and a pod's own may serve.
///
/// # Errors
/// A named entry is missing, or the cluster has no server.
pub fn select(
    kubeconfig: &Kubeconfig,
    connection: &Connection,
) -> Result<Option<Selection>, KubeconfigError> {
    let context_name = Some(connection.context.as_str())
        .filter(|name| !name.is_empty())
        .or(kubeconfig.current_context.as_deref());
    let context = match context_name {
        None => Context::default(),
        Some(name) => kubeconfig
            .contexts
            .iter()
            .find(|context| context.name == name)
            .map(|context| context.context.clone().unwrap_or_default())
            .ok_or_else(|| KubeconfigError::NoEntry {
                kind: "context",
                name: name.to_owned(),
                known: kubeconfig
                    .contexts
                    .iter()
                    .map(|context| context.name.clone())
                    .collect(),
            })?,
    };
    let (cluster_name, named) = named(&connection.cluster, &context.cluster);
    let cluster = kubeconfig
        .clusters
        .iter()
        .find(|cluster| cluster.name == cluster_name);
    if cluster.is_none() && named {
        return Err(KubeconfigError::NoEntry {
            kind: "cluster",
            name: cluster_name.to_owned(),
            known: kubeconfig
                .clusters
                .iter()
                .map(|cluster| cluster.name.clone())
                .collect(),
        });
    }
    let mut cluster = cluster
        .and_then(|cluster| cluster.cluster.clone())
        .unwrap_or_default();
    override_cluster(&mut cluster, connection);
    if cluster.server.as_deref().unwrap_or_default().is_empty() {
        if context_name.is_none() || cluster_name.is_empty() {
            return Ok(None);
        }
        return Err(KubeconfigError::NoServer {
            name: cluster_name.to_owned(),
        });
    }

    Ok(Some(Selection { context, cluster }))
}

/// The user of `context`, with what the flags override; an empty one if none is named.
///
/// # Errors
/// The user that a flag names is missing.
pub fn user(
    kubeconfig: &Kubeconfig,
    context: &Context,
    connection: &Connection,
) -> Result<AuthInfo, KubeconfigError> {
    let of_context = context.user.as_deref().unwrap_or_default();
    let (name, named) = named(&connection.user, of_context);
    let user = kubeconfig.auth_infos.iter().find(|user| user.name == name);
    if user.is_none() && named {
        return Err(KubeconfigError::NoEntry {
            kind: "user",
            name: name.to_owned(),
            known: kubeconfig
                .auth_infos
                .iter()
                .map(|user| user.name.clone())
                .collect(),
        });
    }
    let mut user = user
        .and_then(|user| user.auth_info.clone())
        .unwrap_or_default();
    override_user(&mut user, connection);
    Ok(user)
}

fn files(connection: &Connection, environment: &Environment) -> Vec<PathBuf> {
    if !connection.kubeconfig.is_empty() {
        return vec![connection.kubeconfig.clone().into()];
    }
    if let Some(list) = environment.nonempty("KUBECONFIG") {
        return std::env::split_paths(list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
    }
    environment
        .nonempty("HOME")
        .or_else(|| environment.nonempty("USERPROFILE"))
        .map(|home| PathBuf::from(home).join(".kube").join("config"))
        .into_iter()
        .collect()
}

/// The name that counts, and whether a flag gave it.
fn named<'a>(flag: &'a str, of_context: &'a str) -> (&'a str, bool) {
    if flag.is_empty() {
        (of_context, false)
    } else {
        (flag, true)
    }
}

fn override_cluster(cluster: &mut Cluster, connection: &Connection) {
    let given = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
    cluster.server = given(&connection.server).or(cluster.server.take());
    cluster.proxy_url = given(&connection.proxy_url).or(cluster.proxy_url.take());
    if connection.disable_compression {
        cluster.disable_compression = Some(true);
    }
    // A flag for trust replaces all of the kubeconfig's trust: half of each would be neither.
    if connection.insecure_skip_tls_verify || !connection.certificate_authority.is_empty() {
        cluster.insecure_skip_tls_verify = Some(connection.insecure_skip_tls_verify);
        cluster.certificate_authority = given(&connection.certificate_authority);
        cluster.certificate_authority_data = None;
    }
    // Another server has another name.
    if !connection.tls_server_name.is_empty() || !connection.server.is_empty() {
        cluster.tls_server_name = given(&connection.tls_server_name);
    }
}

fn override_user(user: &mut AuthInfo, connection: &Connection) {
    let given = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
    if !connection.token.is_empty() {
        user.token = Some(connection.token.as_str().into());
    }
    user.username = given(&connection.username).or(user.username.take());
    if !connection.password.is_empty() {
        user.password = Some(connection.password.as_str().into());
    }
    if !connection.client_certificate.is_empty() {
        user.client_certificate = given(&connection.client_certificate);
        user.client_certificate_data = None;
    }
    if !connection.client_key.is_empty() {
        user.client_key = given(&connection.client_key);
        user.client_key_data = None;
    }
    user.impersonate = given(&connection.impersonate).or(user.impersonate.take());
    user.impersonate_uid = given(&connection.impersonate_uid).or(user.impersonate_uid.take());
    if !connection.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(connection.impersonate_groups.clone());
    }
}

impl Explain for KubeconfigError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoEntry { kind, known, .. } if !known.is_empty() => {
                let plural = if known.len() == 1 { "" } else { "s" };
                Some(format!("it has {kind}{plural} {}", known.join(", ")))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    const TWO: &str = "
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c1, user: u1, namespace: ns1}}
- {name: two, context: {cluster: c2, user: u2}}
- {name: lost, context: {cluster: gone, user: u1}}
clusters:
- {name: c1, cluster: {server: 'https://one:6443', certificate-authority: ca.crt, tls-server-name: inner}}
- {name: c2, cluster: {server: 'https://two:6443'}}
users:
- {name: u1, user: {token: t1}}
- {name: u2, user: {client-certificate: c.crt, client-key: c.key}}
";

    fn selection(connection: &Connection) -> Result<Option<Selection>, KubeconfigError> {
        select(&Kubeconfig::from_yaml(TWO).unwrap(), connection)
    }

    fn write(folder: &Path, name: &str, text: &str) -> String {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn flags_pick_and_override_entries() {
        let plain = selection(&Connection::default()).unwrap().unwrap();
        assert_eq!(plain.context.namespace.as_deref(), Some("ns1"));
        assert_eq!(plain.cluster.server.as_deref(), Some("https://one:6443"));

        let mixed = Connection {
            context: "two".into(),
            user: "u1".into(),
            ..Connection::default()
        };
        let (kubeconfig, given) = (Kubeconfig::from_yaml(TWO).unwrap(), mixed);
        let mixed = select(&kubeconfig, &given).unwrap().unwrap();
        assert_eq!(mixed.cluster.server.as_deref(), Some("https://two:6443"));
        assert!(
            user(&kubeconfig, &mixed.context, &given)
                .unwrap()
                .token
                .is_some()
        );
        assert_eq!(mixed.context.namespace, None);

        let server = Connection {
            server: "https://three".into(),
            ..Connection::default()
        };
        let server = selection(&server).unwrap().unwrap();
        assert_eq!(server.cluster.server.as_deref(), Some("https://three"));
        assert_eq!(
            server.cluster.tls_server_name, None,
            "the name belonged to the other server"
        );

        let insecure = Connection {
            insecure_skip_tls_verify: true,
            ..Connection::default()
        };
        let insecure = selection(&insecure).unwrap().unwrap();
        assert_eq!(insecure.cluster.insecure_skip_tls_verify, Some(true));
        assert_eq!(insecure.cluster.certificate_authority, None);
    }

    #[test]
    fn missing_entries_are_named_with_those_that_exist() {
        for (connection, kind) in [
            (
                Connection {
                    context: "x".into(),
                    ..Connection::default()
                },
                "context",
            ),
            (
                Connection {
                    cluster: "x".into(),
                    ..Connection::default()
                },
                "cluster",
            ),
        ] {
            let error = selection(&connection).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("{kind} \"x\" does not exist")),
                "{error}"
            );
            assert!(error.hint().is_some());
        }
        let given = Connection {
            user: "x".into(),
            ..Connection::default()
        };
        let kubeconfig = Kubeconfig::from_yaml(TWO).unwrap();
        let error = user(&kubeconfig, &Context::default(), &given).unwrap_err();
        assert!(
            error.to_string().starts_with("user \"x\" does not exist"),
            "{error}"
        );
        let lost = Connection {
            context: "lost".into(),
            ..Connection::default()
        };
        assert!(matches!(
            selection(&lost),
            Err(KubeconfigError::NoServer { .. })
        ));
    }

    #[test]
    fn without_context_and_server_there_is_no_configuration() {
        let nothing = Kubeconfig::default();
        assert!(select(&nothing, &Connection::default()).unwrap().is_none());
        let server = Connection {
            server: "http://x".into(),
            ..Connection::default()
        };
        assert!(select(&nothing, &server).unwrap().is_some());
    }

    #[test]
    fn of_several_files_the_first_to_define_a_value_wins() {
        let folder = tempfile::tempdir().unwrap();
        let empty = write(folder.path(), "empty", "");
        let first = write(
            folder.path(),
            "first",
            "current-context: ''\nclusters: [{name: c1, cluster: {server: 'https://first'}}]\n",
        );
        let second = write(folder.path(), "second", TWO);
        let list = std::env::join_paths([
            &empty,
            &folder.path().join("no").to_str().unwrap().to_owned(),
            &first,
            &second,
        ])
        .unwrap();
        let environment: Environment = [("KUBECONFIG", list)].into_iter().collect();
        let merged = load(&Connection::default(), &environment).unwrap();
        assert_eq!(merged.current_context.as_deref(), Some("one"));
        let selected = select(&merged, &Connection::default()).unwrap().unwrap();
        assert_eq!(selected.cluster.server.as_deref(), Some("https://first"));
    }

    #[test]
    fn files_are_found_in_their_order_and_only_the_explicit_one_must_exist() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        fs::create_dir_all(home.join(".kube")).unwrap();
        write(&home, ".kube/config", "current-context: home\n");
        let own = write(folder.path(), "own", "current-context: own\n");
        let environment = |kubeconfig: &str| -> Environment {
            [("HOME", home.to_str().unwrap()), ("KUBECONFIG", kubeconfig)]
                .into_iter()
                .collect()
        };
        let current = |connection: &Connection, environment: &Environment| {
            load(connection, environment).map(|kubeconfig| kubeconfig.current_context)
        };
        let none = Connection::default();
        assert_eq!(
            current(&none, &environment("")).unwrap().as_deref(),
            Some("home")
        );
        assert_eq!(
            current(&none, &environment(&own)).unwrap().as_deref(),
            Some("own")
        );
        assert_eq!(current(&none, &environment("/no/such/file")).unwrap(), None);
        assert_eq!(current(&none, &Environment::default()).unwrap(), None);
        let missing = Connection {
            kubeconfig: "/no/such/file".into(),
            ..Connection::default()
        };
        assert!(matches!(
            current(&missing, &environment(&own)),
            Err(KubeconfigError::Missing { .. })
        ));
        let broken = write(folder.path(), "broken", "contexts: [");
        assert!(matches!(
            current(&none, &environment(&broken)),
            Err(KubeconfigError::Unreadable { .. })
        ));
    }
}
