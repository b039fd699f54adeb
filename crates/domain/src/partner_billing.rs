//! A customer's billing configuration: whether it gets bills, and the folder they are published in.

use crate::fields::Fields;
use crate::json::Json;
use crate::text::{invalid, required, string, too_long, wrong_type};
use crate::violation::{Violation, Violations, shortened};
use serde::Serialize;
use std::fmt;

/// A customer's configuration for the partner billing engine. By default disabled, with an empty folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartnerBilling {
    /// Whether bills are written.
    pub enabled: bool,
    /// The S3 key prefix that bills are put under, below the partner's own: at most 512 bytes of UTF-8, segments between
    /// single `/`, with or without one at the end; or empty. Kept as it was given.
    pub folder: String,
}

impl PartnerBilling {
    /// The folder as a path: `acme` and `acme/` are the same place.
    pub fn folder_path(&self) -> &str {
        self.folder.trim_end_matches('/')
    }

    /// Reads the object. `enabled` is required, unless the object is merged with a `current` configuration. A folder that is
    /// set cannot be emptied, because a form that leaves it blank would move the customer's bills.
    pub(crate) fn read(json: &Json, current: Option<&Self>) -> Result<Self, Violations> {
        let mut fields = Fields::of(json, "an object with enabled and folder")?;
        let enabled = fields.optional("enabled", read_enabled);
        let folder = fields.optional("folder", |folder| read_folder(string(folder)?));
        if current.is_none() && fields.given("enabled").is_none() {
            fields.refuse("enabled", required());
        }
        let is_emptied = fields.raw("folder").is_some_and(Json::is_blank);
        if is_emptied && let Some(set) = current.map(|current| &current.folder).filter(|set| !set.is_empty())
        {
            let set = shortened(set);
            let message = format!(
                "cannot be emptied: it is {set:?}; leave the field out to keep it, or name another folder"
            );
            fields.refuse("folder", invalid(message).because("folder-emptied", &[("set", &set)]));
        }
        if fields.violations.is_empty() {
            let current = current.cloned().unwrap_or_default();
            let (enabled, folder) = (enabled.unwrap_or(current.enabled), folder.unwrap_or(current.folder));
            Ok(PartnerBilling { enabled, folder })
        } else {
            Err(fields.violations)
        }
    }
}

/// How a customer's billing stands, as its partner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingConfiguration {
    /// Why the status is not healthy; `None` if it is.
    reason: Option<BillingFault>,
}

/// Why bills of a customer cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillingFault {
    /// The error that the last run reported for this customer's bill.
    Bill {
        /// In a sentence.
        message: String,
        /// What makes that sentence in other languages, as it was stored.
        wording: Option<String>,
    },
    /// No Azure tenant is assigned to the customer.
    NoTenant,
    /// The last run of a month failed as a whole.
    RunFailed {
        /// The month: `2026-10`.
        billing_period: String,
        /// The run's id.
        run: i64,
    },
}

/// A sentence in English.
impl fmt::Display for BillingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BillingFault::Bill { message, .. } => f.write_str(message),
            BillingFault::NoTenant => f.write_str("no Azure tenant is assigned to this customer"),
            BillingFault::RunFailed { billing_period, run } => {
                write!(f, "the last run of {billing_period} failed (run {run})")
            }
        }
    }
}

impl BillingConfiguration {
    /// Whether bills of this customer can be written.
    pub fn is_healthy(&self) -> bool {
        self.reason.is_none()
    }

    /// Why the status is not healthy; `None` if it is.
    pub fn reason(&self) -> Option<&BillingFault> {
        self.reason.as_ref()
    }

    /// The status that follows from the configuration, the assigned Azure tenant, the error that the last run reported for
    /// this customer's bill (`fault`), and the error that failed the whole run (`failed`). The first of these that applies
    /// is the reason.
    pub fn judge(
        configured: &PartnerBilling,
        has_tenant: bool,
        fault: Option<BillingFault>,
        failed: Option<BillingFault>,
    ) -> Self {
        let reason = match fault {
            _ if !configured.enabled => None,
            Some(fault) => Some(fault),
            None if !has_tenant => Some(BillingFault::NoTenant),
            None => failed,
        };
        BillingConfiguration { reason }
    }
}

fn read_enabled(json: &Json) -> Result<bool, Violation> {
    match json {
        Json::Bool(enabled) => Ok(*enabled),
        Json::String(text) if text.trim().eq_ignore_ascii_case("true") => Ok(true),
        Json::String(text) if text.trim().eq_ignore_ascii_case("false") => Ok(false),
        Json::String(text) => Err(invalid(format!("must be true or false, not {:?}", shortened(text)))),
        _ => Err(wrong_type("true or false", json)),
    }
}

/// Maximum length of a folder in bytes of UTF-8. S3 keys have 1,024, and the names of the bills come after it.
const MAX_BYTES: usize = 512;

/// Maximum length of one segment in bytes: file systems have no longer names.
const MAX_SEGMENT_BYTES: usize = 255;

fn read_folder(folder: &str) -> Result<String, Violation> {
    if folder.len() > MAX_BYTES {
        return Err(too_long(folder.len(), "bytes", MAX_BYTES));
    }
    let path = folder.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(folder);
    if let Some(longest) = path.split('/').map(str::len).max().filter(|longest| *longest > MAX_SEGMENT_BYTES)
    {
        return Err(too_long(longest, "bytes between two slashes", MAX_SEGMENT_BYTES));
    }
    match check_folder(path) {
        Ok(()) => Ok(folder.to_owned()),
        Err(why) => {
            let shown = shortened(folder);
            Err(invalid(format!("{why}: {shown:?}")).because("folder", &[("given", &shown)]))
        }
    }
}

/// Checks a folder's path, without a slash at its end: that it leads nowhere else, and that no part of it can be taken for
/// what bill storage itself names so. The error says what it must not be.
pub fn check_folder(path: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(why.to_owned());
    if path.contains(|c: char| c.is_control() || c == '\\') {
        return wrong("must not contain control characters or \\");
    }
    if path.starts_with('/') {
        return wrong("must not begin with a /; remove the leading /");
    }
    if !path.is_empty() && path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return wrong("must not have an empty, . or .. segment");
    }
    for (i, segment) in path.split('/').enumerate() {
        if let Some(what) = reserved(segment, i == 0) {
            return Err(format!("must not have the segment {segment:?}, which would look like {what}"));
        }
    }
    Ok(())
}

/// What bill storage names like this segment. Bills are at `p{partner}/{folder}/{billing_period}/{customer_id}/v{n}/`; a
/// folder with a month or a version in it could lie inside another customer's bill.
fn reserved(segment: &str, is_first: bool) -> Option<&'static str> {
    let number_after = |prefix: char| {
        let rest = segment.strip_prefix([prefix, prefix.to_ascii_uppercase()]);
        rest.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_month = segment.len() == 7
        && segment
            .bytes()
            .enumerate()
            .all(|(i, byte)| if i == 4 { byte == b'-' } else { byte.is_ascii_digit() });
    match () {
        () if segment.eq_ignore_ascii_case("_runs") => Some("the folder of the ledgers"),
        () if segment.eq_ignore_ascii_case("manifest.json") => Some("a bill's manifest"),
        () if segment.eq_ignore_ascii_case("index.json") => Some("a folder's index of bills"),
        () if is_month => Some("a billing period"),
        () if number_after('v') => Some("a version of a bill"),
        () if is_first && number_after('p') => Some("a partner's folder"),
        () if segment.starts_with('.')
            && (segment.ends_with(".partial") || segment.starts_with(".tenantry-")) =>
        {
            Some("a file that is being written")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_follows_configuration_tenant_and_last_run() {
        let no_tenant = "no Azure tenant is assigned to this customer";
        for (enabled, has_tenant, fault, failed, expected) in [
            (true, true, None, None, ""),
            (true, false, None, None, no_tenant),
            (true, true, Some("the folder"), None, "the folder"),
            (true, false, Some("the folder"), Some(7), "the folder"),
            (true, false, None, Some(7), no_tenant),
            (true, true, None, Some(7), "the last run of 2026-10 failed (run 7)"),
            (false, false, Some("the folder"), Some(7), ""),
        ] {
            let configured = PartnerBilling { enabled, folder: String::new() };
            let of_bill = |why: &str| BillingFault::Bill { message: why.to_owned(), wording: None };
            let of_run = |run| BillingFault::RunFailed { billing_period: "2026-10".to_owned(), run };
            let judged =
                BillingConfiguration::judge(&configured, has_tenant, fault.map(of_bill), failed.map(of_run));
            let reason = judged.reason().map_or(String::new(), ToString::to_string);
            let case = format!("{enabled} {has_tenant} {fault:?} {failed:?}");
            assert_eq!((judged.is_healthy(), reason.as_str()), (expected.is_empty(), expected), "{case}");
        }
    }

    #[test]
    fn invalid_folders_are_rejected() {
        let long = "é".repeat(257);
        let halves = format!("{}/{}", "h".repeat(255), "h".repeat(255));
        for (folder, legal) in [
            ("acme", true),
            ("acme/", true),
            ("acme/bills/", true),
            (&halves, true),
            (&format!("{halves}/"), true),
            (&format!("{halves}//"), false),
            (&"s".repeat(255), true),
            (&"s".repeat(256), false),
            (&format!("a/{}/b", "s".repeat(256)), false),
            ("bills/acme corp/2016", true),
            ("a..b/...", true),
            ("Ünï/☃", true),
            (&long, false),
            ("/acme", false),
            ("/", false),
            ("a//b", false),
            ("_runs/a", false),
            ("a/_runs", false),
            ("a/_RUNS/b", false),
            ("bills/A1/2026-10/1/v2", false),
            ("bills/2026-10", false),
            ("0000-00", false),
            ("bills/2026", true),
            ("bills/2026-1", true),
            ("bills/2026-10-31", true),
            ("bills/October 2026-10", true),
            ("v1", false),
            ("a/V20/b", false),
            ("v", true),
            ("v1a", true),
            ("a/manifest.json", false),
            ("Index.JSON", false),
            ("p1", false),
            ("p12/acme", false),
            ("P1", false),
            ("acme/p1", true),
            ("p", true),
            ("p1x", true),
            (".tenantry-probe", false),
            ("a/.x.partial", false),
            (".hidden", true),
            ("../b", false),
            ("a/../b", false),
            ("a/..", false),
            ("./a", false),
            ("a\\b", false),
            ("a\nb", false),
            ("a\0b", false),
        ] {
            assert_eq!(read_folder(folder).is_ok(), legal, "{folder:?}");
        }
    }

    const EMPTIED: &str =
        "folder cannot be emptied: it is \"old\"; leave the field out to keep it, or name another folder";

    #[test]
    fn an_empty_folder_stays_empty() {
        let current = PartnerBilling::default();
        let json = Json::parse(br#"{"folder": null}"#).unwrap();
        assert_eq!(PartnerBilling::read(&json, Some(&current)), Ok(current));
    }

    #[test]
    fn configurations_are_read_and_merged() {
        let current = PartnerBilling { enabled: true, folder: "old".to_owned() };
        let read = |json: &str, current| {
            PartnerBilling::read(&Json::parse(json.as_bytes()).unwrap(), current)
                .map(|billing| (billing.enabled, billing.folder))
                .map_err(|violations| violations.to_string())
        };
        let ok = |enabled, folder: &str| Ok((enabled, folder.to_owned()));
        let err = |message: &str| Err(message.to_owned());
        for (json, created, changed) in [
            (r#"{"enabled": "TRUE", "folder": ""}"#, ok(true, ""), err(EMPTIED)),
            (r#"{"enabled": true, "folder": null}"#, ok(true, ""), err(EMPTIED)),
            (r#"{"enabled": true, "folder": " "}"#, ok(true, ""), err(EMPTIED)),
            (r#"{"enabled": true, "folder": "new/"}"#, ok(true, "new/"), ok(true, "new/")),
            (r#"{"enabled": false}"#, ok(false, ""), ok(false, "old")),
            (r#"{"enabled": " False ", "folder": " x "}"#, ok(false, "x"), ok(false, "x")),
            (r#"{"folder": "x"}"#, err("enabled is required"), ok(true, "x")),
            (r#"{"enabled": null, "folder": "x"}"#, err("enabled is required"), ok(true, "x")),
        ] {
            assert_eq!(read(json, None), created, "{json}");
            assert_eq!(read(json, Some(&current)), changed, "{json}");
        }
        for (json, message) in [
            (r#"{"enabled": 1}"#, "enabled must be true or false, not a number"),
            (r#"{"enabled": "yes"}"#, "enabled must be true or false, not \"yes\""),
            (r#"{"enabled": true, "folder": 7}"#, "folder must be a string, not a number"),
            ("true", "the body must be an object with enabled and folder, not a boolean"),
        ] {
            assert_eq!(read(json, None), err(message));
        }
    }
}
