//! Invitations: a link that opens one session of a user, for those who have neither a key nor an account with a provider.

use crate::access::{Call, Origin};
use crate::audit::Entry;
use crate::audit::record::{SessionRecord, UserRecord};
use crate::boxed;
use crate::change::Done;
use crate::secrets::{Purpose, hex};
use crate::sessions::{self, INVITATION};
use crate::users::{find, object};
use crate::{App, Error, SecretKey, Tenant, user_access};
use domain::{CustomerId, Handling, Json, NewUser, UserId, Violation};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use store::sign_ins::{self, Candidate};
use store::{Scope, invitations, users};
use subtle::ConstantTimeEq;

/// An invitation opens a session for this time.
const LIFETIME: SignedDuration = SignedDuration::from_hours(72);
/// Expired invitations are kept for this time, so that their page can say so.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The length of a token: 256 bits in lower-case hex.
const TOKEN_LENGTH: usize = 64;

/// A new invitation. Its token is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The secret part of the link.
    pub token: String,
    /// The e-mail address of the user.
    pub email: String,
    /// The time from which on it opens nothing.
    pub expires_at: Timestamp,
}

/// An invitation as the page behind its link shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// The partner's display name.
    pub partner_name: String,
    /// The e-mail address of the user.
    pub email: String,
    /// The e-mail address of who made it; empty for the operator.
    pub invited_by: String,
    /// The time from which on it opens nothing.
    pub expires_at: Timestamp,
}

/// Why an invitation opens nothing.
#[derive(Debug)]
pub enum InvitationError {
    /// There is no such invitation: it was replaced by another one, or the user was deleted or changed.
    Unknown,
    /// It was used before.
    Used(Invited),
    /// It is older than 72 hours.
    Late(Invited),
    /// The request failed; [`Error::Forbidden`] if the user has no access now.
    Failed(Error),
}

impl From<Error> for InvitationError {
    fn from(error: Error) -> Self {
        InvitationError::Failed(error)
    }
}

/// What the transaction that creates and invites a user needs.
struct InvitedUser {
    secrets: Arc<SecretKey>,
    /// The invitation, to which the user and the MAC are missing.
    row: invitations::Invitation,
    token: String,
    customer: CustomerId,
    user: NewUser,
}

impl App {
    /// Invites a user of this tenant. An earlier invitation that was not used opens nothing any more.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the tenant does not have the user.
    #[boxed]
    pub async fn invite(&self, call: &Call, tenant: Tenant, id: UserId) -> Result<Invitation, Error> {
        let grant = self.require_managing(call, tenant).await?;
        let (token, mut row) = self.unsigned(call)?;
        row.user = id;
        row.mac = mac(&self.secrets, &token, &row);
        let expires_at = row.expires_at;
        let email = grant
            .change((row, tenant), |(row, tenant), tx| {
                Box::pin(async move {
                    let user = find(tx, row.partner, *tenant, row.user).await?;
                    invitations::insert(tx, row).await?;
                    let after = json!({"invitation": row.id, "expires_at": row.expires_at.to_string()});
                    let entry = Entry::new("invitation.create", object(*tenant, row.user)).after(&after);
                    Ok(Done { value: user.email.as_str().to_owned(), entry: Some(entry) })
                })
            })
            .await?;
        Ok(Invitation { token, email, expires_at })
    }

    /// Creates a user of this customer without a key, and invites it.
    ///
    /// # Errors
    /// As [`App::create_user`].
    #[boxed]
    pub async fn invite_new_user(
        &self,
        call: &Call,
        customer: CustomerId,
        body: &Json,
        handling: Handling,
    ) -> Result<Invitation, Error> {
        let tenant = Some(customer);
        let grant = self.require_managing(call, tenant).await?;
        let user = NewUser::parse(body, tenant, self.clock.now(), handling).map_err(Error::Invalid)?;
        let email = user.email.as_str().to_owned();
        let (token, row) = self.unsigned(call)?;
        let (secrets, expires_at) = (Arc::clone(&self.secrets), row.expires_at);
        grant
            .change(InvitedUser { secrets, row, token: token.clone(), customer, user }, |input, tx| {
                let InvitedUser { secrets, row, token, customer, user } = input;
                Box::pin(async move {
                    store::customers::get(tx, row.partner, *customer).await?.ok_or(Error::NotFound)?;
                    let added = users::insert(tx, row.partner, Some(*customer), user, row.created_at).await?;
                    let user = added.ok_or_else(|| Error::Invalid(Violation::taken("/email").into()))?;
                    user_access::seal(tx, secrets, row.partner, &user).await?;
                    let mut row = row.clone();
                    row.user = user.id;
                    row.mac = mac(secrets, token, &row);
                    invitations::insert(tx, &row).await?;
                    // Not `user.create`, which tells of a key.
                    let after = UserRecord::from(&user).with_invitation(&row.id);
                    let entry = Entry::new("user.invite", object(Some(*customer), user.id)).after(&after);
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await?;
        Ok(Invitation { token, email, expires_at })
    }

    /// A token, and an invitation to which the user and the MAC are missing.
    fn unsigned(&self, call: &Call) -> Result<(String, invitations::Invitation), Error> {
        let token = hex(&self.random.bytes::<32>()?);
        let now = self.clock.now();
        let row = invitations::Invitation {
            partner: call.partner(),
            id: invitation_id(&self.secrets, &token),
            user: UserId(0),
            invited_by: call.actor.as_ref().map_or(String::new(), |actor| actor.email.as_str().to_owned()),
            mac: String::new(),
            created_at: now,
            expires_at: now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX),
            used_at: None,
        };
        Ok((token, row))
    }

    /// The users of this customer who were invited and have not come yet, with the ends of their invitations.
    #[boxed]
    pub async fn invited_users(
        &self,
        call: &Call,
        customer: CustomerId,
    ) -> Result<HashMap<UserId, Timestamp>, Error> {
        let grant = self.require_managing(call, Some(customer)).await?;
        let input = (call.partner(), customer, self.clock.now());
        let open: Vec<_> = grant
            .look_up(input, |(partner, customer, now), tx| {
                Box::pin(
                    async move { Ok::<_, Error>(invitations::open(tx, *partner, *customer, *now).await?) },
                )
            })
            .await?;
        Ok(open.into_iter().collect())
    }

    /// The invitation with this token, if it opens a session.
    #[boxed]
    pub async fn invitation(&self, token: &str) -> Result<Invited, InvitationError> {
        self.find_invitation(token).await.map(|(_, _, invited)| invited)
    }

    /// Exchanges an invitation for a session of its user; the session's token.
    #[boxed]
    pub async fn accept_invitation(
        &self,
        token: &str,
        origin: Origin,
        agent: &str,
    ) -> Result<String, InvitationError> {
        let (row, candidate, invited) = self.find_invitation(token).await?;
        let (suspended, access) = (candidate.partner_suspended, candidate.access);
        let (actor, call) = sessions::call_without_key(row.partner, candidate, INVITATION, origin);
        if let Some(why) = self.lock_of(suspended, access) {
            return Err(self.refuse(&call, why).await.into());
        }
        let (session_token, session) = self.new_session(&call, &actor, agent)?;
        let now = self.clock.now();
        let is_first = self
            .unchecked(&call)
            .change((session, row.id, now), |(session, invitation, now), tx| {
                Box::pin(async move {
                    if !invitations::use_up(tx, session.partner, invitation, *now).await? {
                        return Ok(Done { value: false, entry: None });
                    }
                    sessions::begin(tx, session).await?;
                    let record = SessionRecord::from(session).with_invitation(invitation);
                    let entry =
                        Entry::new("session.create", object(session.customer, session.user)).after(&record);
                    Ok(Done { value: true, entry: Some(entry) })
                })
            })
            .await?;
        if is_first { Ok(session_token) } else { Err(InvitationError::Used(invited)) }
    }

    async fn find_invitation(
        &self,
        token: &str,
    ) -> Result<(invitations::Invitation, Candidate, Invited), InvitationError> {
        if token.len() != TOKEN_LENGTH || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvitationError::Unknown);
        }
        let id = invitation_id(&self.secrets, token);
        let found: Option<(invitations::Invitation, String, Option<Candidate>)> = self
            .db
            .unchecked()
            .look_up(Scope::System, id, |id, tx| {
                Box::pin(async move {
                    let Some((row, partner_name)) = invitations::find(tx, id).await? else {
                        return Ok::<_, Error>(None);
                    };
                    let candidate = sign_ins::candidate(tx, row.partner, row.user).await?;
                    Ok(Some((row, partner_name, candidate)))
                })
            })
            .await?;
        let Some((row, partner_name, Some(candidate))) = found else { return Err(InvitationError::Unknown) };
        let is_ours: bool = mac(&self.secrets, token, &row).as_bytes().ct_eq(row.mac.as_bytes()).into();
        let Candidate { user, customer, email, roles, access_mac, .. } = &candidate;
        let is_genuine = || {
            user_access::is_genuine(&self.secrets, row.partner, (*user, *customer), email, *roles, access_mac)
        };
        if !is_ours || !is_genuine() {
            return Err(InvitationError::Unknown);
        }
        let invited = Invited {
            partner_name,
            email: email.as_str().to_owned(),
            invited_by: row.invited_by.clone(),
            expires_at: row.expires_at,
        };
        if row.used_at.is_some() {
            return Err(InvitationError::Used(invited));
        }
        if self.clock.now() >= row.expires_at {
            return Err(InvitationError::Late(invited));
        }
        Ok((row, candidate, invited))
    }

    /// Deletes invitations that expired a month ago.
    pub(crate) async fn forget_invitations(&self) -> Result<(), Error> {
        let before = self.clock.now().saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
        self.db
            .unchecked()
            .write(Scope::System, before, |before, tx| {
                Box::pin(async move { Ok::<_, Error>(invitations::forget(tx, *before).await.map(drop)?) })
            })
            .await
    }
}

/// The id of a token's invitation, 32 hex digits, from which the token cannot be computed.
fn invitation_id(secrets: &SecretKey, token: &str) -> String {
    hex(&secrets.mac(Purpose::SignIn, &[b"invitation id", token.as_bytes()]))[..32].to_owned()
}

fn mac(secrets: &SecretKey, token: &str, row: &invitations::Invitation) -> String {
    let [partner, user, expires_at] =
        [row.partner.0, row.user.0, row.expires_at.as_second()].map(i64::to_be_bytes);
    let parts: [&[u8]; 6] =
        [b"invitation", token.as_bytes(), &partner, &user, &expires_at, row.invited_by.as_bytes()];
    hex(&secrets.mac(Purpose::SignIn, &parts))
}
