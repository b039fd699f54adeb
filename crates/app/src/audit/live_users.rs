//! What the trail tells of users and their keys, beside what the database has of them. A row that was put back as it once was
//! is genuine by its own MAC, and the user may again what it might then; only the trail shows that it is an older one.

use super::verify::TrailFault;
use domain::user_key::MAX_OVERLAP_SECONDS;
use domain::{AddressRanges, CustomerId, Roles, UserId, UtcSecond};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::api_keys::Credential;
use store::audit::Event;
use store::sign_ins::UserAccess;

/// What events tell of the users of a partner and of its customers. Events come shard by shard, so that they are put into
/// their order, that of their ids, before anything follows from them.
#[derive(Default)]
pub(super) struct LiveUsers {
    users: BTreeMap<UserId, Told>,
    /// Customers that were deleted, and with them their users: by the id of the event.
    deleted_customers: BTreeMap<CustomerId, i64>,
    /// There are events of a version that gave them no ids, so that nothing is known of their order.
    has_unordered: bool,
}

/// What is told of a user.
#[derive(Default)]
struct Told {
    customer: Option<CustomerId>,
    /// With the id and the time of the event.
    facts: Vec<(i64, i64, Fact)>,
    roles: (i64, Option<Value>),
    /// Whether there is such a user, by the event that tells of it last: it was created, invited or deleted.
    exists: (i64, Option<bool>),
}

enum Fact {
    /// A default key, whose id versions before 0.2 did not record.
    Default(Option<String>, Opens),
    /// A key beside the default one.
    Another(String, Opens),
    /// One key has come in the place of another.
    Rotated(String, String, Opens),
    /// A key was revoked, and with it one that it has come in the place of.
    Revoked(String),
    /// All keys were revoked, or the user was deleted.
    AllGone,
}

/// What a key opens: its expiry, and what it is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Opens {
    expires_at: Value,
    roles: Value,
    addresses: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Live(Opens),
    /// It was rotated at this second, and may have an overlap.
    Replaced(i64, String),
    Gone,
}

/// The keys of a user after all that is told.
#[derive(Default)]
struct Keys {
    named: BTreeMap<String, Key>,
    default: Option<String>,
    /// There is a default key whose id is not told; or it was rotated at this second.
    untold: Option<Option<i64>>,
    all_gone: bool,
}

impl Opens {
    fn of(event: &Value) -> Self {
        let expires_at = event["expires_at"].clone();
        Opens { expires_at, roles: event["roles"].clone(), addresses: event["allowed_addresses"].clone() }
    }

    fn of_credential(credential: &Credential) -> Self {
        let end = credential.expires_at.and_then(UtcSecond::from_second);
        let roles = credential.key_role.as_deref().and_then(Roles::from_stored);
        let addresses = AddressRanges::from_stored(&credential.addresses).filter(|ranges| !ranges.is_empty());
        Opens {
            expires_at: end.map_or(Value::Null, |end| json!(end)),
            roles: roles.map_or(Value::Null, |roles| json!(roles)),
            addresses: addresses.map_or(Value::Null, |ranges| json!(ranges)),
        }
    }
}

impl LiveUsers {
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
        let is_of_user = event.action.starts_with("user.");
        if !is_of_user && !event.action.starts_with("api_key.") {
            return;
        }
        let Some((customer, user, key)) = user_of(&event.object) else { return };
        let after: Value =
            event.after.as_deref().and_then(|after| serde_json::from_str(after).ok()).unwrap_or_default();
        let text = |name: &str| after[name].as_str().map(str::to_owned);
        let fact = match (event.action.as_str(), key) {
            ("user.create" | "user.rotate_key", _) => {
                let expires_at = after["api_key_expires_at"].clone();
                Some(Fact::Default(text("api_key_id"), Opens { expires_at, ..Opens::default() }))
            }
            ("user.revoke_key" | "user.delete", _) => Some(Fact::AllGone),
            ("api_key.create", _) => text("id").map(|id| Fact::Another(id, Opens::of(&after))),
            ("api_key.rotate", Some(old)) => {
                text("id").map(|id| Fact::Rotated(old.to_owned(), id, Opens::of(&after)))
            }
            ("api_key.revoke", Some(id)) => Some(Fact::Revoked(id.to_owned())),
            _ => None,
        };
        let told = self.users.entry(user).or_default();
        let exists = match event.action.as_str() {
            "user.create" | "user.invite" => Some(true),
            "user.delete" => Some(false),
            _ => None,
        };
        if exists.is_some() && event.id > told.exists.0 {
            told.exists = (event.id, exists);
        }
        told.customer = customer;
        told.facts.extend(fact.map(|fact| (event.id, event.at, fact)));
        if is_of_user && after["roles"].is_array() && event.id > told.roles.0 {
            told.roles = (event.id, Some(after["roles"].clone()));
        }
    }

    /// What is otherwise in the database. `is_pruned`: events were removed, so that not every user and key
    /// is told of.
    pub(super) fn compare(
        mut self,
        users: &[UserAccess],
        credentials: &[Credential],
        is_pruned: bool,
    ) -> Vec<TrailFault> {
        let is_whole = !is_pruned && !self.has_unordered;
        let mut keys: BTreeMap<UserId, Vec<&Credential>> = BTreeMap::new();
        for credential in credentials {
            keys.entry(credential.user).or_default().push(credential);
        }
        let mut rows: BTreeMap<UserId, &UserAccess> = users.iter().map(|row| (row.user, row)).collect();
        let mut problems = Vec::new();
        let mut told: BTreeMap<UserId, Told> = std::mem::take(&mut self.users);
        for user in rows.keys().copied().chain(told.keys().copied()).collect::<BTreeSet<_>>() {
            let (row, own) = (rows.remove(&user), keys.remove(&user).unwrap_or_default());
            let found = match told.remove(&user) {
                Some(told) => {
                    let deleted = told.customer.and_then(|customer| self.deleted_customers.get(&customer));
                    told.compare(row, &own, deleted.copied(), is_whole)
                }
                None if is_whole => vec!["is there, and no event tells of it".to_owned()],
                None => Vec::new(),
            };
            problems.extend(found.into_iter().map(|what| TrailFault::User { user: user.0, what }));
        }
        problems
    }
}

impl Told {
    fn compare(
        mut self,
        row: Option<&UserAccess>,
        own: &[&Credential],
        deleted: Option<i64>,
        is_whole: bool,
    ) -> Vec<String> {
        let exists = match deleted {
            Some(event) if event > self.exists.0 => Some(false),
            _ => self.exists.1,
        };
        let row = match (row, exists) {
            (Some(_), Some(false)) => return vec!["is there, although it was deleted".to_owned()],
            (None, Some(true)) => return vec!["is missing".to_owned()],
            (None, _) => return Vec::new(),
            (Some(row), _) => row,
        };
        self.facts.extend(deleted.map(|event| (event, 0, Fact::AllGone)));
        self.facts.sort_by_key(|(id, ..)| *id);
        let mut keys = Keys::default();
        for (_, at, fact) in self.facts {
            keys.apply(at, fact);
        }
        let mut problems: Vec<String> =
            own.iter().filter_map(|credential| keys.problem(credential, is_whole)).collect();
        let is_missing = |(id, key): (&String, &Key)| {
            matches!(key, Key::Live(_)) && own.iter().all(|credential| credential.key.id != *id)
        };
        if problems.is_empty()
            && (keys.named.iter().any(is_missing) || keys.untold == Some(None) && own.is_empty())
        {
            problems.push("a key of it is missing".to_owned());
        }
        let roles = Roles::from_stored(&row.role).map(|roles| json!(roles));
        if self.roles.1.is_some_and(|told| roles != Some(told)) {
            problems.push("its roles are not those that it was given last".to_owned());
        }
        problems
    }
}

impl Keys {
    fn apply(&mut self, at: i64, fact: Fact) {
        self.all_gone = matches!(fact, Fact::AllGone);
        match fact {
            Fact::Default(id, opens) => {
                match (self.default.take(), &id) {
                    (Some(old), Some(new)) => drop(self.named.insert(old, Key::Replaced(at, new.clone()))),
                    (Some(old), None) => drop(self.named.insert(old, Key::Gone)),
                    (None, _) => self.untold = self.untold.map(|_| Some(at)),
                }
                match id {
                    Some(id) => {
                        self.named.insert(id.clone(), Key::Live(opens));
                        self.default = Some(id);
                    }
                    None => self.untold = Some(None),
                }
            }
            Fact::Another(id, opens) => drop(self.named.insert(id, Key::Live(opens))),
            Fact::Rotated(old, new, opens) => {
                if self.default.as_ref() == Some(&old) || !self.named.contains_key(&old) {
                    // One that is not told of is the default key.
                    self.default = Some(new.clone());
                    self.untold = None;
                }
                self.named.insert(old, Key::Replaced(at, new.clone()));
                self.named.insert(new, Key::Live(opens));
            }
            Fact::Revoked(id) => {
                if self.default.as_ref() == Some(&id) || !self.named.contains_key(&id) {
                    self.default = None;
                    self.untold = None;
                }
                for key in self.named.values_mut() {
                    if matches!(key, Key::Replaced(_, by) if *by == id) {
                        *key = Key::Gone;
                    }
                }
                self.named.insert(id, Key::Gone);
            }
            Fact::AllGone => {
                self.named.values_mut().for_each(|key| *key = Key::Gone);
                self.default = None;
                self.untold = None;
            }
        }
    }

    /// What is wrong with a key that is in the database.
    fn problem(&self, credential: &Credential, is_whole: bool) -> Option<String> {
        let overlaps = |at: i64| credential.expires_at.is_some_and(|end| end <= at + MAX_OVERLAP_SECONDS);
        let what = match self.named.get(&credential.key.id) {
            Some(Key::Live(opens)) if *opens == Opens::of_credential(credential) => return None,
            Some(Key::Live(opens)) if opens.expires_at != Opens::of_credential(credential).expires_at => {
                "its key does not end when it was to end"
            }
            Some(Key::Live(_)) => "its key is not narrowed as it was",
            Some(Key::Replaced(at, _)) if overlaps(*at) => return None,
            Some(Key::Replaced(..)) => "its key is not the last one that it was given",
            Some(Key::Gone) => "has a key, although its last one was revoked or the user was deleted",
            None if self.all_gone => "has a key, although its last one was revoked or the user was deleted",
            None => match self.untold {
                Some(None) => return None,
                Some(Some(at)) if overlaps(at) => return None,
                _ if !is_whole => return None,
                _ if self.named.is_empty() => "has a key, and no event tells of it",
                _ => "its key is not one that it was given",
            },
        };
        Some(what.to_owned())
    }
}

/// The customer, the user and the key of `users/7`, `customers/3/users/7`, and `users/7/api_keys/a1B2c3D4`.
fn user_of(object: &str) -> Option<(Option<CustomerId>, UserId, Option<&str>)> {
    let parts: Vec<&str> = object.split('/').collect();
    let (customer, rest) = match &parts[..] {
        ["customers", customer, rest @ ..] => (Some(CustomerId(customer.parse().ok()?)), rest),
        rest => (None, rest),
    };
    match rest {
        ["users", user] => Some((customer, UserId(user.parse().ok()?), None)),
        ["users", user, "api_keys", key] => Some((customer, UserId(user.parse().ok()?), Some(key))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::PartnerId;
    use store::api_keys::StoredKey;

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
        let (key_role, addresses) = (None, String::new());
        Credential { partner, user, customer: None, role, key_role, addresses, expires_at, key }
    }

    fn texts(faults: &[TrailFault]) -> Vec<String> {
        faults.iter().map(TrailFault::to_string).collect()
    }

    fn row(user: i64, role: &str) -> UserAccess {
        let (email_key, mac) = Default::default();
        UserAccess { user: UserId(user), customer: None, email_key, role: role.into(), mac }
    }

    /// One user with several keys: what is told of them, what there may be, and what may not.
    #[test]
    fn each_key_of_a_user_is_told_of() {
        let of = |id: &str| format!("users/1/api_keys/{id}");
        let key = |id: &str, more: Value| {
            let mut key = json!({"id": id, "name": "n"});
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            key
        };
        let events = [
            event(7, "api_key.revoke", &of("e"), &Value::Null),
            event(1, "user.create", "users/1", &json!({"roles": ["admin"], "api_key_id": "a"})),
            event(
                2,
                "api_key.create",
                &of("b"),
                &key("b", json!({"roles": ["viewer"], "allowed_addresses": ["10.0.0.0/8"]})),
            ),
            event(3, "api_key.create", &of("c"), &key("c", json!({}))),
            event(4, "api_key.rotate", &of("c"), &key("d", json!({}))),
            event(5, "api_key.create", &of("e"), &key("e", json!({}))),
            event(6, "api_key.rotate", &of("a"), &key("f", json!({}))),
        ];
        let narrow = |role: Option<&str>, addresses: &str| Credential {
            key_role: role.map(str::to_owned),
            addresses: addresses.into(),
            ..credential(1, "admin", "b", None)
        };
        let now = [
            narrow(Some("viewer"), "10.0.0.0/8"),
            credential(1, "admin", "d", None),
            credential(1, "admin", "f", None),
        ];
        let overlap = Some(MAX_OVERLAP_SECONDS);
        let and = |credential: Credential| [now.to_vec(), vec![credential]].concat();
        let widened = |credential: Credential| [vec![credential], now[1..].to_vec()].concat();
        for (what, credentials, expected) in [
            ("as it is", now.to_vec(), None),
            ("a key that lives on", and(credential(1, "admin", "c", overlap)), None),
            ("the default key that lives on", and(credential(1, "admin", "a", overlap)), None),
            ("one without an end", and(credential(1, "admin", "c", None)), Some("not the last one")),
            (
                "one that ends too late",
                and(credential(1, "admin", "a", overlap.map(|end| end + 1))),
                Some("not the last one"),
            ),
            ("a revoked one", and(credential(1, "admin", "e", None)), Some("revoked")),
            (
                "one that was not given",
                and(credential(1, "admin", "x", None)),
                Some("not one that it was given"),
            ),
            ("other roles", widened(narrow(None, "10.0.0.0/8")), Some("narrowed")),
            ("other addresses", widened(narrow(Some("viewer"), "")), Some("narrowed")),
            ("another end", widened(Credential { expires_at: Some(9), ..now[0].clone() }), Some("end")),
            ("one is missing", now[1..].to_vec(), Some("missing")),
        ] {
            let mut told = LiveUsers::default();
            events.iter().for_each(|event| told.take(event));
            let found = texts(&told.compare(&[row(1, "admin")], &credentials, false));
            match expected {
                None => assert_eq!(found, [""; 0], "{what}"),
                Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{what}: {found:?}"),
            }
        }
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
            event(10, "user.invite", "users/6", &json!({"roles": ["viewer"]})),
            event(11, "user.invite", "users/7", &json!({"roles": ["viewer"]})),
            event(12, "user.delete", "users/7", &Value::Null),
        ];
        let rows = [row(1, "admin"), row(2, "viewer"), row(3, "viewer"), row(5, "viewer"), row(6, "viewer")];
        let end = Some(1_893_456_000);
        let now = [
            credential(1, "admin", "new", end),
            credential(2, "viewer", "b", None),
            credential(5, "viewer", "?", None),
        ];
        let compare = |rows: &[UserAccess], credentials: &[Credential], is_pruned| {
            let mut told = LiveUsers::default();
            events.iter().for_each(|event| told.take(event));
            texts(&told.compare(rows, credentials, is_pruned))
        };
        let with_row = |changed: UserAccess| {
            let mut rows = rows.to_vec();
            rows.retain(|row| row.user != changed.user);
            rows.push(changed);
            rows
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
            ("a revoked key", and(credential(3, "viewer", "c", None)), Some("revoked")),
            ("a key that is missing", now[1..].to_vec(), Some("missing")),
        ] {
            let found = compare(&rows, &credentials, false);
            match expected {
                None => assert_eq!(found, [""; 0], "{what}"),
                Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{what}: {found:?}"),
            }
        }
        for (what, rows, credentials, expected) in [
            ("an older role", with_row(row(2, "admin")), now.to_vec(), "roles"),
            ("a role of a user without keys", with_row(row(6, "admin")), now.to_vec(), "roles"),
            ("a user of a deleted customer", with_row(row(4, "viewer")), now.to_vec(), "deleted"),
            ("and its key", with_row(row(4, "viewer")), and(credential(4, "viewer", "d", None)), "deleted"),
            ("a deleted user", with_row(row(7, "viewer")), now.to_vec(), "deleted"),
            ("a planted user", with_row(row(8, "admin")), now.to_vec(), "no event"),
            ("and its key", with_row(row(8, "admin")), and(credential(8, "admin", "e", None)), "no event"),
            ("a user that is missing", rows[..4].to_vec(), now.to_vec(), "is missing"),
        ] {
            let found = compare(&rows, &credentials, false);
            assert!(found.len() == 1 && found[0].contains(expected), "{what}: {found:?}");
        }
        let planted = and(credential(8, "admin", "e", None));
        assert_eq!(compare(&with_row(row(8, "admin")), &planted, true), [""; 0], "events were pruned");
    }
}
