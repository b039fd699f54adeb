//! Checks of a PostgreSQL database and its server.

use super::{Report, Verdict, schema};
use crate::engine::value::args;
use crate::engine::{Conn, Target, Tx, postgres::MAX_CONNECTIONS};
use crate::{Error, engine::postgres::Facts};
use jiff::Timestamp;

/// Maximum difference of the two clocks, in seconds.
const MAX_CLOCK_DIFFERENCE: i64 = 5;

pub(super) async fn examine(
    url: &str,
    now: &(dyn Fn() -> Timestamp + Sync),
    report: &mut Report,
) -> Result<(), Error> {
    let mut tx = Tx::snapshot(url).await?;
    let facts = match &mut tx.conn {
        Conn::Postgres(client) => client.facts().await?,
        Conn::Sqlite(_) => return Err(Error::defect("not a PostgreSQL database")),
    };
    let size = number(&mut tx, "SELECT pg_database_size(current_database())").await?;
    report.fine("database", format!("{}, {size} bytes", Target::of(url)?.identity()?));
    settings(&facts, report);
    let standbys = text(&mut tx, "SELECT current_setting('synchronous_standby_names')").await?;
    match facts.synchronous_commit.as_str() {
        "off" => {
            let advice =
                "turn it on: acknowledged changes are lost in a crash, and the server does not start";
            report.add("synchronous_commit", Verdict::Problem, "off", advice);
        }
        "local" if !standbys.is_empty() => {
            let advice = "set it to on: commits do not wait for the standbys in synchronous_standby_names";
            report.add("synchronous_commit", Verdict::Warning, "local", advice);
        }
        other => report.fine("synchronous_commit", other),
    }
    statistics(&mut tx, report).await?;
    encryption(&mut tx, report).await?;
    clock(&mut tx, now, report).await?;
    connections(&mut tx, report).await?;
    integrity(&mut tx, report).await?;
    let advice = "look there, with df: on a full disk every change is refused";
    report
        .fine("disk space", format!("that of the database server, which cannot be seen from here: {advice}"));
    if schema(&mut tx, report).await.is_some() {
        row_level_security(&mut tx, &facts, report).await?;
    }
    Ok(())
}

fn settings(facts: &Facts, report: &mut Report) {
    let version = format!("PostgreSQL {}", facts.version);
    if facts.is_supported() {
        report.fine("version", version);
    } else {
        report.add("version", Verdict::Problem, version, "15 or later is needed");
    }
    for (name, on) in [("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes)] {
        if on {
            report.fine(name, "on");
        } else {
            let advice = "turn it on: a crash can lose or damage everything, and the server does not start";
            report.add(name, Verdict::Problem, "off", advice);
        }
    }
}

/// The planner takes a table of which it knows nothing for a small one, and looks through all of a partner's customers to
/// find the one that a tag belongs to.
async fn statistics(tx: &mut Tx, report: &mut Report) -> Result<(), Error> {
    let sql = "SELECT CASE WHEN current_setting('autovacuum') <> 'on' THEN 'autovacuum is off'
                   WHEN current_setting('track_counts') <> 'on' THEN 'track_counts is off' ELSE 'collected' END";
    match text(tx, sql).await?.as_str() {
        found @ "collected" => report.fine("statistics", found),
        found => {
            let advice =
                "turn it on: without statistics every create takes longer, the more customers there are";
            report.add("statistics", Verdict::Warning, found, advice);
        }
    }
    Ok(())
}

async fn encryption(tx: &mut Tx, report: &mut Report) -> Result<(), Error> {
    let sql = "SELECT CASE WHEN client_addr IS NULL THEN 'none, over a Unix socket' WHEN ssl THEN version
                   WHEN client_addr = inet_server_addr() THEN 'none, on this machine' ELSE 'none' END
               FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE pid = pg_backend_pid()";
    match text(tx, sql).await?.as_str() {
        "none" => {
            let advice =
                "others in the network can read along: turn ssl on, and put ?sslmode=verify-full in the URL";
            report.add("encryption", Verdict::Warning, "none", advice);
        }
        found => report.fine("encryption", found),
    }
    Ok(())
}

async fn clock(tx: &mut Tx, now: &(dyn Fn() -> Timestamp + Sync), report: &mut Report) -> Result<(), Error> {
    let theirs = number(tx, "SELECT EXTRACT(EPOCH FROM clock_timestamp())::bigint").await?;
    let ours = now();
    let apart = (theirs - ours.as_second()).abs();
    if apart > MAX_CLOCK_DIFFERENCE {
        let found = format!("{ours}, {apart} s apart from the database server's");
        report.add(
            "clock",
            Verdict::Problem,
            found,
            "keep both set with NTP: trials and idempotency depend on it",
        );
    } else {
        report.fine("clock", format!("{ours}, the database server's too"));
    }
    Ok(())
}

async fn connections(tx: &mut Tx, report: &mut Report) -> Result<(), Error> {
    let sql = "SELECT current_setting('max_connections')::bigint
                   - current_setting('superuser_reserved_connections')::bigint";
    let max = number(tx, sql).await?;
    let found = format!("{max} allowed, each server uses up to {MAX_CONNECTIONS}");
    if max < MAX_CONNECTIONS as i64 {
        report.add("connections", Verdict::Warning, found, "raise max_connections");
    } else {
        report.fine("connections", found);
    }
    Ok(())
}

async fn integrity(tx: &mut Tx, report: &mut Report) -> Result<(), Error> {
    let sql = "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                   WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace
               UNION ALL SELECT conname::text FROM pg_constraint
                   WHERE NOT convalidated AND connamespace = current_schema()::regnamespace";
    let broken = tx.all(sql, args![], |row| row.next::<String>()).await?;
    if broken.is_empty() {
        report.fine("integrity", "every index and constraint is valid");
    } else {
        let advice = "REINDEX, or VALIDATE CONSTRAINT; run pg_amcheck for more";
        report.add("integrity", Verdict::Problem, format!("not valid: {}", broken.join(", ")), advice);
    }
    let checksums = text(tx, "SELECT current_setting('data_checksums')").await?;
    if checksums == "on" {
        report.fine("data_checksums", checksums);
    } else {
        let advice = "a failing disk goes unnoticed: stop the cluster and run pg_checksums --enable";
        report.add("data_checksums", Verdict::Warning, checksums, advice);
    }
    Ok(())
}

/// Checks that row-level security hides other partners' rows from the server's transactions.
async fn row_level_security(tx: &mut Tx, facts: &Facts, report: &mut Report) -> Result<(), Error> {
    let sql = "SELECT c.relname::text FROM pg_class c
               WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
                   AND (c.relname = 'partners' OR EXISTS (SELECT FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attname = 'partner_id' AND NOT a.attisdropped))
                   AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                       AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'own_partner'))";
    let open = tx.all(sql, args![], |row| row.next::<String>()).await?;
    let name = "row level security";
    if !open.is_empty() {
        let advice = "start the server once: it puts the missing policies in place";
        report.add(name, Verdict::Problem, format!("missing on {}", open.join(", ")), advice);
    } else if facts.unbound && !facts.can_step_down {
        let advice = "sign in as a role without SUPERUSER and BYPASSRLS, or run as a superuser: CREATE ROLE \
                      tenantry_app NOLOGIN; GRANT tenantry_app TO that role; then start the server once";
        report.add(
            name,
            Verdict::Problem,
            "not effective: the role that signs in is not bound by it",
            advice,
        );
    } else if facts.unbound {
        report.fine(name, "effective: transactions switch to the role tenantry_app");
    } else {
        report.fine(name, "effective");
    }
    Ok(())
}

async fn text(tx: &mut Tx, sql: &str) -> Result<String, Error> {
    Ok(tx.first(sql, args![], |row| row.next::<String>()).await?.unwrap_or_default())
}

async fn number(tx: &mut Tx, sql: &str) -> Result<i64, Error> {
    let found = tx.first(sql, args![], |row| row.next::<i64>()).await?;
    found.ok_or_else(|| Error::defect("no answer"))
}
