/// Why the store could not do what it was asked. What a rule forbids is never one of these: the jobs say that themselves.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Out of reach, full or busy. Nothing was written; the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Too much waits already, of this caller's partner or of others. Nothing was asked; the same call may succeed later.
    #[error("too much waits already: {0}")]
    Busy(String),
    /// As many lists of this partner as may be are under way or wait. Nothing was read.
    #[error("too many lists of this partner are under way; {per_partner} are read at a time")]
    ShareExceeded {
        /// How many lists of one partner are read at a time.
        per_partner: usize,
    },
    /// A statement took longer than it may, and was stopped. Nothing was written.
    #[error("a statement was stopped: {0}")]
    TimedOut(String),
    /// The connection was lost, or the disk failed, while the commit was under way: it may or may not have happened.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
    /// Another transaction got in between. Nothing was written; repeating the whole transaction is right.
    #[error("the transaction has to be repeated: {0}")]
    Retry(String),
    /// The database itself is not as it must be: wrong version, wrong settings, a schema newer than this program.
    #[error("{0}")]
    Unfit(String),
    /// A row that breaks a rule of the domain, a statement that does not fit the schema: a defect.
    #[error("the database holds or was asked something impossible: {0}")]
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
                | DatabaseCorrupt // also what SQLite calls a disk that answers EIO to a read
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
            // Without a server's word it was the connection, or a value that would not convert.
            return if error.is_closed()
                || std::error::Error::source(&error).is_some_and(|s| s.is::<std::io::Error>())
            {
                Error::Unavailable(error.to_string())
            } else {
                Error::Defect(format!("{error}: {:?}", std::error::Error::source(&error)))
            };
        };
        let said = format!("{} ({})", server.message(), server.code().code());
        match server.code().code() {
            // Serialization failure, deadlock, time-out of a lock, and a unique violation: another transaction came first.
            "40001" | "40P01" | "55P03" | "23505" => Error::Retry(said),
            // `statement_timeout`, or an operator's pg_cancel_backend.
            "57014" => Error::TimedOut(said),
            // Read-only (a standby), and the time-out of an idle transaction, whose connection is gone.
            "25006" | "25P03" => Error::Unavailable(said),
            // Shutting down, connection trouble, out of resources, trouble with the disk.
            code if ["57P", "08", "53", "58"].iter().any(|class| code.starts_with(class)) => {
                Error::Unavailable(said)
            }
            _ => Error::Defect(said),
        }
    }
}
