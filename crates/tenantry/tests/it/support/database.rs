//! Databases that go away.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// The URL of a PostgreSQL superuser, on a cluster that is thrown away with all that the tests leave in it.
const POSTGRES: &str = "TENANTRY_TEST_POSTGRES";

/// What keeps the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Whether tests on it can run. Where they cannot, this says so past the test runner's capturing, and in CI it is
    /// a failure.
    pub(crate) fn is_here(self) -> bool {
        let here = self == Engine::Sqlite || std::env::var_os(POSTGRES).is_some();
        if !here {
            assert!(std::env::var_os("CI").is_none(), "{POSTGRES} is not set, but CI must test PostgreSQL");
            let test = std::thread::current();
            let said =
                format!("SKIPPED {}: {POSTGRES} is not set; use scripts/test\n", test.name().unwrap_or("?"));
            std::io::stderr().write_all(said.as_bytes()).unwrap();
        }
        here
    }
}

/// A fresh database, and a folder for whatever belongs to it.
pub(crate) struct Database {
    pub(crate) url: String,
    folder: TempDir,
}

impl Database {
    pub(crate) fn new(engine: Engine) -> Self {
        let folder = tempfile::Builder::new().prefix("tenantry-test-").tempdir().unwrap();
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.path().join("tenantry.db").display()),
            Engine::Postgres => create_postgres(),
        };
        Database { url, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn create_postgres() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var(POSTGRES).unwrap();
    let name = format!("tenantry_test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
    let (host, _) = server.rsplit_once('/').expect("a URL with a database's name at its end");
    format!("{host}/{name}")
}
