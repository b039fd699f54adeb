//! The work of a fetch: lease under a lease, so that one server or command does it.

use super::download::{Downloads, Fetched, Target};
use super::failure::{FetchError, FetchErrorCode};
use super::watch::FetchWatch;
use super::{FetchRequest, FetchView, begin, object};
use crate::access::Call;
use crate::audit::{self, Entry};
use crate::billing::lease::Leased;
use crate::billing::record::FetchRecord;
use crate::billing::report::{stored, text};
use crate::boxed;
use crate::change::Done;
use crate::{App, Error};
use ::directory::partner_center::billing::{Export, Invoice, Unbilled};
use ::directory::{Directory, PartnerCenter};
use bill_storage::Exports;
use domain::PartnerId;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use metrics::counter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::invoice_fetches::{self, End, Fetch, State};
use store::leases::Lease;
use store::microsoft_invoices::{self, FetchedExport, MicrosoftInvoice};

/// The exports that a bill is made from.
const RECONCILIATION: &str = "reconciliation";
const USAGE: &str = "usage";

/// The name of what is on no invoice yet, in the place of an invoice's number.
pub(in crate::billing) fn unbilled_name(currency: &str) -> String {
    format!("unbilled-{currency}")
}

impl App {
    /// Works on the fetches that wait, one after the other, until there is none or this server closes.
    pub fn work_on_invoice_fetches(self: &Arc<Self>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Ok(billing) = self.billing() else { return };
            let read: Result<Vec<(PartnerId, i64)>, Error> = self
                .db
                .unchecked()
                .read(store::Scope::System, self.clock.now(), |now, tx| {
                    Box::pin(async move { Ok(invoice_fetches::LEASES.waiting(tx, *now).await?) })
                })
                .await;
            let waiting = match read {
                Ok(waiting) => waiting,
                Err(error) => return tracing::warn!(%error, "failed to read the waiting invoice fetches"),
            };
            for (partner, id) in waiting {
                if billing.closing.load(Ordering::Relaxed) {
                    return;
                }
                let watch = Arc::new(FetchWatch::until(&billing.closing));
                if let Err(error) = self.work_on_fetch(partner, id, &watch).await {
                    tracing::error!(partner = partner.0, fetch = id, %error, "failed to work on an invoice fetch");
                }
            }
        })
    }

    /// Returns when there may be a fetch to be worked on.
    #[boxed]
    pub async fn invoice_fetch_asked_for(&self) {
        match self.billing() {
            Ok(billing) => billing.wake_fetching.notified().await,
            Err(_) => std::future::pending().await,
        }
    }

    /// Makes a fetch and works on it here and now, as a command does; the fetch as it is then.
    ///
    /// # Errors
    /// [`Error::Conflict`] while another fetch of the period is under way.
    #[boxed]
    pub async fn fetch_invoices<'a>(
        self: &'a Arc<Self>,
        partner: PartnerId,
        request: FetchRequest,
        watch: &'a Arc<FetchWatch>,
    ) -> Result<FetchView, Error> {
        let call = Call::of_operator(partner, "bill fetch");
        let fetch = self
            .unchecked(&call)
            .change((partner, request, self.clock.now()), |(partner, request, now), tx| {
                Box::pin(async move {
                    let fetch = begin(tx, *partner, request, true, *now).await?;
                    let entry = Entry::new("invoice_fetch.create", object(fetch.id));
                    let entry = entry.after(&FetchRecord::from(&FetchView::of(&fetch)?));
                    Ok(Done { value: fetch, entry: Some(entry) })
                })
            })
            .await?;
        self.work_on_fetch(partner, fetch.id, watch).await?;
        self.invoice_fetch(&call, fetch.id).await
    }

    /// Takes a fetch, if no other worker has it, and works on it until it ends.
    async fn work_on_fetch(
        self: &Arc<Self>,
        partner: PartnerId,
        id: i64,
        watch: &Arc<FetchWatch>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let until = self.lease_end()?;
        let fetch: Option<Fetch> = self
            .db
            .unchecked()
            .write(partner, (partner, id, now, until), |(partner, id, now, until), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(invoice_fetches::take(tx, *partner, *id, *now, *until).await?)
                })
            })
            .await?;
        let Some(fetch) = fetch else { return Ok(()) };
        tracing::info!(partner = partner.0, fetch = id, attempt = fetch.attempt, "invoice fetch started");
        let lease = Lease { partner, id, attempt: fetch.attempt };
        let request: FetchRequest = stored("the request of an invoice fetch", &fetch.request)?;
        let mut fetched = Vec::new();
        let work = self.fetch_all(partner, &request, watch, &mut fetched);
        let made = self.under_lease(lease, watch, work).await;
        let error = match made {
            Ok(()) => None,
            Err(Stopped::Failed(error)) => Some(error),
            // Another worker goes on.
            Err(Stopped::Cancelled) if watch.stop().is_lost() => return Ok(()),
            Err(Stopped::Cancelled) if fetch.by_command => Some(FetchError::new(
                FetchErrorCode::Cancelled,
                "the command was interrupted; the next fetch goes on from here",
            )),
            Err(Stopped::Cancelled) => return self.give_back::<FetchWatch>(lease).await,
            Err(Stopped::Error(error)) => return Err(error),
        };
        let outcome = error.as_ref().map_or("succeeded", |error| error.code.name());
        counter!("tenantry_invoice_fetches_total", "outcome" => outcome).increment(1);
        match &error {
            Some(FetchError { code, message }) => {
                let code = code.name();
                tracing::warn!(partner = partner.0, fetch = id, code, message, "invoice fetch failed");
            }
            None => tracing::info!(partner = partner.0, fetch = id, "invoice fetch succeeded"),
        }
        self.end_fetch(lease, watch, &fetched, error).await
    }

    async fn end_fetch(
        &self,
        lease: Lease,
        watch: &FetchWatch,
        fetched: &[FetchedExport],
        error: Option<FetchError>,
    ) -> Result<(), Error> {
        let sources: Vec<&str> = fetched.iter().map(|export| export.source.as_str()).collect();
        let end = End {
            state: if error.is_some() { State::Failed } else { State::Succeeded },
            progress: text(&watch.progress())?,
            sources: text(&sources)?,
            error: error.map(|error| (error.code.name().to_owned(), error.message)),
        };
        let input = (Arc::clone(&self.trail), lease, end, self.clock.now());
        self.db
            .unchecked()
            .write(lease.partner, input, |(trail, lease, end, now), tx| {
                Box::pin(async move {
                    if !invoice_fetches::end(tx, *lease, end, *now).await? {
                        return Ok(());
                    }
                    let fetch =
                        invoice_fetches::get(tx, lease.partner, lease.id).await?.ok_or(Error::NotFound)?;
                    let action = match end.state {
                        State::Succeeded => "invoice_fetch.succeed",
                        _ => "invoice_fetch.fail",
                    };
                    let fetch = FetchView::of(&fetch)?;
                    let entry = Entry::new(action, object(lease.id)).after(&FetchRecord::from(&fetch));
                    audit::append(tx, trail, &Call::of_billing(lease.partner), entry, *now).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Everything that was asked for; what was fetched is in `fetched`, whatever becomes of the rest.
    async fn fetch_all(
        &self,
        partner: PartnerId,
        request: &FetchRequest,
        watch: &FetchWatch,
        fetched: &mut Vec<FetchedExport>,
    ) -> Result<(), Stopped> {
        let client = self.billing_client(partner).await?;
        let (root, exports) = self.sources_of(partner).await?;
        let invoices = self.list_invoices(partner, &client).await?;
        let wanted = match request.unbilled {
            true => unbilled_exports(&invoices, &request.billing_period, self.clock.now())?,
            false => billed_exports(&invoices, request)?,
        };
        watch.exports_total.store(wanted.len() as u64, Ordering::Relaxed);
        let export_wait = self.billing()?.setup.export_wait;
        let downloads = Downloads { client: &client, watch, export_wait };
        for Wanted { invoice, kind, export } in wanted {
            let (root, exports) = (&root, exports.as_ref());
            let target = Target { root, exports, period: &request.billing_period, invoice: &invoice, kind };
            let found = match downloads.fetch(&export, &target).await {
                Ok(found) => found,
                Err(Some(error)) => return Err(Stopped::Failed(error)),
                Err(None) => return Err(Stopped::Cancelled),
            };
            match found {
                Some(found) => {
                    let export = self.note_export(partner, &target, found).await?;
                    fetched.push(export);
                }
                // Azure is not part of every invoice; an invoice without any line is none.
                None if kind == RECONCILIATION && !request.unbilled => {
                    let message = format!(
                        "Microsoft has no lines of the invoice {invoice} (yet): fetch it again later"
                    );
                    return Err(Stopped::Failed(FetchError::new(FetchErrorCode::NoData, message)));
                }
                None => {}
            }
            watch.exports_done.fetch_add(1, Ordering::Relaxed);
        }
        if fetched.is_empty() {
            let month = &request.billing_period;
            let message = format!("Microsoft has no data of {month} yet: it appears within about a day");
            return Err(Stopped::Failed(FetchError::new(FetchErrorCode::NoData, message)));
        }
        Ok(())
    }

    async fn note_export(
        &self,
        partner: PartnerId,
        target: &Target<'_>,
        found: Fetched,
    ) -> Result<FetchedExport, Stopped> {
        let export = FetchedExport {
            invoice_id: target.invoice.to_owned(),
            billing_period: target.period.to_owned(),
            kind: target.kind.to_owned(),
            etag: found.etag,
            source: found.source,
            blobs: i64::try_from(found.blobs).unwrap_or(i64::MAX),
            bytes: i64::try_from(found.bytes).unwrap_or(i64::MAX),
            fetched_at: self.clock.now(),
        };
        self.db
            .unchecked()
            .write(partner, (partner, export.clone()), |(partner, export), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(microsoft_invoices::note_export(tx, *partner, export).await?)
                })
            })
            .await?;
        Ok(export)
    }

    /// The partner's client of Microsoft's billing data.
    pub(in crate::billing) async fn billing_client(
        &self,
        partner: PartnerId,
    ) -> Result<PartnerCenter, Stopped> {
        const NONE: &str = "the partner is not connected to Partner Center: tenantry admin directory connect --kind partner-center";
        match self.directory(partner).await?.map(|(directory, _)| directory) {
            Some(directory) => match &*directory {
                Directory::PartnerCenter(client) => Ok(client.clone()),
                Directory::File(_) => {
                    Err(Stopped::Failed(FetchError::new(FetchErrorCode::NotConnected, NONE)))
                }
            },
            None => Err(Stopped::Failed(FetchError::new(FetchErrorCode::NotConnected, NONE))),
        }
    }

    /// The folder of the partner's sources, which is no other partner's, and the object store of its exports.
    async fn sources_of(&self, partner: PartnerId) -> Result<(PathBuf, Option<Exports>), Stopped> {
        let billing = self.billing()?;
        let fetch_to = billing.setup.fetch_to.as_ref();
        let are_apart = billing.tells_partners_apart("file:")
            && fetch_to.is_none_or(|root| root.contains(crate::billing::PARTNER));
        if self.partners().await?.len() > 1 && !are_apart {
            let message = "this server has several partners, and one folder for the sources of all: its operator has to say \
                           whose are where (--bill-sources, and --bill-fetch-to if it is used, with {partner})";
            return Err(Stopped::Failed(FetchError::new(FetchErrorCode::SourcesShared, message)));
        }
        let own = |place: &String| place.replace(crate::billing::PARTNER, &partner.to_string());
        let exports = fetch_to.map(|root| Exports::open(&own(root), &billing.setup.settings)).transpose();
        let exports = exports
            .map_err(|error| Stopped::Failed(FetchError::new(FetchErrorCode::Store, error.to_string())))?;
        let root = PathBuf::from(own(&billing.setup.sources));
        let unusable = |error: std::io::Error| {
            Stopped::Failed(FetchError::new(FetchErrorCode::Disk, format!("{}: {error}", root.display())))
        };
        std::fs::create_dir_all(&root).map_err(unusable)?;
        Ok((std::path::absolute(&root).map_err(unusable)?, exports))
    }

    /// Asks Partner Center for the partner's invoices, and records them.
    pub(in crate::billing) async fn list_invoices(
        &self,
        partner: PartnerId,
        client: &PartnerCenter,
    ) -> Result<Vec<MicrosoftInvoice>, Stopped> {
        let listed = client.invoices().await.map_err(|error| Stopped::Failed(error.into()))?;
        let invoices: Vec<MicrosoftInvoice> = listed.into_iter().map(of_month).collect();
        let input = (partner, invoices.clone(), self.clock.now());
        self.db
            .unchecked()
            .write(partner, input, |(partner, invoices, now), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(microsoft_invoices::note(tx, *partner, invoices, *now).await?)
                })
            })
            .await?;
        Ok(invoices)
    }
}

/// Why a fetch has not brought all.
pub(in crate::billing) enum Stopped {
    Failed(FetchError),
    Cancelled,
    Error(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        match error {
            Error::Directory(why) => Stopped::Failed(FetchError::new(FetchErrorCode::Invalid, why)),
            other => Stopped::Error(other),
        }
    }
}

struct Wanted {
    invoice: String,
    kind: &'static str,
    export: Export,
}

/// An invoice, with the month that it charges: that of its period's first day, else the one before its date.
fn of_month(invoice: Invoice) -> MicrosoftInvoice {
    let month = |day: &str| day.get(..7).map(str::to_owned);
    let started = invoice.period_start.parse::<Date>().ok().filter(|day| day.year() > 1);
    let billing_period = match (started, invoice.date.parse::<Date>()) {
        (Some(_), _) => month(&invoice.period_start),
        (None, Ok(date)) => month(&date.first_of_month().yesterday().map_or(date, |day| day).to_string()),
        (None, Err(_)) => None,
    };
    MicrosoftInvoice {
        id: invoice.id,
        date: invoice.date,
        period_start: invoice.period_start,
        period_end: invoice.period_end,
        billing_period: billing_period.unwrap_or_default(),
        total_charges: invoice.total_charges,
        currency: invoice.currency,
        document_type: invoice.document_type,
        invoice_type: invoice.invoice_type,
    }
}

fn billed_exports(invoices: &[MicrosoftInvoice], request: &FetchRequest) -> Result<Vec<Wanted>, Stopped> {
    let month = &request.billing_period;
    let is_wanted = |invoice: &&MicrosoftInvoice| {
        invoice.billing_period == *month
            && request.invoice_id.as_ref().is_none_or(|id| id.eq_ignore_ascii_case(&invoice.id))
    };
    let found: Vec<&MicrosoftInvoice> = invoices.iter().filter(is_wanted).collect();
    if found.is_empty() {
        let message = match &request.invoice_id {
            Some(id) => format!("Microsoft lists no invoice {id} of {month}"),
            None => format!(
                "Microsoft lists no invoice of {month} yet: it comes between the 6th and the 8th of the next month"
            ),
        };
        return Err(Stopped::Failed(FetchError::new(FetchErrorCode::NoInvoice, message)));
    }
    let both = found.into_iter().flat_map(|invoice| {
        let invoice_id = invoice.id.clone();
        [
            (RECONCILIATION, Export::BilledReconciliation { invoice_id: invoice_id.clone() }),
            (USAGE, Export::BilledUsage { invoice_id: invoice_id.clone() }),
        ]
        .map(|(kind, export)| Wanted { invoice: invoice_id.clone(), kind, export })
    });
    Ok(both.collect())
}

/// What is on no invoice yet: in the currencies that the partner is billed in.
fn unbilled_exports(
    invoices: &[MicrosoftInvoice],
    month: &str,
    now: Timestamp,
) -> Result<Vec<Wanted>, Stopped> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let this = today.strftime("%Y-%m").to_string();
    let last = today.first_of_month().yesterday().map(|day| day.strftime("%Y-%m").to_string());
    let period = match month {
        month if month == this => Unbilled::Current,
        month if last.is_ok_and(|last| last == month) => Unbilled::Last,
        _ => {
            let message =
                format!("Microsoft tells what is not billed yet of {this} and of the month before alone");
            return Err(Stopped::Failed(FetchError::new(FetchErrorCode::NoData, message)));
        }
    };
    let mut currencies: Vec<&str> = invoices.iter().map(|invoice| invoice.currency.as_str()).collect();
    currencies.sort_unstable();
    currencies.dedup();
    currencies.retain(|currency| !currency.is_empty());
    if currencies.is_empty() {
        let message =
            "Microsoft lists no invoice, so the currency that the partner is billed in is not known yet";
        return Err(Stopped::Failed(FetchError::new(FetchErrorCode::NoInvoice, message)));
    }
    let both = currencies.into_iter().flat_map(|currency| {
        let name = unbilled_name(currency);
        let currency = currency.to_owned();
        [
            (RECONCILIATION, Export::UnbilledReconciliation { currency: currency.clone(), period }),
            (USAGE, Export::UnbilledUsage { currency, period }),
        ]
        .map(|(kind, export)| Wanted { invoice: name.clone(), kind, export })
    });
    Ok(both.collect())
}
