//! The web console and the customers' portal: server-rendered pages over the use cases of `app`.
//!
//! Each page has a file in `pages` with its handlers and its context struct, and a template of the same name. A handler gets
//! a [`cx::Cx`], which exists only for a request with an open session and, if it posts a form, with a token of that session.

#![recursion_limit = "256"] // the futures of bill runs are nested deeply

mod address_fields;
mod assets;
mod chart;
mod cookies;
mod cx;
mod failure;
mod form;
mod format;
mod html;
mod i18n;
mod inputs;
mod layout;
mod list;
mod pages;
mod places;
mod reasons;
mod routes;
mod upload;
mod visit;

pub use visit::Visit;

use app::App;
use axum::Router;
use std::sync::Arc;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) app: Arc<App>,
}

/// All pages. Each request needs a [`Visit`] in its extensions.
pub fn router(app: Arc<App>) -> Router {
    pages::routes().finish(Console { app })
}

/// The method and path of each page and form, paths with `{id}` for a parameter, and whether they need a session.
pub fn routes() -> Vec<(&'static str, &'static str, bool)> {
    pages::routes().listed()
}
