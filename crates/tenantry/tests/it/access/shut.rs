//! What shuts somebody out, and that it does so at once, on every server of the database.

use crate::support::{Answer, Api, Database, Engine, NOW, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    the_trials_last_second_and_the_next,
    a_key_ends_when_it_was_told_to,
    every_lock_shuts_at_once_and_everywhere,
);

const TRIAL: &str = "2016-09-22T00:00:00Z";
const LAST: &str = "2016-09-21T23:59:59Z";

/// Several servers on one PostgreSQL; SQLite has one.
struct Servers {
    all: Vec<Server>,
    _database: Database,
}

impl Servers {
    fn start(engine: Engine) -> Self {
        let database = Database::new(engine);
        let count = if engine == Engine::Postgres { 2 } else { 1 };
        let all = (0..count).map(|_| Server::start(&database, &["--sandbox", "--at", NOW])).collect();
        Servers { all, _database: database }
    }

    fn admin(&self) -> Api {
        self.all[0].admin()
    }

    fn set_clocks(&self, now: &str) {
        self.all.iter().for_each(|server| server.admin().set_clock(now));
    }

    /// What this user is answered on each server, the one that made the last change being the first.
    fn ask(&self, user: &Api, path: &str) -> Vec<Answer> {
        self.all.iter().map(|server| user.on(server.address).get(path)).collect()
    }

    fn expect(&self, when: &str, user: &Api, paths: &[&str], status: u16, why: &str) {
        for path in paths {
            for (server, answer) in self.ask(user, path).iter().enumerate() {
                assert_eq!(answer.status, status, "{when}: {path} on server {server}: {}", answer.text());
                let said = answer.text();
                assert!(said.contains(why), "{when}: {path} on server {server} does not say {why:?}: {said}");
            }
        }
    }
}

fn with_access(admin: &Api, change: Value) -> i64 {
    let mut body = customer(&json!({"classification": "managed_with_access"}));
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    admin.create(&body)["id"].as_i64().unwrap()
}

fn the_trials_last_second_and_the_next(engine: Engine) {
    let servers = Servers::start(engine);
    let admin = servers.admin();
    let id = with_access(&admin, json!({"trial_expiration_date": TRIAL}));
    let (_, user) = admin.user_of(id);
    let own = format!("/v2/customers/{id}");
    let paths = ["/v2/me", own.as_str(), &own.replace("v2", "v1")];
    let is = |when: &str, status: u16, why: &str| servers.expect(when, &user, &paths, status, why);
    let put = |change: Value| assert_eq!(admin.put(&own, &change).status, 200, "{change}");
    let over = "this customer's trial expired at 2016-09-22T00:00:00Z";

    is("at the start", 200, "");
    assert_eq!(user.get("/v2/me").json()["access_until"], TRIAL);
    servers.set_clocks(LAST);
    is("one second before", 200, "");
    servers.set_clocks(TRIAL);
    is("at the instant itself", 403, over);
    servers.set_clocks("2016-09-22T00:00:01Z");
    is("one second after", 403, over);
    put(json!({"name": "Renamed"}));
    is("after a change of something else", 403, over);
    put(json!({"trial_expiration_date": "2016-09-22T00:00:02Z"}));
    is("after a longer trial", 200, "");
    servers.set_clocks("2016-09-22T00:00:02Z");
    is("at the longer trial's end", 403, "trial expired at 2016-09-22T00:00:02Z");
    put(json!({"trial_expiration_date": null}));
    is("after the trial was cleared", 200, "");
    assert_eq!(user.get("/v2/me").json()["access_until"], Value::Null);
    servers.set_clocks("2126-09-22T00:00:00Z");
    is("a hundred years later", 200, "");

    let events = admin.trail("action=access.refused&per_page=100");
    let reasons = events.iter().filter(|event| event["reason"] == over).count();
    // One on each server for the minute, and one that counts the others once it is over.
    assert!((servers.all.len()..=2 * servers.all.len()).contains(&reasons), "{reasons}: {events:?}");
}

fn a_key_ends_when_it_was_told_to(engine: Engine) {
    let servers = Servers::start(engine);
    let admin = servers.admin();
    let id = with_access(&admin, json!({"trial_expiration_date": "2016-10-01"}));
    let ends = json!({"email": "a@b.example", "role": "viewer", "api_key_expires_at": TRIAL});
    let (viewer_id, viewer) = admin.user("/v2/users", &ends);
    let ends = json!({"email": "a@b.example", "api_key_expires_at": "2016-09-22T02:00:00+02:00"});
    let (_, user) = admin.user(&format!("/v2/customers/{id}/users"), &ends);
    let expired = format!("this API key expired at {TRIAL}: a new one is required");
    for who in [&viewer, &user] {
        servers.set_clocks(NOW);
        assert_eq!(who.get("/v2/me").json()["access_until"], TRIAL, "the key's end comes before the trial's");
        servers.set_clocks(LAST);
        servers.expect("one second before", who, &["/v2/me"], 200, "");
        servers.set_clocks(TRIAL);
        servers.expect("at the instant itself", who, &["/v2/me"], 401, &expired);
    }
    // A new key, without an end or with another one.
    let rotate = format!("/v2/users/{viewer_id}/api_key");
    for (body, until) in [
        (json!({}), Value::Null),
        (json!({"api_key_expires_at": "2017-01-01"}), json!("2017-01-01T00:00:00Z")),
    ] {
        let rotated = admin.post(&rotate, &body).json();
        let viewer = admin.with_key(rotated["api_key"].as_str().unwrap());
        servers.expect("after the rotation", &viewer, &["/v2/me"], 200, "");
        assert_eq!(viewer.get("/v2/me").json()["access_until"], until);
    }
    let past = admin.post(&rotate, &json!({"api_key_expires_at": TRIAL}));
    assert_eq!(past.details(), "/api_key_expires_at not_future");
}

/// Each lock: what the admin does, what shuts, and what opens it again.
fn every_lock_shuts_at_once_and_everywhere(engine: Engine) {
    let servers = Servers::start(engine);
    let dead = "a valid API key is required";
    type Lock = fn(&Server, &Api, i64, i64, &str) -> Answer;
    let put: Lock = |_, admin, customer, _, body| {
        admin.put(&format!("/v2/customers/{customer}"), &serde_json::from_str(body).unwrap())
    };
    let rotate: Lock = |_, admin, customer, user, _| {
        admin.call("POST", &format!("/v2/customers/{customer}/users/{user}/api_key")).send()
    };
    let revoke: Lock =
        |_, admin, customer, user, _| admin.delete(&format!("/v2/customers/{customer}/users/{user}/api_key"));
    let delete_user: Lock =
        |_, admin, customer, user, _| admin.delete(&format!("/v2/customers/{customer}/users/{user}"));
    let delete_customer: Lock = |_, admin, customer, _, _| admin.delete(&format!("/v2/customers/{customer}"));
    let suspend: Lock = |server, admin, _, _, args| {
        let args: Vec<&str> = ["partner", "suspend"].into_iter().chain(args.split_terminator(' ')).collect();
        assert!(server.run(&[&args[..], &["default"]].concat()).status.success());
        admin.on(server.address).call("GET", "/healthz").send()
    };
    let (without, with) =
        (r#"{"classification": "managed_without_access"}"#, r#"{"classification": "managed_with_access"}"#);
    let managed = "this customer is managed without access: its users cannot use the platform";
    let again: Option<(Lock, &str)> = Some((put, with));
    let resume: Option<(Lock, &str)> = Some((suspend, "--resume"));
    #[rustfmt::skip]
    #[expect(clippy::type_complexity, reason = "a table: what, how, with what, status, words, and how it opens again")]
    let locks: [(&str, Lock, &str, u16, &str, Option<(Lock, &str)>); 6] = [
        ("classification", put, without, 403, managed, again),
        ("rotated key", rotate, "", 401, dead, None),
        ("revoked key", revoke, "", 401, dead, None),
        ("deleted user", delete_user, "", 401, dead, None),
        ("deleted customer", delete_customer, "", 401, dead, None),
        ("suspended partner", suspend, "", 403, "this partner is suspended", resume),
    ];
    for (name, lock, with, status, why, opens) in locks {
        // Every server shuts, and every server sees it shut.
        for at in 0..servers.all.len() {
            let server = &servers.all[at];
            let admin = server.admin();
            let id = with_access(&admin, json!({"name": format!("{name} {at}")}));
            let (user_id, user) = admin.user_of(id);
            let own = format!("/v2/customers/{id}");
            let paths = ["/v2/me", own.as_str()];
            servers.expect(&format!("{name}, before"), &user, &paths, 200, "");
            assert!(lock(server, &admin, id, user_id, with).status < 300, "{name}");
            servers.expect(name, &user, &paths, status, why);
            if let Some((open, with)) = opens {
                assert!(open(server, &admin, id, user_id, with).status < 300, "{name}");
                servers.expect(&format!("{name}, undone"), &user, &paths, 200, "");
            }
        }
    }
}
