//! A text in the user's editor, and nothing of it left behind.
//!
//! The file is in a folder of its own with mode 0700, in memory where the machine has a place for
//! that. The folder goes when the text was taken back, and when a signal ends the program.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use crate::env::Environment;
use crate::error::Explain;

/// How long an editor may take to end after a signal.
const PATIENCE: Duration = Duration::from_secs(1);
/// What `statfs` calls a file system in memory.
const TMPFS: u64 = 0x0102_1994;
/// Words of the shell's own that cannot stand behind `exec`.
const OWN_WORDS: [&[u8]; 5] = [b"exec", b"command", b"eval", b".", b"!"];

/// Why a text couldn't be edited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditorError {
    /// There is no place for the file.
    #[error("cannot make a private folder in {folder}")]
    Folder {
        /// Where it was to be.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Signals can't be watched for, so the file might stay behind.
    #[error("cannot watch for signals")]
    Signals(#[source] io::Error),
    /// The file can't be written or read.
    #[error("cannot write or read the text to edit")]
    File(#[source] io::Error),
    /// The editor can't be started.
    #[error("cannot start the editor {editor}")]
    Start {
        /// Its command line.
        editor: String,
        /// Why.
        source: io::Error,
    },
    /// The editor failed.
    #[error("the editor {editor} failed: {status}; nothing was changed")]
    Failed {
        /// Its command line.
        editor: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
}

/// An editor with a private file.
#[derive(Debug)]
pub struct Editor {
    command: OsString,
    file: PathBuf,
    session: Session,
}

/// What has to go when a signal comes.
#[derive(Clone, Debug, Default)]
struct Session(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    folder: Option<PathBuf>,
    editor: Option<Pid>,
}

impl Editor {
    /// The editor that the variables name, with an empty file called `name`.
    ///
    /// # Errors
    /// There is no place for the file, or no way to see to it that it goes.
    pub fn new(name: &str, environment: &Environment) -> Result<Self, EditorError> {
        let place = place(environment);
        let session = Session::default();
        session.watch().map_err(EditorError::Signals)?;
        // A signal from here on waits until it is known what has to go.
        let mut open = session.open();
        let folder = tempfile::Builder::new()
            .prefix("kubeseal-edit-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&place)
            .map_err(|source| EditorError::Folder {
                folder: place,
                source,
            })?
            .keep();
        let file = folder.join(name);
        open.folder = Some(folder);
        drop(open);
        let command = ["KUBE_EDITOR", "VISUAL", "EDITOR"]
            .iter()
            .find_map(|name| environment.nonempty(name))
            .map_or_else(|| "vi".into(), OsString::from);
        Ok(Self {
            command,
            file,
            session,
        })
    }

    /// Lets the user edit `text`.
    ///
    /// # Errors
    /// The editor can't be started, or fails.
    pub fn edit(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, EditorError> {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.file)
            .map_err(EditorError::File)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(EditorError::File)?;
        drop(file);
        let editor = || self.command.to_string_lossy().into_owned();
        let failed = |source| EditorError::Start {
            editor: editor(),
            source,
        };
        let mut child = {
            // A signal in between finds either no editor or this one.
            let mut open = self.session.open();
            let child = Command::new("sh")
                .arg("-c")
                .arg(shell_line(&self.command))
                .arg(&self.command)
                .arg(&self.file)
                .spawn()
                .map_err(failed)?;
            open.editor = Some(Pid::from_child(&child));
            child
        };
        let status = wait(&mut child, &self.session).map_err(failed)?;
        if !status.success() {
            return Err(EditorError::Failed {
                editor: editor(),
                status,
            });
        }
        fs::read(&self.file)
            .map(Zeroizing::new)
            .map_err(EditorError::File)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.session.open().clean();
    }
}

impl Session {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cleans up and ends the program when a signal comes, from now on and to its end: what was
    /// once watched for no longer ends a program by itself. An interrupt from the terminal reaches
    /// the editor too, and is the editor's business while there is one.
    fn watch(&self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let (mut interrupt, mut terminate, mut hang_up) = {
            let _entered = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            )
        };
        let session = self.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let number = runtime.block_on(async {
                    loop {
                        let number = tokio::select! {
                            _ = interrupt.recv() => SignalKind::interrupt(),
                            _ = terminate.recv() => SignalKind::terminate(),
                            _ = hang_up.recv() => SignalKind::hangup(),
                        };
                        if number != SignalKind::interrupt() || session.open().editor.is_none() {
                            break number;
                        }
                    }
                });
                let mut open = session.open();
                open.end_editor();
                open.clean();
                std::process::exit(128 + number.as_raw_value());
            })?;
        Ok(())
    }
}

impl Open {
    /// Asks the editor to end, so that it leaves terminal and files in order; then makes it.
    fn end_editor(&mut self) {
        let Some(editor) = self.editor.take() else {
            return;
        };
        let _ = kill_process(editor, Signal::TERM);
        let started = Instant::now();
        // It stays a child that nobody has waited for: its number isn't given to another.
        while started.elapsed() < PATIENCE && !has_ended(editor) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = kill_process(editor, Signal::KILL);
    }

    /// Wipes and removes what is in the folder. Best effort: there is nobody to tell.
    fn clean(&mut self) {
        let Some(folder) = self.folder.take() else {
            return;
        };
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let _ = wipe(&entry.path());
        }
        let _ = fs::remove_dir_all(&folder);
    }
}

/// The line for a shell to run the editor with. The shell becomes the editor where the line allows
/// that, because not every shell does so by itself, and a signal must reach the editor.
fn shell_line(command: &OsStr) -> OsString {
    let bytes = command.as_bytes();
    let mut words = bytes
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .peekable();
    let assigns = words.peek().is_some_and(|word| word.contains(&b'='));
    let program = words.find(|word| !word.contains(&b'='));
    let own = program.is_some_and(|word| OWN_WORDS.contains(&word));
    let mut line = OsString::from(match (is_one_command(bytes) && !own, assigns) {
        (false, _) => "",
        (true, false) => "exec ",
        (true, true) => "exec env ",
    });
    line.push(command);
    line.push(" \"$@\"");
    line
}

/// Whether a shell takes the text for one command. What isn't certain is none.
fn is_one_command(text: &[u8]) -> bool {
    let mut quote = None;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None | Some(b'"'), b'\\') => drop(bytes.next()),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            (None, b';' | b'&' | b'|' | b'(' | b'{' | b'`' | b'#' | b'\n') => return false,
            _ => {}
        }
    }
    quote.is_none()
}

/// Waits for the editor without taking its number away while a signal may still need it.
fn wait(child: &mut Child, session: &Session) -> io::Result<std::process::ExitStatus> {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(error) = waitid(WaitId::Pid(Pid::from_child(child)), options) {
        if error != rustix::io::Errno::INTR {
            return Err(error.into());
        }
    }
    session.open().editor = None;
    child.wait()
}

fn has_ended(editor: Pid) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(editor), options), Ok(None))
}

/// Overwrites a file, for the case that it was on a disk.
fn wipe(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(());
    }
    let mut file = File::options().write(true).open(path)?;
    let length = file.metadata()?.len();
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
    file.sync_all()
}

/// Where the folder is to be: in memory, if there is such a place that is the user's.
fn place(environment: &Environment) -> PathBuf {
    let run = environment.nonempty("XDG_RUNTIME_DIR").map(PathBuf::from);
    run.into_iter()
        .chain([PathBuf::from("/dev/shm")])
        .find(|folder| is_in_memory(folder))
        .or_else(|| environment.nonempty("TMPDIR").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("/tmp"))
}

fn is_in_memory(folder: &Path) -> bool {
    let writable = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok();
    writable && file_system(folder).is_some_and(|kind| kind == TMPFS)
}

#[cfg(target_os = "linux")]
fn file_system(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statfs(folder).ok()?;
    u64::try_from(found.f_type).ok()
}

#[cfg(not(target_os = "linux"))]
fn file_system(_: &Path) -> Option<u64> {
    None
}

impl Explain for EditorError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Start { .. } | Self::Failed { .. } => {
                Some("the editor is that of KUBE_EDITOR, VISUAL or EDITOR, else vi".to_owned())
            }
            Self::Folder { .. } => {
                Some("XDG_RUNTIME_DIR, else /dev/shm, else TMPDIR has to be writable".to_owned())
            }
            Self::Signals(_) | Self::File(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_becomes_the_editor_where_there_is_one_command() {
        for (command, wanted) in [
            ("vi", "exec vi"),
            ("code --wait", "exec code --wait"),
            ("vi -c 'a | b;'", "exec vi -c 'a | b;'"),
            ("my\\;vi \"a\\\"|\"", "exec my\\;vi \"a\\\"|\""),
            ("A=1 B='2 3' vi", "exec env A=1 B='2 3' vi"),
            ("exec vi", "exec vi"),
            ("A=1 exec vi", "A=1 exec vi"),
            ("command vi", "command vi"),
            ("cd x && vi", "cd x && vi"),
            ("{ vi", "{ vi"),
        ] {
            let line = shell_line(OsStr::new(command));
            assert_eq!(line, *format!("{wanted} \"$@\""), "{command}");
        }
    }
}
