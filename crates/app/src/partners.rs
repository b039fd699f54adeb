//! Partners: creation with a first admin, listing, and suspension.

use crate::access::Call;
use crate::audit::record::UserRecord;
use crate::audit::system::append_system;
use crate::audit::{self, Entry, Trail};
use crate::boxed;
use crate::users::insert_user;
use crate::{ApiKey, App, Error};
use domain::{DisplayName, Email, NewUser, Role, UserId, Violation};
use jiff::Timestamp;
use std::sync::Arc;
use store::Tx;
use store::partners::Partner;

/// The name of the partner that [`App::bootstrap`] creates, and its admin's e-mail address.
const FIRST_PARTNER: &str = "default";
const FIRST_ADMIN: &str = "admin@localhost";

/// A new partner with its first admin.
#[derive(Debug)]
pub struct BootstrappedPartner {
    /// The partner.
    pub partner: Partner,
    /// The first user, an admin.
    pub user: UserId,
    /// The user's e-mail address.
    pub email: Email,
    /// The user's API key. Only its digest is stored, so it cannot be shown again.
    pub key: ApiKey,
}

/// What the transaction that creates a partner needs.
struct NewPartner {
    trail: Arc<Trail>,
    name: DisplayName,
    /// The address of the first admin.
    email: Email,
    key: ApiKey,
    now: Timestamp,
}

impl App {
    /// Creates a partner and its first admin.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name (`/name`) or the e-mail address (`/email`) is invalid, or the name is taken.
    #[boxed]
    pub async fn create_partner(&self, name: &str, admin: &str) -> Result<BootstrappedPartner, Error> {
        let (name, email) = (DisplayName::parse(name), Email::parse(admin));
        let mut violations = domain::Violations::default();
        let mut wrong = |pointer: &str, message: &String| {
            violations.push(Violation::new(pointer, "invalid", message));
        };
        match (name, email) {
            (Ok(name), Ok(email)) => {
                let key = ApiKey::generate(&self.random)?;
                let new =
                    NewPartner { trail: Arc::clone(&self.trail), name, email, key, now: self.clock.now() };
                self.db
                    .unchecked()
                    .write(store::Scope::System, new, |new, tx| Box::pin(insert_partner(tx, new)))
                    .await
            }
            (name, email) => {
                name.err().iter().for_each(|violation| wrong("/name", &violation.message));
                email.err().iter().for_each(|message| wrong("/email", message));
                Err(Error::Invalid(violations))
            }
        }
    }

    /// Whether the database has a partner.
    #[boxed]
    pub async fn has_partners(&self) -> Result<bool, Error> {
        self.db
            .unchecked()
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok(store::partners::any(tx).await?) })
            })
            .await
    }

    /// All partners in the database.
    #[boxed]
    pub async fn partners(&self) -> Result<Vec<Partner>, Error> {
        self.db
            .unchecked()
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok(store::partners::list(tx).await?) })
            })
            .await
    }

    /// The partner with this name, compared by [`DisplayName::key`].
    ///
    /// # Errors
    /// [`Error::NotFound`] if the name is unknown or invalid.
    #[boxed]
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

    /// Suspends a partner, whose API keys are rejected at once, or resumes it.
    #[boxed]
    pub async fn suspend_partner(&self, partner: &Partner, suspended: bool) -> Result<(), Error> {
        let input = (Arc::clone(&self.trail), partner.clone(), suspended, self.clock.now());
        self.db
            .unchecked()
            .write(store::Scope::System, input, |(trail, partner, suspended, now), tx| {
                Box::pin(async move {
                    store::partners::set_suspended(tx, partner.id, *suspended).await?;
                    let action = if *suspended { "partner.suspend" } else { "partner.resume" };
                    let entry = || Entry::new(action, format!("partners/{}", partner.id));
                    let call = Call::of_operator(partner.id, "partner suspend");
                    audit::append(tx, trail, &call, entry(), *now).await?;
                    append_system(tx, trail, &call.origin, entry(), *now).await
                })
            })
            .await
    }

    /// Creates the partner `default` in an empty database, with an admin whose API key is `chosen` or else a generated one.
    /// `None` if the database has a partner; `chosen` is ignored then.
    #[boxed]
    pub async fn bootstrap(&self, chosen: Option<ApiKey>) -> Result<Option<BootstrappedPartner>, Error> {
        let key = chosen.map_or_else(|| ApiKey::generate(&self.random), Ok)?;
        let name = DisplayName::parse(FIRST_PARTNER).map_err(|v| Error::Internal(v.message))?;
        let email = Email::parse(FIRST_ADMIN).map_err(Error::Internal)?;
        let new = NewPartner { trail: Arc::clone(&self.trail), name, email, key, now: self.clock.now() };
        self.db
            .unchecked()
            .write(store::Scope::System, new, |new, tx| {
                Box::pin(async move {
                    if store::partners::any(tx).await? {
                        return Ok(None);
                    }
                    insert_partner(tx, new).await.map(Some)
                })
            })
            .await
    }
}

async fn insert_partner(tx: &mut Tx, new: &NewPartner) -> Result<BootstrappedPartner, Error> {
    let NewPartner { trail, name, email, key, now } = new;
    let now = *now;
    let Some(partner) = store::partners::insert(tx, name, now).await? else {
        return Err(Error::Invalid(domain::Violation::taken("/name").into()));
    };
    let admin = NewUser {
        email: email.clone(),
        name: String::new(),
        roles: Role::Admin.into(),
        key_expires_at: None,
    };
    let user = insert_user(tx, &trail.secrets, partner.id, None, &admin, key, now).await?;
    let user = user.ok_or_else(|| Error::Internal("a new partner already has a user".into()))?;
    crate::user_access::seal(tx, &trail.secrets, partner.id, &user).await?;
    let call = Call::of_operator(partner.id, "partner create");
    let partners = Entry::new("partner.create", format!("partners/{}", partner.id)).after(&partner.name);
    let created = UserRecord::from(&user).with_key(key.id());
    let users = Entry::new("user.create", format!("users/{}", user.id)).after(&created);
    let recorded = Entry::new("partner.create", format!("partners/{}", partner.id)).after(&partner.name);
    for entry in [partners, users] {
        audit::append(tx, trail, &call, entry, now).await?;
    }
    append_system(tx, trail, &call.origin, recorded, now).await?;
    Ok(BootstrappedPartner { partner, user: user.id, email: email.clone(), key: key.clone() })
}
