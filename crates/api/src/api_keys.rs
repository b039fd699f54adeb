//! `…/users/:user_id/api_keys`: the keys of a partner's user, or of a customer's.

use crate::created::Created;
use crate::extract::{Caller, Ids, Posted, Preference};
use crate::ignored::naming_ignored;
use crate::problem::Problem;
use crate::users::Place;
use crate::{Shared, schema};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use domain::user_key;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(create_api_key, list_api_keys))
        .routes(routes!(show_api_key, delete_api_key))
        .routes(routes!(rotate_named_api_key))
}

/// Give a user one more key
///
/// The answer shows it, this once. A user may have 20.
#[utoipa::path(
    post, path = "/users/{user_id}/api_keys", tag = "users",
    params(schema::UserId, schema::StrictHandling, schema::IdempotencyKey),
    request_body = schema::NewApiKey,
    responses(
        (status = 201, description = "The key", body = schema::ApiKey),
        (status = 404, description = "There is no such user", body = schema::Error),
        (status = 409, description = "The user has 20 keys", body = schema::Error),
        schema::Refusals, schema::BodyRefusals, schema::Repetition,
    )
)]
async fn create_api_key(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Preference(handling): Preference,
    Posted(call, body): Posted,
) -> Result<Response, Problem> {
    let (tenant, user, write) = (place.tenant(), place.user(), schema::body::<schema::ApiKey, _>);
    let created = shared.app.create_api_key(&call, tenant, user, &body, handling, write).await?;
    Ok(naming_ignored(&user_key::PAYLOAD, &body, Created(StatusCode::CREATED, created)))
}

/// List a user's keys
///
/// All of them, the default one first, those that were replaced last. The keys themselves are not shown.
#[utoipa::path(
    get, path = "/users/{user_id}/api_keys", tag = "users", params(schema::UserId),
    responses(
        (status = 200, description = "The keys", body = schema::ApiKeyList),
        (status = 404, description = "There is no such user", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_api_keys(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
) -> Result<Json<schema::ApiKeyList>, Problem> {
    let keys = shared.app.api_keys(&call, place.tenant(), place.user()).await?;
    Ok(Json(schema::ApiKeyList::of(keys)))
}

/// Read a user's key
///
/// The key itself is not shown.
#[utoipa::path(
    get, path = "/users/{user_id}/api_keys/{key_id}", tag = "users", params(schema::UserKeyId),
    responses(
        (status = 200, description = "The key", body = schema::ApiKey),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_api_key(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
) -> Result<Json<schema::ApiKey>, Problem> {
    Ok(Json(shared.app.api_key(&call, place.tenant(), place.user(), place.key()).await?.into()))
}

/// Revoke a user's key
///
/// It is dead at once, and so is one that it has come in the place of. The last key of a partner's last admin stays.
#[utoipa::path(
    delete, path = "/users/{user_id}/api_keys/{key_id}", tag = "users", params(schema::UserKeyId),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 422, description = "It is the last admin's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn delete_api_key(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
) -> Result<StatusCode, Problem> {
    shared.app.revoke_api_key(&call, place.tenant(), place.user(), place.key()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rotate a user's key
///
/// The answer shows the key that comes in its place, this once, under an id of its own: it has the old one's name, roles and
/// addresses. The old one is dead at once, or lives on for `overlap_seconds`. The body may be left out.
#[utoipa::path(
    post, path = "/users/{user_id}/api_keys/{key_id}/rotate", tag = "users",
    params(schema::UserKeyId, schema::StrictHandling, schema::IdempotencyKey),
    request_body = Option<schema::ApiKeyRotation>,
    responses(
        (status = 201, description = "The new key", body = schema::ApiKey),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        (status = 409, description = "It was rotated already", body = schema::Error),
        schema::Refusals, schema::BodyRefusals, schema::Repetition,
    )
)]
async fn rotate_named_api_key(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Preference(handling): Preference,
    Posted(call, body): Posted,
) -> Result<Response, Problem> {
    let (tenant, user, write) = (place.tenant(), place.user(), schema::body::<schema::ApiKey, _>);
    let created = shared.app.rotate_api_key(&call, tenant, user, place.key(), &body, handling, write).await?;
    Ok(naming_ignored(&user_key::ROTATION_PAYLOAD, &body, Created(StatusCode::CREATED, created)))
}
