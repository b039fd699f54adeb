//! Postal codes.

use crate::country::Country;
use crate::json::Json;
use crate::text::{invalid, too_long, wrong_type};
use crate::violation::{Violation, shortened};

/// The longest postal code outside the US, in characters.
const MOST: usize = 16;

/// Reads a postal code, a string or a number. In the US `12345` or `12345-6789`, and a number is padded to five
/// digits, for `1234` is what is left of `01234`. Elsewhere, and where the country is not known, 1–16 letters,
/// digits, spaces and hyphens.
pub(crate) fn read(json: &Json, country: Option<Country>) -> Result<String, Violation> {
    let us = country.is_some_and(Country::is_us);
    match json {
        Json::String(text) if us => us_code(text.trim()),
        Json::String(text) => code(text.trim()),
        Json::Number(number) => match number.as_u64() {
            None => Err(invalid(format!("must be a whole number or a string, not {number}"))),
            Some(number) if us => us_code(&format!("{number:05}")),
            Some(number) => code(&number.to_string()),
        },
        _ => Err(wrong_type("a string or a number", json)),
    }
}

fn us_code(text: &str) -> Result<String, Violation> {
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    let legal = match text.split_once('-') {
        Some((zip, plus_four)) => digits(zip, 5) && digits(plus_four, 4),
        None => digits(text, 5),
    };
    if legal {
        return Ok(text.to_owned());
    }
    let hint = if digits(text, 9) {
        format!("; did you mean {}-{}?", &text[..5], &text[5..])
    } else {
        String::new()
    };
    Err(invalid(format!("must be a US ZIP code, 12345 or 12345-6789, not {:?}{hint}", shortened(text))))
}

fn code(text: &str) -> Result<String, Violation> {
    let length = text.chars().count();
    if length > MOST {
        Err(too_long(length, "characters", MOST))
    } else if text.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ' || c == '-')
        && text.contains(|c: char| c.is_ascii_alphanumeric())
    {
        Ok(text.to_owned())
    } else {
        Err(invalid(format!(
            "must consist of letters A-Z, digits, spaces and hyphens, unlike {:?}",
            shortened(text)
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (country, json, expected) in [
            ("US", r#""01234""#, Some("01234")),
            ("US", r#"" 01234-6789 ""#, Some("01234-6789")),
            ("US", "1234", Some("01234")),
            ("US", "0", Some("00000")),
            ("US", "94304", Some("94304")),
            ("US", "943041234", None),
            ("US", "123456", None),
            ("US", r#""1234""#, None),
            ("US", r#""012345678""#, None),
            ("US", r#""01234 5678""#, None),
            ("US", r#""01234-""#, None),
            ("US", r#""0123-56789""#, None),
            ("US", r#""٠١٢٣٤""#, None),
            ("US", "1234.0", None),
            ("US", "1234.5", None),
            ("US", "-1", None),
            ("AU", "2000", Some("2000")),
            ("AU", "800", Some("800")),
            ("DE", r#""01067""#, Some("01067")),
            ("GB", r#""SW1A 1AA""#, Some("SW1A 1AA")),
            ("PL", r#""00-001""#, Some("00-001")),
            ("PL", "18446744073709551615", None),
            ("PL", "1e3", None),
            ("IE", r#""d02 x285""#, Some("d02 x285")),
            ("JP", r#""〒100""#, None),
            ("FR", r#""75001\n2""#, None),
            ("FR", r#""-""#, None),
            ("FR", r#""1234567890123456""#, Some("1234567890123456")),
            ("FR", r#""12345678901234567""#, None),
            ("FR", "true", None),
            ("", "1234", Some("1234")),
        ] {
            let country = Country::parse(country).ok();
            let json = Json::parse(json.as_bytes()).unwrap();
            assert_eq!(read(&json, country).ok().as_deref(), expected, "{json:?}");
        }
        let hint = us_code("943041234").unwrap_err().message;
        assert!(hint.ends_with("did you mean 94304-1234?"), "{hint}");
    }
}
