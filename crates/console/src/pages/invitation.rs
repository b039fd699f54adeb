//! Invitations: making one, and the page behind its link.

use crate::cx::{Asked, Cx};
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::pages::sign_in;
use crate::pages::users::{list_path, section, tenant, user_id};
use crate::routes::Routes;
use app::{Invitation, InvitationError, Invited};
use askama::Template;
use axum::response::Response;
use http::{StatusCode, header};
use std::sync::Arc;

const PATH: &str = "/console/invitation";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .post("/console/users/{user_id}/invite", invite)
        .post("/console/customers/{id}/users/{user_id}/invite", invite)
        .open_get(PATH, show)
        .open_post(PATH, accept)
}

/// The page that shows a new link, once.
#[derive(Template)]
#[template(path = "invitation_link.html")]
pub(crate) struct InvitationLinkPage {
    pub(crate) l: Layout,
    pub(crate) email: String,
    pub(crate) link: String,
    pub(crate) expires_at: Time,
    pub(crate) back: String,
}

/// The page behind the link.
#[derive(Template)]
#[template(path = "invitation.html")]
pub(crate) struct InvitationPage {
    pub(crate) l: Layout,
    pub(crate) state: State,
    pub(crate) token: String,
    /// Whether the connection is safe enough for a session.
    pub(crate) may_sign_in: bool,
}

/// What is to be said of an invitation.
pub(crate) enum State {
    Open { partner: String, email: String, until: Time },
    Used { invited_by: String },
    Late { invited_by: String },
    Unknown,
}

async fn invite(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (tenant, id) = (tenant(&cx)?, user_id(&cx)?);
    let invitation = cx.app.invite(cx.call(), tenant, id).await?;
    Ok(html::ok(&link(&cx, invitation, section(tenant), format!("{}/{id}", list_path(tenant)))))
}

/// The page with a new invitation, which goes back to this path.
pub(super) fn link(cx: &Cx, invitation: Invitation, section: Section, back: String) -> InvitationLinkPage {
    InvitationLinkPage {
        l: cx.layout("invitation-link-title", section),
        email: invitation.email,
        // In the query, because paths are logged.
        link: format!("{}{PATH}?token={}", cx.visit.origin, invitation.token),
        expires_at: format::time(cx.lang, invitation.expires_at),
        back,
    }
}

async fn page(asked: &Asked, state: State, token: &str) -> InvitationPage {
    let title = match &state {
        State::Open { .. } => "invitation-title",
        State::Used { .. } => "invitation-used-title",
        State::Late { .. } => "invitation-late-title",
        State::Unknown => "invitation-unknown-title",
    };
    let may_sign_in = asked.visit.may_sign_in();
    let l = asked.front_layout(title).await;
    InvitationPage { l, state, token: token.to_owned(), may_sign_in }
}

async fn refusal(asked: &Asked, error: InvitationError) -> Response {
    let (status, state) = match error {
        InvitationError::Unknown => (StatusCode::NOT_FOUND, State::Unknown),
        InvitationError::Used(Invited { invited_by, .. }) => (StatusCode::GONE, State::Used { invited_by }),
        InvitationError::Late(Invited { invited_by, .. }) => (StatusCode::GONE, State::Late { invited_by }),
        InvitationError::Failed(error) => return Failure::App(error).open_page(asked),
    };
    html::page(status, &page(asked, state, "").await)
}

/// Shows what the link opens. Only the form opens it, so that programs which look at links in mail use up nothing.
async fn show(asked: Asked) -> Response {
    let token = asked.query.get("token");
    match asked.app.invitation(token).await {
        Ok(Invited { partner_name, email, expires_at, .. }) => {
            let until = format::time(asked.lang, expires_at);
            html::ok(&page(&asked, State::Open { partner: partner_name, email, until }, token).await)
        }
        Err(error) => refusal(&asked, error).await,
    }
}

async fn accept(asked: Asked) -> Response {
    if !asked.visit.may_sign_in() {
        return sign_in::refused(&asked, StatusCode::FORBIDDEN, "sign-in-insecure").await;
    }
    let operation = "POST /console/invitation";
    let agent = asked.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let origin = sign_in::origin(&asked, operation);
    let token = asked.form.get("token");
    match asked.app.accept_invitation(token, origin, agent.unwrap_or_default()).await {
        Ok(session) => sign_in::open(&asked, operation, &session, "/console").await,
        Err(error) => refusal(&asked, error).await,
    }
}

#[cfg(test)]
pub(super) fn link_samples() -> Vec<InvitationLinkPage> {
    use crate::layout::samples::{partner, time};
    vec![InvitationLinkPage {
        l: partner("invitation-link-title", Section::Users),
        email: "jane@example.com <b>".into(),
        link: "https://tenantry.example.com/console/invitation?token=0123".into(),
        expires_at: time(),
        back: "/console/users/1".into(),
    }]
}

#[cfg(test)]
pub(super) fn samples() -> Vec<InvitationPage> {
    use crate::layout::samples::{open, time};
    let page = |title: &str, state| InvitationPage {
        l: open(title),
        state,
        token: "0123\"><script>".into(),
        may_sign_in: true,
    };
    let text = || "Jane <b>".to_owned();
    vec![
        page("invitation-title", State::Open { partner: text(), email: text(), until: time() }),
        InvitationPage {
            may_sign_in: false,
            ..page("invitation-title", State::Open { partner: text(), email: text(), until: time() })
        },
        page("invitation-used-title", State::Used { invited_by: text() }),
        page("invitation-late-title", State::Late { invited_by: String::new() }),
        page("invitation-unknown-title", State::Unknown),
    ]
}
