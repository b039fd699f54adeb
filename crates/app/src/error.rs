use domain::Violations;
use std::time::Duration;

/// Everything a use case can answer beside success. What the caller reads is here; what only the log may read is
/// marked so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No key, an unknown one, a rotated or revoked one: all the same to the caller.
    #[error("a valid API key is required")]
    Unauthorized,
    /// A live key that may not do this, and why.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or it is another partner's.
    #[error("not found")]
    NotFound,
    /// The payload breaks rules: all of them.
    #[error("{0}")]
    Invalid(Violations),
    /// The query string breaks rules; the pointers name parameters.
    #[error("{0}")]
    Parameters(Violations),
    /// The object has changed since the caller read it (RFC 9110, If-Match).
    #[error("the object has changed since it was read; read it again, then repeat the change")]
    PreconditionFailed,
    /// A partner without an admin who has a key could not manage its users ever again.
    #[error("this is the partner's last admin with a key; make another admin first")]
    LastAdmin,
    /// This `Idempotency-Key` was used for another request.
    #[error("this Idempotency-Key was used for another request; use a new one for each")]
    KeyReused,
    /// The first request under this `Idempotency-Key` has not been answered yet.
    #[error("the first request with this Idempotency-Key is still under way; repeat this one in a moment")]
    StillRunning,
    /// Something else stands in the way, and has to end first.
    #[error("{0}")]
    Conflict(String),
    /// The object store that bills are in cannot be asked just now. The text is for the log only.
    #[error("the object store of bills is not available: {0}")]
    BillsUnavailable(String),
    /// A bill is not what was published. The text is for the log only.
    #[error("a bill is not what was published: {0}")]
    BillDamaged(String),
    /// The directory of Azure tenants cannot be asked just now. Nothing was written.
    #[error(
        "the directory of Azure tenants cannot be reached just now; nothing was written, repeat the request"
    )]
    DirectoryUnavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// Assignments that were not made, because not all of them could be.
    #[error("not all of the assignments could be made, so none was")]
    Assignments(Vec<crate::assignments::Outcome>),
    /// A directory cannot be set up so; for the operator.
    #[error("{0}")]
    Directory(String),
    /// Billing cannot be done so; for the operator.
    #[error("{0}")]
    Billing(String),
    /// The caller has used up its share for now. Nothing was done.
    #[error("{}", .0.message)]
    LimitExceeded(Box<Exceeded>),
    /// Too much waits already. Nothing was done. The text is for the log only.
    #[error("busy: {0}")]
    Busy(String),
    /// What was asked for takes longer than it may. Nothing was written. The text is for the log only.
    #[error("stopped: {0}")]
    TimedOut(String),
    /// The store is out of reach, full or busy. Nothing was written. The text is for the log only.
    #[error("not available: {0}")]
    Unavailable(String),
    /// The store's answer to a commit was lost: it may or may not have happened. The text is for the log only.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// A defect. The text is for the log only.
    #[error("internal: {0}")]
    Internal(String),
}

/// A limit that a request went beyond, as the `RateLimit` header fields tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// What was too much, and what to do.
    pub message: String,
    /// The limit's name.
    pub policy: &'static str,
    /// Who went beyond it, for the log.
    pub who: String,
    /// How many are allowed.
    pub quota: u32,
    /// In how many seconds; `None` where the quota is how many may be under way at the same time.
    pub window: Option<u64>,
    /// When to try again.
    pub retry_after: Duration,
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Busy(why) => Error::Busy(why),
            store::Error::TimedOut(why) => Error::TimedOut(why),
            store::Error::ShareExceeded { per_partner } => Error::LimitExceeded(Box::new(Exceeded {
                message: format!(
                    "too many lists of this partner are under way: {per_partner} are read at a time, and the others wait \
                     for a moment; repeat the request later"
                ),
                policy: "lists",
                who: "a partner".into(),
                quota: u32::try_from(per_partner).unwrap_or(u32::MAX),
                window: None,
                retry_after: Duration::from_secs(1),
            })),
            store::Error::Unavailable(_) | store::Error::Retry(_) => Error::Unavailable(error.to_string()),
            store::Error::Unknown(_) => Error::OutcomeUnknown(error.to_string()),
            store::Error::Unfit(_) | store::Error::Defect(_) => Error::Internal(error.to_string()),
        }
    }
}
