//! From an address as directories write it to the contract's.

use crate::tenant::TenantAddress;
use domain::{Address, Json};

/// An address as a directory wrote it; what is not given is blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// All lines above the city; each may itself hold several.
    pub(crate) street: Vec<String>,
    pub(crate) city: String,
    pub(crate) state: String,
    pub(crate) zipcode: String,
    pub(crate) country: String,
}

impl Written {
    /// The address, in the form that the platform keeps: with street, city and country it is one. A country or a state
    /// alone is none.
    pub(crate) fn read(&self) -> TenantAddress {
        let lines: Vec<&str> = self
            .street
            .iter()
            .flat_map(|street| street.lines())
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        if lines.is_empty() && [&self.city, &self.zipcode].iter().all(|part| part.trim().is_empty()) {
            return TenantAddress::Missing;
        }
        let (first, rest) = lines.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let fields = [
            ("street1", first.to_owned()),
            ("street2", rest.join(", ")),
            ("city", self.city.clone()),
            ("state", self.state.clone()),
            ("zipcode", self.zipcode.clone()),
            ("country", self.country.clone()),
        ];
        let json = Json::Object(fields.map(|(key, text)| (key.to_owned(), Json::String(text))).to_vec());
        match Address::from_directory(&json) {
            Ok(address) => TenantAddress::Known(address),
            Err(violations) => TenantAddress::Unusable(violations),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(street: &str, city: &str, state: &str, zipcode: &str, country: &str) -> Written {
        let owned = str::to_owned;
        Written {
            street: street.split('|').map(owned).collect(),
            city: owned(city),
            state: owned(state),
            zipcode: owned(zipcode),
            country: owned(country),
        }
    }

    /// `street1|street2, city, state, zipcode, country`, or what is wrong.
    fn read(street: &str, city: &str, state: &str, zipcode: &str, country: &str) -> String {
        match written(street, city, state, zipcode, country).read() {
            TenantAddress::Known(a) => {
                let street2 = a.street2.map(|street2| format!("|{street2}")).unwrap_or_default();
                let parts = [a.street1 + &street2, a.city].into_iter().chain(a.state).chain(a.zipcode);
                parts.chain([a.country]).collect::<Vec<_>>().join(", ")
            }
            other => other.usable().unwrap_err(),
        }
    }

    #[test]
    fn addresses_of_partner_center() {
        for (given, expected) in [
            (["1 Microsoft Way", "Redmond", "WA", "98052", "US"], "1 Microsoft Way, Redmond, WA, 98052, US"),
            (
                ["1 Main St", "Boston", "Massachusetts", "02110-1234", "us"],
                "1 Main St, Boston, MA, 02110-1234, US",
            ),
            (["1 Main St", "Boston", "MA", "2110", "United States"], "1 Main St, Boston, MA, 02110, US"),
            (["1 Main St", "Boston", "US-MA", "021101234", "USA"], "1 Main St, Boston, MA, 02110-1234, US"),
            (
                ["1 George St|Level 5|", "Sydney", "NSW", "2000", "AU"],
                "1 George St|Level 5, Sydney, New South Wales, 2000, AU",
            ),
            (
                ["Rua A, 1", "São Paulo", "SP", "01310-100", "BR"],
                "Rua A, 1, São Paulo, Sao Paulo, 01310-100, BR",
            ),
            (["1 King St W", "Toronto", "ON", "M5H 1A1", "CA"], "1 King St W, Toronto, Ontario, M5H 1A1, CA"),
            (
                ["Marienplatz 1", "München", "BY", "80331", "Germany"],
                "Marienplatz 1, München, Bayern, 80331, DE",
            ),
            (
                ["1 High St", "Maidstone", "Kent", "ME14 1AA", "GB"],
                "1 High St, Maidstone, Kent, ME14 1AA, GB",
            ),
            (
                ["|2 Side St", "Leeds", "Yorkshire", "LS1 1AA", "UK"],
                "2 Side St, Leeds, Yorkshire, LS1 1AA, GB",
            ),
            (["Rua A, 1", "Lisboa", "", "1000-001", "pt"], "Rua A, 1, Lisboa, 1000-001, PT"),
            (["|Damrak 1", "Amsterdam", "", "1012 LG", "nl"], "Damrak 1, Amsterdam, 1012 LG, NL"),
            (["1 Queen's Road", "Central", "", "", "HK"], "1 Queen's Road, Central, HK"),
            (["Sheikh Zayed Rd", "Dubai", "DU", "00000", "ae"], "Sheikh Zayed Rd, Dubai, Dubai, AE"),
            (
                ["1 Strand", "London", "LND", "WC2N 5HS", "gb"],
                "1 Strand, London, City of London, WC2N 5HS, GB",
            ),
            (["1 rue A", "Paris", "IDF", "75001", "France"], "1 rue A, Paris, Ile-de-France, 75001, FR"),
            (["Am Ring 1", "Dresden", "Sachsen", "1067", "DE"], "Am Ring 1, Dresden, Sachsen, 01067, DE"),
            // What is unknown stays as it is written.
            (["1 Main St", "Boston", "", "", "US"], "1 Main St, Boston, US"),
            (
                ["1 Main St", "Boston", "Masachusets", "98052-1", "US"],
                "1 Main St, Boston, Masachusets, 98052-1, US",
            ),
            (
                ["1-1", "Minato City", "Somewhere", "105-0011", "JP"],
                "1-1, Minato City, Somewhere, 105-0011, JP",
            ),
            (["x", "Perth", "Wa,\u{1}", "6000", "AU"], "x, Perth, 6000, AU"),
            (
                ["7122 Ashford St\r\nWestminster|c/o X", "Atlanta", "GA", "31772", "US"],
                "7122 Ashford St|Westminster, c/o X, Atlanta, GA, 31772, US",
            ),
        ] {
            let [street, city, state, zipcode, country] = given;
            assert_eq!(read(street, city, state, zipcode, country), expected);
        }
    }

    #[test]
    fn no_address() {
        for (state, country) in [("", ""), ("", "US"), (" ", " DE "), ("WA", "US"), ("", "Nowhere")] {
            assert_eq!(written(" | \r\n", "", state, " ", country).read(), TenantAddress::Missing);
        }
        assert_eq!(Written::default().read(), TenantAddress::Missing);
    }

    #[test]
    fn unusable_says_which_field_and_why() {
        for (given, expected) in [
            (["x", "y", "WA", "98052", "Atlantis"], "country must be a country of ISO 3166-1"),
            (["x", "y", "WA", "98052", ""], "country is required"),
            (["", "y", "WA", "98052", "US"], "street1 is required"),
            (["x", "", "WA", "", "US"], "city is required"),
        ] {
            let [street, city, state, zipcode, country] = given;
            let sentence = read(street, city, state, zipcode, country);
            assert!(sentence.starts_with(&format!("cannot be used: {expected}")), "{sentence}");
        }
    }

    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            ".{0,300}",
            "[A-Z]{2}",
            "[0-9-]{0,12}",
            prop::sample::select(vec![
                "US",
                "AU",
                "DE",
                "GB",
                "JP",
                "",
                "NSW",
                "WA",
                "Massachusetts",
                "New South Wales",
                "13"
            ])
            .prop_map(str::to_owned),
        ]
    }

    proptest! {
        #[test]
        fn never_panics_and_what_is_known_is_read_the_same_again(
            street in prop::collection::vec(part(), 0..4),
            city in part(), state in part(), zipcode in part(), country in part(),
        ) {
            let read = Written { street, city, state, zipcode, country }.read();
            if let TenantAddress::Known(address) = read {
                let json = serde_json::to_string(&address).unwrap();
                let again = Address::from_directory(&Json::parse(json.as_bytes()).unwrap());
                prop_assert_eq!(again, Ok(address));
            }
        }
    }
}
