//! The directory of a partner's Azure tenants, as it shows over HTTP: a Partner Center of our own, started as the real
//! binary, or a file.

mod change;
mod connect;
mod create;
mod faults;
mod file;
mod load;
mod sync;
mod tenants;

use crate::support::{ABSENT, Api, Database, Engine, Guard, Server, command, customer, wait_until};
use directory::partner_center::sandbox::{CLIENT_ID, CLIENT_SECRET, made_up_id};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// The loopback, which a directory may be reached at only if that is allowed.
pub(crate) const ALLOWED: [&str; 2] = ["--allow-egress", "127.0.0.0/8"];
/// Time between two steps through a directory, where a test wants none.
pub(crate) const NO_SYNC: &str = "3600000";
/// The patience of most tests.
const LONGEST: Duration = Duration::from_secs(90);

/// A Partner Center that does what it is told. It ends with this value.
pub(crate) struct PartnerCenter {
    pub(crate) url: String,
    api: Api,
    child: Mutex<Child>,
    guard: Guard,
    _stdout: BufReader<ChildStdout>,
}

impl PartnerCenter {
    /// With so many customers, on its best behaviour.
    pub(crate) fn start(folder: &Path, customers: usize) -> Self {
        PartnerCenter::start_with(folder, customers, &[])
    }

    /// With its clock at this instant.
    pub(crate) fn start_at(folder: &Path, customers: usize, at: &str) -> Self {
        PartnerCenter::start_with(folder, customers, &["--at", at])
    }

    fn start_with(folder: &Path, customers: usize, more: &[&str]) -> Self {
        let count = customers.to_string();
        let args = ["sandbox", "partner-center", "--customers", &count, "--listen", "127.0.0.1:0"];
        let args = [&args[..], more].concat();
        let mut child = command(folder, &args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let guard = Guard::new(&format!("kill -9 {}", child.id()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let (_, address) = line.trim().split_once("listens on http://").unwrap();
        let api = Api::new(address.parse().unwrap(), "");
        let child = Mutex::new(child);
        let center = PartnerCenter { url: format!("http://{address}"), api, child, guard, _stdout: stdout };
        center.behave(json!({}));
        center
    }

    /// From now on.
    pub(crate) fn behave(&self, behaviour: Value) {
        let answer = self.api.put("/sandbox", &behaviour);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Its clock goes on from this instant.
    pub(crate) fn set_clock(&self, now: &str) {
        let answer = self.api.put("/sandbox/clock", &json!({ "now": now }));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The next requests all go wrong like this.
    pub(crate) fn fail(&self, fault: Value) {
        self.behave(json!({"next": vec![fault; 2000]}));
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.api.get("/sandbox").json()["counts"][what].as_u64().unwrap()
    }

    /// How many of the faults that wait for the next requests are left: of files, or of the API.
    pub(crate) fn left(&self, is_file: bool) -> usize {
        let behaviour = self.api.get("/sandbox").json()["behaviour"].take();
        let faults = if is_file { &behaviour["billing"]["next_blob"] } else { &behaviour["next"] };
        faults.as_array().unwrap().len()
    }

    /// How often it was asked for a path that contains `part`; a request that was sent again has its first one's ids, and
    /// counts once.
    pub(crate) fn asked(&self, part: &str) -> usize {
        let status = self.api.get("/sandbox").json();
        let asked = status["asked"].as_array().unwrap().iter();
        let of_part = asked.filter(|asked| asked["path"].as_str().unwrap().contains(part));
        of_part.map(|asked| asked["request_id"].as_str().unwrap()).collect::<HashSet<_>>().len()
    }

    pub(crate) fn stop(&self) {
        let mut child = self.child.lock().unwrap();
        drop(child.kill());
        child.wait().unwrap();
    }
}

impl Drop for PartnerCenter {
    fn drop(&mut self) {
        self.stop();
        self.guard.release();
    }
}

/// A server, and a Partner Center that its partner is connected to.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) api: Api,
    pub(crate) center: PartnerCenter,
    pub(crate) database: Database,
}

impl Place {
    /// With these further arguments of `serve`, and of `directory connect`.
    pub(crate) fn new(engine: Engine, customers: usize, serve: &[&str], connect: &[&str]) -> Self {
        let database = Database::new(engine);
        let server = serve_at(&database, serve);
        let center = PartnerCenter::start(database.folder(), customers);
        let api = server.admin();
        let place = Place { server, api, center, database };
        let output = place.connect(connect);
        assert!(output.status.success(), "{}", told(&output));
        place
    }

    /// Connect the partner (once more, and so with a client that remembers nothing).
    pub(crate) fn connect(&self, args: &[&str]) -> Output {
        let secret = CLIENT_SECRET.to_owned();
        connect(&self.database, &to_partner_center(&self.center.url, args), &secret)
    }

    /// Another server in the place of the one that runs.
    pub(crate) fn restart(&mut self, serve: &[&str]) {
        self.server.kill();
        self.server = serve_at(&self.database, serve);
        self.api = self.server.admin();
    }

    /// A customer by the tenant of this number.
    pub(crate) fn create(&self, name: &str, number: usize) -> Value {
        self.api.create(&by_tenant(name, &id(number)))
    }

    /// What the directory's tenant of this number is here.
    pub(crate) fn tenant(&self, number: usize) -> Value {
        tenants(&self.api)
            .into_iter()
            .find(|tenant| tenant["azure_customer_id"] == id(number))
            .unwrap_or_default()
    }
}

/// The id of the Partner Center's customer of this number.
pub(crate) fn id(number: usize) -> String {
    made_up_id(1, number)
}

/// A good payload with a tenant in the place of an address.
pub(crate) fn by_tenant(name: &str, azure_customer_id: &str) -> Value {
    customer(&json!({"name": name, "address": ABSENT, "azure_customer_id": azure_customer_id}))
}

/// A server that may reach the loopback.
pub(crate) fn serve_at(database: &Database, args: &[&str]) -> Server {
    Server::start(database, &[&ALLOWED[..], args].concat())
}

/// The arguments that lead to this Partner Center.
pub(crate) fn to_partner_center<'a>(url: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    let base = [
        "--kind",
        "partner-center",
        "--tenant-id",
        "partner.example",
        "--client-id",
        CLIENT_ID,
        "--secret-file",
        "-",
        "--api-url",
        url,
        "--login-url",
        url,
    ];
    [&base[..], &ALLOWED, args].concat()
}

/// `tenantry admin directory connect` with these arguments, and this on its standard input.
pub(crate) fn connect(database: &Database, args: &[&str], input: &str) -> Output {
    let mut command = connecting(database, args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdin.take().unwrap().write_all(input.as_bytes())); // it may have ended without reading
    child.wait_with_output().unwrap()
}

pub(crate) fn connecting(database: &Database, args: &[&str]) -> Command {
    let mut command = command(database.folder(), &["directory", "connect", "--database", &database.url]);
    command.args(args);
    command
}

/// All that a program printed.
pub(crate) fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// All tenants of a partner.
pub(crate) fn tenants(api: &Api) -> Vec<Value> {
    let mut tenants = Vec::new();
    loop {
        let page = tenants.len() / 100 + 1;
        let answer = api.get(&format!("/v1/azure_partner_customers?per_page=100&page={page}"));
        let Value::Array(more) = answer.json()["azure_partner_customers"].take() else { panic!("no list") };
        let last = more.len() < 100;
        tenants.extend(more);
        if last {
            return tenants;
        }
    }
}

/// What `/readyz` says of the directories: connected, synced, failing.
pub(crate) fn health(api: &Api) -> [u64; 3] {
    let directories = &api.get("/readyz").json()["directories"];
    ["connected", "synced", "failing"].map(|field| directories[field].as_u64().unwrap())
}

/// Wait until this is so.
pub(crate) fn until(what: &str, is_so: impl FnMut() -> bool) {
    wait_until(LONGEST, what, is_so);
}
