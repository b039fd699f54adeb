//! What is wrong with files and bills, in the reader's language: with the place, and with what the file says.

use super::Browser;
use crate::billing::{Scene, line};
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    what_is_wrong_with_files_is_said_in_german,
    a_billing_problem_is_said_in_german,
    names_in_files_are_shown_as_they_are,
);

fn said(browser: &Browser, path: &str, language: &str) -> String {
    let page = browser.get_with(path, &[("Accept-Language", language)]);
    assert_eq!(page.status, 200, "{}", page.text());
    page.text().replace("&#34;", "\"").replace("&#39;", "'")
}

/// A file, what the page says of it in German, and in English as the control.
type Case<'a> = (&'a str, &'a [u8], &'a [&'a str], &'a str);

fn what_is_wrong_with_files_is_said_in_german(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let browser = Browser::signed_in(&scene.api);
    let cases: [Case<'_>; 9] = [
        (
            "cells.csv",
            b"CustomerId,BillingPreTaxTotal,BillingCurrency,UsageDate,Quantity\na,\"1,5\",EUR,2026-10-01,1\na,1,Euro,1.10.2026,2\na,,EUR,,1\n",
            &[
                "Zeile 2, Spalte BillingPreTaxTotal: „1,5“ ist keine Zahl wie -1234.56",
                "Zeile 3, Spalte BillingCurrency: „Euro“ ist kein Währungscode nach ISO 4217",
                "Zeile 3, Spalte UsageDate: „1.10.2026“ ist kein Datum wie 2026-10-01",
                "Zeile 4, Spalte BillingPreTaxTotal: ist leer, und hier müssen die Kosten des Postens stehen",
            ],
            "line 2, column BillingPreTaxTotal: \"1,5\" is not a number such as -1234.56",
        ),
        (
            "count.csv",
            b"CustomerId,BillingPreTaxTotal,BillingCurrency\na,1\n",
            &["Zeile 2: hat 2 Zellen, wo die Kopfzeile 3 hat"],
            "has 2 cells, where the header has 3",
        ),
        (
            "semicolons.csv",
            "Kundennummer;Menge;Währung\n1;2;EUR\n".as_bytes(),
            &["trennt Zellen durch Semikolons, wo CSV Kommas hat, und hat Spalten auf Deutsch", "Gebraucht wird Microsofts Abstimmung"],
            "separates its cells with semicolons, where CSV has commas, and has its columns in German",
        ),
        ("age.csv", b"Name,Age\na,1\n", &["ist weder eine Abstimmung noch", "Ihre ersten Spalten sind: Name, Age"], "is neither a reconciliation file nor"),
        ("sheet.csv", b"ProductId,SkuId,ERP Price\na,b,1\n", &["ist eine Preisliste. Gebraucht wird"], "is a price sheet. Wanted is"),
        ("invoice.pdf", b"%PDF-1.7\n", &["ist ein PDF-Dokument, etwa die Rechnung selbst. Gebraucht wird"], "is a PDF document"),
        ("nothing.csv", b"", &["nothing.csv: ist leer"], "nothing.csv: is empty"),
        (
            "lines.jsonl",
            b"{\"CustomerId\": \"a\", \"BillingPreTaxTotal\": 1, \"BillingCurrency\": \"EUR\"}\n{\"CustomerId\": }\n",
            &["Zeile 2, Zeichen 16: ist kein JSON-Objekt in einer eigenen Zeile"],
            "no JSON object on a line of its own",
        ),
        ("columns.csv", b"CustomerId,BillingPreTaxTotal,UsageDate\na,1,2026-10-01\n", &["hat aber keine Spalte BillingCurrency"], "but has no column BillingCurrency"),
    ];
    for (file, content, german, english) in cases {
        scene.write(file, content);
        let run = scene.run("2026-10", &[&format!("file:{file}")], &json!({}));
        assert_eq!(run["state"], "failed", "{file}: {run}");
        let path = format!("/console/billing/runs/{}", run["id"]);
        let page = said(&browser, &path, "de");
        for part in german {
            assert!(page.contains(part), "{file} without {part}: {page}");
        }
        assert!(!page.contains(english), "{file}: {page}");
        let page = said(&browser, &path, "en");
        assert!(page.contains(english), "{file}, the control: {page}");
    }
}

fn a_billing_problem_is_said_in_german(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "100"]);
    let dear = scene.billed("Dear", "dear", 0.0);
    let source = scene.invoice("october.csv", &[line("dear", "a", "100.01")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let browser = Browser::signed_in(&scene.api);
    let path = format!("/console/customers/{dear}");
    let reason = || -> Value {
        scene.api.get(&format!("/v2/customers/{dear}")).json()["billing_configuration"]["reason"].clone()
    };
    let held = format!("Die Rechnung für Oktober 2026 wurde zurückgehalten (Lauf {})", run["id"]);
    assert!(said(&browser, &path, "de").contains(&held), "{}", said(&browser, &path, "de"));
    let english = format!("its bill of 2026-10 was held back (run {})", run["id"]);
    assert_eq!(reason(), english);
    assert!(said(&browser, &path, "en").contains(&english), "the control");

    // What version 0.2 has stored has no wording.
    scene.database.execute("UPDATE billing_faults SET wording = NULL");
    assert!(said(&browser, &path, "de").contains(&english));
    for unknown in ["{}", "no JSON", "{\"id\": \"report-of-a-newer-version\"}"] {
        scene.database.execute(&format!("UPDATE billing_faults SET wording = '{unknown}'"));
        assert!(said(&browser, &path, "de").contains(&english), "{unknown}");
    }
    scene.database.execute("DELETE FROM billing_faults");

    scene.write("broken.csv", b"PartnerId,CustomerId\n1\n");
    let failed = scene.run("2026-11", &["file:broken.csv"], &json!({}));
    let german = format!("Der letzte Lauf für November 2026 ist fehlgeschlagen (Lauf {})", failed["id"]);
    assert!(said(&browser, &path, "de").contains(&german), "{}", said(&browser, &path, "de"));
    scene.database.execute("DELETE FROM azure_tenants");
    assert!(said(&browser, &path, "de").contains("Diesem Kunden ist kein Azure-Tenant zugewiesen"));
}

/// What a file calls things, on every page that shows it; in German too, where it is put into sentences.
fn names_in_files_are_shown_as_they_are(engine: Engine) {
    const NAME: &str = "=1+1 <b onclick=alert(1)>'&";
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let access = json!({"classification": "managed_with_access"});
    assert_eq!(scene.api.put(&format!("/v2/customers/{acme}"), &access).status, 200);
    let header = "CustomerId,CustomerName,MeterCategory,MeterName,EntitlementId,EntitlementDescription,ResourceURI,InvoiceNumber,BillingPreTaxTotal,BillingCurrency,UsageDate,Quantity";
    let row = |tenant: &str| {
        format!("{tenant},{NAME},{NAME},{NAME},{NAME},{NAME},{NAME},G{NAME},1,USD,2026-10-07,1\n")
    };
    scene.write("names.csv", format!("{header}\n{}{}", row("acme"), row("stray")).as_bytes());
    let run = scene.run(
        "2026-10",
        &["file:names.csv"],
        &json!({"publish": true, "accept": ["unassigned", "earned_credit_unknown"]}),
    );
    assert_eq!(run["state"], "succeeded", "{run}");
    let wrong = format!("CustomerId,BillingPreTaxTotal,BillingCurrency\nacme,{NAME},{NAME}\n");
    scene.write("wrong.csv", wrong.as_bytes());
    let failed = scene.run("2026-09", &["file:wrong.csv"], &json!({}));
    assert_eq!(failed["state"], "failed", "{failed}");
    let statements = scene.api.get("/v1/customer_statements").json();
    let statement = statements["billing_artifacts"][0]["id"].clone();
    let (_, reader) = scene.api.user_of(acme);
    let (partners, readers) = (Browser::signed_in(&scene.api), Browser::signed_in(&reader));
    let runs = "/console/billing/runs";
    for (browser, path) in [
        (&partners, format!("{runs}/{}", run["id"])),
        (&partners, format!("{runs}/{}", failed["id"])),
        (&partners, format!("{runs}/{}/customers/{acme}", run["id"])),
        (&partners, format!("{runs}/{}/customers/{acme}?by=subscription", run["id"])),
        (&partners, format!("/console/bills/{statement}")),
        (&readers, "/console/portal".to_owned()),
        (&readers, format!("/console/bills/{statement}")),
    ] {
        for language in ["en", "de"] {
            let page = browser.get_with(&path, &[("Accept-Language", language)]);
            assert_eq!(page.status, 200, "{path}: {}", page.text());
            let text = page.text();
            assert!(!text.contains("<b onclick"), "{path}, {language}: {text}");
            let control = text.contains("&#60;b onclick=alert(1)&#62;");
            assert!(control, "the control: {path}, {language}: {text}");
        }
    }
}
