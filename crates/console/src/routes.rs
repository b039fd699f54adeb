//! Routes, and what happens around every handler: the session, the form's token, the language, and errors as pages.

use crate::cx::{Asked, Cx};
use crate::failure::Failure;
use crate::form::{Fields, query_string};
use crate::i18n::Lang;
use crate::visit::{Visit, host_of};
use crate::{Console, cookies, html, upload};
use app::{Error, Origin, SessionEnd, SessionError};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Limited};
use std::sync::Arc;
use std::time::Duration;

/// The largest form, in bytes.
const MAX_FORM: usize = 256 * 1024;
/// The time within which a form has to arrive.
const FORM_TIMEOUT: Duration = Duration::from_secs(30);
/// The media type of a form without a file.
const FORM_TYPE: &str = "application/x-www-form-urlencoded";
/// The field of every form that holds its token.
pub(crate) const TOKEN: &str = "form_token";

/// The routes of the pages, with what tests need to know of them.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Console>,
    listed: Vec<(&'static str, &'static str, bool)>,
}

impl Routes {
    /// A page for users with a session.
    pub(crate) fn get<F, R>(self, path: &'static str, handler: F) -> Self
    where
        F: Fn(Arc<Cx>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Failure>> + Send + 'static,
    {
        let route = get(move |State(console): State<Console>, request: Request<Body>| {
            signed_in(console, request, None, handler.clone())
        });
        self.add("GET", path, true, route)
    }

    /// A form of users with a session.
    pub(crate) fn post<F, R>(self, path: &'static str, handler: F) -> Self
    where
        F: Fn(Arc<Cx>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Failure>> + Send + 'static,
    {
        let route = post(move |State(console): State<Console>, request: Request<Body>| {
            signed_in(console, request, None, handler.clone())
        });
        self.add("POST", path, true, route)
    }

    /// A form of users with a session that may carry a file of at most so many bytes. One that is larger arrives with one byte
    /// more than that.
    pub(crate) fn post_file<F, R>(self, path: &'static str, max_file: usize, handler: F) -> Self
    where
        F: Fn(Arc<Cx>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Failure>> + Send + 'static,
    {
        let route = post(move |State(console): State<Console>, request: Request<Body>| {
            signed_in(console, request, Some(max_file), handler.clone())
        });
        self.add("POST", path, true, route)
    }

    /// A page for everybody.
    pub(crate) fn open_get<F, R>(self, path: &'static str, handler: F) -> Self
    where
        F: Fn(Asked) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response> + Send + 'static,
    {
        let route = get(move |State(console): State<Console>, request: Request<Body>| {
            open(console, request, handler.clone())
        });
        self.add("GET", path, false, route)
    }

    /// A form for everybody.
    pub(crate) fn open_post<F, R>(self, path: &'static str, handler: F) -> Self
    where
        F: Fn(Asked) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response> + Send + 'static,
    {
        let route = post(move |State(console): State<Console>, request: Request<Body>| {
            open(console, request, handler.clone())
        });
        self.add("POST", path, false, route)
    }

    fn add(
        mut self,
        method: &'static str,
        path: &'static str,
        needs_session: bool,
        route: MethodRouter<Console>,
    ) -> Self {
        self.listed.push((method, path, needs_session));
        self.router = self.router.route(path, route);
        self
    }

    /// Adds the routes of a page.
    pub(crate) fn with(self, page: impl FnOnce(Routes) -> Routes) -> Self {
        page(self)
    }

    pub(crate) fn finish(self, console: Console) -> Router {
        self.router.with_state(console)
    }

    pub(crate) fn listed(self) -> Vec<(&'static str, &'static str, bool)> {
        self.listed
    }
}

async fn open<F, R>(console: Console, request: Request<Body>, handler: F) -> Response
where
    F: Fn(Asked) -> R,
    R: Future<Output = Response>,
{
    let is_post = request.method() == Method::POST;
    let (mut asked, body) = asked(console, request).await;
    if let Some(body) = body {
        match read_form(&asked, body, None).await {
            Ok((form, _)) => asked.form = form,
            Err(failure) => return failure.open_page(&asked),
        }
    }
    let mut fresh = None;
    if asked.form_secret.is_empty() && !is_post {
        asked.form_secret = asked.app.form_secret().unwrap_or_default();
        fresh = cookies::set(&asked.visit, cookies::FORM, &asked.form_secret, cookies::WEEK);
    }
    let mut response = handler(asked).await;
    fresh.map(|cookie| response.headers_mut().append(header::SET_COOKIE, cookie));
    response
}

async fn signed_in<F, R>(
    console: Console,
    request: Request<Body>,
    max_file: Option<usize>,
    handler: F,
) -> Response
where
    F: Fn(Arc<Cx>) -> R,
    R: Future<Output = Result<Response, Failure>>,
{
    let operation = format!("{} {}", request.method(), app::redact_keys(request.uri().path()));
    let (mut asked, body) = asked(console, request).await;
    let origin = Origin {
        address: asked.visit.address.clone(),
        request_id: app::redact_keys(&asked.visit.request_id).into_owned(),
        operation,
        permits: None,
    };
    let Some(token) = asked.session_token().map(str::to_owned) else {
        return to_sign_in(&asked, None, body.is_some());
    };
    let signed_in = match asked.app.session(&token, origin).await {
        Ok(signed_in) => signed_in,
        Err(SessionError::Ended(end)) => return to_sign_in(&asked, Some(end), body.is_some()),
        Err(SessionError::Failed(error)) => {
            // What was typed is read all the same, so that the error's page keeps it.
            if let Some(body) = body
                && let Ok((form, file)) = read_form(&asked, body, max_file).await
            {
                (asked.form, asked.file) = (form, file);
            }
            return Failure::App(error).open_page(&asked);
        }
    };
    if let Some(body) = body {
        match read_form(&asked, body, max_file).await {
            Ok((form, file)) => (asked.form, asked.file) = (form, file),
            Err(failure) => return failure.page(&Cx { asked, signed_in }),
        }
    }
    let cx = Arc::new(Cx { asked, signed_in });
    match handler(Arc::clone(&cx)).await {
        Ok(response) => response,
        Err(failure) => failure.page(&cx),
    }
}

/// What is known of a request, and its body if it posts a form.
async fn asked(console: Console, request: Request<Body>) -> (Asked, Option<Body>) {
    let (mut parts, body) = request.into_parts();
    let parameters = match RawPathParams::from_request_parts(&mut parts, &console).await {
        Ok(parameters) => parameters.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        Err(_) => Vec::new(),
    };
    let Parts { method, uri, headers, mut extensions, .. } = parts;
    let mut visit = extensions.remove::<Visit>().unwrap_or_else(|| Visit {
        address: String::new(),
        request_id: String::new(),
        origin: String::new(),
    });
    find_portal(&console, &headers, &mut visit).await;
    let lang = cookies::read(&headers, &visit, cookies::LANGUAGE).and_then(Lang::of_tag);
    let session = cookies::read(&headers, &visit, cookies::SESSION);
    let secret = session.or_else(|| cookies::read(&headers, &visit, cookies::FORM));
    let form_secret = secret.unwrap_or_default().to_owned();
    let asked = Asked {
        app: console.app,
        lang: lang.unwrap_or_else(|| Lang::preferred(&headers)),
        path: uri.path().to_owned(),
        raw_query: uri.query().map_or(String::new(), |query| format!("?{query}")),
        query: Fields::decode(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default(),
        parameters,
        form: Fields::default(),
        file: Bytes::new(),
        form_secret,
        headers,
        visit,
    };
    (asked, (method == Method::POST).then_some(body))
}

/// Where the server has a public URL, a partner's portal may have a host beside it: its pages are of an origin of their own.
async fn find_portal(console: &Console, headers: &HeaderMap, visit: &mut Visit) {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host_of(host).to_ascii_lowercase();
    if host.is_empty() || host == visit.host().to_ascii_lowercase() {
        return;
    }
    match console.app.portal_of_host(&host).await {
        Ok(Some(_)) => visit.set_host(&host),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "failed to find the partner of a host"),
    }
}

/// Reads a form, and the file that it carries where it may carry one, and checks that this server gave it to this browser: by
/// its origin, and by its token.
async fn read_form(asked: &Asked, body: Body, max_file: Option<usize>) -> Result<(Fields, Bytes), Failure> {
    if !is_from_here(asked) {
        return Err(Failure::ForeignForm);
    }
    let kind = asked.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default();
    let read = async {
        match max_file {
            Some(max_file) if upload::is_upload(kind) => upload::read(kind, body, max_file).await,
            _ if kind.split(';').next().unwrap_or_default().trim() == FORM_TYPE => {
                let collected = Limited::new(body, MAX_FORM).collect().await.ok()?;
                Some((Fields::decode(&collected.to_bytes())?, Bytes::new()))
            }
            _ => None,
        }
    };
    let read = tokio::time::timeout(FORM_TIMEOUT, read).await.ok().flatten();
    let (fields, file) = read.ok_or(Failure::Unreadable)?;
    if asked.app.is_form_token(&asked.form_secret, fields.get(TOKEN)) {
        Ok((fields, file))
    } else {
        Err(Failure::ForeignForm)
    }
}

/// Whether a form comes from a page of this server. Browsers send `Origin` with every form; what sends neither that nor
/// `Sec-Fetch-Site` is no browser that keeps cookies safe.
fn is_from_here(asked: &Asked) -> bool {
    let text = |name: &str| asked.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("origin"), text("sec-fetch-site")) {
        (Some(origin), _) => !asked.visit.origin.is_empty() && origin == asked.visit.origin,
        (None, Some(site)) => site == "same-origin",
        (None, None) => false,
    }
}

/// Sends the browser to sign in, and then back to the page that it asked for, or that the form was on.
fn to_sign_in(asked: &Asked, end: Option<SessionEnd>, is_form: bool) -> Response {
    let ended = match end {
        None => "",
        Some(SessionEnd::Unknown) => "elsewhere",
        Some(SessionEnd::Idle) => "idle",
        Some(SessionEnd::TooOld) => "age",
        Some(SessionEnd::KeyEnded) => "key",
        Some(SessionEnd::UserDeleted) => "user",
        Some(SessionEnd::RolesChanged) => "roles",
    };
    let next = match is_form {
        true => form_page(asked).unwrap_or_default().to_owned(),
        false => format!("{}{}", asked.path, asked.raw_query),
    };
    let unsent = if is_form { "1" } else { "" };
    let next = if next == "/console" || next == "/" { "" } else { next.as_str() };
    let query = query_string([("ended", ended), ("unsent", unsent), ("next", next)]);
    let mut response = html::see_other(&format!("/console/sign-in{query}"));
    if end.is_some() {
        remove_session(asked, response.headers_mut());
    }
    response
}

/// The page that a form was on, as far as the browser says: path and query.
fn form_page(asked: &Asked) -> Option<&str> {
    let page = asked.headers.get(header::REFERER)?.to_str().ok()?;
    page.strip_prefix(&asked.visit.origin)
        .filter(|path| !asked.visit.origin.is_empty() && path.starts_with('/'))
}

/// Removes the cookie of the session.
pub(crate) fn remove_session(asked: &Asked, headers: &mut HeaderMap) {
    if let Some(cookie) = cookies::set(&asked.visit, cookies::SESSION, "", 0) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// The error of a customer's user that asks for a page of the partner, and the other way round: it is not there.
pub(crate) fn only_partners(cx: &Cx) -> Result<(), Failure> {
    if cx.call().customer().is_some() { Err(Error::NotFound.into()) } else { Ok(()) }
}
