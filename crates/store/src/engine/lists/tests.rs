//! The share of lists: by itself, and with lists on both engines that never end.

use super::*;
use crate::engine::value::args;
use crate::{Db, Tx};
use domain::PartnerId;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use test_support::raw::{Folder, postgres, postgres_is_here};

/// A query that takes longer than any test, and one that takes longer than the lists' time-out in these.
const ENDLESS: [&str; 2] = [
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT COUNT(*) FROM n",
    "SELECT 1::bigint FROM pg_sleep(60)",
];
const SLOW: [&str; 2] = [
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000000) SELECT COUNT(*) FROM n",
    "SELECT 1::bigint FROM pg_sleep(0.5)",
];
const QUICK: ListLimits = ListLimits { per_partner: Some(1), timeout: Duration::from_millis(100) };

fn scope(partner: i64) -> Scope {
    Scope::Partner(PartnerId(partner))
}

fn ask<'t>(query: &'t &'static str, tx: &'t mut Tx) -> BoxFuture<'t, Result<i64, Error>> {
    Box::pin(async move {
        let found = tx.first(query, args![], |row| row.next::<i64>()).await?;
        found.ok_or_else(|| Error::defect("no row"))
    })
}

#[tokio::test]
async fn concurrent_lists_of_a_partner_are_limited() {
    let lists = Arc::new(Lists::new(ListLimits { per_partner: Some(2), ..ListLimits::default() }, 1));
    let first = lists.enter(scope(1)).await.unwrap();
    let second = lists.enter(scope(1)).await.unwrap();
    // The third waits. Another partner's does not.
    assert!(lists.enter(scope(1)).now_or_never().is_none());
    drop(lists.enter(scope(2)).now_or_never().unwrap().unwrap());
    drop(first);
    let third = lists.enter(scope(1)).now_or_never().unwrap().unwrap();
    drop((second, third));
    assert!(lists.shares.lock().unwrap().is_empty(), "shares that are not used are not kept");
}

#[tokio::test]
async fn waiting_lists_of_a_partner_are_limited() {
    let lists = Arc::new(Lists::new(ListLimits::default(), 1));
    let members: Vec<_> = (0..MAX_WAITING).map(|_| lists.join(scope(1)).ok().unwrap()).collect();
    assert!(matches!(lists.join(scope(1)), Err(Error::ShareExceeded { .. })));
    assert!(lists.join(scope(2)).is_ok());
    drop(members);
    assert!(lists.join(scope(1)).is_ok());
}

/// An endless list is stopped, also when there are more of them than connections; look-ups do not wait for any of them;
/// and the connections are as good as before.
async fn endless_lists_end(db: Db, engine: usize) {
    let patient = db.clone().with_list_limits(ListLimits { timeout: Duration::from_secs(60), ..QUICK });
    let db = db.with_list_limits(QUICK);
    // Each partner has one list under way at a time, so these are of many partners.
    let endless = join_all((1..=24).map(|partner| db.list(scope(partner), ENDLESS[engine], ask)));
    let look_ups = async {
        for _ in 0..20 {
            assert_eq!(db.look_up(scope(1), "SELECT CAST(7 AS BIGINT)", ask).await.unwrap(), 7);
        }
    };
    let (endless, ()) = futures_util::join!(endless, look_ups);
    for outcome in endless {
        assert!(matches!(outcome, Err(Error::TimedOut(_) | Error::Busy(_))), "{outcome:?}");
    }
    let first = db.list(scope(1), ENDLESS[engine], ask).await;
    assert!(matches!(first, Err(Error::TimedOut(_))), "{first:?}");
    for partner in 1..=24 {
        assert_eq!(db.list(scope(partner), "SELECT CAST(7 AS BIGINT)", ask).await.unwrap(), 7);
    }
    // The controls: with more time the same list is read to its end, and so it is by the server's own work.
    assert!(matches!(db.list(scope(1), SLOW[engine], ask).await, Err(Error::TimedOut(_))));
    assert!(patient.list(scope(1), SLOW[engine], ask).await.unwrap() > 0);
    assert!(db.read(scope(1), SLOW[engine], ask).await.unwrap() > 0);
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_lists_end_on_sqlite() {
    let folder = Folder::new();
    endless_lists_end(Db::open(&folder.sqlite("t.db")).await.unwrap(), 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_lists_end_on_postgres() {
    if postgres_is_here() {
        endless_lists_end(Db::open(&postgres().await).await.unwrap(), 1).await;
    }
}

/// A statement that timed out says nothing about the other connections.
#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_closes_no_other_connection() {
    if !postgres_is_here() {
        return;
    }
    let db = Db::open(&postgres().await).await.unwrap().with_list_limits(QUICK);
    let backend = "SELECT pg_backend_pid()::bigint";
    let before = db.read(scope(1), backend, ask).await.unwrap();
    assert!(matches!(db.list(scope(1), ENDLESS[1], ask).await, Err(Error::TimedOut(_))));
    assert_eq!(db.read(scope(1), backend, ask).await.unwrap(), before);
    // The control: a connection that is lost closes the others.
    let lost = db.read(scope(1), "SELECT pg_terminate_backend(pg_backend_pid())::int::bigint", ask).await;
    assert_ne!(db.read(scope(1), backend, ask).await.unwrap(), before, "{lost:?}");
    db.close().await;
}
