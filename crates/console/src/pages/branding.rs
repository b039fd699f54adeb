//! How the partner appears to its customers.

use crate::cx::{Asked, Cx};
use crate::failure::Failure;
use crate::html;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::routes::{Routes, only_partners};
use app::logo::MAX_BYTES;
use app::{App, Branding};
use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use std::sync::Arc;

/// A year, in which nothing under this name changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const PATH: &str = "/console/settings/branding";
const NAMES: [&str; 4] = ["name", "colour", "portal_host", "logo"];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get(PATH, show)
        .post(PATH, save)
        .post_file("/console/settings/branding/logo", MAX_BYTES, save_logo)
        .post("/console/settings/branding/logo/remove", remove_logo)
        .open_get("/console/colours/{name}", colour)
        .open_get("/console/logos/{name}", logo)
}

#[derive(Template)]
#[template(path = "branding.html")]
pub(crate) struct BrandingPage {
    pub(crate) l: Layout,
    pub(crate) f: Inputs,
    /// The maximum size of a picture, in bytes.
    pub(crate) max_bytes: usize,
}

/// The style sheet of a colour. Its name says all of it, so browsers may keep it.
async fn colour(asked: Asked) -> Response {
    let name: String = asked.parameter("name").unwrap_or_default();
    let Some(css) = name.strip_suffix(".css").and_then(App::colour_css) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, IMMUTABLE)], css)
        .into_response()
}

/// A logo, which is a PNG that this server has written. Its name is made of its content, so browsers may keep it. The policy is
/// for those who open it as a page of its own.
async fn logo(asked: Asked) -> Response {
    let name: String = asked.parameter("name").unwrap_or_default();
    match asked.app.logo(&name).await {
        Ok(Some(png)) => {
            let headers = [
                (header::CONTENT_TYPE, "image/png"),
                (header::CACHE_CONTROL, IMMUTABLE),
                (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
            ];
            (headers, png).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => Failure::App(error).open_page(&asked),
    }
}

fn page(cx: &Cx, f: Inputs) -> BrandingPage {
    BrandingPage { l: cx.layout("branding-title", Section::Settings), f, max_bytes: MAX_BYTES }
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let f = inputs(cx.app.branding(cx.call()).await?);
    Ok(html::ok(&page(&cx, f)))
}

fn inputs(branding: Branding) -> Inputs {
    let Branding { name, colour, portal_host, .. } = branding;
    Inputs::new(&NAMES, |input| match input {
        "name" => name.clone(),
        "colour" => colour.clone(),
        "portal_host" => portal_host.clone(),
        _ => String::new(),
    })
}

async fn save(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let mut f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    let [name, colour, portal_host, _] = NAMES.map(|name| f.value(name).to_owned());
    match cx.app.set_branding(cx.call(), &Branding { name, colour, portal_host, logo: None }).await {
        Ok(()) => Ok(html::see_other("/console/settings/branding?done=branding-saved")),
        Err(error) => {
            let said = f.refuse_error(cx.lang, &error, "", |pointer| match pointer {
                "/name" => ("name", "field-brand-name"),
                "/colour" => ("colour", "field-colour"),
                _ => ("portal_host", "field-portal-host"),
            });
            let Some(status) = said else { return Err(error.into()) };
            Ok(html::page(status, &page(&cx, f)))
        }
    }
}

async fn save_logo(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    match cx.app.set_logo(cx.call(), cx.file.clone()).await {
        Ok(()) => Ok(html::see_other("/console/settings/branding?done=logo-saved")),
        Err(error) => {
            let mut f = inputs(cx.app.branding(cx.call()).await?);
            let said = f.refuse_error(cx.lang, &error, "", |_| ("logo", "field-logo"));
            let Some(status) = said else { return Err(error.into()) };
            Ok(html::page(status, &page(&cx, f)))
        }
    }
}

async fn remove_logo(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.remove_logo(cx.call()).await?;
    Ok(html::see_other("/console/settings/branding?done=logo-removed"))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<BrandingPage> {
    use crate::layout::samples::partner;
    let page = |wrong: bool| {
        let mut f = Inputs::new(&NAMES, |name| format!("{name} <b>"));
        if wrong {
            f.refuse("colour", "Colour: must be a colour <b>".into());
            f.refuse("logo", "Logo: is no picture <b>".into());
        }
        BrandingPage { l: partner("branding-title", Section::Settings), f, max_bytes: MAX_BYTES }
    };
    let mut without = page(false);
    without.l.logo = None;
    vec![page(false), page(true), without]
}
