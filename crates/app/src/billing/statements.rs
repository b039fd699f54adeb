//! Statements, and the files of their bills, as partners and customers' users see them.

use super::plan::parsed;
use super::{of_store, runs};
use crate::access::{Act, Call};
use crate::paging::{self, Paging};
use crate::{App, Error};
use ::billing::Currency;
use bills::{BillPrefix, OpenFile};
use domain::CustomerId;
use serde::Serialize;
use serde::ser::Serializer;
use serde_json::value::RawValue;
use store::statements::{self, Filter, Statement, Status};

/// A list of statements that was asked for.
#[derive(Clone, Debug, Default)]
pub struct StatementSearch {
    /// Which page.
    pub paging: Paging,
    filter: Filter,
}

/// A statement, as it is answered.
#[derive(Clone, Debug, Serialize)]
pub struct StatementView {
    id: i64,
    customer_id: CustomerId,
    cloud: &'static str,
    billing_period: String,
    #[serde(serialize_with = "exactly")]
    total_amount: String,
    status: &'static str,
    detailed_billing_records_generation_time: String,
    statement_generation_time: String,
    statement_summary_generation_time: String,
    currency: CurrencyView,
    invoice_id: Option<String>,
    invoice_date: String,
    files: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct CurrencyView {
    name: String,
    symbol: String,
}

/// A file of a bill.
pub struct BillFile {
    /// Its bytes and their number.
    pub file: OpenFile,
    /// What kind of file it is.
    pub media_type: &'static str,
}

impl StatementSearch {
    /// Read a query string's parameters; blank and unknown ones count as not given.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every parameter that will not do, as `/name`.
    pub fn parse(parameters: &[(String, String)]) -> Result<Self, Error> {
        let mut search = StatementSearch::default();
        paging::read(parameters, |name, value| {
            let filter = &mut search.filter;
            match name {
                _ if search.paging.take(name, value)? => {}
                "client_api_id" => filter.customer = Some(CustomerId(paging::whole_number(value, 0)?)),
                "status" => filter.status = Some(Status::parse(value).ok_or("must be Estimated or Final")?),
                "billing_period" => filter.billing_period = Some(runs::period(value)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(search)
    }
}

/// With as many decimal places as the currency's smallest coin has, as the bill's own statement is written.
fn padded(total: &str, places: usize) -> String {
    match total.split_once('.').unwrap_or((total, "")) {
        (whole, "") if places == 0 => whole.to_owned(),
        (whole, fraction) => format!("{whole}.{fraction:0<places$}"),
    }
}

/// A JSON number with all its digits, which a double would not keep.
fn exactly<S: Serializer>(amount: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let raw = RawValue::from_string(amount.to_owned()).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}

impl StatementView {
    fn of(statement: Statement) -> Result<Self, Error> {
        let time = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let bill = statement.bill;
        let currency: Currency = parsed(&bill.currency)?;
        Ok(StatementView {
            id: statement.id,
            customer_id: bill.customer,
            cloud: "Azure",
            billing_period: bill.billing_period,
            total_amount: padded(&bill.total, currency.minor_unit().into()),
            status: statement.status.as_str(),
            detailed_billing_records_generation_time: time(statement.generated_at),
            statement_generation_time: time(statement.stated_at),
            statement_summary_generation_time: time(statement.stated_at),
            currency: CurrencyView { name: currency.name(), symbol: currency.symbol() },
            invoice_id: statement.invoice_id,
            invoice_date: statement.generated_at.strftime("%Y-%m-%d").to_string(),
            files: serde_json::from_str(&bill.files).map_err(runs::internal)?,
        })
    }
}

impl App {
    /// List statements, and how many there are in all; to a customer's user its own.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error`] of the store.
    pub async fn statements(
        &self,
        call: &Call,
        search: StatementSearch,
    ) -> Result<(Vec<StatementView>, i64), Error> {
        let mut filter = search.filter;
        match call.customer() {
            Some(own) => filter.of_user = Some(own),
            None => self.allow(call, Act::ReadBilling).await?,
        }
        let (found, total): (Vec<Statement>, i64) = self
            .db
            .read(call.partner(), (call.partner(), filter, search.paging), |(partner, filter, paging), tx| {
                Box::pin(async move {
                    let (skip, limit) = (paging.skip(), paging.per_page);
                    Ok::<_, Error>(statements::list(tx, *partner, filter, skip, limit).await?)
                })
            })
            .await?;
        Ok((found.into_iter().map(StatementView::of).collect::<Result<_, _>>()?, total))
    }

    /// Open a file of a statement's bill, one that the customer may have too; for a customer's user of its own bill.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::BillsUnavailable`]; [`Error`] of the store.
    pub async fn statement_file(&self, call: &Call, id: i64, name: &str) -> Result<BillFile, Error> {
        if call.customer().is_none() {
            self.allow(call, Act::ReadBilling).await?;
        }
        let found: Option<Statement> = self
            .db
            .read(call.partner(), (call.partner(), id), |(partner, id), tx| {
                Box::pin(async move { Ok::<_, Error>(statements::get(tx, *partner, *id).await?) })
            })
            .await?;
        let statement = found.ok_or(Error::NotFound)?;
        let bill = statement.bill;
        if call.customer().is_some_and(|own| own != bill.customer) {
            return Err(Error::NotFound);
        }
        let names: Vec<String> = serde_json::from_str(&bill.files).map_err(runs::internal)?;
        if name != bills::MANIFEST && !names.iter().any(|known| known == name) {
            return Err(Error::NotFound);
        }
        let prefix = prefix(&bill)?;
        let opened = self.billing()?.bills.open_file(&prefix, bill.version as u32, name).await;
        let file = opened.map_err(|error| of_store(&error))?;
        Ok(BillFile { file, media_type: media_type(name) })
    }
}

/// Where a bill is.
pub(super) fn prefix(bill: &statements::Bill) -> Result<BillPrefix, Error> {
    let prefix = BillPrefix::new(&bill.folder, &bill.billing_period, bill.customer.0);
    prefix.map_err(|error| Error::Internal(error.to_string()))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv") => "text/csv; charset=utf-8",
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        Some("parquet") => "application/vnd.apache.parquet",
        _ => "application/octet-stream",
    }
}
