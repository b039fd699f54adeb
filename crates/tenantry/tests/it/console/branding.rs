//! How a partner appears to its customers: name, colour, logo, and the host of the portal.

use super::Browser;
use crate::support::{Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

on_both_engines!(
    customers_see_the_partners_branding,
    customers_see_the_partners_logo,
    files_that_are_no_logo_are_refused,
    a_planted_logo_is_not_shown,
    branding_is_set_over_the_api,
    a_portal_has_a_host_of_its_own,
);

/// 24 × 12 pixels of one colour.
pub(crate) const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAABgAAAAMCAIAAAD3UuoiAAAAF0lEQVR42mOQj99PFcQwatCoQaMG4UMAnNtksJTEueUAAAAASUVORK5CYII=";
/// One pixel.
const WEBP: &str = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==";
const LOGO: &str = "/console/settings/branding/logo";

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

pub(crate) fn picture(base64: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(base64).unwrap()
}

/// A browser of a user of a customer of this partner.
fn customers_user(admin: &Api) -> Browser {
    let made = admin.create(&customer(&json!({"name": "Acme", "classification": "managed_with_access"})));
    Browser::signed_in(&admin.user_of(made["id"].as_i64().unwrap()).1)
}

/// The path of the logo in a page's header.
fn logo_of(browser: &Browser, page: &str) -> Option<String> {
    let text = browser.get(page).text();
    let header = text.split("</header>").next().unwrap();
    header.split("<img src=\"").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned())
}

fn customers_see_the_partners_logo(engine: Engine) {
    // On a server of its own, for partners with the same picture have the same name for it.
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (partner_name, admin) = server.named_partner();
    let (browser, inside) = (Browser::signed_in(&admin), customers_user(&admin));
    let stranger = Browser::signed_in(&server.partner());
    assert_eq!(logo_of(&inside, "/console/portal"), None, "the control");
    let mut seen = Vec::new();
    for (kind, size) in [(PNG, "width=\"24\" height=\"12\""), (WEBP, "width=\"1\" height=\"1\"")] {
        let saved = browser.upload(PATH, LOGO, "logo", &picture(kind));
        assert_eq!(saved.header("location"), format!("{PATH}?done=logo-saved"), "{}", saved.text());
        let path = logo_of(&inside, "/console/portal").expect("a logo");
        assert_eq!(logo_of(&browser, "/console").as_ref(), Some(&path));
        let text = inside.get("/console/portal").text();
        assert!(text.contains(size) && text.contains(&format!("alt=\"{partner_name}\"")), "{text}");
        // Whoever knows the path sees it: browsers ask for pictures before anybody has signed in.
        let file = Browser::new(server.address).get(&path);
        assert_eq!(file.status, 200);
        for (name, value) in [
            ("content-type", "image/png"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("content-security-policy", "default-src 'none'; sandbox"),
        ] {
            assert_eq!(file.header(name), value);
        }
        assert!(file.body.starts_with(b"\x89PNG\r\n"), "{:?}", file.body);
        seen.push(path);
    }
    assert_ne!(seen[0], seen[1], "another logo has another name");
    assert_eq!(Browser::new(server.address).get(&seen[0]).status, 404, "the one before is gone");
    assert_eq!(logo_of(&stranger, "/console"), None);
    for wrong in ["", "x.png", "..%2fx.png", &format!("{}.png", "0".repeat(32)), &seen[1].replace(".png", "")]
    {
        let name = wrong.trim_start_matches("/console/logos/");
        assert_eq!(browser.get(&format!("/console/logos/{name}")).status, 404, "{wrong}");
    }
    let removed = browser.submit(PATH, &format!("{LOGO}/remove"), &[]);
    assert_eq!(removed.header("location"), format!("{PATH}?done=logo-removed"));
    assert_eq!(logo_of(&inside, "/console/portal"), None);
    assert!(inside.get("/console/portal").text().contains(&format!(">{partner_name}</a>")));
    assert_eq!(browser.get(&seen[1]).status, 404);
    assert_eq!(browser.submit(PATH, &format!("{LOGO}/remove"), &[]).status, 404, "there is none");
    let actions: Vec<Value> =
        admin.trail("action=branding.").iter().map(|event| event["action"].clone()).collect();
    let expected = json!(["branding.set_logo", "branding.set_logo", "branding.remove_logo"]);
    assert_eq!(json!(actions), expected);
}

fn files_that_are_no_logo_are_refused(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let browser = Browser::signed_in(&admin);
    assert_eq!(browser.upload(PATH, LOGO, "logo", &picture(PNG)).status, 303);
    let before = logo_of(&browser, "/console");
    let png = picture(PNG);
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let mut crc = flate2::Crc::new();
    crc.update(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    let mut failures = Failures::default();
    for (what, file, status, words) in [
        ("nothing", Vec::new(), 422, "Logo: is required"),
        (
            "an SVG",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec(),
            422,
            "of the type PNG or WebP",
        ),
        ("HTML", b"<!doctype html><script>alert(1)</script>".to_vec(), 422, "of the type PNG or WebP"),
        ("half a picture", png[..40].to_vec(), 422, "the picture is broken"),
        ("65535 × 65535 pixels", bomb, 422, "has 65535 × 65535 pixels"),
        ("a script behind it", [&png[..], b"<script>alert(1)</script>"].concat(), 422, "goes on behind"),
        ("300 KB", vec![0x89; 300 * 1024], 422, "is larger than 200 KB"),
        ("900 KB", vec![0x89; 900 * 1024], 422, "is larger than 200 KB"),
    ] {
        let answer = browser.upload(PATH, LOGO, "logo", &file);
        let good = answer.status == status && answer.text().contains(words);
        failures.case(what, if good { Ok(()) } else { Err(format!("{}: {}", answer.status, answer.text())) });
    }
    let token = browser.token(PATH);
    let forged = browser.post(LOGO, &[("logo", "x")]);
    failures.case("no token", if forged.status == 403 { Ok(()) } else { Err(forged.text()) });
    let empty = browser.post(LOGO, &[("form_token", &token)]);
    failures.case("no file", if empty.status == 422 { Ok(()) } else { Err(empty.text()) });
    failures.done(10);
    assert_eq!(logo_of(&browser, "/console"), before, "something of it was kept");
}

fn a_planted_logo_is_not_shown(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let browser = Browser::signed_in(&server.admin());
    assert_eq!(browser.upload(PATH, LOGO, "logo", &picture(PNG)).status, 303);
    let path = logo_of(&browser, "/console").unwrap();
    assert_eq!(browser.get(&path).status, 200, "the control");
    let planted = BASE64_STANDARD.encode("<script>alert(1)</script>");
    database.execute(&format!("UPDATE branding_logos SET png = '{planted}'"));
    assert_eq!(browser.get(&path).status, 404);
}

fn branding_is_set_over_the_api(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let empty = json!({"name": "", "colour": "", "portal_host": "", "logo": null});
    assert_eq!(admin.get("/v2/branding").json(), empty);
    let body = json!({"name": "Contoso", "colour": "1F5FBF"});
    let expected = json!({"name": "Contoso", "colour": "#1f5fbf", "portal_host": "", "logo": null});
    assert_eq!(admin.put("/v2/branding", &body).json(), expected);
    let put = |kind: &str, body: Vec<u8>| {
        admin.call("PUT", "/v2/branding/logo").header("Content-Type", kind).body(body).send()
    };
    let set = put("image/png", picture(PNG));
    assert_eq!(set.status, 200, "{}", set.text());
    assert_eq!(put("application/octet-stream", picture(PNG)).json(), set.json());
    let logo = set.json()["logo"].clone();
    assert_eq!((&logo["width"], &logo["height"]), (&json!(24), &json!(12)));
    let page = Browser::signed_in(&admin).get("/console").text();
    assert!(page.contains(logo["path"].as_str().unwrap()), "{page}");
    // An answer may be sent back, and leaves the logo alone.
    let shown = admin.get("/v2/branding").json();
    assert_eq!(admin.put("/v2/branding", &shown).json(), shown);
    assert_eq!(admin.put("/v2/branding", &json!({})).json()["logo"], logo, "the rest is reset");
    let mut failures = Failures::default();
    for (what, answer, details) in [
        ("no picture", put("image/png", b"<svg/>".to_vec()), " invalid"),
        ("nothing", put("image/webp", Vec::new()), " required"),
        ("too much", put("image/png", vec![0; 204_801]), " too_long"),
        ("an SVG", put("image/svg+xml", b"<svg/>".to_vec()), " unsupported_media_type"),
        ("JSON", admin.put("/v2/branding/logo", &json!({})), " unsupported_media_type"),
        (
            "all at once",
            admin.put("/v2/branding", &json!({"name": 7, "colour": "red", "portal_host": "a b"})),
            "/name wrong_type, /colour invalid, /portal_host invalid",
        ),
        ("a near miss", admin.put("/v2/branding", &json!({"color": "#ffffff"})), "/color unknown"),
    ] {
        let good = answer.status == 422 && answer.details() == details;
        failures.case(what, if good { Ok(()) } else { Err(answer.text()) });
    }
    failures.done(7);
    assert_eq!(admin.delete("/v2/branding/logo").status, 204);
    assert_eq!(admin.delete("/v2/branding/logo").status, 404);
    assert_eq!(admin.get("/v2/branding").json()["logo"], Value::Null);
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
        let body = crate::support::browser::encode(&[("form_token", token), ("key", &api.key)]);
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
    // Its sign-in page is in the partner's name.
    let brand = |host: &str, path: &str| {
        let page = admin.call("GET", path).authorization(None).header("Host", host).send().text();
        let brand = page.split("class=\"brand\"").nth(1).unwrap().split("</a>").next().unwrap();
        brand.split_once('>').unwrap().1.to_owned()
    };
    assert_eq!(brand("portal.example.com", "/console/sign-in"), "default");
    assert_eq!(brand("portal.example.com", "/console/invitation"), "default");
    assert_eq!(brand("tenantry.example.com", "/console/sign-in"), "Tenantry");
    assert_eq!(sign_in("Portal.Example.com:443", portal), 303);
    assert_eq!(sign_in("portal.example.com", own), 403, "a form of another origin");
    assert_eq!(sign_in("portal.example.com", "https://evil.example"), 403);
    assert_eq!(sign_in("tenantry.example.com", own), 303);
}
