//! Our own programs, built by the cargo that runs the tests.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use serde::Deserialize;

/// One of the programs this workspace makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnProgram {
    /// The command-line tool.
    Kubeseal,
    /// The controller.
    Controller,
}

/// Why one of our programs cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinariesError {
    /// The user's own path leads nowhere.
    #[error("{variable} is {path}, which is no file")]
    NotThere {
        /// The variable.
        variable: &'static str,
        /// What it says.
        path: PathBuf,
    },
    /// Cargo cannot be run.
    #[error("cannot run {cargo}")]
    Cargo {
        /// The command.
        cargo: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Cargo ran and failed; it has told why on standard error.
    #[error("cargo failed to build {package} ({status}); its messages are above")]
    Build {
        /// The package.
        package: &'static str,
        /// How it ended.
        status: ExitStatus,
    },
    /// Cargo succeeded without making the program.
    #[error("cargo built {package} without making a program {program}")]
    NoProgram {
        /// The package.
        package: &'static str,
        /// What it was to make.
        program: &'static str,
    },
}

impl OwnProgram {
    /// The variable that names a program to test instead of the one built from these sources.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Kubeseal => "KUBESEAL_BIN",
            Self::Controller => "CONTROLLER_BIN",
        }
    }

    /// The package, and with it the program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubeseal => "kubeseal",
            Self::Controller => "sealed-secrets-controller",
        }
    }

    /// The path that [`Self::variable`] gives, or else that of the program built now.
    ///
    /// # Errors
    /// Fails when the given path leads nowhere, or the program can't be built.
    pub fn find_or_build(self) -> Result<PathBuf, BinariesError> {
        let Some(given) = std::env::var_os(self.variable()).filter(|path| !path.is_empty()) else {
            return self.build();
        };
        let path = std::path::absolute(&given).unwrap_or(given.into());
        if path.is_file() {
            return Ok(path);
        }
        Err(BinariesError::NotThere {
            variable: self.variable(),
            path,
        })
    }

    fn build(self) -> Result<PathBuf, BinariesError> {
        let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        let output = build_command(&cargo)
            .output()
            .map_err(|source| BinariesError::Cargo { cargo, source })?;
        if !output.status.success() {
            return Err(BinariesError::Build {
                package: self.name(),
                status: output.status,
            });
        }
        executable(&output.stdout, self.name()).ok_or(BinariesError::NoProgram {
            package: self.name(),
            program: self.name(),
        })
    }
}

fn build_command(cargo: &Path) -> Command {
    let mut command = Command::new(cargo);
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args([
            "build",
            // The whole workspace, so that crates have the features that cargo test gave them and
            // nothing is compiled a second time.
            "--workspace",
            "--bins",
            "--message-format=json-render-diagnostics",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    if std::env::var_os("CARGO_TARGET_DIR").is_none()
        && let Some(target) = running_target_folder()
    {
        command.arg("--target-dir").arg(target);
    }
    // What cargo tells a test about its own package would look like a change of environment to
    // build scripts, which then compile everything again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|p| text.starts_with(p))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// The target folder that the running test was built into, so that `--target-dir` given to the
/// outer cargo holds for the inner one too. Cargo marks such folders by the tag.
fn running_target_folder() -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    this.ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map(Path::to_owned)
}

/// The executable among cargo's messages, one JSON object in a line.
fn executable(messages: &[u8], program: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        target: Option<Target>,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .filter(|message| {
            message
                .target
                .as_ref()
                .is_some_and(|target| target.name == program)
        })
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executable_is_the_one_of_the_named_target() {
        let messages =
            br#"{"reason":"compiler-artifact","target":{"name":"kubeseal"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/debug/other"}
not json
{"reason":"compiler-artifact","target":{"name":"kubeseal"},"executable":"/t/debug/kubeseal"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(
            executable(messages, "kubeseal"),
            Some("/t/debug/kubeseal".into())
        );
        assert_eq!(executable(messages, "controller"), None);
    }

    #[test]
    fn target_folder_is_the_one_this_test_was_built_into() {
        let folder = running_target_folder().unwrap();
        assert!(std::env::current_exe().unwrap().starts_with(folder));
    }
}
