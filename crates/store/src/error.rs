/// Why the store could not do what it was asked. What a rule forbids is never one of these: the jobs say that themselves.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Out of reach, full or busy. Nothing was written; the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
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
            OutOfMemory, ReadOnly, SystemIoFailure,
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
            // Serialisation failure, deadlock, and a unique violation: somebody else's row came first; look again.
            "40001" | "40P01" | "23505" => Error::Retry(said),
            // Read-only (a standby), time-outs (of locks, of idling, of statements), a statement somebody cancelled.
            "25006" | "25P03" | "55P03" | "57014" => Error::Unavailable(said),
            // Shutting down, connection trouble, out of resources, trouble with the disk.
            code if ["57P", "08", "53", "58"].iter().any(|class| code.starts_with(class)) => {
                Error::Unavailable(said)
            }
            _ => Error::Defect(said),
        }
    }
}
