//! Users, and the one API key that each may have.

use crate::engine::{Kind, value::args};
use crate::{Error, Tx};
use domain::{CustomerId, Email, PartnerId, UserId};
use jiff::Timestamp;

/// What is kept of an API key: enough to find it and to prove it, not enough to make it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Finds the key; not secret.
    pub id: String,
    /// SHA-256 of the whole key, lower-case hex.
    pub hash: String,
}

/// A user to be added.
#[derive(Clone)]
pub struct NewUser {
    /// The customer whose user it is; `None` for a partner's own.
    pub customer: Option<CustomerId>,
    /// Unique in its tenant.
    pub email: Email,
    /// For people to read.
    pub name: String,
    /// As the contract names it.
    pub role: String,
    /// Its first key.
    pub key: StoredKey,
}

/// Whom a key belongs to, and what is needed to decide whether it opens anything.
#[derive(Clone)]
pub struct KeyOwner {
    /// The partner.
    pub partner: PartnerId,
    /// The partner is suspended.
    pub partner_suspended: bool,
    /// The user.
    pub user: UserId,
    /// The customer whose user it is; `None` for a partner's own.
    pub customer: Option<CustomerId>,
    /// As the contract names it.
    pub role: String,
    /// SHA-256 of the whole key, lower-case hex.
    pub hash: String,
}

/// Add a user; `None` if the tenant has one with this e-mail address.
///
/// # Errors
/// [`Error`] of the store.
pub async fn insert(
    tx: &mut Tx,
    partner: PartnerId,
    user: &NewUser,
    now: Timestamp,
) -> Result<Option<UserId>, Error> {
    let id = tx.next_id(Kind::User).await?;
    let sql =
        "INSERT INTO users (partner_id, id, customer_id, email, email_key, name, role, key_id, key_hash,
                                  created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT DO NOTHING";
    let (email, email_key, customer) = (user.email.as_str(), user.email.key(), user.customer.map(|c| c.0));
    let row = args![
        partner.0,
        id,
        customer,
        email,
        &email_key,
        &user.name,
        &user.role,
        &user.key.id,
        &user.key.hash,
        now.as_second(),
    ];
    Ok((tx.execute(sql, row).await? == 1).then_some(UserId(id)))
}

/// Whose key has this id? The caller still has to compare the hash.
///
/// # Errors
/// [`Error`] of the store.
pub async fn find_key(tx: &mut Tx, key_id: &str) -> Result<Option<KeyOwner>, Error> {
    let sql = "SELECT u.partner_id, p.suspended, u.id, u.customer_id, u.role, u.key_hash
               FROM users u JOIN partners p ON p.id = u.partner_id WHERE u.key_id = $1";
    tx.first(sql, args![key_id], |row| {
        Ok(KeyOwner {
            partner: PartnerId(row.next()?),
            partner_suspended: row.next()?,
            user: UserId(row.next()?),
            customer: row.next::<Option<i64>>()?.map(CustomerId),
            role: row.next()?,
            hash: row.next()?,
        })
    })
    .await
}
