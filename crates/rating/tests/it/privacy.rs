//! What a customer is shown, and what not.

use crate::bench::{Bench, RECONCILIATION, USAGE, csv_of, line};

/// The columns that say, or let one find out, what a line cost the partner.
const SECRET: [&str; 26] = [
    "InvoiceNumber",
    "UnitPrice",
    "Subtotal",
    "TaxTotal",
    "Total",
    "Currency",
    "PriceAdjustmentDescription",
    "EffectiveUnitPrice",
    "PricingCurrency",
    "PCToBCExchangeRate",
    "PCToBCExchangeRateDate",
    "CreditReasonCode",
    "PromotionId",
    "BillingPreTaxTotal",
    "BillingCurrency",
    "PricingPreTaxTotal",
    "ServiceInfo1",
    "ServiceInfo2",
    "AdditionalInfo",
    "PartnerEarnedCreditPercentage",
    "CreditPercentage",
    "CreditType",
    "BenefitOrderId",
    "BenefitId",
    "BenefitType",
    // Of no column of Microsoft's: what is unknown is not shown.
    "PartnerMargin",
];

/// A value that is found nowhere else, of a legal form for its column.
fn unmistakable(column: &str, line: usize) -> String {
    let seed = column.bytes().fold(line as u64 + 1, |seed, b| seed.wrapping_mul(131).wrapping_add(b.into()));
    let digits = 10_000_000 + seed % 89_999_999;
    match column {
        "PartnerEarnedCreditPercentage" => format!("13.{digits}"),
        "CreditPercentage" => format!("17.{digits}"),
        "PCToBCExchangeRate" => format!("1.{digits}"),
        "Quantity" | "BillableQuantity" => "3".to_owned(),
        "UnitPrice" | "Subtotal" | "TaxTotal" | "Total" | "EffectiveUnitPrice" | "BillingPreTaxTotal"
        | "PricingPreTaxTotal" => format!("{}.{digits}", seed % 900 + 100),
        "Currency" | "BillingCurrency" | "PricingCurrency" => "BWP".to_owned(),
        "PCToBCExchangeRateDate" => "2026-07-19".to_owned(),
        "UsageDate" | "ChargeStartDate" | "ChargeEndDate" => "2026-10-05".to_owned(),
        "CustomerId" => "a".to_owned(),
        "InvoiceNumber" => "G1".to_owned(),
        _ => format!("{column}-{digits}"),
    }
}

#[test]
fn nothing_gives_away_cost_margin_or_credit() {
    let mut bench = Bench::new();
    let mut secrets = Vec::new();
    for (name, columns, seeds) in [("usage", USAGE, 0..5), ("licences", RECONCILIATION, 5..10)] {
        let columns = format!("{columns},PartnerMargin");
        let columns: Vec<&'static str> = columns.leak().split(',').map(str::trim).collect();
        let lines: Vec<_> = seeds
            .map(|i| {
                let cells: Vec<_> = columns.iter().map(|column| (*column, unmistakable(column, i))).collect();
                line(&cells.iter().map(|(column, cell)| (*column, cell.as_str())).collect::<Vec<_>>())
            })
            .collect();
        for line in &lines {
            secrets.extend(
                line.iter().filter(|(column, _)| SECRET.contains(column)).map(|(_, cell)| cell.clone()),
            );
        }
        bench.file(name, &csv_of(&columns.join(","), &lines));
    }
    // The bills are in another currency, so that even the name of the cost's says nothing.
    bench.job.currency_rates = vec![tenantry_rating::Rate {
        from: "BWP".parse().unwrap(),
        to: "EUR".parse().unwrap(),
        rate: "0.0712345678".parse().unwrap(),
    }];
    bench.job.customers[0].terms[0].margin = domain::Margin::parse("17.9317").unwrap();
    secrets.extend(["17.9317", "0.0712345678"].map(str::to_owned));
    let report = bench.run().unwrap();
    assert_eq!(report.customers[0].lines, 10);
    secrets.push(report.totals.iter().find(|total| total.currency.code() == "BWP").unwrap().cost.to_string());
    secrets.push(report.customers[0].cost.to_string());
    let private = String::from_utf8(bench.files()[std::path::Path::new("ledgers/1.csv")].clone()).unwrap();
    assert!(secrets.iter().any(|secret| private.contains(secret)), "the search finds what is there");

    let mut searched = 0;
    for (path, bytes) in bench.files().into_iter().filter(|(path, _)| path.starts_with("1")) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{} has {secret}", path.display());
        }
        // FOCUS has a column BillingCurrency of its own: the bill's.
        for column in SECRET.into_iter().filter(|_| path.ends_with("bill.csv")) {
            let header = text.lines().next().unwrap_or_default();
            assert!(!header.split(',').any(|name| name == column), "{} has {column}", path.display());
        }
        searched += 1;
    }
    assert_eq!(searched, 4);
}

#[test]
fn every_column_is_shown_or_secret() {
    let mut bench = Bench::new();
    for (name, columns) in [("usage", USAGE), ("licences", RECONCILIATION)] {
        let columns: Vec<&'static str> = columns.split(',').map(str::trim).collect();
        let cells: Vec<_> = columns.iter().map(|column| (*column, unmistakable(column, 0))).collect();
        let cells: Vec<_> = cells.iter().map(|(column, cell)| (*column, cell.as_str())).collect();
        bench.job.inputs.clear();
        bench.file(name, &csv_of(&columns.join(","), &[line(&cells)]));
        bench.run().unwrap();
        let shown = &bench.table("1/bill.csv")[0];
        for (column, cell) in cells {
            match shown.get(column) {
                Some(found) => assert_eq!(found, cell, "{column}"),
                None => assert!(SECRET.contains(&column), "{column} is neither shown nor secret"),
            }
        }
    }
}

#[test]
fn nothing_is_of_another_customer() {
    let mut bench = Bench::new();
    let of = |tenant: &str, mark: &str| {
        crate::bench::with(crate::bench::usage("1"), &[("CustomerId", tenant), ("ResourceGroup", mark)])
    };
    bench.file(
        "f",
        &csv_of(USAGE, &[of("a", "mark-a"), of("b", "mark-b"), of("c", "mark-c"), of("d", "mark-d")]),
    );
    bench.run().unwrap();
    for (path, bytes) in bench.files() {
        let text = String::from_utf8(bytes).unwrap();
        let own = if path.starts_with("1") { "mark-a" } else { "mark-b" };
        assert!(
            ["mark-a", "mark-b", "mark-c", "mark-d"].iter().all(|mark| *mark == own || !text.contains(mark))
        );
    }
}

#[test]
fn spreadsheets_find_no_formula() {
    for (cell, shown) in [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("=HYPERLINK(\"http://x\",\"y\")", "'=HYPERLINK(\"http://x\",\"y\")"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("a\rb", "a\rb"),
        ("é", "é"),
    ] {
        let mut bench = Bench::new();
        let line = crate::bench::with(
            crate::bench::usage("-1"),
            &[
                ("ResourceGroup", cell),
                ("MeterCategory", cell),
                ("Quantity", "-2"),
                ("EntitlementDescription", cell),
            ],
        );
        bench.file("f", &csv_of(USAGE, &[line]));
        bench.job.customers[0].name = cell.to_owned();
        bench.job.issuer = cell.to_owned();
        bench.run().unwrap();
        let bill = &bench.table("1/bill.csv")[0];
        assert_eq!((bill["ResourceGroup"].as_str(), bill["MeterCategory"].as_str()), (shown, shown));
        assert_eq!(
            (bill["Quantity"].as_str(), bill["Charge"].as_str()),
            ("-2", "-1.25"),
            "numbers stay numbers"
        );
        let focus = &bench.table("1/bill.focus.csv")[0];
        for column in ["ServiceName", "BillingAccountName", "InvoiceIssuerName", "SubAccountName"] {
            assert_eq!(focus[column], shown, "{column}");
        }
        let statement: serde_json::Value = serde_json::from_str(&bench.read("1/statement.json")).unwrap();
        if cell != "'=1" {
            assert_eq!(statement["subtotals"]["services"][0]["name"], cell, "JSON is no spreadsheet");
        }
    }
    // Names cannot become markup either.
    let mut bench = Bench::new();
    bench.file(
        "f",
        &csv_of(USAGE, &[crate::bench::with(crate::bench::usage("1"), &[("MeterCategory", "<script>")])]),
    );
    bench.job.customers[0].name = "<b>{total}\"'&".to_owned();
    bench.run().unwrap();
    let page = bench.read("1/statement.html");
    assert!(!page.contains("<script>") && !page.contains("<b>"));
    assert!(page.contains("&lt;b&gt;&#123;total&#125;&quot;&#39;&amp;"));
}
