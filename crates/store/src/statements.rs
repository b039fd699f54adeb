//! Statements: what a customer owes for a month; and corrections, what came in after a month was final.
//!
//! `statements` has what the last run made of each month: the partner's edition. `publications` has what customers see of it,
//! in the same columns: publishing copies it there.

use crate::engine::IdSequence;
use crate::engine::value::{Row, args};
use crate::query::Query;
use crate::{Error, Tx, former_corrections};
use domain::{CustomerId, PartnerId};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Whether a statement may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The month is open.
    Estimated,
    /// It is what is owed.
    Final,
    /// An estimate that customers have seen and that counts no more.
    Withdrawn,
    /// A final statement that another one reverses.
    Void,
    /// The statement that reverses a final one: it has the negated total.
    Reversal,
}

impl Status {
    /// All statuses.
    pub const ALL: [Status; 5] =
        [Status::Estimated, Status::Final, Status::Withdrawn, Status::Void, Status::Reversal];

    /// Name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Estimated => "Estimated",
            Status::Final => "Final",
            Status::Withdrawn => "Withdrawn",
            Status::Void => "Void",
            Status::Reversal => "Reversal",
        }
    }

    /// Status with this name, ignoring case.
    pub fn parse(name: &str) -> Option<Self> {
        Status::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(name))
    }
}

/// Published bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Customer.
    pub customer: CustomerId,
    /// The month.
    pub billing_period: String,
    /// ISO 4217.
    pub currency: String,
    /// Exact decimal digits.
    pub total: String,
    /// Run that published it.
    pub run: i64,
    /// Folder of the customer in the object store.
    pub folder: String,
    /// Version of the month's bill, from 1.
    pub version: i64,
    /// Names of its files, as JSON.
    pub files: String,
    /// Location of the partner's record of how each line item was priced.
    pub ledger: String,
}

/// Stored statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Statement id, ascending and never reused.
    pub id: i64,
    /// Its bill.
    pub bill: Bill,
    /// Whether the statement may still change.
    pub status: Status,
    /// Time when the run was requested.
    pub generated_at: Timestamp,
    /// Time when the bill was published or finalized.
    pub stated_at: Timestamp,
    /// Microsoft's invoice.
    pub invoice_id: Option<String>,
    /// The statement that this one reverses.
    pub reverses: Option<i64>,
    /// Why the statement is withdrawn or void.
    pub notice: Option<String>,
    /// The partner's number of it; estimates have none, nor what earlier versions made final.
    pub issue: Option<Issue>,
    /// The version, the status and the folder that the customer sees, if any.
    pub published: Option<(i64, Status, String)>,
    /// Where it came from, if another platform has made it.
    pub imported: Option<Imported>,
}

/// Origin of a statement that another platform has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Cloud that it is about, such as `AWS`.
    pub cloud: String,
    /// URL that it came from.
    pub source: String,
    /// Id there, if it has one.
    pub source_id: Option<String>,
    /// Day of the cloud's invoice, such as `2025-12-03`.
    pub invoice_date: String,
}

/// The partner's number of a statement, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The number as it is written.
    pub number: String,
    /// Since when the statement is final, or reverses another.
    pub issued_at: Timestamp,
    /// The day by which it is to be paid, `YYYY-MM-DD`.
    pub due_date: Option<String>,
}

/// Edition of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    /// What the last run made of it; the partner's.
    #[default]
    Current,
    /// What customers see.
    Published,
}

impl Edition {
    fn table(self) -> &'static str {
        match self {
            Edition::Current => "statements",
            Edition::Published => "publications",
        }
    }

    /// The columns behind those of a statement: what the customer sees of it.
    fn published(self) -> &'static str {
        match self {
            Edition::Current => {
                "(SELECT p.version FROM publications p WHERE p.partner_id = statements.partner_id AND p.id = statements.id),
                 (SELECT p.status FROM publications p WHERE p.partner_id = statements.partner_id AND p.id = statements.id),
                 (SELECT p.folder FROM publications p WHERE p.partner_id = statements.partner_id AND p.id = statements.id)"
            }
            Edition::Published => "version, status, folder",
        }
    }

    /// The column that names the month whose statement has a correction.
    pub(crate) fn carrier(self) -> &'static str {
        match self {
            Edition::Current => "carried_by",
            Edition::Published => "published_by",
        }
    }
}

/// Filter of a list of statements.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Their customer.
    pub customer: Option<CustomerId>,
    /// Customer of the user who sends the request; restricts the list in addition.
    pub of_user: Option<CustomerId>,
    /// Their status.
    pub status: Option<Status>,
    /// Their month.
    pub billing_period: Option<String>,
    /// The run that made them.
    pub run: Option<i64>,
    /// Which edition is read.
    pub edition: Edition,
    /// Whether the newest come first, by month and then by id.
    pub newest_first: bool,
}

const BILL: &str = "customer_id, billing_period, currency, total, run_id, folder, version, files, ledger";
const OTHERS: &str = "id, status, generated_at, stated_at, invoice_id, reverses, notice, statement_number, issued_at, due_date";
/// Where a statement came from, of one that was made here.
const MADE_HERE: &str = "NULL, NULL, NULL, NULL";

/// Inserts a bill, or replaces the estimated or withdrawn one of its customer, month and currency. `false` if the month is
/// final.
pub async fn put(
    tx: &mut Tx,
    partner: PartnerId,
    bill: &Bill,
    invoice_id: Option<&str>,
    generated_at: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    let id = tx.next_id(partner, IdSequence::Statement).await?;
    let sql = format!(
        "INSERT INTO statements (partner_id, {BILL}, {OTHERS})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'Estimated', $12, $13, $14, NULL, NULL, NULL, NULL, NULL)
         ON CONFLICT (partner_id, customer_id, billing_period, currency) WHERE status NOT IN ('Void', 'Reversal') DO UPDATE
         SET status = excluded.status, notice = NULL, total = excluded.total, run_id = excluded.run_id, folder = excluded.folder, version = excluded.version,
             files = excluded.files, ledger = excluded.ledger, generated_at = excluded.generated_at,
             stated_at = excluded.stated_at, invoice_id = excluded.invoice_id
         WHERE statements.status IN ('Estimated', 'Withdrawn')"
    );
    let row = args![
        partner.0,
        bill.customer.0,
        &bill.billing_period,
        &bill.currency,
        &bill.total,
        bill.run,
        &bill.folder,
        bill.version,
        &bill.files,
        &bill.ledger,
        id,
        generated_at.as_second(),
        now.as_second(),
        invoice_id,
    ];
    Ok(tx.execute(&sql, row).await? == 1)
}

/// The months that have final statements, in their order.
pub async fn final_periods(tx: &mut Tx, partner: PartnerId) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT billing_period FROM statements WHERE partner_id = $1 AND status = 'Final'
               ORDER BY billing_period";
    tx.all(sql, args![partner.0], |row| row.next()).await
}

/// The id of the estimate of a customer's bill, if there is one.
pub async fn estimate_of(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    period: &str,
    currency: &str,
) -> Result<Option<i64>, Error> {
    let sql = "SELECT id FROM statements
               WHERE partner_id = $1 AND customer_id = $2 AND billing_period = $3 AND currency = $4 AND status = 'Estimated'";
    tx.first(sql, args![partner.0, customer.0, period, currency], |row| row.next()).await
}

/// Withdraws an estimate whose lines are on it no more. One that its customer has seen stays as it was seen, with the reason;
/// others are deleted.
pub async fn withdraw(
    tx: &mut Tx,
    partner: PartnerId,
    id: i64,
    reason: &str,
    now: Timestamp,
) -> Result<(), Error> {
    former_corrections::keep(tx, partner, id).await?;
    let sql = "UPDATE statements SET status = 'Withdrawn', notice = $3, stated_at = $4,
                   (total, run_id, folder, version, files, ledger) =
                   (SELECT p.total, p.run_id, p.folder, p.version, p.files, p.ledger
                    FROM publications p WHERE p.partner_id = $1 AND p.id = $2)
               WHERE partner_id = $1 AND id = $2 AND status = 'Estimated'
               AND EXISTS (SELECT 1 FROM publications p WHERE p.partner_id = $1 AND p.id = $2)";
    if tx.execute(sql, args![partner.0, id, reason, now.as_second()]).await? == 0 {
        let sql = "DELETE FROM statements WHERE partner_id = $1 AND id = $2 AND status = 'Estimated'";
        tx.execute(sql, args![partner.0, id]).await?;
    }
    Ok(())
}

/// Publishes the statements of a month: customers see them as they are now, of estimates those that the run `estimates` made. Other
/// estimates stay as customers have seen them, or have not. A statement that is published in the same version, status and folder
/// stays as it was. Returns the number of statements that changed for their customers.
pub async fn publish(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
    estimates: Option<i64>,
    now: Timestamp,
) -> Result<u64, Error> {
    let set = BILL.split(", ").chain(OTHERS.split(", ")).chain(["published_at"]);
    let set: Vec<String> = set.map(|column| format!("{column} = excluded.{column}")).collect();
    let set = set.join(", ");
    let sql = format!(
        "INSERT INTO publications (partner_id, {BILL}, {OTHERS}, published_at)
         SELECT partner_id, {BILL}, {OTHERS}, CAST($3 AS BIGINT) FROM statements
             WHERE partner_id = $1 AND billing_period = $2 AND (status <> 'Estimated' OR run_id = CAST($4 AS BIGINT))
         ON CONFLICT (partner_id, id) DO UPDATE SET {set}
         WHERE publications.version <> excluded.version OR publications.status <> excluded.status
             OR publications.folder <> excluded.folder"
    );
    let changed = tx.execute(&sql, args![partner.0, period, now.as_second(), estimates]).await?;
    let sql = "UPDATE corrections SET published_by = carried_by
               WHERE partner_id = $1 AND (carried_by = $2 OR published_by = $2)
               AND (carried_by IS NULL OR (carried_by = $2 AND EXISTS (SELECT 1 FROM statements s
                   WHERE s.partner_id = corrections.partner_id AND s.customer_id = corrections.customer_id
                       AND s.billing_period = $2 AND s.currency = corrections.currency AND s.run_id = CAST($3 AS BIGINT))))";
    tx.execute(sql, args![partner.0, period, estimates]).await?;
    Ok(changed)
}

/// Reverses a final statement: it becomes void, and a statement with the negated total is inserted, whose bill this is. The
/// corrections and acknowledgements of its month and customer go with it; the corrections that are on it are kept as its former
/// ones. Returns the id of the reversal; `None` if the statement is not final.
pub async fn reverse(
    tx: &mut Tx,
    partner: PartnerId,
    statement: &Statement,
    reversal: &Bill,
    reason: &str,
    issue: &Issue,
) -> Result<Option<i64>, Error> {
    let id = tx.next_id(partner, IdSequence::Statement).await?;
    let sql = "UPDATE statements SET status = 'Void', notice = $3
               WHERE partner_id = $1 AND id = $2 AND status = 'Final'";
    let notice = format!("reversed by statement {id}: {reason}");
    if tx.execute(sql, args![partner.0, statement.id, &notice]).await? == 0 {
        return Ok(None);
    }
    former_corrections::keep(tx, partner, statement.id).await?;
    let sql = format!(
        "INSERT INTO statements (partner_id, {BILL}, {OTHERS})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'Reversal', $12, $12, $13, $14, $15, $16, $12, $17)"
    );
    let row = args![
        partner.0,
        reversal.customer.0,
        &reversal.billing_period,
        &reversal.currency,
        &reversal.total,
        reversal.run,
        &reversal.folder,
        reversal.version,
        &reversal.files,
        &reversal.ledger,
        id,
        issue.issued_at.as_second(),
        statement.invoice_id.as_deref(),
        statement.id,
        reason,
        &issue.number,
        issue.due_date.as_deref(),
    ];
    tx.execute(&sql, row).await?;
    for sql in [
        "DELETE FROM corrections WHERE partner_id = $1 AND billing_period = $2 AND customer_id = $3",
        "DELETE FROM acknowledged_lines WHERE partner_id = $1 AND billing_period = $2 AND customer_id = $3",
    ] {
        tx.execute(sql, args![partner.0, &reversal.billing_period, reversal.customer.0]).await?;
    }
    Ok(Some(id))
}

/// Finalizes one statement with this version and these files of its bill. `false` if it is no estimate (any more).
pub async fn freeze(
    tx: &mut Tx,
    partner: PartnerId,
    id: i64,
    version: i64,
    files: &str,
    issue: &Issue,
) -> Result<bool, Error> {
    let sql = "UPDATE statements SET status = 'Final', version = $3, files = $4, stated_at = $5,
                   statement_number = $6, issued_at = $5, due_date = $7
               WHERE partner_id = $1 AND id = $2 AND status = 'Estimated'";
    let due = issue.due_date.as_deref();
    let row = args![partner.0, id, version, files, issue.issued_at.as_second(), &issue.number, due];
    Ok(tx.execute(sql, row).await? == 1)
}

/// What speaks against deleting a customer: its last month with a statement that counts, and the number of its corrections
/// that are on no statement yet.
pub async fn standing(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
) -> Result<(Option<String>, i64), Error> {
    let sql = "SELECT (SELECT MAX(s.billing_period) FROM statements s WHERE s.partner_id = $1 AND s.customer_id = $2
                           AND s.status IN ('Estimated', 'Final')),
                      (SELECT COUNT(*) FROM corrections c WHERE c.partner_id = $1 AND c.customer_id = $2
                           AND c.carried_by IS NULL)";
    let found = tx.first(sql, args![partner.0, customer.0], |row| Ok((row.next()?, row.next()?))).await?;
    Ok(found.unwrap_or_default())
}

/// One statement.
pub async fn get(
    tx: &mut Tx,
    partner: PartnerId,
    edition: Edition,
    id: i64,
) -> Result<Option<Statement>, Error> {
    let (table, published) = (edition.table(), edition.published());
    let sql = format!(
        "SELECT {BILL}, {OTHERS}, {published}, {MADE_HERE} FROM {table} WHERE partner_id = $1 AND id = $2"
    );
    tx.first(&sql, args![partner.0, id], read).await
}

/// The beginning of a query of statements, up to `partner_id = $1`.
pub(crate) fn select(edition: Edition) -> String {
    let (table, published) = (edition.table(), edition.published());
    format!("SELECT {BILL}, {OTHERS}, {published}, {MADE_HERE} FROM {table} WHERE partner_id = $1")
}

/// The number of statements.
pub(crate) async fn count(tx: &mut Tx, partner: PartnerId, filter: &Filter) -> Result<i64, Error> {
    let table = filter.edition.table();
    let mut count = Query::new(format!("SELECT COUNT(*) FROM {table} WHERE partner_id = $1"), partner);
    narrow(&mut count, filter);
    Ok(tx.first(&count.sql, &count.args(), |row| row.next()).await?.unwrap_or(0))
}

/// The order of a list.
pub(crate) fn order(filter: &Filter) -> &'static str {
    if filter.newest_first { " ORDER BY billing_period DESC, id DESC" } else { " ORDER BY id" }
}

/// Statements ordered by id, or the newest first, and the total number.
pub async fn list(
    tx: &mut Tx,
    partner: PartnerId,
    filter: &Filter,
    skip: i64,
    limit: i64,
) -> Result<(Vec<Statement>, i64), Error> {
    let total = count(tx, partner, filter).await?;
    let mut query = Query::new(select(filter.edition), partner);
    narrow(&mut query, filter);
    query.sql.push_str(order(filter));
    query.push(" LIMIT ", limit);
    query.push(" OFFSET ", skip);
    Ok((tx.all(&query.sql, &query.args(), read).await?, total))
}

pub(crate) fn narrow(query: &mut Query, filter: &Filter) {
    for customer in [filter.customer, filter.of_user].into_iter().flatten() {
        query.and("customer_id = ", customer.0);
    }
    if let Some(status) = filter.status {
        query.and("status = ", status.as_str());
    }
    if let Some(period) = &filter.billing_period {
        query.and("billing_period = ", period.as_str());
    }
    if let Some(run) = filter.run {
        query.and("run_id = ", run);
    }
}

/// Customer, its name, currency, total and run of each bill of a month that stands, final or not; ordered by customer.
pub async fn charges(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
) -> Result<Vec<(CustomerId, String, String, String, i64)>, Error> {
    tx.rule_out_nested_loops().await?;
    let sql =
        "SELECT s.customer_id, COALESCE(c.name, d.name, ''), s.currency, s.total, s.run_id FROM statements s
               LEFT JOIN customers c ON c.partner_id = s.partner_id AND c.id = s.customer_id
               LEFT JOIN deleted_customers d ON d.partner_id = s.partner_id AND d.id = s.customer_id
               WHERE s.partner_id = $1 AND s.billing_period = $2 AND s.status IN ('Estimated', 'Final')
               ORDER BY s.customer_id, s.currency";
    tx.all(sql, args![partner.0, period], |row| {
        Ok((CustomerId(row.next()?), row.next()?, row.next()?, row.next()?, row.next()?))
    })
    .await
}

/// The last final version of a month's bill, corrections included, by customer.
pub async fn final_versions(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
) -> Result<BTreeMap<CustomerId, i64>, Error> {
    let sql = "SELECT customer_id, MAX(version) FROM (
            SELECT customer_id, version FROM statements
            WHERE partner_id = $1 AND billing_period = $2 AND status = 'Final'
            UNION ALL
            SELECT customer_id, version FROM corrections WHERE partner_id = $1 AND billing_period = $2
        ) finals GROUP BY customer_id";
    let rows =
        tx.all(sql, args![partner.0, period], |row| Ok((CustomerId(row.next()?), row.next()?))).await?;
    Ok(rows.into_iter().collect())
}

/// The months after a period that are final for customers, in their order.
pub async fn final_months(
    tx: &mut Tx,
    partner: PartnerId,
    after: &str,
) -> Result<Vec<(CustomerId, String)>, Error> {
    let sql = "SELECT DISTINCT customer_id, billing_period FROM statements
               WHERE partner_id = $1 AND billing_period > $2 AND status = 'Final' ORDER BY billing_period, customer_id";
    tx.all(sql, args![partner.0, after], |row| Ok((CustomerId(row.next()?), row.next()?))).await
}

/// The final lines of a month that are known to be missing, as they were noted.
pub async fn acknowledged(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<Vec<String>, Error> {
    let sql = "SELECT lines FROM acknowledged_lines WHERE partner_id = $1 AND billing_period = $2";
    tx.all(sql, args![partner.0, period], |row| row.next()).await
}

/// Note final lines of a month that are known to be missing, since a customer's bills without them were released.
pub async fn acknowledge(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
    customer: CustomerId,
    lines: &str,
) -> Result<(), Error> {
    let sql = "INSERT INTO acknowledged_lines (partner_id, billing_period, customer_id, lines)
               VALUES ($1, $2, $3, $4)
               ON CONFLICT (partner_id, billing_period, customer_id)
               DO UPDATE SET lines = acknowledged_lines.lines || excluded.lines";
    tx.execute(sql, args![partner.0, period, customer.0, lines]).await.map(drop)
}

pub(crate) fn read_bill(row: &mut Row<'_>) -> Result<Bill, Error> {
    Ok(Bill {
        customer: CustomerId(row.next()?),
        billing_period: row.next()?,
        currency: row.next()?,
        total: row.next()?,
        run: row.next()?,
        folder: row.next()?,
        version: row.next()?,
        files: row.next()?,
        ledger: row.next()?,
    })
}

pub(crate) fn read(row: &mut Row<'_>) -> Result<Statement, Error> {
    Ok(Statement {
        bill: read_bill(row)?,
        id: row.next()?,
        status: status_of(&row.next::<String>()?)?,
        generated_at: row.time()?,
        stated_at: row.time()?,
        invoice_id: row.next()?,
        reverses: row.next()?,
        notice: row.next()?,
        issue: {
            let (number, issued_at, due_date) =
                (row.next()?, row.next::<Option<i64>>()?, row.next::<Option<String>>()?);
            match (number, issued_at.and_then(|at| Timestamp::from_second(at).ok())) {
                (Some(number), Some(issued_at)) => Some(Issue { number, issued_at, due_date }),
                _ => None,
            }
        },
        published: {
            let (version, status, folder) = (row.next()?, row.next::<Option<String>>()?, row.next()?);
            match (version, status, folder) {
                (Some(version), Some(status), Some(folder)) => Some((version, status_of(&status)?, folder)),
                _ => None,
            }
        },
        imported: {
            let (cloud, source) = (row.next()?, row.next()?);
            let (source_id, invoice_date) = (row.next()?, row.next::<Option<String>>()?);
            match (cloud, source, invoice_date) {
                (Some(cloud), Some(source), Some(invoice_date)) => {
                    Some(Imported { cloud, source, source_id, invoice_date })
                }
                _ => None,
            }
        },
    })
}

pub(crate) fn status_of(name: &str) -> Result<Status, Error> {
    Status::parse(name).ok_or_else(|| Error::defect("a statement's status in the database is not one"))
}
