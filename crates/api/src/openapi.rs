//! The OpenAPI 3.1 document, made from the code.

use crate::Shared;
use crate::extract::is_known;
use crate::schema::{CustomerId, CustomerRole, NewCustomerUser, StrictHandling, TrialState};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;
use utoipa::IntoParams;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, Content, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder,
    PathItem, Ref, RefOr, ResponseBuilder, Schema, ServerBuilder,
};

/// How long the document may be kept without asking for it again.
const CACHE_CONTROL: &str = "public, max-age=300";

/// `/openapi.json`: the document, made when it is first asked for.
pub(crate) fn route() -> MethodRouter<Shared> {
    static DOCUMENT: LazyLock<(Bytes, String)> = LazyLock::new(|| {
        let body = Bytes::from(serde_json::to_vec(&document()).unwrap_or_default());
        let mut hasher = DefaultHasher::new(); // as in every server of this build
        body.hash(&mut hasher);
        (body, format!("\"{:016x}\"", hasher.finish()))
    });
    get(|headers: HeaderMap| {
        let (body, tag) = &*DOCUMENT;
        let fields = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, CACHE_CONTROL.to_owned())];
        std::future::ready(if is_known(&headers, tag) {
            (StatusCode::NOT_MODIFIED, fields).into_response()
        } else {
            (fields, [(header::CONTENT_TYPE, "application/json")], body.clone()).into_response()
        })
    })
}

/// What each tag is about.
const TAGS: [(&str, &str); 6] = [
    ("customers", "A partner's customer tenants."),
    ("users", "The users of a partner and of its customers, and their API keys."),
    ("access", "Who asks, and the trail of what was done."),
    (
        "azure tenants",
        "The Azure tenants of the partner's directory, and the customers that they are assigned to.",
    ),
    ("billing", "Price rules, bill runs, statements and the files of bills."),
    ("operations", "For those who run the server."),
];

/// Parameters that are not known can be refused of every `GET`, also where none are.
fn take_strictly(operation: &mut Operation) {
    operation.responses.responses.entry("422".to_owned()).or_insert_with(|| {
        let content = Content::new(Some(Ref::from_schema_name("Error")));
        RefOr::T(
            ResponseBuilder::new()
                .description("Parameters that are not known, under strict handling")
                .content("application/json", content)
                .build(),
        )
    });
    let parameters = operation.parameters.get_or_insert_default();
    if !parameters.iter().any(|parameter| matches!(parameter, RefOr::T(one) if one.name == "Prefer")) {
        parameters.extend(StrictHandling::into_params(|| None).into_iter().map(RefOr::T));
    }
}

/// The document that `/openapi.json` answers.
pub fn document() -> OpenApi {
    finished(crate::router::documented().into_openapi())
}

pub(crate) fn preamble() -> OpenApi {
    let description = "Registers a Microsoft CSP partner's customer tenants and bills them. Speaks the CloudHealth \
        partner API. Customers are under `/v1` and `/v2` alike. A path with a `/` at its end is the same path, and runs of \
        `/` count as one.";
    let description = format!(
        "{description}\n\n## Roles\n\nA partner's user has one or more roles, and may do what any of them may.\n\n{}",
        app::permission_table()
    );
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Tenantry")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(description))
                .license(Some(
                    LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
                ))
                .contact(Some(ContactBuilder::new().name(Some("Tenantry")).build()))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").description(Some("This server")).build()]))
        .tags(Some(TAGS.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build())))
        .components(Some(
            ComponentsBuilder::new()
                .schema_from::<NewCustomerUser>()
                .schema_from::<CustomerRole>()
                .schema_from::<TrialState>()
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

/// Adjusts what the attributes of handlers cannot say. An optional body may be left out, but it is never `null`.
///
/// Where handlers serve more than one path, each path's operation gets an id of its own, and the parameters that only
/// that path has.
fn finished(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        if path.starts_with("/v")
            && let Some(operation) = &mut item.get
        {
            take_strictly(operation);
        }
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
            if suffix == "_of_customer"
                && let Some(content) = body(operation)
                && let Some(RefOr::Ref(named)) = &mut content.schema
                && named.ref_location.ends_with("/NewUser")
            {
                named.ref_location = "#/components/schemas/NewCustomerUser".into();
                content.example = Some(json!({"email": "jane@example.com", "name": "Jane"}));
            }
        }
    }
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let Some(content) = body(operation) else { continue };
        if let Some(RefOr::T(Schema::OneOf(choice))) = &content.schema {
            content.schema = choice.items.iter().find(|item| matches!(item, RefOr::Ref(_))).cloned();
        }
    }
    document
}

/// The operation's body as JSON.
fn body(operation: &mut Operation) -> Option<&mut Content> {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return None };
    match body.content.values_mut().next()? {
        RefOr::T(content) => Some(content),
        RefOr::Ref(_) => None,
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().filter_map(Option::as_mut)
}
