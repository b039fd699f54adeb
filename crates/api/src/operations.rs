//! What those who run the server ask it.

use crate::Shared;
use crate::metrics::{__path_metrics, metrics};
use crate::problem::Problem;
use crate::schema;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use std::sync::atomic::Ordering;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long the database may take to answer a server that is ready.
const READY_TIMEOUT: Duration = Duration::from_millis(700);

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    liveness().routes(routes!(readyz)).routes(routes!(metrics))
}

/// What clients may ask where the rest is on a listener of its own.
pub(crate) fn liveness() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(healthz))
}

/// Is the process alive?
///
/// Answered as long as the process runs, whatever its database does.
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, description = "It is", body = schema::Health), schema::UriRefusal))]
async fn healthz() -> Json<schema::Health> {
    Json(schema::Health { status: "ok" })
}

/// Can it serve requests just now?
///
/// Asks the database; says how the walks through the directories stand.
#[utoipa::path(get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, description = "It can", body = schema::Readiness),
              (status = 503, description = "Its database is out of reach, or it is stopping", body = schema::Error),
              schema::UriRefusal))]
async fn readyz(State(shared): State<Shared>) -> Result<Json<schema::Readiness>, Problem> {
    if shared.config.stopping.load(Ordering::Relaxed) {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"));
    }
    let health = async {
        shared.app.ready().await?;
        shared.app.directory_health().await
    };
    let health = tokio::time::timeout(READY_TIMEOUT, health).await.unwrap_or_else(|_| {
        Err(app::Error::Unavailable(format!("no answer within {} ms", READY_TIMEOUT.as_millis())))
    });
    let app::DirectoryHealth { connected, synced, failing, .. } = health?;
    let directories = schema::DirectoryHealth { connected, synced, failing };
    let audit = schema::AuditHealth {
        broken_chains: shared.app.broken_audit_chains().await?,
        rollbacks: shared.app.rollbacks().await?,
    };
    let (under_way, failing) = shared.app.invoice_fetch_health().await?;
    let invoice_fetches = schema::InvoiceFetchHealth { under_way, failing };
    Ok(Json(schema::Readiness { status: "ok", directories, audit, invoice_fetches }))
}
