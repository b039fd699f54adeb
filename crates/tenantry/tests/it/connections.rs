//! Clients that take more than their share of connections and memory: that never read, that open too many connections, that
//! hold back the last byte of large bodies. What is bounded is bounded for them, and others are served.

use crate::metrics::sample;
use crate::support::{Api, Database, Engine, Server, customer, wait_for, wait_until};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What is waited for comes well within this.
const PATIENCE: Duration = Duration::from_secs(30);
const MIB: usize = 1024 * 1024;

/// A connection from another address of this machine.
fn connect_from(ip: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Ask on this connection, and read the head of the answer; empty where the connection was closed.
fn ask(mut stream: &TcpStream, request: &str) -> String {
    drop(stream.write_all(request.as_bytes()));
    read_head(stream)
}

fn read_head(mut stream: &TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

const ALIVE: &str = "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n";

fn is_served(stream: &TcpStream) -> bool {
    ask(stream, ALIVE).starts_with("HTTP/1.1 200 ")
}

/// Wait until this is so.
fn until(what: &str, so: impl Fn() -> bool) {
    wait_until(PATIENCE, what, so);
}

/// Connections that ask for more than the system buffers, and read nothing.
fn that_never_read(server: &Server, count: usize) -> Vec<TcpStream> {
    let asks = "GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n".repeat(40);
    let connections = (0..count).map(|_| {
        let mut stream = connect_from([127, 0, 0, 1], server.address);
        stream.write_all(asks.as_bytes()).unwrap();
        stream
    });
    connections.collect()
}

#[test]
fn clients_that_never_read_are_given_up() {
    const COUNT: usize = 12;
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--write-timeout", "1"]);
    let api = server.admin();
    let stalled = || sample(&api, "tenantry_connections_stalled_total");
    let never = that_never_read(&server, COUNT);
    until("all are given up", || stalled() >= COUNT as f64);
    until("their places are free", || sample(&api, "tenantry_connections") <= 2.0);
    drop(never);

    // The control: with another limit they stay for as long as this took.
    let other = Database::new(Engine::Sqlite);
    let patient = Server::start(&other, &["--write-timeout", "3600"]);
    let never = that_never_read(&patient, COUNT);
    let begun = Instant::now();
    until("three times the other limit is over", || {
        assert!(sample(&patient.admin(), "tenantry_connections") > COUNT as f64);
        begun.elapsed() > Duration::from_secs(3)
    });
    assert_eq!(sample(&patient.admin(), "tenantry_connections_stalled_total"), 0.0);
    drop(never);
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_it() {
    const ASKS: usize = 12;
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--write-timeout", "1"]);
    let whole = server.admin().get("/openapi.json").body.len();
    let mut stream = connect_from([127, 0, 0, 1], server.address);
    stream.write_all("GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n".repeat(ASKS).as_bytes()).unwrap();
    let (begun, mut read, mut buffer) = (Instant::now(), 0, vec![0; 64 * 1024]);
    while read < whole * ASKS {
        let more = stream.read(&mut buffer).unwrap();
        assert!(more > 0, "closed after {read} bytes, {:?}", begun.elapsed());
        read += more;
        // Slower than the limit for the whole, and never without taking something for as long.
        if begun.elapsed() < Duration::from_secs(3) {
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }
    assert!(begun.elapsed() > Duration::from_secs(1), "that was not slow: {:?}", begun.elapsed());
    assert_eq!(sample(&server.admin(), "tenantry_connections_stalled_total"), 0.0);
}

#[test]
fn one_address_cannot_have_all_connections() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--max-connections", "40"]);
    let mut own: Vec<TcpStream> = (0..20).map(|_| connect_from([127, 0, 0, 1], server.address)).collect();
    assert!(own.iter().all(is_served));
    for _ in 0..5 {
        let mut refused = connect_from([127, 0, 0, 1], server.address);
        let mut answer = String::new();
        drop(refused.write_all(ALIVE.as_bytes()));
        refused.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        for part in ["http/1.1 503 ", "retry-after: 1", "connection: close", "x-request-id: "] {
            assert!(head.contains(part), "{part} is missing: {answer}");
        }
        let body: Value = serde_json::from_str(body).unwrap();
        assert!(body["error"].as_str().unwrap().contains("too many open connections"), "{body}");
    }
    // Others are served, and so is this address when it has closed one.
    let other = connect_from([127, 0, 0, 2], server.address);
    assert!(is_served(&other));
    own.pop();
    until("the place is free", || is_served(&connect_from([127, 0, 0, 1], server.address)));
    drop(own);
    until("the address may connect again", || is_served(&connect_from([127, 0, 0, 1], server.address)));
    assert!(sample(&server.admin(), "tenantry_connections_refused_total") >= 5.0);
    assert_eq!(sample(&server.admin(), "tenantry_connections_max"), 40.0);
    assert!(server.log().contains("connections refused: their address has too many"), "{}", server.log());

    // The control: with another limit all are served.
    let database = Database::new(Engine::Sqlite);
    let args = ["--max-connections", "40", "--max-connections-per-address", "40"];
    let server = Server::start(&database, &args);
    let own: Vec<TcpStream> = (0..26).map(|_| connect_from([127, 0, 0, 1], server.address)).collect();
    assert!(own.iter().all(is_served));
    // Nor are trusted proxies counted.
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--max-connections", "40", "--trusted-proxies", "127.0.0.1"]);
    let own: Vec<TcpStream> = (0..26).map(|_| connect_from([127, 0, 0, 1], server.address)).collect();
    assert!(own.iter().all(is_served));
}

#[test]
fn running_out_of_connections_is_said() {
    let database = Database::new(Engine::Sqlite);
    let args = ["--max-connections", "16", "--max-connections-per-address", "16"];
    let server = Server::start(&database, &args);
    let all: Vec<TcpStream> = (0..16).map(|_| connect_from([127, 0, 0, 1], server.address)).collect();
    assert!(all.iter().all(is_served));
    // One more waits in the system's queue, and is served when another ends.
    let waiting = connect_from([127, 0, 0, 2], server.address);
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    (&waiting).write_all(ALIVE.as_bytes()).unwrap();
    let kind = (&waiting).read(&mut [0; 1]).unwrap_err().kind();
    assert!([ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&kind), "{kind:?}");
    drop(all);
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(read_head(&waiting).starts_with("HTTP/1.1 200 "));
    assert!(sample(&server.admin(), "tenantry_connections_exhausted_total") >= 1.0);
    assert!(server.log().contains("all connections are in use"), "{}", server.log());
}

/// All of a body of 1 MiB but its last byte, from this address; and what is answered before that, if anything is.
fn hold_back(api: &Api, ip: [u8; 4]) -> (TcpStream, u16) {
    let mut stream = connect_from(ip, api.address);
    let head = format!(
        "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {MIB}\r\n\r\n",
        api.key
    );
    stream.write_all(head.as_bytes()).unwrap();
    let body = vec![b' '; MIB - 1];
    drop(stream.write_all(&body));
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let head = read_head(&stream);
    let status = head.get(9..12).map_or(0, |status| status.parse().unwrap());
    assert!(status == 0 || head.to_ascii_lowercase().contains("retry-after: 1"), "{head}");
    (stream, status)
}

#[test]
fn bodies_that_are_held_back_take_bounded_memory() {
    let database = Database::new(Engine::Sqlite);
    let args =
        ["--max-request-memory", "5", "--max-request-memory-per-address", "2", "--request-timeout", "60"];
    let server = Server::start(&database, &args);
    let api = server.admin();
    let addresses = [[127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 3]];
    let held: Vec<Vec<(TcpStream, u16)>> =
        addresses.iter().map(|ip| (0..3).map(|_| hold_back(&api, *ip)).collect()).collect();
    let answers: Vec<Vec<u16>> =
        held.iter().map(|of| of.iter().map(|(_, status)| *status).collect()).collect();
    // Two of each address, and five in all; less the 16 KiB of each that are not counted.
    assert_eq!(answers, [[0, 0, 429], [0, 0, 429], [0, 503, 503]]);
    // Ordinary requests pass, from the same address too.
    for i in 0..5 {
        api.create(&customer(&json!({"name": format!("Customer {i}")})));
    }
    assert_eq!(sample(&api, "tenantry_request_bodies_refused_total"), 4.0);
    // When those have gone, there is room again.
    drop(held);
    until("the memory is free", || {
        let body =
            customer(&json!({})).to_string().replacen('{', &format!("{{{}", " ".repeat(MIB - 4096)), 1);
        let head = format!(
            "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            api.key,
            body.len()
        );
        api.raw((head + &body).as_bytes()).starts_with("HTTP/1.1 201 ")
    });

    // The control: with the limits that are there by default all of them are held.
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--request-timeout", "60"]);
    let api = server.admin();
    let held: Vec<(TcpStream, u16)> = (0..6).map(|_| hold_back(&api, [127, 0, 0, 1])).collect();
    assert!(held.iter().all(|(_, status)| *status == 0), "{held:?}");
}

/// Connections that have sent 31 KiB of a head that does not end, of which 23 KiB are counted.
fn hold_heads(server: &Server, ip: [u8; 4], count: usize) -> Vec<TcpStream> {
    const LENGTH: usize = 31 * 1024;
    let mut head = "GET /healthz HTTP/1.1\r\nHost: t\r\nX-Long: ".to_owned();
    head.push_str(&"a".repeat(LENGTH - head.len()));
    let connections = (0..count).map(|_| {
        let mut stream = connect_from(ip, server.address);
        drop(stream.write_all(head.as_bytes()));
        stream
    });
    connections.collect()
}

/// Whether something was answered, or the connection has ended.
fn is_answered(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    !peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Waits until no more than so many of these are held. Fewer may be: what is refused may have had a part of the memory for a
/// moment, and another one was refused for it.
fn at_most(held: usize, streams: &[&[TcpStream]]) {
    let unanswered = || streams.iter().copied().flatten().filter(|stream| !is_answered(stream)).count();
    wait_for(Duration::from_secs(30), || match unanswered() {
        more if more > held => Err(format!("{more} are held, and {held} may be")),
        _ => Ok(()),
    });
}

/// Those that are held; the others were refused like this.
fn held(streams: Vec<TcpStream>, status: &str) -> Vec<TcpStream> {
    let (answered, held): (Vec<_>, Vec<_>) = streams.into_iter().partition(is_answered);
    for stream in answered {
        let answer = read_head(&stream).to_ascii_lowercase();
        assert!(answer.starts_with(status) && answer.contains("retry-after: 1"), "{answer}");
    }
    held
}

#[test]
fn large_heads_take_bounded_memory() {
    let database = Database::new(Engine::Sqlite);
    let args = ["--max-request-memory", "3", "--max-request-memory-per-address", "2"];
    let server = Server::start(&database, &[&args[..], &["--request-timeout", "60"]].concat());
    // 2 MiB hold 89, and 3 MiB hold 133.
    let own = hold_heads(&server, [127, 0, 0, 1], 120);
    at_most(89, &[&own]);
    let other = hold_heads(&server, [127, 0, 0, 2], 80);
    at_most(133, &[&own, &other]);
    let (mut own, other) = (held(own, "http/1.1 429 "), held(other, "http/1.1 503 "));
    assert!(own.len() > 70 && other.len() > 30, "{} and {} are held", own.len(), other.len());
    // Heads as they usually are pass, from the same address too, and large ones that were taken are answered.
    assert!(is_served(&connect_from([127, 0, 0, 1], server.address)));
    assert!(own.iter().all(|stream| ask(stream, "\r\n\r\n").starts_with("HTTP/1.1 200 ")));
    // A connection keeps what it had until it ends. Then there is room again.
    let more = hold_heads(&server, [127, 0, 0, 1], 120);
    at_most(89 - own.len(), &[&more]);
    drop(held(more, "http/1.1 "));
    own.clear();
    drop(other);
    until("there is room", || {
        let next = hold_heads(&server, [127, 0, 0, 1], 1);
        ask(&next[0], "\r\n\r\n").starts_with("HTTP/1.1 200 ")
    });

    // The control: with the limits that are there by default all of them are held.
    let server = Server::start(&Database::new(Engine::Sqlite), &["--request-timeout", "60"]);
    let held = hold_heads(&server, [127, 0, 0, 1], 120);
    assert!(held.iter().all(|stream| ask(stream, "\r\n\r\n").starts_with("HTTP/1.1 200 ")));
}

/// Whether a connection of HTTP/2 begins; else it has been told to be calm.
fn begins_http2(mut stream: &TcpStream) -> bool {
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    loop {
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).unwrap();
        let mut payload = vec![0; usize::from(frame[1]) * 256 + usize::from(frame[2])];
        stream.read_exact(&mut payload).unwrap();
        match (frame[3], frame[4]) {
            // What this side has set is acknowledged.
            (4, 1) => return true,
            (7, _) => {
                assert_eq!(payload, [0, 0, 0, 0, 0, 0, 0, 11], "GOAWAY: no stream, ENHANCE_YOUR_CALM");
                return false;
            }
            _ => {}
        }
    }
}

#[test]
fn connections_of_http2_are_bounded() {
    let server = Server::start(&Database::new(Engine::Sqlite), &[]);
    let connect = |last| connect_from([127, 0, 0, last], server.address);
    let mut own: Vec<TcpStream> = (0..256).map(|_| connect(1)).collect();
    assert!(own.iter().all(begins_http2));
    assert!(!begins_http2(&connect(1)));
    assert!(is_served(&connect(1)), "HTTP/1.1 goes on");
    assert!(begins_http2(&connect(2)));
    own.pop();
    until("the place is free", || begins_http2(&connect(1)));
}
