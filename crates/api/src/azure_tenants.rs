//! `/v1/azure_partner_customers`, the directory's tenants, and `/v1/azure_partner_customer_accounts/…`, which customer
//! holds which.

use crate::base_url::ListUrl;
use crate::extract::{Caller, Ids, JsonBody, Parameters, Preference};
use crate::ignored::naming_ignored;
use crate::problem::Problem;
use crate::{Shared, paging, schema};
use app::assignments::{Change, PAYLOAD, TenantSearch};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{CustomerId, Handling};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(show_directory))
        .routes(routes!(list_azure_tenants))
        .routes(routes!(show_azure_tenant))
        .routes(routes!(list_assignments))
        .routes(routes!(list_customer_assignments))
        .routes(routes!(add_assignments))
        .routes(routes!(remove_assignments))
}

/// Read how the partner's directory is connected and how it fares
///
/// What stands in its way, since when, and what to do about it.
#[utoipa::path(
    get, path = "/directory", tag = "azure tenants",
    responses(
        (status = 200, description = "The directory; of kind `none` where tenants are taken as given", body = schema::DirectoryStatus),
        schema::Refusals,
    )
)]
async fn show_directory(
    State(shared): State<Shared>,
    Caller(call): Caller,
) -> Result<Json<schema::DirectoryStatus>, Problem> {
    let status = shared.app.own_directory_status(&call).await?;
    Ok(Json(schema::DirectoryStatus::of(status)))
}

/// List the Azure tenants of the partner's directory
///
/// Assigned or not, as the directory had them at the last walk.
#[utoipa::path(
    get, path = "/azure_partner_customers", tag = "azure tenants",
    params(schema::Paging, schema::TenantParameters, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of tenants", body = schema::AzureTenantList),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_azure_tenants(
    State(shared): State<Shared>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    let search = TenantSearch::parse(&parameters)?;
    let paging = search.paging;
    let (tenants, total) = shared.app.azure_tenants(&call, search).await?;
    let more = paging.page * paging.per_page < total;
    let headers = paging::headers(&url, &parameters, paging, total, more, None);
    Ok((headers, Json(schema::AzureTenantList::of(tenants))).into_response())
}

/// Read an Azure tenant of the partner's directory
///
/// By our own number for it, not by its `azure_customer_id`.
#[utoipa::path(
    get, path = "/azure_partner_customers/{id}", tag = "azure tenants", params(schema::AzureTenantId),
    responses(
        (status = 200, description = "The tenant", body = schema::AzureTenant),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_azure_tenant(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
) -> Result<Json<schema::AzureTenant>, Problem> {
    Ok(Json(shared.app.azure_tenant(&call, id).await?.into()))
}

/// List the Azure tenants that are assigned to customers
///
/// In the order of the tenants' numbers.
#[utoipa::path(
    get, path = "/azure_partner_customer_accounts/list", tag = "azure tenants",
    params(schema::Paging, schema::At, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of assignments", body = schema::AssignmentList),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_assignments(
    State(shared): State<Shared>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    assignments(&shared, &call, None, &url, &parameters).await
}

/// List the Azure tenants that are assigned to a customer
///
/// In the order of the tenants' numbers.
#[utoipa::path(
    get, path = "/azure_partner_customer_accounts/list/{client_api_id}", tag = "azure tenants",
    params(schema::ClientApiId, schema::Paging, schema::At, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of assignments", body = schema::AssignmentList),
        (status = 404, description = "There is no such customer", body = schema::Error),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_customer_assignments(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    assignments(&shared, &call, Some(CustomerId(id)), &url, &parameters).await
}

async fn assignments(
    shared: &Shared,
    call: &app::Call,
    customer: Option<CustomerId>,
    url: &str,
    parameters: &app::Query,
) -> Result<Response, Problem> {
    let search = TenantSearch::parse(parameters)?;
    let paging = search.paging;
    let (assigned, total) = shared.app.assignments(call, customer, search).await?;
    let more = paging.page * paging.per_page < total;
    let headers = paging::headers(url, parameters, paging, total, more, None);
    Ok((headers, Json(schema::AssignmentList::of(assigned))).into_response())
}

/// Assign Azure tenants to a customer
///
/// All of them or none. Where one cannot be assigned, the answer says which and why, and none is.
#[utoipa::path(
    put, path = "/azure_partner_customer_accounts/add/{client_api_id}", tag = "azure tenants",
    params(schema::ClientApiId, schema::StrictHandling), request_body = schema::Assignment,
    responses(
        (status = 207, description = "What became of each", body = schema::AssignmentOutcomes),
        (status = 404, description = "There is no such customer", body = schema::Error),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn add_assignments(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
    Preference(handling): Preference,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    change(&shared, &call, id, Change::Add, &body, handling).await
}

/// Take Azure tenants from a customer
///
/// All of them or none, as with adding.
#[utoipa::path(
    put, path = "/azure_partner_customer_accounts/remove/{client_api_id}", tag = "azure tenants",
    params(schema::ClientApiId, schema::StrictHandling), request_body = schema::Assignment,
    responses(
        (status = 207, description = "What became of each", body = schema::AssignmentOutcomes),
        (status = 404, description = "There is no such customer", body = schema::Error),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn remove_assignments(
    State(shared): State<Shared>,
    Ids(id): Ids<i64>,
    Caller(call): Caller,
    Preference(handling): Preference,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    change(&shared, &call, id, Change::Remove, &body, handling).await
}

async fn change(
    shared: &Shared,
    call: &app::Call,
    id: i64,
    change: Change,
    body: &domain::json::Json,
    handling: Handling,
) -> Result<Response, Problem> {
    let outcomes = shared.app.change_assignments(call, CustomerId(id), change, body, handling).await?;
    let outcomes = Json(schema::AssignmentOutcomes::of(outcomes));
    Ok(naming_ignored(&PAYLOAD, body, (StatusCode::MULTI_STATUS, outcomes)))
}
