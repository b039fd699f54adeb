//! Where a partner's Azure tenants are looked up: Microsoft [`PartnerCenter`], or a [`FileDirectory`].
//!
//! A partner without a directory has no [`Directory`] (an `Option`), so that "there is none" is never taken for
//! "not found there". Nothing here knows SQL or the platform's own API, and nothing reads the clock of the day:
//! what waits, waits on tokio's timer, which tests pause; randomness is passed in.
//!
//! [`partner_center::sandbox`] is a Partner Center of our own, for tests and for trying out.

pub mod egress;
pub mod partner_center;

mod address;
mod error;
mod file;
mod report;
mod tenant;
mod text;
mod transport;

pub use egress::Egress;
pub use error::Error;
pub use file::FileDirectory;
pub use partner_center::PartnerCenter;
pub use report::{Check, Credential, Outcome, Report, Seen, Step};
pub use tenant::{Cursor, Page, Tenant, TenantAddress};
pub use transport::{Body, SendError, Transport, network};

use domain::AzureCustomerId;

/// How many tenants a page of a list has at the most.
pub const PAGE_SIZE: usize = 500;

/// One partner's directory.
#[derive(Debug)]
pub enum Directory {
    /// A file that somebody puts there.
    File(FileDirectory),
    /// Microsoft Partner Center.
    PartnerCenter(PartnerCenter),
}

impl Directory {
    /// Looks a tenant up, with its address. `None`: the directory has no such tenant.
    ///
    /// # Errors
    /// Why nobody can say whether it has; see [`Error`].
    pub async fn find(&self, id: &AzureCustomerId) -> Result<Option<Tenant>, Error> {
        match self {
            Directory::File(file) => file.find(id).await,
            Directory::PartnerCenter(partner_center) => partner_center.find(id).await,
        }
    }

    /// A page of the list, from the beginning or from where an earlier page said that it goes on. A cursor outlives
    /// the process. While others change the list, a tenant may come twice; only a whole walk says who is gone.
    ///
    /// # Errors
    /// See [`Error`]; after [`Error::StartOver`] the walk begins anew.
    pub async fn page(&self, cursor: Option<&Cursor>) -> Result<Page, Error> {
        match self {
            Directory::File(file) => file.page(cursor).await,
            Directory::PartnerCenter(partner_center) => partner_center.page(cursor).await,
        }
    }

    /// Tries everything the platform needs of the directory, and says what works and what is missing.
    pub async fn check(&self) -> Report {
        match self {
            Directory::File(file) => file.check().await,
            Directory::PartnerCenter(partner_center) => partner_center.check().await,
        }
    }
}
