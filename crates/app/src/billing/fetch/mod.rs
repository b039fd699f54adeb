//! Microsoft's invoices, fetched from its interfaces into the partner's sources.
//!
//! A fetch is asked for (here), taken by one server or command that holds its lease (`work`), and downloads each export to its
//! end before it appears among the sources (`download`). A fetch that dies anywhere is resumed: what is there stays.

mod download;
mod failure;
mod files;
mod invoices;
mod watch;
mod work;

pub use failure::FetchErrorCode;
pub use invoices::{InvoiceExport, InvoiceView};
pub use watch::{FetchProgress, FetchWatch};
pub(super) use work::Stopped;

use super::record::FetchRecord;
use super::report::{stored, text};
use super::runs::period;
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::{Created, Done, WriteBody};
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
use store::Tx;
use store::invoice_fetches::{self, Fetch, State};

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

/// A fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchView {
    /// Fetch id.
    pub id: i64,
    /// The month, such as `2026-10`.
    pub billing_period: String,
    /// One invoice of the month; `None` for all of it.
    pub invoice_id: Option<String>,
    /// Whether it is of what is on no invoice yet.
    pub unbilled: bool,
    /// The state.
    pub state: State,
    /// How far it is.
    pub progress: FetchProgress,
    /// Where everything is, as a bill run takes it; empty until the fetch has ended.
    pub sources: Vec<String>,
    /// Why it failed.
    pub error: Option<FetchFailure>,
    /// The time of the request.
    pub created_at: Timestamp,
    /// The time of the last change of state.
    pub updated_at: Timestamp,
}

/// Why a fetch failed, or invoices cannot be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FetchFailure {
    /// For programs, such as `mfa_required`.
    pub code: String,
    /// What happened, and what to do.
    pub message: String,
}

impl FetchView {
    /// # Errors
    /// [`Error::Internal`] if what is stored cannot be read.
    pub(super) fn of(fetch: &Fetch) -> Result<Self, Error> {
        let request: FetchRequest = stored("the request of an invoice fetch", &fetch.request)?;
        let progress = fetch.progress.as_deref();
        let progress = progress.map(|text| stored("the progress of an invoice fetch", text)).transpose()?;
        let sources = fetch.sources.as_deref();
        let sources = sources.map(|text| stored("the sources of an invoice fetch", text)).transpose()?;
        let failure = |(code, message): (String, String)| FetchFailure { code, message };
        Ok(FetchView {
            id: fetch.id,
            billing_period: fetch.billing_period.clone(),
            invoice_id: request.invoice_id,
            unbilled: request.unbilled,
            state: fetch.state,
            progress: progress.unwrap_or_default(),
            sources: sources.unwrap_or_default(),
            error: fetch.error.clone().map(failure),
            created_at: fetch.created_at,
            updated_at: fetch.updated_at,
        })
    }
}

impl App {
    /// Asks for a fetch, or answers again what was answered when it was asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] while another fetch of the period is under way; [`Error::KeyReused`],
    /// [`Error::StillRunning`].
    #[boxed]
    pub async fn create_invoice_fetch(
        &self,
        call: &Call,
        body: &Json,
        write: WriteBody<FetchView>,
    ) -> Result<Created, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let _entered = self.enter(call)?;
        let request = FetchRequest::parse(body)?;
        let created = grant
            .make((call.partner(), request, self.clock.now(), write), |(partner, request, now, write), tx| {
                Box::pin(async move {
                    let fetch = FetchView::of(&begin(tx, *partner, request, false, *now).await?)?;
                    let href = Some(format!("/v1/{}", object(fetch.id)));
                    let entry = Entry::new("invoice_fetch.create", object(fetch.id));
                    let entry = entry.after(&FetchRecord::from(&fetch));
                    Ok(Done { value: Created::new(fetch, *write, href)?, entry: Some(entry) })
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
    #[boxed]
    pub async fn invoice_fetch(&self, call: &Call, id: i64) -> Result<FetchView, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let found: Option<Fetch> = grant
            .list((call.partner(), id), |(partner, id), tx| {
                Box::pin(async move { Ok::<_, Error>(invoice_fetches::get(tx, *partner, *id).await?) })
            })
            .await?;
        FetchView::of(&found.ok_or(Error::NotFound)?)
    }

    /// A page of fetches, and how many there are in all.
    #[boxed]
    pub async fn invoice_fetches(&self, call: &Call, paging: Paging) -> Result<(Vec<FetchView>, i64), Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        grant
            .list((call.partner(), paging), |(partner, paging), tx| {
                Box::pin(async move {
                    let (found, total) =
                        invoice_fetches::list(tx, *partner, paging.skip(), paging.per_page).await?;
                    Ok((found.iter().map(FetchView::of).collect::<Result<_, _>>()?, total))
                })
            })
            .await
    }

    /// The numbers of fetches under way, and of months whose last fetch failed, over all partners.
    #[boxed]
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
            return Err(Error::Conflict(said.into()));
        }
        invoice_fetches::abandon(tx, partner, other.id, LEFT_BEHIND, now).await?;
    }
    let id = invoice_fetches::insert(tx, partner, month, &text(request)?, by_command, now).await?;
    invoice_fetches::get(tx, partner, id).await?.ok_or(Error::NotFound)
}

pub(super) fn object(id: i64) -> String {
    format!("invoice_fetches/{id}")
}
