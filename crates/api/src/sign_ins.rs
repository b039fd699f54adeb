//! Sign-ins that fail: counted, and logged with the address that they come from, in bounded memory and few lines.

use crate::client_address::ClientAddress;
use crate::occasional::Occasional;
use metrics::counter;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses that are followed at the same time.
const MAX_ADDRESSES: usize = 1024;
/// An address is logged at its first failure in this time, its tenth, its hundredth, and so on.
const WINDOW: Duration = Duration::from_secs(60);

/// Failures by address.
#[derive(Default)]
pub(crate) struct FailedSignIns {
    recent: Mutex<HashMap<IpAddr, (Instant, u64)>>,
    others: Occasional,
}

impl FailedSignIns {
    /// The request whose span this is was answered `401`.
    pub(crate) fn count(&self, client: Option<ClientAddress>) {
        counter!("tenantry_sign_in_failures_total").increment(1);
        let Some(client) = client else { return };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= MAX_ADDRESSES && !recent.contains_key(&client.network()) {
            recent.retain(|_, (since, _)| since.elapsed() < WINDOW);
        }
        if recent.len() >= MAX_ADDRESSES && !recent.contains_key(&client.network()) {
            drop(recent);
            if let Some(times) = self.others.due() {
                tracing::warn!(times, "sign-ins failed, from more addresses than are followed");
            }
            return;
        }
        let (since, failures) = recent.entry(client.network()).or_insert_with(|| (Instant::now(), 0));
        if since.elapsed() >= WINDOW {
            (*since, *failures) = (Instant::now(), 0);
        }
        *failures += 1;
        let failures = *failures;
        drop(recent);
        if 10_u64.pow(failures.ilog10()) == failures {
            tracing::warn!(failures, "sign-in failed: failures of this address in a minute");
        }
    }
}
