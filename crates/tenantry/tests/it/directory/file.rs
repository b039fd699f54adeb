//! A directory in a file, and none at all.

use super::{Database, NO_SYNC, by_tenant, connect, serve_at, told};
use crate::support::{Api, Engine, on_both_engines};
use serde_json::json;
use std::path::Path;
use std::process::Output;

on_both_engines!(it_is_read_again_when_it_changes, none_takes_tenants_as_given);

const JSON: &str = r#"[
    {"azure_customer_id": "34fdg", "name": "Contoso", "domain": "contoso.example", "address": {"street1": "1 Main St",
     "city": "Springfield", "state": "Massachusetts", "zipcode": 1234, "country": "United States"}},
    {"azure_customer_id": "nowhere", "name": "Fabrikam"}
]"#;
const CSV: &str = "Microsoft ID,Company name,Primary domain name,Street1,City,State,Zip,Country\n\
    csv1,\"Litware, Inc.\",litware.example,10 High Street,Maidstone,Kent,ME14 1AA,GB\n";

fn connect_file(database: &Database, path: &Path, further: &[&str]) -> Output {
    connect(database, &[&["--kind", "file", "--path", path.to_str().unwrap()][..], further].concat(), "")
}

/// `201 City`, or the violations, or the status.
fn create(api: &Api, azure: &str) -> String {
    let answer = api.post("/v2/customers", &by_tenant("Acme Corp", azure));
    match answer.status {
        201 => {
            assert_eq!(api.delete(answer.header("location")).status, 204);
            format!("201 {}", answer.json()["address"]["city"].as_str().unwrap_or("-"))
        }
        422 => answer.details(),
        status => status.to_string(),
    }
}

fn it_is_read_again_when_it_changes(engine: Engine) {
    let database = Database::new(engine);
    let server = serve_at(&database, &["--sync-interval", NO_SYNC]);
    let api = server.admin();
    let path = database.folder().join("tenants.json");

    // Nothing can be looked up in a file that is not there, or broken from the start.
    let output = connect_file(&database, &path, &[]);
    assert!(
        !output.status.success() && told(&output).contains("FAILS      read the file"),
        "{}",
        told(&output)
    );
    assert_eq!(create(&api, "34fdg"), "201 -", "it is not connected");
    let output = connect_file(&database, &path, &["--force"]);
    assert!(!output.status.success() && told(&output).contains("is connected, but"), "{}", told(&output));
    assert_eq!(create(&api, "34fdg"), "503");
    std::fs::write(&path, "[{\"azure_customer_id\": ").unwrap();
    assert_eq!(create(&api, "34fdg"), "503");

    std::fs::write(&path, JSON).unwrap();
    assert_eq!(create(&api, "34FDG"), "201 Springfield");
    assert_eq!(create(&api, "nowhere"), "/azure_customer_id no_address");
    assert_eq!(create(&api, "csv1"), "/azure_customer_id not_found");
    let output = connect_file(&database, &path, &[]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("1 of 2 tenants have one that can be used"), "{}", told(&output));

    std::fs::write(&path, CSV).unwrap();
    assert_eq!(create(&api, "csv1"), "201 Maidstone");
    assert_eq!(create(&api, "34fdg"), "/azure_customer_id not_found");

    // A broken file keeps the old one, and so does one that is gone.
    for broken in ["", "[{\"azure_customer_id\": 1}", "\u{0}", "Nothing,That\nis,known\n"] {
        std::fs::write(&path, broken).unwrap();
        assert_eq!(create(&api, "csv1"), "201 Maidstone", "{broken:?}");
        assert_eq!(create(&api, "34fdg"), "/azure_customer_id not_found", "{broken:?}");
    }
    assert!(server.log().contains("the directory's file cannot be used"), "{}", server.log());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(create(&api, "csv1"), "201 Maidstone");
    std::fs::write(&path, JSON).unwrap();
    assert_eq!(create(&api, "34fdg"), "201 Springfield");
}

fn none_takes_tenants_as_given(engine: Engine) {
    let database = Database::new(engine);
    let server = serve_at(&database, &["--sync-interval", NO_SYNC]);
    let api = server.admin();
    let one = database.folder().join("one.json");
    let two = database.folder().join("two.csv");
    std::fs::write(&one, JSON).unwrap();
    std::fs::write(&two, CSV).unwrap();
    let none = || {
        let output = connect(&database, &["--kind", "none"], "");
        assert!(output.status.success() && told(&output).contains("taken as given"), "{}", told(&output));
    };
    assert_eq!(create(&api, "anything"), "201 -");
    assert!(connect_file(&database, &one, &[]).status.success());
    assert_eq!(create(&api, "anything"), "/azure_customer_id not_found");
    none();
    assert_eq!(create(&api, "anything"), "201 -");
    // The server that runs on is not to take another directory for the one before.
    assert!(connect_file(&database, &two, &[]).status.success());
    assert_eq!(
        (create(&api, "csv1").as_str(), create(&api, "34fdg").as_str()),
        ("201 Maidstone", "/azure_customer_id not_found")
    );
    none();
    none();
    assert_eq!(super::health(&api), [0, 0, 0]);
    assert_eq!(api.get("/v2/customers").json(), json!({"customers": []}));
}
