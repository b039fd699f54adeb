//! axe-core on every page, light and dark.

use crate::support::{ABSENT, Api, Database, Engine, Failures, Server, customer, end_of, line, usage};
use crate::{Look, Page};
use serde_json::json;
use std::process::Command;

/// The clock: the month after the one that is billed.
const NOW: &str = "2026-11-02T08:00:00Z";
/// A list that a wrong filter is asked of.
const WRONG_FILTER: &str = "/console/customers?trial=nonsense";

/// The script of axe-core, of the version that `clients/package.json` names; installed if it is not there yet.
pub(crate) fn axe() -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let line = "source scripts/node-tools >&2 && cat \"$node_folder/node_modules/axe-core/axe.min.js\"";
    let output = Command::new("bash").args(["-c", line]).current_dir(root).output().unwrap();
    assert!(output.status.success(), "axe-core: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The violations on the page as it is: the rule, and the elements.
pub(crate) fn violations(page: &Page, axe: &str) -> Vec<String> {
    if page.run("return typeof axe") == "undefined" {
        page.run(axe);
    }
    let found = page.run_async(
        "const done = arguments[arguments.length - 1]; \
         axe.run(document, {resultTypes: ['violations']}).then(result => done({ \
             passes: result.passes.length, \
             violations: result.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' '))}), \
             error => done({violations: [String(error)]}))",
    );
    assert!(found["passes"].as_u64().is_some_and(|passes| passes > 5), "axe-core has looked: {found}");
    found["violations"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// Objects to show.
#[derive(Clone, Copy, Default)]
pub(crate) struct Objects {
    pub(crate) customer: i64,
    pub(crate) user: i64,
    /// A customer's user, who is an owner.
    pub(crate) owner: i64,
    pub(crate) run: i64,
    pub(crate) statement: i64,
    pub(crate) rule: i64,
}

/// A value for each parameter of a path.
fn path(template: &str, objects: Objects) -> String {
    let id = match template {
        _ if template.starts_with("/console/billing/runs/") => objects.run,
        _ if template.starts_with("/console/bills/") => objects.statement,
        _ => objects.customer,
    };
    let user = if template.starts_with("/console/portal/") { objects.owner } else { objects.user };
    let path = template.replace("{id}", &id.to_string()).replace("{user_id}", &user.to_string());
    let path = path.replace("{customer_id}", &objects.customer.to_string());
    let path = path.replace("{rule_id}", &objects.rule.to_string());
    let path = path.replace("{*rest}", "there/is/no/such/page");
    if path == "/console/customers/change" {
        return format!("{path}?customer={}", objects.customer);
    }
    assert!(!path.contains('{'), "teach this test to fill in {path}");
    path
}

/// All pages of the console that users with a session open; downloads and streams are no pages.
pub(crate) fn paths(objects: Objects) -> Vec<String> {
    let is_page = |template: &str| {
        !template.contains("/files/") && ![".csv", "/progress"].iter().any(|end| template.ends_with(end))
    };
    let routes = web_console::routes().into_iter();
    let pages =
        routes.filter(|(method, path, needs_session)| *method == "GET" && *needs_session && is_page(path));
    pages.map(|(_, template, _)| path(template, objects)).collect()
}

fn check(failures: &mut Failures, page: &Page, axe: &str, paths: &[String], who: &str) -> usize {
    for path in paths {
        page.go(path);
        for is_dark in [false, true] {
            page.set_dark(is_dark);
            let violations = violations(page, axe);
            let outcome = if violations.is_empty() { Ok(()) } else { Err(violations.join("\n")) };
            let look = if is_dark { "dark" } else { "light" };
            failures.case(&format!("{path}, {look}, {who}"), outcome);
        }
    }
    2 * paths.len()
}

/// A form as it was sent last.
fn check_form(failures: &mut Failures, page: &Page, axe: &str, what: &str) {
    let found = violations(page, axe);
    failures.case(what, if found.is_empty() { Ok(()) } else { Err(found.join("\n")) });
}

#[test]
fn axe_finds_nothing_where_there_is_nothing_yet() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let Some(open) = Page::open(&admin, Look::default()) else { return };
    let axe = axe();
    let mut failures = Failures::default();
    let empty = Page::signed_in(&admin, Look::default()).unwrap();
    let mut cases = check(&mut failures, &empty, &axe, &paths(Objects::default()), "without customers");
    drop(empty);
    let signed_out = [
        "/console/invitation",
        "/console/single-sign-on/return",
        "/console/sign-in",
        "/console/sign-in?ended=idle",
    ];
    cases += check(&mut failures, &open, &axe, &signed_out.map(str::to_owned), "signed out");
    // The form with an error.
    open.find("#key").type_text("wrong");
    open.press("Sign in");
    open.find(".summary");
    check_form(&mut failures, &open, &axe, "a wrong key");
    // The control: a field without a label is found.
    open.run("document.querySelector('label').remove()");
    assert!(violations(&open, &axe).iter().any(|found| found.starts_with("label: ")), "the control");
    failures.done(cases + 1);
}

#[test]
fn axe_finds_nothing_on_any_page_of_an_admin() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let Some(page) = Page::signed_in(&admin, Look::default()) else { return };
    let axe = axe();
    let objects = full(&admin, &database);
    with_directory(&server, &database);
    let objects = Objects { owner: admin.user_as(objects.customer, "owner").0, ..objects };
    let mut failures = Failures::default();
    let mut cases = check(&mut failures, &page, &axe, &paths(objects), "an admin");
    cases += check(&mut failures, &page, &axe, &[WRONG_FILTER.into()], "an admin");
    for (path, button) in
        [("/console/directory/credentials", "Test and save"), ("/console/directory/disconnect", "Disconnect")]
    {
        page.go(path);
        page.press(button);
        page.find(".summary");
        check_form(&mut failures, &page, &axe, path);
    }
    page.go(&path("/console/customers/change", objects));
    page.press("Change these customers");
    page.find(".summary");
    check_form(&mut failures, &page, &axe, "no change");
    page.field("They are billed").click();
    page.press("Change these customers");
    page.find("//h1[.='Changed customers']");
    check_form(&mut failures, &page, &axe, "a change");
    page.go("/console/customers?columns=id&columns=tenant&columns=contact&columns=country&columns=margin");
    page.find("//summary[.='Choose columns']").click();
    check_form(&mut failures, &page, &axe, "the choice of columns");
    let failed = failed_run(&admin, &database);
    database.execute("UPDATE audit_events SET origin = 'elsewhere' WHERE shard = 0 AND seq = 3");
    let wrong = [
        "/console/audit/verify".to_owned(),
        "/console/audit?user_id=me".to_owned(),
        format!("/console/billing/runs/{failed}"),
    ];
    cases += check(&mut failures, &page, &axe, &wrong, "something is wrong");
    page.go(&wrong[0]);
    page.find("//h2[.='One thing is wrong']");
    page.end();
    failures.done(cases + 5);
}

#[test]
fn axe_finds_nothing_on_any_page_of_customers() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    if Page::open(&admin, Look::default()).is_none() {
        return;
    }
    let axe = axe();
    let objects = full(&admin, &database);
    let (owner, owners) = admin.user_as(objects.customer, "owner");
    let objects = Objects { owner, ..objects };
    let (mut failures, mut cases) = (Failures::default(), 0);
    for (api, who) in [(admin.user_of(objects.customer).1, "a customer's user"), (owners, "an owner")] {
        let page = Page::signed_in(&api, Look::default()).unwrap();
        cases += check(&mut failures, &page, &axe, &paths(objects), who);
        cases += check(&mut failures, &page, &axe, &[WRONG_FILTER.into()], who);
        page.end();
    }
    failures.done(cases);
}

/// The id of a run that has failed, because cells of its file cannot be read.
pub(crate) fn failed_run(admin: &Api, database: &Database) -> i64 {
    let content = "CustomerId,BillingPreTaxTotal,BillingCurrency,UsageDate\nacme,\"1,5\",EUR,2026-09-01\nacme,2,Euro,1.9.2026\n";
    std::fs::write(database.folder().join("data/invoices/broken.csv"), content).unwrap();
    let asked =
        admin.post("/v1/bill_runs", &json!({"billing_period": "2026-09", "sources": ["file:broken.csv"]}));
    assert_eq!(asked.status, 202, "{}", asked.text());
    let run = end_of(admin, asked.header("location"));
    assert_eq!(run["state"], "failed", "{run}");
    run["id"].as_i64().unwrap()
}

/// Connects the partner to a Partner Center that does not answer.
pub(crate) fn with_directory(server: &Server, database: &Database) {
    let file = |name: &str| {
        let path = database.folder().join(name);
        std::fs::write(&path, "not-a-secret").unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let (secret, token, url) = (file("secret.txt"), file("token.txt"), "http://127.0.0.1:9");
    let kind =
        ["directory", "connect", "--force", "--kind", "partner-center", "--tenant-id", "contoso.example"];
    let application = ["--client-id", "3f1c0a52-7d1e-4b0e-9a55-0c2f6f1e8d10", "--secret-file", &secret];
    let more = ["--refresh-token-file", &token, "--api-url", url, "--login-url", url];
    let connected = server.run(&[&kind[..], &application, &more].concat());
    let said = String::from_utf8_lossy(&connected.stderr).into_owned();
    assert!(said.contains("the directory is connected, but not all of it works yet"), "{said}");
}

/// Customers of every kind, tenants, a user, and a run with bills and lines that are on none.
fn full(admin: &Api, database: &Database) -> Objects {
    let tags = json!([{"key": "env", "value": "prod"}]);
    for end in ["2026-11-10T00:00:00Z", "2027-11-10T00:00:00Z"] {
        admin.create(&customer(&json!({
            "name": format!("Trial until {end}"), "classification": "managed_with_access",
            "trial_expiration_date": end, "tags": tags,
        })));
    }
    admin.create(&customer(&json!({"name": "Without access"})));
    let made = admin.create(&customer(&json!({
        "name": "Acme", "classification": "managed_with_access", "tags": tags, "azure_customer_id": "acme",
        "address": ABSENT, "margin_percentage": 10.0,
        "partner_billing_configuration": {"enabled": true, "folder": "acme"},
    })));
    let customer = made["id"].as_i64().unwrap();
    let account = format!("/v1/azure_partner_customer_accounts/add/{customer}");
    let spare = json!({"azure_customer_ids": ["spare"]});
    for path in [account.clone(), account.replace("/add/", "/remove/")] {
        assert_eq!(admin.put(&path, &spare).status, 207, "{path}");
    }
    let invoices = database.folder().join("data/invoices");
    std::fs::create_dir_all(&invoices).unwrap();
    let lines = [line("acme", "Storage", "12.5"), line("nobody", "Storage", "7")];
    std::fs::write(invoices.join("october.csv"), usage(&lines)).unwrap();
    let body = json!({"billing_period": "2026-10", "sources": ["file:october.csv"], "publish": true});
    let asked = admin.post("/v1/bill_runs", &body);
    assert_eq!(asked.status, 202, "{}", asked.text());
    let run = end_of(admin, asked.header("location"));
    assert_eq!(run["state"], "succeeded", "{run}");
    let statements = admin.get("/v1/customer_statements").json();
    let rule = |name: &str| {
        let body = json!({"name": name, "kind": "markup", "percentage": "5", "customer_id": customer,
                          "meter_category": "Storage", "effective_from": "2026-10-01"});
        admin.post("/v1/price_rules", &body).json()["id"].as_i64().unwrap()
    };
    rule("First");
    Objects {
        rule: rule("Second"),
        customer,
        user: admin.colleague("viewer").0,
        owner: 0,
        run: run["id"].as_i64().unwrap(),
        statement: statements["billing_artifacts"][0]["id"].as_i64().unwrap(),
    }
}
