//! Connecting to a PostgreSQL cluster: tries its hosts in order until one accepts writes and stores them durably.

use super::{session, tls};
use crate::Error;
use crate::engine::value::is_kept;
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::ready;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::error::Severity;
use tokio_postgres::{AsyncMessage, Config, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Timeout of one address, from the first packet to the first answered query. A server that hangs still accepts TCP
/// connections.
pub(super) const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum age of a connection, so that load and certificates follow changes of the cluster.
const CONNECTION_LIFE: Duration = Duration::from_secs(30 * 60);
/// Maximum number of prepared statements per connection. Filters produce many texts; a full cache is cleared.
const MAX_STATEMENTS: usize = 256;
/// Role that transactions switch to if row-level security does not apply to the one that signed in.
pub(super) const BOUND_ROLE: &str = "tenantry_app";
/// Oldest supported version, as `server_version_num`.
const OLDEST: i64 = 150_000;

/// Hosts of a cluster, and the credentials and settings for them.
pub(super) struct Cluster {
    hosts: Vec<(Host, u16, Option<IpAddr>)>,
    base: Config,
    /// Names of the settings in the URL's `options`, which the operator chose.
    own_settings: Vec<String>,
    tls: MakeRustlsConnect,
    allow_unsafe: bool,
    /// Index of the host that accepted writes last; tried first.
    last_good: AtomicUsize,
}

/// Connection, with properties of its server and its prepared statements.
pub(super) struct Connection {
    pub(super) client: tokio_postgres::Client,
    task: JoinHandle<()>,
    /// Set by a warning. One that comes with the answer to COMMIT means that a standby may not have the change.
    pub(super) warned: Arc<AtomicBool>,
    /// Whether transactions switch to [`BOUND_ROLE`], because row-level security does not apply to the role that signed in.
    pub(super) steps_down: bool,
    pub(super) statements: Statements,
    /// The server's name for the session.
    pub(super) session: String,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Prepared statements, by their texts.
#[derive(Default)]
pub(super) struct Statements(Mutex<HashMap<String, Statement>>);

impl Statements {
    pub(super) async fn prepare(
        &self,
        client: &tokio_postgres::Client,
        sql: &str,
    ) -> Result<Statement, tokio_postgres::Error> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statement) = known().get(sql) {
            return Ok(statement.clone());
        }
        let statement = client.prepare(sql).await?;
        if !is_kept(sql) {
            return Ok(statement);
        }
        let mut known = known();
        if known.len() >= MAX_STATEMENTS {
            known.clear();
        }
        known.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Cluster {
    /// Parses a database URL. No part of its text appears in an error, because any part of a malformed URL may be the
    /// password.
    pub(super) fn parse(url: &str, allow_unsafe: bool) -> Result<Self, Error> {
        let (url, wanted) = split_tls(url);
        let parsed: Config = url.parse().map_err(|_| {
            Error::Unfit(
                "the database URL cannot be read: write postgres://USER:PASSWORD@HOST[:PORT][,HOST[:PORT]…]/NAME, \
                 with special characters of the password percent-encoded"
                    .into(),
            )
        })?;
        let (ssl_mode, tls) = wanted.connector()?;
        let mut base = Config::new();
        if let Some(user) = parsed.get_user() {
            base.user(user);
        }
        if let Some(password) = parsed.get_password() {
            base.password(password);
        }
        if let Some(name) = parsed.get_dbname() {
            base.dbname(name);
        }
        // Tenantry's own settings are set in the session, because poolers ignore or refuse startup options.
        let own = parsed.get_options().unwrap_or_default();
        if !own.is_empty() {
            base.options(own);
        }
        base.application_name(parsed.get_application_name().unwrap_or("tenantry"))
            .ssl_mode(ssl_mode)
            .channel_binding(parsed.get_channel_binding())
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10))
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        let (names, ips, ports) = (parsed.get_hosts(), parsed.get_hostaddrs(), parsed.get_ports());
        let count = names.len().max(ips.len());
        let fits = |len: usize, max: usize| len <= max || len == count;
        if count == 0 || !fits(names.len(), 0) || !fits(ips.len(), 0) || !fits(ports.len(), 1) {
            return Err(Error::Unfit("the database URL names no host, or not a port for each".into()));
        }
        let hosts = (0..count).map(|i| {
            let ip = ips.get(i).copied();
            let name = names.get(i).cloned().or(ip.map(|ip| Host::Tcp(ip.to_string())));
            let port = ports.get(i).or(ports.first()).copied().unwrap_or(5432);
            (name.unwrap_or(Host::Tcp(String::new())), port, ip)
        });
        let (hosts, own_settings) = (hosts.collect(), session::names(own));
        Ok(Cluster { hosts, base, own_settings, tls, allow_unsafe, last_good: AtomicUsize::new(0) })
    }

    /// The same hosts, for connections that need not take writes.
    pub(super) fn with_read_only(mut self) -> Self {
        self.base.target_session_attrs(TargetSessionAttrs::Any);
        self
    }

    pub(super) fn identity(&self) -> String {
        let hosts: Vec<String> = (0..self.hosts.len()).map(|i| self.name_of(i)).collect();
        let name = self.base.get_dbname().or(self.base.get_user()).unwrap_or_default();
        format!("postgres://{}/{name}", hosts.join(","))
    }

    fn name_of(&self, index: usize) -> String {
        let (host, port, _) = &self.hosts[index];
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    }

    /// Maximum duration of [`Manager::create`].
    pub(super) fn max_connect_time(&self) -> Duration {
        ADDRESS_TIMEOUT * (2 * self.hosts.len() as u32)
    }

    /// All addresses of a host, so that an address that does not answer does not hide the next.
    async fn addresses(&self, index: usize) -> Result<Vec<Config>, Error> {
        let (host, port, ip) = &self.hosts[index];
        let mut config = self.base.clone();
        config.port(*port);
        let name = match (host, ip) {
            (Host::Unix(path), _) => {
                config.host_path(path);
                return Ok(vec![config]);
            }
            (Host::Tcp(name), Some(ip)) => {
                config.host(name).hostaddr(*ip);
                return Ok(vec![config]);
            }
            (Host::Tcp(name), None) => name,
        };
        let looked_up =
            tokio::time::timeout(ADDRESS_TIMEOUT, tokio::net::lookup_host((name.as_str(), *port)));
        let found = looked_up.await.map_err(|_| unavailable("its name was not resolved in time"))?;
        let found = found.map_err(|e| unavailable(format!("its name cannot be resolved: {e}")))?;
        Ok(found
            .map(|address| {
                let mut config = config.clone();
                config.host(name).hostaddr(address.ip());
                config
            })
            .collect())
    }

    async fn connect(&self, config: &Config) -> Result<Connection, Error> {
        let (client, mut connection) = config.connect(self.tls.clone()).await.map_err(|e| unreachable(&e))?;
        let warned = Arc::new(AtomicBool::new(false));
        let warning = Arc::clone(&warned);
        let task = tokio::spawn(poll_fn(move |cx| {
            loop {
                match ready!(connection.poll_message(cx)) {
                    Some(Ok(AsyncMessage::Notice(notice))) => {
                        if notice.parsed_severity() == Some(Severity::Warning) {
                            warning.store(true, Ordering::SeqCst);
                        }
                        tracing::warn!(code = notice.code().code(), "PostgreSQL: {}", notice.message());
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::debug!(error = %unreachable(&error), "a connection to PostgreSQL ended");
                        return std::task::Poll::Ready(());
                    }
                    None => return std::task::Poll::Ready(()),
                }
            }
        }));
        let (statements, steps_down, session) = (Statements::default(), false, String::new());
        let mut connection = Connection { client, task, warned, steps_down, statements, session };
        connection.session = session::begin(&connection.client, &self.own_settings).await?;
        let facts = Facts::of(&connection.client).await?;
        if let Some(danger) = facts.danger()
            && !self.allow_unsafe
        {
            return Err(Error::Unfit(danger));
        }
        connection.steps_down = facts.unbound && facts.can_step_down;
        Ok(connection)
    }
}

impl Manager for Cluster {
    type Type = Connection;
    type Error = Error;

    async fn create(&self) -> Result<Connection, Error> {
        let first = self.last_good.load(Ordering::Relaxed);
        let (mut messages, mut unfit) = (Vec::new(), false);
        for index in (0..self.hosts.len()).map(|i| (first + i) % self.hosts.len()) {
            let mut failed = Vec::new();
            match self.addresses(index).await {
                Err(error) => failed.push(error),
                Ok(addresses) => {
                    for config in addresses {
                        match tokio::time::timeout(ADDRESS_TIMEOUT, self.connect(&config)).await {
                            Ok(Ok(connection)) => {
                                self.last_good.store(index, Ordering::Relaxed);
                                return Ok(connection);
                            }
                            Ok(Err(error)) => failed.push(error),
                            Err(_) => failed.push(unavailable("it did not answer in time")),
                        }
                    }
                }
            }
            for error in failed {
                unfit |= matches!(error, Error::Unfit(_));
                let (Error::Unavailable(why) | Error::Unfit(why)) = error else { return Err(error) };
                messages.push(format!("{}: {why}", self.name_of(index)));
            }
        }
        let message = messages.join("; ");
        Err(if unfit { Error::Unfit(message) } else { Error::Unavailable(message) })
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<Error> {
        if connection.client.is_closed() || metrics.age() > CONNECTION_LIFE {
            return Err(RecycleError::message("closed, or too old"));
        }
        Ok(())
    }
}

/// Version and settings that a server reports.
pub(crate) struct Facts {
    pub(crate) version: String,
    version_number: i64,
    pub(crate) fsync: bool,
    pub(crate) full_page_writes: bool,
    pub(crate) synchronous_commit: String,
    /// Row-level security does not apply to the role that signed in: a superuser, or one with BYPASSRLS.
    pub(crate) unbound: bool,
    pub(crate) can_step_down: bool,
}

impl Facts {
    pub(crate) async fn of(client: &tokio_postgres::Client) -> Result<Self, Error> {
        let sql = format!(
            "SELECT current_setting('server_version'), current_setting('server_version_num'),
                current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
                (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user),
                (SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = '{BOUND_ROLE}')"
        );
        let answer = client.simple_query(&sql).await.map_err(|e| unreachable(&e))?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let row = row.ok_or_else(|| unavailable("the server did not report its settings"))?;
        let text = |column: usize| row.get(column).unwrap_or_default().to_owned();
        Ok(Facts {
            version: text(0),
            version_number: text(1).parse().unwrap_or(0),
            fsync: text(2) == "on",
            full_page_writes: text(3) == "on",
            synchronous_commit: text(4),
            unbound: text(5) == "t",
            can_step_down: text(6) == "t",
        })
    }

    pub(crate) fn is_supported(&self) -> bool {
        self.version_number >= OLDEST
    }

    /// Reason why commits could be lost, and what to do; `None` if the settings are safe.
    fn danger(&self) -> Option<String> {
        if !self.is_supported() {
            return Some(format!("PostgreSQL {} is too old: 15 or later is needed", self.version));
        }
        let setting = if !self.fsync {
            "fsync"
        } else if !self.full_page_writes {
            "full_page_writes"
        } else if self.synchronous_commit == "off" {
            "synchronous_commit"
        } else {
            return None;
        };
        Some(format!(
            "PostgreSQL runs with {setting}=off and would lose acknowledged changes in a crash: turn it on, or, if \
             this is a throw-away test cluster, pass --allow-unsafe-database"
        ))
    }
}

pub(super) fn unavailable(why: impl Into<String>) -> Error {
    Error::Unavailable(why.into())
}

/// Errors while connecting are temporary: another host may accept the connection, or the same one later.
pub(super) fn unreachable(error: &tokio_postgres::Error) -> Error {
    if let Some(server) = error.as_db_error() {
        return unavailable(format!("{} ({})", server.message(), server.code().code()));
    }
    let cause = std::error::Error::source(error);
    unavailable(cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")))
}

/// Splits the TLS options off a URL, because tokio-postgres does not support `verify-full`.
fn split_tls(url: &str) -> (String, tls::Wanted) {
    let mut wanted = tls::Wanted::default();
    let Some((start, query)) = url.split_once('?') else { return (url.to_owned(), wanted) };
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "sslmode" => wanted.sslmode = Some(value.into_owned()),
            "sslrootcert" => wanted.sslrootcert = Some(value.into_owned()),
            _ => drop(rest.append_pair(&name, &value)),
        }
    }
    let rest = rest.finish().replace('+', "%20"); // a plus is a plus to PostgreSQL
    (if rest.is_empty() { start.to_owned() } else { format!("{start}?{rest}") }, wanted)
}
