//! The pictures of the documents, made by `scripts/screenshots`.

use crate::support::{ABSENT, Api, Database, Engine, Server, Usage, customer, end_of, usage};
use crate::{Look, Page};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::path::Path;

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
