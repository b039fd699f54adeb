//! `bill.focus.csv` against the column rules of FOCUS 1.2 (focus.finops.org/focus-specification/v1-2).

use crate::bench::{Bench, RECONCILIATION, USAGE, csv_of, licence, usage, with};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::collections::BTreeMap;
use tenantry_rating::{Amount, Correction};

type Row = BTreeMap<String, String>;

/// A column: its type, whether it may be null, and the values it allows, if not any.
struct Rule(&'static str, Type, Nulls, &'static [&'static str]);

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Decimal,
    String,
    DateTime,
    Json,
}

#[derive(Clone, Copy, PartialEq)]
enum Nulls {
    Never,
    Maybe,
    /// Not null where the category is Usage or Purchase and the class is not Correction.
    ExceptPriced,
    /// Not null for usage, null for all else.
    UsageOnly,
}

use Nulls::{ExceptPriced, Maybe, Never, UsageOnly};
use Type::{DateTime, Decimal, Json, String as Text};

const RULES: [Rule; 40] = [
    Rule("BilledCost", Decimal, Never, &[]),
    Rule("BillingAccountId", Text, Never, &[]),
    Rule("BillingAccountName", Text, Maybe, &[]),
    Rule("BillingAccountType", Text, Maybe, &[]),
    Rule("BillingCurrency", Text, Never, &["USD", "EUR"]),
    Rule("BillingPeriodEnd", DateTime, Never, &["2026-11-01T00:00:00Z"]),
    Rule("BillingPeriodStart", DateTime, Never, &["2026-10-01T00:00:00Z"]),
    Rule("ChargeCategory", Text, Never, &["Usage", "Purchase", "Tax", "Credit", "Adjustment"]),
    Rule("ChargeClass", Text, Maybe, &["Correction"]),
    Rule("ChargeDescription", Text, Maybe, &[]),
    Rule("ChargeFrequency", Text, Never, &["One-Time", "Recurring", "Usage-Based"]),
    Rule("ChargePeriodEnd", DateTime, Never, &[]),
    Rule("ChargePeriodStart", DateTime, Never, &[]),
    Rule("ConsumedQuantity", Decimal, UsageOnly, &[]),
    Rule("ConsumedUnit", Text, UsageOnly, &[]),
    Rule("ContractedCost", Decimal, Never, &[]),
    Rule("EffectiveCost", Decimal, Never, &[]),
    Rule("InvoiceId", Text, Maybe, &[]),
    Rule("InvoiceIssuerName", Text, Never, &["Tailspin Toys"]),
    Rule("ListCost", Decimal, Never, &[]),
    Rule("PricingCategory", Text, ExceptPriced, &["Standard", "Dynamic", "Committed", "Other"]),
    Rule("PricingQuantity", Decimal, ExceptPriced, &[]),
    Rule("PricingUnit", Text, ExceptPriced, &[]),
    Rule("ProviderName", Text, Never, &["Microsoft"]),
    Rule("PublisherName", Text, Never, &[]),
    Rule("RegionId", Text, Maybe, &[]),
    Rule("RegionName", Text, Maybe, &[]),
    Rule("ResourceId", Text, Maybe, &[]),
    Rule("ResourceName", Text, Maybe, &[]),
    Rule("ResourceType", Text, Maybe, &[]),
    Rule(
        "ServiceCategory",
        Text,
        Never,
        &[
            "AI and Machine Learning",
            "Analytics",
            "Business Applications",
            "Compute",
            "Databases",
            "Developer Tools",
            "Multicloud",
            "Identity",
            "Integration",
            "Internet of Things",
            "Management and Governance",
            "Media",
            "Migration",
            "Mobile",
            "Networking",
            "Security",
            "Storage",
            "Web",
            "Other",
        ],
    ),
    Rule("ServiceName", Text, Never, &[]),
    Rule("ServiceSubcategory", Text, Maybe, &[]),
    Rule("SkuId", Text, ExceptPriced, &[]),
    Rule("SkuMeter", Text, Maybe, &[]),
    Rule("SkuPriceId", Text, ExceptPriced, &[]),
    Rule("SubAccountId", Text, Maybe, &[]),
    Rule("SubAccountName", Text, Maybe, &[]),
    Rule("SubAccountType", Text, Maybe, &[]),
    Rule("Tags", Json, Maybe, &[]),
];

/// The columns that FOCUS 1.2 has in every dataset.
const MANDATORY: [&str; 21] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
];

fn number(row: &Row, column: &str) -> Option<Amount> {
    Some(&row[column]).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}

fn check(row: &Row) {
    assert_eq!(row.len(), RULES.len());
    let (category, class) = (row["ChargeCategory"].as_str(), row["ChargeClass"].as_str());
    let priced = matches!(category, "Usage" | "Purchase") && class != "Correction";
    for Rule(column, kind, nulls, allowed) in RULES {
        let cell = &row[column];
        let null = cell.is_empty();
        match nulls {
            Never => assert!(!null, "{column} MUST NOT be null: {row:?}"),
            ExceptPriced => assert!(!null || !priced, "{column} MUST NOT be null for {category}: {row:?}"),
            UsageOnly => assert!(null == (category != "Usage"), "{column} for {category}: {row:?}"),
            Maybe => {}
        }
        if null {
            continue;
        }
        assert!(allowed.is_empty() || allowed.contains(&cell.as_str()), "{column} MUST NOT be {cell}");
        match kind {
            Decimal => assert!(cell.parse::<Amount>().is_ok(), "{column} MUST be a decimal, not {cell}"),
            DateTime => {
                let parsed: jiff::Timestamp = cell.parse().unwrap();
                assert_eq!(parsed.to_string(), *cell, "{column} MUST be ISO 8601 in UTC");
            }
            Json => {
                let parsed: serde_json::Value = serde_json::from_str(cell).unwrap();
                let plain = |value: &serde_json::Value| !value.is_object() && !value.is_array();
                assert!(parsed.as_object().unwrap().values().all(plain), "{column} MUST have plain values");
            }
            Text => {}
        }
    }
    let null = |column: &str| row[column].is_empty();
    assert!(row["ChargePeriodStart"] < row["ChargePeriodEnd"], "a period ends after it begins: {row:?}");
    assert!(
        category != "Usage" || number(row, "ConsumedQuantity") > Some(Amount::ZERO),
        "consumption is positive"
    );
    assert!(category != "Purchase" || row["ChargeFrequency"] != "Usage-Based");
    // Null with what they belong to.
    assert!(null("ResourceName") == null("ResourceId") && null("ResourceType") == null("ResourceId"));
    assert!(null("RegionName") == null("RegionId"));
    assert!(!null("SubAccountId") || null("SubAccountName") && null("SubAccountType"));
    assert!(null("SubAccountId") == null("SubAccountType"));
    assert!(!null("SkuId") || null("SkuMeter") && null("SkuPriceId"));
    assert!(null("PricingQuantity") == null("PricingUnit"));
    // Without unit prices, costs that depend on no other charge are the billed one.
    for cost in ["ContractedCost", "EffectiveCost", "ListCost"] {
        assert_eq!(row[cost], row["BilledCost"], "{cost}");
    }
    assert!(row["ServiceSubcategory"] != "Other" && !null("ServiceSubcategory"));
}

/// The rows of the Parquet file as the CSV has them, read by the library of those who define the format.
fn parquet_rows(bench: &Bench) -> Vec<Row> {
    let file = std::fs::File::open(bench.job.out.join("1/bill.focus.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let shown = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::TimestampMillis(millis) => jiff::Timestamp::from_millisecond(*millis).unwrap().to_string(),
        Field::Decimal(decimal) => {
            let count = i128::from_be_bytes(decimal.data().try_into().unwrap());
            format!("{count}e-{}", decimal.scale()).parse::<Amount>().unwrap().to_string()
        }
        other => panic!("{other:?}"),
    };
    let row = |row: parquet::record::Row| {
        row.get_column_iter().map(|(name, field)| (name.clone(), shown(field))).collect()
    };
    reader.get_row_iter(None).unwrap().map(|found| row(found.unwrap())).collect()
}

#[test]
fn every_row_keeps_the_rules() {
    let vm = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-1";
    let mut bench = Bench::new();
    let usages = [
        usage("1"),
        with(
            usage("2"),
            &[
                ("ResourceURI", vm),
                ("ResourceLocation", "EUWest"),
                ("MeterName", "D2, s"),
                ("Tags", "{\"a\":\"b\",\"n\":1}"),
                ("MeterCategory", "Virtual Machines"),
                ("PublisherName", "Contoso, Ltd."),
                ("ConsumedService", "Microsoft.Compute"),
            ],
        ),
        with(
            usage("3"),
            &[("Tags", "\"a\":\"b\",\"c\":\"d\""), ("ResourceURI", "\"odd\", one"), ("UsageDate", "")],
        ),
        with(
            usage("4"),
            &[("Tags", "{\"a\":{\"b\":1}}"), ("MeterCategory", ""), ("ProductName", ""), ("Unit", "")],
        ),
        with(usage("5"), &[("Tags", "no json"), ("ProductId", ""), ("SkuId", ""), ("EntitlementId", "")]),
        with(usage("-6"), &[("Quantity", "-1"), ("UsageDate", "0001-01-01"), ("ResourceURI", "/=x/=y")]),
        with(usage("0.0001"), &[("Quantity", ""), ("SkuId", "=1")]),
    ];
    let licences = [
        licence("10"),
        with(licence("-3"), &[("ChargeType", "customerCredit"), ("ChargeEndDate", "")]),
        with(licence("7"), &[("Quantity", ""), ("ChargeStartDate", ""), ("UnitType", "Licenses")]),
        with(licence("7"), &[("BillableQuantity", "0.5"), ("TermAndBillingCycle", "One-Time, perpetual")]),
        with(licence("7"), &[("ChargeStartDate", "2026-11-15"), ("ChargeEndDate", "0001-01-01")]),
    ];
    bench.file("u", &csv_of(USAGE, &usages));
    bench.file("l", &csv_of(RECONCILIATION, &licences));
    bench.job.customers[0].corrections = vec![Correction {
        period: "2026-08".parse().unwrap(),
        version: 3,
        currency: "USD".parse().unwrap(),
        amount: "1.1".parse().unwrap(),
    }];
    bench.job.parquet = true;
    let report = bench.run().unwrap();
    let rows = bench.table("1/bill.focus.csv");
    // What protects cells from spreadsheets is in the CSV alone.
    let plain = |cell: &String| {
        cell.strip_prefix('\'').filter(|rest| rest.starts_with('=')).unwrap_or(cell).to_owned()
    };
    for (parquet, csv) in parquet_rows(&bench).into_iter().zip(&rows) {
        let csv: Row = csv.iter().map(|(column, cell)| (column.clone(), plain(cell))).collect();
        assert_eq!(parquet, csv);
    }
    assert_eq!(parquet_rows(&bench).len(), rows.len());
    assert_eq!(rows.len(), usages.len() + licences.len() + 2);
    rows.iter().for_each(check);
    assert!(MANDATORY.iter().all(|column| rows[0].contains_key(*column)));
    let sum: Amount = rows.iter().filter_map(|row| number(row, "BilledCost")).sum();
    assert_eq!(sum, report.customers[0].charge, "Σ BilledCost is the bill");

    let find = |column: &str, cell: &str| rows.iter().find(|row| row[column] == cell).unwrap();
    let machine = find("ServiceName", "Virtual Machines");
    for (column, cell) in [
        ("ServiceCategory", "Compute"),
        ("ServiceSubcategory", "Virtual Machines"),
        ("ResourceName", "vm-1"),
        ("ResourceType", "Microsoft.Compute/virtualMachines"),
        ("ResourceId", vm),
        ("SkuId", "P:S"),
        ("SkuMeter", "D2, s"),
        ("PublisherName", "Contoso, Ltd."),
        ("ChargePeriodStart", "2026-10-05T00:00:00Z"),
        ("ChargePeriodEnd", "2026-10-06T00:00:00Z"),
        ("ConsumedQuantity", "2"),
        ("Tags", "{\"a\":\"b\",\"n\":1}"),
        ("InvoiceId", "G1"),
    ] {
        assert_eq!(machine[column], cell, "{column}");
    }
    let licence = find("BilledCost", "12.5");
    for (column, cell) in [
        ("ChargeCategory", "Purchase"),
        ("ChargeFrequency", "Recurring"),
        ("ChargePeriodStart", "2026-10-01T00:00:00Z"),
        ("ChargePeriodEnd", "2026-11-01T00:00:00Z"),
        ("SubAccountId", "sub-9"),
    ] {
        assert_eq!(licence[column], cell, "{column}");
    }
    assert_eq!(find("Tags", "{\"a\":\"b\",\"c\":\"d\"}")["ResourceName"], "\"odd\", one");
    assert_eq!(rows.iter().filter(|row| row["Tags"].is_empty()).count(), rows.len() - 2);
    assert_eq!(find("BilledCost", "-3.75")["ChargeCategory"], "Credit");
    assert_eq!(find("ChargeDescription", "Rounding")["ChargeCategory"], "Adjustment");
    assert_eq!(find("ChargeClass", "Correction")["ChargePeriodEnd"], "2026-09-01T00:00:00Z");
}
