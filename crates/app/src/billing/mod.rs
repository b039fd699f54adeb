//! Billing: from an invoice to every customer's bill.
//!
//! A run is asked for (`runs`), taken by one server or command that holds its lease (`work`), made by the engine from
//! what is noted at its beginning (`plan`, `stage`), published (`publish`), and put into the store in one transaction at its
//! end (`settle`).

mod actions;
mod automation;
mod bill;
mod bill_scan;
mod breakdown;
mod fetch;
pub(crate) mod health;
mod index;
mod invoices;
mod lease;
mod lines;
mod month;
mod move_store;
mod numbering;
mod plan;
mod price_sheets;
mod profit;
mod publications;
mod publish;
mod record;
mod rendering;
mod report;
mod request;
mod restate;
mod rule_order;
mod rules;
mod runs;
mod scratch;
mod settings;
mod settle;
mod stage;
mod statements;
mod trial;
mod view;
mod voiding;
mod watch;
mod work;

pub use actions::RunAction;
pub use automation::{
    AutomationAction, AutomationHealth, AutomationSettings, AutomationView, Estimates, Finalize, Invoices,
    Waiting,
};
pub use bill::{BillView, PreviousBill};
pub use bill_scan::{BillLines, BillSearch, LineSum, PriceReason, ShownLine};
pub use breakdown::{Breakdown, Subtotal};
pub use fetch::{
    FetchErrorCode, FetchFailure, FetchProgress, FetchRequest, FetchView, FetchWatch, InvoiceExport,
    InvoiceView,
};
pub use lines::{BillLine, LineSearch};
pub use month::MonthCharge;
pub use price_sheets::{PriceSheetFile, PriceSheetRequest, PriceSheetView};
pub use rating::wording::Value as WordingValue;
pub use rating::{
    Amount, Currency, Message, Money, NewPriceRule, RULE_PAYLOAD, RuleKind, WarningCode, Wording,
};
pub use report::{
    BillRef, CustomerBill, PendingCorrection, Place, Progress, RunError, RunReport, RunWarning,
};
pub use request::{CurrencyRate, RunRequest, Voiding};
pub use rule_order::RuleMove;
pub use rules::RuleView;
pub use runs::RunSearch;
pub use settings::BillingSettings;
pub use statements::{BillFile, CorrectionView, StatementSearch, StatementView};
pub use store::bill_runs::State as RunState;
pub use store::invoice_fetches::State as FetchState;
pub use store::statements::Status as StatementStatus;
pub use trial::{BillChange, RuleTrial, TrialTotal, TriedRule};
pub use view::{RunView, Stage};
pub use watch::Watch;

pub use profit::{Profit, ProfitBy, ProfitReport, ProfitRow, ProfitSearch};

use scratch::Scratch;

use crate::{App, Error};
use bill_storage::{Allowed, Bills, Exports, Settings};
use domain::{PartnerId, Violation, Violations};
use jiff::SignedDuration;
use rating::{Bounds, EarnedCredit};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Stands for the id of the partner that asks, in places of sources.
const PARTNER: &str = "{partner}";

/// What the operator decides about billing.
#[derive(Clone, Debug)]
pub struct BillingSetup {
    /// Where bills are: `file:PATH`, `s3://bucket/prefix` or `az://container/prefix`.
    pub bills: String,
    /// `file:` sources lie below this folder; `{partner}` in it stands for the id of the partner that asks.
    pub sources: String,
    /// `s3://` and `az://` sources lie below one of these, likewise; anywhere, if there are none.
    pub remote_sources: Vec<String>,
    /// Root of the object store that fetched exports are kept in, with the same placeholder. `None` keeps them in the folder `sources`.
    pub fetch_to: Option<String>,
    /// Where runs put what they need while they work.
    pub work: PathBuf,
    /// Maximum length of a source in bytes, unpacked.
    pub max_source_bytes: u64,
    /// Credentials of object stores.
    pub settings: Settings,
    /// Beyond these a bill is held back.
    pub bounds: Bounds,
    /// What becomes of the partner earned credit where no rule says otherwise.
    pub earned_credit: EarnedCredit,
    /// Whether the FOCUS rows are written as Parquet too.
    pub parquet: bool,
    /// Whether FOCUS's Invoice Detail and Billing Period datasets are written too.
    pub focus_datasets: bool,
    /// How many threads a run has.
    pub threads: usize,
    /// How long a run waits for a server that has died.
    pub lease: SignedDuration,
    /// How long an export of Microsoft may take before a fetch fails.
    pub export_wait: Duration,
}

pub(crate) struct Billing {
    setup: BillingSetup,
    bills: Bills,
    indexing: tokio::sync::Mutex<index::Indexing>,
    /// Price rules that are being tried.
    trials: trial::Trials,
    /// There is a new run.
    wake: Notify,
    /// There is a new fetch of invoices.
    wake_fetching: Notify,
    /// An automation was changed.
    wake_automation: Notify,
    /// Whoever works is to give its run back.
    closing: Arc<AtomicBool>,
}

impl BillingSetup {
    /// The store of bills, which is not asked for anything yet.
    fn open(&self) -> Result<Bills, Error> {
        let unusable = |e: bill_storage::Error| Error::Billing(e.to_string());
        let bills = Bills::open(&self.bills, &self.settings).map_err(unusable)?;
        if let Some(root) = &self.fetch_to {
            Exports::open(&root.replace(PARTNER, "1"), &self.settings).map_err(unusable)?;
        }
        Ok(bills)
    }

    /// Whether its places are such that bills and exports can be.
    ///
    /// # Errors
    /// [`Error::Billing`] says which is not.
    pub fn check(&self) -> Result<(), Error> {
        self.open().map(drop)
    }
}

impl Billing {
    fn open(setup: BillingSetup) -> Result<Self, Error> {
        let bills = setup.open()?;
        Ok(Billing {
            setup,
            bills,
            indexing: Default::default(),
            trials: trial::Trials::default(),
            wake: Notify::new(),
            wake_fetching: Notify::new(),
            wake_automation: Notify::new(),
            closing: Arc::default(),
        })
    }

    /// What sources may be; none for the server's operator, who can read whatever it names anyway.
    fn allowed(&self, partner: Option<PartnerId>) -> Allowed {
        let own = |partner: PartnerId| self.setup.sources.replace(PARTNER, &partner.to_string());
        Allowed {
            folder: Some(partner.map_or_else(|| "/".to_owned(), own).into()),
            max_bytes: self.setup.max_source_bytes,
            settings: self.setup.settings.clone(),
        }
    }

    /// Whether the setup tells the sources of several partners apart.
    fn tells_partners_apart(&self, source: &str) -> bool {
        let BillingSetup { sources, remote_sources, .. } = &self.setup;
        match source.starts_with("file:") {
            true => sources.contains(PARTNER),
            false => !remote_sources.is_empty() && remote_sources.iter().all(|place| place.contains(PARTNER)),
        }
    }

    /// Whether a partner's source in an object store lies where the partner's may.
    fn check_remote(&self, partner: PartnerId, source: &str) -> Result<(), String> {
        let own = |place: &String| {
            format!("{}/", place.replace(PARTNER, &partner.to_string()).trim_end_matches('/'))
        };
        let mut places = self.setup.remote_sources.iter().map(own);
        if source.starts_with("file:") || places.len() == 0 || places.any(|place| source.starts_with(&place))
        {
            return Ok(());
        }
        Err("lies outside the places that this server reads invoices from".into())
    }

    /// Whether files among these are where they may be, and there. What is elsewhere is looked at when it is read.
    /// Where there are other partners, nobody reads from a place that is not known to be its own.
    async fn check_sources(
        &self,
        partner: PartnerId,
        fields: &[(&str, &Vec<String>)],
        others: bool,
    ) -> Result<(), Error> {
        let mut violations = Violations::default();
        let mut places = Vec::new();
        for (field, of_field) in fields {
            for (i, place) in of_field.iter().enumerate() {
                places.push((format!("/{field}/{i}"), place));
            }
        }
        let allowed = self.allowed(Some(partner));
        for (pointer, source) in places {
            let mut checked = self.check_remote(partner, source);
            if others && !self.tells_partners_apart(source) {
                checked = Err(
                    "cannot be read: this server has several partners, and its operator has not said whose \
                     sources are where (--bill-sources and --bill-remote-sources with {partner})"
                        .into(),
                );
            } else if source.starts_with("file:") {
                // A file is read in place: nothing is written into the folder.
                let found = bill_storage::spool(source, &allowed, &self.setup.work, &|_, _| true).await;
                checked = found.map(drop).map_err(|wrong| format!("will not do: {wrong}"));
            }
            if let Err(wrong) = checked {
                violations.push(Violation::new(pointer, "invalid", wrong));
            }
        }
        if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
    }
}

impl App {
    /// The same, with billing.
    ///
    /// # Errors
    /// [`Error::Billing`] if bills cannot be kept where the setup says.
    pub fn with_billing(mut self, setup: BillingSetup) -> Result<Self, Error> {
        self.billing = Some(Billing::open(setup)?);
        Ok(self)
    }

    /// Have whoever works on a run give it back, to another server.
    pub fn stop_bill_runs(&self) {
        if let Some(billing) = &self.billing {
            billing.closing.store(true, Ordering::Relaxed);
        }
    }

    fn billing(&self) -> Result<&Billing, Error> {
        self.billing.as_ref().ok_or_else(|| Error::Internal("this App was opened without billing".into()))
    }
}

/// What the object store said against it.
fn of_store(error: &bill_storage::Error) -> Error {
    match error {
        bill_storage::Error::NotFound(_) => Error::NotFound,
        bill_storage::Error::Corrupt(why) => Error::BillDamaged(why.clone()),
        _ => Error::BillsUnavailable(error.to_string()),
    }
}
