//! API keys: `tnt_`, eight characters that find the key, 256 random bits, and a check sum for secret scanners.

use crate::secrets::{Purpose, hex};
use crate::{App, Error, Random, SecretKey};
use domain::{CustomerId, PartnerId, Role, Roles, UserId, UtcSecond};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use store::Scope;
use store::users::{self, Credential, StoredKey};
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

    /// The id that finds it; not secret.
    pub(crate) fn id(&self) -> String {
        key_id(&self.0)
    }

    /// What is kept of it.
    pub(crate) fn stored(&self, secrets: &SecretKey, holder: &Holder) -> StoredKey {
        let mut credential = Credential {
            partner: holder.partner,
            user: holder.user,
            customer: holder.customer,
            role: holder.roles.to_stored(),
            expires_at: holder.expires_at.map(|end| end.as_second()),
            key: StoredKey { id: key_id(&self.0), hash: hash(&self.0), mac: String::new() },
        };
        seal(secrets, &mut credential);
        credential.key
    }
}

/// Whom a key is made for, and what it is to open.
pub(crate) struct Holder {
    pub(crate) partner: PartnerId,
    pub(crate) user: UserId,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) roles: Roles,
    pub(crate) expires_at: Option<UtcSecond>,
}

/// Turn the SHA-256 of a key into what is kept of it.
fn seal(secrets: &SecretKey, credential: &mut Credential) {
    credential.key.hash = keyed(secrets, credential, &credential.key.hash);
    credential.key.mac = mac(secrets, credential);
}

/// A key's SHA-256 under the secret key, bound to the user: in another row, or without the secret key, it is worth nothing.
fn keyed(secrets: &SecretKey, credential: &Credential, hash: &str) -> String {
    let [partner, user, customer] = numbers(credential);
    hex(&secrets.mac(Purpose::ApiKey, &[&partner, &user, &customer, hash.as_bytes()]))
}

/// Covers what a key opens.
fn mac(secrets: &SecretKey, credential: &Credential) -> String {
    let [partner, user, customer] = numbers(credential);
    let Credential { role, expires_at, key: StoredKey { id, hash, .. }, .. } = credential;
    let expires_at = expires_at.map_or(Vec::new(), |at| at.to_be_bytes().to_vec());
    let parts: [&[u8]; 7] =
        [&partner, &user, &customer, role.as_bytes(), &expires_at, id.as_bytes(), hash.as_bytes()];
    hex(&secrets.mac(Purpose::KeyOwner, &parts))
}

/// A partner's own user counts as one of the customer 0, which there is not.
fn numbers(Credential { partner, user, customer, .. }: &Credential) -> [[u8; 8]; 3] {
    [partner.0, user.0, customer.map_or(0, |customer| customer.0)].map(i64::to_be_bytes)
}

/// Whether a credential is as a server has written it.
pub(crate) fn is_genuine(secrets: &SecretKey, credential: &Credential) -> bool {
    mac(secrets, credential).as_bytes().ct_eq(credential.key.mac.as_bytes()).into()
}

/// The same credential for a user whose roles have changed. One that is not genuine stays so.
pub(crate) fn with_roles(secrets: &SecretKey, credential: &Credential, roles: Roles) -> Credential {
    let mut changed = credential.clone();
    if is_genuine(secrets, credential) {
        changed.role = roles.to_stored();
        changed.key.mac = mac(secrets, &changed);
    }
    changed
}

impl App {
    /// Turn the hashes of keys from before they were keyed into keyed ones: once in the life of a database.
    pub(crate) async fn seal_keys(&self) -> Result<(), Error> {
        let input = (Arc::clone(&self.secrets), self.clock.now());
        let sealed: usize = self
            .db
            .unchecked()
            .write(Scope::System, input, |(secrets, now), tx| {
                Box::pin(async move {
                    if !store::secrets::begin_sealing(tx, *now).await? {
                        return Ok::<_, Error>(0);
                    }
                    let start = (PartnerId(0), UserId(0));
                    let mut found = users::credentials(tx, None, start, i64::MAX).await?;
                    // Where one is sealed, this was done before, and those that are not were put there.
                    if found.iter().any(|credential| !credential.key.mac.is_empty()) {
                        return Ok(0);
                    }
                    for credential in &mut found {
                        seal(secrets, credential);
                        users::reseal(tx, credential).await?;
                    }
                    Ok(found.len())
                })
            })
            .await?;
        if sealed > 0 {
            tracing::info!(keys = sealed, "hashes of API keys are keyed by the secret key from now on");
        }
        Ok(())
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

/// What presenting a key showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is the key, and the credential is genuine.
    Good,
    /// It is another key.
    Wrong,
    /// It would be the key, but no server has written this credential.
    Forged,
}

/// Is this the key that is kept? Takes the same time for every answer.
pub(crate) fn prove(secrets: &SecretKey, presented: &str, kept: &Credential) -> Proof {
    let hash = hash(presented);
    let genuine = is_genuine(secrets, kept);
    let is_key: bool = keyed(secrets, kept, &hash).as_bytes().ct_eq(kept.key.hash.as_bytes()).into();
    // A hash that is not keyed is what one who does not have the secret key can put there.
    let planted: bool = hash.as_bytes().ct_eq(kept.key.hash.as_bytes()).into();
    match (is_key, genuine) {
        (true, true) => Proof::Good,
        (true, false) => Proof::Forged,
        (false, _) if planted => Proof::Forged,
        (false, _) => Proof::Wrong,
    }
}

/// What an unknown key is compared with, so that it costs the same as a wrong one.
pub(crate) fn decoy() -> Credential {
    Credential {
        partner: PartnerId(0),
        user: UserId(0),
        customer: None,
        role: Roles::from(Role::Viewer).to_stored(),
        expires_at: None,
        key: StoredKey { id: "00000000".into(), hash: "0".repeat(64), mac: "0".repeat(64) },
    }
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
        assert_eq!(stored(&key).id, &text[4..12]);
        assert_ne!(key, ApiKey::generate(&Random::default()).unwrap());
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
    }

    fn secrets() -> SecretKey {
        SecretKey::parse(&"07".repeat(32)).unwrap()
    }

    fn holder() -> Holder {
        let (partner, user, customer) = (PartnerId(1), UserId(2), Some(CustomerId(3)));
        Holder { partner, user, customer, roles: Role::Viewer.into(), expires_at: UtcSecond::from_second(9) }
    }

    fn stored(key: &ApiKey) -> StoredKey {
        key.stored(&secrets(), &holder())
    }

    fn kept(key: &ApiKey) -> Credential {
        let Holder { partner, user, customer, roles, expires_at } = holder();
        let (role, expires_at) = (roles.to_stored(), expires_at.map(|end| end.as_second()));
        Credential { partner, user, customer, role, expires_at, key: stored(key) }
    }

    #[test]
    fn only_the_key_itself_proves_itself() {
        let key = ApiKey::generate(&Random::default()).unwrap();
        let kept = kept(&key);
        assert_eq!(prove(&secrets(), key.reveal(), &kept), Proof::Good);
        let cases = ["", "tnt_", &key.reveal()[1..], &format!("{} ", key.reveal()), &kept.key.hash];
        for wrong in cases {
            assert_eq!(prove(&secrets(), wrong, &kept), Proof::Wrong, "{wrong:?}");
        }
        let other = SecretKey::parse(&"08".repeat(32)).unwrap();
        assert_eq!(prove(&other, key.reveal(), &kept), Proof::Wrong, "another secret key");
        assert_eq!(prove(&secrets(), key.reveal(), &decoy()), Proof::Wrong);
    }

    #[test]
    fn what_a_key_opens_cannot_be_changed_beside_the_server() {
        let key = ApiKey::generate(&Random::default()).unwrap();
        type Change = fn(&mut Credential);
        let cases: [(&str, Change, Proof); 9] = [
            ("another partner", |c| c.partner = PartnerId(2), Proof::Wrong),
            ("another user", |c| c.user = UserId(3), Proof::Wrong),
            ("another customer", |c| c.customer = Some(CustomerId(4)), Proof::Wrong),
            ("the partner itself", |c| c.customer = None, Proof::Wrong),
            ("another role", |c| c.role = "admin".into(), Proof::Forged),
            ("another expiry", |c| c.expires_at = Some(10), Proof::Forged),
            ("no expiry", |c| c.expires_at = None, Proof::Forged),
            ("no MAC", |c| c.key.mac.clear(), Proof::Forged),
            ("another id", |c| c.key.id = "abcdefgh".into(), Proof::Forged),
        ];
        for (what, change, expected) in cases {
            let mut changed = kept(&key);
            change(&mut changed);
            assert_eq!(prove(&secrets(), key.reveal(), &changed), expected, "{what}");
            // Nor does a change of the role by the server make it good again.
            let laundered = with_roles(&secrets(), &changed, Role::Admin.into());
            assert_ne!(prove(&secrets(), key.reveal(), &laundered), Proof::Good, "{what}");
        }
        // The control: the server changes the role.
        let promoted = with_roles(&secrets(), &kept(&key), Role::Admin.into());
        assert_eq!((prove(&secrets(), key.reveal(), &promoted), &*promoted.role), (Proof::Good, "admin"));
        // What one can make who knows how it was before: the plain digest of a key of one's own.
        let mut planted = kept(&key);
        planted.key.hash = hash("a key of one's own that was planted");
        assert_eq!(prove(&secrets(), "a key of one's own that was planted", &planted), Proof::Forged);
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
        let key = stored(&ApiKey::chosen(&"k".repeat(40)).unwrap());
        assert!(key.id.starts_with('x') && key.id.len() == 17);
    }
}
