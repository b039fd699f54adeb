//! The use cases. Each walks the same way: who may, the rule, one write, and what follows it.
//!
//! API, console and command line are doors to what is here. Nothing here knows HTTP, and nothing here knows SQL.

mod access;
mod audit;
mod change;
mod clock;
mod directory;
mod error;
mod keys;
mod limits;
mod paging;
mod partners;
mod random;
mod redact;
mod refusals;
mod secrets;
mod users;

pub mod assignments;
pub mod billing;
pub mod customers;
pub mod events;
pub mod sandbox;

pub use access::{Actor, Call, Origin};
pub use audit::{AnchorPlaces, AnchorVerdict, Erasure, Exported, SystemVerdict, Verdict};
pub use change::{Created, Idempotency, IfMatch};
pub use clock::{Clock, parse_time};
pub use directory::{
    Connected, DirectoryHealth, DirectorySecret, DirectorySetup, DirectoryStatus, Source, WhenUnreachable,
};
pub use error::{Error, Exceeded};
pub use keys::ApiKey;
pub use limits::LimitSettings;
pub use paging::{Paging, Query};
pub use partners::Founded;
pub use random::Random;
pub use redact::redact_keys;
pub use secrets::SecretKey;
pub use users::Tenant;

use crate::audit::Trail;
use crate::directory::Directories;
use ::directory::Egress;
use change::Running;
use clock::ExpiryClock;
use domain::{PartnerId, UserId};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use store::Db;

/// The platform: its data, its time, its randomness and its secret.
pub struct App {
    db: Db,
    clock: Clock,
    expiry_clock: ExpiryClock,
    random: Arc<Random>,
    secrets: Arc<SecretKey>,
    trail: Arc<Trail>,
    anchor: audit::anchor::Keeper,
    running: Running,
    limits: limits::Limits,
    refusals: refusals::Refusals,
    directories: Directories,
    billing: Option<billing::Billing>,
    /// When keys were last used, since that was last written down.
    used: Mutex<HashMap<(PartnerId, UserId), Timestamp>>,
}

impl App {
    /// A platform on this database, clock and secret key. Directories are reached through the guard.
    ///
    /// # Errors
    /// [`Error::Internal`] if the database belongs to another secret key; [`Error`] of the store.
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
            return Err(Error::Internal(
                "this database was made with another secret key; give that one (TENANTRY_SECRET_KEY_FILE)"
                    .into(),
            ));
        }
        let (random, secrets) = (Arc::new(Random::default()), Arc::new(secrets));
        let trail = Arc::new(Trail::new(Arc::clone(&secrets), Arc::clone(&random)));
        let directories = Directories::new(egress)?;
        let expiry_clock = ExpiryClock::starting(clock.now(), newest, std::time::Instant::now());
        let app = App {
            db,
            clock,
            expiry_clock,
            random,
            secrets,
            trail,
            anchor: audit::anchor::Keeper::default(),
            running: Running::default(),
            limits: limits::Limits::new(LimitSettings::default()),
            refusals: refusals::Refusals::default(),
            directories,
            billing: None,
            used: Mutex::default(),
        };
        app.seal_keys().await?;
        Ok(app)
    }

    /// Whether a database has a secret key already, without which it is not to be used.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn has_secret_key(db: &Db) -> Result<bool, Error> {
        db.read(store::Scope::System, (), |(), tx| {
            Box::pin(async move { Ok(store::secrets::known_fingerprint(tx).await?.is_some()) })
        })
        .await
    }

    /// The same, with directories that may take as long for a look-up.
    #[must_use]
    pub fn with_directory_patience(mut self, patience: std::time::Duration) -> Self {
        self.directories.patience = patience;
        self
    }

    /// The same, with these limits for lists.
    #[must_use]
    pub fn with_list_limits(mut self, limits: store::ListLimits) -> Self {
        self.db = self.db.with_list_limits(limits);
        self
    }

    /// What is to be done now and then: write down when keys were used, forget old answers, look at the ends of the audit
    /// trail. A failure is only logged, for the next time makes up for it.
    pub async fn tidy(&self) {
        self.limits.tidy();
        warn_of(self.write_refusals(false).await);
        warn_of(self.check_audit_ends().await);
        warn_of(self.keep_anchor(true).await);
        warn_of(self.note_uses().await);
        warn_of(self.forget_answers().await);
    }

    /// Can requests be served just now?
    ///
    /// # Errors
    /// [`Error::Unavailable`] with what stands in the way.
    pub async fn ready(&self) -> Result<(), Error> {
        Ok(self.db.check().await?)
    }

    /// Whether this is a sandbox, whose clock stands still until it is moved.
    pub fn is_sandbox(&self) -> bool {
        matches!(self.clock, Clock::Sandbox(_))
    }

    /// A new id for a request that brought none: 128 random bits, lower-case hex.
    pub fn request_id(&self) -> String {
        self.random.long_id().unwrap_or_default()
    }

    /// Finish what is under way and let the database go. Nothing is forgotten here, for a command's clock is not that of
    /// the sandbox whose database it is for.
    pub async fn close(&self) {
        warn_of(self.write_refusals(true).await);
        warn_of(self.note_uses().await);
        warn_of(self.keep_anchor(false).await);
        self.stop_bill_runs();
        self.directories.close().await;
        self.db.close().await;
    }
}

fn warn_of(done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::warn!(%error, "could not tidy up");
    }
}
