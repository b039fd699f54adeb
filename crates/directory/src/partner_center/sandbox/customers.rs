//! Made-up customers, the same ones for the same seed.

use serde_json::{Value, json};

/// A customer, as Partner Center knows it.
pub(super) struct MadeUp {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) domain: String,
    number: usize,
}

struct Address {
    lines: [&'static str; 2],
    city: &'static str,
    state: &'static str,
    postal_code: &'static str,
    country: &'static str,
}

const NAMES: [&str; 12] = [
    "Contoso",
    "Fabrikam",
    "Adventure Works",
    "Litware",
    "Northwind Traders",
    "Tailspin Toys",
    "Woodgrove Bank",
    "Proseware",
    "Coho Winery",
    "Lucerne Publishing",
    "Trey Research",
    "Wide World Importers",
];

/// As customers write them: with codes for states, with names, with a country alone, and one that cannot be used.
const ADDRESSES: [Address; 8] = [
    address(["1 Microsoft Way", "Building 9"], "Redmond", "WA", "98052-6399", "US"),
    address(["100 Summer St", ""], "Boston", "Massachusetts", "2110", "US"),
    address(["1 George Street", ""], "Sydney", "NSW", "2000", "AU"),
    address(["", ""], "", "", "", "DE"),
    address(["Marienplatz 1", ""], "München", "BY", "80331", "DE"),
    address(["10 High Street", "Floor 2"], "Maidstone", "Kent", "ME14 1AA", "GB"),
    address(["Avenida Paulista 1000", ""], "São Paulo", "SP", "01310-100", "BR"),
    address(["1 Chome-1-1", ""], "Minato City", "Tokyo", "105-0011", "Somewhere"),
];

const fn address(
    lines: [&'static str; 2],
    city: &'static str,
    state: &'static str,
    postal_code: &'static str,
    country: &'static str,
) -> Address {
    Address { lines, city, state, postal_code, country }
}

/// The id of the customer of this number, from 0, in a sandbox of this seed.
pub fn made_up_id(seed: u64, number: usize) -> String {
    let high = mixed(seed ^ mixed(number as u64));
    let low = mixed(high);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// SplitMix64.
pub(super) fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl MadeUp {
    pub(super) fn new(seed: u64, number: usize) -> Self {
        let name = NAMES[number % NAMES.len()];
        let label = name.to_lowercase().replace(' ', "");
        MadeUp {
            id: made_up_id(seed, number),
            name: format!("{name} {number}"),
            domain: format!("{label}{number}.onmicrosoft.com"),
            number,
        }
    }

    /// As in a list.
    pub(super) fn listed(&self) -> Value {
        json!({
            "id": self.id,
            "companyProfile": {
                "tenantId": self.id, "domain": self.domain, "companyName": self.name,
                "attributes": {"objectType": "CustomerCompanyProfile"}
            },
            "relationshipToPartner": "reseller",
            "attributes": {"objectType": "Customer"}
        })
    }

    fn address(&self, moved_by: usize) -> &'static Address {
        &ADDRESSES[self.number.wrapping_add(moved_by) % ADDRESSES.len()]
    }

    pub(super) fn billing_profile(&self, moved_by: usize) -> Value {
        let Address { lines: [line1, line2], city, state, postal_code, country } = self.address(moved_by);
        json!({
            "id": self.id, "firstName": "A", "lastName": "B", "email": format!("a@{}", self.domain),
            "culture": "en-US", "language": "en", "companyName": self.name,
            "defaultAddress": {
                "country": country, "city": given(city), "state": given(state), "addressLine1": given(line1),
                "addressLine2": given(line2), "postalCode": given(postal_code), "phoneNumber": "1234567890"
            },
            "attributes": {"etag": "1", "objectType": "CustomerBillingProfile"}
        })
    }

    pub(super) fn organization(&self, moved_by: usize) -> Value {
        let Address { lines, city, state, postal_code, country } = self.address(moved_by);
        let street = lines.join("\r\n");
        json!([{
            "id": self.id, "displayName": self.name, "street": given(street.trim_end()), "city": given(city),
            "state": given(state), "postalCode": given(postal_code), "country": null, "countryLetterCode": country
        }])
    }
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
