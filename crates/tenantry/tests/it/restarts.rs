//! Restarts under load. A request that has reached a server that ends is answered; with a socket of systemd, and with two servers
//! that are restarted one after the other, every request is.

use crate::listeners::{certify, rebuilt, start_with_tls};
use crate::support::{Api, Database, Engine, Server, command, customer, on_both_engines};
use serde_json::json;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const KEY: &str = "the-key-that-the-tests-have-chosen-0123456789";
/// What is waited for comes well within this.
const PATIENCE: Duration = Duration::from_secs(60);
/// Answers between two restarts.
const ANSWERS: usize = 200;

on_both_engines!(a_socket_of_systemd_loses_no_request, a_socket_of_its_own_loses_no_request_that_was_sent);

fn restarts() -> usize {
    std::env::var("TENANTRY_TEST_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap())
}

/// Where a client asks.
#[derive(Clone)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Address {
    fn connect(&self) -> io::Result<BufReader<Box<dyn Stream>>> {
        let stream: Box<dyn Stream> = match self {
            Address::Tcp(to) => {
                let stream = TcpStream::connect(to)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Box::new(stream)
            }
            Address::Unix(to) => {
                let stream = UnixStream::connect(to)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Box::new(stream)
            }
        };
        Ok(BufReader::new(stream))
    }
}

/// One request; whether the server keeps the connection. Anything but the answer `200` is an error.
fn ask(stream: &mut BufReader<Box<dyn Stream>>, keep: bool) -> io::Result<bool> {
    let close = if keep { "" } else { "Connection: close\r\n" };
    let request = format!("GET /v2/me HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {KEY}\r\n{close}\r\n");
    stream.get_mut().write_all(request.as_bytes())?;
    let (mut length, mut keeps, mut first) = (0, true, true);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim().to_ascii_lowercase();
        if std::mem::take(&mut first) && line != "http/1.1 200 ok" {
            return Err(io::Error::other(line));
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        keeps &= line != "connection: close";
        if line.is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length])?;
    Ok(keeps)
}

/// What clients have met.
#[derive(Default)]
struct Load {
    ends: AtomicBool,
    answered: AtomicUsize,
    /// Times that no address took a connection. The client tries again.
    refused: AtomicUsize,
    /// Errors of requests that were sent.
    lost: Mutex<Vec<String>>,
}

/// Ends the clients, also when a test fails.
struct Ends<'l>(&'l AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Load {
    /// What clients meet while this happens: for each list of addresses two that keep their connections, and two that make a
    /// connection for each request.
    fn during(lists: &[&[Address]], happens: impl FnOnce(&Load)) -> Load {
        let load = Load::default();
        thread::scope(|scope| {
            let _ends = Ends(&load.ends);
            for addresses in lists {
                for client in 0..4 {
                    let load = &load;
                    scope.spawn(move || load.ask_on(addresses, client));
                }
            }
            happens(&load);
        });
        load
    }

    fn ask_on(&self, addresses: &[Address], client: usize) {
        let keep = client.is_multiple_of(2);
        let (mut kept, mut turn) = (None, client);
        while !self.ends.load(Ordering::Relaxed) {
            turn += 1;
            let connect = || {
                (0..addresses.len()).find_map(|at| addresses[(turn + at) % addresses.len()].connect().ok())
            };
            let Some(mut stream) = kept.take().or_else(connect) else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                thread::park_timeout(Duration::from_millis(5)); // the processors are for the server that starts
                continue;
            };
            match ask(&mut stream, keep) {
                Ok(keeps) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    kept = (keep && keeps).then_some(stream);
                }
                Err(error) => self.lost.lock().unwrap().push(error.to_string()),
            }
        }
    }

    /// Wait until this many more are answered.
    fn goes_on(&self, more: usize) {
        let (begun, before) = (Instant::now(), self.answered.load(Ordering::Relaxed));
        while self.answered.load(Ordering::Relaxed) < before + more {
            assert!(
                begun.elapsed() < PATIENCE,
                "not answered any more; lost: {:?}",
                self.lost.lock().unwrap()
            );
            thread::yield_now();
        }
    }

    fn lost(&self) -> Vec<String> {
        self.lost.lock().unwrap().clone()
    }

    fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A server on one port, started again and again.
struct Restarted<'d> {
    database: &'d Database,
    address: SocketAddr,
    /// Its socket, where it is handed over as systemd does.
    handed_over: Option<TcpListener>,
    args: Vec<String>,
    child: Option<Child>,
}

impl<'d> Restarted<'d> {
    /// On an address of this machine that no other test uses, so that its port stays free while the server does not run.
    fn new(database: &'d Database, host: [u8; 4], is_handed_over: bool) -> Self {
        let listener = TcpListener::bind(SocketAddr::from((host, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let handed_over = is_handed_over.then_some(listener);
        Restarted { database, address, handed_over, args: Vec::new(), child: None }
    }

    fn start(&mut self) {
        let mut command = command(self.database.folder(), &[]);
        if let Some(listener) = &self.handed_over {
            command = rebuilt(&command, "sh");
            let line = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 0</dev/null";
            command.args(["-c", line, env!("CARGO_BIN_EXE_tenantry")]);
            command.stdin(OwnedFd::from(listener.try_clone().unwrap()));
        } else {
            command.stdin(Stdio::null());
        }
        command.args(["serve", "--listen", &self.address.to_string(), "--database", &self.database.url]);
        command.args(&self.args);
        command.env("TENANTRY_BOOTSTRAP_KEY", KEY).env("TENANTRY_LOG", "warn").stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains(&format!("listens on http://{}", self.address)), "{line}");
        self.child = Some(child);
    }

    fn restart(&mut self) {
        let mut child = self.child.take().unwrap();
        let told = Command::new("kill").arg(child.id().to_string()).status();
        assert!(told.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        self.start();
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Drop for Restarted<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

fn a_socket_of_systemd_loses_no_request(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Restarted::new(&database, [127, 0, 8, 1], true);
    server.start();
    let address = [Address::Tcp(server.address)];
    let load = Load::during(&[&address, &address], |load| {
        for _ in 0..restarts() {
            load.goes_on(ANSWERS);
            server.restart();
        }
        load.goes_on(ANSWERS);
    });
    assert_eq!((load.lost(), load.refused()), (vec![], 0), "{:?} were answered", load.answered);
}

fn a_socket_of_its_own_loses_no_request_that_was_sent(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Restarted::new(&database, [127, 0, 8, 2], false);
    let socket = database.folder().join("api.sock");
    server.args = vec!["--listen".to_owned(), format!("unix:{}", socket.display())];
    server.start();
    let addresses = [[Address::Tcp(server.address)], [Address::Unix(socket)]];
    let lists: Vec<&[Address]> = addresses.iter().map(|list| &list[..]).collect();
    let load = Load::during(&lists, |load| {
        for _ in 0..restarts() {
            load.goes_on(ANSWERS);
            server.restart();
        }
        load.goes_on(ANSWERS);
    });
    assert_eq!(load.lost(), [""; 0], "{:?} were answered", load.answered);
    // Between two servers nothing listens there.
    assert!(load.refused() > 0);

    // The control: without its time to end, the server loses what is under way.
    let load = Load::during(&lists, |load| {
        load.goes_on(ANSWERS);
        server.kill();
        server.start();
        load.goes_on(ANSWERS);
    });
    assert!(!load.lost().is_empty());
}

#[test]
fn servers_that_are_restarted_in_turn_lose_no_request() {
    if !Engine::Postgres.is_here() {
        return;
    }
    let database = Database::new(Engine::Postgres);
    let mut servers = [[127, 0, 8, 3], [127, 0, 8, 4]].map(|host| Restarted::new(&database, host, false));
    servers.iter_mut().for_each(Restarted::start);
    // As a proxy does: where one server refuses, the other is asked.
    let addresses = servers.each_ref().map(|server| Address::Tcp(server.address));
    let load = Load::during(&[&addresses, &addresses], |load| {
        for round in 0..2 * restarts() {
            load.goes_on(ANSWERS);
            servers[round % 2].restart();
        }
        load.goes_on(ANSWERS);
    });
    assert_eq!((load.lost(), load.refused()), (vec![], 0), "{:?} were answered", load.answered);
}

#[test]
fn connections_that_wait_to_be_accepted_are_answered_at_the_end() {
    const MAX: usize = 16;
    let database = Database::new(Engine::Sqlite);
    let args = ["--max-connections", "16", "--max-connections-per-address", "16"];
    let mut server = Server::start(&database, &args);
    let address = Address::Tcp(server.address);
    let mut all: Vec<_> = (0..MAX).map(|_| address.connect().unwrap()).collect();
    assert!(all.iter_mut().all(|stream| ask(stream, true).unwrap()));
    // These the system has taken, and the server has not.
    let waiting: Vec<_> = (0..MAX)
        .map(|_| {
            let mut stream = address.connect().unwrap();
            thread::spawn(move || {
                let keeps = ask(&mut stream, true);
                keeps.map(|keeps| (keeps, stream.read(&mut [0; 1]).unwrap()))
            })
        })
        .collect();
    server.signal("TERM");
    for waits in waiting {
        let (keeps, more) = waits.join().unwrap().unwrap();
        assert_eq!((keeps, more), (false, 0));
    }
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn idle_connections_end_with_an_answer_that_says_so() {
    let database = Database::new(Engine::Sqlite);
    let mut server = Server::start(&database, &["--shutdown-delay", "600"]);
    let mut kept = Address::Tcp(server.address).connect().unwrap();
    assert!(ask(&mut kept, true).unwrap());
    server.signal("TERM");
    let begun = Instant::now();
    while ask(&mut kept, true).unwrap() {
        assert!(begun.elapsed() < PATIENCE);
    }
    drop(Api::new(server.address, KEY));
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
}

/// Over plain TCP, and before TLS' handshake.
#[test]
fn silent_connections_do_not_hold_up_the_end() {
    for tls in [false, true] {
        let database = Database::new(Engine::Sqlite);
        certify(database.folder());
        let mut server = if tls { start_with_tls(&database) } else { Server::start(&database, &[]) };
        let mut silent = TcpStream::connect(server.address).unwrap();
        server.signal("TERM");
        assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(server.wait().0.code(), Some(0));
        let log = server.log();
        assert!(log.contains("stopped") && !log.contains("still under way"), "{tls}: {log}");
    }
}

/// A client of a slow network: the rest of its request comes while the server ends.
#[test]
fn a_request_that_had_begun_is_answered_at_the_end() {
    let database = Database::new(Engine::Sqlite);
    let mut server = Server::start(&database, &[]);
    let body = customer(&json!({})).to_string();
    let head = format!(
        "POST /v2/customers HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let (first, rest) = head.split_at(30);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(first.as_bytes()).unwrap();
    // An idle connection's end shows that the time of idle connections is over.
    let mut idle = Address::Tcp(server.address).connect().unwrap();
    assert!(ask(&mut idle, true).unwrap());
    server.signal("TERM");
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    stream.write_all((rest.to_owned() + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(server.wait().0.code(), Some(0));
}
