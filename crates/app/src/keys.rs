//! API keys: `tnt_`, eight characters that find the key, 256 random bits, and a check sum for secret scanners.

use crate::secrets::hex;
use crate::{Error, Random};
use sha2::{Digest, Sha256};
use store::users::StoredKey;
use subtle::ConstantTimeEq;

const PREFIX: &str = "tnt_";
const ID: usize = 8;
/// Half of the 256 bits, and 32 bits, in base 62, padded.
const HALF: usize = 22;
const SUM: usize = 6;
/// The shortest text that an operator may choose as a key.
const SHORTEST_CHOSEN: usize = 32;

/// A whole API key. Its `Debug` shows nothing of it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl ApiKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`Error::Internal`] if the operating system has no randomness.
    pub fn generate(random: &Random) -> Result<Self, Error> {
        let id = padded(u128::from(u64::from_le_bytes(random.bytes()?)) % 62u128.pow(ID as u32), ID);
        let [high, low]: [u128; 2] =
            [u128::from_le_bytes(random.bytes()?), u128::from_le_bytes(random.bytes()?)];

        let secret = format!("{}{}", padded(high, HALF), padded(low, HALF));
        let body = format!("{PREFIX}{id}{secret}");
        let sum = padded(u128::from(crc32fast::hash(body.as_bytes())), SUM);
        Ok(ApiKey(body + &sum))
    }

    /// A key that an operator chose.
    ///
    /// # Errors
    /// Says what is wrong with it: shorter than 32 characters, or with characters that a header cannot carry.
    pub fn chosen(text: &str) -> Result<Self, String> {
        if text.chars().count() < SHORTEST_CHOSEN {
            return Err(format!("must have at least {SHORTEST_CHOSEN} characters"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("may only have visible ASCII characters, and no spaces".into());
        }
        Ok(ApiKey(text.to_owned()))
    }

    /// The key itself, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn stored(&self) -> StoredKey {
        StoredKey { id: key_id(&self.0), hash: hash(&self.0) }
    }
}

/// What finds a presented key: the id inside one of ours, or for one that an operator chose the start of a digest
/// (of another text than the proof's, so that it gives nothing of it away).
pub(crate) fn key_id(presented: &str) -> String {
    let ours = presented.strip_prefix(PREFIX).and_then(|rest| rest.get(..ID));
    match ours {
        Some(id) if id.bytes().all(|b| b.is_ascii_alphanumeric()) => id.to_owned(),
        _ => format!("x{}", &hash(&format!("key id of {presented}"))[..16]),
    }
}

/// Is this the key whose hash is kept? Takes the same time for every answer.
pub(crate) fn proves(presented: &str, kept: &str) -> bool {
    hash(presented).as_bytes().ct_eq(kept.as_bytes()).into()
}

fn hash(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn padded(number: u128, width: usize) -> String {
    format!("{:0>width$}", base62::encode(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_has_the_documented_form() {
        let key = ApiKey::generate(&Random::default()).unwrap();
        let text = key.reveal();
        assert!(text.starts_with("tnt_"), "{text}");
        assert_eq!(text.len(), 4 + 8 + 44 + 6);
        assert!(text[4..].bytes().all(|b| b.is_ascii_alphanumeric()));
        let (body, sum) = text.split_at(text.len() - SUM);
        assert_eq!(sum, padded(u128::from(crc32fast::hash(body.as_bytes())), SUM));
        assert_eq!(key.stored().id, &text[4..12]);
        assert_ne!(key, ApiKey::generate(&Random::default()).unwrap());
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
    }

    #[test]
    fn only_the_key_itself_proves_itself() {
        let key = ApiKey::generate(&Random::default()).unwrap();
        let kept = key.stored().hash;
        assert!(proves(key.reveal(), &kept));
        let cases = ["", "tnt_", &key.reveal()[1..], &format!("{} ", key.reveal()), &kept];
        for wrong in cases {
            assert!(!proves(wrong, &kept), "{wrong:?}");
        }
    }

    #[test]
    fn chosen_keys() {
        let cases = [
            ("a".repeat(32), true),
            ("a".repeat(31), false),
            (format!("{}\n", "a".repeat(40)), false),
            (format!("{} b", "a".repeat(40)), false),
            ("ü".repeat(40), false),
        ];
        for (text, good) in cases {
            assert_eq!(ApiKey::chosen(&text).is_ok(), good, "{text:?}");
        }
        let key = ApiKey::chosen(&"k".repeat(40)).unwrap().stored();
        assert!(key.id.starts_with('x') && key.id.len() == 17);
    }
}
