//! The MAC over what a user may do and where. A key's MAC covers that for sign-ins with a key; this one does for all others, so
//! that a user whose row was written or changed beside the server signs in with nothing.

use crate::secrets::{Purpose, hex};
use crate::{App, Error, SecretKey};
use domain::{CustomerId, PartnerId, User, UserId};
use std::sync::Arc;
use store::sign_ins::{self, UserAccess};
use store::{Scope, Tx};
use subtle::ConstantTimeEq;

fn mac(
    secrets: &SecretKey,
    partner: PartnerId,
    user: UserId,
    customer: Option<CustomerId>,
    email_key: &str,
    role: &str,
) -> String {
    let [partner, user, customer] =
        [partner.0, user.0, customer.map_or(0, |customer| customer.0)].map(i64::to_be_bytes);
    let parts: [&[u8]; 5] = [&partner, &user, &customer, email_key.as_bytes(), role.as_bytes()];
    hex(&secrets.mac(Purpose::UserAccess, &parts))
}

/// Writes the MAC of a user that was just created.
pub(crate) async fn seal(
    tx: &mut Tx,
    secrets: &SecretKey,
    partner: PartnerId,
    user: &User,
) -> Result<(), Error> {
    let mac = mac(secrets, partner, user.id, user.customer, &user.email.key(), &user.roles.to_stored());
    Ok(sign_ins::set_access_mac(tx, partner, user.id, &mac).await?)
}

/// Writes the MAC of a user that was just changed, if it was as a server had written it: a change does not make good what
/// was changed beside the server.
pub(crate) async fn reseal(
    tx: &mut Tx,
    secrets: &SecretKey,
    partner: PartnerId,
    before: &User,
    after: &User,
) -> Result<(), Error> {
    let ids = (before.id, before.customer);
    let stored = sign_ins::candidate(tx, partner, before.id).await?;
    let is_good = |stored: &str| is_genuine(secrets, partner, ids, &before.email, before.roles, stored);
    if stored.is_some_and(|candidate| is_good(&candidate.access_mac)) {
        seal(tx, secrets, partner, after).await?;
    }
    Ok(())
}

/// Whether what the MAC of a user covers is as a server has written it.
pub(crate) fn is_sealed(secrets: &SecretKey, partner: PartnerId, access: &UserAccess) -> bool {
    let expected = mac(secrets, partner, access.user, access.customer, &access.email_key, &access.role);
    expected.as_bytes().ct_eq(access.mac.as_bytes()).into()
}

/// Whether a user's e-mail address, roles and customer are as a server has written them; logged if not.
pub(crate) fn is_genuine(
    secrets: &SecretKey,
    partner: PartnerId,
    (user, customer): (UserId, Option<CustomerId>),
    email: &domain::Email,
    roles: domain::Roles,
    stored: &str,
) -> bool {
    let (email_key, role, mac) = (email.key(), roles.to_stored(), stored.to_owned());
    let is_genuine = is_sealed(secrets, partner, &UserAccess { user, customer, email_key, role, mac });
    if !is_genuine {
        tracing::error!(
            partner = partner.0,
            user = user.0,
            "a user may not sign in: its row was changed beside the server. Delete it and make it again, and run `tenantry admin audit verify`"
        );
    }
    is_genuine
}

impl App {
    /// Gives the users from before the MAC was there theirs: once in the life of a database.
    pub(crate) async fn seal_users(&self) -> Result<(), Error> {
        let input = (Arc::clone(&self.secrets), self.clock.now());
        self.db
            .unchecked()
            .write(Scope::System, input, |(secrets, now), tx| {
                Box::pin(async move {
                    if !sign_ins::begin_sealing(tx, *now).await? {
                        return Ok::<_, Error>(());
                    }
                    for (partner, access) in sign_ins::unsealed(tx).await? {
                        let UserAccess { user, customer, email_key, role, .. } = access;
                        let mac = mac(secrets, partner, user, customer, &email_key, &role);
                        sign_ins::set_access_mac(tx, partner, user, &mac).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Email, Role, Roles};

    #[test]
    fn a_mac_covers_what_a_user_may_do() {
        let secrets = SecretKey::parse(&"07".repeat(32)).unwrap();
        let email = |text: &str| Email::parse(text).unwrap();
        let (partner, ids) = (PartnerId(1), (UserId(2), Some(CustomerId(3))));
        let (address, role) = (email("a@example.com"), Roles::from(Role::Viewer));
        let genuine = mac(&secrets, partner, ids.0, ids.1, &address.key(), &role.to_stored());
        let check =
            |partner, ids, email: &Email, roles| is_genuine(&secrets, partner, ids, email, roles, &genuine);
        assert!(check(partner, ids, &address, role));
        assert!(!check(PartnerId(2), ids, &address, role), "another partner");
        assert!(!check(partner, (UserId(3), ids.1), &address, role), "another user");
        assert!(!check(partner, (ids.0, None), &address, role), "the partner itself");
        assert!(!check(partner, ids, &email("b@example.com"), role), "another address");
        assert!(!check(partner, ids, &address, Role::Admin.into()), "another role");
        assert!(!is_genuine(&secrets, partner, ids, &address, role, ""), "no MAC");
    }
}
