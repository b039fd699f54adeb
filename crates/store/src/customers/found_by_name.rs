//! Pages of the customers whose names the index of names finds.

use super::list::{listing, narrow};
use super::name_index::Candidates;
use super::{Filter, Listed, Order, Window, read, with_tags};
use crate::Error;
use crate::engine::Tx;
use crate::query::Query;
use domain::{CustomerId, PartnerId};

/// Maximum number of customers that the index of names finds and of which a list reads the names to be sure.
const MAX_CANDIDATES: i64 = 10_000;
/// Number of them that are looked up by one statement.
const LOOKED_UP_AT_ONCE: usize = 1000;

/// A page of those that the index of names finds; `None` where reading all names is faster, or needed to count them.
pub(super) async fn list(
    tx: &mut Tx,
    partner: PartnerId,
    filter: &Filter,
    window: Window,
    candidates: &Candidates,
) -> Result<Option<Listed>, Error> {
    let found = candidates.len();
    let is_name_alone = Filter { name_part: None, ..filter.clone() }.is_empty();
    let is_reversed = window.order == Order::Newest;
    let is_by_id = is_reversed || window.order == Order::Oldest;
    let of_page = Window { after: None, skip: 0, ..window };
    let is_certain = candidates.are_exact && is_name_alone;
    if found <= MAX_CANDIDATES && !(is_certain && is_by_id) {
        let mut matching = Vec::new();
        for ids in candidates.page(None, 0, found, is_reversed).chunks(LOOKED_UP_AT_ONCE) {
            let query = checking(partner, filter, ids, is_reversed);
            matching.extend(tx.all(&query.sql, &query.args(), |row| row.next().map(CustomerId)).await?);
        }
        let total = matching.len() as i64;
        matching.retain(|id| window.after.is_none_or(|after| *id > after));
        let (skip, limit) = (window.skip as usize, window.limit as usize);
        let query = if is_by_id {
            let page: Vec<CustomerId> = matching.into_iter().skip(skip).take(limit).collect();
            listing(partner, &Filter::default(), Some(&page), of_page)
        } else {
            listing(partner, &Filter::default(), Some(&matching), Window { after: None, ..window })
        };
        let customers = tx.all(&query.sql, &query.args(), read).await?;
        let customers = with_tags(tx, partner, customers).await?;
        return Ok(Some(Listed { customers, total, is_estimate: false }));
    }
    if !(is_certain || is_name_alone && window.may_estimate) {
        return Ok(None);
    }
    // In another order than that of the ids, names are read in that order until the page is full: many match.
    let (query, expected) = if is_by_id {
        let page = candidates.page(window.after, window.skip, window.limit, is_reversed);
        (listing(partner, filter, Some(&page), of_page), page.len())
    } else {
        let expected = window.limit.min(found - window.skip).max(0) as usize;
        (listing(partner, filter, None, window), expected)
    };
    let customers = if expected == 0 { Vec::new() } else { tx.all(&query.sql, &query.args(), read).await? };
    if !is_certain && customers.len() < expected.div_ceil(2) {
        return Ok(None); // the grams are common, but the part is not
    }
    let customers = with_tags(tx, partner, customers).await?;
    Ok(Some(Listed { customers, total: found, is_estimate: !is_certain }))
}

/// Those of some customers that a filter lets through, by their ids.
pub(super) fn checking(partner: PartnerId, filter: &Filter, ids: &[CustomerId], is_reversed: bool) -> Query {
    let mut query = Query::new("SELECT c.id FROM customers c WHERE partner_id = $1".into(), partner);
    query.and_in("c.id", ids.iter().map(|id| id.0));
    narrow(&mut query, filter);
    query.sql.push_str(if is_reversed { " ORDER BY c.id DESC" } else { " ORDER BY c.id" });
    query
}
