//! Sends random but well-framed requests to a server and counts the answers by status.
//!
//! ```text
//! tenantry-fuzz-requests ADDRESS COUNT SEED TEMPLATES    keys in FUZZ_KEYS, separated by commas
//! ```
//!
//! `TEMPLATES` is a file with one item per line: `request METHOD PATH PARAMETERS…` with `{name}` in paths, and `body JSON`.
//! Prints the answers by status. An answer of 500 or above, or none within 30 seconds, is a failure: the first ones of each
//! connection are printed with their request, and the exit status is 1. 503 is one too: nothing here exhausts the server.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

const CONNECTIONS: u64 = 16;
const PATIENCE: Duration = Duration::from_secs(30);
const MAX_SHOWN: usize = 3;

/// What parsers stumble over: as a path segment, a parameter's value, a header's, or a piece of a body.
const PIECES: [&str; 40] = [
    "",
    "0",
    "-1",
    "1",
    "2",
    "3",
    "7",
    "42",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "1e400",
    "1.5",
    "0x10",
    "null",
    "true",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "%",
    "%00",
    "%ff",
    "%2e%2e%2f",
    "..",
    "'; DROP TABLE customers;--",
    "<script>",
    "\u{e9}",
    "\u{1f600}",
    "\u{202e}",
    "\u{0}",
    "\r\n",
    "2026-10",
    "2026-13",
    "2026-02-30T25:61:61Z",
    "9999-12-31T23:59:59.999999999Z",
];
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
const HEADERS: [(&str, &[&str]); 8] = [
    (
        "Content-Type",
        &["application/json", "text/plain", "application/json; charset=latin1", "", "multipart/form-data"],
    ),
    ("Accept", &["application/json", "text/html", "*/*;q=0", "", "application/x-ndjson"]),
    (
        "Idempotency-Key",
        &[
            "a",
            "b",
            "",
            "\u{e9}",
            "very-long-key-very-long-key-very-long-key-very-long-key-very-long-key-very-long-key",
        ],
    ),
    ("If-Match", &["*", "\"1-1\"", "W/\"1\"", "", "\"\",\"", "\"99999999999999999999-0\""]),
    ("If-None-Match", &["*", "\"x\"", "W/"]),
    ("Range", &["bytes=0-", "bytes=-1", "bytes=5-2", "bytes=0-0,2-2", "lines=1-"]),
    ("Content-Encoding", &["gzip", "br", "identity", "gzip, gzip"]),
    ("X-Forwarded-For", &["1.2.3.4", "[::1]:8", "unknown", ",,,"]),
];

/// xorshift64*, so that a run can be repeated from its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// What requests are made from.
struct Templates {
    /// Method, path, names of parameters.
    requests: Vec<(String, String, Vec<String>)>,
    bodies: Vec<String>,
}

impl Templates {
    fn read(path: &str) -> io::Result<Self> {
        let mut templates = Templates { requests: Vec::new(), bodies: Vec::new() };
        for line in std::fs::read_to_string(path)?.lines() {
            if let Some(body) = line.strip_prefix("body ") {
                templates.bodies.push(body.to_owned());
            } else if let Some(request) = line.strip_prefix("request ") {
                let mut words = request.split(' ').map(str::to_owned);
                if let (Some(method), Some(path)) = (words.next(), words.next()) {
                    templates.requests.push((method, path, words.collect()));
                }
            }
        }
        Ok(templates)
    }

    fn request(&self, random: &mut Random, keys: &[String]) -> Vec<u8> {
        let (method, path, parameters) = &self.requests[random.below(self.requests.len())];
        let method = if random.one_in(20) { random.of(&METHODS) } else { method.as_str() };
        let mut target: String =
            path.split('/').skip(1).map(|part| format!("/{}", segment(random, part))).collect();
        if holds_key(&target) {
            target = target.replacen("/users/", "/users/1", 1);
        }
        let mut separator = '?';
        for _ in 0..random.below(4) {
            let name = match parameters.len() {
                0 => "x".to_owned(),
                n => parameters[random.below(n)].clone(),
            };
            target.push(separator);
            target += &format!("{name}={}", escaped(&text(random)));
            separator = '&';
        }
        let body = if method == "GET" && !random.one_in(10) { Vec::new() } else { self.body(random) };
        let mut head =
            format!("{method} {target} HTTP/1.1\r\nHost: fuzz\r\nContent-Length: {}\r\n", body.len());
        if !random.one_in(30) {
            head += &format!("Authorization: Bearer {}\r\n", keys[random.below(keys.len())]);
        }
        if !body.is_empty() && !random.one_in(20) {
            head += "Content-Type: application/json\r\n";
        }
        for (name, values) in HEADERS {
            if random.one_in(25) {
                head += &format!("{name}: {}\r\n", random.of(values));
            }
        }
        head += "\r\n";
        let mut request = head.into_bytes();
        request.extend(body);
        request
    }

    fn body(&self, random: &mut Random) -> Vec<u8> {
        // A name for each, so that some are taken.
        let body =
            self.bodies[random.below(self.bodies.len())].replace('#', &random.below(100_000).to_string());
        let mut body = body.into_bytes();
        if random.one_in(3) {
            return body;
        }
        for _ in 0..random.below(4) {
            let at = random.below(body.len() + 1);
            match random.below(6) {
                0 if at < body.len() => body[at] = random.next() as u8,
                1 => body.truncate(at),
                2 => drop(body.splice(at..at, text(random).into_bytes())),
                3 => {
                    let end = at + random.below(body.len() - at + 1);
                    let part = body[at..end].to_vec();
                    body.splice(at..at, part);
                }
                4 => {
                    let end = at + random.below((body.len() - at + 1).min(12));
                    body.drain(at..end);
                }
                _ => replace_value(random, &mut body),
            }
        }
        body
    }
}

/// Replace a number or a string in JSON with something else that is one.
fn replace_value(random: &mut Random, body: &mut Vec<u8>) {
    let starts: Vec<usize> = (1..body.len()).filter(|&i| body[i - 1] == b':').collect();
    if starts.is_empty() {
        return;
    }
    let start = starts[random.below(starts.len())];
    let end = body[start..]
        .iter()
        .position(|byte| b",}]".contains(byte))
        .map_or(body.len(), |length| start + length);
    let value = match random.below(4) {
        0 => "null".to_owned(),
        1 => {
            random.of(&["0", "-1", "1e400", "9223372036854775808", "0.00001", "true", "[]", "{}"]).to_owned()
        }
        2 => format!("\"{}\"", "a".repeat(random.below(3000))),
        _ => format!("\"{}\"", text(random).replace(['"', '\\', '\r', '\n', '\0'], "?")),
    };
    body.splice(start..end, value.into_bytes());
}

/// Whether this is the path of one of the users 1 to 9, who hold the keys. They stay as they are.
fn holds_key(target: &str) -> bool {
    let user =
        target.strip_prefix("/v2/users/").and_then(|rest| rest.split('/').find(|part| !part.is_empty()));
    user.is_some_and(|user| user.contains('%') || user.parse::<i64>().is_ok_and(|id| (1..10).contains(&id)))
}

fn segment(random: &mut Random, part: &str) -> String {
    match part.starts_with('{') {
        true if random.one_in(3) => escaped(&text(random)),
        true => (10 + random.below(60)).to_string(),
        false if random.one_in(200) => escaped(&text(random)),
        false => part.to_owned(),
    }
}

fn text(random: &mut Random) -> String {
    (0..1 + random.below(3)).map(|_| random.of(&PIECES)).collect()
}

/// Percent-encoded, but for what was encoded before.
fn escaped(text: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:%".contains(&byte);
    text.bytes()
        .map(|byte| if safe(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect()
}

/// The status of the answer, and whether the connection ends.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<(u16, bool)> {
    // A server may answer before it has read all of it.
    let sent = stream.write_all(request);
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            match stream.read(&mut buffer)? {
                0 => return sent.and(Err(io::ErrorKind::UnexpectedEof.into())),
                n => answer.extend_from_slice(&buffer[..n]),
            }
            continue;
        };
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(|| io::Error::other("no status"))?;
        let closes = head.contains("connection: close");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let has_body = !request.starts_with(b"HEAD ") && status != 204 && status != 304;
        let whole = end + 4 + if has_body { length.unwrap_or(0usize) } else { 0 };
        while answer.len() < whole {
            match stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => answer.extend_from_slice(&buffer[..n]),
            }
        }
        // Behind a 429 the server listens to nothing on this connection for a second.
        return Ok((status, closes || status == 429 || has_body && length.is_none()));
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// One connection's requests: answers by status, and the failures.
fn work(
    address: &str,
    count: u64,
    seed: u64,
    templates: &Templates,
    keys: &[String],
) -> (BTreeMap<u16, u64>, Vec<String>) {
    let (mut random, mut answers, mut failures) = (Random(seed), BTreeMap::new(), Vec::new());
    let mut open = None;
    for _ in 0..count {
        let request = templates.request(&mut random, keys);
        let answer = match open.take() {
            Some(stream) => Ok(stream),
            None => connect(address),
        }
        .and_then(|mut stream| exchange(&mut stream, &request).map(|answer| (answer, stream)));
        let status = match answer {
            Ok(((status, closes), stream)) => {
                open = (!closes).then_some(stream);
                status
            }
            Err(error) => {
                failures.push(format!("no answer ({error}) to {}", String::from_utf8_lossy(&request)));
                0
            }
        };
        if status >= 500 && status != 501 && failures.len() < MAX_SHOWN {
            failures.push(format!("{status} to {}", String::from_utf8_lossy(&request)));
        }
        *answers.entry(status).or_default() += 1;
    }
    (answers, failures)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, count, seed, templates] = &args[..] else {
        eprintln!("usage: see the source");
        return ExitCode::from(2);
    };
    let keys: Vec<String> =
        std::env::var("FUZZ_KEYS").unwrap_or_default().split(',').map(str::to_owned).collect();
    let (Ok(count), Ok(seed), Ok(templates)) =
        (count.parse::<u64>(), seed.parse::<u64>(), Templates::read(templates))
    else {
        eprintln!("usage: see the source");
        return ExitCode::from(2);
    };
    let (mut answers, mut failures) = (BTreeMap::new(), Vec::new());
    std::thread::scope(|scope| {
        let (templates, keys) = (&templates, &keys);
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|worker| {
                let seed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (worker + 1);
                scope.spawn(move || work(address, count.div_ceil(CONNECTIONS), seed, templates, keys))
            })
            .collect();
        for worker in workers {
            let (theirs, failed) = worker.join().unwrap_or_default();
            failures.extend(failed);
            theirs.into_iter().for_each(|(status, count)| *answers.entry(status).or_insert(0) += count);
        }
    });
    let bad: u64 = answers
        .iter()
        .filter(|(status, _)| **status == 0 || **status >= 500 && **status != 501)
        .map(|(_, n)| n)
        .sum();
    let shown: Vec<String> = answers.iter().map(|(status, count)| format!("{status}:{count}")).collect();
    println!("{}", shown.join(" "));
    failures.iter().take(10).for_each(|failure| println!("{failure}"));
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
