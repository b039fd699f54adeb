//! What a statement shows its customer.

use crate::bench::{Bench, RECONCILIATION, USAGE, csv_of, licence, usage, with};
use tenantry_rating::{Correction, Heading, Issue, Restatement, restated};

const ISSUE: Issue<'static> = Issue { number: "CON-2026-0001", due_date: Some("2026-12-02") };

/// The heading of the first customer's statements.
fn heading(bench: &Bench) -> Heading<'_> {
    let customer = &bench.job.customers[0];
    Heading {
        issuer: &bench.job.issuer,
        issuer_address: &bench.job.issuer_address,
        customer: &customer.name,
        customer_address: &customer.address,
        currency: "USD".parse().unwrap(),
    }
}

/// The rows of a page's tables, cell by cell, without their tags.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = |cell: &str| {
        let mut text = String::new();
        for part in cell.split('<') {
            text += part.split_once('>').map_or("", |(_, text)| text);
            text.push('|');
        }
        text.split('|').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").replace("&nbsp;", " ")
    };
    let cells = |row: &str| row.split("</td>").filter(|cell| cell.contains("<td")).map(text).collect();
    page.split("<tr").skip(1).map(|row| cells(row.split("</tr>").next().unwrap())).collect()
}

fn page(costs: &[&str], corrections: &[(&str, u32, &str)]) -> Vec<Vec<String>> {
    let mut bench = Bench::new();
    let line = |(i, cost): (usize, &&str)| {
        let meter = format!("service {i}");
        with(usage(cost), &[("CustomerId", "b"), ("MeterCategory", &meter), ("EntitlementId", "one")])
    };
    bench.file("f", &csv_of(USAGE, &costs.iter().enumerate().map(line).collect::<Vec<_>>()));
    bench.job.customers[1].corrections = corrections
        .iter()
        .map(|(period, version, amount)| Correction {
            period: period.parse().unwrap(),
            version: *version,
            currency: "USD".parse().unwrap(),
            amount: amount.parse().unwrap(),
            statement_number: None,
        })
        .collect();
    bench.run().unwrap();
    rows(&bench.read("2/statement.html"))
}

#[test]
fn the_rows_shown_add_up() {
    for (costs, corrections, expected) in [
        (vec!["129.4129411765"], vec![], "Charges of this month 129.41 USD; Total 129.41 USD"),
        (
            vec!["10"],
            vec![("2026-01", 2, "-1.5"), ("2026-01", 3, "0.25")],
            "Charges of this month 10.00 USD; Correction of 2026-01, version 2 −1.50 USD; \
             Correction of 2026-01, version 3 0.25 USD; Total 8.75 USD",
        ),
        // Half to even of the sum is another cent than that of its part.
        (
            vec!["0.125"],
            vec![("2026-01", 2, "0.01")],
            "Charges of this month 0.12 USD; Correction of 2026-01, version 2 0.01 USD; Rounding 0.01 USD; Total 0.14 USD",
        ),
    ] {
        let rows = page(&costs, &corrections);
        let end = rows.iter().position(|row| row.first().is_some_and(|name| name == "Total")).unwrap();
        let shown: Vec<String> = rows[..=end].iter().map(|row| row.join(" ")).collect();
        assert_eq!(shown.join("; "), expected);
    }
    // The rows of a table, whose own cents go astray.
    let rows = page(&["0.004", "0.004", "0.004", "1"], &[]);
    let by_service: Vec<String> = rows[2..].iter().map(|row| row.join(" ")).skip(1).take(6).collect();
    assert_eq!(
        by_service,
        [
            "service 0 1 0.00 USD",
            "service 1 1 0.00 USD",
            "service 2 1 0.00 USD",
            "service 3 1 1.00 USD",
            "Rounding of these rows 0.01 USD",
            "Charges of this month 4 1.01 USD"
        ]
    );
}

#[test]
fn usage_without_an_entitlement_is_of_its_plan() {
    let plan =
        [("EntitlementId", ""), ("SubscriptionId", "plan-1"), ("SubscriptionDescription", "Azure plan")];
    let own =
        [("EntitlementId", "ent-1"), ("EntitlementDescription", "Production"), ("SubscriptionId", "plan-1")];
    let quoted = "\"plan, 2\"";
    for (columns, quote) in [(USAGE, ""), (USAGE, quoted)] {
        let mut bench = Bench::new();
        let lines = [with(usage("1"), &plan), with(usage("2"), &own)];
        let text = String::from_utf8(csv_of(columns, &lines)).unwrap();
        let text = if quote.is_empty() { text } else { text.replace("plan-1", quote) };
        bench.file("f", text.as_bytes());
        bench.file("g", &csv_of(RECONCILIATION, &[with(licence("3"), &[("SubscriptionId", "")])]));
        bench.run().unwrap();
        let statement: serde_json::Value = serde_json::from_str(&bench.read("1/statement.json")).unwrap();
        let listed = statement["subtotals"]["subscriptions"].as_array().unwrap().iter();
        let listed: Vec<String> = listed.map(|one| format!("{} {}", one["id"], one["name"])).collect();
        let id = if quote.is_empty() { "plan-1" } else { "plan, 2" };
        let plan = format!("\"{id}\" \"Azure plan\"");
        assert_eq!(listed, ["\"\" \"\"", "\"ent-1\" \"Production\"", &plan]);
    }
}

#[test]
fn purchases_are_listed_with_quantity_and_unit_price() {
    let mut bench = Bench::new();
    let seats = |cost: &str, cells: &[(&'static str, &str)]| with(licence(cost), cells);
    let lines = [
        // 20 % margin: 12.5 for each of ten, twice; then ten taken back, and a part of a month for two.
        seats("100", &[("Quantity", "10")]),
        seats("100", &[("Quantity", "10"), ("SubscriptionId", "sub-2")]),
        seats("-100", &[("Quantity", "-10")]),
        seats("8", &[("Quantity", "2"), ("BillableQuantity", "1.6")]),
        seats("16", &[("Quantity", "2"), ("ProductName", "=E5, \"all\"")]),
        // Charge and quantity differ in their sign: there is no such price.
        seats("-1", &[("Quantity", "2"), ("ChargeType", "credit")]),
    ];
    bench.file("licences", &csv_of(RECONCILIATION, &lines));
    bench.file("usage", &csv_of(USAGE, &[with(usage("9"), &[("Quantity", "3")])]));
    bench.run().unwrap();
    let mut priced: Vec<String> = bench
        .table("1/bill.csv")
        .iter()
        .map(|line| format!("{} {}", line["Charge"], line["ChargeUnitPrice"]))
        .collect();
    priced.sort();
    assert_eq!(priced, ["-1.25 ", "-125 12.5", "10 6.25", "11.25 3.75", "125 12.5", "125 12.5", "20 10"]);
    let statement: serde_json::Value = serde_json::from_str(&bench.read("1/statement.json")).unwrap();
    let items = statement["subtotals"]["items"].as_array().unwrap().iter();
    let shown = |item: &serde_json::Value| {
        let field = |name: &str| item[name].to_string();
        [&field("name"), &field("quantity"), &field("unit_price"), &field("lines"), &field("charge")]
            .map(String::clone)
            .join(" ")
    };
    assert_eq!(
        items.map(shown).collect::<Vec<_>>(),
        [
            "\"=E5, \\\"all\\\"\" 2 10 1 20",
            "\"Microsoft 365 E3\" 1.6 6.25 1 10",
            "\"Microsoft 365 E3\" 10 12.5 3 125"
        ]
    );
    let page = bench.read("1/statement.html");
    let row = "<tr><td>Microsoft 365 E3</td><td class=\"n\">10</td><td class=\"n\">12.5</td><td class=\"n\">125.00&nbsp;USD</td></tr>";
    assert!(page.contains(row) && page.contains("=E5, &quot;all&quot;"), "{page}");

    // Where there are too many, the lines have them.
    let many: Vec<_> = (0..501)
        .map(|i| seats("1", &[("SkuId", &i.to_string()), ("ProductName", &format!("product {i}"))]))
        .collect();
    for (count, listed) in [(500, 500), (501, 0)] {
        let mut bench = Bench::new();
        bench.file("licences", &csv_of(RECONCILIATION, &many[..count]));
        bench.run().unwrap();
        let statement: serde_json::Value = serde_json::from_str(&bench.read("1/statement.json")).unwrap();
        assert_eq!(statement["subtotals"]["items"].as_array().map_or(0, Vec::len), listed);
    }
}

#[test]
fn a_final_statement_says_so_and_nothing_else_changes() {
    let mut bench = Bench::new();
    bench.job.customers[0].name = "\"status\": \"Estimated\", <span class=\"status\">Estimated</span>".into();
    bench.file("f", &csv_of(USAGE, &[usage("1")]));
    bench.run().unwrap();
    let estimated = ["statement.json", "statement.html"].map(|name| bench.read(&format!("1/{name}")));
    let made = |text: &str, at| {
        let restatement = Restatement::Final { since: at, issue: ISSUE };
        let made = restated(text.as_bytes(), &heading(&bench), &restatement)?;
        Ok::<_, String>([made.json, made.html].map(|bytes| String::from_utf8(bytes).unwrap()))
    };
    let [json, html] = made(&estimated[0], bench.job.generated_at).unwrap();
    let facts = "<div><dt>Number</dt><dd>CON-2026-0001</dd></div><div><dt>Issued</dt><dd>2026-11-01</dd></div>\
                 <div><dt>Due</dt><dd>2026-12-02</dd></div>";
    let as_final = html.replacen(facts, "", 1).replacen(">Final<", ">Estimated<", 1);
    // An estimate says up to which day.
    let (start, rest) = estimated[1].split_once("<p>An estimate: ").unwrap();
    let estimate = format!("{start}{}", rest.split_once("</p>\n").unwrap().1);
    assert!(html.contains(facts) && as_final == estimate, "{html}");
    assert!(html.contains("<strong>Tailspin Toys</strong><br>1 Toy Street"), "{html}");
    assert!(html.contains("<br>12 Main Street<br>Springfield</p>"), "{html}");
    let [later, _] = made(&estimated[0], 1_793_577_600).unwrap();
    let [before, after]: [serde_json::Value; 2] =
        [&estimated[0], &later].map(|text| serde_json::from_str(text).unwrap());
    assert_eq!((&after["status"], &before["statement_number"]), (&"Final".into(), &serde_json::Value::Null));
    assert_eq!(
        (&after["statement_number"], &after["invoice_id"]),
        (&ISSUE.number.into(), &ISSUE.number.into())
    );
    assert_eq!(
        (&after["issued_at"], &after["due_date"]),
        (&"2026-11-02 00:00:00".into(), &"2026-12-02".into())
    );
    assert_eq!(after["statement_generation_time"], "2026-11-02 00:00:00");
    assert_eq!(after["statement_summary_generation_time"], "2026-11-02 00:00:00");
    for same in
        ["detailed_billing_records_generation_time", "total_amount", "subtotals", "lines", "invoice_date"]
    {
        assert_eq!(before[same], after[same], "{same}");
    }
    let unknown = estimated[0].replacen("{", "{\"more\": 1,", 1);
    for (text, expected) in [
        (&json, "its status is Final, not Estimated"),
        (&unknown, "unknown field `more`"),
        (&estimated[1], "expected value"),
    ] {
        assert!(made(text, 0).is_err_and(|error| error.contains(expected)), "{expected}");
    }
}

#[test]
fn a_reversal_has_the_amounts_of_the_final_statement_with_the_other_sign() {
    let mut bench = Bench::new();
    bench.file("f", &csv_of(USAGE, &[usage("1.005"), usage("-0.5"), usage("0")]));
    bench.file("g", &csv_of(RECONCILIATION, &[with(licence("30"), &[("Quantity", "4")])]));
    bench.run().unwrap();
    let issued = Restatement::Final { since: 1_793_491_200, issue: ISSUE };
    let json = restated(bench.read("1/statement.json").as_bytes(), &heading(&bench), &issued).unwrap().json;
    let own = Issue { number: "CON-2026-0002", due_date: None };
    let reason = "a <wrong> month";
    let reversal = Restatement::Reversal { at: 1_793_577_600, version: 2, issue: own, reason };
    let made = restated(&json, &heading(&bench), &reversal).unwrap();
    let [before, after]: [serde_json::Value; 2] =
        [json.as_slice(), &made.json].map(|text| serde_json::from_slice(text).unwrap());
    let number = |of: &serde_json::Value| of.as_f64().unwrap();
    for path in [
        "/total_amount",
        "/rounding",
        "/subtotals/services/0/charge",
        "/subtotals/months/0/charge",
        "/subtotals/items/0/quantity",
        "/subtotals/items/0/charge",
    ] {
        let [before, after] = [&before, &after].map(|json| number(json.pointer(path).unwrap()));
        assert!((before + after).abs() < f64::EPSILON, "{path}: {before} {after}");
    }
    assert!(number(&before["total_amount"]) > 0.0, "the control: {before}");
    assert_eq!((&after["status"], &after["reverses_version"]), (&"Reversal".into(), &2.into()));
    assert_eq!(before["lines"], after["lines"]);
    assert_eq!(before["subtotals"]["items"][0]["unit_price"], after["subtotals"]["items"][0]["unit_price"]);
    for (field, expected) in [
        ("statement_number", "CON-2026-0002"),
        ("reverses_number", "CON-2026-0001"),
        ("issued_at", "2026-11-02 00:00:00"),
    ] {
        assert_eq!(after[field], expected, "{field}");
    }
    assert_eq!(after.get("due_date"), None, "nothing is due for a reversal");
    let html = String::from_utf8(made.html).unwrap();
    for shown in ["Reversal of the statement for", ", version 2", "<p>a &lt;wrong&gt; month</p>", "\u{2212}"]
    {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    let again = restated(&made.json, &heading(&bench), &reversal);
    assert!(again.is_err_and(|error| error.contains("its status is Reversal, not Final")));
}
