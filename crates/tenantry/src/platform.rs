//! Where the data and the secret key are; what every subcommand that touches them opens.

use anyhow::{Context, bail};
use app::{App, Clock, SecretKey};
use clap::Args;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const DEFAULT_FOLDER: &str = "data";
const KEY_FILE: &str = "secret.key";

/// Where the data is.
#[derive(Args, Clone)]
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

    pub(crate) fn options(&self) -> store::Options {
        store::Options { allow_unsafe: self.allow_unsafe_database }
    }
}

/// Where the data and the secret key are.
#[derive(Args, Clone)]
pub(crate) struct Platform {
    #[command(flatten)]
    pub(crate) database: Database,
    /// The file with the key that chains the audit trail and seals what must not be read from the database alone: 64
    /// hex digits. Made at the first start if it is not there. All servers of one database need the same
    /// [default: secret.key beside the SQLite database, data/secret.key with PostgreSQL]
    #[arg(long, env = "TENANTRY_SECRET_KEY_FILE", value_name = "FILE")]
    pub(crate) secret_key_file: Option<PathBuf>,
    /// Private ranges that directories may be reached in, such as `10.1.0.0/16,fd00::/8`; by default none.
    #[arg(long, env = "TENANTRY_ALLOW_EGRESS", value_name = "RANGES", default_value = "")]
    pub(crate) allow_egress: String,
    /// How many seconds a look-up in a directory may take, all repeating included.
    #[arg(long, env = "TENANTRY_DIRECTORY_TIMEOUT", value_name = "SECONDS", default_value = "20",
          value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) directory_timeout: u64,
}

impl Platform {
    pub(crate) async fn open(&self, clock: Clock) -> anyhow::Result<App> {
        let db = store::Db::open_with(self.database.url(), self.database.options()).await?;
        let egress = directory::Egress::parse(&self.allow_egress);
        let egress = egress.map_err(|wrong| anyhow::anyhow!("TENANTRY_ALLOW_EGRESS {wrong}"))?;
        let app = App::open(db, clock, self.secret_key()?, egress).await?;
        Ok(app.with_directory_patience(std::time::Duration::from_secs(self.directory_timeout)))
    }

    fn secret_key(&self) -> anyhow::Result<SecretKey> {
        if self.secret_key_file.is_none() && self.database.url() == "sqlite::memory:" {
            return Ok(SecretKey::generate()?);
        }
        let path = self.secret_key_file.clone().unwrap_or_else(|| {
            let database = self.database.url().strip_prefix("sqlite:").map(Path::new).and_then(Path::parent);
            database.unwrap_or(Path::new(DEFAULT_FOLDER)).join(KEY_FILE)
        });
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                SecretKey::parse(&text).map_err(|wrong| anyhow::anyhow!("{} {wrong}", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(&path),
            Err(error) => bail!("cannot read the secret key file {}: {error}", path.display()),
        }
    }
}

/// A new key in a file that only its owner can read. Whole or not at all, and never over another.
fn make(path: &Path) -> anyhow::Result<SecretKey> {
    let key = SecretKey::generate()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let draft = path.with_extension(format!("{}.draft", std::process::id()));
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        writeln!(file, "{}", key.reveal())?;
        file.sync_all()?;
        let linked = std::fs::hard_link(&draft, path);
        std::fs::remove_file(&draft)?;
        linked?;
        std::fs::File::open(folder)?.sync_all()
    };
    match written() {
        Ok(()) => Ok(key),
        // Another process made one in the same moment: that one it is.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let text = std::fs::read_to_string(path)?;
            SecretKey::parse(&text).map_err(|wrong| anyhow::anyhow!("{} {wrong}", path.display()))
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot make the secret key file {}", path.display()))
        }
    }
}
