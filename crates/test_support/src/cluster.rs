//! PostgreSQL clusters of a test's own, for what cannot be done to one that others use.

use crate::raw::{postgres_is_here, skipped, sql, value};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    pub port: u16,
    /// Stops the server and removes the folder when its standard input ends, however this process ends.
    cleaner: Option<Child>,
}

impl Cluster {
    /// A new cluster with these settings; `None`, said aloud, where PostgreSQL's programs are not installed.
    pub fn start(settings: &[&str]) -> Option<Self> {
        if !postgres_is_here() {
            return None;
        }
        let mut cluster = Self::prepare()?;
        let data = cluster.data();
        cluster
            .run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"]);
        cluster.serve(settings);
        Some(cluster)
    }

    /// A standby that follows this one.
    pub fn standby(&self) -> Self {
        let mut standby = Self::prepare().unwrap();
        let data = standby.data();
        standby.run("pg_basebackup", &["-D", &data, "-R", "-X", "stream", "-c", "fast", "-d", &self.url()]);
        standby.serve(&[]);
        standby
    }

    fn prepare() -> Option<Self> {
        // Debian keeps its programs out of the PATH.
        let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let mut places: Vec<PathBuf> = debian.map(|version| version.unwrap().path().join("bin")).collect();
        places.sort();
        let path = std::env::var_os("PATH").unwrap_or_default();
        places.splice(0..0, std::env::split_paths(&path));
        let Some(programs) = places.into_iter().rfind(|programs| programs.join("initdb").exists()) else {
            skipped("PostgreSQL's programs are not here");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("tenantry-cluster-").tempdir().unwrap().keep();
        let script = format!(
            "trap '' INT; read line; cd '{0}'; {1} {2}/pg_ctl -D data -m immediate stop >/dev/null 2>&1; rm -rf '{0}'",
            folder.display(),
            as_postgres().join(" "),
            programs.display(),
        );
        let cleaner = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().unwrap();
        if !as_postgres().is_empty() {
            assert!(Command::new("chown").arg("postgres").arg(&folder).status().unwrap().success());
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Some(Cluster { folder, programs, port, cleaner: Some(cleaner) })
    }

    pub fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn serve(&mut self, settings: &[&str]) {
        let mut options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= -c max_connections=100",
            self.port
        );
        for setting in settings {
            options.push_str(&format!(" -c {setting}"));
        }
        let (data, log) = (self.data(), self.folder.join("log").display().to_string());
        self.run("pg_ctl", &["-D", &data, "-w", "-s", "-l", &log, "-o", &options, "start"]);
    }

    pub fn run(&self, program: &str, args: &[&str]) {
        let program = self.programs.join(program).display().to_string();
        let words: Vec<&str> = as_postgres().iter().copied().chain([program.as_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(args).current_dir(&self.folder).stdout(Stdio::null());
        assert!(command.status().unwrap().success(), "{program} {args:?}");
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A setting that counts at once, written where `ALTER SYSTEM` would write it.
    pub fn set_now(&self, setting: &str) {
        let file = format!("{}/postgresql.auto.conf", self.data());
        let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
        writeln!(file, "{setting}").unwrap();
        self.run("pg_ctl", &["-D", &self.data(), "-s", "reload"]);
    }

    pub async fn set(&self, setting: &str) {
        sql(&self.url(), &format!("ALTER SYSTEM SET {setting}")).await;
        sql(&self.url(), "SELECT pg_reload_conf()").await;
    }

    /// From now on commits wait for a standby that is not there.
    pub async fn demand_a_standby(&self) {
        self.set("synchronous_standby_names = 'nobody'").await;
        // The checkpointer tells the others; it has when a commit waits.
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let mut probes = Vec::new();
        while value(&self.url(), waiting).await == "0" {
            let url = self.url();
            probes.push(tokio::spawn(
                async move { sql(&url, "CREATE TABLE IF NOT EXISTS probe (id int)").await },
            ));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let ended = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        for probe in probes {
            while !probe.is_finished() {
                sql(&self.url(), ended).await;
            }
        }
    }

    /// A signal, by its name, for every process of the server: `STOP` freezes it, `CONT` thaws it.
    pub fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap();
        // Those that ended since they were listed are not missed.
        let script = format!("kill -{name} {pid} $(ps -o pid= --ppid {pid}) 2>/dev/null");
        Command::new("sh").args(["-c", &script]).status().unwrap();
    }

    pub fn stop(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-s", "stop"]);
    }

    pub fn promote(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-s", "promote"]);
    }
}

/// PostgreSQL does not run as root.
pub fn as_postgres() -> &'static [&'static str] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    if root { &["runuser", "-u", "postgres", "--"] } else { &[] }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut cleaner) = self.cleaner.take() {
            if std::path::Path::new(&self.data()).join("postmaster.pid").exists() {
                self.signal("CONT"); // a frozen server does not stop
            }
            cleaner.stdin.take().unwrap().write_all(b"\n").unwrap();
            cleaner.wait().unwrap();
        }
    }
}
