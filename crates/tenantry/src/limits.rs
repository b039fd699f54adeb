//! What `tenantry serve` is told about limits.

use app::LimitSettings;
use clap::Args;
use std::time::Duration;
use store::ListLimits;

/// What one API key, one partner and one address may take. Requests beyond it are answered `429`.
#[derive(Args, Clone)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Requests a second of one API key, on average over ten seconds; 0 for no limit.
    #[arg(long, env = "TENANTRY_KEY_RATE", value_name = "REQUESTS", default_value_t = LimitSettings::default().key_rate)]
    key_rate: u32,
    /// Requests a second of one partner, whatever its keys; 0 for no limit.
    #[arg(long, env = "TENANTRY_PARTNER_RATE", value_name = "REQUESTS", default_value_t = LimitSettings::default().partner_rate)]
    partner_rate: u32,
    /// Requests a second of one address (of a /64 for IPv6) without an API key, or with one that has not been valid before;
    /// 0 for no limit.
    #[arg(long, env = "TENANTRY_ADDRESS_RATE", value_name = "REQUESTS", default_value_t = LimitSettings::default().address_rate)]
    address_rate: u32,
    /// Requests of one API key at the same time; 0 for no limit.
    #[arg(long, env = "TENANTRY_KEY_CONCURRENCY", value_name = "REQUESTS", default_value_t = LimitSettings::default().key_concurrency)]
    key_concurrency: u32,
    /// Requests of one partner at the same time; 0 for no limit.
    #[arg(long, env = "TENANTRY_PARTNER_CONCURRENCY", value_name = "REQUESTS", default_value_t = LimitSettings::default().partner_concurrency)]
    partner_concurrency: u32,
    /// Requests of one partner, or of one address without a valid API key, that are processed at the same time; others
    /// wait. 0 for no limit [default: 32 for each processor, at least 64].
    #[arg(long, env = "TENANTRY_PARTNER_SLOTS", value_name = "REQUESTS")]
    partner_slots: Option<u32>,
    /// Lists of one partner that are read at the same time; others wait for a moment [default: half of the processors, at
    /// least 2 on SQLite].
    #[arg(long, env = "TENANTRY_PARTNER_LISTS", value_name = "LISTS", value_parser = clap::value_parser!(u16).range(1..))]
    partner_lists: Option<u16>,
    /// How many seconds a list may take.
    #[arg(long, env = "TENANTRY_LIST_TIMEOUT", value_name = "SECONDS", default_value_t = ListLimits::default().timeout.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=60))]
    list_timeout: u64,
}

impl LimitArgs {
    pub(crate) fn settings(&self) -> LimitSettings {
        LimitSettings {
            key_rate: self.key_rate,
            partner_rate: self.partner_rate,
            address_rate: self.address_rate,
            key_concurrency: self.key_concurrency,
            partner_concurrency: self.partner_concurrency,
            partner_slots: self.partner_slots.unwrap_or(LimitSettings::default().partner_slots),
        }
    }

    pub(crate) fn lists(&self) -> ListLimits {
        ListLimits {
            per_partner: self.partner_lists.map(usize::from),
            timeout: Duration::from_secs(self.list_timeout),
        }
    }
}
