//! `/v2/users`, a partner's own users, and `/v2/customers/:id/users`, a customer's: one set of handlers.

use crate::base_url::ListUrl;
use crate::created::Created;
use crate::extract::{Caller, Ids, JsonBody, Parameters, Posted, Preference};
use crate::ignored::naming_ignored;
use crate::problem::Problem;
use crate::{Shared, ignored, paging, schema};
use app::{Paging, Tenant};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{CustomerId, UserId, user, user_key};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(create_user, list_users))
        .routes(routes!(show_user, update_user, delete_user))
        .routes(routes!(rotate_api_key, revoke_api_key))
}

/// What the path names: the customer where it has one, and the user where it names one.
#[derive(Deserialize)]
pub(crate) struct Place {
    id: Option<i64>,
    user_id: Option<i64>,
    key_id: Option<String>,
}

impl Place {
    pub(crate) fn tenant(&self) -> Tenant {
        self.id.map(CustomerId)
    }

    pub(crate) fn user(&self) -> UserId {
        UserId(self.user_id.unwrap_or_default())
    }

    pub(crate) fn key(&self) -> &str {
        self.key_id.as_deref().unwrap_or_default()
    }
}

/// Make a user
///
/// The answer shows its API key, this once.
#[utoipa::path(
    post, path = "/users", tag = "users", params(schema::StrictHandling, schema::IdempotencyKey),
    request_body(content = schema::NewUser,
        example = json!({"email": "night-script@example.com", "name": "Provisioning", "role": "operator"})),
    responses(
        (status = 201, description = "The user and its key", body = schema::User),
        (status = 404, description = "There is no such customer", body = schema::Error),
        schema::Refusals, schema::BodyRefusals, schema::Repetition,
    )
)]
async fn create_user(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Preference(handling): Preference,
    Posted(call, body): Posted,
) -> Result<Response, Problem> {
    let write = schema::body::<schema::User, _>;
    let created = shared.app.create_user(&call, place.tenant(), &body, handling, write).await?;
    Ok(naming_ignored(&user::PAYLOAD, &body, Created(StatusCode::CREATED, created)))
}

/// List users
///
/// In the order of their ids. Keys are not shown.
#[utoipa::path(
    get, path = "/users", tag = "users", params(schema::Paging, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of users", body = schema::UserList),
        (status = 404, description = "There is no such customer", body = schema::Error),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_users(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    let paging = Paging::parse(&parameters)?;
    let (users, total) = shared.app.users(&call, place.tenant(), paging).await?;
    let more = paging.page * paging.per_page < total;
    let headers = paging::headers(&url, &parameters, paging, total, more, None);
    Ok((headers, Json(schema::UserList::of(users))).into_response())
}

/// Read a user
///
/// Its key is not shown.
#[utoipa::path(
    get, path = "/users/{user_id}", tag = "users", params(schema::UserId),
    responses(
        (status = 200, description = "The user", body = schema::User),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_user(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
) -> Result<Json<schema::User>, Problem> {
    Ok(Json(shared.app.user(&call, place.tenant(), place.user()).await?.into()))
}

/// Change a user's name or roles
///
/// Changes only what the body names. The e-mail address stays.
#[utoipa::path(
    put, path = "/users/{user_id}", tag = "users", params(schema::UserId, schema::StrictHandling),
    request_body = schema::UserChange,
    responses(
        (status = 200, description = "The user as it is now", body = schema::User),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn update_user(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
    Preference(handling): Preference,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let ignored = user::CHANGE_PAYLOAD.ignored(&body);
    let user = shared.app.update_user(&call, place.tenant(), place.user(), body, handling).await?;
    let mut response = Json(schema::User::from(user)).into_response();
    ignored::insert(response.headers_mut(), &ignored);
    Ok(response)
}

/// Remove a user
///
/// Its keys are dead at once. The last admin of a partner stays, and so does the last owner of a customer unless the partner
/// removes it.
#[utoipa::path(
    delete, path = "/users/{user_id}", tag = "users", params(schema::UserId),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 422, description = "It is the last admin, or the last owner", body = schema::Error),
        schema::Refusals,
    )
)]
async fn delete_user(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
) -> Result<StatusCode, Problem> {
    shared.app.delete_user(&call, place.tenant(), place.user()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rotate a user's default key
///
/// The answer shows the new key, this once. The old one is dead at once, or lives on for `overlap_seconds`. The user's other
/// keys stay. The body may be left out.
#[utoipa::path(
    post, path = "/users/{user_id}/api_key", tag = "users",
    params(schema::UserId, schema::StrictHandling, schema::IdempotencyKey),
    request_body = Option<schema::NewKey>,
    responses(
        (status = 201, description = "The user and its new key", body = schema::User),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals, schema::BodyRefusals, schema::Repetition,
    )
)]
async fn rotate_api_key(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Preference(handling): Preference,
    Posted(call, body): Posted,
) -> Result<Response, Problem> {
    let (tenant, user, write) = (place.tenant(), place.user(), schema::body::<schema::User, _>);
    let created = shared.app.rotate_key(&call, tenant, user, &body, handling, write).await?;
    Ok(naming_ignored(&user_key::DEFAULT_ROTATION_PAYLOAD, &body, Created(StatusCode::CREATED, created)))
}

/// Revoke a user's keys
///
/// All of them. The user stays, without a key.
#[utoipa::path(
    delete, path = "/users/{user_id}/api_key", tag = "users", params(schema::UserId),
    responses(
        (status = 204, description = "It has none any more"),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 422, description = "They are the last admin's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn revoke_api_key(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
) -> Result<StatusCode, Problem> {
    shared.app.revoke_key(&call, place.tenant(), place.user()).await?;
    Ok(StatusCode::NO_CONTENT)
}
