//! Background sync of directories: reads each partner's list a page at a time, resumes after interruptions, and runs on one
//! server at a time.

use super::sighting;
use crate::access::Call;
use crate::audit::record::CustomerRecord;
use crate::audit::{self, Entry, Trail};
use crate::boxed;
use crate::{App, Error};
use ::directory::{Cursor, Directory, Page, Tenant};
use domain::version::Nonce;
use domain::{AzureCustomerId, PartnerId};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::azure_tenants::Sighting;
use store::directories::{self, DirectoryRow, Failure, StepResult, Walk, Walked};
use store::{azure_tenants, customers};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The interval between two reads of the list.
const WALK_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// The maximum age of an address before it is looked up again.
const ADDRESS_AGE: SignedDuration = SignedDuration::from_hours(24);
/// The maximum number of addresses that a step looks up, each with up to three requests. With a step every five seconds
/// that is at most 370 requests a minute of the 500 that Partner Center allows, which leaves room for look-ups. 100,000
/// tenants take 14 hours; assigned tenants come first.
const ADDRESSES: i64 = 10;
/// The time after which a step looks up no further address.
const STEP: Duration = Duration::from_secs(15);
/// The lease of a server on a directory: longer than a step, and short enough for another server to take over soon after a
/// crash.
const LEASE: SignedDuration = SignedDuration::from_mins(1);
/// The maximum number of directories that this server reads at the same time.
const AT_ONCE: usize = 16;

/// The state of the sync, over all partners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryHealth {
    /// The number of partners with a directory.
    pub connected: usize,
    /// The number of directories that were read to the end.
    pub synced: usize,
    /// The number of directories whose last step failed.
    pub failing: usize,
    /// The number of failing directories by error code.
    pub failures: BTreeMap<String, usize>,
}

/// The running steps of this server.
pub(super) struct Steps {
    running: Mutex<HashSet<PartnerId>>,
    permits: Semaphore,
}

/// A running step, which ends when this guard is dropped.
struct Step {
    app: Arc<App>,
    partner: PartnerId,
}

impl Default for Steps {
    fn default() -> Self {
        Steps { running: Mutex::default(), permits: Semaphore::new(AT_ONCE) }
    }
}

impl Step {
    fn begin(app: &Arc<App>, partner: PartnerId) -> Option<Self> {
        let mut running = app.directories.steps.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(partner).then(|| Step { app: Arc::clone(app), partner })
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let running = &self.app.directories.steps.running;
        running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.partner);
    }
}

/// What the transaction that records tenants needs.
struct Sightings {
    trail: Arc<Trail>,
    call: Call,
    seen: Vec<Sighting>,
    /// Makes the new versions unguessable.
    random: Nonce,
    now: Timestamp,
}

impl App {
    /// Starts a step for every directory without a running one. Steps do not wait for each other. An error is recorded, and
    /// the next step retries.
    pub fn sync_directories(self: &Arc<Self>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let rows = match self.directory_rows().await {
                Ok(rows) => rows,
                Err(error) => return tracing::warn!(%error, "failed to read the list of directories"),
            };
            for row in rows {
                let Some(step) = Step::begin(self, row.partner) else { continue };
                tokio::spawn(async move {
                    let app = &step.app;
                    let _permit = app.directories.steps.permits.acquire().await;
                    if let Err(error) = app.sync(&row).await {
                        tracing::warn!(partner = row.partner.0, %error, "failed to sync a directory");
                    }
                });
            }
        })
    }

    /// The state of the sync, over all partners.
    #[boxed]
    pub async fn directory_health(&self) -> Result<DirectoryHealth, Error> {
        let rows = self.directory_rows().await?;
        let mut failures = BTreeMap::new();
        for failure in rows.iter().filter_map(|row| row.failure.as_ref()) {
            *failures.entry(failure.code.clone()).or_default() += 1;
        }
        Ok(DirectoryHealth {
            connected: rows.len(),
            synced: rows.iter().filter(|row| row.synced_at.is_some()).count(),
            failing: failures.values().sum(),
            failures,
        })
    }

    async fn directory_rows(&self) -> Result<Vec<DirectoryRow>, Error> {
        self.db
            .unchecked()
            .read(store::Scope::System, (), |(), tx| Box::pin(async move { Ok(directories::all(tx).await?) }))
            .await
    }

    async fn sync(&self, row: &DirectoryRow) -> Result<(), Error> {
        let (partner, now) = (row.partner, self.clock.now());
        // An idle directory, which is the usual case, causes no write.
        let idle = !is_due(row, now) && row.failure.is_none();
        if idle && self.stale(partner, now, 1).await?.is_empty() {
            return Ok(());
        }
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let leased: Option<DirectoryRow> = self
            .db
            .unchecked()
            .write(partner, (partner, now, until), |(partner, now, until), tx| {
                Box::pin(async move { Ok::<_, Error>(directories::lease(tx, *partner, *now, *until).await?) })
            })
            .await?;
        let Some(row) = leased else { return Ok(()) };
        let result = match self.directory_of(&row) {
            Ok((directory, _)) => self.step(&row, &directory, now).await,
            Err(error) => StepResult {
                cursor: row.cursor.clone(),
                failure: Some(Failed::from(error).failure(now)),
                list_cut_off: row.list_cut_off.clone(),
                walk: row.walk,
                ..StepResult::default()
            },
        };
        let outcome = if result.failure.is_some() { "failed" } else { "done" };
        counter!("tenantry_directory_steps_total", "outcome" => outcome).increment(1);
        log_change(partner, row.failure.as_ref(), result.failure.as_ref());
        self.db
            .unchecked()
            .write(partner, (row, until, result), |(row, until, result), tx| {
                Box::pin(async move { Ok(directories::progress(tx, row, *until, result).await?) })
            })
            .await
    }

    /// Runs a step: reads a page of the list if that is due, then refreshes addresses.
    async fn step(&self, row: &DirectoryRow, directory: &Directory, now: Timestamp) -> StepResult {
        let started = Instant::now();
        let mut result = StepResult {
            cursor: row.cursor.clone(),
            list_cut_off: row.list_cut_off.clone(),
            walk: row.walk,
            ..StepResult::default()
        };
        if is_due(row, now) {
            // A walk that an earlier version has begun is not counted.
            let walk = match &row.cursor {
                None => Some(Walk { began_at: now, tenants: 0 }),
                Some(_) => row.walk,
            };
            match self.walk(row, directory, now).await {
                Ok((page, tenants)) => {
                    let walk = walk.map(|walk| Walk { tenants: walk.tenants + tenants, ..walk });
                    result.cursor = page.next.map(|next| next.as_str().to_owned());
                    if result.cursor.is_none() {
                        result.synced_at = Some(now);
                        result.list_cut_off = page.cut_off;
                        result.walk = None;
                        let until = self.clock.now();
                        result.walked =
                            walk.map(|Walk { began_at, tenants }| Walked { from: began_at, until, tenants });
                    } else {
                        result.walk = walk;
                    }
                }
                Err(failed) => {
                    if let Some(from) = &failed.start_over {
                        result.cursor = from.as_ref().map(|from| from.as_str().to_owned());
                        result.walk = from.as_ref().map(|_| Walk { began_at: now, tenants: 0 });
                    }
                    result.failure = Some(failed.failure(now));
                }
            }
        }
        if result.failure.is_none() {
            let refreshed = self.refresh_addresses(row.partner, directory, now, started).await;
            result.failure = refreshed.err().map(|failed| failed.failure(now));
        }
        result
    }

    /// Reads one page of the list and records its tenants. The result has the cursor of the next page, and the number of
    /// tenants.
    async fn walk(
        &self,
        row: &DirectoryRow,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<(Page, i64), Failed> {
        let partner = row.partner.0;
        let cursor = row.cursor.clone().map(Cursor::from_stored);
        let mut page = directory.page(cursor.as_ref()).await?;
        for skipped in &page.skipped {
            tracing::warn!(partner, skipped, "skipped an entry of a directory that is not a tenant");
        }
        if let Some(why) = &page.cut_off {
            tracing::warn!(partner, why, "the list of a directory was cut off before its end");
        }
        let tenants = page.tenants.len() as i64;
        self.note(row.partner, std::mem::take(&mut page.tenants), now).await?;
        Ok((page, tenants))
    }

    /// Looks up the oldest addresses again, because Partner Center's list does not contain addresses.
    async fn refresh_addresses(
        &self,
        partner: PartnerId,
        directory: &Directory,
        now: Timestamp,
        started: Instant,
    ) -> Result<(), Failed> {
        let (mut seen, mut settled, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        let mut failed = None;
        for azure in self.stale(partner, now, ADDRESSES).await? {
            if started.elapsed() > STEP {
                break;
            }
            match directory.find(&azure).await {
                Ok(Some(tenant)) => seen.push(tenant),
                Ok(None) => {
                    let tenant = azure.as_str();
                    tracing::warn!(partner = partner.0, tenant, "the directory no longer lists a tenant");
                    settled.push((azure, true));
                }
                Err(error @ (::directory::Error::Refused(_) | ::directory::Error::Invalid(_))) => {
                    wrong.push((azure, error));
                }
                Err(error) => {
                    failed = Some(Failed::from(error));
                    break;
                }
            }
        }
        if seen.is_empty() && settled.is_empty() {
            failed = failed.or(wrong.pop().map(|(_, error)| Failed::from(error)));
        } else {
            // Other look-ups succeeded, so only these tenants are affected: they wait for their next refresh and do not block
            // others.
            for (azure, error) in wrong {
                let tenant = azure.as_str();
                tracing::warn!(partner = partner.0, tenant, %error, "failed to refresh the address of a tenant");
                settled.push((azure, false));
            }
        }
        self.note(partner, seen, now).await?;
        self.asked(partner, settled, now).await?;
        failed.map_or(Ok(()), Err)
    }

    /// The tenants with outdated addresses, oldest first.
    async fn stale(
        &self,
        partner: PartnerId,
        now: Timestamp,
        most: i64,
    ) -> Result<Vec<AzureCustomerId>, Error> {
        let before = now.saturating_sub(ADDRESS_AGE).unwrap_or(Timestamp::MIN);
        self.db
            .unchecked()
            .read(partner, (partner, before, most), |(partner, before, most), tx| {
                Box::pin(async move { Ok(azure_tenants::stale(tx, *partner, *before, *most).await?) })
            })
            .await
    }

    /// Records tenants, and updates the addresses that customers have from the directory.
    async fn note(&self, partner: PartnerId, tenants: Vec<Tenant>, now: Timestamp) -> Result<(), Error> {
        if tenants.is_empty() {
            return Ok(());
        }
        counter!("tenantry_directory_tenants_seen_total").increment(tenants.len() as u64);
        let mut seen: Vec<_> = tenants.iter().map(sighting).collect();
        // Assignments lock tenants in the same order, which prevents deadlocks.
        seen.sort_by_key(|seen| seen.azure_customer_id.key());
        let (trail, call) = (Arc::clone(&self.trail), Call::of_directory(partner));
        let input = Sightings { trail, call, seen, random: self.random.nonce()?, now };
        self.db
            .unchecked()
            .write(partner, input, |input, tx| {
                let Sightings { trail, call, seen, random, now } = input;
                Box::pin(async move {
                    let partner = call.partner();
                    for seen in seen {
                        azure_tenants::note(tx, partner, seen, *now).await?;
                        let Some(Some(address)) = &seen.address else { continue };
                        let azure = &seen.azure_customer_id;
                        if let Some((before, after)) =
                            customers::refresh_address(tx, partner, azure, address, *random, *now).await?
                        {
                            let object = format!("customers/{}", before.id);
                            let [before, after] = [&before, &after].map(CustomerRecord::from);
                            let entry = Entry::new("customer.update", object).before(&before).after(&after);
                            audit::append(tx, trail, call, entry, *now).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn asked(
        &self,
        partner: PartnerId,
        tenants: Vec<(AzureCustomerId, bool)>,
        now: Timestamp,
    ) -> Result<(), Error> {
        if tenants.is_empty() {
            return Ok(());
        }
        self.db
            .unchecked()
            .write(partner, (partner, tenants, now), |(partner, tenants, now), tx| {
                Box::pin(async move {
                    for (azure, missing) in tenants {
                        azure_tenants::asked(tx, *partner, azure, *missing, *now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// Whether the list is being read or is due.
fn is_due(row: &DirectoryRow, now: Timestamp) -> bool {
    let walked_lately = |at: Timestamp| at.saturating_add(WALK_EVERY).is_ok_and(|next| next > now);
    row.cursor.is_some() || !row.synced_at.is_some_and(walked_lately)
}

/// The codes that a step's error has besides those of the directory: of a defect, and of one that an earlier version recorded.
const OTHER_CODES: [&str; 2] = ["internal", "unknown"];

/// All codes of a step's error.
pub fn failure_codes() -> impl Iterator<Item = &'static str> {
    ::directory::Error::CODES.into_iter().chain(OTHER_CODES)
}

/// The error of a step.
struct Failed {
    code: &'static str,
    message: String,
    /// The cursor at which the list is read again, if this read cannot continue.
    start_over: Option<Option<Cursor>>,
}

impl Failed {
    fn failure(self, now: Timestamp) -> Failure {
        Failure { code: self.code.to_owned(), message: self.message, since: now }
    }
}

impl From<::directory::Error> for Failed {
    fn from(error: ::directory::Error) -> Self {
        let (code, message) = (error.code(), error.to_string());
        let start_over = match error {
            ::directory::Error::StartOver { from, .. } => Some(from),
            _ => None,
        };
        Failed { code, message, start_over }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let code = if matches!(error, Error::Directory(_)) { "invalid" } else { "internal" };
        Failed { code, message: error.to_string(), start_over: None }
    }
}

/// Logs one line when an outage begins or changes its error code, and one when it ends.
fn log_change(partner: PartnerId, before: Option<&Failure>, after: Option<&Failure>) {
    let partner = partner.0;
    match (before, after) {
        (before, Some(after)) if before.is_none_or(|before| before.code != after.code) => {
            tracing::warn!(partner, code = after.code, message = after.message, "directory failing");
        }
        (Some(before), None) => {
            tracing::info!(partner, code = before.code, since = %before.since, "directory recovered");
        }
        _ => {}
    }
}
