//! Sessions of the console: opened with an API key, with single sign-on or with an invitation, and decided at every request as a key is.

use crate::access::{Actor, Call, Origin, narrowing};
use crate::audit::Entry;
use crate::audit::record::SessionRecord;
use crate::boxed;
use crate::branding::Logo;
use crate::change::Done;
use crate::keys::is_genuine;
use crate::limits::Permits;
use crate::secrets::{Purpose, hex};
use crate::users::object;
use crate::{App, Error, Refusal, SecretKey, user_access};
use domain::{CustomerId, Email, PartnerId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::Scope;
use store::api_keys::{self, Credential};
use store::sessions::{self, Owner, OwningUser};
use store::sign_ins::Candidate;
use subtle::ConstantTimeEq;

/// A session ends after this time without a request.
const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// A session ends after this time, however it is used.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Expired sessions are kept for this time, so that they can say why they have ended.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The last use is written when it is older than this.
const SEEN_INTERVAL: SignedDuration = SignedDuration::from_secs(60);
/// The maximum number of a user's sessions. A further sign-in ends the oldest.
const MAX_SESSIONS: i64 = 50;
/// The maximum length of a stored `User-Agent`, in characters.
const MAX_AGENT_LENGTH: usize = 255;
/// What stands in place of the key's id in a session that was opened with single sign-on. No key has such an id.
pub(crate) const SINGLE_SIGN_ON: &str = "sso";
/// The same in one that was opened with an invitation.
pub(crate) const INVITATION: &str = "invitation";
/// The means of sessions that were opened without a key.
const WITHOUT_KEY: [&str; 2] = [SINGLE_SIGN_ON, INVITATION];
/// The length of a token: 256 bits in lower-case hex.
const TOKEN_LENGTH: usize = 64;

/// A user's session, for the list of its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names the session; not secret.
    pub id: String,
    /// The address that the user signed in from.
    pub address: String,
    /// The browser: its `User-Agent`, shortened.
    pub agent: String,
    /// The time of the sign-in.
    pub created_at: Timestamp,
    /// The time of the last request, give or take a minute.
    pub last_seen_at: Timestamp,
    /// The end of the session, however it is used.
    pub expires_at: Timestamp,
}

/// A user with an open session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The request.
    pub call: Call,
    /// The session's id.
    pub session: String,
    /// The user's e-mail address.
    pub email: Email,
    /// The user's name; may be empty.
    pub name: String,
    /// The partner's name as its customers see it.
    pub partner_name: String,
    /// The partner's colour, as six hex digits.
    pub colour: Option<String>,
    /// The partner's logo.
    pub logo: Option<Logo>,
    /// The display name of the customer whose user it is.
    pub customer_name: Option<String>,
}

/// Why there is no session any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// There is no session with this token: it was never opened, or signed out.
    Unknown,
    /// The session was not used for twelve hours.
    Idle,
    /// The sign-in was seven days ago.
    TooOld,
    /// The key that opened the session was rotated or revoked, or has expired.
    KeyEnded,
    /// The user was deleted.
    UserDeleted,
    /// The user's roles have changed.
    RolesChanged,
}

/// Why a request of a session is not let in.
#[derive(Debug)]
pub enum SessionError {
    /// The session has ended.
    Ended(SessionEnd),
    /// The session goes on, but the request failed; [`Error::Forbidden`] if the user has no access now.
    Failed(Error),
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        SessionError::Failed(error)
    }
}

impl App {
    /// Exchanges an API key for a session; its token, 64 hex digits, of which only a MAC is stored.
    ///
    /// # Errors
    /// As [`App::authenticate`].
    #[boxed]
    pub async fn sign_in(&self, key: &str, origin: Origin, agent: &str) -> Result<String, Error> {
        let call = self.authenticate(key, origin).await?;
        let actor = call.actor.clone().ok_or(Error::Unauthorized)?;
        let (token, session) = self.new_session(&call, &actor, agent)?;
        self.unchecked(&call)
            .change(session, |session, tx| {
                Box::pin(async move {
                    begin(tx, session).await?;
                    let entry = Entry::new("session.create", object(session.customer, session.user))
                        .after(&SessionRecord::from(session));
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await?;
        Ok(token)
    }

    /// A session for this user, to be given to [`begin`], and its token.
    pub(crate) fn new_session(
        &self,
        call: &Call,
        actor: &Actor,
        agent: &str,
    ) -> Result<(String, sessions::Session), Error> {
        let token = hex(&self.random.bytes::<32>()?);
        let now = self.clock.now();
        let mut session = sessions::Session {
            partner: actor.partner,
            id: session_id(&self.secrets, &token),
            user: actor.user,
            customer: actor.customer,
            role: actor.roles.to_stored(),
            key_id: actor.key_id.clone(),
            proof: String::new(),
            address: call.origin.clone(),
            agent: agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT_LENGTH).collect(),
            created_at: now,
            last_seen_at: now,
            expires_at: now.saturating_add(MAX_AGE).unwrap_or(Timestamp::MAX),
        };
        session.proof = proof(&self.secrets, &token, &session);
        Ok((token, session))
    }

    /// Decides whether a session's token lets this request in.
    ///
    /// # Errors
    /// [`SessionError::Ended`]; [`Error::Forbidden`], which is audited, if the user has no access now;
    /// [`Error::LimitExceeded`].
    #[boxed]
    pub async fn session(&self, token: &str, origin: Origin) -> Result<SignedIn, SessionError> {
        let ended = SessionError::Ended;
        let mut permits = self.limits.enter_key(token)?;
        let Some((session, owner)) = self.find_session(token).await? else {
            return Err(ended(SessionEnd::Unknown));
        };
        let now = self.clock.now();
        if now >= session.expires_at {
            return Err(ended(SessionEnd::TooOld));
        }
        if now.duration_since(session.last_seen_at) >= IDLE {
            return Err(ended(SessionEnd::Idle));
        }
        let Owner { partner_suspended, partner_name, colour, logo, user } = owner;
        let Some(user) = user else { return Err(ended(SessionEnd::UserDeleted)) };
        let credential = match self.key_of(&session, &user, now) {
            Ok(credential) => credential,
            Err(end) => return Err(ended(end)),
        };
        let (roles, narrowed) = match credential {
            Some(credential) => narrowing(credential, &origin.address)?,
            None => (user.roles, None),
        };
        if roles.to_stored() != session.role {
            return Err(ended(SessionEnd::RolesChanged));
        }
        self.limits.enter_partner(&mut permits, session.partner)?;
        let trial = user.customer.as_ref().and_then(|(_, _, trial, _)| *trial);
        let key_expires_at = credential.and_then(|credential| credential.expires_at);
        let actor = Actor {
            partner: session.partner,
            user: session.user,
            email: user.email.clone(),
            roles,
            customer: session.customer,
            key_id: session.key_id.clone(),
            access_until: trial
                .into_iter()
                .chain(key_expires_at.and_then(domain::UtcSecond::from_second))
                .min(),
        };
        let span = tracing::Span::current();
        span.record("partner", actor.partner.0).record("user", actor.user.0).record("key", &actor.key_id);
        let call = Call {
            partner: actor.partner,
            actor: Some(actor),
            origin: origin.address,
            request_id: origin.request_id,
            operation: origin.operation,
            idempotency: None,
            permits,
        };
        let OwningUser { email, name, customer, .. } = user;
        let access = customer.as_ref().map(|(id, classification, trial, _)| (*id, *classification, *trial));
        if let Some(why) = self.lock_of(partner_suspended, access).or(narrowed.map(Refusal::from)) {
            return Err(self.refuse(&call, why).await.into());
        }
        if now.duration_since(session.last_seen_at) >= SEEN_INTERVAL {
            self.note_session(&session, now).await?;
        }
        let customer_name = customer.map(|(.., name)| name);
        let logo = logo.map(Logo::from);
        Ok(SignedIn { call, session: session.id, email, name, partner_name, colour, logo, customer_name })
    }

    /// The session with this token, if a server has written it.
    async fn find_session(&self, token: &str) -> Result<Option<(sessions::Session, Owner)>, Error> {
        if token.len() != TOKEN_LENGTH || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let found: Option<(sessions::Session, Owner)> = self
            .db
            .unchecked()
            .look_up(Scope::System, session_id(&self.secrets, token), |id, tx| {
                Box::pin(async move { Ok::<_, Error>(sessions::find(tx, id).await?) })
            })
            .await?;
        Ok(found.filter(|(session, _)| self.is_genuine_session(token, session)))
    }

    /// Ends the session with this token, also for a user who has no access now.
    #[boxed]
    pub async fn sign_out(&self, token: &str, origin: Origin) -> Result<(), Error> {
        let Some((session, owner)) = self.find_session(token).await? else { return Ok(()) };
        let actor = owner.user.map(|user| Actor {
            partner: session.partner,
            user: session.user,
            email: user.email,
            roles: user.roles,
            customer: session.customer,
            key_id: session.key_id,
            access_until: None,
        });
        let call = Call {
            partner: session.partner,
            actor,
            origin: origin.address,
            request_id: origin.request_id,
            operation: origin.operation,
            idempotency: None,
            permits: Permits::default(),
        };
        match self.end_session(&call, session.id).await {
            Err(Error::NotFound) => Ok(()),
            other => other,
        }
    }

    /// The key that opened the session, if it still opens what it did; `None` for a session that none has opened.
    fn key_of<'u>(
        &self,
        session: &sessions::Session,
        user: &'u OwningUser,
        now: Timestamp,
    ) -> Result<Option<&'u Credential>, SessionEnd> {
        if WITHOUT_KEY.contains(&session.key_id.as_str()) {
            let (ids, customer) =
                ((session.user, session.customer), user.customer.as_ref().map(|(id, ..)| *id));
            let OwningUser { email, roles, access_mac, .. } = user;
            let is_genuine =
                || user_access::is_genuine(&self.secrets, session.partner, ids, email, *roles, access_mac);
            let is_same = customer == session.customer && is_genuine();
            return if is_same { Ok(None) } else { Err(SessionEnd::RolesChanged) };
        }
        let is_live = |credential: &&Credential| {
            credential.expires_at.is_none_or(|end| now.as_second() < end)
                && credential.customer == session.customer
                && is_genuine(&self.secrets, credential)
        };
        user.credential.as_ref().filter(is_live).map(Some).ok_or(SessionEnd::KeyEnded)
    }

    fn is_genuine_session(&self, token: &str, session: &sessions::Session) -> bool {
        proof(&self.secrets, token, session).as_bytes().ct_eq(session.proof.as_bytes()).into()
    }

    async fn note_session(&self, session: &sessions::Session, now: Timestamp) -> Result<(), Error> {
        let input = (session.partner, session.id.clone(), now);
        self.db
            .unchecked()
            .write(session.partner, input, |(partner, id, now), tx| {
                Box::pin(async move { Ok::<_, Error>(sessions::seen(tx, *partner, id, *now).await?) })
            })
            .await
    }

    /// The open sessions of the user who asks, newest first.
    #[boxed]
    pub async fn sessions(&self, call: &Call) -> Result<Vec<Session>, Error> {
        let Some(actor) = &call.actor else { return Ok(Vec::new()) };
        let now = self.clock.now();
        let (found, keys) = self
            .db
            .unchecked()
            .look_up(actor.partner, (actor.partner, actor.user), |(partner, user), tx| {
                Box::pin(async move {
                    let keys = api_keys::list(tx, *partner, *user).await?;
                    Ok::<_, Error>((sessions::list(tx, *partner, *user).await?, keys))
                })
            })
            .await?;
        let is_live = |key: &Credential| key.expires_at.is_none_or(|end| now.as_second() < end);
        let is_open = |session: &sessions::Session| {
            let mut keys = keys.iter().map(|row| &row.credential);
            now < session.expires_at
                && now.duration_since(session.last_seen_at) < IDLE
                && (WITHOUT_KEY.contains(&session.key_id.as_str())
                    || keys.any(|key| key.key.id == session.key_id && is_live(key)))
        };
        Ok(found.into_iter().filter(is_open).map(Session::from).collect())
    }

    /// Ends one session of the user who asks.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user has no such session.
    #[boxed]
    pub async fn end_session(&self, call: &Call, id: String) -> Result<(), Error> {
        let Some(actor) = &call.actor else { return Err(Error::NotFound) };
        let input = (actor.partner, actor.user, actor.customer, id);
        self.unchecked(call)
            .change(input, |(partner, user, customer, id), tx| {
                Box::pin(async move {
                    if !sessions::delete(tx, *partner, *user, id).await? {
                        return Err(Error::NotFound);
                    }
                    let before = json!({"session": id});
                    let entry = Entry::new("session.delete", object(*customer, *user)).before(&before);
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// Ends all sessions of the user who asks, this one too.
    #[boxed]
    pub async fn end_all_sessions(&self, call: &Call) -> Result<(), Error> {
        let Some(actor) = &call.actor else { return Ok(()) };
        let input = (actor.partner, actor.user, actor.customer);
        self.unchecked(call)
            .change(input, |(partner, user, customer): &(_, _, Option<CustomerId>), tx| {
                Box::pin(async move {
                    let ended = sessions::delete_all(tx, *partner, *user, 0).await?;
                    let before = json!({"sessions": ended});
                    let entry = Entry::new("session.delete_all", object(*customer, *user)).before(&before);
                    Ok(Done { value: (), entry: (ended > 0).then_some(entry) })
                })
            })
            .await
    }

    /// Deletes sessions that expired a week ago.
    pub(crate) async fn forget_sessions(&self) -> Result<(), Error> {
        let before = self.clock.now().saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
        self.db
            .unchecked()
            .write(Scope::System, before, |before, tx| {
                Box::pin(async move { Ok::<_, Error>(sessions::forget(tx, *before).await.map(drop)?) })
            })
            .await
    }
}

impl From<sessions::Session> for Session {
    fn from(session: sessions::Session) -> Self {
        let sessions::Session { id, address, agent, created_at, last_seen_at, expires_at, .. } = session;
        Session { id, address, agent, created_at, last_seen_at, expires_at }
    }
}

/// The request of a user who signs in without a key.
pub(crate) fn call_without_key(
    partner: PartnerId,
    candidate: Candidate,
    means: &str,
    origin: Origin,
) -> (Actor, Call) {
    let Candidate { user, customer, email, roles, access, .. } = candidate;
    let access_until = access.and_then(|(_, _, trial)| trial);
    let key_id = means.to_owned();
    let span = tracing::Span::current();
    span.record("partner", partner.0).record("user", user.0).record("key", means);
    let actor = Actor { partner, user, email, roles, customer, key_id, access_until };
    let call = Call {
        partner,
        actor: Some(actor.clone()),
        origin: origin.address,
        request_id: origin.request_id,
        operation: origin.operation,
        idempotency: None,
        permits: Permits::default(),
    };
    (actor, call)
}

/// Stores a session. The user's oldest sessions end where it has too many.
pub(crate) async fn begin(tx: &mut store::Tx, session: &sessions::Session) -> Result<(), Error> {
    sessions::delete_all(tx, session.partner, session.user, MAX_SESSIONS - 1).await?;
    Ok(sessions::insert(tx, session).await?)
}

/// The id of a token's session, 32 hex digits, from which the token cannot be computed.
fn session_id(secrets: &SecretKey, token: &str) -> String {
    hex(&secrets.mac(Purpose::Session, &[b"id", token.as_bytes()]))[..32].to_owned()
}

fn proof(secrets: &SecretKey, token: &str, session: &sessions::Session) -> String {
    let customer = session.customer.map_or(0, |customer| customer.0);
    let [partner, user, customer, created_at, expires_at] = [
        session.partner.0,
        session.user.0,
        customer,
        session.created_at.as_second(),
        session.expires_at.as_second(),
    ]
    .map(i64::to_be_bytes);
    let parts: [&[u8]; 9] = [
        b"proof",
        token.as_bytes(),
        &partner,
        &user,
        &customer,
        session.role.as_bytes(),
        session.key_id.as_bytes(),
        &created_at,
        &expires_at,
    ];
    hex(&secrets.mac(Purpose::Session, &parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::UserId;

    fn session() -> sessions::Session {
        let at = |second| Timestamp::from_second(second).unwrap();
        sessions::Session {
            partner: PartnerId(1),
            id: "id".into(),
            user: UserId(2),
            customer: Some(CustomerId(3)),
            role: "customer".into(),
            key_id: "abcdefgh".into(),
            proof: String::new(),
            address: "203.0.113.9".into(),
            agent: String::new(),
            created_at: at(10),
            last_seen_at: at(11),
            expires_at: at(20),
        }
    }

    #[test]
    fn a_proof_covers_what_a_session_opens() {
        let secrets = SecretKey::parse(&"07".repeat(32)).unwrap();
        let token = "a".repeat(TOKEN_LENGTH);
        let genuine = proof(&secrets, &token, &session());
        type Change = fn(&mut sessions::Session);
        let cases: [(&str, Change); 7] = [
            ("another partner", |s| s.partner = PartnerId(2)),
            ("another user", |s| s.user = UserId(3)),
            ("the partner itself", |s| s.customer = None),
            ("another role", |s| s.role = "admin".into()),
            ("another key", |s| s.key_id = "abcdefgi".into()),
            ("a later sign-in", |s| s.created_at = s.expires_at),
            ("a later end", |s| s.expires_at = Timestamp::MAX),
        ];
        for (what, change) in cases {
            let mut changed = session();
            change(&mut changed);
            assert_ne!(proof(&secrets, &token, &changed), genuine, "{what}");
        }
        assert_ne!(proof(&secrets, &"b".repeat(TOKEN_LENGTH), &session()), genuine, "another token");
        let other = SecretKey::parse(&"08".repeat(32)).unwrap();
        assert_ne!(proof(&other, &token, &session()), genuine, "another secret key");
        // The controls: the same session, and what may change.
        assert_eq!(proof(&secrets, &token, &session()), genuine);
        let seen = sessions::Session { last_seen_at: Timestamp::MAX, ..session() };
        assert_eq!(proof(&secrets, &token, &seen), genuine);
        assert!(!session_id(&secrets, &token).contains(&token[..8]));
    }
}
