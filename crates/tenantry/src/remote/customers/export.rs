//! `tenantry customers export`

use super::{Filter, VIEW};
use crate::output;
use crate::remote::args::{ListArgs, OutputArgs, ServerArgs};
use crate::remote::cells::{at, text};
use crate::remote::exit::examples;
use crate::remote::show;
use anyhow::Context;
use clap::Args;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Write customers into a file that `tenantry customers import` takes: CSV, or JSON lines if it is called .jsonl.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry customers export customers.csv",
    "tenantry customers export emea.jsonl --tag region=emea",
    "tenantry customers export - | gzip > customers.csv.gz",
))]
pub(crate) struct Export {
    /// The file; it is there whole or not at all. - is standard output.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Write JSON lines whatever the file is called.
    #[arg(long)]
    jsonl: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: Export) -> anyhow::Result<()> {
    let is_jsonl = args.jsonl || args.file.extension().is_some_and(|end| end == "jsonl" || end == "ndjson");
    let client = args.server.connect()?;
    let mut pages = client.pages(&args.filter.path(), "customers");
    if args.file == Path::new("-") {
        if !is_jsonl {
            let output = OutputArgs { csv: true, ..OutputArgs::default() };
            return show::list(pages, &output, &ListArgs::default(), &VIEW).await;
        }
        while let (false, Some(page)) = (output::reader_has_gone(), pages.next().await?) {
            page.iter().for_each(|customer| println!("{customer}"));
        }
        return Ok(());
    }
    let unwritable = || format!("cannot write {}", args.file.display());
    let mut draft = args.file.as_os_str().to_owned();
    draft.push(".part");
    let mut writer = BufWriter::new(File::create(&draft).with_context(unwritable)?);
    let mut count = 0;
    if !is_jsonl {
        let titles = show::row(VIEW.fields.iter().map(|field| (*field).to_owned()));
        writer.write_all(titles.as_bytes()).with_context(unwritable)?;
    }
    while let Some(page) = pages.next().await? {
        for customer in &page {
            let line = match is_jsonl {
                true => format!("{customer}\n"),
                false => show::row(VIEW.fields.iter().map(|field| text(at(customer, field)))),
            };
            writer.write_all(line.as_bytes()).with_context(unwritable)?;
        }
        count += page.len();
    }
    writer.flush().and_then(|()| writer.get_ref().sync_all()).with_context(unwritable)?;
    std::fs::rename(&draft, &args.file).with_context(unwritable)?;
    println!("{}: {count} customers", args.file.display());
    Ok(())
}
