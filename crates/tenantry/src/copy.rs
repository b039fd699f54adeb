//! `tenantry admin copy`

use crate::progress::Bar;
use anyhow::Context;
use clap::Args;

/// Copy everything from one database into another, new one, of the same engine or the other, and compare. Stop the
/// server first: what changes meanwhile is not in the copy. The old database is left as it is. Run again, it goes on
/// where it was interrupted; run after its end, it only compares.
#[derive(Args)]
pub(crate) struct CopyArgs {
    /// The database to be read: `sqlite:PATH` or `postgres://…`
    #[arg(long, env = "TENANTRY_COPY_FROM", value_name = "URL", hide_env_values = true)]
    from: String,
    /// The database to be filled, likewise.
    #[arg(long, env = "TENANTRY_COPY_TO", value_name = "URL", hide_env_values = true)]
    to: String,
    /// Fill a database that would lose changes in a crash, of a throw-away test cluster.
    #[arg(long, env = "TENANTRY_ALLOW_UNSAFE_DATABASE", value_parser = clap::builder::BoolishValueParser::new())]
    allow_unsafe_database: bool,
    /// Copy one snapshot of a database that others have open. What they change afterwards is not in the copy.
    #[arg(long)]
    while_in_use: bool,
}

pub(crate) async fn run(args: CopyArgs) -> anyhow::Result<()> {
    if !args.while_in_use
        && let Some(user) = store::transfer::used_by(&args.from).await?
    {
        anyhow::bail!(
            "the source is in use by {user}, and what that changes from now on would not be in the copy: stop the server \
             first, or copy one snapshot of it with --while-in-use"
        );
    }
    let mut bar = Bar::new();
    let options = store::Options { allow_unsafe: args.allow_unsafe_database };
    let tally = store::transfer::copy(&args.from, &args.to, options, &mut |at| bar.show(at))
        .await
        .context("the copy is not complete")?;
    bar.end();
    for table in &tally.tables {
        println!("{:>12}  {}  {}", table.rows, &table.checksum[..16], table.table);
    }
    println!("{} rows of {} tables, the same in both databases", tally.rows(), tally.tables.len());
    Ok(())
}
