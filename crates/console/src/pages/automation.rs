//! What the server does for the partner's billing by itself.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::i18n::Lang;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::routes::{Routes, only_partners};
use app::Permission;
use app::billing::{AutomationAction, AutomationView, FetchFailure, Waiting};
use askama::Template;
use axum::response::Response;
use domain::Json;
use serde_json::Value;
use std::sync::Arc;

const PATH: &str = "/console/billing/automation";
const NAMES: [&str; 6] = ["estimates", "invoices", "finalize", "days", "max_unassigned", "publish"];
/// The most actions that are shown, the last ones first.
const MAX_ACTIONS: usize = 20;

/// The choices of a field: value, the id of its label.
type Choices = &'static [(&'static str, &'static str)];
const ESTIMATES: Choices = &[("off", "automation-off"), ("daily", "automation-daily")];
const INVOICES: Choices =
    &[("off", "automation-off"), ("fetch", "automation-fetch"), ("fetch_and_bill", "automation-bill")];
const FINALIZE: Choices = &[("by_hand", "automation-by-hand"), ("after_days", "automation-after-days")];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, show).post(PATH, save)
}

/// A field with choices: its name, the id of its label, and the choices.
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) choices: Choices,
}

const FIELDS: [Choice; 3] = [
    Choice { name: "estimates", label: "automation-estimates", choices: ESTIMATES },
    Choice { name: "invoices", label: "automation-invoices", choices: INVOICES },
    Choice { name: "finalize", label: "automation-finalize", choices: FINALIZE },
];

#[derive(Template)]
#[template(path = "automation.html")]
pub(crate) struct AutomationPage {
    pub(crate) l: Layout,
    pub(crate) f: Inputs,
    pub(crate) fields: [Choice; 3],
    pub(crate) may_change: bool,
    /// Why the last step could not do all.
    pub(crate) failure: Option<String>,
    /// Why a month is not made final.
    pub(crate) waits: Vec<String>,
    /// When it looks next.
    pub(crate) next: Option<Time>,
    /// What it has done: when, what, and of which object; the last first.
    pub(crate) actions: Vec<(Time, String, String)>,
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let automation = cx.app.billing_automation(cx.call()).await?;
    Ok(html::ok(&page(&cx, &automation, inputs_of(&automation))))
}

/// The form of the settings as they are.
fn inputs_of(automation: &AutomationView) -> Inputs {
    let settings = serde_json::to_value(&automation.settings).unwrap_or_default();
    Inputs::new(&NAMES, |name| match &settings[name] {
        Value::String(text) => text.clone(),
        Value::Bool(is_set) => if *is_set { "true" } else { "" }.into(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

fn page(cx: &Cx, automation: &AutomationView, f: Inputs) -> AutomationPage {
    let action = |action: &AutomationAction| {
        let id = format!("automation-done-{}", action.action);
        let done = if cx.lang.has(&id) { cx.lang.text(&id, None) } else { action.action.clone() };
        (format::time(cx.lang, action.at), done, action.object.clone())
    };
    AutomationPage {
        l: cx.layout("automation-title", Section::Billing),
        f,
        fields: FIELDS,
        may_change: cx.may(Permission::ManageBilling),
        failure: automation.error.as_ref().map(|error| fetch_failure(cx.lang, error)),
        waits: automation.waits.iter().map(|wait| waiting(cx.lang, wait)).collect(),
        next: automation.next_night.map(|at| format::time(cx.lang, at)),
        actions: automation.actions.iter().rev().take(MAX_ACTIONS).map(action).collect(),
    }
}

/// What the automation waits for, with what speaks against going on.
fn waiting(lang: Lang, wait: &Waiting) -> String {
    let sentence = lang.message(&wait.text, wait.wording.as_ref());
    // In English the sentence has its reasons.
    if lang == Lang::En || wait.reasons.is_empty() || sentence == wait.text {
        return sentence;
    }
    format!("{sentence}: {}", lang.messages(&wait.reasons).join("; "))
}

/// Why a fetch has failed: what was said, or, in other languages than English, what that is about.
pub(crate) fn fetch_failure(lang: Lang, failure: &FetchFailure) -> String {
    let FetchFailure { code, message } = failure;
    let id = format!("fetch-error-{}", code.replace('_', "-"));
    if lang != Lang::En && lang.has(&id) { lang.text(&id, None) } else { message.clone() }
}

/// The payload of what was typed.
fn payload(f: &Inputs) -> Json {
    let string = |name: &str| Json::String(f.value(name).to_owned());
    let days = f.value("days").parse::<i64>();
    let fields = [
        ("estimates", string("estimates")),
        ("invoices", string("invoices")),
        ("finalize", string("finalize")),
        // What is no number is refused as one that is out of range.
        ("days", Json::Number(days.unwrap_or(-1).into())),
        ("max_unassigned", string("max_unassigned")),
        ("publish", Json::Bool(!f.value("publish").is_empty())),
    ];
    Json::Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn field(pointer: &str) -> (&'static str, &'static str) {
    match pointer {
        "/estimates" => ("estimates", "automation-estimates"),
        "/invoices" => ("invoices", "automation-invoices"),
        "/finalize" => ("finalize", "automation-finalize"),
        "/days" => ("days", "automation-days"),
        "/max_unassigned" => ("max_unassigned", "automation-unassigned"),
        _ => ("", ""),
    }
}

async fn save(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let mut f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    match cx.app.set_billing_automation(cx.call(), &payload(&f)).await {
        Ok(_) => Ok(html::see_other(&format!("{PATH}?done=automation-saved"))),
        Err(error) => {
            let Some(status) = f.refuse_error(cx.lang, &error, "", field) else { return Err(error.into()) };
            let automation = cx.app.billing_automation(cx.call()).await?;
            Ok(html::page(status, &page(&cx, &automation, f)))
        }
    }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<AutomationPage> {
    use crate::layout::samples::{partner, time};
    let page = |f, may_change: bool| AutomationPage {
        l: partner("automation-title", Section::Billing),
        f,
        fields: FIELDS,
        may_change,
        failure: may_change.then(|| "the secret has expired <b>".into()),
        waits: if may_change { vec!["money on no bill <b>".into()] } else { vec![] },
        next: may_change.then(time),
        actions: if may_change { vec![(time(), "Billed".into(), "bill_runs/7 <b>".into())] } else { vec![] },
    };
    let mut wrong = Inputs::new(&NAMES, |_| "\"><script>".to_owned());
    for name in NAMES {
        wrong.refuse(name, format!("{name} must not be <b>"));
    }
    vec![page(Inputs::new(&NAMES, |_| String::new()), false), page(wrong, true)]
}
