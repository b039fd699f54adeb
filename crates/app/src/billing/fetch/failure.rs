//! Why a fetch of invoices fails.

/// The kind of failure, as a word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchErrorCode {
    /// Microsoft does not answer.
    Unreachable,
    /// Microsoft takes no requests for now.
    Throttled,
    /// Microsoft refuses the credentials, or the request.
    Refused,
    /// Microsoft wants a sign-in with multi-factor authentication.
    MfaRequired,
    /// Microsoft's answer cannot be read.
    Invalid,
    /// Microsoft has forgotten what was begun.
    StartOver,
    /// The partner is not connected to Partner Center.
    NotConnected,
    /// The month has no such invoice.
    NoInvoice,
    /// There is nothing to fetch.
    NoData,
    /// Microsoft could not make the export.
    ExportFailed,
    /// Microsoft took too long to make the export.
    ExportTimedOut,
    /// The files were not whole, again and again.
    Damaged,
    /// Other partners read the folder of invoices too.
    SourcesShared,
    /// The object store failed.
    Store,
    /// The disk failed or is full.
    Disk,
    /// The command was stopped.
    Cancelled,
    /// A defect; the server's log says more.
    Internal,
}

impl FetchErrorCode {
    /// All codes.
    pub const ALL: [FetchErrorCode; 17] = [
        FetchErrorCode::Unreachable,
        FetchErrorCode::Throttled,
        FetchErrorCode::Refused,
        FetchErrorCode::MfaRequired,
        FetchErrorCode::Invalid,
        FetchErrorCode::StartOver,
        FetchErrorCode::NotConnected,
        FetchErrorCode::NoInvoice,
        FetchErrorCode::NoData,
        FetchErrorCode::ExportFailed,
        FetchErrorCode::ExportTimedOut,
        FetchErrorCode::Damaged,
        FetchErrorCode::SourcesShared,
        FetchErrorCode::Store,
        FetchErrorCode::Disk,
        FetchErrorCode::Cancelled,
        FetchErrorCode::Internal,
    ];

    /// The code as the API and the log have it, such as `mfa_required`.
    pub fn name(self) -> &'static str {
        match self {
            FetchErrorCode::Unreachable => "unreachable",
            FetchErrorCode::Throttled => "throttled",
            FetchErrorCode::Refused => "refused",
            FetchErrorCode::MfaRequired => "mfa_required",
            FetchErrorCode::Invalid => "invalid",
            FetchErrorCode::StartOver => "start_over",
            FetchErrorCode::NotConnected => "not_connected",
            FetchErrorCode::NoInvoice => "no_invoice",
            FetchErrorCode::NoData => "no_data",
            FetchErrorCode::ExportFailed => "export_failed",
            FetchErrorCode::ExportTimedOut => "export_timed_out",
            FetchErrorCode::Damaged => "damaged",
            FetchErrorCode::SourcesShared => "sources_shared",
            FetchErrorCode::Store => "store",
            FetchErrorCode::Disk => "disk",
            FetchErrorCode::Cancelled => "cancelled",
            FetchErrorCode::Internal => "internal",
        }
    }

    /// The code of this name.
    pub(in crate::billing) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// The id of the text in other languages.
    pub fn wording(self) -> String {
        format!("fetch-error-{}", self.name().replace('_', "-"))
    }
}

/// Why a fetch ends without all it was asked for.
#[derive(Clone, Debug)]
pub(in crate::billing) struct FetchError {
    pub(in crate::billing) code: FetchErrorCode,
    /// What happened, and what to do. Contains no secret.
    pub(in crate::billing) message: String,
}

impl FetchError {
    pub(in crate::billing) fn new(code: FetchErrorCode, message: impl Into<String>) -> Self {
        FetchError { code, message: message.into() }
    }
}

impl From<::directory::Error> for FetchError {
    fn from(error: ::directory::Error) -> Self {
        use ::directory::Error;
        let code = match error {
            Error::Unreachable { .. } => FetchErrorCode::Unreachable,
            Error::Throttled { .. } => FetchErrorCode::Throttled,
            Error::Refused(_) | Error::CredentialRefused { .. } => FetchErrorCode::Refused,
            Error::MfaRequired(_) => FetchErrorCode::MfaRequired,
            Error::Invalid(_) => FetchErrorCode::Invalid,
            Error::StartOver { .. } => FetchErrorCode::StartOver,
        };
        FetchError::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once() {
        for (i, code) in FetchErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, i);
            assert_eq!(FetchErrorCode::of_name(code.name()), Some(code));
        }
    }
}
