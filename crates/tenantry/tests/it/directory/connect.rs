//! `tenantry admin directory connect`: what works, what is missing, and where its secrets are not.

use super::{
    ALLOWED, NO_SYNC, PartnerCenter, Place, by_tenant, connect, connecting, health, id, serve_at, tenants,
    to_partner_center, told, until,
};
use crate::support::{Database, Engine, Failures, on_both_engines};
use directory::partner_center::sandbox::{CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN};
use serde_json::{Value, json};
use std::path::Path;

on_both_engines!(
    what_is_missing_is_said,
    secrets_are_nowhere_to_be_read,
    a_newer_refresh_token_outlives_the_server,
    only_what_is_allowed_is_reached,
    a_connection_is_shown_tested_walked_and_taken_away,
);

struct Case {
    name: &'static str,
    behaviour: Value,
    secret: &'static str,
    further: &'static [&'static str],
    /// Whether all of it works, and what is said.
    works: bool,
    says: &'static [&'static str],
}

fn case(name: &'static str, behaviour: Value, works: bool, says: &'static [&'static str]) -> Case {
    Case { name, behaviour, secret: CLIENT_SECRET, further: &[], works, says }
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let sign_in = |number: u32| json!({"refuse_sign_in": number});
    vec![
        case("everything works", json!({}), true, &["works      sign in", "works      list customers: 20 customers on the first page", "seen of 3 of 3 customers", "works      see addresses: 3 of 3"]),
        Case { secret: "not~the+secret", ..case("a wrong secret", json!({}), false, &["FAILS      sign in", "AADSTS7000215", "the client secret is wrong (its value is needed, not its id)", "not tested list customers: there is no token"]) },
        Case { further: &["--client-id", "00000000-0000-4000-8000-000000000000"], ..case("another application", json!({}), false, &["FAILS      sign in", "there is no active application with this client id in this tenant"]) },
        case("a secret that has expired", sign_in(7_000_222), false, &["the client secret has expired"]),
        case("no consent", sign_in(65_001), false, &["an administrator has to consent"]),
        case("no such tenant", sign_in(90_002), false, &["there is no such tenant"]),
        case("no permission", sign_in(650_057), false, &["the application lacks the API permission Microsoft Partner Center"]),
        case("a reason that nobody has heard of", sign_in(123_456), false, &["AADSTS123456"]),
        case("no role", json!({"no_role": true}), false, &["works      sign in", "FAILS      list customers", "needs the role Admin agent or Sales agent", "not tested see addresses: there is no list"]),
        case("no rights on billing profiles", json!({"no_billing_every": 1}), true, &["lacks      billing profiles", "no admin rights (DAP or GDAP)", "works      organizations: seen of 3 of 3", "works      see addresses: 3 of 3"]),
        case("no rights on either", json!({"no_billing_every": 1, "no_organization_every": 1}), false, &["works      list customers", "FAILS      see addresses", "GDAP"]),
        case("nonsense in the place of a token", json!({"next_sign_in": [{"fault": "page", "status": 200}]}), false, &["FAILS      sign in", "the identity platform"]),
        case("secrets repeated in an error", json!({"next_sign_in": [{"fault": "echo"}]}), false, &["FAILS      sign in", "You said"]),
        case("a redirect", json!({"next": [{"fault": "redirect", "to": "https://elsewhere.example/"}]}), false, &["FAILS      list customers", "which is not followed"]),
        Case { further: &["--tenant-id", "https://x"], ..case("a tenant that can be none", json!({}), false, &["must be a GUID or a domain"]) },
        Case { further: &["--api-url", "ftp://x"], ..case("an address that can be none", json!({}), false, &["api-url must be an address such as https://host"]) },
        Case { further: &["--partner", "nobody"], ..case("a partner that is not there", json!({}), false, &["there is no partner named \"nobody\""]) },
        Case { secret: " \n", ..case("no secret", json!({}), false, &["- is empty"]) },
        Case { further: &["--secret-file", "/nowhere/secret"], ..case("no such file", json!({}), false, &["cannot read /nowhere/secret"]) },
    ]
}

/// The arguments, the last of those that come twice.
fn arguments<'a>(url: &'a str, further: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = to_partner_center(url, &[]);
    for pair in further.chunks(2) {
        match arguments.iter().position(|argument| *argument == pair[0]) {
            Some(at) => arguments[at + 1] = pair[1],
            None => arguments.extend(pair),
        }
    }
    arguments
}

fn what_is_missing_is_said(engine: Engine) {
    let database = Database::new(engine);
    let _server = serve_at(&database, &["--sync-interval", NO_SYNC]);
    let center = PartnerCenter::start(database.folder(), 20);
    let mut failures = Failures::default();
    for Case { name, behaviour, secret, further, works, says } in cases() {
        center.behave(behaviour);
        let output = connect(&database, &arguments(&center.url, further), secret);
        let told = told(&output);
        let missing = says.iter().find(|part| !told.contains(**part));
        let code = output.status.code();
        failures.case(
            name,
            match missing {
                None if code == Some(i32::from(!works)) => Ok(()),
                _ => Err(format!("{code:?}, without {missing:?}: {told}")),
            },
        );
        assert!(!told.contains("odd=characters") && !told.contains("odd%3Dcharacters"), "{name}: {told}");
        assert!(!told.contains("panicked"), "{name}: {told}");
    }
    failures.done(19);
    // What is wrong with the arguments is said before anything is done.
    for (args, says) in [
        (&["--kind", "file"][..], "--path"),
        (&["--kind", "partner-center"], "--tenant-id"),
        (&["--kind", "partner-center", "--tenant-id", "x", "--client-id", "y"], "--secret-file"),
        (&["--kind", "elsewhere"], "possible values"),
        (&["--kind", "none", "--secret", "x"], "unexpected argument"),
    ] {
        let output = connect(&database, args, "");
        assert!(!output.status.success() && told(&output).contains(says), "{args:?}: {}", told(&output));
    }
}

fn secrets_are_nowhere_to_be_read(engine: Engine) {
    let place = Place::new(engine, 20, &["--sync-interval", "20"], &[]);
    let path = |name: &str, text: &str| {
        let path = place.database.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let (secret, refresh) =
        (path("secret.txt", &format!("{CLIENT_SECRET}\n")), path("refresh.txt", REFRESH_TOKEN));
    let args = arguments(&place.center.url, &["--secret-file", &secret, "--refresh-token-file", &refresh]);
    let output = connecting(&place.database, &args).env("TENANTRY_LOG", "trace").output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert!(
        !args.iter().any(|argument| argument.contains(CLIENT_SECRET) || argument.contains(REFRESH_TOKEN))
    );
    until("it works", || health(&place.api) == [1, 1, 0]);
    // Where it can go wrong: everything that was sent is in the answer.
    place.center.behave(
        json!({"next": vec![json!({"fault": "echo"}); 9], "next_sign_in": vec![json!({"fault": "echo"}); 9]}),
    );
    assert_eq!(place.api.post("/v2/customers", &by_tenant("Acme Corp", &id(1))).status, 503);
    place.center.behave(json!({}));
    place.create("Control Corp", 1);

    let events = place.api.get("/v2/audit_events?per_page=100").json();
    let connects: Vec<&Value> = events["audit_events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["action"] == "directory.connect")
        .collect();
    assert_eq!(connects.len(), 2, "{events}");
    assert!(connects.iter().all(|event| event.to_string().contains(CLIENT_ID)), "{connects:?}");

    let secrets = [CLIENT_SECRET, "sandbox%7Esecret", REFRESH_TOKEN];
    let log = place.server.log();
    let (told, events) = (told(&output), events.to_string());
    let kept = String::from_utf8_lossy(&place.database.contents()).into_owned();
    for (place, text) in [("log", &log), ("output", &told), ("audit trail", &events), ("database", &kept)] {
        let found = secrets.iter().find(|secret| text.contains(**secret));
        assert_eq!(found, None, "in the {place}");
    }
    // The controls: what is there is found.
    assert!(
        log.contains("failed to look up a tenant in the directory")
            && kept.contains("Control Corp")
            && kept.contains(CLIENT_ID)
    );
}

fn a_newer_refresh_token_outlives_the_server(engine: Engine) {
    let database = Database::new(engine);
    let center = PartnerCenter::start(database.folder(), 20);
    let refresh = database.folder().join("refresh.txt");
    std::fs::write(&refresh, REFRESH_TOKEN).unwrap();
    center.behave(json!({"refresh_tokens_once": true}));
    let mut server = serve_at(&database, &["--sync-interval", NO_SYNC]);
    let args = ["--refresh-token-file", refresh.to_str().unwrap()];
    let connected = || connect(&database, &to_partner_center(&center.url, &args), CLIENT_SECRET);
    let output = connected();
    assert!(output.status.success(), "{}", told(&output));

    // Trying it has used the token up that was given. Every server after that uses the last one's.
    for number in 1..4 {
        let api = server.admin();
        let created =
            api.post("/v2/customers", &by_tenant(&format!("Acme {number}"), &id([1, 2, 5][number - 1])));
        assert_eq!(created.status, 201, "{}\n{}", created.text(), server.log());
        server.signal("TERM");
        assert!(server.wait().0.success());
        // Before the next one, which may sign in at once to go on with a walk that this one has begun.
        assert_eq!(center.count("sign_ins"), number as u64 + 1);
        server = serve_at(&database, &["--sync-interval", NO_SYNC]);
    }
    // The control: the one that was given is no longer good, and does not replace the one that is.
    let output = connected();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(
        told(&output).contains("the refresh token is no longer good: consent once more")
            && told(&output).contains("not connected: the partner's directory stays as it was"),
        "{}",
        told(&output)
    );
    assert_eq!(server.admin().post("/v2/customers", &by_tenant("Beta", &id(6))).status, 201);
    // Forced, it does.
    let forced = [args[0], args[1], "--force"];
    let output = connect(&database, &to_partner_center(&center.url, &forced), CLIENT_SECRET);
    assert!(told(&output).contains("is connected, but not all of it works yet"), "{}", told(&output));
    assert_eq!(server.admin().post("/v2/customers", &by_tenant("Gamma", &id(6))).status, 503);
}

fn a_connection_is_shown_tested_walked_and_taken_away(engine: Engine) {
    let place = Place::new(engine, 20, &["--sync-interval", "20", "--directory-timeout", "1"], &[]);
    until("the walk is at its end", || health(&place.api) == [1, 1, 0]);
    let directory = || place.api.get("/v1/directory").json();
    let run = |command: &str| {
        let output = crate::support::command(place.database.folder(), &["directory", command])
            .args(ALLOWED)
            .env("TENANTRY_DATABASE", &place.database.url)
            .output()
            .unwrap();
        (output.status.success(), told(&output))
    };
    let shown = directory();
    assert_eq!((&shown["kind"], &shown["failure"]), (&json!("partner_center"), &Value::Null), "{shown}");
    assert!(shown["synced_at"].is_string(), "{shown}");
    let (ok, text) = run("show");
    assert!(ok && text.contains("partner-center") && text.contains("fails        no"), "{text}");

    // What fails is said with its kind, since when, and what to do; tenants stay, and it recovers by itself.
    place.center.behave(json!({"mfa_required": true}));
    assert!(run("sync").0);
    until("the failure shows", || health(&place.api)[2] == 1);
    let failure = directory()["failure"].clone();
    assert_eq!(failure["code"], "mfa_required", "{failure}");
    assert!(failure["message"].as_str().unwrap().contains("sign in again with multi-factor"), "{failure}");
    assert_eq!(crate::metrics::sample(&place.api, "tenantry_directory_failures{code=\"mfa_required\"}"), 1.0);
    assert_eq!(place.api.post("/v2/customers", &by_tenant("Acme Corp", &id(1))).status, 503);
    let (ok, text) = run("test");
    assert!(!ok && text.contains("multi-factor"), "{text}");
    assert!(run("show").1.contains("(mfa_required)"));
    assert_eq!(directory()["failure"]["since"], failure["since"], "since the first failed step");
    let sign_ins = place.center.count("sign_ins");
    for _ in 0..20 {
        directory();
    }
    assert!(place.center.count("sign_ins") <= sign_ins + 1, "a new token for each step");
    place.center.behave(json!({"left": {"2": 3000}}));
    until("it has passed", || health(&place.api) == [1, 1, 0]);
    assert_eq!(place.api.post("/v2/customers", &by_tenant("Acme Corp", &id(1))).status, 201);
    let log = place.server.log();
    assert_eq!(log.matches("directory failing").count(), 1, "one line for an outage: {log}");
    assert!(log.contains("directory recovered"), "{log}");

    // One that has left is marked, and is back without a second row.
    let tenant =
        || tenants(&place.api).into_iter().find(|tenant| tenant["azure_customer_id"] == id(2)).unwrap();
    assert_eq!(place.api.post("/v2/customers", &by_tenant("Gone", &id(2))).status, 422);
    place.database.execute("UPDATE azure_tenants SET address_asked_at = 0");
    until("it is marked", || tenant()["missing_since"].is_string());
    place.center.behave(json!({}));
    assert!(run("sync").0);
    until("it is back", || tenant()["missing_since"].is_null());
    assert_eq!(tenants(&place.api).len(), 20);

    assert!(run("disconnect").1.contains("has no directory"));
    assert_eq!(directory()["kind"], "none");
    assert!(run("show").1.contains("has no directory") && run("test").0);
}

fn only_what_is_allowed_is_reached(engine: Engine) {
    let database = Database::new(engine);
    let server = crate::support::Server::start(&database, &["--sync-interval", NO_SYNC]);
    let center = PartnerCenter::start(database.folder(), 20);
    let secret = secret_file(database.folder());
    let args = arguments(&center.url, &["--secret-file", &secret]);
    let args: Vec<&str> = args.into_iter().filter(|argument| !ALLOWED.contains(argument)).collect();
    let run =
        |allowed: &str| connecting(&database, &args).env("TENANTRY_ALLOW_EGRESS", allowed).output().unwrap();
    for allowed in ["", "10.0.0.0/8,192.168.0.0/16,::1/128"] {
        let output = run(allowed);
        assert_eq!(output.status.code(), Some(1), "{}", told(&output));
        assert!(told(&output).contains("TENANTRY_ALLOW_EGRESS"), "{}", told(&output));
    }
    let output = run("127.0.0.1/99");
    assert!(!output.status.success() && told(&output).contains("TENANTRY_ALLOW_EGRESS"), "{}", told(&output));
    assert_eq!(center.count("sign_ins"), 0, "it was reached");

    // The control; and where the command may, the server may not.
    let output = run("10.0.0.0/8,127.0.0.0/8");
    assert!(output.status.success(), "{}", told(&output));
    let requests = center.count("requests");
    let answer = server.admin().post("/v2/customers", &by_tenant("Acme Corp", &id(1)));
    assert_eq!((answer.status, answer.text().contains("127.0.0.1")), (503, false), "{}", answer.text());
    assert_eq!(center.count("requests"), requests, "it was reached");
}

fn secret_file(folder: &Path) -> String {
    let path = folder.join("secret.txt");
    std::fs::write(&path, CLIENT_SECRET).unwrap();
    path.into_os_string().into_string().unwrap()
}
