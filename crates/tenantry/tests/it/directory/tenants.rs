//! `/v1/azure_partner_customers`: what is known of the directory's tenants.

use super::{NO_SYNC, connect, health, serve_at, told, until};
use crate::support::{Api, Database, Engine, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(fields_pages_and_filters, nobody_elses);

const PATH: &str = "/v1/azure_partner_customers";

/// A server with a directory of so many tenants, walked.
fn walked(engine: Engine, tenants: usize) -> (Server, Database) {
    let database = Database::new(engine);
    let server = serve_at(&database, &["--sandbox", "--at", "2030-01-01T00:00:00Z", "--sync-interval", "20"]);
    let listed: Vec<Value> = (0..tenants)
        .map(|number| {
            json!({
                "azure_customer_id": format!("tenant-{number}"), "name": format!("Tenant ÄÖ {number}"),
                "domain": format!("t{number}.example"),
                "address": {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234",
                    "country": if number % 2 == 0 { "US" } else { "nowhere" }},
            })
        })
        .collect();
    let path = database.folder().join("tenants.json");
    std::fs::write(&path, Value::from(listed).to_string()).unwrap();
    let output = connect(&database, &["--kind", "file", "--path", path.to_str().unwrap()], "");
    assert!(output.status.success(), "{}", told(&output));
    until("the walk is at its end", || health(&server.admin()) == [1, 1, 0]);
    (server, database)
}

fn ids(api: &Api, query: &str) -> Vec<String> {
    let answer = api.get(&format!("{PATH}?{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let listed = answer.json()["azure_partner_customers"].take();
    let id = |tenant: &Value| tenant["azure_customer_id"].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(id).collect()
}

fn fields_pages_and_filters(engine: Engine) {
    let (server, _database) = walked(engine, 605);
    let api = server.admin();
    let acme = api.create(&customer(&json!({"name": "Acme Corp"})));
    let add = format!("/v1/azure_partner_customer_accounts/add/{}", acme["id"]);
    assert_eq!(api.put(&add, &json!({"azure_customer_ids": ["tenant-7", "tenant-8"]})).status, 207);

    let one = |name: &str| api.get(&format!("{PATH}?q={name}")).json()["azure_partner_customers"][0].clone();
    let tenant = one("%C3%A4%C3%B6");
    assert!(tenant["id"].is_i64(), "part of a name, in another case: {tenant}");
    let tenant = one("tenant%20%C3%A4%C3%B6%208");
    let expected = json!({
        "id": tenant["id"], "azure_customer_id": "tenant-8", "name": "Tenant ÄÖ 8", "domain": "t8.example",
        "address": {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"},
        "customer_id": acme["id"], "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
        "missing_since": null,
    });
    assert_eq!(tenant, expected);
    let fields: Vec<&String> = tenant.as_object().unwrap().keys().collect();
    assert_eq!(fields.len(), 9);
    let read = api.get(&format!("{PATH}/{}", tenant["id"]));
    assert_eq!((read.status, read.json()), (200, tenant));
    let tenant = one("tenant%20%C3%A4%C3%B6%209");
    assert_eq!((&tenant["address"], &tenant["customer_id"]), (&Value::Null, &Value::Null));

    // Pages: full but the last, none twice, in one order; past the end an empty list.
    let mut seen = Vec::new();
    for page in 1..=7 {
        let answer = api.get(&format!("{PATH}?per_page=100&page={page}"));
        assert_eq!((answer.header("x-total"), answer.header("x-per-page")), ("605", "100"));
        let more = ids(&api, &format!("per_page=100&page={page}"));
        assert_eq!(more.len(), if page < 7 { 100 } else { 5 });
        let next = answer.header("link").contains(r#"rel="next""#);
        assert_eq!(next, page < 7, "{}", answer.header("link"));
        seen.extend(more);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 605);
    assert_eq!(ids(&api, "page=99"), Vec::<String>::new());
    assert_eq!(ids(&api, "per_page=1000").len(), 100);
    assert_eq!(ids(&api, "").len(), 30);
    assert_eq!(ids(&api, "page=0&per_page=3"), ids(&api, "per_page=3"));

    assert_eq!(ids(&api, "assigned=true"), ["tenant-7", "tenant-8"]);
    assert_eq!(api.get(&format!("{PATH}?assigned=false")).header("x-total"), "603");
    assert_eq!(ids(&api, "assigned=true&q=%208"), ["tenant-8"]);
    assert_eq!(ids(&api, "q=no%20such"), Vec::<String>::new());
    assert_eq!(api.get(&format!("{PATH}?q=TENANT&assigned=")).header("x-total"), "605");
    for (query, details) in
        [("assigned=perhaps", "?assigned invalid"), ("per_page=many", "?per_page invalid")]
    {
        let answer = api.get(&format!("{PATH}?{query}"));
        assert_eq!((answer.status, answer.details().as_str()), (422, details), "{}", answer.text());
    }
}

fn nobody_elses(engine: Engine) {
    let (server, _database) = walked(engine, 3);
    let (api, stranger) = (server.admin(), server.partner());
    let own = api.get(PATH).json()["azure_partner_customers"][0]["id"].clone();
    let acme = api.create(&customer(&json!({"name": "Acme Corp"})));
    assert_eq!(stranger.get(PATH).json(), json!({"azure_partner_customers": []}));
    // The same bytes as for one that does not exist, the request's id aside.
    let read = |api: &Api, path: &str| {
        let answer = api.call("GET", path).header("X-Request-Id", "same").send();
        (answer.status, answer.text())
    };
    let nowhere = read(&stranger, &format!("{PATH}/999999"));
    assert_eq!(nowhere.0, 404);
    assert_eq!(read(&stranger, &format!("{PATH}/{own}")), nowhere);
    assert_eq!(read(&stranger, &format!("{PATH}/0")), nowhere);
    assert_eq!(read(&stranger, &format!("{PATH}/tenant-1")), nowhere);
    assert_eq!(read(&api, &format!("{PATH}/{own}")).0, 200, "the control");

    let list = |id: &Value| format!("/v1/azure_partner_customer_accounts/list/{id}");
    assert_eq!(read(&stranger, &list(&acme["id"])), read(&stranger, &list(&json!(999_999))));
    // What one partner has assigned, another may still assign, for it has no such directory and no such customer.
    let add = |api: &Api, id: &Value| {
        let path = format!("/v1/azure_partner_customer_accounts/add/{id}");
        let call = api.call("PUT", &path).header("X-Request-Id", "same");
        call.json(&json!({"azure_customer_ids": ["tenant-1"]})).send()
    };
    assert_eq!(add(&api, &acme["id"]).status, 207);
    let (theirs, nobodys) = (add(&stranger, &acme["id"]), add(&stranger, &json!(999_999)));
    assert_eq!((theirs.status, theirs.text()), (404, nobodys.text()));
    let beta = stranger.create(&customer(&json!({"name": "Beta Corp"})));
    let added = add(&stranger, &beta["id"]).json();
    assert_eq!(added["azure_partner_customer_accounts"][0]["customer_tenant_name"], "Beta Corp", "{added}");
    assert_eq!(api.get("/v1/azure_partner_customer_accounts/list").header("x-total"), "1");
}

/// The interval of a server that never walks is long enough to tell.
#[test]
fn the_interval_is_an_hour_at_the_most() {
    let database = Database::new(Engine::Sqlite);
    let output = crate::support::command(database.folder(), &["serve", "--sync-interval", "3600001"])
        .output()
        .unwrap();
    assert!(!output.status.success() && told(&output).contains("--sync-interval"));
    assert_eq!(NO_SYNC, "3600000");
}
