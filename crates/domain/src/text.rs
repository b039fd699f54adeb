//! One line of text, the commonest kind of value.

use crate::json::Json;
use crate::violation::{Violation, code, shortened};

/// The trimmed text of a JSON string; another type is a violation.
pub fn string(json: &Json) -> Result<&str, Violation> {
    match json {
        Json::String(text) => Ok(text.trim()),
        _ => Err(wrong_type("a string", json)),
    }
}

/// The violation of a value that is of another JSON type than `expected`.
pub fn wrong_type(expected: &str, given: &Json) -> Violation {
    Violation::new("", code::WRONG_TYPE, format!("must be {expected}, not {}", given.kind()))
}

/// A value that is not legal.
pub fn invalid(message: impl Into<String>) -> Violation {
    Violation::new("", code::INVALID, message)
}

/// The field has to be given.
pub fn required() -> Violation {
    Violation::new("", code::REQUIRED, "is required")
}

/// Trims, and checks that at most `most` characters (Unicode scalar values) are left, none of them a control
/// character.
pub(crate) fn line(text: &str, most: usize) -> Result<&str, Violation> {
    let text = text.trim();
    let length = text.chars().count();
    if length > most {
        return Err(too_long(length, "characters", most));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => {
            Err(invalid(format!("must not contain control characters, but has U+{:04X}", u32::from(c))))
        }
        None => Ok(text),
    }
}

/// Like [`line()`], and something has to be left.
pub fn filled_line(text: &str, most: usize) -> Result<&str, Violation> {
    match line(text, most) {
        Ok("") => Err(required()),
        checked => checked,
    }
}

/// More than the `most` allowed characters or bytes.
pub(crate) fn too_long(has: usize, what: &str, most: usize) -> Violation {
    Violation::new("", code::TOO_LONG, format!("has {has} {what}, at most {most} are allowed"))
}

/// The text in ASCII, in the usual transliteration: `São Paulo` is `Sao Paulo`. `None` where a character has none.
pub(crate) fn ascii(text: &str) -> Option<String> {
    // Azerbaijan's schwa is an `e` to every reader, and an `@` to the table.
    let text = text.replace(['ə', 'ǝ'], "e").replace(['Ə', 'Ǝ'], "E");
    let folded = deunicode::deunicode_with_tofu(&text, "\0").replace('`', "'");
    let folded = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    (!folded.is_empty() && !folded.contains(|c: char| c.is_control())).then_some(folded)
}

/// The letters and digits of a name in lower-case ASCII, so that spelling variants compare equal.
pub(crate) fn skeleton(text: &str) -> String {
    let mut skeleton = ascii(text).unwrap_or_default().to_ascii_lowercase();
    skeleton.retain(|c| c.is_ascii_alphanumeric());
    skeleton
}

/// The `most` candidates that look most like `text`, best first. Candidates are pairs of what is compared (a
/// [`skeleton`] or a field's name) and what is shown.
pub(crate) fn closest<'a>(
    text: &str,
    candidates: impl Iterator<Item = (&'a str, &'a str)>,
    most: usize,
) -> Vec<&'a str> {
    let text: String = text.chars().take(64).collect();
    let mut ranked: Vec<(f64, &str)> =
        candidates.map(|(compared, shown)| (strsim::jaro_winkler(&text, compared), shown)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best = Vec::new();
    for (_, shown) in ranked {
        if best.len() < most && !best.contains(&shown) {
            best.push(shown);
        }
    }
    best
}

/// `"Texas", "Tennessee" or "Utah"`.
pub fn any_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{:?}", shortened(name))).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (text, expected) in [
            (" 1 Main St ", Ok("1 Main St")),
            ("Ünïcode ☃", Ok("Ünïcode ☃")),
            ("\u{a0}\u{2003}", Err(code::REQUIRED)),
            ("", Err(code::REQUIRED)),
            ("a\0b", Err(code::INVALID)),
            ("a\u{85}b", Err(code::INVALID)),
            ("a\nb", Err(code::INVALID)),
            ("123456789012", Err(code::TOO_LONG)),
            ("ééééééééééé", Ok("ééééééééééé")),
        ] {
            assert_eq!(filled_line(text, 11).map_err(|violation| violation.code), expected, "{text:?}");
        }
    }

    #[test]
    fn transliteration() {
        for (text, ascii_text) in [
            ("São Paulo", Some("Sao Paulo")),
            ("Łódź", Some("Lodz")),
            ("Gəncə", Some("Gence")),
            ("Şanʻā’", Some("San'a'")),
            ("a  b", Some("a b")),
            ("東京", Some("Dong Jing")),
            ("\u{301}", None),
            ("a\u{e000}", None),
        ] {
            assert_eq!(ascii(text).as_deref(), ascii_text, "{text}");
        }
        assert_eq!(skeleton("Provence-Alpes-Côte-d’Azur"), "provencealpescotedazur");
    }

    #[test]
    fn the_closest_first() {
        let fields = ["name", "tags", "billing_contact"];
        let closest = |text| closest(text, fields.iter().map(|f| (*f, *f)), 1);
        assert_eq!(closest("billing_contract"), ["billing_contact"]);
        assert_eq!(closest("nme"), ["name"]);
        assert_eq!(any_of(&["a", "b", "c"]), r#""a", "b" or "c""#);
        assert_eq!(any_of(&["a"]), r#""a""#);
    }
}
