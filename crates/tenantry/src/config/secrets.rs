//! Secrets in files. For a secret variable `NAME`, the variable `NAME_FILE` may name a file that holds it, and systemd's
//! credentials (`LoadCredential=NAME:…`) may have one that is called `NAME`.

use anyhow::{Context, bail};
use bill_storage::Settings;
use std::path::{Path, PathBuf};

/// Folder of systemd's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// File that holds the secret `name`: that of the variable `NAME_FILE`, else systemd's credential.
///
/// # Errors
/// Both `NAME` and `NAME_FILE` are set.
pub(crate) fn file_of(name: &str) -> anyhow::Result<Option<PathBuf>> {
    let variable = format!("{name}_FILE");
    if let Some(file) = std::env::var_os(&variable) {
        if std::env::var_os(name).is_some() {
            bail!("give {name} or {variable}, not both");
        }
        return Ok(Some(file.into()));
    }
    Ok(credential(name))
}

/// systemd's credential of that name.
pub(crate) fn credential(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(CREDENTIALS)?;
    Some(Path::new(&folder).join(name)).filter(|file| file.exists())
}

/// Content of a secret's file, without white space at its ends.
pub(crate) fn read(name: &str, file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| match looks_like_a_file(file) {
        true => format!("{name}: cannot read {}", file.display()),
        false => format!(
            "{name}: cannot read the file that is named: give the file's path there, not what is in it"
        ),
    })?;
    let text = text.trim();
    if text.is_empty() {
        bail!("{name}: the file {} is empty", file.display());
    }
    Ok(text.to_owned())
}

/// Whether this is no URL and no key, which are not to be shown: something of the path is there, or it is shorter than keys.
fn looks_like_a_file(path: &Path) -> bool {
    /// Characters of the shortest key.
    const KEY: usize = 24;
    let is_there = |path: &Path| path.file_name().is_some() && path.exists();
    let is_short = |text: &str| text.len() < KEY && !text.starts_with("tnt_");
    let text = path.to_string_lossy();
    !text.contains("://") && (is_short(&text) || path.ancestors().any(is_there))
}

/// Secrets of object stores.
const OF_OBJECT_STORES: [&str; 4] =
    ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_CLIENT_SECRET"];

/// What the environment says of the object store, with the secrets that are in files.
pub(crate) fn of_object_store() -> anyhow::Result<Settings> {
    let mut settings = Settings::from_env();
    for name in OF_OBJECT_STORES {
        if let Some(secret) = from_file(name)? {
            settings = settings.with(name, &secret);
        }
    }
    Ok(settings)
}

/// The secret `name` out of a file; `None` where no file is named.
pub(crate) fn from_file(name: &str) -> anyhow::Result<Option<String>> {
    file_of(name)?.map(|file| read(name, &file)).transpose()
}
