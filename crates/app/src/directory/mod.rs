//! Where a partner's Azure tenants are looked up: how that is set up, and what a look-up says.

mod sync;

pub use sync::DirectoryHealth;

use crate::access::{Act, Call};
use crate::audit::Entry;
use crate::change::Done;
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
use store::directories::{self, DirectoryRow};
use tokio_util::task::TaskTracker;

/// How a partner's directory is reached. Without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Source {
    /// A file that somebody puts there.
    File {
        /// Where it is, on the server.
        path: PathBuf,
    },
    /// Microsoft Partner Center.
    PartnerCenter {
        /// The partner's own Microsoft tenant.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// Another API, for national clouds.
        api_url: Option<String>,
        /// Another identity platform, for national clouds.
        login_url: Option<String>,
    },
}

/// What happens to a create while the directory cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenUnreachable {
    /// It is answered `503`, and nothing is written.
    #[default]
    Refuse,
    /// The tenant is taken as given, and verified later.
    Accept,
}

/// A partner's directory, as it is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectorySetup {
    /// Where it is.
    #[serde(flatten)]
    pub source: Source,
    /// What happens while it cannot be asked.
    #[serde(default)]
    pub when_unreachable: WhenUnreachable,
}

/// What Partner Center is shown.
#[derive(Clone, Debug)]
pub struct DirectorySecret {
    /// The application's secret.
    pub client_secret: SecretString,
    /// The refresh token of a user who consented (the secure application model), if that is how it works.
    pub refresh_token: Option<SecretString>,
}

/// How trying a directory went, and whether it is the partner's now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// What works and what is missing.
    pub report: Report,
    /// Whether the directory was kept. If not, the partner's connection is as it was.
    pub kept: bool,
}

/// How a partner's directory is connected and how it fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryStatus {
    /// How it is set up, without secrets.
    pub setup: DirectorySetup,
    /// Whether a walk through its list is under way.
    pub walking: bool,
    /// When a walk last came to its end.
    pub synced_at: Option<Timestamp>,
    /// Why the last step failed, since when, and what to do.
    pub failure: Option<Failure>,
    /// Why the last walk could not follow the list to its end.
    pub list_cut_off: Option<String>,
}

/// What is sealed of a [`DirectorySecret`].
#[derive(Serialize, Deserialize)]
struct Sealed {
    client_secret: String,
    refresh_token: Option<String>,
}

/// The directories of this server's partners, made when they are needed.
pub(crate) struct Directories {
    network: Arc<dyn Transport>,
    /// The longest that a look-up may take.
    pub(crate) patience: Duration,
    made: Mutex<HashMap<PartnerId, (i64, Arc<Directory>)>>,
    steps: sync::Steps,
    /// Refresh tokens that are being kept.
    keeping: TaskTracker,
}

/// What a partner's directory says of a tenant.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// The partner has no directory, or the tenant is known already: it is taken as given.
    TakenAsGiven,
    /// It cannot be asked, and the partner accepts that: the tenant is taken as given, and asked for later.
    Unverified,
    /// It is there.
    Found(Box<Tenant>),
    /// It is not.
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

    /// Wait until everything that is to be kept is.
    pub(crate) async fn close(&self) {
        self.keeping.close();
        self.keeping.wait().await;
    }
}

impl App {
    /// Tries a directory, and gives it to the partner if all of it works, or if it is forced. So a wrong secret does not
    /// replace a connection that works.
    ///
    /// # Errors
    /// [`Error::Directory`] if the setup cannot be used; [`Error`] of the store.
    pub async fn connect_directory(
        &self,
        partner: PartnerId,
        setup: &DirectorySetup,
        secret: Option<DirectorySecret>,
        force: bool,
    ) -> Result<Connected, Error> {
        // Trying may exchange the refresh token for a newer one, after which the given one is no longer good.
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
        // Random, not counted: a directory that was removed and connected again is never taken for the one before.
        let version = i64::from_le_bytes(self.random.bytes()?) & i64::MAX;
        let input = (partner, kind, settings, sealed, version);
        self.change(&call, input, |(partner, kind, settings, sealed, version), tx| {
            Box::pin(async move {
                directories::set(tx, *partner, kind, settings, sealed.as_deref(), *version).await?;
                let entry = Entry {
                    after: Some(settings.clone()),
                    ..Entry::new("directory.connect", "directory".into())
                };
                Ok(Done { value: (), entry: Some(entry) })
            })
        })
        .await?;
        Ok(Connected { report, kept: true })
    }

    /// Tries a partner's directory as it is connected. `None`: the partner has none.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn test_directory(&self, partner: PartnerId) -> Result<Option<Report>, Error> {
        match self.directory(partner).await? {
            Some((directory, _)) => Ok(Some(directory.check().await)),
            None => Ok(None),
        }
    }

    /// How a partner's directory is connected and how it fares. `None`: the partner has none.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn directory_status(&self, partner: PartnerId) -> Result<Option<DirectoryStatus>, Error> {
        let row = self.directory_row(partner).await?;
        row.map(|row| {
            let setup: DirectorySetup = serde_json::from_str(&row.settings)
                .map_err(|e| Error::Internal(format!("a directory's settings: {e}")))?;
            Ok(DirectoryStatus {
                setup,
                walking: row.cursor.is_some(),
                synced_at: row.synced_at,
                failure: row.failure,
                list_cut_off: row.list_cut_off,
            })
        })
        .transpose()
    }

    /// As [`App::directory_status`], for a user of the partner.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a customer's user; [`Error`] of the store.
    pub async fn own_directory_status(&self, call: &Call) -> Result<Option<DirectoryStatus>, Error> {
        self.allow(call, Act::ReadCustomers).await?;
        self.directory_status(call.partner()).await
    }

    /// Has a partner's directory walked from its beginning by the next step of a server.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn request_directory_walk(&self, partner: PartnerId) -> Result<(), Error> {
        self.db
            .write(partner, partner, |partner, tx| {
                Box::pin(async move { Ok(directories::request_walk(tx, *partner).await?) })
            })
            .await
    }

    /// Take a partner's directory away: tenants are taken as given from now on.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn disconnect_directory(&self, partner: PartnerId) -> Result<(), Error> {
        let call = Call::of_operator(partner, "directory connect");
        self.change(&call, partner, |partner, tx| {
            Box::pin(async move {
                directories::remove(tx, *partner).await?;
                let entry = Entry::new("directory.disconnect", "directory".into());
                Ok(Done { value: (), entry: Some(entry) })
            })
        })
        .await
    }

    /// Ask a partner's directory for a tenant.
    ///
    /// # Errors
    /// [`Error::DirectoryUnavailable`] if it cannot be asked, unless the partner accepts that.
    pub(crate) async fn look_up(&self, partner: PartnerId, azure: &AzureCustomerId) -> Result<Lookup, Error> {
        let Some((directory, when_unreachable)) = self.directory(partner).await? else {
            return Ok(Lookup::TakenAsGiven);
        };
        // On the heap: most requests carry this future about and never ask a directory.
        match Box::pin(directory.find(azure)).await {
            Ok(Some(tenant)) => Ok(Lookup::Found(Box::new(tenant))),
            Ok(None) => Ok(Lookup::Missing),
            Err(error) => {
                tracing::warn!(partner = partner.0, %error, "the directory gave no answer");
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
    async fn directory(
        &self,
        partner: PartnerId,
    ) -> Result<Option<(Arc<Directory>, WhenUnreachable)>, Error> {
        self.directory_row(partner).await?.map(|row| self.directory_of(&row)).transpose()
    }

    async fn directory_row(&self, partner: PartnerId) -> Result<Option<DirectoryRow>, Error> {
        self.db
            .look_up(partner, partner, |partner, tx| {
                Box::pin(async move { Ok(directories::get(tx, *partner).await?) })
            })
            .await
    }

    fn directory_of(&self, row: &DirectoryRow) -> Result<(Arc<Directory>, WhenUnreachable), Error> {
        let setup: DirectorySetup = serde_json::from_str(&row.settings)
            .map_err(|e| Error::Internal(format!("a directory's settings: {e}")))?;
        if let Some((version, made)) =
            self.directories.made.lock().unwrap_or_else(PoisonError::into_inner).get(&row.partner)
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
        let mut all = self.directories.made.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(row.partner, (row.version, Arc::clone(&made)));
        Ok((made, setup.when_unreachable))
    }

    fn make_directory(
        &self,
        setup: &DirectorySetup,
        secret: Option<DirectorySecret>,
        on_refresh_token: OnRefreshToken,
    ) -> Result<Directory, Error> {
        let (tenant_id, client_id, api_url, login_url) = match &setup.source {
            Source::File { path } => return Ok(Directory::File(FileDirectory::new(path))),
            Source::PartnerCenter { tenant_id, client_id, api_url, login_url } => {
                (tenant_id, client_id, api_url, login_url)
            }
        };
        let secret = secret.ok_or_else(|| Error::Directory("Partner Center needs a secret".into()))?;
        let client_secret = secret.client_secret;
        let credentials = match secret.refresh_token {
            Some(refresh_token) => Credentials::RefreshToken { client_secret, refresh_token },
            None => Credentials::ClientSecret(client_secret),
        };
        let mut settings = Settings::new(tenant_id, client_id, credentials);
        settings.api_url = api_url.clone().unwrap_or(settings.api_url);
        settings.login_url = login_url.clone().unwrap_or(settings.login_url);
        let random = Arc::clone(&self.random);
        let random = Arc::new(move || random.bytes().map_or(0, u64::from_le_bytes));
        settings.patience = self.directories.patience;
        settings.time_out = settings.time_out.min(settings.patience / 2);
        let network = Arc::clone(&self.directories.network);
        let made = PartnerCenter::new(settings, network, random, on_refresh_token).map_err(said)?;
        Ok(Directory::PartnerCenter(made))
    }

    /// Microsoft gives a newer refresh token with every access token; the older one ends some day.
    fn keep_refresh_token(
        &self,
        partner: PartnerId,
        version: i64,
        client_secret: SecretString,
    ) -> OnRefreshToken {
        let (db, secrets, random) = (self.db.clone(), Arc::clone(&self.secrets), Arc::clone(&self.random));
        let keeping = self.directories.keeping.clone();
        Arc::new(move |newer: &SecretString| {
            let secret =
                DirectorySecret { client_secret: client_secret.clone(), refresh_token: Some(newer.clone()) };
            let sealed = match seal(&secrets, &random, partner, &secret) {
                Ok(sealed) => sealed,
                Err(error) => return tracing::error!(%error, "a newer refresh token could not be sealed"),
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
                    tracing::error!(%error, "a newer refresh token could not be kept");
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

/// The violation of a tenant that its directory does not have.
pub(crate) fn not_found() -> Violation {
    Violation::new("/azure_customer_id", "not_found", "not found")
}

/// The violation of a tenant without an address to use, if it is one.
pub(crate) fn no_address(tenant: &Tenant) -> Option<Violation> {
    let why = match &tenant.address {
        TenantAddress::Known(_) => return None,
        // Which rights are missing is for the operator, in the log and in `directory connect`.
        TenantAddress::Hidden(why) => {
            tracing::warn!(tenant = tenant.azure_customer_id.as_str(), why, "an address cannot be seen");
            "cannot be seen with the rights that the partner has there".to_owned()
        }
        other => other.usable().err().unwrap_or_default(),
    };
    let said = format!(
        "cannot be used: the tenant's address in the directory {why}; give address instead of azure_customer_id"
    );
    Some(Violation::new("/azure_customer_id", "no_address", said))
}

/// How long a caller is asked to wait for a directory that does not say.
const PAUSE: Duration = Duration::from_secs(30);
/// The longest that a look-up takes, unless the operator says otherwise: clients wait for it.
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

/// What is kept of what a directory says.
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
