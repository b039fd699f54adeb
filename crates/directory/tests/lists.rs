//! Walking the whole list, as a sync does, on a clock that stands still until everybody waits.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

use common::{SEED, connected, found, id, status};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tenantry_directory::partner_center::sandbox::{Behaviour, Fault, made_up_id};
use tenantry_directory::{Cursor, Error, PAGE_SIZE, Page, PartnerCenter, TenantAddress};
use tokio::time::Instant;

/// The whole list, as a sync reads it: waiting when told to, beginning anew when it has to.
async fn walk(client: &PartnerCenter) -> Result<Vec<Page>, Error> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        match client.page(cursor.as_ref()).await {
            Ok(page) => {
                // Cursors are stored between pages.
                cursor = page.next.as_ref().map(|cursor| Cursor::from_stored(cursor.as_str().to_owned()));
                pages.push(page);
                if cursor.is_none() {
                    return Ok(pages);
                }
            }
            Err(Error::Throttled { retry_after }) => tokio::time::sleep(retry_after).await,
            Err(error) => return Err(error),
        }
    }
}

fn ids(pages: &[Page]) -> HashSet<String> {
    pages.iter().flat_map(|page| &page.tenants).map(|tenant| tenant.azure_customer_id.key()).collect()
}

#[tokio::test(start_paused = true)]
async fn two_thousand_tenants_in_pages_with_throttling_on() {
    // Two requests a minute.
    let (sandbox, client) = connected(2000, Behaviour { throttle_after: Some(2), ..Behaviour::default() });
    let start = Instant::now();
    let pages = walk(&client).await.unwrap();
    assert_eq!(pages.iter().map(|page| page.tenants.len()).collect::<Vec<_>>(), [PAGE_SIZE; 4]);
    assert_eq!(ids(&pages), (0..2000).map(|number| made_up_id(SEED, number)).collect());
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(60) && took < Duration::from_secs(70), "{took:?}");
    let counts = sandbox.status().counts;
    assert_eq!((counts.requests, counts.throttled, counts.sign_ins), (5, 1, 1));

    // The control: unthrottled it takes no time, and four requests.
    sandbox.behave(Behaviour::default());
    let start = Instant::now();
    assert_eq!(ids(&walk(&client).await.unwrap()).len(), 2000);
    assert_eq!((start.elapsed(), sandbox.status().counts.requests), (Duration::ZERO, 9));
}

#[tokio::test(start_paused = true)]
async fn every_tenant_with_its_address_at_the_real_pace() {
    let (sandbox, client) = connected(600, Behaviour::real());
    let start = Instant::now();
    let (mut usable, mut hidden) = (0, 0);
    for number in 0..600 {
        let tenant = loop {
            match client.find(&id(number)).await {
                Ok(tenant) => break tenant.unwrap(),
                Err(Error::Throttled { retry_after }) => tokio::time::sleep(retry_after).await,
                Err(error) => panic!("{error}"),
            }
        };
        usable += usize::from(tenant.address.usable().is_ok());
        hidden += usize::from(matches!(tenant.address, TenantAddress::Hidden(_)));
    }
    // Six of eight made-up addresses can be used; every twentieth customer hides both of its own.
    assert_eq!((usable, hidden), (420, 30));
    let minutes = start.elapsed().as_secs() / 60;
    let requests = sandbox.status().counts.requests - sandbox.status().counts.throttled;
    assert_eq!(minutes, requests / 500, "{requests} requests");
}

#[tokio::test(start_paused = true)]
async fn links_and_lists_as_they_come() {
    let all: HashSet<String> = (0..1200).map(|number| made_up_id(SEED, number)).collect();
    let plain = Behaviour::default();
    for (behaviour, skipped) in [
        (Behaviour { links_with_v1: true, ..plain.clone() }, 0),
        (Behaviour { links_with_v1: false, ..plain.clone() }, 0),
        (Behaviour { byte_order_mark: false, ..plain.clone() }, 0),
        (Behaviour { duplicates: true, ..plain.clone() }, 0),
        (Behaviour { nobody: true, ..plain.clone() }, 3),
    ] {
        let (_, client) = connected(1200, behaviour.clone());
        let pages = walk(&client).await.unwrap();
        assert_eq!(ids(&pages), all, "{behaviour:?}");
        assert_eq!(pages.iter().map(|page| page.skipped.len()).sum::<usize>(), skipped);
        let listed: usize = pages.iter().map(|page| page.tenants.len()).sum();
        assert_eq!(listed, 1200 + if behaviour.duplicates { 2 } else { 0 });
    }
    // Nobody, and not one more than a page.
    for (customers, pages) in [(0, 1), (1, 1), (500, 1), (501, 2)] {
        let (_, client) = connected(customers, Behaviour::default());
        let walked = walk(&client).await.unwrap();
        assert_eq!((walked.len(), ids(&walked).len()), (pages, customers));
    }
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_disappears_between_pages() {
    let (sandbox, client) = connected(1000, Behaviour { vanishing: true, ..Behaviour::default() });
    let pages = walk(&client).await.unwrap();
    let gone = made_up_id(SEED, 500);
    assert_eq!((ids(&pages).len(), ids(&pages).contains(&gone)), (999, false));
    assert_eq!(client.find(&id(500)).await, Ok(None));
    assert_eq!(found(&client, 501).await.azure_customer_id, id(501));
    assert_eq!(sandbox.status().counts.sign_ins, 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_goes_round_in_a_circle() {
    let (_, client) = connected(2000, Behaviour { circle: true, ..Behaviour::default() });
    let error = walk(&client).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(why) if why.contains("circle")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn cursors_that_lead_nowhere() {
    let (_, client) = connected(600, Behaviour::default());
    for cursor in ["", "2:", "2:nonsense", "after:34fdg", "x:1,/+=", "2:a\nb", "2:9999,/+="] {
        let error = client.page(Some(&Cursor::from_stored(cursor.to_owned()))).await.unwrap_err();
        assert!(matches!(error, Error::StartOver { .. }), "{cursor:?}: {error}");
    }
    let second = client.page(None).await.unwrap().next.unwrap();
    assert_eq!(client.page(Some(&second)).await.unwrap().tenants.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_dies_in_the_middle_of_a_sync() {
    // It says it lives for an hour, and is dead after two requests.
    let (sandbox, client) = connected(2000, Behaviour { token_calls: Some(2), ..Behaviour::default() });
    assert_eq!(ids(&walk(&client).await.unwrap()).len(), 2000);
    let counts = sandbox.status().counts;
    assert_eq!((counts.requests, counts.unauthorized, counts.sign_ins), (5, 1, 2));

    // The control: a token that never is good ends the walk, after one renewal.
    let (sandbox, client) = connected(2000, Behaviour { token_calls: Some(0), ..Behaviour::default() });
    let error = walk(&client).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(why) if why.contains("Authorization Failed (1002)")), "{error}");
    assert_eq!(sandbox.status().counts.sign_ins, 2);
}

/// One of each.
fn every_fault() -> Vec<Fault> {
    let error = |status, code: &str, retry_after: Option<&str>| Fault::Error {
        status,
        code: code.to_owned(),
        description: String::new(),
        retry_after: retry_after.map(str::to_owned),
    };
    vec![
        status(500),
        error(429, "429", Some("2.128")),
        error(429, "429", Some("-1")),
        error(429, "429", None),
        error(401, "900421", None),
        Fault::Page { status: 404 },
        Fault::Page { status: 502 },
        Fault::Hang,
        Fault::Stall,
        Fault::Break,
        Fault::Malformed,
        Fault::Another,
        Fault::Endless,
        Fault::Redirect { to: "http://127.0.0.1/".to_owned() },
        Fault::Echo,
        status(503),
    ]
}

/// How a server goes on after a failure: it waits as long as it is told to, or for a minute.
struct Patience {
    failures: HashMap<&'static str, usize>,
}

impl Patience {
    async fn wait(&mut self, error: &Error) {
        let count = self.failures.entry(error.code()).or_default();
        *count += 1;
        assert!(*count < 100, "{error}");
        tokio::time::sleep(error.retry_after().unwrap_or(Duration::from_secs(60))).await;
    }
}

/// Everything that Partner Center does, at once: the list is seen whole, and every tenant found as it is.
#[tokio::test(start_paused = true)]
async fn two_thousand_tenants_with_every_fault_at_once() {
    const CUSTOMERS: usize = 2000;
    let left = [(7, 20002), (650, 3000), (1300, 404), (1999, 1002)];
    let hidden =
        Behaviour { no_billing_every: Some(10), no_organization_every: Some(20), ..Behaviour::default() };
    let (sandbox, client) = connected(
        CUSTOMERS,
        Behaviour {
            throttle_after: Some(500),
            token_calls: Some(450),
            links_with_v1: true,
            duplicates: true,
            nobody: true,
            dead_end: true,
            mfa_required: true,
            left: left.into(),
            next: every_fault().into(),
            next_sign_in: [status(500), Fault::Page { status: 502 }, Fault::Break].into(),
            ..hidden.clone()
        },
    );
    let mut patience = Patience { failures: HashMap::new() };
    let (mut seen, mut cursor) = (HashSet::new(), None);
    let cut_off = loop {
        match client.page(cursor.as_ref()).await {
            Ok(page) => {
                seen.extend(ids(std::slice::from_ref(&page)));
                if let Some(why) = page.cut_off {
                    break why;
                }
                cursor = page.next;
                assert!(cursor.is_some(), "the last page says that the list goes on");
            }
            Err(error) => {
                if let Error::StartOver { from, .. } = &error {
                    cursor.clone_from(from);
                }
                patience.wait(&error).await;
                // Somebody has signed in again with multi-factor authentication.
                if patience.failures.get("mfa_required") == Some(&3) {
                    let now = sandbox.status().behaviour;
                    sandbox.behave(Behaviour { mfa_required: false, ..now });
                }
            }
        }
    };
    assert!(cut_off.contains("continuation token"), "{cut_off}");
    let listed = (0..CUSTOMERS).filter(|number| left.iter().all(|(gone, _)| gone != number));
    assert_eq!(seen, listed.map(|number| made_up_id(SEED, number)).collect());
    for failure in ["mfa_required", "start_over", "unreachable"] {
        assert!(patience.failures.contains_key(failure), "{failure}: {:?}", patience.failures);
    }
    assert!(sandbox.status().counts.requests < 100, "{:?}", sandbox.status().counts);

    // Each by itself, with the same faults among 2,000 look-ups: as without them.
    let (_, undisturbed) = connected(CUSTOMERS, hidden);
    let mut faults = every_fault().into_iter().cycle();
    for number in 0..CUSTOMERS {
        if number.is_multiple_of(50) {
            let mut now = sandbox.status().behaviour;
            now.next.extend(faults.next());
            sandbox.behave(now);
        }
        let tenant = loop {
            match client.find(&id(number)).await {
                Ok(tenant) => break tenant,
                Err(error) => patience.wait(&error).await,
            }
        };
        match left.iter().find(|(gone, _)| *gone == number) {
            Some((_, 1002)) => {
                let tenant = tenant.unwrap();
                assert!(matches!(tenant.address, TenantAddress::Hidden(_)), "{number}: {tenant:?}");
            }
            Some(_) => assert_eq!(tenant, None, "{number}"),
            None => assert_eq!(tenant, undisturbed.find(&id(number)).await.unwrap(), "{number}"),
        }
    }
    let counts = sandbox.status().counts;
    assert!(counts.throttled > 0 && counts.unauthorized > 0 && counts.sign_ins < 50, "{counts:?}");
}
