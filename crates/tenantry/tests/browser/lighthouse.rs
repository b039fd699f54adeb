//! Lighthouse's scores of the pages that are opened most, measured by `scripts/lighthouse`.

use crate::pictures::{NOW, furnished};
use crate::support::{Api, Database, Engine, Failures, Server};
use crate::{Look, Page};
use serde_json::{Value, json};
use std::process::Command;

/// The lowest score of each category, in percent.
const MIN_SCORE: f64 = 95.0;
const CATEGORIES: [&str; 3] = ["performance", "accessibility", "best-practices"];

/// Lighthouse's report of a page as the owner of this key sees it, on a phone with a slow line, as Lighthouse simulates it.
fn report(program: &str, api: &Api, path: &str) -> Value {
    let page = Page::signed_in(api, Look::default()).expect("there is no chromedriver");
    let cookie = format!("tenantry-session={}", page.cookie("tenantry-session"));
    drop(page);
    let mut command = Command::new(program);
    command.args([&format!("http://{}{path}", api.address), "--quiet", "--output=json"]);
    command.arg(format!("--extra-headers={}", json!({ "Cookie": cookie })));
    command.arg(format!("--only-categories={}", CATEGORIES.join(",")));
    command.arg("--chrome-flags=--headless=new --no-sandbox --disable-dev-shm-usage");
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{path}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{path}: {error}: {errors}"))
}

/// What keeps a category from 100.
fn wrong(report: &Value, category: &str) -> String {
    let references = report["categories"][category]["auditRefs"].as_array().unwrap().iter();
    let counting = references.filter(|reference| reference["weight"].as_f64().unwrap_or_default() > 0.0);
    let audits = counting.map(|reference| &report["audits"][reference["id"].as_str().unwrap()]);
    let failed = audits.filter(|audit| audit["score"].as_f64().is_some_and(|score| score < 0.9));
    failed.map(|audit| format!("{} {}", audit["id"], audit["displayValue"])).collect::<Vec<_>>().join(", ")
}

#[test]
#[ignore = "takes minutes; scripts/lighthouse runs it"]
fn pages_have_good_scores() {
    let program = std::env::var("TENANTRY_TEST_LIGHTHOUSE").expect("run scripts/lighthouse");
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (admin, shown, run) = furnished(&server, &database);
    let (_, owner) = admin.user_as(shown, "owner");
    let statements = admin.get(&format!("/v1/customer_statements?client_api_id={shown}")).json();
    let bill = statements["billing_artifacts"].as_array().unwrap().last().unwrap()["id"].clone();
    let mut failures = Failures::default();
    for (path, api) in [
        ("/console".to_owned(), &admin),
        ("/console/customers".to_owned(), &admin),
        (format!("/console/billing/runs/{run}"), &admin),
        (format!("/console/bills/{bill}"), &admin),
        ("/console/portal".to_owned(), &owner),
    ] {
        let report = report(&program, api, &path);
        let url = report["finalDisplayedUrl"].as_str().unwrap();
        assert!(url.ends_with(&path), "{path} leads to {url}");
        for category in CATEGORIES {
            let score = report["categories"][category]["score"].as_f64().unwrap_or_default() * 100.0;
            println!("{score:3.0} {category:15} {path}");
            let outcome = if score >= MIN_SCORE {
                Ok(())
            } else {
                Err(format!("{score}: {}", wrong(&report, category)))
            };
            failures.case(&format!("{path}, {category}"), outcome);
        }
    }
    failures.done(15);
}
