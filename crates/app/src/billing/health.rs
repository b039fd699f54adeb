//! How customers' billing stands.

use crate::Error;
use domain::{BillingConfiguration, Customer, CustomerId, PartnerId};
use store::Tx;
use store::billing::{self, Health};

/// Say of each of these customers how its billing stands, once the partner has bills.
pub(crate) async fn tell(tx: &mut Tx, partner: PartnerId, customers: &mut [Customer]) -> Result<(), Error> {
    let ids: Vec<CustomerId> = customers.iter().map(|customer| customer.id).collect();
    let Some(mut health) = billing::of(tx, partner, &ids).await? else { return Ok(()) };
    for customer in customers {
        let Health { has_tenant, fault } = health.remove(&customer.id).unwrap_or_default();
        let configured = &customer.details.partner_billing_configuration;
        customer.billing_configuration = Some(BillingConfiguration::judge(configured, has_tenant, fault));
    }
    Ok(())
}
