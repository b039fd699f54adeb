//! Ids are counted for each partner by itself: rising, never given twice, and silent about other partners.

use crate::support::{ABSENT, Api, Database, Engine, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(ids_say_nothing_about_other_partners, ids_are_not_given_again_after_a_restart);

/// One of everything that has an id, created; their ids.
fn create_everything(api: &Api, number: i64) -> Vec<Value> {
    let tenant = format!("1b9e3a52-6f0c-4d3e-8a51-{number:012}");
    let created = api.create(&customer(&json!({
        "name": format!("Customer {number}"), "address": ABSENT, "azure_customer_id": tenant,
    })));
    let rule = api.post("/v1/price_rules", &json!({"name": "All", "kind": "margin", "percentage": "1"}));
    assert_eq!(rule.status, 201, "{}", rule.text());
    let tenants = api.get("/v1/azure_partner_customers?per_page=100").json();
    let tenant = tenants["azure_partner_customers"].as_array().unwrap().last().unwrap()["id"].clone();
    let user = api.colleague("viewer").0;
    vec![created["id"].clone(), rule.json()["id"].clone(), tenant, json!(user)]
}

/// The id of the event that the audit trail lists first, as the cursor behind it shows it.
fn first_event(api: &Api) -> i64 {
    let link = api.get("/v2/audit_events?per_page=1").header("link").to_owned();
    let (_, cursor) = link.split_once("cursor=").unwrap();
    cursor.split('.').nth(1).unwrap().parse().unwrap()
}

fn ids_say_nothing_about_other_partners(engine: Engine) {
    let server = Server::shared(engine);
    let (alone, busy, other) = (server.partner(), server.partner(), server.partner());
    let quiet: Vec<_> = (1..=3).map(|number| create_everything(&alone, number)).collect();
    let disturbed: Vec<_> = (1..=3)
        .map(|number| {
            create_everything(&other, 2 * number);
            create_everything(&other, 2 * number + 1);
            create_everything(&busy, number)
        })
        .collect();
    assert_eq!(quiet, disturbed);
    assert_eq!(quiet[0], [1, 1, 1, 2]); // the partner's admin is user 1
    // Shards that begin take some too, on PostgreSQL.
    let events = [&alone, &busy, &other].map(first_event);
    assert!(events.iter().all(|id| *id < 20), "{events:?}");
    // The same id is another customer in each of them.
    assert_eq!(busy.get("/v2/customers/2").json()["name"], "Customer 2");
    assert_eq!(other.get("/v2/customers/2").json()["name"], "Customer 3");
}

fn ids_are_not_given_again_after_a_restart(engine: Engine) {
    let database = Database::new(engine);
    let mut id = 0;
    for start in 0..3 {
        let mut server = Server::start(&database, &[]);
        let api = server.admin();
        let created = api.create(&customer(&json!({"name": format!("Customer {start}")})));
        assert!(created["id"].as_i64() > Some(id), "{created} behind {id}");
        id = created["id"].as_i64().unwrap();
        assert_eq!(api.delete(&format!("/v2/customers/{id}")).status, 204);
        server.kill();
    }
    assert_eq!(id, 3);
}
