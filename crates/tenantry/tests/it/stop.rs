//! SIGTERM: what is under way is finished, and nothing is left lying about.

use crate::support::{Database, Engine, Server, customer, on_both_engines, wait_until};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

on_both_engines!(
    what_is_under_way_is_finished,
    idle_connections_do_not_hold_it_up,
    an_interrupt_ends_it_too,
    load_balancers_are_told_before
);

fn what_is_under_way_is_finished(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &[]);
    let api = server.admin();

    // A create whose body is half there when the signal comes.
    let body = customer(&json!({})).to_string();
    let head = format!(
        "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        api.key,
        body.len()
    );
    let mut stream = api.connect();
    stream.write_all(head.as_bytes()).unwrap();
    // `100 Continue` shows that the server has begun to read the body.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let (first, rest) = body.split_at(body.len() / 2);
    stream.write_all(first.as_bytes()).unwrap();

    let asked = Instant::now();
    server.signal("TERM");
    until_refused(server.address);
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");

    let (status, _) = server.wait();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    one_file_remains(engine, &database);

    let server = Server::start(&database, &[]);
    assert_eq!(server.admin().get("/v2/customers").header("x-total"), "1");
}

fn idle_connections_do_not_hold_it_up(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &[]);
    let mut idle = server.admin().connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 15]).unwrap();
    let _silent = server.admin().connect();

    let asked = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0), "{}", server.log());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    one_file_remains(engine, &database);
}

fn an_interrupt_ends_it_too(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &[]);
    server.signal("INT");
    assert_eq!(server.wait().0.code(), Some(0), "{}", server.log());
    one_file_remains(engine, &database);
}

fn load_balancers_are_told_before(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &["--shutdown-delay", "600"]);
    let api = server.admin();
    assert_eq!(api.get("/readyz").status, 200);
    server.signal("TERM");
    let asked = Instant::now();
    let mut answer = api.get("/readyz");
    while answer.status == 200 {
        assert!(asked.elapsed() < Duration::from_secs(10));
        answer = api.get("/readyz");
    }
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("the server is stopping")));
    // Meanwhile it serves.
    api.create(&customer(&json!({})));
    assert_eq!(api.get("/healthz").status, 200);
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0), "{}", server.log());
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
}

/// Wait until nobody listens there any more.
fn until_refused(address: std::net::SocketAddr) {
    wait_until(Duration::from_secs(30), "connections are refused", || TcpStream::connect(address).is_err());
}

/// The database alone, without a WAL.
fn one_file_remains(engine: Engine, database: &Database) {
    let mut files: Vec<String> = std::fs::read_dir(database.folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("tenantry.db"))
        .collect();
    files.sort();
    let expected: &[&str] = if engine == Engine::Sqlite { &["tenantry.db"] } else { &[] };
    assert_eq!(files, expected);
}
