//! What the trail tells of users' keys, beside what the database has of them. A row of a user that was put back as it once
//! was is genuine by its own MAC, and the key that it had then opens again; only the trail shows that it is an older one.

use domain::{CustomerId, UserId};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use store::audit::Event;
use store::users::Credential;

/// A user as an event records it: with the id of its key, which is not secret.
#[derive(Serialize)]
pub(crate) struct WithKeyId<'a> {
    #[serde(flatten)]
    pub(crate) user: &'a domain::User,
    pub(crate) api_key_id: &'a str,
}

/// What events tell of the users of a partner and of its customers.
#[derive(Default)]
pub(super) struct LiveKeys {
    users: BTreeMap<UserId, Told>,
    /// Customers that were deleted, and with them their users: by the id of the event.
    deleted_customers: BTreeMap<CustomerId, i64>,
    /// There are events of a version that gave them no ids, so that nothing is known of their order.
    has_unordered: bool,
}

/// The newest that is told of a user, each with the id of its event.
#[derive(Default)]
struct Told {
    customer: Option<CustomerId>,
    key: (i64, Key),
    roles: (i64, Option<Value>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Key {
    /// Nothing is told of it: events about it were pruned.
    #[default]
    Unknown,
    /// It was revoked, or the user was deleted.
    Gone,
    /// Given by a version that did not record its id.
    Live,
    Known {
        id: String,
        expires_at: Value,
    },
}

impl LiveKeys {
    pub(super) fn take(&mut self, event: &Event) {
        if event.id == 0 {
            self.has_unordered = true;
            return;
        }
        if event.action == "customer.delete" {
            if let Some(id) = event.object.strip_prefix("customers/").and_then(|id| id.parse().ok()) {
                self.deleted_customers.insert(CustomerId(id), event.id);
            }
            return;
        }
        if !event.action.starts_with("user.") {
            return;
        }
        let Some((customer, user)) = user_of(&event.object) else { return };
        let after: Value =
            event.after.as_deref().and_then(|after| serde_json::from_str(after).ok()).unwrap_or_default();
        let live = || match after["api_key_id"].as_str() {
            Some(id) => Key::Known { id: id.to_owned(), expires_at: after["api_key_expires_at"].clone() },
            None => Key::Live,
        };
        let key = match event.action.as_str() {
            "user.create" | "user.rotate_key" => Some(live()),
            "user.revoke_key" | "user.delete" => Some(Key::Gone),
            _ => None,
        };
        let told = self.users.entry(user).or_default();
        told.customer = customer;
        if let Some(key) = key.filter(|_| event.id > told.key.0) {
            told.key = (event.id, key);
        }
        if after["roles"].is_array() && event.id > told.roles.0 {
            told.roles = (event.id, Some(after["roles"].clone()));
        }
    }

    /// What is otherwise in the database, each in a sentence. `is_pruned`: events were removed, so that not every key is told
    /// of.
    pub(super) fn compare(mut self, credentials: &[Credential], is_pruned: bool) -> Vec<String> {
        let mut problems = Vec::new();
        let is_whole = !is_pruned && !self.has_unordered;
        for credential in credentials {
            let user = credential.user;
            let mut problem = |what: &str| problems.push(format!("user {user}: {what}"));
            let Some(told) = self.users.remove(&user) else {
                if is_whole {
                    problem("has a key, and no event tells of it");
                }
                continue;
            };
            match self.key_of(&told) {
                Key::Unknown if is_whole => problem("has a key, and no event tells of it"),
                Key::Unknown | Key::Live => {}
                Key::Gone => {
                    problem("has a key, although its last one was revoked or the user was deleted");
                    continue;
                }
                Key::Known { id, expires_at } => {
                    if id != credential.key.id {
                        problem("its key is not the last one that it was given");
                    } else if expires_at != expiry(credential) {
                        problem("its key does not end when it was to end");
                    }
                }
            }
            let roles = domain::Roles::from_stored(&credential.role).map(|roles| serde_json::json!(roles));
            if told.roles.1.is_some_and(|told| roles != Some(told)) {
                problem("its roles are not those that it was given last");
            }
        }
        for (user, told) in &self.users {
            if matches!(self.key_of(told), Key::Live | Key::Known { .. }) {
                problems.push(format!("user {user}: its key is missing"));
            }
        }
        problems
    }

    fn key_of(&self, told: &Told) -> Key {
        let deleted = told.customer.and_then(|customer| self.deleted_customers.get(&customer));
        match deleted {
            Some(event) if *event > told.key.0 => Key::Gone,
            _ => told.key.1.clone(),
        }
    }
}

fn expiry(credential: &Credential) -> Value {
    let end = credential.expires_at.and_then(domain::UtcSecond::from_second);
    end.map_or(Value::Null, |end| serde_json::json!(end))
}

/// The customer and the user of `users/7` or `customers/3/users/7`.
fn user_of(object: &str) -> Option<(Option<CustomerId>, UserId)> {
    let parts: Vec<&str> = object.split('/').collect();
    match parts[..] {
        ["users", user] => Some((None, UserId(user.parse().ok()?))),
        ["customers", customer, "users", user] => {
            Some((Some(CustomerId(customer.parse().ok()?)), UserId(user.parse().ok()?)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::PartnerId;
    use serde_json::json;
    use store::users::StoredKey;

    fn event(id: i64, action: &str, object: &str, after: &Value) -> Event {
        Event {
            shard: 0,
            seq: id,
            id,
            at: 0,
            user: None,
            key_id: None,
            action: action.into(),
            object: object.into(),
            before: None,
            after: (!after.is_null()).then(|| after.to_string()),
            reason: None,
            origin: String::new(),
            request_id: String::new(),
            mac: String::new(),
            salt: None,
            erased: None,
        }
    }

    fn credential(user: i64, role: &str, key: &str, expires_at: Option<i64>) -> Credential {
        let key = StoredKey { id: key.into(), hash: String::new(), mac: String::new() };
        let (partner, user, role) = (PartnerId(1), UserId(user), role.into());
        Credential { partner, user, customer: None, role, expires_at, key }
    }

    #[test]
    fn an_older_row_of_a_user_is_told_from_the_newest() {
        let user = |key: &str, roles: &[&str]| json!({"roles": roles, "api_key_id": key});
        let events = [
            event(
                9,
                "user.rotate_key",
                "users/1",
                &json!({"roles": ["admin"], "api_key_id": "new", "api_key_expires_at": "2030-01-01T00:00:00Z"}),
            ),
            event(1, "user.create", "users/1", &user("old", &["admin"])),
            event(2, "user.create", "users/2", &user("b", &["admin"])),
            event(3, "user.update", "users/2", &json!({"roles": ["viewer"]})),
            event(4, "user.create", "users/3", &user("c", &["viewer"])),
            event(5, "user.revoke_key", "users/3", &Value::Null),
            event(6, "user.create", "customers/7/users/4", &user("d", &["viewer"])),
            event(7, "customer.delete", "customers/7", &Value::Null),
            // Of a version that recorded no ids.
            event(8, "user.create", "users/5", &json!({"roles": ["viewer"]})),
        ];
        let end = Some(1_893_456_000);
        let now = [
            credential(1, "admin", "new", end),
            credential(2, "viewer", "b", None),
            credential(5, "viewer", "?", None),
        ];
        let compare = |credentials: &[Credential], is_pruned| {
            let mut told = LiveKeys::default();
            events.iter().for_each(|event| told.take(event));
            told.compare(credentials, is_pruned)
        };
        let with = |index: usize, credential: Credential| {
            let mut all = now.to_vec();
            all[index] = credential;
            all
        };
        let and = |credential: Credential| [now.to_vec(), vec![credential]].concat();
        for (what, credentials, expected) in [
            ("as it is", now.to_vec(), None),
            ("an older key", with(0, credential(1, "admin", "old", end)), Some("the last one")),
            ("an older end", with(0, credential(1, "admin", "new", None)), Some("end")),
            ("an older role", with(1, credential(2, "admin", "b", None)), Some("roles")),
            ("a revoked key", and(credential(3, "viewer", "c", None)), Some("revoked")),
            ("a user of a deleted customer", and(credential(4, "viewer", "d", None)), Some("deleted")),
            ("a planted user", and(credential(6, "admin", "e", None)), Some("no event")),
            ("a key that is missing", now[1..].to_vec(), Some("missing")),
        ] {
            let found = compare(&credentials, false);
            match expected {
                None => assert_eq!(found, [""; 0], "{what}"),
                Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{what}: {found:?}"),
            }
        }
        assert_eq!(compare(&and(credential(6, "admin", "e", None)), true), [""; 0], "events were pruned");
    }
}
