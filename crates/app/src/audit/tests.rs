//! Ten thousand tamperings, each found, also behind ordinary changes and a restart: of events and heads, of users and
//! partners, and of all of it, put back to an older state.

use super::{AnchorPlaces, Entry, PartnerAnchor, TrailCheck, TrailFault, TrailPart, append_to};
use crate::access::Call;
use crate::change::WriteBody;
use crate::paging::Query;
use crate::users::UserWithKey;
use crate::{App, Clock, Error, SecretKey};
use bill_storage::{Document, Settings};
use domain::json::Json;
use domain::{Handling, PartnerId, UserId};
use rusqlite::{Connection, params_from_iter};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const ROUNDS: usize = 10_000;
const SEED: u64 = 7_263_915_001;
const SHARDS: [i64; 4] = [0, 1, 2, 7];
const EVENTS: usize = 24;
/// What is tampered with, and put back behind each round.
const TABLES: [&str; 6] = ["audit_events", "audit_heads", "users", "user_access", "api_keys", "partners"];
/// Of these, what is kept of every state on the way.
const OLDER: [&str; 3] = ["users", "user_access", "api_keys"];

/// SplitMix64: the same tamperings every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % sides as u64) as usize
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.roll(from.len())]
    }
}

async fn open(db: store::Db, secrets: &SecretKey, anchors: &AnchorPlaces) -> App {
    let clock = Clock::standing("2016-09-15T18:17:04Z".parse().unwrap());
    let app = App::open(db, clock, secrets.clone(), directory::Egress::parse("").unwrap()).await.unwrap();
    app.with_anchor(anchors.clone())
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

/// Users and keys that have been several things, each of which is kept.
async fn change_users(app: &App, partner: PartnerId, keep: impl Fn()) {
    let call = Call::of_operator(partner, "test");
    let create = async |name: &str| -> UserId {
        let body = json(&format!("{{\"email\": \"{name}@example.com\", \"role\": \"viewer\"}}"));
        let write: WriteBody<UserWithKey> = |created| Ok(created.user.id.to_string());
        let created = app.create_user(&call, None, &body, Handling::Lenient, write).await.unwrap();
        keep();
        UserId(created.json.parse().unwrap())
    };
    let rotate = async |user: UserId, body: &str| {
        let body = json(body);
        let rotated = app.rotate_key(&call, None, user, &body, Handling::Lenient, |_| Ok(String::new()));
        rotated.await.unwrap();
        keep();
    };
    let rotated = create("rotated").await;
    rotate(rotated, "{}").await;
    app.update_user(&call, None, rotated, json("{\"role\": \"billing\"}"), Handling::Lenient).await.unwrap();
    keep();
    rotate(rotated, "{\"api_key_expires_at\": \"2030-01-01T00:00:00Z\"}").await;
    let narrow =
        json("{\"name\": \"nightly\", \"role\": \"billing\", \"allowed_addresses\": [\"192.0.2.0/24\"]}");
    let made = app.create_api_key(&call, None, rotated, &narrow, Handling::Lenient, |_| Ok(String::new()));
    made.await.unwrap();
    let revoked = create("revoked").await;
    app.revoke_key(&call, None, revoked).await.unwrap();
    keep();
    let deleted = create("deleted").await;
    app.delete_user(&call, None, deleted).await.unwrap();
}

/// An ordinary change.
async fn change(app: &App, partner: PartnerId, shard: i64, number: usize) -> Result<(i64, i64), Error> {
    let input = (Arc::clone(&app.trail), partner, shard, number, app.clock.now());
    let written = app.db.unchecked().write(partner, input, |(trail, partner, shard, number, now), tx| {
        Box::pin(async move {
            let mut entry = Entry::new("customer.update", format!("customers/{number}"));
            entry.before = number.is_multiple_of(2).then(|| format!("{{\"number\":{number}}}"));
            entry.after = number.is_multiple_of(3).then(String::new);
            entry.reason = number.is_multiple_of(5).then(|| "why not".into());
            let call = Call::of_operator(*partner, "test");
            append_to(tx, trail, &call, entry, *now, *shard).await
        })
    });
    written.await
}

/// Two partners' trails in several shards, and a way to them that does not ask the platform.
struct Trail {
    app: App,
    secrets: SecretKey,
    anchors: AnchorPlaces,
    /// The anchors as they were written last: the texts of their files.
    anchored: Vec<(PathBuf, String)>,
    partners: Vec<PartnerId>,
    sql: Connection,
    _folder: tempfile::TempDir,
}

impl Trail {
    async fn new(dice: &mut Dice) -> Self {
        // In memory where that can be: ten thousand rounds are some fifty thousand commits.
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let file = folder.path().join("trail.db");
        let db = store::Db::open(&format!("sqlite:{}", file.display())).await.unwrap();
        let secrets = SecretKey::generate().unwrap();
        let places = [folder.path().join("secret.anchor"), folder.path().join("store/secret.anchor")];
        let object = Document::open(&format!("file:{}", places[1].display()), &Settings::default()).unwrap();
        let anchors = AnchorPlaces { files: vec![places[0].clone()], objects: vec![object], log: false };
        let app = open(db, &secrets, &anchors).await;
        let sql = Connection::open(file).unwrap();
        sql.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; ATTACH ':memory:' AS kept;")
            .unwrap();
        let run = |statement: &str| {
            sql.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        };
        OLDER.iter().for_each(|table| {
            run(&format!("CREATE TABLE kept.{table}_older AS SELECT * FROM main.{table} WHERE FALSE"));
        });
        let mut partners = Vec::new();
        for name in ["Contoso", "Fabrikam"] {
            partners.push(app.create_partner(name, "admin@example.com").await.unwrap().partner.id);
        }
        app.keep_anchor(true).await.unwrap();
        TABLES
            .iter()
            .for_each(|name| run(&format!("CREATE TABLE kept.{name}_before AS SELECT * FROM main.{name}")));
        for partner in &partners {
            let keep = || {
                OLDER.iter().for_each(|table| {
                    run(&format!("INSERT INTO kept.{table}_older SELECT * FROM main.{table}"));
                });
            };
            change_users(&app, *partner, keep).await;
        }
        for number in 0..EVENTS {
            let (partner, shard) = (*dice.pick(&partners), *dice.pick(&SHARDS));
            change(&app, partner, shard, number).await.unwrap();
        }
        app.keep_anchor(true).await.unwrap();
        TABLES.iter().for_each(|name| run(&format!("CREATE TABLE kept.{name} AS SELECT * FROM main.{name}")));
        let read = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).unwrap());
        let anchored = places.map(read).into();
        Trail { app, secrets, anchors, anchored, partners, sql, _folder: folder }
    }

    /// What is wrong with the partners' trails; an error of the store counts.
    async fn problems(&self) -> Vec<String> {
        self.problems_of(&self.app).await
    }

    async fn problems_of(&self, app: &App) -> Vec<String> {
        let mut problems = Vec::new();
        for partner in &self.partners {
            match app.verify_audit(*partner).await {
                Ok(verdict) => problems.extend(verdict.problems),
                Err(error) => problems.push(error.to_string()),
            }
        }
        match app.verify_system().await {
            Ok(verdict) => problems.extend(verdict.problems),
            Err(error) => problems.push(error.to_string()),
        }
        match app.verify_anchors(None).await {
            Ok(verdicts) => problems.extend(verdicts.into_iter().flat_map(|verdict| verdict.problems)),
            Err(error) => problems.push(error.to_string()),
        }
        problems
    }

    /// A server that knows nothing of what was before, after a change for each partner by the one that was there.
    async fn changed_and_restarted(&self, dice: &mut Dice) -> App {
        for partner in &self.partners {
            // Where an event was put in its place, a change fails until the server has looked at the chain's end.
            drop(change(&self.app, *partner, *dice.pick(&SHARDS), EVENTS).await);
        }
        let app = open(self.app.db.unchecked().clone(), &self.secrets, &self.anchors).await;
        let started = app.start_audit().await;
        assert!(started.is_ok() || !self.partners.iter().all(|partner| self.has(*partner)), "{started:?}");
        for partner in &self.partners {
            let changed = change(&app, *partner, *dice.pick(&SHARDS), EVENTS).await;
            assert!(changed.is_ok() || !self.has(*partner), "{changed:?}");
        }
        app
    }

    fn has(&self, partner: PartnerId) -> bool {
        self.sql.prepare_cached("SELECT 1 FROM partners WHERE id = ?").unwrap().exists([partner.0]).unwrap()
    }

    fn undo(&self) {
        self.anchored.iter().for_each(|(path, text)| std::fs::write(path, text).unwrap());
        for table in TABLES {
            self.run(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{table};"));
        }
    }

    fn run(&self, sql: &str) {
        self.sql.execute_batch(sql).unwrap_or_else(|e| panic!("{e}: {sql}"));
    }

    /// Whether anything is not as it was.
    fn differs(&self) -> bool {
        TABLES.iter().any(|table| {
            let both = [("main", "kept"), ("kept", "main")];
            both.iter().any(|(one, other)| {
                let sql = format!(
                    "SELECT 1 FROM (SELECT * FROM {one}.{table} EXCEPT SELECT * FROM {other}.{table})"
                );
                self.sql.prepare_cached(&sql).unwrap().exists([]).unwrap()
            })
        })
    }

    /// The rowid of some row: of an event, a head, a user, or a key.
    fn some(&self, table: &str, dice: &mut Dice) -> i64 {
        let sql = format!("SELECT rowid FROM {table} ORDER BY rowid");
        let mut statement = self.sql.prepare_cached(&sql).unwrap();
        let rows: Vec<i64> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        *dice.pick(&rows)
    }
}

const NUMBERS: [&str; 6] = ["partner_id", "shard", "seq", "at", "id", "broken"];
const TEXTS: [&str; 12] = [
    "user_id",
    "key_id",
    "action",
    "object",
    "before",
    "after",
    "reason",
    "origin",
    "request_id",
    "salt",
    "before_commitment",
    "after_commitment",
];

/// One change of what `column` holds, as SQL.
fn another_value(column: &str, dice: &mut Dice) -> String {
    let number = format!("COALESCE({column}, 0) + {}", [-100, -1, 1, 2, 1000][dice.roll(5)]);
    let text = [
        format!("COALESCE({column}, '') || 'x'"),
        format!("COALESCE({column}, '') || ' '"),
        format!("SUBSTR({column}, 2)"),
        format!("UPPER({column})"),
        format!("REPLACE({column}, '1', '2')"),
        "''".into(),
        "NULL".into(),
        format!("'=' || {column}"),
        format!("(SELECT {column} FROM audit_events ORDER BY id LIMIT 1 OFFSET {})", dice.roll(EVENTS)),
    ];
    match column {
        "partner_id" => "3 - partner_id".into(),
        "user_id" if dice.roll(3) == 0 => "NULL".into(),
        "user_id" => number,
        _ if NUMBERS.contains(&column) => number,
        _ => text[dice.roll(text.len())].clone(),
    }
}

/// Some tampering; its kind, and its SQL. It may turn out to change nothing, or to be impossible.
fn tampering(trail: &Trail, dice: &mut Dice) -> (&'static str, String) {
    let event = trail.some("audit_events", dice);
    let other = trail.some("audit_events", dice);
    let head = trail.some("audit_heads", dice);
    let shard_of = |table: &str, rowid: i64| {
        format!("(partner_id, shard) = (SELECT partner_id, shard FROM {table} WHERE rowid = {rowid})")
    };
    let shard = shard_of("audit_heads", head);
    let forged = "CASE SUBSTR(mac, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END || SUBSTR(mac, 2)";
    match dice.roll(21) {
        0..4 => {
            let columns: Vec<&str> = NUMBERS[..5].iter().chain(&TEXTS).copied().chain(["mac"]).collect();
            let column = *dice.pick(&columns);
            let value = another_value(column, dice);
            ("altered", format!("UPDATE audit_events SET {column} = {value} WHERE rowid = {event}"))
        }
        4 => ("missing", format!("DELETE FROM audit_events WHERE rowid = {event}")),
        5 => {
            // Their contents change places; sometimes with their MACs, sometimes without.
            let all =
                "id, at, user_id, key_id, action, object, before, after, reason, origin, request_id, salt";
            let columns = if dice.roll(2) == 0 { format!("{all}, mac") } else { all.to_owned() };
            let set = |from: i64, to: i64| {
                format!(
                    "UPDATE audit_events SET ({columns}) = (SELECT {columns} FROM kept.audit_events k
                     WHERE k.rowid = (SELECT COUNT(*) FROM audit_events e WHERE e.rowid <= {from})) WHERE rowid = {to};"
                )
            };
            ("swapped", format!("{} {}", set(event, other), set(other, event)))
        }
        6 => {
            let seqs = (dice.roll(6), dice.roll(6));
            let step = |from: String, to: String| {
                format!("UPDATE audit_events SET seq = {to} WHERE {shard} AND seq = {from};")
            };
            let (one, two) = (seqs.0.to_string(), seqs.1.to_string());
            let moves = [(one.clone(), "-9".into()), (two.clone(), one), ("-9".into(), two)];
            ("reordered", moves.map(|(from, to)| step(from, to)).concat())
        }
        7 | 8 => {
            let cut = format!(
                "DELETE FROM audit_events WHERE {shard} AND seq > (SELECT seq FROM audit_heads WHERE rowid = {head}) - {};",
                1 + dice.roll(4)
            );
            let end = "(SELECT {} FROM audit_events e WHERE e.partner_id = audit_heads.partner_id
                        AND e.shard = audit_heads.shard ORDER BY seq DESC LIMIT 1)";
            let moved = format!(
                "UPDATE audit_heads SET seq = COALESCE({}, 0), last_mac = COALESCE({}, '') WHERE rowid = {head};",
                end.replace("{}", "seq"),
                end.replace("{}", "mac"),
            );
            let signed = format!("UPDATE audit_heads SET mac = {forged} WHERE rowid = {head};");
            let behind = ["", &moved, &format!("{moved}{signed}")][dice.roll(3)].to_owned();
            ("cut off", format!("{cut}{behind}"))
        }
        9 => {
            let column = *dice.pick(&["partner_id", "shard", "seq", "last_mac", "mac", "broken"]);
            let value = another_value(column, dice);
            ("head altered", format!("UPDATE audit_heads SET {column} = {value} WHERE rowid = {head}"))
        }
        10 => ("head missing", format!("DELETE FROM audit_heads WHERE rowid = {head}")),
        11 | 12 => {
            let at = [-3, 0, 1, 2, 5, 7, 99][dice.roll(7)];
            let seq = ["-1", "0", "1", "seq", "seq + 1", "99"][dice.roll(6)];
            let mac = ["mac", forged, "''"][dice.roll(3)];
            let shard = if dice.roll(2) == 0 { "shard".to_owned() } else { at.to_string() };
            let rest =
                "id, at, user_id, key_id, action, object, before, after, reason, origin, request_id, salt";
            let insert = format!(
                "INSERT INTO audit_events (partner_id, shard, seq, {rest}, mac)
                 SELECT partner_id, {shard}, {seq}, {rest}, {mac} FROM audit_events WHERE rowid = {event};"
            );
            let head = format!(
                "INSERT INTO audit_heads SELECT partner_id, {at}, 1, mac, mac, 0 FROM audit_events WHERE rowid = {event};"
            );
            let behind = if dice.roll(3) == 0 { head } else { String::new() };
            ("put in", format!("{insert}{behind}"))
        }
        13 => {
            let older = "kept.api_keys_older WHERE (partner_id, id, key_mac) NOT IN
                (SELECT partner_id, id, key_mac FROM main.api_keys)
                AND (partner_id, user_id) IN (SELECT partner_id, id FROM main.users)";
            let key = trail.some(older, dice);
            let put = format!(
                "DELETE FROM api_keys WHERE id = (SELECT id FROM kept.api_keys_older WHERE rowid = {key});
                 INSERT INTO api_keys SELECT * FROM kept.api_keys_older WHERE rowid = {key};"
            );
            ("an older key", put)
        }
        14 => {
            // With the keys that it had then, or without any.
            let older = "kept.users_older WHERE (partner_id, id, role) NOT IN
                (SELECT partner_id, id, role FROM main.users)";
            let user = trail.some(older, dice);
            let which = format!("(SELECT partner_id, id FROM kept.users_older WHERE rowid = {user})");
            let keys = format!(
                "DELETE FROM api_keys WHERE (partner_id, user_id) = {which};
                 INSERT INTO api_keys SELECT * FROM kept.api_keys_older WHERE rowid IN (
                     SELECT MIN(rowid) FROM kept.api_keys_older WHERE (partner_id, user_id) = {which} GROUP BY id);"
            );
            let put = format!(
                "{} DELETE FROM users WHERE (partner_id, id) = {which};
                 INSERT INTO users SELECT * FROM kept.users_older WHERE rowid = {user};
                 DELETE FROM user_access WHERE (partner_id, user_id) = {which};
                 INSERT INTO user_access SELECT a.* FROM kept.user_access_older a
                     JOIN kept.users_older u ON u.rowid = a.rowid WHERE u.rowid = {user};",
                ["", &keys][dice.roll(2)]
            );
            ("an older user", put)
        }
        15 => {
            let user = trail.some("users", dice);
            let role = *dice.pick(&["'admin'", "role"]);
            let key = "'x' || id, user_id + 100, name, role, addresses, key_hash, key_mac, is_default, replaced_by, expires_at";
            let planted = format!(
                "INSERT INTO users (partner_id, id, email, email_key, name, role, created_at, updated_at)
                 SELECT partner_id, id + 100, 'x' || email, 'x' || email_key, name, {role}, created_at, updated_at
                 FROM users WHERE rowid = {user};
                 INSERT INTO api_keys (partner_id, created_at, id, user_id, name, role, addresses, key_hash, key_mac,
                                       is_default, replaced_by, expires_at)
                 SELECT partner_id, created_at, {key} FROM api_keys
                 WHERE (partner_id, user_id) = (SELECT partner_id, id FROM users WHERE rowid = {user});"
            );
            ("a planted user", planted)
        }
        16 => {
            let key = trail.some("api_keys", dice);
            let column =
                *dice.pick(&["id", "user_id", "role", "addresses", "key_hash", "key_mac", "expires_at"]);
            let value = match column {
                "user_id" => "user_id + 1".to_owned(),
                "expires_at" => {
                    (*dice.pick(&["NULL", "4102444800", "COALESCE(expires_at, 0) + 4102444800"])).to_owned()
                }
                "role" => (*dice.pick(&["NULL", "'admin'", "'billing'"])).to_owned(),
                _ => another_value(column, dice),
            };
            ("a key altered", format!("UPDATE api_keys SET {column} = {value} WHERE rowid = {key}"))
        }
        17 => {
            let user = trail.some("users", dice);
            let role = *dice.pick(&["admin", "billing", "provisioning", "viewer"]);
            ("a role altered", format!("UPDATE users SET role = '{role}' WHERE rowid = {user}"))
        }
        18 => {
            let partner = 1 + dice.roll(2);
            let tables = TABLES.iter().filter(|table| **table != "partners");
            let rows: String =
                tables.map(|table| format!("DELETE FROM {table} WHERE partner_id = {partner};")).collect();
            ("a partner missing", format!("{rows} DELETE FROM partners WHERE id = {partner};"))
        }
        19 => {
            let put = |table: &&str| {
                format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{table}_before;")
            };
            ("an older state", TABLES.iter().map(put).collect())
        }
        _ => {
            let whose = if dice.roll(3) == 0 { format!("partner_id = {}", 1 + dice.roll(2)) } else { shard };
            let both = format!(
                "CREATE TEMP TABLE gone AS SELECT partner_id, shard FROM audit_heads WHERE {whose};
                 DELETE FROM audit_events WHERE (partner_id, shard) IN (SELECT partner_id, shard FROM gone);
                 DELETE FROM audit_heads WHERE (partner_id, shard) IN (SELECT partner_id, shard FROM gone);
                 DROP TABLE gone;"
            );
            ("a shard missing", both)
        }
    }
}

/// How many tamperings of each kind were made, `rounds` in all. Each is found.
async fn tamper(mut dice: Dice, rounds: usize) -> BTreeMap<&'static str, usize> {
    let trail = Trail::new(&mut dice).await;
    let shards = "SELECT COUNT(*) FROM audit_heads";
    let shards: i64 = trail.sql.query_row(shards, params_from_iter([0; 0]), |row| row.get(0)).unwrap();
    assert_eq!(shards, 2 * SHARDS.len() as i64 + 1, "the partners', and the server's own");
    // The control: as it was written.
    assert_eq!(trail.problems().await, [""; 0]);
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    while found.values().sum::<usize>() < rounds {
        let (kind, sql) = tampering(&trail, &mut dice);
        trail.run("BEGIN IMMEDIATE");
        let possible = trail.sql.execute_batch(&sql).is_ok() && trail.differs();
        if !possible {
            trail.run("ROLLBACK");
            continue;
        }
        trail.run("COMMIT");
        assert_ne!(trail.problems().await, [""; 0], "{kind} is not found: {sql}");
        let restarted = trail.changed_and_restarted(&mut dice).await;
        assert_ne!(trail.problems_of(&restarted).await, [""; 0], "{kind} is forgotten: {sql}");
        *found.entry(kind).or_default() += 1;
        trail.run("BEGIN IMMEDIATE");
        trail.undo();
        trail.run("COMMIT");
    }
    assert_eq!(trail.problems().await, [""; 0], "undone, it is as it was written");
    for _ in 0..20 {
        let restarted = trail.changed_and_restarted(&mut dice).await;
        assert_eq!(trail.problems_of(&restarted).await, [""; 0], "the changes alone are none");
    }
    found
}

#[test]
fn every_tampering_is_found() {
    // On two threads, for it is the longest test of this crate by far.
    let halves = [SEED, SEED + 1].map(|seed| {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(tamper(Dice(seed), ROUNDS / 2))
        })
    });
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, count) in halves.into_iter().flat_map(|half| half.join().unwrap()) {
        *found.entry(kind).or_default() += count;
    }
    assert_eq!(found.values().sum::<usize>(), ROUNDS);
    assert!(found.len() == 16 && found.values().all(|count| *count > 100), "{found:?}");
}

/// All parts of a partner's trail, of at most so many events each.
async fn parts(trail: &Trail, partner: PartnerId, max_events: i64) -> Vec<TrailCheck> {
    let call = Call::of_operator(partner, "test");
    let (mut parts, mut after) = (Vec::new(), Some(String::new()));
    while let Some(place) = after {
        let query = Query::new(vec![("after".to_owned(), place)], Handling::Lenient);
        let mut part = TrailPart::parse(&query).unwrap();
        part.max_events = max_events;
        let check = trail.app.check_trail(&call, part).await.unwrap();
        after = check.next.clone();
        parts.push(check);
    }
    parts
}

#[test]
fn a_trail_is_checked_in_parts() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let trail = Trail::new(&mut Dice(SEED)).await;
        let [one, other] = [trail.partners[0], trail.partners[1]];
        let whole = parts(&trail, one, i64::MAX).await;
        assert!(whole.len() == 1 && whole[0].has_compared_users && whole[0].total > 25, "{whole:?}");
        let anchors_agree = |check: &TrailCheck| {
            let agrees = |anchor: &PartnerAnchor| matches!(anchor, PartnerAnchor::Agrees(_));
            check.anchors.len() == 2 && check.anchors.iter().all(agrees)
        };
        let total = whole[0].total;
        let sizes = [1, 3, 7, total as i64 - 1, total as i64, i64::MAX];
        for max in sizes {
            let parts = parts(&trail, one, max).await;
            let mut before = 0;
            for part in &parts {
                assert_eq!((part.before, part.total, &part.faults[..]), (before, total, &[][..]), "{part:?}");
                assert!(part.events <= max.unsigned_abs() && part.events > 0, "{part:?}");
                assert!(anchors_agree(part), "{part:?}");
                before += part.events;
            }
            assert_eq!(before, total, "at most {max} at a time");
        }

        let ends = "SELECT MAX(seq) FROM audit_events WHERE partner_id = ? AND shard = ?";
        let end =
            |shard: i64| -> i64 { trail.sql.query_row(ends, [one.0, shard], |row| row.get(0)).unwrap() };
        let (tail, last) = (end(0), end(7));
        let event = |shard, seq| format!("WHERE partner_id = {} AND shard = {shard} AND seq = {seq}", one.0);
        for (what, sql, expected) in [
            (
                "an event altered",
                format!("UPDATE audit_events SET object = object || 'x' {}", event(1, 2)),
                vec![TrailFault::Altered { shard: 1, seq: 2 }],
            ),
            (
                "an event taken out",
                format!("DELETE FROM audit_events {}", event(1, 2)),
                vec![TrailFault::Gap { shard: 1, seq: 3 }],
            ),
            (
                "an end cut off",
                format!("DELETE FROM audit_events {}", event(7, last)),
                vec![TrailFault::End { shard: 7, seq: last }],
            ),
            (
                "an end cut off that another chain follows",
                format!("DELETE FROM audit_events {}", event(0, tail)),
                vec![TrailFault::End { shard: 0, seq: tail }],
            ),
            (
                "a head altered",
                format!("UPDATE audit_heads SET broken = 1 WHERE partner_id = {} AND shard = 2", one.0),
                vec![TrailFault::Head { shard: 2 }],
            ),
        ] {
            trail.run(&sql);
            for max in sizes {
                let mut found: Vec<TrailFault> = Vec::new();
                for fault in parts(&trail, one, max).await.into_iter().flat_map(|part| part.faults) {
                    if !found.contains(&fault) {
                        found.push(fault);
                    }
                }
                assert_eq!(found, expected, "{what}, at most {max} at a time");
            }
            assert!(parts(&trail, other, 7).await.iter().all(|part| part.faults.is_empty()), "{what}");
            trail.undo();
        }

        // What no chain shows, the anchors do, and only to whom it was done.
        for table in ["audit_events", "audit_heads"] {
            let before = format!("SELECT * FROM kept.{table}_before WHERE partner_id = {}", one.0);
            let put_back =
                format!("DELETE FROM {table} WHERE partner_id = {}; INSERT INTO {table} {before};", one.0);
            trail.run(&put_back);
        }
        let rolled_back = parts(&trail, one, i64::MAX).await;
        let differs = |anchor: &PartnerAnchor| match anchor {
            PartnerAnchor::Differs { at: Some(_), problems } => {
                problems.iter().any(|problem| problem.contains("missing"))
            }
            _ => false,
        };
        assert!(rolled_back[0].anchors.iter().all(differs), "{rolled_back:?}");
        assert!(parts(&trail, other, 7).await.iter().all(anchors_agree));
        for (path, _) in &trail.anchored {
            std::fs::write(path, "{}\n00\n").unwrap();
        }
        let forged = &parts(&trail, other, i64::MAX).await[0].anchors;
        assert!(forged.iter().all(|anchor| matches!(anchor, PartnerAnchor::Differs { at: None, .. })));
        std::fs::remove_file(&trail.anchored[0].0).unwrap();
        let gone = &parts(&trail, other, i64::MAX).await[0].anchors;
        assert_eq!(gone[0], PartnerAnchor::Unreadable);
    });
}
