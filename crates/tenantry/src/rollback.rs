//! `tenantry admin rollback`

use crate::platform::Platform;
use crate::progress::Bar;
use anyhow::{Context, bail};
use app::Clock;
use clap::Args;
use std::path::{Path, PathBuf};

/// Go back to the backup that was made before a new version upgraded the database's schema, so that the version before it
/// can serve again. What was changed since then is lost. Stop the server first. A SQLite database is kept beside the new one,
/// under another name; a PostgreSQL database is left as it is, and --into names a new, empty one.
#[derive(Args)]
pub(crate) struct RollbackArgs {
    /// The backup [default: the newest that was made before an upgrade]
    file: Option<PathBuf>,
    /// The new, empty database that the backup is restored into, in place of the present one.
    #[arg(long, env = "TENANTRY_ROLLBACK_INTO", value_name = "URL", hide_env_values = true)]
    into: Option<String>,
    /// Do it: without this, it is only said what would be done.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    platform: Platform,
}

pub(crate) async fn run(args: RollbackArgs) -> anyhow::Result<()> {
    let RollbackArgs { file, into, yes, platform } = args;
    let url = platform.database.url();
    let file = match file {
        Some(file) => file,
        None => platform.upgrades.newest(&platform.key_file.own_path(&platform.database))?,
    };
    let current = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    if into.is_none() && current.is_none() {
        bail!("name a new, empty PostgreSQL database with --into; the present one is left as it is");
    }
    let target = into.clone().unwrap_or_else(|| url.to_owned());
    println!("backup    {}", file.display());
    println!("restored  into {}", store::name_of(&target)?);
    if !yes {
        println!("What was changed after the backup was made is lost. Repeat with --yes to do it.");
        return Ok(());
    }
    if into.is_none()
        && let Some(user) = store::transfer::used_by(url).await?
    {
        bail!("the database is in use by {user}: stop the server first");
    }
    let kept = match (&into, current) {
        (None, Some(path)) => Some(set_aside(Path::new(path))?),
        _ => None,
    };
    let mut bar = Bar::new();
    let options = platform.database.options();
    let restored =
        store::transfer::restore(&file, &target, options, Clock::System.now(), &mut |at| bar.show(at)).await;
    bar.end();
    let restored = restored.with_context(|| match &kept {
        Some(kept) => format!("not rolled back; the database is at {}", kept.display()),
        None => "not rolled back".to_owned(),
    })?;
    println!("{} rows of {} tables, verified", restored.rows(), restored.tables.len());
    if let Some(kept) = kept {
        println!("The database as it was is at {}: remove it when nothing in it is needed.", kept.display());
    }
    println!(
        "Now start the version before the upgrade; this version would upgrade the database again. The audit trail's anchor \
         knows of what is lost: `tenantry admin audit accept` says why."
    );
    Ok(())
}

/// Rename a SQLite database and its log; where it is now.
fn set_aside(path: &Path) -> anyhow::Result<PathBuf> {
    let named = |suffix: &str, path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let kept = named(&format!(".rolled-back-{}", Clock::System.now().strftime("%Y%m%dT%H%M%SZ")), path);
    for suffix in ["-wal", "-shm", ""] {
        let from = named(suffix, path);
        if from.exists() {
            std::fs::rename(&from, named(suffix, &kept))
                .with_context(|| format!("cannot rename {}", from.display()))?;
        }
    }
    Ok(kept)
}
