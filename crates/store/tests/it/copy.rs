//! `copy`: everything arrives, whatever interrupts it, and nothing of anybody else's is touched.

use tenantry_store::transfer::{Advance, Tally, copy};
use tenantry_store::{Db, Error, Options};
use test_support::raw::{Folder, postgres, postgres_is_here, seed, sql, value};

const ROWS: u32 = 1_700; // more than a page of each kind, and not a multiple of one

async fn make(url: &str) {
    Db::open(url).await.unwrap().close().await;
}

async fn copied(from: &str, to: &str) -> Result<Tally, Error> {
    copy(from, to, Options::default(), &mut |_| {}).await
}

/// Copy until so many rows were dealt with, then be gone between two commits.
async fn interrupted(from: &str, to: &str, after: u64) {
    let (from, to) = (from.to_owned(), to.to_owned());
    let running = tokio::spawn(async move {
        let mut told = move |at: Advance<'_>| {
            if at.done >= after {
                std::panic::resume_unwind(Box::new("killed"));
            }
        };
        copy(&from, &to, Options::default(), &mut told).await
    });
    assert!(running.await.unwrap_err().is_panic());
}

/// A source with rows, and an empty target, for each pair of engines.
async fn pairs(folder: &Folder) -> Vec<(String, String)> {
    let mut pairs = vec![(folder.sqlite("a/from.db"), folder.sqlite("b/to.db"))];
    if postgres_is_here() {
        pairs.push((folder.sqlite("c/from.db"), postgres().await));
        pairs.push((postgres().await, folder.sqlite("d/to.db")));
        pairs.push((postgres().await, postgres().await));
    }
    for (from, _) in &pairs {
        make(from).await;
        seed(from, ROWS).await;
    }
    pairs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_all_rows_and_continues_the_ids() {
    let folder = Folder::new();
    let mut sums = Vec::new();
    for (from, to) in pairs(&folder).await {
        let tally = copied(&from, &to).await.unwrap();
        assert_eq!(tally.rows(), u64::from(2 + 4 * ROWS), "{from} -> {to}");
        let of = |partner: i64| tally.last_ids[&(partner, "customers".to_owned())];
        assert_eq!((of(1), of(2)), (i64::from(2 * ROWS + 7), i64::from(2 * ROWS + 8)));
        for (query, expected) in [
            ("SELECT name FROM partners WHERE id = 2", "Ünïcode 株式会社 🦀"),
            ("SELECT city FROM customers WHERE id = 3", "Zürich \\ \" ' 3"),
            ("SELECT COUNT(*) FROM customers WHERE street1 = '' AND street2 IS NULL", "3400"),
            ("SELECT COUNT(*) FROM customers WHERE billing_enabled", "1700"),
            ("SELECT margin_percentage FROM customers WHERE id = 1", "9223372036854775806"),
        ] {
            assert_eq!(value(&to, query).await, expected, "{from} -> {to}: {query}");
        }
        // The next customer gets the next id, in the copy as in the old one.
        let next = if to.starts_with("sqlite:") {
            "SELECT last_id + 1 FROM id_sequences WHERE partner_id = 2 AND kind = 'customers'"
        } else {
            "SELECT nextval('customers_id_2')"
        };
        assert_eq!(value(&to, next).await, (2 * ROWS + 9).to_string());
        make(&to).await; // it opens
        sums.push(tally);
    }
    // The engines agree on every checksum.
    assert!(sums.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_copy_resumes_and_is_not_served_before_its_end() {
    let folder = Folder::new();
    for (from, to) in pairs(&folder).await {
        interrupted(&from, &to, 3_000).await;
        let there: u32 = value(&to, "SELECT COUNT(*) FROM customers").await.parse().unwrap();
        assert!((1_000..=2 * ROWS).contains(&there), "{there}");

        let refused = Db::open(&to).await.err().unwrap().to_string();
        assert!(refused.contains("unfinished copy"), "{refused}");
        // Nor is it a source of anything.
        let refused = copied(&to, &folder.sqlite("other.db")).await.unwrap_err().to_string();
        assert!(refused.contains("unfinished copy"), "{refused}");

        assert_eq!(copied(&from, &to).await.unwrap().rows(), u64::from(2 + 4 * ROWS), "{from} -> {to}");
        make(&to).await;
        // Run after its end, a copy compares.
        assert_eq!(copied(&from, &to).await.unwrap().rows(), u64::from(2 + 4 * ROWS));
    }
}

/// Changes of source or target while a copy is interrupted are detected by the comparison, and corrected.
#[tokio::test(flavor = "multi_thread")]
async fn changes_during_an_interruption_are_detected_and_corrected() {
    const CHANGES: [(&str, bool, &str); 5] = [
        ("a row changed in the target", false, "UPDATE customers SET city = 'Elsewhere' WHERE id = 1"),
        ("a row gone from the target", false, "DELETE FROM customers WHERE id = 2"),
        ("a row changed in the source", true, "UPDATE customers SET version = 2 WHERE id = 1"),
        ("a row gone from the source", true, "DELETE FROM customers WHERE id = 1"),
        ("a row swapped for another in the source", true, "UPDATE customer_tags SET position = 2"),
    ];
    let folder = Folder::new();
    // One pair with each engine on each side.
    for (from, to) in pairs(&folder).await.into_iter().skip(1).take(2) {
        for (i, (what, in_source, change)) in CHANGES.into_iter().enumerate() {
            let to = if to.starts_with("sqlite:") {
                folder.sqlite(&format!("{}-{i}.db", to.len()))
            } else {
                postgres().await
            };
            interrupted(&from, &to, 3_000).await;
            sql(if in_source { &from } else { &to }, &foreign_keys_on(&from, &to, in_source, change)).await;
            copied(&from, &to).await.unwrap_or_else(|e| panic!("{what}: {e}"));
            for table in ["customers", "customer_tags"] {
                let count = format!("SELECT COUNT(*) FROM {table}");
                assert_eq!(value(&to, &count).await, value(&from, &count).await, "{what}");
            }
            let versions = "SELECT SUM(version) FROM customers";
            assert_eq!(value(&to, versions).await, value(&from, versions).await, "{what}");
            assert_eq!(value(&to, "SELECT COUNT(*) FROM customers WHERE city = 'Elsewhere'").await, "0");
            let file = folder.file(&format!("{}-{i}.db", to.len()));
            let _ = std::fs::remove_file(file);
        }
    }
}

fn foreign_keys_on(from: &str, to: &str, in_source: bool, change: &str) -> String {
    let url = if in_source { from } else { to };
    if url.starts_with("sqlite:") { format!("PRAGMA foreign_keys = ON; {change}") } else { change.to_owned() }
}

/// Control of the tests above: the comparison can fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_value_in_a_finished_copy_is_detected_and_named() {
    const CHANGES: [(&str, &str); 6] = [
        ("UPDATE customers SET city = city || ' ' WHERE id = 77", "table customers (3400 and 3400 rows)"),
        ("UPDATE customers SET street2 = '' WHERE id = 77", "table customers"),
        ("UPDATE customers SET billing_enabled = NOT billing_enabled WHERE id = 77", "table customers"),
        ("UPDATE customer_tags SET value = 'x' WHERE customer_id = 3400", "table customer_tags"),
        ("DELETE FROM customer_tags WHERE customer_id = 3400", "table customer_tags (3400 and 3399 rows)"),
        ("", "ids of customers of partner 2 (3408 and 3409)"),
    ];
    let folder = Folder::new();
    for (from, to) in pairs(&folder).await {
        copied(&from, &to).await.unwrap();
        for (change, named) in CHANGES {
            let ids = if to.starts_with("sqlite:") {
                "UPDATE id_sequences SET last_id = last_id + 1 WHERE partner_id = 2 AND kind = 'customers'"
            } else {
                "SELECT nextval('customers_id_2')"
            };
            sql(&to, if change.is_empty() { ids } else { change }).await;
            let refused = copied(&from, &to).await.unwrap_err().to_string();
            assert!(refused.contains(named) && refused.contains("left as it is"), "{change}: {refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_origin_is_not_changed() {
    let folder = Folder::new();
    let other = folder.sqlite("other.db");
    make(&other).await;
    seed(&other, 3).await;
    for (from, to) in pairs(&folder).await {
        // An unfinished copy of something else.
        interrupted(&from, &to, 3_000).await;
        let count = "SELECT COUNT(*) FROM customers";
        let before = value(&to, count).await;
        let refused = copied(&other, &to).await.unwrap_err().to_string();
        assert!(refused.contains("unfinished copy of") && refused.contains("left as it is"), "{refused}");
        assert_eq!(value(&to, count).await, before);
        // A finished one.
        copied(&from, &to).await.unwrap();
        let refused = copied(&other, &to).await.unwrap_err().to_string();
        assert!(refused.contains("not the source's") && refused.contains("left as it is"), "{refused}");
        assert_eq!(value(&to, count).await, "3400");
        // And itself.
        let refused = copied(&to, &to).await.unwrap_err().to_string();
        assert!(refused.contains("the same database"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_errors_name_the_reason() {
    let folder = Folder::new();
    let (good, empty) = (folder.sqlite("good.db"), folder.sqlite("empty.db"));
    make(&good).await;
    sql(&empty, "CREATE TABLE something (id INTEGER)").await;
    let newer = folder.sqlite("newer.db");
    make(&newer).await;
    sql(&newer, "INSERT INTO schema_migrations (version, name, sha256) VALUES (9999, 'later', '')").await;
    let changed = folder.sqlite("changed.db");
    make(&changed).await;
    sql(&changed, "UPDATE schema_migrations SET sha256 = 'x' WHERE version = 1").await;
    for (from, to, why) in [
        (folder.sqlite("none.db"), folder.sqlite("to.db"), "cannot open the database"),
        (empty, folder.sqlite("to.db"), "the source holds no data of Tenantry"),
        (newer, folder.sqlite("to.db"), "start the newer tenantry"),
        (changed, folder.sqlite("to.db"), "is not the one this program knows"),
        (good.clone(), "sqlite::memory:".into(), "in memory"),
        (good.clone(), "mysql://x".into(), "must start with sqlite: or postgres://"),
        (good, "sqlite:".into(), "names no file"),
    ] {
        let refused = copied(&from, &to).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{from} -> {to}: {refused}");
    }
    // A source that is not there is not made.
    assert!(!folder.file("none.db").exists() && !folder.file("to.db").exists());
}
