//! Backups that the server makes by itself: by schedule, each restored once to prove it, and before an upgrade of the schema.

use anyhow::{Context, bail};
use app::Clock;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use metrics::{counter, gauge};
use rustix::fs::Access;
use rustix::io::Errno;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use store::transfer;

/// How often it is looked whether a backup is due.
const LOOK: Duration = Duration::from_secs(30);
/// Names of scheduled backups, and of those before an upgrade: these and the time, UTC.
const SCHEDULED: &str = "tenantry-";
const BEFORE_UPGRADE: &str = "before-upgrade-";
const EXTENSION: &str = ".backup";
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// In place of a folder: no backup.
const NONE: &str = "none";

/// Backups by schedule.
#[derive(Args, Clone)]
#[command(next_help_heading = "Backups")]
pub(crate) struct ScheduleArgs {
    /// The folder that the server puts backups of its database into, by schedule. Each is restored into a scratch file and
    /// compared before it counts. The secret key and the bills are not in it.
    #[arg(long, env = "TENANTRY_BACKUP_TO", value_name = "FOLDER")]
    backup_to: Option<PathBuf>,
    /// Time between two backups, such as `24h` or `30m`.
    #[arg(long, env = "TENANTRY_BACKUP_EVERY", value_name = "DURATION", default_value = "24h")]
    backup_every: Every,
    /// How many scheduled backups are kept; older ones are removed when a newer one is proven.
    #[arg(long, env = "TENANTRY_BACKUP_KEEP", value_name = "COUNT", default_value = "14",
          value_parser = clap::value_parser!(u16).range(1..))]
    backup_keep: u16,
}

/// Where the backup before an upgrade goes.
#[derive(Args, Clone)]
#[command(next_help_heading = "Backups")]
pub(crate) struct UpgradeArgs {
    /// The folder for the backup that is made before a new version changes the schema of a database; `none` for none
    /// [default: the folder backups beside the secret key]
    #[arg(long, env = "TENANTRY_UPGRADE_BACKUP_TO", value_name = "FOLDER")]
    upgrade_backup_to: Option<PathBuf>,
}

/// A time of at least a second.
#[derive(Clone, Copy)]
struct Every(SignedDuration);

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<SignedDuration>() {
            Ok(every) if every >= SignedDuration::from_secs(1) => Ok(Every(every)),
            _ => Err("must be a duration of at least a second, such as 24h or 30m".to_owned()),
        }
    }
}

/// Backups of one kind in a folder, the oldest first, and when each was made.
fn listed(folder: &Path, kind: &str) -> std::io::Result<Vec<(Timestamp, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let time = name.strip_prefix(kind).and_then(|name| name.strip_suffix(EXTENSION));
        let time = time.and_then(|time| jiff::civil::DateTime::strptime(TIME, time).ok());
        if let Some(time) = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok()) {
            found.push((time.timestamp(), path));
        }
    }
    found.sort();
    Ok(found)
}

fn path_in(folder: &Path, kind: &str, now: Timestamp) -> PathBuf {
    folder.join(format!("{kind}{}{EXTENSION}", now.strftime(TIME)))
}

fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| {
        anyhow::anyhow!(store::describe_path_error("cannot make the folder", folder, &error))
    })
}

/// What keeps this process from making a folder, or from writing into it.
pub(crate) fn obstacle(folder: &Path) -> Option<String> {
    let absolute = std::path::absolute(folder).ok()?;
    let there = absolute.ancestors().find(|path| path.exists())?;
    let access = if there.is_dir() {
        rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK)
    } else {
        Err(Errno::NOTDIR)
    };
    let what = if there == absolute { "cannot write into the folder" } else { "cannot make the folder" };
    access.err().map(|error| store::describe_path_error(what, folder, &error.into()))
}

impl ScheduleArgs {
    /// The folder of scheduled backups.
    pub(crate) fn to(&self) -> Option<&Path> {
        self.backup_to.as_deref()
    }

    /// The folder must be there, or be made, at the start: later nobody looks.
    pub(crate) fn prepare(&self) -> anyhow::Result<()> {
        self.backup_to.as_deref().map_or(Ok(()), make_private)
    }

    /// Make backups when they are due, for ever.
    pub(crate) async fn keep(self, database: String) {
        let Some(folder) = &self.backup_to else { return };
        let mut ticks = tokio::time::interval(LOOK.min(self.backup_every.0.unsigned_abs()));
        loop {
            ticks.tick().await;
            if let Err(error) = self.look(folder, &database).await {
                counter!("tenantry_backups_total", "outcome" => "failed").increment(1);
                let error = format!("{error:#}");
                tracing::error!(folder = %folder.display(), error, "scheduled backup failed");
            }
        }
    }

    /// Make a backup if the last one is old enough.
    async fn look(&self, folder: &Path, database: &str) -> anyhow::Result<()> {
        let backups = listed(folder, SCHEDULED).context("cannot read the folder of backups")?;
        let now = Clock::System.now();
        if let Some((last, _)) = backups.last() {
            gauge!("tenantry_backup_last_proven_timestamp_seconds").set(last.as_second() as f64);
            if now.duration_since(*last) < self.backup_every.0 {
                return Ok(());
            }
        }
        let path = path_in(folder, SCHEDULED, now);
        clear_leftovers(folder)?;
        let rows = on_own_thread(database.to_owned(), path.clone()).await?;
        counter!("tenantry_backups_total", "outcome" => "proven").increment(1);
        gauge!("tenantry_backup_last_proven_timestamp_seconds").set(now.as_second() as f64);
        tracing::info!(path = %path.display(), rows, "scheduled backup made, restored and compared");
        let old = (backups.len() + 1).saturating_sub(self.backup_keep.into());
        for (_, path) in &backups[..old.min(backups.len())] {
            std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
            tracing::info!(path = %path.display(), "old scheduled backup removed");
        }
        Ok(())
    }
}

/// What a server that was stopped in the middle of a backup has left behind.
fn clear_leftovers(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_ours = name.trim_start_matches('.').starts_with(SCHEDULED);
        if is_ours && [".unproven", ".scratch"].iter().any(|part| name.contains(part)) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Backups are long work without a pause, so they have a thread and a runtime of their own: requests do not wait for them,
/// nor does the end of the server.
async fn on_own_thread(database: String, path: PathBuf) -> anyhow::Result<u64> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let proven = runtime.map_err(anyhow::Error::from);
        let _ = tell.send(proven.and_then(|runtime| runtime.block_on(make_and_prove(&database, &path))));
    };
    std::thread::Builder::new().name("backup".to_owned()).spawn(work)?;
    told.await.context("the backup's thread ended without a word")?
}

/// A backup that has its name only after it was restored into a scratch file and compared; the rows in it.
async fn make_and_prove(database: &str, path: &Path) -> anyhow::Result<u64> {
    let unproven = path.with_extension("unproven");
    let scratch = path.with_extension("scratch");
    let clear = || {
        for file in [&unproven, &scratch] {
            for suffix in ["", "-wal", "-shm"] {
                let mut file = file.clone().into_os_string();
                file.push(suffix);
                let _ = std::fs::remove_file(file); // as a rule it is not there
            }
        }
    };
    clear();
    let proven = async {
        let made = transfer::backup(database, &unproven, &mut |_| {}).await?;
        let url = format!("sqlite:{}", scratch.display());
        let options = store::Options::default();
        let restored = transfer::restore(&unproven, &url, options, Clock::System.now(), &mut |_| {}).await?;
        if made.tables != restored.tables {
            bail!("what was restored is not what was written");
        }
        std::fs::rename(&unproven, path)?;
        Ok(made.rows())
    };
    let proven = proven.await;
    clear();
    proven
}

impl UpgradeArgs {
    /// The folder of backups before upgrades; `beside` is where the secret key is.
    pub(crate) fn folder(&self, beside: &Path) -> Option<PathBuf> {
        match &self.upgrade_backup_to {
            Some(folder) if folder.as_os_str() == NONE => None,
            Some(folder) => Some(folder.clone()),
            None => Some(beside.parent().unwrap_or(Path::new("")).join("backups")),
        }
    }

    /// Make a backup of a database whose schema this program is about to change.
    pub(crate) async fn before_upgrade(&self, database: &str, beside: &Path) -> anyhow::Result<()> {
        let from = match store::schema_version_of(database).await {
            Ok(Some(version)) => version,
            Ok(None) => return Ok(()),
            // Opening it says more about a file that cannot be read, and changes nothing in it either.
            Err(_) if database.starts_with("sqlite:") => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if from >= store::SCHEMA_VERSION {
            return Ok(());
        }
        let to = store::SCHEMA_VERSION;
        let Some(folder) = self.folder(beside) else {
            tracing::warn!(from, to, "the database's schema is upgraded without a backup");
            return Ok(());
        };
        make_private(&folder)?;
        let path = path_in(&folder, BEFORE_UPGRADE, Clock::System.now());
        tracing::info!(from, to, path = %path.display(), "a backup is made before the database's schema is upgraded");
        transfer::backup(database, &path, &mut |_| {}).await.with_context(|| {
            format!(
                "no backup could be made in {} before the database's schema is upgraded; name another folder with \
                 --upgrade-backup-to, or none",
                folder.display()
            )
        })?;
        tracing::warn!(
            from,
            to,
            path = %path.display(),
            "the database's schema is upgraded; `tenantry admin rollback` goes back to this backup, and it may be removed when \
             the new version has proven itself"
        );
        Ok(())
    }

    /// The newest backup that was made before an upgrade.
    pub(crate) fn newest(&self, beside: &Path) -> anyhow::Result<PathBuf> {
        let folder = self
            .folder(beside)
            .context("there are no backups before upgrades: --upgrade-backup-to is none")?;
        let listed =
            listed(&folder, BEFORE_UPGRADE).with_context(|| format!("cannot read {}", folder.display()))?;
        let newest = listed.into_iter().next_back();
        let (_, path) = newest.with_context(|| {
            format!("no upgrade has made a backup in {}: there is nothing to go back to", folder.display())
        })?;
        Ok(path)
    }
}
