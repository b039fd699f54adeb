//! What `benches/run` measures Tenantry against. Every command prints one line of numbers.
//!
//! ```text
//! commits FILE ROWS SECONDS    customers with their tags, ROWS to a commit: customers per second
//! trial FILE PORT              the same behind HTTP, 64 to a commit at most, until it is stopped
//! fill FILE CUSTOMERS          that many customers with their tags, at once
//! fsync FILE SECONDS           append 4 KiB and fsync, a hundred times a second at most: p50 and p99 in microseconds
//! paced ADDR RATE SECONDS      create customers at this rate, whatever the answers do: rate, p50, p99 in microseconds,
//!                              answers that were not 201; the key comes from TENANTRY_BENCH_KEY
//! ```

mod trial;

use rusqlite::{Connection, params};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["commits", file, rows, seconds] => commits(file, rows.parse()?, seconds.parse()?),
        ["trial", file, port] => trial::serve(file, port.parse()?),
        ["fill", file, customers] => fill(file, customers.parse()?),
        ["fsync", file, seconds] => fsync(file, seconds.parse()?),
        ["paced", address, rate, seconds] => paced(address, rate.parse()?, seconds.parse()?),
        _ => Err("usage: commits | trial | fill | fsync | paced, see the source".into()),
    }
}

/// With the settings of the product's own writer.
fn open(file: &str) -> Outcome<Connection> {
    let db = Connection::open(file)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -64000; PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(db)
}

const LAST_ID: &str = "INSERT INTO id_sequences (partner_id, kind, last_id) VALUES (1, 'customers', ?1)
    ON CONFLICT (partner_id, kind) DO UPDATE SET last_id = excluded.last_id";
const CUSTOMER: &str = "INSERT INTO customers (partner_id, id, generated_external_id, created_at, updated_at, version,
        name, name_key, azure_customer_id, azure_customer_key, street1, street2, city, state, zipcode, country,
        classification, trial_expiration_date, billing_contact, margin_percentage, billing_enabled, billing_folder)
    VALUES (1, ?1, ?2, 1700000000, 1700000000, 1, ?3, ?4, NULL, NULL, '1 Main St', NULL, 'Springfield', 'MA', '01234',
        'US', 'managed_with_access', NULL, 'billing@example.com', 0, 0, '')";
const TAGS: &str = "INSERT INTO customer_tags (partner_id, customer_id, position, key, value)
    VALUES (1, ?1, 0, 'env', 'bench'), (1, ?1, 1, 'run', 'bare'), (1, ?1, 2, 'tier', ?2)";

fn commits(file: &str, rows: u32, seconds: f64) -> Outcome<()> {
    let db = open(file)?;
    let mut id: i64 = db.query_row("SELECT COALESCE(MAX(id), 0) FROM customers", [], |row| row.get(0))?;
    let mut random = Random::new();
    let (started, mut made) = (Instant::now(), 0u32);
    while started.elapsed().as_secs_f64() < seconds {
        db.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..rows {
            id += 1;
            let number = random.next();
            let (external, name) = (format!("{:012x}", random.next() >> 16), format!("Customer {number:x}"));
            db.prepare_cached(CUSTOMER)?.execute(params![id, external, name, name.to_lowercase()])?;
            db.prepare_cached(TAGS)?.execute(params![id, (number % 10).to_string()])?;
        }
        db.execute_batch("COMMIT")?;
        made += rows;
    }
    println!("{:.1}", f64::from(made) / started.elapsed().as_secs_f64());
    db.execute(LAST_ID, [id])?;
    Ok(())
}

fn fill(file: &str, customers: i64) -> Outcome<()> {
    let db = open(file)?;
    let started = Instant::now();
    db.execute_batch("BEGIN IMMEDIATE")?;
    let first: i64 = db.query_row("SELECT COALESCE(MAX(id), 0) + 1 FROM customers", [], |row| row.get(0))?;
    let last = first + customers - 1;
    let mut random = Random::new();
    for id in first..=last {
        let number = random.next();
        let (external, name) = (format!("{:012x}", random.next() >> 16), format!("Customer {number:x}"));
        db.prepare_cached(CUSTOMER)?.execute(params![id, external, name, name.to_lowercase()])?;
        db.prepare_cached(TAGS)?.execute(params![id, (number % 10).to_string()])?;
    }
    db.execute(
        "UPDATE customers SET classification = CASE id % 2 WHEN 0 THEN 'managed_without_access' ELSE classification END,
             billing_enabled = (id % 100 = 0), trial_expiration_date = CASE id % 10 WHEN 0 THEN 4000000000 END
         WHERE id >= ?1 AND (id % 2 = 0)",
        [first],
    )?;
    db.execute_batch(
        "DELETE FROM customer_blocks;
         INSERT INTO customer_blocks (partner_id, block, shard, customers)
             SELECT partner_id, id / 8192, 0, COUNT(*) FROM customers GROUP BY partner_id, id / 8192",
    )?;
    db.execute(LAST_ID, [last])?;
    db.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    println!("{:.1}", started.elapsed().as_secs_f64());
    Ok(())
}

fn fsync(path: &str, seconds: f64) -> Outcome<()> {
    let mut file = std::fs::File::create(path)?;
    let (started, mut took) = (Instant::now(), Vec::new());
    while started.elapsed().as_secs_f64() < seconds {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_all()?;
        took.push(began.elapsed());
        std::thread::sleep(Duration::from_millis(10).saturating_sub(began.elapsed()));
    }
    std::fs::remove_file(path)?;
    println!("{}", percentiles(&mut took));
    Ok(())
}

/// Latencies count from the moment at which a request was due, so that a slow answer is not paid for by fewer requests.
fn paced(address: &str, rate: f64, seconds: f64) -> Outcome<()> {
    const CONNECTIONS: u32 = 32;
    let key = std::env::var("TENANTRY_BENCH_KEY")?;
    let run = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    let start = Instant::now() + Duration::from_millis(100);
    let each = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate);
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let (address, key) = (address.to_owned(), key.clone());
            std::thread::spawn(move || -> Outcome<(Vec<Duration>, u32)> {
                let stream = TcpStream::connect(&address)?;
                stream.set_nodelay(true)?;
                let (mut answers, mut requests) = (BufReader::new(stream.try_clone()?), stream);
                let mut due = start + each * number / CONNECTIONS;
                let (mut took, mut wrong) = (Vec::new(), 0);
                for made in 0.. {
                    if (due - start).as_secs_f64() > seconds {
                        break;
                    }
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let unique = format!("{run}-{number}-{made}");
                    let body = format!(
                        r#"{{"name":"Customer {unique}","address":{{"street1":"{made} Main St","city":"Springfield","state":"MA","zipcode":"01234","country":"US"}},"classification":"managed_with_access","billing_contact":"billing@example.com","tags":[{{"key":"env","value":"bench"}},{{"key":"run","value":"{run}"}},{{"key":"tier","value":"{}"}}]}}"#,
                        made % 10
                    );
                    // In one piece: each write is a packet, and wakes the server.
                    let request = format!(
                        "POST /v2/customers HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: {unique}\r\n\
                         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    requests.write_all(request.as_bytes())?;
                    wrong += u32::from(!answer(&mut answers)?.contains(" 201 "));
                    took.push(due.elapsed());
                    due += each;
                }
                Ok((took, wrong))
            })
        })
        .collect();
    let (mut took, mut wrong) = (Vec::new(), 0);
    for thread in threads {
        let (its, failed) = thread.join().map_err(|_| "a connection's thread panicked")??;
        took.extend(its);
        wrong += failed;
    }
    let rate = took.len() as f64 / start.elapsed().as_secs_f64();
    println!("{rate:.1} {} {wrong}", percentiles(&mut took));
    Ok(())
}

/// Read one answer to its end; its first line.
fn answer(from: &mut BufReader<TcpStream>) -> Outcome<String> {
    let (mut status, mut length) = (String::new(), 0);
    from.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    from.read_exact(&mut vec![0; length])?;
    Ok(status)
}

fn percentiles(took: &mut [Duration]) -> String {
    took.sort();
    let at = |percent: usize| took.get(took.len() * percent / 100).map_or(0, Duration::as_micros);
    format!("{} {}", at(50), at(99))
}

/// xorshift64*: names and ids in no order, as real ones are.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Random(now.map_or(1, |now| now.as_nanos() as u64) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
