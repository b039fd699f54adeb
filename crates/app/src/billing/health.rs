//! How customers' billing stands.

use super::report::text;
use crate::Error;
use domain::{BillingConfiguration, BillingFault, Customer, CustomerId, PartnerId};
use rating::{Message, Wording};
use store::Tx;
use store::billing::{self, Fault, Health};

/// Say of each of these customers how its billing stands, once the partner has bills.
pub(crate) async fn tell(tx: &mut Tx, partner: PartnerId, customers: &mut [Customer]) -> Result<(), Error> {
    let ids: Vec<CustomerId> = customers.iter().map(|customer| customer.id).collect();
    let Some(mut standing) = billing::of(tx, partner, &ids).await? else { return Ok(()) };
    let failed = standing.failed.map(|(billing_period, run)| BillingFault::RunFailed { billing_period, run });
    for customer in customers {
        let Health { has_tenant, fault } = standing.customers.remove(&customer.id).unwrap_or_default();
        let fault = fault.map(|(message, wording)| BillingFault::Bill { message, wording });
        let configured = &customer.details.partner_billing_configuration;
        let judged = BillingConfiguration::judge(configured, has_tenant, fault, failed.clone());
        customer.billing_configuration = Some(judged);
    }
    Ok(())
}

/// Why a customer's bill was not published, as it is stored.
pub(super) fn stored(customer: i64, Message { text: reason, wording }: &Message) -> Result<Fault, Error> {
    let wording = wording.as_ref().map(text).transpose()?;
    Ok(Fault { customer: CustomerId(customer), reason: reason.clone(), wording })
}

/// Why bills cannot be written, with what makes that sentence in other languages.
pub(crate) fn message(fault: &BillingFault) -> Message {
    let text = fault.to_string();
    match fault {
        BillingFault::Bill { wording, .. } => {
            // A newer version beside this one may store what this one does not know.
            let wording = wording.as_deref().and_then(|wording| serde_json::from_str(wording).ok());
            Message { text, wording }
        }
        BillingFault::NoTenant => Message::fixed(text, "report-no-tenant"),
        BillingFault::RunFailed { billing_period, run } => {
            let values = [("month", billing_period.into()), ("run", run.to_string().into())];
            Message::worded(text, Wording::new("report-last-run-failed", values))
        }
    }
}
