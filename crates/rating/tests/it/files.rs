//! What is read, and what is refused.

use crate::bench::{Bench, Line, RECONCILIATION, USAGE, csv_of, licence, line, usage, with};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::{Cursor, Write};
use tenantry_rating::{BilledInvoice, WarningCode};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A line of usage as a line of JSON, with lower camel names and numbers as they are written.
fn json_line(line: &Line) -> String {
    let fields = line.iter().map(|(column, cell)| {
        let (first, rest) = column.split_at(1);
        let value = match *column {
            "Quantity" | "BillingPreTaxTotal" | "PartnerEarnedCreditPercentage" => cell.clone(),
            _ => json!(cell).to_string(),
        };
        format!("\"{}{rest}\":{value}", first.to_lowercase())
    });
    format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","))
}

fn reversed(columns: &str) -> String {
    columns.split(',').rev().map(str::trim).collect::<Vec<_>>().join(",")
}

#[test]
fn the_same_lines_in_any_dress() {
    let lines =
        [usage("1.5"), with(usage("2.25"), &[("Tags", "{\"a\":\"b,\nc\"}"), ("UsageDate", "10/6/2026")])];
    let plain = csv_of(USAGE, &lines);
    let text = String::from_utf8(plain.clone()).unwrap();
    let all_quoted = {
        let mut writer =
            csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
        for record in csv::ReaderBuilder::new().has_headers(false).from_reader(plain.as_slice()).records() {
            writer.write_record(&record.unwrap()).unwrap();
        }
        writer.into_inner().unwrap()
    };
    let camel = text.replacen("PartnerId", "partnerId", 1).replacen("Tier2MpnId", "resellerMpnId", 1);
    let camel = camel.replacen(",Unit,", ",unitOfMeasure,", 1).replacen("BenefitId", "BenefitID", 1);
    let no_last_feed = plain[..plain.len() - 1].to_vec();
    let windows = {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        for record in csv::ReaderBuilder::new().has_headers(false).from_reader(plain.as_slice()).records() {
            writer.write_record(&record.unwrap()).unwrap();
        }
        writer.into_inner().unwrap()
    };
    let mut expected = None;
    for (what, bytes) in [
        ("plain", plain.clone()),
        ("reordered", csv_of(&reversed(USAGE), &lines)),
        ("byte order mark", [b"\xef\xbb\xbf", plain.as_slice()].concat()),
        ("lower camel", camel.into_bytes()),
        ("all quoted", all_quoted),
        ("no line feed at the end", no_last_feed),
        ("empty lines", text.replace("\nC", "\n\n\nC").into_bytes()),
        ("CRLF", windows),
        ("gzip", gzip(&plain)),
        ("two gzip members", [gzip(&plain[..700]), gzip(&plain[700..])].concat()),
        ("gzip with padding", [gzip(&plain), vec![0; 512]].concat()),
        ("zip", archive(&[("usage.csv", &plain)])),
        ("zip of two", {
            let one = csv_of(USAGE, &lines[..1]);
            let two = csv_of(USAGE, &lines[1..]);
            archive(&[("two.csv", &two), ("one.csv", &one)])
        }),
    ] {
        let mut bench = Bench::new();
        bench.file("october.csv", &bytes);
        let report = bench.run().unwrap_or_else(|e| panic!("{what}: {e}"));
        let files = bench.files();
        assert_eq!(report.totals[0].cost.to_string(), "3.75", "{what}");
        assert_eq!(*expected.get_or_insert_with(|| files.clone()), files, "{what}");
    }
}

/// A few megabytes can unpack to as many as fill a disk, so unpacked bytes count.
#[test]
fn a_source_is_bounded_by_its_unpacked_bytes() {
    let lines: Vec<Line> =
        (0..2_000).map(|i| with(usage("1.5"), &[("ResourceURI", &*format!("/resources/{i}"))])).collect();
    let (one, two) = (csv_of(USAGE, &lines[..1_000]), csv_of(USAGE, &lines[1_000..]));
    let plain = csv_of(USAGE, &lines);
    let length = plain.len() as u64;
    for (what, bytes, unpacked) in [
        ("plain", plain.clone(), length),
        ("gzip", gzip(&plain), length),
        ("zip", archive(&[("usage.csv", &plain)]), length),
        ("zip of two", archive(&[("one.csv", &one), ("two.csv", &two)]), (one.len() + two.len()) as u64),
    ] {
        let mut bench = Bench::new();
        bench.file("october.csv", &bytes);
        bench.job.max_source_bytes = unpacked - 1;
        let failure = bench.run().unwrap_err().to_string();
        assert!(
            failure.contains(&format!("has more than {} bytes unpacked", unpacked - 1)),
            "{what}: {failure}"
        );
        assert!(failure.contains("--bill-max-source"), "{what}: {failure}");
        bench.job.max_source_bytes = unpacked;
        let report = bench.run().unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(report.totals[0].cost.to_string(), "3000", "{what}");
    }
}

/// An archive's directory is read once, not for each of its entries.
#[test]
fn an_archive_of_many_entries() {
    let lines: Vec<Line> =
        (0..5_000).map(|i| with(usage("1.5"), &[("ResourceURI", &*format!("/resources/{i}"))])).collect();
    let files: Vec<(String, Vec<u8>)> = lines
        .iter()
        .enumerate()
        .map(|(i, line)| (format!("{i}.csv"), csv_of(USAGE, std::slice::from_ref(line))))
        .collect();
    let entries: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    let mut bench = Bench::new();
    bench.file("october.zip", &archive(&entries));
    let report = bench.run().unwrap();
    assert_eq!((report.totals[0].lines, report.totals[0].cost.to_string()), (5_000, "7500".to_owned()));
}

#[test]
fn a_graph_export() {
    let lines = [
        with(usage("1.5"), &[("PartnerEarnedCreditPercentage", "0.15")]),
        with(
            usage("2.25E-05"),
            &[("ProductName", "quote \" comma , feed \n"), ("UsageDate", "2026-10-01T00:00:00Z")],
        ),
    ];
    let manifest = json!({"id": "1", "dataFormat": "compressedJSON", "blobCount": 2,
        "blobs": [{"name": "part-0.json.gz", "partitionValue": "x"}, {"name": "part-1.json.gz", "partitionValue": "y"}]});
    let mut bench = Bench::new();
    bench.file("export/manifest.json", manifest.to_string().as_bytes());
    bench.file("export/part-0.json.gz", &gzip(json_line(&lines[0]).as_bytes()));
    bench.file("export/part-1.json.gz", &gzip(json_line(&lines[1]).as_bytes()));
    bench.job.inputs.truncate(1);
    bench.job.inputs[0].path.pop();
    let report = bench.run().unwrap();
    assert_eq!(report.totals[0].cost.to_string(), "1.5000225");
    // 0.0000225 / 0.8, and 1.5 / 0.85 / 0.8.
    assert_eq!(bench.column("1/bill.csv", "Charge"), ["0.000028125", "2.2058823529", "0.0040895221"]);
    assert_eq!(bench.column("1/bill.csv", "ProductName")[0], "quote \" comma , feed \n");

    for (what, change) in [
        ("lists 2 blobs in its manifest, which says 3", "3"),
        ("is listed in the manifest, but is not there", "missing"),
        ("must have one manifest of a Graph export, a JSON file with \"blobs\"; it has 0", "none"),
    ] {
        let path = bench.job.inputs[0].path.clone();
        match change {
            "3" => {
                let wrong = manifest.to_string().replace("\"blobCount\":2", "\"blobCount\":3");
                std::fs::write(path.join("manifest.json"), wrong).unwrap();
            }
            "missing" => {
                std::fs::write(path.join("manifest.json"), manifest.to_string()).unwrap();
                std::fs::remove_file(path.join("part-1.json.gz")).unwrap();
            }
            _ => std::fs::remove_file(path.join("manifest.json")).unwrap(),
        }
        let refused = bench.refused();
        assert!(refused.len() == 1 && refused[0].ends_with(what), "{refused:?}");
    }
}

#[test]
fn refusals_say_where() {
    let header = "CustomerId,BillingPreTaxTotal,BillingCurrency,Quantity,UsageDate";
    let csv = |rows: &str| format!("{header}\n{rows}").into_bytes();
    let truncated = {
        let whole = gzip(&csv_of(USAGE, &vec![usage("1"); 3000]));
        whole[..whole.len() - 20].to_vec()
    };
    let packed = gzip(&csv_of(USAGE, &[usage("1")]));
    let in_front_of_more = format!(
        "f, line 1: has something else behind its gzip member 1, which ends after {} bytes: was something appended to the file, or is \
         its next member damaged?",
        packed.len()
    );
    let appended = [&packed[..], b"CustomerId,UsageDate\n"].concat();
    for (bytes, expected) in [
        (b"".to_vec(), vec!["f: is empty"]),
        (b"\xef\xbb\xbf\n \n".to_vec(), vec!["f: is empty"]),
        (
            b"Name,Age\nx,1\n".to_vec(),
            vec![
                "f, line 1: is neither a reconciliation file nor a daily rated usage file: it has none of their money \
                 columns, Subtotal and BillingPreTaxTotal; its first columns are \"Name, Age\"",
            ],
        ),
        (
            b"CustomerId,UsageDate,Quantity\n".to_vec(),
            vec![
                "f, line 1: looks like a daily rated usage file, but has no column BillingCurrency",
                "f, line 1: looks like a daily rated usage file, but has no column BillingPreTaxTotal",
            ],
        ),
        (
            b"CustomerId,Subtotal,Currency,subtotal\n".to_vec(),
            vec!["f, line 1: has the column Subtotal twice"],
        ),
        (
            csv("a,1,USD,1,\na,1.2.3,USD,1,\na,1,USD,\"1,5\",\nb,,USD,1,\n"),
            vec![
                "f, line 3, column BillingPreTaxTotal: \"1.2.3\" is not a number such as -1234.56 or 1.5E-05",
                "f, line 4, column Quantity: \"1,5\" is not a number such as -1234.56 or 1.5E-05",
                "f, line 5, column BillingPreTaxTotal: is empty, where the line's cost has to be",
            ],
        ),
        (
            csv("a,1e13,EURO,1,31/12/2026\n"),
            vec![
                "f, line 2, column BillingPreTaxTotal: \"1e13\" is larger than any line item",
                "f, line 2, column BillingCurrency: \"EURO\" is no currency code of ISO 4217 such as USD",
                "f, line 2, column UsageDate: \"31/12/2026\" is no date such as 2026-10-01, 2026-10-01T00:00:00Z or \
                 10/1/2026 (month first)",
            ],
        ),
        (
            [csv("a,1,USD,1,\n").as_slice(), b"M\xfcller,1,USD,1,\n"].concat(),
            vec!["f, line 3, column CustomerId: is not UTF-8: save the file as UTF-8"],
        ),
        (
            csv("a,1,USD,1,\na,1,USD,1,\0\n"),
            vec![
                "f, line 3, column UsageDate: has the character U+0000 in it, which no text has: the file is damaged, or \
                 is no text",
            ],
        ),
        (
            csv("a,1,USD,1,\n").iter().map(|b| if *b == b'\n' { b'\r' } else { *b }).collect(),
            vec!["f, line 1: ends its lines with a carriage return alone; save it with LF or CRLF"],
        ),
        (csv("a,1,USD,1,\na,1,USD\n"), vec!["f, line 3: has 3 cells, where the header has 5"]),
        (
            csv("\"a\nb\",1,USD,1,\nx\"y\",1,USD,1,\n"),
            vec![
                "f, line 4: a quote stands in the middle of a cell: cells with quotes are quoted whole, with \"\" for \
                 each",
            ],
        ),
        (
            csv("a,1,USD,1,\n\"a,1,USD,1,\nb,1,USD,1,\n"),
            vec!["f, line 3: a record that begins here has no end: is a quote not closed?"],
        ),
        (
            b"{\"customerId\":\"a\",\"billingPreTaxTotal\":1,\"billingCurrency\":\"USD\"}\n{oops}\n".to_vec(),
            vec!["f, line 2, column character 2: no JSON object on a line of its own: key must be a string"],
        ),
        (
            b"PK\x03\x04 nothing".to_vec(),
            vec!["f: is no complete zip archive: invalid Zip archive: Could not find EOCD"],
        ),
        (
            "C\0u\0".bytes().fold(vec![0xff, 0xfe], |mut all, b| {
                all.push(b);
                all
            }),
            vec!["f, line 1: is UTF-16: save it as UTF-8"],
        ),
        (truncated, vec!["f, line 3001: ends in the middle: the file was cut off"]),
        (appended, vec![&*in_front_of_more]),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &bytes);
        let refused = bench.refused();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        // Where a library found it, only what it is matters.
        let same = refused.len() == expected.len()
            && refused.iter().zip(&expected).all(|(found, wanted)| {
                found == wanted
                    || wanted.contains("zip") && found.starts_with("f: is no complete zip archive")
                    || wanted.contains("cut off")
                        && found.ends_with("ends in the middle: the file was cut off")
            });
        assert!(same, "{shown:.80}: {refused:#?}");
    }
    let mut bench = Bench::new();
    assert_eq!(bench.refused(), ["there is no file to read"]);
    bench.file("f", &csv("a,1,USD,1,\n"));
    bench.job.inputs.push(bench.job.inputs[0].clone());
    assert_eq!(bench.refused(), ["f: is given twice"]);
    bench.job.inputs.pop();
    std::fs::remove_file(&bench.job.inputs[0].path).unwrap();
    assert!(bench.refused()[0].starts_with("f: cannot be read: No such file"));
}

#[test]
fn faults_are_bounded() {
    let mut bench = Bench::new();
    bench.file("f", &csv_of(USAGE, &vec![usage("none"); 5000]));
    assert_eq!(bench.refused().len(), tenantry_rating::Failure::LIMIT);
}

#[test]
fn tenants_are_found_in_any_writing() {
    let mut bench = Bench::new();
    let tenants = ["a", "A", "org:a", "ORG:A", " a ", "\"a\"", "b", "c", "org:C", "d", "", "ä"];
    let lines: Vec<Line> = tenants.iter().map(|tenant| with(usage("1"), &[("CustomerId", tenant)])).collect();
    bench.file("f", &csv_of(USAGE, &lines));
    let report = bench.run().unwrap();
    let billed: Vec<_> = report.customers.iter().map(|bill| (bill.customer_id, bill.lines)).collect();
    assert_eq!(billed, [(1, 5), (2, 1)]);
    let left = serde_json::to_value(&report.unassigned).unwrap();
    let left: Vec<_> = left
        .as_array()
        .unwrap()
        .iter()
        .map(|left| {
            (
                left["azure_customer_id"].as_str().unwrap(),
                left["lines"].as_u64().unwrap(),
                left["reason"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        left,
        [
            ("", 1, "no customer"),
            ("\"a\"", 1, "no customer"),
            ("c", 2, "billing off"),
            ("d", 1, "no customer"),
            ("ä", 1, "no customer")
        ]
    );
}

#[test]
fn invoices() {
    let lines = [
        usage("1"),
        with(usage("2"), &[("InvoiceNumber", "G2")]),
        with(usage("4"), &[("InvoiceNumber", "G3")]),
    ];
    let file = csv_of(USAGE, &lines);
    for (wanted, invoice, cost, others) in
        [(None, None, "7", 0), (Some("G1"), Some("G1"), "1", 2), (Some("g2"), Some("g2"), "2", 2)]
    {
        let mut bench = Bench::new();
        bench.file("f", &file);
        bench.job.invoice_id = wanted.map(str::to_owned);
        let report = bench.run().unwrap();
        assert_eq!(report.invoice_id.as_deref(), invoice);
        assert_eq!(report.totals[0].cost.to_string(), cost);
        assert_eq!(report.other_invoices.len(), others);
        let several = "the lines are of 3 invoices (G1, G2, G3): they are billed together";
        let warned: Vec<_> = report.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warned.iter().any(|warning| warning.starts_with(several)), wanted.is_none(), "{warned:?}");
        assert_eq!(report.invoice_ids, if wanted.is_none() { vec!["G1", "G2", "G3"] } else { vec![] });
    }
    // One that is final in another month; lines without a number are not asked.
    for (wanted, billed, refused) in [
        (None, vec!["G8"], vec![]),
        (None, vec!["g2", "G1"], vec!["g2", "G1"]),
        (Some("G2"), vec!["G1"], vec![]),
        (Some("g1"), vec!["G1"], vec!["G1"]),
        (None, vec![""], vec![]),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &file);
        bench.job.invoice_id = wanted.map(str::to_owned);
        let of =
            |number: &&str| BilledInvoice { number: (*number).into(), period: "2026-09".parse().unwrap() };
        bench.job.billed_invoices = billed.iter().map(of).collect();
        let said: Vec<_> = refused
            .iter()
            .map(|id| format!("the invoice {id} is billed and final in 2026-09: run its files as that month"))
            .collect();
        if said.is_empty() { drop(bench.run().unwrap()) } else { assert_eq!(bench.refused(), said) }
    }
    let mut bench = Bench::new();
    bench.file("f", &file);
    bench.job.invoice_id = Some("G9".to_owned());
    assert_eq!(bench.refused(), ["no line is of the invoice G9; the files have \"G1, G2, G3\""]);
}

#[test]
fn both_kinds_in_one_bill() {
    let mut bench = Bench::new();
    bench.file("usage", &csv_of(USAGE, &[with(usage("1"), &[("Tier2MpnId", "7"), ("ResourceGroup", "rg")])]));
    bench.file(
        "licences",
        &csv_of(RECONCILIATION, &[with(licence("2"), &[("ResellerMpnId", "8"), ("OrderId", "o")])]),
    );
    bench.run().unwrap();
    let bill = bench.table("1/bill.csv");
    let of = |column: &str| bill.iter().map(|line| line[column].as_str()).collect::<Vec<_>>();
    assert_eq!(of("Charge"), ["2.5", "1.25"]);
    assert_eq!(of("ResellerMpnId"), ["8", "7"]);
    assert_eq!(of("OrderId"), ["o", ""]);
    assert_eq!(of("ResourceGroup"), ["", "rg"]);
    assert_eq!(of("ProductName"), ["Microsoft 365 E3", "Azure plan"]);
}

#[test]
fn lines_of_other_shapes() {
    for (change, cost) in [
        (vec![("Subtotal", "-3.5"), ("Total", "-3.5")], "-3.5"),
        (vec![("Subtotal", "1.5E+1"), ("Total", "15")], "15"),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(RECONCILIATION, &[with(licence("1"), &change)]));
        assert_eq!(bench.run().unwrap().totals[0].cost.to_string(), cost);
    }
    let camel = line(&[
        ("customerId", "a"),
        ("subtotal", "5"),
        ("totalForCustomer", "6"),
        ("taxTotal", "1"),
        ("currency", "USD"),
        ("termAndBillingCycle", "x"),
    ]);
    let columns = "customerId,subtotal,totalForCustomer,taxTotal,currency,termAndBillingCycle";
    let mut bench = Bench::new();
    bench.file("f", &csv_of(columns, &[camel]));
    let report = bench.run().unwrap();
    assert_eq!(
        (report.totals[0].cost.to_string(), report.totals[0].tax.to_string()),
        ("5".into(), "1".into())
    );
}

/// What a line costs is read, never computed: whoever took the column out may have taken more.
#[test]
fn a_cost_that_is_not_there_is_not_made_up() {
    let without =
        |line: &Line| line.iter().filter(|(c, _)| **c != "Subtotal").map(|(c, v)| (*c, v.clone())).collect();
    let cells = with(licence("1"), &[("Total", "12.1"), ("TaxTotal", "2.1")]);
    let shorter: Line = without(&cells);
    let json = "{\"customerId\":\"a\",\"totalForCustomer\":6,\"taxTotal\":1,\"currency\":\"USD\",\
                \"termAndBillingCycle\":\"x\"}\n";
    for (bytes, expected) in [
        (
            csv_of(&RECONCILIATION.replace("Subtotal,", ""), &[shorter]),
            "f, line 1: looks like a reconciliation file, but has no column Subtotal",
        ),
        (
            csv_of(RECONCILIATION, &[with(cells, &[("Subtotal", "")])]),
            "f, line 2, column Subtotal: is empty, where the line's cost has to be",
        ),
        (json.as_bytes().to_vec(), "f, line 1: looks like a reconciliation file, but has no column Subtotal"),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &bytes);
        assert_eq!(bench.refused(), [expected]);
    }
}

#[test]
fn the_same_lines_under_another_name_are_refused() {
    let (plain, other) = (csv_of(USAGE, &[usage("1"), usage("2")]), csv_of(USAGE, &[usage("1"), usage("3")]));
    let zip = |name: &str| archive(&[(name, &plain)]);
    for (files, expected) in [
        (
            vec![("a", plain.clone()), ("b", plain.clone())],
            vec!["b: has the same lines as a: leave one of the two out"],
        ),
        (
            vec![("a", plain.clone()), ("b", gzip(&plain))],
            vec!["b: has the same lines as a: leave one of the two out"],
        ),
        (
            vec![("a", zip("x.csv")), ("b", gzip(&plain)), ("c", other.clone())],
            vec!["b: has the same lines as a/x.csv: leave one of the two out"],
        ),
        (
            vec![("a", other.clone()), ("b", plain.clone()), ("c", plain.clone()), ("d", gzip(&other))],
            vec![
                "c: has the same lines as b: leave one of the two out",
                "d: has the same lines as a: leave one of the two out",
            ],
        ),
        (
            vec![("a", archive(&[("x.csv", &plain), ("y.csv", &plain)]))],
            vec!["a/y.csv: has the same lines as a/x.csv: leave one of the two out"],
        ),
        // The control: files that differ in a digit.
        (vec![("a", plain.clone()), ("b", gzip(&other))], vec![]),
    ] {
        for threads in [1, 3] {
            let mut bench = Bench::new();
            bench.job.threads = threads;
            for (name, bytes) in &files {
                bench.file(name, bytes);
            }
            if expected.is_empty() {
                assert_eq!(bench.run().unwrap().totals[0].cost.to_string(), "7");
            } else {
                assert_eq!(bench.refused(), expected);
            }
        }
    }
}

#[test]
fn the_same_lines_in_a_file_that_was_saved_anew_are_refused() {
    let lines = [usage("1"), usage("1"), usage("2")];
    let csv = |lines: &[Line]| csv_of(USAGE, lines);
    let (plain, one) = (csv(&lines), usage("1"));
    let windows = String::from_utf8(plain.clone()).unwrap().replace('\n', "\r\n").into_bytes();
    let json = |lines: &[Line]| lines.iter().map(json_line).collect::<String>().into_bytes();
    // Of tenants that nobody is billed for.
    let left = ["8", "9"].map(|cost| with(usage(cost), &[("CustomerId", "c")]));
    let [eight, nine] = left.clone();
    let mixed = csv(&[&lines[..], &left[..]].concat());
    let export = |cut: usize| {
        let [first, second] = [&lines[..cut], &lines[cut..]].map(|lines| gzip(&json(lines)));
        vec![("part-0.json.gz", first), ("part-1.json.gz", second)]
    };
    let file = |name: &'static str, bytes: Vec<u8>| (name, vec![("", bytes)]);
    let (a, more) = (file("a", plain.clone()), csv(&[one.clone(), usage("4")]));
    let twice = |count: u64, within: &str, other: &str| {
        let which = match count {
            1 => "its only line that counts is".to_owned(),
            _ => format!("all its {count} lines that count are"),
        };
        format!(
            "{within}: {which} in {other} too, and would count twice: leave one of the two out; if Microsoft charges both, put \
             the lines into one file"
        )
    };
    for (files, refused, warned) in [
        (vec![a.clone(), file("b", windows.clone())], vec![twice(3, "b", "a")], None),
        (vec![a.clone(), file("b", csv_of(&reversed(USAGE), &lines))], vec![twice(3, "b", "a")], None),
        (vec![a.clone(), file("b", json(&lines))], vec![twice(3, "b", "a")], None),
        (vec![a.clone(), file("b", csv(&lines[1..]))], vec![twice(2, "b", "a")], None),
        (vec![file("b", csv(&lines[..1])), a.clone()], vec![twice(1, "b", "a")], None),
        (
            vec![file("a", mixed.clone()), file("b", csv(&[one.clone(), nine.clone()]))],
            vec![twice(2, "b", "a")],
            None,
        ),
        (vec![file("a", mixed), file("b", csv_of(&reversed(USAGE), &left))], vec![twice(2, "b", "a")], None),
        (vec![file("a", csv(&left)), file("b", json(&left))], vec![twice(2, "b", "a")], None),
        (vec![a.clone(), ("b", export(1))], vec![twice(3, "b", "a")], None),
        (vec![("a", export(2)), ("b", export(1))], vec![twice(3, "b", "a")], None),
        (
            vec![file("a", archive(&[("x", &plain), ("y", &csv(&lines[2..]))])), file("b", more.clone())],
            vec![twice(1, "a/y", "a/x")],
            None,
        ),
        (
            vec![file("a", archive(&[("x", &plain), ("y", &more)])), file("b", windows)],
            vec![twice(3, "b", "a")],
            None,
        ),
        // The parts of an export are Microsoft's own, and so are lines that are alike in one file.
        (
            vec![("a", export(1))],
            vec![],
            Some("a/part-1.json.gz: has 1 line that is in a/part-0.json.gz too"),
        ),
        (vec![file("a", csv(&[&lines[..], &lines[..]].concat()))], vec![], None),
        (vec![a.clone(), file("b", more)], vec![], Some("b: has 1 line that is in a too")),
        (
            vec![a.clone(), file("b", csv(&vec![one.clone(); 3]))],
            vec![],
            Some("b: has 2 lines that are in a too"),
        ),
        // One of its own is enough, whoever's it is.
        (
            vec![a.clone(), file("b", csv(&[one, eight.clone()]))],
            vec![],
            Some("b: has 1 line that is in a too"),
        ),
        (
            vec![file("a", csv(&left)), file("b", csv(&[nine, lines[2].clone()]))],
            vec![],
            Some("b: has 1 line that is in a too"),
        ),
        (vec![a, file("b", csv(&[eight]))], vec![], None),
    ] {
        for threads in [1, 3] {
            let mut bench = Bench::new();
            bench.job.threads = threads;
            for (name, parts) in &files {
                if let [("", bytes)] = parts.as_slice() {
                    bench.file(name, bytes);
                    continue;
                }
                let blobs: Vec<_> = parts.iter().map(|(part, _)| json!({"name": part})).collect();
                bench.file(&format!("{name}/manifest.json"), json!({"blobs": blobs}).to_string().as_bytes());
                for (part, bytes) in parts {
                    bench.file(&format!("{name}/{part}"), bytes);
                    bench.job.inputs.pop();
                }
                let folder = bench.job.inputs.last_mut().unwrap();
                (folder.name, _) = ((*name).to_owned(), folder.path.pop());
            }
            if refused.is_empty() {
                let mut warnings = bench.run().unwrap().warnings;
                warnings.retain(|warning| warning.code != WarningCode::HeldBack);
                let said = warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
                assert_eq!(said.len(), usize::from(warned.is_some()), "{said:?}");
                assert!(said.iter().all(|said| said.starts_with(warned.unwrap())), "{said:?}");
            } else {
                assert_eq!(bench.refused(), refused);
            }
        }
    }
}

#[test]
fn a_run_needs_a_line() {
    let (nothing, one) = (csv_of(USAGE, &[]), csv_of(USAGE, &[usage("1")]));
    for (files, invoice, refused, warned) in [
        (vec![("a", nothing.clone())], None, vec!["a: has a header and no lines"], vec![]),
        (
            vec![("a", nothing.clone()), ("b", gzip(&nothing)), ("c", csv_of(RECONCILIATION, &[]))],
            Some("G1"),
            vec![
                "a: has a header and no lines",
                "b: has a header and no lines",
                "c: has a header and no lines",
            ],
            vec![],
        ),
        (
            vec![("a", nothing.clone()), ("b", one.clone())],
            None,
            vec![],
            vec!["a: has a header and no lines"],
        ),
        (vec![("b", one)], None, vec![], vec![]),
    ] {
        let mut bench = Bench::new();
        bench.job.invoice_id = invoice.map(str::to_owned);
        for (name, bytes) in &files {
            bench.file(name, bytes);
        }
        if refused.is_empty() {
            let warnings = bench.run().unwrap().warnings;
            assert_eq!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), warned);
        } else {
            assert_eq!(bench.refused(), refused);
        }
    }
}
