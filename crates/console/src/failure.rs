//! Errors as pages: what is wrong, and what to do next.

use crate::cx::{Asked, Cx};
use crate::html;
use crate::layout::{Layout, Section};
use app::Error;
use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

/// Why a handler has no page of its own to show.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A use case failed.
    App(Error),
    /// The posted form is not one that this server gave to this browser.
    ForeignForm,
    /// The form cannot be read: too large, broken off, or not a form.
    Unreadable,
    /// What was asked for is at this path.
    Elsewhere(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::App(error)
    }
}

/// An error page.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage {
    pub(crate) l: Layout,
    /// The reason, in words of the server; may be empty.
    pub(crate) reason: String,
    /// What to do next.
    pub(crate) advice: String,
    /// Where to go next, and what the link says.
    pub(crate) next: (String, String),
    /// The form that was sent, to send it again: its action and its fields.
    pub(crate) retry: Option<(String, Vec<(String, String)>)>,
    /// The id under which the log has this request.
    pub(crate) request_id: String,
}

/// The page's status, the ids of its title and advice, and whether the error's own text is shown.
struct Shape {
    status: StatusCode,
    title: &'static str,
    advice: &'static str,
    is_shown: bool,
}

impl Failure {
    fn shape(&self) -> Shape {
        let shape = |status, title, advice, is_shown| Shape { status, title, advice, is_shown };
        match self {
            Failure::ForeignForm => {
                shape(StatusCode::FORBIDDEN, "error-form-title", "error-form-advice", false)
            }
            Failure::Elsewhere(_) => {
                shape(StatusCode::NOT_FOUND, "error-missing-title", "error-missing-advice", false)
            }
            Failure::Unreadable => {
                shape(StatusCode::BAD_REQUEST, "error-unreadable-title", "error-unreadable-advice", false)
            }
            Failure::App(error) => match error {
                Error::Unauthorized | Error::KeyExpired(_) => {
                    shape(StatusCode::UNAUTHORIZED, "error-key-title", "error-key-advice", false)
                }
                Error::Forbidden(_) => {
                    shape(StatusCode::FORBIDDEN, "error-forbidden-title", "error-forbidden-advice", true)
                }
                Error::NotFound => {
                    shape(StatusCode::NOT_FOUND, "error-missing-title", "error-missing-advice", false)
                }
                Error::Invalid(_)
                | Error::Parameters(_)
                | Error::LastAdmin
                | Error::LastOwner
                | Error::KeyReused
                | Error::Billing(_)
                | Error::Directory(_) => shape(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "error-invalid-title",
                    "error-invalid-advice",
                    true,
                ),
                Error::PreconditionFailed => {
                    shape(StatusCode::CONFLICT, "error-changed-title", "error-changed-advice", false)
                }
                Error::Conflict(_) => {
                    shape(StatusCode::CONFLICT, "error-conflict-title", "error-conflict-advice", true)
                }
                Error::StillRunning | Error::Assignments(_) => {
                    shape(StatusCode::CONFLICT, "error-conflict-title", "error-running-advice", true)
                }
                Error::LimitExceeded(_) => {
                    shape(StatusCode::TOO_MANY_REQUESTS, "error-busy-title", "error-busy-advice", true)
                }
                Error::OutcomeUnknown(_) => shape(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "error-unknown-title",
                    "error-unknown-advice",
                    false,
                ),
                Error::Busy(_)
                | Error::TimedOut(_)
                | Error::Unavailable(_)
                | Error::BillsUnavailable(_)
                | Error::DirectoryUnavailable { .. } => shape(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "error-unavailable-title",
                    "error-unavailable-advice",
                    false,
                ),
                Error::BillDamaged(_) | Error::Internal(_) | Error::Unfit(_) => shape(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "error-internal-title",
                    "error-internal-advice",
                    false,
                ),
            },
        }
    }

    /// The page for a user with a session.
    pub(crate) fn page(self, cx: &Cx) -> Response {
        if let Failure::Elsewhere(path) = &self {
            return html::see_other(path);
        }
        let title = self.shape().title;
        self.respond(&cx.asked, cx.layout(title, Section::None), ("/console", "error-to-home"))
    }

    /// The page for a browser without a session, or whose user has no access now.
    pub(crate) fn open_page(self, asked: &Asked) -> Response {
        let title = self.shape().title;
        self.respond(asked, asked.open_layout(title), ("/console/sign-in", "error-to-sign-in"))
    }

    fn respond(self, asked: &Asked, l: Layout, (href, label): (&str, &str)) -> Response {
        let Shape { status, advice, is_shown, .. } = self.shape();
        if let (Failure::App(error), true) = (&self, status.is_server_error()) {
            tracing::error!(%error, status = status.as_u16(), "failed to answer with a page");
        }
        let reason = match &self {
            Failure::App(error) if is_shown => asked.lang.reason(error),
            _ => String::new(),
        };
        let retry = (status == StatusCode::SERVICE_UNAVAILABLE).then(|| retry(asked)).flatten();
        let advice = if retry.is_some() { "error-retry-advice" } else { advice };
        let (advice, label) = (l.t(advice), l.t(label));
        let request_id = asked.visit.request_id.clone();
        let page = ErrorPage { l, reason, advice, next: (href.to_owned(), label), retry, request_id };
        let mut response = html::page(status, &page);
        let wait = match self {
            Failure::App(Error::LimitExceeded(exceeded)) => Some(exceeded.retry_after.as_secs().max(1)),
            _ if status == StatusCode::SERVICE_UNAVAILABLE => Some(1),
            _ => None,
        };
        wait.map(|wait| response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait)));
        response
    }
}

/// The form that was sent, with its own token, by which it is done once. Secrets are not put into a page, and a file cannot be.
fn retry(asked: &Asked) -> Option<(String, Vec<(String, String)>)> {
    let is_secret =
        |name: &str| ["key", "token", "refresh_token"].contains(&name) || name.ends_with("secret");
    if asked.form.is_empty() || !asked.file.is_empty() || asked.form.iter().any(|(name, _)| is_secret(name)) {
        return None;
    }
    let fields = asked.form.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some((format!("{}{}", asked.path, asked.raw_query), fields))
}
