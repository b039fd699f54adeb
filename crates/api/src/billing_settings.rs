//! `/v1/billing_settings`.

use crate::extract::{Caller, JsonBody};
use crate::problem::Problem;
use crate::{Shared, schema};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show_billing_settings, set_billing_settings))
}

/// Read the billing settings
///
/// How the numbers of statements begin, when statements are due, and who issues them.
#[utoipa::path(
    get, path = "/billing_settings", tag = "billing",
    responses((status = 200, description = "The settings", body = schema::BillingSettings), schema::Refusals)
)]
async fn show_billing_settings(
    State(shared): State<Shared>,
    Caller(call): Caller,
) -> Result<Json<schema::BillingSettings>, Problem> {
    Ok(Json(shared.app.billing_settings(&call).await?.into()))
}

/// Set the billing settings
///
/// All of them: what is left out is reset. Numbers and due dates are given when statements become final, and stay; name and address
/// are on the statements of runs that begin from then on.
#[utoipa::path(
    put, path = "/billing_settings", tag = "billing",
    request_body(content = schema::NewBillingSettings,
                 example = json!({"statement_number_prefix": "CON-", "due_days": 30, "display_name": "Contoso Ltd"})),
    responses(
        (status = 200, description = "The settings", body = schema::BillingSettings),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn set_billing_settings(
    State(shared): State<Shared>,
    Caller(call): Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<schema::BillingSettings>, Problem> {
    Ok(Json(shared.app.set_billing_settings(&call, &body).await?.into()))
}
