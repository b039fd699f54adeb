//! What `/metrics` tells Prometheus, and what it keeps to itself.

use crate::billing::{Scene, line};
use crate::support::{Api, Database, Engine, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(
    answers_are_counted_by_route,
    callers_choose_no_label,
    bill_runs_are_counted,
    the_process_is_there
);

/// Every sample of a scrape, `name{labels} value`.
pub(crate) fn scrape(api: &Api) -> Vec<String> {
    let answer = api.call("GET", "/metrics").authorization(None).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
        .text()
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The value of a sample, 0 if there is none.
pub(crate) fn sample(api: &Api, name: &str) -> f64 {
    let found = scrape(api).into_iter().find_map(|line| {
        let (this, value) = line.rsplit_once(' ')?;
        (this == name).then(|| value.parse().unwrap())
    });
    found.unwrap_or_default()
}

fn count(api: &Api, method: &str, route: &str, status: u16) -> f64 {
    let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
    sample(api, &format!("http_request_duration_seconds_count{{{labels}}}"))
}

fn answers_are_counted_by_route(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let api = server.admin();
    let id = api.create(&customer(&json!({"name": "Planted Name"})))["id"].clone();
    for path in [format!("/v2/customers/{id}"), format!("/v2/customers/{id}/"), "/v2/customers/0".into()] {
        api.get(&path);
    }
    api.get("/v1/customers");
    api.call("GET", "/v2/customers").authorization(None).send();
    for (method, route, status, times) in [
        ("POST", "/v2/customers", 201, 1.0),
        ("GET", "/v2/customers/{id}", 200, 2.0),
        ("GET", "/v2/customers/{id}", 404, 1.0),
        ("GET", "/v1/customers", 200, 1.0),
        ("GET", "/v2/customers", 401, 1.0),
        ("GET", "/v2/customers", 200, 0.0),
    ] {
        assert_eq!(count(&api, method, route, status), times, "{method} {route} {status}");
    }
    let told = scrape(&api).join("\n");
    assert!(told.contains("http_request_duration_seconds_bucket{method=\"POST\""), "{told}");
    for kept in ["Planted", "tnt_", "default"] {
        assert!(!told.contains(kept), "{kept} is told: {told}");
    }
}

/// Else whoever asks for enough nonsense fills the memory.
fn callers_choose_no_label(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let api = server.admin();
    let ask = |number: usize| {
        api.get(&format!("/nowhere/{number}"));
        api.get(&format!("/v2/customers/{number}"));
        api.raw(format!("M{number} / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").as_bytes());
        api.raw(format!("M{number} /v2/me HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").as_bytes());
        api.get(&format!("/v2/customers?q={}", "q".repeat(4000 + number)));
    };
    ask(1);
    scrape(&api);
    let series = scrape(&api).len();
    (2..20).for_each(ask);
    assert_eq!(scrape(&api).len(), series);
    // The control: they were counted.
    assert_eq!(count(&api, "GET", "none", 404), 19.0);
    assert_eq!(count(&api, "other", "/v2/me", 405), 19.0);
}

fn bill_runs_are_counted(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Planted Name", "planted-tenant", 0.0);
    let source = scene.invoice("planted.csv", &vec![line("planted-tenant", "planted-meter", "1"); 3]);
    let broken = scene.write("broken.csv", b"Planted,Header\n");
    let state = |state: &str| sample(&scene.api, &format!("tenantry_bill_runs{{state=\"{state}\"}}"));
    assert_eq!(["queued", "running", "succeeded", "failed", "cancelled"].map(state), [0.0; 5]);
    scene.run("2026-10", &[&source], &json!({}));
    scene.run("2026-10", &[&source], &json!({}));
    scene.run("2026-10", &[&broken], &json!({}));
    assert_eq!(
        ["queued", "running", "succeeded", "failed", "cancelled"].map(state),
        [0.0, 0.0, 2.0, 1.0, 0.0]
    );
    assert_eq!(sample(&scene.api, "tenantry_bill_run_lines_total"), 6.0);
    let seconds = sample(&scene.api, "tenantry_bill_run_last_seconds");
    assert!(0.0 < seconds && seconds < 60.0, "{seconds}");
    let told = scrape(&scene.api).join("\n").to_lowercase();
    assert!(!told.contains("planted"), "{told}");
}

fn the_process_is_there(engine: Engine) {
    let database = Database::new(engine);
    let api = Server::start(&database, &[]);
    let api = api.admin();
    for (name, least) in [
        ("process_resident_memory_bytes", 1_000_000.0),
        ("process_open_fds", 5.0),
        ("process_start_time_seconds", 1_700_000_000.0),
        ("tenantry_database_up", 1.0),
        (concat!("tenantry_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert!(sample(&api, name) >= least, "{name} is {}", sample(&api, name));
    }
}
