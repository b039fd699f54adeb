//! Diagnostics for malformed JSON: the position of every syntax error in a text, and what belongs there.
//!
//! serde_json stops at the first syntax error. Error recovery therefore corrects each error in a draft, the way the
//! message tells the caller to correct it, and parses the draft again, until it is JSON or cannot be recovered.

use crate::json::{Json, duplicates};
use crate::text::invalid;
use crate::violation::{Violation, Violations, code, shortened};
use serde_json::Error;
use std::ops::Range;

/// The maximum number of syntax errors that are reported for one text.
const MAX_DIAGNOSTICS: usize = 20;

/// The maximum number of bytes that are parsed again for one text, which bounds the cost of a large malformed body.
const MAX_REPARSED_BYTES: usize = 2 << 20;

/// The syntax errors of a text that serde_json rejected with `error`, and the duplicate keys of the recovered text.
pub(crate) fn diagnose(text: &str, mut error: Error) -> Violations {
    let mut violations = Violations::default();
    let mut draft = Draft::of(text);
    for _ in 0..(MAX_REPARSED_BYTES / text.len().max(1)).clamp(1, MAX_DIAGNOSTICS) {
        let diagnostic = draft.diagnostic(&error);
        let violation = located(text, draft.origin[diagnostic.at], diagnostic.message);
        if violations.iter().any(|known| *known == violation) {
            break; // The recovery made no progress.
        }
        violations.push(violation);
        let Some((range, with)) = diagnostic.recovery else { break };
        draft.replace(range, &with);
        match serde_json::from_str::<Json>(&draft.text) {
            Ok(json) => {
                violations.extend(duplicates(&json));
                break;
            }
            Err(next) => error = next,
        }
    }
    violations
}

/// The violation of a body that is UTF-8 only up to byte `at`.
pub(crate) fn not_utf8(body: &[u8], at: usize) -> Violations {
    let readable = String::from_utf8_lossy(&body[..at]);
    located(&readable, readable.len(), "this byte is not UTF-8: send the text encoded as UTF-8".to_owned())
        .into()
}

/// A violation at a byte of the text, with its line and column.
fn located(text: &str, at: usize, message: String) -> Violation {
    let (line, column) = position(text, at);
    Violation { code: code::MALFORMED, line: Some(line), column: Some(column), ..invalid(message) }
}

/// The line and the column of a byte of the text, both from 1; columns count characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (1 + before.matches('\n').count(), 1 + before[line_start..].chars().count())
}

/// A syntax error: its byte position in the draft, the message for the caller, and the replacement in the draft that
/// corrects it. Without a replacement, parsing cannot be resumed.
struct Diagnostic {
    at: usize,
    message: String,
    recovery: Option<(Range<usize>, String)>,
}

impl Diagnostic {
    fn unrecoverable(at: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic { at, message: message.into(), recovery: None }
    }

    fn replace(range: Range<usize>, with: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { at: range.start, message: message.into(), recovery: Some((range, with.into())) }
    }

    fn remove(range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::replace(range, " ", message)
    }

    fn insert(at: usize, what: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::replace(at..at, what, message)
    }
}

/// The text with the syntax errors corrected that were found so far.
struct Draft<'a> {
    original: &'a str,
    text: String,
    /// The position in the original of each byte of the draft and of its end; for inserted bytes, of the byte after them.
    origin: Vec<usize>,
}

/// The lexical context at a position in the draft. The text before that position is valid.
#[derive(Default)]
struct Before {
    /// The open brackets and their byte positions, outermost first.
    open: Vec<(char, usize)>,
    /// The byte position of the opening quote, if the position is inside a string.
    string: Option<usize>,
    /// The last character of the token before the position; `end` is the byte after that token.
    last: Option<char>,
    end: usize,
}

impl Before {
    fn of(text: &str) -> Before {
        let mut before = Before::default();
        let mut escaped = false;
        for (at, b) in text.bytes().enumerate() {
            match (before.string, b) {
                (Some(_), _) if escaped => escaped = false,
                (Some(_), b'\\') => escaped = true,
                (Some(_), b'"') => before.string = None,
                (Some(_), _) => {}
                (None, b'"') => before.string = Some(at),
                (None, b'{' | b'[') => before.open.push((b.into(), at)),
                (None, b'}' | b']') => _ = before.open.pop(),
                _ => {}
            }
            if before.string.is_none() && !b.is_ascii_whitespace() {
                (before.last, before.end) = (Some(b.into()), at + 1);
            }
        }
        before
    }
}

impl Draft<'_> {
    fn of(text: &str) -> Draft<'_> {
        Draft { original: text, text: text.to_owned(), origin: (0..=text.len()).collect() }
    }

    fn replace(&mut self, range: Range<usize>, with: &str) {
        let from = self.origin[range.start];
        self.text.replace_range(range.clone(), with);
        self.origin.splice(range, std::iter::repeat_n(from, with.len()));
    }

    /// The diagnostic for the error at which serde_json stopped.
    fn diagnostic(&self, error: &Error) -> Diagnostic {
        let at = if error.is_eof() { self.text.len() } else { self.place(error) };
        let before = Before::of(&self.text[..at]);
        let here = self.text[at..].chars().next();
        // serde_json keeps its error codes private, so the error is classified by its text. The tests below fail if an
        // update changes those texts.
        let says = error.to_string();
        let says = |what: &str| says.starts_with(what);

        if let Some(start) = before.string {
            self.in_string(at, start, here, says("control character"))
        } else if says("recursion limit") {
            Diagnostic::unrecoverable(at, "nested too deeply: at most 127 levels are allowed")
        } else if says("number out of range") {
            let token = self.word_around(at);
            let message = format!("number out of range: {}", shortened(&self.text[token.clone()]));
            Diagnostic::replace(token, "0", message)
        } else if let Some(comment) = self.comment(at) {
            Diagnostic::remove(comment, "remove this comment: JSON has none")
        } else if error.is_eof() {
            self.at_end(&before)
        } else if says("trailing comma") {
            let comma = before.end.saturating_sub(1);
            let follows = here.map(String::from).unwrap_or_default();
            Diagnostic::remove(comma..before.end, format!("remove this comma: only {follows} follows"))
        } else if says("expected ident") || says("invalid number") {
            self.word(self.word_around(at))
        } else if says("expected `:`") {
            self.colon_expected(at, here, &before)
        } else if says("expected `,`") {
            self.comma_expected(at, here, &before)
        } else if says("key must be") {
            self.key_expected(at, here, &before)
        } else if says("trailing characters") {
            match here {
                Some(c @ ('}' | ']' | ',' | ';')) => {
                    Diagnostic::remove(at..at + 1, format!("remove this {c}: the text is over"))
                }
                _ => Diagnostic::unrecoverable(
                    at,
                    format!("the text should be over here, but {} follows", self.token(at)),
                ),
            }
        } else {
            self.value_expected(at, here, &before)
        }
    }

    /// The byte at which serde_json stopped. It counts lines from 1, and bytes in a line from 1, or 0 for the line break.
    fn place(&self, error: &Error) -> usize {
        let newlines = self.text.match_indices('\n').map(|(at, _)| at + 1);
        let line_start = std::iter::once(0).chain(newlines).nth(error.line().saturating_sub(1)).unwrap_or(0);
        self.text.floor_char_boundary((line_start + error.column()).saturating_sub(1))
    }

    fn in_string(&self, at: usize, start: usize, here: Option<char>, control: bool) -> Diagnostic {
        let rest = &self.text[at..];
        match here {
            // A later quote closes this string if the text after that quote could follow a string.
            Some('\n' | '\r') if control && self.closes_properly(at) => {
                let length = if rest.starts_with("\r\n") { 2 } else { 1 };
                let message = "write \\n instead of this line break, or close the string before it";
                Diagnostic::replace(at..at + length, " ", message)
            }
            Some('\n' | '\r') | None => {
                let line = self.text[start..at].trim_end_matches([',', '}', ']', ' ', '\t', '\n', '\r']);
                let end = (start + line.len()).max(start + 1);
                Diagnostic {
                    at: start,
                    ..Diagnostic::insert(end, "\"", "this string is not closed: put a \" at its end")
                }
            }
            Some('\t') if control => Diagnostic::replace(at..at + 1, " ", "write \\t instead of this tab"),
            Some(c) if control => {
                let message = format!("write \\u{:04x} instead of this control character", u32::from(c));
                Diagnostic::replace(at..at + 1, " ", message)
            }
            Some(_) => {
                let end = at + rest.chars().next().map_or(0, char::len_utf8);
                let backslash = self.text[start..end].rfind('\\').map_or(start, |i| start + i);
                if let Some(half) = self.half_of_a_pair(backslash) {
                    return half;
                }
                let escape = shortened(self.text[backslash..end].trim_end_matches('"'));
                let message = format!("{escape} is no escape of JSON: a backslash itself is written \\\\");
                Diagnostic::insert(backslash, "\\", message)
            }
        }
    }

    /// The diagnostic for a `\u` escape that is half of a surrogate pair; `None` for any other text.
    fn half_of_a_pair(&self, backslash: usize) -> Option<Diagnostic> {
        let escape = self.text.get(backslash..backslash + 6)?;
        let unit = u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok()?;
        (0xd800..0xe000).contains(&unit).then(|| {
            let message = format!(
                "{escape} is half of a surrogate pair: write the character itself, or both halves such as \\ud83d\\ude00"
            );
            Diagnostic::replace(backslash..backslash + 6, "?", message)
        })
    }

    /// Whether the text after the next quote from `at` could follow a string.
    fn closes_properly(&self, at: usize) -> bool {
        let Some(quote) = self.text[at..].find('"') else { return false };
        let after = self.text[at + quote + 1..].trim_start();
        after.is_empty() || after.starts_with([',', ':', '}', ']'])
    }

    fn at_end(&self, before: &Before) -> Diagnostic {
        let word = self.word_around(before.end.saturating_sub(1));
        match before.last {
            None => Diagnostic::unrecoverable(0, "a JSON object is expected, but the body is empty"),
            Some(',') => Diagnostic::remove(before.end - 1..before.end, "remove this comma: nothing follows"),
            Some(':') => Diagnostic::insert(before.end, " null", "put a value here, after the colon"),
            Some(c) if is_word(c) && serde_json::from_str::<Json>(&self.text[word.clone()]).is_err() => {
                self.word(word)
            }
            _ => {
                let closers: String = before.open.iter().rev().map(|(bracket, _)| closer(*bracket)).collect();
                let openers: Vec<_> =
                    before.open.iter().rev().take(3).map(|open| self.opener(*open)).collect();
                let message = format!("put {} here, to close {}", shortened(&closers), openers.join(", "));
                Diagnostic::insert(before.end, &closers, message)
            }
        }
    }

    fn colon_expected(&self, at: usize, here: Option<char>, before: &Before) -> Diagnostic {
        match here {
            Some('=') => {
                let length = if self.text[at..].starts_with("=>") { 2 } else { 1 };
                Diagnostic::replace(at..at + length, ":", "write a colon instead")
            }
            Some(',' | '}') => {
                Diagnostic::insert(before.end, ":null", "put a colon and a value here, after the key")
            }
            Some(c) if begins_value(c) && before.end < at || matches!(here, Some('{' | '[')) => {
                Diagnostic::insert(before.end, ":", format!("put a colon here, before {}", self.token(at)))
            }
            _ => self.unexpected(at, "a colon after the key"),
        }
    }

    fn comma_expected(&self, at: usize, here: Option<char>, before: &Before) -> Diagnostic {
        let in_object = before.open.last().is_some_and(|(bracket, _)| *bracket == '{');
        let missing =
            || Diagnostic::insert(before.end, ",", format!("put a comma here, before {}", self.token(at)));
        match here {
            Some(';') => Diagnostic::replace(at..at + 1, ",", "write a comma instead"),
            Some('}' | ']') => self.mismatch(at, before),
            Some(c) if is_word(c) && before.end == at && before.last.is_some_and(is_word) => {
                self.word(self.word_around(at))
            }
            Some(c) if begins_value(c) && (!in_object || self.is_key(at)) => missing(),
            _ if in_object => {
                self.unexpected(at, "a comma or } after the value; a \" in a string is written \\\"")
            }
            _ => self.unexpected(at, "a comma or ] after the value"),
        }
    }

    fn key_expected(&self, at: usize, here: Option<char>, before: &Before) -> Diagnostic {
        match here {
            Some(',') => Diagnostic::remove(at..at + 1, "remove this comma: nothing stands before it"),
            Some(']') => self.mismatch(at, before),
            Some(c) if is_quote(c) => self.quoted(at, c),
            Some(c) if is_word(c) => {
                let key = self.text[at..].split(|c| !is_word(c) || c == ':').next().unwrap_or_default();
                let message = format!("quote the key: \"{}\"", shortened(key));
                Diagnostic::replace(at..at + key.len(), quote(key), message)
            }
            _ => self.unexpected(at, "a key in double quotes"),
        }
    }

    fn value_expected(&self, at: usize, here: Option<char>, before: &Before) -> Diagnostic {
        match (here, before.last) {
            (Some(',' | '}'), Some(':')) => {
                Diagnostic::insert(before.end, " null", "put a value here, after the colon")
            }
            (Some(','), _) => Diagnostic::remove(at..at + 1, "remove this comma: nothing stands before it"),
            (Some(':'), Some(':')) => {
                Diagnostic::remove(at..at + 1, "remove this colon: there is one already")
            }
            (Some('}' | ']'), Some(_)) => self.mismatch(at, before),
            (Some(c), _) if is_quote(c) => self.quoted(at, c),
            (Some(c), _) if is_word(c) => self.word(self.word_around(at)),
            _ => self.unexpected(at, "a value"),
        }
    }

    fn unexpected(&self, at: usize, expected: &str) -> Diagnostic {
        Diagnostic::unrecoverable(at, format!("{} is not expected here, but {expected}", self.token(at)))
    }

    /// The diagnostic for a closing bracket that does not match: the right one is missing before it, or it is the wrong one.
    fn mismatch(&self, at: usize, before: &Before) -> Diagnostic {
        let Some(open) = before.open.last() else { return self.unexpected(at, "a value") };
        let right = closer(open.0);
        let outer = before.open.iter().rev().nth(1).map(|(bracket, _)| closer(*bracket));
        if outer.is_some_and(|outer| self.text[at..].starts_with(outer)) {
            Diagnostic::insert(
                before.end,
                &right.to_string(),
                format!("put {right} here, to close {}", self.opener(*open)),
            )
        } else {
            let message = format!("write {right} instead, to close {}", self.opener(*open));
            Diagnostic::replace(at..at + 1, right, message)
        }
    }

    /// An opening bracket as messages name it: "the [ of line 3".
    fn opener(&self, (bracket, at): (char, usize)) -> String {
        format!("the {bracket} of line {}", position(self.original, self.origin[at]).0)
    }

    /// Whether a key begins at `at`: a string or a word that a colon follows.
    fn is_key(&self, at: usize) -> bool {
        let rest = &self.text[at..];
        let key = match rest.chars().next() {
            Some(c) if c == '"' || is_quote(c) => {
                let inner = &rest[c.len_utf8()..];
                inner.find(|end| end == '"' || is_quote(end)).map(|end| &inner[end..])
            }
            _ => rest.find(|c| !is_word(c) || c == ':').map(|end| &rest[end..]),
        };
        key.is_some_and(|rest| {
            rest.trim_start_matches(|c| c == '"' || is_quote(c)).trim_start().starts_with(':')
        })
    }

    /// The diagnostic for a string in quotes other than `"`.
    fn quoted(&self, at: usize, quote_mark: char) -> Diagnostic {
        let inner_start = at + quote_mark.len_utf8();
        let inner = self.text[inner_start..].split('\n').next().unwrap_or_default();
        let end = inner.char_indices().find(|(i, c)| {
            let after = inner[i + c.len_utf8()..].trim_start();
            (is_quote(*c) || *c == '"') && (after.is_empty() || after.starts_with([',', ':', '}', ']']))
        });
        let Some((end, close)) = end else { return self.unexpected(at, "a string in double quotes") };
        let inner = &inner[..end];
        let whole = at..inner_start + end + close.len_utf8();
        Diagnostic::replace(whole, quote(inner), format!("use double quotes: \"{}\"", shortened(inner)))
    }

    /// The diagnostic for an unquoted value that is not JSON: `True`, `None`, `01234`, `Acme Corp`.
    fn word(&self, word: Range<usize>) -> Diagnostic {
        let text = &self.text[word.clone()];
        let literal = match text.to_lowercase().as_str() {
            "true" => Some("true"),
            "false" => Some("false"),
            "null" | "none" | "nil" | "undefined" | "nan" => Some("null"),
            _ => None,
        };
        if let Some(literal) = literal {
            return Diagnostic::replace(word, literal, format!("write {literal} instead"));
        }
        // Unquoted text ends with its line or at the next delimiter, so that `Acme Corp` is one value.
        let start = word.start;
        let end = if text.starts_with(char::is_alphabetic) {
            let rest = self.text[start..].split([',', '}', ']', '"', '\n', '\r']).next();
            start + rest.unwrap_or_default().trim_end().len()
        } else {
            word.end
        };
        let text = &self.text[start..end];
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let why = if digits { "; a number does not begin with 0" } else { "" };
        Diagnostic::replace(start..end, quote(text), format!("quote it: \"{}\"{why}", shortened(text)))
    }

    /// The byte range of the unquoted word around `at`.
    fn word_around(&self, at: usize) -> Range<usize> {
        let at = self.text.floor_char_boundary(at);
        let before = &self.text[..at];
        let after = &self.text[at..];
        let start = before.trim_end_matches(|c| is_word(c) && c != ':').len();
        start..at + after.find(|c| !is_word(c)).unwrap_or(after.len())
    }

    /// The token that begins at `at`, shortened for a message.
    fn token(&self, at: usize) -> String {
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next() else { return "the end".to_owned() };
        let length = if first == '"' {
            rest[1..].find(['"', '\n']).map_or(rest.len(), |end| end + 2)
        } else if is_word(first) {
            rest.find(|c| !is_word(c) || c == ':').unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        shortened(rest.get(..length).unwrap_or(rest).trim_end())
    }

    /// The byte range of the comment that begins at `at`; `None` if none does.
    fn comment(&self, at: usize) -> Option<Range<usize>> {
        let rest = &self.text[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else {
            rest.strip_prefix("/*")?.find("*/")? + 4
        };
        Some(at..at + length)
    }
}

/// The text as a JSON string, quoted and escaped.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn closer(bracket: char) -> char {
    if bracket == '{' { '}' } else { ']' }
}

/// Whether a character is a quotation mark other than `"`.
fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '`' | '‘' | '’' | '“' | '”' | '„')
}

/// Whether a character belongs to an unquoted name, word or number.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_$-+.:@%#".contains(c)
}

fn begins_value(c: char) -> bool {
    c == '"' || c == '{' || c == '[' || is_quote(c) || (is_word(c) && c != ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnose_text(text: &str) -> String {
        Json::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn each_syntax_error_has_a_diagnostic_and_a_recovery() {
        for (text, expected) in [
            ("", "line 1, column 1: a JSON object is expected, but the body is empty"),
            (" \n ", "line 1, column 1: a JSON object is expected, but the body is empty"),
            (r#"{"a": 1,}"#, "line 1, column 8: remove this comma: only } follows"),
            ("[1, 2,\n]", "line 1, column 6: remove this comma: only ] follows"),
            (
                r#"{"a": 1,"#,
                "line 1, column 8: remove this comma: nothing follows; line 1, column 8: put } here, to close the { of line 1",
            ),
            ("[1,,2]", "line 1, column 4: remove this comma: nothing stands before it"),
            (r#"{,"a": 1}"#, "line 1, column 2: remove this comma: nothing stands before it"),
            (r#"{"a": 1,, "b": 2}"#, "line 1, column 9: remove this comma: nothing stands before it"),
            ("{\"é\": {}\n \"b\": 2}", "line 1, column 9: put a comma here, before \"b\""),
            (r#"["a" "b"]"#, "line 1, column 5: put a comma here, before \"b\""),
            (r#"[{} {}]"#, "line 1, column 4: put a comma here, before {"),
            (
                r#"{"a": 1 b: 2}"#,
                "line 1, column 8: put a comma here, before b; line 1, column 9: quote the key: \"b\"",
            ),
            (r#"{"a": 1; "b": 2}"#, "line 1, column 8: write a comma instead"),
            (r#"{"a" 1}"#, "line 1, column 5: put a colon here, before 1"),
            (r#"{"a"{}}"#, "line 1, column 5: put a colon here, before {"),
            (
                r#"{"a" = 1, "b" => 2}"#,
                "line 1, column 6: write a colon instead; line 1, column 15: write a colon instead",
            ),
            (r#"{"a":: 1}"#, "line 1, column 6: remove this colon: there is one already"),
            (r#"{"a"}"#, "line 1, column 5: put a colon and a value here, after the key"),
            (r#"{"a": , "b": 1}"#, "line 1, column 6: put a value here, after the colon"),
            (r#"{"a":}"#, "line 1, column 6: put a value here, after the colon"),
            (
                r#"{"a":"#,
                "line 1, column 6: put a value here, after the colon; line 1, column 6: put } here, to close the { of line 1",
            ),
            (
                r#"{name:Acme}"#,
                "line 1, column 2: quote the key: \"name\"; line 1, column 7: quote it: \"Acme\"",
            ),
            (r#"{name: "x"}"#, "line 1, column 2: quote the key: \"name\""),
            (r#"{1: "x"}"#, "line 1, column 2: quote the key: \"1\""),
            (
                r#"{'a': 'it's "x"'}"#,
                r#"line 1, column 2: use double quotes: "a"; line 1, column 7: use double quotes: "it's "x"""#,
            ),
            (
                "{“a”: “b”}",
                "line 1, column 2: use double quotes: \"a\"; line 1, column 7: use double quotes: \"b\"",
            ),
            (
                r#"{"a": True, "b": None, "c": NaN, "d": FALSE}"#,
                "line 1, column 7: write true instead; line 1, column 18: write null instead; line 1, column 29: write null instead; line 1, column 39: write false instead",
            ),
            (r#"{"a": tru}"#, "line 1, column 7: quote it: \"tru\""),
            (r#"{"a": truee}"#, "line 1, column 7: quote it: \"truee\""),
            (r#"{"a": 01234}"#, "line 1, column 7: quote it: \"01234\"; a number does not begin with 0"),
            (
                r#"[+1, .5, 1., -, 0x1F, 12abc, 1e, 1.2.3]"#,
                "line 1, column 2: quote it: \"+1\"; line 1, column 6: quote it: \".5\"; line 1, column 10: quote it: \"1.\"; line 1, column 14: quote it: \"-\"; line 1, column 17: quote it: \"0x1F\"; line 1, column 23: quote it: \"12abc\"; line 1, column 30: quote it: \"1e\"; line 1, column 34: quote it: \"1.2.3\"",
            ),
            (
                r#"{"a": Acme Corp, "b": x@y.z}"#,
                "line 1, column 7: quote it: \"Acme Corp\"; line 1, column 23: quote it: \"x@y.z\"",
            ),
            (r#"{"a": 2016-09-22T00:00:00Z}"#, "line 1, column 7: quote it: \"2016-09-22T00:00:00Z\""),
            ("[1e400]", "line 1, column 2: number out of range: 1e400"),
            (
                "{\"a\": 1 // one\n, /* two */ \"b\": 2}",
                "line 1, column 9: remove this comment: JSON has none; line 2, column 3: remove this comment: JSON has none",
            ),
            (
                r#"{"a": [{"b": 1"#,
                "line 1, column 15: put }]} here, to close the { of line 1, the [ of line 1, the { of line 1",
            ),
            ("{\"a\": [\n1}", "line 2, column 2: put ] here, to close the [ of line 1"),
            ("[1, 2}", "line 1, column 6: write ] instead, to close the [ of line 1"),
            (r#"{"a": 1]"#, "line 1, column 8: write } instead, to close the { of line 1"),
            (r#"{"a": 1}}"#, "line 1, column 9: remove this }: the text is over"),
            (r#"{"a": 1},"#, "line 1, column 9: remove this ,: the text is over"),
            (r#"{"a": 1} {"b": 2}"#, "line 1, column 10: the text should be over here, but { follows"),
            ("{\"a\": \"b,\n\"c\": 1}", "line 1, column 7: this string is not closed: put a \" at its end"),
            (r#"{"a": "b}"#, "line 1, column 7: this string is not closed: put a \" at its end"),
            (
                "{\"a\": \"b\nc\"}",
                "line 1, column 9: write \\n instead of this line break, or close the string before it",
            ),
            (
                "[\"a\tb\", \"\u{1}\"]",
                "line 1, column 4: write \\t instead of this tab; line 1, column 10: write \\u0001 instead of this control character",
            ),
            (
                r#"["C:\users", "\q"]"#,
                r#"line 1, column 5: \users is no escape of JSON: a backslash itself is written \\; line 1, column 15: \q is no escape of JSON: a backslash itself is written \\"#,
            ),
            (
                "[\"a\r\nb\"]",
                "line 1, column 4: write \\n instead of this line break, or close the string before it",
            ),
            (
                r#"["\ud800"]"#,
                r#"line 1, column 3: \ud800 is half of a surrogate pair: write the character itself, or both halves such as \ud83d\ude00"#,
            ),
            (
                r#"{"a": "5" disk"}"#,
                r#"line 1, column 11: disk is not expected here, but a comma or } after the value; a " in a string is written \""#,
            ),
            ("[*]", "line 1, column 2: * is not expected here, but a value"),
            (
                "{\"a\": 1, \"a\": 2,}",
                "line 1, column 16: remove this comma: only } follows; a is given more than once",
            ),
            ("é", "line 1, column 1: quote it: \"é\""),
        ] {
            assert_eq!(diagnose_text(text), expected, "{text}");
        }
    }
}
