//! Azure tenants, and which customer each is assigned to.

use crate::customers::{address_args, read_address};
use crate::engine::IdSequence;
use crate::engine::value::{Arg, Row, args};
use crate::query::Query;
use crate::{Error, Tx};
use domain::{Address, AzureCustomerId, CustomerId, PartnerId};
use jiff::Timestamp;

/// An Azure tenant as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureTenant {
    /// Our own number for it.
    pub id: i64,
    /// Microsoft's name for it.
    pub azure_customer_id: AzureCustomerId,
    /// The company's name; empty if nobody has said it.
    pub name: String,
    /// Its primary domain; empty if nobody has said it.
    pub domain: String,
    /// Its address in the directory.
    pub address: Option<Address>,
    /// The customer that it is assigned to.
    pub customer: Option<CustomerId>,
    /// Since when it is.
    pub assigned_at: Option<Timestamp>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When something of it last changed.
    pub updated_at: Timestamp,
    /// Since when the directory no longer has it; none while it has.
    pub missing_since: Option<Timestamp>,
}

/// What a directory says of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Microsoft's name for it.
    pub azure_customer_id: AzureCustomerId,
    /// The company's name; empty if the directory does not show it, and then the known one stays.
    pub name: String,
    /// The form in which names are searched.
    pub name_key: String,
    /// Its primary domain.
    pub domain: String,
    /// Its address, if the directory was asked: `Some(None)` means that it has none.
    pub address: Option<Option<Address>>,
}

/// What tenants of a list have in common; an empty filter lets all through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Part of the name, in the form in which names are searched.
    pub name_part: Option<String>,
    /// Whether they are assigned to a customer.
    pub assigned: Option<bool>,
    /// Assigned to this customer.
    pub customer: Option<CustomerId>,
}

const COLUMNS: &str =
    "id, azure_customer_id, name, domain, street1, street2, city, state, zipcode, country, customer_id,
    assigned_at, created_at, updated_at, missing_since";

/// Note what a directory says of a tenant, new or known.
pub async fn note(tx: &mut Tx, partner: PartnerId, seen: &Sighting, now: Timestamp) -> Result<(), Error> {
    let key = seen.azure_customer_id.key();
    let known = find(tx, partner, &seen.azure_customer_id).await?;
    let Some(known) = known else {
        let id = tx.next_id(partner, IdSequence::AzureTenant).await?;
        let sql = "INSERT INTO azure_tenants (partner_id, id, azure_customer_id, azure_customer_key, name, name_key,
                domain, address_asked_at, created_at, updated_at, street1, street2, city, state, zipcode, country)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING";
        let asked_at = if seen.address.is_some() { now.as_second() } else { 0 };
        let mut row: Vec<Arg<'_>> = vec![
            partner.0.into(),
            id.into(),
            seen.azure_customer_id.as_str().into(),
            (&key).into(),
            (&seen.name).into(),
            (&seen.name_key).into(),
            (&seen.domain).into(),
            asked_at.into(),
            now.as_second().into(),
        ];
        row.extend(address_args(seen.address.as_ref().and_then(Option::as_ref)));
        return if tx.execute(sql, &row).await? == 0 { Err(tx.serialization_conflict()) } else { Ok(()) };
    };
    if known.missing_since.is_some() {
        let sql = "UPDATE azure_tenants SET missing_since = NULL WHERE partner_id = $1 AND id = $2";
        tx.execute(sql, args![partner.0, known.id]).await?;
    }
    if !seen.name.is_empty() && (&known.name, &known.domain) != (&seen.name, &seen.domain) {
        let sql = "UPDATE azure_tenants SET name = $3, name_key = $4, domain = $5, updated_at = $6
                   WHERE partner_id = $1 AND id = $2";
        let row = args![partner.0, known.id, &seen.name, &seen.name_key, &seen.domain, now.as_second()];
        tx.execute(sql, row).await?;
    }
    let Some(address) = &seen.address else { return Ok(()) };
    let sql = "UPDATE azure_tenants SET address_asked_at = $3 WHERE partner_id = $1 AND id = $2";
    tx.execute(sql, args![partner.0, known.id, now.as_second()]).await?;
    if *address != known.address {
        let sql =
            "UPDATE azure_tenants SET updated_at = $3, street1 = $4, street2 = $5, city = $6, state = $7,
                zipcode = $8, country = $9 WHERE partner_id = $1 AND id = $2";
        let mut row: Vec<Arg<'_>> = vec![partner.0.into(), known.id.into(), now.as_second().into()];
        row.extend(address_args(address.as_ref()));
        tx.execute(sql, &row).await?;
    }
    Ok(())
}

/// Assign a tenant to a customer; one that was never seen is taken as given. `false` if it is another customer's.
pub async fn assign(
    tx: &mut Tx,
    partner: PartnerId,
    azure: &AzureCustomerId,
    customer: CustomerId,
    now: Timestamp,
) -> Result<bool, Error> {
    let id = tx.next_id(partner, IdSequence::AzureTenant).await?;
    let sql = "INSERT INTO azure_tenants (partner_id, id, azure_customer_id, azure_customer_key, name, name_key, domain,
            customer_id, assigned_at, address_asked_at, created_at, updated_at)
        VALUES ($1, $2, $3, $4, '', '', '', $5, $6, 0, $6, $6)
        ON CONFLICT (partner_id, azure_customer_key) DO UPDATE
        SET customer_id = excluded.customer_id, updated_at = excluded.updated_at,
            assigned_at = CASE WHEN azure_tenants.customer_id IS NULL THEN excluded.assigned_at
                               ELSE azure_tenants.assigned_at END
        WHERE azure_tenants.customer_id IS NULL OR azure_tenants.customer_id = excluded.customer_id";
    let key = azure.key();
    let row = args![partner.0, id, azure.as_str(), &key, customer.0, now.as_second()];
    Ok(tx.execute(sql, row).await? == 1)
}

/// Take a tenant from a customer; `false` if it was not its.
pub async fn release(
    tx: &mut Tx,
    partner: PartnerId,
    azure: &AzureCustomerId,
    customer: CustomerId,
    now: Timestamp,
) -> Result<bool, Error> {
    let sql = "UPDATE azure_tenants SET customer_id = NULL, assigned_at = NULL, updated_at = $4
               WHERE partner_id = $1 AND azure_customer_key = $2 AND customer_id = $3";
    Ok(tx.execute(sql, args![partner.0, &azure.key(), customer.0, now.as_second()]).await? == 1)
}

/// Take all tenants from a customer.
pub async fn release_all(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE azure_tenants SET customer_id = NULL, assigned_at = NULL, updated_at = $3
               WHERE partner_id = $1 AND customer_id = $2";
    tx.execute(sql, args![partner.0, customer.0, now.as_second()]).await.map(drop)
}

/// The tenant that Microsoft calls so.
pub async fn find(
    tx: &mut Tx,
    partner: PartnerId,
    azure: &AzureCustomerId,
) -> Result<Option<AzureTenant>, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM azure_tenants WHERE partner_id = $1 AND azure_customer_key = $2");
    tx.first(&sql, args![partner.0, &azure.key()], read).await
}

/// The tenant that we call so.
pub async fn get(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<Option<AzureTenant>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM azure_tenants WHERE partner_id = $1 AND id = $2");
    tx.first(&sql, args![partner.0, id], read).await
}

/// Tenants in the order of their ids, and how many there are in all.
pub async fn list(
    tx: &mut Tx,
    partner: PartnerId,
    filter: &Filter,
    skip: i64,
    limit: i64,
) -> Result<(Vec<AzureTenant>, i64), Error> {
    let narrow = |query: &mut Query| {
        if let Some(part) = &filter.name_part {
            query.and_contains("name_key", part);
        }
        match filter.assigned {
            Some(true) => query.sql.push_str(" AND customer_id IS NOT NULL"),
            Some(false) => query.sql.push_str(" AND customer_id IS NULL"),
            None => {}
        }
        if let Some(customer) = filter.customer {
            query.and("customer_id = ", customer.0);
        }
    };
    let mut count = Query::new("SELECT COUNT(*) FROM azure_tenants WHERE partner_id = $1".into(), partner);
    narrow(&mut count);
    let total = tx.first(&count.sql, &count.args(), |row| row.next()).await?.unwrap_or(0);
    let mut query = Query::new(format!("SELECT {COLUMNS} FROM azure_tenants WHERE partner_id = $1"), partner);
    narrow(&mut query);
    query.push(" ORDER BY id LIMIT ", limit);
    query.push(" OFFSET ", skip);
    Ok((tx.all(&query.sql, &query.args(), read).await?, total))
}

/// The tenants whose addresses were asked for longest ago, before this instant; those that a customer holds first.
pub async fn stale(
    tx: &mut Tx,
    partner: PartnerId,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<AzureCustomerId>, Error> {
    let mut stale = Vec::new();
    for used in ["IS NOT NULL", "IS NULL"] {
        let sql = format!(
            "SELECT azure_customer_id FROM azure_tenants
             WHERE partner_id = $1 AND address_asked_at < $2 AND customer_id {used}
             ORDER BY address_asked_at, id LIMIT $3"
        );
        let left = limit - stale.len() as i64;
        let row = args![partner.0, before.as_second(), left];
        stale.extend(tx.all(&sql, row, |row| row.next().map(AzureCustomerId::from_stored)).await?);
    }
    Ok(stale)
}

/// Let the directory be asked for a tenant as soon as it can be.
pub async fn ask_again(tx: &mut Tx, partner: PartnerId, azure: &AzureCustomerId) -> Result<(), Error> {
    let sql =
        "UPDATE azure_tenants SET address_asked_at = 0 WHERE partner_id = $1 AND azure_customer_key = $2";
    tx.execute(sql, args![partner.0, &azure.key()]).await.map(drop)
}

/// Record that the directory was asked for a tenant's address and gave none; and, if it no longer has the tenant, since
/// when.
pub async fn asked(
    tx: &mut Tx,
    partner: PartnerId,
    azure: &AzureCustomerId,
    missing: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE azure_tenants SET address_asked_at = $3,
                   missing_since = CASE WHEN $4 THEN COALESCE(missing_since, $3) ELSE missing_since END
               WHERE partner_id = $1 AND azure_customer_key = $2";
    tx.execute(sql, args![partner.0, &azure.key(), now.as_second(), missing]).await.map(drop)
}

fn read(row: &mut Row<'_>) -> Result<AzureTenant, Error> {
    let time = |second| Timestamp::from_second(second).map_err(Error::defect);
    Ok(AzureTenant {
        id: row.next()?,
        azure_customer_id: AzureCustomerId::from_stored(row.next()?),
        name: row.next()?,
        domain: row.next()?,
        address: read_address(row)?,
        customer: row.next::<Option<i64>>()?.map(CustomerId),
        assigned_at: row.next::<Option<i64>>()?.map(time).transpose()?,
        created_at: time(row.next()?)?,
        updated_at: time(row.next()?)?,
        missing_since: row.next::<Option<i64>>()?.map(time).transpose()?,
    })
}
