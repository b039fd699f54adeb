//! The log: what a line says, what it must not say, and a standard error that is not read.

use crate::metrics::sample;
use crate::support::{Database, Engine, Server, command, customer, on_both_engines, wait_until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

on_both_engines!(
    a_line_says_who_asked_from_where,
    failed_sign_ins_are_logged_with_their_address,
    keys_are_blanked_wherever_they_stand,
    a_hangup_does_not_end_it,
);

fn a_line_says_who_asked_from_where(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start_as(&database, &["--trusted-proxies", "127.0.0.1"], |command| {
        command.env("TENANTRY_LOG_FORMAT", "JSON").env("TENANTRY_LOG", "Info");
        command.env("TENANTRY_BOOTSTRAP_KEY", "the-key-that-the-tests-have-chosen-0123456789");
    });
    let api = server.admin();
    let (_, viewer) = api.colleague("viewer");
    let me = viewer.get("/v2/me").json();
    let sent = [
        ("first", true, "/v2/customers/0", "identity"),
        ("second", false, "/nowhere", "identity"),
        ("third", true, "/openapi.json", "gzip"),
    ];
    let sizes = sent.map(|(id, key, path, encoding)| {
        let call = viewer.call("GET", path).header("X-Request-Id", id).header("Accept-Encoding", encoding);
        let call = call.header("X-Forwarded-For", "203.0.113.9:4711");
        let answer = if key { call.send() } else { call.authorization(None).send() };
        answer.body.len()
    });
    let log = server.log();
    let line = |id: &str| {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&format!("\"{id}\""))).collect();
        let [line] = lines[..] else { panic!("{lines:?}") };
        for name in ["message", "id", "client", "method", "path", "route", "status", "duration_us", "bytes"] {
            assert_eq!(line.matches(&format!("\"{name}\":")).count(), 1, "{name}: {line}");
        }
        let mut line: Value = serde_json::from_str(line).unwrap();
        assert!(line["duration_us"].take().as_u64().is_some_and(|duration| duration > 0));
        assert!(line["timestamp"].take().is_string());
        line
    };
    let first = line("first");
    assert_eq!(first["span"]["key"].as_str().map(str::len), Some(8), "{first}");
    for (part, expected) in [
        ("message", json!("request completed")),
        ("level", json!("INFO")),
        ("status", json!(404)),
        ("route", json!("/v2/customers/{id}")),
    ] {
        assert_eq!(first[part], expected, "{first}");
    }
    for (part, expected) in [
        ("client", json!("203.0.113.9")),
        ("method", json!("GET")),
        ("path", json!("/v2/customers/0")),
        ("partner", me["partner"]["id"].clone()),
        ("user", me["id"].clone()),
    ] {
        assert_eq!(first["span"][part], expected, "{first}");
    }
    let second = line("second");
    assert_eq!((&second["route"], &second["span"]["partner"]), (&json!("none"), &Value::Null), "{second}");
    assert_eq!((&first["bytes"], &second["bytes"]), (&json!(sizes[0]), &json!(sizes[1])), "{first} {second}");
    let third = line("third");
    assert_eq!((&third["message"], &third["status"]), (&json!("request completed"), &json!(200)), "{third}");
    // Sent compressed, in pieces of no known sum.
    assert!(third["bytes"].as_u64().is_some_and(|bytes| bytes > 1000), "{third}");
}

fn failed_sign_ins_are_logged_with_their_address(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--trusted-proxies", "127.0.0.1"]);
    let api = server.admin().with_key("tnt_wrong");
    for address in ["203.0.113.9", "2001:db8::9"] {
        for _ in 0..120 {
            assert_eq!(api.call("GET", "/v2/me").header("X-Forwarded-For", address).send().status, 401);
        }
    }
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("sign-in failed")).collect();
    for address in ["203.0.113.9", "2001:db8::9"] {
        for failures in [1, 10, 100] {
            let found = lines.iter().filter(|line| {
                line.contains(&format!("client={address} "))
                    && line.contains(&format!("failures={failures} "))
            });
            assert_eq!(found.count(), 1, "{address} {failures}: {lines:?}");
        }
    }
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert_eq!(sample(&server.admin(), "tenantry_sign_in_failures_total"), 240.0);
}

fn keys_are_blanked_wherever_they_stand(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let admin = server.admin();
    let (_, api) = admin.colleague("admin");
    let key = api.key.clone();
    let secret = &key[12..];
    let encoded = key.replace("tnt_", "%74nt%5f");
    for path in [format!("/v2/me/{key}"), format!("/{encoded}"), format!("/v2/customers?q={key}")] {
        api.get(&path);
        api.call("GET", &path).header("User-Agent", &key).header("X-Request-Id", &key).send();
    }
    let made =
        api.call("POST", "/v2/customers").header("X-Request-Id", &key).json(&customer(&json!({}))).send();
    assert_eq!(made.status, 201, "{}", made.text());
    // Refusals are in the audit trail, with the path that was asked for.
    let (_, user) = api.user_of(made.json()["id"].as_i64().unwrap());
    assert_eq!(user.get(&format!("/v1/customer_statements/1/files/{key}")).status, 403);
    let log = server.log();
    assert!(log.contains("/v2/me/tnt_…") && log.matches("tnt_…").count() >= 8, "{log}");
    assert!(!log.contains(secret), "{log}");
    let trail = Value::from(admin.trail("")).to_string();
    assert!(
        trail.contains("/v1/customer_statements/1/files/tnt_…") && trail.contains("\"tnt_…\""),
        "{trail}"
    );
    assert!(!trail.contains(secret), "{trail}");
}

fn a_hangup_does_not_end_it(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &[]);
    server.signal("HUP");
    wait_until(Duration::from_secs(30), "the reload is logged", || {
        server.log().contains("configuration reloaded")
    });
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
}

/// Lines are 8,192 at the most that wait, and a pipe takes 64 KB.
#[test]
fn a_standard_error_that_is_not_read_stops_only_the_log() {
    let database = Database::new(Engine::Sqlite);
    let (mut unread, stderr) = std::io::pipe().unwrap();
    let mut server = Server::start_as(&database, &["--address-rate", "0"], |command| {
        command.env("TENANTRY_LOG", "trace").stderr(stderr);
        command.env("TENANTRY_BOOTSTRAP_KEY", "the-key-that-the-tests-have-chosen-0123456789");
    });
    let api = server.admin();
    let dropped = || sample(&api, "tenantry_log_lines_dropped_total");
    let begun = Instant::now();
    while dropped() == 0.0 {
        let asks = "GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n".repeat(200)
            + "GET /nowhere HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
        assert_eq!(api.raw(asks.as_bytes()).matches("HTTP/1.1 404 ").count(), 201);
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing was dropped");
    }
    // It still serves, and says afterwards what is missing.
    api.create(&customer(&json!({})));
    let (told, saying) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut lines = BufReader::new(&mut unread).lines().map_while(Result::ok);
        told.send(lines.any(|line| line.contains("log lines were dropped"))).unwrap();
        // And not read again.
        unread
    });
    assert_eq!(saying.recv_timeout(Duration::from_secs(30)), Ok(true));
    let _unread = reader.join().unwrap();
    while begun.elapsed() < Duration::from_secs(60) {
        let before = dropped();
        let asks = "GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n".repeat(200)
            + "GET /nowhere HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
        api.raw(asks.as_bytes());
        if dropped() > before {
            break;
        }
    }
    let asked = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());

    // The control: where it is read, nothing is dropped.
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &[]);
    (0..100).for_each(|_| drop(server.admin().get("/nowhere")));
    assert_eq!(sample(&server.admin(), "tenantry_log_lines_dropped_total"), 0.0);
}

#[test]
fn settings_of_the_log_that_are_wrong_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, part) in [
        ("TENANTRY_LOG", "verbose", "must be a level (off, error, warn, info, debug or trace)"),
        (
            "TENANTRY_LOG",
            "tenantry=loud",
            "TENANTRY_LOG: the value \"tenantry=loud\" of the environment is not one for --log-level: must be",
        ),
        ("TENANTRY_LOG", "info,[broken=debug", "--log-level: must be"),
        ("TENANTRY_LOG_FORMAT", "xml", "--log-format: must be text or json"),
    ] {
        let output = command(folder.path(), &["doctor"]).env(name, value).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(part), "{name}={value}: {said}");
    }
}

#[test]
fn a_standard_output_that_is_closed_ends_quietly() {
    let database = Database::new(Engine::Sqlite);
    drop(Server::start(&database, &[]));
    for args in [&["serve", "--listen", "127.0.0.1:0"][..], &["audit", "verify"], &["partner", "list"]] {
        let (reader, stdout) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(database.folder(), args);
        command
            .args(["--database", &database.url])
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{args:?}: {said}");
        let lines: Vec<&str> = said.lines().filter(|line| !line.contains(" INFO ")).collect();
        assert!(lines.is_empty(), "{args:?}: {said}");
    }
    // A disk that is full is another matter.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = command(database.folder(), &["partner", "list"]);
    let output = command.args(["--database", &database.url]).stdout(full).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("cannot write to standard output"), "{said}");
}
