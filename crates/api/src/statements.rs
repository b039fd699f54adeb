//! `/v1/customer_statements`.

use crate::base_url::ListUrl;
use crate::download::Download;
use crate::extract::{Caller, Ids, Parameters};
use crate::problem::Problem;
use crate::{Shared, paging, schema};
use app::billing::StatementSearch;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_statements))
        .routes(routes!(show_statement))
        .routes(routes!(download_file))
        .routes(routes!(download_correction_file))
}

/// List statements
///
/// What customers owe, by month and currency. A customer's user sees its own.
#[utoipa::path(
    get, path = "/customer_statements", tag = "billing", params(schema::StatementParameters, schema::Paging, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of statements", body = schema::StatementList,
         headers(("Link" = String, description = "`first`, `prev`, `next`, `last` (RFC 8288)"),
                 ("X-Total" = i64, description = "How many statements the whole list has"),
                 ("X-Per-Page" = i64, description = "How many a page has"))),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_statements(
    State(shared): State<Shared>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    let search = StatementSearch::parse(&parameters)?;
    let paging = search.paging;
    let (statements, total) = shared.app.statements(&call, search).await?;
    let more = paging.page * paging.per_page < total;
    let headers = paging::headers(&url, &parameters, paging, total, more, None);
    Ok((headers, Json(schema::StatementList::of(&statements))).into_response())
}

/// Read a statement
///
/// A customer's user sees its own.
#[utoipa::path(
    get, path = "/customer_statements/{id}", tag = "billing", params(schema::StatementId),
    responses(
        (status = 200, description = "The statement", body = schema::Statement),
        (status = 404, description = "No such statement, or another partner's or customer's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_statement(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
) -> Result<Json<schema::Statement>, Problem> {
    Ok(Json(schema::Statement::from(&shared.app.statement(&call, id).await?)))
}

/// Download a file of a statement's bill
///
/// `bill.csv` (its lines), `bill.focus.csv` (the same as FOCUS rows), `statement.json`, `statement.html`; which there
/// are, the statement says. One range of bytes can be asked for.
#[utoipa::path(
    get, path = "/customer_statements/{id}/files/{name}", tag = "billing",
    params(schema::StatementFile, schema::Download),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream",
         headers(("ETag" = String, description = "Its SHA-256"),
                 ("Content-Disposition" = String, description = "A name for it, such as `acme-2026-10.csv`"))),
        (status = 206, description = "The bytes of `Range`", body = Vec<u8>, content_type = "application/octet-stream",
         headers(("ETag" = String, description = "The whole file's SHA-256"),
                 ("Content-Range" = String, description = "Which bytes, and how many the whole file has"))),
        (status = 304, description = "It is still the file that `If-None-Match` names"),
        (status = 416, description = "The file has no such bytes; `Content-Range` says how many it has", body = schema::Error),
        (status = 404, description = "No such statement, or another partner's or customer's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn download_file(
    State(shared): State<Shared>,
    Ids((id, name)): Ids<(i64, String)>,
    Caller(call): Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Download::of(&headers);
    let range = |size, sha256: Option<&str>| asked.range(size, sha256);
    asked.answer(shared.app.statement_file(&call, id, None, &name, &range).await?)
}

/// Download a file of a correction
///
/// What came in for a month that was final, on the statement that has it: its lines, and the same files as a bill's.
#[utoipa::path(
    get, path = "/customer_statements/{id}/corrections/{billing_period}/{version}/files/{name}", tag = "billing",
    params(schema::CorrectionFile, schema::Download),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream",
         headers(("ETag" = String, description = "Its SHA-256"),
                 ("Content-Disposition" = String, description = "A name for it, such as `acme-2026-10-correction-v3.csv`"))),
        (status = 206, description = "The bytes of `Range`", body = Vec<u8>, content_type = "application/octet-stream",
         headers(("ETag" = String, description = "The whole file's SHA-256"),
                 ("Content-Range" = String, description = "Which bytes, and how many the whole file has"))),
        (status = 304, description = "It is still the file that `If-None-Match` names"),
        (status = 416, description = "The file has no such bytes; `Content-Range` says how many it has", body = schema::Error),
        (status = 404, description = "No such statement, or another partner's or customer's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn download_correction_file(
    State(shared): State<Shared>,
    Ids((id, billing_period, version, name)): Ids<(i64, String, i64, String)>,
    Caller(call): Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Download::of(&headers);
    let range = |size, sha256: Option<&str>| asked.range(size, sha256);
    let correction = Some((billing_period, version));
    asked.answer(shared.app.statement_file(&call, id, correction, &name, &range).await?)
}
