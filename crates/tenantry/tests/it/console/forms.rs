//! Signing in, and forms that other sites send.

use super::Browser;
use crate::support::browser::{TOKEN, encode};
use crate::support::{Engine, Failures, Server, on_both_engines};
use serde_json::json;

on_both_engines!(
    a_key_is_exchanged_for_a_session,
    keys_that_open_nothing_are_refused,
    forged_forms_are_refused,
    sessions_cannot_be_fixed_or_replayed,
);

fn a_key_is_exchanged_for_a_session(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let browser = Browser::new(server.address);
    let start = browser.get("/");
    assert_eq!((start.status, start.header("location")), (303, "/console"));
    let home = browser.get("/console");
    assert_eq!((home.status, home.header("location")), (303, "/console/sign-in"));
    let deep = browser.get("/console/customers?q=a%20b&page=2");
    assert_eq!(
        deep.header("location"),
        "/console/sign-in?next=%2Fconsole%2Fcustomers%3Fq%3Da%2Bb%26page%3D2"
    );
    let page = browser.get(deep.header("location"));
    assert!(page.text().contains("value=\"/console/customers?q=a+b&#38;page=2\""), "{}", page.text());

    let next = "/console/customers?q=a+b";
    let answer =
        browser.submit("/console/sign-in", "/console/sign-in", &[("key", &admin.key), ("next", next)]);
    assert_eq!((answer.status, answer.header("location")), (303, next));
    let cookie = answer.header("set-cookie");
    for attribute in ["tenantry-session=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let token = browser.cookie("tenantry-session").unwrap();
    assert_eq!(token.len(), 64, "256 bits");
    let home = browser.get("/console");
    assert_eq!(home.status, 200, "{}", home.text());
    assert!(home.text().contains("a@example.com") && !home.text().contains(&admin.key));
    assert_eq!(browser.get("/console/sign-in").header("location"), "/console", "is signed in already");

    // What the database has of it is not the token; the audit trail tells of the sign-in.
    let trail = admin.trail("action=session.create");
    assert_eq!(trail.len(), 1, "{trail:?}");
    assert!(!trail[0].to_string().contains(&token));
    assert!(!server.log().contains(&token) && !server.log().contains(&admin.key), "a secret is in the log");

    let out = browser.submit("/console", "/console/sign-out", &[]);
    assert_eq!((out.status, out.header("location")), (303, "/console/sign-in?ended=signed-out"));
    assert_eq!(browser.cookie("tenantry-session"), None);
    assert_eq!(admin.trail("action=session.delete").len(), 1);
}

fn keys_that_open_nothing_are_refused(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let browser = Browser::new(server.address);
    let mut failures = Failures::default();
    let (_, viewer) = admin.colleague("viewer");
    let mut wrong = viewer.key.clone();
    wrong.replace_range(20..21, if &wrong[20..21] == "A" { "B" } else { "A" });
    for (what, key, status) in [
        ("none", "", 422),
        ("blank", "   ", 422),
        ("unknown", "tnt_0123456789", 401),
        ("wrong in one place", wrong.as_str(), 401),
        ("hostile", "\"><script>alert(1)</script>", 401),
        ("the control", viewer.key.as_str(), 303),
    ] {
        let answer = browser.sign_in(key);
        let text = answer.text();
        let outcome = match answer.status {
            303 if status == 303 => Ok(()),
            given if given != status => Err(format!("{given}: {text}")),
            _ if !text.contains("aria-invalid=\"true\"") || !text.contains("role=\"alert\"") => {
                Err(format!("does not say what is wrong: {text}"))
            }
            _ if !key.trim().is_empty() && text.contains(key) => Err("shows the key".into()),
            _ => Ok(()),
        };
        failures.case(what, outcome);
    }
    failures.done(6);
}

fn forged_forms_are_refused(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let (victim, attacker) = (Browser::signed_in(&admin), Browser::signed_in(&server.partner()));
    let second = Browser::signed_in(&admin);
    let path = "/console/sessions/end";
    // The forged form would end the victim's other session.
    let sessions = || victim.get("/console/sessions").text();
    let other = {
        let text = sessions();
        let ids: Vec<&str> =
            text.split("name=\"session\" value=\"").skip(1).map(|rest| &rest[..32]).collect();
        assert_eq!(ids.len(), 2, "{text}");
        let own = second.get("/console/sessions").text();
        let current =
            own.split("This browser").nth(1).unwrap().split("name=\"session\" value=\"").nth(1).unwrap();
        current[..32].to_owned()
    };
    let (origin, token) = (victim.origin(), victim.token("/console/sessions"));
    let foreign = attacker.token("/console/sessions");
    let before_sign_in = Browser::new(server.address).token("/console/sign-in");
    let mut altered = token.clone();
    altered.replace_range(30..31, if &altered[30..31] == "a" { "b" } else { "a" });
    type Headers<'a> = Vec<(&'a str, &'a str)>;
    let own = || vec![("Origin", origin.as_str())];
    let with = |more: (&'static str, &'static str)| vec![("Origin", origin.as_str()), more];
    let cases: Vec<(&str, Headers<'_>, &str, u16)> = vec![
        ("no token", own(), "", 403),
        ("the token of another session", own(), &foreign, 403),
        ("the token of no session", own(), &before_sign_in, 403),
        ("an altered token", own(), &altered, 403),
        ("another site", vec![("Origin", "https://evil.example.com")], &token, 403),
        ("another port", vec![("Origin", "http://127.0.0.1:1")], &token, 403),
        ("another scheme", vec![("Origin", "https://127.0.0.1")], &token, 403),
        ("a hidden origin", vec![("Origin", "null")], &token, 403),
        ("no origin", vec![], &token, 403),
        ("another site, without an origin", vec![("Sec-Fetch-Site", "cross-site")], &token, 403),
        ("a subdomain, without an origin", vec![("Sec-Fetch-Site", "same-site")], &token, 403),
        ("JSON", with(("Content-Type", "application/json")), &token, 400),
        ("plain text", with(("Content-Type", "text/plain")), &token, 400),
        ("several parts", with(("Content-Type", "multipart/form-data; boundary=a")), &token, 400),
    ];
    let mut failures = Failures::default();
    for (what, headers, token, status) in &cases {
        let answer = victim.post_with(path, headers, &[("session", &other), (TOKEN, token)]);
        let outcome = if answer.status == *status { Ok(()) } else { Err(format!("{}", answer.status)) };
        failures.case(what, outcome);
    }
    let large = "x".repeat(300 * 1024);
    let answer = victim.post(path, &[("session", &other), (TOKEN, &token), ("more", &large)]);
    failures.case("a huge form", if answer.status == 400 { Ok(()) } else { Err(answer.status.to_string()) });
    failures.done(15);
    assert_eq!(second.get("/console").status, 200, "a forged form has ended a session");
    // The controls: the same form, as a browser sends it.
    let answer =
        victim.post_with(path, &[("Sec-Fetch-Site", "same-origin")], &[("session", &other), (TOKEN, &token)]);
    assert_eq!((answer.status, answer.header("location")), (303, "/console/sessions?done=session-ended"));
    assert_eq!(second.get("/console").status, 303);
    let answer = victim.post(path, &[("session", &other), (TOKEN, &token)]);
    assert_eq!(answer.status, 404, "it has ended already");
}

fn sessions_cannot_be_fixed_or_replayed(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    // A session that an attacker has put into the browser is not the one that a sign-in opens.
    let attacker = Browser::signed_in(&server.partner());
    let planted = attacker.cookie("tenantry-session").unwrap();
    for fixed in [planted.as_str(), &"a".repeat(64), "short", ""] {
        let victim = Browser::new(server.address);
        victim.set_cookie("tenantry-session", fixed);
        let token = victim.token("/console/sign-in?ended=idle");
        let answer = victim.post("/console/sign-in", &[("key", &admin.key), (TOKEN, &token)]);
        assert_eq!(answer.status, 303, "{fixed:?}: {}", answer.text());
        assert_ne!(victim.cookie("tenantry-session").unwrap(), fixed);
    }
    assert_eq!(attacker.get("/console").status, 303, "the planted session has ended");

    let browser = Browser::signed_in(&admin);
    let stolen = browser.cookie("tenantry-session").unwrap();
    let replay = || {
        let thief = Browser::new(server.address);
        thief.set_cookie("tenantry-session", &stolen);
        thief.get("/console").status
    };
    assert_eq!(replay(), 200, "the control");
    let out = browser.submit("/console", "/console/sign-out", &[]);
    assert_eq!(out.status, 303);
    assert_eq!(replay(), 303, "a session was used after its end");

    // Everywhere.
    let browsers: Vec<Browser> = (0..3).map(|_| Browser::signed_in(&admin)).collect();
    let (_, other) = admin.user("/v2/users", &json!({"email": "o@example.com", "role": "viewer"}));
    let bystander = Browser::signed_in(&other);
    let out = browsers[0].submit("/console/sessions", "/console/sessions/end-all", &[]);
    assert_eq!(out.header("location"), "/console/sign-in?ended=everywhere");
    // A form that was sent in a session that has ended leads back to its page, and says that it was not taken.
    let (page, sent) = ("/console/customers/new?variant=address", [("name", "Acme")]);
    let referer = format!("{}{page}", browsers[1].origin());
    let unsent = browsers[1].post_with("/console/customers/new", &[("Referer", &referer)], &sent);
    let expected = format!("/console/sign-in?ended=elsewhere&unsent=1&{}", encode(&[("next", page)]));
    assert_eq!((unsent.status, unsent.header("location")), (303, &*expected));
    let text = browsers[1].get(&expected).text();
    for part in ["this session was ended, here or in another browser", "What you sent was not taken"] {
        assert!(text.contains(part), "{text}");
    }
    let elsewhere =
        browsers[2].post_with("/console/customers/new", &[("Referer", "https://evil.example/x")], &sent);
    assert_eq!(elsewhere.header("location"), "/console/sign-in?ended=elsewhere&unsent=1");
    for browser in &browsers {
        assert_eq!(browser.get("/console").status, 303);
    }
    assert_eq!(bystander.get("/console").status, 200, "another user's session has ended");
}
