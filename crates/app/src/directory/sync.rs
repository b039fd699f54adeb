//! The walk through every partner's directory in the background: a page at a time, resumed where it stopped, by one
//! server at a time.

use super::sighting;
use crate::access::Call;
use crate::audit::{self, Entry};
use crate::{App, Error};
use ::directory::{Cursor, Directory, Page, Tenant};
use domain::{AzureCustomerId, PartnerId};
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::directories::{self, DirectoryRow, Failure, StepResult};
use store::{azure_tenants, customers};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How often the list is walked from its beginning.
const WALK_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How old an address may be before it is asked for again.
const ADDRESS_AGE: SignedDuration = SignedDuration::from_hours(24);
/// How many addresses are asked for in a step, each with up to three requests. With a step every five seconds that is
/// 370 requests a minute at the most, of the 500 that Partner Center answers: look-ups want theirs. 100,000 tenants
/// take 14 hours, those that customers hold first.
const ADDRESSES: i64 = 10;
/// After this, a step asks for no further address.
const STEP: Duration = Duration::from_secs(15);
/// How long one server has a directory for itself: longer than a step takes, and no longer than others should wait for
/// the work of a server that died.
const LEASE: SignedDuration = SignedDuration::from_mins(1);
/// How many directories this server walks at the same time.
const AT_ONCE: usize = 16;

/// How the walks through the directories stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryHealth {
    /// How many partners have a directory.
    pub connected: usize,
    /// How many of them have been walked to the end.
    pub synced: usize,
    /// How many of them failed at the last step.
    pub failing: usize,
    /// Number of failing directories by the kind of failure.
    pub failures: BTreeMap<String, usize>,
}

/// The steps under way on this server.
pub(super) struct Steps {
    running: Mutex<HashSet<PartnerId>>,
    permits: Semaphore,
}

/// A step under way; it ends with this value.
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

impl App {
    /// Begin a step through every directory that is not in the middle of one; one that hangs delays no other. A failure is
    /// recorded; the next step tries again.
    pub async fn sync_directories(self: &Arc<Self>) {
        let rows = match self.directory_rows().await {
            Ok(rows) => rows,
            Err(error) => return tracing::warn!(%error, "the directories could not be read"),
        };
        for row in rows {
            let Some(step) = Step::begin(self, row.partner) else { continue };
            tokio::spawn(async move {
                let app = &step.app;
                let _permit = app.directories.steps.permits.acquire().await;
                if let Err(error) = app.sync(&row).await {
                    tracing::warn!(partner = row.partner.0, %error, "a directory could not be synced");
                }
            });
        }
    }

    /// How the walks stand.
    ///
    /// # Errors
    /// [`Error`] of the store.
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
            .read(store::Scope::System, (), |(), tx| Box::pin(async move { Ok(directories::all(tx).await?) }))
            .await
    }

    async fn sync(&self, row: &DirectoryRow) -> Result<(), Error> {
        let (partner, now) = (row.partner, self.clock.now());
        // Most of the time there is nothing to do, and then nothing is written.
        let idle = !is_due(row, now) && row.failure.is_none();
        if idle && self.stale(partner, now, 1).await?.is_empty() {
            return Ok(());
        }
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let leased: Option<DirectoryRow> = self
            .db
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
                ..StepResult::default()
            },
        };
        let outcome = if result.failure.is_some() { "failed" } else { "done" };
        counter!("tenantry_directory_steps_total", "outcome" => outcome).increment(1);
        log_change(partner, row.failure.as_ref(), result.failure.as_ref());
        self.db
            .write(partner, (row, until, result), |(row, until, result), tx| {
                Box::pin(async move { Ok(directories::progress(tx, row, *until, result).await?) })
            })
            .await
    }

    /// A page of the list, if the walk is under way or due, and some addresses.
    async fn step(&self, row: &DirectoryRow, directory: &Directory, now: Timestamp) -> StepResult {
        let started = Instant::now();
        let mut result = StepResult {
            cursor: row.cursor.clone(),
            list_cut_off: row.list_cut_off.clone(),
            ..StepResult::default()
        };
        if is_due(row, now) {
            match self.walk(row, directory, now).await {
                Ok(page) => {
                    result.cursor = page.next.map(|next| next.as_str().to_owned());
                    if result.cursor.is_none() {
                        result.synced_at = Some(now);
                        result.list_cut_off = page.cut_off;
                    }
                }
                Err(failed) => {
                    if let Some(from) = &failed.start_over {
                        result.cursor = from.as_ref().map(|from| from.as_str().to_owned());
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

    /// Reads one page of the list and records its tenants; the page then says where the list goes on.
    async fn walk(&self, row: &DirectoryRow, directory: &Directory, now: Timestamp) -> Result<Page, Failed> {
        let partner = row.partner.0;
        let cursor = row.cursor.clone().map(Cursor::from_stored);
        let mut page = directory.page(cursor.as_ref()).await?;
        for skipped in &page.skipped {
            tracing::warn!(partner, skipped, "the directory lists something that is no tenant");
        }
        if let Some(why) = &page.cut_off {
            tracing::warn!(partner, why, "the directory's list could not be followed to its end");
        }
        self.note(row.partner, std::mem::take(&mut page.tenants), now).await?;
        Ok(page)
    }

    /// The addresses that were asked for longest ago; Partner Center's list has none.
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
                    tracing::warn!(partner = partner.0, tenant, "the directory no longer has a tenant");
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
            // Others were answered, so these alone are the problem: they wait for their next turn and delay no other.
            for (azure, error) in wrong {
                let tenant = azure.as_str();
                tracing::warn!(partner = partner.0, tenant, %error, "a tenant cannot be looked up");
                settled.push((azure, false));
            }
        }
        self.note(partner, seen, now).await?;
        self.asked(partner, settled, now).await?;
        failed.map_or(Ok(()), Err)
    }

    /// The tenants whose addresses are too old, the oldest first.
    async fn stale(
        &self,
        partner: PartnerId,
        now: Timestamp,
        most: i64,
    ) -> Result<Vec<AzureCustomerId>, Error> {
        let before = now.saturating_sub(ADDRESS_AGE).unwrap_or(Timestamp::MIN);
        self.db
            .read(partner, (partner, before, most), |(partner, before, most), tx| {
                Box::pin(async move { Ok(azure_tenants::stale(tx, *partner, *before, *most).await?) })
            })
            .await
    }

    /// Keep what the directory says, and give customers the addresses that they have from it.
    async fn note(&self, partner: PartnerId, tenants: Vec<Tenant>, now: Timestamp) -> Result<(), Error> {
        if tenants.is_empty() {
            return Ok(());
        }
        counter!("tenantry_directory_tenants_seen_total").increment(tenants.len() as u64);
        let mut seen: Vec<_> = tenants.iter().map(sighting).collect();
        // As those who assign tenants do it, so that no two transactions wait for each other.
        seen.sort_by_key(|seen| seen.azure_customer_id.key());
        let call = Call::of_directory(partner);
        let input = (Arc::clone(&self.trail), call, seen, self.random.nonce()?, now);
        self.db
            .write(partner, input, |(trail, call, seen, random, now), tx| {
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

/// Whether the list is being walked, or has to be.
fn is_due(row: &DirectoryRow, now: Timestamp) -> bool {
    let walked_lately = |at: Timestamp| at.saturating_add(WALK_EVERY).is_ok_and(|next| next > now);
    row.cursor.is_some() || !row.synced_at.is_some_and(walked_lately)
}

/// Why a step failed.
struct Failed {
    code: &'static str,
    message: String,
    /// Where the next walk begins, if this one cannot go on.
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

/// One line when an outage begins or becomes another one, and one when it is over.
fn log_change(partner: PartnerId, before: Option<&Failure>, after: Option<&Failure>) {
    let partner = partner.0;
    match (before, after) {
        (before, Some(after)) if before.is_none_or(|before| before.code != after.code) => {
            tracing::warn!(partner, code = after.code, message = after.message, "directory failing");
        }
        (Some(before), None) => {
            tracing::info!(partner, code = before.code, since = %before.since, "directory works again");
        }
        _ => {}
    }
}
