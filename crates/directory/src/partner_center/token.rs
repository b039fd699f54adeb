//! Tokens of the Microsoft identity platform: got once, kept, renewed before they end.

use super::caller::{Answer, Caller};
use super::{Credentials, OnRefreshToken, Settings, base_url, secrets, wire};
use crate::error::Error;
use crate::text;
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// How long before its end a token is renewed, if it lives for long enough.
const EARLY: Duration = Duration::from_secs(300);
/// How long a token that could not be renewed is used on before that is tried again.
const USE_ON: Duration = Duration::from_secs(30);
/// How long a token is good for if its answer does not say.
const UNSAID: Duration = Duration::from_secs(600);

/// The tokens of one application.
pub(super) struct Tokens {
    caller: Caller,
    url: String,
    settings: Settings,
    on_refresh_token: OnRefreshToken,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    token: Option<Token>,
    /// The newest refresh token, if Microsoft gave one since the start.
    refresh_token: Option<SecretString>,
}

struct Token {
    header: HeaderValue,
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
        Ok(Tokens { caller, url, settings, on_refresh_token, kept: Mutex::default() })
    }

    /// The value of the `Authorization` header: of the token that is kept, or of a new one. Who comes while a new one
    /// is fetched waits for that one.
    pub(super) async fn get(&self, deadline: Instant) -> Result<HeaderValue, Error> {
        let late = |_| Error::Unreachable { reason: "no token in time".to_owned(), retry_after: None };
        let mut kept = timeout_at(deadline, self.kept.lock()).await.map_err(late)?;
        let now = Instant::now();
        if let Some(token) = kept.token.as_ref().filter(|token| now < token.renew) {
            return Ok(token.header.clone());
        }
        let fetched = self.fetch(&mut kept, deadline).await;
        match (fetched, &mut kept.token) {
            (Ok(token), kept) => Ok(kept.insert(token).header.clone()),
            // That is what "early" is for: the old one is good for a while.
            (Err(Error::Unreachable { reason, .. }), Some(old)) if Instant::now() < old.end => {
                tracing::warn!(reason, "the token could not be renewed yet");
                old.renew = old.end.min(Instant::now() + USE_ON);
                Ok(old.header.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Never again use this token; a newer one stays.
    pub(super) async fn forget(&self, header: &HeaderValue) {
        let mut kept = self.kept.lock().await;
        kept.token.take_if(|token| token.header == header);
    }

    /// Get a new token, whatever is kept.
    pub(super) async fn renew(&self, deadline: Instant) -> Result<(), Error> {
        self.kept.lock().await.token = None;
        self.get(deadline).await.map(drop)
    }

    async fn fetch(&self, kept: &mut Kept, deadline: Instant) -> Result<Token, Error> {
        let asked = Instant::now();
        let answer = self.caller.call(self.request(kept.refresh_token.as_ref())?, deadline).await?;
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
            kept.refresh_token = Some(newer);
        }
        let lives = grant.expires_in.map_or(UNSAID, Duration::from_secs).min(24 * 60 * EARLY);
        Ok(Token { header, renew: asked + lives - EARLY.min(lives / 2), end: asked + lives })
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
            Some(7_000_215) => "; the client secret is wrong (its value is needed, not its id)",
            Some(7_000_222) => {
                "; the client secret has expired: make a new one in the application's registration"
            }
            Some(700_016) => "; there is no application with this client id in this tenant",
            Some(90_002 | 900_023) => "; there is no such tenant: the partner's own tenant is meant",
            Some(65_001) => "; an administrator has to consent to the application",
            Some(500_011 | 650_057) => "; the application lacks the API permission Microsoft Partner Center",
            Some(70_008 | 700_082 | 50_173 | 70_000) => {
                "; the refresh token is no longer good: consent once more"
            }
            Some(50_076 | 50_079) => {
                "; the refresh token was made without multi-factor authentication: consent once more"
            }
            Some(53_003) => "; a conditional access policy stands in the way",
            _ => "",
        };
        Error::Refused(self.shown(&format!("no token: {said}{hint}")))
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
