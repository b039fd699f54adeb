//! The transaction of every change: it runs the change, appends the audit event and stores the response of an idempotent
//! request.

use crate::access::Call;
use crate::audit::{Entry, Trail};
use crate::grant::Grant;
use crate::secrets::{Purpose, hex};
use crate::{App, Error, SecretKey, audit};
use domain::PartnerId;
use domain::json::Json;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use store::Tx;
use store::idempotency::{self, Found, Stored};

/// The retention of stored responses.
const RETENTION: SignedDuration = SignedDuration::from_hours(24);
/// The maximum number of transactions in one run of [`App::delete_expired_responses`].
const MAX_STEPS: usize = 500;

/// The idempotency key of a request (`Idempotency-Key`), and the fingerprint of the request that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, unique within the partner.
    key: String,
    /// SHA-256 of method, URI and canonical body, in hex.
    fingerprint: String,
    /// SHA-256 of method, URI and the body's bytes, in hex: the fingerprint that versions up to 0.1 store.
    fingerprint_of_bytes: String,
}

impl Idempotency {
    /// An idempotent request with the key `key`. Two requests are equal if method, URI and JSON value are equal; the
    /// formatting of the JSON does not count.
    pub fn new(key: String, method_and_uri: &str, body: &Json, bytes: &[u8]) -> Self {
        let fingerprint = |body: &[u8]| {
            let digest = Sha256::new().chain_update(method_and_uri).chain_update("\n").chain_update(body);
            hex(&digest.finalize())
        };
        Idempotency {
            key,
            fingerprint: fingerprint(body.canonical().as_bytes()),
            fingerprint_of_bytes: fingerprint(bytes),
        }
    }

    /// Whether a stored response with this fingerprint belongs to this request.
    fn matches(&self, fingerprint: &str) -> bool {
        fingerprint == self.fingerprint || fingerprint == self.fingerprint_of_bytes
    }
}

/// The response to a request that creates an object; repetitions of the request get the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The body.
    pub json: String,
    /// The path of the new object.
    pub href: Option<String>,
    /// The object's version, as in `ETag` and `If-Match`.
    pub version: Option<String>,
    /// Whether the response is a stored one, replayed for a repeated request.
    pub replayed: bool,
}

/// How the adapter in front of a use case writes a new object as the body of the response. It is called within the
/// transaction, because repetitions of the request get the same bytes.
pub type WriteBody<T> = fn(T) -> serde_json::Result<String>;

impl Created {
    /// The response with a new object.
    pub(crate) fn new<T>(object: T, write: WriteBody<T>, href: Option<String>) -> Result<Self, Error> {
        let json = write(object).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Created { json, href, version: None, replayed: false })
    }

    /// The same with the object's version.
    pub(crate) fn with_version(self, version: String) -> Self {
        Created { version: Some(version), ..self }
    }
}

/// A response as it is stored: one line with these fields as JSON, then the body, unless an audit event has the same body.
/// A stored body is encrypted, because it may contain a new API key. A reference to an audit event is not secret and is
/// stored in plain text.
#[derive(Serialize, Deserialize)]
struct StoredResponse {
    href: Option<String>,
    version: Option<String>,
    /// The audit event whose `after` is the body, by shard and sequence number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<(i64, i64)>,
    /// The body; a field of the JSON only in responses that versions up to 0.1 stored.
    #[serde(default, skip_serializing)]
    json: String,
}

impl StoredResponse {
    fn write(created: &Created, event: Option<(i64, i64)>) -> Result<String, Error> {
        let (href, version) = (created.href.clone(), created.version.clone());
        let response = StoredResponse { href, version, event, json: String::new() };
        let head = serde_json::to_string(&response).map_err(|e| Error::Internal(e.to_string()))?;
        Ok(format!("{head}\n{}", if event.is_some() { "" } else { &created.json }))
    }

    /// Reads a stored response; `belongs_to` is the associated data of an encrypted one.
    fn open(kept: &str, secrets: &SecretKey, belongs_to: &str) -> Result<Self, Error> {
        if !kept.starts_with('{') {
            return StoredResponse::read(&secrets.open(Purpose::Idempotency, belongs_to, kept)?); // Base64 has no brace
        }
        let plain = StoredResponse::read(kept)?;
        match plain.event {
            Some(_) => Ok(plain),
            None => Err(Error::Internal("a stored response with a body is not encrypted".into())),
        }
    }

    fn read(text: &str) -> Result<Self, Error> {
        let (head, body) = text.split_once('\n').unwrap_or((text, ""));
        let mut response: StoredResponse =
            serde_json::from_str(head).map_err(|e| Error::Internal(e.to_string()))?;
        response.json.push_str(body);
        Ok(response)
    }
}

/// The precondition of a change (RFC 9110, `If-Match`), which prevents lost updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Any current version is changed.
    Anything,
    /// The object is changed only if its id and version are in this list.
    Versions(Vec<(i64, i64)>),
}

impl IfMatch {
    pub(crate) fn allows(&self, id: i64, version: i64) -> Result<(), Error> {
        match self {
            IfMatch::Versions(seen) if !seen.contains(&(id, version)) => Err(Error::PreconditionFailed),
            _ => Ok(()),
        }
    }
}

/// The result of a change: the value for the caller, and the audit entry if anything changed.
pub(crate) struct Done<T> {
    pub(crate) value: T,
    pub(crate) entry: Option<Entry>,
}

/// The function that makes a change within a transaction.
pub(crate) type Job<I, T> = for<'t> fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<Done<T>, Error>>;

/// The idempotent requests in flight on this server, by partner and key.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashSet<(PartnerId, String)>>);

/// A guard that keeps an idempotent request in flight until it is dropped.
pub(crate) struct InFlightGuard<'r> {
    in_flight: &'r InFlight,
    request: (PartnerId, String),
}

impl InFlight {
    fn enter(&self, partner: PartnerId, key: &str) -> Result<InFlightGuard<'_>, Error> {
        let request = (partner, key.to_owned());
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !running.insert(request.clone()) {
            return Err(Error::StillRunning);
        }
        Ok(InFlightGuard { in_flight: self, request })
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request);
    }
}

/// A request that creates an object, with everything that its transaction needs.
struct IdempotentCreate<I> {
    trail: Arc<Trail>,
    call: Call,
    now: Timestamp,
    /// Responses stored after this time are replayed.
    cutoff: Timestamp,
    input: I,
    job: Job<I, Created>,
}

impl<I> IdempotentCreate<I> {
    async fn run(&self, tx: &mut Tx) -> Result<Created, Error> {
        let IdempotentCreate { trail, call, now, cutoff, .. } = self;
        let partner = call.partner();
        if let Some(repeatable) = &call.idempotency {
            match idempotency::enter(tx, partner, &repeatable.key, *cutoff).await? {
                Found::Answered(stored) => {
                    return replay(tx, &trail.secrets, partner, repeatable, &stored).await;
                }
                Found::Running => return Err(Error::StillRunning),
                Found::Nothing => {}
            }
        }
        let done = match ((self.job)(&self.input, tx).await, &call.idempotency) {
            (Ok(done), _) => done,
            (Err(refused @ Error::Invalid(_)), Some(Idempotency { key, .. })) => {
                idempotency::reconsider(tx, partner, key, *cutoff).await?;
                return Err(refused);
            }
            (Err(error), _) => return Err(error),
        };
        let mut event = None;
        if let Some(entry) = done.entry {
            let has_body = entry.after.as_ref() == Some(&done.value.json);
            let position = audit::append(tx, trail, call, entry, *now).await?;
            event = has_body.then_some(position);
        }
        if let Some(Idempotency { key, fingerprint, .. }) = &call.idempotency {
            let mut answer = StoredResponse::write(&done.value, event)?;
            if event.is_none() {
                let associated_data = associated_data(partner, key);
                answer =
                    trail.secrets.seal(Purpose::Idempotency, &associated_data, &answer, &trail.random)?;
            }
            let stored = Stored { fingerprint: fingerprint.clone(), answer };
            idempotency::keep(tx, partner, key, &stored, *now).await?;
        }
        Ok(done.value)
    }
}

impl Grant<'_> {
    /// Runs a change in a transaction and appends its audit entry.
    pub(crate) async fn change<I, T>(self, input: I, job: Job<I, T>) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (app, call) = (self.app(), self.call());
        let input = (Arc::clone(&app.trail), call.clone(), app.clock.now(), input);
        app.db
            .unchecked()
            .write(call.partner(), input, move |(trail, call, now, input), tx| {
                Box::pin(async move {
                    let done = job(input, tx).await?;
                    if let Some(entry) = done.entry {
                        audit::append(tx, trail, call, entry, *now).await?;
                    }
                    Ok(done.value)
                })
            })
            .await
    }

    /// Creates an object, or replays the stored response of a repeated request.
    pub(crate) async fn make<I>(self, input: I, job: Job<I, Created>) -> Result<Created, Error>
    where
        I: Send + Sync + 'static,
    {
        if self.call().idempotency.is_none() {
            return self.change(input, job).await;
        }
        let create = self.idempotent_create(input, job);
        self.app()
            .db
            .unchecked()
            .write(self.call().partner(), create, |create, tx| Box::pin(create.run(tx)))
            .await
    }

    /// Like [`App::make`], in a batched commit ([`store::Db::write_batched`]): for frequent requests whose result does not
    /// depend on the other jobs of the batch.
    pub(crate) async fn make_batched<I>(self, input: I, job: Job<I, Created>) -> Result<Created, Error>
    where
        I: Send + Sync + 'static,
    {
        let create = self.idempotent_create(input, job);
        self.app()
            .db
            .unchecked()
            .write_batched(self.call().partner(), create, |create, tx| Box::pin(create.run(tx)))
            .await
    }

    fn idempotent_create<I>(self, input: I, job: Job<I, Created>) -> IdempotentCreate<I> {
        let (app, call) = (self.app(), self.call());
        let (now, cutoff) = (app.clock.now(), app.retention_cutoff());
        IdempotentCreate { trail: Arc::clone(&app.trail), call: call.clone(), now, cutoff, input, job }
    }

    /// The stored response to this request, if it was made before.
    pub(crate) async fn stored_response(self) -> Result<Option<Created>, Error> {
        let (app, call) = (self.app(), self.call());
        let Some(repeatable) = call.idempotency.clone() else { return Ok(None) };
        let input = (Arc::clone(&app.trail), call.partner(), repeatable, app.retention_cutoff());
        app.db
            .unchecked()
            .look_up(call.partner(), input, |(trail, partner, repeatable, cutoff), tx| {
                Box::pin(async move {
                    match idempotency::find(tx, *partner, &repeatable.key, *cutoff).await? {
                        Some(stored) => {
                            replay(tx, &trail.secrets, *partner, repeatable, &stored).await.map(Some)
                        }
                        None => Ok(None),
                    }
                })
            })
            .await
    }
}

impl App {
    /// Marks an idempotent request as in flight on this server, until the guard is dropped. [`Error::StillRunning`] if it
    /// is in flight already. The database excludes other servers from the start of the transaction.
    pub(crate) fn enter(&self, call: &Call) -> Result<Option<InFlightGuard<'_>>, Error> {
        let request =
            call.idempotency.as_ref().map(|repeatable| self.in_flight.enter(call.partner(), &repeatable.key));
        request.transpose()
    }

    /// Deletes expired responses, a batch for each transaction.
    pub(crate) async fn delete_expired_responses(&self) -> Result<(), Error> {
        let cutoff = self.retention_cutoff();
        for _ in 0..MAX_STEPS {
            let forgotten = self.db.unchecked().write(store::Scope::System, cutoff, |cutoff, tx| {
                Box::pin(async move { Ok::<_, Error>(idempotency::forget(tx, *cutoff).await?) })
            });
            if forgotten.await? < idempotency::FORGOTTEN_AT_ONCE {
                break;
            }
        }
        Ok(())
    }

    /// The time before which stored responses have expired. It uses the expiry clock, so that a jump of the system's clock
    /// does not expire a response early, which would turn a repeated request into a second change.
    fn retention_cutoff(&self) -> Timestamp {
        let wall = self.clock.now();
        let now = if self.is_sandbox() { wall } else { self.expiry_clock.now(wall, Instant::now()) };
        now.saturating_sub(RETENTION).unwrap_or(Timestamp::MIN)
    }
}

/// The associated data of an encrypted response, which binds it to its partner and key.
fn associated_data(partner: PartnerId, key: &str) -> String {
    format!("{partner} {key}")
}

async fn replay(
    tx: &mut Tx,
    secrets: &SecretKey,
    partner: PartnerId,
    repeatable: &Idempotency,
    stored: &Stored,
) -> Result<Created, Error> {
    if !repeatable.matches(&stored.fingerprint) {
        return Err(Error::KeyReused);
    }
    let associated_data = associated_data(partner, &repeatable.key);
    let StoredResponse { href, version, event, mut json } =
        StoredResponse::open(&stored.answer, secrets, &associated_data)?;
    if let Some((shard, seq)) = event {
        let after = store::audit::after(tx, partner, shard, seq).await?;
        json = after.ok_or_else(|| {
            Error::Internal("the audit event with the body of a stored response is missing".into())
        })?;
    }
    Ok(Created { json, href, version, replayed: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    #[test]
    fn requests_are_compared_as_canonical_json_or_by_the_fingerprint_of_version_0_1() {
        let request = |line: &str, body: &str| {
            Idempotency::new("k".into(), line, &Json::parse(body.as_bytes()).unwrap(), body.as_bytes())
        };
        let line = "POST /v2/customers";
        let first = request(line, r#"{"a": 1, "b": 2}"#);
        for (line, body, same) in [
            (line, r#"{"a": 1, "b": 2}"#, true),
            (line, r#"{"b":2.0,"a":1}"#, true),
            (line, r#"{"a": 1, "b": 3}"#, false),
            ("POST /v1/customers", r#"{"a": 1, "b": 2}"#, false),
        ] {
            assert_eq!(request(line, body).matches(&first.fingerprint), same, "{line} {body}");
        }
        // The output of `printf 'POST /v2/customers\n{"a": 1, "b": 2}' | sha256sum`.
        let of_before = "3913a7a69e8341e213be44e8ce688b69e3370bef4660102e96c610bfa8481363";
        assert!(first.matches(of_before));
        assert!(!request(line, r#"{"b": 2, "a": 1}"#).matches(of_before), "bytes are compared to the letter");
    }

    #[test]
    fn stored_responses_of_this_version_and_of_0_1_are_read_unchanged() {
        let json = r#"{"name":"a\"b"}"#;
        let created = Created {
            json: json.into(),
            href: Some("/v1/customers/7".into()),
            version: Some("7-1".into()),
            replayed: false,
        };
        let before = r#"{"json":"{\"name\":\"a\\\"b\"}","href":"/v1/customers/7","version":"7-1"}"#;
        let (whole, told) = (
            StoredResponse::write(&created, None).unwrap(),
            StoredResponse::write(&created, Some((3, 4))).unwrap(),
        );
        let secrets = SecretKey::generate().unwrap();
        let sealed =
            |text: &str| secrets.seal(Purpose::Idempotency, "1 k", text, &Random::default()).unwrap();
        for (kept, event, body) in [
            (sealed(&whole), None, json),
            (sealed(before), None, json),
            (sealed(&told), Some((3, 4)), ""),
            (told, Some((3, 4)), ""),
        ] {
            let read = StoredResponse::open(&kept, &secrets, "1 k").unwrap();
            assert_eq!((read.href, read.version), (created.href.clone(), created.version.clone()), "{kept}");
            assert_eq!((read.event, &*read.json), (event, body), "{kept}");
        }
        // A plain body was not written by this server.
        for kept in [&whole, before, "{", "{}", &sealed(&whole)[1..]] {
            assert!(StoredResponse::open(kept, &secrets, "1 k").is_err(), "{kept}");
        }
        assert!(StoredResponse::open(&sealed(&whole), &secrets, "1 l").is_err());
    }
}
