//! A directory in a file that somebody puts there, and replaces.

mod read;

use crate::error::Error;
use crate::report::{Check, Outcome, Report, Step};
use crate::tenant::{Cursor, Page, Tenant, TenantAddress};
use crate::{PAGE_SIZE, text};
use domain::AzureCustomerId;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The most bytes of a file: 100,000 tenants with addresses have about 30 MiB.
const MOST: u64 = 64 << 20;
/// What a cursor begins with; the key of the last tenant of the page before follows.
const AFTER: &str = "after:";

/// By [`AzureCustomerId::key`].
type Tenants = BTreeMap<String, Tenant>;

/// A file of tenants: a JSON array, or the CSV that Partner Center's customer list exports. It is read again when it
/// has changed; while the new one is broken, the old one is used.
///
/// JSON: `[{"azure_customer_id": …, "name": …, "domain": …, "address": {"street1": …, "street2": …, "city": …,
/// "state": …, "zipcode": …, "country": …}}]`, of which only the id is required.
///
/// CSV: a header, then a line for each tenant, separated by commas, semicolons or tabs; the columns are found by
/// name: `Microsoft ID`, `Company name`, `Primary domain name`, and, for those who add them, the fields of the
/// address. Other columns are ignored.
///
/// In both, fields may have the names that Partner Center and its tools use (`CustomerId`, `companyName`,
/// `addressLine1`, `postalCode`, …), in any case. Of a tenant that comes twice the first counts: partners that are
/// both direct and indirect see customers twice.
#[derive(Clone, Debug)]
pub struct FileDirectory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    loaded: Mutex<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    /// Of the file that was read last, well or not.
    stamp: Option<Stamp>,
    /// Of the file that was read last and well.
    tenants: Option<Arc<Tenants>>,
    problem: Option<Error>,
}

/// Tells one version of a file from another.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// The file itself, and when it was last changed in any way, modification times set by hand included.
    #[cfg(unix)]
    identity: (u64, i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Stamp {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            identity: {
                use std::os::unix::fs::MetadataExt;
                (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
            },
        }
    }
}

impl FileDirectory {
    /// The directory in this file, which is read when it is needed, and need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        FileDirectory(Arc::new(Inner { path: path.into(), loaded: Mutex::default() }))
    }

    /// Looks a tenant up, with its address.
    ///
    /// # Errors
    /// If the file was never in order since the start: where it is not.
    pub async fn find(&self, id: &AzureCustomerId) -> Result<Option<Tenant>, Error> {
        Ok(self.load().await.0?.get(&id.key()).cloned())
    }

    /// A page of the list, ordered by id, with addresses. A file that changes meanwhile changes nothing for the
    /// cursor.
    ///
    /// # Errors
    /// As [`FileDirectory::find`], or [`Error::StartOver`].
    pub async fn page(&self, cursor: Option<&Cursor>) -> Result<Page, Error> {
        let start = match cursor.map(|cursor| cursor.as_str().strip_prefix(AFTER)) {
            None => Bound::Unbounded,
            Some(Some(key)) => Bound::Excluded(key.to_owned()),
            Some(None) => {
                return Err(Error::StartOver {
                    reason: "the cursor is not one of a file".to_owned(),
                    from: None,
                });
            }
        };
        let all = self.load().await.0?;
        let mut rest = all.range((start, Bound::Unbounded));
        let tenants: Vec<Tenant> = rest.by_ref().take(PAGE_SIZE).map(|(_, tenant)| tenant.clone()).collect();
        let next = match (tenants.last(), rest.next()) {
            (Some(last), Some(_)) => {
                Some(Cursor::from_stored(format!("{AFTER}{}", last.azure_customer_id.key())))
            }
            _ => None,
        };
        Ok(Page { tenants, next, ..Page::default() })
    }

    /// What is wrong with the file as it is now, though an older one may still be in use.
    pub async fn problem(&self) -> Option<Error> {
        self.load().await.1
    }

    /// Says whether the file can be read, and how many tenants have an address that can be used.
    pub async fn check(&self) -> Report {
        let (tenants, problem) = self.load().await;
        let count = tenants.as_ref().map_or(0, |tenants| tenants.len());
        let read = match (&problem, &tenants) {
            (None, _) => Outcome::Works(format!("{count} tenants")),
            (Some(problem), Ok(_)) => {
                Outcome::Fails(format!("{problem}; the {count} tenants of before are still used"))
            }
            (Some(problem), Err(_)) => Outcome::Fails(problem.to_string()),
        };
        let addresses = match tenants {
            Err(_) => Outcome::Skipped("there is no list".to_owned()),
            Ok(tenants) => Outcome::Works(addresses(&tenants)),
        };
        Report {
            steps: vec![
                Step::new(Check::ReadFile, read).having_seen(count, None),
                Step::new(Check::SeeAddresses, addresses),
            ],
        }
    }

    /// The tenants, newly read if the file has changed, and what is wrong with the file.
    async fn load(&self) -> (Result<Arc<Tenants>, Error>, Option<Error>) {
        let inner = Arc::clone(&self.0);
        let loaded = tokio::task::spawn_blocking(move || inner.load()).await;
        loaded.unwrap_or_else(|error| {
            let error = Error::Unreachable { reason: error.to_string(), retry_after: None };
            (Err(error.clone()), Some(error))
        })
    }
}

impl Inner {
    fn load(&self) -> (Result<Arc<Tenants>, Error>, Option<Error>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = std::fs::metadata(&self.path).map(|metadata| Stamp::of(&metadata)).ok();
        if stamp.is_none() || stamp != loaded.stamp {
            match self.read() {
                Ok((stamp, tenants)) => {
                    tracing::info!(path = %self.path.display(), tenants = tenants.len(), "read the directory's file");
                    *loaded = Loaded { stamp: Some(stamp), tenants: Some(Arc::new(tenants)), problem: None };
                }
                Err(problem) => {
                    if loaded.problem.as_ref() != Some(&problem) {
                        tracing::warn!(%problem, "the directory's file cannot be used");
                    }
                    loaded.stamp = stamp;
                    loaded.problem = Some(problem);
                }
            }
        }
        let problem = loaded.problem.clone();
        let nothing = || problem.clone().unwrap_or_else(|| Error::Invalid("nothing was read yet".to_owned()));
        (loaded.tenants.clone().ok_or_else(nothing), problem)
    }

    fn read(&self) -> Result<(Stamp, Tenants), Error> {
        let name = self.path.display();
        let unreadable =
            |error: &io::Error| Error::Unreachable { reason: format!("{name}: {error}"), retry_after: None };
        let mut file = File::open(&self.path).map_err(|error| unreadable(&error))?;
        let metadata = file.metadata().map_err(|error| unreadable(&error))?;
        if !metadata.is_file() || metadata.len() > MOST {
            let most = MOST >> 20;
            return Err(Error::Invalid(format!("{name} is not a file of at most {most} MiB")));
        }
        let mut bytes = Vec::new();
        file.by_ref().take(MOST).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        let tenants = read::tenants(&bytes).map_err(|wrong| {
            let read::Wrong { line, column, message } = wrong;
            Error::Invalid(text::shown(&format!("{name}, line {line}, column {column}: {message}")))
        })?;
        Ok((Stamp::of(&metadata), tenants))
    }
}

fn addresses(tenants: &Tenants) -> String {
    let known = tenants.values().filter(|tenant| tenant.address.usable().is_ok()).count();
    let unusable = tenants.values().find_map(|tenant| match &tenant.address {
        TenantAddress::Unusable(violations) => {
            Some(format!("; that of {} cannot: {violations}", tenant.name))
        }
        _ => None,
    });
    format!("{known} of {} tenants have one that can be used{}", tenants.len(), unusable.unwrap_or_default())
}
