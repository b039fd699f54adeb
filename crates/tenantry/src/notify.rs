//! What systemd is told (sd_notify(3)): that the server serves, that it stops, that it is alive.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Tell the service manager, if there is one.
pub(crate) fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let told = || {
        let address = match path.to_string_lossy().strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&path)?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)
    };
    if let Err(error) = told() {
        tracing::warn!(%error, state, "failed to notify systemd");
    }
}

/// How often systemd's watchdog wants to be told that the server is alive: twice in its time-out.
fn watchdog_interval() -> Option<Duration> {
    let microseconds: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    let is_ours = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
    (is_ours && microseconds > 0).then(|| Duration::from_micros(microseconds / 2))
}

/// Tell the watchdog, for ever. A server whose runtime no longer turns does not, and is started again.
pub(crate) async fn keep_watchdog() {
    let Some(interval) = watchdog_interval() else { return };
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        notify("WATCHDOG=1");
    }
}
