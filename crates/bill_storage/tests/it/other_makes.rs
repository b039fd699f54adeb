//! The same against a store of another make, whose root is in `TENANTRY_TEST_BILLS` and whose settings are in the
//! environment: `scripts/object-stores` starts some.

use crate::common::{LARGE, Made, OTHER, SMALL, Staged, files, head, kind, october, publish};
use futures_util::TryStreamExt;
use tenantry_bill_storage::{Allowed, BillPrefix, Bills, Settings, spool};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a store of another make: scripts/object-stores"]
async fn a_store_of_another_make() {
    let root = std::env::var("TENANTRY_TEST_BILLS").expect("a root");
    let settings = Settings::from_env();
    let bills = &Bills::open(&root, &settings).unwrap();
    for folder in ["", "acme", "Ünï/☃ and 100%/a+b"] {
        bills.writable(1, folder).await.unwrap();
    }
    assert_eq!(bills.verify("").await.unwrap().bills, []);

    for (made, published) in
        [(SMALL, (1, true)), (SMALL, (1, false)), (LARGE, (2, true)), (LARGE, (2, false)), (OTHER, (3, true))]
    {
        assert_eq!(publish(bills, made).await, published);
    }
    for (name, bytes) in files(LARGE) {
        let file = bills.open_file(&october(), 2, &name).await.unwrap();
        assert!(file.stream.try_collect::<Vec<_>>().await.unwrap().concat() == bytes, "{name}");
    }
    let odd = BillPrefix::new(1, "Ünï/☃ and 100%/a+b", "2026-10", 1).unwrap();
    bills.publish(&odd, Staged::new(SMALL).path(), &head()).await.unwrap();

    // Whatever two publishers do at the same time, each bill is whole.
    for customer in 1..=20 {
        let bill = BillPrefix::new(1, "races", "2026-10", customer).unwrap();
        let other = Made { amount: 8, ..LARGE };
        let (a, b) = if customer % 4 == 0 { (LARGE, other) } else { (SMALL, OTHER) };
        let one = async |made| bills.publish(&bill, Staged::new(made).path(), &head()).await;
        let (a, b) = tokio::join!(one(a), one(b));
        for outcome in [a, b] {
            assert!(
                outcome.as_ref().is_ok_and(|p| p.written)
                    || outcome.as_ref().is_err_and(|e| kind(e) == "Contended")
            );
        }
    }
    let report = bills.verify("").await.unwrap();
    assert!(report.is_good() && report.bills.len() > 4, "{report:?}");

    let disk = tempfile::tempdir().unwrap();
    let staged = Staged::new(LARGE);
    for file in ["bill.csv", "statement.json", "bill.csv"] {
        let key = bills.put_private("1/ledgers/1.csv", &staged.file(file)).await.unwrap();
        bills.fetch_private(&key, &disk.path().join("ledger")).await.unwrap();
        assert!(std::fs::read(disk.path().join("ledger")).unwrap() == files(LARGE)[file], "{file}");
    }
    let allowed = Allowed { folder: None, max_bytes: 1 << 30, settings };
    for (source, brought) in [("p1/acme/2026-10/3947/v2/bill.csv", 1), ("p1/acme/2026-10/3947/v2", 5)] {
        let source = format!("{}/{source}", root.trim_end_matches('/'));
        let spooled = spool(&source, &allowed, disk.path(), &|_, _| true).await.unwrap();
        let file = if brought == 1 { spooled.path } else { spooled.path.join("bill.csv") };
        assert!(std::fs::read(file).unwrap() == files(LARGE)["bill.csv"], "{source}");
    }
    let none = format!("{}/none", root.trim_end_matches('/'));
    let error = spool(&none, &allowed, disk.path(), &|_, _| true).await.unwrap_err();
    assert_eq!(kind(&error), "NotFound", "{error}");
}
