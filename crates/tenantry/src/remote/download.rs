//! Files that are downloaded.

use crate::output;
use anyhow::{Context, bail};
use client::Client;
use http::header;
use std::io::Write;
use std::path::Path;

/// Downloads into a file, which is there whole or not at all; an older one is replaced.
pub(crate) async fn to_file(client: &Client, path: &str, file: &Path) -> anyhow::Result<u64> {
    let unwritable = || format!("cannot write {}", file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("download");
    let draft = folder.join(format!(".{name}.{}.part", std::process::id()));
    let written = write(client, path, &draft).await;
    match written.and_then(|bytes| {
        std::fs::rename(&draft, file)?;
        Ok(bytes)
    }) {
        Ok(bytes) => Ok(bytes),
        Err(error) => {
            drop(std::fs::remove_file(&draft));
            // What the server or the connection did stands for itself.
            if error.is::<client::Error>() { Err(error) } else { Err(error).with_context(unwritable) }
        }
    }
}

async fn write(client: &Client, path: &str, file: &Path) -> anyhow::Result<u64> {
    let mut download = client.download(path).await?;
    let mut target = std::fs::File::create(file)?;
    let mut bytes = 0;
    while let Some(piece) = download.next().await? {
        target.write_all(&piece)?;
        bytes += piece.len() as u64;
    }
    let told =
        download.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if told.is_some_and(|told: u64| told != bytes) {
        bail!("{bytes} bytes of {} came", told.unwrap_or_default());
    }
    target.sync_all()?;
    Ok(bytes)
}

/// Downloads to standard output.
pub(crate) async fn to_stdout(client: &Client, path: &str) -> anyhow::Result<()> {
    let mut download = client.download(path).await?;
    while let Some(piece) = download.next().await? {
        output::print_bytes(&piece);
        if output::reader_has_gone() {
            break;
        }
    }
    Ok(())
}
