//! Ranges of IP addresses that something may be used from.

use crate::json::Json;
use crate::text::{invalid, string, wrong_type};
use crate::violation::{Violation, Violations, code, shortened};
use ipnet::{IpNet, Ipv4Net};
use serde::{Serialize, Serializer};
use std::net::IpAddr;

/// Ranges of IP addresses (CIDR), in the order in which they were given; empty for all addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRanges(Vec<IpNet>);

/// The maximum number of ranges.
const MAX_RANGES: usize = 50;

/// The bits of `::ffff:0:0/96`, below which IPv4 addresses are written as IPv6 ones (RFC 4291, section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

impl AddressRanges {
    /// Whether all addresses are allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address, as text, is within one of the ranges, or there are none. A text that is no address is in no range.
    pub fn allow(&self, address: &str) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Ok(address) = address.parse::<IpAddr>() else { return false };
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }

    /// The text in the database: the ranges with commas between them.
    pub fn to_stored(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// The ranges that a text in the database means; `None` if it is not one of [`AddressRanges::to_stored`].
    pub fn from_stored(text: &str) -> Option<Self> {
        let ranges = text.split(',').filter(|range| !range.is_empty()).map(|range| range.parse().ok());
        ranges.collect::<Option<_>>().map(AddressRanges)
    }

    /// Reads an array of addresses and ranges. Bits behind a range's prefix are dropped.
    pub(crate) fn read(json: &Json) -> Result<Self, Violations> {
        let Json::Array(elements) = json else {
            return Err(wrong_type(r#"an array such as ["203.0.113.0/24"]"#, json).into());
        };
        if elements.is_empty() {
            let message = "must have an address or a range; leave it out to allow all addresses";
            return Err(Violation::new("", code::REQUIRED, message).into());
        }
        if elements.len() > MAX_RANGES {
            let message = format!("has {} ranges, at most {MAX_RANGES} are allowed", elements.len());
            return Err(Violation::new("", code::TOO_MANY, message).into());
        }
        let (mut ranges, mut violations) = (Vec::new(), Violations::default());
        for (i, element) in elements.iter().enumerate() {
            match string(element).and_then(range) {
                Ok(range) if ranges.contains(&range) => {}
                Ok(range) => ranges.push(range),
                Err(violation) => violations.extend(Violations::from(violation).under(&format!("/{i}"))),
            }
        }
        if violations.is_empty() { Ok(AddressRanges(ranges)) } else { Err(violations) }
    }
}

/// An address, or a range of them; an IPv4 one is never written as an IPv6 one.
fn range(text: &str) -> Result<IpNet, Violation> {
    let wrong = || {
        let example = "an address or a range such as 203.0.113.0/24 or 2001:db8::/32";
        invalid(format!("must be {example}, not {:?}", shortened(text)))
    };
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let range = parsed.map_err(|_| wrong())?.trunc();
    match range {
        IpNet::V6(mapped) if mapped.prefix_len() >= MAPPED_BITS => match mapped.addr().to_ipv4_mapped() {
            Some(address) => {
                Ipv4Net::new(address, mapped.prefix_len() - MAPPED_BITS).map(IpNet::V4).map_err(|_| wrong())
            }
            None => Ok(range),
        },
        _ => Ok(range),
    }
}

impl Serialize for AddressRanges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_are_read_and_stored() {
        for (given, expected) in [
            (json!([]), Err(" required")),
            (json!(["203.0.113.9"]), Ok("203.0.113.9/32")),
            (json!([" 203.0.113.9/24 ", "2001:db8::1/32"]), Ok("203.0.113.0/24,2001:db8::/32")),
            (json!(["10.0.0.0/8", "10.0.0.0/8"]), Ok("10.0.0.0/8")),
            (json!(["::ffff:10.0.0.1"]), Ok("10.0.0.1/32")),
            (json!(["::ffff:10.0.0.0/104"]), Ok("10.0.0.0/8")),
            (json!(["0.0.0.0/0", "::/0"]), Ok("0.0.0.0/0,::/0")),
            (json!("10.0.0.0/8"), Err(" wrong_type")),
            (json!([7]), Err("/0 wrong_type")),
            (json!(["10.0.0.0/8", "10.0.0.0/33", "example.com"]), Err("/1 invalid, /2 invalid")),
            (json!(vec!["10.0.0.0/8"; 51]), Err(" too_many")),
        ] {
            match (AddressRanges::read(&Json::from(&given)), expected) {
                (Ok(ranges), Ok(expected)) => {
                    assert_eq!(ranges.to_stored(), expected, "{given}");
                    assert_eq!(AddressRanges::from_stored(expected), Some(ranges), "{given}");
                }
                (Err(violations), Err(expected)) => {
                    let found = violations.iter().map(|v| format!("{} {}", v.pointer, v.code));
                    assert_eq!(found.collect::<Vec<_>>().join(", "), expected, "{given}");
                }
                (found, expected) => panic!("{given}: {found:?} instead of {expected:?}"),
            }
        }
        assert_eq!(AddressRanges::from_stored("10.0.0.0/8,nonsense"), None);
    }

    #[test]
    fn addresses_are_compared() {
        let ranges = AddressRanges::from_stored("203.0.113.0/24,2001:db8::/32").unwrap();
        for (address, expected) in [
            ("203.0.113.255", true),
            ("203.0.114.0", false),
            ("::ffff:203.0.113.7", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("", false),
            ("command line", false),
        ] {
            assert_eq!(ranges.allow(address), expected, "{address}");
            assert!(AddressRanges::default().allow(address), "{address}");
        }
    }
}
