//! Sign-in with OpenID Connect: the providers of a partner, and sessions that they open.
//!
//! A user is found by the issuer and subject of its identity. The first time it is found by the e-mail address that the
//! provider has verified, and linked to the identity for good: another identity with the same address opens nothing.

mod accounts;
mod settings;

pub use accounts::LinkedAccount;
pub use settings::{Audience, PAYLOAD, ProviderSettings};

use crate::access::Origin;
use crate::audit::Entry;
use crate::audit::record::SessionRecord;
use crate::boxed;
use crate::change::Done;
use crate::secrets::{Purpose, hex};
use crate::sessions::{self, SINGLE_SIGN_ON};
use crate::users::object;
use crate::{App, Error, Refusal, SecretKey, user_access};
use ::identity::{Answer, Identity, Pending};
use domain::{AzureCustomerId, CustomerId, Email, PartnerId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::sign_ins::{self, Candidate, IdentityRow};
use store::{Scope, Tx};
use subtle::ConstantTimeEq;

/// A sign-in has to come back from the provider within this time.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);
/// The associated data of a sealed sign-in.
const PENDING: &str = "pending";

/// A way to sign in without a key, for the sign-in page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The partner whose provider it is.
    pub partner: PartnerId,
    /// The partner's display name.
    pub partner_name: String,
    /// Whose users the provider signs in.
    pub audience: Audience,
}

/// A sign-in that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The URL of the provider that the browser goes to.
    pub url: String,
    /// What the browser brings back, encrypted for this server.
    pub sealed: String,
}

/// A session that was opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// The session's token.
    pub token: String,
    /// The partner.
    pub partner: PartnerId,
    /// The path that was asked for when the sign-in began.
    pub next: String,
}

/// What the provider sent the browser back with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Returned<'a> {
    /// `state`.
    pub state: &'a str,
    /// `code`; empty if it is missing.
    pub code: &'a str,
    /// `iss`; empty if it is missing.
    pub issuer: &'a str,
    /// `error`; empty if it is missing.
    pub error: &'a str,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The sign-in was begun too long ago, in another browser, or has come back before.
    #[error("the sign-in was not begun in this browser within the last minutes")]
    Stale,
    /// The provider says that it did not sign the user in; its code, such as `access_denied`.
    #[error("the provider answers {0:?}")]
    Declined(String),
    /// The partner has no such provider.
    #[error("there is no provider for this sign-in")]
    NotConfigured,
    /// The provider cannot be used, or is not believed. The text is for the log only.
    #[error("{0}")]
    Provider(::identity::Error),
    /// The provider says no e-mail address, or not that it was verified.
    #[error("the provider says no e-mail address that it has verified")]
    EmailNotVerified,
    /// The e-mail address is not of a domain that the partner allows.
    #[error("the e-mail address is of a domain that is not allowed")]
    DomainNotAllowed,
    /// The Microsoft tenant belongs to no customer of the partner, or to another one than the user.
    #[error("the Microsoft tenant is not one of the user's customer")]
    ForeignTenant,
    /// Nobody with this e-mail address is a user.
    #[error("no user has this e-mail address")]
    UnknownUser,
    /// The user is linked to another identity of the same provider.
    #[error("the user is linked to another identity")]
    LinkedToAnother,
    /// The sign-in failed; [`Error::Forbidden`] if the user has no access now.
    #[error("{0}")]
    Failed(Error),
}

impl From<Error> for SignInError {
    fn from(error: Error) -> Self {
        SignInError::Failed(error)
    }
}

impl From<store::Error> for SignInError {
    fn from(error: store::Error) -> Self {
        SignInError::Failed(error.into())
    }
}

/// What a sign-in remembers while the browser is at the provider.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    partner: i64,
    audience: Audience,
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    until: i64,
}

/// What is needed to find the user of an identity.
#[derive(Clone)]
struct Wanted {
    secrets: Arc<SecretKey>,
    partner: PartnerId,
    audience: Audience,
    allowed_domains: Vec<String>,
    identity: Identity,
}

/// The user of an identity, and whether it is linked to it already.
type Found = Result<(Candidate, bool), SignInError>;

impl App {
    /// The ways to sign in without a key at this partner, or where none is named, at the only partner that there is.
    #[boxed]
    pub async fn sign_in_offers(&self, partner: Option<PartnerId>) -> Result<Vec<Offer>, Error> {
        self.db
            .unchecked()
            .look_up(Scope::System, partner, |partner, tx| {
                Box::pin(async move {
                    let partner = match partner {
                        Some(id) => store::partners::get(tx, *id).await?,
                        None => store::partners::only(tx).await?,
                    };
                    let Some(partner) = partner else { return Ok::<_, Error>(Vec::new()) };
                    let audiences = sign_ins::audiences(tx, partner.id).await?;
                    let offer = |audience| Offer {
                        partner: partner.id,
                        partner_name: partner.name.clone(),
                        audience,
                    };
                    let audiences = audiences.iter().filter_map(|text| Audience::parse(text));
                    Ok(audiences.map(offer).collect())
                })
            })
            .await
    }

    /// Begins a sign-in with a partner's provider. `redirect_uri` is where the provider sends the browser back to.
    ///
    /// # Errors
    /// [`SignInError::NotConfigured`]; [`SignInError::Provider`].
    #[boxed]
    pub async fn begin_single_sign_on(
        &self,
        partner: PartnerId,
        audience: Audience,
        redirect_uri: &str,
        next: &str,
    ) -> Result<Begun, SignInError> {
        let (provider, _) = self.provider(partner, audience).await?.ok_or(SignInError::NotConfigured)?;
        let pending = self.new_pending()?;
        let url = self.identity.begin(&provider, redirect_uri, &pending).await;
        let url = url.map_err(|error| not_signed_in(partner, audience, SignInError::Provider(error)))?;
        let until = self.clock.now().saturating_add(PATIENCE).unwrap_or(Timestamp::MAX);
        let Pending { state, nonce, verifier } = pending;
        let remembered = Remembered {
            partner: partner.0,
            audience,
            state,
            nonce,
            verifier,
            next: next.to_owned(),
            until: until.as_second(),
        };
        let json = serde_json::to_string(&remembered).map_err(|e| Error::Internal(e.to_string()))?;
        let sealed = self.secrets.seal(Purpose::SignIn, PENDING, &json, &self.random)?;
        Ok(Begun { url, sealed })
    }

    fn new_pending(&self) -> Result<Pending, Error> {
        let secret = || self.random.bytes::<32>().map(|bytes| hex(&bytes));
        Ok(Pending { state: secret()?, nonce: secret()?, verifier: secret()? })
    }

    /// Ends a sign-in: exchanges the code, finds the user, and opens a session.
    ///
    /// # Errors
    /// All of [`SignInError`].
    #[boxed]
    pub async fn finish_single_sign_on<'a>(
        &self,
        sealed: &'a str,
        redirect_uri: &str,
        returned: Returned<'a>,
        origin: Origin,
        agent: &str,
    ) -> Result<Opened, SignInError> {
        let json = self.secrets.open(Purpose::SignIn, PENDING, sealed).map_err(|_| SignInError::Stale)?;
        let remembered: Remembered = serde_json::from_str(&json).map_err(|_| SignInError::Stale)?;
        let is_same: bool = remembered.state.as_bytes().ct_eq(returned.state.as_bytes()).into();
        if !is_same || self.clock.now().as_second() >= remembered.until {
            return Err(SignInError::Stale);
        }
        let (partner, audience) = (PartnerId(remembered.partner), remembered.audience);
        let failed = move |error| not_signed_in(partner, audience, error);
        if returned.code.is_empty() {
            let code: String = returned.error.chars().filter(char::is_ascii_graphic).take(50).collect();
            return Err(failed(SignInError::Declined(code)));
        }
        let (provider, settings) =
            self.provider(partner, audience).await?.ok_or(SignInError::NotConfigured)?;
        let Remembered { state, nonce, verifier, next, .. } = remembered;
        let answer =
            Answer { code: returned.code, issuer: Some(returned.issuer).filter(|issuer| !issuer.is_empty()) };
        let identity = self
            .identity
            .finish(&provider, redirect_uri, Pending { state, nonce, verifier }, answer, self.clock.now())
            .await
            .map_err(|error| failed(SignInError::Provider(error)))?;
        let wanted = Wanted {
            secrets: Arc::clone(&self.secrets),
            partner,
            audience,
            allowed_domains: settings.allowed_domains,
            identity,
        };
        let token = self.open_for(wanted, origin, agent).await.map_err(failed)?;
        Ok(Opened { token, partner, next })
    }

    async fn open_for(&self, wanted: Wanted, origin: Origin, agent: &str) -> Result<String, SignInError> {
        let (partner, secrets) = (wanted.partner, Arc::clone(&self.secrets));
        let Identity { issuer, subject, .. } = wanted.identity.clone();
        let (found, is_linked) = self
            .db
            .unchecked()
            .look_up(partner, wanted, |wanted, tx| {
                Box::pin(async move {
                    match find(tx, wanted).await {
                        // The store decides whether it tries again.
                        Err(SignInError::Failed(error)) => Err(error),
                        found => Ok::<Found, Error>(found),
                    }
                })
            })
            .await??;
        let (user, suspended, access) = (found.user, found.partner_suspended, found.access);
        let (actor, call) = sessions::call_without_key(partner, found, SINGLE_SIGN_ON, origin);
        if let Some(why) = self.lock_of(suspended, access) {
            return Err(self.refuse(&call, why).await.into());
        }
        let (token, session) = self.new_session(&call, &actor, agent)?;
        let mut row = IdentityRow { issuer, subject, user, mac: String::new() };
        row.mac = identity_mac(&secrets, partner, &row);
        let now = self.clock.now();
        self.unchecked(&call)
            .change((session, row, is_linked, now), |(session, row, is_linked, now), tx| {
                Box::pin(async move {
                    // Two first sign-ins at once: the second one finds the identity, or is somebody else's.
                    if !*is_linked && !sign_ins::link(tx, session.partner, row, *now).await? {
                        let why = Refusal::new("another sign-in is under way; sign in again");
                        return Err(Error::Conflict(why.named("other-sign-in", &[])));
                    }
                    sessions::begin(tx, session).await?;
                    let record = SessionRecord::from(session).with_account(row, !*is_linked);
                    let entry =
                        Entry::new("session.create", object(session.customer, session.user)).after(&record);
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await?;
        Ok(token)
    }
}

/// Finds the user of a verified identity.
async fn find(tx: &mut Tx, wanted: &Wanted) -> Found {
    let Wanted { secrets, partner, audience, allowed_domains, identity } = wanted;
    let (partner, audience) = (*partner, *audience);
    let customer = match audience {
        Audience::Partner => None,
        Audience::Customers => Some(customer_of(tx, partner, identity).await?),
    };
    let linked = sign_ins::identity(tx, partner, &identity.issuer, &identity.subject).await?;
    let linked = linked
        .filter(|row| bool::from(identity_mac(secrets, partner, row).as_bytes().ct_eq(row.mac.as_bytes())));
    let (candidate, is_linked) = if let Some(row) = linked {
        let found = sign_ins::candidate(tx, partner, row.user).await?;
        (found.ok_or(SignInError::UnknownUser)?, true)
    } else {
        let email = identity.email.as_deref().ok_or(SignInError::EmailNotVerified)?;
        let email = Email::parse(email).map_err(|_| SignInError::EmailNotVerified)?;
        let found = sign_ins::candidate_by_email(tx, partner, customer, &email).await?;
        let found = found.ok_or(SignInError::UnknownUser)?;
        let identities = sign_ins::identities(tx, partner, found.user).await?;
        if identities.iter().any(|row| row.issuer == identity.issuer) {
            return Err(SignInError::LinkedToAnother);
        }
        (found, false)
    };
    if candidate.customer != customer {
        return Err(match audience {
            Audience::Partner => SignInError::UnknownUser,
            Audience::Customers => SignInError::ForeignTenant,
        });
    }
    if !is_allowed(allowed_domains, &candidate.email) {
        return Err(SignInError::DomainNotAllowed);
    }
    let ids = (candidate.user, candidate.customer);
    let Candidate { email, roles, access_mac, .. } = &candidate;
    if !user_access::is_genuine(secrets, partner, ids, email, *roles, access_mac) {
        return Err(SignInError::UnknownUser);
    }
    Ok((candidate, is_linked))
}

/// The customer that holds the tenant which issued the token.
async fn customer_of(
    tx: &mut Tx,
    partner: PartnerId,
    identity: &Identity,
) -> Result<CustomerId, SignInError> {
    let tenant = identity.tenant.as_deref().and_then(|tenant| AzureCustomerId::parse(tenant).ok());
    let tenant = tenant.ok_or(SignInError::ForeignTenant)?;
    let found = store::azure_tenants::find(tx, partner, &tenant).await?;
    found.and_then(|tenant| tenant.customer).ok_or(SignInError::ForeignTenant)
}

/// Whether an address is of an allowed domain; of any, if none is named.
fn is_allowed(domains: &[String], email: &Email) -> bool {
    let domain = email.key().rsplit_once('@').map(|(_, domain)| domain.to_owned());
    domains.is_empty() || domain.is_some_and(|domain| domains.contains(&domain))
}

fn identity_mac(secrets: &SecretKey, partner: PartnerId, row: &IdentityRow) -> String {
    let (partner, user) = (partner.0.to_be_bytes(), row.user.0.to_be_bytes());
    let parts: [&[u8]; 5] = [b"identity", &partner, &user, row.issuer.as_bytes(), row.subject.as_bytes()];
    hex(&secrets.mac(Purpose::UserAccess, &parts))
}

/// Logs why nobody was signed in: the page says what to do, and the log what was wrong.
fn not_signed_in(partner: PartnerId, audience: Audience, error: SignInError) -> SignInError {
    tracing::warn!(partner = partner.0, audience = audience.as_str(), %error, "single sign-on failed");
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_compared_whole_and_without_case() {
        let domains = ["contoso.com".to_owned()];
        for (email, expected) in [
            ("jane@contoso.com", true),
            ("jane@CONTOSO.com", true),
            ("jane@mail.contoso.com", false),
            ("jane@notcontoso.com", false),
            ("jane@contoso.com.evil.example", false),
        ] {
            let email = Email::parse(email).unwrap();
            assert_eq!(is_allowed(&domains, &email), expected, "{}", email.as_str());
            assert!(is_allowed(&[], &email));
        }
    }
}
