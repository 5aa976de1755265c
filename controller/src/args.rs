//! Command line and environment.
//!
//! Any flag may come from `SEALED_SECRETS_` and its name in capitals with `_` for `-`; the command
//! line wins.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use sealed_secrets_core::private_key::KeySize;

use crate::go_duration;
use crate::http::{Limits, Rate};

/// Turns SealedSecrets into Secrets.
#[derive(Debug, Parser)]
#[command(
    name = "sealed-secrets-controller",
    // Scripts read the version behind these words.
    display_name = "controller version:",
    version,
    about = "Turns SealedSecrets into Secrets: in a Kubernetes cluster, or `standalone` from a folder of manifests to files",
    args_override_self = true,
    disable_version_flag = true
)]
pub struct Args {
    /// What to run; without a command, the controller of a cluster.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a flattened group would take its doc as the help of a flag"
    )]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a flattened group would take its doc as the help of a flag"
    )]
    pub logging: LoggingArgs,
    /// Print version.
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Other ways to run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Unseal a folder of manifests to files, without a cluster.
    Standalone(StandaloneArgs),
}

/// Flags of the controller of a cluster.
#[derive(Clone, Debug, ClapArgs)]
pub struct ClusterArgs {
    /// Address of the HTTP server.
    #[arg(long, default_value = ":8080", env = "SEALED_SECRETS_LISTEN_ADDR", value_parser = parse_addr, value_name = "ADDR")]
    pub listen_addr: SocketAddr,
    /// Write the status of SealedSecrets.
    #[arg(long, default_value_t = true, env = "SEALED_SECRETS_UPDATE_STATUS", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub update_status: bool,
    /// Watch SealedSecrets in all namespaces, not only in the controller's own.
    #[arg(long, default_value_t = true, env = "SEALED_SECRETS_ALL_NAMESPACES", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub all_namespaces: bool,
    /// Accept the deprecated spec.data of SealedSecrets.
    #[arg(long, default_value_t = true, env = "SEALED_SECRETS_ACCEPT_DEPRECATED_V1_DATA", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub accept_deprecated_v1_data: bool,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a flattened group would take its doc as the help of a flag"
    )]
    pub http: HttpArgs,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a flattened group would take its doc as the help of a flag"
    )]
    pub keys: KeyArgs,
}

/// Flags about the HTTP server.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct HttpArgs {
    /// Requests a second that a client may make of /v1/verify, and of /v1/rotate; 0 means no limit.
    #[arg(
        long,
        default_value_t = 2,
        env = "SEALED_SECRETS_RATE_LIMIT",
        value_name = "N"
    )]
    pub rate_limit: u32,
    /// Requests beyond the limit that may come at once.
    #[arg(
        long,
        default_value_t = 2,
        env = "SEALED_SECRETS_RATE_LIMIT_BURST",
        value_name = "N"
    )]
    pub rate_limit_burst: u32,
    /// Time for a client to send a request.
    #[arg(long, default_value = "2m0s", env = "SEALED_SECRETS_READ_TIMEOUT", value_parser = go_duration::parse, value_name = "DURATION")]
    pub read_timeout: Duration,
    /// Time to answer a request.
    #[arg(long, default_value = "2m0s", env = "SEALED_SECRETS_WRITE_TIMEOUT", value_parser = go_duration::parse, value_name = "DURATION")]
    pub write_timeout: Duration,
}

impl HttpArgs {
    /// The limit on requests.
    pub fn rate(&self) -> Rate {
        Rate {
            per_second: self.rate_limit,
            burst: self.rate_limit_burst,
        }
    }

    /// The limits on connections.
    pub fn limits(&self) -> Limits {
        Limits {
            read_timeout: self.read_timeout,
            request_timeout: self.write_timeout,
            ..Limits::default()
        }
    }
}

/// Flags about the keys that the controller makes.
#[derive(Clone, Debug, ClapArgs)]
pub struct KeyArgs {
    /// Prefix of the names of new keys.
    #[arg(long, default_value = "sealed-secrets-key", env = "SEALED_SECRETS_KEY_PREFIX", value_parser = parse_key_prefix, value_name = "PREFIX")]
    pub key_prefix: String,
    /// Size of new keys in bits, 2048 to 8192.
    #[arg(long, default_value = "4096", env = "SEALED_SECRETS_KEY_SIZE", value_parser = parse_key_size, value_name = "BITS")]
    pub key_size: KeySize,
    /// How long the certificates of new keys are valid.
    #[arg(long, default_value = "87600h0m0s", env = "SEALED_SECRETS_KEY_TTL", value_parser = go_duration::parse, value_name = "DURATION")]
    pub key_ttl: Duration,
    /// Common name in the certificates of new keys.
    #[arg(
        long,
        default_value = "",
        env = "SEALED_SECRETS_MY_CN",
        hide_default_value = true,
        value_name = "NAME"
    )]
    pub my_cn: String,
}

/// Flags of the standalone mode.
#[derive(Clone, Debug, ClapArgs)]
pub struct StandaloneArgs {
    /// Folder of manifests, watched with all folders in it.
    #[arg(long, env = "SEALED_SECRETS_MANIFESTS", value_name = "DIR")]
    pub manifests: PathBuf,
    /// Folder of keys, mode 0700; made when missing.
    #[arg(long, env = "SEALED_SECRETS_KEYS", value_name = "DIR")]
    pub keys: PathBuf,
    /// Folder for the Secrets, each at NAMESPACE/NAME/KEY; made when missing.
    #[arg(long, env = "SEALED_SECRETS_OUT", value_name = "DIR")]
    pub out: PathBuf,
    /// File that tells the status of every SealedSecret.
    #[arg(
        long,
        env = "SEALED_SECRETS_STATUS_FILE",
        value_name = "FILE",
        help = "File that tells the status of every SealedSecret [default: OUT/status.json]"
    )]
    pub status_file: Option<PathBuf>,
    /// Namespace of manifests that name none.
    #[arg(
        long,
        default_value = "default",
        env = "SEALED_SECRETS_DEFAULT_NAMESPACE",
        value_name = "NAMESPACE"
    )]
    pub default_namespace: String,
    /// Address of the HTTP server.
    #[arg(long, default_value = "127.0.0.1:8080", env = "SEALED_SECRETS_LISTEN_ADDR", value_parser = parse_addr, value_name = "ADDR")]
    pub listen_addr: SocketAddr,
    /// Accept the deprecated spec.data of SealedSecrets.
    #[arg(long, default_value_t = true, env = "SEALED_SECRETS_ACCEPT_DEPRECATED_V1_DATA", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub accept_deprecated_v1_data: bool,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a flattened group would take its doc as the help of a flag"
    )]
    pub http: HttpArgs,
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a flattened group would take its doc as the help of a flag"
    )]
    pub new_keys: KeyArgs,
}

/// Flags about logging.
#[derive(Clone, Debug, ClapArgs)]
pub struct LoggingArgs {
    /// Least level that is logged.
    #[arg(
        long,
        global = true,
        default_value = "INFO",
        env = "SEALED_SECRETS_LOG_LEVEL",
        ignore_case = true,
        value_name = "LEVEL"
    )]
    pub log_level: LogLevel,
    /// Form of log lines.
    #[arg(
        long,
        global = true,
        default_value = "text",
        env = "SEALED_SECRETS_LOG_FORMAT",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
    /// Log information to stdout; warnings and errors always go to stderr.
    #[arg(long, global = true, default_value_t = true, env = "SEALED_SECRETS_LOG_INFO_STDOUT", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub log_info_stdout: bool,
}

/// Levels by the reference's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What was done.
    Info,
    /// What may need attention.
    Warn,
    /// What failed.
    Error,
}

/// Forms of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `key=value` text.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogLevel {
    /// The level as a filter directive.
    pub fn as_filter(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_filter())
    }
}

/// `host:port`, or `:port` for all addresses as Go has it.
fn parse_addr(text: &str) -> Result<SocketAddr, String> {
    let full = match text.strip_prefix(':') {
        Some(port) => format!("[::]:{port}"),
        None => text.replace("localhost:", "127.0.0.1:"),
    };
    full.parse()
        .map_err(|_| format!("invalid address {text:?}: write it like :8080 or 127.0.0.1:8080"))
}

/// The spellings that Go's `strconv.ParseBool` takes.
fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("invalid boolean {text:?}: write true or false")),
    }
}

fn parse_key_size(text: &str) -> Result<KeySize, String> {
    let bits: u32 = text
        .parse()
        .map_err(|_| format!("invalid key size {text:?}"))?;
    KeySize::try_from(bits).map_err(|error| error.to_string())
}

/// The API server appends five characters to it, and the whole must be a name.
fn parse_key_prefix(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 245 || !text.chars().all(allowed) || text.starts_with('-') {
        return Err(format!(
            "invalid key prefix {text:?}: lower-case letters, digits and '-', at most 245 characters"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn booleans_take_a_value_only_with_an_equals_sign() {
        let args =
            Args::try_parse_from(["c", "--update-status=false", "--all-namespaces"]).unwrap();
        assert!(!args.cluster.update_status);
        assert!(args.cluster.all_namespaces);
    }

    #[test]
    fn a_port_alone_listens_everywhere() {
        assert_eq!(parse_addr(":8080").unwrap().to_string(), "[::]:8080");
        assert_eq!(
            parse_addr("10.1.2.3:80").unwrap().to_string(),
            "10.1.2.3:80"
        );
        assert!(parse_addr("nonsense").is_err());
    }

    #[test]
    fn wrong_values_are_refused() {
        for args in [
            ["c", "--key-size=1024"],
            ["c", "--key-ttl=ten years"],
            ["c", "--key-prefix=Bad_"],
            ["c", "--nope"],
        ] {
            assert!(Args::try_parse_from(args).is_err(), "{args:?}");
        }
    }
}
