//! `tenantry serve`

use crate::billing::BillingArgs;
use crate::connections;
use crate::network::NetworkArgs;
use crate::platform::Platform;
use crate::telemetry;
use anyhow::{Context, anyhow};
use app::{ApiKey, Clock, Founded};
use clap::Args;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const BOOTSTRAP_KEY: &str = "TENANTRY_BOOTSTRAP_KEY";
/// After this, what is still under way is left to itself; with what follows, the process ends within ten seconds.
const GRACE: Duration = Duration::from_secs(8);
/// How long a bill run may take to leave off.
const LEAVE: Duration = Duration::from_secs(1);

/// How often uses of keys are written down, and old answers forgotten.
const TIDY: Duration = Duration::from_secs(60);

/// Serve the API. The first start makes the partner `default` and its admin's key, or takes the key from
/// TENANTRY_BOOTSTRAP_KEY.
#[derive(Args, Clone)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "TENANTRY_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    #[command(flatten)]
    platform: Platform,
    #[command(flatten)]
    billing: BillingArgs,
    #[command(flatten)]
    network: NetworkArgs,
    /// Try integrations out: a clock that stands still until `PUT /sandbox/clock` moves it, and a database in memory
    /// unless --database names one.
    #[arg(long)]
    sandbox: bool,
    /// What the sandbox's clock shows at the start (ISO 8601); by default the system's time.
    #[arg(long, value_name = "TIME", requires = "sandbox")]
    at: Option<String>,
    /// An origin whose pages may call the API from a browser; repeat it, or separate several by commas.
    #[arg(long, env = "TENANTRY_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    cors_origin: Vec<http::HeaderValue>,
    /// How many seconds a request's head, and then its body, may take to arrive.
    #[arg(long, env = "TENANTRY_REQUEST_TIMEOUT", value_name = "SECONDS", default_value = "15",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    request_timeout: u64,
    /// How many milliseconds between two steps through the partners' directories. A step asks some thirty questions;
    /// Partner Center answers five hundred a minute, and look-ups want theirs.
    #[arg(long, value_name = "MILLISECONDS", default_value = "5000", hide = true,
          value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    sync_interval: u64,
    /// How many milliseconds between two looks for bill runs that another server has left behind.
    #[arg(long, value_name = "MILLISECONDS", default_value = "5000", hide = true,
          value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    bill_interval: u64,
}

pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let chosen = match std::env::var(BOOTSTRAP_KEY) {
        Ok(text) => Some(ApiKey::chosen(&text).map_err(|wrong| anyhow!("{BOOTSTRAP_KEY} {wrong}"))?),
        Err(_) => None,
    };
    let clock = match (args.sandbox, &args.at) {
        (false, _) => Clock::System,
        (true, None) => Clock::standing(Clock::System.now()),
        (true, Some(at)) => Clock::standing(app::parse_time(at).map_err(|wrong| anyhow!("--at {wrong}"))?),
    };
    let mut platform = args.platform;
    if args.sandbox && platform.database.url.is_none() {
        platform.database.url = Some("sqlite::memory:".into());
    }
    let app = Arc::new(platform.open(clock).await?.with_billing(args.billing.setup(2))?);
    let was_chosen = chosen.is_some();
    let founded = app.bootstrap(chosen).await?;

    let timeout = Duration::from_secs(args.request_timeout);
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}; choose another address with --listen", args.listen))?;
    let config = api::Config {
        cors_origins: args.cors_origin,
        body_timeout: timeout,
        trusted_proxies: args.network.trusted_proxies,
        public_url: args.network.public_url,
        metrics: telemetry::count()?,
    };
    let service = api::service(Arc::clone(&app), config);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    greet(listener.local_addr()?, args.sandbox, founded.as_ref(), was_chosen);

    let (stop_working, mut stopped) = tokio::sync::watch::channel(());
    let stopping = Arc::clone(&app);
    let stop = async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        stopping.stop_bill_runs();
        drop(stop_working);
        tracing::info!("stopping: no new requests, those under way are finished");
    };
    let tidying = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            let mut ticks = tokio::time::interval(TIDY);
            loop {
                ticks.tick().await;
                app.tidy().await;
            }
        }
    });
    let syncing = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(args.sync_interval));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                app.sync_directories().await;
            }
        }
    });
    let working = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(args.bill_interval));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = stopped.changed() => return,
                    _ = ticks.tick() => {}
                    () = app.bill_run_asked_for() => {}
                }
                app.work_on_bill_runs().await;
            }
        }
    });
    connections::serve(listener, service, timeout, stop, GRACE).await;
    tidying.abort();
    syncing.abort();
    // What it was working on goes to another server.
    drop(tokio::time::timeout(LEAVE, working).await);
    app.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// For whoever started the server: where it is, the key, and a first request to paste.
fn greet(address: SocketAddr, sandbox: bool, founded: Option<&Founded>, was_chosen: bool) {
    let kind = if sandbox { " (sandbox)" } else { "" };
    println!("Tenantry {}{kind} listens on http://{address}", env!("CARGO_PKG_VERSION"));
    let key = match founded {
        Some(founded) if !was_chosen => {
            println!("\nThe admin key of the partner \"{}\", shown only this once:\n", founded.partner.name);
            println!("    {}", founded.key.reveal());
            founded.key.reveal().to_owned()
        }
        _ => format!("${}", if was_chosen { BOOTSTRAP_KEY } else { "TENANTRY_KEY" }),
    };
    println!(
        "\nCreate a customer:\n\n    curl -i http://{address}/v2/customers \\\n      -H \"Authorization: Bearer {key}\" \
         -H \"Content-Type: application/json\" \\\n      -d '{{\"name\": \"Acme Corp\", \"address\": {{\"street1\": \
         \"1 Main St\", \"city\": \"Springfield\",\n           \"state\": \"MA\", \"zipcode\": \"01234\", \"country\": \
         \"US\"}}}}'\n"
    );
}
