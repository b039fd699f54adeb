//! Users, and the one API key that each may have.

use crate::engine::value::{Row, args};
use crate::{Error, Tx, engine::Kind};
use domain::{Classification, CustomerId, Email, NewUser, PartnerId, Role, TrialExpiration, User, UserId};
use jiff::Timestamp;

/// What is kept of an API key: enough to find it and to prove it, not enough to make it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Finds the key; not secret.
    pub id: String,
    /// SHA-256 of the whole key, lower-case hex.
    pub hash: String,
}

/// Whom a key belongs to, and all that decides whether it opens anything.
#[derive(Clone)]
pub struct KeyOwner {
    /// The partner.
    pub partner: PartnerId,
    /// The partner is suspended.
    pub partner_suspended: bool,
    /// The user.
    pub user: UserId,
    /// Its e-mail address.
    pub email: Email,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the whole key, lower-case hex.
    pub hash: String,
    /// When the key ends by itself.
    pub expires_at: Option<TrialExpiration>,
    /// For a customer's user: the customer, its level of access, and the end of its trial.
    pub customer: Option<(CustomerId, Classification, Option<TrialExpiration>)>,
}

const COLUMNS: &str =
    "id, customer_id, email, name, role, key_id, key_expires_at, last_used_at, created_at, updated_at";

/// Add a user with its first key; `None` if the tenant has one with this e-mail address.
///
/// # Errors
/// [`Error`] of the store.
pub async fn insert(
    tx: &mut Tx,
    partner: PartnerId,
    customer: Option<CustomerId>,
    user: &NewUser,
    key: &StoredKey,
    now: Timestamp,
) -> Result<Option<User>, Error> {
    let id = tx.next_id(partner, Kind::User).await?;
    let sql =
        "INSERT INTO users (partner_id, id, customer_id, email, email_key, name, role, key_id, key_hash,
                                  key_expires_at, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) ON CONFLICT DO NOTHING";
    let (email, email_key, expires_at) =
        (user.email.as_str(), user.email.key(), user.key_expires_at.map(|t| t.as_second()));
    let row = args![
        partner.0,
        id,
        customer.map(|c| c.0),
        email,
        &email_key,
        &user.name,
        user.role.as_str(),
        &key.id,
        &key.hash,
        expires_at,
        now.as_second(),
    ];
    if tx.execute(sql, row).await? == 0 {
        return Ok(None);
    }
    Ok(Some(User {
        id: UserId(id),
        customer,
        email: user.email.clone(),
        name: user.name.clone(),
        role: user.role,
        has_key: true,
        key_expires_at: user.key_expires_at,
        last_used_at: None,
        created_at: now,
        updated_at: now,
    }))
}

/// Whose key has this id? The caller still has to compare the hash.
///
/// # Errors
/// [`Error`] of the store.
pub async fn find_key(tx: &mut Tx, key_id: &str) -> Result<Option<KeyOwner>, Error> {
    let sql = "SELECT u.partner_id, p.suspended, u.id, u.email, u.role, u.key_hash, u.key_expires_at,
                      u.customer_id, c.classification, c.trial_expiration_date
               FROM users u JOIN partners p ON p.id = u.partner_id
               LEFT JOIN customers c ON c.partner_id = u.partner_id AND c.id = u.customer_id
               WHERE u.key_id = $1";
    tx.first(sql, args![key_id], |row| {
        let wrong = || Error::defect("a key's owner in the database is none");
        Ok(KeyOwner {
            partner: PartnerId(row.next()?),
            partner_suspended: row.next()?,
            user: UserId(row.next()?),
            email: Email::from_stored(row.next()?),
            role: Role::parse(&row.next::<String>()?).ok_or_else(wrong)?,
            hash: row.next()?,
            expires_at: row.next::<Option<i64>>()?.and_then(TrialExpiration::from_second),
            customer: match (
                row.next::<Option<i64>>()?,
                row.next::<Option<String>>()?,
                row.next::<Option<i64>>()?,
            ) {
                (Some(id), Some(classification), trial) => Some((
                    CustomerId(id),
                    Classification::parse(&classification).ok_or_else(wrong)?,
                    trial.and_then(TrialExpiration::from_second),
                )),
                (Some(_), None, _) => return Err(wrong()),
                (None, ..) => None,
            },
        })
    })
    .await
}

/// One user of this tenant: of the customer, or of the partner itself where that is `None`.
///
/// # Errors
/// [`Error`] of the store.
pub async fn get(
    tx: &mut Tx,
    partner: PartnerId,
    customer: Option<CustomerId>,
    id: UserId,
) -> Result<Option<User>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM users WHERE partner_id = $1 AND COALESCE(customer_id, 0) = $2 AND id = $3"
    );
    tx.first(&sql, args![partner.0, tenant(customer), id.0], read).await
}

/// The users of this tenant, in the order of their ids: as many behind `after`.
///
/// # Errors
/// [`Error`] of the store.
pub async fn list(
    tx: &mut Tx,
    partner: PartnerId,
    customer: Option<CustomerId>,
    skip: i64,
    limit: i64,
) -> Result<Vec<User>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM users WHERE partner_id = $1 AND COALESCE(customer_id, 0) = $2
         ORDER BY id LIMIT $3 OFFSET $4"
    );
    tx.all(&sql, args![partner.0, tenant(customer), limit, skip], read).await
}

/// How many users this tenant has.
///
/// # Errors
/// [`Error`] of the store.
pub async fn count(tx: &mut Tx, partner: PartnerId, customer: Option<CustomerId>) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM users WHERE partner_id = $1 AND COALESCE(customer_id, 0) = $2";
    Ok(tx.first(sql, args![partner.0, tenant(customer)], |row| row.next()).await?.unwrap_or(0))
}

/// Hold a partner's users still until the transaction ends: two admins must not remove each other at once. What is read
/// of them before this may be out of date.
///
/// # Errors
/// [`Error`] of the store.
pub async fn hold(tx: &mut Tx, partner: PartnerId) -> Result<(), Error> {
    tx.execute("UPDATE partners SET suspended = suspended WHERE id = $1", args![partner.0]).await.map(drop)
}

/// How many of a partner's own users are admins with a key that lives, `except` this one?
///
/// # Errors
/// [`Error`] of the store.
pub async fn other_admins(
    tx: &mut Tx,
    partner: PartnerId,
    except: UserId,
    now: Timestamp,
) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM users
               WHERE partner_id = $1 AND customer_id IS NULL AND role = 'admin' AND key_id IS NOT NULL AND id <> $2
               AND (key_expires_at IS NULL OR key_expires_at > $3)";
    let found = tx.first(sql, args![partner.0, except.0, now.as_second()], |row| row.next()).await?;
    Ok(found.unwrap_or(0))
}

/// Change a user's name and role.
///
/// # Errors
/// [`Error`] of the store.
pub async fn update(
    tx: &mut Tx,
    partner: PartnerId,
    id: UserId,
    name: &str,
    role: Role,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE users SET name = $3, role = $4, updated_at = $5 WHERE partner_id = $1 AND id = $2";
    tx.execute(sql, args![partner.0, id.0, name, role.as_str(), now.as_second()]).await.map(drop)
}

/// Give a user another key, or none: the one it had is dead from now on.
///
/// # Errors
/// [`Error`] of the store.
pub async fn set_key(
    tx: &mut Tx,
    partner: PartnerId,
    id: UserId,
    key: Option<&StoredKey>,
    expires_at: Option<TrialExpiration>,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE users SET key_id = $3, key_hash = $4, key_expires_at = $5, last_used_at = NULL, updated_at = $6
               WHERE partner_id = $1 AND id = $2";
    let (key_id, hash) = (key.map(|k| k.id.as_str()), key.map(|k| k.hash.as_str()));
    let expires_at = expires_at.map(|t| t.as_second());
    tx.execute(sql, args![partner.0, id.0, key_id, hash, expires_at, now.as_second()]).await.map(drop)
}

/// Remove a user, and with it its key.
///
/// # Errors
/// [`Error`] of the store.
pub async fn delete(tx: &mut Tx, partner: PartnerId, id: UserId) -> Result<(), Error> {
    tx.execute("DELETE FROM users WHERE partner_id = $1 AND id = $2", args![partner.0, id.0]).await.map(drop)
}

/// Note when a user's key was last used.
///
/// # Errors
/// [`Error`] of the store.
pub async fn used(tx: &mut Tx, partner: PartnerId, id: UserId, at: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE users SET last_used_at = $3
               WHERE partner_id = $1 AND id = $2 AND COALESCE(last_used_at, 0) < $3";
    tx.execute(sql, args![partner.0, id.0, at.as_second()]).await.map(drop)
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
        role: Role::parse(&row.next::<String>()?)
            .ok_or_else(|| Error::defect("a role in the database is none"))?,
        has_key: row.next::<Option<String>>()?.is_some(),
        key_expires_at: row.next::<Option<i64>>()?.and_then(TrialExpiration::from_second),
        last_used_at: row.next::<Option<i64>>()?.map(time).transpose()?,
        created_at: time(row.next()?)?,
        updated_at: time(row.next()?)?,
    })
}
