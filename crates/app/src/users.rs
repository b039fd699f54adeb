//! Users of a partner and of its customers, and their API keys.

use crate::access::Call;
use crate::audit::Entry;
use crate::audit::record::UserRecord;
use crate::boxed;
use crate::change::{Created, Done, WriteBody};
use crate::keys::{self, Holder, rotate};
use crate::paging::Paging;
use crate::{ApiKey, App, Error, SecretKey, user_access};
use domain::json::Json;
use domain::{CustomerId, Handling, KeyRotation, NewUser, PartnerId, Role, User, UserId, Violation};
use jiff::Timestamp;
use std::sync::Arc;
use store::{Tx, api_keys, users};

/// A user with its new default API key. Only the key's digest is stored, so the response shows it once.
pub struct UserWithKey {
    /// The user.
    pub user: User,
    /// The key.
    pub api_key: ApiKey,
}

/// The tenant of users: a customer, or `None` for the partner itself.
pub type Tenant = Option<CustomerId>;

/// What the transaction of a create needs.
struct Creation {
    secrets: Arc<SecretKey>,
    partner: PartnerId,
    tenant: Tenant,
    user: NewUser,
    key: ApiKey,
    now: Timestamp,
    write: WriteBody<UserWithKey>,
}

/// What the transaction of a change needs.
struct Update {
    secrets: Arc<SecretKey>,
    partner: PartnerId,
    /// A user of the customer makes the change.
    by_owner: bool,
    tenant: Tenant,
    id: UserId,
    body: Json,
    handling: Handling,
    now: Timestamp,
}

/// What the transaction of a deletion needs.
struct Deletion {
    partner: PartnerId,
    /// A user of the customer deletes.
    by_owner: bool,
    tenant: Tenant,
    id: UserId,
    now: Timestamp,
}

/// What the transaction of a rotation needs.
struct Rotation {
    secrets: Arc<SecretKey>,
    partner: PartnerId,
    tenant: Tenant,
    id: UserId,
    key: ApiKey,
    rotation: KeyRotation,
    now: Timestamp,
    write: WriteBody<UserWithKey>,
}

impl App {
    /// Creates a user of this tenant with its first API key.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the customer does not exist; [`Error::Invalid`] with every violation, including a taken e-mail
    /// address.
    #[boxed]
    pub async fn create_user(
        &self,
        call: &Call,
        tenant: Tenant,
        body: &Json,
        handling: Handling,
        write: WriteBody<UserWithKey>,
    ) -> Result<Created, Error> {
        let grant = self.require_managing(call, tenant).await?;
        let _in_flight = self.enter(call)?;
        let now = self.clock.now();
        let user = match NewUser::parse(body, tenant, now, handling) {
            Ok(user) => user,
            Err(violations) => {
                let before = grant.stored_response().await?;
                return before.ok_or(Error::Invalid(violations));
            }
        };
        let key = ApiKey::generate(&self.random)?;
        let secrets = Arc::clone(&self.secrets);
        let input = Creation { secrets, partner: call.partner(), tenant, user, key, now, write };
        grant
            .make(input, |input, tx| {
                let Creation { secrets, partner, tenant, user, key, now, write } = input;
                Box::pin(async move {
                    exists(tx, *partner, *tenant).await?;
                    let added = insert_user(tx, secrets, *partner, *tenant, user, key, *now).await?;
                    let user = added.ok_or_else(|| Error::Invalid(Violation::taken("/email").into()))?;
                    user_access::seal(tx, secrets, *partner, &user).await?;
                    let recorded = UserRecord::from(&user).with_key(key.id());
                    let entry = Entry::new("user.create", object(*tenant, user.id)).after(&recorded);
                    let href = Some(format!("/v2/{}", object(*tenant, user.id)));
                    let issued = UserWithKey { user, api_key: key.clone() };
                    Ok(Done { value: Created::new(issued, *write, href)?, entry: Some(entry) })
                })
            })
            .await
    }

    /// A page of the tenant's users, and the total number.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the customer does not exist.
    #[boxed]
    pub async fn users(
        &self,
        call: &Call,
        tenant: Tenant,
        paging: Paging,
    ) -> Result<(Vec<User>, i64), Error> {
        let grant = self.require_managing(call, tenant).await?;
        let input = (call.partner(), tenant, paging.skip(), paging.per_page);
        grant
            .list(input, |(partner, tenant, skip, limit), tx| {
                Box::pin(async move {
                    exists(tx, *partner, *tenant).await?;
                    let found = users::list(tx, *partner, *tenant, *skip, *limit).await?;
                    Ok((found, users::count(tx, *partner, *tenant).await?))
                })
            })
            .await
    }

    /// The user with this id in this tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the tenant does not have it.
    #[boxed]
    pub async fn user(&self, call: &Call, tenant: Tenant, id: UserId) -> Result<User, Error> {
        let grant = self.require_managing(call, tenant).await?;
        grant
            .look_up((call.partner(), tenant, id), |(partner, tenant, id), tx| {
                Box::pin(find(tx, *partner, *tenant, *id))
            })
            .await
    }

    /// Changes a user's name and roles.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`]; [`Error::LastAdmin`]; [`Error::LastOwner`].
    #[boxed]
    pub async fn update_user(
        &self,
        call: &Call,
        tenant: Tenant,
        id: UserId,
        body: Json,
        handling: Handling,
    ) -> Result<User, Error> {
        let grant = self.require_managing(call, tenant).await?;
        let input = Update {
            secrets: Arc::clone(&self.secrets),
            partner: call.partner(),
            by_owner: call.owned_customer().is_some(),
            tenant,
            id,
            body,
            handling,
            now: self.clock.now(),
        };
        grant
            .change(input, |input, tx| {
                let Update { secrets, partner, by_owner, tenant, id, body, handling, now } = input;
                Box::pin(async move {
                    if *by_owner {
                        users::hold(tx, *partner).await?;
                    }
                    let before = find_held(tx, *partner, *tenant, *id).await?;
                    let (name, roles) = before.patched(body, *handling).map_err(Error::Invalid)?;
                    if (&name, roles) == (&before.name, before.roles) {
                        return Ok(Done { value: before, entry: None });
                    }
                    if !roles.has(Role::Admin) {
                        keep_an_admin(tx, *partner, &before, *now).await?;
                    }
                    if *by_owner && !roles.has(Role::Owner) {
                        keep_an_owner(tx, *partner, &before).await?;
                    }
                    // A key that is made meanwhile would have the old roles. The MACs that are read cover the old ones.
                    users::touch(tx, *partner, *id, *now).await?;
                    let rows = api_keys::list(tx, *partner, *id).await?;
                    let after = User { name, roles, updated_at: *now, ..before.clone() };
                    user_access::reseal(tx, secrets, *partner, &before, &after).await?;
                    users::update(tx, *partner, *id, &after.name, roles, *now).await?;
                    if roles != before.roles {
                        for row in rows {
                            api_keys::reseal(tx, &keys::with_roles(secrets, &row.credential, roles)).await?;
                        }
                    }
                    let [old, new] = [&before, &after].map(UserRecord::from);
                    let entry = Entry::new("user.update", object(*tenant, *id)).before(&old).after(&new);
                    Ok(Done { value: after, entry: Some(entry) })
                })
            })
            .await
    }

    /// Deletes a user; its API keys are invalid at once.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::LastAdmin`]; [`Error::LastOwner`].
    #[boxed]
    pub async fn delete_user(&self, call: &Call, tenant: Tenant, id: UserId) -> Result<(), Error> {
        let grant = self.require_managing(call, tenant).await?;
        let (by_owner, now) = (call.owned_customer().is_some(), self.clock.now());
        grant
            .change(Deletion { partner: call.partner(), by_owner, tenant, id, now }, |input, tx| {
                let Deletion { partner, by_owner, tenant, id, now } = input;
                Box::pin(async move {
                    if *by_owner {
                        users::hold(tx, *partner).await?;
                    }
                    let before = find_held(tx, *partner, *tenant, *id).await?;
                    keep_an_admin(tx, *partner, &before, *now).await?;
                    if *by_owner {
                        keep_an_owner(tx, *partner, &before).await?;
                    }
                    users::delete(tx, *partner, *id).await?;
                    store::sign_ins::forget(tx, *partner, *id).await?;
                    let entry =
                        Entry::new("user.delete", object(*tenant, *id)).before(&UserRecord::from(&before));
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// Gives a user a new default API key. The old one is invalid at once, or lives on for the overlap that the payload names.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`].
    #[boxed]
    pub async fn rotate_key(
        &self,
        call: &Call,
        tenant: Tenant,
        id: UserId,
        body: &Json,
        handling: Handling,
        write: WriteBody<UserWithKey>,
    ) -> Result<Created, Error> {
        let grant = self.require_managing(call, tenant).await?;
        let _in_flight = self.enter(call)?;
        let now = self.clock.now();
        let rotation = match KeyRotation::parse_default(body, now, handling) {
            Ok(rotation) => rotation,
            Err(violations) => {
                let before = grant.stored_response().await?;
                return before.ok_or(Error::Invalid(violations));
            }
        };
        let key = ApiKey::generate(&self.random)?;
        let secrets = Arc::clone(&self.secrets);
        let input = Rotation { secrets, partner: call.partner(), tenant, id, key, rotation, now, write };
        grant
            .make(input, |input, tx| {
                let Rotation { secrets, partner, tenant, id, key, rotation, now, write } = input;
                Box::pin(async move {
                    let before = find(tx, *partner, *tenant, *id).await?;
                    users::touch(tx, *partner, *id, *now).await?;
                    let roles = find(tx, *partner, *tenant, *id).await?.roles;
                    let rows = api_keys::list(tx, *partner, *id).await?;
                    let old = rows.iter().find(|row| row.is_default);
                    let holder = Holder { partner: *partner, user: *id, customer: *tenant, roles };
                    rotate(tx, secrets, &holder, old, key, *rotation, *now).await?;
                    let after = find(tx, *partner, *tenant, *id).await?;
                    let [old, new] = [&before, &after].map(UserRecord::from);
                    let entry = Entry::new("user.rotate_key", object(*tenant, *id));
                    let entry = entry.before(&old).after(&new.with_key(key.id()));
                    let issued = UserWithKey { user: after, api_key: key.clone() };
                    Ok(Done { value: Created::new(issued, *write, None)?, entry: Some(entry) })
                })
            })
            .await
    }

    /// Revokes all API keys of a user; the user remains.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::LastAdmin`].
    #[boxed]
    pub async fn revoke_key(&self, call: &Call, tenant: Tenant, id: UserId) -> Result<(), Error> {
        let grant = self.require_managing(call, tenant).await?;
        grant
            .change((call.partner(), tenant, id, self.clock.now()), |(partner, tenant, id, now), tx| {
                Box::pin(async move {
                    let before = find_held(tx, *partner, *tenant, *id).await?;
                    keep_an_admin(tx, *partner, &before, *now).await?;
                    users::touch(tx, *partner, *id, *now).await?;
                    api_keys::delete_all(tx, *partner, *id).await?;
                    let entry = Entry::new("user.revoke_key", object(*tenant, *id))
                        .before(&UserRecord::from(&before));
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }
}

/// Adds a user with its default key; `None` if the tenant has one with this e-mail address.
pub(crate) async fn insert_user(
    tx: &mut Tx,
    secrets: &SecretKey,
    partner: PartnerId,
    tenant: Tenant,
    new: &NewUser,
    key: &ApiKey,
    now: Timestamp,
) -> Result<Option<User>, Error> {
    let Some(user) = users::insert(tx, partner, tenant, new, now).await? else { return Ok(None) };
    let holder = Holder { partner, user: user.id, customer: tenant, roles: user.roles };
    let rotation = KeyRotation { expires_at: new.key_expires_at, overlap_seconds: 0 };
    rotate(tx, secrets, &holder, None, key, rotation, now).await?;
    Ok(Some(User { has_key: true, key_expires_at: new.key_expires_at, ..user }))
}

/// Checks that the tenant exists; [`Error::NotFound`] otherwise.
async fn exists(tx: &mut Tx, partner: PartnerId, tenant: Tenant) -> Result<(), Error> {
    match tenant {
        Some(id) => store::customers::get(tx, partner, id).await?.map(drop).ok_or(Error::NotFound),
        None => Ok(()),
    }
}

pub(crate) async fn find(tx: &mut Tx, partner: PartnerId, tenant: Tenant, id: UserId) -> Result<User, Error> {
    users::get(tx, partner, tenant, id).await?.ok_or(Error::NotFound)
}

/// Reads a user that is about to be changed. For a partner's user it takes the lock that makes [`keep_an_admin`] race-free.
pub(crate) async fn find_held(
    tx: &mut Tx,
    partner: PartnerId,
    tenant: Tenant,
    id: UserId,
) -> Result<User, Error> {
    if tenant.is_none() {
        users::hold(tx, partner).await?;
    }
    find(tx, partner, tenant, id).await
}

async fn keep_an_admin(tx: &mut Tx, partner: PartnerId, user: &User, now: Timestamp) -> Result<(), Error> {
    let is_admin = user.customer.is_none() && user.roles.has(Role::Admin) && user.has_key;
    if is_admin && api_keys::admin_keys(tx, partner, Some(user.id), "", now).await? == 0 {
        return Err(Error::LastAdmin);
    }
    Ok(())
}

/// Owners keep one among them, which the lock of [`users::hold`] makes race-free. The partner may take the last one away: it can
/// make another.
async fn keep_an_owner(tx: &mut Tx, partner: PartnerId, user: &User) -> Result<(), Error> {
    if let Some(customer) = user.customer.filter(|_| user.roles.has(Role::Owner))
        && users::other_owners(tx, partner, customer, user.id).await? == 0
    {
        return Err(Error::LastOwner);
    }
    Ok(())
}

pub(crate) fn object(tenant: Tenant, id: UserId) -> String {
    tenant.map_or(format!("users/{id}"), |customer| format!("customers/{customer}/users/{id}"))
}
