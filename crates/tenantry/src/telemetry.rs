//! Logs, on standard error; what is for the caller's eyes goes to standard output.

use tracing_subscriber::EnvFilter;

/// `TENANTRY_LOG` filters (`info` by default, `off` for none); `TENANTRY_LOG_FORMAT=json` is for machines.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("TENANTRY_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,tokio_postgres=warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var("TENANTRY_LOG_FORMAT").is_ok_and(|format| format == "json") {
        logs.json().init();
    } else {
        logs.compact().with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
    }
}
