//! Microsoft's invoices, fetched from its interfaces into the partner's sources.
//!
//! A fetch is asked for (here), taken by one server or command that holds its lease (`work`), and downloads each export to its
//! end before it appears among the sources (`download`). A fetch that dies anywhere is resumed: what is there stays.

mod download;
mod invoices;
mod watch;
mod work;

pub use watch::FetchWatch;
pub(super) use work::Stopped;

use super::runs::{internal, period};
use crate::access::Call;
use crate::audit::Entry;
use crate::change::{Created, Done};
use crate::paging::Paging;
use crate::permissions::Permission;
use crate::{App, Error};
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::text::{filled_line, invalid, string, wrong_type};
use domain::{Handling, PartnerId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Tx;
use store::invoice_fetches::{self, Fetch};

const MAX_INVOICE_ID: usize = 64;

static PAYLOAD: Payload = Payload {
    members: &[Member::plain("billing_period"), Member::plain("invoice_id"), Member::plain("unbilled")],
    read_only: &[],
};

/// What a fetch is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchRequest {
    /// The month, such as `2026-10`.
    pub billing_period: String,
    /// One invoice of the month; all of it by default.
    pub invoice_id: Option<String>,
    /// What is on no invoice yet, instead of invoices.
    pub unbilled: bool,
}

impl FetchRequest {
    /// Reads a payload. Unknown fields are always violations.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation of it.
    pub fn parse(body: &Json) -> Result<Self, Error> {
        const EXPECTED: &str = r#"a JSON object such as {"billing_period": "2026-10"}"#;
        let mut fields = Fields::of(body, EXPECTED).map_err(|wrong| Error::Invalid(wrong.into()))?;
        let month = fields.required("billing_period", |month| {
            period(string(month)?).map_err(|_| invalid("must be a month such as \"2026-10\""))
        });
        let invoice_id =
            fields.optional("invoice_id", |id| filled_line(string(id)?, MAX_INVOICE_ID).map(str::to_owned));
        let unbilled = fields.optional("unbilled", |unbilled| match unbilled {
            Json::Bool(unbilled) => Ok(*unbilled),
            other => Err(wrong_type("true or false", other)),
        });
        fields.violations.extend(PAYLOAD.unknown(body, Handling::Strict));
        let unbilled = unbilled.unwrap_or(false);
        if unbilled && invoice_id.is_some() {
            let why = "cannot be given for what is on no invoice yet";
            fields.violations.push(domain::Violation::new("/invoice_id", "invalid", why));
        }
        match month {
            Some(billing_period) if fields.violations.is_empty() => {
                Ok(FetchRequest { billing_period, invoice_id, unbilled })
            }
            _ => Err(Error::Invalid(fields.violations)),
        }
    }
}

impl App {
    /// Asks for a fetch, or answers again what was answered when it was asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] while another fetch of the period is under way; [`Error::KeyReused`],
    /// [`Error::StillRunning`].
    pub async fn create_invoice_fetch(&self, call: &Call, body: &Json) -> Result<Created, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let _entered = self.enter(call)?;
        let request = FetchRequest::parse(body)?;
        let created = grant
            .make((call.partner(), request, self.clock.now()), |(partner, request, now), tx| {
                Box::pin(async move {
                    let fetch = begin(tx, *partner, request, false, *now).await?;
                    let json = serde_json::to_string(&view(&fetch)).map_err(internal)?;
                    let href = Some(format!("/v1/{}", object(fetch.id)));
                    let entry = Entry::new("invoice_fetch.create", object(fetch.id)).after(&view(&fetch));
                    Ok(Done {
                        value: Created { json, href, version: None, replayed: false },
                        entry: Some(entry),
                    })
                })
            })
            .await?;
        self.billing()?.wake_fetching.notify_one();
        Ok(created)
    }

    /// Reads a fetch.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn invoice_fetch(&self, call: &Call, id: i64) -> Result<Value, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let found: Option<Fetch> = grant
            .list((call.partner(), id), |(partner, id), tx| {
                Box::pin(async move { Ok::<_, Error>(invoice_fetches::get(tx, *partner, *id).await?) })
            })
            .await?;
        found.map(|fetch| view(&fetch)).ok_or(Error::NotFound)
    }

    /// A page of fetches, and how many there are in all.
    pub async fn invoice_fetches(&self, call: &Call, paging: Paging) -> Result<(Vec<Value>, i64), Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        grant
            .list((call.partner(), paging), |(partner, paging), tx| {
                Box::pin(async move {
                    let (found, total) =
                        invoice_fetches::list(tx, *partner, paging.skip(), paging.per_page).await?;
                    Ok((found.iter().map(view).collect(), total))
                })
            })
            .await
    }

    /// The numbers of fetches under way, and of months whose last fetch failed, over all partners.
    pub async fn invoice_fetch_health(&self) -> Result<(i64, i64), Error> {
        self.db
            .unchecked()
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok::<_, Error>(invoice_fetches::health(tx).await?) })
            })
            .await
    }
}

/// A new fetch, if no other one of the period is under way.
pub(super) async fn begin(
    tx: &mut Tx,
    partner: PartnerId,
    request: &FetchRequest,
    by_command: bool,
    now: Timestamp,
) -> Result<Fetch, Error> {
    const LEFT_BEHIND: &str = "the command that worked on this fetch ended before it was done";
    let month = &request.billing_period;
    if let Some(other) = invoice_fetches::under_way(tx, partner, month).await? {
        if !other.by_command || other.leased_until > now {
            let said = format!("a fetch of {month} is under way: /v1/{}", object(other.id));
            return Err(Error::Conflict(said));
        }
        invoice_fetches::abandon(tx, partner, other.id, LEFT_BEHIND, now).await?;
    }
    let text = serde_json::to_string(request).map_err(internal)?;
    let id = invoice_fetches::insert(tx, partner, month, &text, by_command, now).await?;
    invoice_fetches::get(tx, partner, id).await?.ok_or(Error::NotFound)
}

pub(super) fn object(id: i64) -> String {
    format!("invoice_fetches/{id}")
}

/// A fetch as it is answered.
pub(super) fn view(fetch: &Fetch) -> Value {
    let parsed =
        |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let request: Option<FetchRequest> = serde_json::from_str(&fetch.request).ok();
    let error = fetch.error.as_ref().map(|(code, message)| json!({"code": code, "message": message}));
    json!({
        "id": fetch.id,
        "billing_period": fetch.billing_period,
        "invoice_id": request.as_ref().and_then(|request| request.invoice_id.clone()),
        "unbilled": request.is_some_and(|request| request.unbilled),
        "state": fetch.state.as_str(),
        "progress": parsed(&fetch.progress).unwrap_or_else(|| FetchWatch::default().json()),
        "sources": parsed(&fetch.sources).unwrap_or_else(|| json!([])),
        "error": error,
        "created_at": format!("{:.0}", fetch.created_at),
        "updated_at": format!("{:.0}", fetch.updated_at),
    })
}
