//! The permission check, and the proof of it that reading and changing a partner's data demand.

use crate::boxed;
use crate::permissions::Permission;
use crate::{App, Call, Error, Refusal, Tenant};
use domain::CustomerId;
use futures_util::future::BoxFuture;
use store::{Db, Tx};

/// Proof that a call passed the permission check. Reading and changing the data of a partner go through it, so that a use
/// case cannot forget the check.
///
/// Anybody can hold one, as here:
///
/// ```
/// fn report(_: &tenantry_app::Grant<'_>) {}
/// ```
///
/// But only the check makes one:
///
/// ```compile_fail
/// fn forged<'a>(app: &'a tenantry_app::App, call: &'a tenantry_app::Call) -> tenantry_app::Grant<'a> {
///     tenantry_app::Grant { app, call }
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Grant<'a> {
    app: &'a App,
    call: &'a Call,
}

/// The database, reached through a [`Grant`], or openly without one.
pub(crate) struct Database(Db);

impl Database {
    pub(crate) fn new(db: Db) -> Self {
        Database(db)
    }

    /// The database for what no permission decides: signing in, and the server's own work.
    pub(crate) fn unchecked(&self) -> &Db {
        &self.0
    }
}

impl App {
    /// Checks that the call's user has a role with this permission. The operator has every permission.
    ///
    /// # Errors
    /// [`Error::Forbidden`], which is audited.
    #[boxed]
    pub async fn require<'a>(&'a self, call: &'a Call, permission: Permission) -> Result<Grant<'a>, Error> {
        match &call.actor {
            Some(actor) if !permission.is_given_to(actor.roles) => {
                let several = if actor.roles.iter().count() > 1 { "s" } else { "" };
                let why = format!("the role{several} {} may not {}", actor.roles, permission.name());
                let why = Refusal::new(why);
                let why = match permission {
                    Permission::ReadCustomers => {
                        why.named("may-not-read-customers", &[("roles", &actor.roles)])
                    }
                    Permission::ChangeCustomers => {
                        why.named("may-not-change-customers", &[("roles", &actor.roles)])
                    }
                    Permission::SeeCosts => why.named("may-not-see-costs", &[("roles", &actor.roles)]),
                    Permission::ManageBilling => {
                        why.named("may-not-manage-billing", &[("roles", &actor.roles)])
                    }
                    Permission::ManagePartner => {
                        why.named("may-not-manage-partner", &[("roles", &actor.roles)])
                    }
                    Permission::ReadAudit => why.named("may-not-read-audit", &[("roles", &actor.roles)]),
                };
                Err(self.refuse(call, why).await)
            }
            _ => Ok(Grant { app: self, call }),
        }
    }

    /// Like [`App::require`], but a customer's user is permitted if this customer is its own.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another customer than its own, as for one that does not exist; those of [`App::require`].
    pub(crate) async fn require_or_own<'a>(
        &'a self,
        call: &'a Call,
        permission: Permission,
        customer: CustomerId,
    ) -> Result<Grant<'a>, Error> {
        match call.customer() {
            Some(own) if own == customer => Ok(Grant { app: self, call }),
            Some(_) => Err(Error::NotFound),
            None => self.require(call, permission).await,
        }
    }

    /// Like [`App::require`], but every customer's user is permitted, and shown what is its own: the use case filters by
    /// [`Call::customer`].
    ///
    /// # Errors
    /// Those of [`App::require`].
    pub(crate) async fn require_or_customer<'a>(
        &'a self,
        call: &'a Call,
        permission: Permission,
    ) -> Result<Grant<'a>, Error> {
        match call.customer() {
            Some(_) => Ok(Grant { app: self, call }),
            None => self.require(call, permission).await,
        }
    }

    /// Checks that the call's user may manage the users of this tenant: of a customer, an owner may manage those of its own.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another customer than the owner's, as for one that does not exist; those of [`App::require`].
    pub(crate) async fn require_managing<'a>(
        &'a self,
        call: &'a Call,
        tenant: Tenant,
    ) -> Result<Grant<'a>, Error> {
        match (call.owned_customer(), tenant) {
            (Some(own), Some(customer)) if own == customer => Ok(Grant { app: self, call }),
            (Some(_), Some(_)) => Err(Error::NotFound),
            (_, Some(_)) => self.require(call, Permission::ChangeCustomers).await,
            (_, None) => self.require(call, Permission::ManagePartner).await,
        }
    }

    /// A grant without a check: for the server's own calls, and for what every user may do to itself.
    pub(crate) fn unchecked<'a>(&'a self, call: &'a Call) -> Grant<'a> {
        Grant { app: self, call }
    }
}

impl<'a> Grant<'a> {
    /// The platform.
    pub(crate) fn app(self) -> &'a App {
        self.app
    }

    /// The call that passed the check.
    pub(crate) fn call(self) -> &'a Call {
        self.call
    }

    /// Reads the partner's data like [`Db::list`].
    pub(crate) async fn list<I, T, E, F>(self, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<store::Error> + Send + 'static,
    {
        self.app.db.0.list(self.call.partner(), input, job).await
    }

    /// Reads the partner's data like [`Db::look_up`].
    pub(crate) async fn look_up<I, T, E, F>(self, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<store::Error> + Send + 'static,
    {
        self.app.db.0.look_up(self.call.partner(), input, job).await
    }

    /// Reads the partner's data like [`Db::read`].
    pub(crate) async fn read<I, T, E, F>(self, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<store::Error> + Send + 'static,
    {
        self.app.db.0.read(self.call.partner(), input, job).await
    }
}
