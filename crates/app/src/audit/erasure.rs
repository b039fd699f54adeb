//! Erasing a person from the trail: what events say of it is replaced, and what they are chained by stays.

use super::{ERASE, Entry, Trail, append_to, mac};
use crate::access::Call;
use crate::boxed;
use crate::{App, Error};
use domain::{Email, PartnerId, Violation, Violations, code};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use store::audit::{self, Event};

/// What stands where a person's data stood.
const ERASED: &str = "[erased]";
/// How many events are read at a time.
const PAGE: i64 = 1000;
/// How many are erased in one transaction, and told of in one event.
const BATCH: usize = 200;

/// What erasing a person has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Erasure {
    /// Events in which it was named, and is no more.
    pub erased: u64,
    /// Events from before events could be erased, in which it is still named: they go when they are pruned.
    pub kept: u64,
}

/// What an erased event says now, as the event that tells of the erasure knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Voucher {
    pub(super) shard: i64,
    pub(super) seq: i64,
    /// Digests of what `before` and `after` say now.
    pub(super) now: [Option<String>; 2],
}

#[derive(Serialize, Deserialize)]
pub(super) struct Vouchers {
    pub(super) events: Vec<Voucher>,
}

impl Voucher {
    /// For an event as it stands in the database.
    pub(super) fn of(event: &Event) -> Self {
        let digest = |text: &Option<String>| text.as_ref().map(|text| mac::commitment("", text));
        let now = [digest(&event.before), digest(&event.after)];
        Voucher { shard: event.shard, seq: event.seq, now }
    }
}

/// Members that say what a user may do. No person's data is there, and verifying compares them with the users there are.
const OF_ACCESS: [&str; 2] = ["role", "roles"];

/// Whom to look for.
struct Person {
    /// The address, in lower case.
    email: String,
    names: Vec<String>,
}

impl Person {
    /// # Errors
    /// [`Error::Invalid`] if `email` is not an e-mail address, or a name is blank.
    fn new(email: &str, names: &[String]) -> Result<Self, Error> {
        let mut violations = Violations::default();
        let mut refuse =
            |pointer: &str, why: String| violations.push(Violation::new(pointer, code::INVALID, why));
        let email = Email::parse(email).map_err(|why| refuse("/email", why)).ok();
        let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) {
            refuse("/name", "must not be blank".to_owned());
        }
        match email {
            Some(email) if violations.is_empty() => {
                Ok(Person { email: email.as_str().to_lowercase(), names })
            }
            _ => Err(Error::Invalid(violations)),
        }
    }

    fn is_named(&self, text: &str) -> bool {
        self.names.iter().any(|name| name == text.trim()) || self.is_mentioned(&text.to_lowercase())
    }

    /// Whether the address stands in a text in lower case, and not as a part of another one.
    fn is_mentioned(&self, text: &str) -> bool {
        // What local parts have in practice; marks that they may have stand around addresses more often.
        let is_atom = |c: char| c.is_alphanumeric() || "_+-".contains(c);
        let is_label = |c: char| c.is_alphanumeric() || c == '-';
        text.match_indices(&self.email).any(|(at, found)| {
            let mut before = text[..at].chars().rev();
            let begins = match before.next() {
                Some('.' | '\'') => !before.next().is_some_and(is_atom),
                Some(c) => !is_atom(c),
                None => true,
            };
            let mut behind = text[at + found.len()..].chars();
            let ends = match behind.next() {
                Some('.') => !behind.next().is_some_and(is_label),
                Some(c) => !is_label(c),
                None => true,
            };
            begins && ends
        })
    }

    /// The text without the person; `None` if it does not name it.
    fn without(&self, text: &str) -> Option<String> {
        let Ok(mut value) = serde_json::from_str::<Value>(text) else {
            return self.is_named(text).then(|| ERASED.to_owned());
        };
        self.erase(&mut value).then(|| value.to_string())
    }

    fn erase(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) if self.is_named(text) => {
                ERASED.clone_into(text);
                true
            }
            Value::Array(values) => values.iter_mut().fold(false, |erased, value| self.erase(value) | erased),
            Value::Object(fields) => {
                // A user's name goes with its address.
                let is_user =
                    fields.get("email").and_then(Value::as_str).is_some_and(|email| self.is_named(email));
                let mut erased = false;
                for (name, value) in fields.iter_mut() {
                    if is_user && name == "name" && value.as_str().is_some_and(|name| !name.is_empty()) {
                        *value = ERASED.into();
                        erased = true;
                    } else if !OF_ACCESS.contains(&name.as_str()) {
                        erased |= self.erase(value);
                    }
                }
                erased
            }
            _ => false,
        }
    }

    /// The event without the person; `None` if it does not name it.
    fn without_in(&self, event: &Event) -> Option<Event> {
        let texts = [&event.before, &event.after];
        let new = texts.map(|text| text.as_ref().and_then(|text| self.without(text)));
        if new.iter().all(Option::is_none) {
            return None;
        }
        let erased = mac::commitments(event);
        let [before, after] = new;
        let (before, after) =
            (before.or_else(|| event.before.clone()), after.or_else(|| event.after.clone()));
        Some(Event { before, after, salt: None, erased, ..event.clone() })
    }
}

impl App {
    /// Replace a person's e-mail address, the name of users who have it, and these names, in all events of a partner. The
    /// chains still verify; an event tells which ones were changed, not of whom. With `only_count` nothing is changed, and what
    /// would be is counted.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `email` is not an e-mail address, or a name is blank; [`Error`] of the store.
    #[boxed]
    pub async fn erase_person(
        &self,
        partner: PartnerId,
        email: &str,
        names: &[String],
        only_count: bool,
    ) -> Result<Erasure, Error> {
        let person = Person::new(email, names)?;
        let (mut done, mut after, mut waiting) = (Erasure::default(), (i64::MIN, i64::MIN), Vec::new());
        loop {
            let events = self
                .db
                .unchecked()
                .read(partner, (partner, after), |(partner, after), tx| {
                    Box::pin(async move { Ok::<_, Error>(audit::chain(tx, *partner, *after, PAGE).await?) })
                })
                .await?;
            let Some(last) = events.last() else { break };
            after = (last.shard, last.seq);
            for event in &events {
                match person.without_in(event) {
                    Some(erased) if erased.erased.is_some() && only_count => done.erased += 1,
                    Some(erased) if erased.erased.is_some() => waiting.push(erased),
                    Some(_) => done.kept += 1,
                    None => {}
                }
            }
            while waiting.len() >= BATCH {
                let batch = waiting.drain(..BATCH).collect();
                done.erased += self.erase_events(partner, batch).await?;
            }
        }
        done.erased += self.erase_events(partner, waiting).await?;
        Ok(done)
    }

    async fn erase_events(&self, partner: PartnerId, events: Vec<Event>) -> Result<u64, Error> {
        if events.is_empty() {
            return Ok(0);
        }
        let input = (Arc::clone(&self.trail), partner, events, self.clock.now());
        self.db
            .unchecked()
            .write(partner, input, |(trail, partner, events, now), tx| {
                Box::pin(erase(tx, trail, *partner, events, *now))
            })
            .await
    }
}

async fn erase(
    tx: &mut store::Tx,
    trail: &Arc<Trail>,
    partner: PartnerId,
    events: &[Event],
    now: Timestamp,
) -> Result<u64, Error> {
    let _guard = tx.lock().await;
    let mut vouchers = Vouchers { events: Vec::new() };
    for event in events {
        if audit::erase(tx, partner, event).await? {
            vouchers.events.push(Voucher::of(event));
        }
    }
    let erased = vouchers.events.len() as u64;
    let entry = Entry::new(ERASE, "events".to_owned()).after(&vouchers);
    append_to(tx, trail, &Call::of_operator(partner, "audit erase-person"), entry, now, 0).await?;
    Ok(erased)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_person_goes() {
        let person = Person::new("jane@acme.example", &["J. Doe".to_owned(), "admin".to_owned()]).unwrap();
        let cases = [
            (
                r#"{"id":1,"email":"Jane@Acme.example","name":"Jane Doe","role":"viewer"}"#,
                Some(r#"{"id":1,"email":"[erased]","name":"[erased]","role":"viewer"}"#),
            ),
            (
                r#"{"id":1,"email":"jane@acme.example","name":""}"#,
                Some(r#"{"id":1,"email":"[erased]","name":""}"#),
            ),
            (
                r#"{"name":"Acme","billing_contact":"jane@acme.example"}"#,
                Some(r#"{"name":"Acme","billing_contact":"[erased]"}"#),
            ),
            (
                r#"{"tags":[{"key":"contact","value":"J. Doe"}]}"#,
                Some(r#"{"tags":[{"key":"contact","value":"[erased]"}]}"#),
            ),
            (r#"{"email":"joe@acme.example","name":"Joe"}"#, None),
            (r#"{"name":"J. Doe Ltd"}"#, None),
            (r#""jane@acme.example""#, Some(r#""[erased]""#)),
            ("mail to jane@acme.example", Some("[erased]")),
            ("Jane Doe <JANE@acme.example>, at work.", Some("[erased]")),
            ("write jane@acme.example.", Some("[erased]")),
            ("contact=jane@acme.example", Some("[erased]")),
            ("'jane@acme.example'", Some("[erased]")),
            ("o'jane@acme.example", None),
            ("not: mary-jane@acme.example, jane@acme.example.org, m.jane@acme.example", None),
            (r#"{"email":"mary.jane@acme.example","name":"Mary"}"#, None),
            (
                r#"{"email":"joe@acme.example","role":"admin","roles":["admin"],"name":"admin"}"#,
                Some(r#"{"email":"joe@acme.example","role":"admin","roles":["admin"],"name":"[erased]"}"#),
            ),
            ("7", None),
        ];
        for (text, expected) in cases {
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| text.into());
            assert_eq!(person.without(text).as_deref().map(read), expected.map(read), "{text}");
        }
    }

    #[test]
    fn who_is_nobody_is_refused() {
        for (email, names, expected) in [
            ("", &["J. Doe"][..], "email "),
            (" ", &[], "email "),
            ("a", &[], "email "),
            ("jane@acme.example", &[""], "name must not be blank"),
            ("jane@acme.example", &["J. Doe", " "], "name must not be blank"),
            ("jane", &[" "], "name must not be blank"),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let Err(Error::Invalid(violations)) = Person::new(email, &names) else {
                panic!("{email:?}, {names:?}");
            };
            let said: Vec<String> = violations.iter().map(Violation::sentence).collect();
            assert!(said.join("; ").contains(expected), "{email:?}, {names:?}: {said:?}");
        }
    }
}
