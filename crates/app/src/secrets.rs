//! The server's own secret: a key outside the database, and what is derived from it.

use crate::{Error, Random};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

const NONCE: usize = 12;

/// The secret key, 256 bits. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

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
        Ok(SecretKey(Random::default().bytes()?))
    }

    /// A key written as 64 hex digits, white space around them ignored.
    ///
    /// # Errors
    /// Says what would be right.
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
        Ok(SecretKey(key))
    }

    /// As [`SecretKey::parse`] reads it.
    pub fn reveal(&self) -> String {
        hex(&self.0)
    }

    /// Recognises the key, and gives nothing of it away.
    pub fn fingerprint(&self) -> String {
        hex(&self.mac("fingerprint", &[]))[..32].to_owned()
    }

    /// HMAC-SHA-256 over parts, each with its length before it, under a key of its own for each purpose.
    pub(crate) fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        let framed = lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]);
        hmac(&hmac(&self.0, [purpose.as_bytes()]), framed)
    }

    /// Encrypt and authenticate a text, bound to what it belongs to (ChaCha20-Poly1305, RFC 8439).
    pub(crate) fn seal(
        &self,
        purpose: &str,
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
    pub(crate) fn open(&self, purpose: &str, belongs_to: &str, sealed: &str) -> Result<String, Error> {
        let wrong = || Error::Internal(format!("a sealed text ({purpose}) cannot be opened"));
        let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| wrong())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or_else(wrong)?;
        let payload = Payload { msg: sealed, aad: belongs_to.as_bytes() };
        let text = self.cipher(purpose).decrypt(&Nonce::from(*nonce), payload).map_err(|_| wrong())?;
        String::from_utf8(text).map_err(|_| wrong())
    }

    fn cipher(&self, purpose: &str) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(hmac(&self.0, [purpose.as_bytes()])))
    }
}

fn hmac<'a>(key: &[u8; 32], parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.into_iter().for_each(|part| mac.update(part));
    let mut digest = [0; 32];
    digest.copy_from_slice(&mac.finalize().into_bytes());
    digest
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_purpose_and_place_open_what_was_sealed() {
        let (key, other) = (SecretKey([7; 32]), SecretKey([8; 32]));
        let sealed = key.seal("p", "row 1", "text", &Random::default()).unwrap();
        assert_eq!(key.open("p", "row 1", &sealed).unwrap(), "text");
        let mut altered = sealed.clone();
        altered.replace_range(20..21, if &sealed[20..21] == "A" { "B" } else { "A" });
        let cases = [
            (&other, "p", "row 1", &sealed),
            (&key, "q", "row 1", &sealed),
            (&key, "p", "row 2", &sealed),
            (&key, "p", "row 1", &altered),
        ];
        for (key, purpose, place, sealed) in cases {
            assert!(key.open(purpose, place, sealed).is_err(), "{purpose} {place}");
        }
        assert!(!sealed.contains("text"));
    }

    #[test]
    fn parts_are_framed() {
        let key = SecretKey([7; 32]);
        assert_ne!(key.mac("p", &[b"ab", b"c"]), key.mac("p", &[b"a", b"bc"]));
        assert_ne!(key.mac("p", &[b"a"]), key.mac("q", &[b"a"]));
        assert_eq!(SecretKey::parse(&key.reveal()).unwrap().fingerprint(), key.fingerprint());
        assert!(SecretKey::parse("07").is_err() && SecretKey::parse(&"x".repeat(64)).is_err());
    }
}
