//! Answers as they come over the wire.

use crate::address::Written;
use crate::tenant::{Tenant, TenantAddress};
use domain::AzureCustomerId;
use http::{HeaderValue, StatusCode};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads JSON; a byte order mark at its beginning, which Partner Center's answers have, is no part of it.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(text).map_err(|error| format!("it is not the JSON it has to be: {error}"))
}

/// A token (RFC 6749, section 5.1).
#[derive(Deserialize)]
pub(super) struct Grant {
    pub(super) access_token: SecretString,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) expires_in: Option<u64>,
    pub(super) refresh_token: Option<SecretString>,
}

/// A number, or one in quotes.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_u64().or_else(|| value.as_str()?.parse().ok()))
}

/// A page of customers.
#[derive(Deserialize)]
pub(super) struct Customers {
    pub(super) items: Vec<Value>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    key: String,
    value: String,
}

impl Customers {
    /// The token for the next page, if there is one.
    pub(super) fn next(&self) -> Result<Option<HeaderValue>, String> {
        let Some(next) = self.links.as_ref().and_then(|links| links.next.as_ref()) else { return Ok(None) };
        let token =
            next.headers.iter().find(|header| header.key.eq_ignore_ascii_case("MS-ContinuationToken"));
        let token = token.and_then(|header| HeaderValue::from_str(&header.value).ok());
        token.map(Some).ok_or_else(|| "a next page without a usable MS-ContinuationToken".to_owned())
    }
}

/// A customer, in a list or by itself.
#[derive(Deserialize)]
pub(super) struct Customer {
    id: String,
    #[serde(rename = "companyProfile")]
    company_profile: Option<CompanyProfile>,
}

#[derive(Default, Deserialize)]
struct CompanyProfile {
    #[serde(rename = "companyName")]
    company_name: Option<String>,
    domain: Option<String>,
}

impl Customer {
    /// One element of a list.
    pub(super) fn read(element: Value) -> Result<Self, String> {
        let id = element.get("id").cloned().unwrap_or_default();
        serde_json::from_value(element)
            .map_err(|error| crate::text::shown(&format!("customer {id}: {error}")))
    }

    pub(super) fn tenant(self, address: TenantAddress) -> Result<Tenant, String> {
        let id =
            AzureCustomerId::parse(&self.id).map_err(|wrong| format!("a customer's id {}", wrong.message))?;
        let profile = self.company_profile.unwrap_or_default();
        let [name, domain] = [profile.company_name, profile.domain].map(Option::unwrap_or_default);
        Ok(Tenant::new(id, &name, &domain, address))
    }
}

/// A customer's billing profile.
#[derive(Deserialize)]
pub(super) struct Billing {
    #[serde(rename = "defaultAddress")]
    default_address: Option<BillingAddress>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BillingAddress {
    address_line1: Option<String>,
    address_line2: Option<String>,
    address_line3: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postal_code: Option<String>,
    country: Option<String>,
}

impl Billing {
    pub(super) fn address(self) -> Written {
        let address = self.default_address.unwrap_or_default();
        let lines = [address.address_line1, address.address_line2, address.address_line3];
        Written {
            street: lines.into_iter().flatten().collect(),
            city: address.city.unwrap_or_default(),
            state: address.state.unwrap_or_default(),
            zipcode: address.postal_code.unwrap_or_default(),
            country: address.country.unwrap_or_default(),
        }
    }
}

/// A customer's organization: a list of one, or the one.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Organization {
    /// As it is documented.
    Many(Vec<OrganizationAddress>),
    /// As it might be.
    One(Box<OrganizationAddress>),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationAddress {
    street: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postal_code: Option<String>,
    country_letter_code: Option<String>,
}

impl Organization {
    pub(super) fn address(self) -> Written {
        let address = match self {
            Organization::Many(many) => many.into_iter().next().unwrap_or_default(),
            Organization::One(one) => *one,
        };
        Written {
            street: address.street.into_iter().collect(),
            city: address.city.unwrap_or_default(),
            state: address.state.unwrap_or_default(),
            zipcode: address.postal_code.unwrap_or_default(),
            country: address.country_letter_code.unwrap_or_default(),
        }
    }
}

/// An error, in any of the forms that occur: Partner Center's own, its gateway's, and OAuth's (RFC 6749, section 5.2).
#[derive(Default, Deserialize)]
pub(super) struct Fault {
    code: Option<Value>,
    description: Option<String>,
    #[serde(rename = "statusCode")]
    status_code: Option<Value>,
    message: Option<String>,
    /// OAuth's is a word, Microsoft Graph's an object with `code` and `message`.
    error: Option<Value>,
    error_description: Option<String>,
}

impl Fault {
    /// `None` where the body is none of them.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut fault: Fault = json(body).ok()?;
        if let Some(Value::Object(inner)) = fault.error.take_if(|error| error.is_object()) {
            let text = |key: &str| inner.get(key).and_then(Value::as_str).map(str::to_owned);
            fault.code = fault.code.or_else(|| inner.get("code").cloned());
            fault.message = fault.message.or_else(|| text("message"));
        }
        let known = fault.code.is_some() || fault.status_code.is_some() || fault.error.is_some();
        (known || fault.description.is_some() || fault.message.is_some()).then_some(fault)
    }

    /// Whether it says that the partner has no such customer (any more): `20002` with a `403`, `3000` with a `400`.
    pub(super) fn is_no_customer(&self, status: StatusCode) -> bool {
        match status {
            StatusCode::FORBIDDEN => self.has_code("20002"),
            StatusCode::BAD_REQUEST => self.has_code("3000"),
            _ => false,
        }
    }

    /// Whether it says that the customer is there, but not to be seen with the partner's rights.
    pub(super) fn is_hidden(&self, status: StatusCode) -> bool {
        status == StatusCode::FORBIDDEN && self.has_code("1002")
    }

    /// Whether it asks for a multi-factor sign-in behind the token (`900421`).
    pub(super) fn is_mfa_required(&self) -> bool {
        const CODE: &str = "900421";
        let texts = [&self.error_description, &self.description, &self.message];
        self.has_code(CODE) || texts.into_iter().flatten().any(|text| text.contains(CODE))
    }

    fn has_code(&self, code: &str) -> bool {
        [&self.code, &self.status_code].into_iter().flatten().any(|given| plain(given) == code)
    }

    /// What it says, on the first of its lines; not yet fit to be shown.
    pub(super) fn text(&self) -> String {
        let code = [&self.code, &self.status_code, &self.error].into_iter().flatten().map(plain).next();
        let text = [&self.error_description, &self.description, &self.message].into_iter().flatten().next();
        let line = text.and_then(|text| text.lines().next()).unwrap_or_default();
        match code {
            Some(code) if !line.is_empty() => format!("{line} ({code})"),
            Some(code) => code,
            None => line.to_owned(),
        }
    }
}

/// A code, given as a string or as a number.
fn plain(code: &Value) -> String {
    code.as_str().map_or_else(|| code.to_string(), |code| code.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_in_every_form() {
        for (body, text) in [
            (r#"{"code": 2000, "description": "Bad", "data": [], "source": "x"}"#, Some("Bad (2000)")),
            (
                r#"{"code": "600009", "description": "Customer not found.\r\nTrace"}"#,
                Some("Customer not found. (600009)"),
            ),
            (r#"{"statusCode": 429, "message": "Slow down"}"#, Some("Slow down (429)")),
            (
                r#"{"error": "invalid_client", "error_description": "AADSTS1: no\r\nTrace ID"}"#,
                Some("AADSTS1: no (invalid_client)"),
            ),
            ("\u{feff}{\"message\": \"x\"}", Some("x")),
            (r#"{"code": 1002}"#, Some("1002")),
            ("null", None),
            ("{}", None),
            ("<html>", None),
            ("", None),
            ("[]", None),
        ] {
            assert_eq!(Fault::read(body.as_bytes()).map(|fault| fault.text()).as_deref(), text, "{body}");
        }
    }

    #[test]
    fn what_a_code_means() {
        for (status, body, gone, hidden, mfa) in [
            (403, r#"{"code": "20002"}"#, true, false, false),
            (403, r#"{"code": 20002}"#, true, false, false),
            (403, r#"{"code": 2000}"#, false, false, false),
            (400, r#"{"code": 3000, "description": "x"}"#, true, false, false),
            (403, r#"{"code": "3000"}"#, false, false, false),
            (403, r#"{"code": 1002}"#, false, true, false),
            (401, r#"{"code": 1002}"#, false, false, false),
            (401, r#"{"code": 900421}"#, false, false, true),
            (401, r#"{"code": " 900421 "}"#, false, false, true),
            (401, r#"{"error": {"code": "900421", "message": "MFA"}}"#, false, false, true),
            (401, r#"{"code": 401, "description": "AADSTS900421: MFA required"}"#, false, false, true),
        ] {
            let fault = Fault::read(body.as_bytes()).unwrap();
            let status = StatusCode::from_u16(status).unwrap();
            let said = (fault.is_no_customer(status), fault.is_hidden(status), fault.is_mfa_required());
            assert_eq!(said, (gone, hidden, mfa), "{status} {body}");
        }
    }

    #[test]
    fn the_next_page() {
        for (links, expected) in [
            ("null", Ok(None)),
            ("{}", Ok(None)),
            (r#"{"next": null}"#, Ok(None)),
            (
                r#"{"next": {"uri": "/customers?size=1?seekOperation=Next", "headers": [{"key": "ms-continuationtoken", "value": "a,b/+="}]}}"#,
                Ok(Some("a,b/+=")),
            ),
            (r#"{"next": {"uri": "/v1/customers", "headers": []}}"#, Err(())),
            (r#"{"next": {"headers": [{"key": "MS-ContinuationToken", "value": "a\nb"}]}}"#, Err(())),
        ] {
            let customers: Customers =
                json(format!(r#"{{"items": [], "links": {links}}}"#).as_bytes()).unwrap();
            let next = customers.next().map_err(drop);
            assert_eq!(next, expected.map(|token| token.map(HeaderValue::from_static)), "{links}");
        }
    }

    #[test]
    fn organizations_as_a_list_and_alone() {
        let one = r#"{"street": "1 Main St", "city": "Boston", "state": "MA", "postalCode": "02110", "countryLetterCode": "US"}"#;
        let known: Organization = json(one.as_bytes()).unwrap();
        let listed: Organization = json(format!("[{one}]").as_bytes()).unwrap();
        let none: Organization = json(b"[]").unwrap();
        assert_eq!(known.address(), listed.address());
        assert_eq!(none.address(), Written::default());
    }

    #[test]
    fn how_long_a_token_lives() {
        for (seconds, expected) in
            [("3599", Some(3599)), ("\"3599\"", Some(3599)), ("null", None), ("\"x\"", None), ("-1", None)]
        {
            let grant: Grant =
                json(format!(r#"{{"access_token": "t", "expires_in": {seconds}}}"#).as_bytes()).unwrap();
            assert_eq!(grant.expires_in, expected, "{seconds}");
        }
    }
}
