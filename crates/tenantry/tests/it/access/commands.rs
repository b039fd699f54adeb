//! `tenantry admin partner …` and `tenantry admin user …`, with and without `--json`.

use crate::support::{Api, Database, Engine, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::process::{Command, Output};

on_both_engines!(partners, users, what_goes_wrong_is_said);

fn ok(server: &Server, args: &[&str]) -> String {
    let output = server.run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn as_json(server: &Server, args: &[&str]) -> Value {
    let printed = ok(server, &[args, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{args:?}: {e}: {printed}"))
}

/// The key in a text that shows one.
fn key_in(printed: &str) -> &str {
    let keys: Vec<&str> = printed.split_whitespace().filter(|word| word.starts_with("tnt_")).collect();
    assert_eq!(keys.len(), 1, "{printed}");
    keys[0]
}

fn partners(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let made = as_json(&server, &["partner", "create", "Contoso", "--admin", "jane@contoso.example"]);
    let contoso = Api::new(server.address, made["api_key"].as_str().unwrap());
    assert_eq!(contoso.get("/v2/me").json()["partner"], json!({"id": 2, "name": "Contoso"}));
    let made = ok(&server, &["partner", "create", "Fabrikam", "--admin", "jane@fabrikam.example"]);
    let key = key_in(&made);
    let text = format!(
        "Fabrikam, with the admin jane@fabrikam.example\n\nThe admin's API key, shown only this once:\n\n    {key}\n"
    );
    assert_eq!(made, text);
    assert_eq!(
        Api::new(server.address, key).get("/v2/me").json()["partner"],
        json!({"id": 3, "name": "Fabrikam"})
    );

    let listed = |suspended: bool| {
        let expected = json!({"partners": [
            {"id": 1, "name": "default", "suspended": false},
            {"id": 2, "name": "Contoso", "suspended": suspended},
            {"id": 3, "name": "Fabrikam", "suspended": false},
        ]});
        assert_eq!(as_json(&server, &["partner", "list"]), expected);
        let mark = if suspended { "  (suspended)" } else { "" };
        let expected = format!("     1  default\n     2  Contoso{mark}\n     3  Fabrikam\n");
        assert_eq!(ok(&server, &["partner", "list"]), expected);
    };
    listed(false);
    assert_eq!(ok(&server, &["partner", "suspend", "Contoso"]), "Contoso is suspended\n");
    listed(true);
    assert_eq!(contoso.get("/v2/me").status, 403);
    assert_eq!(server.admin().get("/v2/me").status, 200, "others are not touched");
    assert_eq!(ok(&server, &["partner", "suspend", "--resume", " contoso "]), "Contoso is let in again\n");
    listed(false);
    assert_eq!(contoso.get("/v2/me").status, 200);
    for (args, suspended) in [
        (&["partner", "suspend", "Contoso"][..], true),
        (&["partner", "suspend", "Contoso", "--resume"], false),
    ] {
        assert_eq!(as_json(&server, args), json!({"id": 2, "name": "Contoso", "suspended": suspended}));
    }
    // Who did it is in the trail: the operator, who is no user.
    let events = contoso.trail("action=partner.");
    let told: Vec<&str> = events.iter().map(|e| e["action"].as_str().unwrap()).collect();
    let expected =
        ["partner.create", "partner.suspend", "partner.resume", "partner.suspend", "partner.resume"];
    assert_eq!(told, expected);
    // ... with the user of the operating system and the host.
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let origin = format!("command line: {}@{}", user.trim(), host.trim());
    assert!(events.iter().all(|event| event["origin"].as_str().unwrap().starts_with(&origin)), "{events:?}");
    assert!(events.iter().all(|event| event["user_id"].is_null()));
}

fn users(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let admin = server.admin();
    let id = admin.create(&customer(&json!({"classification": "managed_with_access"})))["id"].clone();
    let (of_customer, id) = (["--customer", &id.to_string()], id);

    let printed = ok(&server, &["user", "create", "ops@example.com", "--role", "operator", "--name", "Ops"]);
    assert!(
        printed.starts_with("ops@example.com (operator)\n\nIts API key, shown only this once:\n\n    tnt_"),
        "{printed}"
    );
    let ops = Api::new(server.address, key_in(&printed));
    assert_eq!(ops.get("/v2/me").json()["name"], "Ops");
    let args = [&["user", "create", "jane@acme.example"][..], &of_customer].concat();
    let made = as_json(&server, &args);
    assert_eq!((&made["role"], &made["customer_id"]), (&json!("customer"), &id));
    let jane = Api::new(server.address, made["api_key"].as_str().unwrap());
    assert_eq!(jane.get(&format!("/v2/customers/{id}")).status, 200);

    let users = as_json(&server, &["user", "list"]);
    let emails: Vec<&Value> = users["users"].as_array().unwrap().iter().map(|user| &user["email"]).collect();
    assert_eq!(emails, ["admin@localhost", "ops@example.com"]);
    assert!(users["users"].as_array().unwrap().iter().all(|user| user.get("api_key").is_none()));
    let args = [&["user", "list"][..], &of_customer].concat();
    assert_eq!(as_json(&server, &args)["users"][0]["email"], "jane@acme.example");
    assert_eq!(ok(&server, &args), "     3  customer  jane@acme.example\n");

    let printed = ok(&server, &["user", "rotate", "OPS@example.com"]);
    let rotated = Api::new(server.address, key_in(&printed));
    assert_eq!((ops.get("/v2/me").status, rotated.get("/v2/me").status), (401, 200));
    let args = [&["user", "rotate", "jane@acme.example"][..], &of_customer].concat();
    let again = Api::new(server.address, as_json(&server, &args)["api_key"].as_str().unwrap());
    assert_eq!((jane.get("/v2/me").status, again.get("/v2/me").status), (401, 200));

    assert_eq!(ok(&server, &["user", "revoke", "ops@example.com"]), "ops@example.com has no key any more\n");
    assert_eq!(rotated.get("/v2/me").status, 401);
    assert_eq!(
        ok(&server, &["user", "list"]),
        "     1  admin     admin@localhost\n     2  operator  ops@example.com  (no key)\n"
    );
    let args = [&["user", "revoke", "jane@acme.example"][..], &of_customer].concat();
    assert_eq!(as_json(&server, &args), json!({"id": 3, "email": "jane@acme.example", "has_api_key": false}));
    assert_eq!(again.get("/v2/me").status, 401);

    let told: Vec<String> = admin
        .trail("action=user.")
        .iter()
        .map(|event| format!("{} {}", event["action"].as_str().unwrap(), event["object"].as_str().unwrap()))
        .collect();
    let jane = format!("customers/{id}/users/3");
    let expected = [
        "user.create users/1".to_owned(),
        "user.create users/2".into(),
        format!("user.create {jane}"),
        "user.rotate_key users/2".into(),
        format!("user.rotate_key {jane}"),
        "user.revoke_key users/2".into(),
        format!("user.revoke_key {jane}"),
    ];
    assert_eq!(told, expected);

    let named = ["user", "keys", "create", "admin@localhost", "Nightly import"];
    let printed = ok(&server, &named);
    assert_eq!(Api::new(server.address, key_in(&printed)).get("/v2/me").status, 200);
    let printed = ok(&server, &[&named[..], &["--from", "192.0.2.0/24"]].concat());
    let elsewhere = Api::new(server.address, key_in(&printed)).get("/v2/me").status;
    assert_eq!(elsewhere, 403, "the control: it is good from there alone");
}

fn what_goes_wrong_is_said(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let cases: [(&[&str], &str); 16] = [
        (&["partner", "suspend", "Nobody"], "there is no partner named \"Nobody\""),
        (&["user", "list", "--partner", "Nobody"], "there is no partner named \"Nobody\""),
        (&["user", "list", "--customer", "77"], "there is no customer 77 there"),
        (&["user", "create", "a@b.example", "--customer", "77"], "there is no customer 77 there"),
        (&["user", "keys", "revoke", "admin@localhost", "nope"], "the key \"nope\": not found"),
        (&["user", "keys", "rotate", "admin@localhost", "nope"], "the key \"nope\": not found"),
        (&["user", "create", "a@b.example"], "role is required"),
        (
            &["user", "create", "a@b.example", "--role", "root"],
            "role must be one of admin, operator, billing, viewer, auditor",
        ),
        (
            &["user", "create", "a@b.example", "--role", "viewer,root"],
            "roles[1] must be one of admin, operator",
        ),
        (&["user", "create", "a", "--role", "viewer"], "email must be an e-mail address"),
        (&["user", "create", "ADMIN@localhost", "--role", "viewer"], "email has already been taken"),
        (&["user", "rotate", "nobody@example.com"], "there is no user \"nobody@example.com\""),
        (&["user", "revoke", "nobody@example.com"], "there is no user \"nobody@example.com\""),
        (&["user", "revoke", "admin@localhost"], "this is the partner's last admin with a key"),
        (&["audit", "verify", "--partner", "Nobody"], "there is no partner named \"Nobody\""),
        (&["user", "divest", "admin@localhost"], "unrecognized subcommand"),
    ];
    for (args, why) in cases {
        let Output { status, stdout, stderr } = server.run(args);
        let said = String::from_utf8_lossy(&stderr);
        assert!(!status.success() && said.contains(why), "{args:?}: {said}");
        assert!(stdout.is_empty() && !said.contains("panicked"), "{args:?}: {said}");
    }
    assert_eq!(server.admin().get("/v2/me").status, 200);
}
