//! Transfer of whole databases: between the engines, into a backup, and out of one.
//!
//! Each transfer reads one snapshot of a source row by row, writes the rows into an empty target, and then compares the
//! checksums of both. The migrations define the tables and columns.

mod backup;
mod in_use;
mod last_ids;
mod plan;
mod tally;

pub use backup::{backup, restore};
pub use in_use::used_by;
pub use last_ids::{GAP_AFTER_RESTORE, LastIds};
pub use tally::{TableTally, Tally};

use crate::engine::value::args;
use crate::engine::{Purpose, Target, migrate::UNFINISHED};
use crate::{Db, Error, Options, Scope, Tx, statement_numbers};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plan::Plan;
use tally::Sum;

/// Step of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Rows are read and written into the target.
    Copying,
    /// Rows are read and their checksums compared.
    Verifying,
}

/// Progress of a step.
#[derive(Clone, Copy, Debug)]
pub struct Advance<'a> {
    /// Step.
    pub step: Step,
    /// Current table.
    pub table: &'a str,
    /// Number of rows processed, of all tables.
    pub done: u64,
    /// Total number of rows, of all tables.
    pub total: u64,
}

/// Reports progress to a callback.
pub(crate) struct Progress<'a> {
    step: Step,
    done: u64,
    total: u64,
    told: &'a mut (dyn FnMut(Advance<'_>) + Send),
}

impl<'a> Progress<'a> {
    fn new(told: &'a mut (dyn FnMut(Advance<'_>) + Send)) -> Self {
        Progress { step: Step::Copying, done: 0, total: 0, told }
    }

    fn start(&mut self, step: Step, total: u64) {
        (self.step, self.done, self.total) = (step, 0, total);
    }

    fn advance(&mut self, table: &str, rows: usize) {
        self.done += rows as u64;
        (self.told)(Advance { step: self.step, table, done: self.done, total: self.total });
    }
}

/// Copy all data from one database into another, new one, between the engines or not: every row, and the ids to come.
/// The source is only read, in one snapshot; what is changed in it meanwhile is not in the copy.
///
/// An interrupted copy resumes when it is run again; until its end servers refuse the target. Run after its end, it
/// compares source and target.
///
/// # Errors
/// [`Error::Unfit`] if the source holds no data of Tenantry, or of a newer one, or if the target holds data of another
/// origin; [`Error::Defect`] if source and target differ in the end; [`Error`] of the store.
pub async fn copy(
    from: &str,
    to: &str,
    options: Options,
    told: &mut (dyn FnMut(Advance<'_>) + Send),
) -> Result<Tally, Error> {
    let origin = Target::of(from)?.identity()?;
    if origin == Target::of(to)?.identity()? {
        return Err(Error::Unfit("source and target are the same database".into()));
    }
    let mut progress = Progress::new(told);
    let mut source = Tx::snapshot(from).await?;
    let plan = Plan::of(&mut source, "the source").await?;
    match fill(&mut source, &plan, &origin, to, options, For::Copy, &mut progress).await? {
        Filled::Now(tally) => Ok(tally),
        Filled::Before => {
            let there = Tally::of(&mut Tx::snapshot(to).await?, &plan, &mut progress).await?;
            let here = Tally::of(&mut source, &plan, &mut progress).await?;
            if here == there {
                return Ok(here);
            }
            Err(Error::Unfit(format!(
                "the target database holds data that is not the source's, and is left as it is: name a new, empty \
                 database. They differ in {}",
                here.differences(&there)
            )))
        }
    }
}

/// Purpose for which a database is filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// To take the source's place: the next id is the source's next.
    Copy,
    /// To go on at this time from an earlier state, after which the source may have given ids that the backup does not know.
    Restore(Timestamp),
}

enum Filled {
    /// The target was filled with this content.
    Now(Tally),
    /// The target already held data, of another origin or of a completed copy; it was not changed.
    Before,
}

/// Fills an empty database, or continues an interrupted transfer from the same origin.
async fn fill(
    source: &mut Tx,
    plan: &Plan,
    origin: &str,
    to: &str,
    options: Options,
    purpose: For,
    progress: &mut Progress<'_>,
) -> Result<Filled, Error> {
    let target = Db::open_for(to, options, Purpose::Fill(plan.version)).await?;
    let filled = fill_open(source, plan, origin, to, &target, purpose, progress).await;
    target.close().await;
    filled
}

async fn fill_open(
    source: &mut Tx,
    plan: &Plan,
    origin: &str,
    to: &str,
    target: &Db,
    purpose: For,
    progress: &mut Progress<'_>,
) -> Result<Filled, Error> {
    let mut there = plan.count(&mut Tx::snapshot(to).await?).await?;
    if !mark(target, origin, there == 0).await? {
        return Ok(Filled::Before);
    }
    loop {
        let resumed = there > 0;
        let differences = match pour(source, plan, to, target, progress).await {
            Ok(poured) => {
                let arrived = Tally::of(&mut Tx::snapshot(to).await?, plan, progress).await?;
                if arrived == poured {
                    plan::analyze(target, &poured).await?;
                    if let For::Restore(now) = purpose {
                        let behind = last_ids::behind_gap(source, &poured.last_ids, plan.counted).await?;
                        last_ids::write(target, plan.counted, &behind).await?;
                        skip_lost_numbers(target, plan, now).await?;
                    }
                    return unmark(target).await.map(|()| Filled::Now(poured));
                }
                poured.differences(&arrived)
            }
            // A row that is there already, or refers to one that is not.
            Err(Error::Retry(what) | Error::Defect(what)) => what,
            Err(error) => return Err(error),
        };
        if !resumed {
            return Err(Error::Defect(format!("what was written is not what was read: {differences}")));
        }
        // The source has changed since the copy was interrupted.
        tracing::warn!("what was copied before does not fit any more ({differences}); starting over");
        let tables = plan.tables.clone();
        let cleared = target.write(Scope::System, tables, |tables, tx| {
            Box::pin(async move {
                for table in tables.iter().rev() {
                    table.clear(tx).await?;
                }
                Ok::<_, Error>(())
            })
        });
        cleared.await?;
        there = 0;
    }
}

/// Statement numbers are the partners' own, so that ids' gap is not theirs.
async fn skip_lost_numbers(target: &Db, plan: &Plan, now: Timestamp) -> Result<(), Error> {
    if !plan.tables.iter().any(|table| table.name == "statement_numbers") {
        return Ok(());
    }
    let year = i64::from(now.to_zoned(TimeZone::UTC).year());
    target.write(Scope::System, year, |year, tx| Box::pin(statement_numbers::skip_lost(tx, *year))).await
}

/// Records the origin before the first row is written. `false` if the target holds data already.
async fn mark(target: &Db, origin: &str, empty: bool) -> Result<bool, Error> {
    target
        .write(Scope::System, (origin.to_owned(), empty), |(origin, empty), tx| {
            Box::pin(async move {
                if !tx.has_table(UNFINISHED).await? {
                    if *empty {
                        tx.execute(&format!("CREATE TABLE {UNFINISHED} (origin TEXT NOT NULL)"), args![]).await?;
                        let sql = format!("INSERT INTO {UNFINISHED} (origin) VALUES ($1)");
                        tx.execute(&sql, args![origin]).await?;
                    }
                    return Ok(*empty);
                }
                let sql = format!("SELECT origin FROM {UNFINISHED}");
                let known = tx.first(&sql, args![], |row| row.next::<String>()).await?;
                if known.as_ref() == Some(origin) {
                    return Ok(true);
                }
                Err(Error::Unfit(format!(
                    "the target database holds an unfinished copy of {}, and is left as it is: name a new, empty \
                     database",
                    known.unwrap_or_default()
                )))
            })
        })
        .await
}

/// Marks the database as complete.
async fn unmark(target: &Db) -> Result<(), Error> {
    target
        .write(Scope::System, (), |(), tx| {
            Box::pin(async move { tx.execute(&format!("DROP TABLE {UNFINISHED}"), args![]).await.map(drop) })
        })
        .await
}

/// Write what is not there yet, in the order in which it is read: what is there is taken for the beginning of it.
async fn pour(
    source: &mut Tx,
    plan: &Plan,
    to: &str,
    target: &Db,
    progress: &mut Progress<'_>,
) -> Result<Tally, Error> {
    progress.start(Step::Copying, plan.count(source).await?);
    let mut tables = Vec::new();
    for table in &plan.tables {
        let mut there = table.count(&mut Tx::snapshot(to).await?).await? as usize;
        let (mut sum, mut last) = (Sum::default(), None);
        loop {
            let mut rows = table.page(source, last.as_ref()).await?;
            let read = rows.len();
            rows.iter().for_each(|row| sum.add(row));
            let Some(row) = rows.last() else { break };
            last = Some(row.clone());
            let known = there.min(read);
            there -= known;
            if known < read {
                table.insert(target, rows.split_off(known)).await?;
            }
            progress.advance(&table.name, read);
        }
        tables.push(sum.tally(&table.name));
    }
    // On PostgreSQL sequences are in no snapshot, but only rise: read after the rows, they are above all ids of these.
    let last_ids = plan.read_last_ids(source).await?;
    last_ids::write(target, plan.counted, &last_ids).await?;
    Ok(Tally { tables, last_ids })
}

/// Contents of the plan of the newest schema, for a test that compares it with the engines' own catalogues.
#[cfg(test)]
pub(crate) struct Contents {
    plan: Plan,
    /// `table.column`, sorted.
    pub(crate) columns: Vec<String>,
}

#[cfg(test)]
impl Contents {
    pub(crate) async fn newest() -> Result<Self, Error> {
        let plan = Plan::at(crate::engine::migrate::NEWEST).await?;
        let mut columns: Vec<String> = plan.tables.iter().flat_map(|table| table.column_names()).collect();
        columns.sort();
        Ok(Contents { columns, plan })
    }

    pub(crate) async fn rows(&self, tx: &mut Tx) -> Result<u64, Error> {
        self.plan.count(tx).await
    }
}
