//! Requests that go beyond a limit: refused, counted, and logged now and then.

use crate::client_address::ClientAddress;
use crate::credentials::Credentials;
use crate::large_answer;
use crate::problem::Problem;
use app::{Admitted, App, Exceeded, Refused, Slot};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::counter;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most one line for each limit in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Since when refusals of a limit were not logged, and how many.
static NOT_LOGGED: Mutex<BTreeMap<&'static str, (Instant, u64)>> = Mutex::new(BTreeMap::new());

/// How long a request keeps its slot. One that takes longer waits for something else than the processors: a disk, a
/// directory, the rest of a body.
const MAX_SLOT: Duration = Duration::from_millis(50);

/// What is served without a key and has hundreds of kilobytes, and as how many requests it counts for an address's rate.
const DOCUMENTS: [&str; 2] = ["/openapi.json", "/docs"];
const DOCUMENT_PRICE: u32 = 25;

/// What is asked for by those who watch the server: it is answered when every slot is taken, whatever key is shown.
const OPERATIONS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Lets a request in if the limits of its key, or of its address, allow it, when a slot is free. An answer has the group
/// of its request among its extensions.
pub(crate) async fn admit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let price = if DOCUMENTS.contains(&path) { DOCUMENT_PRICE } else { 1 };
    let is_operation = OPERATIONS.contains(&path);
    let extensions = request.extensions_mut();
    let key = match extensions.get::<Credentials>() {
        Some(Credentials::Key(key)) if !is_operation => Some(key.as_str()),
        _ => None,
    };
    let Some(client) = extensions.get::<ClientAddress>() else { return next.run(request).await };
    let (group, slot) = match app.admit(key, client.network(), price) {
        Ok(Admitted { group, .. }) if is_operation => (group, Ok(None)),
        Ok(Admitted { permits, group }) => {
            permits.map(|permits| extensions.insert(permits));
            (group, app.slot(group).await.map(Some))
        }
        Err(Refused { error, group }) => (group, Err(error)),
    };
    let mut response = match slot {
        Ok(Some(slot)) => process(next.run(request), slot).await,
        Ok(None) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    };
    response.extensions_mut().insert(group);
    response
}

async fn process(response: impl Future<Output = Response>, slot: Slot) -> Response {
    let mut response = pin!(response);
    match tokio::time::timeout(MAX_SLOT, response.as_mut()).await {
        Ok(response) => large_answer::keep_slot(response, slot, MAX_SLOT),
        Err(_) => {
            drop(slot);
            response.await
        }
    }
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
