//! `tenantry doctor`

use crate::platform::Database;
use anyhow::bail;
use app::Clock;
use clap::Args;
use serde_json::json;
use store::doctor::{Check, Verdict};

/// Look at the database and its settings; say what is wrong and what to do. Changes nothing. Exit status 1 if there is
/// a problem.
#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: Database,
}

pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<()> {
    let checks = store::doctor::examine(args.database.url(), &|| Clock::System.now()).await;
    let problems = checks.iter().filter(|check| check.verdict == Verdict::Problem).count();
    if args.json {
        let list: Vec<_> = checks
            .iter()
            .map(|c| json!({"check": c.name, "verdict": c.verdict.as_str(), "found": c.found, "advice": c.advice}))
            .collect();
        println!("{:#}", json!({"fine": problems == 0, "checks": list}));
    } else {
        checks.iter().for_each(print);
    }
    match problems {
        0 => Ok(()),
        1 => bail!("there is a problem"),
        many => bail!("there are {many} problems"),
    }
}

fn print(check: &Check) {
    println!("{:<8} {:<20} {}", check.verdict.as_str(), check.name, check.found);
    if !check.advice.is_empty() {
        println!("{:<29} -> {}", "", check.advice);
    }
}
