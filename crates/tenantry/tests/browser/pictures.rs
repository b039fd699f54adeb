//! Pictures made by `scripts/screenshots`: those of the documents, and of every page for those who judge them.

use crate::accessibility::{Objects, failed_run, paths, with_directory};
use crate::support::{ABSENT, Api, Database, Engine, Server, Usage, customer, end_of, usage};
use crate::{Look, Page};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The largest picture, in bytes.
const MAX_BYTES: usize = 150 * 1024;
pub(crate) const NOW: &str = "2026-11-02T08:00:00Z";

/// Customers: name, tenant, margin in percent, and the end of the trial.
const CUSTOMERS: [(&str, &str, f64, Option<&str>); 7] = [
    ("Northwind Traders", "northwind", 15.0, None),
    ("Fabrikam Logistics", "fabrikam", 12.5, None),
    ("Adventure Works", "adventure-works", 10.0, Some("2026-11-12T00:00:00Z")),
    ("Tailspin Toys", "tailspin", 18.0, None),
    ("Woodgrove Bank", "woodgrove", 8.0, None),
    ("Litware", "litware", 20.0, Some("2027-02-01T00:00:00Z")),
    ("Alpine Ski House", "alpine", 15.0, None),
];
/// Services, and what one costs in a month.
const SERVICES: [(&str, u32); 5] = [
    ("Virtual Machines", 4180),
    ("Azure SQL Database", 2260),
    ("Storage", 940),
    ("Azure Kubernetes Service", 1530),
    ("Bandwidth", 215),
];

/// A partner with a year of bills; the id of the customer whose portal is shown, and of the last run.
pub(crate) fn furnished(server: &Server, database: &Database) -> (Api, i64, i64) {
    let invoices = database.folder().join("data/invoices");
    std::fs::create_dir_all(&invoices).unwrap();
    let admin = server.admin();
    let (mut shown, mut last) = (0, 0);
    for (name, tenant, margin, trial) in CUSTOMERS.iter().rev() {
        let change = json!({
            "name": name, "azure_customer_id": tenant, "address": ABSENT, "margin_percentage": margin,
            "classification": "managed_with_access", "trial_expiration_date": trial,
            "tags": [{"key": "region", "value": if margin > &12.0 { "north" } else { "south" }}],
            "partner_billing_configuration": {"enabled": true, "folder": tenant},
        });
        shown = admin.create(&customer(&change))["id"].as_i64().unwrap();
    }
    let months = (11..=12).map(|month| (2025, month)).chain((1..=10).map(|month| (2026, month)));
    for (at, (year, month)) in months.enumerate() {
        let (period, day) = (format!("{year}-{month:02}"), format!("{year}-{month:02}-07"));
        let grown = |cost: u32, customer: usize| {
            let seed = u32::try_from(at * 7 + customer * 5).unwrap();
            let percent = 60 + u32::try_from(at).unwrap() * 4 + seed % 11;
            format!("{}.{:02}", cost * percent / 100 / (u32::try_from(customer).unwrap() + 1), seed % 100)
        };
        let costs: Vec<(&str, &str, String)> = CUSTOMERS
            .iter()
            .enumerate()
            .flat_map(|(customer, (_, tenant, ..))| {
                SERVICES.map(|(service, cost)| (*tenant, service, grown(cost, customer)))
            })
            .chain((period == "2026-10").then(|| ("contoso-lab", "Virtual Machines", "312.40".to_owned())))
            .collect();
        let lines = costs.iter().map(|(tenant, service, total)| Usage {
            tenant,
            day: &day,
            meter: service,
            total,
            currency: "USD",
        });
        let file = format!("{period}.csv");
        std::fs::write(invoices.join(&file), usage(&lines.collect::<Vec<_>>())).unwrap();
        let is_past = period != "2026-10";
        let body = json!({
            "billing_period": period, "sources": [format!("file:{file}")], "finalize": is_past, "publish": true,
            "accept": ["unassigned"],
        });
        let asked = admin.post("/v1/bill_runs", &body);
        assert_eq!(asked.status, 202, "{}", asked.text());
        let run = end_of(&admin, asked.header("location"));
        assert_eq!(run["state"], "succeeded", "{run}");
        last = run["id"].as_i64().unwrap();
    }
    let name = json!({"name": "Northwind Traders", "margin_percentage": 14.5});
    assert_eq!(admin.put(&format!("/v2/customers/{shown}"), &name).status, 200);
    (admin, shown, last)
}

/// Writes a picture of the page into `docs/images`.
fn take(page: &Page, name: &str) {
    // Nothing blinks, and fonts are there.
    page.run("document.activeElement.blur()");
    page.run_async(
        "document.fonts.ready.then(() => requestAnimationFrame(() => arguments[arguments.length - 1]()))",
    );
    let bytes = BASE64_STANDARD.decode(page.picture()).unwrap();
    assert!(bytes.len() <= MAX_BYTES, "{name}: {} bytes", bytes.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
}

#[test]
#[ignore = "writes docs/images; scripts/screenshots runs it"]
fn pictures_of_the_documents() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (admin, shown, run) = furnished(&server, &database);
    let (_, owner) = admin.user_of(shown);
    let dark = Look { is_dark: true, ..Look::default() };
    let phone = Look { width: 390, ..Look::default() };
    for (name, path, api, look) in [
        ("home", "/console", &admin, Look::default()),
        ("customers", "/console/customers?sort=oldest", &admin, dark),
        ("month", &*format!("/console/billing/runs/{run}"), &admin, Look::default()),
        ("audit", &*format!("/console/audit?object=customers%2F{shown}"), &admin, Look::default()),
        ("portal", "/console/portal", &owner, Look::default()),
        ("portal-phone", "/console/portal", &owner, phone),
    ] {
        let page = Page::signed_in(api, look).expect("there is no chromedriver");
        page.go(path);
        take(&page, name);
        page.end();
    }
}

/// The height at which a picture ends, in pixels.
const MAX_HEIGHT: u64 = 2600;

/// A form that is sent with something wrong: the page, what is typed into fields, and the form.
type Wrong = (&'static str, &'static [(&'static str, &'static str)], &'static str);
const WRONG: [Wrong; 13] = [
    ("/console/customers/new", &[("name", "Acme"), ("azure_customer_id", "no such tenant")], "#form"),
    ("/console/customers/{id}/delete", &[("name", "Something else")], "main form"),
    ("/console/customers/change?customer={id}", &[], "main form[method=post]"),
    ("/console/users", &[("email", "no address")], "#form"),
    ("/console/price-rules/new", &[("position", "first"), ("customer", "Nothing like that")], "#form"),
    ("/console/billing", &[("billing_period", ""), ("sources", "october.csv")], "#form"),
    ("/console/billing/automation", &[("days", "many"), ("max_unassigned", "-1")], "#form"),
    ("/console/settings/branding", &[("colour", "blue"), ("portal_host", "https://x")], "#form"),
    ("/console/settings/sign-in", &[("partner-issuer", "nonsense")], "form[action$=partner]"),
    ("/console/directory/assign?tenant=contoso-lab", &[], "main form[method=post]"),
    ("/console/directory/credentials", &[], "#form"),
    ("/console/directory/disconnect", &[], "#form"),
    ("/console/sign-in", &[("key", "tnt_wrong")], "main form"),
];

/// Pages that report an error, and pages for other kinds of users.
const REFUSED: [&str; 6] = [
    "/console/nothing",
    "/console/customers?trial=nonsense",
    "/console/directory?assigned=nonsense",
    "/console/audit?since=yesterday",
    "/console/invitation",
    "/console/sign-in?ended=idle",
];

/// What a test of a directory has found, and its last walk.
const TESTED: &str = r#"{"steps": [
    {"what": "sign-in", "outcome": {"works": ""}},
    {"what": "multi-factor", "outcome": {"skipped": ""}},
    {"what": "list-customers", "outcome": {"works": ""}, "seen": {"count": 500}},
    {"what": "billing-profiles", "outcome": {"lacks": "GET /v1/customers/…/profiles/billing: 403 (3000); the partner has no admin rights (DAP or GDAP) for this customer, or the role Admin agent is missing"}},
    {"what": "organizations", "outcome": {"works": ""}, "seen": {"count": 2, "of": 3}},
    {"what": "see-addresses", "outcome": {"works": ""}, "seen": {"count": 2, "of": 3}},
    {"what": "list-invoices", "outcome": {"works": ""}, "seen": {"count": 24}},
    {"what": "export-billing-data", "outcome": {"lacks": "403; the application needs the permission PartnerBilling.Read.All of Microsoft Graph"}}]}"#;
const WALKED: &str = "walked_from = 1793600000, walked_until = 1793600083, walked_tenants = 1204";

/// What a partner has who has used everything.
fn everything(server: &Server, database: &Database) -> (Api, Objects) {
    let (admin, shown, run) = furnished(server, database);
    with_directory(server, database);
    database.execute(&format!("UPDATE directories SET tested = '{TESTED}', {WALKED}"));
    for number in 0..48 {
        let name = format!("Customer {number} with a name of a usual length");
        let change =
            json!({"name": name, "tags": [{"key": "region", "value": "west"}, {"key": "vip", "value": ""}]});
        admin.create(&customer(&change));
    }
    let long = "Bundesverband der Deutschen Kraftfahrzeugüberwachungsvereinigungen und Donaudampfschifffahrtsgesellschaften e. V.";
    admin.create(&customer(&json!({"name": long})));
    let rule = |body: serde_json::Value| admin.post("/v1/price_rules", &body).json()["id"].as_i64().unwrap();
    rule(
        json!({"name": "Seats", "kind": "fixed", "price": "12.50", "currency": "EUR", "product_id": "CFQ7TTC0LH18"}),
    );
    rule(json!({"name": "Storage for Northwind", "kind": "markup", "percentage": "5", "customer_id": shown,
                "meter_category": "Storage", "effective_from": "2026-10-01", "earned_credit": "passed_on"}));
    let rule = rule(json!({"name": "Everything else", "kind": "margin", "percentage": "12.5"}));
    let (user, _) = admin.colleague("viewer");
    let (owner, _) = admin.user_as(shown, "owner");
    let statements = admin.get(&format!("/v1/customer_statements?customer_id={shown}&per_page=100")).json();
    let statements = statements["billing_artifacts"].as_array().unwrap().clone();
    let address = json!({"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01101", "country": "US"});
    let issuer = json!({"display_name": "Contoso Cloud", "statement_number_prefix": "CON-", "due_days": 30, "address": address});
    assert_eq!(admin.put("/v1/billing_settings", &issuer).status, 200);
    let statement = statements.last().unwrap()["id"].as_i64().unwrap();
    (admin, Objects { customer: shown, user, owner, run, statement, rule })
}

/// Writes pictures of the page as it is, light and dark.
fn take_both(page: &Page, folder: &Path, name: &str, look: &str) {
    page.run("document.activeElement.blur()");
    for (is_dark, shade) in [(false, "light"), (true, "dark")] {
        page.set_dark(is_dark);
        page.run_async(
            "document.fonts.ready.then(() => requestAnimationFrame(() => arguments[arguments.length - 1]()))",
        );
        let bytes = BASE64_STANDARD.decode(page.whole_picture(MAX_HEIGHT)).unwrap();
        let name = name.trim_start_matches("/console").replace(['/', '?', '=', '&'], "_");
        std::fs::write(folder.join(format!("{look}-{shade}{name}.png")), bytes).unwrap();
    }
}

/// Pages that can be taken without objects: the others are not there.
fn without_objects() -> Vec<String> {
    let all = paths(Objects::default()).into_iter();
    all.filter(|path| !path.contains("/0") && !path.contains("=0")).collect()
}

#[test]
#[ignore = "writes some 400 pictures; scripts/screenshots FOLDER runs it"]
fn pictures_of_every_page() {
    let folder = std::env::var_os("TENANTRY_TEST_PICTURES").expect("TENANTRY_TEST_PICTURES names a folder");
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (admin, objects) = everything(&server, &database);
    let (_, owner) = admin.user_as(objects.customer, "owner");
    let (_, viewer) = admin.colleague("viewer");
    // Where there are several partners, none has a folder of sources.
    let failed = format!("/console/billing/runs/{}", failed_run(&admin, &database));
    let nothing = server.partner();
    let fill = |path: &str| {
        let path = path.replace("{id}", &objects.customer.to_string());
        path.replace("{run}", &objects.run.to_string())
    };
    for (width, look) in [(1280, "wide"), (360, "narrow")] {
        let look_of = |language| Look { width, language, ..Look::default() };
        for (api, who, paths) in [
            (&nothing, "empty", without_objects()),
            (&admin, "full", paths(objects)),
            (&owner, "owner", paths(objects).into_iter().filter(|path| path.contains("portal")).collect()),
            (&viewer, "viewer", ["/console", "/console/users"].map(str::to_owned).into()),
        ] {
            let page = Page::signed_in(api, look_of("en")).expect("there is no chromedriver");
            for path in paths {
                page.go(&path);
                take_both(&page, &folder, &format!("{path}_{who}"), look);
            }
            page.end();
        }
        let page = Page::signed_in(&admin, look_of("en")).unwrap();
        for path in REFUSED {
            page.go(path);
            take_both(&page, &folder, path, look);
        }
        page.go(&failed);
        take_both(&page, &folder, "/console/billing/run_failed", look);
        // As if it had been changed beside the server.
        let origin = |origin: &str| {
            database
                .execute(&format!("UPDATE audit_events SET origin = {origin} WHERE shard = 0 AND seq = 3"));
        };
        origin("'elsewhere' || origin");
        page.go("/console/audit/verify");
        take_both(&page, &folder, "/console/audit/verify_wrong", look);
        origin("SUBSTR(origin, 10)");
        page.go(&format!("/console/bills/{}", objects.statement));
        page.set_print();
        let bytes = BASE64_STANDARD.decode(page.whole_picture(MAX_HEIGHT)).unwrap();
        std::fs::write(folder.join(format!("{look}-print_bill.png")), bytes).unwrap();
        for (path, typed, form) in WRONG {
            if path == "/console/sign-in" {
                page.go("/console");
                page.run("document.querySelector('form[action$=sign-out]').requestSubmit()");
                page.find("#key");
            }
            page.go(&fill(path));
            for (field, text) in typed {
                let fill = format!("document.getElementById({}).value = {}", json!(field), json!(text));
                page.run(&fill);
            }
            page.run(&format!("document.querySelector({}).requestSubmit()", json!(form)));
            page.find(".summary");
            take_both(&page, &folder, &format!("{path}_wrong"), look);
        }
        page.end();
        let page = Page::signed_in(&admin, look_of("de")).unwrap();
        for path in [
            "/console",
            "/console/customers/new",
            &fill("/console/billing/runs/{run}"),
            &failed,
            "/console/price-rules",
            "/console/directory",
            "/console/directory/credentials",
        ] {
            page.go(path);
            take_both(&page, &folder, &format!("{path}_german"), look);
        }
        page.end();
    }
}
