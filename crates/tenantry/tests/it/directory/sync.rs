//! The walk through a directory in the background.

use super::{
    NO_SYNC, PartnerCenter, Place, by_tenant, connect, health, id, serve_at, tenants, to_partner_center,
    told, until,
};
use crate::metrics::sample;
use crate::support::{Database, Engine, Server, customer, on_both_engines};
use directory::partner_center::sandbox::CLIENT_SECRET;
use serde_json::{Value, json};
use std::collections::HashSet;

on_both_engines!(
    two_thousand_tenants_are_walked,
    a_killed_server_goes_on_where_it_was,
    addresses_are_refreshed_unless_set_by_hand,
    a_failure_shows_and_passes,
    one_tenant_that_cannot_be_read_holds_up_no_other,
);

const FIRST_PAGE: &str = "/v1/customers?size=500";
const NEXT_PAGE: &str = "/v1/customers?size=500&seekOperation=Next";

/// How often the list was begun.
fn begun(center: &PartnerCenter) -> usize {
    center.asked(FIRST_PAGE) - center.asked(NEXT_PAGE)
}

fn with_address(place: &Place) -> usize {
    tenants(&place.api).iter().filter(|tenant| tenant["address"].is_object()).count()
}

fn two_thousand_tenants_are_walked(engine: Engine) {
    let mut place = Place::new(engine, 2000, &["--sync-interval", NO_SYNC], &[]);
    // Tokens that end in the middle, and far fewer answers than are asked for; one directory a test is walked whole.
    let all = engine == Engine::Sqlite;
    let behaviour = json!({
        "throttle_after": if all { 200 } else { 150 }, "window_seconds": 1, "token_calls": 150,
        "duplicates": true, "nobody": true, "no_billing_every": 10, "no_organization_every": 20,
        // A machine may be too slow to ask for too much.
        "next": [{"fault": "none"}, {"fault": "status", "status": 429, "retry_after": 1}],
    });
    place.center.behave(behaviour);
    place.restart(&["--sync-interval", "10"]);
    until("the walk is at its end", || health(&place.api) == [1, 1, 0]);
    assert_eq!(begun(&place.center), 2, "once to try it, once to walk it");
    let walked = tenants(&place.api);
    assert_eq!(walked.len(), 2000);
    let ids: HashSet<&str> =
        walked.iter().map(|tenant| tenant["azure_customer_id"].as_str().unwrap()).collect();
    assert!((0..2000).all(|number| ids.contains(id(number).as_str())));
    for tenant in &walked {
        assert!(tenant["name"].as_str().unwrap().len() > 5, "{tenant}");
        assert!(tenant["domain"].as_str().unwrap().ends_with(".onmicrosoft.com"), "{tenant}");
        assert_eq!(tenant["customer_id"], Value::Null);
    }
    let contoso = place.tenant(0);
    assert_eq!(
        (&contoso["name"], &contoso["domain"]),
        (&json!("Contoso 0"), &json!("contoso0.onmicrosoft.com"))
    );

    // Of eight, two have no address that can be used; of twenty, one hides it: of forty, the first of eight.
    let known = (0..2000).filter(|number| number % 8 != 3 && number % 8 != 7 && number % 20 != 0).count();
    let enough = if all { known } else { 300 };
    until("the addresses are there", || with_address(&place) >= enough);
    if all {
        assert_eq!(with_address(&place), known);
        assert_eq!(place.tenant(1)["address"]["zipcode"], "02110");
        assert_eq!(place.tenant(3)["address"], Value::Null);
    }
    assert!(place.center.count("throttled") > 0);
    assert!(place.center.count("unauthorized") > 0 && place.center.count("sign_ins") > 2);
}

fn a_killed_server_goes_on_where_it_was(engine: Engine) {
    let database = Database::new(engine);
    let center = PartnerCenter::start(database.folder(), 2000);
    let connected = || {
        let output = connect(&database, &to_partner_center(&center.url, &[]), CLIENT_SECRET);
        assert!(output.status.success(), "{}", told(&output));
    };
    let start = |at: &str| serve_at(&database, &["--sandbox", "--at", at, "--sync-interval", "100"]);
    let mut server = serve_at(&database, &["--sync-interval", NO_SYNC]);
    connected();
    server.kill();

    let mut server = start("2030-01-01T00:00:00Z");
    let api = server.admin();
    let count = || api.get("/v1/azure_partner_customers").header("x-total").parse::<usize>().unwrap();
    until("the first pages are there", || count() >= 1000);
    server.kill();
    assert_eq!((begun(&center), center.asked(NEXT_PAGE) < 3), (2, true), "killed too late to show anything");

    // Later, for the one that was killed may have had the directory for itself.
    let server = start("2030-01-01T00:02:00Z");
    until("the walk is at its end", || health(&server.admin()) == [1, 1, 0]);
    assert_eq!(tenants(&server.admin()).len(), 2000);
    assert_eq!(begun(&center), 2, "it began anew");
    // The control: connected anew, it begins anew.
    connected();
    until("the walk begins anew", || begun(&center) == 4);
}

fn addresses_are_refreshed_unless_set_by_hand(engine: Engine) {
    let serve = ["--sandbox", "--at", "2030-01-01T00:00:00Z", "--sync-interval", "20"];
    let place = Place::new(engine, 20, &serve, &[]);
    let path = |customer: &Value| format!("/v2/customers/{}", customer["id"]);
    let city = |customer: &Value| place.api.get(&path(customer)).json()["address"]["city"].clone();
    let follows = place.create("Follows", 1);
    let by_hand = place.create("By hand", 5);
    let by_address = place.api.create(&customer(&json!({"name": "By address"})));
    let add = format!("/v1/azure_partner_customer_accounts/add/{}", by_address["id"]);
    assert_eq!(place.api.put(&add, &json!({"azure_customer_ids": [id(2)]})).status, 207);
    let mut moved = by_hand["address"].clone();
    moved["city"] = "London".into();
    assert_eq!(place.api.put(&path(&by_hand), &json!({"address": moved})).status, 200);
    until("the walk is at its end", || health(&place.api) == [1, 1, 0]);
    until("the addresses are there", || with_address(&place) == 15);
    assert_eq!(city(&follows), "Boston");

    // A day later everybody has moved. Nobody is asked before.
    place.center.behave(json!({"moved_by": 1}));
    let asked = place.center.asked("/profiles/billing");
    let clock = |now: &str| assert_eq!(place.api.put("/sandbox/clock", &json!({"now": now})).status, 200);
    clock("2030-01-01T02:00:00Z");
    until("the list is walked again", || begun(&place.center) == 3);
    assert_eq!((city(&follows), place.center.asked("/profiles/billing")), (json!("Boston"), asked));
    clock("2030-01-02T02:00:01Z");
    until("the address has moved", || city(&follows) == "Sydney");
    until("all addresses have", || {
        place.tenant(5)["address"]["city"] != "Maidstone" && place.tenant(2)["address"].is_null()
    });
    assert_eq!((city(&by_hand), city(&by_address)), (json!("London"), json!("Springfield")));
    let read = place.api.get(&path(&follows)).json();
    assert_eq!(
        (&read["updated_at"], &read["address"]["state"]),
        (&json!("2030-01-02T02:00:01Z"), &json!("New South Wales"))
    );

    // Who changed it stands in the audit trail.
    let events = place.api.get("/v2/audit_events?per_page=100").json();
    let events: Vec<&Value> = events["audit_events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| {
            event["action"] == "customer.update"
                && event["object"] == json!(format!("customers/{}", follows["id"]))
        })
        .collect();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].to_string().contains("directory"), "{}", events[0]);
}

fn a_failure_shows_and_passes(engine: Engine) {
    let place = Place::new(engine, 600, &["--sync-interval", "20", "--directory-timeout", "1"], &[]);
    until("the walk is at its end", || health(&place.api) == [1, 1, 0]);
    place.center.behave(json!({"no_role": true}));
    assert!(place.connect(&["--force"]).status.code() == Some(1));
    until("the failure shows", || health(&place.api) == [1, 0, 1]);
    assert_eq!(sample(&place.api, "tenantry_directories_failing"), 1.0);
    assert!(sample(&place.api, "tenantry_directory_steps_total{outcome=\"failed\"}") >= 1.0);
    assert_eq!(place.api.get("/readyz").json()["status"], "ok");
    place.center.behave(json!({}));
    until("it has passed", || health(&place.api) == [1, 1, 0]);
    let told = |name: &str| sample(&place.api, name);
    let directories =
        ["connected", "synced", "failing"].map(|state| told(&format!("tenantry_directories_{state}")));
    assert_eq!(directories, [1.0, 1.0, 0.0]);
    assert!(told("tenantry_directory_tenants_seen_total") >= 1200.0);
    assert!(told("tenantry_directory_request_duration_seconds_count{outcome=\"answered\"}") > 2.0);
    // Its partner has none any more.
    let output = connect(&place.database, &["--kind", "none"], "");
    assert!(output.status.success());
    assert_eq!(health(&place.api), [0, 0, 0]);
    assert_eq!(tenants(&place.api).len(), 600, "what was seen stays");
}

fn one_tenant_that_cannot_be_read_holds_up_no_other(engine: Engine) {
    let mut place = Place::new(engine, 20, &["--sync-interval", NO_SYNC], &[]);
    // Its list, and then the first customer it is asked for is another one.
    place.center.behave(json!({"next": [{"fault": "none"}, {"fault": "stranger"}]}));
    place.restart(&["--sync-interval", "20"]);
    until("the others are read", || with_address(&place) >= 14);
    until("and that is no failure", || health(&place.api) == [1, 1, 0]);
    assert!(
        place.server.log().contains("failed to refresh the address of a tenant"),
        "{}",
        place.server.log()
    );
}

/// Two servers, one database: one walks at a time. Only PostgreSQL can have two.
#[test]
fn two_servers_do_not_walk_at_the_same_time() {
    if !Engine::Postgres.is_here() {
        return;
    }
    let place = Place::new(Engine::Postgres, 2000, &["--sync-interval", NO_SYNC], &[]);
    let slow = ["--sync-interval", "10", "--directory-timeout", "60"];
    // The one that begins waits for an answer; the other comes by two hundred times a second meanwhile.
    // So long as it may: a minute, in which it asks four times.
    place.center.behave(json!({"next": vec![json!({"fault": "hang"}); 4]}));
    let servers: [Server; 2] = [(); 2].map(|()| serve_at(&place.database, &slow));
    until("one has begun", || begun(&place.center) == 2);
    for _ in 0..20 {
        // Each of these takes both servers some time, in which they come by.
        servers.iter().for_each(|server| assert_eq!(health(&server.admin()), [1, 0, 0]));
    }
    assert_eq!(begun(&place.center), 2, "both walk");
    // The control: without the lease of the first, the other begins at once.
    place.center.behave(json!({}));
    place.database.execute("UPDATE directories SET leased_until = 0");
    until("the other has begun", || begun(&place.center) == 3);
    until("the walk is at its end", || health(&servers[0].admin()) == [1, 1, 0]);
    assert_eq!((begun(&place.center), place.center.asked(NEXT_PAGE)), (3, 3));
    assert_eq!(tenants(&place.api).len(), 2000);
    place.api.create(&by_tenant("Acme Corp", &id(1)));
}
