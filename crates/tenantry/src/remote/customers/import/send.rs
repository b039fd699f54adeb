//! One row, sent.

use super::existing::named;
use crate::remote::customers::fields::{changes, complete_address, is_part_of_an_address};
use crate::remote::customers::path;
use crate::remote::exit::explain_problem;
use client::{Client, Error, Request};
use domain::Json;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Created(i64),
    Updated(i64),
    /// The customer was as the row says already.
    Unchanged(i64),
    /// By this row alone; others are tried.
    Refused(String),
    NotSent,
    /// By an import before: its words, and the id.
    Before(String, Option<i64>),
}

impl Outcome {
    pub(super) fn word(&self) -> &str {
        match self {
            Outcome::Created(_) => "created",
            Outcome::Updated(_) => "updated",
            Outcome::Unchanged(_) => "unchanged",
            Outcome::Refused(_) => "refused",
            Outcome::NotSent => "not sent",
            Outcome::Before(word, _) => word,
        }
    }

    pub(super) fn id(&self) -> Option<i64> {
        match self {
            Outcome::Created(id) | Outcome::Updated(id) | Outcome::Unchanged(id) => Some(*id),
            Outcome::Before(_, id) => *id,
            Outcome::Refused(_) | Outcome::NotSent => None,
        }
    }
}

/// Why the whole import ends.
pub(super) type Stop = Error;

/// Creates a customer. The same row again creates nothing twice: its idempotency key is made of its payload, and a customer
/// that is there already, and is as the row says, is what was wanted.
pub(super) async fn create(client: &Client, payload: &Value) -> Result<Outcome, Stop> {
    let mut first = payload.clone();
    let mut tenant = None;
    if let Some(fields) = first.as_object_mut().filter(|fields| fields.contains_key("address")) {
        // The API takes an address or a tenant; the other can be set afterwards.
        tenant = fields.remove("azure_customer_id");
    }
    let (made, before) = match post(client, &first).await {
        Ok(posted) => posted,
        Err(error) => return refused(client, payload, error).await,
    };
    let id = id_of(client, &made)?;
    if let Some(current) = &before {
        let mut row = made.clone();
        if let Some(fields) = row.as_object_mut() {
            fields.retain(|field, _| first.get(field).is_some());
        }
        let different = changes(current, &row);
        if !different.is_empty() {
            return Ok(taken(id, different));
        }
        tenant = tenant.filter(|tenant| *tenant != current["azure_customer_id"]);
    }
    if let Some(tenant) = tenant {
        let request = Request::json(Method::PUT, path(id), &json!({ "azure_customer_id": tenant }));
        if let Err(error) = client.send(&request).await {
            return row_error(error).map(|why| {
                Outcome::Refused(format!(
                    "customer {id} is created, but without its azure_customer_id: {why}"
                ))
            });
        }
    }
    Ok(if before.is_some() { Outcome::Unchanged(id) } else { Outcome::Created(id) })
}

/// The customer as it was made, and as it is now if that was by an equal row before.
async fn post(client: &Client, payload: &Value) -> Result<(Value, Option<Value>), Error> {
    let mut key = format!("import-{}", digest(payload));
    loop {
        let response =
            client.send(&Request::json(Method::POST, "/v2/customers", payload).idempotent(&key)).await?;
        let (is_replayed, made) = (response.is_replayed(), response.json()?);
        if !is_replayed {
            return Ok((made, None));
        }
        // If that customer was deleted since, this is another one.
        let id = id_of(client, &made)?;
        match client.get(&path(id)).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
                key = format!("import-{}-after-{id}", digest(payload));
            }
            Err(error) => return Err(error),
            Ok(current) => return Ok((made, Some(current.json()?))),
        }
    }
}

/// 128 bits of the payload's SHA-256: the same whatever the order of its fields.
fn digest(payload: &Value) -> String {
    let hash = Sha256::digest(Json::from(payload).canonical());
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn id_of(client: &Client, customer: &Value) -> Result<i64, Error> {
    customer["id"].as_i64().ok_or_else(|| Error::Unexpected {
        url: client.base().to_string(),
        message: "it says that a customer was created, but not which".to_owned(),
    })
}

/// A create that was refused: if only because the customer is there already, as the row says, nothing is wrong.
async fn refused(client: &Client, payload: &Value, error: Error) -> Result<Outcome, Stop> {
    let is_taken = matches!(&error, Error::Refused(problem) if problem.has("/name", "taken"));
    let name = payload["name"].as_str().filter(|_| is_taken);
    let Some(name) = name else { return row_error(error).map(Outcome::Refused) };
    let Some(found) = named(client, name).await? else { return row_error(error).map(Outcome::Refused) };
    let id = id_of(client, &found)?;
    let different = changes(&found, payload);
    Ok(if different.is_empty() { Outcome::Unchanged(id) } else { taken(id, different) })
}

fn taken(id: i64, different: Vec<(String, Value, Value)>) -> Outcome {
    let different: Vec<String> = different.into_iter().map(|(field, ..)| field).collect();
    Outcome::Refused(format!(
        "name has already been taken by customer {id}, of which this differs: {}; --update-by name changes it",
        different.join(", ")
    ))
}

/// Changes a customer to what a row says.
pub(super) async fn update(client: &Client, current: &Value, payload: &Value) -> Result<Outcome, Stop> {
    let id = id_of(client, current)?;
    let mut payload = payload.clone();
    if is_part_of_an_address(&payload) {
        complete_address(&mut payload, current);
    }
    if changes(current, &payload).is_empty() {
        return Ok(Outcome::Unchanged(id));
    }
    match client.send(&Request::json(Method::PUT, path(id), &payload)).await {
        // The server reads some values as what they were: `USA` is `US`.
        Ok(changed) => {
            let is_same = changes(current, &changed.json()?).iter().all(|(field, ..)| field == "updated_at");
            Ok(if is_same { Outcome::Unchanged(id) } else { Outcome::Updated(id) })
        }
        Err(error) => row_error(error).map(Outcome::Refused),
    }
}

/// An error that is about one row; any other ends the import.
fn row_error(error: Error) -> Result<String, Stop> {
    match &error {
        Error::Refused(problem) => match problem.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Err(error),
            status if status.is_server_error() => Err(error),
            _ => Ok(explain_problem(problem)
                .replace("\n  ", "; ")
                .replace("refuses this:; ", "refuses this: ")),
        },
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_payloads_have_equal_keys() {
        let one = json!({"name": "A", "address": {"city": "B", "country": "US"}, "margin_percentage": 10});
        let same = json!({"margin_percentage": 10.0, "address": {"country": "US", "city": "B"}, "name": "A"});
        let other = json!({"name": "A", "address": {"city": "B", "country": "US"}, "margin_percentage": 11});
        assert_eq!(digest(&one), digest(&same));
        assert_ne!(digest(&one), digest(&other));
        assert_eq!(digest(&one).len(), 32);
    }
}
