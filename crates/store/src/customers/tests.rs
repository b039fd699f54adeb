//! Lists on both engines: that they are right, and that no filter walks through other partners' customers.

use super::*;
use crate::engine::tests::support::{Folder, postgres, postgres_is_here, sql};
use crate::engine::{Options, Purpose};
use crate::{Db, Scope};

/// Partner 1 has most of the customers, each of the others one in fifty of the rest.
const PARTNERS: i64 = 50;
const SHARED: i64 = 10_000;
const ALL: i64 = 20_000;
const NOW: i64 = 1_600_000_000;

type Ids = Vec<i64>;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// The customer's partner.
fn partner_of(id: i64) -> i64 {
    if id <= SHARED { 1 + id % PARTNERS } else { 1 }
}

/// A database filled before the counts existed, so that the migration computes them; with a second shard of the counts.
async fn filled(url: &str) -> Db {
    let old = Db::open_for(url, Options::default(), Purpose::Fill(5)).await.unwrap();
    old.close().await;
    let numbers = |last: i64| {
        format!(
            "(WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {last}) SELECT n FROM n) AS n"
        )
    };
    let statements = [
        format!(
            "INSERT INTO partners (id, name, name_key, suspended, created_at)
             SELECT n, 'p' || n, 'p' || n, 1 = 0, 0 FROM {}",
            numbers(PARTNERS)
        ),
        format!(
            "INSERT INTO customers (partner_id, id, generated_external_id, created_at, updated_at, version, name, name_key,
                classification, trial_expiration_date, margin_percentage, billing_enabled, billing_folder)
             SELECT CASE WHEN n <= {SHARED} THEN 1 + n % {PARTNERS} ELSE 1 END, n, 'e' || n, {NOW}, {NOW} + n, 1,
                'Customer ' || n, 'customer ' || n,
                CASE n % 2 WHEN 0 THEN 'managed_with_access' ELSE 'managed_without_access' END,
                CASE n % 4 WHEN 0 THEN {NOW} - 1 WHEN 1 THEN {NOW} + 1 END, 0, n % 50 = 0, '' FROM {}",
            numbers(ALL)
        ),
        "INSERT INTO azure_tenants (partner_id, id, azure_customer_id, azure_customer_key, name, name_key, domain,
            customer_id, address_asked_at, created_at, updated_at)
         SELECT partner_id, id, 'azure-' || id, 'azure-' || id, '', '', '', id, 0, 0, 0 FROM customers WHERE id % 3 = 0"
            .into(),
        "INSERT INTO customer_tags (partner_id, customer_id, position, key, value)
         SELECT partner_id, id, 0, 'tier', CASE id % 100 WHEN 0 THEN 'gold' ELSE 'iron' END FROM customers"
            .into(),
    ];
    sql(url, &statements.join(";")).await;
    let db = Db::open(url).await.unwrap();
    let shared = "INSERT INTO customer_blocks (partner_id, block, lane, customers)
                      SELECT partner_id, block, 7, -20 FROM customer_blocks;
                  UPDATE customer_blocks SET customers = customers + 20 WHERE lane = 0";
    sql(url, shared).await;
    db
}

/// Each filter, and which of the customers above it lets through.
#[expect(clippy::type_complexity, reason = "a table of cases")]
fn filters() -> Vec<(&'static str, Filter, fn(i64) -> bool)> {
    let none = Filter::default;
    let tag = |tag: &str| vec![tag.to_owned()];
    let trial = |trial| Some((trial, now()));
    let later = Timestamp::from_second(NOW + 19_000).unwrap();
    let azure = AzureCustomerId::from_stored("azure-15300".into());
    vec![
        ("nothing", none(), |_| true),
        ("q", Filter { name_part: Some("omer 15".into()), ..none() }, |n| n.to_string().starts_with("15")),
        ("q, with wild cards", Filter { name_part: Some("%_".into()), ..none() }, |_| false),
        (
            "classification",
            Filter { classification: Some(Classification::ManagedWithAccess), ..none() },
            |n| n % 2 == 0,
        ),
        ("tag=KEY", Filter { tags: tag("tier"), ..none() }, |_| true),
        ("tag=KEY:VALUE", Filter { tags: tag("tier:gold"), ..none() }, |n| n % 100 == 0),
        ("tag with more colons", Filter { tags: tag("tier:gold:"), ..none() }, |_| false),
        ("twenty tags", Filter { tags: vec!["tier:gold".to_owned(); 20], ..none() }, |n| n % 100 == 0),
        ("two tags", Filter { tags: vec!["tier".into(), "tier:gold".into()], ..none() }, |n| n % 100 == 0),
        (
            "two tags that exclude each other",
            Filter { tags: vec!["tier:iron".into(), "tier:gold".into()], ..none() },
            |_| false,
        ),
        ("trial=active", Filter { trial: trial(Trial::Active), ..none() }, |n| n % 4 == 1),
        ("trial=expired", Filter { trial: trial(Trial::Expired), ..none() }, |n| n % 4 == 0),
        ("trial=none", Filter { trial: trial(Trial::None), ..none() }, |n| n % 4 > 1),
        ("azure_customer_id", Filter { azure_customer_id: Some(azure), ..none() }, |n| n == 15_300),
        ("partner_billing", Filter { partner_billing: Some(true), ..none() }, |n| n % 50 == 0),
        ("updated_since", Filter { updated_since: Some(later), ..none() }, |n| n >= 19_000),
        ("two at once", Filter { tags: tag("tier:gold"), trial: trial(Trial::Expired), ..none() }, |n| {
            n % 100 == 0
        }),
    ]
}

async fn page(db: &Db, partner: i64, filter: &Filter, window: Window) -> (Ids, i64) {
    let page: Result<_, Error> = db
        .read(PartnerId(partner), (filter.clone(), window), move |(filter, window), tx| {
            Box::pin(list(tx, PartnerId(partner), filter, *window))
        })
        .await;
    let (customers, total) = page.unwrap();
    (customers.iter().map(|customer| customer.id.0).collect(), total)
}

/// Pages here and there, also behind the end, and the pages behind a cursor, are what a look at all customers says.
async fn lists_are_right(db: &Db) {
    for partner in [1, 2, PARTNERS] {
        for (name, filter, lets_through) in filters() {
            let all: Ids = (1..=ALL).filter(|&n| partner_of(n) == partner && lets_through(n)).collect();
            let length = all.len() as i64;
            for skip in [0, 1, 29, length / 2, (length - 1).max(0), length, length + 7000] {
                let found =
                    page(db, partner, &filter, Window { after: None, skip, limit: 30, order: Order::Oldest })
                        .await;
                let right: Ids = all.iter().skip(skip as usize).take(30).copied().collect();
                assert_eq!(found, (right, length), "{name}, partner {partner}, behind {skip}");
            }
            for after in [0, 8191, 8192, ALL / 2, ALL] {
                let window =
                    Window { after: Some(CustomerId(after)), skip: 0, limit: 30, order: Order::Oldest };
                let right: Ids = all.iter().filter(|&&id| id > after).take(30).copied().collect();
                let found = page(db, partner, &filter, window).await;
                assert_eq!(found, (right, length), "{name}, partner {partner}, after {after}");
            }
        }
    }
}

/// What the engine plans to do, line by line.
async fn plan(db: &Db, query: Query, explain: &'static str, columns: usize) -> Vec<String> {
    let plan: Result<_, Error> = db
        .read(Scope::System, query, move |query, tx| {
            Box::pin(async move {
                tx.all(&format!("{explain} {}", query.sql), &query.args(), |row| {
                    for _ in 1..columns {
                        row.next::<i64>()?;
                    }
                    row.next::<String>()
                })
                .await
            })
        })
        .await;
    plan.unwrap()
}

/// A partner's list reads that partner's part of an index, or rows by their keys, and no table from end to end.
async fn filters_use_indexes(
    db: &Db,
    explain: &'static str,
    columns: usize,
    is_wrong: fn(&[String]) -> bool,
) {
    let unlike = plan(
        db,
        Query::new("SELECT name FROM customers WHERE id <> $1".into(), PartnerId(2)),
        explain,
        columns,
    )
    .await;
    assert!(is_wrong(&unlike), "this test would not see a scan: {unlike:#?}");
    for (name, filter, _) in filters() {
        for after in [None, Some(CustomerId(5000))] {
            let window = Window { after, skip: 3, limit: 30, order: Order::Oldest };
            for query in [counting(PartnerId(2), &filter), listing(PartnerId(2), &filter, window)] {
                let sql = query.sql.clone();
                let plan = plan(db, query, explain, columns).await;
                assert!(!is_wrong(&plan), "{name}: {sql}\n{}", plan.join("\n"));
            }
        }
    }
}

/// Creates and deletes keep the length of the list right, also where they are undone.
async fn totals_follow_changes(db: &Db) {
    let partner = PartnerId(3);
    let whole = Window { after: None, skip: 0, limit: 1, order: Order::Oldest };
    let before = page(db, 3, &Filter::default(), whole).await.1;
    let gone: Result<(), Error> = db
        .write(partner, (), move |(), tx| {
            Box::pin(async move {
                let customer =
                    get(tx, partner, CustomerId(52)).await?.ok_or_else(|| Error::defect("none"))?;
                delete(tx, partner, &customer, true, now()).await
            })
        })
        .await;
    gone.unwrap();
    let undone: Result<(), Error> = db
        .write(partner, (), move |(), tx| {
            Box::pin(async move {
                let customer =
                    get(tx, partner, CustomerId(102)).await?.ok_or_else(|| Error::defect("none"))?;
                delete(tx, partner, &customer, true, now()).await?;
                Err(Error::defect("never mind"))
            })
        })
        .await;
    assert!(undone.is_err());
    assert_eq!(page(db, 3, &Filter::default(), whole).await, (vec![2], before - 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_on_sqlite() {
    let folder = Folder::new();
    let url = folder.sqlite("t.db");
    let db = filled(&url).await;
    lists_are_right(&db).await;
    // As it is served, and as an operator may have it who has run ANALYZE.
    for _ in 0..2 {
        filters_use_indexes(&db, "EXPLAIN QUERY PLAN", 4, |plan| {
            plan.iter().any(|line| {
                let reads_a_table = line.starts_with("SCAN") || line.starts_with("SEARCH");
                reads_a_table
                    && !line.contains("(partner_id=?")
                    && !line.contains("SUBQUERY")
                    && !line.contains("rowid=?")
            })
        })
        .await;
        sql(&url, "ANALYZE").await;
    }
    totals_follow_changes(&db).await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_on_postgres() {
    if !postgres_is_here() {
        return;
    }
    let url = postgres().await;
    let db = filled(&url).await;
    sql(&url, "ANALYZE").await;
    lists_are_right(&db).await;
    filters_use_indexes(&db, "EXPLAIN", 1, |plan| {
        plan.iter().any(|line| line.contains("Seq Scan on customer") || line.contains("Seq Scan on azure"))
    })
    .await;
    totals_follow_changes(&db).await;
    db.close().await;
}

/// Names that a database of before keeps: what their keys were, and what they are after its migration.
async fn old_name_keys_are_recomputed(url: &str) {
    let old = Db::open_for(url, Options::default(), Purpose::Fill(9)).await.unwrap();
    old.close().await;
    let names = [
        (1, "Acme", "acme", "acme"),
        (2, "Ac\u{200b}me", "ac\u{200b}me", "ac\u{200b}me"), // the first has that key, so both stay
        (3, "Caf\u{ad}é", "caf\u{ad}é", "café"),
        (4, "Straße", "strasse", "strasse"),
    ];
    let insert = |(id, name, key, _): &(i64, &str, &str, &str)| {
        format!(
            "INSERT INTO customers (partner_id, id, generated_external_id, created_at, updated_at, version, name, name_key,
                classification, margin_percentage, billing_enabled, billing_folder)
             VALUES (1, {id}, 'e{id}', 0, 0, 1, '{name}', '{key}', 'managed_with_access', 0, 1 = 0, '')"
        )
    };
    let mut statements = vec![
        "INSERT INTO partners (id, name, name_key, suspended, created_at) VALUES (1, 'p', 'p', 1 = 0, 0)"
            .into(),
    ];
    statements.extend(names.iter().map(insert));
    sql(url, &statements.join(";")).await;
    let db = Db::open(url).await.unwrap();
    let kept: Result<Vec<(i64, String)>, Error> = db
        .read(PartnerId(1), (), |(), tx| {
            Box::pin(async move {
                tx.all("SELECT id, name_key FROM customers WHERE partner_id = 1 ORDER BY id", &[], |row| {
                    Ok((row.next()?, row.next()?))
                })
                .await
            })
        })
        .await;
    let expected: Vec<(i64, String)> = names.iter().map(|(id, _, _, key)| (*id, (*key).to_owned())).collect();
    assert_eq!(kept.unwrap(), expected);
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_name_keys_are_recomputed_on_sqlite() {
    let folder = Folder::new();
    old_name_keys_are_recomputed(&folder.sqlite("t.db")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_name_keys_are_recomputed_on_postgres() {
    if postgres_is_here() {
        old_name_keys_are_recomputed(&postgres().await).await;
    }
}
