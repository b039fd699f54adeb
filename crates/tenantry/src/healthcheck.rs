//! `tenantry healthcheck`

use crate::listen::Listen;
use crate::serve::ServeArgs;
use anyhow::{Context, bail};
use clap::Args;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

const READY: &str = "/readyz";
const PATIENCE: Duration = Duration::from_secs(2);

/// Ask the server of this machine whether it is ready, where its configuration says that it listens; for health checks of
/// containers. Exit status 1 if it is not.
#[derive(Args)]
pub(crate) struct HealthcheckArgs {
    #[command(flatten)]
    serve: ServeArgs,
}

pub(crate) async fn run(args: HealthcheckArgs) -> anyhow::Result<()> {
    let listen = args.serve.ready_at()?;
    let answer = timeout(PATIENCE, ask(&listen)).await;
    let answer = answer.with_context(|| format!("{listen} did not answer within {PATIENCE:?}"))??;
    let status = answer.split_whitespace().nth(1).unwrap_or("no status");
    if status != "200" {
        bail!("{listen} answered {status} to {READY}");
    }
    println!("ready");
    Ok(())
}

async fn ask(listen: &Listen) -> anyhow::Result<String> {
    match listen {
        Listen::Unix(socket) => ask_on(UnixStream::connect(socket).await?).await,
        Listen::Tcp { host, port } => {
            let host = match host.as_str() {
                "" | "0.0.0.0" => "127.0.0.1",
                "::" => "::1",
                host => host,
            };
            let stream = TcpStream::connect((host, *port)).await;
            ask_on(stream.with_context(|| format!("nothing listens on {listen}"))?).await
        }
    }
}

async fn ask_on<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> anyhow::Result<String> {
    let request = format!("GET {READY} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
