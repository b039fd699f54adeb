//! Why a directory gave no answer.

use crate::report::Credential;
use crate::tenant::Cursor;
use std::time::Duration;

/// Why a directory gave no answer. Every text is for the operator, says what to do, and contains no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It could not be asked, or it is broken just now. It was tried more than once where that can help.
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
    /// It denies access: which credential, consent or role is missing.
    #[error("the directory refuses: {0}")]
    Refused(String),
    /// It refuses a credential: it is wrong, or it has expired.
    #[error("the directory refuses: {message}")]
    CredentialRefused {
        /// The credential to replace.
        credential: Credential,
        /// What is wrong with it.
        message: String,
    },
    /// It wants a token from a multi-factor sign-in (`900421`). Permissions are not what is missing.
    #[error("the directory requires multi-factor authentication: {0}")]
    MfaRequired(String),
    /// What it answers, or what the file says, is not what it has to be.
    #[error("the directory's answer cannot be used: {0}")]
    Invalid(String),
    /// The cursor of a list is no longer valid.
    #[error("the list has to be read from its beginning: {reason}")]
    StartOver {
        /// What happened.
        reason: String,
        /// Where the next walk begins. It remembers the page that could not be read, so that a list whose last page
        /// never answers is not walked for ever.
        from: Option<Cursor>,
    },
}

impl Error {
    /// When to try again, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Unreachable { retry_after, .. } => *retry_after,
            Error::Throttled { retry_after } => Some(*retry_after),
            Error::Refused(_)
            | Error::CredentialRefused { .. }
            | Error::MfaRequired(_)
            | Error::Invalid(_)
            | Error::StartOver { .. } => None,
        }
    }

    /// All that [`Error::code`] returns.
    pub const CODES: [&str; 6] =
        ["unreachable", "throttled", "refused", "mfa_required", "invalid", "start_over"];

    /// The kind of failure, as a word for programs: `unreachable`, `throttled`, `refused`, `mfa_required`, `invalid` or
    /// `start_over`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Unreachable { .. } => "unreachable",
            Error::Throttled { .. } => "throttled",
            Error::Refused(_) | Error::CredentialRefused { .. } => "refused",
            Error::MfaRequired(_) => "mfa_required",
            Error::Invalid(_) => "invalid",
            Error::StartOver { .. } => "start_over",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed() {
        let text = String::new;
        for (error, code) in [
            (Error::Unreachable { reason: text(), retry_after: None }, 0),
            (Error::Throttled { retry_after: Duration::ZERO }, 1),
            (Error::Refused(text()), 2),
            (Error::CredentialRefused { credential: Credential::ClientSecret, message: text() }, 2),
            (Error::MfaRequired(text()), 3),
            (Error::Invalid(text()), 4),
            (Error::StartOver { reason: text(), from: None }, 5),
        ] {
            assert_eq!(error.code(), Error::CODES[code], "{error:?}");
        }
    }
}
