//! How a sandbox behaves, and what it tells of itself.

use super::billing::BillingFaults;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How a sandbox behaves until it is told otherwise. The default is as well as Partner Center behaves on a good day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// So many requests in a window, and then `429` with `Retry-After` until its end.
    pub throttle_after: Option<u32>,
    /// How long a window is.
    pub window_seconds: u64,
    /// How long a token lives, and says so.
    pub token_seconds: u64,
    /// After so many requests a token is dead, whatever it said.
    pub token_calls: Option<u32>,
    /// No token, and this number of the identity platform for the reason: `7000215` is a wrong secret.
    pub refuse_sign_in: Option<u32>,
    /// A refresh token is good until a newer one was given, not a moment longer.
    pub refresh_tokens_once: bool,
    /// Every customer has moved to where the customer so many places further was.
    pub moved_by: usize,
    /// The application lacks the role that lets it see customers.
    pub no_role: bool,
    /// Of every n-th customer, from the first, the billing profile is hidden: no delegated admin rights.
    pub no_billing_every: Option<usize>,
    /// Of every n-th customer, from the first, the organization is hidden.
    pub no_organization_every: Option<usize>,
    /// Whether links begin with `/v1`.
    pub links_with_v1: bool,
    /// The last customer of a page is the first of the next, too.
    pub duplicates: bool,
    /// The first customer of the next page disappears.
    pub vanishing: bool,
    /// Every page ends with an entry that names no customer.
    pub nobody: bool,
    /// The second page leads to itself.
    pub circle: bool,
    /// The last page says that the list goes on, and the continuation fails each time.
    pub dead_end: bool,
    /// Every request to the API is refused with `401` and code 900421: the token has no multi-factor sign-in behind it.
    pub mfa_required: bool,
    /// What `isMfaCompliant` says where it is asked for.
    pub mfa_compliant: bool,
    /// Customers that have left, by their number, and how Partner Center says so: `20002` (`403`), `3000` (`400`), `404`; and
    /// `1002` (`403`) for one that is only hidden.
    pub left: std::collections::BTreeMap<usize, u32>,
    /// Answers begin with a byte order mark, as the real ones do.
    pub byte_order_mark: bool,
    /// What goes wrong with billing data.
    pub billing: BillingFaults,
    /// Of the next requests to the API, one each.
    pub next: VecDeque<Fault>,
    /// Of the next requests for a token, one each.
    pub next_sign_in: VecDeque<Fault>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            throttle_after: None,
            window_seconds: 60,
            token_seconds: 3599,
            token_calls: None,
            refuse_sign_in: None,
            refresh_tokens_once: false,
            moved_by: 0,
            no_role: false,
            no_billing_every: None,
            no_organization_every: None,
            links_with_v1: false,
            duplicates: false,
            vanishing: false,
            nobody: false,
            circle: false,
            dead_end: false,
            mfa_required: false,
            mfa_compliant: true,
            left: std::collections::BTreeMap::new(),
            byte_order_mark: true,
            billing: BillingFaults::default(),
            next: VecDeque::new(),
            next_sign_in: VecDeque::new(),
        }
    }
}

impl Behaviour {
    /// As the real one on any day: 500 requests a minute, of some customers no rights, and some listed twice.
    pub fn real() -> Self {
        Behaviour {
            throttle_after: Some(500),
            no_billing_every: Some(10),
            no_organization_every: Some(20),
            duplicates: true,
            billing: BillingFaults {
                running_polls: 2,
                retry_after: Some("2.128".to_owned()),
                ..BillingFaults::default()
            },
            ..Behaviour::default()
        }
    }
}

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// It is as if nothing went wrong: leaves one request out.
    None,
    /// This status, with an error in Partner Center's form, and perhaps `Retry-After`.
    Status {
        /// `500`, `429`, `401`, …
        status: u16,
        /// Seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// This status, with this error in Partner Center's form, and perhaps `Retry-After` as it stands here.
    Error {
        /// `400`, `401`, `403`, …
        status: u16,
        /// `3000`, `20002`, `900421`, …
        code: String,
        /// What it says.
        #[serde(default)]
        description: String,
        /// `2.128`, a date, …
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// This status, with a gateway's page.
    Page {
        /// `404`, `502`, …
        status: u16,
    },
    /// No answer.
    Hang,
    /// The beginning of an answer, and nothing more.
    Stall,
    /// The beginning of an answer, and then the connection breaks.
    Break,
    /// `200`, and half of a JSON text.
    Malformed,
    /// `200`, and JSON of another kind.
    Another,
    /// `200`, and a customer that nobody asked for.
    Stranger,
    /// `200`, and a body without an end.
    Endless,
    /// `302`.
    Redirect {
        /// Where to.
        to: String,
    },
    /// `400`, with everything that was sent repeated in the error, credentials included.
    Echo,
}

/// What a sandbox says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// How it behaves.
    pub behaviour: Behaviour,
    /// How often it was asked.
    pub counts: Counts,
    /// The last requests, the newest last.
    pub asked: Vec<Asked>,
}

/// How often a sandbox was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests to the API.
    pub requests: u64,
    /// Of these, answered with `429`.
    pub throttled: u64,
    /// Of these, answered with `401`.
    pub unauthorized: u64,
    /// Requests for a token.
    pub sign_ins: u64,
    /// Exports that were begun.
    pub exports: u64,
    /// Bytes of exported files that were sent.
    pub blob_bytes: u64,
}

/// One request to the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Path and query.
    pub path: String,
    /// `MS-CorrelationId`.
    pub correlation_id: String,
    /// `MS-RequestId`.
    pub request_id: String,
}
