//! Directories of Azure tenants: their settings, their credentials, and look-ups.

mod connection;
mod sync;

pub use connection::{NewCredentials, SignInKind};
pub use store::directories::{Walk, Walked};
pub use sync::{DirectoryHealth, failure_codes};

use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::Done;
use crate::permissions::Permission;
use crate::secrets::Purpose;
use crate::{App, Error};
use ::directory::partner_center::{Credentials, OnRefreshToken, Settings};
use ::directory::{
    Directory, Egress, FileDirectory, PartnerCenter, Report, Tenant, TenantAddress, Transport,
};
use domain::Violation;
use domain::{AzureCustomerId, DisplayName, PartnerId};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::azure_tenants::Sighting;
use store::directories::Failure;
use store::directories::{self, DirectoryRow, NewDirectory};
use tokio_util::task::TaskTracker;

/// The location of a partner's directory, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Source {
    /// A file that the operator provides.
    File {
        /// The path on the server.
        path: PathBuf,
    },
    /// Microsoft Partner Center.
    PartnerCenter {
        /// The id of the partner's own Microsoft tenant.
        tenant_id: String,
        /// The client id of the application.
        client_id: String,
        /// The URL of the API, if it is that of a national cloud.
        api_url: Option<String>,
        /// The URL of the identity platform, if it is that of a national cloud.
        login_url: Option<String>,
        /// The URL of Microsoft Graph with its version, for billing data, if it is not the global cloud's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        graph_url: Option<String>,
    },
}

/// The handling of new customers while the directory cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenUnreachable {
    /// The request gets `503` and nothing is written.
    #[default]
    Refuse,
    /// The tenant is accepted and verified later.
    Accept,
}

/// The settings of a partner's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectorySetup {
    /// The location.
    #[serde(flatten)]
    pub source: Source,
    /// The handling of new customers while it cannot be reached.
    #[serde(default)]
    pub when_unreachable: WhenUnreachable,
}

/// The credentials for Partner Center.
#[derive(Clone, Debug)]
pub struct DirectorySecret {
    /// The application's secret.
    pub client_secret: SecretString,
    /// The refresh token of a consenting user, in the secure application model.
    pub refresh_token: Option<SecretString>,
}

/// The result of connecting a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The checks, passed and failed.
    pub report: Report,
    /// Whether the directory was connected. If not, the partner's connection is unchanged.
    pub kept: bool,
}

/// The status of a partner's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryStatus {
    /// The settings, without secrets.
    pub setup: DirectorySetup,
    /// Whether its list is being read.
    pub walking: bool,
    /// The time when the list was last read to its end.
    pub synced_at: Option<Timestamp>,
    /// The error of the last step, with the start of the outage and the remedy.
    pub failure: Option<Failure>,
    /// Why the list was last cut off before its end.
    pub list_cut_off: Option<String>,
    /// The walk through its list that is under way. `None` also while a walk goes on that an earlier version has begun.
    pub walk: Option<Walk>,
    /// The last walk to the end of the list.
    pub walked: Option<Walked>,
    /// When the connection was last tested, and what worked.
    pub tested: Option<(Timestamp, Report)>,
}

/// The encrypted content of a [`DirectorySecret`].
#[derive(Serialize, Deserialize)]
struct Sealed {
    client_secret: String,
    refresh_token: Option<String>,
}

/// The clients of the partners' directories, created on first use.
pub(crate) struct Directories {
    network: Arc<dyn Transport>,
    /// The time-out of a look-up.
    pub(crate) patience: Duration,
    made: Mutex<HashMap<PartnerId, (i64, Arc<Directory>)>>,
    steps: sync::Steps,
    /// The tasks that store new refresh tokens.
    keeping: TaskTracker,
}

/// The result of a look-up.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// Not looked up, because the partner has no directory or the tenant is known: the tenant is accepted.
    TakenAsGiven,
    /// The directory cannot be reached and the partner's setting is [`WhenUnreachable::Accept`]: verified later.
    Unverified,
    /// The directory has the tenant.
    Found(Box<Tenant>),
    /// The directory does not have the tenant.
    Missing,
}

impl Directories {
    pub(crate) fn new(egress: Egress) -> Result<Self, Error> {
        Ok(Directories {
            network: ::directory::network(egress).map_err(said)?,
            patience: PATIENCE,
            made: Mutex::default(),
            steps: sync::Steps::default(),
            keeping: TaskTracker::new(),
        })
    }

    /// The way to the outside, through the egress guard.
    pub(crate) fn network(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.network)
    }

    /// Waits until new refresh tokens are stored.
    pub(crate) async fn close(&self) {
        self.keeping.close();
        self.keeping.wait().await;
    }
}

impl App {
    /// Checks a directory, and connects it if all checks pass or the caller forces it, so that a wrong secret does not
    /// replace a working connection.
    ///
    /// # Errors
    /// [`Error::Directory`] if the setup cannot be used.
    #[boxed]
    pub async fn connect_directory(
        &self,
        partner: PartnerId,
        setup: &DirectorySetup,
        secret: Option<DirectorySecret>,
        force: bool,
    ) -> Result<Connected, Error> {
        // The check may exchange the refresh token for a newer one, which invalidates the given one.
        let newer = Arc::new(Mutex::new(None));
        let on_refresh_token = {
            let newer = Arc::clone(&newer);
            Arc::new(move |token: &SecretString| {
                *newer.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
            })
        };
        let report = self.make_directory(setup, secret.clone(), on_refresh_token)?.check().await;
        if !report.works() && !force {
            return Ok(Connected { report, kept: false });
        }
        let newer = newer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let secret = secret.map(|secret| DirectorySecret {
            refresh_token: newer.or(secret.refresh_token),
            client_secret: secret.client_secret,
        });
        let sealed = secret.as_ref().map(|secret| self.seal_credentials(partner, secret)).transpose()?;
        let kind = match setup.source {
            Source::File { .. } => "file",
            Source::PartnerCenter { .. } => "partner-center",
        };
        let settings = serde_json::to_string(setup).map_err(|e| Error::Internal(e.to_string()))?;
        let call = Call::of_operator(partner, "directory connect");
        // Random rather than counted, so that a reconnected directory has another version than the removed one.
        let version = i64::from_le_bytes(self.random.bytes()?) & i64::MAX;
        let tested = (self.clock.now(), connection::text_of(&report)?);
        let new = NewDirectory { partner, kind, settings, sealed, version };
        self.unchecked(&call)
            .change((new, tested), |(new, (at, tested)), tx| {
                Box::pin(async move {
                    directories::set(tx, new).await?;
                    directories::set_tested(tx, new.partner, new.version, *at, tested).await?;
                    let entry = Entry {
                        after: Some(new.settings.clone()),
                        ..Entry::new("directory.connect", "directory".into())
                    };
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await?;
        Ok(Connected { report, kept: true })
    }

    /// The status of a partner's directory; `None` if the partner has none.
    #[boxed]
    pub async fn directory_status(&self, partner: PartnerId) -> Result<Option<DirectoryStatus>, Error> {
        let row = self.directory_row(partner).await?;
        row.map(|row| {
            Ok(DirectoryStatus {
                setup: setup_of(&row)?,
                walking: row.cursor.is_some(),
                synced_at: row.synced_at,
                failure: row.failure,
                list_cut_off: row.list_cut_off,
                walk: row.walk,
                walked: row.walked,
                // A report of a newer version beside this one may have what this one cannot read.
                tested: row.tested.and_then(|(at, text)| Some((at, serde_json::from_str(&text).ok()?))),
            })
        })
        .transpose()
    }

    /// The status of [`App::directory_status`] for a user of the partner.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a customer's user.
    #[boxed]
    pub async fn own_directory_status(&self, call: &Call) -> Result<Option<DirectoryStatus>, Error> {
        self.require(call, Permission::ReadCustomers).await?;
        self.directory_status(call.partner()).await
    }

    /// Looks up a tenant in a partner's directory.
    ///
    /// # Errors
    /// [`Error::DirectoryUnavailable`] if it cannot be reached and the setting is [`WhenUnreachable::Refuse`].
    pub(crate) async fn look_up(&self, partner: PartnerId, azure: &AzureCustomerId) -> Result<Lookup, Error> {
        let Some((directory, when_unreachable)) = self.directory(partner).await? else {
            return Ok(Lookup::TakenAsGiven);
        };
        // Boxed, because most requests contain this future and never run it.
        match Box::pin(directory.find(azure)).await {
            Ok(Some(tenant)) => Ok(Lookup::Found(Box::new(tenant))),
            Ok(None) => Ok(Lookup::Missing),
            Err(error) => {
                tracing::warn!(partner = partner.0, %error, "failed to look up a tenant in the directory");
                match when_unreachable {
                    WhenUnreachable::Accept => Ok(Lookup::Unverified),
                    WhenUnreachable::Refuse => {
                        Err(Error::DirectoryUnavailable { retry_after: error.retry_after().unwrap_or(PAUSE) })
                    }
                }
            }
        }
    }

    /// A partner's directory, if it has one.
    pub(crate) async fn directory(
        &self,
        partner: PartnerId,
    ) -> Result<Option<(Arc<Directory>, WhenUnreachable)>, Error> {
        self.directory_row(partner).await?.map(|row| self.directory_of(&row)).transpose()
    }

    async fn directory_row(&self, partner: PartnerId) -> Result<Option<DirectoryRow>, Error> {
        self.db
            .unchecked()
            .look_up(partner, partner, |partner, tx| {
                Box::pin(async move { Ok(directories::get(tx, *partner).await?) })
            })
            .await
    }

    fn directory_of(&self, row: &DirectoryRow) -> Result<(Arc<Directory>, WhenUnreachable), Error> {
        let setup = setup_of(row)?;
        // Locked until the client is kept: two clients at once would both sign in, with a refresh token that may be good once.
        let mut all = self.directories.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, made)) = all.get(&row.partner)
            && *version == row.version
        {
            return Ok((Arc::clone(made), setup.when_unreachable));
        }
        let secret = match &row.sealed {
            Some(sealed) => Some(self.open_credentials(row.partner, sealed)?),
            None => None,
        };
        let on_refresh_token: OnRefreshToken = match &secret {
            Some(secret) => self.keep_refresh_token(row.partner, row.version, secret.client_secret.clone()),
            None => Arc::new(|_| ()),
        };
        let made = Arc::new(self.make_directory(&setup, secret, on_refresh_token)?);
        all.insert(row.partner, (row.version, Arc::clone(&made)));
        Ok((made, setup.when_unreachable))
    }

    fn make_directory(
        &self,
        setup: &DirectorySetup,
        secret: Option<DirectorySecret>,
        on_refresh_token: OnRefreshToken,
    ) -> Result<Directory, Error> {
        let mut settings = match &setup.source {
            Source::File { path } => return Ok(Directory::File(FileDirectory::new(path))),
            Source::PartnerCenter { tenant_id, client_id, api_url, login_url, graph_url } => {
                let secret =
                    secret.ok_or_else(|| Error::Directory("Partner Center needs a secret".into()))?;
                let client_secret = secret.client_secret;
                let credentials = match secret.refresh_token {
                    Some(refresh_token) => Credentials::RefreshToken { client_secret, refresh_token },
                    None => Credentials::ClientSecret(client_secret),
                };
                let mut settings = Settings::new(tenant_id, client_id, credentials);
                settings.api_url = api_url.clone().unwrap_or(settings.api_url);
                if graph_url.is_some() || api_url.is_some() {
                    // Billing data is in the global cloud alone.
                    settings.graph_url = graph_url.clone();
                }
                settings.login_url = login_url.clone().unwrap_or(settings.login_url);
                settings
            }
        };
        let random = Arc::clone(&self.random);
        let random = Arc::new(move || random.bytes().map_or(0, u64::from_le_bytes));
        settings.patience = self.directories.patience;
        settings.time_out = settings.time_out.min(settings.patience / 2);
        let network = Arc::clone(&self.directories.network);
        let made = PartnerCenter::new(settings, network, random, on_refresh_token).map_err(said)?;
        Ok(Directory::PartnerCenter(made))
    }

    /// The callback that stores new refresh tokens: Microsoft issues one with every access token, and older ones expire.
    fn keep_refresh_token(
        &self,
        partner: PartnerId,
        version: i64,
        client_secret: SecretString,
    ) -> OnRefreshToken {
        let (db, secrets, random) =
            (self.db.unchecked().clone(), Arc::clone(&self.secrets), Arc::clone(&self.random));
        let keeping = self.directories.keeping.clone();
        Arc::new(move |newer: &SecretString| {
            let secret =
                DirectorySecret { client_secret: client_secret.clone(), refresh_token: Some(newer.clone()) };
            let sealed = match seal(&secrets, &random, partner, &secret) {
                Ok(sealed) => sealed,
                Err(error) => return tracing::error!(%error, "failed to encrypt a new refresh token"),
            };
            let db = db.clone();
            keeping.spawn(async move {
                let kept: Result<(), Error> = db
                    .write(partner, (partner, version, sealed), |(partner, version, sealed), tx| {
                        Box::pin(
                            async move { Ok(directories::reseal(tx, *partner, *version, sealed).await?) },
                        )
                    })
                    .await;
                if let Err(error) = kept {
                    tracing::error!(%error, "failed to store a new refresh token");
                }
            });
        })
    }

    fn seal_credentials(&self, partner: PartnerId, secret: &DirectorySecret) -> Result<String, Error> {
        seal(&self.secrets, &self.random, partner, secret)
    }

    fn open_credentials(&self, partner: PartnerId, sealed: &str) -> Result<DirectorySecret, Error> {
        let json = self.secrets.open(Purpose::Directory, &partner.to_string(), sealed)?;
        let sealed: Sealed =
            serde_json::from_str(&json).map_err(|_| Error::Internal("sealed credentials".into()))?;
        Ok(DirectorySecret {
            client_secret: sealed.client_secret.into(),
            refresh_token: sealed.refresh_token.map(SecretString::from),
        })
    }
}

fn setup_of(row: &DirectoryRow) -> Result<DirectorySetup, Error> {
    serde_json::from_str(&row.settings).map_err(|e| Error::Internal(format!("a directory's settings: {e}")))
}

/// The violation of a tenant that its directory does not have.
pub(crate) fn not_found() -> Violation {
    Violation::new("/azure_customer_id", "not_found", "not found").because("tenant-not-found", &[])
}

/// The violation of a tenant without a usable address; `None` if its address is usable.
pub(crate) fn no_address(tenant: &Tenant) -> Option<Violation> {
    let why = match &tenant.address {
        TenantAddress::Known(_) => return None,
        // The operator sees the missing rights in the log and in `directory connect`.
        TenantAddress::Hidden(why) => {
            tracing::warn!(
                tenant = tenant.azure_customer_id.as_str(),
                why,
                "the directory denies access to a tenant's address"
            );
            "cannot be seen with the rights that the partner has there".to_owned()
        }
        other => other.usable().err().unwrap_or_default(),
    };
    let said = format!(
        "cannot be used: the tenant's address in the directory {why}; give address instead of azure_customer_id"
    );
    Some(Violation::new("/azure_customer_id", "no_address", said).because("tenant-no-address", &[]))
}

/// The `Retry-After` for a directory that does not give one.
const PAUSE: Duration = Duration::from_secs(30);
/// The default time-out of a look-up, during which the client waits.
const PATIENCE: Duration = Duration::from_secs(20);

fn seal(
    secrets: &crate::SecretKey,
    random: &crate::Random,
    partner: PartnerId,
    secret: &DirectorySecret,
) -> Result<String, Error> {
    let sealed = Sealed {
        client_secret: secret.client_secret.expose_secret().to_owned(),
        refresh_token: secret.refresh_token.as_ref().map(|token| token.expose_secret().to_owned()),
    };
    let json = serde_json::to_string(&sealed).map_err(|e| Error::Internal(e.to_string()))?;
    secrets.seal(Purpose::Directory, &partner.to_string(), &json, random)
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn said(error: ::directory::Error) -> Error {
    Error::Directory(error.to_string())
}

/// The tenant's data from the directory as the store records it.
pub(crate) fn sighting(tenant: &Tenant) -> Sighting {
    use ::directory::TenantAddress::{Hidden, Known, Missing, NotAsked, Unusable};
    Sighting {
        azure_customer_id: tenant.azure_customer_id.clone(),
        name: tenant.name.clone(),
        name_key: DisplayName::from_stored(tenant.name.clone()).key(),
        domain: tenant.domain.clone(),
        address: match &tenant.address {
            NotAsked => None,
            Missing | Hidden(_) | Unusable(_) => Some(None),
            Known(address) => Some(Some(address.clone())),
        },
    }
}
