//! Files that are no line items, and line items that other programs have touched.

use crate::bench::{Bench, USAGE, csv_of, usage, with};
use std::io::{Cursor, Write};
use tenantry_rating::WarningCode;

#[test]
fn a_foreign_file_is_named_for_what_it_is() {
    let plain = String::from_utf8(csv_of(USAGE, &[usage("1"), usage("2")])).unwrap();
    let header = plain.lines().next().unwrap();
    let archive = |name: &str| {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(plain.as_bytes()).unwrap();
        writer.finish().unwrap().into_inner()
    };
    let huge = format!("{header}\n\"{}\",x\n", "y".repeat(10 << 20));
    for (bytes, expected) in [
        (
            plain.replace(',', ";").into_bytes(),
            "f, line 1: separates its cells with semicolons, where CSV has commas. Wanted is",
        ),
        (archive("xl/workbook.xml"), "f: is an Excel workbook. Wanted is"),
        (b"7z\xbc\xaf\x27\x1c\0\x04".to_vec(), "f: is a 7-Zip archive. Wanted is"),
        (archive("inner.7z").into_iter().collect(), ""),
        (format!("{plain}{header}\n").into_bytes(), "f, line 4: repeats the header among the lines"),
        (format!("{plain}\u{feff}{header}\n").into_bytes(), "f, line 4: repeats the header among the lines"),
        (huge.into_bytes(), "f, line 2: a record that begins here is longer than 4 MiB"),
        (
            b"[{\"customerId\":\"a\"}]".to_vec(),
            "f, line 1: is a JSON array, where each line item is an object",
        ),
        (b"{\"totalCount\": 1, \"items\": []}\n".to_vec(), "f, line 1: is an answer of Partner Center's API"),
        (b"{\n  \"items\": []\n}\n".to_vec(), "f, line 1: is JSON over several lines"),
        (b"BilledCost,ChargePeriodStart,InvoiceIssuerName\n1,2,3\n".to_vec(), "f, line 1: is a FOCUS file"),
        (
            b"SubscriptionName,costInBillingCurrency\na,1\n".to_vec(),
            "f, line 1: is an export of Azure Cost Management",
        ),
        (
            "Rechnungsnummer,Menge,Währung\n1,2,EUR\n".as_bytes().to_vec(),
            "f, line 1: has its columns in German",
        ),
        (b"%PDF-1.7\n".to_vec(), "f: is a PDF document"),
        (b"<!DOCTYPE html>".to_vec(), "f: is an HTML page"),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        if expected.is_empty() {
            assert_eq!(
                bench.run().unwrap().totals[0].cost.to_string(),
                "3",
                "a CSV by another name: {shown}"
            );
            continue;
        }
        let refused = bench.refused();
        assert!(refused.len() == 1 && refused[0].starts_with(expected), "{shown}: {refused:?}");
    }
}

#[test]
fn a_server_s_own_bill_is_no_invoice() {
    let mut bench = Bench::new();
    bench.file("f", &csv_of(USAGE, &[usage("1")]));
    bench.run().unwrap();
    let files = ["1/bill.csv", "1/bill.focus.csv", "ledgers/1.csv"].map(|name| bench.read(name));
    for (text, what) in files.iter().zip(["is a bill that", "is a FOCUS file", "is a ledger that"]) {
        let mut bench = Bench::new();
        bench.file("f", text.as_bytes());
        assert!(bench.refused()[0].starts_with(&format!("f, line 1: {what}")), "{what}");
    }
}

#[test]
fn marks_and_braces_are_read_as_they_are_meant() {
    let id = "6f2f9a0e-1111-2222-3333-444455556666";
    let lines = [with(usage("100"), &[("CustomerId", id)]), with(usage("2"), &[("CustomerId", id)])];
    // The tenant's cell comes first, so that a mark before the line is in it.
    let columns = format!("CustomerId,{}", USAGE.replace("CustomerId,", ""));
    let text = String::from_utf8(csv_of(&columns, &lines)).unwrap();
    let (header, rest) = text.split_once('\n').unwrap();
    let quoted = rest.replace(id, &format!("\"{id}\""));
    let braced =
        rest.replacen(id, &format!("{{{}}}", id.to_uppercase()), 1).replacen(id, &format!("org:{{{id}}}"), 1);
    for (what, text) in [
        ("plain", text.clone()),
        ("a mark", format!("\u{feff}{text}")),
        ("two marks", format!("\u{feff}\u{feff}{text}")),
        ("a second mark before the first line", format!("\u{feff}{header}\n\u{feff}{rest}")),
        ("a mark and a quoted header", format!("\u{feff}\"{}\"\n{rest}", header.replace(',', "\",\""))),
        ("a mark before a quoted line", format!("{header}\n\u{feff}{quoted}")),
        ("braces", format!("{header}\n{braced}")),
    ] {
        let mut bench = Bench::new();
        bench.job.customers[0].tenants = vec![id.into()];
        bench.file("f", text.as_bytes());
        let report = bench.run().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((report.unassigned.len(), report.customers[0].lines), (0, 2), "{what}");
    }
    let mut bench = Bench::new();
    bench.job.customers[0].tenants = vec![format!("{{{id}}}").as_str().into()];
    bench.file("f", text.as_bytes());
    assert_eq!(bench.run().unwrap().unassigned.len(), 0, "an assignment with braces");
}

#[test]
fn a_part_of_an_export_is_not_the_whole() {
    let json = b"{\"customerId\":\"a\",\"invoiceNumber\":\"G1\",\"usageDate\":\"2026-10-05\",\"billingPreTaxTotal\":1,\
                 \"billingCurrency\":\"USD\",\"partnerEarnedCreditPercentage\":0}\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(json).unwrap();
    let packed = packed.finish().unwrap();
    for (name, bytes, refused) in [
        ("part-00000-aa.json.gz", packed.as_slice(), true),
        ("part-00000-aa.json", json.as_slice(), true),
        ("october.json.gz", packed.as_slice(), true),
        ("october.jsonl", json.as_slice(), false),
    ] {
        let mut bench = Bench::new();
        bench.file(name, bytes);
        if refused {
            let said = bench.refused();
            assert!(
                said[0].starts_with(&format!("{name}: is a part of a Graph export without its manifest")),
                "{said:?}"
            );
            bench.job.accept = vec![WarningCode::NoManifest];
        }
        let report = bench.run().unwrap();
        let shown: Vec<_> = report.warnings.iter().map(|w| (w.code, w.accepted, w.counted.lines)).collect();
        assert_eq!(shown, [(WarningCode::NoManifest, refused, 1)], "{name}");
    }
}
