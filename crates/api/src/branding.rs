//! `/v2/branding`, and the logo below it.

use crate::extract::{Caller, JsonBody, Picture, Preference};
use crate::problem::Problem;
use crate::{Shared, ignored, schema};
use app::{Branding, Permission};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show_branding, set_branding)).routes(routes!(set_logo, remove_logo))
}

/// Read the branding
///
/// How the partner appears to its customers, in the header of their pages.
#[utoipa::path(
    get, path = "/branding", tag = "access",
    responses((status = 200, description = "The branding", body = schema::Branding), schema::Refusals)
)]
async fn show_branding(
    State(shared): State<Shared>,
    Caller(call): Caller,
) -> Result<Json<schema::Branding>, Problem> {
    Ok(Json(shared.app.branding(&call).await?.into()))
}

/// Set the branding
///
/// Name, colour and host, all of them: what is left out is reset. The logo stays.
#[utoipa::path(
    put, path = "/branding", tag = "access", params(schema::StrictHandling),
    request_body(content = schema::NewBranding,
                 example = json!({"name": "Contoso Cloud", "colour": "#1f5fbf", "portal_host": "portal.example.com"})),
    responses(
        (status = 200, description = "The branding as it is now", body = schema::Branding),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn set_branding(
    State(shared): State<Shared>,
    Caller(call): Caller,
    Preference(handling): Preference,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    shared.app.require(&call, Permission::ManagePartner).await?;
    let branding = Branding::parse(&body, handling)?;
    shared.app.set_branding(&call, &branding).await?;
    let branding = shared.app.branding(&call).await?;
    let mut response = Json(schema::Branding::from(branding)).into_response();
    ignored::insert(response.headers_mut(), &domain::branding::PAYLOAD.ignored(&body));
    Ok(response)
}

/// Set the logo
///
/// The body is the picture itself, PNG or WebP, of at most 200 KB and 2048 × 2048 pixels, as `image/png`, `image/webp` or
/// `application/octet-stream`: which it is, its bytes say. It is decoded and written again as a
/// PNG of at most 480 × 96 pixels, with nothing else that the file had.
#[utoipa::path(
    put, path = "/branding/logo", tag = "access",
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "The branding as it is now", body = schema::Branding),
        schema::Refusals, schema::BodyRefusals,
    )
)]
async fn set_logo(
    State(shared): State<Shared>,
    Caller(call): Caller,
    Picture(bytes): Picture,
) -> Result<Json<schema::Branding>, Problem> {
    shared.app.set_logo(&call, bytes).await?;
    Ok(Json(shared.app.branding(&call).await?.into()))
}

/// Remove the logo
///
/// Pages show the name instead.
#[utoipa::path(
    delete, path = "/branding/logo", tag = "access",
    responses(
        (status = 204, description = "The logo is removed"),
        (status = 404, description = "There was none", body = schema::Error),
        schema::Refusals,
    )
)]
async fn remove_logo(State(shared): State<Shared>, Caller(call): Caller) -> Result<StatusCode, Problem> {
    shared.app.remove_logo(&call).await?;
    Ok(StatusCode::NO_CONTENT)
}
