//! The Go toolchain: compiles the programs that exist only as Go source.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use tempfile::TempDir;

use crate::cache::CacheError;

/// Where the official archive of Go unpacks to; often missing from PATH.
const USUAL_PLACE: &str = "/usr/local/go/bin/go";

/// A working `go` command.
#[derive(Debug)]
pub struct Go {
    program: PathBuf,
    /// What it has compiled, for as long as programs are built that share it. The user's own cache
    /// would keep gigabytes of it that nothing asks for again.
    compiled: TempDir,
}

/// Why a Go program cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoError {
    /// There is no `go` command.
    #[error(
        "go is neither in PATH nor at {USUAL_PLACE}; \
         install Go 1.26 or later from https://go.dev/dl/, or {instead}"
    )]
    NotInstalled {
        /// What the user can do without Go.
        instead: &'static str,
    },
    /// The `go` command cannot be run.
    #[error("cannot run {program}")]
    NotRunnable {
        /// The command.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The `go` command ran and failed; it has told why on standard error.
    #[error("go failed to build {target} ({status}); its messages are above")]
    Failed {
        /// The package.
        target: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// There's no place for what is compiled on the way.
    #[error("cannot make a folder in {folder}")]
    Folder {
        /// Where.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The result can't be stored.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl Go {
    /// Finds the `go` command. `instead` completes the message when there is none: what the user
    /// can do without it. Folder `work` gets what is compiled on the way, until this is dropped.
    ///
    /// # Errors
    /// Fails when there is no Go, it can't be run, or `work` can't be written to.
    pub fn find(instead: &'static str, work: &Path) -> Result<Self, GoError> {
        for program in ["go", USUAL_PLACE] {
            let answer = Command::new(program)
                .arg("version")
                .stdout(Stdio::null())
                .status();
            match answer {
                Ok(_) => {
                    let compiled = tempfile::Builder::new()
                        .prefix(".compiled-")
                        .tempdir_in(work);
                    return Ok(Self {
                        program: program.into(),
                        compiled: compiled.map_err(|source| GoError::Folder {
                            folder: work.to_owned(),
                            source,
                        })?,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(GoError::NotRunnable {
                        program: program.into(),
                        source,
                    });
                }
            }
        }
        Err(GoError::NotInstalled { instead })
    }

    /// Compiles `package`, whose version is pinned by the module in folder `module`, to the file
    /// `output`: static, without debug information, the same on every machine.
    ///
    /// # Errors
    /// Fails when Go does.
    pub fn build(
        &self,
        module: &Path,
        package: &str,
        linker_flags: &str,
        output: &Path,
    ) -> Result<(), GoError> {
        let mut command = self.command();
        command
            .current_dir(module)
            .args([
                "build",
                "-trimpath",
                "-buildvcs=false",
                "-ldflags",
                linker_flags,
                "-o",
            ])
            .arg(output)
            .arg(package);
        self.run(command, package)
    }

    /// Compiles `package` (`path@version`) into `folder`, named by the last element of its path.
    ///
    /// # Errors
    /// Fails when Go does.
    pub fn install(&self, package: &str, folder: &Path) -> Result<(), GoError> {
        let mut command = self.command();
        command
            .env("GOBIN", folder)
            .args(["install", "-trimpath", package]);
        self.run(command, package)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("CGO_ENABLED", "0")
            .env("GOCACHE", self.compiled.path())
            .stdout(Stdio::null());
        // The programs run here, whatever the user cross-compiles for; and a Go workspace that
        // happens to surround this repository is not about them.
        command
            .env_remove("GOOS")
            .env_remove("GOARCH")
            .env("GOWORK", "off");
        command
    }

    fn run(&self, mut command: Command, target: impl AsRef<OsStr>) -> Result<(), GoError> {
        let status = command.status().map_err(|source| GoError::NotRunnable {
            program: self.program.clone(),
            source,
        })?;
        if status.success() {
            return Ok(());
        }
        Err(GoError::Failed {
            target: target.as_ref().to_string_lossy().into_owned(),
            status,
        })
    }
}
