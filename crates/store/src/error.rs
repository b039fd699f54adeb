//! Errors of the store, and how errors of the engines map to them.

/// Error of the store. Violations of domain rules are not among them: jobs return those in their own error types.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The database is unreachable, full or busy. Nothing was written; the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Too many calls are waiting. Nothing was sent to the database; the same call may succeed later.
    #[error("too many calls are waiting: {0}")]
    Busy(String),
    /// The limit of concurrent lists of one partner is reached. Nothing was read.
    #[error("too many lists of this partner are under way; {per_partner} are read at a time")]
    ShareExceeded {
        /// Maximum number of concurrent lists of one partner.
        per_partner: usize,
    },
    /// A statement exceeded its time limit and was cancelled. Nothing was written.
    #[error("a statement was cancelled: {0}")]
    TimedOut(String),
    /// The connection was lost, or the disk failed, during the commit: the change may or may not be stored.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
    /// Serialization conflict with another transaction. Nothing was written; the whole transaction can be retried.
    #[error("serialization conflict: {0}")]
    Retry(String),
    /// The database cannot be used: unsupported version, unsafe settings, or a schema newer than this program.
    #[error("{0}")]
    Unfit(String),
    /// Programming error or corrupt data: a row that violates a domain rule, a statement that does not fit the schema.
    #[error("defect in the data or the program: {0}")]
    Defect(String),
}

impl Error {
    pub(crate) fn defect(what: impl std::fmt::Display) -> Self {
        Error::Defect(what.to_string())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, FileLockingProtocolFailed,
            OperationInterrupted, OutOfMemory, ReadOnly, SystemIoFailure,
        };
        match error.sqlite_error_code() {
            Some(
                CannotOpen
                | DatabaseBusy
                | DatabaseCorrupt // SQLite reports an EIO on read as this too
                | DatabaseLocked
                | DiskFull
                | FileLockingProtocolFailed
                | OutOfMemory
                | ReadOnly
                | SystemIoFailure,
            ) => Error::Unavailable(error.to_string()),
            Some(OperationInterrupted) => Error::TimedOut(error.to_string()),
            _ => Error::defect(error),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(server) = error.as_db_error() else {
            // Without an answer of the server, the connection failed or a value did not convert.
            return if error.is_closed()
                || std::error::Error::source(&error).is_some_and(|s| s.is::<std::io::Error>())
            {
                Error::Unavailable(error.to_string())
            } else {
                Error::Defect(format!("{error}: {:?}", std::error::Error::source(&error)))
            };
        };
        let message = format!("{} ({})", server.message(), server.code().code());
        match server.code().code() {
            // Serialization failure, deadlock, lock timeout and unique violation: conflicts with another transaction.
            "40001" | "40P01" | "55P03" | "23505" => Error::Retry(message),
            // `statement_timeout`, or an operator's pg_cancel_backend.
            "57014" => Error::TimedOut(message),
            // Read-only server (a standby), and the timeout of an idle transaction, which closes the connection.
            "25006" | "25P03" => Error::Unavailable(message),
            // Shutdown, connection errors, insufficient resources, I/O errors.
            code if ["57P", "08", "53", "58"].iter().any(|class| code.starts_with(class)) => {
                Error::Unavailable(message)
            }
            _ => Error::Defect(message),
        }
    }
}
