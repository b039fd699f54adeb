//! Sign-in with OpenID Connect: the authorization code flow with PKCE, state and nonce.
//!
//! A [`Provider`] is either one issuer, or Microsoft Entra's multi-tenant endpoint, whose tokens name the tenant that issued
//! them. What a provider says is believed only after its signature, issuer, audience, nonce and expiry were checked. Every
//! request goes through a [`Transport`], and so through the egress guard. The time and random texts are passed in.

mod claims;
mod error;
mod exchange;

pub use claims::Identity;
pub use error::Error;

use directory::Transport;
use openidconnect::core::{CoreAuthenticationFlow, CoreProviderMetadata};
use openidconnect::{CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, Scope};
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The time for which a provider's metadata is used again. Keys are fetched for every token.
const METADATA_LIFETIME: Duration = Duration::from_secs(300);
/// The maximum number of providers whose metadata is kept.
const MAX_KEPT: usize = 1000;

/// Who issues the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// One issuer, by its URL.
    Fixed(String),
    /// Every tenant of Microsoft Entra, or of a national cloud of it: the URL in front of the tenant's id, such as
    /// `https://login.microsoftonline.com`.
    AnyTenant(String),
}

/// A provider, and this application's registration with it.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Who issues the tokens.
    pub issuer: Issuer,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: SecretString,
}

/// What a sign-in that was begun remembers until the browser comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Ties the answer to the browser.
    pub state: String,
    /// Ties the token to this sign-in.
    pub nonce: String,
    /// Proves to the provider that the same server exchanges the code (RFC 7636): 43 to 128 unreserved characters.
    pub verifier: String,
}

/// What the provider sent the browser back with.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The code to exchange for tokens.
    pub code: &'a str,
    /// The issuer that the answer names, if it names one (RFC 9207).
    pub issuer: Option<&'a str>,
}

/// The client of all providers.
pub struct Client {
    http: exchange::Http,
    kept: Mutex<HashMap<String, (Instant, Arc<CoreProviderMetadata>)>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client(…)")
    }
}

impl Client {
    /// A client that sends its requests through this transport.
    pub fn new(network: Arc<dyn Transport>) -> Self {
        Client { http: exchange::Http(network), kept: Mutex::default() }
    }

    /// The URL that the browser goes to.
    ///
    /// # Errors
    /// [`Error::Unreachable`]; [`Error::Settings`].
    pub async fn begin(
        &self,
        provider: &Provider,
        redirect_uri: &str,
        pending: &Pending,
    ) -> Result<String, Error> {
        let metadata = self.metadata(&provider.issuer).await?;
        let client = exchange::client(provider, &metadata, redirect_uri)?;
        let verifier = PkceCodeVerifier::new(pending.verifier.clone());
        let (state, nonce) = (pending.state.clone(), pending.nonce.clone());
        let (url, ..) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(["email", "profile"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        if url.scheme() != "https" && !provider.issuer.is_plain() {
            return Err(Error::Unreachable(format!("its authorization endpoint is not https: {url}")));
        }
        Ok(url.to_string())
    }

    /// Checks that a provider can be reached and is the issuer that it is said to be.
    ///
    /// # Errors
    /// [`Error::Unreachable`]; [`Error::Settings`].
    pub async fn check(&self, provider: &Provider) -> Result<(), Error> {
        self.forget(&provider.issuer);
        let metadata = self.metadata(&provider.issuer).await?;
        exchange::client(provider, &metadata, "https://localhost/")?;
        self.keys(&metadata).await.map(drop)
    }

    async fn metadata(&self, issuer: &Issuer) -> Result<Arc<CoreProviderMetadata>, Error> {
        let url = issuer.metadata_url()?;
        if let Some((at, kept)) = self.lock().get(&url)
            && at.elapsed() < METADATA_LIFETIME
        {
            return Ok(Arc::clone(kept));
        }
        let metadata: CoreProviderMetadata = self.get_json(&url, "its metadata").await?;
        let (said, expected) = (metadata.issuer().as_str(), issuer.template());
        if said != expected {
            return Err(Error::Unreachable(format!(
                "its metadata is of the issuer {said:?}, not of {expected:?}"
            )));
        }
        let metadata = Arc::new(metadata);
        let mut kept = self.lock();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(url, (Instant::now(), Arc::clone(&metadata)));
        Ok(metadata)
    }

    fn forget(&self, issuer: &Issuer) {
        if let Ok(url) = issuer.metadata_url() {
            self.lock().remove(&url);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Arc<CoreProviderMetadata>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issuer {
    /// Whether it is reached without TLS, which the egress guard allows only where the operator says so.
    fn is_plain(&self) -> bool {
        self.url().starts_with("http://")
    }

    fn url(&self) -> &str {
        let (Issuer::Fixed(url) | Issuer::AnyTenant(url)) = self;
        url
    }

    /// The issuer as its metadata names it.
    fn template(&self) -> String {
        match self {
            Issuer::Fixed(url) => url.clone(),
            Issuer::AnyTenant(authority) => format!("{}/{{tenantid}}/v2.0", authority.trim_end_matches('/')),
        }
    }

    fn metadata_url(&self) -> Result<String, Error> {
        let url = self.url().trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['?', '#', '@', ' '])) {
            return Err(Error::Settings(format!(
                "{:?} is no URL of an issuer such as https://login.example.com",
                self.url()
            )));
        }
        let tenants = if matches!(self, Issuer::AnyTenant(_)) { "/organizations/v2.0" } else { "" };
        Ok(format!("{url}{tenants}/.well-known/openid-configuration"))
    }

    /// The issuer that a token of this tenant has to name.
    fn of_tenant(&self, tenant: Option<&str>) -> Result<String, Error> {
        match self {
            Issuer::Fixed(url) => Ok(url.clone()),
            Issuer::AnyTenant(_) => {
                let is_id = |tenant: &&str| {
                    !tenant.is_empty() && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                };
                let tenant = tenant.filter(is_id).ok_or(Error::Untrusted("it names no tenant".into()))?;
                Ok(self.template().replace("{tenantid}", tenant))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_say_where_their_metadata_is() {
        let fixed = |url: &str| Issuer::Fixed(url.into()).metadata_url().ok();
        for (issuer, expected) in [
            ("https://login.example.com", Some("https://login.example.com/.well-known/openid-configuration")),
            ("https://a.example/b/", Some("https://a.example/b/.well-known/openid-configuration")),
            ("ftp://a.example", None),
            ("https://", None),
            ("https://a.example?b", None),
            ("https://user@a.example", None),
            ("login.example.com", None),
        ] {
            assert_eq!(fixed(issuer).as_deref(), expected, "{issuer}");
        }
        let entra = Issuer::AnyTenant("https://login.microsoftonline.com/".into());
        assert_eq!(
            entra.metadata_url().unwrap(),
            "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration"
        );
        assert_eq!(entra.of_tenant(Some("a-1")).unwrap(), "https://login.microsoftonline.com/a-1/v2.0");
        for tenant in [None, Some(""), Some("a/../b"), Some("{tenantid}")] {
            assert!(entra.of_tenant(tenant).is_err(), "{tenant:?}");
        }
    }
}
