//! Price rules: which line of a bill costs what.

use crate::engine::IdSequence;
use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;
use domain::version::{self, Nonce};
use jiff::Timestamp;

/// Distance between the last rule and one inserted without a position, which leaves room for rules in between.
pub const STEP: i64 = 10;

/// Stored price rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceRuleRow {
    /// Rule id, ascending and never reused.
    pub id: i64,
    /// Position; rules with the same position are ordered by age.
    pub position: i64,
    /// Rule, as JSON.
    pub rule: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub version: i64,
}

const COLUMNS: &str = "id, position, rule, created_at, updated_at, version";

/// Inserts a rule, after all others unless it has a position.
pub async fn insert(
    tx: &mut Tx,
    partner: PartnerId,
    position: Option<i64>,
    rule: &str,
    random: Nonce,
    now: Timestamp,
) -> Result<PriceRuleRow, Error> {
    let id = tx.next_id(partner, IdSequence::PriceRule).await?;
    let sql = "SELECT MAX(position) FROM price_rules WHERE partner_id = $1";
    let last = tx.first(sql, args![partner.0], |row| row.next::<Option<i64>>()).await?.flatten();
    // Of two rules with the same position the newer one comes after the older.
    let position = position.unwrap_or(last.unwrap_or(0).saturating_add(STEP).min(u32::MAX.into()));
    let sql = "INSERT INTO price_rules (partner_id, id, position, rule, created_at, updated_at, version)
               VALUES ($1, $2, $3, $4, $5, $5, $6)";
    let version = version::next(0, random);
    tx.execute(sql, args![partner.0, id, position, rule, now.as_second(), version]).await?;
    Ok(PriceRuleRow { id, position, rule: rule.to_owned(), created_at: now, updated_at: now, version })
}

/// One rule.
pub async fn get(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<Option<PriceRuleRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM price_rules WHERE partner_id = $1 AND id = $2");
    tx.first(&sql, args![partner.0, id], read).await
}

/// Rules in the order in which they are evaluated, and the total number.
pub async fn list(
    tx: &mut Tx,
    partner: PartnerId,
    skip: i64,
    limit: i64,
) -> Result<(Vec<PriceRuleRow>, i64), Error> {
    let sql = "SELECT COUNT(*) FROM price_rules WHERE partner_id = $1";
    let total = tx.first(sql, args![partner.0], |row| row.next()).await?.unwrap_or(0);
    let sql = format!(
        "SELECT {COLUMNS} FROM price_rules WHERE partner_id = $1 ORDER BY position, id LIMIT $2 OFFSET $3"
    );
    Ok((tx.all(&sql, args![partner.0, limit, skip], read).await?, total))
}

/// Updates a rule that was read in this transaction.
///
/// # Errors
/// [`Error::Retry`] if the rule has changed since it was read.
pub async fn update(
    tx: &mut Tx,
    partner: PartnerId,
    before: &PriceRuleRow,
    position: i64,
    rule: &str,
    random: Nonce,
    now: Timestamp,
) -> Result<PriceRuleRow, Error> {
    let version = version::next(before.version, random);
    let sql = "UPDATE price_rules SET position = $4, rule = $5, updated_at = $6, version = $7
               WHERE partner_id = $1 AND id = $2 AND version = $3";
    let row = args![partner.0, before.id, before.version, position, rule, now.as_second(), version];
    if tx.execute(sql, row).await? == 0 {
        return Err(tx.serialization_conflict());
    }
    Ok(PriceRuleRow { position, rule: rule.to_owned(), updated_at: now, version, ..before.clone() })
}

/// Deletes a rule that was read in this transaction with this version.
///
/// # Errors
/// [`Error::Retry`] if the rule has changed since it was read.
pub async fn delete(tx: &mut Tx, partner: PartnerId, id: i64, version: i64) -> Result<(), Error> {
    let sql = "DELETE FROM price_rules WHERE partner_id = $1 AND id = $2 AND version = $3";
    if tx.execute(sql, args![partner.0, id, version]).await? == 0 {
        return Err(tx.serialization_conflict());
    }
    Ok(())
}

fn read(row: &mut Row<'_>) -> Result<PriceRuleRow, Error> {
    Ok(PriceRuleRow {
        id: row.next()?,
        position: row.next()?,
        rule: row.next()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        version: row.next()?,
    })
}
