//! `/sandbox/…`: only in a sandbox, and with a key; elsewhere these paths do not exist.

use crate::Shared;
use crate::extract::{Caller, JsonBody};
use crate::problem::Problem;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use domain::{ExternalId, Violation, Violations};
use serde::Serialize;

/// 2^53 − 1: what every JSON parser reads exactly, with enough ids behind it.
const MAX_NEXT_ID: i64 = 9_007_199_254_740_991;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/sandbox/clock", get(show).put(set)).route("/sandbox/next", axum::routing::put(next))
}

#[derive(Serialize)]
struct Shown {
    now: String,
}

async fn show(State(shared): State<Shared>) -> Json<Shown> {
    Json(Shown { now: shared.app.now().to_string() })
}

/// `{"now": "2016-09-15T18:17:04Z"}` moves the clock.
async fn set(
    State(shared): State<Shared>,
    Caller(_): Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<Shown>, Problem> {
    let now = match body.get("now").map(domain::json::Json::to_value) {
        Some(serde_json::Value::String(text)) => app::parse_time(&text),
        _ => Err("must be a time, such as 2016-09-15T18:17:04Z".into()),
    };
    let now = now.map_err(|message| Violations::from(Violation::new("/now", "invalid", message)))?;
    shared.app.set_clock(now)?;
    // What has become due would else be seen at the next tidying.
    shared.app.apply_due_changes().await?;
    Ok(show(State(shared)).await)
}

/// `{"id": 3947, "generated_external_id": "1a2b3c4d5e6f"}` says what the next customer gets.
async fn next(
    State(shared): State<Shared>,
    Caller(_): Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<serde_json::Value>, Problem> {
    let body = body.to_value();
    let mut violations = Violations::default();
    let id = body.get("id").and_then(|id| {
        id.as_i64().filter(|id| (1..=MAX_NEXT_ID).contains(id)).or_else(|| {
            let message = format!("must be a whole number from 1 to {MAX_NEXT_ID}");
            violations.push(Violation::new("/id", "invalid", message));
            None
        })
    });
    let external_id = body.get("generated_external_id").and_then(|text| {
        text.as_str().and_then(ExternalId::parse).or_else(|| {
            violations.push(Violation::new(
                "/generated_external_id",
                "invalid",
                "must be 12 lower-case hex digits",
            ));
            None
        })
    });
    if !violations.is_empty() {
        return Err(violations.into());
    }
    shared.app.set_next(id, external_id).await?;
    Ok(Json(body))
}
