//! `tenantry admin backup`

use crate::platform::Database;
use crate::progress::Bar;
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

/// Write everything that the database holds into one new file, while it serves. The file is read again and compared
/// before it gets its name.
#[derive(Args)]
pub(crate) struct BackupArgs {
    /// The file; it must not be there yet.
    file: PathBuf,
    #[command(flatten)]
    database: Database,
}

pub(crate) async fn run(args: BackupArgs) -> anyhow::Result<()> {
    let mut bar = Bar::new();
    let tally = store::transfer::backup(args.database.url(), &args.file, &mut |at| bar.show(at))
        .await
        .context("no backup was made")?;
    bar.end();
    let size = std::fs::metadata(&args.file)?.len();
    println!(
        "{}: {} rows of {} tables, {size} bytes, verified\nThe secret key file is not in it: keep a copy of that too.",
        args.file.display(),
        tally.rows(),
        tally.tables.len(),
    );
    Ok(())
}
