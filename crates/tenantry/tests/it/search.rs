//! Searches by parts of names over the index of names: through the API and the console, of several partners.

use crate::console::Browser;
use crate::lists::listed;
use crate::support::{Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines, wait_until};
use serde_json::json;
use std::time::Duration;

on_both_engines!(parts_of_names_are_found_in_the_index, backups_are_indexed_where_they_are_restored);

/// Customers of each partner: more than one block of ids has.
const CUSTOMERS: i64 = 9_000;

/// Names of four rhythms, with what search engines and `LIKE` take for syntax.
const WORDS: [&str; 4] = ["Contoso & Söhne", "100% \"Fit\"", "under_score*", "日本 Straße"];

fn name(partner: i64, id: i64) -> String {
    format!("{} {partner}-{id}", WORDS[(id % 4) as usize])
}

/// The key of a name, as far as the names above go.
fn key(name: &str) -> String {
    name.to_lowercase().replace('ß', "ss")
}

/// Puts the customers of two partners into a database that no server has open.
fn fill(database: &Database) {
    for partner in [1, 2] {
        let rows: Vec<String> = (1..=CUSTOMERS)
            .map(|id| {
                let name = name(partner, id).replace('\'', "''");
                let key = key(&name);
                format!(
                    "({partner}, {id}, '{partner:02x}{id:010x}', 0, 0, 1, '{name}', '{key}', 'managed_with_access', 0, {id} % 2 = 0, '')"
                )
            })
            .collect();
        for rows in rows.chunks(1000) {
            database.execute(&format!(
                "INSERT INTO customers (partner_id, id, generated_external_id, created_at, updated_at, version, name, name_key,
                    classification, margin_percentage, billing_enabled, billing_folder) VALUES {}",
                rows.join(", ")
            ));
        }
        database.execute(&format!(
            "INSERT INTO customer_blocks (partner_id, block, shard, customers)
             SELECT partner_id, id / 8192, 0, COUNT(*) FROM customers WHERE partner_id = {partner} GROUP BY partner_id, id / 8192"
        ));
        // The next id.
        database.execute(&if database.url.starts_with("sqlite:") {
            format!(
                "INSERT INTO id_sequences (partner_id, kind, last_id) VALUES ({partner}, 'customers', {CUSTOMERS})
                 ON CONFLICT (partner_id, kind) DO UPDATE SET last_id = excluded.last_id"
            )
        } else {
            format!("SELECT setval('customers_id_{partner}', {CUSTOMERS})")
        });
    }
}

/// Waits until the servers of the database have indexed the first block of both partners.
fn wait_for_index(database: &Database) {
    wait_until(Duration::from_secs(60), "the names are indexed", || {
        database.value("SELECT COUNT(*) FROM customer_name_blocks WHERE customers > 0") == "2"
    });
}

/// Two partners with their customers in an index.
fn filled(engine: Engine) -> (Server, Api, Api, Database) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (one, two) = (server.admin(), server.partner());
    drop(server);
    fill(&database);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    wait_for_index(&database);
    let (one, two) = (one.on(server.address), two.on(server.address));
    (server, one, two, database)
}

/// Each part is searched as the API's `q`, and as what a reader types.
fn search(partner: i64, api: &Api, failures: &mut Failures) {
    let browser = Browser::signed_in(api);
    for part in [
        "c",
        "1",
        "日",
        "co",
        "so",
        "%",
        "_",
        "\"",
        "*",
        "0%",
        "söh",
        "SÖH",
        "ström",
        "ontoso",
        "tra",
        "STRASSE",
        "straße",
        "日本",
        "本 s",
        "\"fit\"",
        "100% \"FIT\" ",
        "r_s",
        "rxs",
        "score*",
        "score* 1-7",
        "o & s",
        "oso OR fit",
        "2-8191",
        "2-8192",
        "2-89",
        "1-8",
        "-8",
        "name:fit",
        "contoso & söhne 1-4000",
        "x",
        "zzzz",
    ] {
        let wanted = key(part.trim());
        let right: Vec<i64> =
            (1..=CUSTOMERS).filter(|id| key(&name(partner, *id)).contains(&wanted)).collect();
        let query = part.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        for (page, per_page) in [(1, 30), (2, 30), (1, 100)] {
            let answer = api.get(&format!("/v2/customers?q={query}&page={page}&per_page={per_page}"));
            let found: Vec<i64> =
                listed(&answer).iter().map(|customer| customer["id"].as_i64().unwrap()).collect();
            let expected: Vec<i64> = right
                .iter()
                .skip(((page - 1) * per_page) as usize)
                .take(per_page as usize)
                .copied()
                .collect();
            let total = answer.header("x-total");
            let is_right = found == expected && total == right.len().to_string();
            let said = format!("{found:?}, not {expected:?}; X-Total {total}, not {}", right.len());
            failures.case(
                &format!("{part:?}, page {page} of {per_page}"),
                if is_right { Ok(()) } else { Err(said) },
            );
        }
        let page = browser.get(&format!("/console/customers?q={query}")).text();
        let shown: Vec<&str> = page
            .split("<th scope=\"row\"><a href=\"/console/customers/")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        let newest: Vec<String> = right.iter().rev().take(50).map(i64::to_string).collect();
        let is_right = shown == newest && page.contains("No customer matches") == right.is_empty();
        let said = format!("{shown:?}, not {newest:?}");
        failures.case(&format!("{part:?} in the console"), if is_right { Ok(()) } else { Err(said) });
    }
}

fn parts_of_names_are_found_in_the_index(engine: Engine) {
    let (_server, one, two, _database) = filled(engine);
    let mut failures = Failures::default();
    search(1, &one, &mut failures);
    search(2, &two, &mut failures);
    failures.done(250);

    // What changes is found at once; nobody finds another partner's.
    let found = |api: &Api, part: &str| {
        let answer = api.get(&format!("/v2/customers?q={part}"));
        let names =
            listed(&answer).iter().map(|customer| customer["name"].as_str().unwrap().to_owned()).collect();
        (names, answer.header("x-total").to_owned())
    };
    let nothing = (Vec::<String>::new(), "0".to_owned());
    let only = |name: &str| (vec![name.to_owned()], "1".to_owned());
    let renamed = one.put("/v2/customers/4000", &json!({"name": "Zyxwvut Ltd"}));
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    assert_eq!(found(&one, "yxw"), only("Zyxwvut Ltd"));
    assert_eq!(found(&one, "1-4000"), nothing);
    assert_eq!(one.delete("/v2/customers/4000").status, 204);
    for part in ["y", "yxw", "zyxwvut"] {
        assert_eq!(found(&one, part), nothing, "{part}");
    }
    one.create(&customer(&json!({"name": "Zyxwvut 2"})));
    assert_eq!(found(&one, "zyxwvut"), only("Zyxwvut 2"));
    assert_eq!(found(&two, "zyxwvut"), nothing);
}

/// A backup has no index, and is as small as before: where it is restored, the names are indexed again.
fn backups_are_indexed_where_they_are_restored(engine: Engine) {
    let (server, one, _two, database) = filled(engine);
    let backup = database.folder().join("names.backup");
    let made = server.run(&["admin", "backup", backup.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let restored = Database::empty(engine);
    let args = ["admin", "restore", backup.to_str().unwrap(), "--database", &restored.url];
    let put = server.run_without_database(&args);
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    assert_eq!(restored.value("SELECT COUNT(*) FROM customer_name_grams"), "0");
    drop(server);
    let secret = if engine == Engine::Sqlite { "secret.key" } else { "data/secret.key" };
    let secret = database.folder().join(secret);
    let args = ["--sandbox", "--at", NOW, "--secret-key-file", secret.to_str().unwrap()];
    let server = Server::start(&restored, &args);
    wait_for_index(&restored);
    let found = one.on(server.address).get("/v2/customers?q=straSSE%201-40&per_page=1");
    assert_eq!((found.status, found.header("x-total")), (200, "27"), "{}", found.text());
}
