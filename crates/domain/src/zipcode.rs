//! Postal codes.

use crate::country::{Country, Needed};
use crate::json::Json;
use crate::text::{invalid, too_long, wrong_type};
use crate::violation::{Violation, shortened};

/// The maximum length of a postal code outside the US in characters.
const MAX_LENGTH: usize = 16;

/// Reads a postal code, a string or a number; `None` for a filler (`-`, `N/A`) in a country that does not require
/// one. In the US `12345` or `12345-6789`; elsewhere in a form of the country's, or, where it is not known or has none,
/// 1–16 letters, digits, spaces and hyphens. Leading zeros that a number has lost are restored.
pub(crate) fn read(json: &Json, country: Option<Country>) -> Result<Option<String>, Violation> {
    match json {
        Json::String(text) => parse(text.trim(), country),
        Json::Number(number) => {
            let whole = number.as_u64().map(|number| number.to_string());
            // 2138.0 is written "2138".
            let whole = whole.or_else(|| number.as_f64().map(|float| float.to_string()));
            let Some(digits) = whole.filter(|text| text.len() <= MAX_LENGTH && is_digits(text)) else {
                return Err(invalid(format!("must be a whole number or a string, not {number}")));
            };
            match country {
                Some(country) if country.is_us() => parse(&format!("{digits:0>5}"), Some(country)),
                Some(country) => parse(&padded(&digits, country).unwrap_or(digits), Some(country)),
                None => parse(&digits, None),
            }
        }
        _ => Err(wrong_type("a string or a number", json)),
    }
}

/// Normalizes a postal code from a directory: like [`read`] of a string, but lost zeros and hyphens are restored, and codes
/// of another form than the country's are kept as written.
pub(crate) fn from_directory(text: &str, country: Country) -> Option<String> {
    let text = text.trim();
    let code = match parse(text, Some(country)) {
        Ok(code) => return code,
        Err(_) => padded(text, country).unwrap_or_else(|| text.to_owned()),
    };
    let plain = code.chars().count() <= MAX_LENGTH && !code.chars().any(char::is_control);
    (plain && !code.is_empty()).then_some(code)
}

fn parse(text: &str, country: Option<Country>) -> Result<Option<String>, Violation> {
    if country.is_some_and(|country| country.postal_code() != Needed::Required) && is_filler(text) {
        return Ok(None);
    }
    let country = country.filter(|country| country.postal_code_forms().next().is_some());
    let Some(country) = country else { return legal(text).map(|code| Some(code.to_owned())) };
    if country.is_us() {
        let is_code = country.postal_code_forms().any(|form| matches(form.bytes(), text.bytes()));
        return if is_code { Ok(Some(text.to_owned())) } else { Err(wrong_form(text, country)) };
    }
    if without_fraction(text).is_some() {
        return Err(wrong_form(text, country));
    }
    // Japanese codes may begin with the postal mark.
    let code = legal(text.trim_start_matches('〒').trim_start())?;
    let signs = || code.bytes().filter(|byte| !is_gap(*byte)).map(|byte| byte.to_ascii_uppercase());
    let is_code = |prefix: usize| {
        let mut forms = country.postal_code_forms();
        forms.any(|form| matches(form.bytes().filter(|sign| !is_gap(*sign)), signs().skip(prefix)))
    };
    // "CH-8001" is "8001" with a country prefix.
    let letters = code.bytes().take_while(u8::is_ascii_alphabetic).count();
    let of_country =
        code.as_bytes().get(letters) == Some(&b'-') || code[..letters].eq_ignore_ascii_case(country.alpha2());
    if is_code(0)
        || ((1..=3).contains(&letters) && of_country && is_code(letters))
        || country.postal_code_forms().any(|form| is_the_digits_of(form, code))
    {
        return Ok(Some(code.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    Err(wrong_form(text, country))
}

/// Whether the text is a filler for a missing code, such as `N/A` or `00000`.
fn is_filler(text: &str) -> bool {
    let signs: String = text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let nothing = matches!(signs.as_str(), "na" | "none" | "nil" | "null" | "notapplicable");
    text.is_ascii() && (nothing || signs.bytes().all(|byte| byte == b'0'))
}

/// Validates a code in a country without known forms.
fn legal(text: &str) -> Result<&str, Violation> {
    let length = text.chars().count();
    if length > MAX_LENGTH {
        Err(too_long(length, "characters", MAX_LENGTH))
    } else if text.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ' || c == '-')
        && text.contains(|c: char| c.is_ascii_alphanumeric())
    {
        Ok(text)
    } else {
        let shown = shortened(text);
        let message = format!("must consist of letters A-Z, digits, spaces and hyphens, unlike {shown:?}");
        Err(invalid(message).because("code-characters", &[("given", &shown)]))
    }
}

fn wrong_form(text: &str, country: Country) -> Violation {
    let example = country.postal_code_example();
    let shown = shortened(text);
    let meant = padded(text, country);
    let hint = meant.as_ref().map_or(String::new(), |meant| format!("; did you mean {meant}?"));
    let name = country.name();
    let violation = if country.is_us() {
        invalid(format!("must be a US ZIP code, {example}, not {shown:?}{hint}"))
    } else {
        invalid(format!("must be a postal code of {name} such as {example}, not {shown:?}{hint}"))
    };
    match meant {
        None => {
            violation.because("postal-code", &[("country", &name), ("example", &example), ("given", &shown)])
        }
        Some(meant) => violation.because(
            "postal-code-meant",
            &[("country", &name), ("example", &example), ("given", &shown), ("meant", &meant)],
        ),
    }
}

/// The code that these digits stand for, after it was converted to a number (`1067`, `2138.0`) or lost its hyphen; `None`
/// if that is ambiguous.
fn padded(text: &str, country: Country) -> Option<String> {
    let digits = without_fraction(text).unwrap_or(text);
    let digits: String = digits.chars().filter(|c| !u8::try_from(*c).is_ok_and(is_gap)).collect();
    if !is_digits(&digits) {
        return None;
    }
    let whole = country.postal_code_forms().find_map(|form| filled(form, &digits));
    let meant = whole.or_else(|| {
        let mut lengths = country.postal_code_forms().filter_map(places);
        let missing = lengths.next()?.checked_sub(digits.len())?;
        if missing > country.leading_zeros() {
            return None;
        }
        let code = format!("{}{digits}", "0".repeat(missing));
        country.postal_code_forms().find_map(|form| filled(form, &code))
    })?;
    // A hyphen in another position makes the code ambiguous.
    (!text.contains('-') || meant.ends_with(text)).then_some(meant)
}

/// The digits formatted by a form; `None` if their number differs.
fn filled(form: &str, digits: &str) -> Option<String> {
    let mut left = digits.chars();
    let mut code = String::new();
    if places(form)? != digits.len() {
        return None;
    }
    for sign in form.chars() {
        let digit = if sign == '#' || sign.is_ascii_digit() { left.next()? } else { sign };
        if sign.is_ascii_digit() && sign != digit {
            return None;
        }
        code.push(digit);
    }
    Some(code)
}

/// The number of digits of a form; `None` if the form has variable letters, so that digits alone do not determine a code.
fn places(form: &str) -> Option<usize> {
    let letters = form.bytes().filter(u8::is_ascii_uppercase).count();
    let digits = form.bytes().filter(|sign| *sign == b'#' || sign.is_ascii_digit()).count();
    (digits > 0 && letters <= 2 && !form.contains(['@', '*'])).then_some(digits)
}

/// Whether `code` consists of the digits of a form with fixed letters (`LV-####`).
fn is_the_digits_of(form: &str, code: &str) -> bool {
    let digits: String = code.chars().filter(|c| !u8::try_from(*c).is_ok_and(is_gap)).collect();
    form.contains(|c: char| c.is_ascii_uppercase()) && is_digits(&digits) && filled(form, &digits).is_some()
}

/// The digits of a number without a fraction: `1067` of `1067.0`.
fn without_fraction(text: &str) -> Option<&str> {
    text.strip_suffix(".0").filter(|digits| is_digits(digits))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_gap(byte: u8) -> bool {
    byte == b' ' || byte == b'-'
}

fn matches(mut form: impl Iterator<Item = u8>, mut code: impl Iterator<Item = u8>) -> bool {
    let fits = |sign: u8, byte: u8| match sign {
        b'#' => byte.is_ascii_digit(),
        b'@' => byte.is_ascii_uppercase(),
        b'*' => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        other => byte == other,
    };
    form.all(|sign| code.next().is_some_and(|byte| fits(sign, byte))) && code.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Table, cell};

    fn country(alpha2: &str) -> Country {
        Country::parse(alpha2).unwrap()
    }

    fn code(alpha2: &str, json: &str) -> Result<Option<String>, String> {
        let country = Country::parse(alpha2).ok();
        read(&Json::parse(json.as_bytes()).unwrap(), country).map_err(|violation| violation.message)
    }

    #[test]
    fn valid_codes_are_normalized() {
        for (country, json, kept) in [
            ("US", r#""01234""#, "01234"),
            ("US", r#"" 01234-6789 ""#, "01234-6789"),
            ("US", "1234", "01234"),
            ("US", "2138.0", "02138"),
            ("US", "501", "00501"),
            ("US", "0", "00000"),
            ("US", "94304", "94304"),
            ("AU", "2000", "2000"),
            ("AU", "800", "0800"),
            ("DE", "1067", "01067"),
            ("DE", "1067.0", "01067"),
            ("DE", r#""01067""#, "01067"),
            ("DE", r#""D-01067""#, "D-01067"),
            ("DE", r#""DE 01067""#, "DE 01067"),
            ("IT", "184", "00184"),
            ("ES", "8001", "08001"),
            ("NO", "150", "0150"),
            ("JP", "600001", "0600001"),
            ("JP", r#""100-0001""#, "100-0001"),
            ("JP", r#""1000001""#, "1000001"),
            ("JP", r#""〒100-0001""#, "100-0001"),
            ("SG", "18956", "018956"),
            ("PR", "901", "00901"),
            ("PR", r#""00901-1234""#, "00901-1234"),
            ("VA", "120", "00120"),
            ("FR", "1000", "01000"),
            ("FR", r#""75 001""#, "75 001"),
            ("PL", "950", "00-950"),
            ("PL", r#""00-001""#, "00-001"),
            ("PL", r#""00001""#, "00001"),
            ("PT", "1000001", "1000-001"),
            ("CZ", r#""110 00""#, "110 00"),
            ("SE", "11455", "11455"),
            ("LV", "1010", "LV-1010"),
            ("LV", r#""1010""#, "1010"),
            ("LV", r#""LV-1010""#, "LV-1010"),
            ("NL", r#""1234 AB""#, "1234 AB"),
            ("NL", r#""1234ab""#, "1234ab"),
            ("GB", r#""SW1A 1AA""#, "SW1A 1AA"),
            ("GB", r#""sw1a1aa""#, "sw1a1aa"),
            ("GB", r#""BFPO 61""#, "BFPO 61"),
            ("CA", r#""K1A  0B1""#, "K1A 0B1"),
            ("IE", r#""d02 x285""#, "d02 x285"),
            ("IE", r#""D6W XY00""#, "D6W XY00"),
            ("BR", "1310100", "01310100"),
            ("CN", "10000", "010000"),
            ("CH", "8001", "8001"),
            ("TW", "104", "104"),
            ("IN", "110001", "110001"),
            ("HK", r#""999077""#, "999077"),
            ("ZW", r#""1234567890123456""#, "1234567890123456"),
            ("", "1234", "1234"),
            ("", r#""A 1""#, "A 1"),
        ] {
            assert_eq!(code(country, json), Ok(Some(kept.to_owned())), "{country} {json}");
        }
    }

    #[test]
    fn fillers_are_no_codes_where_none_is_needed() {
        for country in ["HK", "AE", "BS", "BM", "IE", "PA"] {
            for filler in ["-", "--", "N/A", "n/a", "NA", "none", ".", "0", "00000", "0000"] {
                assert_eq!(code(country, &format!("{filler:?}")), Ok(None), "{country} {filler}");
            }
            assert_eq!(code(country, "0"), Ok(None), "{country}");
        }
        assert!(
            code("DE", r#""-""#).is_err() && code("US", r#""N/A""#).is_err() && code("", r#""-""#).is_err()
        );
    }

    #[test]
    fn invalid_codes_are_rejected() {
        for (country, json, message) in [
            ("US", "943041234", "not \"943041234\"; did you mean 94304-1234?"),
            ("US", "123456", "must be a US ZIP code, 12345 or 12345-6789, not \"123456\""),
            ("US", r#""1234""#, "not \"1234\"; did you mean 01234?"),
            ("US", r#""2138.0""#, "not \"2138.0\"; did you mean 02138?"),
            ("US", r#""501""#, "did you mean 00501?"),
            ("US", r#""12""#, "not \"12\""),
            ("US", r#""012345678""#, "did you mean 01234-5678?"),
            ("US", r#""01234 5678""#, "did you mean 01234-5678?"),
            ("US", r#""01234-""#, "not \"01234-\""),
            ("US", r#""0123-56789""#, "not \"0123-56789\""),
            ("US", r#""٠١٢٣٤""#, "not \"٠١٢٣٤\""),
            ("US", "1234.5", "must be a whole number or a string, not 1234.5"),
            ("US", "-1", "must be a whole number or a string, not -1"),
            (
                "DE",
                r#""1067""#,
                "must be a postal code of Germany such as 26133, not \"1067\"; did you mean 01067?",
            ),
            ("DE", r#""1067.0""#, "did you mean 01067?"),
            ("DE", r#""26133.0""#, "did you mean 26133?"),
            ("DE", "67", "not \"67\""),
            ("DE", r#""067""#, "not \"067\""),
            ("SG", r#""18956""#, "did you mean 018956?"),
            ("PL", r#""0950""#, "did you mean 00-950?"),
            ("CH", "800", "must be a postal code of Switzerland such as 2544, not \"800\""),
            ("IN", "11001", "not \"11001\""),
            ("GB", r#""1000""#, "must be a postal code of United Kingdom such as SW1A 1AA, not \"1000\""),
            ("PL", "18446744073709551615", "must be a whole number or a string"),
            ("JP", r#""〒100""#, "such as 100-0001"),
            ("FR", r#""75001\n2""#, "must consist of letters"),
            ("FR", r#""75.001""#, "must consist of letters"),
            ("FR", r#""-""#, "must consist of letters"),
            ("FR", r#""12345678901234567""#, "has 17 characters, at most 16 are allowed"),
            ("FR", "true", "must be a string or a number, not a boolean"),
        ] {
            let refused = code(country, json).unwrap_err();
            assert!(refused.contains(message), "{country} {json}: {refused}");
            if !message.contains("mean") {
                assert!(!refused.contains("mean"), "{country} {json}: {refused}");
            }
        }
    }

    #[test]
    fn codes_from_directories_are_normalized() {
        for (alpha2, text, kept) in [
            ("US", "2110", Some("02110")),
            ("US", "021101234", Some("02110-1234")),
            ("US", "98052-1", Some("98052-1")),
            ("DE", "1067", Some("01067")),
            ("DE", " 80331 ", Some("80331")),
            ("HK", "-", None),
            ("HK", "", None),
            ("DE", "", None),
            ("DE", "80331/2", Some("80331/2")),
            ("PT", "1000001", Some("1000001")),
            ("DE", "a\tb", None),
        ] {
            assert_eq!(from_directory(text, country(alpha2)).as_deref(), kept, "{alpha2} {text}");
        }
    }

    #[test]
    fn every_example_is_taken_and_every_lost_zero_comes_back() {
        for row in Table(include_str!("../data/countries.tsv")).rows().filter(|row| cell(row, 0) != "US") {
            let (alpha2, example) = (cell(row, 0), cell(row, 8));
            if example.is_empty() {
                continue;
            }
            assert_eq!(code(alpha2, &format!("{example:?}")), Ok(Some(example.to_owned())), "{alpha2}");
            let Some(form) = country(alpha2).postal_code_forms().find(|form| places(form).is_some()) else {
                continue;
            };
            for zeros in 1..=country(alpha2).leading_zeros() {
                let own = form.starts_with('0');
                let whole = form.replacen('#', "0", if own { 0 } else { zeros }).replace('#', "7");
                let number: u64 = whole.replace(|c: char| !c.is_ascii_digit(), "").parse().unwrap();
                assert_eq!(code(alpha2, &number.to_string()), Ok(Some(whole.clone())), "{alpha2}");
                let message = code(alpha2, &format!("\"{number}\"")).unwrap_err();
                assert!(message.ends_with(&format!("did you mean {whole}?")), "{message}");
            }
        }
    }
}
