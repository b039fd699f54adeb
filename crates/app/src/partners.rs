//! Partners and their first user.

use crate::{ApiKey, App, Error};
use domain::{CustomerName, Email, UserId, Violation};
use jiff::Timestamp;
use store::Tx;
use store::partners::Partner;
use store::users::NewUser;

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
        let (name, email) = (CustomerName::parse(name), Email::parse(admin));
        let mut violations = domain::Violations::default();
        let mut wrong = |pointer: &str, message: &String| {
            violations.push(Violation::new(pointer, "invalid", message));
        };
        match (name, email) {
            (Ok(name), Ok(email)) => {
                let key = ApiKey::generate(&self.random)?;
                let founding = (name, email, key, self.clock.now());
                self.db
                    .write(store::Scope::System, founding, |(name, email, key, now), tx| {
                        Box::pin(found(tx, name, email, key, *now))
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

    /// Give an empty database its first partner, `default`, with an admin who holds `chosen`, or a key made now.
    /// `None` if there is a partner already; then `chosen` is not looked at.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn bootstrap(&self, chosen: Option<ApiKey>) -> Result<Option<Founded>, Error> {
        let key = chosen.map_or_else(|| ApiKey::generate(&self.random), Ok)?;
        let name = CustomerName::parse(FIRST_PARTNER).map_err(|v| Error::Internal(v.message))?;
        let email = Email::parse(FIRST_ADMIN).map_err(Error::Internal)?;
        let founding = (name, email, key, self.clock.now());
        self.db
            .write(store::Scope::System, founding, |(name, email, key, now), tx| {
                Box::pin(async move {
                    if store::partners::any(tx).await? {
                        return Ok(None);
                    }
                    found(tx, name, email, key, *now).await.map(Some)
                })
            })
            .await
    }
}

async fn found(
    tx: &mut Tx,
    name: &CustomerName,
    email: &Email,
    key: &ApiKey,
    now: Timestamp,
) -> Result<Founded, Error> {
    let Some(partner) = store::partners::insert(tx, name, now).await? else {
        return Err(Error::Invalid(domain::Violations::taken("/name").into()));
    };
    let admin = NewUser {
        customer: None,
        email: email.clone(),
        name: String::new(),
        role: "admin".into(),
        key: key.stored(),
    };
    let user = store::users::insert(tx, partner.id, &admin, now).await?;
    let user = user.ok_or_else(|| Error::Internal("a new partner had a user already".into()))?;
    Ok(Founded { partner, user, email: email.clone(), key: key.clone() })
}
