//! Logs, on standard error; what is for the caller's eyes goes to standard output. What is counted, and what is traced.

mod log;
#[cfg(feature = "otlp")]
mod traces;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use log::{LogArgs, set_level, start};

/// Seconds: from a read out of memory to a request that is about to be given up.
const DURATIONS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How often what was counted is summed up, so that it takes no more room the longer nobody asks for it.
const SUM_UP: Duration = Duration::from_secs(5);

/// From now on what is counted is kept, for `/metrics`.
pub(crate) fn count() -> anyhow::Result<PrometheusHandle> {
    let counts = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &DURATIONS)?
        .install_recorder()
        .context("nothing can be counted")?;
    metrics::gauge!("tenantry_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    // Of what is rare and alerted of: an increase is only seen from a value before it.
    for rare in [
        "tenantry_connections_exhausted_total",
        "tenantry_forged_keys_total",
        "tenantry_log_lines_dropped_total",
        "tenantry_sign_in_failures_total",
    ] {
        metrics::counter!(rare).increment(0);
    }
    for outcome in ["proven", "failed"] {
        metrics::counter!("tenantry_backups_total", "outcome" => outcome).increment(0);
    }
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
    tokio::spawn(log::report_dropped_lines());
    Ok(counts)
}

/// What follows requests, where they are traced.
pub(crate) fn traces() -> Option<Arc<dyn api::Traces>> {
    #[cfg(feature = "otlp")]
    return traces::of_requests();
    #[cfg(not(feature = "otlp"))]
    None
}
