//! Display names.

use crate::json::Json;
use crate::text::{filled_line, invalid, is_blank_symbol, is_default_ignorable, string};
use crate::violation::Violation;
use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use serde::Serialize;

/// The display name of a customer, a partner or an Azure tenant: 1–255 characters after trimming, no control characters.
/// Names are compared by [`DisplayName::key`]; a customer's is unique in its partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl DisplayName {
    /// The maximum length in characters (Unicode scalar values).
    pub const MAX_LENGTH: usize = 255;

    /// Reads a name. The violation's pointer is `""`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let name = filled_line(text, Self::MAX_LENGTH)?;
        // Lines of text reject the other direction controls already.
        match name.chars().find(|c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')) {
            Some(c) => {
                let c = format!("U+{:04X}", u32::from(c));
                let message =
                    format!("must not contain characters that change the direction of text, but has {c}");
                Err(invalid(message).because("direction-characters", &[("character", &c)]))
            }
            None => Ok(DisplayName(name.to_owned())),
        }
    }

    /// Whether the name looks like one whose letters a wrong encoding replaced: `????`.
    pub fn has_lost_its_letters(&self) -> bool {
        self.0.contains(['?', char::REPLACEMENT_CHARACTER]) && !self.0.contains(char::is_alphanumeric)
    }

    pub(crate) fn read(json: &Json) -> Result<Self, Violation> {
        Self::parse(string(json)?)
    }

    /// A stored name, which is not validated again.
    pub fn from_stored(text: String) -> Self {
        DisplayName(text)
    }

    /// The name as it was given, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What uniqueness is decided on: two names are the same name when their keys are equal. `NFKC_Casefold` of Unicode
    /// (section 3.13, D147), which leaves out what is ignored by default, and white space collapsed.
    pub fn key(&self) -> String {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        if self.0.is_ascii() {
            return words(&self.0.to_ascii_lowercase()); // folding does no more to ASCII
        }
        // Folding can undo the normal form and the normal form can bring new letters to fold, so it is done twice.
        let (nfkc, fold) = (ComposingNormalizerBorrowed::new_nfkc(), CaseMapper::new());
        let mut key = nfkc.normalize(&self.0).into_owned();
        for _ in 0..2 {
            let mut folded = fold.fold_string(&key).into_owned();
            folded.retain(|c| !is_default_ignorable(c));
            key = nfkc.normalize(&folded.replace(is_blank_symbol, " ")).into_owned();
        }
        words(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_names_have_equal_keys() {
        let key = |name: &str| DisplayName::parse(name).unwrap().key();
        for (one, other) in [
            ("Acme Corp", "ACME CORP"),
            ("Acme  Corp", "aCME CORP"),
            ("Acme Corp", "  acme \u{a0}\u{2003} corp "),
            ("Straße AG", "STRASSE ag"),
            ("Ａｃｍｅ", "acme"),
            ("Café", "Cafe\u{301}"),
            ("ﬁnance", "FINANCE"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("ᾳ", "ΑΙ"),
            ("№ 1", "no 1"),
            ("C1", "C1\u{200b}"),
            ("C1", "\u{feff}C\u{ad}1\u{fe0f}"),
            ("C 1", "C\u{2800}1\u{3164}"),
            ("👨\u{200d}👩", "👨👩"),
        ] {
            assert_eq!(key(one), key(other), "{one:?} {other:?}");
        }
        for (one, other) in [("Acme", "Acme 2"), ("Cafe", "Café"), ("Acme Corp", "AcmeCorp"), ("I", "ı")] {
            assert_ne!(key(one), key(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn invalid_names_are_rejected() {
        for (name, legal) in [
            ("a".to_owned(), true),
            ("é".repeat(255), true),
            (format!("  {}\n", "a".repeat(255)), true),
            ("a".repeat(256), false),
            (String::new(), false),
            ("\u{3000}".to_owned(), false),
            ("a\u{7f}b".to_owned(), false),
            ("\u{200b}".to_owned(), false),
            ("\u{3164}".to_owned(), false),
            ("\u{2800}".to_owned(), false),
            ("a\u{202e}b".to_owned(), false),
            ("a\u{200f}b".to_owned(), false),
            ("a\u{2029}b".to_owned(), false),
            ("👨\u{200d}👩\u{200d}👧".to_owned(), true),
            ("می\u{200c}خواهم".to_owned(), true),
            ("????".to_owned(), true),
        ] {
            assert_eq!(DisplayName::parse(&name).is_ok(), legal, "{name:?}");
        }
    }

    #[test]
    fn names_are_kept_as_written() {
        for name in ["👨\u{200d}👩\u{200d}👧 Ltd", "می\u{200c}خواهم", "C1\u{200b}"] {
            assert_eq!(DisplayName::parse(name).unwrap().as_str(), name);
        }
        for (name, lost) in [("????", true), ("\u{fffd}\u{fffd} ??", true), ("Who?", false), ("...", false)] {
            assert_eq!(DisplayName::parse(name).unwrap().has_lost_its_letters(), lost, "{name}");
        }
    }

    proptest! {
        // Upper-casing the dotless i makes it another letter, in Unicode and in Turkish alike.
        #[test]
        fn recasing_and_respacing_keep_the_name(words in prop::collection::vec("[^\\pC\\s\u{131}]{1,8}", 1..5)) {
            let key = |name: &str| DisplayName::from_stored(name.to_owned()).key();
            let name = words.join(" ");
            prop_assert_eq!(key(&name), key(&name.to_uppercase()));
            prop_assert_eq!(key(&name), key(&name.to_lowercase()));
            prop_assert_eq!(key(&name), key(&words.join("\u{2003} \t")));
            prop_assert_eq!(key(&name), key(&key(&name)));
        }
    }
}
