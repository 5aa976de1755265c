//! What a running process has used, as the kernel counts it.

use std::{fs, io, time::Duration};

use super::{Process, ProcessError};

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// Of that, what isn't pages of files.
    pub anonymous: u64,
    /// Most that was ever resident.
    pub peak: u64,
}

impl Process {
    /// Processor time it has used so far, in user and kernel mode.
    ///
    /// # Errors
    /// Fails when it has ended.
    pub fn cpu_time(&self) -> Result<Duration, ProcessError> {
        let stat = self.proc_file("stat")?;
        cpu_time(&stat).ok_or_else(|| self.unreadable("stat", io::ErrorKind::InvalidData.into()))
    }

    /// Its memory.
    ///
    /// # Errors
    /// Fails when it has ended.
    pub fn memory(&self) -> Result<Memory, ProcessError> {
        let status = self.proc_file("status")?;
        memory(&status).ok_or_else(|| self.unreadable("status", io::ErrorKind::InvalidData.into()))
    }

    fn proc_file(&self, file: &str) -> Result<String, ProcessError> {
        fs::read_to_string(format!("/proc/{}/{file}", self.id()))
            .map_err(|source| self.unreadable(file, source))
    }

    fn unreadable(&self, file: &str, source: io::Error) -> ProcessError {
        ProcessError::Files {
            program: self.program().to_owned(),
            file: format!("/proc/{}/{file}", self.id()),
            source,
        }
    }
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc_pid_stat(5)), in ticks.
fn cpu_time(stat: &str) -> Option<Duration> {
    // The second field, a name in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    Some(Duration::from_millis(
        ticks * 1000 / rustix::param::clock_ticks_per_second(),
    ))
}

fn memory(status: &str) -> Option<Memory> {
    let bytes = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kibibytes * 1024)
    };
    Some(Memory {
        resident: bytes("VmRSS:")?,
        anonymous: bytes("RssAnon:")?,
        peak: bytes("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 100";
        let ticks = rustix::param::clock_ticks_per_second();
        let wanted = Duration::from_millis(200 * 1000 / ticks);
        assert_eq!(cpu_time(stat), Some(wanted));
        assert_eq!(cpu_time("7 (a) S 1"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssAnon:\t   512 kB\n";
        let wanted = Memory {
            resident: 1 << 20,
            anonymous: 1 << 19,
            peak: 2 << 20,
        };
        assert_eq!(memory(status), Some(wanted));
        assert_eq!(memory("Name:\tx\n"), None);
    }
}
