//! Lists on both engines: that they are right, and that no filter walks through other partners' customers.

use super::list::{counting, joins, paging, tagged};
use super::*;
use crate::engine::{Options, Purpose};
use crate::{Db, Scope};
use test_support::raw::{Folder, postgres, postgres_is_here, sql};

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
    let shared = "INSERT INTO customer_blocks (partner_id, block, shard, customers)
                      SELECT partner_id, block, 7, -20 FROM customer_blocks;
                  UPDATE customer_blocks SET customers = customers + 20 WHERE shard = 0";
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
        ("q of one character", Filter { name_part: Some("9".into()), ..none() }, |n| {
            n.to_string().contains('9')
        }),
        ("q of two", Filter { name_part: Some("00".into()), ..none() }, |n| n.to_string().contains("00")),
        ("q of three", Filter { name_part: Some("r 7".into()), ..none() }, |n| {
            n.to_string().starts_with('7')
        }),
        ("q of four", Filter { name_part: Some("5123".into()), ..none() }, |n| {
            n.to_string().contains("5123")
        }),
        ("q in all names", Filter { name_part: Some("customer ".into()), ..none() }, |_| true),
        ("q that no name has", Filter { name_part: Some("tomer custom".into()), ..none() }, |_| false),
        ("q and a tag", Filter { name_part: Some("er 1".into()), tags: tag("tier:gold"), ..none() }, |n| {
            n % 100 == 0 && n.to_string().starts_with('1')
        }),
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
        ("billing_problem", Filter { billing_problem: Some(BillingProblem::Any), ..none() }, |n| {
            n % 50 == 0 && n % 3 != 0
        }),
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
    let Listed { customers, total, is_estimate } = page.unwrap();
    assert!(!is_estimate || window.may_estimate);
    (customers.iter().map(|customer| customer.id.0).collect(), total)
}

fn window(after: Option<i64>, skip: i64, limit: i64, order: Order) -> Window {
    Window { after: after.map(CustomerId), skip, limit, order, may_estimate: false }
}

/// Pages here and there, also behind the end, and the pages behind a cursor, are what a look at all customers says.
async fn lists_are_right(db: &Db) {
    for partner in [1, 2, PARTNERS] {
        for (name, filter, lets_through) in filters() {
            let all: Ids = (1..=ALL).filter(|&n| partner_of(n) == partner && lets_through(n)).collect();
            let length = all.len() as i64;
            for skip in [0, 1, 29, length / 2, (length - 1).max(0), length, length + 7000] {
                let found = page(db, partner, &filter, window(None, skip, 30, Order::Oldest)).await;
                let right: Ids = all.iter().skip(skip as usize).take(30).copied().collect();
                assert_eq!(found, (right, length), "{name}, partner {partner}, behind {skip}");
            }
            for after in [0, 8191, 8192, ALL / 2, ALL] {
                let right: Ids = all.iter().filter(|&&id| id > after).take(30).copied().collect();
                let found = page(db, partner, &filter, window(Some(after), 0, 30, Order::Oldest)).await;
                assert_eq!(found, (right, length), "{name}, partner {partner}, after {after}");
            }
            let newest: Ids = all.iter().rev().copied().collect();
            let mut by_name = all.clone();
            by_name.sort_by_key(ToString::to_string);
            for (order, all) in [(Order::Newest, &newest), (Order::Changed, &newest), (Order::Name, &by_name)]
            {
                for skip in [0, length / 2, length] {
                    let right: Ids = all.iter().skip(skip as usize).take(30).copied().collect();
                    let found = page(db, partner, &filter, window(None, skip, 30, order)).await;
                    assert_eq!(found, (right, length), "{name}, partner {partner}, {order:?}, behind {skip}");
                }
            }
        }
    }
}

/// What the engine plans to do, line by line.
async fn plan(db: &Db, is_join: bool, query: Query, explain: &'static str, columns: usize) -> Vec<String> {
    let plan: Result<_, Error> = db
        .read(Scope::System, query, move |query, tx| {
            Box::pin(async move {
                if is_join {
                    tx.rule_out_nested_loops().await?;
                }
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
        false,
        Query::new("SELECT name FROM customers WHERE id <> $1".into(), PartnerId(2)),
        explain,
        columns,
    )
    .await;
    assert!(is_wrong(&unlike), "this test would not see a scan: {unlike:#?}");
    for (name, filter, _) in filters() {
        for after in [None, Some(CustomerId(5000))] {
            let window = Window { after, ..window(None, 3, 30, Order::Oldest) };
            let ids: Vec<CustomerId> = (1..500).map(CustomerId).collect();
            for query in [
                counting(PartnerId(2), &filter, None),
                paging(PartnerId(2), &filter, None, window),
                paging(PartnerId(2), &filter, Some(&ids), window),
                tagged(PartnerId(2), &["tier:gold".to_owned()]),
                found_by_name::checking(PartnerId(2), &filter, &ids, false),
                name_index::look_up(PartnerId(2), &[0, 1, 2], &[7, 8, 9]),
                name_index::read_names(PartnerId(2), 0, BLOCK, "omer 15"),
            ] {
                let sql = query.sql.clone();
                let plan = plan(db, joins(&filter), query, explain, columns).await;
                assert!(!is_wrong(&plan), "{name}: {sql}\n{}", plan.join("\n"));
            }
        }
    }
}

/// Creates and deletes keep the length of the list right, also where they are undone.
async fn totals_follow_changes(db: &Db) {
    let partner = PartnerId(3);
    let whole = window(None, 0, 1, Order::Oldest);
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

/// The customers of partner 1 whose names contain `part`, and their number.
async fn found(db: &Db, part: &str) -> (Ids, i64) {
    let filter = Filter { name_part: Some(part.into()), ..Filter::default() };
    page(db, 1, &filter, window(None, 0, 5, Order::Oldest)).await
}

/// Indexes, and returns the number of blocks. Searches of partner 1 use the index then.
async fn index(db: &Db) -> u64 {
    let indexed = index_names(db).await.unwrap();
    let candidates: Result<_, Error> = db
        .read(PartnerId(1), (), |(), tx| {
            Box::pin(async move { Ok(name_index::candidates(tx, PartnerId(1), "c").await?.is_some()) })
        })
        .await;
    assert!(candidates.unwrap(), "the index is not used");
    indexed
}

/// Gives a customer of partner 1 another name.
async fn rename(db: &Db, id: i64, name: &str) {
    let renamed: Result<(), Error> = db
        .write(PartnerId(1), (id, name.to_owned()), |(id, name), tx| {
            Box::pin(async move {
                let before = get(tx, PartnerId(1), CustomerId(*id)).await?;
                let before = before.ok_or_else(|| Error::defect("none"))?;
                let name = DisplayName::from_stored(name.clone());
                let details = NewCustomer { name, ..before.details.clone() };
                update(tx, PartnerId(1), &before, details, false, 7, now()).await.map(drop)
            })
        })
        .await;
    renamed.unwrap();
}

/// The one block that is indexed: of partner 1, with more than a few customers, and not its last.
const INDEXED: i64 = 1;

/// What changes after a block was indexed is found at once, and found again once it is indexed.
async fn the_index_follows_changes(db: &Db, url: &str) {
    assert_eq!(index(db).await, 1, "of the last block and of those with few customers none is indexed");
    assert_eq!(index(db).await, 0, "what is indexed stays so");
    lists_are_right(db).await;
    let filter = Filter { name_part: Some("customer ".into()), ..Filter::default() };
    for order in [Order::Newest, Order::Name] {
        let many = Window { may_estimate: true, ..window(None, 0, 3, order) };
        let listed: Result<Listed, Error> = db
            .read(PartnerId(1), (filter.clone(), many), |(filter, many), tx| {
                Box::pin(list(tx, PartnerId(1), filter, *many))
            })
            .await;
        let listed = listed.unwrap();
        assert_eq!((listed.total, listed.is_estimate), (10_200, true), "{order:?}");
        assert_eq!(listed.customers.len(), 3, "{order:?}");
    }

    rename(db, 12_000, "Zebra Crossing").await;
    rename(db, 20_000, "Zebra in the last block").await;
    let renamed = || async {
        assert_eq!(found(db, "zebra").await, (vec![12_000, 20_000], 2));
        assert_eq!(found(db, "zeb").await, (vec![12_000, 20_000], 2));
        assert_eq!(found(db, "customer 1200").await, (vec![1200, 12_001, 12_002, 12_003, 12_004], 10));
        assert_eq!(found(db, "customer 20000").await, (vec![], 0));
    };
    renamed().await;
    assert_eq!(index(db).await, 1);
    renamed().await;

    let gone: Result<(), Error> = db
        .write(PartnerId(1), (), |(), tx| {
            Box::pin(async move {
                let customer = get(tx, PartnerId(1), CustomerId(12_000)).await?;
                let customer = customer.ok_or_else(|| Error::defect("none"))?;
                delete(tx, PartnerId(1), &customer, true, now()).await
            })
        })
        .await;
    gone.unwrap();
    let deleted = || async {
        assert_eq!(found(db, "zebra").await, (vec![20_000], 1));
        assert_eq!(found(db, "z").await, (vec![20_000], 1));
    };
    deleted().await;
    assert_eq!(index(db).await, 1);
    deleted().await;

    // A customer whose create began before the block was indexed, and was committed after it.
    let late = format!(
        "INSERT INTO customers (partner_id, id, generated_external_id, created_at, updated_at, version, name, name_key,
            classification, margin_percentage, billing_enabled, billing_folder)
         VALUES (1, 12000, 'late', {NOW}, {NOW}, 1, 'A late zebra', 'a late zebra', 'managed_with_access', 0, 1 = 0, '');
         UPDATE customer_blocks SET customers = customers + 1 WHERE partner_id = 1 AND block = {INDEXED} AND shard = 0"
    );
    sql(url, &late).await;
    assert_eq!(found(db, "zebra").await, (vec![12_000, 20_000], 2));
    assert_eq!(index(db).await, 1);
    assert_eq!(found(db, "zebra").await, (vec![12_000, 20_000], 2));
    assert_eq!(found(db, "ate zeb").await, (vec![12_000], 1));

    // A server that has read the block before another one indexed it overwrites nothing.
    rename(db, 12_000, "First").await;
    let read = || async {
        let read: Result<_, Error> = db
            .read(PartnerId(1), (), |(), tx| Box::pin(name_index::read_block(tx, PartnerId(1), INDEXED)))
            .await;
        name_index::Build::of(read.unwrap().unwrap())
    };
    let (slow, fast) = (read().await, read().await);
    rename(db, 12_000, "Second").await;
    let newer = read().await;
    for (build, is_written) in [(newer, true), (fast, false), (slow, false)] {
        let written: Result<bool, Error> = db
            .write(PartnerId(1), build, |build, tx| Box::pin(name_index::write(tx, PartnerId(1), build)))
            .await;
        assert_eq!(written.unwrap(), is_written);
    }
    assert_eq!(index(db).await, 0);
    assert_eq!((found(db, "first").await, found(db, "second").await), ((vec![], 0), (vec![12_000], 1)));
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
    the_index_follows_changes(&db, &url).await;
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
    the_index_follows_changes(&db, &url).await;
    sql(&url, "ANALYZE").await; // what PostgreSQL knows to be empty, it reads from end to end
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
