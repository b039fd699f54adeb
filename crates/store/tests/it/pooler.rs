//! PgBouncer in front of PostgreSQL: one that keeps sessions apart works, any other is refused with the cure.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tenantry_store::{Db, Scope, partners};
use test_support::cluster::{Cluster, as_postgres};
use test_support::raw::{skipped, value};

struct PgBouncer {
    process: Child,
    port: u16,
    /// Its configuration and its log.
    folder: PathBuf,
}

impl PgBouncer {
    /// With this pool mode and further settings; `None`, said aloud, where it is not installed.
    #[allow(clippy::disallowed_methods, reason = "nothing tells when it listens")]
    fn start(cluster: &Cluster, number: usize, settings: &str) -> Option<Self> {
        let places = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        let Some(program) = places.into_iter().find(|place| Path::new(place).exists()) else {
            skipped("pgbouncer is not here");
            return None;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = Path::new(&cluster.data()).with_file_name(format!("pgbouncer-{number}"));
        std::fs::create_dir(&folder).unwrap();
        let ini = folder.join("pgbouncer.ini");
        let config = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\n{settings}\n",
            cluster.port
        );
        std::fs::write(&ini, config).unwrap();
        let ini = ini.display().to_string();
        let words: Vec<&str> = as_postgres().iter().copied().chain([program, "-q", &ini]).collect();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut process = command.spawn().unwrap();
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || std::fs::read_to_string(folder.join("log")).unwrap();
            assert!(process.try_wait().unwrap().is_none(), "{}", log());
            assert!(started.elapsed() < Duration::from_secs(30), "{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(PgBouncer { process, port, folder })
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // runuser hands the signal on.
        drop(Command::new("kill").arg(self.process.id().to_string()).status());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

async fn partners_of(db: &Db) -> usize {
    let all = db.read(Scope::System, (), |(), tx| Box::pin(partners::list(tx))).await;
    all.unwrap_or_else(|e| panic!("{e}")).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_mixes_sessions_is_refused() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    const TRANSACTION: &str =
        "a pooler between this server and PostgreSQL gives each transaction another session";
    const IGNORES: &str = "ignore_startup_parameters = options";
    const OWN: &str = "?options=-c%20lock_timeout%3D7s";
    for (number, (settings, query, refused)) in [
        (String::from("pool_mode = session"), "", None),
        (format!("pool_mode = session\n{IGNORES}"), "", None),
        (
            format!("pool_mode = session\n{IGNORES}"),
            OWN,
            Some("lock_timeout of the database URL's options did not arrive"),
        ),
        ("pool_mode = transaction".into(), "", Some(TRANSACTION)),
        (format!("pool_mode = transaction\n{IGNORES}"), OWN, Some("lock_timeout")),
        ("pool_mode = transaction\nserver_round_robin = 1".into(), "", Some(TRANSACTION)),
        ("pool_mode = transaction\nserver_reset_query_always = 1".into(), "", Some(TRANSACTION)),
        ("pool_mode = statement".into(), "", Some("")), // which refuses transactions itself
    ]
    .into_iter()
    .enumerate()
    {
        let Some(pooler) = PgBouncer::start(&cluster, number, &settings) else { return };
        let url = format!("{}{query}", pooler.url());
        match (Db::open(&url).await, refused) {
            (Ok(db), None) => {
                let all = futures_util::future::join_all((0..64).map(|_| partners_of(&db))).await;
                assert_eq!(all, [0; 64], "{settings}");
                db.close().await;
            }
            (Err(error), Some(why)) => {
                let said = error.to_string();
                assert!(said.contains(why) && !said.contains('\n'), "{settings} {query}: {said}");
            }
            (Ok(_), Some(_)) => panic!("{settings} {query} was not refused"),
            (Err(error), None) => panic!("{settings} {query}: {error}"),
        }
    }
    // Without a pooler, the operator's own options take effect together with Tenantry's.
    let direct = format!("{}{OWN}", cluster.url());
    let db = Db::open(&direct).await.unwrap();
    assert_eq!(partners_of(&db).await, 0);
    let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'tenantry'";
    assert_ne!(value(&cluster.url(), waits).await, "0");
    db.close().await;
}
