//! `/v1/billing_automation`.

use crate::extract::{Caller, JsonBody};
use crate::problem::Problem;
use crate::{Shared, schema};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show_billing_automation, set_billing_automation))
}

/// Read the billing automation
///
/// What the server does for the partner's billing by itself, what it did last, what it waits for, and when the next night is.
#[utoipa::path(
    get, path = "/billing_automation", tag = "billing",
    responses((status = 200, description = "The automation", body = schema::BillingAutomation), schema::Refusals)
)]
async fn show_billing_automation(
    State(shared): State<Shared>,
    Caller(call): Caller,
) -> Result<Json<schema::BillingAutomation>, Problem> {
    Ok(Json(shared.app.billing_automation(&call).await?.into()))
}

/// Set the billing automation
///
/// Estimates each night (UTC), invoices when they appear, final statements after some days if nothing speaks against it. It bills the
/// month before the one in which it was first set, and later ones. Nights that a server missed are made up for once.
#[utoipa::path(
    put, path = "/billing_automation", tag = "billing",
    request_body(content = schema::NewBillingAutomation,
                 example = json!({"estimates": "daily", "invoices": "fetch_and_bill", "finalize": "by_hand", "days": 3})),
    responses(
        (status = 200, description = "The automation", body = schema::BillingAutomation),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn set_billing_automation(
    State(shared): State<Shared>,
    Caller(call): Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<schema::BillingAutomation>, Problem> {
    Ok(Json(shared.app.set_billing_automation(&call, &body).await?.into()))
}
