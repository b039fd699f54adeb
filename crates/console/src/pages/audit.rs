//! The audit trail: who changed what, with what it was before and after.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::form::query_string;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::reasons::FilterError;
use crate::routes::{Routes, only_partners};
use app::events::{EventSearch, EventView};
use app::{Error, Query};
use askama::Template;
use axum::response::Response;
use domain::Handling;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::Arc;

const PATH: &str = "/console/audit";
const PER_PAGE: i64 = 50;
/// What is shown before anything is asked for: the trail begins with its oldest event, and readers look for new ones.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The most characters of a value that are shown.
const MAX_VALUE: usize = 200;
/// The most members of an event that are shown.
const MAX_MEMBERS: usize = 30;
/// The filters with the ids of their labels.
const FIELDS: [(&str, &str); 5] = [
    ("action", "column-action"),
    ("object", "audit-object"),
    ("user_id", "audit-user-id"),
    ("since", "audit-since"),
    ("until", "audit-until"),
];
const NAMES: [&str; 5] = ["action", "object", "user_id", "since", "until"];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, list)
}

/// A member of what was changed: its name, and its values before and after.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// An event.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) at: Option<Time>,
    /// The user's id; `None` for the server itself.
    pub(crate) user: Option<i64>,
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) reason: Option<String>,
    /// The client's address.
    pub(crate) origin: String,
    pub(crate) members: Vec<Member>,
}

/// What was asked for.
#[derive(Default)]
pub(crate) struct Filters {
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) user: String,
    pub(crate) since: String,
    pub(crate) until: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
pub(crate) struct AuditPage {
    pub(crate) l: Layout,
    pub(crate) filters: Filters,
    pub(crate) rows: Vec<Row>,
    /// The page of the events that follow.
    pub(crate) next: Option<String>,
    /// Whether this is a page behind the first.
    pub(crate) is_later: bool,
    pub(crate) errors: Vec<FilterError>,
}

async fn list(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let is_first = cx.query.iter().all(|(name, _)| name == "done");
    let recent = cx.app.now().saturating_sub(RECENT).unwrap_or(Timestamp::UNIX_EPOCH);
    let recent = format!("{recent:.0}");
    let value = |name: &str| match name {
        "since" if is_first => recent.clone(),
        _ => cx.query.get(name).to_owned(),
    };
    let cursor = [("cursor".to_owned(), value("cursor"))];
    let parameters = NAMES.map(|name| (name.to_owned(), value(name))).into_iter().chain(cursor).collect();
    let (found, errors) = match EventSearch::parse(&Query::new(parameters, Handling::Lenient)) {
        Ok(mut search) => {
            search.per_page = PER_PAGE;
            (cx.app.events(cx.call(), search).await?, Vec::new())
        }
        Err(Error::Parameters(violations)) => {
            let errors = cx.lang.filter_errors(&violations, &FIELDS);
            // Users who may not read the trail learn nothing of its filters either.
            cx.app.require(cx.call(), app::Permission::ReadAudit).await?;
            ((Vec::new(), None), errors)
        }
        Err(error) => return Err(error.into()),
    };
    let (events, next) = found;
    let link = |cursor: &String| {
        let filters = NAMES.map(|name| (name, value(name)));
        let filters = filters.iter().map(|(name, value)| (*name, value.as_str()));
        format!("{PATH}{}", query_string(filters.chain([("cursor", cursor.as_str())])))
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = AuditPage {
        l: cx.layout("audit-title", Section::Audit),
        next: next.as_ref().map(link),
        is_later: !cx.query.get("cursor").is_empty(),
        filters: Filters {
            action: value("action"),
            object: value("object"),
            user: value("user_id"),
            since: value("since"),
            until: value("until"),
        },
        rows: events.iter().map(|event| row(&cx, event)).collect(),
        errors,
    };
    Ok(html::page(status, &page))
}

fn row(cx: &Cx, event: &EventView) -> Row {
    Row {
        id: event.id.clone(),
        at: event.at.parse().ok().map(|at| format::time(cx.lang, at)),
        user: event.user_id,
        action: event.action.clone(),
        object: event.object.clone(),
        reason: event.reason.clone(),
        origin: event.origin.clone(),
        members: members(event.before.as_ref(), event.after.as_ref()),
    }
}

/// What differs between two states, member by member. Of a state alone, all that it has.
fn members(before: Option<&Value>, after: Option<&Value>) -> Vec<Member> {
    let names = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_object).map(|members| members.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = names(before);
    all.extend(names(after));
    let mut seen = std::collections::BTreeSet::new();
    // Links are for programs.
    all.retain(|name| !name.starts_with('_') && seen.insert(name.clone()));
    let value = |state: Option<&Value>, name: &str| state.and_then(|state| state.get(name)).map(shown);
    all.into_iter()
        .map(|name| Member { before: value(before, &name), after: value(after, &name), name })
        .filter(|member| member.before != member.after && (member.before.is_some() || member.after.is_some()))
        .take(MAX_MEMBERS)
        .collect()
}

/// A value as text: strings without quotes, the rest as JSON.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => "\u{2013}".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<AuditPage> {
    use crate::layout::samples::{partner, time};
    let page = || AuditPage {
        l: partner("audit-title", Section::Audit),
        filters: Filters::default(),
        rows: vec![],
        next: None,
        is_later: false,
        errors: vec![],
    };
    let member = |before: Option<&str>, after: Option<&str>| Member {
        name: "name <b>".into(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    };
    let row = |members| Row {
        id: "0-1".into(),
        at: Some(time()),
        user: Some(1),
        action: "customer.update".into(),
        object: "customers/1".into(),
        reason: Some("because <i>".into()),
        origin: "203.0.113.9".into(),
        members,
    };
    vec![
        page(),
        AuditPage { errors: vec![FilterError { field: "since", message: "must be <b>".into() }], ..page() },
        AuditPage {
            filters: Filters { action: "\"><script>".into(), ..Filters::default() },
            rows: vec![
                row(vec![member(Some("<b>old"), Some("<i>new")), member(None, Some("x"))]),
                row(vec![]),
                Row { user: None, at: None, reason: None, ..row(vec![member(Some("x"), None)]) },
            ],
            next: Some("/console/audit?cursor=1".into()),
            is_later: true,
            ..page()
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_shown() {
        let rows = |before: Value, after: Value| {
            let some = |value: &Value| (!value.is_null()).then(|| value.clone());
            let (before, after) = (some(&before), some(&after));
            let members = members(before.as_ref(), after.as_ref());
            members
                .iter()
                .map(|m| format!("{} {:?} {:?}", m.name, m.before.as_deref(), m.after.as_deref()))
                .collect::<Vec<_>>()
                .join("; ")
        };
        for (before, after, expected) in [
            (json!(null), json!(null), ""),
            (json!({"a": 1}), json!({"a": 1}), ""),
            (json!({"a": 1, "b": "x"}), json!({"a": 2, "b": "x"}), "a Some(\"1\") Some(\"2\")"),
            (json!(null), json!({"a": [1]}), "a None Some(\"[1]\")"),
            (json!({"a": null}), json!(null), "a Some(\"\u{2013}\") None"),
            (json!({"a": "x"}), json!({"b": "y"}), "a Some(\"x\") None; b None Some(\"y\")"),
        ] {
            assert_eq!(rows(before.clone(), after.clone()), expected, "{before} {after}");
        }
        let long = shown(&json!("ü".repeat(MAX_VALUE + 1)));
        assert_eq!(long.chars().count(), MAX_VALUE + 1);
    }
}
