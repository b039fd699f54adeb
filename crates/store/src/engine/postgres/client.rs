//! One job's handle on a pooled transaction: sends statements, pipelined where it can.

use super::connect::{ADDRESS_TIMEOUT, Cluster, Connection, Facts};
use super::{Shards, lock};
use crate::Error;
use crate::engine::value::{Arg, Row};
use crate::engine::{Conn, Tx};
use deadpool::managed::Object;
use futures_util::TryFutureExt;
use futures_util::future::{join, join_all, try_join};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

/// Pooled connection in a transaction, of one job or of a batch. If the transaction was not ended properly, the connection
/// is closed instead of returned to the pool.
pub(super) struct PooledTransaction {
    pub(super) object: Option<Object<Cluster>>,
    pub(super) in_transaction: AtomicBool,
    pub(super) shard: i64,
    pub(super) shards: Shards,
    /// Number of jobs that share the transaction.
    pub(super) jobs: usize,
    /// Names claimed by the jobs of the batch. PostgreSQL's locks do not exclude statements of the same transaction.
    pub(super) held: Mutex<HashSet<String>>,
    pub(super) job_lock: Arc<tokio::sync::Mutex<()>>,
    /// Permit of a change, one of [`MAX_CHANGES`], held as long as the connection.
    pub(super) _permit: Option<OwnedSemaphorePermit>,
}

impl PooledTransaction {
    fn get(&self) -> Result<&Connection, Error> {
        self.object.as_deref().ok_or_else(|| Error::defect("a connection was used after it was returned"))
    }
}

impl Drop for PooledTransaction {
    fn drop(&mut self) {
        lock(&self.shards).push(self.shard);
        if let Some(object) = self.object.take()
            && self.in_transaction.load(Ordering::SeqCst)
        {
            drop(Object::take(object));
        }
    }
}

/// Handle of one job on a pooled transaction.
pub(crate) struct Client {
    pub(super) transaction: Arc<PooledTransaction>,
    /// Statement that opens the transaction, until it is sent with the first statement of the job.
    pub(super) begin: Option<String>,
    /// Statements that are sent with the next one.
    pub(super) queued: Vec<QueuedStatement>,
    pub(super) deadline: Duration,
    /// First error of a statement. The job receives it too, but converted to its own error type.
    pub(in crate::engine) first_error: Option<Error>,
    /// Whether the job has changed a row, or may have.
    pub(super) changed: bool,
}

/// Statement that is not sent yet.
pub(super) struct QueuedStatement {
    pub(super) sql: String,
    pub(super) args: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Client {
    pub(super) fn get(&self) -> Result<&Connection, Error> {
        self.transaction.get()
    }

    /// Handle for another job, on the same connection and transaction.
    pub(in crate::engine) fn fork(&self) -> Self {
        Client {
            transaction: Arc::clone(&self.transaction),
            begin: None,
            queued: Vec::new(),
            deadline: self.deadline,
            first_error: None,
            changed: false,
        }
    }

    pub(in crate::engine) async fn batch(&mut self, sql: &str) -> Result<(), Error> {
        let deadline = self.deadline;
        in_time(deadline, self.get()?.client.batch_execute(sql).map_err(Error::from)).await
    }

    pub(in crate::engine) fn enqueue(&mut self, sql: &str, args: &[Arg<'_>]) {
        self.changed = true;
        self.queued
            .push(QueuedStatement { sql: sql.to_owned(), args: args.iter().map(Arg::owned).collect() });
    }

    /// Sends the queued statements and then `sql` with `ask`, pipelined. Returns the first error: PostgreSQL fails all later
    /// statements of a failed transaction.
    pub(super) async fn send<'c, T, F>(
        &'c mut self,
        sql: &str,
        ask: impl FnOnce(&'c tokio_postgres::Client, Statement) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>> + 'c,
    {
        let (mut begin, waiting) = (self.begin.take(), std::mem::take(&mut self.queued));
        let Connection { client, statements, .. } = self.transaction.get()?;
        // If BEGIN failed, a pipelined change would run outside of a transaction, so only a SELECT is pipelined with it.
        if let Some(sql) = begin.take_if(|_| !waiting.is_empty() || !sql.starts_with("SELECT")) {
            open(client, &sql).await?;
        }
        let opened = async { if let Some(sql) = &begin { open(client, sql).await } else { Ok(()) } };
        let answered = async {
            let mut prepared = Vec::with_capacity(waiting.len());
            for QueuedStatement { sql, .. } in &waiting {
                prepared.push(statements.prepare(client, sql).await?);
            }
            let last = statements.prepare(client, sql).await?;
            let done = join_all(prepared.iter().zip(&waiting).map(|(statement, waiting)| {
                let args = waiting.args.iter().map(|arg| &**arg as &(dyn ToSql + Sync));
                client.execute_raw(statement, args)
            }));
            let (done, answer) = join(done, ask(client, last)).await;
            done.into_iter().collect::<Result<Vec<u64>, _>>()?;
            Ok(answer?)
        };
        let ((), answer) = try_join(opened, answered).await?;
        Ok(answer)
    }

    /// Records the first error, which decides whether the transaction is retried.
    fn record_error<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome
            .inspect_err(|error| self.first_error = self.first_error.take().or_else(|| Some(error.clone())))
    }

    /// Version and settings of the server.
    pub(crate) async fn facts(&mut self) -> Result<Facts, Error> {
        Facts::of(&self.get()?.client).await
    }
}

impl Client {
    pub(in crate::engine) fn shard(&self) -> i64 {
        self.transaction.shard
    }

    pub(in crate::engine) fn jobs(&self) -> usize {
        self.transaction.jobs
    }

    /// Claims a name; `false` if another job of the transaction has claimed it.
    pub(in crate::engine) fn claim(&self, name: &str) -> bool {
        lock(&self.transaction.held).insert(name.to_owned())
    }

    /// Whether a job of the transaction has claimed a name.
    pub(super) fn claims(&self) -> bool {
        !lock(&self.transaction.held).is_empty()
    }

    pub(in crate::engine) fn job_lock(&self) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.transaction.job_lock)
    }
}

/// Opens a transaction. BEGIN waits for nothing, so a server that does not answer within the short timeout is down.
pub(super) async fn open(client: &tokio_postgres::Client, begin: &str) -> Result<(), Error> {
    in_time(ADDRESS_TIMEOUT, client.batch_execute(begin).map_err(Error::from)).await
}

pub(super) fn client_of(tx: &mut Tx) -> Result<&mut Client, Error> {
    match &mut tx.conn {
        Conn::Postgres(client) => Ok(client),
        Conn::Sqlite(_) => Err(Error::defect("not a PostgreSQL transaction")),
    }
}

async fn in_time<T>(deadline: Duration, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Err(Error::Unavailable("PostgreSQL did not answer in time".into()));
    tokio::time::timeout(deadline, answer).await.unwrap_or_else(late)
}

async fn rows(client: &mut Client, sql: &str, args: &[Arg<'_>]) -> Result<Vec<tokio_postgres::Row>, Error> {
    let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
    let deadline = client.deadline;
    let asked = client.send(sql, |client, statement| async move { client.query(&statement, &args).await });
    let answer = in_time(deadline, asked).await;
    client.record_error(answer)
}

pub(in crate::engine) async fn execute(
    client: &mut Client,
    sql: &str,
    args: &[Arg<'_>],
) -> Result<u64, Error> {
    let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
    let deadline = client.deadline;
    let asked = client.send(sql, |client, statement| async move { client.execute(&statement, &args).await });
    let answer = in_time(deadline, asked).await;
    client.changed |= !matches!(answer, Ok(0));
    client.record_error(answer)
}

pub(in crate::engine) async fn all<T>(
    client: &mut Client,
    sql: &str,
    args: &[Arg<'_>],
    read: impl Fn(&mut Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let rows = rows(client, sql, args).await?;
    client.changed |= !rows.is_empty() && !sql.starts_with("SELECT"); // RETURNING
    rows.iter().map(|row| read(&mut Row::postgres(row))).collect()
}
