//! Index of the parts of customers' names.
//!
//! A *gram* is a sequence of one to three characters. For each block of ids, each gram has the set of the customers whose
//! names contain it. A part of up to three characters is a gram itself, so its set is the answer; a longer one is in some
//! of the names that contain all of its grams.
//!
//! Neither FTS5 nor `pg_trgm`: their indexes are over all partners, and PostgreSQL uses none of `pg_trgm` under row-level
//! security, because `LIKE` is not leakproof. Equality of numbers is.
//!
//! Blocks are indexed whole, in the background ([`index_names`]), so creates write nothing here. The names of a block
//! that is not indexed, or has changed since, are read one by one.

mod ids;

use super::list::{BLOCK, count_by_block, name_contains, select};
use crate::engine::Tx;
use crate::engine::value::{Row, args};
use crate::query::Query;
use crate::{Db, Error, Scope};
use domain::{CustomerId, PartnerId};
use ids::{Ids, text_of};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// Maximum length of a gram, in characters.
const MAX_GRAM: usize = 3;
/// Maximum number of grams of a part that are looked up.
const MAX_GRAMS: usize = 6;
/// Minimum number of customers of a block that is indexed. Those that were brought over from elsewhere have ids far apart.
const MIN_CUSTOMERS: i64 = 1024;
/// Maximum number of names that a search reads beside the index; with more, it reads all names.
const MAX_READ: i64 = 40_000;
/// Maximum number of changes of names that a search takes into account; with more, it reads all names.
const MAX_CHANGES: i64 = 1000;
/// Maximum number of blocks that are found stale at once.
const STALE_BLOCKS: i64 = 64;
/// `customer_name_blocks.customers` of a block that is not indexed.
const NOT_INDEXED: i64 = -1;

/// Customers that may match a part of a name.
pub(super) struct Candidates {
    /// Sets by block, ascending.
    blocks: Vec<(i64, Ids)>,
    /// Whether all of them match.
    pub(super) are_exact: bool,
}

impl Candidates {
    pub(super) fn len(&self) -> i64 {
        self.blocks.iter().map(|(_, ids)| ids.len()).sum()
    }

    /// The ids behind `after`, without the first `skip`, in ascending order or, if they are `reversed`, in descending order.
    pub(super) fn page(
        &self,
        after: Option<CustomerId>,
        skip: i64,
        limit: i64,
        reversed: bool,
    ) -> Vec<CustomerId> {
        let (mut page, mut skip) = (Vec::new(), skip);
        let blocks: Box<dyn Iterator<Item = &(i64, Ids)>> =
            if reversed { Box::new(self.blocks.iter().rev()) } else { Box::new(self.blocks.iter()) };
        for (block, ids) in blocks {
            let first = block * BLOCK;
            let is_split = after.is_some_and(|after| after.0 >= first);
            if !is_split && ids.len() <= skip {
                skip -= ids.len();
                continue;
            }
            let mut these: Vec<i64> = ids.iter().map(|id| first + i64::from(id)).collect();
            these.retain(|id| after.is_none_or(|after| *id > after.0));
            if reversed {
                these.reverse();
            }
            let skipped = skip.min(these.len() as i64);
            skip -= skipped;
            let wanted = (limit - page.len() as i64).max(0) as usize;
            page.extend(these.into_iter().skip(skipped as usize).take(wanted).map(CustomerId));
            if page.len() as i64 >= limit {
                break;
            }
        }
        page
    }
}

/// The gram of up to [`MAX_GRAM`] characters, 21 bits for each.
fn gram_of(characters: &[char]) -> i64 {
    let shifted = characters.iter().zip([42, 21, 0]).map(|(c, shift)| i64::from(u32::from(*c)) << shift);
    shifted.sum()
}

/// The grams of a part that are looked up, and whether its set is that of the part.
fn grams_of_part(part: &str) -> (Vec<i64>, bool) {
    let characters: Vec<char> = part.chars().collect();
    if characters.len() <= MAX_GRAM {
        return (vec![gram_of(&characters)], true);
    }
    let mut seen = BTreeSet::new();
    let all: Vec<i64> = characters.windows(MAX_GRAM).map(gram_of).filter(|gram| seen.insert(*gram)).collect();
    // Spread evenly, the first and the last among them.
    let count = all.len().min(MAX_GRAMS);
    let chosen = (0..count).map(|i| all[if count > 1 { i * (all.len() - 1) / (count - 1) } else { 0 }]);
    (chosen.collect(), false)
}

/// Which blocks of a partner are indexed.
struct Coverage {
    fresh: Vec<i64>,
    /// Ranges of ids whose names have to be read: the first, and the first behind it.
    stale: Vec<(i64, i64)>,
}

/// What is indexed; `None` where an index would not help.
async fn coverage(tx: &mut Tx, partner: PartnerId) -> Result<Option<Coverage>, Error> {
    let sql = "SELECT customer_id FROM customer_name_changes WHERE partner_id = $1 LIMIT $2";
    let changed = tx.all(sql, args![partner.0, MAX_CHANGES], |row| row.next::<i64>()).await?;
    if changed.len() as i64 == MAX_CHANGES {
        return Ok(None);
    }
    let changed: BTreeSet<i64> = changed.into_iter().map(|id| id / BLOCK).collect();
    let sql = "SELECT block, customers FROM customer_name_blocks WHERE partner_id = $1";
    let indexed: BTreeMap<i64, i64> =
        tx.all(sql, args![partner.0], |row| Ok((row.next()?, row.next()?))).await?.into_iter().collect();
    let mut coverage = Coverage { fresh: Vec::new(), stale: Vec::new() };
    let (mut total, mut read, mut is_last_stale) = (0, 0, false);
    for (block, customers) in count_by_block(tx, partner).await? {
        total += customers;
        let is_fresh = indexed.get(&block) == Some(&customers) && !changed.contains(&block);
        match coverage.stale.last_mut() {
            _ if is_fresh => coverage.fresh.push(block),
            Some((_, end)) if is_last_stale => *end = (block + 1) * BLOCK,
            _ => coverage.stale.push((block * BLOCK, (block + 1) * BLOCK)),
        }
        if !is_fresh {
            read += customers;
        }
        is_last_stale = !is_fresh;
    }
    Ok((read <= MAX_READ && read * 2 <= total).then_some(coverage))
}

/// The customers whose names may contain `part`; `None` if the index cannot tell.
pub(super) async fn candidates(
    tx: &mut Tx,
    partner: PartnerId,
    part: &str,
) -> Result<Option<Candidates>, Error> {
    let Some(Coverage { fresh, stale }) = coverage(tx, partner).await? else { return Ok(None) };
    let (grams, are_exact) = grams_of_part(part);
    let query = look_up(partner, &fresh, &grams);
    let rows: Vec<(i64, String)> =
        tx.all(&query.sql, &query.args(), |row| Ok((row.next()?, row.next()?))).await?;
    let mut found: BTreeMap<i64, (usize, Ids)> = BTreeMap::new();
    for (block, text) in rows {
        let ids = Ids::read(&text)
            .ok_or_else(|| Error::defect("ids of the index of names in the database are none"))?;
        match found.get_mut(&block) {
            Some((count, common)) => {
                *count += 1;
                common.retain(&ids);
            }
            None => drop(found.insert(block, (1, ids))),
        }
    }
    // Of a block that lacks one of the grams no name contains the part.
    found.retain(|_, (count, _)| *count == grams.len());
    let mut blocks: BTreeMap<i64, Ids> = found.into_iter().map(|(block, (_, ids))| (block, ids)).collect();
    for (begin, end) in stale {
        let query = read_names(partner, begin, end, part);
        for id in tx.all(&query.sql, &query.args(), |row| row.next::<i64>()).await? {
            blocks.entry(id / BLOCK).or_insert_with(Ids::none).insert((id % BLOCK) as u16);
        }
    }
    Ok(Some(Candidates { blocks: blocks.into_iter().collect(), are_exact }))
}

/// The sets of these grams in these blocks. Blocks are numbers of ours, so they are in the text.
pub(super) fn look_up(partner: PartnerId, blocks: &[i64], grams: &[i64]) -> Query {
    let mut query =
        Query::new("SELECT block, ids FROM customer_name_grams WHERE partner_id = $1".into(), partner);
    query.and_in("block", blocks.iter().copied());
    query.and_any("gram", grams.iter().copied());
    query
}

/// The customers of a range of ids whose names contain `part`.
pub(super) fn read_names(partner: PartnerId, begin: i64, end: i64, part: &str) -> Query {
    let mut query = select("c.id", partner, None);
    query.and("c.id >= ", begin);
    query.and("c.id < ", end);
    name_contains(&mut query, part);
    query
}

/// Notes that a customer has another name from this version on.
pub(super) async fn note_rename(
    tx: &mut Tx,
    partner: PartnerId,
    id: CustomerId,
    version: i64,
) -> Result<(), Error> {
    let sql = "INSERT INTO customer_name_changes (partner_id, customer_id, version) VALUES ($1, $2, $3)
               ON CONFLICT DO NOTHING";
    tx.enqueue(sql, args![partner.0, id.0, version]).await
}

/// Notes that a customer of this version was deleted.
pub(super) async fn note_delete(
    tx: &mut Tx,
    partner: PartnerId,
    id: CustomerId,
    version: i64,
) -> Result<(), Error> {
    note_rename(tx, partner, id, -version).await
}

/// Indexes the names of all blocks that are not as they are indexed, of any partner; returns the number of blocks. Pauses for
/// as long as each takes, so that changes are not delayed. Can be dropped at any time.
pub async fn index_names(db: &Db) -> Result<u64, Error> {
    let mut indexed = 0;
    loop {
        let found: Result<Vec<(PartnerId, i64)>, Error> =
            db.read(Scope::System, (), |(), tx| Box::pin(stale(tx))).await;
        let mut changed = 0;
        for (partner, block) in found? {
            let began = Instant::now();
            let contents: Result<Option<Contents>, Error> = db
                .read(partner, (partner, block), |(partner, block), tx| {
                    Box::pin(read_block(tx, *partner, *block))
                })
                .await;
            let Some(contents) = contents? else { continue };
            let build = tokio::task::spawn_blocking(move || Build::of(contents));
            let build = build.await.map_err(|e| Error::defect(format!("indexing names panicked: {e}")))?;
            let is_indexed = build.customers != NOT_INDEXED;
            let is_written: Result<bool, Error> = db
                .write(partner, (partner, build), |(partner, build), tx| Box::pin(write(tx, *partner, build)))
                .await;
            let is_written = is_written?;
            changed += u64::from(is_written);
            indexed += u64::from(is_written && is_indexed);
            tokio::time::sleep(began.elapsed().min(Duration::from_secs(1))).await;
        }
        if changed == 0 {
            return Ok(indexed);
        }
    }
}

/// Some of the blocks that are not as they are indexed. The last block of a partner gets more customers, so it waits.
async fn stale(tx: &mut Tx) -> Result<Vec<(PartnerId, i64)>, Error> {
    let sql = "SELECT b.partner_id, b.block
        FROM (SELECT partner_id, block, CAST(SUM(customers) AS BIGINT) AS customers FROM customer_blocks
              GROUP BY partner_id, block) b
        LEFT JOIN customer_name_blocks n ON n.partner_id = b.partner_id AND n.block = b.block
        WHERE b.customers >= $1 AND (n.customers IS NULL OR n.customers <> b.customers)
            AND EXISTS (SELECT 1 FROM customer_blocks later WHERE later.partner_id = b.partner_id AND later.block > b.block)
        ORDER BY b.partner_id, b.block LIMIT $2";
    let mut found = tx.all(sql, args![MIN_CUSTOMERS, STALE_BLOCKS], read_stale).await?;
    let sql = "SELECT DISTINCT partner_id, customer_id / 8192 FROM customer_name_changes LIMIT $1";
    found.extend(tx.all(sql, args![STALE_BLOCKS], read_stale).await?);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn read_stale(row: &mut Row<'_>) -> Result<(PartnerId, i64), Error> {
    Ok((PartnerId(row.next()?), row.next()?))
}

/// What a snapshot has of a block.
pub(super) struct Contents {
    block: i64,
    /// Number of its last build.
    build: Option<i64>,
    /// Number of its customers; [`NOT_INDEXED`] if it is not to be indexed.
    customers: i64,
    /// Keys of names, by the id's distance from the block's first.
    names: Vec<(u16, String)>,
    /// Changes that the names have.
    changes: Vec<(i64, i64)>,
}

/// A block of the index.
pub(super) struct Build {
    block: i64,
    build: Option<i64>,
    customers: i64,
    /// Grams, ascending, with the text of their sets.
    sets: Vec<(i64, String)>,
    changes: Vec<(i64, i64)>,
}

/// The block, unless it is as it is indexed.
pub(super) async fn read_block(
    tx: &mut Tx,
    partner: PartnerId,
    block: i64,
) -> Result<Option<Contents>, Error> {
    let (begin, end) = (block * BLOCK, (block + 1) * BLOCK);
    let sql = "SELECT customers, build FROM customer_name_blocks WHERE partner_id = $1 AND block = $2";
    let known: Option<(i64, i64)> =
        tx.first(sql, args![partner.0, block], |row| Ok((row.next()?, row.next()?))).await?;
    let blocks = count_by_block(tx, partner).await?;
    let is_last = blocks.last().is_none_or(|(last, _)| *last <= block);
    let there = blocks.iter().find(|(this, _)| *this == block).map_or(0, |(_, customers)| *customers);
    let customers = if is_last || there < MIN_CUSTOMERS { NOT_INDEXED } else { there };
    let sql = "SELECT customer_id, version FROM customer_name_changes
               WHERE partner_id = $1 AND customer_id >= $2 AND customer_id < $3";
    let changes: Vec<(i64, i64)> =
        tx.all(sql, args![partner.0, begin, end], |row| Ok((row.next()?, row.next()?))).await?;
    let is_known = known.is_some_and(|(known, _)| known == customers);
    if changes.is_empty() && (is_known || customers == NOT_INDEXED) {
        return Ok(None);
    }
    let sql = "SELECT id, name_key FROM customers WHERE partner_id = $1 AND id >= $2 AND id < $3 ORDER BY id";
    let names = if customers == NOT_INDEXED {
        Vec::new()
    } else {
        tx.all(sql, args![partner.0, begin, end], |row| {
            Ok(((row.next::<i64>()? - begin) as u16, row.next()?))
        })
        .await?
    };
    let build = known.map(|(_, build)| build);
    Ok(Some(Contents { block, build, customers, names, changes }))
}

impl Build {
    pub(super) fn of(contents: Contents) -> Self {
        let Contents { block, build, customers, names, changes } = contents;
        let mut sets: HashMap<i64, Vec<u16>> = HashMap::new();
        for (id, name) in names {
            let characters: Vec<char> = name.chars().collect();
            for length in 1..=MAX_GRAM {
                for gram in characters.windows(length).map(gram_of) {
                    let ids = sets.entry(gram).or_default();
                    if ids.last() != Some(&id) {
                        ids.push(id);
                    }
                }
            }
        }
        let mut sets: Vec<(i64, String)> = sets.iter().map(|(gram, ids)| (*gram, text_of(ids))).collect();
        sets.sort_unstable_by_key(|(gram, _)| *gram);
        Build { block, build, customers, sets, changes }
    }
}

/// Writes a block of the index; `false` if it was written by another server since it was read.
pub(super) async fn write(tx: &mut Tx, partner: PartnerId, build: &Build) -> Result<bool, Error> {
    let Build { block, build: known, customers, sets, changes } = build;
    let written = match known {
        None => {
            let sql = "INSERT INTO customer_name_blocks (partner_id, block, customers, build) VALUES ($1, $2, $3, 1)
                       ON CONFLICT DO NOTHING";
            tx.execute(sql, args![partner.0, *block, *customers]).await?
        }
        Some(known) => {
            let sql = "UPDATE customer_name_blocks SET customers = $3, build = build + 1
                       WHERE partner_id = $1 AND block = $2 AND build = $4";
            tx.execute(sql, args![partner.0, *block, *customers, *known]).await?
        }
    };
    if written == 0 {
        return Ok(false);
    }
    let sql = "DELETE FROM customer_name_grams WHERE partner_id = $1 AND block = $2";
    tx.execute(sql, args![partner.0, *block]).await?;
    let sql = "INSERT INTO customer_name_grams (partner_id, block, gram, ids) VALUES ($1, $2, $3, $4)";
    for (gram, ids) in sets {
        tx.enqueue(sql, args![partner.0, *block, *gram, ids]).await?;
    }
    let sql = "DELETE FROM customer_name_changes WHERE partner_id = $1 AND customer_id = $2 AND version = $3";
    for (id, version) in changes {
        tx.enqueue(sql, args![partner.0, *id, *version]).await?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grams_tell_characters_and_lengths_apart() {
        let gram = |text: &str| gram_of(&text.chars().collect::<Vec<_>>());
        let texts = [
            "a",
            "b",
            "aa",
            "ab",
            "ba",
            "aaa",
            "aab",
            "ß",
            "\u{10ffff}\u{10ffff}\u{10ffff}",
            "日本語",
            "%",
            "_",
        ];
        let grams: BTreeSet<i64> = texts.iter().map(|text| gram(text)).collect();
        assert_eq!(grams.len(), texts.len());
        assert!(grams.iter().all(|gram| *gram > 0));
    }

    #[test]
    fn parts_have_few_grams() {
        for (part, grams, is_exact) in [
            ("a", 1, true),
            ("日本語", 1, true),
            ("acme", 2, false),
            ("aaaaaa", 1, false),
            ("abcdefgh", 6, false),
            ("the quick brown fox", 6, false),
        ] {
            let found = grams_of_part(part);
            assert_eq!((found.0.len(), found.1), (grams, is_exact), "{part}");
            let distinct: BTreeSet<&i64> = found.0.iter().collect();
            assert_eq!(distinct.len(), grams, "{part}");
        }
        let (found, _) = grams_of_part("the quick brown fox");
        let ends = [['t', 'h', 'e'], ['f', 'o', 'x']].map(|gram| gram_of(&gram));
        assert_eq!([found[0], found[5]], ends);
    }

    #[test]
    fn pages_of_candidates_go_both_ways() {
        let set = |ids: &[u16]| {
            let mut set = Ids::none();
            ids.iter().for_each(|id| set.insert(*id));
            set
        };
        let blocks = vec![(0, set(&[5, 6, 7])), (2, set(&[0, 1])), (9, set(&[8191]))];
        let candidates = Candidates { blocks, are_exact: true };
        let all = [5, 6, 7, 16_384, 16_385, 81_919];
        for after in [None, Some(4), Some(5), Some(7), Some(10_000), Some(16_384), Some(81_919)] {
            for skip in 0..8 {
                for limit in 1..8 {
                    let behind = |id: &&i64| after.is_none_or(|after| **id > after);
                    let (skipped, most) = (skip as usize, limit as usize);
                    let right: Vec<i64> =
                        all.iter().filter(behind).skip(skipped).take(most).copied().collect();
                    let page = candidates.page(after.map(CustomerId), skip, limit, false);
                    assert_eq!(
                        page.iter().map(|id| id.0).collect::<Vec<_>>(),
                        right,
                        "{after:?} {skip} {limit}"
                    );
                    let right: Vec<i64> =
                        all.iter().rev().filter(behind).skip(skipped).take(most).copied().collect();
                    let page = candidates.page(after.map(CustomerId), skip, limit, true);
                    assert_eq!(
                        page.iter().map(|id| id.0).collect::<Vec<_>>(),
                        right,
                        "{after:?} {skip} {limit}"
                    );
                }
            }
        }
        assert_eq!(candidates.len(), 6);
    }
}
