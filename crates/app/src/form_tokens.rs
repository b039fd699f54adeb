//! Tokens of forms, which only pages of this browser have. Nothing is stored for them.

use crate::secrets::{Purpose, hex};
use crate::{App, Error, SecretKey};
use subtle::ConstantTimeEq;

/// The length of the random part of a form token, and of its MAC, in hex digits.
const FORM_NONCE: usize = 16;
const FORM_MAC: usize = 32;

impl App {
    /// A token for the forms of the browser that has this secret in a cookie. Each call gives another one, so that compressed
    /// pages do not give it away bit by bit (BREACH).
    ///
    /// # Errors
    /// [`Error::Internal`] without randomness.
    pub fn form_token(&self, secret: &str) -> Result<String, Error> {
        let nonce = hex(&self.random.bytes::<{ FORM_NONCE / 2 }>()?);
        let mac = form_mac(&self.secrets, secret, &nonce);
        Ok(nonce + &mac)
    }

    /// Whether a form was given out to the browser that has this secret.
    pub fn is_form_token(&self, secret: &str, token: &str) -> bool {
        let Some((nonce, mac)) = token.split_at_checked(FORM_NONCE) else { return false };
        !secret.is_empty()
            && bool::from(form_mac(&self.secrets, secret, nonce).as_bytes().ct_eq(mac.as_bytes()))
    }

    /// A secret for the forms of a browser that has no session: 32 hex digits.
    ///
    /// # Errors
    /// [`Error::Internal`] without randomness.
    pub fn form_secret(&self) -> Result<String, Error> {
        self.random.long_id()
    }
}

fn form_mac(secrets: &SecretKey, secret: &str, nonce: &str) -> String {
    let mac = secrets.mac(Purpose::Session, &[b"form", secret.as_bytes(), nonce.as_bytes()]);
    hex(&mac)[..FORM_MAC].to_owned()
}
