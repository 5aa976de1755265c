//! The command line and the `SEALED_SECRETS_*` variables, as typed options.
//!
//! - `flags`: every flag, one row each: what it takes, what it means, what it sets;
//! - `pflag`: the syntax;
//! - `value`: the types of values;
//! - `help`: what `--help` prints, made from the rows;
//! - `shared`: the rows as clap knows them, for the subcommands.
//!
//! Why not a crate such as clap: the contract is pflag's syntax and the rules for variables (an
//! empty one counts, one that doesn't parse does not), and no crate has either.

mod flags;
mod help;
mod pflag;
mod shared;
mod value;

use std::collections::HashSet;
use std::ffi::OsString;

use sealed_secrets_core::Scope;

use crate::env::Environment;
use crate::error::Explain;
use flags::{FLAGS, Flag};
use pflag::Occurrence;

pub(crate) use flags::Group;
pub use help::{short_help, usage};
pub(crate) use shared::{flag_variable, shared_flags};

/// What the user asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--version`
    pub version: bool,
    /// `--help`
    pub help: bool,
    /// `--cert`: file or URL; empty to ask the controller.
    pub cert: OsString,
    /// `--cert-cache`
    pub cert_cache: bool,
    /// `--controller-name`
    pub controller_name: String,
    /// Whether that was given, so that no other will do.
    pub controller_is_named: bool,
    /// `--controller-namespace`
    pub controller_namespace: String,
    /// `--format`; empty for the default.
    pub format: String,
    /// `--secret-file`; empty for standard input.
    pub secret_file: OsString,
    /// `--sealed-secret-file`; empty for standard output.
    pub sealed_secret_file: OsString,
    /// `--fetch-cert`
    pub fetch_cert: bool,
    /// `--allow-empty-data`
    pub allow_empty_data: bool,
    /// `--validate`
    pub validate: bool,
    /// `--merge-into`; empty for none.
    pub merge_into: OsString,
    /// `--project-file`; empty to search for one.
    pub project_file: OsString,
    /// `--clusters`
    pub clusters: Vec<OsString>,
    /// `--raw`
    pub raw: bool,
    /// `--name`; empty for none.
    pub name: String,
    /// `--from-file`
    pub from_file: Vec<OsString>,
    /// `--scope`, unless empty.
    pub scope: Option<Scope>,
    /// `--re-encrypt` or `--rotate`
    pub re_encrypt: bool,
    /// `--recovery-unseal`
    pub recovery_unseal: bool,
    /// `--recovery-private-key`
    pub recovery_private_keys: Vec<OsString>,
    /// `--namespace`; empty for none.
    pub namespace: String,
    /// How to reach the API server.
    pub connection: Connection,
    /// What to tell the user about the flags themselves.
    pub notices: Vec<&'static str>,
}

/// How to reach the API server. Empty values leave it to the kubeconfig.
#[derive(Clone, Default)]
pub struct Connection {
    /// `--kubeconfig`
    pub kubeconfig: OsString,
    /// `--context`
    pub context: String,
    /// `--cluster`
    pub cluster: String,
    /// `--user`
    pub user: String,
    /// `--server`
    pub server: String,
    /// `--tls-server-name`
    pub tls_server_name: String,
    /// `--proxy-url`
    pub proxy_url: String,
    /// `--certificate-authority`
    pub certificate_authority: String,
    /// `--client-certificate`
    pub client_certificate: String,
    /// `--client-key`
    pub client_key: String,
    /// `--insecure-skip-tls-verify`
    pub insecure_skip_tls_verify: bool,
    /// `--disable-compression`
    pub disable_compression: bool,
    /// `--token`
    pub token: String,
    /// `--username`
    pub username: String,
    /// `--password`
    pub password: String,
    /// `--as`
    pub impersonate: String,
    /// `--as-uid`
    pub impersonate_uid: String,
    /// `--as-group`
    pub impersonate_groups: Vec<String>,
    /// `--request-timeout`
    pub request_timeout: String,
}

/// Why a command line was refused. Exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    /// No flag has this name.
    #[error("unknown flag: --{name}")]
    UnknownLong {
        /// What was given.
        name: String,
    },
    /// No flag has this letter.
    #[error("unknown shorthand flag: {letter:?} in {arg}")]
    UnknownShort {
        /// The letter.
        letter: char,
        /// The argument it stands in.
        arg: String,
    },
    /// The argument is no flag of any kind.
    #[error("bad flag syntax: {arg}")]
    Syntax {
        /// The argument.
        arg: String,
    },
    /// The command line ends where a value is due.
    #[error("flag needs an argument: {flag}")]
    NoArgument {
        /// The flag as it was given.
        flag: String,
    },
    /// The flag doesn't take this value.
    #[error("invalid argument {value:?} for --{flag}: {problem}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A variable has a value that its flag doesn't take.
    #[error("invalid value {value:?} of {variable}: {problem}")]
    Variable {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Options {
    /// Reads a command line (without the program's name) and the variables.
    ///
    /// The command line wins over variables, the last repetition over earlier ones; list flags add
    /// up on the command line, which replaces the variable's list. A variable with a value that its
    /// flag doesn't take is ignored, unless it is the scope: sealing for the wrong scope is not
    /// what anybody wants.
    ///
    /// # Errors
    /// The first flag, or else the variable, that is wrong.
    pub fn parse(
        args: impl IntoIterator<Item = OsString>,
        environment: &Environment,
    ) -> Result<Self, FlagError> {
        Self::of(&pflag::parse(args)?, environment)
    }

    /// The options that were `given`, and for the others their variables.
    fn of(occurrences: &[Occurrence], environment: &Environment) -> Result<Self, FlagError> {
        let given: HashSet<&str> = occurrences.iter().map(|one| one.flag.name).collect();
        let mut options = Self::default();
        for flag in FLAGS
            .iter()
            .filter(|flag| flag.has_variable() && !given.contains(flag.name))
        {
            let variable = flag.variable();
            let Some(value) = environment.value(&variable) else {
                continue;
            };
            match (flag.set)(&mut options, value) {
                Err(problem) if flag.name == "scope" => {
                    return Err(FlagError::Variable {
                        variable,
                        value: value.to_string_lossy().into_owned(),
                        problem: problem.to_string(),
                    });
                }
                Ok(()) | Err(_) => {}
            }
        }
        for occurrence in occurrences {
            let Flag {
                name, set, notice, ..
            } = occurrence.flag;
            set(&mut options, &occurrence.value).map_err(|problem| FlagError::Value {
                flag: name,
                value: occurrence.value.to_string_lossy().into_owned(),
                problem: problem.to_string(),
            })?;
            options.notices.extend(*notice);
        }
        Ok(options)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: false,
            help: false,
            cert: OsString::new(),
            cert_cache: false,
            controller_is_named: false,
            controller_name: "sealed-secrets-controller".to_owned(),
            controller_namespace: "kube-system".to_owned(),
            format: String::new(),
            secret_file: OsString::new(),
            sealed_secret_file: OsString::new(),
            fetch_cert: false,
            allow_empty_data: false,
            validate: false,
            merge_into: OsString::new(),
            project_file: OsString::new(),
            clusters: Vec::new(),
            raw: false,
            name: String::new(),
            from_file: Vec::new(),
            scope: None,
            re_encrypt: false,
            recovery_unseal: false,
            recovery_private_keys: Vec::new(),
            namespace: String::new(),
            connection: Connection::default(),
            notices: Vec::new(),
        }
    }
}

/// Leaves credentials out.
impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("kubeconfig", &self.kubeconfig)
            .field("context", &self.context)
            .field("cluster", &self.cluster)
            .field("user", &self.user)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Explain for FlagError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownLong { name } => {
                let name = name.to_ascii_lowercase();
                let similar = FLAGS.iter().find(|flag| {
                    !flag.is_hidden()
                        && !name.is_empty()
                        && (flag.name.starts_with(&name)
                            || flag.name.replace('-', "") == name.replace(['-', '_'], ""))
                });
                Some(match similar {
                    Some(flag) => format!("did you mean --{}?", flag.name),
                    None => "kubeseal --help lists all flags".to_owned(),
                })
            }
            Self::UnknownShort { .. } | Self::Syntax { .. } => {
                Some("kubeseal --help lists all flags".to_owned())
            }
            Self::Value { flag, .. } => {
                let flag = FLAGS.iter().find(|row| row.name == *flag)?;
                (flag.takes == flags::Takes::Nothing).then(|| {
                    format!(
                        "--{0} takes no value, or one behind `=`: --{0}=false",
                        flag.name
                    )
                })
            }
            Self::NoArgument { .. } | Self::Variable { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str], variables: &[(&str, &str)]) -> Result<Options, FlagError> {
        Options::parse(
            args.iter().map(OsString::from),
            &variables.iter().copied().collect(),
        )
    }

    #[test]
    fn the_last_repetition_wins_and_lists_add_up() {
        let options = options(
            &[
                "--name",
                "a",
                "--name=b",
                "-oyaml",
                "--raw",
                "--raw=false",
                "--from-file",
                "x,y",
                "--from-file=z",
            ],
            &[],
        )
        .unwrap();
        assert_eq!(
            (options.name.as_str(), options.format.as_str(), options.raw),
            ("b", "yaml", false)
        );
        assert_eq!(options.from_file, ["x", "y", "z"]);
    }

    #[test]
    fn the_command_line_wins_over_variables_and_replaces_their_lists() {
        let variables = [
            ("SEALED_SECRETS_NAME", "env"),
            ("SEALED_SECRETS_RECOVERY_PRIVATE_KEY", "a,b"),
            ("SEALED_SECRETS_CONTROLLER_NAMESPACE", ""),
            ("SEALED_SECRETS_NAMESPACE", "ns/env"),
            ("KUBESEAL_CERT", "x"),
            ("CERT", "x"),
        ];
        let from_env = options(&[], &variables).unwrap();
        assert_eq!(from_env.name, "env");
        assert_eq!(from_env.namespace, "env");
        assert_eq!(from_env.recovery_private_keys, ["a", "b"]);
        assert_eq!(from_env.controller_namespace, "", "empty counts as set");
        assert_eq!(from_env.cert, "");
        let both = options(&["--name", "", "--recovery-private-key=c"], &variables).unwrap();
        assert_eq!(
            (both.name.as_str(), both.recovery_private_keys.as_slice()),
            ("", &["c".into()][..])
        );
    }

    #[test]
    fn variables_that_do_not_parse_are_ignored_but_for_the_scope() {
        let ignored = options(
            &[],
            &[
                ("SEALED_SECRETS_VERSION", "v0.27.1"),
                ("SEALED_SECRETS_RAW", ""),
                ("SEALED_SECRETS_V", "5"),
            ],
        )
        .unwrap();
        assert!(!ignored.version && !ignored.raw);
        assert!(
            options(&[], &[("SEALED_SECRETS_VERSION", "true")])
                .unwrap()
                .version
        );

        let wrong = [("SEALED_SECRETS_SCOPE", "cluster")];
        assert!(matches!(
            options(&[], &wrong),
            Err(FlagError::Variable { .. })
        ));
        assert_eq!(
            options(&["--scope=strict"], &wrong).unwrap().scope,
            Some(Scope::Strict)
        );
        assert_eq!(
            options(&[], &[("SEALED_SECRETS_SCOPE", "")]).unwrap().scope,
            None
        );
    }

    #[test]
    fn wrong_values_name_flag_and_value() {
        for (args, wanted) in [
            (
                &["--scope", "wide"][..],
                "invalid argument \"wide\" for --scope: unknown scope",
            ),
            (
                &["--raw=maybe"],
                "invalid argument \"maybe\" for --raw: expected true or false",
            ),
            (
                &["-v", "loud"],
                "invalid argument \"loud\" for --v: expected a number",
            ),
            (
                &["--from-file", "\"x"],
                "invalid argument \"\\\"x\" for --from-file: quote is not closed",
            ),
        ] {
            let error = options(args, &[]).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
        }
    }

    #[test]
    fn klog_flags_are_accepted_and_have_no_variables() {
        options(
            &[
                "-v=5",
                "--v",
                "2",
                "--logtostderr",
                "--alsologtostderr=false",
                "--stderrthreshold",
                "ERROR",
                "--log_dir=x",
                "--log_file",
                "y",
                "--log_file_max_size=5",
                "--vmodule",
                "a=1",
                "--skip_headers",
                "--log_backtrace_at",
                "a.go:5",
                "--skip_log_headers",
                "--add_dir_header",
                "--one_output",
                "--alsologtostderrthreshold=INFO",
                "--legacy_stderr_threshold_behavior",
            ],
            &[("SEALED_SECRETS_STDERRTHRESHOLD", "LOUD")],
        )
        .unwrap();
    }

    #[test]
    fn the_old_name_of_re_encrypt_works_with_a_notice() {
        let old = options(&["--rotate"], &[]).unwrap();
        assert!(old.re_encrypt && old.notices.len() == 1);
        assert!(
            !options(&["--rotate", "--re-encrypt=false"], &[])
                .unwrap()
                .re_encrypt
        );
        let quiet = options(&[], &[("SEALED_SECRETS_ROTATE", "true")]).unwrap();
        assert!(quiet.re_encrypt && quiet.notices.is_empty());
    }

    #[test]
    fn misspelt_flags_are_given_a_hint() {
        let hint = |args: &[&str]| options(args, &[]).unwrap_err().hint().unwrap();
        assert_eq!(
            hint(&["--recovery-pr"]),
            "did you mean --recovery-private-key?"
        );
        assert_eq!(
            hint(&["--controller_name=x"]),
            "did you mean --controller-name?"
        );
        assert_eq!(hint(&["--xyz"]), "kubeseal --help lists all flags");
        assert!(hint(&["--raw=5"]).contains("--raw=false"));
    }
}
