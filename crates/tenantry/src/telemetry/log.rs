//! The log. A thread of its own writes it; nothing else ever waits for standard error. Lines that it cannot take in time are
//! dropped and counted, so that a reader who has stopped reading stops the log and not the server.

use anyhow::anyhow;
use clap::Args;
use metrics::counter;
use std::io::{BufWriter, IsTerminal, Write, stderr};
use std::panic::PanicHookInfo;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Lines that wait to be written; a line is at most some 4 KB long.
const MAX_LINES: usize = 8192;
/// Bytes of lines that are written together.
const BUFFER: usize = 64 * 1024;
/// How often it is looked whether lines were dropped.
const LOOK: Duration = Duration::from_secs(1);
/// OpenTelemetry's variables that name a collector; the second one for traces alone.
pub(super) const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
const DEFAULT_FILTER: &str = "info,tokio_postgres=warn";

static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();
/// Changes the filter of the running log.
static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

type SetFilter = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// The log.
#[derive(Args, Clone)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// What is logged on standard error: off, error, warn, info, debug or trace, or directives such as
    /// info,tenantry_store=debug.
    #[arg(long, env = "TENANTRY_LOG", value_name = "LEVEL", default_value = DEFAULT_FILTER, global = true)]
    log_level: LogLevel,
    /// How: text or json.
    #[arg(long, env = "TENANTRY_LOG_FORMAT", value_name = "FORMAT", default_value = "text", global = true)]
    log_format: LogFormat,
}

impl LogArgs {
    /// Warnings and errors alone, unless another level was asked for: for commands that report on the terminal themselves.
    pub(crate) fn of_command(mut self) -> Self {
        if self.log_level.0 == DEFAULT_FILTER {
            "warn".clone_into(&mut self.log_level.0);
        }
        self
    }
}

/// A level, or directives, that were parsed once.
#[derive(Clone)]
struct LogLevel(String);

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        filter(text.trim()).map(|_| LogLevel(text.trim().to_owned()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    Text,
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("must be text or json".to_owned()),
        }
    }
}

/// Takes lines, and blanks API keys in them.
#[derive(Clone)]
struct Redacting(NonBlocking);

impl Write for Redacting {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) => self.0.write_all(app::redact_keys(text).as_bytes())?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// What has to be dropped at the end: it waits for the last lines for a second, and for the last traces.
pub(crate) struct Guard {
    _lines: WorkerGuard,
    #[cfg(feature = "otlp")]
    _traces: Option<super::traces::Guard>,
}

/// Write the log as the options say, and send traces where they are to go, until the guard is dropped. Call it within the
/// runtime.
pub(crate) fn start(args: &LogArgs) -> anyhow::Result<Guard> {
    let filter = filter(&args.log_level.0).map_err(|why| anyhow!("--log-level {why}"))?;
    let (writer, lines) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(MAX_LINES)
        .thread_name("log")
        .finish(BufWriter::with_capacity(BUFFER, stderr()));
    drop(DROPPED.set(writer.error_counter()));
    let writer = Redacting(writer);
    let logs = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
    let logs = match args.log_format {
        LogFormat::Json => logs.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Text => logs.compact().with_ansi(stderr().is_terminal()).boxed(),
    };
    let (filter, handle) = tracing_subscriber::reload::Layer::new(filter);
    drop(SET_FILTER.set(Box::new(move |filter| handle.reload(filter).map_err(|e| e.to_string()))));
    let subscriber = tracing_subscriber::registry().with(logs.with_filter(filter));
    let traced = ENDPOINTS.iter().any(|name| std::env::var_os(name).is_some_and(|url| !url.is_empty()));
    #[cfg(feature = "otlp")]
    let guard = {
        let (layer, traces) =
            if traced { super::traces::layer().map(|(l, g)| (Some(l), Some(g)))? } else { (None, None) };
        subscriber.with(layer).init();
        Guard { _lines: lines, _traces: traces }
    };
    #[cfg(not(feature = "otlp"))]
    let guard = {
        subscriber.init();
        if traced {
            tracing::warn!("no traces are sent: this program was built without them (`--features otlp`)");
        }
        Guard { _lines: lines }
    };
    std::panic::set_hook(Box::new(log_panic));
    Ok(guard)
}

/// Change what is logged from now on.
pub(crate) fn set_level(args: &LogArgs) -> Result<(), String> {
    let set = SET_FILTER.get().ok_or("there is no log")?;
    set(filter(&args.log_level.0)?)
}

/// A level, or directives such as `info,tenantry_store=debug`. The library would take any other word for the name of a
/// module, and log nothing else.
fn filter(text: &str) -> Result<EnvFilter, String> {
    if text.is_empty() {
        return Ok(EnvFilter::new(DEFAULT_FILTER));
    }
    for directive in text.split(',').map(str::trim) {
        if !directive.contains(['=', '[']) && directive.parse::<LevelFilter>().is_err() {
            return Err(format!(
                "must be a level (off, error, warn, info, debug or trace), or directives such as \
                 info,tenantry_store=debug: {directive:?} is neither"
            ));
        }
    }
    match EnvFilter::try_new(text) {
        Ok(filter) => Ok(filter),
        Err(error) => {
            Err(format!("must be a level or directives such as info,tenantry_store=debug: {error}"))
        }
    }
}

/// The standard library's hook writes to standard error itself, and would wait for it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message =
        payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    let place = panic.location().map(tracing::field::display);
    tracing::error!(place, "panicked: {}", message.unwrap_or("?"));
}

/// Count lines that were dropped, and say so in the log.
pub(super) async fn report_dropped_lines() {
    let dropped = counter!("tenantry_log_lines_dropped_total");
    let mut reported = 0;
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        let lines = DROPPED.get().map_or(0, ErrorCounter::dropped_lines);
        if lines > reported {
            dropped.absolute(lines as u64);
            tracing::warn!(
                lines = lines - reported,
                "log lines were dropped: standard error was not read in time"
            );
            reported = lines;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_that_are_none_are_refused() {
        for text in [
            "",
            "off",
            "INFO",
            "Debug",
            "warn,tenantry=debug",
            "tenantry_store=TRACE",
            "info,[request]=debug",
        ] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in ["verbose", "inof", "tenantry", "tenantry=verbose", "[request=debug", "info debug"] {
            let refused = filter(text).expect_err(text);
            assert!(
                refused.contains("must be") && refused.contains("info,tenantry_store=debug"),
                "{refused}"
            );
        }
    }
}
