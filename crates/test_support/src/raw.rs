//! Databases that go away, and raw SQL on them: tests look behind the store's back.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// The URL of a PostgreSQL superuser, on a cluster that is thrown away with all that the tests leave in it.
pub(crate) const POSTGRES: &str = "TENANTRY_TEST_POSTGRES";

/// Whether tests on PostgreSQL can run. Where they cannot, this says so past the test runner's capturing, and in CI it
/// is a failure.
pub fn postgres_is_here() -> bool {
    let here = std::env::var_os(POSTGRES).is_some();
    if !here {
        skipped(&format!("{POSTGRES} is not set; use scripts/test"));
    }
    here
}

/// Say aloud that the running test is skipped; in CI nothing may be.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI must not skip tests: {why}");
    let test = std::thread::current();
    let said = format!("SKIPPED {}: {why}\n", test.name().unwrap_or("?"));
    std::io::stderr().write_all(said.as_bytes()).unwrap();
}

/// A fresh PostgreSQL database.
pub async fn postgres() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var(POSTGRES).unwrap();
    let name = format!("tenantry_store_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    sql(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
    let (host, _) = server.rsplit_once('/').expect("a URL with a database's name at its end");
    format!("{host}/{name}")
}

/// A place for files, and names of databases in it.
pub struct Folder(pub TempDir);

impl Default for Folder {
    fn default() -> Self {
        Folder(tempfile::Builder::new().prefix("tenantry-test-").tempdir().unwrap())
    }
}

impl Folder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub fn sqlite(&self, name: &str) -> String {
        format!("sqlite:{}", self.file(name).display())
    }
}

/// The same URL as another user.
pub fn signed_in_as(url: &str, user: &str, password: &str) -> String {
    let (_, rest) = url.rsplit_once('@').unwrap();
    format!("postgres://{user}:{password}@{rest}")
}

/// Run statements.
pub async fn sql(url: &str, statements: &str) {
    if let Some(path) = url.strip_prefix("sqlite:") {
        rusqlite::Connection::open(path).unwrap().execute_batch(statements).unwrap();
        return;
    }
    let client = connect(url).await;
    client.batch_execute(statements).await.unwrap_or_else(|e| panic!("{statements}: {e:?}"));
}

/// The first column of a query's first row, as text.
pub async fn value(url: &str, query: &str) -> String {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let query = format!("SELECT CAST(({query}) AS TEXT)");
        let conn = rusqlite::Connection::open(path).unwrap();
        return conn.query_row(&query, [], |row| row.get(0)).unwrap();
    }
    let rows = connect(url).await.query(&format!("SELECT ({query})::text"), &[]).await.unwrap();
    rows[0].get(0)
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Fill a database that `Db` has made with partners 1 and 2, and as many customers and tags of each, with all
/// that is hard to carry: nothing, empty text, every script, the largest numbers.
pub async fn seed(url: &str, customers: u32) {
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) ",
        customers * 2
    );
    let (last, is_sqlite) = (customers * 2 + 7, url.starts_with("sqlite:"));
    let shared = if is_sqlite {
        "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'sequences'"
    } else {
        "SELECT COUNT(*) FROM pg_sequences WHERE sequencename = 'customers_id'"
    };
    let ids = match (value(url, shared).await.as_str(), is_sqlite) {
        ("1", true) => format!("UPDATE sequences SET value = {last} WHERE name = 'customers'"),
        ("1", false) => format!("SELECT setval('customers_id', {last})"),
        (_, true) => format!(
            "INSERT INTO id_sequences (partner_id, kind, last_id)
             VALUES (1, 'customers', {last}), (2, 'customers', {})",
            last + 1
        ),
        (_, false) => format!(
            "CREATE SEQUENCE customers_id_1; CREATE SEQUENCE customers_id_2;
             SELECT setval('customers_id_1', {last}), setval('customers_id_2', {})",
            last + 1
        ),
    };
    sql(
        url,
        &format!(
            "INSERT INTO partners (id, name, name_key, suspended, created_at)
                VALUES (1, 'Contoso', 'contoso', false, 0), (2, 'Ünïcode 株式会社 🦀', 'u', true, 9223372036854775807);
             {numbers} INSERT INTO customers (partner_id, id, name, name_key, azure_customer_id, azure_customer_key,
                    street1, street2, city, classification, trial_expiration_date, margin_percentage, billing_enabled,
                    billing_folder, generated_external_id, created_at, updated_at, version)
                SELECT 1 + i % 2, i, 'Customer ' || i, 'k' || i, CASE WHEN i % 3 = 0 THEN 'T-' || i END,
                    CASE WHEN i % 3 = 0 THEN 't-' || i END, '', NULL, 'Zürich \\ \" '' ' || i, 'managed_without_access',
                    CASE WHEN i % 5 = 0 THEN -i END, 9223372036854775807 - i, i % 2 = 0, '', 'x' || i, i, i, 1
                FROM n;
             {numbers} INSERT INTO customer_tags (partner_id, customer_id, position, key, value)
                SELECT 1 + i % 2, i, 1, 'tag', 'värde' || i FROM n;
             {ids}"
        ),
    )
    .await;
}
