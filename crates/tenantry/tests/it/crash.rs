//! SIGKILL in the midst of 64 writers, again and again on one database: what was answered is there, whole, and once.

use crate::lists::{links, listed};
use crate::support::{Api, Database, Engine, Server, customer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Sender, channel};
use std::thread;

const WRITERS: usize = 64;

#[test]
fn nothing_answered_is_lost_on_sqlite() {
    killed_again_and_again(Engine::Sqlite, 20);
}

#[test]
fn nothing_answered_is_lost_on_postgres() {
    if Engine::Postgres.is_here() {
        killed_again_and_again(Engine::Postgres, 4);
    }
}

/// What a customer of this name is told to be; each part of it tells whose it is.
fn payload(name: &str) -> Value {
    let tags: Value = (0..3).map(|i| json!({"key": format!("tag {i}"), "value": name})).collect();
    customer(&json!({
        "name": name, "address": {"street1": name, "city": name}, "tags": tags, "margin_percentage": 12.5,
        "partner_billing_configuration": {"enabled": true, "folder": name},
    }))
}

/// Create customers until the server is gone; each that was answered is told.
fn write_until_the_end(api: &Api, writer: usize, round: usize, told: &Sender<Value>) {
    for i in 0.. {
        let name = format!("Round {round} writer {writer} number {i}");
        match api.call("POST", "/v2/customers").json(&payload(&name)).try_send() {
            Ok(answer) => {
                assert_eq!(answer.status, 201, "{}", answer.text());
                told.send(answer.json()).unwrap();
            }
            Err(_) => return,
        }
    }
}

fn all_of(api: &Api) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = Some("/v2/customers?per_page=100".to_owned());
    while let Some(path) = next {
        let page = api.get(&path);
        all.extend(listed(&page));
        next = links(&page).remove("next");
        if next.is_none() {
            assert_eq!(page.header("x-total"), all.len().to_string());
        }
    }
    all
}

/// What is wrong with what is there: of those that were answered something, and of all others that they are no torn
/// ones.
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

fn id(customer: &Value) -> i64 {
    customer["id"].as_i64().unwrap()
}

fn killed_again_and_again(engine: Engine, rounds: usize) {
    let database = Database::new(engine);
    let mut answered: BTreeMap<i64, Value> = BTreeMap::new();
    for round in 0..rounds {
        let mut server = Server::start(&database, &[]);
        let api = server.admin();
        let before = all_of(&api);
        assert_eq!(faults(&answered, &before), Vec::<String>::new(), "after {round} kills");

        // Somewhere between the first answers and some hundreds.
        let enough = 1 + round * 37 % 230;
        let (told, heard) = channel();
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (api, told) = (api.clone(), told.clone());
                scope.spawn(move || write_until_the_end(&api, writer, round, &told));
            }
            drop(told);
            let mut count = 0;
            for customer in heard {
                answered.insert(id(&customer), customer);
                count += 1;
                if count == enough {
                    server.kill();
                }
            }
            assert!(count >= enough, "only {count} were answered");
        });
    }
    let server = Server::start(&database, &[]);
    let there = all_of(&server.admin());
    assert_eq!(faults(&answered, &there), Vec::<String>::new(), "at the end");
    assert!(answered.len() > rounds * 20, "only {} were answered", answered.len());
    control(&answered, &there);
}

/// The check itself: it sees one that is lost, one that is torn, and one that is there twice.
fn control(answered: &BTreeMap<i64, Value>, there: &[Value]) {
    let checks = |change: &dyn Fn(&mut Vec<Value>), expected: &str| {
        let mut there = there.to_vec();
        change(&mut there);
        let faults = faults(answered, &there);
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}: {faults:?}");
    };
    let middle =
        there.iter().position(|customer| id(customer) == *answered.keys().nth(answered.len() / 2).unwrap());
    let middle = middle.unwrap();
    checks(&|there| drop(there.remove(middle)), "lost");
    checks(&|there| there[middle]["tags"] = json!([]), "torn");
    checks(&|there| drop(there[middle]["tags"].as_array_mut().unwrap().pop()), "torn");
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
    let unheard = BTreeMap::new();
    let mut torn = there.to_vec();
    torn[middle]["address"]["city"] = json!("Elsewhere");
    assert_eq!(faults(&unheard, there), Vec::<String>::new());
    assert_eq!(faults(&unheard, &torn).len(), 1);
}
