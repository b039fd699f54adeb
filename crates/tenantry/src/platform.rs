//! Where the data and the secret key are; what every subcommand that touches them opens.

use crate::backups::UpgradeArgs;
use crate::config::secrets;
use crate::operator;
use anyhow::{Context, bail};
use app::{AnchorPlaces, App, Clock, SecretKey};
use bill_storage::Document;
use clap::Args;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const DEFAULT_FOLDER: &str = "data";
const KEY_FILE: &str = "secret.key";
/// systemd's credential with the secret key.
const CREDENTIAL: &str = "TENANTRY_SECRET_KEY";

/// Where the data is.
#[derive(Args, Clone)]
#[command(next_help_heading = "Storage")]
pub(crate) struct Database {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST[:PORT][,HOST[:PORT]…]/NAME`, of which the host that takes writes
    /// is used. `?sslmode=` disable, prefer (the default), require or verify-full, this with `&sslrootcert=FILE` for
    /// authorities of one's own [default: sqlite:data/tenantry.db]
    #[arg(long = "database", env = "TENANTRY_DATABASE", value_name = "URL", hide_env_values = true)]
    pub(crate) url: Option<String>,
    /// Work with a database that would lose acknowledged changes in a crash. For throw-away test clusters only.
    #[arg(long, env = "TENANTRY_ALLOW_UNSAFE_DATABASE", value_parser = clap::builder::BoolishValueParser::new())]
    allow_unsafe_database: bool,
}

impl Database {
    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().unwrap_or("sqlite:data/tenantry.db")
    }

    /// The database's name in messages, without a password.
    pub(crate) fn shown(&self) -> &str {
        self.url().strip_prefix("sqlite:").unwrap_or("the database")
    }

    pub(crate) fn options(&self) -> store::Options {
        store::Options { allow_unsafe: self.allow_unsafe_database }
    }
}

/// The file with the secret key.
#[derive(Args, Clone)]
#[command(next_help_heading = "Storage")]
pub(crate) struct KeyFile {
    /// The file with the key that chains the audit trail and seals what must not be read from the database alone: 64
    /// hex digits. `serve` makes it together with a new database. All servers of one database need the same
    /// [default: secret.key beside the SQLite database, data/secret.key with PostgreSQL]
    #[arg(long, env = "TENANTRY_SECRET_KEY_FILE", value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
    /// Where the audit trail's anchor is kept, which shows if the database was put back to an older state: a file outside
    /// of the database, or an object, `s3://bucket/name` or `az://container/name`, which is written once a minute. Several
    /// by commas, for one on another machine's share or in a store that only adds; `none` for none [default: the secret
    /// key's file with the extension .anchor]
    #[arg(long, env = "TENANTRY_AUDIT_ANCHOR", value_name = "PLACE", value_delimiter = ',')]
    audit_anchor: Vec<PathBuf>,
    /// Write the anchor into the log too, once a minute and at the end.
    #[arg(long, env = "TENANTRY_AUDIT_ANCHOR_LOG", value_parser = clap::builder::BoolishValueParser::new())]
    audit_anchor_log: bool,
}

impl KeyFile {
    /// Where the anchor is kept, for this database.
    fn anchors(&self, database: &Database) -> anyhow::Result<AnchorPlaces> {
        let named = match self.audit_anchor.as_slice() {
            [none] if none.as_os_str() == "none" => Vec::new(),
            several if several.iter().any(|place| place.as_os_str() == "none") => {
                bail!("--audit-anchor is either none or places, not both")
            }
            _ if self.is_in_memory(database) => Vec::new(),
            [] => vec![self.own_path(database).with_extension("anchor")],
            named => named.to_vec(),
        };
        Ok(AnchorPlaces { log: self.audit_anchor_log, ..anchor_places(&named)? })
    }

    /// Whether the key can be read, if it is there, and its anchors be where they are said to be.
    pub(crate) fn check(&self, database: &Database) -> anyhow::Result<()> {
        self.anchors(database)?;
        let path = self.path(database);
        if !path.exists() || self.is_in_memory(database) {
            return Ok(());
        }
        match read(&path) {
            // The user of the server may read it, who need not be the one who checks.
            Err(error) if is_denied(&error) => Ok(()),
            read => read.map(drop),
        }
    }

    /// Where it is, for this database.
    pub(crate) fn path(&self, database: &Database) -> PathBuf {
        match secrets::credential(CREDENTIAL).filter(|_| self.secret_key_file.is_none()) {
            Some(credential) => credential,
            None => self.own_path(database),
        }
    }

    /// Where it would be if it were no credential of systemd: what belongs beside it is there, in a folder that can be
    /// written.
    pub(crate) fn own_path(&self, database: &Database) -> PathBuf {
        self.secret_key_file.clone().unwrap_or_else(|| {
            let folder = database.url().strip_prefix("sqlite:").map(Path::new).and_then(Path::parent);
            folder.unwrap_or(Path::new(DEFAULT_FOLDER)).join(KEY_FILE)
        })
    }

    /// Whether there is no need for one: the database in memory has a key in memory.
    fn is_in_memory(&self, database: &Database) -> bool {
        self.secret_key_file.is_none() && database.url() == "sqlite::memory:"
    }
}

/// Anchors by their names: files, and URLs of objects.
pub(crate) fn anchor_places(named: &[PathBuf]) -> anyhow::Result<AnchorPlaces> {
    let mut places = AnchorPlaces::default();
    for place in named {
        match place.to_str().filter(|text| Document::is_url(text)) {
            Some(url) => places.objects.push(Document::open(url, &secrets::of_object_store()?)?),
            None => places.files.push(place.clone()),
        }
    }
    Ok(places)
}

/// Where the data and the secret key are.
#[derive(Args, Clone)]
pub(crate) struct Platform {
    #[command(flatten)]
    pub(crate) database: Database,
    #[command(flatten)]
    pub(crate) key_file: KeyFile,
    #[command(flatten)]
    pub(crate) upgrades: UpgradeArgs,
    /// Private ranges that directories may be reached in, such as `10.1.0.0/16,fd00::/8`; by default none.
    #[arg(
        long,
        help_heading = "Directories",
        env = "TENANTRY_ALLOW_EGRESS",
        value_name = "RANGES",
        default_value = ""
    )]
    pub(crate) allow_egress: String,
    /// How many seconds a look-up in a directory may take, all repeating included.
    #[arg(long, help_heading = "Directories", env = "TENANTRY_DIRECTORY_TIMEOUT", value_name = "SECONDS",
          default_value = "20",
          value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) directory_timeout: u64,
}

/// What to do where there is no database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// Refuse: only `serve` makes one.
    Refuse,
    /// Make one, with a new secret key.
    Make,
    /// Make one, also where there is a secret key already.
    MakeForKey,
}

impl Platform {
    /// Open what is there.
    pub(crate) async fn open(&self, clock: Clock) -> anyhow::Result<App> {
        app::set_operator(operator::name());
        self.open_or(clock, Absent::Refuse).await
    }

    /// Open what is there, or make it. A new database beside an existing secret key is made only where `new` says so: as a
    /// rule the database's name is mistyped, or its file has gone.
    pub(crate) async fn open_to_serve(&self, clock: Clock, new: bool) -> anyhow::Result<App> {
        self.open_or(clock, if new { Absent::MakeForKey } else { Absent::Make }).await
    }

    async fn open_or(&self, clock: Clock, absent: Absent) -> anyhow::Result<App> {
        let url = self.database.url();
        let path = self.key_file.path(&self.database);
        let in_memory = self.key_file.is_in_memory(&self.database);
        if in_memory {
            // Nothing is there, and nothing of it stays.
        } else if store::exists(url).await? {
            self.upgrades.before_upgrade(url, &self.key_file.own_path(&self.database)).await?;
        } else {
            let name = store::name_of(url)?;
            match absent {
                Absent::Refuse => bail!(
                    "there is no database of Tenantry at {name}: name the right one with --database \
                     (TENANTRY_DATABASE), or let `tenantry serve` make a new one"
                ),
                Absent::Make if path.exists() => bail!(
                    "there is a secret key, {}, but no database of Tenantry at {name}: name the right one with \
                     --database (TENANTRY_DATABASE), restore the last backup, or start with --new to have a new one \
                     made for this key",
                    path.display()
                ),
                Absent::Make | Absent::MakeForKey => {}
            }
        }
        let egress = directory::Egress::parse(&self.allow_egress);
        let egress = egress.map_err(|wrong| anyhow::anyhow!("TENANTRY_ALLOW_EGRESS {wrong}"))?;
        let db = store::Db::open_with(url, self.database.options()).await?;
        let key = if in_memory {
            SecretKey::generate()?
        } else if path.exists() {
            read(&path)?
        } else if App::has_secret_key(&db).await? {
            bail!(
                "the secret key of this database is not at {}: put the file back from where you keep its copy, or name it \
                 with --secret-key-file (TENANTRY_SECRET_KEY_FILE). No new one is made: it would open nothing",
                path.display()
            );
        } else if absent == Absent::Refuse {
            bail!("there is no secret key at {}; `tenantry serve` makes it", path.display());
        } else {
            make(&path)?
        };
        let app = App::open(db, clock, key, egress).await?;
        let app = app.with_anchor(self.key_file.anchors(&self.database)?);
        Ok(app.with_directory_patience(std::time::Duration::from_secs(self.directory_timeout)))
    }
}

/// What keeps the server from using a secret key file; an answer that others on the machine may be able to read it.
///
/// The rule is PostgreSQL's for its private key: 0600 at most, or 0640 where root owns the file, as container platforms
/// mount it.
pub(crate) fn exposed(path: &Path) -> std::io::Result<Option<String>> {
    let about = std::fs::metadata(path)?;
    let (mode, allowed) = (about.mode() & 0o777, if about.uid() == 0 { 0o640 } else { 0o600 });
    if mode & !allowed == 0 {
        return Ok(None);
    }
    let path = path.display();
    Ok(Some(format!(
        "{path} has mode {mode:04o}, so others on this machine may read or change it: chmod {allowed:o} {path}"
    )))
}

fn is_denied(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::PermissionDenied)
}

fn read(path: &Path) -> anyhow::Result<SecretKey> {
    let unreadable = || format!("cannot read the secret key file {}", path.display());
    if let Some(exposed) = exposed(path).with_context(unreadable)? {
        bail!("the secret key file {exposed}");
    }
    let text = std::fs::read_to_string(path).with_context(unreadable)?;
    SecretKey::parse(&text).map_err(|wrong| anyhow::anyhow!("{} {wrong}", path.display()))
}

/// A new key in a file that only its owner can read. Whole or not at all, and never over another.
fn make(path: &Path) -> anyhow::Result<SecretKey> {
    let key = SecretKey::generate()?;
    match write_private(path, &key.reveal()) {
        Ok(()) => Ok(key),
        // Another process made one in the same moment: that one it is.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => read(path),
        Err(error) => {
            bail!(store::describe_path_error("cannot make the secret key file", path, &error))
        }
    }
}

/// Write a line into a new file that only its owner can read: whole or not at all, and never over another.
pub(crate) fn write_private(path: &Path, line: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = writeln!(file, "{line}").and_then(|()| file.sync_all());
    let linked = written.and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    linked?;
    std::fs::File::open(folder)?.sync_all()
}
