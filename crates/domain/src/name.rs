//! What a customer is called.

use crate::json::Json;
use crate::text::{filled_line, string};
use crate::violation::Violation;
use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use serde::Serialize;

/// A customer's display name: 1–255 characters after trimming, no control characters. Unique in the partner, as
/// [`CustomerName::key`] compares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CustomerName(String);

impl CustomerName {
    /// The longest name, in characters (Unicode scalar values).
    pub const MOST: usize = 255;

    /// Reads a name. The violation's pointer is `""`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        filled_line(text, Self::MOST).map(|name| CustomerName(name.to_owned()))
    }

    pub(crate) fn read(json: &Json) -> Result<Self, Violation> {
        Self::parse(string(json)?)
    }

    /// The name as it was stored. Trusts that it was parsed once.
    pub fn from_stored(text: String) -> Self {
        CustomerName(text)
    }

    /// The name as it was given, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What uniqueness is decided on: two names are the same name when their keys are equal. NFKC, full case
    /// folding, white space collapsed (Unicode, section 3.13, D146).
    pub fn key(&self) -> String {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        if self.0.is_ascii() {
            return words(&self.0.to_ascii_lowercase()); // which is all that folding does there
        }
        // Folding can undo the normal form and the normal form can bring new letters to fold, so twice, as D146 does.
        let (nfkc, fold) = (ComposingNormalizerBorrowed::new_nfkc(), CaseMapper::new());
        let mut key = nfkc.normalize(&self.0).into_owned();
        for _ in 0..2 {
            key = nfkc.normalize(&fold.fold_string(&key)).into_owned();
        }
        words(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_name() {
        let key = |name: &str| CustomerName::parse(name).unwrap().key();
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
        ] {
            assert_eq!(key(one), key(other), "{one:?} {other:?}");
        }
        for (one, other) in [("Acme", "Acme 2"), ("Cafe", "Café"), ("Acme Corp", "AcmeCorp"), ("I", "ı")] {
            assert_ne!(key(one), key(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn lengths() {
        for (name, legal) in [
            ("a".to_owned(), true),
            ("é".repeat(255), true),
            (format!("  {}\n", "a".repeat(255)), true),
            ("a".repeat(256), false),
            (String::new(), false),
            ("\u{3000}".to_owned(), false),
            ("a\u{7f}b".to_owned(), false),
        ] {
            assert_eq!(CustomerName::parse(&name).is_ok(), legal, "{name:?}");
        }
    }

    proptest! {
        // Upper-casing the dotless i makes it another letter, in Unicode and in Turkish alike.
        #[test]
        fn recasing_and_respacing_keep_the_name(words in prop::collection::vec("[^\\pC\\s\u{131}]{1,8}", 1..5)) {
            let key = |name: &str| CustomerName::from_stored(name.to_owned()).key();
            let name = words.join(" ");
            prop_assert_eq!(key(&name), key(&name.to_uppercase()));
            prop_assert_eq!(key(&name), key(&name.to_lowercase()));
            prop_assert_eq!(key(&name), key(&words.join("\u{2003} \t")));
            prop_assert_eq!(key(&name), key(&key(&name)));
        }
    }
}
