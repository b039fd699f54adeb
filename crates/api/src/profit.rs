//! `/v1/profit`.

use crate::extract::{Caller, Parameters};
use crate::problem::Problem;
use crate::{Shared, schema};
use app::billing::ProfitSearch;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show_profit))
}

/// Read the profit of a month
///
/// What its lines cost and are charged, by customer, product, publisher or subscription, beside the month before; drafts
/// and corrections of the month included. As CSV with `format=csv`, or where `Accept` asks for `text/csv`.
#[utoipa::path(
    get, path = "/profit", tag = "billing", params(schema::ProfitParameters, schema::StrictHandling),
    responses(
        (status = 200, description = "The profit of the month",
         content((schema::ProfitReport = "application/json"), (String = "text/csv"))),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_profit(
    State(shared): State<Shared>,
    Caller(call): Caller,
    Parameters(parameters): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let search = ProfitSearch::parse(&parameters)?;
    let csv = search.csv || wants_csv(&headers);
    let name = format!("profit-{}-by-{}.csv", search.billing_period, search.by.name());
    let report = shared.app.profit(&call, search).await?;
    if !csv {
        return Ok((vary(), Json(schema::ProfitReport::from(report))).into_response());
    }
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    Ok((vary(), headers, report.csv()).into_response())
}

fn vary() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::VARY, HeaderValue::from_static("accept"))]
}

/// Whether the first type that a client accepts is CSV.
fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let first = accept.split([',', ';']).next().unwrap_or_default();
    first.trim().eq_ignore_ascii_case("text/csv")
}
