//! Log lines: text or JSON, information to stdout and what needs attention to stderr.

use std::io;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::{LogFormat, LoggingArgs};

/// Installs the process-wide logger. Called once, before anything is logged.
pub fn init(args: &LoggingArgs) {
    let level = args.log_level.as_filter();
    // Libraries are of interest when something is wrong, and when debugging.
    let filter = EnvFilter::new(format!(
        "{level},hyper=warn,hyper_util=warn,tower=warn,kube=warn,rustls=warn,h2=warn"
    ));
    let writer = Streams {
        info_to_stdout: args.log_info_stdout,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_target(false);
    match args.log_format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

/// Chooses the stream by level.
#[derive(Clone, Copy)]
struct Streams {
    info_to_stdout: bool,
}

impl<'writer> MakeWriter<'writer> for Streams {
    type Writer = Box<dyn io::Write>;

    fn make_writer(&'writer self) -> Self::Writer {
        Box::new(io::stderr())
    }

    fn make_writer_for(&'writer self, metadata: &Metadata<'_>) -> Self::Writer {
        if self.info_to_stdout && *metadata.level() >= Level::INFO {
            Box::new(io::stdout())
        } else {
            Box::new(io::stderr())
        }
    }
}
