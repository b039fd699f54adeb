//! Random histories of a partner's months beside an exact oracle: late lines, credit notes, tenants that move and margins that
//! change on days, drafts, publishing, finalizing, withdrawing, voiding and billing again. After every step each line is on at
//! most one statement, at its day's owner and margin, to the last digit; what customers see changes by the steps alone that say
//! so. After every sixth, no version that they have seen has changed. At the end every line is on exactly one final statement or
//! correction.
//!
//! `TENANTRY_TEST_HISTORIES=1000` asks for more than the usual number.

mod oracle;

use self::oracle::{Dated, Facts, Line, charged, decimal, rounded, units};
use super::{NOW, Scene, Usage, line, statements};
use crate::support::{Answer, Api, Engine};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

const STEPS: usize = 60;
/// After how many steps all bills are read again, not only the new ones.
const REREAD: usize = 6;
const MONTHS: [&str; 4] = ["2026-08", "2026-09", "2026-10", "2026-11"];
/// Bills what is left when a history ends.
const LAST: &str = "2026-12";
const TENANTS: [&str; 3] = ["t-0", "t-1", "t-2"];
/// In ten-thousandths of a percent.
const MARGINS: [i128; 5] = [0, 100_000, 125_000, 200_000, 333_333];
const ACCOUNTS: &str = "/v1/azure_partner_customer_accounts";

#[test]
fn histories_on_sqlite_are_what_the_oracle_says() {
    histories(Engine::Sqlite, number("TENANTRY_TEST_HISTORIES", 50));
}

#[test]
fn histories_on_postgres_are_what_the_oracle_says() {
    if Engine::Postgres.is_here() {
        histories(Engine::Postgres, number("TENANTRY_TEST_HISTORIES", 50).div_ceil(10));
    }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

fn histories(engine: Engine, count: u64) {
    let (next, first) = (AtomicU64::new(0), number("TENANTRY_TEST_HISTORY", 0));
    let totals = std::sync::Mutex::new(BTreeMap::<&'static str, usize>::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let history = next.fetch_add(1, Ordering::Relaxed);
                    if history >= count {
                        return;
                    }
                    let done = History::new(engine, first + history).play();
                    let mut totals = totals.lock().unwrap();
                    for (step, times) in done {
                        *totals.entry(step).or_default() += times;
                    }
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap();
    eprintln!("{count} histories of {STEPS} steps: {totals:?}");
    // The control: everything that is to be looked at has happened.
    for step in [
        "late",
        "credit",
        "move",
        "margin",
        "refused move",
        "run",
        "publish",
        "finalize",
        "void",
        "withdraw",
        "correction",
        "outdated",
    ] {
        // A draft is seldom older than a change.
        let enough = if step == "outdated" { 50 } else { 5 };
        let happened = totals.get(step).is_some_and(|times| *times > 0);
        assert!(count < enough || happened, "no {step}: {totals:?}");
    }
}

/// The last run of a month that succeeded: its answer, the facts that it had, and how many lines there were.
struct Made {
    run: Value,
    facts: Facts,
    lines: usize,
}

/// How a version of a bill was made: its lines and charges in 10^-10, and the facts of its run.
struct Version {
    lines: Vec<(usize, i128)>,
    text: String,
    facts: Facts,
}

struct History {
    scene: Scene,
    seed: u64,
    random: u64,
    customers: Vec<(i64, Api)>,
    facts: Facts,
    lines: Vec<Line>,
    runs: BTreeMap<&'static str, Made>,
    /// By customer, month and version.
    versions: BTreeMap<(i64, String, i64), Version>,
    /// What customers see.
    seen: Vec<Vec<String>>,
    log: String,
    done: BTreeMap<&'static str, usize>,
}

/// A margin in ten-thousandths of a percent, as the API takes it.
#[expect(clippy::float_arithmetic, reason = "a JSON number; the oracle counts with the integer")]
fn percent(margin: i128) -> f64 {
    margin as f64 / 10_000.0
}

impl History {
    fn new(engine: Engine, seed: u64) -> Self {
        let scene = Scene::new(engine);
        let mut owners = BTreeMap::new();
        let (mut customers, mut margins) = (Vec::new(), Vec::new());
        for (i, tenant) in TENANTS.into_iter().enumerate() {
            let margin = MARGINS[i];
            let id = scene.billed(tenant, tenant, percent(margin));
            customers.push((id, scene.api.user_of(id).1));
            owners.insert(tenant, Dated::always(Some(i)));
            margins.push(Dated::always(margin));
        }
        let mut history = History {
            scene,
            seed,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d,
            customers,
            facts: Facts { owners, margins },
            lines: Vec::new(),
            runs: BTreeMap::new(),
            versions: BTreeMap::new(),
            seen: vec![Vec::new(); TENANTS.len()],
            log: String::new(),
            done: BTreeMap::new(),
        };
        for month in MONTHS {
            history.add_line(month, None);
        }
        history
    }

    /// From 0 to `below`, by xorshift.
    fn draw(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % below as u64) as usize
    }

    fn did(&mut self, step: &'static str) {
        *self.done.entry(step).or_default() += 1;
    }

    fn note(&mut self, text: &str) {
        writeln!(self.log, "  {text}").unwrap();
    }

    #[track_caller]
    fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        assert!(
            holds,
            "history {} (TENANTRY_TEST_HISTORY={0} TENANTRY_TEST_HISTORIES=1): {}\n{}",
            self.seed,
            what(),
            self.log
        );
    }

    fn play(mut self) -> BTreeMap<&'static str, usize> {
        for step in 0..STEPS {
            let month = MONTHS[self.draw(MONTHS.len())];
            let kind = self.draw(20);
            write!(self.log, "{step}:").unwrap();
            let shows = match kind {
                0..=2 => self.late_lines(month),
                3 => self.credit_note(month),
                4 | 5 => self.move_tenant(),
                6 | 7 => self.change_margin(),
                8..=12 => self.run(month, false),
                13 => self.run(month, true),
                14 | 15 => self.publish(month),
                16 | 17 => self.act(month, "finalize"),
                18 => self.act(month, "void"),
                _ => self.withdraw(month),
            };
            self.look(shows, step % REREAD == REREAD - 1);
        }
        self.settle();
        self.done
    }

    fn add_line(&mut self, month: &'static str, credits: Option<usize>) {
        let tenant = TENANTS[self.draw(TENANTS.len())];
        let day = format!("{month}-{:02}", 1 + self.draw(28));
        let cost = 1 + self.draw(90_000) as i128;
        self.lines.push(match credits {
            Some(of) => Line { cost: -self.lines[of].cost, ..self.lines[of].clone() },
            None => Line { month, day, tenant, cost },
        });
    }

    fn late_lines(&mut self, month: &'static str) -> bool {
        let count = 1 + self.draw(3);
        (0..count).for_each(|_| self.add_line(month, None));
        self.note(&format!("{count} late lines of {month}"));
        self.did("late");
        false
    }

    fn credit_note(&mut self, month: &'static str) -> bool {
        let of_month: Vec<usize> = (0..self.lines.len()).filter(|i| self.lines[*i].month == month).collect();
        let credited = of_month[self.draw(of_month.len())];
        self.add_line(month, Some(credited));
        self.note(&format!("a credit note for line {credited}"));
        self.did("credit");
        false
    }

    /// Any day but today, which is taken in a final month too, whose lines keep what held before.
    fn some_day(&mut self) -> String {
        let month = MONTHS[self.draw(MONTHS.len())];
        let day = format!("{month}-{:02}", 1 + self.draw(28));
        if NOW.starts_with(&day) { format!("{month}-29") } else { day }
    }

    /// Whether a day is in a final month, or before one.
    fn is_final(&self, day: &str) -> bool {
        let finals = statements(&self.scene.api, "status=Final&per_page=100");
        finals.iter().any(|statement| statement["billing_period"].as_str().unwrap() >= &day[..7])
    }

    /// Whether a dated change was made; it is refused where, and only where, a final month would change.
    fn is_accepted(&self, answer: &Answer, day: &str) -> bool {
        let text = answer.text();
        let refused = answer.status == 422 || text.contains("\"http_status\":422");
        self.check(matches!(answer.status, 200 | 207 | 422), || text.clone());
        self.check(refused == self.is_final(day), || format!("{day}: {text}"));
        !refused
    }

    fn move_tenant(&mut self) -> bool {
        let (tenant, day) = (TENANTS[self.draw(TENANTS.len())], self.some_day());
        let to = Some(self.draw(TENANTS.len() + 1)).filter(|to| *to < TENANTS.len());
        let from = self.facts.owners[tenant].on(&day);
        self.note(&format!("{tenant} moves from {from:?} to {to:?} on {day}"));
        let body = json!({"azure_customer_ids": [tenant], "effective_from": day});
        for (what, customer, owner) in [("remove", from, None), ("add", to, to)] {
            let Some(customer) = customer.filter(|_| from != to) else { continue };
            let answer =
                self.scene.api.put(&format!("{ACCOUNTS}/{what}/{}", self.customers[customer].0), &body);
            if !self.is_accepted(&answer, &day) {
                self.did("refused move");
                return false;
            }
            self.facts.owners.get_mut(tenant).unwrap().set(day.clone(), owner);
            self.did("move");
        }
        false
    }

    fn change_margin(&mut self) -> bool {
        let (customer, day) = (self.draw(TENANTS.len()), self.some_day());
        let margin = MARGINS[self.draw(MARGINS.len())];
        self.note(&format!("{customer} has a margin of {margin} from {day}"));
        let body = json!({"margin_percentage": percent(margin), "effective_from": day});
        let answer = self.scene.api.put(&format!("/v2/customers/{}", self.customers[customer].0), &body);
        if self.is_accepted(&answer, &day) {
            self.facts.margins[customer].set(day, margin);
            self.did("margin");
        }
        false
    }

    /// Bills a month from all of its lines.
    fn run(&mut self, month: &'static str, finalize: bool) -> bool {
        let publish = self.draw(4) == 0;
        let meters: Vec<String> = (0..self.lines.len()).map(|i| format!("m{i}")).collect();
        let costs: Vec<String> = self.lines.iter().map(|line| decimal(line.cost, 3)).collect();
        let of_month: Vec<Usage<'_>> = (0..self.lines.len())
            .filter(|i| self.lines[*i].month == month)
            .map(|i| Usage { day: &self.lines[i].day, ..line(self.lines[i].tenant, &meters[i], &costs[i]) })
            .collect();
        let source = self.scene.invoice(&format!("{month}.csv"), &of_month);
        let more =
            json!({"publish": publish, "finalize": finalize, "accept": ["below_cost", "far_above_cost"]});
        let run = self.scene.run(month, &[&source], &more);
        self.note(&format!("run {} of {month}, publish {publish}, finalize {finalize}", run["id"]));
        self.check(run["state"] == "succeeded" && run["errors"] == json!([]), || run.to_string());
        let held = |bill: &Value| bill["held_back"] != json!([]);
        self.check(!run["customers"].as_array().unwrap().iter().any(held), || run.to_string());
        let made = Made { run, facts: self.facts.clone(), lines: self.lines.len() };
        self.runs.insert(month, made);
        self.did("run");
        publish || finalize
    }

    /// Whether a line that the month's last run had is another one's by now, or at another margin, and the run's estimates are there.
    fn is_outdated(&self, month: &str) -> bool {
        let estimates = format!("billing_period={month}&status=Estimated&per_page=100");
        if statements(&self.scene.api, &estimates).is_empty() {
            return false;
        }
        let Made { facts, lines, .. } = &self.runs[month];
        let of = |facts: &Facts, line: &Line| {
            let owner = facts.owners[line.tenant].on(&line.day);
            (owner, owner.map(|owner| facts.margins[owner].on(&line.day)))
        };
        self.lines[..*lines]
            .iter()
            .any(|line| line.month == month && of(facts, line) != of(&self.facts, line))
    }

    /// What comes of something that is asked about where facts have changed. It always is asked where a line is concerned, and then
    /// accepted.
    fn asked(&mut self, month: &'static str, action: &'static str, accept: &[&str]) -> Option<Answer> {
        let path = format!("/v1/bill_runs/{}/{action}", self.runs.get(month)?.run["id"]);
        let outdated = self.is_outdated(month);
        let answer = self.scene.api.post(&path, &json!({ "accept": accept }));
        let is_asked = answer.status == 409 && answer.text().contains("accept facts_changed");
        self.check(!outdated || answer.status == 409, || format!("{action} of {month}: {}", answer.text()));
        self.note(&format!("{action} {month}: {}{}", answer.status, if is_asked { ", asked" } else { "" }));
        if !is_asked {
            return Some(answer);
        }
        self.did(if outdated { "outdated" } else { "asked in vain" });
        let accept: Vec<&str> = accept.iter().copied().chain(["facts_changed"]).collect();
        Some(self.scene.api.post(&path, &json!({ "accept": accept })))
    }

    fn publish(&mut self, month: &'static str) -> bool {
        let Some(answer) = self.asked(month, "publish", &[]) else { return false };
        self.check(matches!(answer.status, 200 | 409), || answer.text());
        self.did("publish");
        true
    }

    fn act(&mut self, month: &'static str, action: &'static str) -> bool {
        let asked = match action {
            "void" => self.runs.get(month).map(|made| {
                let path = format!("/v1/bill_runs/{}/void", made.run["id"]);
                self.scene.api.post(&path, &json!({"reason": "simulated"}))
            }),
            _ => self.asked(month, action, &["below_cost", "far_above_cost"]),
        };
        let Some(answer) = asked else { return false };
        self.note(&format!("{action} {month}: {}", answer.status));
        self.check(matches!(answer.status, 202 | 409), || answer.text());
        if answer.status == 202 {
            let ended = self.scene.end_of(answer.header("location"));
            self.check(ended["state"] == "succeeded" && ended["errors"] == json!([]), || ended.to_string());
            self.did(action);
        }
        true
    }

    fn withdraw(&mut self, month: &'static str) -> bool {
        let Some(made) = self.runs.get(month) else { return false };
        let path = format!("/v1/bill_runs/{}", made.run["id"]);
        let answer = self.scene.api.delete(&format!("{path}/statements"));
        self.note(&format!("withdraw {month}: {}", answer.status));
        self.check(matches!(answer.status, 204 | 409), || answer.text());
        if answer.status == 204 {
            self.did("withdraw");
            // Its runs count no more, unless it is final and only a correction was taken back.
            if self.scene.api.get(&path).json()["state"] == "cancelled" {
                self.runs.remove(month);
            }
        }
        true
    }

    /// Reads a version of a bill when it is first seen, with the facts of the month's last run, or to compare it.
    fn read(&mut self, place: &str, customer: i64, month: &str, version: i64, rereads: bool) {
        let key = (customer, month.to_owned(), version);
        if self.versions.contains_key(&key) && !rereads {
            return;
        }
        let text = self.scene.api.get(&format!("{place}/files/bill.csv"));
        self.check(text.status == 200, || format!("{place}: {}", text.text()));
        let text = text.text();
        if !self.versions.contains_key(&key) {
            let month = MONTHS.into_iter().chain([LAST]).find(|known| *known == month).unwrap();
            // Where the last run was withdrawn and the month is final, an earlier run has made it, and no fact of the month has
            // changed since.
            let is_known = self.runs.contains_key(month) || self.is_final(month);
            self.check(is_known, || format!("{place} is new, and no run of {month} counts"));
            let facts = self.runs.get(month).map_or(&self.facts, |made| &made.facts).clone();
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let headers = reader.headers().unwrap().clone();
            let column = |name: &str| headers.iter().position(|header| header == name).unwrap();
            let (meter, charge) = (column("MeterName"), column("Charge"));
            let lines: Vec<(usize, i128)> = reader
                .records()
                .map(Result::unwrap)
                .filter(|record| record[meter].starts_with('m'))
                .map(|record| (record[meter][1..].parse().unwrap(), units(&record[charge], 10)))
                .collect();
            self.versions.insert(key.clone(), Version { lines, text: text.clone(), facts });
        }
        let known = &self.versions[&key];
        self.check(known.text == text, || format!("{key:?} has changed:\n{text}\nwas\n{}", known.text));
    }

    /// What the lines of a version come to, in 10^-10; each is its customer's, of its month, at its day's margin, and on no
    /// other bill.
    fn checked(
        &mut self,
        place: &str,
        customer: i64,
        month: &str,
        version: i64,
        rereads: bool,
        billed: &mut BTreeSet<usize>,
    ) -> i128 {
        self.read(place, customer, month, version, rereads);
        let known = &self.versions[&(customer, month.to_owned(), version)];
        let mut sum = 0;
        for (i, charge) in &known.lines {
            let line = &self.lines[*i];
            let owner = known.facts.owners[line.tenant].on(&line.day).map(|owner| self.customers[owner].0);
            self.check(owner == Some(customer) && line.month == month, || {
                format!("line {i} {line:?} of {owner:?} is on the bill of {customer} for {month}")
            });
            let expected = charged(line, &known.facts);
            self.check(*charge == expected, || {
                format!("line {i} {line:?} is charged {charge}, not {expected}")
            });
            self.check(billed.insert(*i), || format!("line {i} {line:?} is on two bills"));
            sum += charge;
        }
        sum
    }

    /// Checks all statements and what customers see of them. `shows`: whether the step may have changed that; `rereads`: whether
    /// bills that were seen before are read again. The lines on final statements, or on estimates.
    fn look(&mut self, shows: bool, rereads: bool) -> BTreeSet<usize> {
        let mut billed = BTreeSet::new();
        let mut live = BTreeSet::new();
        let mut numbers = Vec::new();
        for statement in statements(&self.scene.api, "per_page=100") {
            numbers.extend(statement["statement_number"].as_str().map(str::to_owned));
            if !["Estimated", "Final"].contains(&statement["status"].as_str().unwrap()) {
                continue;
            }
            let (customer, version) =
                (statement["customer_id"].as_i64().unwrap(), statement["version"].as_i64().unwrap());
            let month = statement["billing_period"].as_str().unwrap();
            self.check(live.insert((customer, month.to_owned())), || format!("{customer} has {month} twice"));
            let place = format!("/v1/customer_statements/{}", statement["id"]);
            let mut sum = self.checked(&place, customer, month, version, rereads, &mut billed);
            for correction in statement["corrections"].as_array().into_iter().flatten() {
                let of = correction["billing_period"].as_str().unwrap();
                let place = format!("{place}/corrections/{of}/{}", correction["version"]);
                let version = correction["version"].as_i64().unwrap();
                let late = self.checked(&place, customer, of, version, rereads, &mut billed);
                let amount = units(&correction["amount"].to_string(), 2);
                self.check(amount == rounded(late, 100_000_000), || format!("{correction} is {late}"));
                sum += amount * 100_000_000;
                self.did("correction");
            }
            let total = units(&statement["total_amount"].to_string(), 2);
            self.check(total == rounded(sum, 100_000_000), || format!("{statement} comes to {sum}"));
        }
        // Numbers run without gaps.
        numbers.sort();
        let expected: Vec<String> = (1..=numbers.len()).map(|number| format!("2026-{number:04}")).collect();
        self.check(numbers == expected, || format!("{numbers:?}"));
        for i in 0..self.customers.len() {
            let shown = |statement: &Value| {
                let fields = [
                    "id",
                    "billing_period",
                    "status",
                    "version",
                    "total_amount",
                    "statement_number",
                    "corrections",
                ];
                fields.map(|field| statement[field].to_string()).join(" ")
            };
            let seen: Vec<Value> = statements(&self.customers[i].1, "per_page=100");
            for statement in seen.iter().filter(|_| rereads) {
                let (id, version) = (&statement["id"], statement["version"].as_i64().unwrap());
                let key =
                    (self.customers[i].0, statement["billing_period"].as_str().unwrap().to_owned(), version);
                let file =
                    self.customers[i].1.get(&format!("/v1/customer_statements/{id}/files/bill.csv")).text();
                let is_same = self.versions.get(&key).is_none_or(|known| known.text == file);
                self.check(is_same, || format!("{key:?} has changed: {file}"));
            }
            let seen: Vec<String> = seen.iter().map(shown).collect();
            self.check(shows || seen == self.seen[i], || format!("{:?} became {seen:?}", self.seen[i]));
            self.seen[i] = seen;
        }
        billed
    }

    /// Makes everything final. Then every line that has an owner is on exactly one bill.
    fn settle(&mut self) {
        for tenant in TENANTS {
            let day = format!("{LAST}-01");
            self.lines.push(Line { month: LAST, day, tenant, cost: 1000 });
        }
        for month in MONTHS.into_iter().chain([LAST]) {
            write!(self.log, "end:").unwrap();
            self.run(month, true);
            self.look(true, false);
        }
        let billed = self.look(false, true);
        let all = statements(&self.scene.api, "per_page=100");
        self.check(all.iter().all(|statement| statement["status"] != "Estimated"), || format!("{all:?}"));
        for (i, line) in self.lines.iter().enumerate() {
            let owner = self.facts.owners[line.tenant].on(&line.day);
            // A bill that was made before its tenant was taken away keeps a line: `checked` has looked at its facts.
            self.check(billed.contains(&i) || owner.is_none(), || format!("line {i} {line:?} of {owner:?}"));
        }
        // A statement and its reversal come to nothing.
        let total = |status: &str| -> i128 {
            let of_status = all.iter().filter(|statement| statement["status"] == status);
            of_status.map(|statement| units(&statement["total_amount"].to_string(), 2)).sum()
        };
        self.check(total("Void") == -total("Reversal"), || format!("{all:?}"));
        let verified = self.scene.server.run(&["bill", "verify", "--complete"]);
        self.check(verified.status.success(), || String::from_utf8_lossy(&verified.stdout).into_owned());
    }
}
