//! Two clients, one name, the same instant.

use crate::support::{ABSENT, Answer, Engine, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::thread;

on_both_engines!(one_of_two_gets_the_name, one_of_two_gets_the_tenant, one_of_two_gets_the_name_by_a_change);

/// Run `send` for either body at the same instant, and see that one is done and the other is told so.
fn one_of_two(
    rounds: usize,
    bodies: impl Fn(usize) -> [Value; 2],
    send: impl Fn(usize, &Value) -> Answer + Sync,
    done: u16,
    told: &str,
) {
    for round in 0..rounds {
        let (start, bodies) = (Barrier::new(2), bodies(round));
        let run = |which: usize| {
            start.wait();
            send(which, &bodies[which])
        };
        let mut answers = thread::scope(|scope| {
            let one = scope.spawn(|| run(0));
            [run(1), one.join().unwrap()]
        });
        answers.sort_by_key(|answer| answer.status);
        let [first, second] = &answers;
        let said = format!("in round {round}: {} {}", first.text(), second.text());
        assert_eq!((first.status, second.status), (done, 422), "{said}");
        assert_eq!(second.details(), told, "{said}");
    }
}

fn one_of_two_gets_the_name(engine: Engine) {
    let api = Server::shared(engine).partner();
    let named = |name: String| customer(&json!({"name": name}));
    let bodies = |i| [named(format!("Acme {i}")), named(format!("ACME  {i}"))];
    one_of_two(100, bodies, |_, body| api.post("/v2/customers", body), 201, "/name taken");
    assert_eq!(api.get("/v2/customers").header("x-total"), "100");
}

fn one_of_two_gets_the_tenant(engine: Engine) {
    let api = Server::shared(engine).partner();
    let held = |name: &str, i: usize, tenant: String| {
        customer(&json!({"name": format!("{name} {i}"), "address": ABSENT, "azure_customer_id": tenant}))
    };
    let bodies = |i| [held("One", i, format!("tenant-{i}")), held("Other", i, format!("TENANT-{i}"))];
    one_of_two(30, bodies, |_, body| api.post("/v2/customers", body), 201, "/azure_customer_id taken");
    assert_eq!(api.get("/v2/customers").header("x-total"), "30");
}

fn one_of_two_gets_the_name_by_a_change(engine: Engine) {
    let api = Server::shared(engine).partner();
    let paths = ["One", "Other"]
        .map(|name| format!("/v2/customers/{}", api.create(&customer(&json!({"name": name})))["id"]));
    let bodies = |i| [json!({"name": format!("Acme {i}")}), json!({"name": format!("ACME {i}")})];
    one_of_two(30, bodies, |which, body| api.put(&paths[which], body), 200, "/name taken");
}
