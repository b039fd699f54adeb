//! Microsoft's billing data: the invoices (Partner Center), and exports of their lines (Microsoft Graph, global cloud).
//!
//! Sources: Microsoft Graph v1.0, `microsoft.graph.partners.billing`; Partner Center, "Get a collection of invoices". An export is
//! an operation that runs for minutes or hours and ends with a [`Manifest`]: the names of files in a blob container, and a
//! token that opens them for some hours. The token is a secret; no type here shows it.

mod wire;

use super::caller::Answer;
use super::check::failed;
use super::endpoint::Endpoint;
use super::{Client, PartnerCenter, bare};
use crate::error::Error;
use crate::report::{Check, Outcome, Step};
use bytes::Bytes;
use http::header::{CONTENT_RANGE, ETAG, IF_MATCH, LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a file that one request may read.
pub const PART_BYTES: u64 = 4 << 20;
/// How many times longer than any other request a part of a file may take.
pub(super) const BLOB_TIME_OUTS: u32 = 6;
/// Longest time for one request with its repetitions: nobody waits for an answer, and throttling may last minutes.
const PATIENCE: Duration = Duration::from_secs(300);
/// Invoices on a page of the list.
const INVOICES: usize = 200;
/// Maximum number of invoices: a partner has a few a month.
const MAX_INVOICES: usize = 20_000;
/// The wait before an operation is asked for again, where the answer does not say.
const UNSAID: Duration = Duration::from_secs(10);

const PERMISSION: &str = "the application needs the permission PartnerBilling.Read.All of Microsoft Graph with an administrator's \
    consent: Microsoft Entra admin center > App registrations > the application > API permissions > Add a permission > Microsoft \
    Graph > PartnerBilling.Read.All, then \"Grant admin consent\"";
const NO_GRAPH: &str = "billing data can be exported in Microsoft's global cloud alone; for another Microsoft Graph connect with \
    --graph-url";
const INVOICE_ROLE: &str = "the application, or the user who consented, needs the role Billing admin or Admin agent in Partner \
    Center: Settings > Account settings > User management";

/// An invoice of Microsoft to the partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Its number, such as `G012345678`.
    pub id: String,
    /// Its day, `2026-11-08`; empty if it is not said.
    pub date: String,
    /// The first day that it charges, `2026-10-01`; empty if it is not said.
    pub period_start: String,
    /// The last day that it charges.
    pub period_end: String,
    /// Its total with tax, in exact decimal digits.
    pub total_charges: String,
    /// ISO 4217.
    pub currency: String,
    /// `invoice`, `credit_note`, `voidnote`, …, as Microsoft writes it.
    pub document_type: String,
    /// `OneTime`, `Recurring`, …, as Microsoft writes it.
    pub invoice_type: String,
}

/// The month of an unbilled export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbilled {
    /// The current month.
    Current,
    /// The month before, until its invoice is there.
    Last,
}

/// What an export has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Export {
    /// All lines of an invoice, usage in sums.
    BilledReconciliation {
        /// The invoice's number.
        invoice_id: String,
    },
    /// Azure usage of an invoice, by the day.
    BilledUsage {
        /// The invoice's number.
        invoice_id: String,
    },
    /// What will be on an invoice as far as Microsoft knows, usage in sums.
    UnbilledReconciliation {
        /// ISO 4217.
        currency: String,
        /// The month.
        period: Unbilled,
    },
    /// Azure usage that is on no invoice yet, by the day.
    UnbilledUsage {
        /// ISO 4217.
        currency: String,
        /// The month.
        period: Unbilled,
    },
}

impl Export {
    fn request(&self) -> (&'static str, Bytes) {
        let month = |period: &Unbilled| match period {
            Unbilled::Current => "current",
            Unbilled::Last => "last",
        };
        let (path, body) = match self {
            Export::BilledReconciliation { invoice_id } => {
                ("reconciliation/billed", json!({"invoiceId": invoice_id, "attributeSet": "full"}))
            }
            Export::BilledUsage { invoice_id } => {
                ("usage/billed", json!({"invoiceId": invoice_id, "attributeSet": "full"}))
            }
            Export::UnbilledReconciliation { currency, period } => (
                "reconciliation/unbilled",
                json!({"currencyCode": currency, "billingPeriod": month(period), "attributeSet": "full"}),
            ),
            Export::UnbilledUsage { currency, period } => (
                "usage/unbilled",
                json!({"currencyCode": currency, "billingPeriod": month(period), "attributeSet": "full"}),
            ),
        };
        (path, body.to_string().into())
    }
}

/// How an export stands.
#[derive(Clone, Debug)]
pub enum Operation {
    /// It goes on; when to ask again.
    Running(Duration),
    /// Its files can be read.
    Succeeded(Manifest),
    /// There is nothing to export (code `5000`), which is no error.
    NoData,
    /// It failed; why, in Microsoft's words.
    Failed(String),
}

/// The files of an export.
#[derive(Clone)]
pub struct Manifest {
    /// The manifest as Microsoft wrote it, without the token.
    pub json: String,
    /// The version of the data.
    pub etag: String,
    /// How many files it says that there are.
    pub blob_count: Option<u64>,
    /// The names of the files.
    pub blobs: Vec<String>,
    root: String,
    sas: SecretString,
}

/// Without the token, and without the address of the container.
impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest")
            .field("etag", &self.etag)
            .field("blobs", &self.blobs)
            .finish_non_exhaustive()
    }
}

/// A part of an exported file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes of it.
    Bytes {
        /// At least one.
        bytes: Bytes,
        /// Length of the whole file.
        total: u64,
        /// The version of the file; empty if the store does not say.
        etag: String,
    },
    /// The token has ended: ask for the manifest again, and go on.
    Expired,
    /// The file is another one than before, or gone; what was seen.
    Changed(String),
}

impl PartnerCenter {
    /// All invoices, newest first as Microsoft lists them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn invoices(&self) -> Result<Vec<Invoice>, Error> {
        let mut all: Vec<Invoice> = Vec::new();
        loop {
            let path = format!("/v1/invoices?size={INVOICES}&offset={}", all.len());
            let answer = self.0.ask(&path, None, Instant::now() + PATIENCE).await?;
            let page: wire::Invoices = match answer.status {
                status if status.is_success() => {
                    super::wire::json(&answer.body).map_err(|why| self.0.unusable(&path, &why))?
                }
                // A partner that never had one.
                StatusCode::NOT_FOUND if super::wire::Fault::read(&answer.body).is_some() => return Ok(all),
                status => {
                    let hint = if status == StatusCode::FORBIDDEN { INVOICE_ROLE } else { "" };
                    return Err(self.0.billing_refusal(&path, &answer, hint));
                }
            };
            let found = page.items.len();
            for item in page.items {
                let invoice = item.invoice().map_err(|why| self.0.unusable(&path, &why))?;
                if !all.iter().any(|known| known.id == invoice.id) {
                    all.push(invoice);
                }
            }
            if found < INVOICES || page.total_count.is_some_and(|total| all.len() >= total) {
                return Ok(all);
            }
            if all.len() >= MAX_INVOICES {
                return Err(Error::Invalid(format!("the list of invoices has more than {MAX_INVOICES}")));
            }
        }
    }

    /// Starts an export, and gives the address of its operation, which another process can go on with.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start_export(&self, export: &Export) -> Result<String, Error> {
        let (kind, body) = export.request();
        let path = format!("/reports/partners/billing/{kind}/export");
        let graph = self.0.graph()?;
        let url = format!("{}{path}", graph.base);
        let answer = graph.ask(&Method::POST, &url, &[], body, Instant::now() + PATIENCE).await?;
        if answer.status != StatusCode::ACCEPTED && answer.status != StatusCode::OK {
            return Err(self.0.graph_refusal(&path, &answer));
        }
        let location = answer.headers.get(LOCATION).and_then(|url| url.to_str().ok());
        let location = location.ok_or_else(|| self.0.unusable(&path, "it names no operation (Location)"))?;
        self.0.of_graph(location)
    }

    /// How an export stands.
    ///
    /// # Errors
    /// See [`Error`]; an operation that is not known any more is [`Error::Invalid`]: start the export again.
    pub async fn operation(&self, url: &str) -> Result<Operation, Error> {
        let url = self.0.of_graph(url)?;
        let answer = self.0.graph_get(&url).await?;
        let path = self.0.graph()?.shown_path(&url);
        let found: wire::Operation =
            super::wire::json(&answer.body).map_err(|why| self.0.unusable(path, &why))?;
        let wait = answer.retry_after.unwrap_or(UNSAID);
        match found.state(wait).map_err(|why| self.0.unusable(path, &why))? {
            wire::State::Running(wait) => Ok(Operation::Running(wait)),
            wire::State::NoData => Ok(Operation::NoData),
            wire::State::Failed(why) => Ok(Operation::Failed(self.0.api.tokens.shown(&why))),
            wire::State::Inline(manifest) => {
                let manifest = wire::manifest(&manifest).map_err(|why| self.0.unusable(path, &why))?;
                Ok(Operation::Succeeded(manifest))
            }
            wire::State::Behind(link) => {
                let link = self.0.of_graph(&link)?;
                let answer = self.0.graph_get(&link).await?;
                let path = self.0.graph()?.shown_path(&link);
                let json = super::wire::json(&answer.body).map_err(|why| self.0.unusable(path, &why))?;
                let manifest = wire::manifest(&json).map_err(|why| self.0.unusable(path, &why))?;
                Ok(Operation::Succeeded(manifest))
            }
        }
    }

    /// At most `length` bytes of an exported file, from there on. Given the version of an earlier part, it is the same file's.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read_blob(
        &self,
        manifest: &Manifest,
        name: &str,
        from: u64,
        length: u64,
        etag: &str,
    ) -> Result<Part, Error> {
        let bad =
            |why: &str| Error::Invalid(format!("the exported file {}: {why}", crate::text::shown(name)));
        let sas = manifest.sas.expose_secret().trim_start_matches('?');
        let url = format!("{}/{}?{sas}", manifest.root.trim_end_matches('/'), wire::escaped(name));
        let url: Uri = url.parse().map_err(|_| bad("its address cannot be used"))?;
        let mut request =
            Request::get(url).body(Bytes::new()).map_err(|_| bad("its address cannot be used"))?;
        let mut headers = HeaderMap::new();
        let range = format!("bytes={from}-{}", from + length.max(1) - 1);
        headers.insert(RANGE, HeaderValue::from_str(&range).map_err(|_| bad("its range cannot be used"))?);
        if !etag.is_empty() {
            headers.insert(
                IF_MATCH,
                HeaderValue::from_str(etag).map_err(|_| bad("its version cannot be used"))?,
            );
        }
        *request.headers_mut() = headers;
        let answer = self.0.blobs.call(request, Instant::now() + PATIENCE).await?;
        let version = answer.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default();
        let changed = |what: &str| Ok(Part::Changed(what.to_owned()));
        match answer.status {
            _ if answer.status.is_success() && !etag.is_empty() && !version.is_empty() && version != etag => {
                changed("it is another version than before")
            }
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
                let (begin, total) = range
                    .and_then(wire::content_range)
                    .ok_or_else(|| bad("an answer with a part of it does not say which part"))?;
                let end = begin + answer.body.len() as u64;
                if begin != from || end > total || answer.body.is_empty() {
                    return Err(bad("another part of it was sent than the one asked for"));
                }
                Ok(Part::Bytes { bytes: answer.body, total, etag: version.to_owned() })
            }
            StatusCode::OK => {
                let total = answer.body.len() as u64;
                let rest = usize::try_from(from).ok().filter(|from| *from < answer.body.len());
                match rest {
                    Some(from) => {
                        Ok(Part::Bytes { bytes: answer.body.slice(from..), total, etag: version.to_owned() })
                    }
                    None => changed("it is shorter than before"),
                }
            }
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Ok(Part::Expired),
            StatusCode::PRECONDITION_FAILED => changed("it is another version than before"),
            StatusCode::RANGE_NOT_SATISFIABLE => changed("it is empty, or shorter than before"),
            StatusCode::NOT_FOUND => changed("it is not there"),
            status => Err(bad(&format!("the store answers {}", status.as_u16()))),
        }
    }

    /// What works of billing's interfaces. Starts no export: asks for an operation that there is not, which needs the
    /// permission as well.
    pub(super) async fn check_billing(&self) -> Vec<Step> {
        if self.0.graph.is_none() {
            return vec![Step::new(Check::ExportBillingData, Outcome::Skipped(NO_GRAPH.to_owned()))];
        }
        let invoices = match self.invoices().await {
            Ok(invoices) => {
                let outcome = Outcome::Works(format!("{} are there", invoices.len()));
                Step::new(Check::ListInvoices, outcome).having_seen(invoices.len(), None)
            }
            Err(error) => Step::new(Check::ListInvoices, failed(&error, Outcome::Lacks)),
        };
        let exports = match self.0.check_exports().await {
            Ok(()) => Outcome::Works("Microsoft Graph allows it".to_owned()),
            Err(error) => failed(&error, Outcome::Lacks),
        };
        vec![invoices, Step::new(Check::ExportBillingData, exports)]
    }
}

impl Client {
    fn graph(&self) -> Result<&Endpoint, Error> {
        self.graph.as_ref().ok_or_else(|| Error::Refused(NO_GRAPH.to_owned()))
    }

    async fn check_exports(&self) -> Result<(), Error> {
        let path = "/reports/partners/billing/operations/00000000-0000-0000-0000-000000000000";
        let graph = self.graph()?;
        let url = format!("{}{path}", graph.base);
        let answer = graph.ask(&Method::GET, &url, &[], Bytes::new(), Instant::now() + self.patience).await?;
        match answer.status {
            // Authorization comes first; an operation of this id there is not.
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => Ok(()),
            _ => Err(self.graph_refusal(path, &answer)),
        }
    }

    async fn graph_get(&self, url: &str) -> Result<Answer, Error> {
        let graph = self.graph()?;
        let answer = graph.ask(&Method::GET, url, &[], Bytes::new(), Instant::now() + PATIENCE).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(self.graph_refusal(graph.shown_path(url), &answer))
    }

    /// An address that a token of Graph may be sent to: Graph's own, whatever the answer says.
    fn of_graph(&self, url: &str) -> Result<String, Error> {
        let base = &self.graph()?.base;
        let url = if url.starts_with('/') { format!("{base}{url}") } else { url.to_owned() };
        let place = |url: &str| {
            let uri: Uri = url.parse().ok()?;
            Some((uri.scheme_str()?.to_owned(), uri.authority()?.as_str().to_ascii_lowercase()))
        };
        match (place(&url), place(base)) {
            (Some(given), Some(own)) if given == own => Ok(url),
            _ => Err(Error::Invalid(
                "Microsoft Graph points to an address that is not its own, which gets no token".to_owned(),
            )),
        }
    }

    fn unusable(&self, path: &str, why: &str) -> Error {
        Error::Invalid(self.api.tokens.shown(&format!("{}: {why}", bare(path))))
    }

    fn graph_refusal(&self, path: &str, answer: &Answer) -> Error {
        let denied = matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED);
        self.billing_refusal(path, answer, if denied { PERMISSION } else { "" })
    }

    fn billing_refusal(&self, path: &str, answer: &Answer, hint: &str) -> Error {
        let theirs = super::wire::Fault::read(&answer.body).map(|fault| format!(": {}", fault.text()));
        let status = answer.status.as_u16();
        let said = format!("{} answers {status}{}", bare(path), theirs.unwrap_or_default());
        let said = self.api.tokens.shown(&said);
        match answer.status {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Error::Refused(format!("{said}; {hint}")),
            _ => Error::Invalid(said),
        }
    }
}
