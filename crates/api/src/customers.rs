//! `/v2/customers`, and the same under `/v1`.

use crate::base_url::ListUrl;
use crate::created::Created;
use crate::extract::{Caller, Ids, JsonBody, Parameters, Posted, Precondition, Preference, is_known};
use crate::ignored::naming_ignored;
use crate::problem::Problem;
use crate::{Shared, ignored, paging, schema};
use app::customers::{CustomerView, Search, cursor};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::customer::PAYLOAD;
use domain::{CustomerId, Handling};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(create_customer, list_customers))
        .routes(routes!(show_customer, update_customer, delete_customer))
        .routes(routes!(show_customer_history))
}

/// Create a customer
///
/// Registers a customer tenant. Either `azure_customer_id` or `address` is needed, never both. Every violation of the
/// payload is answered at once.
#[utoipa::path(
    post, path = "/customers", tag = "customers", params(schema::StrictHandling, schema::IdempotencyKey),
    request_body(content = schema::NewCustomer, examples(
        ("address" = (summary = "A tenant without an address in the Azure Portal", value = json!(schema::by_address()))),
        ("azure_customer_id" = (summary = "A tenant with an address in the Azure Portal", value = json!(schema::by_tenant()))),
    )),
    responses(
        (status = 201, description = "The customer", body = schema::Customer,
         headers(("Location" = String, description = "Where the customer is from now on"),
                 ("ETag" = String, description = "Its version, for `If-Match`"),
                 ("Idempotency-Replayed" = String, description = "Only on a repetition of the first answer: `true`"),
                 ("X-Tenantry-Ignored" = String, description = "Only where fields were ignored: their names")),
         example = json!(schema::answer())),
        schema::Refusals, schema::BodyRefusals, schema::Repetition,
    )
)]
async fn create_customer(
    State(shared): State<Shared>,
    Preference(handling): Preference,
    Posted(call, body): Posted,
) -> Result<Response, Problem> {
    let write = schema::body::<schema::Customer, _>;
    let created = shared.app.create_customer(&call, &body, handling, write).await?;
    let created = Created(StatusCode::CREATED, created);
    Ok(naming_ignored(&PAYLOAD, &body, created))
}

/// List customers
///
/// In the order of their ids. `Link` leads to the other pages; its `next` carries a cursor, so that following it stays
/// fast, and misses and repeats nothing while others write.
#[utoipa::path(
    get, path = "/customers", tag = "customers", params(schema::ListParameters, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of customers", body = schema::CustomerList,
         headers(("Link" = String, description = "`first`, `prev`, `next`, `last` (RFC 8288)"),
                 ("X-Total" = i64, description = "How many customers the whole list has"),
                 ("X-Per-Page" = i64, description = "How many a page has"),
                 ("X-Tenantry-Ignored" = String, description = "Only where parameters were ignored: their names"))),
        schema::Refusals,
        (status = 422, description = "Parameters that will not do", body = schema::Error),
    )
)]
async fn list_customers(
    State(shared): State<Shared>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    let search = Search::parse(&parameters, shared.app.now())?;
    let paging = search.paging;
    let page = shared.app.customers(&call, search).await?;
    let next = page.customers.last().map(|last| cursor(last.id()));
    let headers = paging::headers(&url, &parameters, paging, page.total, page.more, next);
    Ok((headers, Json(schema::CustomerList::of(&page.customers))).into_response())
}

/// Read a customer
///
/// Its partner's users may, and its own. The margin is only for the roles that see costs; the billing health is not for
/// the customer's own users. With `at`, the margin and the billing configuration are those of that day.
#[utoipa::path(
    get, path = "/customers/{id}", tag = "customers",
    params(schema::CustomerId, schema::IfNoneMatch, schema::At, schema::StrictHandling),
    responses(
        (status = 200, description = "The customer", body = schema::Customer,
         headers(("ETag" = String, description = "Its version, for `If-Match`")),
         example = json!(schema::answer())),
        (status = 304, description = "It is still the version that `If-None-Match` names"),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_customer(
    State(shared): State<Shared>,
    Caller(call): Caller,
    Ids(id): Ids<i64>,
    Parameters(parameters): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let at = app::dated::at(&parameters)?;
    let customer = shared.app.customer_at(&call, CustomerId(id), at).await?;
    let tag = etag(&customer);
    // Of a day, it changes without a new version.
    if at.is_none() && is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(answer(&customer, Handling::Lenient))
}

/// Read what a customer was billed at, and which tenants it had, since when
///
/// The margin is only for the roles that see costs.
#[utoipa::path(
    get, path = "/customers/{id}/history", tag = "customers", params(schema::CustomerId),
    responses(
        (status = 200, description = "Its terms and its tenants, by day", body = schema::CustomerHistory),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_customer_history(
    State(shared): State<Shared>,
    Caller(call): Caller,
    Ids(id): Ids<i64>,
) -> Result<Json<schema::CustomerHistory>, Problem> {
    Ok(Json(shared.app.customer_history(&call, CustomerId(id)).await?.into()))
}

/// Change a customer
///
/// Changes only what the body names. An explicit `null` clears `trial_expiration_date`, `billing_contact` and
/// `address.street2`; `address` and `tags` are replaced whole, the fields of `partner_billing_configuration` one by one.
/// A value sent back as it is, is no violation. Margin and billing configuration hold from today on, or from the day of
/// `effective_from`.
#[utoipa::path(
    put, path = "/customers/{id}", tag = "customers",
    params(schema::CustomerId, schema::IfMatch, schema::StrictHandling),
    request_body(content = schema::CustomerChange, example = json!({"trial_expiration_date": "2016-12-01T00:00:00Z"})),
    responses(
        (status = 200, description = "The customer as it is now", body = schema::Customer,
         headers(("ETag" = String, description = "Its version, for `If-Match`"),
                 ("X-Tenantry-Ignored" = String, description = "Only where fields were ignored: their names"))),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 412, description = "It has changed since the version that `If-Match` names", body = schema::Error),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn update_customer(
    State(shared): State<Shared>,
    Caller(call): Caller,
    Ids(id): Ids<i64>,
    Preference(handling): Preference,
    Precondition(if_match): Precondition,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let ignored = PAYLOAD.ignored(&body);
    let customer = shared.app.update_customer(&call, CustomerId(id), body, handling, if_match).await?;
    let mut response = answer(&customer, handling);
    ignored::insert(response.headers_mut(), &ignored);
    Ok(response)
}

/// Delete a customer
///
/// Its name and its Azure tenants are free again; its id is never used again. Days on which it was billed still are.
#[utoipa::path(
    delete, path = "/customers/{id}", tag = "customers",
    params(schema::CustomerId, schema::IfMatch, schema::Deletion, schema::StrictHandling),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 409, description = "It has statements, or corrections that are on none yet: `force=true` deletes it", body = schema::Error),
        (status = 412, description = "It has changed since the version that `If-Match` names", body = schema::Error),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn delete_customer(
    State(shared): State<Shared>,
    Caller(call): Caller,
    Ids(id): Ids<i64>,
    Precondition(if_match): Precondition,
    Parameters(parameters): Parameters,
) -> Result<StatusCode, Problem> {
    let force = app::customers::forced(&parameters)?;
    shared.app.delete_customer(&call, CustomerId(id), if_match, force).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn etag(customer: &CustomerView) -> String {
    format!("\"{}\"", customer.version())
}

fn answer(customer: &CustomerView, handling: Handling) -> Response {
    let mut response =
        ([(header::ETAG, etag(customer))], Json(schema::Customer::from(customer))).into_response();
    if handling == Handling::Strict {
        response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static("handling=strict"));
    }
    response
}
