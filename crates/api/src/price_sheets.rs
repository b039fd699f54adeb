//! `/v1/price_sheets`.

use crate::created::Created;
use crate::extract::{Caller, Posted};
use crate::problem::Problem;
use crate::{Shared, schema};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(import_price_sheet, list_price_sheets))
}

/// Import a price sheet
///
/// Microsoft's new-commerce price sheet of a month: CSV, plain, `.gz` or `.zip`. Runs of that month that begin from then on take list
/// prices from it, unless they are given a sheet of their own. It takes the place of the one that the month had.
#[utoipa::path(
    post, path = "/price_sheets", tag = "billing", params(schema::IdempotencyKey),
    request_body(content = schema::NewPriceSheet,
                 example = json!({"billing_period": "2026-10", "sources": ["file:price-sheet-2026-10.zip"]})),
    responses(
        (status = 201, description = "The price sheet", body = schema::PriceSheet,
         headers(("Idempotency-Replayed" = String, description = "Only on a repetition of the first answer: `true`"))),
        schema::Refusals, schema::BodyRefusals, schema::RunRefusals,
    )
)]
async fn import_price_sheet(
    State(shared): State<Shared>,
    Posted(call, body): Posted,
) -> Result<Created, Problem> {
    let write = schema::body::<schema::PriceSheet, _>;
    Ok(Created(StatusCode::CREATED, shared.app.import_price_sheet(&call, &body, write).await?))
}

/// List price sheets
///
/// All of them, the newest month first.
#[utoipa::path(
    get, path = "/price_sheets", tag = "billing",
    responses((status = 200, description = "All price sheets", body = schema::PriceSheetList), schema::Refusals)
)]
async fn list_price_sheets(
    State(shared): State<Shared>,
    Caller(call): Caller,
) -> Result<Json<schema::PriceSheetList>, Problem> {
    Ok(Json(shared.app.price_sheets(&call).await?.into()))
}
