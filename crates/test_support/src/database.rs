//! Databases that go away.

use crate::raw::{POSTGRES, postgres_is_here};
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// What keeps the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Whether tests on it can run. Where they cannot, this says so past the test runner's capturing, and in CI it is
    /// a failure.
    pub fn is_here(self) -> bool {
        self == Engine::Sqlite || postgres_is_here()
    }
}

/// A fresh database, and a folder for whatever belongs to it.
pub struct Database {
    pub url: String,
    folder: TempDir,
}

impl Database {
    /// One that a server starts with as with an empty one. On PostgreSQL it has the tables already, because copying them takes
    /// a third of the time that making them takes.
    pub fn new(engine: Engine) -> Self {
        Self::from(engine, migrated_postgres)
    }

    /// One without tables, for what `serve` must not have touched before.
    pub fn empty(engine: Engine) -> Self {
        Self::from(engine, || create_postgres("template0"))
    }

    fn from(engine: Engine, postgres: fn() -> String) -> Self {
        let folder = tempfile::Builder::new().prefix("tenantry-test-").tempdir().unwrap();
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.path().join("tenantry.db").display()),
            Engine::Postgres => postgres(),
        };
        Database { url, folder }
    }

    /// One that is there.
    pub fn at(url: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("tenantry-test-").tempdir().unwrap();
        Database { url: url.to_owned(), folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Run statements behind the servers' backs.
    pub fn execute(&self, sql: &str) {
        match self.file() {
            Some(file) => rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap(),
            None => drop(ask_postgres(&self.url, sql)),
        }
    }

    /// The rows of a query, every value as text.
    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        let Some(file) = self.file() else { return ask_postgres(&self.url, sql) };
        let conn = rusqlite::Connection::open(file).unwrap();
        let mut statement = conn.prepare(sql).unwrap();
        let columns = statement.column_count();
        let text = |value: rusqlite::types::Value| match value {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            _ => String::new(),
        };
        let rows = statement.query_map([], |row| (0..columns).map(|i| Ok(text(row.get(i)?))).collect());
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// The only value that a query answers.
    pub fn value(&self, sql: &str) -> String {
        let rows = self.query(sql);
        assert!(rows.len() == 1 && rows[0].len() == 1, "{sql}: {rows:?}");
        rows.into_iter().flatten().next().unwrap()
    }

    /// On PostgreSQL: servers log in as somebody new, with this password.
    pub fn log_in_as(&mut self, user: &str, password: &str) {
        self.execute(&format!("CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{password}'"));
        let (_, rest) = self.url.split_once('@').unwrap();
        self.url = format!("postgres://{user}:{password}@{rest}");
    }

    /// Every byte that is kept: SQLite's files as they are, PostgreSQL's rows of all tables as text.
    pub fn contents(&self) -> Vec<u8> {
        if let Some(file) = self.file() {
            let wal = std::fs::read(file.with_extension("db-wal")).unwrap_or_default();
            return [std::fs::read(file).unwrap(), wal].concat();
        }
        let tables =
            "SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'";
        let rows = self.query(tables).into_iter().flat_map(|table| {
            self.query(&format!("SELECT t::text FROM {} t", table[0])).into_iter().flatten()
        });
        rows.collect::<Vec<_>>().join("\n").into_bytes()
    }

    /// SQLite's file.
    fn file(&self) -> Option<&Path> {
        self.url.strip_prefix("sqlite:").map(Path::new)
    }
}

/// Run statements on PostgreSQL; their rows, every value as text.
fn ask_postgres(url: &str, sql: &str) -> Vec<Vec<String>> {
    use tokio_postgres::SimpleQueryMessage;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let answered = client.simple_query(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        drop(client);
        connection.await.unwrap().unwrap();
        let rows = answered.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|i| row.get(i).unwrap_or_default().to_owned()).collect()).collect()
    })
}

/// A copy of a database that has all tables and no rows.
fn migrated_postgres() -> String {
    static TEMPLATE: LazyLock<String> = LazyLock::new(|| {
        let url = create_postgres("template0");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { store::Db::open(&url).await.unwrap().close().await });
        url.rsplit_once('/').unwrap().1.to_owned()
    });
    create_postgres(&TEMPLATE)
}

fn create_postgres(template: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var(POSTGRES).unwrap();
    let name = format!("tenantry_test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    ask_postgres(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}"));
    let (host, _) = server.rsplit_once('/').expect("a URL with a database's name at its end");
    format!("{host}/{name}")
}
