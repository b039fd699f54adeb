//! Azure tenants, and which customer each is assigned to.

use crate::customers::{address_args, read_address};
use crate::engine::IdSequence;
use crate::engine::value::{Arg, Row, args};
use crate::query::Query;
use crate::{Error, Tx, dated};
use domain::timeline::day_of;
use domain::{Address, AzureCustomerId, CustomerId, PartnerId, Timeline};
use jiff::Timestamp;
use jiff::civil::Date;

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
    /// Assigned on this day, and not now.
    pub at: Option<Date>,
}

const COLUMNS: &str =
    "id, azure_customer_id, name, domain, street1, street2, city, state, zipcode, country, customer_id,
    assigned_at, created_at, updated_at, missing_since";

/// Beginning of the condition on the owner of a day, which follows.
const OWNER_ON: &str =
    " AND CASE WHEN EXISTS (SELECT 1 FROM tenant_assignments e WHERE e.partner_id = azure_tenants.partner_id
        AND e.azure_customer_key = azure_tenants.azure_customer_key)
    THEN (SELECT h.customer_id FROM tenant_assignments h WHERE h.partner_id = azure_tenants.partner_id
        AND h.azure_customer_key = azure_tenants.azure_customer_key AND h.effective_from <= ";

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

/// Assigns a tenant to a customer from today on, or from the beginning if it never had an owner, inserting an unknown tenant.
/// `false` if it is assigned to another customer.
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
    if tx.execute(sql, row).await? == 0 {
        return Ok(false);
    }
    dated::begin(tx, partner, &key, customer, day_of(now)).await?;
    Ok(true)
}

/// Assigns a tenant to a customer from a day on, until the next change of its owner. `false` if another customer has it on
/// that day.
pub async fn assign_from(
    tx: &mut Tx,
    partner: PartnerId,
    azure: &AzureCustomerId,
    customer: CustomerId,
    from: Date,
    now: Timestamp,
) -> Result<bool, Error> {
    let id = tx.next_id(partner, IdSequence::AzureTenant).await?;
    let sql = "INSERT INTO azure_tenants (partner_id, id, azure_customer_id, azure_customer_key, name, name_key, domain,
            address_asked_at, created_at, updated_at)
        VALUES ($1, $2, $3, $4, '', '', '', 0, $5, $5) ON CONFLICT DO NOTHING";
    let key = azure.key();
    tx.execute(sql, args![partner.0, id, azure.as_str(), &key, now.as_second()]).await?;
    change_from(
        tx,
        partner,
        &key,
        from,
        now,
        |owner| owner.is_none_or(|owner| owner == customer),
        Some(customer),
    )
    .await
}

/// Ends a customer's assignment of a tenant from a day on, until the next change of its owner. `false` if the customer does not
/// have it on that day.
pub async fn release_from(
    tx: &mut Tx,
    partner: PartnerId,
    azure: &AzureCustomerId,
    customer: CustomerId,
    from: Date,
    now: Timestamp,
) -> Result<bool, Error> {
    change_from(tx, partner, &azure.key(), from, now, |owner| owner == Some(customer), None).await
}

/// Changes the owner of a tenant from a day on, if the one of that day may be changed.
async fn change_from(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
    from: Date,
    now: Timestamp,
    may_change: impl Fn(Option<CustomerId>) -> bool,
    owner: Option<CustomerId>,
) -> Result<bool, Error> {
    let Some(current) = locked_owner(tx, partner, key).await? else { return Ok(false) };
    let mut owners = match dated::assignment(tx, partner, key).await? {
        Some(owners) => owners,
        None => Timeline::new(current),
    };
    if !may_change(*owners.on(from)) {
        return Ok(false);
    }
    owners.set(Some(from), owner);
    dated::set_assignment(tx, partner, key, &owners, day_of(now)).await?;
    show_owner(tx, partner, key, current, *owners.on(day_of(now)), now).await?;
    Ok(true)
}

/// Makes a tenant show the owner that it has today; the owners before and after, if they differ.
pub async fn bring_up_to_date(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
    now: Timestamp,
) -> Result<Option<(Option<CustomerId>, Option<CustomerId>)>, Error> {
    let Some(current) = locked_owner(tx, partner, key).await? else { return Ok(None) };
    let Some(owners) = dated::assignment(tx, partner, key).await? else { return Ok(None) };
    dated::set_assignment(tx, partner, key, &owners, day_of(now)).await?;
    let owner = *owners.on(day_of(now));
    show_owner(tx, partner, key, current, owner, now).await?;
    Ok((owner != current).then_some((current, owner)))
}

/// The owner that a tenant shows, locked against concurrent changes; `None` if there is no such tenant.
async fn locked_owner(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
) -> Result<Option<Option<CustomerId>>, Error> {
    let for_update = tx.for_update();
    let sql = format!(
        "SELECT customer_id FROM azure_tenants WHERE partner_id = $1 AND azure_customer_key = $2{for_update}"
    );
    tx.first(&sql, args![partner.0, key], |row| Ok(row.next::<Option<i64>>()?.map(CustomerId))).await
}

async fn show_owner(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
    current: Option<CustomerId>,
    owner: Option<CustomerId>,
    now: Timestamp,
) -> Result<(), Error> {
    if owner == current {
        return Ok(());
    }
    let sql = "UPDATE azure_tenants SET customer_id = $3, assigned_at = $4, updated_at = $5
               WHERE partner_id = $1 AND azure_customer_key = $2";
    let assigned_at = owner.map(|_| now.as_second());
    let row = args![partner.0, key, owner.map(|owner| owner.0), assigned_at, now.as_second()];
    tx.execute(sql, row).await.map(drop)
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
    let key = azure.key();
    if tx.execute(sql, args![partner.0, &key, customer.0, now.as_second()]).await? == 0 {
        return Ok(false);
    }
    dated::end(tx, partner, &key, customer, day_of(now)).await?;
    Ok(true)
}

/// Removes all assignments of a customer, from today on, or of all days if they are not to be kept.
pub async fn release_all(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    keep: bool,
    now: Timestamp,
) -> Result<(), Error> {
    match keep {
        true => dated::end_all(tx, partner, customer, day_of(now)).await?,
        false => dated::forget_owner(tx, partner, customer).await?,
    }
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
        if let Some(day) = filter.at {
            query.push(OWNER_ON, day.to_string());
            query.sql.push_str(" ORDER BY h.effective_from DESC LIMIT 1) ELSE customer_id END");
            match filter.customer {
                Some(customer) => query.push(" = ", customer.0),
                None => query.sql.push_str(" IS NOT NULL"),
            }
            return;
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
