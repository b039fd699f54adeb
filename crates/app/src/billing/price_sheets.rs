//! Microsoft's price sheets, imported by month: runs of a month take list prices from its sheet.

use super::record::PriceSheetRecord;
use super::report::{stored, text};
use super::request::{read_period, read_places};
use super::scratch::Scratch;
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::{Created, Done, WriteBody};
use crate::grant::Grant;
use crate::permissions::Permission;
use crate::{App, Error};
use bill_storage::Allowed;
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::{Handling, PartnerId, Violation, Violations};
use jiff::Timestamp;
use rating::{Failure, Input};
use serde::{Deserialize, Serialize};
use store::Tx;
use store::price_sheets::{self, PriceSheetRow};

/// Maximum number of files of one sheet: Microsoft has one for each market.
const MAX_FILES: usize = 50;

/// The payload of an import.
static PAYLOAD: Payload =
    Payload { members: &[Member::plain("billing_period"), Member::plain("sources")], read_only: &[] };

/// An import that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceSheetRequest {
    /// The month, such as `2026-10`.
    pub billing_period: String,
    /// Where the files are.
    pub sources: Vec<String>,
}

/// A file of an imported sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SheetFile {
    /// What reports call it.
    pub(super) file: String,
    /// Its key among the partner's private files.
    pub(super) key: String,
    rows: u64,
}

/// The price sheet of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceSheetView {
    /// The month, such as `2026-10`.
    pub billing_period: String,
    /// Its files.
    pub files: Vec<PriceSheetFile>,
    /// The time of the import.
    pub imported_at: Timestamp,
}

/// A file of a price sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceSheetFile {
    /// What reports of runs call it.
    pub file: String,
    /// The number of its rows with a list price.
    pub rows: u64,
}

impl PriceSheetRequest {
    /// Reads a payload. Unknown fields are always violations.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation.
    pub fn parse(body: &Json) -> Result<Self, Error> {
        const EXPECTED: &str =
            r#"a JSON object such as {"billing_period": "2026-10", "sources": ["file:price-sheet.zip"]}"#;
        let mut fields = Fields::of(body, EXPECTED).map_err(|wrong| Error::Invalid(wrong.into()))?;
        let billing_period = fields.required("billing_period", read_period);
        let sources = fields.required("sources", |json| -> Result<Vec<String>, Violations> {
            let sources = read_places(json)?;
            match sources.len() {
                1..=MAX_FILES => Ok(sources),
                0 => Err(Violation::new("", "required", "is required: the files of the price sheet").into()),
                given => {
                    let said = format!("has {given} entries, at most {MAX_FILES} are allowed");
                    Err(Violation::new("", "too_many", said).into())
                }
            }
        });
        fields.violations.extend(PAYLOAD.unknown(body, Handling::Strict));
        match (billing_period, sources) {
            (Some(billing_period), Some(sources)) if fields.violations.is_empty() => {
                Ok(PriceSheetRequest { billing_period, sources })
            }
            _ => Err(Error::Invalid(fields.violations)),
        }
    }
}

impl App {
    /// Imports the price sheet of a month, in the place of the one before, or answers again what was answered when that was done.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong with the files; [`Error::BillsUnavailable`]; [`Error::KeyReused`],
    /// [`Error::StillRunning`].
    #[boxed]
    pub async fn import_price_sheet(
        &self,
        call: &Call,
        body: &Json,
        write: WriteBody<PriceSheetView>,
    ) -> Result<Created, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let _entered = self.enter(call)?;
        let request = PriceSheetRequest::parse(body)?;
        let billing = self.billing()?;
        let others = self.partners().await?.len() > 1;
        billing.check_sources(call.partner(), &[("sources", &request.sources)], others).await?;
        let allowed = billing.allowed(Some(call.partner()));
        self.import(grant, request, &allowed, write).await
    }

    /// Imports a price sheet from files that the operator's command can read.
    ///
    /// # Errors
    /// Those of [`App::import_price_sheet`].
    #[boxed]
    pub async fn import_price_sheet_here(
        &self,
        partner: PartnerId,
        request: PriceSheetRequest,
        write: WriteBody<PriceSheetView>,
    ) -> Result<Created, Error> {
        let call = Call::of_operator(partner, "price-sheet import");
        let grant = self.require(&call, Permission::ManageBilling).await?;
        self.import(grant, request, &self.billing()?.allowed(None), write).await
    }

    async fn import(
        &self,
        grant: Grant<'_>,
        request: PriceSheetRequest,
        allowed: &Allowed,
        write: WriteBody<PriceSheetView>,
    ) -> Result<Created, Error> {
        let PriceSheetRequest { billing_period, sources } = request;
        let (billing, partner) = (self.billing()?, grant.call().partner());
        let nonce = self.random.nonce()?;
        let scratch = Scratch::of_import(&billing.setup.work, partner, nonce)?;
        let mut inputs = Vec::with_capacity(sources.len());
        for (i, source) in sources.iter().enumerate() {
            let to = scratch.path().join("in").join(i.to_string());
            let spooled = bill_storage::spool(source, allowed, &to, &|_, _| true).await;
            let spooled = spooled.map_err(|error| wrong(i, &error.to_string()))?;
            inputs.push(Input { name: spooled.name, path: spooled.path });
        }
        let mut files = Vec::with_capacity(inputs.len());
        let segment = bill_storage::partner_segment(partner.0);
        for (i, input) in inputs.into_iter().enumerate() {
            let Input { name, path } = input.clone();
            let read = tokio::task::spawn_blocking(move || rating::price_sheet_rows(&input)).await;
            let rows = match read.map_err(|error| Error::Internal(error.to_string()))? {
                Ok(rows) => rows,
                Err(Failure::Faults(faults)) => {
                    let said: Vec<String> = faults.iter().take(10).map(ToString::to_string).collect();
                    return Err(wrong(i, &said.join("; ")));
                }
                Err(failure) => return Err(Error::Billing(failure.to_string())),
            };
            let key = format!("{segment}/price-sheets/{billing_period}/{i}");
            let key = billing.bills.put_private(&key, &path).await;
            let key = key.map_err(|error| Error::BillsUnavailable(error.to_string()))?;
            files.push(SheetFile { file: name, key, rows });
        }
        let sheet = PriceSheetRow { billing_period, files: text(&files)?, imported_at: self.clock.now() };
        grant
            .make((partner, sheet, write), |(partner, sheet, write), tx| {
                Box::pin(async move {
                    price_sheets::put(tx, *partner, sheet).await?;
                    let view = view(sheet)?;
                    let object = format!("price_sheets/{}", sheet.billing_period);
                    let entry =
                        Entry::new("price_sheet.import", object).after(&PriceSheetRecord::from(&view));
                    Ok(Done { value: Created::new(view, *write, None)?, entry: Some(entry) })
                })
            })
            .await
    }

    /// The partner's price sheets, the newest month first.
    #[boxed]
    pub async fn price_sheets(&self, call: &Call) -> Result<Vec<PriceSheetView>, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let found: Vec<PriceSheetRow> = grant
            .list(call.partner(), |partner, tx| {
                Box::pin(async move { Ok::<_, Error>(price_sheets::list(tx, *partner).await?) })
            })
            .await?;
        found.iter().map(view).collect()
    }
}

/// The files of a month's sheet; none if there is no sheet.
pub(super) async fn of_month(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<Vec<SheetFile>, Error> {
    match price_sheets::get(tx, partner, period).await? {
        Some(sheet) => stored("the files of a price sheet", &sheet.files),
        None => Ok(Vec::new()),
    }
}

/// What is wrong with a source.
fn wrong(source: usize, why: &str) -> Error {
    Error::Invalid(
        Violation::new(format!("/sources/{source}"), "invalid", format!("will not do: {why}")).into(),
    )
}

fn view(sheet: &PriceSheetRow) -> Result<PriceSheetView, Error> {
    let files: Vec<SheetFile> = stored("the files of a price sheet", &sheet.files)?;
    let files = files.into_iter().map(|file| PriceSheetFile { file: file.file, rows: file.rows }).collect();
    let PriceSheetRow { billing_period, imported_at, .. } = sheet.clone();
    Ok(PriceSheetView { billing_period, files, imported_at })
}
