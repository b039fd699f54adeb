//! The use cases. Each checks the permission, applies the domain's rules, writes in one transaction and returns the result.
//!
//! The API and the command line are adapters of this crate. It contains neither HTTP nor SQL.
//!
//! The futures of public functions are `#[boxed]`, so that their code is compiled here: that of an `async fn` is compiled by each crate
//! that awaits it, and the API, the console and the command line each would compile all use cases, and the store below them.
//!
//! A caller's data is reached through a [`Grant`], which the permission check makes.
//!
//! Every use case can fail with [`Error::Forbidden`] if the caller lacks the permission, and with the errors of the database
//! such as [`Error::Unavailable`]. The docs of a function name only its further errors.

mod access;
mod api_keys;
mod audit;
mod branding;
mod change;
mod clock;
mod directory;
mod error;
mod form_tokens;
mod grant;
mod invitations;
mod keys;
mod limits;
pub mod logo;
pub mod migrate;
mod operator;
mod paging;
mod partners;
mod permissions;
mod random;
mod redact;
mod refusals;
mod secrets;
mod sessions;
mod slots;
mod user_access;
mod users;

pub mod assignments;
pub mod billing;
pub mod customers;
pub mod dated;
/// The connection to a partner's directory, and the test of it.
pub mod connection {
    pub use crate::directory::{NewCredentials, SignInKind, Walk, Walked, failure_codes};
    pub use ::directory::{Check, Credential, Outcome, Report, Seen, Step};
    pub use store::directories::Failure;
}
pub mod events;
pub mod sandbox;
pub mod single_sign_on;

use async_recursion::async_recursion as boxed;

pub use access::{Actor, Call, Me, Named, Origin};
pub use api_keys::IssuedKey;
pub use audit::{
    AnchorPlaces, AnchorVerdict, Erasure, Exported, PartnerAnchor, SystemVerdict, TrailCheck, TrailFault,
    TrailPart, Verdict,
};
pub use branding::{Branding, Logo, Portal};
pub use change::{Created, Idempotency, IfMatch, WriteBody};
pub use clock::{Clock, parse_time};
pub use directory::{
    Connected, DirectoryHealth, DirectorySecret, DirectorySetup, DirectoryStatus, Source, WhenUnreachable,
};
pub use error::{Error, Exceeded, Refusal};
pub use grant::Grant;
pub use invitations::{Invitation, InvitationError, Invited};
pub use keys::ApiKey;
pub use limits::{Admitted, LimitSettings, Permits, Refused};
pub use operator::set_operator;
pub use paging::{Paging, Query};
pub use partners::BootstrappedPartner;
pub use permissions::{Permission, permission_table};
pub use random::Random;
pub use redact::redact_keys;
pub use secrets::SecretKey;
pub use sessions::{Session, SessionEnd, SessionError, SignedIn};
pub use slots::{Group, Slot};
pub use users::{Tenant, UserWithKey};

pub use rating::push_csv_cell;

use crate::audit::Trail;
use crate::directory::Directories;
use ::directory::Egress;
use change::InFlight;
use clock::ExpiryClock;
use domain::PartnerId;
use grant::Database;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use store::Db;

/// The platform: its database, clock, source of randomness and secret key, and the state that it keeps in memory.
pub struct App {
    db: Database,
    clock: Clock,
    expiry_clock: ExpiryClock,
    random: Arc<Random>,
    secrets: Arc<SecretKey>,
    trail: Arc<Trail>,
    anchor: audit::anchor::Keeper,
    in_flight: InFlight,
    limits: limits::Limits,
    refusals: refusals::Refusals,
    directories: Directories,
    billing: Option<billing::Billing>,
    /// The client of the providers that users sign in with.
    identity: identity::Client,
    /// The time of each API key's last use, not yet written to the database.
    used: Mutex<HashMap<(PartnerId, String), Timestamp>>,
    /// The id of some key.
    decoy_key_id: RwLock<Arc<str>>,
}

impl App {
    /// Opens the platform on a database with a clock and a secret key. Directories are reached through `egress`.
    ///
    /// # Errors
    /// [`Error::Unfit`] if the database belongs to another secret key.
    #[boxed]
    pub async fn open(db: Db, clock: Clock, secrets: SecretKey, egress: Egress) -> Result<Self, Error> {
        let ours = secrets.fingerprint();
        let new_id = Random::default().long_id()?;
        let (kept, newest): (String, _) = db
            .write(store::Scope::System, (ours.clone(), new_id), |(ours, new_id), tx| {
                Box::pin(async move {
                    let newest = store::idempotency::newest(tx).await?;
                    let kept = store::secrets::fingerprint(tx, ours).await?;
                    store::secrets::ensure_database_id(tx, new_id).await?;
                    Ok::<_, Error>((kept, newest))
                })
            })
            .await?;
        if kept != ours {
            return Err(Error::Unfit(
                "this database belongs to another secret key; give that one (TENANTRY_SECRET_KEY_FILE)"
                    .into(),
            ));
        }
        let (random, secrets) = (Arc::new(Random::default()), Arc::new(secrets));
        let trail = Arc::new(Trail::new(Arc::clone(&secrets), Arc::clone(&random)));
        let directories = Directories::new(egress)?;
        let expiry_clock = ExpiryClock::starting(clock.now(), newest, std::time::Instant::now());
        let app = App {
            db: Database::new(db),
            clock,
            expiry_clock,
            random,
            secrets,
            trail,
            anchor: audit::anchor::Keeper::default(),
            in_flight: InFlight::default(),
            limits: limits::Limits::new(LimitSettings::default()),
            refusals: refusals::Refusals::default(),
            identity: identity::Client::new(directories.network()),
            directories,
            billing: None,
            used: Mutex::default(),
            decoy_key_id: RwLock::new(Arc::from("")),
        };
        app.seal_keys().await?;
        app.seal_users().await?;
        Ok(app)
    }

    /// Whether a database belongs to a secret key, which is then required to open it.
    #[boxed]
    pub async fn has_secret_key(db: &Db) -> Result<bool, Error> {
        db.read(store::Scope::System, (), |(), tx| {
            Box::pin(async move { Ok(store::secrets::known_fingerprint(tx).await?.is_some()) })
        })
        .await
    }

    /// Sets the time-out of directory look-ups.
    #[must_use]
    pub fn with_directory_patience(mut self, patience: std::time::Duration) -> Self {
        self.directories.patience = patience;
        self
    }

    /// Sets the metrics that are states of the database's connections.
    pub fn record_metrics(&self) {
        self.db.unchecked().record_metrics();
    }

    /// Sets the limits for lists.
    #[must_use]
    pub fn with_list_limits(mut self, limits: store::ListLimits) -> Self {
        self.db = Database::new(self.db.unchecked().clone().with_list_limits(limits));
        self
    }

    /// Reads lists from a standby of the database.
    ///
    /// # Errors
    /// [`Error::Internal`] if the database cannot have one, or for a malformed URL.
    pub fn with_read_replica(mut self, url: &str, options: store::Options) -> Result<Self, Error> {
        self.db = Database::new(self.db.unchecked().clone().with_read_replica(url, options)?);
        Ok(self)
    }

    /// Periodic maintenance: writes refusals and uses of API keys, deletes expired responses, checks and anchors the ends of
    /// the audit trail, and applies changes whose day has come. An error is only logged, because the next run repeats the work.
    #[boxed]
    pub async fn tidy(&self) {
        self.limits.tidy();
        log_error(self.write_refusals(false).await);
        log_error(self.check_audit_ends().await);
        log_error(self.keep_anchor(true).await);
        log_error(self.note_uses().await);
        log_error(self.choose_decoy_key().await);
        log_error(self.delete_expired_responses().await);
        log_error(self.forget_sessions().await);
        log_error(self.forget_invitations().await);
        log_error(self.forget_replaced_keys().await);
        log_error(self.apply_due_changes().await);
    }

    /// Indexes the customers' names for searches by their parts, as far as they are not. An error is only logged, because the
    /// next run goes on.
    #[boxed]
    pub async fn index_names(&self) {
        let began = std::time::Instant::now();
        match store::customers::index_names(self.db.unchecked()).await {
            Ok(0) => {}
            Ok(blocks) => {
                let seconds = began.elapsed().as_secs_f64();
                tracing::info!(blocks, seconds, "names of customers indexed");
            }
            Err(error) => {
                tracing::warn!(%error, "failed to index names of customers; they are searched one by one");
            }
        }
    }

    /// Whether the database can serve requests.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason.
    #[boxed]
    pub async fn ready(&self) -> Result<(), Error> {
        Ok(self.db.unchecked().check().await?)
    }

    /// Whether this is a sandbox, whose clock advances only when it is set.
    pub fn is_sandbox(&self) -> bool {
        matches!(self.clock, Clock::Sandbox(_))
    }

    /// A new request id: 128 random bits in lower-case hex.
    pub fn request_id(&self) -> String {
        self.random.long_id().unwrap_or_default()
    }

    /// Writes pending refusals and uses, stops bill runs and closes the database. Expired responses are not deleted here: a
    /// command runs on the system's clock, which may be ahead of the sandbox that owns the database.
    #[boxed]
    pub async fn close(&self) {
        log_error(self.write_refusals(true).await);
        log_error(self.note_uses().await);
        log_error(self.keep_anchor(false).await);
        self.stop_bill_runs();
        self.directories.close().await;
        self.db.unchecked().close().await;
    }
}

fn log_error(result: Result<(), Error>) {
    if let Err(error) = result {
        tracing::warn!(%error, "failed to run periodic maintenance");
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn futures_of_public_functions_are_boxed() {
        let (mut boxed, mut bare) = (0, Vec::new());
        for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
            let source = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
            for (i, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("pub async fn")) {
                match lines[..i]
                    .iter()
                    .rev()
                    .take_while(|line| line.starts_with('#'))
                    .any(|l| *l == "#[boxed]")
                {
                    true => boxed += 1,
                    false => bare.push(format!("{}:{}: {line}", path.display(), i + 1)),
                }
            }
        }
        assert!(boxed > 100, "{boxed}");
        assert!(bare.is_empty(), "{bare:#?}");
    }
}
