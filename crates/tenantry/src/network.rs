//! What `tenantry serve` is told about the network in front of it.

use api::{PublicUrl, TrustedProxies};
use clap::Args;

/// The network in front of the server.
#[derive(Args, Clone)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Addresses and ranges of the proxies in front of the server, such as `10.0.0.0/8,fd00::/8`. Requests from them
    /// come from the client that their X-Forwarded-For or Forwarded header names. By default no such header counts.
    #[arg(
        long,
        env = "TENANTRY_TRUSTED_PROXIES",
        value_name = "RANGES",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) trusted_proxies: TrustedProxies,
    /// The URL that clients reach this server under, such as `https://tenantry.example.com`; links in answers start with
    /// it. By default they start with what a trusted proxy says, else with the request's Host.
    #[arg(long, env = "TENANTRY_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
}
