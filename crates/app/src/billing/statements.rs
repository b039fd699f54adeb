//! Statements, and the files of their bills, as partners and customers' users see them.

use super::plan::parsed;
use super::report::stored;
use super::restate::negated;
use super::{of_store, runs};
use crate::access::Call;
use crate::boxed;
use crate::paging::{self, Paging, Query};
use crate::permissions::Permission;
use crate::{App, Error};
use bill_storage::{BillPrefix, OpenFile, RangeOf};
use domain::{Customer, CustomerId, PartnerId};
use jiff::Timestamp;
use rating::Currency;
use std::collections::{BTreeMap, BTreeSet};
use store::corrections::{self, Correction};
use store::statements::{self, Bill, Edition, Filter, Imported, Issue, Statement, Status};
use store::{Tx, former_corrections, imported_statements};

/// A list of statements that was asked for.
#[derive(Clone, Debug, Default)]
pub struct StatementSearch {
    /// Which page.
    pub paging: Paging,
    filter: Filter,
}

/// A statement, which shows what the caller may see of it.
#[derive(Clone, Debug)]
pub struct StatementView {
    id: i64,
    run: Option<i64>,
    customer: CustomerId,
    cloud: String,
    billing_period: String,
    total_amount: String,
    status: Status,
    generated_at: Timestamp,
    stated_at: Timestamp,
    currency: Currency,
    invoice_id: Option<String>,
    invoice_date: String,
    issue: Option<Issue>,
    version: i64,
    is_published: Option<bool>,
    reverses: Option<i64>,
    notice: Option<String>,
    imported: Option<Imported>,
    files: Vec<String>,
    corrections: Vec<CorrectionView>,
}

/// What came in for a month that was final, and is on this statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrectionView {
    /// The month that was final.
    pub billing_period: String,
    /// The version of that month's bill that lists its lines.
    pub version: i64,
    /// The amount, with as many decimal places as the currency's smallest coin has.
    pub amount: String,
    /// The names of its files; empty for those that earlier versions made, which have the same as a bill.
    pub files: Vec<String>,
}

/// An open file of a bill.
pub struct BillFile {
    /// Its bytes, length and digest.
    pub file: OpenFile,
    /// Its media type.
    pub media_type: &'static str,
    /// A name that tells customers and months apart: `acme-2026-10.csv`.
    pub name: String,
}

impl StatementSearch {
    /// The statements of a customer, the newest first.
    pub fn newest_of(customer: CustomerId, paging: Paging) -> Self {
        let filter = Filter { customer: Some(customer), newest_first: true, ..Filter::default() };
        StatementSearch { paging, filter }
    }

    /// Read a query string's parameters; blank ones count as not given.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every parameter that will not do, as `/name`.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let mut search = StatementSearch::default();
        paging::read(query, &["client_api_id", "status", "billing_period"], |name, value| {
            let filter = &mut search.filter;
            match name {
                _ if search.paging.take(name, value)? => {}
                "client_api_id" => filter.customer = Some(CustomerId(paging::whole_number(value, 0)?)),
                "status" => {
                    let parsed = Status::parse(value).map(Ok);
                    let choices = Status::ALL.map(|status| (status.as_str(), status));
                    filter.status = Some(parsed.unwrap_or_else(|| paging::one_of(value, &choices))?);
                }
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

impl StatementView {
    fn of((statement, corrections): (Statement, Vec<Correction>), edition: Edition) -> Result<Self, Error> {
        let now = (statement.bill.version, statement.status, statement.bill.folder.as_str());
        let is_published = statement
            .published
            .as_ref()
            .is_some_and(|(version, status, folder)| (*version, *status, folder.as_str()) == now);
        let invoice_date = match &statement.imported {
            Some(imported) => imported.invoice_date.clone(),
            None => statement.generated_at.strftime("%Y-%m-%d").to_string(),
        };
        let cloud = statement.imported.as_ref().map_or("Azure", |imported| &imported.cloud).to_owned();
        // Microsoft's invoice is for the partner alone.
        let is_imported = statement.imported.is_some();
        let bill = statement.bill;
        let currency: Currency = parsed(&bill.currency)?;
        let corrections = corrections.into_iter().map(|Correction { bill, .. }| {
            let amount = padded(&bill.total, currency.minor_unit().into());
            let files = stored("the files of a correction", &bill.files)?;
            Ok(CorrectionView { billing_period: bill.billing_period, version: bill.version, amount, files })
        });
        Ok(StatementView {
            id: statement.id,
            run: (!is_imported).then_some(bill.run),
            customer: bill.customer,
            cloud,
            billing_period: bill.billing_period,
            total_amount: padded(&bill.total, currency.minor_unit().into()),
            status: statement.status,
            generated_at: statement.generated_at,
            stated_at: statement.stated_at,
            currency,
            invoice_id: statement.invoice_id.filter(|_| edition == Edition::Current || is_imported),
            invoice_date,
            issue: statement.issue,
            version: bill.version,
            is_published: (edition == Edition::Current).then_some(is_published),
            reverses: statement.reverses,
            notice: statement.notice,
            imported: statement.imported,
            files: stored("the files of a statement", &bill.files)?,
            corrections: corrections.collect::<Result<_, Error>>()?,
        })
    }

    /// Its number.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The run that made it; `None` for a statement of another platform.
    pub fn run(&self) -> Option<i64> {
        self.run
    }

    /// The customer.
    pub fn customer(&self) -> CustomerId {
        self.customer
    }

    /// The cloud that it is about, such as `Azure`.
    pub fn cloud(&self) -> &str {
        &self.cloud
    }

    /// The month, such as `2026-10`.
    pub fn billing_period(&self) -> &str {
        &self.billing_period
    }

    /// The total, with as many decimal places as the currency's smallest coin has.
    pub fn total_amount(&self) -> &str {
        &self.total_amount
    }

    /// The currency of the total, by ISO 4217.
    pub fn currency(&self) -> &'static str {
        self.currency.code()
    }

    /// The name of the currency, such as `United States dollar`, and its sign.
    pub fn currency_names(&self) -> [String; 2] {
        [self.currency.name(), self.currency.symbol()]
    }

    /// Whether it may still change, is what is owed, or counts no more.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The time when its run was requested.
    pub fn generated_at(&self) -> Timestamp {
        self.generated_at
    }

    /// The time when its bill was made or became final.
    pub fn stated_at(&self) -> Timestamp {
        self.stated_at
    }

    /// Whether another platform has made it.
    pub fn is_imported(&self) -> bool {
        self.imported.is_some()
    }

    /// The URL of the platform that has made it, if it is another one, and its id there.
    pub fn imported(&self) -> Option<(&str, Option<&str>)> {
        self.imported.as_ref().map(|imported| (&*imported.source, imported.source_id.as_deref()))
    }

    /// Microsoft's invoice; to the partner alone.
    pub fn invoice_id(&self) -> Option<&str> {
        self.invoice_id.as_deref()
    }

    /// The day of the invoice, `YYYY-MM-DD`.
    pub fn invoice_date(&self) -> &str {
        &self.invoice_date
    }

    /// The partner's own number of it, once it is final.
    pub fn statement_number(&self) -> Option<&str> {
        self.issue.as_ref().map(|issue| &*issue.number)
    }

    /// The time when it was issued.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issue.as_ref().map(|issue| issue.issued_at)
    }

    /// The day by which it is to be paid, `YYYY-MM-DD`.
    pub fn due_date(&self) -> Option<&str> {
        self.issue.as_ref()?.due_date.as_deref()
    }

    /// The version of the month's bill.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Whether the customer sees this version in this status; to the partner alone.
    pub fn is_published(&self) -> Option<bool> {
        self.is_published
    }

    /// The statement that this one reverses.
    pub fn reverses(&self) -> Option<i64> {
        self.reverses
    }

    /// Why it is withdrawn, void or a reversal.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// The names of its files.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Corrections of earlier months that are on it, or were when it counted.
    pub fn corrections(&self) -> &[CorrectionView] {
        &self.corrections
    }
}

/// The statement under whose id the corrections of a statement are kept that counts no more: itself, or the one that it reverses.
fn keeper_of_former(statement: &Statement) -> Option<i64> {
    match statement.status {
        Status::Estimated | Status::Final => None,
        Status::Withdrawn | Status::Void => Some(statement.id),
        Status::Reversal => statement.reverses,
    }
}

/// Each of these statements with the corrections that it has, or had when it counted. A reversal has them with the other sign.
async fn with_corrections(
    tx: &mut Tx,
    partner: PartnerId,
    edition: Edition,
    found: Vec<Statement>,
) -> Result<Vec<(Statement, Vec<Correction>)>, Error> {
    let own = || found.iter().filter(|statement| statement.imported.is_none());
    let counting = own().filter(|statement| keeper_of_former(statement).is_none());
    let customers: BTreeSet<CustomerId> = counting.map(|statement| statement.bill.customer).collect();
    let customers: Vec<CustomerId> = customers.into_iter().collect();
    let carried = corrections::carried(tx, partner, edition, Some(&customers)).await?;
    let keepers: Vec<i64> = own().filter_map(keeper_of_former).collect();
    let former = former_corrections::of_statements(tx, partner, &keepers).await?;
    let with = |statement: Statement| {
        let bill = &statement.bill;
        let its = match (&statement.imported, keeper_of_former(&statement)) {
            (Some(_), _) => Vec::new(),
            (None, None) => {
                let has = |correction: &&Correction| {
                    let of = &correction.bill;
                    correction.carried_by.as_ref() == Some(&bill.billing_period)
                        && (of.customer, &of.currency) == (bill.customer, &bill.currency)
                };
                carried.iter().filter(has).cloned().collect()
            }
            (None, Some(keeper)) => {
                let its = former.iter().filter(|(id, _)| *id == keeper).map(|(_, of)| of.clone());
                let signed = its.map(|mut bill| {
                    if statement.status == Status::Reversal {
                        bill.total = negated(&bill.total)?;
                    }
                    Ok(Correction { bill, carried_by: None })
                });
                signed.collect::<Result<_, Error>>()?
            }
        };
        Ok((statement, its))
    };
    found.into_iter().map(with).collect()
}

impl App {
    /// List statements, and how many there are in all; to a customer's user its own.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error`] of the store.
    #[boxed]
    pub async fn statements(
        &self,
        call: &Call,
        search: StatementSearch,
    ) -> Result<(Vec<StatementView>, i64), Error> {
        let edition = edition_for(call);
        let mut filter = Filter { edition, ..search.filter };
        let grant = self.require_or_customer(call, Permission::ReadCustomers).await?;
        if let Some(own) = call.customer() {
            filter.of_user = Some(own);
        }
        let (found, total): (Vec<(Statement, Vec<Correction>)>, i64) = grant
            .list((call.partner(), filter, search.paging), |(partner, filter, paging), tx| {
                Box::pin(async move {
                    let (skip, limit) = (paging.skip(), paging.per_page);
                    let (statements, total) =
                        imported_statements::list_with_own(tx, *partner, filter, skip, limit).await?;
                    Ok::<_, Error>((with_corrections(tx, *partner, filter.edition, statements).await?, total))
                })
            })
            .await?;
        let view = |found| StatementView::of(found, edition);
        Ok((found.into_iter().map(view).collect::<Result<_, _>>()?, total))
    }

    /// One statement; to a customer's user only its own.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error`] of the store.
    #[boxed]
    pub async fn statement(&self, call: &Call, id: i64) -> Result<StatementView, Error> {
        let grant = self.require_or_customer(call, Permission::ReadCustomers).await?;
        let edition = edition_for(call);
        let found: Vec<(Statement, Vec<Correction>)> = grant
            .read((call.partner(), edition, id), |(partner, edition, id), tx| {
                Box::pin(async move {
                    let mut found = statements::get(tx, *partner, *edition, *id).await?;
                    if found.is_none() {
                        found = imported_statements::get(tx, *partner, *id).await?;
                    }
                    with_corrections(tx, *partner, *edition, found.into_iter().collect()).await
                })
            })
            .await?;
        let is_visible = |(statement, _): &(Statement, _)| {
            call.customer().is_none_or(|own| own == statement.bill.customer)
        };
        let found = found.into_iter().find(is_visible).ok_or(Error::NotFound)?;
        StatementView::of(found, edition)
    }

    /// Opens a file of a statement's bill, or of a correction that it has (the month that was final, and the version of that
    /// month's bill); for a customer's user only its own. `range` says which bytes are read.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::BillsUnavailable`]; [`Error`] of the store.
    #[boxed]
    pub async fn statement_file<'a>(
        &self,
        call: &'a Call,
        id: i64,
        correction: Option<(String, i64)>,
        name: &str,
        range: RangeOf<'a>,
    ) -> Result<BillFile, Error> {
        let grant = self.require_or_customer(call, Permission::ReadCustomers).await?;
        let is_correction = correction.is_some();
        let found: Option<(Bill, Option<Customer>)> = grant
            .list((call.partner(), edition_for(call), id, correction), |input, tx| {
                let (partner, edition, id, correction) = input;
                Box::pin(async move {
                    let Some(statement) = statements::get(tx, *partner, *edition, *id).await? else {
                        return Ok(None);
                    };
                    let customer = store::customers::get(tx, *partner, statement.bill.customer).await?;
                    let Some((period, version)) = correction else {
                        return Ok(Some((statement.bill, customer)));
                    };
                    let found = with_corrections(tx, *partner, *edition, vec![statement]).await?;
                    let mut corrections = found.into_iter().flat_map(|(_, has)| has).map(|found| found.bill);
                    let is_it = |bill: &Bill| bill.billing_period == *period && bill.version == *version;
                    Ok::<_, Error>(corrections.find(is_it).map(|bill| (bill, customer)))
                })
            })
            .await?;
        let (bill, customer) = found.ok_or(Error::NotFound)?;
        if call.customer().is_some_and(|own| own != bill.customer) {
            return Err(Error::NotFound);
        }
        // Nothing is opened that the bill's manifest does not name.
        let prefix = prefix(call.partner(), &bill)?;
        let opened = self.billing()?.bills.open_range(&prefix, bill.version as u32, name, range).await;
        let file = opened.map_err(|error| of_store(&error))?;
        let customer =
            customer.map_or_else(String::new, |customer| customer.details.name.as_str().to_owned());
        let download = download_name(&bill, &customer, is_correction, name);
        Ok(BillFile { file, media_type: media_type(name), name: download })
    }

    /// The files below the root of bills that must be there for what the partners' statements and corrections say: each
    /// bill's manifest and its ledger. Manifests of drafts have the keys of drafts.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn known_bill_files(&self) -> Result<Vec<String>, Error> {
        let mut names = BTreeSet::new();
        for partner in self.partners().await? {
            let (shown, others): (Vec<Bill>, Vec<Bill>) = self
                .db
                .unchecked()
                .read(partner.id, partner.id, |partner, tx| Box::pin(known_bills(tx, *partner)))
                .await?;
            for bill in shown.iter().chain(&others) {
                names.insert(format!("{}/{}", bill_storage::PRIVATE, bill.ledger));
            }
            let mut manifests = BTreeMap::new();
            for (bill, is_shown) in
                others.iter().map(|bill| (bill, false)).chain(shown.iter().map(|bill| (bill, true)))
            {
                let (prefix, version) = (prefix(partner.id, bill)?, bill.version as u32);
                let key = if is_shown { prefix.of_version(version) } else { prefix.of_draft(version) };
                manifests.insert(prefix.of_version(version), key + bill_storage::MANIFEST);
            }
            names.extend(manifests.into_values());
        }
        Ok(names.into_iter().collect())
    }
}

/// The bills of a partner's statements and corrections: those whose versions are in their customers' folders, and others.
async fn known_bills(tx: &mut Tx, partner: PartnerId) -> Result<(Vec<Bill>, Vec<Bill>), Error> {
    let (mut shown, mut others) = (Vec::new(), Vec::new());
    for edition in [Edition::Current, Edition::Published] {
        let filter = Filter { edition, ..Filter::default() };
        for Statement { bill, status, .. } in statements::list(tx, partner, &filter, 0, i64::MAX).await?.0 {
            // What is withdrawn may have been a draft until then.
            match edition == Edition::Published && status != Status::Withdrawn {
                true => shown.push(bill),
                false => others.push(bill),
            }
        }
    }
    let published = corrections::carried(tx, partner, Edition::Published, None).await?;
    shown.extend(published.into_iter().map(|correction| correction.bill));
    others.extend(corrections::list(tx, partner, None).await?.into_iter().map(|correction| correction.bill));
    others.extend(former_corrections::list(tx, partner).await?);
    Ok((shown, others))
}

/// The edition that a caller sees: a customer's user what is published, the partner what the last runs made.
fn edition_for(call: &Call) -> Edition {
    if call.customer().is_some() { Edition::Published } else { Edition::Current }
}

/// The key of a bill.
pub(super) fn prefix(partner: PartnerId, bill: &Bill) -> Result<BillPrefix, Error> {
    let prefix = BillPrefix::new(partner.0, &bill.folder, &bill.billing_period, bill.customer.0);
    prefix.map_err(|error| Error::Internal(error.to_string()))
}

/// `acme-2026-10.csv` for `bill.csv`, `acme-2026-10-statement.html` for `statement.html`; a correction's has its version.
fn download_name(bill: &Bill, customer: &str, is_correction: bool, name: &str) -> String {
    let customer = match domain::text::slug(customer) {
        slug if slug.is_empty() => format!("customer-{}", bill.customer),
        slug => slug,
    };
    let correction = if is_correction { format!("-correction-v{}", bill.version) } else { String::new() };
    let rest = name.strip_prefix("bill.").map_or_else(|| format!("-{name}"), |rest| format!(".{rest}"));
    format!("{customer}-{}{correction}{rest}", bill.billing_period)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_tell_customers_and_months_apart() {
        let bill = Bill {
            customer: CustomerId(7),
            billing_period: "2026-10".into(),
            currency: "USD".into(),
            total: "1".into(),
            run: 1,
            folder: String::new(),
            version: 3,
            files: "[]".into(),
            ledger: String::new(),
        };
        for (customer, is_correction, name, expected) in [
            ("Acme", false, "bill.csv", "acme-2026-10.csv"),
            ("Acme", false, "bill.EUR.csv", "acme-2026-10.EUR.csv"),
            ("Acme", false, "bill.focus.csv", "acme-2026-10.focus.csv"),
            ("Acme", false, "statement.html", "acme-2026-10-statement.html"),
            ("Acme", false, "manifest.json", "acme-2026-10-manifest.json"),
            ("Acme", true, "bill.csv", "acme-2026-10-correction-v3.csv"),
            ("", false, "bill.csv", "customer-7-2026-10.csv"),
            ("\u{0}", false, "bill.csv", "customer-7-2026-10.csv"),
        ] {
            assert_eq!(download_name(&bill, customer, is_correction, name), expected);
        }
    }
}
