//! `/v1/azure_partner_customer_accounts/…`: which customer holds which Azure tenants.

use crate::support::{ABSENT, Answer, Api, Database, Engine, Failures, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::sync::Barrier;

on_both_engines!(
    several_tenants_to_one_customer,
    all_or_nothing,
    what_cannot_be_assigned_is_refused,
    overlapping_claims_at_the_same_instant,
    a_customers_own_tenant,
    only_those_who_may,
    tenants_of_older_customers_are_held,
);

const BASE: &str = "/v1/azure_partner_customer_accounts";
const TAKEN: &str = "azure_customer_id has already been taken";
const NOT_FOUND: &str = "azure_customer_id not found";
const LEFT: &str = "not changed, because another azure_customer_id of this request cannot be";

fn named(api: &Api, name: &str) -> Value {
    api.create(&customer(&json!({"name": name})))["id"].clone()
}

fn change(api: &Api, what: &str, id: &Value, tenants: &[&str]) -> Answer {
    api.put(&format!("{BASE}/{what}/{id}"), &json!({"azure_customer_ids": tenants}))
}

/// What became of each: its customer's name, or the error.
fn outcomes(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 207, "{}", answer.text());
    let body = answer.json();
    let each = body["azure_partner_customer_accounts"].as_array().unwrap().iter().map(|outcome| {
        if outcome["http_status"] == 422 {
            assert_eq!(outcome.as_object().unwrap().len(), 3, "{outcome}");
            return format!(
                "{}: {}",
                outcome["azure_customer_id"].as_str().unwrap(),
                outcome["error"].as_str().unwrap()
            );
        }
        let account = &outcome["azure_partner_customer_account"];
        let fields: Vec<&String> = account.as_object().unwrap().keys().collect();
        assert_eq!((outcome.as_object().unwrap().len(), fields.len()), (2, 5), "{outcome}");
        format!(
            "{} {}",
            outcome["customer_tenant_name"].as_str().unwrap(),
            account["azure_customer_id"].as_str().unwrap()
        )
    });
    each.collect()
}

/// What a customer holds; or all of them.
fn held(api: &Api, id: Option<&Value>) -> Vec<String> {
    let path = id.map_or(format!("{BASE}/list"), |id| format!("{BASE}/list/{id}"));
    let answer = api.get(&path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let accounts = body["azure_partner_customer_accounts"].as_array().unwrap();
    assert_eq!(answer.header("x-total"), accounts.len().to_string());
    let id = |account: &Value| {
        account["azure_partner_customer_account"]["azure_customer_id"].as_str().unwrap().to_owned()
    };
    accounts.iter().map(id).collect()
}

fn several_tenants_to_one_customer(engine: Engine) {
    let api = Server::shared(engine).partner();
    let (acme, beta) = (named(&api, "Acme Corp"), named(&api, "Beta Corp"));
    let added = change(&api, "add", &acme, &["t-1", "T-2", " t-3 "]);
    assert_eq!(outcomes(&added), ["Acme Corp t-1", "Acme Corp T-2", "Acme Corp t-3"]);
    assert_eq!(added.header("content-type"), "application/json");
    assert_eq!(outcomes(&change(&api, "add", &beta, &["t-4"])), ["Beta Corp t-4"]);
    assert_eq!(held(&api, Some(&acme)), ["t-1", "T-2", "t-3"]);
    assert_eq!(held(&api, Some(&beta)), ["t-4"]);
    assert_eq!(held(&api, None), ["t-1", "T-2", "t-3", "t-4"]);
    // What it has, it may be given again; each counts once.
    assert_eq!(
        outcomes(&change(&api, "add", &acme, &["t-5", "t-1", "T-5"])),
        ["Acme Corp t-5", "Acme Corp t-1"]
    );

    // The filter finds a customer by every tenant that it holds.
    let found = |query: &str| {
        let body = api.get(&format!("/v2/customers?azure_customer_id={query}")).json();
        let ids: Vec<Value> =
            body["customers"].as_array().unwrap().iter().map(|found| found["id"].clone()).collect();
        ids
    };
    assert_eq!((found("t-2"), found("T-4"), found("t-9")), (vec![acme.clone()], vec![beta.clone()], vec![]));
    assert_eq!(
        api.get(&format!("/v2/customers/{acme}")).json()["azure_customer_id"],
        Value::Null,
        "it has none of its own"
    );

    let removed = change(&api, "remove", &acme, &["t-2", "t-1"]);
    assert_eq!(outcomes(&removed), ["Acme Corp T-2", "Acme Corp t-1"]);
    assert_eq!(held(&api, Some(&acme)), ["t-3", "t-5"]);
    assert_eq!(found("t-2"), Vec::<Value>::new());
    // Free for others.
    assert_eq!(outcomes(&change(&api, "add", &beta, &["t-1"])), ["Beta Corp t-1"]);

    // Pages.
    let page = api.get(&format!("{BASE}/list?per_page=3&page=2"));
    assert_eq!((page.header("x-total"), page.header("x-per-page")), ("4", "3"));
    assert_eq!(page.json()["azure_partner_customer_accounts"].as_array().unwrap().len(), 1);

    // A customer that goes frees all of them; what it held can be had at once.
    assert_eq!(api.delete(&format!("/v2/customers/{acme}")).status, 204);
    assert_eq!(api.get(&format!("{BASE}/list/{acme}")).status, 404);
    assert_eq!(held(&api, None), ["t-1", "t-4"]);
    let own =
        api.create(&customer(&json!({"name": "Gamma Corp", "address": ABSENT, "azure_customer_id": "t-3"})));
    assert_eq!(held(&api, Some(&own["id"])), ["t-3"]);

    // Each change stands in the audit trail.
    let events = api.get("/v2/audit_events?per_page=100").json();
    let count = |action: &str| {
        events["audit_events"].as_array().unwrap().iter().filter(|event| event["action"] == action).count()
    };
    assert_eq!((count("assignment.add"), count("assignment.remove")), (4, 1));
}

fn all_or_nothing(engine: Engine) {
    let api = Server::shared(engine).partner();
    let (acme, beta) = (named(&api, "Acme Corp"), named(&api, "Beta Corp"));
    outcomes(&change(&api, "add", &beta, &["taken"]));
    let refused = outcomes(&change(&api, "add", &acme, &["free-1", "TAKEN", "free-2"]));
    assert_eq!(refused, [format!("free-1: {LEFT}"), format!("TAKEN: {TAKEN}"), format!("free-2: {LEFT}")]);
    assert_eq!((held(&api, Some(&acme)), held(&api, Some(&beta))), (vec![], vec!["taken".to_owned()]));
    // A tenant that a refused request named for the first time is not known from it.
    assert_eq!(api.get("/v1/azure_partner_customers").header("x-total"), "1");

    outcomes(&change(&api, "add", &acme, &["mine-1", "mine-2"]));
    let refused = outcomes(&change(&api, "remove", &acme, &["mine-1", "taken", "unknown"]));
    assert_eq!(
        refused,
        [format!("mine-1: {LEFT}"), format!("taken: {NOT_FOUND}"), format!("unknown: {NOT_FOUND}")]
    );
    assert_eq!(held(&api, Some(&acme)), ["mine-1", "mine-2"]);
    assert_eq!(outcomes(&change(&api, "remove", &acme, &["mine-1"])), ["Acme Corp mine-1"], "the control");

    // With a directory: what is not found, and what is.
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let api = server.admin();
    let path = database.folder().join("tenants.json");
    std::fs::write(
        &path,
        r#"[{"id": "known-1", "name": "Contoso", "domain": "contoso.example"}, {"id": "known-2"}]"#,
    )
    .unwrap();
    let output =
        crate::directory::connect(&database, &["--kind", "file", "--path", path.to_str().unwrap()], "");
    assert!(output.status.success(), "{}", crate::directory::told(&output));
    let acme = named(&api, "Acme Corp");
    let refused = outcomes(&change(&api, "add", &acme, &["known-1", "unknown"]));
    assert_eq!(refused, [format!("known-1: {LEFT}"), format!("unknown: {NOT_FOUND}")]);
    assert_eq!(held(&api, None), Vec::<String>::new());
    // An address there is needed for a customer's own tenant alone.
    let added = change(&api, "add", &acme, &["known-1", "known-2"]);
    assert_eq!(outcomes(&added), ["Acme Corp known-1", "Acme Corp known-2"]);
    let account = &added.json()["azure_partner_customer_accounts"][0]["azure_partner_customer_account"];
    assert_eq!((&account["name"], &account["domain"]), (&json!("Contoso"), &json!("contoso.example")));
    assert!(account["created_at"].is_string() && account["updated_at"].is_string());
}

fn what_cannot_be_assigned_is_refused(engine: Engine) {
    let api = Server::shared(engine).partner();
    let acme = named(&api, "Acme Corp");
    let many: Vec<String> = (0..501).map(|number| format!("t-{number}")).collect();
    let mut failures = Failures::default();
    for (name, body, details) in [
        ("nothing", json!({}), "/azure_customer_ids required"),
        ("null", json!({"azure_customer_ids": null}), "/azure_customer_ids required"),
        ("an empty list", json!({"azure_customer_ids": []}), "/azure_customer_ids required"),
        ("a text", json!({"azure_customer_ids": "t-1"}), "/azure_customer_ids wrong_type"),
        ("an object", json!({"azure_customer_ids": {"a": 1}}), "/azure_customer_ids wrong_type"),
        ("501 of them", json!({"azure_customer_ids": many}), "/azure_customer_ids too_many"),
        (
            "every one that is wrong",
            json!({"azure_customer_ids": ["t-1", 2, "t_3", "x".repeat(65), null]}),
            "/azure_customer_ids/1 wrong_type, /azure_customer_ids/2 invalid, /azure_customer_ids/3 too_long, /azure_customer_ids/4 wrong_type",
        ),
    ] {
        for what in ["add", "remove"] {
            let answer = api.put(&format!("{BASE}/{what}/{acme}"), &body);
            let given = (answer.status, answer.details());
            let as_expected = given == (422, details.to_owned());
            failures.case(&format!("{what} {name}"), if as_expected { Ok(()) } else { Err(answer.text()) });
        }
    }
    for (name, id) in [
        ("unknown", json!(999_999_999)),
        ("zero", json!(0)),
        ("negative", json!(-1)),
        ("no number", json!("x")),
    ] {
        let id = id.as_str().map_or(id.to_string(), str::to_owned);
        for answer in [
            api.put(&format!("{BASE}/add/{id}"), &json!({"azure_customer_ids": ["t-1"]})),
            api.put(&format!("{BASE}/remove/{id}"), &json!({"azure_customer_ids": ["t-1"]})),
            api.get(&format!("{BASE}/list/{id}")),
        ] {
            failures.case(name, if answer.status == 404 { Ok(()) } else { Err(answer.text()) });
        }
    }
    failures.done(26);
    assert_eq!(held(&api, None), Vec::<String>::new());
    let most: Vec<&str> = many.iter().take(500).map(String::as_str).collect();
    assert_eq!(outcomes(&change(&api, "add", &acme, &most)).len(), 500);
    assert_eq!(api.call("POST", &format!("{BASE}/add/{acme}")).json(&json!({})).send().status, 405);
}

/// Two customers claim overlapping sets: one gets all of its own, the other nothing.
fn overlapping_claims_at_the_same_instant(engine: Engine) {
    let api = Server::shared(engine).partner();
    let customers = [named(&api, "Acme Corp"), named(&api, "Beta Corp")];
    let mut wins = [0, 0];
    for round in 0..50 {
        let tenant = |number: usize| format!("r{round}-{number}");
        // In opposite orders, so that they meet in the middle.
        let sets = [(0..8).map(tenant).collect::<Vec<_>>(), (4..12).rev().map(tenant).collect()];
        let start = Barrier::new(2);
        let claim = |who: usize| {
            let set: Vec<&str> = sets[who].iter().map(String::as_str).collect();
            start.wait();
            outcomes(&change(&api, "add", &customers[who], &set))
        };
        let claimed = std::thread::scope(|scope| {
            let other = scope.spawn(|| claim(1));
            [claim(0), other.join().unwrap()]
        });
        let won = [0, 1].map(|who| !claimed[who][0].contains(": "));
        assert!(won[0] != won[1], "{claimed:?}");
        let (winner, loser) = if won[0] { (0, 1) } else { (1, 0) };
        wins[winner] += 1;
        let mut expected = sets[winner].clone();
        expected.sort();
        let mut has = held(&api, Some(&customers[winner]));
        has.sort();
        assert_eq!(has, expected);
        assert_eq!(held(&api, Some(&customers[loser])), Vec::<String>::new());
        for (outcome, tenant) in claimed[loser].iter().zip(&sets[loser]) {
            let why = if sets[winner].contains(tenant) { TAKEN } else { LEFT };
            assert_eq!(*outcome, format!("{tenant}: {why}"));
        }
        let all: Vec<&str> = sets[winner].iter().map(String::as_str).collect();
        outcomes(&change(&api, "remove", &customers[winner], &all));
    }
    println!("{engine:?}: {wins:?} of 50");
}

fn a_customers_own_tenant(engine: Engine) {
    let api = Server::shared(engine).partner();
    let acme =
        api.create(&customer(&json!({"name": "Acme Corp", "address": ABSENT, "azure_customer_id": "own"})));
    let beta = named(&api, "Beta Corp");
    let path = format!("/v2/customers/{}", acme["id"]);
    assert_eq!(held(&api, Some(&acme["id"])), ["own"]);
    assert_eq!(outcomes(&change(&api, "add", &beta, &["own"])), [format!("own: {TAKEN}")]);
    outcomes(&change(&api, "add", &acme["id"], &["more"]));

    // Another one of its own: the first is free, what was assigned besides stays.
    assert_eq!(api.put(&path, &json!({"azure_customer_id": "other"})).status, 200);
    assert_eq!(held(&api, Some(&acme["id"])), ["more", "other"]);
    // One that it holds already may become its own.
    assert_eq!(api.put(&path, &json!({"azure_customer_id": "MORE"})).json()["azure_customer_id"], "MORE");
    assert_eq!(held(&api, Some(&acme["id"])), ["more"]);

    let before = api.get(&path);
    assert_eq!(outcomes(&change(&api, "remove", &acme["id"], &["more"])), ["Acme Corp more"]);
    let after = api.get(&path);
    assert_eq!(after.json()["azure_customer_id"], Value::Null);
    assert_ne!(after.header("etag"), before.header("etag"), "the customer has changed");
    assert_eq!(outcomes(&change(&api, "add", &beta, &["more"])), ["Beta Corp more"]);
    // What is assigned to another customer cannot be made one's own, and says so.
    let refused = api.put(&path, &json!({"azure_customer_id": "more"}));
    assert_eq!((refused.status, refused.details().as_str()), (422, "/azure_customer_id taken"));
    let body = customer(&json!({"name": "Gamma Corp", "address": ABSENT, "azure_customer_id": "more"}));
    assert_eq!(api.post("/v2/customers", &body).details(), "/azure_customer_id taken");
    // Its own again; deleted, it frees it.
    assert_eq!(api.put(&path, &json!({"azure_customer_id": "own"})).status, 200);
    assert_eq!(api.delete(&path).status, 204);
    assert_eq!(outcomes(&change(&api, "add", &beta, &["own"])), ["Beta Corp own"]);
}

fn only_those_who_may(engine: Engine) {
    let api = Server::shared(engine).partner();
    let acme = named(&api, "Acme Corp");
    let user = |path: &str, role: Option<&str>| {
        let mut body = json!({"email": format!("{}@example.com", role.unwrap_or("none"))});
        if let Some(role) = role {
            body["role"] = role.into();
        }
        let answer = api.post(path, &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        Api::new(api.address, answer.json()["api_key"].as_str().unwrap())
    };
    let access = api.put(&format!("/v2/customers/{acme}"), &json!({"classification": "managed_with_access"}));
    assert_eq!(access.status, 200);
    let [operator, viewer] = ["operator", "viewer"].map(|role| user("/v2/users", Some(role)));
    let customers = user(&format!("/v2/customers/{acme}/users"), None);
    for (who, read, write) in [(&operator, 200, 207), (&viewer, 200, 403), (&customers, 403, 403)] {
        for path in
            [format!("{BASE}/list"), format!("{BASE}/list/{acme}"), "/v1/azure_partner_customers".into()]
        {
            assert_eq!(who.get(&path).status, read, "{path}");
        }
        assert_eq!(change(who, "add", &acme, &["t-1"]).status, write);
        assert_eq!(change(who, "remove", &acme, &["t-1"]).status, write);
    }
    let nobody = api.call("GET", &format!("{BASE}/list")).authorization(None).send();
    assert_eq!(nobody.status, 401);
}

/// The migration that gives them theirs, as this engine gets it.
fn upgrade(engine: Engine) -> String {
    let (mine, theirs) = match engine {
        Engine::Sqlite => ("--sqlite ", "--postgres "),
        Engine::Postgres => ("--postgres ", "--sqlite "),
    };
    let lines = include_str!("../../../../migrations/0005_tenants_held.sql").lines();
    let lines = lines.filter(|l| !l.starts_with(theirs)).map(|l| l.strip_prefix(mine).unwrap_or(l));
    // Since then each partner counts its ids by itself.
    let lines: Vec<&str> =
        lines.filter(|l| !l.starts_with("UPDATE sequences") && !l.starts_with("SELECT setval")).collect();
    lines.join("\n")
}

/// Customers of before tenants had a table of their own hold theirs after the upgrade.
fn tenants_of_older_customers_are_held(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &[]);
    let by_tenant = |name: &str, azure: &str| {
        customer(&json!({"name": name, "address": ABSENT, "azure_customer_id": azure}))
    };
    let old = server.admin().create(&by_tenant("Old Corp", "Old-1"));
    server.kill();
    database.execute("DELETE FROM azure_tenants; DROP INDEX azure_tenants_used_address");
    database.execute(&upgrade(engine));
    let server = Server::start(&database, &[]);
    let api = server.admin();
    assert_eq!(held(&api, Some(&old["id"])), ["Old-1"]);
    assert_eq!(
        api.post("/v2/customers", &by_tenant("New Corp", "old-1")).details(),
        "/azure_customer_id taken"
    );
    let new = api.create(&by_tenant("New Corp", "new-1"));
    assert_eq!(held(&api, Some(&new["id"])), ["new-1"]);
}
