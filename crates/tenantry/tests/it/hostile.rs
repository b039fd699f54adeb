//! Bodies and requests that nobody should send. After each the server answers as before, and nothing was written.

use crate::support::{Answer, Api, Engine, Failures, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::io::{Read, Write};

on_both_engines!(
    bodies_that_are_no_payload,
    media_types,
    bodies_that_are_too_large,
    a_body_at_the_limit_is_read,
    uris_at_the_limit_and_beyond,
    requests_that_are_no_http,
);

const JSON: &str = "application/json";

/// No customer is there, no `5xx` was answered, and the next request is served.
fn unharmed(api: &Api, status: u16) -> Result<(), String> {
    let list = api.get("/v2/customers");
    if status >= 500 {
        return Err(format!("answered {status}"));
    }
    if (list.status, list.header("x-total")) != (200, "0") {
        return Err(format!("afterwards: {} {}", list.status, list.text()));
    }
    Ok(())
}

fn good() -> String {
    customer(&json!({})).to_string()
}

/// A good payload with this in the place of its name, and the quotes around.
fn with_name(name: &[u8]) -> Vec<u8> {
    let body = good();
    let (before, after) = body.split_once("\"Acme Corp\"").unwrap();
    [before.as_bytes(), name, after.as_bytes()].concat()
}

#[rustfmt::skip]
fn bodies() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let deep = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth)).into_bytes();
    let field = |text: &str| good().replacen('{', &format!("{{{text},"), 1).into_bytes();
    vec![
        ("nothing", b"".to_vec(), "/name required, /azure_customer_id required", ""),
        ("white space", b" \n".to_vec(), " malformed", ""),
        ("no JSON", b"name=Acme".to_vec(), " malformed", ""),
        ("cut off", good().into_bytes()[..40].to_vec(), "*", "line"),
        ("a comma too many", good().replace("\"Acme Corp\",", "\"Acme Corp\",,").into_bytes(), " malformed", "remove this comma"),
        ("a comma too few", good().replace("\"Acme Corp\",", "\"Acme Corp\"").into_bytes(), " malformed", "put a comma"),
        ("two values", (good() + &good()).into_bytes(), " malformed", ""),
        ("single quotes", good().replace('"', "'").into_bytes(), "*", ""),
        ("a comment", ("// a customer\n".to_owned() + &good()).into_bytes(), "*", ""),
        ("NaN", field("\"margin_percentage\": NaN"), "*", ""),
        ("a NUL", b"\0".to_vec(), " malformed", ""),
        ("a control character in a string", with_name(b"\"Ac\x01me\""), " malformed", ""),
        ("half a surrogate pair", with_name(br#""\ud800""#), " malformed", ""),
        ("half a pair, turned", with_name(br#""\udc00 \ud83d""#), "*", ""),
        ("a NUL in an escape", with_name(br#""a\u0000b""#), "/name invalid", ""),
        ("invalid UTF-8", with_name(b"\"Acme \xff\""), " malformed", "UTF-8"),
        ("overlong UTF-8", with_name(b"\"Acme \xc0\xaf\""), " malformed", "UTF-8"),
        ("UTF-16", good().encode_utf16().flat_map(u16::to_le_bytes).collect(), " malformed", ""),
        ("a key twice", field("\"name\": \"First\""), "/name duplicate", "name is given more than once"),
        ("a key twice, deep inside", good().replace("\"city\":", "\"city\":\"Boston\",\"city\":").into_bytes(), "/address/city duplicate", ""),
        ("a key twice, the other escaped", field(r#""n\u0061me": "First""#), "/name duplicate", ""),
        ("a number beyond all bounds", field("\"margin_percentage\": 1e400"), "*", ""),
        ("a number below all bounds", field("\"margin_percentage\": -1e400"), "*", ""),
        ("a number of 5,000 digits", field(&format!("\"margin_percentage\": {}", "9".repeat(5000))), "*", ""),
        ("an endless zipcode", good().replace("\"01234\"", "1e400").into_bytes(), "*", ""),
        ("5,000 arrays deep", deep("[", "]", 5000), " malformed", ""),
        ("5,000 arrays deep, and no end", "[".repeat(5000).into_bytes(), "*", ""),
        ("5,000 objects deep", deep("{\"a\":", "}", 5000), " malformed", ""),
        ("5,000 arrays deep in a field", field(&format!("\"tags\": {}{}", "[".repeat(5000), "]".repeat(5000))), "*", ""),
        ("a million arrays deep", "[".repeat(1_000_000).into_bytes(), "*", ""),
        ("a hundred thousand tags", field(&format!("\"tags\": [{}1]", "1,".repeat(100_000))), "*", ""),
        ("a hundred thousand keys", field(&(0..60_000).map(|i| format!("\"k{i}\": 1")).collect::<Vec<_>>().join(",")), "*strict", ""),
        ("a hundred thousand times one key", field(&vec!["\"k\": 1"; 100_000].join(",")), "/k duplicate", ""),
        ("a name of a megabyte", with_name(format!("\"{}\"", "n".repeat(1_000_000)).as_bytes()), "/name too_long", ""),
        ("an array", format!("[{}]", good()).into_bytes(), " wrong_type", ""),
        ("a text", b"\"Acme Corp\"".to_vec(), " wrong_type", ""),
        ("a number", b"42".to_vec(), " wrong_type", ""),
        ("true", b"true".to_vec(), " wrong_type", ""),
        ("null", b"null".to_vec(), "*", ""),
        ("an empty array", b"[]".to_vec(), " wrong_type", ""),
        ("a wrong type in every field", json!({
            "name": 1, "azure_customer_id": [], "classification": 1, "trial_expiration_date": 1, "billing_contact": 1,
            "margin_percentage": [], "partner_billing_configuration": 1, "tags": 1,
         }).to_string().into_bytes(),
         "/name wrong_type, /azure_customer_id wrong_type, /classification wrong_type, /trial_expiration_date wrong_type, \
          /billing_contact wrong_type, /margin_percentage wrong_type, /partner_billing_configuration wrong_type, /tags wrong_type", ""),
    ]
}

fn bodies_that_are_no_payload(engine: Engine) {
    let api = Server::shared(engine).partner();
    let mut failures = Failures::default();
    for (name, body, details, part) in bodies() {
        let mut call = api.call("POST", "/v2/customers").header("Content-Type", JSON).body(body);
        if details == "*strict" {
            call = call.header("Prefer", "handling=strict");
        }
        let answer = call.send();
        // A `*`: refused, whatever it is called.
        let named = details.starts_with('*') || answer.status == 422 && answer.details() == details;
        let good =
            answer.status == 422 && named && answer.text().contains(part) && answer.body.len() < 100_000;
        let said: String = answer.text().chars().take(300).collect();
        failures.case(
            name,
            if good { unharmed(&api, answer.status) } else { Err(format!("{} {said}", answer.status)) },
        );
    }
    failures.done(41);
}

fn media_types(engine: Engine) {
    let api = Server::shared(engine).partner();
    let mut failures = Failures::default();
    for (media_type, taken) in [
        (JSON, true),
        ("application/json; charset=utf-8", true),
        ("Application/JSON ; charset=\"UTF-8\"; a=b", true),
        ("application/merge-patch+json", true),
        ("application/vnd.example.v2+json;q=1", true),
        ("", false),
        ("text/plain", false),
        ("text/json", false),
        ("application/x-www-form-urlencoded", false),
        ("multipart/form-data; boundary=x", false),
        ("application/xml", false),
        ("application/jsonp", false),
        ("application/json-seq", false),
        ("application/json+xml", false),
        ("json", false),
        ("*/*", false),
    ] {
        for method in ["POST", "PUT"] {
            let name = format!("{method} {media_type}");
            let created = (method == "PUT").then(|| api.create(&customer(&json!({"name": "Old"}))));
            let path = match &created {
                Some(created) => format!("/v2/customers/{}", created["id"]),
                None => "/v2/customers".to_owned(),
            };
            let call = api.call(method, &path).body(good());
            let answer = if media_type.is_empty() {
                call.send()
            } else {
                call.header("Content-Type", media_type).send()
            };
            let good = match taken {
                true => [200, 201].contains(&answer.status) && answer.json()["name"] == "Acme Corp",
                false => {
                    answer.status == 422
                        && answer.details() == " unsupported_media_type"
                        && answer.text().contains("must be sent with Content-Type: application/json")
                        && created.as_ref().is_none_or(|old| api.get(&path).json() == *old)
                }
            };
            let made = if taken || created.is_some() { answer.json()["id"].as_i64() } else { None };
            let made = made.or_else(|| created.and_then(|created| created["id"].as_i64()));
            if let Some(id) = made {
                assert_eq!(api.delete(&format!("/v2/customers/{id}")).status, 204);
            }
            let said = format!("{} {}", answer.status, answer.text());
            failures.case(&name, if good { unharmed(&api, answer.status) } else { Err(said) });
        }
    }
    failures.done(32);
}

fn is_too_large(answer: &Answer) -> bool {
    answer.status == 413 && answer.json()["error"] == "the body is larger than 1048576 bytes"
}

/// A good payload of so many bytes.
fn padded(size: usize) -> String {
    let body = good();
    let padding = " ".repeat(size - body.len());
    body.replacen('{', &format!("{{{padding}"), 1)
}

fn bodies_that_are_too_large(engine: Engine) {
    let api = Server::shared(engine).partner();
    let call = || api.call("POST", "/v2/customers").header("Content-Type", JSON);
    for (name, size) in
        [("one byte", 1024 * 1024 + 1), ("twice", 2 * 1024 * 1024), ("sixteen times", 16 * 1024 * 1024)]
    {
        let announced = call().body(padded(size)).send();
        assert!(is_too_large(&announced), "{name}: {} {}", announced.status, announced.text());
        unharmed(&api, announced.status).unwrap();
        let chunked = chunked(&api, &padded(size));
        assert!(chunked.starts_with("HTTP/1.1 413 "), "{name}, in chunks: {chunked:?}");
        assert!(chunked.contains("the body is larger than 1048576 bytes"), "{name}, in chunks: {chunked:?}");
        unharmed(&api, 413).unwrap();
    }
    // Who asks first is told before the body is sent.
    for length in ["2097152", "9223372036854775807"] {
        let mut stream = api.connect();
        let head = format!(
            "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Type: {JSON}\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
            api.key
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut start = [0; 13];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(std::str::from_utf8(&start), Ok("HTTP/1.1 413 "), "{length}");
    }
    unharmed(&api, 413).unwrap();
}

/// Sent in chunks of 64 KiB, without a length.
fn chunked(api: &Api, body: &str) -> String {
    let mut bytes = format!(
        "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Type: {JSON}\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        api.key
    )
    .into_bytes();
    for chunk in body.as_bytes().chunks(65536) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    api.raw(&bytes)
}

fn a_body_at_the_limit_is_read(engine: Engine) {
    let api = Server::shared(engine).partner();
    let body = padded(1024 * 1024);
    let announced = api.call("POST", "/v2/customers").header("Content-Type", JSON).body(body.clone()).send();
    assert_eq!(announced.status, 201, "{}", announced.text());
    let chunked = chunked(&api, &body.replace("Acme Corp", "Chunk Ltd"));
    assert!(chunked.starts_with("HTTP/1.1 201 "), "{chunked}");
    assert_eq!(api.get("/v2/customers").header("x-total"), "2");
}

fn uris_at_the_limit_and_beyond(engine: Engine) {
    let api = Server::shared(engine).partner();
    let of = |length: usize| {
        let start = "/v2/customers?colour=";
        format!("{start}{}", "x".repeat(length - start.len()))
    };
    for (length, status) in [(3999, 200), (4000, 200), (4001, 414), (5000, 414), (50_000, 414)] {
        let answer = api.get(&of(length));
        assert_eq!(answer.status, status, "{length}: {}", answer.text());
        if status == 414 {
            assert_eq!(answer.json()["error"], "the URI is longer than 4000 characters");
        }
        // Nor does it change anything.
        let posted =
            api.call("POST", &of(length)).json(&customer(&json!({"name": length.to_string()}))).send();
        assert_eq!(posted.status, if status == 200 { 201 } else { 414 });
        if status == 200 {
            let path = format!("/v2/customers/{}", posted.json()["id"]);
            assert_eq!(api.delete(&path).status, 204);
        }
        unharmed(&api, posted.status).unwrap();
    }
    let path = api.get(&format!("/v2/customers/{}", "1".repeat(5000)));
    assert_eq!(path.status, 414);
    unharmed(&api, 414).unwrap();
}

fn requests_that_are_no_http(engine: Engine) {
    let api = Server::shared(engine).partner();
    let body = good();
    let head =
        format!("Host: t\r\nAuthorization: {}\r\nContent-Type: {JSON}\r\nConnection: close\r\n", api.key);
    let post = format!("POST /v2/customers HTTP/1.1\r\n{head}");
    let length = body.len();
    let mut failures = Failures::default();
    for (name, request) in [
        ("no HTTP at all", "hello\r\n\r\n".to_owned()),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned()),
        (
            "another version",
            format!("POST /v2/customers HTTP/9.9\r\n{head}Content-Length: {length}\r\n\r\n{body}"),
        ),
        ("a header without a colon", format!("{post}nonsense\r\nContent-Length: {length}\r\n\r\n{body}")),
        (
            "a header of 500,000 characters",
            format!("{post}X-Long: {}\r\nContent-Length: {length}\r\n\r\n{body}", "x".repeat(500_000)),
        ),
        (
            "10,000 headers",
            format!("{post}{}Content-Length: {length}\r\n\r\n{body}", "X-A: b\r\n".repeat(10_000)),
        ),
        ("two lengths", format!("{post}Content-Length: {length}\r\nContent-Length: 3\r\n\r\n{body}")),
        ("a negative length", format!("{post}Content-Length: -1\r\n\r\n{body}")),
        ("a length that is none", format!("{post}Content-Length: many\r\n\r\n{body}")),
        ("another encoding", format!("{post}Transfer-Encoding: gzip\r\n\r\n{body}")),
        (
            "a chunk size that is none",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{body}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk of endless size",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{body}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk that is shorter than it says",
            format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\n{body}\r\n0\r\n\r\n"),
        ),
    ] {
        let answer = api.raw(request.as_bytes());
        let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
        failures.case(
            name,
            match status {
                // Closed without a word, or refused.
                None if answer.is_empty() => unharmed(&api, 400),
                Some(status @ 400..500) => unharmed(&api, status),
                _ => Err(answer),
            },
        );
    }
    // Both a length and chunks is what smuggling is made of: refused, or the chunks are the body and nothing follows it.
    let smuggled = format!(
        "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Type: {JSON}\r\nContent-Length: 5\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{post}Content-Length: {length}\r\n\r\n{body}",
        api.key
    );
    let answers = api.raw(smuggled.as_bytes()).matches("HTTP/1.1 ").count();
    failures.case(
        "a length and chunks",
        if answers <= 1 { unharmed(&api, 400) } else { Err(format!("{answers} answers")) },
    );
    failures.done(14);
}

#[test]
fn the_check_that_nothing_was_written_can_fail() {
    let api = Server::shared(Engine::Sqlite).partner();
    unharmed(&api, 422).unwrap();
    assert!(unharmed(&api, 500).is_err());
    let _: Value = api.create(&customer(&json!({})));
    assert!(unharmed(&api, 422).is_err());
}
