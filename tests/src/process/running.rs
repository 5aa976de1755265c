//! A process that runs beside the test.

use std::{
    fs::{File, OpenOptions},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

use super::{ProcessError, Program, read_from, spawner};
use crate::{eventually::DEADLINE, http};

const INTERVAL: Duration = Duration::from_millis(20);
/// How long a process that is about to be ended may take to tell its metrics.
const ANSWER: Duration = Duration::from_secs(1);

/// A running process; killed when dropped, and by the kernel when the test process dies.
#[derive(Debug)]
pub struct Process {
    program: PathBuf,
    child: Child,
    stdout: Log,
    stderr: Log,
    metrics: Option<Metrics>,
}

/// Where a process serves metrics, and the file that gets them before it ends.
#[derive(Debug)]
struct Metrics {
    address: SocketAddr,
    file: PathBuf,
}

/// A file that gets one stream of a process. A process started again under the same name goes on
/// in the same file, so that all of it can be read after a failure.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    start: u64,
}

impl Process {
    pub(super) fn start(
        program: &Program,
        name: &str,
        folder: &Path,
    ) -> Result<Self, ProcessError> {
        // `setpriv` would report a missing program as an exit code of its own, much later.
        if program.path().components().count() > 1 && !program.path().is_file() {
            let source = io::ErrorKind::NotFound.into();
            return Err(ProcessError::Start {
                program: program.path().to_owned(),
                source,
            });
        }
        let mut command = program.command()?;
        let open = |stream: &str| {
            let path = folder.join(format!("{name}.{stream}.log"));
            Log::open(&path).map_err(program.files(&path.to_string_lossy()))
        };
        let (stdout, stdout_file) = open("stdout")?;
        let (stderr, stderr_file) = open("stderr")?;
        command.stdout(stdout_file).stderr(stderr_file);
        let child = spawner::spawn(command).map_err(|source| ProcessError::Start {
            program: program.path().to_owned(),
            source,
        })?;
        Ok(Self {
            program: program.path().to_owned(),
            child,
            stdout,
            stderr,
            metrics: None,
        })
    }

    /// From now on the metrics at `address` are kept in `file` when the process is ended, by a
    /// signal or by being dropped.
    pub fn keep_metrics(&mut self, address: SocketAddr, file: PathBuf) {
        self.metrics = Some(Metrics { address, file });
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output so far.
    ///
    /// # Errors
    /// Fails when the file that collects it can't be read.
    pub fn stdout(&self) -> Result<String, ProcessError> {
        Ok(String::from_utf8_lossy(&self.stdout_bytes()?).into_owned())
    }

    /// What it has written to standard error so far.
    ///
    /// # Errors
    /// Fails when the file that collects it can't be read.
    pub fn stderr(&self) -> Result<String, ProcessError> {
        Ok(String::from_utf8_lossy(&self.stderr_bytes()?).into_owned())
    }

    pub(super) fn stdout_bytes(&self) -> Result<Vec<u8>, ProcessError> {
        self.stdout.read(&self.program)
    }

    pub(super) fn stderr_bytes(&self) -> Result<Vec<u8>, ProcessError> {
        self.stderr.read(&self.program)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// Fails when the system can't tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        self.child
            .try_wait()
            .map_err(|source| self.uncontrollable(source))
    }

    /// Sends a signal; one that has already ended stays ended.
    ///
    /// # Errors
    /// Fails when the system refuses.
    pub fn signal(&mut self, signal: Signal) -> Result<(), ProcessError> {
        // Once reaped, the id may belong to somebody else.
        if self.ended()?.is_some() {
            return Ok(());
        }
        if matches!(signal, Signal::TERM | Signal::KILL) {
            self.last_metrics();
        }
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let id = id.expect("a running child has a positive id");
        rustix::process::kill_process(id, signal).map_err(|error| self.uncontrollable(error.into()))
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// Fails when it is still running after `deadline`.
    pub async fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        self.signal(Signal::TERM)?;
        self.wait(deadline).await
    }

    /// Kills it (SIGKILL), giving it no chance to do anything, and waits until it is gone.
    ///
    /// # Errors
    /// Fails when the system refuses.
    pub async fn kill(&mut self) -> Result<ExitStatus, ProcessError> {
        self.signal(Signal::KILL)?;
        self.wait(DEADLINE).await
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Fails, with what it wrote, when it is still running after `deadline`.
    pub async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            let waited = started.elapsed();
            if waited > deadline {
                let (program, output) = (self.program.clone(), self.output()?);
                return Err(ProcessError::StillRunning {
                    program,
                    waited,
                    output,
                });
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Waits until `text` is in what it has written, on either stream.
    ///
    /// # Errors
    /// Fails, with what it wrote, when it ends first, or hasn't written it after `deadline`.
    pub async fn wait_for_output(
        &mut self,
        text: &str,
        deadline: Duration,
    ) -> Result<(), ProcessError> {
        let started = Instant::now();
        loop {
            // Asked first, so that the last words of a process still count.
            let ended = self.ended()?;
            let output = self.output()?;
            if output.contains(text) {
                return Ok(());
            }
            let program = || self.program.clone();
            if let Some(status) = ended {
                let what = format!("wrote {text:?}");
                return Err(ProcessError::Ended {
                    program: program(),
                    status,
                    what,
                    output,
                });
            }
            let waited = started.elapsed();
            if waited > deadline {
                return Err(ProcessError::StillRunning {
                    program: program(),
                    waited,
                    output,
                });
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Fails if the process has ended before it did `what`. For loops that wait for its work.
    ///
    /// # Errors
    /// Fails, with what it wrote, when it has ended.
    pub fn still_running(&mut self, what: &str) -> Result<(), ProcessError> {
        let Some(status) = self.ended()? else {
            return Ok(());
        };
        Err(ProcessError::Ended {
            program: self.program.clone(),
            status,
            what: what.to_owned(),
            output: self.output()?,
        })
    }

    /// One that doesn't answer has no metrics; that is for other tests to notice.
    fn last_metrics(&mut self) {
        if let Some(Metrics { address, file }) = self.metrics.take()
            && let Ok(answer) = http::get_blocking(address, "/metrics", ANSWER)
        {
            let _ = std::fs::write(file, answer);
        }
    }

    fn output(&self) -> Result<String, ProcessError> {
        Ok(self.stdout()? + &self.stderr()?)
    }

    fn uncontrollable(&self, source: io::Error) -> ProcessError {
        ProcessError::Control {
            program: self.program.clone(),
            source,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.last_metrics();
        // Both fail only for a process that has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn open(path: &Path) -> io::Result<(Self, File)> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let start = file.metadata()?.len();
        Ok((
            Self {
                path: path.to_owned(),
                start,
            },
            file,
        ))
    }

    fn read(&self, program: &Path) -> Result<Vec<u8>, ProcessError> {
        read_from(&self.path, self.start).map_err(|source| ProcessError::Files {
            program: program.to_owned(),
            file: self.path.to_string_lossy().into_owned(),
            source,
        })
    }
}
