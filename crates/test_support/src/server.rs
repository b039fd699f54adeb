//! The real binary, started.

use crate::{Api, Database, Engine, NOW, wait_for};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

/// The binary that cargo has built beside the tests: this crate is not of its package, so that cargo does not tell where.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder.join(format!("tenantry{}", std::env::consts::EXE_SUFFIX))
});
const BOOTSTRAP_KEY: &str = "the-key-that-the-tests-have-chosen-0123456789";

/// A server under test. It ends with this value, and with this process, however that ends.
pub struct Server {
    pub address: SocketAddr,
    database: String,
    log: PathBuf,
    child: Child,
    stdout: BufReader<ChildStdout>,
    guard: Guard,
}

impl Server {
    /// The server that tests share, each as a partner of its own. Its clock stands still at [`NOW`], and nobody moves it.
    pub fn shared(engine: Engine) -> &'static Server {
        static SQLITE: OnceLock<(Server, Database)> = OnceLock::new();
        static POSTGRES: OnceLock<(Server, Database)> = OnceLock::new();
        let cell = if engine == Engine::Sqlite { &SQLITE } else { &POSTGRES };
        let (server, _) = cell.get_or_init(|| {
            let database = Database::new(engine);
            (Server::start(&database, &["--sandbox", "--at", NOW]), database)
        });
        server
    }

    /// A server of one's own on this database, with these further arguments of `serve`.
    pub fn start(database: &Database, args: &[&str]) -> Server {
        Server::start_as(database, args, |command| {
            command.env("TENANTRY_BOOTSTRAP_KEY", BOOTSTRAP_KEY);
        })
    }

    /// The same, with these variables in its environment.
    pub fn start_in(database: &Database, args: &[&str], environment: &[(&str, &str)]) -> Server {
        Server::start_as(database, args, |command| {
            command.env("TENANTRY_BOOTSTRAP_KEY", BOOTSTRAP_KEY).envs(environment.iter().copied());
        })
    }

    /// The same, its command changed before it runs.
    pub fn start_as(database: &Database, args: &[&str], change: impl FnOnce(&mut Command)) -> Server {
        Self::start_without_database(database, |command| {
            command.args(["--database", &database.url]).args(args);
            change(command);
        })
    }

    /// A server that is not told where its database is, only what `change` says.
    pub fn start_without_database(database: &Database, change: impl FnOnce(&mut Command)) -> Server {
        let log = database.folder().join("server.log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = command(database.folder(), &["serve", "--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let folder = database.folder().display();
        let guard = Guard::new(&format!(
            "kill -9 {}; rm -rf '{folder}' || {{ sleep 1; rm -rf '{folder}'; }}",
            child.id()
        ));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some((_, address)) =
            line.trim().split_once("listens on ").and_then(|(_, url)| url.split_once("://"))
        else {
            drop(child.kill());
            panic!("the server did not start: {line:?}\n{}", std::fs::read_to_string(&log).unwrap());
        };
        let address = address.parse().unwrap();
        Server { address, database: database.url.clone(), log, child, stdout, guard }
    }

    /// As the admin that the first start made.
    pub fn admin(&self) -> Api {
        Api::new(self.address, BOOTSTRAP_KEY)
    }

    /// As the admin of a partner that nobody else knows.
    pub fn partner(&self) -> Api {
        self.named_partner().1
    }

    /// The same, with the partner's name.
    pub fn named_partner(&self) -> (String, Api) {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("Partner {} {}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let made = self.run(&["partner", "create", &name, "--admin", "a@example.com", "--json"]);
        let said = String::from_utf8_lossy(&made.stderr);
        let printed: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
        (name, Api::new(self.address, printed["api_key"].as_str().unwrap()))
    }

    /// Run a subcommand on this server's database.
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, |_| {})
    }

    /// Run a subcommand that knows no database, where the server runs.
    pub fn run_without_database(&self, args: &[&str]) -> Output {
        command(self.log.parent().unwrap(), args).output().unwrap()
    }

    /// The same, its command changed before it runs.
    pub fn run_with(&self, args: &[&str], change: impl FnOnce(&mut Command)) -> Output {
        let mut command = command(self.log.parent().unwrap(), args);
        command.args(["--database", &self.database]);
        change(&mut command);
        command.output().unwrap()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        // Lines are written behind the answers. Once this request's is there, all before it are; if nobody answers any
        // more, they are too.
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let id = format!("last-line-{}.", ASKED.fetch_add(1, Ordering::Relaxed));
        let answered = TcpStream::connect(self.address).and_then(|mut server| {
            write!(
                server,
                "GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\nX-Request-Id: {id}\r\n\r\n"
            )?;
            server.read_to_string(&mut String::new())
        });
        wait_for(Duration::from_secs(30), || {
            let log = std::fs::read_to_string(&self.log).unwrap();
            let is_there = answered.is_err() || log.contains(&id);
            is_there.then_some(log).ok_or("the last line is not in the log")
        })
    }

    /// SIGKILL, in the middle of whatever it does.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        self.child.wait().unwrap();
        self.guard.release();
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id())]).status();
        assert!(sent.unwrap().success());
    }

    /// Wait for its end; with what it printed after the line with its address.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        let status = self.child.wait().unwrap();
        self.guard.release();
        (status, printed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary with these arguments, in a folder where it may leave files, and nothing of this process's configuration.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(&*BINARY);
    command.current_dir(folder);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TENANTRY_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_BACKTRACE").env("TENANTRY_CONFIG", "none");
    command.args(args);
    command
}

/// Runs a line of shell should this process end before [`Guard::release`]: also at the end of the tests, where statics
/// are not dropped, and when it is killed.
pub struct Guard(Option<Child>);

impl Guard {
    pub fn new(line: &str) -> Self {
        let script = format!("trap '' INT; read released || {{ {line}; }}");
        let child =
            Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Guard(Some(child.unwrap()))
    }

    pub fn release(&mut self) {
        if let Some(mut child) = self.0.take() {
            child.stdin.take().unwrap().write_all(b"released\n").unwrap();
            child.wait().unwrap();
        }
    }
}
