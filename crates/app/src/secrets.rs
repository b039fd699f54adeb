//! The server's secret key, which is stored outside the database, and the keys derived from it.

use crate::{Error, Random};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

const NONCE: usize = 12;

/// A use of the secret key. Each purpose has its own derived key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Fingerprint,
    AuditEvent,
    AuditHead,
    Idempotency,
    Directory,
    ApiKey,
    KeyOwner,
    Anchor,
    Export,
    AuditCut,
    Session,
    Provider,
    SignIn,
    UserAccess,
}

impl Purpose {
    const ALL: [Purpose; 14] = [
        Purpose::Fingerprint,
        Purpose::AuditEvent,
        Purpose::AuditHead,
        Purpose::Idempotency,
        Purpose::Directory,
        Purpose::ApiKey,
        Purpose::KeyOwner,
        Purpose::Anchor,
        Purpose::Export,
        Purpose::AuditCut,
        Purpose::Session,
        Purpose::Provider,
        Purpose::SignIn,
        Purpose::UserAccess,
    ];

    fn name(self) -> &'static str {
        match self {
            Purpose::Fingerprint => "fingerprint",
            Purpose::AuditEvent => "audit event",
            Purpose::AuditHead => "audit head",
            Purpose::Idempotency => "idempotency",
            Purpose::Directory => "directory credentials",
            Purpose::ApiKey => "API key",
            Purpose::KeyOwner => "owner of an API key",
            Purpose::Anchor => "audit anchor",
            Purpose::Export => "audit export",
            Purpose::AuditCut => "audit cut",
            Purpose::Session => "console session",
            Purpose::Provider => "provider of sign-ins",
            Purpose::SignIn => "sign-in under way",
            Purpose::UserAccess => "access of a user",
        }
    }
}

/// The secret key, 256 bits. `Debug` does not show it.
#[derive(Clone)]
pub struct SecretKey {
    key: [u8; 32],
    /// The derived key of each purpose, in the order of [`Purpose::ALL`], and its initialized HMAC.
    derived: [([u8; 32], Hmac<Sha256>); Purpose::ALL.len()],
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl SecretKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`Error::Internal`] if the operating system has no randomness.
    pub fn generate() -> Result<Self, Error> {
        Ok(SecretKey::of(Random::default().bytes()?))
    }

    /// A key written as 64 hex digits, white space around them ignored.
    ///
    /// # Errors
    /// A message that says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let mut key = [0; 32];
        let wrong = || "must hold 64 hex digits (openssl rand -hex 32 makes them)".to_owned();
        if text.len() != 64 {
            return Err(wrong());
        }
        for (byte, pair) in key.iter_mut().zip(text.chunks(2)) {
            *byte = (digit(pair[0]).ok_or_else(wrong)? << 4) | digit(pair[1]).ok_or_else(wrong)?;
        }
        Ok(SecretKey::of(key))
    }

    fn of(key: [u8; 32]) -> Self {
        let derived = Purpose::ALL.map(|purpose| {
            let own = finish(keyed(&key).chain_update(purpose.name()));
            (own, keyed(&own))
        });
        SecretKey { key, derived }
    }

    /// The key in the format of [`SecretKey::parse`].
    pub fn reveal(&self) -> String {
        hex(&self.key)
    }

    /// A fingerprint that identifies the key without revealing it: 32 hex digits.
    pub fn fingerprint(&self) -> String {
        hex(&self.mac(Purpose::Fingerprint, &[]))[..32].to_owned()
    }

    /// HMAC-SHA-256 under the purpose's key, over parts that each follow their length.
    pub(crate) fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.derived[purpose as usize].1.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        finish(mac)
    }

    /// Encrypts and authenticates a text, with `belongs_to` as associated data (ChaCha20-Poly1305, RFC 8439).
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        belongs_to: &str,
        text: &str,
        random: &Random,
    ) -> Result<String, Error> {
        let nonce: [u8; NONCE] = random.bytes()?;
        let payload = Payload { msg: text.as_bytes(), aad: belongs_to.as_bytes() };
        let sealed = self.cipher(purpose).encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| Error::Internal("cannot encrypt".into()))?;
        Ok(STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The text that was sealed; an error if it was altered, moved, or sealed with another key.
    pub(crate) fn open(&self, purpose: Purpose, belongs_to: &str, sealed: &str) -> Result<String, Error> {
        let wrong = || Error::Internal(format!("a sealed text ({}) cannot be opened", purpose.name()));
        let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| wrong())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or_else(wrong)?;
        let payload = Payload { msg: sealed, aad: belongs_to.as_bytes() };
        let text = self.cipher(purpose).decrypt(&Nonce::from(*nonce), payload).map_err(|_| wrong())?;
        String::from_utf8(text).map_err(|_| wrong())
    }

    fn cipher(&self, purpose: Purpose) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(self.derived[purpose as usize].0))
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn finish(mac: Hmac<Sha256>) -> [u8; 32] {
    mac.finalize().into_bytes().into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 0xf)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decryption_requires_the_same_key_purpose_and_associated_data() {
        let (key, other) = (SecretKey::of([7; 32]), SecretKey::of([8; 32]));
        let sealed = key.seal(Purpose::Idempotency, "row 1", "text", &Random::default()).unwrap();
        assert_eq!(key.open(Purpose::Idempotency, "row 1", &sealed).unwrap(), "text");
        let mut altered = sealed.clone();
        altered.replace_range(20..21, if &sealed[20..21] == "A" { "B" } else { "A" });
        let cases = [
            (&other, Purpose::Idempotency, "row 1", &sealed),
            (&key, Purpose::Directory, "row 1", &sealed),
            (&key, Purpose::Idempotency, "row 2", &sealed),
            (&key, Purpose::Idempotency, "row 1", &altered),
        ];
        for (key, purpose, place, sealed) in cases {
            assert!(key.open(purpose, place, sealed).is_err(), "{purpose:?} {place}");
        }
        assert!(!sealed.contains("text"));
    }

    #[test]
    fn purposes_are_indexed_by_their_position() {
        for (place, purpose) in Purpose::ALL.into_iter().enumerate() {
            assert_eq!(purpose as usize, place);
        }
    }

    #[test]
    fn fingerprints_and_macs_of_earlier_versions_are_recognized() {
        let key = SecretKey::of([7; 32]);
        assert_eq!(key.fingerprint(), "994f0e9265abb3560b79e36807589641");
        assert_eq!(
            hex(&key.mac(Purpose::AuditHead, &[b"ab", b"c"])),
            "d275f6ba713704f4360bd7d425ad33b43154cf94c50dab0962878c62cac4ffd9"
        );
    }

    #[test]
    fn macs_distinguish_the_boundaries_of_parts() {
        let key = SecretKey::of([7; 32]);
        assert_ne!(
            key.mac(Purpose::Idempotency, &[b"ab", b"c"]),
            key.mac(Purpose::Idempotency, &[b"a", b"bc"])
        );
        assert_ne!(key.mac(Purpose::Idempotency, &[b"a"]), key.mac(Purpose::Directory, &[b"a"]));
        assert_eq!(SecretKey::parse(&key.reveal()).unwrap().fingerprint(), key.fingerprint());
        assert!(SecretKey::parse("07").is_err() && SecretKey::parse(&"x".repeat(64)).is_err());
    }
}
