//! Users, and the one API key that each may have.

use crate::engine::value::{Row, args};
use crate::{Error, Tx, engine::IdSequence};
use domain::{Classification, CustomerId, Email, NewUser, PartnerId, Roles, User, UserId, UtcSecond};
use jiff::Timestamp;

/// What is kept of an API key: enough to find it and to prove it, not enough to make it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Finds the key; not secret.
    pub id: String,
    /// A keyed hash of the whole key, bound to its user; lower-case hex.
    pub hash: String,
    /// Covers what the key opens.
    pub mac: String,
}

/// A key as it is kept, with all that its MAC covers.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The partner.
    pub partner: PartnerId,
    /// The user.
    pub user: UserId,
    /// The customer whose user it is.
    pub customer: Option<CustomerId>,
    /// What the user may do, as it stands in the database.
    pub role: String,
    /// When the key ends by itself: seconds since 1970 UTC.
    pub expires_at: Option<i64>,
    /// The key.
    pub key: StoredKey,
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
    pub roles: Roles,
    /// The key as it is kept, with all that its MAC covers.
    pub credential: Credential,
    /// When the key ends by itself.
    pub expires_at: Option<UtcSecond>,
    /// For a customer's user: the customer, its level of access, and the end of its trial.
    pub customer: Option<(CustomerId, Classification, Option<UtcSecond>)>,
}

const COLUMNS: &str =
    "id, customer_id, email, name, role, key_id, key_expires_at, last_used_at, created_at, updated_at";

/// Add a user with its first key, which is asked for once the user's id is known; `None` if the tenant has one with this e-mail address.
pub async fn insert(
    tx: &mut Tx,
    partner: PartnerId,
    customer: Option<CustomerId>,
    user: &NewUser,
    key: impl FnOnce(UserId) -> StoredKey + Send,
    now: Timestamp,
) -> Result<Option<User>, Error> {
    let id = tx.next_id(partner, IdSequence::User).await?;
    let key = key(UserId(id));
    let sql =
        "INSERT INTO users (partner_id, id, customer_id, email, email_key, name, role, key_id, key_hash,
                                  key_expires_at, created_at, updated_at, key_mac)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12) ON CONFLICT DO NOTHING";
    let roles = user.roles.to_stored();
    let (email, email_key, expires_at) =
        (user.email.as_str(), user.email.key(), user.key_expires_at.map(|t| t.as_second()));
    let row = args![
        partner.0,
        id,
        customer.map(|c| c.0),
        email,
        &email_key,
        &user.name,
        &roles,
        &key.id,
        &key.hash,
        expires_at,
        now.as_second(),
        &key.mac,
    ];
    if tx.execute(sql, row).await? == 0 {
        return Ok(None);
    }
    Ok(Some(User {
        id: UserId(id),
        customer,
        email: user.email.clone(),
        name: user.name.clone(),
        roles: user.roles,
        has_key: true,
        key_expires_at: user.key_expires_at,
        last_used_at: None,
        created_at: now,
        updated_at: now,
    }))
}

/// The id of some key, if there is one: for [`find_key`] to read where it does not find another.
pub async fn any_key_id(tx: &mut Tx) -> Result<Option<String>, Error> {
    let sql = "SELECT key_id FROM users WHERE key_id IS NOT NULL ORDER BY key_id LIMIT 1";
    tx.first(sql, args![], |row| row.next()).await
}

/// Whose key has this id? The caller still has to compare the hash, and to check the MAC. Where no key has it, the owner of
/// the key `otherwise` is read and dropped, so that an id that exists takes no longer than one that does not.
pub async fn find_key(tx: &mut Tx, key_id: &str, otherwise: &str) -> Result<Option<KeyOwner>, Error> {
    let sql =
        "SELECT u.partner_id, u.id, u.customer_id, u.role, u.key_expires_at, u.key_id, u.key_hash, u.key_mac,
                      p.suspended, u.email, c.classification, c.trial_expiration_date
               FROM users u JOIN partners p ON p.id = u.partner_id
               LEFT JOIN customers c ON c.partner_id = u.partner_id AND c.id = u.customer_id
               WHERE u.key_id = CASE WHEN EXISTS (SELECT 1 FROM users k WHERE k.key_id = $1) THEN $1 ELSE $2 END";
    let found = tx
        .first(sql, args![key_id, otherwise], |row| {
            let wrong = || Error::defect("a key's owner in the database is none");
            let credential = credential(row)?;
            Ok(KeyOwner {
                partner: credential.partner,
                partner_suspended: row.next()?,
                user: credential.user,
                email: Email::from_stored(row.next()?),
                roles: Roles::from_stored(&credential.role).ok_or_else(wrong)?,
                expires_at: credential.expires_at.and_then(UtcSecond::from_second),
                customer: match (
                    credential.customer,
                    row.next::<Option<String>>()?,
                    row.next::<Option<i64>>()?,
                ) {
                    (Some(id), Some(classification), trial) => Some((
                        id,
                        Classification::parse(&classification).ok_or_else(wrong)?,
                        trial.and_then(UtcSecond::from_second),
                    )),
                    (Some(_), None, _) => return Err(wrong()),
                    (None, ..) => None,
                },
                credential,
            })
        })
        .await?;
    Ok(found.filter(|owner: &KeyOwner| owner.credential.key.id == key_id))
}

/// The keys of a partner's users and its customers', with what their MACs cover, in the order of the users' ids behind
/// `after`; of all partners where none is named.
pub async fn credentials(
    tx: &mut Tx,
    partner: Option<PartnerId>,
    after: (PartnerId, UserId),
    limit: i64,
) -> Result<Vec<Credential>, Error> {
    let sql = "SELECT partner_id, id, customer_id, role, key_expires_at, key_id, key_hash, key_mac FROM users
               WHERE key_id IS NOT NULL AND (partner_id, id) > ($1, $2) AND (partner_id = $3 OR $3 = 0)
               ORDER BY partner_id, id LIMIT $4";
    let partner = partner.map_or(0, |partner| partner.0);
    tx.all(sql, args![after.0.0, after.1.0, partner, limit], credential).await
}

/// The key of one user, with what its MAC covers; `None` if it has none.
pub async fn credential_of(tx: &mut Tx, partner: PartnerId, id: UserId) -> Result<Option<Credential>, Error> {
    let sql = "SELECT partner_id, id, customer_id, role, key_expires_at, key_id, key_hash, key_mac FROM users
               WHERE partner_id = $1 AND id = $2 AND key_id IS NOT NULL";
    tx.first(sql, args![partner.0, id.0], credential).await
}

/// Keep another hash and MAC of a key that stays as it is.
pub async fn reseal(tx: &mut Tx, credential: &Credential) -> Result<(), Error> {
    let sql = "UPDATE users SET key_hash = $3, key_mac = $4 WHERE partner_id = $1 AND id = $2";
    let Credential { partner, user, key, .. } = credential;
    tx.enqueue(sql, args![partner.0, user.0, &key.hash, &key.mac]).await
}

pub(crate) fn credential(row: &mut Row<'_>) -> Result<Credential, Error> {
    Ok(Credential {
        partner: PartnerId(row.next()?),
        user: UserId(row.next()?),
        customer: row.next::<Option<i64>>()?.map(CustomerId),
        role: row.next()?,
        expires_at: row.next()?,
        key: StoredKey {
            id: row.next()?,
            hash: row.next::<Option<String>>()?.unwrap_or_default(),
            mac: row.next()?,
        },
    })
}

/// One user of this tenant: of the customer, or of the partner itself where that is `None`.
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

/// Users of this tenant ordered by id: at most `limit` of those after `after`.
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
pub async fn count(tx: &mut Tx, partner: PartnerId, customer: Option<CustomerId>) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM users WHERE partner_id = $1 AND COALESCE(customer_id, 0) = $2";
    Ok(tx.first(sql, args![partner.0, tenant(customer)], |row| row.next()).await?.unwrap_or(0))
}

/// Hold a partner's users still until the transaction ends: two admins must not remove each other at once. What is read
/// of them before this may be out of date.
pub async fn hold(tx: &mut Tx, partner: PartnerId) -> Result<(), Error> {
    tx.execute("UPDATE partners SET suspended = suspended WHERE id = $1", args![partner.0]).await.map(drop)
}

/// How many of a partner's own users are admins with a key that lives, `except` this one?
pub async fn other_admins(
    tx: &mut Tx,
    partner: PartnerId,
    except: UserId,
    now: Timestamp,
) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM users
               WHERE partner_id = $1 AND customer_id IS NULL AND (role = 'admin' OR role LIKE 'admin,%') AND key_id IS NOT NULL AND id <> $2
               AND (key_expires_at IS NULL OR key_expires_at > $3)";
    let found = tx.first(sql, args![partner.0, except.0, now.as_second()], |row| row.next()).await?;
    Ok(found.unwrap_or(0))
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

/// Give a user another key, or none: the one it had is dead from now on.
pub async fn set_key(
    tx: &mut Tx,
    partner: PartnerId,
    id: UserId,
    key: Option<&StoredKey>,
    expires_at: Option<UtcSecond>,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE users SET key_id = $3, key_hash = $4, key_expires_at = $5, last_used_at = NULL, updated_at = $6,
               key_mac = $7
               WHERE partner_id = $1 AND id = $2";
    let (key_id, hash) = (key.map(|k| k.id.as_str()), key.map(|k| k.hash.as_str()));
    let (expires_at, mac) = (expires_at.map(|t| t.as_second()), key.map_or("", |k| k.mac.as_str()));
    tx.execute(sql, args![partner.0, id.0, key_id, hash, expires_at, now.as_second(), mac]).await.map(drop)
}

/// Remove a user, and with it its key.
pub async fn delete(tx: &mut Tx, partner: PartnerId, id: UserId) -> Result<(), Error> {
    tx.execute("DELETE FROM users WHERE partner_id = $1 AND id = $2", args![partner.0, id.0]).await.map(drop)
}

/// Note when a user's key was last used.
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
        roles: Roles::from_stored(&row.next::<String>()?)
            .ok_or_else(|| Error::defect("a role in the database is none"))?,
        has_key: row.next::<Option<String>>()?.is_some(),
        key_expires_at: row.next::<Option<i64>>()?.and_then(UtcSecond::from_second),
        last_used_at: row.next::<Option<i64>>()?.map(time).transpose()?,
        created_at: time(row.next()?)?,
        updated_at: time(row.next()?)?,
    })
}
