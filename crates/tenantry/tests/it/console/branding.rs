//! How a partner appears to its customers: name, colour, and the host of the portal.

use super::Browser;
use crate::support::{Database, Engine, Failures, NOW, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(customers_see_the_partners_branding, a_portal_has_a_host_of_its_own);

const PATH: &str = "/console/settings/branding";

fn customers_see_the_partners_branding(engine: Engine) {
    let server = Server::shared(engine);
    let (partner_name, admin) = server.named_partner();
    let browser = Browser::signed_in(&admin);
    let made = admin.create(&customer(&json!({"name": "Acme", "classification": "managed_with_access"})));
    let inside = Browser::signed_in(&admin.user_of(made["id"].as_i64().unwrap()).1);
    let brand = |browser: &Browser, page: &str| {
        let text = browser.get(page).text();
        let name = text.split("class=\"brand\"").nth(1).unwrap().split('<').next().unwrap();
        let colour =
            text.split("/console/colours/").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        (name.split('>').nth(1).unwrap().to_owned(), colour)
    };
    assert_eq!(brand(&inside, "/console/portal"), (partner_name.clone(), None));

    let host = format!("portal-{}.example.com", partner_name.replace(' ', "-").to_lowercase());
    let fields = [("name", "Contoso <b>"), ("colour", "#1F5FBF"), ("portal_host", host.as_str())];
    let saved = browser.submit(PATH, PATH, &fields);
    assert_eq!(saved.header("location"), format!("{PATH}?done=branding-saved"), "{}", saved.text());
    let branded = ("Contoso &#60;b&#62;".to_owned(), Some("1f5fbf.css".to_owned()));
    assert_eq!(brand(&inside, "/console/portal"), branded);
    assert_eq!(brand(&browser, "/console"), branded);
    let css = browser.get("/console/colours/1f5fbf.css");
    assert_eq!((css.status, css.text()), (200, ":root{--brand:#1f5fbf;--brand-text:#ffffff}".to_owned()));
    assert_eq!(css.header("content-type"), "text/css; charset=utf-8");
    for wrong in ["1f5fbf", "1F5FBF.css", "fff.css", "1f5fb%7D.css", ".css", "1f5fbf;.css"] {
        assert_eq!(browser.get(&format!("/console/colours/{wrong}")).status, 404, "{wrong}");
    }
    let other = Browser::signed_in(&server.partner());
    let mut failures = Failures::default();
    let cases = [
        ("a colour that is none", &browser, [("colour", "red;}"), ("name", "")], "Colour: must be a colour"),
        (
            "a URL",
            &browser,
            [("portal_host", "https://portal.example.com"), ("name", "")],
            "must be the name of a host",
        ),
        ("control characters", &browser, [("name", "a\u{7}b"), ("colour", "")], "Name: "),
        ("another's host", &other, [("portal_host", host.as_str()), ("name", "")], "has already been taken"),
    ];
    for (what, browser, fields, words) in cases {
        let answer = browser.submit(PATH, PATH, &fields);
        let outcome = if answer.status == 422 && answer.text().contains(words) {
            Ok(())
        } else {
            Err(format!("{}: {}", answer.status, answer.text()))
        };
        failures.case(what, outcome);
    }
    failures.done(4);
    assert_eq!(brand(&inside, "/console/portal"), branded, "nothing of it was kept");
    // Empty fields take it back.
    assert_eq!(browser.submit(PATH, PATH, &[]).status, 303);
    assert_eq!(brand(&inside, "/console/portal"), (partner_name, None));
}

fn a_portal_has_a_host_of_its_own(engine: Engine) {
    let database = Database::new(engine);
    let args = ["--sandbox", "--at", NOW, "--public-url", "https://tenantry.example.com"];
    let server = Server::start(&database, &args);
    let admin = server.admin();
    let sign_in = |host: &str, origin: &str| {
        let api = &admin;
        let page = api.call("GET", "/console/sign-in").authorization(None).header("Host", host).send();
        let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
        let text = page.text();
        let token = text.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let body = super::browser::encode(&[("form_token", token), ("key", &api.key)]);
        let call = api.call("POST", "/console/sign-in").authorization(None).header("Host", host);
        let call = call.header("Cookie", &cookie).header("Origin", origin);
        call.header("Content-Type", "application/x-www-form-urlencoded").body(body).send().status
    };
    let (own, portal) = ("https://tenantry.example.com", "https://portal.example.com");
    assert_eq!(sign_in("tenantry.example.com", own), 303);
    assert_eq!(sign_in("portal.example.com", portal), 403, "a host that nobody has");
    let database_of = "INSERT INTO branding (partner_id, name, colour, portal_host, updated_at)
                       VALUES (1, '', '', 'portal.example.com', 0)";
    database.execute(database_of);
    assert_eq!(sign_in("portal.example.com", portal), 303);
    assert_eq!(sign_in("Portal.Example.com:443", portal), 303);
    assert_eq!(sign_in("portal.example.com", own), 403, "a form of another origin");
    assert_eq!(sign_in("portal.example.com", "https://evil.example"), 403);
    assert_eq!(sign_in("tenantry.example.com", own), 303);
}
