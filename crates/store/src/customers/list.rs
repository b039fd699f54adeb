//! Lists of customers: filters, orders and pages.

use super::{found_by_name, name_index, with_ids};
use crate::engine::value::args;
use crate::query::Query;
use crate::{Error, Tx};
use domain::{AzureCustomerId, Classification, Customer, CustomerId, PartnerId, Tag};
use jiff::Timestamp;

/// State of a trial at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// Trial that has not ended.
    Active,
    /// Trial that has ended.
    Expired,
    /// No trial.
    None,
}

/// Filter of a list of customers; an empty one matches all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Part of the name, in the form that [`domain::DisplayName::key`] has.
    pub name_part: Option<String>,
    /// The level of access.
    pub classification: Option<Classification>,
    /// Tags that a customer must all have: `KEY` or `KEY:VALUE`. Both parts may contain colons.
    pub tags: Vec<String>,
    /// State of the trial, and the instant at which it is evaluated.
    pub trial: Option<(Trial, Timestamp)>,
    /// The trial ends before this instant.
    pub trial_ends_before: Option<Timestamp>,
    /// The Azure tenant.
    pub azure_customer_id: Option<AzureCustomerId>,
    /// Whether partner billing is enabled.
    pub partner_billing: Option<bool>,
    /// Changed at this instant or later.
    pub updated_since: Option<Timestamp>,
    /// Partner billing is enabled, and something is in its way.
    pub billing_problem: Option<BillingProblem>,
}

/// What is in the way of a customer's bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BillingProblem {
    /// The last run had something against its bill.
    InLastRun,
    /// That, or it has no Azure tenant.
    Any,
}

impl Filter {
    pub(super) fn is_empty(&self) -> bool {
        let Filter {
            name_part,
            classification,
            tags,
            trial,
            trial_ends_before,
            azure_customer_id,
            partner_billing,
            updated_since,
            billing_problem,
        } = self;
        name_part.is_none()
            && classification.is_none()
            && tags.is_empty()
            && trial.is_none()
            && trial_ends_before.is_none()
            && azure_customer_id.is_none()
            && partner_billing.is_none()
            && updated_since.is_none()
            && billing_problem.is_none()
    }
}

/// Number of ids in a block of `customer_blocks`, which counts the customers of each; the migrations contain it too.
pub(super) const BLOCK: i64 = 8192;

/// Page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Only ids greater than this one.
    pub after: Option<CustomerId>,
    /// Number of customers to skip.
    pub skip: i64,
    /// Maximum number of customers.
    pub limit: i64,
    /// The order of the list.
    pub order: Order,
    /// Whether the total may be an estimate where counting would read many names.
    pub may_estimate: bool,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The customers of the page. Where the total is an estimate, there may be some less than the page has room for.
    pub customers: Vec<Customer>,
    /// The number of customers in the whole list.
    pub total: i64,
    /// Whether the total is an estimate; the whole list is no longer.
    pub is_estimate: bool,
}

/// Order of a list of customers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By id, the oldest first.
    #[default]
    Oldest,
    /// By id, the newest first.
    Newest,
    /// By the folded name.
    Name,
    /// By the time of the last change, the latest first.
    Changed,
}

impl Order {
    /// The terms of `ORDER BY` over the customers `c`.
    fn terms(self) -> &'static str {
        match self {
            Order::Oldest => "c.id",
            Order::Newest => "c.id DESC",
            Order::Name => "c.name_key",
            Order::Changed => "c.updated_at DESC, c.id DESC",
        }
    }
}

/// Number of customers that are looked up by their ids rather than by a join with the table that has found them.
const FEW: i64 = 1000;

/// A page of the customers, and their number.
pub async fn list(tx: &mut Tx, partner: PartnerId, filter: &Filter, window: Window) -> Result<Listed, Error> {
    if let Some(tagged) = few_tagged(tx, partner, filter).await? {
        let rest = Filter { tags: Vec::new(), ..filter.clone() };
        return among(tx, partner, &rest, Some(&tagged), window).await;
    }
    if joins(filter) {
        tx.rule_out_nested_loops().await?;
    }
    if let Some(part) = &filter.name_part
        && let Some(candidates) = name_index::candidates(tx, partner, part).await?
        && let Some(listed) = found_by_name::list(tx, partner, filter, window, &candidates).await?
    {
        return Ok(listed);
    }
    if !filter.is_empty() {
        return among(tx, partner, filter, None, window).await;
    }
    let (total, place) = by_blocks(tx, partner, window).await?;
    let place = if window.order == Order::Oldest { place } else { window };
    let page = match window.skip < total {
        true => ids_of_page(tx, partner, filter, None, place).await?,
        false => Vec::new(), // past the end, the rows need not be skipped one by one
    };
    Ok(Listed { customers: with_ids(tx, partner, &page).await?, total, is_estimate: false })
}

/// A page of all customers, or of these.
async fn among(
    tx: &mut Tx,
    partner: PartnerId,
    filter: &Filter,
    ids: Option<&[CustomerId]>,
    window: Window,
) -> Result<Listed, Error> {
    let query = counting(partner, filter, ids);
    let total = tx.first(&query.sql, &query.args(), |row| row.next()).await?.unwrap_or(0);
    let page = match window.skip < total {
        true => ids_of_page(tx, partner, filter, ids, window).await?,
        false => Vec::new(),
    };
    Ok(Listed { customers: with_ids(tx, partner, &page).await?, total, is_estimate: false })
}

/// Those that have all tags of a filter that has any, if they are few; some of them may be there more than once.
async fn few_tagged(
    tx: &mut Tx,
    partner: PartnerId,
    filter: &Filter,
) -> Result<Option<Vec<CustomerId>>, Error> {
    if filter.tags.is_empty() {
        return Ok(None);
    }
    let query = tagged(partner, &filter.tags);
    let tagged = tx.all(&query.sql, &query.args(), |row| row.next().map(CustomerId)).await?;
    Ok((tagged.len() as i64 <= FEW).then_some(tagged))
}

/// Those that have all these tags, and one more than [`FEW`] if there are more.
pub(super) fn tagged(partner: PartnerId, tags: &[String]) -> Query {
    let mut query = Query::new(String::new(), partner);
    select_tagged(&mut query, tags);
    query.push(" LIMIT ", FEW + 1);
    query
}

/// Whether the conditions of a filter join customers with other tables.
pub(super) fn joins(filter: &Filter) -> bool {
    !filter.tags.is_empty() || filter.billing_problem.is_some()
}

/// `what` of the partner's customers `c`, or of these.
pub(super) fn select(what: &str, partner: PartnerId, ids: Option<&[CustomerId]>) -> Query {
    let mut query = Query::new(format!("SELECT {what} FROM customers c WHERE c.partner_id = $1"), partner);
    if let Some(ids) = ids {
        query.and_in("c.id", ids.iter().map(|id| id.0));
    }
    query
}

pub(super) fn counting(partner: PartnerId, filter: &Filter, ids: Option<&[CustomerId]>) -> Query {
    let mut query = select("COUNT(*)", partner, ids);
    narrow(&mut query, filter);
    query
}

/// The ids of a page of all customers, or of these. Skipped rows are read from an index only. The rows of the page are read
/// by another statement: a join with them is another chance to read a partner's customers again for each of them.
pub(super) fn paging(
    partner: PartnerId,
    filter: &Filter,
    ids: Option<&[CustomerId]>,
    window: Window,
) -> Query {
    let mut query = select("c.id", partner, ids);
    narrow(&mut query, filter);
    if let Some(after) = window.after {
        query.and("c.id > ", after.0);
    }
    query.push(&format!(" ORDER BY {} LIMIT ", window.order.terms()), window.limit);
    query.push(" OFFSET ", window.skip);
    query
}

/// The ids of a page, in its order.
pub(super) async fn ids_of_page(
    tx: &mut Tx,
    partner: PartnerId,
    filter: &Filter,
    ids: Option<&[CustomerId]>,
    window: Window,
) -> Result<Vec<CustomerId>, Error> {
    let query = paging(partner, filter, ids, window);
    tx.all(&query.sql, &query.args(), |row| row.next().map(CustomerId)).await
}

/// Number of customers in each block of ids, ascending.
pub(super) async fn count_by_block(tx: &mut Tx, partner: PartnerId) -> Result<Vec<(i64, i64)>, Error> {
    tx.flush_deferred().await?;
    let sql = "SELECT block, CAST(SUM(customers) AS BIGINT) FROM customer_blocks WHERE partner_id = $1
               GROUP BY block ORDER BY block";
    tx.all(sql, args![partner.0], |row| Ok((row.next()?, row.next()?))).await
}

/// Total number of customers, and the page relative to the block of ids in which it begins.
async fn by_blocks(tx: &mut Tx, partner: PartnerId, window: Window) -> Result<(i64, Window), Error> {
    let blocks = count_by_block(tx, partner).await?;
    let total = blocks.iter().map(|(_, customers)| customers).sum();
    let mut found = window;
    if window.after.is_none() {
        for (block, customers) in blocks {
            if found.skip < customers {
                found.after = Some(CustomerId(block * BLOCK - 1));
                break;
            }
            found.skip -= customers;
        }
    }
    Ok((total, found))
}

/// The longest key of a tag, in bytes of UTF-8.
const MAX_KEY_BYTES: usize = 4 * Tag::MAX_KEY_LENGTH;

/// Maximum number of colons of a tag filter that are tried as the separator of key and value. Each adds a condition.
const MAX_COLONS: usize = 16;

/// Adds the condition that the name of the customer `c` contains a part, which has the form of [`domain::DisplayName::key`].
pub(super) fn name_contains(query: &mut Query, part: &str) {
    query.and_contains("c.name_key", part);
}

/// Adds the conditions on the customers `c`. Each uses an index; `q` scans the index of the partner's names, unless the
/// index of their parts has found the customers before.
pub(super) fn narrow(query: &mut Query, filter: &Filter) {
    if let Some(part) = &filter.name_part {
        name_contains(query, part);
    }
    if let Some(classification) = filter.classification {
        query.and("c.classification = ", classification.as_str());
    }
    has_tags(query, &filter.tags);
    match filter.trial {
        Some((Trial::Active, now)) => query.and("c.trial_expiration_date > ", now.as_second()),
        Some((Trial::Expired, now)) => query.and("c.trial_expiration_date <= ", now.as_second()),
        Some((Trial::None, _)) => query.sql.push_str(" AND c.trial_expiration_date IS NULL"),
        None => {}
    }
    if let Some(end) = filter.trial_ends_before {
        query.and("c.trial_expiration_date < ", end.as_second());
    }
    if let Some(azure) = &filter.azure_customer_id {
        query.and(
            "c.id = (SELECT customer_id FROM azure_tenants WHERE partner_id = $1 AND azure_customer_key = ",
            azure.key(),
        );
        query.sql.push(')');
    }
    if let Some(enabled) = filter.partner_billing {
        query.and("c.billing_enabled = ", enabled);
    }
    if let Some(since) = filter.updated_since {
        query.and("c.updated_at >= ", since.as_second());
    }
    if let Some(problem) = filter.billing_problem {
        query.and("c.billing_enabled = ", true);
        let faults = "c.id IN (SELECT customer_id FROM billing_faults WHERE partner_id = $1)";
        let without_tenant = "NOT EXISTS (SELECT 1 FROM azure_tenants t WHERE t.partner_id = c.partner_id AND t.customer_id = c.id)";
        query.sql += &match problem {
            BillingProblem::InLastRun => format!(" AND {faults}"),
            BillingProblem::Any => format!(" AND ({faults} OR {without_tenant})"),
        };
    }
}

/// Adds the condition that the customer `c` has all these tags.
fn has_tags(query: &mut Query, tags: &[String]) {
    if !tags.is_empty() {
        query.sql.push_str(" AND c.id IN (");
        select_tagged(query, tags);
        query.sql.push(')');
    }
}

/// Adds the `SELECT` of the customers that have all these tags, some of them more than once: one pass over the tags with any
/// of the keys, however many filters there are.
fn select_tagged(query: &mut Query, tags: &[String]) {
    query.sql.push_str("SELECT customer_id FROM customer_tags WHERE (");
    // Any colon of a filter may separate key and value.
    let mut matches = Vec::new();
    for tag in tags {
        let start = query.sql.len();
        query.push("partner_id = $1 AND key = ", tag.as_str());
        let colons = tag.match_indices(':').take_while(|(at, _)| *at <= MAX_KEY_BYTES);
        for (at, _) in colons.take(MAX_COLONS) {
            query.push(" OR partner_id = $1 AND key = ", &tag[..at]);
            query.and("value = ", &tag[at + 1..]);
        }
        matches.push(query.sql[start..].to_owned());
        query.sql.push_str(" OR ");
    }
    query.sql.truncate(query.sql.len() - " OR ".len());
    query.sql.push(')');
    if let [first, rest @ ..] = &matches[..]
        && !rest.is_empty()
    {
        let has = |condition: &String| format!("MAX(CASE WHEN {condition} THEN 1 ELSE 0 END) = 1");
        query.sql += &format!(" GROUP BY customer_id HAVING {}", has(first));
        for condition in rest {
            query.sql += &format!(" AND {}", has(condition));
        }
    }
}
