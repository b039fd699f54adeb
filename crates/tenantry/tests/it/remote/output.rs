//! Tables, JSON, CSV and templates; what is said when something is wrong.

use super::Desk;
use crate::support::{Engine, Server, customer};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

/// More than a page.
const COUNT: usize = 130;

#[test]
fn lists_have_all_pages_in_every_form() {
    let api = Server::shared(Engine::Sqlite).partner();
    for number in 0..COUNT {
        api.create(&customer(&json!({"name": format!("Customer {number}"), "tags": [{"key": "n", "value": number.to_string()}]})));
    }
    api.create(&customer(&json!({"name": "=cmd|' /C calc'!A0", "classification": "managed_with_access"})));
    let desk = Desk::of(&api);
    let listed = desk.json(&["customers", "list"]);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), COUNT + 1);
    let first = &listed[0];
    assert_eq!(
        *first,
        api.get(&format!("/v2/customers/{}", first["id"])).json(),
        "JSON is all that the API says"
    );

    let table = desk.ok(&["customers", "list"]);
    let mut lines = table.lines();
    let titles: Vec<&str> =
        lines.next().unwrap().split("  ").map(str::trim).filter(|title| !title.is_empty()).collect();
    assert_eq!(titles, ["ID", "NAME", "TENANT", "CITY", "COUNTRY", "MANAGED", "TRIAL UNTIL", "TAGS"]);
    assert_eq!(lines.clone().count(), COUNT + 1);
    assert!(
        lines.next().unwrap().ends_with("Springfield  US       without_access               n=0"),
        "{table}"
    );

    let csv = desk.ok(&["customers", "list", "--csv"]);
    assert!(csv.starts_with("id,generated_external_id,name,azure_customer_id,address.street1,"), "{csv}");
    assert_eq!(csv.lines().count(), COUNT + 2);
    assert!(csv.contains(",'=cmd|' /C calc'!A0,"), "a spreadsheet would run it");
    let names =
        desk.ok(&["customers", "list", "--format", r"{name}\t{address.city}\t{tags}", "--q", "customer 12"]);
    let expected: Vec<String> = [12, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129]
        .map(|n| format!("Customer {n}\tSpringfield\tn={n}"))
        .into();
    assert_eq!(names.lines().collect::<Vec<_>>(), expected);
    for (args, count) in [
        (&["--limit", "3"][..], 3),
        (&["--limit", "101"], 101),
        (&["--tag", "n=7"], 1),
        (&["--tag", "n"], COUNT),
        (&["--classification", "managed_with_access"], 1),
        (&["--trial", "active"], 0),
        (&["--partner-billing", "false", "--updated-since", "2016-09-15"], COUNT + 1),
    ] {
        let found = desk.json(&[&["customers", "list"], args].concat());
        assert_eq!(found.as_array().unwrap().len(), count, "{args:?}");
    }
    let none = desk.run(&["customers", "list", "--q", "nobody"]);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "There are no customers.\n"));
    assert_eq!(desk.ok(&["tags", "list", "--csv"]).lines().count(), COUNT + 1);

    // A reader that goes away ends the command, and is no failure.
    let mut child =
        desk.command(&["customers", "list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("ID") || line.trim_start().starts_with("ID"), "{line}");
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
}

#[test]
fn what_is_wrong_is_said_in_one_line_and_with_a_status() {
    let server = Server::shared(Engine::Sqlite);
    let api = server.partner();
    let id = api.create(&customer(&json!({})))["id"].to_string();
    let (_, viewer) = api.colleague("viewer");
    let desk = Desk::of(&api);
    for (args, code, why) in [
        (&["customers", "get", "999999"][..], 5, "there is no such object"),
        (&["customers", "get", "acme"], 3, "\"acme\" is not an id"),
        (&["customers", "list", "--trial", "soon"], 2, "[possible values: active, expired, none]"),
        (&["customers", "list", "--updated-since", "soon"], 3, "updated_since must be"),
        (&["customers", "list", "--format", "{nmae}"], 3, "did you mean {name}?"),
        (&["customers", "list", "--json", "--csv"], 2, "cannot be used with"),
        (
            &["customers", "create", "--name", "Acme Corp"],
            3,
            "the server refuses this:\n  name has already been taken\n  azure",
        ),
        (&["customers", "create", "--file", "none.json"], 3, "cannot read none.json"),
        (&["customers", "create", "--margin-percentage", "ten"], 3, "must be a number such as 12.5"),
        (&["customers", "update", &id], 3, "nothing is named that is to change"),
        (&["customers", "divest"], 2, "unrecognized subcommand"),
        (&["users", "create", "jane", "--role", "king"], 3, "email must be an e-mail address"),
        (&["users", "get", "999"], 5, "there is no such object"),
        (&["price-rules", "update", "1", "--clear", "custmer_id"], 3, "did you mean customer_id?"),
        (&["bill-runs", "create", "--rate", "1.08"], 3, "--rate must be FROM/TO=RATE"),
        (&["tags", "remove", &id, "vip"], 3, "has no tag \"vip\""),
    ] {
        desk.run(args).fails(code, why);
    }
    let desk = Desk::of(&viewer);
    for args in [
        &["customers", "delete", &id][..],
        &["tags", "set", &id, "a=b"],
        &["users", "list"],
        &["audit", "list"],
    ] {
        desk.run(args).fails(4, "this is not allowed: ");
    }
    assert_eq!(desk.json(&["customers", "get", &id])["name"], "Acme Corp");
}

/// A server of another version, a proxy, a network's sign-in page: what answers is not this API.
#[test]
fn other_servers_are_told_apart() {
    let refused =
        r#"{"error": "there is no path /v2/me; see /openapi.json for all paths", "request_id": "r"}"#;
    for (status, body, code, why) in [
        ("200 OK", "<html>Welcome to the hotel</html>", 1, "does not answer as this API does"),
        (
            "404 Not Found",
            refused,
            5,
            "the server does not have this operation: is it older than this command",
        ),
        ("404 Not Found", "<html>nginx</html>", 5, "there is no such object"),
        ("301 Moved Permanently", "", 1, "it redirects to https://elsewhere.example/"),
        (
            "500 Internal Server Error",
            r#"{"error": "internal error", "request_id": "r7"}"#,
            1,
            "(request r7)",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nLocation: https://elsewhere.example/\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&head[..read]).into_owned()
        });
        let desk = Desk::new();
        let mut command = desk.command(&["whoami", "--url", &url]);
        let output = command.env("TENANTRY_API_KEY", "a-key").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(why) && !said.contains("hotel") && !said.contains("a-key"), "{said}");
        assert!(
            answering.join().unwrap().contains(concat!("user-agent: tenantry/", env!("CARGO_PKG_VERSION")))
        );
    }
}

#[test]
fn one_object_is_shown_field_by_field() {
    let api = Server::shared(Engine::Sqlite).partner();
    let made =
        api.create(&customer(&json!({"tags": [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]})));
    let desk = Desk::of(&api);
    let id = made["id"].to_string();
    let shown = desk.ok(&["customers", "get", &id]);
    assert!(shown.contains("\naddress.city                           Springfield\n"), "{shown}");
    assert!(shown.contains("a=1; b\n") && !shown.contains("_links"), "{shown}");
    assert_eq!(desk.json(&["customers", "get", &id]), made);
    let other = api.create(&customer(&json!({"name": "Other"})));
    let both = desk.run_with(&["customers", "get", "-", "--json"], format!("{id}\n{}\n", other["id"])).ok();
    assert_eq!(serde_json::from_str::<Value>(&both).unwrap(), json!([made, other]));
}
