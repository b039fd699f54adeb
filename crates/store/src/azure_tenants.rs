//! Azure tenants, and which customer each is assigned to.

use crate::customers::{address_args, read_address};
use crate::engine::IdSequence;
use crate::engine::value::{Arg, Row, args};
use crate::query::Query;
use crate::{Error, Tx};
use domain::{Address, AzureCustomerId, CustomerId, PartnerId};
use jiff::Timestamp;

/// Stored Azure tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureTenant {
    /// Id in Tenantry.
    pub id: i64,
    /// Id at Microsoft.
    pub azure_customer_id: AzureCustomerId,
    /// Company name; empty if unknown.
    pub name: String,
    /// Primary domain; empty if unknown.
    pub domain: String,
    /// Address in the directory.
    pub address: Option<Address>,
    /// Customer that the tenant is assigned to.
    pub customer: Option<CustomerId>,
    /// Time of the assignment.
    pub assigned_at: Option<Timestamp>,
    /// Time when the tenant was first seen.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// Time when the directory was found not to contain it any more; `None` while it does.
    pub missing_since: Option<Timestamp>,
}

/// Tenant as a directory reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Id at Microsoft.
    pub azure_customer_id: AzureCustomerId,
    /// Company name; if empty, because the directory does not show it, the stored name stays.
    pub name: String,
    /// Folded name for searches.
    pub name_key: String,
    /// Primary domain.
    pub domain: String,
    /// Address, if the directory was queried for it; `Some(None)` means that the directory has none.
    pub address: Option<Option<Address>>,
}

/// Filter of a list of tenants; an empty one matches all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Part of the name, folded.
    pub name_part: Option<String>,
    /// Whether the tenant is assigned to a customer.
    pub assigned: Option<bool>,
    /// Assigned to this customer.
    pub customer: Option<CustomerId>,
}

const COLUMNS: &str =
    "id, azure_customer_id, name, domain, street1, street2, city, state, zipcode, country, customer_id,
    assigned_at, created_at, updated_at, missing_since";

/// Inserts or updates a tenant with what a directory reports.
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

/// Assigns a tenant to a customer, inserting an unknown tenant. `false` if it is assigned to another customer.
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

/// Removes a tenant's assignment to a customer; `false` if it was not assigned to that one.
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

/// Removes all assignments of a customer.
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

/// Tenant with this id at Microsoft.
pub async fn find(
    tx: &mut Tx,
    partner: PartnerId,
    azure: &AzureCustomerId,
) -> Result<Option<AzureTenant>, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM azure_tenants WHERE partner_id = $1 AND azure_customer_key = $2");
    tx.first(&sql, args![partner.0, &azure.key()], read).await
}

/// Tenant with this id in Tenantry.
pub async fn get(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<Option<AzureTenant>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM azure_tenants WHERE partner_id = $1 AND id = $2");
    tx.first(&sql, args![partner.0, id], read).await
}

/// Tenants ordered by id, and the total number.
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

/// Tenants whose addresses were last queried before this instant, assigned ones first, then the longest ago.
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

/// Marks a tenant for an immediate query of the directory.
pub async fn ask_again(tx: &mut Tx, partner: PartnerId, azure: &AzureCustomerId) -> Result<(), Error> {
    let sql =
        "UPDATE azure_tenants SET address_asked_at = 0 WHERE partner_id = $1 AND azure_customer_key = $2";
    tx.execute(sql, args![partner.0, &azure.key()]).await.map(drop)
}

/// Records that the directory returned no address for a tenant and, if it does not contain the tenant any more, since when.
pub async fn asked(
    tx: &mut Tx,
    partner: PartnerId,
    azure: &AzureCustomerId,
    missing: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE azure_tenants SET address_asked_at = $3,
                   missing_since = CASE WHEN CAST($4 AS BOOLEAN) THEN COALESCE(missing_since, $3) ELSE missing_since END
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
