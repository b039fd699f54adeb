//! Tests that need the engine's internals: row-level security under statements without a partner, the tools' knowledge of
//! every table, and durability.

use super::migrate::{self, NEWEST};
use super::sqlite::{self, Durability};
use super::value::args;
use super::{Db, IdSequence, Options, Purpose, Scope, Tx};
use crate::Error;
use crate::transfer::{Contents, GAP_AFTER_RESTORE, backup, copy, restore};
use domain::{PartnerId, UserId};
use futures_util::future::{join_all, join3};

mod migrations;
mod old_statistics;

use jiff::Timestamp;
use test_support::raw::{Folder, postgres, postgres_is_here, seed, signed_in_as, sql};

const ONE: PartnerId = PartnerId(1);

async fn numbers(db: &Db, scope: Scope, query: &'static str) -> Result<Vec<i64>, Error> {
    db.read(scope, query, |query, tx| {
        Box::pin(async move { tx.all(query, args![], |row| row.next::<i64>()).await })
    })
    .await
}

async fn changed(db: &Db, scope: Scope, statement: &'static str) -> Result<u64, Error> {
    db.write(scope, statement, |statement, tx| Box::pin(tx.execute(statement, args![]))).await
}

async fn texts(tx: &mut Tx, query: &str) -> Vec<String> {
    tx.all(query, args![], |row| row.next::<String>()).await.unwrap()
}

/// A database opened by a superuser, and one opened by an ordinary role that owns it: row-level security must hold for both,
/// by different means.
async fn databases() -> Vec<(String, String)> {
    let (as_superuser, as_superuser_too) = (postgres().await, postgres().await);
    let name = format!("tools_owner_{}_{}", std::process::id(), as_superuser_too.rsplit('_').next().unwrap());
    let database = as_superuser_too.rsplit('/').next().unwrap();
    sql(
        &as_superuser_too,
        &format!(
            "CREATE ROLE {name} LOGIN PASSWORD 'secret'; ALTER DATABASE {database} OWNER TO {name};
             GRANT ALL ON SCHEMA public TO {name}"
        ),
    )
    .await;
    let as_owner = signed_in_as(&as_superuser_too, &name, "secret");
    vec![(as_superuser.clone(), as_superuser), (as_superuser_too, as_owner)]
}

/// Statements normally name the partner. These do not.
#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_hides_other_partners_from_statements_without_a_partner() {
    if !postgres_is_here() {
        return;
    }
    for (superuser, url) in databases().await {
        let db = Db::open(&url).await.unwrap();
        seed(&superuser, 10).await;
        let mine = Scope::Partner(ONE);
        for (query, expected) in [
            ("SELECT DISTINCT partner_id FROM customers", &[1][..]),
            ("SELECT COUNT(*) FROM customers", &[10]),
            ("SELECT COUNT(*) FROM customers WHERE partner_id = 2", &[0]),
            ("SELECT DISTINCT partner_id FROM customer_tags", &[1]),
            ("SELECT id FROM partners", &[1]),
            ("SELECT COUNT(*) FROM customers c JOIN customer_tags t ON t.customer_id <> c.id", &[90]),
        ] {
            assert_eq!(numbers(&db, mine, query).await.unwrap(), expected, "{url}: {query}");
            // Control: the system scope sees all rows.
            let all = numbers(&db, Scope::System, query).await.unwrap();
            assert_ne!(all, expected, "{url}: {query}");
        }
        for (statement, rows) in [
            ("UPDATE customers SET city = 'x'", 10),
            ("DELETE FROM customer_tags WHERE customer_id > 10", 5),
            ("UPDATE partners SET suspended = true", 1),
        ] {
            assert_eq!(changed(&db, mine, statement).await.unwrap(), rows, "{url}: {statement}");
        }
        // A row of another partner cannot be inserted either, nor a row moved to another partner.
        for statement in [
            "INSERT INTO customer_tags (partner_id, customer_id, position, key, value) VALUES (2, 1, 9, 'k', 'v')",
            "UPDATE customers SET partner_id = 2 WHERE partner_id = 1",
        ] {
            let refused = changed(&db, mine, statement).await.unwrap_err().to_string();
            assert!(refused.contains("row-level security"), "{url}: {statement}: {refused}");
        }
        // A partner without rows sees none.
        assert_eq!(
            numbers(&db, Scope::Partner(PartnerId(3)), "SELECT COUNT(*) FROM users").await.unwrap(),
            [0]
        );

        // Control: without row-level security, the same statement shows the other partner's rows.
        let down = if superuser == url {
            "ALTER TABLE customers DISABLE ROW LEVEL SECURITY"
        } else {
            "ALTER TABLE customers NO FORCE ROW LEVEL SECURITY"
        };
        sql(&superuser, down).await;
        assert_eq!(numbers(&db, mine, "SELECT COUNT(*) FROM customers").await.unwrap(), [20], "{url}");
        let found = crate::doctor::examine(&url, &|| jiff::Timestamp::UNIX_EPOCH).await;
        let check = found.into_iter().find(|check| check.name == "row level security").unwrap();
        assert_eq!(check.verdict, crate::doctor::Verdict::Problem, "{check:?}");

        // The next start restores it.
        Db::open(&url).await.unwrap();
        assert_eq!(numbers(&db, mine, "SELECT COUNT(*) FROM customers").await.unwrap(), [10], "{url}");
    }
}

/// All tables are subject to row-level security, except those that belong to no partner.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_with_a_partner_has_row_level_security() {
    if !postgres_is_here() {
        return;
    }
    let url = postgres().await;
    Db::open(&url).await.unwrap();
    let mut tx = Tx::snapshot(&url).await.unwrap();
    let open = "SELECT tablename::text FROM pg_tables t WHERE schemaname = 'public' AND NOT EXISTS (
                    SELECT FROM pg_policies p WHERE p.tablename = t.tablename AND p.policyname = 'own_partner')
                ORDER BY tablename";
    assert_eq!(texts(&mut tx, open).await, ["schema_compatibility", "schema_migrations", "secret_check"]);
    let unforced =
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                    AND relrowsecurity <> relforcerowsecurity";
    assert_eq!(texts(&mut tx, unforced).await, [""; 0]);
    // A unique violation reveals hidden rows, so unique keys start with the partner; these exceptions are random, public (the
    // host of a portal), or belong to no partner.
    let global = "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
                  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                  WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND a.attname <> 'partner_id'
                  ORDER BY 1";
    let known = [
        "api_keys_id",
        "branding_host",
        "customers_generated_external_id_key",
        "partners_name_key_key",
        "partners_pkey",
        "schema_migrations_pkey",
        "secret_check_pkey",
    ];
    assert_eq!(texts(&mut tx, global).await, known);
}

/// The tools read what there is from the migrations; that has to be what both engines have.
#[tokio::test(flavor = "multi_thread")]
async fn copy_covers_every_table_and_column() {
    let folder = Folder::new();
    let mut urls = vec![folder.sqlite("t.db")];
    if postgres_is_here() {
        urls.push(postgres().await);
    }
    let contents = Contents::newest().await.unwrap();
    for url in urls {
        Db::open(&url).await.unwrap().close().await;
        let mut tx = Tx::snapshot(&url).await.unwrap();
        let columns = if url.starts_with("sqlite:") {
            "SELECT s.name || '.' || c.name FROM sqlite_schema s, pragma_table_xinfo(s.name) c
             WHERE s.type = 'table' AND s.name NOT IN ('schema_migrations', 'schema_compatibility', 'id_sequences')
                 AND s.name NOT LIKE 'customer_name_%' ORDER BY 1"
        } else {
            "SELECT table_name || '.' || column_name FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT IN ('schema_migrations', 'schema_compatibility')
                 AND table_name NOT LIKE 'customer_name_%'"
        };
        let mut columns = texts(&mut tx, columns).await;
        columns.sort();
        assert_eq!(columns, contents.columns, "{url}");
        // A database that was never used counts as empty.
        assert_eq!(contents.rows(&mut tx).await.unwrap(), 0, "{url}");
    }
}

/// The first schema in which each partner counts its ids.
const IDS_OF_PARTNERS: usize = 11;

async fn next_id(db: &Db, partner: PartnerId) -> i64 {
    db.write(partner, partner, |partner, tx| Box::pin(tx.next_id(*partner, IdSequence::Customer)))
        .await
        .unwrap()
}

/// More partners than sequences may be created for in one transaction, from before each counted by itself, and copied again.
#[tokio::test(flavor = "multi_thread")]
async fn every_partner_gets_its_own_sequences() {
    if !postgres_is_here() {
        return;
    }
    let (old, new) = (postgres().await, postgres().await);
    Db::open_for(&old, Options::default(), Purpose::Fill(IDS_OF_PARTNERS - 1)).await.unwrap().close().await;
    sql(
        &old,
        "INSERT INTO partners (id, name, name_key, suspended, created_at)
         SELECT i, 'Partner ' || i, 'p' || i, false, 0 FROM generate_series(1, 250) AS i;
         SELECT setval('customers_id', 41)",
    )
    .await;
    for partner in [1, 100, 101, 250].map(PartnerId) {
        let db = Db::open(&old).await.unwrap();
        assert_eq!(next_id(&db, partner).await, 42);
        db.close().await;
    }
    let of_all = "SELECT COUNT(*)::text FROM pg_sequences WHERE sequencename LIKE 'customers_id%'";
    // The server has its own, too.
    assert_eq!(texts(&mut Tx::snapshot(&old).await.unwrap(), of_all).await, ["251"]);
    copy(&old, &new, Options::default(), &mut |_| {}).await.unwrap();
    let db = Db::open(&new).await.unwrap();
    for (partner, next) in [(1, 43), (2, 42), (250, 43)] {
        assert_eq!(next_id(&db, PartnerId(partner)).await, next);
    }
    db.close().await;
}

/// The last schema in which a user had one key, in its own row.
const ONE_KEY: usize = 30;

/// A key from then is the default key of its user, with all that its MAC covers. A user without one gets none.
#[tokio::test(flavor = "multi_thread")]
async fn keys_in_rows_of_users_get_rows_of_their_own() {
    let folder = Folder::new();
    let mut urls = vec![folder.sqlite("t.db")];
    if postgres_is_here() {
        urls.push(postgres().await);
    }
    for url in urls {
        Db::open_for(&url, Options::default(), Purpose::Fill(ONE_KEY)).await.unwrap().close().await;
        seed(&url, 1).await;
        let users = "INSERT INTO users (partner_id, id, customer_id, email, email_key, name, role, key_id, key_hash, key_mac,
                         key_expires_at, last_used_at, created_at, updated_at)
                     VALUES (1, 5, NULL, 'a@b.example', 'a@b.example', '', 'admin', 'aaaaaaaa', 'h', 'm', 90, 80, 10, 20),
                            (1, 6, NULL, 'c@d.example', 'c@d.example', '', 'viewer', NULL, NULL, '', NULL, NULL, 10, 20)";
        let db = Db::open_for(&url, Options::default(), Purpose::Fill(ONE_KEY)).await.unwrap();
        changed(&db, Scope::System, users).await.unwrap();
        db.close().await;
        let db = Db::open(&url).await.unwrap();
        let found = db
            .read(Scope::System, (), |(), tx| {
                Box::pin(async move {
                    let keys = crate::api_keys::list(tx, ONE, UserId(5)).await?;
                    let without = crate::api_keys::list(tx, ONE, UserId(6)).await?;
                    let user = crate::users::get(tx, ONE, None, UserId(6)).await?;
                    Ok::<_, Error>((keys, without, user))
                })
            })
            .await
            .unwrap();
        let (keys, without, user) = found;
        let [key] = &keys[..] else { panic!("{url}: {} keys", keys.len()) };
        let credential = &key.credential;
        assert_eq!(
            (&*credential.key.id, &*credential.key.hash, &*credential.key.mac, credential.expires_at),
            ("aaaaaaaa", "h", "m", Some(90)),
            "{url}"
        );
        assert_eq!((&*credential.role, credential.user, key.is_default), ("admin", UserId(5), true), "{url}");
        assert_eq!(key.last_used_at.map(|at| at.as_second()), Some(80), "{url}");
        assert!(without.is_empty() && !user.unwrap().has_key, "{url}");
    }
}

/// Backups and copies of databases that an older server left are taken as they are; the next server brings them up.
#[tokio::test(flavor = "multi_thread")]
async fn databases_with_older_schemas_are_copied_and_restored() {
    // Two at a time, for this is the longest test of the crate.
    let halves = [1, 2].map(|first| {
        tokio::spawn(async move {
            for version in (first..=NEWEST).step_by(2) {
                copy_and_restore_of(version).await;
            }
        })
    });
    for half in halves {
        half.await.unwrap();
    }
}

async fn copy_and_restore_of(version: usize) {
    let folder = Folder::new();
    let (old, file) = (folder.sqlite("old.db"), folder.file("old.backup"));
    Db::open_for(&old, Options::default(), Purpose::Fill(version)).await.unwrap().close().await;
    seed(&old, 501).await;
    let tally = backup(&old, &file, &mut |_| {}).await.unwrap();
    let mut targets = vec![folder.sqlite("new.db")];
    if postgres_is_here() {
        targets.push(postgres().await);
    }
    for to in targets {
        assert_eq!(
            restore(&file, &to, Options::default(), Timestamp::UNIX_EPOCH, &mut |_| {}).await.unwrap(),
            tally,
            "{version}"
        );
        assert_eq!(migrate::version(&mut Tx::snapshot(&to).await.unwrap()).await.unwrap(), Some(version));
        if to.starts_with("postgres:") {
            let analyzed = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND reltuples >= 0
                            AND relnamespace = current_schema()::regnamespace ORDER BY 1";
            let analyzed = texts(&mut Tx::snapshot(&to).await.unwrap(), analyzed).await;
            assert_eq!(analyzed, ["customer_tags", "customers"], "the planner knows the large tables");
        }
        let db = Db::open(&to).await.unwrap();
        assert_eq!(migrate::version(&mut Tx::snapshot(&to).await.unwrap()).await.unwrap(), Some(NEWEST));
        // Each partner continues after its own last id, or, from a schema without own sequences, after the last of all.
        let own = if version < IDS_OF_PARTNERS { [1_010, 1_010] } else { [1_010, 1_011] };
        for (partner, next) in (1..).map(PartnerId).zip(own) {
            let ids = [next_id(&db, partner).await, next_id(&db, partner).await];
            assert_eq!(ids, [next + GAP_AFTER_RESTORE, next + 1 + GAP_AFTER_RESTORE], "{version} {to}");
        }
        db.close().await;
        // Into one that is further already, it does not go.
        if version < NEWEST {
            let refused = copy(&old, &to, Options::default(), &mut |_| {}).await.unwrap_err().to_string();
            assert!(refused.contains("already") && refused.contains("new database"), "{refused}");
        }
    }
    assert_eq!(migrate::version(&mut Tx::snapshot(&old).await.unwrap()).await.unwrap(), Some(version));
}

#[test]
fn settings_that_lose_commits_are_not_durable() {
    for (journal_mode, synchronous, safe) in [
        ("wal", 2, true),
        ("wal", 3, true),
        ("memory", 2, true), // a database in memory, which is gone in any case
        ("wal", 1, false),
        ("wal", 0, false),
        ("delete", 2, false),
        ("off", 2, false),
    ] {
        let durability = Durability { journal_mode: journal_mode.into(), synchronous };
        assert_eq!(durability.is_safe(), safe, "{durability}");
    }
}

#[test]
fn error_messages_never_contain_the_password() {
    const URLS: [&str; 8] = [
        "postgres://u:p4ss%20word@h:99999/d",
        "postgres://u:p4ss?word@h/d",
        "postgres://u:p4ss@word@h/d?p4ss=1",
        "postgres://u:p4ss#word@h/d?sslmode=p4ss",
        "postgres://u:p4ss@/d?host=",
        "postgres://u:p4ss@h/d?sslrootcert=/none",
        "postgres://u:p4ss@h/d?sslmode=verify-full&sslrootcert=/none",
        "postgres://u:p4ss@127.0.0.1:1/d",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for url in URLS {
        let error = runtime.block_on(Db::open(url)).err().unwrap_or_else(|| panic!("{url}"));
        let said = format!("{error} {error:?}");
        assert!(!said.contains("p4ss"), "{url}: {said}");
        assert!(said.len() > 40, "{url}: {said}");
    }
}

const PAGE: u64 = 4096;

async fn fill(db: &Db, bytes: u64) {
    let filled: Result<u64, Error> = db
        .write(Scope::System, bytes as i64, |bytes, tx| {
            Box::pin(async move { tx.execute("INSERT INTO filler SELECT zeroblob($1)", args![*bytes]).await })
        })
        .await;
    filled.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wal_is_checkpointed_in_the_background() {
    let written = PAGE * (sqlite::CHECKPOINT as u64 + 100); // less than the writer would bring there itself
    let folder = Folder::new();
    let db = Db::open(&folder.sqlite("t.db")).await.unwrap();
    let size = || std::fs::metadata(folder.file("t.db")).unwrap().len();
    let before = size();
    changed(&db, Scope::System, "CREATE TABLE filler (bytes BLOB)").await.unwrap();
    fill(&db, written).await;
    for _ in 0..500 {
        if size() >= before + written {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(size() >= before + written, "{} bytes", size());
    db.close().await;
    let left: Vec<_> =
        std::fs::read_dir(folder.0.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["t.db"], "the last connection removes the WAL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_wal_is_restarted() {
    let folder = Folder::new();
    let db = Db::open(&folder.sqlite("t.db")).await.unwrap();
    changed(&db, Scope::System, "CREATE TABLE filler (bytes BLOB)").await.unwrap();
    let other = rusqlite::Connection::open(folder.file("t.db")).unwrap();
    let logged = || other.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get::<_, i64>(1)).unwrap();
    fill(&db, PAGE * (sqlite::LONG as u64 - 1000)).await;
    for _ in 0..20 {
        fill(&db, 1).await;
    }
    assert!(
        logged() > sqlite::LONG - 1000,
        "{}: too early, the file is written more often than it need be",
        logged()
    );
    fill(&db, PAGE * 1000).await; // still less than the writer would bring into the file unasked
    for _ in 0..500 {
        if logged() < 100 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        fill(&db, 1).await;
    }
    assert!(logged() < 100, "{} pages", logged());
}

/// Jobs that share a commit: what failing ones did is undone, and what all others did stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_job_does_not_affect_other_jobs() {
    let folder = Folder::new();
    let db = Db::open(&folder.sqlite("t.db")).await.unwrap();
    changed(&db, Scope::System, "CREATE TABLE kept (n INTEGER)").await.unwrap();
    let fails_late = |n: i64| n % 7 == 3;
    let fails_early = |n: i64| n % 7 == 5;
    let mut expected = Vec::new();
    for round in 0..20 {
        let (release, held) = std::sync::mpsc::channel::<()>();
        // Wait until the others are queued; a retry finds no other jobs to wait for.
        let hold = db.write(Scope::System, std::sync::Mutex::new(held), |held, _| {
            Box::pin(async move {
                let _ = held.lock().unwrap().recv();
                Ok::<_, Error>(())
            })
        });
        let jobs = (round * 24..(round + 1) * 24).map(|n| {
            db.write(Scope::System, n, move |&n, tx| {
                Box::pin(async move {
                    if fails_early(n) {
                        return Err(Error::defect("early"));
                    }
                    tx.execute("INSERT INTO kept (n) VALUES ($1)", args![n]).await?;
                    if fails_late(n) && round % 3 == 0 { Err(Error::defect("late")) } else { Ok(n) }
                })
            })
        });
        let release = async move { release.send(()).unwrap() };
        let (hold, outcomes, ()) = join3(hold, join_all(jobs), release).await;
        hold.unwrap();
        for (n, outcome) in (round * 24..).zip(outcomes) {
            let stays = !fails_early(n) && (!fails_late(n) || round % 3 != 0);
            assert_eq!(outcome.ok(), stays.then_some(n), "{n}");
            expected.extend(stays.then_some(n));
        }
    }
    assert_eq!(numbers(&db, Scope::System, "SELECT n FROM kept ORDER BY n").await.unwrap(), expected);
}

/// The same on PostgreSQL, where they take turns in a transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_job_does_not_affect_other_jobs_of_its_batch() {
    if !postgres_is_here() {
        return;
    }
    let db = Db::open(&postgres().await).await.unwrap();
    let fails_late = |n: i64| n % 7 == 3;
    let fails_early = |n: i64| n % 7 == 5;
    let mut expected = Vec::new();
    for round in 0..9 {
        let jobs = (round * 64..(round + 1) * 64).map(|n| {
            db.write_batched(Scope::System, n, move |&n, tx| {
                Box::pin(async move {
                    if fails_early(n) {
                        return Err(Error::defect("early"));
                    }
                    let name = format!("partner {n}");
                    let sql = "INSERT INTO partners (id, name, name_key, suspended, created_at)
                               VALUES ($1, $2, $3, FALSE, $1)";
                    let row = args![n, &name, &name];
                    if n % 2 == 0 {
                        tx.enqueue(sql, row).await?;
                    } else {
                        tx.execute(sql, row).await?;
                    }
                    if fails_late(n) && round % 3 == 0 { Err(Error::defect("late")) } else { Ok(n) }
                })
            })
        });
        for (n, outcome) in (round * 64..).zip(join_all(jobs).await) {
            let stays = !fails_early(n) && (!fails_late(n) || round % 3 != 0);
            assert_eq!(outcome.ok(), stays.then_some(n), "{n}");
            expected.extend(stays.then_some(n));
        }
    }
    assert_eq!(numbers(&db, Scope::System, "SELECT id FROM partners ORDER BY id").await.unwrap(), expected);
    let shared = "SELECT COUNT(*) - COUNT(DISTINCT xmin::text) FROM partners";
    assert!(numbers(&db, Scope::System, shared).await.unwrap()[0] > 0, "no job shared a transaction");
}

/// A job that is written wrongly.
fn defective() -> Result<(), Error> {
    panic!("the defect that the test is about")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defective_job_fails_alone() {
    let folder = Folder::new();
    let sqlite = folder.sqlite("t.db");
    let mut urls = vec![sqlite.clone()];
    if postgres_is_here() {
        urls.push(postgres().await);
    }
    for url in urls {
        let db = Db::open(&url).await.unwrap();
        for _ in 0..2 {
            let panicked = [
                db.write(Scope::System, (), |(), _| Box::pin(async { defective() })).await,
                db.write_batched(Scope::System, (), |(), _| Box::pin(async { defective() })).await,
                db.look_up(Scope::System, (), |(), _| Box::pin(async { defective() })).await,
                db.list(Scope::System, (), |(), _| Box::pin(async { defective() })).await,
            ];
            assert!(panicked.iter().all(Result::is_err), "{url}: {panicked:?}");
            if url == sqlite {
                let waited: Result<(), Error> = db
                    .write(Scope::System, (), |(), _| {
                        Box::pin(async {
                            tokio::task::yield_now().await;
                            Ok(())
                        })
                    })
                    .await;
                assert!(waited.is_err(), "only statements are waited for, and they do not wait");
            }
        }
        let next: Result<u64, Error> =
            db.write(Scope::System, (), |(), tx| Box::pin(tx.execute("SELECT 1", &[]))).await;
        assert_eq!(next.ok(), Some(1), "{url}");
    }
}
