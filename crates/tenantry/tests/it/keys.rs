//! Keys: how they are shown, who gets in, what another partner's things look like, and that no key is ever logged.

use crate::support::{Answer, Api, Database, Engine, Failures, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    ways_to_show_a_key,
    without_a_key_nothing_is_told,
    malformed_credentials_are_explained,
    anothers_customer_looks_like_none,
    partners_do_not_see_each_other,
    no_key_is_ever_logged,
);

/// The id that makes answers comparable to the byte.
const ID: &str = "the-same-for-all";

fn ways_to_show_a_key(engine: Engine) {
    let server = Server::shared(engine);
    let api = server.partner();
    let other = server.partner();
    let cut = &api.key[..api.key.len() - 1];
    let turned = if api.key.ends_with('0') { "1" } else { "0" };
    let last_changed = format!("{cut}{turned}");
    let swapped = api
        .key
        .chars()
        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
    let swapped: String = swapped.collect();

    let mut failures = Failures::default();
    // `KEY` is the key, `OTHER` another partner's. The status tells whose customers are listed: 0 for nobody's.
    api.create(&customer(&json!({})));
    for (name, header, query, expected) in [
        ("a bearer", Some("Bearer KEY"), "", "1"),
        ("in lower case", Some("bearer KEY"), "", "1"),
        ("in upper case", Some("BEARER KEY"), "", "1"),
        ("with more spaces", Some("Bearer   KEY  "), "", "1"),
        ("the key alone", Some("KEY"), "", "1"),
        ("in the query", None, "?api_key=KEY", "1"),
        ("in the query behind others", None, "?page=1&api_key=KEY&per_page=3", "1"),
        ("in the query, escaped", None, "?%61pi_key=%74ESCAPED", "1"),
        ("the first of two in the query", None, "?api_key=KEY&api_key=wrong", "1"),
        ("the header wins over a wrong one", Some("KEY"), "?api_key=wrong", "1"),
        ("the header wins over another's", Some("Bearer OTHER"), "?api_key=KEY", "0"),
        ("a wrong header wins too", Some("Bearer wrong"), "?api_key=KEY", ""),
        ("none", None, "", ""),
        ("an empty one in the query", None, "?api_key=", ""),
        ("the second of two in the query", None, "?api_key=wrong&api_key=KEY", ""),
        ("a bearer of nothing", Some("Bearer"), "", ""),
        ("another scheme", Some("Basic KEY"), "", ""),
        ("unknown", Some("Bearer tnt_00000000"), "", ""),
        ("cut short", Some("Bearer CUT"), "", ""),
        ("one character longer", Some("Bearer KEYx"), "", ""),
        ("another last character", Some("Bearer CHANGED"), "", ""),
        ("in another case", Some("Bearer SWAPPED"), "", ""),
        ("two keys", Some("Bearer KEY OTHER"), "", ""),
        ("quoted", Some("Bearer \"KEY\""), "", ""),
    ] {
        let filled = |text: &str| {
            text.replace("CUT", cut)
                .replace("CHANGED", &last_changed)
                .replace("SWAPPED", &swapped)
                .replace("OTHER", &other.key)
                .replace("ESCAPED", &api.key[1..])
                .replace("KEY", &api.key)
        };
        let header = header.map(filled);
        let call = api.call("GET", &format!("/v2/customers{}", filled(query)));
        let answer = call.authorization(header.as_deref()).header("X-Request-Id", ID).send();
        let good = match expected {
            "" => is_unauthorized(&answer),
            total => answer.status == 200 && answer.header("x-total") == total,
        };
        failures.case(name, if good { Ok(()) } else { Err(format!("{} {}", answer.status, answer.text())) });
    }
    failures.done(24);
}

/// The one answer to all who have no key that works.
fn is_unauthorized(answer: &Answer) -> bool {
    let body = answer.json();
    answer.status == 401
        && answer.header("www-authenticate") == "Bearer realm=\"tenantry\""
        && body.as_object().unwrap().len() == 2
        && body["request_id"] == ID
        && body["error"].as_str().is_some_and(|said| said.contains("API key"))
}

fn without_a_key_nothing_is_told(engine: Engine) {
    let server = Server::shared(engine);
    let api = server.partner();
    let path = format!("/v2/customers/{}", api.create(&customer(&json!({})))["id"]);
    for authorization in [None, Some("Bearer wrong")] {
        let mut answers = Vec::new();
        for (method, path) in [
            ("GET", "/v2/customers"),
            ("GET", "/v2/customers?page=x"),
            ("POST", "/v2/customers"),
            ("GET", &path),
            ("PUT", &path),
            ("DELETE", &path),
            ("GET", "/v2/customers/0"),
            ("GET", "/v1/customers"),
        ] {
            let call = api.call(method, path).authorization(authorization).header("X-Request-Id", ID);
            // What is wrong with a payload is nobody's business either.
            let answer = if ["POST", "PUT"].contains(&method) { call.body("{,").send() } else { call.send() };
            assert!(is_unauthorized(&answer), "{method} {path}: {} {}", answer.status, answer.text());
            answers.push(answer.body);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(api.call("GET", path).authorization(None).send().status, 200, "{path}");
    }
    assert_eq!(api.get(&path).status, 200);
}

/// What is wrong with the form is said. Whether a key is unknown, wrong or revoked is not.
fn malformed_credentials_are_explained(engine: Engine) {
    let api = Server::shared(engine).partner();
    let (user, revoked) = api.colleague("viewer");
    assert_eq!(api.delete(&format!("/v2/users/{user}/api_key")).status, 204);
    let (cut, wrong) = (&api.key[..api.key.len() - 1], format!("{}x", &api.key[..api.key.len() - 1]));
    let one_text = "a valid API key is required";
    let mut failures = Failures::default();
    for (header, query, expected) in [
        (None, "", "send it as \"Authorization: Bearer KEY\""),
        (Some("Bearer"), "", "send it as \"Authorization: Bearer KEY\""),
        (None, "?api_key=", "send it as \"Authorization: Bearer KEY\""),
        (Some("Token KEY"), "", "another scheme"),
        (Some("Basic KEY"), "", "another scheme"),
        (Some("<KEY>"), "", "in brackets or quotes"),
        (Some("Bearer <KEY>"), "", "in brackets or quotes"),
        (None, "?api_key=%3CKEY%3E", "in brackets or quotes"),
        (Some("Bearer KEY KEY"), "", "has a space in it"),
        (None, "?api_key=%00", "characters that no key has"),
        (Some("Bearer $TENANTRY_KEY"), "", "the name of a variable"),
        (Some("Bearer tnt_00000000"), "", one_text),
        (Some(cut), "", one_text),
        (Some(&wrong), "", one_text),
        (Some(&revoked.key), "", one_text),
    ] {
        let filled = |text: &str| text.replace("KEY", &api.key);
        let header =
            header.map(|header| if header.contains('$') { header.to_owned() } else { filled(header) });
        let answer = api
            .call("GET", &format!("/v2/me{}", filled(query)))
            .authorization(header.as_deref())
            .header("X-Request-Id", ID)
            .send();
        let said = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        let good = is_unauthorized(&answer)
            && said.contains(expected)
            && !said.contains(&api.key)
            && (expected != one_text || said == one_text);
        failures.case(&format!("{header:?} {query}"), if good { Ok(()) } else { Err(answer.text()) });
    }
    failures.done(15);
}

fn anothers_customer_looks_like_none(engine: Engine) {
    let server = Server::shared(engine);
    let (owner, other) = (server.partner(), server.partner());
    let body = json!({"tags": [{"key": "k", "value": "v"}]});
    let created = owner.post("/v2/customers", &customer(&body));
    let before = owner.get(created.header("location")).text();
    let (id, tag) = (created.json()["id"].to_string(), created.header("etag").to_owned());

    let mut compared = 0;
    for version in ["v1", "v2"] {
        for method in ["GET", "PUT", "DELETE"] {
            for (header, value) in
                [("X-A", "-"), ("If-Match", &tag), ("If-Match", "*"), ("If-None-Match", "*")]
            {
                for payload in [json!({}), json!({"name": "Mine now"}), json!({"margin_percentage": 100})] {
                    let ask = |api: &Api, id: &str| {
                        let call = api.call(method, &format!("/{version}/customers/{id}"));
                        let call = call.header(header, value).header("X-Request-Id", ID);
                        if method == "PUT" { call.json(&payload).send() } else { call.send() }
                    };
                    let (theirs, nobodys) = (ask(&other, &id), ask(&other, "999999999"));
                    let asked = format!("{method} {version} {header} {payload}: {}", theirs.text());
                    assert_eq!((theirs.status, nobodys.status), (404, 404), "{asked}");
                    assert_eq!(theirs.body, nobodys.body, "{asked}");
                    let shown = |answer: &Answer| {
                        let mut headers = answer.headers.clone();
                        headers.remove("date");
                        headers
                    };
                    assert_eq!(shown(&theirs), shown(&nobodys), "{asked}");
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 72);
    assert_eq!(owner.get(&format!("/v2/customers/{id}")).text(), before);
}

fn partners_do_not_see_each_other(engine: Engine) {
    let server = Server::shared(engine);
    let (one, other) = (server.partner(), server.partner());
    // The same name and the same tenant are free with each.
    let by_tenant: Value = json!({"name": "Tenant Corp", "azure_customer_id": "34fdg"});
    for api in [&one, &other] {
        api.create(&customer(&json!({"name": "Acme Corp", "tags": [{"key": "k", "value": "v"}]})));
        api.create(&by_tenant);
    }
    one.create(&customer(&json!({"name": "Only here", "tags": [{"key": "k", "value": "v"}]})));
    for (query, ones, others) in [
        ("", "3", "2"),
        ("?q=acme", "1", "1"),
        ("?q=only", "1", "0"),
        ("?tag=k:v", "2", "1"),
        ("?azure_customer_id=34fdg", "1", "1"),
        ("?cursor=c0", "3", "2"),
    ] {
        let (mine, theirs) =
            (one.get(&format!("/v2/customers{query}")), other.get(&format!("/v2/customers{query}")));
        assert_eq!((mine.header("x-total"), theirs.header("x-total")), (ones, others), "{query}");
        let ids = |answer: &Answer| {
            let list = answer.json()["customers"].as_array().unwrap().clone();
            list.into_iter().map(|customer| customer["generated_external_id"].to_string()).collect::<Vec<_>>()
        };
        let (mine, theirs) = (ids(&mine), ids(&theirs));
        assert_eq!(
            (mine.len().to_string(), theirs.len().to_string()),
            (ones.into(), others.into()),
            "{query}"
        );
        assert!(mine.iter().all(|id| !theirs.contains(id)), "{query}: {mine:?} {theirs:?}");
    }
    // What one deletes, the other keeps.
    let mine = one.get("/v2/customers?q=acme").json()["customers"][0]["id"].clone();
    assert_eq!(one.delete(&format!("/v2/customers/{mine}")).status, 204);
    assert_eq!(other.get("/v2/customers?q=acme").header("x-total"), "1");
}

fn no_key_is_ever_logged(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start_as(&database, &[], |command| {
        command.env("TENANTRY_LOG", "trace");
    });
    let api = server.partner();
    let wrong = "tnt_wrongwrongwrongwrongwrongwrongwrongwrong";
    let mut keys = vec![api.key.clone(), wrong.to_owned()];
    for header in ["Bearer KEY", "KEY", "Basic KEY", "Bearer  KEY x"] {
        for key in [&api.key, wrong] {
            api.call("GET", "/v2/customers").authorization(Some(&header.replace("KEY", key))).send();
        }
    }
    for key in [&api.key, wrong] {
        for path in
            ["/v2/customers", "/v2/customers/", "/v2/customers/7", "/nowhere", "/healthz", "/v2/customers/x"]
        {
            for method in ["GET", "DELETE", "PATCH", "POST"] {
                let call = api.call(method, &format!("{path}?page=1&api_key={key}&api_key={key}"));
                let call = call.authorization(None);
                let post = method == "POST";
                let _ = if post { call.json(&customer(&json!({}))).send() } else { call.send() };
            }
        }
        // Too long, no HTTP, and a body that is no JSON.
        let long = format!("/v2/customers?q={}&api_key={key}", "x".repeat(5000));
        assert_eq!(api.call("GET", &long).authorization(None).send().status, 414);
        api.raw(format!("GET /v2/customers?api_key={key} HTTP/9\r\nAuthorization: {key}\r\n\r\n").as_bytes());
        api.raw(format!("GET /v2/customers?api_key={key}&q=\u{7f} HTTP/1.1\r\n\r\n").as_bytes());
        api.raw(format!("GET /v2/customers HTTP/1.1\r\nAuthorization: {key}\u{0}\r\n\r\n").as_bytes());
        api.call("POST", &format!("/v2/customers?api_key={key}"))
            .body(format!("{{\"api_key\": \"{key}\""))
            .send();
    }
    // A key that is made, and one that is made again.
    let user = api.post("/v2/users", &json!({"email": "b@example.com", "role": "viewer"}));
    assert_eq!(user.status, 201, "{}", user.text());
    let again = api.call("POST", &format!("/v2/users/{}/api_key", user.json()["id"])).send();
    for made in [user, again] {
        keys.push(made.json()["api_key"].as_str().unwrap().to_owned());
    }
    server.signal("TERM");
    server.wait();
    let log = server.log();
    // The control: so much is logged that a key would have had its chance.
    let noisy = if engine == Engine::Postgres { " TRACE tokio_postgres" } else { " DEBUG " };
    for said in [noisy, "path=\"/v2/customers\"", "status=401", "status=200", "status=414"] {
        assert!(log.contains(said), "nothing is logged of {said:?}:\n{}", &log[..log.len().min(3000)]);
    }
    for key in keys {
        // Not the secret in it either.
        let secret = &key[12..key.len() - 6];
        let line = log.lines().find(|line| line.contains(&key) || line.contains(secret));
        assert_eq!(line, None, "{key} was logged");
    }
}
