//! SIGHUP: the configuration is read again, and what can change in a running server does.

use crate::config::{self, Effective};
use crate::tls::Certificates;
use crate::{Command, telemetry};
use app::App;
use std::sync::Arc;

/// Values that count as soon as they are read.
const AT_ONCE: [&str; 7] = [
    "log.log-level",
    "limits.key-rate",
    "limits.partner-rate",
    "limits.address-rate",
    "limits.key-concurrency",
    "limits.partner-concurrency",
    "limits.partner-slots",
];

/// The configuration that the server runs with.
pub(crate) struct Reload {
    current: Vec<Effective>,
    certificates: Option<Arc<Certificates>>,
}

impl Reload {
    pub(crate) fn new(certificates: Option<Arc<Certificates>>) -> Self {
        let current = config::load().map(|loaded| loaded.effective).unwrap_or_default();
        Reload { current, certificates }
    }

    /// Read the configuration again, and say what came of it. One that is wrong changes nothing.
    pub(crate) fn now(&mut self, app: &App) {
        let loaded = match config::load() {
            Ok(loaded) => loaded,
            Err(wrong) => {
                let problems = wrong.lines().join("; ");
                tracing::error!(problems, "configuration not reloaded: it stays as it was");
                return;
            }
        };
        if let Some(certificates) = &self.certificates {
            certificates.look();
        }
        let changed = config::changed(&self.current, &loaded.effective);
        let serve = match &loaded.cli.command {
            None => &loaded.cli.serve,
            Some(Command::Serve(serve)) => serve,
            Some(_) => return,
        };
        let (now, later): (Vec<String>, Vec<String>) =
            changed.into_iter().partition(|name| AT_ONCE.contains(&name.as_str()));
        if now.iter().any(|name| name.starts_with("limits.")) {
            app.set_limits(serve.limits.settings());
        }
        if let Err(error) = telemetry::set_level(&loaded.cli.log) {
            tracing::error!(error, "the log's level was not changed");
        }
        // What needs a restart stays different, and is said again.
        for value in &mut self.current {
            if let Some(new) = loaded.effective.iter().find(|new| new.name() == value.name())
                && now.contains(&new.name())
            {
                *value = new.clone();
            }
        }
        let changed = now.join(", ");
        if later.is_empty() {
            tracing::info!(changed, "configuration reloaded");
        } else {
            let unchanged = later.join(", ");
            tracing::warn!(changed, unchanged, "configuration reloaded; what is unchanged needs a restart");
        }
    }
}
