//! Flags about logging.

use std::fmt;

use clap::{ArgAction, Args, ValueEnum};

use super::value;

/// Flags about logging.
#[derive(Clone, Debug, Args)]
pub struct LoggingArgs {
    /// Least level that is logged.
    #[arg(
        long,
        global = true,
        default_value = "INFO",
        ignore_case = true,
        value_name = "LEVEL"
    )]
    pub log_level: LogLevel,
    /// Form of log lines.
    #[arg(long, global = true, default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Log information to stdout; warnings and errors always go to stderr.
    #[arg(long, global = true, default_value_t = true, action = ArgAction::Set, value_parser = value::boolean, value_name = "BOOL")]
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
    #[value(alias = "WARNING")]
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
    #[must_use]
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
