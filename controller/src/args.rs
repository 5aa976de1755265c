//! Command line and environment.
//!
//! Any flag may come from `SEALED_SECRETS_` and its name in capitals with `_` for `-`; the command
//! line wins. What all flags have in common is set in one place, [`Args::command`].

mod cluster;
mod http;
mod keys;
mod logging;
mod selector;
mod standalone;
mod value;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
};

pub use cluster::ClusterArgs;
pub use http::{HttpArgs, MetricsArgs};
pub use keys::KeyArgs;
pub use logging::{LogFormat, LogLevel, LoggingArgs};
pub use selector::LabelSelector;
pub use standalone::StandaloneArgs;
pub use value::{Cutoff, Namespaces, Pairs};

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

impl Args {
    /// Reads the command line and the environment; prints and exits where there is nothing to run.
    #[must_use]
    pub fn from_process() -> Self {
        Self::read(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Reads a command line, program name first, and the environment.
    ///
    /// # Errors
    /// What is wrong with it, or the text of `--help` or `--version`.
    pub fn read(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command_with_environment();
        let matches = command.try_get_matches_from_mut(arguments)?;
        if let Some(flag) = misplaced(&command, &matches) {
            let message = format!(
                "--{flag} is a flag of the controller of a cluster; flags of standalone stand behind that word\n"
            );
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// The command line with what all flags have in common: the variable of each, and the way
    /// booleans are written.
    fn command_with_environment() -> clap::Command {
        let complete = |arg: Arg| match arg.get_long() {
            Some("version" | "help") | None => arg,
            Some(long) => {
                let variable = variable_of(long);
                let arg = if is_boolean(&arg) {
                    arg.num_args(0..=1)
                        .require_equals(true)
                        .default_missing_value("true")
                } else {
                    arg
                };
                // Optional entries of a manifest leave variables empty: that is as if unset.
                if std::env::var_os(&variable).is_some_and(|value| value.is_empty()) {
                    arg
                } else {
                    arg.env(variable)
                }
            }
        };
        Self::command()
            .mut_args(complete)
            .mut_subcommand("standalone", |standalone| standalone.mut_args(complete))
    }
}

/// Booleans are bare or written with `=`, as in Go.
fn is_boolean(arg: &Arg) -> bool {
    arg.get_value_names()
        .is_some_and(|names| names.iter().any(|name| name == "BOOL"))
}

/// The variable of a flag. The deprecated spelling of one counts where the new one isn't set.
fn variable_of(long: &str) -> String {
    let variable = |long: &str| {
        format!(
            "SEALED_SECRETS_{}",
            long.to_ascii_uppercase().replace('-', "_")
        )
    };
    let (current, deprecated) = (variable(long), variable(keys::ROTATE_PERIOD));
    if long == keys::KEY_RENEW_PERIOD
        && std::env::var_os(&current).is_none()
        && std::env::var_os(&deprecated).is_some()
    {
        return deprecated;
    }
    current
}

/// A flag before `standalone` that only the other mode knows: it would be lost without a word.
fn misplaced(command: &clap::Command, matches: &ArgMatches) -> Option<String> {
    matches.subcommand_name()?;
    command
        .get_arguments()
        .filter(|arg| !arg.is_global_set())
        .find(|arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine))
        .and_then(|arg| arg.get_long().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command_with_environment().debug_assert();
    }

    #[test]
    fn booleans_take_a_value_only_with_an_equals_sign() {
        let args = Args::read(["c", "--update-status=false", "--all-namespaces"]).unwrap();
        assert!(!args.cluster.update_status);
        assert!(args.cluster.all_namespaces);
    }

    #[test]
    fn every_flag_of_the_reference_is_there_with_its_default() {
        let args = Args::read(["c"]).unwrap();
        let cluster = &args.cluster;
        assert!(cluster.accept_deprecated_v1_data && cluster.all_namespaces);
        assert!(cluster.update_status && cluster.correct_drift);
        assert!(!cluster.skip_recreate && !cluster.old_gc_behavior);
        assert!(!cluster.watch_for_secrets && !cluster.metrics.metrics_omit_secret_labels);
        assert_eq!(
            cluster.keys.key_renew_period,
            Duration::from_secs(720 * 3600)
        );
        assert_eq!(cluster.keys.key_ttl, Duration::from_secs(87600 * 3600));
        assert_eq!(cluster.keys.key_size.bits(), 4096);
        assert_eq!(cluster.keys.key_cutoff_time.0, None);
        assert_eq!(cluster.listen_addr.port(), 8080);
        assert_eq!(cluster.metrics.listen_metrics_addr.port(), 8081);
    }

    #[test]
    fn the_deprecated_spelling_of_the_renewal_period_works() {
        let args = Args::read(["c", "--rotate-period=5m"]).unwrap();
        assert_eq!(args.cluster.keys.key_renew_period, Duration::from_secs(300));
    }

    #[test]
    fn lists_and_maps_are_read() {
        let args = Args::read([
            "c",
            "--additional-namespaces=a, b,,a",
            "--privatekey-labels=team=core,example.com/tier=gold",
            "--privatekey-annotations=note=a=b",
            "--label-selector=app in (x, y),!old",
        ])
        .unwrap();
        let namespaces: Vec<_> = args.cluster.additional_namespaces.0.iter().collect();
        assert_eq!(namespaces, ["a", "b"]);
        assert_eq!(
            args.cluster.keys.privatekey_labels.0["example.com/tier"],
            "gold"
        );
        assert_eq!(args.cluster.keys.privatekey_annotations.0["note"], "a=b");
    }

    #[test]
    fn wrong_values_are_refused() {
        for flag in [
            "--key-size=1024",
            "--key-ttl=ten years",
            "--key-prefix=Bad_",
            "--privatekey-labels=x",
            "--privatekey-labels=a b=c",
            "--privatekey-labels=a=not a value",
            "--key-cutoff-time=yesterday",
            "--additional-namespaces=Not_A_Namespace",
            "--kubeclient-qps=fast",
            "--max-unseal-retries=many",
            "--update-status=maybe",
            "--label-selector=app in",
            "--nope",
        ] {
            let error = Args::read(["c", flag]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{flag}");
        }
    }

    #[test]
    fn flags_of_a_cluster_before_standalone_are_refused() {
        let standalone = ["--manifests=m", "--keys=k", "--out=o"];
        let line = |first: &'static str| ["c", first, "standalone"].into_iter().chain(standalone);
        assert!(Args::read(line("--log-level=DEBUG")).is_ok());
        let error = Args::read(line("--key-ttl=1h")).unwrap_err().to_string();
        assert!(error.contains("--key-ttl"), "{error}");
    }
}
