//! `/v1/invoices` and `/v1/invoice_fetches`.

use crate::base_url::ListUrl;
use crate::created::Created;
use crate::extract::{Caller, Ids, Parameters, Posted};
use crate::problem::Problem;
use crate::{Shared, paging, schema};
use app::Paging;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_microsoft_invoices))
        .routes(routes!(create_invoice_fetch, list_invoice_fetches))
        .routes(routes!(show_invoice_fetch))
}

/// List Microsoft's invoices
///
/// As Partner Center listed them when the last fetch began, newest first: what is fetched of each, billed and final, and whether
/// what was billed is what Microsoft charges.
#[utoipa::path(
    get, path = "/invoices", tag = "billing",
    responses((status = 200, description = "All invoices", body = schema::MicrosoftInvoiceList), schema::Refusals)
)]
async fn list_microsoft_invoices(
    State(shared): State<Shared>,
    Caller(call): Caller,
) -> Result<Json<schema::MicrosoftInvoiceList>, Problem> {
    Ok(Json(schema::MicrosoftInvoiceList::of(shared.app.microsoft_invoices(&call).await?)))
}

/// Fetch Microsoft's invoices of a month
///
/// Into the partner's sources, from the interfaces of the Partner Center that the partner is connected to: for each invoice its
/// reconciliation and its daily usage. What is there in the same version is not fetched again; a fetch that was interrupted
/// goes on where it stopped. One fetch of a month at a time.
#[utoipa::path(
    post, path = "/invoice_fetches", tag = "billing", params(schema::IdempotencyKey),
    request_body(content = schema::NewInvoiceFetch, example = json!({"billing_period": "2026-10"})),
    responses(
        (status = 202, description = "The fetch, which goes on by itself", body = schema::InvoiceFetch,
         headers(("Location" = String, description = "Where the fetch can be followed"),
                 ("Idempotency-Replayed" = String, description = "Only on a repetition of the first answer: `true`"))),
        schema::Refusals, schema::BodyRefusals, schema::RunRefusals,
    )
)]
async fn create_invoice_fetch(
    State(shared): State<Shared>,
    Posted(call, body): Posted,
) -> Result<Created, Problem> {
    let write = schema::body::<schema::InvoiceFetch, _>;
    Ok(Created(StatusCode::ACCEPTED, shared.app.create_invoice_fetch(&call, &body, write).await?))
}

/// List fetches of invoices
///
/// In the order of their ids.
#[utoipa::path(
    get, path = "/invoice_fetches", tag = "billing", params(schema::Paging, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of fetches", body = schema::InvoiceFetchList,
         headers(("Link" = String, description = "`first`, `prev`, `next`, `last` (RFC 8288)"),
                 ("X-Total" = i64, description = "How many fetches the whole list has"),
                 ("X-Per-Page" = i64, description = "How many a page has"))),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_invoice_fetches(
    State(shared): State<Shared>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    let paging = Paging::parse(&parameters)?;
    let (fetches, total) = shared.app.invoice_fetches(&call, paging).await?;
    let more = paging.page * paging.per_page < total;
    let headers = paging::headers(&url, &parameters, paging, total, more, None);
    Ok((headers, Json(schema::InvoiceFetchList::of(fetches))).into_response())
}

/// Read a fetch of invoices
///
/// How far it is; when it has ended, where everything is, or what is wrong and what to do.
#[utoipa::path(
    get, path = "/invoice_fetches/{id}", tag = "billing", params(schema::InvoiceFetchId),
    responses(
        (status = 200, description = "The fetch", body = schema::InvoiceFetch),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_invoice_fetch(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
) -> Result<Json<schema::InvoiceFetch>, Problem> {
    Ok(Json(shared.app.invoice_fetch(&call, id).await?.into()))
}
