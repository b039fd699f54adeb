//! Whether and where the partner billing engine writes a customer's bills.

use crate::customer::Handling;
use crate::fields::Fields;
use crate::json::Json;
use crate::text::{invalid, required, string, too_long, wrong_type};
use crate::violation::{Violation, Violations, shortened};
use serde::Serialize;

/// A customer's configuration for the partner billing engine. By default disabled, with an empty folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartnerBilling {
    /// Whether bills are produced.
    pub enabled: bool,
    /// The S3 key prefix that bills are put under: at most 512 bytes of UTF-8, segments between single `/`, or
    /// empty.
    pub folder: String,
}

impl PartnerBilling {
    const FIELDS: [&str; 2] = ["enabled", "folder"];

    /// Reads the object. `enabled` is required in it, unless there is a `current` one to be merged with.
    pub(crate) fn read(json: &Json, current: Option<&Self>, handling: Handling) -> Result<Self, Violations> {
        let mut fields = Fields::of(json, "an object with enabled and folder")?;
        let enabled = fields.optional("enabled", read_enabled);
        let folder = fields.optional("folder", |folder| read_folder(string(folder)?));
        if current.is_none() && fields.given("enabled").is_none() {
            fields.refuse("enabled", required());
        }
        if handling == Handling::Strict {
            fields.refuse_unknown(&Self::FIELDS, &[]);
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BillingConfiguration {
    status: &'static str,
    /// Why it is not healthy; otherwise empty.
    reason: String,
}

impl BillingConfiguration {
    /// Judges by the configuration, by whether an Azure tenant is assigned, by what the last run had against the bill,
    /// and by whether it failed for everybody.
    pub fn judge(
        configured: &PartnerBilling,
        has_tenant: bool,
        fault: Option<String>,
        failed: Option<String>,
    ) -> Self {
        let reason = match fault {
            _ if !configured.enabled => None,
            Some(fault) => Some(fault),
            None if !has_tenant => Some("no Azure tenant is assigned to this customer".to_owned()),
            None => failed,
        };
        let status = if reason.is_some() { "Not Healthy" } else { "Healthy" };
        BillingConfiguration { status, reason: reason.unwrap_or_default() }
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

/// The longest folder, in bytes of UTF-8: S3 keys have 1,024, and the names of the bills come after it.
const MOST: usize = 512;

fn read_folder(folder: &str) -> Result<String, Violation> {
    let wrong = |why: &str| Err(invalid(format!("{why}: {:?}", shortened(folder))));
    if folder.len() > MOST {
        Err(too_long(folder.len(), "bytes", MOST))
    } else if folder.contains(|c: char| c.is_control() || c == '\\') {
        wrong("must not contain control characters or \\")
    } else if folder.starts_with('/') {
        wrong("must not begin with a /; remove the leading /")
    } else if folder.ends_with('/') {
        wrong("must not end with a /; remove the trailing /")
    } else if folder.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        wrong("must not have an empty, . or .. segment")
    } else if folder.split('/').next() == Some("_runs") {
        wrong("must not be in _runs, where the ledgers of runs are")
    } else {
        Ok(folder.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health() {
        let no_tenant = "no Azure tenant is assigned to this customer";
        for (enabled, has_tenant, fault, failed, expected) in [
            (true, true, None, None, ("Healthy", "")),
            (true, false, None, None, ("Not Healthy", no_tenant)),
            (true, true, Some("the folder"), None, ("Not Healthy", "the folder")),
            (true, false, Some("the folder"), Some("the run"), ("Not Healthy", "the folder")),
            (true, false, None, Some("the run"), ("Not Healthy", no_tenant)),
            (true, true, None, Some("the run"), ("Not Healthy", "the run")),
            (false, false, Some("the folder"), Some("the run"), ("Healthy", "")),
        ] {
            let configured = PartnerBilling { enabled, folder: String::new() };
            let judged = BillingConfiguration::judge(
                &configured,
                has_tenant,
                fault.map(Into::into),
                failed.map(Into::into),
            );
            let case = format!("{enabled} {has_tenant} {fault:?} {failed:?}");
            assert_eq!((judged.status, judged.reason.as_str()), expected, "{case}");
        }
    }

    #[test]
    fn folders() {
        let long = "é".repeat(257);
        for (folder, legal) in [
            ("acme", true),
            ("bills/acme corp/2016", true),
            ("a..b/...", true),
            ("Ünï/☃", true),
            (&long[..512], true),
            (&long, false),
            ("/acme", false),
            ("acme/", false),
            ("/", false),
            ("a//b", false),
            ("_runs/a", false),
            ("a/_runs", true),
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

    #[test]
    fn configurations() {
        let current = PartnerBilling { enabled: true, folder: "old".to_owned() };
        let read = |json: &str, current| {
            PartnerBilling::read(&Json::parse(json.as_bytes()).unwrap(), current, Handling::Strict)
                .map(|billing| (billing.enabled, billing.folder))
                .map_err(|violations| violations.to_string())
        };
        let ok = |enabled, folder: &str| Ok((enabled, folder.to_owned()));
        let err = |message: &str| Err(message.to_owned());
        for (json, created, changed) in [
            (r#"{"enabled": "TRUE", "folder": ""}"#, ok(true, ""), ok(true, "old")),
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
            (r#"{"enabled": true, "foldr": "x"}"#, "foldr is unknown; did you mean folder?"),
            ("true", "the body must be an object with enabled and folder, not a boolean"),
        ] {
            assert_eq!(read(json, None), err(message));
        }
    }
}
