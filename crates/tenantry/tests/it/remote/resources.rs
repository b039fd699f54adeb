//! Each resource, from its list to its end.

use super::Desk;
use crate::billing::{Scene, line};
use crate::console::branding::{PNG, picture};
use crate::support::{CLIENT, Database, Engine, NOW, Provider, SECRET, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    customers,
    tags,
    users,
    sign_in_providers,
    tenants,
    branding,
    price_rules,
    rules_are_tried,
    audit_events,
    bill_runs_and_statements,
);

fn id_of(value: &Value) -> String {
    value["id"].to_string()
}

fn customers(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    let create = [
        "customers",
        "create",
        "--name",
        "Acme Corp",
        "--street1",
        "1 Main St",
        "--city",
        "Springfield",
        "--state",
        "MA",
        "--zipcode",
        "01234",
        "--country",
        "US",
        "--tag",
        "region=us",
        "--tag",
        "vip",
        "--margin-percentage",
        "12.5",
        "--billing-enabled",
        "true",
        "--billing-folder",
        "bills/acme",
        "--billing-contact",
        "jane@acme.example",
        "--trial-expiration-date",
        "2016-12-01",
    ];
    let would = desk.ok(&[&create[..], &["--dry-run"]].concat());
    assert!(
        would.contains("would create this customer") && would.contains(r#""zipcode": "01234""#),
        "{would}"
    );
    assert_eq!(api.get("/v2/customers").header("x-total"), "0", "a dry run sends nothing");
    let made = desk.json(&create);
    let id = id_of(&made);
    let expected = json!({
        "name": "Acme Corp", "margin_percentage": 12.5, "billing_contact": "jane@acme.example",
        "trial_expiration_date": "2016-12-01T00:00:00Z",
        "partner_billing_configuration": {"enabled": true, "folder": "bills/acme"},
        "address": {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"},
        "tags": [{"key": "region", "value": "us"}, {"key": "vip", "value": ""}],
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(made[field], *value, "{field}");
    }

    // From a file and standard input; options come before what they say.
    desk.write("customer.json", customer(&json!({"name": "From a file"})).to_string());
    assert_eq!(desk.json(&["customers", "create", "--file", "customer.json"])["name"], "From a file");
    let input = customer(&json!({"name": "From a file"})).to_string();
    let named = ["customers", "create", "--file", "-", "--name", "From a pipe", "--format", "{name}"];
    assert_eq!(desk.run_with(&named, &input).ok(), "From a pipe\n");
    desk.run_with(&named, &input[..40]).fails(3, "standard input: line 1, column");
    desk.run_with(&named, "[]").fails(3, "must hold a JSON object");
    let dry =
        desk.run(&["customers", "create", "--name", "A", "--country", "US", "--city", "B", "--dry-run"]);
    dry.fails(3, "address.street1 is required\n  address.state is required");

    // A part of an address is completed by the rest of it.
    let update = ["customers", "update", &id, "--city", "Boston", "--zipcode", "02108"];
    let would = desk.ok(&[&update[..], &["--dry-run"]].concat());
    assert_eq!(
        would,
        "would change address.city: Springfield → Boston\nwould change address.zipcode: 01234 → 02108\n"
    );
    assert_eq!(desk.json(&["customers", "get", &id]), made);
    let changed = desk.json(&update);
    assert_eq!(changed["address"]["city"], "Boston");
    assert_eq!(changed["address"]["street1"], "1 Main St");
    let cleared =
        desk.json(&["customers", "update", &id, "--clear", "trial_expiration_date", "--clear", "tags"]);
    assert_eq!((cleared.get("trial_expiration_date"), &cleared["tags"]), (None, &json!([])));
    let same = desk.ok(&["customers", "update", &id, "--name", "Acme Corp", "--dry-run"]);
    assert_eq!(same, format!("customer {id} has these values already\n"));

    let would = desk.ok(&["customers", "delete", &id, "--dry-run"]);
    assert_eq!(would, format!("would delete customer {id} (Acme Corp)\n"));
    let ids = desk.ok(&["customers", "list", "--format", "{id}"]);
    let deleted = desk.run_with(&["customers", "delete", "-"], ids).ok();
    assert_eq!(deleted.lines().count(), 3, "{deleted}");
    assert_eq!(api.get("/v2/customers").header("x-total"), "0");
    desk.run(&["customers", "delete", &id]).fails(5, "there is no such object");
}

fn tags(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    let id = id_of(&api.create(&customer(&json!({"tags": [{"key": "region", "value": "us"}]}))));
    let would = desk.json(&["tags", "set", &id, "region=emea", "vip", "--dry-run"]);
    let expected = json!([{"key": "region", "value": "emea"}, {"key": "vip", "value": ""}]);
    assert_eq!(would, expected);
    assert_eq!(desk.json(&["tags", "list", &id]), json!([{"key": "region", "value": "us"}]));
    assert_eq!(desk.json(&["tags", "set", &id, "region=emea", "vip"]), expected);
    assert_eq!(api.get(&format!("/v2/customers/{id}")).json()["tags"], expected);
    api.create(&customer(&json!({"name": "Other", "tags": [{"key": "region", "value": "emea"}]})));
    assert_eq!(
        desk.ok(&["tags", "list"]),
        "KEY     VALUE  CUSTOMERS\nregion  emea           2\nvip                    1\n"
    );
    assert_eq!(desk.json(&["tags", "remove", &id, "vip"]), json!([{"key": "region", "value": "emea"}]));
    let many: Vec<String> = (0..21).map(|n| format!("t{n}")).collect();
    let many: Vec<&str> = ["tags", "set", &id].into_iter().chain(many.iter().map(String::as_str)).collect();
    desk.run(&many).fails(3, "tags has 22 entries, at most 20 are allowed");
}

fn sign_in_providers(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW, "--allow-egress", "127.0.0.1"]);
    let desk = Desk::of(&server.admin());
    let provider = Provider::start();
    desk.run(&["sign-in-providers", "get", "partner"]).fails(5, "there is no such object");
    desk.write("secret", format!("{SECRET}\n"));
    let set = ["sign-in-providers", "set", "partner", "--issuer", &provider.url, "--client-id", CLIENT];
    desk.run(&set).fails(3, "client_secret is required");
    let with_secret = [&set[..], &["--client-secret-file", "secret"]].concat();
    let would = desk.ok(&[&with_secret[..], &["--dry-run"]].concat());
    assert!(
        would.starts_with("would set the sign-in provider of partner") && !would.contains(SECRET),
        "{would}"
    );
    let shown = json!({"issuer": provider.url, "client_id": CLIENT, "allowed_domains": []});
    assert_eq!(desk.json(&with_secret), shown);
    let changed = desk.json(&[&set[..], &["--allowed-domain", "contoso.com"]].concat());
    assert_eq!(changed["allowed_domains"], json!(["contoso.com"]), "the secret is kept");
    assert_eq!(desk.json(&["sign-in-providers", "get", "partner"]), changed);
    let remove = ["sign-in-providers", "remove", "partner"];
    desk.ok(&[&remove[..], &["--dry-run"]].concat());
    desk.ok(&[&remove[..], &["--yes"]].concat());
    desk.run(&remove).fails(5, "there is no such object");
}

fn users(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    let customer = id_of(&api.create(&customer(&json!({"classification": "managed_with_access"}))));
    let create = ["users", "create", "jane@example.com", "--role", "operator,billing", "--name", "Jane"];
    desk.ok(&[&create[..], &["--dry-run"]].concat());
    let printed = desk.ok(&create);
    let key = printed.split_whitespace().find(|word| word.starts_with("tnt_")).unwrap().to_owned();
    assert!(printed.starts_with("jane@example.com (operator, billing), user "), "{printed}");
    let jane = Desk::of(&api.with_key(&key));
    assert_eq!(jane.json(&["whoami"])["roles"], json!(["operator", "billing"]));
    let id = jane.ok(&["whoami", "--format", "{id}"]).trim().to_owned();
    assert_eq!(desk.json(&["users", "update", &id, "--role", "viewer"])["roles"], json!(["viewer"]));
    assert_eq!(desk.json(&["users", "get", &id])["name"], "Jane");
    let rotated = desk.ok(&["users", "rotate-key", &id, "--format", "{api_key}"]);
    assert_eq!(jane.run(&["whoami"]).code, Some(4));
    let jane = Desk::of(&api.with_key(rotated.trim()));
    jane.ok(&["whoami"]);
    assert_eq!(
        desk.ok(&["users", "revoke-key", &id, "--dry-run"]),
        format!("would take all keys away from user {id} (jane@example.com)\n")
    );
    jane.ok(&["whoami"]);
    desk.ok(&["users", "revoke-key", &id, "--yes"]);
    assert_eq!(jane.run(&["whoami"]).code, Some(4));
    let listed = desk.ok(&["users", "list", "--format", "{email} {has_api_key}"]);
    assert_eq!(listed, "a@example.com true\njane@example.com false\n");
    let create =
        ["users", "keys", "create", &id, "Nightly import", "--role", "viewer", "--from", "127.0.0.0/8"];
    let printed = desk.ok(&create);
    assert!(printed.starts_with("Nightly import, key "), "{printed}");
    let key = printed.split_whitespace().find(|word| word.starts_with("tnt_")).unwrap();
    let nightly = Desk::of(&api.with_key(key));
    assert_eq!(nightly.json(&["whoami"])["roles"], json!(["viewer"]));
    let key_id = &key[4..12];
    let listed = desk.ok(&["users", "keys", "list", &id, "--format", "{id} {name} {allowed_addresses}"]);
    assert_eq!(listed, format!("{key_id} Nightly import 127.0.0.0/8\n"));
    let rotate = ["users", "keys", "rotate", &id, key_id, "--overlap", "60", "--format", "{api_key}"];
    let rotated = Desk::of(&api.with_key(desk.ok(&rotate).trim()));
    for each in [&nightly, &rotated] {
        each.ok(&["whoami"]);
    }
    desk.run(&["users", "keys", "rotate", &id, "../api_key"]).fails(3, "letters and digits");
    let new_id = desk.json(&["users", "keys", "list", &id])[0]["id"].as_str().unwrap().to_owned();
    let revoke = ["users", "keys", "revoke", &id, &new_id];
    assert_eq!(
        desk.ok(&[&revoke[..], &["--dry-run"]].concat()),
        format!("would revoke the key {new_id} (Nightly import) of user {id}\n")
    );
    desk.ok(&[&revoke[..], &["--yes"]].concat());
    for each in [&nightly, &rotated] {
        assert_eq!(each.run(&["whoami"]).code, Some(4));
    }
    assert_eq!(desk.json(&["users", "keys", "list", &id]), json!([]));
    assert_eq!(
        desk.ok(&["users", "unlink", &id, "--dry-run"]),
        format!("would unlink user {id} (jane@example.com)\n")
    );
    desk.ok(&["users", "unlink", &id, "--yes"]);
    desk.ok(&["users", "delete", &id]);
    assert_eq!(desk.json(&["users", "list"]).as_array().unwrap().len(), 1);

    let joe = desk.json(&["users", "create", "joe@acme.example", "--customer", &customer]);
    assert_eq!(
        (&joe["role"], id_of(&json!({"id": joe["customer_id"]}))),
        (&json!("customer"), customer.clone())
    );
    let joe = Desk::of(&api.with_key(joe["api_key"].as_str().unwrap()));
    assert_eq!(joe.json(&["customers", "get", &customer])["name"], "Acme Corp");
    joe.run(&["customers", "list"]).fails(4, "this is not allowed");
    assert_eq!(desk.json(&["users", "list", "--customer", &customer]).as_array().unwrap().len(), 1);
}

fn tenants(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    let id = id_of(&api.create(&customer(&json!({}))));
    let other = id_of(&api.create(&customer(&json!({"name": "Other"}))));
    assert_eq!(
        desk.ok(&["tenants", "assign", &id, "34fdg", "35abc", "--dry-run"]),
        format!("would assign 34fdg, 35abc to customer {id}\n")
    );
    assert_eq!(desk.json(&["tenants", "assignments"]), json!([]));
    assert_eq!(desk.json(&["tenants", "assign", &id, "34fdg", "35abc"]).as_array().unwrap().len(), 2);
    desk.run(&["tenants", "assign", &other, "34fdg", "36new"])
        .fails(3, "nothing was changed\n  34fdg: azure_customer_id has already been taken\n  36new: ");
    let tenants =
        ["tenants", "assignments", &id, "--format", "{azure_partner_customer_account.azure_customer_id}"];
    assert_eq!(desk.ok(&tenants), "34fdg\n35abc\n");
    desk.ok(&["tenants", "unassign", &id, "34fdg"]);
    assert_eq!(desk.ok(&tenants), "35abc\n");
    desk.run(&["tenants", "assign", "999999", "36new"]).fails(5, "there is no such object");
    desk.json(&["tenants", "list", "--unassigned"]);
}

fn price_rules(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    let create = ["price-rules", "create", "--name", "Azure", "--kind", "margin", "--percentage", "15"];
    desk.ok(&[&create[..], &["--dry-run"]].concat());
    let id = id_of(&desk.json(&create));
    assert_eq!(desk.json(&["price-rules", "list"]).as_array().unwrap().len(), 1);
    desk.write("rule.json", r#"{"name": "Seats", "kind": "fixed", "price": "1", "currency": "EUR"}"#);
    let fixed = desk.json(&["price-rules", "create", "--file", "rule.json", "--price", "12.50"]);
    assert_eq!(fixed["price"], "12.5");
    let changed =
        desk.json(&["price-rules", "update", &id, "--percentage", "17.5", "--effective-until", "2027-01-01"]);
    assert_eq!((&changed["percentage"], &changed["effective_until"]), (&json!("17.5"), &json!("2027-01-01")));
    let changed = desk.json(&["price-rules", "update", &id, "--clear", "effective_until"]);
    assert_eq!(changed.get("effective_until"), None);
    assert_eq!(desk.json(&["price-rules", "get", &id]), changed);
    assert_eq!(desk.ok(&["price-rules", "delete", &id]), format!("price rule {id} (Azure) is deleted\n"));
    desk.run(&["price-rules", "get", &id]).fails(5, "there is no such object");
}

fn rules_are_tried(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 20.0);
    let desk = Desk::of(&scene.api);
    let tried = ["price-rules", "try", "--name", "x", "--kind", "markup", "--percentage", "50"];
    desk.run(&tried).fails(6, "none was billed yet");
    let source = scene.invoice("october.csv", &[line("acme", "Storage", "100")]);
    scene.run("2026-10", &[&source], &json!({}));
    let said = desk.ok(&tried);
    for words in [
        "CUSTOMER  NAME  CHARGE  WITH THE RULE  DIFFERENCE  CURRENCY\n",
        "tried on 2026-10 by the files of bill run",
        "1 would change, 0 would stay as they are\n",
        "all bills: 125.00 → 150.00 USD (25.00)\n",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let whole = desk.json(&tried);
    assert_eq!(whole["changes"][0]["customer_id"], acme, "{whole}");
    let line = [&tried[..], &["--format", "{name}: {charge} {charge_with_rule}"]].concat();
    assert_eq!(desk.ok(&line), "Acme: 125 150\n");
    assert_eq!(desk.json(&["price-rules", "list"]), json!([]), "nothing is saved");
    // A change of a rule that is stored.
    let id = id_of(&desk.json(&[&["price-rules", "create"], &tried[2..]].concat()));
    let changed = ["price-rules", "try", &id, "--percentage", "0"];
    assert!(desk.ok(&changed).contains("all bills: 150.00 → 100.00 USD (-50.00)\n"));
    desk.run(&["price-rules", "try", &id]).fails(3, "nothing is named that is to change");
    desk.run(&["price-rules", "try", &id, "--clear", "nmae"]).fails(3, "did you mean name?");
    desk.run(&["price-rules", "try", "999999", "--percentage", "1"]).fails(5, "there is no such object");
}

fn branding(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    let get = ["branding", "get"];
    assert_eq!(desk.json(&get), json!({"name": "", "colour": "", "portal_host": "", "logo": null}));
    let set = ["branding", "set", "--name", "Contoso Cloud", "--colour", "#1f5fbf"];
    let would = desk.ok(&[&set[..], &["--dry-run"]].concat());
    assert!(
        would.starts_with("would set the branding to this:") && would.contains("Contoso Cloud"),
        "{would}"
    );
    assert_eq!(desk.json(&get)["name"], "", "a dry run sends nothing");
    assert_eq!(desk.json(&set)["colour"], "#1f5fbf");
    // What is not named stays.
    let named = desk.json(&["branding", "set", "--name", "Contoso"]);
    assert_eq!((&named["name"], &named["colour"]), (&json!("Contoso"), &json!("#1f5fbf")));
    let cleared = desk.json(&["branding", "set", "--clear", "colour"]);
    assert_eq!((&cleared["name"], &cleared["colour"]), (&json!("Contoso"), &json!("")));
    desk.run(&["branding", "set"]).fails(3, "nothing is named that is to change");
    desk.run(&["branding", "set", "--colour", "blue"]).fails(3, "colour must be a colour");

    desk.run(&["branding", "remove-logo"]).fails(5, "there is no logo");
    desk.write("logo.png", picture(PNG));
    let would = desk.ok(&["branding", "set-logo", "logo.png", "--dry-run"]);
    assert_eq!(would, format!("would send logo.png as the logo: {} bytes\n", picture(PNG).len()));
    assert_eq!(desk.json(&get)["logo"], json!(null));
    let logo = desk.json(&["branding", "set-logo", "logo.png"])["logo"].clone();
    assert_eq!((&logo["width"], &logo["height"]), (&json!(24), &json!(12)));
    desk.write("logo.svg", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
    desk.run(&["branding", "set-logo", "logo.svg"]).fails(3, "of the type PNG or WebP");
    desk.run(&["branding", "set-logo", "missing.png"]).fails(3, "cannot read missing.png");
    assert_eq!(desk.json(&get)["logo"], logo, "what was refused changes nothing");
    assert_eq!(desk.ok(&["branding", "remove-logo", "--dry-run"]), "would remove the logo\n");
    assert_eq!(desk.ok(&["branding", "remove-logo", "--yes"]), "the logo is removed\n");
    assert_eq!(desk.json(&get)["logo"], json!(null));
}

fn audit_events(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    let id = id_of(&api.create(&customer(&json!({}))));
    api.put(&format!("/v2/customers/{id}"), &json!({"name": "Renamed"}));
    let object = format!("customers/{id}");
    let events = desk.json(&["audit", "list", "--object", &object]);
    let actions: Vec<&str> =
        events.as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["customer.create", "customer.update"]);
    assert_eq!(
        desk.ok(&["audit", "list", "--action", "customer.create", "--format", "{object}"]),
        format!("{object}\n")
    );
    assert_eq!(desk.json(&["audit", "list", "--since", "2030-01-01"]), json!([]));
}

fn bill_runs_and_statements(engine: Engine) {
    let scene = Scene::new(engine);
    let desk = Desk::of(&scene.api);
    let acme = scene.billed("Acme", "acme", 20.0).to_string();
    let source = scene.invoice("october.csv", &[line("acme", "a", "8"), line("nobody", "b", "2")]);
    let create = ["bill-runs", "create", "--period", "2026-10", &source];
    let would = desk.ok(&[&create[..], &["--dry-run"]].concat());
    assert!(would.contains("would start this bill run"), "{would}");
    assert_eq!(desk.json(&["bill-runs", "list"]), json!([]));
    let printed = desk.ok(&[&create[..], &["--watch"]].concat());
    assert!(printed.contains("of 2026-10: succeeded, draft\n") && printed.contains("Acme"), "{printed}");
    assert!(printed.contains("USD: 2 lines, charged 10.00; not billed: a cost of 2.00"), "{printed}");
    let runs = desk.json(&["bill-runs", "list", "--period", "2026-10"]);
    let run = id_of(&runs[0]);
    assert_eq!(desk.json(&["bill-runs", "get", &run])["state"], "succeeded");
    let broken = scene.write("broken.csv", b"this is no invoice\n");
    let failed = desk.run(&["bill-runs", "create", "--period", "2026-11", &broken, "--watch"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(
        failed.stderr.contains("error: ")
            && failed.stderr.contains("the run has failed; no bill was changed"),
        "{failed:?}"
    );

    let statements = desk.json(&["statements", "list", "--customer", &acme]);
    let statement = id_of(&statements[0]);
    assert_eq!(
        desk.ok(&[
            "statements",
            "list",
            "--format",
            "{billing_period} {total_amount} {currency.name} {status}"
        ]),
        "2026-10 10.0 USD Estimated\n"
    );
    let said = desk.ok(&["statements", "download", &statement, "--folder", "october"]);
    assert!(said.contains("october/bill.csv  "), "{said}");
    let path = format!("/v1/customer_statements/{statement}/files/bill.csv");
    assert_eq!(desk.read("october/bill.csv").as_bytes(), scene.api.get(&path).body);
    let printed = desk.ok(&["statements", "download", &statement, "--file", "bill.csv", "--folder", "-"]);
    assert_eq!(printed, desk.read("october/bill.csv"));
    desk.run(&["statements", "download", &statement, "--file", "bil.csv"])
        .fails(5, "has no file \"bil.csv\"; it has ");
    desk.run(&["statements", "download", &statement, "--folder", "-"]).fails(3, "name it with --file");

    let would = desk.ok(&["bill-runs", "finalize", &run, "--dry-run"]);
    assert_eq!(would, format!("would finalize bill run {run} of 2026-10, which is succeeded\n"));
    let publish = desk.ok(&["bill-runs", "publish", &run]);
    assert!(publish.contains("succeeded, published"), "{publish}");
    desk.run(&["bill-runs", "finalize", &run]).fails(3, "There is no terminal to ask on: say --yes");
    desk.ok(&["bill-runs", "finalize", &run, "--watch", "--yes"]);
    assert_eq!(
        desk.ok(&["statements", "list", "--status", "Final", "--format", "{id}"]),
        format!("{statement}\n")
    );
    desk.run(&["bill-runs", "cancel", &run, "--yes"]).fails(6, "");
    assert_eq!(desk.run(&["bill-runs", "withdraw", &run, "--yes"]).code, Some(6), "final statements stay");
    let void = ["bill-runs", "void", &run, "--reason", "a mistake", "--customer", &acme];
    desk.run(&void).fails(3, "say --yes");
    let voided = desk.ok(&[&void[..], &["--watch", "--yes"]].concat());
    assert!(voided.contains("succeeded, void"), "{voided}");
}
