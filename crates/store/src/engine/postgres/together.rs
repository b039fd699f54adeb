//! Changes that share a transaction, and look-ups that share a snapshot: one beginning and end for many, one wait for the
//! disk, and statements that go out side by side, of which each alone would wait for its own answers.

use super::super::fair::FairQueue;
use super::{LOOK_UP, Postgres, client_of, commit, lock, open, rollback};
use crate::{Error, Scope, Tx};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::oneshot;

/// As many jobs share a transaction.
const JOBS: usize = 32;
/// As many crews work at a time: enough to keep several of the server's processors busy, and so few that jobs meet.
const CREWS: usize = 3;
/// A crew that takes longer waits for a lock, a disk or a standby, and another one takes its place.
const SLOW: Duration = Duration::from_millis(100);
/// As many jobs go alone once a transaction of several had to be undone: others like the culprit may follow.
const CAREFUL: usize = 16;

/// What jobs do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Kind {
    Change,
    LookUp,
}

/// Jobs of a kind that nobody has begun, and who works on them.
#[derive(Default)]
pub(super) struct Waiting {
    jobs: FairQueue<Scope, Box<dyn Job>>,
    crews: usize,
    careful: usize,
}

impl Waiting {
    /// The next jobs, all of one scope: it is the transaction's.
    fn take(&mut self) -> Option<(Scope, Vec<Box<dyn Job>>)> {
        let limit = if self.careful > 0 { 1 } else { JOBS };
        let taken = self.jobs.pop_of_scope(limit)?;
        self.careful = self.careful.saturating_sub(1);
        Some(taken)
    }
}

/// A job that waits for its turn, and is answered after the transaction.
trait Job: Send {
    /// Run in a transaction that it shares: the statements that are still to be sent. An error undoes the transaction.
    fn run(&mut self, tx: Tx) -> BoxFuture<'_, Result<Vec<super::Waiting>, Error>>;
    /// Answer, with the transaction's outcome.
    fn answer(self: Box<Self>, ended: Result<(), Error>);
    /// Run in a transaction of its own, and answer.
    fn alone(self: Box<Self>, db: Postgres, scope: Scope) -> BoxFuture<'static, ()>;
}

struct Pending<I, T, E, F> {
    kind: Kind,
    input: I,
    job: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<I, T, E, F> Job for Pending<I, T, E, F>
where
    F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
    I: Send + Sync + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    fn run(&mut self, mut tx: Tx) -> BoxFuture<'_, Result<Vec<super::Waiting>, Error>> {
        Box::pin(async move {
            let ran = AssertUnwindSafe((self.job)(&self.input, &mut tx)).catch_unwind().await;
            let client = client_of(&mut tx)?;
            let outcome = ran.map_err(|_| Error::defect("a store job panicked"))?;
            if let Some(error) = client.failure.take() {
                return Err(error);
            }
            if outcome.is_err() && client.changed {
                return Err(Error::Retry("a job has left something to undo".into()));
            }
            self.outcome = Some(outcome);
            Ok(std::mem::take(&mut client.waiting))
        })
    }

    fn answer(self: Box<Self>, ended: Result<(), Error>) {
        let Pending { outcome, reply, .. } = *self;
        // A refusal may rest on a neighbour's row, so it falls with the commit too.
        let outcome = match (ended, outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(Error::defect("a job was answered before it ran").into()),
            (Err(error), _) => Err(error.into()),
        };
        drop(reply.send(outcome)); // nobody may be waiting any more
    }

    fn alone(self: Box<Self>, db: Postgres, scope: Scope) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Pending { kind, input, job, reply, .. } = *self;
            let ran = async {
                match kind {
                    Kind::Change => db.insist(scope, &input, &job).await,
                    Kind::LookUp => db.look(LOOK_UP, scope, &input, &job).await,
                }
            };
            let ran = AssertUnwindSafe(ran).catch_unwind().await;
            let outcome = ran.unwrap_or_else(|_| Err(Error::defect("a store job panicked").into()));
            drop(reply.send(outcome));
        })
    }
}

impl Postgres {
    pub(in crate::engine) async fn together<I, T, E, F>(
        &self,
        kind: Kind,
        scope: Scope,
        input: I,
        job: F,
    ) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { kind, input, job, outcome: None, reply });
        lock(self.queue(kind)).jobs.push(scope, job);
        self.send_a_crew(kind);
        answer.await.unwrap_or_else(|_| Err(Error::defect("a job was lost").into()))
    }

    fn queue(&self, kind: Kind) -> &Mutex<Waiting> {
        match kind {
            Kind::Change => &self.waiting.0,
            Kind::LookUp => &self.waiting.1,
        }
    }

    /// Jobs do not wait for a crew while there is a place for one.
    fn send_a_crew(&self, kind: Kind) {
        let mut waiting = lock(self.queue(kind));
        if waiting.jobs.is_empty() || waiting.crews == CREWS {
            return;
        }
        waiting.crews += 1;
        drop(waiting);
        let db = self.clone();
        self.changes.spawn(async move { db.work(kind).await });
    }

    async fn work(&self, kind: Kind) {
        loop {
            let next = {
                let mut waiting = lock(self.queue(kind));
                let next = waiting.take();
                waiting.crews -= usize::from(next.is_none());
                next
            };
            let Some((scope, jobs)) = next else { return };
            let mut working = std::pin::pin!(self.work_on(kind, scope, jobs));
            if tokio::time::timeout(SLOW, &mut working).await.is_err() {
                lock(self.queue(kind)).crews -= 1;
                self.send_a_crew(kind);
                return working.await;
            }
        }
    }

    async fn work_on(&self, kind: Kind, scope: Scope, mut jobs: Vec<Box<dyn Job>>) {
        if jobs.len() > 1 {
            match self.one_transaction(kind, scope, &mut jobs).await {
                Ok(()) => return jobs.into_iter().for_each(|job| job.answer(Ok(()))),
                Err(error @ Error::Unknown(_)) => {
                    return jobs.into_iter().for_each(|job| job.answer(Err(error.clone())));
                }
                Err(error) => {
                    tracing::debug!(%error, jobs = jobs.len(), "jobs go one by one");
                    lock(self.queue(kind)).careful = CAREFUL;
                }
            }
        }
        join_all(jobs.into_iter().map(|job| job.alone(self.clone(), scope))).await;
    }

    async fn one_transaction(
        &self,
        kind: Kind,
        scope: Scope,
        jobs: &mut [Box<dyn Job>],
    ) -> Result<(), Error> {
        let mut tx = match kind {
            Kind::Change => self.begin_change(scope, jobs.len()).await?,
            Kind::LookUp => self.begin(LOOK_UP, scope, None, jobs.len()).await?,
        };
        let client = client_of(&mut tx)?;
        if let Some(begin) = client.begin.take() {
            open(&client.get()?.client, &begin).await?;
        }
        let mut running = Vec::with_capacity(jobs.len());
        for job in jobs {
            running.push(job.run(tx.beside()?));
        }
        let ran: Result<Vec<_>, Error> = join_all(running).await.into_iter().collect();
        match (ran, kind) {
            (Ok(waiting), Kind::Change) => {
                client_of(&mut tx)?.waiting = gather(waiting.into_iter().flatten().collect());
                commit(tx).await
            }
            (Ok(_), Kind::LookUp) => rollback(tx),
            (Err(error), _) => {
                // Answered before the jobs go on: the names that they hold are free then.
                client_of(&mut tx)?.batch("ROLLBACK").await?;
                super::ended(&mut tx)?;
                Err(error)
            }
        }
    }
}

/// Rows for the same table go out in one statement. What is no such row goes first: it makes room for them, if anything.
fn gather(waiting: Vec<super::Waiting>) -> Vec<super::Waiting> {
    let (mut rows, mut gathered): (Vec<Vec<super::Waiting>>, Vec<super::Waiting>) = Default::default();
    for statement in waiting {
        let is_row = statement.sql.starts_with("INSERT INTO") && !statement.sql.contains("ON CONFLICT");
        match rows.iter_mut().find(|rows| rows[0].sql == statement.sql) {
            _ if !is_row => gathered.push(statement),
            Some(rows) => rows.push(statement),
            None => rows.push(vec![statement]),
        }
    }
    for mut rows in rows {
        while !rows.is_empty() {
            // Powers of two, so that there are few texts to prepare.
            let left = rows.split_off(1 << rows.len().ilog2());
            gathered.push(in_one(std::mem::replace(&mut rows, left)));
        }
    }
    gathered
}

/// One `INSERT` for several that have the same text.
fn in_one(rows: Vec<super::Waiting>) -> super::Waiting {
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
    super::Waiting { sql, args }
}
