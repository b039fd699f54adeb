//! Facts that hold from a day on: assignments of tenants, and what customers are billed at. See migration 0023 for what is
//! stored of facts that have never changed.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::terms::Terms;
use domain::timeline::parse_day;
use domain::{CustomerId, Margin, NewCustomer, PartnerBilling, PartnerId, Timeline};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// The owners of a tenant.
pub type Assignment = Timeline<Option<CustomerId>>;

/// Deleted customer whose days can still be billed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Its id.
    pub id: CustomerId,
    /// The display name that it had.
    pub name: String,
    /// The margin that it had.
    pub margin: Margin,
    /// The billing configuration that it had.
    pub billing: PartnerBilling,
    /// The first day without it.
    pub deleted_on: Date,
}

/// A fact whose day has come, and which its customer or tenant does not show yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Assignment of the tenant with this key.
    Assignment(String),
    /// Terms of this customer.
    Terms(CustomerId),
}

/// The owners of a tenant; `None` if they have never changed.
pub async fn assignment(tx: &mut Tx, partner: PartnerId, key: &str) -> Result<Option<Assignment>, Error> {
    let sql = "SELECT effective_from, customer_id FROM tenant_assignments
               WHERE partner_id = $1 AND azure_customer_key = $2 ORDER BY effective_from";
    let rows = tx.all(sql, args![partner.0, key], read_owner).await?;
    timeline(rows)
}

/// The owners of all tenants of the partner that have ever changed them, by key.
pub async fn assignments(tx: &mut Tx, partner: PartnerId) -> Result<BTreeMap<String, Assignment>, Error> {
    let sql = "SELECT azure_customer_key, effective_from, customer_id FROM tenant_assignments
               WHERE partner_id = $1 ORDER BY azure_customer_key, effective_from";
    let rows = tx.all(sql, args![partner.0], |row| Ok((row.next::<String>()?, read_owner(row)?))).await?;
    let mut grouped: BTreeMap<String, Vec<OwnerFrom>> = BTreeMap::new();
    for (key, row) in rows {
        grouped.entry(key).or_default().push(row);
    }
    let mut found = BTreeMap::new();
    for (key, rows) in grouped {
        found.extend(timeline(rows)?.map(|timeline| (key, timeline)));
    }
    Ok(found)
}

/// Replaces what is stored of a tenant's owners.
pub(crate) async fn set_assignment(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
    owners: &Assignment,
    today: Date,
) -> Result<(), Error> {
    let sql = "DELETE FROM tenant_assignments WHERE partner_id = $1 AND azure_customer_key = $2";
    tx.enqueue(sql, args![partner.0, key]).await?;
    if owners.is_constant() {
        return Ok(());
    }
    let sql = "INSERT INTO tenant_assignments (partner_id, azure_customer_key, effective_from, customer_id, pending)
               VALUES ($1, $2, $3, $4, $5)";
    for (from, owner) in owners.entries() {
        let is_pending = from.is_some_and(|from| from > today);
        let owner = owner.map(|customer| customer.0);
        tx.enqueue(sql, args![partner.0, key, &day_text(from), owner, is_pending]).await?;
    }
    Ok(())
}

/// Notes that from a day on a customer has a tenant, which has changed its owner before; else it has had it from the beginning.
pub(crate) async fn begin(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
    customer: CustomerId,
    today: Date,
) -> Result<(), Error> {
    let sql = "INSERT INTO tenant_assignments (partner_id, azure_customer_key, effective_from, customer_id, pending)
               SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), FALSE
               WHERE EXISTS (SELECT 1 FROM tenant_assignments WHERE partner_id = $1 AND azure_customer_key = $2)
               ON CONFLICT (partner_id, azure_customer_key, effective_from)
               DO UPDATE SET customer_id = excluded.customer_id";
    tx.enqueue(sql, args![partner.0, key, &today.to_string(), customer.0]).await
}

/// Notes that from a day on nobody has a tenant, which this customer had.
pub(crate) async fn end(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
    customer: CustomerId,
    today: Date,
) -> Result<(), Error> {
    let sql = "INSERT INTO tenant_assignments (partner_id, azure_customer_key, effective_from, customer_id, pending)
               SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), '', CAST($3 AS BIGINT), FALSE
               WHERE NOT EXISTS (SELECT 1 FROM tenant_assignments WHERE partner_id = $1 AND azure_customer_key = $2)";
    tx.enqueue(sql, args![partner.0, key, customer.0]).await?;
    let sql = "INSERT INTO tenant_assignments (partner_id, azure_customer_key, effective_from, customer_id, pending)
               VALUES ($1, $2, $3, NULL, FALSE)
               ON CONFLICT (partner_id, azure_customer_key, effective_from)
               DO UPDATE SET customer_id = NULL, pending = FALSE";
    tx.enqueue(sql, args![partner.0, key, &today.to_string()]).await
}

/// Notes that from a day on a customer, which is deleted, has none of its tenants, and gets none that it was to have.
pub(crate) async fn end_all(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    today: Date,
) -> Result<(), Error> {
    let sql = "INSERT INTO tenant_assignments (partner_id, azure_customer_key, effective_from, customer_id, pending)
               SELECT a.partner_id, a.azure_customer_key, '', a.customer_id, FALSE FROM azure_tenants a
               WHERE a.partner_id = $1 AND a.customer_id = $2 AND NOT EXISTS (SELECT 1 FROM tenant_assignments t
                   WHERE t.partner_id = a.partner_id AND t.azure_customer_key = a.azure_customer_key)";
    tx.enqueue(sql, args![partner.0, customer.0]).await?;
    let sql = "INSERT INTO tenant_assignments (partner_id, azure_customer_key, effective_from, customer_id, pending)
               SELECT a.partner_id, a.azure_customer_key, CAST($3 AS TEXT), NULL, FALSE FROM azure_tenants a
               WHERE a.partner_id = $1 AND a.customer_id = $2
               ON CONFLICT (partner_id, azure_customer_key, effective_from)
               DO UPDATE SET customer_id = NULL, pending = FALSE";
    let today = today.to_string();
    tx.enqueue(sql, args![partner.0, customer.0, &today]).await?;
    let sql = "UPDATE tenant_assignments SET customer_id = NULL
               WHERE partner_id = $1 AND customer_id = $2 AND effective_from > $3";
    tx.enqueue(sql, args![partner.0, customer.0, &today]).await
}

/// Takes a customer out of what is known of tenants' owners.
pub(crate) async fn forget_owner(tx: &mut Tx, partner: PartnerId, customer: CustomerId) -> Result<(), Error> {
    let sql = "UPDATE tenant_assignments SET customer_id = NULL WHERE partner_id = $1 AND customer_id = $2";
    tx.enqueue(sql, args![partner.0, customer.0]).await
}

/// A customer's terms, of its current details.
pub async fn terms(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    details: &NewCustomer,
) -> Result<Terms, Error> {
    let sql = "SELECT fact, effective_from, value FROM customer_terms
               WHERE partner_id = $1 AND customer_id = $2 ORDER BY effective_from";
    let rows = tx.all(sql, args![partner.0, customer.0], read_fact).await?;
    let current = Terms::new(details.margin_percentage, details.partner_billing_configuration.clone());
    with_facts(current, rows)
}

/// The stored facts of all customers of the partner that have ever changed, deleted ones too.
pub(crate) async fn all_facts(
    tx: &mut Tx,
    partner: PartnerId,
) -> Result<BTreeMap<CustomerId, Vec<Fact>>, Error> {
    let sql = "SELECT customer_id, fact, effective_from, value FROM customer_terms
               WHERE partner_id = $1 ORDER BY customer_id, effective_from";
    let rows = tx.all(sql, args![partner.0], |row| Ok((CustomerId(row.next()?), read_fact(row)?))).await?;
    let mut found: BTreeMap<CustomerId, Vec<Fact>> = BTreeMap::new();
    for (customer, fact) in rows {
        found.entry(customer).or_default().push(fact);
    }
    Ok(found)
}

/// Replaces what is stored of a customer's terms.
pub async fn set_terms(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    terms: &Terms,
    today: Date,
) -> Result<(), Error> {
    let sql = "DELETE FROM customer_terms WHERE partner_id = $1 AND customer_id = $2";
    tx.enqueue(sql, args![partner.0, customer.0]).await?;
    let mut facts: Vec<(&str, Option<Date>, String)> = Vec::new();
    if !terms.margin.is_constant() {
        let value = |margin: &Margin| margin.ten_thousandths().to_string();
        facts.extend(terms.margin.entries().map(|(from, margin)| (MARGIN, from, value(margin))));
    }
    if !terms.enabled.is_constant() {
        facts.extend(terms.enabled.entries().map(|(from, enabled)| (ENABLED, from, enabled.to_string())));
    }
    if !terms.folder.is_constant() {
        facts.extend(terms.folder.entries().map(|(from, folder)| (FOLDER, from, folder.clone())));
    }
    let sql = "INSERT INTO customer_terms (partner_id, customer_id, fact, effective_from, value, pending)
               VALUES ($1, $2, $3, $4, $5, $6)";
    for (fact, from, value) in facts {
        let is_pending = from.is_some_and(|from| from > today);
        tx.enqueue(sql, args![partner.0, customer.0, fact, &day_text(from), &value, is_pending]).await?;
    }
    Ok(())
}

/// Keeps what is needed of a customer that is deleted to bill its days.
pub async fn keep_deleted(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    details: &NewCustomer,
    today: Date,
) -> Result<(), Error> {
    let sql = "INSERT INTO deleted_customers (partner_id, id, name, margin_percentage, billing_enabled, billing_folder,
                   deleted_on)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (billing, today) = (&details.partner_billing_configuration, today.to_string());
    let row = args![
        partner.0,
        customer.0,
        details.name.as_str(),
        details.margin_percentage.ten_thousandths(),
        billing.enabled,
        &billing.folder,
        &today,
    ];
    tx.enqueue(sql, row).await?;
    let sql =
        "UPDATE customer_terms SET pending = FALSE WHERE partner_id = $1 AND customer_id = $2 AND pending";
    tx.enqueue(sql, args![partner.0, customer.0]).await
}

/// The deleted customers of the partner, by id.
pub async fn deleted(tx: &mut Tx, partner: PartnerId) -> Result<Vec<Deleted>, Error> {
    let sql = "SELECT id, name, margin_percentage, billing_enabled, billing_folder, deleted_on
               FROM deleted_customers WHERE partner_id = $1 ORDER BY id";
    tx.all(sql, args![partner.0], |row| {
        let (id, name) = (CustomerId(row.next()?), row.next()?);
        let margin = read_margin(row.next()?)?;
        let billing = PartnerBilling { enabled: row.next()?, folder: row.next()? };
        let deleted_on = read_day(&row.next::<String>()?)?.ok_or_else(|| Error::defect("no day"))?;
        Ok(Deleted { id, name, margin, billing, deleted_on })
    })
    .await
}

/// The facts of all partners whose day has come since they were entered.
pub async fn due(tx: &mut Tx, today: Date) -> Result<Vec<(PartnerId, Due)>, Error> {
    let today = today.to_string();
    let sql = "SELECT DISTINCT partner_id, azure_customer_key FROM tenant_assignments
               WHERE pending AND effective_from <= $1 ORDER BY 1, 2";
    let read = |row: &mut Row<'_>| Ok((PartnerId(row.next()?), Due::Assignment(row.next()?)));
    let mut found = tx.all(sql, args![&today], read).await?;
    let sql = "SELECT DISTINCT partner_id, customer_id FROM customer_terms
               WHERE pending AND effective_from <= $1 ORDER BY 1, 2";
    let read = |row: &mut Row<'_>| Ok((PartnerId(row.next()?), Due::Terms(CustomerId(row.next()?))));
    found.extend(tx.all(sql, args![&today], read).await?);
    Ok(found)
}

/// The tenants that a customer has or had, each with its owners, by key. Those that it has had from the beginning and has still
/// are not among them.
pub async fn assignments_of(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
) -> Result<BTreeMap<String, Assignment>, Error> {
    let sql = "SELECT DISTINCT azure_customer_key FROM tenant_assignments WHERE partner_id = $1 AND customer_id = $2";
    let keys: Vec<String> = tx.all(sql, args![partner.0, customer.0], |row| row.next()).await?;
    let mut found = BTreeMap::new();
    for key in keys {
        let owners = assignment(tx, partner, &key).await?;
        found.extend(owners.map(|owners| (key, owners)));
    }
    Ok(found)
}

/// The owner from a day on.
type OwnerFrom = (Option<Date>, Option<CustomerId>);

const MARGIN: &str = "margin";
const ENABLED: &str = "enabled";
const FOLDER: &str = "folder";

/// A stored fact: which, from which day on, and its value.
pub(crate) type Fact = (String, Option<Date>, String);

/// The terms of current values and stored facts.
pub(crate) fn with_facts(mut terms: Terms, facts: Vec<Fact>) -> Result<Terms, Error> {
    let wrong = |fact: &str| Error::defect(format!("a customer's {fact} in the database is not one"));
    for (fact, from, value) in facts {
        match fact.as_str() {
            MARGIN => terms.margin.set(from, read_margin(value.parse().map_err(|_| wrong(&fact))?)?),
            ENABLED => terms.enabled.set(from, value.parse().map_err(|_| wrong(&fact))?),
            FOLDER => terms.folder.set(from, value),
            _ => return Err(wrong(&fact)),
        }
    }
    Ok(terms)
}

fn timeline(rows: Vec<OwnerFrom>) -> Result<Option<Assignment>, Error> {
    let mut rows = rows.into_iter();
    let Some((from, first)) = rows.next() else { return Ok(None) };
    if from.is_some() {
        return Err(Error::defect("a tenant's first assignment is not of the beginning"));
    }
    let mut timeline = Timeline::new(first);
    rows.for_each(|(from, owner)| timeline.set(from, owner));
    Ok(Some(timeline))
}

fn read_owner(row: &mut Row<'_>) -> Result<OwnerFrom, Error> {
    Ok((read_day(&row.next::<String>()?)?, row.next::<Option<i64>>()?.map(CustomerId)))
}

fn read_fact(row: &mut Row<'_>) -> Result<Fact, Error> {
    Ok((row.next()?, read_day(&row.next::<String>()?)?, row.next()?))
}

fn read_margin(ten_thousandths: i64) -> Result<Margin, Error> {
    Margin::from_ten_thousandths(ten_thousandths).ok_or_else(|| Error::defect("no margin"))
}

/// A stored day; empty is the beginning.
fn read_day(text: &str) -> Result<Option<Date>, Error> {
    if text.is_empty() {
        Ok(None)
    } else {
        parse_day(text).map(Some).map_err(|wrong| Error::defect(wrong.message))
    }
}

fn day_text(day: Option<Date>) -> String {
    day.map_or_else(String::new, |day| day.to_string())
}
