//! `…/users/:user_id/accounts`: the accounts of providers that a user is linked to.

use crate::extract::{Caller, Ids};
use crate::problem::Problem;
use crate::users::Place;
use crate::{Shared, schema};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_accounts, unlink_accounts))
}

/// List a user's accounts
///
/// The accounts of providers that the user is linked to, by its first sign-in with each.
#[utoipa::path(
    get, path = "/users/{user_id}/accounts", tag = "users", params(schema::UserId),
    responses(
        (status = 200, description = "The accounts", body = schema::LinkedAccountList),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn list_accounts(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
) -> Result<Json<schema::LinkedAccountList>, Problem> {
    let accounts = shared.app.linked_accounts(&call, place.tenant(), place.user()).await?;
    Ok(Json(schema::LinkedAccountList::of(accounts)))
}

/// Unlink a user's accounts
///
/// For an account that was made again. The sessions that were opened with it end; the next sign-in links the user to the account that
/// has its e-mail address.
#[utoipa::path(
    delete, path = "/users/{user_id}/accounts", tag = "users", params(schema::UserId),
    responses(
        (status = 204, description = "The user is linked to none any more"),
        (status = 404, description = "No such object, or another partner's", body = schema::Error),
        schema::Refusals,
    )
)]
async fn unlink_accounts(
    State(shared): State<Shared>,
    Ids(place): Ids<Place>,
    Caller(call): Caller,
) -> Result<StatusCode, Problem> {
    shared.app.unlink_accounts(&call, place.tenant(), place.user()).await?;
    Ok(StatusCode::NO_CONTENT)
}
