//! Pages of the customers whose names the index of names finds.

use super::list::{ids_of_page, narrow, select};
use super::name_index::Candidates;
use super::{Filter, Listed, Order, Window, with_ids};
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
        let page = if is_by_id {
            matching.into_iter().skip(skip).take(limit).collect()
        } else {
            ids_of_page(tx, partner, &Filter::default(), Some(&matching), Window { after: None, ..window })
                .await?
        };
        let customers = with_ids(tx, partner, &page).await?;
        return Ok(Some(Listed { customers, total, is_estimate: false }));
    }
    if !(is_certain || is_name_alone && window.may_estimate) {
        return Ok(None);
    }
    // In another order than that of the ids, names are read in that order until the page is full: many match.
    let (page, expected) = if is_by_id {
        let page = candidates.page(window.after, window.skip, window.limit, is_reversed);
        let expected = page.len();
        let is_read = !is_certain && expected > 0;
        (if is_read { ids_of_page(tx, partner, filter, Some(&page), of_page).await? } else { page }, expected)
    } else {
        let expected = window.limit.min(found - window.skip).max(0) as usize;
        let is_read = expected > 0;
        (if is_read { ids_of_page(tx, partner, filter, None, window).await? } else { Vec::new() }, expected)
    };
    if !is_certain && page.len() < expected.div_ceil(2) {
        return Ok(None); // the grams are common, but the part is not
    }
    let customers = with_ids(tx, partner, &page).await?;
    Ok(Some(Listed { customers, total: found, is_estimate: !is_certain }))
}

/// Those of some customers that a filter lets through, by their ids.
pub(super) fn checking(partner: PartnerId, filter: &Filter, ids: &[CustomerId], is_reversed: bool) -> Query {
    let mut query = select("c.id", partner, Some(ids));
    narrow(&mut query, filter);
    query.sql.push_str(if is_reversed { " ORDER BY c.id DESC" } else { " ORDER BY c.id" });
    query
}
