//! What pages show: their headers and sizes, names that are markup or formulas, languages, lists and their filters.

use super::Browser;
use crate::support::{Engine, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(
    pages_and_assets_have_their_headers,
    names_are_shown_as_they_are,
    all_other_names_are_shown_as_they_are,
    the_list_is_searched_filtered_ordered_and_paged,
    the_language_is_the_readers,
);

fn pages_and_assets_have_their_headers(engine: Engine) {
    let server = Server::shared(engine);
    let browser = Browser::signed_in(&server.partner());
    for path in
        ["/console", "/console/customers", "/console/sessions", "/console/nothing", "/console/customers/0"]
    {
        let page = browser.get(path);
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!page.header("x-request-id").is_empty(), "{path}");
        assert!(page.body.len() < 60 * 1024, "{path}: {} bytes", page.body.len());
    }
    let home = browser.get("/console").text();
    let assets: Vec<&str> = home.split(['"']).filter(|text| text.starts_with("/console/assets/")).collect();
    assert_eq!(assets.len(), 3, "{home}");
    let anybody = Browser::new(server.address);
    for path in assets {
        let asset = anybody.get(path);
        assert_eq!(
            (asset.status, asset.header("cache-control")),
            (200, "public, max-age=31536000, immutable")
        );
        let again = anybody.get_with(path, &[("If-None-Match", asset.header("etag"))]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(anybody.get(&path.replace("console.", "other.").replace("icon.", "other.")).status, 404);
    }
    let compressed = browser.get_with("/console", &[("Accept-Encoding", "gzip")]);
    assert_eq!(compressed.header("content-encoding"), "gzip");
}

/// What others write into names.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "=HYPERLINK(\"https://evil.example.com\")",
    "{{ 7 * 7 }} ${7*7} {% raw %}",
    "&lt;b&gt; \u{202e}txt.exe",
];

fn names_are_shown_as_they_are(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let browser = Browser::signed_in(&admin);
    for name in HOSTILE {
        let tags = json!([{"key": "<u>k</u>", "value": name}]);
        let made = admin.post("/v2/customers", &customer(&json!({"name": name, "tags": tags})));
        if made.status == 422 {
            continue; // a name that the API refuses needs no page
        }
        let id = made.json()["id"].to_string();
        for path in [format!("/console/customers/{id}"), "/console/customers".into(), "/console".into()] {
            let page = browser.get(&path);
            assert_eq!(page.status, 200, "{path}");
            let text = page.text();
            for markup in ["<script>", "<img", "<u>", "onmouseover='", " onerror=alert(1)>"] {
                assert!(!text.contains(markup), "{path} with {name}: {markup}");
            }
        }
    }
    let page = browser.get("/console/customers").text();
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "the control: {page}");
    let page = browser.get("/console/customers?q=%3Cscript%3E&tag=%22%3E%3Cb%3E");
    assert!(page.status == 200 && !page.text().contains("<script>") && !page.text().contains("<b>"));
}

/// Names of users, keys, rules, the partner and its branding, on every page that shows them.
fn all_other_names_are_shown_as_they_are(engine: Engine) {
    const NAME: &str = "=1+1 <b onclick=alert(1)>\"'&";
    let server = Server::shared(engine);
    let admin = server.partner();
    let made = admin.create(&customer(&json!({"name": "Acme", "classification": "managed_with_access"})));
    let customer = made["id"].as_i64().unwrap();
    let (user, _) =
        admin.user("/v2/users", &json!({"email": "n@example.com", "role": "viewer", "name": NAME}));
    let reader = json!({"email": "r@example.com", "role": "owner", "name": NAME});
    let (own, reader) = admin.user(&format!("/v2/customers/{customer}/users"), &reader);
    let key = admin.post(&format!("/v2/users/{user}/api_keys"), &json!({"name": NAME}));
    assert_eq!(key.status, 201, "{}", key.text());
    let rule = json!({"name": NAME, "kind": "list_price", "publisher": NAME, "meter_category": NAME, "customer_id": customer});
    let rule = admin.post("/v1/price_rules", &rule);
    assert_eq!(rule.status, 201, "{}", rule.text());
    let rule = rule.json()["id"].to_string();
    assert_eq!(admin.put("/v2/branding", &json!({"name": NAME})).status, 200);
    assert_eq!(admin.put("/v1/billing_settings", &json!({"display_name": NAME})).status, 200);
    let (partners, readers) = (Browser::signed_in(&admin), Browser::signed_in(&reader));
    for (browser, path) in [
        (&partners, "/console".to_owned()),
        (&partners, "/console/users".into()),
        (&partners, format!("/console/users/{user}")),
        (&partners, format!("/console/customers/{customer}")),
        (&partners, format!("/console/customers/{customer}/users")),
        (&partners, "/console/price-rules".into()),
        (&partners, format!("/console/price-rules/{rule}/edit")),
        (&partners, format!("/console/price-rules/{rule}/delete")),
        (&partners, "/console/settings/branding".into()),
        (&partners, "/console/audit".into()),
        (&readers, "/console/portal".into()),
        (&readers, "/console/portal/users".into()),
        (&readers, format!("/console/portal/users/{own}")),
    ] {
        let page = browser.get(&path);
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        let text = page.text();
        assert!(!text.contains("<b onclick"), "{path}: {text}");
        assert!(text.contains("&#60;b onclick=alert(1)&#62;&#34;&#39;&#38;"), "the control: {path}: {text}");
    }
}

fn the_list_is_searched_filtered_ordered_and_paged(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let browser = Browser::signed_in(&admin);
    let empty = browser.get("/console/customers").text();
    assert!(empty.contains("There are no customers yet."), "{empty}");
    for (name, change) in [
        (
            "Bravo",
            json!({
                "classification": "managed_with_access", "trial_expiration_date": "2016-09-20T00:00:00Z",
                "tags": [{"key": "env", "value": "test"}],
            }),
        ),
        ("alpha", json!({"tags": [{"key": "env", "value": "prod"}]})),
        ("Charlie", json!({"trial_expiration_date": "2017-09-20T00:00:00Z"})),
    ] {
        let mut body = customer(&json!({"name": name}));
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        admin.create(&body);
    }
    let listed = |query: &str| {
        let page = browser.get(&format!("/console/customers{query}"));
        assert_eq!(page.status, 200, "{query}");
        let text = page.text();
        let table = text.split("<tbody>").nth(1).unwrap_or_default().to_owned();
        let rows = table.split("<th scope=\"row\">").skip(1);
        rows.map(|row| row.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    // Behind its end, the list is shown from its last page.
    let behind = browser.get("/console/customers?per_page=2&page=9");
    assert_eq!((behind.status, behind.header("location")), (303, "/console/customers?per_page=2&page=2"));
    for (query, expected) in [
        ("", "Charlie alpha Bravo"),
        ("?sort=oldest", "Bravo alpha Charlie"),
        ("?sort=name", "alpha Bravo Charlie"),
        ("?sort=changed", "Charlie alpha Bravo"),
        ("?sort=nonsense", "Charlie alpha Bravo"),
        ("?q=RAV", "Bravo"),
        ("?q=zulu", ""),
        ("?classification=managed_with_access", "Bravo"),
        ("?tag=env%3Aprod", "alpha"),
        ("?trial=none", "alpha"),
        ("?trial=active&sort=name", "Bravo Charlie"),
        ("?trial=ending", "Bravo"),
        ("?per_page=2&sort=name", "alpha Bravo"),
        ("?per_page=2&sort=name&page=2", "Charlie"),
        ("?q=&tag=&trial=&sort=name", "alpha Bravo Charlie"),
    ] {
        assert_eq!(listed(query), expected, "{query}");
    }
    // Each keeps its tags, whatever the order.
    for query in ["", "?sort=oldest", "?sort=name"] {
        let page = browser.get(&format!("/console/customers{query}")).text();
        assert_eq!(page.matches("class=\"tag\"").count(), 2, "{query}: {page}");
    }
    let wrong = browser.get("/console/customers?trial=nonsense&page=x");
    assert_eq!(wrong.status, 422);
    let text = wrong.text();
    assert!(text.contains("role=\"alert\"") && text.contains("page must be"), "{text}");
    assert!(
        text.contains("<a href=\"#trial\">Trial: must be one of"),
        "its error leads to the field: {text}"
    );
    let home = browser.get("/console").text();
    assert!(home.contains("One trial ends within 14 days") && home.contains("Bravo"), "{home}");
}

fn the_language_is_the_readers(engine: Engine) {
    let server = Server::shared(engine);
    let browser = Browser::signed_in(&server.partner());
    let german = ("Accept-Language", "de-AT,de;q=0.9,en;q=0.5");
    assert!(browser.get("/console").text().contains("<html lang=\"en\""));
    let page = browser.get_with("/console", &[german]).text();
    assert!(page.contains("<html lang=\"de\"") && page.contains("Im Moment ist nichts zu tun"), "{page}");
    // A choice goes before what the browser prefers.
    let chosen = browser.submit(
        "/console",
        "/console/language",
        &[("language", "de"), ("next", "/console/customers?q=a")],
    );
    assert_eq!((chosen.status, chosen.header("location")), (303, "/console/customers?q=a"));
    assert!(browser.get("/console").text().contains("<html lang=\"de\""));
    browser.submit(
        "/console",
        "/console/language",
        &[("language", "en"), ("next", "https://evil.example.com")],
    );
    assert!(browser.get_with("/console", &[german]).text().contains("<html lang=\"en\""));
    let nonsense = browser.submit("/console", "/console/language", &[("language", "xx"), ("next", "//evil")]);
    assert_eq!((nonsense.status, nonsense.header("location")), (303, "/console"));
}
