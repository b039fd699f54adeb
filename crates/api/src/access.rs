//! `/v2/me`, `/v2/audit_events` and `/v2/audit_verification`.

use crate::base_url::ListUrl;
use crate::extract::{Caller, Parameters};
use crate::problem::Problem;
use crate::{Shared, schema};
use app::TrailPart;
use app::events::EventSearch;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(me)).routes(routes!(audit_events)).routes(routes!(audit_verification))
}

/// Who am I?
///
/// The user whose key this is, its tenant, and until when it has access.
#[utoipa::path(
    get, path = "/me", tag = "access",
    responses((status = 200, description = "Who asks, its role and tenant, and until when it has access", body = schema::Me),
              schema::Refusals)
)]
async fn me(State(shared): State<Shared>, Caller(call): Caller) -> Result<Json<schema::Me>, Problem> {
    Ok(Json(shared.app.me(&call).await?.into()))
}

/// Read the audit trail
///
/// In the order of time. Every change is in it, and every refusal to a live key.
#[utoipa::path(
    get, path = "/audit_events", tag = "access", params(schema::EventParameters, schema::StrictHandling),
    responses(
        (status = 200, description = "A page of events", body = schema::EventList,
         headers(("Link" = String, description = "Only if there is a next page: it, with a cursor (RFC 8288)"))),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn audit_events(
    State(shared): State<Shared>,
    Caller(call): Caller,
    ListUrl(url): ListUrl,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    let search = EventSearch::parse(&parameters)?;
    let (events, next) = shared.app.events(&call, search).await?;
    let mut response = Json(schema::EventList::of(events)).into_response();
    if let Some(next) = next {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .extend_pairs(parameters.iter().filter(|(name, _)| name != "cursor"))
            .append_pair("cursor", &next);
        let link = format!("<{url}?{}>; rel=\"next\"", query.finish());
        if let Ok(link) = link.try_into() {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// Verify the audit trail
///
/// Whether it is as it was written: no event altered, taken out or put in, and none cut off that an anchor knows. Of a trail of
/// more than 50,000 events each answer is of a part, and `next` names the part that follows.
#[utoipa::path(
    get, path = "/audit_verification", tag = "access",
    params(schema::VerificationParameters, schema::StrictHandling),
    responses(
        (status = 200, description = "What was found", body = schema::AuditVerification),
        (status = 422, description = "Parameters that will not do", body = schema::Error),
        schema::Refusals,
    )
)]
async fn audit_verification(
    State(shared): State<Shared>,
    Caller(call): Caller,
    Parameters(parameters): Parameters,
) -> Result<Json<schema::AuditVerification>, Problem> {
    let part = TrailPart::parse(&parameters)?;
    Ok(Json(shared.app.check_trail(&call, part).await?.into()))
}
