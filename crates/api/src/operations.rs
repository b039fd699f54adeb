//! What those who run the server ask it.

use crate::Shared;
use crate::metrics::{__path_metrics, metrics};
use crate::problem::Problem;
use crate::schema;
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// Is the process alive?
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, description = "It is", body = schema::Health)))]
async fn healthz() -> Json<schema::Health> {
    Json(schema::Health { status: "ok" })
}

/// Can it serve requests just now?
#[utoipa::path(get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, description = "It can", body = schema::Readiness),
              (status = 503, description = "Its database is out of reach", body = schema::Error)))]
async fn readyz(State(shared): State<Shared>) -> Result<Json<schema::Readiness>, Problem> {
    shared.app.ready().await?;
    let app::DirectoryHealth { connected, synced, failing } = shared.app.directory_health().await?;
    let directories = schema::DirectoryHealth { connected, synced, failing };
    Ok(Json(schema::Readiness { status: "ok", directories }))
}
