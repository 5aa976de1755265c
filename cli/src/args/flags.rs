//! Every flag of the command line.

use std::ffi::OsStr;

use super::Options;
use super::value::{
    InvalidValue, line_of_code, list, namespace, number, severity, switch, text, verbosity_by_file,
};

/// One flag.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) short: Option<char>,
    pub(super) takes: Takes,
    pub(super) group: Group,
    /// One sentence or two; `--help` wraps it.
    pub(super) help: &'static str,
    /// What to say when the flag is given on the command line.
    pub(super) notice: Option<&'static str>,
    /// Stores a value.
    pub(super) set: fn(&mut Options, &OsStr) -> Result<(), InvalidValue>,
}

/// What stands behind a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing, or a boolean behind `=`.
    Nothing,
    /// A value, which `--help` calls so.
    Value(&'static str),
}

/// Flags that `--help` lists together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Modes,
    Files,
    Sealing,
    Certificate,
    Recovery,
    Connection,
    /// klog's flags: accepted, without effect, without variables.
    Logging,
    Hidden,
}

impl Group {
    pub(crate) const LISTED: [(Group, &'static str); 6] = [
        (Group::Modes, "What to do, if not to seal Secrets"),
        (Group::Files, "Input and output"),
        (Group::Sealing, "How to seal"),
        (Group::Certificate, "Where the certificate comes from"),
        (Group::Recovery, "Recovery"),
        (
            Group::Connection,
            "Connection to the API server (only where one is needed)",
        ),
    ];
}

impl Flag {
    const fn new(
        name: &'static str,
        takes: Takes,
        group: Group,
        help: &'static str,
        set: fn(&mut Options, &OsStr) -> Result<(), InvalidValue>,
    ) -> Self {
        Self {
            name,
            short: None,
            takes,
            group,
            help,
            notice: None,
            set,
        }
    }

    const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    const fn notice(mut self, notice: &'static str) -> Self {
        self.notice = Some(notice);
        self
    }

    pub(super) fn has_variable(&self) -> bool {
        self.group != Group::Logging
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.group == Group::Hidden
    }

    /// The variable that sets the flag.
    pub(super) fn variable(&self) -> String {
        format!(
            "SEALED_SECRETS_{}",
            self.name.to_ascii_uppercase().replace('-', "_")
        )
    }
}

const ON_OFF: Takes = Takes::Nothing;
const FILE: Takes = Takes::Value("FILE");
const NAME: Takes = Takes::Value("NAME");
const TEXT: Takes = Takes::Value("TEXT");
const URL: Takes = Takes::Value("URL");

/// Every flag, in the order of `--help`.
pub(super) static FLAGS: &[Flag] = &[
    Flag::new("fetch-cert", ON_OFF, Group::Modes, "Print the certificate of the controller, to be used with --cert later.", |o, v| {
        o.fetch_cert = switch(v)?;
        Ok(())
    }),
    Flag::new("raw", ON_OFF, Group::Modes, "Seal one value, from standard input or --from-file, and print it alone.", |o, v| {
        o.raw = switch(v)?;
        Ok(())
    }),
    Flag::new("merge-into", FILE, Group::Modes, "Add the sealed items to the SealedSecret in FILE, or replace them there, in place.", |o, v| {
        o.merge_into = v.to_owned();
        Ok(())
    }),
    Flag::new("validate", ON_OFF, Group::Modes, "Ask the controller whether it can unseal the SealedSecrets given; the exit code tells.", |o, v| {
        o.validate = switch(v)?;
        Ok(())
    }),
    Flag::new("re-encrypt", ON_OFF, Group::Modes, "Have the controller seal the SealedSecrets given again, with its newest key. With -f and without -w the file is replaced.", |o, v| {
        o.re_encrypt = switch(v)?;
        Ok(())
    }),
    Flag::new("rotate", ON_OFF, Group::Hidden, "Old name of --re-encrypt.", |o, v| {
        o.re_encrypt = switch(v)?;
        Ok(())
    })
    .notice("Flag --rotate has been deprecated, please use --re-encrypt instead"),
    Flag::new("recovery-unseal", ON_OFF, Group::Modes, "Unseal SealedSecrets with the private keys of --recovery-private-key and print the Secrets in the clear.", |o, v| {
        o.recovery_unseal = switch(v)?;
        Ok(())
    }),
    Flag::new("version", ON_OFF, Group::Modes, "Print the version.", |o, v| {
        o.version = switch(v)?;
        Ok(())
    }),
    Flag::new("help", ON_OFF, Group::Modes, "Print this text.", |o, v| {
        o.help = switch(v)?;
        Ok(())
    })
    .short('h'),

    Flag::new("secret-file", FILE, Group::Files, "Read FILE instead of standard input.", |o, v| {
        o.secret_file = v.to_owned();
        Ok(())
    })
    .short('f'),
    Flag::new("sealed-secret-file", FILE, Group::Files, "Write FILE instead of standard output, whole or not at all; YAML if its name ends in .yaml or .yml.", |o, v| {
        o.sealed_secret_file = v.to_owned();
        Ok(())
    })
    .short('w'),
    Flag::new("format", Takes::Value("json|yaml"), Group::Files, "Output format (default: what the project file says, else json).", |o, v| {
        o.format = text(v)?;
        Ok(())
    })
    .short('o'),
    Flag::new("from-file", Takes::Value("[KEY=]FILE"), Group::Files, "With --raw: the file with the value.", |o, v| {
        o.from_file.extend(list(v)?);
        Ok(())
    }),
    Flag::new("allow-empty-data", ON_OFF, Group::Files, "Accept a Secret without items.", |o, v| {
        o.allow_empty_data = switch(v)?;
        Ok(())
    }),

    Flag::new("project-file", FILE, Group::Files, "Project file, instead of the .kubeseal.yaml nearest above the target; /dev/null for none.", |o, v| {
        o.project_file = v.to_owned();
        Ok(())
    }),

    Flag::new("name", NAME, Group::Sealing, "Name of the SealedSecret; instead of the one in the input. Needed by --raw in strict scope.", |o, v| {
        o.name = text(v)?;
        Ok(())
    }),
    Flag::new("namespace", NAME, Group::Sealing, "Namespace of the SealedSecret, where the input has none (default: that of the current context).", |o, v| {
        o.namespace = namespace(v)?;
        Ok(())
    })
    .short('n'),
    Flag::new("scope", Takes::Value("SCOPE"), Group::Sealing, "Where the SealedSecret can be unsealed: strict (under its name and namespace only), namespace-wide (under any name) or cluster-wide (anywhere). Default: what the annotations of the input say, else strict.", |o, v| {
        o.scope = match text(v)?.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|error| InvalidValue(format!("{error}")))?),
        };
        Ok(())
    }),

    Flag::new("cert", Takes::Value("FILE|URL"), Group::Certificate, "Certificate to seal with. With a file nothing is contacted. Without this flag the controller is asked.", |o, v| {
        o.cert = v.to_owned();
        Ok(())
    }),
    Flag::new("clusters", Takes::Value("NAME[=CERT],..."), Group::Certificate, "Seal for each of these clusters, with -w 'FILE-{cluster}.yaml' into a file for each; {name} and {namespace} may stand there too. Those without CERT are from the project file.", |o, v| {
        o.clusters.extend(list(v)?);
        Ok(())
    }),
    Flag::new("cert-cache", ON_OFF, Group::Certificate, "Keep the certificate that the controller sends, and seal with it when no cluster answers. Its age is told.", |o, v| {
        o.cert_cache = switch(v)?;
        Ok(())
    }),
    Flag::new("controller-name", NAME, Group::Certificate, "Service of the controller (default: sealed-secrets-controller; if there is none, the one in its namespace with the label app.kubernetes.io/name=sealed-secrets).", |o, v| {
        o.controller_name = text(v)?;
        o.controller_is_named = true;
        Ok(())
    }),
    Flag::new("controller-namespace", NAME, Group::Certificate, "Namespace of the controller (default: kube-system).", |o, v| {
        o.controller_namespace = text(v)?;
        Ok(())
    }),

    Flag::new("recovery-private-key", Takes::Value("FILE,..."), Group::Recovery, "Private keys for --recovery-unseal: PEM files, or backups of the controller's key Secrets in JSON or YAML. May be repeated.", |o, v| {
        o.recovery_private_keys.extend(list(v)?);
        Ok(())
    }),

    Flag::new("kubeconfig", FILE, Group::Connection, "The kubeconfig (default: $KUBECONFIG, else ~/.kube/config).", |o, v| {
        o.connection.kubeconfig = v.to_owned();
        Ok(())
    }),
    Flag::new("context", NAME, Group::Connection, "Context of the kubeconfig.", |o, v| {
        o.connection.context = text(v)?;
        Ok(())
    }),
    Flag::new("cluster", NAME, Group::Connection, "Cluster of the kubeconfig.", |o, v| {
        o.connection.cluster = text(v)?;
        Ok(())
    }),
    Flag::new("user", NAME, Group::Connection, "User of the kubeconfig.", |o, v| {
        o.connection.user = text(v)?;
        Ok(())
    }),
    Flag::new("server", URL, Group::Connection, "The API server.", |o, v| {
        o.connection.server = text(v)?;
        Ok(())
    }),
    Flag::new("tls-server-name", NAME, Group::Connection, "Name that the server's certificate must have, if not that of its URL.", |o, v| {
        o.connection.tls_server_name = text(v)?;
        Ok(())
    }),
    Flag::new("proxy-url", URL, Group::Connection, "Proxy to reach the server through.", |o, v| {
        o.connection.proxy_url = text(v)?;
        Ok(())
    }),
    Flag::new("certificate-authority", FILE, Group::Connection, "Certificate authority of the server.", |o, v| {
        o.connection.certificate_authority = text(v)?;
        Ok(())
    }),
    Flag::new("client-certificate", FILE, Group::Connection, "TLS client certificate.", |o, v| {
        o.connection.client_certificate = text(v)?;
        Ok(())
    }),
    Flag::new("client-key", FILE, Group::Connection, "TLS client key.", |o, v| {
        o.connection.client_key = text(v)?;
        Ok(())
    }),
    Flag::new("insecure-skip-tls-verify", ON_OFF, Group::Connection, "Don't check the server's certificate: anybody on the way can then hand out a certificate of their own.", |o, v| {
        o.connection.insecure_skip_tls_verify = switch(v)?;
        Ok(())
    }),
    Flag::new("disable-compression", ON_OFF, Group::Connection, "Don't ask for compressed responses.", |o, v| {
        o.connection.disable_compression = switch(v)?;
        Ok(())
    }),
    Flag::new("token", TEXT, Group::Connection, "Bearer token. Like all credentials, sent over TLS only.", |o, v| {
        o.connection.token = text(v)?;
        Ok(())
    }),
    Flag::new("username", NAME, Group::Connection, "Name for basic authentication.", |o, v| {
        o.connection.username = text(v)?;
        Ok(())
    }),
    Flag::new("password", TEXT, Group::Connection, "Password for basic authentication.", |o, v| {
        o.connection.password = text(v)?;
        Ok(())
    }),
    Flag::new("as", NAME, Group::Connection, "User to impersonate.", |o, v| {
        o.connection.impersonate = text(v)?;
        Ok(())
    }),
    Flag::new("as-uid", TEXT, Group::Connection, "UID to impersonate.", |o, v| {
        o.connection.impersonate_uid = text(v)?;
        Ok(())
    }),
    Flag::new("as-group", NAME, Group::Connection, "Group to impersonate. May be repeated.", |o, v| {
        o.connection.impersonate_groups.push(text(v)?);
        Ok(())
    }),
    Flag::new("request-timeout", Takes::Value("DURATION"), Group::Connection, "How long to wait for each response, as in 30s or 1m30s (default: 0, forever).", |o, v| {
        o.connection.request_timeout = text(v)?;
        Ok(())
    }),

    Flag::new("v", Takes::Value("N"), Group::Logging, "", |_, v| number::<i32>(v)).short('v'),
    Flag::new("logtostderr", ON_OFF, Group::Logging, "", |_, v| switch(v).map(drop)),
    Flag::new("alsologtostderr", ON_OFF, Group::Logging, "", |_, v| switch(v).map(drop)),
    Flag::new("stderrthreshold", TEXT, Group::Logging, "", |_, v| severity(v)),
    Flag::new("alsologtostderrthreshold", TEXT, Group::Logging, "", |_, v| severity(v)),
    Flag::new("log_dir", FILE, Group::Logging, "", |_, _| Ok(())),
    Flag::new("log_file", FILE, Group::Logging, "", |_, _| Ok(())),
    Flag::new("log_file_max_size", Takes::Value("N"), Group::Logging, "", |_, v| number::<u64>(v)),
    Flag::new("log_backtrace_at", TEXT, Group::Logging, "", |_, v| line_of_code(v)),
    Flag::new("vmodule", TEXT, Group::Logging, "", |_, v| verbosity_by_file(v)),
    Flag::new("skip_headers", ON_OFF, Group::Logging, "", |_, v| switch(v).map(drop)),
    Flag::new("skip_log_headers", ON_OFF, Group::Logging, "", |_, v| switch(v).map(drop)),
    Flag::new("add_dir_header", ON_OFF, Group::Logging, "", |_, v| switch(v).map(drop)),
    Flag::new("one_output", ON_OFF, Group::Logging, "", |_, v| switch(v).map(drop)),
    Flag::new("legacy_stderr_threshold_behavior", ON_OFF, Group::Logging, "", |_, v| switch(v).map(drop)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_letters_are_unique_and_letters_are_ascii() {
        let names: HashSet<_> = FLAGS.iter().map(|flag| flag.name).collect();
        assert_eq!(names.len(), FLAGS.len());
        let letters: Vec<char> = FLAGS.iter().filter_map(|flag| flag.short).collect();
        assert_eq!(letters.iter().collect::<HashSet<_>>().len(), letters.len());
        assert!(letters.iter().all(char::is_ascii));
    }

    #[test]
    fn variables_are_named_after_their_flags() {
        let variables: Vec<String> = FLAGS
            .iter()
            .filter(|flag| flag.has_variable())
            .map(Flag::variable)
            .collect();
        for wanted in [
            "SEALED_SECRETS_CERT",
            "SEALED_SECRETS_CONTROLLER_NAMESPACE",
            "SEALED_SECRETS_AS_GROUP",
        ] {
            assert!(
                variables.iter().any(|variable| variable == wanted),
                "{wanted}"
            );
        }
        assert!(
            !variables
                .iter()
                .any(|variable| variable == "SEALED_SECRETS_V")
        );
    }
}
