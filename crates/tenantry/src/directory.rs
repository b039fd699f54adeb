//! `tenantry admin directory …`, and `tenantry sandbox …`, which plays what a directory talks to.

use crate::partner::partner_named;
use crate::platform::Platform;
use anyhow::{Context, bail};
use app::{Clock, DirectorySecret, DirectorySetup, DirectoryStatus, Source, WhenUnreachable};
use clap::{Args, Subcommand, ValueEnum};
use directory::partner_center::sandbox::{self, Behaviour};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use secrecy::SecretString;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The directory in which a partner's Azure tenants are looked up.
#[derive(Subcommand)]
pub(crate) enum DirectoryCommand {
    /// Try a directory, and connect the partner to it if all of it works. Exit status 1 if not: then the connection stays as
    /// it was, unless it is forced.
    Connect {
        /// The partner's name.
        #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
        partner: String,
        /// Where tenants are looked up.
        #[arg(long, value_enum)]
        kind: Kind,
        /// The file, of the kind file: JSON, or the CSV that Partner Center's customer list exports.
        #[arg(long, required_if_eq("kind", "file"))]
        path: Option<PathBuf>,
        /// The partner's own Microsoft tenant, of the kind partner-center: a GUID or a domain.
        #[arg(long, required_if_eq("kind", "partner-center"))]
        tenant_id: Option<String>,
        /// The application that may read the partner's customers.
        #[arg(long, required_if_eq("kind", "partner-center"))]
        client_id: Option<String>,
        /// The file with the application's secret; `-` is standard input.
        #[arg(long, value_name = "FILE", required_if_eq("kind", "partner-center"))]
        secret_file: Option<PathBuf>,
        /// The file with the refresh token of a user who consented (the secure application model).
        #[arg(long, value_name = "FILE")]
        refresh_token_file: Option<PathBuf>,
        /// Another Partner Center, for national clouds.
        #[arg(long, value_name = "URL")]
        api_url: Option<String>,
        /// Another Microsoft identity platform, for national clouds.
        #[arg(long, value_name = "URL")]
        login_url: Option<String>,
        /// Another Microsoft Graph, with its version, where billing data is exported.
        #[arg(long, value_name = "URL")]
        graph_url: Option<String>,
        /// What happens to a create while the directory cannot be asked: it is refused with 503, or accepted and
        /// verified later.
        #[arg(long, value_enum, default_value = "refuse")]
        when_unreachable: Unreachable,
        /// Connect even if something does not work yet.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        platform: Platform,
    },
    /// Show how a partner's directory is connected, what fails, since when, and what to do.
    Show(Of),
    /// Try a partner's directory as it is connected; exit status 1 if something does not work.
    Test(Of),
    /// Have the running servers walk the list of tenants from its beginning.
    Sync(Of),
    /// Take a partner's directory away: Azure tenants are taken as given from then on.
    Disconnect(Of),
}

/// Whose directory.
#[derive(Args)]
pub(crate) struct Of {
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    #[command(flatten)]
    platform: Platform,
}

/// Where tenants are looked up.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Nowhere: they are taken as given.
    None,
    /// In a file.
    File,
    /// In Microsoft Partner Center.
    PartnerCenter,
}

/// What happens while the directory cannot be asked.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unreachable {
    /// 503, and nothing is written.
    Refuse,
    /// Accepted unverified.
    Accept,
}

/// Play what the platform talks to.
#[derive(Subcommand)]
pub(crate) enum SandboxCommand {
    /// A Partner Center with made-up customers, invoices and exports of billing data, on loopback; it pages, throttles and hides
    /// addresses as the real one.
    PartnerCenter {
        /// How many customers it has.
        #[arg(long, default_value_t = 2000)]
        customers: usize,
        /// Where to listen; port 0 takes a free one.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
        /// Another seed makes up other customers.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// What its clock shows at the start (ISO 8601); by default the system's time. It goes on from there, and
        /// `PUT /sandbox/clock` moves it: months end, and their invoices appear on the 8th.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
}

pub(crate) async fn run(command: DirectoryCommand) -> anyhow::Result<()> {
    let (partner, platform) = match &command {
        DirectoryCommand::Connect { partner, platform, .. } => (partner, platform),
        DirectoryCommand::Show(of)
        | DirectoryCommand::Test(of)
        | DirectoryCommand::Sync(of)
        | DirectoryCommand::Disconnect(of) => (&of.partner, &of.platform),
    };
    if let DirectoryCommand::Connect { .. } = command {
        return connect(command).await;
    }
    let app = platform.open(Clock::System).await?;
    let owner = partner_named(&app, partner).await?;
    let (id, name) = (owner.id, &owner.name);
    let done = match command {
        DirectoryCommand::Show(_) => {
            app.directory_status(id).await?.map(|status| print!("{}", shown(&status)))
        }
        DirectoryCommand::Test(_) => match app.test_directory(id).await? {
            Some(report) => {
                print!("{report}");
                if !report.works() {
                    bail!("not all of the directory works");
                }
                Some(())
            }
            None => None,
        },
        DirectoryCommand::Sync(_) => match app.directory_status(id).await? {
            Some(_) => {
                app.request_directory_walk(id).await?;
                println!(
                    "the next step of a running server walks the list from its beginning; `tenantry admin directory show` says how far it is"
                );
                Some(())
            }
            None => None,
        },
        _ => {
            app.disconnect_directory(id).await?;
            None
        }
    };
    if done.is_none() {
        println!("{name} has no directory: Azure tenants are taken as given");
    }
    app.close().await;
    Ok(())
}

/// A line for each fact.
fn shown(status: &DirectoryStatus) -> String {
    let mut lines = match &status.setup.source {
        Source::File { path } => vec![format!("kind         file\npath         {}", path.display())],
        Source::PartnerCenter { tenant_id, client_id, api_url, .. } => {
            let mut lines = vec![format!(
                "kind         partner-center\ntenant       {tenant_id}\napplication  {client_id}"
            )];
            lines.extend(api_url.as_ref().map(|url| format!("address      {url}")));
            lines
        }
    };
    let walked = status.synced_at.map_or("never to its end".to_owned(), |at| format!("to its end at {at}"));
    lines.push(format!("list walked  {walked}{}", if status.walking { ", a walk is under way" } else { "" }));
    lines.extend(status.list_cut_off.as_ref().map(|why| format!("list ends    early: {why}")));
    lines.push(match &status.failure {
        Some(failure) => {
            format!("fails        since {} ({}): {}", failure.since, failure.code, failure.message)
        }
        None => "fails        no".to_owned(),
    });
    lines.join("\n") + "\n"
}

async fn connect(command: DirectoryCommand) -> anyhow::Result<()> {
    let DirectoryCommand::Connect {
        partner,
        kind,
        path,
        tenant_id,
        client_id,
        secret_file,
        refresh_token_file,
        api_url,
        login_url,
        graph_url,
        when_unreachable,
        force,
        platform,
    } = command
    else {
        return Ok(());
    };
    let private = !platform.allow_egress.is_empty();
    let secret = match &secret_file {
        Some(file) => Some(DirectorySecret {
            client_secret: read_secret(file)?,
            refresh_token: refresh_token_file.as_deref().map(read_secret).transpose()?,
        }),
        None => None,
    };
    let app = platform.open(Clock::System).await?;
    let owner = partner_named(&app, &partner).await?;
    let source = match kind {
        Kind::None => {
            app.disconnect_directory(owner.id).await?;
            app.close().await;
            println!("{} has no directory: Azure tenants are taken as given", owner.name);
            return Ok(());
        }
        Kind::File => {
            let path = path.context("--path is needed")?;
            Source::File { path: std::path::absolute(path)? }
        }
        Kind::PartnerCenter => Source::PartnerCenter {
            tenant_id: tenant_id.context("--tenant-id is needed")?,
            client_id: client_id.context("--client-id is needed")?,
            api_url,
            login_url,
            graph_url,
        },
    };
    let when_unreachable = match when_unreachable {
        Unreachable::Refuse => WhenUnreachable::Refuse,
        Unreachable::Accept => WhenUnreachable::Accept,
    };
    let setup = DirectorySetup { source, when_unreachable };
    let connected = app.connect_directory(owner.id, &setup, secret, force).await?;
    app.close().await;
    print!("{}", connected.report);
    if connected.kept && private {
        println!(
            "the servers need the same TENANTRY_ALLOW_EGRESS (--allow-egress) as this command, or they cannot reach it"
        );
    }
    match (connected.report.works(), connected.kept) {
        (true, _) => Ok(()),
        (false, true) => bail!("the directory is connected, but not all of it works yet"),
        (false, false) => bail!(
            "not connected: the partner's directory stays as it was. Mend what fails and repeat, or connect with --force"
        ),
    }
}

/// A secret never comes as an argument, where every user of the machine can read it.
fn read_secret(file: &Path) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let secret = text.trim();
    if secret.is_empty() {
        bail!("{} is empty", file.display());
    }
    Ok(secret.to_owned().into())
}

pub(crate) async fn play(command: SandboxCommand) -> anyhow::Result<()> {
    let SandboxCommand::PartnerCenter { customers, listen, seed, at } = command;
    let now = match at {
        None => Clock::System.now(),
        Some(at) => app::parse_time(&at).map_err(|wrong| anyhow::anyhow!("--at {wrong}"))?,
    };
    if !listen.ip().is_loopback() {
        bail!("a sandbox listens on loopback only, not on {listen}");
    }
    let router = sandbox::Sandbox::new(customers, seed, Behaviour::real()).beginning(now).router();
    let listener =
        tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    println!("A Partner Center with {customers} made-up customers listens on http://{address}");
    println!("\nIts address is not on the public Internet, so the server has to be allowed to reach it:\n");
    println!("    TENANTRY_ALLOW_EGRESS=127.0.0.0/8 tenantry serve");
    println!(
        "\nConnect a partner to it:\n\n    echo {} | TENANTRY_ALLOW_EGRESS=127.0.0.0/8 \\",
        sandbox::CLIENT_SECRET
    );
    println!("      tenantry admin directory connect --kind partner-center --tenant-id sandbox.example \\");
    println!(
        "      --client-id {} --secret-file - --api-url http://{address} --login-url http://{address} \\",
        sandbox::CLIENT_ID
    );
    println!("      --graph-url http://{address}/v1.0");
    println!("\nMove its clock, so that the month grows and the invoice of the month before appears:\n");
    println!("    curl -X PUT http://{address}/sandbox/clock -d '{{\"now\": \"2026-12-08T06:00:00Z\"}}'");
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}
