//! The samples of the API's documentation, replayed to the letter.

use crate::support::{Answer, Api, Database, Engine, NOW, Server, on_both_engines};
use serde_json::json;

/// The samples as they are printed.
const BY_TENANT: &str = include_str!("seed/tenant.json");
const BY_ADDRESS: &str = include_str!("seed/address.json");
const ANSWER: &str = include_str!("seed/answer.json");

on_both_engines!(
    the_address_sample_answers_as_documented,
    the_tenant_sample_can_be_mended_in_one_go,
    the_tenant_sample_is_accepted_once_mended,
);

/// A sandbox at the moment of the documentation, and its admin.
fn sandbox(engine: Engine) -> (Server, Api, Database) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let api = server.admin();
    (server, api, database)
}

fn create(api: &Api, body: &str) -> Answer {
    api.call("POST", "/v2/customers").header("Content-Type", "application/json").body(body).send()
}

fn the_address_sample_answers_as_documented(engine: Engine) {
    let (_server, api, _database) = sandbox(engine);
    let next = json!({"id": 3947, "generated_external_id": "1a2b3c4d5e6f"});
    assert_eq!(api.put("/sandbox/next", &next).status, 200);

    let created = create(&api, BY_ADDRESS);
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(created.header("location"), "/v1/customers/3947");
    assert_eq!(created.header("x-tenantry-sandbox"), "true");

    // To the byte and in the documented order, but for white space and the trial, which the documentation leaves out.
    let beside =
        r#""trial_expiration_date":"2016-09-22T00:00:00Z","trial_expiration":"2016-09-22T00:00:00Z","#;
    assert_eq!(created.text().matches(beside).count(), 1, "{}", created.text());
    assert_eq!(created.text().replace(beside, ""), without_white_space(ANSWER));

    for path in ["/v1/customers/3947", "/v2/customers/3947"] {
        assert_eq!(api.get(path).text(), created.text());
    }
}

fn the_tenant_sample_can_be_mended_in_one_go(engine: Engine) {
    let (_server, api, _database) = sandbox(engine);
    let refused = create(&api, BY_TENANT);
    assert_eq!(refused.status, 422);
    let details = refused.json()["details"].as_array().unwrap().clone();
    let place = |i: usize| (details[i]["line"].as_u64().unwrap(), details[i]["column"].as_u64().unwrap());
    assert_eq!((details.len(), place(0), place(1)), (2, (10, 14), (11, 3)), "{}", refused.text());
    assert_eq!(refused.details(), " malformed,  malformed");

    // Mend it as the answer says, the later place first, so that the earlier one stays where it is.
    let mut lines: Vec<String> = BY_TENANT.lines().map(str::to_owned).collect();
    assert!(details[1]["message"].as_str().unwrap().contains("put a comma here"), "{}", refused.text());
    lines[11 - 1].insert(3 - 1, ',');
    assert!(details[0]["message"].as_str().unwrap().contains("remove this comma"), "{}", refused.text());
    assert_eq!(lines[10 - 1].remove(14 - 1), ',');

    let mended = create(&api, &lines.join("\n"));
    assert_eq!(mended.status, 422);
    assert_eq!(
        mended.details(),
        "/trial_expiration_date invalid, /billing_contact invalid",
        "{}",
        mended.text()
    );
    assert_eq!(api.get("/v2/customers").header("x-total"), "0");
}

fn the_tenant_sample_is_accepted_once_mended(engine: Engine) {
    let (_server, api, _database) = sandbox(engine);
    let body = BY_TENANT
        .replace("\"folder\":\"\",\n }", "\"folder\":\"\"\n },")
        .replace("\"date\"", "\"2016-10-01\"")
        .replace("\"abc\"", "\"abc@example.com\"");
    let created = create(&api, &body);
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(created.json()["azure_customer_id"], "34fdg");
    assert_eq!(created.json()["trial_expiration_date"], "2016-10-01T00:00:00Z");
}

fn without_white_space(json: &str) -> String {
    let mut in_string = false;
    json.chars()
        .filter(|c| {
            in_string ^= *c == '"';
            in_string || !c.is_whitespace()
        })
        .collect()
}
