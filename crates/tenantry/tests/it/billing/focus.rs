//! FOCUS's metadata, and its datasets about statements, which follow these from the estimate to the reversal.

use super::{Scene, line};
use crate::support::{Engine, on_both_engines, wait_for};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

on_both_engines!(
    datasets_follow_their_statement,
    a_correction_names_the_statement_that_it_corrects,
    metadata_is_where_the_bills_are,
);

type Row = BTreeMap<String, String>;

/// The records of a file of a statement.
fn rows(scene: &Scene, statement: &Value, name: &str) -> Vec<Row> {
    let path = format!("/v1/customer_statements/{}/files/{name}", statement["id"]);
    let file = scene.api.get(&path);
    assert_eq!(file.status, 200, "{path}: {}", file.text());
    let text = file.text();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

const DETAIL: &str = "statement.invoice-detail.csv";
const PERIOD: &str = "statement.billing-period.csv";

/// Of all records: number, the invoice that is referred to, status, day by which to pay, terms; and their sum in cents.
fn shown(rows: &[Row]) -> (Vec<String>, i64) {
    let columns = ["InvoiceId", "ReferenceInvoiceId", "InvoiceIssueStatus", "PaymentDueDate", "PaymentTerms"];
    let text = |row: &Row| columns.map(|column| row[column].clone()).join(" ");
    let texts: BTreeSet<String> = rows.iter().map(text).collect();
    let micros = |row: &Row| {
        let (sign, digits) =
            row["BilledCost"].strip_prefix('-').map_or((1, row["BilledCost"].as_str()), |rest| (-1, rest));
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        sign * format!("{whole}{places:0<10}").parse::<i64>().unwrap()
    };
    (texts.into_iter().collect(), rows.iter().map(micros).sum::<i64>() / 100_000_000)
}

fn datasets_follow_their_statement(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-focus-datasets"]);
    let settings = json!({"statement_number_prefix": "CON-", "due_days": 30, "display_name": "Contoso Ltd"});
    assert_eq!(scene.api.put("/v1/billing_settings", &settings).status, 200);
    let acme = scene.billed("Acme", "acme", 30.0);
    let (_, user) = scene.api.user_of(acme);
    let source = scene.invoice("october.csv", &[line("acme", "a", "10"), line("acme", "b", "-0.01")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let statement = scene.statements("")[0].clone();
    let id = format!("estimate-2026-10-{acme}-USD");
    let expected = format!("{id} {id} Open  Not stated");
    assert_eq!(shown(&rows(&scene, &statement, DETAIL)), (vec![expected], 1427));
    let period = |statement: &Value| rows(&scene, statement, PERIOD)[0]["BillingPeriodStatus"].clone();
    assert_eq!(period(&statement), "Open");
    // The customer downloads them as it does its bill.
    for (name, saved_as) in
        [(DETAIL, "acme-2026-10-statement.invoice-detail.csv"), ("bill.csv", "acme-2026-10.csv")]
    {
        let file = user.get(&format!("/v1/customer_statements/{}/files/{name}", statement["id"]));
        assert!(file.status == 200 && file.header("content-disposition").contains(saved_as), "{name}");
    }

    scene.finalize(&run);
    let last = scene.statements("")[0].clone();
    assert_eq!((&last["status"], &last["statement_number"]), (&json!("Final"), &json!("CON-2026-0001")));
    let expected = "CON-2026-0001 CON-2026-0001 Issued 2026-12-02T00:00:00Z Net 30";
    assert_eq!(shown(&rows(&scene, &last, DETAIL)), (vec![expected.to_owned()], 1427));
    assert_eq!(period(&last), "Closed");
    let issuers: BTreeSet<String> = rows(&scene, &last, DETAIL)
        .into_iter()
        .map(|mut row| row.remove("InvoiceIssuerName").unwrap())
        .collect();
    assert_eq!(issuers.into_iter().collect::<Vec<_>>(), ["Contoso Ltd"]);

    let body = json!({"reason": "a mistake"});
    let asked = scene.api.post(&format!("/v1/bill_runs/{}/void", run["id"]), &body);
    assert_eq!(scene.end_of(asked.header("location"))["errors"], json!([]));
    let reversal = scene.statements("status=Reversal")[0].clone();
    let expected = "CON-2026-0002 CON-2026-0001 Issued  Not stated";
    assert_eq!(shown(&rows(&scene, &reversal, DETAIL)), (vec![expected.to_owned()], -1427));
    let verified = scene.server.run(&["bill", "verify", "--complete"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));

    // Final at once, it is the same.
    let again = scene.run("2026-10", &[&source], &json!({"finalize": true}));
    assert_eq!(again["state"], "succeeded", "{again}");
    let last = scene.statements("status=Final")[0].clone();
    let expected = "CON-2026-0003 CON-2026-0003 Issued 2026-12-02T00:00:00Z Net 30";
    assert_eq!(shown(&rows(&scene, &last, DETAIL)), (vec![expected.to_owned()], 1427));
    assert_eq!(period(&last), "Closed");
}

fn a_correction_names_the_statement_that_it_corrects(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-focus-datasets"]);
    scene.billed("Acme", "acme", 0.0);
    let october = [line("acme", "a", "10")];
    scene.run("2026-10", &[&scene.invoice("october.csv", &october)], &json!({"finalize": true}));
    let late = [&october[..], &[line("acme", "late", "3")]].concat();
    scene.run("2026-10", &[&scene.invoice("late.csv", &late)], &json!({}));
    let november = [super::Usage { day: "2026-11-01", ..line("acme", "n", "7") }];
    scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &json!({"finalize": true}));
    let statement = &scene.statements("billing_period=2026-11")[0];
    let found: Vec<String> = rows(&scene, statement, DETAIL)
        .iter()
        .map(|row| {
            ["InvoiceDetailId", "InvoiceId", "ReferenceInvoiceId", "BilledCost"]
                .map(|column| row[column].clone())
                .join(" ")
        })
        .collect();
    assert_eq!(found, ["Usage:n 2026-0002 2026-0002 7", "Correction:2026-10:2 2026-0002 2026-0001 3"]);
    // What is owed with November's statement is in its datasets alone.
    let files = super::tree(&scene.bills().join("p1/bills/acme/2026-10"));
    assert!(!files.keys().any(|name| name.contains("v2/statement.invoice-detail")), "{:?}", files.keys());
}

fn metadata_is_where_the_bills_are(engine: Engine) {
    for (arg, datasets) in [
        (&["--bill-focus-datasets"][..], &["BillingPeriod", "CostAndUsage", "InvoiceDetail"][..]),
        (&[], &["CostAndUsage"]),
    ] {
        let scene = Scene::with(engine, arg);
        scene.billed("Acme", "acme", 0.0);
        scene.run("2026-10", &[&scene.invoice("october.csv", &[line("acme", "a", "10")])], &json!({}));
        let statement = scene.statements("")[0].clone();
        let manifest =
            scene.api.get(&format!("/v1/customer_statements/{}/files/manifest.json", statement["id"])).json();
        let named = manifest["focus_schemas"].as_object().unwrap();
        assert_eq!(named.keys().map(String::as_str).collect::<Vec<_>>(), datasets);
        // The index, which is put behind the run's end, has these schemas.
        let path = scene.bills().join("p1/bills/acme/index.json");
        let index = wait_for(std::time::Duration::from_secs(30), || std::fs::read(&path));
        let index: Value = serde_json::from_slice(&index).unwrap();
        let metadata = &index["focus_metadata"];
        assert!(metadata["DataGenerator"]["DataGenerator"].is_string(), "{metadata}");
        let schemas = metadata["Schema"].as_array().unwrap();
        assert_eq!(schemas.len(), datasets.len());
        for (dataset, file) in
            [("CostAndUsage", "bill.focus.csv"), ("InvoiceDetail", DETAIL), ("BillingPeriod", PERIOD)]
        {
            let Some(id) = named.get(dataset) else { continue };
            let schema = schemas.iter().find(|schema| schema["SchemaId"] == *id).unwrap();
            let columns = schema["ColumnDefinition"].as_array().unwrap().iter();
            let columns: Vec<&str> = columns.map(|column| column["ColumnName"].as_str().unwrap()).collect();
            let path = format!("/v1/customer_statements/{}/files/{file}", statement["id"]);
            let text = scene.api.get(&path).text();
            assert_eq!(text.lines().next().unwrap(), columns.join(","), "{dataset}");
        }
    }
}
