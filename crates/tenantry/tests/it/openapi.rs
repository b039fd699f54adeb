//! The OpenAPI document. That answers are as it says is checked at every request of these tests, see
//! `support::conformance`.

use crate::support::{Engine, Server};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

/// The document is committed, so that a change of the API is seen in review.
#[test]
fn the_committed_document_is_the_current_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let current = api::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(current.lines()).position(|(old, new)| old != new);
    assert!(
        committed == current,
        "docs/openapi.json is not what the code says (first at line {}). If the API was meant to change:\n\n    \
         UPDATE_SNAPSHOTS=1 cargo test -p tenantry --test it openapi\n",
        differs.map_or(1 + committed.lines().count(), |line| line + 1)
    );
}

#[test]
fn the_server_answers_the_document_to_anybody() {
    let answer =
        Server::shared(Engine::Sqlite).admin().call("GET", "/openapi.json").authorization(None).send();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), serde_json::to_value(api::document()).unwrap());
}

/// For people, from the binary alone: under a policy that allows nothing but its own style sheet.
#[test]
fn the_document_is_a_page_too() {
    let api = Server::shared(Engine::Sqlite).admin();
    let get = |path: &str| api.call("GET", path).authorization(None).send();
    let page = get("/docs");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    let (html, document) = (page.text(), serde_json::to_value(api::document()).unwrap());
    assert!(!html.contains("<script") && !html.contains("<style") && !html.contains(" style="));
    for item in document["paths"].as_object().unwrap().values() {
        for id in item.as_object().unwrap().values().filter_map(|operation| operation["operationId"].as_str())
        {
            assert!(html.contains(&format!("<section id=\"{id}\">")), "{id}");
        }
    }
    let style = html.split("<link rel=\"stylesheet\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let style = get(&format!("/{}", style.expect("a style sheet")));
    assert_eq!((style.status, style.header("content-type")), (200, "text/css; charset=utf-8"));
}

#[test]
fn operations_have_ids_summaries_and_tags() {
    let document = serde_json::to_value(api::document()).unwrap();
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
        {
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
            assert!(ids.insert(id.to_owned()), "{method} {path}: the id {id} is another operation's too");
            assert!(operation["summary"].is_string(), "{id} has no summary");
            assert!(operation["tags"].is_array(), "{id} has no tag");
            let success = operation["responses"].as_object().unwrap().keys().any(|s| s.starts_with('2'));
            assert!(success, "{id} has no success");
        }
    }
    assert!(ids.len() >= 12, "{ids:?}");
}

/// A reference that leads nowhere makes the document useless to generators of clients.
#[test]
fn references_lead_somewhere() {
    fn walk(value: &Value, document: &Value) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|value| walk(value, document)),
            Value::Array(elements) => elements.iter().for_each(|value| walk(value, document)),
            _ => {}
        }
    }
    let document = serde_json::to_value(api::document()).unwrap();
    walk(&document, &document);
}
