//! The accounts that users are linked to. A link is made by the first sign-in, and taken away here, for an account that was
//! made again.

use crate::access::Call;
use crate::audit::Entry;
use crate::audit::record::AccountRecord;
use crate::boxed;
use crate::change::Done;
use crate::sessions::SINGLE_SIGN_ON;
use crate::users::{find, object};
use crate::{App, Error, Tenant};
use domain::UserId;
use serde_json::json;
use store::sign_ins::{self, IdentityRow};

/// An account of a provider that a user signs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedAccount {
    /// The provider.
    pub issuer: String,
    /// What the provider calls the account.
    pub subject: String,
}

impl From<IdentityRow> for LinkedAccount {
    fn from(row: IdentityRow) -> Self {
        LinkedAccount { issuer: row.issuer, subject: row.subject }
    }
}

impl App {
    /// The accounts that a user is linked to.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the tenant has no such user.
    #[boxed]
    pub async fn linked_accounts(
        &self,
        call: &Call,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Vec<LinkedAccount>, Error> {
        let grant = self.require_managing(call, tenant).await?;
        grant
            .look_up((call.partner(), tenant, user), |(partner, tenant, user), tx| {
                Box::pin(async move {
                    find(tx, *partner, *tenant, *user).await?;
                    let rows = sign_ins::identities(tx, *partner, *user).await?;
                    Ok(rows.into_iter().map(LinkedAccount::from).collect())
                })
            })
            .await
    }

    /// Takes away the links of a user to accounts, and ends the sessions that were opened with them. The next sign-in links the
    /// user to the account that has its e-mail address then.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the tenant has no such user.
    #[boxed]
    pub async fn unlink_accounts(&self, call: &Call, tenant: Tenant, user: UserId) -> Result<(), Error> {
        let grant = self.require_managing(call, tenant).await?;
        grant
            .change((call.partner(), tenant, user), |(partner, tenant, user), tx| {
                Box::pin(async move {
                    find(tx, *partner, *tenant, *user).await?;
                    let rows = sign_ins::identities(tx, *partner, *user).await?;
                    if rows.is_empty() {
                        return Ok(Done { value: (), entry: None });
                    }
                    sign_ins::unlink(tx, *partner, *user).await?;
                    store::sessions::delete_of_user_opened_by(tx, *partner, *user, SINGLE_SIGN_ON).await?;
                    let before: Vec<AccountRecord<'_>> = rows.iter().map(AccountRecord::from).collect();
                    let before = json!({ "accounts": before });
                    let entry = Entry::new("user.unlink", object(*tenant, *user)).before(&before);
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }
}
