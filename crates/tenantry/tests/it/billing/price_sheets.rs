//! Price sheets that are imported by month, and the list prices of runs.

use super::Scene;
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_run_goes_by_its_months_sheet,
    a_file_that_is_no_price_sheet_is_refused,
    a_command_imports_a_sheet
);

const HEADER: &str = "ProductTitle,ProductId,SkuId,SkuTitle,Publisher,SkuDescription,UnitOfMeasure,TermDuration,BillingPlan,Market,\
                      Currency,UnitPrice,PricingTierRangeMin,PricingTierRangeMax,EffectiveStartDate,EffectiveEndDate,Tags,ERP Price,\
                      Segment";

/// A price sheet with one licence at this list price.
fn sheet(list_price: &str) -> String {
    format!(
        "{HEADER}\nMicrosoft 365 E3,CFQ7,0001,E3,Microsoft,,,P1Y,Monthly,US,USD,10.08,,,2026-01-01T00:00:00Z,\
         9999-12-31T00:00:00Z,,{list_price},Commercial\n"
    )
}

/// Ten licences of a month's first day at 10.08 each.
fn seats(month: u32) -> String {
    format!(
        "CustomerId,InvoiceNumber,ProductId,SkuId,ChargeType,ChargeStartDate,ChargeEndDate,UnitPrice,Quantity,\
         BillableQuantity,EffectiveUnitPrice,Subtotal,TaxTotal,Total,Currency\n\
         acme,G{month},CFQ7,0001,new,{month}/1/2026,{month}/28/2026,10.08,10,10,10.08,100.8,0,100.8,USD\n"
    )
}

fn scene(engine: Engine) -> Scene {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 20.0);
    let rule = json!({"name": "list less 5 %", "kind": "discount", "percentage": 5});
    assert_eq!(scene.api.post("/v1/price_rules", &rule).status, 201);
    scene
}

/// What a run of a month charges, and its warnings.
fn charged(scene: &Scene, month: u32) -> (String, Vec<String>) {
    let source = scene.write(&format!("seats-{month}.csv"), seats(month).as_bytes());
    let run = scene.run(&format!("2026-{month:02}"), &[&source], &json!({}));
    let warnings = run["warnings"].as_array().unwrap().iter();
    let warnings = warnings.map(|warning| warning["code"].as_str().unwrap().to_owned()).collect();
    (run["customers"][0]["charge"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned(), warnings)
}

fn import(scene: &Scene, month: &str, sources: &[&str]) -> Value {
    let answer = scene.api.post("/v1/price_sheets", &json!({"billing_period": month, "sources": sources}));
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn a_run_goes_by_its_months_sheet(engine: Engine) {
    let scene = scene(engine);
    let without = (String::from("126"), vec![String::from("price_rule_without_list_price")]);
    assert_eq!(charged(&scene, 10), without, "the margin");
    let october = scene.write("october.csv", sheet("12.60").as_bytes());
    let imported = import(&scene, "2026-10", &[&october]);
    assert_eq!(imported["files"], json!([{"file": october, "rows": 1}]));
    assert_eq!(imported["imported_at"], super::NOW);
    assert_eq!(charged(&scene, 10), ("119.7".into(), vec![]));
    assert_eq!(charged(&scene, 11), without, "another month has none");
    // The files are kept: where they came from is not asked again.
    std::fs::remove_file(scene.invoices().join("october.csv")).unwrap();
    assert_eq!(charged(&scene, 10), ("119.7".into(), vec![]));
    // Another import takes its place; of several files, each has its prices.
    let dear = scene.write("dear.csv", sheet("20").as_bytes());
    let other = scene.write("other.csv", sheet("99").replace("CFQ7", "CFQ8").as_bytes());
    import(&scene, "2026-10", &[&other, &dear]);
    assert_eq!(charged(&scene, 10), ("190".into(), vec![]));
    // A sheet of the run's own goes before the month's.
    let own = scene.write("own.csv", sheet("10").as_bytes());
    let run = scene.run("2026-10", &["file:seats-10.csv"], &json!({"price_sheets": [own]}));
    assert_eq!(run["customers"][0]["charge"], "95", "{run}");
    import(&scene, "2026-11", &[&dear]);
    let sheets = scene.api.get("/v1/price_sheets").json();
    let months: Vec<_> =
        sheets["price_sheets"].as_array().unwrap().iter().map(|s| s["billing_period"].clone()).collect();
    assert_eq!(months, ["2026-11", "2026-10"]);
    assert_eq!(scene.api.trail("action=price_sheet.import").len(), 3);
    let verified = scene.server.run(&["bill", "verify", "--complete"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

fn a_file_that_is_no_price_sheet_is_refused(engine: Engine) {
    let scene = scene(engine);
    let good = scene.write("good.csv", sheet("12.60").as_bytes());
    import(&scene, "2026-10", &[&good]);
    scene.write("seats.csv", seats(10).as_bytes());
    scene.write("empty.csv", format!("{HEADER}\n").as_bytes());
    scene.write("price.csv", sheet("cheap").as_bytes());
    for (body, expected) in [
        (json!({"sources": [good]}), "/billing_period required"),
        (json!({"billing_period": "2026-13", "sources": [good]}), "/billing_period invalid"),
        (json!({"billing_period": "2026-10"}), "/sources required"),
        (json!({"billing_period": "2026-10", "sources": []}), "/sources required"),
        (json!({"billing_period": "2026-10", "sources": [good, good]}), "/sources/1 duplicate"),
        (json!({"billing_period": "2026-10", "sources": ["sheet.csv"]}), "/sources/0 invalid"),
        (json!({"billing_period": "2026-10", "sources": ["file:none.csv"]}), "/sources/0 invalid"),
        (json!({"billing_period": "2026-10", "sources": [good, "file:seats.csv"]}), "/sources/1 invalid"),
        (json!({"billing_period": "2026-10", "sources": ["file:empty.csv"]}), "/sources/0 invalid"),
        (json!({"billing_period": "2026-10", "sources": ["file:price.csv"]}), "/sources/0 invalid"),
        (json!({"billing_period": "2026-10", "sources": [good], "month": 1}), "/month unknown"),
    ] {
        let answer = scene.api.post("/v1/price_sheets", &body);
        assert!(answer.status == 422 && answer.details().contains(expected), "{body}: {}", answer.text());
    }
    assert_eq!(charged(&scene, 10), ("119.7".into(), vec![]), "the sheet of before is there");
}

fn a_command_imports_a_sheet(engine: Engine) {
    let scene = scene(engine);
    let path = scene.database.folder().join("sheet.csv");
    std::fs::write(&path, sheet("12.60")).unwrap();
    let command = |args: &[&str]| {
        let ran = scene.server.run(&[&["price-sheet"], args].concat());
        let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (ran.status.success(), said)
    };
    let (fine, said) = command(&["import", "--month", "2026-10", path.to_str().unwrap()]);
    assert!(fine && said.contains("2026-10           1 price  imported"), "{said}");
    assert_eq!(charged(&scene, 10), ("119.7".into(), vec![]));
    let (fine, said) = command(&["list", "--json"]);
    let listed: Value = serde_json::from_str(&said).unwrap();
    assert!(fine && listed == scene.api.get("/v1/price_sheets").json(), "{said}");
    std::fs::write(&path, "Name,Age\n").unwrap();
    let (fine, said) = command(&["import", "--month", "2026-10", path.to_str().unwrap()]);
    assert!(!fine && said.contains("is no price sheet of new commerce"), "{said}");
}
