//! Violations: the rules that a payload breaks, one violation for each rule, collected in one response.

use std::fmt;

/// The codes of violations: a closed set that clients may match on. Codes are stable; messages are not.
pub mod code {
    /// The body is not JSON; carries a line and a column.
    pub const MALFORMED: &str = "malformed";
    /// A key is given twice, or two tags have the same key.
    pub const DUPLICATE: &str = "duplicate";
    /// An unknown field or parameter that is a near miss of a missing one, or any under `Prefer: handling=strict` (RFC 7240).
    pub const UNKNOWN: &str = "unknown";
    /// A field that has to be given is not, or is blank.
    pub const REQUIRED: &str = "required";
    /// Another JSON type than the one expected.
    pub const WRONG_TYPE: &str = "wrong_type";
    /// The right type, but not a legal value.
    pub const INVALID: &str = "invalid";
    /// More characters or bytes than allowed.
    pub const TOO_LONG: &str = "too_long";
    /// More entries than allowed.
    pub const TOO_MANY: &str = "too_many";
    /// A time that has to be in the future is not.
    pub const NOT_FUTURE: &str = "not_future";
    /// Two fields that exclude or contradict each other.
    pub const CONFLICT: &str = "conflict";
    /// A value that must be unique in the partner belongs to another object.
    pub const TAKEN: &str = "taken";

    /// All of them.
    pub const ALL: [&str; 11] = [
        MALFORMED, DUPLICATE, UNKNOWN, REQUIRED, WRONG_TYPE, INVALID, TOO_LONG, TOO_MANY, NOT_FUTURE,
        CONFLICT, TAKEN,
    ];
}

/// The reason of a violation, for those who say it in another language than English: what names its text, and the values in
/// that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Such as `postal-code`.
    pub id: &'static str,
    /// Names and values.
    pub values: Vec<(&'static str, String)>,
}

/// A rule that a payload breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The position: a JSON pointer (RFC 6901); `""` is the whole document.
    pub pointer: String,
    /// The rule: one of [`code`].
    pub code: &'static str,
    /// The message, which follows the field's name: "must be …". It says what is wrong and what would be right.
    pub message: String,
    /// The line of a syntax error, from 1.
    pub line: Option<usize>,
    /// The column of a syntax error in characters, from 1.
    pub column: Option<usize>,
    /// The reason; `None` where the code has to do.
    pub reason: Option<Box<Reason>>,
}

impl Violation {
    /// A violation at a JSON pointer (RFC 6901), without line and column.
    pub fn new(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        let (pointer, message) = (pointer.into(), message.into());
        Violation { pointer, code, message, line: None, column: None, reason: None }
    }

    /// The violation of a value that must be unique and that another object has.
    pub fn taken(pointer: &str) -> Self {
        Violation::new(pointer, code::TAKEN, "has already been taken").because("taken", &[])
    }

    /// The same violation with its reason.
    #[must_use]
    pub fn because(mut self, id: &'static str, values: &[(&'static str, &dyn fmt::Display)]) -> Self {
        let values = values.iter().map(|(name, value)| (*name, value.to_string())).collect();
        self.reason = Some(Box::new(Reason { id, values }));
        self
    }

    /// The same violation, found under `prefix`: `/state` under `/address` is `/address/state`.
    pub(crate) fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }

    /// The violation as a sentence for people: "name has already been taken", "address.state must be …",
    /// "tags\[3\].key is required", "line 9, column 2: …", "the body must be a JSON object".
    pub fn sentence(&self) -> String {
        let subject = match (self.line, self.column) {
            (Some(line), Some(column)) => format!("line {line}, column {column}:"),
            _ if self.pointer.is_empty() => "the body".to_owned(),
            _ => path(&self.pointer),
        };
        format!("{subject} {}", self.message)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

/// All violations of a payload, in the order in which the contract lists the fields. Also an error type.
///
/// Bounded to [`Violations::MAX_COUNT`] violations and 64 KiB of pointers, so that a hostile body cannot cause a far larger
/// response. Violations beyond the bounds are dropped; legitimate payloads stay far below them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The maximum number of violations.
    pub const MAX_COUNT: usize = 200;

    /// Adds a violation, unless the bounds are reached.
    pub fn push(&mut self, violation: Violation) {
        if !self.is_full() {
            self.0.push(violation);
        }
    }

    /// Whether there are no violations.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of violations.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The violations, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.0.iter()
    }

    /// Whether further violations would be dropped; validation can stop then.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= Self::MAX_COUNT
            || self.0.iter().map(|violation| violation.pointer.len()).sum::<usize>() > 65_536
    }

    /// The same violations with `prefix` before each pointer.
    pub(crate) fn under(self, prefix: &str) -> Self {
        Violations(self.0.into_iter().map(|violation| violation.under(prefix)).collect())
    }

    /// Sorts by the customer's field, in the contract's order: violations of the whole document first, of unknown fields
    /// last. Stable within a field.
    pub fn sort_by_field(&mut self) {
        self.0.sort_by_key(|violation| {
            let field = violation.pointer.split('/').nth(1);
            field.map_or(0, |field| {
                let members = crate::customer::PAYLOAD.members;
                let known = members.iter().position(|member| member.name == field);
                1 + known.unwrap_or(members.len())
            })
        });
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.0.iter().enumerate() {
            write!(f, "{}{violation}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Violations(vec![violation])
    }
}

impl Extend<Violation> for Violations {
    fn extend<T: IntoIterator<Item = Violation>>(&mut self, more: T) {
        more.into_iter().for_each(|violation| self.push(violation));
    }
}

impl FromIterator<Violation> for Violations {
    fn from_iter<T: IntoIterator<Item = Violation>>(iter: T) -> Self {
        let mut violations = Violations::default();
        violations.extend(iter);
        violations
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A key as a segment of a JSON pointer, with its `/`: RFC 6901, section 3.
pub(crate) fn segment(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A JSON pointer as people write it: `tags[3].key`.
pub(crate) fn path(pointer: &str) -> String {
    let mut path = String::new();
    for segment in pointer.split('/').skip(1) {
        if !path.is_empty() && !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit()) {
            path.push_str(&format!("[{segment}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&segment.replace("~1", "/").replace("~0", "~"));
        }
    }
    shortened(&path)
}

/// A piece of the input to be shown in a message: at most 60 characters, none of them a control character.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_the_field_by_its_path() {
        for (pointer, sentence) in [
            ("/name", "name is wrong"),
            ("/address/state", "address.state is wrong"),
            ("/tags/3/key", "tags[3].key is wrong"),
            ("/a~1b~0c", "a/b~c is wrong"),
            ("/7", "7 is wrong"),
            ("", "the body is wrong"),
        ] {
            assert_eq!(Violation::new(pointer, code::INVALID, "is wrong").sentence(), sentence);
        }
        let malformed =
            Violation { line: Some(9), column: Some(2), ..Violation::new("", code::MALFORMED, "remove it") };
        assert_eq!(malformed.sentence(), "line 9, column 2: remove it");
    }

    #[test]
    fn violations_are_displayed_as_one_line() {
        let mut violations = Violations::default();
        violations.push(Violation::new("/tags", code::TOO_MANY, "has 21 entries, at most 20 are allowed"));
        violations.push(Violation::taken("/name"));
        violations.sort_by_field();
        assert_eq!(
            violations.to_string(),
            "name has already been taken; tags has 21 entries, at most 20 are allowed"
        );
    }

    #[test]
    fn fields_are_sorted_as_in_the_contract_and_stay_in_order_within() {
        let order = |pointers: &[&str]| {
            let mut all: Violations =
                pointers.iter().map(|pointer| Violation::new(*pointer, code::INVALID, "")).collect();
            all.sort_by_field();
            all.into_iter().map(|violation| violation.pointer).collect::<Vec<_>>()
        };
        assert_eq!(
            order(&[
                "/x",
                "/tags/1/key",
                "/tags",
                "/address/zipcode",
                "/address/city",
                "/azure_customer_id",
                ""
            ]),
            ["", "/azure_customer_id", "/address/zipcode", "/address/city", "/tags/1/key", "/tags", "/x"]
        );
    }

    #[test]
    fn number_and_length_of_violations_are_bounded() {
        let many: Violations =
            (0..9999).map(|i| Violation::new(format!("/{i}"), code::UNKNOWN, "")).collect();
        assert_eq!(many.len(), Violations::MAX_COUNT);
        assert_eq!(shortened(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
        assert_eq!(shortened("a\nb"), "a\u{fffd}b");
        assert_eq!(
            Violation::new(format!("/{}", "k".repeat(5000)), code::UNKNOWN, "").sentence().chars().count(),
            62
        );
    }
}
