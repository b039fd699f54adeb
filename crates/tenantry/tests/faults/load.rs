//! Clients that create customers and repeat, as the API asks them to, what they have no answer to; and what is to be found
//! afterwards.

use crate::support::{Answer, Api, Database, Server, customer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

const WRITERS: usize = 64;
/// No fault lasts as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a customer of this name is told to be; each part of it tells whose it is.
pub(crate) fn payload(name: &str) -> Value {
    let tags: Value = (0..3).map(|i| json!({"key": format!("tag {i}"), "value": name})).collect();
    customer(&json!({
        "name": name, "address": {"street1": name, "city": name}, "tags": tags, "margin_percentage": 12.5,
        "partner_billing_configuration": {"enabled": true, "folder": name},
    }))
}

/// Create a customer, under a key that is its name; the answer, or none where the connection broke.
pub(crate) fn create(api: &Api, name: &str) -> Option<Answer> {
    let call = api.call("POST", "/v2/customers").header("Idempotency-Key", name);
    call.json(&payload(name)).try_send().ok()
}

pub(crate) fn id(customer: &Value) -> i64 {
    customer["id"].as_i64().unwrap()
}

pub(crate) fn all_of(api: &Api) -> Vec<Value> {
    let mut all = Vec::new();
    for page in 1.. {
        let listed = api.get(&format!("/v2/customers?per_page=100&page={page}")).json();
        match listed["customers"].as_array().unwrap() {
            none if none.is_empty() => break,
            some => all.extend(some.iter().cloned()),
        }
    }
    all
}

/// What the clients of several rounds know.
#[derive(Default)]
pub(crate) struct Load {
    rounds: usize,
    /// The customers that were acknowledged.
    pub(crate) answered: BTreeMap<i64, Value>,
    /// Of those: acknowledged when the request was repeated, and made before.
    replayed: usize,
    /// Names of customers whose creation the last round ended without an answer to.
    pub(crate) open: Vec<String>,
}

/// What clients hear while they are at it.
pub(crate) struct Heard<'l> {
    pub(crate) load: &'l mut Load,
    answers: Receiver<(Instant, Answer)>,
    ending: &'l AtomicBool,
    /// Answers `503` or `409`: all, those since the last acknowledgement and when that was, and what the last one said.
    pub(crate) refusals: usize,
    in_a_row: usize,
    acknowledged_at: Instant,
    pub(crate) refusal: String,
    /// From this moment on no acknowledgement reaches anybody, and is repeated like what has none.
    pub(crate) deaf_since: Option<Instant>,
}

impl Load {
    /// 64 clients create customers, first those that are still open, while `fault` happens; after that each ends with its
    /// next answer, or without one. What has none is sent again, to the next server.
    pub(crate) fn run(&mut self, servers: &[Api], fault: impl FnOnce(&mut Heard<'_>)) {
        let open = Mutex::new(std::mem::take(&mut self.open));
        self.rounds += 1;
        let round = self.rounds;
        let ending = AtomicBool::new(false);
        let (told, answers) = channel();
        thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (open, told, ending) = (&open, told.clone(), &ending);
                    let fresh = (1..).map(move |i| format!("round-{round}-writer-{writer}-number-{i}"));
                    let names = std::iter::from_fn(|| open.lock().unwrap().pop()).chain(fresh);
                    scope.spawn(move || write(servers, writer, names, &told, ending))
                })
                .collect();
            drop(told);
            let mut heard = Heard {
                load: self,
                answers,
                ending: &ending,
                refusals: 0,
                in_a_row: 0,
                acknowledged_at: Instant::now(),
                refusal: String::new(),
                deaf_since: None,
            };
            fault(&mut heard);
            ending.store(true, Ordering::SeqCst);
            while heard.hear().is_some() {}
            drop(heard);
            self.open.extend(writers.into_iter().filter_map(|writer| writer.join().unwrap()));
            self.open.append(&mut open.lock().unwrap());
        });
    }

    /// Have an answer to everything.
    pub(crate) fn settle(&mut self, api: &Api) {
        for _ in 0..self.open.len().div_ceil(WRITERS) {
            self.run(std::slice::from_ref(api), |_| {});
        }
        assert_eq!(self.open, [""; 0], "without an answer");
    }

    /// What was acknowledged is there as it was, and nothing is there twice, in part, or unasked for.
    pub(crate) fn check(&self, server: &Server, database: &Database) {
        let there = all_of(&server.admin());
        assert_eq!(faults(&self.answered, &there), Vec::<String>::new(), "after {} rounds", self.rounds);
        assert!(
            there.len() == self.answered.len() || !self.open.is_empty(),
            "what nobody asked for is there"
        );
        assert_eq!(torn(database), Vec::<String>::new(), "after {} rounds", self.rounds);
        let verified = server.run(&["audit", "verify"]);
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    }

    /// For people to read.
    pub(crate) fn figures(&self) -> String {
        format!("{} acknowledged, {} of them on repeating, 0 lost", self.answered.len(), self.replayed)
    }

    /// How many of the acknowledged customers are not there.
    pub(crate) fn lost(&self, api: &Api) -> usize {
        let there: BTreeSet<i64> = all_of(api).iter().map(id).collect();
        self.answered.keys().filter(|id| !there.contains(id)).count()
    }
}

impl Drop for Heard<'_> {
    /// Also where the test fails, so that it ends.
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
    }
}

impl Heard<'_> {
    /// The next answer of any client, and whether it is an acknowledgement; `None` when all have ended.
    fn hear(&mut self) -> Option<(Instant, bool)> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        let (at, answer) = match self.answers.recv_timeout(PATIENCE) {
            Ok(heard) => heard,
            Err(Disconnected) => return None,
            Err(Timeout) => panic!("nobody has been answered for a minute"),
        };
        assert!(at < self.acknowledged_at + PATIENCE, "nobody has been acknowledged for a minute");
        if answer.status != 201 {
            self.refusals += 1;
            self.in_a_row += 1;
            self.refusal = answer.text();
            return Some((at, false));
        }
        let customer = answer.json();
        if self.deaf_since.is_some_and(|moment| at >= moment) {
            self.load.open.push(customer["name"].as_str().unwrap().to_owned());
            return Some((at, false));
        }
        (self.in_a_row, self.acknowledged_at) = (0, at);
        self.load.replayed += usize::from(answer.header("idempotency-replayed") == "true");
        let before = self.load.answered.insert(id(&customer), customer);
        assert_eq!(before, None, "an id was given twice");
        Some((at, true))
    }

    /// Wait for so many further acknowledgements.
    pub(crate) fn acknowledged(&mut self, count: usize) {
        for _ in 0..count {
            while !self.hear().unwrap().1 {}
        }
    }

    /// Wait for so many refusals, with no acknowledgement between them.
    pub(crate) fn refused(&mut self, count: usize) {
        while self.in_a_row < count {
            self.hear().unwrap();
        }
    }

    /// How long after this moment the first acknowledgement came.
    pub(crate) fn first_since(&mut self, moment: Instant) -> Duration {
        loop {
            let (at, acknowledged) = self.hear().unwrap();
            if acknowledged && at > moment {
                return at - moment;
            }
        }
    }
}

/// Create one customer after the other; the name of the one without an answer at the end.
fn write(
    servers: &[Api],
    writer: usize,
    mut names: impl Iterator<Item = String>,
    told: &Sender<(Instant, Answer)>,
    ending: &AtomicBool,
) -> Option<String> {
    let mut servers = servers.iter().cycle().skip(writer);
    loop {
        let name = names.next().unwrap();
        loop {
            let answer = create(servers.next().unwrap(), &name);
            let made = answer.as_ref().is_some_and(|answer| answer.status == 201);
            if let Some(answer) = answer {
                let again = [409, 503].contains(&answer.status) && !answer.header("retry-after").is_empty();
                assert!(made || again, "{} {}", answer.status, answer.text());
                let _ = told.send((Instant::now(), answer)); // nobody listens where the test has failed
            }
            match (made, ending.load(Ordering::SeqCst)) {
                (true, true) => return None,
                (true, false) => break,
                (false, true) => return Some(name),
                (false, false) => thread::yield_now(),
            }
        }
    }
}

/// What is wrong with what the API shows: of those that were acknowledged something, and of all others that they are no
/// torn ones.
fn faults(answered: &BTreeMap<i64, Value>, there: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let by_id: BTreeMap<i64, &Value> = there.iter().map(|customer| (id(customer), customer)).collect();
    for (id, customer) in answered {
        match by_id.get(id) {
            None => faults.push(format!("lost: {customer}")),
            Some(found) if *found != customer => faults.push(format!("other than answered: {found}")),
            Some(_) => {}
        }
    }
    let mut seen = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for customer in there {
        let own = ["id", "name", "generated_external_id"].map(|field| customer[field].to_string());
        for (seen, value) in seen.iter_mut().zip(own) {
            if !seen.insert(value) {
                faults.push(format!("twice: {customer}"));
            }
        }
        let told = payload(customer["name"].as_str().unwrap());
        if told.as_object().unwrap().iter().any(|(field, value)| customer[field] != *value) {
            faults.push(format!("torn: {customer}"));
        }
    }
    faults
}

/// What is wrong with the rows: a customer comes with its tags, its audit event and its first answer, and none of them
/// without it.
pub(crate) fn torn(database: &Database) -> Vec<String> {
    let made = "audit_events WHERE action = 'customer.create'";
    let sides = [
        ("SELECT 'customers/' || id FROM customers".into(), format!("SELECT object FROM {made}")),
        ("SELECT name FROM customers".into(), "SELECT key FROM idempotency_keys".into()),
        (
            "SELECT id FROM customers".into(),
            "SELECT customer_id FROM customer_tags GROUP BY customer_id HAVING COUNT(*) = 3".into(),
        ),
        (format!("SELECT COUNT(*) FROM {made}"), format!("SELECT COUNT(DISTINCT object) FROM {made}")),
    ];
    let mut torn = Vec::new();
    for (left, right) in &sides {
        for (there, missing) in [(left, right), (right, left)] {
            for row in database.query(&format!("{there} EXCEPT {missing}")) {
                torn.push(format!("{} of {there} is missing in {missing}", row.concat()));
            }
        }
    }
    let (next, largest) = if database.url.starts_with("sqlite:") {
        let intact = database.query("PRAGMA integrity_check");
        torn.extend(intact.concat().into_iter().filter(|said| said != "ok"));
        ("SELECT last_id FROM id_sequences WHERE kind = 'customers'", "SELECT MAX(id) FROM customers")
    } else {
        ("SELECT last_value FROM customers_id_1", "SELECT COALESCE(MAX(id), 0) FROM customers")
    };
    let numbers = [next, largest].map(|sql| database.value(sql).parse().unwrap_or(0_i64));
    if numbers[0] < numbers[1] {
        torn.push(format!("ids go on at {}, behind {}", numbers[0], numbers[1]));
    }
    torn
}

impl Load {
    /// The checks themselves: they see one that is lost, one that is there twice, and each that is torn. Destroys the
    /// database.
    pub(crate) fn control(&self, server: &Server, database: &Database) {
        let there = all_of(&server.admin());
        let checks = |change: &dyn Fn(&mut Vec<Value>), expected: &str| {
            let mut there = there.clone();
            change(&mut there);
            let faults = faults(&self.answered, &there);
            assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}: {faults:?}");
        };
        let known = *self.answered.keys().nth(self.answered.len() / 2).unwrap();
        let middle = there.iter().position(|customer| id(customer) == known).unwrap();
        checks(&|there| drop(there.remove(middle)), "lost");
        checks(&|there| there[middle]["tags"] = json!([]), "torn");
        checks(&|there| there[middle]["updated_at"] = json!("2016-09-15T18:17:04Z"), "other than answered");
        checks(&|there| there.push(there[middle].clone()), "twice");
        checks(
            &|there| {
                let mut again = there[middle].clone();
                again["id"] = json!(i64::MAX);
                there.push(again);
            },
            "twice",
        );
        // Torn ones show even where nobody was answered.
        let mut torn_one = there.clone();
        torn_one[middle]["address"]["city"] = json!("Elsewhere");
        assert_eq!(faults(&BTreeMap::new(), &torn_one).len(), 1);

        let of = |rank: usize| *self.answered.keys().nth(rank).unwrap();
        let ids = if database.url.starts_with("sqlite:") {
            "UPDATE id_sequences SET last_id = 1 WHERE kind = 'customers'"
        } else {
            "SELECT setval('customers_id_1', 1)"
        };
        let name = self.answered[&of(2)]["name"].as_str().unwrap();
        for (number, (sql, expected)) in [
            (
                format!("DELETE FROM customer_tags WHERE customer_id = {} AND position = 1", of(0)),
                "customer_tags",
            ),
            (format!("DELETE FROM audit_events WHERE object = 'customers/{}'", of(1)), "audit_events"),
            (format!("DELETE FROM idempotency_keys WHERE key = '{name}'"), "idempotency_keys"),
            (
                format!("DELETE FROM customers WHERE id = {}", of(3)),
                "is missing in SELECT name FROM customers",
            ),
            (ids.to_owned(), "ids go on at"),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(
                torn(database).iter().filter(|fault| fault.contains(expected)).count(),
                0,
                "{expected}"
            );
            database.execute(&sql);
            let found = torn(database);
            assert!(found.len() > number && found.iter().any(|fault| fault.contains(expected)), "{found:?}");
        }
        assert!(!server.run(&["audit", "verify"]).status.success());
    }
}
