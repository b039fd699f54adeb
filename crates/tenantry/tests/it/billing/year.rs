//! A year of a partner without a hand on it, both clocks moved night by night: what its customers are charged in the end is
//! what Microsoft has invoiced for them, to the cent.

use super::automation::{advance, automate, runs, scene};
use super::fetch::Scene;
use super::{of_any_month, statements};
use crate::directory::until;
use crate::support::{Engine, on_both_engines};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

on_both_engines!(a_year_adds_up);

/// Set to move the clocks through every night; otherwise only to the nights on which something else happens.
const EVERY_NIGHT: &str = "TENANTRY_TEST_EVERY_NIGHT";
/// Nights of a month: the first estimate, the invoice, final statements, an invoice that is issued again, another estimate.
const NIGHTS: [i8; 5] = [2, 8, 11, 15, 27];
const FIRST_ESTIMATE: i8 = 2;
const INVOICE_DAY: i8 = 8;
/// The month whose invoice Microsoft issues a second time, when its statements are final.
const REISSUED: &str = "2027-03";
/// Months for which a credit comes when they are final, and the day on which it is fetched.
const CORRECTED: [(&str, Date); 2] = [("2026-12", date(2027, 1, 15)), ("2027-06", date(2027, 8, 2))];
/// What that credit comes to, in cents.
const CREDIT: i64 = -100;

fn month(day: Date) -> String {
    day.strftime("%Y-%m").to_string()
}

fn cents(amount: &Value) -> i64 {
    let text = amount.to_string();
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let (cents, finer) =
        format!("{rest:0<2}").split_at_checked(2).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(finer.bytes().all(|digit| digit == b'0'), "{amount}");
    format!("{whole}{cents}").parse().unwrap()
}

/// The months whose lines are fetched in a night as far as they are known.
fn unbilled(night: Date) -> Vec<String> {
    let last = night.first_of_month().yesterday().unwrap();
    let mut unbilled = vec![month(night)];
    if night.day() < INVOICE_DAY {
        unbilled.push(month(last));
    }
    unbilled
}

/// The months that are estimated in a night, and those whose invoice has come.
fn expected(night: Date) -> (Vec<String>, Vec<String>) {
    let mut estimated = unbilled(night);
    // A month that is over has all its lines on the second day of the next, and the same ones are not billed twice.
    estimated.truncate(if night.day() == FIRST_ESTIMATE { 2 } else { 1 });
    let first = date(2026, 10, 1);
    let invoiced = first
        .series(1.month())
        .map(|first| first.saturating_add(1.month()).with().day(INVOICE_DAY).build().unwrap());
    let invoiced = invoiced.take_while(|day| *day <= night).map(|day| month(day.saturating_sub(1.month())));
    (estimated, invoiced.collect())
}

fn is_of_night(object: &Value, night: Date) -> bool {
    object["created_at"].as_str().unwrap().starts_with(&night.to_string())
}

/// The last ten, at most: more than a night has.
fn last_fetches(scene: &Scene) -> Vec<Value> {
    let page = |page: u64| scene.api.get(&format!("/v1/invoice_fetches?per_page=5&page={page}"));
    let last = page(1).header("x-total").parse::<u64>().unwrap().div_ceil(5).max(2);
    let pages = [last - 1, last].map(|number| page(number).json()["invoice_fetches"].clone());
    pages.iter().flat_map(|fetches| fetches.as_array().unwrap().clone()).collect()
}

/// Waits until everything is done that a night asks for.
fn settle(scene: &Scene, night: Date) {
    let (estimated, invoiced) = expected(night);
    until(&format!("the night of {night}"), || {
        let has_run = |month: &String, is_it: &dyn Fn(&Value) -> bool| {
            let runs = runs(scene, month);
            runs.iter().all(|run| !["queued", "running"].contains(&run["state"].as_str().unwrap()))
                && runs.iter().any(|run| run["state"] == "succeeded" && is_it(run))
        };
        let fetches = last_fetches(scene);
        let has_fetch = |month: &String| {
            fetches.iter().any(|fetch| {
                fetch["billing_period"] == month.as_str()
                    && fetch["state"] == "succeeded"
                    && fetch["unbilled"] == true
                    && is_of_night(fetch, night)
            })
        };
        unbilled(night).iter().all(has_fetch)
            && estimated.iter().all(|month| has_run(month, &|run| is_of_night(run, night)))
            // The others were looked at in the nights before.
            && invoiced.iter().rev().take(2).all(|month| has_run(month, &|run| run["invoice_id"].is_string()))
            && finals_due(night).iter().all(|month| {
                let of_month = statements(&scene.api, &format!("billing_period={month}&per_page=100"));
                !of_month.is_empty() && of_month.iter().all(|statement| statement["status"] == "Final")
            })
    });
}

/// The last months whose statements are final three days after the invoice.
fn finals_due(night: Date) -> Vec<String> {
    // The first was billed when the automation was switched on, in the morning.
    let is_due = |month: &String| month != "2026-10" || night >= date(2026, 11, 24);
    let (_, invoiced) = expected(night.saturating_sub(3.days()));
    invoiced.into_iter().rev().take(2).filter(is_due).collect()
}

/// What an invoice's reconciliation charges each tenant without tax, in cents, as the file that was fetched first says.
fn charged(scene: &Scene, invoice: &Value) -> BTreeMap<String, i64> {
    let fetched = invoice["fetched"].as_array().unwrap();
    let first = fetched.iter().find(|export| export["kind"] == "reconciliation").unwrap();
    let folder = first["source"].as_str().unwrap().strip_prefix("file:").unwrap();
    let mut sums = BTreeMap::new();
    for file in std::fs::read_dir(scene.sources().join(folder)).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "gz") {
            let mut text = String::new();
            flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap())
                .read_to_string(&mut text)
                .unwrap();
            for line in text.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                *sums.entry(line["customerId"].as_str().unwrap().to_owned()).or_default() +=
                    cents(&line["subtotal"]);
            }
        }
    }
    sums
}

fn a_year_adds_up(engine: Engine) {
    // Customers are charged what Microsoft charges.
    let scene = scene(engine, 0, &["--earned-credit", "passed_on"]);
    scene.behave(&json!({"reissued": [REISSUED]}));
    automate(
        &scene,
        &json!({"estimates": "daily", "invoices": "fetch_and_bill", "finalize": "after_days", "days": 3, "max_unassigned": "1000000", "publish": true}),
    );
    let every_night = std::env::var_os(EVERY_NIGHT).is_some();
    let (begin, end) = (date(2026, 11, 20), date(2027, 11, 11));
    let nights = begin.series(1.day()).take_while(|night| *night <= end);
    let nights: Vec<Date> = nights
        .filter(|night| *night == begin || NIGHTS.contains(&night.day()) || every_night && night.day() > 1)
        .collect();
    for night in &nights {
        if *night > begin {
            advance(&scene, &format!("{night}T03:00:00Z"));
        }
        settle(&scene, *night);
        for (corrected, _) in CORRECTED.iter().filter(|(_, day)| day == night) {
            scene.behave(&json!({"reissued": [REISSUED], "data_version": 2}));
            let fetch = scene.fetch(&json!({"billing_period": corrected}));
            assert_eq!(fetch["state"], "succeeded", "{fetch}");
            let mut body = json!({
                "billing_period": corrected, "sources": fetch["sources"], "publish": true, "accept_corrections": true,
            });
            crate::support::patched(&mut body, &of_any_month());
            let asked = scene.api.post("/v1/bill_runs", &body);
            assert_eq!(asked.status, 202, "{}", asked.text());
            let run = super::end_of(&scene.api, asked.header("location"));
            assert_eq!(run["state"], "succeeded", "{run}");
            scene.behave(&json!({"reissued": [REISSUED]}));
        }
    }

    // Σ of what customers are charged in the end = Σ of what Microsoft has invoiced for them.
    let invoices = scene.api.get("/v1/invoices").json()["invoices"].as_array().unwrap().clone();
    let customers =
        scene.api.get("/v2/customers?per_page=100").json()["customers"].as_array().unwrap().clone();
    let (mut invoiced, mut stated, mut all) = (0, 0, BTreeSet::new());
    let (_, months) = expected(end);
    assert_eq!(months.len(), 13);
    for month in &months {
        let id = format!("G000{}", month.replace('-', ""));
        let invoice = invoices.iter().find(|invoice| invoice["id"] == id.as_str()).unwrap();
        // A credit that comes late is on no invoice.
        let ties = !CORRECTED.iter().any(|(corrected, _)| corrected == month);
        assert_eq!((&invoice["ties"], &invoice["final"]), (&json!(ties), &json!(true)), "{invoice}");
        let charged = charged(&scene, invoice);
        let finals = statements(&scene.api, &format!("billing_period={month}&per_page=100"));
        let mut of_month = 0;
        for customer in &customers {
            let due =
                charged.get(customer["azure_customer_id"].as_str().unwrap()).copied().unwrap_or_default();
            let of_customer: Vec<&Value> =
                finals.iter().filter(|statement| statement["customer_id"] == customer["id"]).collect();
            assert_eq!(of_customer.len(), usize::from(due != 0), "{month}: {customer}");
            for statement in of_customer {
                assert_eq!(statement["status"], "Final", "{statement}");
                assert!(
                    all.insert(statement["id"].as_i64().unwrap()),
                    "one statement of a month: {statement}"
                );
                let corrections = statement["corrections"].as_array().cloned().unwrap_or_default();
                let corrected: i64 = corrections.iter().map(|correction| cents(&correction["amount"])).sum();
                assert_eq!(cents(&statement["total_amount"]) - corrected, due, "{month}: {statement}");
                stated += cents(&statement["total_amount"]);
                of_month += due;
            }
        }
        invoiced += of_month;
    }
    assert_eq!(stated, invoiced + CREDIT * CORRECTED.len() as i64, "each credit is on one statement");

    // Nothing is done twice: a fetch of each kind in a night, a run over the same sources once, no bill of the second invoice.
    let again = invoices
        .iter()
        .find(|invoice| invoice["id"] == format!("G100{}", REISSUED.replace('-', "")).as_str());
    let again = again.expect("the invoice that was issued again is listed");
    assert_eq!((&again["bill_run_id"], &again["final"]), (&Value::Null, &json!(false)), "{again}");
    let mut made = BTreeSet::new();
    for month in &months {
        for run in runs(&scene, month) {
            assert_eq!(run["state"], "succeeded", "{run}");
            assert!(made.insert((month.clone(), run["sources"].to_string())), "twice: {run}");
        }
    }
    let trail = |action: &str| scene.api.trail(&format!("action={action}")).len();
    let by_hand = 2 * CORRECTED.len();
    assert_eq!(trail("bill_run.finalize"), months.len(), "each month is made final once");
    let nightly: usize = nights.iter().map(|night| expected(*night).0.len()).sum();
    // Estimates, invoices, and the corrections by hand.
    assert_eq!(trail("bill_run.create"), nightly + months.len() + by_hand / 2);
}
