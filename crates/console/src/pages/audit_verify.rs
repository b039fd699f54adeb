//! Verifying the audit trail: whether it is as it was written, up to which event, and what its anchor says.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::form::query_string;
use crate::format::{self, Time};
use crate::html;
use crate::i18n::Lang;
use crate::layout::{Layout, Section};
use crate::routes::{Routes, only_partners};
use app::{PartnerAnchor, Query, TrailCheck, TrailFault, TrailPart};
use askama::Template;
use axum::response::Response;
use domain::Handling;
use std::sync::Arc;

const PATH: &str = "/console/audit/verify";
/// Most faults that are shown.
const MAX_FAULTS: usize = 50;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, verify)
}

/// Something that is wrong.
pub(crate) struct Fault {
    /// The event, the shard or the user.
    pub(crate) place: String,
    pub(crate) what: String,
    /// More of it, in English.
    pub(crate) detail: String,
}

/// What an anchor says.
pub(crate) struct Anchor {
    pub(crate) state: &'static str,
    pub(crate) text: String,
    /// When it was written.
    pub(crate) at: Option<Time>,
    /// What differs, in English.
    pub(crate) details: Vec<String>,
}

#[derive(Template)]
#[template(path = "audit_verify.html")]
pub(crate) struct AuditVerifyPage {
    pub(crate) l: Layout,
    pub(crate) checked_at: Time,
    /// Which events were looked at.
    pub(crate) looked_at: String,
    /// How many of them were erased in part; empty if none was.
    pub(crate) erased: String,
    /// How many things are wrong; 0 if nothing is.
    pub(crate) problems: i64,
    pub(crate) faults: Vec<Fault>,
    /// How many faults there are beyond those that are shown.
    pub(crate) more: i64,
    /// The page of the part that follows.
    pub(crate) next: Option<String>,
    pub(crate) has_compared_users: bool,
    pub(crate) anchors: Vec<Anchor>,
}

async fn verify(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let parameters = vec![("after".to_owned(), cx.query.get("after").to_owned())];
    let part = match TrailPart::parse(&Query::new(parameters, Handling::Lenient)) {
        Ok(part) => part,
        Err(error) => {
            // Users who may not read the trail learn nothing of its parameters either.
            cx.app.require(cx.call(), app::Permission::ReadAudit).await?;
            return Err(error.into());
        }
    };
    let check = cx.app.check_trail(cx.call(), part).await?;
    Ok(html::ok(&page(&cx, &check)))
}

fn page(cx: &Cx, check: &TrailCheck) -> AuditVerifyPage {
    let lang = cx.lang;
    let differing = check.anchors.iter().filter(|anchor| matches!(anchor, PartnerAnchor::Differs { .. }));
    let faults = check.faults.iter().take(MAX_FAULTS).map(|one| fault(lang, one));
    AuditVerifyPage {
        l: cx.layout("audit-verify-title", Section::Audit),
        checked_at: format::time(lang, cx.app.now()),
        looked_at: looked_at(lang, check),
        erased: match check.erased {
            0 => String::new(),
            erased => lang.count("audit-verify-erased", count(erased)),
        },
        problems: count(check.faults.len() + differing.count()),
        faults: faults.collect(),
        more: count(check.faults.len().saturating_sub(MAX_FAULTS)),
        next: check.next.as_deref().map(|next| format!("{PATH}{}", query_string([("after", next)]))),
        has_compared_users: check.has_compared_users,
        anchors: check.anchors.iter().map(|one| anchor(lang, one)).collect(),
    }
}

fn count(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Which events were looked at, and which was the last.
fn looked_at(lang: Lang, check: &TrailCheck) -> String {
    let is_all = check.before == 0 && check.next.is_none();
    let [from, to, total] = [check.before + 1, check.before + check.events, check.total];
    let [from, to, total] = [from, to, total].map(|number| format::number(lang, count(number)));
    let last = check.last.join(", ");
    let values = [("from", from.as_str()), ("to", &to), ("total", &total), ("last", &last)];
    match (is_all, check.events) {
        (true, _) => lang.text_with("audit-verify-all", &values),
        (false, 0) => lang.text_with("audit-verify-none-left", &values),
        (false, _) => lang.text_with("audit-verify-part", &values),
    }
}

fn fault(lang: Lang, fault: &TrailFault) -> Fault {
    let event =
        |shard: i64, seq: i64| lang.text_with("audit-fault-event", &[("id", &format!("{shard}-{seq}"))]);
    let chain = |shard: i64| lang.text_with("audit-fault-chain", &[("shard", &shard.to_string())]);
    let text = |id: &str| lang.text(id, None);
    let (place, what, detail) = match fault {
        TrailFault::Gap { shard, seq } => (event(*shard, *seq), text("audit-fault-gap"), ""),
        TrailFault::Altered { shard, seq } => (event(*shard, *seq), text("audit-fault-altered"), ""),
        TrailFault::Broken { shard, seq, why } => {
            (event(*shard, *seq), text("audit-fault-broken"), why.as_str())
        }
        TrailFault::Replaced { shard, seq } => (event(*shard, *seq), text("audit-fault-replaced"), ""),
        TrailFault::Mark { shard } => (chain(*shard), text("audit-fault-mark"), ""),
        TrailFault::Head { shard } => (chain(*shard), text("audit-fault-head"), ""),
        TrailFault::End { shard, seq } => {
            let what = lang.text_with("audit-fault-end", &[("id", &format!("{shard}-{seq}"))]);
            (chain(*shard), what, "")
        }
        TrailFault::Headless { shard } => (chain(*shard), text("audit-fault-headless"), ""),
        TrailFault::Missing { shard } => (chain(*shard), text("audit-fault-missing"), ""),
        TrailFault::Restarted { shard } => (chain(*shard), text("audit-fault-restarted"), ""),
        TrailFault::Unannounced { shard } => (chain(*shard), text("audit-fault-unannounced"), ""),
        TrailFault::Creations { found, expected } => {
            let values = [("found", found.to_string()), ("expected", expected.to_string())];
            let values: Vec<(&str, &str)> =
                values.iter().map(|(name, value)| (*name, value.as_str())).collect();
            (text("audit-fault-partner"), lang.text_with("audit-fault-creations", &values), "")
        }
        TrailFault::PutBack { at } => {
            let at = format::time(lang, *at);
            (text("audit-fault-database"), lang.text_with("audit-fault-put-back", &[("at", &at.text)]), "")
        }
        TrailFault::User { user, what } => {
            let user = lang.text_with("audit-user", &[("id", &user.to_string())]);
            (user, text("audit-fault-user"), what.as_str())
        }
    };
    Fault { place, what, detail: detail.to_owned() }
}

fn anchor(lang: Lang, anchor: &PartnerAnchor) -> Anchor {
    let (state, text, at, details) = match anchor {
        PartnerAnchor::Agrees(at) => ("good", "audit-anchor-agrees", Some(*at), vec![]),
        PartnerAnchor::Differs { at, problems } => ("bad", "audit-anchor-differs", *at, problems.clone()),
        PartnerAnchor::Unreadable => ("warn", "audit-anchor-unreadable", None, vec![]),
    };
    Anchor { state, text: lang.text(text, None), at: at.map(|at| format::time(lang, at)), details }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<AuditVerifyPage> {
    use crate::layout::samples::{partner, time};
    let page = || AuditVerifyPage {
        l: partner("audit-verify-title", Section::Audit),
        checked_at: time(),
        looked_at: "All 12 events were checked, up to 0-12.".into(),
        erased: String::new(),
        problems: 0,
        faults: vec![],
        more: 0,
        next: None,
        has_compared_users: true,
        anchors: vec![],
    };
    let anchor = |state, details: Vec<String>| Anchor {
        state,
        text: "agrees <b>".into(),
        at: (state == "good").then(time),
        details,
    };
    vec![
        page(),
        AuditVerifyPage { anchors: vec![anchor("good", vec![]), anchor("warn", vec![])], ..page() },
        AuditVerifyPage {
            erased: "2 of them <b>".into(),
            problems: 52,
            faults: vec![
                Fault { place: "Event 0-7".into(), what: "was <i>changed".into(), detail: String::new() },
                Fault { place: "User 3".into(), what: "differs".into(), detail: "its <b>key".into() },
            ],
            more: 50,
            next: Some("/console/audit/verify?after=0-7".into()),
            has_compared_users: false,
            anchors: vec![anchor("bad", vec!["events 4 to 5 are <b>missing".into()])],
            ..page()
        },
    ]
}
