//! Invitations: links that open one session of a user.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::{CustomerId, PartnerId, UserId};
use jiff::Timestamp;

/// Stored invitation.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The partner.
    pub partner: PartnerId,
    /// Finds the invitation; derived from its token, and not secret.
    pub id: String,
    /// The user.
    pub user: UserId,
    /// The e-mail address of who made it; empty for the operator.
    pub invited_by: String,
    /// A MAC over the token and over what it opens; lower-case hex.
    pub mac: String,
    /// The time when it was made.
    pub created_at: Timestamp,
    /// The time from which on it opens nothing.
    pub expires_at: Timestamp,
    /// The time when it was used.
    pub used_at: Option<Timestamp>,
}

/// Adds an invitation in place of the user's unused ones.
pub async fn insert(tx: &mut Tx, invitation: &Invitation) -> Result<(), Error> {
    let Invitation { partner, id, user, invited_by, mac, created_at, expires_at, .. } = invitation;
    let sql = "DELETE FROM invitations WHERE partner_id = $1 AND user_id = $2 AND used_at IS NULL";
    tx.execute(sql, args![partner.0, user.0]).await?;
    let sql = "INSERT INTO invitations (partner_id, id, user_id, invited_by, mac, created_at, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let row = args![partner.0, id, user.0, invited_by, mac, created_at.as_second(), expires_at.as_second()];
    tx.execute(sql, row).await.map(drop)
}

/// Invitation with this id, of any partner, and the partner's display name. The caller has to check the MAC.
pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<(Invitation, String)>, Error> {
    let sql = "SELECT i.partner_id, i.id, i.user_id, i.invited_by, i.mac, i.created_at, i.expires_at, i.used_at, p.name
               FROM invitations i JOIN partners p ON p.id = i.partner_id WHERE i.id = $1";
    tx.first(sql, args![id], |row| Ok((read(row)?, row.next()?))).await
}

/// Users of this tenant who have an invitation that opens something, with its end.
pub async fn open(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    now: Timestamp,
) -> Result<Vec<(UserId, Timestamp)>, Error> {
    let sql = "SELECT i.user_id, i.expires_at FROM users u
               JOIN invitations i ON i.partner_id = u.partner_id AND i.user_id = u.id
               WHERE u.partner_id = $1 AND COALESCE(u.customer_id, 0) = $2 AND i.used_at IS NULL AND i.expires_at > $3";
    tx.all(sql, args![partner.0, customer.0, now.as_second()], |row| Ok((UserId(row.next()?), row.time()?)))
        .await
}

/// Records the use of an invitation; `false` if it was used before.
pub async fn use_up(tx: &mut Tx, partner: PartnerId, id: &str, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE invitations SET used_at = $3 WHERE partner_id = $1 AND id = $2 AND used_at IS NULL";
    Ok(tx.execute(sql, args![partner.0, id, now.as_second()]).await? > 0)
}

/// Deletes the invitations, of all partners, that expired before this instant.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    tx.execute("DELETE FROM invitations WHERE expires_at < $1", args![before.as_second()]).await
}

fn read(row: &mut Row<'_>) -> Result<Invitation, Error> {
    let time = |second| Timestamp::from_second(second).map_err(Error::defect);
    Ok(Invitation {
        partner: PartnerId(row.next()?),
        id: row.next()?,
        user: UserId(row.next()?),
        invited_by: row.next()?,
        mac: row.next()?,
        created_at: time(row.next()?)?,
        expires_at: time(row.next()?)?,
        used_at: row.next::<Option<i64>>()?.map(time).transpose()?,
    })
}
