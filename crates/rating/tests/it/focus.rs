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
pub(crate) enum Type {
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

const RULES: [Rule; 50] = [
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
    Rule("CommitmentDiscountCategory", Text, Maybe, &["Spend", "Usage"]),
    Rule("CommitmentDiscountId", Text, Maybe, &[]),
    Rule("CommitmentDiscountName", Text, Maybe, &[]),
    Rule("CommitmentDiscountQuantity", Decimal, Maybe, &[]),
    Rule("CommitmentDiscountStatus", Text, Maybe, &["Used", "Unused"]),
    Rule("CommitmentDiscountType", Text, Maybe, &[]),
    Rule("CommitmentDiscountUnit", Text, Maybe, &[]),
    Rule("ConsumedQuantity", Decimal, UsageOnly, &[]),
    Rule("ConsumedUnit", Text, UsageOnly, &[]),
    Rule("ContractedCost", Decimal, Never, &[]),
    Rule("ContractedUnitPrice", Decimal, ExceptPriced, &[]),
    Rule("EffectiveCost", Decimal, Never, &[]),
    Rule("InvoiceId", Text, Maybe, &[]),
    Rule("InvoiceIssuerName", Text, Never, &["Tailspin Toys"]),
    Rule("ListCost", Decimal, Never, &[]),
    Rule("ListUnitPrice", Decimal, ExceptPriced, &[]),
    Rule("PricingCategory", Text, ExceptPriced, &["Standard", "Dynamic", "Committed", "Other"]),
    Rule("PricingCurrency", Text, Never, &["USD", "EUR"]),
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
    Rule("ServiceSubcategory", Text, Never, &[]),
    Rule("SkuId", Text, ExceptPriced, &[]),
    Rule("SkuMeter", Text, Maybe, &[]),
    Rule("SkuPriceId", Text, ExceptPriced, &[]),
    Rule("SubAccountId", Text, Maybe, &[]),
    Rule("SubAccountName", Text, Maybe, &[]),
    Rule("SubAccountType", Text, Maybe, &[]),
    Rule("Tags", Json, Maybe, &[]),
];

/// `ServiceSubcategory` by `ServiceCategory`, as FOCUS 1.2 allows them.
const SUBCATEGORIES: [(&str, &str); 82] = [
    ("AI and Machine Learning", "AI Platforms"),
    ("AI and Machine Learning", "Bots"),
    ("AI and Machine Learning", "Generative AI"),
    ("AI and Machine Learning", "Machine Learning"),
    ("AI and Machine Learning", "Natural Language Processing"),
    ("AI and Machine Learning", "Other (AI and Machine Learning)"),
    ("Analytics", "Analytics Platforms"),
    ("Analytics", "Business Intelligence"),
    ("Analytics", "Data Processing"),
    ("Analytics", "Search"),
    ("Analytics", "Streaming Analytics"),
    ("Analytics", "Other (Analytics)"),
    ("Business Applications", "Productivity and Collaboration"),
    ("Business Applications", "Other (Business Applications)"),
    ("Compute", "Containers"),
    ("Compute", "End User Computing"),
    ("Compute", "Quantum Compute"),
    ("Compute", "Serverless Compute"),
    ("Compute", "Virtual Machines"),
    ("Compute", "Other (Compute)"),
    ("Databases", "Caching"),
    ("Databases", "Data Warehouses"),
    ("Databases", "Ledger Databases"),
    ("Databases", "NoSQL Databases"),
    ("Databases", "Relational Databases"),
    ("Databases", "Time Series Databases"),
    ("Databases", "Other (Databases)"),
    ("Developer Tools", "Developer Platforms"),
    ("Developer Tools", "Continuous Integration and Deployment"),
    ("Developer Tools", "Development Environments"),
    ("Developer Tools", "Source Code Management"),
    ("Developer Tools", "Quality Assurance"),
    ("Developer Tools", "Other (Developer Tools)"),
    ("Identity", "Identity and Access Management"),
    ("Identity", "Other (Identity)"),
    ("Integration", "API Management"),
    ("Integration", "Messaging"),
    ("Integration", "Workflow Orchestration"),
    ("Integration", "Other (Integration)"),
    ("Internet of Things", "IoT Analytics"),
    ("Internet of Things", "IoT Platforms"),
    ("Internet of Things", "Other (Internet of Things)"),
    ("Management and Governance", "Architecture"),
    ("Management and Governance", "Compliance"),
    ("Management and Governance", "Cost Management"),
    ("Management and Governance", "Data Governance"),
    ("Management and Governance", "Disaster Recovery"),
    ("Management and Governance", "Endpoint Management"),
    ("Management and Governance", "Observability"),
    ("Management and Governance", "Support"),
    ("Management and Governance", "Other (Management and Governance)"),
    ("Media", "Content Creation"),
    ("Media", "Gaming"),
    ("Media", "Media Streaming"),
    ("Media", "Mixed Reality"),
    ("Media", "Other (Media)"),
    ("Migration", "Data Migration"),
    ("Migration", "Resource Migration"),
    ("Migration", "Other (Migration)"),
    ("Mobile", "Other (Mobile)"),
    ("Multicloud", "Multicloud Integration"),
    ("Multicloud", "Other (Multicloud)"),
    ("Networking", "Application Networking"),
    ("Networking", "Content Delivery"),
    ("Networking", "Network Connectivity"),
    ("Networking", "Network Infrastructure"),
    ("Networking", "Network Routing"),
    ("Networking", "Network Security"),
    ("Networking", "Other (Networking)"),
    ("Security", "Secret Management"),
    ("Security", "Security Posture Management"),
    ("Security", "Threat Detection and Response"),
    ("Security", "Other (Security)"),
    ("Storage", "Backup Storage"),
    ("Storage", "Block Storage"),
    ("Storage", "File Storage"),
    ("Storage", "Object Storage"),
    ("Storage", "Storage Platforms"),
    ("Storage", "Other (Storage)"),
    ("Web", "Application Platforms"),
    ("Web", "Other (Web)"),
    ("Other", "Other (Other)"),
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

/// Checks a cell that is not null; no values `allowed` are all of them.
pub(crate) fn check_cell(column: &str, kind: Type, allowed: &[&str], cell: &str) {
    assert!(allowed.is_empty() || allowed.contains(&cell), "{column} MUST NOT be {cell}");
    match kind {
        // No plus sign, and no exponent with one; here none at all.
        Decimal => {
            let parsed = cell.parse::<Amount>().map(|amount| amount.to_string());
            assert_eq!(parsed.as_deref(), Ok(cell), "{column} MUST be a plain decimal");
        }
        DateTime => {
            let parsed: jiff::Timestamp = cell.parse().unwrap();
            assert_eq!(parsed.to_string(), cell, "{column} MUST be ISO 8601 in UTC");
        }
        Json => {
            let parsed: serde_json::Value = serde_json::from_str(cell).unwrap();
            let plain = |value: &serde_json::Value| !value.is_object() && !value.is_array();
            assert!(parsed.as_object().unwrap().values().all(plain), "{column} MUST have plain values");
        }
        Text => {}
    }
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
        check_cell(column, kind, allowed, cell);
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
    // The partner charges its list price; a purchase that covers later usage has no effective cost of its own.
    let committed = !null("CommitmentDiscountId");
    for cost in ["ContractedCost", "EffectiveCost", "ListCost"] {
        let expected = if committed && cost == "EffectiveCost" { "0" } else { row["BilledCost"].as_str() };
        assert_eq!(row[cost], expected, "{cost}");
    }
    for column in ["Category", "Type"].map(|name| format!("CommitmentDiscount{name}")) {
        assert_eq!(null(&column), !committed, "{column}");
    }
    for column in ["Quantity", "Unit"].map(|name| format!("CommitmentDiscount{name}")) {
        assert_eq!(null(&column), !(committed && priced), "{column}");
    }
    // A unit price is not negative, and makes the cost again.
    for (price, cost) in [("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")] {
        if let Some(price) = number(row, price) {
            assert!(!price.is_negative(), "{row:?}");
            let product = exact(&price.to_string()) * exact(&row["PricingQuantity"]);
            let off = product - exact(&row[cost]);
            let limit = exact("0.0000000001");
            assert!(off < limit && off > -limit, "{row:?}");
        }
    }
    let pair = (row["ServiceCategory"].as_str(), row["ServiceSubcategory"].as_str());
    assert!(SUBCATEGORIES.contains(&pair), "{pair:?}");
    assert_eq!(row["RegionId"], row["RegionId"].to_lowercase());
}

/// A decimal as a fraction.
fn exact(text: &str) -> num_rational::BigRational {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let digits: num_bigint::BigInt = format!("{whole}{places}").parse().unwrap();
    num_rational::BigRational::new(digits, num_bigint::BigInt::from(10).pow(places.len() as u32))
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
        with(usage("8"), &[("Quantity", "+3"), ("ResourceLocation", "euwest"), ("SkuId", "plus")]),
        with(usage("9"), &[("Quantity", "1E+03"), ("SkuId", "exponent")]),
        with(usage("-9"), &[("Quantity", "2"), ("SkuId", "sign")]),
    ];
    let licences = [
        licence("10"),
        with(licence("-3"), &[("ChargeType", "customerCredit"), ("ChargeEndDate", "")]),
        with(licence("7"), &[("Quantity", ""), ("ChargeStartDate", ""), ("UnitType", "Licenses")]),
        with(licence("7"), &[("BillableQuantity", "0.5"), ("TermAndBillingCycle", "One-Time, perpetual")]),
        with(licence("7"), &[("ChargeStartDate", "2026-11-15"), ("ChargeEndDate", "0001-01-01")]),
        with(
            licence("360"),
            &[
                ("ReservationOrderId", "order-1"),
                ("ProductName", "Reserved VM Instance"),
                ("TermAndBillingCycle", "1 Year commitment, all upfront"),
                ("SkuId", "reserved"),
            ],
        ),
        with(
            licence("85"),
            &[
                ("MeterDescription", "D2s v5"),
                ("SubscriptionDescription", "Azure plan"),
                ("ProductName", "Virtual Machines"),
                ("SkuId", "meter"),
            ],
        ),
        with(licence("-20"), &[("BillableQuantity", "-1"), ("SkuId", "back")]),
        with(licence("-20"), &[("BillableQuantity", "1"), ("SkuId", "odd")]),
    ];
    bench.file("u", &csv_of(USAGE, &usages));
    bench.file("l", &csv_of(RECONCILIATION, &licences));
    bench.job.customers[0].corrections = vec![Correction {
        period: "2026-08".parse().unwrap(),
        version: 3,
        currency: "USD".parse().unwrap(),
        amount: "1.1".parse().unwrap(),
        statement_number: None,
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
    let machine = find("ResourceName", "vm-1");
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
        ("InvoiceId", ""),
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
    let of_sku = |sku: &str| rows.iter().find(|row| row["SkuId"].ends_with(&format!(":{sku}"))).unwrap();
    for (sku, column, cell) in [
        ("plus", "PricingQuantity", "3"),
        ("exponent", "ConsumedQuantity", "1000"),
        ("exponent", "ListUnitPrice", "0.01125"),
        ("sign", "ChargeCategory", "Adjustment"),
        ("reserved", "ChargeFrequency", "One-Time"),
        ("reserved", "EffectiveCost", "0"),
        ("reserved", "CommitmentDiscountId", "order-1"),
        ("meter", "ChargeCategory", "Usage"),
        ("meter", "ChargeFrequency", "Usage-Based"),
        ("meter", "ServiceSubcategory", "Virtual Machines"),
        ("back", "ChargeCategory", "Purchase"),
        ("back", "ListUnitPrice", "25"),
        ("odd", "ChargeCategory", "Adjustment"),
    ] {
        assert_eq!(of_sku(sku)[column], cell, "{sku}: {column}");
    }
    assert_eq!(licence["ServiceSubcategory"], "Productivity and Collaboration");
    let regions: std::collections::BTreeSet<_> = rows.iter().map(|row| row["RegionId"].as_str()).collect();
    assert_eq!(regions.into_iter().collect::<Vec<_>>(), ["", "euwest"]);
    assert_eq!(find("Tags", "{\"a\":\"b\",\"c\":\"d\"}")["ResourceName"], "\"odd\", one");
    assert_eq!(rows.iter().filter(|row| row["Tags"].is_empty()).count(), rows.len() - 2);
    assert_eq!(find("BilledCost", "-3.75")["ChargeCategory"], "Credit");
    assert_eq!(find("ChargeDescription", "Rounding")["ChargeCategory"], "Adjustment");
    assert_eq!(find("ChargeClass", "Correction")["ChargePeriodEnd"], "2026-09-01T00:00:00Z");
}
