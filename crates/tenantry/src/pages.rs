//! The console behind the API's frame: what the frame knows of a request, in the console's words.

use api::{PublicUrl, Visitor};
use app::App;
use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use std::sync::Arc;

/// The pages of the console.
pub(crate) fn router(app: &Arc<App>, public_url: Option<PublicUrl>) -> Router {
    let public_url = Arc::new(public_url);
    web_console::router(Arc::clone(app)).layer(map_request(move |mut request: Request| {
        let Visitor { address, request_id, origin } =
            Visitor::of(request.headers(), request.extensions(), (*public_url).as_ref());
        request.extensions_mut().insert(web_console::Visit { address, request_id, origin });
        std::future::ready(request)
    }))
}
