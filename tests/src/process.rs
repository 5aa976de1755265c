//! Real processes: run once for their output, or kept running until dropped.

mod running;
mod spawner;
mod usage;

use std::{
    ffi::{OsStr, OsString},
    fmt,
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

pub use running::Process;
pub use rustix::process::Signal;
pub use usage::Memory;

use crate::eventually::DEADLINE;

/// A program with its arguments and surroundings, to be started as often as wanted.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, Option<OsString>)>,
    folder: Option<PathBuf>,
    input: Option<Vec<u8>>,
}

/// What a finished program left: how it ended, and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// Why a process isn't what the test needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It cannot be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A log or input file of it cannot be used.
    #[error("cannot use {file} of {program}")]
    Files {
        /// The program.
        program: PathBuf,
        /// Which file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be signalled or waited for.
    #[error("cannot control {program}")]
    Control {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is still running.
    #[error("{program} has not ended within {} s; it wrote:\n{output}", waited.as_secs_f32())]
    StillRunning {
        /// The program.
        program: PathBuf,
        /// For how long it was waited for.
        waited: Duration,
        /// What it has written so far.
        output: String,
    },
    /// It has ended before doing what was waited for.
    #[error("{program} has ended ({status}) before it {what}; it wrote:\n{output}")]
    Ended {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What was waited for.
        what: String,
        /// What it has written.
        output: String,
    },
    /// It failed although it should not have.
    #[error("{program} failed: {outcome}")]
    Failed {
        /// The program.
        program: PathBuf,
        /// How, and what it wrote.
        outcome: Outcome,
    },
}

impl Program {
    /// A program without arguments, with the environment of the test, and with nothing to read.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: None,
            input: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes a variable that the test's own environment may have.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), None));
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets what the program reads from standard input; `/dev/null` otherwise.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// The same program, started by `wrapper`, which gets it after its own arguments.
    #[must_use]
    pub fn through(
        mut self,
        wrapper: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Self {
        let path = std::mem::replace(&mut self.path, wrapper.into());
        let own = std::mem::take(&mut self.arguments);
        self.args(arguments).arg(path).args(own)
    }

    /// The file that is executed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs to the end, within the usual [`DEADLINE`]. A failing program is an outcome like any
    /// other; see [`Outcome::success`].
    ///
    /// # Errors
    /// Fails when the program can't be started or doesn't end in time.
    pub async fn run(self) -> Result<Outcome, ProcessError> {
        self.run_within(DEADLINE).await
    }

    /// Runs to the end, within a given time.
    ///
    /// # Errors
    /// Fails when the program can't be started or doesn't end in time.
    pub async fn run_within(self, deadline: Duration) -> Result<Outcome, ProcessError> {
        let folder = tempfile::tempdir().map_err(self.files("its output folder"))?;
        let mut process = Process::start(&self, "run", folder.path())?;
        let status = process.wait(deadline).await?;
        Ok(Outcome {
            code: status.code(),
            signal: status.signal(),
            stdout: process.stdout_bytes()?,
            stderr: process.stderr_bytes()?,
        })
    }

    /// Runs to the end and returns what it wrote on standard output.
    ///
    /// # Errors
    /// Fails when the program can't be started, doesn't end in time, or fails.
    pub async fn output(self) -> Result<String, ProcessError> {
        let path = self.path.clone();
        Ok(self.run().await?.success(&path)?.stdout())
    }

    /// Starts and keeps running; output goes to `NAME.stdout.log` and `NAME.stderr.log` in
    /// `folder`.
    ///
    /// # Errors
    /// Fails when the program can't be started.
    pub fn start(&self, name: &str, folder: &Path) -> Result<Process, ProcessError> {
        Process::start(self, name, folder)
    }

    /// The command, wrapped so that the kernel kills the process when the thread that started it
    /// is gone, however that happened.
    fn command(&self) -> Result<Command, ProcessError> {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.path)
            .args(&self.arguments);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.stdin(self.stdin()?);
        Ok(command)
    }

    /// A file rather than a pipe: nobody has to feed it while the program runs.
    fn stdin(&self) -> Result<Stdio, ProcessError> {
        let Some(input) = &self.input else {
            return Ok(Stdio::null());
        };
        let write = || -> io::Result<File> {
            let mut file = tempfile::tempfile()?;
            file.write_all(input)?;
            file.rewind()?;
            Ok(file)
        };
        Ok(write().map_err(self.files("standard input"))?.into())
    }

    fn files(&self, file: &str) -> impl FnOnce(io::Error) -> ProcessError {
        let (program, file) = (self.path.clone(), file.to_owned());
        move |source| ProcessError::Files {
            program,
            file,
            source,
        }
    }
}

impl Outcome {
    /// Standard output as text.
    #[must_use]
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The outcome, if it is exit code 0; `program` is for the message.
    ///
    /// # Errors
    /// Fails, with what the program wrote, after any other end.
    pub fn success(self, program: &Path) -> Result<Self, ProcessError> {
        if self.code == Some(0) {
            return Ok(self);
        }
        Err(ProcessError::Failed {
            program: program.to_owned(),
            outcome: self,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}")?,
            (None, Some(signal)) => write!(f, "signal {signal}")?,
            (None, None) => write!(f, "no exit code")?,
        }
        write!(
            f,
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout(),
            self.stderr()
        )
    }
}

/// What a file holds from `offset` on.
fn read_from(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(io::SeekFrom::Start(offset))?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}
