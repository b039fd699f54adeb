//! The directory is down, slow, or talks nonsense: `503`, when to come again, and nothing written.

use super::{NO_SYNC, Place, by_tenant, id};
use crate::support::{Answer, Engine, Failures, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(nothing_is_written_without_its_word, how_long_to_wait_is_said, one_that_is_gone);

const QUIET: [&str; 4] = ["--sync-interval", NO_SYNC, "--directory-timeout", "1"];

/// Every request goes wrong like this.
fn always(fault: Value) -> Value {
    json!({"next": vec![fault; 50]})
}

/// The token is refused, and whatever this is happens to the request for another one.
fn no_token(fault: Value) -> Value {
    json!({"next": vec![json!({"fault": "status", "status": 401}); 50], "next_sign_in": vec![fault; 50]})
}

fn refused(number: u32) -> Value {
    json!({"next": [{"fault": "status", "status": 401}], "refuse_sign_in": number})
}

#[rustfmt::skip]
fn cases() -> Vec<(&'static str, Value)> {
    let second = |fault: Value| json!({"next": [{"fault": "none"}, fault.clone(), fault.clone(), fault.clone(), fault]});
    vec![
        ("an error of its own", always(json!({"fault": "status", "status": 500}))),
        ("its gateway's page", always(json!({"fault": "page", "status": 502}))),
        ("a 404 that is not its own", always(json!({"fault": "page", "status": 404}))),
        ("no answer", always(json!({"fault": "hang"}))),
        ("half an answer, and nothing more", always(json!({"fault": "stall"}))),
        ("half an answer, and the connection breaks", always(json!({"fault": "break"}))),
        ("half of a JSON text", always(json!({"fault": "malformed"}))),
        ("JSON of another kind", always(json!({"fault": "another"}))),
        ("another customer than the one that was asked for", always(json!({"fault": "stranger"}))),
        ("an answer without an end", always(json!({"fault": "endless"}))),
        ("a redirect", always(json!({"fault": "redirect", "to": "http://127.0.0.1:1/elsewhere"}))),
        ("a request that it refuses, credentials repeated", always(json!({"fault": "echo"}))),
        ("the customer, but half of its address", second(json!({"fault": "malformed"}))),
        ("the customer, but no answer for its address", second(json!({"fault": "hang"}))),
        ("a token that is refused again and again", always(json!({"fault": "status", "status": 401}))),
        ("the application is not let in", json!({"no_role": true})),
        ("a secret that has expired", refused(7_000_222)),
        ("consent that was taken back", refused(65_001)),
        ("an identity platform that fails", no_token(json!({"fault": "status", "status": 503}))),
        ("an identity platform that hangs", no_token(json!({"fault": "hang"}))),
        ("an identity platform that talks nonsense", no_token(json!({"fault": "another"}))),
        ("an identity platform that is a web page", no_token(json!({"fault": "page", "status": 200}))),
    ]
}

/// Whether this is the `503` of a directory that gave no answer, with nothing in it that is for the operator alone.
fn unavailable(answer: &Answer) -> Result<(), String> {
    let text = answer.text();
    let wait: u64 = answer.header("retry-after").parse().unwrap_or(0);
    let internal = ["AADSTS", "127.0.0.1", "/v1/customers/", "Bearer", "odd=characters", "panicked"];
    let shows = internal.iter().find(|part| text.contains(**part));
    match (answer.status, wait, shows) {
        (503, 1.., None) => Ok(()),
        (_, _, shows) => Err(format!("{} after {wait} s, {shows:?}: {text}", answer.status)),
    }
}

fn nothing_is_written_without_its_word(engine: Engine) {
    let place = Place::new(engine, 20, &QUIET, &[]);
    let held = place.api.create(&customer(&json!({"name": "Held"})));
    let path = format!("/v2/customers/{}", held["id"]);
    let add = format!("/v1/azure_partner_customer_accounts/add/{}", held["id"]);
    let mut failures = Failures::default();
    for (name, behaviour) in cases() {
        place.center.behave(behaviour.clone());
        let answer = place.api.post("/v2/customers", &by_tenant("Acme Corp", &id(1)));
        failures.case(name, unavailable(&answer));
        // The control: without the fault, the same request succeeds at once.
        place.center.behave(json!({}));
        let answer = place.api.post("/v2/customers", &by_tenant("Acme Corp", &id(1)));
        failures
            .case(&format!("after {name}"), if answer.status == 201 { Ok(()) } else { Err(answer.text()) });
        assert_eq!(place.api.delete(answer.header("location")).status, 204);
    }
    // The other ways in.
    place.center.fail(json!({"fault": "malformed"}));
    let put = place.api.put(&path, &json!({"name": "Renamed", "azure_customer_id": id(1)}));
    failures.case("a change", unavailable(&put));
    let added = place.api.put(&add, &json!({"azure_customer_ids": [id(1), id(2)]}));
    failures.case("an assignment", unavailable(&added));
    failures.done(46);
    assert_eq!(place.api.get(&path).json(), held);
    assert_eq!(place.api.get("/v2/customers").header("x-total"), "1");
    let assigned = place.api.get("/v1/azure_partner_customer_accounts/list");
    assert_eq!(assigned.header("x-total"), "0", "{}", assigned.text());
    // A name that is taken, or wrong: nobody can say more about the payload than the directory lets them.
    let answer = place.api.post("/v2/customers", &by_tenant("", &id(1)));
    assert_eq!(unavailable(&answer), Ok(()));
    // What the directory has no part in goes on.
    assert_eq!(place.api.put(&path, &json!({"name": "Renamed"})).status, 200);

    let log = place.server.log();
    assert!(log.contains("failed to look up a tenant in the directory"), "{log}");
    assert!(
        !log.contains("odd=characters") && !log.contains("odd%3Dcharacters"),
        "a secret in the log: {log}"
    );
}

fn how_long_to_wait_is_said(engine: Engine) {
    let place = Place::new(engine, 20, &QUIET, &[]);
    let create = || place.api.post("/v2/customers", &by_tenant("Acme Corp", &id(1)));
    place.center.fail(json!({"fault": "status", "status": 503, "retry_after": 7}));
    let answer = create();
    assert_eq!((unavailable(&answer), answer.header("retry-after")), (Ok(()), "7"));

    // Throttled, it is left alone until then by all requests.
    let place = Place::new(engine, 20, &QUIET, &[]);
    let create = || place.api.post("/v2/customers", &by_tenant("Acme Corp", &id(1)));
    place.center.fail(json!({"fault": "status", "status": 429, "retry_after": 40}));
    let wait = |answer: &Answer| answer.header("retry-after").parse::<u64>().unwrap();
    let answer = create();
    assert!(unavailable(&answer).is_ok() && (40..=42).contains(&wait(&answer)), "{}", answer.text());
    let asked = place.center.count("requests");
    place.center.behave(json!({}));
    let answer = create();
    assert!(unavailable(&answer).is_ok() && (30..=41).contains(&wait(&answer)), "{}", answer.text());
    assert_eq!(place.center.count("requests"), asked);
    // The control: another client asks at once.
    assert!(place.connect(&[]).status.success());
    assert_eq!(create().status, 201);
}

fn one_that_is_gone(engine: Engine) {
    let place = Place::new(engine, 20, &QUIET, &[]);
    place.create("Acme Corp", 1);
    place.center.stop();
    let answer = place.api.post("/v2/customers", &by_tenant("Beta Corp", &id(2)));
    assert_eq!(unavailable(&answer), Ok(()));
    // Without its tenant, everything about a customer can be changed.
    let sent_back = place.api.get("/v2/customers").json()["customers"][0].clone();
    let path = format!("/v2/customers/{}", sent_back["id"]);
    assert_eq!(place.api.put(&path, &sent_back).json(), sent_back);
    place.api.create(&customer(&json!({"name": "Gamma Corp"})));
    assert_eq!(place.api.get("/v2/customers").header("x-total"), "2");
}
