//! `tenantry serve`

use crate::background::{Background, Intervals};
use crate::backups::{self, ScheduleArgs};
use crate::billing::BillingArgs;
use crate::bootstrap;
use crate::connections;
use crate::limits::LimitArgs;
use crate::listen::{self, Listen, Listener};
use crate::network::NetworkArgs;
use crate::notify::{keep_watchdog, notify};
use crate::pages;
use crate::platform::Platform;
use crate::reload::Reload;
use crate::telemetry;
use crate::tls::TlsArgs;
use anyhow::{Context, anyhow, bail};
use app::Clock;
use clap::Args;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

const MIB: usize = 1024 * 1024;
/// Time that requests have to finish after the end was asked for. With what follows, the process ends within ten seconds.
const GRACE: Duration = Duration::from_secs(8);
/// Serve the API and the console. The first start makes the partner `default` and its admin's key: it is shown on a terminal, and else
/// written into a file, admin.key beside the secret key. Or choose it: TENANTRY_BOOTSTRAP_KEY, or
/// TENANTRY_BOOTSTRAP_KEY_FILE with the path of a file that holds it.
#[derive(Args, Clone)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    platform: Platform,
    #[command(flatten)]
    billing: BillingArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    backups: ScheduleArgs,
    /// A standby of the PostgreSQL database, `postgres://…` as for --database: lists are read from it while it is at most five
    /// seconds behind, so that they may miss what was created in these seconds. Else they are read from the primary.
    #[arg(
        long,
        help_heading = "Storage",
        env = "TENANTRY_READ_REPLICA",
        value_name = "URL",
        hide_env_values = true
    )]
    read_replica: Option<String>,
    /// Make a new database for a secret key that is there already; without this, that is taken for a mistake.
    #[arg(long, help_heading = "Storage", env = "TENANTRY_NEW_DATABASE",
          value_parser = clap::builder::BoolishValueParser::new())]
    new: bool,
    /// Try integrations out: a clock that stands still until `PUT /sandbox/clock` moves it, and a database in memory
    /// unless --database names one.
    #[arg(long, help_heading = "Sandbox", env = "TENANTRY_SANDBOX",
          value_parser = clap::builder::BoolishValueParser::new())]
    sandbox: bool,
    /// What the sandbox's clock shows at the start (ISO 8601); by default the system's time.
    #[arg(long, help_heading = "Sandbox", env = "TENANTRY_SANDBOX_AT", value_name = "TIME")]
    at: Option<String>,
    /// How many milliseconds between two steps through the partners' directories. A step asks some thirty questions;
    /// Partner Center answers five hundred a minute, and look-ups want theirs.
    #[arg(long, help_heading = "Directories", env = "TENANTRY_SYNC_INTERVAL", value_name = "MILLISECONDS",
          default_value = "5000", hide = true, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    sync_interval: u64,
    /// How many milliseconds between two looks for bill runs that another server has left behind.
    #[arg(long, help_heading = "Bills", env = "TENANTRY_BILL_INTERVAL", value_name = "MILLISECONDS",
          default_value = "5000", hide = true, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    bill_interval: u64,
}

impl ServeArgs {
    /// What is wrong with options that each by itself can be taken.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.at.is_some() && !self.sandbox {
            problems.push("--at needs --sandbox: only a sandbox's clock can be set".to_owned());
        }
        problems.extend(self.tls.problem());
        problems
    }

    /// What would keep the server from starting with what it is given, as far as that can be seen without a start.
    pub(crate) fn obstacles(&self) -> Vec<String> {
        let Platform { database, key_file, upgrades, .. } = &self.platform;
        let at = self
            .at
            .as_deref()
            .filter(|_| self.sandbox)
            .map_or(Ok(()), |at| app::parse_time(at).map(drop).map_err(|wrong| anyhow!("--at {wrong}")));
        let database_urls = store::check_urls(database.url(), self.read_replica.as_deref());
        let bills = self.billing.setup(2).and_then(|setup| Ok(setup.check()?));
        let looked_at = [at, database_urls.map_err(Into::into), key_file.check(database), bills];
        let wrong = looked_at.into_iter().filter_map(Result::err).map(|error| format!("{error:#}"));
        let before_upgrades = upgrades.folder(&key_file.own_path(database));
        let folders = before_upgrades.as_deref().into_iter().chain(self.backups.to());
        wrong.chain(folders.filter_map(backups::obstacle)).collect()
    }

    /// Where the server of this configuration says whether it is ready: an address without TLS.
    pub(crate) fn ready_at(&self) -> anyhow::Result<Listen> {
        if let Some(listen) = self.network.listen_operations.first() {
            return Ok(listen.clone());
        }
        if self.tls.is_on() {
            bail!("with TLS, the health check needs an address of its own: --listen-operations");
        }
        Ok(self.network.listen.first().cloned().unwrap_or_else(default_listen))
    }
}

/// Where the server listens if nothing else is said.
fn default_listen() -> Listen {
    Listen::Tcp { host: "127.0.0.1".to_owned(), port: 8080 }
}

/// The URL of the server, for the operator: of the first address that is listened on.
fn url_of(listeners: &[Listener], tls: bool) -> String {
    let first = listeners.iter().find(|listener| listener.is_tcp()).or(listeners.first());
    match first {
        Some(tcp) if tcp.is_tcp() => format!("{}://{}", if tls { "https" } else { "http" }, tcp.shown()),
        Some(unix) => unix.shown(),
        None => "no address".to_owned(),
    }
}

pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let chosen = bootstrap::chosen()?;
    if let Some(problem) = args.problems().into_iter().next() {
        bail!("{problem}");
    }
    let clock = match (args.sandbox, &args.at) {
        (false, _) => Clock::System,
        (true, None) => Clock::standing(Clock::System.now()),
        (true, Some(at)) => Clock::standing(app::parse_time(at).map_err(|wrong| anyhow!("--at {wrong}"))?),
    };
    let mut platform = args.platform;
    if args.sandbox && platform.database.url.is_none() {
        platform.database.url = Some("sqlite::memory:".into());
    }
    args.backups.prepare()?;
    let mut app = platform.open_to_serve(clock, args.new).await?.with_billing(args.billing.setup(2)?)?;
    if let Some(replica) = &args.read_replica {
        app = app.with_read_replica(replica, platform.database.options()).context("--read-replica")?;
    }
    let app = Arc::new(app.with_limits(args.limits.settings()).with_list_limits(args.limits.lists()));
    app.check_bill_store().await?;
    if args.new && !app.has_partners().await? {
        app.accept_state("a new database was asked for, with --new").await?;
    }
    app.start_audit().await?;

    let network = args.network;
    let timeout = Duration::from_secs(network.request_timeout);
    let certificates = args.tls.certificates()?;
    let tls = certificates.as_ref().map(|certificates| certificates.config()).transpose()?;
    let listeners = listen::bind(&network.listen, &default_listen()).await?;
    let mut for_operations = Vec::new();
    for listen in &network.listen_operations {
        for_operations.push(listen.bind().await?);
    }
    // Behind all that may fail: the first key is shown once, in the greeting.
    let beside = platform.key_file.own_path(&platform.database);
    let first_key = bootstrap::run(&app, chosen, args.sandbox, &beside).await?;
    let limits = connections::Limits {
        connections: network.max_connections.map(|max| max as usize),
        per_address: network.max_connections_per_address.map(|max| max as usize),
        head_timeout: timeout,
        write_timeout: Duration::from_secs(network.write_timeout),
        trusted_proxies: network.trusted_proxies.clone(),
    };
    let stopping = Arc::new(AtomicBool::new(false));
    let config = api::Config {
        cors_origins: network.cors_origin.into_iter().map(|origin| origin.0).collect(),
        body_timeout: timeout,
        trusted_proxies: network.trusted_proxies,
        max_request_memory: network.max_request_memory as usize * MIB,
        max_request_memory_per_address: network.max_request_memory_per_address as usize * MIB,
        public_url: network.public_url,
        stopping: Arc::clone(&stopping),
        tls: tls.is_some(),
        operations_apart: !for_operations.is_empty(),
        metrics: telemetry::count()?,
        traces: telemetry::traces(),
    };
    let pages = pages::router(&app, config.public_url.clone());
    let url = url_of(&listeners, tls.is_some());
    let addresses: Vec<String> = listeners.iter().chain(&for_operations).map(Listener::shown).collect();
    let services = vec![
        connections::Service {
            listeners,
            frame: api::service(Arc::clone(&app), config.clone(), pages),
            tls,
            is_operations: false,
        },
        connections::Service {
            listeners: for_operations,
            frame: api::operations_service(Arc::clone(&app), config),
            tls: None,
            is_operations: true,
        },
    ];
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = signal(SignalKind::hangup())?;
    let mut reload = Reload::new(certificates.clone());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        address = addresses.join(","),
        database = store::name_of(platform.database.url()).unwrap_or_else(|_| "memory".into()),
        schema = store::SCHEMA_VERSION,
        "serving"
    );
    if let Err(error) = bootstrap::greet(&url, args.sandbox, &first_key) {
        app.close().await;
        // The reader has gone, as `head` does when it has enough.
        return if error.kind() == std::io::ErrorKind::BrokenPipe {
            Ok(())
        } else {
            Err(error).context("cannot write to standard output")
        };
    }
    let shutdown_delay = Duration::from_secs(network.shutdown_delay);

    // Before the first request, so that what is written then is not the work of a request.
    app.tidy().await;
    let (stop_working, stopped) = tokio::sync::watch::channel(());
    let working_app = Arc::clone(&app);
    let stop = async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hangup.recv() => reload.now(&working_app),
            }
        }
        stopping.store(true, Ordering::Relaxed);
        notify("STOPPING=1");
        if !shutdown_delay.is_zero() {
            tracing::info!(seconds = shutdown_delay.as_secs(), "stopping soon: /readyz answers 503");
            // A second signal ends the delay.
            tokio::select! {
                () = tokio::time::sleep(shutdown_delay) => {}
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        working_app.stop_bill_runs();
        drop(stop_working);
        tracing::info!("stopping: no new requests, those under way are finished");
    };
    let intervals = Intervals {
        directory_sync: Duration::from_millis(args.sync_interval),
        billing: Duration::from_millis(args.bill_interval),
    };
    let mut background = Background::start(&app, &intervals, &stopped);
    if let Some(certificates) = certificates {
        background.spawn(async move { certificates.watch().await });
    }
    background.spawn(keep_watchdog());
    background.spawn(args.backups.keep(platform.database.url().to_owned()));
    notify(&format!("READY=1\nSTATUS=serving on {}", addresses.join(", ")));
    connections::serve(services, limits, stop, GRACE).await;
    background.stop().await;
    app.close().await;
    tracing::info!("stopped");
    Ok(())
}
