//! What is shown of API keys.

use crate::cx::Cx;
use crate::format::{self, Time};
use crate::layout::role_name;
use domain::{UserKey, UtcSecond};
use jiff::Timestamp;

/// The state of a key, or of a user's default key.
pub(crate) enum Key {
    None,
    Live(Option<Time>),
    Expired(Time),
}

/// A key in the table of a user's keys.
pub(crate) struct KeyLine {
    pub(crate) id: String,
    pub(crate) name: String,
    /// What it is narrowed to: roles and addresses.
    pub(crate) narrowed: Vec<String>,
    pub(crate) state: Key,
    pub(crate) last_used: Option<Time>,
    /// Another key has come in its place.
    pub(crate) is_replaced: bool,
}

pub(super) fn state(cx: &Cx, has_key: bool, expires_at: Option<UtcSecond>) -> Key {
    let expiry = expires_at.and_then(|end| {
        let at = Timestamp::from_second(end.as_second()).ok()?;
        Some((end.reached(cx.app.now()), format::time(cx.lang, at)))
    });
    match (has_key, expiry) {
        (false, _) => Key::None,
        (true, Some((true, at))) => Key::Expired(at),
        (true, at) => Key::Live(at.map(|(_, at)| at)),
    }
}

pub(super) fn line(cx: &Cx, key: &UserKey) -> KeyLine {
    let names = |role| role_name(cx.lang, role);
    let roles = key.roles.map(|roles| roles.iter().map(names).collect::<Vec<_>>().join(", "));
    let addresses = (!key.addresses.is_empty()).then(|| key.addresses.to_stored().replace(',', ", "));
    KeyLine {
        id: key.id.clone(),
        name: key.name.clone(),
        narrowed: roles.into_iter().chain(addresses).collect(),
        state: state(cx, true, key.expires_at),
        last_used: key.last_used_at.map(|at| format::time(cx.lang, at)),
        is_replaced: key.replaced_by.is_some(),
    }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<KeyLine> {
    use crate::layout::samples::time;
    let key = |state, last_used, is_replaced| KeyLine {
        id: "a1B2c3D4".into(),
        name: "Nightly <b>".into(),
        narrowed: vec!["Viewer".into(), "203.0.113.0/24".into()],
        state,
        last_used,
        is_replaced,
    };
    vec![
        key(Key::Live(None), None, false),
        key(Key::Live(Some(time())), Some(time()), true),
        key(Key::Expired(time()), None, false),
    ]
}
