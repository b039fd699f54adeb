//! Creating a customer: the rules of every field, one case a line.

use crate::support::{ABSENT, Api, Engine, Failures, NOW, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(every_rule);

/// A case: what it shows, a good payload's change, whether the handling is strict, and what comes of it.
struct Case(&'static str, Value, bool, Expect);

enum Expect {
    /// `201`, and these fields (by pointer; null where there must be none) are answered.
    Created(Vec<(&'static str, Value)>),
    /// `422` with exactly these violations, in this order, and this in the text.
    Refused(String, &'static str),
}

fn ok(name: &'static str, change: Value, pointer: &'static str, value: Value) -> Case {
    Case(name, change, false, Expect::Created(vec![(pointer, value)]))
}

fn no(name: &'static str, change: Value, details: &str) -> Case {
    says(name, change, details, "")
}

fn says(name: &'static str, change: Value, details: &str, text: &'static str) -> Case {
    Case(name, change, false, Expect::Refused(details.to_owned(), text))
}

fn strict(case: Case) -> Case {
    Case(case.0, case.1, true, case.3)
}

/// A change to an address in another place.
fn at(country: &str, state: &str, zipcode: Value) -> Value {
    json!({"address": {"country": country, "state": state, "zipcode": zipcode}})
}

fn bare(country: &str, zipcode: Value) -> Value {
    json!({"address": {"country": country, "state": ABSENT, "zipcode": zipcode}})
}

fn state(state: &str) -> Value {
    json!({"address": {"state": state}})
}

fn zip(zipcode: Value) -> Value {
    json!({"address": {"zipcode": zipcode}})
}

fn country(country: Value) -> Value {
    json!({"address": {"country": country, "state": "X", "zipcode": "D02 X285"}})
}

/// A change to a customer by its Azure tenant.
fn tenant(id: Value) -> Value {
    json!({"address": ABSENT, "azure_customer_id": id})
}

fn trial(text: &str) -> Value {
    json!({"trial_expiration_date": text})
}

fn contact(email: &str) -> Value {
    json!({"billing_contact": email})
}

fn margin(margin: Value) -> Value {
    json!({"margin_percentage": margin})
}

fn billing(billing: Value) -> Value {
    json!({"partner_billing_configuration": billing})
}

fn folder(folder: &str) -> Value {
    billing(json!({"enabled": true, "folder": folder}))
}

fn tags(tags: Value) -> Value {
    json!({"tags": tags})
}

fn many_tags(count: usize) -> Value {
    tags((0..count).map(|i| json!({"key": format!("k{i}"), "value": "v"})).collect())
}

fn long(unit: &str, count: usize) -> Value {
    unit.repeat(count).into()
}

#[rustfmt::skip]
fn names() -> Vec<Case> {
    let name = |text: &str| json!({"name": text});
    vec![
        ok("a name", name("Acme Corp"), "/name", json!("Acme Corp")),
        ok("a name is trimmed", name(" \t Acme Corp\u{a0}\n"), "/name", json!("Acme Corp")),
        ok("white space inside a name is kept", name("Acme   Corp"), "/name", json!("Acme   Corp")),
        ok("a name in any script", name("株式会社 Ünïcødé ☃"), "/name", json!("株式会社 Ünïcødé ☃")),
        ok("a name beyond the basic plane", name("🏢 Ltd"), "/name", json!("🏢 Ltd")),
        ok("one character is a name", name("X"), "/name", json!("X")),
        ok("255 characters are a name", json!({"name": long("é", 255)}), "/name", long("é", 255)),
        ok("255 characters and white space around", name(&format!("  {}  ", "n".repeat(255))), "/name", long("n", 255)),
        ok("a name is no SQL", name("Robert'); DROP TABLE customers;--"), "/name", json!("Robert'); DROP TABLE customers;--")),
        ok("a name is no HTML", name("<script>alert(1)</script>"), "/name", json!("<script>alert(1)</script>")),
        no("256 characters", json!({"name": long("é", 256)}), "/name too_long"),
        no("no name", json!({"name": ABSENT}), "/name required"),
        no("a null name", json!({"name": null}), "/name required"),
        no("an empty name", name(""), "/name required"),
        no("a blank name", name(" \u{3000}\t"), "/name required"),
        no("an object without fields is blank", json!({"name": {}}), "/name required"),
        no("a number as name", json!({"name": 42}), "/name wrong_type"),
        no("a boolean as name", json!({"name": true}), "/name wrong_type"),
        no("an array as name", json!({"name": ["Acme"]}), "/name wrong_type"),
        no("a NUL in a name", name("Acme\0Corp"), "/name invalid"),
        no("a line break in a name", name("Acme\nCorp"), "/name invalid"),
        no("a delete in a name", name("Acme\u{7f}"), "/name invalid"),
        no("a zero width space alone", name("\u{200b}"), "/name required"),
        no("a Hangul filler alone", name("\u{3164}"), "/name required"),
        no("an empty Braille pattern alone", name("\u{2800}"), "/name required"),
        no("a right-to-left override", name("Acme\u{202e}Corp"), "/name invalid"),
        no("a right-to-left isolate", name("\u{2067}Acme\u{2069}"), "/name invalid"),
        no("a right-to-left mark", name("Acme\u{200f}"), "/name invalid"),
        no("a line separator", name("Acme\u{2028}Corp"), "/name invalid"),
        no("a paragraph separator", name("Acme\u{2029}Corp"), "/name invalid"),
        ok("a joiner in an emoji", name("👨\u{200d}👩\u{200d}👧 Ltd"), "/name", json!("👨\u{200d}👩\u{200d}👧 Ltd")),
        ok("a non-joiner in Persian", name("می\u{200c}خواهم"), "/name", json!("می\u{200c}خواهم")),
        no("... with a zero width space", name("Taken\u{200b} Corp"), "/name taken"),
        no("... with a soft hyphen and a variation selector", name("Ta\u{ad}ken Corp\u{fe0f}"), "/name taken"),
        no("a C1 control in a name", name("Acme\u{85}Corp"), "/name invalid"),
        says("a name that is taken", name("Taken Corp"), "/name taken", "name has already been taken"),
        no("... in another case", name("tAKEN cORP"), "/name taken"),
        no("... with other white space", name("  Taken \u{2003}\u{a0} Corp "), "/name taken"),
        no("... in full-width letters", name("Ｔａｋｅｎ Corp"), "/name taken"),
        no("... as a ligature and folded", name("STRASSE ﬁNANCE"), "/name taken"),
        ok("... with another letter", name("Taken Corp 2"), "/name", json!("Taken Corp 2")),
        ok("... without its space", name("TakenCorp"), "/name", json!("TakenCorp")),
    ]
}

#[rustfmt::skip]
fn tenants() -> Vec<Case> {
    vec![
        ok("an Azure tenant", tenant(json!("34fdg")), "/azure_customer_id", json!("34fdg")),
        ok("... has no address without a directory", tenant(json!("34fdg")), "/address", json!(null)),
        ok("a GUID", tenant(json!("5e1f0c6b-0000-4000-8000-00000000ABCD")), "/azure_customer_id", json!("5e1f0c6b-0000-4000-8000-00000000ABCD")),
        ok("a tenant is trimmed", tenant(json!(" 34fdg ")), "/azure_customer_id", json!("34fdg")),
        ok("64 characters", tenant(long("a", 64)), "/azure_customer_id", long("a", 64)),
        no("65 characters", tenant(long("a", 65)), "/azure_customer_id too_long"),
        no("an underscore", tenant(json!("34_fdg")), "/azure_customer_id invalid"),
        no("a space inside", tenant(json!("34 fdg")), "/azure_customer_id invalid"),
        no("another script", tenant(json!("３４")), "/azure_customer_id invalid"),
        no("a path", tenant(json!("../34")), "/azure_customer_id invalid"),
        no("a number as tenant", tenant(json!(34)), "/azure_customer_id wrong_type"),
        no("an array as tenant", tenant(json!(["34fdg"])), "/azure_customer_id wrong_type"),
        no("a tenant that is taken", tenant(json!("taken-tenant")), "/azure_customer_id taken"),
        no("... in another case", tenant(json!("TAKEN-Tenant")), "/azure_customer_id taken"),
        says("neither tenant nor address", json!({"address": ABSENT}), "/azure_customer_id required", "address when it has none"),
        no("both blank", json!({"address": {"street1": " ", "street2": "", "city": null, "state": "", "zipcode": "", "country": ""}, "azure_customer_id": ""}), "/azure_customer_id required"),
        says("both tenant and address", json!({"azure_customer_id": "34fdg"}), "/address conflict", "azure_customer_id when the customer tenant has an address"),
        no("both, and the tenant is wrong", json!({"azure_customer_id": "?"}), "/azure_customer_id invalid, /address conflict"),
        ok("a blank tenant and an address", json!({"azure_customer_id": " "}), "/azure_customer_id", json!(null)),
        ok("a null tenant and an address", json!({"azure_customer_id": null}), "/address/city", json!("Springfield")),
        ok("a tenant and a null address", json!({"azure_customer_id": "34fdg", "address": null}), "/azure_customer_id", json!("34fdg")),
        ok("a tenant and an address of blanks", json!({"azure_customer_id": "34fdg", "address": {"street1": "", "city": " ", "state": null, "zipcode": "", "country": ""}}), "/azure_customer_id", json!("34fdg")),
    ]
}

#[rustfmt::skip]
fn addresses() -> Vec<Case> {
    let street1 = |value: Value| json!({"address": {"street1": value}});
    let street2 = |value: Value| json!({"address": {"street2": value}});
    let city = |value: Value| json!({"address": {"city": value}});
    vec![
        ok("an address", json!({}), "/address", json!({"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"})),
        ok("a second line", street2(json!("Suite 2")), "/address/street2", json!("Suite 2")),
        ok("a blank second line", street2(json!(" ")), "/address/street2", json!(null)),
        ok("a null second line", street2(json!(null)), "/address/street2", json!(null)),
        ok("parts are trimmed", json!({"address": {"street1": " 1 Main St ", "city": "\tSpringfield"}}), "/address/city", json!("Springfield")),
        ok("255 characters of street", street1(long("ß", 255)), "/address/street1", long("ß", 255)),
        ok("255 characters of city", city(long("c", 255)), "/address/city", long("c", 255)),
        no("256 characters of street", street1(long("ß", 256)), "/address/street1 too_long"),
        no("256 characters of the second line", street2(long("x", 256)), "/address/street2 too_long"),
        no("256 characters of city", city(long("c", 256)), "/address/city too_long"),
        no("no street", street1(json!(ABSENT)), "/address/street1 required"),
        no("a blank street", street1(json!("  ")), "/address/street1 required"),
        no("a null city", city(json!(null)), "/address/city required"),
        no("no state", state(ABSENT), "/address/state required"),
        no("no zipcode", zip(json!(ABSENT)), "/address/zipcode required"),
        no("no country", json!({"address": {"country": ABSENT}}), "/address/country required"),
        no("a street alone", json!({"address": {"city": ABSENT, "state": ABSENT, "zipcode": ABSENT, "country": ABSENT}}), "/address/city required, /address/state required, /address/zipcode required, /address/country required"),
        no("a number as street", street1(json!(1)), "/address/street1 wrong_type"),
        no("a control character in a street", street1(json!("1 Main\u{1}St")), "/address/street1 invalid"),
        no("a tab in a city", city(json!("Spring\tfield")), "/address/city invalid"),
        no("a text as address", json!({"address": "1 Main St, Springfield"}), "/address wrong_type"),
        no("an array as address", json!({"address": ["1 Main St"]}), "/address wrong_type"),
        no("a number as address", json!({"address": 1}), "/address wrong_type"),
    ]
}

#[rustfmt::skip]
fn countries_and_states() -> Vec<Case> {
    vec![
        ok("alpha-2", country(json!("IE")), "/address/country", json!("IE")),
        ok("alpha-2 in lower case", country(json!("ie")), "/address/country", json!("IE")),
        ok("alpha-3", country(json!("IRL")), "/address/country", json!("IE")),
        ok("an English name", country(json!("Ireland")), "/address/country", json!("IE")),
        ok("a name in any case", country(json!("iRELAND")), "/address/country", json!("IE")),
        ok("ISO's name of the US", json!({"address": {"country": "United States of America"}}), "/address/country", json!("US")),
        ok("alpha-3 of the US", json!({"address": {"country": "usa"}}), "/address/country", json!("US")),
        says("an unknown country", country(json!("Atlantis")), "/address/country invalid", "by its code of two or three letters or its name, not \\\"Atlantis\\\"\""),
        says("a misspelt country", bare("Germny", json!("01067")), "/address/country invalid", "did you mean Germany (DE)?"),
        says("a number for a country", bare("276", json!("01067")), "/address/country invalid", "use DE"),
        says("one name of two countries", country(json!("Korea")), "/address/country invalid", "KR (South Korea) or KP (North Korea)"),
        ok("a country that is not ISO's", bare("XK", json!("10000")), "/address/country", json!("XK")),
        ok("a country's own name", bare("Deutschland", json!("01067")), "/address/country", json!("DE")),
        ok("... in its script", at("日本", "東京都", json!("100-0001")), "/address/country", json!("JP")),
        ok("CLDR's name", bare("Hong Kong SAR China", json!(ABSENT)), "/address/country", json!("HK")),
        ok("ISO's official name", at("Kingdom of Spain", "Madrid", json!("28039")), "/address/country", json!("ES")),
        no("a code of no country", country(json!("XX")), "/address/country invalid"),
        no("a number as country", country(json!(840)), "/address/country wrong_type"),
        ok("a USPS abbreviation", state("CA"), "/address/state", json!("CA")),
        ok("... in lower case", state("ca"), "/address/state", json!("CA")),
        ok("the District of Columbia", state("DC"), "/address/state", json!("DC")),
        ok("a territory", state("PR"), "/address/state", json!("PR")),
        ok("the armed forces", state("AE"), "/address/state", json!("AE")),
        says("a US state by its name", state("Massachusetts"), "/address/state invalid", "use MA"),
        says("... in lower case", state("new york"), "/address/state invalid", "use NY"),
        says("a misspelt US state", state("Masachusets"), "/address/state invalid", "did you mean MA (Massachusetts)?"),
        says("an unknown US state", state("Lombardy"), "/address/state invalid", "not \\\"Lombardy\\\"\""),
        ok("a US state with dots", state("M.A."), "/address/state", json!("MA")),
        ok("the capital's district after its city", state("Washington, DC"), "/address/state", json!("DC")),
        ok("an English name", at("AT", "Lower Austria", json!(3741)), "/address/state", json!("Lower Austria")),
        ok("a name in its own script", at("JP", "東京都", json!("100-0001")), "/address/state", json!("Tokyo")),
        ok("a name with what it is", at("CN", "Guangdong Province", json!("510000")), "/address/state", json!("Guangdong Province")),
        ok("no state where the post uses none", bare("PT", json!("1000-001")), "/address/state", json!(null)),
        ok("a filler there", at("SG", "N/A", json!(18956)), "/address/state", json!(null)),
        no("no state where it does", bare("AU", json!("2000")), "/address/state required"),
        no("a number as state", json!({"address": {"state": 7}}), "/address/state wrong_type"),
        ok("an Australian state", at("AU", "New South Wales", json!("2000")), "/address/state", json!("New South Wales")),
        ok("... in another case", at("Australia", "new south wales", json!(2000)), "/address/state", json!("New South Wales")),
        ok("the seed's other two", at("AUS", "Australian Capital Territory", json!("2600")), "/address/state", json!("Australian Capital Territory")),
        says("... by its code", at("AU", "NSW", json!("2000")), "/address/state invalid", "use New South Wales"),
        says("... misspelt", at("AU", "New South Whales", json!("2000")), "/address/state invalid", "New South Wales"),
        ok("a folded name", at("BR", "Sao Paulo", json!("01310-100")), "/address/state", json!("Sao Paulo")),
        ok("an unfolded name", at("BR", "São Paulo", json!("01310-100")), "/address/state", json!("Sao Paulo")),
        ok("an umlaut", at("DE", "Baden-Württemberg", json!("70173")), "/address/state", json!("Baden-Wurttemberg")),
        ok("a letter beyond Latin-1", at("PL", "Łódzkie", json!("90-001")), "/address/state", json!("Lodzkie")),
        ok("Canada", at("CA", "Québec", json!("G1A 0A2")), "/address/state", json!("Quebec")),
        ok("Japan", at("JP", "Tōkyō", json!("100-0001")), "/address/state", json!("Tokyo")),
        ok("Britain's post knows no divisions", at("GB", "Greater London", json!("SW1A 1AA")), "/address/state", json!("Greater London")),
        ok("nor does Ireland's", at("IE", "Co. Dublin", json!("D02 X285")), "/address/state", json!("Co. Dublin")),
        no("a US abbreviation abroad", at("FR", "MA", json!("75001")), "/address/state invalid"),
        no("a foreign state in the US", at("US", "Bayern", json!("01234")), "/address/state invalid"),
    ]
}

#[rustfmt::skip]
fn zipcodes() -> Vec<Case> {
    vec![
        ok("five digits", zip(json!("01234")), "/address/zipcode", json!("01234")),
        ok("ZIP+4", zip(json!("01234-6789")), "/address/zipcode", json!("01234-6789")),
        ok("a number", zip(json!(94304)), "/address/zipcode", json!("94304")),
        ok("a number that lost its zero", zip(json!(1234)), "/address/zipcode", json!("01234")),
        ok("a number that lost two", zip(json!(501)), "/address/zipcode", json!("00501")),
        ok("a text with white space around", zip(json!(" 01234 ")), "/address/zipcode", json!("01234")),
        no("a text of four digits", zip(json!("1234")), "/address/zipcode invalid"),
        no("six digits", zip(json!("012345")), "/address/zipcode invalid"),
        no("a number of six digits", zip(json!(123_456)), "/address/zipcode invalid"),
        no("a broken ZIP+4", zip(json!("01234-678")), "/address/zipcode invalid"),
        no("letters in the US", zip(json!("SW1A 1AA")), "/address/zipcode invalid"),
        no("a negative number", zip(json!(-1234)), "/address/zipcode invalid"),
        no("a fraction", zip(json!(1234.5)), "/address/zipcode invalid"),
        no("a boolean as zipcode", zip(json!(true)), "/address/zipcode wrong_type"),
        no("an array as zipcode", zip(json!([1234])), "/address/zipcode wrong_type"),
        ok("letters abroad", at("GB", "Kent", json!("ME1 1AA")), "/address/zipcode", json!("ME1 1AA")),
        ok("a number abroad is padded likewise", at("AU", "Northern Territory", json!(800)), "/address/zipcode", json!("0800")),
        ok("... of a float", bare("DE", json!(1067.0)), "/address/zipcode", json!("01067")),
        ok("... in Italy", at("IT", "Roma", json!(184)), "/address/zipcode", json!("00184")),
        ok("... in Japan", at("JP", "Hokkaido", json!(600_001)), "/address/zipcode", json!("0600001")),
        ok("... in Puerto Rico", bare("PR", json!(901)), "/address/zipcode", json!("00901")),
        ok("a float", zip(json!(2138.0)), "/address/zipcode", json!("02138")),
        says("a text that lost its zero", zip(json!("2138")), "/address/zipcode invalid", "did you mean 02138?"),
        says("... of a float", zip(json!("2138.0")), "/address/zipcode invalid", "did you mean 02138?"),
        says("... abroad", bare("DE", json!("1067")), "/address/zipcode invalid", "did you mean 01067?"),
        no("another country's form", at("GB", "Kent", json!("1000")), "/address/zipcode invalid"),
        ok("none where there are no codes", bare("AE", json!(ABSENT)), "/address/zipcode", json!(null)),
        ok("a filler there", bare("HK", json!("-")), "/address/zipcode", json!(null)),
        no("a filler elsewhere", bare("DE", json!("-")), "/address/zipcode invalid"),
        ok("16 characters where no form is known", bare("ZW", long("1", 16)), "/address/zipcode", long("1", 16)),
        no("17 characters abroad", at("GB", "Kent", long("1", 17)), "/address/zipcode too_long"),
        no("other signs abroad", at("GB", "Kent", json!("ME1_1AA")), "/address/zipcode invalid"),
    ]
}

#[rustfmt::skip]
fn access_and_trial() -> Vec<Case> {
    let class = |value: Value| json!({"classification": value});
    let instant = json!("2016-09-22T00:00:00Z");
    let at = |text| ok("a trial", trial(text), "/trial_expiration_date", instant.clone());
    vec![
        ok("no classification", json!({}), "/classification", json!("managed_without_access")),
        ok("a null classification", class(json!(null)), "/classification", json!("managed_without_access")),
        ok("a blank classification", class(json!(" ")), "/classification", json!("managed_without_access")),
        ok("with access", class(json!("managed_with_access")), "/classification", json!("managed_with_access")),
        ok("without access", class(json!("managed_without_access")), "/classification", json!("managed_without_access")),
        says("an unknown classification", class(json!("unmanaged")), "/classification invalid", "managed_without_access, managed_with_access"),
        no("a classification in another case", class(json!("Managed_With_Access")), "/classification invalid"),
        no("a boolean as classification", class(json!(true)), "/classification wrong_type"),
        ok("no trial", json!({}), "/trial_expiration_date", json!(null)),
        at("2016-09-22T00:00:00Z"),
        at("2016-09-22T02:00:00+02:00"),
        at("2016-09-21T18:30:00-05:30"),
        at("2016-09-22T00:00:00"),
        at("2016-09-22"),
        at("2016-09-22T00:00:00.999Z"),
        ok("the other name", json!({"trial_expiration": "2016-09-22"}), "/trial_expiration_date", instant.clone()),
        ok("the other name is answered too", trial("2016-09-22"), "/trial_expiration", instant.clone()),
        ok("neither name where there is no trial", json!({}), "/trial_expiration", json!(null)),
        ok("both names, equal", json!({"trial_expiration_date": "2016-09-22", "trial_expiration": "2016-09-22T00:00:00Z"}), "/trial_expiration_date", instant.clone()),
        ok("both names, one blank", json!({"trial_expiration_date": "", "trial_expiration": "2016-09-22"}), "/trial_expiration_date", instant.clone()),
        no("both names, unequal", json!({"trial_expiration_date": "2016-09-22", "trial_expiration": "2016-09-23"}), "/trial_expiration conflict"),
        ok("one second from now", trial("2016-09-15T18:17:05Z"), "/trial_expiration_date", json!("2016-09-15T18:17:05Z")),
        no("now is not the future", trial(NOW), "/trial_expiration_date not_future"),
        no("yesterday", trial("2016-09-14"), "/trial_expiration_date not_future"),
        no("now by another offset", trial("2016-09-15T20:17:04+02:00"), "/trial_expiration_date not_future"),
        no("today's midnight is over", trial("2016-09-15"), "/trial_expiration_date not_future"),
        no("the other name, over", json!({"trial_expiration": "2016-09-14"}), "/trial_expiration not_future"),
        says("no such day", trial("2030-02-29"), "/trial_expiration_date invalid", "there is no 29 February in 2030"),
        says("no such month", trial("2030-13-01"), "/trial_expiration_date invalid", "there is no month 13"),
        says("a week date", trial("2030-W39-7"), "/trial_expiration_date invalid", "a calendar date is wanted"),
        says("no such hour", trial("2030-01-01T25:00"), "/trial_expiration_date invalid", "there is no hour 25"),
        says("no leap second", trial("2030-01-01T12:59:60Z"), "/trial_expiration_date invalid", "a leap second can only be at 23:59:60 UTC"),
        ok("a leap second", trial("2030-12-31T23:59:60Z"), "/trial_expiration_date", json!("2030-12-31T23:59:59Z")),
        says("no such offset", trial("2030-01-01T00:00:00+15:00"), "/trial_expiration_date invalid", "offsets from UTC go from -12:00 to +14:00"),
        ok("the largest offset", trial("2030-01-01T00:00:00+14:00"), "/trial_expiration_date", json!("2029-12-31T10:00:00Z")),
        says("PowerShell's date", trial("/Date(1924905600000)/"), "/trial_expiration_date invalid", "write 2030-12-31T00:00:00Z"),
        ok("never", trial("9999-12-31T23:59:59Z"), "/trial_expiration_date", json!("9999-12-31T23:59:59Z")),
        no("the seed's \"date\"", trial("date"), "/trial_expiration_date invalid"),
        no("a day that is none", trial("2017-02-29"), "/trial_expiration_date invalid"),
        no("an American date", trial("09/22/2016"), "/trial_expiration_date invalid"),
        no("a number as trial", json!({"trial_expiration_date": 1_474_502_400}), "/trial_expiration_date wrong_type"),
        ok("a null trial", json!({"trial_expiration_date": null}), "/trial_expiration_date", json!(null)),
        ok("a blank trial", trial("  "), "/trial_expiration_date", json!(null)),
    ]
}

#[rustfmt::skip]
fn contact_and_margin() -> Vec<Case> {
    vec![
        ok("no contact", json!({}), "/billing_contact", json!(null)),
        ok("a contact", contact("john.doe+bills@acmecorp.com"), "/billing_contact", json!("john.doe+bills@acmecorp.com")),
        ok("a contact is trimmed", contact(" a@example.com "), "/billing_contact", json!("a@example.com")),
        ok("a contact keeps its case", contact("John.Doe@Example.com"), "/billing_contact", json!("John.Doe@Example.com")),
        ok("a blank contact", contact(" "), "/billing_contact", json!(null)),
        no("the seed's \"abc\"", contact("abc"), "/billing_contact invalid"),
        no("nothing before the @", contact("@example.com"), "/billing_contact invalid"),
        no("nothing behind the @", contact("john@"), "/billing_contact invalid"),
        no("a display name", contact("John <john@example.com>"), "/billing_contact invalid"),
        no("two addresses", contact("a@example.com,b@example.com"), "/billing_contact invalid"),
        says("two addresses, said", contact("a@example.com; b@example.com"), "/billing_contact invalid", "give one address only"),
        says("an underscore in a host name", contact("jane@exam_ple.com"), "/billing_contact invalid", "where _ is not allowed"),
        says("a dot at the end", contact("jane@example.com."), "/billing_contact invalid", "remove the last dot"),
        no("a header slipped in", contact("a@example.com\r\nBcc: b@example.com"), "/billing_contact invalid"),
        no("an object as contact", json!({"billing_contact": {"email": "a@example.com"}}), "/billing_contact wrong_type"),
        ok("no margin", json!({}), "/margin_percentage", json!(0.0)),
        ok("a null margin", margin(json!(null)), "/margin_percentage", json!(0.0)),
        ok("a margin", margin(json!(12.5)), "/margin_percentage", json!(12.5)),
        ok("a whole margin", margin(json!(15)), "/margin_percentage", json!(15.0)),
        ok("four places", margin(json!(12.3456)), "/margin_percentage", json!(12.3456)),
        ok("the largest", margin(json!(99.9999)), "/margin_percentage", json!(99.9999)),
        ok("the smallest", margin(json!(0.0001)), "/margin_percentage", json!(0.0001)),
        ok("a margin as text", margin(json!("12.50")), "/margin_percentage", json!(12.5)),
        no("five places", margin(json!(12.34567)), "/margin_percentage invalid"),
        no("one hundred", margin(json!(100)), "/margin_percentage invalid"),
        no("a markup's size", margin(json!(150)), "/margin_percentage invalid"),
        no("a negative margin", margin(json!(-0.5)), "/margin_percentage invalid"),
        no("a percent sign", margin(json!("12%")), "/margin_percentage invalid"),
        no("a boolean as margin", margin(json!(false)), "/margin_percentage wrong_type"),
    ]
}

/// A folder of so many bytes, at least 460, none of its segments longer than 255.
fn bytes(count: usize) -> String {
    let folder = format!("{}/{}/", "é".repeat(127), "f".repeat(203));
    format!("{folder}{}", "x".repeat(count - folder.len()))
}

#[rustfmt::skip]
fn partner_billing() -> Vec<Case> {
    let at = "/partner_billing_configuration";
    let configured = |enabled: bool, folder: &str| json!({"enabled": enabled, "folder": folder});
    vec![
        ok("no configuration", json!({}), at, configured(false, "")),
        ok("a null configuration", billing(json!(null)), at, configured(false, "")),
        ok("an empty configuration", billing(json!({})), at, configured(false, "")),
        ok("a configuration of blanks", billing(json!({"enabled": "", "folder": " "})), at, configured(false, "")),
        ok("enabled", billing(json!({"enabled": true})), at, configured(true, "")),
        ok("enabled as the seed's text", billing(json!({"enabled": "true", "folder": ""})), at, configured(true, "")),
        ok("disabled as text in any case", billing(json!({"enabled": "FALSE", "folder": "f"})), at, configured(false, "f")),
        no("a folder alone", billing(json!({"folder": "bills"})), "/partner_billing_configuration/enabled required"),
        no("enabled is null", billing(json!({"enabled": null, "folder": "bills"})), "/partner_billing_configuration/enabled required"),
        no("enabled is a word", billing(json!({"enabled": "yes"})), "/partner_billing_configuration/enabled invalid"),
        no("enabled is a number", billing(json!({"enabled": 1})), "/partner_billing_configuration/enabled wrong_type"),
        no("both are wrong", billing(json!({"enabled": 1, "folder": 2})), "/partner_billing_configuration/enabled wrong_type, /partner_billing_configuration/folder wrong_type"),
        no("a boolean as configuration", billing(json!(true)), "/partner_billing_configuration wrong_type"),
        ok("a folder", folder("bills/acme corp/2016"), at, configured(true, "bills/acme corp/2016")),
        ok("a folder in any script", folder("Rechnungen/Müller"), at, configured(true, "Rechnungen/Müller")),
        ok("dots that are no way out", folder("a..b/..."), at, configured(true, "a..b/...")),
        ok("512 bytes", folder(&bytes(512)), at, configured(true, &bytes(512))),
        no("513 bytes", folder(&bytes(513)), "/partner_billing_configuration/folder too_long"),
        ok("a segment of 255 bytes", folder(&"f".repeat(255)), at, configured(true, &"f".repeat(255))),
        no("a segment of 300 characters", folder(&"f".repeat(300)), "/partner_billing_configuration/folder too_long"),
        ok("a trailing slash", folder("bills/acme/"), at, configured(true, "bills/acme/")),
        no("two trailing slashes", folder("bills/acme//"), "/partner_billing_configuration/folder invalid"),
        no("a slash alone", folder("/"), "/partner_billing_configuration/folder invalid"),
        no("another partner's bill", folder("bills/A1/2026-10/1/v2"), "/partner_billing_configuration/folder invalid"),
        no("a bill's manifest", folder("bills/v1/manifest.json"), "/partner_billing_configuration/folder invalid"),
        no("a month", folder("2026-10"), "/partner_billing_configuration/folder invalid"),
        no("a partner's folder", folder("p1/acme"), "/partner_billing_configuration/folder invalid"),
        no("the ledgers' folder", folder("acme/_runs"), "/partner_billing_configuration/folder invalid"),
        no("a leading slash", folder("/bills"), "/partner_billing_configuration/folder invalid"),
        no("a way out", folder("bills/../../etc"), "/partner_billing_configuration/folder invalid"),
        no("a way out at the start", folder("../bills"), "/partner_billing_configuration/folder invalid"),
        no("an empty segment", folder("bills//acme"), "/partner_billing_configuration/folder invalid"),
        no("a backslash", folder("bills\\acme"), "/partner_billing_configuration/folder invalid"),
        no("a control character in a folder", folder("bills\u{0}acme"), "/partner_billing_configuration/folder invalid"),
    ]
}

#[rustfmt::skip]
fn labels() -> Vec<Case> {
    let tag = |key: Value, value: Value| tags(json!([{"key": key, "value": value}]));
    vec![
        ok("no tags", json!({}), "/tags", json!([])),
        ok("null tags", tags(json!(null)), "/tags", json!([])),
        ok("an empty array of tags", tags(json!([])), "/tags", json!([])),
        ok("tags in their order", tags(json!([{"key": "z", "value": "1"}, {"key": "a", "value": "2"}])), "/tags", json!([{"key": "z", "value": "1"}, {"key": "a", "value": "2"}])),
        ok("a tag is trimmed", tag(json!(" k "), json!(" v ")), "/tags", json!([{"key": "k", "value": "v"}])),
        ok("a tag's value may be empty", tag(json!("k"), json!("")), "/tags/0/value", json!("")),
        ok("keys differ by case", tags(json!([{"key": "k", "value": ""}, {"key": "K", "value": ""}])), "/tags/1/key", json!("K")),
        ok("20 tags", many_tags(20), "/tags/19/key", json!("k19")),
        ok("a key of 128", tag(long("é", 128), json!("v")), "/tags/0/key", long("é", 128)),
        ok("a value of 256", tag(json!("k"), long("é", 256)), "/tags/0/value", long("é", 256)),
        says("21 tags", many_tags(21), "/tags too_many", "has 21 entries, at most 20 are allowed"),
        no("a key of 129", tag(long("é", 129), json!("v")), "/tags/0/key too_long"),
        no("a value of 257", tag(json!("k"), long("é", 257)), "/tags/0/value too_long"),
        no("two keys alike", tags(json!([{"key": "k", "value": "1"}, {"key": "k", "value": "2"}])), "/tags/1/key duplicate"),
        no("two keys alike after trimming", tags(json!([{"key": "k", "value": "1"}, {"key": " k ", "value": "1"}])), "/tags/1/key duplicate"),
        no("a blank key", tag(json!(" "), json!("v")), "/tags/0/key required"),
        no("no key", tags(json!([{"value": "v"}])), "/tags/0/key required"),
        no("no value", tags(json!([{"key": "k"}])), "/tags/0/value required"),
        no("a number as key", tag(json!(1), json!(2)), "/tags/0/key wrong_type"),
        ok("a number as value", tag(json!("customer_id"), json!(973_532)), "/tags/0/value", json!("973532")),
        no("a boolean as value", tag(json!("k"), json!(true)), "/tags/0/value wrong_type"),
        no("a control character in a value", tag(json!("k"), json!("a\nb")), "/tags/0/value invalid"),
        no("a text among tags", tags(json!([{"key": "k", "value": "v"}, "k:v"])), "/tags/1 wrong_type"),
        ok("an object as tags", tags(json!({"b": "1", "a": 2})), "/tags", json!([{"key": "b", "value": "1"}, {"key": "a", "value": "2"}])),
        says("one tag instead of an array", tags(json!({"key": "k", "value": "v"})), "/tags wrong_type", "is one tag: wrap it in [ ]"),
        says("PowerShell's array", tags(json!({"value": [{"key": "k", "value": "v"}], "Count": 1})), "/tags wrong_type", "what PowerShell makes of one"),
    ]
}

#[rustfmt::skip]
fn the_whole() -> Vec<Case> {
    vec![
        ok("an unknown field is ignored", json!({"colour": "blue"}), "/colour", json!(null)),
        ok("an id of one's own is ignored", json!({"id": "x", "created_at": 7, "updated_at": null}), "/created_at", json!(NOW)),
        ok("an external id of one's own is ignored", json!({"generated_external_id": "000000000000"}), "/updated_at", json!(NOW)),
        ok("links are ignored", json!({"_links": {"self": {"href": "/v1/customers/1"}}}), "/name", json!("Acme Corp")),
        ok("an unknown field deep inside", json!({"address": {"planet": "Earth"}}), "/address/planet", json!(null)),
        says("a near miss", json!({"clasification": "managed_with_access"}), "/clasification unknown", "clasification is unknown; did you mean classification?"),
        says("a near miss in other words", json!({"trial_expires": "2030-01-01"}), "/trial_expires unknown", "did you mean trial_expiration"),
        says("a near miss in another style", json!({"billingContact": "a@example.com"}), "/billingContact unknown", "did you mean billing_contact?"),
        says("a near miss in the configuration", billing(json!({"enabled": true, "Folder": "bills"})), "/partner_billing_configuration/Folder unknown", "did you mean folder?"),
        says("a near miss in the address", json!({"address": {"State": "MA", "state": ABSENT}}), "/address/state required, /address/State unknown", "did you mean state?"),
        says("a near miss in a tag", tags(json!([{"key": "k", "Value": "v"}])), "/tags/0/value required, /tags/0/Value unknown", "did you mean value?"),
        ok("no near miss where the field is there", json!({"classification": "managed_with_access", "clasification": "x"}), "/classification", json!("managed_with_access")),
        ok("no near miss that says nothing", json!({"clasification": null, "marginPercentage": ""}), "/margin_percentage", json!(0.0)),
        strict(ok("strict, and all is known", json!({"tags": [{"key": "k", "value": "v"}]}), "/tags/0/key", json!("k"))),
        strict(ok("strict, and read-only fields come back", json!({"id": 1, "created_at": "x", "updated_at": "x", "generated_external_id": "x", "billing_configuration": {}, "_links": {}}), "/name", json!("Acme Corp"))),
        strict(says("strict, and one is unknown", json!({"billing_contract": "a@example.com"}), "/billing_contract unknown", "did you mean billing_contact?")),
        strict(says("strict, inside the address", json!({"address": {"zip": "01234"}}), "/address/zip unknown", "did you mean zipcode?")),
        strict(says("strict, inside a tag", json!({"tags": [{"key": "k", "value": "v", "valeu": ""}]}), "/tags/0/valeu unknown", "did you mean value?")),
        strict(says("strict, inside the configuration", billing(json!({"enabled": true, "foldr": "x"})), "/partner_billing_configuration/foldr unknown", "did you mean folder?")),
        strict(no("strict, unknown ones last", json!({"zzz": 1, "name": ""}), "/name required, /zzz unknown")),
        strict(no("strict, a key to be escaped", json!({"a/b~c": 1}), "/a~1b~0c unknown")),
        no("a violation in every field, in the contract's order",
            json!({"tags": 1, "partner_billing_configuration": 1, "margin_percentage": 100, "billing_contact": "abc", "trial_expiration_date": "date",
                "classification": "x", "address": {"street1": "", "city": "", "state": "", "zipcode": "", "country": "x"}, "name": ""}),
            "/name required, /address/street1 required, /address/city required, /address/state required, /address/zipcode required, /address/country invalid, \
             /classification invalid, /trial_expiration_date invalid, /billing_contact invalid, /margin_percentage invalid, \
             /partner_billing_configuration wrong_type, /tags wrong_type"),
        says("the contract's own example", json!({"name": "Taken Corp", "tags": many_tags(21)["tags"]}), "/name taken, /tags too_many",
            r#""error":"name has already been taken; tags has 21 entries, at most 20 are allowed","errors":["name has already been taken","tags has 21 entries, at most 20 are allowed"]"#),
        no("name and tenant taken", json!({"name": "taken corp", "address": ABSENT, "azure_customer_id": "taken-tenant"}), "/name taken, /azure_customer_id taken"),
        no("taken and wrong at once", json!({"name": "Taken Corp", "billing_contact": "abc"}), "/name taken, /billing_contact invalid"),
    ]
}

fn every_rule(engine: Engine) {
    let api = Server::shared(engine).partner();
    api.create(&customer(
        &json!({"name": "Taken Corp", "address": ABSENT, "azure_customer_id": "taken-tenant"}),
    ));
    api.create(&customer(&json!({"name": "Straße Finance"})));

    let tables = [
        names(),
        tenants(),
        addresses(),
        countries_and_states(),
        zipcodes(),
        access_and_trial(),
        contact_and_margin(),
        partner_billing(),
        labels(),
        the_whole(),
    ];
    let mut failures = Failures::default();
    for case in tables.into_iter().flatten() {
        failures.case(case.0, run(&api, &case));
    }
    assert_eq!(api.get("/v2/customers").header("x-total"), "2", "a refused customer was created");
    failures.done(150);
}

fn run(api: &Api, Case(_, change, strict, expected): &Case) -> Result<(), String> {
    let mut call = api.call("POST", "/v2/customers").json(&customer(change));
    if *strict {
        call = call.header("Prefer", "handling=strict");
    }
    let answer = call.send();
    let text = answer.text();
    let wrong = |what: &str| Err(format!("{what}: {} {text}", answer.status));
    if answer.status == 201 {
        let location = answer.header("location").to_owned();
        let read = api.get(&location).text();
        assert_eq!(api.delete(&location).status, 204);
        if read != text {
            return wrong(&format!("read as {read}"));
        }
    }
    match expected {
        Expect::Created(fields) if answer.status == 201 => {
            let body = answer.json();
            let differs = fields.iter().find(|(at, value)| body.pointer(at).unwrap_or(&Value::Null) != value);
            differs.map_or(Ok(()), |(at, value)| wrong(&format!("{at} should be {value}")))
        }
        Expect::Refused(details, part) if answer.status == 422 => match answer.details() {
            given if given != *details => wrong(&format!("should be {details}, not {given}")),
            _ if !text.contains(part) => wrong(&format!("should say {part:?}")),
            _ => Ok(()),
        },
        Expect::Created(_) => wrong("should be created"),
        Expect::Refused(details, _) => wrong(&format!("should be refused: {details}")),
    }
}
