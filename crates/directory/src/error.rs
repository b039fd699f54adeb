use std::time::Duration;

/// Why a directory gave no answer. Every text is for the operator to read, and none contains a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It could not be asked, or it is broken just now. It was tried more than once where that makes sense.
    #[error("the directory is out of reach: {reason}")]
    Unreachable {
        /// What happened.
        reason: String,
        /// When to try again, if the directory said so.
        retry_after: Option<Duration>,
    },
    /// It limits how often it may be asked, for longer than the call was willing to wait.
    #[error("the directory is asked too often; try again in {} s", retry_after.as_secs())]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// It does not let us in, or not that far: which credential, consent or role is missing.
    #[error("the directory refuses: {0}")]
    Refused(String),
    /// What it answers, or what the file says, is not what it has to be.
    #[error("the directory's answer cannot be used: {0}")]
    Invalid(String),
    /// The cursor of a list leads nowhere any more; begin from the first page.
    #[error("the list has to be read from its beginning: {0}")]
    StartOver(String),
}

impl Error {
    /// When to try again, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Unreachable { retry_after, .. } => *retry_after,
            Error::Throttled { retry_after } => Some(*retry_after),
            Error::Refused(_) | Error::Invalid(_) | Error::StartOver(_) => None,
        }
    }
}
