//! What the MACs of events and heads cover.

use crate::secrets::{Purpose, hex};
use crate::{Error, Random, SecretKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use domain::PartnerId;
use sha2::{Digest, Sha256};
use store::audit::{Cut, Event, Head};

/// The form of an event's MAC that covers commitments to `before` and `after` instead of the texts.
const WITH_COMMITMENTS: &[u8] = b"2";

/// 128 random bits, in Base64.
pub(super) fn salt(random: &Random) -> Result<String, Error> {
    Ok(STANDARD_NO_PAD.encode(random.bytes::<16>()?))
}

/// Tells nothing of a text without the salt, and fits no other text.
pub(super) fn commitment(salt: &str, text: &str) -> String {
    let framed = (salt.len() as u64).to_be_bytes();
    hex(&Sha256::new().chain_update(framed).chain_update(salt).chain_update(text).finalize())
}

/// The commitments to `before` and `after`; `None` for an event from before there were any.
pub(super) fn commitments(event: &Event) -> Option<[Option<String>; 2]> {
    let of = |salt: &str, text: &Option<String>| text.as_ref().map(|text| commitment(salt, text));
    match (&event.erased, &event.salt) {
        (Some(erased), _) => Some(erased.clone()),
        (None, Some(salt)) => Some([of(salt, &event.before), of(salt, &event.after)]),
        (None, None) => None,
    }
}

pub(super) fn of_event(secrets: &SecretKey, partner: PartnerId, event: &Event, mac_before: &str) -> String {
    let numbers = [partner.0, event.shard, event.seq, event.at].map(i64::to_be_bytes);
    let user = event.user.map_or(String::new(), |user| user.to_string());
    let optional = |text: &Option<String>| text.as_ref().map_or(String::new(), |text| format!("={text}"));
    let commitments = commitments(event);
    let form = commitments.is_some().then_some(WITH_COMMITMENTS);
    let [before, after] = match &commitments {
        Some(commitments) => commitments.each_ref().map(optional),
        None => [&event.before, &event.after].map(optional),
    };
    let (key_id, reason) = (optional(&event.key_id), optional(&event.reason));
    let texts: [&str; 10] = [
        mac_before,
        &user,
        &key_id,
        &event.action,
        &event.object,
        &before,
        &after,
        &reason,
        &event.origin,
        &event.request_id,
    ];
    // Events from before there were ids have none, in their MAC either.
    let id = event.id.to_be_bytes();
    let id = (event.id != 0).then_some(&id[..]);
    let texts = texts.iter().map(|text| text.as_bytes());
    let parts: Vec<&[u8]> =
        form.into_iter().chain(numbers.iter().map(|n| &n[..])).chain(texts).chain(id).collect();
    hex(&secrets.mac(Purpose::AuditEvent, &parts))
}

pub(super) fn of_head(secrets: &SecretKey, partner: PartnerId, head: &Head) -> String {
    let numbers = [partner.0, head.shard, head.seq].map(i64::to_be_bytes);
    let broken = head.broken.to_be_bytes();
    let broken = (head.broken != 0).then_some(&broken[..]);
    let parts: Vec<&[u8]> =
        numbers.iter().map(|n| &n[..]).chain([head.last_mac.as_bytes()]).chain(broken).collect();
    hex(&secrets.mac(Purpose::AuditHead, &parts))
}

pub(super) fn of_cut(secrets: &SecretKey, partner: PartnerId, cut: &Cut) -> String {
    let numbers = [partner.0, cut.shard, cut.seq].map(i64::to_be_bytes);
    let parts: Vec<&[u8]> = numbers.iter().map(|n| &n[..]).chain([cut.last_mac.as_bytes()]).collect();
    hex(&secrets.mac(Purpose::AuditCut, &parts))
}
