//! Sign-in with a certified provider of OpenID Connect, in a browser: the partner's own users, and a customer's.

use crate::support::{ABSENT, Api, Database, Engine, Guard, Server, customer};
use crate::{Look, Page};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

const TENANT: &str = "3f2b9a51-0c1d-4e6f-8a7b-5c4d3e2f1a0b";

/// npm's oidc-provider, for this console.
struct Provider {
    url: String,
    /// Open while the provider runs, which prints more than its URL.
    _stdout: BufReader<ChildStdout>,
    _child: Child,
    _guard: Guard,
}

impl Provider {
    fn start(admin: &Api, tenant: &str) -> Self {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        // Modules are looked for beside the script, wherever it is run.
        let line = "source scripts/node-tools >&2 && script=$node_folder/provider.mjs && \
             cp crates/tenantry/tests/browser/provider.mjs \"$script.$$\" && mv \"$script.$$\" \"$script\" && \
             exec node \"$script\" \"$@\"";
        let redirect_uri = format!("http://{}/console/single-sign-on/return", admin.address);
        let mut command = Command::new("bash");
        command.args(["-c", line, "provider", &redirect_uri, tenant]).current_dir(root);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let guard = Guard::new(&format!("kill {}", child.id()));
        let mut url = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut url).unwrap();
        assert!(url.starts_with("http://localhost:"), "the provider did not start: {url:?}");
        Provider { url: url.trim().to_owned(), _stdout: stdout, _child: child, _guard: guard }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self._child.kill());
        drop(self._child.wait());
    }
}

/// Signs in at the provider, and agrees to what it passes on.
fn at_the_provider(page: &Page, email: &str) {
    page.find("input[name=login]").type_text(email);
    page.find("input[name=password]").type_text("anything");
    page.find("button[type=submit]").click();
    page.find("//button[normalize-space()='Continue']").click();
}

fn connect(page: &Page, audience: &str, provider: &Provider) {
    page.go("/console/settings/sign-in");
    for (field, value) in [
        ("issuer", provider.url.as_str()),
        ("client", "tenantry"),
        ("secret", "a secret that the test has chosen"),
    ] {
        page.run(&format!("document.getElementById('{audience}-{field}').value = ''"));
        page.find(&format!("#{audience}-{field}")).type_text(value);
    }
    page.find(&format!("form[action$='/sign-in/{audience}'] button")).click();
    page.sees("Saved. The provider was reached.");
}

#[test]
fn a_certified_provider_signs_users_in() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--allow-egress", "127.0.0.1,::1"]);
    let admin = server.admin();
    let Some(page) = Page::signed_in(&admin, Look::default()) else { return };
    let (own, microsoft) = (Provider::start(&admin, ""), Provider::start(&admin, TENANT));
    let made = admin.create(&customer(&json!({
        "name": "Acme", "classification": "managed_with_access", "azure_customer_id": TENANT, "address": ABSENT,
    })));
    let users = format!("/v2/customers/{}/users", made["id"]);
    admin.user("/v2/users", &json!({"email": "jane@contoso.com", "role": "viewer"}));
    admin.user(&users, &json!({"email": "ann@acme.example"}));
    connect(&page, "partner", &own);
    connect(&page, "customers", &microsoft);
    page.end();

    for (offer, email, sees) in [
        ("Sign in at default", "jane@contoso.com", "Customers"),
        ("Sign in with Microsoft", "ann@acme.example", "There are no bills yet."),
    ] {
        let page = Page::open(&admin, Look::default()).unwrap();
        page.go("/console/sign-in");
        page.press(offer);
        at_the_provider(&page, email);
        page.sees(sees);
        let who = page.find(".account-name").property("textContent");
        assert_eq!(who, email);
        // Who is signed out, and signs in again, is known.
        page.find(".account summary").click();
        page.press("Sign out");
        page.press(offer);
        page.find(".account");
        page.end();
    }

    // A user that nobody has added.
    let page = Page::open(&admin, Look::default()).unwrap();
    page.go("/console/sign-in");
    page.press("Sign in at default");
    at_the_provider(&page, "nobody@contoso.com");
    page.sees("There is no user with your e-mail address here. Ask your administrator to add you.");
}
