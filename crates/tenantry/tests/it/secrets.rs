//! No secret is where it could be read: in a log line, an answer, a header, or the database.

use crate::support::{Answer, Api, Database, Engine, NOW, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(no_secret_is_found_anywhere);

/// A canary: its name, itself, and how often an answer may show it.
struct Canary(&'static str, String, usize);

/// Everything that was answered, headers and all.
#[derive(Default)]
struct Answers(Vec<u8>);

impl Answers {
    fn keep(&mut self, answer: Answer) -> Answer {
        self.0.extend(format!("{:?}\n", answer.headers).into_bytes());
        self.0.extend(&answer.body);
        self.0.push(b'\n');
        answer
    }

    fn key(&mut self, answer: Answer) -> String {
        assert_eq!(answer.status, 201, "{}", answer.text());
        self.keep(answer).json()["api_key"].as_str().unwrap().to_owned()
    }
}

fn count(haystack: &[u8], needle: &str) -> usize {
    haystack.windows(needle.len()).filter(|bytes| *bytes == needle.as_bytes()).count()
}

fn no_secret_is_found_anywhere(engine: Engine) {
    const BOOTSTRAP: &str = "bootstrap-canary-0123456789-abcdefghij";
    const UNKNOWN: &str = "tnt_unknowncanary0123456789abcdefghij";
    const PLANTED: &str = "planted-in-plain-sight";
    let mut database = Database::new(engine);
    let password = "password-canary-0123456789";
    if engine == Engine::Postgres {
        database.log_in_as(&format!("canary_{}", std::process::id()), password);
    }
    let key_file = database.folder().join("canary.key");
    let start = |database: &Database| {
        Server::start_as(database, &["--sandbox", "--at", NOW], |command| {
            command.env("TENANTRY_BOOTSTRAP_KEY", BOOTSTRAP).env("TENANTRY_LOG", "trace");
            command.env("TENANTRY_SECRET_KEY_FILE", &key_file);
        })
    };
    let mut server = start(&database);
    let api = |key: &str| Api::new(server.address, key);
    let admin = api(BOOTSTRAP);
    let mut seen = Answers::default();

    // Keys that are shown once, or once more by a repetition.
    let body = json!({"email": "first@example.com", "role": "admin", "name": PLANTED});
    let by_header = seen.key(admin.post("/v2/users", &body));
    let body = json!({"email": "second@example.com", "role": "operator"});
    let repeatable = || admin.call("POST", "/v2/users").header("Idempotency-Key", "k").json(&body).send();
    let by_query = seen.key(repeatable());
    assert_eq!(seen.key(repeatable()), by_query);
    let id = seen.keep(api(&by_query).get("/v2/me")).json()["id"].clone();
    let rotate = format!("/v2/users/{id}/api_key");
    let rotated = seen.key(admin.call("POST", &rotate).header("Idempotency-Key", "r").send());
    assert_eq!(seen.key(admin.call("POST", &rotate).header("Idempotency-Key", "r").send()), rotated);
    let change = json!({"name": "Portal", "classification": "managed_with_access"});
    let customers = seen.keep(admin.post("/v2/customers", &customer(&change))).json()["id"].clone();
    let users = format!("/v2/customers/{customers}/users");
    let of_customer = seen.key(admin.post(&users, &json!({"email": "jane@acme.example"})));

    // Every key is shown in every way, to good paths and bad ones, to some in vain.
    for key in [BOOTSTRAP, UNKNOWN, &by_header, &by_query, &rotated, &of_customer] {
        let own = format!("/v2/customers/{customers}");
        let paths =
            ["/v2/me", &own, "/v2/customers", "/v2/users", "/v2/audit_events", "/nowhere", "/v2/customers/x"];
        for path in paths {
            let with =
                |authorization: &str| api(key).call("GET", path).authorization(Some(authorization)).send();
            seen.keep(with(&format!("Bearer {key}")));
            seen.keep(with(key));
            seen.keep(with(&format!("Basic {key}")));
            let query = format!("{path}?page=1&api_key={key}&per_page=1&q={PLANTED}");
            seen.keep(api(key).call("GET", &query).authorization(None).send());
        }
        let query = format!("/v2/customers?api_key={key}");
        for (content_type, body) in
            [("application/json", "{,"), ("text/plain", "x"), ("application/json", "{}")]
        {
            let call = admin.call("POST", &query).authorization(None).header("Content-Type", content_type);
            seen.keep(call.header("Idempotency-Key", "w").body(body).send());
        }
        seen.keep(api(key).call("PATCH", &query).send());
        let long = format!("/v2/customers?api_key={key}&q={}", "q".repeat(4000));
        seen.keep(api(key).call("GET", &long).send());
        let answer = admin.raw(
            format!("GET /v2/me?api_key={key} HTTP/1.1\r\nHost: t\r\nAuthorization: {key}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        );
        seen.0.extend(answer.into_bytes());
    }
    // By hand: printed once, and not in the log of the command either.
    let mut printed = Vec::new();
    let mut by_hand = Vec::new();
    for args in [
        &["user", "create", "third@example.com", "--role", "viewer"][..],
        &["user", "rotate", "third@example.com"],
    ] {
        let output = server.run_with(args, |command| {
            command.env("TENANTRY_LOG", "trace").env("TENANTRY_SECRET_KEY_FILE", &key_file);
        });
        let text = String::from_utf8(output.stdout).unwrap();
        by_hand.push(text.split_whitespace().find(|word| word.starts_with("tnt_")).unwrap().to_owned());
        printed.extend(output.stderr);
    }

    seen.keep(admin.call("GET", "/metrics").authorization(None).send());

    let before = database.contents();
    server.signal("TERM");
    let said = server.wait().1;
    let secret = std::fs::read_to_string(&key_file).unwrap().trim().to_owned();
    let restarted = start(&database); // finds its key, and says nothing of it either
    let log = [server.log().into_bytes(), printed, said.into_bytes(), restarted.log().into_bytes()].concat();
    let kept = [before, database.contents()].concat();
    assert_eq!(secret.len(), 64);
    let mut bytes = (0..64).step_by(2).map(|i| u8::from_str_radix(&secret[i..i + 2], 16).unwrap());
    let raw: [u8; 32] = std::array::from_fn(|_| bytes.next().unwrap());

    let mut canaries = vec![
        Canary("the bootstrap key", BOOTSTRAP.into(), 0),
        Canary("an unknown key", UNKNOWN.into(), 0),
        Canary("a key that was made", by_header, 1),
        Canary("a key of a repeated answer", by_query, 2),
        Canary("a key of a repeated rotation", rotated, 2),
        Canary("a customer's user's key", of_customer, 1),
        Canary("the secret key", secret.clone(), 0),
        Canary("the secret key in capitals", secret.to_uppercase(), 0),
        Canary("a part of the secret key", secret[..32].to_owned(), 0),
        Canary(
            "the secret key as Rust prints bytes",
            format!("{:?}", &raw[..8]).trim_matches(['[', ']']).to_owned(),
            0,
        ),
    ];
    canaries.extend(by_hand.into_iter().map(|key| Canary("a key made by hand", key, 0)));
    if engine == Engine::Postgres {
        canaries.push(Canary("the database's password", password.into(), 0));
    }
    for Canary(name, canary, shown) in &canaries {
        // Of a key of ours the last half of the secret alone would be too much.
        let parts = [canary.as_str(), &canary[canary.len() - 22..]];
        for part in parts {
            assert_eq!(count(&log, part), 0, "{name} is in the log");
            assert_eq!(count(&kept, part), 0, "{name} is in the database");
            assert_eq!(count(&seen.0, part), *shown, "{name} is in the answers");
        }
    }
    assert!(kept.windows(32).all(|bytes| bytes != raw), "the secret key's bytes are in the database");

    // The control: what is no secret is found with the same search, in all three places.
    let lines = log.iter().filter(|byte| **byte == b'\n').count();
    assert!(lines > 300, "{lines} lines are no trace");
    assert!(count(&log, "/v2/audit_events") > 10);
    // Not SQLite, which logs nothing of its own.
    assert!(engine == Engine::Sqlite || count(&log, "executing statement") > 100);
    assert!(count(&kept, PLANTED) > 0 && count(&seen.0, PLANTED) > 0);
    database.execute(&format!("UPDATE users SET name = '{BOOTSTRAP}' WHERE email = 'first@example.com'"));
    assert!(count(&database.contents(), BOOTSTRAP) > 0);
    let planted =
        Api::new(restarted.address, BOOTSTRAP).call("GET", "/v2/me").header("X-Request-Id", BOOTSTRAP).send();
    assert_eq!(planted.status, 200);
    assert!(count(restarted.log().as_bytes(), BOOTSTRAP) > 0, "the search of the log finds nothing");
}
