//! JSON values as text, and text that spreadsheets leave alone.

use serde_json::Value;
use std::borrow::Cow;

/// The value at a path of field names, such as `address.city`; `null` if there is none.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, field| &value[field])
}

/// A value as the text of a cell. Tags are `key=value; key`; other objects and lists of objects are JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(entries) => tags(entries).or_else(|| list(entries)).unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

/// A list of texts and numbers: `s3://a/b, s3://a/c`.
fn list(entries: &[Value]) -> Option<String> {
    let plain = |entry: &Value| match entry {
        Value::String(text) if !text.contains(',') => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Some(entries.iter().map(plain).collect::<Option<Vec<_>>>()?.join(", "))
}

/// Tags as text; none if that could not be read back.
fn tags(entries: &[Value]) -> Option<String> {
    let tag = |entry: &Value| {
        let fields = entry.as_object().filter(|fields| fields.len() == 2)?;
        let (key, value) = (fields.get("key")?.as_str()?, fields.get("value")?.as_str()?);
        let is_plain = |text: &str| text.trim() == text && !text.contains([';', '"', '[']);
        if !is_plain(key) || !is_plain(value) || key.is_empty() || key.contains('=') {
            return None;
        }
        Some(if value.is_empty() { key.to_owned() } else { format!("{key}={value}") })
    };
    if entries.is_empty() {
        return None;
    }
    Some(entries.iter().map(tag).collect::<Option<Vec<_>>>()?.join("; "))
}

/// A text that no spreadsheet takes for a formula: one that would be taken for one has a `'` in front. A text that already
/// looks like that gets another, so that [`from_spreadsheet`] gives back what was there.
pub(crate) fn for_spreadsheet(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches('\'')) { format!("'{text}").into() } else { text.into() }
}

/// The text that [`for_spreadsheet`] was given.
pub(crate) fn from_spreadsheet(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_formula(rest.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err()
}

/// A text that does nothing to a terminal: without control characters, and without those that turn the direction of text.
pub(crate) fn for_terminal(text: &str) -> Cow<'_, str> {
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().any(is_unsafe) {
        text.chars().map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }).collect::<String>().into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_become_cells() {
        let customer = json!({"id": 7, "margin": 12.5, "address": {"city": "Köln"}, "tags": [], "ok": true});
        for (path, expected) in [
            ("id", "7"),
            ("margin", "12.5"),
            ("address.city", "Köln"),
            ("address.street2", ""),
            ("nothing.there", ""),
            ("tags", ""),
            ("ok", "true"),
            ("address", r#"{"city":"Köln"}"#),
        ] {
            assert_eq!(text(at(&customer, path)), expected, "{path}");
        }
        for (tags, expected) in [
            (json!([{"key": "a", "value": "1"}, {"key": "b", "value": ""}]), "a=1; b"),
            (json!([{"key": "a", "value": "1=2"}]), "a=1=2"),
            (json!([{"key": "a=b", "value": "1"}]), r#"[{"key":"a=b","value":"1"}]"#),
            (json!([{"key": "a", "value": "1;2"}]), r#"[{"key":"a","value":"1;2"}]"#),
            (json!(["x", 1]), "x, 1"),
            (json!(["x, y"]), r#"["x, y"]"#),
        ] {
            assert_eq!(text(&tags), expected);
        }
    }

    #[test]
    fn formulas_are_quoted_and_come_back_as_they_were() {
        for (plain, quoted) in [
            ("Acme", "Acme"),
            ("=1+1", "'=1+1"),
            ("'=1+1", "''=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-12.5", "-12.5"),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("'n Roll", "'n Roll"),
            ("\t=1", "'\t=1"),
            ("", ""),
        ] {
            assert_eq!(for_spreadsheet(plain), quoted);
            assert_eq!(from_spreadsheet(quoted), plain);
        }
    }

    #[test]
    fn nothing_reaches_a_terminal_but_text() {
        assert_eq!(for_terminal("a\u{1b}[2Jb\u{202e}c\nd"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert!(matches!(for_terminal("Köln 東京"), Cow::Borrowed(_)));
    }
}
