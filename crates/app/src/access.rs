//! Who is asking, and may they? Decided here, at every request, and nowhere else.

use crate::audit::Entry;
use crate::boxed;
use crate::change::{Done, Idempotency};
use crate::customers::Visibility;
use crate::keys::{self, Proof};
use crate::limits::Permits;
use crate::permissions::Permission;
use crate::refusals::{MAX_IN_WINDOW, Step, Summary, shortened};
use crate::{App, Error, Exceeded, Refusal, operator};
use domain::{Classification, CustomerId, Email, PartnerId, Role, Roles, UserId, UtcSecond};
use serde_json::json;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use store::api_keys::{Credential, KeyOwner};

/// Somebody who showed a live key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The partner whose data this is about; nobody ever reaches another's.
    pub partner: PartnerId,
    /// The user.
    pub user: UserId,
    /// Its e-mail address.
    pub email: Email,
    /// What it may do with this key.
    pub roles: Roles,
    /// The customer whose user it is; `None` for a partner's own.
    pub customer: Option<CustomerId>,
    /// The key that it showed; not secret.
    pub key_id: String,
    /// When it is locked out, if that is known.
    pub access_until: Option<UtcSecond>,
}

/// A caller as it is shown to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// The user's id.
    pub id: UserId,
    /// Its e-mail address.
    pub email: Email,
    /// Its name; may be empty.
    pub name: String,
    /// The roles that it has with the key or the session of this request.
    pub roles: Roles,
    /// Its partner.
    pub partner: Named,
    /// The customer whose user it is; `None` for a partner's own.
    pub customer: Option<Named>,
    /// The time at which its access ends, if that is known.
    pub access_until: Option<UtcSecond>,
}

/// An id with its display name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The id.
    pub id: i64,
    /// The display name.
    pub name: String,
}

/// One request: who, from where, under which id, and whether it may be repeated.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who asks; `None` for the server's operator on the command line.
    pub actor: Option<Actor>,
    /// The partner that this is about.
    pub(crate) partner: PartnerId,
    /// Where the request comes from.
    pub origin: String,
    /// As in the log.
    pub request_id: String,
    /// The operation, as the adapter names it.
    pub operation: String,
    /// Set where a repetition is to be answered as the first time.
    pub idempotency: Option<Idempotency>,
    /// What it holds while it, or a change that it made, is under way.
    pub(crate) permits: Permits,
}

/// Where a request comes from, before it is known who asks.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// An address, or a name.
    pub address: String,
    /// As in the log.
    pub request_id: String,
    /// The operation, as the adapter names it.
    pub operation: String,
    /// What it holds already; acquired where there are none.
    pub permits: Option<Permits>,
}

impl Call {
    /// A call of the server's operator, on the command line.
    pub fn of_operator(partner: PartnerId, operation: &str) -> Self {
        Call {
            actor: None,
            partner,
            origin: operator::origin(),
            request_id: String::new(),
            operation: operation.into(),
            idempotency: None,
            permits: Permits::default(),
        }
    }

    /// What the server does by itself.
    pub(crate) fn of_server(partner: PartnerId) -> Self {
        Call { origin: "server".into(), ..Call::of_operator(partner, "server") }
    }

    /// What the directory says changes something.
    pub(crate) fn of_directory(partner: PartnerId) -> Self {
        Call { origin: "directory".into(), ..Call::of_operator(partner, "directory sync") }
    }

    /// What a bill run changes.
    pub(crate) fn of_billing(partner: PartnerId) -> Self {
        Call { origin: "billing".into(), ..Call::of_operator(partner, "bill run") }
    }

    /// The partner that this is about.
    pub fn partner(&self) -> PartnerId {
        self.partner
    }

    /// The customer whose user asks, if it is one.
    pub fn customer(&self) -> Option<CustomerId> {
        self.actor.as_ref().and_then(|actor| actor.customer)
    }

    /// The customer whose users the caller may manage as its owner.
    pub fn owned_customer(&self) -> Option<CustomerId> {
        let actor = self.actor.as_ref().filter(|actor| actor.roles.has(Role::Owner))?;
        actor.customer
    }

    /// Whether the caller's roles have this permission, so that a page need not offer what would be refused. The use case
    /// checks it again.
    pub fn may(&self, permission: Permission) -> bool {
        self.actor.as_ref().is_none_or(|actor| permission.is_given_to(actor.roles))
    }

    /// How much of a customer this caller sees.
    pub(crate) fn visibility(&self) -> Visibility {
        match &self.actor {
            Some(actor) if actor.customer.is_some() => Visibility::OwnUser,
            Some(actor) if !Permission::SeeCosts.is_given_to(actor.roles) => Visibility::WithoutMargin,
            _ => Visibility::Full,
        }
    }
}

/// The roles that a key has, and what its narrowing keeps out. A key whose roles its user has lost opens nothing: the roles
/// that are given for it are only those that the refusal is recorded with.
pub(crate) fn narrowing(credential: &Credential, address: &str) -> Result<(Roles, Option<String>), Error> {
    let refused = |why: &str| Some(why.to_owned());
    let Some(roles) = credential.roles()? else {
        let roles = Roles::from_stored(&credential.role).unwrap_or(Role::Viewer.into());
        return Ok((
            roles,
            refused("the user of this API key no longer has the roles that the key is narrowed to"),
        ));
    };
    let is_allowed = credential.addresses.is_empty() || credential.address_ranges()?.allow(address);
    Ok((roles, if is_allowed { None } else { refused("this API key may not be used from this address") }))
}

/// How long after it was presented a key that opens nothing is refused, at the least. A look-up takes less, so that this time
/// tells nothing of the key.
const REFUSAL_TIME: Duration = Duration::from_millis(5);

impl App {
    /// Find out whose key this is, and whether it opens anything just now.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for an unknown, rotated or revoked key; [`Error::KeyExpired`]. [`Error::Forbidden`], which is
    /// audited, for a live one of a suspended partner, of a customer that is managed without access or whose trial is over,
    /// or that may not be used from this address.
    /// [`Error::LimitExceeded`] where too much of the key or its partner is under way.
    #[boxed]
    pub async fn authenticate(&self, presented: &str, origin: Origin) -> Result<Call, Error> {
        let began = tokio::time::Instant::now();
        let mut permits = match origin.permits {
            Some(permits) => permits,
            None => self.limits.enter_key(presented)?,
        };
        let key_id = keys::key_id(presented);
        let owner = self
            .db
            .unchecked()
            .look_up(
                self.limits.turn(presented, &origin.address),
                (key_id.clone(), self.decoy_key_id()),
                |(id, decoy), tx| {
                    Box::pin(async move { Ok::<_, Error>(store::api_keys::find(tx, id, decoy).await?) })
                },
            )
            .await?;
        // An unknown id costs the same digests and comparisons as a wrong secret, should a look-up take longer than that.
        let decoy = keys::decoy();
        let kept = owner.as_ref().map_or(&decoy, |owner| &owner.credential);
        let proof = keys::prove(&self.secrets, presented, kept);
        if proof == Proof::Forged {
            metrics::counter!("tenantry_forged_keys_total").increment(1);
            tracing::error!(
                partner = kept.partner.0,
                user = kept.user.0,
                key_id = kept.key.id,
                "the key of a user is refused: its row was changed beside the server. Rotate it, and run `tenantry admin audit verify`"
            );
        }
        let now = self.clock.now();
        let Some(KeyOwner { partner_suspended, email, credential, customer }) =
            owner.filter(|_| proof == Proof::Good)
        else {
            self.limits.note_invalid(presented);
            tokio::time::sleep_until(began + REFUSAL_TIME).await;
            return Err(Error::Unauthorized);
        };
        let expires_at = credential.expires_at.and_then(UtcSecond::from_second);
        if let Some(end) = expires_at.filter(|end| end.reached(now)) {
            self.limits.note_invalid(presented);
            return Err(Error::KeyExpired(end));
        }
        self.limits.note_valid(presented, credential.partner);
        self.limits.enter_partner(&mut permits, credential.partner)?;
        let trial = customer.and_then(|(_, _, trial)| trial);
        let (roles, narrowed) = narrowing(&credential, &origin.address)?;
        let lock = self.lock_of(partner_suspended, customer).or(narrowed.map(Refusal::from));
        let actor = Actor {
            partner: credential.partner,
            user: credential.user,
            email,
            roles,
            customer: customer.map(|(id, ..)| id),
            key_id,
            access_until: trial.into_iter().chain(expires_at).min(),
        };
        let span = tracing::Span::current();
        span.record("partner", actor.partner.0).record("user", actor.user.0).record("key", &actor.key_id);
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((actor.partner, actor.key_id.clone()), now);
        let call = Call {
            partner: actor.partner,
            actor: Some(actor),
            origin: origin.address,
            request_id: origin.request_id,
            operation: origin.operation,
            idempotency: None,
            permits,
        };
        match lock {
            Some(why) => Err(self.refuse(&call, why).await),
            None => Ok(call),
        }
    }

    /// The id of a key that is looked up in place of one that does not exist, so that both take as long.
    fn decoy_key_id(&self) -> Arc<str> {
        Arc::clone(&self.decoy_key_id.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Choose the decoy anew: keys go, and there is none before the first one.
    pub(crate) async fn choose_decoy_key(&self) -> Result<(), Error> {
        let found: Option<String> = self
            .db
            .unchecked()
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok::<_, Error>(store::api_keys::any_id(tx).await?) })
            })
            .await?;
        let id = found.unwrap_or_default().into();
        *self.decoy_key_id.write().unwrap_or_else(PoisonError::into_inner) = id;
        Ok(())
    }

    /// What keeps a user out, although its key or session is valid (contract, section 6).
    pub(crate) fn lock_of(
        &self,
        partner_suspended: bool,
        customer: Option<(CustomerId, Classification, Option<UtcSecond>)>,
    ) -> Option<Refusal> {
        if partner_suspended {
            return Some(Refusal::new("this partner is suspended").named("partner-suspended", &[]));
        }
        let (_, classification, trial) = customer?;
        if classification != Classification::ManagedWithAccess {
            let message = "this customer is managed without access: its users cannot use the platform";
            return Some(Refusal::new(message).named("without-access", &[]));
        }
        let end = trial.filter(|trial| trial.reached(self.clock.now()))?;
        let message = format!("this customer's trial expired at {end}");
        Some(Refusal::new(message).named("trial-ended", &[("end", &end)]))
    }

    /// Refuse, and write it down: at once, or counted for the next event where this user was refused for the same reason
    /// within the minute.
    pub(crate) async fn refuse(&self, call: &Call, refusal: Refusal) -> Error {
        let Some(user) = call.actor.as_ref().map(|actor| actor.user) else {
            return Error::Forbidden(refusal);
        };
        let why = refusal.to_string();
        match self.refusals.note(call, user, &why, self.clock.now()) {
            Step::Count => Error::Forbidden(refusal),
            Step::Write(count) => match self.write_refusal(call, why.clone(), count).await {
                Ok(()) => Error::Forbidden(refusal),
                Err(error) => {
                    self.refusals.forget(call.partner(), user, &why);
                    error
                }
            },
            Step::Limit(retry_after) => Error::LimitExceeded(Box::new(Exceeded {
                message: format!(
                    "{why}; this was answered {MAX_IN_WINDOW} times within a minute, so wait before the next request"
                ),
                policy: "refusals",
                who: format!("partner {}, user {user}", call.partner()),
                quota: MAX_IN_WINDOW,
                window: Some(60),
                retry_after,
            })),
        }
    }

    async fn write_refusal(&self, call: &Call, why: String, count: u32) -> Result<(), Error> {
        self.unchecked(call)
            .change((shortened(&call.operation), why, count), |(operation, why, count), _| {
                Box::pin(async move {
                    let mut entry = Entry::new("access.refused", operation.clone());
                    entry.reason = Some(why.clone());
                    entry.after = (*count > 1).then(|| json!({ "count": count }).to_string());
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// Write down the refusals that were only counted, of minutes that are over or of all.
    pub(crate) async fn write_refusals(&self, all: bool) -> Result<(), Error> {
        for Summary { call, reason, count } in self.refusals.unwritten(self.clock.now(), all) {
            self.write_refusal(&call, reason, count).await?;
        }
        Ok(())
    }

    /// Who asks, its roles, its tenant, and until when it has access.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn me(&self, call: &Call) -> Result<Me, Error> {
        let Some(actor) = call.actor.clone() else { return Err(Error::NotFound) };
        self.db
            .unchecked()
            .look_up(actor.partner, actor, |actor, tx| {
                Box::pin(async move {
                    let user = store::users::get(tx, actor.partner, actor.customer, actor.user).await?;
                    let partner = store::partners::get(tx, actor.partner).await?;
                    let (user, partner) =
                        (user.ok_or(Error::Unauthorized)?, partner.ok_or(Error::Unauthorized)?);
                    let customer = match actor.customer {
                        Some(id) => {
                            let found = store::customers::get(tx, actor.partner, id).await?;
                            let name = found.ok_or(Error::Unauthorized)?.details.name;
                            Some(Named { id: id.0, name: name.as_str().to_owned() })
                        }
                        None => None,
                    };
                    Ok(Me {
                        id: user.id,
                        email: user.email,
                        name: user.name,
                        roles: actor.roles,
                        partner: Named { id: partner.id.0, name: partner.name },
                        customer,
                        access_until: actor.access_until,
                    })
                })
            })
            .await
    }

    /// Write down when keys were last used, for those that were used since the last time.
    pub(crate) async fn note_uses(&self) -> Result<(), Error> {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() {
            return Ok(());
        }
        self.db
            .unchecked()
            .write(store::Scope::System, used, |used, tx| {
                Box::pin(async move {
                    for ((partner, key_id), at) in used {
                        store::api_keys::used(tx, *partner, key_id, *at).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
