//! Commands that change what customers see, killed at every write: repeated, each does the rest, once.

use crate::disk::skipped;
use crate::rounds;
use crate::support::{self, Api, Database, Engine, Failures, Server, customer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Calls that write: to the database and to the store.
const WRITES: &str = "write,pwrite64,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,ftruncate";
const NAMES: [&str; 2] = ["acme", "beta"];

#[test]
fn a_publication_that_is_killed_at_a_write_is_repeated() {
    killed(&["publish", "1"], &[], "Estimated", "Estimated 2");
}

#[test]
fn a_finalization_that_is_killed_at_a_write_is_repeated() {
    killed(&["finalize", "1", "--yes"], &[], "Final", "Final 2");
}

#[test]
fn a_void_that_is_killed_at_a_write_is_repeated() {
    killed(
        &["void", "1", "--reason", "r", "--yes"],
        &["finalize", "1", "--yes"],
        "Reversal",
        "Reversal 2, Void 2",
    );
}

/// A month with drafts of two customers, on SQLite, and no server.
fn month() -> Database {
    let database = Database::new(Engine::Sqlite);
    let invoices = database.folder().join("data/invoices");
    std::fs::create_dir_all(&invoices).unwrap();
    let mut server = Server::start(&database, &["--sandbox"]);
    let api: Api = server.admin();
    for name in NAMES {
        let change = json!({
            "name": name, "azure_customer_id": name, "address": support::ABSENT,
            "partner_billing_configuration": {"enabled": true, "folder": name},
        });
        api.create(&customer(&change));
    }
    let lines = NAMES.map(|name| support::line(name, "a", "1.5"));
    std::fs::write(invoices.join("october.csv"), support::usage(&lines)).unwrap();
    let asked =
        api.post("/v1/bill_runs", &json!({"billing_period": "2026-10", "sources": ["file:october.csv"]}));
    let run = support::end_of(&api, asked.header("location"));
    assert_eq!((&run["state"], &run["stage"]), (&json!("succeeded"), &json!("draft")), "{run}");
    server.signal("TERM");
    server.wait();
    database
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The same month again.
fn again(of: &Database) -> Database {
    let database = Database::new(Engine::Sqlite);
    copied(of.folder(), database.folder());
    database
}

fn bill(database: &Database, args: &[&str]) -> Command {
    let mut command = support::command(database.folder(), &[&["bill"], args].concat());
    command.args(["--database", &database.url]);
    command
}

/// The command under strace.
fn traced(command: &Command, options: &[&str]) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qqq"]).args(options).arg(command.get_program()).args(command.get_args());
    traced.current_dir(command.get_current_dir().unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    traced
}

/// How often the command makes each of the calls.
fn counted(database: &Database, args: &[&str]) -> Option<BTreeMap<String, usize>> {
    let log = database.folder().join("strace");
    let trace = format!("trace={WRITES}");
    let ran = traced(&bill(database, args), &["-o", log.to_str().unwrap(), "-e", &trace]).status();
    if !ran.is_ok_and(|status| status.success()) {
        skipped("strace is not here, or may not trace");
        return None;
    }
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let call = line.split_once(' ').map_or(line, |(_, call)| call.trim_start());
        if let Some((name, _)) =
            call.split_once('(').filter(|(name, _)| WRITES.split(',').any(|write| write == *name))
        {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    Some(counts)
}

/// Statements by status; and what is wrong with them, with what customers see, and with the files of the bills.
fn outcome(database: &Database, published: &str) -> Result<String, String> {
    let by_status = |table: &str| -> String {
        let sql = format!("SELECT status, COUNT(*) FROM {table} GROUP BY status ORDER BY status");
        let rows = database.query(&sql);
        rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join(", ")
    };
    let statements = by_status("statements");
    if by_status("publications") != statements {
        return Err(format!("{statements}, and customers see {}", by_status("publications")));
    }
    let numbers = database
        .query("SELECT statement_number FROM statements WHERE statement_number IS NOT NULL ORDER BY 1");
    let expected: Vec<String> = (1..=numbers.len()).map(|number| format!("-{number:04}")).collect();
    if !numbers.iter().zip(&expected).all(|(number, end)| number[0].ends_with(end)) {
        return Err(format!("the numbers {numbers:?}"));
    }
    if database.value("SELECT COUNT(*) FROM statement_numbers WHERE statement_id IS NULL") != "0" {
        return Err("numbers are reserved".to_owned());
    }
    // The files say what the database says, and there is one copy.
    let rows = database.query(&format!(
        "SELECT folder, customer_id, version, COALESCE(statement_number, ''), COALESCE(due_date, ''),
             COALESCE(strftime('%Y-%m-%d %H:%M:%S', issued_at, 'unixepoch'), '') FROM statements WHERE status = '{published}'"
    ));
    for row in rows {
        let bills = database.folder().join(format!("data/bills/p1/{}/2026-10/{}", row[0], row[1]));
        let text = std::fs::read(bills.join(format!("v{}/statement.json", row[2])))
            .map_err(|error| error.to_string())?;
        let file: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        for (field, expected) in
            [("statement_number", &row[3]), ("due_date", &row[4]), ("issued_at", &row[5])]
        {
            if file[field].as_str().unwrap_or_default() != expected {
                return Err(format!(
                    "{field} is {} in the file and {expected:?} in the database",
                    file[field]
                ));
            }
        }
        let versions = std::fs::read_dir(&bills).unwrap().flatten();
        let whole = versions.filter(|version| version.path().join("manifest.json").exists()).count();
        let expected = match published {
            "Estimated" => 1,
            "Final" => 2,
            _ => 3,
        };
        if whole != expected {
            return Err(format!("{whole} versions in {}", bills.display()));
        }
    }
    let verified = bill(database, &["verify", "--complete"]).output().unwrap();
    if !verified.status.success() {
        return Err(String::from_utf8_lossy(&verified.stdout).into_owned());
    }
    Ok(statements)
}

/// Kills a command at its writes, one after the other, and repeats it.
fn killed(args: &[&str], before: &[&str], status: &str, expected: &str) {
    let template = month();
    if !before.is_empty() {
        let ran = bill(&template, before).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    let undisturbed = again(&template);
    let Some(counts) = counted(&undisturbed, args) else { return };
    assert_eq!(outcome(&undisturbed, status).as_deref(), Ok(expected), "the control: nothing was killed");
    let places: Vec<(String, usize)> =
        counts.iter().flat_map(|(call, count)| (1..=*count).map(move |k| (call.clone(), k))).collect();
    let wanted = rounds(12).min(places.len());
    let (mut failures, mut deaths) = (Failures::default(), 0);
    for i in 0..wanted {
        let (call, k) = &places[i * places.len() / wanted];
        let database = again(&template);
        let inject = format!("inject={call}:signal=KILL:when={k}");
        let trace = format!("trace={call}");
        let died = !traced(&bill(&database, args), &["-o", "/dev/null", "-e", &trace, "-e", &inject])
            .status()
            .unwrap()
            .success();
        deaths += usize::from(died);
        // Its lease has ended by now.
        database.execute("UPDATE bill_runs SET leased_until = 0, updated_at = 0 WHERE state = 'running'");
        let ran: Output = bill(&database, args).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        // What is void already cannot be made void again.
        let is_done = said.contains("has no final statements");
        let found = match ran.status.success() || is_done {
            true => outcome(&database, status),
            false => Err(said),
        };
        let found = found.and_then(|found| if found == expected { Ok(()) } else { Err(found) });
        failures.case(&format!("killed at {call} {k}"), found);
    }
    assert!(deaths * 2 > wanted, "only {deaths} of {wanted} were killed");
    eprintln!("{args:?}: killed {deaths} times at {wanted} of {} writes", places.len());
    failures.done(wanted);
}
