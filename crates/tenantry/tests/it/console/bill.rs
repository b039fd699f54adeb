//! A bill: what it is made of, beside the month before, and why each of its lines is charged what it is.

use super::Browser;
use super::billing::table;
use crate::billing::{Scene, Usage, line};
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_bill_is_looked_at_from_all_sides,
    a_customer_has_a_page_for_each_currency,
    a_bill_without_files_says_so,
);

struct Month {
    scene: Scene,
    acme: i64,
    run: Value,
}

/// October beside September: storage has grown, backup is gone, bandwidth is new, of which a rule makes the price.
fn october(engine: Engine) -> Month {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme <b>", "acme", 20.0);
    scene.billed("Beta", "beta", 0.0);
    let on = |day, meter, total| Usage { day, ..line("acme", meter, total) };
    let september = [on("2026-09-07", "Storage", "100"), on("2026-09-08", "Backup", "8")];
    let september = scene.invoice("september.csv", &september);
    scene.run("2026-09", &[&september], &json!({}));
    let rule =
        json!({"name": "Net <i>", "kind": "markup", "percentage": "10", "meter_category": "Bandwidth"});
    assert_eq!(scene.api.post("/v1/price_rules", &rule).status, 201);
    let october = [
        on("2026-10-07", "Storage", "100"),
        on("2026-10-08", "Storage", "60.004"),
        on("2026-10-08", "Bandwidth", "50"),
        line("beta", "Storage", "7"),
    ];
    let october = scene.invoice("october.csv", &october);
    let run = scene.run("2026-10", &[&october], &json!({}));
    Month { scene, acme, run }
}

fn a_bill_is_looked_at_from_all_sides(engine: Engine) {
    let Month { scene, acme, run } = october(engine);
    let browser = Browser::signed_in(&scene.api);
    let month = browser.get(&format!("/console/billing/runs/{}", run["id"])).text();
    let path = format!("/console/billing/runs/{}/customers/{acme}", run["id"]);
    assert!(month.contains(&format!("href=\"{path}?currency=USD\"")), "{month}");

    // The total, and the month before.
    let page = browser.get(&path).text();
    for shown in [
        "255.00\u{a0}USD",
        "210.00\u{a0}USD",
        "135.00\u{a0}USD",
        "+120.00\u{a0}USD <span class=\"badge\">Over 20 %</span>",
        "Backup <span class=\"muted\">(10.00\u{a0}USD)</span>",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    // By service, with what has changed; every way adds up to the total.
    assert_eq!(
        table(&page, "parts-title"),
        [
            "Storage 2 160.00 USD 200.00 USD 40.00 USD +75.00 USD Over 20 %",
            "Bandwidth 1 50.00 USD 55.00 USD 5.00 USD New",
            "Rounding 1 \u{2212}0.005 USD",
        ]
    );
    let subscriptions = browser.get(&format!("{path}?by=subscription")).text();
    assert_eq!(
        table(&subscriptions, "parts-title"),
        [
            "sub-acme 3 210.00 USD 255.00 USD 45.00 USD +120.00 USD Over 20 %",
            "Rounding and corrections 1 \u{2212}0.005 USD"
        ]
    );
    let days = browser.get(&format!("{path}?by=day")).text();
    assert_eq!(
        table(&days, "parts-title"),
        [
            "7 Oct 2026 1 100.00 USD 125.00 USD 25.00 USD",
            "8 Oct 2026 2 110.00 USD 130.00 USD 20.00 USD",
            "Rounding and corrections 1 \u{2212}0.005 USD",
        ]
    );

    // Lines with a filter, each with the reason of its price.
    let lines = |query: &str| {
        let page = browser.get(&format!("{path}?{query}")).text();
        let table =
            page.split("<table class=\"lines\">").nth(1).and_then(|rest| rest.split("</table>").next());
        let rows = table.map_or(0, |table| table.matches("<tr>").count() - 1);
        (rows, page)
    };
    for (query, expected) in [
        ("", 4),
        ("service=Storage", 2),
        ("day=2026-10-08", 2),
        ("day=2026-10-08&service=Storage", 1),
        ("q=BAND", 1),
        ("subscription=sub-acme", 3),
        ("q=nothing", 0),
    ] {
        assert_eq!(lines(query).0, expected, "{query}");
    }
    let (_, page) = lines("service=Bandwidth");
    let why = page.split("<details class=\"why\">").nth(1).unwrap();
    for shown in [
        "Price rule “Net &#60;i&#62;”</a>",
        "<dd>The cost</dd>",
        "50.00\u{a0}USD",
        "55.00\u{a0}USD (you keep 9.0909\u{a0}%)",
        "The customer has the tenant acme",
        "8 Oct 2026",
    ] {
        assert!(why.contains(shown), "{shown}: {why}");
    }
    let (_, page) = lines("day=2026-10-07");
    assert!(
        page.contains("<dd>The customer’s margin</dd>") && page.contains("(you keep 20\u{a0}%)"),
        "{page}"
    );
    assert!(lines("q=nothing").1.contains("No line matches."));
    let wrong = browser.get(&format!("{path}?day=yesterday"));
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text().contains("href=\"#day\">Day: must be a day such as 2026-11-03, not"),
        "{}",
        wrong.text()
    );
    let german = browser.get_with(&format!("{path}?by=day"), &[("Accept-Language", "de")]).text();
    assert!(german.contains("Warum dieser Preis") && german.contains("07.10.2026"), "{german}");
    assert!(german.contains("255,00\u{a0}USD"), "{german}");

    // An auditor sees costs, and cannot change the rule; a viewer sees the customer's page alone.
    let auditor = Browser::signed_in(&scene.api.colleague("auditor").1).get(&path).text();
    assert!(auditor.contains("Net &#60;i&#62;") && !auditor.contains("/console/price-rules/"), "{auditor}");
    let statement =
        scene.statements(&format!("client_api_id={acme}&billing_period=2026-10"))[0]["id"].clone();
    let bill = format!("/console/bills/{statement}");
    let viewer = Browser::signed_in(&scene.api.colleague("viewer").1);
    assert_eq!(viewer.get(&path).status, 403);
    let seen = viewer.get(&bill).text();
    assert!(!seen.contains("Costs and prices") && !seen.contains("160.00"), "{seen}");
    assert!(browser.get(&bill).text().contains(&format!("href=\"{path}?currency=USD\"")));

    // The customer's side: its own charge by day and its lines, and nothing of costs, margins and rules.
    let own = Browser::signed_in(&scene.api.user_of(acme).1);
    assert_eq!(own.get(&path).status, 404);
    let page = own.get(&bill).text();
    assert_eq!(
        table(&page, "days"),
        [
            "7 Oct 2026 1 125.00 USD",
            "8 Oct 2026 2 130.00 USD",
            "Rounding and corrections 1 \u{2212}0.005 USD"
        ]
    );
    let filtered = own.get(&format!("{bill}?service=Storage&day=2026-10-08")).text();
    assert!(filtered.contains("One line") && filtered.contains("75.005\u{a0}USD"), "{filtered}");
    for hidden in
        ["Why this price", "100.00", "60.004", "Net &#60;i&#62;", "20\u{a0}%", "Costs and prices", "Beta"]
    {
        for page in [&page, &filtered] {
            assert!(!page.contains(hidden), "a customer sees {hidden}: {page}");
        }
    }
    // While bills cannot be read, the total is there.
    std::fs::rename(scene.bills(), scene.database.folder().join("elsewhere")).unwrap();
    let page = own.get(&bill);
    assert!(page.status == 200 && page.text().contains("255.00\u{a0}USD"), "{}", page.text());
    let page = browser.get(&path);
    assert!(page.status == 200 && page.text().contains("cannot be read just now"), "{}", page.text());
}

fn a_customer_has_a_page_for_each_currency(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 20.0);
    let euros = Usage { currency: "EUR", ..line("acme", "Bandwidth", "8") };
    let source = scene.invoice("october.csv", &[line("acme", "Storage", "100"), euros]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let browser = Browser::signed_in(&scene.api);
    let path = format!("/console/billing/runs/{}/customers/{acme}", run["id"]);
    for (currency, other, row, file) in [
        ("EUR", "USD", "Bandwidth 1 8.00 EUR 10.00 EUR 2.00 EUR", "bill.EUR.csv"),
        ("USD", "EUR", "Storage 1 100.00 USD 125.00 USD 25.00 USD", "bill.USD.csv"),
    ] {
        let page = browser.get(&format!("{path}?currency={currency}")).text();
        assert_eq!(table(&page, "parts-title"), [row], "{currency}");
        assert!(page.contains(&format!("<strong>{currency}</strong>")), "{page}");
        assert!(page.contains(&format!("href=\"{path}?currency={other}\"")), "{page}");
        assert!(page.contains(file), "{page}");
        // Links and filters stay with the currency.
        assert!(page.contains(&format!("name=\"currency\" value=\"{currency}\"")), "{page}");
        let statements = scene.statements(&format!("client_api_id={acme}"));
        let is_its = |statement: &&Value| statement["currency"]["name"] == currency;
        let statement = statements.iter().find(is_its).unwrap();
        let bill = browser.get(&format!("/console/bills/{}", statement["id"])).text();
        assert_eq!(table(&bill, "days").len(), 1, "{bill}");
        assert!(bill.contains("One line") && bill.contains(&format!("\u{a0}{currency}")), "{bill}");
    }
}

fn a_bill_without_files_says_so(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "100"]);
    let dear = scene.billed("Dear", "dear", 0.0);
    let source = scene.invoice("october.csv", &[line("dear", "a", "100.01")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let browser = Browser::signed_in(&scene.api);
    let page = browser.get(&format!("/console/billing/runs/{}/customers/{dear}", run["id"]));
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    assert!(text.contains("Held back:") && text.contains("There are no lines to show"), "{text}");
    let other = browser.get(&format!("/console/billing/runs/{}/customers/{}", run["id"], dear + 1));
    assert_eq!(other.status, 404);
    let currency = browser.get(&format!("/console/billing/runs/{}/customers/{dear}?currency=EUR", run["id"]));
    assert_eq!(currency.status, 404);
}
