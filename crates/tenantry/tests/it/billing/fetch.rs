//! Microsoft's invoices, fetched from a Partner Center of our own: every trap, and every way to be interrupted.

use super::{Files, tree};
use crate::console::Browser;
use crate::directory::{ALLOWED, NO_SYNC, PartnerCenter, connect, to_partner_center, told, until};
use crate::support::{Api, Database, Engine, Failures, Server, command, on_both_engines};
use directory::partner_center::sandbox::CLIENT_SECRET;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Stdio};

on_both_engines!(
    every_trap_is_met,
    a_version_is_fetched_once,
    killed_at_random_bytes_it_goes_on,
    one_fetch_of_a_month_at_a_time,
    months_without_a_connection_or_an_invoice,
    no_secret_is_shown,
    invoices_have_a_page,
);

/// The clocks of these tests: October's invoice is there.
pub(super) const NOW: &str = "2026-11-20T08:00:00Z";

pub(crate) struct Scene {
    pub(super) center: PartnerCenter,
    pub(crate) api: Api,
    server: Server,
    pub(super) database: Database,
}

impl Scene {
    pub(crate) fn new(engine: Engine) -> Self {
        Scene::with(engine, &[])
    }

    pub(super) fn with(engine: Engine, args: &[&str]) -> Self {
        Scene::within(engine, args, &[])
    }

    /// With further arguments of `serve`, and variables in its environment.
    pub(super) fn within(engine: Engine, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let database = Database::new(engine);
        let serve = ["--sandbox", "--at", NOW, "--sync-interval", NO_SYNC];
        let server = Server::start_in(&database, &[&serve, &ALLOWED[..], args].concat(), environment);
        let center = PartnerCenter::start_at(database.folder(), 5, NOW);
        let scene = Scene { center, api: server.admin(), server, database };
        let graph = format!("{}/v1.0", scene.center.url);
        let arguments = to_partner_center(&scene.center.url, &["--graph-url", &graph]);
        let output = connect(&scene.database, &arguments, CLIENT_SECRET);
        assert!(output.status.success(), "{}", told(&output));
        scene
    }

    /// Billing data goes wrong like this, in files of few lines.
    pub(crate) fn behave(&self, faults: &Value) {
        let mut billing = json!({"lines_per_blob": 40});
        crate::support::patched(&mut billing, faults);
        self.center.behave(json!({ "billing": billing }));
    }

    /// Asks for a fetch, and waits for its end.
    pub(super) fn fetch(&self, body: &Value) -> Value {
        let asked = self.api.post("/v1/invoice_fetches", body);
        assert_eq!(asked.status, 202, "{}", asked.text());
        super::end_of(&self.api, asked.header("location"))
    }

    pub(super) fn sources(&self) -> PathBuf {
        self.database.folder().join("data/invoices")
    }

    /// The files of exports that are whole, by their paths; of unfinished ones those in `.fetching`.
    pub(super) fn files(&self) -> (Files, Files) {
        tree(&self.sources()).into_iter().partition(|(path, _)| !path.starts_with(".fetching"))
    }

    pub(super) fn invoice(&self, id: &str) -> Value {
        let invoices = self.api.get("/v1/invoices").json();
        let found = invoices["invoices"].as_array().unwrap().iter().find(|invoice| invoice["id"] == id);
        found.cloned().unwrap_or_default()
    }
}

pub(super) fn october() -> Value {
    json!({"billing_period": "2026-10"})
}

struct Trap {
    name: &'static str,
    faults: Value,
    behaviour: Value,
    /// The error's code, and what it says; none if all is fetched.
    error: Option<(&'static str, &'static str)>,
}

fn trap(name: &'static str, faults: Value, error: Option<(&'static str, &'static str)>) -> Trap {
    Trap { name, faults, behaviour: json!({}), error }
}

#[rustfmt::skip]
fn traps() -> Vec<Trap> {
    vec![
        trap("no trap", json!({}), None),
        trap("the manifest behind its URL", json!({"manifest": "location"}), None),
        trap("the manifest behind a navigation link", json!({"manifest": "link"}), None),
        trap("an export that takes its time", json!({"running_polls": 2, "retry_after": "0.2"}), None),
        trap("tokens that end after two reads", json!({"sas_reads": 2}), None),
        trap("tokens that end in the middle of a file", json!({"sas_reads": 3, "max_range": 700}), None),
        trap("a token that opens nothing", json!({"sas_reads": 0}), Some(("refused", "refuses every new token"))),
        trap("a store without ranges", json!({"no_ranges": true}), None),
        trap("a store that fails now and then", json!({"next_blob": [{"fault": "status", "status": 503}, {"fault": "none"}, {"fault": "break"}]}), None),
        trap("files exchanged while they are read", json!({"changed_after": 2, "lines_per_blob": 4}), None),
        trap("a file cut short", json!({"cut_blob": 1, "lines_per_blob": 4}), Some(("damaged", "part-00001.json.gz is cut short"))),
        trap("a manifest that lies about its count", json!({"wrong_count": true}), Some(("damaged", "counts"))),
        trap("no data", json!({"no_data": true}), Some(("no_data", "fetch it again later"))),
        trap("an export that fails", json!({"failed": "2000"}), Some(("export_failed", "(2000)"))),
        trap("an export that never ends", json!({"never_ends": true}), Some(("export_timed_out", "has not ended"))),
        trap("no permission", json!({"no_permission": true}), Some(("refused", "API permissions"))),
        trap("no role for invoices", json!({"no_invoice_role": true}), Some(("refused", "Billing admin"))),
        Trap { behaviour: json!({"mfa_required": true}), ..trap("no multi-factor sign-in", json!({}), Some(("mfa_required", "sign in again"))) },
    ]
}

fn every_trap_is_met(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-export-wait", "2"]);
    let mut failures = Failures::default();
    for Trap { name, faults, behaviour, error } in traps() {
        drop(std::fs::remove_dir_all(scene.sources()));
        scene.behave(&faults);
        if behaviour != json!({}) {
            scene.center.behave(behaviour);
        }
        let fetch = scene.fetch(&october());
        let (whole, unfinished) = scene.files();
        let manifests = whole.keys().filter(|path| path.ends_with("/manifest.json")).count();
        let sources = fetch["sources"].as_array().unwrap().len();
        let result = match error {
            None if fetch["state"] == "succeeded"
                && sources == 2
                && manifests == 2
                && unfinished.is_empty() =>
            {
                Ok(())
            }
            Some((code, said))
                if fetch["state"] == "failed"
                    && fetch["error"]["code"] == code
                    && fetch["error"]["message"].as_str().unwrap().contains(said)
                    // A folder among the sources is whole, whatever was wrong with another one.
                    && sources == manifests =>
            {
                Ok(())
            }
            _ => Err(format!("{manifests} manifests: {fetch} {:?}", whole.keys().collect::<Vec<_>>())),
        };
        failures.case(name, result);
        assert_eq!(scene.invoice("G000202610")["last_fetch"]["error"], fetch["error"], "{name}");
        let failing = scene.api.get("/readyz").json()["invoice_fetches"]["failing"].clone();
        assert_eq!(failing, json!(i32::from(error.is_some())), "{name}");
    }
    failures.done(18);
}

fn a_version_is_fetched_once(engine: Engine) {
    let scene = Scene::new(engine);
    scene.behave(&json!({}));
    let first = scene.fetch(&october());
    let (bytes, files) = (scene.center.count("blob_bytes"), scene.files().0);
    assert!(bytes > 0 && first["progress"]["bytes_read"].as_u64().unwrap() > 0, "{first}");
    let again = scene.fetch(&october());
    assert_eq!((&again["sources"], scene.center.count("blob_bytes")), (&first["sources"], bytes), "{again}");

    // Another version is kept beside it.
    scene.behave(&json!({"data_version": 2}));
    let newer = scene.fetch(&october());
    assert_ne!(newer["sources"], first["sources"]);
    let both = scene.files().0;
    assert!(files.iter().all(|(path, bytes)| both.get(path) == Some(bytes)), "the first version stays");
    let invoice = scene.invoice("G000202610");
    assert_eq!(
        (invoice["fetched"].as_array().unwrap().len(), &invoice["ties"]),
        (4, &Value::Null),
        "{invoice}"
    );

    // An invoice that was issued again is another invoice of the month.
    scene.behave(&json!({"reissued": ["2026-10"]}));
    let fetch = scene.fetch(&october());
    assert_eq!(fetch["sources"].as_array().unwrap().len(), 4, "{fetch}");
    let one = scene.fetch(&json!({"billing_period": "2026-10", "invoice_id": "G100202610"}));
    assert_eq!(one["sources"].as_array().unwrap().len(), 2, "{one}");
    let unbilled = scene.fetch(&json!({"billing_period": "2026-11", "unbilled": true}));
    assert_eq!(unbilled["sources"].as_array().unwrap().len(), 2, "{unbilled}");
}

/// `tenantry admin bill fetch` of October.
pub(super) fn fetching(scene: &Scene, more: &[&str]) -> Command {
    let args =
        ["bill", "fetch", "--period", "2026-10", "--bill-lease", "1", "--database", &scene.database.url];
    let mut command = command(scene.database.folder(), &[&args[..], &ALLOWED, more].concat());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How often a fetch is killed; without it few times, so that the suite is quick.
const KILLS: &str = "TENANTRY_TEST_KILLS";

fn killed_at_random_bytes_it_goes_on(engine: Engine) {
    let scene = Scene::new(engine);
    scene.behave(&json!({}));
    let reference = fetching(&scene, &[]).output().unwrap();
    assert!(reference.status.success(), "{}", told(&reference));
    let (expected, whole_bytes) = (scene.files().0, scene.center.count("blob_bytes"));
    std::fs::remove_dir_all(scene.sources()).unwrap();

    let slow = json!({"max_range": 100, "read_ms": 4});
    scene.behave(&slow);
    let before = scene.center.count("blob_bytes");
    let wanted: u32 = std::env::var(KILLS).map_or(3, |kills| kills.parse().unwrap());
    let (mut kills, mut rounds) = (0, 1);
    let mut next = 1_u64;
    loop {
        let mut child = fetching(&scene, &[]).spawn().unwrap();
        // Any number of bytes further on than now, the same ones in each run of this test.
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (from, further) = (scene.center.count("blob_bytes"), 200 + (next >> 33) % 2500);
        until("bytes were read, or it has ended", || {
            child.try_wait().unwrap().is_some() || scene.center.count("blob_bytes") >= from + further
        });
        drop(child.kill());
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            let (files, unfinished) = scene.files();
            assert!(files == expected && unfinished.is_empty(), "after {kills} kills: {unfinished:?}");
            if kills >= wanted {
                break;
            }
            std::fs::remove_dir_all(scene.sources()).unwrap();
            rounds += 1;
            continue;
        }
        // One that ended by itself found the lease of the one before, which was killed.
        let was_killed = output.status.code().is_none();
        assert!(was_killed || told(&output).contains("is under way"), "{}", told(&output));
        kills += u32::from(was_killed);
    }
    // Nothing twice but what was under way, and one byte of each file that was begun.
    let read = scene.center.count("blob_bytes") - before;
    assert!(
        read <= rounds * whole_bytes + u64::from(kills) * 4 * (100 + 1),
        "{read} of {whole_bytes} after {kills} kills"
    );
}

fn one_fetch_of_a_month_at_a_time(engine: Engine) {
    let scene = Scene::new(engine);
    scene.behave(&json!({"max_range": 100, "read_ms": 20}));
    let asked = scene.api.post("/v1/invoice_fetches", &october());
    let second = scene.api.post("/v1/invoice_fetches", &october());
    assert_eq!((asked.status, second.status), (202, 409), "{}", second.text());
    let command = fetching(&scene, &[]).output().unwrap();
    assert!(!command.status.success() && told(&command).contains("is under way"), "{}", told(&command));
    // Other months are not in its way.
    let other = scene.api.post("/v1/invoice_fetches", &json!({"billing_period": "2026-09"}));
    assert_eq!(other.status, 202, "{}", other.text());
    scene.behave(&json!({}));
    let ended = super::end_of(&scene.api, asked.header("location"));
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(super::end_of(&scene.api, other.header("location"))["state"], "succeeded");
    // Two exports for each month: neither was begun twice.
    assert_eq!(scene.center.count("exports"), 4);
    let events = scene.api.get("/v2/audit_events?per_page=100").json().to_string();
    assert_eq!(events.matches("invoice_fetch.succeed").count(), 2, "{events}");
}

fn months_without_a_connection_or_an_invoice(engine: Engine) {
    let scene = Scene::new(engine);
    let none = scene.fetch(&json!({"billing_period": "2026-11"}));
    assert_eq!(none["error"]["code"], "no_invoice", "{none}");
    for (body, pointer) in [
        (json!({}), "/billing_period"),
        (json!({"billing_period": "October"}), "/billing_period"),
        (json!({"billing_period": "2026-10", "unbilled": true, "invoice_id": "G1"}), "/invoice_id"),
        (json!({"billing_period": "2026-10", "invoices": []}), "/invoices"),
    ] {
        let answer = scene.api.post("/v1/invoice_fetches", &body);
        assert!(answer.status == 422 && answer.text().contains(pointer), "{body}: {}", answer.text());
    }
    let output = scene.server.run(&["directory", "disconnect"]);
    assert!(output.status.success(), "{}", told(&output));
    let fetch = scene.fetch(&october());
    let message = fetch["error"]["message"].as_str().unwrap();
    assert!(fetch["error"]["code"] == "not_connected" && message.contains("directory connect"), "{fetch}");
}

fn no_secret_is_shown(engine: Engine) {
    let scene = Scene::new(engine);
    for faults in [json!({"sas_reads": 1}), json!({"cut_blob": 0}), json!({"sas_reads": 0})] {
        scene.behave(&faults);
        let output = fetching(&scene, &[]).env("TENANTRY_LOG", "trace").output().unwrap();
        let kept = String::from_utf8_lossy(&scene.database.contents()).into_owned();
        let files = scene.files();
        let files = files.0.into_iter().chain(files.1).map(|(_, bytes)| bytes).collect::<Vec<_>>().concat();
        let texts = [told(&output), scene.server.log(), kept, String::from_utf8_lossy(&files).into_owned()];
        for text in texts {
            assert!(!text.contains("SANDBOX-SAS") && !text.contains("sig="), "{faults}");
            assert!(!text.contains("odd=characters"), "{faults}");
        }
        drop(std::fs::remove_dir_all(scene.sources()));
    }
}

fn invoices_have_a_page(engine: Engine) {
    let scene = Scene::new(engine);
    scene.behave(&json!({}));
    let browser = Browser::signed_in(&scene.api);
    let page = || browser.get("/console/billing/invoices").text();
    assert!(page().contains("No invoice is known yet."), "{}", page());
    let fetch = scene.fetch(&october());
    assert_eq!(fetch["state"], "succeeded", "{fetch}");
    let invoices = scene.api.get("/v1/invoices").json()["invoices"].clone();
    let october = invoices.as_array().unwrap().iter().find(|one| one["billing_period"] == "2026-10").unwrap();
    // The cells behind the invoice's id.
    let cells = || {
        let page = page();
        let row = page.split(&format!("<code>{}</code>", october["id"].as_str().unwrap())).nth(1).unwrap();
        let row = row.split("</tr>").next().unwrap().replace("<br>", " ");
        let texts =
            row.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text.trim().to_owned());
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(cells()[0], "October 2026");
    assert_eq!(cells()[3..], ["Yes", "No", "–"], "fetched, not billed");
    let mut body = json!({"billing_period": "2026-10", "sources": fetch["sources"]});
    crate::support::patched(&mut body, &super::of_any_month());
    let asked = scene.api.post("/v1/bill_runs", &body);
    assert_eq!(asked.status, 202, "{}", asked.text());
    let run = super::end_of(&scene.api, asked.header("location"));
    assert_eq!(run["state"], "succeeded", "{run}");
    let shown = cells();
    let billed = scene.invoice(october["id"].as_str().unwrap());
    assert_eq!((&billed["ties"], &billed["bill_run_id"]), (&json!(true), &run["id"]), "{billed}");
    assert_eq!((shown[3].as_str(), shown[4].as_str()), ("Yes", "Show this month"), "{shown:?}");
    assert_eq!(shown.last().unwrap(), "Yes", "it ties: {shown:?}");
    assert!(page().contains(&format!("href=\"/console/billing/runs/{}\"", run["id"])));
}
