//! System calls that fail under SQLite: what the client is told, what readers see, and what a restart finds.

use crate::load::{Load, all_of, create, torn};
use crate::rounds;
use crate::support::strace::Strace;
use crate::support::{Answer, Api, Database, Engine, Failures, Server};

const UNKNOWN: &str =
    "it is not known whether the change was made; repeat the request with the same Idempotency-Key";
const NOTHING: &str = "nothing was written";

#[test]
fn a_commit_that_fails_is_answered_as_it_will_be_found() {
    let mut failures = Failures::default();
    // What fails; what the client is told; whether a restart finds the change.
    for (inject, told, found) in [
        // The disk fails once, and from then on.
        ("fsync,fdatasync:error=EIO:when=1", Some(UNKNOWN), false),
        ("fsync,fdatasync:error=EIO", Some(UNKNOWN), false),
        ("pwrite64:error=EIO", Some(UNKNOWN), false),
        // Without space it is certain.
        ("pwrite64:error=ENOSPC", Some(NOTHING), false),
        // The control: who dies where the first one fails is found to have committed.
        ("fsync,fdatasync:error=EIO:signal=KILL:when=1", None, true),
    ] {
        for restart in [false, true] {
            if !restart && found {
                continue;
            }
            let database = Database::new(Engine::Sqlite);
            let mut server = Server::start(&database, &["--sync-interval", "3600000"]);
            let api = server.admin();
            assert_eq!(create(&api, "before").unwrap().status, 201);
            let Some(failing) = Strace::inject(&server, inject) else { return };
            let answer = create(&api, "during");
            let seen = told.map(|_| names(&api));
            if restart {
                server.kill(); // while it still fails
                server = Server::start(&database, &[]);
            }
            drop(failing);
            let outcome = judge(&server.admin(), told, found, answer.as_ref(), seen.as_ref());
            let torn = torn(&database);
            let outcome = outcome.and(if torn.is_empty() { Ok(()) } else { Err(torn.join("; ")) });
            failures.case(&format!("{inject}, restart: {restart}"), outcome);
        }
    }
    failures.done(9);
}

fn names(api: &Api) -> Vec<String> {
    all_of(api).iter().map(|customer| customer["name"].as_str().unwrap().to_owned()).collect()
}

fn judge(
    api: &Api,
    told: Option<&str>,
    found: bool,
    answer: Option<&Answer>,
    seen: Option<&Vec<String>>,
) -> Result<(), String> {
    match (told, answer) {
        (Some(told), Some(answer)) if answer.status == 503 && answer.text().contains(told) => {
            if answer.header("retry-after").is_empty() {
                return Err("no Retry-After".into());
            }
        }
        (None, None) => {}
        (_, other) => return Err(format!("answered {:?}", other.map(Answer::text))),
    }
    let there = names(api);
    if there.contains(&"during".to_owned()) != found || seen.is_some_and(|seen| *seen != there) {
        return Err(format!("readers saw {seen:?}, then {there:?}"));
    }
    // Whatever it was: repeated, it is made, and once.
    let again = create(api, "during").ok_or("no answer to the repetition")?;
    if again.status != 201 || (again.header("idempotency-replayed") == "true") != found {
        return Err(format!("repeated: {} {:?}", again.text(), again.headers));
    }
    let after = create(api, "after").map(|answer| answer.status);
    let mut there = names(api);
    there.sort();
    if after != Some(201) || there != ["after", "before", "during"] {
        return Err(format!("{after:?}, in the end {there:?}"));
    }
    Ok(())
}

#[test]
fn a_disk_that_fails_now_and_then_loses_nothing() {
    let database = Database::new(Engine::Sqlite);
    let mut load = Load::default();
    let rounds = rounds(3);
    for round in 0..rounds {
        let mut server = Server::start(&database, &[]);
        let every = 3 + round % 3; // after one that fails another one writes over it
        let inject = format!("fsync,fdatasync:error=EIO:when={every}+{every}");
        let Some(_failing) = Strace::inject(&server, &inject) else { return };
        load.run(&[server.admin()], |heard| {
            heard.acknowledged(1 + round * 37 % 230);
            heard.refused(1);
            assert!(heard.refusal.contains(UNKNOWN), "{}", heard.refusal);
            server.kill();
        });
    }
    let server = Server::start(&database, &[]);
    load.settle(&server.admin());
    load.check(&server, &database);
    println!("{rounds} rounds, {}", load.figures());
}

#[test]
fn a_disk_that_cannot_be_read_is_out_of_reach_until_it_can() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &[]);
    let api = server.admin();
    let statuses = || ["/v2/customers", "/v2/me"].map(|path| api.get(path).status);
    assert_eq!(create(&api, "a").unwrap().status, 201);
    let Some(failing) = Strace::inject(&server, "pread64:error=EIO") else { return };
    assert_eq!(statuses(), [503, 503]);
    assert_eq!(create(&api, "b").unwrap().status, 503);
    drop(failing);
    assert_eq!(statuses(), [200, 200]);
    assert_eq!(create(&api, "b").unwrap().status, 201);
}
