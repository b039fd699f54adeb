//! The server's own chain: partners, anchors, and what was found or accepted of them. It has the place of a partner that
//! there is not, number 0.

use super::verify::{Verifier, verify_chains};
use super::{Entry, Trail, Verdict, append_to};
use crate::access::Call;
use crate::boxed;
use crate::{App, Error};
use domain::PartnerId;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::audit::{self, Event};
use store::{Scope, Tx, partners};

pub(super) const SYSTEM: PartnerId = PartnerId(0);
/// A partner that was there before the server kept a chain of its own.
const RECORDED: &str = "partner.recorded";
const CREATED: &str = "partner.create";
/// The database is behind an anchor.
pub(super) const ROLLED_BACK: &str = "audit.rolled_back";
/// The operator says why it is.
pub(super) const ACCEPTED: &str = "audit.accepted";
/// An anchor was begun where there was none.
pub(super) const ANCHORED: &str = "audit.anchored";

/// What verifying the server's own chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SystemVerdict {
    /// How many events were looked at.
    pub events: u64,
    /// What is wrong, each in a sentence; empty if nothing is.
    pub problems: Vec<String>,
    /// What the operator has done or accepted, and is good to know: anchors begun, older states restored.
    pub notes: Vec<String>,
}

/// Write an event into the server's own chain.
pub(crate) async fn append_system(
    tx: &mut Tx,
    trail: &Arc<Trail>,
    origin: &str,
    entry: Entry,
    now: Timestamp,
) -> Result<(), Error> {
    let _guard = tx.lock().await;
    partners::ensure_system(tx, now).await?;
    let mut call = Call::of_server(SYSTEM);
    origin.clone_into(&mut call.origin);
    append_to(tx, trail, &call, entry, now, 0).await.map(drop)
}

/// What the server's own chain tells, gathered from its events.
#[derive(Default)]
struct Told {
    partners: BTreeSet<i64>,
    /// States that were put back, and are not accepted.
    rolled_back: Vec<String>,
    notes: Vec<String>,
}

impl Told {
    fn take(&mut self, event: &Event) {
        let at = Timestamp::from_second(event.at).unwrap_or_default();
        let why = event.reason.as_deref().unwrap_or_default();
        match event.action.as_str() {
            CREATED | RECORDED => {
                let id = event.object.strip_prefix("partners/").and_then(|id| id.parse::<i64>().ok());
                self.partners.extend(id);
            }
            ROLLED_BACK => self.rolled_back.push(format!(
                "{at}: the database is behind an anchor: {why}. If you have restored it, say so: `tenantry audit \
                 accept --reason …`"
            )),
            ACCEPTED => {
                self.rolled_back.clear();
                self.notes.push(format!("{at}: an older state was accepted: {why}"));
            }
            ANCHORED => self.notes.push(format!("{at}: an anchor was begun: {why}")),
            _ => {}
        }
    }
}

impl App {
    /// Before serving: look at the ends of the chains and at the anchor, and record the partners of a database from before the
    /// server kept a chain of its own.
    ///
    /// # Errors
    /// [`Error`] of the store; [`Error::Internal`] if the anchor cannot be read or written.
    #[boxed]
    pub async fn start_audit(&self) -> Result<(), Error> {
        self.check_audit_ends().await?;
        // Where there is an anchor, the chain was there already, and is missing.
        if !self.has_anchor().await && self.is_system_empty().await? {
            self.record_partners().await?;
        }
        self.keep_anchor(true).await
    }

    async fn is_system_empty(&self) -> Result<bool, Error> {
        self.db
            .unchecked()
            .read(Scope::System, (), |(), tx| {
                Box::pin(async move { Ok(audit::heads(tx, SYSTEM).await?.is_empty()) })
            })
            .await
    }

    /// Write the partners that the server's own chain does not tell of into it.
    pub(super) async fn record_partners(&self) -> Result<(), Error> {
        self.db
            .unchecked()
            .write(Scope::System, (Arc::clone(&self.trail), self.clock.now()), |(trail, now), tx| {
                Box::pin(async move {
                    let mut told = Told::default();
                    verify_chains(tx, Verifier::of_system(trail, SYSTEM), |event| told.take(event)).await?;
                    for partner in partners::list(tx).await? {
                        if told.partners.contains(&partner.id.0) {
                            continue;
                        }
                        let entry = Entry::new(RECORDED, format!("partners/{}", partner.id));
                        let entry = entry.after(&partner.name);
                        append_system(tx, trail, "server", entry, *now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Verify the server's own chain, and that the partners are those that it tells of.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn verify_system(&self) -> Result<SystemVerdict, Error> {
        self.db
            .unchecked()
            .read(Scope::System, Arc::clone(&self.trail), |trail, tx| {
                Box::pin(async move {
                    let mut told = Told::default();
                    let verifier = Verifier::of_system(trail, SYSTEM);
                    let found = verify_chains(tx, verifier, |event| told.take(event)).await?;
                    let mut verdict = Verdict::from(found);
                    let there: BTreeSet<i64> =
                        partners::list(tx).await?.iter().map(|partner| partner.id.0).collect();
                    let gone = told.partners.difference(&there).map(|id| format!("partner {id} is missing"));
                    let new = there
                        .difference(&told.partners)
                        .map(|id| format!("partner {id} was not made by this server's commands"));
                    verdict.problems.extend(gone.chain(new).chain(told.rolled_back));
                    let (events, problems, notes) = (verdict.events, verdict.problems, told.notes);
                    Ok(SystemVerdict { events, problems, notes })
                })
            })
            .await
    }

    /// How many states that were put back are not accepted.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn rollbacks(&self) -> Result<i64, Error> {
        self.db
            .unchecked()
            .read(Scope::System, (), |(), tx| {
                Box::pin(async move { Ok(audit::count_behind(tx, SYSTEM, ROLLED_BACK, ACCEPTED).await?.0) })
            })
            .await
    }

    /// When the first of the states that were put back and are not accepted was found.
    pub(super) async fn put_back_at(&self) -> Result<Option<Timestamp>, Error> {
        let at: Option<i64> = self
            .db
            .unchecked()
            .read(Scope::System, (), |(), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(audit::count_behind(tx, SYSTEM, ROLLED_BACK, ACCEPTED).await?.1)
                })
            })
            .await?;
        Ok(at.and_then(|second| Timestamp::from_second(second).ok()))
    }
}
