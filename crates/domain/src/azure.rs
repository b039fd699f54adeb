//! Ids of Azure tenants.

use crate::json::Json;
use crate::text::{invalid, required, string, too_long};
use crate::violation::{Violation, shortened};
use serde::Serialize;

/// The id of a Microsoft tenant: 1–64 of `A–Z a–z 0–9 -`. Usually a GUID, but opaque: `34fdg` is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AzureCustomerId(String);

impl AzureCustomerId {
    /// The maximum length in characters.
    pub const MAX_LENGTH: usize = 64;

    /// Parses an id, without surrounding white space. The violation's pointer is `""`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let text = text.trim();
        let length = text.chars().count();
        match text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
            _ if length == 0 => Err(required()),
            _ if length > Self::MAX_LENGTH => Err(too_long(length, "characters", Self::MAX_LENGTH)),
            Some(c) => {
                let c = shortened(&c.to_string());
                let message = format!("must consist of letters A-Z, digits and hyphens, but has {c:?}");
                Err(invalid(message).because("tenant-id-character", &[("character", &c)]))
            }
            None => Ok(AzureCustomerId(text.to_owned())),
        }
    }

    pub(crate) fn read(json: &Json) -> Result<Self, Violation> {
        Self::parse(string(json)?)
    }

    /// A stored id, which is not validated again.
    pub fn from_stored(text: String) -> Self {
        AzureCustomerId(text)
    }

    /// The id as it was given, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What uniqueness is decided on: lower case, for GUIDs are written in either.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violation::code;

    #[test]
    fn invalid_ids_are_rejected() {
        let long = "a".repeat(65);
        for (text, expected) in [
            ("34fdg", Ok("34fdg")),
            (" 5E1F0C6B-0000-4000-8000-00000000ABCD ", Ok("5E1F0C6B-0000-4000-8000-00000000ABCD")),
            (&long[..64], Ok(&long[..64])),
            (&long, Err(code::TOO_LONG)),
            ("a_b", Err(code::INVALID)),
            ("a b", Err(code::INVALID)),
            ("é", Err(code::INVALID)),
            ("", Err(code::REQUIRED)),
        ] {
            let parsed = AzureCustomerId::parse(text);
            assert_eq!(parsed.as_ref().map(AzureCustomerId::as_str).map_err(|v| v.code), expected, "{text}");
        }
        let key = |text| AzureCustomerId::parse(text).unwrap().key();
        assert_eq!(key("ABC-d"), key("abc-D"));
    }
}
