//! Values that are one line of text, and the comparison of names.

use crate::json::Json;
use crate::violation::{Violation, code, shortened};
use icu_normalizer::ComposingNormalizerBorrowed;
use std::borrow::Cow;

/// The text of a JSON string, trimmed; another JSON type is a violation.
pub fn string(json: &Json) -> Result<&str, Violation> {
    match json {
        Json::String(text) => Ok(text.trim()),
        _ => Err(wrong_type("a string", json)),
    }
}

/// The violation of a value with another JSON type than `expected`.
pub fn wrong_type(expected: &str, given: &Json) -> Violation {
    Violation::new("", code::WRONG_TYPE, format!("must be {expected}, not {}", given.kind()))
}

/// The violation of an invalid value.
pub fn invalid(message: impl Into<String>) -> Violation {
    Violation::new("", code::INVALID, message)
}

/// The violation of an absent field.
pub fn required() -> Violation {
    Violation::new("", code::REQUIRED, "is required").because("required", &[])
}

/// The trimmed text, validated: at most `max` characters (Unicode scalar values), without control characters, line
/// separators, and characters that change the direction of text.
pub(crate) fn line(text: &str, max: usize) -> Result<&str, Violation> {
    let text = text.trim();
    let length = text.chars().count();
    if length > max {
        return Err(too_long(length, "characters", max));
    }
    let wrong = |c: char| match c {
        '\u{2028}' | '\u{2029}' => Some(("separators of lines", "line-separators")),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some(("characters that change the direction of text", "direction-characters"))
        }
        _ => c.is_control().then_some(("control characters", "control-characters")),
    };
    match text.chars().find_map(|c| Some((c, wrong(c)?))) {
        Some((c, (what, reason))) => {
            let c = format!("U+{:04X}", u32::from(c));
            let violation = invalid(format!("must not contain {what}, but has {c}"));
            Err(violation.because(reason, &[("character", &c)]))
        }
        None => Ok(text),
    }
}

/// Like [`line()`]; a line without visible characters counts as absent.
pub fn filled_line(text: &str, max: usize) -> Result<&str, Violation> {
    match line(text, max) {
        Ok(checked) if checked.chars().all(is_invisible) => Err(required()),
        checked => checked,
    }
}

/// Whether a character alone is invisible: white space, blank symbols, and default-ignorable characters.
fn is_invisible(c: char) -> bool {
    c.is_whitespace() || is_default_ignorable(c) || is_blank_symbol(c) || matches!(c, '\u{fff9}'..='\u{fffb}')
}

/// Whether a character is a blank that Unicode classifies as a symbol: the empty Braille pattern or the empty note head.
pub(crate) fn is_blank_symbol(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{1d159}')
}

/// `Default_Ignorable_Code_Point` of Unicode 17 (DerivedCoreProperties.txt).
pub(crate) fn is_default_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The violation of a text with more than `max` characters or bytes.
pub(crate) fn too_long(has: usize, what: &str, max: usize) -> Violation {
    let reason = match what {
        "characters" => "too-long-characters",
        "bytes" => "too-long-bytes",
        _ => "too-long-segment",
    };
    Violation::new("", code::TOO_LONG, format!("has {has} {what}, at most {max} are allowed"))
        .because(reason, &[("has", &has), ("max", &max)])
}

/// The text transliterated to ASCII: `São Paulo` is `Sao Paulo`. `None` if a character has no transliteration.
pub(crate) fn ascii(text: &str) -> Option<String> {
    if text.is_ascii() {
        let folded = text.replace('`', "'").split_whitespace().collect::<Vec<_>>().join(" ");
        return (!folded.is_empty() && !folded.contains(|c: char| c.is_control())).then_some(folded);
    }
    // deunicode maps Azerbaijan's schwa to `@`; the usual transliteration is `e`.
    let text = text.replace(['ə', 'ǝ'], "e").replace(['Ə', 'Ǝ'], "E");
    let folded = deunicode::deunicode_with_tofu(&text, "\0").replace('`', "'");
    let folded = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    (!folded.is_empty() && !folded.contains(|c: char| c.is_control())).then_some(folded)
}

/// A name in the form of a file name: lower-case ASCII letters and digits with single hyphens, at most 60 characters. Empty
/// if the name has no letter or digit that can be transliterated.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in ascii(text).unwrap_or_default().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(60);
    slug.trim_end_matches('-').to_owned()
}

/// The key for comparisons of names: the letters and digits in lower case, of Latin names in ASCII (`Île-de-France` is
/// `iledefrance`), of other scripts as they are (`東京都`).
pub(crate) fn name_key(name: &str) -> String {
    if is_latin(name) {
        let mut key = ascii(name).unwrap_or_default().to_ascii_lowercase();
        key.retain(|c| c.is_ascii_alphanumeric());
        return key;
    }
    let mut key = ComposingNormalizerBorrowed::new_nfkc().normalize(name).to_lowercase();
    key.retain(|c| !is_separator(c));
    key
}

/// Whether all letters belong to the Latin script.
pub(crate) fn is_latin(text: &str) -> bool {
    let beyond = |c: char| {
        let latin = matches!(c, '\u{1e00}'..'\u{1f00}' | '\u{2c60}'..'\u{2c80}' | '\u{a720}'..'\u{a800}');
        c >= '\u{370}' && c.is_alphabetic() && !latin
    };
    text.is_ascii() || !ComposingNormalizerBorrowed::new_nfkc().normalize(text).contains(beyond)
}

/// Whether a character is white space, punctuation or an invisible sign.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || c.is_ascii_punctuation()
        || matches!(c, '\u{a0}'..='\u{bf}' | '\u{640}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{205e}')
        || matches!(c, '\u{3000}'..='\u{303f}' | '\u{30fb}' | '،' | '؛')
}

/// The only candidate within two edits of `wanted`, each an omitted, added, changed or swapped letter; `None` if there are
/// none or several. Candidates are pairs of a [`name_key`] and its meaning. Only Latin names are compared.
pub(crate) fn only_near<'a, T: PartialEq>(
    wanted: &str,
    candidates: impl Iterator<Item = (Cow<'a, str>, T)>,
) -> Option<T> {
    if !wanted.is_ascii() || !(4..=64).contains(&wanted.len()) {
        return None;
    }
    let mut found = None;
    for (key, meaning) in candidates {
        if key.len().abs_diff(wanted.len()) <= 2 && within(wanted.as_bytes(), key.as_bytes(), 2) {
            match &found {
                Some(other) if *other != meaning => return None,
                Some(_) => {}
                None => found = Some(meaning),
            }
        }
    }
    found
}

/// Whether at most `edits` edits turn one text into the other.
fn within(mut a: &[u8], mut b: &[u8], edits: u8) -> bool {
    while let ([first, rest_a @ ..], [other, rest_b @ ..]) = (a, b)
        && first == other
    {
        (a, b) = (rest_a, rest_b);
    }
    if a.is_empty() && b.is_empty() {
        return true;
    }
    if edits == 0 {
        return false;
    }
    let left = edits - 1;
    let rest = |of: &'_ [u8]| of.len().min(1);
    (!a.is_empty() && within(&a[1..], b, left))
        || (!b.is_empty() && within(a, &b[1..], left))
        || within(&a[rest(a)..], &b[rest(b)..], left)
        || matches!((a, b), ([x, y, a @ ..], [v, w, b @ ..]) if x == w && y == v && within(a, b, left))
        // Two swapped letters with a letter added or omitted between them.
        || (edits > 1
            && (matches!((a, b), ([x, y, a @ ..], [v, _, w, b @ ..]) if x == w && y == v && within(a, b, left - 1))
                || matches!((a, b), ([x, _, y, a @ ..], [v, w, b @ ..]) if x == w && y == v && within(a, b, left - 1))))
}

/// The `max` candidates most similar to `text`, best first. Candidates are pairs of a compared and a shown text.
pub(crate) fn closest<'a>(
    text: &str,
    candidates: impl Iterator<Item = (&'a str, &'a str)>,
    max: usize,
) -> Vec<&'a str> {
    let text: String = text.chars().take(64).collect();
    let mut ranked: Vec<(f64, &str)> =
        candidates.map(|(compared, shown)| (strsim::jaro_winkler(&text, compared), shown)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best = Vec::new();
    for (_, shown) in ranked {
        if best.len() < max && !best.contains(&shown) {
            best.push(shown);
        }
    }
    best
}

/// The names as an alternative in a message: `"Texas", "Tennessee" or "Utah"`.
pub fn any_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{:?}", shortened(name))).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Misspelt forms of a [`name_key`], with one or two letters omitted, added, changed or swapped.
#[cfg(test)]
pub(crate) fn neighbours(key: &str) -> Vec<String> {
    let seed = key.bytes().fold(7_usize, |seed, byte| seed.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let edited = |key: &str, which: usize| {
        let mut bytes = key.as_bytes().to_vec();
        let at = which / 4 % bytes.len().max(1);
        let letter = b'a' + u8::try_from(which / 64 % 26).unwrap();
        match which % 4 {
            0 if bytes.len() > 1 => _ = bytes.remove(at),
            1 if at < bytes.len() => bytes[at] = letter,
            2 if at + 1 < bytes.len() => bytes.swap(at, at + 1),
            _ => bytes.insert(at.min(bytes.len()), letter),
        }
        String::from_utf8(bytes).unwrap()
    };
    let once = edited(key, seed);
    let twice = edited(&once, seed / 5);
    vec![edited(key, seed / 3), once, twice]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_safe_file_names() {
        for (name, expected) in [
            ("Acme", "acme"),
            ("Acme Corp. & Sons", "acme-corp-sons"),
            ("Müller GmbH / Zürich", "muller-gmbh-zurich"),
            ("--x--", "x"),
            ("../../etc/passwd", "etc-passwd"),
            ("a\"b;c", "a-b-c"),
            ("...", ""),
        ] {
            assert_eq!(slug(name), expected, "{name}");
        }
        assert_eq!(slug(&"ab ".repeat(40)).len(), 59);
    }

    #[test]
    fn invalid_lines_are_rejected() {
        for (text, expected) in [
            (" 1 Main St ", Ok("1 Main St")),
            ("Ünïcode ☃", Ok("Ünïcode ☃")),
            ("\u{a0}\u{2003}", Err(code::REQUIRED)),
            ("", Err(code::REQUIRED)),
            ("a\0b", Err(code::INVALID)),
            ("a\u{85}b", Err(code::INVALID)),
            ("a\nb", Err(code::INVALID)),
            ("a\u{2028}b", Err(code::INVALID)),
            ("a\u{202e}b", Err(code::INVALID)),
            ("a\u{2066}b", Err(code::INVALID)),
            ("\u{200b}", Err(code::REQUIRED)),
            ("\u{3164}\u{2800} \u{feff}", Err(code::REQUIRED)),
            ("می\u{200c}خواهم", Ok("می\u{200c}خواهم")),
            ("123456789012", Err(code::TOO_LONG)),
            ("ééééééééééé", Ok("ééééééééééé")),
        ] {
            assert_eq!(filled_line(text, 11).map_err(|violation| violation.code), expected, "{text:?}");
        }
    }

    #[test]
    fn texts_are_transliterated() {
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
        for (name, key) in [
            ("Provence-Alpes-Côte-d’Azur", "provencealpescotedazur"),
            ("東京 都", "東京都"),
            ("МОСКВА", "москва"),
            ("ＯＳＡＫＡ", "osaka"),
            ("Đồng Nai", "dongnai"),
        ] {
            assert_eq!(name_key(name), key);
        }
    }

    #[test]
    fn edit_distances_are_bounded() {
        for (a, b, edits) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "ab", 1),
            ("ab", "abc", 1),
            ("abc", "axc", 1),
            ("abcd", "acbd", 1),
            ("abcd", "bacx", 2),
            ("ab", "bxa", 2),
            ("axb", "ba", 2),
            ("abcdef", "abef", 2),
            ("abc", "xyz", 3),
            ("abc", "", 3),
        ] {
            for allowed in 0..3 {
                assert_eq!(
                    within(a.as_bytes(), b.as_bytes(), allowed),
                    edits <= allowed,
                    "{a}, {b}, {allowed}"
                );
            }
        }
        let near =
            |wanted| only_near(wanted, ["germany", "france", "franca"].iter().map(|k| (Cow::from(*k), *k)));
        assert_eq!(near("germny"), Some("germany"));
        assert_eq!(near("frence"), None, "both are near");
        assert_eq!(near("gabon"), None);
    }

    #[test]
    fn the_closest_candidate_is_first() {
        let fields = ["name", "tags", "billing_contact"];
        let closest = |text| closest(text, fields.iter().map(|f| (*f, *f)), 1);
        assert_eq!(closest("billing_contract"), ["billing_contact"]);
        assert_eq!(closest("nme"), ["name"]);
        assert_eq!(any_of(&["a", "b", "c"]), r#""a", "b" or "c""#);
        assert_eq!(any_of(&["a"]), r#""a""#);
    }
}
