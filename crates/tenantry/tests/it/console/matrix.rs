//! Every page and every form, as everybody there is.

use super::Browser;
use crate::support::{Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines};
use serde_json::json;
use std::collections::BTreeSet;

on_both_engines!(everybody_opens_everything);

const WHO: [&str; 12] = [
    "nobody",
    "an admin",
    "an operator",
    "a billing user",
    "a viewer",
    "an auditor",
    "a customer's user",
    "a customer's user without access",
    "a customer's user after the trial",
    "an admin of a suspended partner",
    "another partner's admin",
    "a customer's owner",
];

/// A page or a form, the fields that it is sent with, and the status of the answer for each of [`WHO`] but the last.
struct Row(&'static str, &'static [(&'static str, &'static str)], [u16; 11]);

/// Whoever adds a page adds its row here, and so decides who may open it. Paths name objects of the first partner.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    //                                               none admin oper bill view audt cust w/out trial susp other
    Row("GET /",                           &[],     [303, 303, 303, 303, 303, 303, 303, 303, 303, 303, 303]),
    Row("GET /console/assets/{name}",      &[],     [404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404]),
    Row("GET /console/sign-in",            &[],     [200, 303, 303, 303, 303, 303, 303, 200, 200, 200, 303]),
    Row("POST /console/sign-in",           &[],     [422, 422, 422, 422, 422, 422, 422, 422, 422, 422, 422]),
    Row("POST /console/sign-out",          &[],     [303, 303, 303, 303, 303, 303, 303, 303, 303, 303, 303]),
    Row("GET /console/single-sign-on/start", &[],   [404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404]),
    Row("GET /console/single-sign-on/return", &[],  [400, 400, 400, 400, 400, 400, 400, 400, 400, 400, 400]),
    Row("POST /console/language",          &[("language", "de")],
                                                    [303, 303, 303, 303, 303, 303, 303, 303, 303, 303, 303]),
    Row("GET /console",                    &[],     [303, 200, 200, 200, 200, 200, 303, 403, 403, 403, 200]),
    Row("GET /console/customers",          &[],     [303, 200, 200, 200, 200, 200, 404, 403, 403, 403, 200]),
    Row("GET /console/customers.csv",      &[],     [303, 200, 200, 200, 200, 200, 404, 403, 403, 403, 200]),
    // Nobody is chosen.
    Row("GET /console/customers/change",   &[],     [303, 303, 303, 403, 403, 403, 404, 403, 403, 403, 303]),
    Row("POST /console/customers/change",  &[("change", "billing-on")],
                                                    [303, 422, 422, 403, 403, 403, 404, 403, 403, 403, 422]),
    Row("GET /console/customers/{id}",     &[],     [303, 200, 200, 200, 200, 200, 404, 403, 403, 403, 404]),
    Row("GET /console/customers/new",      &[],     [303, 200, 200, 403, 403, 403, 404, 403, 403, 403, 200]),
    Row("POST /console/customers/new",     &[],     [303, 422, 422, 403, 403, 403, 404, 403, 403, 403, 422]),
    Row("GET /console/customers/{id}/edit", &[],    [303, 200, 200, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/edit", &[],   [303, 422, 422, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/customers/{id}/delete", &[],  [303, 200, 200, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/delete", &[], [303, 422, 422, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/users",              &[],     [303, 200, 403, 403, 403, 403, 404, 403, 403, 403, 200]),
    Row("POST /console/users",             &[],     [303, 422, 403, 403, 403, 403, 404, 403, 403, 403, 422]),
    Row("GET /console/users/{user_id}",    &[],     [303, 200, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/users/{user_id}",   &[("roles", "viewer")],
                                                    [303, 303, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/users/{user_id}/rotate", &[], [303, 200, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/users/{user_id}/revoke", &[], [303, 303, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/users/{user_id}/keys", &[("key_name", "CI")],
                                                    [303, 200, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/users/{user_id}/keys/revoke", &[("key", "00000000")],
                                                    [303, 404, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/users/{user_id}/delete", &[], [303, 303, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/users/{user_id}/unlink", &[], [303, 303, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/users/{user_id}/unlink", &[],
                                                    [303, 303, 303, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/users/{user_id}/invite", &[], [303, 200, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/users/{user_id}/invite", &[],
                                                    [303, 200, 200, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/invitation",         &[],     [404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404]),
    Row("POST /console/invitation",        &[],     [404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404]),
    Row("GET /console/customers/{id}/users", &[],   [303, 200, 200, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/users", &[],  [303, 422, 422, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/customers/{id}/users/{user_id}", &[],
                                                    [303, 200, 200, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/users/{user_id}", &[("name", "Jane")],
                                                    [303, 303, 303, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/users/{user_id}/rotate", &[],
                                                    [303, 200, 200, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/users/{user_id}/revoke", &[],
                                                    [303, 303, 303, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/users/{user_id}/keys", &[("key_name", "CI")],
                                                    [303, 200, 200, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/users/{user_id}/keys/revoke", &[("key", "00000000")],
                                                    [303, 404, 404, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/customers/{id}/users/{user_id}/delete", &[],
                                                    [303, 303, 303, 403, 403, 403, 404, 403, 403, 403, 404]),
    // There is no run and no bill: who may, is told so.
    Row("GET /console/billing",            &[],     [303, 200, 403, 200, 403, 200, 404, 403, 403, 403, 200]),
    Row("POST /console/billing",           &[],     [303, 422, 403, 422, 403, 403, 404, 403, 403, 403, 422]),
    Row("GET /console/billing/invoices",   &[],     [303, 200, 403, 200, 403, 200, 404, 403, 403, 403, 200]),
    Row("GET /console/billing/automation", &[],     [303, 200, 403, 200, 403, 200, 404, 403, 403, 403, 200]),
    Row("POST /console/billing/automation", &[],    [303, 422, 403, 422, 403, 403, 404, 403, 403, 403, 422]),
    Row("GET /console/billing/runs/{id}",  &[],     [303, 404, 403, 404, 403, 404, 404, 403, 403, 403, 404]),
    Row("GET /console/billing/runs/{id}/progress", &[],
                                                    [303, 404, 403, 404, 403, 404, 404, 403, 403, 403, 404]),
    Row("POST /console/billing/runs/{id}/release", &[],
                                                    [303, 404, 403, 404, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/billing/runs/{id}/publish", &[],
                                                    [303, 404, 403, 404, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/billing/runs/{id}/cancel", &[],
                                                    [303, 404, 403, 404, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/billing/runs/{id}/withdraw", &[],
                                                    [303, 404, 403, 404, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/billing/runs/{id}/finalize", &[],
                                                    [303, 404, 403, 404, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/billing/runs/{id}/finalize", &[],
                                                    [303, 404, 403, 404, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/billing/runs/{id}/customers/{customer_id}", &[],
                                                    [303, 404, 403, 404, 403, 404, 404, 403, 403, 403, 404]),
    Row("GET /console/price-rules",        &[],     [303, 200, 403, 200, 403, 200, 404, 403, 403, 403, 200]),
    Row("GET /console/price-rules/new",    &[],     [303, 200, 403, 200, 403, 403, 404, 403, 403, 403, 200]),
    Row("POST /console/price-rules/new",   &[],     [303, 422, 403, 422, 403, 403, 404, 403, 403, 403, 422]),
    Row("POST /console/price-rules/try",   &[],     [303, 422, 403, 422, 403, 403, 404, 403, 403, 403, 422]),
    Row("GET /console/price-rules/{rule_id}/edit", &[],
                                                    [303, 200, 403, 200, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/price-rules/{rule_id}/edit", &[],
                                                    [303, 422, 403, 422, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/price-rules/{rule_id}/try", &[],
                                                    [303, 422, 403, 422, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/price-rules/{rule_id}/move", &[("direction", "up")],
                                                    [303, 303, 403, 303, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/price-rules/{rule_id}/delete", &[],
                                                    [303, 200, 403, 200, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/price-rules/{rule_id}/delete", &[],
                                                    [303, 409, 403, 409, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/bills/{id}",         &[],     [303, 404, 404, 404, 404, 404, 404, 403, 403, 403, 404]),
    Row("GET /console/bills/{id}/files/{name}", &[], [303, 404, 404, 404, 404, 404, 404, 403, 403, 403, 404]),
    Row("GET /console/directory",          &[],     [303, 200, 200, 200, 200, 200, 404, 403, 403, 403, 200]),
    // No directory is connected.
    Row("POST /console/directory/test",    &[],     [303, 404, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/directory/walk",    &[],     [303, 404, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/directory/credentials", &[],  [303, 404, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/directory/credentials", &[("client_secret", "s")],
                                                    [303, 404, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/directory/disconnect", &[],   [303, 404, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("POST /console/directory/disconnect", &[("confirm", "yes")],
                                                    [303, 404, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/directory/assign",   &[],     [303, 303, 303, 403, 403, 403, 404, 403, 403, 403, 303]),
    Row("POST /console/directory/assign",  &[("tenant", "t")],
                                                    [303, 422, 422, 403, 403, 403, 404, 403, 403, 403, 422]),
    Row("GET /console/audit",              &[],     [303, 200, 403, 403, 403, 200, 404, 403, 403, 403, 200]),
    Row("GET /console/audit/verify",       &[],     [303, 200, 403, 403, 403, 200, 404, 403, 403, 403, 200]),
    Row("GET /console/colours/{name}",     &[],     [404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404]),
    Row("GET /console/settings/branding",  &[],     [303, 200, 403, 403, 403, 403, 404, 403, 403, 403, 200]),
    Row("POST /console/settings/branding", &[("colour", "none")],
                                                    [303, 422, 403, 403, 403, 403, 404, 403, 403, 403, 422]),
    Row("GET /console/logos/{name}",       &[],     [404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404]),
    Row("POST /console/settings/branding/logo", &[],
                                                    [303, 422, 403, 403, 403, 403, 404, 403, 403, 403, 422]),
    Row("POST /console/settings/branding/logo/remove", &[],
                                                    [303, 404, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/settings/sign-in",   &[],     [303, 200, 403, 403, 403, 403, 404, 403, 403, 403, 200]),
    Row("POST /console/settings/sign-in/{audience}", &[],
                                                    [303, 422, 403, 403, 403, 403, 404, 403, 403, 403, 422]),
    Row("POST /console/settings/sign-in/{audience}/remove", &[],
                                                    [303, 404, 403, 403, 403, 403, 404, 403, 403, 403, 404]),
    Row("GET /console/sessions",           &[],     [303, 200, 200, 200, 200, 200, 200, 403, 403, 403, 200]),
    Row("POST /console/sessions/end",      &[("session", "0")],
                                                    [303, 404, 404, 404, 404, 404, 404, 403, 403, 403, 404]),
    Row("POST /console/sessions/end-all",  &[],     [303, 303, 303, 303, 303, 303, 303, 403, 403, 403, 303]),
    Row("GET /console/portal",             &[],     [303, 404, 404, 404, 404, 404, 200, 403, 403, 403, 404]),
    Row("GET /console/portal/bills",       &[],     [303, 404, 404, 404, 404, 404, 200, 403, 403, 403, 404]),
    Row("GET /console/portal/users",       &[],     [303, 404, 404, 404, 404, 404, 403, 403, 403, 403, 404]),
    Row("POST /console/portal/users",      &[],     [303, 404, 404, 404, 404, 404, 403, 403, 403, 403, 404]),
    Row("GET /console/portal/users/{user_id}", &[], [303, 404, 404, 404, 404, 404, 403, 403, 403, 403, 404]),
    Row("POST /console/portal/users/{user_id}", &[("role", "owner")],
                                                    [303, 404, 404, 404, 404, 404, 403, 403, 403, 403, 404]),
    Row("POST /console/portal/users/{user_id}/invite", &[],
                                                    [303, 404, 404, 404, 404, 404, 403, 403, 403, 403, 404]),
    Row("POST /console/portal/users/{user_id}/remove", &[],
                                                    [303, 404, 404, 404, 404, 404, 403, 403, 403, 403, 404]),
    Row("GET /console/{*rest}",            &[],     [303, 404, 404, 404, 404, 404, 404, 403, 403, 403, 404]),
];

/// What an owner is answered where that differs from what another user of its customer is.
const OWNERS: [(&str, u16); 6] = [
    ("GET /console/portal/users", 200),
    ("POST /console/portal/users", 422),
    ("GET /console/portal/users/{user_id}", 200),
    ("POST /console/portal/users/{user_id}", 303),
    ("POST /console/portal/users/{user_id}/invite", 200),
    ("POST /console/portal/users/{user_id}/remove", 303),
];

impl Row {
    fn expected(&self, who: usize) -> u16 {
        let Row(route, _, expected) = self;
        match expected.get(who) {
            Some(status) => *status,
            None => OWNERS.iter().find(|(of, _)| of == route).map_or(expected[6], |(_, status)| *status),
        }
    }
}

struct Scene {
    server: Server,
    admin: Api,
    customer: i64,
    /// The key of each of [`WHO`] but the first.
    keys: Vec<Api>,
    locks: Locks,
    database: Database,
}

/// What shuts users out after they have signed in.
struct Locks {
    partner: String,
    without_access: i64,
    trial: i64,
}

impl Scene {
    fn new(engine: Engine) -> Self {
        let database = Database::new(engine);
        let server = Server::start(&database, &["--sandbox", "--at", NOW]);
        let admin = server.admin();
        let own = |name: &str| {
            let change = json!({"name": name, "classification": "managed_with_access"});
            admin.create(&customer(&change))["id"].as_i64().unwrap()
        };
        let (with_access, without_access, trial) = (own("A"), own("B"), own("C"));
        let (partner, suspended) = server.named_partner();
        let mut keys = vec![admin.clone()];
        keys.extend(["operator", "billing", "viewer", "auditor"].map(|role| admin.colleague(role).1));
        keys.extend([with_access, without_access, trial].map(|id| admin.user_of(id).1));
        keys.extend([suspended, server.partner()]);
        keys.push(admin.user_as(with_access, "owner").1);
        let locks = Locks { partner, without_access, trial };
        Scene { server, admin, customer: with_access, keys, locks, database }
    }

    /// Lets everybody in to sign in, or shuts out those whom [`WHO`] says so of.
    fn shut(&self, is_shut: bool) {
        let Locks { partner, without_access, trial } = &self.locks;
        let (classification, end) = if is_shut {
            ("managed_without_access", json!("2016-09-15T18:17:05Z"))
        } else {
            ("managed_with_access", json!(null))
        };
        let put = |id: &i64, change| {
            let answer = self.admin.put(&format!("/v2/customers/{id}"), &change);
            assert_eq!(answer.status, 200, "{}", answer.text());
        };
        self.admin.set_clock(NOW);
        put(without_access, json!({"classification": classification}));
        put(trial, json!({"trial_expiration_date": end}));
        // As `partner suspend` does, without two hundred processes.
        self.database.execute(&format!("UPDATE partners SET suspended = {is_shut} WHERE name = '{partner}'"));
        if is_shut {
            self.admin.set_clock("2016-09-15T18:17:05Z");
        }
    }

    /// Everybody signs in, some are shut out, and all open these pages or send these forms.
    fn look_at(&self, rows: &[&Row], failures: &mut Failures) {
        self.shut(false);
        let browsers: Vec<Browser> = std::iter::once(Browser::new(self.server.address))
            .chain(self.keys.iter().map(Browser::signed_in))
            .collect();
        let page = |who: usize| if who == 0 { "/console/sign-in" } else { "/console/sessions" };
        let tokens: Vec<String> =
            browsers.iter().enumerate().map(|(who, browser)| browser.token(page(who))).collect();
        self.shut(true);
        for row @ Row(route, fields, _) in rows {
            let (method, template) = route.split_once(' ').unwrap();
            for (who, browser) in browsers.iter().enumerate() {
                let path = self.path(template);
                let answer = if method == "GET" {
                    browser.get(&path)
                } else {
                    let fields: Vec<(&str, &str)> =
                        fields.iter().copied().chain([("form_token", tokens[who].as_str())]).collect();
                    // The control: without its token no form does anything.
                    let forged = browser.post(&path, &[]);
                    let is_refused = forged.status == 403 || forged.status == 303 && who == 0;
                    let outcome =
                        if is_refused { Ok(()) } else { Err(format!("{} without a token", forged.status)) };
                    failures.case(&format!("{route} as {}", WHO[who]), outcome);
                    browser.post(&path, &fields)
                };
                let expected = row.expected(who);
                let outcome = if answer.status == expected {
                    Ok(())
                } else {
                    Err(format!("{} instead of {expected}: {}", answer.status, answer.header("location")))
                };
                failures.case(&format!("{route} as {}", WHO[who]), outcome);
            }
        }
    }

    fn path(&self, template: &str) -> String {
        let path = template.replace("{*rest}", "there/is/no/such/page").replace("{name}", "console.0.css");
        let customer = self.customer.to_string();
        let path = path.replace("{id}", &customer).replace("{customer_id}", &customer);
        let path = path.replace("{audience}", "partner");
        let rule = || {
            let body = json!({"name": "Rule", "kind": "margin", "percentage": "15"});
            self.admin.post("/v1/price_rules", &body).json()["id"].to_string()
        };
        let path = if path.contains("{rule_id}") { path.replace("{rule_id}", &rule()) } else { path };
        let of_customer = ["/console/customers/", "/console/portal/"];
        let user = || match of_customer.iter().any(|start| path.starts_with(start)) {
            true => self.admin.user_of(self.customer).0,
            false => self.admin.colleague("viewer").0,
        };
        let path =
            if path.contains("{user_id}") { path.replace("{user_id}", &user().to_string()) } else { path };
        assert!(!path.contains('{'), "teach the matrix to fill in {path}");
        path
    }
}

fn everybody_opens_everything(engine: Engine) {
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.0).collect();
    let routes = web_console::routes();
    let routes: BTreeSet<String> =
        routes.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let routes: BTreeSet<&str> = routes.iter().map(String::as_str).collect();
    assert_eq!(rows, routes, "every page and form has a row, and every row a page or form");

    let scene = Scene::new(engine);
    let mut failures = Failures::default();
    // Pages change nothing, so that everybody signs in once for all of them.
    let (pages, forms): (Vec<&Row>, Vec<&Row>) = ROWS.iter().partition(|row| row.0.starts_with("GET "));
    scene.look_at(&pages, &mut failures);
    for form in forms {
        scene.look_at(&[form], &mut failures);
    }
    failures.done(ROWS.len() * WHO.len());
}
