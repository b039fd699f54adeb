//! Sessions of the console.

use crate::api_keys::{Credential, credential};
use crate::branding::{LogoRow, read_logo};
use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::{Classification, CustomerId, Email, PartnerId, Roles, UserId, UtcSecond};
use jiff::Timestamp;

/// A session as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The partner.
    pub partner: PartnerId,
    /// Finds the session; derived from its token, and not secret.
    pub id: String,
    /// The user.
    pub user: UserId,
    /// The customer whose user it is.
    pub customer: Option<CustomerId>,
    /// The user's roles at the time of the sign-in, as they are stored.
    pub role: String,
    /// The API key that the session was opened with, or the means if it was none.
    pub key_id: String,
    /// A MAC over the token and over what the session opens; lower-case hex.
    pub proof: String,
    /// The address that the user signed in from.
    pub address: String,
    /// The browser that the user signed in with: its `User-Agent`, shortened.
    pub agent: String,
    /// The time of the sign-in.
    pub created_at: Timestamp,
    /// The time of the last request, give or take a minute.
    pub last_seen_at: Timestamp,
    /// The end of the session, however it is used.
    pub expires_at: Timestamp,
}

/// What decides whether a session opens anything now.
#[derive(Clone)]
pub struct Owner {
    /// Whether the partner is suspended.
    pub partner_suspended: bool,
    /// The partner's name as its customers see it.
    pub partner_name: String,
    /// The partner's colour, as six hex digits.
    pub colour: Option<String>,
    /// The partner's logo.
    pub logo: Option<LogoRow>,
    /// The user; `None` if it was deleted.
    pub user: Option<OwningUser>,
}

/// The user of a session as it is now.
#[derive(Clone)]
pub struct OwningUser {
    /// The user's e-mail address.
    pub email: Email,
    /// The user's name; may be empty.
    pub name: String,
    /// The user's roles.
    pub roles: Roles,
    /// A MAC over what the user may do and where.
    pub access_mac: String,
    /// The key that the session was opened with, with what its MAC covers, if the user still has it.
    pub credential: Option<Credential>,
    /// For a customer's user: the customer, its level of access, the end of its trial, and its display name.
    pub customer: Option<(CustomerId, Classification, Option<UtcSecond>, String)>,
}

const COLUMNS: &str =
    "s.partner_id, s.id, s.user_id, s.customer_id, s.role, s.key_id, s.proof, s.address, s.agent,
    s.created_at, s.last_seen_at, s.expires_at";

/// Adds a session.
pub async fn insert(tx: &mut Tx, session: &Session) -> Result<(), Error> {
    let sql = "INSERT INTO console_sessions (partner_id, id, user_id, customer_id, role, key_id, proof, address, agent,
                   created_at, last_seen_at, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let Session { partner, id, user, customer, role, key_id, proof, address, agent, .. } = session;
    let row = args![
        partner.0,
        id,
        user.0,
        customer.map(|customer| customer.0),
        role,
        key_id,
        proof,
        address,
        agent,
        session.created_at.as_second(),
        session.last_seen_at.as_second(),
        session.expires_at.as_second(),
    ];
    tx.execute(sql, row).await.map(drop)
}

/// The session with this id, whoever's it is, and what decides whether it opens anything. The caller has to check the proof.
pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<(Session, Owner)>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, p.suspended,
                CASE WHEN COALESCE(b.name, '') = '' THEN p.name ELSE b.name END, b.colour,
                g.digest, g.width, g.height, u.email, u.name, u.role, u.customer_id, c.classification,
                c.trial_expiration_date, c.name, a.mac, k.id,
                k.partner_id, k.user_id, u.customer_id, u.role, k.role, k.addresses, k.expires_at, k.id, k.key_hash, k.key_mac
         FROM console_sessions s JOIN partners p ON p.id = s.partner_id
         LEFT JOIN branding b ON b.partner_id = s.partner_id
         LEFT JOIN branding_logos g ON g.partner_id = s.partner_id
         LEFT JOIN users u ON u.partner_id = s.partner_id AND u.id = s.user_id
         LEFT JOIN user_access a ON a.partner_id = u.partner_id AND a.user_id = u.id
         LEFT JOIN customers c ON c.partner_id = u.partner_id AND c.id = u.customer_id
         LEFT JOIN api_keys k ON k.partner_id = s.partner_id AND k.id = s.key_id AND k.user_id = s.user_id
         WHERE s.id = $1"
    );
    tx.first(&sql, args![id], |row| {
        let session = read(row)?;
        let (partner_suspended, partner_name) = (row.next()?, row.next()?);
        let colour: Option<String> = row.next()?;
        let colour = colour.filter(|colour| !colour.is_empty());
        let logo = read_logo(row)?;
        let user = read_user(row)?;
        Ok((session, Owner { partner_suspended, partner_name, colour, logo, user }))
    })
    .await
}

fn read_user(row: &mut Row<'_>) -> Result<Option<OwningUser>, Error> {
    let wrong = || Error::defect("a session's user in the database is none");
    let (email, name): (Option<String>, Option<String>) = (row.next()?, row.next()?);
    let (role, customer): (Option<String>, Option<i64>) = (row.next()?, row.next()?);
    let (classification, trial): (Option<String>, Option<i64>) = (row.next()?, row.next()?);
    let customer_name: Option<String> = row.next()?;
    let (access_mac, key_id): (Option<String>, Option<String>) = (row.next()?, row.next()?);
    let (Some(email), Some(role)) = (email, role) else { return Ok(None) };
    let customer = match (customer, classification) {
        (None, _) => None,
        (Some(id), Some(classification)) => Some((
            CustomerId(id),
            Classification::parse(&classification).ok_or_else(wrong)?,
            trial.and_then(UtcSecond::from_second),
            customer_name.unwrap_or_default(),
        )),
        (Some(_), None) => return Err(wrong()),
    };
    Ok(Some(OwningUser {
        email: Email::from_stored(email),
        name: name.unwrap_or_default(),
        roles: Roles::from_stored(&role).ok_or_else(wrong)?,
        customer,
        access_mac: access_mac.unwrap_or_default(),
        credential: key_id.map(|_| credential(row)).transpose()?,
    }))
}

/// The sessions of a user, newest first.
pub async fn list(tx: &mut Tx, partner: PartnerId, user: UserId) -> Result<Vec<Session>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM console_sessions s WHERE s.partner_id = $1 AND s.user_id = $2
         ORDER BY s.created_at DESC, s.id"
    );
    tx.all(&sql, args![partner.0, user.0], read).await
}

/// Records that a session was used.
pub async fn seen(tx: &mut Tx, partner: PartnerId, id: &str, at: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE console_sessions SET last_seen_at = $3 WHERE partner_id = $1 AND id = $2 AND last_seen_at < $3";
    tx.execute(sql, args![partner.0, id, at.as_second()]).await.map(drop)
}

/// Ends one session of a user; whether there was one.
pub async fn delete(tx: &mut Tx, partner: PartnerId, user: UserId, id: &str) -> Result<bool, Error> {
    let sql = "DELETE FROM console_sessions WHERE partner_id = $1 AND user_id = $2 AND id = $3";
    Ok(tx.execute(sql, args![partner.0, user.0, id]).await? > 0)
}

/// Ends all sessions of a user but the newest `kept`.
pub async fn delete_all(tx: &mut Tx, partner: PartnerId, user: UserId, kept: i64) -> Result<u64, Error> {
    let sql = "DELETE FROM console_sessions WHERE partner_id = $1 AND user_id = $2 AND id NOT IN
               (SELECT s.id FROM console_sessions s WHERE s.partner_id = $1 AND s.user_id = $2
                ORDER BY s.created_at DESC, s.id LIMIT $3)";
    tx.execute(sql, args![partner.0, user.0, kept]).await
}

/// Ends the sessions that were opened by this means, of the partner's own users or of its customers'.
pub async fn delete_opened_by(
    tx: &mut Tx,
    partner: PartnerId,
    means: &str,
    are_customers: bool,
) -> Result<u64, Error> {
    let sql = "DELETE FROM console_sessions WHERE partner_id = $1 AND key_id = $2 AND (customer_id IS NOT NULL) = $3";
    tx.execute(sql, args![partner.0, means, are_customers]).await
}

/// Ends the sessions of a user that were opened by this means.
pub async fn delete_of_user_opened_by(
    tx: &mut Tx,
    partner: PartnerId,
    user: UserId,
    means: &str,
) -> Result<u64, Error> {
    let sql = "DELETE FROM console_sessions WHERE partner_id = $1 AND user_id = $2 AND key_id = $3";
    tx.execute(sql, args![partner.0, user.0, means]).await
}

/// Deletes the sessions, of all partners, that expired before this instant.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    tx.execute("DELETE FROM console_sessions WHERE expires_at < $1", args![before.as_second()]).await
}

fn read(row: &mut Row<'_>) -> Result<Session, Error> {
    let time = |second| Timestamp::from_second(second).map_err(Error::defect);
    Ok(Session {
        partner: PartnerId(row.next()?),
        id: row.next()?,
        user: UserId(row.next()?),
        customer: row.next::<Option<i64>>()?.map(CustomerId),
        role: row.next()?,
        key_id: row.next()?,
        proof: row.next()?,
        address: row.next()?,
        agent: row.next()?,
        created_at: time(row.next()?)?,
        last_seen_at: time(row.next()?)?,
        expires_at: time(row.next()?)?,
    })
}
