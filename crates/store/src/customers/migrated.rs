//! Customers that come from another system with their ids.

use super::{Keys, Taken, count_block, insert_tags, settable, taken};
use crate::engine::value::{Arg, args};
use crate::engine::{IdSequence, Tx};
use crate::{Error, azure_tenants};
use domain::version::Nonce;
use domain::{Customer, PartnerId};
use jiff::Timestamp;

/// Inserts a customer with the id, the external id and the times that it has; ids to come start behind it. Otherwise returns
/// which of its unique values are taken; none of them if that is its id or its external id.
pub async fn insert_migrated(
    tx: &mut Tx,
    partner: PartnerId,
    customer: &Customer,
    random: Nonce,
    now: Timestamp,
) -> Result<Result<Customer, Taken>, Error> {
    let details = &customer.details;
    let azure = details.azure_customer_id.as_ref();
    let found = taken(tx, partner, Some(&details.name), azure, None).await?;
    if found != Taken::default() {
        return Ok(Err(found));
    }
    let sql = "INSERT INTO customers (partner_id, id, generated_external_id, created_at, updated_at, version,
            name, name_key, azure_customer_id, azure_customer_key, street1, street2, city, state, zipcode, country,
            classification, trial_expiration_date, billing_contact, margin_percentage, billing_enabled, billing_folder,
            directory_address)
        VALUES ($1, $22, $2, $3, $23, $21, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        ON CONFLICT DO NOTHING";
    let keys = Keys::of(details);
    let external_id = customer.generated_external_id.as_str();
    let mut row = args![partner.0, external_id, customer.created_at.as_second()].to_vec();
    row.extend(settable(details, &keys));
    let version = domain::version::next(0, random);
    // Its address is taken for one that was set by hand, which no directory replaces.
    let directory_address = false;
    row.extend::<[Arg<'_>; 4]>([
        directory_address.into(),
        version.into(),
        customer.id.0.into(),
        customer.updated_at.as_second().into(),
    ]);
    if tx.execute(sql, &row).await? == 0 {
        return Ok(Err(Taken::default()));
    }
    if let Some(azure) = azure
        && !azure_tenants::assign(tx, partner, azure, customer.id, now).await?
    {
        return Err(tx.serialization_conflict());
    }
    insert_tags(tx, partner, customer.id, &details.tags).await?;
    count_block(tx, partner, customer.id, 1);
    tx.continue_ids_behind(partner, IdSequence::Customer, customer.id.0).await?;
    Ok(Ok(Customer { version, ..customer.clone() }))
}
