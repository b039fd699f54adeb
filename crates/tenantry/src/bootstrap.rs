//! The first start: the admin's key, and where it goes.

use crate::config::secrets;
use crate::platform::write_private;
use anyhow::anyhow;
use app::{ApiKey, App, Random};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

const KEY: &str = "TENANTRY_BOOTSTRAP_KEY";
/// The file of the first key, beside the secret key.
const FILE: &str = "admin.key";

/// What became of the first admin's key.
pub(crate) enum FirstKey {
    /// There was an admin already.
    None,
    /// It was made now, and is shown this once.
    Shown(ApiKey),
    /// It was made now, and is in this file.
    Written(PathBuf),
    /// The operator chose it; as a shell says it.
    Chosen(String),
}

/// The key that the operator has chosen for the first admin, and how a shell says it.
pub(crate) fn chosen() -> anyhow::Result<Option<(ApiKey, String)>> {
    let (text, shell) = match (secrets::file_of(KEY)?, std::env::var(KEY)) {
        (Some(file), _) => (secrets::read(KEY, &file)?, format!("$(cat {})", file.display())),
        (None, Ok(text)) => (text, format!("${KEY}")),
        (None, Err(_)) => return Ok(None),
    };
    let key = ApiKey::chosen(&text).map_err(|wrong| anyhow!("{KEY} {wrong}"))?;
    Ok(Some((key, shell)))
}

/// Give an empty database its first partner. A key that is made for it is shown where somebody sees it: on a terminal,
/// or by a sandbox, whose key opens nothing of worth. Elsewhere standard output is a journal, so it goes into a file.
pub(crate) async fn run(
    app: &App,
    chosen: Option<(ApiKey, String)>,
    sandbox: bool,
    secret_key: &Path,
) -> anyhow::Result<FirstKey> {
    if let Some((key, shell)) = chosen {
        let founded = app.bootstrap(Some(key)).await?;
        return Ok(founded.map_or(FirstKey::None, |_| FirstKey::Chosen(shell)));
    }
    if sandbox || std::io::stdout().is_terminal() {
        return Ok(app.bootstrap(None).await?.map_or(FirstKey::None, |founded| FirstKey::Shown(founded.key)));
    }
    if app.has_partners().await? {
        return Ok(FirstKey::None);
    }
    // The file first: a key that is nowhere would be lost.
    let (path, key) = (secret_key.with_file_name(FILE), ApiKey::generate(&Random::default())?);
    write_private(&path, key.reveal()).map_err(|error| {
        let why = store::describe_path_error("cannot write the first admin's key into", &path, &error);
        anyhow!("{why}; or choose a key ({KEY})")
    })?;
    match app.bootstrap(Some(key)).await {
        Ok(Some(_)) => {
            tracing::warn!(
                path = %path.display(),
                "the key of the first admin is in this file: take it from there, then remove the file"
            );
            Ok(FirstKey::Written(path))
        }
        // Another server was faster, or this one failed: the key opens nothing.
        other => {
            std::fs::remove_file(&path)?;
            other?;
            Ok(FirstKey::None)
        }
    }
}

/// For the operator: where the server is, the first key, and a first request to paste on a terminal.
pub(crate) fn greet(url: &str, sandbox: bool, first: &FirstKey) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let kind = if sandbox { " (sandbox)" } else { "" };
    writeln!(out, "Tenantry {}{kind} listens on {url}", env!("CARGO_PKG_VERSION"))?;
    let shell = match first {
        FirstKey::Shown(key) => {
            writeln!(
                out,
                "\nThe admin key of the partner \"default\", shown only this once:\n\n    {}",
                key.reveal()
            )?;
            key.reveal().to_owned()
        }
        FirstKey::Written(path) => {
            writeln!(
                out,
                "\nThe admin key of the partner \"default\" is in {}: take it from there, then remove the file.",
                path.display()
            )?;
            return out.flush();
        }
        FirstKey::Chosen(shell) => shell.clone(),
        FirstKey::None => "$TENANTRY_KEY".to_owned(),
    };
    if !sandbox && !std::io::stdout().is_terminal() {
        return out.flush();
    }
    writeln!(
        out,
        "\nCreate a customer:\n\n    curl -i {url}/v2/customers \\\n      -H \"Authorization: Bearer {shell}\" \
         -H \"Content-Type: application/json\" \\\n      -d '{{\"name\": \"Acme Corp\", \"address\": {{\"street1\": \
         \"1 Main St\", \"city\": \"Springfield\",\n           \"state\": \"MA\", \"zipcode\": \"01234\", \"country\": \
         \"US\"}}}}'\n"
    )?;
    out.flush()
}
