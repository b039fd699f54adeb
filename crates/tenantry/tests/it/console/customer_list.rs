//! The list of customers: chosen columns, the list as a file, and one change to several customers.

use super::Browser;
use crate::support::{Api, Engine, Failures, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    columns_are_chosen_in_the_url,
    a_file_has_what_is_shown,
    spreadsheets_run_nothing_of_a_file,
    several_customers_are_changed_at_once,
    a_wrong_change_of_several_changes_none,
    wrong_filters_are_all_named_in_the_readers_language,
);

/// Names and values of a form.
type Fields<'a> = &'a [(&'a str, &'a str)];

const CHANGE: &str = "/console/customers/change";

/// A partner with three customers, and their ids.
fn partner(engine: Engine) -> (Api, [i64; 3]) {
    let admin = Server::shared(engine).partner();
    let ids = ["Alpha", "Beta", "Gamma"].map(|name| {
        let body = customer(&json!({
            "name": name, "classification": "managed_without_access", "margin_percentage": 12.5,
            "billing_contact": format!("{name}@example.com"), "tags": [{"key": "env", "value": name}],
            "partner_billing_configuration": {"enabled": name == "Beta"},
        }));
        admin.create(&body)["id"].as_i64().unwrap()
    });
    (admin, ids)
}

/// The titles of the table's columns, without that of the choice.
fn titles(page: &str) -> Vec<&str> {
    let titles = page.split("<th scope=\"col\">").skip(1);
    titles.map(|rest| rest.split('<').next().unwrap()).collect()
}

fn columns_are_chosen_in_the_url(engine: Engine) {
    let (admin, _) = partner(engine);
    let (admin, viewer) = (Browser::signed_in(&admin), Browser::signed_in(&admin.colleague("viewer").1));
    let usual = ["Customer", "Access", "Trial", "Billing", "Tags", "Last changed"];
    let mut failures = Failures::default();
    for (query, expected) in [
        ("", &usual[..]),
        ("columns=", &usual),
        ("columns=nothing", &usual),
        ("columns=%3Cscript%3E&columns=id", &["Customer", "ID"]),
        ("columns=changed&columns=id", &["Customer", "ID", "Last changed"]),
        (
            "columns=tenant&columns=contact&columns=country",
            &["Customer", "Tenant ID", "Billing contact", "Country"],
        ),
        ("columns=created&columns=created", &["Customer", "Created"]),
        ("columns=margin", &["Customer", "Margin"]),
    ] {
        let page = admin.get(&format!("/console/customers?{query}")).text();
        let found = titles(&page);
        failures.case(query, if found == expected { Ok(()) } else { Err(format!("{found:?}")) });
    }
    failures.done(8);
    let page = admin.get("/console/customers?columns=contact&columns=margin&columns=country&q=a").text();
    for shown in ["Alpha@example.com", "12.5\u{a0}%", "<td>US</td>", "name=\"q\" value=\"a\""] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    // All that leads on keeps the columns.
    for kept in [
        "<input type=\"hidden\" name=\"columns\" value=\"margin\">",
        "href=\"/console/customers.csv?columns=contact&#38;columns=margin&#38;columns=country&#38;q=a\"",
        "href=\"/console/customers?columns=contact&#38;columns=margin&#38;columns=country\"",
    ] {
        assert!(page.contains(kept), "{kept}: {page}");
    }
    // Who does not see margins is not offered them, and who cannot change customers cannot choose any.
    let page = viewer.get("/console/customers?columns=margin").text();
    assert_eq!(titles(&page), usual, "{page}");
    assert!(!page.contains("12.5") && !page.contains("id=\"column-margin\""), "{page}");
    assert!(!page.contains("name=\"customer\""), "{page}");
    let file = viewer.get("/console/customers.csv?columns=margin&columns=id").text();
    assert!(file.starts_with("Customer,ID\n") && !file.contains("12.5"), "{file}");
}

fn a_file_has_what_is_shown(engine: Engine) {
    let (admin, ids) = partner(engine);
    let trial = json!({"trial_expiration_date": "2099-12-31T10:00:00Z", "tags": [{"key": "a", "value": "1,2"}, {"key": "b", "value": ""}]});
    assert_eq!(admin.put(&format!("/v2/customers/{}", ids[0]), &trial).status, 200);
    let browser = Browser::signed_in(&admin);
    let mut failures = Failures::default();
    for (query, expected) in [
        (
            "sort=name&columns=id&columns=contact",
            format!(
                "Customer,ID,Billing contact\nAlpha,{},Alpha@example.com\nBeta,{},Beta@example.com\nGamma,{},Gamma@example.com\n",
                ids[0], ids[1], ids[2]
            ),
        ),
        ("columns=id", format!("Customer,ID\nGamma,{}\nBeta,{}\nAlpha,{}\n", ids[2], ids[1], ids[0])),
        ("q=AMM&columns=tags&page=7&per_page=1", "Customer,Tags\nGamma,env: Gamma\n".to_owned()),
        (
            "q=alpha&columns=access&columns=trial&columns=tags",
            "Customer,Access,Trial,Tags\nAlpha,Without access,2099-12-31,\"a: 1,2; b\"\n".to_owned(),
        ),
        ("partner_billing=true&columns=billing", "Customer,Billing\nBeta,Billed\n".to_owned()),
        ("tag=env%3ABeta&columns=country", "Customer,Country\nBeta,US\n".to_owned()),
        ("q=nobody&columns=id", "Customer,ID\n".to_owned()),
    ] {
        let answer = browser.get(&format!("/console/customers.csv?{query}"));
        let headers =
            ["content-type", "content-disposition", "cache-control"].map(|name| answer.header(name));
        let right = ["text/csv; charset=utf-8", "attachment; filename=\"customers.csv\"", "no-store"];
        let is_right = answer.status == 200 && answer.text() == expected && headers == right;
        let said = format!("{} {headers:?} {}", answer.status, answer.text());
        failures.case(query, if is_right { Ok(()) } else { Err(said) });
    }
    failures.done(7);
    let german =
        browser.get_with("/console/customers.csv?columns=access&q=beta", &[("Accept-Language", "de")]);
    assert_eq!(german.text(), "Kunde,Zugang\nBeta,Ohne Zugang\n");
    assert_eq!(browser.get("/console/customers.csv?trial=perhaps").status, 422);
    // More than one read has: all of them, each once.
    let all: Vec<String> = (0..1005).map(|n| format!("Bulk {n:04}")).collect();
    std::thread::scope(|scope| {
        for names in all.chunks(all.len().div_ceil(8)) {
            let admin = admin.clone();
            scope.spawn(move || {
                names.iter().for_each(|name| drop(admin.create(&customer(&json!({"name": name})))));
            });
        }
    });
    let file = browser.get("/console/customers.csv?sort=name&q=bulk&columns=country").text();
    let lines: Vec<&str> = file.lines().skip(1).collect();
    let expected: Vec<String> = all.iter().map(|name| format!("{name},US")).collect();
    assert_eq!(lines, expected);
}

fn spreadsheets_run_nothing_of_a_file(engine: Engine) {
    let admin = Server::shared(engine).partner();
    for name in ["=cmd()", "+1", "-1+1|cmd", "@sum(a)", "Quoted \"and\", =not", "＝other()"] {
        let tags = json!([{"key": "=1+1", "value": ""}]);
        admin.create(&customer(&json!({"name": name, "tags": tags})));
    }
    let file = Browser::signed_in(&admin).get("/console/customers.csv?columns=tags&sort=oldest").text();
    let right = "Customer,Tags\n'=cmd(),'=1+1\n'+1,'=1+1\n'-1+1|cmd,'=1+1\n'@sum(a),'=1+1\n\
                 \"Quoted \"\"and\"\", =not\",'=1+1\n'＝other(),'=1+1\n";
    assert_eq!(file, right);
}

/// What the page says of each customer.
fn outcomes(page: &str) -> Vec<&str> {
    let rows = page.split("<th scope=\"row\">").skip(1);
    rows.map(|row| row.split("<span class=\"badge").nth(1).unwrap().split(['>', '<']).nth(1).unwrap())
        .collect()
}

/// Fields of a change, what comes of it for two customers, and how they are then.
type Case<'a> = (Fields<'a>, [&'a str; 2], fn(&Value) -> bool);

fn several_customers_are_changed_at_once(engine: Engine) {
    let (admin, ids) = partner(engine);
    let browser = Browser::signed_in(&admin);
    let [alpha, beta, gamma] = ids.map(|id| id.to_string());
    let list = browser.get("/console/customers?q=a").text();
    assert_eq!(list.matches("name=\"customer\"").count(), 3, "{list}");
    assert!(list.contains("name=\"back\" value=\"/console/customers?q=a\""), "{list}");
    let choose = format!(
        "{CHANGE}?back=%2Fconsole%2Fcustomers%3Fq%3Da&customer={alpha}&customer={beta}&customer=999999"
    );
    let page = browser.get(&choose).text();
    assert!(page.contains("Alpha") && page.contains("Beta") && !page.contains("Gamma"), "{page}");
    assert!(page.contains("href=\"/console/customers?q=a\""), "{page}");

    let of = |id: &str| admin.get(&format!("/v2/customers/{id}")).json();
    let mut failures = Failures::default();
    let cases: [Case<'_>; 8] = [
        (&[("change", "billing-on")], ["Changed", "Already so"], |c| {
            c["partner_billing_configuration"]["enabled"] == true
        }),
        (&[("change", "billing-off")], ["Changed", "Changed"], |c| {
            c["partner_billing_configuration"]["enabled"] == false
        }),
        (&[("change", "access-with")], ["Changed", "Changed"], |c| {
            c["classification"] == "managed_with_access"
        }),
        (&[("change", "access-with")], ["Already so", "Already so"], |c| {
            c["classification"] == "managed_with_access"
        }),
        (&[("change", "access-without"), ("tag", "left=over")], ["Changed", "Changed"], |c| {
            c["classification"] == "managed_without_access" && c["tags"].as_array().unwrap().len() == 1
        }),
        (&[("change", "tag"), ("tag", " env = prod ")], ["Changed", "Changed"], |c| {
            c["tags"] == json!([{"key": "env", "value": "prod"}])
        }),
        (&[("change", "tag"), ("tag", "region: eu:1")], ["Changed", "Changed"], |c| {
            c["tags"] == json!([{"key": "env", "value": "prod"}, {"key": "region", "value": "eu:1"}])
        }),
        (&[("change", "untag"), ("key", "env")], ["Changed", "Changed"], |c| {
            c["tags"] == json!([{"key": "region", "value": "eu:1"}])
        }),
    ];
    for (fields, expected, is_right) in cases {
        let chosen = [("customer", alpha.as_str()), ("customer", &beta), ("customer", &alpha)];
        let fields: Vec<(&str, &str)> = chosen.into_iter().chain(fields.iter().copied()).collect();
        let answer = browser.submit(&choose, CHANGE, &fields);
        let page = answer.text();
        let found = outcomes(&page);
        let are_right = [&alpha, &beta].iter().all(|id| is_right(&of(id)));
        let outcome =
            if answer.status == 200 && found == expected && are_right { Ok(()) } else { Err(page.clone()) };
        failures.case(&format!("{fields:?}"), outcome);
    }
    failures.done(8);
    // Each change has its event, and the third customer is as it was.
    let events = admin.trail(&format!("action=customer.update&object=customers/{alpha}"));
    assert_eq!(events.len(), 7, "{events:?}");
    assert_eq!(of(&gamma)["tags"], json!([{"key": "env", "value": "Gamma"}]));

    // One that is refused stops no other.
    let full: Vec<Value> = (0..20).map(|n| json!({"key": format!("k{n}"), "value": ""})).collect();
    assert_eq!(admin.put(&format!("/v2/customers/{alpha}"), &json!({"tags": full})).status, 200);
    let chosen = [("customer", alpha.as_str()), ("customer", "999999"), ("customer", &gamma)];
    let fields: Vec<(&str, &str)> =
        chosen.into_iter().chain([("change", "tag"), ("tag", "one=more")]).collect();
    let page = browser.submit(&choose, CHANGE, &fields).text();
    assert_eq!(outcomes(&page), ["Not changed", "Not changed", "Changed"], "{page}");
    assert!(page.contains("21 entries") && page.contains("not there any more"), "{page}");
    assert!(page.contains("One customer was changed."), "{page}");
    assert_eq!(of(&gamma)["tags"].as_array().unwrap().len(), 2);
}

fn a_wrong_change_of_several_changes_none(engine: Engine) {
    let (admin, ids) = partner(engine);
    let browser = Browser::signed_in(&admin);
    let other = Server::shared(engine).partner();
    let theirs = other.create(&customer(&json!({"name": "Theirs"})))["id"].to_string();
    let alpha = ids[0].to_string();
    let choose = format!("{CHANGE}?customer={alpha}");
    let before = admin.get("/v2/customers").json();
    let many: Vec<(&str, &str)> = vec![("customer", alpha.as_str()); 101];
    let mut failures = Failures::default();
    let one = [("customer", alpha.as_str())];
    let cases: [(Fields<'_>, Fields<'_>, &str); 7] = [
        (&one, &[], "Choose what should change"),
        (&one, &[("change", "everything")], "Choose what should change"),
        (&one, &[("change", "tag"), ("tag", " =x")], "Enter the tag to add"),
        (&one, &[("change", "untag")], "Enter the key of the tag to remove"),
        (&[], &[("change", "billing-on")], "Choose at least one customer"),
        (&[("customer", "x")], &[("change", "billing-on")], "Choose at least one customer"),
        (&many, &[("change", "billing-on")], "at most 100"),
    ];
    for (chosen, fields, message) in cases {
        let fields: Vec<(&str, &str)> = chosen.iter().chain(fields).copied().collect();
        let answer = browser.submit(&choose, CHANGE, &fields);
        let is_right = answer.status == 422 && answer.text().contains(message);
        let said = format!("{} {}", answer.status, answer.text());
        failures.case(message, if is_right { Ok(()) } else { Err(said) });
    }
    failures.done(7);
    assert_eq!(admin.get("/v2/customers").json(), before);
    for (query, back) in [
        ("", "/console/customers"),
        ("?customer=999999&back=%2Fconsole%2Fcustomers%3Fpage%3D2", "/console/customers?page=2"),
        ("?customer=x&back=https%3A%2F%2Fevil.example.com", "/console/customers"),
        ("?back=%2Fconsole%2Fcustomersx", "/console/customers"),
    ] {
        let answer = browser.get(&format!("{CHANGE}{query}"));
        assert_eq!((answer.status, answer.header("location")), (303, back), "{query}");
    }
    // Another partner's customer is not there: neither its name is shown nor is it changed.
    let stranger = Browser::signed_in(&other);
    let foreign = ids[2].to_string();
    assert_eq!(stranger.get(&format!("{CHANGE}?customer={theirs}")).status, 200);
    if foreign != theirs {
        let fields = [("customer", foreign.as_str()), ("change", "access-with")];
        let page = stranger.submit(&format!("{CHANGE}?customer={theirs}"), CHANGE, &fields).text();
        assert_eq!(outcomes(&page), ["Not changed"], "{page}");
        assert!(!page.contains("Gamma"), "{page}");
    }
    assert_eq!(admin.get("/v2/customers").json(), before);
}

fn wrong_filters_are_all_named_in_the_readers_language(engine: Engine) {
    let browser = Browser::signed_in(&Server::shared(engine).partner());
    let long = "x".repeat(300);
    for (path, english, german) in [
        (
            "/console/customers?trial=expire&partner_billing=ja&classification=mine&page=two",
            &[
                "Trial: must be one of active, expired, none; did you mean expired?",
                "Billing: must be one of true, false",
                "Access: must be one of managed_",
                "page must be a whole number from 0",
            ][..],
            &[
                "Testphase: muss eines davon sein: active, expired, none; meinten Sie expired?",
                "Abrechnung: muss eines davon sein: true, false",
                "Zugang: muss eines davon sein: managed_",
                "page: muss eine ganze Zahl ab 0 sein",
            ][..],
        ),
        (
            &*format!("/console/customers?q={long}"),
            &["Name contains: has 300 characters, at most"],
            &["Name enthält: hat 300 Zeichen, höchstens"],
        ),
        (
            "/console/audit?since=yesterday&user_id=me&cursor=x",
            &[
                "From (UTC): must be an ISO 8601 date and time such as",
                "User number: must be a whole number from 0",
                "cursor is not a valid cursor",
            ],
            &[
                "Ab (UTC): muss Datum und Uhrzeit sein, etwa 2030-12-31T23:59:59Z, nicht „yesterday“",
                "Nummer des Benutzers: muss eine ganze Zahl ab 0 sein",
                "cursor: gehört zu keiner Seite dieser Liste",
            ],
        ),
        (
            "/console/directory?assigned=perhaps",
            &["Assignment: must be one of true, false"],
            &["Zuordnung: muss eines davon sein: true, false"],
        ),
    ] {
        for (language, expected) in [("en", english), ("de", german)] {
            let page = browser.get_with(path, &[("Accept-Language", language)]);
            let text = page.text();
            assert_eq!(page.status, 422, "{path}: {text}");
            for message in expected {
                assert!(text.contains(message), "{path}, {language}: {message} is not in {text}");
            }
        }
    }
}
