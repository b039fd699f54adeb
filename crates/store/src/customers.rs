//! Customers and their tags.

mod found_by_name;
mod list;
mod migrated;
mod name_index;

pub use list::{BillingProblem, Filter, Listed, Order, Trial, Window, list};
pub use migrated::insert_migrated;
pub use name_index::index_names;

use crate::engine::value::{Arg, Row, args};
use crate::engine::{Deferred, IdSequence, Tx};
use crate::query::Query;
use crate::{Error, azure_tenants, dated};
use domain::version::Nonce;
use domain::{
    Address, AzureCustomerId, Classification, Customer, CustomerId, DisplayName, Email, ExternalId, Margin,
    NewCustomer, PartnerBilling, PartnerId, Tag, UtcSecond,
};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use list::BLOCK;
use std::collections::BTreeMap;

const COLUMNS: &str = "id, name, azure_customer_id, street1, street2, city, state, zipcode, country, classification,
    trial_expiration_date, billing_contact, margin_percentage, billing_enabled, billing_folder, generated_external_id,
    created_at, updated_at, version";

/// Unique values of a customer that another customer of the partner has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The name.
    pub name: bool,
    /// The Azure tenant.
    pub azure_customer_id: bool,
}

/// Inserts a customer, or returns which of its unique values are taken.
///
/// # Errors
/// [`Error::Retry`] if the external id is taken, about once in 10^8 creates.
pub async fn insert(
    tx: &mut Tx,
    partner: PartnerId,
    details: &NewCustomer,
    external_id: &ExternalId,
    directory_address: bool,
    now: Timestamp,
) -> Result<Result<Customer, Taken>, Error> {
    let sql = "INSERT INTO customers (partner_id, id, generated_external_id, created_at, updated_at, version,
            name, name_key, azure_customer_id, azure_customer_key, street1, street2, city, state, zipcode, country,
            classification, trial_expiration_date, billing_contact, margin_percentage, billing_enabled, billing_folder,
            directory_address)
        VALUES ($1, $22, $2, $3, $3, $21, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        ON CONFLICT DO NOTHING";
    let keys = Keys::of(details);
    let mut row = vec![partner.0.into(), external_id.as_str().into(), now.as_second().into()];
    row.extend(settable(details, &keys));
    // The external id's bits are random, so the version's need not be drawn.
    let random = u32::from_str_radix(&external_id.as_str()[4..], 16).map_err(Error::defect)?;
    let version = domain::version::next(0, random);
    row.extend::<[Arg<'_>; 2]>([directory_address.into(), version.into()]);
    let azure = details.azure_customer_id.as_ref();
    let inserted = tx.insert(partner, IdSequence::Customer, sql, &row).await?.map(CustomerId);
    let added = match (inserted, azure) {
        (Some(id), Some(azure)) => azure_tenants::assign(tx, partner, azure, id, now).await?.then_some(id),
        _ => inserted,
    };
    let Some(id) = added else {
        // The inserted row, if any, is rolled back with the job.
        let taken = taken(tx, partner, Some(&details.name), azure, inserted).await?;
        return if taken == Taken::default() { Err(tx.serialization_conflict()) } else { Ok(Err(taken)) };
    };
    insert_tags(tx, partner, id, &details.tags).await?;
    count_block(tx, partner, id, 1);
    Ok(Ok(Customer {
        id,
        details: details.clone(),
        generated_external_id: external_id.clone(),
        created_at: now,
        updated_at: now,
        version,
        billing_configuration: None,
    }))
}

/// Replaces the details of a customer that was read in this transaction. The caller must have checked unique values with
/// [`taken`].
///
/// # Errors
/// [`Error::Retry`] if the customer has changed since it was read.
pub async fn update(
    tx: &mut Tx,
    partner: PartnerId,
    before: &Customer,
    details: NewCustomer,
    directory_address: bool,
    random: Nonce,
    now: Timestamp,
) -> Result<Customer, Error> {
    let sql = "UPDATE customers SET updated_at = $4, version = $22,
            name = $5, name_key = CASE WHEN name = $5 THEN name_key ELSE $6 END, azure_customer_id = $7, azure_customer_key = $8, street1 = $9, street2 = $10,
            city = $11, state = $12, zipcode = $13, country = $14, classification = $15, trial_expiration_date = $16,
            billing_contact = $17, margin_percentage = $18, billing_enabled = $19, billing_folder = $20,
            directory_address = $21
        WHERE partner_id = $1 AND id = $2 AND version = $3";
    let keys = Keys::of(&details);
    let mut row = vec![partner.0.into(), before.id.0.into(), before.version.into(), now.as_second().into()];
    row.extend(settable(&details, &keys));
    let version = domain::version::next(before.version, random);
    row.extend::<[Arg<'_>; 2]>([directory_address.into(), version.into()]);
    if tx.execute(sql, &row).await? == 0 {
        return Err(tx.serialization_conflict());
    }
    if details.name != before.details.name {
        name_index::note_rename(tx, partner, before.id, version).await?;
    }
    let (old, new) = (before.details.azure_customer_id.as_ref(), details.azure_customer_id.as_ref());
    if old.map(AzureCustomerId::key) != new.map(AzureCustomerId::key) {
        if let Some(old) = old {
            azure_tenants::release(tx, partner, old, before.id, now).await?;
        }
        if let Some(new) = new
            && !azure_tenants::assign(tx, partner, new, before.id, now).await?
        {
            return Err(tx.serialization_conflict());
        }
    }
    if details.tags != before.details.tags {
        let sql = "DELETE FROM customer_tags WHERE partner_id = $1 AND customer_id = $2";
        tx.enqueue(sql, args![partner.0, before.id.0]).await?;
        insert_tags(tx, partner, before.id, &details.tags).await?;
    }
    Ok(Customer { details, updated_at: now, version, ..before.clone() })
}

/// Deletes a customer that was read in this transaction, with its tags and users; its Azure tenants become unassigned. `keep`:
/// whether its days until now can still be billed.
///
/// # Errors
/// [`Error::Retry`] if the customer has changed since it was read.
pub async fn delete(
    tx: &mut Tx,
    partner: PartnerId,
    customer: &Customer,
    keep: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let (id, version) = (customer.id, customer.version);
    azure_tenants::release_all(tx, partner, id, keep, now).await?;
    if keep {
        dated::keep_deleted(tx, partner, id, &customer.details, domain::timeline::day_of(now)).await?;
    }
    let sql = "DELETE FROM customers WHERE partner_id = $1 AND id = $2 AND version = $3";
    if tx.execute(sql, args![partner.0, id.0, version]).await? == 0 {
        return Err(tx.serialization_conflict());
    }
    count_block(tx, partner, id, -1);
    name_index::note_delete(tx, partner, id, version).await
}

/// Which of these values a customer other than `except` has.
pub async fn taken(
    tx: &mut Tx,
    partner: PartnerId,
    name: Option<&DisplayName>,
    azure: Option<&AzureCustomerId>,
    except: Option<CustomerId>,
) -> Result<Taken, Error> {
    let other = |owner: Option<i64>| owner.is_some_and(|id| Some(CustomerId(id)) != except);
    let mut taken = Taken::default();
    if let Some(name) = name {
        let sql = "SELECT id FROM customers WHERE partner_id = $1 AND name_key = $2";
        taken.name = other(tx.first(sql, args![partner.0, &name.key()], |row| row.next()).await?);
    }
    if let Some(azure) = azure {
        taken.azure_customer_id = azure_tenants::find(tx, partner, azure)
            .await?
            .is_some_and(|tenant| other(tenant.customer.map(|holder| holder.0)));
    }
    Ok(taken)
}

/// One customer.
pub async fn get(tx: &mut Tx, partner: PartnerId, id: CustomerId) -> Result<Option<Customer>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM customers WHERE partner_id = $1 AND id = $2");
    let found = tx.first(&sql, args![partner.0, id.0], read).await?;
    Ok(with_tags(tx, partner, found.into_iter().collect()).await?.pop())
}

/// These customers, in this order. Those that do not exist are left out.
async fn with_ids(tx: &mut Tx, partner: PartnerId, ids: &[CustomerId]) -> Result<Vec<Customer>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = list::select(COLUMNS, partner, None);
    query.and_any("c.id", ids.iter().map(|id| id.0));
    let found = tx.all(&query.sql, &query.args(), read).await?;
    let mut found: BTreeMap<CustomerId, Customer> =
        found.into_iter().map(|found| (found.id, found)).collect();
    let customers = ids.iter().filter_map(|id| found.remove(id)).collect();
    with_tags(tx, partner, customers).await
}

/// The names of these customers. Those that do not exist are left out.
pub async fn names(
    tx: &mut Tx,
    partner: PartnerId,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, String>, Error> {
    let mut query = Query::new("SELECT id, name FROM customers WHERE partner_id = $1".into(), partner);
    query.and_in("id", ids.iter().map(|id| id.0));
    let names = tx.all(&query.sql, &query.args(), |row| Ok((CustomerId(row.next()?), row.next()?))).await?;
    Ok(names.into_iter().collect())
}

/// The forms in which unique values are compared.
struct Keys {
    name: String,
    azure: Option<String>,
}

impl Keys {
    fn of(details: &NewCustomer) -> Self {
        Keys { name: details.name.key(), azure: details.azure_customer_id.as_ref().map(AzureCustomerId::key) }
    }
}

/// Columns that a caller can set, from `name` to `billing_folder`, in the order of the statements above.
fn settable<'a>(details: &'a NewCustomer, keys: &'a Keys) -> [Arg<'a>; 16] {
    let [street1, street2, city, state, zipcode, country] = address_args(details.address.as_ref());
    [
        details.name.as_str().into(),
        (&keys.name).into(),
        details.azure_customer_id.as_ref().map(AzureCustomerId::as_str).into(),
        keys.azure.as_deref().into(),
        street1,
        street2,
        city,
        state,
        zipcode,
        country,
        details.classification.as_str().into(),
        details.trial_expiration_date.map(|t| t.as_second()).into(),
        details.billing_contact.as_ref().map(Email::as_str).into(),
        details.margin_percentage.ten_thousandths().into(),
        details.partner_billing_configuration.enabled.into(),
        details.partner_billing_configuration.folder.as_str().into(),
    ]
}

/// An address in its six columns.
pub(crate) fn address_args(address: Option<&Address>) -> [Arg<'_>; 6] {
    [
        address.map(|a| a.street1.as_str()).into(),
        address.and_then(|a| a.street2.as_deref()).into(),
        address.map(|a| a.city.as_str()).into(),
        address.and_then(|a| a.state.as_deref()).into(),
        address.and_then(|a| a.zipcode.as_deref()).into(),
        address.map(|a| a.country.as_str()).into(),
    ]
}

/// An address out of its six columns.
pub(crate) fn read_address(row: &mut Row<'_>) -> Result<Option<Address>, Error> {
    let (street1, street2): (Option<String>, Option<String>) = (row.next()?, row.next()?);
    let (city, state): (Option<String>, Option<String>) = (row.next()?, row.next()?);
    let (zipcode, country): (Option<String>, Option<String>) = (row.next()?, row.next()?);
    Ok(match (street1, city, country) {
        (Some(street1), Some(city), Some(country)) => {
            Some(Address { street1, street2, city, state, zipcode, country })
        }
        _ => None,
    })
}

/// Copies the directory's address to the customer that was created with this tenant, unless its address was set by hand.
/// Returns the customer before and after, if it changed.
pub async fn refresh_address(
    tx: &mut Tx,
    partner: PartnerId,
    azure: &AzureCustomerId,
    address: &Address,
    random: Nonce,
    now: Timestamp,
) -> Result<Option<(Customer, Customer)>, Error> {
    let Some(id) = azure_tenants::find(tx, partner, azure).await?.and_then(|tenant| tenant.customer) else {
        return Ok(None);
    };
    let Some(before) = get(tx, partner, id).await? else { return Ok(None) };
    let made_with = before.details.azure_customer_id.as_ref().is_some_and(|own| own.key() == azure.key());
    let by_hand = before.details.address.is_some() && !directory_address(tx, partner, id).await?;
    if !made_with || by_hand || before.details.address.as_ref() == Some(address) {
        return Ok(None);
    }
    let details = NewCustomer { address: Some(address.clone()), ..before.details.clone() };
    let after = update(tx, partner, &before, details, true, random, now).await?;
    Ok(Some((before, after)))
}

/// Whether the directory may refresh this customer's address.
pub async fn directory_address(tx: &mut Tx, partner: PartnerId, id: CustomerId) -> Result<bool, Error> {
    let sql = "SELECT directory_address FROM customers WHERE partner_id = $1 AND id = $2";
    Ok(tx.first(sql, args![partner.0, id.0], |row| row.next()).await?.unwrap_or(false))
}

async fn insert_tags(tx: &mut Tx, partner: PartnerId, id: CustomerId, tags: &[Tag]) -> Result<(), Error> {
    // One statement per row: with several rows in one, SQLite copies every page that they change.
    let sql = "INSERT INTO customer_tags (partner_id, customer_id, position, key, value) VALUES ($1, $2, $3, $4, $5)";
    for (position, tag) in (0..).zip(tags) {
        tx.enqueue(sql, args![partner.0, id.0, position, &tag.key, &tag.value]).await?;
    }
    Ok(())
}

/// Defers a change of the count of a customer's block.
fn count_block(tx: &mut Tx, partner: PartnerId, id: CustomerId, more: i64) {
    *tx.deferred().part::<BlockCounts>().0.entry((partner, id.0 / BLOCK)).or_default() += more;
}

/// Changes of the number of customers, by partner and block of ids.
#[derive(Clone, Default)]
struct BlockCounts(BTreeMap<(PartnerId, i64), i64>);

impl Deferred for BlockCounts {
    const NAME: &'static str = "customer blocks";

    fn flush(tx: &mut Tx) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(count_blocks(tx))
    }
}

/// Writes the changes of the counts. Concurrent transactions write different shards (`shard`) of a block.
async fn count_blocks(tx: &mut Tx) -> Result<(), Error> {
    let sql = "INSERT INTO customer_blocks (partner_id, block, shard, customers) VALUES ($1, $2, $3, $4)
               ON CONFLICT (partner_id, block, shard)
               DO UPDATE SET customers = customer_blocks.customers + excluded.customers";
    let (blocks, shard) = (std::mem::take(&mut tx.deferred().part::<BlockCounts>().0), tx.shard());
    for ((partner, block), more) in blocks {
        tx.enqueue(sql, args![partner.0, block, shard, more]).await?;
    }
    Ok(())
}

async fn with_tags(
    tx: &mut Tx,
    partner: PartnerId,
    mut customers: Vec<Customer>,
) -> Result<Vec<Customer>, Error> {
    if customers.is_empty() {
        return Ok(customers);
    }
    let mut query =
        Query::new("SELECT customer_id, key, value FROM customer_tags WHERE partner_id = $1".into(), partner);
    query.and_any("customer_id", customers.iter().map(|customer| customer.id.0));
    query.sql.push_str(" ORDER BY customer_id, position");
    let tags = tx
        .all(&query.sql, &query.args(), |row| {
            Ok((CustomerId(row.next()?), Tag { key: row.next()?, value: row.next()? }))
        })
        .await?;
    // Customers come in any order.
    let mut found: BTreeMap<CustomerId, Vec<Tag>> = BTreeMap::new();
    for (owner, tag) in tags {
        found.entry(owner).or_default().push(tag);
    }
    for customer in &mut customers {
        customer.details.tags = found.remove(&customer.id).unwrap_or_default();
    }
    Ok(customers)
}

fn read(row: &mut Row<'_>) -> Result<Customer, Error> {
    let wrong = |column: &str| Error::defect(format!("a customer's {column} in the database is not one"));
    let id = CustomerId(row.next()?);
    let name = DisplayName::from_stored(row.next()?);
    let azure_customer_id = row.next::<Option<String>>()?.map(AzureCustomerId::from_stored);
    let address = read_address(row)?;
    let classification =
        Classification::parse(&row.next::<String>()?).ok_or_else(|| wrong("classification"))?;
    let trial_expiration_date = match row.next::<Option<i64>>()? {
        Some(second) => Some(UtcSecond::from_second(second).ok_or_else(|| wrong("trial_expiration_date"))?),
        None => None,
    };
    let billing_contact = row.next::<Option<String>>()?.map(Email::from_stored);
    let margin_percentage =
        Margin::from_ten_thousandths(row.next()?).ok_or_else(|| wrong("margin_percentage"))?;
    let partner_billing_configuration = PartnerBilling { enabled: row.next()?, folder: row.next()? };
    let generated_external_id = ExternalId::from_stored(row.next()?);
    let mut time = |column| Timestamp::from_second(row.next()?).map_err(|_| wrong(column));
    Ok(Customer {
        id,
        generated_external_id,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
        version: row.next()?,
        billing_configuration: None,
        details: NewCustomer {
            name,
            azure_customer_id,
            address,
            classification,
            trial_expiration_date,
            billing_contact,
            margin_percentage,
            partner_billing_configuration,
            tags: Vec::new(),
        },
    })
}

#[cfg(test)]
mod tests;
