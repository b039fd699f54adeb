//! The use cases. Each walks the same way: who may, the rule, one write, and what follows it.
//!
//! API, console and command line are doors to what is here. Nothing here knows HTTP, and nothing here knows SQL.

mod access;
mod clock;
mod error;
mod keys;
mod partners;
mod random;

pub mod customers;
pub mod sandbox;

pub use access::Actor;
pub use clock::{Clock, parse_time};
pub use error::Error;
pub use keys::ApiKey;
pub use partners::Founded;
pub use random::Random;

use store::Db;

/// The platform: its data, its time and its randomness.
pub struct App {
    db: Db,
    clock: Clock,
    random: Random,
}

impl App {
    /// A platform on this database and this clock.
    pub fn new(db: Db, clock: Clock) -> Self {
        App { db, clock, random: Random::default() }
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
        let bits = self.random.bytes().map_or(0, u128::from_le_bytes);
        format!("{bits:032x}")
    }

    /// Finish what is under way and let the database go.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
