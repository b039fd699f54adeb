//! Answers about billing as they come over the wire.

use super::{Invoice, Manifest};
use form_urlencoded::byte_serialize;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::time::Duration;

/// Code of an export without data.
const NO_DATA: &str = "5000";
/// Maximum number of files of an export.
const MAX_BLOBS: usize = 100_000;

#[derive(Deserialize)]
pub(super) struct Invoices {
    #[serde(default)]
    pub(super) items: Vec<InvoiceItem>,
    #[serde(default, rename = "totalCount")]
    pub(super) total_count: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvoiceItem {
    id: String,
    invoice_date: Option<String>,
    billing_period_start_date: Option<String>,
    billing_period_end_date: Option<String>,
    /// Its digits as they stand there: a float would lose some.
    total_charges: Option<Box<RawValue>>,
    currency_code: Option<String>,
    document_type: Option<String>,
    invoice_type: Option<String>,
}

impl InvoiceItem {
    pub(super) fn invoice(self) -> Result<Invoice, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(is_plain) {
            return Err("an invoice's id is not one".to_owned());
        }
        let day = |date: Option<String>| date.unwrap_or_default().chars().take(10).collect::<String>();
        let total = self.total_charges.map(|digits| digits.get().trim_matches('"').to_owned());
        let total = total.filter(|digits| digits != "null").unwrap_or_default();
        let currency = self.currency_code.unwrap_or_default().to_ascii_uppercase();
        Ok(Invoice {
            id: self.id,
            date: day(self.invoice_date),
            period_start: day(self.billing_period_start_date),
            period_end: day(self.billing_period_end_date),
            total_charges: total,
            currency,
            document_type: self.document_type.unwrap_or_default(),
            invoice_type: self.invoice_type.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Operation {
    #[serde(default, rename = "@odata.type")]
    kind: String,
    #[serde(default)]
    status: String,
    error: Option<OperationError>,
    #[serde(rename = "resourceLocation")]
    resource: Option<Value>,
    #[serde(rename = "resourceLocation@odata.navigationLink")]
    link: Option<String>,
}

#[derive(Deserialize)]
struct OperationError {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: String,
}

/// How an operation stands.
pub(super) enum State {
    Running(Duration),
    NoData,
    Failed(String),
    /// With its manifest in it.
    Inline(Value),
    /// With its manifest behind an address.
    Behind(String),
}

impl Operation {
    pub(super) fn state(self, wait: Duration) -> Result<State, String> {
        let kind = self.kind.rsplit('.').next().unwrap_or_default();
        let is = |names: &[&str]| names.iter().any(|name| self.status.eq_ignore_ascii_case(name));
        if kind == "failedOperation" || is(&["failed"]) {
            let error = self.error.ok_or("the export failed, and it does not say why")?;
            let code = error.code.as_str().map_or_else(|| error.code.to_string(), str::to_owned);
            return Ok(match code.trim() {
                NO_DATA => State::NoData,
                code => State::Failed(format!("{} ({code})", error.message)),
            });
        }
        if kind == "exportSuccessOperation" || is(&["succeeded", "completed"]) {
            return match (self.resource, self.link) {
                (Some(Value::String(link)), _) | (None | Some(Value::Null), Some(link)) => {
                    Ok(State::Behind(link))
                }
                (Some(manifest @ Value::Object(_)), _) => Ok(State::Inline(manifest)),
                _ => Err("the export has ended without a manifest".to_owned()),
            };
        }
        if kind == "runningOperation" || is(&["notstarted", "running"]) {
            return Ok(State::Running(wait));
        }
        Err("the export's status is none that is known".to_owned())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestIn {
    #[serde(default)]
    e_tag: Option<String>,
    root_directory: String,
    sas_token: String,
    #[serde(default)]
    data_format: Option<String>,
    #[serde(default)]
    blob_count: Option<u64>,
    #[serde(default)]
    blobs: Vec<BlobIn>,
}

#[derive(Deserialize)]
struct BlobIn {
    name: String,
}

/// Reads a manifest. Its errors do not repeat what it says, for it holds a secret.
pub(super) fn manifest(json: &Value) -> Result<Manifest, String> {
    let found: ManifestIn =
        ManifestIn::deserialize(json).map_err(|_| "the manifest is not what it has to be".to_owned())?;
    let format = found.data_format.as_deref().unwrap_or("compressedJSON");
    if !["compressedJSON", "compressedJSONLines"].iter().any(|known| format.eq_ignore_ascii_case(known)) {
        return Err("the manifest has a data format that is not known".to_owned());
    }
    if found.blobs.len() > MAX_BLOBS {
        return Err(format!("the manifest lists more than {MAX_BLOBS} files"));
    }
    let names: Vec<String> = found.blobs.into_iter().map(|blob| blob.name).collect();
    let is_safe = |name: &String| {
        let plain = name.len() <= 512 && name.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b'\\');
        plain && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
    };
    if let Some(bad) = names.iter().position(|name| !is_safe(name)) {
        return Err(format!("the manifest's file number {} has a name that cannot be used", bad + 1));
    }
    let is_ours = |name: &str| {
        name == "manifest.json" || [".part", ".version", ".new"].iter().any(|end| name.ends_with(end))
    };
    let distinct: std::collections::HashSet<&String> = names.iter().collect();
    if distinct.len() < names.len() || names.iter().any(|name| is_ours(name)) {
        return Err("the manifest lists a file twice, or under a name that cannot be used".to_owned());
    }
    let etag = found.e_tag.filter(|etag| !etag.trim().is_empty());
    let etag = etag.ok_or("the manifest does not say which version of the data it is (eTag)")?;
    let mut open = json.clone();
    if let Some(fields) = open.as_object_mut() {
        fields.retain(|name, _| !["sastoken", "rootdirectory"].contains(&name.to_ascii_lowercase().as_str()));
    }
    Ok(Manifest {
        json: open.to_string(),
        etag,
        blob_count: found.blob_count,
        blobs: names,
        root: found.root_directory,
        sas: found.sas_token.into(),
    })
}

/// A file's name as a path, its folders kept.
pub(super) fn escaped(name: &str) -> String {
    let parts: Vec<String> = name
        .split('/')
        .map(|part| byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20"))
        .collect();
    parts.join("/")
}

/// First byte and length of the whole: `bytes 0-99/1234`.
pub(super) fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (begin, _) = range.split_once('-')?;
    Some((begin.parse().ok()?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_in_every_form() {
        let manifest = json!({"eTag": "1"});
        for (body, expected) in [
            (json!({"@odata.type": "#microsoft.graph.partners.billing.runningOperation"}), "running"),
            (json!({"status": "notStarted"}), "running"),
            (json!({"status": "running", "unknown": 1}), "running"),
            (json!({"status": "succeeded", "resourceLocation": manifest}), "inline"),
            (json!({"status": "completed", "resourceLocation": "https://x"}), "behind https://x"),
            (
                json!({"status": "succeeded", "resourceLocation@odata.navigationLink": "https://y"}),
                "behind https://y",
            ),
            (json!({"status": "succeeded", "resourceLocation": null}), "wrong"),
            (
                json!({"status": "failed", "error": {"code": "5000", "message": "No data available"}}),
                "no data",
            ),
            (json!({"status": "failed", "error": {"code": 5000}}), "no data"),
            (json!({"status": "failed", "error": {"code": "2000", "message": "Bad"}}), "failed Bad (2000)"),
            (json!({"@odata.type": "#x.failedOperation", "status": "failed"}), "wrong"),
            (json!({"status": "paused"}), "wrong"),
            (json!({}), "wrong"),
        ] {
            let operation: Operation = serde_json::from_value(body.clone()).unwrap();
            let state = match operation.state(Duration::ZERO) {
                Ok(State::Running(_)) => "running".to_owned(),
                Ok(State::NoData) => "no data".to_owned(),
                Ok(State::Failed(why)) => format!("failed {why}"),
                Ok(State::Inline(_)) => "inline".to_owned(),
                Ok(State::Behind(link)) => format!("behind {link}"),
                Err(_) => "wrong".to_owned(),
            };
            assert_eq!(state, expected, "{body}");
        }
    }

    #[test]
    fn unusable_manifests_are_refused_without_repeating_them() {
        let good = json!({
            "eTag": "v1", "rootDirectory": "https://store.example/c", "sasToken": "sig=SECRET", "blobCount": 1,
            "dataFormat": "compressedJSONLines", "blobs": [{"name": "a/part-0.json.gz", "partitionValue": "0"}],
        });
        let read = manifest(&good).unwrap();
        assert!(!format!("{read:?} {}", read.json).contains("SECRET"), "{read:?}");
        for (pointer, value) in [
            ("eTag", json!("")),
            ("eTag", Value::Null),
            ("sasToken", json!({"SECRET": 1})),
            ("dataFormat", json!("SECRET")),
            ("rootDirectory", Value::Null),
            ("blobs", json!([{"name": "../SECRET"}])),
            ("blobs", json!([{"name": "/SECRET"}])),
            ("blobs", json!([{"name": "a?SECRET b"}])),
            ("blobs", json!([{"name": ""}])),
            ("blobs", json!([{"name": "manifest.json"}])),
            ("blobs", json!([{"name": "a.json.gz"}, {"name": "a.json.gz"}])),
        ] {
            let mut bad = good.clone();
            bad[pointer] = value;
            let why = manifest(&bad).unwrap_err();
            assert!(!why.contains("SECRET"), "{pointer}: {why}");
        }
    }

    #[test]
    fn ranges() {
        assert_eq!(content_range("bytes 0-99/1234"), Some((0, 1234)));
        assert_eq!(content_range("bytes */1234"), None);
        assert_eq!(escaped("a b/ü+"), "a%20b/%C3%BC%2B");
    }
}
