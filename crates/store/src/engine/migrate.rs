//! The schema, one text for both engines, brought up to date at every start.

use super::value::args;
use super::{Conn, Tx, sqlite};
use crate::Error;
use futures_util::FutureExt;
use sha2::{Digest, Sha256};

/// In order; the position is the version, from 1. Never edited once landed: add one instead.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_customers", include_str!("../../../../migrations/0001_customers.sql")),
    ("0002_audit_idempotency", include_str!("../../../../migrations/0002_audit_idempotency.sql")),
    ("0003_directory", include_str!("../../../../migrations/0003_directory.sql")),
];

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL
);";

pub(super) fn sqlite(tx: &mut Tx) -> Result<(), Error> {
    let run = |tx: &mut Tx, sql: &str| match &mut tx.0 {
        Conn::Sqlite(conn) => conn.execute_batch(sql).map_err(Error::from),
        Conn::Postgres(_) => Err(Error::defect("not a SQLite transaction")),
    };
    run(tx, "BEGIN IMMEDIATE")?;
    run(tx, LEDGER)?;
    let known = applied(tx).now_or_never().ok_or_else(|| Error::defect("SQLite waited"))??;
    for (version, name, text) in missing(&known)? {
        run(tx, &sqlite::dialect(text)).map_err(|e| Error::Defect(format!("migration {name}: {e}")))?;
        record(tx, version, name, text).now_or_never().ok_or_else(|| Error::defect("SQLite waited"))??;
    }
    run(tx, "COMMIT")
}

/// In a transaction that the caller opened and will commit.
pub(super) async fn postgres(tx: &mut Tx) -> Result<(), Error> {
    async fn run(tx: &mut Tx, sql: &str) -> Result<(), Error> {
        match &mut tx.0 {
            Conn::Postgres(client) => client.batch(sql).await,
            Conn::Sqlite(_) => Err(Error::defect("not a PostgreSQL transaction")),
        }
    }
    // Several servers may start at once: one migrates, the others wait here and find it done.
    run(tx, "SELECT pg_advisory_xact_lock(7263915001)").await?;
    run(tx, LEDGER).await?;
    let known = applied(tx).await?;
    for (version, name, text) in missing(&known)? {
        run(tx, &super::postgres::dialect(text))
            .await
            .map_err(|e| Error::Defect(format!("migration {name}: {e}")))?;
        record(tx, version, name, text).await?;
    }
    Ok(())
}

async fn applied(tx: &mut Tx) -> Result<Vec<(i64, String)>, Error> {
    tx.all("SELECT version, sha256 FROM schema_migrations ORDER BY version", args![], |row| {
        Ok((row.next()?, row.next()?))
    })
    .await
}

async fn record(tx: &mut Tx, version: i64, name: &str, text: &str) -> Result<(), Error> {
    let sql = "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)";
    tx.execute(sql, args![version, name, &fingerprint(text)]).await.map(drop)
}

/// What is still to be applied, once what has been is found to be what this program knows.
fn missing(
    known: &[(i64, String)],
) -> Result<impl Iterator<Item = (i64, &'static str, &'static str)>, Error> {
    if known.len() > MIGRATIONS.len() {
        return Err(Error::Unfit(format!(
            "the database has schema version {}, this program knows {}: start the newer tenantry that made it",
            known.len(),
            MIGRATIONS.len()
        )));
    }
    for ((version, hash), (name, text)) in known.iter().zip(MIGRATIONS) {
        if *hash != fingerprint(text) {
            return Err(Error::Unfit(format!(
                "migration {version} ({name}) in the database is not the one this program knows"
            )));
        }
    }
    let done = known.len();
    Ok((1..).zip(MIGRATIONS).skip(done).map(|(version, (name, text))| (version, *name, *text)))
}

fn fingerprint(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Keep the lines that are for both engines, and those marked for `engine`.
pub(super) fn lines_for(engine: &str, text: &str) -> String {
    let mine = format!("--{engine} ");
    let theirs = |line: &str| line.starts_with("--sqlite ") || line.starts_with("--postgres ");
    text.lines()
        .filter_map(|line| line.strip_prefix(mine.as_str()).or((!theirs(line)).then_some(line)))
        .map(|line| format!("{line}\n"))
        .collect()
}
