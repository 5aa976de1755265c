//! A network namespace for the test process: no network but its own, every port free, and no
//! privilege needed to give itself addresses.
//!
//! Kubernetes refuses endpoints on loopback addresses, so each control plane gets an address of
//! its own from 10.77.0.0/16. They are all on `lo`, the one interface that every kernel has.

use std::{
    ffi::OsString,
    io,
    net::Ipv4Addr,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
};

/// Set inside the namespace, to what was passed to [`enter`].
const INSIDE: &str = "SEALED_SECRETS_TESTS_INSIDE";

/// What of the user's environment would change what the tested programs do.
const SCRUBBED: [&str; 11] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
];

/// Why the test process cannot be alone on the network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetnsError {
    /// A program of util-linux or iproute2 cannot be run.
    #[error("cannot run {program}: install {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// What it is a part of.
        package: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The system lets this user make no namespace.
    #[error(
        "cannot make a network namespace ({detail}): run the tests as root, or allow user \
         namespaces (sysctl kernel.unprivileged_userns_clone=1 and, where it exists, \
         kernel.apparmor_restrict_unprivileged_userns=0)"
    )]
    Refused {
        /// What `unshare` says.
        detail: String,
    },
    /// The running program cannot be started again.
    #[error("cannot start the tests again in a network namespace")]
    Exec {
        /// What the system says.
        source: io::Error,
    },
    /// `ip` failed.
    #[error("ip {arguments} failed: {detail}")]
    Ip {
        /// What it was asked for.
        arguments: String,
        /// What it says.
        detail: String,
    },
    /// An address was asked for on the host's own network.
    #[error("no address outside the network namespace of the tests")]
    Outside,
    /// The process has used up 10.77.0.0/16.
    #[error("all addresses of the network namespace are in use")]
    Exhausted,
}

/// What was passed to [`enter`], when this process is the one inside.
#[must_use]
pub fn inside() -> Option<String> {
    std::env::var(INSIDE).ok()
}

/// Replaces this process by a new run of the same program with the same arguments, inside a new
/// network namespace, where [`inside`] returns `message`. Returns only when that fails.
#[must_use]
pub fn enter(message: &str) -> NetnsError {
    let unshare = match way_in() {
        Ok(arguments) => arguments,
        Err(error) => return error,
    };
    let this = match std::env::current_exe() {
        Ok(this) => this,
        Err(source) => return NetnsError::Exec { source },
    };
    let mut command = Command::new("unshare");
    command
        .args(unshare)
        .arg("--")
        .arg(this)
        .args(std::env::args_os().skip(1));
    command
        .env(INSIDE, message)
        .env("PATH", path_with_system_folders());
    for name in SCRUBBED {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("SEALED_SECRETS_") && !text.starts_with("SEALED_SECRETS_TESTS_") {
            command.env_remove(&name);
        }
    }
    NetnsError::Exec {
        source: command.exec(),
    }
}

/// Makes the namespace usable: a new one has even its loopback interface down.
///
/// # Errors
/// Fails outside a namespace of ours, and when `ip` does.
pub fn bring_loopback_up() -> Result<(), NetnsError> {
    ip(&["link", "set", "lo", "up"])
}

/// A new address of this process, not used by anything else in it.
///
/// # Errors
/// Fails outside a namespace of ours, and when `ip` does.
pub fn claim_address() -> Result<Ipv4Addr, NetnsError> {
    static CLAIMED: AtomicU16 = AtomicU16::new(0);
    let number = CLAIMED.fetch_add(1, Ordering::Relaxed);
    let address = nth_address(number).ok_or(NetnsError::Exhausted)?;
    ip(&["addr", "add", &format!("{address}/32"), "dev", "lo"])?;
    Ok(address)
}

/// Addresses from 10.77.0.1 on, without those that end in 0 or 255.
fn nth_address(number: u16) -> Option<Ipv4Addr> {
    let third = u8::try_from(number / 254).ok()?;
    let fourth = u8::try_from(number % 254).ok()? + 1;
    Some(Ipv4Addr::new(10, 77, third, fourth))
}

/// The arguments with which `unshare` works for this user.
fn way_in() -> Result<&'static [&'static str], NetnsError> {
    // Root in a container often lacks the capability for a plain namespace, but may have a user
    // namespace; so both are tried, whoever runs this.
    const WAYS: [&[&str]; 2] = [&["--net"], &["--net", "--map-root-user"]];
    let mut detail = String::new();
    for way in WAYS {
        let trial = Command::new("unshare")
            .args(way)
            .args(["--", "ip", "link", "set", "lo", "up"])
            .env("PATH", path_with_system_folders())
            .stdin(Stdio::null())
            .output()
            .map_err(|source| NetnsError::Missing {
                program: "unshare",
                package: "util-linux",
                source,
            })?;
        if trial.status.success() {
            return Ok(way);
        }
        detail = String::from_utf8_lossy(&trial.stderr).trim().to_owned();
    }
    Err(NetnsError::Refused { detail })
}

fn ip(arguments: &[&str]) -> Result<(), NetnsError> {
    // As root, outside, this would change the addresses of the machine.
    if inside().is_none() {
        return Err(NetnsError::Outside);
    }
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| NetnsError::Missing {
            program: "ip",
            package: "iproute2",
            source,
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(NetnsError::Ip {
        arguments: arguments.join(" "),
        detail: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// `ip` is in `/usr/sbin` or `/sbin`, which an ordinary user's PATH may leave out.
fn path_with_system_folders() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_distinct_and_never_end_in_0_or_255() {
        let all: Vec<_> = (0..=u16::MAX).map_while(nth_address).collect();
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(all.len(), 254 * 256);
        assert_eq!(distinct.len(), all.len());
        assert!(
            all.iter()
                .all(|address| !matches!(address.octets()[3], 0 | 255))
        );
    }

    #[test]
    fn host_network_is_never_touched() {
        assert!(matches!(claim_address(), Err(NetnsError::Outside)));
        assert!(matches!(bring_loopback_up(), Err(NetnsError::Outside)));
    }
}
