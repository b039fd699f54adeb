//! The billing automation.

use super::{FetchError, time};
use app::billing::{AutomationView, Estimates, Finalize, Invoices};
use serde::Serialize;
use utoipa::ToSchema;

/// When estimates are made.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AutomaticEstimates {
    /// Each night, from what Microsoft has on no invoice yet.
    Daily,
    Off,
}

/// What is done with invoices when they appear.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AutomaticInvoices {
    Fetch,
    FetchAndBill,
    Off,
}

/// How statements become final.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AutomaticFinalization {
    ByHand,
    /// So many days after the bill was made, if its sums tie with what Microsoft charges, no bill is held back, no warning blocks it, and
    /// not too much money belongs to no customer.
    AfterDays,
}

/// What the server is to do for the partner's billing.
#[derive(ToSchema)]
pub(crate) struct NewBillingAutomation {
    estimates: AutomaticEstimates,
    invoices: AutomaticInvoices,
    finalize: AutomaticFinalization,
    /// 3 if it is left out.
    #[schema(minimum = 0, maximum = 31, nullable)]
    days: Option<i64>,
    /// Most money, in each currency, that may belong to no customer when statements become final by themselves; nothing if it is
    /// left out.
    #[schema(nullable, example = "10.00")]
    max_unassigned: Option<String>,
    /// Whether customers see the bills before they are final; not if it is left out.
    #[schema(nullable)]
    publish: Option<bool>,
}

/// Something that the automation asked for.
#[derive(ToSchema, Serialize)]
pub(crate) struct AutomationAction {
    #[schema(format = "date-time")]
    at: String,
    /// `fetch`, `bill` or `finalize`.
    #[schema(example = "bill")]
    action: String,
    #[schema(example = "bill_runs/7")]
    object: String,
}

/// How the automation stands.
#[derive(ToSchema, Serialize)]
pub(crate) struct AutomationState {
    /// The first month that it bills.
    #[schema(example = "2026-10")]
    since: Option<String>,
    /// The day on which Partner Center last listed the invoices.
    #[schema(format = "date")]
    invoices_listed_on: Option<String>,
    /// Why they cannot be listed.
    error: Option<FetchError>,
    /// What it waits for, in sentences.
    waits: Vec<String>,
    /// The last 20 actions, the newest last.
    actions: Vec<AutomationAction>,
    /// When the next night begins.
    #[schema(format = "date-time")]
    next_night: Option<String>,
}

/// What the server does for the partner's billing.
#[derive(ToSchema, Serialize)]
pub(crate) struct BillingAutomation {
    estimates: AutomaticEstimates,
    invoices: AutomaticInvoices,
    finalize: AutomaticFinalization,
    days: i64,
    max_unassigned: String,
    publish: bool,
    state: AutomationState,
}

impl From<Estimates> for AutomaticEstimates {
    fn from(estimates: Estimates) -> Self {
        match estimates {
            Estimates::Daily => AutomaticEstimates::Daily,
            Estimates::Off => AutomaticEstimates::Off,
        }
    }
}

impl From<Invoices> for AutomaticInvoices {
    fn from(invoices: Invoices) -> Self {
        match invoices {
            Invoices::Fetch => AutomaticInvoices::Fetch,
            Invoices::FetchAndBill => AutomaticInvoices::FetchAndBill,
            Invoices::Off => AutomaticInvoices::Off,
        }
    }
}

impl From<Finalize> for AutomaticFinalization {
    fn from(finalize: Finalize) -> Self {
        match finalize {
            Finalize::ByHand => AutomaticFinalization::ByHand,
            Finalize::AfterDays => AutomaticFinalization::AfterDays,
        }
    }
}

impl From<AutomationView> for BillingAutomation {
    fn from(view: AutomationView) -> Self {
        let AutomationView { settings, since, invoices_listed_on, error, waits, actions, next_night } = view;
        let action = |app::billing::AutomationAction { at, action, object }| AutomationAction {
            at: time(at),
            action,
            object,
        };
        BillingAutomation {
            estimates: settings.estimates.into(),
            invoices: settings.invoices.into(),
            finalize: settings.finalize.into(),
            days: settings.days,
            max_unassigned: settings.max_unassigned,
            publish: settings.publish,
            state: AutomationState {
                since,
                invoices_listed_on,
                error: error.map(FetchError::from),
                waits: waits.into_iter().map(|wait| wait.text).collect(),
                actions: actions.into_iter().map(action).collect(),
                next_night: next_night.map(time),
            },
        }
    }
}
