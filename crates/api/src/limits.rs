//! Requests that go beyond a limit: refused, counted, and logged now and then.

use crate::client_address::ClientAddress;
use crate::credentials::Credentials;
use crate::problem::Problem;
use app::{App, Exceeded};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::counter;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most one line for each limit in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Since when refusals of a limit were not logged, and how many.
static NOT_LOGGED: Mutex<BTreeMap<&'static str, (Instant, u64)>> = Mutex::new(BTreeMap::new());

/// Lets a request in if the rate of its key, or of its address, allows it.
pub(crate) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let key = match extensions.get::<Credentials>() {
        Some(Credentials::Key(key)) => Some(key.as_str()),
        _ => None,
    };
    if let Some(client) = extensions.get::<ClientAddress>()
        && let Err(error) = app.admit(key, client.network())
    {
        return Problem::from(error).into_response();
    }
    next.run(request).await
}

/// Count a request that went beyond a limit. What lasts is logged, now and then.
pub(crate) fn note(exceeded: &Exceeded) {
    let Exceeded { policy, who, .. } = exceeded;
    counter!("tenantry_requests_refused_total", "limit" => *policy).increment(1);
    let requests = {
        let mut all = NOT_LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !all.contains_key(policy);
        let (since, count) = all.entry(*policy).or_insert_with(|| (Instant::now(), 0));
        *count += 1;
        if !is_new && since.elapsed() < LOG_INTERVAL {
            return;
        }
        *since = Instant::now();
        std::mem::take(count)
    };
    tracing::warn!(limit = policy, who, requests, "requests beyond a limit were refused");
}
