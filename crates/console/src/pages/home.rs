//! Home: what needs attention, worst first, and what was changed last.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::routes::Routes;
use app::customers::{CustomerView, Order, Search};
use app::{Permission, Query};
use askama::Template;
use axum::response::Response;
use jiff::SignedDuration;
use std::sync::Arc;

/// Trials that end within this time are shown.
const ENDING_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The number of entries of a short list.
const SHORT: i64 = 5;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("/console", show)
}

/// Something that needs attention.
pub(crate) struct Alert {
    /// Whether it stops work, rather than being about to.
    pub(crate) is_urgent: bool,
    pub(crate) title: String,
    pub(crate) detail: String,
    /// Since when, or until when.
    pub(crate) at: Option<Time>,
    /// The page that mends it, and what the link says.
    pub(crate) link: Option<(String, String)>,
}

/// A customer in a short list.
pub(crate) struct Recent {
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) changed: Time,
}

#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage {
    pub(crate) l: Layout,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) total: i64,
    pub(crate) recent: Vec<Recent>,
    pub(crate) may_change: bool,
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    if cx.call().customer().is_some() {
        return Ok(html::see_other("/console/portal"));
    }
    let now = cx.app.now();
    let mut alerts: Vec<Alert> = directory_alert(&cx).await?.into_iter().collect();
    alerts.extend(trial_alert(&cx).await?);
    let mut search = Search::parse(&Query::default(), now)?;
    search.paging.per_page = SHORT;
    search.order = Order::Changed;
    let page = cx.app.customers(cx.call(), search).await?;
    let recent = page.customers.iter().map(|customer| recent(&cx, customer)).collect();
    let may_change = cx.may(Permission::ChangeCustomers);
    let l = cx.layout("home-title", Section::Home);
    Ok(html::ok(&HomePage { l, alerts, total: page.total, recent, may_change }))
}

fn recent(cx: &Cx, customer: &CustomerView) -> Recent {
    let [_, changed] = customer.times();
    Recent {
        href: format!("/console/customers/{}", customer.id()),
        name: customer.name().to_owned(),
        changed: format::time(cx.lang, changed),
    }
}

async fn directory_alert(cx: &Cx) -> Result<Option<Alert>, Failure> {
    let status = cx.app.own_directory_status(cx.call()).await?;
    Ok(status.and_then(|status| status.failure).map(|failure| Alert {
        is_urgent: true,
        title: cx.lang.text("home-directory-failing", None),
        detail: failure.message,
        at: Some(format::time(cx.lang, failure.since)),
        link: None,
    }))
}

async fn trial_alert(cx: &Cx) -> Result<Option<Alert>, Failure> {
    let now = cx.app.now();
    let soon = now.saturating_add(ENDING_SOON).unwrap_or(now);
    let mut search = Search::parse(&Query::default(), now)?.trial_ending(now, soon);
    search.paging.per_page = SHORT;
    let page = cx.app.customers(cx.call(), search).await?;
    let names: Vec<&str> = page.customers.iter().map(CustomerView::name).collect();
    let more = if page.more { "\u{2026}" } else { "" };
    let link = ("/console/customers?trial=ending".to_owned(), cx.lang.text("home-show-customers", None));
    Ok((page.total > 0).then(|| Alert {
        is_urgent: false,
        title: cx.lang.count("home-trials-ending", page.total),
        detail: format!("{}{more}", names.join(", ")),
        at: None,
        link: Some(link),
    }))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<HomePage> {
    use crate::layout::samples::{partner, time};
    let alert = |is_urgent| Alert {
        is_urgent,
        title: "Trials end soon".into(),
        detail: "Acme <script>alert(1)</script>, Globex".into(),
        at: is_urgent.then(time),
        link: Some(("/console/customers?trial=ending".into(), "Show".into())),
    };
    let l = || partner("home-title", Section::Home);
    vec![
        HomePage { l: l(), alerts: vec![], total: 0, recent: vec![], may_change: true },
        HomePage { l: l(), alerts: vec![], total: 0, recent: vec![], may_change: false },
        HomePage {
            l: l(),
            alerts: vec![alert(true), alert(false)],
            total: 1_000_000,
            recent: vec![Recent {
                href: "/console/customers/1".into(),
                name: "=1+1".into(),
                changed: time(),
            }],
            may_change: true,
        },
    ]
}
