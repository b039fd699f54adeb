//! Changing a customer that a directory knows.

use super::{NO_SYNC, Place, by_tenant, id};
use crate::support::{Engine, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(another_tenant_brings_its_address, an_address_set_by_hand_stays, one_wins_a_tenant);

const QUIET: [&str; 4] = ["--sync-interval", NO_SYNC, "--directory-timeout", "4"];

fn path(customer: &Value) -> String {
    format!("/v2/customers/{}", customer["id"])
}

fn another_tenant_brings_its_address(engine: Engine) {
    let place = Place::new(engine, 20, &QUIET, &[]);
    let acme = place.create("Acme Corp", 1);
    place.create("Beta Corp", 2);
    let put = |body: &Value| place.api.put(&path(&acme), body);

    // What was answered may be sent back, and changes nothing; nobody is asked.
    let asked = place.center.count("requests");
    assert_eq!((put(&acme).status, put(&acme).json()), (200, acme.clone()));
    let capitals = json!({"azure_customer_id": id(1).to_uppercase()});
    assert_eq!(put(&capitals).status, 200);
    assert_eq!(place.center.count("requests"), asked);

    let changed = put(&json!({"azure_customer_id": id(5)}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.json();
    assert_eq!(
        (&changed["azure_customer_id"], &changed["address"]["city"]),
        (&json!(id(5)), &json!("Maidstone"))
    );
    assert_eq!(place.api.get(&path(&acme)).json(), changed);
    // With everything else as it was answered, too.
    let mut sent_back = changed.clone();
    sent_back["azure_customer_id"] = id(6).into();
    let changed = put(&sent_back).json();
    assert_eq!(changed["address"]["state"], "Sao Paulo");
    // The tenants that were left are free.
    assert_eq!(place.api.post("/v2/customers", &by_tenant("Gamma Corp", &id(1))).status, 201);

    for (change, details) in [
        (json!({"azure_customer_id": "34fdg"}), "/azure_customer_id not_found"),
        (json!({"azure_customer_id": id(3)}), "/azure_customer_id no_address"),
        (json!({"azure_customer_id": id(2)}), "/azure_customer_id taken"),
        (
            json!({"azure_customer_id": "34fdg", "name": "beta corp", "tags": 1}),
            "/name taken, /azure_customer_id not_found, /tags wrong_type",
        ),
        (
            json!({"azure_customer_id": id(3), "margin_percentage": 100}),
            "/azure_customer_id no_address, /margin_percentage invalid",
        ),
        (
            json!({"azure_customer_id": id(2), "billing_contact": "abc"}),
            "/azure_customer_id taken, /billing_contact invalid",
        ),
    ] {
        let answer = put(&change);
        assert_eq!((answer.status, answer.details().as_str()), (422, details), "{change}: {}", answer.text());
    }
    assert_eq!(place.api.get(&path(&acme)).json(), changed);

    // A version that is not the current one is refused, whatever the directory says.
    let stale = place.api.call("PUT", &path(&acme)).header("If-Match", "\"0-0\"");
    assert_eq!(stale.json(&json!({"azure_customer_id": id(9)})).send().status, 412);
}

fn an_address_set_by_hand_stays(engine: Engine) {
    let place = Place::new(engine, 20, &QUIET, &[]);
    let acme = place.api.create(&customer(&json!({"name": "Acme Corp"})));
    let put = |body: &Value| {
        let answer = place.api.put(&path(&acme), body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        answer.json()
    };
    let changed = put(&json!({"azure_customer_id": id(1)}));
    assert_eq!((&changed["azure_customer_id"], &changed["address"]), (&json!(id(1)), &acme["address"]));
    // Of a tenant without an address, too: it needs none.
    let changed = put(&json!({"azure_customer_id": id(3)}));
    assert_eq!((&changed["azure_customer_id"], &changed["address"]), (&json!(id(3)), &acme["address"]));

    // One that came from the directory and was changed by hand is by hand from then on.
    let beta = place.create("Beta Corp", 5);
    let mut moved = beta["address"].clone();
    moved["city"] = "London".into();
    let by_hand = place.api.put(&path(&beta), &json!({"address": moved})).json();
    assert_eq!(
        (&by_hand["azure_customer_id"], &by_hand["address"]["city"]),
        (&json!(id(5)), &json!("London"))
    );
    let changed = place.api.put(&path(&beta), &json!({"azure_customer_id": id(1)})).json();
    assert_eq!(
        (&changed["azure_customer_id"], &changed["address"]["city"]),
        (&json!(id(1)), &json!("London"))
    );
    // The control: without that change it follows the tenant.
    let gamma = place.create("Gamma Corp", 5);
    assert_eq!(
        place.api.put(&path(&gamma), &json!({"azure_customer_id": id(2)})).json()["address"]["city"],
        "Sydney"
    );
}

/// Two customers want the same tenant at the same instant.
fn one_wins_a_tenant(engine: Engine) {
    let place = Place::new(engine, 20, &QUIET, &[]);
    let acme = place.api.create(&customer(&json!({"name": "Acme Corp"})));
    for _ in 0..10 {
        let wants = json!({"azure_customer_id": id(1)});
        let answers = std::thread::scope(|scope| {
            let put = scope.spawn(|| place.api.put(&path(&acme), &wants));
            let post = scope.spawn(|| place.api.post("/v2/customers", &by_tenant("Beta Corp", &id(1))));
            [put.join().unwrap(), post.join().unwrap()]
        });
        let [put, post] = &answers;
        match (put.status, post.status) {
            (200, 422) => assert_eq!(post.details(), "/azure_customer_id taken"),
            (422, 201) => assert_eq!(put.details(), "/azure_customer_id taken"),
            other => panic!("{other:?}: {} {}", put.text(), post.text()),
        }
        let holders = place.api.get(&format!("/v2/customers?azure_customer_id={}", id(1)));
        assert_eq!(holders.header("x-total"), "1");
        if post.status == 201 {
            assert_eq!(place.api.delete(post.header("location")).status, 204);
        }
        assert_eq!(place.api.put(&path(&acme), &json!({"azure_customer_id": id(2)})).status, 200);
    }
}
