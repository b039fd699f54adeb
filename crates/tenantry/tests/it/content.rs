//! Heads and bodies: what is no request is refused in the form of all errors, bodies come compressed and answers go so, and
//! answers that come before the body do not break the connection without saying so.

use crate::metrics::sample;
use crate::support::{Api, Engine, Failures, Server, customer, on_both_engines};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::{Read, Write};

on_both_engines!(
    compressed_bodies_are_read,
    answers_are_compressed_when_asked,
    what_is_no_request_is_refused_in_the_form_of_all_errors,
    early_answers_keep_the_connection_or_say_that_they_do_not,
    conditions_that_do_not_hold,
);

const JSON: &str = "application/json";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn compressed_bodies_are_read(engine: Engine) {
    let api = Server::shared(engine).partner();
    let good = |name: &str| customer(&json!({"name": name})).to_string().into_bytes();
    let halves = |body: &[u8]| [gzip(&body[..10]), gzip(&body[10..])].concat();
    let at_limit = |size: usize| {
        let body = String::from_utf8(good("Large")).unwrap();
        body.replacen('{', &format!("{{{}", " ".repeat(size - body.len())), 1).into_bytes()
    };
    let mut failures = Failures::default();
    for (name, encoding, body, status, part) in [
        ("plain", "", good("A"), 201, "\"A\""),
        ("identity", "identity", good("B"), 201, "\"B\""),
        ("gzip", "gzip", gzip(&good("C")), 201, "\"C\""),
        ("x-gzip, in capitals", "X-GZIP", gzip(&good("D")), 201, "\"D\""),
        ("gzip and identity", "gzip, identity", gzip(&good("E")), 201, "\"E\""),
        ("two members", "gzip", halves(&good("F")), 201, "\"F\""),
        ("1 MiB, compressed", "gzip", gzip(&at_limit(1024 * 1024)), 201, "Large"),
        (
            "a byte more, compressed",
            "gzip",
            gzip(&at_limit(1024 * 1024 + 1)),
            413,
            "larger than 1048576 bytes",
        ),
        ("a bomb", "gzip", gzip(&vec![b' '; 200 << 20]), 413, "larger than 1048576 bytes"),
        ("compressed without saying so", "", gzip(&good("X")), 422, "UTF-8"),
        ("not compressed as it says", "gzip", good("X"), 400, "not valid gzip"),
        ("cut off", "gzip", gzip(&good("X"))[..40].to_vec(), 400, "not valid gzip"),
        (
            "rubbish behind it",
            "gzip",
            [gzip(&good("X")), b"rubbish".to_vec()].concat(),
            400,
            "not valid gzip",
        ),
        ("br", "br", good("X"), 415, "must be gzip"),
        ("deflate", "deflate", good("X"), 415, "must be gzip"),
        ("zstd", "zstd", good("X"), 415, "must be gzip"),
        ("twice", "gzip, gzip", gzip(&gzip(&good("X"))), 415, "must be gzip"),
        ("no known word", "rubbish", good("X"), 415, "must be gzip"),
    ] {
        let bytes = request(&api, encoding, &body);
        let answer = api.raw(&bytes);
        let good = answer.starts_with(&format!("HTTP/1.1 {status} "))
            && answer.contains(part)
            && (status != 415 || answer.contains("accept-encoding: gzip, identity"));
        failures.case(name, if good { Ok(()) } else { Err(answer) });
    }
    failures.done(18);
    assert_eq!(api.get("/v2/customers?q=X").header("x-total"), "0");
    // The same body is the same request, however it was sent.
    let repeat = |body: &[u8], encoding: &str| {
        let call =
            api.call("POST", "/v2/customers").header("Idempotency-Key", "once").header("Content-Type", JSON);
        let call = if encoding.is_empty() { call } else { call.header("Content-Encoding", encoding) };
        call.body(body.to_vec()).send()
    };
    let first = repeat(&good("Once"), "");
    let second = repeat(&gzip(&good("Once")), "gzip");
    assert_eq!((second.status, second.header("idempotency-replayed")), (201, "true"), "{}", second.text());
    assert_eq!(first.text(), second.text());
}

fn request(api: &Api, encoding: &str, body: &[u8]) -> Vec<u8> {
    let encoding =
        if encoding.is_empty() { String::new() } else { format!("Content-Encoding: {encoding}\r\n") };
    let head = format!(
        "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Type: {JSON}\r\n{encoding}\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        api.key,
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn answers_are_compressed_when_asked(engine: Engine) {
    let api = Server::shared(engine).partner();
    for i in 0..20 {
        api.create(&customer(&json!({"name": format!("Customer {i}")})));
    }
    let get = |path: &str, accept: &str| {
        let mut stream = api.connect();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nConnection: close\r\n{accept}\r\n",
            api.key
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
        (head, answer.split_off(end))
    };
    let (head, plain) = get("/v2/customers", "");
    assert!(!head.contains("content-encoding") && plain.len() > 5000, "{head}");
    for (accept, compressed) in [
        ("Accept-Encoding: gzip\r\n", true),
        ("Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1\r\n", true),
        ("Accept-Encoding: identity\r\n", false),
        ("Accept-Encoding: gzip;q=0\r\n", false),
        ("Accept-Encoding: br\r\n", false),
        // Better than nothing is what was asked for without a coding.
        ("Accept-Encoding: identity;q=0\r\n", false),
        ("Accept-Encoding: br, *;q=0.0\r\n", false),
        ("Accept-Encoding: gzip, identity; q=0\r\n", true),
    ] {
        let (head, body) = get("/v2/customers", accept);
        assert_eq!(head.contains("content-encoding: gzip\r\n"), compressed, "{accept}: {head}");
        assert!(head.starts_with("http/1.1 200 ") && head.contains("x-total: 20"), "{head}");
        if compressed {
            assert!(head.contains("vary: accept-encoding"), "{head}");
            let chunks = head.contains("transfer-encoding: chunked");
            let body = if chunks { unchunked(&body) } else { body };
            let mut decoded = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut decoded).unwrap();
            assert!(decoded == plain && body.len() * 3 < plain.len(), "{} of {}", body.len(), plain.len());
        } else {
            assert_eq!(body, plain, "{accept}");
        }
    }
    let (head, _) = get("/v2/customers/999999", "Accept-Encoding: *;q=0\r\n");
    assert!(head.starts_with("http/1.1 404 "), "{head}");
    // What is small is sent as it is.
    let (head, _) = get("/healthz", "Accept-Encoding: gzip\r\n");
    assert!(!head.contains("content-encoding"), "{head}");
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
}

fn what_is_no_request_is_refused_in_the_form_of_all_errors(engine: Engine) {
    let api = Server::shared(engine).partner();
    let get = |headers: &str| format!("GET /v2/me HTTP/1.1\r\nAuthorization: {}\r\n{headers}\r\n", api.key);
    let close = "Connection: close\r\n";
    let refused = |status: u16| sample(&api, &format!("http_requests_refused_total{{status=\"{status}\"}}"));
    let mut failures = Failures::default();
    for (name, request, status, part) in [
        ("good", get(&format!("Host: t\r\n{close}")), 200, "email"),
        ("an empty host", get(&format!("Host: \r\n{close}")), 200, "email"),
        ("a host with a port", get(&format!("Host: t.example:8080\r\n{close}")), 200, "email"),
        ("an IPv6 host", get(&format!("Host: [::1]:8080\r\n{close}")), 200, "email"),
        ("HTTP/1.0 without a host", get("").replace("HTTP/1.1", "HTTP/1.0"), 200, "email"),
        ("no host", get(close), 400, "must have a Host header"),
        ("two hosts", get(&format!("Host: t\r\nHost: u\r\n{close}")), 400, "only one Host header"),
        ("the same host twice", get(&format!("Host: t\r\nHost: t\r\n{close}")), 400, "only one Host header"),
        ("a host that is none", get(&format!("Host: a b\r\n{close}")), 400, "host name or an address"),
        ("a host with a user", get(&format!("Host: a@b\r\n{close}")), 400, "host name or an address"),
        ("no HTTP at all", "hello\r\n\r\n".into(), 400, "not an HTTP/1.1 request"),
        (
            "another version",
            get("Host: t\r\n").replace("HTTP/1.1", "HTTP/9.9"),
            400,
            "not an HTTP/1.1 request",
        ),
        ("a header without a colon", get("Host: t\r\nnonsense\r\n"), 400, "not an HTTP/1.1 request"),
        ("two lengths", get("Host: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n"), 400, "not an HTTP/1.1"),
        ("a head of 31 KB", get(&format!("Host: t\r\nX-A: {}\r\n{close}", "a".repeat(31_000))), 200, "email"),
        ("a head of 33 KB", get(&format!("Host: t\r\nX-A: {}\r\n", "a".repeat(33_000))), 431, "32768 bytes"),
        (
            "a head of 500 KB",
            get(&format!("Host: t\r\nX-A: {}\r\n", "a".repeat(500_000))),
            431,
            "32768 bytes",
        ),
        ("101 headers", get(&format!("Host: t\r\n{}", "X-A: a\r\n".repeat(101))), 431, "100 headers"),
        (
            "gzip, chunked",
            get(&format!("Host: t\r\nTransfer-Encoding: gzip, chunked\r\n{close}")),
            501,
            "chunked",
        ),
        (
            "chunked twice",
            get("Host: t\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            501,
            "chunked",
        ),
        ("behind a good one", get("Host: t\r\n") + "nonsense\r\n\r\n", 400, "not an HTTP/1.1 request"),
    ] {
        let answer = api.raw(request.as_bytes());
        let starts = answer.match_indices("HTTP/1.").map(|(at, _)| &answer[at..]);
        let last = starts
            .filter(|start| start[9..].starts_with(|c: char| c.is_ascii_digit()))
            .last()
            .unwrap_or_default();
        let (head, body) = last.split_once("\r\n\r\n").unwrap_or_default();
        let said: Value = serde_json::from_str(body).unwrap_or_default();
        let shape = status == 200
            || said["error"].as_str().is_some_and(|error| error.contains(part))
                && head.contains(&format!("x-request-id: {}", said["request_id"].as_str().unwrap_or("?")))
                && head.contains("content-type: application/json")
                && head.contains(&format!("content-length: {}", body.len()));
        let good = last.get(9..12) == Some(status.to_string().as_str()) && body.contains(part) && shape;
        failures.case(name, if good { Ok(()) } else { Err(answer.chars().take(600).collect()) });
    }
    failures.done(21);
    assert!(refused(400) >= 5.0 && refused(431) >= 3.0, "{} {}", refused(400), refused(431));
}

fn early_answers_keep_the_connection_or_say_that_they_do_not(engine: Engine) {
    let api = Server::shared(engine).partner();
    let key = api.key.clone();
    let chunked = |size: usize| {
        let chunk = format!("{:x}\r\n{}\r\n", size, "x".repeat(size));
        (String::from("Transfer-Encoding: chunked\r\n"), chunk + "0\r\n\r\n")
    };
    let sized = |size: usize| (format!("Content-Length: {size}\r\n"), "x".repeat(size));
    let mut failures = Failures::default();
    for (name, start, (header, body), status, goes_on) in [
        ("wrong key, small", "POST /v2/customers", sized(1000), 401, true),
        ("wrong key, in chunks", "POST /v2/customers", chunked(1000), 401, true),
        ("wrong key, 64 KiB", "POST /v2/customers", sized(65_536), 401, true),
        ("wrong key, large", "POST /v2/customers", sized(300_000), 401, false),
        ("wrong key, large, in chunks", "POST /v2/customers", chunked(300_000), 401, false),
        ("no such method", "PATCH /v2/customers", sized(1000), 405, true),
        ("no such method, large", "PATCH /v2/customers", sized(300_000), 405, false),
        ("no such path", "POST /nowhere", sized(1000), 404, true),
        ("no such path, large", "POST /nowhere", sized(300_000), 404, false),
        ("a body where none is read", "GET /v2/me", sized(1000), 401, true),
        ("too large", "POST /v2/customers", sized(1_100_000), 413, false),
        ("a URI too long", &format!("POST /{}", "x".repeat(5000)), sized(1000), 414, true),
    ] {
        let first = format!("{start} HTTP/1.1\r\nHost: t\r\nAuthorization: tnt_wrong\r\n{header}\r\n{body}");
        let second =
            format!("GET /v2/me HTTP/1.1\r\nHost: t\r\nAuthorization: {key}\r\nConnection: close\r\n\r\n");
        let answers = api.raw((first + &second).as_bytes());
        let head = answers.split("\r\n\r\n").next().unwrap_or_default();
        let said = head.contains("connection: close");
        let count = answers.matches("HTTP/1.1 ").count();
        let good = head.starts_with(&format!("HTTP/1.1 {status} "))
            && if goes_on {
                !said && count == 2 && answers.contains("HTTP/1.1 200 ")
            } else {
                said && count == 1
            };
        failures.case(name, if good { Ok(()) } else { Err(answers) });
    }
    failures.done(12);
    // Who asks first is not told to send a body that is not read.
    let mut stream = api.connect();
    let asked =
        "POST /v2/customers HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(asked.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close"), "{answer}");
}

fn conditions_that_do_not_hold(engine: Engine) {
    let api = Server::shared(engine).partner();
    let id = api.create(&customer(&json!({})))["id"].clone();
    let path = format!("/v2/customers/{id}");
    let read = api.get(&path);
    let cached = api.call("GET", &path).header("If-None-Match", read.header("etag")).send();
    assert_eq!((cached.status, read.header("cache-control")), (304, "no-store"));
    assert_eq!(cached.header("cache-control"), read.header("cache-control"));
    for method in ["PUT", "DELETE"] {
        let call = api.call(method, &path).header("If-None-Match", "*").header("Content-Type", JSON);
        assert_eq!(call.body("{\"name\": \"Other\"}").send().status, 412, "{method}");
        let missing = api.call(method, "/v2/customers/0").header("If-None-Match", "*");
        assert_eq!(missing.header("Content-Type", JSON).body("{}").send().status, 404, "{method}");
    }
    assert_eq!(api.get(&path).text(), read.text());
}
