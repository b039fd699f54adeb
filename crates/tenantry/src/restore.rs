//! `tenantry admin restore`

use crate::platform::Platform;
use crate::progress::Bar;
use anyhow::Context;
use app::Clock;
use clap::Args;
use std::path::PathBuf;

/// Put everything that a backup holds into a new, empty database of either engine. Run again, it goes on where it was
/// interrupted. Ids and statement numbers go on behind a gap, so that none that was given after the backup was made is given again. With the secret
/// key's file at its place it also says what the audit trail's anchor knows that the backup does not. The anchor is left as it
/// is, for it may be that of a running server: `tenantry admin audit accept` lets it start again.
#[derive(Args)]
pub(crate) struct RestoreArgs {
    /// A file that `tenantry admin backup` made.
    file: PathBuf,
    #[command(flatten)]
    platform: Platform,
}

pub(crate) async fn run(args: RestoreArgs) -> anyhow::Result<()> {
    let mut bar = Bar::new();
    let database = &args.platform.database;
    let (url, options) = (database.url(), database.options());
    let tally =
        store::transfer::restore(&args.file, url, options, Clock::System.now(), &mut |at| bar.show(at))
            .await
            .context("the backup was not restored")?;
    bar.end();
    println!(
        "{} rows of {} tables, verified\n\
         What was changed after the backup was made is lost. Ids go on {} behind the last in the backup, so that none \
         that was given since then is given again: an id that other systems know and this server does not is one of \
         something lost. So do the numbers of this year's statements, by {}: say in your books why some are missing.",
        tally.rows(),
        tally.tables.len(),
        store::transfer::GAP_AFTER_RESTORE,
        store::statement_numbers::GAP_AFTER_RESTORE,
    );
    if !args.platform.key_file.path(database).exists() {
        println!("The server needs the secret key file that the backed-up one had.");
        return Ok(());
    }
    let app =
        args.platform.open(Clock::System).await.context("restored, but the anchor was not looked at")?;
    let verdicts = app.verify_anchors(None).await;
    app.close().await;
    let verdicts = verdicts.context("restored, but the anchor was not looked at")?;
    // A place without an anchor has no time.
    let known = verdicts.iter().filter(|verdict| !verdict.at.is_empty());
    let lost: Vec<&String> = known.flat_map(|verdict| &verdict.problems).collect();
    if !lost.is_empty() {
        let file = args.file.file_name().unwrap_or_default().to_string_lossy();
        println!("Compared with the audit trail's anchor, this backup is without:");
        lost.iter().for_each(|lost| println!("  {lost}"));
        println!(
            "The anchor was left as it is. If this database takes the place of the one before, let it start again from here, \
             with the same --database and --secret-key-file:\n  \
             tenantry admin audit accept --reason 'restored from the backup {file}'"
        );
    }
    Ok(())
}
