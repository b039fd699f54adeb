//! What stands between clients and the server: proxies, their headers, and the URL that links lead to.

use crate::support::{Api, Database, Engine, Failures, Server, customer, on_both_engines, wait_until};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

on_both_engines!(the_audit_trail_names_the_client, links_lead_to_where_the_client_came_from);

const FOR: &str = "X-Forwarded-For";

/// Create and delete a customer with these headers; the origin that the audit trail has.
fn origin(api: &Api, headers: &[(&str, &str)]) -> Value {
    let id = api.create(&customer(&json!({})))["id"].clone();
    let mut call = api.call("DELETE", &format!("/v2/customers/{id}"));
    for (name, value) in headers {
        call = call.header(name, value);
    }
    assert_eq!(call.send().status, 204);
    api.trail("action=customer.delete").pop().unwrap()["origin"].take()
}

fn the_audit_trail_names_the_client(engine: Engine) {
    let database = Database::new(engine);
    let behind_proxy = Server::start(&database, &["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"]);
    let other = Database::new(engine);
    let plain = Server::start(&other, &[]);
    let mut failures = Failures::default();
    for (headers, client) in [
        (&[][..], "127.0.0.1"),
        (&[(FOR, "203.0.113.9")], "203.0.113.9"),
        (&[(FOR, "203.0.113.9:51008")], "203.0.113.9"),
        (&[(FOR, "[2001:db8::9]:51008")], "2001:db8::9"),
        (&[(FOR, "1.1.1.1, 203.0.113.9, 10.1.2.3")], "203.0.113.9"),
        (&[(FOR, "1.1.1.1"), (FOR, "203.0.113.9")], "203.0.113.9"),
        (&[(FOR, "rubbish")], "127.0.0.1"),
        (&[("Forwarded", "for=1.1.1.1, for=\"[2001:db8::9]:51008\";proto=https")], "2001:db8::9"),
    ] {
        for (server, expected) in [(&behind_proxy, client), (&plain, "127.0.0.1")] {
            let seen = origin(&server.admin(), headers);
            let outcome = if seen == expected { Ok(()) } else { Err(format!("{seen}, not {expected}")) };
            failures.case(&format!("{headers:?}"), outcome);
        }
    }
    failures.done(16);
}

fn links_lead_to_where_the_client_came_from(engine: Engine) {
    let database = Database::new(engine);
    let plain = Server::start(&database, &[]);
    let proxied = Server::start(&database, &["--trusted-proxies", "127.0.0.1"]);
    let public = Server::start(&database, &["--public-url", "https://tenantry.example.com/csp/"]);
    let own = |server: &Server| format!("http://{}", server.address);
    let forwarded = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "api.example.com"),
        ("X-Forwarded-Prefix", "/csp"),
    ];
    let mut failures = Failures::default();
    for (server, headers, base) in [
        (&plain, &[][..], own(&plain)),
        (&plain, &forwarded, own(&plain)),
        (&proxied, &[], own(&proxied)),
        (&proxied, &forwarded, "https://api.example.com/csp".to_owned()),
        (&public, &[], "https://tenantry.example.com/csp".to_owned()),
        (&public, &forwarded, "https://tenantry.example.com/csp".to_owned()),
    ] {
        for path in
            ["/v2/customers", "/v1/customers", "/v2/users", "/v1/bill_runs", "/v1/azure_partner_customers"]
        {
            let mut call = server.admin().call("GET", path);
            for (name, value) in headers {
                call = call.header(name, value);
            }
            let answer = call.send();
            let good = answer.header("link").starts_with(&format!("<{base}{path}?"));
            let said = format!("{} {}", answer.status, answer.header("link"));
            failures.case(&format!("{path} {headers:?}"), if good { Ok(()) } else { Err(said) });
        }
    }
    failures.done(30);
}

/// Passes bytes on to `there` and back, except while it hangs.
fn relay(there: SocketAddr, hangs: &Arc<AtomicBool>) -> SocketAddr {
    fn copy(mut from: TcpStream, mut to: TcpStream, hangs: Arc<AtomicBool>) {
        let mut buffer = [0; 16 * 1024];
        std::thread::spawn(move || {
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                while hangs.load(Ordering::Relaxed) {
                    std::thread::park_timeout(Duration::from_millis(20));
                }
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
        });
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let hangs = Arc::clone(hangs);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(there) else { continue };
            copy(client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&hangs));
            copy(server, client, Arc::clone(&hangs));
        }
    });
    here
}

#[test]
fn readiness_is_answered_while_the_database_hangs() {
    if !Engine::Postgres.is_here() {
        return;
    }
    let mut database = Database::new(Engine::Postgres);
    let (user, rest) = database.url.split_once('@').unwrap();
    let (there, name) = rest.split_once('/').unwrap();
    let hangs = Arc::new(AtomicBool::new(false));
    let here = relay(there.parse().unwrap(), &hangs);
    database.url = format!("{user}@{here}/{name}");
    let server = Server::start(&database, &[]);
    let api = server.admin();
    assert_eq!(api.get("/readyz").status, 200);
    hangs.store(true, Ordering::Relaxed);
    let asked = Instant::now();
    assert_eq!(api.get("/readyz").status, 503);
    // Under a second, and what a busy machine adds.
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    hangs.store(false, Ordering::Relaxed);
    wait_until(Duration::from_secs(30), "it recovers", || api.get("/readyz").status == 200);
}
