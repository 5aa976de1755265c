//! Log lines in the reference's form: `time=... level=INFO msg="..." key=ns/name`, or JSON with
//! `time`, `level` and `msg`; information to stdout and what needs attention to stderr.
//!
//! One event is one line: values with anything but plain characters are quoted and escaped, so
//! that no name in a manifest can forge a line.

use std::fmt::{self, Write as _};
use std::io;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::args::{LogFormat, LoggingArgs};

/// Libraries are of interest when something is wrong. The client of the API server is not even then: with
/// the warning that it can't read an answer it logs the answer, which may be a Secret. The error that it
/// returns tells enough.
const LIBRARIES: &str = "hyper=warn,hyper_util=warn,tower=warn,kube=warn,kube_client::client=error,\
                         kube_client::client::tls=warn,rustls=warn,h2=warn";

/// Installs the process-wide logger. Called once, before anything is logged.
pub fn init(args: &LoggingArgs) {
    let filter = filter(args.log_level.as_filter());
    let writer = Streams {
        info_to_stdout: args.log_info_stdout,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .event_format(Lines {
            format: args.log_format,
        })
        .init();
}

fn filter(level: impl std::fmt::Display) -> EnvFilter {
    EnvFilter::new(format!("{level},{LIBRARIES}"))
}

/// Writes an event as one line.
struct Lines {
    format: LogFormat,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = format!("{:.3}", Timestamp::now());
        let level = match *event.metadata().level() {
            Level::TRACE | Level::DEBUG => "DEBUG",
            Level::INFO => "INFO",
            Level::WARN => "WARN",
            Level::ERROR => "ERROR",
        };
        match self.format {
            LogFormat::Text => {
                write!(
                    writer,
                    "time={time} level={level} msg={}",
                    quoted(&fields.message)
                )?;
                for (name, value) in &fields.rest {
                    match value {
                        Value::String(text) => write!(writer, " {name}={}", quoted(text))?,
                        other => write!(writer, " {name}={other}")?,
                    }
                }
                writeln!(writer)
            }
            LogFormat::Json => {
                let mut line = Map::new();
                line.insert("time".to_owned(), Value::from(time));
                line.insert("level".to_owned(), Value::from(level));
                line.insert("msg".to_owned(), Value::from(fields.message));
                line.extend(fields.rest);
                writeln!(writer, "{}", Value::Object(line))
            }
        }
    }
}

/// The text as it is where it is one plain word, else as a JSON string.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
        } else {
            self.rest.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a String doesn't fail.
        let _ = write!(text, "{value:?}");
        self.add(field, Value::from(text));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn answers_of_the_api_server_are_not_logged() {
        let written = Written::default();
        let writer = written.clone();
        let logger = tracing_subscriber::fmt()
            .with_env_filter(filter("trace"))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(logger, || {
            tracing::warn!(target: "kube_client::client", "an answer");
            tracing::warn!(target: "kube_client::client::tls", "a stale bundle");
            tracing::trace!(target: "sealed_secrets_controller::cluster", "our own");
        });
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let has = |text| written.contains(text);
        assert!(has("a stale bundle") && has("our own"), "{written}");
        assert!(!has("an answer"), "{written}");
    }

    #[test]
    fn values_cannot_forge_a_line_or_a_field() {
        assert_eq!(quoted("default/db"), "default/db");
        assert_eq!(quoted("two words"), "\"two words\"");
        assert_eq!(quoted("x\nlevel=INFO"), "\"x\\nlevel=INFO\"");
        assert_eq!(quoted("a=b"), "\"a=b\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
