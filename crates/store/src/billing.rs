//! Billing data of customers: which customer a line belongs to, and the billing health of each customer.

use crate::customers::read_address;
use crate::engine::Deferred;
use crate::engine::value::args;
use crate::query::Query;
use crate::{Error, Tx, dated};
use domain::terms::Terms;
use domain::{Address, CustomerId, Margin, PartnerBilling, PartnerId};
use futures_util::future::BoxFuture;
use jiff::civil::Date;
use std::collections::{BTreeMap, HashMap};

/// Billing health of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether an Azure tenant is assigned to the customer.
    pub has_tenant: bool,
    /// Reason why the last run did not publish the customer's bill, and what makes it in other languages, as it was stored.
    pub fault: Option<(String, Option<String>)>,
}

/// Why a customer's bill was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The customer.
    pub customer: CustomerId,
    /// In a sentence.
    pub reason: String,
    /// What makes that sentence in other languages: JSON. `None` in rows of version 0.2 and earlier.
    pub wording: Option<String>,
}

/// Billing health of a partner and some of its customers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Health by customer.
    pub customers: HashMap<CustomerId, Health>,
    /// Newest month whose last run failed, and the id of that run: its lines are on no bill.
    pub failed: Option<(String, i64)>,
}

/// Billing health of these customers; `None` until a run of the partner has ended.
pub async fn of(
    tx: &mut Tx,
    partner: PartnerId,
    customers: &[CustomerId],
) -> Result<Option<Standing>, Error> {
    if !has_had_runs(tx, partner).await? {
        return Ok(None);
    }
    let mut found: HashMap<_, _> = customers.iter().map(|id| (*id, Health::default())).collect();
    if customers.is_empty() {
        return Ok(Some(Standing::default()));
    }
    let sql = "SELECT f.billing_period, f.id FROM bill_runs f
               WHERE f.partner_id = $1 AND f.state = 'failed' AND NOT EXISTS (SELECT 1 FROM bill_runs s
                   WHERE s.partner_id = f.partner_id AND s.billing_period = f.billing_period AND s.id > f.id
                   AND s.summary IS NOT NULL AND s.state <> 'cancelled')
               ORDER BY f.billing_period DESC LIMIT 1";
    let failed = tx.first(sql, args![partner.0], |row| Ok((row.next()?, row.next()?))).await?;
    let among = |sql: &str| {
        let mut query = Query::new(sql.to_owned(), partner);
        for (i, id) in customers.iter().enumerate() {
            query.push(if i == 0 { " AND customer_id IN (" } else { ", " }, id.0);
        }
        query.sql.push(')');
        query
    };
    let query = among("SELECT DISTINCT customer_id FROM azure_tenants WHERE partner_id = $1");
    for id in tx.all(&query.sql, &query.args(), |row| row.next().map(CustomerId)).await? {
        found.entry(id).or_default().has_tenant = true;
    }
    let query = among("SELECT customer_id, reason, wording FROM billing_faults WHERE partner_id = $1");
    let args = query.args();
    let faults = tx.all(&query.sql, &args, |row| {
        Ok((CustomerId(row.next()?), (row.next::<String>()?, row.next::<Option<String>>()?)))
    });
    for (id, fault) in faults.await? {
        found.entry(id).or_default().fault = Some(fault);
    }
    Ok(Some(Standing { customers: found, failed }))
}

/// Whether partners have a run that has ended, as the first query of a transaction found it: a run that ends concurrently
/// counts as later than the transaction.
#[derive(Clone, Default)]
struct HasRuns(BTreeMap<PartnerId, bool>);

impl Deferred for HasRuns {
    const NAME: &'static str = "bill runs";

    fn flush(_: &mut Tx) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) }) // only remembered
    }
}

/// Whether a run of the partner has ended, successfully or not.
async fn has_had_runs(tx: &mut Tx, partner: PartnerId) -> Result<bool, Error> {
    if let Some(known) = tx.deferred().part::<HasRuns>().0.get(&partner) {
        return Ok(*known);
    }
    // A repeated run keeps its report, and has succeeded before.
    let sql = "SELECT id FROM bill_runs WHERE partner_id = $1 AND summary IS NOT NULL AND state <> 'cancelled' LIMIT 1";
    let found = tx.first(sql, args![partner.0], |row| row.next::<i64>()).await?.is_some();
    tx.deferred().part::<HasRuns>().0.insert(partner, found);
    Ok(found)
}

/// Replaces the partner's billing errors with those of a run.
pub async fn replace_faults(tx: &mut Tx, partner: PartnerId, faults: &[Fault]) -> Result<(), Error> {
    tx.execute("DELETE FROM billing_faults WHERE partner_id = $1", args![partner.0]).await?;
    for Fault { customer, reason, wording } in faults {
        let sql =
            "INSERT INTO billing_faults (partner_id, customer_id, reason, wording) VALUES ($1, $2, $3, $4)
                   ON CONFLICT DO NOTHING";
        tx.execute(sql, args![partner.0, customer.0, reason, wording.as_deref()]).await?;
    }
    Ok(())
}

/// Replaces the customers whose bills of a run could not be finalized, with the reasons.
pub async fn replace_unfinalized(
    tx: &mut Tx,
    partner: PartnerId,
    run: i64,
    faults: &[Fault],
) -> Result<(), Error> {
    let sql = "DELETE FROM billing_faults WHERE partner_id = $1 AND run_id = $2";
    tx.execute(sql, args![partner.0, run]).await?;
    for Fault { customer, reason, wording } in faults {
        let sql = "INSERT INTO billing_faults (partner_id, customer_id, reason, wording, run_id)
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        tx.execute(sql, args![partner.0, customer.0, reason, wording.as_deref(), run]).await?;
    }
    Ok(())
}

/// Azure tenant that a customer has on some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenancy {
    /// Its id in lower case.
    pub tenant: String,
    /// First day; `None` for the beginning.
    pub from: Option<Date>,
    /// First day without it; `None` if there is none.
    pub until: Option<Date>,
}

/// Customer that line items or corrections can belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billable {
    /// Customer id.
    pub id: CustomerId,
    /// Display name.
    pub name: String,
    /// What it is billed at, and from when.
    pub terms: Terms,
    /// Ids of the Azure tenants that it has always had.
    pub tenants: Vec<String>,
    /// Those that it had or has on some days.
    pub tenancies: Vec<Tenancy>,
    /// Its address; `None` if it is deleted.
    pub address: Option<Address>,
    /// The first day without the customer, if it is deleted.
    pub deleted_on: Option<Date>,
}

/// Customers that have or had Azure tenants, or have corrections, ordered by id; deleted ones too.
pub async fn billable(tx: &mut Tx, partner: PartnerId) -> Result<Vec<Billable>, Error> {
    tx.rule_out_nested_loops().await?;
    let sql = "SELECT c.id, c.name, c.margin_percentage, c.billing_enabled, c.billing_folder, a.azure_customer_id, a.id,
            c.street1, c.street2, c.city, c.state, c.zipcode, c.country
        FROM azure_tenants a JOIN customers c ON c.partner_id = a.partner_id AND c.id = a.customer_id
        WHERE a.partner_id = $1 AND a.customer_id IS NOT NULL
        UNION ALL
        SELECT c.id, c.name, c.margin_percentage, c.billing_enabled, c.billing_folder, NULL, NULL,
            c.street1, c.street2, c.city, c.state, c.zipcode, c.country
        FROM customers c WHERE c.partner_id = $1 AND (c.id IN (SELECT customer_id FROM corrections WHERE partner_id = $1)
            OR c.id IN (SELECT customer_id FROM tenant_assignments WHERE partner_id = $1))
        ORDER BY 1, 7";
    let mut facts = dated::all_facts(tx, partner).await?;
    let assignments = dated::assignments(tx, partner).await?;
    let mut tenancies: BTreeMap<CustomerId, Vec<Tenancy>> = BTreeMap::new();
    for (key, owners) in &assignments {
        for (from, until, owner) in owners.spans() {
            if let Some(owner) = owner {
                tenancies.entry(*owner).or_default().push(Tenancy { tenant: key.clone(), from, until });
            }
        }
    }
    let rows = tx
        .all(sql, args![partner.0], |row| {
            let (id, name, margin) = (CustomerId(row.next()?), row.next()?, row.next()?);
            let margin = Margin::from_ten_thousandths(margin).ok_or_else(|| Error::defect("no margin"))?;
            let billing = PartnerBilling { enabled: row.next()?, folder: row.next()? };
            let tenant: Option<String> = row.next()?;
            let _: Option<i64> = row.next()?;
            let address = read_address(row)?;
            let tenants = tenant.into_iter().collect();
            let terms = Terms::new(margin, billing);
            Ok(Billable { id, name, terms, tenants, tenancies: Vec::new(), address, deleted_on: None })
        })
        .await?;
    let deleted = dated::deleted(tx, partner).await?.into_iter().map(|deleted| Billable {
        id: deleted.id,
        name: deleted.name,
        terms: Terms::new(deleted.margin, deleted.billing),
        tenants: Vec::new(),
        tenancies: Vec::new(),
        address: None,
        deleted_on: Some(deleted.deleted_on),
    });
    let rows = rows.into_iter().chain(deleted);
    let mut found: Vec<Billable> = Vec::new();
    for row in rows {
        match found.last_mut() {
            Some(last) if last.id == row.id => last.tenants.extend(row.tenants),
            _ => found.push(row),
        }
    }
    for customer in &mut found {
        let is_dated = |tenant: &String| assignments.contains_key(&tenant.to_ascii_lowercase());
        customer.tenants.retain(|tenant| !is_dated(tenant));
        customer.tenancies = tenancies.remove(&customer.id).unwrap_or_default();
        if let Some(facts) = facts.remove(&customer.id) {
            customer.terms = dated::with_facts(customer.terms.clone(), facts)?;
        }
    }
    found.sort_by_key(|customer| customer.id);
    Ok(found)
}
