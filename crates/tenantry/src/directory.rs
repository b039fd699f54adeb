//! `tenantry directory …`, and `tenantry sandbox …`, which plays what a directory talks to.

use crate::partner::partner_named;
use crate::platform::Platform;
use anyhow::{Context, bail};
use app::{Clock, DirectorySecret, DirectorySetup, Source, WhenUnreachable};
use clap::{Subcommand, ValueEnum};
use directory::partner_center::sandbox::{self, Behaviour};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use secrecy::SecretString;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Say where a partner's Azure tenants are looked up.
#[derive(Subcommand)]
pub(crate) enum DirectoryCommand {
    /// Connect a partner to a directory, and try it at once; exit status 1 if something of it does not work.
    Connect {
        /// The partner's name.
        #[arg(long, default_value = "default")]
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
        /// What happens to a create while the directory cannot be asked: it is refused with 503, or accepted and
        /// verified later.
        #[arg(long, value_enum, default_value = "refuse")]
        when_unreachable: Unreachable,
        #[command(flatten)]
        platform: Platform,
    },
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
    /// A Partner Center with made-up customers, on loopback; it pages, throttles and hides addresses as the real one.
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
    },
}

pub(crate) async fn run(command: DirectoryCommand) -> anyhow::Result<()> {
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
        when_unreachable,
        platform,
    } = command;
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
        },
    };
    let when_unreachable = match when_unreachable {
        Unreachable::Refuse => WhenUnreachable::Refuse,
        Unreachable::Accept => WhenUnreachable::Accept,
    };
    let report =
        app.connect_directory(owner.id, &DirectorySetup { source, when_unreachable }, secret).await?;
    app.close().await;
    print!("{report}");
    if !report.works() {
        bail!("the directory is kept as it was given, but not all of it works yet");
    }
    Ok(())
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
    let SandboxCommand::PartnerCenter { customers, listen, seed } = command;
    if !listen.ip().is_loopback() {
        bail!("a sandbox listens on loopback only, not on {listen}");
    }
    let router = sandbox::Sandbox::new(customers, seed, Behaviour::real()).router();
    let listener =
        tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    println!("A Partner Center with {customers} made-up customers listens on http://{address}");
    println!(
        "\nConnect a partner to it:\n\n    echo {} | TENANTRY_ALLOW_EGRESS=127.0.0.0/8 \\",
        sandbox::CLIENT_SECRET
    );
    println!("      tenantry directory connect --kind partner-center --tenant-id sandbox.example \\");
    println!(
        "      --client-id {} --secret-file - --api-url http://{address} --login-url http://{address}",
        sandbox::CLIENT_ID
    );
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
