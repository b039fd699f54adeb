//! Billing, from price rules to the customers' statements.

mod automation;
mod changed;
mod command;
mod corrections;
mod crash;
mod currencies;
mod dated;
mod download;
pub(crate) mod fetch;
mod fetch_faults;
mod finals;
mod focus;
mod guards;
mod health;
mod held;
mod numbers;
mod portal;
mod price_sheets;
mod profit;
mod publishing;
mod rules;
mod runs;
mod simulation;
mod store;
mod terminal;
mod voiding;
mod warnings;
mod year;

use crate::support::{Api, Database, Engine, Server, customer};
pub(crate) use crate::support::{Usage, end_of, line, usage};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A server with billing, its clock standing still, and whoever asks it.
pub(crate) struct Scene {
    pub(crate) api: Api,
    pub(crate) server: Server,
    pub(crate) database: Database,
}

/// The clock of these tests.
pub(crate) const NOW: &str = "2026-11-02T08:00:00Z";

impl Scene {
    pub(crate) fn new(engine: Engine) -> Self {
        Scene::with(engine, &[])
    }

    /// With further arguments of `serve`.
    pub(crate) fn with(engine: Engine, args: &[&str]) -> Self {
        let database = Database::new(engine);
        std::fs::create_dir_all(database.folder().join("data/invoices")).unwrap();
        // Lines of no customer are in many files here.
        let bound = "--bill-max-unassigned";
        let bound: &[&str] = if args.contains(&bound) { &[] } else { &[bound, "1000000"] };
        let server = Server::start(&database, &[&["--sandbox", "--at", NOW], bound, args].concat());
        Scene { api: server.admin(), server, database }
    }

    /// A customer that is billed, with a margin and a tenant.
    pub(crate) fn billed(&self, name: &str, tenant: &str, margin: f64) -> i64 {
        let change = json!({
            "name": name, "azure_customer_id": tenant, "address": crate::support::ABSENT,
            "margin_percentage": margin, "classification": "managed_with_access",
            "partner_billing_configuration": {"enabled": true, "folder": format!("bills/{tenant}")},
        });
        self.api.create(&customer(&change))["id"].as_i64().unwrap()
    }

    /// A file below the folder for sources, and what the API calls it.
    pub(crate) fn invoice(&self, name: &str, lines: &[Usage<'_>]) -> String {
        self.write(name, usage(lines).as_bytes())
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.invoices().join(name);
        std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
        format!("file:{name}")
    }

    pub(crate) fn invoices(&self) -> PathBuf {
        self.database.folder().join("data/invoices")
    }

    /// Where bills are.
    pub(crate) fn bills(&self) -> PathBuf {
        self.database.folder().join("data/bills")
    }

    /// Where drafts are, and corrections until they are copied to their customers' folders, which follows behind a run's end.
    pub(crate) fn drafts(&self) -> PathBuf {
        self.bills().join("_runs/drafts")
    }

    /// Ask for a run that publishes its bills and wait for its end.
    pub(crate) fn run(&self, period: &str, sources: &[&str], more: &Value) -> Value {
        let mut body = json!({"billing_period": period, "sources": sources, "publish": true, "accept_corrections": true});
        crate::support::patched(&mut body, more);
        let asked = self.api.post("/v1/bill_runs", &body);
        assert_eq!(asked.status, 202, "{}", asked.text());
        self.end_of(asked.header("location"))
    }

    /// Ask for a run that makes drafts and wait for its end.
    pub(crate) fn draft(&self, period: &str, sources: &[&str]) -> Value {
        let run = self.run(period, sources, &json!({"publish": false}));
        assert_eq!((&run["state"], &run["stage"]), (&json!("succeeded"), &json!("draft")), "{run}");
        run
    }

    /// Publish a run; the answer.
    pub(crate) fn publish(&self, run: &Value) -> crate::support::Answer {
        self.api.call("POST", &format!("/v1/bill_runs/{}/publish", run["id"])).send()
    }

    /// Make the statements of a run final; the run after that.
    pub(crate) fn finalize(&self, run: &Value) -> Value {
        let accept = json!({"accept": ["held_back"]});
        let asked = self.api.post(&format!("/v1/bill_runs/{}/finalize", run["id"]), &accept);
        assert_eq!(asked.status, 202, "{}", asked.text());
        self.end_of(asked.header("location"))
    }

    /// The run at this place, once it has ended.
    pub(crate) fn end_of(&self, path: &str) -> Value {
        end_of(&self.api, path)
    }

    pub(crate) fn statements(&self, query: &str) -> Vec<Value> {
        statements(&self.api, query)
    }
}

pub(crate) fn statements(api: &Api, query: &str) -> Vec<Value> {
    let page = api.get(&format!("/v1/customer_statements?{query}"));
    assert_eq!(page.status, 200, "{}", page.text());
    page.json()["billing_artifacts"].as_array().unwrap().clone()
}

/// Has a run take files none of whose lines is of its month.
pub(crate) fn of_any_month() -> Value {
    json!({"accept": ["lines_of_other_months"]})
}

/// What a statement comes to.
pub(crate) fn total(statement: &Value) -> String {
    format!("{:.2}", statement["total_amount"].as_f64().unwrap())
}

/// Files by their paths, and their bytes.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Every file below a folder but the indexes, which are written behind a run's end.
pub(crate) fn tree(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("index.json") && path.extension().is_none_or(|end| end != "partial") {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                // Somebody may be at work there.
                match std::fs::read(&path) {
                    Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => {}
                    read => drop(files.insert(name, read.unwrap())),
                }
            }
        }
    }
    files
}

/// Puts run 1000 of the first partner, made by a command, behind the server's back.
pub(crate) fn a_run_by_command(period: &str, state: &str, column: &str, value: i64) -> String {
    let request = r#"{"billing_period": "2026-10", "sources": ["file:/a"], "invoice_id": null, "currency_rates": [],
                      "finalize": false}"#;
    // Just now, so that nobody takes it for one that was left behind.
    let now = NOW.parse::<jiff::Timestamp>().unwrap().as_second();
    format!(
        "INSERT INTO bill_runs (partner_id, id, billing_period, state, request, by_command, released, cancelling, attempt,
             leased_until, created_at, updated_at)
         VALUES (1, 1000, '{period}', '{state}', '{request}', TRUE, '[]', FALSE, 1, 0, 0, {now});
         UPDATE bill_runs SET {column} = {value} WHERE id = 1000;"
    )
}
