//! What the server does for a partner's billing by itself.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// Stored automation of a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomationRow {
    /// Partner that owns it.
    pub partner: PartnerId,
    /// Settings, as JSON.
    pub settings: String,
    /// The first month that it bills, such as `2026-10`.
    pub since: String,
    /// State, as JSON.
    pub state: String,
    /// Time of the last change of the settings.
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "partner_id, settings, since, state, updated_at";

/// Sets the settings. The first month and the state of an automation that is there stay.
pub async fn set(
    tx: &mut Tx,
    partner: PartnerId,
    settings: &str,
    since: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "INSERT INTO billing_automations (partner_id, settings, since, state, leased_until, updated_at)
               VALUES ($1, $2, $3, '{}', 0, $4)
               ON CONFLICT (partner_id) DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at";
    tx.execute(sql, args![partner.0, settings, since, now.as_second()]).await.map(drop)
}

/// A partner's automation.
pub async fn get(tx: &mut Tx, partner: PartnerId) -> Result<Option<AutomationRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM billing_automations WHERE partner_id = $1");
    tx.first(&sql, args![partner.0], read).await
}

/// All partners' automations, for the server itself.
pub async fn all(tx: &mut Tx) -> Result<Vec<AutomationRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM billing_automations ORDER BY partner_id");
    tx.all(&sql, args![], read).await
}

/// The partners that have one.
pub async fn partners(tx: &mut Tx) -> Result<Vec<PartnerId>, Error> {
    let sql = "SELECT partner_id FROM billing_automations ORDER BY partner_id";
    tx.all(sql, args![], |row| Ok(PartnerId(row.next()?))).await
}

/// Takes the lease, and returns the automation; `None` if another server has it.
pub async fn lease(
    tx: &mut Tx,
    partner: PartnerId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<AutomationRow>, Error> {
    let sql = "UPDATE billing_automations SET leased_until = $3 WHERE partner_id = $1 AND leased_until <= $2";
    match tx.execute(sql, args![partner.0, now.as_second(), until.as_second()]).await? {
        0 => Ok(None),
        _ => get(tx, partner).await,
    }
}

/// Records the state and releases the lease. Changes nothing if the lease is lost.
pub async fn settle(tx: &mut Tx, partner: PartnerId, until: Timestamp, state: &str) -> Result<(), Error> {
    let sql = "UPDATE billing_automations SET state = $3, leased_until = 0 WHERE partner_id = $1 AND leased_until = $2";
    tx.execute(sql, args![partner.0, until.as_second(), state]).await.map(drop)
}

fn read(row: &mut Row<'_>) -> Result<AutomationRow, Error> {
    Ok(AutomationRow {
        partner: PartnerId(row.next()?),
        settings: row.next()?,
        since: row.next()?,
        state: row.next()?,
        updated_at: row.time()?,
    })
}
