//! Routes that belong to no page: the assets, the language, and the root of the server.

use crate::cx::Asked;
use crate::i18n::Lang;
use crate::routes::Routes;
use crate::{assets, cookies, html};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .open_get("/", |_| async { html::see_other("/console") })
        .open_get("/console/assets/{name}", asset)
        .open_post("/console/language", choose_language)
}

async fn asset(asked: Asked) -> Response {
    let name: String = asked.parameter("name").unwrap_or_default();
    assets::respond(&name, &asked.headers).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

async fn choose_language(asked: Asked) -> Response {
    let mut response = html::see_other(&html::own_path(Some(asked.form.get("next"))));
    if let Some(lang) = Lang::of_tag(asked.form.get("language"))
        && let Some(cookie) = cookies::set(&asked.visit, cookies::LANGUAGE, lang.tag(), cookies::YEAR)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
