//! The classification of customers: whether a customer's users have access to the platform.

use crate::json::Json;
use crate::text::{closest, invalid, string};
use crate::violation::{Violation, shortened};
use serde::Serialize;

/// The level of access of a managed customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Classification {
    /// The customer does not access the platform. The default.
    #[default]
    ManagedWithoutAccess,
    /// The customer's users sign in themselves.
    ManagedWithAccess,
}

impl Classification {
    /// All classifications.
    pub const ALL: [Classification; 2] = [Self::ManagedWithoutAccess, Self::ManagedWithAccess];

    /// The name in payloads: `managed_without_access` or `managed_with_access`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ManagedWithoutAccess => "managed_without_access",
            Self::ManagedWithAccess => "managed_with_access",
        }
    }

    /// The classification with this name; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|classification| classification.as_str() == text)
    }

    pub(crate) fn read(json: &Json) -> Result<Self, Violation> {
        let text = string(json)?;
        Self::parse(text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let written = text.to_lowercase().replace([' ', '-'], "_");
            let near = closest(&written, names.into_iter().map(|name| (name, name)), 1).concat();
            let hint = if strsim::jaro_winkler(&written.chars().take(64).collect::<String>(), &near) > 0.85 {
                format!("; did you mean {near}?")
            } else {
                String::new()
            };
            invalid(format!("must be one of {}, not {:?}{hint}", names.join(", "), shortened(text)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed() {
        for classification in Classification::ALL {
            assert_eq!(Classification::parse(classification.as_str()), Some(classification));
            assert_eq!(
                serde_json::to_value(classification).unwrap(),
                serde_json::json!(classification.as_str())
            );
        }
        assert_eq!(Classification::parse("Managed_With_Access"), None);
    }

    #[test]
    fn unknown_classifications_get_a_suggestion() {
        let all = "must be one of managed_without_access, managed_with_access, not ";
        for (text, message) in [
            ("unmanaged", "\"unmanaged\""),
            ("managed_with_acces", "\"managed_with_acces\"; did you mean managed_with_access?"),
            ("Managed without access", "\"Managed without access\"; did you mean managed_without_access?"),
        ] {
            let violation = Classification::read(&Json::String(text.to_owned())).unwrap_err();
            assert_eq!(violation.message, format!("{all}{message}"));
        }
    }
}
