//! Sign-in with OpenID Connect, against a provider that may lie.

use super::Browser;
use crate::support::{
    Answer, Api, CLIENT, Database, Engine, Failures, Grant, NOW, Provider, SECRET, Server, customer,
    on_both_engines, patched,
};
use serde_json::{Value, json};

on_both_engines!(
    a_lying_provider_signs_nobody_in,
    customers_sign_in_with_their_own_tenant,
    a_sign_in_belongs_to_its_browser,
    what_ends_a_session,
    a_changed_row_signs_nobody_in,
    settings_are_checked,
    an_account_is_unlinked,
    providers_are_set_over_the_api,
);

const SETTINGS: &str = "/console/settings/sign-in";
/// The test clock in seconds since 1970.
const CLOCK: i64 = 1_473_963_424;

struct Scene {
    database: Database,
    server: Server,
    admin: Api,
}

impl Scene {
    fn new(engine: Engine) -> Self {
        let database = Database::new(engine);
        let args = ["--sandbox", "--at", NOW, "--allow-egress", "127.0.0.1"];
        let server = Server::start(&database, &args);
        let admin = server.admin();
        Scene { database, server, admin }
    }

    /// Makes this provider the partner's, for its own users or its customers'.
    fn connect(&self, audience: &str, provider: &Provider, domains: &str) -> Browser {
        let browser = Browser::signed_in(&self.admin);
        let saved = connect(&browser, audience, &provider.url, domains);
        assert_eq!(saved.header("location"), format!("{SETTINGS}?done=sign-in-saved"), "{}", saved.text());
        browser
    }

    /// A browser that has gone to the provider, and the URL there.
    fn begin(&self, audience: &str) -> (Browser, String) {
        let browser = Browser::new(self.server.address);
        let start = format!("/console/single-sign-on/start?partner=1&for={audience}&next=/console/sessions");
        let answer = browser.get(&start);
        assert_eq!(answer.status, 303, "{}", answer.text());
        let url = answer.header("location").to_owned();
        (browser, url)
    }

    /// A sign-in for which the provider hands this out.
    fn sign_in(&self, audience: &str, provider: &Provider, grant: Grant) -> (Browser, Answer) {
        let (browser, url) = self.begin(audience);
        let (code, state) = provider.grant(&url, grant);
        let answer = browser.get(&returning(&code, &state));
        (browser, answer)
    }
}

fn connect(browser: &Browser, audience: &str, url: &str, domains: &str) -> Answer {
    let names = ["issuer", "client", "secret", "domains"].map(|name| format!("{audience}-{name}"));
    let values = [url, CLIENT, SECRET, domains];
    let fields: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(values).collect();
    browser.submit(SETTINGS, &format!("{SETTINGS}/{audience}"), &fields)
}

fn returning(code: &str, state: &str) -> String {
    format!("/console/single-sign-on/return?code={code}&state={state}")
}

/// An honest token of this user.
fn honest(email: &str) -> Grant {
    let claims = json!({
        "sub": format!("sub of {email}"), "email": email, "email_verified": true,
        "iat": CLOCK, "exp": CLOCK + 300,
    });
    Grant { claims, algorithm: "ES256", is_forged: false }
}

fn lie(change: &Value) -> Grant {
    let mut grant = honest("jane@contoso.com");
    patched(&mut grant.claims, change);
    grant
}

fn user(admin: &Api, path: &str, email: &str) -> (i64, Api) {
    let role =
        if path == "/v2/users" { json!({"email": email, "role": "viewer"}) } else { json!({"email": email}) };
    admin.user(path, &role)
}

fn expected(answer: &Answer, status: u16, words: &str) -> Result<(), String> {
    let is_expected = match status {
        303 => answer.header("location") == words,
        _ => answer.text().contains(words),
    };
    if answer.status == status && is_expected {
        return Ok(());
    }
    Err(format!(
        "{} {} instead of {status} {words}: {}",
        answer.status,
        answer.header("location"),
        answer.text()
    ))
}

fn a_lying_provider_signs_nobody_in(engine: Engine) {
    let scene = Scene::new(engine);
    let provider = Provider::start();
    scene.connect("partner", &provider, "contoso.com, Fabrikam.com");
    for email in ["jane@contoso.com", "joe@fabrikam.com", "eve@evil.example"] {
        user(&scene.admin, "/v2/users", email);
    }
    let good = || honest("jane@contoso.com");
    let distrusted = "did not answer as it has to";
    let cases = [
        ("another issuer", lie(&json!({"iss": "https://evil.example"})), 502, distrusted),
        ("another audience", lie(&json!({"aud": "another application"})), 502, distrusted),
        ("a further audience", lie(&json!({"aud": [CLIENT, "another application"]})), 502, distrusted),
        ("another nonce", lie(&json!({"nonce": "replayed"})), 502, distrusted),
        ("no nonce", lie(&json!({"nonce": null})), 502, distrusted),
        ("expired", lie(&json!({"exp": CLOCK})), 502, distrusted),
        ("no expiry", lie(&json!({"exp": null})), 502, distrusted),
        ("no subject", lie(&json!({"sub": null})), 502, distrusted),
        ("no signature", Grant { algorithm: "none", ..good() }, 502, distrusted),
        ("signed with the secret", Grant { algorithm: "HS256", ..good() }, 502, distrusted),
        ("signed with another key", Grant { is_forged: true, ..good() }, 502, distrusted),
        ("signed, but called RS256", Grant { algorithm: "RS256", ..good() }, 502, distrusted),
        ("not verified", lie(&json!({"email_verified": false})), 403, "e-mail address that it has verified"),
        (
            "verified is absent",
            lie(&json!({"email_verified": null})),
            403,
            "e-mail address that it has verified",
        ),
        (
            "Microsoft's claim, from others",
            lie(&json!({"email_verified": null, "xms_edov": true})),
            403,
            "that it has verified",
        ),
        (
            "an address that is none",
            lie(&json!({"email": "jane"})),
            403,
            "e-mail address that it has verified",
        ),
        ("nobody's address", honest("nobody@contoso.com"), 403, "no user with your e-mail address"),
        ("a domain that is not allowed", honest("eve@evil.example"), 403, "not of a domain"),
        // The controls, and what comes after a first sign-in.
        ("honest", good(), 303, "/console/sessions"),
        ("honest again", good(), 303, "/console/sessions"),
        (
            "a new address",
            lie(&json!({"email": "new@contoso.com", "email_verified": null})),
            303,
            "/console/sessions",
        ),
        ("another user's address", lie(&json!({"email": "joe@fabrikam.com"})), 303, "/console/sessions"),
        ("another subject", lie(&json!({"sub": "another"})), 403, "linked to another account"),
        ("upper case", honest("JOE@Fabrikam.com"), 303, "/console/sessions"),
    ];
    let mut failures = Failures::default();
    let count = cases.len();
    for (what, grant, status, words) in cases {
        let (browser, answer) = scene.sign_in("partner", &provider, grant);
        let mut outcome = expected(&answer, status, words);
        let page = browser.get("/console");
        if outcome.is_ok() && (page.status == 200) != (status == 303) {
            outcome = Err(format!("the home page answers {}", page.status));
        }
        let is_jane = what != "upper case";
        if page.status == 200 && page.text().contains("jane@contoso.com") != is_jane {
            outcome = Err(format!("somebody else is signed in: {}", page.text()));
        }
        failures.case(what, outcome);
    }
    failures.done(count);
    let log = scene.server.log();
    assert!(
        log.contains("single sign-on failed") && log.contains("InvalidNonce") || log.contains("nonce"),
        "{log}"
    );
    assert!(!log.contains(SECRET), "the secret is in the log");
    let kept = String::from_utf8_lossy(&scene.database.contents()).into_owned();
    assert!(!kept.contains(SECRET), "the secret is in the database");
    // An address that only the user information endpoint has.
    user(&scene.admin, "/v2/users", "ida@contoso.com");
    let silent = || lie(&json!({"sub": "ida", "email": null, "email_verified": null}));
    for (said, status, words) in [
        (json!({"sub": "jane", "email": "ida@contoso.com", "email_verified": true}), 502, distrusted),
        (json!({"sub": "ida", "email": "ida@contoso.com"}), 403, "that it has verified"),
        (json!({"sub": "ida", "email": "ida@contoso.com", "email_verified": true}), 303, "/console/sessions"),
    ] {
        provider.set_user_info(said.clone());
        let (_, answer) = scene.sign_in("partner", &provider, silent());
        expected(&answer, status, words).unwrap_or_else(|why| panic!("{said}: {why}"));
    }
    let trail = scene.admin.trail("action=session.create");
    let first = trail.iter().filter(|event| event["after"]["is_first"] == true).count();
    assert_eq!(first, 3, "{trail:?}");
}

fn customers_sign_in_with_their_own_tenant(engine: Engine) {
    let scene = Scene::new(engine);
    let provider = Provider::of_tenants();
    let (ours, theirs) = ("11111111-0000-0000-0000-000000000001", "22222222-0000-0000-0000-000000000002");
    let made = |name: &str, tenant: &str| {
        let change = json!({
            "name": name, "classification": "managed_with_access",
            "address": crate::support::ABSENT, "azure_customer_id": tenant,
        });
        scene.admin.create(&customer(&change))["id"].as_i64().unwrap()
    };
    let (acme, beta) = (made("Acme", ours), made("Beta", theirs));
    for (customer, email) in
        [(acme, "ann@acme.example"), (beta, "bob@beta.example"), (beta, "ann@acme.example")]
    {
        user(&scene.admin, &format!("/v2/customers/{customer}/users"), email);
    }
    scene.connect("customers", &provider, "");
    let token = |sub: &str, email: &str, tid: &str, change: &Value| {
        let mut grant = honest(email);
        let iss = format!("{}/{tid}/v2.0", provider.url);
        let claims = json!({"sub": sub, "iss": iss, "tid": tid, "email_verified": null, "xms_edov": true});
        patched(&mut grant.claims, &claims);
        patched(&mut grant.claims, change);
        grant
    };
    let ann = |change: &Value| token("ann", "ann@acme.example", ours, change);
    let none = json!({});
    let other = format!("{}/{theirs}/v2.0", provider.url);
    let unknown = "33333333-0000-0000-0000-000000000003";
    let cases = [
        (
            "a tenant that nobody has",
            token("x", "ann@acme.example", unknown, &none),
            403,
            "tenant does not belong",
        ),
        ("a user of another customer", token("x", "bob@beta.example", ours, &none), 403, "no user with your"),
        ("the tid of another tenant", ann(&json!({"iss": other})), 502, "did not answer"),
        ("the issuer of another tenant", ann(&json!({"tid": theirs})), 502, "did not answer"),
        ("no tid", ann(&json!({"tid": null})), 502, "did not answer"),
        ("a tid that is a path", ann(&json!({"tid": "../x"})), 502, "did not answer"),
        (
            "the template as it is",
            ann(&json!({"tid": "{tenantid}", "iss": format!("{}/{{tenantid}}/v2.0", provider.url)})),
            502,
            "did not answer",
        ),
        ("a domain that is not verified", ann(&json!({"xms_edov": false})), 403, "that it has verified"),
        ("no claim of the domain", ann(&json!({"xms_edov": null})), 403, "that it has verified"),
        ("a forged token", Grant { is_forged: true, ..ann(&none) }, 502, "did not answer"),
        ("honest", ann(&none), 303, "/console/sessions"),
        ("the claim as a text", ann(&json!({"xms_edov": "1"})), 303, "/console/sessions"),
        (
            "the same subject of another tenant",
            token("ann", "bob@beta.example", theirs, &none),
            303,
            "/console/sessions",
        ),
    ];
    let mut failures = Failures::default();
    let count = cases.len();
    for (what, grant, status, words) in cases {
        let (browser, answer) = scene.sign_in("customers", &provider, grant);
        let mut outcome = expected(&answer, status, words);
        if status == 303 && browser.get("/console/portal").status != 200 {
            outcome = Err("the portal is closed".into());
        }
        failures.case(what, outcome);
    }
    failures.done(count);

    // The tenant goes to another customer: who comes from there is no user of it.
    let body = json!({"azure_customer_ids": [ours]});
    let path = format!("/v1/azure_partner_customer_accounts/remove/{acme}");
    assert_eq!(scene.admin.put(&path, &body).status, 207);
    let (_, answer) = scene.sign_in("customers", &provider, ann(&none));
    expected(&answer, 403, "tenant does not belong").unwrap();
    let path = format!("/v1/azure_partner_customer_accounts/add/{beta}");
    assert_eq!(scene.admin.put(&path, &body).status, 207);
    let (_, answer) = scene.sign_in("customers", &provider, ann(&none));
    expected(&answer, 403, "tenant does not belong").unwrap();
}

fn a_sign_in_belongs_to_its_browser(engine: Engine) {
    let scene = Scene::new(engine);
    let provider = Provider::start();
    scene.connect("partner", &provider, "");
    user(&scene.admin, "/v2/users", "jane@contoso.com");
    let stale = "took too long";
    let good = || honest("jane@contoso.com");

    let (browser, url) = scene.begin("partner");
    let (code, state) = provider.grant(&url, good());
    let other = Browser::new(scene.server.address);
    expected(&other.get(&returning(&code, &state)), 400, stale).expect("without the cookie");
    let (other, _) = scene.begin("partner");
    expected(&other.get(&returning(&code, &state)), 400, stale).expect("with another sign-in's cookie");
    expected(&browser.get(&returning(&code, &state)), 303, "/console/sessions").expect("the control");
    expected(&browser.get(&returning(&code, &state)), 400, stale).expect("a second time");

    let (browser, url) = scene.begin("partner");
    let (code, _) = provider.grant(&url, good());
    expected(&browser.get(&returning(&code, "0")), 400, stale).expect("another state");

    // A code that was given to somebody else's sign-in: the verifier is another one.
    let (browser, url) = scene.begin("partner");
    let (_, state) = provider.grant(&url, good());
    let (_, url) = scene.begin("partner");
    let (injected, _) = provider.grant(&url, good());
    let answer = browser.get(&returning(&injected, &state));
    expected(&answer, 502, "did not answer").expect("an injected code");
    assert!(scene.server.log().contains("PKCE verification failed"));

    for (query, status, words) in [
        ("error=access_denied", 403, "did not sign you in"),
        ("error=%3Cscript%3E", 403, "did not sign you in"),
        ("code=abc&iss=https://evil.example", 502, "did not answer"),
        ("code=unknown", 502, "did not answer"),
    ] {
        let (browser, url) = scene.begin("partner");
        let (_, state) = provider.grant(&url, good());
        let answer = browser.get(&format!("/console/single-sign-on/return?{query}&state={state}"));
        expected(&answer, status, words).unwrap_or_else(|why| panic!("{query}: {why}"));
        assert!(!answer.text().contains("<script>"));
    }

    // Too late, by the server's clock.
    let (browser, url) = scene.begin("partner");
    let (code, state) = provider.grant(&url, good());
    scene.admin.set_clock("2016-09-15T18:32:04Z");
    expected(&browser.get(&returning(&code, &state)), 400, stale).expect("after 15 minutes");

    // Only pages of this console come next.
    let browser = Browser::new(scene.server.address);
    let answer =
        browser.get("/console/single-sign-on/start?partner=1&for=partner&next=https://evil.example/");
    let mut late = good();
    late.claims["exp"] = json!(CLOCK + 3600);
    let (code, state) = provider.grant(answer.header("location"), late);
    expected(&browser.get(&returning(&code, &state)), 303, "/console").expect("another site");
    for query in
        ["", "?partner=1", "?partner=1&for=customers", "?partner=2&for=partner", "?partner=x&for=partner"]
    {
        let answer = Browser::new(scene.server.address).get(&format!("/console/single-sign-on/start{query}"));
        expected(&answer, 404, "There is no single sign-on here")
            .unwrap_or_else(|why| panic!("{query}: {why}"));
    }
}

fn what_ends_a_session(engine: Engine) {
    let scene = Scene::new(engine);
    let provider = Provider::start();
    let settings = scene.connect("partner", &provider, "");
    let opened = |email: &str| {
        let (browser, answer) = scene.sign_in("partner", &provider, honest(email));
        expected(&answer, 303, "/console/sessions").unwrap();
        assert_eq!(browser.get("/console/sessions").status, 200);
        browser
    };
    let end = |browser: &Browser| browser.get("/console").header("location").to_owned();
    let (id, _) = user(&scene.admin, "/v2/users", "a@contoso.com");
    let browser = opened("a@contoso.com");
    assert_eq!(scene.admin.delete(&format!("/v2/users/{id}/api_key")).status, 204);
    assert_eq!(browser.get("/console").status, 200, "the session does not need the key");
    assert_eq!(scene.admin.put(&format!("/v2/users/{id}"), &json!({"role": "operator"})).status, 200);
    assert_eq!(end(&browser), "/console/sign-in?ended=roles");
    // The row that the server has changed is as good as before.
    let browser = opened("a@contoso.com");
    assert_eq!(scene.admin.delete(&format!("/v2/users/{id}")).status, 204);
    assert_eq!(end(&browser), "/console/sign-in?ended=user");
    // Made again, it is found by its address again.
    user(&scene.admin, "/v2/users", "a@contoso.com");
    let browser = opened("a@contoso.com");
    // The sign-in page offers the provider, and goes straight on for who is signed in.
    let page = Browser::new(scene.server.address).get("/console/sign-in").text();
    assert!(page.contains("/console/single-sign-on/start?partner=1&#38;for=partner"), "{page}");
    // The same application with another secret changes nothing; without the provider, its sessions end.
    assert_eq!(connect(&settings, "partner", &provider.url, "").status, 303);
    assert_eq!(browser.get("/console").status, 200);
    let removed = settings.submit(SETTINGS, &format!("{SETTINGS}/partner/remove"), &[]);
    assert_eq!(removed.header("location"), format!("{SETTINGS}?done=sign-in-removed"));
    assert_eq!(end(&browser), "/console/sign-in?ended=elsewhere");
    assert_eq!(settings.get(SETTINGS).status, 200, "the session of a key goes on");
}

fn a_changed_row_signs_nobody_in(engine: Engine) {
    let scene = Scene::new(engine);
    let provider = Provider::start();
    scene.connect("partner", &provider, "");
    for email in ["jane@contoso.com", "joe@contoso.com"] {
        user(&scene.admin, "/v2/users", email);
    }
    let (_, answer) = scene.sign_in("partner", &provider, honest("jane@contoso.com"));
    expected(&answer, 303, "/console/sessions").unwrap();
    let jane = "email_key = 'jane@contoso.com'";
    let id = scene.database.value(&format!("SELECT id FROM users WHERE {jane}"));
    let mac =
        scene.database.value(&format!("SELECT mac FROM user_access WHERE partner_id = 1 AND user_id = {id}"));
    let admins = "(SELECT u.id FROM users u WHERE u.role = 'admin')";
    for (what, change, undo) in [
        (
            "a promotion",
            format!("UPDATE users SET role = 'admin' WHERE {jane}"),
            format!("UPDATE users SET role = 'viewer' WHERE {jane}"),
        ),
        (
            "another's MAC",
            format!(
                "UPDATE user_access SET mac = (SELECT a.mac FROM user_access a WHERE a.user_id IN {admins}) WHERE user_id = {id}"
            ),
            format!("UPDATE user_access SET mac = '{mac}' WHERE user_id = {id}"),
        ),
        (
            "no MAC",
            format!("DELETE FROM user_access WHERE user_id = {id}"),
            format!("INSERT INTO user_access (partner_id, user_id, mac) VALUES (1, {id}, '{mac}')"),
        ),
    ] {
        let (browser, _) = scene.sign_in("partner", &provider, honest("jane@contoso.com"));
        assert_eq!(browser.get("/console").status, 200, "{what}");
        scene.database.execute(&change);
        let (_, answer) = scene.sign_in("partner", &provider, honest("jane@contoso.com"));
        expected(&answer, 403, "no user").unwrap_or_else(|why| panic!("{what}: {why}"));
        assert_eq!(browser.get("/console").header("location"), "/console/sign-in?ended=roles", "{what}");
        // Nor does a change by the server make it good.
        scene.admin.put(&format!("/v2/users/{id}"), &json!({"name": what}));
        let (_, answer) = scene.sign_in("partner", &provider, honest("jane@contoso.com"));
        expected(&answer, 403, "no user").unwrap_or_else(|why| panic!("{what}: {why}"));
        scene.database.execute(&undo);
        let (_, answer) = scene.sign_in("partner", &provider, honest("jane@contoso.com"));
        expected(&answer, 303, "/console/sessions").unwrap_or_else(|why| panic!("{what}, undone: {why}"));
    }
    // An identity that was moved to another user.
    let joe = "(SELECT id FROM users WHERE email_key = 'joe@contoso.com')";
    scene.database.execute(&format!("UPDATE user_identities SET user_id = {joe}"));
    let (browser, answer) = scene.sign_in("partner", &provider, honest("jane@contoso.com"));
    assert_ne!(answer.status, 303, "{}", answer.text());
    assert_eq!(browser.get("/console").status, 303);
    // Settings that were changed: the secret does not go to another issuer.
    scene.database.execute("UPDATE sign_in_providers SET settings = REPLACE(settings, 'contoso', 'evil')");
    scene
        .database
        .execute("UPDATE sign_in_providers SET settings = REPLACE(settings, '127.0.0.1', '127.0.0.2')");
    let answer =
        Browser::new(scene.server.address).get("/console/single-sign-on/start?partner=1&for=partner");
    assert_eq!(answer.status, 500, "{}", answer.text());
}

fn settings_are_checked(engine: Engine) {
    let scene = Scene::new(engine);
    let browser = Browser::signed_in(&scene.admin);
    let (good, liar) = (Provider::start(), Provider::start_as(|_| "https://evil.example".into()));
    let mut failures = Failures::default();
    let other = good.url.replace("127.0.0.1", "127.0.0.2");
    let cases = [
        ("nothing", "", "", "Issuer: is required"),
        ("no URL", "contoso", "", "is no URL of an issuer"),
        ("a domain", good.url.as_str(), "localhost", "is no domain"),
        ("metadata of another issuer", liar.url.as_str(), "", "its metadata is of the issuer"),
        ("where the guard lets nobody", other.as_str(), "", "not on the public Internet"),
        ("nobody there", "http://127.0.0.1:1", "", "the provider cannot be used"),
    ];
    for (what, url, domains, words) in cases {
        let answer = connect(&browser, "partner", url, domains);
        let text = answer.text().replace("&#34;", "\"");
        let is_kept =
            !text.contains(SECRET) && (url.is_empty() || text.contains(&format!("value=\"{url}\"")));
        let outcome = if answer.status == 422 && text.contains(words) && is_kept {
            Ok(())
        } else {
            Err(format!("{}: {text}", answer.status))
        };
        failures.case(what, outcome);
    }
    failures.done(6);
    assert_eq!(connect(&browser, "partner", &good.url, "").status, 303);
    // Without a secret the stored one stays, for the same issuer only.
    let fields = |url: &'static str| [("partner-issuer", url), ("partner-client", CLIENT)];
    let action = format!("{SETTINGS}/partner");
    let url: &'static str = Box::leak(good.url.clone().into_boxed_str());
    assert_eq!(browser.submit(SETTINGS, &action, &fields(url)).status, 303);
    let moved: &'static str = Box::leak(liar.url.clone().into_boxed_str());
    let answer = browser.submit(SETTINGS, &action, &fields(moved));
    assert!(
        answer.status == 422 && answer.text().contains("Client secret: is required"),
        "{}",
        answer.text()
    );
    // Another partner sees and changes nothing of it.
    let theirs = Browser::signed_in(&scene.server.partner());
    assert!(!theirs.get(SETTINGS).text().contains(&good.url));
    assert_eq!(theirs.submit(SETTINGS, &format!("{SETTINGS}/partner/remove"), &[]).status, 404);
}

fn an_account_is_unlinked(engine: Engine) {
    let scene = Scene::new(engine);
    let provider = Provider::start();
    let partner = scene.connect("partner", &provider, "");
    let (id, _) = user(&scene.admin, "/v2/users", "jane@contoso.com");
    let accounts = format!("/v2/users/{id}/accounts");
    assert_eq!(scene.admin.get(&accounts).json(), json!({"accounts": []}));
    let (before, answer) = scene.sign_in("partner", &provider, honest("jane@contoso.com"));
    assert_eq!(answer.status, 303, "{}", answer.text());
    let linked = scene.admin.get(&accounts).json();
    assert_eq!(linked["accounts"][0]["subject"], "sub of jane@contoso.com", "{linked}");
    // The account was made again: it has another subject.
    let again = || lie(&json!({"sub": "another"}));
    let (_, refused) = scene.sign_in("partner", &provider, again());
    expected(&refused, 403, "linked to another account").unwrap();
    let page = format!("/console/users/{id}");
    assert!(partner.get(&page).text().contains("sub of jane@contoso.com"));
    let unlinked = partner.submit(&page, &format!("{page}/unlink"), &[]);
    assert_eq!(unlinked.header("location"), format!("{page}?done=user-unlinked"));
    assert!(before.get("/console/sessions").header("location").starts_with("/console/sign-in"), "it goes on");
    let (after, answer) = scene.sign_in("partner", &provider, again());
    assert_eq!((answer.status, after.get("/console/sessions").status), (303, 200), "{}", answer.text());
    assert_eq!(scene.admin.delete(&accounts).status, 204);
    assert_eq!(scene.admin.delete(&accounts).status, 204, "there is none any more");
    assert!(after.get("/console/sessions").header("location").starts_with("/console/sign-in"));
    let trail = scene.admin.trail("action=user.unlink");
    assert_eq!(trail.len(), 2, "{trail:?}");
}

fn providers_are_set_over_the_api(engine: Engine) {
    let scene = Scene::new(engine);
    let provider = Provider::start();
    let path = "/v2/sign_in_providers/partner";
    let admin = &scene.admin;
    assert_eq!(admin.get(path).status, 404);
    let body = json!({"issuer": provider.url, "client_id": CLIENT, "client_secret": SECRET,
                      "allowed_domains": ["@Contoso.com"]});
    let shown = json!({"issuer": provider.url, "client_id": CLIENT, "allowed_domains": ["contoso.com"]});
    let set = admin.put(path, &body);
    assert_eq!((set.status, set.json()), (200, shown.clone()), "{}", set.text());
    assert_eq!(admin.get(path).json(), shown);
    user(admin, "/v2/users", "jane@contoso.com");
    let (_, answer) = scene.sign_in("partner", &provider, honest("jane@contoso.com"));
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(admin.put(path, &shown).status, 200, "the secret is kept");
    let mut failures = Failures::default();
    for (what, body, details) in [
        ("nothing", json!({}), "/issuer required, /client_id required, /client_secret required"),
        (
            "other types",
            json!({"issuer": 7, "allowed_domains": "a.example"}),
            "/issuer wrong_type, /allowed_domains wrong_type",
        ),
        (
            "another issuer without its secret",
            json!({"issuer": "https://a.example", "client_id": "a"}),
            "/client_secret required",
        ),
        (
            "an issuer that is not there",
            json!({"issuer": "http://127.0.0.1:1", "client_id": "a", "client_secret": "b"}),
            "/issuer unusable",
        ),
        (
            "a near miss",
            json!({"issuer": provider.url, "client_id": CLIENT, "secret": SECRET}),
            "/secret unknown",
        ),
    ] {
        let answer = admin.put(path, &body);
        let good = answer.status == 422 && answer.details() == details;
        failures.case(what, if good { Ok(()) } else { Err(answer.text()) });
    }
    failures.done(5);
    assert_eq!(admin.get(path).json(), shown, "something of it was kept");
    assert_eq!(admin.get("/v2/sign_in_providers/nobody").status, 404);
    assert_eq!((admin.delete(path).status, admin.delete(path).status), (204, 404));
    let texts = admin.trail("action=sign_in_provider.").iter().map(Value::to_string).collect::<String>();
    assert!(!texts.contains(SECRET) && !scene.server.log().contains(SECRET), "the secret is shown");
}
