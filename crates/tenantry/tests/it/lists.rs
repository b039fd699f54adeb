//! Lists of customers: pages and their links, filters alone and in pairs, and parameters that will not do.

use crate::support::{
    ABSENT, Answer, Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both_engines!(
    every_page_and_its_links,
    links_keep_what_was_asked_for,
    every_filter_and_every_pair,
    parameters_that_will_not_do,
    an_empty_list_is_one_too,
);

/// Where the `Link` header leads on this server, by relation. Links are absolute.
pub(crate) fn links(answer: &Answer) -> BTreeMap<String, String> {
    let link = |part: &str| {
        let (target, relation) = part.trim().split_once(">; rel=\"").unwrap();
        let (_, path) = target.strip_prefix("<http://127.0.0.1:").unwrap().split_once('/').unwrap();
        (relation.trim_end_matches('"').to_owned(), format!("/{path}"))
    };
    answer.header("link").split(',').map(link).collect()
}

pub(crate) fn listed(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["customers"].as_array().unwrap().clone()
}

fn names(answer: &Answer) -> Vec<String> {
    listed(answer).iter().map(|customer| customer["name"].as_str().unwrap().to_owned()).collect()
}

fn every_page_and_its_links(engine: Engine) {
    const TOTAL: usize = 65;
    let api = Server::shared(engine).partner();
    let all: Vec<Value> =
        (0..TOTAL).map(|i| api.create(&customer(&json!({"name": format!("Customer {i}")})))).collect();
    let page = |page: usize, size: usize| {
        let start = ((page - 1) * size).min(TOTAL);
        all[start..(start + size).min(TOTAL)].to_vec()
    };

    let mut failures = Failures::default();
    for (query, number, size, relations) in [
        ("", 1, 30, "first last next"),
        ("?", 1, 30, "first last next"),
        ("?page=0", 1, 30, "first last next"),
        ("?page=1", 1, 30, "first last next"),
        ("?page=2", 2, 30, "first last next prev"),
        ("?page=3", 3, 30, "first last prev"),
        ("?page=4", 4, 30, "first last prev"),
        ("?page=1000000", 1_000_000, 30, "first last prev"),
        ("?page=99999999999999999999", 1_000_000, 30, "first last prev"),
        ("?page=&per_page=", 1, 30, "first last next"),
        ("?page=%202%20", 2, 30, "first last next prev"),
        ("?per_page=1", 1, 1, "first last next"),
        ("?per_page=1&page=65", 65, 1, "first last prev"),
        ("?per_page=1&page=66", 66, 1, "first last prev"),
        ("?per_page=7&page=10", 10, 7, "first last prev"),
        ("?page=9&per_page=7", 9, 7, "first last next prev"),
        ("?per_page=13&page=5", 5, 13, "first last prev"),
        ("?per_page=64", 1, 64, "first last next"),
        ("?per_page=65", 1, 65, "first last"),
        ("?per_page=100", 1, 100, "first last"),
        ("?per_page=101", 1, 100, "first last"),
        ("?per_page=5000&page=2", 2, 100, "first last prev"),
        ("?per_page=99999999999999999999", 1, 100, "first last"),
    ] {
        let answer = api.get(&format!("/v2/customers{query}"));
        let links = links(&answer);
        let mut wrong = Vec::new();
        let mut expect = |what: &str, good: bool| {
            if !good {
                wrong.push(what.to_owned());
            }
        };
        expect("customers", listed(&answer) == page(number, size));
        expect("X-Total", answer.header("x-total") == "65");
        expect("X-Per-Page", answer.header("x-per-page") == size.to_string());
        expect("relations", links.keys().map(String::as_str).collect::<Vec<_>>().join(" ") == relations);
        let last = TOTAL.div_ceil(size);
        for (relation, target) in &links {
            let there = match relation.as_str() {
                "first" => 1,
                "prev" => (number - 1).min(last),
                "next" => number + 1,
                _ => last,
            };
            expect(relation, listed(&api.get(target)) == page(there, size));
        }
        let said = format!("wrong: {}; Link: {}", wrong.join(", "), answer.header("link"));
        failures.case(query, if wrong.is_empty() { Ok(()) } else { Err(said) });
    }
    failures.done(23);
}

fn links_keep_what_was_asked_for(engine: Engine) {
    let api = Server::shared(engine).partner();
    for i in 0..3 {
        api.create(&customer(
            &json!({"name": format!("R&D <{i}> ü"), "tags": [{"key": "a,b", "value": "c;d"}]}),
        ));
        api.create(&customer(&json!({"name": format!("Other {i}")})));
    }
    let asked = "q=r%26d+%3C&tag=a%2Cb%3Ac%3Bd&tag=a,b&per_page=1&q=%C3%BC&colour=red";
    for (path, key) in [("/v1/customers", ""), ("/v2/customers/", ""), ("/v2/customers", "&api_key=KEY")] {
        let query = format!("{path}?{asked}{}", key.replace("KEY", &api.key));
        let first = api.call("GET", &query).authorization(key.is_empty().then_some(&api.key)).send();
        assert_eq!((first.header("x-total"), names(&first)), ("3", vec!["R&D <0> ü".to_owned()]), "{path}");
        assert!(!first.header("link").contains("api_key") && !first.header("link").contains(&api.key));
        for (relation, expected) in [("first", 0), ("next", 1), ("last", 2)] {
            let target = &links(&first)[relation];
            assert!(target.starts_with(&format!("{}?", path.trim_end_matches('/'))), "{target}");
            let there = api.get(target);
            let found = (there.header("x-total"), there.header("x-per-page"), names(&there));
            assert_eq!(found, ("3", "1", vec![format!("R&D <{expected}> ü")]), "{target}");
        }
    }
}

const CHANGED: &str = "2016-10-01T12:00:00Z";

/// The `i`-th customer of the filters' test; each attribute has a rhythm of its own.
fn various(i: usize) -> Value {
    const NAMES: [&str; 8] =
        ["Straße", "100% Fit", "100x Fit", "under_score", "underXscore", "back\\slash", "Ｆｕｌｌ", "It's"];
    let tags = [
        json!([]),
        json!([{"key": "env", "value": "prod"}]),
        json!([{"key": "env", "value": "test"}, {"key": "region", "value": "eu:1"}]),
        json!([{"key": "region", "value": ""}, {"key": "100%", "value": "x"}, {"key": "finops:owner", "value": "jane"}]),
    ];
    let trial = [None, Some("2016-09-22T00:00:00Z"), Some("2017-01-01T00:00:00Z")][i % 3];
    let mut body = customer(&json!({
        "name": format!("{} {i}", NAMES[i % 8]), "tags": tags[i / 2 % 4], "trial_expiration_date": trial,
        "classification": if i.is_multiple_of(2) { "managed_with_access" } else { "managed_without_access" },
        "partner_billing_configuration": {"enabled": (i / 3).is_multiple_of(2)},
    }));
    if i.is_multiple_of(5) {
        body["address"] = json!(null);
        body["azure_customer_id"] = json!(format!("Tenant-{i}"));
    }
    body
}

type Filter = (&'static str, fn(usize) -> bool);

/// Filters, and which customers each lets through. Those with an `i` that 7 divides were changed at [`CHANGED`].
const FILTERS: [Filter; 43] = [
    ("q=stra", |i| i.is_multiple_of(8)),
    ("q=STRASSE", |i| i.is_multiple_of(8)),
    ("q=fit", |i| [1, 2].contains(&(i % 8))),
    ("q=100%25", |i| i % 8 == 1),
    ("q=0%25%20%20F", |i| i % 8 == 1),
    ("q=r_s", |i| i % 8 == 3),
    ("q=%5C", |i| i % 8 == 5),
    ("q=full", |i| i % 8 == 6),
    ("q='", |i| i % 8 == 7),
    ("q=f", |i| [1, 2, 6].contains(&(i % 8))),
    ("q=0x", |i| i % 8 == 2),
    ("q=%22fit%22", |_| false),
    ("q=fit*", |_| false),
    ("q=name:fit", |_| false),
    ("q=fit%20OR%20full", |_| false),
    ("q=nobody", |_| false),
    ("q=", |_| true),
    ("classification=managed_with_access", |i| i.is_multiple_of(2)),
    ("classification=managed_without_access", |i| i % 2 == 1),
    ("tag=env", |i| [1, 2].contains(&(i / 2 % 4))),
    ("tag=env:prod", |i| i / 2 % 4 == 1),
    ("tag=env:test", |i| i / 2 % 4 == 2),
    ("tag=env:pro", |_| false),
    ("tag=ENV", |_| false),
    ("tag=region", |i| i / 2 % 4 >= 2),
    ("tag=region:", |i| i / 2 % 4 == 3),
    ("tag=region:eu:1", |i| i / 2 % 4 == 2),
    ("tag=100%25", |i| i / 2 % 4 == 3),
    ("tag=finops:owner", |i| i / 2 % 4 == 3),
    ("tag=finops:owner:jane", |i| i / 2 % 4 == 3),
    ("tag=finops", |_| false),
    ("tag=finops:owner:", |_| false),
    ("trial=active", |i| i % 3 == 2),
    ("trial=expired", |i| i % 3 == 1),
    ("trial=none", |i| i.is_multiple_of(3)),
    ("azure_customer_id=tenant-5", |i| i == 5),
    ("azure_customer_id=tenant-6", |_| false),
    ("partner_billing=true", |i| (i / 3).is_multiple_of(2)),
    ("partner_billing=false", |i| i / 3 % 2 == 1),
    ("updated_since=2016-10-01", |i| i.is_multiple_of(7)),
    ("updated_since=2016-10-01T12:00:00Z", |i| i.is_multiple_of(7)),
    ("updated_since=2016-10-01T12:00:01Z", |_| false),
    ("updated_since=2016-09-15T20:17:04%2B02:00", |_| true),
];

fn every_filter_and_every_pair(engine: Engine) {
    const TOTAL: usize = 48;
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let api = server.admin();
    let all: Vec<Value> = (0..TOTAL).map(|i| api.create(&various(i))).collect();
    assert_eq!(api.put("/sandbox/clock", &json!({"now": CHANGED})).status, 200);
    for customer in all.iter().step_by(7) {
        let path = format!("/v2/customers/{}", customer["id"]);
        assert_eq!(api.put(&path, &json!({"billing_contact": "a@example.com"})).status, 200);
    }

    let mut failures = Failures::default();
    let mut check = |query: &str, through: &dyn Fn(usize) -> bool| {
        let answer = api.get(&format!("/v2/customers?per_page=100&{query}"));
        let expected: Vec<usize> = (0..TOTAL).filter(|i| through(*i)).collect();
        let found: Vec<usize> =
            names(&answer).iter().map(|name| name.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        let good = found == expected && answer.header("x-total") == expected.len().to_string();
        let said = format!("{found:?}, not {expected:?}; X-Total {}", answer.header("x-total"));
        failures.case(query, if good { Ok(()) } else { Err(said) });
    };
    for (i, (one, lets_one)) in FILTERS.into_iter().enumerate() {
        check(one, &lets_one);
        for (other, lets_other) in FILTERS.into_iter().skip(i + 1) {
            let name = |filter: &str| filter.split('=').next().unwrap().to_owned();
            // Only tags can be asked for more than once.
            if name(one) != name(other) || name(one) == "tag" {
                check(&format!("{one}&{other}"), &|i| lets_one(i) && lets_other(i));
            }
        }
    }
    check("q=fit&classification=managed_with_access&trial=active&partner_billing=true", &|i| {
        [1, 2].contains(&(i % 8)) && i.is_multiple_of(2) && i % 3 == 2 && (i / 3).is_multiple_of(2)
    });
    failures.done(350);
}

#[rustfmt::skip]
fn parameters_that_will_not_do(engine: Engine) {
    let api = Server::shared(engine).partner();
    api.create(&customer(&json!({})));
    let long = format!("q={}", "n".repeat(256));
    let mut failures = Failures::default();
    for (query, strict, details, part) in [
        ("page=-1", false, "?page invalid", "page must be a whole number from 0"),
        ("page=x", false, "?page invalid", ""),
        ("page=1.5", false, "?page invalid", ""),
        ("page=1e3", false, "?page invalid", ""),
        ("page=-99999999999999999999", false, "?page invalid", ""),
        ("per_page=0", false, "?per_page invalid", "per_page must be a whole number from 1"),
        ("per_page=-1", false, "?per_page invalid", ""),
        ("per_page=all", false, "?per_page invalid", ""),
        ("cursor=x", false, "?cursor invalid", "Link header"),
        ("cursor=c", false, "?cursor invalid", ""),
        ("cursor=c!", false, "?cursor invalid", ""),
        ("cursor=1", false, "?cursor invalid", ""),
        ("cursor=czzzzzzzzzzzz", false, "?cursor invalid", ""),
        ("classification=managed", false, "?classification invalid", "must be one of managed_without_access, managed_with_access"),
        ("trial=ended", false, "?trial invalid", "must be one of active, expired, none"),
        ("partner_billing=yes", false, "?partner_billing invalid", "must be one of true, false"),
        ("azure_customer_id=a_b", false, "?azure_customer_id invalid", ""),
        ("updated_since=yesterday", false, "?updated_since invalid", "ISO 8601"),
        ("updated_since=2016-02-30", false, "?updated_since invalid", ""),
        ("q=a%00b", false, "?q invalid", ""),
        (&long, false, "?q invalid", "at most 255"),
        ("page=x&trial=y&per_page=z", false, "?page invalid, ?trial invalid, ?per_page invalid", ""),
        ("pgae=1", true, "?pgae unknown", "pgae is not a known parameter; did you mean page?"),
        ("pgae=1", false, "?pgae unknown", "pgae is not a known parameter; did you mean page?"),
        ("clasification=x&page=-1", true, "?clasification unknown, ?page invalid", "did you mean classification?"),
        ("zzz=1", true, "?zzz unknown", "zzz is not a known parameter"),
        ("zzz=", true, "?zzz unknown", ""),
        ("tags=env", false, "?tags unknown", "tags is not a known parameter; did you mean tag?"),
        ("trail=active", false, "?trail unknown", "did you mean trial?"),
        ("Classification=managed_with_access", false, "?Classification unknown", "did you mean classification?"),
        ("updatedSince=2016-01-01", false, "?updatedSince unknown", "did you mean updated_since?"),
        ("perPage=5", false, "?perPage unknown", "did you mean per_page?"),
        ("classification=MANAGED_WITH_ACCESS", false, "?classification invalid", "did you mean managed_with_access?"),
        ("trial=Active", false, "?trial invalid", "must be one of active, expired, none; did you mean active?"),
        ("updated_since=2016-02-30", false, "?updated_since invalid", "there is no 30 February in 2016"),
    ] {
        let mut call = api.call("GET", &format!("/v2/customers?{query}"));
        if strict {
            call = call.header("Prefer", "handling=strict");
        }
        let answer = call.send();
        let good = answer.status == 422 && answer.details() == details && answer.text().contains(part);
        failures.case(query, if good { Ok(()) } else { Err(format!("{} {}", answer.status, answer.text())) });
    }
    // Blank is not given; unknown is ignored, unless strictness is preferred; known is fine either way.
    for (query, strict) in [
        ("zzz=1&limit=7&_=1480000000", false),
        ("pgae=&tags=", false),
        ("pgae=1&page=1", false),
        ("page=None&per_page=null&classification=None&trial=undefined&partner_billing=None&updated_since=null", true),
        ("partner_billing=False", true),
        ("partner_billing=FALSE", true),
        ("updated_since=2016-01-01T00:00:00+02:00", true),
        ("updated_since=2016-01-01T00:00+0200", true),
        ("updated_since=2016-01-01+00:00:00Z", true),
        ("page=&per_page=&cursor=&q=%20&classification=&tag=&trial=&azure_customer_id=&partner_billing=&updated_since=", true),
        ("page=1&per_page=5&q=a&classification=managed_without_access&trial=none&partner_billing=false&updated_since=2016-01-01", true),
    ] {
        let mut call = api.call("GET", &format!("/v2/customers?{query}"));
        if strict {
            call = call.header("Prefer", "respond-async, Handling=\"strict\"");
        }
        let answer = call.send();
        let good = answer.status == 200 && answer.header("x-total") == "1";
        failures.case(query, if good { Ok(()) } else { Err(format!("{} {}", answer.status, answer.text())) });
    }
    failures.done(46);
}

fn an_empty_list_is_one_too(engine: Engine) {
    let api = Server::shared(engine).partner();
    let elsewhere: Api = Server::shared(engine).partner();
    elsewhere.create(&customer(&json!({"azure_customer_id": "x", "address": ABSENT})));
    for query in ["", "?page=3", "?q=acme", "?tag=a:b", "?azure_customer_id=x", "?cursor=c1"] {
        let answer = api.get(&format!("/v2/customers{query}"));
        assert_eq!(
            (answer.text().as_str(), answer.header("x-total")),
            (r#"{"customers":[]}"#, "0"),
            "{query}"
        );
        let relations: Vec<String> = links(&answer).into_keys().collect();
        assert!(relations.contains(&"first".into()) && !relations.contains(&"next".into()), "{relations:?}");
    }
}
