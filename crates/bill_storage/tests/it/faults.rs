//! An S3 that fails: in every way that is known of them, at any request.

use crate::common::{LARGE, Made, OTHER, SMALL, Staged, files, head, kind, october, wrong, wrong_in};
use crate::s3::{BUCKET, Dice, Fate, Seen, Server, object};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Request, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tenantry_bill_storage::{BillPrefix, Bills, Error, Published};

/// The bill of one of many customers; every twentieth goes up in parts.
fn made(customer: i64) -> Made {
    let made = if customer % 20 == 0 { LARGE } else { SMALL };
    Made { amount: customer, ..made }
}

fn bill(customer: i64) -> BillPrefix {
    BillPrefix::new(1, "acme", "2026-10", customer).unwrap()
}

/// One request in five fails, in one of nine ways.
fn random_faults(seed: u64, met: Arc<AtomicUsize>) -> impl FnMut(&Seen) -> Fate + Send {
    let mut dice = Dice(seed);
    move |seen| {
        if dice.roll(5) > 0 {
            return Fate::Done;
        }
        met.fetch_add(1, Ordering::SeqCst);
        let reads = seen.method == Method::GET || seen.method == Method::HEAD;
        match dice.roll(if reads { 4 } else { 9 }) {
            0 => Fate::Refused(500),
            1 => Fate::Unanswered,
            2 => Fate::HungUp,
            3 if reads && seen.method == Method::GET => Fate::Cut,
            3 => Fate::Refused(503),
            4 => Fate::Refused(409),
            5 => Fate::Refused(412),
            6 => Fate::Denied(409),
            7 => Fate::Denied(412),
            _ => Fate::Denied(500),
        }
    }
}

/// Publishes as a run does: what fails is done again, from the start.
async fn persist(bills: &Bills, customer: i64) -> Published {
    let staged = Staged::new(made(customer));
    for _ in 0..20 {
        match bills.publish(&bill(customer), staged.path(), &head()).await {
            Ok(published) => return published,
            Err(Error::Unavailable(_) | Error::Corrupt(_)) => {}
            Err(error) => panic!("{customer}: {error}"),
        }
    }
    panic!("{customer}: never")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_publications_give_two_hundred_right_bills() {
    let server = Server::start().await;
    let met = Arc::new(AtomicUsize::new(0));
    server.rule(random_faults(7, met.clone()));
    let bills = &server.bills();
    let publications =
        (1..=200).map(|customer| async move { (customer, persist(bills, customer).await.version) });
    let versions: Vec<_> = futures_util::stream::iter(publications).buffer_unordered(8).collect().await;
    server.rule(|_| Fate::Done);

    assert!(met.load(Ordering::SeqCst) > 500, "{met:?} faults are too few to mean something");
    for (customer, version) in versions {
        let place = server.bucket().join(format!("bills/p1/acme/2026-10/{customer}"));
        assert_eq!((version, wrong(&place, made(customer))), (1, vec![]), "customer {customer}");
    }
    let report = bills.verify("").await.unwrap();
    let faults: Vec<_> = report.bills.iter().filter(|bill| !bill.faults.is_empty()).collect();
    assert_eq!((report.bills.len(), faults, report.unfinished), (200, vec![], vec![]));
}

/// The control: a publisher that believes the responses of such a store has wrong bills, and the test above would see them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_believes_the_answers_is_found_out() {
    let server = Server::with(false, true).await;
    server.rule(random_faults(7, Arc::default()));
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let put = async |path: String, bytes: Vec<u8>| {
        for _ in 0..20 {
            let uri = format!("http://{}/{BUCKET}/{path}", server.address);
            let request =
                Request::put(uri).header(header::IF_NONE_MATCH, "*").body(Full::from(bytes.clone())).unwrap();
            let answer = tokio::time::timeout(Duration::from_millis(400), client.request(request)).await;
            // "It is there already."
            if let Ok(Ok(answer)) = answer
                && [200, 409, 412].contains(&answer.status().as_u16())
            {
                return;
            }
        }
    };
    let mut wrong_bills = 0;
    for customer in 1..=19 {
        let prefix = format!("bills/p1/acme/2026-10/{customer}");
        for (name, bytes) in files(made(customer)) {
            put(format!("{prefix}/v1/{name}"), bytes).await;
        }
        put(format!("{prefix}/v1/manifest.json"), b"{}".into()).await;
        wrong_bills += usize::from(!wrong(&server.bucket().join(prefix), made(customer)).is_empty());
    }
    assert!(wrong_bills > 3, "{wrong_bills} of 19");
}

/// Two publishers begin at once, and one request of the first is under way until the second has finished. Gives what
/// the first is told, and what is wrong with the bill that the second was told is there.
async fn a_late_request(
    conditions: bool,
    late: Made,
    prompt: Made,
    held: fn(&Seen) -> bool,
) -> (Result<Published, Error>, Vec<String>) {
    let server = Server::with(false, conditions).await;
    if !conditions {
        // Without the marker such a store is not written to at all.
        object(&server, "bills/_runs/layout.json", b"{\"layout\": 2}\n");
    }
    let bills = Bills::open(&format!("s3://{BUCKET}/bills"), &server.settings("60s")).unwrap();
    let mut first = true;
    server.rule(move |seen| if held(seen) && std::mem::take(&mut first) { Fate::Held } else { Fate::Done });
    let staged = Staged::new(late);
    let publication = {
        let (bills, path) = (bills.clone(), staged.path().to_owned());
        tokio::spawn(async move { bills.publish(&october(), &path, &head()).await })
    };
    server.holds.notified().await;
    let published = bills.publish(&october(), Staged::new(prompt).path(), &head()).await.unwrap();
    server.release.notify_one();
    let outcome = publication.await.unwrap();
    let mut wrong = wrong_in(&server.october().join(format!("v{}", published.version)), prompt);
    wrong.extend(bills.verify("").await.unwrap().bills.into_iter().flat_map(|bill| bill.faults));
    (outcome, wrong)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_publishers_one_wins() {
    let larger = Made { amount: 8, ..LARGE };
    // Whichever request is late: the claim, a file, a part, a completion, the manifest.
    let requests: [fn(&Seen) -> bool; 5] = [
        |seen| seen.method == Method::PUT && seen.uri.path().contains("/claims/"),
        |seen| seen.method == Method::PUT && seen.uri.path().ends_with("v1/statement.json"),
        |seen| seen.uri.query().is_some_and(|query| query.contains("partNumber=2")),
        Seen::is_completion,
        |seen| seen.method == Method::PUT && seen.uri.path().ends_with("v1/manifest.json"),
    ];
    for held in requests {
        let (outcome, wrong) = a_late_request(true, LARGE, larger, held).await;
        assert_eq!(wrong, [""; 0]);
        assert_eq!(kind(&outcome.unwrap_err()), "Contended");
        // With the same bytes both have won.
        let (outcome, wrong) = a_late_request(true, LARGE, LARGE, held).await;
        assert_eq!(wrong, [""; 0]);
        assert_eq!(outcome.unwrap().version, 1);
    }
    let [claim, file, ..] = requests;
    for held in [claim, file] {
        let (outcome, wrong) = a_late_request(true, SMALL, OTHER, held).await;
        assert_eq!((wrong, kind(&outcome.unwrap_err())), (vec![], "Contended"));
    }
    // The control: in a store that knows no conditions the late one overwrites a bill.
    let (_, wrong) = a_late_request(false, LARGE, larger, claim).await;
    assert!(wrong.contains(&"bill.csv has other bytes".to_owned()), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_two_publishers_do_each_bill_is_whole() {
    let server = Server::start().await;
    let bills = &server.bills();
    let mut told = std::collections::BTreeMap::new();
    for customer in 1..=60 {
        let one = async |made| bills.publish(&bill(customer), Staged::new(made).path(), &head()).await;
        let (a, b) = tokio::join!(one(SMALL), one(OTHER));
        for outcome in [a, b] {
            let told = told.entry(outcome.as_ref().map_or_else(kind, |_| "published")).or_insert(0);
            *told += 1;
            if let Ok(published) = outcome {
                assert!(bills.latest(&bill(customer)).await.unwrap().unwrap().version >= published.version);
            }
        }
    }
    let report = bills.verify("").await.unwrap();
    assert!(report.is_good(), "{report:?}");
    assert!(told.keys().all(|told| ["published", "Contended"].contains(told)), "{told:?}");
}

/// The client dies when its K-th request has arrived, before or after it is executed, for every K. A repetition ends with
/// the same bytes, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_dies_at_any_request_is_taken_up() {
    for (made, requests) in [(SMALL, 26), (LARGE, 29)] {
        for fate in [Fate::Lost, Fate::Unanswered] {
            let mut deaths = 0;
            for last in 1.. {
                let server = Server::start().await;
                let arrived = server.meet(last, fate);
                let staged = Staged::new(made);
                let bills = Bills::open(&format!("s3://{BUCKET}/bills"), &server.settings("60s")).unwrap();
                let publication = {
                    let (bills, path) = (bills.clone(), staged.path().to_owned());
                    tokio::spawn(async move { bills.publish(&october(), &path, &head()).await })
                };
                let abort = publication.abort_handle();
                tokio::select! {
                    ended = publication => {
                        ended.unwrap().unwrap();
                        break;
                    }
                    () = arrived.notified() => {
                        // It is done, though nobody will hear of it.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        abort.abort();
                    }
                }
                deaths += 1;
                server.rule(|_| Fate::Done);
                let published = bills.publish(&october(), staged.path(), &head()).await.unwrap();
                assert_eq!(
                    (published.version, wrong(&server.october(), made)),
                    (1, vec![]),
                    "{fate:?} {last}"
                );
            }
            assert_eq!(deaths, requests);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_fails_is_aborted() {
    for fails in ["part", "completion"] {
        let server = Server::start().await;
        server.rule(move |seen| {
            let part = seen.uri.query().is_some_and(|query| query.contains("partNumber=2"));
            let failing = if fails == "part" { part } else { seen.is_completion() };
            if failing { Fate::Refused(403) } else { Fate::Done }
        });
        let staged = Staged::new(LARGE);
        let error = server.bills().publish(&october(), staged.path(), &head()).await.unwrap_err();
        assert_eq!(kind(&error), "Denied", "{error}");
        // Also one whose client goes away.
        server.rule(|seen| {
            let part = seen.uri.query().is_some_and(|query| query.contains("partNumber=2"));
            if part { Fate::Lost } else { Fate::Done }
        });
        let bills = server.bills();
        let (october, head) = (october(), head());
        let publication = bills.publish(&october, staged.path(), &head);
        assert!(tokio::time::timeout(Duration::from_millis(200), publication).await.is_err());
        for _ in 0..100 {
            if server.uploads() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(server.uploads(), 0, "{fails}");
    }
}

/// Lasting errors are reported at once, not after minutes of retries.
#[tokio::test]
async fn refusals_are_plain() {
    let server = Server::start().await;
    let staged = Staged::new(SMALL);
    let secret = "another-secret-that-is-wrong";
    let wrong_key = server.settings("400ms").with("AWS_SECRET_ACCESS_KEY", secret);
    let nobody = server.settings("400ms").with("AWS_ACCESS_KEY_ID", "nobody");
    for (root, settings, expected) in [
        (format!("s3://{BUCKET}/bills"), wrong_key, "SignatureDoesNotMatch"),
        (format!("s3://{BUCKET}/bills"), nobody, "NotSignedUp"),
        ("s3://nowhere/bills".to_owned(), server.settings("400ms"), "NoSuchBucket"),
    ] {
        let bills = Bills::open(&root, &settings).unwrap();
        let error = bills.publish(&october(), staged.path(), &head()).await.unwrap_err();
        let shown = format!("{error} {error:?} {bills:?} {settings:?}");
        assert!(["Denied", "NotFound"].contains(&kind(&error)) && shown.contains(expected), "{shown}");
        assert!(!shown.contains(secret) && !shown.contains("a-secret-that-must-not-show"), "{shown}");
    }
}
