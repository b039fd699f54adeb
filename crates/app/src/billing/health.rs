//! How customers' billing stands.

use crate::Error;
use domain::{BillingConfiguration, Customer, CustomerId, PartnerId};
use store::Tx;
use store::billing::{self, Health};

/// Say of each of these customers how its billing stands, once the partner has bills.
pub(crate) async fn tell(tx: &mut Tx, partner: PartnerId, customers: &mut [Customer]) -> Result<(), Error> {
    let ids: Vec<CustomerId> = customers.iter().map(|customer| customer.id).collect();
    let Some(mut standing) = billing::of(tx, partner, &ids).await? else { return Ok(()) };
    let failed = standing.failed.map(|(period, run)| format!("the last run of {period} failed (run {run})"));
    for customer in customers {
        let Health { has_tenant, fault } = standing.customers.remove(&customer.id).unwrap_or_default();
        let configured = &customer.details.partner_billing_configuration;
        let judged = BillingConfiguration::judge(configured, has_tenant, fault, failed.clone());
        customer.billing_configuration = Some(judged);
    }
    Ok(())
}
