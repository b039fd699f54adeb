//! Last used ids, behind which ids continue in a copy.

use super::plan::Plan;
use crate::engine::ids::{PARTNERS, create_sequences, drop_shared_sequences};
use crate::engine::value::args;
use crate::engine::{Conn, IdSequence, Tx};
use crate::{Db, Error, Scope};
use std::collections::BTreeMap;

/// Gap in ids between the last of a backup and the first after its restore: more than were used in between.
pub const GAP_AFTER_RESTORE: i64 = 1_000_000;

/// Partners whose sequences are read or created in one transaction: PostgreSQL holds a lock for each of them.
const PARTNERS_AT_A_TIME: usize = 100;

/// The last id that was given, by partner and kind; the partner is 0 for what the whole server counts.
pub type LastIds = BTreeMap<(i64, String), i64>;

/// Owner of the id sequences, which depends on the schema version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Not counted: the first schema of the tests.
    Never,
    /// The server, in `sequences` on SQLite, in sequences called `customers_id` on PostgreSQL.
    ByServer,
    /// Each partner, in `id_sequences` on SQLite, in sequences called `customers_id_17` on PostgreSQL.
    ByPartner,
}

impl Plan {
    pub(super) async fn read_last_ids(&self, tx: &mut Tx) -> Result<LastIds, Error> {
        let is_sqlite = matches!(tx.conn, Conn::Sqlite(_));
        match self.counted {
            Counted::Never => Ok(LastIds::new()),
            Counted::ByServer if is_sqlite => {
                rows(tx, "SELECT 0, name, value FROM sequences WHERE value > 0").await
            }
            Counted::ByPartner if is_sqlite => {
                rows(tx, "SELECT partner_id, kind, last_id FROM id_sequences WHERE last_id > 0").await
            }
            Counted::ByServer => {
                let sql = "SELECT 0::bigint, regexp_replace(sequencename, '_id$', ''),
                               pg_sequence_last_value(format('%I', sequencename)::regclass)
                           FROM pg_sequences WHERE schemaname = current_schema() AND last_value > 0";
                rows(tx, sql).await
            }
            Counted::ByPartner => of_partners(tx).await,
        }
    }
}

async fn rows(tx: &mut Tx, sql: &str) -> Result<LastIds, Error> {
    let found = tx.all(sql, args![], |row| Ok(((row.next()?, row.next()?), row.next()?))).await?;
    Ok(found.into_iter().collect())
}

async fn of_partners(tx: &mut Tx) -> Result<LastIds, Error> {
    let unfinished = "SELECT to_regclass('customers_id_before') IS NOT NULL";
    if tx.first(unfinished, args![], |row| row.next()).await? == Some(true) {
        let advice = "the database is being brought up to date: start the server with it first";
        return Err(Error::Unfit(advice.into()));
    }
    let server = format!(
        "SELECT 0::bigint, '{PARTNERS}'::text, last_value FROM pg_sequences
         WHERE schemaname = current_schema() AND sequencename = '{PARTNERS}_id' AND last_value > 0"
    );
    let mut last = rows(tx, &server).await?;
    let partners: Vec<i64> = tx.all("SELECT id FROM partners ORDER BY id", args![], |row| row.next()).await?;
    let kinds = IdSequence::values();
    let sql = format!(
        "SELECT * FROM (
             SELECT p.id, k.kind, pg_sequence_last_value(to_regclass(k.kind || '_id_' || p.id)) AS last_id
             FROM partners p, (VALUES {kinds}) k (kind) WHERE p.id BETWEEN $1 AND $2
         ) found WHERE last_id > 0"
    );
    for partners in partners.chunks(PARTNERS_AT_A_TIME) {
        let (first, end) = (partners[0], partners[partners.len() - 1]);
        // The locks of sequences that were read go with the savepoint.
        tx.execute("SAVEPOINT last_ids", args![]).await?;
        let found =
            tx.all(&sql, args![first, end], |row| Ok(((row.next()?, row.next()?), row.next()?))).await?;
        tx.execute("ROLLBACK TO SAVEPOINT last_ids", args![]).await?;
        last.extend(found);
    }
    Ok(last)
}

/// Let ids go on from where they were.
pub(super) async fn write(target: &Db, counted: Counted, last: &LastIds) -> Result<(), Error> {
    let last: Vec<((i64, String), i64)> = last.iter().map(|(of, id)| (of.clone(), *id)).collect();
    let mut by_partner: Vec<_> = last.chunk_by(|((a, _), _), ((b, _), _)| a == b).collect();
    if by_partner.is_empty() {
        by_partner.push(&[]); // what an interrupted copy has written is still to be cleared
    }
    for (number, some) in by_partner.chunks(PARTNERS_AT_A_TIME).enumerate() {
        let some = some.concat();
        target
            .write(Scope::System, (some, number == 0), move |(some, is_first), tx| {
                Box::pin(write_some(tx, counted, some, *is_first))
            })
            .await?;
    }
    Ok(())
}

async fn write_some(
    tx: &mut Tx,
    counted: Counted,
    last: &[((i64, String), i64)],
    is_first: bool,
) -> Result<(), Error> {
    let is_sqlite = matches!(tx.conn, Conn::Sqlite(_));
    if is_first && counted == Counted::ByPartner {
        let clear = if is_sqlite { "DELETE FROM id_sequences".to_owned() } else { drop_shared_sequences() };
        tx.execute(&clear, args![]).await?;
    }
    let mut created = None;
    for ((partner, kind), id) in last {
        if is_sqlite {
            let sql = match counted {
                Counted::ByPartner => {
                    "INSERT INTO id_sequences (partner_id, kind, last_id) VALUES ($1, $2, $3)"
                }
                _ => "UPDATE sequences SET value = $3 WHERE $1 = 0 AND name = $2",
            };
            tx.execute(sql, args![*partner, kind, *id]).await?;
            continue;
        }
        let is_shared = counted != Counted::ByPartner || kind == PARTNERS;
        if !is_shared && created != Some(*partner) {
            for sql in create_sequences(*partner).split_terminator(';') {
                tx.execute(sql, args![]).await?;
            }
            created = Some(*partner);
        }
        let name = if is_shared { format!("{kind}_id") } else { format!("{kind}_id_{partner}") };
        tx.execute("SELECT setval($1::text::regclass, $2)", args![&name, *id]).await?;
    }
    Ok(())
}

/// The last ids with the gap that a restore leaves, for every kind of every partner: one that was given its first since the
/// backup was made is among those that are lost.
pub(super) async fn behind_gap(tx: &mut Tx, last: &LastIds, counted: Counted) -> Result<LastIds, Error> {
    let mut behind = last.clone();
    if counted != Counted::ByPartner {
        behind.values_mut().for_each(|id| *id = id.saturating_add(GAP_AFTER_RESTORE));
        return Ok(behind);
    }
    let partners = tx.all("SELECT id FROM partners", args![], |row| row.next::<i64>()).await?;
    for partner in partners {
        for kind in IdSequence::ALL {
            behind.entry((partner, kind.name().to_owned())).or_default();
        }
    }
    behind.entry((0, PARTNERS.to_owned())).or_default();
    behind.values_mut().for_each(|id| *id = id.saturating_add(GAP_AFTER_RESTORE));
    Ok(behind)
}
