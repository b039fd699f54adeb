//! The load of `benches/fairness/run`. Every command ends by itself and prints one line.
//!
//! ```text
//! refuse PORT SECONDS            a server that answers 429 to everything, and knows nothing
//! fill ADDR COUNT                that many customers of the key in LOAD_KEY, through the API
//! steady ADDR SECONDS RATE       RATE creates and RATE reads a second of the key in LOAD_KEY, whatever the answers do:
//!                                create p50 p99 and errors, read p50 p99 and errors; in microseconds, errors counted
//! attack ADDR SECONDS KIND CONNECTIONS    LOAD_ADMIN_KEY and LOAD_VIEWER_KEY do their worst: answers by status. Several kinds are
//!                                joined by +
//! busy ADDR SECONDS CONNECTIONS  so many clients of the key in LOAD_KEY create, each as soon as it may: behind an answer at
//!                                once, behind a refusal after its Retry-After. Creates a second, refusals a second, p99
//!                                and maximum of the time to a refusal in microseconds, other answers and failures
//! ```

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["refuse", port, seconds] => refuse(port.parse()?, seconds.parse()?).await,
        ["fill", address, count] => fill(address, count.parse()?).await,
        ["steady", address, seconds, rate] => steady(address, seconds.parse()?, rate.parse()?).await,
        ["attack", address, seconds, kind, connections] => {
            attack(address, seconds.parse()?, kind, connections.parse()?).await
        }
        ["busy", address, seconds, connections] => {
            busy(address, seconds.parse()?, connections.parse()?).await
        }
        _ => Err("usage: refuse | fill | steady | attack | busy, see the source".into()),
    }
}

fn key(name: &str) -> Outcome<String> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}

/// A connection that is opened when it is needed.
struct Client {
    address: String,
    /// Where it comes from.
    own_address: Ipv4Addr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// What the last answer asked for.
    retry_after: Duration,
}

impl Client {
    fn new(address: &str) -> Self {
        let (address, own_address) = (address.to_owned(), Ipv4Addr::LOCALHOST);
        Client { address, own_address, stream: None, buffer: Vec::new(), retry_after: Duration::ZERO }
    }

    /// A client of the other partner, whose address is another one: what is bounded for one address is the attacker's.
    fn steady(address: &str) -> Self {
        Client { own_address: Ipv4Addr::new(127, 0, 0, 2), ..Client::new(address) }
    }

    async fn connect(&self) -> Outcome<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if self.own_address != Ipv4Addr::LOCALHOST {
            socket.bind((self.own_address, 0).into())?;
        }
        let stream = socket.connect(self.address.parse()?).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Send a request; the answer's status.
    async fn ask(&mut self, request: &[u8]) -> Outcome<u16> {
        let answer = timeout(PATIENCE, self.exchange(request)).await;
        let answer = answer.map_err(|_| "no answer in time".into()).and_then(|answer| answer);
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    async fn exchange(&mut self, request: &[u8]) -> Outcome<u16> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        stream.write_all(request).await?;
        self.buffer.clear();
        let end = loop {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("closed before the answer".into());
            }
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = std::str::from_utf8(&self.buffer[..end])?.to_ascii_lowercase();
        let status = head.get(9..12).ok_or("no status")?.parse()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let wait = head.lines().find_map(|line| line.strip_prefix("retry-after:")?.trim().parse().ok());
        self.retry_after = Duration::from_secs(wait.unwrap_or(0));
        let whole = end + length.unwrap_or(0usize);
        while self.buffer.len() < whole {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("closed within the answer".into());
            }
        }
        if !head.contains("connection: close") {
            self.stream = Some(stream);
        }
        Ok(status)
    }
}

fn get(path: &str, key: Option<&str>) -> Vec<u8> {
    request("GET", path, key, "")
}

fn request(method: &str, path: &str, key: Option<&str>, body: &str) -> Vec<u8> {
    let key = key.map_or(String::new(), |key| format!("Authorization: Bearer {key}\r\n"));
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\n{key}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn create(key: &str, name: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"name":"{name}","address":{{"street1":"1 Main St","city":"Springfield","state":"MA","zipcode":"01234","country":"US"}},"tags":[{{"key":"env","value":"bench"}}]}}"#
    );
    request("POST", "/v2/customers", Some(key), &body)
}

/// A name that no other run gives.
fn unique(number: usize) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{number:x}-{:x}", number.wrapping_mul(179_424_673) % 2_147_483_647, now.as_nanos())
}

async fn refuse(port: u16, seconds: u64) -> Outcome<()> {
    const ANSWER: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    const TOO_LARGE: &[u8] =
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    const HEAD_LIMIT: usize = 32 * 1024;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while let Ok(accepted) = timeout_at(deadline, listener.accept()).await {
        let (mut stream, _) = accepted?;
        tokio::spawn(timeout_at(deadline, async move {
            let mut buffer = Vec::new();
            loop {
                // A request is its head and as much body as that announces.
                let whole = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|end| {
                    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
                    end + 4 + length.unwrap_or(0usize)
                });
                match whole {
                    Some(whole) if buffer.len() >= whole => {
                        buffer.drain(..whole);
                        stream.write_all(ANSWER).await?;
                    }
                    None if buffer.len() >= HEAD_LIMIT => return stream.write_all(TOO_LARGE).await,
                    _ if stream.read_buf(&mut buffer).await? == 0 => return Ok::<_, std::io::Error>(()),
                    _ => {}
                }
            }
        }));
    }
    println!("ended");
    Ok(())
}

async fn fill(address: &str, count: usize) -> Outcome<()> {
    let (key, next) = (key("LOAD_KEY")?, Arc::new(AtomicUsize::new(0)));
    let mut workers = Vec::new();
    for _ in 0..64 {
        let (mut client, key, next) = (Client::new(address), key.clone(), Arc::clone(&next));
        workers.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Outcome::Ok(());
                }
                match client.ask(&create(&key, &unique(number))).await? {
                    201 => {}
                    status => return Err(format!("a create was answered {status}").into()),
                }
            }
        }));
    }
    for worker in workers {
        worker.await??;
    }
    println!("{count}");
    Ok(())
}

/// What a kind of steady request saw: latencies in microseconds, and how many were not answered as they should be.
#[derive(Default)]
struct Seen {
    micros: Vec<u64>,
    errors: usize,
}

async fn steady(address: &str, seconds: u64, rate: u32) -> Outcome<()> {
    /// So many connections for each kind, each with its part of the rate.
    const WORKERS: u32 = 16;
    let key = key("LOAD_KEY")?;
    // Something to read.
    if Client::steady(address).ask(&create(&key, &unique(0))).await? != 201 {
        return Err("the first create failed".into());
    }
    let began = Instant::now() + Duration::from_millis(100);
    let mut shown = Vec::new();
    for is_create in [true, false] {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut workers = Vec::new();
        for worker in 0..WORKERS {
            let (mut client, key, seen) = (Client::steady(address), key.clone(), Arc::clone(&seen));
            workers.push(tokio::spawn(async move {
                let read = get("/v2/me", Some(&key));
                for turn in 0.. {
                    let due = began + Duration::from_secs(1) * (turn * WORKERS + worker) / rate;
                    if due > began + Duration::from_secs(seconds) {
                        return;
                    }
                    sleep_until(due).await;
                    let (request, expected) = if is_create {
                        (create(&key, &unique((turn * WORKERS + worker) as usize)), 201)
                    } else {
                        (read.clone(), 200)
                    };
                    let answer = client.ask(&request).await;
                    // From when it was due: a slow answer delays those behind it.
                    let micros = due.elapsed().as_micros() as u64;
                    let mut seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    seen.micros.push(micros);
                    seen.errors += usize::from(!matches!(answer, Ok(status) if status == expected));
                }
            }));
        }
        shown.push((seen, workers));
    }
    let mut line = Vec::new();
    for (seen, workers) in shown {
        for worker in workers {
            worker.await?;
        }
        let mut seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        seen.micros.sort_unstable();
        let at = |percent: usize| seen.micros.get(seen.micros.len() * percent / 100).copied().unwrap_or(0);
        line.push(format!("{} {} {}", at(50), at(99), seen.errors));
    }
    println!("{}", line.join(" "));
    Ok(())
}

/// The request of a kind, made for each turn of each connection.
type Make = Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>;

fn worst(kind: &str) -> Outcome<Make> {
    let (admin, viewer) = (key("LOAD_ADMIN_KEY")?, key("LOAD_VIEWER_KEY")?);
    let fixed = |request: Vec<u8>| -> Make { Arc::new(move |_| request.clone()) };
    let tags = |count: usize| (0..count).map(|i| format!("tag=k{i}")).collect::<Vec<_>>().join("&");
    Ok(match kind {
        // S1: as many filters as a URI holds, and as many as are taken.
        "filters" => {
            let (many, most) = (
                get(&format!("/v2/customers?{}", tags(400)), Some(&viewer)),
                get(&format!("/v2/customers?tag=env:bench&{}", tags(19)), Some(&viewer)),
            );
            Arc::new(move |turn| if turn % 2 == 0 { many.clone() } else { most.clone() })
        }
        // S6
        "document" => fixed(get("/openapi.json", None)),
        // S7: what is found nowhere, so that all is looked through.
        "lists" => {
            let (names, events) = (
                get("/v2/customers?q=zzzz", Some(&viewer)),
                get("/v2/audit_events?action=zzzz.&object=zzzz", Some(&admin)),
            );
            Arc::new(move |turn| if turn % 2 == 0 { names.clone() } else { events.clone() })
        }
        // S8
        "refusals" => fixed(request("DELETE", "/v2/customers/1", Some(&viewer), "")),
        // S9
        "creates" => Arc::new(move |turn| create(&admin, &unique(turn))),
        _ => return Err(format!("there is no attack {kind}").into()),
    })
}

async fn attack(address: &str, seconds: u64, kind: &str, connections: usize) -> Outcome<()> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let answers: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let kinds: Vec<&str> = match kind {
        "all" => vec!["filters", "document", "lists", "refusals", "creates", "bodies"],
        some => some.split('+').collect(),
    };
    let mut workers = Vec::new();
    for kind in &kinds {
        for worker in 0..(connections / kinds.len()).max(1) {
            let (address, answers) = (address.to_owned(), Arc::clone(&answers));
            if *kind == "bodies" {
                workers.push(tokio::spawn(timeout_at(deadline, hold_back(address, key("LOAD_ADMIN_KEY")?))));
                continue;
            }
            if *kind == "heads" {
                workers.push(tokio::spawn(timeout_at(deadline, half_a_head(address))));
                continue;
            }
            if *kind == "held-heads" {
                workers.push(tokio::spawn(timeout_at(deadline, hold_head(address))));
                continue;
            }
            if *kind == "streams" {
                workers
                    .push(tokio::spawn(timeout_at(deadline, hold_streams(address, key("LOAD_VIEWER_KEY")?))));
                continue;
            }
            let make = worst(kind)?;
            workers.push(tokio::spawn(timeout_at(deadline, async move {
                let mut client = Client::new(&address);
                for turn in 0.. {
                    let answer = client.ask(&make(worker * 1_000_000 + turn)).await;
                    let failed = answer.is_err();
                    let answer = answer.map_or("none".to_owned(), |status| status.to_string());
                    *answers
                        .lock()
                        .unwrap_or_else(|poisoned| poisoned.into_inner())
                        .entry(answer)
                        .or_default() += 1;
                    if failed {
                        sleep(Duration::from_millis(100)).await;
                    }
                }
            })));
        }
    }
    for worker in workers {
        drop(worker.await?);
    }
    let answers = answers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let answers: Vec<String> = answers.iter().map(|(status, count)| format!("{status}:{count}")).collect();
    println!("{}", answers.join(" "));
    Ok(())
}

async fn busy(address: &str, seconds: u64, connections: usize) -> Outcome<()> {
    let key = key("LOAD_KEY")?;
    let created = Arc::new(AtomicUsize::new(0));
    let others = Arc::new(AtomicUsize::new(0));
    let refusals: Arc<Mutex<Vec<u64>>> = Arc::default();
    let mut workers = Vec::new();
    // Connecting is not measured: the first request is sent when all are connected.
    let mut clients = Vec::new();
    for _ in 0..connections {
        let mut client = Client::new(address);
        client.stream = Some(client.connect().await?);
        clients.push(client);
    }
    let began = Instant::now();
    let deadline = began + Duration::from_secs(seconds);
    for (worker, mut client) in clients.into_iter().enumerate() {
        let key = key.clone();
        let (created, others, refusals) = (Arc::clone(&created), Arc::clone(&others), Arc::clone(&refusals));
        workers.push(tokio::spawn(timeout_at(deadline, async move {
            for turn in 0.. {
                let request = create(&key, &unique(worker * 1_000_000 + turn));
                if client.stream.is_none()
                    && let Ok(stream) = client.connect().await
                {
                    client.stream = Some(stream);
                }
                let sent = Instant::now();
                match client.ask(&request).await {
                    Ok(201) => drop(created.fetch_add(1, Ordering::Relaxed)),
                    Ok(429 | 503) => {
                        let micros = sent.elapsed().as_micros() as u64;
                        refusals.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(micros);
                        sleep(client.retry_after).await;
                    }
                    _ => {
                        others.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        })));
    }
    for worker in workers {
        drop(worker.await?);
    }
    let mut refusals = refusals.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    refusals.sort_unstable();
    let p99 = refusals.get(refusals.len() * 99 / 100).copied().unwrap_or(0);
    println!(
        "{} {} {p99} {} {}",
        created.load(Ordering::Relaxed) as u64 / seconds,
        refusals.len() as u64 / seconds,
        refusals.last().copied().unwrap_or(0),
        others.load(Ordering::Relaxed)
    );
    Ok(())
}

/// 120 KB of a head that does not end, again and again.
async fn half_a_head(address: String) {
    let head = format!(
        "GET / HTTP/1.1\r\nHost: bench\r\n{}",
        "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(2400)
    );
    loop {
        if let Ok(mut stream) = TcpStream::connect(&address).await
            && stream.write_all(&head.as_bytes()[..31 * 1024]).await.is_ok()
        {
            sleep(Duration::from_secs(1)).await;
            drop(stream.write_all(&head.as_bytes()[31 * 1024..]).await);
            drop(stream.read(&mut [0; 1024]).await);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// 31 KiB of one header that does not end, held for as long as the server waits.
async fn hold_head(address: String) {
    let head = format!("GET / HTTP/1.1\r\nHost: bench\r\nX-Long: {}", "a".repeat(31 * 1024));
    loop {
        if let Ok(mut stream) = TcpStream::connect(&address).await
            && stream.write_all(head.as_bytes()).await.is_ok()
        {
            drop(stream.read(&mut [0; 1024]).await);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// HTTP/2: a refused request, then bodies that the server leaves unread in its flow control windows while it pauses the connection after a `429`.
async fn hold_streams(address: String, key: String) {
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat()
    };
    // Literal fields that are not indexed (RFC 7541, section 6.2.2).
    let fields = [
        (":method", "PUT".to_owned()),
        (":scheme", "http".to_owned()),
        (":path", "/v2/customers/1".to_owned()),
        (":authority", "bench".to_owned()),
        ("authorization", format!("Bearer {key}")),
    ];
    let mut block = Vec::new();
    for (name, value) in &fields {
        block.extend(
            [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat(),
        );
    }
    let mut opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    opening.extend(frame(4, 0, 0, &[]));
    opening.extend(frame(1, 5, 1, &block));
    let mut bodies = Vec::new();
    for stream in [3, 5, 7, 9] {
        bodies.extend(frame(1, 4, stream, &block));
        for _ in 0..3 {
            bodies.extend(frame(0, 0, stream, &[b' '; 16 * 1024]));
        }
        bodies.extend(frame(0, 0, stream, &[b' '; 15 * 1024]));
    }
    loop {
        if let Ok(mut stream) = TcpStream::connect(&address).await
            && stream.write_all(&opening).await.is_ok()
        {
            sleep(Duration::from_millis(200)).await;
            if stream.write_all(&bodies).await.is_ok() {
                let mut answers = [0; 4096];
                while stream.read(&mut answers).await.is_ok_and(|read| read > 0) {}
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// A megabyte but for its last byte, again and again.
async fn hold_back(address: String, key: String) {
    let head = format!(
        "POST /v2/customers HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: 1048576\r\n\r\n"
    );
    loop {
        if let Ok(mut stream) = TcpStream::connect(&address).await
            && stream.write_all(head.as_bytes()).await.is_ok()
            && stream.write_all(&vec![b' '; 1_048_575]).await.is_ok()
        {
            drop(stream.read(&mut [0; 1024]).await);
        }
        sleep(Duration::from_millis(100)).await;
    }
}
