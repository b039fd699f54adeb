//! Each filter of the audit trail reads its own part of an index.

use super::*;
use crate::Db;
use test_support::raw::{Folder, postgres, postgres_is_here, sql};

/// Of partner 1, most of them of one user and one action.
const EVENTS: i64 = 20_000;

async fn filled(url: &str) -> Db {
    let db = Db::open(url).await.unwrap();
    let statements = format!(
        "INSERT INTO partners (id, name, name_key, suspended, created_at) VALUES (1, 'p', 'p', 1 = 0, 0);
         INSERT INTO audit_events (partner_id, shard, seq, id, at, user_id, action, object, origin, request_id, mac)
         SELECT 1, 0, n, n, n / 10, CASE n % 1000 WHEN 0 THEN 7 ELSE 8 END,
             CASE n % 1000 WHEN 1 THEN 'customer.delete' ELSE 'customer.create' END, 'customers/' || n / 2, '', '', ''
         FROM (WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {EVENTS}) SELECT n FROM n) n;
         ANALYZE audit_events"
    );
    sql(url, &statements).await;
    db
}

async fn plan(db: &Db, filter: Filter, explain: &'static str, columns: usize) -> String {
    let plan: Result<Vec<String>, Error> = db
        .list(PartnerId(1), filter, move |filter, tx| {
            Box::pin(async move {
                let query = listing(PartnerId(1), filter, 30);
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
    plan.unwrap().join("\n")
}

async fn filters_use_indexes(db: &Db, explain: &'static str, columns: usize) {
    let none = Filter::default;
    for (filter, index) in [
        (none(), "audit_events_at"),
        (Filter { object: Some("customers/5000".into()), ..none() }, "audit_events_object"),
        (Filter { object: Some("customers/0".into()), ..none() }, "audit_events_object"),
        (Filter { user: Some(7), ..none() }, "audit_events_user"),
        (Filter { user: Some(9), ..none() }, "audit_events_user"),
        (Filter { action: Some("customer.delete".into()), ..none() }, "audit_events_action"),
        (Filter { action: Some("nothing".into()), ..none() }, "audit_events_action"),
    ] {
        let plan = plan(db, filter.clone(), explain, columns).await;
        assert!(plan.contains(index), "{filter:?} does not use {index}:\n{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_use_indexes_on_sqlite() {
    let folder = Folder::new();
    let db = filled(&folder.sqlite("t.db")).await;
    filters_use_indexes(&db, "EXPLAIN QUERY PLAN", 4).await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_use_indexes_on_postgres() {
    if postgres_is_here() {
        let db = filled(&postgres().await).await;
        filters_use_indexes(&db, "EXPLAIN", 1).await;
        db.close().await;
    }
}
