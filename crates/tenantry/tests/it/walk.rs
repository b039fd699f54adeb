//! A walk along `next` while others write: what was there at the start, and stays, is met exactly once.

use crate::lists::{links, listed};
use crate::support::{Api, Engine, Server, customer, on_both_engines};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

on_both_engines!(
    a_walk_misses_and_repeats_nothing,
    a_walk_by_page_numbers_does,
    a_walk_among_writers_misses_and_repeats_nothing,
);

const AT_THE_START: usize = 60;

fn named(api: &Api, name: String) -> i64 {
    api.create(&customer(&json!({"name": name, "tags": [{"key": "k", "value": "v"}]})))["id"]
        .as_i64()
        .unwrap()
}

fn population(api: &Api) -> Vec<i64> {
    (0..AT_THE_START).map(|i| named(api, format!("Customer {i}"))).collect()
}

/// Walk from the first page to the last, the next path found by `next`; `meanwhile` happens after each page.
fn walk(
    api: &Api,
    next: impl Fn(usize, &crate::support::Answer) -> Option<String>,
    mut meanwhile: impl FnMut(&[i64]),
) -> Vec<i64> {
    let mut seen = Vec::new();
    let mut path = Some("/v2/customers?per_page=7&tag=k:v".to_owned());
    let mut pages = 0;
    while let Some(asked) = path {
        let answer = api.get(&asked);
        seen.extend(listed(&answer).iter().map(|customer| customer["id"].as_i64().unwrap()));
        pages += 1;
        assert!(pages < 1000, "a walk without an end");
        path = next(pages, &answer);
        meanwhile(&seen);
    }
    seen
}

fn along_next(_: usize, answer: &crate::support::Answer) -> Option<String> {
    links(answer).remove("next")
}

/// What a walk did wrong to those that stayed; to have met one that went meanwhile, or came, is no fault.
fn faults(stayed: &BTreeSet<i64>, seen: &[i64]) -> Vec<String> {
    let met: BTreeSet<i64> = seen.iter().copied().collect();
    let mut faults: Vec<String> = stayed.difference(&met).map(|id| format!("{id} was missed")).collect();
    if met.len() < seen.len() {
        faults.push(format!("some were repeated: {seen:?}"));
    }
    if !seen.is_sorted() {
        faults.push(format!("out of order: {seen:?}"));
    }
    faults
}

/// After every page one that was seen goes, one that was not seen yet goes, one changes, and a new one comes.
fn disturbed(api: &Api, next: impl Fn(usize, &crate::support::Answer) -> Option<String>) -> Vec<String> {
    let mut stayed: BTreeSet<i64> = population(api).into_iter().collect();
    let mut fresh = 0;
    let seen = walk(api, next, |seen| {
        let delete = |id: Option<i64>| {
            id.inspect(|id| assert_eq!(api.delete(&format!("/v2/customers/{id}")).status, 204))
        };
        let old = delete(stayed.iter().copied().find(|id| seen.contains(id)));
        let ahead = delete(stayed.iter().copied().rev().find(|id| !seen.contains(id)));
        for gone in old.into_iter().chain(ahead) {
            stayed.remove(&gone);
        }
        if let Some(id) = stayed.iter().find(|id| !seen.contains(id)) {
            let changed = api.put(&format!("/v2/customers/{id}"), &json!({"margin_percentage": 1}));
            assert_eq!(changed.status, 200);
        }
        fresh += 1;
        if fresh <= 20 {
            named(api, format!("Fresh {fresh}"));
        }
    });
    assert!(fresh > 5 && stayed.len() > 20, "nothing much happened: {fresh} pages");
    faults(&stayed, &seen)
}

fn a_walk_misses_and_repeats_nothing(engine: Engine) {
    let api = Server::shared(engine).partner();
    assert_eq!(disturbed(&api, along_next), Vec::<String>::new());
}

/// The control: what a cursor is for. A page's number means something else after a deletion.
fn a_walk_by_page_numbers_does(engine: Engine) {
    let api = Server::shared(engine).partner();
    let faults = disturbed(&api, |pages, answer| {
        along_next(pages, answer).map(|_| format!("/v2/customers?per_page=7&tag=k:v&page={}", pages + 1))
    });
    assert!(faults.iter().any(|fault| fault.contains("was missed")), "{faults:?}");
}

fn a_walk_among_writers_misses_and_repeats_nothing(engine: Engine) {
    let api = Server::shared(engine).partner();
    let stayed: BTreeSet<i64> = population(&api).into_iter().collect();
    let (done, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for writer in 0..4 {
            let (api, done, written) = (&api, &done, &written);
            scope.spawn(move || {
                for i in 0.. {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    let id = named(api, format!("Writer {writer} {i}"));
                    if i % 2 == 0 {
                        assert_eq!(api.delete(&format!("/v2/customers/{id}")).status, 204);
                    }
                    written.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        // New ones keep coming at the end, so the walk is over once it has passed those of the start.
        let last = *stayed.last().unwrap();
        let walked = |seen: &[i64]| seen.last().is_some_and(|id| *id >= last);
        for _ in 0..5 {
            let passed = AtomicBool::new(false);
            let seen = walk(
                &api,
                |pages, answer| along_next(pages, answer).filter(|_| !passed.load(Ordering::SeqCst)),
                |seen| passed.store(walked(seen), Ordering::SeqCst),
            );
            assert_eq!(faults(&stayed, &seen), Vec::<String>::new());
        }
        done.store(true, Ordering::SeqCst);
    });
    assert!(written.into_inner() > 20, "the writers did not get to it");
}
