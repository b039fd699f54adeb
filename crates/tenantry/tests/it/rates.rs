//! How often, and how much at the same time, one key, one partner and one address may ask; and refusals in the audit trail.

use crate::support::{Answer, Api, Database, Engine, NOW, Server, on_both_engines};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

on_both_engines!(
    a_key_has_a_rate,
    an_address_without_a_valid_key_has_a_rate,
    requests_at_the_same_time_are_bounded,
    requests_beyond_the_slots_wait,
    refusals_are_one_event_a_minute,
    a_storm_of_refusals_is_limited,
    a_refused_connection_is_paused,
    who_waits_does_not_queue_behind_those_who_do_not,
);

/// The status of so many requests for `path`, each the same.
fn statuses(api: &Api, path: &str, count: usize) -> Vec<u16> {
    (0..count).map(|_| api.get(path).status).collect()
}

fn is_limited(answer: &Answer, policy: &str) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert!(
        answer.header("ratelimit-policy").starts_with(&format!("\"{policy}\";q=")),
        "{:?}",
        answer.headers
    );
    assert_eq!(answer.header("ratelimit"), format!("\"{policy}\";r=0;t={wait}"));
    assert_eq!(
        (answer.header("ratelimit-remaining"), answer.header("ratelimit-reset")),
        ("0", &*wait.to_string())
    );
    assert!(answer.text().contains("too many requests"), "{}", answer.text());
}

fn refused(api: &Api, policy: &str) -> f64 {
    let name = format!("tenantry_requests_refused_total{{limit=\"{policy}\"}} ");
    let scraped = api.call("GET", "/metrics").send().text();
    scraped.lines().find_map(|line| line.strip_prefix(&name)).map_or(0.0, |value| value.parse().unwrap())
}

fn a_key_has_a_rate(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--key-rate", "1"]);
    let admin = server.admin();
    let (_, other) = admin.colleague("viewer");
    let asked = statuses(&admin, "/v2/me", 60);
    assert!(asked[..5].iter().all(|status| *status == 200), "{asked:?}");
    assert!(asked.contains(&429), "{asked:?}");
    while admin.get("/v2/me").status != 429 {}
    is_limited(&admin.get("/v2/me"), "key");
    assert_eq!(other.get("/v2/me").status, 200, "another key has a rate of its own");
    assert!(refused(&other, "key") > 0.0);
    let lines = server.log().lines().filter(|line| line.contains("requests beyond a limit")).count();
    assert!((1..=20).contains(&lines), "{lines} lines");
    // The control: without the limit.
    drop(server);
    let server = Server::start(&database, &["--key-rate", "0"]);
    assert!(statuses(&server.admin(), "/v2/me", 60).iter().all(|status| *status == 200));
}

fn an_address_without_a_valid_key_has_a_rate(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--address-rate", "1"]);
    let admin = server.admin();
    assert_eq!(admin.get("/v2/me").status, 200);
    for (name, stranger, path, status) in [
        ("a wrong key", admin.with_key("wrong"), "/v2/me", 401),
        ("the document", admin.with_key("wrong"), "/openapi.json", 200),
        ("no such path", admin.with_key("wrong"), "/nowhere", 404),
    ] {
        let asked = statuses(&stranger, path, 60);
        assert!(asked.contains(&429) && asked.iter().all(|s| [429, status].contains(s)), "{name}: {asked:?}");
    }
    let stranger = admin.with_key("another wrong one");
    while stranger.get("/v2/me").status != 429 {}
    is_limited(&stranger.get("/v2/me"), "address");
    assert!(
        statuses(&admin, "/v2/me", 30).iter().all(|status| *status == 200),
        "a valid key is not locked out"
    );
    // The control: without the limit.
    drop(server);
    let server = Server::start(&database, &["--address-rate", "0"]);
    let stranger = server.admin().with_key("wrong");
    assert!(statuses(&stranger, "/v2/me", 60).iter().all(|status| *status == 401));
}

/// A create whose body the server has asked for, and does not get.
fn begin_create(admin: &Api) -> TcpStream {
    let mut stream = admin.connect();
    let head = format!(
        "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\nExpect: 100-continue\r\n\r\n",
        admin.key,
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The body is asked for once the key was found to be valid.
    let mut line = [0; 25];
    stream.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// They are not refused, and one that itself waits for its client does not keep them waiting.
fn requests_beyond_the_slots_wait(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--partner-slots", "1"]);
    let admin = server.admin();
    let statuses = |api: &Api| {
        std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| api.get("/v2/me").status)).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect::<Vec<_>>()
        })
    };
    assert_eq!(statuses(&admin), [200; 8]);
    assert_eq!(statuses(&admin.with_key("wrong")), [401; 8]);
    let _begun: Vec<_> = (0..3).map(|_| begin_create(&admin)).collect();
    assert_eq!(statuses(&admin), [200; 8]);
}

/// A request whose body is still to come is under way.
fn requests_at_the_same_time_are_bounded(engine: Engine) {
    let database = Database::new(engine);
    for (limit, count) in [("1", 1), ("3", 3), ("0", 5)] {
        let server = Server::start(&database, &["--key-concurrency", limit]);
        let admin = server.admin();
        let begun: Vec<_> = (0..count).map(|_| begin_create(&admin)).collect();
        let answer = admin.get("/v2/me");
        if limit == "0" {
            assert_eq!(answer.status, 200, "the control: without the limit");
            continue;
        }
        is_limited(&answer, "key-concurrency");
        let policy = format!("\"key-concurrency\";q={limit};qu=\"concurrent-requests\"");
        assert_eq!(answer.header("ratelimit-policy"), policy);
        assert!(refused(&admin, "key-concurrency") > 0.0);
        drop(begun);
        // The server finds out that they are gone.
        while admin.get("/v2/me").status != 200 {}
    }
}

fn counts(trail: &[Value]) -> Vec<(&str, u64)> {
    let count = |event: &Value| event["after"]["count"].as_u64().unwrap_or(1);
    trail.iter().map(|event| (event["reason"].as_str().unwrap(), count(event))).collect()
}

fn refusals_are_one_event_a_minute(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let (_, viewer) = admin.colleague("viewer");
    let change = "the role viewer may not change customers, assignments and customers' users";
    let audit = "the role viewer may not read the audit trail";
    let refused = |path: &str| assert_eq!(viewer.delete(path).status, 403);
    (1..=7).for_each(|i| refused(&format!("/v2/customers/{i}")));
    assert_eq!(viewer.get("/v2/audit_events").status, 403);
    let trail = admin.trail("action=access.refused");
    assert_eq!(counts(&trail), [(change, 1), (audit, 1)], "the first of each is written at once");
    // The next minute's first refusal tells of those before it.
    admin.set_clock("2016-09-15T18:18:04Z");
    refused(&format!("/v2/customers/{}1", "0".repeat(3000)));
    let trail = admin.trail("action=access.refused");
    assert_eq!(counts(&trail), [(change, 1), (audit, 1), (change, 7)]);
    let object = trail[2]["object"].as_str().unwrap();
    assert!(object.starts_with("DELETE /v2/customers/000") && object.len() < 300, "{object}");
    // So does the end of the server.
    (1..=3).for_each(|i| refused(&format!("/v2/customers/{i}")));
    let mut server = server;
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0), "{}", server.log());
    let server = Server::start(&database, &["--sandbox", "--at", "2016-09-15T18:18:05Z"]);
    let trail = server.admin().trail("action=access.refused");
    assert_eq!(counts(&trail), [(change, 1), (audit, 1), (change, 7), (change, 3)]);
    let verified = server.run(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

fn a_storm_of_refusals_is_limited(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let (_, viewer) = admin.colleague("viewer");
    let asked: Vec<u16> = (0..320).map(|_| viewer.delete("/v2/customers/1").status).collect();
    assert_eq!(asked.iter().filter(|status| **status == 403).count(), 300, "{asked:?}");
    assert!(asked[300..].iter().all(|status| *status == 429), "{asked:?}");
    let limited = viewer.delete("/v2/customers/1");
    assert_eq!((limited.status, limited.header("retry-after")), (429, "60"));
    assert!(limited.text().contains("the role viewer may not change customers"), "{}", limited.text());
    assert_eq!(viewer.get("/v2/customers").status, 200, "what the user may do, it still may");
    assert_eq!(admin.trail("action=access.refused").len(), 1);
    admin.set_clock("2016-09-15T18:18:04Z");
    assert_eq!(viewer.delete("/v2/customers/1").status, 403);
    assert_eq!(counts(&admin.trail("action=access.refused"))[1].1, 321);
}

/// Sends a request without a key on this connection; the status of its answer.
fn ask(mut stream: &TcpStream) -> u16 {
    stream.write_all(b"GET /v2/me HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let head = String::from_utf8(answer).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    head[9..12].parse().unwrap()
}

/// How long a refused request and the one behind it take, at the least of three tries.
fn wait_behind_refusal(server: &Server) -> Duration {
    let waits = (0..3).map(|_| {
        let stream = server.admin().connect();
        loop {
            let began = Instant::now(); // before the refusal: the pause begins when it has been sent
            if ask(&stream) == 429 {
                ask(&stream);
                return began.elapsed();
            }
        }
    });
    waits.min().unwrap()
}

/// Nobody else's requests come on it.
fn a_refused_connection_is_paused(engine: Engine) {
    let database = Database::new(engine);
    // A little less than what `Retry-After` says.
    let second = Duration::from_millis(950);
    let server = Server::start(&database, &["--address-rate", "1"]);
    let waited = wait_behind_refusal(&server);
    assert!(waited >= second, "{waited:?}");
    drop(server);
    // The control: behind a proxy they do.
    let server = Server::start(&database, &["--address-rate", "1", "--trusted-proxies", "127.0.0.1"]);
    let waited = wait_behind_refusal(&server);
    assert!(waited < second, "{waited:?}");
}

/// Connections that go on sending behind refusals, and how much: 250 a second are gone on with, so this takes 40 seconds.
const IMPATIENT: usize = 200;
const REQUESTS: usize = 50;

fn who_waits_does_not_queue_behind_those_who_do_not(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--address-rate", "1"]);
    let api = server.admin();
    let patient = api.connect();
    while ask(&patient) != 429 {}
    let requests = "GET /v2/me HTTP/1.1\r\nHost: t\r\n\r\n".repeat(REQUESTS);
    let impatient: Vec<TcpStream> = (0..IMPATIENT)
        .map(|_| {
            let mut stream = api.connect();
            stream.write_all(requests.as_bytes()).unwrap();
            stream
        })
        .collect();
    // Nothing is sent to who asks nothing.
    patient.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    assert!((&patient).read(&mut [0]).is_err());
    patient.set_read_timeout(Some(PATIENCE)).unwrap();
    ask(&patient);
    let answers = |mut stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let mut answers = Vec::new();
        drop(stream.read_to_end(&mut answers)); // until nothing more has come
        String::from_utf8_lossy(&answers).matches("HTTP/1.1 ").count()
    };
    assert!(impatient.iter().map(answers).any(|count| count < REQUESTS), "all others were answered before");
}
