//! E-mail addresses.

use crate::json::Json;
use crate::text::{invalid, string};
use crate::violation::{Violation, shortened};
use email_address::{EmailAddress, Options};
use serde::Serialize;

/// An e-mail address: an addr-spec of RFC 5322 (section 3.4.1) without comments and without a display name, at
/// most 254 characters (RFC 5321). Its domain is a host name, with or without dots, in any script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// The maximum length in characters.
    pub const MAX_LENGTH: usize = 254;

    /// Parses an address, without surrounding white space. The error is a message: "must be …".
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = |why: &str| {
            Err(format!("must be an e-mail address such as jane@example.com: {:?} {why}", shortened(text)))
        };
        let length = text.chars().count();
        if length > Self::MAX_LENGTH {
            return wrong(&format!("has {length} characters, at most {} are allowed", Self::MAX_LENGTH));
        }
        let Some((_, domain)) = text.rsplit_once('@') else { return wrong("has no @") };
        if text.matches('@').count() > 1 && text.contains([',', ';', ' ']) && !text.contains('"') {
            return wrong("has more than one address; give one address only");
        }
        if text.ends_with('>') {
            return wrong("has a display name; give the address alone");
        }
        if domain.ends_with('.') {
            return wrong("ends with a dot; remove the last dot");
        }
        if domain.contains('_') {
            return wrong("has a _ in its host name, where _ is not allowed");
        }
        // email_address accepts any atom as a label, but a host name has only letters, digits and hyphens.
        if domain.contains(|c: char| !c.is_alphanumeric() && c != '-' && c != '.') {
            return wrong("has no host name after the @");
        }
        let options = Options::default().without_display_text().without_domain_literal();
        match EmailAddress::parse_with_options(text, options) {
            Ok(_) if !text.contains(char::is_control) => Ok(Email(text.to_owned())),
            _ => wrong("does not have the form of one"),
        }
    }

    pub(crate) fn read(json: &Json) -> Result<Self, Violation> {
        Self::parse(string(json)?).map_err(|message| invalid(message).because("email", &[]))
    }

    /// A stored address, which is not validated again.
    pub fn from_stored(text: String) -> Self {
        Email(text)
    }

    /// The address as it was given, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key for comparisons: lower case, because mail systems in use do not distinguish `Jane@` from `jane@`.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_validated() {
        let long = |n: usize| format!("a@{}.com", "bc.".repeat(n)).replace("..", ".");
        for (text, legal) in [
            ("john.doe@acmecorp.com", true),
            (" john+tag@sub.example.co.uk ", true),
            ("o'brien@example.com", true),
            ("root@localhost", true),
            ("\"john doe\"@example.com", true),
            ("\"a@b\"@example.com", true),
            ("用户@例え.jp", true),
            ("a@xn--r8jz45g.jp", true),
            ("1@2.de", true),
            ("abc", false),
            ("@example.com", false),
            ("abc@", false),
            ("a@b@c.com", false),
            ("a b@example.com", false),
            (".a@example.com", false),
            ("a.@example.com", false),
            ("a..b@example.com", false),
            ("a@example..com", false),
            ("a@example.com.", false),
            ("a@-example.com", false),
            ("a@exa_mple.com", false),
            ("a@exa!mple.com", false),
            ("a@[127.0.0.1]", false),
            ("Jane <jane@example.com>", false),
            ("<jane@example.com>", false),
            ("a@example.com, b@example.com", false),
            ("a@example.com\u{0}", false),
            ("\"a\tb\"@example.com", false),
            (&long(60), true),
            (&long(90), false),
        ] {
            assert_eq!(Email::parse(text).is_ok(), legal, "{text:?}");
        }
        for (text, why) in [
            ("abc", "has no @"),
            ("a@example.com, b@example.com", "has more than one address; give one address only"),
            ("a@example.com;b@example.com", "has more than one address; give one address only"),
            ("jane@exam_ple.com", "has a _ in its host name, where _ is not allowed"),
            ("jane@example.com.", "ends with a dot; remove the last dot"),
            ("Jane <jane@example.com>", "has a display name; give the address alone"),
            ("a..b@example.com", "does not have the form of one"),
        ] {
            let message = format!("must be an e-mail address such as jane@example.com: {text:?} {why}");
            assert_eq!(Email::parse(text).unwrap_err(), message);
        }
        assert_eq!(Email::parse("Jane@Example.COM").unwrap().key(), "jane@example.com");
    }
}
