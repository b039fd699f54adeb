//! The credentials that a request shows, and what is wrong with their form.

use http::HeaderValue;

/// What a request shows to say who asks. It has no `Debug`.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// A key, from the header or the query string, in a form that a key can have.
    Key(String),
    /// No key can look like this: what is wrong, and what would be right.
    Malformed(&'static str),
}

/// What is said where no credentials are shown.
pub(crate) const MISSING: &str = "an API key is required: send it as \"Authorization: Bearer KEY\"";

/// Schemes that other services use, in lower case.
const OTHER_SCHEMES: [&str; 8] =
    ["apikey", "api-key", "basic", "digest", "key", "negotiate", "token", "x-api-key"];

impl Credentials {
    /// `Authorization: Bearer KEY` (RFC 6750) or `Authorization: KEY`.
    pub(crate) fn of_header(value: &HeaderValue) -> Self {
        let Ok(text) = std::str::from_utf8(value.as_bytes()) else {
            return Credentials::Malformed("the API key has characters that no key has: copy it again");
        };
        let text = text.trim();
        match text.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Self::of_text(key.trim()),
            Some((scheme, _))
                if OTHER_SCHEMES.contains(&scheme.trim_end_matches(':').to_ascii_lowercase().as_str()) =>
            {
                Credentials::Malformed(
                    "the API key comes with another scheme: send \"Authorization: Bearer KEY\"",
                )
            }
            _ if text.eq_ignore_ascii_case("bearer") => Credentials::Malformed(MISSING),
            _ => Self::of_text(text),
        }
    }

    /// A key alone, as in `?api_key=KEY`.
    pub(crate) fn of_text(text: &str) -> Self {
        let is_within =
            |(open, close): (char, char)| text.len() > 1 && text.starts_with(open) && text.ends_with(close);
        if text.is_empty() {
            Credentials::Malformed(MISSING)
        } else if [('<', '>'), ('"', '"'), ('\'', '\''), ('[', ']'), ('{', '}')].into_iter().any(is_within) {
            Credentials::Malformed("the API key is in brackets or quotes: send it without them")
        } else if text.starts_with('$') {
            Credentials::Malformed("the API key is the name of a variable: its value was not filled in")
        } else if text.contains(char::is_whitespace) {
            Credentials::Malformed(
                "the API key has a space in it: send one key, as \"Authorization: Bearer KEY\"",
            )
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Credentials::Malformed("the API key has characters that no key has: copy it again")
        } else {
            Credentials::Key(text.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_form_is_said() {
        for (header, expected) in [
            ("Bearer tnt_1", Ok("tnt_1")),
            ("BEARER  tnt_1 ", Ok("tnt_1")),
            ("tnt_1", Ok("tnt_1")),
            ("Bearer", Err("is required")),
            ("bearer ", Err("is required")),
            ("", Err("is required")),
            ("Token tnt_1", Err("another scheme")),
            ("Token: tnt_1", Err("another scheme")),
            ("Basic dXNlcjpwYXNz", Err("another scheme")),
            ("<tnt_1>", Err("in brackets")),
            ("Bearer <tnt_1>", Err("in brackets")),
            ("Bearer \"tnt_1\"", Err("in brackets or quotes")),
            ("Bearer $KEY", Err("a variable")),
            ("Bearer {{key}}", Err("in brackets")),
            ("Bearer tnt_1 tnt_2", Err("a space")),
            ("tnt_1 tnt_2", Err("a space")),
            ("Bearer Bearer tnt_1", Err("a space")),
        ] {
            let outcome = Credentials::of_header(&HeaderValue::from_str(header).unwrap());
            match (outcome, expected) {
                (Credentials::Key(key), Ok(expected)) => assert_eq!(key, expected, "{header}"),
                (Credentials::Malformed(said), Err(expected)) => {
                    assert!(said.contains(expected), "{header}: {said}");
                }
                (Credentials::Key(key), Err(_)) => panic!("{header}: taken as {key}"),
                (Credentials::Malformed(said), Ok(_)) => panic!("{header}: {said}"),
            }
        }
    }
}
