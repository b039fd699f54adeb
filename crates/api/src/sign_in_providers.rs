//! `/v2/sign_in_providers/:audience`.

use crate::extract::{Caller, Ids, JsonBody, Preference};
use crate::problem::Problem;
use crate::{Shared, ignored, schema};
use app::Permission;
use app::single_sign_on::{Audience, PAYLOAD, ProviderSettings};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show_provider, set_provider, remove_provider))
}

#[derive(Deserialize)]
struct Whose {
    audience: String,
}

impl Whose {
    fn audience(&self) -> Result<Audience, Problem> {
        Audience::parse(&self.audience).ok_or_else(|| app::Error::NotFound.into())
    }
}

/// Read a sign-in provider
///
/// The provider of OpenID Connect that users sign in with. Its secret is not shown.
#[utoipa::path(
    get, path = "/sign_in_providers/{audience}", tag = "access", params(schema::ProviderAudience),
    responses(
        (status = 200, description = "The provider", body = schema::SignInProvider),
        (status = 404, description = "No provider is set", body = schema::Error),
        schema::Refusals,
    )
)]
async fn show_provider(
    State(shared): State<Shared>,
    Ids(whose): Ids<Whose>,
    Caller(call): Caller,
) -> Result<Json<schema::SignInProvider>, Problem> {
    shared.app.require(&call, Permission::ManagePartner).await?;
    let settings = shared.app.sign_in_provider(&call, whose.audience()?).await?;
    Ok(Json(settings.ok_or(app::Error::NotFound)?.into()))
}

/// Set a sign-in provider
///
/// It is reached before anything is saved. Without `client_secret` the one from before is kept, if issuer and client id stay. Sessions
/// of another issuer, or of another application, end.
#[utoipa::path(
    put, path = "/sign_in_providers/{audience}", tag = "access",
    params(schema::ProviderAudience, schema::StrictHandling),
    request_body(content = schema::NewSignInProvider,
                 example = json!({"issuer": "https://login.example.com", "client_id": "tenantry", "client_secret": "…"})),
    responses(
        (status = 200, description = "The provider", body = schema::SignInProvider),
        (status = 404, description = "No such audience", body = schema::Error),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn set_provider(
    State(shared): State<Shared>,
    Ids(whose): Ids<Whose>,
    Caller(call): Caller,
    Preference(handling): Preference,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    shared.app.require(&call, Permission::ManagePartner).await?;
    let audience = whose.audience()?;
    let (settings, secret) = ProviderSettings::parse(&body, handling)?;
    shared.app.set_sign_in_provider(&call, audience, settings.clone(), secret).await?;
    let mut response = Json(schema::SignInProvider::from(settings)).into_response();
    ignored::insert(response.headers_mut(), &PAYLOAD.ignored(&body));
    Ok(response)
}

/// Remove a sign-in provider
///
/// The sessions that it has opened end.
#[utoipa::path(
    delete, path = "/sign_in_providers/{audience}", tag = "access", params(schema::ProviderAudience),
    responses(
        (status = 204, description = "The provider is removed"),
        (status = 404, description = "There was none", body = schema::Error),
        schema::Refusals,
    )
)]
async fn remove_provider(
    State(shared): State<Shared>,
    Ids(whose): Ids<Whose>,
    Caller(call): Caller,
) -> Result<StatusCode, Problem> {
    shared.app.require(&call, Permission::ManagePartner).await?;
    shared.app.remove_sign_in_provider(&call, whose.audience()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
