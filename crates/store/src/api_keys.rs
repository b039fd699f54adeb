//! API keys: what is stored of them, and how one is found.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::{
    AddressRanges, Classification, CustomerId, Email, PartnerId, Roles, UserId, UserKey, UtcSecond,
};
use jiff::Timestamp;

/// The stored part of an API key: enough to find it and to prove it, not enough to make it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Finds the key; not secret.
    pub id: String,
    /// A keyed hash of the whole key, bound to its user; lower-case hex.
    pub hash: String,
    /// A MAC over what the key opens; lower-case hex.
    pub mac: String,
}

/// A stored key with everything that its MAC covers.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The partner.
    pub partner: PartnerId,
    /// The user.
    pub user: UserId,
    /// The customer whose user it is.
    pub customer: Option<CustomerId>,
    /// The user's roles, as they stand in the database.
    pub role: String,
    /// The roles that the key is narrowed to, as they stand in the database; `None` for all of the user's.
    pub key_role: Option<String>,
    /// The ranges of addresses that the key may be used from, as they stand in the database; empty for all.
    pub addresses: String,
    /// The key's expiry: seconds since 1970 UTC.
    pub expires_at: Option<i64>,
    /// The key.
    pub key: StoredKey,
}

impl Credential {
    /// The roles that the key has: the user's, narrowed; `None` where the user has none of those that it is narrowed to.
    ///
    /// # Errors
    /// A defect if the texts in the database are no roles.
    pub fn roles(&self) -> Result<Option<Roles>, Error> {
        let read =
            |text| Roles::from_stored(text).ok_or_else(|| Error::defect("a role in the database is none"));
        let of_user = read(&self.role)?;
        self.key_role.as_deref().map_or(Ok(Some(of_user)), |text| Ok(of_user.intersection(read(text)?)))
    }

    /// The ranges of addresses that the key may be used from.
    ///
    /// # Errors
    /// A defect if the text in the database has no ranges.
    pub fn address_ranges(&self) -> Result<AddressRanges, Error> {
        let ranges = AddressRanges::from_stored(&self.addresses);
        ranges.ok_or_else(|| Error::defect("an address range in the database is none"))
    }
}

/// A key with everything that is known of it.
#[derive(Clone)]
pub struct KeyRow {
    /// What its MAC covers.
    pub credential: Credential,
    /// The key's name.
    pub name: String,
    /// Whether it is the user's default key.
    pub is_default: bool,
    /// The id of the key that came in its place.
    pub replaced_by: Option<String>,
    /// The time of its last use, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// The time at which it was created.
    pub created_at: Timestamp,
}

impl KeyRow {
    /// The key as its owner sees it.
    ///
    /// # Errors
    /// A defect if the database has no roles or ranges.
    pub fn shown(&self) -> Result<UserKey, Error> {
        let wrong = || Error::defect("a role in the database is none");
        let narrowed = self.credential.key_role.as_deref();
        Ok(UserKey {
            id: self.credential.key.id.clone(),
            name: self.name.clone(),
            roles: narrowed.map(|text| Roles::from_stored(text).ok_or_else(wrong)).transpose()?,
            addresses: self.credential.address_ranges()?,
            is_default: self.is_default,
            replaced_by: self.replaced_by.clone(),
            expires_at: self.credential.expires_at.and_then(UtcSecond::from_second),
            last_used_at: self.last_used_at,
            created_at: self.created_at,
        })
    }
}

/// The owner of a key, and all that decides whether it opens anything.
#[derive(Clone)]
pub struct KeyOwner {
    /// Whether the partner is suspended.
    pub partner_suspended: bool,
    /// The user's e-mail address.
    pub email: Email,
    /// The key with what its MAC covers.
    pub credential: Credential,
    /// For a customer's user: the customer, its level of access, and the end of its trial.
    pub customer: Option<(CustomerId, Classification, Option<UtcSecond>)>,
}

/// The columns of a [`Credential`], of the key `k` and its user `u`.
const CREDENTIAL: &str = "k.partner_id, k.user_id, u.customer_id, u.role, k.role, k.addresses, k.expires_at, k.id, k.key_hash, k.key_mac";

pub(crate) fn credential(row: &mut Row<'_>) -> Result<Credential, Error> {
    Ok(Credential {
        partner: PartnerId(row.next()?),
        user: UserId(row.next()?),
        customer: row.next::<Option<i64>>()?.map(CustomerId),
        role: row.next()?,
        key_role: row.next()?,
        addresses: row.next()?,
        expires_at: row.next()?,
        key: StoredKey { id: row.next()?, hash: row.next()?, mac: row.next()? },
    })
}

/// Adds a key.
pub async fn insert(tx: &mut Tx, row: &KeyRow) -> Result<(), Error> {
    let sql =
        "INSERT INTO api_keys (partner_id, id, user_id, name, role, addresses, key_hash, key_mac, is_default,
                   replaced_by, expires_at, last_used_at, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let Credential { partner, user, key_role, addresses, expires_at, key, .. } = &row.credential;
    let columns = args![
        partner.0,
        &key.id,
        user.0,
        &row.name,
        key_role.as_deref(),
        addresses,
        &key.hash,
        &key.mac,
        row.is_default,
        row.replaced_by.as_deref(),
        *expires_at,
        row.last_used_at.map(|at| at.as_second()),
        row.created_at.as_second(),
    ];
    tx.execute(sql, columns).await.map(drop)
}

/// The keys of a user: the default one first, those that were replaced last, otherwise in the order of their creation.
pub async fn list(tx: &mut Tx, partner: PartnerId, user: UserId) -> Result<Vec<KeyRow>, Error> {
    let sql = format!(
        "SELECT {CREDENTIAL}, k.name, k.is_default, k.replaced_by, k.last_used_at, k.created_at
         FROM api_keys k JOIN users u ON u.partner_id = k.partner_id AND u.id = k.user_id
         WHERE k.partner_id = $1 AND k.user_id = $2 ORDER BY k.is_default DESC, k.replaced_by IS NOT NULL, k.created_at, k.id"
    );
    let time = |second| Timestamp::from_second(second).map_err(Error::defect);
    tx.all(&sql, args![partner.0, user.0], |row| {
        Ok(KeyRow {
            credential: credential(row)?,
            name: row.next()?,
            is_default: row.next()?,
            replaced_by: row.next()?,
            last_used_at: row.next::<Option<i64>>()?.map(time).transpose()?,
            created_at: time(row.next()?)?,
        })
    })
    .await
}

/// Deletes a key, and those that it has replaced.
pub async fn delete(tx: &mut Tx, partner: PartnerId, user: UserId, id: &str) -> Result<(), Error> {
    let sql = "DELETE FROM api_keys WHERE partner_id = $1 AND user_id = $2 AND (id = $3 OR replaced_by = $3)";
    tx.execute(sql, args![partner.0, user.0, id]).await.map(drop)
}

/// Deletes the keys that a key has replaced.
pub async fn delete_replaced(tx: &mut Tx, partner: PartnerId, user: UserId, by: &str) -> Result<(), Error> {
    let sql = "DELETE FROM api_keys WHERE partner_id = $1 AND user_id = $2 AND replaced_by = $3";
    tx.execute(sql, args![partner.0, user.0, by]).await.map(drop)
}

/// Deletes all keys of a user.
pub async fn delete_all(tx: &mut Tx, partner: PartnerId, user: UserId) -> Result<(), Error> {
    let sql = "DELETE FROM api_keys WHERE partner_id = $1 AND user_id = $2";
    tx.execute(sql, args![partner.0, user.0]).await.map(drop)
}

/// Lets a key live on until its expiry beside the one that comes in its place. `credential` has that expiry, and the MAC
/// that covers it.
pub async fn replace(tx: &mut Tx, credential: &Credential, by: &str) -> Result<(), Error> {
    let sql = "UPDATE api_keys SET replaced_by = $3, is_default = FALSE, expires_at = $4, key_mac = $5
               WHERE partner_id = $1 AND id = $2";
    let Credential { partner, expires_at, key, .. } = credential;
    tx.execute(sql, args![partner.0, &key.id, by, *expires_at, &key.mac]).await.map(drop)
}

/// Deletes the keys, of all partners, that were replaced and whose overlap has ended.
pub async fn forget_replaced(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    let sql = "DELETE FROM api_keys WHERE replaced_by IS NOT NULL AND expires_at <= $1";
    tx.execute(sql, args![now.as_second()]).await
}

/// The id of some key, if there is one: for [`find`] to read where it does not find another.
pub async fn any_id(tx: &mut Tx) -> Result<Option<String>, Error> {
    tx.first("SELECT id FROM api_keys ORDER BY id LIMIT 1", args![], |row| row.next()).await
}

/// The owner of the key with this id. The caller still has to compare the hash, and to check the MAC. Where no key has it,
/// the owner of the key `otherwise` is read and dropped, so that an id that exists takes no longer than one that does not.
pub async fn find(tx: &mut Tx, id: &str, otherwise: &str) -> Result<Option<KeyOwner>, Error> {
    let sql = "SELECT k.partner_id, k.user_id, u.customer_id, u.role, k.role, k.addresses, k.expires_at, k.id, k.key_hash,
             k.key_mac, p.suspended, u.email, c.classification, c.trial_expiration_date
         FROM api_keys k JOIN users u ON u.partner_id = k.partner_id AND u.id = k.user_id
         JOIN partners p ON p.id = k.partner_id
         LEFT JOIN customers c ON c.partner_id = u.partner_id AND c.id = u.customer_id
         WHERE k.id = CASE WHEN EXISTS (SELECT 1 FROM api_keys f WHERE f.id = $1) THEN $1 ELSE $2 END";
    let found = tx
        .first(sql, args![id, otherwise], |row| {
            let wrong = || Error::defect("a key's owner in the database is none");
            let credential = credential(row)?;
            Ok(KeyOwner {
                partner_suspended: row.next()?,
                email: Email::from_stored(row.next()?),
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
    Ok(found.filter(|owner: &KeyOwner| owner.credential.key.id == id))
}

/// The keys of a partner's users and its customers', with what their MACs cover, in the order of their ids behind `after`;
/// of all partners where none is named.
pub async fn credentials(
    tx: &mut Tx,
    partner: Option<PartnerId>,
    after: (PartnerId, &str),
    limit: i64,
) -> Result<Vec<Credential>, Error> {
    let sql = format!(
        "SELECT {CREDENTIAL} FROM api_keys k JOIN users u ON u.partner_id = k.partner_id AND u.id = k.user_id
         WHERE (k.partner_id, k.id) > ($1, $2) AND (k.partner_id = $3 OR $3 = 0)
         ORDER BY k.partner_id, k.id LIMIT $4"
    );
    let partner = partner.map_or(0, |partner| partner.0);
    tx.all(&sql, args![after.0.0, after.1, partner, limit], credential).await
}

/// Writes another hash and MAC of a key that stays as it is.
pub async fn reseal(tx: &mut Tx, credential: &Credential) -> Result<(), Error> {
    let sql = "UPDATE api_keys SET key_hash = $3, key_mac = $4 WHERE partner_id = $1 AND id = $2";
    let Credential { partner, key, .. } = credential;
    tx.enqueue(sql, args![partner.0, &key.id, &key.hash, &key.mac]).await
}

/// Writes the time at which a key was last used.
pub async fn used(tx: &mut Tx, partner: PartnerId, id: &str, at: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE api_keys SET last_used_at = $3
               WHERE partner_id = $1 AND id = $2 AND COALESCE(last_used_at, 0) < $3";
    tx.execute(sql, args![partner.0, id, at.as_second()]).await.map(drop)
}

/// The number of live keys that open everything in a partner: of its own users that are admins, without those of one user,
/// without one key, and without keys that were replaced.
pub async fn admin_keys(
    tx: &mut Tx,
    partner: PartnerId,
    without_user: Option<UserId>,
    without_key: &str,
    now: Timestamp,
) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM users u JOIN api_keys k ON k.partner_id = u.partner_id AND k.user_id = u.id
               WHERE u.partner_id = $1 AND u.customer_id IS NULL AND (u.role = 'admin' OR u.role LIKE 'admin,%')
               AND (k.role IS NULL OR k.role = 'admin' OR k.role LIKE 'admin,%')
               AND u.id <> $2 AND k.id <> $3 AND k.replaced_by IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > $4)";
    let row = args![partner.0, without_user.map_or(0, |user| user.0), without_key, now.as_second()];
    Ok(tx.first(sql, row, |row| row.next()).await?.unwrap_or(0))
}
