//! Certificates that a controller gave before, for when no cluster answers. Only with `--cert-cache`.
//!
//! One file for each controller, named after the API server's URL and the Service, in
//! `$XDG_CACHE_HOME/kubeseal` or `~/.cache/kubeseal`. Its age is that of the file.

use std::fs::{self, DirBuilder};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use crate::args::Options;
use crate::connection;
use crate::env::Environment;
use crate::output;

/// Where the certificate of one controller is kept.
#[derive(Clone, Debug)]
pub struct Entry {
    path: PathBuf,
}

/// A certificate that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The certificate as the controller sent it.
    pub certificate: Vec<u8>,
    /// How long ago that was.
    pub age: Duration,
}

impl Entry {
    /// The entry for the controller that the flags and the kubeconfig lead to. `None` if they lead
    /// nowhere, or there is no place to keep anything.
    pub fn of(options: &Options, environment: &Environment) -> Option<Self> {
        let server = connection::config(&options.connection, environment).ok()?;
        let folder = match environment.nonempty("XDG_CACHE_HOME").map(PathBuf::from) {
            Some(folder) if folder.is_absolute() => folder,
            _ => PathBuf::from(environment.nonempty("HOME")?).join(".cache"),
        };
        let mut hash = Sha256::new();
        for part in [
            server.cluster_url.to_string().as_str(),
            &options.controller_namespace,
            &options.controller_name,
        ] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let name = format!("{}.pem", hex::encode(hash.finalize()));
        Some(Self {
            path: folder.join("kubeseal").join(name),
        })
    }

    /// Keeps a certificate. Whether that works is of no consequence for what is done with it now.
    pub fn keep(&self, certificate: &[u8]) {
        let Some(folder) = self.path.parent() else {
            return;
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        let _ = builder.create(folder);
        let _ = output::replace(&self.path, certificate, None);
    }

    /// What was kept, if anything was.
    pub fn kept(&self, now: SystemTime) -> Option<Kept> {
        let certificate = fs::read(&self.path).ok()?;
        let since = fs::metadata(&self.path).ok()?.modified().ok()?;
        Some(Kept {
            certificate,
            age: now.duration_since(since).unwrap_or_default(),
        })
    }
}

/// An age in its largest unit.
pub fn in_words(age: Duration) -> String {
    let seconds = age.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (150, "2 minutes"),
            (7200, "2 hours"),
            (200_000, "2 days"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
