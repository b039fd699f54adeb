//! An import of which the client and the server are killed in the middle.

use super::Desk;
use super::import::file;
use crate::support::{Api, Database, Engine, Server, on_both_engines};
use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

on_both_engines!(each_customer_is_created_once_however_often_it_is_interrupted);

/// Set for as many rows as the issue asks for; without it fewer, so that the suite is quick.
const ROWS: &str = "TENANTRY_TEST_ROWS";

/// One address for a server that comes back under another.
struct Forwarder {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
}

impl Forwarder {
    fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(target));
        std::thread::spawn({
            let target = Arc::clone(&target);
            move || {
                for client in listener.incoming().map_while(Result::ok) {
                    let target = *target.lock().unwrap();
                    // Without a server the connection is closed at once.
                    if let Ok(server) = TcpStream::connect(target) {
                        let pairs = [
                            (client.try_clone(), server.try_clone()),
                            (server.try_clone(), client.try_clone()),
                        ];
                        for (from, to) in pairs {
                            let (mut from, mut to) = (from.unwrap(), to.unwrap());
                            std::thread::spawn(move || {
                                drop(std::io::copy(&mut from, &mut to));
                                drop(to.shutdown(Shutdown::Both));
                                drop(from.shutdown(Shutdown::Both));
                            });
                        }
                    }
                }
            }
        });
        Forwarder { address, target }
    }
}

fn count(api: &Api) -> usize {
    api.get("/v2/customers?per_page=1").header("x-total").parse().unwrap()
}

fn started(desk: &Desk) -> Child {
    let mut command = desk.command(&["customers", "import", "c.csv", "--result", "done.csv"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until so many are there, or the import has ended.
fn wait_for(api: &Api, child: &mut Child, wanted: usize) {
    while count(api) < wanted && child.try_wait().unwrap().is_none() {}
    assert!(child.try_wait().unwrap().is_none(), "it has ended before {wanted} were there");
}

fn each_customer_is_created_once_however_often_it_is_interrupted(engine: Engine) {
    let rows: usize = std::env::var(ROWS).map_or(2_000, |rows| rows.parse().unwrap());
    let database = Database::new(engine);
    let mut server = Server::start(&database, &[]);
    let forwarder = Forwarder::to(server.address);
    let names: Vec<String> = (0..rows).map(|n| format!("Customer {n}")).collect();
    let desk = Desk::of(&server.admin().on(forwarder.address));
    desk.write("c.csv", file(&names.iter().map(String::as_str).collect::<Vec<_>>()));

    let step = rows / 5;
    for round in 1..=2 {
        let mut import = started(&desk);
        wait_for(&server.admin(), &mut import, round * step);
        import.kill().unwrap();
        import.wait().unwrap();
        assert!(!desk.folder().join("done.csv").exists(), "a result is there whole or not at all");
    }
    let mut import = started(&desk);
    wait_for(&server.admin(), &mut import, 3 * step);
    server.kill();
    server = Server::start(&database, &[]);
    *forwarder.target.lock().unwrap() = server.address;
    let ended = import.wait_with_output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{said}");
    // What the imports before have created is there already.
    let counts =
        said.strip_prefix("c.csv: ").and_then(|said| said.strip_suffix(" unchanged\n")).expect(&said);
    let (created, unchanged) = counts.split_once(" created, ").expect(&said);
    let [created, unchanged] = [created, unchanged].map(|count| count.parse::<usize>().unwrap());
    assert!(created + unchanged == rows && unchanged >= 2 * step, "{said}");

    let listed = desk.ok(&["customers", "list", "--format", "{name}"]);
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    listed.lines().for_each(|name| *times.entry(name).or_default() += 1);
    assert_eq!(times.len(), rows);
    assert!(times.values().all(|times| *times == 1), "each once");
    // The result has every customer's id.
    let ids = desk.ok(&["customers", "list", "--format", "{name} {id}"]);
    let mut told: Vec<String> = desk
        .read("done.csv")
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{} {}", cells[0], cells[6])
        })
        .collect();
    let mut ids: Vec<String> = ids.lines().map(str::to_owned).collect();
    told.sort();
    ids.sort();
    assert_eq!(told, ids);
}
