//! Providers that users sign in with, and the users as these know them.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::{Classification, CustomerId, Email, PartnerId, Roles, UserId, UtcSecond};
use jiff::Timestamp;

/// Stored provider of a partner.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderRow {
    /// Settings without the secret, as JSON.
    pub settings: String,
    /// Encrypted secret.
    pub sealed: String,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// A user as its provider knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// The issuer.
    pub issuer: String,
    /// Names the user at its issuer.
    pub subject: String,
    /// The user.
    pub user: UserId,
    /// A MAC over the row; lower-case hex.
    pub mac: String,
}

/// What decides whether a user may sign in without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The user.
    pub user: UserId,
    /// The customer whose user it is.
    pub customer: Option<CustomerId>,
    /// The user's e-mail address.
    pub email: Email,
    /// The user's roles.
    pub roles: Roles,
    /// A MAC over what the user may do and where; lower-case hex.
    pub access_mac: String,
    /// Whether the partner is suspended.
    pub partner_suspended: bool,
    /// For a customer's user: the customer, its level of access, and the end of its trial.
    pub access: Option<(CustomerId, Classification, Option<UtcSecond>)>,
}

/// Sets a partner's provider for this audience.
pub async fn set_provider(
    tx: &mut Tx,
    partner: PartnerId,
    audience: &str,
    row: &ProviderRow,
) -> Result<(), Error> {
    let sql = "INSERT INTO sign_in_providers (partner_id, audience, settings, sealed, updated_at)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (partner_id, audience) DO UPDATE
               SET settings = excluded.settings, sealed = excluded.sealed, updated_at = excluded.updated_at";
    let row = args![partner.0, audience, &row.settings, &row.sealed, row.updated_at.as_second()];
    tx.execute(sql, row).await.map(drop)
}

/// Removes a partner's provider; whether there was one.
pub async fn remove_provider(tx: &mut Tx, partner: PartnerId, audience: &str) -> Result<bool, Error> {
    let sql = "DELETE FROM sign_in_providers WHERE partner_id = $1 AND audience = $2";
    Ok(tx.execute(sql, args![partner.0, audience]).await? > 0)
}

/// A partner's provider for this audience.
pub async fn provider(tx: &mut Tx, partner: PartnerId, audience: &str) -> Result<Option<ProviderRow>, Error> {
    let sql =
        "SELECT settings, sealed, updated_at FROM sign_in_providers WHERE partner_id = $1 AND audience = $2";
    tx.first(sql, args![partner.0, audience], |row| {
        Ok(ProviderRow {
            settings: row.next()?,
            sealed: row.next()?,
            updated_at: Timestamp::from_second(row.next()?).map_err(Error::defect)?,
        })
    })
    .await
}

/// The audiences that a partner has a provider for.
pub async fn audiences(tx: &mut Tx, partner: PartnerId) -> Result<Vec<String>, Error> {
    let sql = "SELECT audience FROM sign_in_providers WHERE partner_id = $1 ORDER BY audience DESC";
    tx.all(sql, args![partner.0], |row| row.next()).await
}

/// Links a user to an identity. `false` if the identity has a user already that is still there.
pub async fn link(
    tx: &mut Tx,
    partner: PartnerId,
    identity: &IdentityRow,
    now: Timestamp,
) -> Result<bool, Error> {
    let sql = "INSERT INTO user_identities (partner_id, issuer, subject, user_id, mac, created_at)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (partner_id, issuer, subject) DO UPDATE
               SET user_id = excluded.user_id, mac = excluded.mac, created_at = excluded.created_at
               WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.partner_id = user_identities.partner_id
                                 AND u.id = user_identities.user_id)";
    let IdentityRow { issuer, subject, user, mac } = identity;
    Ok(tx.execute(sql, args![partner.0, issuer, subject, user.0, mac, now.as_second()]).await? > 0)
}

/// The identity with this issuer and subject.
pub async fn identity(
    tx: &mut Tx,
    partner: PartnerId,
    issuer: &str,
    subject: &str,
) -> Result<Option<IdentityRow>, Error> {
    let sql = "SELECT issuer, subject, user_id, mac FROM user_identities
               WHERE partner_id = $1 AND issuer = $2 AND subject = $3";
    tx.first(sql, args![partner.0, issuer, subject], read_identity).await
}

/// The identities of a user.
pub async fn identities(tx: &mut Tx, partner: PartnerId, user: UserId) -> Result<Vec<IdentityRow>, Error> {
    let sql = "SELECT issuer, subject, user_id, mac FROM user_identities
               WHERE partner_id = $1 AND user_id = $2 ORDER BY issuer, subject";
    tx.all(sql, args![partner.0, user.0], read_identity).await
}

fn read_identity(row: &mut Row<'_>) -> Result<IdentityRow, Error> {
    Ok(IdentityRow { issuer: row.next()?, subject: row.next()?, user: UserId(row.next()?), mac: row.next()? })
}

const CANDIDATE: &str =
    "u.id, u.customer_id, u.email, u.role, a.mac, p.suspended, c.classification, c.trial_expiration_date
    FROM users u JOIN partners p ON p.id = u.partner_id
    LEFT JOIN user_access a ON a.partner_id = u.partner_id AND a.user_id = u.id
    LEFT JOIN customers c ON c.partner_id = u.partner_id AND c.id = u.customer_id";

/// The user with this id.
pub async fn candidate(tx: &mut Tx, partner: PartnerId, user: UserId) -> Result<Option<Candidate>, Error> {
    let sql = format!("SELECT {CANDIDATE} WHERE u.partner_id = $1 AND u.id = $2");
    tx.first(&sql, args![partner.0, user.0], read_candidate).await
}

/// The user with this e-mail address, of the customer or of the partner itself.
pub async fn candidate_by_email(
    tx: &mut Tx,
    partner: PartnerId,
    customer: Option<CustomerId>,
    email: &Email,
) -> Result<Option<Candidate>, Error> {
    let sql = format!(
        "SELECT {CANDIDATE} WHERE u.partner_id = $1 AND COALESCE(u.customer_id, 0) = $2 AND u.email_key = $3"
    );
    let customer = customer.map_or(0, |customer| customer.0);
    tx.first(&sql, args![partner.0, customer, &email.key()], read_candidate).await
}

fn read_candidate(row: &mut Row<'_>) -> Result<Candidate, Error> {
    let wrong = || Error::defect("a user in the database is none");
    let user = UserId(row.next()?);
    let customer = row.next::<Option<i64>>()?.map(CustomerId);
    let email = Email::from_stored(row.next()?);
    let roles = Roles::from_stored(&row.next::<String>()?).ok_or_else(wrong)?;
    let access_mac: Option<String> = row.next()?;
    let (access_mac, partner_suspended) = (access_mac.unwrap_or_default(), row.next()?);
    let (classification, trial): (Option<String>, Option<i64>) = (row.next()?, row.next()?);
    let access = match (customer, classification) {
        (None, _) => None,
        (Some(customer), Some(classification)) => Some((
            customer,
            Classification::parse(&classification).ok_or_else(wrong)?,
            trial.and_then(UtcSecond::from_second),
        )),
        (Some(_), None) => return Err(wrong()),
    };
    Ok(Candidate { user, customer, email, roles, access_mac, partner_suspended, access })
}

/// Sets the MAC over what a user may do and where.
pub async fn set_access_mac(tx: &mut Tx, partner: PartnerId, user: UserId, mac: &str) -> Result<(), Error> {
    let sql = "INSERT INTO user_access (partner_id, user_id, mac) VALUES ($1, $2, $3)
               ON CONFLICT (partner_id, user_id) DO UPDATE SET mac = excluded.mac";
    tx.enqueue(sql, args![partner.0, user.0, mac]).await
}

/// Whether users from before they had MACs are to get them by this transaction, the only one that ever does.
pub async fn begin_sealing(tx: &mut Tx, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE secret_check SET users_sealed = $1 WHERE id = 1 AND users_sealed = 0";
    Ok(tx.execute(sql, args![now.as_second()]).await? == 1)
}

/// All users without a MAC.
pub async fn unsealed(tx: &mut Tx) -> Result<Vec<(PartnerId, UserAccess)>, Error> {
    let sql = "SELECT u.partner_id, u.id, u.customer_id, u.email_key, u.role, '' FROM users u
               WHERE NOT EXISTS (SELECT 1 FROM user_access a WHERE a.partner_id = u.partner_id AND a.user_id = u.id)";
    tx.all(sql, args![], |row| Ok((PartnerId(row.next()?), read_access(row)?))).await
}

/// A user, with what its MAC covers.
#[derive(Clone, Debug)]
pub struct UserAccess {
    /// The user.
    pub user: UserId,
    /// Its customer; `None` for the partner's own.
    pub customer: Option<CustomerId>,
    /// The key of its e-mail address.
    pub email_key: String,
    /// Its roles, as they are stored.
    pub role: String,
    /// The MAC; empty if there is not any.
    pub mac: String,
}

/// At most `limit` users of a partner and its customers in the order of their ids, behind `after`.
pub async fn accesses(
    tx: &mut Tx,
    partner: PartnerId,
    after: UserId,
    limit: i64,
) -> Result<Vec<UserAccess>, Error> {
    let sql = "SELECT u.id, u.customer_id, u.email_key, u.role, COALESCE(a.mac, '') FROM users u
               LEFT JOIN user_access a ON a.partner_id = u.partner_id AND a.user_id = u.id
               WHERE u.partner_id = $1 AND u.id > $2 ORDER BY u.id LIMIT $3";
    tx.all(sql, args![partner.0, after.0, limit], read_access).await
}

fn read_access(row: &mut Row<'_>) -> Result<UserAccess, Error> {
    let (user, customer) = (UserId(row.next()?), row.next::<Option<i64>>()?.map(CustomerId));
    Ok(UserAccess { user, customer, email_key: row.next()?, role: row.next()?, mac: row.next()? })
}

/// Takes away the links of a user to its identities.
pub async fn unlink(tx: &mut Tx, partner: PartnerId, user: UserId) -> Result<(), Error> {
    let sql = "DELETE FROM user_identities WHERE partner_id = $1 AND user_id = $2";
    tx.execute(sql, args![partner.0, user.0]).await.map(drop)
}

/// Forgets how a user signs in without a key.
pub async fn forget(tx: &mut Tx, partner: PartnerId, user: UserId) -> Result<(), Error> {
    unlink(tx, partner, user).await?;
    let sql = "DELETE FROM user_access WHERE partner_id = $1 AND user_id = $2";
    tx.execute(sql, args![partner.0, user.0]).await.map(drop)
}
