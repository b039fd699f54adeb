//! Tokens of the Microsoft identity platform: got once, kept, renewed before they end.

use super::caller::{Answer, Caller};
use super::{Credentials, OnRefreshToken, Settings, base_url, secrets, wire};
use crate::error::Error;
use crate::report::Credential;
use crate::text;
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// How long before its end a token is renewed, if it lives for long enough.
const EARLY: Duration = Duration::from_secs(300);
/// How long a token that could not be renewed is used on before that is tried again.
const USE_ON: Duration = Duration::from_secs(30);
/// Shortest time between two tokens that are fetched because the API refused one that it never took: when a new one is
/// refused too, the token is not what is wrong.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// How long a token is good for if its answer does not say.
const UNSAID: Duration = Duration::from_secs(600);

/// What to do about a refresh token that has expired or was revoked.
const TOKEN_ENDED: &str =
    "; the refresh token is no longer good: consent once more and connect with the new one";

/// The tokens of one application.
pub(super) struct Tokens {
    caller: Caller,
    url: String,
    settings: Settings,
    on_refresh_token: OnRefreshToken,
    /// The newest refresh token, if Microsoft gave one since the start. All scopes share it, and it is locked while one of
    /// them exchanges it, because an older refresh token may be good no longer.
    newest: Arc<Mutex<Option<SecretString>>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    token: Option<Token>,
    /// When a token was last forgotten because the API refused it.
    forgotten: Option<Instant>,
}

/// A token in use.
#[derive(Clone)]
pub(super) struct Held {
    /// The value of the `Authorization` header.
    pub(super) header: HeaderValue,
    /// Whether the API has taken the token for any request.
    accepted: Arc<AtomicBool>,
}

impl Held {
    /// The API has taken it.
    pub(super) fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }
}

struct Token {
    held: Held,
    renew: Instant,
    end: Instant,
}

impl Tokens {
    pub(super) fn new(
        settings: Settings,
        caller: Caller,
        on_refresh_token: OnRefreshToken,
    ) -> Result<Self, Error> {
        let tenant = settings.tenant.trim();
        if tenant.is_empty() || !tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') {
            let shown = text::shown(tenant);
            return Err(Error::Invalid(format!(
                "the partner's tenant must be a GUID or a domain, not {shown:?}"
            )));
        }
        let url = format!("{}/{tenant}/oauth2/v2.0/token", base_url("login-url", &settings.login_url)?);
        Ok(Tokens { caller, url, settings, on_refresh_token, newest: Arc::default(), kept: Mutex::default() })
    }

    /// Tokens of the same application and user for another API.
    pub(super) fn for_scope(&self, scope: String, caller: Caller) -> Self {
        Tokens {
            caller,
            url: self.url.clone(),
            settings: Settings { scope, ..self.settings.clone() },
            on_refresh_token: Arc::clone(&self.on_refresh_token),
            newest: Arc::clone(&self.newest),
            kept: Mutex::default(),
        }
    }

    /// The token that is kept, or a new one. Calls that come while a new one is fetched wait for that one.
    pub(super) async fn get(&self, deadline: Instant) -> Result<Held, Error> {
        let late = |_| Error::Unreachable { reason: "no token in time".to_owned(), retry_after: None };
        let mut kept = timeout_at(deadline, self.kept.lock()).await.map_err(late)?;
        let now = Instant::now();
        if let Some(token) = kept.token.as_ref().filter(|token| now < token.renew) {
            return Ok(token.held.clone());
        }
        let fetched = self.fetch(deadline).await;
        match (fetched, &mut kept.token) {
            (Ok(token), kept) => Ok(kept.insert(token).held.clone()),
            // That is what "early" is for: the old one is good for a while.
            (Err(error), Some(old)) if Instant::now() < old.end => {
                tracing::warn!(%error, "failed to renew a token; the old one is used until it expires");
                old.renew = old.end.min(Instant::now() + USE_ON);
                Ok(old.held.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Stop using this token, which the API has refused; a newer one stays. `false` if a token was forgotten so shortly
    /// before that another one would be refused as well.
    pub(super) async fn forget(&self, refused: &Held) -> bool {
        let mut kept = self.kept.lock().await;
        if kept.token.as_ref().is_some_and(|token| token.held.header != refused.header) {
            return true;
        }
        let now = Instant::now();
        let was_good = refused.accepted.load(Ordering::Relaxed);
        if !was_good && kept.forgotten.is_some_and(|at| now < at + FORGET_EVERY) {
            return false;
        }
        kept.forgotten = Some(now);
        kept.token = None;
        true
    }

    /// Get a new token, whatever is kept.
    pub(super) async fn renew(&self, deadline: Instant) -> Result<(), Error> {
        {
            let mut kept = self.kept.lock().await;
            kept.token = None;
            kept.forgotten = None;
        }
        self.get(deadline).await.map(drop)
    }

    async fn fetch(&self, deadline: Instant) -> Result<Token, Error> {
        let late = |_| Error::Unreachable { reason: "no token in time".to_owned(), retry_after: None };
        let mut newest = timeout_at(deadline, self.newest.lock()).await.map_err(late)?;
        let asked = Instant::now();
        let answer = self.caller.call(self.request(newest.as_ref())?, deadline).await?;
        let grant: wire::Grant = match wire::json(&answer.body) {
            Ok(grant) if answer.status.is_success() => grant,
            Err(why) if answer.status.is_success() => {
                return Err(Error::Invalid(self.shown(&format!("the identity platform: {why}"))));
            }
            _ => return Err(self.refusal(&answer)),
        };
        let mut header = HeaderValue::from_str(&format!("Bearer {}", grant.access_token.expose_secret()))
            .map_err(|_| Error::Invalid("the identity platform: a token that is no token".to_owned()))?;
        header.set_sensitive(true);
        if let (Some(newer), Credentials::RefreshToken { .. }) =
            (grant.refresh_token, &self.settings.credentials)
        {
            (self.on_refresh_token)(&newer);
            *newest = Some(newer);
        }
        let lives = grant.expires_in.map_or(UNSAID, Duration::from_secs).min(24 * 60 * EARLY);
        let held = Held { header, accepted: Arc::default() };
        Ok(Token { held, renew: asked + lives - EARLY.min(lives / 2), end: asked + lives })
    }

    fn request(&self, newer: Option<&SecretString>) -> Result<Request<Bytes>, Error> {
        let (kind, client_secret, refresh_token) = match &self.settings.credentials {
            Credentials::ClientSecret(secret) => ("client_credentials", secret, None),
            Credentials::RefreshToken { client_secret, refresh_token } => {
                ("refresh_token", client_secret, Some(newer.unwrap_or(refresh_token)))
            }
        };
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", kind)
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("client_secret", client_secret.expose_secret())
            .append_pair("scope", &self.settings.scope);
        if let Some(token) = refresh_token {
            form.append_pair("refresh_token", token.expose_secret());
        }
        Request::post(&self.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish().into())
            .map_err(|error| Error::Invalid(format!("login-url: {error}")))
    }

    /// Why there is no token, and who can do what about it.
    fn refusal(&self, answer: &Answer) -> Error {
        let Some(fault) = wire::Fault::read(&answer.body) else {
            let moved = answer.location.as_ref().map(|to| format!(" and points to {to}")).unwrap_or_default();
            let status = answer.status.as_u16();
            return Error::Invalid(format!(
                "the identity platform answers {status}{moved}; is its address right?"
            ));
        };
        let said = fault.text();
        // "AADSTS7000215: Invalid client secret provided."
        let number = said.split_once("AADSTS").map(|(_, rest)| rest);
        let number: Option<u32> =
            number.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        let hint = match number {
            Some(7_000_215 | 7_000_218 | 50_012) => {
                "; the client secret is wrong (its value is needed, not its id)"
            }
            Some(7_000_222) => {
                "; the client secret has expired: make a new one in the application's registration"
            }
            Some(700_016 | 7_000_112) => {
                "; there is no active application with this client id in this tenant"
            }
            Some(90_002 | 900_023 | 500_021) => {
                "; there is no such tenant: the partner's own tenant is meant"
            }
            Some(65_001 | 65_004 | 90_094) => "; an administrator has to consent to the application",
            Some(500_011 | 650_057 | 650_052) => {
                "; the application lacks the API permission Microsoft Partner Center"
            }
            Some(70_008 | 70_043 | 700_082 | 700_084 | 50_173 | 70_000 | 54_005) => TOKEN_ENDED,
            Some(50_076 | 50_079 | 50_072 | 50_074 | 50_078 | 50_158 | 900_421) => {
                "; a multi-factor sign-in is required, or the last one has expired: the user who consented has to sign \
                 in again with multi-factor authentication; connect with the new refresh token"
            }
            Some(53_000 | 53_001 | 53_002 | 53_003 | 53_004 | 50_131 | 50_005) => {
                "; a conditional access policy blocks the sign-in: exclude the application, or meet the policy"
            }
            Some(50_034 | 50_053 | 50_055 | 50_057 | 50_126) => {
                "; the user who consented can no longer sign in (removed, disabled, locked, or the password has changed)"
            }
            _ if said.contains("interaction_required") || said.contains("consent_required") => {
                "; a person has to sign in: the user who consented has to do so again; connect with the new refresh token"
            }
            _ if said.contains("invalid_grant") => TOKEN_ENDED,
            _ => "",
        };
        let refused = |credential, message| Error::CredentialRefused { credential, message };
        let message = self.shown(&format!("no token: {said}{hint}"));
        match number {
            Some(50_076 | 50_079 | 50_072 | 50_074 | 50_078 | 50_158 | 900_421) => {
                Error::MfaRequired(message)
            }
            Some(7_000_215 | 7_000_218 | 7_000_222 | 50_012) => refused(Credential::ClientSecret, message),
            _ if hint == TOKEN_ENDED => refused(Credential::RefreshToken, message),
            _ => Error::Refused(message),
        }
    }

    /// Text of theirs, fit to be shown: without our secrets, should they be repeated in it.
    pub(super) fn shown(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in secrets(&self.settings.credentials).into_iter().filter(|secret| !secret.is_empty()) {
            let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            text = text.replace(secret, "…").replace(&encoded, "…");
        }
        text::shown(&text)
    }
}
