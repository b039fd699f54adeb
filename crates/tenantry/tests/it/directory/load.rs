//! Who needs no directory does not notice that it is down.

use super::{NO_SYNC, Place, by_tenant, id};
use crate::support::{Api, Engine, customer, on_both_engines};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

on_both_engines!(creates_by_address_go_on);

const CREATES: usize = 200;
/// How many wait for the directory all the while: more than there are readers, writers or connections.
const WAITING: usize = 40;

/// The 99th percentile of creates by address.
fn p99(api: &Api, name: &str) -> Duration {
    let mut times: Vec<Duration> = (0..CREATES)
        .map(|number| {
            let body = customer(&json!({"name": format!("{name} {number}")}));
            let started = Instant::now();
            api.create(&body);
            started.elapsed()
        })
        .collect();
    times.sort();
    times[CREATES * 99 / 100 - 1]
}

fn creates_by_address_go_on(engine: Engine) {
    let place = Place::new(engine, 20, &["--sync-interval", NO_SYNC, "--directory-timeout", "60"], &[]);
    p99(&place.api, "Warm"); // files and pools grow at first
    let without = p99(&place.api, "Without");

    let asked = place.center.count("requests");
    place.center.fail(json!({"fault": "hang"}));
    let over = AtomicBool::new(false);
    let with = std::thread::scope(|scope| {
        for number in 0..WAITING {
            let (place, over) = (&place, &over);
            scope.spawn(move || {
                let answer = place.api.call("POST", "/v2/customers");
                let answer = answer.json(&by_tenant(&format!("Waiting {number}"), &id(1))).try_send();
                // It ends when the Partner Center does.
                assert!(over.load(Ordering::SeqCst), "{answer:?}");
                assert_eq!(answer.unwrap().status, 503);
            });
        }
        super::until("all wait", || place.center.count("requests") >= asked + WAITING as u64);
        let with = p99(&place.api, "With");
        over.store(true, Ordering::SeqCst);
        place.center.stop();
        with
    });
    let percent = with.as_micros() * 100 / without.as_micros().max(1);
    println!(
        "p99 of creates by address: {without:?} without, {with:?} with {WAITING} look-ups that hang: {percent} %"
    );
    // Generous, for machines are shared: one that waited for the directory would be a thousand times slower.
    assert!(with < without * 5 + Duration::from_millis(100), "{percent} %");
    assert_eq!(place.api.get("/v2/customers?q=waiting").header("x-total"), "0");
    assert_eq!(place.api.get("/v2/customers").header("x-total"), (3 * CREATES).to_string());
}
