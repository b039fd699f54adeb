//! API keys: `tnt_`, eight characters that find the key, 256 random bits, and a check sum for secret scanners.

use crate::secrets::{Purpose, hex};
use crate::{App, Error, Random, SecretKey};
use domain::{CustomerId, KeyRotation, NewKey, PartnerId, Role, Roles, UserId, UserKey};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use store::api_keys::{self, Credential, KeyRow, StoredKey};
use store::{Scope, Tx};
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
    pub(crate) fn stored(
        &self,
        secrets: &SecretKey,
        holder: &Holder,
        key: &NewKey,
        now: Timestamp,
    ) -> KeyRow {
        let mut credential = Credential {
            partner: holder.partner,
            user: holder.user,
            customer: holder.customer,
            role: holder.roles.to_stored(),
            key_role: key.roles.map(Roles::to_stored),
            addresses: key.addresses.to_stored(),
            expires_at: key.expires_at.map(|end| end.as_second()),
            key: StoredKey { id: key_id(&self.0), hash: hash(&self.0), mac: String::new() },
        };
        seal(secrets, &mut credential);
        KeyRow {
            credential,
            name: key.name.clone(),
            is_default: false,
            replaced_by: None,
            last_used_at: None,
            created_at: now,
        }
    }
}

/// The user whom a key is made for.
pub(crate) struct Holder {
    pub(crate) partner: PartnerId,
    pub(crate) user: UserId,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) roles: Roles,
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

/// Covers what a key opens. Of a key that is not narrowed it is what versions before 0.2 have written.
fn mac(secrets: &SecretKey, credential: &Credential) -> String {
    let [partner, user, customer] = numbers(credential);
    let Credential { role, key_role, addresses, expires_at, key: StoredKey { id, hash, .. }, .. } =
        credential;
    let expires_at = expires_at.map_or(Vec::new(), |at| at.to_be_bytes().to_vec());
    let key_role = key_role.as_deref().unwrap_or_default();
    let parts: [&[u8]; 9] = [
        &partner,
        &user,
        &customer,
        role.as_bytes(),
        &expires_at,
        id.as_bytes(),
        hash.as_bytes(),
        key_role.as_bytes(),
        addresses.as_bytes(),
    ];
    let is_narrowed = !key_role.is_empty() || !addresses.is_empty();
    hex(&secrets.mac(Purpose::KeyOwner, if is_narrowed { &parts } else { &parts[..7] }))
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

/// The same credential with another expiry; `None` of one that is not genuine.
pub(crate) fn with_expiry(secrets: &SecretKey, credential: &Credential, end: i64) -> Option<Credential> {
    let mut changed = credential.clone();
    is_genuine(secrets, credential).then(|| {
        changed.expires_at = Some(end);
        changed.key.mac = mac(secrets, &changed);
        changed
    })
}

/// Puts a key in the place of `old`, or of none: a user's default key then. The overlap of an earlier rotation ends.
pub(crate) async fn rotate(
    tx: &mut Tx,
    secrets: &SecretKey,
    holder: &Holder,
    old: Option<&KeyRow>,
    key: &ApiKey,
    rotation: KeyRotation,
    now: Timestamp,
) -> Result<UserKey, Error> {
    let expires_at = rotation.expires_at;
    // What a key is narrowed to is only taken from one that a server has written.
    let new = match old.filter(|old| is_genuine(secrets, &old.credential)) {
        Some(old) => {
            let UserKey { name, roles, addresses, .. } = old.shown()?;
            NewKey { name, roles, addresses, expires_at }
        }
        None => NewKey::default_key(expires_at),
    };
    let mut row = key.stored(secrets, holder, &new, now);
    row.is_default = old.is_none_or(|old| old.is_default);
    if let Some(old) = old {
        let end = now.as_second() + rotation.overlap_seconds;
        let end = old.credential.expires_at.map_or(end, |before| before.min(end));
        let lives_on = if end > now.as_second() { with_expiry(secrets, &old.credential, end) } else { None };
        let id = &old.credential.key.id;
        match lives_on {
            Some(credential) => {
                api_keys::delete_replaced(tx, holder.partner, holder.user, id).await?;
                api_keys::replace(tx, &credential, &row.credential.key.id).await?;
            }
            None => api_keys::delete(tx, holder.partner, holder.user, id).await?,
        }
    }
    api_keys::insert(tx, &row).await?;
    Ok(row.shown()?)
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
                    let mut found = api_keys::credentials(tx, None, (PartnerId(0), ""), i64::MAX).await?;
                    // Where one is sealed, this was done before, and those that are not were put there.
                    if found.iter().any(|credential| !credential.key.mac.is_empty()) {
                        return Ok(0);
                    }
                    for credential in &mut found {
                        seal(secrets, credential);
                        api_keys::reseal(tx, credential).await?;
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
        key_role: None,
        addresses: String::new(),
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
    use domain::{AddressRanges, UtcSecond};

    #[test]
    fn a_generated_key_has_the_documented_form() {
        let key = ApiKey::generate(&Random::default()).unwrap();
        let text = key.reveal();
        assert!(text.starts_with("tnt_"), "{text}");
        assert_eq!(text.len(), 4 + 8 + 44 + 6);
        assert!(text[4..].bytes().all(|b| b.is_ascii_alphanumeric()));
        let (body, sum) = text.split_at(text.len() - SUM);
        assert_eq!(sum, padded(u128::from(crc32fast::hash(body.as_bytes())), SUM));
        assert_eq!(kept(&key).key.id, &text[4..12]);
        assert_ne!(key, ApiKey::generate(&Random::default()).unwrap());
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
    }

    fn secrets() -> SecretKey {
        SecretKey::parse(&"07".repeat(32)).unwrap()
    }

    fn kept(key: &ApiKey) -> Credential {
        let (partner, user, customer) = (PartnerId(1), UserId(2), Some(CustomerId(3)));
        let holder = Holder { partner, user, customer, roles: Role::Viewer.into() };
        let new = NewKey::default_key(UtcSecond::from_second(9));
        key.stored(&secrets(), &holder, &new, Timestamp::UNIX_EPOCH).credential
    }

    /// A key that may be used as a viewer, from some addresses alone.
    fn narrowed(key: &ApiKey) -> Credential {
        let holder = Holder {
            partner: PartnerId(1),
            user: UserId(2),
            customer: None,
            roles: Role::Admin | Role::Viewer,
        };
        let new = NewKey {
            roles: Some(Role::Viewer.into()),
            addresses: AddressRanges::from_stored("10.0.0.0/8").unwrap(),
            ..NewKey::default_key(None)
        };
        key.stored(&secrets(), &holder, &new, Timestamp::UNIX_EPOCH).credential
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
        // Nor can it be widened.
        let cases: [(&str, Change); 5] = [
            ("other roles", |c| c.key_role = Some("admin".into())),
            ("all roles", |c| c.key_role = None),
            ("other addresses", |c| c.addresses = "0.0.0.0/0".into()),
            ("all addresses", |c| c.addresses.clear()),
            ("not narrowed", |c| (c.key_role, c.addresses) = (None, String::new())),
        ];
        let as_made = narrowed(&key);
        assert_eq!(prove(&secrets(), key.reveal(), &as_made), Proof::Good);
        assert_eq!(as_made.roles().unwrap(), Some(Role::Viewer.into()));
        for (what, change) in cases {
            let mut changed = as_made.clone();
            change(&mut changed);
            assert_eq!(prove(&secrets(), key.reveal(), &changed), Proof::Forged, "{what}");
            assert!(with_expiry(&secrets(), &changed, 9).is_none(), "{what}");
        }
        let ending = with_expiry(&secrets(), &as_made, 9).unwrap();
        assert_eq!((prove(&secrets(), key.reveal(), &ending), ending.expires_at), (Proof::Good, Some(9)));
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
        let id = kept(&ApiKey::chosen(&"k".repeat(40)).unwrap()).key.id;
        assert!(id.starts_with('x') && id.len() == 17);
    }
}
