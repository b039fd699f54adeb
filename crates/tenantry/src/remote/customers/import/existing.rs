//! The customers that there are already, by what rows name them.

use super::UpdateBy;
use super::rows::Row;
use crate::remote::query::{PER_PAGE, Query};
use client::Client;
use domain::DisplayName;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The customers that the rows of a file name.
#[derive(Default)]
pub(super) struct Existing(HashMap<String, Value>);

/// How names are compared: as servers do.
pub(super) fn name_key(name: &str) -> String {
    DisplayName::parse(name).map_or_else(|_| name.to_owned(), |name| name.key())
}

/// What a row is found by.
pub(super) fn key(row: &Row, by: UpdateBy) -> Option<String> {
    match by {
        UpdateBy::Id => row.id.map(|id| id.to_string()),
        UpdateBy::ExternalId => row.external_id.clone(),
        UpdateBy::Name => row.payload["name"].as_str().map(name_key),
    }
}

impl Existing {
    /// Walks the server's customers, and keeps those with these keys.
    pub(super) async fn read(
        client: &Client,
        by: UpdateBy,
        wanted: &HashSet<String>,
    ) -> anyhow::Result<Self> {
        let mut found = HashMap::new();
        let mut pages =
            client.pages(&Query::new("/v2/customers").with("per_page", PER_PAGE).done(), "customers");
        while let Some(page) = pages.next().await? {
            for customer in page {
                let key = match by {
                    UpdateBy::Id => Some(customer["id"].to_string()),
                    UpdateBy::ExternalId => customer["generated_external_id"].as_str().map(str::to_owned),
                    UpdateBy::Name => customer["name"].as_str().map(name_key),
                };
                if let Some(key) = key.filter(|key| wanted.contains(key)) {
                    found.insert(key, customer);
                }
            }
        }
        Ok(Existing(found))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }
}

/// The customer with this name, if there is one.
pub(super) async fn named(client: &Client, name: &str) -> Result<Option<Value>, client::Error> {
    let wanted = name_key(name);
    let path = Query::new("/v2/customers").with("per_page", PER_PAGE).with("q", name.trim()).done();
    let mut pages = client.pages(&path, "customers");
    while let Some(page) = pages.next().await? {
        let is_it = |customer: &Value| customer["name"].as_str().is_some_and(|name| name_key(name) == wanted);
        if let Some(found) = page.into_iter().find(is_it) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
