//! Partners and their first user.

use crate::access::Call;
use crate::audit::system::append_system;
use crate::audit::{self, Entry, Trail};
use crate::keys::Holder;
use crate::{ApiKey, App, Error};
use domain::{DisplayName, Email, NewUser, Role, UserId, Violation};
use jiff::Timestamp;
use std::sync::Arc;
use store::Tx;
use store::partners::Partner;

/// The partner that an empty database gets, and its admin.
const FIRST_PARTNER: &str = "default";
const FIRST_ADMIN: &str = "admin@localhost";

/// A partner that was just made.
#[derive(Debug)]
pub struct Founded {
    /// The partner.
    pub partner: Partner,
    /// Its first user, an admin.
    pub user: UserId,
    /// The user's e-mail address.
    pub email: Email,
    /// The user's key; this is the only time that it is known.
    pub key: ApiKey,
}

impl App {
    /// Make a partner and its first admin.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name (`/name`) or the e-mail address (`/email`) will not do, or the name is taken.
    pub async fn create_partner(&self, name: &str, admin: &str) -> Result<Founded, Error> {
        let (name, email) = (DisplayName::parse(name), Email::parse(admin));
        let mut violations = domain::Violations::default();
        let mut wrong = |pointer: &str, message: &String| {
            violations.push(Violation::new(pointer, "invalid", message));
        };
        match (name, email) {
            (Ok(name), Ok(email)) => {
                let key = ApiKey::generate(&self.random)?;
                let founding = (Arc::clone(&self.trail), name, email, key, self.clock.now());
                self.db
                    .write(store::Scope::System, founding, |(trail, name, email, key, now), tx| {
                        Box::pin(found(tx, trail, name, email, key, *now))
                    })
                    .await
            }
            (name, email) => {
                name.err().iter().for_each(|violation| wrong("/name", &violation.message));
                email.err().iter().for_each(|message| wrong("/email", message));
                Err(Error::Invalid(violations))
            }
        }
    }

    /// Whether there is any partner yet.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn has_partners(&self) -> Result<bool, Error> {
        self.db
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok(store::partners::any(tx).await?) })
            })
            .await
    }

    /// All partners of this server.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn partners(&self) -> Result<Vec<Partner>, Error> {
        self.db
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok(store::partners::list(tx).await?) })
            })
            .await
    }

    /// The partner with this name, compared as customers' names are.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error`] of the store.
    pub async fn partner_named(&self, name: &str) -> Result<Partner, Error> {
        let name = DisplayName::parse(name).map_err(|_| Error::NotFound)?;
        let key = name.key();
        let found = self
            .partners()
            .await?
            .into_iter()
            .find(|partner| DisplayName::from_stored(partner.name.clone()).key() == key);
        found.ok_or(Error::NotFound)
    }

    /// Suspend a partner, whose keys are refused from now on, or let it in again.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn suspend_partner(&self, partner: &Partner, suspended: bool) -> Result<(), Error> {
        let input = (Arc::clone(&self.trail), partner.clone(), suspended, self.clock.now());
        self.db
            .write(store::Scope::System, input, |(trail, partner, suspended, now), tx| {
                Box::pin(async move {
                    store::partners::set_suspended(tx, partner.id, *suspended).await?;
                    let action = if *suspended { "partner.suspend" } else { "partner.resume" };
                    let entry = || Entry::new(action, format!("partners/{}", partner.id));
                    let call = Call::of_operator(partner.id, "partner suspend");
                    audit::append(tx, trail, &call, entry(), *now).await?;
                    append_system(tx, trail, "command line", entry(), *now).await
                })
            })
            .await
    }

    /// Give an empty database its first partner, `default`, with an admin who holds `chosen`, or a key made now.
    /// `None` if there is a partner already; then `chosen` is not looked at.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn bootstrap(&self, chosen: Option<ApiKey>) -> Result<Option<Founded>, Error> {
        let key = chosen.map_or_else(|| ApiKey::generate(&self.random), Ok)?;
        let name = DisplayName::parse(FIRST_PARTNER).map_err(|v| Error::Internal(v.message))?;
        let email = Email::parse(FIRST_ADMIN).map_err(Error::Internal)?;
        let founding = (Arc::clone(&self.trail), name, email, key, self.clock.now());
        self.db
            .write(store::Scope::System, founding, |(trail, name, email, key, now), tx| {
                Box::pin(async move {
                    if store::partners::any(tx).await? {
                        return Ok(None);
                    }
                    found(tx, trail, name, email, key, *now).await.map(Some)
                })
            })
            .await
    }
}

async fn found(
    tx: &mut Tx,
    trail: &Arc<Trail>,
    name: &DisplayName,
    email: &Email,
    key: &ApiKey,
    now: Timestamp,
) -> Result<Founded, Error> {
    let Some(partner) = store::partners::insert(tx, name, now).await? else {
        return Err(Error::Invalid(domain::Violation::taken("/name").into()));
    };
    let admin =
        NewUser { email: email.clone(), name: String::new(), role: Role::Admin, key_expires_at: None };
    let of = |user| Holder { partner: partner.id, user, customer: None, role: Role::Admin, expires_at: None };
    let stored = |user| key.stored(&trail.secrets, &of(user));
    let user = store::users::insert(tx, partner.id, None, &admin, stored, now).await?;
    let user = user.ok_or_else(|| Error::Internal("a new partner had a user already".into()))?;
    let call = Call::of_operator(partner.id, "partner create");
    let partners = Entry::new("partner.create", format!("partners/{}", partner.id)).after(&partner.name);
    let users = Entry::new("user.create", format!("users/{}", user.id)).after(&user);
    let recorded = Entry::new("partner.create", format!("partners/{}", partner.id)).after(&partner.name);
    for entry in [partners, users] {
        audit::append(tx, trail, &call, entry, now).await?;
    }
    append_system(tx, trail, "command line", recorded, now).await?;
    Ok(Founded { partner, user: user.id, email: email.clone(), key: key.clone() })
}
