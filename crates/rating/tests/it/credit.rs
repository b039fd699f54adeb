//! The partner earned credit, and Azure credits.

use crate::bench::{Bench, RECONCILIATION, USAGE, csv_of, licence, usage, with};
use serde_json::json;
use tenantry_rating::{EarnedCredit, WarningCode};

/// A line of usage with a list price of 100 and a cost of 85.
fn credited() -> crate::bench::Line {
    let cells = [
        ("UnitPrice", "100"),
        ("EffectiveUnitPrice", "85"),
        ("Quantity", "1"),
        ("PartnerEarnedCreditPercentage", ""),
    ];
    with(usage("85"), &cells)
}

/// A file under the names of Microsoft's API.
fn renamed(columns: &str) -> String {
    columns
        .replace("PartnerEarnedCreditPercentage", "rateOfPartnerEarnedCredit")
        .replace("CreditPercentage", "rateOfCredit")
        .replace(",Unit,", ",unitOfMeasure,")
        .replace("Tier2MpnId", "resellerMpnId")
}

#[test]
fn earned_credit_that_is_kept_is_found_in_every_kind_of_file() {
    let percentage = |text: &str| with(credited(), &[("PartnerEarnedCreditPercentage", text)]);
    let adjusted = |cost: &str, text: &str| {
        let cells = [("UnitPrice", "100"), ("BillableQuantity", "1"), ("PriceAdjustmentDescription", text)];
        with(licence(cost), &cells)
    };
    let earned = "[\"15.0% Partner earned credit for services managed\"]";
    let rename = |line: crate::bench::Line| -> Vec<u8> {
        let text = String::from_utf8(csv_of(USAGE, &[line])).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        format!("{}\n{lines}", renamed(header)).into_bytes()
    };
    let csv = |columns, line| csv_of(columns, &[line]);
    let json = |rate: &str| {
        format!(
            "{{\"customerId\":\"a\",\"invoiceNumber\":\"G1\",\"usageDate\":\"2026-10-05\",\"billingPreTaxTotal\":85,\
             \"billingCurrency\":\"USD\",{rate}\"quantity\":1}}\n"
        )
        .into_bytes()
    };
    let with_margin = |margin: &str, bytes: &[u8], policy| {
        let mut bench = Bench::new();
        bench.job.customers[0].terms[0].margin = domain::Margin::parse(margin).unwrap();
        bench.job.earned_credit = policy;
        bench.job.accept = vec![WarningCode::NoManifest];
        bench.file("f", bytes);
        bench
    };
    // The credit in money, and the charge at a margin of 15 %; whether it disagrees with the list price.
    for (bytes, credit, kept, passed_on, disagrees) in [
        (csv(USAGE, percentage("15")), "15", "117.6470588235", "100", 0),
        (rename(percentage("0.15")), "15", "117.6470588235", "100", 0),
        (json("\"rateOfPartnerEarnedCredit\":0.15,"), "15", "117.6470588235", "100", 0),
        (json("\"partnerEarnedCreditPercentage\":15,"), "15", "117.6470588235", "100", 0),
        (csv(RECONCILIATION, adjusted("85", earned)), "15", "117.6470588235", "100", 0),
        // Cut to the cent.
        (csv(RECONCILIATION, adjusted("84.99", earned)), "15.01", "117.6470588235", "99.9882352941", 0),
        // A promotion beside it: the price before the credit is the cost's.
        (csv(RECONCILIATION, adjusted("76.5", earned)), "13.5", "105.8823529412", "90", 1),
        (csv(RECONCILIATION, adjusted("85", "[\"15% promotion\"]")), "0", "100", "100", 0),
        (csv(RECONCILIATION, adjusted("-85", earned)), "-15", "-117.6470588235", "-100", 1),
    ] {
        for (policy, charge) in [(EarnedCredit::Kept, kept), (EarnedCredit::PassedOn, passed_on)] {
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            let mut bench = with_margin("15", &bytes, policy);
            let report = bench.run().unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert_eq!(bench.column("1/bill.csv", "Charge")[0], charge, "{policy:?} {shown}");
            let sums = &report.customers[0].earned_credit;
            let expected = match policy {
                EarnedCredit::Kept => [credit, "0"],
                EarnedCredit::PassedOn => ["0", credit],
            };
            assert_eq!(
                [sums.kept, sums.passed_on].map(|sum| sum.to_string()),
                expected,
                "{policy:?} {shown}"
            );
            assert_eq!(report.checks.earned_credit_mismatches.lines, disagrees, "{shown}");
            let warned = report.warnings.iter().any(|w| w.code == WarningCode::EarnedCreditMismatch);
            assert_eq!(warned, disagrees > 0);
        }
    }
    // A rate is no percentage.
    let mut bench = with_margin("15", &rename(percentage("15")), EarnedCredit::Kept);
    assert_eq!(
        bench.refused(),
        [
            "f, line 2, column rateOfPartnerEarnedCredit: \"15\" is not between 0 and 1: a rate of 15 % is 0.15"
        ]
    );
}

#[test]
fn unknown_earned_credit_is_not_given_away_in_silence() {
    let without = USAGE.replace("PartnerEarnedCreditPercentage,", "");
    let basic: crate::bench::Line =
        credited().into_iter().filter(|(column, _)| *column != "PartnerEarnedCreditPercentage").collect();
    let at_its_price = with(basic.clone(), &[("EffectiveUnitPrice", "100.0"), ("BillingPreTaxTotal", "100")]);
    let free = with(basic.clone(), &[("BillingPreTaxTotal", "0")]);
    let plain = RECONCILIATION.replace("PriceAdjustmentDescription,", "");
    let azure = with(licence("85"), &[("SubscriptionDescription", "Azure plan"), ("UnitPrice", "100")]);
    for (columns, line, unknown) in [
        (without.as_str(), &basic, true),
        (USAGE, &credited(), true),
        (without.as_str(), &at_its_price, false),
        (without.as_str(), &free, false),
        (plain.as_str(), &azure, true),
        (plain.as_str(), &licence("85"), false),
        (RECONCILIATION, &azure, false),
        (
            RECONCILIATION,
            &with(azure.clone(), &[("PriceAdjustmentDescription", "partner earned credit")]),
            true,
        ),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(columns, std::slice::from_ref(line)));
        if !unknown {
            let report = bench.run().unwrap();
            assert_eq!(
                (report.warnings.len(), report.customers[0].earned_credit.unknown_lines),
                (0, 0),
                "{line:?}"
            );
            continue;
        }
        let refused = bench.refused();
        assert!(
            refused.len() == 1
                && refused[0].starts_with(
                    "f: has 1 line of Azure usage that costs 85 USD and does not say its partner"
                ),
            "{refused:?}"
        );
        // Where it is accepted the run goes on, and says in lines and money what may be given away.
        bench.job.accept = vec![WarningCode::EarnedCreditUnknown];
        let report = serde_json::to_value(bench.run().unwrap()).unwrap();
        let counted = json!([{"currency": "USD", "amount": "85"}]);
        assert_eq!(report["warnings"][0]["code"], "earned_credit_unknown");
        assert_eq!(
            (&report["warnings"][0]["accepted"], &report["warnings"][0]["amounts"]),
            (&json!(true), &counted)
        );
        assert_eq!(report["checks"]["earned_credit_unknown"], json!({"lines": 1, "amounts": counted}));
        let sums = json!({"kept": "0", "passed_on": "0", "unknown_lines": 1, "unknown_cost": "85"});
        assert_eq!(report["customers"][0]["earned_credit"], sums);
        // Passed on it need not be known, and a fixed price does not depend on it.
        bench.job.accept.clear();
        bench.job.earned_credit = EarnedCredit::PassedOn;
        assert_eq!(bench.run().unwrap().warnings, []);
        bench.job.earned_credit = EarnedCredit::Kept;
        bench.rule(&json!({"name": "f", "kind": "fixed", "price": 100, "currency": "USD"}));
        assert_eq!(bench.run().unwrap().customers[0].earned_credit.unknown_lines, 1);
        // Nobody gives away what nobody pays.
        bench.job.rules.clear();
        bench.job.customers[0].terms[0].billing_enabled = false;
        assert_eq!(bench.run().unwrap().warnings, []);
    }
}

#[test]
fn azure_credits_are_passed_on_and_counted() {
    let covered = with(
        usage("0"),
        &[
            ("UnitPrice", "2.5"),
            ("Quantity", "4"),
            ("CreditPercentage", "100"),
            ("CreditType", "Azure Credit Applied"),
        ],
    );
    for (columns, share, credited) in
        [(USAGE.to_owned(), "100", "10"), (renamed(USAGE), "1", "10"), (renamed(USAGE), "0.5", "5")]
    {
        let mut bench = Bench::new();
        let text = String::from_utf8(csv_of(USAGE, &[with(covered.clone(), &[("CreditPercentage", share)])]))
            .unwrap();
        let (_, lines) = text.split_once('\n').unwrap();
        bench.file("f", format!("{columns}\n{lines}").replace(' ', "").as_bytes());
        let report = bench.run().unwrap();
        assert_eq!(bench.column("1/bill.csv", "Charge"), ["0"]);
        let counted = &report.checks.azure_credits;
        assert_eq!(
            (counted.lines, counted.amounts[0].amount.to_string()),
            (1, credited.to_owned()),
            "{share}"
        );
    }
}
