//! Identifiers of partners, users and customers.

use serde::Serialize;
use std::fmt;

macro_rules! id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The id of a partner: a root tenant, whose data is invisible to other partners.
    PartnerId
}
id! {
    /// The id of a user: a person or machine of a partner or of a customer.
    UserId
}
id! {
    /// The id of a customer, also called the *client API id*. Increasing, never reused.
    CustomerId
}

/// A customer's `generated_external_id`: twelve lower-case hexadecimal digits (48 bits), such as the seed's
/// `1a2b3c4d5e6f`. The caller draws the bytes, from a cryptographic source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ExternalId(String);

impl ExternalId {
    /// The id of six bytes, most significant first.
    pub fn from_bytes(bytes: [u8; 6]) -> ExternalId {
        let [a, b, c, d, e, f] = bytes;
        ExternalId(format!("{:012x}", u64::from_be_bytes([0, 0, a, b, c, d, e, f])))
    }

    /// Parses an id; `None` unless it is exactly twelve digits of `0–9 a–f`.
    pub fn parse(text: &str) -> Option<ExternalId> {
        let legal = text.len() == 12 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        legal.then(|| ExternalId(text.to_owned()))
    }

    /// A stored id, which is not validated again.
    pub fn from_stored(text: String) -> ExternalId {
        ExternalId(text)
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_ids_are_twelve_lower_case_hex_digits() {
        let id = ExternalId::from_bytes([0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0x0f]);
        assert_eq!(id.as_str(), "1a2b3c4d5e0f");
        assert_eq!(ExternalId::parse("1a2b3c4d5e0f"), Some(id));
        for wrong in ["", "1a2b3c4d5e6", "1a2b3c4d5e6f0", "1A2B3C4D5E6F", "1a2b3c4d5e6g", "1a2b3c4d5eé"] {
            assert_eq!(ExternalId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ids_are_plain_numbers() {
        assert_eq!(CustomerId(3947).to_string(), "3947");
        assert_eq!(serde_json::to_string(&PartnerId(7)).unwrap(), "7");
    }
}
