//! Cookies. Over HTTPS their names start with `__Host-`, so that no other host can set them; on the user's own machine,
//! where browsers refuse that prefix without encryption, they do not.

use crate::visit::Visit;
use http::{HeaderMap, HeaderValue, header};

/// The token of the session.
pub(crate) const SESSION: &str = "tenantry-session";
/// The secret that the forms of a browser without a session belong to.
pub(crate) const FORM: &str = "tenantry-form";
/// A sign-in that is under way at a provider, encrypted for this server.
pub(crate) const SIGN_IN: &str = "tenantry-sign-in";
/// The partner that the browser last signed in at with its provider.
pub(crate) const PARTNER: &str = "tenantry-partner";
/// The chosen language.
pub(crate) const LANGUAGE: &str = "tenantry-language";

/// A quarter of an hour, seven days and a year, in seconds.
pub(crate) const QUARTER: u32 = 15 * 60;
pub(crate) const WEEK: u32 = 7 * 24 * 3600;
pub(crate) const YEAR: u32 = 365 * 24 * 3600;

/// The value of a cookie; an empty one counts as absent.
pub(crate) fn read<'a>(headers: &'a HeaderMap, visit: &Visit, name: &str) -> Option<&'a str> {
    let name = name_of(visit, name);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(this, value)| (this == name && !value.is_empty()).then_some(value))
}

/// `Set-Cookie` for a cookie that lives for `max_age` seconds; 0 removes it.
pub(crate) fn set(visit: &Visit, name: &str, value: &str, max_age: u32) -> Option<HeaderValue> {
    let secure = if visit.is_encrypted() { "; Secure" } else { "" };
    let name = name_of(visit, name);
    let cookie = format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).ok()
}

fn name_of(visit: &Visit, name: &str) -> String {
    if visit.is_encrypted() { format!("__Host-{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(origin: &str) -> Visit {
        Visit { address: String::new(), request_id: String::new(), origin: origin.into() }
    }

    #[test]
    fn cookies_are_bound_to_the_host_where_there_is_encryption() {
        let (https, http) = (visit("https://t.example.com"), visit("http://localhost:1"));
        assert_eq!(
            set(&https, SESSION, "abc", WEEK).unwrap(),
            "__Host-tenantry-session=abc; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            set(&http, SESSION, "abc", 0).unwrap(),
            "tenantry-session=abc; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
        let mut headers = HeaderMap::new();
        let sent = "a=1; tenantry-session=plain; __Host-tenantry-session=bound";
        headers.insert(header::COOKIE, HeaderValue::from_static(sent));
        assert_eq!(read(&headers, &https, SESSION), Some("bound"));
        assert_eq!(read(&headers, &http, SESSION), Some("plain"));
        assert_eq!(read(&headers, &http, FORM), None);
    }
}
