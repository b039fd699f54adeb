//! What a spreadsheet makes of a bill: `scripts/office`.

use crate::bench::{Bench, RECONCILIATION, USAGE, csv_of, licence, usage, with};
use std::path::Path;
use std::process::Command;

/// What somebody may call a customer, a tag or a product.
const HOSTILE: [&str; 11] = [
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+1+1",
    "+5",
    "-2",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "=HYPERLINK(\"http://x\",\"y\")",
    "＝1+1",
];

/// A CSV file as LibreOffice opens it: its cells as text, and the whole as XML.
fn opened(folder: &Path, name: &str) -> (Vec<Vec<String>>, String) {
    let profile = format!("-env:UserInstallation=file://{}", folder.join("profile").display());
    for kind in ["csv", "fods"] {
        let made = Command::new("soffice")
            .args(["--headless", &profile, "--convert-to", kind, "--outdir"])
            .arg(folder.join(kind))
            .arg(folder.join(name))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let stem = name.strip_suffix(".csv").unwrap();
    let text = std::fs::read(folder.join("csv").join(name)).unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_slice());
    let cells = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    (cells, std::fs::read_to_string(folder.join("fods").join(format!("{stem}.fods"))).unwrap())
}

/// Line ends within cells are one thing to a spreadsheet.
fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[test]
#[ignore = "needs LibreOffice: scripts/office"]
fn bills_open_as_text() {
    let folder = tempfile::tempdir().unwrap();
    // The control: as they came, LibreOffice runs them, and takes text for numbers.
    let mut raw = csv::Writer::from_path(folder.path().join("raw.csv")).unwrap();
    raw.write_record(["Name", "ChargeType"]).unwrap();
    HOSTILE.iter().for_each(|cell| raw.write_record([*cell, "new"]).unwrap());
    raw.flush().unwrap();
    let (cells, xml) = opened(folder.path(), "raw.csv");
    assert!(xml.matches("table:formula").count() >= 3, "{xml}");
    assert_eq!(cells[2][0], "2", "=1+1 was run");
    assert!(xml.contains("office:value-type=\"float\" office:value=\"-2\""), "-2 was taken for a number");

    for (i, hostile) in HOSTILE.iter().enumerate() {
        let mut bench = Bench::new();
        bench.job.customers[0].name = (*hostile).to_owned();
        bench.job.issuer = (*hostile).to_owned();
        let tags = [
            "CustomerName",
            "ProductName",
            "MeterCategory",
            "Tags",
            "ResourceGroup",
            "EntitlementDescription",
        ];
        let tags = tags.map(|column| (column, *hostile));
        bench.file("u", &csv_of(USAGE, &[with(usage("-1.0049"), &tags)]));
        let names =
            ["CustomerName", "ProductName", "SkuName", "SubscriptionDescription", "ProductQualifiers"];
        let names = names.map(|column| (column, *hostile));
        bench.file("r", &csv_of(RECONCILIATION, &[with(licence("2"), &names)]));
        bench.run().unwrap();
        for kind in ["bill", "bill.focus"] {
            let name = format!("{}-{i}.csv", kind.replace('.', "-"));
            std::fs::copy(bench.job.out.join(format!("1/{kind}.csv")), folder.path().join(&name)).unwrap();
            let (cells, xml) = opened(folder.path(), &name);
            assert!(!xml.contains("table:formula"), "{hostile:?} in {kind}.csv is a formula");
            let table = bench.table(&format!("1/{kind}.csv"));
            let mut seen = 0;
            for (row, shown) in table.iter().zip(&cells[1..]) {
                for (column, cell) in cells[0].iter().zip(shown) {
                    let written = plain(&row[column]);
                    if written.contains(plain(hostile).trim_start_matches('\n')) {
                        assert_eq!(plain(cell), written, "{column} of {kind}.csv");
                        assert!(written.starts_with('\''), "{column} of {kind}.csv: {written:?}");
                        seen += 1;
                    }
                }
            }
            assert!(seen >= 8, "{hostile:?} was looked for, and found {seen} times in {kind}.csv");
        }
    }
}
