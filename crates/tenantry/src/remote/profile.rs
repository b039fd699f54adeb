//! Profiles: the servers that somebody is signed in to. A file of each, in `$XDG_CONFIG_HOME/tenantry`, that only its owner
//! can read, for it has the key.

use crate::platform::exposed;
use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A server, and the key for it.
pub(crate) struct Profile {
    pub(crate) url: String,
    pub(crate) api_key: SecretString,
    /// Further certificate authorities, in a PEM file.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Where the profile of this name is kept.
pub(crate) fn path(name: &str) -> anyhow::Result<PathBuf> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.starts_with('.') || name.len() > 64 || !name.chars().all(is_plain) {
        bail!("a profile's name is made of letters, digits, -, _ and @, and {name:?} is not");
    }
    let set =
        |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
    let folder = folder.or_else(|| set("HOME").map(|home| home.join(".config")));
    let folder =
        folder.context("there is neither XDG_CONFIG_HOME nor HOME, so there is no place for profiles")?;
    Ok(folder.join("tenantry").join(format!("{name}.json")))
}

/// The profile in this file, if there is one.
pub(crate) fn read(path: &Path) -> anyhow::Result<Option<Profile>> {
    let unreadable = || format!("cannot read the profile {}", path.display());
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.with_context(unreadable)?,
    };
    if let Some(exposed) = exposed(path).with_context(unreadable)? {
        bail!("the profile {exposed}");
    }
    let broken =
        || format!("the profile {} is not whole: sign in again with `tenantry login URL`", path.display());
    // What is wrong with it is not told: it may be a part of the key.
    let value: Value = serde_json::from_slice(&text).ok().with_context(broken)?;
    let text = |field: &str| value[field].as_str().map(str::to_owned);
    let (url, api_key) = text("url").zip(text("api_key")).with_context(broken)?;
    Ok(Some(Profile { url, api_key: api_key.into(), ca_file: text("ca_file").map(PathBuf::from) }))
}

/// Writes the profile: whole or not at all, in place of an older one.
pub(crate) fn write(path: &Path, profile: &Profile) -> anyhow::Result<()> {
    let folder = path.parent().context("a profile has a folder")?;
    let value = json!({
        "url": profile.url, "api_key": profile.api_key.expose_secret(), "ca_file": profile.ca_file,
    });
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let written = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        writeln!(file, "{value:#}")?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    });
    written.with_context(|| {
        drop(std::fs::remove_file(&draft));
        format!("cannot write the profile {}", path.display())
    })
}

/// Removes the profile; whether there was one.
pub(crate) fn remove(path: &Path) -> anyhow::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot remove the profile {}", path.display())),
    }
}
