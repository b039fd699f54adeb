//! How the partner appears to its customers.

use crate::cx::{Asked, Cx};
use crate::failure::Failure;
use crate::html;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::routes::{Routes, only_partners};
use app::{App, Branding, Error};
use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use std::sync::Arc;

const PATH: &str = "/console/settings/branding";
const NAMES: [&str; 3] = ["name", "colour", "portal_host"];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, show).post(PATH, save).open_get("/console/colours/{name}", colour)
}

#[derive(Template)]
#[template(path = "branding.html")]
pub(crate) struct BrandingPage {
    pub(crate) l: Layout,
    pub(crate) f: Inputs,
}

/// The style sheet of a colour. Its name says all of it, so browsers may keep it.
async fn colour(asked: Asked) -> Response {
    let name: String = asked.parameter("name").unwrap_or_default();
    let Some(css) = name.strip_suffix(".css").and_then(App::colour_css) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, css).into_response()
}

fn page(cx: &Cx, f: Inputs) -> BrandingPage {
    BrandingPage { l: cx.layout("branding-title", Section::Settings), f }
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let branding = cx.app.branding(cx.call()).await?;
    let f = Inputs::new(&NAMES, |name| match name {
        "name" => branding.name.clone(),
        "colour" => branding.colour.clone(),
        _ => branding.portal_host.clone(),
    });
    Ok(html::ok(&page(&cx, f)))
}

async fn save(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let mut f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    let [name, colour, portal_host] = NAMES.map(|name| f.value(name).to_owned());
    match cx.app.set_branding(cx.call(), &Branding { name, colour, portal_host }).await {
        Ok(()) => Ok(html::see_other("/console/settings/branding?done=branding-saved")),
        Err(Error::Invalid(violations)) => {
            f.refuse_all(cx.lang, &violations, |pointer| match pointer {
                "/name" => ("name", "field-brand-name"),
                "/colour" => ("colour", "field-colour"),
                _ => ("portal_host", "field-portal-host"),
            });
            Ok(html::page(StatusCode::UNPROCESSABLE_ENTITY, &page(&cx, f)))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<BrandingPage> {
    use crate::layout::samples::partner;
    let page = |wrong: bool| {
        let mut f = Inputs::new(&NAMES, |name| format!("{name} <b>"));
        if wrong {
            f.refuse("colour", "Colour: must be a colour <b>".into());
        }
        BrandingPage { l: partner("branding-title", Section::Settings), f }
    };
    vec![page(false), page(true)]
}
