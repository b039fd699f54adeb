//! "Did you mean": the known name that a misspelt name stands for.

/// The maximum length in bytes of a name that is compared; known names are far shorter.
const MAX_BYTES: usize = 64;

/// Words at the end of a name that are ignored in comparisons.
const FILLERS: [&str; 7] = ["at", "on", "date", "utc", "time", "email", "value"];

/// The known name that `written` misspells: another case (`Folder`, `billingContact`), a mistyped letter
/// (`clasification`), the beginning of a name (`margin`), or another form of its words (`trial_expires`). The nearest
/// if there are several.
pub fn near<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > MAX_BYTES {
        return None;
    }
    let written = Name::of(written);
    let ranked = known.into_iter().filter_map(|name| Some((written.distance(&Name::of(name))?, name)));
    ranked.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

struct Name {
    words: Vec<String>,
    joined: String,
}

impl Name {
    fn of(text: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut before = ' ';
        for c in text.chars() {
            if c.is_alphanumeric() {
                if !before.is_alphanumeric() || before.is_lowercase() && c.is_uppercase() {
                    words.push(String::new());
                }
                if let Some(word) = words.last_mut() {
                    word.extend(c.to_lowercase());
                }
            }
            before = c;
        }
        Name { joined: words.concat(), words }
    }

    /// The distance from a known name, 0 for equal letters; `None` if it does not misspell that name.
    fn distance(&self, known: &Name) -> Option<usize> {
        let (written, name) = (self.joined.as_str(), known.joined.as_str());
        if written == name {
            return Some(0);
        }
        if let Some(edits) = edits(written, name) {
            return Some(edits);
        }
        let begins_words = known.words.starts_with(&self.words)
            && written.len() >= 3
            && 2 * self.words.len() >= known.words.len();
        let begins_letters =
            name.starts_with(written) && written.len() >= 4 && 2 * written.len() >= name.len();
        let (these, those) = (without_fillers(&self.words), without_fillers(&known.words));
        let other_forms =
            these.len() == those.len() && these.iter().zip(those).all(|(one, other)| alike(one, other));
        (!written.is_empty() && (begins_words || begins_letters || other_forms)).then_some(3)
    }
}

fn without_fillers(words: &[String]) -> &[String] {
    let kept =
        words.iter().rposition(|word| !FILLERS.contains(&word.as_str())).map_or(words.len(), |last| last + 1);
    &words[..kept]
}

/// The number of mistyped letters; `None` for more than one in a name of 3 to 5 letters, or two in a longer one.
fn edits(one: &str, other: &str) -> Option<usize> {
    let shorter = one.chars().count().min(other.chars().count());
    let allowed = match shorter {
        0..3 => 0,
        3..6 => 1,
        _ => 2,
    };
    if one.len().abs_diff(other.len()) > 4 * allowed {
        return None;
    }
    let edits = strsim::osa_distance(one, other);
    (edits <= allowed).then_some(edits)
}

/// Whether two words are the same word, mistyped or in another form: `expires`, `expiration`.
fn alike(one: &str, other: &str) -> bool {
    let shared = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let longer = one.chars().count().max(other.chars().count());
    edits(one, other).is_some() || one == other || shared >= 5 && 2 * shared >= longer
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 12] = [
        "name",
        "azure_customer_id",
        "address",
        "classification",
        "trial_expiration_date",
        "trial_expiration",
        "billing_contact",
        "margin_percentage",
        "partner_billing_configuration",
        "tags",
        "folder",
        "state",
    ];

    #[test]
    fn misspelt_names_are_matched_and_other_names_are_not() {
        for (written, meant) in [
            ("clasification", Some("classification")),
            ("Classification", Some("classification")),
            ("trial_expires", Some("trial_expiration_date")),
            ("trialExpirationDate", Some("trial_expiration_date")),
            ("trial_expires_at", Some("trial_expiration_date")),
            ("trial", Some("trial_expiration")),
            ("Folder", Some("folder")),
            ("STATE", Some("state")),
            ("billing_contract", Some("billing_contact")),
            ("billingContact", Some("billing_contact")),
            ("billing-contact-email", Some("billing_contact")),
            ("margin", Some("margin_percentage")),
            ("margin_percent", Some("margin_percentage")),
            ("partner_billing", Some("partner_billing_configuration")),
            ("azureCustomerID", Some("azure_customer_id")),
            ("tag", Some("tags")),
            ("tgas", Some("tags")),
            ("nmae", Some("name")),
            ("adress", Some("address")),
            ("colour", None),
            ("id", None),
            ("notes", None),
            ("description", None),
            ("customer_id", None),
            ("partner", None),
            ("created_by", None),
            ("billing_address", None),
            ("azure_customer_name", None),
            ("status", None),
            ("date", None),
            ("", None),
            ("_", None),
            ("名前", None),
        ] {
            assert_eq!(near(written, KNOWN), meant, "{written}");
        }
        assert_eq!(near(&"n".repeat(1 << 20), KNOWN), None);
        assert_eq!(near("trail", ["page", "trial", "tag"]), Some("trial"));
    }
}
