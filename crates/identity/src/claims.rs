//! What a provider says of a user, once it was verified.

use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A user as a provider knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer; with Microsoft Entra, of one tenant.
    pub issuer: String,
    /// Names the user at its issuer, for ever.
    pub subject: String,
    /// The user's e-mail address, if the provider says that it was verified.
    pub email: Option<String>,
    /// Whether there is an address that the provider does not call verified.
    pub has_unverified_email: bool,
    /// The Microsoft Entra tenant that issued the token.
    pub tenant: Option<String>,
}

/// The claims of Microsoft Entra.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Extra {
    /// The tenant that issued the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tid: Option<String>,
    /// Whether the domain of the e-mail address is verified; an optional claim, sent as a boolean, a number or a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) xms_edov: Option<Value>,
}

impl AdditionalClaims for Extra {}

impl Extra {
    pub(crate) fn is_domain_verified(&self) -> bool {
        match &self.xms_edov {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            Some(Value::String(text)) => text == "1" || text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_verified_only_if_entra_says_so() {
        for (claim, expected) in [
            ("true", true),
            ("1", true),
            (r#""1""#, true),
            (r#""True""#, true),
            ("false", false),
            ("0", false),
            (r#""0""#, false),
            ("null", false),
            ("[true]", false),
        ] {
            let extra: Extra = serde_json::from_str(&format!(r#"{{"xms_edov": {claim}}}"#)).unwrap();
            assert_eq!(extra.is_domain_verified(), expected, "{claim}");
        }
        assert!(!Extra::default().is_domain_verified());
    }
}
