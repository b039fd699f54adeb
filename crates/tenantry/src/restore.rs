//! `tenantry restore`

use crate::platform::Database;
use crate::progress::Bar;
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

/// Put everything that a backup holds into a new, empty database of either engine. Run again, it goes on where it was
/// interrupted. Ids go on behind a gap, so that none that was given after the backup was made is given again.
#[derive(Args)]
pub(crate) struct RestoreArgs {
    /// A file that `tenantry backup` made.
    file: PathBuf,
    #[command(flatten)]
    database: Database,
}

pub(crate) async fn run(args: RestoreArgs) -> anyhow::Result<()> {
    let mut bar = Bar::new();
    let (url, options) = (args.database.url(), args.database.options());
    let tally = store::transfer::restore(&args.file, url, options, &mut |at| bar.show(at))
        .await
        .context("the backup was not restored")?;
    bar.end();
    println!(
        "{} rows of {} tables, verified\nThe server needs the secret key file that the backed-up one had.\n\
         What was changed after the backup was made is lost. Ids go on {} behind the last in the backup, so that none \
         that was given since then is given again: an id that other systems know and this server does not is one of \
         something lost.",
        tally.rows(),
        tally.tables.len(),
        store::transfer::GAP_AFTER_RESTORE,
    );
    Ok(())
}
