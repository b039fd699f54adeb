//! Invoices and exports of a made-up partner. The invoice of a month comes on the 8th of the next; the open month grows with
//! the sandbox's clock, a day behind it.

mod faults;
mod lines;

pub use faults::{BillingFaults, ManifestPlace};

use super::Sandbox;
use super::customers::{made_up_id, mixed};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_RANGE, ETAG, HOST, IF_MATCH, LOCATION, RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lines::{Month, digits};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use tokio::time::Instant;

/// Months before the first moment of a sandbox that have an invoice.
const MONTHS_BEFORE: i32 = 3;
/// The day of a month on which the invoice of the month before comes.
const INVOICE_DAY: i8 = 8;
/// The day on which it is issued again.
const REISSUE_DAY: i8 = 15;
const CURRENCY: &str = "USD";

/// What changes of a sandbox's billing.
pub(super) struct Billing {
    /// What the clock was set to, and when. It goes on from there.
    set: (Timestamp, Instant),
    first_month: Date,
    operations: Vec<Running>,
    /// Reads that are left, by token.
    sas: HashMap<String, Option<u32>>,
    blob_reads: u64,
    made: HashMap<Data, Arc<Vec<Bytes>>>,
}

#[derive(Clone)]
struct Running {
    data: Data,
    polls: u32,
}

/// What an export has, so that it can be made again.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Data {
    usage: bool,
    first: Date,
    through: Date,
    invoice: String,
    version: u32,
    planted_cents: i64,
    lines_per_blob: usize,
    resources: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExportIn {
    invoice_id: Option<String>,
    currency_code: Option<String>,
    billing_period: Option<String>,
}

#[derive(Deserialize)]
struct ClockIn {
    now: String,
}

/// An invoice of a made-up month.
struct Invoice {
    id: String,
    first: Date,
    date: Date,
}

impl Default for Billing {
    fn default() -> Self {
        Billing::at(
            jiff::civil::date(2026, 11, 12)
                .at(6, 0, 0, 0)
                .to_zoned(TimeZone::UTC)
                .map_or(Timestamp::UNIX_EPOCH, |at| at.timestamp()),
        )
    }
}

impl Billing {
    fn at(now: Timestamp) -> Self {
        let month = now.to_zoned(TimeZone::UTC).date().first_of_month();
        Billing {
            set: (now, Instant::now()),
            first_month: month.saturating_sub(MONTHS_BEFORE.months()),
            operations: Vec::new(),
            sas: HashMap::new(),
            blob_reads: 0,
            made: HashMap::new(),
        }
    }

    fn now(&self) -> Timestamp {
        let (set, since) = self.set;
        set.saturating_add(since.elapsed()).unwrap_or(set)
    }

    fn today(&self) -> Date {
        self.now().to_zoned(TimeZone::UTC).date()
    }

    /// The invoices that there are, newest first.
    fn invoices(&self, reissued: &[String]) -> Vec<Invoice> {
        let today = self.today();
        let mut all = Vec::new();
        let mut first = self.first_month;
        while first < today {
            let next = first.saturating_add(1.month());
            let on = |day: i8| next.with().day(day).build().unwrap_or(next);
            let number = i32::from(first.year()) * 100 + i32::from(first.month());
            if on(INVOICE_DAY) <= today {
                all.push(Invoice { id: format!("G{number:09}"), first, date: on(INVOICE_DAY) });
            }
            if reissued.contains(&first.strftime("%Y-%m").to_string()) && on(REISSUE_DAY) <= today {
                all.push(Invoice { id: format!("G1{number:08}"), first, date: on(REISSUE_DAY) });
            }
            first = next;
        }
        all.reverse();
        all
    }
}

/// Paths that want a token.
pub(super) fn api() -> Router<Sandbox> {
    Router::new()
        .route("/v1/invoices", get(invoices))
        .route("/v1.0/reports/partners/billing/{kind}/{state}/export", post(export))
        .route("/v1.0/reports/partners/billing/operations/{id}", get(operation))
        .route("/v1.0/reports/partners/billing/manifests/{id}", get(manifest))
}

/// Paths that want none: files, which a SAS token opens, and the clock.
pub(super) fn open() -> Router<Sandbox> {
    Router::new().route("/blobs/{id}/{name}", get(blob)).route("/sandbox/clock", get(clock).put(set_clock))
}

async fn clock(State(sandbox): State<Sandbox>) -> Response {
    Json(json!({"now": sandbox.state().billing.now().to_string()})).into_response()
}

async fn set_clock(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let now = serde_json::from_slice::<ClockIn>(&body).map_err(|error| error.to_string());
    match now.and_then(|clock| clock.now.parse::<Timestamp>().map_err(|error| error.to_string())) {
        Ok(now) => {
            sandbox.set_now(now);
            clock(State(sandbox)).await
        }
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error).into_response(),
    }
}

fn graph_error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"error": {"code": code, "message": message}}))).into_response()
}

/// The address that a request came to.
fn base(request: &Request) -> String {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
    format!("http://{}", host.unwrap_or("localhost"))
}

async fn invoices(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let query: HashMap<String, String> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let number = |name: &str, default| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (size, offset) = (number("size", 200_usize), number("offset", 0_usize));
    let faults = sandbox.state().behaviour.billing.clone();
    if faults.no_invoice_role {
        return sandbox.error(StatusCode::FORBIDDEN, 600_006, "The supplied role does not have the rights.");
    }
    let all = sandbox.state().billing.invoices(&faults.reissued);
    let total_count = all.len();
    let items: Vec<String> = all
        .into_iter()
        .skip(offset)
        .take(size)
        .map(|invoice| {
            let total = sandbox.total_of(&invoice, &faults);
            let last = invoice.first.last_of_month();
            format!(
                r#"{{"id":"{}","invoiceDate":"{}T00:00:00Z","billingPeriodStartDate":"{}T00:00:00Z","billingPeriodEndDate":"{last}T00:00:00Z","totalCharges":{},"paidAmount":0,"currencyCode":"{CURRENCY}","currencySymbol":"$","documentType":"invoice","invoiceType":"Recurring","state":"unpaid"}}"#,
                invoice.id,
                invoice.date,
                invoice.first,
                digits(total),
            )
        })
        .collect();
    let body = format!(r#"{{"totalCount":{total_count},"items":[{}]}}"#, items.join(","));
    ([("content-type", "application/json")], body).into_response()
}

async fn export(
    State(sandbox): State<Sandbox>,
    Path((kind, state)): Path<(String, String)>,
    request: Request,
) -> Response {
    let base = base(&request);
    let faults = sandbox.state().behaviour.billing.clone();
    if faults.no_permission {
        return graph_error(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "Insufficient privileges to complete the operation.",
        );
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap_or_default();
    let bad = |message: &str| graph_error(StatusCode::BAD_REQUEST, "InvalidRequest", message);
    let Ok(asked) = serde_json::from_slice::<ExportIn>(&body) else { return bad("The body cannot be read.") };
    let usage = match kind.as_str() {
        "usage" => true,
        "reconciliation" => false,
        _ => return graph_error(StatusCode::NOT_FOUND, "NotFound", "No such resource."),
    };
    let mut guard = sandbox.state();
    let billing = &mut guard.billing;
    let today = billing.today();
    let span = match (state.as_str(), asked.invoice_id, asked.billing_period.as_deref()) {
        ("billed", Some(id), _) => {
            let found = billing.invoices(&faults.reissued).into_iter().find(|invoice| invoice.id == id);
            let Some(found) = found else { return bad("There is no such invoice.") };
            Some((found.first, found.first.last_of_month(), id))
        }
        ("unbilled", None, Some(period @ ("current" | "last"))) => {
            if asked.currency_code.as_deref() != Some(CURRENCY) {
                return bad("The currency is not the partner's.");
            }
            let this = today.first_of_month();
            let yesterday = today.saturating_sub(1.day());
            match period {
                "current" => (yesterday >= this).then(|| (this, yesterday, String::new())),
                // On an invoice since its day.
                _ if today.day() >= INVOICE_DAY => None,
                _ => {
                    let last = this.saturating_sub(1.month());
                    Some((last, last.last_of_month(), String::new()))
                }
            }
        }
        _ => return bad("The body lacks what the export is of."),
    };
    let (first, through, invoice) = span.unwrap_or((today, today.saturating_sub(1.day()), String::new()));
    let data = Data {
        usage,
        first,
        through,
        invoice,
        version: faults.data_version,
        planted_cents: faults.planted_cents,
        lines_per_blob: faults.lines_per_blob.max(1),
        resources: faults.resources,
    };
    billing.operations.push(Running { data, polls: 0 });
    let id = operation_id(billing.operations.len() - 1);
    guard.counts.exports += 1;
    let location = format!("{base}/v1.0/reports/partners/billing/operations/{id}");
    (StatusCode::ACCEPTED, [(LOCATION, location)]).into_response()
}

/// The number of an operation, as a GUID.
fn operation_id(number: usize) -> String {
    format!("9ab9cb54-d07f-4f52-9ea6-{number:012x}")
}

fn operation_number(id: &str) -> Option<usize> {
    usize::from_str_radix(id.strip_prefix("9ab9cb54-d07f-4f52-9ea6-")?, 16).ok()
}

async fn operation(State(sandbox): State<Sandbox>, Path(id): Path<String>, request: Request) -> Response {
    let base = base(&request);
    let faults = sandbox.state().behaviour.billing.clone();
    if faults.no_permission {
        return graph_error(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "Insufficient privileges to complete the operation.",
        );
    }
    let running = {
        let mut state = sandbox.state();
        let running = operation_number(&id).and_then(|number| state.billing.operations.get_mut(number));
        let Some(running) = running else {
            return graph_error(StatusCode::NOT_FOUND, "NotFound", "No such operation.");
        };
        running.polls = running.polls.saturating_add(1);
        running.clone()
    };
    let said = |kind: &str, status: &str, more: Value| {
        let mut body = json!({
            "@odata.type": format!("#microsoft.graph.partners.billing.{kind}Operation"), "id": id, "status": status,
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        Json(body).into_response()
    };
    if faults.never_ends || running.polls <= faults.running_polls {
        let status = if running.polls == 1 { "notstarted" } else { "running" };
        let mut answer = said("running", status, json!({}));
        if let Some(wait) = faults.retry_after.as_deref().and_then(|wait| HeaderValue::from_str(wait).ok()) {
            answer.headers_mut().insert(RETRY_AFTER, wait);
        }
        return answer;
    }
    if faults.no_data || running.data.through < running.data.first {
        let error = json!({"code": "5000", "message": "No data available for this period."});
        return said("failed", "failed", json!({"error": error}));
    }
    if let Some(code) = faults.failed {
        let error = json!({"code": code, "message": "The export failed, as the sandbox was told."});
        return said("failed", "failed", json!({"error": error}));
    }
    let link = format!("{base}/v1.0/reports/partners/billing/manifests/{id}");
    let more = match faults.manifest {
        ManifestPlace::Inline => json!({"resourceLocation": sandbox.manifest(&id, &running.data, &base)}),
        ManifestPlace::Location => json!({"resourceLocation": link}),
        ManifestPlace::Link => json!({"resourceLocation@odata.navigationLink": link}),
    };
    said("exportSuccess", "succeeded", more)
}

async fn manifest(State(sandbox): State<Sandbox>, Path(id): Path<String>, request: Request) -> Response {
    let base = base(&request);
    let data = operation_number(&id).and_then(|number| {
        sandbox.state().billing.operations.get(number).map(|running| running.data.clone())
    });
    match data {
        Some(data) => Json(sandbox.manifest(&id, &data, &base)).into_response(),
        None => graph_error(StatusCode::NOT_FOUND, "NotFound", "No such manifest."),
    }
}

async fn blob(
    State(sandbox): State<Sandbox>,
    Path((id, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let xml = |status: StatusCode, code: &str| {
        (status, format!("\u{feff}<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>")).into_response()
    };
    let fault = sandbox.state().behaviour.billing.next_blob.pop_front();
    if let Some(fault) = fault
        && let Some(answer) = fault.happen(&HeaderMap::new(), &Bytes::new()).await
    {
        return answer;
    }
    let (data, faults, reads) = {
        let mut state = sandbox.state();
        let sas = request.uri().query().unwrap_or_default();
        match state.billing.sas.get_mut(sas) {
            None | Some(Some(0)) => return xml(StatusCode::FORBIDDEN, "AuthenticationFailed"),
            Some(Some(left)) => *left -= 1,
            Some(None) => {}
        }
        state.billing.blob_reads += 1;
        let reads = state.billing.blob_reads;
        let data = operation_number(&id).and_then(|number| state.billing.operations.get(number));
        let Some(data) = data.map(|running| running.data.clone()) else {
            return xml(StatusCode::NOT_FOUND, "BlobNotFound");
        };
        (data, state.behaviour.billing.clone(), reads)
    };
    let data = match faults.changed_after {
        Some(most) if reads > most => Data { version: data.version + 1, ..data },
        _ => data,
    };
    let number = name.strip_prefix("part-").and_then(|rest| rest.strip_suffix(".json.gz")?.parse().ok());
    if faults.read_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(faults.read_ms)).await;
    }
    let files = sandbox.files(&data);
    let Some((number, mut file)) =
        number.and_then(|number: usize| Some((number, files.get(number)?.clone())))
    else {
        return xml(StatusCode::NOT_FOUND, "BlobNotFound");
    };
    if faults.cut_blob == Some(number) {
        file = file.slice(..file.len() / 2);
    }
    let etag = format!("\"0x{:016X}\"", file.iter().fold(7, |sum, byte| mixed(sum ^ u64::from(*byte))));
    let wanted = request.headers().get(IF_MATCH).and_then(|etag| etag.to_str().ok());
    if wanted.is_some_and(|wanted| wanted != etag) {
        return xml(StatusCode::PRECONDITION_FAILED, "ConditionNotMet");
    }
    let range = request.headers().get(RANGE).and_then(|range| {
        let (from, to) = range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?))
    });
    match range.filter(|_| !faults.no_ranges) {
        None => {
            sandbox.state().counts.blob_bytes += file.len() as u64;
            (StatusCode::OK, [(ETAG, etag)], file).into_response()
        }
        Some((from, _)) if from >= file.len() => xml(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange"),
        Some((from, to)) => {
            let most = faults.max_range.map_or(usize::MAX, |most| most.max(1) as usize);
            let end = to.saturating_add(1).min(file.len()).min(from.saturating_add(most));
            sandbox.state().counts.blob_bytes += (end - from) as u64;
            let range = format!("bytes {from}-{}/{}", end - 1, file.len());
            (StatusCode::PARTIAL_CONTENT, [(ETAG, etag), (CONTENT_RANGE, range)], file.slice(from..end))
                .into_response()
        }
    }
}

impl Sandbox {
    /// Moves the sandbox's clock.
    pub fn set_now(&self, now: Timestamp) {
        self.state().billing.set = (now, Instant::now());
    }

    /// Begins at this moment: the invoices of the three months before are there, as far as their day has come.
    #[must_use]
    pub fn beginning(self, now: Timestamp) -> Self {
        self.state().billing = Billing::at(now);
        self
    }

    /// What the partner has been charged on an invoice, in exact decimal digits; `None` if there is no such invoice.
    pub fn total_charges(&self, invoice: &str) -> Option<String> {
        let faults = self.state().behaviour.billing.clone();
        let invoices = self.state().billing.invoices(&faults.reissued);
        let found = invoices.into_iter().find(|found| found.id == invoice)?;
        Some(digits(self.total_of(&found, &faults)))
    }

    fn total_of(&self, invoice: &Invoice, faults: &BillingFaults) -> i128 {
        let data = Data {
            usage: false,
            first: invoice.first,
            through: invoice.first.last_of_month(),
            invoice: invoice.id.clone(),
            // What comes late is on no invoice that has been issued.
            version: 1,
            planted_cents: faults.planted_cents,
            lines_per_blob: 1,
            resources: faults.resources,
        };
        self.lines(&data, &mut |_| {})
    }

    /// Each line of the data. Their sum with tax, in 10^-10.
    fn lines(&self, data: &Data, each: &mut dyn FnMut(&str)) -> i128 {
        let month = Month {
            seed: self.0.seed,
            customers: &self.0.customers,
            first: data.first,
            through: data.through,
            invoice: &data.invoice,
            currency: CURRENCY,
            version: data.version,
            planted_cents: data.planted_cents,
            resources: data.resources,
        };
        if data.usage { month.usage(each) } else { month.reconciliation(each) }
    }

    /// The files of an export, made once.
    fn files(&self, data: &Data) -> Arc<Vec<Bytes>> {
        if let Some(made) = self.state().billing.made.get(data) {
            return Arc::clone(made);
        }
        let empty = || GzEncoder::new(Vec::new(), Compression::fast());
        let mut files = Vec::new();
        let (mut packed, mut lines) = (empty(), 0);
        self.lines(data, &mut |line| {
            // Writing to memory cannot fail.
            let _ = writeln!(packed, "{line}");
            lines += 1;
            if lines == data.lines_per_blob {
                let full = std::mem::replace(&mut packed, empty());
                files.push(Bytes::from(full.finish().unwrap_or_default()));
                lines = 0;
            }
        });
        if lines > 0 {
            files.push(Bytes::from(packed.finish().unwrap_or_default()));
        }
        let files = Arc::new(files);
        self.state().billing.made.insert(data.clone(), Arc::clone(&files));
        files
    }

    fn manifest(&self, id: &str, data: &Data, base: &str) -> Value {
        let files = self.files(data);
        let mut state = self.state();
        let faults = state.behaviour.billing.clone();
        let number = state.billing.sas.len();
        let sas = format!("sv=2024-11-04&se=2026-12-01T00%3A00%3A00Z&sig=SANDBOX-SAS-{number}");
        state.billing.sas.insert(sas.clone(), faults.sas_reads);
        let blobs: Vec<Value> = (0..files.len())
            .map(|number| json!({"name": format!("part-{number:05}.json.gz"), "partitionValue": number.to_string()}))
            .collect();
        let kind = if data.usage { "usage" } else { "reconciliation" };
        json!({
            "id": made_up_id(mixed(u64::from(data.version)), usize::from(data.usage)), "schemaVersion": "2", "dataFormat": "compressedJSON", "createdDateTime": format!("{}T06:00:00Z", data.through),
            "eTag": format!("{kind}-{}-{}-v{}", data.first, data.through, data.version),
            "partnerTenantId": "5a4d0000-0000-4000-8000-00000000cafe", "rootDirectory": format!("{base}/blobs/{id}"),
            "sasToken": sas, "partitionType": "default", "blobCount": files.len() + usize::from(faults.wrong_count),
            "blobs": blobs,
        })
    }
}
