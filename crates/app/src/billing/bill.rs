//! A bill as a page shows it: to the partner with costs and beside the month before, to the customer without.

use super::bill_scan::{BillLines, BillSearch, scan};
use super::breakdown::{self, Breakdown};
use super::lines::{BillLocation, FileReader, reader};
use super::plan::parsed;
use super::report::{CustomerBill, RunReport, stored};
use super::statements::prefix;
use super::{StatementView, of_store};
use crate::access::Call;
use crate::boxed;
use crate::permissions::Permission;
use crate::{App, Error};
use domain::{CustomerId, PartnerId};
use rating::{Amount, BillingPeriod, Currency};
use store::bill_runs::{self, BillRun};
use store::statements::{self, Bill, Filter, Statement, Status};

/// A customer's bill in a run.
#[derive(Debug)]
pub struct BillView {
    /// The run's id.
    pub run: i64,
    /// The month, such as `2026-10`.
    pub billing_period: String,
    /// What the run reports of it.
    pub bill: CustomerBill,
    /// The currencies in which the customer has a bill, this one's too.
    pub currencies: Vec<Currency>,
    /// Its lines; `None` where it has no files, because it is held back or nothing was new, and where they cannot be read.
    pub lines: Option<BillLines>,
    /// Whether it has files that cannot be read.
    pub is_unreadable: bool,
    /// The statement that the run made of it: its id and the names of its files. `None` once a later run has made another.
    pub statement: Option<(i64, Vec<String>)>,
    /// The customer's bill of the month before, if there was one.
    pub previous: Option<PreviousBill>,
}

/// The bill of the month before.
#[derive(Debug)]
pub struct PreviousBill {
    /// Its total.
    pub charge: Amount,
    /// What it is made of; `None` where its file cannot be read.
    pub made_of: Option<Breakdown>,
}

/// What is read of the database for a bill: the run, the statements that it made for the customer, and those of the month
/// before.
type Found = (BillRun, Vec<Statement>, Vec<Statement>);

impl App {
    /// A customer's bill in a run, with costs and the reason of each price. For the partner alone.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    #[boxed]
    pub async fn bill(
        &self,
        call: &Call,
        run: i64,
        customer: CustomerId,
        search: BillSearch,
    ) -> Result<BillView, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let (run, own, before): Found = grant
            .list((call.partner(), run, customer), |(partner, run, customer), tx| {
                Box::pin(async move {
                    let run = bill_runs::get(tx, *partner, *run).await?.ok_or(Error::NotFound)?;
                    let period: BillingPeriod = parsed(&run.billing_period)?;
                    let own = Filter {
                        customer: Some(*customer),
                        billing_period: Some(run.billing_period.clone()),
                        run: Some(run.id),
                        ..Filter::default()
                    };
                    let own = statements::list(tx, *partner, &own, 0, i64::MAX).await?.0;
                    let before = Filter {
                        customer: Some(*customer),
                        billing_period: Some(period.previous().to_string()),
                        ..Filter::default()
                    };
                    let before = statements::list(tx, *partner, &before, 0, i64::MAX).await?.0;
                    Ok::<_, Error>((run, own, before))
                })
            })
            .await?;
        let bills = RunReport::of_run(&run)?.unwrap_or_default().customers;
        let bills: Vec<CustomerBill> =
            bills.into_iter().filter(|bill| bill.customer_id == customer.0).collect();
        let currencies = bills.iter().map(|bill| bill.currency).collect();
        let wanted = search.currency.as_deref();
        let is_wanted = |bill: &CustomerBill| wanted.is_none_or(|wanted| bill.currency.code() == wanted);
        let bill = bills.into_iter().find(is_wanted).ok_or(Error::NotFound)?;
        let code = bill.currency.code();
        let read = match bill.prefix {
            Some(_) => self.lines_with_costs(&BillLocation::find(&run, customer, Some(code))?, search).await,
            None => Ok(None),
        };
        let is_unreadable = read.is_err();
        let lines = readable(read)?;
        let own = own.into_iter().find(|statement| statement.bill.currency == code);
        let statement = own
            .map(|own| Ok::<_, Error>((own.id, stored("the files of a statement", &own.bill.files)?)))
            .transpose()?;
        let is_there = |statement: &Statement| {
            statement.bill.currency == code && matches!(statement.status, Status::Estimated | Status::Final)
        };
        let previous = match before.into_iter().find(is_there) {
            Some(before) => Some(PreviousBill {
                charge: parsed(&before.bill.total)?,
                made_of: self.breakdown_of(call.partner(), &before.bill).await?,
            }),
            None => None,
        };
        Ok(BillView {
            run: run.id,
            billing_period: run.billing_period,
            bill,
            currencies,
            lines,
            is_unreadable,
            statement,
            previous,
        })
    }

    async fn lines_with_costs(
        &self,
        place: &BillLocation,
        search: BillSearch,
    ) -> Result<Option<BillLines>, Error> {
        let (lines, ledger) = (self.open_bill(place).await?, self.open_ledger(place).await?);
        scanned(lines, Some(ledger), search).await.map(Some)
    }

    /// What a bill's total is made of; `None` where its file is not there, or cannot be read.
    async fn breakdown_of(&self, partner: PartnerId, bill: &Bill) -> Result<Option<Breakdown>, Error> {
        let names = [format!("statement.{}.json", bill.currency), "statement.json".to_owned()];
        let files: Vec<String> = stored("the files of a statement", &bill.files)?;
        let Some(name) = names.iter().find(|name| files.contains(name)) else { return Ok(None) };
        let prefix = prefix(partner, bill)?;
        let opened = self.billing()?.bills.open_file(&prefix, bill.version as u32, name).await;
        let read = match opened {
            Ok(opened) => breakdown::read_file(opened).await,
            Err(error) => Err(of_store(&error)),
        };
        readable(read)
    }

    /// The lines of a statement's bill, as its customer may see them; `None` where it has no file of lines.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller may not see it; [`Error::BillsUnavailable`]; [`Error::BillDamaged`].
    #[boxed]
    pub async fn statement_lines(
        &self,
        call: &Call,
        statement: &StatementView,
        search: BillSearch,
    ) -> Result<Option<BillLines>, Error> {
        let names = [format!("bill.{}.csv", statement.currency()), "bill.csv".to_owned()];
        let Some(name) = names.iter().find(|name| statement.files().contains(name)) else { return Ok(None) };
        let opened = self.statement_file(call, statement.id(), None, name, &|_, _| None).await?;
        scanned(reader(opened.file), None, search).await.map(Some)
    }
}

/// What was read of a bill; nothing where the object store cannot tell: the totals are in the database, and stay of use.
fn readable<T>(read: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match read {
        Err(error @ (Error::BillsUnavailable(_) | Error::BillDamaged(_) | Error::NotFound)) => {
            tracing::warn!(%error, "failed to read a bill for a page");
            Ok(None)
        }
        read => read,
    }
}

async fn scanned(
    bill: FileReader,
    ledger: Option<FileReader>,
    search: BillSearch,
) -> Result<BillLines, Error> {
    let scanned = tokio::task::spawn_blocking(move || scan(bill, ledger, &search)).await;
    scanned.map_err(|e| Error::Internal(e.to_string()))?
}
