//! What the server does for a partner's billing by itself: estimates each night, invoices when they appear, final statements when
//! nothing speaks against it.

mod step;

use super::fetch::FetchFailure;
use super::runs::internal;
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::Done;
use crate::permissions::Permission;
use crate::{App, Error};
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::text::{invalid, string, wrong_type};
use domain::{Handling, Violation};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rating::{Amount, Message, Wording};
use serde::{Deserialize, Serialize};
use store::billing_automations::{self, AutomationRow};

const MAX_DAYS: i64 = 31;

static PAYLOAD: Payload = Payload {
    members: &[
        Member::plain("estimates"),
        Member::plain("invoices"),
        Member::plain("finalize"),
        Member::plain("days"),
        Member::plain("max_unassigned"),
        Member::plain("publish"),
    ],
    read_only: &["state"],
};

/// When estimates are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimates {
    /// Each night, from what is on no invoice yet.
    Daily,
    /// By hand alone.
    #[default]
    Off,
}

/// What is done with invoices when they appear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invoices {
    /// They are fetched.
    Fetch,
    /// They are fetched, and their month is billed.
    FetchAndBill,
    /// Nothing.
    #[default]
    Off,
}

/// How statements become final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finalize {
    /// When a person says so.
    #[default]
    ByHand,
    /// By themselves, so many days after the bill was made.
    AfterDays,
}

/// What a partner has the server do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutomationSettings {
    /// When estimates are made.
    pub estimates: Estimates,
    /// What is done with invoices.
    pub invoices: Invoices,
    /// How statements become final.
    pub finalize: Finalize,
    /// Days between the bill and its final statements.
    pub days: i64,
    /// Most money, in each currency, that may belong to no customer when statements become final; exact decimal digits.
    pub max_unassigned: String,
    /// Whether customers see the bills before they are final.
    pub publish: bool,
}

impl Default for AutomationSettings {
    fn default() -> Self {
        AutomationSettings {
            estimates: Estimates::Off,
            invoices: Invoices::Off,
            finalize: Finalize::ByHand,
            days: 3,
            max_unassigned: "0".to_owned(),
            publish: false,
        }
    }
}

/// What the server does for a partner's billing, what it has done, and what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomationView {
    /// The settings.
    pub settings: AutomationSettings,
    /// The first month that it bills; `None` if it was never set.
    pub since: Option<String>,
    /// The day on which Partner Center last listed the invoices.
    pub invoices_listed_on: Option<String>,
    /// Why they cannot be listed.
    pub error: Option<FetchFailure>,
    /// What it waits for, in sentences.
    pub waits: Vec<Waiting>,
    /// The last actions, the newest last.
    pub actions: Vec<AutomationAction>,
    /// When the next night begins; `None` if nothing is done by itself.
    pub next_night: Option<Timestamp>,
}

/// What the automation waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredWaiting")]
pub struct Waiting {
    /// The sentence in English, with its reasons.
    pub text: String,
    /// What makes the sentence in other languages, without its reasons; `None` of what version 0.2 has stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wording: Option<Wording>,
    /// What speaks against going on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StoredWaiting {
    Text(String),
    Worded {
        text: String,
        #[serde(default)]
        wording: Option<Wording>,
        #[serde(default)]
        reasons: Vec<Message>,
    },
}

impl From<StoredWaiting> for Waiting {
    fn from(stored: StoredWaiting) -> Self {
        match stored {
            StoredWaiting::Text(text) => Message::untranslated(text).into(),
            StoredWaiting::Worded { text, wording, reasons } => Waiting { text, wording, reasons },
        }
    }
}

impl From<Message> for Waiting {
    fn from(Message { text, wording }: Message) -> Self {
        Waiting { text, wording, reasons: Vec::new() }
    }
}

/// Something that the automation asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomationAction {
    /// When.
    pub at: Timestamp,
    /// `fetch`, `bill` or `finalize`.
    pub action: String,
    /// The object, such as `bill_runs/7`.
    pub object: String,
}

/// What an automation has done, and what was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// The day on which Partner Center was last asked for invoices.
    pub(super) listed_on: Option<String>,
    /// When it was last tried, in Unix seconds.
    pub(super) listing_tried_at: Option<i64>,
    /// Why the last step could not do all: a word for programs, and a sentence.
    pub(super) error: Option<(String, String)>,
    /// Why a month's statements are not made final.
    pub(super) waits: Vec<Waiting>,
    /// The last actions, the newest last: when, what, and of which object.
    pub(super) actions: Vec<(i64, String, String)>,
}

impl AutomationSettings {
    fn parse(body: &Json) -> Result<Self, Error> {
        const EXPECTED: &str = r#"a JSON object such as {"estimates": "daily", "invoices": "fetch_and_bill", "finalize": "by_hand", "days": 3}"#;
        let mut fields = Fields::of(body, EXPECTED).map_err(|wrong| Error::Invalid(wrong.into()))?;
        let default = AutomationSettings::default();
        let estimates = fields.required("estimates", |json| {
            one_of(json, &[("daily", Estimates::Daily), ("off", Estimates::Off)])
        });
        let invoices = fields.required("invoices", |json| {
            let choices = [
                ("fetch", Invoices::Fetch),
                ("fetch_and_bill", Invoices::FetchAndBill),
                ("off", Invoices::Off),
            ];
            one_of(json, &choices)
        });
        let finalize = fields.required("finalize", |json| {
            one_of(json, &[("by_hand", Finalize::ByHand), ("after_days", Finalize::AfterDays)])
        });
        let days = fields.optional("days", |json| match json {
            Json::Number(number) => {
                let days = number.as_i64().filter(|days| (0..=MAX_DAYS).contains(days));
                days.ok_or_else(|| {
                    invalid(format!("must be a whole number from 0 to {MAX_DAYS}"))
                        .because("whole-number", &[("max", &MAX_DAYS)])
                })
            }
            other => Err(wrong_type("a number", other)),
        });
        let max_unassigned = fields.optional("max_unassigned", |json| {
            let amount: Option<Amount> = string(json)?.parse().ok();
            let amount = amount.filter(|amount| !amount.is_negative());
            amount
                .map(|amount| amount.to_string())
                .ok_or_else(|| invalid("must be an amount such as \"10.00\"").because("amount", &[]))
        });
        let publish = fields.optional("publish", |json| match json {
            Json::Bool(publish) => Ok(*publish),
            other => Err(wrong_type("true or false", other)),
        });
        fields.violations.extend(PAYLOAD.unknown(body, Handling::Strict));
        match (estimates, invoices, finalize) {
            (Some(estimates), Some(invoices), Some(finalize)) if fields.violations.is_empty() => {
                if finalize == Finalize::AfterDays && invoices != Invoices::FetchAndBill {
                    let why = "needs invoices to be fetch_and_bill: an estimate never becomes final";
                    let violation = Violation::new("/finalize", "invalid", why);
                    return Err(Error::Invalid(violation.because("final-without-bills", &[]).into()));
                }
                Ok(AutomationSettings {
                    estimates,
                    invoices,
                    finalize,
                    days: days.unwrap_or(default.days),
                    max_unassigned: max_unassigned.unwrap_or(default.max_unassigned),
                    publish: publish.unwrap_or(default.publish),
                })
            }
            _ => Err(Error::Invalid(fields.violations)),
        }
    }
}

fn one_of<T: Copy>(json: &Json, choices: &[(&str, T)]) -> Result<T, Violation> {
    let given = string(json)?;
    let found = choices.iter().find(|(name, _)| *name == given).map(|(_, choice)| *choice);
    found.ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let allowed = names.join(", ");
        invalid(format!("must be one of {allowed}")).because("one-of", &[("allowed", &allowed)])
    })
}

/// How partners' automations fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AutomationHealth {
    /// Partners for whom the server does something by itself.
    pub working: u32,
    /// Of these, those that wait for a person: something speaks against final statements, or a fetch has failed.
    pub waiting: u32,
    /// Of these, those whose invoices cannot be listed.
    pub failing: u32,
}

impl App {
    /// How partners' automations fare, over all partners.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn billing_automation_health(&self) -> Result<AutomationHealth, Error> {
        let rows: Vec<AutomationRow> = self
            .db
            .unchecked()
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok::<_, Error>(billing_automations::all(tx).await?) })
            })
            .await?;
        let mut health = AutomationHealth::default();
        for row in rows {
            let settings: AutomationSettings = serde_json::from_str(&row.settings).map_err(internal)?;
            let state: State = serde_json::from_str(&row.state).map_err(internal)?;
            if settings.estimates != Estimates::Off || settings.invoices != Invoices::Off {
                health.working += 1;
                health.waiting += u32::from(!state.waits.is_empty());
                health.failing += u32::from(state.error.is_some());
            }
        }
        Ok(health)
    }

    /// What the server does for the partner's billing, what it has done, and what comes next.
    #[boxed]
    pub async fn billing_automation(&self, call: &Call) -> Result<AutomationView, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let row: Option<AutomationRow> = grant
            .list(call.partner(), |partner, tx| {
                Box::pin(async move { Ok::<_, Error>(billing_automations::get(tx, *partner).await?) })
            })
            .await?;
        view(row.as_ref(), self.clock.now())
    }

    /// Sets what the server does for the partner's billing. It bills the month before this one and later months.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    #[boxed]
    pub async fn set_billing_automation(&self, call: &Call, body: &Json) -> Result<AutomationView, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let settings = AutomationSettings::parse(body)?;
        let input = (call.partner(), settings, self.clock.now());
        let row = grant
            .change(input, |(partner, settings, now), tx| {
                Box::pin(async move {
                    let before = billing_automations::get(tx, *partner).await?;
                    let text = serde_json::to_string(settings).map_err(internal)?;
                    let this_month = now.to_zoned(TimeZone::UTC).date().first_of_month();
                    let since = this_month.saturating_sub(1.month()).strftime("%Y-%m").to_string();
                    billing_automations::set(tx, *partner, &text, &since, *now).await?;
                    let row = billing_automations::get(tx, *partner).await?.ok_or(Error::NotFound)?;
                    let mut entry = Entry::new("billing_automation.update", "billing_automation".into());
                    if let Some(before) = before {
                        entry.before = Some(before.settings);
                    }
                    Ok(Done { value: row, entry: Some(entry.after(settings)) })
                })
            })
            .await?;
        self.billing()?.wake_automation.notify_one();
        view(Some(&row), self.clock.now())
    }
}

fn view(row: Option<&AutomationRow>, now: Timestamp) -> Result<AutomationView, Error> {
    let (settings, state, since) = match row {
        Some(row) => (
            serde_json::from_str(&row.settings).map_err(internal)?,
            serde_json::from_str(&row.state).map_err(internal)?,
            Some(row.since.clone()),
        ),
        None => (AutomationSettings::default(), State::default(), None),
    };
    let action = |(second, action, object)| {
        let at = Timestamp::from_second(second).map_err(|error| Error::Internal(error.to_string()))?;
        Ok::<_, Error>(AutomationAction { at, action, object })
    };
    let works = settings.estimates != Estimates::Off || settings.invoices != Invoices::Off;
    let tomorrow = now.to_zoned(TimeZone::UTC).date().tomorrow().ok().filter(|_| works);
    let midnight = tomorrow.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    Ok(AutomationView {
        settings,
        since,
        invoices_listed_on: state.listed_on,
        error: state.error.map(|(code, message)| FetchFailure { code, message }),
        waits: state.waits,
        actions: state.actions.into_iter().map(action).collect::<Result<_, _>>()?,
        next_night: midnight.map(|midnight| midnight.timestamp()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_version_0_2_has_stored_is_read() {
        let state: State = serde_json::from_str(r#"{"waits":["2026-10: why"],"actions":[]}"#).unwrap();
        assert_eq!(state.waits, [Waiting::from(Message::untranslated("2026-10: why"))]);
        let wording = Wording::new("report-wait-not-final", [("month", "2026-10".into())]);
        let reasons = vec![Message::untranslated("plain")];
        let waits = vec![Waiting { text: "2026-10".into(), wording: Some(wording), reasons }];
        let text = serde_json::to_string(&State { waits: waits.clone(), ..State::default() }).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap().waits, waits);
    }
}
