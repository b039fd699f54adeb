//! Tenants from JSON and from CSV.

use super::Tenants;
use crate::address::Written;
use crate::tenant::Tenant;
use domain::AzureCustomerId;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Where a file is not what it has to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// From 1.
    pub(super) line: u64,
    /// From 1: in JSON of the line's bytes, in CSV of its fields.
    pub(super) column: u64,
    /// What is wrong.
    pub(super) message: String,
}

/// A field of a tenant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    Name,
    Domain,
    Street1,
    Street2,
    City,
    State,
    Zipcode,
    Country,
}

/// How fields are called, as letters and digits in lower case; where a tenant has two of a field's names, the first
/// of them here counts.
const FIELDS: [(Field, &[&str]); 9] = [
    (
        Field::Id,
        &[
            "azurecustomerid",
            "microsoftid",
            "customerid",
            "customertenantid",
            "azuretenantid",
            "tenantid",
            "id",
        ],
    ),
    (Field::Name, &["name", "companyname", "customername", "displayname", "company", "customer"]),
    (Field::Domain, &["domain", "primarydomainname", "primarydomain", "defaultdomainname", "domainname"]),
    (Field::Street1, &["street1", "addressline1", "address1", "streetaddress", "street"]),
    (Field::Street2, &["street2", "addressline2", "address2"]),
    (Field::City, &["city", "town"]),
    (Field::State, &["state", "stateprovince", "stateorprovince", "province"]),
    (Field::Zipcode, &["zipcode", "postalcode", "zip", "postcode", "zippostalcode"]),
    (Field::Country, &["country", "countryregion", "countryorregion", "countrycode", "countrylettercode"]),
];

/// Objects of JSON whose fields are the tenant's.
const NESTED: [&str; 4] = ["address", "companyprofile", "billingprofile", "defaultaddress"];

/// The tenants of a file, in either form.
pub(super) fn tenants(bytes: &[u8]) -> Result<Tenants, Wrong> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        Wrong {
            line: 1 + before.iter().filter(|b| **b == b'\n').count() as u64,
            column: 1 + (before.len() - line_start) as u64,
            message: "is not UTF-8; save it as \"CSV UTF-8\"".to_owned(),
        }
    })?;
    let listed = match text.trim_start().chars().next() {
        None => Err(Wrong { line: 1, column: 1, message: "the file is empty".to_owned() }),
        Some('[' | '{') => from_json(text),
        Some(_) => from_csv(text),
    }?;
    let mut tenants = Tenants::new();
    for tenant in listed {
        tenants.entry(tenant.azure_customer_id.key()).or_insert(tenant);
    }
    Ok(tenants)
}

/// Puts a tenant together. What is wrong concerns its id.
fn tenant(field: impl Fn(Field) -> String) -> Result<Tenant, String> {
    let id = AzureCustomerId::parse(&field(Field::Id)).map_err(|violation| violation.message)?;
    let address = Written {
        street: vec![field(Field::Street1), field(Field::Street2)],
        city: field(Field::City),
        state: field(Field::State),
        zipcode: field(Field::Zipcode),
        country: field(Field::Country),
    };
    Ok(Tenant::new(id, &field(Field::Name), &field(Field::Domain), address.read()))
}

/// The letters and digits of a field's name.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn names(wanted: Field) -> &'static [&'static str] {
    FIELDS.iter().find(|(field, _)| *field == wanted).map_or(&[], |(_, names)| names)
}

fn from_json(text: &str) -> Result<Vec<Tenant>, Wrong> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        Wrong {
            line: error.line() as u64,
            column: error.column() as u64,
            message: error.to_string().trim_end_matches(&place).to_owned(),
        }
    })?;
    Ok(entries.into_iter().map(|Entry(tenant)| tenant).collect())
}

/// An element of the array. An error in it gets the place of its end.
struct Entry(Tenant);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, a tenant")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
        let mut found = Vec::new();
        flatten(Map::deserialize(MapAccessDeserializer::new(map))?, &mut found).map_err(A::Error::custom)?;
        let field = |wanted| {
            let given = names(wanted).iter().find_map(|name| found.iter().find(|(known, _)| known == name));
            given.map(|(_, text)| text.clone()).unwrap_or_default()
        };
        tenant(field)
            .map(Entry)
            .map_err(|why| A::Error::custom(format!("the tenant's azure_customer_id {why}")))
    }
}

/// The texts of an object and of those in it that belong to the tenant, outer ones first.
fn flatten(object: Map<String, Value>, found: &mut Vec<(String, String)>) -> Result<(), String> {
    let mut inner = Vec::new();
    for (name, value) in object {
        let plain = plain(&name);
        match value {
            Value::Object(object) if NESTED.contains(&plain.as_str()) => inner.push(object),
            Value::String(text) => found.push((plain, text)),
            Value::Number(number) => found.push((plain, number.to_string())),
            Value::Array(_) | Value::Object(_) | Value::Bool(_)
                if FIELDS.iter().any(|(_, names)| names.contains(&plain.as_str())) =>
            {
                return Err(format!("{name} must be a string"));
            }
            _ => {}
        }
    }
    inner.into_iter().try_for_each(|object| flatten(object, found))
}

fn from_csv(text: &str) -> Result<Vec<Tenant>, Wrong> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |delimiter: u8| first.bytes().filter(|b| *b == delimiter).count();
    // Spreadsheets of half the world write semicolons.
    let delimiter =
        [b',', b';', b'\t'].into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().map_err(|error| unequal(&error))?.iter().map(plain).collect();
    let column =
        |wanted| names(wanted).iter().find_map(|name| columns.iter().position(|column| column == name));
    let Some(id) = column(Field::Id) else {
        let message = "the first line must name the columns, one of them Microsoft ID".to_owned();
        return Err(Wrong { line: 1, column: 1, message });
    };
    let mut tenants = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unequal(&error))?;
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let field =
            |wanted| column(wanted).and_then(|column| record.get(column)).unwrap_or_default().to_owned();
        tenants.push(tenant(field).map_err(|why| Wrong {
            line: record.position().map_or(0, csv::Position::line),
            column: id as u64 + 1,
            message: format!("the tenant's id {why}"),
        })?);
    }
    Ok(tenants)
}

/// The only slip that CSV knows, beside text that is not UTF-8.
fn unequal(error: &csv::Error) -> Wrong {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => Wrong {
            line,
            column: 1 + (*expected_len).min(*len),
            message: format!("the line has {len} fields, the first line has {expected_len}"),
        },
        _ => Wrong { line, column: 1, message: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `id name domain: address`, one line each.
    fn read(text: &str) -> Result<Vec<String>, String> {
        match tenants(text.as_bytes()) {
            Ok(tenants) => Ok(tenants
                .values()
                .map(|tenant| {
                    let address = match tenant.address.usable() {
                        Ok(a) => {
                            let state_and_zip =
                                [&a.state, &a.zipcode].map(|part| part.as_deref().unwrap_or("-")).join(", ");
                            format!("{}, {}, {state_and_zip}, {}", a.street1, a.city, a.country)
                        }
                        Err(why) => why.chars().take(40).collect(),
                    };
                    let Tenant { azure_customer_id, name, domain, .. } = tenant;
                    format!("{} {name} {domain}: {address}", azure_customer_id.as_str())
                })
                .collect()),
            Err(Wrong { line, column, message }) => Err(format!("{line}:{column} {message}")),
        }
    }

    #[test]
    fn what_partner_center_exports() {
        let exported = "\u{feff}Microsoft ID,Company name,Primary domain name,Relationship,Tags\r\n\
            5e1f0c6b-0000-4000-8000-00000000abcd,\"Contoso, Ltd.\",contoso.com,Cloud Reseller,\r\n\
            34fdg,Fabrikam,fabrikam.com,\"Cloud Reseller, Advisor\",\"a\r\nb\"\r\n\
            5E1F0C6B-0000-4000-8000-00000000ABCD,Contoso again,contoso.com,Advisor,\r\n\
            ,,,,\r\n";
        let expected = [
            "34fdg Fabrikam fabrikam.com: is not entered there",
            "5e1f0c6b-0000-4000-8000-00000000abcd Contoso, Ltd. contoso.com: is not entered there",
        ];
        assert_eq!(read(exported).unwrap(), expected);
    }

    #[test]
    fn csv_of_others() {
        for (text, expected) in [
            ("id\n1\n", "1 1 : is not entered there"),
            ("Id;CustomerId;Name\n9;1;Contoso\n", "1 Contoso : is not entered there"),
            ("Domain\tTenant ID\nc.com\t1\n", "1 c.com c.com: is not entered there"),
            (
                "CustomerId,CompanyName,Address line 1,City,State/Province,ZIP/Postal code,Country/Region\n\
                 1,C,1 Main St,Boston,Massachusetts,2110,United States",
                "1 C : 1 Main St, Boston, MA, 02110, US",
            ),
            ("id,city,country\n1,Bonn,DE", "1 1 : cannot be used: street1 is required"),
        ] {
            assert_eq!(read(text).unwrap(), [expected], "{text}");
        }
        assert_eq!(read("Microsoft ID,Company name\n").unwrap(), [""; 0]);
    }

    #[test]
    fn json_of_ours_and_theirs() {
        for (text, expected) in [
            (
                r#"[{"azure_customer_id": "34fdg", "name": "Contoso", "domain": "contoso.com", "address": {"street1": "1 Main St",
                   "street2": null, "city": "Boston", "state": "MA", "zipcode": 2110, "country": "US"}, "more": [1]}]"#,
                "34fdg Contoso contoso.com: 1 Main St, Boston, MA, 02110, US",
            ),
            (r#"[{"CustomerId": "1", "Domain": "c.com", "Name": "C"}]"#, "1 C c.com: is not entered there"),
            (
                r#"[{"id": "1", "companyProfile": {"tenantId": "1", "companyName": "C", "domain": "c.com"},
                   "billingProfile": {"id": "2", "defaultAddress": {"addressLine1": "1 George St", "city": "Sydney",
                   "state": "NSW", "postalCode": "2000", "country": "AU"}}, "links": {"name": "x"}}]"#,
                "1 C c.com: 1 George St, Sydney, New South Wales, 2000, AU",
            ),
            ("\u{feff} [{\"id\": 7}]", "7 7 : is not entered there"),
        ] {
            assert_eq!(read(text).unwrap(), [expected], "{text}");
        }
        assert_eq!(read("[]").unwrap(), [""; 0]);
    }

    #[test]
    fn where_it_is_wrong() {
        for (text, place) in [
            ("", "1:1 the file is empty"),
            (" \n", "1:1 the file is empty"),
            ("Name,Domain\nC,c.com\n", "1:1 the first line must name the columns"),
            ("Name,Microsoft ID\nC,1\nD,\nE,3\n", "3:2 the tenant's id is required"),
            ("Microsoft ID,Name\n1,C\n2,\"D\nE\"\na_b,F\n", "5:1 the tenant's id must consist of"),
            ("id,name\n1,C\n2,Contoso, Ltd.\n", "3:3 the line has 3 fields, the first line has 2"),
            ("id,name\n1\n", "2:2 the line has 1 fields, the first line has 2"),
            ("[\n {\"id\": \"1\"},\n {\"id\": \"\"}\n]", "3:11 the tenant's azure_customer_id is required"),
            ("[\n {\"id\": \"1\",}\n]", "2:13 trailing comma"),
            ("[{\"id\": \"1\", \"name\": [\"C\"]}]", "1:27 name must be a string"),
            ("{\"id\": \"1\"}", "1:0 invalid type: map, expected a sequence"),
            ("[1]", "1:2 invalid type: integer `1`, expected an object, a tenant"),
            ("[{\"id\": \"1\"}", "1:12 EOF while parsing a list"),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.starts_with(place), "{text}\n{wrong}");
        }
        let wrong = tenants(b"id,name\n1,M\xfcller\n").unwrap_err();
        assert_eq!((wrong.line, wrong.column), (2, 4));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in r#"(id|name|,|;|"|\n|\[|\{|\}|:|1|é| ){0,40}"#) {
            let _ = tenants(&bytes);
            for tenant in tenants(text.as_bytes()).into_iter().flatten() {
                prop_assert!(AzureCustomerId::parse(tenant.1.azure_customer_id.as_str()).is_ok());
                prop_assert!(!tenant.1.name.is_empty());
            }
        }
    }
}
