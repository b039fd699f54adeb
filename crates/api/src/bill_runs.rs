//! `/v1/bill_runs`.

use crate::base_url::ListUrl;
use crate::created::Created;
use crate::extract::{Caller, Ids, Parameters, Posted};
use crate::problem::Problem;
use crate::{Shared, paging, schema};
use app::WriteBody;
use app::billing::{LineSearch, RunAction, RunSearch, RunView};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::CustomerId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How a run is written as a response.
const RUN: WriteBody<RunView> = schema::body::<schema::BillRun, _>;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(create_bill_run, list_bill_runs))
        .routes(routes!(show_bill_run, cancel_bill_run))
        .routes(routes!(publish_bill_run))
        .routes(routes!(finalize_bill_run))
        .routes(routes!(void_statements))
        .routes(routes!(release_bills))
        .routes(routes!(withdraw_statements))
        .routes(routes!(list_lines))
}

/// Ask for a bill run
///
/// Prices the lines of a month's invoice, and makes a bill for every customer with partner billing: a draft that the partner
/// alone sees, until it is published. One run of a month at a time; a later one of the same month replaces its bills as long
/// as they are estimates.
#[utoipa::path(
    post, path = "/bill_runs", tag = "billing", params(schema::IdempotencyKey),
    request_body(content = schema::NewBillRun,
                 example = json!({"billing_period": "2026-10", "sources": ["s3://invoices/2026-10/usage.csv.gz"]})),
    responses(
        (status = 202, description = "The run, which goes on by itself", body = schema::BillRun,
         headers(("Location" = String, description = "Where the run can be followed"),
                 ("Idempotency-Replayed" = String, description = "Only on a repetition of the first answer: `true`"))),
        schema::Refusals, schema::BodyRefusals, schema::RunRefusals,
    )
)]
async fn create_bill_run(
    State(shared): State<Shared>,
    Posted(call, body): Posted,
) -> Result<Created, Problem> {
    let created = shared.app.create_bill_run(&call, &body, RUN).await?;
    Ok(Created(StatusCode::ACCEPTED, created))
}

/// List bill runs
///
/// In the order of their ids, without their customers.
#[utoipa::path(
    get, path = "/bill_runs", tag = "billing", params(schema::RunParameters, schema::Paging, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of runs", body = schema::BillRunList,
         headers(("Link" = String, description = "`first`, `prev`, `next`, `last` (RFC 8288)"),
                 ("X-Total" = i64, description = "How many runs the whole list has"),
                 ("X-Per-Page" = i64, description = "How many a page has"))),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_bill_runs(
    State(shared): State<Shared>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    let search = RunSearch::parse(&parameters)?;
    let paging = search.paging;
    let (runs, total) = shared.app.bill_runs(&call, search).await?;
    let more = paging.page * paging.per_page < total;
    let headers = paging::headers(&url, &parameters, paging, total, more, None);
    Ok((headers, Json(schema::BillRunList::from(runs))).into_response())
}

/// Read a bill run
///
/// How far it is, and when it has ended, its report.
#[utoipa::path(
    get, path = "/bill_runs/{id}", tag = "billing", params(schema::BillRunId),
    responses(
        (status = 200, description = "The run", body = schema::BillRun),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_bill_run(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
) -> Result<Json<schema::BillRun>, Problem> {
    Ok(Json(shared.app.bill_run(&call, id).await?.into()))
}

/// Cancel a bill run
///
/// It changes no bill any more, and its state says within seconds that it has stopped. One that has failed is cancelled too,
/// with all of its month that have: no customer is `Not Healthy` for them any more.
#[utoipa::path(
    delete, path = "/bill_runs/{id}", tag = "billing", params(schema::BillRunId),
    responses(
        (status = 204, description = "It stops, or counts no more"),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals, schema::RunRefusals,
    )
)]
async fn cancel_bill_run(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
) -> Result<StatusCode, Problem> {
    shared.app.cancel_bill_run(&call, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Publish a bill run
///
/// Customers see the statements that the run has made, as estimates, and that earlier ones of the month are withdrawn. What they see of a
/// bill that it holds back stays as it is, and what they saw before changes only by this. A `409` if they see one of the run's invoices on statements of another month, or if tenants,
/// margins, billing switches or folders on the days of the bills have changed since these were made (`facts_changed`), unless that is
/// accepted. Repeating it changes nothing.
#[utoipa::path(
    post, path = "/bill_runs/{id}/publish", tag = "billing", params(schema::BillRunId, schema::IdempotencyKey),
    request_body = Option<schema::Publication>,
    responses(
        (status = 200, description = "The run, published", body = schema::BillRun,
         headers(("Location" = String, description = "The run"),
                 ("Idempotency-Replayed" = String, description = "Only on a repetition of the first answer: `true`"))),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals, schema::BodyRefusals, schema::RunRefusals,
    )
)]
async fn publish_bill_run(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Posted(call, body): Posted,
) -> Result<Created, Problem> {
    let created = shared.app.publish_bill_run(&call, id, &body, RUN).await?;
    Ok(Created(StatusCode::OK, created))
}

/// Finalise a bill run
///
/// Makes the run's statements final and publishes them: each is stored again, as the next version of the same lines, whose files say
/// `Final`. When the run has succeeded again they are final, or its `errors` say which are not. Warnings of the run that block
/// this are a `409`, unless they are accepted by code. What comes in later for the
/// same month is a correction on the next statement.
#[utoipa::path(
    post, path = "/bill_runs/{id}/finalize", tag = "billing", params(schema::BillRunId, schema::IdempotencyKey),
    request_body = Option<schema::Finalization>,
    responses(
        (status = 202, description = "The run, which goes on by itself", body = schema::BillRun,
         headers(("Location" = String, description = "Where the run can be followed"),
                 ("Idempotency-Replayed" = String, description = "Only on a repetition of the first answer: `true`"))),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals, schema::BodyRefusals, schema::RunRefusals,
    )
)]
async fn finalize_bill_run(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Posted(call, body): Posted,
) -> Result<Created, Problem> {
    let created = shared.app.finalize_bill_run(&call, id, &body, RUN).await?;
    Ok(Created(StatusCode::ACCEPTED, created))
}

/// Void final statements
///
/// Reverses final statements of a month, of which the last run is named: of these customers, or of all. Each becomes `Void`, and a
/// statement of the status `Reversal` has its amounts with the other sign. Their lines can be billed again, as can the month's
/// corrections that are on no statement. A `409` if a correction of the month is on another month's statement: that one goes first.
#[utoipa::path(
    post, path = "/bill_runs/{id}/void", tag = "billing", params(schema::BillRunId, schema::IdempotencyKey),
    request_body = schema::VoidRequest,
    responses(
        (status = 202, description = "The run, which goes on by itself", body = schema::BillRun,
         headers(("Location" = String, description = "Where the run can be followed"),
                 ("Idempotency-Replayed" = String, description = "Only on a repetition of the first answer: `true`"))),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals, schema::BodyRefusals, schema::RunRefusals,
    )
)]
async fn void_statements(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Posted(call, body): Posted,
) -> Result<Created, Problem> {
    let created = shared.app.act_on_bill_run(&call, id, RunAction::Void(body), RUN).await?;
    Ok(Created(StatusCode::ACCEPTED, created))
}

/// Withdraw a month's statements
///
/// Of a month that is not final, and that was a mistake: its last run is named, all runs of it are `cancelled` then, and no
/// draft is left; what customers have seen becomes `Withdrawn`. Corrections on them wait for another month. Of a final month,
/// the corrections that its last run made, as long as they are on no statement.
#[utoipa::path(
    delete, path = "/bill_runs/{id}/statements", tag = "billing", params(schema::BillRunId),
    responses(
        (status = 204, description = "The statements are withdrawn"),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals, schema::RunRefusals,
    )
)]
async fn withdraw_statements(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
) -> Result<StatusCode, Problem> {
    shared.app.withdraw_bill_run(&call, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Release bills that a run has held back
///
/// The run is repeated, and these customers get bills whatever the bounds are: drafts, or published where the run is.
#[utoipa::path(
    post, path = "/bill_runs/{id}/release", tag = "billing", params(schema::BillRunId, schema::IdempotencyKey),
    request_body = schema::Release,
    responses(
        (status = 202, description = "The run, which goes on by itself", body = schema::BillRun,
         headers(("Location" = String, description = "Where the run can be followed"),
                 ("Idempotency-Replayed" = String, description = "Only on a repetition of the first answer: `true`"))),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals, schema::BodyRefusals, schema::RunRefusals,
    )
)]
async fn release_bills(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Posted(call, body): Posted,
) -> Result<Created, Problem> {
    let created = shared.app.act_on_bill_run(&call, id, RunAction::Release(body), RUN).await?;
    Ok(Created(StatusCode::ACCEPTED, created))
}

/// List the lines of a customer's bill
///
/// With `explain=true` each says which rule priced it, and from what. The list is empty for a customer that the run has no lines of.
/// For the partner alone.
#[utoipa::path(
    get, path = "/bill_runs/{id}/customers/{customer_id}/lines", tag = "billing",
    params(schema::BillRunId, schema::RunCustomerId, schema::LineParameters, schema::Paging,
           schema::StrictHandling),
    responses(
        (status = 200, description = "A page of lines", body = schema::LineList,
         headers(("Link" = String, description = "`first`, `prev`, `next`, `last` (RFC 8288)"),
                 ("X-Total" = i64, description = "How many lines the bill has: Microsoft's, corrections of months before, and the rounding"),
                 ("X-Per-Page" = i64, description = "How many a page has"))),
        (status = 404, description = "There is no such run or customer, or the bill is held back, or the run has not succeeded", body = schema::Error),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_lines(
    State(shared): State<Shared>,
    Ids((id, customer)): Ids<(i64, i64)>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    let search = LineSearch::parse(&parameters)?;
    let paging = search.paging;
    let (lines, total) = shared.app.bill_lines(&call, id, CustomerId(customer), search).await?;
    let more = paging.page * paging.per_page < total;
    let headers = paging::headers(&url, &parameters, paging, total, more, None);
    Ok((headers, Json(schema::LineList::of(lines))).into_response())
}
