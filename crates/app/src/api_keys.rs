//! The API keys of users: several for each, narrowed to roles and addresses, and rotated with an overlap.

use crate::access::Call;
use crate::audit::Entry;
use crate::audit::record::KeyRecord;
use crate::boxed;
use crate::change::{Created, Done, WriteBody};
use crate::keys::{Holder, is_genuine, rotate};
use crate::users::{Tenant, find, find_held, object};
use crate::{ApiKey, App, Error, Refusal, SecretKey};
use domain::json::Json;
use domain::{
    Handling, KeyRotation, NewKey, PartnerId, Role, User, UserId, UserKey, UtcSecond, Violation, code,
};
use jiff::Timestamp;
use std::sync::Arc;
use store::api_keys::{self, KeyRow};
use store::{Scope, Tx, users};

/// The maximum number of a user's keys. Those that others have come in place of do not count.
const MAX_KEYS: usize = 20;

/// A new key, with its secret, which the response shows once.
pub struct IssuedKey {
    /// What is shown of the key afterwards.
    pub key: UserKey,
    /// The key itself.
    pub secret: ApiKey,
}

/// What the transaction of a create needs.
struct Creation {
    secrets: Arc<SecretKey>,
    partner: PartnerId,
    tenant: Tenant,
    user: UserId,
    new: NewKey,
    key: ApiKey,
    now: Timestamp,
    write: WriteBody<IssuedKey>,
}

/// What the transaction of a rotation needs.
struct Rotation {
    secrets: Arc<SecretKey>,
    partner: PartnerId,
    tenant: Tenant,
    user: UserId,
    id: String,
    rotation: KeyRotation,
    key: ApiKey,
    now: Timestamp,
    write: WriteBody<IssuedKey>,
}

/// What the transaction of a revocation needs.
struct Revocation {
    partner: PartnerId,
    tenant: Tenant,
    user: UserId,
    id: String,
    now: Timestamp,
}

impl App {
    /// The keys of a user, the default one first, those that were replaced last.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the tenant has no such user.
    #[boxed]
    pub async fn api_keys(&self, call: &Call, tenant: Tenant, user: UserId) -> Result<Vec<UserKey>, Error> {
        let grant = self.require_managing(call, tenant).await?;
        grant
            .look_up((call.partner(), tenant, user), |(partner, tenant, user), tx| {
                Box::pin(async move {
                    find(tx, *partner, *tenant, *user).await?;
                    let rows = api_keys::list(tx, *partner, *user).await?;
                    Ok(rows.iter().map(KeyRow::shown).collect::<Result<_, _>>()?)
                })
            })
            .await
    }

    /// One key of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the tenant has no such user, or the user no such key.
    #[boxed]
    pub async fn api_key(
        &self,
        call: &Call,
        tenant: Tenant,
        user: UserId,
        id: &str,
    ) -> Result<UserKey, Error> {
        let keys = self.api_keys(call, tenant, user).await?;
        keys.into_iter().find(|key| key.id == id).ok_or(Error::NotFound)
    }

    /// Gives a user one more key.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`], also for roles that the user does not have; [`Error::Conflict`] if the user
    /// has as many keys as one may have.
    #[boxed]
    pub async fn create_api_key(
        &self,
        call: &Call,
        tenant: Tenant,
        user: UserId,
        body: &Json,
        handling: Handling,
        write: WriteBody<IssuedKey>,
    ) -> Result<Created, Error> {
        let grant = self.require_managing(call, tenant).await?;
        let _in_flight = self.enter(call)?;
        let now = self.clock.now();
        let new = match NewKey::parse(body, tenant.is_some(), now, handling) {
            Ok(new) => new,
            Err(violations) => {
                let before = grant.stored_response().await?;
                return before.ok_or(Error::Invalid(violations));
            }
        };
        let key = ApiKey::generate(&self.random)?;
        let secrets = Arc::clone(&self.secrets);
        let input = Creation { secrets, partner: call.partner(), tenant, user, new, key, now, write };
        grant
            .make(input, |input, tx| {
                let Creation { secrets, partner, tenant, user, new, key, now, write } = input;
                Box::pin(async move {
                    let user = hold(tx, *partner, *tenant, *user, *now).await?;
                    new.check_roles(user.roles).map_err(|violation| Error::Invalid(violation.into()))?;
                    let keys = api_keys::list(tx, *partner, user.id).await?;
                    if keys.iter().filter(|key| key.replaced_by.is_none()).count() >= MAX_KEYS {
                        let why = format!(
                            "a user has at most {MAX_KEYS} API keys: revoke one that is no longer used"
                        );
                        return Err(Error::Conflict(
                            Refusal::new(why).named("keys-too-many", &[("max", &MAX_KEYS)]),
                        ));
                    }
                    let row = key.stored(secrets, &holder(*partner, &user), new, *now);
                    api_keys::insert(tx, &row).await?;
                    let made = row.shown()?;
                    let path = key_object(*tenant, user.id, &made.id);
                    let entry = Entry::new("api_key.create", path.clone()).after(&KeyRecord::from(&made));
                    let issued = IssuedKey { key: made, secret: key.clone() };
                    let created = Created::new(issued, *write, Some(format!("/v2/{path}")))?;
                    Ok(Done { value: created, entry: Some(entry) })
                })
            })
            .await
    }

    /// Puts a new key in the place of one: with its name, roles and addresses, and its expiry unless the payload has another.
    /// The old one is invalid at once, or lives on for the overlap that the payload names.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`]; [`Error::Conflict`] for a key that another one has replaced already, or that
    /// was changed beside the server.
    #[expect(clippy::too_many_arguments, reason = "what the path, the body and a header say")]
    #[boxed]
    pub async fn rotate_api_key(
        &self,
        call: &Call,
        tenant: Tenant,
        user: UserId,
        id: &str,
        body: &Json,
        handling: Handling,
        write: WriteBody<IssuedKey>,
    ) -> Result<Created, Error> {
        let grant = self.require_managing(call, tenant).await?;
        let _in_flight = self.enter(call)?;
        let now = self.clock.now();
        let rotation = match KeyRotation::parse(body, now, handling) {
            Ok(rotation) => rotation,
            Err(violations) => {
                let before = grant.stored_response().await?;
                return before.ok_or(Error::Invalid(violations));
            }
        };
        let key = ApiKey::generate(&self.random)?;
        let input = Rotation {
            secrets: Arc::clone(&self.secrets),
            partner: call.partner(),
            tenant,
            user,
            id: id.to_owned(),
            rotation,
            key,
            now,
            write,
        };
        grant
            .make(input, |input, tx| {
                let Rotation { secrets, partner, tenant, user, id, rotation, key, now, write } = input;
                Box::pin(async move {
                    let user = hold(tx, *partner, *tenant, *user, *now).await?;
                    let old = find_key(tx, *partner, &user, id).await?;
                    if let Some(by) = &old.replaced_by {
                        let why = format!("this API key was rotated: {by} has come in its place");
                        return Err(Error::Conflict(why.into()));
                    }
                    if !is_genuine(secrets, &old.credential) {
                        let why = "this API key was changed beside the server: revoke it, and create another";
                        return Err(Error::Conflict(why.into()));
                    }
                    let rotation =
                        KeyRotation { expires_at: expiry_after(&old, *rotation, *now)?, ..*rotation };
                    let made = rotate(tx, secrets, &holder(*partner, &user), Some(&old), key, rotation, *now)
                        .await?;
                    let path = |id| key_object(*tenant, user.id, id);
                    let old = old.shown()?;
                    let [old, new] = [&old, &made].map(KeyRecord::from);
                    let entry = Entry::new("api_key.rotate", path(id)).before(&old).after(&new);
                    let href = format!("/v2/{}", path(&made.id));
                    let issued = IssuedKey { key: made, secret: key.clone() };
                    Ok(Done { value: Created::new(issued, *write, Some(href))?, entry: Some(entry) })
                })
            })
            .await
    }

    /// Revokes a key of a user, and those that it has replaced.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::LastAdmin`].
    #[boxed]
    pub async fn revoke_api_key(
        &self,
        call: &Call,
        tenant: Tenant,
        user: UserId,
        id: &str,
    ) -> Result<(), Error> {
        let grant = self.require_managing(call, tenant).await?;
        let (id, now) = (id.to_owned(), self.clock.now());
        grant
            .change(Revocation { partner: call.partner(), tenant, user, id, now }, |input, tx| {
                let Revocation { partner, tenant, user, id, now } = input;
                Box::pin(async move {
                    let user = find_held(tx, *partner, *tenant, *user).await?;
                    users::touch(tx, *partner, user.id, *now).await?;
                    let key = find_key(tx, *partner, &user, id).await?;
                    let opens_everything = user.customer.is_none()
                        && key.replaced_by.is_none()
                        && key.credential.roles()?.is_some_and(|roles| roles.has(Role::Admin));
                    if opens_everything && api_keys::admin_keys(tx, *partner, None, id, *now).await? == 0 {
                        return Err(Error::LastAdmin);
                    }
                    api_keys::delete(tx, *partner, user.id, id).await?;
                    let entry = Entry::new("api_key.revoke", key_object(*tenant, user.id, id));
                    let entry = entry.before(&KeyRecord::from(&key.shown()?));
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// Deletes keys that were replaced and whose overlap has ended.
    pub(crate) async fn forget_replaced_keys(&self) -> Result<(), Error> {
        self.db
            .unchecked()
            .write(Scope::System, self.clock.now(), |now, tx| {
                Box::pin(async move { Ok::<_, Error>(api_keys::forget_replaced(tx, *now).await.map(drop)?) })
            })
            .await
    }
}

/// The expiry of the key that comes in the place of `old`.
fn expiry_after(old: &KeyRow, rotation: KeyRotation, now: Timestamp) -> Result<Option<UtcSecond>, Error> {
    let before = old.credential.expires_at.and_then(UtcSecond::from_second);
    match (rotation.expires_at, before) {
        (None, Some(end)) if end.reached(now) => {
            let message = format!("is required: the key expired at {end}, so say when the new one does");
            Err(Error::Invalid(Violation::new("/expires_at", code::REQUIRED, message).into()))
        }
        (given, before) => Ok(given.or(before)),
    }
}

/// Reads a user whose keys are about to be changed, and takes its lock.
async fn hold(
    tx: &mut Tx,
    partner: PartnerId,
    tenant: Tenant,
    id: UserId,
    now: Timestamp,
) -> Result<User, Error> {
    users::touch(tx, partner, id, now).await?;
    find(tx, partner, tenant, id).await
}

async fn find_key(tx: &mut Tx, partner: PartnerId, user: &User, id: &str) -> Result<KeyRow, Error> {
    let keys = api_keys::list(tx, partner, user.id).await?;
    keys.into_iter().find(|row| row.credential.key.id == id).ok_or(Error::NotFound)
}

fn holder(partner: PartnerId, user: &User) -> Holder {
    Holder { partner, user: user.id, customer: user.customer, roles: user.roles }
}

fn key_object(tenant: Tenant, user: UserId, id: &str) -> String {
    format!("{}/api_keys/{id}", object(tenant, user))
}
