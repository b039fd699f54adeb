//! The operator's tools, as the operator runs them: backup, restore, copy and doctor of the real binary, on both engines.
//!
//! `scripts/test` runs everything; alone this needs `TENANTRY_TEST_POSTGRES`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::needless_pass_by_value, reason = "a case's values are written on the spot")]

mod doctor;
mod kill;
mod moving;
mod outcome;

use std::process::Output;
use test_support as support;

/// Run raw SQL, behind the store's back.
fn sql(url: &str, statements: &str) {
    block_on(support::raw::sql(url, statements));
}

/// The first value of a query, as text.
fn value(url: &str, query: &str) -> String {
    block_on(support::raw::value(url, query))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Run the binary with these arguments, in a folder of its own: what it needs of others it is told.
fn run(args: &[&str]) -> Output {
    run_with(args, &[])
}

fn run_with(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = support::command(folder.path(), args);
    command.envs(environment.iter().copied()).output().unwrap()
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Run something that has to succeed.
fn done(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", printed(&output));
    printed(&output)
}

/// Run something that has to fail, with the reason in what it says.
fn refused(args: &[&str], why: &str) {
    let output = run(args);
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
    assert!(said.contains(why) && !said.contains("panicked"), "{args:?}: {said}");
}
