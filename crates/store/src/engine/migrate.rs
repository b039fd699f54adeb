//! The schema, one text for both engines, brought up to date at every start.

use super::value::args;
use super::{Conn, Purpose, Tx, names, sqlite};
use crate::Error;
use futures_util::FutureExt;
use sha2::{Digest, Sha256};

/// In order; the position is the version, from 1. Never edited once landed: add one instead.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_customers", include_str!("../../../../migrations/0001_customers.sql")),
    ("0002_audit_idempotency", include_str!("../../../../migrations/0002_audit_idempotency.sql")),
    ("0003_directory", include_str!("../../../../migrations/0003_directory.sql")),
    ("0004_audit_order", include_str!("../../../../migrations/0004_audit_order.sql")),
    ("0005_tenants_held", include_str!("../../../../migrations/0005_tenants_held.sql")),
    ("0006_lists", include_str!("../../../../migrations/0006_lists.sql")),
    ("0007_billing", include_str!("../../../../migrations/0007_billing.sql")),
    ("0008_billing_remembers", include_str!("../../../../migrations/0008_billing_remembers.sql")),
    ("0009_corrections_taken", include_str!("../../../../migrations/0009_corrections_taken.sql")),
    ("0010_audit_filters", include_str!("../../../../migrations/0010_audit_filters.sql")),
    ("0011_ids_of_partners", include_str!("../../../../migrations/0011_ids_of_partners.sql")),
    (NAME_KEYS, include_str!("../../../../migrations/0012_name_keys.sql")),
    ("0013_directory_health", include_str!("../../../../migrations/0013_directory_health.sql")),
    ("0014_audit_broken", include_str!("../../../../migrations/0014_audit_broken.sql")),
    ("0015_user_macs", include_str!("../../../../migrations/0015_user_macs.sql")),
    ("0016_audit_anchor", include_str!("../../../../migrations/0016_audit_anchor.sql")),
    ("0017_audit_cuts", include_str!("../../../../migrations/0017_audit_cuts.sql")),
    ("0018_partner_in_bill_paths", include_str!("../../../../migrations/0018_partner_in_bill_paths.sql")),
    ("0019_console_sessions", include_str!("../../../../migrations/0019_console_sessions.sql")),
    ("0020_invoice_fetches", include_str!("../../../../migrations/0020_invoice_fetches.sql")),
    ("0021_publications", include_str!("../../../../migrations/0021_publications.sql")),
    ("0022_billing_automation", include_str!("../../../../migrations/0022_billing_automation.sql")),
    ("0023_dated_facts", include_str!("../../../../migrations/0023_dated_facts.sql")),
    ("0024_bill_sums", include_str!("../../../../migrations/0024_bill_sums.sql")),
    ("0025_moved_history", include_str!("../../../../migrations/0025_moved_history.sql")),
    ("0026_single_sign_on", include_str!("../../../../migrations/0026_single_sign_on.sql")),
    ("0027_statement_numbers", include_str!("../../../../migrations/0027_statement_numbers.sql")),
    ("0028_price_sheets", include_str!("../../../../migrations/0028_price_sheets.sql")),
    ("0029_invitations", include_str!("../../../../migrations/0029_invitations.sql")),
    ("0030_branding", include_str!("../../../../migrations/0030_branding.sql")),
    ("0031_api_keys", include_str!("../../../../migrations/0031_api_keys.sql")),
    ("0032_name_grams", include_str!("../../../../migrations/0032_name_grams.sql")),
    ("0033_branding_logos", include_str!("../../../../migrations/0033_branding_logos.sql")),
    ("0034_drafts_apart", include_str!("../../../../migrations/0034_drafts_apart.sql")),
    ("0035_directory_walks", include_str!("../../../../migrations/0035_directory_walks.sql")),
    ("0036_former_corrections", include_str!("../../../../migrations/0036_former_corrections.sql")),
    ("0037_billing_fault_wordings", include_str!("../../../../migrations/0037_billing_fault_wordings.sql")),
    ("0038_shards", include_str!("../../../../migrations/0038_shards.sql")),
];

/// The oldest schema whose servers work beside a server of this one, on the same PostgreSQL, while one after the other is
/// updated. A migration that changes what they read or write (a column or table that goes, is renamed or takes other values; a new
/// column that has no default) raises this to its own number. Then all servers have to stop for the update, and the changelog
/// says so.
const OLDEST: usize = 38;

/// Migration that recomputes the keys of names.
const NAME_KEYS: &str = "0012_name_keys";

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS schema_compatibility (oldest BIGINT NOT NULL);";

/// Table that exists while `tenantry admin copy` or `tenantry admin restore` fills a database.
pub(crate) const UNFINISHED: &str = "unfinished_copy";

/// Lock against concurrent migrations by other servers.
const ALONE: &str = "SELECT pg_advisory_xact_lock(7263915001)";

/// Statements that set up row-level security on PostgreSQL. Run after every migration, so that new tables are covered.
const ROW_LEVEL_SECURITY: &str = include_str!("row_level_security.sql");

/// Newest schema version.
pub(crate) const NEWEST: usize = MIGRATIONS.len();

pub(super) fn sqlite(tx: &mut Tx, purpose: Purpose) -> Result<(), Error> {
    poll_once(async {
        batch(tx, "BEGIN IMMEDIATE").await?;
        bring_up(tx, purpose).await?;
        batch(tx, "COMMIT").await
    })
}

/// Migrates in a transaction that the caller opened and commits.
pub(super) async fn postgres(tx: &mut Tx, purpose: Purpose) -> Result<(), Error> {
    // Several servers may start at once: one migrates while the others wait here.
    batch(tx, ALONE).await?;
    bring_up(tx, purpose).await?;
    batch(tx, ROW_LEVEL_SECURITY).await
}

/// Creates missing id sequences of up to a hundred partners and returns whether there may be more. Needs its own transaction,
/// because every created sequence is a lock, and PostgreSQL's lock table holds some thousands.
pub(super) async fn start_missing_ids(tx: &mut Tx) -> Result<bool, Error> {
    batch(tx, ALONE).await?;
    tx.start_missing_ids().await
}

async fn bring_up(tx: &mut Tx, purpose: Purpose) -> Result<(), Error> {
    batch(tx, LEDGER).await?;
    let known = applied(tx).await?;
    let wanted = match purpose {
        Purpose::Serve => NEWEST,
        Purpose::Fill(version) | Purpose::Build(version) => version,
    };
    if purpose == Purpose::Serve && is_newer_but_compatible(tx, &known).await? {
        return Ok(());
    }
    check(&known)?;
    if known.len() > wanted {
        return Err(Error::Unfit(format!(
            "the target database has schema version {} already, what is to be put into it has {wanted}: \
             name a new database",
            known.len()
        )));
    }
    if purpose == Purpose::Serve && tx.has_table(UNFINISHED).await? {
        return Err(Error::Unfit(
            "the database holds an unfinished copy or restore: run that command again to its end first"
                .into(),
        ));
    }
    for (version, (name, text)) in (1..).zip(MIGRATIONS).take(wanted).skip(known.len()) {
        let text_here = match &tx.conn {
            Conn::Sqlite(_) => sqlite::dialect(text),
            Conn::Postgres(_) => super::postgres::dialect(text),
        };
        batch(tx, &text_here).await.map_err(|e| Error::Defect(format!("migration {name}: {e}")))?;
        if *name == NAME_KEYS {
            names::refold(tx).await.map_err(|e| Error::Defect(format!("migration {name}: {e}")))?;
        }
        let sql = "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)";
        tx.execute(sql, args![version, *name, &fingerprint(text)]).await?;
    }
    let oldest = OLDEST.min(wanted) as i64;
    tx.execute("DELETE FROM schema_compatibility", args![]).await?;
    tx.execute("INSERT INTO schema_compatibility (oldest) VALUES ($1)", args![oldest]).await?;
    Ok(())
}

/// Whether a newer program has upgraded the database, and this one works with it all the same.
async fn is_newer_but_compatible(tx: &mut Tx, known: &[(i64, String)]) -> Result<bool, Error> {
    if known.len() <= NEWEST || !tx.has_table("schema_compatibility").await? {
        return Ok(false);
    }
    Ok(oldest(tx).await?.is_some_and(|oldest| oldest <= NEWEST as i64))
}

async fn oldest(tx: &mut Tx) -> Result<Option<i64>, Error> {
    tx.first("SELECT oldest FROM schema_compatibility", args![], |row| row.next()).await
}

/// Whether this program works with the database, which a newer one may have upgraded since it was opened.
pub(super) async fn is_compatible(tx: &mut Tx) -> Result<bool, Error> {
    Ok(oldest(tx).await?.is_none_or(|oldest| oldest <= NEWEST as i64))
}

async fn batch(tx: &mut Tx, sql: &str) -> Result<(), Error> {
    match &mut tx.conn {
        Conn::Sqlite(conn) => Ok(conn.execute_batch(sql)?),
        Conn::Postgres(client) => client.batch(sql).await,
    }
}

/// Polls a future once: on SQLite no statement waits.
fn poll_once<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    work.now_or_never().unwrap_or_else(|| Err(Error::defect("SQLite waited")))
}

/// Schema version of a database; `None` if it is not a database of Tenantry. Fails for a version this program does not know.
pub(crate) async fn version(tx: &mut Tx) -> Result<Option<usize>, Error> {
    if !tx.has_table("schema_migrations").await? {
        return Ok(None);
    }
    let known = applied(tx).await?;
    check(&known)?;
    Ok(Some(known.len()))
}

/// The same, but a newer schema that this program's server works with is none that it does not know.
pub(crate) async fn version_to_serve(tx: &mut Tx) -> Result<Option<usize>, Error> {
    if tx.has_table("schema_migrations").await? {
        let known = applied(tx).await?;
        if is_newer_but_compatible(tx, &known).await? {
            return Ok(Some(known.len()));
        }
    }
    version(tx).await
}

/// In-memory SQLite database with the first `version` migrations, declared types included: the source of the tables and
/// columns that a copy transfers.
pub(crate) fn blueprint(version: usize) -> Result<Tx, Error> {
    let conn = rusqlite::Connection::open_in_memory()?;
    for (_, text) in MIGRATIONS.iter().take(version) {
        conn.execute_batch(&lines_for("sqlite", text))?;
    }
    Ok(Tx::new(Conn::Sqlite(conn)))
}

async fn applied(tx: &mut Tx) -> Result<Vec<(i64, String)>, Error> {
    tx.all("SELECT version, sha256 FROM schema_migrations ORDER BY version", args![], |row| {
        Ok((row.next()?, row.next()?))
    })
    .await
}

/// Checks that the applied migrations are those of this program.
fn check(known: &[(i64, String)]) -> Result<(), Error> {
    if known.len() > MIGRATIONS.len() {
        return Err(Error::Unfit(format!(
            "the database has schema version {}, this program knows {NEWEST}: start the newer tenantry that made it",
            known.len(),
        )));
    }
    for ((version, hash), (name, text)) in known.iter().zip(MIGRATIONS) {
        if *hash != fingerprint(text) {
            return Err(Error::Unfit(format!(
                "migration {version} ({name}) in the database is not the one this program knows"
            )));
        }
    }
    Ok(())
}

fn fingerprint(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text of a migration for one engine: its unmarked lines and those marked for `engine`.
pub(super) fn lines_for(engine: &str, text: &str) -> String {
    let mine = format!("--{engine} ");
    let theirs = |line: &str| line.starts_with("--sqlite ") || line.starts_with("--postgres ");
    text.lines()
        .filter_map(|line| line.strip_prefix(mine.as_str()).or((!theirs(line)).then_some(line)))
        .map(|line| format!("{line}\n"))
        .collect()
}
