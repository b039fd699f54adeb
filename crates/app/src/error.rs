//! The error of every use case.

use domain::{Reason, UtcSecond, Violations};
use std::fmt;
use std::time::Duration;

/// The error of a use case. Callers read its text, unless the variant says that the text is for the log only.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API key is absent, unknown, rotated or revoked. Callers cannot tell these cases apart.
    #[error("a valid API key is required")]
    Unauthorized,
    /// The API key has expired. Only one who has the key is told.
    #[error("this API key expired at {0}: a new one is required")]
    KeyExpired(UtcSecond),
    /// The API key is valid but lacks the permission; the text is the reason.
    #[error("{0}")]
    Forbidden(Refusal),
    /// The object does not exist, or belongs to another partner.
    #[error("not found")]
    NotFound,
    /// The payload is invalid; with all violations.
    #[error("{0}")]
    Invalid(Violations),
    /// The query string is invalid; the pointers name parameters.
    #[error("{0}")]
    Parameters(Violations),
    /// The object has changed since the caller read it (RFC 9110, If-Match).
    #[error("the object has changed since it was read; read it again, then repeat the change")]
    PreconditionFailed,
    /// The change would leave the partner without an admin that has an API key, and so without user management.
    #[error("this is the partner's last admin with a key; make another admin first")]
    LastAdmin,
    /// An owner of a customer would leave it without an owner.
    #[error("this is the customer's last owner; make another user an owner first, or ask your partner")]
    LastOwner,
    /// The `Idempotency-Key` belongs to another request.
    #[error("this Idempotency-Key was used for another request; use a new one for each")]
    KeyReused,
    /// The first request with this `Idempotency-Key` is in flight.
    #[error("the first request with this Idempotency-Key is still under way; repeat this one in a moment")]
    StillRunning,
    /// Another operation has to end first.
    #[error("{0}")]
    Conflict(Refusal),
    /// The object store of bills cannot be reached. The text is for the log only.
    #[error("the object store of bills is not available: {0}")]
    BillsUnavailable(String),
    /// A bill differs from the published one. The text is for the log only.
    #[error("a bill is not what was published: {0}")]
    BillDamaged(String),
    /// The directory of Azure tenants cannot be reached. Nothing was written.
    #[error(
        "the directory of Azure tenants cannot be reached just now; nothing was written, repeat the request"
    )]
    DirectoryUnavailable {
        /// The time to wait before a retry.
        retry_after: Duration,
    },
    /// Some assignments of a request could not be made, so none was.
    #[error("not all of the assignments could be made, so none was")]
    Assignments(Vec<crate::assignments::Outcome>),
    /// The settings of a directory are invalid. The text is for the operator.
    #[error("{0}")]
    Directory(String),
    /// A billing command is invalid. The text is for the operator.
    #[error("{0}")]
    Billing(String),
    /// The caller exceeded a limit. Nothing was done.
    #[error("{}", .0.message)]
    LimitExceeded(Box<Exceeded>),
    /// The queue of waiting requests is full. Nothing was done. The text is for the log only.
    #[error("busy: {0}")]
    Busy(String),
    /// The request timed out. Nothing was written. The text is for the log only.
    #[error("stopped: {0}")]
    TimedOut(String),
    /// The database cannot be reached, is full or is busy. Nothing was written. The text is for the log only.
    #[error("not available: {0}")]
    Unavailable(String),
    /// The connection was lost during a commit, so the change may or may not be stored. The text is for the log only.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The database cannot be used as it is, or not with this secret key.
    #[error("{0}")]
    Unfit(String),
    /// A defect. The text is for the log only.
    #[error("internal: {0}")]
    Internal(String),
}

/// Why something cannot be done now: a message in English for each reason, and what names its text in other languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal(Vec<(String, Option<Reason>)>);

impl Refusal {
    /// A refusal with this message, and no text in other languages.
    pub fn new(message: impl Into<String>) -> Self {
        Refusal(vec![(message.into(), None)])
    }

    /// The same refusal with a name for its text in other languages, and the values in that.
    #[must_use]
    pub fn named(mut self, id: &'static str, values: &[(&'static str, &dyn fmt::Display)]) -> Self {
        if let Some((_, reason)) = self.0.last_mut() {
            let values = values.iter().map(|(name, value)| (*name, value.to_string())).collect();
            *reason = Some(Reason { id, values });
        }
        self
    }

    /// Each message, with its reason where it has a name.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, Option<&Reason>)> {
        self.0.iter().map(|(message, reason)| (message.as_str(), reason.as_ref()))
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Refusal::new(message)
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Refusal::new(message)
    }
}

impl FromIterator<Refusal> for Refusal {
    fn from_iter<I: IntoIterator<Item = Refusal>>(refusals: I) -> Self {
        Refusal(refusals.into_iter().flat_map(|refusal| refusal.0).collect())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (message, _)) in self.0.iter().enumerate() {
            write!(f, "{}{message}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// An exceeded limit, with the values of the `RateLimit` header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The message for the caller: the limit, and what to do.
    pub message: String,
    /// The limit's name.
    pub policy: &'static str,
    /// The key, partner or address that exceeded the limit, for the log.
    pub who: String,
    /// The number of requests allowed.
    pub quota: u32,
    /// The period of the quota in seconds; `None` for a limit of concurrent requests.
    pub window: Option<u64>,
    /// The time to wait before a retry.
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
            store::Error::Unfit(why) => Error::Unfit(why),
            store::Error::Defect(_) => Error::Internal(error.to_string()),
        }
    }
}
