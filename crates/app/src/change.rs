//! How every change is made: once, audited, and repeatable, in one transaction.

use crate::access::Call;
use crate::audit::{Entry, Trail};
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

/// How long a first answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// As many transactions forget answers before other work is looked at.
const MAX_STEPS: usize = 500;

/// What makes a request repeatable (`Idempotency-Key`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Scoped to the partner.
    key: String,
    /// SHA-256 of method, URI and canonical body, in hex.
    fingerprint: String,
    /// SHA-256 of method, URI and the body's bytes, in hex: the fingerprint that versions up to 0.1 have stored.
    fingerprint_of_bytes: String,
}

impl Idempotency {
    /// The idempotent request that is named `key`. Two are the same request if they have the same method, URI and JSON
    /// value, however the JSON is written.
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

    /// Whether the stored response with this fingerprint answers this request.
    fn has(&self, fingerprint: &str) -> bool {
        fingerprint == self.fingerprint || fingerprint == self.fingerprint_of_bytes
    }
}

/// What a request that makes something is answered with, the first time and every time after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The answer's body.
    pub json: String,
    /// Where the new thing is.
    pub href: Option<String>,
    /// Its version, as `If-Match` names it.
    pub version: Option<String>,
    /// Whether this is a repetition of the first answer.
    pub replayed: bool,
}

/// A first answer as it is kept: this in a line of its own, and behind it the body, if no event has it. A body may hold a
/// new key, so it is kept sealed; what only says where the audit trail has it has no secret in it, and is not.
#[derive(Serialize, Deserialize)]
struct Kept {
    href: Option<String>,
    version: Option<String>,
    /// The audit event, by lane and place, of which `after` is the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<(i64, i64)>,
    /// The body, up to version 0.1.
    #[serde(default, skip_serializing)]
    json: String,
}

impl Kept {
    fn write(created: &Created, event: Option<(i64, i64)>) -> Result<String, Error> {
        let (href, version) = (created.href.clone(), created.version.clone());
        let kept = Kept { href, version, event, json: String::new() };
        let head = serde_json::to_string(&kept).map_err(|e| Error::Internal(e.to_string()))?;
        Ok(format!("{head}\n{}", if event.is_some() { "" } else { &created.json }))
    }

    /// `belongs_to` is what a sealed one is bound to.
    fn open(kept: &str, secrets: &SecretKey, belongs_to: &str) -> Result<Self, Error> {
        if !kept.starts_with('{') {
            return Kept::read(&secrets.open(Purpose::Idempotency, belongs_to, kept)?); // Base64 has no brace
        }
        let plain = Kept::read(kept)?;
        match plain.event {
            Some(_) => Ok(plain),
            None => Err(Error::Internal("a first answer that was to be sealed is not".into())),
        }
    }

    fn read(text: &str) -> Result<Self, Error> {
        let (head, body) = text.split_once('\n').unwrap_or((text, ""));
        let mut kept: Kept = serde_json::from_str(head).map_err(|e| Error::Internal(e.to_string()))?;
        kept.json.push_str(body);
        Ok(kept)
    }
}

/// What the caller last saw of an object, for a change that must not undo somebody else's (RFC 9110, If-Match).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Change it whatever it is now.
    Anything,
    /// Change it only if it is one of these objects, by id, in one of these versions.
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

/// What a job did: what the caller gets, and what the audit trail gets if anything has changed.
pub(crate) struct Done<T> {
    pub(crate) value: T,
    pub(crate) entry: Option<Entry>,
}

/// A change as the use cases write it.
pub(crate) type Job<I, T> = for<'t> fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<Done<T>, Error>>;

/// Repeatable requests under way on this server.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<HashSet<(PartnerId, String)>>);

/// A repeatable request under way; it ends with this value.
pub(crate) struct Entered<'r> {
    running: &'r Running,
    request: (PartnerId, String),
}

impl Running {
    fn enter(&self, partner: PartnerId, key: &str) -> Result<Entered<'_>, Error> {
        let request = (partner, key.to_owned());
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !running.insert(request.clone()) {
            return Err(Error::StillRunning);
        }
        Ok(Entered { running: self, request })
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request);
    }
}

/// Something to be made once.
struct Making<I> {
    trail: Arc<Trail>,
    call: Call,
    now: Timestamp,
    /// Answers that were given later are given again.
    since: Timestamp,
    input: I,
    job: Job<I, Created>,
}

impl<I> Making<I> {
    async fn run(&self, tx: &mut Tx) -> Result<Created, Error> {
        let Making { trail, call, now, since, .. } = self;
        let partner = call.partner();
        if let Some(repeatable) = &call.idempotency {
            match idempotency::enter(tx, partner, &repeatable.key, *since).await? {
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
                idempotency::reconsider(tx, partner, key, *since).await?;
                return Err(refused);
            }
            (Err(error), _) => return Err(error),
        };
        let mut event = None;
        if let Some(entry) = done.entry {
            let has_body = entry.after.as_ref() == Some(&done.value.json);
            let place = audit::append(tx, trail, call, entry, *now).await?;
            event = has_body.then_some(place);
        }
        if let Some(Idempotency { key, fingerprint, .. }) = &call.idempotency {
            let mut answer = Kept::write(&done.value, event)?;
            if event.is_none() {
                let place = place(partner, key);
                answer = trail.secrets.seal(Purpose::Idempotency, &place, &answer, &trail.random)?;
            }
            let stored = Stored { fingerprint: fingerprint.clone(), answer };
            idempotency::keep(tx, partner, key, &stored, *now).await?;
        }
        Ok(done.value)
    }
}

impl App {
    /// Change something.
    pub(crate) async fn change<I, T>(&self, call: &Call, input: I, job: Job<I, T>) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let input = (Arc::clone(&self.trail), call.clone(), self.clock.now(), input);
        self.db
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

    /// Keep repetitions of a repeatable request out while the first is under way on this server; another server is kept
    /// out by the database, from the moment that the change begins.
    ///
    /// # Errors
    /// [`Error::StillRunning`].
    pub(crate) fn enter(&self, call: &Call) -> Result<Option<Entered<'_>>, Error> {
        let request =
            call.idempotency.as_ref().map(|repeatable| self.running.enter(call.partner(), &repeatable.key));
        request.transpose()
    }

    /// Make something, or answer again what was answered when it was made.
    pub(crate) async fn make<I>(&self, call: &Call, input: I, job: Job<I, Created>) -> Result<Created, Error>
    where
        I: Send + Sync + 'static,
    {
        if call.idempotency.is_none() {
            return self.change(call, input, job).await;
        }
        self.db
            .write(call.partner(), self.making(call, input, job), |making, tx| Box::pin(making.run(tx)))
            .await
    }

    /// The same for what is made often, and is right whatever its neighbours in a transaction do in between
    /// ([`store::Db::write_batched`]).
    pub(crate) async fn make_together<I>(
        &self,
        call: &Call,
        input: I,
        job: Job<I, Created>,
    ) -> Result<Created, Error>
    where
        I: Send + Sync + 'static,
    {
        let making = self.making(call, input, job);
        self.db.write_batched(call.partner(), making, |making, tx| Box::pin(making.run(tx))).await
    }

    fn making<I>(&self, call: &Call, input: I, job: Job<I, Created>) -> Making<I> {
        let (now, since) = (self.clock.now(), self.answers_since());
        Making { trail: Arc::clone(&self.trail), call: call.clone(), now, since, input, job }
    }

    /// The first answer to this request, if it was answered before.
    pub(crate) async fn first_answer(&self, call: &Call) -> Result<Option<Created>, Error> {
        let Some(repeatable) = call.idempotency.clone() else { return Ok(None) };
        let input = (Arc::clone(&self.trail), call.partner(), repeatable, self.answers_since());
        self.db
            .look_up(call.partner(), input, |(trail, partner, repeatable, since), tx| {
                Box::pin(async move {
                    match idempotency::find(tx, *partner, &repeatable.key, *since).await? {
                        Some(stored) => {
                            replay(tx, &trail.secrets, *partner, repeatable, &stored).await.map(Some)
                        }
                        None => Ok(None),
                    }
                })
            })
            .await
    }

    /// Forget first answers that are too old to be given again, a few in a transaction.
    pub(crate) async fn forget_answers(&self) -> Result<(), Error> {
        let since = self.answers_since();
        for _ in 0..MAX_STEPS {
            let forgotten = self.db.write(store::Scope::System, since, |since, tx| {
                Box::pin(async move { Ok::<_, Error>(idempotency::forget(tx, *since).await?) })
            });
            if forgotten.await? < idempotency::FORGOTTEN_AT_ONCE {
                break;
            }
        }
        Ok(())
    }

    /// First answers that were given later than this are kept. By both clocks: one that is wrong for a moment must not make
    /// a repetition a second change.
    fn answers_since(&self) -> Timestamp {
        let wall = self.clock.now();
        let now = if self.is_sandbox() { wall } else { self.expiry_clock.now(wall, Instant::now()) };
        now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN)
    }
}

/// What a sealed answer is bound to.
fn place(partner: PartnerId, key: &str) -> String {
    format!("{partner} {key}")
}

async fn replay(
    tx: &mut Tx,
    secrets: &SecretKey,
    partner: PartnerId,
    repeatable: &Idempotency,
    stored: &Stored,
) -> Result<Created, Error> {
    if !repeatable.has(&stored.fingerprint) {
        return Err(Error::KeyReused);
    }
    let place = place(partner, &repeatable.key);
    let Kept { href, version, event, mut json } = Kept::open(&stored.answer, secrets, &place)?;
    if let Some((lane, seq)) = event {
        let after = store::audit::after(tx, partner, lane, seq).await?;
        json = after.ok_or_else(|| Error::Internal("the audit event with a first answer is gone".into()))?;
    }
    Ok(Created { json, href, version, replayed: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    #[test]
    fn requests_are_compared_as_canonical_json_or_as_the_bytes_of_before() {
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
            assert_eq!(request(line, body).has(&first.fingerprint), same, "{line} {body}");
        }
        // What `printf 'POST /v2/customers\n{"a": 1, "b": 2}' | sha256sum` says.
        let of_before = "3913a7a69e8341e213be44e8ce688b69e3370bef4660102e96c610bfa8481363";
        assert!(first.has(of_before));
        assert!(!request(line, r#"{"b": 2, "a": 1}"#).has(of_before), "bytes are compared to the letter");
    }

    #[test]
    fn a_kept_answer_is_read_as_it_was_also_one_of_before() {
        let json = r#"{"name":"a\"b"}"#;
        let created = Created {
            json: json.into(),
            href: Some("/v1/customers/7".into()),
            version: Some("7-1".into()),
            replayed: false,
        };
        let before = r#"{"json":"{\"name\":\"a\\\"b\"}","href":"/v1/customers/7","version":"7-1"}"#;
        let (whole, told) =
            (Kept::write(&created, None).unwrap(), Kept::write(&created, Some((3, 4))).unwrap());
        let secrets = SecretKey::generate().unwrap();
        let sealed =
            |text: &str| secrets.seal(Purpose::Idempotency, "1 k", text, &Random::default()).unwrap();
        for (kept, event, body) in [
            (sealed(&whole), None, json),
            (sealed(before), None, json),
            (sealed(&told), Some((3, 4)), ""),
            (told, Some((3, 4)), ""),
        ] {
            let read = Kept::open(&kept, &secrets, "1 k").unwrap();
            assert_eq!((read.href, read.version), (created.href.clone(), created.version.clone()), "{kept}");
            assert_eq!((read.event, &*read.json), (event, body), "{kept}");
        }
        // A body that nobody has sealed is not ours.
        for kept in [&whole, before, "{", "{}", &sealed(&whole)[1..]] {
            assert!(Kept::open(kept, &secrets, "1 k").is_err(), "{kept}");
        }
        assert!(Kept::open(&sealed(&whole), &secrets, "1 l").is_err());
    }
}
