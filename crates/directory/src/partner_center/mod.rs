//! Microsoft Partner Center's REST API, as much of it as the platform needs: customers and their addresses.

pub mod billing;
mod caller;
mod check;
mod endpoint;
pub mod sandbox;
mod token;
mod wire;

use crate::error::Error;
use crate::tenant::{Cursor, Page, Tenant, TenantAddress};
use crate::transport::Transport;
use crate::{PAGE_SIZE, text};
use bytes::Bytes;
use caller::{Answer, Caller, Pace};
use domain::AzureCustomerId;
use endpoint::Endpoint;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use token::Tokens;
use tokio::time::Instant;

/// Randomness, passed in: for jitter and for the ids of requests.
pub type Random = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What is done with a refresh token that Microsoft gave in place of an older one.
pub type OnRefreshToken = Arc<dyn Fn(&SecretString) + Send + Sync>;

const CONTINUATION: HeaderName = HeaderName::from_static("ms-continuationtoken");
/// Maximum number of pages of a list. No partner has as many; a longer list does not end.
const MAX_PAGES: u32 = 20_000;

/// What to do about a `401` with code 900421. Microsoft enforces it for a growing share of calls since June 2026.
const MFA_ADVICE: &str = "the user whose consent gave the refresh token has to sign in again with multi-factor \
    authentication; then connect the directory with the new refresh token. Permissions are not what is missing";

/// How Partner Center is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The partner's own Microsoft tenant, where the application is registered: a GUID or a domain.
    pub tenant: String,
    /// The application (client) id.
    pub client_id: String,
    /// What the application proves itself with.
    pub credentials: Credentials,
    /// The Microsoft identity platform; another one for national clouds.
    pub login_url: String,
    /// Partner Center's API; another one for national clouds.
    pub api_url: String,
    /// What the token is asked for.
    pub scope: String,
    /// Microsoft Graph with its version, where exports of billing data are; `None` for a national cloud, which has none.
    pub graph_url: Option<String>,
    /// What the token for Microsoft Graph is asked for.
    pub graph_scope: String,
    /// The longest that one request may take, connection and answer included.
    pub time_out: Duration,
    /// How often a request is sent that fails for a reason that passes.
    pub attempts: u32,
    /// The longest that a whole look-up may take, all waiting included.
    pub patience: Duration,
}

/// What an application proves itself with.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The application alone (OAuth 2.0 client credentials).
    ClientSecret(SecretString),
    /// The application and a user who consented (the secure application model).
    RefreshToken {
        /// The application's secret.
        client_secret: SecretString,
        /// The newest refresh token.
        refresh_token: SecretString,
    },
}

impl Settings {
    /// Settings for the worldwide cloud.
    pub fn new(tenant: impl Into<String>, client_id: impl Into<String>, credentials: Credentials) -> Self {
        Settings {
            tenant: tenant.into(),
            client_id: client_id.into(),
            credentials,
            login_url: "https://login.microsoftonline.com".to_owned(),
            api_url: "https://api.partnercenter.microsoft.com".to_owned(),
            scope: "https://api.partnercenter.microsoft.com/.default".to_owned(),
            graph_url: Some("https://graph.microsoft.com/v1.0".to_owned()),
            graph_scope: "https://graph.microsoft.com/.default".to_owned(),
            time_out: Duration::from_secs(10),
            attempts: 4,
            patience: Duration::from_secs(30),
        }
    }
}

/// A client of Partner Center; clones share token and pace.
#[derive(Clone)]
pub struct PartnerCenter(Arc<Client>);

struct Client {
    api: Endpoint,
    graph: Option<Endpoint>,
    /// Reads exported files, for which no token is sent.
    blobs: Caller,
    patience: Duration,
    /// Whether a user stands behind the token, whose sign-in can be a multi-factor one.
    has_user: bool,
}

/// What an object of the API turned out to be.
enum Got<T> {
    Found(T),
    NotFound,
    /// It is there, but the partner has no rights for this customer; why.
    Hidden(String),
    /// Access is denied; why.
    Forbidden(String),
}

impl PartnerCenter {
    /// A client. The transport is the [network](crate::network), which all clients may share, or in tests a
    /// [`sandbox::Sandbox`]. `on_refresh_token` is told when Microsoft gave a newer refresh token, to be kept for the
    /// next start; it must not block.
    ///
    /// # Errors
    /// [`Error::Invalid`]: which setting cannot be used.
    pub fn new(
        settings: Settings,
        transport: Arc<dyn Transport>,
        random: Random,
        on_refresh_token: OnRefreshToken,
    ) -> Result<Self, Error> {
        let pace = Pace { time_out: settings.time_out, attempts: settings.attempts.max(1), pages_pass: true };
        let caller = move |pace| Caller::new(Arc::clone(&transport), Arc::clone(&random), pace);
        let blob_pace =
            Pace { time_out: settings.time_out * billing::BLOB_TIME_OUTS, pages_pass: false, ..pace };
        let blobs = caller(blob_pace);
        let api_url = base_url("api-url", &settings.api_url)?;
        let graph_url = settings.graph_url.as_deref().map(|url| base_url("graph-url", url)).transpose()?;
        let (patience, graph_scope) = (settings.patience, settings.graph_scope.clone());
        let has_user = matches!(settings.credentials, Credentials::RefreshToken { .. });
        let tokens = Tokens::new(settings, caller(pace), on_refresh_token)?;
        let graph = graph_url.map(|base| {
            let tokens = tokens.for_scope(graph_scope, caller(pace));
            Endpoint { base, caller: caller(pace), tokens }
        });
        Ok(PartnerCenter(Arc::new(Client {
            api: Endpoint { base: api_url, caller: caller(pace), tokens },
            graph,
            blobs,
            patience,
            has_user,
        })))
    }

    /// Looks a customer up, with its address: that of its billing profile, or, where the partner may not see that or
    /// there is none, its organization's. Partner Center knows customers by GUID; any other id is none of its own.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find(&self, id: &AzureCustomerId) -> Result<Option<Tenant>, Error> {
        if !is_guid(id.as_str()) {
            return Ok(None);
        }
        let deadline = self.0.deadline();
        let customer =
            match self.0.get::<wire::Customer>(&format!("/v1/customers/{}", id.key()), deadline).await? {
                Got::Found(customer) => customer,
                Got::NotFound => return Ok(None),
                // The relationship is there, the rights are not: its name stays unknown.
                Got::Hidden(why) => {
                    return Ok(Some(Tenant::new(id.clone(), "", "", TenantAddress::Hidden(why))));
                }
                Got::Forbidden(why) => return Err(Error::Refused(why)),
            };
        let found = customer.tenant(TenantAddress::NotAsked).map_err(Error::Invalid)?;
        if found.azure_customer_id.key() != id.key() {
            let other = found.azure_customer_id;
            return Err(Error::Invalid(format!(
                "asked for customer {}, it answers {}",
                id.as_str(),
                other.as_str()
            )));
        }
        let address = self.0.address(id, deadline).await?;
        Ok(Some(Tenant { address, ..found }))
    }

    /// A page of the list of customers, without addresses. Pages are read as the API's reference says: the same
    /// request again, with `seekOperation=Next` and the token of the page before; `links.next.uri` itself is not
    /// followed, for it occurs with and without its `/v1`, and with two question marks.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn page(&self, cursor: Option<&Cursor>) -> Result<Page, Error> {
        let place = match cursor {
            None => Position { number: 1, failed: None, token: None },
            Some(cursor) => Position::read(cursor).ok_or_else(|| Error::StartOver {
                reason: "the cursor is not one of Partner Center's".to_owned(),
                from: None,
            })?,
        };
        let Position { number, failed, token } = &place;
        let seek = if token.is_some() { "&seekOperation=Next" } else { "" };
        let path = format!("/v1/customers?size={PAGE_SIZE}{seek}");
        let answer = self.0.ask(&path, token.as_ref(), self.0.deadline()).await?;
        if token.is_some()
            && [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::GONE].contains(&answer.status)
        {
            let reason = self.0.refusal(&path, &answer);
            if *failed == Some(*number) {
                return Ok(Page { cut_off: Some(format!("page {number}: {reason}")), ..Page::default() });
            }
            let from = Position { number: 1, failed: Some(*number), token: None }.cursor();
            return Err(Error::StartOver { reason, from: Some(from) });
        }
        let customers: wire::Customers = match self.0.read(&path, &answer)? {
            Got::Found(customers) => customers,
            Got::NotFound => return Err(Error::Invalid(self.0.refusal(&path, &answer))),
            Got::Hidden(why) | Got::Forbidden(why) => return Err(Error::Refused(why)),
        };
        let next = match customers.next().map_err(Error::Invalid)? {
            None => None,
            Some(next) if Some(&next) == token.as_ref() => {
                return Err(Error::Invalid("the list of customers goes round in a circle".to_owned()));
            }
            Some(_) if *number >= MAX_PAGES => {
                return Err(Error::Invalid(format!(
                    "the list of customers has no end, not after {number} pages"
                )));
            }
            Some(next) => Some(Position { number: number + 1, failed: *failed, token: Some(next) }.cursor()),
        };
        let mut seen = HashSet::new();
        let mut page = Page { next, ..Page::default() };
        for customer in customers.items {
            match wire::Customer::read(customer).and_then(|customer| customer.tenant(TenantAddress::NotAsked))
            {
                Ok(tenant) if seen.insert(tenant.azure_customer_id.key()) => page.tenants.push(tenant),
                Ok(_) => {}
                Err(why) => page.skipped.push(why),
            }
        }
        Ok(page)
    }
}

impl Client {
    fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// The address of a customer that exists.
    async fn address(&self, id: &AzureCustomerId, deadline: Instant) -> Result<TenantAddress, Error> {
        let billing = match self.billing_profile(id, deadline).await? {
            Got::Found(profile) => profile.address().read(),
            Got::NotFound => TenantAddress::Missing,
            Got::Hidden(why) | Got::Forbidden(why) => TenantAddress::Hidden(why),
        };
        if !matches!(billing, TenantAddress::Missing | TenantAddress::Hidden(_)) {
            return Ok(billing);
        }
        Ok(match (billing, self.organization(id, deadline).await?) {
            (_, Got::Found(organization)) => organization.address().read(),
            (TenantAddress::Hidden(why), Got::Hidden(as_well) | Got::Forbidden(as_well)) => {
                TenantAddress::Hidden(format!("{why}; {as_well}"))
            }
            (billing, _) => billing,
        })
    }

    async fn billing_profile(
        &self,
        id: &AzureCustomerId,
        deadline: Instant,
    ) -> Result<Got<wire::Billing>, Error> {
        self.get(&format!("/v1/customers/{}/profiles/billing", id.key()), deadline).await
    }

    async fn organization(
        &self,
        id: &AzureCustomerId,
        deadline: Instant,
    ) -> Result<Got<wire::Organization>, Error> {
        self.get(&format!("/v1/customers/{}/organization", id.key()), deadline).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, deadline: Instant) -> Result<Got<T>, Error> {
        let answer = self.ask(path, None, deadline).await?;
        self.read(path, &answer)
    }

    async fn ask(
        &self,
        path: &str,
        continuation: Option<&HeaderValue>,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let continuation: Vec<_> =
            continuation.map(|token| (CONTINUATION, token.clone())).into_iter().collect();
        self.ask_with(path, &continuation, deadline).await
    }

    async fn ask_with(
        &self,
        path: &str,
        further: &[(HeaderName, HeaderValue)],
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let url = format!("{}{path}", self.api.base);
        self.api.ask(&Method::GET, &url, further, Bytes::new(), deadline).await
    }

    fn read<T: DeserializeOwned>(&self, path: &str, answer: &Answer) -> Result<Got<T>, Error> {
        let fault = wire::Fault::read(&answer.body);
        match answer.status {
            status if status.is_success() => wire::json(&answer.body)
                .map(Got::Found)
                .map_err(|why| Error::Invalid(self.api.tokens.shown(&format!("{}: {why}", bare(path))))),
            // A 404 without Partner Center's error, a gateway's for instance, says nothing about customers.
            StatusCode::NOT_FOUND if fault.is_some() || answer.body.is_empty() => Ok(Got::NotFound),
            status if fault.as_ref().is_some_and(|fault| fault.is_no_customer(status)) => Ok(Got::NotFound),
            status if fault.as_ref().is_some_and(|fault| fault.is_hidden(status)) => {
                Ok(Got::Hidden(self.refusal(path, answer)))
            }
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
                Ok(Got::Forbidden(self.refusal(path, answer)))
            }
            _ => Err(Error::Invalid(self.refusal(path, answer))),
        }
    }

    /// What an answer that is no success says, in our words and theirs.
    fn refusal(&self, path: &str, answer: &Answer) -> String {
        let theirs = match (wire::Fault::read(&answer.body), &answer.location) {
            (Some(fault), _) => format!(": {}", fault.text()),
            (None, Some(location)) => format!(": it points to {location}, which is not followed"),
            (None, None) => String::new(),
        };
        let hint = match answer.status {
            StatusCode::UNAUTHORIZED => {
                "; the application needs the API permission Partner Center (user_impersonation) with consent"
            }
            StatusCode::FORBIDDEN if bare(path).ends_with("/profiles/billing") => {
                "; the partner has no admin rights (DAP or GDAP) for this customer, or the role Admin agent is missing"
            }
            StatusCode::FORBIDDEN if bare(path).ends_with("/organization") => {
                "; the partner needs a GDAP role for this customer: Global Reader or Directory Writer"
            }
            StatusCode::FORBIDDEN => {
                "; the application, or the user who consented, needs the role Admin agent or Sales agent in Partner \
                 Center"
            }
            StatusCode::NOT_FOUND => "; is the address of Partner Center right?",
            _ => "",
        };
        self.api.tokens.shown(&format!("{} answers {}{theirs}{hint}", bare(path), answer.status.as_u16()))
    }
}

impl fmt::Debug for PartnerCenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartnerCenter").field("api_url", &self.0.api.base).finish_non_exhaustive()
    }
}

/// The path without its query.
fn bare(path: &str) -> &str {
    path.split_once('?').map_or(path, |(bare, _)| bare)
}

/// Where a walk through the list stands: `NUMBER:TOKEN`, or `NUMBER!FAILED:TOKEN` in the walk after one that failed.
struct Position {
    /// Number of the page to read, from 1.
    number: u32,
    /// The page whose continuation the walk before could not read.
    failed: Option<u32>,
    /// The continuation token; none for the first page.
    token: Option<HeaderValue>,
}

impl Position {
    fn read(cursor: &Cursor) -> Option<Self> {
        let (place, token) = cursor.as_str().split_once(':')?;
        let (number, failed) = match place.split_once('!') {
            Some((number, failed)) => (number, Some(failed.parse().ok()?)),
            None => (place, None),
        };
        let number = number.parse().ok()?;
        let token = match token {
            "" if number == 1 && failed.is_some() => None,
            "" => return None,
            token => Some(HeaderValue::from_str(token).ok()?),
        };
        Some(Position { number, failed, token })
    }

    fn cursor(&self) -> Cursor {
        let failed = self.failed.map(|failed| format!("!{failed}")).unwrap_or_default();
        let token = self.token.as_ref().and_then(|token| token.to_str().ok()).unwrap_or_default();
        Cursor::from_stored(format!("{}{failed}:{token}", self.number))
    }
}

/// Hexadecimal digits, 8-4-4-4-12 of them.
fn is_guid(id: &str) -> bool {
    let lengths = id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    lengths && id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Checks a configured address: scheme, host, perhaps a path, and nothing else.
fn base_url(setting: &str, url: &str) -> Result<String, Error> {
    let parts: Option<Uri> = url.parse().ok().filter(|uri: &Uri| {
        let scheme = matches!(uri.scheme_str(), Some("https" | "http"));
        scheme && uri.query().is_none() && uri.authority().is_some_and(|host| !host.as_str().contains('@'))
    });
    match parts {
        Some(_) => Ok(url.trim_end_matches('/').to_owned()),
        None => Err(Error::Invalid(format!(
            "{setting} must be an address such as https://host, not {}",
            text::shown(url)
        ))),
    }
}

/// The values of `credentials` that nobody may read.
fn secrets(credentials: &Credentials) -> Vec<&str> {
    match credentials {
        Credentials::ClientSecret(secret) => vec![secret.expose_secret()],
        Credentials::RefreshToken { client_secret, refresh_token } => {
            vec![client_secret.expose_secret(), refresh_token.expose_secret()]
        }
    }
}
