//! The table of contents.

use crate::frame::{Frame, REQUEST_ID, refuse};
use crate::ignored::IGNORED;
use crate::problem::Problem;
use crate::unknown_path::KnownPaths;
use crate::{
    Config, Shared, access, accounts, api_keys, azure_tenants, bill_runs, billing_automation,
    billing_settings, branding, customers, docs, invoices, limits, metrics, openapi, operations, price_rules,
    price_sheets, profit, sandbox, sign_in_providers, statements, users,
};
use app::App;
use axum::Router;
use axum::extract::OriginalUri;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use http::{HeaderName, Method, StatusCode, header};
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_axum::router::OpenApiRouter;

pub(crate) fn documented() -> OpenApiRouter<Shared> {
    resources().merge(operations::routes())
}

fn resources() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::preamble())
        .nest(
            "/v2",
            customers::routes()
                .merge(users())
                .merge(access::routes())
                .merge(branding::routes())
                .merge(sign_in_providers::routes()),
        )
        .nest("/v2/customers/{id}", users())
        .nest("/v1", customers::routes().merge(azure_tenants::routes()).merge(billing()))
}

fn users() -> OpenApiRouter<Shared> {
    users::routes().merge(api_keys::routes()).merge(accounts::routes())
}

fn billing() -> OpenApiRouter<Shared> {
    price_rules::routes()
        .merge(invoices::routes())
        .merge(billing_automation::routes())
        .merge(billing_settings::routes())
        .merge(price_sheets::routes())
        .merge(bill_runs::routes())
        .merge(statements::routes())
        .merge(profit::routes())
}

/// Everything that is served, framed: the API, and `pages` beside it.
pub fn service(app: Arc<App>, config: Config, pages: Router) -> Frame<Router> {
    let cors = (!config.cors_origins.is_empty()).then(|| cors(&config));
    let config = Arc::new(config);
    let shared = Shared { app: Arc::clone(&app), config: Arc::clone(&config) };
    let (router, document) = documented().split_for_parts();
    let known_paths = KnownPaths::of(&document);
    let mut router = match config.operations_apart {
        true => resources().merge(operations::liveness()).split_for_parts().0,
        false => router,
    };
    router = router
        .route("/openapi.json", openapi::route())
        .route("/docs", docs::page())
        .route("/docs/style.css", docs::style());
    if app.is_sandbox() {
        router = router.merge(sandbox::routes());
    }
    let router = router
        .fallback(move |OriginalUri(uri): OriginalUri| std::future::ready(known_paths.not_found(uri.path())));
    let mut router = layered(router, shared, pages);
    if let Some(cors) = cors {
        router = router.layer(cors);
    }
    Frame::new(router, app, config)
}

/// `/metrics`, `/readyz` and `/healthz`, framed: for a listener of their own.
pub fn operations_service(app: Arc<App>, config: Config) -> Frame<Router> {
    let config = Arc::new(config);
    let shared = Shared { app: Arc::clone(&app), config: Arc::clone(&config) };
    let router = operations::routes().split_for_parts().0;
    let router = router.fallback(|| async {
        let message =
            "only /metrics, /readyz and /healthz are here; the API is on the server's other addresses";
        Problem::new(StatusCode::NOT_FOUND, message)
    });
    Frame::new(layered(router, shared, Router::new()), app, config)
}

/// A router, and pages beside it, with what every request passes before a route.
fn layered(router: Router<Shared>, shared: Shared, pages: Router) -> Router {
    let app = Arc::clone(&shared.app);
    router
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed here")
        })
        .with_state(shared)
        .merge(pages)
        // At once, from the outside in: each layer of its own is another box to clone for every request.
        .layer((
            from_fn(metrics::name_route),
            from_fn(refuse),
            from_fn_with_state(app, limits::admit),
            CatchPanicLayer::custom(panicked),
        ))
}

fn cors(config: &Config) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(config.cors_origins.clone()))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
            header::RANGE,
            HeaderName::from_static("prefer"),
            HeaderName::from_static("idempotency-key"),
            REQUEST_ID,
        ])
        .expose_headers([
            header::CONTENT_DISPOSITION,
            header::CONTENT_RANGE,
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            HeaderName::from_static("x-total"),
            HeaderName::from_static("x-per-page"),
            HeaderName::from_static("idempotency-replayed"),
            HeaderName::from_static("preference-applied"),
            IGNORED,
            REQUEST_ID,
        ])
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    let what = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Problem::from(app::Error::Internal(format!("a handler panicked: {}", what.unwrap_or("?"))))
        .into_response()
}
