//! The user's own sessions, and "sign out everywhere".

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::routes::{Routes, remove_session};
use askama::Template;
use axum::response::Response;
use std::sync::Arc;

const PATH: &str = "/console/sessions";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, list).post("/console/sessions/end", end).post("/console/sessions/end-all", end_all)
}

/// A session in the list.
pub(crate) struct Row {
    pub(crate) id: String,
    /// Browser and system, such as "Firefox on Windows".
    pub(crate) browser: String,
    pub(crate) address: String,
    pub(crate) signed_in: Time,
    pub(crate) last_seen: Time,
    pub(crate) is_current: bool,
}

#[derive(Template)]
#[template(path = "sessions.html")]
pub(crate) struct SessionsPage {
    pub(crate) l: Layout,
    pub(crate) rows: Vec<Row>,
}

async fn list(cx: Arc<Cx>) -> Result<Response, Failure> {
    let sessions = cx.app.sessions(cx.call()).await?;
    let rows = sessions.into_iter().map(|session| Row {
        is_current: session.id == cx.signed_in.session,
        browser: browser(&session.agent).unwrap_or_else(|| cx.lang.text("sessions-unknown-browser", None)),
        address: session.address,
        signed_in: format::time(cx.lang, session.created_at),
        last_seen: format::time(cx.lang, session.last_seen_at),
        id: session.id,
    });
    let rows = rows.collect();
    Ok(html::ok(&SessionsPage { l: cx.layout("sessions-title", Section::Sessions), rows }))
}

async fn end(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = cx.form.get("session").to_owned();
    let is_current = id == cx.signed_in.session;
    cx.app.end_session(cx.call(), id).await?;
    if !is_current {
        return Ok(html::see_other("/console/sessions?done=session-ended"));
    }
    let mut response = html::see_other("/console/sign-in?ended=signed-out");
    remove_session(&cx.asked, response.headers_mut());
    Ok(response)
}

async fn end_all(cx: Arc<Cx>) -> Result<Response, Failure> {
    cx.app.end_all_sessions(cx.call()).await?;
    let mut response = html::see_other("/console/sign-in?ended=everywhere");
    remove_session(&cx.asked, response.headers_mut());
    Ok(response)
}

/// Browser and system of a `User-Agent`, for people to recognise their own; `None` for what is no known browser.
fn browser(agent: &str) -> Option<String> {
    // Each names those before it, too.
    let browsers = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    let browser = find(&browsers)?;
    Some(find(&systems).map_or(browser.to_owned(), |system| format!("{browser}, {system}")))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<SessionsPage> {
    use crate::layout::samples::{partner, time};
    let row = |is_current| Row {
        id: "0123".into(),
        browser: "Firefox <b>, Linux".into(),
        address: "203.0.113.9".into(),
        signed_in: time(),
        last_seen: time(),
        is_current,
    };
    vec![SessionsPage { l: partner("sessions-title", Section::Sessions), rows: vec![row(true), row(false)] }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_recognised() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                Some("Firefox, Linux"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 \
                 Safari/537.36 Edg/130.0",
                Some("Edge, Windows"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.0 Safari/605.1.15",
                Some("Safari, macOS"),
            ),
            ("curl/8.5.0", None),
            ("", None),
        ] {
            assert_eq!(browser(agent).as_deref(), expected, "{agent}");
        }
    }
}
