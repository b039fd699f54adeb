//! Clients that dawdle, and clients that leave.

use crate::lists::listed;
use crate::support::{Api, Database, Engine, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

on_both_engines!(
    a_slow_body_is_given_up,
    a_slow_head_is_given_up,
    half_sent_heads_are_closed_and_hold_nobody_up,
    who_leaves_after_sending_has_created_all_or_nothing,
);

/// A second to arrive, and what a busy machine adds.
const IN_TIME: Duration = Duration::from_secs(10);

fn impatient(engine: Engine) -> (Server, Api, Database) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--request-timeout", "1"]);
    let api = server.admin();
    (server, api, database)
}

fn head(api: &Api, length: usize) -> String {
    format!(
        "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n",
        api.key
    )
}

/// All that comes until the server closes, and how long that takes.
fn rest(mut stream: &TcpStream) -> (String, Duration) {
    let asked = Instant::now();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    (String::from_utf8_lossy(&answer).into_owned(), asked.elapsed())
}

fn a_slow_body_is_given_up(engine: Engine) {
    let (_server, api, _database) = impatient(engine);
    let body = customer(&json!({})).to_string();
    for sent in [0, 1, body.len() - 1] {
        let mut stream = api.connect();
        stream.write_all((head(&api, body.len()) + &body[..sent]).as_bytes()).unwrap();
        let (answer, took) = rest(&stream);
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("did not arrive in time"), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
        assert!(took >= Duration::from_millis(900) && took < IN_TIME, "{took:?}");
    }
    // Drop by drop is slow, too: the second is for the whole body.
    let mut stream = api.connect();
    stream.write_all(head(&api, body.len()).as_bytes()).unwrap();
    let asked = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut start = [0; 13];
    for byte in body.bytes().cycle() {
        if asked.elapsed() > IN_TIME || stream.read(&mut start).is_ok() {
            break;
        }
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(std::str::from_utf8(&start), Ok("HTTP/1.1 408 "));
    assert_eq!(api.get("/v2/customers").header("x-total"), "0");
}

fn a_slow_head_is_given_up(engine: Engine) {
    let (_server, api, _database) = impatient(engine);
    let whole = head(&api, 0);
    for sent in [0, 1, 30, whole.len() - 1] {
        let mut stream = api.connect();
        stream.write_all(&whole.as_bytes()[..sent]).unwrap();
        let (answer, took) = rest(&stream);
        // Nothing is said to a client that has said nothing.
        let good = if sent == 0 { answer.is_empty() } else { answer.starts_with("HTTP/1.1 408 ") };
        assert!(good, "{sent}: {answer}");
        if sent > 0 {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("x-request-id: ") && head.contains("connection: close"), "{answer}");
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["error"], "the request's head did not arrive in time");
        }
        assert!(took >= Duration::from_millis(900) && took < IN_TIME, "{sent}: {took:?}");
    }
    // Drop by drop as well.
    let mut stream = api.connect();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let asked = Instant::now();
    let closed = (0..).find_map(|i| {
        let byte = whole.as_bytes()[i % 14];
        let gone = stream.write_all(&[byte]).is_err() || stream.read(&mut [0; 64]).is_ok();
        (gone || asked.elapsed() > IN_TIME).then(|| asked.elapsed())
    });
    assert!(closed < Some(IN_TIME), "still open after {closed:?}");
    // One that was served has a second for its next request.
    let mut stream = api.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    let (answer, took) = rest(&stream);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(took < IN_TIME, "{took:?}");
}

fn half_sent_heads_are_closed_and_hold_nobody_up(engine: Engine) {
    let (_server, api, _database) = impatient(engine);
    let asked = Instant::now();
    let half: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = api.connect();
            stream.write_all(b"POST /v2/customers HTTP/1.1\r\nHost: t\r\nX-Half: ").unwrap();
            stream
        })
        .collect();
    // Meanwhile all others are served.
    for i in 0..10 {
        api.create(&customer(&json!({"name": format!("Customer {i}")})));
    }
    for stream in &half {
        let (answer, _) = rest(stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    assert!(asked.elapsed() < IN_TIME + IN_TIME, "{:?}", asked.elapsed());
    assert_eq!(api.get("/v2/customers").header("x-total"), "10");
}

fn leaver(i: usize) -> Value {
    let tags: Value = (0..20).map(|t| json!({"key": format!("k{t}"), "value": format!("v{i}")})).collect();
    customer(&json!({"name": format!("Leaver {i}"), "margin_percentage": 12.5, "tags": tags}))
}

fn who_leaves_after_sending_has_created_all_or_nothing(engine: Engine) {
    const LEAVERS: usize = 60;
    let database = Database::new(engine);
    let mut server = Server::start(&database, &[]);
    let api = server.admin();
    let mut half = BTreeSet::new();
    for i in 0..LEAVERS {
        let body = leaver(i).to_string();
        let request = head(&api, body.len()) + &body;
        let mut stream = api.connect();
        match i % 6 {
            // Gone before the end of the body.
            0 => {
                stream.write_all(&request.as_bytes()[..request.len() - 1]).unwrap();
                half.insert(format!("Leaver {i}"));
            }
            // Done sending, but still listening, until nobody is.
            1 => {
                stream.write_all(request.as_bytes()).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            }
            // Twice, so that there is an answer that nobody reads.
            2 => {
                stream.write_all((request.clone() + &request).as_bytes()).unwrap();
                drop(stream.read(&mut [0; 1]));
            }
            // Gone.
            _ => stream.write_all(request.as_bytes()).unwrap(),
        }
    }
    // Readers leave, too, and take nothing with them that others need.
    for _ in 0..LEAVERS {
        let request = format!(
            "GET /v2/customers?per_page=100 HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\n\r\n",
            api.key
        );
        api.connect().write_all(request.as_bytes()).unwrap();
    }
    assert_eq!(api.get("/v2/customers").status, 200);
    // What is under way is finished before the server ends.
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0), "{}", server.log());
    assert!(!server.log().contains("status=5"), "{}", server.log());

    let server = Server::start(&database, &[]);
    let there = listed(&server.admin().get("/v2/customers?per_page=100"));
    let mut names = BTreeSet::new();
    for customer in &there {
        let name = customer["name"].as_str().unwrap().to_owned();
        let i: usize = name.rsplit(' ').next().unwrap().parse().unwrap();
        for (field, value) in leaver(i).as_object().unwrap() {
            assert_eq!(&customer[field], value, "{customer}");
        }
        assert!(!half.contains(&name), "{name} was created of half a request");
        assert!(names.insert(name), "twice: {customer}");
    }
    assert!(names.len() >= 10, "hardly any got through: {names:?}");
}
