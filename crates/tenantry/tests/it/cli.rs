//! The command line: keys at the first start, partners, and what is said when something is wrong.

use crate::support::{Api, Database, Engine, Server, command, customer, on_both_engines};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

const CHOSEN: &str = "a-key-that-an-operator-has-chosen-1234";

on_both_engines!(
    the_first_start_shows_a_key_that_works_and_later_ones_show_none,
    a_chosen_key_works_and_is_not_shown,
    a_partner_is_made_with_an_admin,
    partners_names_are_unique,
);

fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn the_first_start_shows_a_key_that_works_and_later_ones_show_none(engine: Engine) {
    let database = Database::new(engine);
    let mut first = Server::start_as(&database, &[], |_| {});
    let address = first.address;
    first.signal("TERM");
    let printed = first.wait().1;
    let key = printed.split_whitespace().find(|word| word.starts_with("tnt_")).unwrap().to_owned();
    assert!(printed.contains(&format!("curl -i http://{address}/v2/customers")), "{printed}");
    assert!(!first.log().contains(&key));

    let mut second = Server::start_as(&database, &[], |_| {});
    assert_eq!(Api::new(second.address, &key).get("/v2/customers").status, 200);
    second.signal("TERM");
    let printed = second.wait().1;
    assert!(!printed.contains("tnt_"), "{printed}");
}

fn a_chosen_key_works_and_is_not_shown(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start_as(&database, &[], |command| {
        command.env("TENANTRY_BOOTSTRAP_KEY", CHOSEN).env("TENANTRY_LOG", "trace");
    });
    assert_eq!(Api::new(server.address, CHOSEN).get("/v2/customers").status, 200);
    server.signal("TERM");
    let printed = server.wait().1;
    assert!(!printed.contains(CHOSEN) && printed.contains("$TENANTRY_BOOTSTRAP_KEY"), "{printed}");
    assert!(!server.log().contains(CHOSEN));
}

#[test]
fn a_chosen_key_that_is_too_weak_stops_the_start() {
    let database = Database::new(Engine::Sqlite);
    for (key, why) in [("too-weak", "at least 32 characters"), (&"ü".repeat(40), "visible ASCII")] {
        let output =
            command(database.folder(), &["serve", "--listen", "127.0.0.1:0", "--database", &database.url])
                .env("TENANTRY_BOOTSTRAP_KEY", key)
                .output()
                .unwrap();
        assert!(!output.status.success());
        let said = said(&output);
        assert!(
            said.contains("TENANTRY_BOOTSTRAP_KEY") && said.contains(why) && !said.contains(key),
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
}

fn a_partner_is_made_with_an_admin(engine: Engine) {
    let database = Database::new(engine);
    let args =
        ["partner", "create", " Contoso  Ltd ", "--admin", "Jane@Example.com", "--database", &database.url];
    let output = run(database.folder(), &args);
    assert!(output.status.success(), "{}", said(&output));
    let mut printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let key = printed["api_key"].take();
    let expected = json!({
        "partner": {"id": 1, "name": "Contoso  Ltd"}, "user": {"id": 1, "email": "Jane@Example.com"}, "api_key": null,
    });
    assert_eq!(printed, expected);

    // A server that finds a partner makes none.
    let mut server = Server::start_as(&database, &[], |_| {});
    let api = Api::new(server.address, key.as_str().unwrap());
    api.create(&customer(&json!({})));
    server.signal("TERM");
    assert!(!server.wait().1.contains("tnt_"));
}

fn partners_names_are_unique(engine: Engine) {
    let database = Database::new(engine);
    let create = |name: &str, email: &str| {
        run(database.folder(), &["partner", "create", name, "--admin", email, "--database", &database.url])
    };
    assert!(create("Contoso", "a@example.com").status.success());
    for (name, email, why) in [
        ("Contoso", "b@example.com", "name has already been taken"),
        (" CONTOSO ", "b@example.com", "name has already been taken"),
        ("", "b@example.com", "name is required"),
        ("Fabrikam", "nobody", "email must be an e-mail address"),
        ("a\nb", "nobody", "name must not contain control characters"),
    ] {
        let output = create(name, email);
        let said = said(&output);
        assert!(!output.status.success() && said.contains(why), "{name:?} {email}: {said}");
        assert!(output.stdout.is_empty(), "{name:?}");
    }
    // A refusal leaves nothing behind.
    assert!(create("Fabrikam", "a@example.com").status.success());
}

#[test]
fn what_cannot_be_served_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("t.db").display());
    let none = format!("sqlite:{}", folder.path().display());
    for (args, why) in [
        (
            &["serve", "--listen", "127.0.0.1:0", "--database", "mysql://localhost/t"][..],
            "must start with sqlite: or postgres://",
        ),
        (&["serve", "--listen", "127.0.0.1:0", "--database", &none], "cannot open the database"),
        (&["serve", "--listen", &taken, "--database", &url], "choose another address with --listen"),
        (&["serve", "--listen", "here", "--database", &url], "invalid value 'here'"),
        (&["serve", "--cors-origin", "*"], "name each one"),
        (&["serve", "--cors-origin", "https://a.example,null"], "'null' is the origin of any local file"),
        (&["serve", "--cors-origin", "not an origin"], "such as https://console.example.com"),
        (&["serve", "--trusted-proxies", "10.0.0.0/40"], "\"10.0.0.0/40\" is neither an address nor a range"),
        (&["serve", "--public-url", "tenantry.example.com"], "must start with https:// or http://"),
        (&["serve", "--write-timeout", "0"], "--write-timeout"),
        (&["serve", "--max-connections-per-address", "0"], "--max-connections-per-address"),
        (&["serve", "--at", "2016-09-15"], "--sandbox"),
        (&["serve", "--sandbox", "--at", "yesterday"], "--at must be an ISO 8601 date"),
        (&["serve", "--request-timeout", "0"], "--request-timeout"),
        (&["partner", "create", "Contoso"], "--admin"),
        (&["divest"], "unrecognized subcommand"),
    ] {
        let output = run(folder.path(), args);
        let said = said(&output);
        assert!(!output.status.success() && said.contains(why), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
