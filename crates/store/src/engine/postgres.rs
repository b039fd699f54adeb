//! PostgreSQL: a pool of connections, and transactions that run to their end whoever goes away.

mod connect;
mod session;
mod tls;
mod together;

pub(super) use together::Kind as Together;

use super::lists::{MAX_WAIT, Ticket};
use super::value::{Arg, Row};
use super::{Conn, Options, Purpose, Scope, Tx, migrate};
use crate::Error;
use connect::{ADDRESS_TIMEOUT, BOUND_ROLE, Cluster, Connection};
use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError, TimeoutType};
use futures_util::future::{BoxFuture, join, join_all, try_join};
use futures_util::{FutureExt, TryFutureExt};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Statement;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::ToSql;
use tokio_util::task::TaskTracker;

pub(crate) use connect::Facts;

/// How long a transaction that was certainly not committed is tried again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the answer to COMMIT is waited for. With synchronous replication nothing of PostgreSQL's own bounds this.
const COMMIT_DEADLINE: Duration = Duration::from_secs(10);
/// How much longer than each of its statements all of a list may take.
const MARGIN: Duration = Duration::from_secs(1);
/// How long the answer to any other statement is waited for: longer than `statement_timeout`, for a frozen server.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(35);
/// How many connections a server has open at most.
pub(crate) const CONNECTIONS: usize = MAIN_CONNECTIONS + LIST_CONNECTIONS;
/// For changes, look-ups and the server's own work.
const MAIN_CONNECTIONS: usize = 32;
/// For lists alone, so that nothing else waits for one.
const LIST_CONNECTIONS: usize = 8;
/// Fewer than the connections, so that reading goes on where commits wait for a standby that is gone.
const CHANGES: usize = 24;

/// How transactions begin. Statements that find their rows by key have one plan, whatever the values; PostgreSQL would make
/// a new one each time for some of them, at twice the price of running it. Lists are planned for what they filter.
const CHANGE: &str = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan";
const LOOK_UP: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan";
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

#[derive(Clone)]
pub(super) struct Postgres {
    main: Connections,
    lists: Connections,
    places: Arc<Semaphore>,
    changes: TaskTracker,
    /// Changes that may share a transaction, and look-ups that may.
    waiting: Arc<(Mutex<together::Waiting>, Mutex<together::Waiting>)>,
    /// Tools work as the role that signed in and take the time they need.
    as_owner: bool,
}

/// Connections for one kind of work.
#[derive(Clone)]
struct Connections {
    pool: Pool<Cluster>,
    lanes: Lanes,
}

impl Connections {
    fn new(cluster: Cluster, count: usize, max_wait: Duration) -> Result<Self, Error> {
        let create_timeout = cluster.patience();
        let pool = Pool::builder(cluster)
            .max_size(count)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(max_wait))
            .create_timeout(Some(create_timeout))
            .build()
            .map_err(Error::defect)?;
        Ok(Connections { pool, lanes: Arc::new(Mutex::new((0..count as i64).collect())) })
    }
}

/// Numbers that transactions hold while they are open, no two the same.
type Lanes = Arc<Mutex<Vec<i64>>>;

/// A connection of the pool in a transaction, of one job or of several. One whose transaction was not ended properly is
/// closed, not given back.
struct Line {
    object: Option<Object<Cluster>>,
    in_transaction: AtomicBool,
    lane: i64,
    lanes: Lanes,
    /// How many jobs share the transaction.
    jobs: usize,
    /// What jobs hold that share the transaction: PostgreSQL's own locks do not keep them from each other.
    held: Mutex<HashSet<String>>,
    turn: Arc<tokio::sync::Mutex<()>>,
    /// A change's place among the changes under way, for as long as it has a connection.
    _place: Option<OwnedSemaphorePermit>,
}

impl Line {
    fn get(&self) -> Result<&Connection, Error> {
        self.object.as_deref().ok_or_else(|| Error::defect("a connection was used after its end"))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        lock(&self.lanes).push(self.lane);
        if let Some(object) = self.object.take()
            && self.in_transaction.load(Ordering::SeqCst)
        {
            drop(Object::take(object));
        }
    }
}

/// A job's end of a connection.
pub(crate) struct Client {
    line: Arc<Line>,
    /// What opens the transaction, until it goes out with the first statement.
    begin: Option<String>,
    /// Statements that go out with the next one.
    waiting: Vec<Waiting>,
    deadline: Duration,
    /// The first statement that failed. The job has it too, but wrapped in an error of its own kind.
    pub(super) failure: Option<Error>,
    /// Whether the job has changed anything, or may have.
    changed: bool,
}

/// A statement on its way.
struct Waiting {
    sql: String,
    args: Vec<Box<dyn ToSql + Sync + Send>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    fn get(&self) -> Result<&Connection, Error> {
        self.line.get()
    }

    /// Another job's end of the same connection, in the same transaction.
    pub(super) fn beside(&self) -> Self {
        Client {
            line: Arc::clone(&self.line),
            begin: None,
            waiting: Vec::new(),
            deadline: self.deadline,
            failure: None,
            changed: false,
        }
    }

    pub(super) async fn batch(&mut self, sql: &str) -> Result<(), Error> {
        let deadline = self.deadline;
        in_time(deadline, self.get()?.client.batch_execute(sql).map_err(Error::from)).await
    }

    pub(super) fn later(&mut self, sql: &str, args: &[Arg<'_>]) {
        self.changed = true;
        self.waiting.push(Waiting { sql: sql.to_owned(), args: args.iter().map(Arg::owned).collect() });
    }

    /// Send all that waits and then what `ask` asks of `sql`, in this order, without waiting for answers in between. What
    /// fails first counts: all behind it has failed with it.
    async fn send<'c, T, F>(
        &'c mut self,
        sql: &str,
        ask: impl FnOnce(&'c tokio_postgres::Client, Statement) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>> + 'c,
    {
        let (mut begin, waiting) = (self.begin.take(), std::mem::take(&mut self.waiting));
        let Connection { client, statements, .. } = self.line.get()?;
        // Were it not opened, what follows would change something outside of a transaction; what only reads may follow.
        if let Some(sql) = begin.take_if(|_| !waiting.is_empty() || !sql.starts_with("SELECT")) {
            open(client, &sql).await?;
        }
        let opened = async { if let Some(sql) = &begin { open(client, sql).await } else { Ok(()) } };
        let answered = async {
            let mut prepared = Vec::with_capacity(waiting.len());
            for Waiting { sql, .. } in &waiting {
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

    /// What failed first decides what becomes of the transaction.
    fn note<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.inspect_err(|error| self.failure = self.failure.take().or_else(|| Some(error.clone())))
    }

    /// What the server says of itself.
    pub(crate) async fn facts(&mut self) -> Result<Facts, Error> {
        Facts::of(&self.get()?.client).await
    }
}

impl Client {
    pub(super) fn lane(&self) -> i64 {
        self.line.lane
    }

    pub(super) fn jobs(&self) -> usize {
        self.line.jobs
    }

    /// Whether nobody in this transaction has taken this name before.
    pub(super) fn take(&self, name: &str) -> bool {
        lock(&self.line.held).insert(name.to_owned())
    }

    pub(super) fn turn(&self) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.line.turn)
    }
}

impl Postgres {
    pub(super) async fn open(url: &str, options: Options, purpose: Purpose) -> Result<Self, Error> {
        let db = Self::connect(url, options, purpose != Purpose::Serve)?;
        db.check_sessions().await?;
        let mut tx = db.begin_as_owner("BEGIN").await?;
        migrate::postgres(&mut tx, purpose).await?;
        commit(tx).await?;
        let mut ids_are_missing = purpose == Purpose::Serve;
        while ids_are_missing {
            let mut tx = db.begin_as_owner("BEGIN").await?;
            ids_are_missing = migrate::start_missing_ids(&mut tx).await?;
            commit(tx).await?;
        }
        // This connection was made before there was a role to step down to.
        db.main.pool.retain(|_, _| false);
        Ok(db)
    }

    /// Refuse a pooler that does not keep sessions apart. Where there is no second connection to be had, the first will do.
    async fn check_sessions(&self) -> Result<(), Error> {
        let one = self.main.pool.get().await?;
        match self.main.pool.get().await.map_err(Error::from) {
            Ok(other) => session::check_separate(&one, &other).await,
            Err(unfit @ Error::Unfit(_)) => Err(unfit),
            Err(_) => Ok(()),
        }
    }

    /// One consistent view of all data, in a database that is left as it is.
    pub(super) async fn snapshot(url: &str) -> Result<Tx, Error> {
        let anything = Options { allow_unsafe: true };
        let db = Self::connect(url, anything, true)?;
        db.begin_as_owner("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    fn connect(url: &str, options: Options, as_owner: bool) -> Result<Self, Error> {
        let cluster = || Cluster::parse(url, options.allow_unsafe);
        let main = Connections::new(cluster()?, MAIN_CONNECTIONS, PATIENCE)?;
        let lists = Connections::new(cluster()?, LIST_CONNECTIONS, MAX_WAIT)?;
        let places = Arc::new(Semaphore::new(CHANGES));
        let waiting = Arc::default();
        Ok(Postgres { main, lists, places, changes: TaskTracker::new(), waiting, as_owner })
    }

    async fn client(
        &self,
        connections: &Connections,
        place: Option<OwnedSemaphorePermit>,
        jobs: usize,
    ) -> Result<Client, Error> {
        let object = connections.pool.get().await?;
        let lane = lock(&connections.lanes).pop();
        let lane = lane.ok_or_else(|| Error::defect("more connections than lanes"))?;
        let line = Line {
            object: Some(object),
            in_transaction: AtomicBool::new(true),
            lane,
            lanes: Arc::clone(&connections.lanes),
            jobs,
            held: Mutex::default(),
            turn: Arc::default(),
            _place: place,
        };
        Ok(Client {
            line: Arc::new(line),
            begin: None,
            waiting: Vec::new(),
            deadline: STATEMENT_DEADLINE,
            failure: None,
            changed: false,
        })
    }

    async fn begin(
        &self,
        begin: &str,
        scope: Scope,
        place: Option<OwnedSemaphorePermit>,
        jobs: usize,
    ) -> Result<Tx, Error> {
        if self.as_owner {
            return self.begin_as_owner(begin).await;
        }
        let client = self.client(&self.main, place, jobs).await?;
        Self::begin_on(client, begin, scope)
    }

    /// Open a transaction about this scope with the first statement that the client sends.
    fn begin_on(mut client: Client, begin: &str, scope: Scope) -> Result<Tx, Error> {
        let partner = match scope {
            Scope::Partner(partner) => partner.0.to_string(),
            Scope::System => "system".into(),
        };
        let mut first = format!("{begin}; SET LOCAL tenantry.partner = '{partner}'");
        if client.get()?.steps_down {
            first = format!("{first}; SET LOCAL ROLE {BOUND_ROLE}");
        }
        client.begin = Some(first);
        Ok(Tx::new(Conn::Postgres(Box::new(client))))
    }

    /// For the schema and for tools: all rows, any rights, and no hurry.
    pub(super) async fn begin_as_owner(&self, begin: &str) -> Result<Tx, Error> {
        let mut client = self.client(&self.main, None, 1).await?;
        let unhurried = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'; \
                         SET LOCAL idle_in_transaction_session_timeout = 0";
        client.batch(&format!("{begin}; SET LOCAL tenantry.partner = 'system'; {unhurried}")).await?;
        client.deadline = Duration::from_secs(24 * 3600);
        Ok(Tx::new(Conn::Postgres(Box::new(client))))
    }

    pub(super) async fn write<I, T, E, F>(&self, scope: Scope, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        // Spawned, because a caller that goes away must not leave half a transaction behind.
        let db = self.clone();
        let change = self.changes.spawn(async move { db.insist(scope, &input, &job).await });
        change.await.unwrap_or_else(|e| Err(Error::defect(format!("a store job panicked: {e}")).into()))
    }

    /// Change something, again and again while that may succeed.
    async fn insist<I, T, E, F>(&self, scope: Scope, input: &I, job: &F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
        E: From<Error>,
    {
        let mut tries = Tries::new();
        loop {
            match self.change(scope, input, job).await {
                Ok(outcome) => return outcome,
                Err(error) => tries.again(self, error).await?,
            }
        }
    }

    pub(super) async fn read<I, T, E, F>(&self, scope: Scope, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync,
        I: Send + Sync,
        T: Send,
        E: From<Error> + Send,
    {
        self.look(READ, scope, &input, &job).await
    }

    /// As [`Postgres::read`], on connections for lists, each statement and the whole within `timeout`. The list goes on to
    /// its end, and holds its ticket, even if its caller goes away: PostgreSQL would not notice that either.
    pub(super) async fn list<I, T, E, F>(
        &self,
        ticket: Ticket,
        timeout: Duration,
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
        let db = self.clone();
        let reading = self.changes.spawn(async move {
            let mut tries = Tries::new();
            loop {
                let listed =
                    tokio::time::timeout(timeout + MARGIN, db.list_once(timeout, scope, &input, &job));
                let late = |_| Err(Error::TimedOut("the statements of a list took too long together".into()));
                match listed.await.unwrap_or_else(late) {
                    Ok(outcome) => {
                        drop(ticket);
                        return outcome;
                    }
                    Err(error) => tries.again(&db, error).await?,
                }
            }
        });
        reading.await.unwrap_or_else(|e| Err(Error::defect(format!("a store job panicked: {e}")).into()))
    }

    async fn list_once<I, T, E, F>(
        &self,
        timeout: Duration,
        scope: Scope,
        input: &I,
        job: &F,
    ) -> Result<Result<T, E>, Error>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
    {
        let client = self.client(&self.lists, None, 1).await?;
        let begin = format!("{READ}; SET LOCAL statement_timeout = {}", timeout.as_millis());
        let mut tx = Self::begin_on(client, &begin, scope)?;
        let outcome = run(&mut tx, input, job).await?;
        rollback(tx).map(|()| outcome)
    }

    async fn look<I, T, E, F>(&self, begin: &str, scope: Scope, input: &I, job: &F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync,
        I: Send + Sync,
        T: Send,
        E: From<Error> + Send,
    {
        let mut tries = Tries::new();
        loop {
            match self.look_once(begin, scope, input, job).await {
                Ok(outcome) => return outcome,
                Err(error) => tries.again(self, error).await?,
            }
        }
    }

    async fn look_once<I, T, E, F>(
        &self,
        begin: &str,
        scope: Scope,
        input: &I,
        job: &F,
    ) -> Result<Result<T, E>, Error>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
    {
        let mut tx = self.begin(begin, scope, None, 1).await?;
        let outcome = run(&mut tx, input, job).await?;
        rollback(tx).map(|()| outcome)
    }

    async fn change<I, T, E, F>(&self, scope: Scope, input: &I, job: &F) -> Result<Result<T, E>, Error>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
    {
        let mut tx = self.begin_change(scope, 1).await?;
        match run(&mut tx, input, job).await? {
            Ok(value) => commit(tx).await.map(|()| Ok(value)),
            Err(refusal) => rollback(tx).map(|()| Err(refusal)),
        }
    }

    async fn begin_change(&self, scope: Scope, jobs: usize) -> Result<Tx, Error> {
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| Error::Busy("too many changes wait for their commit".into()))?;
        self.begin(CHANGE, scope, place.ok(), jobs).await
    }

    pub(super) async fn close(&self) {
        self.changes.close();
        self.changes.wait().await;
        self.main.pool.close();
        self.lists.pool.close();
    }
}

/// The tries of one transaction.
struct Tries {
    started: Instant,
    pause: Duration,
}

impl Tries {
    fn new() -> Self {
        Tries { started: Instant::now(), pause: Duration::from_millis(5) }
    }

    /// `Ok` after a pause if what failed was certainly not committed, may succeed now, and there is time left.
    async fn again(&mut self, db: &Postgres, failed: Error) -> Result<(), Error> {
        // At the start an unfit database is for the operator; to a running server it is one more that cannot be used.
        let failed = if let Error::Unfit(why) = failed { Error::Unavailable(why) } else { failed };
        if matches!(failed, Error::Unavailable(_)) {
            // A host that is read-only or gone is that for every connection to it.
            db.main.pool.retain(|_, _| false);
            db.lists.pool.retain(|_, _| false);
        }
        let may_succeed = matches!(failed, Error::Retry(_) | Error::Unavailable(_));
        if !may_succeed || self.started.elapsed() > PATIENCE {
            return Err(failed);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_millis(500));
        Ok(())
    }
}

/// Run a job: `Err` where the store failed, the job's own outcome otherwise.
async fn run<I, T, E, F>(tx: &mut Tx, input: &I, job: &F) -> Result<Result<T, E>, Error>
where
    F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
{
    let outcome = job(input, tx).await;
    match client_of(tx)?.failure.take() {
        Some(error) => Err(error),
        None => Ok(outcome),
    }
}

/// Send the ROLLBACK, but do not wait for it: whoever uses the connection next is served behind it.
fn rollback(mut tx: Tx) -> Result<(), Error> {
    let client = client_of(&mut tx)?;
    if client.begin.is_none()
        && let Some(Err(error)) = client.get()?.client.batch_execute("ROLLBACK").now_or_never()
    {
        return Err(error.into());
    }
    ended(&mut tx)
}

/// The connection is good for another transaction.
fn ended(tx: &mut Tx) -> Result<(), Error> {
    client_of(tx)?.line.in_transaction.store(false, Ordering::SeqCst);
    Ok(())
}

async fn commit(tx: Tx) -> Result<(), Error> {
    let mut answer = Box::pin(confirm(tx));
    if let Ok(answer) = tokio::time::timeout(COMMIT_DEADLINE, &mut answer).await {
        return answer;
    }
    // It keeps its connection until it is answered: closing that would not end the wait in the server, only pile up
    // others beside it.
    tokio::spawn(async move {
        match answer.await {
            Ok(()) => tracing::warn!("a commit reported as unknown was confirmed later"),
            Err(error) => tracing::error!(%error, "a commit reported as unknown ended"),
        }
    });
    Err(Error::Unknown("it was not confirmed in time".into()))
}

async fn confirm(mut tx: Tx) -> Result<(), Error> {
    tx.settle().await?;
    let client = client_of(&mut tx)?;
    client.get()?.warned.store(false, Ordering::SeqCst);
    // What waits goes out with it. Should any of that fail, PostgreSQL takes the COMMIT for a ROLLBACK.
    let mut unanswered = false;
    let commit = client.send("COMMIT", |client, commit| {
        let answer = async move { client.execute(&commit, &[]).await };
        // An error ends the transaction; what ends the connection says nothing of the transaction.
        answer.inspect_err(|error| {
            unanswered = error.as_db_error().and_then(DbError::parsed_severity) != Some(Severity::Error);
        })
    });
    match commit.await {
        // The warning comes before the answer, on the same wire, and is noted before the answer is handed on.
        Ok(_) if client.get()?.warned.load(Ordering::SeqCst) => {
            Err(Error::Unknown("the wait for the standby was cancelled; it may not have the change".into()))
        }
        Ok(_) => {
            client.line.in_transaction.store(false, Ordering::SeqCst);
            Ok(())
        }
        Err(error) if unanswered => Err(Error::Unknown(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Open a transaction. There is nothing to wait for here: a server that takes long is frozen, or gone.
async fn open(client: &tokio_postgres::Client, begin: &str) -> Result<(), Error> {
    in_time(ADDRESS_TIMEOUT, client.batch_execute(begin).map_err(Error::from)).await
}

fn client_of(tx: &mut Tx) -> Result<&mut Client, Error> {
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
    client.note(answer)
}

pub(super) async fn execute(client: &mut Client, sql: &str, args: &[Arg<'_>]) -> Result<u64, Error> {
    let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
    let deadline = client.deadline;
    let asked = client.send(sql, |client, statement| async move { client.execute(&statement, &args).await });
    let answer = in_time(deadline, asked).await;
    client.changed |= !matches!(answer, Ok(0));
    client.note(answer)
}

pub(super) async fn all<T>(
    client: &mut Client,
    sql: &str,
    args: &[Arg<'_>],
    read: impl Fn(&mut Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let rows = rows(client, sql, args).await?;
    client.changed |= !rows.is_empty() && !sql.starts_with("SELECT"); // RETURNING
    rows.iter().map(|row| read(&mut Row::postgres(row))).collect()
}

/// Which database a URL means, without how to get in.
pub(super) fn identity(url: &str) -> Result<String, Error> {
    Ok(Cluster::parse(url, true)?.identity())
}

/// The schema's text as PostgreSQL takes it.
pub(super) fn dialect(schema: &str) -> String {
    migrate::lines_for("postgres", schema)
}

impl From<PoolError<Error>> for Error {
    fn from(error: PoolError<Error>) -> Self {
        match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(TimeoutType::Wait) => Error::Busy("all connections are taken".into()),
            other => Error::Unavailable(other.to_string()),
        }
    }
}
