//! How every change is made: once, audited, and repeatable, in one transaction.

use crate::access::Call;
use crate::audit::Entry;
use crate::secrets::{Purpose, hex};
use crate::{App, Error, Random, SecretKey, audit};
use domain::PartnerId;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use store::Tx;
use store::idempotency::{self, Found, Stored};

/// How long a first answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What makes a request repeatable (`Idempotency-Key`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Scoped to the partner.
    key: String,
    /// Of all that the request says.
    fingerprint: String,
}

impl Idempotency {
    /// A request that is called `key` and says all of `parts`.
    pub fn new(key: String, parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        parts.iter().for_each(|part| digest.update(part));
        Idempotency { key, fingerprint: hex(&digest.finalize()) }
    }
}

/// What a request that makes something is answered with, the first time and every time after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The answer's body.
    #[serde(default, skip_serializing)]
    pub json: String,
    /// Where the new thing is.
    pub href: Option<String>,
    /// Its version, as `If-Match` names it.
    pub version: Option<String>,
    /// Whether this is a repetition of the first answer.
    #[serde(skip)]
    pub replayed: bool,
}

impl Created {
    /// As it is kept: what goes into headers, in a line of its own, and the body as it is.
    fn to_kept(&self) -> Result<String, Error> {
        let head = serde_json::to_string(self).map_err(|e| Error::Internal(e.to_string()))?;
        Ok(format!("{head}\n{}", self.json))
    }

    fn of_kept(kept: &str) -> Result<Self, Error> {
        // Up to version 0.1 the body stood among the rest.
        let (head, json) = kept.split_once('\n').unwrap_or((kept, ""));
        let mut created: Created = serde_json::from_str(head).map_err(|e| Error::Internal(e.to_string()))?;
        created.json.push_str(json);
        Ok(created)
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
    secrets: Arc<SecretKey>,
    random: Arc<Random>,
    call: Call,
    now: Timestamp,
    input: I,
    job: Job<I, Created>,
}

impl<I> Making<I> {
    async fn run(&self, tx: &mut Tx) -> Result<Created, Error> {
        let Making { secrets, random, call, now, .. } = self;
        let partner = call.partner();
        if let Some(repeatable) = &call.idempotency {
            match idempotency::enter(tx, partner, &repeatable.key, since(*now)).await? {
                Found::Answered(stored) => return replay(secrets, partner, repeatable, &stored),
                Found::Running => return Err(Error::StillRunning),
                Found::Nothing => {}
            }
        }
        let done = match ((self.job)(&self.input, tx).await, &call.idempotency) {
            (Ok(done), _) => done,
            (Err(refused @ Error::Invalid(_)), Some(Idempotency { key, .. })) => {
                idempotency::reconsider(tx, partner, key, since(*now)).await?;
                return Err(refused);
            }
            (Err(error), _) => return Err(error),
        };
        if let Some(entry) = &done.entry {
            audit::append(tx, secrets, call, entry, *now).await?;
        }
        if let Some(Idempotency { key, fingerprint }) = &call.idempotency {
            let kept = done.value.to_kept()?;
            let answer = secrets.seal(Purpose::Idempotency, &place(partner, key), &kept, random)?;
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
        let input = (Arc::clone(&self.secrets), call.clone(), self.clock.now(), input);
        self.db
            .write(call.partner(), input, move |(secrets, call, now, input), tx| {
                Box::pin(async move {
                    let done = job(input, tx).await?;
                    if let Some(entry) = &done.entry {
                        audit::append(tx, secrets, call, entry, *now).await?;
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
    /// ([`store::Db::write_together`]).
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
        self.db.write_together(call.partner(), making, |making, tx| Box::pin(making.run(tx))).await
    }

    fn making<I>(&self, call: &Call, input: I, job: Job<I, Created>) -> Making<I> {
        let (secrets, random) = (Arc::clone(&self.secrets), Arc::clone(&self.random));
        Making { secrets, random, call: call.clone(), now: self.clock.now(), input, job }
    }

    /// The first answer to this request, if it was answered before.
    pub(crate) async fn first_answer(&self, call: &Call) -> Result<Option<Created>, Error> {
        let Some(repeatable) = call.idempotency.clone() else { return Ok(None) };
        let partner = call.partner();
        let input = (partner, repeatable.key.clone(), since(self.clock.now()));
        let stored: Option<Stored> = self
            .db
            .look_up(partner, input, |(partner, key, since), tx| {
                Box::pin(async move { Ok::<_, Error>(idempotency::find(tx, *partner, key, *since).await?) })
            })
            .await?;
        stored.map(|stored| replay(&self.secrets, partner, &repeatable, &stored)).transpose()
    }

    /// Forget first answers that are too old to be given again.
    pub(crate) async fn forget_answers(&self) -> Result<(), Error> {
        let since = since(self.clock.now());
        self.db
            .write(store::Scope::System, since, |since, tx| {
                Box::pin(async move { Ok(idempotency::forget(tx, *since).await.map(drop)?) })
            })
            .await
    }
}

fn since(now: Timestamp) -> Timestamp {
    now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN)
}

/// What a sealed answer is bound to.
fn place(partner: PartnerId, key: &str) -> String {
    format!("{partner} {key}")
}

fn replay(
    secrets: &SecretKey,
    partner: PartnerId,
    repeatable: &Idempotency,
    stored: &Stored,
) -> Result<Created, Error> {
    if stored.fingerprint != repeatable.fingerprint {
        return Err(Error::KeyReused);
    }
    let kept = secrets.open(Purpose::Idempotency, &place(partner, &repeatable.key), &stored.answer)?;
    Ok(Created { replayed: true, ..Created::of_kept(&kept)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_is_read_as_it_was_also_one_of_before() {
        let created = Created {
            json: r#"{"name":"a\"b"}"#.into(),
            href: Some("/v1/customers/7".into()),
            version: Some("7-1".into()),
            replayed: false,
        };
        let before = r#"{"json":"{\"name\":\"a\\\"b\"}","href":"/v1/customers/7","version":"7-1"}"#;
        for kept in [created.to_kept().unwrap(), before.to_owned()] {
            assert_eq!(Created::of_kept(&kept).unwrap(), created, "{kept}");
        }
        assert!(Created::of_kept("{").is_err());
    }
}
