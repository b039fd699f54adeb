//! Publishing: customers see the statements of a month as the last run made them.
//!
//! The files are in the object store already, so publishing is one transaction, and then the indexes follow.

use super::actions::accepted_codes;
use super::invoices;
use super::plan::{Shown, refusal_of_changes};
use super::report::{self, RunReport};
use super::request::RunRequest;
use super::runs::{answered, last_of_its_period, object};
use super::view::RunView;
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::{Created, WriteBody};
use crate::permissions::Permission;
use crate::{App, Error};
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::{Handling, PartnerId};
use jiff::Timestamp;
use rating::WarningCode;
use serde_json::json;
use std::collections::BTreeSet;
use store::bill_runs::{self, BillRun};
use store::{Tx, statements};

/// The payload of a publication: it is of the whole month.
static PUBLICATION: Payload = Payload { members: &[Member::plain("accept")], read_only: &[] };

impl App {
    /// Publishes the statements of a run's month, `{"accept": […]}` with warnings that would keep them from it. Repeating it changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::Invalid`]; [`Error::Conflict`] if the run has not succeeded, or is
    /// not the period's last, or customers see one of its invoices on statements of another month, or what its bills were made by has
    /// changed since; [`Error::KeyReused`],
    /// [`Error::StillRunning`]; [`Error`] of the store.
    #[boxed]
    pub async fn publish_bill_run(
        &self,
        call: &Call,
        id: i64,
        body: &Json,
        write: WriteBody<RunView>,
    ) -> Result<Created, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let mut violations = PUBLICATION.unknown(body, Handling::Strict);
        let accept = accepted_codes(body, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let _entered = self.enter(call)?;
        let now = self.clock.now();
        let created = grant
            .make(PublicationInput { partner: call.partner(), id, accept, now, write }, |input, tx| {
                let PublicationInput { partner, id, accept, now, write } = input;
                Box::pin(async move {
                    let run = last_of_its_period(tx, *partner, *id).await?;
                    let (run, entry) = publish(tx, &run, accept, *now).await?;
                    answered(RunView::of(&run)?, *write, entry)
                })
            })
            .await?;
        let folders = self.folders_of_run(call.partner(), id).await?;
        self.update_indexes(call.partner(), folders).await;
        Ok(created)
    }
}

/// What the transaction that publishes a month needs.
struct PublicationInput {
    partner: PartnerId,
    id: i64,
    accept: Vec<WarningCode>,
    now: Timestamp,
    write: WriteBody<RunView>,
}

impl App {
    /// The folders of a run's month.
    pub(super) async fn folders_of_run(
        &self,
        partner: PartnerId,
        id: i64,
    ) -> Result<BTreeSet<String>, Error> {
        let run: Option<BillRun> = self
            .db
            .unchecked()
            .read(partner, (partner, id), |(partner, id), tx| {
                Box::pin(async move { Ok::<_, Error>(bill_runs::get(tx, *partner, *id).await?) })
            })
            .await?;
        match run {
            Some(run) => self.folders_of_month(partner, &run.billing_period).await,
            None => Ok(BTreeSet::new()),
        }
    }
}

async fn publish(
    tx: &mut Tx,
    run: &BillRun,
    accept: &[WarningCode],
    now: Timestamp,
) -> Result<(BillRun, Entry), Error> {
    let (partner, period) = (run.partner, &run.billing_period);
    bill_runs::one_after_the_other(tx, partner).await?;
    let report = RunReport::of_run(run)?.unwrap_or_default();
    let mut refusals = invoices::refusals(tx, partner, period, &report).await?;
    refusals.extend(invoices::published_elsewhere(tx, partner, period, &report).await?);
    let request = RunRequest::of_run(run)?;
    refusals.extend(refusal_of_changes(tx, run, &report, &[accept, &request.accept], &Shown::Stored).await?);
    if !refusals.is_empty() {
        return Err(Error::Conflict(refusals.into_iter().collect()));
    }
    let changed = statements::publish(tx, partner, period, Some(run.id), now).await?;
    let request = RunRequest { publish: true, ..request };
    bill_runs::set_request(tx, partner, run.id, &report::text(&request)?, now).await?;
    let run = bill_runs::get(tx, partner, run.id).await?.ok_or(Error::NotFound)?;
    let entry = Entry::new("bill_run.publish", object(run.id)).after(&json!({ "published": changed }));
    Ok((run, entry))
}
