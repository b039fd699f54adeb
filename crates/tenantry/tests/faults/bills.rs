//! Commands that change what customers see, killed at every write: repeated, each does the rest, once.

use crate::rounds;
use crate::support::disk::{Disk, skipped};
use crate::support::{self, Api, Database, Engine, Failures, Server, customer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Calls that write: to the database and to the store.
const WRITES: &str = "write,pwrite64,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,ftruncate";
const NAMES: [&str; 2] = ["acme", "beta"];

/// A command, what was done before it, and what there is to be after it.
struct Case<'a> {
    before: &'a [&'a str],
    args: &'a [&'a str],
    /// The status of the statements that the files are compared with, and all statements.
    status: &'a str,
    statements: &'a str,
    /// How many versions each customer has in its folder, and among the drafts.
    versions: [usize; 2],
    /// Whether the newest version has FOCUS's datasets.
    datasets: bool,
}

/// Bills other lines than the draft, with FOCUS's datasets.
const RUN: [&str; 5] = ["run", "--period", "2026-10", "--bill-focus-datasets", "data/invoices/late.csv"];

#[test]
fn a_publication_that_is_killed_at_a_write_is_repeated() {
    killed(&Case {
        before: &[],
        args: &["publish", "1"],
        status: "Estimated",
        statements: "Estimated 2",
        versions: [1, 1],
        datasets: false,
    });
}

#[test]
fn a_finalization_that_is_killed_at_a_write_is_repeated() {
    killed(&Case {
        before: &[],
        args: &["finalize", "1", "--yes"],
        status: "Final",
        statements: "Final 2",
        versions: [1, 1],
        datasets: false,
    });
}

#[test]
fn a_void_that_is_killed_at_a_write_is_repeated() {
    killed(&Case {
        before: &["finalize", "1", "--yes"],
        args: &["void", "1", "--reason", "r", "--yes"],
        status: "Reversal",
        statements: "Reversal 2, Void 2",
        versions: [2, 1],
        datasets: false,
    });
}

#[test]
fn a_run_with_focus_datasets_that_is_killed_at_a_write_is_repeated() {
    killed(&Case {
        before: &[],
        args: &[&RUN[..], &["--publish"]].concat(),
        status: "Estimated",
        statements: "Estimated 2",
        versions: [1, 1],
        datasets: true,
    });
}

#[test]
fn a_finalization_of_focus_datasets_that_is_killed_at_a_write_is_repeated() {
    killed(&Case {
        before: &RUN,
        args: &["finalize", "2", "--yes"],
        status: "Final",
        statements: "Final 2",
        versions: [1, 2],
        datasets: true,
    });
}

/// A store without enough space for all files: each bill is there as a whole or not at all, and as a whole once there is space.
#[test]
fn a_run_with_focus_datasets_on_a_full_disk_is_repeated() {
    let template = month();
    let (mut failures, mut refused, mut done) = (Failures::default(), 0, 0);
    for pages in [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 64] {
        let database = again(&template);
        let Some(disk) = Disk::small(database.folder().join("disk"), &format!("{}k", pages * 4)) else {
            return;
        };
        let store = format!("file:{}", disk.folder().join("bills").display());
        let run = || {
            let args =
                ["run", "--period", "2026-09", "--publish", "--bill-focus-datasets", "--bills", &store];
            bill(&database, &[&args[..], &["data/invoices/september.csv"]].concat()).output().unwrap()
        };
        // How many customers see a bill, after everything that is in the store was found to be whole.
        let published = |ran: &Output| -> Result<String, String> {
            let verified = bill(&database, &["verify", "--bills", &store]).output().unwrap();
            let [said, error] =
                [&verified.stdout, &verified.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
            let count = database.value("SELECT COUNT(*) FROM publications");
            let is_empty = error.contains("there are no bills") && count == "0";
            if !verified.status.success() && !is_empty || (count == "2") != ran.status.success() {
                let message = String::from_utf8_lossy(&ran.stderr);
                return Err(format!("{count} are published: {message}\n{said}{error}"));
            }
            Ok(count)
        };
        let first = run();
        *(if first.status.success() { &mut done } else { &mut refused }) += 1;
        failures.case(&format!("{pages} pages"), published(&first).map(drop));
        disk.enlarge("16m");
        let whole = published(&run()).and_then(|count| {
            let bills = disk.folder().join("bills/p1");
            for (name, id) in NAMES.iter().zip(1..) {
                let month = bills.join(format!("{name}/2026-09/{id}"));
                let versions: Vec<_> = std::fs::read_dir(&month).into_iter().flatten().flatten().collect();
                // What an attempt without space has left is continued or removed.
                let [version] = &versions[..] else { return Err(format!("{versions:?}")) };
                let is_there = |dataset| version.path().join(format!("statement.{dataset}.csv")).exists();
                if !["invoice-detail", "billing-period"].into_iter().all(is_there) {
                    return Err(format!("{versions:?}"));
                }
            }
            if count == "2" { Ok(()) } else { Err(format!("{count} are published")) }
        });
        failures.case(&format!("{pages} pages, then more"), whole);
    }
    assert!(refused >= 5 && done >= 1, "the control: {refused} had no space, {done} had");
    failures.done(refused + done);
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
    for (file, cost) in [("october.csv", "1.5"), ("late.csv", "2.5")] {
        let lines = NAMES.map(|name| support::line(name, "a", cost));
        std::fs::write(invoices.join(file), support::usage(&lines)).unwrap();
    }
    let lines = NAMES.map(|name| support::Usage { day: "2026-09-03", ..support::line(name, "a", "3.5") });
    std::fs::write(invoices.join("september.csv"), support::usage(&lines)).unwrap();
    let asked =
        api.post("/v1/bill_runs", &json!({"billing_period": "2026-10", "sources": ["file:october.csv"]}));
    let run = support::end_of(&api, asked.header("location"));
    assert_eq!((&run["state"], &run["stage"]), (&json!("succeeded"), &json!("draft")), "{run}");
    server.signal("TERM");
    server.wait();
    let shown = database.folder().join("data/bills/p1");
    assert!(!shown.exists(), "drafts are in no customer's folder");
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
fn outcome(database: &Database, case: &Case<'_>) -> Result<String, String> {
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
             COALESCE(strftime('%Y-%m-%d %H:%M:%S', issued_at, 'unixepoch'), '') FROM statements WHERE status = '{}'",
        case.status
    ));
    for row in rows {
        let store = database.folder().join("data/bills");
        let of_customer = format!("p1/{}/2026-10/{}", row[0], row[1]);
        let newest = store.join(&of_customer).join(format!("v{}", row[2]));
        let statement = newest.join("statement.json");
        let text = std::fs::read(&statement).map_err(|error| format!("{}: {error}", statement.display()))?;
        let file: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        if newest.join("statement.invoice-detail.csv").exists() != case.datasets {
            return Err(format!("FOCUS's datasets are not as wanted in {}", newest.display()));
        }
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
        let versions = [&store, &store.join("_runs/drafts")].map(|area| {
            let versions = std::fs::read_dir(area.join(&of_customer)).into_iter().flatten().flatten();
            versions.filter(|version| version.path().join("manifest.json").exists()).count()
        });
        if versions != case.versions {
            return Err(format!("{versions:?} versions of {of_customer}"));
        }
        let path = store.join(format!("p1/{}/index.json", row[0]));
        let index = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if !index.contains(&format!("/v{}/", row[2])) {
            return Err(format!("the index is {index}"));
        }
    }
    let verified = bill(database, &["verify", "--complete"]).output().unwrap();
    if !verified.status.success() {
        return Err(String::from_utf8_lossy(&verified.stdout).into_owned());
    }
    Ok(statements)
}

/// Kills a command at its writes, one after the other, and repeats it.
fn killed(case: &Case<'_>) {
    let (args, expected) = (case.args, case.statements);
    let template = month();
    if !case.before.is_empty() {
        let ran = bill(&template, case.before).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    let undisturbed = again(&template);
    let Some(counts) = counted(&undisturbed, args) else { return };
    assert_eq!(outcome(&undisturbed, case).as_deref(), Ok(expected), "the control: nothing was killed");
    let places: Vec<(&String, usize)> =
        counts.iter().flat_map(|(call, count)| (1..=*count).map(move |k| (call, k))).collect();
    // The first of each call, and some of the rest.
    let (first, rest): (Vec<_>, Vec<_>) = places.iter().copied().partition(|(_, k)| *k == 1);
    let some = rounds(12).min(rest.len());
    let chosen = first.into_iter().chain((0..some).map(|i| rest[i * rest.len() / some]));
    let (mut failures, mut deaths, mut wanted) = (Failures::default(), 0, 0);
    for (call, k) in chosen {
        wanted += 1;
        let database = again(&template);
        let inject = format!("inject={call}:signal=KILL:when={k}");
        let trace = format!("trace={call}");
        let died = !traced(&bill(&database, args), &["-o", "/dev/null", "-e", &trace, "-e", &inject])
            .status()
            .unwrap()
            .success();
        deaths += usize::from(died);
        // Its lease has ended by now.
        database.execute(
            "UPDATE bill_runs SET leased_until = 0, updated_at = 0 WHERE state IN ('queued', 'running')",
        );
        let ran: Output = bill(&database, args).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        // What is void already cannot be made void again.
        let is_done = said.contains("has no final statements");
        let found = match ran.status.success() || is_done {
            true => outcome(&database, case),
            false => Err(said),
        };
        let found = found.and_then(|found| if found == expected { Ok(()) } else { Err(found) });
        failures.case(&format!("killed at {call} {k}"), found);
    }
    assert!(deaths * 3 > wanted, "only {deaths} of {wanted} were killed");
    eprintln!("{args:?}: killed {deaths} times at {wanted} of {} writes", places.len());
    failures.done(wanted);
}
