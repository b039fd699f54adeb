//! The settings that decide whether a commit outlives a crash.

use crate::Error;
use rusqlite::Connection;

/// The settings that commits depend on, as SQLite took them: it answers a mode that it cannot have with another.
pub(crate) struct Durability {
    pub(crate) journal_mode: String,
    pub(crate) synchronous: i64,
}

impl Durability {
    pub(crate) fn of(conn: &Connection) -> Result<Self, Error> {
        Ok(Durability {
            journal_mode: conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?,
            synchronous: conn.query_row("PRAGMA synchronous", [], |row| row.get(0))?,
        })
    }

    pub(crate) fn is_safe(&self) -> bool {
        self.journal_mode == "memory" || (self.journal_mode == "wal" && self.synchronous >= 2)
    }
}

impl std::fmt::Display for Durability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "journal_mode is {}, synchronous is {}", self.journal_mode, self.synchronous)
    }
}
