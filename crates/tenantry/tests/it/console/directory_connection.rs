//! The connection to the directory: tested, given new credentials, and taken away by an administrator.

use super::Browser;
use crate::directory::{NO_SYNC, Place, by_tenant, health, id, told, until};
use crate::support::{Engine, Failures, on_both_engines};
use directory::partner_center::sandbox::{CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN};
use serde_json::{Value, json};

on_both_engines!(
    a_connection_shows_what_worked_and_what_is_missing,
    credentials_are_tested_before_they_replace_others,
    a_test_that_fails_does_not_lose_the_stored_token,
    a_file_has_no_credentials,
);

const PAGE: &str = "/console/directory";
const CREDENTIALS: &str = "/console/directory/credentials";
const DISCONNECT: &str = "/console/directory/disconnect";

/// A partner that is connected with the refresh token of a user.
fn with_user(engine: Engine, sync_interval: &str) -> Place {
    let place = Place::new(engine, 20, &["--sync-interval", sync_interval], &[]);
    let file = place.database.folder().join("refresh.txt");
    std::fs::write(&file, REFRESH_TOKEN).unwrap();
    let output = place.connect(&["--refresh-token-file", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", told(&output));
    place
}

/// A form that is refused: how Partner Center behaves, the fields, and what the page says.
type Case<'a> = (&'a str, Value, &'a [(&'a str, &'a str)], &'a [&'a str]);

fn german(browser: &Browser, path: &str) -> String {
    browser.get_with(path, &[("Accept-Language", "de")]).text()
}

/// The audit trail's actions on the directory, the oldest first, each with what it says of afterwards.
fn actions(place: &Place) -> Vec<(String, Value)> {
    let events = place.api.get("/v2/audit_events?per_page=100").json();
    let events = events["audit_events"].as_array().unwrap().iter();
    let of_directory = events.filter(|event| event["action"].as_str().unwrap().starts_with("directory."));
    of_directory.map(|event| (event["action"].as_str().unwrap().to_owned(), event["after"].clone())).collect()
}

fn a_connection_shows_what_worked_and_what_is_missing(engine: Engine) {
    let place = Place::new(engine, 20, &["--sync-interval", "20", "--directory-timeout", "1"], &[]);
    let browser = Browser::signed_in(&place.api);
    until("the walk is at its end", || health(&place.api) == [1, 1, 0]);
    let page = browser.get(PAGE).text();
    for part in [CLIENT_ID, "partner.example", "20 entries in ", "Works", "3 of the 3 customers looked at"] {
        assert!(page.contains(part), "without {part}: {page}");
    }
    assert!(!page.contains("Missing"), "{page}");

    // Roles that may not manage the connection see it, and no more.
    let (_, viewer) = place.api.colleague("viewer");
    let viewer = Browser::signed_in(&viewer);
    let seen = viewer.get(PAGE).text();
    assert!(seen.contains(CLIENT_ID) && !seen.contains("Test now") && !seen.contains(CREDENTIALS), "{seen}");
    for form in ["test", "walk", "credentials", "disconnect"] {
        let answer = viewer.submit("/console/sessions", &format!("{PAGE}/{form}"), &[("confirm", "yes")]);
        assert_eq!(answer.status, 403, "{form}");
    }

    // What a test finds stays on the page, in the reader's language; only what Microsoft says is English.
    let test = || {
        let done = browser.submit(PAGE, "/console/directory/test", &[]);
        assert_eq!(done.status, 303, "{}", done.text());
        done.header("location").to_owned()
    };
    place.center.behave(json!({"no_billing_every": 1}));
    assert_eq!(test(), "/console/directory?done=directory-tested");
    let page = browser.get(PAGE).text();
    assert!(page.matches("Missing").count() == 1 && page.contains("no admin rights (DAP or GDAP)"), "{page}");
    place.center.behave(json!({"no_role": true}));
    assert_eq!(test(), "/console/directory#needs");
    let page = german(&browser, PAGE);
    for part in ["Liste der Kunden lesen", "Fehlt", "Nicht geprüft", "lang=\"en\"", "Admin agent"] {
        assert!(page.contains(part), "without {part}: {page}");
    }

    // A demand for several factors at one call says nothing of the permission for it. There is no Microsoft Graph here.
    let demand = json!({"fault": "error", "status": 401, "code": "900421"});
    place.center.behave(json!({"next": [{"fault": "none"}, demand]}));
    test();
    let page = browser.get(PAGE).text();
    assert!(page.matches("Missing").count() == 1 && page.matches("Not tested").count() == 2, "{page}");
    assert!(page.contains("Permissions are not what is missing"), "{page}");
    place.center.behave(json!({"mfa_required": true}));
    assert_eq!(test(), "/console/directory#needs");
    let page = german(&browser, PAGE);
    assert!(page.matches("Fehlt").count() == 1 && page.matches("Nicht geprüft").count() == 3, "{page}");
    place.center.behave(json!({"no_role": true}));

    // An outage: its cause, what to do, and since when, on the page and on the home page.
    assert_eq!(browser.submit(PAGE, "/console/directory/walk", &[]).status, 303);
    until("the failure shows", || health(&place.api)[2] == 1);
    let page = browser.get(PAGE).text();
    assert!(
        page.contains("The directory refuses access") && page.contains("needs the role Admin agent"),
        "{page}"
    );
    assert!(page.contains("20 entries in "), "the last walk is still shown: {page}");
    for path in [PAGE, "/console"] {
        let page = german(&browser, path);
        assert!(page.contains("Das Verzeichnis verweigert den Zugang"), "{page}");
    }
    let asks = viewer.get(PAGE).text();
    assert!(asks.contains("An administrator of your company can test the connection"), "{asks}");
    place.center.behave(json!({}));
    until("it has passed", || health(&place.api) == [1, 1, 0]);
    assert!(!browser.get(PAGE).text().contains("refuses access"));

    // It is taken away only if that is meant.
    let unconfirmed = browser.submit(DISCONNECT, DISCONNECT, &[]);
    assert!(
        unconfirmed.status == 422 && unconfirmed.text().contains("href=\"#confirm\""),
        "{}",
        unconfirmed.text()
    );
    assert!(browser.get(PAGE).text().contains(CLIENT_ID), "the control");
    let done = browser.submit(DISCONNECT, DISCONNECT, &[("confirm", "yes")]);
    assert_eq!(
        (done.status, done.header("location")),
        (303, "/console/directory?done=directory-disconnected")
    );
    assert!(browser.get(PAGE).text().contains("No directory is connected."));
    assert_eq!((browser.get(DISCONNECT).status, browser.get(CREDENTIALS).status), (404, 404));
    place.api.create(&by_tenant("Taken as given", &id(1)));
    let found: Vec<String> = actions(&place).into_iter().map(|(action, _)| action).collect();
    assert_eq!(
        found,
        [
            "directory.connect",
            "directory.test",
            "directory.test",
            "directory.test",
            "directory.test",
            "directory.sync",
            "directory.disconnect"
        ]
    );
}

fn credentials_are_tested_before_they_replace_others(engine: Engine) {
    let place = with_user(engine, "20");
    let browser = Browser::signed_in(&place.api);
    until("the walk is at its end", || health(&place.api) == [1, 1, 0]);
    let form = browser.get(CREDENTIALS).text();
    assert!(form.contains("name=\"client_secret\"") && form.contains("name=\"refresh_token\""), "{form}");
    let send = |fields: &[(&str, &str)]| browser.submit(CREDENTIALS, CREDENTIALS, fields);

    // What is wrong is said at the field, and what was typed is never shown.
    let secret = |value: &'static str| ("client_secret", value);
    let token = |value: &'static str| ("refresh_token", value);
    let mut failures = Failures::default();
    let cases: [Case<'_>; 6] = [
        ("nothing", json!({}), &[], &["href=\"#refresh_token\"", "is required"]),
        (
            "spaces",
            json!({}),
            &[token("typed a b")],
            &["href=\"#refresh_token\"", "characters that it cannot have"],
        ),
        (
            "a wrong secret",
            json!({}),
            &[secret("typed-wrong")],
            &["href=\"#client_secret\"", "AADSTS7000215", "Not tested"],
        ),
        (
            "a wrong token",
            json!({}),
            &[token("typed-wrong")],
            &["href=\"#refresh_token\"", "no longer good", "Not tested"],
        ),
        (
            "no MFA",
            json!({"mfa_required": true}),
            &[token(REFRESH_TOKEN)],
            &["href=\"#refresh_token\"", "multi-factor"],
        ),
        (
            "no role",
            json!({"no_role": true}),
            &[token(REFRESH_TOKEN)],
            &["href=\"#form\"", "Read the list of customers", "Admin agent"],
        ),
    ];
    for (name, behaviour, fields, parts) in cases {
        place.center.behave(behaviour);
        let answer = send(fields);
        let text = answer.text();
        let missing = parts.iter().find(|part| !text.contains(**part));
        let is_shown = fields.iter().any(|(_, value)| text.contains(value));
        failures.case(
            name,
            match missing {
                None if answer.status == 422 && !is_shown => Ok(()),
                _ => Err(format!("{}, without {missing:?}: {text}", answer.status)),
            },
        );
        place.center.behave(json!({}));
    }
    failures.done(6);
    let events = actions(&place);
    assert!(
        events.iter().all(|(action, _)| action == "directory.connect"),
        "nothing was replaced: {events:?}"
    );
    place.api.create(&by_tenant("Still connected", &id(1)));

    // Good ones replace what is stored, on every server, and are used.
    place.center.behave(json!({}));
    for fields in [
        &[token(REFRESH_TOKEN)][..],
        &[secret(CLIENT_SECRET)],
        &[secret(CLIENT_SECRET), token(REFRESH_TOKEN)],
    ] {
        let answer = send(fields);
        let place = (answer.status, answer.header("location"));
        assert_eq!(place, (303, "/console/directory?done=directory-reconnected"), "{}", answer.text());
    }
    place.api.create(&by_tenant("Connected again", &id(2)));
    until("it works", || health(&place.api) == [1, 1, 0]);
    let events: Vec<String> =
        actions(&place).into_iter().skip(2).map(|(_, after)| after["replaced"].to_string()).collect();
    assert_eq!(
        events,
        [r#"["refresh_token"]"#, r#"["client_secret"]"#, r#"["client_secret","refresh_token"]"#]
    );
    let kept = String::from_utf8_lossy(&place.database.contents()).into_owned();
    let shown = format!("{}{}", place.server.log(), kept);
    for secret in [CLIENT_SECRET, REFRESH_TOKEN, "typed-wrong"] {
        assert!(!shown.contains(secret), "{secret}");
    }
    assert!(shown.contains("Connected again"), "the control");
}

fn a_test_that_fails_does_not_lose_the_stored_token(engine: Engine) {
    let place = with_user(engine, NO_SYNC);
    let browser = Browser::signed_in(&place.api);
    let send = |fields: &[(&str, &str)]| browser.submit(CREDENTIALS, CREDENTIALS, fields);
    assert_eq!(send(&[("refresh_token", REFRESH_TOKEN)]).status, 303);
    // The stored token is exchanged by the test, and then something else does not work.
    place.center.behave(json!({"refresh_tokens_once": true, "no_role": true}));
    let answer = send(&[("client_secret", CLIENT_SECRET)]);
    assert!(answer.status == 422 && answer.text().contains("href=\"#form\""), "{}", answer.text());
    place.center.behave(json!({"refresh_tokens_once": true}));
    place.api.create(&by_tenant("Still connected", &id(1)));
    // The control: the token that was exchanged is no longer good.
    let answer = send(&[("refresh_token", REFRESH_TOKEN)]);
    assert!(answer.status == 422 && answer.text().contains("href=\"#refresh_token\""), "{}", answer.text());
}

fn a_file_has_no_credentials(engine: Engine) {
    let place = Place::new(engine, 20, &["--sync-interval", "20"], &[]);
    let file = place.database.folder().join("tenants.json");
    std::fs::write(&file, "[]").unwrap();
    let args = ["--kind", "file", "--path", file.to_str().unwrap()];
    let output = crate::directory::connect(&place.database, &args, "");
    assert!(output.status.success(), "{}", told(&output));
    let browser = Browser::signed_in(&place.api);
    let page = browser.get(PAGE).text();
    assert!(page.contains("Read the file") && !page.contains(CREDENTIALS), "{page}");
    let token = browser.token(PAGE);
    let refused = browser.post(CREDENTIALS, &[("form_token", &token), ("client_secret", "x")]);
    assert_eq!((browser.get(CREDENTIALS).status, refused.status), (404, 404));
    std::fs::write(&file, "nonsense").unwrap();
    assert!(browser.submit(PAGE, "/console/directory/test", &[]).header("location").ends_with("#needs"));
    assert!(browser.get(PAGE).text().contains("Missing"));
}
