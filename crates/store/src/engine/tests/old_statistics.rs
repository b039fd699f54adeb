//! What PostgreSQL reads for a partner that has got its rows since the last `ANALYZE`: it expects none, and every plan looks
//! as good to it as any other.

use crate::billing::billable;
use crate::customers::{self, BillingProblem, Filter, Order, Window};
use crate::engine::value::args;
use crate::{Db, Error, Tx, profits};
use domain::{AzureCustomerId, Classification, PartnerId};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use test_support::raw::{postgres, postgres_is_here, sql};

/// The number of partners, and of the customers that each has, at the last `ANALYZE`.
const SEEN: [(i64, i64); 4] = [(0, 0), (1, 20_000), (50, 400), (2000, 1)];
/// The partner that has got its customers since.
const NEW: PartnerId = PartnerId(9999);
const CUSTOMERS: i64 = 600;
/// Maximum number of rows that a job may read: linear in the partner's customers.
const MAX_READ: i64 = 10 * CUSTOMERS;
const NOW: i64 = 1_600_000_000;

/// The tables that get rows, each with its columns behind that of the partner `p`, and their values for its customer `n`.
const ROWS: [(&str, &str, &str); 6] = [
    (
        "customers",
        "id, generated_external_id, created_at, updated_at, version, name, name_key, classification, trial_expiration_date,
         margin_percentage, billing_enabled, billing_folder",
        "n, p || 'e' || n, 1600000000, 1600000000 + n, 1, 'Customer ' || n, 'customer ' || n,
         CASE n % 2 WHEN 0 THEN 'managed_with_access' ELSE 'managed_without_access' END,
         CASE n % 4 WHEN 0 THEN 1599999999 WHEN 1 THEN 1600000001 END, 0, n % 2 = 0, ''",
    ),
    (
        "azure_tenants",
        "id, azure_customer_id, azure_customer_key, name, name_key, domain, customer_id, address_asked_at, created_at, updated_at",
        "n, 'azure-' || n, 'azure-' || n, '', '', '', n, 0, 0, 0",
    ),
    (
        "customer_tags",
        "customer_id, position, key, value",
        "n, 0, 'tier', CASE n % 100 WHEN 0 THEN 'gold' ELSE 'iron' END",
    ),
    ("billing_faults", "customer_id, reason", "n, ''"),
    (
        "statements",
        "id, customer_id, billing_period, currency, total, status, run_id, folder, version, files, ledger, generated_at, stated_at",
        "n, n, '2026-10', 'USD', '1', 'Estimated', 1, '', 1, '[]', '', 0, 0",
    ),
    (
        "bill_sums",
        "billing_period, customer_id, currency, correction, sums",
        "'2026-10', n, 'USD', 0, '{}'",
    ),
];

/// A database with statistics from before [`NEW`] had customers.
async fn with_old_statistics((partners, customers): (i64, i64)) -> Db {
    let url = postgres().await;
    let db = Db::open(&url).await.unwrap();
    let mut statements = Vec::new();
    for (first, last, customers) in [(1, partners, customers), (NEW.0, NEW.0, CUSTOMERS)] {
        statements.push(format!(
            "INSERT INTO partners (id, name, name_key, suspended, created_at)
             SELECT p, 'p' || p, 'p' || p, false, 0 FROM generate_series({first}, {last}) p"
        ));
        for (table, columns, values) in ROWS {
            statements.push(format!(
                "INSERT INTO {table} (partner_id, {columns})
                 SELECT p, {values} FROM generate_series({first}, {last}) p, generate_series(1, {customers}) n"
            ));
            if first == 1 {
                statements
                    .push(format!("ALTER TABLE {table} SET (autovacuum_enabled = false); ANALYZE {table}"));
            }
        }
    }
    statements.push(format!(
        "INSERT INTO customer_blocks (partner_id, block, shard, customers) VALUES ({}, 0, 0, {CUSTOMERS})",
        NEW.0
    ));
    sql(&url, &statements.join(";")).await;
    db
}

/// Something to be read: its name, the job, and the number of rows that it finds.
type Case =
    (String, Box<dyn for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<usize, Error>> + Send + Sync>, usize);

fn case<F>(name: impl Into<String>, found: usize, job: F) -> Case
where
    F: for<'t> Fn(&'t mut Tx) -> BoxFuture<'t, Result<usize, Error>> + Send + Sync + 'static,
{
    (name.into(), Box::new(job), found)
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, filter, found) in filters() {
        for order in [Order::Oldest, Order::Newest, Order::Name, Order::Changed] {
            let filter = filter.clone();
            cases.push(case(format!("{name}, {order:?}"), found, move |tx| {
                let filter = filter.clone();
                Box::pin(async move {
                    let window = Window { after: None, skip: 0, limit: 100, order, may_estimate: false };
                    let listed = customers::list(tx, NEW, &filter, window).await?;
                    assert_eq!(listed.customers.len(), 100.min(listed.total as usize));
                    Ok(listed.total as usize)
                })
            }));
        }
    }
    cases
        .push(case("customers with bills", 600, |tx| Box::pin(async { Ok(billable(tx, NEW).await?.len()) })));
    cases.push(case("a month's profit", 600, |tx| {
        Box::pin(async { Ok(profits::of_period(tx, NEW, "2026-10").await?.0.len()) })
    }));
    cases
}

/// Rows that the session has read since its statistics were last sent.
async fn rows_counted(tx: &mut Tx) -> Result<i64, Error> {
    let sql = "SELECT CAST(SUM(seq_tup_read + idx_tup_fetch) AS BIGINT) FROM pg_stat_xact_user_tables";
    Ok(tx.first(sql, args![], |row| row.next()).await?.unwrap_or_default())
}

/// Rows that a job reads, and the number of those that it finds.
async fn rows_read(db: &Db, case: Case) -> (i64, usize) {
    let read: Result<_, Error> = db
        .read(NEW, case, |(_, job, _), tx| {
            Box::pin(async move {
                let before = rows_counted(tx).await?;
                let found = job(tx).await?;
                Ok((rows_counted(tx).await? - before, found))
            })
        })
        .await;
    read.unwrap()
}

/// Filters, and how many customers each lets through.
fn filters() -> Vec<(&'static str, Filter, usize)> {
    let tags =
        |tags: &[&str]| Filter { tags: tags.iter().map(ToString::to_string).collect(), ..Filter::default() };
    let named = |part: &str, rest: Filter| Filter { name_part: Some(part.into()), ..rest };
    let problem = |problem| Filter { billing_problem: Some(problem), ..Filter::default() };
    let none = Filter::default;
    let azure = AzureCustomerId::from_stored("azure-300".into());
    let trial = Some((customers::Trial::Expired, Timestamp::from_second(NOW).unwrap()));
    vec![
        ("nothing", none(), 600),
        ("a part of the name", named("omer 15", none()), 11),
        (
            "a classification",
            Filter { classification: Some(Classification::ManagedWithAccess), ..none() },
            300,
        ),
        ("a tag of all", tags(&["tier"]), 600),
        ("a tag of few", tags(&["tier:gold"]), 6),
        ("two tags", tags(&["tier", "tier:iron"]), 594),
        ("twenty tags", tags(&["tier"; 20]), 600),
        ("a tag of none", tags(&["tier:gold:"]), 0),
        ("a tag and a name", named("er 1", tags(&["tier"])), 111),
        ("a trial and a tag", Filter { trial, ..tags(&["tier"]) }, 150),
        ("an Azure tenant", Filter { azure_customer_id: Some(azure), ..none() }, 1),
        ("a fault", problem(BillingProblem::InLastRun), 300),
        ("any problem", problem(BillingProblem::Any), 300),
    ]
}

/// A join that PostgreSQL may plan as it likes.
fn control() -> Case {
    case("control", 100, |tx| {
        Box::pin(async {
            let sql = "SELECT id FROM customers WHERE partner_id = $1 AND id IN
                       (SELECT c.id FROM customers c WHERE c.partner_id = $1 ORDER BY c.name_key LIMIT 100)";
            Ok(tx.all(sql, args![NEW.0], |row| row.next::<i64>()).await?.len())
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_read_again_for_each_other() {
    if !postgres_is_here() {
        return;
    }
    let mut wrong = Vec::new();
    for seen in SEEN {
        let db = with_old_statistics(seen).await;
        for case in cases() {
            let (name, right) = (case.0.clone(), case.2);
            let (read, found) = rows_read(&db, case).await;
            if read > MAX_READ || found != right {
                wrong.push(format!("{seen:?}, {name}: {read} read, {found} found, not {right}"));
            }
        }
        if seen == SEEN[1] {
            let (read, found) = rows_read(&db, control()).await;
            assert!(read > MAX_READ, "this test would not see a nested loop: {read} rows read");
            assert_eq!(found, 100);
        }
        db.close().await;
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A join that is ruled out makes a plan look dearer than any: what PostgreSQL would compile, for longer than it runs.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_is_compiled() {
    if !postgres_is_here() {
        return;
    }
    let url = postgres().await;
    // The operator's own setting holds.
    for (options, jit) in [("", "off"), ("?options=-c%20jit%3Don", "on"), ("?options=-c%20jit%3Doff", "off")]
    {
        let db = Db::open(&format!("{url}{options}")).await.unwrap();
        let found: Result<Option<String>, Error> = db
            .read(NEW, (), |(), tx| {
                Box::pin(async { tx.first("SELECT current_setting('jit')", args![], |row| row.next()).await })
            })
            .await;
        assert_eq!(found.unwrap().as_deref(), Some(jit), "{options}");
        db.close().await;
    }
}
