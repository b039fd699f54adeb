//! Logs, on standard error; what is for the caller's eyes goes to standard output. And what is counted.

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::stderr;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

mod lines;

/// Seconds: from a read out of memory to a request that is about to be given up.
const DURATIONS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How often what was counted is summed up, so that it takes no more room the longer nobody asks for it.
const SUM_UP: Duration = Duration::from_secs(5);

/// `TENANTRY_LOG` filters (`info` by default, `off` for none); `TENANTRY_LOG_FORMAT=json` is for machines.
/// They are written until the guard is dropped, which waits for the last of them.
pub(crate) fn start() -> lines::Guard {
    let filter = EnvFilter::try_from_env("TENANTRY_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,tokio_postgres=warn"));
    let (writer, guard) = lines::to(stderr());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone());
    if std::env::var("TENANTRY_LOG_FORMAT").is_ok_and(|format| format == "json") {
        logs.json().init();
    } else {
        logs.compact().with_ansi(std::io::IsTerminal::is_terminal(&stderr())).init();
    }
    guard
}

/// From now on what the rooms count is kept, for `/metrics`.
pub(crate) fn count() -> anyhow::Result<PrometheusHandle> {
    let counts = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &DURATIONS)?
        .install_recorder()
        .context("nothing can be counted")?;
    metrics::gauge!("tenantry_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    tokio::spawn({
        let counts = counts.clone();
        async move {
            let mut ticks = tokio::time::interval(SUM_UP);
            loop {
                ticks.tick().await;
                counts.run_upkeep();
            }
        }
    });
    Ok(counts)
}
