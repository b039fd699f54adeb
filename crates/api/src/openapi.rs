//! The OpenAPI 3.1 document, made from the code.

use crate::Shared;
use crate::extract::is_known;
use crate::schema::CustomerId;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use std::hash::{DefaultHasher, Hash, Hasher};
use utoipa::IntoParams;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, PathItem, RefOr,
};

/// How long the document may be kept without asking for it again.
const CACHE_CONTROL: &str = "public, max-age=300";

/// `/openapi.json`: the document, serialised once.
pub(crate) fn route(document: &OpenApi) -> MethodRouter<Shared> {
    let body = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let mut hasher = DefaultHasher::new(); // as in every server of this build
    body.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    get(move |headers: HeaderMap| {
        let fields = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, CACHE_CONTROL.to_owned())];
        std::future::ready(if is_known(&headers, &tag) {
            (StatusCode::NOT_MODIFIED, fields).into_response()
        } else {
            (fields, [(header::CONTENT_TYPE, "application/json")], body.clone()).into_response()
        })
    })
}

/// The document that `/openapi.json` answers.
pub fn document() -> OpenApi {
    finished(crate::router::documented().into_openapi())
}

pub(crate) fn preamble() -> OpenApi {
    let description = "Registers a Microsoft CSP partner's customer tenants. Speaks the CloudHealth partner API. Every \
        path under `/v2` is there under `/v1` too. A path with a `/` at its end is the same path.";
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Tenantry")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(description))
                .license(Some(License::new("Apache-2.0")))
                .contact(Some(ContactBuilder::new().name(Some("Tenantry")).build()))
                .build(),
        )
        .components(Some(
            ComponentsBuilder::new()
                .security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
                .security_scheme(
                    "api_key",
                    SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::new("api_key"))),
                )
                .build(),
        ))
        .security(Some(["bearer", "api_key"].map(|scheme| SecurityRequirement::new(scheme, [""; 0]))))
        .build()
}

/// Where handlers serve more than one path, each path's operation gets an id of its own, and the parameters that only
/// that path has.
pub(crate) fn finished(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let suffix = if path.starts_with("/v1/customers") {
            "_v1"
        } else if path.starts_with("/v2/customers/{id}/users") {
            item.parameters = Some(CustomerId::into_params(|| None).into_iter().map(RefOr::T).collect());
            "_of_customer"
        } else {
            continue;
        };
        for operation in operations(item) {
            if let Some(id) = &mut operation.operation_id {
                id.push_str(suffix);
            }
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().filter_map(Option::as_mut)
}
