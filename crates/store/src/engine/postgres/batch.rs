//! Batched commits: several changes in one transaction, and several look-ups on one snapshot. A batch has one BEGIN, one
//! COMMIT and one wait for the disk, and pipelines the statements of its jobs.

use super::super::fair::FairQueue;
use super::{LOOK_UP, Postgres, QueuedStatement, client_of, commit, lock, open, release, rollback};
use crate::engine::Turn;
use crate::engine::job::{Job, run_unwinding};
use crate::{Error, Scope, Tx};
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// Maximum number of jobs batched into one transaction.
const MAX_BATCHED_JOBS: usize = 32;
/// Maximum number of batches that run at a time, for each kind: enough to use several processors of the database server,
/// few enough that jobs queue and can be batched.
const MAX_WORKERS: usize = 3;
/// Maximum number of batches of one partner at a time. A third one would make its changes hardly faster, and those of others
/// wait: for a worker, and for a processor of the database server.
const MAX_BATCHES_OF_PARTNER: usize = 2;
/// The same while another partner has jobs.
const MAX_BATCHES_BESIDE_OTHERS: usize = 1;
/// Duration after which a batch no longer counts towards [`MAX_WORKERS`]: it waits for a lock, a disk or a standby, and
/// must not block the queue.
const SLOW_BATCH: Duration = Duration::from_millis(100);
/// Duration after which it no longer counts towards its partner's batches either.
const STUCK_BATCH: Duration = Duration::from_secs(1);
/// Number of jobs that run unbatched after a batch was rolled back, because more jobs that fail often follow the first.
const UNBATCHED_JOBS: usize = 16;

/// Kind of a batched job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum JobKind {
    Change,
    LookUp,
}

/// Queue of waiting jobs of one kind, and its workers.
#[derive(Default)]
pub(super) struct JobQueue {
    jobs: FairQueue<Turn, QueuedJob>,
    workers: usize,
    /// Scope of each batch that is under way and counts.
    under_way: Vec<Scope>,
    unbatched_jobs: usize,
}

impl JobQueue {
    /// Takes the jobs of the next batch. All have the same scope, which becomes the transaction's.
    fn take(&mut self) -> Option<(Scope, Vec<QueuedJob>)> {
        let limit = if self.unbatched_jobs > 0 { 1 } else { MAX_BATCHED_JOBS };
        let (under_way, waiting) =
            (&self.under_way, self.jobs.turns().map(|turn| turn.scope).collect::<Vec<_>>());
        let may = |turn: &Turn| may_begin(turn.scope, under_way, &waiting);
        let (turn, taken) = self.jobs.pop_together(limit, may, |first, other| first.scope == other.scope)?;
        self.under_way.push(turn.scope);
        self.unbatched_jobs = self.unbatched_jobs.saturating_sub(1);
        Some((turn.scope, taken))
    }

    /// A batch of this scope has ended, or no longer counts.
    fn ended(&mut self, scope: Scope) {
        if let Some(at) = self.under_way.iter().position(|other| *other == scope) {
            self.under_way.swap_remove(at);
        }
    }
}

/// Whether another batch of this scope may begin, beside the batches that are under way and the jobs that wait. Those of the
/// system are look-ups of keys, before it is known whose they are.
fn may_begin(scope: Scope, under_way: &[Scope], waiting: &[Scope]) -> bool {
    let is_other = |other: &Scope| *other != scope && *other != Scope::System;
    let limit = match under_way.iter().chain(waiting).any(is_other) {
        true => MAX_BATCHES_BESIDE_OTHERS,
        false => MAX_BATCHES_OF_PARTNER,
    };
    scope == Scope::System || under_way.iter().filter(|other| **other == scope).count() < limit
}

/// Queued job; its caller is answered after the transaction has ended.
struct QueuedJob {
    job: Arc<dyn Job>,
    reply: oneshot::Sender<Result<(), Error>>,
}

impl QueuedJob {
    /// Runs the job in a shared transaction and returns its unsent statements. An error rolls back the whole batch.
    async fn run(&self, mut tx: Tx) -> Result<Vec<QueuedStatement>, Error> {
        let ran = run_unwinding(&*self.job, &mut tx).await;
        let client = client_of(&mut tx)?;
        let has_succeeded = ran?;
        if let Some(error) = client.first_error.take() {
            return Err(error);
        }
        if !has_succeeded && client.changed {
            return Err(Error::Retry("a job failed after it had changed something".into()));
        }
        Ok(std::mem::take(&mut client.queued))
    }

    /// Tells the caller that the job's outcome holds, or why not: a refusal may depend on a row that another job of the batch
    /// wrote, so it is void without the commit too.
    fn answer(self, ended: Result<(), Error>) {
        drop(self.reply.send(ended)); // the caller may be gone
    }

    /// Runs the job in its own transaction and answers the caller.
    async fn run_alone(self, kind: JobKind, db: &Postgres, scope: Scope) {
        let ran = async {
            match kind {
                JobKind::Change => db.write_with_retries(scope, &*self.job).await,
                JobKind::LookUp => db.read_with_retries(LOOK_UP, scope, &*self.job).await,
            }
        };
        let ran = AssertUnwindSafe(ran).catch_unwind().await;
        let ended = ran.unwrap_or_else(|_| Err(Error::defect("a store job panicked")));
        self.answer(ended);
    }
}

impl Postgres {
    pub(in crate::engine) async fn batched(
        &self,
        kind: JobKind,
        turn: Turn,
        job: Arc<dyn Job>,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        lock(self.queue(kind)).jobs.push(turn, QueuedJob { job, reply });
        self.start_worker(kind);
        answer.await.unwrap_or_else(|_| Err(Error::defect("a job was lost")))
    }

    fn queue(&self, kind: JobKind) -> &Mutex<JobQueue> {
        match kind {
            JobKind::Change => &self.queues.0,
            JobKind::LookUp => &self.queues.1,
        }
    }

    /// Starts a worker for queued jobs unless [`MAX_WORKERS`] are running.
    fn start_worker(&self, kind: JobKind) {
        let mut waiting = lock(self.queue(kind));
        if waiting.jobs.is_empty() || waiting.workers == MAX_WORKERS {
            return;
        }
        waiting.workers += 1;
        drop(waiting);
        let db = self.clone();
        self.changes.spawn(async move { db.work(kind).await });
    }

    async fn work(&self, kind: JobKind) {
        loop {
            let next = {
                let mut waiting = lock(self.queue(kind));
                let next = waiting.take();
                waiting.workers -= usize::from(next.is_none());
                next
            };
            let Some((scope, jobs)) = next else { return };
            let mut working = std::pin::pin!(self.run_batch(kind, scope, jobs));
            let is_slow = tokio::time::timeout(SLOW_BATCH, &mut working).await.is_err();
            if is_slow {
                lock(self.queue(kind)).workers -= 1;
                self.start_worker(kind);
                let left = STUCK_BATCH.saturating_sub(SLOW_BATCH);
                if tokio::time::timeout(left, &mut working).await.is_err() {
                    lock(self.queue(kind)).ended(scope);
                    self.start_worker(kind);
                    return working.await;
                }
            }
            lock(self.queue(kind)).ended(scope);
            if is_slow {
                return self.start_worker(kind);
            }
        }
    }

    async fn run_batch(&self, kind: JobKind, scope: Scope, jobs: Vec<QueuedJob>) {
        if jobs.len() > 1 {
            match self.run_in_one_transaction(kind, scope, &jobs).await {
                Ok(()) => return jobs.into_iter().for_each(|job| job.answer(Ok(()))),
                Err(error @ Error::Unknown(_)) => {
                    return jobs.into_iter().for_each(|job| job.answer(Err(error.clone())));
                }
                Err(error) => {
                    tracing::debug!(%error, jobs = jobs.len(), "batch rolled back; running its jobs one by one");
                    lock(self.queue(kind)).unbatched_jobs = UNBATCHED_JOBS;
                }
            }
        }
        join_all(jobs.into_iter().map(|job| job.run_alone(kind, self, scope))).await;
    }

    async fn run_in_one_transaction(
        &self,
        kind: JobKind,
        scope: Scope,
        jobs: &[QueuedJob],
    ) -> Result<(), Error> {
        let mut tx = match kind {
            JobKind::Change => self.begin_change(scope, jobs.len()).await?,
            JobKind::LookUp => self.begin(LOOK_UP, scope, None, jobs.len()).await?,
        };
        let client = client_of(&mut tx)?;
        if let Some(begin) = client.begin.take() {
            open(&client.get()?.client, &begin).await?;
        }
        let mut running = Vec::with_capacity(jobs.len());
        for job in jobs {
            running.push(job.run(tx.fork()?));
        }
        let ran: Result<Vec<_>, Error> = join_all(running).await.into_iter().collect();
        match (ran, kind) {
            (Ok(waiting), JobKind::Change) => {
                client_of(&mut tx)?.queued = merge_inserts(waiting.into_iter().flatten().collect());
                commit(tx).await
            }
            (Ok(_), JobKind::LookUp) => rollback(tx),
            (Err(error), _) => {
                // The jobs acquire its advisory locks again.
                release(tx).await?;
                Err(error)
            }
        }
    }
}

/// Merges `INSERT`s with the same text into one statement each. All other statements are sent first, because they can only
/// free keys that the rows need.
fn merge_inserts(waiting: Vec<QueuedStatement>) -> Vec<QueuedStatement> {
    let (mut rows, mut merged): (Vec<Vec<QueuedStatement>>, Vec<QueuedStatement>) = Default::default();
    for statement in waiting {
        let is_row = statement.sql.starts_with("INSERT INTO") && !statement.sql.contains("ON CONFLICT");
        match rows.iter_mut().find(|rows| rows[0].sql == statement.sql) {
            _ if !is_row => merged.push(statement),
            Some(rows) => rows.push(statement),
            None => rows.push(vec![statement]),
        }
    }
    for mut rows in rows {
        while !rows.is_empty() {
            // Chunks of powers of two keep the number of prepared statements small.
            let left = rows.split_off(1 << rows.len().ilog2());
            merged.push(merge(std::mem::replace(&mut rows, left)));
        }
    }
    merged
}

/// One `INSERT` with the rows of several that have the same text.
fn merge(rows: Vec<QueuedStatement>) -> QueuedStatement {
    let mut sql = rows[0].sql.clone();
    let values = sql.rfind("VALUES ").map_or(String::new(), |at| sql[at + "VALUES ".len()..].to_owned());
    let mut args = Vec::new();
    for row in rows {
        if !args.is_empty() {
            sql.push_str(", ");
            let mut pieces = values.split('$');
            sql.push_str(pieces.next().unwrap_or_default());
            for piece in pieces {
                let digits = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
                let number = piece[..digits].parse::<usize>().unwrap_or_default() + args.len();
                let _ = write!(sql, "${number}{}", &piece[digits..]);
            }
        }
        args.extend(row.args);
    }
    QueuedStatement { sql, args }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::job::Pending;
    use domain::PartnerId;
    use futures_util::future::BoxFuture;

    fn nothing() -> QueuedJob {
        let job = Pending::new((), |(), _: &mut Tx| -> BoxFuture<'_, Result<(), Error>> {
            unreachable!("it is only queued")
        });
        QueuedJob { job, reply: oneshot::channel().0 }
    }

    #[test]
    fn a_partner_leaves_workers_to_others() {
        // Each batch is one job.
        let mut queue = JobQueue { unbatched_jobs: usize::MAX, ..JobQueue::default() };
        let [one, other] = [1, 2].map(|id| Scope::Partner(PartnerId(id)));
        let push = |queue: &mut JobQueue, scope: Scope| queue.jobs.push(scope.into(), nothing());
        let take = |queue: &mut JobQueue| queue.take().map(|(scope, _)| scope);
        (0..9).for_each(|_| push(&mut queue, one));
        assert_eq!([(); 3].map(|()| take(&mut queue)), [Some(one), Some(one), None], "alone");
        push(&mut queue, Scope::System);
        assert_eq!(take(&mut queue), Some(Scope::System), "keys are looked up meanwhile");
        push(&mut queue, other);
        assert_eq!([(); 2].map(|()| take(&mut queue)), [Some(other), None]);
        queue.ended(one);
        assert_eq!(take(&mut queue), None, "one batch is enough beside another partner's");
        queue.ended(other);
        assert_eq!([(); 2].map(|()| take(&mut queue)), [Some(one), None], "alone again");
    }
}
