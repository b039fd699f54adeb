//! Users.

use crate::engine::value::{Row, args};
use crate::{Error, Tx, engine::IdSequence};
use domain::{CustomerId, Email, NewUser, PartnerId, Roles, User, UserId, UtcSecond};
use jiff::Timestamp;

/// A user, whether it has a key, the expiry of its default key, and the last use of any.
const COLUMNS: &str = "u.id, u.customer_id, u.email, u.name, u.role,
    EXISTS (SELECT 1 FROM api_keys k WHERE k.partner_id = u.partner_id AND k.user_id = u.id),
    (SELECT k.expires_at FROM api_keys k WHERE k.partner_id = u.partner_id AND k.user_id = u.id AND k.is_default),
    (SELECT MAX(k.last_used_at) FROM api_keys k WHERE k.partner_id = u.partner_id AND k.user_id = u.id),
    u.created_at, u.updated_at";

/// Adds a user without a key; `None` if the tenant has one with this e-mail address.
pub async fn insert(
    tx: &mut Tx,
    partner: PartnerId,
    customer: Option<CustomerId>,
    user: &NewUser,
    now: Timestamp,
) -> Result<Option<User>, Error> {
    let id = tx.next_id(partner, IdSequence::User).await?;
    let sql =
        "INSERT INTO users (partner_id, id, customer_id, email, email_key, name, role, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING";
    let roles = user.roles.to_stored();
    let (email, email_key) = (user.email.as_str(), user.email.key());
    let customer_id = customer.map(|c| c.0);
    let row = args![partner.0, id, customer_id, email, &email_key, &user.name, &roles, now.as_second()];
    if tx.execute(sql, row).await? == 0 {
        return Ok(None);
    }
    Ok(Some(User {
        id: UserId(id),
        customer,
        email: user.email.clone(),
        name: user.name.clone(),
        roles: user.roles,
        has_key: false,
        key_expires_at: None,
        last_used_at: None,
        created_at: now,
        updated_at: now,
    }))
}

/// One user of this tenant: of the customer, or of the partner itself where that is `None`.
pub async fn get(
    tx: &mut Tx,
    partner: PartnerId,
    customer: Option<CustomerId>,
    id: UserId,
) -> Result<Option<User>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM users u WHERE u.partner_id = $1 AND COALESCE(u.customer_id, 0) = $2 AND u.id = $3"
    );
    tx.first(&sql, args![partner.0, tenant(customer), id.0], read).await
}

/// Users of this tenant ordered by id: at most `limit` of those after `after`.
pub async fn list(
    tx: &mut Tx,
    partner: PartnerId,
    customer: Option<CustomerId>,
    skip: i64,
    limit: i64,
) -> Result<Vec<User>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM users u WHERE u.partner_id = $1 AND COALESCE(u.customer_id, 0) = $2
         ORDER BY u.id LIMIT $3 OFFSET $4"
    );
    tx.all(&sql, args![partner.0, tenant(customer), limit, skip], read).await
}

/// How many users this tenant has.
pub async fn count(tx: &mut Tx, partner: PartnerId, customer: Option<CustomerId>) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM users WHERE partner_id = $1 AND COALESCE(customer_id, 0) = $2";
    Ok(tx.first(sql, args![partner.0, tenant(customer)], |row| row.next()).await?.unwrap_or(0))
}

/// How many owners a customer has beside this user.
pub async fn other_owners(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    user: UserId,
) -> Result<i64, Error> {
    // `owner` stands first in every text of roles that has it.
    let sql = "SELECT COUNT(*) FROM users
               WHERE partner_id = $1 AND COALESCE(customer_id, 0) = $2 AND id <> $3 AND role LIKE 'owner%'";
    Ok(tx.first(sql, args![partner.0, customer.0, user.0], |row| row.next()).await?.unwrap_or(0))
}

/// Hold a partner's users still until the transaction ends: two admins must not remove each other at once. What is read
/// of them before this may be out of date.
pub async fn hold(tx: &mut Tx, partner: PartnerId) -> Result<(), Error> {
    tx.execute("UPDATE partners SET suspended = suspended WHERE id = $1", args![partner.0]).await.map(drop)
}

/// Takes a user's lock until the transaction ends, and records that the user has changed: two changes of its keys wait for
/// each other. What was read of it before this may be out of date. Whether there is such a user.
pub async fn touch(tx: &mut Tx, partner: PartnerId, id: UserId, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE users SET updated_at = $3 WHERE partner_id = $1 AND id = $2";
    Ok(tx.execute(sql, args![partner.0, id.0, now.as_second()]).await? > 0)
}

/// Change a user's name and roles.
pub async fn update(
    tx: &mut Tx,
    partner: PartnerId,
    id: UserId,
    name: &str,
    roles: Roles,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE users SET name = $3, role = $4, updated_at = $5 WHERE partner_id = $1 AND id = $2";
    let roles = roles.to_stored();
    tx.execute(sql, args![partner.0, id.0, name, &roles, now.as_second()]).await.map(drop)
}

/// Remove a user, and with it its keys.
pub async fn delete(tx: &mut Tx, partner: PartnerId, id: UserId) -> Result<(), Error> {
    tx.execute("DELETE FROM users WHERE partner_id = $1 AND id = $2", args![partner.0, id.0]).await.map(drop)
}

/// A partner's own users count as those of the customer 0, which there is not.
fn tenant(customer: Option<CustomerId>) -> i64 {
    customer.map_or(0, |customer| customer.0)
}

fn read(row: &mut Row<'_>) -> Result<User, Error> {
    let time = |second| Timestamp::from_second(second).map_err(Error::defect);
    Ok(User {
        id: UserId(row.next()?),
        customer: row.next::<Option<i64>>()?.map(CustomerId),
        email: Email::from_stored(row.next()?),
        name: row.next()?,
        roles: Roles::from_stored(&row.next::<String>()?)
            .ok_or_else(|| Error::defect("a role in the database is none"))?,
        has_key: row.next()?,
        key_expires_at: row.next::<Option<i64>>()?.and_then(UtcSecond::from_second),
        last_used_at: row.next::<Option<i64>>()?.map(time).transpose()?,
        created_at: time(row.next()?)?,
        updated_at: time(row.next()?)?,
    })
}
